/* test-source.c: every way in which attention may lie in a file gives the same rows. */
#include "loader-fixture.h"

#include <string.h>

static EntroSource *
open_well(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    return source;
}

/* ---- the matrix of types, layouts and filters ------------------------------------------------------- */

typedef struct {
    const char *name;
    hsize_t dims[5], chunk[5];
} Shape;

static const Shape shapes[] = {
    {"contiguous", {3, 2, 3, 5, 7}, {0}},
    {"contiguous-one-row", {3, 1, 1, 1, 1}, {0}},
    {"whole-captures", {3, 2, 3, 5, 7}, {1, 2, 3, 5, 7}},
    {"our-writer", {3, 2, 4, 8, 8}, {1, 1, 2, 8, 8}},
    {"edge-chunks", {3, 3, 3, 5, 7}, {1, 2, 2, 3, 7}},
    {"edge-everywhere", {5, 3, 5, 7, 9}, {2, 2, 2, 4, 4}},
    {"several-captures", {7, 2, 3, 5, 7}, {3, 1, 3, 5, 7}},
    {"split-queries", {2, 2, 2, 6, 9}, {1, 1, 1, 4, 9}},
    {"split-keys", {2, 2, 2, 5, 9}, {1, 1, 2, 5, 4}},
    {"split-both", {3, 2, 2, 9, 11}, {2, 1, 2, 4, 5}},
    {"one-element", {2, 1, 2, 3, 4}, {1, 1, 1, 1, 1}},
    {"one-row", {2, 2, 2, 5, 7}, {1, 1, 1, 1, 7}},
    {"one-column", {2, 2, 2, 5, 7}, {1, 1, 1, 5, 1}},
    {"fewer-queries", {3, 2, 2, 3, 8}, {1, 1, 2, 2, 8}},
    {"one-token", {4, 3, 2, 1, 1}, {1, 1, 1, 1, 1}},
    {"wide-samples", {2, 5, 2, 3, 3}, {1, 3, 1, 3, 3}},
};

typedef struct {
    EntroElement element;
    gboolean as_uint16;
} Type;

static const Type types[] = {
    {ENTRO_F16, FALSE}, {ENTRO_BF16, FALSE}, {ENTRO_BF16, TRUE},
    {ENTRO_F32, FALSE}, {ENTRO_F64, FALSE},
};

static void
test_shape(gconstpointer data)
{
    const Shape *shape = data;
    const char *const filters[] = {"", "f", "sd", "sdf", "dsf"};
    guint n_filters = shape->chunk[0] > 0 ? G_N_ELEMENTS(filters) : 1;

    for (guint type = 0; type < G_N_ELEMENTS(types); type++)
        for (guint filter = 0; filter < n_filters; filter++)
            for (gboolean big = FALSE; big <= TRUE; big++) {
                LayerSpec spec = {.element = types[type].element,
                                  .as_uint16 = types[type].as_uint16,
                                  .big_endian = big,
                                  .filters = filters[filter]};
                const char *path = fixture_path("shape.h5");
                memcpy(spec.dims, shape->dims, sizeof spec.dims);
                memcpy(spec.chunk, shape->chunk, sizeof spec.chunk);
                fixture_trace(path, &spec, 1, (type + filter) % 2);
                fixture_check_file(path, &spec, 1);
            }
}

/* ---- layers that differ -------------------------------------------------------------------------------- */

static const LayerSpec hybrid[] = {
    {.index = 0,
     .element = ENTRO_F32,
     .dims = {6, 2, 4, 5, 5},
     .chunk = {4, 1, 2, 5, 5},
     .filters = "sdf"},
    {.index = 3, .element = ENTRO_F16, .dims = {6, 2, 1, 5, 5}},
    {.index = 7, .element = ENTRO_BF16, .dims = {6, 2, 7, 5, 5}, .chunk = {1, 2, 3, 2, 3}},
    {.index = 11,
     .element = ENTRO_F64,
     .dims = {6, 2, 2, 5, 5},
     .chunk = {6, 2, 2, 5, 5},
     .filters = "f",
     .big_endian = TRUE},
    /* one chunk a tile, which a selection may begin in the middle of */
    {.index = 13,
     .element = ENTRO_F32,
     .dims = {6, 2, 3, 5, 5},
     .chunk = {4, 2, 3, 5, 5},
     .filters = "f"},
};

