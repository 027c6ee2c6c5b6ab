/* curve-chart.c: lines over training steps, layers or positions.
 *
 * All charts of a batch share the range across, so that runs can be compared; values may have a range
 * of their own. */
#include "view-private.h"

static const double widen_y = 0.04; /* of the length, beyond the data at each end */

static void
band_free(gpointer data)
{
    EntroBand *band = data;

    g_free(band->x);
    g_free(band->low);
    g_free(band->high);
    g_free(band);
}

static void
clear(EntroChart *chart)
{
    EntroCurveChart *lines = (EntroCurveChart *)chart;

    g_ptr_array_unref(lines->curves);
    g_ptr_array_unref(lines->bands);
    g_array_unref(lines->pens);
}

/* ---- sizes ------------------------------------------------------------------------------------- */

static void
measure(EntroChart *chart, const EntroFigure *figure)
{
    EntroMargins *around = &chart->need.around;
    const double room = entro_scale_half_label(&chart->x, figure);

    around->left =
        MAX(room, entro_axes_tick_width(figure, entro_scale_labels_width(&chart->y, figure)));
    around->right = MAX(2 * figure->theme.gap, room);
    around->bottom = entro_axes_tick_height(figure);
}

static double
height(const EntroChart *chart G_GNUC_UNUSED, const EntroFigure *figure, double plot_width)
{
    return MIN(plot_width * figure->theme.aspect, figure->theme.plot_max);
}

/* ---- drawing ----------------------------------------------------------------------------------- */

/* From the step where nothing is valid any more: a grey ground and a line at that step. */
static void
draw_stop(const EntroCurveChart *lines, EntroFigure *figure, const EntroAxis *axis, EntroBox plot)
{
    const EntroTheme *theme = &figure->theme;
    if (isnan(lines->stop))
        return;

    const double x = entro_axis_place(axis, lines->stop);
    const EntroBox rest = {x, plot.y, entro_box_right(plot) - x, plot.height};
    EntroColour ground = theme->missing;
    ground.alpha = 0.5;
    entro_figure_add_fill(figure, ENTRO_ROLE_INSIDE, rest, ground);
    entro_figure_add_rule(figure, x, plot.y, x, entro_box_bottom(plot),
                          (EntroPen){theme->alarm, ENTRO_DASHED}, theme->mark_line);
}

static void
draw_limit(const EntroCurveChart *lines, EntroFigure *figure, const EntroAxis *x, EntroBox plot)
{
    if (isnan(lines->limit))
        return;
    const double place = entro_axis_place(x, lines->limit);
    entro_figure_add_rule(figure, place, plot.y, place, entro_box_bottom(plot),
                          (EntroPen){figure->theme.faint, ENTRO_DASHED}, figure->theme.mark_line);
}

static void
draw_ceiling(const EntroCurveChart *lines, EntroFigure *figure, const EntroAxis *y, EntroBox plot)
{
    if (isnan(lines->ceiling))
        return;
    const double place = entro_axis_place(y, lines->ceiling);
    entro_figure_add_rule(figure, plot.x, place, entro_box_right(plot), place,
                          (EntroPen){figure->theme.faint, ENTRO_DASHED}, figure->theme.mark_line);
}

static void
draw(EntroChart *chart, EntroFigure *figure, EntroBox plot)
{
    const EntroCurveChart *lines = (const EntroCurveChart *)chart;
    const EntroAxis x = entro_chart_axis_across(chart, figure, plot);
    EntroAxis y = entro_scale_axis(&chart->y);

    y.from = entro_box_bottom(plot);
    y.to = plot.y;
    entro_axis_fit_upright(&y, figure);
    draw_stop(lines, figure, &x, plot);
    entro_axes_add_x(figure, &x, plot, TRUE);
    entro_axes_add_y(figure, &y, plot, TRUE);
    for (guint k = 0; k < lines->bands->len; k++)
        entro_band_add(figure, lines->bands->pdata[k], &x, &y, plot);
    if (isnan(chart->y.range.low) && isnan(lines->stop))
        entro_chart_draw_nothing(figure, plot, "no values");
    draw_ceiling(lines, figure, &y, plot);
    draw_limit(lines, figure, &x, plot);
    for (guint k = 0; k < lines->curves->len; k++) {
        const EntroPen pen = g_array_index(lines->pens, EntroPen, k);
        entro_curve_add(figure, lines->curves->pdata[k], pen, &x, &y, plot, lines->crosses);
        if (lines->dots)
            entro_curve_add_dots(figure, lines->curves->pdata[k], pen, &x, &y, plot);
    }
}

static const EntroChartKind kind = {
    .name = "curves",
    .clear = clear,
    .measure = measure,
    .height = height,
    .draw = draw,
};

/* ---- from curves ------------------------------------------------------------------------------- */

EntroCurveChart *
entro_curve_chart_add(EntroPage *page, const char *title, const char *y_label)
{
    EntroCurveChart *lines = entro_chart_new(&kind, sizeof *lines, title);
    EntroChart *chart = &lines->chart;

    lines->curves = g_ptr_array_new_with_free_func((GDestroyNotify)entro_curve_free);
    lines->pens = g_array_new(FALSE, FALSE, sizeof(EntroPen));
    lines->bands = g_ptr_array_new_with_free_func(band_free);
    lines->ceiling = lines->limit = lines->stop = NAN;
    lines->crosses = TRUE;
    entro_chart_set_across(chart, "Training step", ENTRO_AXIS_STEP, "step");
    chart->y.kind = page->options->log_y ? ENTRO_AXIS_LOG : ENTRO_AXIS_NUMBER;
    chart->y.label = g_strdup(y_label);
    chart->y.widen = widen_y;
    chart->y.shared = "value";
    chart->y.together = page->options->shared_scale;
    entro_page_add(page, lines);
    return lines;
}

