/* run-params.c: learnable parameters of a layer, read with its first tile.
 *
 * They are a few numbers beside many rows, and only the reader may touch HDF5: no worker is needed,
 * so they are the same for any number of threads. */
#include "run-private.h"

#include <string.h>

static void
take_one(const float *values, gsize n, double *ret_columns)
{
    (void)n;
    ret_columns[0] = isfinite(values[0]) ? values[0] : NAN;
}

/* One value that is not finite makes all three undefined: a mean over the rest would hide it. */
static void
take_spread(const float *values, gsize n, double *ret_columns)
{
    double sum = 0, least = INFINITY, most = -INFINITY;

    for (gsize i = 0; i < n; i++) {
        sum += values[i];
        least = MIN(least, (double)values[i]);
        most = MAX(most, (double)values[i]);
    }
    gboolean finite = isfinite(sum); /* no sum of floats overflows a double */
    ret_columns[0] = finite ? sum / (double)n : NAN;
    ret_columns[1] = finite ? least : NAN;
    ret_columns[2] = finite ? most : NAN;
}

/* What becomes of the values of one head, or of the layer. */
typedef struct {
    gboolean of_heads;
    guint column; /* the first that is filled */
    void (*take)(const float *values, gsize n, double *ret_columns);
} ParamUse;

static const ParamUse uses[] = {
    [ENTRO_PARAM_TEMPERATURE] = {TRUE, ENTRO_HEAD_PARAM_TEMPERATURE_MEAN, take_spread},
    [ENTRO_PARAM_THRESHOLD] = {TRUE, ENTRO_HEAD_PARAM_THRESHOLD, take_one},
    [ENTRO_PARAM_ALPHA] = {FALSE, ENTRO_LAYER_PARAM_ALPHA, take_one},
    [ENTRO_PARAM_BETA] = {FALSE, ENTRO_LAYER_PARAM_BETA, take_one},
};

G_STATIC_ASSERT(G_N_ELEMENTS(uses) == ENTRO_N_PARAMS);

static guint
bits_of(gboolean of_heads)
{
    guint bits = 0;

    for (guint param = 0; param < ENTRO_N_PARAMS; param++)
        bits |= uses[param].of_heads == of_heads ? 1u << param : 0;
    return bits;
}

gsize
entro_run_param_values(const EntroTrace *trace)
{
    gsize most = 0;

    for (guint i = 0; i < trace->n_layers; i++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++)
            if (trace->layers[i].params & 1u << param)
                most = MAX(most, entro_param_size(param, &trace->layers[i]));
    return most;
}

/* ---- the reader ------------------------------------------------------------------------------------- */

static void
clear_columns(const EntroLayer *layer, EntroHeadWork *heads, double *of_layer)
{
    for (guint column = 0; column < ENTRO_LAYER_PARAM_N_COLUMNS; column++)
        of_layer[column] = NAN;
    for (guint head = 0; head < layer->n_heads; head++)
        for (guint column = 0; column < ENTRO_HEAD_PARAM_N_COLUMNS; column++)
            heads[head].params[column] = NAN;
}

static void
read_capture(EntroRun *run, EntroLayerBatch *batch, gsize capture)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];
    EntroHeadWork *heads = batch->heads + capture * layer->n_heads;
    double *of_layer = batch->layer_params[capture];

    clear_columns(layer, heads, of_layer);
    for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
        const ParamUse *use = &uses[param];
        gsize n = entro_param_size(param, layer) / (use->of_heads ? layer->n_heads : 1);
        char *problem = NULL;

        if ((layer->params & 1u << param) == 0)
            continue;
        if (entro_source_read_param(run->source, batch->layer, param, batch->first + capture,
                                    run->param_values, &problem) != ENTRO_TILE_OK) {
            g_ptr_array_add(batch->param_problems[capture], problem);
            continue;
        }
        if (param == ENTRO_PARAM_TEMPERATURE) { /* each row's own: the logits need it */
            memcpy(batch->temperature + capture * n * layer->n_heads, run->param_values,
                   n * layer->n_heads * sizeof(float));
            batch->has_temperature[capture] = TRUE;
        }
        for (guint head = 0; use->of_heads && head < layer->n_heads; head++)
            use->take(run->param_values + head * n, n, heads[head].params + use->column);
        if (!use->of_heads)
            use->take(run->param_values, n, of_layer + use->column);
    }
}

void
entro_run_read_params(EntroRun *run, EntroLayerBatch *batch)
{
    for (gsize capture = 0; capture < batch->n_captures; capture++) {
        g_ptr_array_set_size(batch->param_problems[capture], 0);
        batch->has_temperature[capture] = FALSE;
        if (run->trace->layers[batch->layer].params != 0)
            read_capture(run, batch, capture);
    }
}

/* ---- the caller ------------------------------------------------------------------------------------- */

static void
add_head_params(const EntroLayer *layer, const EntroHeadWork *heads, EntroCapture *target)
{
    target->head_params =
        g_renew(EntroHeadParams, target->head_params, target->n_head_params + layer->n_heads);
    for (guint head = 0; head < layer->n_heads; head++) {
        EntroHeadParams *params = &target->head_params[target->n_head_params++];
        *params = (EntroHeadParams){.layer = layer->index, .head = head};
        memcpy(params->values, heads[head].params, sizeof params->values);
    }
}

static void
add_layer_params(const EntroLayer *layer, const double *values, EntroCapture *target)
{
    target->layer_params =
        g_renew(EntroLayerParams, target->layer_params, target->n_layer_params + 1);
    EntroLayerParams *params = &target->layer_params[target->n_layer_params++];
    params->layer = layer->index;
    memcpy(params->values, values, sizeof params->values);
}

void
entro_run_add_params(const EntroRun *run, const EntroLayerBatch *batch, gsize capture,
                     EntroCapture *target)
{
    const EntroLayer *layer = &run->trace->layers[batch->layer];
    const GPtrArray *problems = batch->param_problems[capture];

    if (layer->params & bits_of(TRUE))
        add_head_params(layer, batch->heads + capture * layer->n_heads, target);
    if (layer->params & bits_of(FALSE))
        add_layer_params(layer, batch->layer_params[capture], target);
    for (guint i = 0; i < problems->len; i++)
        entro_capture_spoil(target, problems->pdata[i]);
}
