/* panels.c: the raster of panels, the title above it and the footer below.
 *
 * From left to right: pad, y label, then for each column its tick labels, plot and what is on its
 * right, then what is beside all panels, pad.  From top to bottom in the same way. */
#include "layout-private.h"

static const double smallest_plot = 24; /* points; what is asked to be smaller is refused */

static gboolean
too_small(const char *what, double inches, double needed, GError **error)
{
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "%s of %g in leaves no room for the plots: this figure needs at least %.1f in",
                what, inches, ceil(needed / ENTRO_INCH * 10) / 10);
    return FALSE;
}

/* Everything but the plots. */
double
entro_panels_around_width(const EntroPanels *panels, const EntroFigure *figure)
{
    return 2 * (figure->theme.pad + panels->indent) + panels->outer_left + panels->side +
           panels->n_columns * (panels->left + panels->right);
}

static double
around_height(const EntroPanels *panels, const EntroFigure *figure)
{
    return 2 * figure->theme.pad + panels->header + panels->outer_bottom + panels->footer +
           panels->n_rows * (panels->top + panels->bottom);
}

gboolean
entro_panels_fit_width(EntroPanels *panels, EntroFigure *figure, double inches, GError **error)
{
    double around = entro_panels_around_width(panels, figure);

    if (isnan(inches)) {
        const double width = around + panels->n_columns * panels->plot_width;
        panels->indent = MAX(0, (figure->theme.width_min - width) / 2);
        around += 2 * panels->indent;
    } else
        panels->plot_width = (inches * ENTRO_INCH - around) / panels->n_columns;
    if (panels->plot_width < smallest_plot)
        return too_small("a width", inches, around + panels->n_columns * smallest_plot, error);
    figure->width = around + panels->n_columns * panels->plot_width;
    return TRUE;
}

gboolean
entro_panels_fit_height(EntroPanels *panels, EntroFigure *figure, double inches, GError **error)
{
    const double around = around_height(panels, figure);

    if (!isnan(inches))
        panels->plot_height = (inches * ENTRO_INCH - around) / panels->n_rows;
    if (panels->plot_height < smallest_plot)
        return too_small("a height", inches, around + panels->n_rows * smallest_plot, error);
    figure->height = around + panels->n_rows * panels->plot_height;
    return TRUE;
}

EntroBox
entro_panels_plot(const EntroPanels *panels, const EntroFigure *figure, guint panel)
{
    const guint row = panel / panels->n_columns, column = panel % panels->n_columns;
    const double pitch_x = panels->left + panels->plot_width + panels->right;
    const double pitch_y = panels->top + panels->plot_height + panels->bottom;

    return (EntroBox){
        figure->theme.pad + panels->indent + panels->outer_left + column * pitch_x + panels->left,
        figure->theme.pad + panels->header + row * pitch_y + panels->top,
        panels->plot_width,
        panels->plot_height,
    };
}

EntroBox
entro_panels_all(const EntroPanels *panels, const EntroFigure *figure)
{
    const EntroBox first = entro_panels_plot(panels, figure, 0);
    const EntroBox last = entro_panels_plot(panels, figure, panels->n_rows * panels->n_columns - 1);

    return (EntroBox){first.x, first.y, entro_box_right(last) - first.x,
                      entro_box_bottom(last) - first.y};
}

/* A gap, the title, and the half line by which a tick label may reach above the plot. */
double
entro_panels_title_height(const EntroFigure *figure)
{
    return figure->theme.gap + entro_text_height(figure->text, entro_style_label(figure).size) +
           entro_text_height(figure->text, entro_style_tick(figure).size) / 2;
}

void
entro_panels_add_title(const EntroPanels *panels, EntroFigure *figure, guint panel,
                       const char *title)
{
    const EntroBox plot = entro_panels_plot(panels, figure, panel);
    EntroTextStyle style = entro_style_label(figure);

    /* A little beyond the plot on both sides, but not to what stands beside it. */
    style.max_width = plot.width + MIN(3 * figure->theme.gap, MIN(panels->left, panels->right));
    entro_figure_add_text(figure, ENTRO_ROLE_PANEL_TITLE, plot.x + plot.width / 2,
                          plot.y - panels->top + figure->theme.gap, 0.5, 0, title, &style);
}

