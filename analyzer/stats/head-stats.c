/* head-stats.c: many rows of one head become its few numbers; heads become a layer's.
 *
 * Over the valid rows alone, quantiles by GSL's selection.  Whatever order rows arrived in, they are
 * summed in theirs: the numbers do not depend on threads or chunks. */
#include "analyzer-private.h"

#include <gsl/gsl_statistics_double.h>

gboolean
entro_rows_init(EntroRows *rows, gsize most, const double *log_n)
{
    *rows = (EntroRows){.entropy = g_try_new(double, most),
                        .log_n = log_n,
                        .collapse = ENTRO_HEAD_COLLAPSE,
                        .overload = ENTRO_HEAD_OVERLOAD,
                        .quantiles = TRUE};
    return rows->entropy != NULL;
}

void
entro_rows_clear(EntroRows *rows)
{
    g_free(rows->entropy);
}

/* ---- sums over rows ------------------------------------------------------------------------------ */

typedef struct {
    gsize n, n_norm, n_low, n_high, n_logits, n_unknown, n_peaks;
    double entropy, smallest, largest, norm, ceiling, effective_keys;
    double max_weight, sink, distance, self, previous;
    double logit_max, logit_square, logit_peak;
} Totals;

/* Those of a head are measured in all of its rows or in none, but for a temperature that is no number. */
static void
add_logits(Totals *totals, const EntroRow *row)
{
    totals->n_unknown += isnan(row->logit_max); /* one hides the largest of all */
    totals->logit_max = fmax(totals->logit_max, row->logit_max);
    if (isnan(row->logit_square))
        return;
    totals->logit_square += row->logit_square;
    totals->n_logits++;
}

static void
add_row(Totals *totals, const EntroRow *row, const EntroRows *rows)
{
    double log_n = rows->log_n[row->n_keys];

    totals->n++;
    totals->entropy += row->entropy;
    totals->smallest = MIN(totals->smallest, row->entropy);
    totals->largest = MAX(totals->largest, row->entropy);
    totals->ceiling += log_n;
    totals->effective_keys += exp(row->entropy);
    totals->max_weight += row->max_weight;
    totals->sink += row->sink;
    totals->distance += row->distance;
    totals->self += row->self;
    totals->previous += row->previous;
    if (row->n_keys >= 2) { /* one key has no scale: H = ln 1 = 0 whatever it does */
        totals->norm += row->entropy / log_n;
        totals->n_low += row->entropy < rows->collapse * log_n;
        totals->n_high += row->entropy >= rows->overload * log_n;
        totals->n_norm++;
    }
    add_logits(totals, row);
    if (!isnan(row->logit_peak)) {
        totals->logit_peak = fmax(totals->logit_peak, row->logit_peak);
        totals->n_peaks++;
    }
}

/* Keeps the entropies of the valid rows side by side. */
static Totals
add_valid(const EntroRow *all, gsize n, EntroRows *rows)
{
    Totals totals = {.smallest = INFINITY, .logit_max = -INFINITY, .logit_peak = -INFINITY};

    for (gsize row = 0; row < n; row++) {
        if (all[row].n_keys == 0)
            continue;
        rows->entropy[totals.n] = all[row].entropy;
        add_row(&totals, &all[row], rows);
    }
    return totals;
}

