/* test-run.c: from a trace on disk to captures: the numbers, whatever the threads and the storage,
 * and what becomes of parts that cannot be read. */
#include "trace-fixture.h"

#include <string.h>

static const TraceShape usual = {.n_layers = 3,
                                 .n_heads = 4,
                                 .n_captures = 5,
                                 .n_samples = 2,
                                 .n_queries = 33,
                                 .n_keys = 33,
                                 .element = ENTRO_F32,
                                 .causal = TRUE};

/* ---- a reference ----------------------------------------------------------------------------------- */

/* The definitions, row after row, in long double. */
static void
reference(const TraceShape *shape, float *p, guint head, double values[ENTRO_HEAD_N_COLUMNS])
{
    gsize n = 0, n_norm = 0;
    long double sum[ENTRO_HEAD_N_COLUMNS] = {0}, squares = 0;
    double smallest = INFINITY, largest = 0;

    for (gsize row = 0; row < shape->n_samples * shape->n_queries; row++) {
        gsize sample = row / shape->n_queries, query = row % shape->n_queries, allowed = 0;
        gsize position = query + shape->n_keys - shape->n_queries;
        const float *weights = row_at(shape, p, sample, head, query);
        const guint8 *mask = shape->mask ? shape->mask + sample * shape->n_keys : NULL;
        NaiveSums naive = naive_sums(weights, shape->n_keys);
        if (mask && !mask[position])
            continue;
        for (gsize key = 0; key < shape->n_keys; key++) {
            allowed += (!shape->causal || key <= position) && (!mask || mask[key]);
            sum[ENTRO_HEAD_DISTANCE] += weights[key] * fabs((double)key - (double)position);
        }
        n++;
        sum[ENTRO_HEAD_ENTROPY_MEAN] += naive.entropy;
        squares += naive.entropy * naive.entropy;
        smallest = MIN(smallest, (double)naive.entropy);
        largest = MAX(largest, (double)naive.entropy);
        n_norm += allowed >= 2;
        sum[ENTRO_HEAD_ENTROPY_NORM] += allowed >= 2 ? naive.entropy / logl(allowed) : 0;
        sum[ENTRO_HEAD_ROWS_COLLAPSED] += allowed >= 2 && naive.entropy < 0.05L * logl(allowed);
        sum[ENTRO_HEAD_ROWS_OVERLOADED] += allowed >= 2 && naive.entropy >= 0.75L * logl(allowed);
        sum[ENTRO_HEAD_ENTROPY_CEILING] += logl(allowed);
        sum[ENTRO_HEAD_EFFECTIVE_KEYS] += expl(naive.entropy);
        sum[ENTRO_HEAD_MAX_WEIGHT] += naive.largest;
        sum[ENTRO_HEAD_SINK_MASS] += weights[0];
        sum[ENTRO_HEAD_SELF_WEIGHT] += weights[position];
        sum[ENTRO_HEAD_PREVIOUS_WEIGHT] += position > 0 ? weights[position - 1] : 0;
    }
    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        values[column] = (double)(sum[column] / n);
    long double mean = sum[ENTRO_HEAD_ENTROPY_MEAN] / n;
    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        if (column == ENTRO_HEAD_ENTROPY_NORM || column == ENTRO_HEAD_ROWS_COLLAPSED ||
            column == ENTRO_HEAD_ROWS_OVERLOADED)
            values[column] = (double)(sum[column] / n_norm);
    values[ENTRO_HEAD_ENTROPY_SD] = (double)sqrtl((squares - n * mean * mean) / (n - 1));
    values[ENTRO_HEAD_ENTROPY_MIN] = smallest;
    values[ENTRO_HEAD_ENTROPY_MAX] = largest;
}

static gboolean
has_reference(guint column)
{
    return column != ENTRO_HEAD_ENTROPY_P05 && column != ENTRO_HEAD_ENTROPY_MEDIAN &&
           column != ENTRO_HEAD_ENTROPY_P95 && /* test-head-stats.c */
           column < ENTRO_HEAD_LOGIT_MAX;      /* test-together.c */
}

static void
assert_as_reference(const TraceShape *shape, const GArray *captures)
{
    g_assert_cmpuint(captures->len, ==, shape->n_captures);
    for (guint at = 0; at < shape->n_captures * shape->n_layers; at++) {
        guint layer = at % shape->n_layers;
        const EntroCapture *capture = capture_at(captures, at / shape->n_layers);
        g_autofree float *p = make_attention(shape, capture->position, layer);
        round_to_element(shape->element, p, layer_size(shape));
        for (guint head = 0; head < shape->n_heads; head++) {
            const EntroHeadStats *stats = head_at(capture, layer, head);
            double expected[ENTRO_HEAD_N_COLUMNS];
            reference(shape, p, head, expected);
            g_assert_cmpint(stats->n_rows, ==, (gint64)(shape->n_samples * shape->n_queries));
            g_assert_cmpint(stats->n_nan + stats->n_off_sum, ==, 0);
            for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
                if (has_reference(column))
                    g_assert_cmpfloat_with_epsilon(stats->values[column], expected[column],
                                                   1e-6 * (1 + fabs(expected[column]) / 8));
        }
    }
}

