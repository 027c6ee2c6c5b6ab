/* safetensors.c: the length of a header, the header as JSON, and the tensors one after another.
 *
 * The header is an object of objects of three known keys, so it is read as that, with a bound on
 * everything, and not as JSON at large: a key that is there twice would be lost in a parser's table. */
#include "containers-private.h"

#include <string.h>

#define HEADER_MAX    (16u << 20)
#define LENGTH_BYTES  8
#define METADATA      "__metadata__"
#define EXPECT_STRING "a string of JSON"

/* ---- tensors ---------------------------------------------------------------------------------------- */

static const EntroArrayType types[] = {
    {"F16", ENTRO_ARRAY_FLOAT, ENTRO_F16, 0, FALSE},
    {"BF16", ENTRO_ARRAY_FLOAT, ENTRO_BF16, 0, FALSE},
    {"F32", ENTRO_ARRAY_FLOAT, ENTRO_F32, 0, FALSE},
    {"F64", ENTRO_ARRAY_FLOAT, ENTRO_F64, 0, FALSE},
    {"U16", ENTRO_ARRAY_BITS16, ENTRO_BF16, 2, FALSE},
    {"I16", ENTRO_ARRAY_BITS16, ENTRO_BF16, 2, TRUE},
    {"BOOL", ENTRO_ARRAY_INTEGER, 0, 1, FALSE},
    {"U8", ENTRO_ARRAY_INTEGER, 0, 1, FALSE},
    {"I8", ENTRO_ARRAY_INTEGER, 0, 1, TRUE},
    {"U32", ENTRO_ARRAY_INTEGER, 0, 4, FALSE},
    {"I32", ENTRO_ARRAY_INTEGER, 0, 4, TRUE},
    {"U64", ENTRO_ARRAY_INTEGER, 0, 8, FALSE},
    {"I64", ENTRO_ARRAY_INTEGER, 0, 8, TRUE},
};

static gboolean
scan_type(EntroScan *scan, EntroArray *array, GError **error)
{
    g_autofree char *name = entro_scan_json_string(scan);

    if (name == NULL)
        return entro_scan_fail(scan, EXPECT_STRING, error);
    if (entro_array_take_type(array, types, G_N_ELEMENTS(types), name))
        return TRUE;
    g_autofree char *shown = entro_printable(name, -1);
    entro_array_spoil(array, FALSE, "has the type \"%s\", expected F16, BF16, F32, F64 or integers",
                      shown);
    return TRUE;
}

static gboolean
scan_shape(EntroScan *scan, EntroArray *array, GError **error)
{
    guint64 dims[ENTRO_STORED_RANK_MAX];
    gsize rank;

    if (!entro_scan_list(scan, "[]", FALSE, dims, ENTRO_STORED_RANK_MAX, &rank))
        return entro_scan_fail(scan, "a list of numbers", error);
    entro_array_shape(array, dims, rank);
    return TRUE;
}

/* Into offset and size, as from the first byte behind the header. */
static gboolean
scan_offsets(EntroScan *scan, EntroArray *array, GError **error)
{
    guint64 range[2];
    gsize n;

    if (!entro_scan_list(scan, "[]", FALSE, range, 2, &n) || n != 2 || range[0] > range[1])
        return entro_scan_fail(scan, "begin and end of the data", error);
    array->offset = range[0];
    array->size = range[1] - range[0];
    return TRUE;
}

typedef struct {
    const char *key;
    gboolean (*scan)(EntroScan *scan, EntroArray *array, GError **error);
} Field;

static const Field fields[] = {
    {"dtype", scan_type},
    {"shape", scan_shape},
    {"data_offsets", scan_offsets},
};

#define FIELDS_ALL 7u

static gboolean
scan_field(EntroScan *scan, EntroArray *array, guint *seen, GError **error)
{
    EntroScan before = *scan;
    g_autofree char *key = entro_scan_json_string(scan);

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (g_strcmp0(key, fields[i].key) == 0 && (*seen & 1u << i) == 0) {
            *seen |= 1u << i;
            return entro_scan_char(scan, ':') ? fields[i].scan(scan, array, error)
                                              : entro_scan_fail(scan, "':'", error);
        }
    return entro_scan_fail(&before, "dtype, shape and data_offsets, each once", error);
}

static gboolean
scan_tensor(EntroScan *scan, EntroArray *array, GError **error)
{
    guint seen = 0;

    if (!entro_scan_char(scan, '{'))
        return entro_scan_fail(scan, "'{'", error);
    do
        if (!scan_field(scan, array, &seen, error))
            return FALSE;
    while (entro_scan_char(scan, ','));
    if (seen != FIELDS_ALL)
        return entro_scan_fail(scan, "dtype, shape and data_offsets before it", error);
    return entro_scan_char(scan, '}') || entro_scan_fail(scan, "'}'", error);
}

/* Strings with names, of which nothing is used. */
static gboolean
pass_metadata(EntroScan *scan, GError **error)
{
    if (!entro_scan_char(scan, '{'))
        return entro_scan_fail(scan, "'{'", error);
    if (entro_scan_char(scan, '}'))
        return TRUE;
    do {
        g_autofree char *key = entro_scan_json_string(scan);
        g_autofree char *value =
            key != NULL && entro_scan_char(scan, ':') ? entro_scan_json_string(scan) : NULL;
        if (value == NULL)
            return entro_scan_fail(scan, EXPECT_STRING, error);
    } while (entro_scan_char(scan, ','));
    return entro_scan_char(scan, '}') || entro_scan_fail(scan, "'}'", error);
}

