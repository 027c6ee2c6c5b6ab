/* test-matrix-norms.c: weight and spectral normalisation against what they are defined to be.
 *
 * Their gradients are checked with whole models in test-gpt.c. */
#include "matrix-norms.h"
#include <string.h>

#define LAYERS  2
#define HEADS   2
#define WIDTH   12
#define CONTEXT 8

typedef struct {
    GptShape shape;
    TensorTable *table;
    real *weights, *model;
} Fixture;

static void
set_up(Fixture *f, gconstpointer arch)
{
    const TensorStart start = {.std = 0.4, .temperature = 1, .threshold = 0.5};
    Rng rng = rng_new(2385, RNG_INIT, 0);

    f->shape = (GptShape){arch, LAYERS, HEADS, WIDTH, CONTEXT, TRUE};
    f->table = tensor_table_new(&f->shape);
    f->weights = g_new0(real, f->table->arena);
    f->model = g_new0(real, f->table->arena);
    tensors_init(f->table, f->weights, &start, &rng);
    matrix_norms_apply(f->table, f->weights, f->model, 1);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    tensor_table_free(f->table);
    g_free(f->weights);
    g_free(f->model);
}

static const Tensor *
find(const Fixture *f, const char *name)
{
    for (guint i = 0; i < f->table->n; i++)
        if (g_str_equal(f->table->items[i].name, name))
            return &f->table->items[i];
    return NULL;
}

static double
column_norm(const real *w, const Tensor *tensor, gsize column)
{
    double squares = 0;

    for (gsize row = 0; row < tensor->dims[0]; row++) {
        const double value = (double)w[tensor->offset + row * tensor->dims[1] + column];

        squares += value * value;
    }
    return sqrt(squares);
}

static void
test_weight(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const Tensor *w = find(f, "blocks/1/ffn/w_in");
    const Tensor *gain = find(f, "blocks/1/ffn/w_in_gain");

    g_assert_nonnull(w);
    g_assert_nonnull(gain);
    g_assert_cmpuint(gain->size, ==, 4 * WIDTH);
    g_assert_false(gain->decay);
    /* at first the matrix is what it would be without */
    for (gsize i = 0; i < w->size; i++)
        g_assert_cmpfloat_with_epsilon((double)f->model[w->offset + i],
                                       (double)f->weights[w->offset + i], 1e-15);
    /* then every column has the length of its gain, whatever the raw matrix is */
    for (gsize i = 0; i < w->size; i++)
        f->weights[w->offset + i] *= (real)(7 + i % 3);
    f->weights[gain->offset + 5] = (real)-0.385;
    matrix_norms_apply(f->table, f->weights, f->model, 1);
    for (gsize column = 0; column < w->dims[1]; column++)
        g_assert_cmpfloat_with_epsilon(column_norm(f->model, w, column),
                                       fabs((double)f->weights[gain->offset + column]), 1e-12);
}

/* Only the places asked for. */
static void
test_places(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_null(find(f, "blocks/0/attn/w_qk_gain"));
    g_assert_nonnull(find(f, "blocks/0/ffn/w_out_gain"));
    g_assert_null(find(f, "blocks/0/ffn/w_out_sn_u"));
}

/* The largest |W x| over unit vectors x, by many iterations from another start. */
static double
largest_singular_value(const real *w, gsize n_in, gsize n_out)
{
    g_autofree double *u = g_new(double, n_out);
    g_autofree double *v = g_new(double, n_in);
    double norm = 0;

    for (gsize out = 0; out < n_out; out++)
        u[out] = 1.0 + 0.1 * (double)out;
    for (guint again = 0; again < 3000; again++) {
        norm = 0;
        for (gsize in = 0; in < n_in; in++) {
            v[in] = 0;
            for (gsize out = 0; out < n_out; out++)
                v[in] += (double)w[in * n_out + out] * u[out];
        }
        for (gsize out = 0; out < n_out; out++) {
            u[out] = 0;
            for (gsize in = 0; in < n_in; in++)
                u[out] += (double)w[in * n_out + out] * v[in];
            norm += u[out] * u[out];
        }
        norm = sqrt(norm);
        for (gsize out = 0; out < n_out; out++)
            u[out] /= norm;
    }
    return sqrt(norm);
}

static void
test_spectral(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const Tensor *w = find(f, "blocks/0/ffn/w_out");
    const Tensor *u = find(f, "blocks/0/ffn/w_out_sn_u");
    const gsize n_in = 4 * WIDTH;

    g_assert_nonnull(w);
    g_assert_cmpuint(u->size, ==, WIDTH);
    g_assert_false(u->trained);
    /* 15 iterations before the first step come close */
    const double first = largest_singular_value(f->model + w->offset, n_in, WIDTH);
    g_assert_cmpfloat_with_epsilon(first, 1, 0.1);
    for (guint again = 0; again < 2000; again++)
        matrix_norms_iterate(f->table, f->weights, 2);
    matrix_norms_apply(f->table, f->weights, f->model, 2);
    g_assert_cmpfloat_with_epsilon(largest_singular_value(f->model + w->offset, n_in, WIDTH), 1,
                                   1e-9);
    /* and the raw matrix is untouched by it: model = raw / sigma */
    const double sigma = largest_singular_value(f->weights + w->offset, n_in, WIDTH);
    g_assert_cmpfloat_with_epsilon((double)f->weights[w->offset + 7] / sigma,
                                   (double)f->model[w->offset + 7], 1e-9);
}

/* Buffers are no parameters: they are not counted. */
static void
test_count(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const GptShape plain_shape = {entro_arch_find("SM"), LAYERS, HEADS, WIDTH, CONTEXT, TRUE};
    g_autoptr(TensorTable) plain = tensor_table_new(&plain_shape);

    g_assert_cmpuint(f->table->n_parameters, ==, plain->n_parameters);
    g_assert_true(f->table->normed);
    g_assert_false(plain->normed);
}

static void
test_same_start(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const GptShape plain_shape = {entro_arch_find("SM"), LAYERS, HEADS, WIDTH, CONTEXT, TRUE};
    g_autoptr(TensorTable) plain = tensor_table_new(&plain_shape);
    g_autofree real *weights = g_new0(real, plain->arena);
    const TensorStart start = {.std = 0.4, .temperature = 1, .threshold = 0.5};
    Rng rng = rng_new(2385, RNG_INIT, 0);

    tensors_init(plain, weights, &start, &rng);
    for (guint i = 0; i < plain->n; i++) {
        const Tensor *mine = find(f, plain->items[i].name);

        g_assert_cmpmem(weights + plain->items[i].offset, plain->items[i].size * sizeof(real),
                        f->weights + mine->offset, mine->size * sizeof(real));
    }
}

int
main(int argc, char **argv)
{
    const EntroArch *weight = entro_arch_find("SM+WN(FFN)");
    const EntroArch *spectral = entro_arch_find("SM+SN(FFN)");

    g_test_init(&argc, &argv, NULL);
#define ADD(name, arch, test)                                                                      \
    g_test_add("/trainer/matrix-norms/" name, Fixture, arch, set_up, test, tear_down)
    ADD("columns-have-the-length-of-their-gain", weight, test_weight);
    ADD("only-the-places-asked-for-are-normalised", weight, test_places);
    ADD("largest-singular-value-becomes-one", spectral, test_spectral);
    ADD("buffers-are-no-parameters", spectral, test_count);
    ADD("the-same-seed-starts-from-the-same-matrices", spectral, test_same_start);
#undef ADD
    return g_test_run();
}
