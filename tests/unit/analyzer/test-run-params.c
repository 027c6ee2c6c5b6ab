/* test-run-params.c: learnable parameters on their way through a run: what becomes of their values,
 * and of those that are not there or cannot be read. */
#include "trace-fixture.h"

#include <string.h>
#include <zlib.h>

enum { ALL = (1u << ENTRO_N_PARAMS) - 1 };

static const TraceShape usual = {.n_layers = 3,
                                 .n_heads = 2,
                                 .n_captures = 6,
                                 .n_samples = 2,
                                 .n_queries = 5,
                                 .n_keys = 5,
                                 .element = ENTRO_F32,
                                 .causal = TRUE,
                                 .params = ALL};

static const EntroRunOptions defaults = {.n_threads = 2, .tolerance = NAN, .memory = 16u << 20};

/* ---- the numbers ----------------------------------------------------------------------------------- */

static void
assert_head(const TraceShape *shape, const EntroCapture *capture, guint row)
{
    const EntroHeadParams *params = &capture->head_params[row];
    guint layer = row / shape->n_heads, head = row % shape->n_heads;
    gsize first = head * shape->n_queries, last = first + shape->n_queries - 1;

    g_assert_cmpuint(params->layer, ==, layer);
    g_assert_cmpuint(params->head, ==, head);
    g_assert_cmpfloat(params->values[ENTRO_HEAD_PARAM_THRESHOLD], ==,
                      param_value(capture->position, layer, ENTRO_PARAM_THRESHOLD, head));
    g_assert_cmpfloat(params->values[ENTRO_HEAD_PARAM_TEMPERATURE_MIN], ==,
                      param_value(capture->position, layer, ENTRO_PARAM_TEMPERATURE, first));
    g_assert_cmpfloat(params->values[ENTRO_HEAD_PARAM_TEMPERATURE_MAX], ==,
                      param_value(capture->position, layer, ENTRO_PARAM_TEMPERATURE, last));
    g_assert_cmpfloat(params->values[ENTRO_HEAD_PARAM_TEMPERATURE_MEAN], ==,
                      param_value(capture->position, layer, ENTRO_PARAM_TEMPERATURE,
                                  first + 2)); /* the middle */
}

static void
every_value_arrives(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_trace(fixture->path, &usual);
    g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
    g_assert_cmpuint(captures->len, ==, usual.n_captures);
    for (guint i = 0; i < captures->len; i++) {
        const EntroCapture *capture = capture_at(captures, i);
        g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_COMPLETE);
        g_assert_null(capture->detail);
        g_assert_cmpuint(capture->n_head_params, ==, usual.n_layers * usual.n_heads);
        for (guint row = 0; row < capture->n_head_params; row++)
            assert_head(&usual, capture, row);
        g_assert_cmpuint(capture->n_layer_params, ==, usual.n_layers);
        for (guint layer = 0; layer < usual.n_layers; layer++) {
            const EntroLayerParams *params = &capture->layer_params[layer];
            g_assert_cmpuint(params->layer, ==, layer);
            g_assert_cmpfloat(params->values[ENTRO_LAYER_PARAM_ALPHA], ==,
                              param_value(i, layer, ENTRO_PARAM_ALPHA, 0));
            g_assert_cmpfloat(params->values[ENTRO_LAYER_PARAM_BETA], ==,
                              param_value(i, layer, ENTRO_PARAM_BETA, 0));
        }
    }
}

static void
what_a_trace_has_not_is_no_row_or_null(Fixture *fixture, gconstpointer data)
{
    static const guint params[] = {0, 1u << ENTRO_PARAM_THRESHOLD, 1u << ENTRO_PARAM_BETA};
    TraceShape shape = usual;

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(params); i++) {
        shape.params = params[i];
        write_trace(fixture->path, &shape);
        g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
        const EntroCapture *capture = capture_at(captures, 3);
        g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_COMPLETE);
        g_assert_cmpuint(capture->n_head_params, ==, i == 1 ? 6 : 0);
        g_assert_cmpuint(capture->n_layer_params, ==, i == 2 ? 3 : 0);
        if (i == 1)
            g_assert_true(
                isnan(capture->head_params[2].values[ENTRO_HEAD_PARAM_TEMPERATURE_MEAN]) &&
                !isnan(capture->head_params[2].values[ENTRO_HEAD_PARAM_THRESHOLD]));
        if (i == 2)
            g_assert_true(isnan(capture->layer_params[2].values[ENTRO_LAYER_PARAM_ALPHA]) &&
                          !isnan(capture->layer_params[2].values[ENTRO_LAYER_PARAM_BETA]));
    }
}

