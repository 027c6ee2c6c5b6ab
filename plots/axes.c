/* axes.c: axes and colour bars drawn: rules, ticks, labels, faint grid lines. */
#include <string.h>

#include "layout-private.h"

static const double tick_gap = 0.25; /* of the font size, between a tick and its label */
static const double row_pitch = 1.7; /* of the height of a line, for a row that has a name */

static double
label_offset(const EntroFigure *figure)
{
    return figure->theme.tick + tick_gap * entro_style_tick(figure).size;
}

double
entro_axes_tick_height(const EntroFigure *figure)
{
    return label_offset(figure) + entro_text_height(figure->text, entro_style_tick(figure).size);
}

double
entro_axes_tick_width(const EntroFigure *figure, double label_width)
{
    return label_offset(figure) + label_width;
}

static void
add_grid_line(EntroFigure *figure, double x1, double y1, double x2, double y2)
{
    entro_figure_add_rule(figure, x1, y1, x2, y2, (EntroPen){.colour = figure->theme.grid},
                          figure->theme.frame_line);
}

static void
add_x_tick(EntroFigure *figure, EntroBox plot, double x, const char *label)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const double bottom = entro_box_bottom(plot);

    entro_figure_add_rule(figure, x, bottom, x, bottom + figure->theme.tick,
                          (EntroPen){.colour = figure->theme.ink}, figure->theme.frame_line);
    entro_figure_add_text(figure, ENTRO_ROLE_TICK_LABEL, x, bottom + label_offset(figure), 0.5, 0,
                          label, &style);
}

static void
add_y_tick(EntroFigure *figure, EntroBox plot, double y, const char *label)
{
    const EntroTextStyle style = entro_style_tick(figure);

    entro_figure_add_rule(figure, plot.x - figure->theme.tick, y, plot.x, y,
                          (EntroPen){.colour = figure->theme.ink}, figure->theme.frame_line);
    entro_figure_add_text(figure, ENTRO_ROLE_TICK_LABEL, plot.x - label_offset(figure), y, 1, 0.5,
                          label, &style);
}

void
entro_axes_add_x(EntroFigure *figure, const EntroAxis *axis, EntroBox plot, gboolean grid)
{
    const double bottom = entro_box_bottom(plot);

    for (guint i = 0; i < axis->n_ticks; i++) {
        const double x = entro_axis_place(axis, axis->tick[i]);
        if (grid)
            add_grid_line(figure, x, plot.y, x, bottom);
        add_x_tick(figure, plot, x, axis->label[i]);
    }
    entro_figure_add_rule(figure, plot.x, bottom, entro_box_right(plot), bottom,
                          (EntroPen){.colour = figure->theme.ink}, figure->theme.frame_line);
}

void
entro_axes_add_y(EntroFigure *figure, const EntroAxis *axis, EntroBox plot, gboolean grid)
{
    for (guint i = 0; i < axis->n_ticks; i++) {
        const double y = entro_axis_place(axis, axis->tick[i]);
        if (grid)
            add_grid_line(figure, plot.x, y, entro_box_right(plot), y);
        add_y_tick(figure, plot, y, axis->label[i]);
    }
    entro_figure_add_rule(figure, plot.x, plot.y, plot.x, entro_box_bottom(plot),
                          (EntroPen){.colour = figure->theme.ink}, figure->theme.frame_line);
}

/* Ticks in the middle of the cells; labels every so many that they keep apart. */
void
entro_axes_add_index(EntroFigure *figure, EntroBox plot, const gint64 *number, gsize n,
                     gboolean upright)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const double length = upright ? plot.height : plot.width, cell = length / n;
    g_autofree char *last =
        g_strdup_printf("%" G_GINT64_FORMAT, number ? number[n - 1] : (gint64)n - 1);
    double width = 0, height = 0;
    entro_text_measure(figure->text, last, &style, &width, &height);
    const guint stride =
        entro_axis_stride(cell, upright ? height : width, style.size * (upright ? 0.1 : 0.5));

    for (gsize i = 0; i < n; i += stride) {
        g_autofree char *label =
            g_strdup_printf("%" G_GINT64_FORMAT, number ? number[i] : (gint64)i);
        if (upright)
            add_y_tick(figure, plot, plot.y + (i + 0.5) * cell, label);
        else
            add_x_tick(figure, plot, plot.x + (i + 0.5) * cell, label);
    }
}

