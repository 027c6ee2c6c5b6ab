/* test-row-views.c: maps, row entropies, their distribution and their way with the query: against the
 * definitions in long double, and against the statistics of the same capture. */
#include "trace-fixture.h"

#include <string.h>

static const guint8 padding[2 * 21] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, /* behind */
    0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* in front */
};

static gboolean zero_padding(const TraceShape *shape, gsize capture, guint layer, float *p);

static const TraceShape usual = {.n_layers = 3,
                                 .n_heads = 4,
                                 .n_captures = 3,
                                 .n_samples = 2,
                                 .n_queries = 21,
                                 .n_keys = 21,
                                 .element = ENTRO_F32,
                                 .causal = TRUE};

static EntroSource *
open_trace(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    return source;
}

static EntroHeadMaps *
read_maps(EntroSource *source, const EntroRowOptions *options)
{
    g_autoptr(GError) error = NULL;
    EntroHeadMaps *maps = entro_head_maps_read(source, options, &error);

    g_assert_no_error(error);
    return maps;
}

static EntroRowSet *
read_set(EntroSource *source, const EntroRowOptions *options)
{
    g_autoptr(GError) error = NULL;
    EntroRowSet *set = entro_row_set_read(source, options, &error);

    g_assert_no_error(error);
    return set;
}

/* ---- the attention as the tests know it -------------------------------------------------------------- */

static gboolean
is_allowed(const TraceShape *shape, gsize sample, gsize query, gsize key)
{
    gsize position = query + shape->n_keys - shape->n_queries;

    return (!shape->causal || key <= position) &&
           (shape->mask == NULL || shape->mask[sample * shape->n_keys + key]);
}

/* Puts rows right after the mask: nothing on padding, a sum of 1. */
static gboolean
zero_padding(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    (void)layer;
    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (guint head = 0; head < shape->n_heads; head++)
            for (gsize query = 0; query < shape->n_queries; query++) {
                float *row = row_at(shape, p, sample, head, query);
                double sum = 0;
                for (gsize key = 0; key < shape->n_keys; key++)
                    sum += row[key] *= is_allowed(shape, sample, query, key);
                for (gsize key = 0; key < shape->n_keys && sum > 0; key++)
                    row[key] = (float)(row[key] / sum);
            }
    return TRUE;
}

/* Query 3 of head 1 is NaN in sample 0; query 4 is off its sum in both; query 5 is 0 in both. */
static gboolean
spoil_rows(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    (void)layer;
    row_at(shape, p, 0, 1, 3)[2] = NAN;
    for (gsize sample = 0; sample < shape->n_samples; sample++) {
        row_at(shape, p, sample, 1, 4)[0] += 0.5f;
        memset(row_at(shape, p, sample, 1, 5), 0, shape->n_keys * sizeof(float));
    }
    return TRUE;
}

static gboolean
leave_out_layer_1(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)shape;
    (void)capture;
    (void)p;
    return layer != 1;
}

static EntroRowClass
expected_class(const TraceShape *shape, gsize sample, guint head, gsize query)
{
    gsize position = query + shape->n_keys - shape->n_queries;

    if (shape->mask != NULL && !shape->mask[sample * shape->n_keys + position])
        return ENTRO_ROW_MASKED;
    if (shape->edit != spoil_rows || head != 1)
        return ENTRO_ROW_VALID;
    return query == 3 && sample == 0 ? ENTRO_ROW_NAN
           : query == 4              ? ENTRO_ROW_OFF_SUM
           : query == 5              ? ENTRO_ROW_MASKED
                                     : ENTRO_ROW_VALID;
}

static float *
stored_attention(const TraceShape *shape, gsize capture, guint layer)
{
    float *p = make_attention(shape, capture, layer);

    if (shape->edit != NULL)
        shape->edit(shape, capture, layer, p);
    round_to_element(shape->element, p, layer_size(shape));
    return p;
}

/* ---- maps ---------------------------------------------------------------------------------------------- */

typedef struct {
    long double sum;
    gsize n, n_allowed;
} Cell;

