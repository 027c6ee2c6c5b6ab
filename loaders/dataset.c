/* dataset.c: where a dataset's bytes are, and how to get at them without HDF5's own pipeline.
 *
 * HDF5 says where a chunk or contiguous data lie, pread fetches the bytes as they are stored: no
 * conversion, no filter, no cache of HDF5 is on the way. */
#include "reader/reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- facts -------------------------------------------------------------------------------------- */

typedef struct {
    H5Z_filter_t id;
    const char *name;
} FilterName;

static const FilterName known_filters[] = {
    {H5Z_FILTER_SHUFFLE, "shuffle"},
    {H5Z_FILTER_DEFLATE, "deflate"},
    {ENTRO_FILTER_LZF, "lzf"},
    {H5Z_FILTER_FLETCHER32, "fletcher32"},
    {ENTRO_FILTER_ZIP, "deflate of a zip archive"},
};

const char *
entro_filter_name(H5Z_filter_t filter)
{
    for (guint i = 0; i < G_N_ELEMENTS(known_filters); i++)
        if (known_filters[i].id == filter)
            return known_filters[i].name;
    return NULL;
}

static gboolean
compresses(H5Z_filter_t filter)
{
    return filter == H5Z_FILTER_DEFLATE || filter == ENTRO_FILTER_LZF;
}

/* What is compressed twice has a size between that no chunk tells. */
gboolean
entro_filter_may_follow(const EntroDataset *dataset, H5Z_filter_t filter)
{
    for (guint i = 0; i < dataset->n_filters; i++)
        if (dataset->filters[i] == filter ||
            (compresses(dataset->filters[i]) && compresses(filter)))
            return FALSE;
    return dataset->n_filters < ENTRO_FILTERS_MAX && entro_filter_name(filter) != NULL;
}

static gboolean
check_filter(const EntroDataset *dataset, H5Z_filter_t filter, const char *name, GError **error)
{
    if (entro_filter_may_follow(dataset, filter))
        return TRUE;
    g_autofree char *shown = entro_printable(name, -1);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY,
                "%s uses the filter %s (number %d), which is refused: only shuffle, deflate or "
                "lzf, and fletcher32 are read, each once (rewrite the file: h5repack -f SHUF -f "
                "GZIP=4 OLD NEW)",
                dataset->name, *shown ? shown : "without a name", (int)filter);
    return FALSE;
}

static gboolean
read_filters(EntroDataset *dataset, hid_t creation, GError **error)
{
    int n_filters = H5Pget_nfilters(creation);

    for (int i = 0; i < n_filters; i++) {
        unsigned flags, values[1] = {0}, config;
        size_t n_values = 1;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(creation, i, &flags, &n_values, values, sizeof name, name, &config);

        if (!check_filter(dataset, filter, name, error))
            return FALSE;
        if (filter == H5Z_FILTER_SHUFFLE && values[0] != dataset->element_size) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                        "%s is shuffled by %u bytes, its elements have %" G_GSIZE_FORMAT,
                        dataset->name, values[0], dataset->element_size);
            return FALSE;
        }
        dataset->filters[dataset->n_filters++] = filter;
    }
    return n_filters >= 0 || entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                           "%s: its filters cannot be read", dataset->name);
}

gboolean
entro_dataset_check_chunk(EntroDataset *dataset, gsize max_chunk, GError **error)
{
    gsize bytes = dataset->element_size;

    for (int axis = 0; axis < dataset->stored.rank; axis++)
        if (dataset->stored.chunk[axis] == 0 ||
            __builtin_mul_overflow(bytes, (gsize)dataset->stored.chunk[axis], &bytes) ||
            bytes > max_chunk) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                        "%s has chunks of more than %" G_GSIZE_FORMAT
                        " bytes (the limit; --max-chunk raises it)",
                        dataset->name, max_chunk);
            return FALSE;
        }
    dataset->chunk_bytes = bytes;
    return TRUE;
}

/* A block shorter than the shape would give its neighbours' bytes for data. */
static gboolean
locate_block(EntroDataset *dataset, GError **error)
{
    gsize bytes = dataset->element_size;

    for (int axis = 0; axis < dataset->stored.rank; axis++)
        bytes *= dataset->stored.dims[axis];
    dataset->offset = H5Dget_offset(dataset->id);
    hsize_t stored = H5Dget_storage_size(dataset->id);
    H5Eclear2(H5E_DEFAULT);
    if (dataset->offset == HADDR_UNDEF || stored >= bytes)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                "%s takes %" G_GUINT64_FORMAT
                " bytes in the file, its shape needs %" G_GSIZE_FORMAT,
                dataset->name, (guint64)stored, bytes);
    return FALSE;
}

