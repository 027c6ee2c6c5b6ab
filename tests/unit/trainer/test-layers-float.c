/* test-layers-float.c: the float builds of the layers, with their own exp and normal distribution.
 *
 * Gradients are checked in double (test-layers.c); here it is what float adds: accuracy of the
 * approximations, extremes, NaN, and that all builds agree. */
#include "layers-private.h"
#include "fast-math.h"
#include "rng.h"

static void
test_exp(void)
{
    for (double x = -86.9; x < 87.9; x += 0.001385) {
        const float given = (float)x;
        const double exact = exp((double)given);

        g_assert_cmpfloat(fabs(fast_exp(given) - exact), <, 3e-7 * exact);
    }
    g_assert_cmpfloat(fast_exp(0.0f), ==, 1.0f);
}

static void
test_exp_extremes(void)
{
    g_assert_cmpfloat(fast_exp(-INFINITY), ==, 0.0f);
    g_assert_cmpfloat(fast_exp(-1e30f), ==, 0.0f);
    g_assert_true(isfinite(fast_exp(1e30f)));
    g_assert_true(isnan(fast_exp(NAN)));
}

static void
test_log(void)
{
    for (double power = -37.9; power < 38; power += 0.000385) {
        const float given = (float)pow(10, power);
        const double exact = log((double)given);

        g_assert_cmpfloat(fabs((double)fast_log(given) - exact), <, 2e-7 * fabs(exact) + 1e-7);
    }
    g_assert_cmpfloat(fast_log(1.0f), ==, 0.0f);
    g_assert_cmpfloat(0.0f * fast_log(0.0f), ==, 0.0f);
    g_assert_true(isnan(NAN * fast_log(NAN)));
}

static void
test_normal(void)
{
    for (double x = -9; x < 9; x += 0.000385) {
        const float given = (float)x;
        float density;
        const double normal = fast_normal(given, &density);
        const double exact = 0.5 * erfc(-given / sqrt(2));
        const double bell = exp(-0.5 * given * given) / sqrt(2 * G_PI);

        /* relative, also in the lower tail, where exp(-x^2/2) carries the rounding of x^2/2 */
        g_assert_cmpfloat(fabs(normal - exact), <, 5e-6 * exact);
        g_assert_cmpfloat(fabs(normal - exact), <, 4e-7);
        g_assert_cmpfloat(fabs(density - bell), <, 5e-6 * bell);
    }
    float density;
    g_assert_cmpfloat(fabs(fast_normal(0, &density) - 0.5), <, 1e-7);
    g_assert_true(isnan(fast_normal(NAN, &density)));
}

/* ---- every build against double ------------------------------------------------------------------ */

#define CONTEXT 45
#define HEADS   2
#define WIDTH   26
#define LENGTH  (CONTEXT * WIDTH)

/* Fills qk[T][2D] and v[T][D]. */
static void
fill(float *qk, float *v, double sd)
{
    Rng rng = rng_new(2385, RNG_INIT, 0);

    for (int i = 0; i < 2 * LENGTH; i++)
        qk[i] = (float)(sd * rng_normal(&rng));
    for (int i = 0; i < LENGTH; i++)
        v[i] = (float)rng_normal(&rng);
}

static double
logit(const float *qk, int head, int query, int key)
{
    const int width = WIDTH / HEADS;
    double z = 0;

    for (int i = head * width; i < (head + 1) * width; i++)
        z += (double)qk[query * 2 * WIDTH + i] * (double)qk[key * 2 * WIDTH + WIDTH + i];
    return z / sqrt(width);
}

static void
test_attention(gconstpointer data)
{
    const Layers *layers = data;
    const AttentionShape shape = {1, CONTEXT, HEADS, WIDTH};
    static float qk[2 * LENGTH], v[LENGTH], y[LENGTH], p[HEADS * CONTEXT * CONTEXT];
    const Attention attention = {.qk = qk, .v = v, .p = p};

    fill(qk, v, 1.7); /* logits up to about 30 */
    layers->attention_forward(y, &attention, &shape);
    for (int head = 0; head < HEADS; head++)
        for (int query = 0; query < CONTEXT; query++) {
            double sum = 0;

            for (int key = 0; key <= query; key++)
                sum += exp(logit(qk, head, query, key));
            for (int key = 0; key < CONTEXT; key++) {
                const double exact = key > query ? 0 : exp(logit(qk, head, query, key)) / sum;

                g_assert_cmpfloat_with_epsilon((double)p[(head * CONTEXT + query) * CONTEXT + key],
                                               exact, 3e-6);
            }
        }
}

