/* test-attributes.c: attributes in all the ways people write them; text from files made safe. */
#include "loader-fixture.h"

#include <string.h>

static hid_t
put(hid_t object, const char *name, hid_t type, const hsize_t *n, const void *data)
{
    g_auto(EntroHid) space = n ? H5Screate_simple(1, n, NULL) : H5Screate(H5S_SCALAR);
    g_auto(EntroHid) id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);

    g_assert_cmpint(id, >=, 0);
    g_assert_cmpint(H5Awrite(id, type, data), >=, 0);
    return object;
}

static void
expect_integer(hid_t file, const char *name, gint64 expected)
{
    g_auto(EntroValue) value = entro_attribute_read(file, name);

    g_assert_cmpint(value.kind, ==, ENTRO_VALUE_INTEGER);
    g_assert_cmpint(value.integer, ==, expected);
}

static void
expect_text(hid_t file, const char *name, const char *expected)
{
    g_auto(EntroValue) value = entro_attribute_read(file, name);

    g_assert_cmpint(value.kind, ==, ENTRO_VALUE_TEXT);
    g_assert_cmpstr(value.text, ==, expected);
}

static void
expect_unreadable(hid_t file, const char *name)
{
    g_auto(EntroValue) value = entro_attribute_read(file, name);
    g_autofree char *text = entro_value_to_text(&value);

    g_assert_cmpint(value.kind, ==, ENTRO_VALUE_UNREADABLE);
    g_assert_null(text);
}

static void
test_integers_of_any_size_and_order(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);
    const struct {
        hid_t little, big;
        gsize size;
    } types[] = {{H5T_STD_I8LE, H5T_STD_I8BE, 1},
                 {H5T_STD_I16LE, H5T_STD_I16BE, 2},
                 {H5T_STD_I32LE, H5T_STD_I32BE, 4},
                 {H5T_STD_I64LE, H5T_STD_I64BE, 8}};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        guint8 little[8] = {0x9c}, big[8] = {0}; /* -100, or 156 where it is longer */
        big[types[i].size - 1] = 0x9c;
        g_autofree char *first = g_strdup_printf("l%u", i), *second = g_strdup_printf("b%u", i);
        put(file, first, types[i].little, NULL, little);
        put(file, second, types[i].big, NULL, big);
        expect_integer(file, first, i == 0 ? -100 : 156);
        expect_integer(file, second, i == 0 ? -100 : 156);
    }
    put(file, "u8", H5T_STD_U8LE, NULL, (guint8[]){200});
    expect_integer(file, "u8", 200);
    put(file, "one", H5T_NATIVE_INT32, (hsize_t[]){1}, (gint32[]){2385});
    expect_integer(file, "one", 2385);
}

static void
test_a_seed_beyond_int64_stays_exact(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);

    put(file, "seed", H5T_NATIVE_UINT64, NULL, (guint64[]){18446744073709551557u});
    expect_text(file, "seed", "18446744073709551557");
    put(file, "largest", H5T_NATIVE_UINT64, NULL, (guint64[]){G_MAXINT64});
    expect_integer(file, "largest", G_MAXINT64);
}

/* h5py: H5Tenum over int8 with FALSE and TRUE. */
static void
test_booleans_are_enums_of_any_base(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);
    const hid_t bases[] = {H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64LE,
                           H5T_STD_I64BE};

    for (guint i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autofree char *name = g_strdup_printf("bool%u", i);
        g_auto(EntroHid) type = H5Tenum_create(bases[i]);
        guint8 no[8] = {0}, yes[8] = {0};
        gsize size = H5Tget_size(bases[i]);
        yes[H5Tget_order(bases[i]) == H5T_ORDER_BE ? size - 1 : 0] = 1;
        H5Tenum_insert(type, "FALSE", no);
        H5Tenum_insert(type, "TRUE", yes);
        put(file, name, type, NULL, yes);
        expect_integer(file, name, 1);
    }
}

static void
test_floats_of_any_size_and_order(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);
    const guint8 big[] = {0x40, 0x18, 0xa3, 0xd7}; /* 2.385 */

    put(file, "f64", H5T_NATIVE_DOUBLE, NULL, (double[]){2.385});
    put(file, "f32be", H5T_IEEE_F32BE, NULL, big);
    put(file, "nan", H5T_NATIVE_DOUBLE, NULL, (double[]){NAN});
    g_auto(EntroValue) f64 = entro_attribute_read(file, "f64");
    g_auto(EntroValue) f32 = entro_attribute_read(file, "f32be");
    g_auto(EntroValue) nan = entro_attribute_read(file, "nan");
    g_autofree char *text = entro_value_to_text(&f64);
    g_assert_cmpint(f64.kind, ==, ENTRO_VALUE_REAL);
    g_assert_cmpfloat(f64.real, ==, 2.385);
    g_assert_cmpfloat(f32.real, ==, 2.385f);
    g_assert_true(nan.kind == ENTRO_VALUE_REAL && isnan(nan.real));
    g_assert_cmpfloat(g_ascii_strtod(text, NULL), ==, 2.385);
}

