/* trace-layers.c: which layers there are; what each has is read by trace-inputs.c. */
#include "reader/reader.h"

#include <string.h>

/* ---- layers -------------------------------------------------------------------------------------------- */

#define NAMES_MAX 1000000 /* of a group with layers, whatever else is in it */

static void
add_layer(const char *name, GArray *indices)
{
    char *end = NULL;
    guint64 number = g_ascii_strtoull(name, &end, 10);
    guint index = (guint)number;

    if (g_ascii_isdigit(*name) && *end == '\0' && number <= G_MAXINT32 &&
        (*name != '0' || name[1] == '\0'))
        g_array_append_val(indices, index);
}

static gint
compare_index(gconstpointer a, gconstpointer b)
{
    return *(const guint *)a < *(const guint *)b ? -1 : *(const guint *)a > *(const guint *)b;
}

static gboolean
read_layer(EntroSource *source, guint index, GError **error)
{
    EntroTrace *trace = &source->trace;
    EntroDataset *dataset = &source->attention[trace->n_layers];
    EntroLayer *layer = &trace->layers[trace->n_layers];
    gboolean has_rows = FALSE;

    layer->index = index;
    if (!entro_layer_find_input(source, layer, &has_rows, error))
        return FALSE;
    if (!has_rows) {
        entro_note(trace->notes, "layer %u has no attention: left out", index);
        return TRUE;
    }
    if (entro_layer_read_input(source, trace->n_layers, error)) {
        entro_trace_read_params(source, trace->n_layers++);
        return TRUE;
    }
    entro_dataset_clear(dataset);
    entro_dataset_clear(&source->beside[trace->n_layers].dataset);
    g_free(layer->storage);
    g_free(layer->query_rows);
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
    g_autofree char *path = entro_layout_group(source->layout);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    EntroListEnd end = ENTRO_LIST_WHOLE;
    gboolean exists = FALSE;

    if (!entro_reader_exists(source->reader, path, &exists, error) ||
        (exists && !entro_reader_list(source->reader, path, FALSE, NAMES_MAX, names, &end, error)))
        return FALSE;
    for (guint i = 0; i < names->len; i++)
        add_layer(names->pdata[i], indices);
    if (end == ENTRO_LIST_DAMAGED)
        entro_note(trace->problems, "%s is damaged: only %u layers of it are listed", path,
                   indices->len);
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
    source->beside = g_new0(EntroParamData, MAX(indices->len, 1));
    source->params = g_new0(EntroParamData, MAX(indices->len, 1) * ENTRO_N_PARAMS);
    return read_each_layer(source, indices, error);
}
