/* run-tiles.c: what the reader, the workers and the ring do with a tile.
 *
 * Workers write rows to places of their own; the one that brings a head's last rows sums it up. */
#include "run-private.h"

/* ---- a worker ------------------------------------------------------------------------------------ */

static gsize
head_index(const EntroLayer *layer, const EntroLayerBatch *batch, gsize capture, guint head)
{
    return (capture - batch->first) * layer->n_heads + head;
}

static void
count_allowed(const guint8 *mask, gsize n_keys, guint32 *allowed)
{
    allowed[0] = 0;
    for (gsize key = 0; key < n_keys; key++)
        allowed[key + 1] = allowed[key] + (mask[key] != 0);
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

/* The rows of one head and sample in the tile. */
static Tally
measure_rows(const EntroRun *run, const EntroTile *tile, const EntroKeys *keys, EntroWorker *worker,
             gsize capture, gsize sample, guint head, EntroRow *rows)
{
    const EntroRowRule *rule = &run->rules[tile->layer];
    Tally tally = {0};

    for (gsize query = 0; query < tile->n_queries; query++) {
        const float *p =
            entro_tile_rows_get(worker->rows, capture, sample, head, query, worker->row);
        gsize place = (tile->sample + sample) * rule->n_queries + tile->query + query;
        guint64 hash;

        tally.counts[entro_row_measure(rule, keys, tile->query + query, p, &rows[place], &hash)]++;
        tally.digest += place_hash(hash, place);
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

static void
measure_sample(EntroRun *run, const EntroTile *tile, EntroLayerBatch *batch, EntroWorker *worker,
               gsize capture, gsize sample)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];
    EntroKeys keys = {.mask = entro_tile_key_mask(tile, capture, sample)};

    if (keys.mask != NULL) {
        count_allowed(keys.mask, layer->n_keys, worker->allowed);
        keys.allowed = worker->allowed;
    }
    for (guint head = 0; head < tile->n_heads; head++) {
        gsize index = head_index(layer, batch, tile->capture + capture, tile->head + head);
        EntroRow *rows = batch->rows + index * entro_rows_per_head(layer);
        Tally tally = measure_rows(run, tile, &keys, worker, capture, sample, head, rows);

        add_to_head(layer, batch, index, &tally, (gint64)tile->n_queries, worker);
    }
}

void
entro_run_work(gpointer data, gpointer slot, guint64 number, guint worker)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];

    if (!entro_tile_rows_read(run->workers[worker].rows, tile))
        return;
    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            measure_sample(run, tile, batch, &run->workers[worker], capture, sample);
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
    entro_run_read_params(run, batch);
}

gboolean
entro_run_fill(gpointer data, gpointer slot, guint64 number, gboolean *ret_ends_batch,
               gboolean *ret_end, GError **error)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];

    if (!entro_source_next(run->source, tile, ret_end, error))
        return FALSE;
    if (*ret_end)
        return TRUE;
    if (batch->number != number)
        begin_batch(run, batch, number, tile);
    *ret_ends_batch = tile->ends_layer;
    return TRUE;
}

void
entro_run_retire(gpointer data, gpointer slot, guint64 number)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];

    if (tile->status == ENTRO_TILE_OK)
        return;
    for (gsize i = 0; i < tile->n_captures; i++) {
        char **problem = &batch->problems[tile->capture + i - batch->first];
        if (*problem == NULL)
            *problem = g_strdup(tile->problem);
    }
}
