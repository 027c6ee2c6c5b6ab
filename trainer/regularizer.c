/* regularizer.c: the entropy regulariser, Algorithm 1 of the paper.
 *
 *     E = -sum of p ln p,  delta = E - theta E_max,  penalty = delta^2 if |delta| > gamma E_max
 *
 * of every row (what the released code does), or with E the mean over the rows of a head in one
 * sequence (what Eq. 7 and the algorithm print).  The whole delta is squared, not what lies outside
 * the margin, so the penalty jumps there; inside it there is no gradient. */
#include "attention-private.h"
#include "fast-math.h"

/* Row `query` sees keys 0 ... query; the others are 0. */
static real
row_entropy(const real *p, gsize query)
{
    real sum = 0;

#pragma omp simd reduction(+ : sum)
    for (gsize key = 0; key <= query; key++)
        sum += p[key] * fast_log(p[key]);
    return -sum;
}

/* penalty of one entropy; *ret_slope: its derivative. */
static double
penalty(double entropy, double target, double tolerance, double *ret_slope)
{
    const double delta = entropy - target;

    if (fabs(delta) <= tolerance) {
        *ret_slope = 0;
        return 0;
    }
    *ret_slope = 2 * delta; /* a NaN comes this way */
    return delta * delta;
}

/* entropy[T] of one head -> its derivatives; returns the mean penalty of its rows. */
static double
pull_rows(real *entropy, double target, const Regularizer *how, gsize n, double *ret_slope)
{
    double sum = 0;

    *ret_slope = 0;
    for (gsize query = 0; query < n; query++) {
        double slope;

        sum += penalty((double)entropy[query], target, how->tolerance, &slope) / (double)n;
        *ret_slope += slope / (double)n;
        entropy[query] = (real)(how->scale * slope / (double)n);
    }
    return sum;
}

static double
pull_head(real *entropy, double target, const Regularizer *how, gsize n, double *ret_slope)
{
    double mean = 0;

    for (gsize query = 0; query < n; query++)
        mean += (double)entropy[query] / (double)n;
    const double result = penalty(mean, target, how->tolerance, ret_slope);
    for (gsize query = 0; query < n; query++)
        entropy[query] = (real)(how->scale * *ret_slope / (double)n);
    return result;
}

double
LAYER_NAME(regularize)(real *pull, real *dthreshold, const real *p, const Regularizer *how,
                       const AttentionShape *shape)
{
    const gsize n = shape->context;
    double sum = 0;

    for (gsize i = 0; i < shape->n_samples * shape->n_heads; i++) {
        const gsize head = i % shape->n_heads;
        const double target = (double)how->threshold[head] * how->e_max;
        real *entropy = pull + i * n;
        double slope;

        for (gsize query = 0; query < n; query++)
            entropy[query] = row_entropy(p + (i * n + query) * n, query);
        sum +=
            how->scale * (how->head_means ? pull_head : pull_rows)(entropy, target, how, n, &slope);
        dthreshold[head] -= (real)(how->scale * slope * how->e_max);
    }
    return sum;
}
