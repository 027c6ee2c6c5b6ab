/* tile-rows.c: the rows of a tile, from bytes in the file to floats: what a worker does.
 *
 * Each worker has its own memory, so that the bytes go from the page cache through one processor's
 * cache and nowhere else. */
#include "loader-private.h"

#include <string.h>

struct EntroTileRows {
    const EntroSource *source;
    guint8 *bytes;     /* one piece, encoded */
    guint8 *assembled; /* rows of a box; NULL when no layer needs it */
    EntroDecoder decoder;
    const EntroTile *tile; /* the one read last; its rows lie so: */
    const guint8 *rows;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];
};

/* ---- memory --------------------------------------------------------------------------------------- */

typedef struct {
    gsize encoded, assembled, work; /* bytes */
} Needs;

/* The largest of every part over all layers: the memory serves them all. */
static Needs
find_needs(const EntroSource *source)
{
    Needs needs = {0};

    for (guint layer = 0; layer < source->trace.n_layers; layer++) {
        const EntroPlan *plan = &source->plan[layer];
        const EntroDataset *dataset = &source->attention[layer];

        needs.encoded = MAX(needs.encoded, plan->encoded);
        if (!plan->direct)
            needs.assembled = MAX(needs.assembled, plan->decoded);
        needs.work = MAX(needs.work, entro_dataset_work_bytes(dataset));
    }
    return needs;
}

gsize
entro_tile_rows_get_memory(const EntroSource *source)
{
    Needs needs = find_needs(source);

    return needs.encoded + needs.assembled + 2 * needs.work;
}

EntroTileRows *
entro_tile_rows_new(const EntroSource *source, GError **error)
{
    Needs needs = find_needs(source);
    g_autoptr(EntroTileRows) rows = g_new0(EntroTileRows, 1);

    rows->source = source;
    rows->bytes = g_try_malloc(needs.encoded);
    rows->assembled = needs.assembled ? g_try_malloc(needs.assembled) : NULL;
    if (rows->bytes != NULL && (rows->assembled != NULL || needs.assembled == 0) &&
        entro_decoder_init(&rows->decoder, needs.work))
        return g_steal_pointer(&rows);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                "%s: no memory for a tile of %" G_GSIZE_FORMAT " MiB", source->trace.path,
                entro_tile_rows_get_memory(source) >> 20);
    return NULL;
}

void
entro_tile_rows_free(EntroTileRows *rows)
{
    if (rows == NULL)
        return;
    entro_decoder_clear(&rows->decoder);
    g_free(rows->bytes);
    g_free(rows->assembled);
    g_free(rows);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static void
set_rows(EntroTileRows *rows, const void *elements, const hsize_t *origin, const hsize_t *dims)
{
    rows->rows = elements;
    memcpy(rows->origin, origin, sizeof rows->origin);
    memcpy(rows->dims, dims, sizeof rows->dims);
}

/* One piece as elements; NULL when it is damaged. */
static const guint8 *
read_piece(EntroTileRows *rows, EntroTile *tile, const EntroDataset *dataset,
           const EntroPiece *piece)
{
    const guint8 *elements = NULL;
    char *problem = NULL;

    if (entro_read_at(dataset->fd, rows->bytes, piece->extent.size, piece->extent.offset, &problem))
        elements = dataset->n_filters == 0
                       ? rows->bytes
                       : entro_chunk_decode(dataset, &rows->decoder, rows->bytes,
                                            piece->extent.size, &problem);
    if (elements == NULL)
        entro_tile_spoil(tile, ENTRO_READ_DAMAGED, dataset, problem);
    return elements;
}

gboolean
entro_tile_rows_read(EntroTileRows *rows, EntroTile *tile)
{
    const struct EntroTilePrivate *own = tile->private_;
    const EntroDataset *dataset = &rows->source->attention[tile->layer];
    gboolean direct = rows->source->plan[tile->layer].direct;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];

    rows->tile = tile;
    if (tile->status != ENTRO_TILE_OK)
        return FALSE;
    entro_tile_box(tile, dataset, origin, dims);
    set_rows(rows, rows->assembled, origin, dims);
    for (guint i = 0; i < own->n_pieces; i++) {
        const EntroPiece *piece = &own->pieces[i];
        const guint8 *elements = read_piece(rows, tile, dataset, piece);

        if (elements == NULL)
            return FALSE;
        if (direct)
            set_rows(rows, elements, piece->origin, piece->dims);
        else
            entro_box_copy(5, dataset->element_size, piece->origin, piece->dims, elements, origin,
                           dims, rows->assembled);
    }
    return TRUE;
}

const float *
entro_tile_rows_get(const EntroTileRows *rows, gsize capture, gsize sample, guint head, gsize query,
                    float *scratch)
{
    const EntroTile *tile = rows->tile;
    const EntroLayer *layer = &rows->source->trace.layers[tile->layer];
    const hsize_t *origin = rows->origin, *dims = rows->dims;
    gsize row = tile->capture + capture - origin[0];

    row = row * dims[1] + tile->sample + sample - origin[1];
    row = row * dims[2] + tile->head + head - origin[2];
    row = row * dims[3] + tile->query + query - origin[3];
    const guint8 *raw = rows->rows + row * dims[4] * entro_element_size(layer->element);
    if (layer->element == ENTRO_F32 && layer->big_endian == (G_BYTE_ORDER == G_BIG_ENDIAN))
        return (const float *)raw;
    entro_element_decode(layer->element, layer->big_endian, raw, scratch, layer->n_keys);
    return scratch;
}
