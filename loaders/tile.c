/* tile.c: one box of rows, from encoded bytes to floats.
 *
 * The reader fills it, a worker decodes it; the memory is taken once and used again. */
#include "loader-private.h"

#include <string.h>

/* ---- memory --------------------------------------------------------------------------------------- */

typedef struct {
    gsize encoded, assembled, work, mask;
    guint pieces;
} Needs;

/* The largest of every part over all layers: a tile serves them all. */
static Needs
find_needs(const EntroSource *source)
{
    Needs needs = {0};

    for (guint layer = 0; layer < source->trace.n_layers; layer++) {
        const EntroPlan *plan = &source->plan[layer];
        const EntroDataset *dataset = &source->attention[layer];

        needs.encoded = MAX(needs.encoded, plan->encoded);
        needs.pieces = MAX(needs.pieces, plan->n_pieces);
        if (!plan->direct)
            needs.assembled = MAX(needs.assembled, plan->decoded);
        needs.work = MAX(needs.work, entro_dataset_work_bytes(dataset));
        if (source->trace.has_key_mask)
            needs.mask = MAX(needs.mask, plan->box[0] * plan->box[1] * dataset->dims[4]);
    }
    return needs;
}

gsize
entro_tile_get_memory(const EntroSource *source)
{
    Needs needs = find_needs(source);

    return needs.encoded + needs.assembled + 2 * needs.work + needs.mask +
           needs.pieces * sizeof(EntroPiece);
}

EntroTile *
entro_tile_new(const EntroSource *source, GError **error)
{
    Needs needs = find_needs(source);
    g_autoptr(EntroTile) tile = g_new0(EntroTile, 1);
    struct EntroTilePrivate *own = tile->private_ = g_new0(struct EntroTilePrivate, 1);

    own->source = source;
    own->capacity = needs.encoded;
    own->bytes = g_try_malloc(needs.encoded);
    own->pieces = g_try_new(EntroPiece, needs.pieces);
    own->assembled = needs.assembled ? g_try_malloc(needs.assembled) : NULL;
    own->key_mask = needs.mask ? g_try_malloc(needs.mask) : NULL;
    if (own->bytes != NULL && own->pieces != NULL &&
        (own->assembled != NULL || needs.assembled == 0) &&
        (own->key_mask != NULL || needs.mask == 0) && entro_decoder_init(&own->decoder, needs.work))
        return g_steal_pointer(&tile);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                "%s: no memory for a tile of %" G_GSIZE_FORMAT " MiB", source->trace.path,
                entro_tile_get_memory(source) >> 20);
    return NULL;
}

void
entro_tile_free(EntroTile *tile)
{
    if (tile == NULL)
        return;
    entro_decoder_clear(&tile->private_->decoder);
    g_free(tile->private_->bytes);
    g_free(tile->private_->pieces);
    g_free(tile->private_->assembled);
    g_free(tile->private_->key_mask);
    g_free(tile->private_);
    g_free(tile->problem);
    g_free(tile);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* Records what is wrong with the tile; TRUE, because it is a result. */
static gboolean
spoil(EntroTile *tile, EntroRead read, const EntroDataset *dataset, char *problem)
{
    g_free(tile->problem);
    tile->status = read == ENTRO_READ_MISSING ? ENTRO_TILE_MISSING : ENTRO_TILE_DAMAGED;
    tile->problem =
        g_strdup_printf("%s: capture %" G_GSIZE_FORMAT ", sample %" G_GSIZE_FORMAT
                        ", head %u, query %" G_GSIZE_FORMAT ": %s %s",
                        dataset->name, tile->capture, tile->sample, tile->head, tile->query,
                        dataset->chunked ? "a chunk" : "its block", problem);
    g_free(problem);
    return TRUE;
}

static void
tile_box(const EntroTile *tile, const EntroDataset *dataset, hsize_t *origin, hsize_t *dims)
{
    const hsize_t start[5] = {tile->capture, tile->sample, tile->head, tile->query, 0};
    const hsize_t size[5] = {tile->n_captures, tile->n_samples, tile->n_heads, tile->n_queries,
                             dataset->dims[4]};

    memcpy(origin, start, sizeof start);
    memcpy(dims, size, sizeof size);
}

static gboolean
read_pieces(const EntroDataset *dataset, EntroTile *tile, GError **error)
{
    struct EntroTilePrivate *own = tile->private_;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX], at[ENTRO_RANK_MAX];

    tile_box(tile, dataset, origin, dims);
    entro_box_first_chunk(dataset, origin, at);
    do {
        EntroPiece *piece = &own->pieces[own->n_pieces];
        char *problem = NULL;

        g_assert(own->used + entro_dataset_encoded_max(dataset) <= own->capacity);
        EntroRead read =
            entro_dataset_read_chunk(dataset, at, own->bytes + own->used, &piece->size, &problem);
        if (read == ENTRO_READ_REFUSED) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY, "%s: %s: a chunk %s",
                        own->source->trace.path, dataset->name, problem);
            g_free(problem);
            return FALSE;
        }
        if (read != ENTRO_READ_OK)
            return spoil(tile, read, dataset, problem);
        piece->offset = own->used;
        memcpy(piece->origin, at, sizeof at);
        own->used += piece->size;
        own->n_pieces++;
    } while (entro_box_next_chunk(dataset, origin, dims, at));
    return TRUE;
}

