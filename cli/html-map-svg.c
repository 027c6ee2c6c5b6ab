/* html-map-svg.c: the map of the heads as SVG: a row a layer, a column a head, coloured by entropy.
 *
 * The large one has a rectangle a head, in the order of the history: the script finds them by that.
 * The small ones have one path a colour, which takes a fifth of the room. */
#include "html-map.h"

#include <math.h>

/* A map of up to so many heads says its numbers where the pointer rests, without script. */
#define MOST_TITLES 1024
/* Cells reach under their neighbours, or on paper the ground shines through between them. */
#define OVERLAP 0.3

enum {
    LEFT = 46,
    BOTTOM = 40,
    TOP = 6,
    RIGHT = 10,
    LABEL_HEIGHT = 15,
    LABEL_WIDTH = 22,
    SMALL_SIDE = 128
};

guint
html_map_level(double value, double scale)
{
    return scale > 0 && !isnan(value)
               ? (guint)lround(CLAMP(value / scale, 0, 1) * (MAP_COLOURS - 1))
               : 0;
}

void
html_map_colour(guint level, char ret_colour[8])
{
    g_snprintf(ret_colour, 8, "#%06x",
               entro_palette_sample(NULL, level / (double)(MAP_COLOURS - 1)));
}

/* ---- where cells are ------------------------------------------------------------------------------ */

typedef struct {
    const EntroHistory *heads;
    const guint *layer; /* [n_rows] */
    guint n_rows, n_columns;
    double width, height; /* of a cell */
} Shape;

static Shape
measure(const EntroEvidence *evidence)
{
    Shape shape = {.heads = evidence->heads,
                   .layer = evidence->layers->layer,
                   .n_rows = (guint)evidence->layers->n_heads};

    for (gsize i = 0; i < shape.heads->n_heads; i++)
        shape.n_columns = MAX(shape.n_columns, shape.heads->head[i] + 1);
    shape.width = CLAMP(floor(600.0 / shape.n_columns), 5, 48);
    shape.height = CLAMP(floor(430.0 / shape.n_rows), 5, 40);
    return shape;
}

static guint
find_row(const Shape *shape, gsize head, guint from)
{
    while (from + 1 < shape->n_rows && shape->layer[from] < shape->heads->layer[head])
        from++;
    return from;
}

typedef enum { CELL_ABSENT, CELL_UNDEFINED, CELL_VALUE } CellState;

static CellState
look_at(const EntroHistory *heads, gsize position, gsize head, double *ret_value)
{
    gsize cell = position * heads->n_heads + head;

    *ret_value = heads->value[ENTRO_EVIDENCE_ENTROPY][cell];
    if (isnan(heads->value[ENTRO_EVIDENCE_ROWS][cell]))
        return CELL_ABSENT;
    return isfinite(*ret_value) ? CELL_VALUE : CELL_UNDEFINED;
}

/* ---- the large map ---------------------------------------------------------------------------------- */

static void
add_cell(const HtmlPage *page, const HtmlRun *run, const Shape *shape, gsize position, gsize head,
         guint row)
{
    GString *out = page->out;
    gboolean titled = shape->heads->n_heads <= MOST_TITLES;
    double value;
    CellState state = look_at(shape->heads, position, head, &value);
    char colour[8];

    html_map_colour(html_map_level(value, page->scale), colour);
    g_string_append_printf(out, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" fill=\"",
                           shape->heads->head[head] * shape->width, row * shape->height,
                           shape->width + OVERLAP, shape->height + OVERLAP);
    if (state == CELL_VALUE)
        g_string_append(out, colour);
    else if (state == CELL_UNDEFINED)
        g_string_append_printf(out, "url(#%s-none)", run->id);
    else
        g_string_append(out, "none");
    if (!titled) {
        g_string_append(out, "\"/>\n");
        return;
    }
    g_string_append_printf(out, "\"><title>layer %u, head %u: ", shape->heads->layer[head],
                           shape->heads->head[head]);
    if (state == CELL_VALUE)
        g_string_append_printf(out, "%.4g nats", value);
    else
        g_string_append(out, state == CELL_UNDEFINED ? "no value" : "not there");
    g_string_append(out, "</title></rect>\n");
}

static void
add_cells(const HtmlPage *page, const HtmlRun *run, const Shape *shape, gsize position)
{
    guint row = 0;

    html_printf(page->out,
                "<g class=\"cells\" transform=\"translate(%d %d)\" "
                "shape-rendering=\"crispEdges\">\n",
                LEFT, TOP);
    for (gsize i = 0; i < shape->heads->n_heads; i++) {
        row = find_row(shape, i, row);
        add_cell(page, run, shape, position, i, row);
    }
    g_string_append(page->out, "</g>\n");
}

/* Every so many-th, so that the numbers do not touch. */
static guint
choose_stride(double size, double room)
{
    static const guint strides[] = {1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128};

    for (guint i = 0; i < G_N_ELEMENTS(strides); i++)
        if (strides[i] * size >= room)
            return strides[i];
    return 200;
}

