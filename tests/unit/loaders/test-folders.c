/* test-folders.c: arrays of other programs in the files of a folder, some of which are no more what they
 * were when the folder was surveyed. */
#include "container-fixture.h"
#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define N_STEPS  4
#define N_LAYERS 2
#define HEADS    "2, 4, 4"
#define N_VALUES (2 * 4 * 4) /* of one layer: heads, queries, keys */

typedef struct {
    char *folder;
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("entro-folders-XXXXXX", NULL);
    g_assert_nonnull(f->folder);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const char *name;

    (void)data;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        g_assert_cmpint(g_remove(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->folder);
}

/* ---- files ---------------------------------------------------------------------------------------- */

static float
weight(guint step, guint layer, guint i)
{
    return fixture_weight(layer, step, 0, 0, 0, i);
}

static void
put_values(GByteArray *to, guint step, guint layer)
{
    for (guint i = 0; i < N_VALUES; i++) {
        const float value = weight(step, layer, i);
        g_byte_array_append(to, (const guint8 *)&value, sizeof value);
    }
}

static void
write_bytes(const char *path, const GByteArray *bytes)
{
    g_assert_true(g_file_set_contents(path, (const char *)bytes->data, (gssize)bytes->len, NULL));
}

static GByteArray *
make_npy(const char *shape, guint step, guint layer)
{
    g_autoptr(GString) header = g_string_new(NULL);

    g_string_printf(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    g_string_append(header,
                    header->len % 2 ? "  " : " "); /* an odd length: floats are not aligned */
    GByteArray *bytes = fixture_npy(1, header->len, header->str, "");
    put_values(bytes, step, layer);
    return bytes;
}

/* Of one layer: a .npy file is one array. */
static void
write_npy(const char *path, guint step)
{
    g_autoptr(GByteArray) bytes = make_npy(HEADS, step, 0);

    write_bytes(path, bytes);
}

/* All layers in one deflated array. */
static void
write_npz(const char *path, guint step)
{
    g_autoptr(GByteArray) bytes = make_npy("2, " HEADS, step, 0);

    put_values(bytes, step, 1);
    g_auto(Zip) zip = fixture_zip(bytes, TRUE, NULL);
    write_bytes(path, zip.bytes);
}

static void
write_safetensors(const char *path, guint step)
{
    static const char header[] =
        "{" TENSOR("layer_0", "F32", "[2,4,4]", "[0,128]") "," TENSOR("layer_1", "F32", "[2,4,4]",
                                                                      "[128,256]") "}";
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 0);

    for (guint layer = 0; layer < N_LAYERS; layer++)
        put_values(bytes, step, layer);
    write_bytes(path, bytes);
}

static void
write_h5_of(const char *path, guint step, hsize_t n_queries)
{
    const hsize_t dims[3] = {2, n_queries, n_queries};
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);

    for (guint layer = 0; layer < N_LAYERS; layer++) {
        g_autofree char *name = g_strdup_printf("layer_%u", layer);
        g_auto(EntroHid) id =
            H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        g_autofree float *values = g_new0(float, 2 * n_queries * n_queries);
        for (guint i = 0; i < N_VALUES; i++)
            values[i] = weight(step, layer, i);
        g_assert_cmpint(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), >=,
                        0);
    }
}

static void
write_h5(const char *path, guint step)
{
    write_h5_of(path, step, 4);
}

/* How the chunks of chunked.h5 are stored. */
typedef struct {
    hid_t type;
    hsize_t heads; /* of a chunk */
    gboolean shuffled, deflated;
} Storage;

