/* test-shifts.c: planted shifts are found where they are, and noise has few. */
#include "entro-compare.h"

#include <gsl/gsl_randist.h>

enum { MOST = 200 };

static void
fill(double *values, gsize first, gsize end, double mean, double sd, gsl_rng *rng)
{
    for (gsize i = first; i < end; i++)
        values[i] = mean + (sd > 0 ? gsl_ran_gaussian(rng, sd) : 0);
}

static void
one_step_is_found_exactly(void)
{
    const double values[] = {1, 1, 1, 5, 5, 5, 5};
    EntroShift shift;
    gsize n = 0;

    g_assert_true(entro_find_shift(values, 7, 1, &shift));
    g_assert_cmpuint(shift.index, ==, 3);
    g_assert_cmpfloat_with_epsilon(shift.before, 1, 1e-12);
    g_assert_cmpfloat_with_epsilon(shift.after, 5, 1e-12);
    /* of the C(7, 3) orders 2 are split as well */
    g_assert_cmpfloat(shift.p, >, 0.03);
    g_assert_cmpfloat(shift.p, <, 0.10);
    g_autofree EntroShift *all = entro_find_shifts(values, 7, ENTRO_SHIFT_PENALTY, &n);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpuint(all[0].index, ==, 3);
    g_assert_true(isnan(all[0].p));
}

/* By noise 1: size = 3 / sqrt(1/50 + 1/50) = 15. */
static void
several_are_found_in_noise(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    double values[MOST];
    gsize n = 0;

    fill(values, 0, 50, 0, 1, rng);
    fill(values, 50, 100, 3, 1, rng);
    fill(values, 100, 150, -1, 1, rng);
    fill(values, 150, MOST, 2, 1, rng);
    g_autofree EntroShift *shifts = entro_find_shifts(values, MOST, ENTRO_SHIFT_PENALTY, &n);
    g_assert_cmpuint(n, ==, 3);
    for (gsize i = 0; i < 3; i++)
        g_assert_cmpint(ABS((gint)shifts[i].index - (gint)(50 * (i + 1))), <=, 1);
    g_assert_cmpfloat_with_epsilon(shifts[0].before, 0, 0.5);
    g_assert_cmpfloat_with_epsilon(shifts[1].before, 3, 0.5);
    g_assert_cmpfloat_with_epsilon(shifts[1].after, -1, 0.5);
    g_assert_cmpfloat_with_epsilon(shifts[0].size, 15, 5);
    gsl_rng_free(rng);
}

/* The best segmentation of a short series, by trying all 2^(n-1). */
static double
least_cost(const double *values, guint n, double penalty)
{
    double least = INFINITY;

    for (guint cuts = 0; cuts < 1u << (n - 1); cuts++) {
        double cost = 0;
        for (guint first = 0, end; first < n; first = end) {
            double sum = 0;
            for (end = first + 1; end < n && !(cuts >> (end - 1) & 1);)
                end++;
            for (guint i = first; i < end; i++)
                sum += values[i];
            for (guint i = first; i < end; i++)
                cost += pow(values[i] - sum / (end - first), 2);
            cost += end - first < ENTRO_SHIFT_LEAST ? INFINITY : first > 0 ? penalty : 0;
        }
        least = MIN(least, cost);
    }
    return least;
}

static double
cost_of(const double *values, guint n, const EntroShift *shifts, gsize n_shifts, double penalty)
{
    double cost = penalty * (double)n_shifts;

    for (gsize k = 0, first = 0; k <= n_shifts; k++) {
        gsize end = k < n_shifts ? shifts[k].index : n;
        double sum = 0;
        g_assert_cmpuint(end, >=, first + ENTRO_SHIFT_LEAST);
        for (gsize i = first; i < end; i++)
            sum += values[i];
        for (gsize i = first; i < end; i++)
            cost += pow(values[i] - sum / (double)(end - first), 2);
        first = end;
    }
    return cost;
}