void
entro_curve_chart_add_curve(EntroCurveChart *lines, EntroCurve *curve, EntroPen pen)
{
    const gboolean log_y = lines->chart.y.kind == ENTRO_AXIS_LOG;

    g_ptr_array_add(lines->curves, curve);
    g_array_append_val(lines->pens, pen);
    for (gsize i = 0; i < curve->n; i++) {
        entro_scale_add(&lines->chart.x, curve->x[i]);
        if (entro_curve_is_drawn(curve, i, log_y))
            entro_scale_add(&lines->chart.y, curve->y[i]);
    }
}

/* An end that cannot be drawn does not count: a band over a logarithmic axis may reach below it. */
void
entro_curve_chart_add_band(EntroCurveChart *lines, const double *x, const double *low,
                           const double *high, gsize n, EntroColour colour)
{
    const gboolean log_y = lines->chart.y.kind == ENTRO_AXIS_LOG;
    EntroBand *band = g_new(EntroBand, 1);

    *band = (EntroBand){n, g_memdup2(x, n * sizeof *x), g_memdup2(low, n * sizeof *low),
                        g_memdup2(high, n * sizeof *high), colour};
    g_ptr_array_add(lines->bands, band);
    for (gsize i = 0; i < n; i++) {
        if (!isfinite(x[i]) || isnan(low[i]) || isnan(high[i]))
            continue;
        entro_scale_add(&lines->chart.x, x[i]);
        if (!log_y || low[i] > 0)
            entro_scale_add(&lines->chart.y, low[i]);
        if (!log_y || high[i] > 0)
            entro_scale_add(&lines->chart.y, high[i]);
    }
}

void
entro_curve_chart_set_ceiling(EntroCurveChart *lines, double ceiling)
{
    lines->ceiling = ceiling;
    entro_scale_add(&lines->chart.y, ceiling);
}

void
entro_curve_chart_set_limit(EntroCurveChart *lines, double limit)
{
    lines->limit = limit;
    entro_scale_add(&lines->chart.x, limit);
}

static EntroRange
range_of_curves(const EntroCurveChart *lines)
{
    const gboolean log_y = lines->chart.y.kind == ENTRO_AXIS_LOG;
    EntroRange range = {NAN, NAN};

    for (guint k = 0; k < lines->curves->len; k++) {
        const EntroCurve *curve = lines->curves->pdata[k];
        for (gsize i = 0; i < curve->n; i++)
            if (entro_curve_is_drawn(curve, i, log_y))
                entro_range_add(&range.low, &range.high, curve->y[i]);
    }
    return range;
}

void
entro_curve_chart_limit_bands(EntroCurveChart *lines)
{
    const EntroRange own = range_of_curves(lines);
    const double size = own.high - own.low;
    EntroRange *all = &lines->chart.y.range;

    if (!(size > 0) || (all->low >= own.low - size && all->high <= own.high + size))
        return;
    all->low = MAX(all->low, own.low - size);
    all->high = MIN(all->high, own.high + size);
    if (own.low > 0 && lines->chart.y.kind == ENTRO_AXIS_LOG)
        all->low = MAX(all->low, own.low / 10);
    entro_chart_add_note(&lines->chart, "Bands that reach beyond the axis are cut.");
}

static gsize
count_hidden(const EntroCurve *curve)
{
    gsize n = 0;

    for (gsize i = 0; i < curve->n; i++)
        n += curve->y[i] <= 0;
    return n;
}

void
entro_curve_chart_explain(EntroCurveChart *lines, const EntroFigure *figure, const char *cross)
{
    gboolean crossed = FALSE;
    gsize n_hidden = 0;

    for (guint k = 0; k < lines->curves->len; k++) {
        const EntroCurve *curve = lines->curves->pdata[k];
        const gsize end = entro_curve_end(curve);
        crossed |= lines->crosses && end > 0 && end < curve->n;
        n_hidden += lines->chart.y.kind == ENTRO_AXIS_LOG ? count_hidden(curve) : 0;
    }
    if (crossed)
        entro_legend_add(&lines->chart.signs, ENTRO_SWATCH_CROSS,
                         (EntroPen){.colour = figure->theme.ink}, cross);
    if (!isnan(lines->ceiling))
        entro_legend_add(&lines->chart.signs, ENTRO_SWATCH_LINE,
                         (EntroPen){figure->theme.faint, ENTRO_DASHED},
                         "ceiling: uniform attention");
    if (n_hidden > 0)
        entro_chart_add_note(&lines->chart,
                             "%s: %" G_GSIZE_FORMAT
                             " value%s at or below 0 %s no place on a logarithmic axis.",
                             lines->chart.title, n_hidden, n_hidden == 1 ? "" : "s",
                             n_hidden == 1 ? "has" : "have");
}

gboolean
entro_curves_check(const EntroPage *page, GError **error)
{
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = page->charts->pdata[i];
        if (chart->batch == page->batch && !isnan(chart->x.range.low))
            return TRUE;
    }
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there are no steps to draw");
    return FALSE;
}
