/* test-inputs.c: rows that are no attention, and what lies beside them, in every storage. */
#include "loader-fixture.h"

#include <string.h>
#include <unistd.h>

enum { S = 3, B = 2, H = 4, HKV = 2, T = 6, D = 5 };

typedef struct {
    const char *path;
    int rank;
    hsize_t dims[5], chunk[5]; /* chunk[0] == 0: contiguous */
    gboolean deflate, integer;
} Spec;

/* Another number for every element of every dataset, exact in f16. */
static float
value_of(const char *path, gsize i)
{
    return (float)((i * 7 + strlen(path) * 13) % 1021) / 8;
}

static void
put(hid_t file, const Spec *spec)
{
    g_auto(EntroHid) space = H5Screate_simple(spec->rank, spec->dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);
    gsize n = 1;

    for (int axis = 0; axis < spec->rank; axis++)
        n *= spec->dims[axis];
    g_autofree float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = spec->integer ? (float)(i / 2) : value_of(spec->path, i);
    H5Pset_create_intermediate_group(links, 1);
    if (spec->chunk[0] > 0)
        H5Pset_chunk(properties, spec->rank, spec->chunk);
    if (spec->deflate) {
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 4);
        H5Pset_fletcher32(properties);
    }
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, spec->path, spec->integer ? H5T_STD_I16BE : H5T_IEEE_F32LE, space, links,
                   properties, H5P_DEFAULT);
    g_assert_cmpint(dataset, >=, 0);
    g_assert_cmpint(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), >=,
                    0);
}

static const char *
make(const Spec *specs, guint n)
{
    const char *path = fixture_path("inputs.h5");
    g_auto(EntroHid) file = fixture_create(path, FALSE);

    fixture_steps(file, NULL, S);
    for (guint i = 0; i < n; i++)
        put(file, &specs[i]);
    return path;
}

static EntroSource *
open_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    return source;
}

/* Every row and what lies beside its head; returns how many rows there were. */
static gsize
check_tile(EntroTileRows *rows, EntroTile *tile, const EntroLayer *layer, const char *name,
           const char *beside)
{
    gsize size = layer->row_size, n = 0;
    gboolean is_keys = layer->input == ENTRO_INPUT_QUERIES;
    float scratch[64] __attribute__((aligned(64))), other[256];

    for (gsize c = 0; c < tile->n_captures; c++)
        for (gsize b = 0; b < tile->n_samples; b++)
            for (guint h = 0; h < tile->n_heads; h++) {
                gsize sample = (tile->capture + c) * B + tile->sample + b, head = tile->head + h;
                g_assert_true(entro_tile_rows_read_beside(rows, tile, c, b, h, other));
                for (gsize i = 0; i < (is_keys ? T * D : tile->n_queries); i++)
                    g_assert_cmpfloat(other[i], ==,
                                      value_of(beside,
                                               is_keys
                                                   ? (sample * HKV + head * HKV / H) * T * D + i
                                                   : (sample * H + head) * T + tile->query + i));
                for (gsize q = 0; q < tile->n_queries; q++, n++) {
                    const float *row = entro_tile_rows_get(rows, c, b, h, q, scratch);
                    for (gsize i = 0; i < size; i++)
                        g_assert_cmpfloat(
                            row[i], ==,
                            value_of(name, ((sample * H + head) * T + tile->query + q) * size + i));
                }
            }
    return n;
}

static void
check_walk(const Spec *specs, EntroInput input)
{
    g_autoptr(EntroSource) source = open_file(make(specs, 2));
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    gboolean end = FALSE;
    gsize n = 0;

    g_assert_cmpint(trace->layers[0].input, ==, input);
    g_assert_cmpuint(trace->layers[0].n_keys, ==, T);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        g_assert_true(entro_tile_rows_read(rows, tile));
        n += check_tile(rows, tile, &trace->layers[0], specs[0].path, specs[1].path);
    }
    g_assert_cmpuint(n, ==, S * B * H * T);
}

