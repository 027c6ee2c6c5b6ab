/* test-penalty.c: the regularizer of the paper (Algorithm 1) against numbers worked out by hand. */
#include "entro-findings.h"

/* ln T = 4, theta = 0.5: the target is 2; gamma = 0.25: the margin is 1. */
static void
the_penalty_jumps_at_the_margin(void)
{
    EntroHeadPenalty heads[] = {{.entropy = 2, .theta = 0.5},
                                {.head = 1, .entropy = 3, .theta = 0.5},
                                {.head = 2, .entropy = nextafter(3, 4), .theta = 0.5},
                                {.head = 3, .entropy = 1, .theta = 0.5},
                                {.head = 4, .entropy = 0, .theta = 0.5}};
    const double expected[] = {0, 0, 1, 0, 4};
    double total = entro_penalty(heads, 5, 4, 0.25);

    for (guint i = 0; i < 5; i++)
        g_assert_cmpfloat_with_epsilon(heads[i].penalty, expected[i], 1e-12);
    g_assert_cmpfloat_with_epsilon(heads[4].delta, -2, 1e-15);
    g_assert_cmpfloat_with_epsilon(total, 1, 1e-12);
}

/* Layers of 1 and of 3 heads weigh the same: (9 + (1 + 0 + 4) / 3) / 2. */
static void
layers_weigh_the_same(void)
{
    EntroHeadPenalty heads[] = {{.layer = 0, .entropy = 3, .theta = 0},
                                {.layer = 7, .entropy = 1, .theta = 0},
                                {.layer = 7, .head = 1, .entropy = 0, .theta = 0},
                                {.layer = 7, .head = 2, .entropy = 4, .theta = 0.5}};

    g_assert_cmpfloat_with_epsilon(entro_penalty(heads, 4, 4, 0), (9 + 5.0 / 3) / 2, 1e-14);
}

static void
heads_without_a_value_are_left_out(void)
{
    EntroHeadPenalty heads[] = {{.layer = 0, .entropy = NAN, .theta = 0.5},
                                {.layer = 1, .entropy = 4, .theta = 0},
                                {.layer = 1, .head = 1, .entropy = 4, .theta = NAN}};

    g_assert_cmpfloat(entro_penalty(heads, 3, 4, 0), ==, 16);
    g_assert_true(isnan(heads[0].penalty) && isnan(heads[2].penalty));
    g_assert_true(isnan(entro_penalty(heads, 1, 4, 0)));
    g_assert_true(isnan(entro_penalty(heads, 0, 4, 0)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/penalty/margin", the_penalty_jumps_at_the_margin);
    g_test_add_func("/penalty/layers", layers_weigh_the_same);
    g_test_add_func("/penalty/missing", heads_without_a_value_are_left_out);
    return g_test_run();
}