static double
standard_deviation(const double *values, gsize n, double mean)
{
    double squares = 0;

    for (gsize i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

/* ---- quantiles ------------------------------------------------------------------------------------ */

/* A part of an array that holds just the ranks `first` to `end` - 1 of it, in any order. */
typedef struct {
    gsize first, end;
} Ranks;

static void
exchange(double *a, double *b)
{
    double kept = *a;

    *a = *b;
    *b = kept;
}

/* GSL's rule: index (n-1) f, linear between neighbours.  gsl_stats_select() leaves everything
 * behind k at least as large as element k, so its neighbour is the smallest of those; it is moved
 * to its place, so that ranks up to k + 1 and from k on are parts to go on with. */
static double
quantile(double *values, gsize n, Ranks ranks, double fraction, gsize *ret_k)
{
    double index = fraction * (double)(n - 1), weight = index - floor(index);
    gsize k = *ret_k = (gsize)index, next = k + 1;
    double at_k =
        gsl_stats_select(values + ranks.first, 1, ranks.end - ranks.first, k - ranks.first);

    if (k + 1 >= n)
        return at_k;
    for (gsize i = k + 2; i < ranks.end; i++)
        next = values[i] < values[next] ? i : next;
    exchange(&values[k + 1], &values[next]);
    return weight > 0 ? (1 - weight) * at_k + weight * values[k + 1] : at_k;
}

/* The median first: it halves the work for the others. */
static void
find_quantiles(double *entropy, gsize n, double values[ENTRO_HEAD_N_COLUMNS])
{
    gsize middle, k;

    values[ENTRO_HEAD_ENTROPY_MEDIAN] = quantile(entropy, n, (Ranks){0, n}, 0.5, &middle);
    values[ENTRO_HEAD_ENTROPY_P05] = quantile(entropy, n, (Ranks){0, MIN(middle + 2, n)}, 0.05, &k);
    values[ENTRO_HEAD_ENTROPY_P95] = quantile(entropy, n, (Ranks){middle, n}, 0.95, &k);
}

/* ---- heads ---------------------------------------------------------------------------------------- */

void
entro_head_summarise(const EntroRow *all, gsize n_all, EntroRows *work,
                     double values[ENTRO_HEAD_N_COLUMNS])
{
    Totals totals = add_valid(all, n_all, work);
    double n = (double)totals.n;

    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        values[column] = NAN;
    if (totals.n == 0)
        return;
    double n_scaled = totals.n_norm > 0 ? (double)totals.n_norm : NAN;
    values[ENTRO_HEAD_ENTROPY_MEAN] = totals.entropy / n;
    values[ENTRO_HEAD_ENTROPY_SD] = standard_deviation(work->entropy, totals.n, totals.entropy / n);
    values[ENTRO_HEAD_ENTROPY_MIN] = totals.smallest;
    values[ENTRO_HEAD_ENTROPY_MAX] = totals.largest;
    values[ENTRO_HEAD_ENTROPY_NORM] = totals.norm / n_scaled;
    values[ENTRO_HEAD_ENTROPY_CEILING] = totals.ceiling / n;
    values[ENTRO_HEAD_EFFECTIVE_KEYS] = totals.effective_keys / n;
    values[ENTRO_HEAD_MAX_WEIGHT] = totals.max_weight / n;
    values[ENTRO_HEAD_SINK_MASS] = totals.sink / n;
    values[ENTRO_HEAD_DISTANCE] = totals.distance / n;
    values[ENTRO_HEAD_SELF_WEIGHT] = totals.self / n;
    values[ENTRO_HEAD_PREVIOUS_WEIGHT] = totals.previous / n;
    values[ENTRO_HEAD_ROWS_COLLAPSED] = (double)totals.n_low / n_scaled;
    values[ENTRO_HEAD_ROWS_OVERLOADED] = (double)totals.n_high / n_scaled;
    if (totals.n_unknown == 0)
        values[ENTRO_HEAD_LOGIT_MAX] = totals.logit_max;
    if (totals.n_logits == totals.n)
        values[ENTRO_HEAD_LOGIT_SQUARE] = totals.logit_square / n;
    if (totals.n_peaks == totals.n)
        values[ENTRO_HEAD_LOGIT_PEAK] = totals.logit_peak;
    if (work->quantiles)
        find_quantiles(work->entropy, totals.n, values);
}

/* Share of the heads in each quarter of their own ceilings. */
static void
share_bands(const double *means, const double *ceilings, guint n, double *ret_share)
{
    g_autofree double *fractions = g_new(double, n);
    gsize count[ENTRO_N_BANDS];

    for (guint head = 0; head < n; head++)
        fractions[head] = ceilings[head] > 0 ? means[head] / ceilings[head] : NAN;
    gsize counted = entro_bands(fractions, n, 1, count);
    for (guint band = 0; band < ENTRO_N_BANDS && counted > 0; band++)
        ret_share[band] = (double)count[band] / (double)counted;
}

void
entro_layer_summarise(const EntroHeadStats *heads, guint n_heads, EntroLayerStats *ret_layer)
{
    g_autofree double *means = g_new(double, MAX(n_heads, 1));
    g_autofree double *ceilings = g_new(double, MAX(n_heads, 1));
    double *values = ret_layer->values;
    guint n = 0;

    for (guint head = 0; head < n_heads; head++)
        if (!isnan(heads[head].values[ENTRO_HEAD_ENTROPY_MEAN])) {
            means[n] = heads[head].values[ENTRO_HEAD_ENTROPY_MEAN];
            ceilings[n++] = heads[head].values[ENTRO_HEAD_ENTROPY_CEILING];
        }
    ret_layer->n_heads = n_heads;
    ret_layer->n_valid_heads = n;
    for (guint column = 0; column < ENTRO_LAYER_N_COLUMNS; column++)
        values[column] = NAN;
    if (n == 0)
        return;
    values[ENTRO_LAYER_ENTROPY_MEAN] = gsl_stats_mean(means, 1, n);
    values[ENTRO_LAYER_ENTROPY_CEILING] = gsl_stats_mean(ceilings, 1, n);
    if (n > 1)
        values[ENTRO_LAYER_ENTROPY_SPREAD] = gsl_stats_sd(means, 1, n);
    share_bands(means, ceilings, n, values + ENTRO_LAYER_HEADS_BAND_1);
}
