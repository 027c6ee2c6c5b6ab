/* test-pixels.c: the picture says what the numbers say. */
#include "figure-samples.h"

typedef struct {
    cairo_surface_t *surface;
    double scale; /* pixels a point */
} Picture;

static void
picture_clear(Picture *picture)
{
    g_clear_pointer(&picture->surface, cairo_surface_destroy);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Picture, picture_clear)

static Picture
paint(const EntroFigure *figure, double scale)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(figure->width * scale),
                                   (int)ceil(figure->height * scale));
    cairo_t *cr = cairo_create(surface);

    cairo_scale(cr, scale, scale);
    entro_figure_draw(figure, cr);
    g_assert_cmpint(cairo_status(cr), ==, CAIRO_STATUS_SUCCESS);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    return (Picture){surface, scale};
}

/* 0xRRGGBB of the pixel that holds a point of the page. */
static guint32
pixel(const Picture *picture, double x, double y)
{
    const guchar *data = cairo_image_surface_get_data(picture->surface);
    const int stride = cairo_image_surface_get_stride(picture->surface);
    const int column = (int)floor(x * picture->scale), row = (int)floor(y * picture->scale);

    g_assert_cmpint(column, >=, 0);
    g_assert_cmpint(column, <, cairo_image_surface_get_width(picture->surface));
    g_assert_cmpint(row, >=, 0);
    g_assert_cmpint(row, <, cairo_image_surface_get_height(picture->surface));
    return ((const guint32 *)(gconstpointer)(data + (gsize)row * (gsize)stride))[column] & 0xffffff;
}

static guint32
rgb(EntroColour colour)
{
    return (guint32)lround(colour.red * 255) << 16 | (guint32)lround(colour.green * 255) << 8 |
           (guint32)lround(colour.blue * 255);
}

static void
assert_colour(guint32 got, guint32 want)
{
    for (guint shift = 0; shift <= 16; shift += 8)
        g_assert_cmpfloat_with_epsilon((double)(got >> shift & 0xff),
                                       (double)(want >> shift & 0xff), 1.5);
}

static const EntroMark *
find_mark(const EntroFigure *figure, EntroMarkKind kind, EntroRole role)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == kind && mark->role == role)
            return mark;
    }
    g_assert_not_reached();
}

static const EntroMark *
find_text(const EntroFigure *figure, EntroRole role, const char *text)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->role == role && g_strcmp0(mark->text, text) == 0)
            return mark;
    }
    return NULL;
}

/* ---- heat maps ------------------------------------------------------------------------------ */