static Cell
cell_of(const TraceShape *shape, float *p, const EntroHeadMap *map, gint64 only, gsize row,
        gsize column)
{
    Cell cell = {0};

    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (gsize query = 0; query < shape->n_queries; query++)
            for (gsize key = 0; key < shape->n_keys; key++) {
                if ((only >= 0 && sample != (gsize)only) || query / map->queries_per_cell != row ||
                    key / map->keys_per_cell != column || !is_allowed(shape, sample, query, key))
                    continue;
                cell.n_allowed++;
                if (expected_class(shape, sample, map->head, query) != ENTRO_ROW_VALID)
                    continue;
                cell.sum += row_at(shape, p, sample, map->head, query)[key];
                cell.n++;
            }
    return cell;
}

static void
assert_map(const TraceShape *shape, gsize capture, const EntroHeadMap *map, gint64 only)
{
    g_autofree float *p = stored_attention(shape, capture, map->layer);

    g_assert_cmpuint(map->n_queries, ==, shape->n_queries);
    g_assert_cmpuint(map->n_keys, ==, shape->n_keys);
    g_assert_cmpuint((map->n_rows - 1) * map->queries_per_cell, <, shape->n_queries);
    g_assert_cmpuint(map->n_rows * map->queries_per_cell, >=, shape->n_queries);
    g_assert_cmpuint(map->n_columns * map->keys_per_cell, >=, shape->n_keys);
    g_assert_cmpuint(map->n_samples, ==, only < 0 ? shape->n_samples : 1);
    for (gsize i = 0; i < map->n_rows * map->n_columns; i++) {
        gsize row = i / map->n_columns;
        Cell cell = cell_of(shape, p, map, only, row, i % map->n_columns);
        g_assert_cmpint(map->row_query[row], ==,
                        (gint64)(row * map->queries_per_cell + shape->n_keys - shape->n_queries));
        g_assert_cmpint(map->state[i], ==,
                        cell.n > 0           ? ENTRO_MAP_VALUE
                        : cell.n_allowed > 0 ? ENTRO_MAP_UNDEFINED
                                             : ENTRO_MAP_ABSENT);
        g_assert_true(isnan(map->weight[i]) == (cell.n == 0));
        if (cell.n > 0)
            g_assert_cmpfloat_with_epsilon(map->weight[i], (double)(cell.sum / cell.n), 1e-12);
    }
}

static void
check_all_maps(const char *path, const TraceShape *shape, gsize side, gint64 sample)
{
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    write_trace(path, shape);
    g_autoptr(EntroSource) source = open_trace(path);
    options.side = side;
    options.sample = sample;
    g_autoptr(EntroHeadMaps) maps = read_maps(source, &options);
    g_assert_cmpuint(maps->n, ==, shape->n_layers * shape->n_heads);
    g_assert_cmpint(maps->origin.step, ==, 20);
    g_assert_cmpuint(maps->origin.problems->len, ==, 0);
    for (guint i = 0; i < maps->n; i++) {
        g_assert_cmpuint(maps->map[i].layer, ==, i / shape->n_heads);
        g_assert_cmpuint(maps->map[i].head, ==, i % shape->n_heads);
        assert_map(shape, 2, &maps->map[i], sample);
    }
}

static void
maps_are_means_of_what_is_allowed(Fixture *fixture, gconstpointer data)
{
    TraceShape shapes[5] = {usual, usual, usual, usual, usual};

    (void)data;
    shapes[1].causal = FALSE;
    shapes[1].element = ENTRO_F16;
    shapes[2].n_queries = 7; /* the last 7 of 21 */
    shapes[3].mask = padding;
    shapes[3].edit = zero_padding;
    shapes[4].edit = spoil_rows;
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (gint64 sample = ENTRO_ALL; sample < 2; sample++) {
            check_all_maps(fixture->path, &shapes[i], 512, sample);
            check_all_maps(fixture->path, &shapes[i], 8, sample); /* 3 x 3, or 1 x 3 a cell */
            check_all_maps(fixture->path, &shapes[i], 1, sample);
        }
}

