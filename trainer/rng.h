/* rng.h: random numbers that are the same everywhere.
 *
 * xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64.  A stream is named by seed, use
 * and step, so what step 700 draws does not depend on the 699 before it. */
#ifndef ENTRO_RNG_H
#define ENTRO_RNG_H

#include <glib.h>

typedef enum { RNG_INIT = 1, RNG_DATA = 2, RNG_POWER_ITERATION = 3 } RngUse;

typedef struct {
    guint64 state[4];
} Rng;

Rng rng_new(guint64 seed, RngUse use, guint64 step);
guint64 rng_below(Rng *rng, guint64 n); /* uniform in [0, n), n > 0 */
double rng_normal(Rng *rng);            /* N(0, 1) */

#endif
