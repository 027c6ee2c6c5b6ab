/* archive.c: one face for the kinds of files that hold named arrays. */
#include "foreign.h"

#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16       /* groups inside each other */
#define LINKS_MAX 4000000u /* looked at in one file, however they are nested */
#define LONE_NAME "array"  /* of the one that a .npy file holds */

#define INTEGERS_OF_16_BITS                                                                        \
    "holds 16-bit integers, expected f16, bf16, f32 or f64 (if they are bf16 in disguise: "        \
    "--element bf16)"

struct EntroArchive {
    gatomicrefcount count;
    int fd;           /* of HDF5: the library's */
    hid_t file;       /* negative: not HDF5 */
    const char *mode; /* how HDF5 opened it */
    EntroContainer kind;
    GPtrArray *arrays;   /* EntroArray */
    GHashTable *by_name; /* borrowed name -> EntroArray */
};

/* ---- opening -------------------------------------------------------------------------------------- */

static const char *
array_name(const EntroArchive *archive, const EntroArray *array)
{
    return archive->kind == ENTRO_CONTAINER_NPY ? LONE_NAME : array->name;
}

static gboolean
open_container(EntroArchive *archive, GError **error)
{
    archive->arrays = entro_container_list(archive->fd, archive->kind, error);
    if (archive->arrays == NULL)
        return FALSE;
    archive->mode = "plain";
    for (guint i = 0; i < archive->arrays->len; i++) {
        EntroArray *array = archive->arrays->pdata[i];
        g_hash_table_insert(archive->by_name, (gpointer)array_name(archive, array), array);
    }
    return TRUE;
}

EntroArchive *
entro_archive_open(const char *path, GError **error)
{
    g_autoptr(EntroArchive) archive = g_new0(EntroArchive, 1);

    g_atomic_ref_count_init(&archive->count);
    archive->file = H5I_INVALID_HID;
    archive->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    archive->fd = entro_open_regular(path, error);
    if (archive->fd < 0)
        return NULL;
    archive->kind = entro_container_probe(archive->fd);
    if (archive->kind != ENTRO_CONTAINER_NONE) {
        if (open_container(archive, error))
            return g_steal_pointer(&archive);
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    close(archive->fd);
    archive->fd = -1;
    archive->file = entro_open_file(path, &archive->mode, error);
    if (archive->file < 0)
        return NULL;
    archive->fd = entro_driver_get_fd(archive->file);
    return g_steal_pointer(&archive);
}

EntroArchive *
entro_archive_ref(EntroArchive *archive)
{
    g_atomic_ref_count_inc(&archive->count);
    return archive;
}

void
entro_archive_unref(EntroArchive *archive)
{
    if (archive == NULL || !g_atomic_ref_count_dec(&archive->count))
        return;
    if (archive->file >= 0)
        entro_hid_close(archive->file);
    else if (archive->fd >= 0)
        close(archive->fd);
    g_hash_table_unref(archive->by_name);
    g_clear_pointer(&archive->arrays, g_ptr_array_unref);
    g_free(archive);
}

int
entro_archive_get_fd(const EntroArchive *archive)
{
    return archive->fd;
}

hid_t
entro_archive_get_file(const EntroArchive *archive)
{
    return archive->file;
}

const char *
entro_archive_get_mode(const EntroArchive *archive)
{
    return archive->mode;
}

const char *
entro_archive_get_kind(const EntroArchive *archive)
{
    static const char *const kinds[] = {[ENTRO_CONTAINER_NONE] = "HDF5",
                                        [ENTRO_CONTAINER_NPY] = ".npy",
                                        [ENTRO_CONTAINER_NPZ] = ".npz",
                                        [ENTRO_CONTAINER_SAFETENSORS] = ".safetensors"};

    return kinds[archive->kind];
}

/* ---- names ---------------------------------------------------------------------------------------- */

typedef struct {
    GPtrArray *names;
    GHashTable *seen; /* addresses of groups: hard links may go in circles */
    GString *path;
    gsize max;
    guint depth, n_links;
    gboolean cut;
} Walk;

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data);

static void
visit_group(hid_t parent, const char *name, Walk *walk)
{
    g_auto(EntroHid) group = H5Gopen2(parent, name, H5P_DEFAULT);
    hsize_t at = 0;

    walk->depth++;
    if (group < 0 || H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, visit_link, walk) < 0)
        walk->cut = TRUE;
    walk->depth--;
}

