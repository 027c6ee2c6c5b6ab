/* params.c: the learnable parameters that may lie beside a layer's attention.
 *
 * Writer, reader and messages go by one table of names and shapes.  They are optional: one that is
 * wrong costs itself, a damaged entry its capture; the trace is read without it. */
#include "reader/reader.h"

#include <string.h>

/* The axes are those of the attention, one entry a capture: S steps, H heads, Q queries. */
typedef struct {
    const char *name; /* of the dataset */
    const char *axes;
    gboolean divides; /* so that it is not 0 everywhere; residual branches may begin with 0 */
} ParamRow;

static const ParamRow rows[] = {
    [ENTRO_PARAM_TEMPERATURE] = {"temperature", "SHQ", TRUE},
    [ENTRO_PARAM_THRESHOLD] = {"threshold", "SH", FALSE},
    [ENTRO_PARAM_ALPHA] = {"alpha", "S", FALSE},
    [ENTRO_PARAM_BETA] = {"beta", "S", FALSE},
};

G_STATIC_ASSERT(G_N_ELEMENTS(rows) == ENTRO_N_PARAMS);

const char *
entro_param_name(EntroParam param)
{
    return rows[param].name;
}

int
entro_param_dims(EntroParam param, guint n_heads, gsize n_queries, hsize_t *ret_dims)
{
    const char *axes = rows[param].axes;
    int rank = (int)strlen(axes);

    for (int axis = 0; axis < rank; axis++)
        ret_dims[axis] = axes[axis] == 'H' ? n_heads : axes[axis] == 'Q' ? n_queries : 1;
    return rank;
}

gsize
entro_param_size(EntroParam param, const EntroLayer *layer)
{
    hsize_t dims[3];
    int rank = entro_param_dims(param, layer->n_heads, layer->n_queries, dims);
    gsize n = 1;

    for (int axis = 1; axis < rank; axis++)
        n *= dims[axis];
    return n;
}

/* ---- opening -------------------------------------------------------------------------------------- */

/* "[S,4,128]": what is there, or what should be. */
static char *
shape_text(int rank, const hsize_t *dims)
{
    GString *text = g_string_new("[S");

    for (int axis = 1; axis < rank; axis++)
        g_string_append_printf(text, ",%" G_GUINT64_FORMAT, (guint64)dims[axis]);
    g_string_append_c(text, ']');
    return g_string_free(text, FALSE);
}

static gboolean
check_shape(const EntroDataset *dataset, EntroParam param, const EntroLayer *layer, GError **error)
{
    hsize_t dims[3];
    int rank = entro_param_dims(param, layer->n_heads, layer->n_queries, dims);

    if (dataset->rank == rank &&
        memcmp(dataset->dims + 1, dims + 1, (gsize)(rank - 1) * sizeof *dims) == 0)
        return TRUE;
    g_autofree char *found = shape_text(dataset->rank, dataset->dims);
    g_autofree char *expected = shape_text(rank, dims);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s has the shape %s, expected %s as the attention beside it", dataset->name, found,
                expected);
    return FALSE;
}

static gboolean
check_element(EntroParamData *data, GError **error)
{
    const EntroType *type = &data->dataset.type;

    data->element = type->element;
    data->big_endian = type->big_endian;
    if (type->is_ours)
        return TRUE;
    g_autofree char *found = entro_dataset_type_text(&data->dataset);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s holds %s, expected f16, bf16, f32 or f64", data->dataset.name, found);
    return FALSE;
}

static gboolean
open_param(EntroSource *source, const EntroLayer *layer, EntroParam param, const char *path,
           EntroParamData *data, GError **error)
{
    return entro_reader_open_dataset(source->reader, path, source->limits.max_chunk, &data->dataset,
                                     error) &&
           check_shape(&data->dataset, param, layer, error) && check_element(data, error);
}

static void
note_short(EntroTrace *trace, const EntroDataset *dataset)
{
    if (dataset->dims[0] < trace->n_captures)
        entro_note(trace->problems,
                   "%s holds %" G_GUINT64_FORMAT " captures, /step announces %" G_GSIZE_FORMAT,
                   dataset->name, (guint64)dataset->dims[0], trace->n_captures);
}

