/* test-head-stats.c: rows to heads to layers, against constants of numpy and mpmath. */
#include "attention-rows.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1024 };

static double log_n[MOST + 1];

typedef struct {
    const char *name;
    gsize n;
    EntroRow (*row)(gsize i);
    double expected[ENTRO_HEAD_DISTANCE + 1]; /* made by make-head-constants.py */
} Sample;

/* The other members: those that are tested on their own below. */
static EntroRow
make_row(double entropy, guint32 n_keys, float max_weight, float sink, float distance)
{
    return (EntroRow){.entropy = entropy,
                      .n_keys = n_keys,
                      .max_weight = max_weight,
                      .sink = sink,
                      .distance = distance,
                      .logit_max = NAN,
                      .logit_square = NAN};
}

static EntroRow
row_of_one(gsize i)
{
    (void)i;
    return make_row(2.385, 17, 0.25f, 0.125f, 3.5f);
}

static EntroRow
row_of_two(gsize i)
{
    return i == 0 ? make_row(0.5, 2, 0.75f, 0.75f, 0.25f)
                  : make_row(2.385, 31, 0.375f, 0.0625f, 9.75f);
}

static EntroRow
first_row(gsize i)
{
    (void)i;
    return make_row(0, 1, 1, 1, 0);
}

static EntroRow
row_of_ties(gsize i)
{
    return i < 6 ? make_row(1.25, 8, 0.5f, 0.5f, 2) : first_row(i);
}

static EntroRow
row_of_41(gsize i)
{
    return make_row((double)((37 * i * i + 11 * i) % 997) / 250, 1 + (guint)(7 * i) % 60,
                    (float)((29 * i) % 64) / 64, (float)((13 * i) % 32) / 32,
                    (float)((17 * i) % 100) / 4);
}

static EntroRow
row_of_1000(gsize i)
{
    return make_row((double)((7919 * i * i + 104729 * i) % 99991) / 25000,
                    1 + (guint)(31 * i) % 512, (float)((29 * i) % 1024) / 1024,
                    (float)((13 * i) % 256) / 256, (float)((17 * i) % 1000) / 8);
}

static const Sample samples[] = {
    {"one",
     1,
     row_of_one,
     {2.385, NAN, 2.385, 2.385, 2.385, 2.385, 2.385, 0.8418003554174553, 2.833213344056216,
      10.859062664920515, 0.25, 0.125, 3.5}},
    {"two",
     2,
     row_of_two,
     {1.4425, 1.332896282536642, 0.5, 0.59425, 1.4425, 2.2907499999999996, 2.385, 0.707937721614546,
      2.063567192522546, 6.253891967810321, 0.5625, 0.40625, 5.0}},
    {"the-first-row-alone",
     1,
     first_row,
     {0.0, NAN, 0.0, 0.0, 0.0, 0.0, 0.0, NAN, 0.0, 1.0, 1.0, 1.0, 0.0}},
    {"ties",
     7,
     row_of_ties,
     {1.0714285714285714, 0.472455591261534, 0.0, 0.37500000000000006, 1.25, 1.25, 1.25,
      0.6011229337037347, 1.7823784642970022, 3.1345796778244353, 0.5714285714285714,
      0.5714285714285714, 1.7142857142857142}},
    {"41-rows",
     41,
     row_of_41,
     {1.9154146341463414, 1.1274699325394393, 0.0, 0.032, 1.876, 3.572, 3.92, 0.6348295486343932,
      3.118078346748926, 11.897666078614607, 0.5015243902439024, 0.46646341463414637,
      11.829268292682928}},
    {"1000-rows",
     1000,
     row_of_1000,
     {1.9624486, 1.1474328008147692, 0.0, 0.18949600000000003, 1.90018, 3.8156299999999996, 3.998,
      0.4038998935513576, 5.240666188524952, 13.047113520201986, 0.49599609375, 0.496234375,
      62.4375}},
};

/* ---- heads ----------------------------------------------------------------------------------------- */

static void
summarise(const EntroRow *rows, gsize n, double values[ENTRO_HEAD_N_COLUMNS])
{
    EntroRows work;

    g_assert_true(entro_rows_init(&work, MAX(n, 1), log_n));
    entro_head_summarise(rows, n, &work, values);
    entro_rows_clear(&work);
}

static void
assert_values(const double *values, const double *expected)
{
    for (guint column = 0; column <= ENTRO_HEAD_DISTANCE; column++) {
        if (isnan(expected[column])
                ? isnan(values[column])
                : fabs(values[column] - expected[column]) <= 1e-13 * (1 + fabs(expected[column])))
            continue;
        g_error("%s is %.17g, not %.17g", entro_head_columns()[column].name, values[column],
                expected[column]);
    }
}

static void
a_sample_has_its_constants(gconstpointer data)
{
    const Sample *sample = data;
    g_autofree EntroRow *rows = g_new(EntroRow, sample->n);
    double values[ENTRO_HEAD_N_COLUMNS];

    for (gsize i = 0; i < sample->n; i++)
        rows[i] = sample->row(i);
    summarise(rows, sample->n, values);
    assert_values(values, sample->expected);
}

