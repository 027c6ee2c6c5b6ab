/* trace-inputs.c: what a layer stores, one row a query: weights, the query itself (with keys beside
 * it), or only its entropy.
 *
 * The datasets are described as if all had five axes, so that everything behind cuts, reads and
 * assembles rows without asking what they are; row entropies have rows of one number. */
#include "reader/reader.h"

#include <string.h>

typedef struct {
    const char *name; /* of the dataset, in the layer's own folder */
    const char *axes;
    const char *beside; /* what may, or must, lie beside it */
    int rank;
} InputRow;

static const InputRow inputs[] = {
    [ENTRO_INPUT_ATTENTION] = {"attention", "[step, sample, head, query, key]", NULL, 5},
    [ENTRO_INPUT_ROW_ENTROPY] = {"row_entropy", "[step, sample, head, query]", "row_max_logit", 4},
    [ENTRO_INPUT_QUERIES] = {"queries", "[step, sample, head, query, dimension]", "keys", 5},
};

/* Where several are stored, the one that says most. */
static const EntroInput by_worth[] = {ENTRO_INPUT_ATTENTION, ENTRO_INPUT_QUERIES,
                                      ENTRO_INPUT_ROW_ENTROPY};

const char *
entro_input_name(EntroInput input)
{
    return inputs[input].name;
}

char *
entro_trace_input(const EntroTrace *trace)
{
    GString *text = g_string_new(NULL);

    for (guint input = 0; input < G_N_ELEMENTS(inputs); input++) {
        gboolean found = FALSE, sampled = FALSE;
        for (guint i = 0; i < trace->n_layers; i++)
            if (trace->layers[i].input == input) {
                found = TRUE;
                sampled = sampled || trace->layers[i].query_rows != NULL;
            }
        if (found)
            g_string_append_printf(text, "%s%s%s", text->len ? ", " : "", inputs[input].name,
                                   sampled ? " of some queries" : "");
    }
    return g_string_free(text, FALSE);
}

gssize
entro_layer_position(const EntroLayer *layer, gsize query)
{
    return layer->query_rows ? (gssize)layer->query_rows[query]
                             : (gssize)query + (gssize)layer->n_keys - (gssize)layer->n_queries;
}

hsize_t
entro_layer_captures(const EntroSource *source, guint layer)
{
    const EntroDataset *beside = &source->beside[layer].dataset;
    hsize_t n = source->attention[layer].dims[0];

    return beside->name ? MIN(n, beside->dims[0]) : n;
}

/* ---- paths ------------------------------------------------------------------------------------------ */

/* A dataset in the layer's own folder; attention is where the layout says, and other layouts know of
 * nothing else: NULL. */
static char *
input_path(const EntroSource *source, guint layer, const char *name)
{
    g_autofree char *folder = entro_layout_folder(source->layout, layer);

    if (g_str_equal(name, inputs[ENTRO_INPUT_ATTENTION].name))
        return entro_layout_path(source->layout, layer);
    return folder ? g_strdup_printf("%s/%s", folder, name) : NULL;
}

static gboolean
part_exists(EntroSource *source, guint layer, const char *name, gboolean *ret_exists,
            GError **error)
{
    g_autofree char *path = input_path(source, layer, name);

    *ret_exists = FALSE;
    return path == NULL || entro_reader_exists(source->reader, path, ret_exists, error);
}

gboolean
entro_layer_find_input(EntroSource *source, EntroLayer *layer, gboolean *ret_found, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(by_worth); i++) {
        layer->input = by_worth[i];
        if (!part_exists(source, layer->index, inputs[by_worth[i]].name, ret_found, error))
            return FALSE;
        if (*ret_found)
            return TRUE;
    }
    return TRUE;
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