/* ---- the numbers ----------------------------------------------------------------------------------- */

static void
every_number_is_that_of_a_reference(Fixture *fixture, gconstpointer data)
{
    TraceShape shapes[4] = {usual, usual, usual, usual};

    (void)data;
    shapes[1].causal = FALSE;
    shapes[2].n_queries = 7; /* the last 7 of 33 */
    shapes[3].n_queries = shapes[3].n_keys = 150;
    shapes[3].deflate = 1;
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++) {
            shapes[i].element = element;
            write_trace(fixture->path, &shapes[i]);
            g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
            assert_as_reference(&shapes[i], captures);
        }
}

/* What storing in half precision costs, against the numbers before they were rounded. */
static void
half_precision_stays_within_its_error(Fixture *fixture, gconstpointer data)
{
    static const double nats[] = {[ENTRO_F16] = 5e-4, [ENTRO_BF16] = 4e-3};
    TraceShape shape = usual;

    (void)data;
    for (EntroElement element = ENTRO_F16; element <= ENTRO_BF16; element++) {
        shape.element = element;
        write_trace(fixture->path, &shape);
        g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
        g_autofree float *p = make_attention(&shape, 0, 1);
        for (guint head = 0; head < shape.n_heads; head++) {
            double expected[ENTRO_HEAD_N_COLUMNS];
            reference(&shape, p, head, expected);
            g_assert_cmpfloat_with_epsilon(
                head_at(capture_at(captures, 0), 1, head)->values[ENTRO_HEAD_ENTROPY_MEAN],
                expected[ENTRO_HEAD_ENTROPY_MEAN], nats[element]);
        }
    }
}

static void
a_capture_says_where_it_stands(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_trace(fixture->path, &usual);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    for (guint i = 0; i < usual.n_captures; i++) {
        const EntroCapture *capture = capture_at(captures, i);
        g_assert_cmpuint(capture->position, ==, i);
        g_assert_cmpint(capture->step, ==, 10 * (gint64)i);
        g_assert_cmpuint(capture->attempt, ==, 1);
        g_assert_cmpint(capture->n_rows, ==, 3 * 4 * 2 * 33);
        g_assert_cmpstr(entro_capture_status_name(capture->status), ==, "complete");
        g_assert_null(capture->detail);
        g_assert_cmpuint(capture->n_heads, ==, 12);
        g_assert_cmpuint(capture->n_layers, ==, 3);
        for (guint at = 0; at < 12; at++) {
            g_assert_cmpuint(capture->heads[at].layer, ==, at / 4);
            g_assert_cmpuint(capture->heads[at].head, ==, at % 4);
        }
    }
}

static void
a_layer_is_the_mean_of_its_heads(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_trace(fixture->path, &usual);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const EntroCapture *capture = capture_at(captures, 2);
    for (guint layer = 0; layer < 3; layer++) {
        double mean = 0;
        for (guint head = 0; head < 4; head++)
            mean += head_at(capture, layer, head)->values[ENTRO_HEAD_ENTROPY_MEAN] / 4;
        g_assert_cmpuint(capture->layers[layer].layer, ==, layer);
        g_assert_cmpuint(capture->layers[layer].n_valid_heads, ==, 4);
        g_assert_cmpfloat_with_epsilon(capture->layers[layer].values[ENTRO_LAYER_ENTROPY_MEAN],
                                       mean, 1e-14);
    }
}

/* ---- the same, whatever ---------------------------------------------------------------------------- */

static void
threads_and_memory_change_nothing(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRunOptions options = run_everything;

    (void)data;
    options.n_threads = 1;
    shape.n_captures = 20;
    shape.n_queries = shape.n_keys = 64;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) expected = run_trace(fixture->path, &options, NULL);
    assert_as_reference(&shape, expected);
    for (options.n_threads = 0; options.n_threads <= 8; options.n_threads++)
        for (guint little = 0; little < 2; little++) {
            options.memory = little ? 0 : 16u << 20;
            g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
            assert_same_captures(captures, expected);
        }
}