static void
check_cells(gsize n_layers, gsize n_heads, double scale)
{
    EntroGrid *grid = sample_grid("run", n_layers, n_heads, 0.1, 3.8);
    EntroRange range = {NAN, NAN};
    g_autofree double *value = g_memdup2(grid->value, n_layers * n_heads * sizeof(double));
    g_autoptr(EntroFigure) figure = sample_heat_maps(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    const EntroBox plot = find_mark(figure, ENTRO_MARK_CELLS, ENTRO_ROLE_INSIDE)->box;
    g_auto(Picture) picture = paint(figure, scale);

    for (gsize cell = 0; cell < n_layers * n_heads; cell++)
        entro_range_add(&range.low, &range.high, value[cell]);
    for (gsize layer = 0; layer < n_layers; layer++)
        for (gsize head = 0; head < n_heads; head++) {
            const double x = plot.x + (head + 0.5) * plot.width / n_heads;
            const double y = plot.y + (layer + 0.5) * plot.height / n_layers;
            const double part =
                (value[layer * n_heads + head] - range.low) / (range.high - range.low);
            assert_colour(pixel(&picture, x, y),
                          rgb(entro_palette_at(entro_palette_find(NULL, NULL), part)));
        }
}

static void
test_cells(void)
{
    check_cells(12, 12, 2);
    check_cells(3, 7, 1.37);
    check_cells(64, 64, 2); /* an image, not rectangles */
}

/* Cells of one colour, at a scale where no edge falls on a pixel: any hairline is a pixel of another
 * colour. */
static void
check_no_hairline(gsize n, double scale)
{
    EntroGrid *grids[] = {sample_grid("run", n, n, 2.385, 2.385)};
    g_autoptr(EntroFigure) figure = sample_heat_maps(grids, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    const EntroBox plot = find_mark(figure, ENTRO_MARK_CELLS, ENTRO_ROLE_INSIDE)->box;
    g_auto(Picture) picture = paint(figure, scale);
    const double edge = 2 / scale;
    const guint32 colour = pixel(&picture, plot.x + plot.width / 2, plot.y + plot.height / 2);

    for (double y = plot.y + edge; y < entro_box_bottom(plot) - edge; y += 1 / scale)
        for (double x = plot.x + edge; x < entro_box_right(plot) - edge; x += 1 / scale)
            assert_colour(pixel(&picture, x, y), colour);
}

static void
test_no_hairlines(void)
{
    check_no_hairline(7, 1.37);
    check_no_hairline(12, 0.731);
    check_no_hairline(40, 1.91);
}

static void
test_cell_states(void)
{
    EntroGrid *grid = sample_grid("run", 2, 2, 1, 3);
    grid->state[1] = ENTRO_CELL_UNDEFINED;
    grid->state[2] = ENTRO_CELL_ABSENT;
    g_autoptr(EntroFigure) figure = sample_heat_maps(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    const EntroBox plot = find_mark(figure, ENTRO_MARK_CELLS, ENTRO_ROLE_INSIDE)->box;
    g_auto(Picture) picture = paint(figure, 2);
    gboolean dark = FALSE, grey = FALSE;

    for (double x = plot.x + 0.55 * plot.width; x < entro_box_right(plot) - 1; x += 0.5) {
        const guint32 seen = pixel(&picture, x, plot.y + plot.height / 4);
        grey |= seen == rgb(figure->theme.missing);
        dark |= (seen & 0xff) < 0x90;
    }
    g_assert_true(grey && dark); /* hatched */
    assert_colour(pixel(&picture, plot.x + plot.width / 4, plot.y + plot.height * 3 / 4), 0xffffff);
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_LEGEND, "no valid row (NaN)"));
}

/* Boxes of hatched cells: over the middle of each of these exactly one, over no other; one area is one
 * box. */
static void
test_hatch_boxes(void)
{
    enum { ROWS = 9, COLUMNS = 13 };
    guint8 hatched[ROWS * COLUMNS];
    const EntroMark mark = {.box = {10, 20, 130, 90},
                            .n_rows = ROWS,
                            .n_columns = COLUMNS,
                            .hatched = hatched};

    for (guint32 seed = 0; seed < 50; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        for (guint cell = 0; cell < ROWS * COLUMNS; cell++)
            hatched[cell] = g_rand_int_range(rand, 0, 10) < (int)seed / 5;
        g_autoptr(GArray) boxes = entro_hatch_boxes(&mark);
        for (guint cell = 0; cell < ROWS * COLUMNS; cell++) {
            const double x = 10 + 10 * (cell % COLUMNS + 0.5), y = 20 + 10 * (cell / COLUMNS + 0.5);
            guint n = 0;
            for (guint i = 0; i < boxes->len; i++) {
                const EntroBox box = g_array_index(boxes, EntroBox, i);
                n +=
                    x > box.x && x < entro_box_right(box) && y > box.y && y < entro_box_bottom(box);
            }
            g_assert_cmpuint(n, ==, hatched[cell]);
        }
    }
    for (guint cell = 0; cell < ROWS * COLUMNS; cell++)
        hatched[cell] = cell / COLUMNS >= 2 && cell % COLUMNS >= 5;
    g_autoptr(GArray) one = entro_hatch_boxes(&mark);
    g_assert_cmpuint(one->len, ==, 1);
}

static void
test_values(void)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grid = sample_grid("run", 1, 3, 0, 2);

    options.values = TRUE;
    grid->value[0] = -0.001; /* "-0.00" would be odd */
    grid->value[1] = 2.385;
    grid->value[2] = NAN;
    grid->state[2] = ENTRO_CELL_UNDEFINED;
    g_autoptr(EntroFigure) figure = sample_heat_maps(&grid, 1, &options, NULL);
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_VALUE, "0.00"));
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_VALUE, "2.38"));
}

