/* test-disk.c: a disk that cannot read or write, or does so piece by piece.
 *
 * pread and pwrite are this program's own: the n-th from now on fails, or all give less than was asked. */
#undef _FILE_OFFSET_BITS /* pread and pread64 are two */
#include "container-fixture.h"
#include "loader-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    guint n;    /* calls so far */
    guint at;   /* the call that fails, from 1; 0: none */
    int number; /* its errno */
    gboolean in_pieces;
} Calls;

static Calls reads, writes;

/* TRUE: this one fails. */
static gboolean
fails(Calls *calls)
{
    if (++calls->n != calls->at)
        return FALSE;
    errno = calls->number;
    return TRUE;
}

/* Each second call is interrupted; heads of files are read at once. */
static gboolean
is_interrupted(const Calls *calls, size_t size)
{
    if (!calls->in_pieces || size <= 64 || calls->n % 2 == 0)
        return FALSE;
    errno = EINTR;
    return TRUE;
}

static size_t
piece_of(const Calls *calls, size_t size)
{
    return calls->in_pieces && size > 64 ? (size + 1) / 2 : size;
}

ssize_t read_disk(int fd, void *to, size_t size, gint64 offset) __asm__("pread64");
ssize_t write_disk(int fd, const void *from, size_t size, gint64 offset) __asm__("pwrite64");

ssize_t
read_disk(int fd, void *to, size_t size, gint64 offset)
{
    return fails(&reads) || is_interrupted(&reads, size)
               ? -1
               : syscall(SYS_pread64, fd, to, piece_of(&reads, size), offset);
}

ssize_t
write_disk(int fd, const void *from, size_t size, gint64 offset)
{
    return fails(&writes) || is_interrupted(&writes, size)
               ? -1
               : syscall(SYS_pwrite64, fd, from, piece_of(&writes, size), offset);
}

static void
break_reads(guint at, int number)
{
    reads = (Calls){.at = at, .number = number};
}

/* ---- reading -------------------------------------------------------------------------------------- */

static const LayerSpec specs[] = {
    {.index = 0,
     .element = ENTRO_F32,
     .dims = {5, 2, 3, 8, 8},
     .chunk = {1, 1, 2, 8, 8},
     .filters = "sdf"},
    {.index = 1, .element = ENTRO_F32, .dims = {5, 2, 3, 8, 8}},
};

static const char *
make_trace(void)
{
    const char *path = fixture_path("disk.h5");

    reads = writes = (Calls){0};
    fixture_trace(path, specs, G_N_ELEMENTS(specs), TRUE);
    return path;
}

static gboolean
is_in(const GPtrArray *sentences, const char *words)
{
    for (guint i = 0; i < sentences->len; i++)
        if (strstr(sentences->pdata[i], words) != NULL)
            return TRUE;
    return FALSE;
}

/* What could not be read is neither cut off nor another kind of file: the reason is the disk's; of a list
 * that broke off, that it is damaged. */
static void
test_a_read_that_fails_at_the_opening_is_told(void)
{
    const char *path = make_trace(), *words = g_strerror(EIO);
    guint n_refused = 0, n_told = 0, at = 0;

    for (gboolean more = TRUE; more;) {
        g_autoptr(GError) error = NULL;
        break_reads(++at, EIO);
        g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
        more = reads.n >= reads.at;
        if (source == NULL) {
            n_refused++;
            if (strstr(error->message, words) == NULL && strstr(error->message, "damaged") == NULL)
                g_error("read %u: %s", at, error->message);
        } else if (more) {
            const EntroTrace *trace = entro_source_get_trace(source);
            g_assert_cmpstr(trace->open_mode, ==, "plain");
            if (!is_in(trace->problems, words)) /* then it was not missed */
                fixture_check_walk(source, specs, G_N_ELEMENTS(specs), NULL, 0);
            n_told += is_in(trace->problems, words);
        }
    }
    g_assert_cmpuint(at, >, 10);
    g_assert_cmpuint(n_refused, >, 3);
    g_assert_cmpuint(n_told + n_refused, >=, at - 3);
    break_reads(0, 0);
}