static void
test_layers_of_every_kind_together(void)
{
    const char *path = fixture_path("hybrid.h5");

    fixture_trace(path, hybrid, G_N_ELEMENTS(hybrid), FALSE);
    fixture_check_file(path, hybrid, G_N_ELEMENTS(hybrid));
}

/* Every subset of six captures, with chunks of 4, 1 and 6 captures, some of them a tile of their own. */
static void
test_every_selection_is_covered_once(void)
{
    g_autoptr(GError) error = NULL;
    const char *path = fixture_path("hybrid.h5");

    fixture_trace(path, hybrid, G_N_ELEMENTS(hybrid), FALSE);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(entro_source_get_group_max(source), ==, 6);
    for (guint set = 1; set < 64; set++) {
        gsize selected[6], n = 0;
        for (gsize capture = 0; capture < 6; capture++)
            if (set >> capture & 1)
                selected[n++] = capture;
        fixture_check_walk(source, hybrid, G_N_ELEMENTS(hybrid), selected, n);
    }
}

static void
test_an_empty_selection_ends_at_once(void)
{
    const char *path = fixture_path("hybrid.h5");
    gsize none = 0;
    gboolean end = FALSE;

    fixture_trace(path, hybrid, G_N_ELEMENTS(hybrid), FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    entro_source_select(source, &none, 0);
    g_assert_true(entro_source_next(source, tile, &end, NULL));
    g_assert_true(end);
    entro_source_select(source, NULL, 0);
    fixture_check_walk(source, hybrid, G_N_ELEMENTS(hybrid), NULL, 0);
}

static void
test_peek_leaves_the_walk_where_it_is(void)
{
    const char *path = fixture_path("hybrid.h5");
    float scratch[5];
    gboolean end = FALSE;
    guint n = 0;

    fixture_trace(path, hybrid, G_N_ELEMENTS(hybrid), FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTile) peeked = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    g_autoptr(GPtrArray) walked = g_ptr_array_new_with_free_func(g_free);
    while (entro_source_next(source, tile, &end, NULL) && !end)
        g_ptr_array_add(walked,
                        g_strdup_printf("%u %zu %zu %u %zu %d", tile->layer, tile->capture,
                                        tile->sample, tile->head, tile->query, tile->ends_layer));
    entro_source_select(source, NULL, 0);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        g_autofree char *here =
            g_strdup_printf("%u %zu %zu %u %zu %d", tile->layer, tile->capture, tile->sample,
                            tile->head, tile->query, tile->ends_layer);
        guint layer = n % G_N_ELEMENTS(hybrid);
        gsize capture = n % 6;
        g_assert_cmpstr(here, ==, walked->pdata[n++]);
        g_assert_true(entro_source_peek(source, peeked, layer, capture, NULL));
        g_assert_true(entro_tile_rows_read(rows, peeked));
        g_assert_cmpuint(peeked->capture, ==, capture);
        g_assert_cmpuint(peeked->n_captures, ==, 1);
        const float *row = entro_tile_rows_get(rows, 0, 0, 0, 0, scratch);
        for (gsize key = 0; key < 5; key++)
            g_assert_cmpfloat(row[key], ==,
                              fixture_weight(hybrid[layer].index, capture, 0, 0, 0, key));
    }
    g_assert_cmpuint(n, ==, walked->len);
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

static void
test_many_tiny_chunks_are_read_in_few_tiles(void)
{
    LayerSpec spec = {.element = ENTRO_F32,
                      .dims = {2, 2, 8, 32, 32},
                      .chunk = {1, 1, 1, 4, 32},
                      .filters = "f"};
    const char *path = fixture_path("tiny.h5");

    fixture_trace(path, &spec, 1, FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, NULL), <=, 4);
    fixture_check_walk(source, &spec, 1, NULL, 0);
}