static void
test_attention_nan(gconstpointer data)
{
    const Layers *layers = data;
    const AttentionShape shape = {1, CONTEXT, HEADS, WIDTH};
    static float qk[2 * LENGTH], v[LENGTH], y[LENGTH], p[HEADS * CONTEXT * CONTEXT];
    const Attention attention = {.qk = qk, .v = v, .p = p};

    fill(qk, v, 1);
    qk[7 * 2 * WIDTH] = NAN; /* query 7 of head 0 */
    qk[9 * 2 * WIDTH + 1] = INFINITY;
    layers->attention_forward(y, &attention, &shape);
    for (int key = 0; key < CONTEXT; key++) {
        g_assert_true(key <= 7 ? isnan(p[7 * CONTEXT + key]) : p[7 * CONTEXT + key] == 0);
        g_assert_true(key <= 9 ? isnan(p[9 * CONTEXT + key]) : p[9 * CONTEXT + key] == 0);
        g_assert_true(isfinite(p[8 * CONTEXT + key]));
        g_assert_true(isfinite(p[(CONTEXT + 7) * CONTEXT + key]));
    }
}

static void
test_loss_extremes(gconstpointer data)
{
    const Layers *layers = data;
    float logits[256] = {0};
    const guint8 target = 3;

    logits[5] = 2e30f; /* a model on its way out still has a finite loss */
    g_assert_cmpfloat_with_epsilon(layers->loss(logits, &target, 1, 1, 256), (double)2e30f, 1e24);
    g_assert_cmpfloat(logits[3], ==, -1.0f);
    g_assert_cmpfloat(logits[5], ==, 1.0f);
    logits[200] = NAN;
    g_assert_true(isnan(layers->loss(logits, &target, 1, 1, 256)));
}

static void
test_norm(gconstpointer data)
{
    const Layers *layers = data;
    float x[WIDTH], y[WIDTH], gain[WIDTH], bias[WIDTH], stats[2];
    double mean = 0;
    double variance = 0;

    for (int i = 0; i < WIDTH; i++) {
        x[i] = 100 + (float)(i * i % 17); /* a mean that is large beside the spread */
        gain[i] = 0.385f;
        bias[i] = -2.0f;
        mean += (double)x[i] / WIDTH;
    }
    for (int i = 0; i < WIDTH; i++)
        variance += (x[i] - mean) * (x[i] - mean) / WIDTH;
    layers->norm_forward(y, stats, x, gain, bias, 1, WIDTH);
    for (int i = 0; i < WIDTH; i++)
        g_assert_cmpfloat_with_epsilon((double)y[i],
                                       (x[i] - mean) / sqrt(variance + 1e-5) * 0.385 - 2, 1e-5);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc test;
    } tests[] = {
        {"attention-is-that-of-double", test_attention},
        {"attention-keeps-nan-to-its-own-row", test_attention_nan},
        {"loss-stays-finite-for-huge-logits", test_loss_extremes},
        {"norm-subtracts-a-large-mean", test_norm},
    };

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trainer/fast-math/exp-is-good-to-3e-7", test_exp);
    g_test_add_func("/trainer/fast-math/exp-takes-extremes-and-nan", test_exp_extremes);
    g_test_add_func("/trainer/fast-math/log-is-good-to-2e-7-and-gives-0-ln-0", test_log);
    g_test_add_func("/trainer/fast-math/normal-distribution-and-density-are-good", test_normal);
    for (guint build = 0; supported_layers(build) != NULL; build++)
        for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
            const Layers *layers = supported_layers(build);
            g_autofree char *path =
                g_strdup_printf("/trainer/layers-float/%s/%s", layers->isa, tests[i].name);

            g_test_add_data_func(path, layers, tests[i].test);
        }
    return g_test_run();
}
