/* trace.c: everything a trace says about itself, read once at opening.
 *
 * Required parts that are wrong are errors; optional parts that are missing or unreadable get their
 * stated default and a note. */
#include "loader-private.h"

#include <string.h>

#define FORMAT_NAME    "attention-trace"
#define FORMAT_VERSION 1
#define MAX_CONFIG     4096     /* attributes of /config */
#define MAX_SCALARS    1024     /* groups below /scalars */
#define MAX_SERIES     10000000 /* entries of one scalar */
#define MAX_NAME       1024     /* bytes of a name that is shown or stored */

G_GNUC_PRINTF(2, 3)
static void
note(GPtrArray *list, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(list, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- small datasets ------------------------------------------------------------------------------ */

/* A one-dimensional dataset of integers or reals, converted to `memory_type` of 8 bytes. */
static gboolean
read_series(EntroSource *source, const char *path, H5T_class_t class, hid_t memory_type,
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

static gboolean
read_steps(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    void *steps = NULL;

    if (!read_series(source, "/step", H5T_INTEGER, H5T_NATIVE_INT64, source->limits.max_captures,
                     &trace->n_captures, &steps, error))
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
        note(trace->notes, "/step goes back %u times: each time begins another attempt",
             attempt - trace->attempt);
    return TRUE;
}

/* ---- root attributes ------------------------------------------------------------------------------ */

static char *
text_attribute(EntroSource *source, const char *name)
{
    g_auto(EntroValue) value = entro_attribute_read(source->file, name);

    if (value.kind == ENTRO_VALUE_UNREADABLE)
        note(source->trace.problems, "the root attribute %s cannot be read", name);
    if (value.kind != ENTRO_VALUE_TEXT || *value.text == '\0' || strlen(value.text) > MAX_NAME)
        return NULL;
    return g_strdup(value.text);
}

/* `missing` when absent or no integer. */
static gint64
integer_attribute(hid_t object, const char *name, gint64 missing)
{
    g_auto(EntroValue) value = entro_attribute_read(object, name);

    if (value.kind == ENTRO_VALUE_REAL && value.real == floor(value.real) &&
        fabs(value.real) < 1e15)
        return (gint64)value.real;
    return value.kind == ENTRO_VALUE_INTEGER ? value.integer : missing;
}

static EntroCausal
causal_attribute(hid_t object, EntroCausal missing)
{
    gint64 value = integer_attribute(object, "causal", G_MININT64);

    return value == G_MININT64 ? missing : value != 0 ? ENTRO_CAUSAL_YES : ENTRO_CAUSAL_NO;
}

static gboolean
has_groups(EntroSource *source)
{
    gboolean layers = FALSE, step = FALSE;

    return entro_path_exists(source->file, "/layers", &layers, NULL) &&
           entro_path_exists(source->file, "/step", &step, NULL) && layers && step;
}

static gboolean
check_format(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    g_auto(EntroValue) format = entro_attribute_read(source->file, "format");
    gint64 version = integer_attribute(source->file, "format_version", -1);

    if (format.kind == ENTRO_VALUE_TEXT && !g_str_equal(format.text, FORMAT_NAME)) {
        g_autofree char *shown = entro_printable(format.text, MIN(strlen(format.text), 80));
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "its root attribute format says \"%s\", expected \"" FORMAT_NAME "\"", shown);
        return FALSE;
    }
    if (format.kind != ENTRO_VALUE_TEXT && !has_groups(source)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "is HDF5, but no attention trace: no root attribute format = \"" FORMAT_NAME
                    "\", and not both /layers and /step");
        return FALSE;
    }
    if (format.kind != ENTRO_VALUE_TEXT)
        note(trace->notes, "no readable root attribute format: recognised by /layers and /step");
    if (version > FORMAT_VERSION || version == 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                    "has format_version %" G_GINT64_FORMAT ", this version of entroscope reads %d",
                    version, FORMAT_VERSION);
        return FALSE;
    }
    trace->format_version = FORMAT_VERSION;
    return TRUE;
}

