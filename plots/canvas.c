/* canvas.c: paints the marks of a figure, one after the other.
 *
 * Decides nothing about places.  cairo's errors are sticky: they are asked for once, when the file
 * is finished (figure-write.c). */
#include "figure-private.h"

enum { CELL_PIXELS_MAX = 16 }; /* per side of a cell in an image: viewers that smooth blur less */

static const double reach = 0.5; /* of a cell; see entro_cell_paint_box() */
const double entro_hatch_distance = 4;
const double entro_hatch_line = 0.7;
const double entro_cross_line = 1.4;

typedef struct {
    const EntroFigure *figure;
    PangoContext *context;
    cairo_t *cr;
} Painter;

static void
set_colour(cairo_t *cr, EntroColour colour)
{
    cairo_set_source_rgba(cr, colour.red, colour.green, colour.blue, colour.alpha);
}

static void
add_box(cairo_t *cr, EntroBox box)
{
    cairo_rectangle(cr, box.x, box.y, box.width, box.height);
}

static void
set_pen(cairo_t *cr, const EntroMark *mark)
{
    const EntroDashes *dashes = &entro_dashes[mark->pen.dash];
    const double width = mark->line_width;
    double scaled[ENTRO_DASH_PARTS];

    for (int i = 0; i < dashes->n; i++)
        scaled[i] = dashes->length[i] * width;

    set_colour(cr, mark->pen.colour);
    cairo_set_line_width(cr, width);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
    cairo_set_dash(cr, scaled, dashes->n, 0);
}

static void
draw_text(const Painter *painter, const EntroMark *mark)
{
    entro_text_draw(painter->figure->text, painter->context, painter->cr, mark->text, &mark->style,
                    mark->box);
}

static void
draw_fill(const Painter *painter, const EntroMark *mark)
{
    set_colour(painter->cr, mark->pen.colour);
    add_box(painter->cr, mark->box);
    cairo_fill(painter->cr);
}

static void
draw_frame(const Painter *painter, const EntroMark *mark)
{
    set_pen(painter->cr, mark);
    add_box(painter->cr, mark->box);
    cairo_stroke(painter->cr);
}

/* The clip leaves room for half a line, or a curve along the axis would be cut to half its width. */
static void
clip_for_line(cairo_t *cr, const EntroMark *mark)
{
    const double half = mark->line_width / 2;

    cairo_rectangle(cr, mark->box.x - half, mark->box.y - half, mark->box.width + 2 * half,
                    mark->box.height + 2 * half);
    cairo_clip(cr);
}

/* A NaN breaks the path. */
static void
add_points(cairo_t *cr, const EntroMark *mark)
{
    gboolean down = FALSE;

    for (gsize i = 0; i < mark->n_points; i++) {
        const double x = mark->points[2 * i], y = mark->points[2 * i + 1];
        if (isnan(x) || isnan(y))
            down = FALSE;
        else if (down)
            cairo_line_to(cr, x, y);
        else {
            cairo_move_to(cr, x, y);
            down = TRUE;
        }
    }
}

static void
draw_line(const Painter *painter, const EntroMark *mark)
{
    if (mark->clipped)
        clip_for_line(painter->cr, mark);
    add_points(painter->cr, mark);
    set_pen(painter->cr, mark);
    cairo_stroke(painter->cr);
}

static void
draw_band(const Painter *painter, const EntroMark *mark)
{
    clip_for_line(painter->cr, mark);
    add_points(painter->cr, mark);
    set_colour(painter->cr, mark->pen.colour);
    cairo_fill(painter->cr);
}

static void
draw_dots(const Painter *painter, const EntroMark *mark)
{
    set_colour(painter->cr, mark->pen.colour);
    for (gsize i = 0; i < mark->n_points; i++) {
        cairo_new_sub_path(painter->cr);
        cairo_arc(painter->cr, mark->points[2 * i], mark->points[2 * i + 1], mark->line_width, 0,
                  2 * G_PI);
    }
    cairo_fill(painter->cr);
}

