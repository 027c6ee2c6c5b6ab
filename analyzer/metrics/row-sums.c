/* row-sums.c: one pass over one run of attention weights.
 *
 * Everything entroscope says about a row is computed from the few sums made here, so this is the
 * only loop that touches every key.  Built once for each instruction set (KERNEL is the name of the
 * function); no intrinsics: GCC's vectors become whatever the processor has.  No allocation, no
 * errors, no branch on the data. */
#include "row-sums.h"

#include <string.h>

#define LANES 16
typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef gint32 Ints __attribute__((vector_size(4 * LANES)));
typedef guint32 Bits __attribute__((vector_size(4 * LANES)));
typedef float HalfFloats __attribute__((vector_size(2 * LANES)));
typedef double Doubles __attribute__((vector_size(4 * LANES)));

/* Vectors that are summed in float before they go to double: a lane then holds at most 8 terms, so
 * its rounding stays near 2^-24 of its size. */
#define BLOCK 8
/* Odd, so that every bit of every value reaches the hash; from Knuth's multiplicative hashing. */
#define HASH_FACTOR 2654435761u

typedef struct {
    Floats sum, plogp, moment; /* of the current block */
    Floats key;                /* k of each lane */
    Bits max_bits, sign, hash;
    Doubles total[3][2];
} State;

/* p ln p.  p = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m by the polynomial of Cephes' logf, good to
 * 1 ulp.  p = 0 and denormals get the finite exponent -127 or so: their product vanishes. */
static inline Floats
times_log(Floats p)
{
    const guint32 sqrt_half = 0x3f3504f3;
    Ints shifted = (Ints)((Bits)p - sqrt_half);
    Ints exponent = shifted >> 23;
    Floats x = (Floats)((Bits)p - ((Bits)exponent << 23)) - 1.0f;
    Floats z = x * x;
    Floats y = 7.0376836292e-2f * x - 1.1514610310e-1f;

    y = y * x + 1.1676998740e-1f;
    y = y * x - 1.2420140846e-1f;
    y = y * x + 1.4249322787e-1f;
    y = y * x - 1.6668057665e-1f;
    y = y * x + 2.0000714765e-1f;
    y = y * x - 2.4999993993e-1f;
    y = y * x + 3.3333331174e-1f;
    y = y * x * z - 0.5f * z;
    return p * (__builtin_convertvector(exponent, Floats) * 0.693147180559945f + (x + y));
}

static inline void
add_vector(State *state, Floats p)
{
    Bits bits = (Bits)p, magnitude = bits & 0x7fffffff;
    Bits larger = (Bits)(magnitude > state->max_bits);

    state->max_bits = (magnitude & larger) | (state->max_bits & ~larger);
    state->sign |= bits;
    state->hash = state->hash * HASH_FACTOR + bits;
    state->sum += p;
    state->plogp += times_log(p);
    state->moment += p * state->key;
    state->key += (float)LANES;
}

static inline void
widen(Doubles total[2], Floats block)
{
    HalfFloats low, high;

    memcpy(&low, &block, sizeof low);
    memcpy(&high, (const char *)&block + sizeof low, sizeof high);
    total[0] += __builtin_convertvector(low, Doubles);
    total[1] += __builtin_convertvector(high, Doubles);
}

static inline void
flush_block(State *state)
{
    widen(state->total[0], state->sum);
    widen(state->total[1], state->plogp);
    widen(state->total[2], state->moment);
    state->sum = state->plogp = state->moment = (Floats){0};
}

static inline double
add_lanes(const Doubles total[2])
{
    Doubles lanes = total[0] + total[1];

    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static inline void
finish(const State *state, EntroRowSums *ret_sums)
{
    guint64 hash = 0;

    *ret_sums = (EntroRowSums){.sum = add_lanes(state->total[0]),
                               .plogp = add_lanes(state->total[1]),
                               .moment = add_lanes(state->total[2])};
    for (int lane = 0; lane < LANES; lane++) {
        ret_sums->max_bits = MAX(ret_sums->max_bits, state->max_bits[lane]);
        ret_sums->negative |= state->sign[lane] & 0x80000000u;
        hash = (hash ^ state->hash[lane]) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    }
    ret_sums->hash = hash ^ hash >> 32;
}

void
KERNEL(const float *p, gsize n, EntroRowSums *ret_sums)
{
    State state = {.key = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    gsize at = 0;
    Floats values;

    while (n - at >= LANES) {
        gsize block_end = at + MIN((n - at) / LANES, BLOCK) * LANES;
        for (; at < block_end; at += LANES) {
            memcpy(&values, p + at, sizeof values);
            add_vector(&state, values);
        }
        flush_block(&state);
    }
    if (at < n) { /* the rest, padded with zeros that add nothing */
        values = (Floats){0};
        memcpy(&values, p + at, (n - at) * sizeof *p);
        add_vector(&state, values);
        flush_block(&state);
    }
    finish(&state, ret_sums);
}
