/* test-mean-curve.c: means of several curves and their intervals, against the closed forms of
 * Student's t and against naive sums. */
#include "entro-compare.h"

#include <math.h>

#define SERIES(xs, ys)                                                                             \
    {                                                                                              \
        .n = G_N_ELEMENTS(xs), .x = (xs), .y = (ys)                                                \
    }

static const EntroMeanCurveOptions usual = {.level = 0.95};

static void
assert_near(double value, double expected)
{
    if (isnan(expected))
        g_assert_true(isnan(value));
    else
        g_assert_cmpfloat_with_epsilon(value, expected, 1e-9 * (1 + fabs(expected)));
}

/* Quantile p of Student's t with 1, 2 or 4 degrees of freedom. */
static double
student(double p, guint df)
{
    double alpha = 4 * p * (1 - p), q = cos(acos(sqrt(alpha)) / 3) / sqrt(alpha);

    return df == 1   ? tan(M_PI * (p - 0.5))
           : df == 2 ? 2 * (p - 0.5) * sqrt(2 / alpha)
                     : 2 * sqrt(q - 1);
}

static void
intervals_are_students(void)
{
    static const guint ns[] = {2, 3, 5};
    static const double levels[] = {0.5, 0.9, 0.95, 0.99}, x[] = {7};
    static const double values[5] = {0.31, -2.5, 1.125, 4, 3.5};
    EntroSeedCurve curves[5];

    for (guint i = 0; i < 5; i++)
        curves[i] = (EntroSeedCurve){1, x, &values[i]};
    for (guint i = 0; i < G_N_ELEMENTS(ns) * G_N_ELEMENTS(levels); i++) {
        guint n = ns[i / G_N_ELEMENTS(levels)];
        double level = levels[i % G_N_ELEMENTS(levels)];
        long double sum = 0, squares = 0;
        g_autoptr(EntroMeanCurve) mean =
            entro_mean_curve(curves, n, &(EntroMeanCurveOptions){.level = level});
        for (guint k = 0; k < n; k++)
            sum += values[k];
        for (guint k = 0; k < n; k++)
            squares += (values[k] - sum / n) * (values[k] - sum / n);
        double sd = sqrt((double)squares / (n - 1));
        double half = student((1 + level) / 2, n - 1) * sd / sqrt(n);
        g_assert_cmpuint(mean->n, ==, 1);
        g_assert_cmpuint(mean->n_runs[0], ==, n);
        assert_near(mean->mean[0], (double)(sum / n));
        assert_near(mean->sd[0], sd);
        assert_near(mean->low[0], (double)(sum / n) - half);
        assert_near(mean->high[0], (double)(sum / n) + half);
    }
}

/* Runs of a different length and spacing. */
static void
only_what_enough_runs_have_is_there(void)
{
    static const double xa[] = {0, 10, 20, 30}, ya[] = {1, 2, 3, 4};
    static const double xb[] = {0, 20, 25, 30}, yb[] = {3, 5, 7, 9};
    static const double xc[] = {0, 10, 20}, yc[] = {5, 6, 7};
    const EntroSeedCurve curves[] = {SERIES(xa, ya), SERIES(xb, yb), SERIES(xc, yc)};
    EntroMeanCurveOptions options = usual;

    g_autoptr(EntroMeanCurve) all = entro_mean_curve(curves, 3, &options);
    g_assert_cmpuint(all->n, ==, 2);
    assert_near(all->x[1], 20);
    assert_near(all->mean[0], 3);
    assert_near(all->mean[1], 5);
    options.least = 2;
    g_autoptr(EntroMeanCurve) two = entro_mean_curve(curves, 3, &options);
    const double x[] = {0, 10, 20, 30}, mean[] = {3, 4, 5, 6.5};
    const gsize n_runs[] = {3, 2, 3, 2};
    g_assert_cmpuint(two->n, ==, 4);
    for (guint i = 0; i < 4; i++) {
        assert_near(two->x[i], x[i]);
        assert_near(two->mean[i], mean[i]);
        g_assert_cmpuint(two->n_runs[i], ==, n_runs[i]);
    }
    options.least = 1;
    g_autoptr(EntroMeanCurve) any = entro_mean_curve(curves, 3, &options);
    g_assert_cmpuint(any->n, ==, 5);
    assert_near(any->x[3], 25);
    assert_near(any->mean[3], 7);
    assert_near(any->sd[3], NAN);
    assert_near(any->low[3], NAN);
    assert_near(any->high[3], NAN);
}

