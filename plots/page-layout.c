/* page-layout.c: where the charts of a page go.
 *
 * From left to right: pad, labels that all share, then for each column what its charts need on their
 * left, the plot, what they need on their right, then what is beside all charts, pad.  From top to
 * bottom in the same way.  All columns have plots of one width, each row has its own height. */
#include "page-private.h"

static const double smallest_plot = 24; /* points; what is asked to be smaller is refused */

static EntroChart *
chart_at(const EntroPage *page, guint i)
{
    return page->charts->pdata[i];
}

/* ---- scales that charts share ------------------------------------------------------------------ */

static gboolean
alike(const EntroScale *a, const EntroScale *b)
{
    return a->shared && g_strcmp0(a->shared, b->shared) == 0 && g_strcmp0(a->label, b->label) == 0;
}

/* `of_page`: the page wants all that are alike to share. */
static gboolean
share(const EntroScale *a, const EntroScale *b, gboolean same_batch, gboolean of_page)
{
    return a == b || (alike(a, b) && (of_page || (same_batch && a->together && b->together)));
}

static gboolean
share_colours(const EntroPage *page, const EntroChart *a, const EntroChart *b)
{
    return a->coloured && b->coloured &&
           share(&a->colour, &b->colour, a->batch == b->batch, page->share_colour);
}

static void
pool(EntroRange *pooled, EntroRange range)
{
    entro_range_add(&pooled->low, &pooled->high, range.low);
    entro_range_add(&pooled->low, &pooled->high, range.high);
}

static void
resolve_scales(EntroPage *page)
{
    const guint n = page->charts->len;
    g_autofree EntroRange *range = g_new(EntroRange, 3 * (gsize)n);

    for (guint i = 0; i < n; i++) {
        const EntroChart *a = chart_at(page, i);
        for (guint k = 0; k < 3; k++)
            range[3 * i + k] = (EntroRange){NAN, NAN};
        for (guint j = 0; j < n; j++) {
            const EntroChart *b = chart_at(page, j);
            const gboolean same = a->batch == b->batch;
            if (share(&a->x, &b->x, same, page->share_x))
                pool(&range[3 * i], b->x.range);
            if (share(&a->y, &b->y, same, page->share_y))
                pool(&range[3 * i + 1], b->y.range);
            if (a == b || share_colours(page, a, b))
                pool(&range[3 * i + 2], b->colour.range);
        }
    }
    for (guint i = 0; i < n; i++) {
        chart_at(page, i)->x.range = range[3 * i];
        chart_at(page, i)->y.range = range[3 * i + 1];
        chart_at(page, i)->colour.range = range[3 * i + 2];
    }
}

/* ---- rows and columns -------------------------------------------------------------------------- */

static guint
usual_columns(guint n_charts)
{
    static const guint columns[] = {1, 1, 2, 3, 2, 3, 3}; /* 2 x 2 and 3 x 2 rather than a gap */

    return n_charts < G_N_ELEMENTS(columns) ? columns[n_charts] : n_charts <= 9 ? 3 : 4;
}

static void
put_in_columns(EntroPage *page, guint n_columns)
{
    guint row = 0, column = 0;

    for (guint i = 0; i < page->charts->len; i++) {
        EntroChart *chart = chart_at(page, i);
        chart->span = CLAMP(chart->span, 1, n_columns);
        if (column + chart->span > n_columns) {
            row++;
            column = 0;
        }
        chart->row = row;
        chart->column = column;
        column += chart->span;
    }
    page->n_columns = n_columns;
    page->n_rows = row + 1;
    entro_page_share_labels(page);
}

static gboolean
has_colours(const EntroChart *chart)
{
    return chart->coloured && !isnan(chart->colour.range.low);
}

/* Of charts that share their colours, the last of each row has the bar; one bar will do where all
 * charts of the page share it. */
