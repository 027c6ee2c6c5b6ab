/* page-parts.c: what is drawn around the charts of a page: title, labels, colour bars, legends. */
#include "page-private.h"

static const double smallest_title = 0.8; /* of the usual size, before it is shortened */

static EntroChart *
chart_at(const EntroPage *page, guint i)
{
    return page->charts->pdata[i];
}

/* ---- what charts have in common ----------------------------------------------------------------- */

static gboolean
same_words(const EntroPage *page, gsize offset)
{
    const char *first = G_STRUCT_MEMBER(char *, chart_at(page, 0), offset);

    for (guint i = 1; i < page->charts->len; i++)
        if (g_strcmp0(first, G_STRUCT_MEMBER(char *, chart_at(page, i), offset)) != 0)
            return FALSE;
    return TRUE;
}

static gboolean
continues_row(const EntroPage *page, guint i)
{
    return i > 0 && chart_at(page, i)->row == chart_at(page, i - 1)->row &&
           g_strcmp0(chart_at(page, i)->y.label, chart_at(page, i - 1)->y.label) == 0;
}

/* A label that all charts share is drawn once; one that a row shares, at its beginning. */
void
entro_page_share_labels(EntroPage *page)
{
    const gboolean x = same_words(page, G_STRUCT_OFFSET(EntroChart, x.label));
    const gboolean y = same_words(page, G_STRUCT_OFFSET(EntroChart, y.label));
    const gboolean colour = same_words(page, G_STRUCT_OFFSET(EntroChart, colour.label));

    for (guint i = 0; i < page->charts->len; i++) {
        EntroChart *chart = chart_at(page, i);
        chart->own_x = !x;
        chart->own_y = !y && !continues_row(page, i);
        chart->own_colour = !colour;
    }
}

/* The legend with the chart's title into which its own fits; a new one at the end if there is none. */
static EntroLegend *
legend_for(EntroPage *page, GPtrArray *titles, const EntroChart *chart)
{
    for (guint i = 0; i < titles->len; i++)
        if (g_strcmp0(titles->pdata[i], chart->legend_title) == 0 &&
            !entro_legend_contradicts(page->legends->pdata[i], &chart->legend))
            return page->legends->pdata[i];

    EntroLegend *legend = g_new0(EntroLegend, 1);
    entro_legend_init(legend);
    g_ptr_array_add(titles, (gpointer)chart->legend_title);
    g_ptr_array_add(page->legends, legend);
    return legend;
}

static void
collect_legends(EntroPage *page)
{
    g_autoptr(GPtrArray) titles = g_ptr_array_new();

    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        if (chart->legend.entries->len > 0)
            entro_legend_merge(legend_for(page, titles, chart), &chart->legend);
    }
    if (titles->len < 2)
        return;
    for (guint i = 0; i < titles->len; i++) {
        if (titles->pdata[i])
            entro_legend_set_heading(page->legends->pdata[i], titles->pdata[i]);
    }
}

static void
collect_notes(EntroPage *page, const EntroChart *chart)
{
    for (guint i = 0; i < chart->notes->len; i++) {
        const char *note = chart->notes->pdata[i];
        if (!g_ptr_array_find_with_equal_func(page->notes, note, g_str_equal, NULL))
            g_ptr_array_add(page->notes, g_strdup(note));
    }
}

void
entro_page_collect(EntroPage *page)
{
    const EntroChart *first = chart_at(page, 0);

    collect_legends(page);
    for (guint i = 0; i < page->charts->len; i++) {
        entro_legend_merge(&page->signs, &chart_at(page, i)->signs);
        collect_notes(page, chart_at(page, i));
    }
    if (page->charts->len == 1 && first->legend_beside && page->legends->len == 1)
        page->beside = page->legends->pdata[0];
}

/* ---- above ------------------------------------------------------------------------------------- */

void
entro_page_add_header(EntroPage *page)
{
    EntroFigure *figure = page->figure;
    EntroTextStyle style = entro_style_title(figure);
    if (!page->title || !*page->title)
        return;

    style.max_width = figure->width - 2 * figure->theme.pad;
    style.max_lines = 3;
    style.centred = TRUE;
    const EntroBox box = entro_figure_add_text(figure, ENTRO_ROLE_TITLE, figure->width / 2,
                                               figure->theme.pad, 0.5, 0, page->title, &style);
    page->header = box.height + figure->theme.gap;
    figure->title = entro_text_clean(page->title);
}

/* Letter, name, and the power of ten that the labels on the y axis are to be multiplied with. */
static char *
full_title(const EntroPage *page, const EntroChart *chart)
{
    guint position = 0;
    EntroAxis y = entro_scale_axis(&chart->y);

    g_ptr_array_find(page->charts, chart, &position);
    y.to = page->figure->theme.plot_max;
    entro_axis_fit_upright(&y, page->figure);
    g_autofree char *factor = entro_axis_factor(&y);
    g_autoptr(GString) title = g_string_new(NULL);
    if (page->letters && position < 26)
        g_string_printf(title, "(%c)", 'a' + (char)position);
    if (chart->title && *chart->title)
        g_string_append_printf(title, "%s%s", title->len > 0 ? " " : "", chart->title);
    if (*factor)
        g_string_append_printf(title, "%s(%s)", title->len > 0 ? " " : "", factor);
    return entro_text_clean(title->str);
}

