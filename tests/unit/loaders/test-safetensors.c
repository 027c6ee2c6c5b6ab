/* test-safetensors.c: headers and ranges of safetensors that lie. */
#include "container-fixture.h"

#include <string.h>

static void
test_safetensors_that_are_good(void)
{
    static const char *const headers[] = {
        "{" A16 "}",
        "{ " A16 " } \t\r\n  ",
        "{\"__metadata__\":{}," A16 "}",
        "{" A16 ",\"__metadata__\":{\"a\":\"\\u00fc\\ud83d\\ude00\\n\",\"b\":\"\"}}",
        "{\"a\" : { \"data_offsets\" : [ 0 , 16 ] , \"shape\":[2, 2], \"dtype\" : \"F32\" } }",
        "{" A16 "," TENSOR("empty", "F32", "[0]", "[16,16]") "}",
        "{" TENSOR("a", "F32", "[2,2]", "[0,16]") "," TENSOR("z", "F32", "[0,7]", "[0,0]") "}",
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = fixture_safetensors(headers[i], 16);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = fixture_list(bytes, ENTRO_CONTAINER_SAFETENSORS, &error);
        const EntroArray *array = fixture_first(list, error);
        g_assert_cmpstr(array->name, ==, "a");
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_cmpuint(array->rank, ==, 2);
        g_assert_cmpuint(array->offset, ==, bytes->len - 16);
        g_assert_cmpuint(array->size, ==, 16);
        g_assert_cmpint(array->element, ==, ENTRO_F32);
    }
    g_autoptr(GByteArray) none = fixture_safetensors("{}", 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = fixture_list(none, ENTRO_CONTAINER_SAFETENSORS, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 0);
}

static void
test_safetensors_headers_that_are_none(void)
{
    static const char *const headers[] = {
        "",
        "{",
        "}",
        "[]",
        "{" A16,
        "{" A16 ",}",
        "{" A16 "}x",
        "{" A16 "}{}",
        "{" A16 "," A16 "}",
        "{" A16 ",\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[16,16]}}",
        "{\"__metadata__\":{},\"__metadata__\":{}," A16 "}",
        "{\"__metadata__\":[]," A16 "}",
        "{\"__metadata__\":{\"a\":1}," A16 "}",
        "{\"__metadata__\":{\"a\":{\"b\":\"c\"}}," A16 "}",
        "{\"__metadata__\":{\"a\":\"b\",}," A16 "}",
        "{'a':{}}",
        "{a:{}}",
        "{\"a\":1}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"a\":null}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2]}}",
        "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}",
        "{\"a\":{\"shape\":[2,2],\"data_offsets\":[0,16]}}",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"more\":1}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],}}",
        "{\"a\":{\"dtype\":4,\"shape\":[4],\"data_offsets\":[0,16]}}",
        "{" TENSOR("a", "F32", "4", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4,]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[-4]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4.0]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4e0]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[04]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[[4]]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[\"4\"]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[18446744073709551616]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4]", "[0]") "}",
        "{" TENSOR("a", "F32", "[4]", "[]") "}",
        "{" TENSOR("a", "F32", "[4]", "[0,16,16]") "}",
        "{" TENSOR("a", "F32", "[4]", "[16,0]") "}",
        "{" TENSOR("a\\u0000", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d\\u0041", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d\\ue000", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d\\n", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83dxu", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d\\u00", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\udc00", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\u12", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\x", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("a\n", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\xff", "F32", "[4]", "[0,16]") "}",
        "{\"a",
        "{\"a\\",
        "{\"a\\u",
        "{\"a\\ud83d",
        "{\"a\\ud83d\\",
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = fixture_safetensors(headers[i], 16);
        fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                             "broken header", headers[i]);
    }
    g_autofree char *deep = g_strnfill(1u << 20, '[');
    g_autofree char *header = g_strconcat("{\"a\":", deep, NULL);
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 0);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "broken header", "a million brackets");
}

/* A NUL is text for UTF-8, and for no other. */
static void
test_safetensors_nuls(void)
{
    static const char header[] = "{\"a\\?";
    g_autoptr(GByteArray) bytes = fixture_safetensors(header, 16);

    fixture_poke(bytes, 8 + strlen(header) - 1, 0, 1);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "broken header", "a NUL behind a backslash");
    fixture_poke(bytes, 8, 0, 1);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "broken header", "a NUL at the begin");
}

