/* run.c: a source of tiles becomes captures full of statistics.
 *
 * A batch of the ring is one layer of one group of captures.  Workers write rows to places of their
 * own; the one that completes a head sums it up.  The caller puts layers together to captures. */
#include "analyzer-private.h"

#include <stdlib.h>
#include <string.h>

#define N_BATCHES        4 /* layers in work at once: enough that the caller is never waited for */
#define SLOTS_PER_WORKER 8 /* tiles found ahead; they hold no data */

/* A head of one capture while its rows arrive. */
typedef struct {
    gint64 remaining; /* rows; atomic */
    gint64 counts[4]; /* by EntroRowClass; atomic */
    guint64 digest;   /* sum over rows, so their order does not matter; atomic */
    double values[ENTRO_HEAD_N_COLUMNS];
} HeadWork;

typedef struct {
    guint64 number;
    guint layer;
    gsize first, n_captures;
    EntroRow *rows;  /* [n_captures][n_heads][n_samples * n_queries] */
    HeadWork *heads; /* [n_captures][n_heads] */
    char **problems; /* [group_max] the first of each capture, NULL when all is well */
} Batch;

/* What one worker alone writes to. */
typedef struct {
    EntroTileRows *rows;
    float *row;       /* [most keys], aligned */
    guint32 *allowed; /* [most keys + 1] */
    EntroRows valid;
} Worker;

struct EntroRun {
    EntroSource *source;
    const EntroTrace *trace;
    EntroRing *ring;
    EntroRowRule *rules; /* [n_layers] */
    double *log_n;       /* [most keys + 1] */
    char *causal_note;
    GPtrArray *tiles;
    Batch batches[N_BATCHES];
    Worker *workers;
    guint n_workers;
    guint64 bytes;

    EntroCapture *group; /* captures being put together */
    gsize n_group, group_next;
};

/* ---- workers ------------------------------------------------------------------------------------ */

/* Rows of a head, and where the rows of (capture, head) begin. */
static gsize
rows_per_head(const EntroLayer *layer)
{
    return layer->n_samples * layer->n_queries;
}

static gsize
head_index(const EntroLayer *layer, const Batch *batch, gsize capture, guint head)
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
measure_rows(const EntroRun *run, const EntroTile *tile, const EntroKeys *keys, Worker *worker,
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
add_to_head(const EntroLayer *layer, Batch *batch, gsize index, const Tally *tally, gint64 n_rows,
            Worker *worker)
{
    HeadWork *head = &batch->heads[index];

    for (guint class = 0; class < G_N_ELEMENTS(head->counts); class ++)
        if (tally->counts[class] > 0)
            __atomic_fetch_add(&head->counts[class], tally->counts[class], __ATOMIC_RELAXED);
    __atomic_fetch_add(&head->digest, tally->digest, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&head->remaining, n_rows, __ATOMIC_ACQ_REL) == 0)
        entro_head_summarise(batch->rows + index * rows_per_head(layer), rows_per_head(layer),
                             &worker->valid, head->values);
}

static void
measure_sample(EntroRun *run, const EntroTile *tile, Batch *batch, Worker *worker, gsize capture,
               gsize sample)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];
    EntroKeys keys = {.mask = entro_tile_key_mask(tile, capture, sample)};

    if (keys.mask != NULL) {
        count_allowed(keys.mask, layer->n_keys, worker->allowed);
        keys.allowed = worker->allowed;
    }
    for (guint head = 0; head < tile->n_heads; head++) {
        gsize index = head_index(layer, batch, tile->capture + capture, tile->head + head);
        EntroRow *rows = batch->rows + index * rows_per_head(layer);
        Tally tally = measure_rows(run, tile, &keys, worker, capture, sample, head, rows);

        add_to_head(layer, batch, index, &tally, (gint64)tile->n_queries, worker);
    }
}

static void
work_on_tile(gpointer data, gpointer slot, guint64 number, guint worker)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    Batch *batch = &run->batches[number % N_BATCHES];

    if (!entro_tile_rows_read(run->workers[worker].rows, tile))
        return;
    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            measure_sample(run, tile, batch, &run->workers[worker], capture, sample);
}