static void
choose_bars(EntroPage *page)
{
    const guint n = page->charts->len;

    const EntroChart *first = chart_at(page, 0);

    page->one_bar = has_colours(first) && (first->colour.together || page->share_colour);
    for (guint i = 1; i < n; i++)
        page->one_bar &= share_colours(page, first, chart_at(page, i));
    for (guint i = 0; i < n; i++) {
        EntroChart *chart = chart_at(page, i);
        const EntroChart *next = i + 1 < n ? chart_at(page, i + 1) : NULL;
        const gboolean next_has_it =
            next && next->row == chart->row && share_colours(page, chart, next);
        chart->with_bar = has_colours(chart) && !page->one_bar && !next_has_it;
    }
}

void
entro_page_place(EntroPage *page)
{
    const guint n = page->charts->len;

    if (page->n_columns == 0 && page->batch == 1)
        page->n_columns = page->alone_columns;
    page->fixed_columns = page->n_columns > 0;
    put_in_columns(page, page->fixed_columns ? MIN(page->n_columns, n) : usual_columns(n));
    resolve_scales(page);
    choose_bars(page);
}

/* ---- widths ------------------------------------------------------------------------------------ */

/* Height of a line of this text, which may need a font that is taller than the usual one. */
static double
line_height(const EntroFigure *figure, const char *text, const EntroTextStyle *style)
{
    double width = 0, height = 0;

    if (text)
        entro_text_measure(figure->text, text, style, &width, &height);
    return MAX(height, entro_text_height(figure->text, style->size));
}

/* With its ticks, and the power of ten above it. */
static double
bar_width(const EntroChart *chart, const EntroFigure *figure)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const double ticks =
        entro_axes_tick_width(figure, entro_scale_labels_width(&chart->colour, figure));
    EntroAxis axis = entro_scale_axis(&chart->colour);
    double width = 0, height = 0;

    axis.to = figure->theme.plot_max;
    entro_axis_fit_upright(&axis, figure);
    g_autofree char *factor = entro_axis_factor(&axis);
    entro_text_measure(figure->text, factor, &style, &width, &height);
    return MAX(figure->theme.colour_bar + ticks, width);
}

static void
measure_chart(const EntroPage *page, EntroChart *chart)
{
    const EntroFigure *figure = page->figure;

    chart->need.usual_width = INFINITY;
    chart->kind->measure(chart, figure);
    chart->bar_width = has_colours(chart) ? bar_width(chart, figure) : 0;
    if (chart->y.label && chart->own_y)
        chart->need.least_height =
            MAX(chart->need.least_height,
                MIN(entro_page_label_length(figure, chart->y.label), figure->theme.plot_max));
}

static double
need_left(const EntroPage *page, const EntroChart *chart)
{
    return chart->need.around.left +
           (chart->own_y && chart->y.label ? entro_page_label_size(page->figure) : 0);
}

static double
need_right(const EntroPage *page, const EntroChart *chart)
{
    const double gap = page->figure->theme.gap;
    double right = MAX(chart->need.around.right, 2 * gap);

    if (chart->with_bar)
        right = MAX(right, 4 * gap + chart->bar_width +
                               (chart->own_colour ? entro_page_label_size(page->figure) : 0));
    return right;
}

static void
set_sides(EntroPage *page)
{
    page->left = g_renew(double, page->left, page->n_columns);
    page->right = g_renew(double, page->right, page->n_columns);
    for (guint column = 0; column < page->n_columns; column++)
        page->left[column] = page->right[column] = 0;
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        const guint last = chart->column + chart->span - 1;
        page->left[chart->column] = MAX(page->left[chart->column], need_left(page, chart));
        page->right[last] = MAX(page->right[last], need_right(page, chart));
    }
}

/* Everything but the plots. */
static double
around_width(const EntroPage *page)
{
    double width = 2 * (page->figure->theme.pad + page->indent) + page->outer_left + page->side;

    for (guint column = 0; column < page->n_columns; column++)
        width += page->left[column] + page->right[column];
    return width;
}

/* The width of the figure if it is asked for, or the preset's; NaN if the content decides. */
static double
given_width(const EntroPage *page)
{
    const double of_preset = page->figure->theme.page_width;

    if (!isnan(page->options->width))
        return page->options->width * ENTRO_INCH;
    return of_preset > 0 ? of_preset : NAN;
}