static void
test_tiles_of_large_heads_are_cut_along_chunks(void)
{
    LayerSpec spec = {.element = ENTRO_F16,
                      .dims = {1, 1, 3, 300, 600},
                      .chunk = {1, 1, 2, 77, 600},
                      .filters = "sf"};
    LayerSpec plain = {.element = ENTRO_F64, .dims = {1, 2, 3, 190, 400}};

    fixture_trace(fixture_path("large.h5"), &spec, 1, FALSE);
    fixture_check_file(fixture_path("large.h5"), &spec, 1);
    fixture_trace(fixture_path("large.h5"), &plain, 1, FALSE);
    fixture_check_file(fixture_path("large.h5"), &plain, 1);
}

static void
test_memory_of_a_tile_does_not_grow_with_the_file(void)
{
    gsize memory[2];

    for (guint i = 0; i < 2; i++) {
        LayerSpec spec = {.element = ENTRO_F32,
                          .dims = {i ? 40 : 2, 4, 4, 32, 32},
                          .chunk = {1, 1, 4, 32, 32},
                          .filters = "sdf"};
        fixture_trace(fixture_path("memory.h5"), &spec, 1, FALSE);
        g_autoptr(EntroSource) source = open_well(fixture_path("memory.h5"));
        memory[i] = entro_tile_rows_get_memory(source);
    }
    g_assert_cmpuint(memory[0], ==, memory[1]);
}

static void
test_group_is_bounded_however_many_captures_a_chunk_holds(void)
{
    LayerSpec tall = {.element = ENTRO_F16,
                      .dims = {700, 64, 8, 4, 4},
                      .chunk = {700, 64, 1, 4, 4}};
    const char *path = fixture_path("group.h5");

    fixture_trace(path, &tall, 1, FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    gsize rows = tall.dims[1] * tall.dims[2] * tall.dims[3];
    gsize most = entro_source_get_group_max(source);
    g_assert_cmpuint(most, <, 700);
    g_assert_cmpuint(most * rows * 64, <=, 64u << 20);
    const gsize holes[] = {0, 1, most - 1, most, most + 1, 600, 601, 699};
    fixture_check_walk(source, &tall, 1, NULL, 0);
    entro_source_select(source, NULL, 0);
    fixture_check_walk(source, &tall, 1, holes, G_N_ELEMENTS(holes));
}

/* Without filters a tile may be a part of a chunk; where it ends, the chunk may stick out. */
static void
test_large_plain_chunks_are_read_in_parts(void)
{
    LayerSpec specs[] = {{.index = 0,
                          .element = ENTRO_F32,
                          .dims = {3, 2, 3, 260, 300},
                          .chunk = {2, 1, 2, 260, 300}},
                         {.index = 1,
                          .element = ENTRO_F16,
                          .dims = {3, 2, 3, 401, 500},
                          .chunk = {1, 2, 1, 300, 500}},
                         {.index = 2,
                          .element = ENTRO_F64,
                          .dims = {3, 2, 1, 401, 400},
                          .chunk = {1, 1, 1, 400, 400}}};
    const char *path = fixture_path("parts.h5");

    fixture_trace(path, specs, G_N_ELEMENTS(specs), FALSE);
    fixture_check_file(path, specs, G_N_ELEMENTS(specs));
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_assert_cmpuint(entro_tile_rows_get_memory(source), <=, 256u << 10);
}

static void
test_a_dataset_behind_a_user_block_is_found(void)
{
    LayerSpec specs[] = {
        {.index = 0, .element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}},
        {.index = 1, .element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}, .chunk = {1, 1, 1, 3, 4}}};
    const char *path = fixture_path("userblock.h5");
    g_auto(EntroHid) creation = H5Pcreate(H5P_FILE_CREATE);

    H5Pset_userblock(creation, 1024);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, H5P_DEFAULT);
    fixture_steps(file, NULL, 2);
    fixture_write_layer(file, &specs[0]);
    fixture_write_layer(file, &specs[1]);
    H5Fclose(file);
    fixture_check_file(path, specs, 2);
}

