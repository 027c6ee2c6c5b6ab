/* test-together.c: what is said of several heads at once, and of logits, through whole runs: against
 * the definitions in long double, one weight after the other. */
#include "trace-fixture.h"

#include <string.h>

static const TraceShape usual = {.n_layers = 2,
                                 .n_heads = 5,
                                 .n_captures = 2,
                                 .n_samples = 2,
                                 .n_queries = 37,
                                 .n_keys = 37,
                                 .element = ENTRO_F32,
                                 .causal = TRUE};

#define NATS 2e-6 /* of a divergence in float against long double */

/* ---- a reference ----------------------------------------------------------------------------------- */

static long double
entropy_of(const long double *p, gsize n)
{
    long double entropy = 0;

    for (gsize key = 0; key < n; key++)
        entropy -= p[key] > 0 ? p[key] * logl(p[key]) : 0;
    return entropy;
}

static gboolean
is_finite(const float *p, gsize n)
{
    for (gsize key = 0; key < n; key++)
        if (!isfinite(p[key]))
            return FALSE;
    return TRUE;
}

/* H(mean) - mean of H over those of `heads` whose row is finite; NaN of fewer than two. */
static long double
divergence_of(const TraceShape *shape, float *p, gsize sample, gsize query, const guint *heads,
              guint n_heads)
{
    g_autofree long double *mean = g_new0(long double, shape->n_keys);
    g_autofree long double *one = g_new0(long double, shape->n_keys);
    long double entropies = 0;
    guint n = 0;

    for (guint i = 0; i < n_heads; i++) {
        const float *row = row_at(shape, p, sample, heads[i], query);
        if (!is_finite(row, shape->n_keys))
            continue;
        for (gsize key = 0; key < shape->n_keys; key++) {
            one[key] = row[key];
            mean[key] += row[key];
        }
        entropies += entropy_of(one, shape->n_keys);
        n++;
    }
    for (gsize key = 0; key < shape->n_keys; key++)
        mean[key] /= n;
    return n < 2 ? (long double)NAN : entropy_of(mean, shape->n_keys) - entropies / n;
}

/* Mean over the samples and `n` queries; rows without two heads left out. */
static double
mean_divergence(const TraceShape *shape, float *p, const gsize *queries, gsize n,
                const guint *heads, guint n_heads)
{
    long double sum = 0;
    gsize counted = 0;

    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize i = 0; i < n; i++) {
            long double value = divergence_of(shape, p, sample, queries[i], heads, n_heads);
            if (isnan(value))
                continue;
            sum += value;
            counted++;
        }
    return counted > 0 ? (double)(sum / counted) : NAN;
}

/* The middles of 16 equal parts, in whole numbers. */
static gsize
pair_queries(gsize n_queries, gsize *ret_queries)
{
    gsize n = MIN(n_queries, 16);

    for (gsize i = 0; i < n; i++)
        ret_queries[i] = (gsize)floor(((double)i + 0.5) * (double)n_queries / (double)n);
    return n;
}

static void
assert_value(double value, double expected)
{
    if (isnan(expected))
        g_assert_true(isnan(value));
    else
        g_assert_cmpfloat_with_epsilon(value, expected, NATS);
}

static void
assert_pairs(const TraceShape *shape, float *p, const EntroCapture *capture, guint layer)
{
    g_autofree gsize *queries = g_new(gsize, 16);
    gsize n = pair_queries(shape->n_queries, queries);
    double sum = 0;
    guint n_pairs = 0;

    for (guint a = 0; a < shape->n_heads; a++) {
        const EntroHeadStats *head = head_at(capture, layer, a);
        double nearest = NAN;
        for (guint b = 0; b < shape->n_heads; b++) {
            const guint pair[2] = {a, b};
            double value = a == b ? NAN : mean_divergence(shape, p, queries, n, pair, 2);
            if (isnan(value))
                continue;
            sum += value;
            n_pairs++;
            nearest = isnan(nearest) ? value : MIN(nearest, value);
        }
        assert_value(head->values[ENTRO_HEAD_NEAREST_DIVERGENCE], nearest);
        if (isnan(nearest)) {
            g_assert_true(isnan(head->values[ENTRO_HEAD_NEAREST_HEAD]));
            continue;
        }
        const guint chosen[2] = {a, (guint)head->values[ENTRO_HEAD_NEAREST_HEAD]};
        g_assert_cmpuint(chosen[1], !=, a);
        assert_value(mean_divergence(shape, p, queries, n, chosen, 2), nearest);
    }
    assert_value(capture->layers[layer].values[ENTRO_LAYER_PAIR_DIVERGENCE],
                 n_pairs > 0 ? sum / n_pairs : NAN);
}

