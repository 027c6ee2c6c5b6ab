/* test-rows.c: which class a row has, and what is kept of it. */
#include "attention-rows.h"

#include <float.h>
#include <string.h>

#define TOLERANCE 1e-4
enum { N = 8 };

/* One row under test: 8 keys, causal, the query in the middle, and no mask, unless said otherwise. */
typedef struct {
    EntroRowRule rule;
    EntroKeys keys;
    guint8 mask[N];
    guint32 allowed[N + 1];
    gsize query;
    float p[N];
} Case;

static Case
make_case(void)
{
    return (Case){.rule = {.n_queries = N,
                           .n_keys = N,
                           .causal = TRUE,
                           .tolerance = TOLERANCE,
                           .kernels = entro_kernels()},
                  .query = 4,
                  .p = {0.5f, 0.25f, 0.125f, 0.0625f, 0.0625f}};
}

static void
set_mask(Case *test, const char *mask) /* "11110000" */
{
    for (gsize key = 0; key < N; key++) {
        test->mask[key] = mask[key] == '1';
        test->allowed[key + 1] = test->allowed[key] + test->mask[key];
    }
    test->keys = (EntroKeys){.mask = test->mask, .allowed = test->allowed};
}

static EntroRowClass
measure(const Case *test, EntroRow *ret_row)
{
    guint64 hash;

    return entro_row_measure(&test->rule, &test->keys, test->query, test->p, ret_row, &hash);
}

static void
assert_class(const Case *test, EntroRowClass expected)
{
    EntroRow row = {.n_keys = 2385};

    g_assert_cmpint(measure(test, &row), ==, expected);
    g_assert_true((row.n_keys > 0) == (expected == ENTRO_ROW_VALID));
}

static EntroRow
valid_row(const Case *test)
{
    EntroRow row;

    g_assert_cmpint(measure(test, &row), ==, ENTRO_ROW_VALID);
    return row;
}

/* ---- valid rows ------------------------------------------------------------------------------------ */

static void
a_row_in_numbers(void)
{
    Case test = make_case();
    EntroRow row = valid_row(&test);

    /* 1/2 1/4 1/8 1/16 1/16: 1.875 bits; distances 4 3 2 1 0 */
    g_assert_cmpfloat_with_epsilon(row.entropy, 1.875 * G_LN2, 1e-7);
    g_assert_cmpuint(row.n_keys, ==, 5);
    g_assert_cmpfloat(row.max_weight, ==, 0.5f);
    g_assert_cmpfloat(row.sink, ==, 0.5f);
    g_assert_cmpfloat_with_epsilon(row.distance, 3.0625, 1e-6);
}

static void
a_row_without_mask_sees_every_key(void)
{
    Case test = make_case();

    test.rule.causal = FALSE;
    test.p[0] = 0.25f;
    test.p[7] = 0.25f;
    EntroRow row = valid_row(&test);
    g_assert_cmpuint(row.n_keys, ==, N);
    g_assert_cmpfloat_with_epsilon(row.entropy, (3 * 0.5 + 0.375 + 2 * 0.25) * G_LN2, 1e-7);
    g_assert_cmpfloat_with_epsilon(row.distance, 4 * 0.25 + 0.75 + 0.25 + 0.0625 + 3 * 0.25, 1e-6);
}

/* Against the definitions, key by key. */
static void
assert_as_defined(const EntroRowRule *rule, gsize query, const float *p)
{
    const EntroKeys keys = {0};
    NaiveSums naive = naive_sums(p, rule->n_keys);
    double position = (double)query + (double)rule->n_keys - (double)rule->n_queries, away = 0;
    EntroRow row;
    guint64 hash;

    for (gsize key = 0; key < rule->n_keys; key++)
        away += p[key] * fabs((double)key - position);
    g_assert_cmpint(entro_row_measure(rule, &keys, query, p, &row, &hash), ==, ENTRO_ROW_VALID);
    g_assert_cmpfloat_with_epsilon(row.entropy, (double)naive.entropy, 4e-7);
    g_assert_cmpfloat(row.max_weight, ==, naive.largest);
    g_assert_cmpfloat(row.sink, ==, p[0]);
    g_assert_cmpfloat_with_epsilon(row.distance, away, 2e-7 * (double)rule->n_keys);
    g_assert_cmpuint(row.n_keys, ==, rule->causal ? (guint)position + 1 : rule->n_keys);
}

