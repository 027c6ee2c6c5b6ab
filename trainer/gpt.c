/* gpt.c: the model from tokens to loss and back, Eq. 1 to 4 of the paper.
 *
 *     middle = x + attention(norm1(x));  out = middle + ffn(norm2(middle))
 *
 * or, with scales, out = beta middle + ffn(norm2(middle)) / alpha, Eq. 8.
 *
 * Each part's backward stands under its forward; the whole is undone in reverse order. */
#include "gpt-private.h"
#include <string.h>

/* One pass over the model: its weights, gradients (backward only) and sizes. */
typedef struct {
    const Gpt *gpt;
    const GptShape *shape;
    const Layers *layers;
    GptState *state;
    real *weights, *grads;
    gsize n_samples, n_tokens, d;
} Pass;

static Pass
pass_of(const Gpt *gpt, real *weights, real *grads, GptState *state, gsize n_samples)
{
    const GptShape *shape = &gpt->table->shape;

    return (Pass){.gpt = gpt,
                  .shape = shape,
                  .layers = gpt->layers,
                  .state = state,
                  .weights = weights,
                  .grads = grads,
                  .n_samples = n_samples,
                  .n_tokens = n_samples * shape->context,
                  .d = shape->d_model};
}

static real *
weight(const Pass *pass, TensorKind kind, gsize layer)
{
    return tensor_at(pass->gpt->table, pass->weights, kind, layer);
}

static real *
grad(const Pass *pass, TensorKind kind, gsize layer)
{
    return tensor_at(pass->gpt->table, pass->grads, kind, layer);
}

/* Scales of the FFN's two branches. */
static real
scale_of(const Pass *pass, TensorKind kind, gsize layer)
{
    const real *scale = weight(pass, kind, layer);

    return scale == NULL ? 1 : *scale;
}

static Attention
attention_of(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];

    return (Attention){.qk = block->qk,
                       .v = block->v,
                       .temperature = weight(pass, TENSOR_TEMPERATURE, layer),
                       .p = block->p,
                       .pull = block->pull};
}

static AttentionShape
attention_shape(const Pass *pass)
{
    return (AttentionShape){.n_samples = pass->n_samples,
                            .context = pass->shape->context,
                            .n_heads = pass->shape->n_heads,
                            .d_model = pass->d};
}

/* ---- a LayerNorm, or nothing where y and x are the same memory ------------------------------- */

static void
norm_forward(const Pass *pass, real *y, real *stats, const real *x, TensorKind gain,
             TensorKind bias, gsize layer)
{
    if (y != x)
        pass->layers->norm_forward(y, stats, x, weight(pass, gain, layer),
                                   weight(pass, bias, layer), pass->n_tokens, pass->d);
}

/* dx += what dy gives */
static void
norm_backward(const Pass *pass, real *dx, const real *dy, const real *x, const real *stats,
              TensorKind gain, TensorKind bias, gsize layer)
{
    if (stats == NULL)
        pass->layers->add(dx, dy, pass->n_tokens * pass->d);
    else
        pass->layers->norm_backward(dx, grad(pass, gain, layer), grad(pass, bias, layer), dy, x,
                                    stats, weight(pass, gain, layer), pass->n_tokens, pass->d);
}

/* ---- attention: middle = x + (softmax(q k^T / t) v) w_o --------------------------------------- */

static void
attention_forward(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const Attention attention = attention_of(pass, layer);
    const AttentionShape shape = attention_shape(pass);
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;

    norm_forward(pass, block->norm1, block->stats1, block->x, TENSOR_NORM1_GAIN, TENSOR_NORM1_BIAS,
                 layer);
    pass->layers->linear_forward(block->qk, block->norm1, weight(pass, TENSOR_W_QK, layer),
                                 weight(pass, TENSOR_B_QK, layer), n, d, 2 * d);
    pass->layers->linear_forward(block->v, block->norm1, weight(pass, TENSOR_W_V, layer), NULL, n,
                                 d, d);
    pass->layers->attention_forward(block->mixed, &attention, &shape);
    memcpy(block->middle, block->x, n * d * sizeof(real));
    pass->layers->linear_add(block->middle, block->mixed, weight(pass, TENSOR_W_O, layer), 1, n, d,
                             d);
}

