/* trace-series.c: the small parts of a trace: /step, the scalars, the configuration and the key mask. */
#include "reader/reader.h"

#include <string.h>

#define MAX_NAMES  4096 /* attributes of /config, groups below /scalars */
#define MAX_SERIES ENTRO_SERIES_MAX
#define PATIENCE   5 /* times that a chunk is read again beside a writer */

/* ---- small datasets ------------------------------------------------------------------------------ */

/* A writer replaces the last chunk of a series in place: who reads it just then finds half of each,
 * and the checksum tells. */
EntroRead
entro_read_patiently(const EntroDataset *dataset, const hsize_t *origin, const hsize_t *count,
                     void *to, char **ret_problem)
{
    EntroRead read = entro_dataset_read_box(dataset, origin, count, to, ret_problem);

    if (dataset->reader == NULL || !g_str_equal(dataset->reader->mode, "swmr"))
        return read;
    for (guint again = 0; read == ENTRO_READ_DAMAGED && again < PATIENCE; again++) {
        g_clear_pointer(ret_problem, g_free);
        g_usleep(1000);
        read = entro_dataset_read_box(dataset, origin, count, to, ret_problem);
    }
    return read;
}

/* Whole when it can; else, where a cut is allowed, as many entries from the first as can be read. */
static gsize
read_entries(const EntroDataset *dataset, guint8 *to, gboolean may_cut, char **ret_problem)
{
    gsize n = dataset->dims[0], unit = dataset->chunked ? dataset->chunk[0] : 1, done = 0;
    hsize_t origin[1] = {0}, all[1] = {n};

    if (n == 0 || entro_read_patiently(dataset, origin, all, to, ret_problem) == ENTRO_READ_OK)
        return n;
    while (may_cut && done < n) {
        g_autofree char *again = NULL;
        hsize_t count[1] = {MIN(unit, n - done)};
        origin[0] = done;
        if (entro_dataset_read_box(dataset, origin, count, to + done * dataset->element_size,
                                   &again) != ENTRO_READ_OK)
            break;
        done += count[0];
    }
    return done;
}

/* Entries before the first chunk that is zeros and passes its checksum for that reason alone (params.c).
 * Steps grow, so that two of them are not both 0; scalars may be. */
static gsize
count_before_lost_page(const EntroDataset *dataset, const gint64 *steps, gsize n)
{
    const gsize unit = dataset->chunked ? dataset->chunk[0] : n;
    const gboolean is_plain =
        dataset->n_filters == 1 && dataset->filters[0] == H5Z_FILTER_FLETCHER32;

    for (gsize first = 0; is_plain && first < n; first += unit) {
        const gsize end = MIN(first + unit, n);
        gsize at = first;
        while (at < end && steps[at] == 0)
            at++;
        if (at == end && end - first > 1)
            return first;
    }
    return n;
}

static gboolean
check_series(const EntroDataset *dataset, EntroClass class, gsize max_n, GError **error)
{
    if (dataset->rank != 1 || dataset->type.class != class || dataset->element_size > 8) {
        g_autofree char *found = entro_dataset_type_text(dataset);
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s holds %s along %d axes, expected %s along one axis", dataset->name, found,
                    dataset->rank,
                    class == ENTRO_CLASS_INTEGER ? "integers" : "floating-point numbers");
        return FALSE;
    }
    if (dataset->dims[0] > max_n) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s has %" G_GUINT64_FORMAT " entries, the limit is %" G_GSIZE_FORMAT "%s",
                    dataset->name, (guint64)dataset->dims[0], max_n,
                    max_n == MAX_SERIES ? "" : " (--max-steps raises it)");
        return FALSE;
    }
    return TRUE;
}

static gboolean
convert(const EntroDataset *dataset, gpointer values, gsize n)
{
    const EntroType *type = &dataset->type;

    if (type->class == ENTRO_CLASS_INTEGER)
        return entro_type_to_int64(type, dataset->element_size, values, n);
    if (type->is_ours)
        entro_element_to_double(type->element, type->big_endian, values, n);
    return type->is_ours;
}