static void
write_chunks_as(const char *path, guint step, const Storage *storage)
{
    const hsize_t dims[3] = {2, 4, 4}, chunk[3] = {storage->heads, 4, 4};
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(properties, 3, chunk);
    if (storage->shuffled)
        H5Pset_shuffle(properties);
    if (storage->deflated)
        H5Pset_deflate(properties, 6);
    for (guint layer = 0; layer < N_LAYERS; layer++) {
        g_autofree char *name = g_strdup_printf("layer_%u", layer);
        g_auto(EntroHid) id =
            H5Dcreate2(file, name, storage->type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
        float values[N_VALUES];
        for (guint i = 0; i < N_VALUES; i++)
            values[i] = weight(step, layer, i);
        g_assert_cmpint(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), >=,
                        0);
    }
}

static void
write_chunks(const char *path, guint step)
{
    write_chunks_as(path, step, &(Storage){H5T_IEEE_F32BE, 1, FALSE, TRUE});
}

typedef struct {
    const char *end;
    void (*write)(const char *path, guint step);
    guint n_layers;
    const char *axes; /* that have to be said */
} Kind;

static const Kind kinds[] = {
    {"npy", write_npy, 1, NULL},
    {"npz", write_npz, N_LAYERS, "LHQK"},
    {"safetensors", write_safetensors, N_LAYERS, NULL},
    {"h5", write_h5, N_LAYERS, NULL},
    {"chunked.h5", write_chunks, N_LAYERS, NULL},
};

static char *
step_path(const Fixture *f, const Kind *kind, guint step)
{
    return g_strdup_printf("%s/step_%u.%s", f->folder, step, kind->end);
}

static EntroSource *
open_folder(const Fixture *f, const Kind *kind, guint n_steps)
{
    g_autoptr(GError) error = NULL;
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;

    options.axes = kind->axes;
    for (guint step = 0; step < n_steps; step++) {
        g_autofree char *path = step_path(f, kind, step);
        kind->write(path, step);
    }
    EntroSource *source = entro_source_open(f->folder, &options, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->n_captures, ==, n_steps);
    g_assert_cmpuint(trace->n_layers, ==, kind->n_layers);
    return source;
}

/* ---- walks ---------------------------------------------------------------------------------------- */

static void
check_rows(const EntroTileRows *rows, const EntroTile *tile)
{
    float scratch[4];

    for (guint head = 0; head < tile->n_heads; head++)
        for (gsize query = 0; query < tile->n_queries; query++) {
            const float *row = entro_tile_rows_get(rows, 0, 0, head, query, scratch);
            g_assert_cmpuint((guintptr)row % sizeof *row, ==, 0);
            for (guint key = 0; key < 4; key++) {
                const guint i = ((tile->head + head) * 4 + (guint)(tile->query + query)) * 4 + key;
                g_assert_cmpfloat(row[key], ==, weight((guint)tile->capture, tile->layer, i));
            }
        }
}

/* Every tile is whole but those of the capture `broken`, which say `words` and name the file.  Returns how
 * many those are. */
static guint
walk(EntroSource *source, guint broken, const char *words)
{
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    g_autofree char *name = g_strdup_printf("step_%u.", broken);
    gboolean end = FALSE;
    guint n_broken = 0;

    while (entro_source_next(source, tile, &end, NULL) && !end) {
        if (entro_tile_rows_read(rows, tile)) {
            check_rows(rows, tile);
            continue;
        }
        if (tile->capture != broken || strstr(tile->problem, name) == NULL ||
            strstr(tile->problem, words) == NULL)
            g_error("capture %zu: %s, expected \"%s\" of capture %u alone", tile->capture,
                    tile->problem, words, broken);
        n_broken++;
    }
    g_assert_true(end);
    return n_broken;
}

static void
test_every_kind_is_read(Fixture *f, gconstpointer data)
{
    g_autoptr(EntroSource) source = open_folder(f, data, N_STEPS);

    g_assert_cmpuint(walk(source, G_MAXUINT, ""), ==, 0);
}

/* More than are kept open at once: the first is closed before the last is read. */
static void
test_many_files(Fixture *f, gconstpointer data)
{
    g_autoptr(EntroSource) source = open_folder(f, data, 40);

    g_assert_cmpuint(walk(source, G_MAXUINT, ""), ==, 0);
    g_assert_cmpuint(walk(source, G_MAXUINT, ""), ==, 0);
}