/* state->dx: gradient of middle in, of x out. */
static void
attention_backward(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const Attention attention = attention_of(pass, layer);
    const AttentionShape shape = attention_shape(pass);
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;
    real *dx = pass->state->dx;
    real *dnorm = pass->state->dnorm;
    real *dqk = pass->state->dwide; /* [N][2D] */
    real *dv = dqk + n * 2 * d;     /* [N][D] */
    real *dmixed = dv + n * d;      /* [N][D] */
    const AttentionGrads grads = {.dy = dmixed,
                                  .dqk = dqk,
                                  .dv = dv,
                                  .dtemperature = grad(pass, TENSOR_TEMPERATURE, layer),
                                  .scratch = pass->state->scratch};

    pass->layers->linear_backward(dmixed, grad(pass, TENSOR_W_O, layer), NULL, dx, block->mixed,
                                  weight(pass, TENSOR_W_O, layer), 1, FALSE, n, d, d);
    pass->layers->attention_backward(&grads, &attention, &shape);
    pass->layers->linear_backward(dnorm, grad(pass, TENSOR_W_V, layer), NULL, dv, block->norm1,
                                  weight(pass, TENSOR_W_V, layer), 1, FALSE, n, d, d);
    pass->layers->linear_backward(dnorm, grad(pass, TENSOR_W_QK, layer),
                                  grad(pass, TENSOR_B_QK, layer), dqk, block->norm1,
                                  weight(pass, TENSOR_W_QK, layer), 1, TRUE, n, d, 2 * d);
    norm_backward(pass, dx, dnorm, block->x, block->stats1, TENSOR_NORM1_GAIN, TENSOR_NORM1_BIAS,
                  layer);
}

/* ---- FFN: out = beta middle + act(norm2(middle) w_in) w_out / alpha ---------------------------- */

static real *
output_of(const Pass *pass, gsize layer)
{
    return layer + 1 < pass->shape->n_layers ? pass->state->blocks[layer + 1].x : pass->state->last;
}

/* The last matrix of the FFN and what it acts on: the hidden layer, or, fused, the input itself. */
static TensorKind
last_matrix(const Pass *pass)
{
    return pass->shape->arch->ffn == ENTRO_FFN_FUSED ? TENSOR_W_FUSED : TENSOR_W_OUT;
}

static void
hidden_forward(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;

    pass->layers->linear_forward(block->slope, block->norm2, weight(pass, TENSOR_W_IN, layer), NULL,
                                 n, d, 4 * d);
    if (block->hidden != block->slope)
        pass->layers->activation_forward(pass->shape->arch->activation, block->hidden, block->slope,
                                         n * 4 * d);
}

static void
ffn_forward(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;
    const real alpha = scale_of(pass, TENSOR_ALPHA, layer);
    const real beta = scale_of(pass, TENSOR_BETA, layer);
    const real *w = weight(pass, last_matrix(pass), layer);
    real *out = output_of(pass, layer);

    norm_forward(pass, block->norm2, block->stats2, block->middle, TENSOR_NORM2_GAIN,
                 TENSOR_NORM2_BIAS, layer);
    pass->layers->multiply(out, block->middle, beta, n * d);
    if (block->hidden == NULL) {
        pass->layers->linear_add(out, block->norm2, w, 1 / alpha, n, d, d);
    } else {
        hidden_forward(pass, layer);
        pass->layers->linear_add(out, block->hidden, w, 1 / alpha, n, 4 * d, d);
    }
}

/* dhidden: gradient of the hidden layer in; dnorm: of norm2 out. */
static void
hidden_backward(const Pass *pass, real *dnorm, real *dhidden, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;

    pass->layers->activation_backward(pass->shape->arch->activation, dhidden, block->slope,
                                      n * 4 * d);
    pass->layers->linear_backward(dnorm, grad(pass, TENSOR_W_IN, layer), NULL, dhidden,
                                  block->norm2, weight(pass, TENSOR_W_IN, layer), 1, FALSE, n, d,
                                  4 * d);
}

/* out = beta middle + f / alpha with f = input w: dbeta = dout . middle, and dalpha = -dout . f /
 * alpha^2 = -dinput . input / alpha, since dinput = dout w^T / alpha.  dout becomes beta dout. */
static void
scales_backward(const Pass *pass, real *dout, const real *dinput, const real *input, gsize width,
                gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const real alpha = scale_of(pass, TENSOR_ALPHA, layer);
    real *dalpha = grad(pass, TENSOR_ALPHA, layer);
    real *dbeta = grad(pass, TENSOR_BETA, layer);

    if (dalpha == NULL)
        return;
    *dalpha -= (real)pass->layers->dot(dinput, input, pass->n_tokens * width) / alpha;
    *dbeta += (real)pass->layers->dot(dout, block->middle, pass->n_tokens * pass->d);
    pass->layers->multiply(dout, dout, scale_of(pass, TENSOR_BETA, layer),
                           pass->n_tokens * pass->d);
}