/* ---- what is not there ------------------------------------------------------------------------------------- */

static void
test_chunks_never_written_are_missing(gconstpointer filters)
{
    for (int early = 0; early <= 1; early++) {
        LayerSpec spec = {.element = ENTRO_F32,
                          .dims = {5, 1, 2, 3, 4},
                          .chunk = {1, 1, 2, 3, 4},
                          .filters = filters,
                          .n_written = 3};
        const char *path = fixture_path("missing.h5");
        gsize missing, damaged;

        fixture_trace(path, &spec, 1, early);
        g_autoptr(EntroSource) source = open_well(path);
        g_assert_cmpuint(fixture_walk_quietly(source, &missing, &damaged), ==, 3);
        g_assert_cmpuint(missing, ==, 2);
        g_assert_cmpuint(damaged, ==, 0);
    }
}

static void
test_a_dataset_never_written_is_missing(void)
{
    const LayerSpec specs[] = {
        {.element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}},
        {.element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}, .chunk = {1, 1, 2, 3, 4}, .filters = "f"}};

    for (guint i = 0; i < 2; i++) {
        const char *path = fixture_path("unwritten.h5");
        hid_t file = fixture_create(path, i);
        gsize missing;
        fixture_steps(file, NULL, 2);
        H5Dclose(fixture_create_layer(file, &specs[i]));
        H5Fclose(file);
        g_autoptr(EntroSource) source = open_well(path);
        g_assert_cmpuint(fixture_walk_quietly(source, &missing, NULL), ==, 0);
        g_assert_cmpuint(missing, ==, 2);
    }
}

/* One chunk of a row is missing: the row is, and its tile says where. */
static void
test_a_hole_in_split_rows_is_missing_not_zero(void)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {1, 1, 1, 2, 6}, .chunk = {1, 1, 1, 2, 3}};
    const char *path = fixture_path("hole.h5");
    hid_t file = fixture_create(path, FALSE);
    const float part[6] = {0.25f, 0.25f, 0.5f, 1, 0, 0};
    hsize_t first[5] = {0};
    gboolean end = FALSE;

    fixture_steps(file, NULL, 1);
    hid_t dataset = fixture_create_layer(file, &spec);
    g_assert_cmpint(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, first, sizeof part, part), >=, 0);
    H5Dclose(dataset);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_assert_true(entro_source_next(source, tile, &end, NULL));
    g_assert_cmpint(tile->status, ==, ENTRO_TILE_MISSING);
    g_assert_nonnull(strstr(tile->problem, "/layers/0/attention: capture 0, sample 0, head 0"));
    g_assert_nonnull(strstr(tile->problem, "was never written"));
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    g_assert_false(entro_tile_rows_read(rows, tile));
}

static void
test_a_dataset_shorter_than_step_has_missing_captures(void)
{
    LayerSpec specs[] = {
        {.index = 0, .element = ENTRO_F32, .dims = {6, 2, 2, 3, 3}, .chunk = {4, 1, 2, 3, 3}},
        {.index = 1, .element = ENTRO_F32, .dims = {3, 2, 2, 3, 3}, .chunk = {2, 1, 2, 3, 3}},
        {.index = 2, .element = ENTRO_F32, .dims = {2, 2, 2, 3, 3}}};
    const char *path = fixture_path("shorter.h5");
    gboolean end = FALSE;
    gsize n_rows[3][6] = {{0}};
    guint n_ends = 0;

    fixture_trace(path, specs, 3, FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_assert_cmpuint(entro_source_get_trace(source)->problems->len, ==, 2);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        for (gsize i = 0; i < tile->n_captures; i++) {
            gboolean there = tile->capture + i < specs[tile->layer].dims[0];
            g_assert_cmpint(tile->status, ==, there ? ENTRO_TILE_OK : ENTRO_TILE_MISSING);
            n_rows[tile->layer][tile->capture + i] +=
                tile->n_samples * tile->n_heads * tile->n_queries;
        }
        n_ends += tile->ends_layer;
    }
    for (guint layer = 0; layer < 3; layer++)
        for (guint capture = 0; capture < 6; capture++)
            g_assert_cmpuint(n_rows[layer][capture], ==, 12);
    g_assert_cmpuint(n_ends, ==, 3 * 2); /* groups of 4 and 2 captures */
}