static void
random_rows_are_as_defined(void)
{
    static const gsize shapes[][2] = {{1, 1},   {2, 2},   {17, 17},   {64, 64},
                                      {1, 300}, {5, 130}, {128, 128}, {200, 333}};
    g_autoptr(GRand) rand = g_rand_new_with_seed(2385);
    g_autofree float *p = g_new(float, 200 * 333);

    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (gsize query = 0; query < shapes[i][0]; query++) {
            EntroRowRule rule = {.n_queries = shapes[i][0],
                                 .n_keys = shapes[i][1],
                                 .causal = TRUE,
                                 .tolerance = TOLERANCE,
                                 .kernels = entro_kernels()};
            fill_causal(rand, p, rule.n_queries, rule.n_keys, 1.7);
            assert_as_defined(&rule, query, p + query * rule.n_keys);
            rule.causal = FALSE;
            fill_softmax(rand, p, rule.n_keys, 1.7);
            assert_as_defined(&rule, query, p);
        }
}

static void
fewer_queries_than_keys_are_the_last_ones(void)
{
    Case test = make_case();

    test.rule.n_queries = 3; /* queries 5, 6, 7 of 8 */
    test.query = 0;
    test.p[5] = 0.0625f;
    test.p[4] = 0;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 6);
    test.query = 2;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 8);
    g_assert_cmpfloat_with_epsilon(valid_row(&test).distance,
                                   7 * .5 + 6 * .25 + 5 * .125 + 4 * .0625 + 2 * .0625, 1e-6);
}

static void
more_queries_than_keys_stay_in_the_row(void)
{
    Case test = make_case();

    test.rule.n_queries = 11; /* the first three stand before key 0 */
    test.query = 1;
    assert_class(&test, ENTRO_ROW_MASKED); /* causal: it may see no key */
    test.rule.causal = FALSE;
    EntroRow row = valid_row(&test);
    g_assert_cmpuint(row.n_keys, ==, N);
    g_assert_cmpfloat_with_epsilon(row.distance, 2 * .5 + 3 * .25 + 4 * .125 + 11 * .0625, 1e-6);
    test.query = 0;
    set_mask(&test, "11111111");
    g_assert_cmpuint(valid_row(&test).n_keys, ==, N);
    test.query = 7;
    test.rule.causal = TRUE;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 5);
}

/* ---- zero, and what is nearly zero ------------------------------------------------------------------ */

static void
assert_plain_zero(double value)
{
    g_assert_true(value == 0 && !signbit(value));
}

static void
a_one_hot_row_has_entropy_0_and_not_minus_0(void)
{
    for (gsize hot = 0; hot < N; hot++)
        for (guint minus = 0; minus < 2; minus++) {
            Case test = make_case();
            test.query = hot;
            for (gsize key = 0; key < N; key++)
                test.p[key] = key == hot ? 1 : minus ? -0.0f : 0;
            EntroRow row = valid_row(&test);
            assert_plain_zero(row.entropy);
            assert_plain_zero(row.distance);
            g_assert_false(signbit(row.sink));
            g_assert_cmpfloat(row.max_weight, ==, 1);
        }
}

static void
no_number_of_a_row_is_negative(void)
{
    static const float slips[] = {-0.0f, -1e-7f, -4e-5f, 0x1p-24f};

    for (guint i = 0; i < G_N_ELEMENTS(slips); i++)
        for (gsize key = 0; key < N; key++) {
            Case test = make_case();
            memset(test.p, 0, sizeof test.p);
            test.p[4] = 1 + 0x1p-23f;
            test.p[key] += slips[i];
            EntroRow row = valid_row(&test);
            g_assert_false(signbit(row.entropy) || signbit(row.sink) || signbit(row.distance));
            g_assert_true(row.entropy < 1e-4 && row.distance < 1e-3);
        }
}

static void
minus_zeros_and_slips_below_0_change_nothing(void)
{
    Case test = make_case();
    EntroRow plain = valid_row(&test);

    test.p[5] = test.p[7] = -0.0f;
    EntroRow row = valid_row(&test);
    g_assert_cmpfloat_with_epsilon(row.entropy, plain.entropy, 2e-7);
    g_assert_cmpfloat(row.distance, ==, plain.distance);
    test.p[2] += 4e-5f;
    test.p[3] -= 4e-5f;
    test.p[6] = -4e-5f;
    g_assert_cmpfloat_with_epsilon(valid_row(&test).entropy, plain.entropy, 1e-4);
}

/* ---- nan ------------------------------------------------------------------------------------------- */

static void
one_nan_or_inf_anywhere_makes_the_row_nan(void)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        for (gsize key = 0; key < N; key++) { /* keys 5 to 7 are forbidden: stored, so they count */
            Case test = make_case();
            test.p[key] = bad[i];
            assert_class(&test, ENTRO_ROW_NAN);
        }
}

