/* tensors.c: the table of parameter tensors.
 *
 * One row a tensor; layout, initialisation, weight decay, gradient check and checkpoint follow
 * from it.  As in the code released with the paper: queries and keys are one matrix with a bias,
 * the other matrices have none; weights are N(0, init_std^2), biases 0, gains 1, and AdamW decays
 * the matrices (embeddings too) but no bias and no gain.  The output head is wte again. */
#include "tensors-private.h"

#define ALIGNMENT 16 /* elements: 64 bytes of float */

typedef enum { DIM_NONE, DIM_VOCAB, DIM_CONTEXT, DIM_MODEL, DIM_QK, DIM_FFN } Dim;

static gboolean
always(const GptShape *shape G_GNUC_UNUSED)
{
    return TRUE;
}

static gboolean
with_norm(const GptShape *shape)
{
    return shape->arch->norm == ENTRO_NORM_LAYER;
}

static gboolean
with_final_norm(const GptShape *shape)
{
    return shape->final_norm;
}

typedef struct {
    const char *name;
    gboolean in_block; /* one a layer, named blocks/<layer>/<name> */
    gboolean (*wanted)(const GptShape *shape);
    Dim rows, columns; /* y[columns] = x[rows] w; DIM_NONE: a vector */
    TensorInit init;
    gboolean decay;
} TensorRow;

static const TensorRow rows[N_TENSOR_KINDS] = {
    [TENSOR_WTE] = {"wte", FALSE, always, DIM_VOCAB, DIM_MODEL, TENSOR_NORMAL, TRUE},
    [TENSOR_WPE] = {"wpe", FALSE, always, DIM_CONTEXT, DIM_MODEL, TENSOR_NORMAL, TRUE},
    [TENSOR_NORM1_GAIN] = {"norm1/gain", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ONE, FALSE},
    [TENSOR_NORM1_BIAS] = {"norm1/bias", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ZERO, FALSE},
    [TENSOR_W_QK] = {"attn/w_qk", TRUE, always, DIM_MODEL, DIM_QK, TENSOR_NORMAL, TRUE},
    [TENSOR_B_QK] = {"attn/b_qk", TRUE, always, DIM_QK, DIM_NONE, TENSOR_ZERO, FALSE},
    [TENSOR_W_V] = {"attn/w_v", TRUE, always, DIM_MODEL, DIM_MODEL, TENSOR_NORMAL, TRUE},
    [TENSOR_W_O] = {"attn/w_o", TRUE, always, DIM_MODEL, DIM_MODEL, TENSOR_NORMAL, TRUE},
    [TENSOR_NORM2_GAIN] = {"norm2/gain", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ONE, FALSE},
    [TENSOR_NORM2_BIAS] = {"norm2/bias", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ZERO, FALSE},
    [TENSOR_W_IN] = {"ffn/w_in", TRUE, always, DIM_MODEL, DIM_FFN, TENSOR_NORMAL, TRUE},
    [TENSOR_W_OUT] = {"ffn/w_out", TRUE, always, DIM_FFN, DIM_MODEL, TENSOR_NORMAL, TRUE},
    [TENSOR_FINAL_GAIN] = {"final_norm/gain", FALSE, with_final_norm, DIM_MODEL, DIM_NONE,
                           TENSOR_ONE, FALSE},
    [TENSOR_FINAL_BIAS] = {"final_norm/bias", FALSE, with_final_norm, DIM_MODEL, DIM_NONE,
                           TENSOR_ZERO, FALSE},
};

static gsize
dim_size(const GptShape *shape, Dim dim)
{
    switch (dim) {
    case DIM_VOCAB:
        return GPT_VOCAB;
    case DIM_CONTEXT:
        return shape->context;
    case DIM_MODEL:
        return shape->d_model;
    case DIM_QK:
        return 2 * shape->d_model;
    case DIM_FFN:
        return 4 * shape->d_model;
    case DIM_NONE:
        break;
    }
    return 1;
}

static void
append(TensorTable *table, TensorKind kind, gsize layer)
{
    const TensorRow *row = &rows[kind];
    Tensor *tensor = &table->items[table->n];

    if (!row->wanted(&table->shape))
        return;
    tensor->name =
        row->in_block ? g_strdup_printf("blocks/%zu/%s", layer, row->name) : g_strdup(row->name);
    tensor->kind = kind;
    tensor->n_dims = row->columns == DIM_NONE ? 1 : 2;
    tensor->dims[0] = dim_size(&table->shape, row->rows);
    tensor->dims[1] = dim_size(&table->shape, row->columns);
    tensor->size = tensor->dims[0] * tensor->dims[1];
    tensor->offset = table->arena;
    tensor->init = row->init;
    tensor->decay = row->decay;
    table->offsets[layer * N_TENSOR_KINDS + kind] = tensor->offset;
    table->arena += (tensor->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    table->n_parameters += tensor->size;
    table->n++;
}

/* Embeddings, blocks in order, final norm: the order of the forward pass. */
static void
append_all(TensorTable *table)
{
    append(table, TENSOR_WTE, 0);
    append(table, TENSOR_WPE, 0);
    for (gsize layer = 0; layer < table->shape.n_layers; layer++)
        for (TensorKind kind = 0; kind < N_TENSOR_KINDS; kind++)
            if (rows[kind].in_block)
                append(table, kind, layer);
    append(table, TENSOR_FINAL_GAIN, 0);
    append(table, TENSOR_FINAL_BIAS, 0);
}

TensorTable *
tensor_table_new(const GptShape *shape)
{
    TensorTable *table = g_new0(TensorTable, 1);
    const gsize n = shape->n_layers * N_TENSOR_KINDS;

    table->shape = *shape;
    table->items = g_new0(Tensor, n);
    table->offsets = g_new(gsize, n);
    for (gsize i = 0; i < n; i++)
        table->offsets[i] = G_MAXSIZE;
    append_all(table);
    return table;
}

void
tensor_table_free(TensorTable *table)
{
    if (table == NULL)
        return;
    for (guint i = 0; i < table->n; i++)
        g_free(table->items[i].name);
    g_free(table->items);
    g_free(table->offsets);
    g_free(table);
}

real *
tensor_at(const TensorTable *table, real *arena, TensorKind kind, gsize layer)
{
    const gsize offset = table->offsets[layer * N_TENSOR_KINDS + kind];

    return offset == G_MAXSIZE ? NULL : arena + offset;
}

void
tensors_init(const TensorTable *table, real *weights, double init_std, Rng *rng)
{
    for (guint i = 0; i < table->n; i++) {
        const Tensor *tensor = &table->items[i];
        real *w = weights + tensor->offset;

        for (gsize k = 0; k < tensor->size; k++)
            w[k] = tensor->init == TENSOR_NORMAL ? (real)(init_std * rng_normal(rng))
                   : tensor->init == TENSOR_ONE  ? 1
                                                 : 0;
    }
}
