/* test-gpt.c: each whole model against central differences, and against a plain reference.
 *
 * Built in double.  The gradient check covers every tensor of the table, so a tensor that is added
 * there is checked here. */
#include "gradient-check.h"
#include "team-private.h"

#define LAYERS  2
#define HEADS   3
#define WIDTH   12
#define CONTEXT 9
#define SAMPLES 3
#define TOKENS  (SAMPLES * CONTEXT)

typedef struct {
    GptShape shape;
    TensorTable *table;
    Gpt gpt;
    GptState *state;
    real *weights, *grads;
    guint8 inputs[TOKENS], targets[TOKENS];
} Model;

/* Weights of a size that lets every part matter; gains and biases away from 1 and 0. */
static void
model_init(Model *model, const EntroArch *arch, gboolean final_norm)
{
    Rng rng = rng_new(2385, RNG_INIT, 1);

    model->shape = (GptShape){arch, LAYERS, HEADS, WIDTH, CONTEXT, final_norm};
    model->table = tensor_table_new(&model->shape);
    model->gpt = (Gpt){model->table, supported_layers(0)};
    model->state = gpt_state_new(&model->shape, SAMPLES);
    model->weights = g_new0(real, model->table->arena);
    model->grads = g_new0(real, model->table->arena);
    tensors_init(model->table, model->weights, 0.35, &rng);
    for (gsize i = 0; i < model->table->arena; i++)
        model->weights[i] += (real)(0.05 * rng_normal(&rng));
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
    g_free(model->grads);
}

static double
objective(gpointer data)
{
    Model *model = data;

    gpt_forward(&model->gpt, model->weights, model->state, model->inputs, SAMPLES);
    return gpt_loss(&model->gpt, model->state, model->targets, SAMPLES, 1.0 / TOKENS) / TOKENS;
}

static void
check_model(const EntroArch *arch, gboolean final_norm)
{
    Model model;

    model_init(&model, arch, final_norm);
    objective(&model);
    gpt_backward(&model.gpt, model.weights, model.grads, model.state, model.inputs, SAMPLES);
    for (guint i = 0; i < model.table->n; i++) {
        const Tensor *tensor = &model.table->items[i];

        check_gradient(tensor->name, model.weights + tensor->offset, model.grads + tensor->offset,
                       tensor->size, 1 + tensor->size / 400, objective, &model);
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
               int head)
{
    const int width = WIDTH / HEADS;
    double z[CONTEXT];
    double sum = 0;

    for (int key = 0; key <= query; key++) {
        z[key] = 0;
        for (int i = head * width; i < (head + 1) * width; i++)
            z[key] += qk[query][i] * qk[key][WIDTH + i] / sqrt(width);
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
    return tensor_at(model->table, model->weights, kind, layer);
}

static void
reference_block(const Model *model, gsize layer, double x[CONTEXT][WIDTH])
{
    double normed[CONTEXT][WIDTH], qk[CONTEXT][2 * WIDTH], v[CONTEXT][WIDTH], y[WIDTH],
        hidden[4 * WIDTH];

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
            reference_head(y, qk, v, t, head);
        reference_linear(out, y, at(model, TENSOR_W_O, layer), NULL, WIDTH, WIDTH);
        for (int i = 0; i < WIDTH; i++)
            x[t][i] += out[i];
        reference_norm(y, x[t], at(model, TENSOR_NORM2_GAIN, layer),
                       at(model, TENSOR_NORM2_BIAS, layer));
        reference_linear(hidden, y, at(model, TENSOR_W_IN, layer), NULL, WIDTH, 4 * WIDTH);
        for (int i = 0; i < 4 * WIDTH; i++)
            hidden[i] = reference_activation(model->shape.arch->activation, hidden[i]);
        reference_linear(out, hidden, at(model, TENSOR_W_OUT, layer), NULL, 4 * WIDTH, WIDTH);
        for (int i = 0; i < WIDTH; i++)
            x[t][i] += out[i];
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
    g_assert_cmpfloat_with_epsilon(objective(&model), expected, 1e-11 * expected);
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
    const gsize n = 64 * 256;
    double squares = 0;

    tensors_init(table, weights, 0.0693, &rng);
    const real *w_in = tensor_at(table, weights, TENSOR_W_IN, 1);
    for (gsize i = 0; i < n; i++)
        squares += (double)w_in[i] * (double)w_in[i] / (double)n;
    g_assert_cmpfloat_with_epsilon(sqrt(squares), 0.0693, 0.0693 * 0.03); /* 5 standard errors */
    g_assert_cmpfloat((double)tensor_at(table, weights, TENSOR_B_QK, 1)[5], ==, 0);
    g_assert_cmpfloat((double)tensor_at(table, weights, TENSOR_NORM1_GAIN, 1)[5], ==, 1);
}

/* ---- the team ------------------------------------------------------------------------------------ */

static void
test_parts(void)
{
    Model model;
    const Batch batch = {SAMPLES, model.inputs, model.targets};

    model_init(&model, entro_arch_find("SM+LN+G"), TRUE);
    g_autoptr(Team) one = team_new(&model.gpt, 1, SAMPLES);
    g_autoptr(Team) two = team_new(&model.gpt, 2, SAMPLES);
    const double loss = team_train(one, model.weights, &batch);

    g_assert_cmpfloat_with_epsilon(loss, objective(&model), 1e-13);
    g_assert_cmpfloat_with_epsilon(team_train(two, model.weights, &batch), loss, 1e-13);
    for (gsize i = 0; i < model.table->arena; i++)
        g_assert_cmpfloat_with_epsilon((double)one->grads[0][i], (double)two->grads[0][i], 1e-13);
    model_clear(&model);
}

int
main(int argc, char **argv)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);
    static const struct {
        const char *name;
        GTestDataFunc test;
    } tests[] = {
        {"every-gradient-is-that-of-central-differences", test_gradient},
        {"every-gradient-holds-without-final-norm", test_gradient_without_final_norm},
        {"the-loss-is-that-of-a-plain-reference", test_reference},
    };

    g_test_init(&argc, &argv, NULL);
    for (guint arch = 0; arch < n; arch++)
        for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path =
                g_strdup_printf("/trainer/gpt/%s/%s", archs[arch].name, tests[i].name);

            g_test_add_data_func(path, &archs[arch], tests[i].test);
        }
    g_test_add_func("/trainer/tensors/lie-apart-and-decay-only-as-matrices", test_sizes);
    g_test_add_func("/trainer/tensors/start-with-the-spread-asked-for", test_init);
    g_test_add_func("/trainer/team/two-parts-give-the-gradient-of-one", test_parts);
    return g_test_run();
}
