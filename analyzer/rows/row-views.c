/* row-views.c: what is shown of many rows: their distribution, and how they go with the query. */
#include "rows-private.h"

#include <stdlib.h>
#include <gsl/gsl_histogram.h>
#include <gsl/gsl_statistics_double.h>

static gboolean
is_chosen(const EntroRowValue *row, EntroHeadChoice choice)
{
    return (choice.layer == ENTRO_ALL || choice.layer == (gint64)row->layer) &&
           (choice.head == ENTRO_ALL || choice.head == (gint64)row->head);
}

static double
quantity_of(const EntroRowValue *row, EntroRowQuantity quantity)
{
    return quantity == ENTRO_ROW_NORM ? row->norm : row->entropy;
}

static gboolean
check_choice(const EntroRowSet *set, EntroHeadChoice choice, GError **error)
{
    for (gsize i = 0; i < set->n; i++)
        if (is_chosen(&set->row[i], choice))
            return TRUE;
    if (choice.head == ENTRO_ALL)
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND,
                    "layer %" G_GINT64_FORMAT " is not among the rows that were read",
                    choice.layer);
    else
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND,
                    choice.layer == ENTRO_ALL
                        ? "head %" G_GINT64_FORMAT " is not among the rows that were read"
                        : "head %" G_GINT64_FORMAT " of layer %" G_GINT64_FORMAT
                          " is not among the rows that were read",
                    choice.head, choice.layer);
    return FALSE;
}

/* ---- the distribution ------------------------------------------------------------------------------ */

static gboolean
check_bins(gsize n_bins, double low, double high, GError **error)
{
    if (n_bins >= 1 && n_bins <= 1 << 20 && isfinite(low) && isfinite(high) && low < high)
        return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND,
                "a histogram of %" G_GSIZE_FORMAT " bins from %g to %g cannot be: it needs 1 to "
                "%d bins, and a first value below the last",
                n_bins, low, high, 1 << 20);
    return FALSE;
}

static void
count_row(EntroRowHistogram *result, gsl_histogram *counts, const EntroRowValue *row,
          EntroRowQuantity quantity)
{
    double value = quantity_of(row, quantity);

    result->n_class[row->class_]++;
    if (row->class_ != ENTRO_ROW_VALID)
        return;
    result->n_without += isnan(value);
    result->n_below += value < result->low;
    result->n_above += value > result->high;
    if (value == result->high) /* GSL's last bin ends before it */
        counts->bin[result->n_bins - 1]++;
    else if (!isnan(value))
        gsl_histogram_increment(counts, value);
}

/* Rounding may leave a little more than ln n of a uniform row: that is in the last bin. */
static double
most_possible(const EntroRowSet *set, EntroRowQuantity quantity)
{
    double most = quantity == ENTRO_ROW_NORM ? 1 : log((double)MAX(set->most_keys, 2));

    for (gsize i = 0; i < set->n; i++) {
        double value = quantity_of(&set->row[i], quantity);
        if (value > most)
            most = value;
    }
    return most;
}

EntroRowHistogram *
entro_rows_histogram(const EntroRowSet *set, EntroHeadChoice choice, EntroRowQuantity quantity,
                     gsize n_bins, double low, double high, GError **error)
{
    low = isnan(low) ? 0 : low;
    high = isnan(high) ? most_possible(set, quantity) : high;
    if (!check_choice(set, choice, error) || !check_bins(n_bins, low, high, error))
        return NULL;
    g_autoptr(EntroRowHistogram) result = g_new0(EntroRowHistogram, 1);
    gsl_histogram *counts = gsl_histogram_alloc(n_bins);

    *result = (EntroRowHistogram){.low = low, .high = high, .n_bins = n_bins};
    gsl_histogram_set_ranges_uniform(counts, low, high);
    for (gsize i = 0; i < set->n; i++)
        if (is_chosen(&set->row[i], choice))
            count_row(result, counts, &set->row[i], quantity);
    result->edge = g_memdup2(counts->range, (n_bins + 1) * sizeof *result->edge);
    result->count = g_new(gsize, n_bins);
    for (gsize bin = 0; bin < n_bins; bin++)
        result->count[bin] = (gsize)counts->bin[bin];
    gsl_histogram_free(counts);
    return g_steal_pointer(&result);
}

