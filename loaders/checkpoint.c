/* checkpoint.c: named float tensors in an HDF5 file of their own, written whole or not at all. */
#include "loader-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* ---- writing ----------------------------------------------------------------------------------- */

static gboolean
write_tensor(hid_t file, const EntroTensor *tensor)
{
    hsize_t dims[4];
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);

    for (guint axis = 0; axis < tensor->n_dims; axis++)
        dims[axis] = tensor->dims[axis];
    H5Pset_create_intermediate_group(links, 1);
    g_auto(EntroHid) space = H5Screate_simple((int)tensor->n_dims, dims, NULL);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, tensor->name, H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    return dataset >= 0 &&
           H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) >= 0;
}

static gboolean
write_all(const char *path, const char *format, const EntroAttribute *attributes,
          guint n_attributes, const EntroTensor *tensors, guint n, GError **error)
{
    EntroAttribute kind = ENTRO_TEXT("format", format);
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    if (file < 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot create the file");
    if (!entro_attribute_write(file, &kind, error))
        return FALSE;
    for (guint i = 0; i < n_attributes; i++)
        if (!entro_attribute_write(file, &attributes[i], error))
            return FALSE;
    for (guint i = 0; i < n; i++)
        if (!write_tensor(file, &tensors[i]))
            return entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot write %s",
                                 tensors[i].name);
    /* closed here, not by the guard: a full disk shows at the close */
    hid_t closing = file;
    file = H5I_INVALID_HID;
    if (H5Fclose(closing) < 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot finish the file");
    return TRUE;
}

static gboolean
sync_and_rename(const char *temporary, const char *path, GError **error)
{
    int fd = open(temporary, O_RDONLY | O_CLOEXEC);
    gboolean synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    if (synced && g_rename(temporary, path) == 0)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE, "%s", g_strerror(errno));
    return FALSE;
}

gboolean
entro_tensors_write(const char *path, const char *format, const EntroAttribute *attributes,
                    guint n_attributes, const EntroTensor *tensors, guint n, GError **error)
{
    g_autofree char *temporary = g_strdup_printf("%s.%d.tmp", path, (int)getpid());

    entro_h5_quiet();
    if (write_all(temporary, format, attributes, n_attributes, tensors, n, error) &&
        sync_and_rename(temporary, path, error))
        return TRUE;
    g_unlink(temporary);
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
check_shape(hid_t dataset, const EntroTensor *tensor, GError **error)
{
    hsize_t found[H5S_MAX_RANK] = {0}, expected[4];
    g_auto(EntroHid) space = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_dims(space, found, NULL);
    gboolean same = rank == (int)tensor->n_dims;

    for (guint axis = 0; axis < tensor->n_dims; axis++) {
        expected[axis] = tensor->dims[axis];
        same = same && found[axis] == expected[axis];
    }
    if (same)
        return TRUE;
    g_autofree char *has = shape_text(rank < 0 ? 0 : rank, found);
    g_autofree char *wants = shape_text(tensor->n_dims, expected);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has the shape %s, the model needs %s", tensor->name, has, wants);
    return FALSE;
}

static gboolean
read_tensor(hid_t file, const EntroTensor *tensor, GError **error)
{
    g_auto(EntroHid) dataset = entro_open_dataset(file, tensor->name, error);

    if (dataset < 0 || !check_shape(dataset, tensor, error))
        return FALSE;
    g_auto(EntroHid) type = H5Dget_type(dataset);
    if (H5Tget_class(type) != H5T_FLOAT ||
        H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) < 0)
        return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                             "%s cannot be read as floating-point numbers", tensor->name);
    return TRUE;
}

static hid_t
open_tensors(const char *path, GError **error)
{
    const char *mode = NULL;

    entro_h5_quiet();
    return entro_open_file(path, &mode, error);
}

gboolean
entro_tensors_read(const char *path, const char *format, const EntroTensor *tensors, guint n,
                   GError **error)
{
    g_auto(EntroHid) file = open_tensors(path, error);

    if (file < 0)
        return FALSE;
    g_auto(EntroValue) kind = entro_attribute_read(file, "format");
    if (kind.kind != ENTRO_VALUE_TEXT || !g_str_equal(kind.text, format)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s: its root attribute format is not \"%s\"", path, format);
        return FALSE;
    }
    for (guint i = 0; i < n; i++)
        if (!read_tensor(file, &tensors[i], error)) {
            g_prefix_error(error, "%s: ", path);
            return FALSE;
        }
    return TRUE;
}

gboolean
entro_tensors_read_attribute(const char *path, const char *name, char **ret_value, GError **error)
{
    g_auto(EntroHid) file = open_tensors(path, error);

    if (file < 0)
        return FALSE;
    g_auto(EntroValue) value = entro_attribute_read(file, name);
    *ret_value = entro_value_to_text(&value);
    return TRUE;
}
