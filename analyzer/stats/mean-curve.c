/* mean-curve.c: the mean of curves of the same kind, one a run, with Student's interval at each x.
 *
 * Runs of a different length, or that diverge, leave a smaller n behind them, never a value of their
 * own: the mean of what is left is then another one, which n_runs tells. */
#include "analyzer-private.h"
#include "entro-compare.h"

#include <stdlib.h>
#include <gsl/gsl_cdf.h>

static int
ascending(gconstpointer a, gconstpointer b)
{
    double value_a = *(const double *)a, value_b = *(const double *)b;

    return (value_a > value_b) - (value_a < value_b);
}

/* All x of all curves, each once; doubles. */
static GArray *
merge_x(const EntroSeedCurve *curves, guint n_curves)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(double));
    guint kept = 0;

    for (guint i = 0; i < n_curves; i++)
        g_array_append_vals(all, curves[i].x, (guint)curves[i].n);
    g_array_sort(all, ascending);
    for (guint i = 0; i < all->len; i++)
        if (i == 0 || g_array_index(all, double, i) != g_array_index(all, double, kept - 1))
            g_array_index(all, double, kept++) = g_array_index(all, double, i);
    g_array_set_size(all, kept);
    return all;
}

/* Of the curve at x; NULL: it has no such x. */
static const double *
value_at(const EntroSeedCurve *curve, double x)
{
    const double *found =
        curve->n > 0 ? bsearch(&x, curve->x, curve->n, sizeof x, ascending) : NULL;

    return found ? curve->y + (found - curve->x) : NULL;
}

/* Keeps the x that enough curves have, whatever is there. */
static void
keep_common(GArray *x, const EntroSeedCurve *curves, guint n_curves, guint least)
{
    guint kept = 0;

    for (guint i = 0; i < x->len; i++) {
        double each = g_array_index(x, double, i);
        guint n = 0;
        for (guint k = 0; k < n_curves; k++)
            n += value_at(&curves[k], each) != NULL;
        if (n >= least)
            g_array_index(x, double, kept++) = each;
    }
    g_array_set_size(x, kept);
}

/* x of the first value that is not finite; NaN: there is none. */
static double
find_end(const EntroSeedCurve *curve)
{
    for (gsize i = 0; i < curve->n; i++)
        if (!isfinite(curve->y[i]))
            return curve->x[i];
    return NAN;
}

/* The values that count at x; up to one a curve. */
static gsize
take_values(const EntroSeedCurve *curves, const EntroMeanCurve *mean, gboolean gaps, double x,
            double *values)
{
    gsize n = 0;

    for (guint i = 0; i < mean->n_curves; i++) {
        const double *value = value_at(&curves[i], x);
        gboolean ended = !gaps && x >= mean->ended[i]; /* FALSE for NaN */
        if (value != NULL && isfinite(*value) && !ended)
            values[n++] = *value;
    }
    return n;
}

/* Student's t of a two-sided interval. */
static double
t_of_level(double level, gsize n)
{
    return gsl_cdf_tdist_Pinv((1 + level) / 2, (double)n - 1);
}

static void
set_point(EntroMeanCurve *mean, gsize i, const double *values, gsize n, double level)
{
    double sum = 0, squares = 0;

    mean->n_runs[i] = n;
    mean->mean[i] = mean->sd[i] = mean->low[i] = mean->high[i] = NAN;
    if (n == 0)
        return;
    for (gsize k = 0; k < n; k++)
        sum += values[k];
    mean->mean[i] = sum / (double)n;
    if (n < 2)
        return;
    for (gsize k = 0; k < n; k++)
        squares += (values[k] - mean->mean[i]) * (values[k] - mean->mean[i]);
    mean->sd[i] = sqrt(squares / (double)(n - 1));
    double half = t_of_level(level, n) * mean->sd[i] / sqrt((double)n);
    mean->low[i] = mean->mean[i] - half;
    mean->high[i] = mean->mean[i] + half;
}

EntroMeanCurve *
entro_mean_curve(const EntroSeedCurve *curves, guint n_curves, const EntroMeanCurveOptions *options)
{
    g_return_val_if_fail(options->level > 0 && options->level < 1, NULL);
    g_autoptr(GArray) x = merge_x(curves, n_curves);
    EntroMeanCurve *mean = g_new0(EntroMeanCurve, 1);
    g_autofree double *values = g_new(double, MAX(n_curves, 1));

    keep_common(x, curves, n_curves, options->least == 0 ? n_curves : options->least);
    *mean = (EntroMeanCurve){.n_curves = n_curves,
                             .n = x->len,
                             .x = g_new(double, x->len),
                             .mean = g_new(double, x->len),
                             .sd = g_new(double, x->len),
                             .low = g_new(double, x->len),
                             .high = g_new(double, x->len),
                             .n_runs = g_new(gsize, x->len),
                             .ended = g_new(double, n_curves)};
    for (guint i = 0; i < n_curves; i++)
        mean->ended[i] = find_end(&curves[i]);
    for (gsize i = 0; i < mean->n; i++) {
        mean->x[i] = g_array_index(x, double, i);
        gsize n = take_values(curves, mean, options->gaps, mean->x[i], values);
        set_point(mean, i, values, n, options->level);
    }
    return mean;
}

void
entro_mean_curve_free(EntroMeanCurve *curve)
{
    if (curve == NULL)
        return;
    g_free(curve->x);
    g_free(curve->mean);
    g_free(curve->sd);
    g_free(curve->low);
    g_free(curve->high);
    g_free(curve->n_runs);
    g_free(curve->ended);
    g_free(curve);
}