/* Arrays of another program, and the steps beside them, in chunks. */
static const char *
make_stack(void)
{
    const char *path = fixture_path("stack.h5");
    const hsize_t dims[5] = {5, 2, 3, 4, 4}, n = 5, half = 3;
    const gint64 steps[5] = {10, 20, 30, 40, 50};
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    g_auto(EntroHid) space = H5Screate_simple(5, dims, NULL);
    g_auto(EntroHid) line = H5Screate_simple(1, &n, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Dclose(H5Dcreate2(file, "attention", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Pset_chunk(properties, 1, &half);
    g_auto(EntroHid) id =
        H5Dcreate2(file, "steps", H5T_NATIVE_INT64, line, H5P_DEFAULT, properties, H5P_DEFAULT);
    g_assert_cmpint(H5Dwrite(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps), >=, 0);
    for (guint i = 0; i < 20; i++) { /* so many that they lie in a place of their own */
        g_autofree char *name = g_strdup_printf("fact_%u", i);
        fixture_integer(file, name, i);
    }
    fixture_integer(file, "n_layers", 2);
    return path;
}

/* FALSE: all reads were done before the one that fails.  Steps that are there are not said to be none. */
static gboolean
open_broken_stack(const char *path, const char *axes, guint at, guint *n_told)
{
    const char *words = g_strerror(EIO);
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.axes = axes;
    break_reads(at, EIO);
    g_autoptr(EntroSource) source = entro_source_open(path, &options, &error);
    if (source == NULL) {
        if (strstr(error->message, words) == NULL && strstr(error->message, "damaged") == NULL)
            g_error("read %u: %s", at, error->message);
        return TRUE;
    }
    const EntroTrace *trace = entro_source_get_trace(source);
    gboolean is_told = is_in(trace->problems, words);
    g_assert_cmpuint(trace->n_captures, ==, 5);
    if (!is_told && trace->steps[4] != 50)
        g_error("read %u: steps are missing, and nothing is said", at);
    *n_told += is_told;
    return reads.n >= reads.at;
}

static void
test_a_read_that_fails_of_a_stack_is_told(void)
{
    static const char *const axes[] = {NULL, "SLHQK"};
    const char *path = make_stack();

    for (guint i = 0; i < G_N_ELEMENTS(axes); i++) {
        guint n_told = 0, at = 1;
        while (open_broken_stack(path, axes[i], at, &n_told))
            at++;
        g_assert_cmpuint(at, >, 10);
        g_assert_cmpuint(n_told, >, 0);
    }
    break_reads(0, 0);
}

/* Each failure costs what was read, and nothing else. */
static void
test_a_read_that_fails_costs_its_tile(void)
{
    const char *path = make_trace();
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    gsize missing, damaged, whole = fixture_walk_quietly(source, &missing, &damaged);
    guint at = 0, n_told = 0;

    g_assert_cmpuint(missing + damaged, ==, 0);
    do {
        entro_source_select(source, NULL, 0);
        break_reads(++at, EIO);
        gsize n = fixture_walk_quietly(source, &missing, &damaged);
        g_assert_cmpuint(n + damaged + missing, ==, whole);
        g_assert_cmpuint(damaged + missing, <=, 1);
        n_told += damaged == 1;
    } while (reads.n >= reads.at);
    g_assert_cmpuint(n_told, >=, whole); /* and what indexes of chunks cost */
    break_reads(0, 0);
}

static void
test_reads_in_pieces_are_put_together(void)
{
    const char *path = make_trace();

    reads.in_pieces = TRUE;
    fixture_check_file(path, specs, G_N_ELEMENTS(specs));
    reads.in_pieces = FALSE;
}

static void
test_files_that_cannot_be_read_at_all(void)
{
    const char *path = make_trace();

    break_reads(2, EIO); /* the first asks for another kind of file */
    fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_OPEN, "cannot be read", g_strerror(EIO),
                           NULL);
    break_reads(0, 0);
}

static void
list_broken(const GByteArray *bytes, EntroContainer kind)
{
    int fd = fixture_file(bytes->data, bytes->len);
    guint at = 0;

    do {
        g_autoptr(GError) error = NULL;
        g_autofree gint64 *integers = NULL;
        gsize n;
        break_reads(++at, EIO);
        g_autoptr(GPtrArray) list = entro_container_list(fd, kind, &error);
        const EntroArray *array = list != NULL ? fixture_first(list, error) : NULL;
        if (array != NULL && array->problem == NULL)
            integers = entro_array_read_integers(fd, array, 1000, &n, &error);
        if (reads.n >= reads.at && integers != NULL)
            g_error("read %u failed, and nothing is said", at);
        if (array != NULL && array->problem != NULL)
            fixture_words(array->problem, g_strerror(EIO), "an array");
        if (error != NULL)
            g_assert_nonnull(strstr(error->message, g_strerror(EIO)));
    } while (reads.n >= reads.at);
    g_assert_cmpuint(at, >, 3);
    break_reads(0, 0);
    close(fd);
}

/* Sizes beside the data that stand in an extra field. */
static void
add_local64(Zip *zip)
{
    g_autoptr(GByteArray) extra = g_byte_array_new();

    fixture_put(extra, 1 | 16 << 16, 4);
    fixture_put(extra, zip->decoded, 8);
    fixture_put(extra, zip->encoded, 8);
    fixture_poke(zip->bytes, zip->local + 18, G_MAXUINT64, 8);
    fixture_insert_extra(zip, TRUE, extra);
}

static void
test_arrays_that_cannot_be_read(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_autoptr(GByteArray) tensors =
        fixture_safetensors("{" TENSOR("a", "I64", "[2]", "[0,16]") "}", 16);

    list_broken(npy, ENTRO_CONTAINER_NPY);
    list_broken(tensors, ENTRO_CONTAINER_SAFETENSORS);
    for (guint deflated = 0; deflated < 2; deflated++) {
        g_auto(Zip) zip = fixture_zip(npy, deflated == 1, NULL);
        add_local64(&zip);
        fixture_add_end64(&zip);
        list_broken(zip.bytes, ENTRO_CONTAINER_NPZ);
    }
}

/* ---- writing -------------------------------------------------------------------------------------- */

static EntroRedo *
open_redo(const char *path)
{
    struct stat facts;

    g_assert_cmpint(stat(path, &facts), ==, 0);
    return entro_redo_new(path, facts.st_dev, facts.st_ino);
}

/* A block that could not be put is none, and one that could not be ended is pending. */
static void
test_a_block_that_cannot_be_kept(void)
{
    const char *path = fixture_path("file");
    g_autofree char *name = g_strconcat(path, ".redo", NULL);
    guint8 block[6000], old[20000] = {0};

    memset(block, 0xee, sizeof block);
    g_assert_true(g_file_set_contents(path, (const char *)old, sizeof old, NULL));
    for (guint at = 1; at <= 3; at++) {
        EntroRedo *redo = open_redo(path);
        writes = (Calls){.at = at, .number = ENOSPC};
        g_assert_cmpint(entro_redo_put(redo, 100, block, sizeof block), ==, at == 3);
        g_assert_cmpint(at == 3 && entro_redo_done(redo), ==, FALSE);
        entro_redo_free(redo);
        g_assert_cmpint(g_file_test(name, G_FILE_TEST_EXISTS), ==, at == 3);
    }
    /* left behind, it is put in its place; not by a disk that is full */
    g_autoptr(GError) error = NULL;
    writes = (Calls){.at = 1, .number = ENOSPC};
    g_assert_false(entro_redo_replay(path, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_nonnull(strstr(error->message, g_strerror(ENOSPC)));
    g_assert_nonnull(strstr(error->message, name));
    writes = (Calls){.in_pieces = TRUE};
    g_assert_true(entro_redo_replay(path, NULL));
    writes = (Calls){0};
    memcpy(old + 100, block, sizeof block);
    g_autofree char *bytes = NULL;
    gsize n;
    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_assert_cmpmem(bytes, n, old, sizeof old);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/disk/" NAME, TEST)
    ADD("a-read-that-fails-at-the-opening-is-told", test_a_read_that_fails_at_the_opening_is_told);
    ADD("a-read-that-fails-of-a-stack-is-told", test_a_read_that_fails_of_a_stack_is_told);
    ADD("a-read-that-fails-costs-its-tile", test_a_read_that_fails_costs_its_tile);
    ADD("reads-in-pieces-are-put-together", test_reads_in_pieces_are_put_together);
    ADD("files-that-cannot-be-read-at-all", test_files_that_cannot_be_read_at_all);
    ADD("arrays-that-cannot-be-read", test_arrays_that_cannot_be_read);
    ADD("a-block-that-cannot-be-kept", test_a_block_that_cannot_be_kept);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
