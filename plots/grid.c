/* grid.c: heat maps of layers and heads, one a panel.
 *
 * Layer 0 is on top, as in the paper's Fig. 3.  A cell has a value, or no valid row (hatched), or
 * does not exist (blank). */
#include "view-private.h"

typedef struct {
    const EntroGridSpec *spec;
    const EntroPlotOptions *options;
    EntroFigure *figure;
    EntroPanels panels;
    EntroFooter footer;
    EntroRange *range; /* [n_grids] of the values; NaN: none */
    EntroRange pooled;
    double cell_width;       /* what the largest number needs at the smallest font; 0: no numbers */
    double value_size;       /* font size of the numbers, 0: none */
    double bar_width;        /* widest colour bar with its ticks; 0: no bar at all */
    gsize n_rows, n_columns; /* of the largest grid */
    gboolean any_undefined, any_absent;
} Maps;

static void
maps_clear(Maps *maps)
{
    g_free(maps->range);
    entro_footer_clear(&maps->footer);
    entro_figure_free(maps->figure);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Maps, maps_clear)

/* ---- what there is -------------------------------------------------------------------------- */

static void
survey_grid(Maps *maps, guint panel)
{
    const EntroGrid *grid = maps->spec->grids[panel];
    EntroRange *range = &maps->range[panel];

    *range = (EntroRange){NAN, NAN};
    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++) {
        maps->any_undefined |= grid->state[cell] == ENTRO_CELL_UNDEFINED;
        maps->any_absent |= grid->state[cell] == ENTRO_CELL_ABSENT;
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            entro_range_add(&range->low, &range->high, grid->value[cell]);
    }
    entro_range_add(&maps->pooled.low, &maps->pooled.high, range->low);
    entro_range_add(&maps->pooled.low, &maps->pooled.high, range->high);
    maps->n_rows = MAX(maps->n_rows, grid->n_rows);
    maps->n_columns = MAX(maps->n_columns, grid->n_columns);
}

static gboolean
survey(Maps *maps, GError **error)
{
    maps->range = g_new(EntroRange, maps->spec->n_grids);
    maps->pooled = (EntroRange){NAN, NAN};
    for (guint panel = 0; panel < maps->spec->n_grids; panel++)
        survey_grid(maps, panel);
    if (maps->n_rows == 0 || maps->n_columns == 0) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there are no heads to draw");
        return FALSE;
    }
    const gsize most = maps->figure->theme.cells_side;
    if (maps->n_rows <= most && maps->n_columns <= most)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                "%" G_GSIZE_FORMAT " layers of %" G_GSIZE_FORMAT
                " heads: a heat map has at most %" G_GSIZE_FORMAT " a side",
                maps->n_rows, maps->n_columns, most);
    return FALSE;
}

static EntroAxis
bar_axis(const Maps *maps, guint panel)
{
    const EntroRange range = maps->options->shared_scale ? maps->pooled : maps->range[panel];

    return entro_axis_new(ENTRO_AXIS_NUMBER, range.low, range.high);
}

