/* figure.c: a figure is a canvas size, a theme and a list of marks. */
#include "figure-private.h"

static const char default_date[] = "1970-01-01T00:00:00Z"; /* same input, same bytes */

static void
mark_free(gpointer data)
{
    EntroMark *mark = data;

    g_free(mark->text);
    g_free(mark->points);
    g_free(mark->cells);
    g_free(mark->hatched);
    g_free(mark);
}

static gboolean
is_size(double value)
{
    return isfinite(value) && value > 0;
}

static gboolean
check_sizes(const EntroPlotOptions *options, GError **error)
{
    const struct {
        const char *name;
        double value;
        gboolean optional;
    } sizes[] = {
        {"width", options->width, TRUE},
        {"height", options->height, TRUE},
        {"font size", options->font_size, TRUE},
        {"resolution", options->dpi, FALSE},
        {"limit of pixels", options->max_pixels, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
        if (!is_size(sizes[i].value) && !(sizes[i].optional && isnan(sizes[i].value))) {
            g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                        "the %s of a figure must be a number above 0, not %g", sizes[i].name,
                        sizes[i].value);
            return FALSE;
        }
    return TRUE;
}

static void
check_font(EntroFigure *figure)
{
    g_autofree char *other = entro_text_missing_font(figure->text);
    g_auto(GStrv) wanted = g_strsplit(figure->theme.font, ",", 2);

    if (other)
        entro_figure_add_note(figure, "the font \"%s\" is not installed here: \"%s\" is used",
                              wanted[0], other);
}

static EntroTheme
choose_theme(const EntroTheme *preset, const EntroPlotOptions *options)
{
    EntroTheme theme = *preset;

    if (options->font)
        theme.font = options->font;
    if (options->lines)
        theme.lines = options->lines;
    if (!isnan(options->font_size))
        theme.font_size = options->font_size;
    return theme;
}

EntroFigure *
entro_figure_new(const EntroPlotOptions *options, GError **error)
{
    const EntroPalette *palette = entro_palette_find(options->palette, error);
    const EntroTheme *preset = palette ? entro_theme_find(options->preset, error) : NULL;
    if (!preset || !check_sizes(options, error))
        return NULL;
    const EntroTheme theme = choose_theme(preset, options);
    const EntroLineSet *lines = entro_line_set_find(theme.lines, error);
    if (!lines)
        return NULL;

    EntroFigure *figure = g_new0(EntroFigure, 1);
    figure->theme = theme;
    figure->palette = palette;
    figure->lines = lines;
    figure->text = entro_text_new(figure->theme.font);
    figure->marks = g_ptr_array_new_with_free_func(mark_free);
    figure->notes = g_ptr_array_new_with_free_func(g_free);
    figure->created = g_strdup(default_date);
    figure->dpi = options->dpi;
    figure->max_pixels = options->max_pixels;
    figure->redraw = options->redraw ? entro_text_clean_long(options->redraw) : NULL;
    check_font(figure);
    figure->theme.font = figure->theme.lines = NULL; /* may be the caller's */
    return figure;
}

void
entro_figure_free(EntroFigure *figure)
{
    if (!figure)
        return;
    entro_text_free(figure->text);
    g_ptr_array_unref(figure->marks);
    g_ptr_array_unref(figure->notes);
    g_free(figure->title);
    g_free(figure->about);
    g_free(figure->redraw);
    g_free(figure->created);
    g_free(figure);
}

const GPtrArray *
entro_figure_get_notes(const EntroFigure *figure)
{
    return figure->notes;
}

void
entro_figure_add_note(EntroFigure *figure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *raw = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *note = entro_text_clean(raw);
    if (!g_ptr_array_find_with_equal_func(figure->notes, note, g_str_equal, NULL))
        g_ptr_array_add(figure->notes, g_steal_pointer(&note)); /* each chart may say the same */
}

void
entro_figure_set_created(EntroFigure *figure, const char *date)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = date ? g_date_time_new_from_iso8601(date, utc) : NULL;
    g_autoptr(GDateTime) in_utc = time ? g_date_time_to_utc(time) : NULL;

    if (!in_utc)
        return;
    g_free(figure->created);
    figure->created = g_date_time_format(in_utc, "%Y-%m-%dT%H:%M:%SZ");
}

void
entro_figure_add_about(EntroFigure *figure, const char *about)
{
    g_autofree char *before = g_steal_pointer(&figure->about);
    g_autofree char *all =
        g_strdup_printf("%s%s%s", before ? before : "", before ? "; " : "", about);

    figure->about = entro_text_clean_long(all);
}