static void
storage_changes_nothing(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunks[][5] = {{1, 1, 1, 33, 33}, {1, 1, 4, 33, 33}, {1, 2, 3, 10, 33},
                                        {2, 1, 2, 33, 33}, {3, 2, 4, 7, 33},  {5, 2, 4, 33, 33},
                                        {1, 1, 1, 1, 33},  {1, 1, 2, 17, 20}, {2, 2, 3, 5, 11}};
    (void)data;
    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++) {
        TraceShape shape = usual;
        shape.element = element;
        write_trace(fixture->path, &shape);
        g_autoptr(GArray) expected = run_trace(fixture->path, &run_everything, NULL);
        for (guint i = 0; i <= G_N_ELEMENTS(chunks); i++) {
            gboolean chunked = i < G_N_ELEMENTS(chunks);
            Storage storage = {.chunk = chunked ? chunks[i] : NULL,
                               .shuffle = chunked && i % 2,
                               .deflate = chunked ? i % 3 : 0,
                               .fletcher32 = chunked && i % 4 == 3,
                               .big_endian = (i + element) % 3 == 0,
                               .causal = ENTRO_CAUSAL_YES};
            write_plain_trace(fixture->other, &shape, &storage);
            g_autoptr(GArray) captures = run_trace(fixture->other, &run_everything, NULL);
            assert_same_captures(captures, expected);
        }
    }
}

/* Heads so large that a tile holds a part of a layer, or of a head. */
static void
tiles_of_any_cut_give_the_same(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunks[][5] = {{1, 1, 1, 150, 150}, {1, 2, 1, 75, 150},
                                        {1, 1, 2, 40, 150},  {2, 1, 5, 150, 150},
                                        {1, 1, 1, 150, 64},  {1, 1, 3, 13, 150}};
    TraceShape shape = usual;

    (void)data;
    shape.n_heads = 5;
    shape.n_queries = shape.n_keys = 150;
    for (guint i = 0; i <= G_N_ELEMENTS(chunks); i++) {
        const hsize_t *chunk = i < G_N_ELEMENTS(chunks) ? chunks[i] : NULL;
        write_plain_trace(fixture->path, &shape,
                          &(Storage){.chunk = chunk, .causal = ENTRO_CAUSAL_YES});
        g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
        assert_as_reference(&shape, captures);
    }
}

static void
selected_captures_are_those_of_all(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunk[5] = {3, 2, 2, 33, 33};
    const Storage storage = {.chunk = chunk, .causal = ENTRO_CAUSAL_UNKNOWN};
    TraceShape shape = usual;

    (void)data;
    shape.n_captures = 8;
    write_plain_trace(fixture->path, &shape, &storage);
    g_autoptr(GArray) all = run_trace(fixture->path, &run_everything, NULL);
    for (guint bits = 1; bits < 256; bits += 3) {
        EntroRunOptions options = run_everything;
        gsize selected[8];
        for (gsize i = 0; i < 8; i++)
            if (bits >> i & 1)
                selected[options.n_captures++] = i;
        options.captures = selected;
        g_autoptr(GArray) some = run_trace(fixture->path, &options, NULL);
        g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(EntroCapture));
        for (gsize i = 0; i < options.n_captures; i++)
            g_array_append_val(expected, *capture_at(all, (guint)selected[i]));
        assert_same_captures(some, expected);
    }
}

static void
no_capture_selected_is_none(Fixture *fixture, gconstpointer data)
{
    EntroRunOptions options = run_everything;

    (void)data;
    write_trace(fixture->path, &usual);
    options.captures = (gsize[]){0};
    g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
    g_assert_cmpuint(captures->len, ==, 0);
}

static void
one_may_leave_a_run_early(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_trace(fixture->path, &usual);
    for (guint n = 0; n <= usual.n_captures; n++) {
        g_autoptr(EntroSource) source = entro_source_open(fixture->path, NULL, NULL);
        g_autoptr(EntroRun) run = entro_run_new(source, &run_everything, NULL);
        EntroCapture capture = {0};
        gboolean end = FALSE;
        for (guint i = 0; i < n; i++)
            g_assert_true(entro_run_next(run, &capture, &end, NULL) && !end);
        entro_capture_clear(&capture);
    }
}

static void
bytes_are_counted(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.element = ENTRO_F16;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroSource) source = entro_source_open(fixture->path, NULL, NULL);
    g_autoptr(EntroRun) run = entro_run_new(source, &run_everything, NULL);
    EntroCapture capture = {0};
    gboolean end = FALSE;
    while (entro_run_next(run, &capture, &end, NULL) && !end)
        ;
    g_assert_cmpuint(entro_run_get_bytes(run), ==, 5 * 3 * 2 * layer_size(&shape));
}

/* ---- NaN, masks ------------------------------------------------------------------------------------ */

