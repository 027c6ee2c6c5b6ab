/* test-dataset.c: what a file says of where bytes lie, and cannot be. */
#include "loader-fixture.h"

#include <string.h>

/* ---- bytes of a file ------------------------------------------------------------------------------ */

typedef struct {
    const char *path;
    guint8 *bytes;
    gsize n;
} Image;

static Image
image_read(const char *path)
{
    Image image = {.path = path};

    g_assert_true(g_file_get_contents(path, (char **)&image.bytes, &image.n, NULL));
    return image;
}

static void
image_clear(Image *image)
{
    g_free(image->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Image, image_clear)

/* The place of so many bytes, `skip` times not. */
static guint8 *
image_find(const Image *image, const void *bytes, gsize n, guint skip)
{
    guint8 *at = image->bytes;

    for (;; at++) {
        at = memmem(at, image->n - (gsize)(at - image->bytes), bytes, n);
        g_assert_nonnull(at);
        if (skip-- == 0)
            return at;
    }
}

static void
image_write(const Image *image)
{
    g_assert_true(g_file_set_contents(image->path, (char *)image->bytes, (gssize)image->n, NULL));
}

/* ---- facts ---------------------------------------------------------------------------------------- */

static const LayerSpec chunked = {.element = ENTRO_F32,
                                  .dims = {2, 1, 2, 4, 4},
                                  .chunk = {1, 1, 2, 4, 4}};

static void
test_bytes_shuffled_by_another_size(void)
{
    LayerSpec spec = chunked;
    const char *path = fixture_path("shuffle.h5");

    spec.filters = "s";
    fixture_trace(path, &spec, 1, TRUE); /* the old format has no checksums of its own */
    g_auto(Image) image = image_read(path);
    guint8 *at = image_find(&image, "shuffle\0\4\0\0\0", 12, 0);
    at[8] = 3;
    image_write(&image);
    fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_FORMAT, "is shuffled by 3 bytes",
                           "its elements have 4", NULL);
}

static void
test_chunks_that_cannot_be(void)
{
    static const struct {
        EntroStored stored;
        gsize element_size;
        gboolean good;
    } rows[] = {
        {{2, {8, 8}, {2, 2}}, 4, TRUE},
        {{2, {8, 8}, {2, 0}}, 4, FALSE},
        {{2, {8, 8}, {0, 2}}, 4, FALSE},
        {{2, {8, 8}, {16, 16}}, 4, TRUE},
        {{2, {8, 8}, {16, 17}}, 4, FALSE},
        {{2, {8, 8}, {G_MAXUINT64, 2}}, 4, FALSE},
        {{2, {8, 8}, {2, G_MAXUINT64}}, 4, FALSE},
        {{1, {8}, {2}}, 1024, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroDataset dataset = {.name = (char *)"/x",
                                .stored = rows[i].stored,
                                .element_size = rows[i].element_size};
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(entro_dataset_check_chunk(&dataset, 1024, &error), ==, rows[i].good);
        g_assert_true((error == NULL) == rows[i].good);
    }
}

static void
put_zeros(hid_t file, const char *name, int rank, hid_t properties)
{
    const hsize_t dims[8] = {2, 1, 1, 1, 1, 1, 1, 1};
    g_auto(EntroHid) space = H5Screate_simple(rank, dims, NULL);
    g_auto(EntroHid) id =
        H5Dcreate2(file, name, H5T_STD_I64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);

    g_assert_cmpint(id, >=, 0);
}

static void
test_too_many_axes(void)
{
    static const struct {
        int rank;
        const char *words;
    } rows[] = {{6, "/step has 6 axes, expected 1 to 5"}, {8, "/step has 8 axes, expected 1 to"}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *path = fixture_path("axes.h5");
        hid_t file = fixture_create(path, FALSE);
        put_zeros(file, "step", rows[i].rank, H5P_DEFAULT);
        H5Dclose(fixture_create_layer(file, &chunked));
        H5Fclose(file);
        fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_SHAPE, rows[i].words, NULL);
    }
}

