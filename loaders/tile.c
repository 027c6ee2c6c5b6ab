/* tile.c: one box of rows, and where its pieces lie in the file: what the reader finds out. */
#include "foreign/foreign.h"

#include <string.h>

/* ---- memory --------------------------------------------------------------------------------------- */

EntroTile *
entro_tile_new(const EntroSource *source, GError **error)
{
    g_autoptr(EntroTile) tile = g_new0(EntroTile, 1);
    struct EntroTilePrivate *own = tile->private_ = g_new0(struct EntroTilePrivate, 1);
    gsize n_pieces = 0, n_beside = 0, mask_bytes = 0, segment_bytes = 0;

    for (guint layer = 0; layer < source->trace.n_layers; layer++) {
        const EntroPlan *plan = &source->plan[layer];
        gsize n_keys = plan->box[0] * plan->box[1] * source->trace.layers[layer].n_keys;
        n_pieces = MAX(n_pieces, plan->n_pieces);
        n_beside = MAX(n_beside, plan->n_beside);
        if (source->trace.has_key_mask)
            mask_bytes = MAX(mask_bytes, n_keys);
        if (source->trace.has_segment)
            segment_bytes = MAX(segment_bytes, n_keys * sizeof(gint64));
    }
    own->source = source;
    own->pieces = g_try_new(EntroPiece, n_pieces);
    own->beside = n_beside ? g_try_new(EntroPiece, n_beside) : NULL;
    own->key_mask = mask_bytes ? g_try_malloc(mask_bytes) : NULL;
    own->segment = segment_bytes ? g_try_malloc(segment_bytes) : NULL;
    if (own->pieces != NULL && (own->beside != NULL || n_beside == 0) &&
        (own->key_mask != NULL || mask_bytes == 0) && (own->segment != NULL || segment_bytes == 0))
        return g_steal_pointer(&tile);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                "%s: no memory for the key mask of %" G_GSIZE_FORMAT " MiB", source->trace.path,
                (mask_bytes + segment_bytes) >> 20);
    return NULL;
}

void
entro_tile_free(EntroTile *tile)
{
    if (tile == NULL)
        return;
    entro_archive_unref(tile->private_->archive);
    g_free(tile->private_->array);
    g_clear_pointer(&tile->private_->whole, g_bytes_unref);
    g_free(tile->private_->pieces);
    g_free(tile->private_->beside);
    g_free(tile->private_->key_mask);
    g_free(tile->private_->segment);
    g_free(tile->private_);
    g_free(tile->problem);
    g_free(tile);
}

/* ---- finding ---------------------------------------------------------------------------------------- */

void
entro_tile_spoil(EntroTile *tile, EntroRead read, const EntroDataset *dataset, char *problem)
{
    const char *array = tile->private_->array;

    g_free(tile->problem);
    tile->status = read == ENTRO_READ_MISSING ? ENTRO_TILE_MISSING : ENTRO_TILE_DAMAGED;
    tile->problem = g_strdup_printf("%s: capture %" G_GSIZE_FORMAT ", sample %" G_GSIZE_FORMAT
                                    ", head %u, query %" G_GSIZE_FORMAT ": a chunk %s",
                                    array ? array : dataset->name, tile->capture, tile->sample,
                                    tile->head, tile->query, problem);
    g_free(problem);
}

void
entro_tile_box(const EntroTile *tile, const EntroDataset *dataset, hsize_t *ret_origin,
               hsize_t *ret_dims)
{
    const hsize_t start[5] = {tile->capture, tile->sample, tile->head, tile->query, 0};
    const hsize_t size[5] = {tile->n_captures, tile->n_samples, tile->n_heads, tile->n_queries,
                             dataset->dims[4]};

    memcpy(ret_origin, start, sizeof start);
    memcpy(ret_dims, size, sizeof size);
}

/* The rows of the box alone, of a chunk that is stored as it is. */
static void
cut_piece(EntroPiece *piece, const EntroDataset *dataset, const EntroArea *wanted)
{
    gsize first = piece->base;

    for (int axis = 0; axis < 4; axis++)
        first += (wanted->origin[axis] - piece->box.origin[axis]) * piece->box.stride[axis];
    piece->extent.offset += first * dataset->element_size;
    piece->extent.size = wanted->dims[3] * dataset->chunk[4] * dataset->element_size;
    piece->base = 0;
    memcpy(piece->box.origin, wanted->origin, sizeof piece->box.origin);
    memcpy(piece->box.dims, wanted->dims, sizeof piece->box.dims);
    piece->box.dims[4] = dataset->chunk[4];
}