static gboolean
refuse_later_parts(EntroSource *source, GError **error)
{
    static const char *const later[] = {"/segment"};

    for (guint i = 0; i < G_N_ELEMENTS(later); i++) {
        gboolean exists = FALSE;
        if (!entro_path_exists(source->file, later[i], &exists, error))
            return FALSE;
        if (exists) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                        "has %s, which this version of entroscope does not read yet", later[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static void
read_root(EntroSource *source)
{
    EntroTrace *trace = &source->trace;

    trace->run_name = text_attribute(source, "run_name");
    if (trace->run_name == NULL) {
        g_autofree char *base = g_path_get_basename(trace->path);
        char *dot = strrchr(base, '.');
        trace->run_name = dot && dot != base ? g_strndup(base, dot - base) : g_strdup(base);
        note(trace->notes, "no run_name in the file: named after it");
    }
    trace->producer = text_attribute(source, "producer");
    trace->trace_uuid = text_attribute(source, "trace_uuid");
    trace->causal = causal_attribute(source->file, ENTRO_CAUSAL_UNKNOWN);
    trace->attempt = (guint)CLAMP(integer_attribute(source->file, "attempt", 1), 1, 1000000);
    trace->context_length = (guint64)MAX(integer_attribute(source->file, "context_length", 0), 0);
}

static void
read_complete(EntroSource *source)
{
    gboolean exists = FALSE;
    void *flags = NULL;
    gsize n = 0;

    if (entro_path_exists(source->file, "/complete", &exists, NULL) && exists &&
        read_series(source, "/complete", H5T_INTEGER, H5T_NATIVE_INT64, 1, &n, &flags, NULL) &&
        n == 1)
        source->trace.complete = ((gint64 *)flags)[0] == 1;
    g_free(flags);
}

/* ---- /config ---------------------------------------------------------------------------------------- */

static herr_t
collect_name(hid_t object, const char *name, const void *info, void *data)
{
    GPtrArray *names = data;

    (void)object;
    (void)info;
    if (strlen(name) <= MAX_NAME)
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

static hid_t
open_group(EntroSource *source, const char *path, GError **error)
{
    gboolean exists = FALSE;

    if (!entro_path_exists(source->file, path, &exists, error) || !exists)
        return H5I_INVALID_HID;
    return H5Gopen2(source->file, path, H5P_DEFAULT);
}

static gboolean
read_config(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    GError *refused = NULL;
    g_auto(EntroHid) group = open_group(source, "/config", &refused);
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
            note(trace->notes,
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

    if (!read_series(source, step_path, H5T_INTEGER, H5T_NATIVE_INT64, MAX_SERIES, &n_steps, &steps,
                     error) ||
        !read_series(source, value_path, H5T_FLOAT, H5T_NATIVE_DOUBLE, MAX_SERIES, &n_values,
                     &values, error))
        return FALSE;
    *ret_scalar = (EntroScalar){g_strdup(name), MIN(n_steps, n_values), g_steal_pointer(&steps),
                                g_steal_pointer(&values)};
    return TRUE;
}

/* A scalar that cannot be read costs itself, not the trace. */
static void
read_scalars(EntroSource *source)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GError) refused = NULL;
    g_auto(EntroHid) group = open_group(source, "/scalars", &refused);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    hsize_t at = 0;

    if (refused != NULL)
        note(trace->problems, "%s", refused->message);
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
            note(trace->problems, "%s", shown);
        }
    }
    H5Eclear2(H5E_DEFAULT);
}

/* ---- layers -------------------------------------------------------------------------------------------- */

static herr_t
collect_layer(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    GArray *layers = data;
    char *end = NULL;
    guint64 number = g_ascii_strtoull(name, &end, 10);
    guint index = (guint)number;

    (void)group;
    (void)info;
    if (g_ascii_isdigit(*name) && *end == '\0' && number <= G_MAXINT32 &&
        (*name != '0' || name[1] == '\0'))
        g_array_append_val(layers, index);
    return layers->len <= ENTRO_LIMITS_DEFAULT.max_captures ? 0 : 1;
}

static gint
compare_index(gconstpointer a, gconstpointer b)
{
    return *(const guint *)a < *(const guint *)b ? -1 : *(const guint *)a > *(const guint *)b;
}

static gboolean
exists_below(EntroSource *source, guint layer, const char *name, gboolean *ret_exists,
             GError **error)
{
    g_autofree char *path = g_strdup_printf("/layers/%u/%s", layer, name);

    return entro_path_exists(source->file, path, ret_exists, error);
}

/* Other ways to give a layer's attention belong to the format, but not yet to this version. */
static gboolean
check_layer_parts(EntroSource *source, guint layer, gboolean *ret_attention, GError **error)
{
    static const char *const later[] = {"queries", "row_entropy", "query_rows"};
    gboolean exists = FALSE;

    if (!exists_below(source, layer, "attention", ret_attention, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(later); i++) {
        if (!exists_below(source, layer, later[i], &exists, error))
            return FALSE;
        if (exists && (!*ret_attention || g_str_equal(later[i], "query_rows"))) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                        "/layers/%u has %s, which this version of entroscope does not read yet; "
                        "store attention [S,B,H,T,T] instead",
                        layer, later[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static char *
describe_storage(const EntroDataset *dataset)
{
    GString *text = g_string_new(dataset->chunked ? "chunked" : "contiguous");

    for (int axis = 0; dataset->chunked && axis < dataset->rank; axis++)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, axis ? "x" : " ",
                               (guint64)dataset->chunk[axis]);
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        g_string_append_printf(text, ", %s",
                               dataset->filters[filter] == H5Z_FILTER_SHUFFLE   ? "shuffle"
                               : dataset->filters[filter] == H5Z_FILTER_DEFLATE ? "deflate"
                                                                                : "fletcher32");
    return g_string_free(text, FALSE);
}

static gboolean
check_limit(const EntroDataset *dataset, const char *what, guint64 found, gsize limit,
            const char *option, GError **error)
{
    if (found >= 1 && found <= limit)
        return TRUE;
    if (found == 0)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has 0 %s, expected at least 1", dataset->name, what);
    else
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s has %" G_GUINT64_FORMAT " %s, the limit is %" G_GSIZE_FORMAT
                    " (%s raises it)",
                    dataset->name, found, what, limit, option);
    return FALSE;
}

static gboolean
check_shape(EntroSource *source, const EntroDataset *dataset, GError **error)
{
    const EntroLimits *limits = &source->limits;
    const hsize_t *dims = dataset->dims;

    if (dataset->rank != 5) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %d axes, expected 5: [step, sample, head, query, key]", dataset->name,
                    dataset->rank);
        return FALSE;
    }
    if (!check_limit(dataset, "samples", dims[1], limits->max_samples, "--max-samples", error) ||
        !check_limit(dataset, "heads", dims[2], limits->max_heads, "--max-heads", error) ||
        !check_limit(dataset, "queries", dims[3], limits->max_seq, "--max-seq", error) ||
        !check_limit(dataset, "keys", dims[4], limits->max_seq, "--max-seq", error))
        return FALSE;
    if (dims[3] > dims[4]) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %" G_GUINT64_FORMAT " queries but only %" G_GUINT64_FORMAT " keys",
                    dataset->name, (guint64)dims[3], (guint64)dims[4]);
        return FALSE;
    }
    return TRUE;
}

