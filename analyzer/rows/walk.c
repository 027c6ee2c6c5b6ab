/* walk.c: which rows of a trace are meant, and the walk over them.
 *
 * Tiles of other heads are found but not read.  A layer of which any chosen tile cannot be read has
 * no rows, as in the statistics: what is left would be another mean. */
#include "../queries/query-rows.h"
#include "rows-private.h"

#include <stdlib.h>

G_GNUC_PRINTF(3, 4)
static gboolean
not_found(const EntroRowChoice *choice, GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_NOT_FOUND, "%s: %s",
                choice->trace->path, what);
    return FALSE;
}

/* ---- the capture ----------------------------------------------------------------------------------- */

static gboolean
no_attempt(const EntroRowChoice *choice, GError **error)
{
    const EntroTrace *trace = choice->trace;
    guint first = trace->attempts[0], last = trace->attempts[trace->n_captures - 1];

    return first == last
               ? not_found(choice, error, "there is no attempt %u; all captures are of attempt %u",
                           choice->options->attempt, first)
               : not_found(choice, error, "there is no attempt %u; there are %u to %u",
                           choice->options->attempt, first, last);
}

/* The captures next to the step on either side. */
static gboolean
no_step(const EntroRowChoice *choice, GError **error)
{
    const EntroTrace *trace = choice->trace;
    gint64 step = choice->options->step, below = G_MININT64, above = G_MAXINT64;

    for (gsize i = 0; i < trace->n_captures; i++) {
        if (choice->options->attempt != 0 && trace->attempts[i] != choice->options->attempt)
            continue;
        if (trace->steps[i] < step)
            below = MAX(below, trace->steps[i]);
        else
            above = MIN(above, trace->steps[i]);
    }
    if (below == G_MININT64)
        return not_found(choice, error,
                         "there is no capture at step %" G_GINT64_FORMAT
                         ", the first is at %" G_GINT64_FORMAT,
                         step, above);
    if (above == G_MAXINT64)
        return not_found(choice, error,
                         "there is no capture at step %" G_GINT64_FORMAT
                         ", the last is at %" G_GINT64_FORMAT,
                         step, below);
    return not_found(choice, error,
                     "there is no capture at step %" G_GINT64_FORMAT
                     ", the nearest are at %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                     step, below, above);
}

static gboolean
find_capture(EntroRowChoice *choice, GError **error)
{
    const EntroTrace *trace = choice->trace;
    const EntroRowOptions *options = choice->options;
    gboolean has_attempt = FALSE;

    for (gsize i = trace->n_captures; i-- > 0;) {
        if (options->attempt != 0 && trace->attempts[i] != options->attempt)
            continue;
        has_attempt = TRUE;
        if (options->step != ENTRO_ROWS_LAST_STEP && trace->steps[i] != options->step)
            continue;
        choice->capture = i;
        return TRUE;
    }
    return has_attempt ? no_step(choice, error) : no_attempt(choice, error);
}

/* ---- the heads --------------------------------------------------------------------------------------- */

/* Returns how many of them the layer has. */
static guint
want_heads(EntroRowChoice *choice, guint layer, gint64 head)
{
    guint n_heads = choice->trace->layers[layer].n_heads, n_found = 0;

    for (guint i = 0; i < n_heads; i++)
        if (head == ENTRO_ALL || head == (gint64)i) {
            choice->n_wanted[layer] += !choice->wanted[layer][i];
            choice->wanted[layer][i] = TRUE;
            n_found++;
        }
    return n_found;
}

static gboolean
no_head(const EntroRowChoice *choice, EntroHeadChoice head, guint n_layers, guint most_heads,
        GError **error)
{
    const EntroTrace *trace = choice->trace;

    if (n_layers == 0)
        return not_found(choice, error,
                         "there is no layer %" G_GINT64_FORMAT "; there are %u, from %u to %u",
                         head.layer, trace->n_layers, trace->layers[0].index,
                         trace->layers[trace->n_layers - 1].index);
    if (head.layer == ENTRO_ALL)
        return not_found(choice, error,
                         "no layer has a head %" G_GINT64_FORMAT "; the last there is is %u",
                         head.head, most_heads - 1);
    return not_found(choice, error,
                     "layer %" G_GINT64_FORMAT " has no head %" G_GINT64_FORMAT
                     "; it has %u, from 0 to %u",
                     head.layer, head.head, most_heads, most_heads - 1);
}

static gboolean
want(EntroRowChoice *choice, EntroHeadChoice head, GError **error)
{
    const EntroTrace *trace = choice->trace;
    guint n_layers = 0, n_heads = 0, most_heads = 1;

    for (guint layer = 0; layer < trace->n_layers; layer++) {
        if (head.layer != ENTRO_ALL && head.layer != (gint64)trace->layers[layer].index)
            continue;
        n_layers++;
        n_heads += want_heads(choice, layer, head.head);
        most_heads = MAX(most_heads, trace->layers[layer].n_heads);
    }
    return n_heads > 0 || no_head(choice, head, n_layers, most_heads, error);
}

static gboolean
want_all(EntroRowChoice *choice, GError **error)
{
    const EntroRowOptions *options = choice->options;

    if (options->heads == NULL)
        return want(choice, (EntroHeadChoice){ENTRO_ALL, ENTRO_ALL}, error);
    for (guint i = 0; i < options->n_heads; i++)
        if (!want(choice, options->heads[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
find_sample(EntroRowChoice *choice, GError **error)
{
    const EntroTrace *trace = choice->trace;
    gint64 sample = choice->options->sample;

    for (guint layer = 0; layer < trace->n_layers; layer++)
        if (sample != ENTRO_ALL && choice->n_wanted[layer] > 0 &&
            (sample < 0 || (guint64)sample >= trace->layers[layer].n_samples))
            return not_found(choice, error,
                             "there is no sample %" G_GINT64_FORMAT
                             "; layer %u has %" G_GSIZE_FORMAT ", counted from 0",
                             sample, trace->layers[layer].index, trace->layers[layer].n_samples);
    choice->first_sample = sample == ENTRO_ALL ? 0 : (gsize)sample;
    return TRUE;
}

gboolean
entro_row_choice_init(EntroRowChoice *choice, EntroSource *source, const EntroRowOptions *options,
                      GError **error)
{
    const EntroTrace *trace = entro_source_get_trace(source);

    *choice = (EntroRowChoice){.source = source,
                               .trace = trace,
                               .options = options,
                               .wanted = g_new(guint8 *, trace->n_layers),
                               .n_wanted = g_new0(guint, trace->n_layers),
                               .read = g_new0(gboolean, trace->n_layers),
                               .causal = g_new0(gboolean, trace->n_layers)};
    for (guint layer = 0; layer < trace->n_layers; layer++)
        choice->wanted[layer] = g_new0(guint8, trace->layers[layer].n_heads);
    return find_capture(choice, error) && want_all(choice, error) && find_sample(choice, error) &&
           entro_decide_causal(source, choice->causal, &choice->causal_note, error);
}

void
entro_row_choice_clear(EntroRowChoice *choice)
{
    for (guint layer = 0; choice->wanted != NULL && layer < choice->trace->n_layers; layer++)
        g_free(choice->wanted[layer]);
    g_free(choice->wanted);
    g_free(choice->n_wanted);
    g_free(choice->read);
    g_free(choice->causal);
    g_free(choice->causal_note);
}

gsize
entro_row_choice_samples(const EntroRowChoice *choice, guint layer)
{
    return choice->options->sample == ENTRO_ALL ? choice->trace->layers[layer].n_samples : 1;
}

void
entro_row_origin_clear(EntroRowOrigin *origin)
{
    g_clear_pointer(&origin->problems, g_ptr_array_unref);
    g_free(origin->causal_note);
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

typedef struct {
    EntroRowChoice *choice;
    EntroTileRows *rows;
    float *scratch;   /* [most keys] */
    guint32 *allowed; /* [most keys + 1] */
    EntroRowVisit visit;
    gpointer data;
    gboolean needs_weights;
    EntroQueries queries;
    EntroQueryRow *block; /* [ENTRO_LOGIT_ROWS] */
    float *temperature;   /* [n_heads][n_queries] of layer temperature_of, or NULL */
    guint temperature_of;
} Walk;

static void
visit_at(const Walk *walk, const EntroRowRule *rule, EntroRowSight *sight, gsize query)
{
    sight->query = query;
    sight->position = entro_row_position(rule, query);
    sight->range = entro_row_range(rule, sight->position);
    walk->visit(walk->data, sight);
}

/* Weights are made for the sake of maps: some rows at a time. */
static gboolean
visit_queries(Walk *walk, EntroTile *tile, const EntroQueryPlace *place, EntroRowSight *sight)
{
    gsize at_once = entro_queries_weight_rows(place->layer);

    if (!entro_queries_begin(&walk->queries, walk->rows, tile, place))
        return FALSE;
    for (gsize query = 0, n; query < tile->n_queries; query += n) {
        n = MIN(at_once, tile->n_queries - query);
        entro_queries_measure(&walk->queries, place, query, n, walk->block);
        const float *p = walk->needs_weights ? entro_queries_weights(&walk->queries, 0, n) : NULL;
        for (gsize i = 0; i < n; i++) {
            sight->class_ = walk->block[i].class_;
            sight->measured = &walk->block[i].row;
            sight->p = p ? p + i * place->layer->n_keys : NULL;
            visit_at(walk, place->rule, sight, tile->query + query + i);
        }
    }
    return TRUE;
}

static void
visit_stored(const Walk *walk, const EntroTile *tile, const EntroQueryPlace *place,
             EntroRowSight *sight)
{
    gboolean is_entropy = place->layer->input == ENTRO_INPUT_ROW_ENTROPY;
    EntroRow measured;
    guint64 hash;

    sight->measured = &measured;
    for (gsize query = 0; query < tile->n_queries; query++) {
        const float *stored =
            entro_tile_rows_get(walk->rows, 0, place->sample, place->head, query, walk->scratch);
        sight->p = is_entropy ? NULL : stored;
        sight->class_ = is_entropy
                            ? entro_row_take_entropy(place->rule, place->keys, tile->query + query,
                                                     *stored, NAN, &measured, &hash)
                            : entro_row_measure(place->rule, place->keys, tile->query + query,
                                                stored, &measured, &hash);
        visit_at(walk, place->rule, sight, tile->query + query);
    }
    sight->measured = NULL;
}

/* FALSE: what its rows need beside them cannot be read, and the tile says so. */
static gboolean
visit_head(Walk *walk, EntroTile *tile, const EntroRowRule *rule, const EntroKeys *keys,
           gsize sample, guint head)
{
    const EntroLayer *layer = &walk->choice->trace->layers[tile->layer];
    const EntroQueryPlace place = {.rows = walk->rows,
                                   .tile = tile,
                                   .layer = layer,
                                   .rule = rule,
                                   .keys = keys,
                                   .sample = sample,
                                   .head = head,
                                   .temperature = walk->temperature
                                                      ? walk->temperature +
                                                            (tile->head + head) * layer->n_queries
                                                      : NULL};
    EntroRowSight sight = {.layer = tile->layer,
                           .head = tile->head + head,
                           .sample = tile->sample + sample - walk->choice->first_sample,
                           .keys = keys};

    if (layer->input == ENTRO_INPUT_QUERIES)
        return visit_queries(walk, tile, &place, &sight);
    visit_stored(walk, tile, &place, &sight);
    return TRUE;
}

/* Of the layer that the walk comes to. */
static gboolean
read_temperature(Walk *walk, EntroTile *tile)
{
    const EntroRowChoice *choice = walk->choice;
    const EntroLayer *layer = &choice->trace->layers[tile->layer];
    char *problem = NULL;

    if (walk->temperature_of == tile->layer)
        return TRUE;
    g_clear_pointer(&walk->temperature, g_free);
    walk->temperature_of = tile->layer;
    if (layer->input != ENTRO_INPUT_QUERIES || (layer->params & 1u << ENTRO_PARAM_TEMPERATURE) == 0)
        return TRUE;
    walk->temperature = g_new(float, entro_param_size(ENTRO_PARAM_TEMPERATURE, layer));
    if (entro_source_read_param(choice->source, tile->layer, ENTRO_PARAM_TEMPERATURE,
                                choice->capture, walk->temperature, &problem) == ENTRO_TILE_OK)
        return TRUE;
    g_free(tile->problem);
    tile->problem = problem;
    return FALSE;
}

static gboolean
visit_tile(Walk *walk, EntroTile *tile)
{
    const EntroRowChoice *choice = walk->choice;
    const EntroLayer *layer = &choice->trace->layers[tile->layer];
    EntroRowRule rule = entro_row_rule(layer, choice->options->tolerance);

    rule.causal = choice->causal[tile->layer];
    for (gsize sample = 0; sample < tile->n_samples; sample++) {
        EntroKeys keys = {.mask = entro_tile_key_mask(tile, 0, sample),
                          .segment = entro_tile_segment(tile, 0, sample)};
        if (choice->options->sample != ENTRO_ALL && tile->sample + sample != choice->first_sample)
            continue;
        entro_keys_count(&keys, layer->n_keys, walk->allowed);
        for (guint head = 0; head < tile->n_heads; head++)
            if (choice->wanted[tile->layer][tile->head + head] &&
                !visit_head(walk, tile, &rule, &keys, sample, head))
                return FALSE;
    }
    return TRUE;
}

static gboolean
is_wanted(const EntroRowChoice *choice, const EntroTile *tile)
{
    gsize sample = choice->first_sample;

    if (choice->options->sample != ENTRO_ALL &&
        (sample < tile->sample || sample >= tile->sample + tile->n_samples))
        return FALSE;
    for (guint head = 0; head < tile->n_heads; head++)
        if (choice->wanted[tile->layer][tile->head + head])
            return TRUE;
    return FALSE;
}

/* Every tile of the capture; the first sentence of each layer goes to `problems`. */
static gboolean
walk_tiles(Walk *walk, GPtrArray *problems, GError **error)
{
    EntroRowChoice *choice = walk->choice;
    g_autoptr(EntroTile) tile = entro_tile_new(choice->source, error);
    gboolean end = FALSE;

    for (guint layer = 0; layer < choice->trace->n_layers; layer++)
        choice->read[layer] = choice->n_wanted[layer] > 0;
    entro_source_select(choice->source, &choice->capture, 1);
    while (tile != NULL && entro_source_next(choice->source, tile, &end, error)) {
        if (end)
            return TRUE;
        if (!choice->read[tile->layer] || !is_wanted(choice, tile))
            continue;
        if (!read_temperature(walk, tile) || !entro_tile_rows_read(walk->rows, tile) ||
            !visit_tile(walk, tile)) {
            choice->read[tile->layer] = FALSE;
            g_ptr_array_add(problems, g_strdup(tile->problem));
        }
    }
    return FALSE;
}

static gboolean
init_queries(Walk *walk, GError **error)
{
    if (entro_queries_init(&walk->queries, walk->choice->trace))
        return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_MEMORY,
                "%s: no memory for the keys of a head (%" G_GSIZE_FORMAT " MiB)",
                walk->choice->trace->path, entro_queries_get_memory(walk->choice->trace) >> 20);
    return FALSE;
}

static gboolean
check_any(const EntroRowChoice *choice, const GPtrArray *problems, GError **error)
{
    for (guint layer = 0; layer < choice->trace->n_layers; layer++)
        if (choice->read[layer])
            return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_DATA,
                "%s: nothing of what was chosen can be read at step %" G_GINT64_FORMAT ": %s",
                choice->trace->path, choice->trace->steps[choice->capture],
                problems->len > 0 ? (const char *)problems->pdata[0] : "it has no heads");
    return FALSE;
}

static void
set_origin(EntroRowChoice *choice, GPtrArray *problems, EntroRowOrigin *origin)
{
    *origin = (EntroRowOrigin){.position = choice->capture,
                               .step = choice->trace->steps[choice->capture],
                               .attempt = choice->trace->attempts[choice->capture],
                               .sample = choice->options->sample,
                               .causal_note = g_steal_pointer(&choice->causal_note),
                               .problems = problems};
}

gboolean
entro_row_walk(EntroRowChoice *choice, EntroRowVisit visit, gpointer data,
               EntroRowOrigin *ret_origin, GError **error)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(choice->source, error);
    gsize most_keys = 1;

    for (guint layer = 0; layer < choice->trace->n_layers; layer++)
        most_keys = MAX(most_keys, MAX(choice->trace->layers[layer].n_keys,
                                       choice->trace->layers[layer].row_size));
    g_autofree guint32 *allowed = g_new(guint32, most_keys + 1);
    float *scratch = rows == NULL ? NULL : entro_row_new_for(choice->trace, most_keys, error);
    g_autofree EntroQueryRow *block = g_new(EntroQueryRow, ENTRO_LOGIT_ROWS);
    Walk walk = {.choice = choice,
                 .rows = rows,
                 .scratch = scratch,
                 .allowed = allowed,
                 .visit = visit,
                 .data = data,
                 .needs_weights = choice->needs_weights,
                 .block = block,
                 .temperature_of = G_MAXUINT};
    entro_queries_hold_blas();
    gboolean good = scratch != NULL && init_queries(&walk, error) &&
                    walk_tiles(&walk, problems, error) && check_any(choice, problems, error);
    entro_queries_release_blas();
    entro_queries_clear(&walk.queries);
    g_free(walk.temperature);
    free(scratch);
    if (good)
        set_origin(choice, g_steal_pointer(&problems), ret_origin);
    return good;
}
