/* shifts.c: where the mean of a series changes: the one best split, and all by PELT.
 *
 * The cost of a segment is its sum of squares about its own mean, from running sums of the centred
 * series.  Killick, Fearnhead and Eckley 2012: a start whose cost plus that of the segment up to here
 * already exceeds the best cost up to here can never win again. */
#include "analyzer-private.h"
#include "entro-compare.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>

/* The finite values, centred, and their places in the series as given. */
typedef struct {
    double *value, *sum, *squares; /* sum[i]: of the first i */
    gsize *place, n;
    double mean;
} Series;

static void
series_clear(Series *series)
{
    g_free(series->value);
    g_free(series->sum);
    g_free(series->squares);
    g_free(series->place);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Series, series_clear)

static void
add_up(Series *series)
{
    for (gsize i = 0; i < series->n; i++) {
        series->sum[i + 1] = series->sum[i] + series->value[i];
        series->squares[i + 1] = series->squares[i] + series->value[i] * series->value[i];
    }
}

static Series
make_series(const double *values, gsize n)
{
    Series series = {g_new(double, n + 1),
                     g_new0(double, n + 1),
                     g_new0(double, n + 1),
                     g_new(gsize, n + 1),
                     0,
                     0};

    for (gsize i = 0; i < n; i++)
        if (isfinite(values[i])) {
            series.place[series.n] = i;
            series.value[series.n++] = values[i];
        }
    series.mean = series.n > 0 ? gsl_stats_mean(series.value, 1, series.n) : 0;
    for (gsize i = 0; i < series.n; i++)
        series.value[i] -= series.mean;
    add_up(&series);
    return series;
}

static gboolean
is_constant(const Series *series)
{
    double least, most;

    gsl_stats_minmax(&least, &most, series->value, 1, series->n);
    return !(most > least);
}

static double
segment_mean(const Series *series, gsize first, gsize end)
{
    return (series->sum[end] - series->sum[first]) / (double)(end - first);
}

static double
segment_cost(const Series *series, gsize first, gsize end)
{
    double sum = series->sum[end] - series->sum[first];
    double cost = series->squares[end] - series->squares[first] - sum * sum / (double)(end - first);

    return MAX(cost, 0); /* rounding */
}

/* ---- the noise ------------------------------------------------------------------------------------ */

/* sd of the noise from differences of neighbours, which has sqrt(2) times its spread: their median
 * size where that says something, else (most neighbours equal) their root mean square. */
static double
noise_sd(const Series *series)
{
    const double median_of_normal = 0.67448975019608171;
    gsize n = series->n - 1;
    g_autofree double *size = g_new(double, n);
    double squares = 0;

    for (gsize i = 0; i < n; i++) {
        size[i] = fabs(series->value[i + 1] - series->value[i]);
        squares += size[i] * size[i];
    }
    gsl_sort(size, 1, n);
    double median = gsl_stats_median_from_sorted_data(size, 1, n);
    return (median > 0 ? median / median_of_normal : sqrt(squares / (double)n)) / G_SQRT2;
}

static EntroShift
describe(const Series *series, gsize first, gsize at, gsize end, double noise)
{
    double before = segment_mean(series, first, at), after = segment_mean(series, at, end);
    double error = noise * sqrt(1 / (double)(at - first) + 1 / (double)(end - at));

    return (EntroShift){.index = series->place[at],
                        .before = series->mean + before,
                        .after = series->mean + after,
                        .size = fabs(after - before) / error,
                        .p = NAN};
}

/* ---- one ------------------------------------------------------------------------------------------ */

/* Largest gain, in squares, over all splits: n1 n2 / n (difference of the means)^2; with mean 0 of
 * the whole, sum^2 n / (n1 n2). */
static double
best_split(const double *value, gsize n, gsize *ret_at)
{
    double best = -1, sum = 0;

    for (gsize at = 1; at + ENTRO_SHIFT_LEAST <= n; at++) {
        sum += value[at - 1];
        double gain = sum * sum * (double)n / ((double)at * (double)(n - at));
        if (at >= ENTRO_SHIFT_LEAST && gain > best) {
            best = gain;
            *ret_at = at;
        }
    }
    return best;
}

