/* run-tiles.c: what the reader, the workers and the ring do with tiles.
 *
 * A slot of the ring is a stack: the same rows of all heads of a layer, so that one worker can say
 * what the heads have in common, adding them up in the order of their numbers.  Workers write rows to
 * places of their own; the one that brings a head's last rows sums it up. */
#include "run-private.h"

#include <string.h>

/* ---- a worker ------------------------------------------------------------------------------------ */

static gsize
head_index(const EntroLayer *layer, const EntroLayerBatch *batch, gsize capture, guint head)
{
    return (capture - batch->first) * layer->n_heads + head;
}

typedef struct {
    gint64 counts[4];
    guint64 digest;
} Tally;

/* The hash of a row depends on its place: exchanged rows are another capture. */
static guint64
place_hash(guint64 hash, gsize row)
{
    hash ^= (row + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 30) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 27;
}

/* Which keys are padding and of which document each is decides what the rows mean: 0 without either. */
static guint64
keys_hash(const EntroKeys *keys, gsize n_keys)
{
    guint64 sum = 0;

    for (gsize key = 0; key < n_keys && keys->mask != NULL; key++)
        sum += place_hash(keys->mask[key] != 0, key);
    for (gsize key = 0; key < n_keys && keys->segment != NULL; key++)
        sum += place_hash((guint64)keys->segment[key], n_keys + key);
    return sum;
}

/* One head and sample of a tile. */
typedef struct {
    const EntroTile *tile;
    gsize capture, sample; /* in the tile */
    guint head;
    EntroRow *rows;           /* of the head, all samples */
    const float *temperature; /* [n_queries] of the head, or NULL */
    gboolean logits;
    const float *max_logit; /* [n_queries] of the tile, or NULL */
} HeadRows;

/* Where a row stands among those that the worker holds of all heads: [capture][sample][query]. */
static gsize
common_row(const HeadRows *head, gsize query)
{
    const EntroTile *tile = head->tile;

    return (head->capture * tile->n_samples + head->sample) * tile->n_queries + query;
}

static gsize
pair_row(const HeadRows *head, gsize n_queries, gssize number)
{
    return (head->capture * head->tile->n_samples + head->sample) *
               entro_pair_n_queries(n_queries) +
           (gsize)number;
}

/* What a row means beside the other heads' and behind its temperature. */
static void
measure_beside(const EntroRun *run, EntroWorker *worker, const HeadRows *head, gsize query,
               const float *p, EntroRow *row)
{
    const EntroTile *tile = head->tile;
    const EntroRowRule *rule = &run->rules[tile->layer];
    const EntroLayer *layer = &run->trace->layers[tile->layer];
    gsize position = tile->query + query;
    guint number = tile->head + head->head;

    if (entro_wants_mixture(run->with, layer))
        entro_mixture_add(&worker->mixture, common_row(head, query), p, row);
    if (entro_wants_pairs(run->with, layer)) {
        gssize pair = entro_pair_number(rule->n_queries, position);
        if (pair >= 0)
            entro_pairs_put(&worker->pairs, pair_row(head, rule->n_queries, pair), number, p, row);
    }
    if (head->logits && row->n_keys > 0 && layer->input == ENTRO_INPUT_ATTENTION)
        entro_row_measure_logits(rule, p, head->temperature ? head->temperature[position] : 1, row);
}

/* One row as it is stored. */
static EntroRowClass
measure_row(const EntroRun *run, const HeadRows *head, const EntroKeys *keys, gsize query,
            EntroWorker *worker, EntroRow *row, guint64 *ret_hash)
{
    const EntroTile *tile = head->tile;
    const EntroRowRule *rule = &run->rules[tile->layer];
    const float *stored = entro_tile_rows_get(worker->rows, head->capture, head->sample, head->head,
                                              query, worker->row);
    EntroRowClass class_;

    if (run->trace->layers[tile->layer].input == ENTRO_INPUT_ROW_ENTROPY)
        return entro_row_take_entropy(rule, keys, tile->query + query, *stored,
                                      head->max_logit ? head->max_logit[query] : NAN, row,
                                      ret_hash);
    class_ = entro_row_measure(rule, keys, tile->query + query, stored, row, ret_hash);
    measure_beside(run, worker, head, query, stored, row);
    return class_;
}