/* Capture 1: head 2 of layer 0 is NaN all over; capture 2: one row of it; capture 3: everything. */
static gboolean
diverge(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    if (capture == 3)
        for (gsize i = 0; i < layer_size(shape); i++)
            p[i] = NAN;
    if (layer != 0)
        return TRUE;
    if (capture == 2)
        row_at(shape, p, 1, 2, 5)[3] = INFINITY;
    if (capture == 1)
        for (gsize sample = 0; sample < shape->n_samples; sample++)
            for (gsize query = 0; query < shape->n_queries; query++)
                row_at(shape, p, sample, 2, query)[query / 2] = NAN;
    return TRUE;
}

static void
a_nan_head_is_nan_and_not_0(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = diverge;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const EntroCapture *capture = capture_at(captures, 1);
    const EntroHeadStats *head = head_at(capture, 0, 2);
    g_assert_cmpint(head->n_rows, ==, 66);
    g_assert_cmpint(head->n_nan, ==, 66);
    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        g_assert_true(isnan(head->values[column]));
    g_assert_cmpint(head_at(capture, 0, 1)->n_nan, ==, 0);
    g_assert_false(isnan(head_at(capture, 0, 1)->values[ENTRO_HEAD_ENTROPY_MEAN]));
    g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_COMPLETE); /* it was read well */
    g_assert_cmpuint(capture->layers[0].n_heads, ==, 4);
    g_assert_cmpuint(capture->layers[0].n_valid_heads, ==, 3);
    g_assert_false(isnan(capture->layers[0].values[ENTRO_LAYER_ENTROPY_MEAN]));

    head = head_at(capture_at(captures, 2), 0, 2);
    g_assert_cmpint(head->n_nan, ==, 1);
    g_assert_false(isnan(head->values[ENTRO_HEAD_ENTROPY_MEAN]));
    capture = capture_at(captures, 3);
    for (guint layer = 0; layer < 3; layer++) {
        g_assert_cmpuint(capture->layers[layer].n_valid_heads, ==, 0);
        g_assert_true(isnan(capture->layers[layer].values[ENTRO_LAYER_ENTROPY_MEAN]));
    }
}

/* Sample 0 begins with 4 padded keys, sample 1 ends with 9; weights only on real keys. */
static guint8 padding[2 * 33];

static gboolean
leave_padding_out(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    (void)layer;
    for (gsize row = 0; row < shape->n_samples * shape->n_heads * shape->n_queries; row++) {
        const guint8 *mask = shape->mask + row / (shape->n_heads * 33) * 33;
        float *weights = p + row * 33;
        double sum = 0;
        for (gsize key = 0; key < 33; key++)
            sum += weights[key] *= mask[key];
        for (gsize key = 0; key < 33; key++) /* HF: rows without any key become uniform */
            weights[key] = sum > 0 ? (float)(weights[key] / sum) : 1.0f / 33;
    }
    return TRUE;
}

static TraceShape
padded_shape(void)
{
    TraceShape shape = usual;

    for (gsize key = 0; key < 33; key++) {
        padding[key] = key >= 4;
        padding[33 + key] = key < 24;
    }
    shape.mask = padding;
    shape.edit = leave_padding_out;
    return shape;
}

static void
padding_is_counted_and_left_out(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = padded_shape();
    double expected[ENTRO_HEAD_N_COLUMNS];

    (void)data;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    g_autofree float *p = make_attention(&shape, 2, 1);
    leave_padding_out(&shape, 2, 1, p);
    for (guint number = 0; number < 4; number++) {
        const EntroHeadStats *head = head_at(capture_at(captures, 2), 1, number);
        reference(&shape, p, number, expected);
        g_assert_cmpint(head->n_masked, ==, 4 + 9);
        g_assert_cmpint(head->n_off_sum, ==, 0);
        for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
            if (has_reference(column))
                g_assert_cmpfloat_with_epsilon(head->values[column], expected[column],
                                               1e-6 * (1 + fabs(expected[column]) / 8));
    }
}

static void
weight_on_padding_is_off_sum(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = padded_shape();

    (void)data;
    shape.edit = NULL;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const EntroHeadStats *head = head_at(capture_at(captures, 0), 0, 0);
    g_assert_cmpint(head->n_masked, ==, 13);
    g_assert_cmpint(head->n_off_sum, ==, 29); /* of sample 0 all; sample 1's padding comes later */
}

static gboolean
lose_a_thousandth(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    (void)layer;
    for (gsize i = 0; i < layer_size(shape); i++)
        p[i] *= 0.999f;
    return TRUE;
}

