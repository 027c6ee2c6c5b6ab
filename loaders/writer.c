/* writer.c: writes a trace of our own format (version 1) that can be read while it grows.
 *
 * Everything that the file will ever hold is created before H5Fstart_swmr_write(); after that
 * datasets only grow.  A capture exists when /step has its entry, so the layers are flushed first:
 * a killed writer leaves every committed capture readable. */
#include "loader-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *name;
    hid_t step, value;
    hsize_t n;
    gint64 held; /* steps up to this one were there when the trace was reopened */
} ScalarSeries;

typedef struct {
    EntroPart shape;
    hid_t dataset;
} LayerPart;

struct EntroWriter {
    char *path;
    hid_t file, step, complete, key_mask, segment;
    LayerPart (*parts)[ENTRO_PARTS_MAX]; /* [n_layers], of which there are n_parts */
    guint n_parts;
    hid_t *params;         /* [n_layers][ENTRO_N_PARAMS], negative where none will be given */
    guint *n_heads;        /* [n_layers] */
    ScalarSeries *scalars; /* [n_scalars] */
    guint n_layers, n_scalars;
    gsize n_samples, n_queries, n_keys;
    void *encoded; /* one part of one layer of one capture */
    hsize_t n_captures;
    gint64 held;                /* the last capture that was there when the trace was reopened */
    gboolean was_complete;      /* then; stays so until something is added */
    EntroWriterOptions options; /* for opening later; of what it points to, layer_index alone */
    gboolean failed;            /* nothing more is written: the file stays as the failure left it */
    int *lost; /* errno of a write that HDF5 was not told about; shared with its driver */
};

/* Extends the first axis to n + 1 and writes its last entry. */
static gboolean
append(hid_t dataset, int rank, const hsize_t *dims, hsize_t n, hid_t memory_type, const void *data)
{
    hsize_t size[5], start[5] = {n}, count[5];

    for (int axis = 0; axis < rank; axis++) {
        size[axis] = axis == 0 ? n + 1 : dims[axis];
        count[axis] = axis == 0 ? 1 : dims[axis];
    }
    if (H5Dset_extent(dataset, size) < 0)
        return FALSE;
    g_auto(EntroHid) in_file = H5Dget_space(dataset);
    g_auto(EntroHid) in_memory = H5Screate_simple(rank, count, NULL);
    return H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dwrite(dataset, memory_type, in_memory, in_file, H5P_DEFAULT, data) >= 0;
}

/* What is said after `what` comes from HDF5.  Every failure is the last: where the disk is full, a
 * later success would leave a hole. */
G_GNUC_PRINTF(3, 4)
static gboolean
fail(EntroWriter *writer, GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (*writer->lost != 0) {
        H5Eclear2(H5E_DEFAULT);
        entro_h5_push_reason(g_strerror(*writer->lost));
    }
    entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "%s: cannot %s", writer->path, what);
    *writer->lost = EIO;
    writer->failed = TRUE;
    return FALSE;
}

/* What HDF5 has handed on so far. */
static gboolean
has_arrived(const EntroWriter *writer)
{
    return *writer->lost == 0;
}

static gboolean open_again(EntroWriter *writer, GError **error);

/* A trace that was reopened is touched when there is something to write, not before. */
static gboolean
is_alive(EntroWriter *writer, GError **error)
{
    if (!writer->failed && !has_arrived(writer))
        return fail(writer, error, "go on with the trace");
    if (!writer->failed)
        return writer->file >= 0 || open_again(writer, error);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE,
                "%s: nothing is written any more after an earlier failure", writer->path);
    return FALSE;
}

/* ---- creation ------------------------------------------------------------------------------------ */

static gboolean
open_params(EntroWriter *writer, const EntroWriterOptions *options, guint layer)
{
    gboolean good = TRUE;

    for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
        g_autofree char *path = entro_layer_path(options, layer, entro_param_name(param));
        if ((options->params & 1u << param) == 0)
            continue;
        hid_t id = H5Dopen2(writer->file, path, H5P_DEFAULT);
        writer->params[layer * ENTRO_N_PARAMS + param] = id;
        good = good && id >= 0;
    }
    return good;
}

