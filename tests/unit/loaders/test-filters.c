/* test-filters.c: our shuffle, deflate and fletcher32 undo what HDF5's own do, and our lzf what LibLZF
 * does. */
#include "loader-fixture.h"

#include <libdeflate.h>
#include <lzf.h>
#include <string.h>

/* Bytes of element_size, written by HDF5 as one chunk and read back encoded. */
typedef struct {
    hid_t file;
    EntroDataset dataset;
    guint8 *plain, *stored;
    gsize plain_size, stored_size;
    guint32 mask;
} Chunk;

/* As h5py's: what does not shrink is left as it is. */
static size_t
compress_lzf(unsigned flags, size_t n_values, const unsigned *values, size_t size,
             size_t *buffer_size, void **buffer)
{
    (void)n_values;
    (void)values;
    g_assert_false(flags & H5Z_FLAG_REVERSE);
    if (size < 2)
        return 0;
    void *to = malloc(size);
    guint shrunk = lzf_compress(*buffer, (guint)size, to, (guint)size - 1);
    if (shrunk == 0) {
        free(to);
        return 0;
    }
    free(*buffer);
    *buffer = to;
    *buffer_size = size;
    return shrunk;
}

static const H5Z_class2_t lzf_class = {
    H5Z_CLASS_T_VERS, ENTRO_FILTER_LZF, TRUE, TRUE, "lzf", NULL, NULL, compress_lzf,
};

static void
set_filters(hid_t properties, const char *filters)
{
    for (; *filters != '\0'; filters++)
        if (*filters == 's')
            H5Pset_shuffle(properties);
        else if (*filters == 'd')
            H5Pset_deflate(properties, 6);
        else if (*filters == 'l')
            H5Pset_filter(properties, ENTRO_FILTER_LZF, H5Z_FLAG_OPTIONAL, 0, NULL);
        else
            H5Pset_fletcher32(properties);
}

/* The only chunk as it is stored; returns its size. */
static gsize
read_stored(hid_t id, void *to, guint32 *ret_mask)
{
    hsize_t origin[1] = {0}, size = 0;

    g_assert_cmpint(H5Dget_chunk_storage_size(id, origin, &size), >=, 0);
    g_assert_cmpint(H5Dread_chunk(id, H5P_DEFAULT, origin, ret_mask, to), >=, 0);
    return size;
}

static void
chunk_make(Chunk *chunk, gsize n, gsize element_size, const char *filters)
{
    hsize_t dims[1] = {n};
    g_auto(EntroHid) type = H5Tcreate(H5T_OPAQUE, element_size);
    g_auto(EntroHid) space = H5Screate_simple(1, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)(n * 31 + element_size));

    *chunk = (Chunk){.file = fixture_create(fixture_path("chunk.h5"), FALSE),
                     .plain = g_malloc(n * element_size),
                     .plain_size = n * element_size};
    for (gsize i = 0; i < chunk->plain_size; i++) /* some runs, so that there is work */
        chunk->plain[i] = i > 0 && g_rand_int_range(random, 0, 4) ? chunk->plain[i - 1]
                                                                  : (guint8)g_rand_int(random);
    H5Pset_chunk(properties, 1, dims);
    set_filters(properties, filters);
    hid_t id = H5Dcreate2(chunk->file, "x", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, chunk->plain);
    H5Dflush(id);
    g_assert_true(entro_dataset_init_stored(&chunk->dataset, id, -1, "/x", 1u << 30, NULL));
    chunk->stored = g_malloc(entro_dataset_encoded_max(&chunk->dataset));
    chunk->stored_size = read_stored(id, chunk->stored, &chunk->mask);
    g_assert_true(chunk->mask == 0 || strchr(filters, 'l') != NULL);
}

static void
chunk_clear(Chunk *chunk)
{
    entro_dataset_clear(&chunk->dataset);
    entro_hid_close(chunk->file);
    g_free(chunk->plain);
    g_free(chunk->stored);
}

/* TRUE when it decodes to what was written. */
static gboolean
decodes(const Chunk *chunk, const guint8 *stored, gsize size, gboolean *ret_refused)
{
    g_auto(EntroDecoder) decoder = {0};
    g_autofree char *problem = NULL;

    g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(&chunk->dataset)));
    const guint8 *decoded =
        entro_chunk_decode(&chunk->dataset, &decoder, stored,
                           &(EntroExtent){.size = size, .mask = chunk->mask}, &problem);
    g_assert_true((decoded == NULL) == (problem != NULL));
    if (ret_refused != NULL)
        *ret_refused = decoded == NULL;
    return decoded != NULL && memcmp(decoded, chunk->plain, chunk->plain_size) == 0;
}

