/* test-containers.c: kinds by their first bytes, and many random changes of good files: what is listed
 * as good must be so. */
#include "container-fixture.h"

#include <string.h>
#include <unistd.h>

static EntroContainer
probe(const void *bytes, gsize size)
{
    int fd = fixture_file(bytes, size);
    EntroContainer kind = entro_container_probe(fd);

    close(fd);
    return kind;
}

#define PROBE(TEXT) probe(TEXT, sizeof(TEXT) - 1)

static void
test_kinds_by_the_first_bytes(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_autoptr(GByteArray) tensors = fixture_safetensors("{}", 0);
    int pipes[2];

    g_assert_cmpint(probe(npy->data, npy->len), ==, ENTRO_CONTAINER_NPY);
    g_assert_cmpint(probe(tensors->data, tensors->len), ==, ENTRO_CONTAINER_SAFETENSORS);
    g_assert_cmpint(PROBE("PK\005\006 and so on"), ==, ENTRO_CONTAINER_NPZ);
    g_assert_cmpint(PROBE("PK\001\002 and so on"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\211HDF\r\n\032\n{{"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("{\"a\": \"b\"}"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\3\0\0\0\0\0\0\0{}"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\2\0\0\0\0\0\0\0[]"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE(""), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("PK\003\004"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(pipe(pipes), ==, 0);
    g_assert_cmpint(entro_container_probe(pipes[0]), ==, ENTRO_CONTAINER_NONE);
    close(pipes[0]);
    close(pipes[1]);
    g_assert_cmpint(entro_container_probe(-1), ==, ENTRO_CONTAINER_NONE);
}

static void
test_what_is_no_file_is_not_listed(void)
{
    int pipes[2];

    g_assert_cmpint(pipe(pipes), ==, 0);
    for (EntroContainer kind = ENTRO_CONTAINER_NONE; kind <= ENTRO_CONTAINER_SAFETENSORS; kind++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(entro_container_list(pipes[0], kind, &error));
        fixture_words(error->message,
                      kind == ENTRO_CONTAINER_NONE ? "neither .npy" : "not a regular file",
                      "a pipe");
    }
    close(pipes[0]);
    close(pipes[1]);
    entro_array_free(NULL);
}

/* Places that no file has, and sizes that no memory has. */
static void
test_reads_beyond_all_bounds(void)
{
    static const struct {
        EntroArray array;
        const char *words;
    } rows[] = {
        {{.size = 8, .dims = {1}, .offset = G_MAXINT64}, "no file is that long"},
        {{.size = 8, .dims = {1}, .offset = G_MAXUINT64}, "no file is that long"},
        {{.size = 8, .dims = {1}, .offset = 100}, "beyond the end of the file"},
        {{.size = 8, .dims = {1}, .offset = 100, .deflated = TRUE, .decoded = 8}, "beyond the end"},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they end the program */
        {{.size = G_MAXINT64, .dims = {G_MAXINT64 / 8}}, "more memory than there is"},
        {{.size = 8, .dims = {1}, .deflated = TRUE, .decoded = G_MAXINT64},
         "more memory than there is"},
#endif
    };
    int fd = fixture_file(PAYLOAD, 16);

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroArray array = rows[i].array;
        g_autoptr(GError) error = NULL;
        gsize n;

        array.kind = ENTRO_ARRAY_INTEGER;
        array.integer_size = 8;
        array.rank = 1;
        g_assert_null(entro_array_read_integers(fd, &array, G_MAXSIZE, &n, &error));
        fixture_words(error->message, rows[i].words, "a row of integers");
    }
    close(fd);
}

/* Blocks that are stored: the output is full where a piece of the input ends, or is asked for in one go. */
static void
test_streams_beyond_all_bounds(void)
{
    static const struct {
        gsize size, want;
        const char *words;
    } rows[] = {
        {5 + 40000, 16384 - 5, "longer than announced"},
        {5 + 40000, 2 * 16384 - 5, "longer than announced"},
        {5 + 40000, 50000, "ends early"},
        {5 + 30000, 50000, "has no end"},
        {5 + 50000, 50000, "beyond the end"},
        {5 + 40000, (gsize)G_MAXUINT + 1, "too large"},
        {5 + 40000, 40000, NULL},
    };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree guint8 *to = g_malloc(50000);

    fixture_put(bytes, 1, 1); /* the last block, as it is */
    fixture_put(bytes, 40000, 2);
    fixture_put(bytes, 0xffff & ~40000u, 2);
    for (guint i = 0; i < 40000; i++)
        fixture_put(bytes, i % 251, 1);
    int fd = fixture_file(bytes->data, bytes->len);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        gboolean good = entro_inflate(fd, 0, rows[i].size, to, rows[i].want, TRUE, &error);
        g_assert_cmpint(good, ==, rows[i].words == NULL);
        if (!good)
            fixture_words(error->message, rows[i].words, "a stream");
    }
    g_assert_cmpmem(to, 40000, bytes->data + 5, 40000);
    close(fd);
}

/* Whatever is listed as good must be so. */
static void
check_array(int fd, gsize file_size, const EntroArray *array)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes;
    gsize n = 0;

    g_assert_nonnull(array->name);
    g_assert_cmpuint(array->rank, <=, ENTRO_STORED_RANK_MAX);
    g_autofree gint64 *integers = entro_array_read_integers(fd, array, 1000, &n, &error);
    g_assert_true((integers == NULL) == (error != NULL));
    g_assert_cmpuint(n, <=, 1000);
    if (array->problem != NULL) {
        g_assert_null(integers);
        return;
    }
    g_assert_true(entro_array_bytes(array, &bytes, NULL));
    g_assert_cmpuint(array->offset, <=, file_size);
    g_assert_cmpuint(array->size, <=, file_size - array->offset);
    g_assert_cmpuint(bytes, ==, array->deflated ? array->decoded - array->head : array->size);
}

/* Some bytes changed, taken out or put in; favoured are those that break counters. */
static void
mutate(GRand *random, GByteArray *bytes)
{
    static const guint8 odd[] = {0, 1, 0x7f, 0x80, 0xff, '{', '}', '[', '"', '\\', '9', ','};

    for (gint32 n = g_rand_int_range(random, 1, 5); n > 0 && bytes->len > 1; n--) {
        guint at = (guint)g_rand_int_range(random, 0, (gint32)bytes->len);
        guint length = (guint)g_rand_int_range(random, 1, 9);
        length = MIN(length, bytes->len - at);
        switch (g_rand_int_range(random, 0, 16)) {
        case 0:
            g_byte_array_set_size(bytes, MAX(at, 1));
            break;
        case 1:
            g_byte_array_remove_range(bytes, at, length);
            break;
        case 2:
            g_byte_array_append(bytes, bytes->data + at, length);
            break;
        case 3:
            memset(bytes->data + at, 0xff, length);
            break;
        default:
            bytes->data[at] = g_rand_boolean(random)
                                  ? (guint8)g_rand_int(random)
                                  : odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))];
        }
    }
}

