/* matrix-norms.c: weight normalisation (Salimans and Kingma 2016) and spectral normalisation
 * (Miyato et al. 2018), as PyTorch has them.
 *
 * Weight:   W = g V / |V|, |V| the norm of each output's column; g starts as |V|, so that the
 *           function is that of the plain matrix.
 * Spectral: W = V / sigma, sigma = v^T V u, with one power iteration a step:
 *           v = V u / |V u|, u = V^T v / |V^T v|; both are constants of the gradient.
 *
 * Matrices are (in, out), so PyTorch's weight is their transpose, and its u and v are these. */
#include "matrix-norms.h"
#include <string.h>

#define FIRST_ITERATIONS 15    /* before the first step, as PyTorch does */
#define EPS              1e-12 /* below it a norm counts as this */

/* One matrix and its place in the arenas. */
typedef struct {
    const Tensor *tensor;
    gsize n_in, n_out;
} Matrix;

static Matrix
matrix_of(const Tensor *tensor)
{
    return (Matrix){tensor, tensor->dims[0], tensor->dims[1]};
}

static gboolean
has_gain(const Tensor *tensor)
{
    return tensor->norm.gain != G_MAXSIZE;
}

static gboolean
is_spectral(const Tensor *tensor)
{
    return tensor->norm.sn_unit != G_MAXSIZE;
}

/* ---- weight normalisation ---------------------------------------------------------------------- */

/* sums[out] = sum over in of a * b */
static void
column_sums(const Matrix *m, const real *a, const real *b, double *sums)
{
    memset(sums, 0, m->n_out * sizeof *sums);
    for (gsize in = 0; in < m->n_in; in++)
        for (gsize out = 0; out < m->n_out; out++)
            sums[out] += (double)a[in * m->n_out + out] * (double)b[in * m->n_out + out];
}

static double *
column_norms(const Matrix *m, const real *v)
{
    double *norms = g_new(double, m->n_out);

    column_sums(m, v, v, norms);
    for (gsize out = 0; out < m->n_out; out++)
        norms[out] = MAX(sqrt(norms[out]), EPS);
    return norms;
}

static void
weight_apply(const Matrix *m, const real *weights, real *model)
{
    const real *v = weights + m->tensor->offset;
    const real *gain = weights + m->tensor->norm.gain;
    real *w = model + m->tensor->offset;
    g_autofree double *factor = column_norms(m, v);

    for (gsize out = 0; out < m->n_out; out++)
        factor[out] = (double)gain[out] / factor[out];
    for (gsize in = 0; in < m->n_in; in++)
        for (gsize out = 0; out < m->n_out; out++)
            w[in * m->n_out + out] = (real)(factor[out] * (double)v[in * m->n_out + out]);
}

/* dg = (dW . V) / |V|;  dV = g / |V| (dW - dg V / |V|), column by column */
static void
weight_backward(const Matrix *m, const real *weights, real *grads)
{
    const real *v = weights + m->tensor->offset;
    const real *gain = weights + m->tensor->norm.gain;
    real *dw = grads + m->tensor->offset;
    real *dgain = grads + m->tensor->norm.gain;
    g_autofree double *norms = column_norms(m, v);
    g_autofree double *dots = g_new(double, m->n_out);

    column_sums(m, dw, v, dots);
    for (gsize in = 0; in < m->n_in; in++)
        for (gsize out = 0; out < m->n_out; out++) {
            const gsize at = in * m->n_out + out;
            const double along = dots[out] / (norms[out] * norms[out]) * (double)v[at];

            dw[at] = (real)((double)gain[out] / norms[out] * ((double)dw[at] - along));
        }
    for (gsize out = 0; out < m->n_out; out++)
        dgain[out] = (real)(dots[out] / norms[out]);
}

/* ---- spectral normalisation -------------------------------------------------------------------- */

