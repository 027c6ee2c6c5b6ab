/* dataset.c: where a dataset's bytes are, and how to get at them without HDF5's own pipeline.
 *
 * HDF5 says where a chunk or contiguous data lie, pread fetches the bytes as they are stored: no
 * conversion, no filter, no cache of HDF5 is on the way. */
#include "loader-private.h"

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
    {H5Z_FILTER_FLETCHER32, "fletcher32"},
};

static gboolean
check_filter(const EntroDataset *dataset, H5Z_filter_t filter, const char *name, GError **error)
{
    gboolean known = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(known_filters); i++)
        known = known || known_filters[i].id == filter;
    for (guint i = 0; i < dataset->n_filters; i++)
        if (dataset->filters[i] == filter)
            known = FALSE;
    if (known)
        return TRUE;
    g_autofree char *shown = entro_printable(name, -1);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY,
                "%s uses the filter %s (number %d), which is refused: only shuffle, deflate and "
                "fletcher32 are read, each once (rewrite the file: h5repack -f SHUF -f GZIP=4 OLD "
                "NEW)",
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

static gboolean
check_chunk(EntroDataset *dataset, gsize max_chunk, GError **error)
{
    gsize bytes = dataset->element_size;

    for (int axis = 0; axis < dataset->rank; axis++)
        if (dataset->chunk[axis] == 0 ||
            __builtin_mul_overflow(bytes, (gsize)dataset->chunk[axis], &bytes) ||
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

    for (int axis = 0; axis < dataset->rank; axis++)
        bytes *= dataset->dims[axis];
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
        if (H5Pget_chunk(creation, dataset->rank, dataset->chunk) != dataset->rank)
            return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s: its chunks cannot be read",
                                 dataset->name);
        return check_chunk(dataset, max_chunk, error) && read_filters(dataset, creation, error);
    }
    memcpy(dataset->chunk, dataset->dims, sizeof dataset->dims);
    return locate_block(dataset, error);
}

/* The product of the sizes in a file may overflow: HDF5 answers that with 0 elements. */
static gboolean
read_extent(EntroDataset *dataset, GError **error)
{
    gsize bytes = dataset->element_size;
    g_auto(EntroHid) space = H5Dget_space(dataset->id);

    dataset->rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (dataset->rank < 1 || dataset->rank > ENTRO_RANK_MAX ||
        H5Sget_simple_extent_dims(space, dataset->dims, NULL) < 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %d axes, expected 1 to %d", dataset->name, dataset->rank,
                    ENTRO_RANK_MAX);
        return FALSE;
    }
    for (int axis = 0; axis < dataset->rank; axis++)
        if (__builtin_mul_overflow(bytes, (gsize)dataset->dims[axis], &bytes)) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                        "%s announces more elements than can be counted", dataset->name);
            return FALSE;
        }
    return TRUE;
}

