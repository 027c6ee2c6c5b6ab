/* test-logit-rows.c: rows of softmax(Q K^T) by tiles, against the definitions in long double.
 *
 * Built twice: in float, as the program has it, with the kernels of every instruction set; and in double,
 * where what is left is the method's own error. */
#include "queries/logit-rows.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#ifdef ENTRO_LOGITS_DOUBLE
#define TOLERANCE 1e-10
static const EntroLogitKernels double_kernels = {"double", entro_logit_spread_double,
                                                 entro_logit_sums_double,
                                                 entro_logit_weights_double};

static const EntroLogitKernels *
builds(guint *ret_n)
{
    *ret_n = 1;
    return &double_kernels;
}
#else
#define TOLERANCE 1e-5
#define builds    entro_logit_kernel_builds
#endif

#define measure ENTRO_REAL_NAME(entro_logit_rows_measure)
#define weights ENTRO_REAL_NAME(entro_logit_rows_weights)
#define entropy ENTRO_REAL_NAME(entro_logit_row_entropy)

typedef struct {
    gsize n_rows, n_keys, dim;
    gsize window;
    gboolean causal;
    double sharpness;
    gsize run; /* keys of a run, with one key of padding behind it; 0: one run of all */
    gboolean segments;
} Shape;

static const Shape shapes[] = {
    {1, 1, 1, 0, TRUE, 1, 0, FALSE},
    {3, 3, 2, 0, TRUE, 1, 0, FALSE},
    {128, 128, 16, 0, TRUE, 1, 0, FALSE},
    {128, 700, 64, 0, TRUE, 2, 0, FALSE},
    {128, 1537, 64, 0, FALSE, 1, 0, FALSE},
    {100, 1025, 33, 0, FALSE, 0, 0, FALSE}, /* uniform */
    {128, 1100, 16, 300, TRUE, 3, 0, FALSE},
    {64, 1100, 16, 7, FALSE, 1, 0, FALSE},
    {128, 900, 8, 0, TRUE, 1, 37, TRUE},
    {128, 900, 8, 200, FALSE, 1, 3, FALSE},
    {90, 90, 4, 0, TRUE, 1, 1, FALSE},
    {128, 1300, 8, 0, TRUE, 30, 0, FALSE}, /* one key a row */
    {5, 600, 128, 1, TRUE, 1, 0, FALSE},
};

typedef struct {
    const Shape *shape;
    EntroReal *queries, *keys, *tile, *p;
    EntroKeyRun *runs;
    EntroLogitRow *rows;
    EntroLogitHead head;
} Case;

static void
make_runs(Case *test)
{
    const Shape *shape = test->shape;

    if (shape->run == 0) {
        test->runs[test->head.n_runs++] = (EntroKeyRun){0, shape->n_keys, 0};
        return;
    }
    for (gsize first = 0; first < shape->n_keys; first += shape->run + 1) {
        gsize end = MIN(first + shape->run, shape->n_keys), number = test->head.n_runs++;
        test->runs[number] = (EntroKeyRun){first, end, (gint64)number % 3};
    }
}

static gint64
segment_of(const Shape *shape, gsize key)
{
    return shape->segments ? (gint64)(key / (shape->run + 1) % 3) : 0;
}

static void
set_up(Case *test, const Shape *shape, const EntroLogitKernels *kernels)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)(shape->n_keys + shape->dim));

    *test = (Case){.shape = shape,
                   .queries = g_new(EntroReal, shape->n_rows * shape->dim),
                   .keys = g_new(EntroReal, shape->n_keys * shape->dim),
                   .tile = g_new(EntroReal, ENTRO_LOGIT_TILE),
                   .p = g_new(EntroReal, shape->n_rows * shape->n_keys),
                   .runs = g_new(EntroKeyRun, shape->n_keys),
                   .rows = g_new(EntroLogitRow, shape->n_rows)};
    for (gsize i = 0; i < shape->n_rows * shape->dim; i++)
        test->queries[i] =
            (EntroReal)(shape->sharpness * g_rand_double_range(rand, -1.5, 1.5) / sqrt(shape->dim));
    for (gsize i = 0; i < shape->n_keys * shape->dim; i++)
        test->keys[i] = (EntroReal)g_rand_double_range(rand, -1.5, 1.5);
    test->head = (EntroLogitHead){.n_keys = shape->n_keys,
                                  .head_dim = shape->dim,
                                  .keys = test->keys,
                                  .runs = test->runs,
                                  .any_segment = !shape->segments,
                                  .kernels = kernels,
                                  .tile = test->tile};
    make_runs(test);
    for (gsize i = 0; i < shape->n_rows; i++) {
        gssize at = (gssize)(shape->n_keys - shape->n_rows + i), n = (gssize)shape->n_keys;
        gssize window = (gssize)shape->window;
        gssize end = shape->causal ? at + 1 : window ? MIN(at + window, n) : n;
        test->rows[i] = (EntroLogitRow){.position = at,
                                        .first = (gsize)(window ? MAX(at - window + 1, 0) : 0),
                                        .end = (gsize)end,
                                        .segment = segment_of(shape, (gsize)at)};
    }
}