/* ---- the reader and the end of a tile -------------------------------------------------------------- */

static void
begin_batch(EntroRun *run, Batch *batch, guint64 number, const EntroTile *tile)
{
    const EntroLayer *layer = &run->trace->layers[tile->layer];

    batch->number = number;
    batch->layer = tile->layer;
    batch->first = tile->group;
    batch->n_captures = tile->n_group;
    for (gsize i = 0; i < batch->n_captures; i++)
        g_clear_pointer(&batch->problems[i], g_free);
    for (gsize i = 0; i < batch->n_captures * layer->n_heads; i++)
        batch->heads[i] = (HeadWork){.remaining = (gint64)rows_per_head(layer)};
}

static gboolean
fill_tile(gpointer data, gpointer slot, guint64 number, gboolean *ret_ends_batch, gboolean *ret_end,
          GError **error)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    Batch *batch = &run->batches[number % N_BATCHES];

    if (!entro_source_next(run->source, tile, ret_end, error))
        return FALSE;
    if (*ret_end)
        return TRUE;
    if (batch->number != number)
        begin_batch(run, batch, number, tile);
    *ret_ends_batch = tile->ends_layer;
    return TRUE;
}

static void
retire_tile(gpointer data, gpointer slot, guint64 number)
{
    EntroRun *run = data;
    EntroTile *tile = slot;
    Batch *batch = &run->batches[number % N_BATCHES];

    if (tile->status == ENTRO_TILE_OK)
        return;
    for (gsize i = 0; i < tile->n_captures; i++) {
        char **problem = &batch->problems[tile->capture + i - batch->first];
        if (*problem == NULL)
            *problem = g_strdup(tile->problem);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------- */

typedef struct {
    gsize keys, rows_per_head, rows, heads; /* the largest over all layers */
} Most;

static Most
find_most(const EntroTrace *trace)
{
    Most most = {0};

    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        most.keys = MAX(most.keys, layer->n_keys);
        most.heads = MAX(most.heads, layer->n_heads);
        most.rows_per_head = MAX(most.rows_per_head, rows_per_head(layer));
        most.rows = MAX(most.rows, rows_per_head(layer) * layer->n_heads);
    }
    return most;
}

static gboolean
out_of_memory(const EntroRun *run, gsize bytes, GError **error)
{
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_MEMORY,
                "%s: no memory for the rows of a layer (%" G_GSIZE_FORMAT " MiB)", run->trace->path,
                bytes >> 20);
    return FALSE;
}

static gboolean
allocate_batches(EntroRun *run, const Most *most, GError **error)
{
    gsize group_max = entro_source_get_group_max(run->source);

    for (guint i = 0; i < N_BATCHES; i++) {
        Batch *batch = &run->batches[i];
        batch->number = G_MAXUINT64;
        batch->rows = g_try_malloc_n(group_max * most->rows, sizeof(EntroRow));
        batch->heads = g_try_malloc_n(group_max * most->heads, sizeof(HeadWork));
        batch->problems = g_new0(char *, group_max);
        if (batch->rows == NULL || batch->heads == NULL)
            return out_of_memory(run, N_BATCHES * group_max * most->rows * sizeof(EntroRow), error);
    }
    return TRUE;
}

static gboolean
allocate_workers(EntroRun *run, const Most *most, GError **error)
{
    run->log_n = g_new(double, most->keys + 1);
    run->log_n[0] = NAN;
    for (gsize n = 1; n <= most->keys; n++)
        run->log_n[n] = log((double)n);
    run->workers = g_new0(Worker, run->n_workers);
    for (guint i = 0; i < run->n_workers; i++) {
        Worker *worker = &run->workers[i];
        worker->rows = entro_tile_rows_new(run->source, error);
        if (worker->rows == NULL)
            return FALSE;
        worker->row = entro_row_new(most->keys);
        worker->allowed = g_try_new(guint32, most->keys + 1);
        if (!entro_rows_init(&worker->valid, most->rows_per_head, run->log_n) ||
            worker->row == NULL || worker->allowed == NULL)
            return out_of_memory(run, most->rows_per_head * sizeof(EntroRow), error);
    }
    return TRUE;
}

