/* heat-text.c: the number in each cell of a heat map. */
#include "view-private.h"

/* Three significant digits for the largest value, two decimals at most: 3.88, 12.3, 128. */
int
entro_cell_decimals(double low, double high)
{
    const double size = MAX(fabs(low), fabs(high));

    return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}

char *
entro_cell_text(double value, int decimals)
{
    const double shown = fabs(value) * pow(10, decimals) < 0.5 ? 0.0 : value; /* no "-0.00" */

    return fabs(value) >= 1e5 ? g_strdup_printf("%.1e", value) /* all of one width */
                              : g_strdup_printf("%.*f", decimals, shown);
}

void
entro_cell_measure(const EntroFigure *figure, double low, double high, int decimals,
                   double *ret_width, double *ret_height)
{
    const double ends[] = {low, high};
    const EntroTextStyle style = {.size = 10};

    *ret_width = *ret_height = 0;
    for (guint end = 0; end < G_N_ELEMENTS(ends); end++) {
        g_autofree char *label = entro_cell_text(ends[end], decimals);
        double width = 0, height = 0;
        for (char *c = label; *c; c++)
            *c = g_ascii_isdigit(*c) ? '8' : *c; /* in most fonts no digit is wider */
        entro_text_measure(figure->text, label, &style, &width, &height);
        *ret_width = MAX(*ret_width, width / style.size);
        *ret_height = MAX(*ret_height, height / style.size);
    }
}

void
entro_cell_add_texts(EntroFigure *figure, const EntroHeatChart *heat, const EntroMark *cells,
                     int decimals, double size)
{
    const EntroBox plot = cells->box;
    const double width = plot.width / cells->n_columns, height = plot.height / cells->n_rows;

    for (gsize row = 0; row < heat->n_rows; row++)
        for (gsize head = 0; head < heat->n_columns; head++) {
            const gsize cell = row * heat->n_columns + head;
            if (heat->state[cell] != ENTRO_CELL_VALUE)
                continue;
            g_autofree char *label = entro_cell_text(heat->value[cell], decimals);
            const EntroTextStyle style = {.size = size,
                                          .colour = entro_colour_text_on(
                                              cells->cells[row * cells->n_columns + head])};
            entro_figure_add_text(figure, ENTRO_ROLE_VALUE, plot.x + (head + 0.5) * width,
                                  plot.y + (row + 0.5) * height, 0.5, 0.5, label, &style);
        }
}