/* Arrays of two kinds, the second in a file of its own, of which the facts alone stay. */
static void
test_arrays_beside_them(Fixture *f, gconstpointer data)
{
    const hsize_t dims[2] = {5, 5};
    g_autofree char *path = g_build_filename(f->folder, "weights.h5", NULL);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dims, NULL);

    H5Dclose(H5Dcreate2(file, "embedding", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_folder(f, data, N_STEPS);
    const GPtrArray *notes = entro_source_get_trace(source)->notes;
    gboolean is_said = FALSE;
    for (guint i = 0; i < notes->len; i++)
        is_said = is_said || strstr(notes->pdata[i], "weights.h5/embedding") != NULL;
    g_assert_true(is_said);
    g_assert_cmpuint(walk(source, G_MAXUINT, ""), ==, 0);
}

/* ---- what happens to a file between the survey and the reading ------------------------------------ */

static void
take_away(const char *path, const Kind *kind)
{
    (void)kind;
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
make_folder(const char *path, const Kind *kind)
{
    take_away(path, kind);
    g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
}

/* What may not be read, also by root. */
static void
make_circle(const char *path, const Kind *kind)
{
    take_away(path, kind);
    g_assert_cmpint(symlink(path, path), ==, 0);
}

static void
make_text(const char *path, const Kind *kind)
{
    (void)kind;
    g_assert_true(g_file_set_contents(path, "step,loss\n1,2.385\n", -1, NULL));
}

static void
make_empty(const char *path, const Kind *kind)
{
    (void)kind;
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static void
cut_end(const char *path, const Kind *kind)
{
    (void)kind;
    g_autofree char *bytes = NULL;
    gsize n;

    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_assert_true(g_file_set_contents(path, bytes, (gssize)(n - 10), NULL));
}

/* In the place of the same inode: what holds it open sees it. */
static void
cut_open_file(const char *path, const Kind *kind)
{
    (void)kind;
    g_assert_cmpint(truncate(path, 150), ==, 0);
}

static void
change_shape(const char *path, const Kind *kind)
{
    (void)kind;
    write_h5_of(path, 2, 5);
}

/* The names of its arrays. */
static void
spoil_names(const char *path, const Kind *kind)
{
    g_autofree char *bytes = NULL;
    gsize n;

    (void)kind;
    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    char *heap = memmem(bytes, n, "HEAP", 4);
    g_assert_nonnull(heap);
    *heap = 'X';
    g_assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
}

static void
swap_bytes(const char *path, const Kind *kind)
{
    const hsize_t dims[3] = {2, 4, 4};
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);

    (void)kind;
    for (guint layer = 0; layer < N_LAYERS; layer++) {
        g_autofree char *name = g_strdup_printf("layer_%u", layer);
        H5Dclose(
            H5Dcreate2(file, name, H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    }
}

static void
cut_in_chunks(const char *path, const Kind *kind)
{
    const hsize_t dims[3] = {2, 4, 4}, chunk[3] = {1, 4, 4};
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    (void)kind;
    H5Pset_chunk(properties, 3, chunk);
    for (guint layer = 0; layer < N_LAYERS; layer++) {
        g_autofree char *name = g_strdup_printf("layer_%u", layer);
        H5Dclose(
            H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    }
}

static void
write_little_endian(const char *path, const Kind *kind)
{
    (void)kind;
    write_chunks_as(path, 2, &(Storage){H5T_IEEE_F32LE, 1, FALSE, TRUE});
}

static void
write_larger_chunks(const char *path, const Kind *kind)
{
    (void)kind;
    write_chunks_as(path, 2, &(Storage){H5T_IEEE_F32BE, 2, FALSE, TRUE});
}

static void
write_without_filters(const char *path, const Kind *kind)
{
    (void)kind;
    write_chunks_as(path, 2, &(Storage){H5T_IEEE_F32BE, 1, FALSE, FALSE});
}

static void
write_with_another_filter(const char *path, const Kind *kind)
{
    (void)kind;
    write_chunks_as(path, 2, &(Storage){H5T_IEEE_F32BE, 1, TRUE, FALSE});
}

static void
change_type(const char *path, const Kind *kind)
{
    (void)kind;
    static const char header[] =
        "{" TENSOR("layer_0", "F16", "[2,4,4]", "[0,64]") "," TENSOR("layer_1", "F16", "[2,4,4]",
                                                                     "[64,128]") "}";
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 128);

    write_bytes(path, bytes);
}

static void
store_instead(const char *path, const Kind *kind)
{
    (void)kind;
    g_autoptr(GByteArray) bytes = make_npy("2, " HEADS, 2, 0);

    put_values(bytes, 2, 1);
    g_auto(Zip) zip = fixture_zip(bytes, FALSE, NULL);
    write_bytes(path, zip.bytes);
}

/* The same array behind another head, of which the decoder must know. */
static void
write_longer_head(const char *path, const Kind *kind)
{
    static const char header[] =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 4, 4), }           \n";
    g_autoptr(GByteArray) bytes = fixture_npy(1, strlen(header), header, "");

    (void)kind;
    for (guint layer = 0; layer < 2; layer++)
        put_values(bytes, 2, layer);
    g_auto(Zip) zip = fixture_zip(bytes, TRUE, NULL);
    write_bytes(path, zip.bytes);
}

/* A directory that is sound, and data that are not. */
static void
spoil_data(const char *path, const Kind *kind)
{
    g_autofree char *bytes = NULL;
    gsize n;

    (void)kind;
    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    bytes[n / 2] ^= 1;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL));
}