static void
nan_comes_before_masked_and_off_sum(void)
{
    Case test = make_case();

    test.p[6] = NAN;
    set_mask(&test, "11110000"); /* the query, 4, is padding */
    assert_class(&test, ENTRO_ROW_NAN);
    set_mask(&test, "00000000");
    assert_class(&test, ENTRO_ROW_NAN);
    memset(test.p, 0, sizeof test.p);
    test.p[0] = 7;
    test.p[1] = INFINITY;
    assert_class(&test, ENTRO_ROW_NAN);
}

/* ---- masked ---------------------------------------------------------------------------------------- */

static void
a_row_of_zeros_is_masked(void)
{
    Case test = make_case();

    memset(test.p, 0, sizeof test.p);
    assert_class(&test, ENTRO_ROW_MASKED);
    test.p[0] = test.p[7] = -0.0f;
    assert_class(&test, ENTRO_ROW_MASKED);
    test.p[3] = FLT_MIN / 4; /* not all zero: a sum that is off */
    assert_class(&test, ENTRO_ROW_OFF_SUM);
    test.p[3] = -FLT_MIN / 4;
    assert_class(&test, ENTRO_ROW_OFF_SUM);
}

static void
a_padded_query_is_masked(void)
{
    Case test = make_case();

    set_mask(&test, "11110111");
    assert_class(&test, ENTRO_ROW_MASKED);
    test.p[0] = 0.9f; /* before off_sum */
    assert_class(&test, ENTRO_ROW_MASKED);
}

static void
a_padded_query_is_found_where_it_stands_among_the_keys(void)
{
    Case test = make_case();

    test.rule.n_queries = 2;
    test.query = 0;              /* key 6 */
    set_mask(&test, "11111101"); /* it alone */
    assert_class(&test, ENTRO_ROW_MASKED);
    test.query = 1;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 7);
}

static void
a_query_without_any_key_is_masked(void)
{
    Case test = make_case();

    set_mask(&test, "00000111"); /* keys up to 4: padding, itself among them */
    assert_class(&test, ENTRO_ROW_MASKED);
    set_mask(&test, "00000000");
    test.rule.causal = FALSE;
    assert_class(&test, ENTRO_ROW_MASKED);
}

static void
masked_keys_are_not_counted(void)
{
    Case test = make_case();

    set_mask(&test, "11111011");
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 5);
    test.rule.causal = FALSE;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 7);
    set_mask(&test, "11111000");
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 5);
    set_mask(&test, "01111000"); /* left padding, with half of the mass on it */
    assert_class(&test, ENTRO_ROW_OFF_SUM);
    test.p[1] += test.p[0];
    test.p[0] = 0;
    g_assert_cmpuint(valid_row(&test).n_keys, ==, 4);
}

/* ---- off_sum --------------------------------------------------------------------------------------- */

static void
assert_limit(Case *test, gsize key, double inside, double outside)
{
    float kept = test->p[key];

    test->p[key] = (float)(kept + inside);
    assert_class(test, ENTRO_ROW_VALID);
    test->p[key] = (float)(kept + outside);
    assert_class(test, ENTRO_ROW_OFF_SUM);
    test->p[key] = kept;
}

static void
the_sum_may_be_off_by_the_tolerance(void)
{
    Case test = make_case();

    assert_limit(&test, 2, 0.98e-4, 1.02e-4);
    assert_limit(&test, 2, -0.98e-4, -1.02e-4);
    test.rule.tolerance = 1e-2;
    assert_limit(&test, 0, 0.98e-2, 1.02e-2);
    assert_limit(&test, 0, -0.98e-2, -1.02e-2);
    test.rule.tolerance = 0;
    assert_limit(&test, 0, 0, 0x1p-23);
    test.p[1] = FLT_MAX;
    test.p[2] = FLT_MAX;
    assert_class(&test, ENTRO_ROW_OFF_SUM);
}

static void
a_weight_may_be_below_0_by_the_tolerance(void)
{
    Case test = make_case();

    test.p[3] = 0;
    test.p[2] += 0.0625f + 1e-4f; /* so that the sum stays near 1 */
    assert_limit(&test, 3, -0.98e-4, -1.02e-4);
}

static void
mass_after_the_query_may_be_the_tolerance(void)
{
    Case test = make_case();

    test.p[0] -= 1e-4f;
    test.p[5] = 5e-5f;
    assert_limit(&test, 7, 0.48e-4, 0.52e-4); /* together with key 5 */
    test.rule.causal = FALSE;
    test.p[7] = 0.52e-4f;
    assert_class(&test, ENTRO_ROW_VALID);
}

static void
mass_on_masked_keys_may_be_the_tolerance(void)
{
    Case test = make_case();

    set_mask(&test, "10011111");
    test.p[0] += 0.375f - 1e-4f;
    test.p[2] = 0;
    test.p[1] = 5e-5f;
    assert_limit(&test, 2, 0.48e-4, 0.52e-4);
    test.p[0] += 1e-4f;
    test.p[2] = -0.47e-4f; /* weights below 0 do not make up for others */
    assert_class(&test, ENTRO_ROW_VALID);
    test.p[2] = -0.53e-4f;
    assert_class(&test, ENTRO_ROW_OFF_SUM);
}