static double
permutation_p(const Series *series, double gain, guint64 seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    g_autofree double *shuffled = g_memdup2(series->value, series->n * sizeof(double));
    guint as_good = 1; /* the series itself is one of its orders */
    gsize at = 0;

    gsl_rng_set(rng, seed);
    for (guint i = 0; i < ENTRO_SHIFT_PERMUTATIONS; i++) {
        gsl_ran_shuffle(rng, shuffled, series->n, sizeof(double));
        if (best_split(shuffled, series->n, &at) >= gain * (1 - 1e-12))
            as_good++;
    }
    gsl_rng_free(rng);
    return (double)as_good / (ENTRO_SHIFT_PERMUTATIONS + 1);
}

gboolean
entro_find_shift(const double *values, gsize n, guint64 seed, EntroShift *ret_shift)
{
    g_auto(Series) series = make_series(values, n);
    gsize at = 0;

    if (series.n < 2 * ENTRO_SHIFT_LEAST || is_constant(&series))
        return FALSE;
    double gain = best_split(series.value, series.n, &at);
    *ret_shift = describe(&series, 0, at, series.n, noise_sd(&series));
    ret_shift->p = permutation_p(&series, gain, seed);
    return TRUE;
}

/* ---- all ------------------------------------------------------------------------------------------ */

/* Drops the starts that cannot win at any end from newest + ENTRO_SHIFT_LEAST on, and adds `newest`;
 * sooner a segment from `newest` would be too short to win in their place. */
static gsize
prune(const Series *series, const double *best, gsize newest, gsize *starts, gsize n_starts)
{
    gsize kept = 0;

    for (gsize i = 0; i < n_starts; i++)
        if (best[starts[i]] + segment_cost(series, starts[i], newest) <= best[newest])
            starts[kept++] = starts[i];
    starts[kept++] = newest;
    return kept;
}

/* best[end]: least cost of the first `end` values plus a penalty a segment; from[end]: where the last
 * segment of that begins. */
static void
find_segments(const Series *series, double penalty, double *best, gsize *from)
{
    g_autofree gsize *starts = g_new(gsize, series->n + 1);
    gsize n_starts = 0;

    best[0] = 0;
    for (gsize end = 1; end <= series->n; end++) {
        best[end] = INFINITY;
        if (end < ENTRO_SHIFT_LEAST)
            continue;
        n_starts = prune(series, best, end - ENTRO_SHIFT_LEAST, starts, n_starts);
        for (gsize i = 0; i < n_starts; i++) {
            double cost = best[starts[i]] + segment_cost(series, starts[i], end) + penalty;
            if (cost < best[end]) {
                best[end] = cost;
                from[end] = starts[i];
            }
        }
    }
}

static EntroShift *
collect(const Series *series, const gsize *from, double noise, gsize *ret_n)
{
    gsize n = 0;

    for (gsize end = series->n; from[end] > 0; end = from[end])
        n++;
    EntroShift *shifts = n > 0 ? g_new(EntroShift, n) : NULL;
    *ret_n = n;
    for (gsize at = from[series->n], end = series->n; at > 0; end = at, at = from[at])
        shifts[--n] = describe(series, from[at], at, end, noise);
    return shifts;
}

EntroShift *
entro_find_shifts(const double *values, gsize n, double penalty, gsize *ret_n)
{
    g_auto(Series) series = make_series(values, n);

    *ret_n = 0;
    if (series.n < 2 * ENTRO_SHIFT_LEAST || is_constant(&series))
        return NULL;
    g_autofree double *best = g_new(double, series.n + 1);
    g_autofree gsize *from = g_new0(gsize, series.n + 1);
    double noise = noise_sd(&series);
    find_segments(&series, penalty * log((double)series.n) * noise * noise, best, from);
    return collect(&series, from, noise, ret_n);
}
