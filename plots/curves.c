/* curves.c: lines over training steps, in one or several panels.
 *
 * All panels share the range of steps, so that runs can be compared; values may have a range of
 * their own.  The legend is beside a single panel and below several. */
#include "view-private.h"

static const double widen_y = 0.04; /* of the length, beyond the data at each end */

typedef struct {
    EntroCurveSpec *spec;
    const EntroPlotOptions *options;
    EntroFigure *figure;
    EntroPanels panels;
    EntroAxis x;
    EntroAxis *y;        /* [n panels] */
    EntroAxis layer_bar; /* if spec->first_layer is not NaN */
} Lines;

static void
lines_clear(Lines *lines)
{
    g_free(lines->y);
    entro_figure_free(lines->figure);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lines, lines_clear)

static const EntroCurvePanel *
panel_at(const Lines *lines, guint panel)
{
    return lines->spec->panels->pdata[panel];
}

/* ---- ranges --------------------------------------------------------------------------------- */

static void
add_panel_range(const Lines *lines, const EntroCurvePanel *panel, EntroRange *x, EntroRange *y)
{
    for (guint k = 0; k < panel->curves->len; k++) {
        const EntroCurve *curve = panel->curves->pdata[k];
        for (gsize i = 0; i < curve->n; i++) {
            entro_range_add(&x->low, &x->high, curve->x[i]);
            if (entro_curve_is_drawn(curve, i, lines->spec->log_y))
                entro_range_add(&y->low, &y->high, curve->y[i]);
        }
    }
    entro_range_add(&y->low, &y->high, panel->ceiling);
}

static EntroAxis
value_axis(const Lines *lines, EntroRange range)
{
    const gboolean log_y = lines->spec->log_y;
    const gboolean near_zero = !log_y && lines->spec->from_zero && range.low >= 0;
    EntroAxis axis = entro_axis_new(log_y ? ENTRO_AXIS_LOG : ENTRO_AXIS_NUMBER,
                                    near_zero ? 0 : range.low, range.high);

    entro_axis_widen(&axis, widen_y);
    return axis;
}