static gboolean
read_layout(EntroDataset *dataset, gsize max_chunk, GError **error)
{
    g_auto(EntroHid) creation = H5Dget_create_plist(dataset->id);

    dataset->chunked = H5Pget_layout(creation) == H5D_CHUNKED;
    if (dataset->chunked) {
        EntroStored *stored = &dataset->stored;
        if (H5Pget_chunk(creation, stored->rank, stored->chunk) != stored->rank)
            return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s: its chunks cannot be read",
                                 dataset->name);
        return entro_dataset_check_chunk(dataset, max_chunk, error) &&
               read_filters(dataset, creation, error);
    }
    memcpy(dataset->stored.chunk, dataset->stored.dims, sizeof dataset->stored.dims);
    return locate_block(dataset, error);
}

/* HDF5 counts chunks by the largest sizes: with one that is too small it takes another chunk for the one
 * that was asked for. */
static gboolean
check_growth(const EntroDataset *dataset, const hsize_t *most, GError **error)
{
    const EntroStored *stored = &dataset->stored;

    for (int axis = 0; axis < stored->rank; axis++)
        if (most[axis] < stored->dims[axis]) { /* H5S_UNLIMITED is the largest number */
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                        "%s has %" G_GUINT64_FORMAT
                        " elements along axis %d, where it can have at most %" G_GUINT64_FORMAT,
                        dataset->name, (guint64)stored->dims[axis], axis, (guint64)most[axis]);
            return FALSE;
        }
    return TRUE;
}

/* The product of the sizes in a file may overflow: HDF5 answers that with 0 elements. */
static gboolean
read_extent(EntroDataset *dataset, GError **error)
{
    gsize bytes = dataset->element_size;
    EntroStored *stored = &dataset->stored;
    hsize_t most[ENTRO_STORED_RANK_MAX];
    g_auto(EntroHid) space = H5Dget_space(dataset->id);

    stored->rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (stored->rank < 1 || stored->rank > ENTRO_STORED_RANK_MAX ||
        H5Sget_simple_extent_dims(space, stored->dims, most) < 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %d axes, expected 1 to %d", dataset->name, stored->rank,
                    ENTRO_STORED_RANK_MAX);
        return FALSE;
    }
    for (int axis = 0; axis < stored->rank; axis++)
        if (__builtin_mul_overflow(bytes, (gsize)stored->dims[axis], &bytes)) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                        "%s announces more elements than can be counted", dataset->name);
            return FALSE;
        }
    return check_growth(dataset, most, error);
}

gboolean
entro_dataset_init_stored(EntroDataset *dataset, hid_t id, int fd, const char *name,
                          gsize max_chunk, GError **error)
{
    *dataset = (EntroDataset){.id = id, .name = g_strdup(name), .offset = HADDR_UNDEF, .fd = fd};
    g_auto(EntroHid) type = H5Dget_type(id);

    dataset->element_size = type < 0 ? 0 : H5Tget_size(type);
    if (dataset->element_size == 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s: its type cannot be read", name);
    dataset->type = entro_type_read(type);
    return read_extent(dataset, error) && read_layout(dataset, max_chunk, error);
}

gboolean
entro_dataset_view_as_stored(EntroDataset *dataset, GError **error)
{
    if (dataset->stored.rank > ENTRO_RANK_MAX) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %d axes, expected 1 to %d", dataset->name, dataset->stored.rank,
                    ENTRO_RANK_MAX);
        return FALSE;
    }
    entro_dataset_view(dataset, NULL, 0);
    return TRUE;
}

void
entro_dataset_let_go(EntroDataset *dataset)
{
    if (dataset->reader != NULL && dataset->id >= 0)
        dataset->reader->class->close(dataset->reader, dataset->id);
    else
        entro_hid_close(dataset->id);
    dataset->reader = NULL;
    dataset->id = H5I_INVALID_HID;
}

void
entro_dataset_clear(EntroDataset *dataset)
{
    if (dataset->name == NULL)
        return;
    entro_dataset_let_go(dataset);
    g_clear_pointer(&dataset->name, g_free);
}