static void
rename_arrays(const char *path, const Kind *kind)
{
    (void)kind;
    static const char header[] = "{" TENSOR("else", "F32", "[2,2]", "[0,16]") "}";
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 16);

    write_bytes(path, bytes);
}

typedef struct {
    const char *name;
    guint kind;
    void (*spoil)(const char *path, const Kind *kind);
    const char *words;
    guint step;
} Accident;

static const Accident accidents[] = {
    {"npy/vanishes", 0, take_away, "No such file", 2},
    {"npz/vanishes", 1, take_away, "No such file", 2},
    {"safetensors/vanishes", 2, take_away, "No such file", 2},
    {"h5/vanishes", 3, take_away, "No such file", 2},
    {"npy/becomes-a-folder", 0, make_folder, "is a folder", 1},
    {"h5/cannot-be-opened-any-more", 3, make_circle, "symbolic links", 3},
    {"npz/becomes-text", 1, make_text, "not an HDF5 file, but text", 3},
    {"h5/becomes-text", 3, make_text, "not an HDF5 file, but text", 3},
    {"safetensors/becomes-empty", 2, make_empty, "an empty file", 3},
    {"npy/loses-its-end", 0, cut_end, "truncated", 3},
    {"npz/loses-its-end", 1, cut_end, "truncated", 3},
    {"safetensors/loses-its-end", 2, cut_end, "truncated", 3},
    {"npy/is-cut-while-it-is-open", 0, cut_open_file, "beyond the end of the file", 0},
    {"safetensors/is-cut-while-it-is-open", 2, cut_open_file, "beyond the end of the file", 0},
    {"npz/is-cut-while-it-is-open", 1, cut_open_file, "beyond the end of the file", 0},
    {"h5/loses-its-names", 3, spoil_names, "cannot be looked up", 2},
    {"h5/gets-another-shape", 3, change_shape, "another shape", 2},
    {"h5/gets-the-other-order-of-bytes", 3, swap_bytes, "holds f32 big-endian, the first", 2},
    {"h5/gets-chunks", 3, cut_in_chunks, "other chunks or filters", 2},
    {"safetensors/gets-another-type", 2, change_type, "holds f16, the first of its layer f32", 2},
    {"npz/is-stored-another-way", 1, store_instead, "other chunks or filters", 2},
    {"npz/is-damaged", 1, spoil_data, "", 1},
    {"safetensors/gets-other-names", 2, rename_arrays, "is not there", 1},
    {"npz/gets-another-head", 1, write_longer_head, "other chunks or filters", 2},
    {"chunked/gets-the-other-order-of-bytes", 4, write_little_endian,
     "holds f32, the first of its layer f32 big-endian", 2},
    {"chunked/gets-larger-chunks", 4, write_larger_chunks, "other chunks or filters", 2},
    {"chunked/loses-its-filter", 4, write_without_filters, "other chunks or filters", 2},
    {"chunked/gets-another-filter", 4, write_with_another_filter, "other chunks or filters", 2},
};

