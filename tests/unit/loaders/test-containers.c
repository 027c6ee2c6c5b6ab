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
    ADD("random-changes", test_random_changes);
    return g_test_run();
}