static void
tear_down(Case *test)
{
    g_free(test->queries);
    g_free(test->keys);
    g_free(test->tile);
    g_free(test->p);
    g_free(test->runs);
    g_free(test->rows);
}

/* ---- the definitions ---------------------------------------------------------------------------------- */

typedef struct {
    gsize n;
    long double *x, *p; /* [n_keys]; x is NaN where no key is allowed */
    long double entropy, largest, sum, away, mean, variance;
} Naive;

static gboolean
is_allowed(const Case *test, const EntroLogitRow *row, gsize key)
{
    const Shape *shape = test->shape;

    return key >= row->first && key < row->end &&
           (shape->run == 0 || key % (shape->run + 1) < shape->run) &&
           (!shape->segments || segment_of(shape, key) == row->segment);
}

static void
find_logits(const Case *test, gsize i, Naive *naive)
{
    const Shape *shape = test->shape;

    *naive = (Naive){.x = naive->x, .p = naive->p, .largest = -INFINITY};
    for (gsize key = 0; key < shape->n_keys; key++) {
        naive->x[key] = NAN;
        if (!is_allowed(test, &test->rows[i], key))
            continue;
        naive->x[key] = 0;
        for (gsize d = 0; d < shape->dim; d++)
            naive->x[key] += (long double)test->queries[i * shape->dim + d] *
                             (long double)test->keys[key * shape->dim + d];
        naive->largest = MAX(naive->largest, naive->x[key]);
        naive->mean += naive->x[key];
        naive->n++;
    }
    naive->mean /= naive->n;
}

static void
find_naive(const Case *test, gsize i, Naive *naive)
{
    find_logits(test, i, naive);
    for (gsize key = 0; key < test->shape->n_keys; key++)
        naive->sum += isnan(naive->x[key]) ? 0 : expl(naive->x[key] - naive->largest);
    for (gsize key = 0; key < test->shape->n_keys; key++) {
        naive->p[key] = 0;
        if (isnan(naive->x[key]))
            continue;
        long double away = naive->x[key] - naive->mean;
        naive->p[key] = expl(naive->x[key] - naive->largest) / naive->sum;
        naive->entropy -= naive->p[key] > 0 ? naive->p[key] * logl(naive->p[key]) : 0;
        naive->away += naive->p[key] * fabsl((long double)key - test->rows[i].position);
        naive->variance += away * away / naive->n;
    }
}

static void
assert_logit(const Naive *naive, gssize key, double found)
{
    if (key < 0 || isnan(naive->x[key]))
        g_assert_cmpfloat(found, ==, -INFINITY);
    else
        g_assert_cmpfloat_with_epsilon(found, (double)naive->x[key],
                                       TOLERANCE * MAX(1, fabs(found)));
}

static void
assert_row(const Case *test, gsize i, Naive *naive)
{
    const EntroLogitRow *row = &test->rows[i];
    double n = (double)row->n, large = MAX(1, fabs((double)naive->largest));

    g_assert_cmpuint(row->n, ==, naive->n);
    if (naive->n == 0) {
        g_assert_true(isnan(entropy(row)));
        return;
    }
    g_assert_cmpfloat_with_epsilon(entropy(row), (double)naive->entropy, TOLERANCE * large);
    g_assert_cmpfloat_with_epsilon(row->largest, (double)naive->largest, TOLERANCE * large);
    g_assert_cmpfloat_with_epsilon(row->weight, (double)naive->sum,
                                   TOLERANCE * large * (double)naive->sum);
    g_assert_cmpfloat_with_epsilon(row->away / row->weight, (double)naive->away,
                                   TOLERANCE * large * MAX((double)naive->away, 1));
    double away = row->sum / n, variance = row->squares / n - away * away;
    g_assert_cmpfloat_with_epsilon(row->centre + away, (double)naive->mean, TOLERANCE * large);
    g_assert_cmpfloat_with_epsilon(variance, (double)naive->variance, TOLERANCE * large * large);
    assert_logit(naive, 0, row->sink);
    assert_logit(naive, row->position, row->self);
    assert_logit(naive, row->position - 1, row->previous);
    for (gsize key = 0; key < test->shape->n_keys; key++) {
        double p = (double)test->p[i * test->shape->n_keys + key];
        g_assert_cmpfloat_with_epsilon(p, (double)naive->p[key], TOLERANCE * large);
        g_assert_true(p == 0 || !isnan(naive->x[key]));
    }
    if (naive->n == 1)
        g_assert_cmpfloat(entropy(row), ==, 0);
}