/* A box of a contiguous dataset is one range of bytes: that is how boxes are cut. */
static gboolean
read_range(const EntroSource *source, const EntroDataset *dataset, EntroTile *tile)
{
    struct EntroTilePrivate *own = tile->private_;
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];
    guint64 first = 0;
    gsize size = dataset->element_size;
    char *problem = NULL;

    tile_box(tile, dataset, origin, dims);
    for (int axis = 0; axis < 5; axis++) {
        first = first * dataset->dims[axis] + origin[axis];
        size *= dims[axis];
    }
    if (dataset->offset == HADDR_UNDEF)
        return spoil(tile, ENTRO_READ_MISSING, dataset, g_strdup("was never written"));
    if (!entro_read_at(source->fd, own->bytes, size,
                       dataset->offset + first * dataset->element_size, &problem))
        return spoil(tile, ENTRO_READ_DAMAGED, dataset, problem);
    own->used = size;
    return TRUE;
}

/* Mask of one capture into source->mask, unless it is there; any value but 0 counts as 1. */
static EntroRead
load_mask(EntroSource *source, gsize capture, char **ret_problem)
{
    const EntroDataset *mask = &source->key_mask;
    hsize_t origin[3] = {capture}, dims[3] = {1, mask->dims[1], mask->dims[2]};
    gsize n = mask->dims[1] * mask->dims[2];

    if (source->mask != NULL && source->mask_capture == capture)
        return ENTRO_READ_OK;
    if (capture >= mask->dims[0]) {
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    if (source->mask == NULL)
        source->mask = g_try_malloc(n);
    if (source->mask == NULL) {
        *ret_problem = g_strdup("does not fit into memory");
        return ENTRO_READ_DAMAGED;
    }
    source->mask_capture = G_MAXSIZE;
    EntroRead read = entro_dataset_read_box(mask, origin, dims, source->mask, ret_problem);
    for (gsize i = 0; read == ENTRO_READ_OK && i < n; i++)
        source->mask[i] = source->mask[i] != 0;
    if (read == ENTRO_READ_OK)
        source->mask_capture = capture;
    return read;
}

/* Key mask of the samples of the tile; read once a capture and copied. */
static void
read_mask(EntroSource *source, EntroTile *tile)
{
    const EntroDataset *mask = &source->key_mask;
    gsize n_keys = mask->dims[2], sample_bytes = tile->n_samples * n_keys;

    for (gsize i = 0; i < tile->n_captures; i++) {
        char *problem = NULL;
        EntroRead read = load_mask(source, tile->capture + i, &problem);
        if (read != ENTRO_READ_OK) {
            spoil(tile, read, mask, problem);
            return;
        }
        memcpy(tile->private_->key_mask + i * sample_bytes, source->mask + tile->sample * n_keys,
               sample_bytes);
    }
}

gboolean
entro_tile_read(EntroSource *source, EntroTile *tile, GError **error)
{
    const EntroDataset *dataset = &source->attention[tile->layer];
    struct EntroTilePrivate *own = tile->private_;

    own->used = own->n_pieces = 0;
    if (source->trace.has_key_mask)
        read_mask(source, tile);
    if (tile->status != ENTRO_TILE_OK)
        return TRUE;
    if (dataset->chunked ? !read_pieces(dataset, tile, error) : !read_range(source, dataset, tile))
        return FALSE;
    tile->stored_size = own->used;
    return TRUE;
}

/* ---- decoding ----------------------------------------------------------------------------------------- */

static void
set_rows(struct EntroTilePrivate *own, const void *rows, const hsize_t *origin, const hsize_t *dims)
{
    own->rows = rows;
    memcpy(own->rows_origin, origin, sizeof own->rows_origin);
    memcpy(own->rows_dims, dims, sizeof own->rows_dims);
}

gboolean
entro_tile_decode(EntroTile *tile)
{
    struct EntroTilePrivate *own = tile->private_;
    const EntroDataset *dataset = &own->source->attention[tile->layer];
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];

    if (tile->status != ENTRO_TILE_OK)
        return FALSE;
    tile_box(tile, dataset, origin, dims);
    set_rows(own, dataset->chunked ? own->assembled : own->bytes, origin, dims);
    for (guint i = 0; i < own->n_pieces; i++) {
        const EntroPiece *piece = &own->pieces[i];
        char *problem = NULL;
        const guint8 *chunk = entro_chunk_decode(dataset, &own->decoder, own->bytes + piece->offset,
                                                 piece->size, &problem);
        if (chunk == NULL) {
            spoil(tile, ENTRO_READ_DAMAGED, dataset, problem);
            return FALSE;
        }
        if (own->source->plan[tile->layer].direct)
            set_rows(own, chunk, piece->origin, dataset->chunk);
        else
            entro_box_copy(5, dataset->element_size, piece->origin, dataset->chunk, chunk, origin,
                           dims, own->assembled);
    }
    return TRUE;
}

const float *
entro_tile_row(const EntroTile *tile, gsize capture, gsize sample, guint head, gsize query,
               float *scratch)
{
    const struct EntroTilePrivate *own = tile->private_;
    const EntroLayer *layer = &own->source->trace.layers[tile->layer];
    const hsize_t *origin = own->rows_origin, *dims = own->rows_dims;
    gsize row = tile->capture + capture - origin[0];

    row = row * dims[1] + tile->sample + sample - origin[1];
    row = row * dims[2] + tile->head + head - origin[2];
    row = row * dims[3] + tile->query + query - origin[3];
    const guint8 *raw = own->rows + row * dims[4] * entro_element_size(layer->element);
    if (layer->element == ENTRO_F32 && layer->big_endian == (G_BYTE_ORDER == G_BIG_ENDIAN))
        return (const float *)raw;
    entro_element_decode(layer->element, layer->big_endian, raw, scratch, layer->n_keys);
    return scratch;
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
