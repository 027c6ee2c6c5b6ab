/* fast-math.h: exp, ln and the normal distribution as straight lines that compilers vectorise.
 *
 * No branch and no call, so a loop over them becomes vector code; libm's expf and erff stay scalar
 * there.  Relative error of both about 2e-7 in float.  NaN in gives NaN out.  The double build
 * takes libm, against which the tests compare. */
#ifndef ENTRO_FAST_MATH_H
#define ENTRO_FAST_MATH_H

#include "real.h"
#include <string.h>

#ifdef ENTRO_TRAIN_DOUBLE

static inline real
fast_exp(real x)
{
    return exp(x);
}

/* ln(x), x >= 0; below the smallest normal number (0, too) the ln of that. */
static inline real
fast_log(real x)
{
    return log(x < G_MINDOUBLE ? G_MINDOUBLE : x);
}

/* Phi(x); *ret_density = phi(x). */
static inline real
fast_normal(real x, real *ret_density)
{
    *ret_density = exp(-0.5 * x * x) * 0.39894228040143267794;
    return 0.5 * erfc(-x * G_SQRT2 / 2);
}

#else

/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; ln 2 in two parts so that r is exact.
 * exp(r) = 1 + r + r^2 P(r), P minimax of degree 4 (3e-9).  Below -87 the result
 * is 0, as good as a denormal here; above 88 it stays exp(88), finite. */
static inline float
fast_exp(float x)
{
    const float low = x < -87.0f ? -87.0f : x; /* a NaN fails both comparisons and stays */
    const float clamped = low > 88.0f ? 88.0f : low;
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    const float shifted = clamped * 1.44269504088896f + shift;
    const float n = shifted - shift;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    const float p =
        0.49999993448f +
        r * (0.16666520632f + r * (0.04166838805f + r * (0.00836871688f + r * 0.00138145986f)));
    const float mantissa = 1.0f + (r + r * r * p);
    guint32 bits;
    float scale;

    memcpy(&bits, &shifted, sizeof bits); /* the low bits of `shifted` are n */
    bits = (bits + 127u) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return x < -87.0f ? 0.0f : mantissa * scale;
}

/* ln(x), x >= 0: x = 2^e m, m in [sqrt(1/2), sqrt(2)), ln x = e ln 2 + ln m; ln m = 2 atanh(s) with
 * s = (m - 1) / (m + 1), |s| < 0.172, as a series to s^9.  Below the smallest normal number (0, too)
 * the ln of that.  A NaN gives any finite number: p ln p keeps it. */
static inline float
fast_log(float x)
{
    const float normal = x < G_MINFLOAT ? G_MINFLOAT : x;
    guint32 bits;
    float m;

    memcpy(&bits, &normal, sizeof bits);
    const gint32 e = (gint32)(bits - 0x3f3504f3u) >> 23; /* 0x3f3504f3: sqrt(1/2) */
    bits -= (guint32)e << 23;
    memcpy(&m, &bits, sizeof m);
    const float s = (m - 1.0f) / (m + 1.0f);
    const float s2 = s * s;
    const float series =
        1.0f + s2 * (0.333333333f + s2 * (0.2f + s2 * (0.142857143f + s2 * 0.111111111f)));
    return (float)e * 0.693147181f + 2.0f * s * series;
}

/* Phi(x); *ret_density = phi(x).  Phi(-y) = exp(-y^2/2) Q(1/(1 + 0.23 y)) for y >= 0, Q of degree 8
 * without constant term fitted to 4e-8 relative: one exp serves both results. */
static inline float
fast_normal(float x, float *ret_density)
{
    static const float q[] = {0.09196440756f, 0.08838292249f,  0.11031263487f, -0.01327319543f,
                              0.27531496496f, -0.25688726328f, 0.28078279344f, -0.07659728356f};
    const float y = x < 0.0f ? -x : x;
    const float bell = fast_exp(-0.5f * x * x);
    const float k = 1.0f / (1.0f + 0.23f * y);
    const float sum =
        q[0] +
        k * (q[1] + k * (q[2] + k * (q[3] + k * (q[4] + k * (q[5] + k * (q[6] + k * q[7]))))));
    const float tail = bell * k * sum;

    *ret_density = bell * 0.398942280401433f;
    return x < 0.0f ? tail : 1.0f - tail;
}

#endif
#endif
