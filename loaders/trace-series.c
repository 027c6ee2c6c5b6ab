/* trace-series.c: the small parts of a trace: /step, the scalars and the configuration. */
#include "loader-private.h"

#include <string.h>

#define MAX_CONFIG  4096     /* attributes of /config */
#define MAX_SCALARS 1024     /* groups below /scalars */
#define MAX_SERIES  10000000 /* entries of one scalar */

/* ---- small datasets ------------------------------------------------------------------------------ */

/* A one-dimensional dataset of integers or reals, converted to `memory_type` of 8 bytes. */
gboolean
entro_read_series(EntroSource *source, const char *path, H5T_class_t class, hid_t memory_type,
                  gsize max_n, gsize *ret_n, void **ret_values, GError **error)
{
    hid_t id = entro_open_dataset(source->file, path, error);
    g_auto(EntroDataset) dataset = {0};
    g_autofree char *problem = NULL;

    if (id < 0 || !entro_dataset_init(&dataset, id, path, source->limits.max_chunk, error))
        return FALSE;
    g_auto(EntroHid) type = H5Dget_type(id);
    if (dataset.rank != 1 || H5Tget_class(type) != class || dataset.element_size > 8) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %d axes or another type, expected one axis of %s", path, dataset.rank,
                    class == H5T_INTEGER ? "integers" : "floating-point numbers");
        return FALSE;
    }
    if (dataset.dims[0] > max_n) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s has %" G_GUINT64_FORMAT " entries, the limit is %" G_GSIZE_FORMAT "%s",
                    path, (guint64)dataset.dims[0], max_n,
                    max_n == MAX_SERIES ? "" : " (--max-steps raises it)");
        return FALSE;
    }
    g_autofree void *values = g_try_malloc_n(MAX(dataset.dims[0], 1), 8);
    hsize_t origin[1] = {0};
    if (values == NULL ||
        (dataset.dims[0] > 0 &&
         (entro_dataset_read_box(&dataset, source->fd, origin, dataset.dims, values, &problem) !=
              ENTRO_READ_OK ||
          H5Tconvert(type, memory_type, dataset.dims[0], values, NULL, H5P_DEFAULT) < 0))) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s: %s", path,
                    problem ? problem : "cannot be read");
        return FALSE;
    }
    *ret_n = dataset.dims[0];
    *ret_values = g_steal_pointer(&values);
    return TRUE;
}

gboolean
entro_trace_read_steps(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    void *steps = NULL;

    if (!entro_read_series(source, "/step", H5T_INTEGER, H5T_NATIVE_INT64,
                           source->limits.max_captures, &trace->n_captures, &steps, error))
        return FALSE;
    trace->steps = steps;
    trace->attempts = g_new(guint, MAX(trace->n_captures, 1));
    guint attempt = trace->attempt;
    for (gsize i = 0; i < trace->n_captures; i++) {
        if (i > 0 && trace->steps[i] <= trace->steps[i - 1])
            attempt++;
        trace->attempts[i] = attempt;
    }
    if (attempt > trace->attempt)
        entro_note(trace->notes, "/step goes back %u time%s: each time begins another attempt",
                   attempt - trace->attempt, attempt - trace->attempt == 1 ? "" : "s");
    return TRUE;
}

/* ---- /config ---------------------------------------------------------------------------------------- */

static herr_t
collect_name(hid_t object, const char *name, const void *info, void *data)
{
    GPtrArray *names = data;

    (void)object;
    (void)info;
    if (strlen(name) <= ENTRO_NAME_MAX)
        g_ptr_array_add(names, g_strdup(name));
    return names->len < MAX_CONFIG ? 0 : 1;
}

static herr_t
collect_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    return collect_name(object, name, info, data);
}

static herr_t
collect_link(hid_t object, const char *name, const H5L_info_t *info, void *data)
{
    return collect_name(object, name, info, data);
}

gboolean
entro_trace_read_config(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    GError *refused = NULL;
    g_auto(EntroHid) group = entro_open_group(source, "/config", &refused);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    hsize_t at = 0;

    if (refused != NULL) {
        g_propagate_error(error, refused);
        return FALSE;
    }
    if (group < 0)
        return TRUE;
    H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, &at, collect_attribute, names);
    trace->config = g_new0(EntroConfigEntry, names->len);
    for (guint i = 0; i < names->len; i++) {
        g_auto(EntroValue) value = entro_attribute_read(group, names->pdata[i]);
        char *text = entro_value_to_text(&value);
        if (text == NULL)
            entro_note(trace->notes,
                       "/config has an attribute that is no single number or text: left out");
        else
            trace->config[trace->n_config++] = (EntroConfigEntry){g_strdup(names->pdata[i]), text};
    }
    H5Eclear2(H5E_DEFAULT);
    return TRUE;
}

/* ---- /scalars ---------------------------------------------------------------------------------------- */

static gboolean
read_scalar(EntroSource *source, const char *name, EntroScalar *ret_scalar, GError **error)
{
    gsize n_steps = 0, n_values = 0;
    g_autofree void *steps = NULL, *values = NULL;
    g_autofree char *step_path = g_strdup_printf("/scalars/%s/step", name);
    g_autofree char *value_path = g_strdup_printf("/scalars/%s/value", name);

    if (!entro_read_series(source, step_path, H5T_INTEGER, H5T_NATIVE_INT64, MAX_SERIES, &n_steps,
                           &steps, error) ||
        !entro_read_series(source, value_path, H5T_FLOAT, H5T_NATIVE_DOUBLE, MAX_SERIES, &n_values,
                           &values, error))
        return FALSE;
    *ret_scalar = (EntroScalar){g_strdup(name), MIN(n_steps, n_values), g_steal_pointer(&steps),
                                g_steal_pointer(&values)};
    return TRUE;
}

/* A scalar that cannot be read costs itself, not the trace. */
void
entro_trace_read_scalars(EntroSource *source)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GError) refused = NULL;
    g_auto(EntroHid) group = entro_open_group(source, "/scalars", &refused);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    hsize_t at = 0;

    if (refused != NULL)
        entro_note(trace->problems, "%s", refused->message);
    if (group < 0)
        return;
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, collect_link, names);
    trace->scalars = g_new0(EntroScalar, names->len);
    for (guint i = 0; i < MIN(names->len, MAX_SCALARS); i++) {
        g_autoptr(GError) error = NULL;
        if (read_scalar(source, names->pdata[i], &trace->scalars[trace->n_scalars], &error))
            trace->n_scalars++;
        else {
            g_autofree char *shown = entro_printable(error->message, -1);
            entro_note(trace->problems, "%s", shown);
        }
    }
    H5Eclear2(H5E_DEFAULT);
}