EntroMark *
entro_figure_add(EntroFigure *figure, EntroMarkKind kind, EntroRole role, EntroBox box)
{
    EntroMark *mark = g_new0(EntroMark, 1);

    mark->kind = kind;
    mark->role = role;
    mark->box = box;
    mark->pen.colour = figure->theme.ink;
    mark->line_width = figure->theme.frame_line;
    g_ptr_array_add(figure->marks, mark);
    return mark;
}

/* Takes the numbers out of `points` (double x, double y, ...). */
EntroMark *
entro_figure_add_points(EntroFigure *figure, EntroMarkKind kind, EntroBox box, EntroPen pen,
                        double line_width, GArray *points)
{
    EntroMark *mark = entro_figure_add(figure, kind, ENTRO_ROLE_INSIDE, box);

    mark->pen = pen;
    mark->line_width = line_width;
    mark->n_points = points->len / 2;
    mark->points = g_memdup2(points->data, points->len * sizeof(double));
    mark->clipped = kind == ENTRO_MARK_LINE;
    return mark;
}

static gboolean
is_point(const GArray *points, guint i)
{
    return !isnan(g_array_index(points, double, 2 * i)) &&
           !isnan(g_array_index(points, double, 2 * i + 1));
}

/* There along the lower curve, back along the upper one. */
static void
append_polygon(GArray *points, const GArray *lower, const GArray *upper, guint start, guint end)
{
    static const double pen_up[] = {NAN, NAN};

    g_array_append_vals(points, &g_array_index(lower, double, 2 * start), 2 * (end - start));
    for (guint i = end; i > start; i--)
        g_array_append_vals(points, &g_array_index(upper, double, 2 * (i - 1)), 2);
    g_array_append_vals(points, pen_up, G_N_ELEMENTS(pen_up));
}

EntroMark *
entro_figure_add_band(EntroFigure *figure, EntroBox box, EntroColour colour, const GArray *lower,
                      const GArray *upper)
{
    g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(double));
    const guint n = MIN(lower->len, upper->len) / 2;

    for (guint i = 0; i < n; i++) {
        guint end = i;
        while (end < n && is_point(lower, end) && is_point(upper, end))
            end++;
        if (end > i)
            append_polygon(points, lower, upper, i, end);
        i = end;
    }
    EntroMark *mark = entro_figure_add_points(figure, ENTRO_MARK_BAND, box,
                                              (EntroPen){.colour = colour}, 0, points);
    mark->clipped = TRUE;
    return mark;
}

void
entro_figure_add_rule(EntroFigure *figure, double x1, double y1, double x2, double y2, EntroPen pen,
                      double line_width)
{
    const double ends[] = {x1, y1, x2, y2};
    const EntroBox box = {MIN(x1, x2), MIN(y1, y2), fabs(x2 - x1), fabs(y2 - y1)};
    EntroMark *mark = entro_figure_add(figure, ENTRO_MARK_LINE, ENTRO_ROLE_DECOR, box);

    mark->pen = pen;
    mark->line_width = line_width;
    mark->n_points = 2;
    mark->points = g_memdup2(ends, sizeof ends);
}

EntroBox
entro_figure_add_fill(EntroFigure *figure, EntroRole role, EntroBox box, EntroColour colour)
{
    entro_figure_add(figure, ENTRO_MARK_FILL, role, box)->pen.colour = colour;
    return box;
}

EntroBox
entro_figure_add_text(EntroFigure *figure, EntroRole role, double x, double y, double across,
                      double down, const char *string, const EntroTextStyle *style)
{
    char *clean = entro_text_clean(string);
    EntroBox box = {0};

    entro_text_measure(figure->text, clean, style, &box.width, &box.height);
    box.x = x - across * box.width;
    box.y = y - down * box.height;

    EntroMark *mark = entro_figure_add(figure, ENTRO_MARK_TEXT, role, box);
    mark->text = clean;
    mark->style = *style;
    return box;
}

static EntroTextStyle
style_scaled(const EntroFigure *figure, double scale, EntroColour colour)
{
    return (EntroTextStyle){.size = figure->theme.font_size * scale, .colour = colour};
}

EntroTextStyle
entro_style_title(const EntroFigure *figure)
{
    EntroTextStyle style = style_scaled(figure, figure->theme.title_scale, figure->theme.ink);

    style.bold = TRUE;
    return style;
}

EntroTextStyle
entro_style_label(const EntroFigure *figure)
{
    return style_scaled(figure, 1, figure->theme.ink);
}

EntroTextStyle
entro_style_tick(const EntroFigure *figure)
{
    return style_scaled(figure, figure->theme.tick_scale, figure->theme.ink);
}

EntroTextStyle
entro_style_note(const EntroFigure *figure)
{
    return style_scaled(figure, figure->theme.note_scale, figure->theme.faint);
}
