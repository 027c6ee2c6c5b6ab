/* test-optimizer.c: AdamW, clipping, the learning rate and the random numbers, in double. */
#include "gradient-check.h"
#include "adamw.h"
#include "schedule.h"

/* One step of AdamW on one number, written out from the paper's Algorithm 2. */
static double
reference_adamw(double w, double *m, double *v, double g, double decay, guint step)
{
    *m = 0.9 * *m + 0.1 * g;
    *v = 0.97 * *v + 0.03 * g * g;
    const double mean = *m / (1 - pow(0.9, step));
    const double square = *v / (1 - pow(0.97, step));
    return w - 0.013 * (mean / (sqrt(square) + 1e-8) + decay * w);
}

typedef struct {
    TensorTable *table;
    Gpt gpt;
    real *weights, *moment1, *moment2, *grads;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const GptShape shape = {entro_arch_find("SM+LN+G"), 2, 2, 6, 5, TRUE};
    Rng rng = rng_new(1, RNG_INIT, 0);

    f->table = tensor_table_new(&shape);
    f->gpt = (Gpt){.table = f->table, .layers = supported_layers(0)};
    f->weights = random_numbers(&rng, f->table->arena, 0.5);
    f->grads = random_numbers(&rng, f->table->arena, 0.3);
    f->moment1 = g_new0(real, f->table->arena);
    f->moment2 = g_new0(real, f->table->arena);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    tensor_table_free(f->table);
    g_free(f->weights);
    g_free(f->grads);
    g_free(f->moment1);
    g_free(f->moment2);
}

static double
step(Fixture *f, double clip, guint number)
{
    const AdamwConfig config = {.lr = 0.013,
                                .weight_decay = 0.21,
                                .beta1 = 0.9,
                                .beta2 = 0.97,
                                .eps = 1e-8,
                                .grad_clip = clip,
                                .step = number,
                                .n_threads = 2};

    return adamw_step(&f->gpt, &config, f->weights, f->moment1, f->moment2, f->grads);
}

static void
test_formula(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const struct {
        TensorKind kind;
        double decay;
    } checked[] = {{TENSOR_W_IN, 0.21},
                   {TENSOR_WTE, 0.21},
                   {TENSOR_B_QK, 0},
                   {TENSOR_NORM1_GAIN, 0}};
    double expected[G_N_ELEMENTS(checked)];

    for (guint i = 0; i < G_N_ELEMENTS(checked); i++) {
        double m = 0;
        double v = 0;
        const double g = (double)tensor_at(f->table, f->grads, checked[i].kind, 0)[3];

        expected[i] = (double)tensor_at(f->table, f->weights, checked[i].kind, 0)[3];
        for (guint number = 1; number <= 3; number++)
            expected[i] = reference_adamw(expected[i], &m, &v, g, checked[i].decay, number);
    }
    for (guint number = 1; number <= 3; number++)
        step(f, 0, number);
    for (guint i = 0; i < G_N_ELEMENTS(checked); i++)
        g_assert_cmpfloat_with_epsilon((double)tensor_at(f->table, f->weights, checked[i].kind,
                                                         0)[3],
                                       expected[i], 1e-13);
}

static double
norm_of(const TensorTable *table, const real *x)
{
    double squares = 0;

    for (guint i = 0; i < table->n; i++)
        for (gsize k = 0; k < table->items[i].size; k++)
            squares +=
                (double)x[table->items[i].offset + k] * (double)x[table->items[i].offset + k];
    return sqrt(squares);
}

static void
test_clip(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const double norm = norm_of(f->table, f->grads);

    g_assert_cmpfloat_with_epsilon(step(f, 0.75, 1), norm, 1e-12);
    /* after the first step the first moment is 0.1 times the clipped gradient */
    g_assert_cmpfloat_with_epsilon(norm_of(f->table, f->moment1), 0.1 * 0.75, 1e-12);
}

