/* test-element.c: stored numbers against arithmetic in double. */
#include "loader-private.h"

#include <float.h>
#include <string.h>

typedef struct {
    EntroElement element;
    int mantissa_bits, exponent_min; /* of the smallest normal number */
    int exponent_bits, bias;
    double largest;
} Format;

static const Format formats[] = {
    {ENTRO_F16, 10, -14, 5, 15, 65504},
    {ENTRO_BF16, 7, -126, 8, 127, 3.3895313892515355e38},
};

/* The definition, spelled out. */
static double
reference_decode(const Format *format, guint16 bits)
{
    int mantissa = bits & ((1 << format->mantissa_bits) - 1);
    int exponent = bits >> format->mantissa_bits & ((1 << format->exponent_bits) - 1);
    double sign = bits & 0x8000 ? -1 : 1;

    if (exponent == (1 << format->exponent_bits) - 1)
        return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, format->exponent_min - format->mantissa_bits);
    return sign * ldexp((1 << format->mantissa_bits) + mantissa,
                        exponent - format->bias - format->mantissa_bits);
}

/* Nearest multiple of the last place, ties to even; doubles hold every step exactly. */
static double
reference_round(const Format *format, float value)
{
    int exponent;

    if (value == 0 || !isfinite(value))
        return value;
    frexp(value, &exponent);
    double unit = ldexp(1, MAX(exponent - 1, format->exponent_min) - format->mantissa_bits);
    double rounded = nearbyint(value / unit) * unit;
    return fabs(rounded) > format->largest ? copysign(INFINITY, value) : rounded;
}

static float
decode_one(EntroElement element, gboolean big_endian, const void *from)
{
    float value;

    entro_element_decode(element, big_endian, from, &value, 1);
    return value;
}

static void
assert_same(double a, double b)
{
    if (isnan(a) && isnan(b))
        return;
    if (!(a == b && signbit(a) == signbit(b)))
        g_error("%.17g is not %.17g", a, b);
}

static void
test_decode_every_half(gconstpointer data)
{
    const Format *format = data;

    for (guint bits = 0; bits < 65536; bits++) {
        guint16 little = GUINT16_TO_LE((guint16)bits), big = GUINT16_TO_BE((guint16)bits);
        double expected = reference_decode(format, (guint16)bits);
        assert_same(decode_one(format->element, FALSE, &little), expected);
        assert_same(decode_one(format->element, TRUE, &big), expected);
    }
}

static void
test_decode_many_equals_one_by_one(gconstpointer data)
{
    const Format *format = data;
    g_autofree guint16 *all = g_new(guint16, 65536 + 1);
    g_autofree float *together = g_new(float, 65536);

    for (guint bits = 0; bits < 65536; bits++)
        all[bits + 1] = GUINT16_TO_LE((guint16)bits);
    for (gsize from = 0; from < 17; from++) { /* other corners of the groups of eight */
        entro_element_decode(format->element, FALSE, all + 1 + from, together, 65536 - from);
        for (gsize i = 0; i + from < 65536; i++)
            assert_same(together[i], reference_decode(format, (guint16)(i + from)));
    }
}

static void
check_encode(const Format *format, float value)
{
    guint16 bits;

    entro_element_encode(format->element, &value, &bits, 1);
    assert_same(reference_decode(format, GUINT16_FROM_LE(bits)), reference_round(format, value));
}

/* Every number, the middle to its neighbour, and the floats beside that middle. */
static void
test_encode_rounds_to_nearest_even(gconstpointer data)
{
    const Format *format = data;

    for (guint bits = 0; bits < 65535; bits++) {
        double here = reference_decode(format, (guint16)bits);
        double next = reference_decode(format, (guint16)(bits + 1));
        if (!isfinite(here))
            continue;
        check_encode(format, (float)here);
        if (!isfinite(next)) /* the place where Inf would stand */
            next = copysign(ldexp(1, format->bias + 1), here);
        float middle = (float)(here / 2 + next / 2);
        check_encode(format, middle);
        check_encode(format, nextafterf(middle, INFINITY));
        check_encode(format, nextafterf(middle, -INFINITY));
    }
}

static void
test_encode_any_float(gconstpointer data)
{
    const Format *format = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(2385);

    for (guint i = 0; i < 300000; i++) {
        guint32 bits = g_rand_int(random);
        float value;
        memcpy(&value, &bits, sizeof value);
        check_encode(format, value);
    }
    check_encode(format, INFINITY);
    check_encode(format, -INFINITY);
    check_encode(format, NAN);
    check_encode(format, -0.0f);
    check_encode(format, FLT_MAX);
    check_encode(format, FLT_TRUE_MIN);
}