/* The whole trace, every layer of every capture. */
static void
assert_as_reference(const TraceShape *shape, const GArray *captures)
{
    g_autofree gsize *queries = g_new(gsize, shape->n_queries);
    g_autofree guint *heads = g_new(guint, shape->n_heads);

    for (gsize query = 0; query < shape->n_queries; query++)
        queries[query] = query;
    for (guint head = 0; head < shape->n_heads; head++)
        heads[head] = head;
    for (guint at = 0; at < shape->n_captures * shape->n_layers; at++) {
        const EntroCapture *capture = capture_at(captures, at / shape->n_layers);
        guint layer = at % shape->n_layers;
        g_autofree float *p = make_attention(shape, capture->position, layer);
        if (shape->edit != NULL)
            shape->edit(shape, capture->position, layer, p);
        round_to_element(shape->element, p, layer_size(shape));
        assert_value(capture->layers[layer].values[ENTRO_LAYER_DIVERSITY],
                     mean_divergence(shape, p, queries, shape->n_queries, heads, shape->n_heads));
        assert_pairs(shape, p, capture, layer);
    }
}

/* ---- heads ----------------------------------------------------------------------------------------- */

static void
divergences_are_those_of_a_reference(Fixture *fixture, gconstpointer data)
{
    TraceShape shapes[5] = {usual, usual, usual, usual, usual};

    (void)data;
    shapes[1].causal = FALSE;
    shapes[2].n_queries = 7;
    shapes[3].n_heads = 1;
    shapes[4].n_queries = shapes[4].n_keys = 150;
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++) {
            shapes[i].element = element;
            write_trace(fixture->path, &shapes[i]);
            g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
            assert_as_reference(&shapes[i], captures);
        }
}

/* However the heads are spread over chunks and tiles. */
static void
tiles_of_any_cut_give_the_same(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunks[][5] = {{1, 1, 1, 150, 150}, {1, 2, 1, 75, 150},
                                        {1, 1, 2, 40, 150},  {2, 1, 5, 150, 150},
                                        {1, 1, 1, 150, 64},  {1, 1, 3, 13, 150}};
    TraceShape shape = usual;

    (void)data;
    shape.n_queries = shape.n_keys = 150;
    write_trace(fixture->other, &shape);
    g_autoptr(GArray) expected = run_trace(fixture->other, &run_everything, NULL);
    assert_as_reference(&shape, expected);
    for (guint i = 0; i <= 2 * G_N_ELEMENTS(chunks); i++) {
        const hsize_t *chunk =
            i < 2 * G_N_ELEMENTS(chunks) ? chunks[i % G_N_ELEMENTS(chunks)] : NULL;
        write_plain_trace(fixture->path, &shape,
                          &(Storage){.chunk = chunk,
                                     .deflate = i < G_N_ELEMENTS(chunks),
                                     .causal = ENTRO_CAUSAL_YES});
        g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
        assert_same_captures(captures, expected);
    }
}

/* A prime number of rows too large for a tile: one row a tile, whatever the pairs need. */
static void
tiles_of_a_single_row_hold_all_pairs(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunk[5] = {1, 1, 1, 521, 521};
    TraceShape shape = usual;

    (void)data;
    shape.n_layers = shape.n_captures = shape.n_samples = 1;
    shape.n_heads = 2;
    shape.n_queries = shape.n_keys = 521;
    write_plain_trace(fixture->path, &shape,
                      &(Storage){.chunk = chunk, .causal = ENTRO_CAUSAL_YES});
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    assert_as_reference(&shape, captures);
}

/* Head 1 is NaN in every row, head 3 in a third of them. */
static gboolean
diverge(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize query = 0; query < shape->n_queries && layer == 0; query++) {
            row_at(shape, p, sample, 1, query)[0] = NAN;
            if (query % 3 == 1)
                row_at(shape, p, sample, 3, query)[query / 2] = INFINITY;
        }
    return TRUE;
}

static void
rows_that_are_not_valid_are_left_out(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = diverge;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    assert_as_reference(&shape, captures);
    g_assert_true(isnan(head_at(capture_at(captures, 0), 0, 1)->values[ENTRO_HEAD_NEAREST_HEAD]));
}

/* A weight just below 0 on the last allowed key: valid, and no logarithm. */
static gboolean
dip_below_0(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture, (void)layer;
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (guint head = 0; head < shape->n_heads; head++)
            for (gsize query = 2; query < shape->n_queries; query += 2)
                row_at(shape, p, sample, head, query)[query] = -1e-6f;
    return TRUE;
}

static void
weights_below_0_are_no_weights(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRunOptions options = run_everything;

    (void)data;
    shape.edit = dip_below_0;
    options.tolerance = 0.9;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
    for (guint i = 0; i < capture_at(captures, 0)->n_layers; i++) {
        const double *values = capture_at(captures, 0)->layers[i].values;
        g_assert_cmpfloat(values[ENTRO_LAYER_DIVERSITY], >, 0);
        g_assert_cmpfloat(values[ENTRO_LAYER_DIVERSITY], <, log(5));
        g_assert_cmpfloat(values[ENTRO_LAYER_PAIR_DIVERGENCE], <, G_LN2);
    }
}