static void
test_safetensors_ranges_that_lie(void)
{
    static const struct {
        const char *header, *words;
    } rows[] = {
        {"{" TENSOR("a", "F32", "[5]", "[0,20]") "}", "ends at byte 20 of the data, of which 16"},
        {"{" TENSOR("a", "F32", "[3]", "[0,12]") "}", "4 bytes follow"},
        {"{" TENSOR("a", "F32", "[3]", "[4,16]") "}", "begins at byte 4"},
        {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[1]", "[12,16]") "}",
         "\"b\" begins at byte 12 of the data, the one before it ends at 8"},
        {"{" A16 "," TENSOR("b", "F32", "[2,2]", "[0,16]") "}", "begins at byte 0"},
        {"{" A16 "," TENSOR("b", "F32", "[1]", "[4,8]") "}", "begins at byte 4"},
        {"{" A16 "," TENSOR("b", "F32", "[0]", "[8,8]") "}", "begins at byte 8"},
        {"{" TENSOR("b", "F32", "[1]", "[12,16]") "," TENSOR("a", "F32", "[2]", "[0,8]") "}",
         "\"b\" begins at byte 12 of the data, the one before it ends at 8"},
        {"{" A16 "," TENSOR("b", "F32", "[1]", "[0,4]") "," TENSOR("c", "F32", "[0]", "[0,0]") "}",
         "begins at byte 0"},
        {"{" TENSOR("a", "U8", "[1]", "[18446744073709551614,18446744073709551615]") "}",
         "begins at byte 18446744073709551614"},
        {"{" TENSOR("a", "U8", "[1]", "[0,18446744073709551615]") "}", "of which 16 are there"},
        {"{}", "16 bytes follow"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = fixture_safetensors(rows[i].header, 16);
        fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                             rows[i].words, rows[i].header);
    }
}

static void
test_safetensors_tensors_of_no_use(void)
{
    static const struct {
        const char *header;
        gboolean refused;
        const char *words;
    } rows[] = {
        {"{" TENSOR("a", "F8_E4M3", "[16]", "[0,16]") "}", FALSE, "F8_E4M3"},
        {"{" TENSOR("a", "f32", "[4]", "[0,16]") "}", FALSE, "\"f32\""},
        {"{" TENSOR("a", "C64", "[2]", "[0,16]") "}", FALSE, "C64"},
        {"{" TENSOR("a", "\\u001b", "[2]", "[0,16]") "}", FALSE, "x1b"},
        {"{" TENSOR("a", "F32", "[3]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 12"},
        {"{" TENSOR("a", "F32", "[5]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 20"},
        {"{" TENSOR("a", "F32", "[0]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 0"},
        {"{" TENSOR("a", "F32", "[]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 4"},
        {"{" TENSOR("a", "F32", "[4611686018427387905]", "[0,16]") "}", TRUE, "can be counted"},
        {"{" TENSOR("a", "F32", "[4294967296,4294967296,0]", "[0,16]") "}", TRUE, "can be counted"},
        {"{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]") "}", FALSE, "9 axes"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = fixture_safetensors(rows[i].header, 16);
        fixture_expect_problem(bytes, ENTRO_CONTAINER_SAFETENSORS, rows[i].refused, rows[i].words,
                               rows[i].header);
    }
}

static void
test_safetensors_lengths_that_lie(void)
{
    g_autoptr(GByteArray) bytes = fixture_safetensors("{" A16 "}", 16);

    fixture_poke(bytes, 0, bytes->len - 7, 8);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "the file has", "one too long");
    fixture_poke(bytes, 0, G_MAXUINT64, 8);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "18446744073709551615", "the longest");
    fixture_poke(bytes, 0, 0, 8);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                         "broken header", "none");
    const gsize length = bytes->len;
    g_byte_array_set_size(bytes, (16u << 20) + 100);
    memset(bytes->data + length, 0, bytes->len - length);
    fixture_poke(bytes, 0, (16u << 20) + 1, 8);
    fixture_expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_LIMIT,
                         "the limit is", "one over the limit");
}

#define ADD(NAME, FUNCTION) g_test_add_func("/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("safetensors/good", test_safetensors_that_are_good);
    ADD("safetensors/headers-that-are-none", test_safetensors_headers_that_are_none);
    ADD("safetensors/nuls", test_safetensors_nuls);
    ADD("safetensors/ranges-that-lie", test_safetensors_ranges_that_lie);
    ADD("safetensors/tensors-of-no-use", test_safetensors_tensors_of_no_use);
    ADD("safetensors/lengths-that-lie", test_safetensors_lengths_that_lie);
    return g_test_run();
}
