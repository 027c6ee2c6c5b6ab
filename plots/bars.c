/* bars.c: grouped bars with their percentage above.
 *
 * One group a band, one bar a run, in the order of the runs.  The figure grows with the number of
 * bars; where they stay narrow, the percentages are turned upright. */
#include "view-private.h"

static const double headroom = 1.5; /* points between a bar and its label */

typedef struct {
    const EntroBarSpec *spec;
    const EntroPlotOptions *options;
    EntroFigure *figure;
    EntroPanels panels;
    EntroFooter footer;
    EntroAxis y;
    EntroTextStyle label; /* of the percentages; size 0: none */
    gboolean percent_sign;
} Bars;

static void
bars_clear(Bars *bars)
{
    entro_footer_clear(&bars->footer);
    entro_figure_free(bars->figure);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bars, bars_clear)

/* Distinct colours while there are enough, else a way through the palette. */
static EntroColour
series_colour(const Bars *bars, guint series)
{
    const guint n = bars->spec->n_series;

    return n <= ENTRO_LINE_COLOURS ? entro_line_pen(series).colour
                                   : entro_palette_at(bars->figure->palette, series / (n - 1.0));
}

static double
share_at(const Bars *bars, guint series, guint group)
{
    return bars->spec->share[series * bars->spec->n_groups + group];
}

static double
largest_share(const Bars *bars)
{
    double largest = 0;

    for (guint i = 0; i < bars->spec->n_series * bars->spec->n_groups; i++)
        largest = MAX(largest, bars->spec->share[i]);
    return largest > 0 ? largest : 100;
}

