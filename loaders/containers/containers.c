/* containers.c: which kind a file is of, and what its arrays have in common. */
#include "containers-private.h"

#include "loader-private.h"

#include <string.h>
#include <sys/stat.h>

/* ---- bytes ---------------------------------------------------------------------------------------- */

gboolean
entro_container_fail(GError **error, EntroLoaderError code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autoptr(GError) made = g_error_new_valist(ENTRO_LOADER_ERROR, (int)code, format, arguments);
    va_end(arguments);
    g_propagate_error(error, g_steal_pointer(&made));
    return FALSE;
}

gboolean
entro_container_size(int fd, guint64 *ret_size, GError **error)
{
    struct stat facts;

    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
        *ret_size = (guint64)facts.st_size;
        return TRUE;
    }
    return entro_container_fail(error, ENTRO_LOADER_ERROR_OPEN, "is not a regular file");
}

gboolean
entro_container_read(int fd, void *to, gsize size, guint64 offset, GError **error)
{
    g_autofree char *problem = NULL;

    if (offset <= G_MAXINT64 - size && entro_read_at(fd, to, size, offset, &problem))
        return TRUE;
    return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                "cannot be read at byte %" G_GUINT64_FORMAT ": %s", offset,
                                problem != NULL ? problem : "no file is that long");
}

/* ---- kinds ---------------------------------------------------------------------------------------- */

EntroContainer
entro_container_probe(int fd)
{
    guint8 head[9];
    guint64 size = 0;

    if (!entro_container_size(fd, &size, NULL) || size < sizeof head ||
        !entro_container_read(fd, head, sizeof head, 0, NULL))
        return ENTRO_CONTAINER_NONE;
    if (memcmp(head, ENTRO_NPY_MAGIC, strlen(ENTRO_NPY_MAGIC)) == 0)
        return ENTRO_CONTAINER_NPY;
    if (memcmp(head, "PK\003\004", 4) == 0 || memcmp(head, "PK\005\006", 4) == 0)
        return ENTRO_CONTAINER_NPZ;
    return head[8] == '{' && entro_little(head, 8) <= size - 8 ? ENTRO_CONTAINER_SAFETENSORS
                                                               : ENTRO_CONTAINER_NONE;
}

GPtrArray *
entro_container_list(int fd, EntroContainer kind, GError **error)
{
    switch (kind) {
    case ENTRO_CONTAINER_NPY:
        return entro_npy_list(fd, error);
    case ENTRO_CONTAINER_NPZ:
        return entro_npz_list(fd, error);
    case ENTRO_CONTAINER_SAFETENSORS:
        return entro_safetensors_list(fd, error);
    case ENTRO_CONTAINER_NONE:
        break;
    }
    entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                         "is neither .npy, .npz nor .safetensors");
    return NULL;
}

/* ---- arrays --------------------------------------------------------------------------------------- */

void
entro_array_free(EntroArray *array)
{
    if (array == NULL)
        return;
    g_free(array->name);
    g_free(array->problem);
    g_free(array);
}

void
entro_array_spoil(EntroArray *array, gboolean refused, const char *format, ...)
{
    va_list arguments;

    if (array->problem != NULL)
        return;
    va_start(arguments, format);
    array->problem = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    array->refused = refused;
}

void
entro_array_spoil_by(EntroArray *array, GError *error)
{
    entro_array_spoil(array, error->code != ENTRO_LOADER_ERROR_FORMAT, "%s", error->message);
    g_error_free(error);
}

gboolean
entro_array_take_type(EntroArray *array, const EntroArrayType *types, gsize n, const char *name)
{
    for (gsize i = 0; i < n; i++)
        if (strcmp(name, types[i].name) == 0) {
            array->kind = types[i].kind;
            array->element = types[i].element;
            array->integer_size = types[i].integer_size;
            array->is_signed = types[i].is_signed;
            return TRUE;
        }
    return FALSE;
}

void
entro_array_shape(EntroArray *array, const guint64 *dims, gsize rank)
{
    if (rank > ENTRO_STORED_RANK_MAX) {
        entro_array_spoil(array, FALSE, "has %" G_GSIZE_FORMAT " axes, at most %d are read", rank,
                          ENTRO_STORED_RANK_MAX);
        return;
    }
    array->rank = (guint)rank;
    memcpy(array->dims, dims, rank * sizeof *dims);
}