static void
draw_crosses(const Painter *painter, const EntroMark *mark)
{
    const double arm = mark->line_width;

    set_colour(painter->cr, mark->pen.colour);
    cairo_set_line_width(painter->cr, entro_cross_line);
    cairo_set_line_cap(painter->cr, CAIRO_LINE_CAP_ROUND);
    for (gsize i = 0; i < mark->n_points; i++) {
        const double x = mark->points[2 * i], y = mark->points[2 * i + 1];
        cairo_move_to(painter->cr, x - arm, y - arm);
        cairo_line_to(painter->cr, x + arm, y + arm);
        cairo_move_to(painter->cr, x - arm, y + arm);
        cairo_line_to(painter->cr, x + arm, y - arm);
    }
    cairo_stroke(painter->cr);
}

EntroBox
entro_cell_box(const EntroMark *mark, gsize row, gsize column)
{
    const double width = mark->box.width / mark->n_columns;
    const double height = mark->box.height / mark->n_rows;

    return (EntroBox){mark->box.x + column * width, mark->box.y + row * height, width, height};
}

static gboolean
is_blank(const EntroMark *mark, gsize row, gsize column)
{
    return row >= mark->n_rows || column >= mark->n_columns ||
           mark->cells[row * mark->n_columns + column].alpha == 0;
}

/* Two shapes that share an edge leave a hairline of background between them wherever the edge does
 * not fall on a pixel.  So each cell reaches under its right and lower neighbours, which are painted
 * after it; not under blank ones. */
EntroBox
entro_cell_paint_box(const EntroMark *mark, gsize row, gsize column)
{
    EntroBox box = entro_cell_box(mark, row, column);
    const gboolean right = !is_blank(mark, row, column + 1);
    const gboolean below = !is_blank(mark, row + 1, column);
    const gboolean diagonal = !is_blank(mark, row + 1, column + 1);

    if (below && (!right || diagonal))
        box.height *= 1 + reach;
    if (right)
        box.width *= 1 + reach;
    return box;
}

static void
draw_cells_as_rectangles(const Painter *painter, const EntroMark *mark)
{
    cairo_set_antialias(painter->cr, CAIRO_ANTIALIAS_NONE); /* smoothed twice, an edge is ragged */
    for (gsize row = 0; row < mark->n_rows; row++)
        for (gsize column = 0; column < mark->n_columns; column++) {
            if (is_blank(mark, row, column))
                continue;
            set_colour(painter->cr, mark->cells[row * mark->n_columns + column]);
            add_box(painter->cr, entro_cell_paint_box(mark, row, column));
            cairo_fill(painter->cr);
        }
}

static guint32
to_argb(EntroColour colour)
{
    if (colour.alpha == 0)
        return 0;
    return 0xff000000u | (guint32)lround(colour.red * 255) << 16 |
           (guint32)lround(colour.green * 255) << 8 | (guint32)lround(colour.blue * 255);
}

static gboolean
any_blank(const EntroMark *mark)
{
    for (gsize cell = 0; cell < mark->n_rows * mark->n_columns; cell++)
        if (mark->cells[cell].alpha == 0)
            return TRUE;
    return FALSE;
}

static void
fill_pixels(cairo_surface_t *image, const EntroMark *mark, guint magnified)
{
    guchar *data = cairo_image_surface_get_data(image);
    const int stride = cairo_image_surface_get_stride(image);

    for (gsize y = 0; y < mark->n_rows * magnified; y++) {
        guint32 *line = (guint32 *)(data + y * (gsize)stride);
        const EntroColour *cells = mark->cells + y / magnified * mark->n_columns;
        for (gsize x = 0; x < mark->n_columns * magnified; x++)
            line[x] = to_argb(cells[x / magnified]);
    }
    cairo_surface_mark_dirty(image);
}

/* Without blank cells there is no alpha channel, which a PDF would keep as a second image. */
cairo_surface_t *
entro_cells_image(const EntroMark *mark, guint magnified)
{
    const cairo_format_t format = any_blank(mark) ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24;
    cairo_surface_t *image = cairo_image_surface_create(format, (int)(mark->n_columns * magnified),
                                                        (int)(mark->n_rows * magnified));

    if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS)
        fill_pixels(image, mark, magnified);
    return image;
}