/* state->dx: gradient of out in, of middle out. */
static void
ffn_backward(const Pass *pass, gsize layer)
{
    const BlockState *block = &pass->state->blocks[layer];
    const gboolean fused = block->hidden == NULL;
    const gsize n = pass->n_tokens;
    const gsize d = pass->d;
    const gsize width = fused ? d : 4 * d;
    const TensorKind matrix = last_matrix(pass);
    const real *input = fused ? block->norm2 : block->hidden;
    real *dx = pass->state->dx;
    real *dnorm = pass->state->dnorm;
    real *dinput = fused ? dnorm : pass->state->dwide; /* [N][F] */

    pass->layers->linear_backward(dinput, grad(pass, matrix, layer), NULL, dx, input,
                                  weight(pass, matrix, layer),
                                  1 / scale_of(pass, TENSOR_ALPHA, layer), FALSE, n, width, d);
    scales_backward(pass, dx, dinput, input, width, layer);
    if (!fused)
        hidden_backward(pass, dnorm, dinput, layer);
    norm_backward(pass, dx, dnorm, block->middle, block->stats2, TENSOR_NORM2_GAIN,
                  TENSOR_NORM2_BIAS, layer);
}

/* ---- head: logits = norm(last) wte^T, the embedding once more ---------------------------------- */

/* wte[V][D] is read transposed; the gradient goes to the same tensor as that of the embedding. */
static void
head_forward(const Pass *pass)
{
    const GptState *state = pass->state;

    norm_forward(pass, state->final, state->final_stats, state->last, TENSOR_FINAL_GAIN,
                 TENSOR_FINAL_BIAS, 0);
    real_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)pass->n_tokens, GPT_VOCAB, (int)pass->d,
              1, state->final, (int)pass->d, weight(pass, TENSOR_WTE, 0), (int)pass->d, 0,
              state->logits, GPT_VOCAB);
}

static void
head_backward(const Pass *pass)
{
    const GptState *state = pass->state;
    const int n = (int)pass->n_tokens;
    const int d = (int)pass->d;

    real_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, GPT_VOCAB, d, n, 1, state->logits, GPT_VOCAB,
              state->final, d, 1, grad(pass, TENSOR_WTE, 0), d);
    real_gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, GPT_VOCAB, 1, state->logits,
              GPT_VOCAB, weight(pass, TENSOR_WTE, 0), d, 0, state->dnorm, d);
    memset(state->dx, 0, pass->n_tokens * pass->d * sizeof(real));
    norm_backward(pass, state->dx, state->dnorm, state->last, state->final_stats, TENSOR_FINAL_GAIN,
                  TENSOR_FINAL_BIAS, 0);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

void
gpt_forward(const Gpt *gpt, real *weights, GptState *state, const guint8 *tokens, gsize n_samples)
{
    const Pass pass = pass_of(gpt, weights, NULL, state, n_samples);

    gpt->layers->embed_forward(state->blocks[0].x, tokens, weight(&pass, TENSOR_WTE, 0),
                               weight(&pass, TENSOR_WPE, 0), pass.n_tokens, pass.shape->context,
                               pass.d);
    for (gsize layer = 0; layer < pass.shape->n_layers; layer++) {
        attention_forward(&pass, layer);
        ffn_forward(&pass, layer);
    }
    head_forward(&pass);
}

double
gpt_loss(const Gpt *gpt, GptState *state, const guint8 *targets, gsize n_samples, double scale)
{
    return gpt->layers->loss(state->logits, targets, scale, n_samples * gpt->table->shape.context,
                             GPT_VOCAB);
}

double
gpt_regularize(const Gpt *gpt, real *weights, real *grads, GptState *state, gsize n_samples,
               gsize n_batch)
{
    const Pass pass = pass_of(gpt, weights, grads, state, n_samples);
    const AttentionShape shape = attention_shape(&pass);
    const EntroRegularize kind = pass.shape->arch->regularize;
    const double e_max = log((double)pass.shape->context);
    const double n_heads = (double)(pass.shape->n_layers * pass.shape->n_heads);
    double sum = 0;

    if (kind == ENTRO_REGULARIZE_OFF)
        return 0;
    for (gsize layer = 0; layer < pass.shape->n_layers; layer++) {
        const Regularizer how = {.head_means = kind == ENTRO_REGULARIZE_HEADMEAN,
                                 .e_max = e_max,
                                 .tolerance = gpt->gamma * e_max,
                                 .scale = gpt->lambda / (n_heads * (double)n_batch),
                                 .threshold = weight(&pass, TENSOR_THRESHOLD, layer)};
        const BlockState *block = &state->blocks[layer];

        sum += gpt->layers->regularize(block->pull, grad(&pass, TENSOR_THRESHOLD, layer), block->p,
                                       &how, &shape);
    }
    return sum;
}

void
gpt_backward(const Gpt *gpt, real *weights, real *grads, GptState *state, const guint8 *tokens,
             gsize n_samples)
{
    const Pass pass = pass_of(gpt, weights, grads, state, n_samples);

    head_backward(&pass);
    for (gsize layer = pass.shape->n_layers; layer-- > 0;) {
        ffn_backward(&pass, layer);
        attention_backward(&pass, layer);
    }
    gpt->layers->embed_backward(grad(&pass, TENSOR_WTE, 0), grad(&pass, TENSOR_WPE, 0), state->dx,
                                tokens, pass.n_tokens, pass.shape->context, pass.d);
}