static gboolean
allocate_tiles(EntroRun *run, GError **error)
{
    run->tiles = g_ptr_array_new_with_free_func((GDestroyNotify)entro_tile_free);
    for (guint i = 0; i < SLOTS_PER_WORKER * run->n_workers; i++) {
        EntroTile *tile = entro_tile_new(run->source, error);
        if (tile == NULL)
            return FALSE;
        g_ptr_array_add(run->tiles, tile);
    }
    return TRUE;
}

/* Each worker holds the rows of one tile; fewer work when those are too large together. */
static guint
affordable_workers(EntroSource *source, const EntroRunOptions *options)
{
    guint wanted = options->n_threads ? options->n_threads : g_get_num_processors();
    gsize affordable = options->memory / MAX(entro_tile_rows_get_memory(source), 1);

    return (guint)CLAMP(affordable, 1, wanted);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

static void
set_rules(EntroRun *run, const EntroRunOptions *options)
{
    EntroRowKernel kernel = entro_row_kernel(NULL);

    run->rules = g_new0(EntroRowRule, run->trace->n_layers);
    for (guint i = 0; i < run->trace->n_layers; i++) {
        const EntroLayer *layer = &run->trace->layers[i];
        gboolean half = layer->element == ENTRO_F16 || layer->element == ENTRO_BF16;
        double tolerance = isnan(options->tolerance)
                               ? (half ? ENTRO_TOLERANCE_HALF : ENTRO_TOLERANCE_SINGLE)
                               : options->tolerance;
        run->rules[i] = (EntroRowRule){.n_queries = layer->n_queries,
                                       .n_keys = layer->n_keys,
                                       .tolerance = tolerance,
                                       .kernel = kernel};
    }
}

/* Needs the rules. */
static gboolean
decide_causal(EntroRun *run, GError **error)
{
    g_autofree gboolean *causal = g_new(gboolean, run->trace->n_layers);

    if (!entro_decide_causal(run->source, causal, &run->causal_note, error))
        return FALSE;
    for (guint i = 0; i < run->trace->n_layers; i++)
        run->rules[i].causal = causal[i];
    return TRUE;
}

static gboolean
start_ring(EntroRun *run, GError **error)
{
    EntroRingJob job = {.fill = fill_tile,
                        .work = work_on_tile,
                        .retire = retire_tile,
                        .data = run,
                        .slots = run->tiles->pdata,
                        .n_slots = run->tiles->len,
                        .n_workers = run->n_workers,
                        .n_batches = N_BATCHES};

    run->ring = entro_ring_new(&job, error);
    return run->ring != NULL;
}

EntroRun *
entro_run_new(EntroSource *source, const EntroRunOptions *options, GError **error)
{
    g_autoptr(EntroRun) run = g_new0(EntroRun, 1);

    run->source = source;
    run->trace = entro_source_get_trace(source);
    run->n_workers = affordable_workers(source, options);
    Most most = find_most(run->trace);
    set_rules(run, options);
    if (!allocate_workers(run, &most, error) || !allocate_batches(run, &most, error) ||
        !decide_causal(run, error) || !allocate_tiles(run, error))
        return NULL;
    run->group = g_new0(EntroCapture, entro_source_get_group_max(source));
    entro_source_select(source, options->captures, options->n_captures);
    if (!start_ring(run, error))
        return NULL;
    return g_steal_pointer(&run);
}

/* ---- captures -------------------------------------------------------------------------------------------- */

static void
add_layer(EntroRun *run, const Batch *batch, gsize capture, EntroCapture *target)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];
    const HeadWork *heads = batch->heads + capture * layer->n_heads;
    EntroHeadStats *first;

    if (batch->problems[capture] != NULL) {
        char *so_far = target->detail;
        target->detail =
            g_strconcat(so_far ? so_far : "", so_far ? "\n" : "", batch->problems[capture], NULL);
        target->status = ENTRO_CAPTURE_PARTIAL;
        g_free(so_far);
        return;
    }
    target->heads = g_renew(EntroHeadStats, target->heads, target->n_heads + layer->n_heads);
    first = target->heads + target->n_heads;
    for (guint head = 0; head < layer->n_heads; head++) {
        first[head] = (EntroHeadStats){.layer = layer->index,
                                       .head = head,
                                       .n_rows = (gint64)rows_per_head(layer),
                                       .n_nan = heads[head].counts[ENTRO_ROW_NAN],
                                       .n_masked = heads[head].counts[ENTRO_ROW_MASKED],
                                       .n_off_sum = heads[head].counts[ENTRO_ROW_OFF_SUM]};
        memcpy(first[head].values, heads[head].values, sizeof first[head].values);
        target->digest =
            (target->digest ^ heads[head].digest) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        target->n_rows += first[head].n_rows;
    }
    target->n_heads += layer->n_heads;
    run->bytes += (guint64)layer->n_heads * rows_per_head(layer) * layer->n_keys *
                  entro_element_size(layer->element);
    target->layers[target->n_layers] = (EntroLayerStats){.layer = layer->index};
    entro_layer_summarise(first, layer->n_heads, &target->layers[target->n_layers++]);
}