/* Layer 0: all heads alike; layer 1: head h looks at key h alone. */
static gboolean
alike_or_apart(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (guint head = 0; head < shape->n_heads; head++)
            for (gsize query = 0; query < shape->n_queries; query++) {
                float *row = row_at(shape, p, sample, head, query);
                if (layer == 0)
                    memcpy(row, row_at(shape, p, sample, 0, query), shape->n_keys * sizeof *row);
                else
                    for (gsize key = 0; key < shape->n_keys; key++)
                        row[key] = key == head;
            }
    return TRUE;
}

static void
heads_alike_diverge_by_0_and_heads_apart_by_the_most(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.causal = FALSE;
    shape.edit = alike_or_apart;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const EntroLayerStats *layers = capture_at(captures, 1)->layers;
    assert_value(layers[0].values[ENTRO_LAYER_DIVERSITY], 0);
    assert_value(layers[0].values[ENTRO_LAYER_PAIR_DIVERGENCE], 0);
    assert_value(layers[1].values[ENTRO_LAYER_DIVERSITY], log(5));
    assert_value(layers[1].values[ENTRO_LAYER_PAIR_DIVERGENCE], G_LN2);
}

/* ---- what is not asked for ------------------------------------------------------------------------- */

static void
assert_nan_where(guint with, guint bit, double value)
{
    g_assert_cmpint(isnan(value) != 0, ==, (with & bit) == 0);
}

static void
what_is_not_asked_for_is_nan_and_changes_nothing_else(Fixture *fixture, gconstpointer data)
{
    EntroRunOptions options = run_everything;

    (void)data;
    write_trace(fixture->path, &usual);
    g_autoptr(GArray) all = run_trace(fixture->path, &run_everything, NULL);
    for (options.with = 0; options.with <= WITH_EVERYTHING; options.with++) {
        g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
        const EntroCapture *capture = capture_at(captures, 1), *whole = capture_at(all, 1);
        const EntroHeadStats *head = head_at(capture, 1, 2);
        const EntroLayerStats *layer = &capture->layers[1];
        g_assert_cmphex(capture->digest, ==, whole->digest);
        for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
            if (!isnan(head->values[column]))
                g_assert_cmpfloat(head->values[column], ==, head_at(whole, 1, 2)->values[column]);
        assert_nan_where(options.with, ENTRO_WITH_QUANTILES, head->values[ENTRO_HEAD_ENTROPY_P05]);
        assert_nan_where(options.with, ENTRO_WITH_LOGITS, head->values[ENTRO_HEAD_LOGIT_MAX]);
        assert_nan_where(options.with, ENTRO_WITH_PAIRS, head->values[ENTRO_HEAD_NEAREST_HEAD]);
        assert_nan_where(options.with, ENTRO_WITH_DIVERSITY, layer->values[ENTRO_LAYER_DIVERSITY]);
        g_assert_false(isnan(head->values[ENTRO_HEAD_ENTROPY_MEAN]));
    }
}

/* ---- logits ---------------------------------------------------------------------------------------- */

static float
temperature_at(gsize capture, guint layer, const TraceShape *shape, guint head, gsize query)
{
    return param_value(capture, layer, ENTRO_PARAM_TEMPERATURE, head * shape->n_queries + query);
}

static void
reference_logits(const TraceShape *shape, float *p, gsize capture, guint layer, guint head,
                 gboolean has_temperature, double *ret_max, double *ret_square)
{
    long double squares = 0, largest = -INFINITY;
    gsize n_rows = shape->n_samples * shape->n_queries;

    for (gsize row = 0; row < n_rows; row++) {
        gsize query = row % shape->n_queries, n = query + shape->n_keys - shape->n_queries + 1;
        const float *weights = row_at(shape, p, row / shape->n_queries, head, query);
        long double t = has_temperature ? temperature_at(capture, layer, shape, head, query) : 1;
        long double mean = 0, square = 0;
        for (gsize key = 0; key < n; key++)
            mean += logl(weights[key]) / n;
        for (gsize key = 0; key < n; key++) {
            long double z = t * (logl(weights[key]) - mean);
            square += z * z / n;
            largest = MAX(largest, z);
        }
        squares += square;
    }
    *ret_max = (double)largest;
    *ret_square = (double)(squares / n_rows);
}