static char *
describe_storage(const EntroDataset *dataset)
{
    GString *text = g_string_new(dataset->chunked ? "chunked" : "contiguous");

    for (int axis = 0; dataset->chunked && axis < dataset->rank; axis++)
        g_string_append_printf(text, "%s%" G_GUINT64_FORMAT, axis ? "x" : " ",
                               (guint64)dataset->chunk[axis]);
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        g_string_append_printf(text, ", %s", entro_filter_name(dataset->filters[filter]));
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
check_rank(const EntroDataset *dataset, int rank, const char *axes, GError **error)
{
    if (dataset->rank == rank)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has %d axes, expected %d: %s", dataset->name, dataset->rank, rank, axes);
    return FALSE;
}

gboolean
entro_layer_check_shape(const EntroSource *source, const EntroDataset *dataset,
                        const EntroLayer *layer, GError **error)
{
    const EntroLimits *limits = &source->limits;
    const InputRow *row = &inputs[layer->input];
    const hsize_t *dims = dataset->dims;
    const char *last = layer->input == ENTRO_INPUT_QUERIES ? "dimensions" : "keys";

    return check_rank(dataset, row->rank, row->axes, error) &&
           check_limit(dataset, "samples", dims[1], limits->max_samples, "--max-samples", error) &&
           check_limit(dataset, "heads", dims[2], limits->max_heads, "--max-heads", error) &&
           check_limit(dataset, "queries", dims[3], limits->max_seq, "--max-seq", error) &&
           (row->rank < 5 ||
            check_limit(dataset, last, dims[4], limits->max_seq, "--max-seq", error));
}

/* bf16 comes as a custom float, or as uint16 with an attribute that says so. */
gboolean
entro_dataset_read_element(const EntroDataset *dataset, EntroElement *ret_element,
                           gboolean *ret_big_endian, GError **error)
{
    const EntroType *type = &dataset->type;

    if (type->is_ours) {
        *ret_element = type->element;
        *ret_big_endian = type->big_endian;
        return TRUE;
    }
    if (type->class == ENTRO_CLASS_INTEGER && dataset->element_size == 2 && type->is_plain) {
        g_auto(EntroValue) encoding =
            entro_reader_attribute(dataset->reader, dataset->name, "encoding");
        if (encoding.kind == ENTRO_VALUE_TEXT && g_str_equal(encoding.text, "bf16")) {
            *ret_element = ENTRO_BF16;
            *ret_big_endian = type->big_endian;
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

static gboolean
open_dataset(EntroSource *source, const char *path, EntroDataset *dataset, GError **error)
{
    return entro_reader_open_dataset(source->reader, path, source->limits.max_chunk, dataset,
                                     error);
}

/* ---- what lies beside -------------------------------------------------------------------------------- */

static gboolean
disagree(const EntroDataset *dataset, const EntroDataset *with, const char *expected,
         GError **error)
{
    g_autoptr(GString) found = g_string_new("[");
    g_autoptr(GString) other = g_string_new("[");

    for (int axis = 0; axis < dataset->rank; axis++)
        g_string_append_printf(found, "%s%" G_GUINT64_FORMAT, axis ? "," : "",
                               (guint64)dataset->dims[axis]);
    for (int axis = 0; axis < with->rank; axis++)
        g_string_append_printf(other, "%s%" G_GUINT64_FORMAT, axis ? "," : "",
                               (guint64)with->dims[axis]);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has the shape %s], which does not fit %s, %s]: expected %s", dataset->name,
                found->str, with->name, other->str, expected);
    return FALSE;
}

/* Grouped-query attention: several heads share a head of the keys. */
static gboolean
check_keys(EntroSource *source, const EntroDataset *queries, const EntroDataset *keys,
           GError **error)
{
    if (!check_rank(keys, 5, "[step, sample, key head, key, dimension]", error))
        return FALSE;
    if (keys->dims[1] != queries->dims[1])
        return disagree(keys, queries, "as many samples", error);
    if (keys->dims[4] != queries->dims[4])
        return disagree(keys, queries, "as many dimensions", error);
    if (keys->dims[2] < 1 || queries->dims[2] % keys->dims[2] != 0)
        return disagree(keys, queries, "heads that are a whole multiple of the heads of keys",
                        error);
    return check_limit(keys, "keys", keys->dims[3], source->limits.max_seq, "--max-seq", error);
}

static gboolean
read_beside(EntroSource *source, guint position, GError **error)
{
    EntroLayer *layer = &source->trace.layers[position];
    EntroParamData *beside = &source->beside[position];
    const EntroDataset *rows = &source->attention[position];
    const char *name = inputs[layer->input].beside;
    gboolean exists = FALSE;

    if (name == NULL)
        return TRUE;
    g_autofree char *path = input_path(source, layer->index, name);
    if (!part_exists(source, layer->index, name, &exists, error))
        return FALSE;
    if (!exists && layer->input == ENTRO_INPUT_QUERIES) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has no %s beside it: without them there are no weights", rows->name, path);
        return FALSE;
    }
    if (!exists)
        return TRUE;
    if (!open_dataset(source, path, &beside->dataset, error) ||
        !entro_dataset_read_element(&beside->dataset, &beside->element, &beside->big_endian, error))
        return FALSE;
    if (layer->input == ENTRO_INPUT_QUERIES)
        return check_keys(source, rows, &beside->dataset, error);
    layer->max_logits = TRUE;
    return (beside->dataset.rank == 4 &&
            memcmp(beside->dataset.dims + 1, rows->dims + 1, 3 * sizeof *rows->dims) == 0) ||
           disagree(&beside->dataset, rows, "the same", error);
}

