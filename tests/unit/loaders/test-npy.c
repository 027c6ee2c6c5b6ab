/* test-npy.c: headers and sizes of NumPy arrays that lie; good ones are the matter of
 * check_containers.py. */
#include "container-fixture.h"

#include <string.h>

static void
test_npy_headers_that_are_good(void)
{
    static const struct {
        const char *header;
        guint rank;
        guint64 dims[3];
        gboolean fortran;
    } rows[] = {
        {F4("False", "(4,)"), 1, {4}, FALSE},
        {F4("True", "(2, 2)"), 2, {2, 2}, TRUE},
        {F4("False", "(1, 4, 1,)"), 3, {1, 4, 1}, FALSE},
        {"{'shape':(4,),'fortran_order':False,'descr':'<f4'}", 1, {4}, FALSE},
        {" {\"descr\" : \"=f4\" ,\n'fortran_order':False, 'shape': ( 4 , )}", 1, {4}, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = fixture_npy_of(rows[i].header);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = fixture_list(bytes, ENTRO_CONTAINER_NPY, &error);
        const EntroArray *array = fixture_first(list, error);
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_cmpuint(array->rank, ==, rows[i].rank);
        g_assert_cmpmem(array->dims, array->rank * 8, rows[i].dims, rows[i].rank * 8);
        g_assert_cmpint(array->fortran, ==, rows[i].fortran);
        g_assert_cmpuint(array->offset, ==, bytes->len - 16);
        g_assert_cmpuint(array->size, ==, 16);
    }
}

static void
test_npy_headers_that_are_none(void)
{
    static const char *const headers[] = {
        "",
        "{",
        "}",
        "{}",
        "{,}",
        "[]",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (4,)}",
        "{'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)},",
        "{'descr': '<f4', 'fortran_order': False,, 'shape': (4,)}",
        "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': <f4, 'fortran_order': False, 'shape': (4,)}",
        "{'descr': 4, 'fortran_order': False, 'shape': (4,)}",
        "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (4,)}",
        F4("false", "(4,)"),
        F4("0", "(4,)"),
        "{'descr': '<f4', 'fortran_order': Fals",
        F4("None", "(4,)"),
        F4("False", "(4)"),
        F4("False", "4"),
        F4("False", "[4]"),
        F4("False", "(4,,)"),
        F4("False", "(,)"),
        F4("False", "(-4,)"),
        F4("False", "(+4,)"),
        F4("False", "(04,)"),
        F4("False", "(4.0,)"),
        F4("False", "(4L,)"),
        F4("False", "(0x4,)"),
        F4("False", "(2**2,)"),
        F4("False", "(4, None)"),
        F4("False", "(2 2)"),
        F4("False", "(18446744073709551616,)"),
        F4("False", "(99999999999999999999999999,)"),
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = fixture_npy_of(headers[i]);
        fixture_expect_error(bytes, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "broken header",
                             headers[i]);
    }
}

