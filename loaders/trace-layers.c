/* trace-layers.c: which layers there are, and what shape and type each has. */
#include "loader-private.h"

#include <string.h>

/* ---- layers -------------------------------------------------------------------------------------------- */

typedef struct {
    GArray *indices; /* guint */
    gsize max_layers;
} LayerList;

static herr_t
collect_layer(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    LayerList *list = data;
    char *end = NULL;
    guint64 number = g_ascii_strtoull(name, &end, 10);
    guint index = (guint)number;

    (void)group;
    (void)info;
    if (g_ascii_isdigit(*name) && *end == '\0' && number <= G_MAXINT32 &&
        (*name != '0' || name[1] == '\0'))
        g_array_append_val(list->indices, index);
    return list->indices->len <= list->max_layers ? 0 : 1;
}

static gint
compare_index(gconstpointer a, gconstpointer b)
{
    return *(const guint *)a < *(const guint *)b ? -1 : *(const guint *)a > *(const guint *)b;
}

/* A part beside the attention, in the layer's own folder. */
static gboolean
exists_below(EntroSource *source, const char *folder, const char *name, gboolean *ret_exists,
             GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s", folder, name);

    return entro_path_exists(source->file, path, ret_exists, error);
}

/* Other ways to give a layer's attention belong to the format, but not yet to this version. */
static gboolean
check_layer_parts(EntroSource *source, guint layer, gboolean *ret_attention, GError **error)
{
    static const char *const later[] = {"queries", "row_entropy", "query_rows"};
    g_autofree char *path = entro_layout_path(source->layout, layer);
    g_autofree char *folder = entro_layout_folder(source->layout, layer);
    gboolean exists = FALSE;

    if (!entro_path_exists(source->file, path, ret_attention, error))
        return FALSE;
    for (guint i = 0; folder != NULL && i < G_N_ELEMENTS(later); i++) {
        if (!exists_below(source, folder, later[i], &exists, error))
            return FALSE;
        if (exists && (!*ret_attention || g_str_equal(later[i], "query_rows"))) {
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_UNSUPPORTED,
                        "%s has %s, which this version of entroscope does not read yet; store "
                        "attention [S,B,H,T,T] instead",
                        folder, later[i]);
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
    return check_limit(dataset, "samples", dims[1], limits->max_samples, "--max-samples", error) &&
           check_limit(dataset, "heads", dims[2], limits->max_heads, "--max-heads", error) &&
           check_limit(dataset, "queries", dims[3], limits->max_seq, "--max-seq", error) &&
           check_limit(dataset, "keys", dims[4], limits->max_seq, "--max-seq", error);
}

/* bf16 comes as a custom float, or as uint16 with an attribute that says so. */
static gboolean
read_element(const EntroDataset *dataset, EntroLayer *layer, GError **error)
{
    g_auto(EntroHid) type = H5Dget_type(dataset->id);

    if (entro_element_from_type(type, &layer->element, &layer->big_endian))
        return TRUE;
    if (H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 2 &&
        H5Tget_precision(type) == 16) {
        g_auto(EntroValue) encoding = entro_attribute_read(dataset->id, "encoding");
        if (encoding.kind == ENTRO_VALUE_TEXT && g_str_equal(encoding.text, "bf16")) {
            layer->element = ENTRO_BF16;
            layer->big_endian = H5Tget_order(type) == H5T_ORDER_BE;
            return TRUE;
        }
    }
    g_autofree char *found = entro_dataset_type_text(dataset);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s holds %s, expected f16, bf16, f32 or f64 (bf16 may be uint16 with the "
                "attribute encoding=\"bf16\")",
                dataset->name, found);
    return FALSE;
}

static void
fill_layer(EntroSource *source, const EntroDataset *dataset, EntroLayer *layer)
{
    EntroTrace *trace = &source->trace;

    layer->n_samples = dataset->dims[1];
    layer->n_heads = (guint)dataset->dims[2];
    layer->n_queries = dataset->dims[3];
    layer->n_keys = dataset->dims[4];
    layer->storage = describe_storage(dataset);
    layer->split_rows = dataset->chunked && dataset->chunk[4] < dataset->dims[4];
    layer->complete = dataset->dims[0] >= trace->n_captures;
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        layer->checksummed |= dataset->filters[filter] == H5Z_FILTER_FLETCHER32;
    layer->bytes_decoded = (guint64)trace->n_captures * layer->n_samples * layer->n_heads *
                           layer->n_queries * layer->n_keys * dataset->element_size;
    if (!layer->complete)
        entro_note(trace->problems,
                   "%s holds %" G_GUINT64_FORMAT " captures, /step announces %" G_GSIZE_FORMAT,
                   dataset->name, (guint64)dataset->dims[0], trace->n_captures);
}

/* Attributes of a layer may sit at its group, if it has one, or at its dataset. */
static gboolean
read_layer_attributes(EntroSource *source, hid_t dataset, EntroLayer *layer, GError **error)
{
    g_autofree char *path = entro_layout_path(source->layout, layer->index);
    g_autofree char *folder = entro_layout_folder(source->layout, layer->index);

    layer->causal = entro_causal_attribute(dataset, source->trace.causal);
    if (!entro_check_window(dataset, path, error))
        return FALSE;
    if (folder == NULL)
        return TRUE;
    g_auto(EntroHid) group = entro_open_group(source, folder, error);
    if (group < 0 || !entro_check_window(group, folder, error))
        return FALSE;
    layer->causal = entro_causal_attribute(group, layer->causal);
    return TRUE;
}

static gboolean
read_attention(EntroSource *source, EntroDataset *dataset, EntroLayer *layer, GError **error)
{
    g_autofree char *path = entro_layout_path(source->layout, layer->index);
    hid_t id = entro_open_dataset(source->file, path, error);

    if (id < 0 ||
        !entro_dataset_init(dataset, id, source->fd, path, source->limits.max_chunk, error) ||
        !check_shape(source, dataset, error) || !read_element(dataset, layer, error) ||
        !read_layer_attributes(source, id, layer, error))
        return FALSE;
    fill_layer(source, dataset, layer);
    return TRUE;
}

static gboolean
read_layer(EntroSource *source, guint index, GError **error)
{
    EntroTrace *trace = &source->trace;
    EntroDataset *dataset = &source->attention[trace->n_layers];
    EntroLayer *layer = &trace->layers[trace->n_layers];
    gboolean has_attention = FALSE;

    if (!check_layer_parts(source, index, &has_attention, error))
        return FALSE;
    if (!has_attention) {
        entro_note(trace->notes, "layer %u has no attention: left out", index);
        return TRUE;
    }
    layer->index = index;
    if (read_attention(source, dataset, layer, error)) {
        entro_trace_read_params(source, trace->n_layers++);
        return TRUE;
    }
    entro_dataset_clear(dataset);
    *layer = (EntroLayer){0};
    return FALSE;
}

/* A damaged layer costs itself; what is refused or contradicts itself costs the file. */
static gboolean
read_each_layer(EntroSource *source, const GArray *indices, GError **error)
{
    EntroTrace *trace = &source->trace;

    for (guint i = 0; i < indices->len; i++) {
        guint index = g_array_index(indices, guint, i);
        GError *problem = NULL;
        if (read_layer(source, index, &problem))
            continue;
        if (!g_error_matches(problem, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT)) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        entro_note(trace->problems, "layer %u is left out: %s", index, problem->message);
        g_error_free(problem);
    }
    if (trace->n_layers > 0)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                "has no readable dataset /%s%s%s", source->layout->pattern,
                trace->problems->len ? ": " : "",
                trace->problems->len ? (char *)trace->problems->pdata[trace->problems->len - 1]
                                     : "");
    return FALSE;
}

gboolean
entro_trace_read_layers(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;
    g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(guint));
    LayerList list = {indices, source->limits.max_layers};
    GError *refused = NULL;
    g_autofree char *path = entro_layout_group(source->layout);
    g_auto(EntroHid) group = entro_open_group(source, path, &refused);
    hsize_t at = 0;

    if (refused != NULL) {
        g_propagate_error(error, refused);
        return FALSE;
    }
    if (group >= 0 && H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &at, collect_layer, &list) < 0)
        entro_note(trace->problems, "%s is damaged: only %u layers of it are listed", path,
                   indices->len);
    H5Eclear2(H5E_DEFAULT);
    g_array_sort(indices, compare_index);
    if (indices->len > source->limits.max_layers) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s has more than %" G_GSIZE_FORMAT
                    " layers, the limit (--max-layers raises it)",
                    path, source->limits.max_layers);
        return FALSE;
    }
    trace->layers = g_new0(EntroLayer, MAX(indices->len, 1));
    source->attention = g_new0(EntroDataset, MAX(indices->len, 1));
    source->params = g_new0(EntroParamData, MAX(indices->len, 1) * ENTRO_N_PARAMS);
    return read_each_layer(source, indices, error);
}
