/* test-gpt.c: each whole model against central differences, and against a plain reference.
 *
 * Built in double.  The gradient check covers every tensor of the table, so a tensor that is added
 * there is checked here. */
#include "gradient-check.h"
#include "matrix-norms.h"
#include "team-private.h"

#define LAYERS  2
#define HEADS   3
#define WIDTH   12
#define CONTEXT 9
#define SAMPLES 3
#define TOKENS  (SAMPLES * CONTEXT)

/* Combinations beyond the rows of the table: every part beside every other that it can meet. */
static const EntroArch combinations[] = {
    {.name = "SM(t)+LN+G+ScFFN+WN(all)",
     .norm = ENTRO_NORM_LAYER,
     .activation = ENTRO_ACT_GELU,
     .ffn = ENTRO_FFN_SCALED,
     .temperature = TRUE,
     .weight_norm = ENTRO_ON_QK | ENTRO_ON_V | ENTRO_ON_O | ENTRO_ON_FFN},
    {.name = "SM+G+SN(all)",
     .activation = ENTRO_ACT_GELU,
     .spectral_norm = ENTRO_ON_QK | ENTRO_ON_V | ENTRO_ON_O | ENTRO_ON_FFN},
    {.name = "EReg(SM+ScFuFFN+WN(QK)+SN(FFN)), head means",
     .ffn = ENTRO_FFN_FUSED,
     .weight_norm = ENTRO_ON_QK,
     .spectral_norm = ENTRO_ON_FFN,
     .regularize = ENTRO_REGULARIZE_HEADMEAN},
    {.name = "EReg(SM(t)+LN+R)",
     .norm = ENTRO_NORM_LAYER,
     .activation = ENTRO_ACT_RELU,
     .temperature = TRUE,
     .regularize = ENTRO_REGULARIZE_ROWS},
};

typedef struct {
    GptShape shape;
    TensorTable *table;
    Gpt gpt;
    GptState *state;
    real *weights, *model, *grads, *ignored; /* arenas; model: what the forward reads */
    guint8 inputs[TOKENS], targets[TOKENS];
} Model;

/* Weights of a size that lets every part matter; gains, biases and scales away from 1 and 0. */
static void
model_init(Model *model, const EntroArch *arch, gboolean final_norm)
{
    const TensorStart start = {.std = 0.35, .temperature = 0.8, .threshold = 0.5};
    Rng rng = rng_new(2385, RNG_INIT, 1);

    model->shape = (GptShape){arch, LAYERS, HEADS, WIDTH, CONTEXT, final_norm};
    model->table = tensor_table_new(&model->shape);
    model->gpt = (Gpt){model->table, supported_layers(0), 0.1, 0.7};
    model->state = gpt_state_new(&model->shape, SAMPLES);
    model->weights = g_new0(real, model->table->arena);
    model->model = g_new0(real, model->table->arena);
    model->grads = g_new0(real, model->table->arena);
    model->ignored = g_new0(real, model->table->arena);
    tensors_init(model->table, model->weights, &start, &rng);
    for (gsize i = 0; i < model->table->arena; i++)
        model->weights[i] += (real)(0.05 * rng_normal(&rng));
    matrix_norms_apply(model->table, model->weights, model->model, 1);
    for (guint i = 0; i < TOKENS; i++) {
        model->inputs[i] = (guint8)rng_below(&rng, 256);
        model->targets[i] = (guint8)rng_below(&rng, 256);
    }
}

static void
model_clear(Model *model)
{
    gpt_state_free(model->state);
    tensor_table_free(model->table);
    g_free(model->weights);
    g_free(model->model);
    g_free(model->grads);
    g_free(model->ignored);
}

static double
cross_entropy(Model *model)
{
    matrix_norms_apply(model->table, model->weights, model->model, 1);
    gpt_forward(&model->gpt, model->model, model->state, model->inputs, SAMPLES);
    return gpt_loss(&model->gpt, model->state, model->targets, SAMPLES, 1.0 / TOKENS) / TOKENS;
}