static void
rows_of_a_map_say_what_they_are(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    (void)data;
    shape.edit = spoil_rows;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    options.heads = &(EntroHeadChoice){2, 1};
    options.n_heads = 1;
    g_autoptr(EntroHeadMaps) both = read_maps(source, &options);
    g_assert_cmpuint(both->n, ==, 1);
    const EntroHeadMap *map = &both->map[0];
    g_assert_cmpuint(map->row_count[3][ENTRO_ROW_VALID], ==, 1);
    g_assert_cmpuint(map->row_count[3][ENTRO_ROW_NAN], ==, 1);
    g_assert_cmpuint(map->row_count[4][ENTRO_ROW_OFF_SUM], ==, 2);
    g_assert_cmpuint(map->row_count[5][ENTRO_ROW_MASKED], ==, 2);
    g_assert_cmpuint(map->row_count[6][ENTRO_ROW_VALID], ==, 2);
    g_assert_cmpint(map->state[3 * 21 + 2], ==, ENTRO_MAP_VALUE); /* the other sample's */
    g_assert_cmpint(map->state[4 * 21 + 2], ==, ENTRO_MAP_UNDEFINED);
    g_assert_cmpint(map->state[4 * 21 + 5], ==, ENTRO_MAP_ABSENT);
    options.sample = 0;
    g_autoptr(EntroHeadMaps) first = read_maps(source, &options);
    g_assert_cmpint(first->map[0].state[3 * 21], ==, ENTRO_MAP_UNDEFINED);
    g_assert_true(isnan(first->map[0].weight[3 * 21]));
}

/* ---- row entropies ---------------------------------------------------------------------------------------- */

static void
assert_row(const TraceShape *shape, float *p, const EntroRowValue *row)
{
    gsize query = (gsize)row->query + shape->n_queries - shape->n_keys;
    EntroRowClass expected = expected_class(shape, row->sample, row->head, query);
    long double entropy =
        naive_sums(row_at(shape, p, row->sample, row->head, query), shape->n_keys).entropy;
    guint n_keys = 0;

    g_assert_cmpint(row->class_, ==, expected);
    if (expected != ENTRO_ROW_VALID) {
        g_assert_true(isnan(row->entropy) && isnan(row->norm) && row->n_keys == 0);
        return;
    }
    for (gsize key = 0; key < shape->n_keys; key++)
        n_keys += is_allowed(shape, row->sample, query, key);
    g_assert_cmpuint(row->n_keys, ==, n_keys);
    g_assert_cmpfloat_with_epsilon(row->entropy, (double)entropy, 1e-6);
    if (n_keys < 2)
        g_assert_true(isnan(row->norm));
    else
        g_assert_cmpfloat_with_epsilon(row->norm, (double)(entropy / logl(n_keys)), 1e-6);
}

/* The statistics of the same capture follow from these rows. */
static void
assert_as_statistics(const EntroRowSet *set, const EntroCapture *capture)
{
    for (guint i = 0; i < capture->n_heads; i++) {
        const EntroHeadStats *head = &capture->heads[i];
        gsize n = 0, n_norm = 0, n_class[ENTRO_N_ROW_CLASSES] = {0};
        double entropy = 0, norm = 0, ceiling = 0;
        for (gsize k = 0; k < set->n; k++) {
            const EntroRowValue *row = &set->row[k];
            if (row->layer != head->layer || row->head != head->head)
                continue;
            n_class[row->class_]++;
            if (row->class_ != ENTRO_ROW_VALID)
                continue;
            n++;
            entropy += row->entropy;
            ceiling += log((double)row->n_keys);
            n_norm += !isnan(row->norm);
            norm += isnan(row->norm) ? 0 : row->norm;
        }
        g_assert_cmpint((gint64)n_class[ENTRO_ROW_NAN], ==, head->n_nan);
        g_assert_cmpint((gint64)n_class[ENTRO_ROW_MASKED], ==, head->n_masked);
        g_assert_cmpint((gint64)n_class[ENTRO_ROW_OFF_SUM], ==, head->n_off_sum);
        g_assert_cmpfloat(entropy / (double)n, ==, head->values[ENTRO_HEAD_ENTROPY_MEAN]);
        g_assert_cmpfloat(norm / (double)n_norm, ==, head->values[ENTRO_HEAD_ENTROPY_NORM]);
        g_assert_cmpfloat(ceiling / (double)n, ==, head->values[ENTRO_HEAD_ENTROPY_CEILING]);
    }
}