double
entro_panels_label_size(const EntroFigure *figure)
{
    return entro_text_height(figure->text, entro_style_label(figure).size) + figure->theme.gap;
}

double
entro_panels_label_length(const EntroFigure *figure, const char *label)
{
    const EntroTextStyle style = entro_style_label(figure);
    double width = 0, height = 0;

    entro_text_measure(figure->text, label, &style, &width, &height);
    return width;
}

void
entro_panels_add_labels(const EntroPanels *panels, EntroFigure *figure, const char *x_label,
                        const char *y_label)
{
    const EntroBox all = entro_panels_all(panels, figure);
    EntroTextStyle style = entro_style_label(figure);

    style.max_width = all.width;
    entro_figure_add_text(figure, ENTRO_ROLE_AXIS_LABEL, all.x + all.width / 2,
                          entro_box_bottom(all) + panels->bottom + panels->outer_bottom, 0.5, 1,
                          x_label, &style);
    if (!y_label)
        return;
    style.turned = TRUE;
    style.max_width = all.height;
    entro_figure_add_text(figure, ENTRO_ROLE_AXIS_LABEL, figure->theme.pad + panels->indent,
                          all.y + all.height / 2, 0, 0.5, y_label, &style);
}

void
entro_panels_add_header(EntroPanels *panels, EntroFigure *figure, const char *title)
{
    EntroTextStyle style = entro_style_title(figure);
    if (!title || !*title)
        return;

    style.max_width = figure->width - 2 * figure->theme.pad;
    style.max_lines = 3;
    style.centred = TRUE;
    const EntroBox box = entro_figure_add_text(figure, ENTRO_ROLE_TITLE, figure->width / 2,
                                               figure->theme.pad, 0.5, 0, title, &style);
    panels->header = box.height + figure->theme.gap;
    figure->title = entro_text_clean(title);
}

/* ---- footer --------------------------------------------------------------------------------- */

void
entro_footer_init(EntroFooter *footer)
{
    entro_legend_init(&footer->legend);
    entro_legend_init(&footer->signs);
    footer->notes = g_ptr_array_new_with_free_func(g_free);
}

void
entro_footer_clear(EntroFooter *footer)
{
    entro_legend_clear(&footer->legend);
    entro_legend_clear(&footer->signs);
    g_clear_pointer(&footer->notes, g_ptr_array_unref);
}

void
entro_footer_add_note(EntroFooter *footer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *raw = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(footer->notes, entro_text_clean(raw));
}

static EntroTextStyle
note_style(const EntroFigure *figure)
{
    EntroTextStyle style = entro_style_note(figure);

    style.max_width = figure->width - 2 * figure->theme.pad;
    style.max_lines = 6;
    return style;
}

static double
fit_legend(EntroLegend *legend, const EntroFigure *figure)
{
    entro_legend_fit_width(legend, figure, figure->width - 2 * figure->theme.pad);
    return legend->height > 0 ? figure->theme.gap + legend->height : 0;
}

void
entro_footer_fit(EntroFooter *footer, EntroPanels *panels, const EntroFigure *figure)
{
    const EntroTextStyle style = note_style(figure);

    panels->footer = fit_legend(&footer->legend, figure) + fit_legend(&footer->signs, figure);
    for (guint i = 0; i < footer->notes->len; i++) {
        double width = 0, height = 0;
        entro_text_measure(figure->text, footer->notes->pdata[i], &style, &width, &height);
        panels->footer += figure->theme.gap + height;
    }
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

void
entro_footer_draw(const EntroFooter *footer, const EntroPanels *panels, EntroFigure *figure)
{
    const EntroTextStyle style = note_style(figure);
    const EntroBox all = entro_panels_all(panels, figure);
    double y = figure->height - figure->theme.pad - panels->footer;

    y = draw_legend(&footer->legend, figure, all.x + all.width / 2, y);
    y = draw_legend(&footer->signs, figure, all.x + all.width / 2, y);
    for (guint i = 0; i < footer->notes->len; i++)
        y = entro_box_bottom(entro_figure_add_text(figure, ENTRO_ROLE_NOTE, figure->theme.pad,
                                                   y + figure->theme.gap, 0, 0,
                                                   footer->notes->pdata[i], &style));
}
