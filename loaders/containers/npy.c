/* npy.c: NumPy's own format: magic, version, the length of a header, and a dict of Python in it.
 *
 * Only literals of exactly the three keys are understood; what is Python beyond that is not evaluated. */
#include "containers-private.h"

#include <string.h>

#define HEADER_MAX 65536

gboolean
entro_npy_measure(const guint8 *start, gsize *ret_head, GError **error)
{
    const guint major = start[6], minor = start[7];
    const gsize length_bytes = major == 1 ? 2 : 4;

    if (memcmp(start, ENTRO_NPY_MAGIC, 6) != 0 || major < 1 || major > 3 || minor != 0)
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "is no NumPy array of format 1.0, 2.0 or 3.0");
    guint64 length = entro_little(start + 8, (guint)length_bytes);
    if (length > HEADER_MAX)
        return entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                                    "has a header of %" G_GUINT64_FORMAT " bytes, the limit is %d",
                                    length, HEADER_MAX);
    *ret_head = 8 + length_bytes + (gsize)length;
    return TRUE;
}

/* ---- types ---------------------------------------------------------------------------------------- */

static const EntroArrayType types[] = {
    {"f2", ENTRO_ARRAY_FLOAT, ENTRO_F16, 0, FALSE},
    {"f4", ENTRO_ARRAY_FLOAT, ENTRO_F32, 0, FALSE},
    {"f8", ENTRO_ARRAY_FLOAT, ENTRO_F64, 0, FALSE},
    {"V2", ENTRO_ARRAY_BITS16, ENTRO_BF16, 0, FALSE},
    {"u2", ENTRO_ARRAY_BITS16, ENTRO_BF16, 2, FALSE},
    {"i2", ENTRO_ARRAY_BITS16, ENTRO_BF16, 2, TRUE},
    {"b1", ENTRO_ARRAY_INTEGER, 0, 1, FALSE},
    {"u1", ENTRO_ARRAY_INTEGER, 0, 1, FALSE},
    {"i1", ENTRO_ARRAY_INTEGER, 0, 1, TRUE},
    {"u4", ENTRO_ARRAY_INTEGER, 0, 4, FALSE},
    {"i4", ENTRO_ARRAY_INTEGER, 0, 4, TRUE},
    {"u8", ENTRO_ARRAY_INTEGER, 0, 8, FALSE},
    {"i8", ENTRO_ARRAY_INTEGER, 0, 8, TRUE},
};

/* "<f4": the order of the bytes ('=': that of this machine, '|': there is none), kind, size. */
static void
take_type(EntroArray *array, const char *descr)
{
    const gboolean ordered = *descr != '\0' && strchr("<>=|", *descr) != NULL;
    const char *code = descr + ordered;

    array->big_endian = *descr == '>' || (*descr == '=' && G_BYTE_ORDER == G_BIG_ENDIAN);
    if (ordered && entro_array_take_type(array, types, G_N_ELEMENTS(types), code))
        return;
    if (*code == 'O')
        entro_array_spoil(array, TRUE,
                          "holds Python objects (a pickle), which is never loaded: save numbers");
    g_autofree char *shown = entro_printable(descr, -1);
    entro_array_spoil(array, FALSE, "has the type \"%s\", expected f2, f4, f8 or integers", shown);
}

/* ---- the header ----------------------------------------------------------------------------------- */

/* A string of Python without escapes; the caller frees it. */
static char *
scan_string(EntroScan *scan)
{
    EntroScan at = *scan;
    const char *end = NULL;

    if (entro_scan_char(&at, '\'') || entro_scan_char(&at, '"'))
        end = memchr(at.at, at.at[-1], (gsize)(at.end - at.at));
    if (end == NULL || memchr(at.at, '\\', (gsize)(end - at.at)) != NULL ||
        memchr(at.at, '\0', (gsize)(end - at.at)) != NULL)
        return NULL;
    scan->at = end + 1;
    return g_strndup(at.at, (gsize)(end - at.at));
}

typedef enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEYS_ALL = 7 } Key;

/* A type of several fields is a list: as it may hold objects, it is refused with them. */
static gboolean
scan_type(EntroScan *scan, EntroArray *array, GError **error)
{
    g_autofree char *descr = scan_string(scan);

    if (descr == NULL && (entro_scan_char(scan, '[') || entro_scan_char(scan, '('))) {
        entro_array_spoil(array, TRUE,
                          "has a type of several fields, which is never loaded: save numbers");
        return TRUE;
    }
    if (descr == NULL)
        return entro_scan_fail(scan, "a type as '<f4'", error);
    take_type(array, descr);
    return TRUE;
}