static void
check_round_trip(gsize n, gsize element_size, const char *filters)
{
    Chunk chunk;

    chunk_make(&chunk, n, element_size, filters);
    if (!decodes(&chunk, chunk.stored, chunk.stored_size, NULL))
        g_error("%zu elements of %zu bytes through \"%s\"", n, element_size, filters);
    chunk_clear(&chunk);
}

static void
test_checksum_of_every_size(void)
{
    for (gsize n = 1; n <= 100; n++)
        check_round_trip(n, 1, "f");
    const gsize large[] = {719, 720, 721, 8191, 8192, 8193, 16384, 100003, 1u << 20};
    for (guint i = 0; i < G_N_ELEMENTS(large); i++)
        check_round_trip(large[i], 1, "f");
}

/* As large as the sums get. */
static void
test_checksum_of_all_ones(void)
{
    hsize_t dims[1] = {60001};
    g_auto(EntroHid) file = fixture_create(fixture_path("ones.h5"), FALSE);
    g_auto(EntroHid) space = H5Screate_simple(1, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_autofree guint8 *plain = g_malloc(dims[0]);
    g_auto(EntroDataset) dataset = {0};
    g_auto(EntroDecoder) decoder = {0};
    g_autofree char *problem = NULL;

    memset(plain, 0xff, dims[0]);
    H5Pset_chunk(properties, 1, dims);
    H5Pset_fletcher32(properties);
    hid_t id = H5Dcreate2(file, "x", H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, plain);
    H5Dflush(id);
    g_assert_true(entro_dataset_init_stored(&dataset, id, -1, "/x", 1u << 30, NULL));
    g_autofree guint8 *stored = g_malloc(entro_dataset_encoded_max(&dataset));
    guint32 mask = 0;
    gsize size = read_stored(id, stored, &mask);
    const guint8 *decoded =
        entro_chunk_decode(&dataset, &decoder, stored, &(EntroExtent){.size = size, .mask = mask},
                           &problem);
    g_assert_cmpstr(problem, ==, NULL);
    g_assert_cmpmem(decoded, dims[0], plain, dims[0]);
}

static void
test_every_element_size_unshuffles(void)
{
    for (gsize size = 1; size <= 8; size++)
        for (gsize n = 1; n <= 40; n += 13) {
            check_round_trip(n, size, "s");
            check_round_trip(n, size, "fs"); /* the checksum leaves bytes over */
        }
}

static void
test_every_pipeline_in_every_order(void)
{
    const char *const pipelines[] = {"",   "s",  "d",   "f",   "sd",  "ds",  "sf",  "fs",
                                     "df", "fd", "sdf", "sfd", "dsf", "dfs", "fsd", "fds",
                                     "l",  "sl", "ls",  "lf",  "fl",  "slf", "fsl", "lsf"};

    for (guint i = 0; i < G_N_ELEMENTS(pipelines); i++) {
        check_round_trip(1000, 4, pipelines[i]);
        check_round_trip(37, 2, pipelines[i]);
        check_round_trip(5, 8, pipelines[i]);
        check_round_trip(1, 2, pipelines[i]);
    }
}

static void
test_every_single_bit_flip_is_noticed(gconstpointer filters)
{
    Chunk chunk;
    gsize n_refused = 0;

    chunk_make(&chunk, 24, 4, filters);
    for (gsize bit = 0; bit < 8 * chunk.stored_size; bit++) {
        gboolean refused;
        chunk.stored[bit / 8] ^= (guint8)(1 << bit % 8);
        decodes(&chunk, chunk.stored, chunk.stored_size, &refused);
        chunk.stored[bit / 8] ^= (guint8)(1 << bit % 8);
        n_refused += refused;
    }
    g_assert_cmpuint(n_refused, ==, 8 * chunk.stored_size);
    g_assert_true(decodes(&chunk, chunk.stored, chunk.stored_size, NULL));
    chunk_clear(&chunk);
}

/* Sizes from damaged indexes: refused or whole, never memory that nobody wrote. */
static void
test_wrong_stored_sizes_are_refused(void)
{
    const char *const pipelines[] = {"s",  "d",   "f", "sd", "ds", "sf",
                                     "fs", "sdf", "l", "sl", "lf", "slf"};

    for (guint i = 0; i < G_N_ELEMENTS(pipelines); i++) {
        Chunk chunk;
        chunk_make(&chunk, 33, 4, pipelines[i]);
        for (gsize size = 0; size < chunk.stored_size; size++) {
            g_autofree guint8 *exact = g_memdup2(chunk.stored, MAX(size, 1));
            gboolean refused;
            decodes(&chunk, exact, size, &refused);
            if (!refused)
                g_error("%zu of %zu bytes through \"%s\"", size, chunk.stored_size, pipelines[i]);
        }
        chunk_clear(&chunk);
    }
}

static void
test_deflate_to_another_size_is_refused(void)
{
    EntroDataset dataset = {.name = NULL,
                            .element_size = 1,
                            .chunk_bytes = 5000,
                            .n_filters = 1,
                            .filters = {H5Z_FILTER_DEFLATE}};
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    g_autofree guint8 *zeros = g_malloc0(1u << 20);
    guint8 stored[4096];
    const gsize sizes[] = {0, 1, 4999, 5000, 5001, 5004, 10000, 1u << 20};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(EntroDecoder) decoder = {0};
        g_autofree char *problem = NULL;
        gsize size = libdeflate_zlib_compress(compressor, zeros, sizes[i], stored, sizeof stored);
        g_assert_cmpuint(size, >, 0);
        g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(&dataset)));
        const guint8 *decoded =
            entro_chunk_decode(&dataset, &decoder, stored, &(EntroExtent){.size = size}, &problem);
        g_assert_true((decoded != NULL) == (sizes[i] == 5000));
        if (decoded == NULL)
            g_assert_nonnull(strstr(problem, "inflated"));
    }
    libdeflate_free_compressor(compressor);
}