static void
test_no_clip_below(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const double norm = step(f, 1e6, 1);

    g_assert_cmpfloat_with_epsilon(norm_of(f->table, f->moment1), 0.1 * norm, 1e-12);
}

static void
test_nan(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    tensor_at(f->table, f->grads, TENSOR_W_V, 1)[2] = (real)NAN;
    g_assert_true(isnan(step(f, 1, 1)));
    g_assert_true(isnan((double)tensor_at(f->table, f->weights, TENSOR_W_V, 0)[0]));
}

static void
test_schedule(void)
{
    /* 200 steps: up over 20, down over 180 */
    g_assert_cmpfloat_with_epsilon(schedule_lr(1, 200, 2.385, 0.1, 0), 2.385 / 20, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(20, 200, 2.385, 0.1, 0), 2.385, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(110, 200, 2.385, 0.1, 0), 2.385 / 2, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(110, 200, 2.385, 0.1, 0.2), 2.385 * 0.6, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(200, 200, 2.385, 0.1, 0.2), 2.385 * 0.2, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(1, 1, 2.385, 0, 1), 2.385, 1e-14);
    g_assert_cmpfloat_with_epsilon(schedule_lr(9, 9, 2.385, 1, 0), 2.385, 1e-14);
}

static void
test_streams(void)
{
    Rng first = rng_new(5, RNG_DATA, 700);
    Rng again = rng_new(5, RNG_DATA, 700);
    Rng next = rng_new(5, RNG_DATA, 701);
    Rng other = rng_new(6, RNG_DATA, 700);
    const guint64 drawn = rng_below(&first, G_MAXUINT64);

    g_assert_cmpuint(drawn, ==, rng_below(&again, G_MAXUINT64));
    g_assert_cmpuint(drawn, !=, rng_below(&next, G_MAXUINT64));
    g_assert_cmpuint(drawn, !=, rng_below(&other, G_MAXUINT64));
}

static void
test_normal(void)
{
    Rng rng = rng_new(11, RNG_INIT, 0);
    const int n = 200000;
    double power[5] = {0};

    for (int i = 0; i < n; i++) {
        const double x = rng_normal(&rng);

        for (int k = 1; k <= 4; k++)
            power[k] += pow(x, k) / n;
    }
    /* about five standard errors each */
    g_assert_cmpfloat_with_epsilon(power[1], 0, 0.012);
    g_assert_cmpfloat_with_epsilon(power[2], 1, 0.016);
    g_assert_cmpfloat_with_epsilon(power[3], 0, 0.044);
    g_assert_cmpfloat_with_epsilon(power[4], 3, 0.11);
}

static void
test_below(void)
{
    Rng rng = rng_new(3, RNG_DATA, 0);
    guint counts[7] = {0};

    for (int i = 0; i < 70000; i++)
        counts[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        g_assert_cmpfloat_with_epsilon(counts[i], 10000, 500);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/trainer/adamw/decays-matrices-and-nothing-else", Fixture, NULL, set_up,
               test_formula, tear_down);
    g_test_add("/trainer/adamw/clips-to-the-global-norm", Fixture, NULL, set_up, test_clip,
               tear_down);
    g_test_add("/trainer/adamw/leaves-a-small-gradient-alone", Fixture, NULL, set_up,
               test_no_clip_below, tear_down);
    g_test_add("/trainer/adamw/one-nan-makes-the-norm-and-the-weights-nan", Fixture, NULL, set_up,
               test_nan, tear_down);
    g_test_add_func("/trainer/schedule/rises-and-falls-linearly", test_schedule);
    g_test_add_func("/trainer/rng/streams-differ-by-seed-and-step", test_streams);
    g_test_add_func("/trainer/rng/normal-has-the-moments-of-a-normal", test_normal);
    g_test_add_func("/trainer/rng/below-is-uniform", test_below);
    return g_test_run();
}
