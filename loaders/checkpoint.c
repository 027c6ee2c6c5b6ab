/* checkpoint.c: named float tensors in an HDF5 file of their own, written whole or not at all, under
 * checksums: each tensor has one as an attribute, and what the file says of itself those that HDF5 has
 * since 1.8.  Not the format of 1.10: a file in memory would be marked as one that is being written. */
#include "reader/reader.h"

#include <libdeflate.h>
#include <string.h>

#define CHECKSUM "crc32" /* attribute of a tensor */

/* ---- writing ----------------------------------------------------------------------------------- */

/* Of the bytes as they lie in the file: one bit that fell over on a disk would be a weight like any other. */
static gboolean
write_checksum(hid_t dataset, const EntroTensor *tensor, gsize n)
{
    const guint32 crc = libdeflate_crc32(0, tensor->data, n * sizeof(float));
    const EntroAttribute attribute = ENTRO_INTEGER(CHECKSUM, crc);

    return G_BYTE_ORDER != G_LITTLE_ENDIAN || entro_attribute_write(dataset, &attribute, NULL);
}

static gboolean
write_tensor(hid_t file, const EntroTensor *tensor)
{
    hsize_t dims[ENTRO_TENSOR_RANK_MAX];
    gsize n = 1;
    g_return_val_if_fail(tensor->n_dims >= 1 && tensor->n_dims <= G_N_ELEMENTS(dims), FALSE);
    g_auto(EntroHid) timeless = entro_h5_timeless(H5P_DATASET_CREATE);

    for (guint axis = 0; axis < tensor->n_dims; axis++)
        n *= dims[axis] = tensor->dims[axis];
    if (!entro_h5_create_groups(file, tensor->name))
        return FALSE;
    g_auto(EntroHid) space = H5Screate_simple((int)tensor->n_dims, dims, NULL);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, tensor->name, H5T_IEEE_F32LE, space, H5P_DEFAULT, timeless, H5P_DEFAULT);
    return dataset >= 0 &&
           H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) >= 0 &&
           write_checksum(dataset, tensor, n);
}

static gboolean
write_contents(hid_t file, const char *format, const EntroAttribute *attributes, guint n_attributes,
               const EntroTensor *tensors, guint n, GError **error)
{
    EntroAttribute kind = ENTRO_TEXT("format", format);

    if (!entro_attribute_write(file, &kind, error))
        return FALSE;
    for (guint i = 0; i < n_attributes; i++)
        if (!entro_attribute_write(file, &attributes[i], error))
            return FALSE;
    for (guint i = 0; i < n; i++)
        if (!write_tensor(file, &tensors[i]))
            return entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot write %s",
                                 tensors[i].name);
    return TRUE;
}

static guint8 *
make_image(const char *format, const EntroAttribute *attributes, guint n_attributes,
           const EntroTensor *tensors, guint n, gsize *ret_size, GError **error)
{
    g_auto(EntroHid) file = entro_h5_create_in_memory(H5F_LIBVER_V18);

    if (file < 0) {
        entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot make the file");
        return NULL;
    }
    if (!write_contents(file, format, attributes, n_attributes, tensors, n, error))
        return NULL;
    return entro_h5_image(file, ret_size, error);
}

gboolean
entro_tensors_write(const char *path, const char *format, const EntroAttribute *attributes,
                    guint n_attributes, const EntroTensor *tensors, guint n, GError **error)
{
    gsize size = 0;

    entro_h5_quiet();
    g_autofree guint8 *bytes =
        make_image(format, attributes, n_attributes, tensors, n, &size, error);
    if (bytes != NULL)
        return entro_write_file(path, bytes, size, error);
    g_prefix_error(error, "%s: ", path);
    return FALSE;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static char *
shape_text(guint n_dims, const hsize_t *dims)
{
    GString *text = g_string_new("(");

    for (guint axis = 0; axis < n_dims; axis++)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, axis ? "," : "", (guint64)dims[axis]);
    g_string_append_c(text, ')');
    return g_string_free(text, FALSE);
}

static gboolean
check_shape(const EntroDataset *dataset, const EntroTensor *tensor, GError **error)
{
    hsize_t expected[ENTRO_TENSOR_RANK_MAX];
    gboolean same = dataset->rank == (int)tensor->n_dims;

    for (guint axis = 0; axis < tensor->n_dims; axis++) {
        expected[axis] = tensor->dims[axis];
        same = same && dataset->dims[axis] == expected[axis];
    }
    if (same)
        return TRUE;
    g_autofree char *has = shape_text((guint)dataset->rank, dataset->dims);
    g_autofree char *wants = shape_text(tensor->n_dims, expected);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has the shape %s, the model needs %s", tensor->name, has, wants);
    return FALSE;
}

