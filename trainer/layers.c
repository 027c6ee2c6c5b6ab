/* layers.c: each layer's forward, and directly under it its backward.
 *
 * Built once for each instruction set (layers-private.h).  Matrix products are OpenBLAS; the loops
 * around them are written so that the compiler vectorises them.  attention.c has the attention,
 * shapes and conventions stand in layers-private.h. */
#include "attention-private.h"
#include "fast-math.h"

#define NORM_EPS 1e-5 /* as in GPT-2 */

/* c[m][n] = alpha a b + beta c, all row-major and dense; `ta`, `tb`: stored transposed. */
static void
gemm(gboolean ta, gboolean tb, gsize m, gsize n, gsize k, real alpha, const real *a, const real *b,
     real beta, real *c)
{
    real_gemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)m,
              (int)n, (int)k, alpha, a, (int)(ta ? m : k), b, (int)(tb ? k : n), beta, c, (int)n);
}

static void
add(real *sum, const real *x, gsize n)
{
#pragma omp simd
    for (gsize i = 0; i < n; i++)
        sum[i] += x[i];
}

static void
multiply(real *y, const real *x, real factor, gsize n)
{
#pragma omp simd
    for (gsize i = 0; i < n; i++)
        y[i] = factor * x[i];
}

static double
dot(const real *x, const real *y, gsize n)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (gsize i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* ---- embedding: x[n] = wte[token of n] + wpe[position of n] -------------------------------- */

static void
embed_forward(real *x, const guint8 *tokens, const real *wte, const real *wpe, gsize n_tokens,
              gsize context, gsize d)
{
    for (gsize token = 0; token < n_tokens; token++) {
        real *x_n = x + token * d;

        memcpy(x_n, wte + tokens[token] * d, d * sizeof(real));
        add(x_n, wpe + token % context * d, d);
    }
}

static void
embed_backward(real *dwte, real *dwpe, const real *dx, const guint8 *tokens, gsize n_tokens,
               gsize context, gsize d)
{
    for (gsize token = 0; token < n_tokens; token++) {
        add(dwte + tokens[token] * d, dx + token * d, d);
        add(dwpe + token % context * d, dx + token * d, d);
    }
}

/* ---- linear: y = x w + bias ------------------------------------------------------------------ */

static void
linear_forward(real *y, const real *x, const real *w, const real *bias, gsize n_tokens, gsize n_in,
               gsize n_out)
{
    if (bias != NULL)
        for (gsize token = 0; token < n_tokens; token++)
            memcpy(y + token * n_out, bias, n_out * sizeof(real));
    gemm(FALSE, FALSE, n_tokens, n_out, n_in, 1, x, w, bias != NULL ? 1 : 0, y);
}

static void
linear_add(real *y, const real *x, const real *w, real scale, gsize n_tokens, gsize n_in,
           gsize n_out)
{
    gemm(FALSE, FALSE, n_tokens, n_out, n_in, scale, x, w, 1, y);
}

/* dx = scale dy w^T, dw += scale x^T dy, dbias += column sums of dy */
static void
linear_backward(real *dx, real *dw, real *dbias, const real *dy, const real *x, const real *w,
                real scale, gboolean add_to_dx, gsize n_tokens, gsize n_in, gsize n_out)
{
    gemm(TRUE, FALSE, n_in, n_out, n_tokens, scale, x, dy, 1, dw);
    if (dbias != NULL)
        for (gsize token = 0; token < n_tokens; token++)
            add(dbias, dy + token * n_out, n_out);
    if (dx != NULL)
        gemm(FALSE, TRUE, n_tokens, n_in, n_out, scale, dy, w, add_to_dx ? 1 : 0, dx);
}

/* ---- LayerNorm: y = xhat * gain + bias, xhat = (x - mean) / sqrt(var + eps) ------------------- */

static void
norm_forward(real *y, real *stats, const real *x, const real *gain, const real *bias,
             gsize n_tokens, gsize d)
{
    for (gsize token = 0; token < n_tokens; token++) {
        const real *x_n = x + token * d;
        real *y_n = y + token * d;
        real sum = 0;
        real squares = 0;

#pragma omp simd reduction(+ : sum)
        for (gsize i = 0; i < d; i++)
            sum += x_n[i];
        const real mean = sum / (real)d;
#pragma omp simd reduction(+ : squares)
        for (gsize i = 0; i < d; i++)
            squares += (x_n[i] - mean) * (x_n[i] - mean);
        const real inverse_sd = 1 / (real)sqrt(squares / (real)d + (real)NORM_EPS);
#pragma omp simd
        for (gsize i = 0; i < d; i++)
            y_n[i] = (x_n[i] - mean) * inverse_sd * gain[i] + bias[i];
        stats[2 * token] = mean;
        stats[2 * token + 1] = inverse_sd;
    }
}

/* With dxhat = dy * gain:
 * dx += (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)) / sd, dgain += dy * xhat, dbias += dy */
static void
norm_backward(real *dx, real *dgain, real *dbias, const real *dy, const real *x, const real *stats,
              const real *gain, gsize n_tokens, gsize d)
{
    for (gsize token = 0; token < n_tokens; token++) {
        const real *x_n = x + token * d;
        const real *dy_n = dy + token * d;
        real *dx_n = dx + token * d;
        const real mean = stats[2 * token];
        const real inverse_sd = stats[2 * token + 1];
        real sum = 0;
        real product = 0;

#pragma omp simd reduction(+ : sum, product)
        for (gsize i = 0; i < d; i++) {
            const real xhat = (x_n[i] - mean) * inverse_sd;
            sum += dy_n[i] * gain[i];
            product += dy_n[i] * gain[i] * xhat;
            dgain[i] += dy_n[i] * xhat;
            dbias[i] += dy_n[i];
        }
        sum /= (real)d;
        product /= (real)d;
#pragma omp simd
        for (gsize i = 0; i < d; i++) {
            const real xhat = (x_n[i] - mean) * inverse_sd;
            dx_n[i] += (dy_n[i] * gain[i] - sum - xhat * product) * inverse_sd;
        }
    }
}

/* ---- activation: GELU is x Phi(x), the exact form; ReLU; identity ----------------------------- */

static void
gelu_forward(real *restrict y, real *restrict x_to_slope, gsize n)
{
#pragma omp simd
    for (gsize i = 0; i < n; i++) {
        const real x = x_to_slope[i];
        real density;
        const real normal = fast_normal(x, &density);

        y[i] = x * normal;
        x_to_slope[i] = normal + x * density;
    }
}

static void
relu_forward(real *restrict y, real *restrict x_to_slope, gsize n)
{
#pragma omp simd
    for (gsize i = 0; i < n; i++) {
        const real x = x_to_slope[i];

        y[i] = x <= 0 ? 0 : x; /* this way round a NaN stays one */
        x_to_slope[i] = x <= 0 ? 0 : 1;
    }
}

static void
activation_forward(EntroActivation kind, real *y, real *x_to_slope, gsize n)
{
    if (kind == ENTRO_ACT_GELU)
        gelu_forward(y, x_to_slope, n);
    else if (kind == ENTRO_ACT_RELU)
        relu_forward(y, x_to_slope, n);
    else
        memcpy(y, x_to_slope, n * sizeof(real)); /* x itself stands where the slope would: unused */
}

/* dx = dy * act'(x) */
static void
activation_backward(EntroActivation kind, real *dy_to_dx, const real *slope, gsize n)
{
    if (kind == ENTRO_ACT_IDENTITY)
        return;
#pragma omp simd
    for (gsize i = 0; i < n; i++)
        dy_to_dx[i] *= slope[i];
}

/* ---- loss: cross-entropy of the next byte, in nats --------------------------------------------- */

/* One token: logits become exp(logits - max); returns their sum. */
static real
exponentiate(real *logits, real max, gsize n_vocab)
{
    real sum = 0;

#pragma omp simd reduction(+ : sum)
    for (gsize i = 0; i < n_vocab; i++) {
        logits[i] = fast_exp(logits[i] - max);
        sum += logits[i];
    }
    return sum;
}

/* -ln p = ln sum(exp(z - max)) + max - z[target]; dz = scale * (p - onehot) */
static double
loss(real *logits, const guint8 *targets, double scale, gsize n_tokens, gsize n_vocab)
{
    double total = 0;

    for (gsize token = 0; token < n_tokens; token++) {
        real *z = logits + token * n_vocab;
        const double z_target = z[targets[token]];
        real max = z[0];

#pragma omp simd reduction(max : max)
        for (gsize i = 0; i < n_vocab; i++)
            max = z[i] > max ? z[i] : max;
        const real sum = exponentiate(z, max, n_vocab);
        total += log((double)sum) + (double)max - z_target;
        const real factor = (real)scale / sum;
#pragma omp simd
        for (gsize i = 0; i < n_vocab; i++)
            z[i] *= factor;
        z[targets[token]] -= (real)scale;
    }
    return total;
}

/* ---- optimizer ---------------------------------------------------------------------------------- */

/* In double: a float overflows at gradients of 1e19, long before the model is lost. */
static double
sum_of_squares(const real *x, gsize n)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (gsize i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* m and v are running means of g and g^2 with weights beta1 and beta2, which start at 0: hence
 * the corrections.  w -= lr * (m' / (sqrt(v') + eps) + decay * w), Loshchilov and Hutter 2019. */