static gboolean
open_parts(EntroWriter *writer, const EntroWriterOptions *options)
{
    gboolean good = TRUE;

    for (guint layer = 0; layer < writer->n_layers; layer++) {
        for (guint i = 0; i < writer->n_parts; i++) {
            LayerPart *part = &writer->parts[layer][i];
            g_autofree char *path = entro_layer_path(options, layer, part->shape.name);
            part->dataset = H5Dopen2(writer->file, path, H5P_DEFAULT);
            good = good && part->dataset >= 0;
        }
        good = good && open_params(writer, options, layer);
    }
    for (guint i = 0; i < writer->n_scalars; i++) {
        ScalarSeries *series = &writer->scalars[i];
        g_autofree char *step = g_strdup_printf("scalars/%s/step", series->name);
        g_autofree char *value = g_strdup_printf("scalars/%s/value", series->name);
        series->step = H5Dopen2(writer->file, step, H5P_DEFAULT);
        series->value = H5Dopen2(writer->file, value, H5P_DEFAULT);
        good = good && series->step >= 0 && series->value >= 0;
    }
    if (options->key_mask)
        writer->key_mask = H5Dopen2(writer->file, "key_mask", H5P_DEFAULT);
    if (options->segment)
        writer->segment = H5Dopen2(writer->file, "segment", H5P_DEFAULT);
    writer->step = H5Dopen2(writer->file, "step", H5P_DEFAULT);
    writer->complete = H5Dopen2(writer->file, "complete", H5P_DEFAULT);
    return good && writer->step >= 0 && writer->complete >= 0 &&
           (!options->key_mask || writer->key_mask >= 0) &&
           (!options->segment || writer->segment >= 0);
}

static gboolean
create_everything(EntroWriter *writer, const EntroWriterOptions *options, GError **error)
{
    gsize size = 0;
    g_autofree guint8 *skeleton = entro_trace_skeleton(options, &size, error);
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);

    if (skeleton == NULL) {
        g_prefix_error(error, "%s: ", writer->path);
        return FALSE;
    }
    if (!entro_write_file(writer->path, skeleton, size, error))
        return FALSE;
    entro_redo_forget(writer->path); /* of the file that was there, and is no more */
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    entro_h5_set_private_flag(access, "clear_status_flags"); /* those of the file in memory */
    if (entro_driver_use_to_write(access, writer->lost))
        writer->file = H5Fopen(writer->path, H5F_ACC_RDWR, access);
    if (writer->file < 0 || !open_parts(writer, options) || H5Fstart_swmr_write(writer->file) < 0 ||
        !has_arrived(writer))
        return fail(writer, error, "set up the trace");
    return TRUE;
}

/* Open to readers from the first moment on: they may be there, and if it were killed before it let
 * them in, the file would be closed to them. */
static gboolean
open_for_more(EntroWriter *writer)
{
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);

    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    entro_h5_set_private_flag(access, "clear_status_flags"); /* those of a writer that was killed */
    H5Pset_metadata_read_attempts(access, 1); /* nobody else writes: a second look shows the same */
    if (entro_driver_use_to_write(access, writer->lost))
        writer->file = H5Fopen(writer->path, H5F_ACC_RDWR | H5F_ACC_SWMR_WRITE, access);
    /* A killed writer leaves the end of the file as it was at first: new parts would lie upon old. */
    return writer->file >= 0 && H5Fincrement_filesize(writer->file, 0) >= 0 &&
           open_parts(writer, &writer->options);
}

static gboolean
open_again(EntroWriter *writer, GError **error)
{
    const guint8 no = 0;
    gboolean good =
        open_for_more(writer) &&
        H5Dwrite(writer->complete, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &no) >= 0 &&
        H5Dflush(writer->complete) >= 0 && entro_captures_cut(writer->file, writer->n_captures);

    for (guint i = 0; good && i < writer->n_scalars; i++)
        good = entro_series_cut(writer->scalars[i].step, writer->scalars[i].n) &&
               entro_series_cut(writer->scalars[i].value, writer->scalars[i].n);
    return (good && has_arrived(writer)) || fail(writer, error, "go on with the trace");
}