static void
try_bytes(const GByteArray *bytes, EntroContainer wanted)
{
    int fd = fixture_file(bytes->data, bytes->len);
    EntroContainer kind = entro_container_probe(fd);
    const EntroContainer kinds[] = {wanted, kind};

    for (guint i = 0; i < (kind == wanted ? 1 : 2); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = entro_container_list(fd, kinds[i], &error);
        g_assert_true((list == NULL) == (error != NULL));
        for (guint j = 0; list != NULL && j < list->len; j++)
            check_array(fd, bytes->len, list->pdata[j]);
    }
    close(fd);
}

static void
test_random_changes(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_auto(Zip) stored = fixture_zip(npy, FALSE, "b.npy");
    g_auto(Zip) deflated = fixture_zip(npy, TRUE, "data.pkl");
    g_auto(Zip) large = fixture_zip(npy, TRUE, NULL);
    g_autoptr(GByteArray) tensors =
        fixture_safetensors("{\"__metadata__\":{\"a\":\"\\u00fc\"}," A16
                            "," TENSOR("b", "I64", "[3]", "[16,40]") "}",
                            40);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    fixture_add_end64(&large);
    const struct {
        const GByteArray *bytes;
        EntroContainer kind;
    } good[] = {{npy, ENTRO_CONTAINER_NPY},
                {stored.bytes, ENTRO_CONTAINER_NPZ},
                {deflated.bytes, ENTRO_CONTAINER_NPZ},
                {large.bytes, ENTRO_CONTAINER_NPZ},
                {tensors, ENTRO_CONTAINER_SAFETENSORS}};
    const guint rounds = g_test_slow() ? 100000 : 4000; /* -m slow */

    for (guint i = 0; i < rounds; i++)
        for (guint j = 0; j < G_N_ELEMENTS(good); j++) {
            g_autoptr(GByteArray) bytes = g_byte_array_new();
            g_byte_array_append(bytes, good[j].bytes->data, good[j].bytes->len);
            mutate(random, bytes);
            try_bytes(bytes, good[j].kind);
        }
}

#define ADD(NAME, FUNCTION) g_test_add_func("/containers/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("kinds-by-the-first-bytes", test_kinds_by_the_first_bytes);
    ADD("what-is-no-file-is-not-listed", test_what_is_no_file_is_not_listed);
    ADD("reads-beyond-all-bounds", test_reads_beyond_all_bounds);
    ADD("streams-beyond-all-bounds", test_streams_beyond_all_bounds);
    ADD("random-changes", test_random_changes);
    return g_test_run();
}