static void
test_an_accident_costs_one_file(Fixture *f, gconstpointer data)
{
    const Accident *accident = data;
    const Kind *kind = &kinds[accident->kind];
    g_autoptr(EntroSource) source = open_folder(f, kind, N_STEPS);
    g_autofree char *path = step_path(f, kind, accident->step);

    accident->spoil(path, kind);
    g_assert_cmpuint(walk(source, accident->step, accident->words), >=, 1);
}

/* Layers of one array, of which a file holds less. */
static void
test_a_file_with_less_layers(Fixture *f, gconstpointer data)
{
    g_autofree char *path = step_path(f, data, 2);
    g_autoptr(GByteArray) bytes = make_npy("1, " HEADS, 2, 0);
    g_auto(Zip) zip = fixture_zip(bytes, TRUE, NULL);
    g_autoptr(EntroSource) source = open_folder(f, data, N_STEPS);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    gboolean end = FALSE;
    guint n = 0;

    write_bytes(path, zip.bytes);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        g_assert_cmpint(tile->status == ENTRO_TILE_DAMAGED, ==, tile->capture == 2);
        if (tile->capture == 2) {
            fixture_words(tile->problem,
                          tile->layer == 0 ? "another shape than the first" : "has no layer 1",
                          path);
            n++;
        }
    }
    g_assert_cmpuint(n, ==, N_LAYERS);
}

/* A shape that is its own reverse: the axes of the bytes are others than those of the files before. */
static void
test_a_file_in_fortran_order(Fixture *f, gconstpointer data)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': True, 'shape': (4, 4, 4), }\n";
    static const char *const axes[] = {"HQK", "QHK"};
    Kind kind = {"npy", write_npy, 1, NULL};

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(axes); i++) {
        EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
        g_autoptr(GError) error = NULL;
        for (guint step = 0; step < N_STEPS; step++) {
            g_autofree char *path = step_path(f, &kind, step);
            g_autoptr(GByteArray) bytes =
                step == 2 ? fixture_npy(1, strlen(header), header, "") : make_npy("4, 4, 4", 0, 0);
            if (step == 2)
                put_values(bytes, 2, 0);
            put_values(bytes, step, 1);
            write_bytes(path, bytes);
        }
        options.axes = axes[i];
        g_autoptr(EntroSource) source = entro_source_open(f->folder, &options, &error);
        g_assert_no_error(error);
        g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
        gboolean end = FALSE;
        while (entro_source_next(source, tile, &end, NULL) && !end) {
            g_assert_cmpint(tile->status == ENTRO_TILE_DAMAGED, ==, tile->capture == 2);
            if (tile->capture == 2)
                fixture_words(tile->problem, "other chunks or filters", axes[i]);
        }
    }
}

/* ---- names and limits ----------------------------------------------------------------------------- */