static void
test_npy_types_that_are_of_no_use(void)
{
    static const struct {
        const char *descr;
        gboolean refused;
        const char *words;
    } rows[] = {
        {"'|O'", TRUE, "Python objects"},
        {"'O'", TRUE, "Python objects"},
        {"'|O8'", TRUE, "Python objects"},
        {"[('a', '<f4')]", TRUE, "several fields"},
        {"[('a', '|O'), ('b', [('c', '<f4')])]", TRUE, "several fields"},
        {"('<f4', (2,))", TRUE, "several fields"},
        {"'<f16'", FALSE, "\"<f16\""},
        {"'<f3'", FALSE, "\"<f3\""},
        {"'<c8'", FALSE, "\"<c8\""},
        {"'<U4'", FALSE, "\"<U4\""},
        {"'|S4'", FALSE, "\"|S4\""},
        {"'|V4'", FALSE, "\"|V4\""},
        {"'<M8[s]'", FALSE, "\"<M8[s]\""},
        {"'f4'", FALSE, "\"f4\""},
        {"'!f4'", FALSE, "\"!f4\""},
        {"''", FALSE, "\"\""},
        {"'<'", FALSE, "\"<\""},
        {"'<f44'", FALSE, "\"<f44\""},
        {"'<\x1b[2J'", FALSE, "x1b[2J"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *header =
            g_strdup_printf("{'descr': %s, 'fortran_order': False, 'shape': (4,), }",
                            rows[i].descr);
        g_autoptr(GByteArray) bytes = fixture_npy_of(header);
        fixture_expect_problem(bytes, ENTRO_CONTAINER_NPY, rows[i].refused, rows[i].words, header);
    }
    g_autoptr(GByteArray) axes = fixture_npy_of(F4("False", "(1, 1, 1, 1, 1, 1, 1, 1, 4)"));
    fixture_expect_problem(axes, ENTRO_CONTAINER_NPY, FALSE, "9 axes", "axes");
}

static void
test_npy_sizes_that_lie(void)
{
    static const struct {
        const char *shape;
        int code;
        const char *words;
    } rows[] = {
        {F4("False", "(5,)"), ENTRO_LOADER_ERROR_FORMAT, "needs 20 bytes, of which 4 are missing"},
        {F4("False", "(3,)"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 4 bytes"},
        {F4("False", "(0,)"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 16 bytes"},
        {F4("False", "()"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 12 bytes"},
        {F4("False", "(4611686018427387904,)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4611686018427387903,)"), ENTRO_LOADER_ERROR_FORMAT, "are missing"},
        {F4("False", "(18446744073709551615,)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4294967296, 4294967296, 4)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4294967295, 1073741823)"), ENTRO_LOADER_ERROR_FORMAT, "are missing"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = fixture_npy_of(rows[i].shape);
        fixture_expect_error(bytes, ENTRO_CONTAINER_NPY, rows[i].code, rows[i].words,
                             rows[i].shape);
    }
}

static void
test_npy_lengths_and_versions_that_lie(void)
{
    const char *header = F4("False", "(4,)");
    const guint64 length = strlen(header);
    g_autoptr(GByteArray) version = fixture_npy(4, length, header, PAYLOAD);
    g_autoptr(GByteArray) none = fixture_npy(0, length, header, PAYLOAD);
    g_autoptr(GByteArray) minor = fixture_npy(0x101, length, header, PAYLOAD);
    g_autoptr(GByteArray) beyond = fixture_npy(1, 60000, header, PAYLOAD);
    g_autoptr(GByteArray) large = fixture_npy(2, 65537, header, PAYLOAD);
    g_autoptr(GByteArray) huge = fixture_npy(3, G_MAXUINT32, header, PAYLOAD);
    g_autoptr(GByteArray) empty = g_byte_array_new();

    fixture_expect_error(version, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0",
                         "4.0");
    fixture_expect_error(none, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0", "0.0");
    fixture_expect_error(minor, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0",
                         "1.1");
    fixture_expect_error(beyond, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "truncated",
                         "beyond");
    fixture_expect_error(large, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_LIMIT, "65537 bytes",
                         "large");
    fixture_expect_error(huge, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_LIMIT, "4294967295 bytes",
                         "huge");
    fixture_expect_error(empty, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "truncated",
                         "empty");
    fixture_expect_error(empty, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT,
                         "without a directory", "empty");
    fixture_expect_error(empty, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "truncated",
                         "empty");
    fixture_expect_error(empty, ENTRO_CONTAINER_NONE, ENTRO_LOADER_ERROR_FORMAT, "neither",
                         "empty");
}

#define ADD(NAME, FUNCTION) g_test_add_func("/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("npy/headers-that-are-good", test_npy_headers_that_are_good);
    ADD("npy/headers-that-are-none", test_npy_headers_that_are_none);
    ADD("npy/types-that-are-of-no-use", test_npy_types_that_are_of_no_use);
    ADD("npy/sizes-that-lie", test_npy_sizes_that_lie);
    ADD("npy/lengths-and-versions-that-lie", test_npy_lengths_and_versions_that_lie);
    return g_test_run();
}