static void
test_f32_and_f64_keep_every_float(void)
{
    const float values[] = {0.0f, -0.0f,   2.385f,   -2.385f,   FLT_MIN,  FLT_TRUE_MIN,
                            0.1f, FLT_MAX, INFINITY, -INFINITY, -FLT_MAX, NAN};
    guint8 bytes[8 * G_N_ELEMENTS(values)];
    float back[G_N_ELEMENTS(values)];

    for (EntroElement element = ENTRO_F32; element <= ENTRO_F64; element++) {
        entro_element_encode(element, values, bytes, G_N_ELEMENTS(values));
        entro_element_decode(element, FALSE, bytes, back, G_N_ELEMENTS(values));
        for (guint i = 0; i < G_N_ELEMENTS(values); i++)
            assert_same(back[i], values[i]);
    }
}

static void
test_big_endian_f32_and_f64(void)
{
    const guint8 f32[] = {0x40, 0x18, 0xa3, 0xd7}; /* 2.385 */
    const guint8 f64[] = {0x40, 0x03, 0x14, 0x7a, 0xe1, 0x47, 0xae, 0x14};

    assert_same(decode_one(ENTRO_F32, TRUE, f32), 2.385f);
    assert_same(decode_one(ENTRO_F64, TRUE, f64), 2.385f);
}

static void
test_finite_f64_stays_finite(void)
{
    const double from[] = {1e300, -1e300, INFINITY, -INFINITY, NAN, 3.5e38, 1e-320, 2.385};
    const float expected[] = {FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, NAN, FLT_MAX, 0, 2.385f};

    for (guint i = 0; i < G_N_ELEMENTS(from); i++) {
        guint64 bits;
        memcpy(&bits, &from[i], sizeof bits);
        guint64 little = GUINT64_TO_LE(bits), big = GUINT64_TO_BE(bits);
        assert_same(decode_one(ENTRO_F64, FALSE, &little), expected[i]);
        assert_same(decode_one(ENTRO_F64, TRUE, &big), expected[i]);
    }
}

static void
test_types_are_recognised_in_both_orders(void)
{
    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++)
        for (gboolean big = FALSE; big <= TRUE; big++) {
            g_auto(EntroHid) type = entro_element_type(element);
            EntroElement found;
            gboolean found_big;
            H5Tset_order(type, big ? H5T_ORDER_BE : H5T_ORDER_LE);
            g_assert_true(entro_element_from_type(type, &found, &found_big));
            g_assert_cmpint(found, ==, element);
            g_assert_cmpint(found_big, ==, big);
            g_assert_cmpuint(H5Tget_size(type), ==, entro_element_size(element));
        }
}

static void
test_other_types_are_not_taken_for_ours(void)
{
    EntroElement element;
    gboolean big;
    g_auto(EntroHid) f8 = H5Tcopy(H5T_IEEE_F32LE);
    g_auto(EntroHid) odd_bias = entro_element_type(ENTRO_F16);

    entro_h5_quiet();
    H5Tset_fields(f8, 7, 3, 4, 0, 3);
    H5Tset_size(f8, 1);
    H5Tset_ebias(f8, 7);
    H5Tset_ebias(odd_bias, 14);
    const hid_t others[] = {f8,      odd_bias, H5T_STD_I32LE, H5T_STD_U16LE, H5T_NATIVE_LDOUBLE,
                            H5T_C_S1};
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(entro_element_from_type(others[i], &element, &big));
}

static void
test_hdf5_agrees_on_our_types(gconstpointer data)
{
    const Format *format = data;
    g_auto(EntroHid) type = entro_element_type(format->element);

    for (guint bits = 0; bits < 65536; bits += 37) {
        guint8 buffer[8] = {(guint8)bits, (guint8)(bits >> 8)};
        double theirs;
        g_assert_cmpint(H5Tconvert(type, H5T_NATIVE_DOUBLE, 1, buffer, NULL, H5P_DEFAULT), >=, 0);
        memcpy(&theirs, buffer, sizeof theirs);
        assert_same(theirs, reference_decode(format, (guint16)bits));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        const char *name = entro_element_name(formats[i].element);
        const struct {
            const char *sentence;
            GTestDataFunc test;
        } tests[] = {
            {"every-pattern-decodes-as-defined", test_decode_every_half},
            {"many-decode-as-one-by-one", test_decode_many_equals_one_by_one},
            {"encoding-rounds-to-nearest-even", test_encode_rounds_to_nearest_even},
            {"any-float-encodes-as-defined", test_encode_any_float},
            {"hdf5-reads-our-type-alike", test_hdf5_agrees_on_our_types},
        };
        for (guint k = 0; k < G_N_ELEMENTS(tests); k++) {
            g_autofree char *path = g_strdup_printf("/element/%s/%s", name, tests[k].sentence);
            g_test_add_data_func(path, &formats[i], tests[k].test);
        }
    }
    g_test_add_func("/element/f32-and-f64-keep-every-float", test_f32_and_f64_keep_every_float);
    g_test_add_func("/element/big-endian-f32-and-f64-decode", test_big_endian_f32_and_f64);
    g_test_add_func("/element/finite-f64-stays-finite", test_finite_f64_stays_finite);
    g_test_add_func("/element/types-are-recognised-in-both-orders",
                    test_types_are_recognised_in_both_orders);
    g_test_add_func("/element/other-types-are-not-taken-for-ours",
                    test_other_types_are_not_taken_for_ours);
    return g_test_run();
}