static void
the_tolerance_goes_by_element_unless_given(Fixture *fixture, gconstpointer data)
{
    static const gboolean off[] = {
        [ENTRO_F16] = FALSE, [ENTRO_BF16] = FALSE, [ENTRO_F32] = TRUE, [ENTRO_F64] = TRUE};
    TraceShape shape = usual;

    (void)data;
    shape.edit = lose_a_thousandth;
    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++) {
        shape.element = element;
        write_trace(fixture->path, &shape);
        for (guint given = 0; given < 3; given++) {
            EntroRunOptions options = run_everything;
            options.tolerance = given == 0 ? NAN : given == 1 ? 1e-6 : 0.02;
            gint64 expected = given == 0 ? (off[element] ? 66 : 0) : given == 1 ? 66 : 0;
            g_autoptr(GArray) captures = run_trace(fixture->path, &options, NULL);
            gint64 found = head_at(capture_at(captures, 4), 2, 3)->n_off_sum;
            if (given == 1 && element <= ENTRO_BF16)
                g_assert_cmpint(found, >, 60); /* a rounded row may hit 1 */
            else
                g_assert_cmpint(found, ==, expected);
        }
    }
}

/* ---- parts that cannot be read --------------------------------------------------------------------- */

static gboolean
skip_layer_1_of_capture_2(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)shape;
    (void)p;
    return capture != 2 || layer != 1;
}

static void
assert_only_layer_1_of_capture_2_is_missing(const char *path)
{
    g_autoptr(GArray) captures = run_trace(path, &run_everything, NULL);

    for (guint i = 0; i < usual.n_captures; i++) {
        const EntroCapture *capture = capture_at(captures, i);
        g_assert_cmpint(capture->status, ==,
                        i == 2 ? ENTRO_CAPTURE_PARTIAL : ENTRO_CAPTURE_COMPLETE);
        g_assert_true((capture->detail != NULL) == (i == 2));
        g_assert_cmpuint(capture->n_layers, ==, i == 2 ? 2 : 3);
        g_assert_cmpuint(capture->n_heads, ==, i == 2 ? 8 : 12);
        g_assert_cmpint(capture->n_rows, ==, (i == 2 ? 8 : 12) * 66);
        g_assert_false(isnan(head_at(capture, 2, 3)->values[ENTRO_HEAD_ENTROPY_MEAN]));
    }
    g_assert_cmpuint(capture_at(captures, 2)->layers[1].layer, ==, 2);
    g_assert_nonnull(strstr(capture_at(captures, 2)->detail, "layers/1"));
    g_assert_null(strchr(capture_at(captures, 2)->detail, '\n')); /* one line a layer */
    g_assert_cmpstr(entro_capture_status_name(ENTRO_CAPTURE_PARTIAL), ==, "partial");
}

static void
a_missing_layer_makes_its_capture_partial(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunk[5] = {1, 1, 2, 33, 33};
    const Storage storage = {.chunk = chunk, .causal = ENTRO_CAUSAL_YES};
    TraceShape shape = usual;

    (void)data;
    shape.edit = skip_layer_1_of_capture_2;
    write_trace(fixture->path, &shape);
    assert_only_layer_1_of_capture_2_is_missing(fixture->path);
    write_plain_trace(fixture->path, &shape, &storage);
    assert_only_layer_1_of_capture_2_is_missing(fixture->path);
}

static gboolean
mark_layer_1_of_capture_2(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    if (capture == 2 && layer == 1)
        row_at(shape, p, 1, 3, 32)[31] = 0x1.23456p-7f;
    return TRUE;
}

static void
a_damaged_chunk_makes_its_capture_partial(Fixture *fixture, gconstpointer data)
{
    const float mark = 0x1.23456p-7f;
    TraceShape shape = usual;
    g_autofree char *bytes = NULL;
    gsize size;

    (void)data;
    shape.edit = mark_layer_1_of_capture_2;
    write_trace(fixture->path, &shape);
    g_assert_true(g_file_get_contents(fixture->path, &bytes, &size, NULL));
    char *found = memmem(bytes, size, &mark, sizeof mark);
    g_assert_nonnull(found);
    found[1] ^= 4;
    g_assert_true(g_file_set_contents(fixture->path, bytes, (gssize)size, NULL));
    assert_only_layer_1_of_capture_2_is_missing(fixture->path);
}

static void
a_detail_names_the_first_missing_part(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.n_queries = shape.n_keys = 300; /* a tile a head */
    shape.n_captures = 3;
    shape.edit = skip_layer_1_of_capture_2;
    write_plain_trace(fixture->path, &shape,
                      &(Storage){.chunk = (hsize_t[]){1, 1, 1, 300, 300},
                                 .causal = ENTRO_CAUSAL_YES});
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    g_assert_nonnull(strstr(capture_at(captures, 2)->detail, "sample 0, head 0, query 0"));
}

static gboolean
skip_all_but_layer_0_of_capture_1(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)shape;
    (void)p;
    return capture == 1 && layer == 0;
}