static void
visit_object(hid_t group, const char *name, Walk *walk)
{
    H5O_info_t facts;
    gint64 *address;

    if (H5Oget_info_by_name2(group, name, &facts, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
        walk->cut = TRUE;
        return;
    }
    if (facts.type == H5O_TYPE_DATASET)
        g_ptr_array_add(walk->names, g_strdup(walk->path->str));
    if (facts.type != H5O_TYPE_GROUP)
        return;
    address = g_new(gint64, 1);
    *address = (gint64)facts.addr;
    if (walk->depth >= DEPTH_MAX || !g_hash_table_add(walk->seen, address))
        return;
    g_string_append_c(walk->path, '/');
    visit_group(group, name, walk);
}

static herr_t
visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    Walk *walk = data;
    gsize length = walk->path->len;

    if (walk->names->len >= walk->max || ++walk->n_links > LINKS_MAX) {
        walk->cut = TRUE;
        return 1;
    }
    if (info->type != H5L_TYPE_HARD || strlen(name) + length > ENTRO_NAME_MAX)
        return 0;
    g_string_append(walk->path, name);
    visit_object(group, name, walk);
    g_string_truncate(walk->path, length);
    return 0;
}

static void
list_hdf5(hid_t file, Walk *walk)
{
    entro_h5_quiet();
    walk->seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    walk->path = g_string_new(NULL);
    visit_group(file, "/", walk);
    H5Eclear2(H5E_DEFAULT);
    g_hash_table_unref(walk->seen);
    g_string_free(walk->path, TRUE);
}

GPtrArray *
entro_archive_list(EntroArchive *archive, gsize max, gboolean *ret_cut)
{
    Walk walk = {.names = g_ptr_array_new_with_free_func(g_free), .max = max};

    if (archive->file >= 0)
        list_hdf5(archive->file, &walk);
    else
        for (guint i = 0; i < archive->arrays->len && !walk.cut; i++) {
            walk.cut = walk.names->len >= max;
            if (!walk.cut)
                g_ptr_array_add(walk.names,
                                g_strdup(array_name(archive, archive->arrays->pdata[i])));
        }
    *ret_cut = walk.cut;
    return walk.names;
}

/* ---- one array ------------------------------------------------------------------------------------ */

/* 16 bits that are no numbers to us say nothing, or "bf16" by an attribute. */
static gboolean
read_bits(EntroMember *member, const EntroSourceOptions *options, GError **error)
{
    g_auto(EntroHid) type = H5Dget_type(member->dataset.id);
    H5T_class_t class = H5Tget_class(type);

    if (entro_dataset_read_element(&member->dataset, &member->element, &member->big_endian, NULL))
        return TRUE;
    if (member->dataset.element_size == 2 &&
        (class == H5T_OPAQUE || (class == H5T_INTEGER && options->bits_given))) {
        member->element = options->bits_given ? options->bits : ENTRO_BF16;
        member->guessed = !options->bits_given;
        member->big_endian = class == H5T_INTEGER && H5Tget_order(type) == H5T_ORDER_BE;
        return TRUE;
    }
    if (class == H5T_INTEGER && member->dataset.element_size == 2) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE, "%s " INTEGERS_OF_16_BITS,
                    member->dataset.name);
        return FALSE;
    }
    return entro_dataset_read_element(&member->dataset, &member->element, &member->big_endian,
                                      error);
}

static gboolean
get_hdf5(EntroArchive *archive, const char *name, const EntroSourceOptions *options,
         EntroMember *member, gboolean *ret_found, GError **error)
{
    hid_t id;

    if (!entro_path_exists(archive->file, name, ret_found, error))
        return FALSE;
    if (!*ret_found)
        return TRUE;
    id = entro_open_dataset(archive->file, name, error);
    return id >= 0 &&
           entro_dataset_init_stored(&member->dataset, id, archive->fd, name,
                                     options->limits.max_chunk, error) &&
           read_bits(member, options, error);
}

static gboolean
check_array(const EntroArray *array, const EntroSourceOptions *options, GError **error)
{
    const char *problem = array->problem;

    if (problem == NULL && array->kind == ENTRO_ARRAY_INTEGER)
        problem = "holds whole numbers, expected f16, bf16, f32 or f64";
    if (problem == NULL && array->kind == ENTRO_ARRAY_BITS16 && array->integer_size > 0 &&
        !options->bits_given)
        problem = INTEGERS_OF_16_BITS;
    if (problem == NULL)
        return TRUE;
    g_autofree char *shown = entro_printable(array->name, -1);
    g_set_error(error, ENTRO_LOADER_ERROR,
                array->refused ? ENTRO_LOADER_ERROR_POLICY : ENTRO_LOADER_ERROR_SHAPE, "%s%s%s",
                shown, *shown ? " " : "", problem);
    return FALSE;
}