static void
test_names_in_the_order_of_their_numbers(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {"step_9", "step_10", "step_0", "step_100"};

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.npy", f->folder, names[i]);
        write_npy(path, i);
    }
    g_autofree char *hidden = g_build_filename(f->folder, ".step_5.npy", NULL);
    g_autofree char *link = g_build_filename(f->folder, "step_6", NULL);
    g_autofree char *inner = g_build_filename(f->folder, "empty", NULL);
    g_autofree char *notes = g_build_filename(f->folder, "notes.txt", NULL);
    write_npy(hidden, 5);
    g_assert_cmpint(symlink(f->folder, link), ==, 0); /* in a circle */
    g_assert_cmpint(g_mkdir(inner, 0755), ==, 0);
    make_text(notes, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(f->folder, NULL, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);
    static const gint64 steps[] = {0, 9, 10, 100};
    g_assert_cmpmem(trace->steps, trace->n_captures * sizeof *steps, steps, sizeof steps);
}

/* Of files that cannot be read, the last is named. */
static void
test_the_order_of_names(Fixture *f, gconstpointer data)
{
    static const char *const rows[][12] = {
        {"ab.npy", "a1.npy", "ac.npy", "a2.npy", "ad.npy", "a3.npy", "ae.npy", "a4.npy", "af.npy",
         "a5.npy", "ag.npy", "a6.npy"}, /* digits and letters, in any order */
        {"a.h5", "a.h5.npy", "a.h5.npy.h5", "a.h5.npy.h5.npz"},
        {"s_1.npy", "s_001.npy", "s_2.npy", "s_002.npy"}, /* the same number, in some order */
        {"s_9.npy", "s_10.npy", "s_099.npy", "s_100.npy"},
    };
    static const char *const last[] = {"ag.npy", "a.h5.npy.h5.npz", "s_2.npy", "s_100.npy"};

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        for (guint k = 0; k < 12 && rows[i][k] != NULL; k++) {
            g_autofree char *path = g_build_filename(f->folder, rows[i][k], NULL);
            make_text(path, NULL);
        }
        g_assert_null(entro_survey(f->folder, NULL, &error));
        g_autofree char *wanted = g_strconcat("/", last[i], ":", NULL);
        fixture_words(error->message, wanted, rows[i][0]);
        for (guint k = 0; k < 12 && rows[i][k] != NULL; k++) {
            g_autofree char *path = g_build_filename(f->folder, rows[i][k], NULL);
            g_assert_cmpint(g_unlink(path), ==, 0);
        }
    }
}

static void
make_without_arrays(const char *path, const Kind *kind)
{
    (void)kind;
    H5Fclose(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
}

static void
make_integers(const char *path, const Kind *kind)
{
    static const char header[] = "{" TENSOR("attn", "I64", "[2,2]", "[0,32]") "}";
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 32);

    (void)kind;
    write_bytes(path, bytes);
}

/* An array, and groups inside each other, more than are looked into. */
static void
make_deep(const char *path, const Kind *kind)
{
    static const char *const names[] = {"x", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t"};
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate(H5S_SCALAR);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);

    (void)kind;
    H5Pset_create_intermediate_group(links, 1);
    for (guint i = 0; i < 2; i++)
        H5Dclose(
            H5Dcreate2(file, names[i], H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT));
}

typedef struct {
    const char *name, *file;
    void (*make)(const char *path, const Kind *kind);
    const char *words; /* among notes and problems; NULL: nothing */
} Beside;

static const Beside besides[] = {
    {"no-arrays-before", "a.h5", make_without_arrays, "a.h5: holds no arrays"},
    {"no-arrays-behind", "z.h5", make_without_arrays, NULL},
    {"text-before", "a.npz", make_text, "a.npz: not an HDF5 file, but text"},
    {"text-behind", "z.npz", make_text, "not read: z.npz/layer_{layer} (1 array)"},
    {"integers-behind", "z.safetensors", make_integers, "not read: z.safetensors/attn (1 array)"},
    {"deep-before", "a.h5", make_deep, "not everything in it could be listed"},
    {"deep-behind", "z.h5", make_deep, "not everything in it could be listed"},
};

