/* query-rows.c: from stored queries and keys to what is kept of a row.
 *
 * Queries are multiplied by scale / temperature before the product, so that what comes out of it enters
 * the softmax as it is.  Logits before the temperature, which the columns speak of, are t times that. */
#include "query-rows.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_BYTES (4u << 20) /* of the weights that are held at once, where a row allows it */

/* ---- memory ---------------------------------------------------------------------------------------- */

typedef struct {
    gsize keys, head_dim, key_numbers, weights;
} Most;

gsize
entro_queries_weight_rows(const EntroLayer *layer)
{
    return CLAMP(WEIGHT_BYTES / (layer->n_keys * sizeof(float)), 1, ENTRO_LOGIT_ROWS);
}

static Most
find_most(const EntroTrace *trace)
{
    Most most = {0};

    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        if (layer->input != ENTRO_INPUT_QUERIES)
            continue;
        most.keys = MAX(most.keys, layer->n_keys);
        most.head_dim = MAX(most.head_dim, layer->head_dim);
        most.key_numbers = MAX(most.key_numbers, layer->n_keys * layer->head_dim);
        most.weights = MAX(most.weights, entro_queries_weight_rows(layer) * layer->n_keys);
    }
    return most;
}

gsize
entro_queries_get_memory(const EntroTrace *trace)
{
    Most most = find_most(trace);

    if (most.keys == 0)
        return 0;
    return (most.key_numbers + most.weights + ENTRO_LOGIT_TILE + ENTRO_LOGIT_ROWS * most.head_dim) *
               sizeof(float) +
           most.keys * sizeof(EntroKeyRun);
}

gboolean
entro_queries_init(EntroQueries *queries, const EntroTrace *trace)
{
    Most most = find_most(trace);

    *queries = (EntroQueries){.most_keys = most.keys};
    if (most.keys == 0)
        return TRUE;
    queries->keys = entro_row_new(most.key_numbers);
    queries->queries = entro_row_new(ENTRO_LOGIT_ROWS * most.head_dim);
    queries->row = entro_row_new(most.head_dim);
    queries->tile = entro_row_new(ENTRO_LOGIT_TILE);
    queries->weights = entro_row_new(most.weights);
    queries->runs = g_try_new(EntroKeyRun, most.keys);
    queries->rows = g_try_new(EntroLogitRow, ENTRO_LOGIT_ROWS);
    return queries->keys != NULL && queries->queries != NULL && queries->row != NULL &&
           queries->tile != NULL && queries->weights != NULL && queries->runs != NULL &&
           queries->rows != NULL;
}

void
entro_queries_clear(EntroQueries *queries)
{
    free(queries->keys);
    free(queries->queries);
    free(queries->row);
    free(queries->tile);
    free(queries->weights);
    g_free(queries->runs);
    g_free(queries->rows);
}

/* ---- one head's keys --------------------------------------------------------------------------------- */

/* Keys side by side that are no padding and of one document. */
static gsize
find_runs(const EntroKeys *keys, gsize n_keys, EntroKeyRun *runs)
{
    gsize n = 0;

    for (gsize key = 0; key < n_keys; key++) {
        gint64 segment = keys->segment ? keys->segment[key] : 0;
        if (keys->mask != NULL && !keys->mask[key])
            continue;
        if (n > 0 && runs[n - 1].end == key && runs[n - 1].segment == segment)
            runs[n - 1].end = key + 1;
        else
            runs[n++] = (EntroKeyRun){key, key + 1, segment};
    }
    return n;
}

/* Heads of a group come one after the other and share their keys. */
static gboolean
is_there(const EntroQueries *queries, const EntroQueryPlace *place, guint key_head)
{
    return queries->at.valid && queries->at.layer == place->tile->layer &&
           queries->at.key_head == key_head &&
           queries->at.capture == place->tile->capture + place->capture &&
           queries->at.sample == place->tile->sample + place->sample;
}

