/* npz.c: arrays of NumPy in a zip archive, stored or deflated.
 *
 * Of a deflated member no more is inflated than its head. */
#include "containers-private.h"

#include <string.h>

/* The first `size` bytes of the decoded member. */
static gboolean
read_first(int fd, const EntroZipMember *member, guint8 *to, gsize size, GError **error)
{
    if (member->decoded < size) {
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "is no NumPy array: it has %" G_GUINT64_FORMAT " bytes",
                                    member->decoded);
    }
    if (member->deflated)
        return entro_inflate(fd, member->start, member->encoded, to, size, FALSE, error);
    return entro_container_read(fd, to, size, member->start, error);
}

static gboolean
check_size(const EntroZipMember *member, gsize head, guint64 bytes, GError **error)
{
    if (member->decoded - head == bytes)
        return TRUE;
    return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                "has %" G_GUINT64_FORMAT
                                " bytes of elements, its shape needs %" G_GUINT64_FORMAT,
                                member->decoded - head, bytes);
}

static void
place(EntroArray *array, const EntroZipMember *member, gsize head, guint64 bytes)
{
    array->deflated = member->deflated;
    array->offset = member->start + (member->deflated ? 0 : head);
    array->size = member->deflated ? member->encoded : bytes;
    array->head = member->deflated ? head : 0;
    array->decoded = member->deflated ? member->decoded : 0;
    array->crc = member->deflated ? member->crc : 0;
}

static gboolean
read_array(int fd, const EntroZipMember *member, EntroArray *array, GError **error)
{
    guint8 start[ENTRO_NPY_START];
    gsize head;
    guint64 bytes;

    if (!read_first(fd, member, start, sizeof start, error) ||
        !entro_npy_measure(start, &head, error))
        return FALSE;
    g_autofree guint8 *first = g_malloc(head);
    if (!read_first(fd, member, first, head, error) || !entro_npy_parse(array, first, head, error))
        return FALSE;
    if (array->problem != NULL)
        return TRUE;
    if (!entro_array_bytes(array, &bytes, error) || !check_size(member, head, bytes, error))
        return FALSE;
    place(array, member, head, bytes);
    return TRUE;
}

static EntroArray *
make_array(int fd, const EntroZipMember *member)
{
    EntroArray *array = g_new0(EntroArray, 1);
    const gboolean is_array = g_str_has_suffix(member->broken.name, ".npy");
    GError *error = NULL;

    const gsize length = strlen(member->broken.name) - (is_array ? strlen(".npy") : 0);
    array->name = g_strndup(member->broken.name, MIN(length, ENTRO_MEMBER_NAME_MAX));
    if (!is_array)
        entro_array_spoil(array, TRUE, "is a Python pickle, which is never loaded: save numbers");
    else if (member->broken.problem != NULL)
        entro_array_spoil(array, member->broken.refused, "%s", member->broken.problem);
    else if (!read_array(fd, member, array, &error))
        entro_array_spoil_by(array, error);
    return array;
}

/* One of two would be read, and nobody knows which. */
static void
spoil_twins(GPtrArray *arrays)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < arrays->len; i++) {
        EntroArray *array = arrays->pdata[i];
        EntroArray *twin = g_hash_table_lookup(seen, array->name);
        if (twin == NULL) {
            g_hash_table_insert(seen, array->name, array);
            continue;
        }
        entro_array_spoil(twin, FALSE, "is there more than once");
        entro_array_spoil(array, FALSE, "is there more than once");
    }
}

GPtrArray *
entro_npz_list(int fd, GError **error)
{
    g_autoptr(GPtrArray) members = entro_zip_list(fd, error);

    if (members == NULL)
        return NULL;
    GPtrArray *arrays = g_ptr_array_new_with_free_func((GDestroyNotify)entro_array_free);
    for (guint i = 0; i < members->len; i++) {
        const EntroZipMember *member = members->pdata[i];
        if (g_str_has_suffix(member->broken.name, ".npy") ||
            g_str_has_suffix(member->broken.name, ".pkl"))
            g_ptr_array_add(arrays, make_array(fd, member));
    }
    spoil_twins(arrays);
    return arrays;
}