static void
rows_and_what_lies_beside(void)
{
    static const hsize_t chunks[][5] = {
        {0},
        {1, 1, 1, T, D},
        {1, 1, 2, T, D},
        {2, 2, 2, 4, 3},
        {3, 1, 2, 1, D},
        {1, 2, 1, 5, 1},
        {S, B, 2, T, D},
    };

    for (guint i = 0; i < G_N_ELEMENTS(chunks) * G_N_ELEMENTS(chunks); i++) {
        Spec queries[] = {{"/layers/0/queries", 5, {S, B, H, T, D}, {0}, i % 2, FALSE},
                          {"/layers/0/keys", 5, {S, B, HKV, T, D}, {0}, i % 3 == 0, FALSE}};
        Spec entropies[] = {{"/layers/0/row_entropy", 4, {S, B, H, T}, {0}, i % 2, FALSE},
                            {"/layers/0/row_max_logit", 4, {S, B, H, T}, {0}, i % 3 == 0, FALSE}};
        for (guint part = 0; part < 2; part++) {
            const hsize_t *chunk =
                chunks[part ? i / G_N_ELEMENTS(chunks) : i % G_N_ELEMENTS(chunks)];
            memcpy(queries[part].chunk, chunk, sizeof queries[part].chunk);
            memcpy(entropies[part].chunk, chunk, sizeof entropies[part].chunk);
            queries[part].deflate = queries[part].deflate && chunk[0] > 0;
            entropies[part].deflate = queries[part].deflate;
        }
        check_walk(queries, ENTRO_INPUT_QUERIES);
        check_walk(entropies, ENTRO_INPUT_ROW_ENTROPY);
    }
}

/* Of any integer type: pairs of keys are a document here. */
static void
documents_of_a_tile(void)
{
    const Spec specs[] = {{"/layers/0/row_entropy", 4, {S, B, H, T}, {0}, FALSE, FALSE},
                          {"/segment", 3, {S, B, T}, {1, 2, 4}, TRUE, TRUE}};
    g_autoptr(EntroSource) source = open_file(make(specs, 2));
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    gboolean end = FALSE;

    while (entro_source_next(source, tile, &end, NULL) && !end)
        for (gsize b = 0; b < tile->n_samples; b++)
            for (gsize key = 0; key < T; key++)
                g_assert_cmpint(entro_tile_segment(tile, 0, b)[key], ==,
                                (gint64)(((tile->capture * B + tile->sample + b) * T + key) / 2));
}

