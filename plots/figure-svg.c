/* figure-svg.c: a figure as SVG, from its marks.
 *
 * cairo's own writer turns every letter into a shape.  Here text stays text: it can be searched and
 * copied, and each line says how long it is (textLength), so that it keeps to its box with any font.
 * Coordinates are whole hundredths of a point: no locale, and edges that meet are the same number. */
#include "figure-private.h"

enum {
    VECTOR_CELLS = 2048, /* of a whole figure; beyond, cells are images: about 50 bytes a cell */
    IMAGE_SIDE = 256,    /* pixels up to which cells of an image are magnified, */
    CELL_PIXELS_MAX = 4, /* by no more than this: viewers that smooth blur less */
};

typedef struct {
    const EntroFigure *figure;
    GString *out;
    const char *prefix; /* of ids */
    GHashTable *ids;    /* what was defined -> its number */
    char *open_text;    /* attributes of the group of text that is open, NULL: none */
    gboolean cells_as_images;
    gboolean failed; /* no memory for an image */
} Svg;

/* ---- numbers and text ----------------------------------------------------------------------- */

static gint64
hundredths(double value)
{
    return isnan(value) ? 0 : (gint64)llround(CLAMP(value, -1e7, 1e7) * 100);
}

/* The shortest way to write a number of hundredths: "-.5", "12", "0". */
static void
add_hundredths(GString *out, gint64 n)
{
    const gint64 whole = ABS(n) / 100, part = ABS(n) % 100;

    g_string_append(out, n < 0 ? "-" : "");
    if (whole > 0 || part == 0)
        g_string_append_printf(out, "%" G_GINT64_FORMAT, whole);
    if (part > 0 && part % 10 == 0)
        g_string_append_printf(out, ".%d", (int)part / 10);
    else if (part > 0)
        g_string_append_printf(out, ".%02d", (int)part);
}

static void
add_number(GString *out, double value)
{
    add_hundredths(out, hundredths(value));
}

/* name="number" */
static void
add_length(GString *out, const char *name, double value)
{
    g_string_append_printf(out, " %s=\"", name);
    add_number(out, value);
    g_string_append_c(out, '"');
}

/* A pair of coordinates in a path, with a separator only where one is needed. */
static void
add_pair(GString *out, char command, gint64 x, gint64 y)
{
    g_string_append_c(out, command);
    add_hundredths(out, x);
    if (y >= 0)
        g_string_append_c(out, ' ');
    add_hundredths(out, y);
}

static void
add_escaped(GString *out, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);

    g_string_append(out, escaped);
}

static void
add_element(GString *out, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    g_string_append_printf(out, "<%s>", name);
    add_escaped(out, text);
    g_string_append_printf(out, "</%s>\n", name);
}

/* "#4477aa"; opacity apart. */
static char *
colour_name(EntroColour colour)
{
    return g_strdup_printf("#%02x%02x%02x", (guint)lround(CLAMP(colour.red, 0, 1) * 255),
                           (guint)lround(CLAMP(colour.green, 0, 1) * 255),
                           (guint)lround(CLAMP(colour.blue, 0, 1) * 255));
}

/* fill="..." or stroke="..." */
static void
add_colour(GString *out, const char *name, EntroColour colour)
{
    g_autofree char *value = colour_name(colour);
    g_autofree char *opacity = g_strdup_printf("%s-opacity", name);

    g_string_append_printf(out, " %s=\"%s\"", name, value);
    if (colour.alpha < 1)
        add_length(out, opacity, colour.alpha);
}

/* A rectangle as a path: its edges are those of its neighbours to the last digit. */
static void
add_box_path(GString *out, EntroBox box)
{
    const gint64 x = hundredths(box.x), y = hundredths(box.y);
    const gint64 width = hundredths(entro_box_right(box)) - x;
    const gint64 height = hundredths(entro_box_bottom(box)) - y;

    add_pair(out, 'M', x, y);
    g_string_append_c(out, 'h');
    add_hundredths(out, width);
    g_string_append_c(out, 'v');
    add_hundredths(out, height);
    g_string_append_c(out, 'h');
    add_hundredths(out, -width);
    g_string_append_c(out, 'z');
}

