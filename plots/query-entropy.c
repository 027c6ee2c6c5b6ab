/* query-entropy.c: the view query-entropy, from traces to curves: the entropy of rows along the
 * positions of their queries.
 *
 * A line a layer, or a line for each choice of heads: means over samples and heads, below the ceiling
 * ln n, n = keys that the row may attend to.  A single line has its quartiles behind it. */
#include "view-private.h"

static const double band_alpha = 0.22;

/* What is drawn of one trace; the colours are known when all charts are. */
typedef struct {
    EntroCurveChart *chart;
    EntroRowSet *set;
    GPtrArray *profiles; /* EntroQueryProfile *, one a line */
} Part;

static void
part_clear(gpointer data)
{
    Part *part = data;

    entro_row_set_free(part->set);
    g_clear_pointer(&part->profiles, g_ptr_array_unref);
}

/* ---- lines ------------------------------------------------------------------------------------- */

typedef enum { MEAN, CEILING } Quantity;

static EntroCurve *
make_curve(const EntroQueryProfile *profile, Quantity quantity, EntroHeadChoice choice,
           gint64 number)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = entro_view_head_name(choice);
    curve->number = number;
    curve->n = profile->n;
    curve->x = g_new(double, profile->n);
    curve->y = g_new(double, profile->n);
    for (gsize i = 0; i < profile->n; i++) {
        curve->x[i] = (double)profile->point[i].query;
        curve->y[i] = quantity == MEAN ? profile->point[i].mean : profile->point[i].ceiling;
    }
    return curve;
}

/* A layer that cannot be read is among the origin's problems. */
static gboolean
add_means(const Part *part, const GArray *groups, gboolean of_layers, GError **error)
{
    for (guint i = 0; i < groups->len; i++) {
        const EntroHeadChoice choice = g_array_index(groups, EntroHeadChoice, i);
        const gint64 number = of_layers ? choice.layer : (gint64)i;
        g_autoptr(GError) local = NULL;
        EntroQueryProfile *profile =
            entro_rows_by_query(part->set, choice, ENTRO_ROW_ENTROPY, &local);
        if (profile) {
            g_ptr_array_add(part->profiles, profile);
            entro_curve_chart_add_curve(part->chart, make_curve(profile, MEAN, choice, number),
                                        (EntroPen){0});
        } else if (!of_layers) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
    return TRUE;
}

/* Behind the only line, in its colour. */
static void
add_quartiles(const Part *part)
{
    const EntroQueryProfile *profile = part->profiles->pdata[0];
    EntroColour colour = g_array_index(part->chart->pens, EntroPen, 0).colour;
    g_autofree double *x = g_new(double, profile->n);
    g_autofree double *low = g_new(double, profile->n);
    g_autofree double *high = g_new(double, profile->n);

    for (gsize i = 0; i < profile->n; i++) {
        x[i] = (double)profile->point[i].query;
        low[i] = profile->point[i].low;
        high[i] = profile->point[i].high;
    }
    colour.alpha = band_alpha;
    entro_curve_chart_add_band(part->chart, x, low, high, profile->n, colour);
    entro_legend_add(&part->chart->chart.signs, ENTRO_SWATCH_PATCH, (EntroPen){.colour = colour},
                     "quartiles");
}

/* The mean of ln n over all rows that were read: one ceiling for all lines. */
static gboolean
add_ceiling(const Part *part, const EntroFigure *figure, GError **error)
{
    static const EntroHeadChoice all = {ENTRO_ALL, ENTRO_ALL};
    const EntroPen pen = {figure->theme.faint, ENTRO_DASHED};
    g_autoptr(EntroQueryProfile) profile =
        entro_rows_by_query(part->set, all, ENTRO_ROW_ENTROPY, error);
    if (!profile)
        return FALSE;

    entro_curve_chart_add_curve(part->chart, make_curve(profile, CEILING, all, 0), pen);
    entro_legend_add(&part->chart->chart.signs, ENTRO_SWATCH_LINE, pen, "ceiling ln n");
    return TRUE;
}

/* ---- the view ---------------------------------------------------------------------------------- */

static EntroCurveChart *
make_chart(EntroPage *page, const char *title)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, title, "Row entropy (nats)");
    EntroChart *chart = &lines->chart;

    entro_chart_set_across(chart, "Query position", ENTRO_AXIS_WHOLE, "query");
    chart->y.from_zero = TRUE;
    lines->crosses = FALSE;
    return lines;
}

static gboolean
read_part(Part *part, EntroPage *page, const EntroViewTrace *trace, const EntroPlotOptions *options,
          GError **error)
{
    const EntroRowOptions row_options = entro_view_row_options(options);
    g_autoptr(GArray) groups =
        entro_view_row_groups(entro_source_get_trace(trace->source), options);

    part->profiles = g_ptr_array_new_with_free_func((GDestroyNotify)entro_query_profile_free);
    part->set = entro_row_set_read(trace->source, &row_options, error);
    if (!part->set)
        return FALSE;
    part->chart = make_chart(page, trace->name);
    entro_view_note_rows(&part->chart->chart, trace, part->set);
    entro_view_note_origin(page, trace, &part->set->origin);
    return add_means(part, groups, options->n_heads == 0, error);
}

static gboolean
finish_parts(EntroPage *page, const GArray *parts, GError **error)
{
    g_autofree EntroCurveChart **charts = g_new(EntroCurveChart *, parts->len);

    for (guint i = 0; i < parts->len; i++)
        charts[i] = g_array_index(parts, Part, i).chart;
    entro_view_colour_groups(page, charts, parts->len);
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = &g_array_index(parts, Part, i);
        if (part->profiles->len == 1)
            add_quartiles(part);
        if (!add_ceiling(part, page->figure, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_view_query_entropy(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) traces = entro_view_open_traces(input, error);
    g_autoptr(GArray) parts = g_array_new(FALSE, TRUE, sizeof(Part));
    if (!traces)
        return FALSE;

    g_autofree gint64 *step = g_new(gint64, traces->len);
    g_array_set_clear_func(parts, part_clear);
    for (guint i = 0; i < traces->len; i++) {
        g_array_set_size(parts, i + 1);
        Part *part = &g_array_index(parts, Part, i);
        if (!read_part(part, page, traces->pdata[i], input->options, error))
            return FALSE;
        step[i] = part->set->origin.step;
    }
    entro_view_set_title(page, entro_view_find("query-entropy")->title, traces, step,
                         input->options->sample);
    return finish_parts(page, parts, error);
}