static void
normalize(real *x, gsize n)
{
    double squares = 0;

    for (gsize i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    const double inverse = 1 / MAX(sqrt(squares), EPS);
    for (gsize i = 0; i < n; i++)
        x[i] = (real)((double)x[i] * inverse);
}

static void
power_iteration(const Matrix *m, real *weights)
{
    const real *w = weights + m->tensor->offset;
    real *v = weights + m->tensor->norm.sn_input;
    real *u = weights + m->tensor->norm.sn_unit;
    const int n_in = (int)m->n_in;
    const int n_out = (int)m->n_out;

    real_gemv(CblasRowMajor, CblasNoTrans, n_in, n_out, 1, w, n_out, u, 1, 0, v, 1);
    normalize(v, m->n_in);
    real_gemv(CblasRowMajor, CblasTrans, n_in, n_out, 1, w, n_out, v, 1, 0, u, 1);
    normalize(u, m->n_out);
}

static double
sigma_of(const Matrix *m, const real *weights)
{
    const real *w = weights + m->tensor->offset;
    const real *v = weights + m->tensor->norm.sn_input;
    const real *u = weights + m->tensor->norm.sn_unit;
    double sigma = 0;

    for (gsize in = 0; in < m->n_in; in++) {
        double row = 0;

        for (gsize out = 0; out < m->n_out; out++)
            row += (double)w[in * m->n_out + out] * (double)u[out];
        sigma += (double)v[in] * row;
    }
    return sigma;
}

static void
spectral_apply(const Matrix *m, const real *weights, real *model)
{
    const real *raw = weights + m->tensor->offset;
    real *w = model + m->tensor->offset;
    const double inverse = 1 / sigma_of(m, weights);

    for (gsize i = 0; i < m->tensor->size; i++)
        w[i] = (real)((double)raw[i] * inverse);
}

/* dV = (dW - (dW . W) v u^T) / sigma */
static void
spectral_backward(const Matrix *m, const real *weights, const real *model, real *grads)
{
    const real *w = model + m->tensor->offset;
    const real *v = weights + m->tensor->norm.sn_input;
    const real *u = weights + m->tensor->norm.sn_unit;
    real *dw = grads + m->tensor->offset;
    const double inverse = 1 / sigma_of(m, weights);
    double dot = 0;

    for (gsize i = 0; i < m->tensor->size; i++)
        dot += (double)dw[i] * (double)w[i];
    for (gsize in = 0; in < m->n_in; in++)
        for (gsize out = 0; out < m->n_out; out++) {
            const gsize at = in * m->n_out + out;
            const double outer = (double)v[in] * (double)u[out];

            dw[at] = (real)(((double)dw[at] - dot * outer) * inverse);
        }
}

/* ---- all matrices ------------------------------------------------------------------------------- */

void
matrix_norms_init(const TensorTable *table, real *weights)
{
    for (guint i = 0; i < table->n; i++) {
        const Tensor *tensor = &table->items[i];
        const Matrix matrix = matrix_of(tensor);

        if (has_gain(tensor)) {
            g_autofree double *norms = column_norms(&matrix, weights + tensor->offset);
            for (gsize out = 0; out < matrix.n_out; out++)
                weights[tensor->norm.gain + out] = (real)norms[out];
        }
        if (is_spectral(tensor)) {
            Rng rng = rng_new(i, RNG_POWER_ITERATION, 0); /* any direction will do */
            for (gsize out = 0; out < matrix.n_out; out++)
                weights[tensor->norm.sn_unit + out] = (real)rng_normal(&rng);
            for (guint again = 0; again < FIRST_ITERATIONS; again++)
                power_iteration(&matrix, weights);
        }
    }
}

void
matrix_norms_iterate(const TensorTable *table, real *weights, guint n_threads)
{
#pragma omp parallel for schedule(dynamic) num_threads((int)n_threads)
    for (guint i = 0; i < table->n; i++) {
        const Matrix matrix = matrix_of(&table->items[i]);

        if (is_spectral(&table->items[i]))
            power_iteration(&matrix, weights);
    }
}

void
matrix_norms_apply(const TensorTable *table, const real *weights, real *ret_model, guint n_threads)
{
#pragma omp parallel for schedule(dynamic) num_threads((int)n_threads)
    for (guint i = 0; i < table->n; i++) {
        const Tensor *tensor = &table->items[i];
        const Matrix matrix = matrix_of(tensor);

        if (has_gain(tensor))
            weight_apply(&matrix, weights, ret_model);
        else if (is_spectral(tensor))
            spectral_apply(&matrix, weights, ret_model);
        else
            memcpy(ret_model + tensor->offset, weights + tensor->offset,
                   tensor->size * sizeof(real));
    }
}

void
matrix_norms_backward(const TensorTable *table, const real *weights, const real *model, real *grads,
                      guint n_threads)
{
#pragma omp parallel for schedule(dynamic) num_threads((int)n_threads)
    for (guint i = 0; i < table->n; i++) {
        const Tensor *tensor = &table->items[i];
        const Matrix matrix = matrix_of(tensor);

        if (has_gain(tensor))
            weight_backward(&matrix, weights, grads);
        else if (is_spectral(tensor))
            spectral_backward(&matrix, weights, model, grads);
    }
}
