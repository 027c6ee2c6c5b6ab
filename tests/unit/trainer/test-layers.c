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

    f->layers->linear_forward(f->y, f->x, f->w, f->bias, FALSE, TOKENS, WIDTH, OUT);
    return weighted_sum(f->c, f->y, TOKENS * OUT);
}

static void
test_linear(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->linear_backward(f->dx, f->dw, f->dbias, f->c, f->x, f->w, FALSE, TOKENS, WIDTH, OUT);
    check_gradient("x", f->x, f->dx, TOKENS * WIDTH, 1, linear_objective, f);
    check_gradient("w", f->w, f->dw, WIDTH * OUT, 1, linear_objective, f);
    check_gradient("bias", f->bias, f->dbias, OUT, 1, linear_objective, f);
}

static void
test_linear_adds(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->layers->linear_backward(f->dx, f->dw, NULL, f->c, f->x, f->w, FALSE, TOKENS, WIDTH, OUT);
    const double once = (double)f->dx[7];
    const double once_w = (double)f->dw[7];

    f->layers->linear_backward(f->dx, f->dw, NULL, f->c, f->x, f->w, TRUE, TOKENS, WIDTH, OUT);
    g_assert_cmpfloat_with_epsilon((double)f->dx[7], 2 * once, 1e-12);
    g_assert_cmpfloat_with_epsilon((double)f->dw[7], 2 * once_w, 1e-12);
    f->y[3] = 2.385;
    f->layers->linear_forward(f->y, f->x, f->w, NULL, TRUE, 1, WIDTH, OUT);
    const double with = (double)f->y[3];
    f->layers->linear_forward(f->y, f->x, f->w, NULL, FALSE, 1, WIDTH, OUT);
    g_assert_cmpfloat_with_epsilon(with - (double)f->y[3], 2.385, 1e-12);
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

static const AttentionShape attention = {SAMPLES, CONTEXT, HEADS, WIDTH};

static double
attention_objective(gpointer data)
{
    Fixture *f = data;

    f->layers->attention_forward(f->y, f->kept, f->x, f->v, &attention);
    return weighted_sum(f->c, f->y, TOKENS * WIDTH);
}

static void
test_attention(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree real *scratch = g_new0(real, ATTENTION_BLOCK * CONTEXT);

    attention_objective(f);
    f->layers->attention_backward(f->dx, f->dv, scratch, f->c, f->kept, f->x, f->v, &attention);
    check_gradient("queries and keys", f->x, f->dx, TOKENS * 2 * WIDTH, 1, attention_objective, f);
    check_gradient("values", f->v, f->dv, TOKENS * WIDTH, 1, attention_objective, f);
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
        {"norm-has-the-gradients-of-input-gain-and-bias", test_norm},
        {"gelu-is-the-exact-form", test_gelu},
        {"relu-passes-a-nan-on", test_relu},
        {"identity-leaves-the-gradient", test_identity},
        {"attention-has-the-gradients-of-queries-keys-and-values", test_attention},
        {"attention-rows-sum-to-one-and-see-no-later-key", test_attention_rows},
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
