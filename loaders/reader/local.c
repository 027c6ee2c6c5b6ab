/* local.c: the questions to a reader, answered by HDF5 in this process. */
#include "reader.h"

#include <string.h>

typedef struct {
    EntroReader base;
    hid_t file;
} LocalReader;

static hid_t
file_of(EntroReader *reader)
{
    return ((LocalReader *)reader)->file;
}

/* ---- one object ----------------------------------------------------------------------------------- */

static gboolean
local_exists(EntroReader *reader, const char *path, gboolean *ret_exists, GError **error)
{
    entro_h5_quiet();
    return entro_path_exists(file_of(reader), path, ret_exists, error);
}

static gboolean
local_open(EntroReader *reader, const char *path, gsize max_chunk, EntroDataset *ret_dataset,
           GError **error)
{
    hid_t id;

    entro_h5_quiet();
    *ret_dataset = (EntroDataset){.id = H5I_INVALID_HID};
    id = entro_open_dataset(file_of(reader), path, error);
    return id >= 0 &&
           entro_dataset_init_stored(ret_dataset, id, reader->fd, path, max_chunk, error);
}

static void
local_close(EntroReader *reader, gint64 id)
{
    (void)reader;
    entro_hid_close(id);
}

static EntroRead
local_find(EntroReader *reader, const EntroDataset *dataset, const hsize_t *corner,
           EntroExtent *ret_extent, char **ret_problem)
{
    (void)reader;
    return entro_dataset_find_in_index(dataset, corner, ret_extent, ret_problem);
}

static EntroValue
local_attribute(EntroReader *reader, const char *path, const char *name)
{
    gboolean exists = FALSE;
    EntroValue value = {.kind = ENTRO_VALUE_ABSENT};

    entro_h5_quiet();
    if (!entro_path_exists(file_of(reader), path, &exists, NULL) || !exists)
        return value;
    g_auto(EntroHid) object = H5Oopen(file_of(reader), path, H5P_DEFAULT);
    value = object >= 0 ? entro_attribute_read(object, name)
                        : (EntroValue){.kind = ENTRO_VALUE_DAMAGED};
    H5Eclear2(H5E_DEFAULT);
    return value;
}

/* ---- lists ---------------------------------------------------------------------------------------- */

typedef struct {
    GPtrArray *names;
    gsize max;
} Names;

static herr_t
collect_name(const char *name, Names *names)
{
    if (names->names->len >= names->max)
        return 1;
    if (strlen(name) <= ENTRO_NAME_MAX)
        g_ptr_array_add(names->names, g_strdup(name));
    return 0;
}

static herr_t
collect_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    (void)object;
    (void)info;
    return collect_name(name, data);
}

static herr_t
collect_link(hid_t object, const char *name, const H5L_info_t *info, void *data)
{
    (void)object;
    (void)info;
    return collect_name(name, data);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static EntroListEnd
end_of(herr_t ended)
{
    return ended < 0 ? ENTRO_LIST_DAMAGED : ended > 0 ? ENTRO_LIST_CUT : ENTRO_LIST_WHOLE;
}

/* In the order of names HDF5 would first read and sort all that there are, be they a million. */
static gboolean
local_list(EntroReader *reader, const char *path, gboolean attributes, gsize max, GPtrArray *names,
           EntroListEnd *ret_end, GError **error)
{
    Names list = {names, max};
    hsize_t at = 0;
    herr_t ended;

    entro_h5_quiet();
    g_auto(EntroHid) group = H5Gopen2(file_of(reader), path, H5P_DEFAULT);
    if (group < 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                             "%s is not a group that can be opened", path);
    ended = attributes
                ? H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_NATIVE, &at, collect_attribute, &list)
                : H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &at, collect_link, &list);
    H5Eclear2(H5E_DEFAULT);
    g_ptr_array_sort(names, compare_names);
    *ret_end = end_of(ended);
    return TRUE;
}

/* ---- everything ----------------------------------------------------------------------------------- */

#define DEPTH_MAX 16       /* groups inside each other */
#define LINKS_MAX 4000000u /* looked at in one file, however they are nested */

typedef struct {
    GPtrArray *names;
    GHashTable *seen; /* addresses of groups: hard links may go in circles */
    GString *path;
    gsize max;
    guint depth, n_links;
    EntroListEnd end;
} Walk;

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data);

static void
visit_group(hid_t parent, const char *name, Walk *walk)
{
    g_auto(EntroHid) group = H5Gopen2(parent, name, H5P_DEFAULT);
    hsize_t at = 0;

    walk->depth++;
    if (group < 0 || H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, visit_link, walk) < 0)
        walk->end = ENTRO_LIST_DAMAGED;
    walk->depth--;
}

static void
visit_object(hid_t group, const char *name, Walk *walk)
{
    H5O_info_t facts;
    gint64 *address;

    if (H5Oget_info_by_name2(group, name, &facts, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
        walk->end = ENTRO_LIST_DAMAGED;
        return;
    }
    if (facts.type == H5O_TYPE_DATASET)
        g_ptr_array_add(walk->names, g_strdup(walk->path->str));
    if (facts.type != H5O_TYPE_GROUP)
        return;
    address = g_new(gint64, 1);
    *address = (gint64)facts.addr;
    if (walk->depth >= DEPTH_MAX) {
        walk->end = MAX(walk->end, ENTRO_LIST_CUT);
        g_free(address);
        return;
    }
    if (!g_hash_table_add(walk->seen, address))
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
        walk->end = MAX(walk->end, ENTRO_LIST_CUT);
        return 1;
    }
    if (info->type != H5L_TYPE_HARD || strlen(name) + length > ENTRO_NAME_MAX)
        return 0;
    g_string_append(walk->path, name);
    visit_object(group, name, walk);
    g_string_truncate(walk->path, length);
    return 0;
}

static EntroListEnd
local_walk(EntroReader *reader, gsize max, GPtrArray *names)
{
    Walk walk = {.names = names, .max = max};

    entro_h5_quiet();
    walk.seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    walk.path = g_string_new(NULL);
    visit_group(file_of(reader), "/", &walk);
    H5Eclear2(H5E_DEFAULT);
    g_hash_table_unref(walk.seen);
    g_string_free(walk.path, TRUE);
    return walk.end;
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static int
local_read_error(EntroReader *reader)
{
    return entro_driver_get_read_error(file_of(reader));
}

static void
local_free(EntroReader *reader)
{
    entro_hid_close(file_of(reader));
    g_free(reader);
}

static const EntroReaderClass local_class = {
    .exists = local_exists,
    .open = local_open,
    .close = local_close,
    .find = local_find,
    .attribute = local_attribute,
    .list = local_list,
    .walk = local_walk,
    .read_error = local_read_error,
    .free = local_free,
};

EntroReader *
entro_reader_open_local(const char *path, GError **error)
{
    const char *mode = NULL;
    hid_t file = entro_open_file(path, &mode, error);
    LocalReader *reader;

    if (file < 0)
        return NULL;
    reader = g_new0(LocalReader, 1);
    reader->base = (EntroReader){&local_class, entro_driver_get_fd(file), mode};
    reader->file = file;
    return &reader->base;
}