static gboolean
make_not_finite(const TraceShape *shape, gsize capture, guint layer, EntroParam param,
                float *values)
{
    (void)layer;
    if (capture == 1)
        values[param == ENTRO_PARAM_TEMPERATURE ? shape->n_queries + 2 : 0] = NAN;
    if (capture == 2)
        values[0] = INFINITY;
    return TRUE;
}

static void
values_that_are_not_finite_are_null(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit_param = make_not_finite;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
    for (guint i = 1; i <= 2; i++) {
        const EntroCapture *capture = capture_at(captures, i);
        const double *bad = capture->head_params[i == 1 ? 1 : 0].values; /* head 1, head 0 */
        const double *good = capture->head_params[i == 1 ? 0 : 1].values;
        g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_COMPLETE); /* they were read */
        g_assert_true(isnan(capture->head_params[0].values[ENTRO_HEAD_PARAM_THRESHOLD]));
        g_assert_true(isnan(capture->layer_params[0].values[ENTRO_LAYER_PARAM_ALPHA]));
        for (guint column = ENTRO_HEAD_PARAM_TEMPERATURE_MEAN;
             column <= ENTRO_HEAD_PARAM_TEMPERATURE_MAX; column++)
            g_assert_true(isnan(bad[column]) && !isnan(good[column]));
    }
}

/* ---- what cannot be read --------------------------------------------------------------------------- */

static gboolean
leave_out(const TraceShape *shape, gsize capture, guint layer, EntroParam param, float *values)
{
    (void)shape, (void)values;
    return !(capture == 2 && layer == 1 && param == ENTRO_PARAM_THRESHOLD) &&
           !(capture == 5 && param == ENTRO_PARAM_ALPHA);
}

static void
what_is_missing_is_null_and_said(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    write_trace(fixture->other, &shape);
    shape.edit_param = leave_out;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) whole = run_trace(fixture->other, &defaults, NULL);
    g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
    for (guint i = 0; i < captures->len; i++) {
        const EntroCapture *capture = capture_at(captures, i), *other = capture_at(whole, i);
        g_assert_cmpint(capture->status, ==,
                        i == 2 || i == 5 ? ENTRO_CAPTURE_PARTIAL : ENTRO_CAPTURE_COMPLETE);
        g_assert_cmpuint(capture->n_head_params, ==, 6); /* the rows stay */
        g_assert_cmpuint(capture->n_layer_params, ==, 3);
        g_assert_cmphex(capture->digest, ==, other->digest);
        g_assert_cmpmem(capture->heads, capture->n_heads * sizeof *capture->heads, other->heads,
                        other->n_heads * sizeof *other->heads); /* the attention's own rows */
    }
    const EntroCapture *second = capture_at(captures, 2);
    g_assert_cmpstr(second->detail, ==,
                    "/layers/1/threshold: capture 2: its entry was never written");
    g_assert_true(isnan(second->head_params[2].values[ENTRO_HEAD_PARAM_THRESHOLD]));
    g_assert_false(isnan(second->head_params[2].values[ENTRO_HEAD_PARAM_TEMPERATURE_MEAN]));
    g_assert_false(isnan(second->head_params[1].values[ENTRO_HEAD_PARAM_THRESHOLD]));
    const EntroCapture *last = capture_at(captures, 5);
    g_assert_cmpstr(last->detail, ==,
                    "/layers/0/alpha: capture 5: its entry was never written\n"
                    "/layers/1/alpha: capture 5: its entry was never written\n"
                    "/layers/2/alpha: capture 5: its entry was never written");
    g_assert_true(isnan(last->layer_params[1].values[ENTRO_LAYER_PARAM_ALPHA]));
    g_assert_false(isnan(last->layer_params[1].values[ENTRO_LAYER_PARAM_BETA]));
}