/* ---- the header ------------------------------------------------------------------------------------- */

static gboolean
scan_entry(EntroScan *scan, GPtrArray *list, GHashTable *names, GError **error)
{
    g_autoptr(EntroArray) array = g_new0(EntroArray, 1);

    array->name = entro_scan_json_string(scan);
    if (array->name == NULL)
        return entro_scan_fail(scan, EXPECT_STRING, error);
    if (!g_hash_table_add(names, g_strdup(array->name))) {
        g_autofree char *shown = entro_printable(array->name, -1);
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "has a broken header: \"%s\" is there more than once", shown);
    }
    if (!entro_scan_char(scan, ':'))
        return entro_scan_fail(scan, "':'", error);
    if (strcmp(array->name, METADATA) == 0)
        return pass_metadata(scan, error);
    if (!scan_tensor(scan, array, error))
        return FALSE;
    g_ptr_array_add(list, g_steal_pointer(&array));
    return TRUE;
}

static gboolean
scan_header(EntroScan *scan, GPtrArray *list, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!entro_scan_char(scan, '{'))
        return entro_scan_fail(scan, "'{'", error);
    if (!entro_scan_char(scan, '}')) {
        do
            if (!scan_entry(scan, list, names, error))
                return FALSE;
        while (entro_scan_char(scan, ','));
        if (!entro_scan_char(scan, '}'))
            return entro_scan_fail(scan, "',' or '}'", error);
    }
    return entro_scan_end(scan) || entro_scan_fail(scan, "nothing but spaces", error);
}

/* ---- the data --------------------------------------------------------------------------------------- */

static int
compare_offsets(gconstpointer a, gconstpointer b)
{
    const EntroArray *first = *(EntroArray *const *)a, *second = *(EntroArray *const *)b;

    if (first->offset != second->offset)
        return first->offset < second->offset ? -1 : 1;
    return first->size < second->size ? -1 : first->size > second->size;
}

/* The format allows neither holes nor sharing: each tensor begins where the one before it ends. */
static gboolean
check_order(const GPtrArray *list, guint64 data_size, GError **error)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    guint64 end = 0;

    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(sorted, list->pdata[i]);
    g_ptr_array_sort(sorted, compare_offsets);
    for (guint i = 0; i < sorted->len; i++) {
        const EntroArray *array = sorted->pdata[i];
        if (array->offset == end && array->size <= data_size - end) {
            end += array->size;
            continue;
        }
        g_autofree char *shown = entro_printable(array->name, -1);
        if (array->offset == end)
            return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                        "is truncated: \"%s\" ends at byte %" G_GUINT64_FORMAT
                                        " of the data, of which %" G_GUINT64_FORMAT " are there",
                                        shown, end + array->size, data_size);
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "is broken: \"%s\" begins at byte %" G_GUINT64_FORMAT
                                    " of the data, the one before it ends at %" G_GUINT64_FORMAT,
                                    shown, array->offset, end);
    }
    return end == data_size ||
           entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                "is broken: %" G_GUINT64_FORMAT " bytes follow its last tensor",
                                data_size - end);
}

static void
check_size(EntroArray *array)
{
    GError *error = NULL;
    guint64 bytes;

    if (array->problem != NULL)
        return;
    if (!entro_array_bytes(array, &bytes, &error))
        entro_array_spoil_by(array, error);
    else if (bytes != array->size)
        entro_array_spoil(array, FALSE,
                          "has %" G_GUINT64_FORMAT " bytes, its shape needs %" G_GUINT64_FORMAT,
                          array->size, bytes);
}

/* ---- the file --------------------------------------------------------------------------------------- */

static gboolean
measure_header(int fd, guint64 *ret_length, guint64 *ret_file, GError **error)
{
    guint8 length[LENGTH_BYTES];

    if (!entro_container_size(fd, ret_file, error) ||
        !entro_container_read(fd, length, sizeof length, 0, error))
        return FALSE;
    *ret_length = entro_little(length, sizeof length);
    if (*ret_length > *ret_file - LENGTH_BYTES)
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "is truncated: its header takes %" G_GUINT64_FORMAT
                                    " bytes, the file has "
                                    "%" G_GUINT64_FORMAT,
                                    *ret_length, *ret_file);
    if (*ret_length <= HEADER_MAX)
        return TRUE;
    return entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                                "has a header of %" G_GUINT64_FORMAT " bytes, the limit is %u",
                                *ret_length, HEADER_MAX);
}

GPtrArray *
entro_safetensors_list(int fd, GError **error)
{
    guint64 length, file_size;

    if (!measure_header(fd, &length, &file_size, error))
        return NULL;
    g_autofree char *text = g_malloc(MAX(length, 1));
    if (!entro_container_read(fd, text, (gsize)length, LENGTH_BYTES, error))
        return NULL;
    if (!g_utf8_validate_len(text, (gsize)length, NULL)) {
        entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                             "has a broken header: it is not UTF-8");
        return NULL;
    }
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)entro_array_free);
    EntroScan scan = {text, text, text + length};
    const guint64 data = LENGTH_BYTES + length;
    if (!scan_header(&scan, list, error) || !check_order(list, file_size - data, error))
        return NULL;
    for (guint i = 0; i < list->len; i++) {
        EntroArray *array = list->pdata[i];
        check_size(array);
        array->offset += data;
    }
    return g_steal_pointer(&list);
}