/* With rows that are not valid, full of rubbish, in between. */
static void
rows_that_are_not_valid_are_left_out(gconstpointer data)
{
    const Sample *sample = data;
    g_autofree EntroRow *rows = g_new(EntroRow, 3 * sample->n + 1);
    double values[ENTRO_HEAD_N_COLUMNS];
    gsize n = 0;

    for (gsize i = 0; i < sample->n; i++) {
        for (gsize bad = 0; bad < i % 3 + (i == 0); bad++)
            rows[n++] = make_row(bad ? NAN : -1e30, 0, NAN, INFINITY, 1e30f);
        rows[n++] = sample->row(i);
    }
    summarise(rows, n, values);
    assert_values(values, sample->expected);
}

static void
a_head_without_a_valid_row_is_nan_all_over(void)
{
    const EntroRow rows[3] = {make_row(0.5, 0, 1, 1, 1), make_row(0, 0, 0, 0, 0),
                              make_row(2.385, 0, 1, 1, 1)};
    double values[ENTRO_HEAD_N_COLUMNS];

    for (gsize n = 0; n <= 3; n++) {
        summarise(rows, n, values);
        for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
            g_assert_true(isnan(values[column]));
    }
}

/* Row q of a uniform causal head measured by the kernel itself. */
static void
make_uniform_rows(gsize n_keys, EntroRow *rows)
{
    const EntroRowRule rule = {.n_queries = n_keys,
                               .n_keys = n_keys,
                               .causal = TRUE,
                               .tolerance = 1e-4,
                               .kernels = entro_kernels()};
    const EntroKeys keys = {0};
    g_autofree float *p = g_new0(float, n_keys);
    guint64 hash;

    for (gsize query = 0; query < n_keys; query++) {
        for (gsize key = 0; key <= query; key++)
            p[key] = (float)(1.0 / (double)(query + 1));
        g_assert_cmpint(entro_row_measure(&rule, &keys, query, p, &rows[query], &hash), ==,
                        ENTRO_ROW_VALID);
    }
}

static void
a_uniform_causal_head_is_at_its_ceiling(void)
{
    EntroRow rows[512];
    double values[ENTRO_HEAD_N_COLUMNS];

    for (gsize n_keys = 2; n_keys <= G_N_ELEMENTS(rows); n_keys += n_keys < 70 ? 1 : 13) {
        double ceiling = lgamma((double)n_keys + 1) / (double)n_keys; /* ln(T!) / T */
        make_uniform_rows(n_keys, rows);
        summarise(rows, n_keys, values);
        g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_ENTROPY_NORM], 1, 1e-6);
        g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_ENTROPY_CEILING], ceiling, 1e-12);
        g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_ENTROPY_MEAN], ceiling, 1e-6);
        g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_EFFECTIVE_KEYS], ((double)n_keys + 1) / 2,
                                       1e-6 * (double)n_keys);
    }
}

static void
a_single_token_has_no_scale(void)
{
    EntroRow rows[1];
    double values[ENTRO_HEAD_N_COLUMNS];

    make_uniform_rows(1, rows);
    summarise(rows, 1, values);
    g_assert_true(isnan(values[ENTRO_HEAD_ENTROPY_NORM]));
    g_assert_true(isnan(values[ENTRO_HEAD_ENTROPY_SD]));
    g_assert_true(values[ENTRO_HEAD_ENTROPY_MEAN] == 0);
    g_assert_false(signbit(values[ENTRO_HEAD_ENTROPY_MEAN]));
    g_assert_true(values[ENTRO_HEAD_ENTROPY_CEILING] == 0);
    g_assert_true(values[ENTRO_HEAD_EFFECTIVE_KEYS] == 1);
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
sorted_quantile(const double *sorted, gsize n, double fraction)
{
    double index = fraction * (double)(n - 1);
    gsize low = (gsize)index;

    return low + 1 < n ? sorted[low] + (index - (double)low) * (sorted[low + 1] - sorted[low])
                       : sorted[low];
}

/* Selection is the part that can go wrong: every length, sorted, reversed, constant, random. */
static void
quantiles_are_those_of_sorted_rows(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2385);
    EntroRow rows[300];
    double sorted[300], values[ENTRO_HEAD_N_COLUMNS];

    for (gsize n = 1; n <= G_N_ELEMENTS(rows); n += n < 130 ? 1 : 17)
        for (guint kind = 0; kind < 5; kind++) {
            for (gsize i = 0; i < n; i++) {
                double entropy = kind == 0   ? (double)i
                                 : kind == 1 ? (double)(n - i)
                                 : kind == 2 ? 2.385
                                 : kind == 3 ? g_rand_int_range(rand, 0, 4)
                                             : 5 * g_rand_double(rand);
                rows[i] = make_row(entropy, 3, 0.5f, 0.5f, 1);
                sorted[i] = entropy;
            }
            qsort(sorted, n, sizeof *sorted, compare_doubles);
            summarise(rows, n, values);
            for (guint column = 0; column < 3; column++)
                g_assert_cmpfloat_with_epsilon(
                    values[ENTRO_HEAD_ENTROPY_P05 + column],
                    sorted_quantile(sorted, n, (const double[]){0.05, 0.5, 0.95}[column]), 1e-12);
            g_assert_cmpfloat(values[ENTRO_HEAD_ENTROPY_MIN], ==, sorted[0]);
            g_assert_cmpfloat(values[ENTRO_HEAD_ENTROPY_MAX], ==, sorted[n - 1]);
        }
}