static void
a_tiny_mass_after_the_query_is_in_the_entropy(void)
{
    Case test = make_case();

    test.p[7] = 9e-5f;
    g_assert_cmpfloat_with_epsilon(valid_row(&test).entropy, 1.875 * G_LN2 - 9e-5 * log(9e-5),
                                   2e-7);
}

/* ---- the hash -------------------------------------------------------------------------------------- */

static guint64
hash_of(const Case *test)
{
    EntroRow row;
    guint64 hash;

    entro_row_measure(&test->rule, &test->keys, test->query, test->p, &row, &hash);
    return hash;
}

static void
the_hash_is_of_all_stored_weights_and_of_nothing_else(void)
{
    Case test = make_case();
    guint64 before = hash_of(&test);

    test.rule.causal = FALSE;
    test.rule.tolerance = 0.7;
    set_mask(&test, "11110000");
    g_assert_cmphex(hash_of(&test), ==, before);
    for (gsize key = 0; key < N; key++) {
        Case other = make_case();
        other.p[key] += 1e-7f;
        g_assert_cmphex(hash_of(&other), !=, before);
        other.p[key] = NAN;
        g_assert_cmphex(hash_of(&other), !=, before);
        other = make_case();
        other.p[key] = -other.p[key];
        g_assert_cmphex(hash_of(&other), !=, before);
    }
}

/* The row is hashed in two runs, before and after the query. */
static void
the_hash_sees_both_halves_exchanged(void)
{
    Case test = make_case(), other = make_case();

    test.query = other.query = 3;
    for (gsize key = 0; key < N; key++) {
        test.p[key] = (float)(1 + key * key) / 16;
        other.p[(key + 4) % N] = test.p[key];
    }
    g_assert_cmphex(hash_of(&test), !=, hash_of(&other));
    for (gsize key = 0; key < 4; key++)
        test.p[key] = other.p[key + 4] = 0;
    g_assert_cmphex(hash_of(&test), !=, hash_of(&other));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/rows/" name, function)
    ADD("a-row-in-numbers", a_row_in_numbers);
    ADD("a-row-without-mask-sees-every-key", a_row_without_mask_sees_every_key);
    ADD("random-rows-are-as-defined", random_rows_are_as_defined);
    ADD("fewer-queries-than-keys-are-the-last-ones", fewer_queries_than_keys_are_the_last_ones);
    ADD("more-queries-than-keys-stay-in-the-row", more_queries_than_keys_stay_in_the_row);
    ADD("a-one-hot-row-has-entropy-0-and-not-minus-0", a_one_hot_row_has_entropy_0_and_not_minus_0);
    ADD("no-number-of-a-row-is-negative", no_number_of_a_row_is_negative);
    ADD("minus-zeros-and-slips-below-0-change-nothing",
        minus_zeros_and_slips_below_0_change_nothing);
    ADD("one-nan-or-inf-anywhere-makes-the-row-nan", one_nan_or_inf_anywhere_makes_the_row_nan);
    ADD("nan-comes-before-masked-and-off-sum", nan_comes_before_masked_and_off_sum);
    ADD("a-row-of-zeros-is-masked", a_row_of_zeros_is_masked);
    ADD("a-padded-query-is-masked", a_padded_query_is_masked);
    ADD("a-padded-query-is-found-where-it-stands-among-the-keys",
        a_padded_query_is_found_where_it_stands_among_the_keys);
    ADD("a-query-without-any-key-is-masked", a_query_without_any_key_is_masked);
    ADD("masked-keys-are-not-counted", masked_keys_are_not_counted);
    ADD("the-sum-may-be-off-by-the-tolerance", the_sum_may_be_off_by_the_tolerance);
    ADD("a-weight-may-be-below-0-by-the-tolerance", a_weight_may_be_below_0_by_the_tolerance);
    ADD("mass-after-the-query-may-be-the-tolerance", mass_after_the_query_may_be_the_tolerance);
    ADD("mass-on-masked-keys-may-be-the-tolerance", mass_on_masked_keys_may_be_the_tolerance);
    ADD("a-tiny-mass-after-the-query-is-in-the-entropy",
        a_tiny_mass_after_the_query_is_in_the_entropy);
    ADD("the-hash-is-of-all-stored-weights-and-of-nothing-else",
        the_hash_is_of_all_stored_weights_and_of_nothing_else);
    ADD("the-hash-sees-both-halves-exchanged", the_hash_sees_both_halves_exchanged);
    return g_test_run();
}