static void
begin_captures(EntroRun *run, const Batch *batch)
{
    run->n_group = batch->n_captures;
    run->group_next = 0;
    for (gsize i = 0; i < run->n_group; i++) {
        gsize position = batch->first + i;
        run->group[i] = (EntroCapture){.position = position,
                                       .step = run->trace->steps[position],
                                       .attempt = run->trace->attempts[position],
                                       .layers = g_new0(EntroLayerStats, run->trace->n_layers)};
    }
}

/* All layers of the next group of captures. */
static gboolean
collect_group(EntroRun *run, gboolean *ret_end, GError **error)
{
    for (guint layer = 0; layer < run->trace->n_layers; layer++) {
        guint64 number;

        if (!entro_ring_next(run->ring, &number, ret_end, error))
            return FALSE;
        if (*ret_end)
            return TRUE;
        const Batch *batch = &run->batches[number % N_BATCHES];
        if (layer == 0)
            begin_captures(run, batch);
        for (gsize capture = 0; capture < run->n_group; capture++)
            add_layer(run, batch, capture, &run->group[capture]);
        entro_ring_release(run->ring);
    }
    return TRUE;
}

gboolean
entro_run_next(EntroRun *run, EntroCapture *ret_capture, gboolean *ret_end, GError **error)
{
    *ret_end = FALSE;
    entro_capture_clear(ret_capture);
    if (run->group_next == run->n_group) {
        if (!collect_group(run, ret_end, error)) {
            run->group_next = run->n_group; /* half a capture is none */
            return FALSE;
        }
        if (*ret_end)
            return TRUE;
    }
    *ret_capture = run->group[run->group_next];
    run->group[run->group_next++] = (EntroCapture){0};
    return TRUE;
}

guint64
entro_run_get_bytes(const EntroRun *run)
{
    return run->bytes;
}

const char *
entro_run_get_causal_note(const EntroRun *run)
{
    return run->causal_note;
}

void
entro_run_free(EntroRun *run)
{
    if (run == NULL)
        return;
    entro_ring_free(run->ring);
    g_clear_pointer(&run->tiles, g_ptr_array_unref);
    gsize group_max = entro_source_get_group_max(run->source);
    for (gsize i = 0; run->group != NULL && i < group_max; i++)
        entro_capture_clear(&run->group[i]);
    for (guint i = 0; i < N_BATCHES; i++) {
        for (gsize j = 0; run->batches[i].problems != NULL && j < group_max; j++)
            g_free(run->batches[i].problems[j]);
        g_free(run->batches[i].problems);
        g_free(run->batches[i].rows);
        g_free(run->batches[i].heads);
    }
    for (guint i = 0; run->workers != NULL && i < run->n_workers; i++) {
        entro_tile_rows_free(run->workers[i].rows);
        free(run->workers[i].row);
        g_free(run->workers[i].allowed);
        entro_rows_clear(&run->workers[i].valid);
    }
    g_free(run->workers);
    g_free(run->group);
    g_free(run->rules);
    g_free(run->log_n);
    g_free(run->causal_note);
    g_free(run);
}