void
entro_trace_read_params(EntroSource *source, guint position)
{
    EntroLayer *layer = &source->trace.layers[position];
    g_autofree char *folder = entro_layout_folder(source->layout, layer->index);

    for (guint param = 0; folder != NULL && param < ENTRO_N_PARAMS; param++) {
        EntroParamData *data = &source->params[position * ENTRO_N_PARAMS + param];
        g_autofree char *path = g_strdup_printf("%s/%s", folder, rows[param].name);
        g_autoptr(GError) problem = NULL;
        gboolean exists = FALSE;

        if (entro_reader_exists(source->reader, path, &exists, &problem) && !exists)
            continue;
        if (problem == NULL && open_param(source, layer, param, path, data, &problem)) {
            note_short(&source->trace, &data->dataset);
            layer->params |= 1u << param;
            continue;
        }
        entro_note(source->trace.problems, "the %s of layer %u is left out: %s", rows[param].name,
                   layer->index, problem->message);
        entro_dataset_clear(&data->dataset);
    }
}

/* ---- reading --------------------------------------------------------------------------------------- */

static gboolean
is_lost_page(const EntroDataset *dataset, const guint8 *raw, gsize n)
{
    gboolean checksummed = FALSE;

    for (guint i = 0; i < dataset->n_filters; i++) {
        checksummed |= dataset->filters[i] == H5Z_FILTER_FLETCHER32;
        if (dataset->filters[i] == H5Z_FILTER_DEFLATE)
            return FALSE; /* of which zeros are no stream */
    }
    return checksummed && entro_is_zeros(raw, n * dataset->element_size);
}

/* The entry as it is stored, n values. */
static EntroRead
read_entry(const EntroParamData *data, EntroParam param, gsize capture, gsize n, void *raw,
           char **ret_problem)
{
    hsize_t origin[ENTRO_RANK_MAX] = {capture}, dims[ENTRO_RANK_MAX];

    memcpy(dims, data->dataset.dims, sizeof dims);
    dims[0] = 1;
    if (capture >= data->dataset.dims[0]) {
        *ret_problem = g_strdup("was never written");
        return ENTRO_READ_MISSING;
    }
    if (raw == NULL) {
        *ret_problem = g_strdup_printf("has %" G_GSIZE_FORMAT " values: no memory for them", n);
        return ENTRO_READ_DAMAGED;
    }
    EntroRead read = entro_read_patiently(&data->dataset, origin, dims, raw, ret_problem);
    if (read == ENTRO_READ_OK && rows[param].divides && is_lost_page(&data->dataset, raw, n)) {
        *ret_problem = g_strdup(ENTRO_LOST_PAGE);
        return ENTRO_READ_DAMAGED;
    }
    return read;
}

EntroTileStatus
entro_source_read_param(EntroSource *source, guint layer, EntroParam param, gsize capture,
                        float *values, char **ret_problem)
{
    const EntroParamData *data = &source->params[layer * ENTRO_N_PARAMS + param];
    gsize n = entro_param_size(param, &source->trace.layers[layer]);
    g_autofree char *problem = NULL;

    g_return_val_if_fail((source->trace.layers[layer].params & 1u << param) != 0,
                         ENTRO_TILE_MISSING);
    entro_h5_quiet();
    g_autofree void *raw = g_try_malloc_n(n, data->dataset.element_size);
    EntroRead read = read_entry(data, param, capture, n, raw, &problem);
    if (read == ENTRO_READ_OK) {
        entro_element_decode(data->element, data->big_endian, raw, values, n);
        return ENTRO_TILE_OK;
    }
    for (gsize i = 0; i < n; i++)
        values[i] = NAN;
    *ret_problem = g_strdup_printf("%s: capture %" G_GSIZE_FORMAT ": its entry %s",
                                   data->dataset.name, capture, problem);
    return read == ENTRO_READ_MISSING ? ENTRO_TILE_MISSING : ENTRO_TILE_DAMAGED;
}
