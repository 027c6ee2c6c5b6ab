/* test-axis.c: ticks at nice numbers, and labels that keep apart. */
#include "layout-private.h"

static EntroFigure *
blank(void)
{
    return entro_figure_new(&ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
}

static char *
labels_of(EntroAxisKind kind, double low, double high, double length)
{
    g_autoptr(EntroFigure) figure = blank();
    EntroAxis axis = entro_axis_new(kind, low, high);
    GString *all = g_string_new(NULL);

    axis.to = length;
    entro_axis_fit_across(&axis, figure, 50);
    for (guint i = 0; i < axis.n_ticks; i++)
        g_string_append_printf(all, "%s%s", i ? " " : "", axis.label[i]);
    g_autofree char *factor = entro_axis_factor(&axis);
    if (*factor)
        g_string_append_printf(all, " %s", factor);
    return g_string_free(all, FALSE);
}

static void
test_labels(void)
{
    static const struct {
        EntroAxisKind kind;
        double low, high, length;
        const char *labels;
    } cases[] = {
        {ENTRO_AXIS_NUMBER, 0, 3.87, 300, "0.0 0.5 1.0 1.5 2.0 2.5 3.0 3.5"},
        {ENTRO_AXIS_NUMBER, 0, 3.87, 60, "0 2"},
        {ENTRO_AXIS_NUMBER, -3, 3, 120, "-2 0 2"},
        {ENTRO_AXIS_NUMBER, 1e-12, 5e-12, 200, "1 2 3 4 5 ×10⁻¹²"},
        {ENTRO_AXIS_NUMBER, 0, 4e12, 200, "0 1 2 3 4 ×10¹²"},
        {ENTRO_AXIS_STEP, 0, 30000, 250, "0 5K 10K 15K 20K 25K 30K"},
        {ENTRO_AXIS_STEP, 0, 600, 250, "0 100 200 300 400 500 600"},
        {ENTRO_AXIS_STEP, 0, 2.5e6, 250, "0 0.5M 1.0M 1.5M 2.0M 2.5M"},
        {ENTRO_AXIS_STEP, 1000000, 1000004, 300, "1000000 1000001 1000002 1000003 1000004"},
        {ENTRO_AXIS_STEP, 7, 7, 300, "7"},
        {ENTRO_AXIS_LOG, 1e-4, 1, 200, "10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰"},
        {ENTRO_AXIS_LOG, 0.5, 50, 300, "0.5 1 2 5 10 20 50"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *labels =
            labels_of(cases[i].kind, cases[i].low, cases[i].high, cases[i].length);
        g_assert_cmpstr(labels, ==, cases[i].labels);
    }
}

static void
check_apart(const EntroAxis *axis, const EntroFigure *figure)
{
    const EntroTextStyle style = entro_style_tick(figure);
    double end = -INFINITY;

    for (guint i = 0; i < axis->n_ticks; i++) {
        double width = 0, height = 0;
        const double place = entro_axis_place(axis, axis->tick[i]);
        entro_text_measure(figure->text, axis->label[i], &style, &width, &height);
        g_assert_cmpfloat(place, >=, axis->from - 0.01);
        g_assert_cmpfloat(place, <=, axis->to + 0.01);
        g_assert_cmpfloat(place - width / 2, >, end);
        end = place + width / 2;
    }
}

static void
test_any_range(void)
{
    static const double ends[] = {-1e300, -1e12,     -7.5, -1e-12, 0,    1e-300, 1e-12,
                                  2.385,  2.3850001, 99,   1e5,    1e12, 1e300};
    static const double lengths[] = {1, 20, 75, 400};
    g_autoptr(EntroFigure) figure = blank();

    for (guint a = 0; a < G_N_ELEMENTS(ends); a++)
        for (guint b = a; b < G_N_ELEMENTS(ends); b++)
            for (guint kind = 0; kind <= ENTRO_AXIS_LOG; kind++)
                for (guint k = 0; k < G_N_ELEMENTS(lengths); k++) {
                    EntroAxis axis = entro_axis_new(kind, ends[a], ends[b]);
                    axis.to = lengths[k];
                    g_assert_cmpfloat(axis.low, <, axis.high);
                    entro_axis_fit_across(&axis, figure, 10);
                    check_apart(&axis, figure);
                }
}

/* The least value of a figure is 0.2 as a float, a little above the tick at 0.2. */
static void
test_tick_at_the_end(void)
{
    g_autoptr(EntroFigure) figure = blank();
    EntroAxis axis = entro_axis_new(ENTRO_AXIS_NUMBER, (double)0.2f, 0.52);

    axis.to = 300;
    entro_axis_fit_upright(&axis, figure);
    g_assert_cmpuint(axis.n_ticks, >=, 6);
    g_assert_cmpstr(axis.label[0], ==, "0.20");
}

static void
test_nothing(void)
{
    const EntroAxis axis = entro_axis_new(ENTRO_AXIS_NUMBER, NAN, NAN);
    double low = NAN, high = NAN;

    g_assert_cmpfloat(axis.low, ==, 0);
    g_assert_cmpfloat(axis.high, ==, 1);
    entro_range_add(&low, &high, NAN);
    entro_range_add(&low, &high, INFINITY);
    g_assert_true(isnan(low) && isnan(high));
    entro_range_add(&low, &high, 2.385);
    g_assert_cmpfloat(low, ==, 2.385);
    g_assert_cmpfloat(high, ==, 2.385);
}

static void
test_stride(void)
{
    g_assert_cmpuint(entro_axis_stride(20, 9, 4), ==, 1);
    g_assert_cmpuint(entro_axis_stride(10, 9, 4), ==, 2);
    g_assert_cmpuint(entro_axis_stride(4, 9, 4), ==, 5);
    g_assert_cmpuint(entro_axis_stride(0.1, 9, 4), ==, 200);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/axis/labels", test_labels);
    g_test_add_func("/axis/any-range-has-ticks-that-keep-apart", test_any_range);
    g_test_add_func("/axis/tick-at-the-end", test_tick_at_the_end);
    g_test_add_func("/axis/nothing-to-show", test_nothing);
    g_test_add_func("/axis/stride", test_stride);
    return g_test_run();
}