static void
check_set(const char *path, const TraceShape *shape)
{
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
    gsize rows_per_head = shape->n_samples * shape->n_queries;

    write_trace(path, shape);
    g_autoptr(GArray) captures = run_trace(path, &run_everything, NULL);
    g_autoptr(EntroSource) source = open_trace(path);
    options.step = 10;
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    g_assert_cmpuint(set->n, ==, shape->n_layers * shape->n_heads * rows_per_head);
    for (guint layer = 0; layer < shape->n_layers; layer++) {
        g_autofree float *p = stored_attention(shape, 1, layer);
        for (gsize i = 0; i < shape->n_heads * rows_per_head; i++) {
            const EntroRowValue *row = &set->row[layer * shape->n_heads * rows_per_head + i];
            g_assert_cmpuint(row->layer, ==, layer);
            g_assert_cmpuint(row->head, ==, i / rows_per_head);
            g_assert_cmpuint(row->sample, ==, i / shape->n_queries % shape->n_samples);
            g_assert_cmpint(row->query, ==,
                            (gint64)(i % shape->n_queries + shape->n_keys - shape->n_queries));
            assert_row(shape, p, row);
        }
    }
    assert_as_statistics(set, capture_at(captures, 1));
}

static void
rows_are_those_of_the_statistics(Fixture *fixture, gconstpointer data)
{
    TraceShape shapes[6] = {usual, usual, usual, usual, usual, usual};

    (void)data;
    shapes[1].causal = FALSE;
    shapes[2].n_queries = 7;
    shapes[3].mask = padding;
    shapes[3].edit = zero_padding;
    shapes[4].edit = spoil_rows;
    shapes[5].n_queries = shapes[5].n_keys = 300; /* several tiles a head */
    shapes[5].deflate = 1;
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
        check_set(fixture->path, &shapes[i]);
}

/* One capture of chunks that span three, and that cut rows. */
static void
storage_makes_no_difference(Fixture *fixture, gconstpointer data)
{
    static const hsize_t chunk[5] = {3, 2, 3, 10, 8};
    const Storage storage = {.chunk = chunk, .deflate = 1, .causal = ENTRO_CAUSAL_UNKNOWN};
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    (void)data;
    options.step = 10;
    write_trace(fixture->path, &usual);
    write_plain_trace(fixture->other, &usual, &storage);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    g_autoptr(EntroSource) other = open_trace(fixture->other);
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    g_autoptr(EntroRowSet) other_set = read_set(other, &options);
    g_autoptr(EntroHeadMaps) maps = read_maps(other, &options);
    g_assert_null(set->origin.causal_note);
    g_assert_nonnull(other_set->origin.causal_note);
    g_assert_cmpuint(set->n, ==, other_set->n);
    for (gsize i = 0; i < set->n; i++) {
        g_assert_cmpfloat(set->row[i].entropy, ==, other_set->row[i].entropy);
        g_assert_cmpuint(set->row[i].n_keys, ==, other_set->row[i].n_keys);
    }
    for (guint i = 0; i < maps->n; i++)
        assert_map(&usual, 1, &maps->map[i], ENTRO_ALL);
}

static void
halves_have_their_own_tolerance(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    (void)data;
    shape.element = ENTRO_BF16;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    options.tolerance = 1e-6;
    g_autoptr(EntroRowSet) strict = read_set(source, &options);
    gsize n_off[2] = {0, 0};
    for (gsize i = 0; i < set->n; i++) {
        n_off[0] += set->row[i].class_ == ENTRO_ROW_OFF_SUM;
        n_off[1] += strict->row[i].class_ == ENTRO_ROW_OFF_SUM;
    }
    g_assert_cmpuint(n_off[0], ==, 0);
    g_assert_cmpuint(n_off[1], >, set->n / 2);
}

/* ---- what is shown of them -------------------------------------------------------------------------------- */