static const char *
make_sampled(const gint64 rows[3])
{
    const Spec entropies = {"/layers/0/row_entropy", 4, {S, B, H, 3}, {0}, FALSE, FALSE};
    const char *path = fixture_path("positions.h5");
    g_auto(EntroHid) file = fixture_create(path, FALSE);
    hsize_t n = 3;
    g_auto(EntroHid) space = H5Screate_simple(1, &n, NULL);

    fixture_steps(file, NULL, S);
    put(file, &entropies);
    g_auto(EntroHid) dataset = H5Dcreate2(file, "/layers/0/query_rows", H5T_STD_I32BE, space,
                                          H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    g_auto(EntroHid) group = H5Oopen(file, "/layers/0", H5P_DEFAULT);
    fixture_integer(group, "n_keys", 9);
    fixture_integer(group, "window", 3);
    return path;
}

static void
positions_of_rows(void)
{
    const gint64 good[] = {1, 4, 8}, late[] = {1, 4, 9}, back[] = {4, 1, 8};
    g_autoptr(EntroSource) source = open_file(make_sampled(good));
    const EntroLayer *layer = &entro_source_get_trace(source)->layers[0];

    g_assert_cmpuint(layer->n_keys, ==, 9);
    g_assert_cmpuint(layer->window, ==, 3);
    for (gsize i = 0; i < 3; i++)
        g_assert_cmpint(entro_layer_position(layer, i), ==, good[i]);
    fixture_expect_refusal(make_sampled(late), NULL, ENTRO_LOADER_ERROR_SHAPE,
                           "/layers/0/query_rows", "entry 2 is 9", NULL);
    fixture_expect_refusal(make_sampled(back), NULL, ENTRO_LOADER_ERROR_SHAPE,
                           "/layers/0/query_rows", "ascending", NULL);
}

static gsize
memory_of(const Spec *specs, guint n)
{
    g_autoptr(EntroSource) source = open_file(make(specs, n));

    return entro_tile_rows_get_memory(source);
}

/* What a worker has serves all layers, be the largest the first or the last. */
static void
memory_is_that_of_the_largest_layer(void)
{
    const Spec specs[] = {{"/layers/0/queries", 5, {S, B, H, T, D}, {1, 1, 1, T, D}, TRUE, FALSE},
                          {"/layers/0/keys", 5, {S, B, HKV, T, D}, {1, 1, 1, T, D}, TRUE, FALSE},
                          {"/layers/1/queries", 5, {S, B, H, T, 2}, {1, 1, 1, T, 1}, TRUE, FALSE},
                          {"/layers/1/keys", 5, {S, B, HKV, T, 2}, {1, 1, 1, T, 1}, TRUE, FALSE},
                          {"/layers/2/queries", 5, {S, B, H, T, D}, {1, 1, 1, T, D}, TRUE, FALSE},
                          {"/layers/2/keys", 5, {S, B, HKV, T, D}, {1, 1, 1, T, D}, TRUE, FALSE}};
    const gsize most = memory_of(specs, 2);

    g_assert_cmpuint(memory_of(specs + 2, 2), <, most);
    g_assert_cmpuint(memory_of(specs, 4), ==, most);
    g_assert_cmpuint(memory_of(specs + 2, 4), ==, most);
}

static void
what_a_trace_says_it_holds(void)
{
    const Spec specs[] = {{"/layers/0/row_entropy", 4, {S, B, H, T}, {0}, FALSE, FALSE},
                          {"/layers/1/queries", 5, {S, B, H, T, D}, {0}, FALSE, FALSE},
                          {"/layers/1/keys", 5, {S, B, HKV, T, D}, {0}, FALSE, FALSE},
                          {"/layers/1/row_entropy", 4, {S, B, H, T}, {0}, FALSE, FALSE}};
    g_autoptr(EntroSource) source = open_file(make(specs, 4));
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autofree char *input = entro_trace_input(trace);

    g_assert_cmpstr(input, ==, "row_entropy, queries");
    g_assert_cmpfloat_with_epsilon(trace->layers[1].scale, 1 / sqrt(D), 1e-15);
    g_assert_cmpint(entro_layer_position(&trace->layers[1], 2), ==, 2);
}

/* ---- what lies beside is spoiled ------------------------------------------------------------------ */

typedef struct {
    const char *name;
    gboolean chunked, deflate;
    enum { NEVER, CUT, FLIP, MASK } how;
    int status;        /* of the tiles of the last capture; -1: the walk is refused */
    gboolean late;     /* found out when it is read, not when it is looked up */
    const char *words; /* of their problem */
} Spoiled;

static const Spoiled spoiled[] = {
    {"never-written", FALSE, FALSE, NEVER, ENTRO_TILE_MISSING, FALSE, "was never written"},
    {"never-written-chunks", TRUE, FALSE, NEVER, ENTRO_TILE_MISSING, FALSE, "was never written"},
    {"cut", FALSE, FALSE, CUT, ENTRO_TILE_DAMAGED, TRUE, "beyond the end"},
    {"cut-chunks", TRUE, FALSE, CUT, ENTRO_TILE_DAMAGED, TRUE, "beyond the end"},
    {"flipped", TRUE, TRUE, FLIP, ENTRO_TILE_DAMAGED, TRUE, "fails its checksum"},
    {"filter-left-out", TRUE, TRUE, MASK, -1, FALSE, "a filter left out"},
};

/* The keys, the last in the file, whose chunks are a capture each. */
static void
put_keys(hid_t file, const Spoiled *how)
{
    Spec keys = {"/layers/0/keys", 5, {S, B, HKV, T, D}, {0}, how->deflate, FALSE};
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_auto(EntroHid) space = H5Screate_simple(5, keys.dims, NULL);

    if (how->chunked)
        memcpy(keys.chunk, (hsize_t[]){1, B, HKV, T, D}, sizeof keys.chunk);
    if (how->how != NEVER) {
        put(file, &keys);
        return;
    }
    if (how->chunked)
        H5Pset_chunk(properties, 5, keys.chunk);
    H5Dclose(
        H5Dcreate2(file, keys.path, H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
}

/* The keys of the last capture. */
static void
spoil_keys(const char *path, const Spoiled *how)
{
    const hsize_t corner[5] = {S - 1, 0, 0, 0, 0};
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "/layers/0/keys", H5P_DEFAULT);
    guint8 bytes[4096] = {0};
    guint32 mask = 0;
    hsize_t n = 0;

    if (how->how == FLIP || how->how == MASK) {
        g_assert_cmpint(H5Dget_chunk_storage_size(dataset, corner, &n), >=, 0);
        g_assert_cmpuint(n, <=, sizeof bytes);
        g_assert_cmpint(H5Dread_chunk(dataset, H5P_DEFAULT, corner, &mask, bytes), >=, 0);
        bytes[n / 2] ^= how->how == FLIP;
        n -= how->how == MASK; /* of the same size, HDF5 leaves the old mask in the index */
        g_assert_cmpint(H5Dwrite_chunk(dataset, H5P_DEFAULT, how->how == MASK ? 2 : 0, corner, n,
                                       bytes),
                        >=, 0);
    }
    H5Dclose(dataset);
    H5Fclose(file);
}

/* The file ends inside the last keys; the mark of its end is not looked at again. */
static void
cut_file(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize n;

    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_assert_cmpint(truncate(path, (off_t)n - 100), ==, 0);
}

static void
check_spoiled(EntroTileRows *rows, EntroTile *tile, const Spoiled *how)
{
    float keys[T * D];
    gboolean good = TRUE;

    if (how->how == NEVER ? TRUE : tile->capture == S - 1) {
        g_assert_cmpint(tile->status, ==, how->late ? ENTRO_TILE_OK : how->status);
        if (how->late) {
            g_assert_true(entro_tile_rows_read(rows, tile));
            for (guint head = 0; good && head < tile->n_heads; head++)
                good = entro_tile_rows_read_beside(rows, tile, 0, tile->n_samples - 1, head, keys);
            if (good) /* the other key head, which is whole */
                return;
        }
        g_assert_cmpint(tile->status, ==, how->status);
        g_assert_nonnull(strstr(tile->problem, how->words));
        g_assert_nonnull(strstr(tile->problem, "/layers/0/keys"));
        return;
    }
    g_assert_true(entro_tile_rows_read(rows, tile));
    g_assert_true(entro_tile_rows_read_beside(rows, tile, 0, 0, 0, keys));
}

static void
what_lies_beside_is_spoiled(gconstpointer data)
{
    const Spoiled *how = data;
    const Spec queries = {"/layers/0/queries", 5, {S, B, H, T, D}, {0}, FALSE, FALSE};
    const char *path = fixture_path("spoiled.h5");
    g_autoptr(GError) error = NULL;
    hid_t file = fixture_create(path, FALSE);
    gboolean end = FALSE;

    fixture_steps(file, NULL, S);
    put(file, &queries);
    put_keys(file, how);
    H5Fclose(file);
    spoil_keys(path, how);
    g_autoptr(EntroSource) source = open_file(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    if (how->how == CUT)
        cut_file(path);
    while (entro_source_next(source, tile, &end, &error) && !end)
        check_spoiled(rows, tile, how);
    g_assert_cmpint(end, ==, how->status != -1);
    if (how->status != -1)
        return;
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY);
    g_assert_nonnull(strstr(error->message, how->words));
}

/* A tile whose mask is lost is asked neither for its documents nor for what lies beside it. */
static void
a_mask_that_is_lost(void)
{
    const Spec queries[] = {{"/layers/0/queries", 5, {S, B, H, T, D}, {0}, FALSE, FALSE},
                            {"/layers/0/keys", 5, {S, B, HKV, T, D}, {0}, FALSE, FALSE},
                            {"/segment", 3, {S, B, T}, {0}, FALSE, TRUE}};
    const hsize_t dims[3] = {S, B, T};
    const char *path = make(queries, 3);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t space = H5Screate_simple(3, dims, NULL);
    gboolean end = FALSE;

    H5Dclose(H5Dcreate2(file, "key_mask", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT)); /* never written */
    H5Sclose(space);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_file(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        g_assert_cmpint(tile->status, ==, ENTRO_TILE_MISSING);
        g_assert_nonnull(strstr(tile->problem, "/key_mask"));
        g_assert_nonnull(strstr(tile->problem, "was never written"));
    }
    entro_tile_free(NULL);
    entro_tile_rows_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/inputs/rows-and-what-lies-beside", rows_and_what_lies_beside);
    g_test_add_func("/inputs/documents-of-a-tile", documents_of_a_tile);
    g_test_add_func("/inputs/positions-of-rows", positions_of_rows);
    g_test_add_func("/inputs/memory-is-that-of-the-largest-layer",
                    memory_is_that_of_the_largest_layer);
    g_test_add_func("/inputs/what-a-trace-says-it-holds", what_a_trace_says_it_holds);
    for (guint i = 0; i < G_N_ELEMENTS(spoiled); i++) {
        g_autofree char *path = g_strdup_printf("/inputs/beside/%s", spoiled[i].name);
        g_test_add_data_func(path, &spoiled[i], what_lies_beside_is_spoiled);
    }
    g_test_add_func("/inputs/a-mask-that-is-lost", a_mask_that_is_lost);
    int status = g_test_run();
    fixture_done();
    return status;
}
