/* rng.c: xoshiro256** and what is drawn from it. */
#include "rng.h"
#include <math.h>

static guint64
splitmix64(guint64 *state)
{
    guint64 z = (*state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Each part of the name is stirred in before the next is added: (1, 2) is not (2, 1). */
Rng
rng_new(guint64 seed, RngUse use, guint64 step)
{
    guint64 mixed = seed;
    Rng rng;

    mixed = splitmix64(&mixed) + use;
    mixed = splitmix64(&mixed) + step;
    for (guint i = 0; i < G_N_ELEMENTS(rng.state); i++)
        rng.state[i] = splitmix64(&mixed);
    return rng;
}

static guint64
rotate_left(guint64 x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static guint64
next(Rng *rng)
{
    guint64 *s = rng->state;
    const guint64 result = rotate_left(s[1] * 5, 7) * 9;
    const guint64 t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* The plain remainder would favour small numbers: the last, incomplete round of n is drawn again. */
guint64
rng_below(Rng *rng, guint64 n)
{
    const guint64 limit = G_MAXUINT64 - G_MAXUINT64 % n;
    guint64 x = next(rng);

    while (x >= limit)
        x = next(rng);
    return x % n;
}

/* In (0, 1]: 53 bits, never 0, so that its logarithm is finite. */
static double
unit(Rng *rng)
{
    return ((double)(next(rng) >> 11) + 1) * 0x1p-53;
}

/* Box-Muller; its second number is dropped, which keeps the state four words. */
double
rng_normal(Rng *rng)
{
    const double radius = sqrt(-2 * log(unit(rng)));

    return radius * cos(2 * G_PI * unit(rng));
}