static void
a_detail_has_a_line_a_layer(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = skip_all_but_layer_0_of_capture_1;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    for (guint i = 0; i < usual.n_captures; i++) {
        const EntroCapture *capture = capture_at(captures, i);
        g_auto(GStrv) lines = g_strsplit(capture->detail, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), ==, i == 1 ? 2 : 3);
        g_assert_cmpuint(capture->n_heads, ==, i == 1 ? 4 : 0);
        g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_PARTIAL);
    }
}

/* ---- causal or not --------------------------------------------------------------------------------- */

static double
ceiling_of(const GArray *captures, guint capture, guint layer)
{
    return head_at(capture_at(captures, capture), layer, 0)->values[ENTRO_HEAD_ENTROPY_CEILING];
}

static void
assert_causal(const char *path, const EntroRunOptions *options, guint layer, gboolean causal,
              const char *says)
{
    g_autofree char *note = NULL;
    g_autoptr(GArray) captures = run_trace(path, options, &note);

    if (says == NULL)
        g_assert_null(note);
    else if (note == NULL || strstr(note, says) == NULL)
        g_error("note is '%s', not '%s'", note, says);
    g_assert_cmpfloat_with_epsilon(ceiling_of(captures, captures->len - 1, layer),
                                   causal ? lgamma(34) / 33 : log(33), 1e-12);
    g_assert_cmpint(head_at(capture_at(captures, captures->len - 1), layer, 0)->n_off_sum, ==, 0);
}

static const Storage untold = {.causal = ENTRO_CAUSAL_UNKNOWN};

static void
causality_is_seen_where_it_is_not_told(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    write_plain_trace(fixture->path, &shape, &untold);
    assert_causal(fixture->path, &run_everything, 0, TRUE,
                  "taken as causal (no weight after the query)");
    write_plain_trace(fixture->path, &shape, &(Storage){.causal = ENTRO_CAUSAL_NO});
    assert_causal(fixture->path, &run_everything, 0, FALSE, NULL);
    shape.causal = FALSE;
    write_plain_trace(fixture->path, &shape, &untold);
    assert_causal(fixture->path, &run_everything, 0, FALSE, "taken as not causal");
}

static gboolean
layer_1_begins_with_nan(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    for (gsize i = 0; capture == 0 && layer == 1 && i < layer_size(shape); i++)
        p[i] = NAN;
    return TRUE;
}

static void
a_layer_that_shows_nothing_goes_with_the_others(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = layer_1_begins_with_nan;
    for (guint causal = 0; causal < 2; causal++) {
        shape.causal = (gboolean)causal;
        write_plain_trace(fixture->path, &shape, &untold);
        assert_causal(fixture->path, &run_everything, 1, shape.causal, "taken as");
    }
}

/* The first capture attends to key 0 alone: later ones show that it is not causal. */
static gboolean
begin_collapsed(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)layer;
    for (gsize i = 0; capture == 0 && i < layer_size(shape); i++)
        p[i] = i % shape->n_keys == 0;
    return TRUE;
}

static void
causality_is_that_of_the_first_capture_whichever_are_asked_for(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRunOptions options = run_everything;
    g_autofree char *all = NULL, *some = NULL;

    (void)data;
    shape.causal = FALSE;
    shape.edit = begin_collapsed;
    write_plain_trace(fixture->path, &shape, &untold);
    g_array_unref(run_trace(fixture->path, &options, &all));
    options.captures = (gsize[]){3, 4};
    options.n_captures = 2;
    g_array_unref(run_trace(fixture->path, &options, &some));
    g_assert_cmpstr(some, ==, all);
    g_assert_true(g_str_has_suffix(all, "taken as causal (no weight after the query)"));
}

static gboolean
zero_all(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    (void)layer;
    memset(p, 0, layer_size(shape) * sizeof *p);
    return TRUE;
}

static void
rows_of_zeros_show_nothing(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    g_autofree char *note = NULL;

    (void)data;
    shape.edit = zero_all;
    write_plain_trace(fixture->path, &shape, &untold);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, &note);
    g_assert_cmpint(head_at(capture_at(captures, 0), 0, 0)->n_masked, ==, 66);
    g_assert_true(g_str_has_suffix(note, "(its first capture does not show it)"));
}

/* What a framework writes there is often uniform over all keys. */
static void
rows_of_padding_show_nothing(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = padded_shape();

    (void)data;
    write_plain_trace(fixture->path, &shape, &untold);
    g_autofree char *note = NULL;
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, &note);
    g_assert_true(g_str_has_suffix(note, "taken as causal (no weight after the query)"));
    g_assert_cmpint(head_at(capture_at(captures, 4), 2, 3)->n_masked, ==, 13);
    g_assert_cmpint(head_at(capture_at(captures, 4), 2, 3)->n_off_sum, ==, 0);
}

