/* test-layers.c: each layer's backward against central differences, in every build of the layers.
 *
 * Built in double.  Sizes are odd on purpose: more than one block of queries, and remainders in
 * every vector loop. */
#include "gradient-check.h"

#define SAMPLES 2
#define CONTEXT 37 /* a block of 32 queries and one of 5 */
#define HEADS   3
#define WIDTH   15
#define TOKENS  (SAMPLES * CONTEXT)
#define OUT     11
#define VOCAB   256

typedef struct {
    const Layers *layers;
    Rng rng;
    guint8 tokens[TOKENS];
    real *x, *w, *v, *bias, *gain; /* inputs, as far as the layer has them */
    real *y, *kept, *c;            /* output, what the forward keeps, and the objective's weights */
    real *dx, *dw, *dv, *dbias;
    EntroActivation activation;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    const gsize most = TOKENS * VOCAB;

    f->layers = data;
    f->rng = rng_new(2385, RNG_INIT, 0);
    for (guint i = 0; i < TOKENS; i++)
        f->tokens[i] = (guint8)rng_below(&f->rng, 5); /* repeats, whose gradients must add up */
    f->x = random_numbers(&f->rng, most, 1.3);
    f->w = random_numbers(&f->rng, most, 0.7);
    f->v = random_numbers(&f->rng, most, 0.9);
    f->bias = random_numbers(&f->rng, most, 0.4);
    f->gain = random_numbers(&f->rng, most, 1.1);
    f->c = random_numbers(&f->rng, most, 1.0);
    f->y = g_new0(real, most);
    f->kept = g_new0(real, SAMPLES * HEADS * CONTEXT * CONTEXT + 2 * TOKENS * WIDTH);
    f->dx = g_new0(real, most);
    f->dw = g_new0(real, most);
    f->dv = g_new0(real, most);
    f->dbias = g_new0(real, most);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    real *all[] = {f->x, f->w,    f->v,  f->bias, f->gain, f->c,
                   f->y, f->kept, f->dx, f->dw,   f->dv,   f->dbias};

    for (guint i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]);
}

/* ---- embedding ---------------------------------------------------------------------------------- */