static EntroWriter *
writer_alloc(const char *path, const EntroWriterOptions *options)
{
    EntroWriter *writer = g_new0(EntroWriter, 1);

    writer->path = g_strdup(path);
    writer->held = G_MININT64;
    writer->lost = g_atomic_rc_box_new0(int);
    writer->options = *options;
    writer->options.layer_index =
        g_memdup2(options->layer_index, options->n_layers * sizeof *options->layer_index);
    writer->file = writer->step = writer->complete = H5I_INVALID_HID;
    writer->key_mask = writer->segment = H5I_INVALID_HID;
    writer->n_layers = options->n_layers;
    writer->n_heads = g_memdup2(options->n_heads, options->n_layers * sizeof *options->n_heads);
    writer->parts = g_malloc_n(options->n_layers, sizeof *writer->parts);
    for (guint layer = 0; layer < options->n_layers; layer++) {
        EntroPart shapes[ENTRO_PARTS_MAX];
        writer->n_parts = entro_layer_parts(options, layer, shapes);
        for (guint i = 0; i < writer->n_parts; i++)
            writer->parts[layer][i] = (LayerPart){shapes[i], H5I_INVALID_HID};
    }
    writer->params = g_new(hid_t, options->n_layers * ENTRO_N_PARAMS);
    for (guint i = 0; i < options->n_layers * ENTRO_N_PARAMS; i++)
        writer->params[i] = H5I_INVALID_HID;
    writer->n_scalars = options->scalars ? g_strv_length((char **)options->scalars) : 0;
    writer->scalars = g_new0(ScalarSeries, writer->n_scalars);
    for (guint i = 0; i < writer->n_scalars; i++)
        writer->scalars[i] = (ScalarSeries){g_strdup(options->scalars[i]), -1, -1, 0, G_MININT64};
    writer->n_samples = options->n_samples;
    writer->n_queries = options->n_queries;
    writer->n_keys = options->n_keys;
    return writer;
}

static EntroWriter *
writer_prepare(const char *path, const EntroWriterOptions *options, GError **error)
{
    g_return_val_if_fail(options->params >> ENTRO_N_PARAMS == 0, NULL);

    if (!entro_writer_check(path, options, error))
        return NULL;
    g_autoptr(EntroWriter) writer = writer_alloc(path, options);
    gsize most = 0;
    for (guint layer = 0; layer < writer->n_layers; layer++)
        for (guint i = 0; i < writer->n_parts; i++)
            most = MAX(most, entro_part_elements(&writer->parts[layer][i].shape));
    writer->encoded = g_try_malloc_n(most, entro_element_size(writer->parts[0][0].shape.element));
    if (writer->encoded == NULL) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s: no memory for one layer of %" G_GSIZE_FORMAT " numbers", path, most);
        return NULL;
    }
    return g_steal_pointer(&writer);
}

EntroWriter *
entro_writer_new(const char *path, const EntroWriterOptions *options, GError **error)
{
    g_return_val_if_fail(path != NULL && options != NULL, NULL);

    entro_h5_quiet();
    g_autoptr(EntroWriter) writer = writer_prepare(path, options, error);
    return writer != NULL && create_everything(writer, options, error) ? g_steal_pointer(&writer)
                                                                       : NULL;
}

EntroWriter *
entro_writer_reopen(const char *path, const EntroWriterOptions *options, GError **error)
{
    g_return_val_if_fail(path != NULL && options != NULL, NULL);
    g_auto(EntroTraceEnd) end = {0};

    entro_h5_quiet();
    g_autoptr(EntroWriter) writer = writer_prepare(path, options, error);
    if (writer == NULL || !entro_redo_replay(path, error) ||
        !entro_trace_match(path, options, &end, error))
        return NULL;
    entro_redo_forget(path);
    writer->was_complete = end.complete;
    writer->n_captures = end.captures.n;
    writer->held = end.captures.last;
    for (guint i = 0; i < writer->n_scalars; i++) {
        writer->scalars[i].n = end.scalars[i].n;
        writer->scalars[i].held = end.scalars[i].last;
    }
    return g_steal_pointer(&writer);
}

void
entro_writer_get_size(const EntroWriter *writer, guint64 *ret_captures, guint64 *ret_scalars)
{
    *ret_captures = writer->n_captures;
    *ret_scalars = 0;
    for (guint i = 0; i < writer->n_scalars; i++)
        *ret_scalars += writer->scalars[i].n;
}

gboolean
entro_writer_has_capture(const EntroWriter *writer, gint64 step)
{
    return step <= writer->held;
}

/* ---- a capture ------------------------------------------------------------------------------------ */

static gboolean
put_part(EntroWriter *writer, guint layer, guint i, const float *values, GError **error)
{
    entro_h5_quiet();
    if (!is_alive(writer, error))
        return FALSE;
    const LayerPart *part = &writer->parts[layer][i];
    const EntroPart *shape = &part->shape;
    g_auto(EntroHid) type = entro_element_type(shape->element);
    entro_element_encode(shape->element, values, writer->encoded, entro_part_elements(shape));
    if (!append(part->dataset, shape->rank, shape->dims, writer->n_captures, type, writer->encoded))
        return fail(writer, error, "write the %s of layer %u", shape->name, layer);
    return TRUE;
}

gboolean
entro_writer_put_attention(EntroWriter *writer, guint layer, const float *p, GError **error)
{
    g_return_val_if_fail(layer < writer->n_layers, FALSE);
    g_return_val_if_fail(writer->options.input == ENTRO_INPUT_ATTENTION, FALSE);

    return put_part(writer, layer, 0, p, error);
}