/* ---- keys and positions ------------------------------------------------------------------------------ */

static gboolean
bad_row(const char *path, gsize i, gint64 found, const char *expected, gint64 number,
        GError **error)
{
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s: entry %" G_GSIZE_FORMAT " is %" G_GINT64_FORMAT ", expected %s "
                "%" G_GINT64_FORMAT,
                path, i, found, expected, number);
    return FALSE;
}

static gboolean
check_query_rows(const char *path, const EntroLayer *layer, gsize n, GError **error)
{
    const gint64 *rows = layer->query_rows;

    if (n != layer->n_queries) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                    "%s has %" G_GSIZE_FORMAT " entries, expected %" G_GSIZE_FORMAT
                    ": one for each stored row",
                    path, n, layer->n_queries);
        return FALSE;
    }
    for (gsize i = 0; i < n; i++) {
        if (rows[i] < 0)
            return bad_row(path, i, rows[i], "at least", 0, error);
        if (i > 0 && rows[i] <= rows[i - 1])
            return bad_row(path, i, rows[i], "ascending positions, here more than", rows[i - 1],
                           error);
        if (layer->n_keys > 0 && rows[i] >= (gint64)layer->n_keys)
            return bad_row(path, i, rows[i], "a position below the number of keys,",
                           (gint64)layer->n_keys, error);
    }
    return TRUE;
}

static gboolean
read_query_rows(EntroSource *source, EntroLayer *layer, GError **error)
{
    g_autofree char *path = input_path(source, layer->index, "query_rows");
    EntroSeries series = {0};
    gboolean exists = FALSE;

    if (!part_exists(source, layer->index, "query_rows", &exists, error))
        return FALSE;
    if (!exists)
        return TRUE;
    if (!entro_read_series(source, path, ENTRO_CLASS_INTEGER, ENTRO_SERIES_MAX, &series, error))
        return FALSE;
    layer->query_rows = series.values;
    return check_query_rows(path, layer, series.n, error);
}

/* Row entropies do not tell: what lies beside them, or else attention of a sequence to itself. */
static gsize
guess_keys(const EntroSource *source, const EntroLayer *layer, const EntroLayerRule *rule)
{
    const EntroDataset *masks[] = {&source->key_mask.dataset, &source->segment.dataset};
    gsize end = layer->query_rows ? (gsize)layer->query_rows[layer->n_queries - 1] + 1 : 0;

    if (rule->n_keys > 0)
        return rule->n_keys;
    for (guint i = 0; i < G_N_ELEMENTS(masks); i++)
        if (masks[i]->name != NULL && masks[i]->rank == 3 && masks[i]->dims[2] > 0)
            return masks[i]->dims[2];
    if (layer->query_rows == NULL)
        return layer->n_queries;
    return MAX((gsize)source->trace.context_length, end);
}