/* ---- layers ---------------------------------------------------------------------------------------- */

static EntroHeadStats
make_head(double mean, double ceiling)
{
    EntroHeadStats head = {0};

    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        head.values[column] = NAN;
    head.values[ENTRO_HEAD_ENTROPY_MEAN] = mean;
    head.values[ENTRO_HEAD_ENTROPY_CEILING] = ceiling;
    return head;
}

static void
nan_heads_are_left_out_of_their_layer(void)
{
    const EntroHeadStats heads[] = {make_head(NAN, NAN), make_head(2.5, 3.5), make_head(NAN, NAN),
                                    make_head(1, 4), make_head(0.25, 3)};
    EntroLayerStats layer;

    entro_layer_summarise(heads, G_N_ELEMENTS(heads), &layer);
    g_assert_cmpuint(layer.n_heads, ==, 5);
    g_assert_cmpuint(layer.n_valid_heads, ==, 3);
    g_assert_cmpfloat_with_epsilon(layer.values[ENTRO_LAYER_ENTROPY_MEAN], 1.25, 1e-15);
    g_assert_cmpfloat_with_epsilon(layer.values[ENTRO_LAYER_ENTROPY_CEILING], 3.5, 1e-15);
    g_assert_cmpfloat_with_epsilon(layer.values[ENTRO_LAYER_ENTROPY_SPREAD],
                                   sqrt((1.5625 + 0.0625 + 1) / 2), 1e-14);
}

static void
a_layer_of_few_heads(void)
{
    const EntroHeadStats heads[] = {make_head(NAN, NAN), make_head(2.385, 3.5)};
    EntroLayerStats layer;

    entro_layer_summarise(heads, 2, &layer);
    g_assert_cmpfloat(layer.values[ENTRO_LAYER_ENTROPY_MEAN], ==, 2.385);
    g_assert_true(isnan(layer.values[ENTRO_LAYER_ENTROPY_SPREAD]));
    for (guint n_heads = 0; n_heads < 2; n_heads++) {
        entro_layer_summarise(heads, n_heads, &layer);
        g_assert_cmpuint(layer.n_heads, ==, n_heads);
        g_assert_cmpuint(layer.n_valid_heads, ==, 0);
        for (guint column = 0; column < ENTRO_LAYER_N_COLUMNS; column++)
            g_assert_true(isnan(layer.values[column]));
    }
}

/* ---- columns --------------------------------------------------------------------------------------- */

static void
assert_documented(const EntroColumn *columns, guint n)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint column = 0; column < n; column++) {
        g_assert_true(g_hash_table_add(names, (gpointer)columns[column].name));
        g_assert_true(g_regex_match_simple("^[a-z][a-z0-9_]*$", columns[column].name, 0, 0));
        g_assert_cmpuint(strlen(columns[column].title), >, 3);
        g_assert_cmpuint(strlen(columns[column].unit), >, 0);
        g_assert_true(g_str_has_suffix(columns[column].definition, "."));
    }
}

static void
every_column_has_a_name_a_unit_and_a_definition(void)
{
    assert_documented(entro_head_columns(), ENTRO_HEAD_N_COLUMNS);
    assert_documented(entro_layer_columns(), ENTRO_LAYER_N_COLUMNS);
    assert_documented(entro_count_columns(), 4);
}

static void
add_sample(const char *name, const Sample *sample, GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/head-stats/%s/%s", sample->name, name);

    g_test_add_data_func(path, sample, function);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_n[0] = NAN;
    for (guint n = 1; n <= MOST; n++)
        log_n[n] = log(n);
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        add_sample("has-its-constants", &samples[i], a_sample_has_its_constants);
        add_sample("rows-that-are-not-valid-are-left-out", &samples[i],
                   rows_that_are_not_valid_are_left_out);
    }
#define ADD(name, function) g_test_add_func("/head-stats/" name, function)
    ADD("a-head-without-a-valid-row-is-nan-all-over", a_head_without_a_valid_row_is_nan_all_over);
    ADD("a-uniform-causal-head-is-at-its-ceiling", a_uniform_causal_head_is_at_its_ceiling);
    ADD("a-single-token-has-no-scale", a_single_token_has_no_scale);
    ADD("quantiles-are-those-of-sorted-rows", quantiles_are_those_of_sorted_rows);
    ADD("nan-heads-are-left-out-of-their-layer", nan_heads_are_left_out_of_their_layer);
    ADD("a-layer-of-few-heads", a_layer_of_few_heads);
    ADD("every-column-has-a-name-a-unit-and-a-definition",
        every_column_has_a_name_a_unit_and_a_definition);
    return g_test_run();
}