static void
rows_are_as_defined(void)
{
    guint n_builds;
    const EntroLogitKernels *kernels = builds(&n_builds);

    for (guint i = 0; i < n_builds * G_N_ELEMENTS(shapes); i++) {
        const Shape *shape = &shapes[i / n_builds];
        Case test;
        set_up(&test, shape, &kernels[i % n_builds]);
        Naive naive = {.x = g_new(long double, shape->n_keys),
                       .p = g_new(long double, shape->n_keys)};
        measure(&test.head, test.queries, shape->n_rows, test.rows);
        weights(&test.head, test.queries, shape->n_rows, test.rows, test.p);
        for (gsize row = 0; row < shape->n_rows; row++) {
            find_naive(&test, row, &naive);
            assert_row(&test, row, &naive);
        }
        g_free(naive.x);
        g_free(naive.p);
        tear_down(&test);
    }
}

/* ---- what is no number ----------------------------------------------------------------------------------- */

/* A row is spoilt by a key that it sees, and by no other. */
static void
what_is_not_finite_spoils_its_row_alone(void)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    static const Shape shape = {128, 600, 4, 0, TRUE, 1, 0, FALSE};
    guint n_builds;
    const EntroLogitKernels *kernels = builds(&n_builds);

    for (guint i = 0; i < n_builds * G_N_ELEMENTS(bad); i++) {
        Case test;
        set_up(&test, &shape, &kernels[i % n_builds]);
        test.keys[550 * 4] = (EntroReal)bad[i / n_builds];
        measure(&test.head, test.queries, shape.n_rows, test.rows);
        for (gsize row = 0; row < shape.n_rows; row++)
            g_assert_true(isnan(entropy(&test.rows[row])) == (test.rows[row].position >= 550));
        tear_down(&test);
    }
}

/* What a run of logits gives must not depend on what lies behind it, at any length. */
static void
every_length_of_a_run(void)
{
    guint n_builds;
    const EntroLogitKernels *kernels = builds(&n_builds);
    EntroReal x[80];

    for (guint i = 0; i < G_N_ELEMENTS(x); i++)
        x[i] = (EntroReal)(i < 70 ? sin(i * 1.7) * 3 : NAN);
    for (guint build = 0; build < n_builds; build++)
        for (gsize n = 1; n <= 70; n++) {
            EntroLogitSpread spread;
            EntroLogitSums sums;
            double largest = -INFINITY, weight = 0, surprise = 0, moment = 0;
            for (gsize k = 0; k < n; k++)
                largest = MAX(largest, (double)x[k]);
            for (gsize k = 0; k < n; k++) {
                weight += exp(x[k] - largest);
                surprise += exp(x[k] - largest) * (largest - x[k]);
                moment += exp(x[k] - largest) * (double)k;
            }
            kernels[build].spread(x, n, x[0], &spread);
            kernels[build].sums(x, n, (EntroReal)largest, &sums);
            g_assert_cmpfloat((double)spread.largest, ==, largest);
            g_assert_cmpfloat_with_epsilon(sums.weight, weight, TOLERANCE * weight);
            g_assert_cmpfloat_with_epsilon(sums.surprise, surprise, TOLERANCE * weight);
            g_assert_cmpfloat_with_epsilon(sums.moment, moment, TOLERANCE * MAX(moment, 1));
        }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/logit-rows/rows-are-as-defined", rows_are_as_defined);
    g_test_add_func("/logit-rows/what-is-not-finite", what_is_not_finite_spoils_its_row_alone);
    g_test_add_func("/logit-rows/every-length-of-a-run", every_length_of_a_run);
    return g_test_run();
}
