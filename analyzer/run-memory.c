/* run-memory.c: everything that a run takes, once, before its first tile; none of it grows with the
 * file. */
#include "run-private.h"

#include <stdlib.h>

#define SLOTS_PER_WORKER 8 /* tiles found ahead; they hold no data */

/* The largest over all layers. */
typedef struct {
    gsize keys, row, rows_per_head, rows, heads, pairs, temperatures;
    gsize beside;                    /* numbers beside one head of a tile */
    gsize stack_rows, stack_weights; /* rows of one head in a stack, and their weights */
    gsize pair_rows, pair_weights;   /* rows that a stack keeps for pairs of heads */
} Most;

static gsize
beside_size(const EntroLayer *layer, gsize n_queries)
{
    return layer->max_logits ? n_queries : 0;
}

static Most
find_most(const EntroSource *source, guint with)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    /* of a trace without weights nothing is compared, but no memory is no answer */
    Most most = {.stack_rows = 1, .stack_weights = 1, .pair_rows = 1, .pair_weights = 1};

    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        most.keys = MAX(most.keys, layer->n_keys);
        most.row = MAX(most.row, layer->row_size);
        most.heads = MAX(most.heads, layer->n_heads);
        most.rows_per_head = MAX(most.rows_per_head, entro_rows_per_head(layer));
        most.rows = MAX(most.rows, entro_rows_per_head(layer) * layer->n_heads);
        most.pairs = MAX(most.pairs, entro_pairs_of(layer->n_heads));
        if (layer->params & 1u << ENTRO_PARAM_TEMPERATURE)
            most.temperatures = MAX(most.temperatures, layer->n_heads * layer->n_queries);
        gsize n_samples, n_queries;
        entro_source_get_stack_shape(source, i, &n_samples, &n_queries);
        most.beside = MAX(most.beside, beside_size(layer, n_queries));
        /* numbered through the whole layer, though a stack may have few of them */
        gsize pair_rows = n_samples * entro_pair_n_queries(layer->n_queries) * layer->n_heads;
        if (entro_wants_mixture(with, layer)) {
            most.stack_rows = MAX(most.stack_rows, n_samples * n_queries);
            most.stack_weights = MAX(most.stack_weights, n_samples * n_queries * layer->n_keys);
        }
        if (!entro_wants_pairs(with, layer))
            continue;
        most.pair_rows = MAX(most.pair_rows, pair_rows);
        most.pair_weights = MAX(most.pair_weights, pair_rows * layer->n_keys);
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

/* What only some runs need of a batch. */
static gboolean
allocate_extras(const EntroRun *run, EntroLayerBatch *batch, const Most *most, gsize group_max)
{
    if (run->with & ENTRO_WITH_DIVERSITY)
        batch->divergence = g_try_malloc_n(group_max * most->rows_per_head, sizeof(double));
    if (run->with & ENTRO_WITH_PAIRS)
        batch->pairs = g_try_malloc_n(group_max * MAX(most->pairs, 1), sizeof(EntroPairSum));
    if (most->temperatures > 0)
        batch->temperature = g_try_malloc_n(group_max * most->temperatures, sizeof(float));
    batch->has_temperature = g_new0(gboolean, group_max);
    return (batch->divergence != NULL || !(run->with & ENTRO_WITH_DIVERSITY)) &&
           (batch->pairs != NULL || !(run->with & ENTRO_WITH_PAIRS)) &&
           (batch->temperature != NULL || most->temperatures == 0);
}

static gboolean
allocate_batches(EntroRun *run, const Most *most, GError **error)
{
    gsize group_max = entro_source_get_group_max(run->source);

    for (guint i = 0; i < ENTRO_RUN_BATCHES; i++) {
        EntroLayerBatch *batch = &run->batches[i];
        batch->number = G_MAXUINT64;
        batch->rows = g_try_malloc_n(group_max * most->rows, sizeof(EntroRow));
        batch->heads = g_try_malloc_n(group_max * most->heads, sizeof(EntroHeadWork));
        batch->problems = g_new0(char *, group_max);
        batch->layer_params = g_malloc_n(group_max, sizeof *batch->layer_params);
        batch->param_problems = g_new(GPtrArray *, group_max);
        for (gsize capture = 0; capture < group_max; capture++)
            batch->param_problems[capture] = g_ptr_array_new_with_free_func(g_free);
        if (!allocate_extras(run, batch, most, group_max) || batch->rows == NULL ||
            batch->heads == NULL)
            return out_of_memory(run, ENTRO_RUN_BATCHES * group_max * most->rows * sizeof(EntroRow),
                                 error);
    }
    return TRUE;
}

static gboolean
allocate_params(EntroRun *run, GError **error)
{
    gsize n = entro_run_param_values(run->trace);

    run->param_values = g_try_new(float, n);
    return n == 0 || run->param_values != NULL || out_of_memory(run, n * sizeof(float), error);
}

/* What a worker keeps of several heads. */
static gsize
common_bytes(const EntroRun *run, const Most *most)
{
    return (run->with & ENTRO_WITH_DIVERSITY ? most->stack_weights * sizeof(float) : 0) +
           (run->with & ENTRO_WITH_PAIRS ? most->pair_weights * sizeof(float) : 0);
}