static gboolean
find_pieces(const EntroDataset *dataset, EntroTile *tile, GError **error)
{
    struct EntroTilePrivate *own = tile->private_;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX], at[ENTRO_RANK_MAX] = {0};

    entro_tile_box(tile, dataset, origin, dims);
    EntroArea wanted = entro_area(5, origin, dims);
    entro_box_first_chunk(dataset, origin, at);
    do {
        EntroPiece *piece = &own->pieces[own->n_pieces];
        char *problem = NULL;
        EntroRead read = entro_dataset_find_chunk(dataset, at, &piece->extent, &problem);

        if (read == ENTRO_READ_REFUSED) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY, "%s: %s: a chunk %s",
                        own->source->trace.path, dataset->name, problem);
            g_free(problem);
            return FALSE;
        }
        if (read != ENTRO_READ_OK) {
            entro_tile_spoil(tile, read, dataset, problem);
            return TRUE;
        }
        piece->box = entro_area_of_chunk(dataset, at);
        piece->base = dataset->base;
        if (own->source->plan[tile->layer].partial)
            cut_piece(piece, dataset, &wanted);
        own->n_pieces++;
    } while (entro_box_next_chunk(dataset, origin, dims, at));
    return TRUE;
}

/* A box of a contiguous dataset is one range of bytes: that is how boxes are cut. */
static void
find_range(const EntroDataset *dataset, EntroTile *tile)
{
    EntroPiece *piece = &tile->private_->pieces[0];
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];
    guint64 first = dataset->base;
    gsize size = dataset->element_size;

    if (dataset->offset == HADDR_UNDEF) {
        entro_tile_spoil(tile, ENTRO_READ_MISSING, dataset, g_strdup("was never written"));
        return;
    }
    entro_tile_box(tile, dataset, origin, dims);
    for (int axis = 0; axis < 5; axis++) {
        first += origin[axis] * dataset->stride[axis];
        size *= dims[axis];
    }
    piece->box = entro_area(5, origin, dims);
    piece->base = 0;
    piece->extent =
        (EntroExtent){.offset = dataset->offset + first * dataset->element_size, .size = size};
    tile->private_->n_pieces = 1;
}

/* The box of what lies beside the tile: of keys, all those of the key heads that its heads use. */
static void
beside_box(const EntroSource *source, const EntroTile *tile, hsize_t *ret_origin, hsize_t *ret_dims)
{
    const EntroLayer *layer = &source->trace.layers[tile->layer];
    const EntroDataset *beside = &source->beside[tile->layer].dataset;

    entro_tile_box(tile, beside, ret_origin, ret_dims);
    if (layer->input != ENTRO_INPUT_QUERIES)
        return;
    ret_origin[2] = entro_key_head(layer, tile->head);
    ret_dims[2] = entro_key_head(layer, tile->head + tile->n_heads - 1) + 1 - ret_origin[2];
    ret_origin[3] = 0;
    ret_dims[3] = beside->dims[3];
}

static gboolean
find_beside(EntroSource *source, EntroTile *tile, GError **error)
{
    const EntroDataset *beside = &source->beside[tile->layer].dataset;
    struct EntroTilePrivate *own = tile->private_;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX], at[ENTRO_RANK_MAX] = {0};

    if (beside->name == NULL)
        return TRUE;
    if (!beside->chunked && beside->offset == HADDR_UNDEF)
        entro_tile_spoil(tile, ENTRO_READ_MISSING, beside, g_strdup("was never written"));
    if (!beside->chunked)
        return TRUE;
    beside_box(source, tile, origin, dims);
    entro_box_first_chunk(beside, origin, at);
    do {
        EntroPiece *piece = &own->beside[own->n_beside];
        char *problem = NULL;
        EntroRead read = entro_dataset_find_chunk(beside, at, &piece->extent, &problem);

        if (read == ENTRO_READ_REFUSED) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY, "%s: %s: a chunk %s",
                        source->trace.path, beside->name, problem);
            g_free(problem);
            return FALSE;
        }
        if (read != ENTRO_READ_OK) {
            entro_tile_spoil(tile, read, beside, problem);
            return TRUE;
        }
        piece->box = entro_area_of_chunk(beside, at);
        piece->base = beside->base;
        own->n_beside++;
    } while (entro_box_next_chunk(beside, origin, dims, at));
    return TRUE;
}

/* ---- numbers of each key: padding, documents ----------------------------------------------------- */

/* Makes `n` numbers, as they are stored, what the tile is to hold. */
typedef gboolean KeyConvert(const EntroDataset *dataset, gsize n, gpointer values);

/* Any value but 0 counts as 1. */
static gboolean
to_mask(const EntroDataset *dataset G_GNUC_UNUSED, gsize n, gpointer values)
{
    guint8 *mask = values;

    for (gsize i = 0; i < n; i++)
        mask[i] = mask[i] != 0;
    return TRUE;
}

static gboolean
to_segment(const EntroDataset *dataset, gsize n, gpointer values)
{
    return entro_type_to_int64(&dataset->type, dataset->element_size, values, n);
}