/* The widest bar: with the finest ticks that a bar of any height could get. */
static double
widest_bar(const Maps *maps)
{
    double widest = 0;

    for (guint panel = 0; panel < maps->spec->n_grids; panel++) {
        EntroAxis axis = bar_axis(maps, panel);
        for (double height = maps->figure->theme.plot_min;
             height <= maps->figure->theme.plot_max && !isnan(maps->pooled.low); height *= 1.5) {
            axis.to = height;
            entro_axis_fit_upright(&axis, maps->figure);
            widest = MAX(widest, entro_axes_colour_bar_width(maps->figure, &axis));
        }
    }
    return widest;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static double
layer_labels_width(const Maps *maps)
{
    const EntroTextStyle style = entro_style_tick(maps->figure);
    double widest = 0;

    for (guint panel = 0; panel < maps->spec->n_grids; panel++)
        for (gsize row = 0; row < maps->spec->grids[panel]->n_rows; row++) {
            g_autofree char *label =
                g_strdup_printf("%" G_GINT64_FORMAT, maps->spec->grids[panel]->row_layer[row]);
            double width = 0, height = 0;
            entro_text_measure(maps->figure->text, label, &style, &width, &height);
            widest = MAX(widest, width);
        }
    return widest;
}

static void
set_margins(Maps *maps)
{
    const EntroFigure *figure = maps->figure;
    const double gap = figure->theme.gap, label = entro_panels_label_size(figure);
    EntroPanels *panels = &maps->panels;

    maps->bar_width = widest_bar(maps);
    panels->n = maps->spec->n_grids;
    panels->left = entro_axes_tick_width(figure, layer_labels_width(maps));
    panels->right = 2 * gap;
    panels->top = entro_panels_title_height(figure);
    panels->bottom = entro_axes_tick_height(figure) + (panels->n > 3 ? gap : 0);
    panels->outer_left = panels->outer_bottom = label;
    if (maps->bar_width > 0 && !maps->options->shared_scale)
        panels->right += 2 * gap + maps->bar_width;
    if (maps->bar_width > 0)
        panels->side = label + (maps->options->shared_scale ? maps->bar_width : 0);
}

static void
set_columns(EntroPanels *panels, guint n_columns)
{
    panels->n_rows = (panels->n + n_columns - 1) / n_columns;
    panels->n_columns = (panels->n + panels->n_rows - 1) / panels->n_rows;
}

/* Side of a cell when so many panels share a row of the usual width, or of the one asked for. */
static double
cell_side(Maps *maps, guint n_columns)
{
    const EntroTheme *theme = &maps->figure->theme;
    const double usual = n_columns == 1 ? theme->width : theme->width_wide;
    const gboolean fixed = !isnan(maps->options->width);
    const double width = fixed ? maps->options->width * ENTRO_INCH : usual;

    set_columns(&maps->panels, n_columns);
    const double room =
        (width - entro_panels_around_width(&maps->panels, maps->figure)) / n_columns;
    const double side = room / maps->n_columns;
    return fixed ? side : MIN(side, theme->cell);
}

/* Puts fewer panels in a row until the numbers have room; the last resort is a wider figure. */
static void
choose_columns(Maps *maps)
{
    const EntroTheme *theme = &maps->figure->theme;
    guint n_columns = entro_panel_columns(maps->panels.n);
    double side = cell_side(maps, n_columns);

    while (n_columns > 1 && side < maps->cell_width)
        side = cell_side(maps, --n_columns);
    if (side < maps->cell_width && maps->cell_width * maps->n_columns < theme->width_max)
        side = maps->cell_width;
    maps->panels.plot_width = MAX(side * maps->n_columns, theme->plot_min);
}

static void
choose_height(Maps *maps)
{
    const EntroTheme *theme = &maps->figure->theme;
    EntroPanels *panels = &maps->panels;
    const double side = MIN(panels->plot_width / maps->n_columns, theme->cell_max);
    const double labels = MAX(entro_panels_label_length(maps->figure, "Layer index"),
                              entro_panels_label_length(maps->figure, maps->spec->value_label));
    const double between = (panels->n_rows - 1) * (panels->top + panels->bottom);
    const double least = MAX(theme->plot_min, (labels - between) / panels->n_rows);

    panels->plot_height = CLAMP(side * maps->n_rows, least, MAX(least, theme->plot_tall));
}

static void
choose_value_size(Maps *maps)
{
    const EntroTheme *theme = &maps->figure->theme;
    double width = 0, height = 0;

    if (maps->cell_width == 0)
        return;
    entro_cell_measure(maps->figure, maps->pooled.low, maps->pooled.high, &width, &height);
    const double size = MIN(maps->panels.plot_width / maps->n_columns * theme->value_fill / width,
                            maps->panels.plot_height / maps->n_rows * theme->value_fill / height);
    if (size >= theme->value_min * (1 - 1e-9))
        maps->value_size = MIN(size, theme->value_max);
    else
        entro_figure_add_note(maps->figure, "the cells are too small for their values: left out");
}

static void
set_value_width(Maps *maps)
{
    const EntroTheme *theme = &maps->figure->theme;
    double width = 0, height = 0;

    if (!maps->options->values || isnan(maps->pooled.low))
        return;
    entro_cell_measure(maps->figure, maps->pooled.low, maps->pooled.high, &width, &height);
    maps->cell_width = width * theme->value_min / theme->value_fill;
}

static void
fill_footer(Maps *maps)
{
    if (maps->any_undefined)
        entro_legend_add(&maps->footer.legend, ENTRO_SWATCH_HATCH,
                         (EntroPen){.colour = maps->figure->theme.missing}, "no valid row (NaN)");
    if (maps->any_absent)
        entro_footer_add_note(&maps->footer,
                              "Blank: the layer has no such head, or could not be read.");
}

static gboolean
lay_out(Maps *maps, GError **error)
{
    set_margins(maps);
    set_value_width(maps);
    choose_columns(maps);
    fill_footer(maps);
    if (!entro_panels_fit_width(&maps->panels, maps->figure, maps->options->width, error))
        return FALSE;
    entro_panels_add_header(&maps->panels, maps->figure, maps->spec->title);
    entro_footer_fit(&maps->footer, &maps->panels, maps->figure);
    choose_height(maps);
    if (!entro_panels_fit_height(&maps->panels, maps->figure, maps->options->height, error))
        return FALSE;
    choose_value_size(maps);
    return TRUE;
}

/* ---- drawing -------------------------------------------------------------------------------- */

static EntroMark *
add_cells(Maps *maps, guint panel, EntroBox plot)
{
    const EntroGrid *grid = maps->spec->grids[panel];
    const EntroAxis axis = bar_axis(maps, panel);
    const gsize n = grid->n_rows * grid->n_columns;
    EntroMark *cells = entro_figure_add(maps->figure, ENTRO_MARK_CELLS, ENTRO_ROLE_INSIDE, plot);

    cells->n_rows = grid->n_rows;
    cells->n_columns = grid->n_columns;
    cells->cells = g_new0(EntroColour, n);
    for (gsize cell = 0; cell < n; cell++)
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            cells->cells[cell] =
                entro_palette_at(maps->figure->palette,
                                 (grid->value[cell] - axis.low) / (axis.high - axis.low));
        else if (grid->state[cell] == ENTRO_CELL_UNDEFINED)
            cells->cells[cell] = maps->figure->theme.missing;
    return cells;
}

static void
add_hatch(Maps *maps, const EntroGrid *grid, EntroBox plot)
{
    const gsize n = grid->n_rows * grid->n_columns;
    gboolean any = FALSE;

    for (gsize cell = 0; cell < n; cell++)
        any |= grid->state[cell] == ENTRO_CELL_UNDEFINED;
    if (!any)
        return;
    EntroMark *hatch = entro_figure_add(maps->figure, ENTRO_MARK_HATCH, ENTRO_ROLE_INSIDE, plot);
    hatch->pen.colour = maps->figure->theme.faint;
    hatch->n_rows = grid->n_rows;
    hatch->n_columns = grid->n_columns;
    hatch->hatched = g_new0(guint8, n);
    for (gsize cell = 0; cell < n; cell++)
        hatch->hatched[cell] = grid->state[cell] == ENTRO_CELL_UNDEFINED;
}

static void
add_bar(Maps *maps, guint panel, EntroBox beside)
{
    const EntroTheme *theme = &maps->figure->theme;
    EntroAxis axis = bar_axis(maps, panel);
    const EntroBox bar = {entro_box_right(beside) + 2 * theme->gap, beside.y, theme->colour_bar,
                          beside.height};

    axis.from = entro_box_bottom(bar);
    axis.to = bar.y;
    entro_axis_fit_upright(&axis, maps->figure);
    entro_axes_add_colour_bar(maps->figure, &axis, bar, maps->figure->palette, 1);
}

static void
add_bar_label(Maps *maps)
{
    const EntroBox all = entro_panels_all(&maps->panels, maps->figure);
    EntroTextStyle style = entro_style_label(maps->figure);

    style.turned = TRUE;
    style.max_width = all.height;
    entro_figure_add_text(maps->figure, ENTRO_ROLE_AXIS_LABEL,
                          maps->figure->width - maps->figure->theme.pad - maps->panels.indent,
                          all.y + all.height / 2, 1, 0.5, maps->spec->value_label, &style);
}

static void
draw_panel(Maps *maps, guint panel)
{
    const EntroGrid *grid = maps->spec->grids[panel];
    const EntroBox plot = entro_panels_plot(&maps->panels, maps->figure, panel);

    entro_panels_add_title(&maps->panels, maps->figure, panel, grid->run);
    entro_figure_add(maps->figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT, plot);
    if (grid->n_rows == 0 || grid->n_columns == 0)
        return;
    const EntroMark *cells = add_cells(maps, panel, plot);
    add_hatch(maps, grid, plot);
    if (maps->value_size > 0)
        entro_cell_add_texts(maps->figure, grid, cells,
                             entro_cell_decimals(maps->pooled.low, maps->pooled.high),
                             maps->value_size);
    entro_axes_add_index(maps->figure, plot, NULL, grid->n_columns, FALSE);
    entro_axes_add_index(maps->figure, plot, grid->row_layer, grid->n_rows, TRUE);
    if (!maps->options->shared_scale && !isnan(maps->range[panel].low))
        add_bar(maps, panel, plot);
}

EntroFigure *
entro_grid_figure(const EntroGridSpec *spec, const EntroPlotOptions *options, GError **error)
{
    g_auto(Maps) maps = {.spec = spec, .options = options};

    entro_footer_init(&maps.footer);
    maps.figure = entro_figure_new(options, error);
    if (!maps.figure || !survey(&maps, error) || !lay_out(&maps, error))
        return NULL;
    for (guint panel = 0; panel < spec->n_grids; panel++)
        draw_panel(&maps, panel);
    if (options->shared_scale && maps.bar_width > 0)
        add_bar(&maps, 0, entro_panels_all(&maps.panels, maps.figure));
    if (maps.bar_width > 0)
        add_bar_label(&maps);
    entro_panels_add_labels(&maps.panels, maps.figure, "Head index", "Layer index");
    entro_footer_draw(&maps.footer, &maps.panels, maps.figure);
    return g_steal_pointer(&maps.figure);
}