/* ---- what is defined once ------------------------------------------------------------------- */

/* The number of what `key` describes; *ret_new if it is still to be written. */
static guint
id_of(Svg *svg, char *key, gboolean *ret_new)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(svg->ids, key));

    *ret_new = number == 0;
    if (number == 0)
        number = g_hash_table_size(svg->ids) + 1;
    g_hash_table_replace(svg->ids, key, GUINT_TO_POINTER(number)); /* takes key */
    return number;
}

/* `path`: of the area that is seen. */
static guint
define_clip(Svg *svg, const char *path)
{
    gboolean is_new = FALSE;
    const guint id = id_of(svg, g_strconcat("clip ", path, NULL), &is_new);

    if (is_new)
        g_string_append_printf(svg->out, "<clipPath id=\"%sd%u\"><path d=\"%s\"/></clipPath>\n",
                               svg->prefix, id, path);
    return id;
}

static guint
define_gradient(Svg *svg, const EntroMark *mark)
{
    const guint n = mark->palette->n;
    gboolean is_new = FALSE;
    const guint id =
        id_of(svg, g_strdup_printf("gradient %s %a %a", mark->palette->name, mark->from, mark->to),
              &is_new);
    if (!is_new)
        return id;

    g_string_append_printf(svg->out, "<linearGradient id=\"%sd%u\" x2=\"0\" y2=\"1\">\n",
                           svg->prefix, id);
    for (guint i = 0; i < n; i++) {
        const double part = i / (n - 1.0);
        g_autofree char *colour = colour_name(
            entro_palette_at(mark->palette, mark->from + part * (mark->to - mark->from)));
        g_string_append(svg->out, "<stop");
        add_length(svg->out, "offset", part);
        g_string_append_printf(svg->out, " stop-color=\"%s\"/>", colour);
    }
    g_string_append(svg->out, "\n</linearGradient>\n");
    return id;
}

/* ---- marks ---------------------------------------------------------------------------------- */

/* Numbers in cells are many and alike: what they share stands in a group around them. */
static void
open_text(Svg *svg, const EntroTextStyle *style)
{
    g_autoptr(GString) attributes = g_string_new(NULL);

    add_length(attributes, "font-size", style->size);
    add_colour(attributes, "fill", style->colour);
    if (style->bold)
        g_string_append(attributes, " font-weight=\"bold\"");
    if (g_strcmp0(svg->open_text, attributes->str) == 0)
        return;
    g_string_append_printf(svg->out, "%s<g%s>\n", svg->open_text ? "</g>\n" : "", attributes->str);
    g_free(svg->open_text);
    svg->open_text = g_strdup(attributes->str);
}

static void
close_text(Svg *svg)
{
    if (svg->open_text)
        g_string_append(svg->out, "</g>\n");
    g_clear_pointer(&svg->open_text, g_free);
}

static void
add_line_of_text(GString *out, const EntroTextLine *line, const EntroMark *mark)
{
    const EntroBox box = mark->box;
    const double start = line->x + (line->from_right ? line->width : 0);
    const double x = box.x + (mark->style.turned ? line->baseline : start);
    const double y = mark->style.turned ? entro_box_bottom(box) - start : box.y + line->baseline;

    if (hundredths(line->width) <= 0)
        return;
    g_string_append(out, line->from_right ? "<text direction=\"rtl\"" : "<text");
    add_length(out, "x", x);
    add_length(out, "y", y);
    if (mark->style.turned) {
        g_string_append(out, " transform=\"rotate(-90");
        add_pair(out, ' ', hundredths(x), hundredths(y));
        g_string_append(out, ")\"");
    }
    add_length(out, "textLength", line->width);
    g_string_append(out, mark->role == ENTRO_ROLE_VALUE ? ">" /* short: spacing will do */
                                                        : " lengthAdjust=\"spacingAndGlyphs\">");
    add_escaped(out, line->string);
    g_string_append(out, "</text>\n");
}