gboolean
entro_read_series(EntroSource *source, const char *path, EntroClass class, gsize max_n,
                  EntroSeries *ret_series, GError **error)
{
    g_auto(EntroDataset) dataset = {0};
    g_autofree char *problem = NULL;

    if (!entro_reader_open_dataset(source->reader, path, source->limits.max_chunk, &dataset,
                                   error) ||
        !check_series(&dataset, class, max_n, error))
        return FALSE;
    g_autofree void *values = g_try_malloc_n(MAX(dataset.dims[0], 1), 8);
    if (values == NULL) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s: no memory for %" G_GUINT64_FORMAT " entries", path,
                    (guint64)dataset.dims[0]);
        return FALSE;
    }
    gsize n = read_entries(&dataset, values, ret_series->may_be_cut, &problem);
    if ((n == 0 && problem != NULL) || (n < dataset.dims[0] && !ret_series->may_be_cut)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s %s", path, problem);
        return FALSE;
    }
    if (!convert(&dataset, values, n)) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                    "%s cannot be converted: its numbers leave some of their bits unused", path);
        return FALSE;
    }
    if (class == ENTRO_CLASS_INTEGER) {
        gsize n_good = count_before_lost_page(&dataset, values, n);
        if (n_good < n && (n_good == 0 || !ret_series->may_be_cut)) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s %s", path,
                        ENTRO_LOST_PAGE);
            return FALSE;
        }
        if (n_good < n) {
            g_free(problem);
            problem = g_strdup(ENTRO_LOST_PAGE);
        }
        n = n_good;
    }
    if (n < dataset.dims[0])
        entro_note(source->trace.problems,
                   "%s: only its first %" G_GSIZE_FORMAT " of %" G_GUINT64_FORMAT
                   " entries can be read: the next %s",
                   path, n, (guint64)dataset.dims[0], problem);
    ret_series->n = n;
    ret_series->n_announced = dataset.dims[0];
    ret_series->values = g_steal_pointer(&values);
    return TRUE;
}

/* A step that is not above its predecessor begins the next attempt. */
void
entro_trace_set_attempts(EntroTrace *trace)
{
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
}

gboolean
entro_trace_read_steps(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    EntroSeries steps = {.may_be_cut = TRUE};

    if (!entro_read_series(source, "/step", ENTRO_CLASS_INTEGER, source->limits.max_captures,
                           &steps, error))
        return FALSE;
    trace->n_captures = steps.n;
    trace->n_announced = steps.n_announced;
    trace->steps = steps.values;
    entro_trace_set_attempts(trace);
    return TRUE;
}

/* ---- /config ---------------------------------------------------------------------------------------- */

static void
note_incomplete(EntroTrace *trace, const char *where, EntroListEnd end, guint n)
{
    if (end == ENTRO_LIST_DAMAGED)
        entro_note(trace->problems, "%s is damaged: only %u names in it are listed", where, n);
    else if (end == ENTRO_LIST_CUT)
        entro_note(trace->problems, "%s has more than %u names: the rest is left out", where, n);
}

gboolean
entro_trace_read_config(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    GError *refused = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gboolean exists = FALSE;
    EntroListEnd end = ENTRO_LIST_WHOLE;

    if (entro_reader_exists(source->reader, "/config", &exists, &refused) && exists)
        entro_reader_list(source->reader, "/config", TRUE, MAX_NAMES, names, &end, &refused);
    if (g_error_matches(refused, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT)) {
        entro_note(trace->problems, "%s", refused->message);
        g_clear_error(&refused);
    } else if (refused != NULL) {
        g_propagate_error(error, refused);
        return FALSE;
    }
    note_incomplete(trace, "/config", end, names->len);
    trace->config = g_new0(EntroConfigEntry, names->len);
    for (guint i = 0; i < names->len; i++) {
        g_auto(EntroValue) value =
            entro_reader_attribute(source->reader, "/config", names->pdata[i]);
        char *text = entro_value_to_text(&value);
        if (text != NULL) {
            trace->config[trace->n_config++] = (EntroConfigEntry){g_strdup(names->pdata[i]), text};
            continue;
        }
        g_autofree char *shown = entro_printable(names->pdata[i], -1);
        if (value.kind == ENTRO_VALUE_DAMAGED)
            entro_note(trace->problems, "/config: %s is damaged: left out", shown);
        else
            entro_note(trace->notes, "/config: %s is no single number or text: left out", shown);
    }
    return TRUE;
}