static gboolean
set_axes(Lines *lines, GError **error)
{
    const guint n = lines->spec->panels->len;
    EntroRange x = {NAN, NAN}, pooled = {NAN, NAN};

    lines->y = g_new0(EntroAxis, MAX(n, 1));
    for (guint panel = 0; panel < n; panel++) {
        EntroRange y = {NAN, NAN};
        add_panel_range(lines, panel_at(lines, panel), &x, &y);
        lines->y[panel] = value_axis(lines, y);
        entro_range_add(&pooled.low, &pooled.high, y.low);
        entro_range_add(&pooled.low, &pooled.high, y.high);
    }
    for (guint panel = 0; panel < n && lines->spec->shared_y; panel++)
        lines->y[panel] = value_axis(lines, pooled);
    lines->x = entro_axis_new(ENTRO_AXIS_STEP, x.low, x.high);
    if (!isnan(x.low))
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there are no steps to draw");
    return FALSE;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* The widest labels that the value axes could get, whatever the height. */
static double
value_labels_width(const Lines *lines)
{
    const EntroTheme *theme = &lines->figure->theme;
    double widest = 0;

    for (guint panel = 0; panel < lines->panels.n; panel++)
        for (double height = theme->plot_min; height <= theme->plot_max; height *= 1.4) {
            EntroAxis axis = lines->y[panel];
            axis.to = height;
            entro_axis_fit_upright(&axis, lines->figure);
            widest = MAX(widest, entro_axis_label_width(&axis, lines->figure));
        }
    return widest;
}

/* Half a label of the step axis may reach beyond the plot. */
static double
step_label_room(const Lines *lines)
{
    EntroAxis axis = lines->x;

    axis.to = lines->figure->theme.plot_max;
    entro_axis_fit_across(&axis, lines->figure, G_MAXDOUBLE);
    return entro_axis_label_width(&axis, lines->figure) / 2;
}

static double
side_width(Lines *lines)
{
    EntroFigure *figure = lines->figure;
    EntroLegend *beside = &lines->spec->beside;

    if (!isnan(lines->spec->first_layer)) {
        lines->layer_bar =
            entro_axis_new(ENTRO_AXIS_WHOLE, lines->spec->first_layer, lines->spec->last_layer);
        lines->layer_bar.to = figure->theme.plot_max;
        entro_axis_fit_upright(&lines->layer_bar, figure);
        return 2 * figure->theme.gap + entro_axes_colour_bar_width(figure, &lines->layer_bar) +
               entro_panels_label_size(figure);
    }
    entro_legend_fit_height(beside, figure, figure->theme.plot_max);
    return beside->width > 0 ? 2 * figure->theme.gap + beside->width : 0;
}

static double
annotation_height(const Lines *lines)
{
    double height = 0;

    for (guint panel = 0; panel < lines->panels.n; panel++)
        if (panel_at(lines, panel)->annotation)
            height = entro_text_height(lines->figure->text, entro_style_note(lines->figure).size);
    return height;
}

static void
set_margins(Lines *lines)
{
    const EntroFigure *figure = lines->figure;
    EntroPanels *panels = &lines->panels;
    const guint n_columns = entro_panel_columns(lines->spec->panels->len);

    panels->n = lines->spec->panels->len;
    panels->n_rows = (panels->n + n_columns - 1) / n_columns;
    panels->n_columns = n_columns;
    panels->left = entro_axes_tick_width(figure, value_labels_width(lines));
    panels->right = MAX(2 * figure->theme.gap, step_label_room(lines));
    panels->top = entro_panels_title_height(figure) + annotation_height(lines);
    panels->bottom = entro_axes_tick_height(figure) + (panels->n_rows > 1 ? figure->theme.gap : 0);
    panels->outer_left = lines->spec->y_label ? entro_panels_label_size(figure) : 0;
    panels->outer_bottom = entro_panels_label_size(figure);
    panels->side = side_width(lines);
}

static void
choose_plot_size(Lines *lines)
{
    const EntroTheme *theme = &lines->figure->theme;
    EntroPanels *panels = &lines->panels;
    const double width = panels->n_columns == 1 ? theme->width : theme->width_wide;
    const double room = width - entro_panels_around_width(panels, lines->figure);

    panels->plot_width = MAX(room / panels->n_columns, theme->plot_min);
}

static void
choose_height(Lines *lines)
{
    const EntroTheme *theme = &lines->figure->theme;
    EntroPanels *panels = &lines->panels;
    const double between = (panels->n_rows - 1) * (panels->top + panels->bottom);
    double least = lines->spec->beside.height;

    if (lines->spec->y_label)
        least = MAX(least, entro_panels_label_length(lines->figure, lines->spec->y_label));
    least = MAX(theme->plot_min, (least - between) / panels->n_rows);
    panels->plot_height = MAX(least, MIN(panels->plot_width * theme->aspect, theme->plot_max));
}

static gboolean
lay_out(Lines *lines, GError **error)
{
    EntroFooter *footer = &lines->spec->footer;

    set_margins(lines);
    choose_plot_size(lines);
    if (!entro_panels_fit_width(&lines->panels, lines->figure, lines->options->width, error))
        return FALSE;
    entro_panels_add_header(&lines->panels, lines->figure, lines->spec->title);
    entro_footer_fit(footer, &lines->panels, lines->figure);
    choose_height(lines);
    return entro_panels_fit_height(&lines->panels, lines->figure, lines->options->height, error);
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* From the step where nothing is valid any more: a grey ground and a line at that step. */
static void
add_stop(Lines *lines, const EntroCurvePanel *panel, const EntroAxis *axis, EntroBox plot)
{
    const EntroTheme *theme = &lines->figure->theme;
    if (isnan(panel->stop))
        return;

    const double x = entro_axis_place(axis, panel->stop);
    const EntroBox rest = {x, plot.y, entro_box_right(plot) - x, plot.height};
    EntroColour ground = theme->missing;
    ground.alpha = 0.5;
    entro_figure_add_fill(lines->figure, ENTRO_ROLE_INSIDE, rest, ground);
    entro_figure_add_rule(lines->figure, x, plot.y, x, entro_box_bottom(plot),
                          (EntroPen){theme->alarm, ENTRO_DASHED}, theme->mark_line);
}

static void
add_annotation(Lines *lines, const EntroCurvePanel *panel, EntroBox plot)
{
    EntroTextStyle style = entro_style_note(lines->figure);
    if (!panel->annotation)
        return;

    style.colour = lines->figure->theme.alarm;
    style.max_width = plot.width;
    entro_figure_add_text(lines->figure, ENTRO_ROLE_ANNOTATION, entro_box_right(plot),
                          plot.y - lines->figure->theme.gap / 2, 1, 1, panel->annotation, &style);
}

static void
add_ceiling(Lines *lines, const EntroCurvePanel *panel, const EntroAxis *y, EntroBox plot)
{
    if (isnan(panel->ceiling))
        return;
    const double place = entro_axis_place(y, panel->ceiling);
    entro_figure_add_rule(lines->figure, plot.x, place, entro_box_right(plot), place,
                          (EntroPen){lines->figure->theme.faint, ENTRO_DASHED},
                          lines->figure->theme.mark_line);
}

static void
draw_panel(Lines *lines, guint index)
{
    const EntroCurvePanel *panel = panel_at(lines, index);
    const EntroBox plot = entro_panels_plot(&lines->panels, lines->figure, index);
    EntroAxis x = lines->x, y = lines->y[index];

    x.from = plot.x;
    x.to = entro_box_right(plot);
    y.from = entro_box_bottom(plot);
    y.to = plot.y;
    entro_axis_fit_across(&x, lines->figure, MIN(lines->panels.left, lines->panels.right));
    entro_axis_fit_upright(&y, lines->figure);

    g_autofree char *factor = entro_axis_factor(&y);
    g_autofree char *title =
        *factor ? g_strdup_printf("%s (%s)", panel->title, factor) : g_strdup(panel->title);
    entro_figure_add(lines->figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT, plot);
    entro_panels_add_title(&lines->panels, lines->figure, index, title);
    add_stop(lines, panel, &x, plot);
    add_annotation(lines, panel, plot);
    entro_axes_add_x(lines->figure, &x, plot, TRUE);
    entro_axes_add_y(lines->figure, &y, plot, TRUE);
    add_ceiling(lines, panel, &y, plot);
    for (guint k = 0; k < panel->curves->len; k++)
        entro_curve_add(lines->figure, panel->curves->pdata[k],
                        g_array_index(panel->pens, EntroPen, k), &x, &y, plot, panel->crosses);
}

static void
draw_layer_bar(Lines *lines)
{
    EntroFigure *figure = lines->figure;
    const EntroBox all = entro_panels_all(&lines->panels, figure);
    const EntroBox bar = {entro_box_right(all) + lines->panels.right + figure->theme.gap, all.y,
                          figure->theme.colour_bar, all.height};
    EntroTextStyle style = entro_style_label(figure);

    lines->layer_bar.from = bar.y; /* layer 0 on top, as in the heat maps */
    lines->layer_bar.to = entro_box_bottom(bar);
    entro_axis_fit_upright(&lines->layer_bar, figure);
    entro_axes_add_colour_bar(figure, &lines->layer_bar, bar, figure->palette,
                              figure->theme.line_range);
    style.turned = TRUE;
    style.max_width = all.height;
    entro_figure_add_text(figure, ENTRO_ROLE_AXIS_LABEL, figure->width - figure->theme.pad,
                          all.y + all.height / 2, 1, 0.5, "Layer index", &style);
}

static void
draw_side(Lines *lines)
{
    const EntroBox all = entro_panels_all(&lines->panels, lines->figure);
    const double x = lines->figure->width - lines->figure->theme.pad - lines->spec->beside.width;

    if (!isnan(lines->spec->first_layer))
        draw_layer_bar(lines);
    else if (lines->spec->beside.width > 0)
        entro_legend_draw(&lines->spec->beside, lines->figure, x,
                          all.y + all.height / 2 - lines->spec->beside.height / 2);
}

EntroFigure *
entro_curves_figure(EntroCurveSpec *spec, const EntroPlotOptions *options, GError **error)
{
    g_auto(Lines) lines = {.spec = spec, .options = options};

    lines.figure = entro_figure_new(options, error);
    if (!lines.figure || !set_axes(&lines, error) || !lay_out(&lines, error))
        return NULL;
    for (guint panel = 0; panel < lines.panels.n; panel++)
        draw_panel(&lines, panel);
    draw_side(&lines);
    entro_panels_add_labels(&lines.panels, lines.figure, spec->x_label, spec->y_label);
    entro_footer_draw(&spec->footer, &lines.panels, lines.figure);
    return g_steal_pointer(&lines.figure);
}