/* ---- columns that are training steps ----------------------------------------------------------- */

/* Exact: "2.5K" where two decimals suffice, else all digits.  `last`: the largest step. */
static char *
step_text(gint64 step, gint64 last)
{
    static const struct {
        gint64 unit, least;
        const char *suffix;
    } units[] = {{1000000000, 2, "B"}, {1000000, 2, "M"}, {1000, 10, "K"}};

    for (guint u = 0; u < G_N_ELEMENTS(units); u++)
        if (step != 0 && last >= units[u].unit * units[u].least &&
            step % (units[u].unit / 100) == 0) {
            const gint64 part = ABS(step) / (units[u].unit / 100) % 100;
            return g_strdup_printf("%.*f%s",
                                   part % 10 ? 2
                                   : part    ? 1
                                             : 0,
                                   (double)step / (double)units[u].unit, units[u].suffix);
        }
    return g_strdup_printf("%" G_GINT64_FORMAT, step);
}

double
entro_axes_steps_width(const EntroFigure *figure, const gint64 *step, gsize n)
{
    const EntroTextStyle style = entro_style_tick(figure);
    gsize longest = 0, length = 0;
    double width = 0, height = 0;

    for (gsize i = 0; i < n; i++) {
        g_autofree char *label = step_text(step[i], step[n - 1]);
        if (strlen(label) > length) {
            length = strlen(label);
            longest = i;
        }
    }
    if (n == 0)
        return 0;
    g_autofree char *label = step_text(step[longest], step[n - 1]);
    entro_text_measure(figure->text, label, &style, &width, &height);
    return width;
}

/* Columns whose step is a multiple of `unit`; 0 if two of them are less than `apart` columns apart. */
static gsize
count_round(const gint64 *step, gsize n, gint64 unit, gsize apart)
{
    gsize found = 0, before = 0;

    for (gsize i = 0; i < n; i++) {
        if (step[i] % unit != 0)
            continue;
        if (found > 0 && i - before < apart)
            return 0;
        before = i;
        found++;
    }
    return found;
}

/* 1, 2, 5, 10, 20, ...: the first at which labels keep apart.  0: too few columns are multiples. */
static gint64
round_unit(const gint64 *step, gsize n, gsize apart)
{
    static const gint64 times[] = {1, 2, 5};
    const gint64 last = MAX(ABS(step[0]), ABS(step[n - 1]));

    for (gint64 power = 1; power <= last; power *= 10)
        for (guint k = 0; k < G_N_ELEMENTS(times); k++) {
            const gsize found = count_round(step, n, power * times[k], apart);
            if (found > 0)
                return 4 * found >= 3 * ((n - 1) / apart + 1) ? power * times[k] : 0;
            if (power > G_MAXINT64 / 10)
                return 0;
        }
    return 0;
}

void
entro_axes_add_steps(EntroFigure *figure, EntroBox plot, const gint64 *step, gsize n)
{
    const double cell = plot.width / n;
    const guint stride = entro_axis_stride(cell, entro_axes_steps_width(figure, step, n),
                                           0.5 * entro_style_tick(figure).size);
    const gint64 unit = round_unit(step, n, stride);

    for (gsize i = 0; i < n; i++) {
        g_autofree char *label = step_text(step[i], step[n - 1]);
        if (unit > 0 ? step[i] % unit == 0 : i % stride == 0)
            add_x_tick(figure, plot, plot.x + (i + 0.5) * cell, label);
    }
}

/* ---- groups of rows ------------------------------------------------------------------------------ */