gboolean
entro_writer_put_queries(EntroWriter *writer, guint layer, const float *queries, const float *keys,
                         GError **error)
{
    g_return_val_if_fail(layer < writer->n_layers, FALSE);
    g_return_val_if_fail(writer->options.input == ENTRO_INPUT_QUERIES, FALSE);

    return put_part(writer, layer, 0, queries, error) && put_part(writer, layer, 1, keys, error);
}

gboolean
entro_writer_put_row_entropy(EntroWriter *writer, guint layer, const float *entropy,
                             const float *max_logit, GError **error)
{
    g_return_val_if_fail(layer < writer->n_layers, FALSE);
    g_return_val_if_fail(writer->options.input == ENTRO_INPUT_ROW_ENTROPY, FALSE);
    g_return_val_if_fail((max_logit != NULL) == (writer->n_parts == 2), FALSE);

    return put_part(writer, layer, 0, entropy, error) &&
           (max_logit == NULL || put_part(writer, layer, 1, max_logit, error));
}

/* A number of each key. */
static gboolean
put_mask(EntroWriter *writer, const hid_t *dataset, const char *what, hid_t memory_type,
         const void *values, GError **error)
{
    hsize_t dims[3] = {0, writer->n_samples, writer->n_keys};

    entro_h5_quiet();
    if (!is_alive(writer, error))
        return FALSE;
    if (!append(*dataset, 3, dims, writer->n_captures, memory_type, values))
        return fail(writer, error, "write the %s", what);
    return TRUE;
}

gboolean
entro_writer_put_key_mask(EntroWriter *writer, const guint8 *mask, GError **error)
{
    g_return_val_if_fail(writer->options.key_mask, FALSE);

    return put_mask(writer, &writer->key_mask, "key mask", H5T_NATIVE_UINT8, mask, error);
}

gboolean
entro_writer_put_segment(EntroWriter *writer, const gint32 *ids, GError **error)
{
    g_return_val_if_fail(writer->options.segment, FALSE);

    return put_mask(writer, &writer->segment, "documents", H5T_NATIVE_INT32, ids, error);
}

gboolean
entro_writer_put_param(EntroWriter *writer, guint layer, EntroParam param, const float *values,
                       GError **error)
{
    g_return_val_if_fail(layer < writer->n_layers && (guint)param < ENTRO_N_PARAMS, FALSE);
    g_return_val_if_fail(writer->options.params & 1u << param, FALSE);
    hsize_t dims[3];
    int rank = entro_param_dims(param, writer->n_heads[layer], writer->n_queries, dims);

    entro_h5_quiet();
    if (!is_alive(writer, error))
        return FALSE;
    if (!append(writer->params[layer * ENTRO_N_PARAMS + param], rank, dims, writer->n_captures,
                H5T_NATIVE_FLOAT, values))
        return fail(writer, error, "write the %s of layer %u", entro_param_name(param), layer);
    return TRUE;
}

gboolean
entro_writer_put_scalar(EntroWriter *writer, const char *name, gint64 step, double value,
                        GError **error)
{
    ScalarSeries *series = NULL;

    entro_h5_quiet();
    for (guint i = 0; i < writer->n_scalars; i++)
        if (g_str_equal(writer->scalars[i].name, name))
            series = &writer->scalars[i];
    g_return_val_if_fail(series != NULL, FALSE);
    if (step <= series->held)
        return TRUE;
    if (!is_alive(writer, error))
        return FALSE;

    /* value first: a reader takes the shorter of the two */
    if (!append(series->value, 1, NULL, series->n, H5T_NATIVE_DOUBLE, &value) ||
        !append(series->step, 1, NULL, series->n, H5T_NATIVE_INT64, &step))
        return fail(writer, error, "write the scalar %s", name);
    series->n++;
    return TRUE;
}

static gboolean
flush_capture(EntroWriter *writer)
{
    for (guint layer = 0; layer < writer->n_layers; layer++)
        for (guint i = 0; i < writer->n_parts; i++)
            if (H5Dflush(writer->parts[layer][i].dataset) < 0)
                return FALSE;
    for (guint i = 0; i < writer->n_layers * ENTRO_N_PARAMS; i++)
        if (writer->params[i] >= 0 && H5Dflush(writer->params[i]) < 0)
            return FALSE;
    for (guint i = 0; i < writer->n_scalars; i++)
        if (H5Dflush(writer->scalars[i].value) < 0 || H5Dflush(writer->scalars[i].step) < 0)
            return FALSE;
    return (writer->key_mask < 0 || H5Dflush(writer->key_mask) >= 0) &&
           (writer->segment < 0 || H5Dflush(writer->segment) >= 0);
}