static double
objective(gpointer data)
{
    Model *model = data;

    return cross_entropy(model) + gpt_regularize(&model->gpt, model->model, model->ignored,
                                                 model->state, SAMPLES, SAMPLES);
}

static void
check_model(const EntroArch *arch, gboolean final_norm)
{
    Model model;

    model_init(&model, arch, final_norm);
    cross_entropy(&model);
    gpt_regularize(&model.gpt, model.model, model.grads, model.state, SAMPLES, SAMPLES);
    gpt_backward(&model.gpt, model.model, model.grads, model.state, model.inputs, SAMPLES);
    matrix_norms_backward(model.table, model.weights, model.model, model.grads, 1);
    for (guint i = 0; i < model.table->n; i++) {
        const Tensor *tensor = &model.table->items[i];

        if (tensor->trained)
            check_gradient(tensor->name, model.weights + tensor->offset,
                           model.grads + tensor->offset, tensor->size, 1 + tensor->size / 400,
                           objective, &model);
    }
    model_clear(&model);
}

static void
test_gradient(gconstpointer data)
{
    check_model(data, TRUE);
}

static void
test_gradient_without_final_norm(gconstpointer data)
{
    check_model(data, FALSE);
}

/* ---- a reference that shares nothing with the model but its weights ---------------------------- */

static void
reference_norm(double *y, const double *x, const real *gain, const real *bias)
{
    double mean = 0;
    double variance = 0;

    for (int i = 0; i < WIDTH; i++)
        mean += x[i] / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        variance += (x[i] - mean) * (x[i] - mean) / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        y[i] = gain == NULL
                   ? x[i]
                   : (x[i] - mean) / sqrt(variance + 1e-5) * (double)gain[i] + (double)bias[i];
}

static void
reference_linear(double *y, const double *x, const real *w, const real *bias, int n_in, int n_out)
{
    for (int out = 0; out < n_out; out++) {
        y[out] = bias == NULL ? 0 : (double)bias[out];
        for (int in = 0; in < n_in; in++)
            y[out] += x[in] * (double)w[in * n_out + out];
    }
}

static double
reference_activation(EntroActivation kind, double x)
{
    return kind == ENTRO_ACT_GELU   ? 0.5 * x * (1 + erf(x / sqrt(2)))
           : kind == ENTRO_ACT_RELU ? MAX(x, 0)
                                    : x;
}

/* One query of one head: softmax over keys 0 ... query, and the mean of the values. */
static void
reference_head(double *y, double qk[CONTEXT][2 * WIDTH], double v[CONTEXT][WIDTH], int query,
               int head, const real *temperature)
{
    const double t = temperature == NULL ? 1 : (double)temperature[head * CONTEXT + query];
    const int width = WIDTH / HEADS;
    double z[CONTEXT];
    double sum = 0;

    for (int key = 0; key <= query; key++) {
        z[key] = 0;
        for (int i = head * width; i < (head + 1) * width; i++)
            z[key] += qk[query][i] * qk[key][WIDTH + i] / sqrt(width) / t;
        sum += exp(z[key]);
    }
    for (int i = head * width; i < (head + 1) * width; i++) {
        y[i] = 0;
        for (int key = 0; key <= query; key++)
            y[i] += exp(z[key]) / sum * v[key][i];
    }
}

static real *
at(const Model *model, TensorKind kind, gsize layer)
{
    return tensor_at(model->table, model->model, kind, layer);
}

