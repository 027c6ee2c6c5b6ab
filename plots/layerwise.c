/* layerwise.c: the view layerwise-entropy, from the store to curves.
 *
 * Colours run along the palette with depth.  A run whose heads all lose their valid rows at some
 * step, and never get one again, is marked from there. */
#include "view-private.h"

typedef struct {
    const EntroFigure *figure;
    gint64 first, last; /* numbers of the layers */
    gsize n;            /* curves of the run with most */
} Layers;

static Layers
survey_layers(const EntroFigure *figure, EntroCurveChart *const *lines, guint n)
{
    Layers layers = {figure, G_MAXINT64, G_MININT64, 0};

    for (guint p = 0; p < n; p++) {
        for (guint k = 0; k < lines[p]->curves->len; k++) {
            const EntroCurve *curve = lines[p]->curves->pdata[k];
            layers.first = MIN(layers.first, curve->number);
            layers.last = MAX(layers.last, curve->number);
        }
        layers.n = MAX(layers.n, lines[p]->curves->len);
    }
    return layers;
}

static EntroPen
layer_pen(const Layers *layers, gint64 layer)
{
    const double span = (double)layers->last - (double)layers->first;
    const double depth = ((double)layer - (double)layers->first) / MAX(1, span);
    const double end = layers->figure->theme.line_range;

    return (EntroPen){.colour = entro_palette_at(layers->figure->palette, depth * end)};
}

static gboolean
named(const Layers *layers)
{
    return (double)layers->last - (double)layers->first < layers->figure->theme.legend_lines;
}

/* Few layers are named; for many there is a colour bar. */
static void
explain_layers(EntroCurveChart *lines, const Layers *layers)
{
    EntroChart *chart = &lines->chart;

    if (layers->n == 0)
        return;
    if (!named(layers)) {
        chart->coloured = TRUE;
        chart->palette = layers->figure->palette;
        chart->palette_end = layers->figure->theme.line_range;
        chart->colour.kind = ENTRO_AXIS_WHOLE;
        chart->colour.label = g_strdup("Layer index");
        chart->colour.shared = "layer";
        chart->colour.together = TRUE;
        chart->bar_downwards = TRUE; /* layer 0 on top, as in the heat maps */
        entro_scale_add(&chart->colour, layers->first);
        entro_scale_add(&chart->colour, layers->last);
        return;
    }
    chart->legend_title = "Layers";
    chart->legend_beside = TRUE;
    for (gint64 layer = layers->first; layer <= layers->last; layer++) {
        g_autofree char *name = g_strdup_printf("Layer %" G_GINT64_FORMAT, layer);
        entro_legend_add(&chart->legend, ENTRO_SWATCH_LINE, layer_pen(layers, layer), name);
    }
}

/* ---- where the values end -------------------------------------------------------------------- */

/* Step from which a curve has no value any more, NaN if it has one to its end. */
static double
stop_of(const EntroCurve *curve)
{
    const gsize end = entro_curve_end(curve);

    return end < curve->n ? curve->x[end] : NAN;
}

static void
mark_stop(EntroCurveChart *lines)
{
    const guint n_curves = lines->curves->len;
    EntroRange stop = {NAN, NAN};
    guint n_stopped = 0;

    for (guint k = 0; k < n_curves; k++) {
        const double step = stop_of(lines->curves->pdata[k]);
        n_stopped += !isnan(step);
        entro_range_add(&stop.low, &stop.high, step);
    }
    if (n_stopped == 0)
        return;
    if (n_stopped == n_curves) {
        lines->stop = stop.high;
        lines->chart.annotation = g_strdup_printf("NaN from step %.0f", stop.high);
    } else
        lines->chart.annotation =
            g_strdup_printf("NaN in %u of %u layers from step %.0f", n_stopped, n_curves, stop.low);
}