/* A space at which a line was broken is not shown. */
static void
add_text(Svg *svg, const EntroMark *mark)
{
    g_autoptr(GArray) lines = entro_text_lines(svg->figure->text, mark->text, &mark->style);

    open_text(svg, &mark->style);
    for (guint i = 0; i < lines->len; i++) {
        EntroTextLine *line = &g_array_index(lines, EntroTextLine, i);
        if (i + 1 < lines->len)
            g_strchomp(line->string);
        add_line_of_text(svg->out, line, mark);
    }
}

static void
add_fill(Svg *svg, const EntroMark *mark)
{
    g_string_append(svg->out, "<path");
    add_colour(svg->out, "fill", mark->pen.colour);
    g_string_append(svg->out, " d=\"");
    add_box_path(svg->out, mark->box);
    g_string_append(svg->out, "\"/>\n");
}

static void
begin_stroke(GString *out, EntroColour colour, double width)
{
    g_string_append(out, "<path fill=\"none\"");
    add_colour(out, "stroke", colour);
    add_length(out, "stroke-width", width);
}

static void
add_dashes(GString *out, const EntroMark *mark)
{
    const EntroDashes *dashes = &entro_dashes[mark->pen.dash];

    if (dashes->n == 0)
        return;
    g_string_append(out, " stroke-dasharray=\"");
    for (int i = 0; i < dashes->n; i++) {
        g_string_append(out, i ? " " : "");
        add_number(out, dashes->length[i] * mark->line_width);
    }
    g_string_append_c(out, '"');
}

static void
add_frame(Svg *svg, const EntroMark *mark)
{
    begin_stroke(svg->out, mark->pen.colour, mark->line_width);
    add_dashes(svg->out, mark);
    g_string_append(svg->out, " d=\"");
    add_box_path(svg->out, mark->box);
    g_string_append(svg->out, "\"/>\n");
}

/* Steps from one rounded place to the next, so that nothing adds up; steps of nothing are left out,
 * but not all of them: a line of one place would be no line. */
static void
add_points(GString *out, const EntroMark *mark)
{
    gint64 last_x = 0, last_y = 0;
    guint n = 0; /* since the line last broke */

    for (gsize i = 0; i < mark->n_points; i++) {
        const double x = mark->points[2 * i], y = mark->points[2 * i + 1];
        if (isnan(x) || isnan(y)) {
            n = 0;
            continue;
        }
        const gint64 at_x = hundredths(x), at_y = hundredths(y);
        if (n == 0)
            add_pair(out, 'M', at_x, at_y);
        else if (n == 1 || at_x != last_x || at_y != last_y)
            add_pair(out, 'l', at_x - last_x, at_y - last_y);
        last_x = at_x;
        last_y = at_y;
        n++;
    }
}

/* The clip leaves room for half a line, as in canvas.c. */
static guint
clip_for_line(Svg *svg, const EntroMark *mark)
{
    const double half = mark->line_width / 2;
    const EntroBox box = {mark->box.x - half, mark->box.y - half, mark->box.width + 2 * half,
                          mark->box.height + 2 * half};
    g_autoptr(GString) path = g_string_new(NULL);

    add_box_path(path, box);
    return define_clip(svg, path->str);
}

static void
add_line(Svg *svg, const EntroMark *mark)
{
    const guint clip = mark->clipped ? clip_for_line(svg, mark) : 0;

    begin_stroke(svg->out, mark->pen.colour, mark->line_width);
    add_dashes(svg->out, mark);
    if (clip > 0)
        g_string_append_printf(svg->out, " clip-path=\"url(#%sd%u)\"", svg->prefix, clip);
    g_string_append(svg->out, " stroke-linejoin=\"round\" d=\"");
    add_points(svg->out, mark);
    g_string_append(svg->out, "\"/>\n");
}

