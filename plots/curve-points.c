/* curve-points.c: a curve as points on the page.
 *
 * Breaks where there is no value; a point between two breaks becomes a dot, since a line of one
 * point shows nothing.  A long curve is thinned to first, least, greatest and last point of each
 * narrow column, so that no spike is lost. */
#include "view-private.h"

typedef struct {
    const EntroAxis *x, *y;
    GArray *line, *dots; /* double x, double y, ... on the page */
} Path;

gboolean
entro_curve_is_drawn(const EntroCurve *curve, gsize i, gboolean log_y)
{
    return i < curve->n && isfinite(curve->x[i]) && isfinite(curve->y[i]) &&
           (!log_y || curve->y[i] > 0);
}

gsize
entro_curve_end(const EntroCurve *curve)
{
    gsize end = curve->n;

    while (end > 0 && !isfinite(curve->y[end - 1]))
        end--;
    return end;
}

static void
append(GArray *points, double x, double y)
{
    const double place[] = {x, y};

    g_array_append_vals(points, place, G_N_ELEMENTS(place));
}

static void
append_point(const Path *path, GArray *points, const EntroCurve *curve, gsize i)
{
    append(points, entro_axis_place(path->x, curve->x[i]), entro_axis_place(path->y, curve->y[i]));
}

/* First, least, greatest and last of [start, end), in order and each once. */
static void
append_extremes(const Path *path, const EntroCurve *curve, gsize start, gsize end)
{
    gsize least = start, greatest = start;

    for (gsize i = start; i < end; i++) {
        least = curve->y[i] < curve->y[least] ? i : least;
        greatest = curve->y[i] > curve->y[greatest] ? i : greatest;
    }
    const gsize wanted[] = {start, MIN(least, greatest), MAX(least, greatest), end - 1};
    for (guint k = 0; k < G_N_ELEMENTS(wanted); k++)
        if (k == 0 || wanted[k] > wanted[k - 1])
            append_point(path, path->line, curve, wanted[k]);
}

/* One stretch [start, end) without a break. */
static void
append_stretch(const Path *path, const EntroCurve *curve, gsize start, gsize end, double buckets)
{
    if (end - start == 1)
        append_point(path, path->dots, curve, start);
    for (gsize i = start; i < end;) {
        const double bucket = floor(entro_axis_place(path->x, curve->x[i]) * buckets);
        gsize next = i + 1;
        while (buckets > 0 && next < end &&
               floor(entro_axis_place(path->x, curve->x[next]) * buckets) == bucket)
            next++;
        append_extremes(path, curve, i, next);
        i = next;
    }
    append(path->line, NAN, NAN);
}

static void
append_curve(const Path *path, const EntroCurve *curve, double buckets)
{
    const gboolean log_y = path->y->kind == ENTRO_AXIS_LOG;

    for (gsize i = 0; i < curve->n; i++) {
        gsize end = i;
        while (entro_curve_is_drawn(curve, end, log_y))
            end++;
        if (end > i)
            append_stretch(path, curve, i, end, buckets);
        i = end;
    }
}

/* Where the values end for good before the curve does. */
static void
add_cross(EntroFigure *figure, const Path *path, const EntroCurve *curve, EntroPen pen,
          EntroBox plot)
{
    const gsize end = entro_curve_end(curve);
    g_autoptr(GArray) place = g_array_new(FALSE, FALSE, sizeof(double));

    if (end == 0 || end == curve->n ||
        !entro_curve_is_drawn(curve, end - 1, path->y->kind == ENTRO_AXIS_LOG))
        return;
    append_point(path, place, curve, end - 1);
    entro_figure_add_points(figure, ENTRO_MARK_CROSSES, plot, pen, figure->theme.cross, place);
}

void
entro_curve_add(EntroFigure *figure, const EntroCurve *curve, EntroPen pen, const EntroAxis *x,
                const EntroAxis *y, EntroBox plot, gboolean cross)
{
    g_autoptr(GArray) line = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) dots = g_array_new(FALSE, FALSE, sizeof(double));
    const Path path = {x, y, line, dots};
    const gboolean thinned = curve->n > figure->theme.curve_points;

    append_curve(&path, curve, thinned ? figure->theme.curve_buckets : 0);
    if (line->len > 0)
        entro_figure_add_points(figure, ENTRO_MARK_LINE, plot, pen, figure->theme.data_line, line);
    if (dots->len > 0)
        entro_figure_add_points(figure, ENTRO_MARK_DOTS, plot, pen, figure->theme.dot, dots);
    if (cross)
        add_cross(figure, &path, curve, pen, plot);
}