void
entro_layer_colours(EntroPage *page, EntroCurveChart *const *lines, guint n)
{
    const Layers layers = survey_layers(page->figure, lines, n);

    for (guint p = 0; p < n; p++) {
        for (guint k = 0; k < lines[p]->curves->len; k++) {
            const EntroCurve *curve = lines[p]->curves->pdata[k];
            g_array_index(lines[p]->pens, EntroPen, k) = layer_pen(&layers, curve->number);
        }
        explain_layers(lines[p], &layers);
    }
}

void
entro_layerwise_finish(EntroPage *page, EntroCurveChart *const *lines, guint n)
{
    entro_layer_colours(page, lines, n);
    for (guint p = 0; p < n; p++) {
        lines[p]->chart.y.from_zero = TRUE;
        lines[p]->crosses = lines[p]->curves->len <= page->figure->theme.legend_lines;
        mark_stop(lines[p]);
        entro_curve_chart_explain(lines[p], page->figure, "last value before NaN");
    }
}

/* ---- from the store ------------------------------------------------------------------------- */

static gboolean
add_curves(EntroCurveChart *lines, EntroStore *store, gint64 run_id, const char *column,
           GError **error)
{
    g_autoptr(GPtrArray) curves = entro_store_select_layer_curves(store, run_id, column, error);
    if (!curves)
        return FALSE;

    g_ptr_array_set_free_func(curves, NULL); /* the chart takes them */
    for (guint k = 0; k < curves->len; k++)
        entro_curve_chart_add_curve(lines, curves->pdata[k], (EntroPen){0});
    return TRUE;
}

/* The ceiling is the same at every step unless masks change: its largest value is drawn. */
static gboolean
add_ceiling(EntroCurveChart *lines, EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GPtrArray) curves =
        entro_store_select_layer_curves(store, run_id, "entropy_ceiling", error);
    EntroRange range = {NAN, NAN};
    if (!curves)
        return FALSE;

    for (guint k = 0; k < curves->len; k++) {
        const EntroCurve *curve = curves->pdata[k];
        for (gsize i = 0; i < curve->n; i++)
            entro_range_add(&range.low, &range.high, curve->y[i]);
    }
    entro_curve_chart_set_ceiling(lines, range.high);
    return TRUE;
}

/* What is drawn, in words. */
typedef struct {
    gboolean own; /* the view's own statistic, which has a ceiling */
    char *title, *y_label;
} Words;

static void
words_clear(Words *words)
{
    g_free(words->title);
    g_free(words->y_label);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Words, words_clear)

static gboolean
find_words(Words *words, const EntroViewInput *input, GError **error)
{
    const EntroView *view = entro_view_find("layerwise-entropy");
    const char *column = input->options->column;
    gboolean of_heads = TRUE;

    words->own = g_strcmp0(column, view->column) == 0;
    g_autofree char *described = entro_view_value_label(input->store, column, error);
    if (!described || !entro_store_is_of_heads(input->store, column, &of_heads, error))
        return FALSE;
    words->title = words->own ? g_strdup(view->title)
                              : g_strdup_printf(of_heads ? "%s, mean over the heads of each layer"
                                                         : "%s of each layer",
                                                described);
    words->y_label =
        words->own ? g_strdup("Layer mean entropy (nats)") : g_steal_pointer(&described);
    return TRUE;
}

gboolean
entro_view_layerwise(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autofree EntroCurveChart **lines = g_new0(EntroCurveChart *, input->n_runs);
    g_auto(Words) words = {0};
    if (!find_words(&words, input, error))
        return FALSE;

    for (guint run = 0; run < input->n_runs; run++) {
        const gint64 id = input->runs[run]->id;
        lines[run] = entro_curve_chart_add(page, entro_view_run_name(input, run), words.y_label);
        if (!add_curves(lines[run], input->store, id, input->options->column, error))
            return FALSE;
        if (words.own && !add_ceiling(lines[run], input->store, id, error))
            return FALSE;
    }
    entro_page_set_title(page, words.title);
    entro_layerwise_finish(page, lines, input->n_runs);
    return entro_curves_check(page, error);
}