static void
check_histogram(const EntroRowSet *set, EntroHeadChoice choice, EntroRowQuantity quantity,
                double low, double high)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroRowHistogram) histogram =
        entro_rows_histogram(set, choice, quantity, 13, low, high, &error);
    gsize counts[13] = {0}, n_below = 0, n_above = 0, n_without = 0, n_class[4] = {0};

    g_assert_no_error(error);
    for (gsize i = 0; i < set->n; i++) {
        const EntroRowValue *row = &set->row[i];
        double value = quantity == ENTRO_ROW_NORM ? row->norm : row->entropy;
        guint bin = 0;
        if ((choice.layer >= 0 && row->layer != choice.layer) ||
            (choice.head >= 0 && row->head != choice.head))
            continue;
        n_class[row->class_]++;
        if (row->class_ != ENTRO_ROW_VALID)
            continue;
        n_without += isnan(value);
        n_below += value < histogram->edge[0];
        n_above += value > histogram->edge[13];
        if (isnan(value) || value < histogram->edge[0] || value > histogram->edge[13])
            continue;
        while (bin < 12 && value >= histogram->edge[bin + 1])
            bin++;
        counts[bin]++;
    }
    for (guint bin = 0; bin < 13; bin++) {
        double from = histogram->low, width = (histogram->high - from) / 13;
        g_assert_cmpuint(histogram->count[bin], ==, counts[bin]);
        g_assert_cmpfloat_with_epsilon(histogram->edge[bin], from + width * bin, 1e-12);
    }
    g_assert_cmpmem(histogram->n_class, sizeof n_class, n_class, sizeof n_class);
    g_assert_cmpuint(histogram->n_below, ==, n_below);
    g_assert_cmpuint(histogram->n_above, ==, n_above);
    g_assert_cmpuint(histogram->n_without, ==, n_without);
}

static void
every_row_is_in_the_distribution(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
    const EntroHeadChoice choices[] = {{ENTRO_ALL, ENTRO_ALL},
                                       {1, ENTRO_ALL},
                                       {ENTRO_ALL, 2},
                                       {2, 1}};

    (void)data;
    shape.edit = spoil_rows;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
        check_histogram(set, choices[i], ENTRO_ROW_ENTROPY, NAN, NAN);
        check_histogram(set, choices[i], ENTRO_ROW_NORM, NAN, NAN);
        check_histogram(set, choices[i], ENTRO_ROW_ENTROPY, 0.5, 1.5);
        check_histogram(set, choices[i], ENTRO_ROW_NORM, -1, 0.5);
    }
}

/* The ends belong to the distribution: 0 of one key alone, ln n of a uniform row. */
static void
the_ends_are_in_the_distribution(void)
{
    EntroRowValue rows[3] = {{.entropy = 0, .norm = NAN, .n_keys = 1},
                             {.entropy = log(8), .norm = 1, .n_keys = 8},
                             {.entropy = NAN, .norm = NAN, .class_ = ENTRO_ROW_NAN}};
    const EntroRowSet set = {.n = 3, .row = rows, .most_keys = 8};
    const EntroHeadChoice all = {ENTRO_ALL, ENTRO_ALL};
    g_autoptr(EntroRowHistogram) nats =
        entro_rows_histogram(&set, all, ENTRO_ROW_ENTROPY, 4, NAN, NAN, NULL);
    g_autoptr(EntroRowHistogram) norms =
        entro_rows_histogram(&set, all, ENTRO_ROW_NORM, 4, NAN, NAN, NULL);
    g_autoptr(EntroRowHistogram) out =
        entro_rows_histogram(&set, all, ENTRO_ROW_ENTROPY, 1, 1, 2, NULL);

    g_assert_cmpfloat(nats->high, ==, log(8));
    g_assert_cmpuint(nats->count[0], ==, 1);
    g_assert_cmpuint(nats->count[3], ==, 1);
    g_assert_cmpuint(nats->n_above + nats->n_below + nats->n_without, ==, 0);
    g_assert_cmpuint(nats->n_class[ENTRO_ROW_NAN], ==, 1);
    g_assert_cmpuint(norms->count[3], ==, 1);
    g_assert_cmpuint(norms->n_without, ==, 1);
    g_assert_cmpuint(out->n_below, ==, 1);
    g_assert_cmpuint(out->n_above, ==, 1);
    g_assert_cmpuint(out->count[0], ==, 0);
}

static int
ascending(gconstpointer a, gconstpointer b)
{
    double value_a = *(const double *)a, value_b = *(const double *)b;

    return (value_a > value_b) - (value_a < value_b);
}

/* Index (n - 1) f, linear between neighbours. */
static double
naive_quantile(const double *sorted, gsize n, double fraction)
{
    double index = fraction * (double)(n - 1);
    gsize below = (gsize)index, above = MIN(below + 1, n - 1);

    return sorted[below] + (index - (double)below) * (sorted[above] - sorted[below]);
}

