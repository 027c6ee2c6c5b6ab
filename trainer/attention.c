/* attention.c: causal attention of all samples and heads, forward and backward.
 *
 * y = p v, p = softmax(q k^T / sqrt(dh)) over keys <= query.  The probabilities are kept: they are
 * what this program is about.  Queries go in blocks of ATTENTION_BLOCK against the keys up to the
 * block's end, so nearly half of the square is never computed; it stays 0 from its allocation. */
#include "attention-private.h"
#include "fast-math.h"

/* One head of one sample.  Rows of q and k lie 2D apart, those of v and y D apart. */
typedef struct {
    gsize context, width, d; /* T, dh, D */
    gsize qk_at, v_at, p_at; /* offsets of the head in [N][2D], [N][D], [samples][H][T][T] */
    real scale;
} Head;

static Head
head_of(const AttentionShape *shape, gsize sample, gsize head)
{
    const gsize n = shape->context;
    const gsize d = shape->d_model;
    const gsize width = d / shape->n_heads;

    return (Head){.context = n,
                  .width = width,
                  .d = d,
                  .qk_at = sample * n * 2 * d + head * width,
                  .v_at = sample * n * d + head * width,
                  .p_at = (sample * shape->n_heads + head) * n * n,
                  .scale = 1 / (real)sqrt((double)width)};
}

/* ---- one row ------------------------------------------------------------------------------------ */

/* z[n_keys] -> softmax over the first n_open, 0 behind.  Runs over all n_keys of the block, where
 * -Inf gives exp 0: loops of one length without remainder are faster than loops of n_open. */
static void
softmax_row(real *z, gsize n_open, gsize n_keys)
{
    real max = z[0];
    real sum = 0;

    for (gsize key = n_open; key < n_keys; key++)
        z[key] = (real)-INFINITY;
#pragma omp simd reduction(max : max)
    for (gsize key = 0; key < n_keys; key++)
        max = z[key] > max ? z[key] : max;
#pragma omp simd reduction(+ : sum)
    for (gsize key = 0; key < n_keys; key++) {
        z[key] = fast_exp(z[key] - max);
        sum += z[key];
    }
    const real inverse = 1 / sum;
#pragma omp simd
    for (gsize key = 0; key < n_keys; key++)
        z[key] *= inverse;
    memset(z + n_open, 0, (n_keys - n_open) * sizeof(real)); /* NaN, too, only up to the query */
}

/* dp[n_keys] -> dz = p * (dp - sum(p * dp)): the row's dot product makes it linear in the keys. */
static void
softmax_row_backward(real *dp, const real *p, real scale, gsize n_keys)
{
    real dot = 0;

#pragma omp simd reduction(+ : dot)
    for (gsize key = 0; key < n_keys; key++)
        dot += p[key] * dp[key];
#pragma omp simd
    for (gsize key = 0; key < n_keys; key++)
        dp[key] = p[key] * (dp[key] - dot) * scale;
}

/* ---- one head ----------------------------------------------------------------------------------- */

static void
head_forward(const Head *head, real *y, real *p, const real *q, const real *k, const real *v)
{
    const int width = (int)head->width;
    const int d = (int)head->d;
    const int t = (int)head->context;

    for (int first = 0; first < t; first += ATTENTION_BLOCK) {
        const int rows = MIN(ATTENTION_BLOCK, t - first);
        const int n_keys = first + rows;
        real *p_block = p + (gsize)first * head->context;

        real_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n_keys, width, head->scale,
                  q + (gsize)first * 2 * head->d, 2 * d, k, 2 * d, 0, p_block, t);
        for (int row = 0; row < rows; row++)
            softmax_row(p_block + (gsize)row * head->context, (gsize)(first + row + 1),
                        (gsize)n_keys);
        real_gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width, n_keys, 1, p_block, t, v,
                  d, 0, y + (gsize)first * head->d, d);
    }
}

void
LAYER_NAME(attention_forward)(real *y, real *p, const real *qk, const real *v,
                              const AttentionShape *shape)
{
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize head = 0; head < shape->n_heads; head++) {
            const Head h = head_of(shape, sample, head);
            const real *q = qk + h.qk_at;

            head_forward(&h, y + h.v_at, p + h.p_at, q, q + h.d, v + h.v_at);
        }
}

/* y = p v    gives dp = dy v^T and dv = p^T dy;
 * z = q k^T  gives dq = dz k   and dk = dz^T q, dz from softmax_row_backward().
 * dk and dv collect over the blocks, so the caller has cleared them. */
static void
head_backward(const Head *head, real *dq, real *dk, real *dv, real *scratch, const real *dy,
              const real *p, const real *q, const real *k, const real *v)
{
    const int width = (int)head->width;
    const int d = (int)head->d;
    const int t = (int)head->context;

    for (int first = 0; first < t; first += ATTENTION_BLOCK) {
        const int rows = MIN(ATTENTION_BLOCK, t - first);
        const int n_keys = first + rows;
        const real *p_block = p + (gsize)first * head->context;
        const real *dy_block = dy + (gsize)first * head->d;
        const gsize qk_block = (gsize)first * 2 * head->d;

        real_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n_keys, width, 1, dy_block, d, v,
                  d, 0, scratch, t);
        real_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_keys, width, rows, 1, p_block, t,
                  dy_block, d, 1, dv, d);
        for (int row = 0; row < rows; row++)
            softmax_row_backward(scratch + (gsize)row * head->context,
                                 p_block + (gsize)row * head->context, head->scale, (gsize)n_keys);
        real_gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width, n_keys, 1, scratch, t, k,
                  2 * d, 0, dq + qk_block, 2 * d);
        real_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_keys, width, rows, 1, scratch, t,
                  q + qk_block, 2 * d, 1, dk, 2 * d);
    }
}

void
LAYER_NAME(attention_backward)(real *dqk, real *dv, real *scratch, const real *dy, const real *p,
                               const real *qk, const real *v, const AttentionShape *shape)
{
    const gsize n_tokens = shape->n_samples * shape->context;

    memset(dqk, 0, n_tokens * 2 * shape->d_model * sizeof(real));
    memset(dv, 0, n_tokens * shape->d_model * sizeof(real));
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize head = 0; head < shape->n_heads; head++) {
            const Head h = head_of(shape, sample, head);
            const real *q = qk + h.qk_at;
            real *dq = dqk + h.qk_at;

            head_backward(&h, dq, dq + h.d, dv + h.v_at, scratch, dy + h.v_at, p + h.p_at, q,
                          q + h.d, v + h.v_at);
        }
}
