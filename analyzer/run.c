/* run.c: a source of tiles becomes captures full of statistics.
 *
 * A batch of the ring is one layer of one group of captures; the caller puts layers together to
 * captures.  run-tiles.c has the work, run-memory.c the memory. */
#include "run-private.h"

#include <string.h>

/* ---- set-up ---------------------------------------------------------------------------------------- */

static void
set_rules(EntroRun *run, const EntroRunOptions *options)
{
    run->rules = g_new0(EntroRowRule, run->trace->n_layers);
    for (guint i = 0; i < run->trace->n_layers; i++)
        run->rules[i] = entro_row_rule(&run->trace->layers[i], options->tolerance);
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

static void
hold_blas(EntroRun *run)
{
    for (guint i = 0; i < run->trace->n_layers; i++)
        run->holds_blas |= run->trace->layers[i].input == ENTRO_INPUT_QUERIES;
    if (run->holds_blas)
        entro_queries_hold_blas();
}

static gboolean
start_ring(EntroRun *run, GError **error)
{
    EntroRingJob job = {.fill = entro_run_fill,
                        .work = entro_run_work,
                        .retire = entro_run_retire,
                        .data = run,
                        .slots = run->stacks->pdata,
                        .n_slots = run->stacks->len,
                        .n_workers = run->n_workers,
                        .n_batches = ENTRO_RUN_BATCHES};

    run->ring = entro_ring_new(&job, error);
    return run->ring != NULL;
}

EntroRun *
entro_run_new(EntroSource *source, const EntroRunOptions *options, GError **error)
{
    g_autoptr(EntroRun) run = g_new0(EntroRun, 1);

    run->source = source;
    run->trace = entro_source_get_trace(source);
    run->with = options->with;
    set_rules(run, options);
    if (!entro_run_allocate(run, options, error) || !decide_causal(run, error))
        return NULL;
    hold_blas(run);
    run->group = g_new0(EntroCapture, entro_source_get_group_max(source));
    entro_source_select(source, options->captures, options->n_captures);
    if (!start_ring(run, error))
        return NULL;
    return g_steal_pointer(&run);
}

/* ---- captures -------------------------------------------------------------------------------------------- */

void
entro_capture_spoil(EntroCapture *capture, const char *problem)
{
    char *so_far = capture->detail;

    capture->detail = g_strconcat(so_far ? so_far : "", so_far ? "\n" : "", problem, NULL);
    capture->status = ENTRO_CAPTURE_PARTIAL;
    g_free(so_far);
}

/* Mean over the rows where two heads or more were valid; NaN without. */
static double
mean_divergence(const EntroLayer *layer, const double *divergence)
{
    gsize n = 0;
    double sum = 0;

    for (gsize row = 0; row < entro_rows_per_head(layer); row++)
        if (!isnan(divergence[row])) {
            sum += divergence[row];
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

/* Each head's nearest, the first of equals; the mean over all pairs that have a row. */
static void
add_pairs(const EntroPairSum *pairs, EntroHeadStats *heads, guint n_heads, EntroLayerStats *layer)
{
    double sum = 0;
    guint n = 0;

    for (guint a = 0; a < n_heads; a++)
        for (guint b = 0; b < n_heads; b++) {
            double value = a != b ? entro_pair_divergence(pairs, n_heads, a, b) : NAN;
            double nearest = heads[a].values[ENTRO_HEAD_NEAREST_DIVERGENCE];
            if (isnan(value))
                continue;
            sum += value;
            n++;
            if (isnan(nearest) || value < nearest) {
                heads[a].values[ENTRO_HEAD_NEAREST_HEAD] = b;
                heads[a].values[ENTRO_HEAD_NEAREST_DIVERGENCE] = value;
            }
        }
    layer->values[ENTRO_LAYER_PAIR_DIVERGENCE] = n > 0 ? sum / n : NAN;
}

static void
add_layer_stats(const EntroRun *run, const EntroLayerBatch *batch, gsize capture,
                EntroHeadStats *heads, EntroLayerStats *stats)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];

    *stats = (EntroLayerStats){.layer = layer->index};
    entro_layer_summarise(heads, layer->n_heads, stats);
    if (batch->divergence != NULL)
        stats->values[ENTRO_LAYER_DIVERSITY] =
            mean_divergence(layer, batch->divergence + capture * entro_rows_per_head(layer));
    if (batch->pairs != NULL)
        add_pairs(batch->pairs + capture * entro_pairs_of(layer->n_heads), heads, layer->n_heads,
                  stats);
}

static void
add_layer(EntroRun *run, const EntroLayerBatch *batch, gsize capture, EntroCapture *target)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];
    const EntroHeadWork *heads = batch->heads + capture * layer->n_heads;
    EntroHeadStats *first;

    if (batch->problems[capture] != NULL) {
        entro_capture_spoil(target, batch->problems[capture]);
        return;
    }
    target->heads = g_renew(EntroHeadStats, target->heads, target->n_heads + layer->n_heads);
    first = target->heads + target->n_heads;
    for (guint head = 0; head < layer->n_heads; head++) {
        first[head] = (EntroHeadStats){.layer = layer->index,
                                       .head = head,
                                       .n_rows = (gint64)entro_rows_per_head(layer),
                                       .n_nan = heads[head].counts[ENTRO_ROW_NAN],
                                       .n_masked = heads[head].counts[ENTRO_ROW_MASKED],
                                       .n_off_sum = heads[head].counts[ENTRO_ROW_OFF_SUM]};
        memcpy(first[head].values, heads[head].values, sizeof first[head].values);
        target->digest =
            (target->digest ^ heads[head].digest) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        target->n_rows += first[head].n_rows;
    }
    target->n_heads += layer->n_heads;
    run->bytes += layer->bytes_decoded / run->trace->n_captures;
    add_layer_stats(run, batch, capture, first, &target->layers[target->n_layers++]);
}

static void
begin_captures(EntroRun *run, const EntroLayerBatch *batch)
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
        const EntroLayerBatch *batch = &run->batches[number % ENTRO_RUN_BATCHES];
        if (layer == 0)
            begin_captures(run, batch);
        for (gsize capture = 0; capture < run->n_group; capture++) {
            add_layer(run, batch, capture, &run->group[capture]);
            entro_run_add_params(run, batch, capture, &run->group[capture]);
        }
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
    gsize group_max = entro_source_get_group_max(run->source);
    for (gsize i = 0; run->group != NULL && i < group_max; i++)
        entro_capture_clear(&run->group[i]);
    if (run->holds_blas)
        entro_queries_release_blas();
    entro_run_release(run);
    g_free(run->group);
    g_free(run->rules);
    g_free(run->causal_note);
    g_free(run);
}
