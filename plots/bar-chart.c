/* bar-chart.c: grouped bars with their number above.
 *
 * One group a band, one bar a run, in the order of the runs.  The figure grows with the number of
 * bars; where they stay narrow, the numbers are turned upright. */
#include "view-private.h"

static const double headroom = 1.5;              /* points between a bar and its label */
static const double smallest_group_label = 0.65; /* of the size of ticks, before it is shortened */

/* The bars as they are drawn into a plot. */
typedef struct {
    const EntroBarChart *bars;
    EntroFigure *figure;
    EntroBox plot;
    EntroAxis y;
    EntroTextStyle label; /* of the numbers; size 0: none */
    gboolean percent_sign;
} Drawing;

static void
clear(EntroChart *chart)
{
    EntroBarChart *bars = (EntroBarChart *)chart;

    g_strfreev(bars->group);
    g_strfreev(bars->group_range);
    g_free(bars->share);
    g_free(bars->fill);
}

static double
share_at(const EntroBarChart *bars, guint series, guint group)
{
    return bars->share[series * bars->n_groups + group];
}

/* A number that is not 0 is not written as one. */
char *
entro_bar_text(double value, int decimals, const char *sign)
{
    const double unit = pow(10, -decimals);

    g_autofree char *number = entro_cell_text(value, decimals);

    return value > 0 && value <= unit / 2 ? g_strdup_printf("<%.*f%s", decimals, unit, sign)
                                          : g_strconcat(number, sign, NULL);
}

static char *
share_text(const EntroBarChart *bars, double share, gboolean percent_sign)
{
    const int usual = bars->percent ? 0 : entro_cell_decimals(0, bars->chart.y.range.high);
    const int decimals = bars->decimals >= 0 ? (int)bars->decimals : usual;

    return entro_bar_text(share, decimals, percent_sign ? "%" : "");
}

/* ---- sizes ------------------------------------------------------------------------------------- */

/* Length of the axis in bars: the gap between groups grows with them. */
static double
across(const EntroBarChart *bars, const EntroFigure *figure)
{
    const double gap = MAX(1, figure->theme.bar_gap * bars->n_series);

    return bars->n_groups * (bars->n_series + gap);
}

/* Of the widest name or range of a group, in the style of ticks. */
static double
group_label_width(const EntroBarChart *bars, const EntroFigure *figure)
{
    const EntroTextStyle style = entro_style_tick(figure);
    double widest = 0;

    for (guint group = 0; group < bars->n_groups; group++) {
        const char *lines[] = {bars->group[group],
                               bars->group_range ? bars->group_range[group] : NULL};
        for (guint i = 0; i < G_N_ELEMENTS(lines) && lines[i]; i++) {
            double width = 0, tall = 0;
            entro_text_measure(figure->text, lines[i], &style, &width, &tall);
            widest = MAX(widest, width);
        }
    }
    return widest;
}

static void
measure(EntroChart *chart, const EntroFigure *figure)
{
    const EntroBarChart *bars = (EntroBarChart *)chart;
    const EntroTextStyle style = entro_style_tick(figure);
    EntroScale y = chart->y;
    double width = 0, tall = 0;

    entro_text_measure(figure->text, "100", &style, &width, &tall);
    if (!bars->percent) { /* the axis may be twice as long as the highest bar */
        y.range.high *= 2;
        width = entro_scale_labels_width(&y, figure);
    }
    chart->need.around.left = entro_axes_tick_width(figure, width);
    chart->need.around.bottom = entro_axes_tick_height(figure) + (bars->group_range ? tall : 0);
    chart->need.least_width =
        MAX(across(bars, figure) * figure->theme.bar_min,
            bars->n_groups * (group_label_width(bars, figure) + figure->theme.gap));
}

static double
height(const EntroChart *chart G_GNUC_UNUSED, const EntroFigure *figure, double plot_width)
{
    return figure->theme.bar_aspect * MIN(plot_width, figure->theme.width_wide);
}