static char *
share_text(double share, gboolean percent_sign)
{
    const char *sign = percent_sign ? "%" : "";

    return share > 0 && share < 0.5 ? g_strdup_printf("<1%s", sign)
                                    : g_strdup_printf("%.0f%s", share, sign);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* Length of the axis in bars: the gap between groups grows with them. */
static double
across(const Bars *bars)
{
    const double gap = MAX(1, bars->figure->theme.bar_gap * bars->spec->n_series);

    return bars->spec->n_groups * (bars->spec->n_series + gap);
}

static double
bar_width(const Bars *bars)
{
    return bars->panels.plot_width / (across(bars));
}

/* Length of the longest percentage in a style, turned or not. */
static double
labels_width(const Bars *bars, const EntroTextStyle *style, gboolean percent_sign)
{
    const EntroTextStyle flat = {.size = style->size};
    double widest = 0;

    for (guint i = 0; i < bars->spec->n_series * bars->spec->n_groups; i++) {
        g_autofree char *text = share_text(bars->spec->share[i], percent_sign);
        double width = 0, height = 0;
        entro_text_measure(bars->figure->text, text, &flat, &width, &height);
        widest = MAX(widest, width);
    }
    return widest;
}

/* With the sign, without, then turned and smaller. */
static void
choose_label(Bars *bars)
{
    const double room = bar_width(bars);
    EntroTextStyle *style = &bars->label;

    *style = entro_style_tick(bars->figure);
    bars->percent_sign = labels_width(bars, style, TRUE) <= room;
    if (bars->percent_sign || labels_width(bars, style, FALSE) <= room)
        return;
    style->turned = TRUE;
    bars->percent_sign = TRUE;
    style->size *= MIN(1, room / entro_text_height(bars->figure->text, style->size));
}

static double
label_height(const Bars *bars)
{
    if (bars->label.size == 0)
        return 0;
    return headroom + (bars->label.turned
                           ? labels_width(bars, &bars->label, bars->percent_sign)
                           : entro_text_height(bars->figure->text, bars->label.size));
}

/* Not at all where the bars are too narrow, or the labels would take half the height. */
static void
drop_small_labels(Bars *bars)
{
    if (bars->label.size >= bars->figure->theme.value_min &&
        label_height(bars) <= bars->panels.plot_height / 2)
        return;
    bars->label.size = 0;
    entro_figure_add_note(bars->figure, "the bars are too small for their percentages: left out");
}

static void
set_margins(Bars *bars)
{
    const EntroFigure *figure = bars->figure;
    const EntroTheme *theme = &figure->theme;
    const EntroTextStyle style = entro_style_tick(figure);
    const double rows = bars->spec->group_range ? 2 : 1;
    EntroPanels *panels = &bars->panels;
    double width = 0, height = 0;

    entro_text_measure(figure->text, "100", &style, &width, &height);
    panels->n = panels->n_columns = panels->n_rows = 1;
    panels->left = entro_axes_tick_width(figure, width);
    panels->right = theme->gap;
    panels->top = theme->gap;
    panels->bottom = entro_axes_tick_height(figure) + (rows - 1) * height;
    panels->outer_left = panels->outer_bottom = entro_panels_label_size(figure);

    const double around = entro_panels_around_width(panels, figure);
    panels->plot_width =
        CLAMP(across(bars) * theme->bar_min, theme->width - around, theme->width_max - around);
}

static void
fill_footer(Bars *bars)
{
    for (guint series = 0; series < bars->spec->n_series; series++)
        entro_legend_add(&bars->footer.legend, ENTRO_SWATCH_PATCH,
                         (EntroPen){.colour = series_colour(bars, series)},
                         bars->spec->series[series]);
    for (guint i = 0; bars->spec->notes && i < bars->spec->notes->len; i++)
        entro_footer_add_note(&bars->footer, "%s", (const char *)bars->spec->notes->pdata[i]);
}

static gboolean
lay_out(Bars *bars, GError **error)
{
    EntroPanels *panels = &bars->panels;

    set_margins(bars);
    fill_footer(bars);
    if (!entro_panels_fit_width(panels, bars->figure, bars->options->width, error))
        return FALSE;
    entro_panels_add_header(panels, bars->figure, bars->spec->title);
    entro_footer_fit(&bars->footer, panels, bars->figure);
    panels->plot_height =
        bars->figure->theme.bar_aspect * MIN(panels->plot_width, bars->figure->theme.width_wide);
    if (!entro_panels_fit_height(panels, bars->figure, bars->options->height, error))
        return FALSE;
    choose_label(bars);
    drop_small_labels(bars);
    return TRUE;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static void
draw_bar(Bars *bars, EntroBox plot, guint series, guint group)
{
    const double width = bar_width(bars), share = share_at(bars, series, group);
    const double pitch = plot.width / bars->spec->n_groups;
    const double margin = (pitch - width * bars->spec->n_series) / 2;
    const double x = plot.x + group * pitch + margin + series * width;
    const double top = entro_axis_place(&bars->y, share);
    const EntroBox bar = {x, top, width, entro_box_bottom(plot) - top};

    entro_figure_add_fill(bars->figure, ENTRO_ROLE_INSIDE, bar, series_colour(bars, series));
    if (bars->label.size == 0)
        return;
    g_autofree char *text = share_text(share, bars->percent_sign);
    entro_figure_add_text(bars->figure, ENTRO_ROLE_VALUE, x + width / 2, top - headroom, 0.5, 1,
                          text, &bars->label);
}

static void
draw_group_labels(Bars *bars, EntroBox plot, guint group)
{
    EntroTextStyle style = entro_style_tick(bars->figure);
    const double pitch = plot.width / bars->spec->n_groups;
    const double middle = plot.x + (group + 0.5) * pitch;
    double y = entro_box_bottom(plot) + entro_axes_tick_height(bars->figure) -
               entro_text_height(bars->figure->text, style.size);

    style.max_width = pitch - bars->figure->theme.gap;
    const EntroBox name = entro_figure_add_text(bars->figure, ENTRO_ROLE_TICK_LABEL, middle, y, 0.5,
                                                0, bars->spec->group[group], &style);
    if (!bars->spec->group_range || !bars->spec->group_range[group])
        return;
    style.colour = bars->figure->theme.faint;
    entro_figure_add_text(bars->figure, ENTRO_ROLE_TICK_LABEL, middle, entro_box_bottom(name), 0.5,
                          0, bars->spec->group_range[group], &style);
}

static void
draw(Bars *bars)
{
    const EntroBox plot = entro_panels_plot(&bars->panels, bars->figure, 0);
    const double space = plot.height - label_height(bars);
    EntroAxis x = {.from = plot.x, .to = entro_box_right(plot)}; /* no ticks: groups have names */

    bars->y = entro_axis_new(ENTRO_AXIS_NUMBER, 0, largest_share(bars) * plot.height / space);
    bars->y.from = entro_box_bottom(plot);
    bars->y.to = plot.y;
    entro_axis_fit_upright(&bars->y, bars->figure);
    while (bars->y.n_ticks > 0 && bars->y.tick[bars->y.n_ticks - 1] > 100)
        bars->y.n_ticks--; /* the axis is longer than 100 % only for the labels */
    entro_figure_add(bars->figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT, plot);
    entro_axes_add_y(bars->figure, &bars->y, plot, TRUE);
    for (guint group = 0; group < bars->spec->n_groups; group++) {
        for (guint series = 0; series < bars->spec->n_series; series++)
            draw_bar(bars, plot, series, group);
        draw_group_labels(bars, plot, group);
    }
    entro_axes_add_x(bars->figure, &x, plot, FALSE);
}

EntroFigure *
entro_bars_figure(const EntroBarSpec *spec, const EntroPlotOptions *options, GError **error)
{
    g_auto(Bars) bars = {.spec = spec, .options = options};

    entro_footer_init(&bars.footer);
    bars.figure = entro_figure_new(options, error);
    if (!bars.figure || !lay_out(&bars, error))
        return NULL;
    draw(&bars);
    entro_panels_add_labels(&bars.panels, bars.figure, spec->x_label, spec->y_label);
    entro_footer_draw(&bars.footer, &bars.panels, bars.figure);
    return g_steal_pointer(&bars.figure);
}