static void
logits_are_those_of_a_reference(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    for (guint has = 0; has < 2; has++) {
        EntroRunOptions options = run_everything;
        (void)data;
        shape.params = has ? 1u << ENTRO_PARAM_TEMPERATURE : 0;
        if (has)
            options.with = 0; /* a trace with temperature needs no asking */
        write_trace(fixture->path, &shape);
        g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
        for (guint layer = 0; layer < shape.n_layers; layer++) {
            g_autofree float *p = make_attention(&shape, 1, layer);
            for (guint head = 0; head < shape.n_heads; head++) {
                const double *values = head_at(capture_at(captures, 1), layer, head)->values;
                double largest, square;
                reference_logits(&shape, p, 1, layer, head, has, &largest, &square);
                g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_LOGIT_MAX], largest,
                                               1e-5 * fabs(largest));
                g_assert_cmpfloat_with_epsilon(values[ENTRO_HEAD_LOGIT_SQUARE], square,
                                               1e-5 * square);
            }
        }
    }
}

/* One query's, of all heads. */
static gboolean
turn_temperature(const TraceShape *shape, gsize capture, guint layer, EntroParam param,
                 float *values)
{
    (void)capture, (void)layer, (void)param;
    for (guint head = 0; head < shape->n_heads; head++)
        values[head * shape->n_queries + 5] = -0.25f;
    return TRUE;
}

static void
below_0_the_largest_logit_is_not_known(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.params = 1u << ENTRO_PARAM_TEMPERATURE;
    shape.edit_param = turn_temperature;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const double *values = head_at(capture_at(captures, 0), 0, 0)->values;
    g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_MAX]));
    g_assert_cmpfloat(values[ENTRO_HEAD_LOGIT_SQUARE], >, 0);
}

static gboolean
spoil_temperature(const TraceShape *shape, gsize capture, guint layer, EntroParam param,
                  float *values)
{
    static const float no_numbers[] = {NAN, INFINITY, 1e38f};

    (void)layer, (void)param;
    values[5] = no_numbers[capture % G_N_ELEMENTS(no_numbers)];
    for (gsize query = 0; query < shape->n_queries; query++)
        values[shape->n_queries + query] = no_numbers[capture % G_N_ELEMENTS(no_numbers)];
    return TRUE;
}

/* Of one query, or of all: neither an Inf nor the rest alone is the head's number. */
static void
a_temperature_that_is_no_number_hides_the_logits(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.n_captures = 3;
    shape.params = 1u << ENTRO_PARAM_TEMPERATURE;
    shape.edit_param = spoil_temperature;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    for (guint capture = 0; capture < shape.n_captures; capture++)
        for (guint head = 0; head < 3; head++) {
            const double *values = head_at(capture_at(captures, capture), 0, head)->values;
            g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_SQUARE]) == (head < 2));
            /* 1e38 times the logit may still be a float */
            if (capture < 2)
                g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_MAX]) == (head < 2));
            g_assert_false(isinf(values[ENTRO_HEAD_LOGIT_MAX]));
        }
}

static gboolean
lose_temperature(const TraceShape *shape, gsize capture, guint layer, EntroParam param,
                 float *values)
{
    (void)shape, (void)layer, (void)values;
    return param != ENTRO_PARAM_TEMPERATURE || capture != 1;
}

static void
without_its_temperature_a_row_has_no_logits(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.params = 1u << ENTRO_PARAM_TEMPERATURE;
    shape.edit_param = lose_temperature;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    g_assert_false(isnan(head_at(capture_at(captures, 0), 1, 0)->values[ENTRO_HEAD_LOGIT_MAX]));
    g_assert_true(isnan(head_at(capture_at(captures, 1), 0, 0)->values[ENTRO_HEAD_LOGIT_MAX]));
    g_assert_false(isnan(head_at(capture_at(captures, 1), 0, 0)->values[ENTRO_HEAD_ENTROPY_MEAN]));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
    g_test_add("/together/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)
    ADD("divergences-are-those-of-a-reference", divergences_are_those_of_a_reference);
    ADD("tiles-of-any-cut-give-the-same", tiles_of_any_cut_give_the_same);
    ADD("tiles-of-a-single-row", tiles_of_a_single_row_hold_all_pairs);
    ADD("rows-that-are-not-valid-are-left-out", rows_that_are_not_valid_are_left_out);
    ADD("weights-below-0-are-no-weights", weights_below_0_are_no_weights);
    ADD("alike-0-apart-the-most", heads_alike_diverge_by_0_and_heads_apart_by_the_most);
    ADD("what-is-not-asked-for-is-nan", what_is_not_asked_for_is_nan_and_changes_nothing_else);
    ADD("logits-are-those-of-a-reference", logits_are_those_of_a_reference);
    ADD("below-0-not-known", below_0_the_largest_logit_is_not_known);
    ADD("temperature-no-number", a_temperature_that_is_no_number_hides_the_logits);
    ADD("without-temperature-no-logits", without_its_temperature_a_row_has_no_logits);
    return g_test_run();
}