/* A polygon that is filled closes itself. */
static void
add_band(Svg *svg, const EntroMark *mark)
{
    const guint clip = clip_for_line(svg, mark);

    g_string_append(svg->out, "<path");
    add_colour(svg->out, "fill", mark->pen.colour);
    g_string_append_printf(svg->out, " clip-path=\"url(#%sd%u)\" d=\"", svg->prefix, clip);
    add_points(svg->out, mark);
    g_string_append(svg->out, "\"/>\n");
}

static void
add_dots(Svg *svg, const EntroMark *mark)
{
    g_string_append(svg->out, "<g");
    add_colour(svg->out, "fill", mark->pen.colour);
    g_string_append(svg->out, ">");
    for (gsize i = 0; i < mark->n_points; i++) {
        g_string_append(svg->out, "<circle");
        add_length(svg->out, "cx", mark->points[2 * i]);
        add_length(svg->out, "cy", mark->points[2 * i + 1]);
        add_length(svg->out, "r", mark->line_width);
        g_string_append(svg->out, "/>");
    }
    g_string_append(svg->out, "</g>\n");
}

static void
add_crosses(Svg *svg, const EntroMark *mark)
{
    const gint64 arm = hundredths(mark->line_width);

    begin_stroke(svg->out, mark->pen.colour, entro_cross_line);
    g_string_append(svg->out, " stroke-linecap=\"round\" d=\"");
    for (gsize i = 0; i < mark->n_points; i++) {
        const gint64 x = hundredths(mark->points[2 * i]), y = hundredths(mark->points[2 * i + 1]);
        add_pair(svg->out, 'M', x - arm, y - arm);
        add_pair(svg->out, 'l', 2 * arm, 2 * arm);
        add_pair(svg->out, 'm', 0, -2 * arm);
        add_pair(svg->out, 'l', -2 * arm, 2 * arm);
    }
    g_string_append(svg->out, "\"/>\n");
}

/* ---- cells ---------------------------------------------------------------------------------- */

static gboolean
same_colour(EntroColour a, EntroColour b)
{
    return a.red == b.red && a.green == b.green && a.blue == b.blue && a.alpha == b.alpha;
}

/* From `column` on, the cells of a row that are one rectangle; returns the column after them. */
static gsize
take_run(const EntroMark *mark, gsize row, gsize column, EntroBox *ret_box)
{
    const EntroColour *cells = mark->cells + row * mark->n_columns;
    EntroBox box = entro_cell_paint_box(mark, row, column);
    gsize end = column + 1;

    for (; end < mark->n_columns && same_colour(cells[end], cells[column]); end++) {
        const EntroBox next = entro_cell_paint_box(mark, row, end);
        if (next.height != box.height)
            break;
        box.width = entro_box_right(next) - box.x;
    }
    *ret_box = box;
    return end;
}

/* As canvas.c paints them, one over the edge of the other; and without smoothed edges, which would
 * show the frame's white on the screen. */
static void
add_cells_as_paths(Svg *svg, const EntroMark *mark)
{
    g_string_append(svg->out, "<g shape-rendering=\"crispEdges\">\n");
    for (gsize row = 0; row < mark->n_rows; row++)
        for (gsize column = 0, end = 0; column < mark->n_columns; column = end) {
            const EntroColour colour = mark->cells[row * mark->n_columns + column];
            EntroBox box = {0};
            end = take_run(mark, row, column, &box);
            if (colour.alpha == 0)
                continue;
            g_string_append(svg->out, "<path");
            add_colour(svg->out, "fill", colour);
            g_string_append(svg->out, " d=\"");
            add_box_path(svg->out, box);
            g_string_append(svg->out, "\"/>\n");
        }
    g_string_append(svg->out, "</g>\n");
}

