/* heat-chart.c: a heat map: rows and columns of cells, as of layers and heads.
 *
 * Row 0 is on top, as in the paper's Fig. 3.  A cell has a value, or no valid row (hatched), or does
 * not exist (blank). */
#include "view-private.h"

static void
clear(EntroChart *chart)
{
    EntroHeatChart *heat = (EntroHeatChart *)chart;

    g_free(heat->value);
    g_free(heat->state);
    g_free(heat->row_number);
    g_free(heat->column_number);
    g_free(heat->row_group);
}

static gboolean
has_state(const EntroHeatChart *heat, EntroCellState state)
{
    for (gsize cell = 0; cell < heat->n_rows * heat->n_columns; cell++)
        if (heat->state[cell] == state)
            return TRUE;
    return FALSE;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

/* Of the widest of the numbers, or of 0 .. n - 1. */
static double
numbers_width(const EntroFigure *figure, const char *prefix, const gint64 *number, gsize n)
{
    const EntroTextStyle style = entro_style_tick(figure);
    gint64 low = 0, high = number || n == 0 ? 0 : (gint64)n - 1;
    double widest = 0;

    for (gsize i = 0; number && i < n; i++) {
        low = MIN(low, number[i]);
        high = MAX(high, number[i]);
    }
    const gint64 ends[] = {low, high};
    for (guint end = 0; end < G_N_ELEMENTS(ends); end++) {
        g_autofree char *label = g_strdup_printf("%s%" G_GINT64_FORMAT, prefix, ends[end]);
        double width = 0, height = 0;
        entro_text_measure(figure->text, label, &style, &width, &height);
        widest = MAX(widest, width);
    }
    return widest;
}

/* Beside the numbers of heads, those of layers are told apart. */
static const char *
group_prefix(const EntroHeatChart *heat)
{
    return heat->name_rows ? "L" : "";
}

/* Room for the rows' own numbers. */
static double
row_labels_width(const EntroHeatChart *heat, const EntroFigure *figure)
{
    return heat->row_group && !heat->name_rows
               ? 0
               : entro_axes_tick_width(figure,
                                       numbers_width(figure, "", heat->row_number, heat->n_rows));
}

static double
labels_width(const EntroHeatChart *heat, const EntroFigure *figure)
{
    const double rows = row_labels_width(heat, figure);

    return heat->row_group
               ? rows + 2 * figure->theme.gap +
                     numbers_width(figure, group_prefix(heat), heat->row_group, heat->n_rows)
               : rows;
}

static int
decimals_of(const EntroHeatChart *heat)
{
    const EntroRange range = heat->chart.colour.range;

    return heat->decimals >= 0 ? (int)heat->decimals : entro_cell_decimals(range.low, range.high);
}

static double
cell_wish(const EntroHeatChart *heat, const EntroFigure *figure)
{
    double width = 0, height = 0;

    if (!heat->values || isnan(heat->chart.colour.range.low))
        return 0;
    entro_cell_measure(figure, heat->chart.colour.range.low, heat->chart.colour.range.high,
                       decimals_of(heat), &width, &height);
    return width * figure->theme.value_min / figure->theme.value_fill;
}

/* Half a label of the columns may reach beyond the plot. */
static double
side_room(const EntroHeatChart *heat, const EntroFigure *figure)
{
    return heat->steps && heat->n_columns > 0
               ? entro_axes_steps_width(figure, heat->column_number, heat->n_columns) / 2
               : 0;
}

static void
measure(EntroChart *chart, const EntroFigure *figure)
{
    const EntroHeatChart *heat = (EntroHeatChart *)chart;
    const EntroTheme *theme = &figure->theme;
    const double room = side_room(heat, figure);

    chart->need.around.left = MAX(room, labels_width(heat, figure));
    chart->need.around.right = room;
    chart->need.around.bottom = entro_axes_tick_height(figure);
    chart->need.least_width = cell_wish(heat, figure) * heat->n_columns;
    if (!heat->stretched)
        chart->need.usual_width =
            MAX(theme->plot_min, MAX(chart->need.least_width, theme->cell * heat->n_columns));
}

/* What its number needs, or the number in its cells. */
static double
row_wish(const EntroHeatChart *heat, const EntroFigure *figure)
{
    const EntroTheme *theme = &figure->theme;
    const EntroRange range = heat->chart.colour.range;
    double wish = theme->row, width = 0, tall = 0;

    if (heat->name_rows)
        wish = 1.15 * entro_text_height(figure->text, entro_style_tick(figure).size);
    if (heat->values && !isnan(range.low)) {
        entro_cell_measure(figure, range.low, range.high, decimals_of(heat), &width, &tall);
        wish = MAX(wish, tall * theme->value_min / theme->value_fill);
    }
    return wish;
}

static double
height(const EntroChart *chart, const EntroFigure *figure, double plot_width)
{
    const EntroHeatChart *heat = (const EntroHeatChart *)chart;
    const EntroTheme *theme = &figure->theme;
    const double side = MIN(plot_width / MAX(heat->n_columns, 1), theme->cell_max);
    const double least = MAX(theme->plot_min, theme->aspect * MIN(plot_width, theme->plot_max));

    return heat->stretched
               ? CLAMP(row_wish(heat, figure) * heat->n_rows, least, MAX(least, theme->plot_tall))
               : CLAMP(side * heat->n_rows, theme->plot_min, theme->plot_tall);
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static EntroMark *
add_cells(const EntroHeatChart *heat, EntroFigure *figure, EntroBox plot)
{
    const EntroAxis axis = entro_scale_axis(&heat->chart.colour);
    const gsize n = heat->n_rows * heat->n_columns;
    EntroMark *cells = entro_figure_add(figure, ENTRO_MARK_CELLS, ENTRO_ROLE_INSIDE, plot);

    cells->n_rows = heat->n_rows;
    cells->n_columns = heat->n_columns;
    cells->cells = g_new0(EntroColour, n);
    for (gsize cell = 0; cell < n; cell++)
        if (heat->state[cell] == ENTRO_CELL_VALUE)
            cells->cells[cell] =
                entro_palette_at(heat->chart.palette,
                                 (heat->value[cell] - axis.low) / (axis.high - axis.low));
        else if (heat->state[cell] == ENTRO_CELL_UNDEFINED)
            cells->cells[cell] = figure->theme.missing;
    return cells;
}

static void
add_hatch(const EntroHeatChart *heat, EntroFigure *figure, EntroBox plot)
{
    const gsize n = heat->n_rows * heat->n_columns;
    if (!has_state(heat, ENTRO_CELL_UNDEFINED))
        return;

    EntroMark *hatch = entro_figure_add(figure, ENTRO_MARK_HATCH, ENTRO_ROLE_INSIDE, plot);
    hatch->pen.colour = figure->theme.faint;
    hatch->n_rows = heat->n_rows;
    hatch->n_columns = heat->n_columns;
    hatch->hatched = g_new0(guint8, n);
    for (gsize cell = 0; cell < n; cell++)
        hatch->hatched[cell] = heat->state[cell] == ENTRO_CELL_UNDEFINED;
}

/* Font size of the numbers in cells of this size, 0 where they would be too small to read. */
static double
value_size(const EntroHeatChart *heat, const EntroFigure *figure, EntroBox plot)
{
    const EntroTheme *theme = &figure->theme;
    const EntroRange range = heat->chart.colour.range;
    double width = 0, tall = 0;

    entro_cell_measure(figure, range.low, range.high, decimals_of(heat), &width, &tall);
    const double size = MIN(plot.width / heat->n_columns * theme->value_fill / width,
                            plot.height / heat->n_rows * theme->value_fill / tall);
    return size >= theme->value_min * (1 - 1e-9) ? MIN(size, theme->value_max) : 0;
}

static void
add_values(const EntroHeatChart *heat, EntroFigure *figure, const EntroMark *cells)
{
    const EntroRange range = heat->chart.colour.range;
    if (!heat->values || isnan(range.low))
        return;

    const double size = value_size(heat, figure, cells->box);
    if (size > 0)
        entro_cell_add_texts(figure, heat, cells, decimals_of(heat), size);
    else
        entro_figure_add_note(figure, "the cells are too small for their values: left out");
}

/* The first row after the group that begins at `row`. */
static gsize
group_end(const EntroHeatChart *heat, gsize row)
{
    gsize end = row + 1;

    while (end < heat->n_rows && heat->row_group[end] == heat->row_group[row])
        end++;
    return end;
}

/* Thin rules between the groups, where they do not hide what they keep apart. */
static void
separate(const EntroHeatChart *heat, EntroFigure *figure, EntroBox plot, const gsize *end, gsize n)
{
    const EntroTheme *theme = &figure->theme;

    if (plot.height / n < 8 * theme->frame_line)
        return;
    for (gsize group = 0; group + 1 < n; group++) {
        const double y = plot.y + end[group] * plot.height / heat->n_rows;
        entro_figure_add_rule(figure, plot.x, y, entro_box_right(plot), y,
                              (EntroPen){.colour = theme->paper}, theme->frame_line);
    }
}

static void
draw_groups(const EntroHeatChart *heat, EntroFigure *figure, EntroBox plot)
{
    g_autofree gint64 *number = g_new(gint64, heat->n_rows);
    g_autofree gsize *end = g_new(gsize, heat->n_rows);
    const double row = plot.height / heat->n_rows;
    const double line = entro_text_height(figure->text, entro_style_tick(figure).size);
    const double names = row_labels_width(heat, figure) + figure->theme.gap;
    gsize n = 0;

    for (gsize first = 0; first < heat->n_rows; first = end[n++]) {
        number[n] = heat->row_group[first];
        end[n] = group_end(heat, first);
    }
    separate(heat, figure, plot, end, n);
    entro_axes_add_groups(figure, plot, plot.x - names, group_prefix(heat), number, end, n);
    if (heat->name_rows && row >= line)
        entro_axes_add_index(figure, plot, heat->row_number, heat->n_rows, TRUE);
}

static void
draw(EntroChart *chart, EntroFigure *figure, EntroBox plot)
{
    const EntroHeatChart *heat = (const EntroHeatChart *)chart;
    if (heat->n_rows == 0 || heat->n_columns == 0) {
        entro_figure_add(figure, ENTRO_MARK_FRAME, ENTRO_ROLE_DECOR, plot);
        entro_chart_draw_nothing(figure, plot, "no values");
        return;
    }
    const EntroMark *cells = add_cells(heat, figure, plot);
    add_hatch(heat, figure, plot);
    add_values(heat, figure, cells);
    if (heat->framed)
        entro_figure_add(figure, ENTRO_MARK_FRAME, ENTRO_ROLE_DECOR, plot);
    if (heat->steps)
        entro_axes_add_steps(figure, plot, heat->column_number, heat->n_columns);
    else
        entro_axes_add_index(figure, plot, heat->column_number, heat->n_columns, FALSE);
    if (heat->row_group)
        draw_groups(heat, figure, plot);
    else
        entro_axes_add_index(figure, plot, heat->row_number, heat->n_rows, TRUE);
}

static const EntroChartKind kind = {
    .name = "heat map",
    .clear = clear,
    .measure = measure,
    .height = height,
    .draw = draw,
};

/* ---- from values ------------------------------------------------------------------------------- */

static gboolean
check_sides(const EntroPage *page, gsize n_rows, gsize n_columns, GError **error)
{
    const gsize most = page->figure->theme.cells_side;
    if (n_rows <= most && n_columns <= most)
        return TRUE;

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                "%" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT
                " cells: a heat map has at most %" G_GSIZE_FORMAT " a side",
                n_rows, n_columns, most);
    return FALSE;
}

void
entro_heat_chart_explain_hatch(EntroHeatChart *heat, const EntroFigure *figure, const char *words)
{
    if (!has_state(heat, ENTRO_CELL_UNDEFINED))
        return;
    entro_legend_clear(&heat->chart.signs);
    entro_legend_init(&heat->chart.signs);
    entro_legend_add(&heat->chart.signs, ENTRO_SWATCH_HATCH,
                     (EntroPen){.colour = figure->theme.missing}, words);
}

static void
explain_states(EntroHeatChart *heat, const EntroFigure *figure)
{
    entro_heat_chart_explain_hatch(heat, figure, "no valid row (NaN)");
    if (has_state(heat, ENTRO_CELL_ABSENT))
        entro_chart_add_note(&heat->chart,
                             "Blank: the layer has no such head, or could not be read.");
}

EntroHeatChart *
entro_heat_chart_add(EntroPage *page, const char *title, gsize n_rows, gsize n_columns,
                     const double *value, const guint8 *state, GError **error)
{
    if (!check_sides(page, n_rows, n_columns, error))
        return NULL;

    EntroHeatChart *heat = entro_chart_new(&kind, sizeof *heat, title);
    const gsize n = n_rows * n_columns;
    heat->n_rows = n_rows;
    heat->n_columns = n_columns;
    heat->value = g_memdup2(value, n * sizeof *value);
    heat->state = g_memdup2(state, n * sizeof *state);
    heat->values = page->options->values;
    heat->decimals = page->options->decimals;
    heat->chart.coloured = TRUE;
    heat->chart.palette = page->figure->palette;
    for (gsize cell = 0; cell < n; cell++)
        if (state[cell] == ENTRO_CELL_VALUE)
            entro_scale_add(&heat->chart.colour, value[cell]);
    explain_states(heat, page->figure);
    entro_page_add(page, heat);
    return heat;
}

EntroHeatChart *
entro_heat_chart_add_heads(EntroPage *page, const EntroGrid *grid, const char *title,
                           const char *value_label, GError **error)
{
    EntroHeatChart *heat = entro_heat_chart_add(page, title, grid->n_rows, grid->n_columns,
                                                grid->value, grid->state, error);
    if (!heat)
        return NULL;
    heat->row_number = g_memdup2(grid->row_layer, grid->n_rows * sizeof *grid->row_layer);
    heat->chart.x.label = g_strdup("Head index");
    heat->chart.y.label = g_strdup("Layer index");
    heat->chart.colour.label = g_strdup(value_label);
    heat->chart.colour.shared = "value";
    heat->chart.colour.together = page->options->shared_scale;
    return heat;
}

void
entro_step_grid_free(EntroStepGrid *grid)
{
    if (!grid)
        return;
    g_free(grid->layer);
    g_free(grid->head);
    g_free(grid->step);
    g_free(grid->value);
    g_free(grid->state);
    g_free(grid);
}

/* Room for all heads' numbers, if the chart is as tall as it may be. */
static gboolean
can_name_rows(const EntroFigure *figure, gsize n_rows)
{
    const double line = 1.15 * entro_text_height(figure->text, entro_style_tick(figure).size);

    return n_rows * line <= figure->theme.plot_tall;
}

static gboolean
is_even(const gint64 *step, gsize n)
{
    for (gsize i = 2; i < n; i++)
        if (step[i] - step[i - 1] != step[1] - step[0])
            return FALSE;
    return TRUE;
}

EntroHeatChart *
entro_heat_chart_add_steps(EntroPage *page, const EntroStepGrid *grid, const char *title,
                           const char *value_label, GError **error)
{
    EntroHeatChart *heat = entro_heat_chart_add(page, title, grid->n_rows, grid->n_columns,
                                                grid->value, grid->state, error);
    if (!heat)
        return NULL;
    heat->steps = heat->stretched = TRUE;
    heat->name_rows = can_name_rows(page->figure, grid->n_rows);
    heat->row_number = g_memdup2(grid->head, grid->n_rows * sizeof *grid->head);
    heat->row_group = g_memdup2(grid->layer, grid->n_rows * sizeof *grid->layer);
    heat->column_number = g_memdup2(grid->step, grid->n_columns * sizeof *grid->step);
    heat->chart.x.label = g_strdup("Training step");
    heat->chart.y.label = g_strdup(heat->name_rows ? "Layer and head index" : "Layer index");
    heat->chart.colour.label = g_strdup(value_label);
    heat->chart.colour.shared = "value";
    heat->chart.colour.together = page->options->shared_scale;
    if (!is_even(grid->step, grid->n_columns))
        entro_chart_add_note(&heat->chart, "Columns are captures; their steps are not evenly "
                                           "spaced.");
    return heat;
}

/* Lines over the layers have a point for each. */
static gboolean
has_heads(const EntroChart *chart)
{
    const EntroHeatChart *heat = (const EntroHeatChart *)chart;

    return chart->kind == &kind ? heat->n_rows > 0 && heat->n_columns > 0
                                : !isnan(chart->x.range.low);
}

gboolean
entro_heads_check(const EntroPage *page, GError **error)
{
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = page->charts->pdata[i];
        if (chart->batch == page->batch && has_heads(chart))
            return TRUE;
    }
    if (page->options->n_heads > 0)
        return entro_plot_refuse(error, "there is none of the heads that were chosen with head");
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there are no heads to draw");
    return FALSE;
}