static gboolean
layer_2_is_not_causal(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    TraceShape other = *shape;

    other.causal = FALSE;
    if (layer == 2) {
        g_autofree float *full = make_attention(&other, capture, layer);
        memcpy(p, full, layer_size(shape) * sizeof *p);
    }
    return TRUE;
}

static void
each_layer_may_have_its_own_rule(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    shape.edit = layer_2_is_not_causal;
    write_plain_trace(fixture->path, &shape, &untold);
    assert_causal(fixture->path, &run_everything, 1, TRUE, "causal in 2 layers");
    assert_causal(fixture->path, &run_everything, 2, FALSE, "not causal in 1");
}

static void
more_queries_than_keys_are_no_danger(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    g_autoptr(GError) error = NULL;

    (void)data;
    shape.n_queries = 50; /* an encoder-decoder's cross attention */
    shape.causal = FALSE;
    write_plain_trace(fixture->path, &shape, &untold);
    g_autoptr(EntroSource) source = entro_source_open(fixture->path, NULL, &error);
    if (source == NULL) /* the loaders may refuse it with a sentence */
        return;
    g_clear_pointer(&source, entro_source_free);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    const EntroHeadStats *head = head_at(capture_at(captures, 0), 0, 0);
    g_assert_cmpint(head->n_rows, ==, 100);
    g_assert_cmpint(head->n_masked + head->n_nan + head->n_off_sum, ==, 0);
    g_assert_cmpfloat_with_epsilon(head->values[ENTRO_HEAD_ENTROPY_CEILING], log(33), 1e-12);
}

/* ---- the digest ------------------------------------------------------------------------------------ */

static gsize changed_at; /* where change_one() adds the smallest step; G_MAXSIZE: nowhere */

static gboolean
change_one(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    gsize size = layer_size(shape);

    if (changed_at / size == capture * shape->n_layers + layer)
        p[changed_at % size] = nextafterf(p[changed_at % size], 2);
    return TRUE;
}

static void
the_digest_sees_any_changed_value(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = {.n_layers = 2,
                        .n_heads = 2,
                        .n_captures = 2,
                        .n_samples = 2,
                        .n_queries = 9,
                        .n_keys = 9,
                        .element = ENTRO_F32,
                        .causal = TRUE,
                        .edit = change_one};
    gsize total = shape.n_captures * shape.n_layers * layer_size(&shape);

    (void)data;
    changed_at = G_MAXSIZE;
    write_plain_trace(fixture->path, &shape, &untold);
    g_autoptr(GArray) plain = run_trace(fixture->path, &run_everything, NULL);
    for (changed_at = 0; changed_at < total; changed_at += 7) {
        write_plain_trace(fixture->path, &shape, &untold);
        g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
        guint in_capture = (guint)(changed_at / (total / 2));
        for (guint i = 0; i < 2; i++)
            g_assert_true((capture_at(captures, i)->digest == capture_at(plain, i)->digest) ==
                          (i != in_capture));
    }
}

/* Everything equal, but layers, heads, samples or rows exchanged. */
static gboolean
exchange(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    gsize size = layer_size(shape), row = shape->n_keys * sizeof *p;
    g_autofree float *first = make_attention(shape, 0, layer);
    g_autofree float *other = make_attention(shape, 0, 1 - layer);

    memcpy(p, capture == 1 ? other : first, size * sizeof *p);
    if (capture == 2) { /* heads */
        memcpy(row_at(shape, p, 0, 0, 0), row_at(shape, first, 0, 1, 0), 9 * row);
        memcpy(row_at(shape, p, 0, 1, 0), row_at(shape, first, 0, 0, 0), 9 * row);
    } else if (capture == 3) { /* samples */
        memcpy(row_at(shape, p, 0, 0, 0), row_at(shape, first, 1, 0, 0), 9 * row);
        memcpy(row_at(shape, p, 1, 0, 0), row_at(shape, first, 0, 0, 0), 9 * row);
    } else if (capture == 4) { /* rows */
        memcpy(row_at(shape, p, 0, 0, 3), row_at(shape, first, 0, 0, 5), row);
        memcpy(row_at(shape, p, 0, 0, 5), row_at(shape, first, 0, 0, 3), row);
    }
    return TRUE;
}

static void
the_digest_sees_exchanged_parts_and_not_the_place_in_the_file(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = {.n_layers = 2,
                        .n_heads = 2,
                        .n_captures = 6,
                        .n_samples = 2,
                        .n_queries = 9,
                        .n_keys = 9,
                        .element = ENTRO_F32,
                        .edit = exchange};

    (void)data;
    write_trace(fixture->path, &shape);
    g_autoptr(GArray) captures = run_trace(fixture->path, &run_everything, NULL);
    for (guint i = 0; i < 5; i++)
        for (guint j = 0; j < i; j++)
            g_assert_cmphex(capture_at(captures, i)->digest, !=, capture_at(captures, j)->digest);
    g_assert_cmphex(capture_at(captures, 5)->digest, ==, capture_at(captures, 0)->digest);
}