/* Those of one capture into keys->values, unless they are there; `size` bytes each. */
static EntroRead
load_keys(EntroKeyNumbers *keys, gsize size, KeyConvert *convert, gsize capture, char **ret_problem)
{
    const EntroDataset *dataset = &keys->dataset;
    hsize_t origin[3] = {capture}, dims[3] = {1, dataset->dims[1], dataset->dims[2]};
    gsize n = dataset->dims[1] * dataset->dims[2];

    if (keys->values != NULL && keys->capture == capture)
        return ENTRO_READ_OK;
    if (capture >= dataset->dims[0]) {
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    if (keys->values == NULL)
        keys->values = g_try_malloc_n(n, size);
    if (keys->values == NULL) {
        *ret_problem = g_strdup("does not fit into memory");
        return ENTRO_READ_DAMAGED;
    }
    keys->capture = G_MAXSIZE;
    EntroRead read = entro_dataset_read_box(dataset, origin, dims, keys->values, ret_problem);
    if (read != ENTRO_READ_OK)
        return read;
    if (!convert(dataset, n, keys->values)) {
        *ret_problem = g_strdup("cannot be converted");
        return ENTRO_READ_DAMAGED;
    }
    keys->capture = capture;
    return ENTRO_READ_OK;
}

/* Those of the tile's samples into `copy`; each capture is read once for all its tiles. */
static void
read_keys(EntroKeyNumbers *keys, gsize size, KeyConvert *convert, EntroTile *tile, gpointer copy)
{
    gsize row = keys->dataset.dims[2] * size, bytes = tile->n_samples * row;

    for (gsize i = 0; i < tile->n_captures; i++) {
        char *problem = NULL;
        EntroRead read = load_keys(keys, size, convert, tile->capture + i, &problem);
        if (read != ENTRO_READ_OK) {
            entro_tile_spoil(tile, read, &keys->dataset, problem);
            return;
        }
        memcpy((guint8 *)copy + i * bytes, (const guint8 *)keys->values + tile->sample * row,
               bytes);
    }
}

/* The array that holds the tile, and the file that it needs open until it is read. */
static const EntroDataset *
find_array(EntroSource *source, EntroTile *tile)
{
    struct EntroTilePrivate *own = tile->private_;
    const EntroDataset *dataset = &source->attention[tile->layer];
    EntroArchive *archive = NULL;
    const char *problem = NULL;
    EntroRead read = ENTRO_READ_OK;

    g_clear_pointer(&own->archive, entro_archive_unref);
    g_clear_pointer(&own->array, g_free);
    g_clear_pointer(&own->whole, g_bytes_unref);
    own->fd = source->fd;
    if (source->foreign == NULL)
        return dataset;
    read = entro_foreign_find(source, tile->layer, tile->capture, tile->head, &dataset, &archive,
                              &problem);
    if (read == ENTRO_READ_OK) {
        own->archive = entro_archive_ref(archive);
        own->array = g_strdup(dataset->name);
        own->whole = entro_foreign_inflate(source->foreign, archive, dataset);
        own->fd = dataset->fd;
        return dataset;
    }
    tile->status = read == ENTRO_READ_MISSING ? ENTRO_TILE_MISSING : ENTRO_TILE_DAMAGED;
    tile->problem = g_strdup(problem);
    return dataset;
}

gboolean
entro_tile_find(EntroSource *source, EntroTile *tile, GError **error)
{
    struct EntroTilePrivate *own = tile->private_;
    const EntroDataset *dataset = find_array(source, tile);

    own->n_pieces = own->n_beside = 0;
    if (tile->status != ENTRO_TILE_OK)
        return TRUE;
    if (source->trace.has_key_mask)
        read_keys(&source->key_mask, sizeof(guint8), to_mask, tile, own->key_mask);
    if (source->trace.has_segment && tile->status == ENTRO_TILE_OK)
        read_keys(&source->segment, sizeof(gint64), to_segment, tile, own->segment);
    if (tile->status == ENTRO_TILE_OK && !find_beside(source, tile, error))
        return FALSE;
    if (tile->status != ENTRO_TILE_OK)
        return TRUE;
    if (!dataset->chunked)
        find_range(dataset, tile);
    else if (!find_pieces(dataset, tile, error))
        return FALSE;
    for (guint i = 0; i < own->n_pieces; i++)
        tile->stored_size += own->pieces[i].extent.size;
    return TRUE;
}

const guint8 *
entro_tile_key_mask(const EntroTile *tile, gsize capture, gsize sample)
{
    const struct EntroTilePrivate *own = tile->private_;
    gsize n_keys = own->source->trace.layers[tile->layer].n_keys;

    if (!own->source->trace.has_key_mask)
        return NULL;
    return own->key_mask + (capture * tile->n_samples + sample) * n_keys;
}

const gint64 *
entro_tile_segment(const EntroTile *tile, gsize capture, gsize sample)
{
    const struct EntroTilePrivate *own = tile->private_;
    gsize n_keys = own->source->trace.layers[tile->layer].n_keys;

    if (!own->source->trace.has_segment)
        return NULL;
    return own->segment + (capture * tile->n_samples + sample) * n_keys;
}