/* How wide a title may be: beyond the plot on both sides, but not to what stands beside it. */
static double
title_room(const EntroPage *page, const EntroChart *chart)
{
    const double gap = page->figure->theme.gap;
    const double left = page->left[chart->column];
    const double right = page->right[chart->column + chart->span - 1];
    const double beside = MIN(left, right);

    return entro_page_chart_width(page, chart) +
           (chart->with_bar ? MIN(3 * gap, beside) : MAX(2 * beside - gap, 0));
}

/* On one line, if need be a little smaller; else on two. */
static EntroTextStyle
title_style(const EntroPage *page, const EntroChart *chart, const char *title)
{
    EntroTextStyle style = entro_style_label(page->figure);
    double width = 0, height = 0;

    entro_text_measure(page->figure->text, title, &style, &width, &height);
    style.max_width = title_room(page, chart);
    if (width <= style.max_width)
        return style;
    style.size *= MAX(style.max_width / width, smallest_title);
    if (width * smallest_title > style.max_width) {
        style.max_lines = 2;
        style.centred = TRUE;
    }
    return style;
}

double
entro_page_title_height(const EntroPage *page, const EntroChart *chart)
{
    const EntroFigure *figure = page->figure;
    g_autofree char *title = full_title(page, chart);
    const EntroTextStyle style = title_style(page, chart, title);
    double width = 0, height = 0;

    entro_text_measure(figure->text, *title ? title : " ", &style, &width, &height);
    return figure->theme.gap + height +
           entro_text_height(figure->text, entro_style_tick(figure).size) / 2;
}

static void
add_title(EntroPage *page, const EntroChart *chart)
{
    const EntroBox plot = entro_page_plot(page, chart);
    g_autofree char *title = full_title(page, chart);
    const EntroTextStyle style = title_style(page, chart, title);

    if (*title)
        entro_figure_add_text(page->figure, ENTRO_ROLE_PANEL_TITLE, plot.x + plot.width / 2,
                              plot.y - page->top[chart->row] + page->figure->theme.gap, 0.5, 0,
                              title, &style);
}

static void
add_annotation(EntroPage *page, const EntroChart *chart)
{
    const EntroBox plot = entro_page_plot(page, chart);
    EntroTextStyle style = entro_style_note(page->figure);
    if (!chart->annotation)
        return;

    style.colour = page->figure->theme.alarm;
    style.max_width = plot.width;
    entro_figure_add_text(page->figure, ENTRO_ROLE_ANNOTATION, entro_box_right(plot),
                          plot.y - page->figure->theme.gap / 2, 1, 1, chart->annotation, &style);
}

/* ---- labels ------------------------------------------------------------------------------------ */

static void
add_upright(EntroFigure *figure, const char *label, double x, double across, EntroBox beside)
{
    EntroTextStyle style = entro_style_label(figure);
    if (!label)
        return;

    style.turned = TRUE;
    style.max_width = beside.height;
    entro_figure_add_text(figure, ENTRO_ROLE_AXIS_LABEL, x, beside.y + beside.height / 2, across,
                          0.5, label, &style);
}

static void
add_across(EntroFigure *figure, const char *label, double bottom, EntroBox above)
{
    EntroTextStyle style = entro_style_label(figure);
    if (!label)
        return;

    style.max_width = above.width;
    entro_figure_add_text(figure, ENTRO_ROLE_AXIS_LABEL, above.x + above.width / 2, bottom, 0.5, 1,
                          label, &style);
}

static void
add_own_labels(EntroPage *page, const EntroChart *chart)
{
    const EntroBox plot = entro_page_plot(page, chart);
    const double label = entro_page_label_size(page->figure);

    if (chart->own_y)
        add_upright(page->figure, chart->y.label, plot.x - chart->need.around.left - label, 0,
                    plot);
    if (chart->own_x)
        add_across(page->figure, chart->x.label,
                   entro_box_bottom(plot) + chart->need.around.bottom + label, plot);
}

static void
add_shared_labels(EntroPage *page)
{
    const EntroChart *first = chart_at(page, 0);
    const EntroBox all = entro_page_plots(page);
    const double edge = page->figure->theme.pad + page->indent;

    if (!first->own_x)
        add_across(page->figure, first->x.label,
                   entro_box_bottom(all) + page->bottom[page->n_rows - 1] + page->outer_bottom,
                   all);
    if (!first->own_y)
        add_upright(page->figure, first->y.label, edge, 0, all);
    if (!first->own_colour && first->coloured && page->side > 0)
        add_upright(page->figure, first->colour.label, page->figure->width - edge, 1, all);
}