static void
test_a_damaged_chunk_spoils_its_tile_only(void)
{
    LayerSpec spec = {.element = ENTRO_F32,
                      .dims = {3, 1, 2, 3, 4},
                      .chunk = {1, 1, 2, 3, 4},
                      .filters = "f"};
    const char *path = fixture_path("damaged.h5");
    g_autofree char *bytes = NULL;
    gsize length, damaged, at = 0;
    float weights[24];

    fixture_trace(path, &spec, 1, FALSE);
    for (gsize i = 0; i < 24; i++)
        weights[i] = fixture_weight(0, 1, 0, i / 12, i / 4 % 3, i % 4);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    for (gsize i = 0; i + sizeof weights < length && at == 0; i++)
        if (memcmp(bytes + i, weights, sizeof weights) == 0)
            at = i;
    g_assert_cmpuint(at, >, 0);
    bytes[at + 17] ^= 0x20;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    g_autoptr(EntroSource) source = open_well(path);
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, &damaged), ==, 2);
    g_assert_cmpuint(damaged, ==, 1);
}

static void
test_a_filter_mask_is_refused_by_name(void)
{
    LayerSpec spec = {.element = ENTRO_F32,
                      .dims = {1, 1, 1, 2, 2},
                      .chunk = {1, 1, 1, 2, 2},
                      .filters = "d"};
    const char *path = fixture_path("mask.h5");
    g_autoptr(GError) error = NULL;
    hid_t file = fixture_create(path, FALSE);
    const float plain[4] = {1, 0, 0.5f, 0.5f};
    hsize_t first[5] = {0};
    gboolean end = FALSE;

    fixture_steps(file, NULL, 1);
    hid_t dataset = fixture_create_layer(file, &spec);
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 1, first, sizeof plain, plain);
    H5Dclose(dataset);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_assert_false(entro_source_next(source, tile, &end, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY);
    g_assert_nonnull(strstr(error->message, "/layers/0/attention"));
    g_assert_nonnull(strstr(error->message, path));
}

/* ---- key mask ------------------------------------------------------------------------------------------------ */

