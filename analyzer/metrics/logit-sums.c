/* logit-sums.c: two passes over one run of logits: their largest, then what their softmax needs.
 *
 * The only loops that touch every pair of a query and a key.  Built once for each instruction set, as
 * row-sums.c is; in double, plain, for the tests.  Logits are measured from the largest so far, so that no
 * exponential overflows and the entropy
 *     H = ln sum e + (sum e (largest - x)) / sum e
 * is a sum of terms that are not below 0: nothing cancels. */
#include "logit-sums.h"

#include <math.h>
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#define PASTE(name, isa)  name##_##isa
#define EXPAND(name, isa) PASTE(name, isa)
#define NAME(name)        EXPAND(name, ISA)

#ifndef ENTRO_LOGITS_DOUBLE

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX2__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define PARTS 2 /* registers at a time, since one addition waits for the other */

typedef float Floats __attribute__((vector_size(4 * WIDTH)));
typedef gint32 Ints __attribute__((vector_size(4 * WIDTH)));

/* Below it, e is 1e-38 or less: nothing beside the e = 1 of the largest. */
#define LEAST (-87.0f)

static inline Floats
larger_of(Floats a, Floats b)
{
#if defined(__AVX512F__)
    return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#else
    Ints larger = a > b;
    return (Floats)(((Ints)a & larger) | ((Ints)b & ~larger));
#endif
}

/* exp of LEAST to 0: 2^n exp(r), |r| <= ln 2 / 2, with the polynomial of Cephes (2e-7 of the value).
 * Adding 1.5 2^23 rounds to a whole number, which then lies in the low bits. */
static inline Floats
exp_of(Floats x)
{
    const float round = 12582912.0f;
    Floats shifted = x * 1.44269504f + round;
    Floats whole = shifted - round;
    Floats r = x - whole * 0.693359375f - whole * -2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;

    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return (Floats)((Ints)p + (((Ints)shifted) << 23));
}

static inline Floats
load(const float *x)
{
    Floats values;

    memcpy(&values, x, sizeof values);
    return values;
}

/* The last ones, with `pad` behind them. */
static inline Floats
load_rest(const float *x, gsize n, float pad)
{
    Floats values = (Floats){0} + pad;

    memcpy(&values, x, n * sizeof *x);
    return values;
}

static inline double
add_lanes(Floats lanes)
{
    double sum = 0;

    for (int lane = 0; lane < WIDTH; lane++)
        sum += (double)lanes[lane];
    return sum;
}

typedef struct {
    Floats largest, sum, squares;
} SpreadPart;

static inline void
add_spread(SpreadPart *part, Floats x, float centre)
{
    Floats away = x - centre;

    part->largest = larger_of(x, part->largest);
    part->sum += away;
    part->squares += away * away;
}

void
NAME(entro_logit_spread)(const float *x, gsize n, float centre, EntroLogitSpread *ret_spread)
{
    SpreadPart parts[PARTS];
    gsize at = 0;

    for (int i = 0; i < PARTS; i++)
        parts[i] = (SpreadPart){.largest = (Floats){0} + centre};
    for (; at + PARTS * WIDTH <= n; at += PARTS * WIDTH)
        for (int i = 0; i < PARTS; i++)
            add_spread(&parts[i], load(x + at + i * WIDTH), centre);
    for (; at < n; at += WIDTH)
        add_spread(&parts[0], load_rest(x + at, MIN(n - at, WIDTH), centre), centre);
    for (int i = 1; i < PARTS; i++) {
        parts[0].largest = larger_of(parts[i].largest, parts[0].largest);
        parts[0].sum += parts[i].sum;
        parts[0].squares += parts[i].squares;
    }
    float largest = centre;
    for (int lane = 0; lane < WIDTH; lane++)
        largest = MAX(largest, parts[0].largest[lane]);
    *ret_spread = (EntroLogitSpread){largest, add_lanes(parts[0].sum), add_lanes(parts[0].squares)};
}

typedef struct {
    Floats weight, surprise, moment;
} SumsPart;

static inline void
add_sums(SumsPart *part, Floats x, float largest, Floats keys)
{
    Floats below = larger_of(x - largest, (Floats){0} + LEAST);
    Floats e = exp_of(below);

    part->weight += e;
    part->surprise -= e * below;
    part->moment += e * keys;
}

/* The last ones: what lies behind them is no key, not even one of weight 1e-38, so that a row of one
 * key has an entropy of 0. */
static inline void
add_rest(SumsPart *part, const float *x, gsize n, float largest, Floats keys)
{
    Floats below = larger_of(load_rest(x, n, largest) - largest, (Floats){0} + LEAST);
    Floats e = exp_of(below);

    for (gsize lane = n; lane < WIDTH; lane++)
        e[lane] = 0;
    part->weight += e;
    part->surprise -= e * below;
    part->moment += e * keys;
}

void
NAME(entro_logit_sums)(const float *x, gsize n, float largest, EntroLogitSums *ret_sums)
{
    SumsPart parts[PARTS] = {0};
    Floats keys = {0};
    gsize at = 0;

    for (int lane = 0; lane < WIDTH; lane++)
        keys[lane] = (float)lane;
    for (; at + PARTS * WIDTH <= n; at += PARTS * WIDTH)
        for (int i = 0; i < PARTS; i++, keys += (float)WIDTH)
            add_sums(&parts[i], load(x + at + i * WIDTH), largest, keys);
    for (; at < n; at += WIDTH, keys += (float)WIDTH)
        add_rest(&parts[0], x + at, MIN(n - at, WIDTH), largest, keys);
    for (int i = 1; i < PARTS; i++) {
        parts[0].weight += parts[i].weight;
        parts[0].surprise += parts[i].surprise;
        parts[0].moment += parts[i].moment;
    }
    *ret_sums = (EntroLogitSums){add_lanes(parts[0].weight), add_lanes(parts[0].surprise),
                                 add_lanes(parts[0].moment)};
}

void
NAME(entro_logit_weights)(const float *x, gsize n, float shift, float *p)
{
    gsize at = 0;

    for (; at < n; at += WIDTH) {
        gsize m = MIN(n - at, WIDTH);
        Floats e = exp_of(larger_of(load_rest(x + at, m, shift) - shift, (Floats){0} + LEAST));
        memcpy(p + at, &e, m * sizeof *p);
    }
}

#else

void
NAME(entro_logit_spread)(const double *x, gsize n, double centre, EntroLogitSpread *ret_spread)
{
    EntroLogitSpread spread = {.largest = centre};

    for (gsize k = 0; k < n; k++) {
        spread.largest = MAX(spread.largest, x[k]);
        spread.sum += x[k] - centre;
        spread.squares += (x[k] - centre) * (x[k] - centre);
    }
    *ret_spread = spread;
}

void
NAME(entro_logit_sums)(const double *x, gsize n, double largest, EntroLogitSums *ret_sums)
{
    EntroLogitSums sums = {0};

    for (gsize k = 0; k < n; k++) {
        double e = exp(x[k] - largest);
        sums.weight += e;
        sums.surprise += e * (largest - x[k]);
        sums.moment += e * (double)k;
    }
    *ret_sums = sums;
}

void
NAME(entro_logit_weights)(const double *x, gsize n, double shift, double *p)
{
    for (gsize k = 0; k < n; k++)
        p[k] = exp(x[k] - shift);
}

#endif