/* Length of the longest number in a style, turned or not. */
static double
labels_width(const Drawing *drawing, gboolean percent_sign)
{
    const EntroBarChart *bars = drawing->bars;
    const EntroTextStyle flat = {.size = drawing->label.size};
    double widest = 0;

    for (guint i = 0; i < bars->n_series * bars->n_groups; i++) {
        g_autofree char *text = share_text(bars, bars->share[i], percent_sign);
        double width = 0, tall = 0;
        entro_text_measure(drawing->figure->text, text, &flat, &width, &tall);
        widest = MAX(widest, width);
    }
    return widest;
}

static double
bar_width(const Drawing *drawing)
{
    return drawing->plot.width / across(drawing->bars, drawing->figure);
}

/* With the sign, without, then turned and smaller. */
static void
choose_label(Drawing *drawing)
{
    const double room = bar_width(drawing);
    EntroTextStyle *style = &drawing->label;

    *style = entro_style_tick(drawing->figure);
    drawing->percent_sign = drawing->bars->percent && labels_width(drawing, TRUE) <= room;
    if (drawing->percent_sign || labels_width(drawing, FALSE) <= room)
        return;
    style->turned = TRUE;
    drawing->percent_sign = drawing->bars->percent;
    style->size *= MIN(1, room / entro_text_height(drawing->figure->text, style->size));
}

static double
label_height(const Drawing *drawing)
{
    const EntroTextStyle *style = &drawing->label;

    if (style->size == 0)
        return 0;
    return headroom + (style->turned ? labels_width(drawing, drawing->percent_sign)
                                     : entro_text_height(drawing->figure->text, style->size));
}