static void
draw_cells_as_image(const Painter *painter, const EntroMark *mark)
{
    const gsize side = MAX(mark->n_rows, mark->n_columns);
    const guint magnified = CLAMP(painter->figure->theme.image_side / side, 1, CELL_PIXELS_MAX);
    cairo_surface_t *image = entro_cells_image(mark, magnified);

    cairo_translate(painter->cr, mark->box.x, mark->box.y);
    cairo_scale(painter->cr, mark->box.width / (mark->n_columns * magnified),
                mark->box.height / (mark->n_rows * magnified));
    cairo_set_source_surface(painter->cr, image, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(painter->cr), CAIRO_FILTER_NEAREST);
    cairo_paint(painter->cr);
    cairo_surface_destroy(image);
}

static void
draw_cells(const Painter *painter, const EntroMark *mark)
{
    if (mark->n_rows * mark->n_columns <= painter->figure->theme.vector_cells)
        draw_cells_as_rectangles(painter, mark);
    else
        draw_cells_as_image(painter, mark);
}

static void
draw_hatch(const Painter *painter, const EntroMark *mark)
{
    const EntroBox box = mark->box;
    const double distance = entro_hatch_distance * G_SQRT2; /* measured along the upper edge */

    for (gsize row = 0; row < mark->n_rows; row++)
        for (gsize column = 0; column < mark->n_columns; column++)
            if (mark->hatched[row * mark->n_columns + column])
                add_box(painter->cr, entro_cell_box(mark, row, column));
    cairo_clip(painter->cr);
    for (double x = box.x; x < entro_box_right(box) + box.height; x += distance) {
        cairo_move_to(painter->cr, x, box.y);
        cairo_line_to(painter->cr, x - box.height, entro_box_bottom(box));
    }
    set_colour(painter->cr, mark->pen.colour);
    cairo_set_line_width(painter->cr, entro_hatch_line);
    cairo_stroke(painter->cr);
}

static void
draw_gradient(const Painter *painter, const EntroMark *mark)
{
    const guint n = mark->palette->n;
    cairo_pattern_t *gradient =
        cairo_pattern_create_linear(0, mark->box.y, 0, entro_box_bottom(mark->box));

    for (guint i = 0; i < n; i++) {
        const double part = i / (n - 1.0);
        const EntroColour colour =
            entro_palette_at(mark->palette, mark->from + part * (mark->to - mark->from));
        cairo_pattern_add_color_stop_rgb(gradient, part, colour.red, colour.green, colour.blue);
    }
    cairo_set_source(painter->cr, gradient);
    add_box(painter->cr, mark->box);
    cairo_fill(painter->cr);
    cairo_pattern_destroy(gradient);
}

static void
draw_nothing(const Painter *painter G_GNUC_UNUSED, const EntroMark *mark G_GNUC_UNUSED)
{
}

static void (*const painters[])(const Painter *painter, const EntroMark *mark) = {
    [ENTRO_MARK_TEXT] = draw_text,         [ENTRO_MARK_FILL] = draw_fill,
    [ENTRO_MARK_FRAME] = draw_frame,       [ENTRO_MARK_LINE] = draw_line,
    [ENTRO_MARK_DOTS] = draw_dots,         [ENTRO_MARK_CROSSES] = draw_crosses,
    [ENTRO_MARK_CELLS] = draw_cells,       [ENTRO_MARK_HATCH] = draw_hatch,
    [ENTRO_MARK_GRADIENT] = draw_gradient, [ENTRO_MARK_BAND] = draw_band,
    [ENTRO_MARK_NONE] = draw_nothing,
};

void
entro_figure_draw(const EntroFigure *figure, cairo_t *cr)
{
    const Painter painter = {figure, entro_text_begin(figure->text, cr), cr};

    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        cairo_save(cr);
        painters[mark->kind](&painter, mark);
        cairo_restore(cr);
        cairo_new_path(cr);
    }
    g_object_unref(painter.context);
}
