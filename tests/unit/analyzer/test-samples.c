/* test-samples.c: Welch's t, effect sizes and false discovery rates against constants. */
#include "entro-compare.h"
#include "sample-constants.h"

static void
assert_near(double value, double expected)
{
    g_assert_cmpint(isnan(value), ==, isnan(expected));
    if (!isnan(expected))
        g_assert_cmpfloat(fabs(value - expected), <=, 1e-10 * fabs(expected));
}

static void
welch_is_that_of_scipy(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        EntroTest test = entro_welch(samples[i].a, samples[i].n_a, samples[i].b, samples[i].n_b);
        g_test_message("%s", samples[i].name);
        assert_near(test.statistic, samples[i].t);
        assert_near(test.p, samples[i].welch_p);
        g_assert_cmpint(isnan(test.p), ==, test.refusal != ENTRO_REFUSAL_NONE);
    }
}

static void
welch_says_why_there_is_no_p(void)
{
    const double one[] = {1}, two[] = {1, 1}, three[] = {2, 2, 2}, nan[] = {NAN};

    g_assert_cmpint(entro_welch(one, 1, three, 3).refusal, ==, ENTRO_REFUSAL_FEW);
    g_assert_cmpint(entro_welch(nan, 1, three, 3).refusal, ==, ENTRO_REFUSAL_EMPTY);
    g_assert_cmpint(entro_welch(two, 2, three, 3).refusal, ==, ENTRO_REFUSAL_CONSTANT);
}

static void
welch_stands_tiny_and_large_spreads(void)
{
    const double a[] = {1e-200, 2e-200, 3e-200}, b[] = {4e-200, 5e-200, 6.5e-200};
    EntroTest test = entro_welch(a, 3, b, 3);

    g_assert_cmpint(test.refusal, ==, ENTRO_REFUSAL_CONSTANT); /* its square is 0 */
    const double c[] = {1e100, 2e100, 3e100}, d[] = {4e100, 5e100, 6.5e100};
    assert_near(entro_welch(c, 3, d, 3).p, 0.029145305862049328);
}

static void
effects_are_those_of_the_definitions(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        const double *a = samples[i].a, *b = samples[i].b;
        gsize n_a = samples[i].n_a, n_b = samples[i].n_b;
        g_test_message("%s", samples[i].name);
        g_assert_cmpfloat_with_epsilon(entro_cliffs_delta(a, n_a, b, n_b), samples[i].delta, 1e-14);
        assert_near(entro_hedges_g(a, n_a, b, n_b), samples[i].g);
        assert_near(entro_hedges_g(b, n_b, a, n_a), -samples[i].g);
    }
    g_assert_true(isnan(entro_cliffs_delta(NULL, 0, samples[2].b, 3)));
    g_assert_true(isnan(entro_hedges_g(NULL, 0, samples[2].b, 3)));
}

/* J(2 degrees of freedom) = 1 / (gamma(1/2)) = 0.5642, by hand. */
static void
hedges_corrects_for_small_samples(void)
{
    const double a[] = {1, 3}, b[] = {0, 2};

    g_assert_cmpfloat_with_epsilon(entro_hedges_g(a, 2, b, 2), 1 / sqrt(2) / sqrt(G_PI), 1e-14);
}

/* ---- false discovery rates -------------------------------------------------------------------------- */

static void
q_is_the_rate_of_the_step_up_procedure(void)
{
    double q[N_P_VALUES];

    g_assert_cmpuint(entro_false_discovery(p_values, N_P_VALUES, q), ==, 10);
    for (guint i = 0; i < N_P_VALUES; i++)
        assert_near(q[i], q_values[i]);
}

static void
q_of_few_tests(void)
{
    const double one[] = {0.03}, none[] = {NAN, NAN}, ones[] = {1, 1, 1};
    double q[3];

    g_assert_cmpuint(entro_false_discovery(one, 1, q), ==, 1);
    g_assert_cmpfloat(q[0], ==, 0.03);
    g_assert_cmpuint(entro_false_discovery(none, 2, q), ==, 0);
    g_assert_true(isnan(q[0]) && isnan(q[1]));
    g_assert_cmpuint(entro_false_discovery(ones, 3, q), ==, 3);
    g_assert_cmpfloat(q[2], ==, 1);
    g_assert_cmpuint(entro_false_discovery(NULL, 0, NULL), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/samples/" name, function)
    ADD("welch-is-that-of-scipy", welch_is_that_of_scipy);
    ADD("welch-says-why-there-is-no-p", welch_says_why_there_is_no_p);
    ADD("welch-stands-tiny-and-large-spreads", welch_stands_tiny_and_large_spreads);
    ADD("effects-are-those-of-the-definitions", effects_are_those_of_the_definitions);
    ADD("hedges-corrects-for-small-samples", hedges_corrects_for_small_samples);
    ADD("q-is-the-rate-of-the-step-up-procedure", q_is_the_rate_of_the_step_up_procedure);
    ADD("q-of-few-tests", q_of_few_tests);
    return g_test_run();
}