/* Neighbours that differ by exactly 1 make the noise known: 1 / 0.6745 / sqrt(2). */
static void
no_segmentation_is_better(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    const double noise = 1 / 0.67448975019608171 / G_SQRT2;
    guint n_shifted = 0;

    for (guint trial = 0; trial < 60; trial++) {
        double values[12] = {0};
        gsize n = 0;
        for (guint i = 1; i < 12; i++)
            values[i] = values[i - 1] + (gsl_rng_uniform(rng) < 0.5 ? 1 : -1);
        double factor = 0.2 + 0.05 * (trial % 20);
        g_autofree EntroShift *shifts = entro_find_shifts(values, 12, factor, &n);
        double penalty = factor * log(12) * noise * noise;
        g_assert_cmpfloat_with_epsilon(cost_of(values, 12, shifts, n, penalty),
                                       least_cost(values, 12, penalty), 1e-9);
        n_shifted += n > 1;
    }
    g_assert_cmpuint(n_shifted, >, 10);
    gsl_rng_free(rng);
}

static void
missing_values_keep_the_places(void)
{
    const double values[] = {NAN, 1, 1.1, NAN, 0.9, 1, NAN, NAN, 5, 5.1, INFINITY, 4.9, 5, NAN};
    EntroShift shift;
    gsize n = 0;

    g_assert_true(entro_find_shift(values, G_N_ELEMENTS(values), 1, &shift));
    g_assert_cmpuint(shift.index, ==, 8);
    g_assert_cmpfloat_with_epsilon(shift.after, 5, 1e-12);
    g_autofree EntroShift *all =
        entro_find_shifts(values, G_N_ELEMENTS(values), ENTRO_SHIFT_PENALTY, &n);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpuint(all[0].index, ==, 8);
}

static void
nothing_to_shift(void)
{
    const double equal[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, few[] = {1, NAN, 5, 5, NAN};
    EntroShift shift;
    gsize n = 9;

    g_assert_false(entro_find_shift(equal, 6, 1, &shift));
    g_assert_false(entro_find_shift(few, 5, 1, &shift));
    g_assert_false(entro_find_shift(NULL, 0, 1, &shift));
    g_assert_null(entro_find_shifts(equal, 6, ENTRO_SHIFT_PENALTY, &n));
    g_assert_cmpuint(n, ==, 0);
    g_assert_null(entro_find_shifts(NULL, 0, ENTRO_SHIFT_PENALTY, &n));
}

static void
one_odd_value_is_no_shift(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    double values[60];
    gsize n = 0;

    fill(values, 0, 60, 2, 0.1, rng);
    values[30] = 3;
    g_autofree EntroShift *shifts = entro_find_shifts(values, 60, ENTRO_SHIFT_PENALTY, &n);
    for (gsize i = 0; i + 1 < n; i++) /* at most a segment of two values about it */
        g_assert_cmpuint(shifts[i + 1].index - shifts[i].index, >=, ENTRO_SHIFT_LEAST);
    g_assert_cmpfloat_with_epsilon(n > 0 ? shifts[n - 1].after : 2, 2, 0.1);
    gsl_rng_free(rng);
}

static void
noise_has_few_shifts(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    guint n_false = 0, n_significant = 0;
    enum { SERIES = 400, LENGTH = 40 };

    for (guint i = 0; i < SERIES; i++) {
        double values[LENGTH];
        EntroShift shift;
        gsize n = 0;
        fill(values, 0, LENGTH, 2.385, 0.5, rng);
        g_autofree EntroShift *shifts = entro_find_shifts(values, LENGTH, ENTRO_SHIFT_PENALTY, &n);
        n_false += n > 0;
        g_assert_true(entro_find_shift(values, LENGTH, i, &shift));
        n_significant += shift.p <= 0.05;
    }
    g_assert_cmpuint(n_false, <, SERIES * 5 / 100);
    g_assert_cmpuint(n_significant, >, SERIES * 2 / 100);
    g_assert_cmpuint(n_significant, <, SERIES * 8 / 100);
    gsl_rng_free(rng);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/shifts/" name, function)
    ADD("one-step-is-found-exactly", one_step_is_found_exactly);
    ADD("several-are-found-in-noise", several_are_found_in_noise);
    ADD("no-segmentation-is-better", no_segmentation_is_better);
    ADD("missing-values-keep-the-places", missing_values_keep_the_places);
    ADD("nothing-to-shift", nothing_to_shift);
    ADD("one-odd-value-is-no-shift", one_odd_value_is_no_shift);
    ADD("noise-has-few-shifts", noise_has_few_shifts);
    return g_test_run();
}