gsize
entro_dataset_encoded_max(const EntroDataset *dataset)
{
    /* more than zlib's own bound, of which HDF5 takes what is smaller than 1.001 n + 12 */
    gsize bytes = dataset->head + dataset->chunk_bytes;

    return dataset->n_filters == 0 ? bytes : bytes + bytes / 8 + 64;
}

char *
entro_dataset_type_text(const EntroDataset *dataset)
{
    static const char *const names[] = {
        [ENTRO_CLASS_INTEGER] = "integers",  [ENTRO_CLASS_FLOAT] = "floating-point numbers",
        [ENTRO_CLASS_ENUM] = "enumerations", [ENTRO_CLASS_OPAQUE] = "opaque values",
        [ENTRO_CLASS_TEXT] = "strings",      [ENTRO_CLASS_RECORD] = "records",
        [ENTRO_CLASS_OTHER] = "values",
    };

    return g_strdup_printf("%s of %" G_GSIZE_FORMAT " bytes", names[dataset->type.class],
                           dataset->element_size);
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

gboolean
entro_read_at(int fd, void *to, gsize size, guint64 offset, char **ret_problem)
{
    gsize done = 0;

    while (done < size) {
        gssize n = pread(fd, (guint8 *)to + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *ret_problem = n < 0 ? g_strdup(g_strerror(errno))
                                 : g_strdup("lies beyond the end of the file (truncated)");
            return FALSE;
        }
        done += (gsize)n;
    }
    entro_redo_patch(fd, to, size, offset);
    return TRUE;
}

static char *
h5_problem(void)
{
    g_autoptr(GError) error = NULL;

    entro_h5_fail(&error, ENTRO_LOADER_ERROR_FORMAT, "cannot be read");
    return g_strdup(error->message);
}

static herr_t
see_deepest(unsigned depth, const H5E_error2_t *entry, void *data)
{
    gboolean *unallocated = data;

    if (depth == 0 && entry->func_name != NULL)
        *unallocated = strcmp(entry->func_name, "H5D__get_chunk_storage_size") == 0;
    return 0;
}

/* A chunk that was never allocated is 0 bytes, or an error of the call itself, as the kind of index
 * goes; a damaged index is an error from deeper down. */
static gboolean
is_unallocated(void)
{
    gboolean unallocated = FALSE;

    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, see_deepest, &unallocated);
    return unallocated;
}

/* Of the filters that may be left out, one is usual: h5py stores a chunk that LZF cannot shrink as it
 * is. */
static gboolean
mask_is_usual(const EntroDataset *dataset, guint32 mask)
{
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        if (dataset->filters[filter] == ENTRO_FILTER_LZF)
            mask &= ~(1u << filter);
    return mask == 0;
}

EntroRead
entro_dataset_check_extent(const EntroDataset *dataset, const EntroExtent *extent,
                           char **ret_problem)
{
    if (extent->size > entro_dataset_encoded_max(dataset) ||
        (dataset->n_filters == 0 && extent->size != dataset->chunk_bytes)) {
        *ret_problem =
            g_strdup_printf("takes %" G_GSIZE_FORMAT " bytes, which no chunk of this shape can",
                            extent->size);
        return ENTRO_READ_DAMAGED;
    }
    if (mask_is_usual(dataset, extent->mask))
        return ENTRO_READ_OK;
    *ret_problem = g_strdup("was written with a filter left out, which is refused (rewrite "
                            "the file: h5repack)");
    return ENTRO_READ_REFUSED;
}

