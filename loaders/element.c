/* element.c: the four kinds of stored numbers, to and from float.
 *
 * HDF5 1.10 knows no half precision: f16 and bf16 are custom floats there, and its own conversion of
 * them runs at 8 million numbers a second.  Here they are a shift and a multiplication. */
#include "loader-private.h"

#include <float.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
    const char *name;
    gsize size;
    gsize sign, exponent, exponent_bits, mantissa_bits,
        bias; /* bit positions as in H5Tset_fields */
} ElementFacts;

static const ElementFacts facts[] = {
    [ENTRO_F16] = {"f16", 2, 15, 10, 5, 10, 15},
    [ENTRO_BF16] = {"bf16", 2, 15, 7, 8, 7, 127},
    [ENTRO_F32] = {"f32", 4, 31, 23, 8, 23, 127},
    [ENTRO_F64] = {"f64", 8, 63, 52, 11, 52, 1023},
};

const char *
entro_element_name(EntroElement element)
{
    return facts[element].name;
}

gsize
entro_element_size(EntroElement element)
{
    return facts[element].size;
}

hid_t
entro_element_type(EntroElement element)
{
    const ElementFacts *fact = &facts[element];
    hid_t type = H5Tcopy(element == ENTRO_F64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE);

    if (fact->size == 2) {
        H5Tset_fields(type, fact->sign, fact->exponent, fact->exponent_bits, 0,
                      fact->mantissa_bits);
        H5Tset_size(type, fact->size);
        H5Tset_ebias(type, fact->bias);
    }
    return type;
}

static gboolean
type_matches(hid_t type, const ElementFacts *fact)
{
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;

    return H5Tget_size(type) == fact->size && H5Tget_offset(type) == 0 &&
           H5Tget_precision(type) == 8 * fact->size &&
           H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) >= 0 &&
           sign == fact->sign && exponent == fact->exponent &&
           exponent_bits == fact->exponent_bits && mantissa == 0 &&
           mantissa_bits == fact->mantissa_bits && H5Tget_ebias(type) == fact->bias &&
           H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

gboolean
entro_element_from_type(hid_t type, EntroElement *ret_element, gboolean *ret_big_endian)
{
    H5T_order_t order = H5Tget_order(type);

    if (H5Tget_class(type) != H5T_FLOAT || (order != H5T_ORDER_LE && order != H5T_ORDER_BE))
        return FALSE;
    for (guint element = 0; element < G_N_ELEMENTS(facts); element++)
        if (type_matches(type, &facts[element])) {
            *ret_element = element;
            *ret_big_endian = order == H5T_ORDER_BE;
            return TRUE;
        }
    return FALSE;
}

EntroType
entro_type_read(hid_t type)
{
    static const EntroClass classes[] = {
        [H5T_INTEGER] = ENTRO_CLASS_INTEGER, [H5T_FLOAT] = ENTRO_CLASS_FLOAT,
        [H5T_TIME] = ENTRO_CLASS_OTHER,      [H5T_STRING] = ENTRO_CLASS_TEXT,
        [H5T_BITFIELD] = ENTRO_CLASS_OTHER,  [H5T_OPAQUE] = ENTRO_CLASS_OPAQUE,
        [H5T_COMPOUND] = ENTRO_CLASS_RECORD, [H5T_REFERENCE] = ENTRO_CLASS_OTHER,
        [H5T_ENUM] = ENTRO_CLASS_ENUM,       [H5T_VLEN] = ENTRO_CLASS_OTHER,
        [H5T_ARRAY] = ENTRO_CLASS_OTHER,
    };
    H5T_class_t class = H5Tget_class(type);
    EntroType found = {.class = ENTRO_CLASS_OTHER};

    if (class >= 0 && class < (int)G_N_ELEMENTS(classes))
        found.class = classes[class];
    found.is_ours = entro_element_from_type(type, &found.element, &found.big_endian);
    if (found.class == ENTRO_CLASS_INTEGER) {
        H5T_order_t order = H5Tget_order(type);
        found.big_endian = order == H5T_ORDER_BE;
        found.is_signed = H5Tget_sign(type) == H5T_SGN_2;
        found.is_plain = (order == H5T_ORDER_LE || order == H5T_ORDER_BE) &&
                         H5Tget_offset(type) == 0 &&
                         H5Tget_precision(type) == 8 * H5Tget_size(type);
    }
    H5Eclear2(H5E_DEFAULT);
    return found;
}