gboolean
entro_dataset_init(EntroDataset *dataset, hid_t id, int fd, const char *name, gsize max_chunk,
                   GError **error)
{
    *dataset = (EntroDataset){.id = id, .name = g_strdup(name), .offset = HADDR_UNDEF, .fd = fd};
    g_auto(EntroHid) type = H5Dget_type(id);

    dataset->element_size = type < 0 ? 0 : H5Tget_size(type);
    if (dataset->element_size == 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s: its type cannot be read", name);
    return read_extent(dataset, error) && read_layout(dataset, max_chunk, error);
}

void
entro_dataset_clear(EntroDataset *dataset)
{
    if (dataset->name == NULL)
        return;
    entro_hid_close(dataset->id);
    g_clear_pointer(&dataset->name, g_free);
}

gsize
entro_dataset_encoded_max(const EntroDataset *dataset)
{
    /* more than zlib's own bound, of which HDF5 takes what is smaller than 1.001 n + 12 */
    return dataset->n_filters == 0 ? dataset->chunk_bytes
                                   : dataset->chunk_bytes + dataset->chunk_bytes / 8 + 64;
}

char *
entro_dataset_type_text(const EntroDataset *dataset)
{
    static const char *const names[] = {
        [H5T_INTEGER] = "integers",  [H5T_FLOAT] = "floating-point numbers",
        [H5T_TIME] = "times",        [H5T_STRING] = "strings",
        [H5T_BITFIELD] = "bits",     [H5T_OPAQUE] = "opaque values",
        [H5T_COMPOUND] = "records",  [H5T_REFERENCE] = "references",
        [H5T_ENUM] = "enumerations", [H5T_VLEN] = "lists",
        [H5T_ARRAY] = "arrays",
    };
    g_auto(EntroHid) type = H5Dget_type(dataset->id);
    H5T_class_t class = H5Tget_class(type);
    gboolean known = class >= 0 && class < (int)G_N_ELEMENTS(names);

    return g_strdup_printf("%s of %" G_GSIZE_FORMAT " bytes", known ? names[class] : "values",
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

EntroRead
entro_dataset_find_chunk(const EntroDataset *dataset, const hsize_t *origin,
                         EntroExtent *ret_extent, char **ret_problem)
{
    hsize_t stored = 0;
    guint32 mask = 0;
    EntroExtent extent = {0};
    guint8 unread; /* the driver writes down where, and reads nothing */

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
    if (extent.size > entro_dataset_encoded_max(dataset) ||
        (dataset->n_filters == 0 && extent.size != dataset->chunk_bytes)) {
        *ret_problem =
            g_strdup_printf("takes %" G_GSIZE_FORMAT " bytes, which no chunk of this shape can",
                            extent.size);
        return ENTRO_READ_DAMAGED;
    }
    if (mask != 0) {
        *ret_problem = g_strdup("was written with a filter left out, which is refused (rewrite "
                                "the file: h5repack)");
        return ENTRO_READ_REFUSED;
    }
    *ret_extent = extent;
    return ENTRO_READ_OK;
}

/* ---- boxes ----------------------------------------------------------------------------------------- */

/* Overlap of two boxes along one axis: FALSE when there is none. */
static gboolean
overlap(hsize_t a, hsize_t a_size, hsize_t b, hsize_t b_size, hsize_t *ret_start, hsize_t *ret_size)
{
    hsize_t end = MIN(a + a_size, b + b_size);

    *ret_start = MAX(a, b);
    *ret_size = end > *ret_start ? end - *ret_start : 0;
    return *ret_size > 0;
}

void
entro_box_copy(int rank, gsize element_size, const hsize_t *from_origin, const hsize_t *from_dims,
               const void *from, const hsize_t *to_origin, const hsize_t *to_dims, void *to)
{
    hsize_t start, size;
    gsize from_stride = element_size, to_stride = element_size;

    if (!overlap(from_origin[0], from_dims[0], to_origin[0], to_dims[0], &start, &size))
        return;
    for (int axis = 1; axis < rank; axis++) {
        from_stride *= from_dims[axis];
        to_stride *= to_dims[axis];
    }
    const guint8 *source = (const guint8 *)from + (start - from_origin[0]) * from_stride;
    guint8 *target = (guint8 *)to + (start - to_origin[0]) * to_stride;
    if (rank == 1) {
        memcpy(target, source, size * element_size);
        return;
    }
    for (hsize_t i = 0; i < size; i++)
        entro_box_copy(rank - 1, element_size, from_origin + 1, from_dims + 1,
                       source + i * from_stride, to_origin + 1, to_dims + 1,
                       target + i * to_stride);
}

void
entro_box_first_chunk(const EntroDataset *dataset, const hsize_t *origin, hsize_t *at)
{
    for (int axis = 0; axis < dataset->rank; axis++)
        at[axis] = origin[axis] - origin[axis] % dataset->chunk[axis];
}

gboolean
entro_box_next_chunk(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *dims,
                     hsize_t *at)
{
    for (int axis = dataset->rank; axis-- > 0;) {
        at[axis] += dataset->chunk[axis];
        if (at[axis] < origin[axis] + dims[axis])
            return TRUE;
        at[axis] = origin[axis] - origin[axis] % dataset->chunk[axis];
    }
    return FALSE;
}

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
    entro_box_first_chunk(dataset, origin, at);
    do {
        EntroExtent extent;
        EntroRead read = entro_dataset_find_chunk(dataset, at, &extent, ret_problem);
        if (read != ENTRO_READ_OK)
            return read;
        const guint8 *decoded = NULL;
        if (entro_read_at(dataset->fd, bytes, extent.size, extent.offset, ret_problem))
            decoded = entro_chunk_decode(dataset, &decoder, bytes, extent.size, ret_problem);
        if (decoded == NULL)
            return ENTRO_READ_DAMAGED;
        entro_box_copy(dataset->rank, dataset->element_size, at, dataset->chunk, decoded, origin,
                       dims, to);
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