gboolean
entro_queries_begin(EntroQueries *queries, EntroTileRows *rows, EntroTile *tile,
                    const EntroQueryPlace *place)
{
    const EntroLayer *layer = place->layer;
    guint key_head =
        (guint)((guint64)(tile->head + place->head) * layer->n_key_heads / layer->n_heads);
    EntroRowSums sums;

    queries->head = (EntroLogitHead){.n_keys = layer->n_keys,
                                     .head_dim = layer->head_dim,
                                     .keys = queries->keys,
                                     .runs = queries->runs,
                                     .n_runs = queries->head.n_runs,
                                     .any_segment = place->keys->segment == NULL,
                                     .kernels = entro_logit_kernels(),
                                     .tile = queries->tile};
    if (is_there(queries, place, key_head))
        return TRUE;
    queries->at.valid = FALSE;
    if (!entro_tile_rows_read_beside(rows, tile, place->capture, place->sample, place->head,
                                     queries->keys))
        return FALSE;
    place->rule->kernels->sums(queries->keys, layer->n_keys * layer->head_dim, &sums);
    queries->keys_hash = sums.hash;
    queries->head.n_runs = find_runs(place->keys, layer->n_keys, queries->runs);
    queries->at.valid = TRUE;
    queries->at.layer = tile->layer;
    queries->at.key_head = key_head;
    queries->at.capture = tile->capture + place->capture;
    queries->at.sample = tile->sample + place->sample;
    return TRUE;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

static double
temperature_of(const EntroQueryPlace *place, gsize query)
{
    return place->temperature ? (double)place->temperature[place->tile->query + query] : 1;
}

/* Takes query number i of the block, `query` of the tile. */
static void
take_query(EntroQueries *queries, const EntroQueryPlace *place, gsize query, gsize i,
           guint64 *ret_hash)
{
    const EntroLayer *layer = place->layer;
    const float *stored = entro_tile_rows_get(place->rows, place->capture, place->sample,
                                              place->head, query, queries->row);
    float *to = queries->queries + i * layer->head_dim;
    double factor = layer->scale / temperature_of(place, query);
    gssize position = entro_row_position(place->rule, place->tile->query + query);
    EntroKeyRange range = entro_row_range(place->rule, position);
    const gint64 *segment = place->keys->segment;
    EntroRowSums sums;

    for (gsize d = 0; d < layer->head_dim; d++)
        to[d] = (float)(stored[d] * factor);
    place->rule->kernels->sums(stored, layer->head_dim, &sums);
    *ret_hash = (sums.hash ^ sums.hash >> 29) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    gboolean nowhere = segment != NULL && position < 0; /* in no document */
    queries->rows[i] = (EntroLogitRow){.position = position,
                                       .first = range.first,
                                       .end = nowhere ? range.first : range.end,
                                       .segment = segment && !nowhere ? segment[position] : 0};
}

static float
weight_at(const EntroLogitRow *row, double x)
{
    return (float)MIN(exp(x - row->largest) / row->weight, 1);
}

static void
set_logits(const EntroLogitRow *row, double t, gboolean all, EntroRow *ret_row)
{
    double away = row->sum / (double)row->n, mean = row->centre + away;
    double variance = row->squares / (double)row->n - away * away;

    /* below 0 the largest logit is that of the smallest x, which nobody has looked for */
    ret_row->logit_peak = t > 0 ? entro_float_or_nan(t * row->largest) : NAN;
    ret_row->logit_max = all && t > 0 ? entro_float_or_nan(t * MAX(row->largest - mean, 0)) : NAN;
    ret_row->logit_square = all ? entro_float_or_nan(t * t * MAX(variance, 0)) : NAN;
}

static EntroRowClass
judge(const EntroLogitRow *row, const EntroQueryPlace *place, double t, EntroRow *ret_row)
{
    double entropy = entro_logit_row_entropy(row);

    ret_row->n_keys = 0;
    if (row->n > 0 && !isfinite(entropy))
        return ENTRO_ROW_NAN;
    if (entro_row_is_masked(place->keys, row->position, (guint32)row->n))
        return ENTRO_ROW_MASKED;
    *ret_row = (EntroRow){.entropy = MAX(entropy, 0),
                          .n_keys = (guint32)row->n,
                          .end = (guint32)row->end,
                          .max_weight = weight_at(row, row->largest),
                          .sink = weight_at(row, row->sink),
                          .distance = (float)MAX(row->away / row->weight, 0),
                          .self = weight_at(row, row->self),
                          .previous = weight_at(row, row->previous)};
    set_logits(row, t, place->logits, ret_row);
    return ENTRO_ROW_VALID;
}

void
entro_queries_measure(EntroQueries *queries, const EntroQueryPlace *place, gsize query, gsize n,
                      EntroQueryRow *ret_rows)
{
    for (gsize i = 0; i < n; i++)
        take_query(queries, place, query + i, i, &ret_rows[i].hash);
    entro_logit_rows_measure(&queries->head, queries->queries, n, queries->rows);
    for (gsize i = 0; i < n; i++)
        ret_rows[i].class_ =
            judge(&queries->rows[i], place, temperature_of(place, query + i), &ret_rows[i].row);
}

const float *
entro_queries_weights(EntroQueries *queries, gsize first, gsize n)
{
    entro_logit_rows_weights(&queries->head, queries->queries + first * queries->head.head_dim, n,
                             queries->rows + first, queries->weights);
    return queries->weights;
}

/* ---- OpenBLAS ------------------------------------------------------------------------------------------ */

static GMutex blas_lock;
static guint blas_holders;
static int blas_threads;

void
entro_queries_hold_blas(void)
{
    g_mutex_lock(&blas_lock);
    if (blas_holders++ == 0) {
        blas_threads = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    g_mutex_unlock(&blas_lock);
}

void
entro_queries_release_blas(void)
{
    g_mutex_lock(&blas_lock);
    if (--blas_holders == 0)
        openblas_set_num_threads(blas_threads);
    g_mutex_unlock(&blas_lock);
}