/* bf16 comes as a custom float, or as uint16 with an attribute that says so. */
static gboolean
read_element(const EntroDataset *dataset, EntroLayer *layer, GError **error)
{
    g_auto(EntroHid) type = H5Dget_type(dataset->id);

    if (entro_element_from_type(type, &layer->element, &layer->big_endian))
        return TRUE;
    if (H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 2) {
        g_auto(EntroValue) encoding = entro_attribute_read(dataset->id, "encoding");
        if (encoding.kind == ENTRO_VALUE_TEXT && g_str_equal(encoding.text, "bf16")) {
            layer->element = ENTRO_BF16;
            layer->big_endian = H5Tget_order(type) == H5T_ORDER_BE;
            return TRUE;
        }
    }
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s holds another type of %" G_GSIZE_FORMAT
                " bytes, expected f16, bf16, f32 or f64 (bf16 may be uint16 with the attribute "
                "encoding=\"bf16\")",
                dataset->name, dataset->element_size);
    return FALSE;
}

static gboolean
check_window(EntroSource *source, hid_t dataset_or_root, GError **error)
{
    if (integer_attribute(dataset_or_root, "window", 0) <= 0)
        return TRUE;
    (void)source;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                "has the attribute window (sliding-window attention), which this version of "
                "entroscope does not read yet");
    return FALSE;
}

