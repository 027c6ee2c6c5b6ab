/* archive.c: one face for the kinds of files that hold named arrays. */
#include "foreign.h"

#include <string.h>
#include <unistd.h>

#define LONE_NAME "array" /* of the one that a .npy file holds */

#define INTEGERS_OF_16_BITS                                                                        \
    "holds 16-bit integers, expected f16, bf16, f32 or f64 (if they are bf16 in disguise: "        \
    "--element bf16)"

struct EntroArchive {
    gatomicrefcount count;
    int fd;              /* of HDF5: the reader's */
    EntroReader *reader; /* NULL: not HDF5 */
    const char *mode;    /* how HDF5 opened it */
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
    archive->reader = entro_reader_open(path, error);
    if (archive->reader == NULL)
        return NULL;
    archive->fd = archive->reader->fd;
    archive->mode = archive->reader->mode;
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
    if (archive->reader != NULL)
        entro_reader_free(archive->reader);
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

EntroReader *
entro_archive_get_reader(const EntroArchive *archive)
{
    return archive->reader;
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

const char *
entro_archive_split(const char *name, char **ret_file)
{
    gsize part = entro_pattern_file_part(name);

    *ret_file = g_strndup(name, part);
    return name[part] == '/' ? name + part + 1 : LONE_NAME;
}

/* ---- names ---------------------------------------------------------------------------------------- */

GPtrArray *
entro_archive_list(EntroArchive *archive, gsize max, gboolean *ret_cut)
{
    GPtrArray *names;
    EntroListEnd end;

    if (archive->reader != NULL) {
        names = entro_reader_walk(archive->reader, max, &end);
        *ret_cut = end != ENTRO_LIST_WHOLE;
        return names;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < MIN(archive->arrays->len, max); i++)
        g_ptr_array_add(names, g_strdup(array_name(archive, archive->arrays->pdata[i])));
    *ret_cut = archive->arrays->len > max;
    return names;
}

/* ---- one array ------------------------------------------------------------------------------------ */

/* 16 bits that are no numbers to us say nothing, or "bf16" by an attribute. */
static gboolean
read_bits(EntroMember *member, const EntroSourceOptions *options, GError **error)
{
    const EntroType *type = &member->dataset.type;

    if (entro_dataset_read_element(&member->dataset, &member->element, &member->big_endian, NULL))
        return TRUE;
    if (member->dataset.element_size == 2 &&
        (type->class == ENTRO_CLASS_OPAQUE ||
         (type->class == ENTRO_CLASS_INTEGER && options->bits_given))) {
        member->element = options->bits_given ? options->bits : ENTRO_BF16;
        member->guessed = !options->bits_given;
        member->big_endian = type->class == ENTRO_CLASS_INTEGER && type->big_endian;
        return TRUE;
    }
    if (type->class == ENTRO_CLASS_INTEGER && member->dataset.element_size == 2) {
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
    if (!entro_reader_exists(archive->reader, name, ret_found, error))
        return FALSE;
    if (!*ret_found)
        return TRUE;
    return entro_reader_open_stored(archive->reader, name, options->limits.max_chunk,
                                    &member->dataset, error) &&
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

/* One chunk.  Buffers hold the most that its shape can take: what takes more is full of empty blocks, which
 * no writer has a reason for. */
static gboolean
fill_packed(EntroDataset *dataset, const EntroArray *array, gsize max_chunk, GError **error)
{
    g_autofree char *problem = NULL;

    dataset->chunked = TRUE;
    dataset->head = array->head;
    dataset->packed =
        (EntroExtent){.offset = array->offset, .size = array->size, .crc = array->crc};
    dataset->filters[dataset->n_filters++] = ENTRO_FILTER_ZIP;
    if (!entro_dataset_check_chunk(dataset, max_chunk, error))
        return FALSE;
    if (entro_dataset_check_extent(dataset, &dataset->packed, &problem) == ENTRO_READ_OK)
        return TRUE;
    g_autofree char *shown = entro_printable(dataset->name, -1);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s %s", shown, problem);
    return FALSE;
}

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
    return !array->deflated || fill_packed(dataset, array, max_chunk, error);
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
    if ((archive->reader != NULL ? get_hdf5 : get_array)(archive, name, options, ret_member,
                                                         ret_found, error))
        return TRUE;
    entro_dataset_clear(&ret_member->dataset);
    return FALSE;
}

static gint64 *
read_row(EntroArchive *archive, const char *name, gsize max, gsize *ret_n, GError **error)
{
    EntroSource source = {.reader = archive->reader, .limits = ENTRO_LIMITS_DEFAULT};
    EntroSeries row = {0};
    gboolean found = FALSE;

    if (!entro_reader_exists(archive->reader, name, &found, error) || !found ||
        !entro_read_series(&source, name, ENTRO_CLASS_INTEGER, max, &row, error))
        return NULL;
    *ret_n = row.n;
    return row.values;
}

gint64 *
entro_archive_get_integers(EntroArchive *archive, const char *name, gsize max, gsize *ret_n,
                           GError **error)
{
    const EntroArray *array = g_hash_table_lookup(archive->by_name, name);
    gint64 *values;

    *ret_n = 0;
    if (archive->reader != NULL)
        return read_row(archive, name, max, ret_n, error);
    if (array == NULL)
        return NULL;
    values = entro_array_read_integers(archive->fd, array, max, ret_n, error);
    if (values == NULL)
        g_prefix_error(error, "%s ", name);
    return values;
}
