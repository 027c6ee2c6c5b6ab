/* test-memory.c: the n-th large piece of memory is not there, for every n: a sentence, and no crash.
 *
 * malloc is this program's own.  Small pieces are GLib's, which ends the program without them. */
#include "container-fixture.h"
#include "loader-fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LARGE (1u << 20)

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static guint n_pieces, piece_at; /* so far; the one that is not there, 0: none */

extern void *__libc_malloc(size_t size);

void *
malloc(size_t size)
{
    if (size >= LARGE && ++n_pieces == piece_at) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

/* ---- a trace --------------------------------------------------------------------------------------- */

enum { SAMPLES = 64, KEYS = 32768, POSITIONS = 1024, DIM = 512 };

static void
put_zeros(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
          const hsize_t *chunk)
{
    g_auto(EntroHid) space = H5Screate_simple(rank, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);
    gsize n = 8;

    for (int axis = 0; axis < rank; axis++)
        n *= dims[axis];
    g_autofree void *zeros = g_malloc0(n);
    H5Pset_create_intermediate_group(links, 1);
    if (chunk != NULL) {
        H5Pset_chunk(properties, rank, chunk);
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 1);
    }
    g_auto(EntroHid) id = H5Dcreate2(file, name, type, space, links, properties, H5P_DEFAULT);
    g_assert_cmpint(H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros), >=, 0);
}

/* Of rows in several chunks, with a mask and documents; of queries and keys, or largest logits. */
static const char *
make_trace(gboolean is_product)
{
    const char *path = fixture_path(is_product ? "product.h5" : "rows.h5");
    const hsize_t rows[5] = {1, SAMPLES, 1, 1, KEYS}, half[5] = {1, SAMPLES, 1, 1, KEYS / 2};
    const hsize_t keys[3] = {1, SAMPLES, KEYS};
    const hsize_t product[5] = {1, 1, 2, POSITIONS, DIM}, one[5] = {1, 1, 1, POSITIONS, DIM};
    hid_t file = fixture_create(path, FALSE);

    fixture_steps(file, NULL, 1);
    if (is_product) {
        put_zeros(file, "/layers/0/queries", H5T_IEEE_F32LE, 5, product, one);
        put_zeros(file, "/layers/0/keys", H5T_IEEE_F32LE, 5, product, one);
    } else {
        put_zeros(file, "/layers/0/attention", H5T_IEEE_F32LE, 5, rows, half);
        put_zeros(file, "/key_mask", H5T_STD_U8LE, 3, keys, keys);
        put_zeros(file, "/segment", H5T_STD_I64LE, 3, keys, NULL);
    }
    H5Fclose(file);
    return path;
}

/* What is wrong with a walk over all of it; NULL: nothing. */
static char *
walk_as(const char *path, const char *axes)
{
    g_autoptr(GError) error = NULL;
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;

    options.axes = axes;
    g_autoptr(EntroSource) source = entro_source_open(path, &options, &error);
    g_autoptr(EntroTile) tile = source ? entro_tile_new(source, &error) : NULL;
    g_autoptr(EntroTileRows) rows = tile ? entro_tile_rows_new(source, &error) : NULL;
    static float keys[POSITIONS * DIM];
    gboolean end = FALSE;

    if (rows == NULL)
        return g_strdup(error->message);
    while (entro_source_next(source, tile, &end, &error) && !end)
        if (!entro_tile_rows_read(rows, tile) ||
            (strstr(path, "product") != NULL &&
             !entro_tile_rows_read_beside(rows, tile, 0, 0, 0, keys)))
            return g_strdup(tile->problem);
    const GPtrArray *problems = entro_source_get_trace(source)->problems;
    return g_strdup(error ? error->message : problems->len ? problems->pdata[0] : NULL);
}

static char *
walk(const char *path)
{
    return walk_as(path, NULL);
}

