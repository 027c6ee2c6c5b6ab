/* test-bootstrap.c: intervals against all resamples of a small sample, and how often they cover.
 *
 * The full table of coverage is tests/bench/null-compare.py; here a short one with a fixed seed. */
#include "entro-compare.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort_double.h>

static const EntroBootstrap usual = {0.95, ENTRO_BOOTSTRAP_RESAMPLES, 2385};

/* t of resample `code`, its digits to base n being the values drawn. */
static double
resampled_t(const double *values, guint n, guint code, double whole)
{
    double sum = 0, squares = 0;

    for (guint i = 0, rest = code; i < n; i++, rest /= n)
        sum += values[rest % n];
    for (guint i = 0, rest = code; i < n; i++, rest /= n)
        squares += pow(values[rest % n] - sum / n, 2);
    double off = sum / n - whole;
    return squares > 1e-12 ? off / sqrt(squares / (n * (n - 1))) : copysign(INFINITY, off);
}

/* All 5^5 resamples are as likely: their quantiles are what random ones come near to. */
static void
the_interval_is_that_of_all_resamples(void)
{
    enum { N = 5, ALL = 3125 };
    const double values[N] = {0.3, 1.7, 2.385, 0.9, 4.1};
    double whole = 1.877, squares = 0, t[ALL];
    const EntroBootstrap many = {.level = 0.95, .n_resamples = 199999, .seed = 7};

    for (guint i = 0; i < N; i++)
        squares += pow(values[i] - whole, 2);
    for (guint code = 0; code < ALL; code++)
        t[code] = resampled_t(values, N, code, whole);
    gsl_sort(t, 1, ALL);
    double error = sqrt(squares / (N * (N - 1)));
    EntroInterval interval = entro_bootstrap_mean(values, N, &many);
    g_assert_cmpint(interval.refusal, ==, ENTRO_REFUSAL_NONE);
    g_assert_cmpfloat_with_epsilon(interval.estimate, whole, 1e-12);
    g_assert_cmpfloat_with_epsilon(interval.low, whole - t[(guint)(0.975 * ALL)] * error, 0.05);
    g_assert_cmpfloat_with_epsilon(interval.high, whole - t[(guint)(0.025 * ALL)] * error, 0.15);
}

static void
the_same_seed_gives_the_same_interval(void)
{
    const double values[] = {0.3, 1.7, 2.385, 0.9, 4.1, 2.2};
    EntroBootstrap other = usual;
    EntroInterval first = entro_bootstrap_mean(values, 6, &usual);
    EntroInterval again = entro_bootstrap_mean(values, 6, &usual);

    other.seed++;
    g_assert_cmpfloat(first.low, ==, again.low);
    g_assert_cmpfloat(first.high, ==, again.high);
    g_assert_cmpfloat(first.low, !=, entro_bootstrap_mean(values, 6, &other).low);
}

static void
a_higher_level_is_wider(void)
{
    const double a[] = {0.3, 1.7, 2.385, 0.9, 4.1, 2.2}, b[] = {1.3, 1.1, 0.2, 0.7, 2.5};
    EntroBootstrap narrow = usual;
    EntroInterval wide = entro_bootstrap_difference(a, 6, b, 5, &usual);

    narrow.level = 0.8;
    EntroInterval inside = entro_bootstrap_difference(a, 6, b, 5, &narrow);
    g_assert_cmpfloat(wide.low, <, inside.low);
    g_assert_cmpfloat(inside.low, <, inside.estimate);
    g_assert_cmpfloat(inside.estimate, <, inside.high);
    g_assert_cmpfloat(inside.high, <, wide.high);
}

/* The interval moves and stretches with the values. */
static void
units_do_not_matter(void)
{
    const double a[] = {0.25, 1.75, 2.5, 1, 4}, b[] = {1.25, 1, 0.5, 0.75};
    double large_a[5], large_b[4];
    EntroInterval interval = entro_bootstrap_difference(a, 5, b, 4, &usual);

    for (guint i = 0; i < 5; i++)
        large_a[i] = 1024 * a[i] + 65536;
    for (guint i = 0; i < 4; i++)
        large_b[i] = 1024 * b[i];
    EntroInterval large = entro_bootstrap_difference(large_a, 5, large_b, 4, &usual);
    g_assert_cmpfloat_with_epsilon(large.low, 1024 * interval.low + 65536, 1e-6);
    g_assert_cmpfloat_with_epsilon(large.high, 1024 * interval.high + 65536, 1e-6);
}

static void
refuse_mean(const double *values, gsize n, EntroRefusal refusal)
{
    EntroInterval interval = entro_bootstrap_mean(values, n, &usual);

    g_assert_cmpint(interval.refusal, ==, refusal);
    g_assert_true(isnan(interval.low) && isnan(interval.high));
}