/* Tensors of other programs have no checksum. */
static gboolean
check_bytes(const EntroDataset *dataset, const EntroTensor *tensor, const guint8 *bytes, gsize size,
            GError **error)
{
    g_auto(EntroValue) stored = entro_reader_attribute(dataset->reader, tensor->name, CHECKSUM);

    if (stored.kind == ENTRO_VALUE_ABSENT ||
        (stored.kind == ENTRO_VALUE_INTEGER && stored.integer == libdeflate_crc32(0, bytes, size)))
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s fails its checksum",
                tensor->name);
    return FALSE;
}

/* Not by H5Dread(): HDF5's pipeline inflates without a bound, and fills holes with zeros. */
static gboolean
read_values(const EntroDataset *dataset, const EntroTensor *tensor, GError **error)
{
    const EntroType *type = &dataset->type;
    gsize n = 1;
    g_autofree char *problem = NULL;
    hsize_t origin[ENTRO_RANK_MAX] = {0};

    if (!type->is_ours) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s does not hold floating-point numbers (f16, bf16, f32 or f64)",
                    tensor->name);
        return FALSE;
    }
    for (int axis = 0; axis < dataset->rank; axis++)
        n *= dataset->dims[axis];
    if (n == 0)
        return TRUE;
    g_autofree void *raw = g_try_malloc_n(n, dataset->element_size);
    if (raw == NULL)
        problem = g_strdup("does not fit into memory");
    else
        entro_dataset_read_box(dataset, origin, dataset->dims, raw, &problem);
    if (problem != NULL) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s %s", tensor->name,
                    problem);
        return FALSE;
    }
    if (!check_bytes(dataset, tensor, raw, n * dataset->element_size, error))
        return FALSE;
    entro_element_decode(type->element, type->big_endian, raw, tensor->data, n);
    return TRUE;
}

static gboolean
read_tensor(EntroReader *reader, const EntroTensor *tensor, GError **error)
{
    EntroLimits limits = ENTRO_LIMITS_DEFAULT;
    g_auto(EntroDataset) dataset = {0};

    return entro_reader_open_dataset(reader, tensor->name, limits.max_chunk, &dataset, error) &&
           check_shape(&dataset, tensor, error) && read_values(&dataset, tensor, error);
}

struct EntroTensorFile {
    char *path;
    EntroReader *reader;
};

EntroTensorFile *
entro_tensor_file_open(const char *path, GError **error)
{
    g_autoptr(EntroReader) reader = entro_reader_open(path, error);
    EntroTensorFile *file;

    if (reader == NULL)
        return NULL;
    if (g_str_equal(reader->mode, "truncated")) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s: is truncated: what lay beyond its end is lost", path);
        return NULL;
    }
    file = g_new0(EntroTensorFile, 1);
    file->path = g_strdup(path);
    file->reader = g_steal_pointer(&reader);
    return file;
}

void
entro_tensor_file_free(EntroTensorFile *file)
{
    if (file == NULL)
        return;
    entro_reader_free(file->reader);
    g_free(file->path);
    g_free(file);
}

const char *
entro_tensor_file_get_path(const EntroTensorFile *file)
{
    return file->path;
}

gboolean
entro_tensor_file_get_attribute(EntroTensorFile *file, const char *name, char **ret_text,
                                GError **error)
{
    g_auto(EntroValue) value = entro_reader_attribute(file->reader, "/", name);

    if (value.kind == ENTRO_VALUE_DAMAGED) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s: its attribute %s is damaged", file->path, name);
        return FALSE;
    }
    *ret_text = entro_value_to_text(&value);
    return TRUE;
}

gboolean
entro_tensor_file_read(EntroTensorFile *file, const char *format, const EntroTensor *tensors,
                       guint n, GError **error)
{
    g_autofree char *found = NULL;
    gboolean good = TRUE;

    if (!entro_tensor_file_get_attribute(file, "format", &found, error))
        return FALSE;
    if (g_strcmp0(found, format) != 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s: its root attribute format is not \"%s\"", file->path, format);
        return FALSE;
    }
    for (guint i = 0; i < n && good; i++)
        good = read_tensor(file->reader, &tensors[i], error);
    if (!good)
        g_prefix_error(error, "%s: ", file->path);
    return good;
}

gboolean
entro_tensors_read(const char *path, const char *format, const EntroTensor *tensors, guint n,
                   GError **error)
{
    g_autoptr(EntroTensorFile) file = entro_tensor_file_open(path, error);

    return file != NULL && entro_tensor_file_read(file, format, tensors, n, error);
}

gboolean
entro_tensors_read_attribute(const char *path, const char *name, char **ret_value, GError **error)
{
    g_autoptr(EntroTensorFile) file = entro_tensor_file_open(path, error);

    return file != NULL && entro_tensor_file_get_attribute(file, name, ret_value, error);
}
