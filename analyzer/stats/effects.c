/* effects.c: two samples of a few runs each: Welch's t and the sizes of an effect.
 *
 * With three to five runs a group the size of an effect says more than a test, and no number says
 * more than one that is not there. */
#include "analyzer-private.h"
#include "entro-compare.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_statistics_double.h>

/* ---- Welch ---------------------------------------------------------------------------------------- */

/* Squared standard error of the mean. */
static double
mean_variance(const EntroSample *sample)
{
    return gsl_stats_variance(sample->value, 1, sample->n) / (double)sample->n;
}

static double
mean_difference(const EntroSample *a, const EntroSample *b)
{
    return gsl_stats_mean(a->value, 1, a->n) - gsl_stats_mean(b->value, 1, b->n);
}

EntroTest
entro_welch(const double *values_a, gsize n_a, const double *values_b, gsize n_b)
{
    g_auto(EntroSample) a = entro_sample_finite(values_a, n_a);
    g_auto(EntroSample) b = entro_sample_finite(values_b, n_b);
    EntroTest test = {.n_a = a.n, .n_b = b.n, .statistic = NAN, .p = NAN, .df = NAN};

    if (a.n < 2 || b.n < 2) {
        test.refusal = a.n == 0 || b.n == 0 ? ENTRO_REFUSAL_EMPTY : ENTRO_REFUSAL_FEW;
        return test;
    }
    double of_a = mean_variance(&a), of_b = mean_variance(&b), sum = of_a + of_b;
    if (!(sum > 0)) {
        test.refusal = ENTRO_REFUSAL_CONSTANT;
        return test;
    }
    double share_a = of_a / sum, share_b = of_b / sum; /* squares of variances may underflow */
    test.statistic = mean_difference(&a, &b) / sqrt(sum);
    test.df = 1 / (share_a * share_a / (double)(a.n - 1) + share_b * share_b / (double)(b.n - 1));
    test.p = 2 * gsl_cdf_tdist_Q(fabs(test.statistic), test.df);
    return test;
}

/* ---- effect sizes ---------------------------------------------------------------------------------- */

double
entro_cliffs_delta(const double *a, gsize n_a, const double *b, gsize n_b)
{
    EntroTest test = entro_rank_sum(a, n_a, b, n_b);

    return 2 * test.statistic / ((double)test.n_a * (double)test.n_b) - 1;
}

/* Exact factor of Hedges (1981): E(g) is the effect in the population, for normal values. */
static double
small_sample_factor(double df)
{
    return exp(gsl_sf_lngamma(df / 2) - gsl_sf_lngamma((df - 1) / 2)) / sqrt(df / 2);
}

double
entro_hedges_g(const double *values_a, gsize n_a, const double *values_b, gsize n_b)
{
    g_auto(EntroSample) a = entro_sample_finite(values_a, n_a);
    g_auto(EntroSample) b = entro_sample_finite(values_b, n_b);

    if (a.n < 2 || b.n < 2)
        return NAN;
    double df = (double)(a.n + b.n - 2);
    double squares = gsl_stats_tss(a.value, 1, a.n) + gsl_stats_tss(b.value, 1, b.n);
    return squares > 0 ? mean_difference(&a, &b) / sqrt(squares / df) * small_sample_factor(df)
                       : NAN;
}