static void
collect(gpointer data, const guchar *bytes, guint n)
{
    g_byte_array_append(data, bytes, n);
}

static void
add_cells_as_image(Svg *svg, const EntroMark *mark)
{
    const gsize side = MAX(mark->n_rows, mark->n_columns);
    const guint magnified = CLAMP(IMAGE_SIDE / side, 1, CELL_PIXELS_MAX);
    cairo_surface_t *surface = entro_cells_image(mark, magnified);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const EntroPng png = {.surface = surface};

    svg->failed |= cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS ||
                   !entro_png_write(&png, collect, bytes);
    cairo_surface_destroy(surface);
    g_autofree char *base64 = g_base64_encode(bytes->data, bytes->len);
    g_string_append(svg->out,
                    "<image preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" "
                    "style=\"image-rendering:crisp-edges;image-rendering:pixelated\"");
    add_length(svg->out, "x", mark->box.x);
    add_length(svg->out, "y", mark->box.y);
    add_length(svg->out, "width", mark->box.width);
    add_length(svg->out, "height", mark->box.height);
    g_string_append_printf(svg->out, " xlink:href=\"data:image/png;base64,%s\"/>\n", base64);
}

static void
add_cells(Svg *svg, const EntroMark *mark)
{
    if (svg->cells_as_images || mark->n_rows * mark->n_columns > svg->figure->theme.vector_cells)
        add_cells_as_image(svg, mark);
    else
        add_cells_as_paths(svg, mark);
}

/* Lines over the whole box, seen through the cells alone: as in canvas.c, to the point. */
static void
add_hatch(Svg *svg, const EntroMark *mark)
{
    const EntroBox box = mark->box;
    const gint64 height = hundredths(box.height);
    g_autoptr(GString) path = g_string_new(NULL);

    for (gsize row = 0; row < mark->n_rows; row++)
        for (gsize column = 0; column < mark->n_columns; column++)
            if (mark->hatched[row * mark->n_columns + column])
                add_box_path(path, entro_cell_box(mark, row, column));
    const guint clip = define_clip(svg, path->str);
    begin_stroke(svg->out, mark->pen.colour, entro_hatch_line);
    g_string_append_printf(svg->out, " clip-path=\"url(#%sd%u)\" d=\"", svg->prefix, clip);
    for (double x = box.x; x < entro_box_right(box) + box.height;
         x += entro_hatch_distance * G_SQRT2) {
        add_pair(svg->out, 'M', hundredths(x), hundredths(box.y));
        add_pair(svg->out, 'l', -height, height);
    }
    g_string_append(svg->out, "\"/>\n");
}

static void
add_gradient(Svg *svg, const EntroMark *mark)
{
    const guint id = define_gradient(svg, mark);

    g_string_append_printf(svg->out, "<path fill=\"url(#%sd%u)\" d=\"", svg->prefix, id);
    add_box_path(svg->out, mark->box);
    g_string_append(svg->out, "\"/>\n");
}

static void
add_nothing(Svg *svg G_GNUC_UNUSED, const EntroMark *mark G_GNUC_UNUSED)
{
}

static void (*const writers[])(Svg *svg, const EntroMark *mark) = {
    [ENTRO_MARK_TEXT] = add_text,         [ENTRO_MARK_FILL] = add_fill,
    [ENTRO_MARK_FRAME] = add_frame,       [ENTRO_MARK_LINE] = add_line,
    [ENTRO_MARK_DOTS] = add_dots,         [ENTRO_MARK_CROSSES] = add_crosses,
    [ENTRO_MARK_CELLS] = add_cells,       [ENTRO_MARK_HATCH] = add_hatch,
    [ENTRO_MARK_GRADIENT] = add_gradient, [ENTRO_MARK_BAND] = add_band,
    [ENTRO_MARK_NONE] = add_nothing,
};

/* ---- the document --------------------------------------------------------------------------- */