/* ---- axes, curves, bars --------------------------------------------------------------------- */

static const EntroMark *
find_line(const EntroFigure *figure, guint nth)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == ENTRO_MARK_LINE && mark->role == ENTRO_ROLE_INSIDE && nth-- == 0)
            return mark;
    }
    g_assert_not_reached();
}

static EntroFigure *
figure_of_curve(EntroCurve *curve, EntroPen pen)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, NULL);

    entro_curve_chart_add_curve(entro_curve_chart_add(page, "run", NULL), curve, pen);
    return sample_finish(page, NULL, TRUE, NULL);
}

/* One panel from (0, 1) to (100, 3): ticks, their labels and the line agree on where a value is. */
static void
test_ticks_and_lines(void)
{
    EntroCurve *curve = sample_curve(0, 2, 100, 0, 0);

    curve->y[0] = 1;
    curve->y[1] = 3;
    g_autoptr(EntroFigure) figure =
        figure_of_curve(curve, (EntroPen){.colour = entro_colour(0x0000ff)});
    const EntroBox plot = find_mark(figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT)->box;
    const EntroBox at_2 = find_text(figure, ENTRO_ROLE_TICK_LABEL, "2.0")->box;
    const EntroBox at_50 = find_text(figure, ENTRO_ROLE_TICK_LABEL, "40")->box;
    const double y = at_2.y + at_2.height / 2, x = at_50.x + at_50.width / 2;
    g_auto(Picture) picture = paint(figure, 4);

    g_assert_cmpfloat_with_epsilon(x, plot.x + 0.4 * plot.width, 0.01);
    g_assert_cmpfloat_with_epsilon(y, plot.y + plot.height / 2, 0.01);
    assert_colour(pixel(&picture, plot.x + plot.width / 2, y), 0x0000ff); /* the line at (50, 2) */
    assert_colour(pixel(&picture, plot.x - 1.5, y), 0x000000);            /* ticks */
    assert_colour(pixel(&picture, x, entro_box_bottom(plot) + 1.5), 0x000000);
}

/* The labels of the ticks are 1, 2, 3: what they are to be multiplied with must not be left out. */
static void
test_power_of_ten(void)
{
    EntroCurve *curve = sample_curve(0, 2, 100, 0, 0);

    curve->y[0] = 1e-12;
    curve->y[1] = 3e-12;
    g_autoptr(EntroFigure) figure = figure_of_curve(curve, sample_pen(0));
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_PANEL_TITLE, "run (×10⁻¹²)"));
}

static void
test_bars_are_proportional(void)
{
    static const char *const groups[] = {"a", "b"}, *const series[] = {"run"};
    static const double share[] = {20, 60};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, NULL);
    entro_bar_chart_add(page, NULL, 2, groups, NULL, 1, series, share);
    g_autoptr(EntroFigure) figure = sample_finish(page, NULL, TRUE, NULL);
    const EntroBox plot = find_mark(figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT)->box;
    g_auto(Picture) picture = paint(figure, 4);
    double height[2] = {0, 0};

    for (guint group = 0; group < 2; group++)
        for (double y = entro_box_bottom(plot) - 1; y > plot.y; y -= 0.25)
            height[group] += pixel(&picture, plot.x + (0.25 + 0.5 * group) * plot.width, y) ==
                             rgb(sample_pen(0).colour);
    g_assert_cmpfloat_with_epsilon(height[1] / height[0], 3, 0.05);
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_VALUE, "20%"));
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_VALUE, "60%"));
}

