/* chart.c: what all charts have. */
#include "page-private.h"

static void
scale_init(EntroScale *scale)
{
    *scale = (EntroScale){.kind = ENTRO_AXIS_NUMBER, .range = {NAN, NAN}};
}

gpointer
entro_chart_new(const EntroChartKind *kind, gsize size, const char *title)
{
    EntroChart *chart = g_malloc0(size);

    chart->kind = kind;
    chart->title = g_strdup(title);
    chart->span = 1;
    chart->palette_end = 1;
    scale_init(&chart->x);
    scale_init(&chart->y);
    scale_init(&chart->colour);
    entro_legend_init(&chart->legend);
    entro_legend_init(&chart->signs);
    chart->notes = g_ptr_array_new_with_free_func(g_free);
    return chart;
}

void
entro_chart_free(EntroChart *chart)
{
    if (!chart)
        return;
    if (chart->kind->clear)
        chart->kind->clear(chart);
    g_free(chart->title);
    g_free(chart->annotation);
    g_free(chart->x.label);
    g_free(chart->y.label);
    g_free(chart->colour.label);
    entro_legend_clear(&chart->legend);
    entro_legend_clear(&chart->signs);
    g_ptr_array_unref(chart->notes);
    g_free(chart);
}

void
entro_chart_add_note(EntroChart *chart, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *raw = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(chart->notes, entro_text_clean(raw));
}

void
entro_chart_draw_nothing(EntroFigure *figure, EntroBox plot, const char *words)
{
    EntroTextStyle style = entro_style_note(figure);

    style.max_width = plot.width;
    entro_figure_add_text(figure, ENTRO_ROLE_VALUE, plot.x + plot.width / 2,
                          plot.y + plot.height / 2, 0.5, 0.5, words, &style);
}

void
entro_chart_set_across(EntroChart *chart, const char *label, EntroAxisKind kind, const char *shared)
{
    g_free(chart->x.label);
    chart->x.label = g_strdup(label);
    chart->x.kind = kind;
    chart->x.shared = shared;
    chart->x.together = TRUE;
}

EntroAxis
entro_chart_axis_across(const EntroChart *chart, const EntroFigure *figure, EntroBox plot)
{
    EntroAxis x = entro_scale_axis(&chart->x);

    x.from = plot.x;
    x.to = entro_box_right(plot);
    entro_axis_fit_across(&x, figure, MIN(chart->need.around.left, chart->need.around.right));
    return x;
}
