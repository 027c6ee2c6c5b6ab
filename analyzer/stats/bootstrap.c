/* bootstrap.c: intervals of a mean and of a difference of means, by the studentised bootstrap.
 *
 * Resamples are drawn with replacement and each gives t = (its estimate - estimate) / its standard
 * error; the interval is estimate - (upper quantile of t) se .. estimate - (lower quantile) se.  A
 * resample without spread has t = +-inf: when these reach the quantile, the interval is open on that
 * side, and is refused. */
#include "analyzer-private.h"
#include "entro-compare.h"

#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>

typedef struct {
    double mean, variance; /* of the mean: squared standard error */
} Moments;

static Moments
measure(const double *values, gsize n)
{
    Moments moments = {0, 0};

    for (gsize i = 0; i < n; i++)
        moments.mean += values[i];
    moments.mean /= (double)n;
    for (gsize i = 0; i < n; i++)
        moments.variance += (values[i] - moments.mean) * (values[i] - moments.mean);
    moments.variance /= (double)n * (double)(n - 1);
    return moments;
}

/* Sample b is empty for one mean. */
static Moments
combine(const EntroSample *a, const EntroSample *b)
{
    Moments of_a = measure(a->value, a->n);

    if (b->n == 0)
        return of_a;
    Moments of_b = measure(b->value, b->n);
    return (Moments){of_a.mean - of_b.mean, of_a.variance + of_b.variance};
}

static void
draw(gsl_rng *rng, const EntroSample *from, EntroSample *to)
{
    for (gsize i = 0; i < from->n; i++)
        to->value[i] = from->value[gsl_rng_uniform_int(rng, from->n)];
}

/* t of every resample.  Equal values give a variance of rounding errors, not of 0: what is
 * so small beside the whole sample's counts as none. */
static double *
resample(const EntroSample *a, const EntroSample *b, Moments whole, const EntroBootstrap *options)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    g_auto(EntroSample) drawn_a = {g_new(double, a->n), a->n};
    g_auto(EntroSample) drawn_b = {g_new(double, MAX(b->n, 1)), b->n};
    double *t = g_new(double, options->n_resamples);

    gsl_rng_set(rng, options->seed);
    for (guint i = 0; i < options->n_resamples; i++) {
        draw(rng, a, &drawn_a);
        draw(rng, b, &drawn_b);
        Moments moments = combine(&drawn_a, &drawn_b);
        double off = moments.mean - whole.mean;
        t[i] = moments.variance > 1e-20 * whole.variance ? off / sqrt(moments.variance)
                                                         : copysign(INFINITY, off);
    }
    gsl_rng_free(rng);
    return t;
}

static EntroInterval
refuse(EntroInterval interval, EntroRefusal refusal)
{
    interval.refusal = refusal;
    interval.low = interval.high = NAN;
    return interval;
}

/* Quantiles are order statistics: between a finite t and an infinite one nothing can be
 * interpolated. */
static EntroInterval
find_interval(const EntroSample *a, const EntroSample *b, Moments whole,
              const EntroBootstrap *options, EntroInterval interval)
{
    g_autofree double *t = resample(a, b, whole, options);
    double tail = (1 - options->level) / 2 * (double)(options->n_resamples + 1);
    gsize rank = (gsize)floor(tail * (1 + 1e-12));
    double error = sqrt(whole.variance);

    g_return_val_if_fail(rank >= 1, refuse(interval, ENTRO_REFUSAL_FEW));
    /* two of some thousand: selected, a sort takes several times as long */
    interval.high = whole.mean - gsl_stats_select(t, 1, options->n_resamples, rank - 1) * error;
    interval.low =
        whole.mean -
        gsl_stats_select(t, 1, options->n_resamples, options->n_resamples - rank) * error;
    return isfinite(interval.low) && isfinite(interval.high) ? interval
                                                             : refuse(interval, ENTRO_REFUSAL_FEW);
}

static gboolean
has_spread(const EntroSample *sample)
{
    double least, most;

    if (sample->n == 0)
        return FALSE;
    gsl_stats_minmax(&least, &most, sample->value, 1, sample->n);
    return most > least;
}

EntroInterval
entro_bootstrap_mean(const double *values, gsize n, const EntroBootstrap *options)
{
    g_auto(EntroSample) sample = entro_sample_finite(values, n);
    g_auto(EntroSample) none = {NULL, 0};
    EntroInterval interval = {.n_a = sample.n, .estimate = NAN, .low = NAN, .high = NAN};

    if (sample.n == 0)
        return refuse(interval, ENTRO_REFUSAL_EMPTY);
    interval.estimate = gsl_stats_mean(sample.value, 1, sample.n);
    if (sample.n < ENTRO_INTERVAL_LEAST)
        return refuse(interval, ENTRO_REFUSAL_FEW);
    if (!has_spread(&sample))
        return refuse(interval, ENTRO_REFUSAL_CONSTANT);
    return find_interval(&sample, &none, combine(&sample, &none), options, interval);
}

EntroInterval
entro_bootstrap_difference(const double *values_a, gsize n_a, const double *values_b, gsize n_b,
                           const EntroBootstrap *options)
{
    g_auto(EntroSample) a = entro_sample_finite(values_a, n_a);
    g_auto(EntroSample) b = entro_sample_finite(values_b, n_b);
    EntroInterval interval = {.n_a = a.n, .n_b = b.n, .estimate = NAN, .low = NAN, .high = NAN};

    if (a.n == 0 || b.n == 0)
        return refuse(interval, ENTRO_REFUSAL_EMPTY);
    interval.estimate = gsl_stats_mean(a.value, 1, a.n) - gsl_stats_mean(b.value, 1, b.n);
    if (MIN(a.n, b.n) < ENTRO_INTERVAL_LEAST)
        return refuse(interval, ENTRO_REFUSAL_FEW);
    if (!has_spread(&a) && !has_spread(&b))
        return refuse(interval, ENTRO_REFUSAL_CONSTANT);
    return find_interval(&a, &b, combine(&a, &b), options, interval);
}