static gint64
whole_number(const guint8 *bytes, gsize size, const EntroType *type)
{
    guint64 bits = 0;

    for (gsize i = 0; i < size; i++)
        bits = bits << 8 | bytes[type->big_endian ? i : size - 1 - i];
    if (type->is_signed && size < 8 && (bits >> (8 * size - 1) & 1) != 0)
        bits |= ~(guint64)0 << (8 * size);
    return !type->is_signed && bits > G_MAXINT64 ? G_MAXINT64 : (gint64)bits;
}

/* From the last, whose place is not below where it came from. */
gboolean
entro_type_to_int64(const EntroType *type, gsize size, gpointer values, gsize n)
{
    if (type->class != ENTRO_CLASS_INTEGER || !type->is_plain || size < 1 || size > 8)
        return FALSE;
    for (gsize i = n; i-- > 0;) {
        gint64 value = whole_number((const guint8 *)values + i * size, size, type);
        memcpy((guint8 *)values + i * sizeof value, &value, sizeof value);
    }
    return TRUE;
}

static inline guint32
float_bits(float value)
{
    guint32 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float
bits_float(guint32 bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- encoding ---------------------------------------------------------------------------------- */

static inline guint16
encode_bf16(float value)
{
    guint32 bits = float_bits(value);

    if (isnan(value))
        return (guint16)(bits >> 16 | 0x40); /* stays a NaN when its low bits are cut off */
    return (guint16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Below 2^-14 the result is a multiple of 2^-24: adding 0.5 in float leaves just those bits,
 * rounded to nearest even by the adder itself. */
static inline guint16
encode_f16(float value)
{
    guint32 bits = float_bits(value), sign = bits >> 16 & 0x8000;

    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        return sign | 0x7e00;
    if (bits >= 0x477ff000) /* rounds to 65536 or beyond */
        return sign | 0x7c00;
    if (bits < 0x38800000)
        return sign | (guint16)(float_bits(bits_float(bits) + 0.5f) - float_bits(0.5f));
    return sign | (guint16)((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13);
}

static inline void
put_le64(guint8 *to, double value)
{
    guint64 bits;
    memcpy(&bits, &value, sizeof bits);
    bits = GUINT64_TO_LE(bits);
    memcpy(to, &bits, sizeof bits);
}

void
entro_element_encode(EntroElement element, const float *from, void *to, gsize n)
{
    guint16 *to16 = to;
    guint32 *to32 = to;

    for (gsize i = 0; i < n; i++)
        switch (element) {
        case ENTRO_F16:
            to16[i] = GUINT16_TO_LE(encode_f16(from[i]));
            break;
        case ENTRO_BF16:
            to16[i] = GUINT16_TO_LE(encode_bf16(from[i]));
            break;
        case ENTRO_F32:
            to32[i] = GUINT32_TO_LE(float_bits(from[i]));
            break;
        case ENTRO_F64:
            put_le64((guint8 *)to + 8 * i, from[i]);
            break;
        }
}

/* ---- decoding ---------------------------------------------------------------------------------- */

/* A half's exponent and mantissa moved to a float's place read as value * 2^-112, for denormals
 * too; Inf and NaN (exponent 31) get the float's exponent 255 by the second term. */
static inline float
decode_f16(guint16 half)
{
    guint32 magnitude = (guint32)(half & 0x7fff) << 13;
    float scaled = bits_float(magnitude) * 0x1p112f;
    guint32 special = (half & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;

    return bits_float(float_bits(scaled) | special | (guint32)(half & 0x8000) << 16);
}

/* Finite stays finite: a weight of 1e300 is wrong, but it is not Inf. */
static inline float
decode_f64(double value)
{
    return isinf(value) ? (float)value : (float)CLAMP(value, -FLT_MAX, FLT_MAX);
}

#define DECODE_LOOP(TYPE, LOAD, CONVERT)                                                           \
    for (gsize i = 0; i < n; i++) {                                                                \
        TYPE raw;                                                                                  \
        memcpy(&raw, (const guint8 *)from + i * sizeof raw, sizeof raw);                           \
        to[i] = CONVERT(LOAD(raw));                                                                \
    }

static inline float
decode_bf16(guint16 raw)
{
    return bits_float((guint32)raw << 16);
}

static inline float
decode_f64_bits(guint64 raw)
{
    double value;
    memcpy(&value, &raw, sizeof value);
    return decode_f64(value);
}

#if defined(__x86_64__)
/* The processor's own conversion, where it has one: same results, five times as fast. */
__attribute__((target("avx,f16c"))) static gsize
decode_f16_in_eights(const guint8 *from, float *to, gsize n)
{
    gsize at = 0;

    for (; n - at >= 8; at += 8)
        _mm256_storeu_ps(to + at,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + 2 * at))));
    return at;
}
#endif

/* Returns how many were decoded. */
static gsize
decode_f16_fast(const void *from, float *to, gsize n)
{
#if defined(__x86_64__)
    /* every processor with AVX2 has F16C, for which clang 14 has no word */
    if (__builtin_cpu_supports("avx2"))
        return decode_f16_in_eights(from, to, n);
#endif
    (void)from;
    (void)to;
    (void)n;
    return 0;
}

static void
decode_little(EntroElement element, const void *from, float *to, gsize n)
{
    gsize done = element == ENTRO_F16 ? decode_f16_fast(from, to, n) : 0;

    from = (const guint8 *)from + 2 * done;
    to += done;
    n -= done;
    switch (element) {
    case ENTRO_F16:
        DECODE_LOOP(guint16, GUINT16_FROM_LE, decode_f16);
        break;
    case ENTRO_BF16:
        DECODE_LOOP(guint16, GUINT16_FROM_LE, decode_bf16);
        break;
    case ENTRO_F32:
        DECODE_LOOP(guint32, GUINT32_FROM_LE, bits_float);
        break;
    case ENTRO_F64:
        DECODE_LOOP(guint64, GUINT64_FROM_LE, decode_f64_bits);
        break;
    }
}

static void
decode_big(EntroElement element, const void *from, float *to, gsize n)
{
    switch (element) {
    case ENTRO_F16:
        DECODE_LOOP(guint16, GUINT16_FROM_BE, decode_f16);
        break;
    case ENTRO_BF16:
        DECODE_LOOP(guint16, GUINT16_FROM_BE, decode_bf16);
        break;
    case ENTRO_F32:
        DECODE_LOOP(guint32, GUINT32_FROM_BE, bits_float);
        break;
    case ENTRO_F64:
        DECODE_LOOP(guint64, GUINT64_FROM_BE, decode_f64_bits);
        break;
    }
}

/* From the last, as entro_type_to_int64(). */
void
entro_element_to_double(EntroElement element, gboolean big_endian, gpointer values, gsize n)
{
    gsize size = entro_element_size(element);

    for (gsize i = n; i-- > 0;) {
        const guint8 *raw = (const guint8 *)values + i * size;
        double value;
        if (element == ENTRO_F64) {
            guint64 bits;
            memcpy(&bits, raw, sizeof bits);
            bits = big_endian ? GUINT64_FROM_BE(bits) : GUINT64_FROM_LE(bits);
            memcpy(&value, &bits, sizeof value);
        } else {
            float single;
            entro_element_decode(element, big_endian, raw, &single, 1);
            value = single;
        }
        memcpy((guint8 *)values + i * sizeof value, &value, sizeof value);
    }
}

void
entro_element_decode(EntroElement element, gboolean big_endian, const void *from, float *to,
                     gsize n)
{
    (big_endian ? decode_big : decode_little)(element, from, to, n);
}