/* Width of a plot when so many share a row of the usual or given width. */
static double
try_columns(EntroPage *page, guint n_columns)
{
    const EntroTheme *theme = &page->figure->theme;

    put_in_columns(page, n_columns);
    choose_bars(page);
    set_sides(page);
    const double usual = n_columns == 1 ? theme->width : theme->width_wide;
    const double width = isnan(given_width(page)) ? usual : given_width(page);
    return (width - around_width(page)) / n_columns;
}

typedef struct {
    double least, usual; /* per column */
} Wish;

static Wish
wished_width(const EntroPage *page)
{
    Wish wish = {0, 0};

    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        wish.least = MAX(wish.least, chart->need.least_width / chart->span);
        wish.usual = MAX(wish.usual, chart->need.usual_width / chart->span);
    }
    return wish;
}

/* Puts fewer charts in a row until the numbers have room; the last resort is a wider figure. */
static void
choose_columns(EntroPage *page)
{
    const EntroTheme *theme = &page->figure->theme;
    const Wish wish = wished_width(page);
    guint n_columns = page->n_columns;
    double room = try_columns(page, n_columns);

    while (!page->fixed_columns && n_columns > 1 && room < MAX(wish.least, smallest_plot))
        room = try_columns(page, --n_columns);
    if (room < wish.least && wish.least * n_columns + around_width(page) <= theme->width_max)
        room = wish.least;
    page->plot_width = MAX(MIN(room, wish.usual), theme->plot_min);
}

static gboolean
too_small(const char *what, double inches, double needed, GError **error)
{
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "%s of %g in leaves no room for the plots: this figure needs at least %.1f in",
                what, inches, ceil(needed / ENTRO_INCH * 10) / 10);
    return FALSE;
}

static gboolean
fit_width(EntroPage *page, GError **error)
{
    const double given = given_width(page);
    double around = around_width(page);

    if (isnan(given)) {
        const double width = around + page->n_columns * page->plot_width;
        page->indent = MAX(0, (page->figure->theme.width_min - width) / 2);
        around += 2 * page->indent;
    } else
        page->plot_width = (given - around) / page->n_columns;
    if (page->plot_width < smallest_plot)
        return too_small("a width", given / ENTRO_INCH, around + page->n_columns * smallest_plot,
                         error);
    page->figure->width = around + page->n_columns * page->plot_width;
    return TRUE;
}

/* ---- heights ----------------------------------------------------------------------------------- */

static double
annotation_height(const EntroPage *page, const EntroChart *chart)
{
    const EntroTextStyle style = entro_style_note(page->figure);

    return chart->annotation
               ? page->figure->theme.gap / 2 + line_height(page->figure, chart->annotation, &style)
               : 0;
}

static void
set_rows(EntroPage *page)
{
    const EntroTheme *theme = &page->figure->theme;
    const double label = entro_page_label_size(page->figure);

    page->top = g_renew(double, page->top, page->n_rows);
    page->bottom = g_renew(double, page->bottom, page->n_rows);
    page->plot_height = g_renew(double, page->plot_height, page->n_rows);
    for (guint row = 0; row < page->n_rows; row++) {
        page->top[row] = page->bottom[row] = 0;
        page->plot_height[row] = theme->plot_min;
    }
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        const guint row = chart->row;
        const double height =
            chart->kind->height(chart, page->figure, entro_page_chart_width(page, chart));
        const double bottom =
            chart->need.around.bottom + (chart->own_x && chart->x.label ? label : 0);
        page->plot_height[row] = MAX(page->plot_height[row], MAX(height, chart->need.least_height));
        page->top[row] =
            MAX(page->top[row], entro_page_title_height(page, chart) + chart->need.around.top +
                                    annotation_height(page, chart));
        page->bottom[row] = MAX(page->bottom[row], bottom + (page->n_rows > 1 ? theme->gap : 0));
    }
}