/* Whatever lies beside the arrays, they are read. */
static void
test_other_files_beside_them(Fixture *f, gconstpointer data)
{
    const Beside *beside = data;
    g_autofree char *path = g_build_filename(f->folder, beside->file, NULL);
    guint n = 0;

    beside->make(path, NULL);
    g_autoptr(EntroSource) source = open_folder(f, &kinds[3], N_STEPS);
    const EntroTrace *trace = entro_source_get_trace(source);
    const GPtrArray *lists[2] = {trace->notes, trace->problems};
    for (guint list = 0; list < 2; list++)
        for (guint i = 0; i < lists[list]->len; i++) {
            const char *said = lists[list]->pdata[i];
            g_assert_true(beside->words != NULL || strstr(said, beside->file) == NULL);
            n += beside->words != NULL && strstr(said, beside->words) != NULL;
        }
    g_assert_cmpuint(n, ==, beside->words != NULL);
    g_assert_cmpuint(walk(source, G_MAXUINT, ""), ==, 0);
}

typedef struct {
    const char *name, *file;
    void (*make)(const char *path, const Kind *kind);
    const char *layout, *words;
} Refusal;

static const Refusal refusals[] = {
    {"no-arrays", "a.h5", make_without_arrays, NULL, "a.h5: holds no arrays"},
    {"integers", "a.safetensors", make_integers, NULL,
     "is a folder, but no attention trace: nothing in it"},
    {"other-names", "step_1.safetensors", make_integers, "step_{step}.npz/{layer}",
     "is a folder without files of the names that --layout gives"},
    {"some-names", "a.safetensors", make_integers, "a.safetensors/attn_{layer}",
     "holds no array of the name"},
};

static void
test_a_refusal(Fixture *f, gconstpointer data)
{
    const Refusal *refusal = data;
    g_autofree char *path = g_build_filename(f->folder, refusal->file, NULL);
    g_autofree char *other = g_build_filename(f->folder, "b.npz", NULL);
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    refusal->make(path, NULL);
    if (refusal->layout != NULL)
        make_text(other, NULL);
    options.layout = refusal->layout;
    g_assert_null(entro_source_open(f->folder, &options, &error));
    fixture_words(error->message, refusal->words, refusal->name);
}

/* Five files with a quarter of a million names and one: of the last, none is taken. */
static void
test_a_million_names(Fixture *f, gconstpointer data)
{
    g_autofree char *first = g_build_filename(f->folder, "a_0.safetensors", NULL);
    g_autoptr(GString) header = g_string_new("{");
    guint n = 0;

    (void)data;
    for (guint i = 0; i < 250001; i++)
        g_string_append_printf(header,
                               "%s\"%u\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                               i ? "," : "", i);
    g_string_append_c(header, '}');
    g_autoptr(GByteArray) bytes = fixture_safetensors(header->str, 0);
    write_bytes(first, bytes);
    for (guint file = 1; file < 5; file++) {
        g_autofree char *path = g_strdup_printf("%s/a_%u.safetensors", f->folder, file);
        g_assert_cmpint(link(first, path), ==, 0);
    }
    g_autoptr(GPtrArray) list = entro_survey(f->folder, NULL, NULL);
    for (guint i = 0; i < list->len; i++)
        n += ((const EntroArrays *)list->pdata[i])->n;
    g_assert_cmpuint(n, ==, 1000000);
}

/* Folders in folders: as deep as ours are, and not deeper. */
static void
test_folders_in_folders(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) path = g_string_new(f->folder);

    (void)data;
    for (guint depth = 0; depth < 8; depth++) {
        g_autoptr(GString) name = g_string_new(path->str);
        g_string_append_printf(name, "/step_%u.npy", depth);
        write_npy(name->str, depth);
        g_string_append_printf(path, "/deeper_%u", depth);
        g_assert_cmpint(g_mkdir(path->str, 0755), ==, 0);
    }
    g_autoptr(GPtrArray) arrays = entro_survey(f->folder, NULL, NULL);
    g_assert_cmpuint(arrays->len, >=, 1);
    g_autofree char *command = g_strdup_printf("rm -r '%s'/deeper_0", f->folder);
    g_assert_cmpint(system(command), ==, 0);
}