static Tally
measure_rows(const EntroRun *run, const HeadRows *head, const EntroKeys *keys, EntroWorker *worker)
{
    const EntroTile *tile = head->tile;
    const EntroRowRule *rule = &run->rules[tile->layer];
    Tally tally = {0};

    for (gsize query = 0; query < tile->n_queries; query++) {
        gsize place = (tile->sample + head->sample) * rule->n_queries + tile->query + query;
        EntroRow *row = &head->rows[place];
        guint64 hash;

        tally.counts[measure_row(run, head, keys, query, worker, row, &hash)]++;
        tally.digest += place_hash(hash, place);
    }
    return tally;
}

/* ---- queries and keys -------------------------------------------------------------------------------- */

/* Weights of the block's rows that heads are compared by: all of them, or those of pairs. */
static void
compare_block(const EntroRun *run, const HeadRows *head, EntroWorker *worker, gsize query, gsize n)
{
    const EntroLayer *layer = &run->trace->layers[head->tile->layer];
    gboolean all = entro_wants_mixture(run->with, layer);
    gsize at_once = all ? entro_queries_weight_rows(layer) : 1;

    for (gsize i = 0, m; i < n; i += m) {
        m = MIN(at_once, n - i);
        if (!all && (!entro_wants_pairs(run->with, layer) ||
                     entro_pair_number(layer->n_queries, head->tile->query + query + i) < 0))
            continue;
        const float *p = entro_queries_weights(&worker->queries, i, m);
        for (gsize j = 0; j < m; j++)
            measure_beside(run, worker, head, query + i + j, p + j * layer->n_keys,
                           &worker->block[i + j].row);
    }
}

static Tally
measure_queries(const EntroRun *run, const HeadRows *head, const EntroQueryPlace *place,
                EntroWorker *worker)
{
    const EntroTile *tile = head->tile;
    gsize rows_per_head = entro_rows_per_head(place->layer);
    gsize first = (tile->sample + head->sample) * place->layer->n_queries + tile->query;
    Tally tally = {0};

    if (tile->query == 0) /* once for each head and sample: keys are data, too */
        tally.digest =
            place_hash(worker->queries.keys_hash, rows_per_head + tile->sample + head->sample);
    for (gsize query = 0, n; query < tile->n_queries; query += n) {
        n = MIN(tile->n_queries - query, ENTRO_LOGIT_ROWS);
        entro_queries_measure(&worker->queries, place, query, n, worker->block);
        for (gsize i = 0; i < n; i++) {
            const EntroQueryRow *row = &worker->block[i];
            head->rows[first + query + i] = row->row;
            tally.counts[row->class_]++;
            tally.digest += place_hash(row->hash, first + query + i);
        }
        compare_block(run, head, worker, query, n);
    }
    return tally;
}

/* Adds to the head; whoever brings the last rows sums it up. */
static void
add_to_head(const EntroLayer *layer, EntroLayerBatch *batch, gsize index, const Tally *tally,
            gint64 n_rows, EntroWorker *worker)
{
    EntroHeadWork *head = &batch->heads[index];

    for (guint kind = 0; kind < G_N_ELEMENTS(head->counts); kind++)
        if (tally->counts[kind] > 0)
            __atomic_fetch_add(&head->counts[kind], tally->counts[kind], __ATOMIC_RELAXED);
    __atomic_fetch_add(&head->digest, tally->digest, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&head->remaining, n_rows, __ATOMIC_ACQ_REL) == 0)
        entro_head_summarise(batch->rows + index * entro_rows_per_head(layer),
                             entro_rows_per_head(layer), &worker->valid, head->values);
}

/* Logits are measured where a temperature was stored (and could be read), or on request. */
static void
set_temperature(const EntroRun *run, const EntroLayerBatch *batch, gsize index, HeadRows *rows)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];

    if (layer->params & 1u << ENTRO_PARAM_TEMPERATURE) {
        rows->logits = batch->has_temperature[index / layer->n_heads];
        rows->temperature = batch->temperature + index * layer->n_queries;
    } else
        rows->logits = (run->with & ENTRO_WITH_LOGITS) != 0;
}

