/* row-sums.c: one pass over one run of attention weights.
 *
 * Everything entroscope says about a row is computed from the few sums made here, so these are the
 * only loops that touch every key.  Built once for each instruction set (ISA is the end of the
 * functions' names): GCC's vectors become whatever the processor has.  No allocation, no errors, no
 * branch on the data. */
#include "row-sums.h"

#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#define PASTE(name, isa)  name##_##isa
#define EXPAND(name, isa) PASTE(name, isa)
#define NAME(name)        EXPAND(name, ISA)

/* A row is read in strides of 16 keys whatever the processor has: PARTS registers of WIDTH floats
 * together.  GCC would split one vector of 16 as well, but keeps the pieces on the stack. */
#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX2__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define STRIDE 16
#define PARTS  (STRIDE / WIDTH)

typedef float Floats __attribute__((vector_size(4 * WIDTH)));
typedef gint32 Ints __attribute__((vector_size(4 * WIDTH)));
typedef guint32 Bits __attribute__((vector_size(4 * WIDTH)));
typedef float HalfFloats __attribute__((vector_size(2 * WIDTH)));
typedef double Doubles __attribute__((vector_size(4 * WIDTH))); /* WIDTH / 2 of them */

/* Strides that are summed in float before they go to double: a lane then holds at most 8 terms, so
 * its rounding stays near 2^-24 of its size. */
#define BLOCK 8
/* Odd, so that every bit of every value reaches the hash; from Knuth's multiplicative hashing. */
#define HASH_FACTOR 2654435761u

/* One register's share of the row. */
typedef struct {
    Floats sum, log_sum; /* sum p, sum p log2 p of the current block */
    Floats prefix;       /* sum of `sum` after each stride: see flush_block() */
    Bits most;           /* largest bits: a sign, a NaN or an Inf is above all finite weights */
    Bits hash;
    Doubles total[3][2]; /* sum, p log2 p, moment without the lane's own number; low, high half */
} Part;

/* log2 p.  p = 2^e m with m in [sqrt(1/2), sqrt(2)): log2 p = e + x Q(x), x = m - 1, Q the minimax
 * polynomial that leaves at most 3.4e-8 nats.  Exact at 1; p = 0 and denormals get the exponent -127
 * or so, finite, and their product with p vanishes. */
static inline Floats
log2_of(Floats p)
{
    const guint32 sqrt_half = 0x3f3504f3;
    Ints shifted = (Ints)((Bits)p - sqrt_half);
    Ints exponent = shifted >> 23;
    Floats x = (Floats)((Bits)p - ((Bits)exponent << 23)) - 1.0f;
    Floats q = x * -0.145757262f + 0.236882388f;

    q = q * x - 0.250061239f;
    q = q * x + 0.286708555f;
    q = q * x - 0.360088116f;
    q = q * x + 0.480939391f;
    q = q * x - 0.721357122f;
    q = q * x + 1.44269477f;
    return x * q + __builtin_convertvector(exponent, Floats);
}

static inline Bits
larger_of(Bits a, Bits b)
{
#if defined(__AVX512F__)
    return (Bits)_mm512_max_epu32((__m512i)a,
                                  (__m512i)b); /* GCC sees no maximum in the form below */
#else
    Bits larger = (Bits)(a > b);
    return (a & larger) | (b & ~larger);
#endif
}

/* One register's worth of keys; returns p log2 p. */
static inline Floats
take(Part *part, const float *p)
{
    Floats values;

    memcpy(&values, p, sizeof values);
    part->most = larger_of(part->most, (Bits)values);
    /* folded: the low bits of round weights (1, 1/2, any f16) are 0, and a product keeps them so */
    part->hash = part->hash * HASH_FACTOR + ((Bits)values ^ (Bits)values >> 16);
    part->sum += values;
    part->prefix += part->sum;
    return values * log2_of(values);
}

static inline void
add_stride(Part parts[PARTS], const float *p)
{
    for (int i = 0; i < PARTS; i++)
        parts[i].log_sum += take(&parts[i], p + i * WIDTH);
}

/* Two at once: a uniform row is the worst, since all its lanes round the same way, and adding in
 * pairs halves that (1.5e-6 nats become 0.85e-6). */
static inline void
add_two_strides(Part parts[PARTS], const float *p)
{
    for (int i = 0; i < PARTS; i++) {
        Floats first = take(&parts[i], p + i * WIDTH);
        parts[i].log_sum += first + take(&parts[i], p + STRIDE + i * WIDTH);
    }
}

static inline void
split(Floats vector, Doubles ret_halves[2])
{
    HalfFloats low, high;

    memcpy(&low, &vector, sizeof low);
    memcpy(&high, (const char *)&vector + sizeof low, sizeof high);
    ret_halves[0] = __builtin_convertvector(low, Doubles);
    ret_halves[1] = __builtin_convertvector(high, Doubles);
}

/* A block of n strides that begins at key `first`.  Stride j was added to the prefix n - j times:
 *     sum over j of j p_j  =  n sum - prefix
 * and key = first + 16 j + lane; the lanes are added at the end of the row. */