void
entro_row_histogram_free(EntroRowHistogram *histogram)
{
    if (histogram == NULL)
        return;
    g_free(histogram->edge);
    g_free(histogram->count);
    g_free(histogram);
}

/* ---- by query position ------------------------------------------------------------------------------- */

typedef struct {
    EntroRowQuantity quantity;
    const EntroRowValue **row; /* [n] by query, then by value, NaN last */
    gsize n;
} Sorted;

static int
compare_rows(gconstpointer a, gconstpointer b, gpointer data)
{
    const EntroRowValue *row_a = *(const EntroRowValue *const *)a;
    const EntroRowValue *row_b = *(const EntroRowValue *const *)b;
    EntroRowQuantity quantity = GPOINTER_TO_UINT(data);
    double value_a = quantity_of(row_a, quantity), value_b = quantity_of(row_b, quantity);

    if (row_a->query != row_b->query)
        return row_a->query < row_b->query ? -1 : 1;
    if (isnan(value_a) || isnan(value_b))
        return isnan(value_a) - isnan(value_b);
    return (value_a > value_b) - (value_a < value_b);
}

static Sorted
sort_rows(const EntroRowSet *set, EntroHeadChoice choice, EntroRowQuantity quantity)
{
    Sorted sorted = {.quantity = quantity, .row = g_new(const EntroRowValue *, MAX(set->n, 1))};

    for (gsize i = 0; i < set->n; i++)
        if (is_chosen(&set->row[i], choice))
            sorted.row[sorted.n++] = &set->row[i];
    g_qsort_with_data(sorted.row, (gint)sorted.n, sizeof *sorted.row, compare_rows,
                      GUINT_TO_POINTER(quantity));
    return sorted;
}

/* From its rows, sorted; `values` has room for them. */
static EntroQueryPoint
make_point(const Sorted *sorted, gsize first, gsize end, double *values)
{
    EntroQueryPoint point = {.query = sorted->row[first]->query,
                             .mean = NAN,
                             .low = NAN,
                             .median = NAN,
                             .high = NAN,
                             .ceiling = NAN};
    double sum = 0, ceilings = 0;

    for (gsize i = first; i < end; i++) {
        double value = quantity_of(sorted->row[i], sorted->quantity);
        point.n_class[sorted->row[i]->class_]++;
        if (isnan(value))
            continue;
        values[point.n++] = value;
        sum += value;
        ceilings += sorted->quantity == ENTRO_ROW_NORM ? 1 : log((double)sorted->row[i]->n_keys);
    }
    if (point.n == 0)
        return point;
    point.mean = sum / (double)point.n;
    point.ceiling = ceilings / (double)point.n;
    point.low = gsl_stats_quantile_from_sorted_data(values, 1, point.n, 0.25);
    point.median = gsl_stats_quantile_from_sorted_data(values, 1, point.n, 0.5);
    point.high = gsl_stats_quantile_from_sorted_data(values, 1, point.n, 0.75);
    return point;
}

static gsize
end_of_query(const Sorted *sorted, gsize first)
{
    gsize end = first + 1;

    while (end < sorted->n && sorted->row[end]->query == sorted->row[first]->query)
        end++;
    return end;
}

EntroQueryProfile *
entro_rows_by_query(const EntroRowSet *set, EntroHeadChoice choice, EntroRowQuantity quantity,
                    GError **error)
{
    if (!check_choice(set, choice, error))
        return NULL;
    Sorted sorted = sort_rows(set, choice, quantity);
    g_autofree double *values = g_new(double, sorted.n);
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(EntroQueryPoint));

    for (gsize first = 0; first < sorted.n;) {
        gsize end = end_of_query(&sorted, first);
        EntroQueryPoint point = make_point(&sorted, first, end, values);
        g_array_append_val(points, point);
        first = end;
    }
    g_free(sorted.row);
    EntroQueryProfile *profile = g_new0(EntroQueryProfile, 1);
    profile->n = points->len;
    profile->point = (EntroQueryPoint *)(gpointer)g_array_free(g_steal_pointer(&points), FALSE);
    return profile;
}

void
entro_query_profile_free(EntroQueryProfile *profile)
{
    if (profile == NULL)
        return;
    g_free(profile->point);
    g_free(profile);
}
