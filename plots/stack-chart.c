/* stack-chart.c: lying bars, each of several parts, with their sum behind.
 *
 * A row a bar, the name on its left: names are long, and there may be many.  A sum that is an estimate
 * has the range that it lies in as a line, and a ~ before its number. */
#include "view-private.h"

static const double bar_part = 0.66;  /* of the height of its row */
static const double cap_part = 0.3;   /* height of the ends of a range */
static const double label_most = 0.5; /* of the width of the plot, for the numbers */

/* The bars as they are drawn into a plot. */
typedef struct {
    const EntroStackChart *stack;
    EntroFigure *figure;
    EntroBox plot;
    EntroAxis x;
    EntroTextStyle label; /* of the numbers; size 0: none */
} Drawing;

static void
clear(EntroChart *chart)
{
    EntroStackChart *stack = (EntroStackChart *)chart;

    g_ptr_array_unref(stack->names);
    g_array_unref(stack->values);
    g_array_unref(stack->ranges);
    g_array_unref(stack->marks);
    g_free(stack->colour);
}

static double
part_of(const EntroStackChart *stack, guint bar, guint part)
{
    return g_array_index(stack->values, double, bar * stack->n_parts + part);
}

static double
sum_of(const EntroStackChart *stack, guint bar)
{
    double sum = 0;

    for (guint part = 0; part < stack->n_parts; part++)
        sum += part_of(stack, bar, part);
    return sum;
}

static EntroRange
range_of(const EntroStackChart *stack, guint bar)
{
    return g_array_index(stack->ranges, EntroRange, bar);
}

/* Where a bar with all that belongs to it ends. */
static double
end_of(const EntroStackChart *stack, guint bar)
{
    return fmax(fmax(sum_of(stack, bar), range_of(stack, bar).high),
                g_array_index(stack->marks, double, bar));
}

static char *
number_of(const EntroStackChart *stack, guint bar)
{
    const int usual = entro_cell_decimals(0, stack->chart.x.range.high);
    const int decimals = stack->decimals >= 0 ? (int)stack->decimals : usual;
    g_autofree char *number = entro_bar_text(sum_of(stack, bar), decimals, "");

    return g_strdup_printf("%s%s", isnan(range_of(stack, bar).low) ? "" : "~", number);
}

/* ---- sizes ------------------------------------------------------------------------------------- */

static const char *const *
names_of(const EntroStackChart *stack)
{
    return (const char *const *)stack->names->pdata;
}

/* The axis is up to twice as long as its data, for the numbers behind them. */
static char *
factor_of(const EntroChart *chart, const EntroFigure *figure)
{
    const double most = chart->x.range.high;
    EntroAxis axis = entro_axis_new(ENTRO_AXIS_NUMBER, 0, most > 0 ? 2 * most : 1);

    axis.to = figure->theme.plot_max;
    entro_axis_fit_across(&axis, figure, G_MAXDOUBLE);
    return entro_axis_factor(&axis);
}

/* Of what the page writes above the plot, and has room for. */
static double
annotation_height(const EntroChart *chart, const EntroFigure *figure)
{
    const EntroTextStyle style = entro_style_note(figure);
    double width = 0, height = 0;

    if (chart->annotation)
        entro_text_measure(figure->text, chart->annotation, &style, &width, &height);
    return height > 0 ? height + figure->theme.gap / 2 : 0;
}

static void
measure(EntroChart *chart, const EntroFigure *figure)
{
    const EntroStackChart *stack = (EntroStackChart *)chart;

    const double room = 2 * figure->theme.gap; /* for half a label of the axis */

    chart->need.around.left =
        MAX(room, entro_axes_names_width(figure, names_of(stack), stack->n_bars));
    chart->need.around.bottom = entro_axes_tick_height(figure);
    chart->need.around.right = room;
    g_autofree char *factor = factor_of(chart, figure);
    chart->need.around.top =
        *factor ? entro_text_height(figure->text, entro_style_tick(figure).size) : 0;
}