static void
test_gaps_break_the_line(void)
{
    EntroCurve *curve = sample_curve(0, 11, 100, 1, 1);

    curve->y[5] = NAN;
    g_autoptr(EntroFigure) figure = figure_of_curve(curve, sample_pen(0));
    const EntroBox plot = find_mark(figure, ENTRO_MARK_NONE, ENTRO_ROLE_PLOT)->box;
    const EntroMark *line = find_line(figure, 0);
    g_auto(Picture) picture = paint(figure, 4);

    const double y = line->points[1];
    assert_colour(pixel(&picture, plot.x + 0.25 * plot.width, y), rgb(sample_pen(0).colour));
    g_assert_cmphex(pixel(&picture, plot.x + 0.47 * plot.width, y), !=, rgb(sample_pen(0).colour));
}

/* From (0, 1) to (100, 3) at half strength, with a gap from 40 to 60. */
static void
test_bands_between_curves(void)
{
    static const double x[] = {0, 20, 40, 50, 60, 100}, low[] = {1, 1, 1, NAN, 1, 1},
                        high[] = {3, 3, 3, 3, 3, 3};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, NULL);
    EntroCurveChart *lines = entro_curve_chart_add(page, "run", NULL);
    entro_curve_chart_add_band(lines, x, low, high, G_N_ELEMENTS(x), (EntroColour){0, 0, 1, 0.5});
    g_autoptr(EntroFigure) figure = sample_finish(page, NULL, TRUE, NULL);
    const EntroBox plot = find_mark(figure, ENTRO_MARK_BAND, ENTRO_ROLE_INSIDE)->box;
    const double y = plot.y + plot.height / 2 + 3; /* beside the grid line */
    g_auto(Picture) picture = paint(figure, 4);

    assert_colour(pixel(&picture, plot.x + 0.15 * plot.width, y), 0x8080ff);
    assert_colour(pixel(&picture, plot.x + 0.87 * plot.width, y), 0x8080ff);
    assert_colour(pixel(&picture, plot.x + 0.47 * plot.width, y), 0xffffff);
    assert_colour(pixel(&picture, plot.x + 0.15 * plot.width, entro_box_bottom(plot) - 3),
                  0xffffff); /* below 1 */
}

static void
test_says_where_nan_begins(void)
{
    g_autoptr(EntroFigure) figure =
        sample_layers(2, 4, 31, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL); /* NaN from the 20th capture */

    g_assert_nonnull(find_text(figure, ENTRO_ROLE_ANNOTATION, "NaN from step 20000"));
    g_assert_nonnull(find_text(figure, ENTRO_ROLE_LEGEND, "last value before NaN"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pixels/cells-have-the-colour-of-their-value", test_cells);
    g_test_add_func("/pixels/no-hairlines-between-cells", test_no_hairlines);
    g_test_add_func("/pixels/undefined-is-hatched-and-absent-is-blank", test_cell_states);
    g_test_add_func("/pixels/boxes-of-hatched-cells", test_hatch_boxes);
    g_test_add_func("/pixels/values-in-cells", test_values);
    g_test_add_func("/pixels/ticks-and-lines-agree", test_ticks_and_lines);
    g_test_add_func("/pixels/power-of-ten", test_power_of_ten);
    g_test_add_func("/pixels/bars-are-proportional", test_bars_are_proportional);
    g_test_add_func("/pixels/gaps-break-the-line", test_gaps_break_the_line);
    g_test_add_func("/pixels/bands-lie-between-curves", test_bands_between_curves);
    g_test_add_func("/pixels/says-where-nan-begins", test_says_where_nan_begins);
    return g_test_run();
}