/* out = beta x + ffn(norm(x)) / alpha */
static void
reference_ffn(const Model *model, gsize layer, double x[WIDTH])
{
    const real *alpha = at(model, TENSOR_ALPHA, layer);
    const real *beta = at(model, TENSOR_BETA, layer);
    const real *fused = at(model, TENSOR_W_FUSED, layer);
    double y[WIDTH], out[WIDTH], hidden[4 * WIDTH];

    reference_norm(y, x, at(model, TENSOR_NORM2_GAIN, layer), at(model, TENSOR_NORM2_BIAS, layer));
    if (fused != NULL) {
        reference_linear(out, y, fused, NULL, WIDTH, WIDTH);
    } else {
        reference_linear(hidden, y, at(model, TENSOR_W_IN, layer), NULL, WIDTH, 4 * WIDTH);
        for (int i = 0; i < 4 * WIDTH; i++)
            hidden[i] = reference_activation(model->shape.arch->activation, hidden[i]);
        reference_linear(out, hidden, at(model, TENSOR_W_OUT, layer), NULL, 4 * WIDTH, WIDTH);
    }
    for (int i = 0; i < WIDTH; i++)
        x[i] = (beta == NULL ? 1 : (double)*beta) * x[i] +
               out[i] / (alpha == NULL ? 1 : (double)*alpha);
}

static void
reference_block(const Model *model, gsize layer, double x[CONTEXT][WIDTH])
{
    double normed[CONTEXT][WIDTH], qk[CONTEXT][2 * WIDTH], v[CONTEXT][WIDTH], y[WIDTH];

    for (int t = 0; t < CONTEXT; t++) {
        reference_norm(normed[t], x[t], at(model, TENSOR_NORM1_GAIN, layer),
                       at(model, TENSOR_NORM1_BIAS, layer));
        reference_linear(qk[t], normed[t], at(model, TENSOR_W_QK, layer),
                         at(model, TENSOR_B_QK, layer), WIDTH, 2 * WIDTH);
        reference_linear(v[t], normed[t], at(model, TENSOR_W_V, layer), NULL, WIDTH, WIDTH);
    }
    for (int t = 0; t < CONTEXT; t++) {
        double out[WIDTH];

        for (int head = 0; head < HEADS; head++)
            reference_head(y, qk, v, t, head, at(model, TENSOR_TEMPERATURE, layer));
        reference_linear(out, y, at(model, TENSOR_W_O, layer), NULL, WIDTH, WIDTH);
        for (int i = 0; i < WIDTH; i++)
            x[t][i] += out[i];
        reference_ffn(model, layer, x[t]);
    }
}

static double
reference_loss(const Model *model, gsize sample)
{
    const real *wte = at(model, TENSOR_WTE, 0);
    double x[CONTEXT][WIDTH];
    double loss = 0;

    for (int t = 0; t < CONTEXT; t++)
        for (int i = 0; i < WIDTH; i++)
            x[t][i] = (double)wte[model->inputs[sample * CONTEXT + t] * WIDTH + i] +
                      (double)at(model, TENSOR_WPE, 0)[t * WIDTH + i];
    for (gsize layer = 0; layer < LAYERS; layer++)
        reference_block(model, layer, x);
    for (int t = 0; t < CONTEXT; t++) {
        double y[WIDTH];
        double sum = 0;
        double target = 0;

        reference_norm(y, x[t], at(model, TENSOR_FINAL_GAIN, 0), at(model, TENSOR_FINAL_BIAS, 0));
        for (int byte = 0; byte < 256; byte++) {
            double z = 0;

            for (int i = 0; i < WIDTH; i++)
                z += y[i] * (double)wte[byte * WIDTH + i];
            sum += exp(z);
            target = byte == model->targets[sample * CONTEXT + t] ? z : target;
        }
        loss += log(sum) - target;
    }
    return loss;
}