static char *
fingerprint_of(const char *path)
{
    g_autoptr(GArray) captures = run_trace(path, &run_everything, NULL);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);

    return entro_fingerprint(entro_source_get_trace(source), capture_at(captures, 0)->digest);
}

static void
a_fingerprint_is_of_what_is_in_the_file(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;

    (void)data;
    write_plain_trace(fixture->path, &shape, &untold);
    g_autofree char *first = fingerprint_of(fixture->path);
    g_assert_cmpuint(strlen(first), ==, 64);
    shape.n_captures = 2; /* shorter, and stored otherwise */
    write_plain_trace(fixture->other, &shape,
                      &(Storage){.chunk = (hsize_t[]){1, 1, 1, 33, 33},
                                 .deflate = 2,
                                 .causal = ENTRO_CAUSAL_YES});
    g_autofree char *same = fingerprint_of(fixture->other);
    g_assert_cmpstr(first, ==, same);
    changed_at = 5;
    shape.edit = change_one;
    write_plain_trace(fixture->other, &shape, &untold);
    g_autofree char *changed = fingerprint_of(fixture->other);
    g_assert_cmpstr(first, !=, changed);
    shape.edit = NULL;
    shape.element = ENTRO_F64;
    write_plain_trace(fixture->other, &shape, &untold);
    g_autofree char *wider = fingerprint_of(fixture->other);
    g_assert_cmpstr(first, !=, wider);
}

static void
add_tests_of_unreadable_parts(void)
{
#define ADD(name, function) FIXTURE_TEST("/run/" name, function)
    ADD("a-missing-layer-makes-its-capture-partial", a_missing_layer_makes_its_capture_partial);
    ADD("a-damaged-chunk-makes-its-capture-partial", a_damaged_chunk_makes_its_capture_partial);
    ADD("a-detail-names-the-first-missing-part", a_detail_names_the_first_missing_part);
    ADD("a-detail-has-a-line-a-layer", a_detail_has_a_line_a_layer);
    ADD("causality-is-seen-where-it-is-not-told", causality_is_seen_where_it_is_not_told);
    ADD("a-layer-that-shows-nothing-goes-with-the-others",
        a_layer_that_shows_nothing_goes_with_the_others);
    ADD("causality-is-that-of-the-first-capture-whichever-are-asked-for",
        causality_is_that_of_the_first_capture_whichever_are_asked_for);
    ADD("rows-of-zeros-show-nothing", rows_of_zeros_show_nothing);
    ADD("rows-of-padding-show-nothing", rows_of_padding_show_nothing);
    ADD("each-layer-may-have-its-own-rule", each_layer_may_have_its_own_rule);
    ADD("more-queries-than-keys-are-no-danger", more_queries_than_keys_are_no_danger);
    ADD("the-digest-sees-any-changed-value", the_digest_sees_any_changed_value);
    ADD("the-digest-sees-exchanged-parts-and-not-the-place-in-the-file",
        the_digest_sees_exchanged_parts_and_not_the_place_in_the_file);
    ADD("a-fingerprint-is-of-what-is-in-the-file", a_fingerprint_is_of_what_is_in_the_file);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("every-number-is-that-of-a-reference", every_number_is_that_of_a_reference);
    ADD("half-precision-stays-within-its-error", half_precision_stays_within_its_error);
    ADD("a-capture-says-where-it-stands", a_capture_says_where_it_stands);
    ADD("a-layer-is-the-mean-of-its-heads", a_layer_is_the_mean_of_its_heads);
    ADD("threads-and-memory-change-nothing", threads_and_memory_change_nothing);
    ADD("storage-changes-nothing", storage_changes_nothing);
    ADD("tiles-of-any-cut-give-the-same", tiles_of_any_cut_give_the_same);
    ADD("selected-captures-are-those-of-all", selected_captures_are_those_of_all);
    ADD("no-capture-selected-is-none", no_capture_selected_is_none);
    ADD("one-may-leave-a-run-early", one_may_leave_a_run_early);
    ADD("bytes-are-counted", bytes_are_counted);
    ADD("a-nan-head-is-nan-and-not-0", a_nan_head_is_nan_and_not_0);
    ADD("padding-is-counted-and-left-out", padding_is_counted_and_left_out);
    ADD("weight-on-padding-is-off-sum", weight_on_padding_is_off_sum);
    ADD("the-tolerance-goes-by-element-unless-given", the_tolerance_goes_by_element_unless_given);
    add_tests_of_unreadable_parts();
    return g_test_run();
}
