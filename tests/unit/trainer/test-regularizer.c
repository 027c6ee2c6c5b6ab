/* test-regularizer.c: the penalty on a stored attention tensor is that of the released code. */
#include "layers-private.h"
#include "regularizer-fixture.h"
#include <string.h>

/* All layers, with lambda 1. */
static double
penalty(const Layers *layers, gboolean head_means)
{
    static const AttentionShape shape = {FIXTURE_SAMPLES, FIXTURE_CONTEXT, FIXTURE_HEADS, 1};
    const gsize rows = FIXTURE_SAMPLES * FIXTURE_HEADS * FIXTURE_CONTEXT;
    const gsize size = rows * FIXTURE_CONTEXT;
    const double e_max = log(FIXTURE_CONTEXT);
    g_autofree real *p = g_new(real, size);
    g_autofree real *pull = g_new(real, rows);
    double sum = 0;

    for (gsize layer = 0; layer < FIXTURE_LAYERS; layer++) {
        real threshold[FIXTURE_HEADS], ignored[FIXTURE_HEADS] = {0};
        const Regularizer how = {.head_means = head_means,
                                 .e_max = e_max,
                                 .tolerance = fixture_gamma * e_max,
                                 .scale = 1.0 / (FIXTURE_LAYERS * FIXTURE_HEADS * FIXTURE_SAMPLES),
                                 .threshold = threshold};

        for (gsize i = 0; i < FIXTURE_HEADS; i++)
            threshold[i] = (real)fixture_thresholds[layer * FIXTURE_HEADS + i];
        for (gsize i = 0; i < size; i++)
            p[i] = (real)fixture_attention[layer * size + i];
        sum += layers->regularize(pull, ignored, p, &how, &shape);
    }
    return sum;
}

/* 1e-6: the epsilon of 1e-9 that the released code has in its logarithm, and float. */
static void
test_rows(gconstpointer layers)
{
    const double mean = fixture_released / (FIXTURE_SAMPLES * FIXTURE_CONTEXT);

    g_assert_cmpfloat_with_epsilon(penalty(layers, FALSE), mean, 1e-6 * mean);
}

static void
test_head_means(gconstpointer layers)
{
    g_assert_cmpfloat_with_epsilon(penalty(layers, TRUE), fixture_printed, 1e-6 * fixture_printed);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint build = 0; supported_layers(build) != NULL; build++) {
        const Layers *layers = supported_layers(build);
        g_autofree char *rows = g_strdup_printf("/trainer/regularizer/%s/rows", layers->isa);
        g_autofree char *heads = g_strdup_printf("/trainer/regularizer/%s/head-means", layers->isa);

        g_test_add_data_func(rows, layers, test_rows);
        g_test_add_data_func(heads, layers, test_head_means);
    }
    return g_test_run();
}