static gboolean
allocate_workers(EntroRun *run, const Most *most, const EntroRunOptions *options, GError **error)
{
    run->log_n = g_new(double, most->keys + 1);
    run->log_n[0] = NAN;
    for (gsize n = 1; n <= most->keys; n++)
        run->log_n[n] = log((double)n);
    run->workers = g_new0(EntroWorker, run->n_workers);
    for (guint i = 0; i < run->n_workers; i++) {
        EntroWorker *worker = &run->workers[i];
        worker->rows = entro_tile_rows_new(run->source, error);
        if (worker->rows == NULL)
            return FALSE;
        worker->row = entro_row_new(most->row);
        worker->beside = entro_row_new(MAX(most->beside, 1));
        worker->allowed = g_try_new(guint32, most->keys + 1);
        worker->block = g_new(EntroQueryRow, ENTRO_LOGIT_ROWS);
        if (!entro_queries_init(&worker->queries, run->trace))
            return out_of_memory(run, entro_queries_get_memory(run->trace), error);
        if (!entro_rows_init(&worker->valid, most->rows_per_head, run->log_n) ||
            worker->row == NULL || worker->beside == NULL || worker->allowed == NULL)
            return out_of_memory(run, most->rows_per_head * sizeof(EntroRow), error);
        worker->valid.collapse = options->row_collapse;
        worker->valid.overload = options->row_overload;
        worker->valid.quantiles = (run->with & ENTRO_WITH_QUANTILES) != 0;
        if (((run->with & ENTRO_WITH_DIVERSITY) &&
             !entro_mixture_init(&worker->mixture, most->stack_rows, most->stack_weights)) ||
            ((run->with & ENTRO_WITH_PAIRS) &&
             !entro_pairs_init(&worker->pairs, most->pair_rows, most->pair_weights, most->keys)))
            return out_of_memory(run, common_bytes(run, most), error);
    }
    return TRUE;
}

static void
free_stack(EntroStack *stack)
{
    g_ptr_array_unref(stack->tiles);
    g_free(stack);
}

static gboolean
allocate_stacks(EntroRun *run, GError **error)
{
    guint n_tiles = entro_source_get_stack_max(run->source);

    run->stacks = g_ptr_array_new_with_free_func((GDestroyNotify)free_stack);
    for (guint i = 0; i < SLOTS_PER_WORKER * run->n_workers; i++) {
        EntroStack *stack = g_new0(EntroStack, 1);
        stack->tiles = g_ptr_array_new_with_free_func((GDestroyNotify)entro_tile_free);
        g_ptr_array_add(run->stacks, stack);
        for (guint j = 0; j < n_tiles; j++) {
            EntroTile *tile = entro_tile_new(run->source, error);
            if (tile == NULL)
                return FALSE;
            g_ptr_array_add(stack->tiles, tile);
        }
    }
    return TRUE;
}

/* Each worker holds the rows of one tile, and what its heads have in common; fewer work when those are
 * too large together. */
static guint
affordable_workers(const EntroRun *run, const Most *most, const EntroRunOptions *options)
{
    guint wanted = options->n_threads ? options->n_threads : g_get_num_processors();
    gsize bytes = entro_tile_rows_get_memory(run->source) + common_bytes(run, most) +
                  entro_queries_get_memory(run->trace);
    gsize affordable = options->memory / MAX(bytes, 1);

    return (guint)CLAMP(affordable, 1, wanted);
}

gboolean
entro_run_allocate(EntroRun *run, const EntroRunOptions *options, GError **error)
{
    Most most = find_most(run->source, run->with);

    run->n_workers = affordable_workers(run, &most, options);
    return allocate_workers(run, &most, options, error) && allocate_batches(run, &most, error) &&
           allocate_params(run, error) && allocate_stacks(run, error);
}

static void
release_batch(EntroLayerBatch *batch, gsize group_max)
{
    for (gsize i = 0; batch->problems != NULL && i < group_max; i++) {
        g_free(batch->problems[i]);
        g_ptr_array_unref(batch->param_problems[i]);
    }
    g_free(batch->problems);
    g_free(batch->param_problems);
    g_free(batch->layer_params);
    g_free(batch->temperature);
    g_free(batch->has_temperature);
    g_free(batch->divergence);
    g_free(batch->pairs);
    g_free(batch->rows);
    g_free(batch->heads);
}

static void
release_worker(EntroWorker *worker)
{
    entro_tile_rows_free(worker->rows);
    free(worker->row);
    free(worker->beside);
    g_free(worker->allowed);
    g_free(worker->block);
    entro_queries_clear(&worker->queries);
    entro_rows_clear(&worker->valid);
    entro_mixture_clear(&worker->mixture);
    entro_pairs_clear(&worker->pairs);
}

void
entro_run_release(EntroRun *run)
{
    gsize group_max = entro_source_get_group_max(run->source);

    g_clear_pointer(&run->stacks, g_ptr_array_unref);
    for (guint i = 0; i < ENTRO_RUN_BATCHES; i++)
        release_batch(&run->batches[i], group_max);
    for (guint i = 0; run->workers != NULL && i < run->n_workers; i++)
        release_worker(&run->workers[i]);
    g_free(run->workers);
    g_free(run->param_values);
    g_free(run->log_n);
}
