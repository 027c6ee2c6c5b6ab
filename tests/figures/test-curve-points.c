/* test-curve-points.c: long curves are thinned and lose no extreme. */
#include "figure-samples.h"

static const EntroBox plot = {0, 0, 300, 200};

static EntroCurve
line_of(double *x, double *y, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        x[i] = (double)i;
        y[i] = sin(0.001 * (double)i);
    }
    return (EntroCurve){.n = n, .x = x, .y = y};
}

static const EntroMark *
draw(EntroFigure *figure, const EntroCurve *curve, gboolean cross)
{
    EntroAxis x = entro_axis_new(ENTRO_AXIS_STEP, 0, (double)curve->n - 1);
    EntroAxis y = entro_axis_new(ENTRO_AXIS_NUMBER, -10, 10);

    x.to = plot.width;
    y.from = plot.height;
    y.to = 0;
    entro_curve_add(figure, curve, sample_pen(0), &x, &y, plot, cross);
    return figure->marks->len ? figure->marks->pdata[0] : NULL;
}

static void
test_long(void)
{
    enum { N = 1000000 };
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    g_autofree double *x = g_new(double, N), *y = g_new(double, N);
    EntroCurve curve = line_of(x, y, N);
    EntroRange range = {NAN, NAN};

    y[123457] = 9.5; /* one point wide */
    y[777777] = -9.5;
    const EntroMark *line = draw(figure, &curve, FALSE);
    g_assert_cmpuint(line->n_points, <, 4 * 2 * 300 + 10);
    for (gsize i = 0; i < line->n_points; i++) {
        if (i > 0 && !isnan(line->points[2 * i]))
            g_assert_cmpfloat(line->points[2 * i], >=, line->points[2 * i - 2]);
        entro_range_add(&range.low, &range.high, line->points[2 * i + 1]);
    }
    g_assert_cmpfloat_with_epsilon(range.low, 5, 1e-9);
    g_assert_cmpfloat_with_epsilon(range.high, 195, 1e-9);
}

static void
test_short(void)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    double x[50], y[50];
    EntroCurve curve = line_of(x, y, 50);

    g_assert_cmpuint(draw(figure, &curve, FALSE)->n_points, ==, 51); /* and the break at the end */
}

static void
test_lone_points(void)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    double x[5], y[5];
    EntroCurve curve = line_of(x, y, 5);

    y[1] = y[3] = NAN;
    draw(figure, &curve, FALSE);
    const EntroMark *dots = figure->marks->pdata[1];
    g_assert_cmpint(dots->kind, ==, ENTRO_MARK_DOTS);
    g_assert_cmpuint(dots->n_points, ==, 3);
}

static void
test_cross(void)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    double x[5], y[5];
    EntroCurve curve = line_of(x, y, 5);

    y[3] = y[4] = NAN;
    draw(figure, &curve, TRUE);
    const EntroMark *cross = figure->marks->pdata[1];
    g_assert_cmpint(cross->kind, ==, ENTRO_MARK_CROSSES);
    g_assert_cmpfloat_with_epsilon(cross->points[0], 150, 1e-9);
    g_assert_cmpuint(entro_curve_end(&curve), ==, 3);
}

static void
test_nothing(void)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    double x[3], y[3];
    EntroCurve curve = line_of(x, y, 3);

    y[0] = y[1] = y[2] = NAN;
    g_assert_null(draw(figure, &curve, TRUE));
}

static void
test_band(void)
{
    enum { N = 100000 };
    g_autoptr(EntroFigure) figure = entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    g_autofree double *x = g_new(double, N), *low = g_new(double, N), *high = g_new(double, N);
    EntroAxis across = entro_axis_new(ENTRO_AXIS_STEP, 0, N - 1);
    EntroAxis upright = entro_axis_new(ENTRO_AXIS_NUMBER, -10, 10);
    const EntroBand band = {N, x, low, high, {0, 0, 1, 0.2}};
    EntroRange range = {NAN, NAN};

    for (gsize i = 0; i < N; i++) {
        x[i] = (double)i;
        low[i] = -1;
        high[i] = i >= 500 && i < 800 ? NAN : 1;
    }
    low[33333] = -9; /* one point wide */
    high[77777] = 9;
    across.to = plot.width;
    upright.from = plot.height;
    upright.to = 0;
    entro_band_add(figure, &band, &across, &upright, plot);
    g_assert_cmpuint(figure->marks->len, ==, 1);
    const EntroMark *mark = figure->marks->pdata[0];
    guint n_polygons = 0;
    g_assert_cmpint(mark->kind, ==, ENTRO_MARK_BAND);
    g_assert_cmpuint(mark->n_points, <, 4 * 2 * 300 + 20);
    for (gsize i = 0; i < mark->n_points; i++) {
        n_polygons += isnan(mark->points[2 * i]);
        entro_range_add(&range.low, &range.high, mark->points[2 * i + 1]);
    }
    g_assert_cmpuint(n_polygons, ==, 2);
    g_assert_cmpfloat_with_epsilon(range.low, 10, 1e-9);
    g_assert_cmpfloat_with_epsilon(range.high, 190, 1e-9);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/curve-points/a-long-curve-keeps-its-spikes", test_long);
    g_test_add_func("/curve-points/a-short-curve-keeps-all-points", test_short);
    g_test_add_func("/curve-points/lone-points-are-dots", test_lone_points);
    g_test_add_func("/curve-points/a-cross-where-values-end", test_cross);
    g_test_add_func("/curve-points/all-nan-draws-nothing", test_nothing);
    g_test_add_func("/curve-points/a-long-band-is-as-wide-as-its-widest-points", test_band);
    return g_test_run();
}
