/* page.c: a page of charts becomes a figure. */
#include "page-private.h"

static void
chart_free(gpointer chart)
{
    entro_chart_free(chart);
}

static void
legend_free(gpointer data)
{
    EntroLegend *legend = data;

    entro_legend_clear(legend);
    g_free(legend);
}

EntroPage *
entro_page_new(const EntroPlotOptions *options, GError **error)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(options, error);
    if (!figure)
        return NULL;

    EntroPage *page = g_new0(EntroPage, 1);
    page->options = options;
    page->figure = g_steal_pointer(&figure);
    page->charts = g_ptr_array_new_with_free_func(chart_free);
    page->legends = g_ptr_array_new_with_free_func(legend_free);
    page->notes = g_ptr_array_new_with_free_func(g_free);
    page->runs = g_ptr_array_new_with_free_func(g_free);
    entro_legend_init(&page->signs);
    return page;
}

void
entro_page_free(EntroPage *page)
{
    if (!page)
        return;
    entro_figure_free(page->figure);
    g_ptr_array_unref(page->charts);
    g_ptr_array_unref(page->legends);
    g_ptr_array_unref(page->notes);
    g_ptr_array_unref(page->runs);
    entro_legend_clear(&page->signs);
    g_free(page->title);
    g_free(page->batch_title);
    g_free(page->left);
    g_free(page->right);
    g_free(page->top);
    g_free(page->bottom);
    g_free(page->plot_height);
    g_free(page);
}

void
entro_page_add(EntroPage *page, gpointer chart)
{
    ((EntroChart *)chart)->batch = page->batch;
    g_ptr_array_add(page->charts, chart);
}

void
entro_page_set_title(EntroPage *page, const char *title)
{
    g_free(page->batch_title);
    page->batch_title = g_strdup(title);
    if (!page->title)
        page->title = g_strdup(title);
}

EntroPen
entro_page_pen(EntroPage *page, const char *name)
{
    guint position = page->runs->len;

    if (!g_ptr_array_find_with_equal_func(page->runs, name, g_str_equal, &position))
        g_ptr_array_add(page->runs, g_strdup(name));
    return entro_line_pen_of(page->figure->lines, position);
}

static void
clean(char **text)
{
    char *cleaned = *text ? entro_text_clean(*text) : NULL;

    g_free(*text);
    *text = cleaned;
}

/* Names from files are measured before they are drawn: no odd bytes may reach pango. */
static void
clean_texts(EntroChart *chart)
{
    clean(&chart->title);
    clean(&chart->annotation);
    clean(&chart->x.label);
    clean(&chart->y.label);
    clean(&chart->colour.label);
}

EntroFigure *
entro_page_finish(EntroPage *page, GError **error)
{
    if (page->charts->len == 0) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there is nothing to draw");
        return NULL;
    }
    for (guint i = 0; i < page->charts->len; i++)
        clean_texts(page->charts->pdata[i]);
    entro_page_place(page);
    entro_page_collect(page);
    if (!entro_page_fit(page, error))
        return NULL;
    for (guint i = 0; i < page->charts->len; i++) {
        EntroChart *chart = page->charts->pdata[i];
        const EntroBox plot = entro_page_plot(page, chart);
        entro_figure_add(page->figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT, plot);
        chart->kind->draw(chart, page->figure, plot);
    }
    entro_page_draw_parts(page);
    return g_steal_pointer(&page->figure);
}