/* Of layer 1 in capture 3 the temperature's entry, one bit of it. */
static void
damage_temperature(const char *path)
{
    g_autofree char *bytes = NULL;
    enum { N = 10 };
    guint8 shuffled[N * sizeof(float)], stored[256];
    uLongf n_stored = sizeof stored;
    gsize size = 0;

    for (gsize i = 0; i < N; i++) {
        float value = param_value(3, 1, ENTRO_PARAM_TEMPERATURE, i);
        for (gsize byte = 0; byte < sizeof value; byte++)
            shuffled[byte * N + i] = ((const guint8 *)&value)[byte];
    }
    g_assert_cmpint(compress2(stored, &n_stored, shuffled, sizeof shuffled, 1), ==, Z_OK);
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    char *place = memmem(bytes, size, stored, n_stored);
    g_assert_nonnull(place);
    place[17] ^= 4;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
}

static gboolean
skip_attention(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)shape, (void)p;
    return !(capture == 3 && layer == 1);
}

static void
what_is_damaged_is_null_and_said(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_trace(fixture->path, &usual);
    damage_temperature(fixture->path);
    g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
    for (guint i = 0; i < captures->len; i++)
        g_assert_cmpint(capture_at(captures, i)->status, ==,
                        i == 3 ? ENTRO_CAPTURE_PARTIAL : ENTRO_CAPTURE_COMPLETE);
    const EntroCapture *capture = capture_at(captures, 3);
    g_assert_nonnull(strstr(capture->detail, "/layers/1/temperature: capture 3: its entry"));
    g_assert_nonnull(strstr(capture->detail, "checksum"));
    g_assert_null(strchr(capture->detail, '\n'));
    g_assert_cmpuint(capture->n_heads, ==, 6);
    g_assert_cmpuint(capture->n_head_params, ==, 6);
    for (guint head = 2; head <= 3; head++) {
        const double *values = capture->head_params[head].values;
        g_assert_true(isnan(values[ENTRO_HEAD_PARAM_TEMPERATURE_MEAN]));
        g_assert_true(isnan(values[ENTRO_HEAD_PARAM_TEMPERATURE_MIN]));
        g_assert_false(isnan(values[ENTRO_HEAD_PARAM_THRESHOLD]));
    }
}

static void
parameters_stay_where_the_attention_is_missing(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = skip_attention;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &defaults, NULL);
    const EntroCapture *capture = capture_at(captures, 3);
    g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_PARTIAL);
    g_assert_cmpuint(capture->n_heads, ==, 4);
    g_assert_cmpuint(capture->n_head_params, ==, 6);
    for (guint row = 0; row < 6; row++)
        assert_head(&shape, capture, row);
    g_assert_cmpuint(capture->n_layer_params, ==, 3);
}

/* ---- the same whatever the run --------------------------------------------------------------------- */

static void
threads_and_selection_change_nothing(Fixture *fixture, gconstpointer data)
{
    static const guint threads[] = {1, 2, 8};
    const gsize some[] = {1, 3, 4};
    TraceShape shape = usual;
    g_autoptr(GArray) first = NULL;

    (void)data;
    shape.n_captures = 20;
    shape.edit_param = leave_out;
    write_trace(fixture->path, &shape);
    damage_temperature(fixture->path);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        EntroRunOptions options = defaults;
        options.n_threads = threads[i];
        g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
        if (first != NULL)
            assert_same_captures(first, captures);
        else
            first = g_steal_pointer(&captures);
        options.captures = some;
        options.n_captures = G_N_ELEMENTS(some);
        g_autoptr(GArray) selected = run_trace(fixture->path, &options, NULL);
        g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(EntroCapture));
        for (guint k = 0; k < G_N_ELEMENTS(some); k++)
            g_array_append_val(expected, *capture_at(first, (guint)some[k]));
        assert_same_captures(expected, selected);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/run/params/" name, function)
    ADD("every-value-arrives", every_value_arrives);
    ADD("what-a-trace-has-not", what_a_trace_has_not_is_no_row_or_null);
    ADD("values-that-are-not-finite-are-null", values_that_are_not_finite_are_null);
    ADD("what-is-missing-is-null-and-said", what_is_missing_is_null_and_said);
    ADD("what-is-damaged-is-null-and-said", what_is_damaged_is_null_and_said);
    ADD("stay-where-the-attention-is-missing", parameters_stay_where_the_attention_is_missing);
    ADD("threads-and-selection-change-nothing", threads_and_selection_change_nothing);
    return g_test_run();
}
