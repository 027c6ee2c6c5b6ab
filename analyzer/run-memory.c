/* run-memory.c: everything that a run takes, once, before its first tile; none of it grows with the
 * file. */
#include "run-private.h"

#include <stdlib.h>

#define SLOTS_PER_WORKER 8 /* tiles found ahead; they hold no data */

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
        most.rows_per_head = MAX(most.rows_per_head, entro_rows_per_head(layer));
        most.rows = MAX(most.rows, entro_rows_per_head(layer) * layer->n_heads);
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
        if (batch->rows == NULL || batch->heads == NULL)
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

static gboolean
allocate_workers(EntroRun *run, const Most *most, GError **error)
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

gboolean
entro_run_allocate(EntroRun *run, const EntroRunOptions *options, GError **error)
{
    Most most = find_most(run->trace);

    run->n_workers = affordable_workers(run->source, options);
    return allocate_workers(run, &most, error) && allocate_batches(run, &most, error) &&
           allocate_params(run, error) && allocate_tiles(run, error);
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
    g_free(batch->rows);
    g_free(batch->heads);
}

static void
release_worker(EntroWorker *worker)
{
    entro_tile_rows_free(worker->rows);
    free(worker->row);
    g_free(worker->allowed);
    entro_rows_clear(&worker->valid);
}

void
entro_run_release(EntroRun *run)
{
    gsize group_max = entro_source_get_group_max(run->source);

    g_clear_pointer(&run->tiles, g_ptr_array_unref);
    for (guint i = 0; i < ENTRO_RUN_BATCHES; i++)
        release_batch(&run->batches[i], group_max);
    for (guint i = 0; run->workers != NULL && i < run->n_workers; i++)
        release_worker(&run->workers[i]);
    g_free(run->workers);
    g_free(run->param_values);
    g_free(run->log_n);
}
