/* page-geometry.c: where the plots of a page are, once it is laid out. */
#include "page-private.h"

double
entro_page_label_size(const EntroFigure *figure)
{
    return entro_text_height(figure->text, entro_style_label(figure).size) + figure->theme.gap;
}

double
entro_page_label_length(const EntroFigure *figure, const char *label)
{
    const EntroTextStyle style = entro_style_label(figure);
    double width = 0, height = 0;

    entro_text_measure(figure->text, label, &style, &width, &height);
    return width;
}

double
entro_page_add_up(const double *number, guint n)
{
    double sum = 0;

    for (guint i = 0; i < n; i++)
        sum += number[i];
    return sum;
}

double
entro_page_plots_height(const EntroPage *page)
{
    return entro_page_add_up(page->plot_height, page->n_rows) +
           entro_page_add_up(page->top, page->n_rows) +
           entro_page_add_up(page->bottom, page->n_rows) - page->top[0] -
           page->bottom[page->n_rows - 1];
}

static double
plot_left(const EntroPage *page, guint column)
{
    double x = page->figure->theme.pad + page->indent + page->outer_left;

    for (guint before = 0; before < column; before++)
        x += page->left[before] + page->plot_width + page->right[before];
    return x + page->left[column];
}

double
entro_page_chart_width(const EntroPage *page, const EntroChart *chart)
{
    const guint last = chart->column + chart->span - 1;

    return plot_left(page, last) + page->plot_width - plot_left(page, chart->column);
}

EntroBox
entro_page_plot(const EntroPage *page, const EntroChart *chart)
{
    double y = page->figure->theme.pad + page->header;

    for (guint row = 0; row < chart->row; row++)
        y += page->top[row] + page->plot_height[row] + page->bottom[row];
    return (EntroBox){plot_left(page, chart->column), y + page->top[chart->row],
                      entro_page_chart_width(page, chart), page->plot_height[chart->row]};
}

EntroBox
entro_page_plots(const EntroPage *page)
{
    const double x = plot_left(page, 0), y = page->figure->theme.pad + page->header + page->top[0];

    return (EntroBox){x, y, plot_left(page, page->n_columns - 1) + page->plot_width - x,
                      entro_page_plots_height(page)};
}
