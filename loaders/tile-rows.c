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
    EntroArea box;
    /* what lies beside them; NULL when no layer has any */
    guint8 *beside_bytes, *beside; /* one chunk, encoded; one head's, as elements */
    EntroDecoder beside_decoder;
    const guint8 *chunk; /* decoded last, which is piece `n_chunk` of the tile */
    guint n_chunk;
};

/* ---- memory --------------------------------------------------------------------------------------- */

typedef struct {
    gsize encoded, assembled, work; /* bytes */
    gsize beside_encoded, beside, beside_work;
} Needs;

/* Numbers that lie beside one head of a tile. */
static gsize
beside_size(const EntroSource *source, guint layer, gsize n_queries)
{
    const EntroLayer *facts = &source->trace.layers[layer];

    return facts->input == ENTRO_INPUT_QUERIES ? facts->n_keys * facts->head_dim : n_queries;
}

static void
add_beside(const EntroSource *source, guint layer, Needs *needs)
{
    const EntroDataset *beside = &source->beside[layer].dataset;

    if (beside->name == NULL)
        return;
    if (beside->chunked) {
        needs->beside_encoded = MAX(needs->beside_encoded, entro_dataset_encoded_max(beside));
        needs->beside_work = MAX(needs->beside_work, entro_dataset_work_bytes(beside));
    }
    needs->beside = MAX(needs->beside, beside_size(source, layer, source->plan[layer].box[3]) *
                                           beside->element_size);
}

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
        add_beside(source, layer, &needs);
    }
    return needs;
}

gsize
entro_tile_rows_get_memory(const EntroSource *source)
{
    Needs needs = find_needs(source);

    return needs.encoded + needs.assembled + 2 * needs.work + needs.beside_encoded + needs.beside +
           2 * needs.beside_work;
}

EntroTileRows *
entro_tile_rows_new(const EntroSource *source, GError **error)
{
    Needs needs = find_needs(source);
    g_autoptr(EntroTileRows) rows = g_new0(EntroTileRows, 1);

    rows->source = source;
    rows->bytes = g_try_malloc(needs.encoded);
    rows->assembled = needs.assembled ? g_try_malloc(needs.assembled) : NULL;
    rows->beside_bytes = needs.beside_encoded ? g_try_malloc(needs.beside_encoded) : NULL;
    rows->beside = needs.beside ? g_try_malloc(needs.beside) : NULL;
    if (rows->bytes != NULL && (rows->assembled != NULL || needs.assembled == 0) &&
        (rows->beside_bytes != NULL || needs.beside_encoded == 0) &&
        (rows->beside != NULL || needs.beside == 0) &&
        entro_decoder_init(&rows->decoder, needs.work) &&
        entro_decoder_init(&rows->beside_decoder, needs.beside_work))
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
    entro_decoder_clear(&rows->beside_decoder);
    g_free(rows->beside_bytes);
    g_free(rows->beside);
    g_free(rows->bytes);
    g_free(rows->assembled);
    g_free(rows);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* One piece as elements; NULL when it is damaged. */
static const guint8 *
read_piece(EntroTileRows *rows, EntroTile *tile, const EntroDataset *dataset,
           const EntroPiece *piece)
{
    const guint8 *elements = NULL;
    char *problem = NULL;

    if (tile->private_->whole != NULL)
        return (const guint8 *)g_bytes_get_data(tile->private_->whole, NULL) +
               piece->base * dataset->element_size;
    if (entro_read_at(tile->private_->fd, rows->bytes, piece->extent.size, piece->extent.offset,
                      &problem))
        elements = dataset->n_filters == 0
                       ? rows->bytes
                       : entro_chunk_decode(dataset, &rows->decoder, rows->bytes, &piece->extent,
                                            &problem);
    if (elements == NULL) {
        entro_tile_spoil(tile, ENTRO_READ_DAMAGED, dataset, problem);
        return NULL;
    }
    return elements + piece->base * dataset->element_size;
}

gboolean
entro_tile_rows_read(EntroTileRows *rows, EntroTile *tile)
{
    const struct EntroTilePrivate *own = tile->private_;
    const EntroDataset *dataset = &rows->source->attention[tile->layer];
    gboolean direct = rows->source->plan[tile->layer].direct;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];

    rows->tile = tile;
    rows->chunk = NULL;
    if (tile->status != ENTRO_TILE_OK)
        return FALSE;
    entro_tile_box(tile, dataset, origin, dims);
    rows->box = entro_area(5, origin, dims);
    rows->rows = rows->assembled;
    for (guint i = 0; i < own->n_pieces; i++) {
        const EntroPiece *piece = &own->pieces[i];
        const guint8 *elements = read_piece(rows, tile, dataset, piece);

        if (elements == NULL)
            return FALSE;
        if (!direct) {
            entro_area_copy(5, dataset->element_size, &piece->box, elements, &rows->box,
                            rows->assembled);
            continue;
        }
        rows->rows = elements;
        rows->box = piece->box;
    }
    return TRUE;
}