/* Neither chunks nor a block: nothing was ever written, and nothing reads as zeros. */
static void
test_steps_never_written(void)
{
    const hsize_t one = 1;

    for (guint is_chunked = 0; is_chunked < 2; is_chunked++) {
        const char *path = fixture_path("never.h5");
        hid_t file = fixture_create(path, FALSE);
        g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
        if (is_chunked)
            H5Pset_chunk(properties, 1, &one);
        put_zeros(file, "step", 1, properties);
        fixture_write_layer(file, &chunked);
        H5Fclose(file);
        fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_FORMAT, "/step was never written",
                               NULL);
    }
}

/* Of another program, whose keys come before its queries: it is read by single rows. */
static void
test_a_block_never_written(void)
{
    static const char *const names[] = {"layer_0", "layer_1"};
    const hsize_t dims[3] = {2, 4, 4};
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    const char *path = fixture_path("block.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_autoptr(GError) error = NULL;
    float values[2 * 4 * 4];
    gsize missing, damaged;

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        values[i] = 0.25f;
    for (guint layer = 0; layer < G_N_ELEMENTS(names); layer++) {
        g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
        g_auto(EntroHid) id = H5Dcreate2(file, names[layer], H5T_IEEE_F32LE, space, H5P_DEFAULT,
                                         H5P_DEFAULT, H5P_DEFAULT);
        g_assert_true(layer == 1 ||
                      H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    }
    H5Fclose(file);
    options.axes = "HKQ";
    g_autoptr(EntroSource) source = entro_source_open(path, &options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(fixture_walk_quietly(source, &missing, &damaged), >, 0);
    g_assert_cmpuint(missing, >, 0);
    g_assert_cmpuint(damaged, ==, 0);
}

/* Behind it would lie what belongs to others. */
static void
test_a_block_shorter_than_its_shape(void)
{
    const LayerSpec spec = {.element = ENTRO_F32, .dims = {2, 1, 2, 4, 4}};
    const char *path = fixture_path("short.h5");
    const guint64 size = sizeof(float) * 2 * 1 * 2 * 4 * 4, less = size - 1;
    guint8 layout[18] = {3, 1}; /* version, contiguous, then the address and the size */

    fixture_trace(path, &spec, 1, TRUE);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t id = H5Dopen2(file, "/layers/0/attention", H5P_DEFAULT);
    const guint64 address = H5Dget_offset(id);
    H5Dclose(id);
    H5Fclose(file);
    memcpy(layout + 2, &address, 8);
    memcpy(layout + 10, &size, 8);
    g_auto(Image) image = image_read(path);
    memcpy(image_find(&image, layout, sizeof layout, 0) + 10, &less, 8);
    image_write(&image);
    fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_FORMAT,
                           "/layers/0/attention takes 255 bytes in the file", "needs 256", NULL);
}

/* ---- the index of chunks -------------------------------------------------------------------------- */

/* Without filters a chunk has one size; the old index has it in 4 bytes before a mask and the corner. */
static void
test_sizes_in_the_index_that_lie(void)
{
    static const guint32 sizes[] = {127, 129, 4, 1u << 30};
    const guint8 key[] = {128, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    const char *path = fixture_path("index.h5");

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        gsize missing, damaged;
        fixture_trace(path, &chunked, 1, TRUE);
        g_auto(Image) image = image_read(path);
        memcpy(image_find(&image, key, sizeof key, 0), &sizes[i], 4); /* of the second capture */
        image_write(&image);
        g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
        g_assert_nonnull(source);
        g_assert_cmpuint(fixture_walk_quietly(source, &missing, &damaged), ==, 1);
        g_assert_cmpuint(missing, ==, 0);
        g_assert_cmpuint(damaged, ==, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/dataset/" NAME, TEST)
    ADD("bytes-shuffled-by-another-size", test_bytes_shuffled_by_another_size);
    ADD("chunks-that-cannot-be", test_chunks_that_cannot_be);
    ADD("too-many-axes", test_too_many_axes);
    ADD("steps-never-written", test_steps_never_written);
    ADD("a-block-never-written", test_a_block_never_written);
    ADD("a-block-shorter-than-its-shape", test_a_block_shorter_than_its_shape);
    ADD("sizes-in-the-index-that-lie", test_sizes_in_the_index_that_lie);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