static void
fill_layer(EntroSource *source, EntroDataset *dataset, EntroLayer *layer)
{
    EntroTrace *trace = &source->trace;
    g_autofree char *group_path = g_strdup_printf("/layers/%u", layer->index);
    g_auto(EntroHid) group = H5Gopen2(source->file, group_path, H5P_DEFAULT);

    layer->n_samples = dataset->dims[1];
    layer->n_heads = (guint)dataset->dims[2];
    layer->n_queries = dataset->dims[3];
    layer->n_keys = dataset->dims[4];
    layer->causal = causal_attribute(group, causal_attribute(dataset->id, trace->causal));
    layer->storage = describe_storage(dataset);
    layer->split_rows = dataset->chunked && dataset->chunk[4] < dataset->dims[4];
    layer->complete = dataset->dims[0] >= trace->n_captures;
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        layer->checksummed |= dataset->filters[filter] == H5Z_FILTER_FLETCHER32;
    layer->bytes_decoded = (guint64)trace->n_captures * layer->n_samples * layer->n_heads *
                           layer->n_queries * layer->n_keys * dataset->element_size;
    if (!layer->complete)
        note(trace->problems,
             "%s holds %" G_GUINT64_FORMAT " captures, /step announces %" G_GSIZE_FORMAT,
             dataset->name, (guint64)dataset->dims[0], trace->n_captures);
}

static gboolean
read_layer(EntroSource *source, guint index, GError **error)
{
    EntroTrace *trace = &source->trace;
    gboolean has_attention = FALSE;

    if (!check_layer_parts(source, index, &has_attention, error))
        return FALSE;
    if (!has_attention) {
        note(trace->notes, "layer %u has no attention: left out", index);
        return TRUE;
    }
    g_autofree char *path = g_strdup_printf("/layers/%u/attention", index);
    EntroDataset *dataset = &source->attention[trace->n_layers];
    EntroLayer *layer = &trace->layers[trace->n_layers];
    hid_t id = entro_open_dataset(source->file, path, error);
    if (id < 0)
        return FALSE;
    trace->n_layers++; /* from here on the clean-up knows about it */
    layer->index = index;
    if (!entro_dataset_init(dataset, id, path, source->limits.max_chunk, error) ||
        !check_shape(source, dataset, error) || !read_element(dataset, layer, error) ||
        !check_window(source, id, error))
        return FALSE;
    fill_layer(source, dataset, layer);
    return TRUE;
}

static gboolean
read_layers(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(guint));
    GError *refused = NULL;
    g_auto(EntroHid) group = open_group(source, "/layers", &refused);
    hsize_t at = 0;

    if (refused != NULL) {
        g_propagate_error(error, refused);
        return FALSE;
    }
    if (group >= 0)
        H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, collect_layer, indices);
    g_array_sort(indices, compare_index);
    if (indices->len > source->limits.max_layers) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "/layers has %u layers, the limit is %" G_GSIZE_FORMAT
                    " (--max-layers raises it)",
                    indices->len, source->limits.max_layers);
        return FALSE;
    }
    trace->layers = g_new0(EntroLayer, MAX(indices->len, 1));
    source->attention = g_new0(EntroDataset, MAX(indices->len, 1));
    for (guint i = 0; i < indices->len; i++)
        if (!read_layer(source, g_array_index(indices, guint, i), error))
            return FALSE;
    if (trace->n_layers > 0)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                "has no dataset /layers/<number>/attention");
    return FALSE;
}