/* Not at all where the bars are too narrow, or the labels would take half the height. */
static void
drop_small_labels(Drawing *drawing)
{
    if (drawing->label.size >= drawing->figure->theme.value_min &&
        label_height(drawing) <= drawing->plot.height / 2)
        return;
    drawing->label.size = 0;
    entro_figure_add_note(drawing->figure, "the bars are too small for their numbers: left out");
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static void
draw_bar(const Drawing *drawing, guint series, guint group)
{
    const EntroBarChart *bars = drawing->bars;
    const EntroBox plot = drawing->plot;
    const double width = bar_width(drawing), share = share_at(bars, series, group);
    const double pitch = plot.width / bars->n_groups;
    const double margin = (pitch - width * bars->n_series) / 2;
    const double x = plot.x + group * pitch + margin + series * width;
    const double top = entro_axis_place(&drawing->y, share);
    const EntroBox bar = {x, top, width, entro_box_bottom(plot) - top};

    entro_figure_add_fill(drawing->figure, ENTRO_ROLE_INSIDE, bar, bars->fill[series]);
    if (drawing->label.size == 0)
        return;
    g_autofree char *text = share_text(bars, share, drawing->percent_sign);
    entro_figure_add_text(drawing->figure, ENTRO_ROLE_VALUE, x + width / 2, top - headroom, 0.5, 1,
                          text, &drawing->label);
}

/* One line under a group, if there is room for at least a part of it; returns where it ends. */
static double
add_group_label(const Drawing *drawing, double middle, double y, const char *label,
                const EntroTextStyle *style)
{
    double width = 0, height = 0;

    entro_text_measure(drawing->figure->text, label, style, &width, &height);
    if (width <= style->max_width)
        entro_figure_add_text(drawing->figure, ENTRO_ROLE_TICK_LABEL, middle, y, 0.5, 0, label,
                              style);
    return y + height;
}

static void
draw_group_labels(const Drawing *drawing, guint group)
{
    const EntroBarChart *bars = drawing->bars;
    EntroFigure *figure = drawing->figure;
    EntroTextStyle style = entro_style_tick(figure);
    const double pitch = drawing->plot.width / bars->n_groups;
    const double middle = drawing->plot.x + (group + 0.5) * pitch;
    const double y = entro_box_bottom(drawing->plot) + entro_axes_tick_height(figure) -
                     entro_text_height(figure->text, style.size);

    style.max_width = MAX(pitch - figure->theme.gap, 1);
    style.size *= CLAMP(style.max_width / group_label_width(bars, figure), smallest_group_label, 1);
    const double below = add_group_label(drawing, middle, y, bars->group[group], &style);
    if (!bars->group_range || !bars->group_range[group])
        return;
    style.colour = figure->theme.faint;
    add_group_label(drawing, middle, below, bars->group_range[group], &style);
}

/* The axis goes on above the highest bar, for its label. */
static void
make_axis(Drawing *drawing)
{
    const EntroBox plot = drawing->plot;
    const double most = drawing->bars->chart.y.range.high;
    const double space = plot.height - label_height(drawing);

    drawing->y =
        entro_axis_new(ENTRO_AXIS_NUMBER, 0, (most > 0 ? most : 100) * plot.height / space);
    drawing->y.from = entro_box_bottom(plot);
    drawing->y.to = plot.y;
    entro_axis_fit_upright(&drawing->y, drawing->figure);
    while (drawing->bars->percent && drawing->y.n_ticks > 0 &&
           drawing->y.tick[drawing->y.n_ticks - 1] > 100)
        drawing->y.n_ticks--; /* the axis is longer than 100 % only for the labels */
}

static void
draw(EntroChart *chart, EntroFigure *figure, EntroBox plot)
{
    const EntroBarChart *bars = (const EntroBarChart *)chart;
    const EntroAxis x = {.from = plot.x, .to = entro_box_right(plot)}; /* groups have names */
    Drawing drawing = {.bars = bars, .figure = figure, .plot = plot};

    choose_label(&drawing);
    drop_small_labels(&drawing);
    make_axis(&drawing);
    entro_axes_add_y(figure, &drawing.y, plot, TRUE);
    for (guint group = 0; group < bars->n_groups; group++) {
        for (guint series = 0; series < bars->n_series; series++)
            draw_bar(&drawing, series, group);
        draw_group_labels(&drawing, group);
    }
    entro_axes_add_x(figure, &x, plot, FALSE);
}

static const EntroChartKind kind = {
    .name = "bars",
    .clear = clear,
    .measure = measure,
    .height = height,
    .draw = draw,
};

/* ---- from shares ------------------------------------------------------------------------------- */

/* Distinct colours while there are enough, else a way through the palette. */
static EntroColour
series_colour(EntroPage *page, guint n_series, guint series, const char *name)
{
    const EntroFigure *figure = page->figure;

    return n_series <= figure->lines->n
               ? entro_page_pen(page, name).colour
               : entro_palette_at(figure->palette, series / (n_series - 1.0));
}

static char **
copy_words(const char *const *words, guint n)
{
    char **copy = g_new0(char *, n + 1);

    for (guint i = 0; i < n; i++)
        copy[i] = entro_text_clean(words[i]);
    return copy;
}

EntroBarChart *
entro_bar_chart_add(EntroPage *page, const char *title, guint n_groups, const char *const *group,
                    const char *const *group_range, guint n_series, const char *const *series,
                    const double *share)
{
    EntroBarChart *bars = entro_chart_new(&kind, sizeof *bars, title);
    EntroChart *chart = &bars->chart;
    const gsize n = (gsize)n_groups * n_series;

    bars->n_groups = n_groups;
    bars->n_series = n_series;
    bars->group = copy_words(group, n_groups);
    bars->group_range = group_range ? copy_words(group_range, n_groups) : NULL;
    bars->share = g_memdup2(share, n * sizeof *share);
    bars->fill = g_new(EntroColour, n_series);
    for (guint k = 0; k < n_series; k++) {
        bars->fill[k] = series_colour(page, n_series, k, series[k]);
        entro_legend_add(&chart->legend, ENTRO_SWATCH_PATCH, (EntroPen){.colour = bars->fill[k]},
                         series[k]);
    }
    for (gsize i = 0; i < n; i++)
        entro_scale_add(&chart->y, share[i]);
    bars->percent = TRUE;
    bars->decimals = page->options->decimals;
    chart->y.from_zero = TRUE;
    chart->y.shared = "share";
    chart->y.together = page->options->shared_scale;
    chart->legend_title = "Runs";
    entro_page_add(page, bars);
    return bars;
}