void
entro_axes_add_groups(EntroFigure *figure, EntroBox plot, double x, const char *prefix,
                      const gint64 *number, const gsize *end, gsize n)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const double cell = plot.height / end[n - 1];
    const double line = entro_text_height(figure->text, style.size) + 0.1 * style.size;
    double below = -INFINITY; /* where the last name ends */

    for (gsize group = 0; group < n; group++) {
        g_autofree char *name = g_strdup_printf("%s%" G_GINT64_FORMAT, prefix, number[group]);
        const double first = group > 0 ? end[group - 1] : 0;
        const double middle = plot.y + (first + end[group]) / 2 * cell;
        if (middle - line / 2 < below)
            continue;
        entro_figure_add_text(figure, ENTRO_ROLE_TICK_LABEL, x, middle, 1, 0.5, name, &style);
        below = middle + line / 2;
    }
}

/* ---- rows with names ---------------------------------------------------------------------------- */

static EntroTextStyle
row_style(const EntroFigure *figure)
{
    EntroTextStyle style = entro_style_tick(figure);

    style.max_width = figure->theme.label_max;
    return style;
}

double
entro_axes_row_height(const EntroFigure *figure)
{
    return row_pitch * entro_text_height(figure->text, entro_style_tick(figure).size);
}

double
entro_axes_names_width(const EntroFigure *figure, const char *const *names, guint n)
{
    const EntroTextStyle style = row_style(figure);
    double widest = 0;

    for (guint i = 0; i < n; i++) {
        g_autofree char *clean = entro_text_clean(names[i]);
        double width = 0, height = 0;
        entro_text_measure(figure->text, clean, &style, &width, &height);
        widest = MAX(widest, width);
    }
    return label_offset(figure) + widest;
}

void
entro_axes_add_names(EntroFigure *figure, EntroBox plot, const char *const *names, guint n)
{
    const EntroTextStyle style = row_style(figure);
    const double row = plot.height / MAX(n, 1);
    const guint stride = entro_axis_stride(row, entro_text_height(figure->text, style.size), 0);

    for (guint i = 0; i < n; i += stride) {
        g_autofree char *clean = entro_text_clean(names[i]);
        entro_figure_add_text(figure, ENTRO_ROLE_TICK_LABEL, plot.x - label_offset(figure),
                              plot.y + (i + 0.5) * row, 1, 0.5, clean, &style);
    }
    entro_figure_add_rule(figure, plot.x, plot.y, plot.x, entro_box_bottom(plot),
                          (EntroPen){.colour = figure->theme.ink}, figure->theme.frame_line);
}

/* ---- colour bars -------------------------------------------------------------------------------- */

static void
add_bar_ticks(EntroFigure *figure, const EntroAxis *axis, double right)
{
    const EntroTextStyle style = entro_style_tick(figure);
    const EntroPen ink = {.colour = figure->theme.ink};

    for (guint i = 0; i < axis->n_ticks; i++) {
        const double y = entro_axis_place(axis, axis->tick[i]);
        entro_figure_add_rule(figure, right, y, right + figure->theme.tick, y, ink,
                              figure->theme.frame_line);
        entro_figure_add_text(figure, ENTRO_ROLE_TICK_LABEL, right + label_offset(figure), y, 0,
                              0.5, axis->label[i], &style);
    }
}

/* The power of ten that the labels are to be multiplied with, above the bar and its last label. */
static void
add_factor(EntroFigure *figure, const EntroAxis *axis, EntroBox bar)
{
    const EntroTextStyle style = entro_style_tick(figure);
    g_autofree char *factor = entro_axis_factor(axis);

    if (*factor)
        entro_figure_add_text(figure, ENTRO_ROLE_ANNOTATION, bar.x,
                              bar.y - entro_text_height(figure->text, style.size) / 2, 0, 1, factor,
                              &style);
}

void
entro_axes_add_colour_bar(EntroFigure *figure, EntroAxis *axis, EntroBox bar,
                          const EntroPalette *palette, double palette_end)
{
    const gboolean upwards = axis->from > axis->to;
    EntroMark *mark = entro_figure_add(figure, ENTRO_MARK_GRADIENT, ENTRO_ROLE_COLOUR_BAR, bar);

    mark->palette = palette;
    mark->from = upwards ? palette_end : 0;
    mark->to = upwards ? 0 : palette_end;
    entro_figure_add(figure, ENTRO_MARK_FRAME, ENTRO_ROLE_DECOR, bar);
    add_bar_ticks(figure, axis, entro_box_right(bar));
    add_factor(figure, axis, bar);
}
