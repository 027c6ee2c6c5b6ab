/* attention.c: causal attention of all samples and heads, forward and backward.
 *
 * y = p v, p = softmax(q k^T / (t sqrt(dh))) over keys <= query; t is 1 or learnable, one a head and
 * query position.  The probabilities are kept: they are what this program is about.  Queries go in
 * blocks of ATTENTION_BLOCK against the keys up to the block's end, so nearly half of the square is
 * never computed; it stays 0 from its allocation. */
#include "attention-private.h"
#include "fast-math.h"

/* One head of one sample.  Rows of q and k lie 2D apart, those of v and y D apart. */
typedef struct {
    gsize context, width, d; /* T, dh, D */
    gsize qk_at, v_at, p_at; /* offsets of the head in [N][2D], [N][D], [samples][H][T][T] */
    gsize row_at;            /* in [samples][H][T] */
    real scale;
    const real *t; /* [T] temperature, NULL: 1 */
} Head;

static Head
head_of(const Attention *attention, const AttentionShape *shape, gsize sample, gsize head)
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
                  .row_at = (sample * shape->n_heads + head) * n,
                  .scale = 1 / (real)sqrt((double)width),
                  .t = attention->temperature == NULL ? NULL : attention->temperature + head * n};
}

/* ---- one row ------------------------------------------------------------------------------------ */

/* z[n_keys] -> softmax(sharpness z) over the first n_open, 0 behind.  Runs over all n_keys of the
 * block, where -Inf gives exp 0: loops of one length without remainder are faster. */
static void
softmax_row(real *z, real sharpness, gsize n_open, gsize n_keys)
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
        z[key] = fast_exp((z[key] - max) * sharpness);
        sum += z[key];
    }
    const real inverse = 1 / sum;
#pragma omp simd
    for (gsize key = 0; key < n_keys; key++)
        z[key] *= inverse;
    memset(z + n_open, 0, (n_keys - n_open) * sizeof(real)); /* NaN, too, only up to the query */
}

/* The entropy E of a row adds pull dE to the gradient: dE/dz = -p (ln p + E), which is what a
 * gradient -ln p of p gives below.  Where p is 0, so is what comes of it. */
static void
add_entropy(real *dp, const real *p, real pull, gsize n_keys)
{
#pragma omp simd
    for (gsize key = 0; key < n_keys; key++)
        dp[key] -= pull * fast_log(p[key]);
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

static real
sharpness_of(const Head *head, gsize query)
{
    return head->t == NULL ? 1 : 1 / head->t[query];
}

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
            softmax_row(p_block + (gsize)row * head->context,
                        sharpness_of(head, (gsize)(first + row)), (gsize)(first + row + 1),
                        (gsize)n_keys);
        real_gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width, n_keys, 1, p_block, t, v,
                  d, 0, y + (gsize)first * head->d, d);
    }
}

void
LAYER_NAME(attention_forward)(real *y, const Attention *attention, const AttentionShape *shape)
{
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize head = 0; head < shape->n_heads; head++) {
            const Head h = head_of(attention, shape, sample, head);
            const real *q = attention->qk + h.qk_at;

            head_forward(&h, y + h.v_at, attention->p + h.p_at, q, q + h.d, attention->v + h.v_at);
        }
}

/* Pointers into one head's part of everything. */
typedef struct {
    const real *q, *k, *v, *p, *pull, *dy;
    real *dq, *dk, *dv, *scratch;
    real *dtemperature; /* [T] */
} HeadGrads;

/* scratch[rows][T]: dp of these queries -> dz. */
static void
rows_backward(const Head *head, const HeadGrads *g, int first, int rows, int n_keys)
{
    for (int row = 0; row < rows; row++) {
        const gsize query = (gsize)(first + row);
        const real *p = g->p + query * head->context;
        real *dp = g->scratch + (gsize)row * head->context;

        if (g->pull != NULL && g->pull[query] != 0)
            add_entropy(dp, p, g->pull[query], (gsize)n_keys);
        softmax_row_backward(dp, p, head->scale * sharpness_of(head, query), (gsize)n_keys);
    }
}

/* z = q k^T scale / t, so dz/dt = -z / t, and the sum over the keys of dL/dz z is q dq. */
static void
temperature_backward(const Head *head, const HeadGrads *g, int first, int rows)
{
    for (int row = 0; row < rows; row++) {
        const gsize query = (gsize)(first + row);
        const real *q = g->q + query * 2 * head->d;
        const real *dq = g->dq + query * 2 * head->d;
        real sum = 0;

#pragma omp simd reduction(+ : sum)
        for (gsize i = 0; i < head->width; i++)
            sum += q[i] * dq[i];
        g->dtemperature[query] -= sum / head->t[query];
    }
}

/* y = p v    gives dp = dy v^T and dv = p^T dy;
 * z = q k^T  gives dq = dz k   and dk = dz^T q, dz from rows_backward().
 * dk and dv collect over the blocks, so the caller has cleared them. */
static void
head_backward(const Head *head, const HeadGrads *g)
{
    const int width = (int)head->width;
    const int d = (int)head->d;
    const int t = (int)head->context;

    for (int first = 0; first < t; first += ATTENTION_BLOCK) {
        const int rows = MIN(ATTENTION_BLOCK, t - first);
        const int n_keys = first + rows;
        const real *p_block = g->p + (gsize)first * head->context;
        const real *dy_block = g->dy + (gsize)first * head->d;
        const gsize qk_block = (gsize)first * 2 * head->d;

        real_gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n_keys, width, 1, dy_block, d,
                  g->v, d, 0, g->scratch, t);
        real_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_keys, width, rows, 1, p_block, t,
                  dy_block, d, 1, g->dv, d);
        rows_backward(head, g, first, rows, n_keys);
        real_gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, width, n_keys, 1, g->scratch, t,
                  g->k, 2 * d, 0, g->dq + qk_block, 2 * d);
        real_gemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_keys, width, rows, 1, g->scratch, t,
                  g->q + qk_block, 2 * d, 1, g->dk, 2 * d);
        if (head->t != NULL)
            temperature_backward(head, g, first, rows);
    }
}

void
LAYER_NAME(attention_backward)(const AttentionGrads *grads, const Attention *attention,
                               const AttentionShape *shape)
{
    const gsize n_tokens = shape->n_samples * shape->context;

    memset(grads->dqk, 0, n_tokens * 2 * shape->d_model * sizeof(real));
    memset(grads->dv, 0, n_tokens * shape->d_model * sizeof(real));
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize head = 0; head < shape->n_heads; head++) {
            const Head h = head_of(attention, shape, sample, head);
            const real *q = attention->qk + h.qk_at;
            real *dq = grads->dqk + h.qk_at;
            const HeadGrads g = {
                .q = q,
                .k = q + h.d,
                .v = attention->v + h.v_at,
                .p = attention->p + h.p_at,
                .pull = attention->pull == NULL ? NULL : attention->pull + h.row_at,
                .dy = grads->dy + h.v_at,
                .dq = dq,
                .dk = dq + h.d,
                .dv = grads->dv + h.v_at,
                .scratch = grads->scratch,
                .dtemperature = h.t == NULL ? NULL : grads->dtemperature + head * h.context,
            };

            head_backward(&h, &g);
        }
}