static void
test_reference(gconstpointer data)
{
    Model model;
    double expected = 0;

    model_init(&model, data, TRUE);
    for (gsize sample = 0; sample < SAMPLES; sample++)
        expected += reference_loss(&model, sample) / TOKENS;
    g_assert_cmpfloat_with_epsilon(cross_entropy(&model), expected, 1e-11 * expected);
    model_clear(&model);
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void
test_sizes(void)
{
    const GptShape shape = {entro_arch_find("SM+LN+G"), 8, 8, 64, 64, TRUE};
    g_autoptr(TensorTable) table = tensor_table_new(&shape);
    const gsize block = 4 * 64 + 64 * 128 + 128 + 2 * 64 * 64 + 2 * 64 * 256;

    g_assert_cmpuint(table->n_parameters, ==, 256 * 64 + 64 * 64 + 8 * block + 2 * 64);
    for (guint i = 1; i < table->n; i++)
        g_assert_cmpuint(table->items[i].offset, >=,
                         table->items[i - 1].offset + table->items[i - 1].size);
    for (guint i = 0; i < table->n; i++)
        g_assert_cmpint(table->items[i].decay, ==, table->items[i].n_dims == 2);
}

static void
test_init(void)
{
    const GptShape shape = {entro_arch_find("SM+LN"), 2, 4, 64, 64, TRUE};
    g_autoptr(TensorTable) table = tensor_table_new(&shape);
    g_autofree real *weights = g_new0(real, table->arena);
    Rng rng = rng_new(7, RNG_INIT, 0);
    const TensorStart start = {.std = 0.0693};
    const gsize n = 64 * 256;
    double squares = 0;

    tensors_init(table, weights, &start, &rng);
    const real *w_in = tensor_at(table, weights, TENSOR_W_IN, 1);
    for (gsize i = 0; i < n; i++)
        squares += (double)w_in[i] * (double)w_in[i] / (double)n;
    g_assert_cmpfloat_with_epsilon(sqrt(squares), 0.0693, 0.0693 * 0.03); /* 5 standard errors */
    g_assert_cmpfloat((double)tensor_at(table, weights, TENSOR_B_QK, 1)[5], ==, 0);
    g_assert_cmpfloat((double)tensor_at(table, weights, TENSOR_NORM1_GAIN, 1)[5], ==, 1);
}

/* ---- the team ------------------------------------------------------------------------------------ */

static void
test_parts(gconstpointer arch)
{
    Model model;
    const Batch batch = {SAMPLES, model.inputs, model.targets};
    double reg_loss, reg_loss_two;

    model_init(&model, arch, TRUE);
    g_autoptr(Team) one = team_new(&model.gpt, 1, SAMPLES);
    g_autoptr(Team) two = team_new(&model.gpt, 2, SAMPLES);
    const double loss = team_train(one, model.model, &batch, &reg_loss);

    g_assert_cmpfloat_with_epsilon(loss + reg_loss, objective(&model), 1e-13);
    g_assert_cmpfloat_with_epsilon(team_train(two, model.model, &batch, &reg_loss_two), loss,
                                   1e-13);
    g_assert_cmpfloat_with_epsilon(reg_loss_two, reg_loss, 1e-13);
    for (gsize i = 0; i < model.table->arena; i++)
        g_assert_cmpfloat_with_epsilon((double)one->grads[0][i], (double)two->grads[0][i], 1e-13);
    model_clear(&model);
}

static void
add_tests(const EntroArch *archs, guint n)
{
    static const struct {
        const char *name;
        GTestDataFunc test;
    } tests[] = {
        {"every-gradient-is-that-of-central-differences", test_gradient},
        {"every-gradient-holds-without-final-norm", test_gradient_without_final_norm},
        {"the-loss-is-that-of-a-plain-reference", test_reference},
        {"two-parts-give-the-gradient-of-one", test_parts},
    };

    for (guint arch = 0; arch < n; arch++)
        for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path =
                g_strdup_printf("/trainer/gpt/%s/%s", archs[arch].name, tests[i].name);

            g_test_add_data_func(path, &archs[arch], tests[i].test);
        }
}

int
main(int argc, char **argv)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);

    g_test_init(&argc, &argv, NULL);
    add_tests(archs, n);
    add_tests(combinations, G_N_ELEMENTS(combinations));
    g_test_add_func("/trainer/tensors/lie-apart-and-decay-only-as-matrices", test_sizes);
    g_test_add_func("/trainer/tensors/start-with-the-spread-asked-for", test_init);
    return g_test_run();
}