/* What stands upright beside all plots may be longer than they are. */
static double
outer_length(const EntroPage *page)
{
    const EntroChart *first = chart_at(page, 0);
    double length = page->beside ? page->beside->height : 0;

    if (page->outer_left > 0)
        length = MAX(length, entro_page_label_length(page->figure, first->y.label));
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        if (has_colours(chart) && !chart->own_colour && chart->colour.label)
            length = MAX(length, entro_page_label_length(page->figure, chart->colour.label));
    }
    return length;
}

static double
around_height(const EntroPage *page)
{
    return 2 * page->figure->theme.pad + page->header + page->outer_bottom + page->footer +
           entro_page_add_up(page->top, page->n_rows) +
           entro_page_add_up(page->bottom, page->n_rows);
}

static double
smallest_row(const EntroPage *page)
{
    double smallest = INFINITY;

    for (guint row = 0; row < page->n_rows; row++)
        smallest = MIN(smallest, page->plot_height[row]);
    return smallest;
}

static gboolean
fit_height(EntroPage *page, GError **error)
{
    const double around = around_height(page), given = page->options->height * ENTRO_INCH;
    const double missing = outer_length(page) - entro_page_plots_height(page);
    double plots = entro_page_add_up(page->plot_height, page->n_rows);
    double wanted = isnan(given) ? plots + MAX(missing, 0) : given - around;

    for (guint row = 0; row < page->n_rows; row++)
        page->plot_height[row] *= wanted / plots;
    if (wanted < 0 || smallest_row(page) < smallest_plot)
        return too_small("a height", given / ENTRO_INCH, around + page->n_rows * smallest_plot,
                         error);
    page->figure->height = around + wanted;
    return TRUE;
}

/* ---- all together ------------------------------------------------------------------------------ */

/* A legend beside a chart may not take the place of the chart. */
static double
fit_beside(EntroPage *page)
{
    const EntroTheme *theme = &page->figure->theme;
    const double width = isnan(given_width(page)) ? theme->width : given_width(page);

    if (page->beside == NULL)
        return 0;
    entro_legend_fit_height(page->beside, page->figure, theme->plot_max);
    if (page->beside->width <= width / 3)
        return 2 * theme->gap + page->beside->width;
    page->beside = NULL;
    return 0;
}

/* Beside all charts: the bar that they share, the label of their bars, or the only chart's legend. */
static double
side_width(EntroPage *page)
{
    const double label = entro_page_label_size(page->figure);
    double bar = 0;
    gboolean labelled = FALSE;

    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = chart_at(page, i);
        bar = MAX(bar, chart->bar_width);
        labelled |= has_colours(chart) && !chart->own_colour && chart->colour.label != NULL;
    }
    return fit_beside(page) + (page->one_bar ? bar : 0) + (labelled ? label : 0);
}

static void
set_outer(EntroPage *page)
{
    const EntroChart *first = chart_at(page, 0);
    const double label = entro_page_label_size(page->figure);

    page->outer_left = !first->own_y && first->y.label ? label : 0;
    page->outer_bottom = !first->own_x && first->x.label ? label : 0;
    page->side = side_width(page);
}

/* The largest page of a PDF; what is larger many programs do not open. */
static gboolean
check_size(const EntroPage *page, GError **error)
{
    const EntroFigure *figure = page->figure;
    const double most = 200 * ENTRO_INCH;
    if (figure->width <= most && figure->height <= most)
        return TRUE;

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                "%u charts: a figure of %.0f x %.0f in is over the limit of 200 a side: draw fewer "
                "runs, or put more charts in a row",
                page->charts->len, figure->width / ENTRO_INCH, figure->height / ENTRO_INCH);
    return FALSE;
}

gboolean
entro_page_fit(EntroPage *page, GError **error)
{
    for (guint i = 0; i < page->charts->len; i++)
        measure_chart(page, chart_at(page, i));
    set_outer(page);
    choose_columns(page);
    if (!fit_width(page, error))
        return FALSE;
    entro_page_add_header(page);
    page->footer = entro_page_fit_footer(page);
    set_rows(page);
    return fit_height(page, error) && check_size(page, error);
}