static double
embed_objective(gpointer data)
{
    Fixture *f = data;

    f->layers->embed_forward(f->y, f->tokens, f->w, f->v, TOKENS, CONTEXT, WIDTH);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
test_embed(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->embed_backward(f->dw, f->dv, f->c, f->tokens, TOKENS, CONTEXT, WIDTH);
    check_gradient("wte", f->w, f->dw, VOCAB * WIDTH, 1, embed_objective, f);
    check_gradient("wpe", f->v, f->dv, CONTEXT * WIDTH, 1, embed_objective, f);
}

/* ---- linear -------------------------------------------------------------------------------------- */

static double
linear_objective(gpointer data)
{
    Fixture *f = data;

    f->layers->linear_forward(f->y, f->x, f->w, f->bias, TOKENS, WIDTH, OUT);
    return weighted_sum(f->c, f->y, TOKENS * OUT);
}

static void
test_linear(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->linear_backward(f->dx, f->dw, f->dbias, f->c, f->x, f->w, 1, FALSE, TOKENS, WIDTH,
                               OUT);
    check_gradient("x", f->x, f->dx, TOKENS * WIDTH, 1, linear_objective, f);
    check_gradient("w", f->w, f->dw, WIDTH * OUT, 1, linear_objective, f);
    check_gradient("bias", f->bias, f->dbias, OUT, 1, linear_objective, f);
}

static void
test_linear_adds(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->linear_backward(f->dx, f->dw, NULL, f->c, f->x, f->w, 1, FALSE, TOKENS, WIDTH, OUT);
    const double once = (double)f->dx[7];
    const double once_w = (double)f->dw[7];

    f->layers->linear_backward(f->dx, f->dw, NULL, f->c, f->x, f->w, 1, TRUE, TOKENS, WIDTH, OUT);
    g_assert_cmpfloat_with_epsilon((double)f->dx[7], 2 * once, 1e-12);
    g_assert_cmpfloat_with_epsilon((double)f->dw[7], 2 * once_w, 1e-12);
}

static double
linear_add_objective(gpointer data)
{
    Fixture *f = data;

    memcpy(f->y, f->bias, TOKENS * OUT * sizeof(real));
    f->layers->linear_add(f->y, f->x, f->w, (real)0.385, TOKENS, WIDTH, OUT);
    return weighted_sum(f->c, f->y, TOKENS * OUT);
}

static void
test_linear_add(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->linear_backward(f->dx, f->dw, NULL, f->c, f->x, f->w, (real)0.385, FALSE, TOKENS,
                               WIDTH, OUT);
    check_gradient("x", f->x, f->dx, TOKENS * WIDTH, 1, linear_add_objective, f);
    check_gradient("w", f->w, f->dw, WIDTH * OUT, 1, linear_add_objective, f);
    check_gradient("what is added to", f->bias, f->c, TOKENS * OUT, 1, linear_add_objective, f);
}

/* ---- LayerNorm ------------------------------------------------------------------------------------ */

static double
norm_objective(gpointer data)
{
    Fixture *f = data;

    f->layers->norm_forward(f->y, f->kept, f->x, f->gain, f->bias, TOKENS, WIDTH);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
test_norm(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    norm_objective(f);
    f->layers->norm_backward(f->dx, f->dw, f->dbias, f->c, f->x, f->kept, f->gain, TOKENS, WIDTH);
    check_gradient("x", f->x, f->dx, TOKENS * WIDTH, 1, norm_objective, f);
    check_gradient("gain", f->gain, f->dw, WIDTH, 1, norm_objective, f);
    check_gradient("bias", f->bias, f->dbias, WIDTH, 1, norm_objective, f);
}

/* ---- activation ------------------------------------------------------------------------------------ */

static double
activation_objective(gpointer data)
{
    Fixture *f = data;

    memcpy(f->kept, f->x, TOKENS * WIDTH * sizeof(real));
    f->layers->activation_forward(f->activation, f->y, f->kept, TOKENS * WIDTH);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
check_activation(Fixture *f, EntroActivation kind)
{
    f->activation = kind;
    activation_objective(f);
    memcpy(f->dx, f->c, TOKENS * WIDTH * sizeof(real));
    f->layers->activation_backward(kind, f->dx, f->kept, TOKENS * WIDTH);
    check_gradient("x", f->x, f->dx, TOKENS * WIDTH, 1, activation_objective, f);
}

static void
test_gelu(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_activation(f, ENTRO_ACT_GELU);
    f->kept[0] = 2.385;
    f->layers->activation_forward(ENTRO_ACT_GELU, f->y, f->kept, 1);
    /* 2.385 * Phi(2.385), not the tanh approximation (2.364...) */
    g_assert_cmpfloat_with_epsilon((double)f->y[0], 2.385 * 0.5 * erfc(-2.385 / sqrt(2)), 1e-6);
}

static void
test_relu(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_activation(f, ENTRO_ACT_RELU);
    f->kept[0] = (real)NAN;
    f->layers->activation_forward(ENTRO_ACT_RELU, f->y, f->kept, 1);
    g_assert_true(isnan((double)f->y[0]));
}

static void
test_identity(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_activation(f, ENTRO_ACT_IDENTITY);
}

/* ---- attention -------------------------------------------------------------------------------------- */

static const AttentionShape attention_shape = {SAMPLES, CONTEXT, HEADS, WIDTH};

static Attention
attention_of(Fixture *f, const real *temperature)
{
    return (Attention){.qk = f->x, .v = f->v, .temperature = temperature, .p = f->kept};
}

static double
attention_objective(gpointer data)
{
    Fixture *f = data;
    const Attention attention = attention_of(f, NULL);

    f->layers->attention_forward(f->y, &attention, &attention_shape);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
test_attention(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree real *scratch = g_new0(real, ATTENTION_BLOCK * CONTEXT);
    const Attention attention = attention_of(f, NULL);
    const AttentionGrads grads = {.dy = f->c, .dqk = f->dx, .dv = f->dv, .scratch = scratch};

    attention_objective(f);
    f->layers->attention_backward(&grads, &attention, &attention_shape);
    check_gradient("queries and keys", f->x, f->dx, TOKENS * 2 * WIDTH, 1, attention_objective, f);
    check_gradient("values", f->v, f->dv, TOKENS * WIDTH, 1, attention_objective, f);
}

/* In place of the gains: some sharpen, some blur. */
static void
make_temperatures(Fixture *f)
{
    for (gsize i = 0; i < HEADS * CONTEXT; i++)
        f->gain[i] = (real)(fabs((double)f->gain[i]) + 0.3);
}

static double
temperature_objective(gpointer data)
{
    Fixture *f = data;
    const Attention attention = attention_of(f, f->gain);

    f->layers->attention_forward(f->y, &attention, &attention_shape);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
test_temperature(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree real *scratch = g_new0(real, ATTENTION_BLOCK * CONTEXT);
    const Attention attention = attention_of(f, f->gain);
    const AttentionGrads grads = {
        .dy = f->c, .dqk = f->dx, .dv = f->dv, .dtemperature = f->dw, .scratch = scratch};

    make_temperatures(f);
    temperature_objective(f);
    f->layers->attention_backward(&grads, &attention, &attention_shape);
    check_gradient("temperatures", f->gain, f->dw, HEADS * CONTEXT, 1, temperature_objective, f);
    check_gradient("queries and keys", f->x, f->dx, TOKENS * 2 * WIDTH, 1, temperature_objective,
                   f);
}

/* ---- regulariser ------------------------------------------------------------------------------------ */

typedef struct {
    Fixture *f;
    Regularizer how;
    real *pull;
} Penalty;

static double
penalty_objective(gpointer data)
{
    Penalty *penalty = data;
    Fixture *f = penalty->f;
    real ignored[HEADS] = {0};

    return temperature_objective(f) +
           f->layers->regularize(penalty->pull, ignored, f->kept, &penalty->how, &attention_shape);
}

static void
check_regularizer(Fixture *f, gboolean head_means)
{
    g_autofree real *scratch = g_new0(real, ATTENTION_BLOCK * CONTEXT);
    g_autofree real *pull = g_new0(real, SAMPLES * HEADS * CONTEXT);
    real threshold[HEADS] = {(real)0.2, (real)0.5, (real)0.8};
    real dthreshold[HEADS] = {0};
    Penalty penalty = {.f = f,
                       .how = {.head_means = head_means,
                               .e_max = log(CONTEXT),
                               .tolerance = 0.1 * log(CONTEXT),
                               .scale = 0.7,
                               .threshold = threshold},
                       .pull = pull};
    Attention attention = attention_of(f, f->gain);
    const AttentionGrads grads = {
        .dy = f->c, .dqk = f->dx, .dv = f->dv, .dtemperature = f->dw, .scratch = scratch};

    make_temperatures(f);
    attention.pull = pull;
    penalty_objective(&penalty);
    f->layers->regularize(pull, dthreshold, f->kept, &penalty.how, &attention_shape);
    f->layers->attention_backward(&grads, &attention, &attention_shape);
    check_gradient("thresholds", threshold, dthreshold, HEADS, 1, penalty_objective, &penalty);
    check_gradient("queries and keys", f->x, f->dx, TOKENS * 2 * WIDTH, 1, penalty_objective,
                   &penalty);
    check_gradient("temperatures", f->gain, f->dw, HEADS * CONTEXT, 1, penalty_objective, &penalty);
}

static void
test_regularized_rows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_regularizer(f, FALSE);
}

static void
test_regularized_heads(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check_regularizer(f, TRUE);
}

/* A uniform row of n keys has entropy ln n: closed form of both kinds, and of the margin. */
static void
test_regularizer_closed_form(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    enum { T = 3 };
    static const AttentionShape shape = {1, T, 1, 4};
    const real p[T * T] = {1, 0, 0, 0.5, 0.5, 0, (real)(1.0 / 3), (real)(1.0 / 3), (real)(1.0 / 3)};
    const real threshold[] = {0.5};
    const double target = 0.5 * log(3);
    /* row 1 lies |ln 2 - target| = 0.144 away: inside a margin of 0.2 */
    Regularizer how = {.e_max = log(3), .tolerance = 0.2, .scale = 2, .threshold = threshold};
    real pull[T], dthreshold[1] = {0};

    g_assert_cmpfloat_with_epsilon(f->layers->regularize(pull, dthreshold, p, &how, &shape),
                                   2 * (target * target + target * target) / 3, 1e-12);
    g_assert_cmpfloat_with_epsilon((double)pull[0], -2 * 2 * target / 3, 1e-12);
    g_assert_cmpfloat((double)pull[1], ==, 0);
    g_assert_cmpfloat_with_epsilon((double)dthreshold[0], 0, 1e-12); /* rows 0 and 2 balance */
    how.head_means = TRUE;
    how.tolerance = 0;
    const double delta = (log(2) + log(3)) / 3 - target;
    g_assert_cmpfloat_with_epsilon(f->layers->regularize(pull, dthreshold, p, &how, &shape),
                                   2 * delta * delta, 1e-12);
}

static void
test_regularizer_nan(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const AttentionShape shape = {1, 2, 1, 4};
    const real p[4] = {1, 0, (real)NAN, (real)NAN};
    const real threshold[] = {0.5};
    const Regularizer how = {.e_max = log(2), .tolerance = 0.1, .scale = 1, .threshold = threshold};
    real pull[2], dthreshold[1] = {0};

    g_assert_true(isnan(f->layers->regularize(pull, dthreshold, p, &how, &shape)));
}

static void
test_attention_rows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    attention_objective(f);
    for (gsize row = 0; row < SAMPLES * HEADS * CONTEXT; row++) {
        const real *p = f->kept + row * CONTEXT;
        double sum = 0;

        for (gsize key = 0; key < CONTEXT; key++) {
            sum += (double)p[key];
            g_assert_true(key <= row % CONTEXT ? p[key] > 0 : p[key] == 0);
        }
        g_assert_cmpfloat_with_epsilon(sum, 1, 1e-12);
    }
}

/* ---- loss ---------------------------------------------------------------------------------------------- */

static double
loss_objective(gpointer data)
{
    Fixture *f = data;

    memcpy(f->y, f->x, TOKENS * VOCAB * sizeof(real));
    return 0.385 * f->layers->loss(f->y, f->tokens, 0.385, TOKENS, VOCAB);
}

static void
test_loss(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    loss_objective(f);
    memcpy(f->dx, f->y, TOKENS * VOCAB * sizeof(real));
    check_gradient("logits", f->x, f->dx, TOKENS * VOCAB, 17, loss_objective, f);
    memset(f->y, 0, VOCAB * sizeof(real));
    g_assert_cmpfloat_with_epsilon(f->layers->loss(f->y, f->tokens, 1, 1, VOCAB), log(256), 1e-12);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(Fixture *, gconstpointer);
    } tests[] = {
        {"embedding-adds-rows-of-two-tables", test_embed},
        {"linear-has-the-gradients-of-input-weights-and-bias", test_linear},
        {"linear-adds-where-it-says-so", test_linear_adds},
        {"linear-adds-scaled-to-what-is-there", test_linear_add},
        {"norm-has-the-gradients-of-input-gain-and-bias", test_norm},
        {"gelu-is-the-exact-form", test_gelu},
        {"relu-passes-a-nan-on", test_relu},
        {"identity-leaves-the-gradient", test_identity},
        {"attention-has-the-gradients-of-queries-keys-and-values", test_attention},
        {"attention-rows-sum-to-one-and-see-no-later-key", test_attention_rows},
        {"temperature-has-its-gradient", test_temperature},
        {"regularizer-of-rows-has-the-gradients-of-all-it-depends-on", test_regularized_rows},
        {"regularizer-of-heads-has-the-gradients-of-all-it-depends-on", test_regularized_heads},
        {"regularizer-of-uniform-rows-is-the-closed-form", test_regularizer_closed_form},
        {"regularizer-keeps-nan", test_regularizer_nan},
        {"loss-is-the-cross-entropy-of-the-target", test_loss},
    };

    g_test_init(&argc, &argv, NULL);
    for (guint build = 0; supported_layers(build) != NULL; build++)
        for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
            const Layers *layers = supported_layers(build);
            g_autofree char *path =
                g_strdup_printf("/trainer/layers/%s/%s", layers->isa, tests[i].name);

            g_test_add(path, Fixture, layers, set_up, tests[i].test, tear_down);
        }
    return g_test_run();
}