static void
assert_point(const EntroRowSet *set, EntroHeadChoice choice, EntroRowQuantity quantity,
             const EntroQueryPoint *point)
{
    g_autofree double *values = g_new(double, set->n);
    gsize n = 0, n_class[ENTRO_N_ROW_CLASSES] = {0};
    long double sum = 0, ceiling = 0;

    for (gsize i = 0; i < set->n; i++) {
        const EntroRowValue *row = &set->row[i];
        double value = quantity == ENTRO_ROW_NORM ? row->norm : row->entropy;
        if (row->query != point->query || (choice.layer >= 0 && row->layer != choice.layer) ||
            (choice.head >= 0 && row->head != choice.head))
            continue;
        n_class[row->class_]++;
        if (isnan(value))
            continue;
        values[n++] = value;
        sum += value;
        ceiling += quantity == ENTRO_ROW_NORM ? 1 : logl(row->n_keys);
    }
    g_assert_cmpuint(point->n, ==, n);
    g_assert_cmpmem(point->n_class, sizeof n_class, n_class, sizeof n_class);
    if (n == 0) {
        g_assert_true(isnan(point->mean) && isnan(point->median) && isnan(point->ceiling));
        return;
    }
    qsort(values, n, sizeof *values, ascending);
    g_assert_cmpfloat_with_epsilon(point->mean, (double)(sum / n), 1e-12);
    g_assert_cmpfloat_with_epsilon(point->ceiling, (double)(ceiling / n), 1e-12);
    g_assert_cmpfloat_with_epsilon(point->low, naive_quantile(values, n, 0.25), 1e-12);
    g_assert_cmpfloat_with_epsilon(point->median, naive_quantile(values, n, 0.5), 1e-12);
    g_assert_cmpfloat_with_epsilon(point->high, naive_quantile(values, n, 0.75), 1e-12);
}

static void
profiles_are_those_of_their_rows(Fixture *fixture, gconstpointer data)
{
    TraceShape shapes[3] = {usual, usual, usual};
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
    const EntroHeadChoice choices[] = {{ENTRO_ALL, ENTRO_ALL}, {1, ENTRO_ALL}, {2, 1}};

    (void)data;
    shapes[0].edit = spoil_rows;
    shapes[1].mask = padding;
    shapes[1].edit = zero_padding;
    shapes[2].n_queries = 7;
    for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
        write_trace(fixture->path, &shapes[i]);
        g_autoptr(EntroSource) source = open_trace(fixture->path);
        g_autoptr(EntroRowSet) set = read_set(source, &options);
        for (guint k = 0; k < 2 * G_N_ELEMENTS(choices); k++) {
            g_autoptr(EntroQueryProfile) profile =
                entro_rows_by_query(set, choices[k / 2], k % 2, NULL);
            g_assert_cmpuint(profile->n, ==, shapes[i].n_queries);
            for (gsize at = 0; at < profile->n; at++) {
                g_assert_cmpint(profile->point[at].query, ==,
                                (gint64)(at + shapes[i].n_keys - shapes[i].n_queries));
                assert_point(set, choices[k / 2], k % 2, &profile->point[at]);
            }
        }
    }
}

/* ---- what is chosen ------------------------------------------------------------------------------------------ */

/* Layers 2 and 5 of 3 heads and 1; steps 10 20 10 20 of two attempts, then 30.  Head h of capture c
 * attends to the first c + 1 keys alike. */
static void
write_attempts(const char *path)
{
    static const gint64 steps[] = {10, 20, 10, 20, 30};
    static const guint n_heads[] = {3, 1}, index[] = {2, 5};
    g_autoptr(GError) error = NULL;
    const EntroWriterOptions options = {.attempt = 4,
                                        .causal = FALSE,
                                        .context_length = 8,
                                        .n_layers = 2,
                                        .layer_index = index,
                                        .n_heads = n_heads,
                                        .n_samples = 1,
                                        .n_queries = 8,
                                        .n_keys = 8,
                                        .element = ENTRO_F64};
    EntroWriter *writer = entro_writer_new(path, &options, &error);

    g_assert_no_error(error);
    for (guint capture = 0; capture < G_N_ELEMENTS(steps); capture++) {
        float p[3 * 8 * 8] = {0};
        for (guint i = 0; i < G_N_ELEMENTS(p); i++)
            p[i] = i % 8 <= capture ? 1.0f / (float)(capture + 1) : 0;
        for (guint layer = 0; layer < 2; layer++)
            g_assert_true(entro_writer_put_attention(writer, layer, p, &error));
        g_assert_true(entro_writer_commit(writer, steps[capture], &error));
    }
    g_assert_true(entro_writer_close(writer, &error));
}

