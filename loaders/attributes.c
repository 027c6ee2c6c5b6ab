/* attributes.c: scalar attributes, written in one way and read in all the ways people write them.
 *
 * We write fixed-length strings: a variable-length one lives in a global heap, where one zeroed page
 * makes HDF5 1.10 loop for ever.  h5py's plain attrs["x"] = "text" is variable, so it is read too. */
#include "loader-private.h"

#include <string.h>

#define ATTRIBUTE_BYTES_MAX (64u << 10) /* HDF5's own limit for compact storage */

/* ---- writing ---------------------------------------------------------------------------------- */

static hid_t
attribute_type(const EntroAttribute *attribute)
{
    if (attribute->kind == ENTRO_ATTRIBUTE_INTEGER)
        return H5Tcopy(H5T_STD_I64LE);
    if (attribute->kind == ENTRO_ATTRIBUTE_REAL)
        return H5Tcopy(H5T_IEEE_F64LE);

    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(attribute->text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

gboolean
entro_attribute_write(hid_t object, const EntroAttribute *attribute, GError **error)
{
    const void *data = attribute->kind == ENTRO_ATTRIBUTE_TEXT ? (const void *)attribute->text
                       : attribute->kind == ENTRO_ATTRIBUTE_INTEGER
                           ? (const void *)&attribute->integer
                           : (const void *)&attribute->real;
    g_auto(EntroHid) stored = attribute_type(attribute);
    g_auto(EntroHid) memory = attribute->kind == ENTRO_ATTRIBUTE_TEXT ? H5Tcopy(stored)
                              : attribute->kind == ENTRO_ATTRIBUTE_INTEGER
                                  ? H5Tcopy(H5T_NATIVE_INT64)
                                  : H5Tcopy(H5T_NATIVE_DOUBLE);
    g_auto(EntroHid) space = H5Screate(H5S_SCALAR);
    g_auto(EntroHid) id =
        H5Acreate2(object, attribute->name, stored, space, H5P_DEFAULT, H5P_DEFAULT);

    if (id < 0 || H5Awrite(id, memory, data) < 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot write the attribute %s",
                             attribute->name);
    return TRUE;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static gboolean leave_heap;

void
entro_attributes_leave_heap(void)
{
    leave_heap = TRUE;
}

static char *
read_fixed_text(hid_t id, hid_t type)
{
    gsize size = H5Tget_size(type);
    g_autofree char *buffer = g_malloc0(size + 1);

    if (H5Aread(id, type, buffer) < 0)
        return NULL;
    if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
        g_strchomp(buffer);
    return g_strdup(buffer);
}

static char *
read_variable_text(hid_t id, hid_t type)
{
    char *theirs = NULL;

    if (H5Aread(id, type, &theirs) < 0 || theirs == NULL)
        return NULL;
    char *ours = g_strdup(theirs);
    H5free_memory(theirs);
    return ours;
}

/* h5py stores a bool as an enum over int8.  Read as it lies, then converted from the enum's base:
 * HDF5 itself converts enums by the names of their members. */
static gboolean
read_enum(hid_t id, hid_t type, gint64 *ret_integer)
{
    guint8 raw[8] = {0};
    g_auto(EntroHid) base = H5Tget_super(type);

    if (H5Tget_size(type) > sizeof raw || H5Aread(id, type, raw) < 0 ||
        H5Tconvert(base, H5T_NATIVE_INT64, 1, raw, NULL, H5P_DEFAULT) < 0)
        return FALSE;
    memcpy(ret_integer, raw, sizeof raw);
    return TRUE;
}

/* What is beyond gint64, such as a seed, stays exact as text: HDF5 would give the largest gint64. */
static EntroValue
read_integer(hid_t id, hid_t type)
{
    EntroValue value = {.kind = ENTRO_VALUE_UNREADABLE};
    guint64 large = 0;

    if (H5Aread(id, H5T_NATIVE_INT64, &value.integer) < 0)
        return value;
    value.kind = ENTRO_VALUE_INTEGER;
    if (value.integer == G_MAXINT64 && H5Tget_sign(type) == H5T_SGN_NONE &&
        H5Aread(id, H5T_NATIVE_UINT64, &large) >= 0 && large > G_MAXINT64) {
        value.kind = ENTRO_VALUE_TEXT;
        value.text = g_strdup_printf("%" G_GUINT64_FORMAT, large);
    }
    return value;
}

static EntroValue
read_text(hid_t id, hid_t type)
{
    gboolean is_variable = H5Tis_variable_str(type) > 0;

    if (is_variable && leave_heap)
        return (EntroValue){.kind = ENTRO_VALUE_DAMAGED};
    char *text = is_variable ? read_variable_text(id, type) : read_fixed_text(id, type);
    return (EntroValue){.kind = text ? ENTRO_VALUE_TEXT : ENTRO_VALUE_UNREADABLE, .text = text};
}

static EntroValue
read_value(hid_t id, hid_t type)
{
    EntroValue value = {.kind = ENTRO_VALUE_UNREADABLE};

    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        value = read_integer(id, type);
        break;
    case H5T_ENUM:
        if (read_enum(id, type, &value.integer))
            value.kind = ENTRO_VALUE_INTEGER;
        break;
    case H5T_FLOAT:
        if (H5Aread(id, H5T_NATIVE_DOUBLE, &value.real) >= 0)
            value.kind = ENTRO_VALUE_REAL;
        break;
    case H5T_STRING:
        value = read_text(id, type);
        break;
    default:
        break;
    }
    return value;
}

EntroValue
entro_attribute_read(hid_t object, const char *name)
{
    const htri_t exists = H5Aexists(object, name);
    if (exists <= 0)
        return (EntroValue){.kind = exists == 0 ? ENTRO_VALUE_ABSENT : ENTRO_VALUE_DAMAGED};

    g_auto(EntroHid) id = H5Aopen(object, name, H5P_DEFAULT);
    g_auto(EntroHid) type = id < 0 ? H5I_INVALID_HID : H5Aget_type(id);
    g_auto(EntroHid) space = id < 0 ? H5I_INVALID_HID : H5Aget_space(id);
    EntroValue value = {.kind = id < 0 ? ENTRO_VALUE_DAMAGED : ENTRO_VALUE_UNREADABLE};

    if (type >= 0 && space >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
        H5Aget_storage_size(id) <= ATTRIBUTE_BYTES_MAX)
        value = read_value(id, type);
    H5Eclear2(H5E_DEFAULT);
    return value;
}

void
entro_value_clear(EntroValue *value)
{
    g_clear_pointer(&value->text, g_free);
    value->kind = ENTRO_VALUE_ABSENT;
}

char *
entro_value_to_text(const EntroValue *value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    switch (value->kind) {
    case ENTRO_VALUE_INTEGER:
        return g_strdup_printf("%" G_GINT64_FORMAT, value->integer);
    case ENTRO_VALUE_REAL:
        return g_strdup(g_ascii_dtostr(number, sizeof number, value->real));
    case ENTRO_VALUE_TEXT:
        return g_strdup(value->text);
    default:
        return NULL;
    }
}