gboolean
entro_writer_commit(EntroWriter *writer, gint64 step, GError **error)
{
    entro_h5_quiet();
    if (!is_alive(writer, error))
        return FALSE;
    if (!flush_capture(writer) ||
        !append(writer->step, 1, NULL, writer->n_captures, H5T_NATIVE_INT64, &step) ||
        H5Dflush(writer->step) < 0 || !has_arrived(writer))
        return fail(writer, error, "commit the capture of step %" G_GINT64_FORMAT, step);
    writer->n_captures++;
    return TRUE;
}

/* What is in the page cache outlives the process; synced, also the machine. */
static gboolean
sync_file(EntroWriter *writer)
{
    if (fsync(entro_driver_get_fd(writer->file)) != 0)
        *writer->lost = errno;
    return has_arrived(writer);
}

gboolean
entro_writer_flush(EntroWriter *writer, GError **error)
{
    entro_h5_quiet();
    if (writer->file < 0 && !writer->failed)
        return TRUE;
    if (!is_alive(writer, error))
        return FALSE;
    return (flush_capture(writer) && H5Dflush(writer->step) >= 0 && has_arrived(writer) &&
            sync_file(writer)) ||
           fail(writer, error, "bring the trace to the disk");
}

/* ---- the end --------------------------------------------------------------------------------------- */

static gboolean
close_handles(EntroWriter *writer)
{
    gboolean good = TRUE;

    for (guint layer = 0; layer < writer->n_layers; layer++)
        for (guint i = 0; i < writer->n_parts; i++) {
            hid_t dataset = writer->parts[layer][i].dataset;
            good &= dataset < 0 || H5Dclose(dataset) >= 0;
        }
    for (guint i = 0; i < writer->n_layers * ENTRO_N_PARAMS; i++)
        good &= writer->params[i] < 0 || H5Dclose(writer->params[i]) >= 0;
    for (guint i = 0; i < writer->n_scalars; i++) {
        good &= writer->scalars[i].step < 0 || H5Dclose(writer->scalars[i].step) >= 0;
        good &= writer->scalars[i].value < 0 || H5Dclose(writer->scalars[i].value) >= 0;
        writer->scalars[i].step = writer->scalars[i].value = H5I_INVALID_HID;
    }
    good &= writer->key_mask < 0 || H5Dclose(writer->key_mask) >= 0;
    good &= writer->segment < 0 || H5Dclose(writer->segment) >= 0;
    good &= writer->step < 0 || H5Dclose(writer->step) >= 0;
    good &= writer->complete < 0 || H5Dclose(writer->complete) >= 0;
    good &= writer->file < 0 || H5Fclose(writer->file) >= 0;
    writer->file = writer->step = writer->complete = H5I_INVALID_HID;
    writer->key_mask = writer->segment = H5I_INVALID_HID;
    writer->n_layers = 0;
    return good;
}

gboolean
entro_writer_close(EntroWriter *writer, GError **error)
{
    g_autoptr(EntroWriter) owned = writer;
    guint8 yes = 1;

    entro_h5_quiet();
    if (writer->file < 0 && writer->was_complete)
        return TRUE;
    if (!is_alive(writer, error))
        return FALSE;
    /* HDF5 closes its own */
    const int fd = fcntl(entro_driver_get_fd(writer->file), F_DUPFD_CLOEXEC, 0);
    gboolean good =
        H5Dwrite(writer->complete, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &yes) >= 0 &&
        H5Fflush(writer->file, H5F_SCOPE_GLOBAL) >= 0 && close_handles(writer) &&
        has_arrived(writer);
    if (good && (fd < 0 || fsync(fd) != 0)) {
        *writer->lost = errno;
        good = FALSE;
    }
    if (fd >= 0)
        close(fd);
    return good || fail(writer, error, "finish the trace");
}

void
entro_writer_free(EntroWriter *writer)
{
    if (writer == NULL)
        return;
    entro_h5_quiet();
    close_handles(writer);
    for (guint i = 0; i < writer->n_scalars; i++)
        g_free(writer->scalars[i].name);
    g_free(writer->scalars);
    g_free(writer->parts);
    g_free(writer->params);
    g_free((guint *)writer->options.layer_index);
    g_free(writer->n_heads);
    g_free(writer->encoded);
    g_free(writer->path);
    g_atomic_rc_box_release(writer->lost);
    g_free(writer);
}