/* ---- key mask ------------------------------------------------------------------------------------------- */

static gboolean
read_key_mask(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;

    if (!entro_path_exists(source->file, "/key_mask", &trace->has_key_mask, error))
        return FALSE;
    if (!trace->has_key_mask)
        return TRUE;
    hid_t id = entro_open_dataset(source->file, "/key_mask", error);
    if (id < 0 ||
        !entro_dataset_init(&source->key_mask, id, "/key_mask", source->limits.max_chunk, error))
        return FALSE;
    const EntroDataset *mask = &source->key_mask;
    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        if (mask->rank == 3 && mask->element_size == 1 && mask->dims[1] == layer->n_samples &&
            mask->dims[2] == layer->n_keys)
            continue;
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "/key_mask does not fit layer %u: expected uint8 [S,%" G_GSIZE_FORMAT
                    ",%" G_GSIZE_FORMAT "]",
                    layer->index, layer->n_samples, layer->n_keys);
        return FALSE;
    }
    return TRUE;
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

static void
note_state(EntroTrace *trace)
{
    gboolean checksummed = TRUE;
    guint split = 0;

    for (guint layer = 0; layer < trace->n_layers; layer++) {
        checksummed = checksummed && trace->layers[layer].checksummed;
        split += trace->layers[layer].split_rows;
    }
    if (!checksummed)
        note(trace->notes, "no checksums in this file: damaged data would not be noticed");
    if (split > 0)
        note(trace->notes,
             "%u of %u layers split rows over several chunks: rows are assembled, slower (write "
             "chunks with all keys of a row)",
             split, trace->n_layers);
    if (g_str_equal(trace->open_mode, "truncated"))
        note(trace->problems, "the file is truncated: what lies beyond its end cannot be read");
    if (g_str_equal(trace->open_mode, "cleared"))
        note(trace->notes, "the file is marked as being written by a program that does not allow "
                           "readers, or that was killed: read as it stands");
}

gboolean
entro_trace_read(EntroSource *source, const char *path, GError **error)
{
    EntroTrace *trace = &source->trace;

    trace->path = g_strdup(path);
    trace->layout = "trace-v1";
    trace->notes = g_ptr_array_new_with_free_func(g_free);
    trace->problems = g_ptr_array_new_with_free_func(g_free);
    if (!check_format(source, error))
        return FALSE;
    read_root(source);
    if (!check_window(source, source->file, error) || !refuse_later_parts(source, error) ||
        !read_steps(source, error) || !read_layers(source, error) ||
        !read_key_mask(source, error) || !read_config(source, error))
        return FALSE;
    read_scalars(source);
    read_complete(source);
    if (trace->context_length == 0)
        trace->context_length = trace->layers[0].n_keys;
    note_state(trace);
    return TRUE;
}

void
entro_trace_clear(EntroTrace *trace)
{
    g_free(trace->path);
    g_free(trace->run_name);
    g_free(trace->producer);
    g_free(trace->trace_uuid);
    g_free(trace->open_mode);
    g_free(trace->steps);
    g_free(trace->attempts);
    for (guint layer = 0; layer < trace->n_layers; layer++)
        g_free(trace->layers[layer].storage);
    g_free(trace->layers);
    for (guint i = 0; i < trace->n_config; i++) {
        g_free(trace->config[i].key);
        g_free(trace->config[i].value);
    }
    g_free(trace->config);
    for (guint i = 0; i < trace->n_scalars; i++) {
        g_free(trace->scalars[i].name);
        g_free(trace->scalars[i].step);
        g_free(trace->scalars[i].value);
    }
    g_free(trace->scalars);
    g_clear_pointer(&trace->notes, g_ptr_array_unref);
    g_clear_pointer(&trace->problems, g_ptr_array_unref);
}