static void
the_last_attempt_is_meant(Fixture *fixture, gconstpointer data)
{
    static const struct {
        gint64 step;
        guint attempt;
        gsize position;
        guint found_attempt;
    } rows[] = {
        {ENTRO_ROWS_LAST_STEP, 0, 4, 5}, {20, 0, 3, 5}, {10, 0, 2, 5}, {20, 4, 1, 4}, {10, 4, 0, 4},
        {ENTRO_ROWS_LAST_STEP, 4, 1, 4}};

    (void)data;
    write_attempts(fixture->path);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
        options.step = rows[i].step;
        options.attempt = rows[i].attempt;
        g_autoptr(EntroRowSet) set = read_set(source, &options);
        g_assert_cmpuint(set->origin.position, ==, rows[i].position);
        g_assert_cmpuint(set->origin.attempt, ==, rows[i].found_attempt);
        g_assert_cmpuint(set->n, ==, 4 * 8);
        g_assert_cmpfloat_with_epsilon(set->row[0].entropy, log((double)rows[i].position + 1),
                                       1e-6);
        g_autoptr(EntroHeadMaps) maps = read_maps(source, &options);
        g_assert_cmpuint(maps->origin.position, ==, rows[i].position);
    }
}

static void
chosen_heads_come_once_in_order(Fixture *fixture, gconstpointer data)
{
    const EntroHeadChoice choices[] = {{5, ENTRO_ALL}, {2, 2}, {ENTRO_ALL, 0}, {2, 2}};
    const EntroHeadChoice found[] = {{2, 0}, {2, 2}, {5, 0}};
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    (void)data;
    write_attempts(fixture->path);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    options.heads = choices;
    options.n_heads = G_N_ELEMENTS(choices);
    g_autoptr(EntroHeadMaps) maps = read_maps(source, &options);
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    g_assert_cmpuint(maps->n, ==, 3);
    g_assert_cmpuint(set->n, ==, 3 * 8);
    for (guint i = 0; i < 3; i++) {
        g_assert_cmpuint(maps->map[i].layer, ==, (guint)found[i].layer);
        g_assert_cmpuint(maps->map[i].head, ==, (guint)found[i].head);
        g_assert_cmpuint(set->row[8 * i].layer, ==, (guint)found[i].layer);
        g_assert_cmpuint(set->row[8 * i].head, ==, (guint)found[i].head);
    }
}

static void
expect_error(EntroSource *source, const EntroRowOptions *options, int code, const char *words)
{
    g_autoptr(GError) of_maps = NULL, of_set = NULL;

    g_assert_null(entro_head_maps_read(source, options, &of_maps));
    g_assert_null(entro_row_set_read(source, options, &of_set));
    g_test_message("%s", of_maps->message);
    g_assert_error(of_maps, ENTRO_ANALYZER_ERROR, code);
    g_assert_error(of_set, ENTRO_ANALYZER_ERROR, code);
    g_assert_nonnull(strstr(of_maps->message, words));
    g_assert_nonnull(strstr(of_set->message, words));
}