typedef struct {
    const char *name, *option;
    EntroLimits limits; /* those that are not 0 */
} Limit;

static const Limit limits[] = {
    {"captures", "--max-steps", {.max_captures = N_STEPS - 1}},
    {"layers", "--max-layers", {.max_layers = N_LAYERS - 1}},
    {"heads", "--max-heads", {.max_heads = 1}},
    {"keys", "--max-seq", {.max_seq = 3}},
};

static void
test_a_limit(Fixture *f, gconstpointer data)
{
    const Limit *limit = data;
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    entro_source_free(open_folder(f, &kinds[2], N_STEPS));
    options.limits.max_captures = limit->limits.max_captures ? limit->limits.max_captures : 100;
    options.limits.max_layers = limit->limits.max_layers ? limit->limits.max_layers : 100;
    options.limits.max_heads = limit->limits.max_heads ? limit->limits.max_heads : 100;
    options.limits.max_seq = limit->limits.max_seq ? limit->limits.max_seq : 100;
    g_assert_null(entro_source_open(f->folder, &options, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
    g_assert_nonnull(strstr(error->message, limit->option));
    g_assert_true(g_str_has_prefix(error->message, f->folder));
}

static void
test_a_layer_of_a_large_number(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->folder, "layer_3000000000.npy", NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    write_npy(path, 0);
    g_assert_null(entro_source_open(f->folder, NULL, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
    g_assert_nonnull(strstr(error->message, "a layer of the number 3000000000"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    entro_h5_quiet();
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *all = g_strdup_printf("/folders/every-kind-is-read/%s", kinds[i].end);
        g_autofree char *many = g_strdup_printf("/folders/many-files/%s", kinds[i].end);
        g_test_add(all, Fixture, &kinds[i], setup, test_every_kind_is_read, teardown);
        g_test_add(many, Fixture, &kinds[i], setup, test_many_files, teardown);
    }
    g_test_add("/folders/arrays-beside-them", Fixture, &kinds[3], setup, test_arrays_beside_them,
               teardown);
    for (guint i = 0; i < G_N_ELEMENTS(accidents); i++) {
        g_autofree char *path = g_strdup_printf("/folders/after-the-survey/%s", accidents[i].name);
        g_test_add(path, Fixture, &accidents[i], setup, test_an_accident_costs_one_file, teardown);
    }
#define ADD(NAME, TEST) g_test_add("/folders/" NAME, Fixture, NULL, setup, TEST, teardown)
    ADD("names-in-the-order-of-their-numbers", test_names_in_the_order_of_their_numbers);
    ADD("the-order-of-names", test_the_order_of_names);
    ADD("folders-in-folders", test_folders_in_folders);
    ADD("a-file-in-fortran-order", test_a_file_in_fortran_order);
    ADD("a-million-names", test_a_million_names);
    g_test_add("/folders/a-file-with-less-layers", Fixture, &kinds[1], setup,
               test_a_file_with_less_layers, teardown);
    for (guint i = 0; i < G_N_ELEMENTS(besides); i++) {
        g_autofree char *path = g_strdup_printf("/folders/beside-them/%s", besides[i].name);
        g_test_add(path, Fixture, &besides[i], setup, test_other_files_beside_them, teardown);
    }
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/folders/refused/%s", refusals[i].name);
        g_test_add(path, Fixture, &refusals[i], setup, test_a_refusal, teardown);
    }
    ADD("a-layer-of-a-large-number", test_a_layer_of_a_large_number);
    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autofree char *path = g_strdup_printf("/folders/limits/%s", limits[i].name);
        g_test_add(path, Fixture, &limits[i], setup, test_a_limit, teardown);
    }
    return g_test_run();
}