/* Without its temperature a row of queries and keys is another row. */
static gboolean
lacks_temperature(const EntroRun *run, EntroTile *tile, const HeadRows *rows)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];

    if (rows->logits || (layer->params & 1u << ENTRO_PARAM_TEMPERATURE) == 0)
        return FALSE;
    tile->status = ENTRO_TILE_DAMAGED;
    g_free(tile->problem);
    tile->problem = g_strdup_printf(
        "layer %u: capture %" G_GSIZE_FORMAT
        ": without the temperature, which cannot be read, queries and keys give no attention",
        layer->index, tile->capture + rows->capture);
    return TRUE;
}

/* FALSE: what lies beside the rows cannot be read, and the tile says so. */
static gboolean
measure_head(const EntroRun *run, EntroTile *tile, HeadRows *rows, const EntroKeys *keys,
             EntroWorker *worker, Tally *ret_tally)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];

    if (layer->input == ENTRO_INPUT_QUERIES) {
        const EntroQueryPlace place = {.rows = worker->rows,
                                       .tile = tile,
                                       .layer = layer,
                                       .rule = &run->rules[tile->layer],
                                       .keys = keys,
                                       .capture = rows->capture,
                                       .sample = rows->sample,
                                       .head = rows->head,
                                       .temperature = rows->temperature,
                                       .logits = rows->logits};
        if (lacks_temperature(run, tile, rows) ||
            !entro_queries_begin(&worker->queries, worker->rows, tile, &place))
            return FALSE;
        *ret_tally = measure_queries(run, rows, &place, worker);
        return TRUE;
    }
    if (layer->max_logits) {
        if (!entro_tile_rows_read_beside(worker->rows, tile, rows->capture, rows->sample,
                                         rows->head, worker->beside))
            return FALSE;
        rows->max_logit = worker->beside;
    }
    *ret_tally = measure_rows(run, rows, keys, worker);
    return TRUE;
}

/* FALSE as measure_head(). */
static gboolean
measure_sample(EntroRun *run, EntroTile *tile, EntroLayerBatch *batch, EntroWorker *worker,
               gsize capture, gsize sample)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];
    EntroKeys keys = {.mask = entro_tile_key_mask(tile, capture, sample),
                      .segment = entro_tile_segment(tile, capture, sample)};

    /* once for each head and sample, behind the places of its rows and its keys */
    guint64 digest = tile->query > 0 || (keys.mask == NULL && keys.segment == NULL)
                         ? 0
                         : place_hash(keys_hash(&keys, layer->n_keys),
                                      2 * entro_rows_per_head(layer) + tile->sample + sample);

    entro_keys_count(&keys, layer->n_keys, worker->allowed);
    for (guint head = 0; head < tile->n_heads; head++) {
        gsize index = head_index(layer, batch, tile->capture + capture, tile->head + head);
        HeadRows rows = {.tile = tile,
                         .capture = capture,
                         .sample = sample,
                         .head = head,
                         .rows = batch->rows + index * entro_rows_per_head(layer)};
        set_temperature(run, batch, index, &rows);
        Tally tally;
        if (!measure_head(run, tile, &rows, &keys, worker, &tally))
            return FALSE;

        tally.digest += digest;
        add_to_head(layer, batch, index, &tally, (gint64)tile->n_queries, worker);
    }
    return TRUE;
}

/* ---- all heads of some rows -------------------------------------------------------------------------- */

static void
begin_stack(const EntroRun *run, const EntroTile *tile, EntroWorker *worker)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];

    if (entro_wants_mixture(run->with, layer))
        entro_mixture_begin(&worker->mixture, tile->n_captures * tile->n_samples * tile->n_queries,
                            layer->n_keys);
    if (entro_wants_pairs(run->with, layer))
        entro_pairs_begin(&worker->pairs, layer->n_heads, layer->n_keys);
}

static void
end_row(const EntroRun *run, EntroLayerBatch *batch, EntroWorker *worker, const HeadRows *sample,
        gsize query)
{
    const EntroTile *tile = sample->tile;
    const EntroLayer *layer = &run->trace->layers[tile->layer];
    gsize capture = tile->capture + sample->capture - batch->first;
    gsize place = (tile->sample + sample->sample) * layer->n_queries + tile->query + query;

    if (run->with & ENTRO_WITH_DIVERSITY)
        batch->divergence[capture * entro_rows_per_head(layer) + place] =
            entro_wants_mixture(run->with, layer)
                ? entro_mixture_divergence(&worker->mixture, common_row(sample, query))
                : NAN;
    if (entro_wants_pairs(run->with, layer)) {
        gssize pair = entro_pair_number(layer->n_queries, tile->query + query);
        if (pair >= 0)
            entro_pairs_add_row(&worker->pairs, pair_row(sample, layer->n_queries, pair),
                                batch->pairs + capture * entro_pairs_of(layer->n_heads));
    }
}