static inline void
flush_block(Part parts[PARTS], double first, double n)
{
    for (int i = 0; i < PARTS; i++) {
        Part *part = &parts[i];
        Doubles sum[2], log_sum[2], prefix[2];

        split(part->sum, sum);
        split(part->log_sum, log_sum);
        split(part->prefix, prefix);
        for (int half = 0; half < 2; half++) {
            part->total[0][half] += sum[half];
            part->total[1][half] += log_sum[half];
            part->total[2][half] += (first + STRIDE * n) * sum[half] - STRIDE * prefix[half];
        }
        part->sum = part->log_sum = part->prefix = (Floats){0};
    }
}

/* ---- the end of a row ------------------------------------------------------------------------------ */

static inline double
add_lanes(Doubles lanes)
{
    double lane[WIDTH / 2];

    memcpy(lane, &lanes, sizeof lane);
    for (int width = WIDTH / 4; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return lane[0];
}

/* The lanes' own numbers, for one half of a register. */
static inline Doubles
lane_numbers(int first)
{
    Doubles numbers;

    for (int i = 0; i < WIDTH / 2; i++)
        numbers[i] = first + i;
    return numbers;
}

static inline void
add_part(const Part *part, int first_lane, EntroRowSums *sums)
{
    const Doubles *sum = part->total[0], *log_sum = part->total[1], *moment = part->total[2];

    sums->sum += add_lanes(sum[0] + sum[1]);
    sums->plogp += add_lanes(log_sum[0] + log_sum[1]);
    sums->moment += add_lanes(moment[0] + moment[1] + lane_numbers(first_lane) * sum[0] +
                              lane_numbers(first_lane + WIDTH / 2) * sum[1]);
}

/* Each lane times an odd number of its own, in 64 bits: no chain of multiplications. */
static inline guint64
mix_lane(guint32 hash, int lane)
{
    guint64 wide = hash | (guint64)(lane + 1) << 32;

    wide *= G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + 2 * (guint64)lane * 0x94d049bb;
    return wide ^ wide >> 29;
}

static inline void
finish(const Part parts[PARTS], EntroRowSums *ret_sums)
{
    EntroRowSums sums = {0};

    for (int i = 0; i < PARTS; i++) {
        add_part(&parts[i], i * WIDTH, &sums);
        for (int lane = 0; lane < WIDTH; lane++) {
            sums.max_bits = MAX(sums.max_bits, parts[i].most[lane]);
            sums.hash += mix_lane(parts[i].hash[lane], i * WIDTH + lane);
        }
    }
    sums.plogp *= G_LN2;
    *ret_sums = sums;
}

void
NAME(entro_row_sums)(const float *p, gsize n, EntroRowSums *ret_sums)
{
    Part parts[PARTS] = {0};
    gsize at = 0;

    while (n - at >= STRIDE) {
        gsize first = at, n_strides = MIN((n - at) / STRIDE, BLOCK);
        gsize stride = 0;
        for (; stride + 2 <= n_strides; stride += 2, at += 2 * STRIDE)
            add_two_strides(parts, p + at);
        for (; stride < n_strides; stride++, at += STRIDE)
            add_stride(parts, p + at);
        flush_block(parts, first, n_strides);
    }
    if (at < n) { /* the rest, padded with zeros that add nothing */
        float rest[STRIDE] = {0};
        memcpy(rest, p + at, (n - at) * sizeof *p);
        add_stride(parts, rest);
        flush_block(parts, at, 1);
    }
    finish(parts, ret_sums);
}

/* ---- several rows, and logits ---------------------------------------------------------------------- */

void
NAME(entro_row_add)(float *restrict to, const float *restrict p, gsize n)
{
    for (gsize key = 0; key < n; key++)
        to[key] += p[key];
}

/* ln p, 0 where p is not above 0.  Nothing vanishes here as in p ln p: a denormal is made normal. */
static inline Floats
log_where_positive(Floats p, Bits positive)
{
    const Floats exponent = (Floats){0} + 32.0f;
    const Bits tiny = (Bits)(p < 0x1p-126f);
    const Floats normal = (Floats)(((Bits)(p * 0x1p32f) & tiny) | ((Bits)p & ~tiny));
    const Floats log2 = log2_of(normal) - (Floats)((Bits)exponent & tiny);

    return (Floats)((Bits)(log2 * (float)G_LN2) & positive);
}

void
NAME(entro_row_logs)(const float *p, gsize n, EntroRowLogs *ret_logs)
{
    Doubles sum = {0}, squares = {0};
    gint64 count = 0;

    for (gsize at = 0; at < n; at += WIDTH) {
        Floats values = {0};
        Doubles half[2];
        memcpy(&values, p + at, MIN(n - at, WIDTH) * sizeof *p);
        Bits positive = (Bits)(values > 0);
        split(log_where_positive(values, positive), half);
        sum += half[0] + half[1];
        squares += half[0] * half[0] + half[1] * half[1];
        for (int lane = 0; lane < WIDTH; lane++)
            count += positive[lane] & 1;
    }
    *ret_logs = (EntroRowLogs){count, add_lanes(sum), add_lanes(squares)};
}