/* The compressor as it is, and what a liar would write. */
static void
test_lzf_of_another_size_is_refused(void)
{
    EntroDataset dataset = {.name = NULL,
                            .element_size = 1,
                            .chunk_bytes = 5000,
                            .n_filters = 1,
                            .filters = {ENTRO_FILTER_LZF}};
    g_autofree guint8 *zeros = g_malloc0(1u << 16);
    guint8 stored[4096];
    const guint sizes[] = {4999, 5000, 5001, 10000, 1u << 16};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(EntroDecoder) decoder = {0};
        g_autofree char *problem = NULL;
        guint size = lzf_compress(zeros, sizes[i], stored, sizeof stored);
        g_assert_cmpuint(size, >, 0);
        g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(&dataset)));
        const guint8 *decoded =
            entro_chunk_decode(&dataset, &decoder, stored, &(EntroExtent){.size = size}, &problem);
        g_assert_true((decoded != NULL) == (sizes[i] == 5000));
        if (decoded == NULL)
            g_assert_nonnull(strstr(problem, "expanded"));
    }
}

/* As a member of a zip archive: neither another size nor other bytes. */
static void
test_zip_of_another_size_or_sum_is_refused(void)
{
    EntroDataset dataset = {.element_size = 1,
                            .chunk_bytes = 5000,
                            .head = 80,
                            .n_filters = 1,
                            .filters = {ENTRO_FILTER_ZIP}};
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    g_autofree guint8 *zeros = g_malloc0(10000);
    guint8 stored[4096];
    const gsize sizes[] = {5079, 5080, 5081, 5080};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(EntroDecoder) decoder = {0};
        g_autofree char *problem = NULL;
        const EntroExtent extent = {.size = libdeflate_deflate_compress(compressor, zeros, sizes[i],
                                                                        stored, sizeof stored),
                                    .crc = libdeflate_crc32(0, zeros, 5080) + (i == 3)};
        g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(&dataset)));
        const guint8 *decoded = entro_chunk_decode(&dataset, &decoder, stored, &extent, &problem);
        g_assert_true((decoded != NULL) == (i == 1));
        g_assert_cmpstr(problem, ==,
                        i == 1   ? NULL
                        : i == 3 ? "fails its checksum"
                                 : "cannot be inflated to its size");
    }
    libdeflate_free_compressor(compressor);
}