static gboolean
scan_order(EntroScan *scan, EntroArray *array, GError **error)
{
    array->fortran = entro_scan_word(scan, "True");
    return array->fortran || entro_scan_word(scan, "False") ||
           entro_scan_fail(scan, "True or False", error);
}

static gboolean
scan_shape(EntroScan *scan, EntroArray *array, GError **error)
{
    guint64 dims[ENTRO_STORED_RANK_MAX];
    gsize rank;

    if (!entro_scan_list(scan, "()", TRUE, dims, ENTRO_STORED_RANK_MAX, &rank))
        return entro_scan_fail(scan, "a shape as (2, 3)", error);
    entro_array_shape(array, dims, rank);
    return TRUE;
}

static gboolean
scan_value(EntroScan *scan, EntroArray *array, guint *seen, GError **error)
{
    EntroScan before = *scan;
    g_autofree char *name = scan_string(scan);
    Key key = g_strcmp0(name, "descr") == 0           ? KEY_DESCR
              : g_strcmp0(name, "fortran_order") == 0 ? KEY_ORDER
              : g_strcmp0(name, "shape") == 0         ? KEY_SHAPE
                                                      : 0;

    if (key == 0 || (*seen & key) != 0)
        return entro_scan_fail(&before, "'descr', 'fortran_order' and 'shape', each once", error);
    *seen |= key;
    if (!entro_scan_char(scan, ':'))
        return entro_scan_fail(scan, "':'", error);
    return key == KEY_DESCR   ? scan_type(scan, array, error)
           : key == KEY_ORDER ? scan_order(scan, array, error)
                              : scan_shape(scan, array, error);
}

/* A type or shape of no use ends it: what follows may be anything. */
static gboolean
scan_header(EntroScan *scan, EntroArray *array, GError **error)
{
    guint seen = 0;
    gboolean more = TRUE;

    if (!entro_scan_char(scan, '{'))
        return entro_scan_fail(scan, "'{'", error);
    while (more && !entro_scan_char(scan, '}')) {
        if (!scan_value(scan, array, &seen, error))
            return FALSE;
        if (array->problem != NULL)
            return TRUE;
        more = entro_scan_char(scan, ',');
        if (!more && !entro_scan_char(scan, '}'))
            return entro_scan_fail(scan, "',' or '}'", error);
    }
    if (seen != KEYS_ALL)
        return entro_scan_fail(scan, "'descr', 'fortran_order' and 'shape' before it", error);
    return entro_scan_end(scan) || entro_scan_fail(scan, "nothing", error);
}

gboolean
entro_npy_parse(EntroArray *array, const guint8 *head, gsize size, GError **error)
{
    const char *text = (const char *)head + (head[6] == 1 ? 10 : 12);
    EntroScan scan = {text, text, (const char *)head + size};

    return scan_header(&scan, array, error);
}

/* ---- the file ------------------------------------------------------------------------------------- */

/* Of several arrays saved into one file, numpy gives the first; the rest would be lost unseen. */
static gboolean
check_size(const EntroArray *array, guint64 file_size, GError **error)
{
    guint64 there = file_size - array->offset;

    if (there < array->size)
        entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                             "is truncated: its shape needs %" G_GUINT64_FORMAT
                             " bytes, of which %" G_GUINT64_FORMAT " are missing",
                             array->size, array->size - there);
    if (there > array->size)
        entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                             "goes on for %" G_GUINT64_FORMAT
                             " bytes behind its array (several in one file? save them as .npz)",
                             there - array->size);
    return there == array->size;
}

static gboolean
read_array(int fd, EntroArray *array, GError **error)
{
    guint8 start[ENTRO_NPY_START];
    guint64 file_size;
    gsize head;

    if (!entro_container_size(fd, &file_size, error) ||
        !entro_container_read(fd, start, sizeof start, 0, error) ||
        !entro_npy_measure(start, &head, error))
        return FALSE;
    g_autofree guint8 *bytes = g_malloc(head);
    if (!entro_container_read(fd, bytes, head, 0, error) ||
        !entro_npy_parse(array, bytes, head, error))
        return FALSE;
    if (array->problem != NULL)
        return TRUE;
    array->offset = head;
    return entro_array_bytes(array, &array->size, error) && check_size(array, file_size, error);
}

GPtrArray *
entro_npy_list(int fd, GError **error)
{
    g_autoptr(EntroArray) array = g_new0(EntroArray, 1);

    array->name = g_strdup("");
    if (!read_array(fd, array, error))
        return NULL;
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)entro_array_free);
    g_ptr_array_add(list, g_steal_pointer(&array));
    return list;
}