static void
what_is_not_there_is_a_sentence(Fixture *fixture, gconstpointer data)
{
    static const struct {
        gint64 step, sample;
        guint attempt;
        EntroHeadChoice head;
        const char *words;
    } rows[] = {
        {5, ENTRO_ALL, 0, {2, 0}, "no capture at step 5, the first is at 10"},
        {31, ENTRO_ALL, 0, {2, 0}, "no capture at step 31, the last is at 30"},
        {12, ENTRO_ALL, 0, {2, 0}, "step 12, the nearest are at 10 and 20"},
        {30, ENTRO_ALL, 4, {2, 0}, "step 30, the last is at 20"},
        {10, ENTRO_ALL, 6, {2, 0}, "there is no attempt 6; there are 4 to 5"},
        {10, 1, 0, {2, 0}, "there is no sample 1; layer 2 has 1"},
        {10, -2, 0, {2, 0}, "there is no sample -2"},
        {10, 0, 0, {3, 0}, "there is no layer 3; there are 2, from 2 to 5"},
        {10, 0, 0, {5, 1}, "layer 5 has no head 1; it has 1, from 0 to 0"},
        {10, 0, 0, {ENTRO_ALL, 3}, "no layer has a head 3; the last there is is 2"},
    };

    (void)data;
    write_attempts(fixture->path);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
        options.step = rows[i].step;
        options.sample = rows[i].sample;
        options.attempt = rows[i].attempt;
        options.heads = &rows[i].head;
        options.n_heads = 1;
        expect_error(source, &options, ENTRO_ANALYZER_ERROR_NOT_FOUND, rows[i].words);
    }
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
    options.memory = 1000;
    expect_error(source, &options, ENTRO_ANALYZER_ERROR_LIMIT, "choose");
    g_autoptr(EntroRowSet) set = read_set(source, &ENTRO_ROW_OPTIONS_DEFAULT);
    g_autoptr(GError) error = NULL;
    g_assert_null(entro_rows_by_query(set, (EntroHeadChoice){2, 3}, ENTRO_ROW_ENTROPY, &error));
    g_assert_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(
        entro_rows_histogram(set, (EntroHeadChoice){2, 0}, ENTRO_ROW_ENTROPY, 0, 0, 1, &error));
    g_assert_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND);
}

static void
layers_that_cannot_be_read_have_no_rows(Fixture *fixture, gconstpointer data)
{
    TraceShape shape = usual;
    EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;

    (void)data;
    shape.edit = leave_out_layer_1;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroSource) source = open_trace(fixture->path);
    g_autoptr(EntroRowSet) set = read_set(source, &options);
    g_autoptr(EntroHeadMaps) maps = read_maps(source, &options);
    g_assert_cmpuint(set->origin.problems->len, ==, 1);
    g_assert_cmpuint(maps->origin.problems->len, ==, 1);
    g_assert_cmpuint(set->n, ==, 2 * 4 * 2 * 21);
    g_assert_cmpuint(maps->n, ==, 2 * 4);
    for (guint i = 0; i < maps->n; i++) {
        g_assert_cmpuint(maps->map[i].layer, ==, i < 4 ? 0 : 2);
        g_assert_cmpuint(set->row[i * 2 * 21].layer, ==, i < 4 ? 0 : 2);
    }
    options.heads = &(EntroHeadChoice){1, ENTRO_ALL};
    options.n_heads = 1;
    expect_error(source, &options, ENTRO_ANALYZER_ERROR_DATA, "can be read at step 20");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/row-views/maps-are-means-of-what-is-allowed", maps_are_means_of_what_is_allowed);
    FIXTURE_TEST("/row-views/rows-of-a-map-say-what-they-are", rows_of_a_map_say_what_they_are);
    FIXTURE_TEST("/row-views/rows-are-those-of-the-statistics", rows_are_those_of_the_statistics);
    FIXTURE_TEST("/row-views/storage-makes-no-difference", storage_makes_no_difference);
    FIXTURE_TEST("/row-views/halves-have-their-own-tolerance", halves_have_their_own_tolerance);
    FIXTURE_TEST("/row-views/every-row-is-in-the-distribution", every_row_is_in_the_distribution);
    g_test_add_func("/row-views/the-ends-are-in-the-distribution",
                    the_ends_are_in_the_distribution);
    FIXTURE_TEST("/row-views/profiles-are-those-of-their-rows", profiles_are_those_of_their_rows);
    FIXTURE_TEST("/row-views/the-last-attempt-is-meant", the_last_attempt_is_meant);
    FIXTURE_TEST("/row-views/chosen-heads-come-once-in-order", chosen_heads_come_once_in_order);
    FIXTURE_TEST("/row-views/what-is-not-there-is-a-sentence", what_is_not_there_is_a_sentence);
    FIXTURE_TEST("/row-views/layers-that-cannot-be-read-have-no-rows",
                 layers_that_cannot_be_read_have_no_rows);
    return g_test_run();
}
