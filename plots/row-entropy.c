/* row-entropy.c: the view row-entropy, from traces to curves: how the entropies of single rows are
 * distributed.
 *
 * A line a layer, or a line for each choice of heads: shares of its valid rows in bins from 0 to ln n,
 * n = keys of the longest row. */
#include "view-private.h"

enum { BINS = 60 };

/* ---- one line ---------------------------------------------------------------------------------- */

static gsize
count_rows(const EntroRowHistogram *histogram)
{
    gsize n = 0;

    for (gsize bin = 0; bin < histogram->n_bins; bin++)
        n += histogram->count[bin];
    return n;
}

/* Stairs over the bins, down to the axis at both ends. */
static EntroCurve *
make_stairs(const EntroRowHistogram *histogram, EntroHeadChoice choice, gint64 number)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);
    const double n_rows = (double)count_rows(histogram);
    const gsize n = n_rows > 0 ? 2 * histogram->n_bins + 2 : 0;

    curve->label = entro_view_head_name(choice);
    curve->number = number;
    curve->n = n;
    curve->x = g_new0(double, n);
    curve->y = g_new0(double, n);
    for (gsize i = 0; i < n; i++) {
        const gboolean at_end = i == 0 || i == n - 1;
        curve->x[i] = histogram->edge[i / 2];
        curve->y[i] = at_end ? 0 : 100 * (double)histogram->count[(i - 1) / 2] / n_rows;
    }
    return curve;
}

/* A layer that cannot be read is among the origin's problems. */
static gboolean
add_lines(EntroCurveChart *lines, const EntroRowSet *set, const GArray *groups, gboolean of_layers,
          GError **error)
{
    const gboolean flat = set->most_keys < 2; /* every entropy is 0: bins from 0 to 1 */

    for (guint i = 0; i < groups->len; i++) {
        const EntroHeadChoice choice = g_array_index(groups, EntroHeadChoice, i);
        const gint64 number = of_layers ? choice.layer : (gint64)i;
        g_autoptr(GError) local = NULL;
        g_autoptr(EntroRowHistogram) histogram =
            entro_rows_histogram(set, choice, ENTRO_ROW_ENTROPY, BINS, flat ? 0 : NAN,
                                 flat ? 1 : NAN, &local);
        if (histogram)
            entro_curve_chart_add_curve(lines, make_stairs(histogram, choice, number),
                                        (EntroPen){0});
        else if (!of_layers) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the view ---------------------------------------------------------------------------------- */

static EntroCurveChart *
make_chart(EntroPage *page, const char *title)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, title, "Share of rows (%)");
    EntroChart *chart = &lines->chart;

    entro_chart_set_across(chart, "Row entropy (nats)", ENTRO_AXIS_NUMBER, "row entropy");
    entro_scale_add(&chart->x, 0);
    chart->y.from_zero = TRUE;
    lines->crosses = FALSE;
    return lines;
}

/* The largest entropy that a row of the trace can have. */
static void
mark_limit(EntroCurveChart *lines, const EntroFigure *figure, gsize most_keys)
{
    g_autofree char *words = g_strdup_printf("ceiling ln %" G_GSIZE_FORMAT, most_keys);
    if (most_keys < 2)
        return;

    entro_curve_chart_set_limit(lines, log((double)most_keys));
    entro_legend_add(&lines->chart.signs, ENTRO_SWATCH_LINE,
                     (EntroPen){figure->theme.faint, ENTRO_DASHED}, words);
}

static EntroCurveChart *
add_trace(EntroPage *page, const EntroViewInput *input, const EntroViewTrace *trace,
          gint64 *ret_step, GError **error)
{
    const EntroPlotOptions *options = input->options;
    const EntroRowOptions row_options = entro_view_row_options(options);
    g_autoptr(EntroRowSet) set = entro_row_set_read(trace->source, &row_options, error);
    g_autoptr(GArray) groups =
        entro_view_row_groups(entro_source_get_trace(trace->source), options);
    if (!set)
        return NULL;

    EntroCurveChart *lines = make_chart(page, trace->name);
    if (!add_lines(lines, set, groups, options->n_heads == 0, error))
        return NULL;
    mark_limit(lines, page->figure, set->most_keys);
    entro_view_note_rows(&lines->chart, trace, set);
    entro_view_note_origin(page, trace, &set->origin);
    *ret_step = set->origin.step;
    return lines;
}

gboolean
entro_view_row_entropy(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) traces = entro_view_open_traces(input, error);
    if (!traces)
        return FALSE;

    g_autofree EntroCurveChart **lines = g_new0(EntroCurveChart *, traces->len);
    g_autofree gint64 *step = g_new0(gint64, traces->len);
    for (guint i = 0; i < traces->len; i++) {
        lines[i] = add_trace(page, input, traces->pdata[i], &step[i], error);
        if (!lines[i])
            return FALSE;
    }
    entro_view_colour_groups(page, lines, traces->len);
    entro_view_set_title(page, entro_view_find("row-entropy")->title, traces, step,
                         input->options->sample);
    return TRUE;
}