static gboolean
find_keys(EntroSource *source, guint position, const EntroLayerRule *rule, GError **error)
{
    EntroLayer *layer = &source->trace.layers[position];
    const EntroDataset *rows = &source->attention[position];

    if (layer->input == ENTRO_INPUT_ATTENTION)
        layer->n_keys = rows->dims[4];
    else if (layer->input == ENTRO_INPUT_QUERIES)
        layer->n_keys = source->beside[position].dataset.dims[3];
    if (!read_query_rows(source, layer, error))
        return FALSE;
    if (layer->input != ENTRO_INPUT_ROW_ENTROPY)
        return TRUE;
    layer->n_keys = guess_keys(source, layer, rule);
    g_autofree char *path = input_path(source, layer->index, "query_rows");
    return check_limit(rows, "keys", layer->n_keys, source->limits.max_seq, "--max-seq", error) &&
           (layer->query_rows == NULL || check_query_rows(path, layer, layer->n_queries, error));
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

/* Attributes of a layer may sit at its group, if it has one, or at its dataset. */
static gboolean
read_layer_attributes(EntroSource *source, const EntroDataset *dataset, EntroLayer *layer,
                      EntroLayerRule *rule, GError **error)
{
    g_autofree char *folder = entro_layout_folder(source->layout, layer->index);

    *rule = source->rule;
    layer->causal =
        entro_causal_attribute(&source->trace, source->reader, dataset->name, source->trace.causal);
    if (folder != NULL) {
        if (!entro_rule_attributes(source->reader, folder, folder, rule, error))
            return FALSE;
        layer->causal =
            entro_causal_attribute(&source->trace, source->reader, folder, layer->causal);
    }
    return entro_rule_attributes(source->reader, dataset->name, dataset->name, rule, error);
}

void
entro_layer_fill(EntroSource *source, guint position, const EntroLayerRule *rule)
{
    EntroTrace *trace = &source->trace;
    EntroLayer *layer = &trace->layers[position];
    const EntroDataset *dataset = &source->attention[position];
    const EntroDataset *beside = &source->beside[position].dataset;
    hsize_t n_captures = entro_layer_captures(source, position);

    layer->storage = describe_storage(dataset);
    layer->split_rows = dataset->chunked && dataset->chunk[4] < dataset->dims[4];
    layer->complete = n_captures >= trace->n_captures;
    for (guint filter = 0; filter < dataset->n_filters; filter++)
        layer->checksummed |= dataset->filters[filter] == H5Z_FILTER_FLETCHER32 ||
                              dataset->filters[filter] == ENTRO_FILTER_ZIP;
    layer->bytes_decoded = (guint64)trace->n_captures * layer->n_samples * layer->n_heads *
                           layer->n_queries * layer->row_size * dataset->element_size;
    if (beside->name != NULL)
        layer->bytes_decoded += (guint64)trace->n_captures * beside->dims[1] * beside->dims[2] *
                                beside->dims[3] * beside->dims[4] * beside->element_size;
    layer->window = rule->window;
    if (layer->input == ENTRO_INPUT_QUERIES) {
        layer->n_key_heads = (guint)beside->dims[2];
        layer->head_dim = dataset->dims[4];
        layer->scale = isnan(rule->scale) ? 1 / sqrt((double)layer->head_dim) : rule->scale;
    }
    if (!layer->complete)
        entro_note(trace->problems,
                   "%s holds %" G_GUINT64_FORMAT " captures, /step announces %" G_GSIZE_FORMAT,
                   beside->name && beside->dims[0] < dataset->dims[0] ? beside->name
                                                                      : dataset->name,
                   (guint64)n_captures, trace->n_captures);
}

gboolean
entro_layer_read_input(EntroSource *source, guint position, GError **error)
{
    EntroLayer *layer = &source->trace.layers[position];
    EntroDataset *dataset = &source->attention[position];
    g_autofree char *path = input_path(source, layer->index, inputs[layer->input].name);
    EntroLayerRule rule;

    if (!open_dataset(source, path, dataset, error) ||
        !entro_layer_check_shape(source, dataset, layer, error) ||
        !entro_dataset_read_element(dataset, &layer->element, &layer->big_endian, error) ||
        !read_layer_attributes(source, dataset, layer, &rule, error))
        return FALSE;
    layer->n_samples = dataset->dims[1];
    layer->n_heads = (guint)dataset->dims[2];
    layer->n_queries = dataset->dims[3];
    layer->row_size = dataset->dims[4];
    if (!read_beside(source, position, error) || !find_keys(source, position, &rule, error))
        return FALSE;
    entro_layer_fill(source, position, &rule);
    return TRUE;
}
