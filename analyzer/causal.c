/* causal.c: whether a layer is causal, where the file does not say.
 *
 * Seen from the first capture of the file, whichever captures are asked for, so that a trace that
 * grew is read by the rule it began with.  A layer that shows nothing (one key, NaN, missing) goes
 * with the others: to take one for causal that is not would make all its rows off their sum. */
#include "analyzer-private.h"

#include <stdlib.h>

/* Is there any weight on keys after the query?  Padded queries are left out: what a framework
 * writes there (uniform over all keys, often) says nothing. */
static EntroCausal
see_row(const EntroLayer *layer, const guint8 *mask, gsize query, const float *p)
{
    gssize position = entro_layer_position(layer, query);
    double before = 0, after = 0;

    if (mask != NULL && position >= 0 && !mask[position])
        return ENTRO_CAUSAL_UNKNOWN;
    for (gssize key = 0; key < (gssize)layer->n_keys; key++)
        *(key <= position ? &before : &after) += fabs(p[key]);
    if (!isfinite(before + after) || before + after == 0 || position + 1 >= (gssize)layer->n_keys)
        return ENTRO_CAUSAL_UNKNOWN;
    return after > 0 ? ENTRO_CAUSAL_NO : ENTRO_CAUSAL_YES;
}

/* The rows of one tile, of its first sample. */
static EntroCausal
see_tile(const EntroTileRows *rows, const EntroTile *tile, const EntroLayer *layer, float *scratch)
{
    const guint8 *mask = entro_tile_key_mask(tile, 0, 0);
    EntroCausal seen = ENTRO_CAUSAL_UNKNOWN;

    for (guint head = 0; head < tile->n_heads; head++)
        for (gsize query = 0; query < tile->n_queries; query++) {
            const float *p = entro_tile_rows_get(rows, 0, 0, head, query, scratch);
            EntroCausal row = see_row(layer, mask, tile->query + query, p);

            if (row == ENTRO_CAUSAL_NO)
                return row;
            seen = MAX(seen, row);
        }
    return seen;
}

/* Fills `seen` for the layers of which the file says nothing. */
static gboolean
see_layers(EntroSource *source, EntroCausal *seen, float *scratch, GError **error)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autoptr(EntroTile) tile = entro_tile_new(source, error);
    g_autoptr(EntroTileRows) rows = tile ? entro_tile_rows_new(source, error) : NULL;

    if (rows == NULL)
        return FALSE;
    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];

        seen[i] = ENTRO_CAUSAL_UNKNOWN;
        if (layer->causal != ENTRO_CAUSAL_UNKNOWN || layer->input != ENTRO_INPUT_ATTENTION)
            continue;
        if (!entro_source_peek(source, tile, i, 0, error))
            return FALSE;
        if (entro_tile_rows_read(rows, tile))
            seen[i] = see_tile(rows, tile, layer, scratch);
    }
    return TRUE;
}

static char *
make_note(guint n_causal, guint n_not, guint n_unseen)
{
    static const char begin[] = "the file does not say whether attention is causal: taken as";

    if (n_causal + n_not + n_unseen == 0)
        return NULL;
    if (n_causal > 0 && n_not > 0)
        return g_strdup_printf("%s causal in %u layers (no weight after the query), as not causal "
                               "in %u",
                               begin, n_causal, n_not + n_unseen);
    return g_strdup_printf("%s %s", begin,
                           n_causal > 0 ? "causal (no weight after the query)"
                           : n_not > 0  ? "not causal (weights after the query)"
                                        : "causal (its first capture does not show it)");
}

gboolean
entro_decide_causal(EntroSource *source, gboolean *ret_causal, char **ret_note, GError **error)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    g_autofree EntroCausal *seen = g_new(EntroCausal, trace->n_layers);
    guint count[3] = {0}; /* unseen, not causal, causal, of the layers that do not say */
    gsize most_keys = 1;

    for (guint i = 0; i < trace->n_layers; i++)
        most_keys = MAX(most_keys, trace->layers[i].n_keys);
    float *scratch = entro_row_new_for(trace, most_keys, error);
    gboolean good = scratch != NULL && see_layers(source, seen, scratch, error);
    free(scratch);
    if (!good)
        return FALSE;
    for (guint i = 0; i < trace->n_layers; i++)
        if (trace->layers[i].causal == ENTRO_CAUSAL_UNKNOWN)
            count[seen[i] - ENTRO_CAUSAL_UNKNOWN]++;
    for (guint i = 0; i < trace->n_layers; i++) {
        EntroCausal said = trace->layers[i].causal, known = MAX(said, seen[i]);
        ret_causal[i] = known == ENTRO_CAUSAL_UNKNOWN ? count[1] == 0 : known == ENTRO_CAUSAL_YES;
    }
    *ret_note = make_note(count[2], count[1], count[0]);
    return TRUE;
}