static void
add_labels(GString *out, const Shape *shape)
{
    guint rows = choose_stride(shape->height, LABEL_HEIGHT);
    guint columns = choose_stride(shape->width, LABEL_WIDTH);
    double bottom = TOP + shape->n_rows * shape->height;

    g_string_append(out, "<g class=\"labels\">");
    for (guint i = 0; i < shape->n_rows; i += rows)
        g_string_append_printf(out, "<text x=\"%d\" y=\"%g\" dy=\".35em\" class=\"row\">%u</text>",
                               LEFT - 6, TOP + (i + 0.5) * shape->height, shape->layer[i]);
    for (guint i = 0; i < shape->n_columns; i += columns)
        g_string_append_printf(out, "<text x=\"%g\" y=\"%g\">%u</text>",
                               LEFT + (i + 0.5) * shape->width, bottom + 15, i);
    g_string_append_printf(out,
                           "<text x=\"%g\" y=\"%g\" class=\"axis\">Head</text>"
                           "<text transform=\"translate(11 %g) rotate(-90)\" class=\"axis\">"
                           "Layer</text></g>\n",
                           LEFT + shape->n_columns * shape->width / 2, bottom + 33,
                           TOP + shape->n_rows * shape->height / 2);
}

/* Ends the opening tag. */
static void
add_label(const HtmlPage *page, const HtmlRun *run, gsize position)
{
    g_autofree char *label =
        g_strdup_printf("Entropy of each head of %s at step %" G_GINT64_FORMAT, run->label,
                        run->report->one->evidence->heads->step[position]);

    html_printf(page->out, " aria-label=\"%s\"><title>%s</title>", label, label);
}

void
html_map_draw(const HtmlPage *page, const HtmlRun *run, gsize position)
{
    Shape shape = measure(run->report->one->evidence);
    double width = LEFT + shape.n_columns * shape.width + RIGHT;
    double height = TOP + shape.n_rows * shape.height + BOTTOM;

    g_string_append_printf(page->out,
                           "<svg class=\"heads\" role=\"img\" width=\"%g\" height=\"%g\" "
                           "viewBox=\"0 0 %g %g\"",
                           width, height, width, height);
    add_label(page, run, position);
    g_string_append_printf(page->out,
                           "<defs><pattern id=\"%s-none\" width=\"6\" height=\"6\" "
                           "patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" "
                           "fill=\"#d9d9d9\"/><path d=\"M0 6L6 0\" stroke=\"#777\"/></pattern>"
                           "</defs>\n",
                           run->id);
    add_cells(page, run, &shape, position);
    add_labels(page->out, &shape);
    g_string_append(page->out, "</svg>\n");
}

/* ---- small maps ------------------------------------------------------------------------------------- */

/* Paths of cells of one size: those without a value come after the colours. */
static void
collect_paths(const HtmlPage *page, const Shape *shape, gsize position,
              GString *paths[MAP_COLOURS + 1])
{
    guint row = 0;

    for (gsize i = 0; i < shape->heads->n_heads; i++) {
        double value;
        CellState state = look_at(shape->heads, position, i, &value);
        guint which = state == CELL_VALUE ? html_map_level(value, page->scale) : MAP_COLOURS;

        row = find_row(shape, i, row);
        if (state == CELL_ABSENT)
            continue;
        if (paths[which] == NULL)
            paths[which] = g_string_new(NULL);
        g_string_append_printf(paths[which], "M%u %uh1v1h-1z", shape->heads->head[i], row);
    }
}

static void
add_paths(GString *out, GString *paths[MAP_COLOURS + 1])
{
    for (guint i = 0; i <= MAP_COLOURS; i++) {
        char colour[8] = "#bbbbbb";

        if (paths[i] == NULL)
            continue;
        if (i < MAP_COLOURS)
            html_map_colour(i, colour);
        g_string_append_printf(out, "<path fill=\"%s\" stroke=\"%s\" d=\"%s\"/>", colour, colour,
                               paths[i]->str);
        g_string_free(paths[i], TRUE);
    }
}

void
html_map_draw_small(const HtmlPage *page, const HtmlRun *run, gsize position)
{
    Shape shape = measure(run->report->one->evidence);
    GString *paths[MAP_COLOURS + 1] = {NULL};
    double scale = SMALL_SIDE / MAX(shape.n_columns * shape.width, shape.n_rows * shape.height);

    collect_paths(page, &shape, position, paths);
    g_string_append_printf(page->out,
                           "<svg role=\"img\" width=\"%.0f\" height=\"%.0f\" "
                           "viewBox=\"0 0 %u %u\" preserveAspectRatio=\"none\" "
                           "shape-rendering=\"crispEdges\" stroke-width=\".05\"",
                           MAX(shape.n_columns * shape.width * scale, 4),
                           MAX(shape.n_rows * shape.height * scale, 4), shape.n_columns,
                           shape.n_rows);
    add_label(page, run, position);
    add_paths(page->out, paths);
    g_string_append(page->out, "</svg>");
}
