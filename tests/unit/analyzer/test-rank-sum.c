/* test-rank-sum.c: Mann-Whitney against scipy, against counting all divisions, and at its edges. */
#include "entro-compare.h"
#include "sample-constants.h"

#include <string.h>

static void
assert_near(double value, double expected)
{
    g_assert_cmpfloat(fabs(value - expected), <=, 1e-12 * fabs(expected));
}

/* Where scipy's approximation goes below what such small samples can reach, ours does not. */
static void
values_are_those_of_scipy(void)
{
    guint n_raised = 0;

    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        EntroTest test = entro_rank_sum(samples[i].a, samples[i].n_a, samples[i].b, samples[i].n_b);
        double least = entro_rank_sum_least_p(samples[i].n_a, samples[i].n_b);
        g_test_message("%s", samples[i].name);
        assert_near(test.statistic, samples[i].u);
        n_raised += samples[i].rank_sum_p < least * (1 - 1e-12);
        assert_near(test.p, MAX(samples[i].rank_sum_p, least));
        g_assert_cmpint(test.refusal, ==, ENTRO_REFUSAL_NONE);
    }
    g_assert_cmpuint(n_raised, ==, 2); /* two-constants, one-constant */
}

static void
samples_may_be_exchanged(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        gsize n_a = samples[i].n_a, n_b = samples[i].n_b;
        EntroTest test = entro_rank_sum(samples[i].a, n_a, samples[i].b, n_b);
        EntroTest turned = entro_rank_sum(samples[i].b, n_b, samples[i].a, n_a);
        assert_near(turned.p, test.p);
        g_assert_cmpfloat(turned.statistic, ==, (double)(n_a * n_b) - test.statistic);
        g_assert_cmpint(turned.exact, ==, test.exact);
    }
}

/* U of the numbers 0 .. n - 1, those with a bit in `mask` being a. */
static guint
count_pairs(guint mask, guint n)
{
    guint u = 0;

    for (guint i = 0; i < n; i++)
        for (guint j = 0; j < i; j++)
            u += (mask >> i & 1) && !(mask >> j & 1);
    return u;
}

/* Every way to divide n numbers is as likely: p = 2 P(U >= the larger of U and its mirror). */
static double
counted_p(guint n_a, guint n_b, guint u)
{
    guint n = n_a + n_b, as_far = 0, ways = 0;

    for (guint mask = 0; mask < 1u << n; mask++) {
        if ((guint)__builtin_popcount(mask) != n_a)
            continue;
        ways++;
        as_far += count_pairs(mask, n) >= MAX(u, n_a * n_b - u);
    }
    return MIN(1.0, 2.0 * as_far / ways);
}

static void
exact_p_is_the_share_of_divisions(void)
{
    const guint masks[] = {0x007, 0x013, 0x1c0, 0x0a5, 0x155, 0x1f, 0x3e0, 0x2aa};

    for (guint i = 0; i < G_N_ELEMENTS(masks); i++) {
        double a[10], b[10];
        gsize n_a = 0, n_b = 0;
        for (guint k = 0; k < 10; k++)
            if (masks[i] >> k & 1)
                a[n_a++] = k;
            else
                b[n_b++] = k;
        EntroTest test = entro_rank_sum(a, n_a, b, n_b);
        g_assert_true(test.exact);
        g_assert_cmpfloat(test.statistic, ==, count_pairs(masks[i], 10));
        assert_near(test.p, counted_p((guint)n_a, (guint)n_b, (guint)test.statistic));
    }
}

static void
large_beside_small_stays_a_probability(void)
{
    double a[8], b[400];

    for (guint i = 0; i < G_N_ELEMENTS(a); i++)
        a[i] = 1000 + i;
    for (guint i = 0; i < G_N_ELEMENTS(b); i++)
        b[i] = i;
    EntroTest test = entro_rank_sum(a, 8, b, 400);
    g_assert_true(test.exact);
    assert_near(test.p, entro_rank_sum_least_p(8, 400));
}

static void
what_is_not_finite_is_left_out(void)
{
    const double a[] = {NAN, 1, INFINITY, 2, 3}, b[] = {4, -INFINITY, 5, 6.5, NAN};
    EntroTest test = entro_rank_sum(a, 5, b, 5);

    g_assert_cmpuint(test.n_a, ==, 3);
    g_assert_cmpuint(test.n_b, ==, 3);
    assert_near(test.p, 0.1);
}

static void
nothing_gives_no_p(void)
{
    const double a[] = {NAN, NAN}, b[] = {1, 2};
    EntroTest test = entro_rank_sum(a, 2, b, 2);

    g_assert_true(isnan(test.p) && isnan(test.statistic));
    g_assert_cmpint(test.refusal, ==, ENTRO_REFUSAL_EMPTY);
    g_assert_cmpint(entro_rank_sum(b, 2, NULL, 0).refusal, ==, ENTRO_REFUSAL_EMPTY);
    g_assert_nonnull(entro_refusal_text(ENTRO_REFUSAL_EMPTY));
    g_assert_null(entro_refusal_text(ENTRO_REFUSAL_NONE));
}

static void
the_least_p_says_how_many_are_needed(void)
{
    assert_near(entro_rank_sum_least_p(3, 3), 0.1);
    assert_near(entro_rank_sum_least_p(4, 4), 2.0 / 70);
    assert_near(entro_rank_sum_least_p(3, 5), 2.0 / 56);
    assert_near(entro_rank_sum_least_p(1, 38), 2.0 / 39);
    g_assert_cmpfloat(entro_rank_sum_least_p(1, 1), ==, 1);
    g_assert_cmpfloat(entro_rank_sum_least_p(0, 9), ==, 1);
    g_assert_cmpfloat(entro_rank_sum_least_p(5000, 5000), ==, 0);
    g_assert_cmpuint(entro_rank_sum_least_n(0.05), ==, 4);
    g_assert_cmpuint(entro_rank_sum_least_n(0.1), ==, 3); /* reached, not missed by rounding */
    g_assert_cmpuint(entro_rank_sum_least_n(0.01), ==, 5);
    g_assert_cmpuint(entro_rank_sum_least_n(0.001), ==, 7);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/rank-sum/" name, function)
    ADD("values-are-those-of-scipy", values_are_those_of_scipy);
    ADD("samples-may-be-exchanged", samples_may_be_exchanged);
    ADD("exact-p-is-the-share-of-divisions", exact_p_is_the_share_of_divisions);
    ADD("large-beside-small-stays-a-probability", large_beside_small_stays_a_probability);
    ADD("what-is-not-finite-is-left-out", what_is_not_finite_is_left_out);
    ADD("nothing-gives-no-p", nothing_gives_no_p);
    ADD("the-least-p-says-how-many-are-needed", the_least_p_says_how_many_are_needed);
    (void)p_values;
    (void)q_values;
    return g_test_run();
}