void
entro_curve_add_dots(EntroFigure *figure, const EntroCurve *curve, EntroPen pen, const EntroAxis *x,
                     const EntroAxis *y, EntroBox plot)
{
    g_autoptr(GArray) dots = g_array_new(FALSE, FALSE, sizeof(double));
    const Path path = {x, y, NULL, dots};

    for (gsize i = 0; i < curve->n; i++)
        if (entro_curve_is_drawn(curve, i, y->kind == ENTRO_AXIS_LOG))
            append_point(&path, dots, curve, i);
    if (dots->len > 0)
        entro_figure_add_points(figure, ENTRO_MARK_DOTS, plot, pen, figure->theme.dot, dots);
}

/* ---- bands ------------------------------------------------------------------------------------- */

typedef struct {
    const EntroBand *band;
    const EntroAxis *x, *y;
    GArray *lower, *upper;
} Edges;

static gboolean
band_is_drawn(const Edges *edges, gsize i)
{
    const EntroBand *band = edges->band;

    return i < band->n && isfinite(band->x[i]) && !isnan(band->low[i]) && !isnan(band->high[i]) &&
           (edges->y->kind != ENTRO_AXIS_LOG || band->high[i] > 0);
}

static void
append_edges(const Edges *edges, double x, double low, double high)
{
    const double at = entro_axis_place(edges->x, x);

    append(edges->lower, at, entro_axis_place(edges->y, MAX(low, edges->y->low)));
    append(edges->upper, at, entro_axis_place(edges->y, MIN(high, edges->y->high)));
}

/* Points [start, end) as wide as the widest of them, at the first and the last. */
static void
append_bucket(const Edges *edges, gsize start, gsize end)
{
    const EntroBand *band = edges->band;
    double low = band->low[start], high = band->high[start];

    for (gsize i = start + 1; i < end; i++) {
        low = MIN(low, band->low[i]);
        high = MAX(high, band->high[i]);
    }
    append_edges(edges, band->x[start], low, high);
    if (end > start + 1)
        append_edges(edges, band->x[end - 1], low, high);
}

static void
append_band(const Edges *edges, double buckets)
{
    const EntroBand *band = edges->band;

    for (gsize i = 0, next = 0; i < band->n; i = next) {
        next = i + 1;
        if (!band_is_drawn(edges, i)) {
            append(edges->lower, NAN, NAN);
            append(edges->upper, NAN, NAN);
            continue;
        }
        const double bucket = floor(entro_axis_place(edges->x, band->x[i]) * buckets);
        while (buckets > 0 && band_is_drawn(edges, next) &&
               floor(entro_axis_place(edges->x, band->x[next]) * buckets) == bucket)
            next++;
        append_bucket(edges, i, next);
    }
}

/* A band of a single place would have no area: a line upwards. */
static void
add_alone(EntroFigure *figure, const Edges *edges, EntroBox plot)
{
    g_autoptr(GArray) line = g_array_new(FALSE, FALSE, sizeof(double));
    EntroColour colour = edges->band->colour;
    const guint n = edges->lower->len / 2;

    for (guint i = 0; i < n; i++) {
        const double *low = &g_array_index(edges->lower, double, 2 * i);
        const double *high = &g_array_index(edges->upper, double, 2 * i);
        if (isnan(low[0]) || (i > 0 && !isnan(low[-2])) || (i + 1 < n && !isnan(low[2])))
            continue;
        g_array_append_vals(line, low, 2);
        g_array_append_vals(line, high, 2);
        append(line, NAN, NAN);
    }
    if (line->len > 0)
        entro_figure_add_points(figure, ENTRO_MARK_LINE, plot, (EntroPen){.colour = colour},
                                2 * figure->theme.data_line, line);
}

void
entro_band_add(EntroFigure *figure, const EntroBand *band, const EntroAxis *x, const EntroAxis *y,
               EntroBox plot)
{
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(double));
    const Edges edges = {band, x, y, lower, upper};

    append_band(&edges, band->n > figure->theme.curve_points ? figure->theme.curve_buckets : 0);
    entro_figure_add_band(figure, plot, band->colour, lower, upper);
    add_alone(figure, &edges, plot);
}