static void
write_mask(hid_t file, const hsize_t dims[3], const hsize_t *chunk, hid_t type, const void *values)
{
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    if (chunk != NULL)
        H5Pset_chunk(properties, 3, chunk);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, "key_mask", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (values != NULL)
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

static guint8
mask_at(gsize capture, gsize sample, gsize key)
{
    return (capture * 7 + sample * 3 + key) % 4 != 0;
}

static void
test_key_mask_of_every_tile_is_its_own(void)
{
    const hsize_t dims[3] = {6, 2, 5}, chunks[3][3] = {{1, 2, 5}, {4, 1, 3}, {6, 2, 5}};
    guint8 values[60];

    for (guint i = 0; i < 60; i++) /* 255 stands for 1, as some write it */
        values[i] = mask_at(i / 10, i / 5 % 2, i % 5) ? (i % 3 ? 1 : 255) : 0;
    for (guint kind = 0; kind < 4; kind++) {
        const char *path = fixture_path("masked.h5");
        gboolean end = FALSE;
        fixture_trace(path, hybrid, G_N_ELEMENTS(hybrid), FALSE);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        write_mask(file, dims, kind ? chunks[kind - 1] : NULL, H5T_STD_U8LE, values);
        H5Fclose(file);
        g_autoptr(EntroSource) source = open_well(path);
        g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
        g_assert_true(entro_source_get_trace(source)->has_key_mask);
        while (entro_source_next(source, tile, &end, NULL) && !end)
            for (gsize capture = 0; capture < tile->n_captures; capture++)
                for (gsize sample = 0; sample < tile->n_samples; sample++)
                    for (gsize key = 0; key < 5; key++)
                        g_assert_cmpuint(entro_tile_key_mask(tile, capture, sample)[key], ==,
                                         mask_at(tile->capture + capture, tile->sample + sample,
                                                 key));
    }
}

static void
test_rows_without_their_key_mask_are_missing(void)
{
    const hsize_t dims[3] = {1, 1, 4};
    const guint8 ones[4] = {1, 1, 1, 1};
    const char *path = fixture_path("shortmask.h5");
    hid_t file = fixture_create(path, FALSE);
    gsize missing;

    fixture_small(file);
    write_mask(file, dims, NULL, H5T_STD_U8LE, ones);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    g_assert_cmpuint(fixture_walk_quietly(source, &missing, NULL), ==, 1);
    g_assert_cmpuint(missing, ==, 1);
}

static void
test_a_key_mask_of_another_shape_is_refused(void)
{
    const hsize_t dims[][3] = {{2, 1, 5}, {2, 2, 4}};

    for (guint i = 0; i < 3; i++) {
        const char *path = fixture_path("badmask.h5");
        hid_t file = fixture_create(path, FALSE);
        fixture_small(file);
        write_mask(file, i < 2 ? dims[i] : (const hsize_t[]){2, 1, 4}, NULL,
                   i < 2 ? H5T_STD_U8LE : H5T_IEEE_F32LE, NULL);
        H5Fclose(file);
        fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_SHAPE, "/key_mask", "layer 0",
                               "[S,1,4]", NULL);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autofree char *path = g_strdup_printf("/source/rows-of-every-type/%s", shapes[i].name);
        g_test_add_data_func(path, &shapes[i], test_shape);
    }
#define ADD(NAME, TEST) g_test_add_func("/source/" NAME, TEST)
    ADD("layers-of-every-kind-come-together", test_layers_of_every_kind_together);
    ADD("every-selection-is-covered-once", test_every_selection_is_covered_once);
    ADD("an-empty-selection-ends-at-once", test_an_empty_selection_ends_at_once);
    ADD("peek-leaves-the-walk-where-it-is", test_peek_leaves_the_walk_where_it_is);
    ADD("many-tiny-chunks-are-read-in-few-tiles", test_many_tiny_chunks_are_read_in_few_tiles);
    ADD("large-heads-are-cut-along-chunks", test_tiles_of_large_heads_are_cut_along_chunks);
    ADD("a-tile-does-not-grow-with-the-file", test_memory_of_a_tile_does_not_grow_with_the_file);
    ADD("a-group-is-bounded", test_group_is_bounded_however_many_captures_a_chunk_holds);
    ADD("large-plain-chunks-are-read-in-parts", test_large_plain_chunks_are_read_in_parts);
    ADD("a-user-block-is-skipped", test_a_dataset_behind_a_user_block_is_found);
    g_test_add_data_func("/source/chunks-never-written-are-missing/plain", "",
                         test_chunks_never_written_are_missing);
    g_test_add_data_func("/source/chunks-never-written-are-missing/filtered", "sdf",
                         test_chunks_never_written_are_missing);
    ADD("a-dataset-never-written-is-missing", test_a_dataset_never_written_is_missing);
    ADD("a-hole-in-split-rows-is-missing-not-zero", test_a_hole_in_split_rows_is_missing_not_zero);
    ADD("a-dataset-shorter-than-step-has-missing-captures",
        test_a_dataset_shorter_than_step_has_missing_captures);
    ADD("a-damaged-chunk-spoils-its-tile-only", test_a_damaged_chunk_spoils_its_tile_only);
    ADD("a-filter-mask-is-refused-by-name", test_a_filter_mask_is_refused_by_name);
    ADD("the-key-mask-of-a-tile-is-its-own", test_key_mask_of_every_tile_is_its_own);
    ADD("rows-without-their-key-mask-are-missing", test_rows_without_their_key_mask_are_missing);
    ADD("a-key-mask-of-another-shape-is-refused", test_a_key_mask_of_another_shape_is_refused);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