/* Run b diverges at 15, where the others have no value; something finite follows. */
static void
a_run_that_diverged_is_out(void)
{
    static const double xa[] = {0, 10, 20, 30}, ya[] = {1, 2, 3, 4};
    static const double xb[] = {0, 10, 15, 20, 30}, yb[] = {3, 4, NAN, 1e9, INFINITY};
    static const double yc[] = {5, 6, 7, NAN};
    const EntroSeedCurve curves[] = {SERIES(xa, ya), SERIES(xb, yb), SERIES(xa, yc)};
    EntroMeanCurveOptions options = usual;
    const gsize n_runs[] = {3, 3, 2, 1};

    g_autoptr(EntroMeanCurve) mean = entro_mean_curve(curves, 3, &options);
    g_assert_cmpuint(mean->n, ==, 4);
    for (guint i = 0; i < 4; i++)
        g_assert_cmpuint(mean->n_runs[i], ==, n_runs[i]);
    assert_near(mean->mean[2], 5);
    assert_near(mean->mean[3], 4);
    assert_near(mean->low[3], NAN);
    assert_near(mean->ended[0], NAN);
    assert_near(mean->ended[1], 15);
    assert_near(mean->ended[2], 30);
    options.gaps = TRUE;
    g_autoptr(EntroMeanCurve) gaps = entro_mean_curve(curves, 3, &options);
    g_assert_cmpuint(gaps->n_runs[2], ==, 3);
    assert_near(gaps->mean[2], (3 + 1e9 + 7) / 3);
    g_assert_cmpuint(gaps->n_runs[3], ==, 1);
}

static void
nothing_is_no_value(void)
{
    static const double x[] = {1, 2}, y[] = {NAN, NAN}, ones[] = {1, 1};
    const EntroSeedCurve diverged[] = {SERIES(x, y), SERIES(x, y)};
    const EntroSeedCurve same[] = {SERIES(x, ones), SERIES(x, ones), {0, NULL, NULL}};
    EntroMeanCurveOptions options = usual;

    g_autoptr(EntroMeanCurve) none = entro_mean_curve(NULL, 0, &options);
    g_assert_cmpuint(none->n, ==, 0);
    g_autoptr(EntroMeanCurve) nan = entro_mean_curve(diverged, 2, &options);
    g_assert_cmpuint(nan->n, ==, 2);
    g_assert_cmpuint(nan->n_runs[0] + nan->n_runs[1], ==, 0);
    assert_near(nan->mean[0], NAN);
    g_autoptr(EntroMeanCurve) empty = entro_mean_curve(same, 3, &options);
    g_assert_cmpuint(empty->n, ==, 0);
    options.least = 2;
    g_autoptr(EntroMeanCurve) equal = entro_mean_curve(same, 3, &options);
    g_assert_cmpuint(equal->n, ==, 2);
    assert_near(equal->low[1], 1);
    assert_near(equal->high[1], 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mean-curve/intervals-are-students", intervals_are_students);
    g_test_add_func("/mean-curve/only-what-enough-runs-have-is-there",
                    only_what_enough_runs_have_is_there);
    g_test_add_func("/mean-curve/a-run-that-diverged-is-out", a_run_that_diverged_is_out);
    g_test_add_func("/mean-curve/nothing-is-no-value", nothing_is_no_value);
    return g_test_run();
}