static void
test_a_trace(gconstpointer data)
{
    const char *path = make_trace(data != NULL);
    guint n;

    piece_at = n_pieces = 0;
    g_autofree char *wrong = walk(path);
    g_assert_cmpstr(wrong, ==, NULL);
    n = n_pieces;
    g_assert_cmpuint(n, >, 4);
    for (guint at = 1; at <= n; at++) {
        n_pieces = 0;
        piece_at = at;
        g_autofree char *problem = walk(path);
        piece_at = 0;
        if (problem == NULL || strstr(problem, "memory") == NULL)
            g_error("piece %u of %u: %s", at, n, problem);
    }
}

/* ---- other files ----------------------------------------------------------------------------------- */

/* Integers of an archive, and a directory as large as they. */
static void
test_an_archive(void)
{
    g_autofree char *header =
        g_strdup_printf("{'descr': '<i8', 'fortran_order': False, 'shape': (%u,), }\n",
                        2 * LARGE / 8);

    for (guint deflated = 0; deflated < 2; deflated++) {
        g_autoptr(GByteArray) npy = fixture_npy(1, strlen(header), header, "");
        g_autoptr(GError) error = NULL;
        gsize n;
        for (guint i = 0; i < 2 * LARGE / 8; i++)
            fixture_put(npy, i * 2654435761u, 8);
        g_auto(Zip) zip = fixture_zip(npy, deflated == 1, NULL);
        int fd = fixture_file(zip.bytes->data, zip.bytes->len);
        g_autoptr(GPtrArray) list = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);
        const EntroArray *array = fixture_first(list, error);
        g_assert_cmpstr(array->problem, ==, NULL);
        n_pieces = 0;
        piece_at = 1;
        g_assert_null(entro_array_read_integers(fd, array, LARGE, &n, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
        piece_at = 0;
        close(fd);
    }
}

/* Layers in one deflated array, which is inflated once where there is memory for it, and else for each. */
static void
test_an_archive_of_layers(void)
{
    static const char header[] = F4("False", "(2, 4, 512, 512)");
    g_autoptr(GByteArray) npy = fixture_npy_of(header);
    const char *path = fixture_path("layers.npz");
    guint n = 1, n_whole = 0;

    g_byte_array_set_size(npy, npy->len - (guint)strlen(PAYLOAD));
    for (guint i = 0; i < 2 * 4 * 512 * 512; i++)
        fixture_put(npy, (i * 2654435761u) >> 2, 4); /* floats below 2 */
    g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
    g_assert_true(g_file_set_contents(path, (const char *)zip.bytes->data, zip.bytes->len, NULL));
    for (guint at = 0; at <= n; at++) {
        n_pieces = 0;
        piece_at = at;
        g_autofree char *problem = walk_as(path, "LHQK");
        piece_at = 0;
        n = at == 0 ? n_pieces : n;
        n_whole += problem == NULL;
        if (problem != NULL && (at == 0 || strstr(problem, "memory") == NULL))
            g_error("piece %u of %u: %s", at, n, problem);
    }
    g_assert_cmpuint(n, >, 4);
    g_assert_cmpuint(n_whole, >=, 3); /* without a failure, without the packed, without the whole */
}

static void
test_a_large_directory(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree guint8 *zeros = g_malloc0(LARGE);
    g_autoptr(GError) error = NULL;

    g_byte_array_append(bytes, zeros, LARGE);
    fixture_put_end(bytes, 1, 0, LARGE);
    n_pieces = 0;
    int fd = fixture_file(bytes->data, bytes->len);
    n_pieces = 0;
    piece_at = 1;
    g_assert_null(entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error));
    piece_at = 0;
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
    close(fd);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/memory/a-trace-of-rows", NULL, test_a_trace);
    g_test_add_data_func("/memory/a-trace-of-queries-and-keys", "product", test_a_trace);
    g_test_add_func("/memory/an-archive", test_an_archive);
    g_test_add_func("/memory/an-archive-of-layers", test_an_archive_of_layers);
    g_test_add_func("/memory/a-large-directory", test_a_large_directory);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
#else
int
main(void)
{
    puts("1..0 # SKIP a sanitizer has its own malloc");
    return 0;
}
#endif