/* ---- colour bars -------------------------------------------------------------------------------- */

static void
add_bar(EntroPage *page, const EntroChart *chart, EntroBox beside)
{
    const EntroTheme *theme = &page->figure->theme;
    const EntroBox bar = {entro_box_right(beside) + 2 * theme->gap, beside.y, theme->colour_bar,
                          beside.height};
    EntroAxis axis = entro_scale_axis(&chart->colour);

    axis.from = chart->bar_downwards ? bar.y : entro_box_bottom(bar);
    axis.to = chart->bar_downwards ? entro_box_bottom(bar) : bar.y;
    entro_axis_fit_upright(&axis, page->figure);
    entro_axes_add_colour_bar(page->figure, &axis, bar, chart->palette, chart->palette_end);
    if (chart->own_colour)
        add_upright(page->figure, chart->colour.label,
                    bar.x + chart->bar_width + entro_page_label_size(page->figure), 1, bar);
}

static void
add_bars(EntroPage *page)
{
    for (guint i = 0; i < page->charts->len; i++)
        if (chart_at(page, i)->with_bar)
            add_bar(page, chart_at(page, i), entro_page_plot(page, chart_at(page, i)));
    if (!page->one_bar)
        return;
    EntroBox all = entro_page_plots(page);
    all.width += page->right[page->n_columns - 1] - 2 * page->figure->theme.gap;
    add_bar(page, chart_at(page, 0), all);
}

/* ---- below -------------------------------------------------------------------------------------- */

static EntroTextStyle
note_style(const EntroFigure *figure)
{
    EntroTextStyle style = entro_style_note(figure);

    style.max_width =
        figure->width - 2 * figure->theme.pad - 1; /* wrapping may exceed it a little */
    style.max_lines = 6;
    return style;
}

static double
fit_legend(EntroLegend *legend, const EntroFigure *figure)
{
    entro_legend_fit_width(legend, figure, figure->width - 2 * figure->theme.pad);
    return legend->height > 0 ? figure->theme.gap + legend->height : 0;
}

double
entro_page_fit_footer(EntroPage *page)
{
    const EntroTextStyle style = note_style(page->figure);
    double footer = 0;

    for (guint i = 0; i < page->legends->len; i++)
        if (page->legends->pdata[i] != page->beside)
            footer += fit_legend(page->legends->pdata[i], page->figure);
    footer += fit_legend(&page->signs, page->figure);
    for (guint i = 0; i < page->notes->len; i++) {
        double width = 0, height = 0;
        entro_text_measure(page->figure->text, page->notes->pdata[i], &style, &width, &height);
        footer += page->figure->theme.gap + height;
    }
    return footer;
}

/* Under the middle of the plots, as far as the canvas allows; returns where it ends. */
static double
draw_legend(const EntroLegend *legend, EntroFigure *figure, double middle, double y)
{
    const double pad = figure->theme.pad;
    const double last = MAX(pad, figure->width - pad - legend->width);

    if (legend->height == 0)
        return y;
    entro_legend_draw(legend, figure, CLAMP(middle - legend->width / 2, pad, last),
                      y + figure->theme.gap);
    return y + figure->theme.gap + legend->height;
}

static void
draw_footer(EntroPage *page)
{
    EntroFigure *figure = page->figure;
    const EntroTextStyle style = note_style(figure);
    const EntroBox all = entro_page_plots(page);
    const double middle = all.x + all.width / 2;
    double y = figure->height - figure->theme.pad - page->footer;

    for (guint i = 0; i < page->legends->len; i++)
        if (page->legends->pdata[i] != page->beside)
            y = draw_legend(page->legends->pdata[i], figure, middle, y);
    y = draw_legend(&page->signs, figure, middle, y);
    for (guint i = 0; i < page->notes->len; i++)
        y = entro_box_bottom(entro_figure_add_text(figure, ENTRO_ROLE_NOTE, figure->theme.pad,
                                                   y + figure->theme.gap, 0, 0,
                                                   page->notes->pdata[i], &style));
}

static void
draw_beside(EntroPage *page)
{
    const EntroFigure *figure = page->figure;
    const EntroBox all = entro_page_plots(page);
    if (!page->beside)
        return;

    entro_legend_draw(page->beside, page->figure,
                      figure->width - figure->theme.pad - page->indent - page->beside->width,
                      all.y + all.height / 2 - page->beside->height / 2);
}

void
entro_page_draw_parts(EntroPage *page)
{
    for (guint i = 0; i < page->charts->len; i++) {
        add_title(page, chart_at(page, i));
        add_annotation(page, chart_at(page, i));
        add_own_labels(page, chart_at(page, i));
    }
    add_bars(page);
    add_shared_labels(page);
    draw_beside(page);
    draw_footer(page);
}