/* ---- /scalars ---------------------------------------------------------------------------------------- */

static gboolean
read_scalar(EntroSource *source, const char *name, EntroScalar *ret_scalar, GError **error)
{
    EntroSeries steps = {0}, values = {0};
    g_autofree char *step_path = g_strdup_printf("/scalars/%s/step", name);
    g_autofree char *value_path = g_strdup_printf("/scalars/%s/value", name);

    if (!entro_read_series(source, step_path, ENTRO_CLASS_INTEGER, MAX_SERIES, &steps, error))
        return FALSE;
    if (!entro_read_series(source, value_path, ENTRO_CLASS_FLOAT, MAX_SERIES, &values, error)) {
        g_free(steps.values);
        return FALSE;
    }
    *ret_scalar =
        (EntroScalar){g_strdup(name), MIN(steps.n, values.n), steps.values, values.values};
    return TRUE;
}

/* A scalar that cannot be read costs itself, not the trace. */
void
entro_trace_read_scalars(EntroSource *source)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GError) refused = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    gboolean exists = FALSE;
    EntroListEnd end = ENTRO_LIST_WHOLE;

    if (entro_reader_exists(source->reader, "/scalars", &exists, &refused) && exists)
        entro_reader_list(source->reader, "/scalars", FALSE, MAX_NAMES, names, &end, &refused);
    if (refused != NULL)
        entro_note(trace->problems, "%s", refused->message);
    note_incomplete(trace, "/scalars", end, names->len);
    trace->scalars = g_new0(EntroScalar, names->len);
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GError) error = NULL;
        if (read_scalar(source, names->pdata[i], &trace->scalars[trace->n_scalars], &error))
            trace->n_scalars++;
        else {
            g_autofree char *shown = entro_printable(error->message, -1);
            entro_note(trace->problems, "%s", shown);
        }
    }
}

/* ---- key mask and documents ------------------------------------------------------------------------------ */

static gboolean
open_mask(EntroSource *source, const char *path, EntroDataset *dataset, gboolean *ret_exists,
          GError **error)
{
    if (!entro_reader_exists(source->reader, path, ret_exists, error))
        return FALSE;
    return !*ret_exists || entro_reader_open_dataset(source->reader, path, source->limits.max_chunk,
                                                     dataset, error);
}

gboolean
entro_trace_open_masks(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;

    return open_mask(source, "/key_mask", &source->key_mask.dataset, &trace->has_key_mask, error) &&
           open_mask(source, "/segment", &source->segment.dataset, &trace->has_segment, error);
}

static gboolean
check_mask(const EntroSource *source, const EntroDataset *mask, gboolean right_type,
           const char *type, GError **error)
{
    for (guint i = 0; i < source->trace.n_layers; i++) {
        const EntroLayer *layer = &source->trace.layers[i];
        if (mask->rank == 3 && right_type && mask->dims[1] == layer->n_samples &&
            mask->dims[2] == layer->n_keys)
            continue;
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s does not fit layer %u: expected %s [S,%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT
                    "]",
                    mask->name, layer->index, type, layer->n_samples, layer->n_keys);
        return FALSE;
    }
    return TRUE;
}

gboolean
entro_trace_check_masks(const EntroSource *source, GError **error)
{
    const EntroTrace *trace = &source->trace;
    const EntroDataset *mask = &source->key_mask.dataset, *segment = &source->segment.dataset;

    if (trace->has_key_mask) {
        EntroClass class = mask->type.class;
        gboolean is_byte =
            mask->element_size == 1 && (class == ENTRO_CLASS_INTEGER || class == ENTRO_CLASS_ENUM);
        if (!check_mask(source, mask, is_byte, "uint8", error))
            return FALSE;
    }
    if (!trace->has_segment)
        return TRUE;
    gboolean is_integer = segment->type.class == ENTRO_CLASS_INTEGER && segment->type.is_plain &&
                          segment->element_size <= 8;
    return check_mask(source, segment, is_integer, "int32", error);
}