static gsize
item_size(const EntroArray *array)
{
    return array->kind == ENTRO_ARRAY_INTEGER ? array->integer_size
                                              : entro_element_size(array->element);
}

gboolean
entro_array_bytes(const EntroArray *array, guint64 *ret_bytes, GError **error)
{
    guint64 bytes = item_size(array);

    for (guint axis = 0; axis < array->rank; axis++)
        if (__builtin_mul_overflow(bytes, array->dims[axis], &bytes)) {
            return entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                                        "announces more elements than can be counted");
        }
    *ret_bytes = bytes;
    return TRUE;
}

/* ---- small rows of integers ------------------------------------------------------------------------- */

static gboolean
check_integers(const EntroArray *array, gsize max, GError **error)
{
    guint64 n = array->rank == 1 ? array->dims[0] : 1;

    if (array->problem != NULL)
        entro_container_fail(error,
                             array->refused ? ENTRO_LOADER_ERROR_POLICY : ENTRO_LOADER_ERROR_FORMAT,
                             "%s", array->problem);
    else if (array->integer_size == 0 || array->rank > 1)
        entro_container_fail(error, ENTRO_LOADER_ERROR_SHAPE,
                             "has %u axes of %s, expected one axis of integers", array->rank,
                             array->integer_size == 0 ? "other numbers" : "integers");
    else if (n > max)
        entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                             "has %" G_GUINT64_FORMAT " entries, the limit is %" G_GSIZE_FORMAT, n,
                             max);
    else
        return TRUE;
    return FALSE;
}

static guint8 *
fail_for_memory(GError **error)
{
    entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT, "needs more memory than there is");
    return NULL;
}

/* Head and elements; NULL on error. */
static guint8 *
inflate_all(int fd, const EntroArray *array, GError **error)
{
    g_autofree guint8 *bytes = g_try_malloc(MAX(array->decoded, 1));

    if (bytes == NULL)
        return fail_for_memory(error);
    if (!entro_inflate(fd, array->offset, array->size, bytes, array->decoded, TRUE, error))
        return NULL;
    if (entro_crc32(bytes, array->decoded) == array->crc)
        return g_steal_pointer(&bytes);
    entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT, "fails its checksum");
    return NULL;
}

static guint8 *
read_all(int fd, const EntroArray *array, GError **error)
{
    g_autofree guint8 *bytes = g_try_malloc(MAX(array->size, 1));

    if (bytes == NULL)
        return fail_for_memory(error);
    return entro_container_read(fd, bytes, array->size, array->offset, error)
               ? g_steal_pointer(&bytes)
               : NULL;
}

/* FALSE: it is larger than an int64. */
static gboolean
decode_integer(const EntroArray *array, const guint8 *from, gint64 *to)
{
    const guint size = array->integer_size;
    guint64 value = 0;

    for (guint i = 0; i < size; i++)
        value = value << 8 | from[array->big_endian ? i : size - 1 - i];
    if (array->is_signed && size < 8 && value >> (8 * size - 1) != 0)
        value |= G_MAXUINT64 << 8 * size;
    *to = (gint64)value;
    return array->is_signed || *to >= 0;
}

gint64 *
entro_array_read_integers(int fd, const EntroArray *array, gsize max, gsize *ret_n, GError **error)
{
    if (!check_integers(array, max, error))
        return NULL;
    g_autofree guint8 *bytes =
        array->deflated ? inflate_all(fd, array, error) : read_all(fd, array, error);
    if (bytes == NULL)
        return NULL;
    const guint8 *from = bytes + (array->deflated ? array->head : 0);
    gsize n = array->rank == 1 ? (gsize)array->dims[0] : 1;
    g_autofree gint64 *to = g_new(gint64, MAX(n, 1));
    for (gsize i = 0; i < n; i++)
        if (!decode_integer(array, from + i * array->integer_size, &to[i])) {
            entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                 "has an entry beyond what 64 bits with a sign hold");
            return NULL;
        }
    *ret_n = n;
    return g_steal_pointer(&to);
}