/* LZF counts in 32 bits: what is larger is refused before a byte of it is looked at. */
static void
test_sizes_beyond_32_bits(void)
{
    EntroDataset dataset = {.element_size = 1,
                            .chunk_bytes = 5000,
                            .n_filters = 1,
                            .filters = {ENTRO_FILTER_LZF}};
    const gsize most = (gsize)G_MAXUINT + 1;
    g_auto(EntroDecoder) decoder = {0};
    const guint8 stored[16] = {0};

    g_assert_true(entro_decoder_init(&decoder, entro_dataset_work_bytes(&dataset)));
    for (guint i = 0; i < 2; i++) {
        g_autofree char *problem = NULL;
        const EntroExtent extent = {.size = i == 0 ? most : sizeof stored};
        dataset.chunk_bytes = i == 0 ? 5000 : most;
        g_assert_null(entro_chunk_decode(&dataset, &decoder, stored, &extent, &problem));
        g_assert_cmpstr(problem, ==, "cannot be expanded to the size of a chunk");
    }
}

static void
test_memory_that_there_is_not(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    g_test_skip("a sanitizer ends the program instead");
    return;
#endif
    g_auto(EntroDecoder) decoder = {0};

    g_assert_false(entro_decoder_init(&decoder, G_MAXSSIZE));
}

static void
test_random_lzf_is_damaged_or_whole(void)
{
    Chunk chunk;
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    guint n_refused = 0;

    chunk_make(&chunk, 300, 4, "sl");
    g_assert_cmpuint(chunk.mask, ==, 0);
    for (guint i = 0; i < 20000; i++) {
        gsize size = (gsize)g_rand_int_range(random, 0, (gint32)chunk.stored_size + 1);
        g_autofree guint8 *bytes = g_memdup2(chunk.stored, MAX(size, 1));
        for (guint change = 0; change < 4 && size > 0; change++)
            bytes[g_rand_int_range(random, 0, (gint32)size)] = (guint8)g_rand_int(random);
        gboolean refused;
        decodes(&chunk, bytes, size, &refused);
        n_refused += refused;
    }
    g_assert_cmpuint(n_refused, >, 10000);
    chunk_clear(&chunk);
}

/* h5py marks the filter as one that may be left out. */
static void
test_chunks_that_lzf_cannot_shrink(void)
{
    const char *const pipelines[] = {"l", "lf", "fl", "sl", "slf"};

    for (guint i = 0; i < G_N_ELEMENTS(pipelines); i++) {
        Chunk chunk;
        chunk_make(&chunk, 1, 2, pipelines[i]);
        g_assert_cmpuint(chunk.mask, ==, 1u << (strchr(pipelines[i], 'l') - pipelines[i]));
        g_assert_true(decodes(&chunk, chunk.stored, chunk.stored_size, NULL));
        chunk_clear(&chunk);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(H5Zregister(&lzf_class), >=, 0);
    g_test_add_func("/filters/checksum-of-every-size-is-hdf5s", test_checksum_of_every_size);
    g_test_add_func("/filters/checksum-of-all-ones-is-hdf5s", test_checksum_of_all_ones);
    g_test_add_func("/filters/every-element-size-unshuffles", test_every_element_size_unshuffles);
    g_test_add_func("/filters/every-pipeline-in-every-order-is-undone",
                    test_every_pipeline_in_every_order);
    g_test_add_data_func("/filters/every-bit-flip-is-noticed/checksum", "f",
                         test_every_single_bit_flip_is_noticed);
    g_test_add_data_func("/filters/every-bit-flip-is-noticed/shuffle-deflate-checksum", "sdf",
                         test_every_single_bit_flip_is_noticed);
    g_test_add_func("/filters/wrong-stored-sizes-are-refused", test_wrong_stored_sizes_are_refused);
    g_test_add_func("/filters/lzf-of-another-size-is-refused", test_lzf_of_another_size_is_refused);
    g_test_add_func("/filters/random-lzf-is-damaged-or-whole", test_random_lzf_is_damaged_or_whole);
    g_test_add_func("/filters/chunks-that-lzf-cannot-shrink", test_chunks_that_lzf_cannot_shrink);
    g_test_add_func("/filters/deflate-to-another-size-is-refused",
                    test_deflate_to_another_size_is_refused);
    g_test_add_func("/filters/zip-of-another-size-or-sum-is-refused",
                    test_zip_of_another_size_or_sum_is_refused);
    g_test_add_func("/filters/sizes-beyond-32-bits-are-refused", test_sizes_beyond_32_bits);
    g_test_add_func("/filters/memory-that-there-is-not", test_memory_that_there_is_not);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