static void
too_few_values_have_no_interval(void)
{
    const double values[] = {1, NAN, 2, 3.5, INFINITY}, equal[] = {0.1, 0.1, 0.1, 0.1, 0.1};

    refuse_mean(values, 5, ENTRO_REFUSAL_FEW);
    g_assert_cmpuint(entro_bootstrap_mean(values, 5, &usual).n_a, ==, 3);
    g_assert_cmpfloat_with_epsilon(entro_bootstrap_mean(values, 5, &usual).estimate, 6.5 / 3,
                                   1e-15);
    refuse_mean(values + 1, 1, ENTRO_REFUSAL_EMPTY);
    refuse_mean(equal, 5, ENTRO_REFUSAL_CONSTANT);
}

static void
differences_need_four_on_each_side(void)
{
    const double a[] = {1, 2, 4, 7}, b[] = {3, 5, 6, 6.5}, equal[] = {2, 2, 2, 2, 2};

    g_assert_cmpint(entro_bootstrap_difference(a, 4, b, 4, &usual).refusal, ==, ENTRO_REFUSAL_NONE);
    g_assert_cmpint(entro_bootstrap_difference(a, 3, b, 4, &usual).refusal, ==, ENTRO_REFUSAL_FEW);
    g_assert_cmpint(entro_bootstrap_difference(a, 0, b, 4, &usual).refusal, ==,
                    ENTRO_REFUSAL_EMPTY);
    g_assert_cmpint(entro_bootstrap_difference(equal, 4, equal, 4, &usual).refusal, ==,
                    ENTRO_REFUSAL_CONSTANT);
    /* of a and a constant, one resample in 64 has no spread: not so many that it were open */
    EntroInterval beside = entro_bootstrap_difference(a, 4, equal, 5, &usual);
    g_assert_cmpint(beside.refusal, ==, ENTRO_REFUSAL_NONE);
    g_assert_cmpfloat_with_epsilon(beside.estimate, 1.5, 1e-15);
    /* but where 2 % of the resamples lie outside, it is */
    const EntroBootstrap sure = {0.99, ENTRO_BOOTSTRAP_RESAMPLES, 2385};
    EntroInterval open = entro_bootstrap_difference(a, 4, equal, 5, &sure);
    g_assert_cmpint(open.refusal, ==, ENTRO_REFUSAL_FEW);
    g_assert_true(isnan(open.low) && isnan(open.high));
}

/* ---- how often they cover ----------------------------------------------------------------------------- */

static double
draw_normal(gsl_rng *rng)
{
    return gsl_ran_gaussian(rng, 1);
}

static double
draw_skewed(gsl_rng *rng)
{
    return gsl_ran_exponential(rng, 1) - 1;
}

static double
coverage(double (*draw)(gsl_rng *), gsize n_a, gsize n_b)
{
    enum { SIMULATIONS = 600 };
    const EntroBootstrap options = {.level = 0.95, .n_resamples = 399, .seed = 11};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    guint covered = 0;

    for (guint i = 0; i < SIMULATIONS; i++) {
        double values[40];
        for (gsize k = 0; k < n_a + n_b; k++)
            values[k] = draw(rng);
        EntroInterval interval =
            n_b == 0 ? entro_bootstrap_mean(values, n_a, &options)
                     : entro_bootstrap_difference(values, n_a, values + n_a, n_b, &options);
        covered += interval.low <= 0 && 0 <= interval.high;
    }
    gsl_rng_free(rng);
    return (double)covered / SIMULATIONS;
}

/* 600 simulations: two standard errors are 0.02. */
static void
intervals_cover_what_they_say(void)
{
    g_assert_cmpfloat(coverage(draw_normal, 4, 0), >, 0.93);
    g_assert_cmpfloat(coverage(draw_normal, 8, 0), >, 0.93);
    g_assert_cmpfloat(coverage(draw_skewed, 4, 0), >, 0.90);
    g_assert_cmpfloat(coverage(draw_skewed, 8, 0), >, 0.90);
    g_assert_cmpfloat(coverage(draw_normal, 4, 4), >, 0.93);
    g_assert_cmpfloat(coverage(draw_normal, 5, 5), >, 0.93);
    g_assert_cmpfloat(coverage(draw_skewed, 4, 4), >, 0.93);
    g_assert_cmpfloat(coverage(draw_skewed, 4, 8), >, 0.90);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/bootstrap/" name, function)
    ADD("the-interval-is-that-of-all-resamples", the_interval_is_that_of_all_resamples);
    ADD("the-same-seed-gives-the-same-interval", the_same_seed_gives_the_same_interval);
    ADD("a-higher-level-is-wider", a_higher_level_is_wider);
    ADD("units-do-not-matter", units_do_not_matter);
    ADD("too-few-values-have-no-interval", too_few_values_have_no_interval);
    ADD("differences-need-four-on-each-side", differences_need_four_on_each_side);
    ADD("intervals-cover-what-they-say", intervals_cover_what_they_say);
    return g_test_run();
}