const float *
entro_tile_rows_get(const EntroTileRows *rows, gsize capture, gsize sample, guint head, gsize query,
                    float *scratch)
{
    const EntroTile *tile = rows->tile;
    const EntroLayer *layer = &rows->source->trace.layers[tile->layer];
    const hsize_t *origin = rows->box.origin;
    const gsize *stride = rows->box.stride;
    gsize first = (tile->capture + capture - origin[0]) * stride[0] +
                  (tile->sample + sample - origin[1]) * stride[1] +
                  (tile->head + head - origin[2]) * stride[2] +
                  (tile->query + query - origin[3]) * stride[3];
    const guint8 *raw = rows->rows + first * entro_element_size(layer->element);
    /* Behind the head of an array of NumPy, whose length is any, floats may lie between two places. */
    if (layer->element == ENTRO_F32 && layer->big_endian == (G_BYTE_ORDER == G_BIG_ENDIAN) &&
        (guintptr)raw % sizeof(float) == 0)
        return (const float *)raw;
    entro_element_decode(layer->element, layer->big_endian, raw, scratch, layer->row_size);
    return scratch;
}

/* ---- beside the rows --------------------------------------------------------------------------------- */

static gboolean
meets(const EntroArea *a, const EntroArea *b)
{
    for (int axis = 0; axis < 5; axis++)
        if (a->origin[axis] >= b->origin[axis] + b->dims[axis] ||
            b->origin[axis] >= a->origin[axis] + a->dims[axis])
            return FALSE;
    return TRUE;
}

/* A chunk as elements, kept for the next head, which often lies in the same; NULL: damaged. */
static const guint8 *
decode_beside(EntroTileRows *rows, const EntroTile *tile, const EntroDataset *dataset, guint number,
              char **ret_problem)
{
    const EntroPiece *piece = &tile->private_->beside[number];

    if (rows->chunk != NULL && rows->n_chunk == number)
        return rows->chunk;
    rows->chunk = NULL;
    rows->n_chunk = number;
    if (!entro_read_at(dataset->fd, rows->beside_bytes, piece->extent.size, piece->extent.offset,
                       ret_problem))
        return NULL;
    rows->chunk = dataset->n_filters == 0
                      ? rows->beside_bytes
                      : entro_chunk_decode(dataset, &rows->beside_decoder, rows->beside_bytes,
                                           &piece->extent, ret_problem);
    return rows->chunk;
}

static gboolean
assemble_beside(EntroTileRows *rows, const EntroTile *tile, const EntroDataset *dataset,
                const hsize_t *origin, const hsize_t *dims, char **ret_problem)
{
    const struct EntroTilePrivate *own = tile->private_;
    EntroArea wanted = entro_area(5, origin, dims);

    for (guint i = 0; i < own->n_beside; i++) {
        const EntroPiece *piece = &own->beside[i];
        if (!meets(&piece->box, &wanted))
            continue;
        const guint8 *elements = decode_beside(rows, tile, dataset, i, ret_problem);
        if (elements == NULL)
            return FALSE;
        entro_area_copy(5, dataset->element_size, &piece->box, elements, &wanted, rows->beside);
    }
    return TRUE;
}

/* One head's lie in one range of bytes. */
static gboolean
read_range(EntroTileRows *rows, const EntroDataset *dataset, const hsize_t *origin,
           const hsize_t *dims, char **ret_problem)
{
    guint64 first = 0;

    for (int axis = 0; axis < 5; axis++)
        first = first * dataset->dims[axis] + origin[axis];
    return entro_read_at(dataset->fd, rows->beside, dims[3] * dims[4] * dataset->element_size,
                         dataset->offset + first * dataset->element_size, ret_problem);
}

gboolean
entro_tile_rows_read_beside(EntroTileRows *rows, EntroTile *tile, gsize capture, gsize sample,
                            guint head, float *to)
{
    const EntroLayer *layer = &rows->source->trace.layers[tile->layer];
    const EntroParamData *beside = &rows->source->beside[tile->layer];
    gboolean is_keys = layer->input == ENTRO_INPUT_QUERIES;
    guint number = tile->head + head;
    const hsize_t origin[5] = {tile->capture + capture, tile->sample + sample,
                               is_keys ? entro_key_head(layer, number) : number,
                               is_keys ? 0 : tile->query, 0};
    const hsize_t dims[5] = {1, 1, 1, is_keys ? layer->n_keys : tile->n_queries,
                             beside->dataset.dims[4]};
    char *problem = NULL;

    g_return_val_if_fail(beside->dataset.name != NULL && tile->status == ENTRO_TILE_OK, FALSE);
    if (!(beside->dataset.chunked
              ? assemble_beside(rows, tile, &beside->dataset, origin, dims, &problem)
              : read_range(rows, &beside->dataset, origin, dims, &problem))) {
        entro_tile_spoil(tile, ENTRO_READ_DAMAGED, &beside->dataset, problem);
        return FALSE;
    }
    entro_element_decode(beside->element, beside->big_endian, rows->beside, to, dims[3] * dims[4]);
    return TRUE;
}
