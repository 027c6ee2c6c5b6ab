/* gradient-check.h: an analytic gradient against central differences, in double precision.
 *
 * The error is |analytic - numeric| / |numeric|, norms over the whole tensor: one wrong element
 * shows, elements that are 0 do no harm. */
#ifndef ENTRO_GRADIENT_CHECK_H
#define ENTRO_GRADIENT_CHECK_H

#include "layers-private.h"
#include "rng.h"
#include <string.h>

#define GRADIENT_STEP      1e-5
#define GRADIENT_TOLERANCE 1e-6

typedef double (*Objective)(gpointer data);

static inline double
numeric_derivative(real *x, Objective objective, gpointer data)
{
    const real kept = *x;

    *x = kept + (real)GRADIENT_STEP;
    const double above = objective(data);
    *x = kept - (real)GRADIENT_STEP;
    const double below = objective(data);
    *x = kept;
    return (above - below) / (2 * GRADIENT_STEP);
}

/* Every `stride`-th element of x[n], whose gradient should be analytic[n]. */
static inline void
check_gradient(const char *what, real *x, const real *analytic, gsize n, gsize stride,
               Objective objective, gpointer data)
{
    double difference = 0;
    double size = 0;

    for (gsize i = 0; i < n; i += stride) {
        const double numeric = numeric_derivative(&x[i], objective, data);

        difference += ((double)analytic[i] - numeric) * ((double)analytic[i] - numeric);
        size += numeric * numeric;
    }
    const double error = sqrt(difference) / sqrt(size);
    g_test_message("%s: relative error %.2g", what, error);
    if (!(size > 0 && error < GRADIENT_TOLERANCE)) {
        g_test_message("%s: gradient norm %g", what, sqrt(size));
        g_test_fail();
    }
}

static inline real *
random_numbers(Rng *rng, gsize n, double sd)
{
    real *x = g_new(real, n);

    for (gsize i = 0; i < n; i++)
        x[i] = (real)(sd * rng_normal(rng));
    return x;
}

/* sum of weights * y: a scalar whose gradient with respect to y is `weights`. */
static inline double
weighted_sum(const real *weights, const real *y, gsize n)
{
    double sum = 0;

    for (gsize i = 0; i < n; i++)
        sum += (double)weights[i] * (double)y[i];
    return sum;
}

#endif