static void
test_texts_of_fixed_and_variable_length(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);
    g_auto(EntroHid) variable = H5Tcopy(H5T_C_S1);
    g_auto(EntroHid) spaces = H5Tcopy(H5T_FORTRAN_S1);
    g_auto(EntroHid) full = H5Tcopy(H5T_C_S1);
    const char *text = "SM+LN+G µ";

    H5Tset_size(variable, H5T_VARIABLE);
    H5Tset_size(spaces, 8);
    H5Tset_size(full, 4);
    H5Tset_strpad(full, H5T_STR_NULLPAD);
    put(file, "variable", variable, NULL, &text);
    put(file, "spaces", spaces, NULL, "gpt2    ");
    put(file, "full", full, NULL, "abcd"); /* no NUL at all */
    fixture_text(file, "ours", text);
    fixture_text(file, "empty", "");
    expect_text(file, "variable", text);
    expect_text(file, "spaces", "gpt2");
    expect_text(file, "full", "abcd");
    expect_text(file, "ours", text);
    expect_text(file, "empty", "");
}

static void
test_text_that_is_no_utf8_is_kept_byte_by_byte(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);

    fixture_text(file, "latin1", "caf\xe9");
    g_auto(EntroValue) value = entro_attribute_read(file, "latin1");
    g_assert_cmpstr(value.text, ==, "caf\xe9");
}

static void
test_what_is_no_single_number_or_text_is_unreadable(void)
{
    g_auto(EntroHid) file = fixture_create(fixture_path("a.h5"), FALSE);
    g_auto(EntroHid) nothing = H5Screate(H5S_NULL);
    g_auto(EntroHid) compound = H5Tcreate(H5T_COMPOUND, 8);
    const hsize_t three = 3, four = 4;
    g_auto(EntroHid) array = H5Tarray_create2(H5T_NATIVE_INT32, 1, &four);

    H5Tinsert(compound, "r", 0, H5T_NATIVE_FLOAT);
    H5Tinsert(compound, "i", 4, H5T_NATIVE_FLOAT);
    put(file, "three", H5T_NATIVE_INT32, &three, (gint32[]){1, 2, 3});
    put(file, "complex", compound, NULL, (float[]){1, 2});
    put(file, "array", array, NULL, (gint32[]){1, 2, 3, 4});
    H5Aclose(H5Acreate2(file, "null", H5T_NATIVE_INT32, nothing, H5P_DEFAULT, H5P_DEFAULT));
    expect_unreadable(file, "three");
    expect_unreadable(file, "complex");
    expect_unreadable(file, "array");
    expect_unreadable(file, "null");
    g_auto(EntroValue) absent = entro_attribute_read(file, "nowhere");
    g_assert_cmpint(absent.kind, ==, ENTRO_VALUE_ABSENT);
}

static void
test_text_for_a_terminal_shows_what_would_act(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"plain µ", "plain µ"},
        {"\033[31mred", "\\x1b[31mred"},
        {"a\nb\tc", "a\\x0ab\\x09c"},
        {"caf\xe9!", "caf\\xe9!"},
        {"\xe2\x80\xae"
         "evil",
         "\\xe2\\x80\\xae"
         "evil"}, /* right-to-left override */
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b"
         "31m"}, /* C1 control sequence */
        {"cut \xe2\x80", "cut \\xe2\\x80"},
        {"", ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = entro_printable(rows[i].text, -1);
        g_assert_cmpstr(shown, ==, rows[i].shown);
    }
    g_autofree char *part = entro_printable("abcdef", 3);
    g_assert_cmpstr(part, ==, "abc");
    g_autofree char *inner = entro_printable("a\0b", 3);
    g_assert_cmpstr(inner, ==, "a\\x00b");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/attributes/" NAME, TEST)
    ADD("integers-of-any-size-and-order", test_integers_of_any_size_and_order);
    ADD("a-seed-beyond-int64-stays-exact", test_a_seed_beyond_int64_stays_exact);
    ADD("booleans-are-enums-of-any-base", test_booleans_are_enums_of_any_base);
    ADD("floats-of-any-size-and-order", test_floats_of_any_size_and_order);
    ADD("texts-of-fixed-and-variable-length", test_texts_of_fixed_and_variable_length);
    ADD("text-that-is-no-utf8-is-kept-byte-by-byte",
        test_text_that_is_no_utf8_is_kept_byte_by_byte);
    ADD("what-is-no-single-number-or-text-is-unreadable",
        test_what_is_no_single_number_or_text_is_unreadable);
    ADD("text-for-a-terminal-shows-what-would-act", test_text_for_a_terminal_shows_what_would_act);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