static gboolean
has_many_cells(const EntroFigure *figure)
{
    gsize n = 0;

    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == ENTRO_MARK_CELLS && mark->n_rows * mark->n_columns <= VECTOR_CELLS)
            n += mark->n_rows * mark->n_columns;
    }
    return n > VECTOR_CELLS;
}

static const char *
name_of(const EntroFigure *figure)
{
    return figure->title ? figure->title : figure->about ? figure->about : "figure";
}

/* White paper, as in the other formats. */
static void
add_head(Svg *svg)
{
    const EntroFigure *figure = svg->figure;
    const EntroBox paper = {0, 0, figure->width, figure->height};
    g_autofree char *families = entro_text_css_families(figure->text, figure->theme.generic);

    g_string_append(svg->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                              "xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
                              "aria-label=\"");
    add_escaped(svg->out, name_of(figure));
    g_string_append(svg->out, "\" width=\"");
    add_number(svg->out, figure->width);
    g_string_append(svg->out, "pt\" height=\"");
    add_number(svg->out, figure->height);
    g_string_append(svg->out, "pt\" viewBox=\"0 0");
    add_pair(svg->out, ' ', hundredths(figure->width), hundredths(figure->height));
    g_string_append(svg->out, "\" direction=\"ltr\" xml:space=\"preserve\" font-family=\"");
    add_escaped(svg->out, families);
    g_string_append(svg->out, "\">\n");
    add_element(svg->out, "title", name_of(figure));
    add_element(svg->out, "desc", figure->about);
    g_string_append(svg->out, "<path fill=\"#fff\" d=\"");
    add_box_path(svg->out, paper);
    g_string_append(svg->out, "\"/>\n");
}

/* In Dublin Core, which programs that draw read and keep. */
static void
add_metadata(Svg *svg)
{
    const EntroFigure *figure = svg->figure;

    g_string_append(svg->out,
                    "<metadata><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "
                    "xmlns:cc=\"http://creativecommons.org/ns#\" "
                    "xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n<cc:Work rdf:about=\"\">\n"
                    "<dc:format>image/svg+xml</dc:format>\n");
    add_element(svg->out, "dc:title", figure->title);
    add_element(svg->out, "dc:description", figure->about);
    add_element(svg->out, "dc:source", figure->redraw);
    add_element(svg->out, "dc:date", figure->created);
    add_element(svg->out, "dc:publisher", "entroscope " ENTRO_VERSION);
    g_string_append(svg->out, "</cc:Work>\n</rdf:RDF></metadata>\n");
}

/* A document of its own has metadata; a part of a page does without. */
static gboolean
print(const EntroFigure *figure, const char *prefix, gboolean alone, GString *out, GError **error)
{
    Svg svg = {
        .figure = figure,
        .out = out,
        .prefix = prefix,
        .ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .cells_as_images = has_many_cells(figure),
    };

    add_head(&svg);
    if (alone)
        add_metadata(&svg);
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind != ENTRO_MARK_TEXT && mark->kind != ENTRO_MARK_NONE)
            close_text(&svg);
        writers[mark->kind](&svg, mark);
    }
    close_text(&svg);
    g_string_append(out, "</svg>\n");
    g_hash_table_unref(svg.ids);
    if (svg.failed)
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                    "there is no memory for the cells of the figure");
    return !svg.failed;
}

gboolean
entro_figure_print_svg(const EntroFigure *figure, const char *prefix, GString *svg, GError **error)
{
    g_return_val_if_fail(figure && prefix && svg, FALSE);
    return print(figure, prefix, FALSE, svg, error);
}

gboolean
entro_figure_write_svg(const EntroFigure *figure, EntroStream *stream, GError **error)
{
    g_autoptr(GString) svg = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");

    return print(figure, "", TRUE, svg, error) &&
           entro_stream_check(stream,
                              entro_stream_write(stream, (const guchar *)svg->str, (guint)svg->len),
                              error);
}
