/* layerwise.c: the view layerwise-entropy, from the store to curves.
 *
 * Colours run along the palette with depth.  A run whose heads all lose their valid rows at some
 * step, and never get one again, is marked from there. */
#include "view-private.h"

typedef struct {
    gint64 first, last; /* numbers of the layers */
    gsize n;            /* curves of the run with most */
} Layers;

static Layers
survey_layers(const EntroCurveSpec *spec)
{
    Layers layers = {G_MAXINT64, G_MININT64, 0};

    for (guint p = 0; p < spec->panels->len; p++) {
        const EntroCurvePanel *panel = spec->panels->pdata[p];
        for (guint k = 0; k < panel->curves->len; k++) {
            const EntroCurve *curve = panel->curves->pdata[k];
            layers.first = MIN(layers.first, curve->number);
            layers.last = MAX(layers.last, curve->number);
        }
        layers.n = MAX(layers.n, panel->curves->len);
    }
    return layers;
}

static EntroPen
layer_pen(const Layers *layers, gint64 layer, const EntroPalette *palette)
{
    const double span = (double)layers->last - (double)layers->first;
    const double depth = ((double)layer - (double)layers->first) / MAX(1, span);

    return (EntroPen){.colour =
                          entro_palette_at(palette, depth * entro_theme_default()->line_range)};
}

static void
colour_layers(EntroCurveSpec *spec, const Layers *layers, const EntroPalette *palette)
{
    for (guint p = 0; p < spec->panels->len; p++) {
        EntroCurvePanel *panel = spec->panels->pdata[p];
        for (guint k = 0; k < panel->curves->len; k++) {
            const EntroCurve *curve = panel->curves->pdata[k];
            g_array_index(panel->pens, EntroPen, k) = layer_pen(layers, curve->number, palette);
        }
    }
}

/* Few layers are named; for many there is a colour bar. */
static void
explain_layers(EntroCurveSpec *spec, const Layers *layers, const EntroPalette *palette)
{
    EntroLegend *legend = spec->panels->len == 1 ? &spec->beside : &spec->footer.legend;

    if (layers->n == 0)
        return;
    if ((double)layers->last - (double)layers->first >= entro_theme_default()->legend_lines) {
        spec->first_layer = layers->first;
        spec->last_layer = layers->last;
        return;
    }
    for (gint64 layer = layers->first; layer <= layers->last; layer++) {
        g_autofree char *name = g_strdup_printf("Layer %" G_GINT64_FORMAT, layer);
        entro_legend_add(legend, ENTRO_SWATCH_LINE, layer_pen(layers, layer, palette), name);
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
mark_stop(EntroCurvePanel *panel)
{
    EntroRange stop = {NAN, NAN};
    guint n_stopped = 0;

    for (guint k = 0; k < panel->curves->len; k++) {
        const double step = stop_of(panel->curves->pdata[k]);
        n_stopped += !isnan(step);
        entro_range_add(&stop.low, &stop.high, step);
    }
    if (n_stopped == 0)
        return;
    if (n_stopped == panel->curves->len) {
        panel->stop = stop.high;
        panel->annotation = g_strdup_printf("NaN from step %.0f", stop.high);
    } else
        panel->annotation = g_strdup_printf("NaN in %u of %u layers from step %.0f", n_stopped,
                                            panel->curves->len, stop.low);
}

static void
mark_stops(EntroCurveSpec *spec)
{
    gboolean cross = FALSE;

    for (guint p = 0; p < spec->panels->len; p++) {
        EntroCurvePanel *panel = spec->panels->pdata[p];
        mark_stop(panel);
        panel->crosses = panel->curves->len <= entro_theme_default()->legend_lines;
        for (guint k = 0; k < panel->curves->len; k++) {
            const gsize end = entro_curve_end(panel->curves->pdata[k]);
            cross |= panel->crosses && end > 0 && end < ((EntroCurve *)panel->curves->pdata[k])->n;
        }
    }
    if (cross)
        entro_legend_add(&spec->footer.signs, ENTRO_SWATCH_CROSS,
                         (EntroPen){.colour = entro_theme_default()->ink}, "last value before NaN");
}

void
entro_layerwise_finish(EntroCurveSpec *spec, const EntroPalette *palette)
{
    const Layers layers = survey_layers(spec);
    gboolean ceiling = FALSE;

    colour_layers(spec, &layers, palette);
    explain_layers(spec, &layers, palette);
    for (guint p = 0; p < spec->panels->len; p++)
        ceiling |= !isnan(((EntroCurvePanel *)spec->panels->pdata[p])->ceiling);
    if (ceiling)
        entro_legend_add(&spec->footer.signs, ENTRO_SWATCH_LINE,
                         (EntroPen){entro_theme_default()->faint, ENTRO_DASHED},
                         "ceiling: uniform attention");
    mark_stops(spec);
}

/* ---- from the store ------------------------------------------------------------------------- */

static gboolean
add_run(EntroCurveSpec *spec, EntroStore *store, const EntroRunInfo *run, const char *column,
        GError **error)
{
    EntroCurvePanel *panel = entro_curve_panel_new(run->name);
    g_ptr_array_add(spec->panels, panel);
    g_autoptr(GPtrArray) curves = entro_store_select_layer_curves(store, run->id, column, error);
    if (!curves)
        return FALSE;

    g_ptr_array_set_free_func(curves, NULL); /* the panel takes them */
    for (guint k = 0; k < curves->len; k++)
        entro_curve_panel_add(panel, curves->pdata[k], (EntroPen){0});
    return TRUE;
}

/* The ceiling is the same at every step unless masks change: its largest value is drawn. */
static gboolean
add_ceiling(EntroCurvePanel *panel, EntroStore *store, gint64 run_id, GError **error)
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
    panel->ceiling = range.high;
    return TRUE;
}

EntroFigure *
entro_view_layerwise(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                     const EntroPlotOptions *options, GError **error)
{
    const EntroView *view = entro_view_find("layerwise-entropy");
    const gboolean own = g_strcmp0(options->column, view->column) == 0;
    const EntroPalette *palette = entro_palette_find(options->palette, error);
    g_auto(EntroCurveSpec) spec;
    entro_curve_spec_init(&spec);
    g_autofree char *described = entro_view_value_label(store, options->column, error);
    gboolean of_heads = TRUE;
    if (!palette || !described ||
        !entro_store_is_of_heads(store, options->column, &of_heads, error))
        return NULL;

    g_autofree char *other =
        g_strdup_printf(of_heads ? "%s, mean over the heads of each layer" : "%s of each layer",
                        described);
    spec.title = options->title ? options->title : own ? view->title : other;
    spec.y_label = own ? "Layer mean entropy (nats)" : described;
    spec.shared_y = options->shared_scale;
    spec.from_zero = TRUE;
    for (guint run = 0; run < n_runs; run++) {
        if (!add_run(&spec, store, runs[run], options->column, error))
            return NULL;
        if (own && !add_ceiling(spec.panels->pdata[run], store, runs[run]->id, error))
            return NULL;
    }
    entro_layerwise_finish(&spec, palette);
    return entro_curves_figure(&spec, options, error);
}