/* An array that is deflated is one chunk. */
static gboolean
fill_dataset(EntroDataset *dataset, const EntroArchive *archive, const EntroArray *array,
             gsize max_chunk, GError **error)
{
    EntroStored *stored = &dataset->stored;

    *dataset = (EntroDataset){.id = H5I_INVALID_HID,
                              .name = g_strdup(array_name(archive, array)),
                              .element_size = entro_element_size(array->element),
                              .fd = archive->fd,
                              .offset = array->offset};
    stored->rank = (int)array->rank;
    for (guint axis = 0; axis < array->rank; axis++) {
        guint from = array->fortran ? array->rank - 1 - axis : axis;
        stored->dims[axis] = stored->chunk[axis] = array->dims[from];
    }
    if (!array->deflated)
        return TRUE;
    dataset->chunked = TRUE;
    dataset->head = array->head;
    dataset->packed =
        (EntroExtent){.offset = array->offset, .size = array->size, .crc = array->crc};
    dataset->filters[dataset->n_filters++] = ENTRO_FILTER_ZIP;
    return entro_dataset_check_chunk(dataset, max_chunk, error);
}

static gboolean
get_array(EntroArchive *archive, const char *name, const EntroSourceOptions *options,
          EntroMember *member, gboolean *ret_found, GError **error)
{
    const EntroArray *array = g_hash_table_lookup(archive->by_name, name);

    *ret_found = array != NULL;
    if (array == NULL)
        return TRUE;
    if (!check_array(array, options, error))
        return FALSE;
    member->element = array->element;
    member->big_endian = array->big_endian;
    member->fortran = array->fortran;
    if (array->kind == ENTRO_ARRAY_BITS16) {
        member->element = options->bits_given ? options->bits : ENTRO_BF16;
        member->guessed = !options->bits_given;
    }
    return fill_dataset(&member->dataset, archive, array, options->limits.max_chunk, error);
}

gboolean
entro_archive_get(EntroArchive *archive, const char *name, const EntroSourceOptions *options,
                  EntroMember *ret_member, gboolean *ret_found, GError **error)
{
    *ret_member = (EntroMember){.dataset.id = H5I_INVALID_HID};
    *ret_found = FALSE;
    entro_h5_quiet();
    if ((archive->file >= 0 ? get_hdf5 : get_array)(archive, name, options, ret_member, ret_found,
                                                    error))
        return TRUE;
    entro_dataset_clear(&ret_member->dataset);
    return FALSE;
}

/* NULL: not there, or no row of whole numbers. */
static gint64 *
read_integers(EntroArchive *archive, const char *name, gsize max, gsize *ret_n)
{
    EntroLimits limits = ENTRO_LIMITS_DEFAULT;
    g_auto(EntroDataset) dataset = {0};
    g_autofree char *problem = NULL;
    gboolean found = FALSE;
    hid_t id = H5I_INVALID_HID;
    const hsize_t origin[1] = {0};

    if (entro_path_exists(archive->file, name, &found, NULL) && found)
        id = entro_open_dataset(archive->file, name, NULL);
    if (id < 0 || !entro_dataset_init(&dataset, id, archive->fd, name, limits.max_chunk, NULL))
        return NULL;
    g_auto(EntroHid) type = H5Dget_type(id);
    if (dataset.rank != 1 || H5Tget_class(type) != H5T_INTEGER || dataset.element_size > 8 ||
        dataset.dims[0] < 1 || dataset.dims[0] > max)
        return NULL;
    g_autofree gint64 *values = g_try_new0(gint64, dataset.dims[0]);
    if (values == NULL ||
        entro_dataset_read_box(&dataset, origin, dataset.dims, values, &problem) != ENTRO_READ_OK ||
        H5Tconvert(type, H5T_NATIVE_INT64, dataset.dims[0], values, NULL, H5P_DEFAULT) < 0)
        return NULL;
    *ret_n = dataset.dims[0];
    return g_steal_pointer(&values);
}

gint64 *
entro_archive_get_integers(EntroArchive *archive, const char *name, gsize max, gsize *ret_n)
{
    const EntroArray *array = g_hash_table_lookup(archive->by_name, name);
    gint64 *values = NULL;

    *ret_n = 0;
    if (archive->file >= 0)
        values = read_integers(archive, name, max, ret_n);
    else if (array != NULL && array->problem == NULL && array->kind != ENTRO_ARRAY_FLOAT)
        values = entro_array_read_integers(archive->fd, array, max, ret_n, NULL);
    H5Eclear2(H5E_DEFAULT);
    return values;
}