static double
height(const EntroChart *chart, const EntroFigure *figure, double plot_width G_GNUC_UNUSED)
{
    return ((const EntroStackChart *)chart)->n_bars * entro_axes_row_height(figure);
}

static double
labels_width(const Drawing *drawing)
{
    double widest = 0;

    for (guint bar = 0; bar < drawing->stack->n_bars; bar++) {
        g_autofree char *text = number_of(drawing->stack, bar);
        double width = 0, tall = 0;
        entro_text_measure(drawing->figure->text, text, &drawing->label, &width, &tall);
        widest = MAX(widest, width);
    }
    return widest + 2 * drawing->figure->theme.gap + drawing->figure->theme.cross;
}

/* The numbers, if their rows and the plot have room for them. */
static void
choose_label(Drawing *drawing)
{
    EntroFigure *figure = drawing->figure;

    drawing->label = entro_style_tick(figure);
    if (entro_text_height(figure->text, drawing->label.size) <=
            drawing->plot.height / drawing->stack->n_bars &&
        labels_width(drawing) <= label_most * drawing->plot.width)
        return;
    drawing->label.size = 0;
    entro_figure_add_note(figure, "the bars are too small for their numbers: left out");
}

/* The axis goes on behind the longest bar, for its number. */
static void
make_axis(Drawing *drawing)
{
    const EntroBox plot = drawing->plot;
    const double most = drawing->stack->chart.x.range.high;
    const double space = plot.width - (drawing->label.size > 0 ? labels_width(drawing)
                                                               : 2 * drawing->figure->theme.gap);

    drawing->x = entro_axis_new(ENTRO_AXIS_NUMBER, 0, (most > 0 ? most : 1) * plot.width / space);
    drawing->x.from = plot.x;
    drawing->x.to = entro_box_right(plot);
    entro_axis_fit_across(&drawing->x, drawing->figure, drawing->stack->chart.need.around.right);
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static void
draw_parts(const Drawing *drawing, guint bar, EntroBox row)
{
    double before = 0;

    for (guint part = 0; part < drawing->stack->n_parts; part++) {
        const double value = part_of(drawing->stack, bar, part);
        const double from = entro_axis_place(&drawing->x, before);
        const double to = entro_axis_place(&drawing->x, before + value);
        const EntroBox box = {from, row.y, to - from, row.height};
        if (value > 0)
            entro_figure_add_fill(drawing->figure, ENTRO_ROLE_INSIDE, box,
                                  drawing->stack->colour[part]);
        before += value;
    }
}

static void
draw_range(const Drawing *drawing, guint bar, EntroBox row)
{
    const EntroRange range = range_of(drawing->stack, bar);
    const EntroPen pen = {.colour = drawing->figure->theme.ink};
    const double line = drawing->figure->theme.mark_line;
    const double middle = row.y + row.height / 2, cap = cap_part * row.height / 2;
    if (isnan(range.low))
        return;

    const double ends[] = {entro_axis_place(&drawing->x, range.low),
                           entro_axis_place(&drawing->x, range.high)};
    entro_figure_add_rule(drawing->figure, ends[0], middle, ends[1], middle, pen, line);
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
        entro_figure_add_rule(drawing->figure, ends[i], middle - cap, ends[i], middle + cap, pen,
                              line);
}

static void
draw_mark(const Drawing *drawing, guint bar, EntroBox row)
{
    EntroFigure *figure = drawing->figure;
    const double mark = g_array_index(drawing->stack->marks, double, bar);
    g_autoptr(GArray) place = g_array_new(FALSE, FALSE, sizeof(double));
    const double at[] = {entro_axis_place(&drawing->x, mark), row.y + row.height / 2};

    g_array_append_vals(place, at, G_N_ELEMENTS(at));
    if (!isnan(mark))
        entro_figure_add_points(figure, ENTRO_MARK_CROSSES, drawing->plot,
                                (EntroPen){.colour = figure->theme.ink}, figure->theme.cross,
                                place);
}

static void
draw_number(const Drawing *drawing, guint bar, EntroBox row)
{
    const EntroTheme *theme = &drawing->figure->theme;
    const double cross =
        isnan(g_array_index(drawing->stack->marks, double, bar)) ? 0 : theme->cross;
    const double x = entro_axis_place(&drawing->x, end_of(drawing->stack, bar)) + cross;
    g_autofree char *text = number_of(drawing->stack, bar);

    if (drawing->label.size > 0)
        entro_figure_add_text(drawing->figure, ENTRO_ROLE_VALUE, x + theme->gap,
                              row.y + row.height / 2, 0, 0.5, text, &drawing->label);
}

/* The power of ten that the labels are to be multiplied with, above the end of the axis. */
static void
draw_factor(const Drawing *drawing)
{
    const EntroTextStyle style = entro_style_tick(drawing->figure);
    const EntroBox plot = drawing->plot;
    const double above = annotation_height(&drawing->stack->chart, drawing->figure);
    g_autofree char *factor = entro_axis_factor(&drawing->x);

    if (*factor)
        entro_figure_add_text(drawing->figure, ENTRO_ROLE_ANNOTATION, entro_box_right(plot),
                              plot.y - drawing->figure->theme.gap / 2 - above, 1, 1, factor,
                              &style);
}

static void
draw(EntroChart *chart, EntroFigure *figure, EntroBox plot)
{
    const EntroStackChart *stack = (EntroStackChart *)chart;
    const double pitch = plot.height / MAX(stack->n_bars, 1);
    Drawing drawing = {.stack = stack, .figure = figure, .plot = plot};

    choose_label(&drawing);
    make_axis(&drawing);
    entro_axes_add_x(figure, &drawing.x, plot, TRUE);
    draw_factor(&drawing);
    for (guint bar = 0; bar < stack->n_bars; bar++) {
        const EntroBox row = {plot.x, plot.y + (bar + (1 - bar_part) / 2) * pitch, plot.width,
                              bar_part * pitch};
        draw_parts(&drawing, bar, row);
        draw_range(&drawing, bar, row);
        draw_mark(&drawing, bar, row);
        draw_number(&drawing, bar, row);
    }
    entro_axes_add_names(figure, plot, names_of(stack), stack->n_bars);
}

static const EntroChartKind kind = {
    .name = "stacked bars",
    .clear = clear,
    .measure = measure,
    .height = height,
    .draw = draw,
};

/* ---- from values ------------------------------------------------------------------------------- */

EntroStackChart *
entro_stack_chart_add(EntroPage *page, const char *title, const EntroStackPart *parts,
                      guint n_parts)
{
    EntroStackChart *stack = entro_chart_new(&kind, sizeof *stack, title);
    EntroChart *chart = &stack->chart;

    stack->n_parts = n_parts;
    stack->names = g_ptr_array_new_with_free_func(g_free);
    stack->values = g_array_new(FALSE, FALSE, sizeof(double));
    stack->ranges = g_array_new(FALSE, FALSE, sizeof(EntroRange));
    stack->marks = g_array_new(FALSE, FALSE, sizeof(double));
    stack->colour = g_new(EntroColour, n_parts);
    stack->decimals = page->options->decimals;
    for (guint part = 0; part < n_parts; part++) {
        stack->colour[part] = parts[part].colour;
        entro_legend_add(&chart->legend, ENTRO_SWATCH_PATCH,
                         (EntroPen){.colour = parts[part].colour}, parts[part].name);
    }
    chart->x.from_zero = TRUE;
    entro_page_add(page, stack);
    return stack;
}

void
entro_stack_chart_add_bar(EntroStackChart *stack, const char *name, const double *value,
                          EntroRange range, double mark)
{
    g_ptr_array_add(stack->names, g_strdup(name));
    g_array_append_vals(stack->values, value, stack->n_parts);
    g_array_append_val(stack->ranges, range);
    g_array_append_val(stack->marks, mark);
    entro_scale_add(&stack->chart.x, end_of(stack, stack->n_bars));
    stack->n_bars++;
}
