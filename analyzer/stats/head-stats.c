/* head-stats.c: many rows of one head become its few numbers; heads become a layer's.
 *
 * Moments and quantiles by GSL, over the valid rows alone.  Whatever order rows arrived in, they
 * are summed in theirs: the numbers do not depend on threads or chunks. */
#include "analyzer-private.h"

#include <gsl/gsl_statistics_double.h>

gboolean
entro_rows_init(EntroRows *rows, gsize most, const double *log_n)
{
    *rows = (EntroRows){.entropy = g_try_new(double, most),
                        .n_keys = g_try_new(guint32, most),
                        .max_weight = g_try_new(float, most),
                        .sink = g_try_new(float, most),
                        .distance = g_try_new(float, most),
                        .log_n = log_n};
    return rows->entropy && rows->n_keys && rows->max_weight && rows->sink && rows->distance;
}

void
entro_rows_clear(EntroRows *rows)
{
    g_free(rows->entropy);
    g_free(rows->n_keys);
    g_free(rows->max_weight);
    g_free(rows->sink);
    g_free(rows->distance);
}

static void
keep_valid(const EntroRow *all, gsize n, EntroRows *rows)
{
    rows->n = 0;
    for (gsize row = 0; row < n; row++) {
        if (all[row].n_keys == 0)
            continue;
        rows->entropy[rows->n] = all[row].entropy;
        rows->n_keys[rows->n] = all[row].n_keys;
        rows->max_weight[rows->n] = all[row].max_weight;
        rows->sink[rows->n] = all[row].sink;
        rows->distance[rows->n] = all[row].distance;
        rows->n++;
    }
}

/* ---- means over rows ---------------------------------------------------------------------------- */

static double
mean_of_floats(const float *values, gsize n)
{
    double sum = 0;

    for (gsize row = 0; row < n; row++)
        sum += values[row];
    return sum / n;
}

static double
mean_ceiling(const EntroRows *rows)
{
    double sum = 0;

    for (gsize row = 0; row < rows->n; row++)
        sum += rows->log_n[rows->n_keys[row]];
    return sum / rows->n;
}

/* A row with one key has no scale: H = ln 1 = 0 whatever it does. */
static double
mean_norm(const EntroRows *rows)
{
    double sum = 0;
    gsize n = 0;

    for (gsize row = 0; row < rows->n; row++)
        if (rows->n_keys[row] >= 2) {
            sum += rows->entropy[row] / rows->log_n[rows->n_keys[row]];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static double
mean_effective_keys(const EntroRows *rows)
{
    double sum = 0;

    for (gsize row = 0; row < rows->n; row++)
        sum += exp(rows->entropy[row]);
    return sum / rows->n;
}

/* ---- quantiles ------------------------------------------------------------------------------------ */

/* GSL's rule: index (n-1) f, linear between neighbours.  gsl_stats_select() leaves everything
 * behind k at least as large as element k, so its neighbour is the smallest of those. */
static double
quantile(double *values, gsize n, double fraction)
{
    double index = fraction * (n - 1), weight = index - floor(index);
    gsize k = (gsize)index;
    double at_k = gsl_stats_select(values, 1, n, k);

    if (weight == 0 || k + 1 >= n)
        return at_k;
    double next = values[k + 1];
    for (gsize i = k + 2; i < n; i++)
        next = MIN(next, values[i]);
    return (1 - weight) * at_k + weight * next;
}

void
entro_head_summarise(const EntroRow *all, gsize n, EntroRows *work,
                     double values[ENTRO_HEAD_N_COLUMNS])
{
    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        values[column] = NAN;
    keep_valid(all, n, work);
    if (work->n == 0)
        return;

    double mean = gsl_stats_mean(work->entropy, 1, work->n);
    values[ENTRO_HEAD_ENTROPY_MEAN] = mean;
    if (work->n > 1)
        values[ENTRO_HEAD_ENTROPY_SD] = gsl_stats_sd_m(work->entropy, 1, work->n, mean);
    gsl_stats_minmax(&values[ENTRO_HEAD_ENTROPY_MIN], &values[ENTRO_HEAD_ENTROPY_MAX],
                     work->entropy, 1, work->n);
    values[ENTRO_HEAD_ENTROPY_NORM] = mean_norm(work);
    values[ENTRO_HEAD_ENTROPY_CEILING] = mean_ceiling(work);
    values[ENTRO_HEAD_EFFECTIVE_KEYS] = mean_effective_keys(work);
    values[ENTRO_HEAD_MAX_WEIGHT] = mean_of_floats(work->max_weight, work->n);
    values[ENTRO_HEAD_SINK_MASS] = mean_of_floats(work->sink, work->n);
    values[ENTRO_HEAD_DISTANCE] = mean_of_floats(work->distance, work->n);
    /* last: selection reorders the entropies */
    values[ENTRO_HEAD_ENTROPY_MEDIAN] = quantile(work->entropy, work->n, 0.5);
    values[ENTRO_HEAD_ENTROPY_P05] = quantile(work->entropy, work->n, 0.05);
    values[ENTRO_HEAD_ENTROPY_P95] = quantile(work->entropy, work->n, 0.95);
}

void
entro_layer_summarise(const EntroHeadStats *heads, guint n_heads, EntroLayerStats *ret_layer)
{
    g_autofree double *means = g_new(double, MAX(n_heads, 1));
    g_autofree double *ceilings = g_new(double, MAX(n_heads, 1));
    guint n = 0;

    for (guint head = 0; head < n_heads; head++)
        if (!isnan(heads[head].values[ENTRO_HEAD_ENTROPY_MEAN])) {
            means[n] = heads[head].values[ENTRO_HEAD_ENTROPY_MEAN];
            ceilings[n++] = heads[head].values[ENTRO_HEAD_ENTROPY_CEILING];
        }
    ret_layer->n_heads = n_heads;
    ret_layer->n_valid_heads = n;
    for (guint column = 0; column < ENTRO_LAYER_N_COLUMNS; column++)
        ret_layer->values[column] = NAN;
    if (n == 0)
        return;
    ret_layer->values[ENTRO_LAYER_ENTROPY_MEAN] = gsl_stats_mean(means, 1, n);
    ret_layer->values[ENTRO_LAYER_ENTROPY_CEILING] = gsl_stats_mean(ceilings, 1, n);
    if (n > 1)
        ret_layer->values[ENTRO_LAYER_ENTROPY_SPREAD] = gsl_stats_sd(means, 1, n);
}