static void
adamw(real *restrict w, real *restrict m, real *restrict v, const real *restrict g, gsize n,
      const AdamwStep *step)
{
    const real beta1 = (real)step->beta1;
    const real beta2 = (real)step->beta2;
    const real rest1 = (real)(1 - step->beta1);
    const real rest2 = (real)(1 - step->beta2);
    const real lr = (real)(step->lr / step->correction1);
    const real inverse2 = (real)(1 / step->correction2);
    const real eps = (real)step->eps;
    const real keep = (real)(1 - step->lr * step->decay);
    const real grad_scale = (real)step->grad_scale;

#pragma omp simd
    for (gsize i = 0; i < n; i++) {
        const real gradient = g[i] * grad_scale;

        m[i] = beta1 * m[i] + rest1 * gradient;
        v[i] = beta2 * v[i] + rest2 * gradient * gradient;
        w[i] = keep * w[i] - lr * m[i] / ((real)sqrt(v[i] * inverse2) + eps);
    }
}

const Layers LAYER_NAME(layers) = {
    .isa = G_STRINGIFY(LAYERS_ISA),
    .embed_forward = embed_forward,
    .embed_backward = embed_backward,
    .linear_forward = linear_forward,
    .linear_add = linear_add,
    .linear_backward = linear_backward,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .activation_forward = activation_forward,
    .activation_backward = activation_backward,
    .attention_forward = LAYER_NAME(attention_forward),
    .attention_backward = LAYER_NAME(attention_backward),
    .regularize = LAYER_NAME(regularize),
    .loss = loss,
    .sum_of_squares = sum_of_squares,
    .add = add,
    .multiply = multiply,
    .dot = dot,
    .adamw = adamw,
};