EntroRead
entro_dataset_find_in_index(const EntroDataset *dataset, const hsize_t *origin,
                            EntroExtent *ret_extent, char **ret_problem)
{
    hsize_t stored = 0;
    EntroExtent extent = {0};
    guint32 mask = 0; /* the driver overwrites the whole extent */
    guint8 unread;    /* the driver writes down where, and reads nothing */

    if (H5Dget_chunk_storage_size(dataset->id, origin, &stored) < 0 && !is_unallocated()) {
        *ret_problem = h5_problem();
        return ENTRO_READ_DAMAGED;
    }
    if (stored == 0) {
        H5Eclear2(H5E_DEFAULT);
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    entro_driver_record(&extent);
    gboolean found = H5Dread_chunk(dataset->id, H5P_DEFAULT, origin, &mask, &unread) >= 0;
    entro_driver_record(NULL);
    if (!found || extent.size == 0) {
        *ret_problem = h5_problem();
        return ENTRO_READ_DAMAGED;
    }
    *ret_extent = extent;
    ret_extent->mask = mask;
    return entro_dataset_check_extent(dataset, ret_extent, ret_problem);
}

static EntroRead
find_in_block(const EntroDataset *dataset, const hsize_t *corner, EntroExtent *ret_extent,
              char **ret_problem)
{
    guint64 first = 0;

    if (dataset->offset == HADDR_UNDEF) {
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    for (int axis = 0; axis < dataset->stored.rank; axis++)
        first = first * dataset->stored.dims[axis] + corner[axis];
    *ret_extent = (EntroExtent){.offset = dataset->offset + first * dataset->element_size,
                                .size = dataset->chunk_bytes};
    return ENTRO_READ_OK;
}

EntroRead
entro_dataset_find_chunk(const EntroDataset *dataset, const hsize_t *origin,
                         EntroExtent *ret_extent, char **ret_problem)
{
    const EntroStored *stored = &dataset->stored;
    hsize_t corner[ENTRO_STORED_RANK_MAX];

    for (int axis = 0; axis < stored->rank; axis++)
        corner[axis] = dataset->fixed[axis] - dataset->fixed[axis] % stored->chunk[axis];
    for (int axis = 0; axis < ENTRO_RANK_MAX; axis++)
        if (dataset->axis[axis] >= 0)
            corner[dataset->axis[axis]] = origin[axis] - origin[axis] % dataset->chunk[axis];
    if (dataset->flat)
        return find_in_block(dataset, corner, ret_extent, ret_problem);
    if (dataset->reader != NULL)
        return dataset->reader->class->find(dataset->reader, dataset, corner, ret_extent,
                                            ret_problem);
    *ret_extent = dataset->packed;
    return ENTRO_READ_OK;
}

/* ---- boxes ----------------------------------------------------------------------------------------- */

/* The bytes of a box of a contiguous dataset whose later axes are taken whole lie together. */
static EntroRead
read_contiguous(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *dims, void *to,
                char **ret_problem)
{
    gsize stride = dataset->element_size;

    for (int axis = 1; axis < dataset->rank; axis++)
        stride *= dataset->dims[axis];
    if (dataset->offset == HADDR_UNDEF) {
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    return entro_read_at(dataset->fd, to, dims[0] * stride, dataset->offset + origin[0] * stride,
                         ret_problem)
               ? ENTRO_READ_OK
               : ENTRO_READ_DAMAGED;
}

static EntroRead
read_chunks(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *dims, void *to,
            char **ret_problem)
{
    hsize_t at[ENTRO_RANK_MAX];
    g_auto(EntroDecoder) decoder = {0};
    g_autofree guint8 *bytes = g_try_malloc(entro_dataset_encoded_max(dataset));

    if (bytes == NULL || !entro_decoder_init(&decoder, entro_dataset_work_bytes(dataset))) {
        *ret_problem = g_strdup("there is no memory for one chunk");
        return ENTRO_READ_DAMAGED;
    }
    EntroArea to_box = entro_area(dataset->rank, origin, dims);
    entro_box_first_chunk(dataset, origin, at);
    do {
        EntroExtent extent;
        EntroRead read = entro_dataset_find_chunk(dataset, at, &extent, ret_problem);
        if (read != ENTRO_READ_OK)
            return read;
        const guint8 *decoded = NULL;
        if (entro_read_at(dataset->fd, bytes, extent.size, extent.offset, ret_problem))
            decoded = entro_chunk_decode(dataset, &decoder, bytes, &extent, ret_problem);
        if (decoded == NULL)
            return ENTRO_READ_DAMAGED;
        EntroArea from_box = entro_area(dataset->rank, at, dataset->chunk);
        entro_area_copy(dataset->rank, dataset->element_size, &from_box, decoded, &to_box, to);
    } while (entro_box_next_chunk(dataset, origin, dims, at));
    return ENTRO_READ_OK;
}

EntroRead
entro_dataset_read_box(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *dims,
                       void *to, char **ret_problem)
{
    if (dataset->chunked)
        return read_chunks(dataset, origin, dims, to, ret_problem);
    return read_contiguous(dataset, origin, dims, to, ret_problem);
}
