/* timeline-chart.c: rows with names, and in them stretches of training steps.
 *
 * A stretch that goes on where the record ends has a point at its end. */
#include "view-private.h"

static const double bar_part = 0.62; /* of the usual height of a row */
static const double tip_part = 0.5;  /* length of a point by the height of its bar */

typedef struct {
    guint row;
    double from, to;
    gboolean open;
    EntroColour colour;
} Stretch;

static void
clear(EntroChart *chart)
{
    EntroTimelineChart *timeline = (EntroTimelineChart *)chart;

    g_ptr_array_unref(timeline->names);
    g_array_unref(timeline->stretches);
    g_free(timeline->nothing);
}

static const char *const *
names_of(const EntroTimelineChart *timeline)
{
    return (const char *const *)timeline->names->pdata;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

static void
measure(EntroChart *chart, const EntroFigure *figure)
{
    const EntroTimelineChart *timeline = (EntroTimelineChart *)chart;
    const double room = entro_scale_half_label(&chart->x, figure);
    const guint n = timeline->names->len;

    chart->need.around.left = MAX(room, entro_axes_names_width(figure, names_of(timeline), n));
    chart->need.around.right = MAX(2 * figure->theme.gap, room);
    chart->need.around.bottom = entro_axes_tick_height(figure);
}

static double
height(const EntroChart *chart, const EntroFigure *figure, double plot_width G_GNUC_UNUSED)
{
    const EntroTimelineChart *timeline = (const EntroTimelineChart *)chart;

    return timeline->names->len * entro_axes_row_height(figure);
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static void
add_tip(EntroFigure *figure, EntroBox box, EntroBox plot, EntroColour colour)
{
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(double));
    const double middle = box.y + box.height / 2;
    const double low[] = {box.x, entro_box_bottom(box), entro_box_right(box), middle};
    const double high[] = {box.x, box.y, entro_box_right(box), middle};

    g_array_append_vals(lower, low, G_N_ELEMENTS(low));
    g_array_append_vals(upper, high, G_N_ELEMENTS(high));
    entro_figure_add_band(figure, plot, colour, lower, upper);
}

static void
draw_stretch(const EntroTimelineChart *timeline, EntroFigure *figure, const EntroAxis *x,
             EntroBox plot, const Stretch *stretch)
{
    const double pitch = plot.height / timeline->names->len;
    const double tall = bar_part * MIN(pitch, entro_axes_row_height(figure));
    const double least = 2 * figure->theme.dot; /* one capture is also to be seen */
    const double middle = plot.y + (stretch->row + 0.5) * pitch, right = entro_box_right(plot);
    double from = entro_axis_place(x, stretch->from), to = entro_axis_place(x, stretch->to);
    const double tip = stretch->open ? MIN(tip_part * tall, MAX(right - from, least)) : 0;

    if (to - from < least) {
        from = CLAMP(from - least / 2, plot.x, right - least);
        to = from + least;
    }
    if (to - tip > from)
        entro_figure_add_fill(figure, ENTRO_ROLE_INSIDE,
                              (EntroBox){from, middle - tall / 2, to - tip - from, tall},
                              stretch->colour);
    if (stretch->open)
        add_tip(figure,
                (EntroBox){MAX(to - tip, from), middle - tall / 2, MIN(tip, to - from), tall}, plot,
                stretch->colour);
}

static void
draw(EntroChart *chart, EntroFigure *figure, EntroBox plot)
{
    const EntroTimelineChart *timeline = (const EntroTimelineChart *)chart;
    const EntroAxis x = entro_chart_axis_across(chart, figure, plot);

    entro_axes_add_x(figure, &x, plot, TRUE);
    for (guint i = 0; i < timeline->stretches->len; i++)
        draw_stretch(timeline, figure, &x, plot, &g_array_index(timeline->stretches, Stretch, i));
    entro_axes_add_names(figure, plot, names_of(timeline), timeline->names->len);
    if (timeline->names->len == 0)
        entro_chart_draw_nothing(figure, plot, timeline->nothing);
}

static const EntroChartKind kind = {
    .name = "timeline",
    .clear = clear,
    .measure = measure,
    .height = height,
    .draw = draw,
};

/* ---- from stretches ----------------------------------------------------------------------------- */

EntroTimelineChart *
entro_timeline_chart_add(EntroPage *page, const char *title, const char *nothing)
{
    EntroTimelineChart *timeline = entro_chart_new(&kind, sizeof *timeline, title);
    EntroChart *chart = &timeline->chart;

    timeline->names = g_ptr_array_new_with_free_func(g_free);
    timeline->stretches = g_array_new(FALSE, FALSE, sizeof(Stretch));
    timeline->nothing = g_strdup(nothing);
    entro_chart_set_across(chart, "Training step", ENTRO_AXIS_STEP, "step");
    entro_page_add(page, timeline);
    return timeline;
}

void
entro_timeline_chart_add_row(EntroTimelineChart *timeline, const char *name)
{
    g_ptr_array_add(timeline->names, g_strdup(name));
}

void
entro_timeline_chart_add_stretch(EntroTimelineChart *timeline, guint row, EntroRange steps,
                                 gboolean open, EntroColour colour)
{
    const Stretch stretch = {row, steps.low, steps.high, open, colour};

    g_array_append_val(timeline->stretches, stretch);
    entro_scale_add(&timeline->chart.x, steps.low);
    entro_scale_add(&timeline->chart.x, steps.high);
}