/* After the last head: `tile` is any of the stack. */
static void
end_stack(const EntroRun *run, const EntroTile *tile, EntroLayerBatch *batch, EntroWorker *worker)
{
    if (!(run->with & (ENTRO_WITH_DIVERSITY | ENTRO_WITH_PAIRS)))
        return;
    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++) {
            HeadRows rows = {.tile = tile, .capture = capture, .sample = sample};
            for (gsize query = 0; query < tile->n_queries; query++)
                end_row(run, batch, worker, &rows, query);
        }
}

void
entro_run_work(gpointer data, gpointer slot, guint64 number, guint worker)
{
    EntroRun *run = data;
    EntroStack *stack = slot;
    EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];
    EntroWorker *own = &run->workers[worker];

    for (guint i = 0; i < stack->n; i++) {
        EntroTile *tile = stack->tiles->pdata[i];
        if (!entro_tile_rows_read(own->rows, tile))
            return; /* the layer gets no rows anyway */
        if (i == 0)
            begin_stack(run, tile, own);
        for (gsize capture = 0; capture < tile->n_captures; capture++)
            for (gsize sample = 0; sample < tile->n_samples; sample++)
                if (!measure_sample(run, tile, batch, own, capture, sample))
                    return;
    }
    end_stack(run, stack->tiles->pdata[0], batch, own);
}

/* ---- the reader and the end of a tile -------------------------------------------------------------- */

static void
begin_batch(EntroRun *run, EntroLayerBatch *batch, guint64 number, const EntroTile *tile)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];

    batch->number = number;
    batch->layer = tile->layer;
    batch->first = tile->group;
    batch->n_captures = tile->n_group;
    for (gsize i = 0; i < batch->n_captures; i++)
        g_clear_pointer(&batch->problems[i], g_free);
    for (gsize i = 0; i < batch->n_captures * layer->n_heads; i++)
        batch->heads[i] = (EntroHeadWork){.remaining = (gint64)entro_rows_per_head(layer)};
    if (batch->pairs != NULL)
        memset(batch->pairs, 0,
               batch->n_captures * entro_pairs_of(layer->n_heads) * sizeof *batch->pairs);
    entro_run_read_params(run, batch);
}

/* A stack ends with the layer's last head. */
static gboolean
ends_stack(const EntroRun *run, const EntroTile *tile)
{
    return tile->head + tile->n_heads >= run->trace->layers[tile->layer].n_heads;
}

gboolean
entro_run_fill(gpointer data, gpointer slot, guint64 number, gboolean *ret_ends_batch,
               gboolean *ret_end, GError **error)
{
    EntroRun *run = data;
    EntroStack *stack = slot;
    EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];
    EntroTile *tile;

    stack->n = 0;
    do {
        tile = stack->tiles->pdata[stack->n];
        if (!entro_source_next(run->source, tile, ret_end, error))
            return FALSE;
        if (*ret_end)
            return TRUE;
        stack->n++;
    } while (!ends_stack(run, tile));
    if (batch->number != number)
        begin_batch(run, batch, number, tile);
    *ret_ends_batch = tile->ends_layer;
    return TRUE;
}

static void
note_problem(EntroLayerBatch *batch, const EntroTile *tile)
{
    if (tile->status == ENTRO_TILE_OK)
        return;
    for (gsize i = 0; i < tile->n_captures; i++) {
        char **problem = &batch->problems[tile->capture + i - batch->first];
        if (*problem == NULL)
            *problem = g_strdup(tile->problem);
    }
}

void
entro_run_retire(gpointer data, gpointer slot, guint64 number)
{
    EntroRun *run = data;
    EntroStack *stack = slot;

    for (guint i = 0; i < stack->n; i++)
        note_problem(&run->batches[number % ENTRO_RUN_BATCHES], stack->tiles->pdata[i]);
}
