/* tensors.c: the table of parameter tensors.
 *
 * One row a tensor; layout, initialisation, weight decay, gradient check and checkpoint follow
 * from it.  As in the code released with the paper: queries and keys are one matrix with a bias,
 * the other matrices have none; weights are N(0, init_std^2), biases 0, gains and scales 1, and
 * AdamW decays the matrices (embeddings too) but nothing else.  The output head is wte again.  A
 * normalised matrix brings tensors of its own, behind it. */
#include "tensors-private.h"
#include "matrix-norms.h"

#define ALIGNMENT 16 /* elements: 64 bytes of float */

typedef enum { DIM_NONE, DIM_VOCAB, DIM_CONTEXT, DIM_MODEL, DIM_QK, DIM_FFN, DIM_HEADS } Dim;

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

static gboolean
with_temperature(const GptShape *shape)
{
    return shape->arch->temperature;
}

static gboolean
with_regulariser(const GptShape *shape)
{
    return shape->arch->regularize != ENTRO_REGULARIZE_OFF;
}

static gboolean
with_hidden_layer(const GptShape *shape)
{
    return shape->arch->ffn != ENTRO_FFN_FUSED;
}

static gboolean
with_fused_ffn(const GptShape *shape)
{
    return shape->arch->ffn == ENTRO_FFN_FUSED;
}

static gboolean
with_scales(const GptShape *shape)
{
    return shape->arch->ffn != ENTRO_FFN_PLAIN;
}

typedef struct {
    const char *name;
    gboolean in_block; /* one a layer, named blocks/<layer>/<name> */
    gboolean (*wanted)(const GptShape *shape);
    Dim rows, columns; /* y[columns] = x[rows] w; DIM_NONE: a vector */
    TensorInit init;
    gboolean decay;
    guint place; /* ENTRO_ON_...: a normalisation there is on this matrix */
} TensorRow;

static const TensorRow rows[N_TENSOR_KINDS] = {
    [TENSOR_WTE] = {"wte", FALSE, always, DIM_VOCAB, DIM_MODEL, TENSOR_NORMAL, TRUE, 0},
    [TENSOR_WPE] = {"wpe", FALSE, always, DIM_CONTEXT, DIM_MODEL, TENSOR_NORMAL, TRUE, 0},
    [TENSOR_NORM1_GAIN] = {"norm1/gain", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ONE, FALSE,
                           0},
    [TENSOR_NORM1_BIAS] = {"norm1/bias", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ZERO, FALSE,
                           0},
    [TENSOR_W_QK] = {"attn/w_qk", TRUE, always, DIM_MODEL, DIM_QK, TENSOR_NORMAL, TRUE,
                     ENTRO_ON_QK},
    [TENSOR_B_QK] = {"attn/b_qk", TRUE, always, DIM_QK, DIM_NONE, TENSOR_ZERO, FALSE, 0},
    [TENSOR_W_V] = {"attn/w_v", TRUE, always, DIM_MODEL, DIM_MODEL, TENSOR_NORMAL, TRUE,
                    ENTRO_ON_V},
    [TENSOR_W_O] = {"attn/w_o", TRUE, always, DIM_MODEL, DIM_MODEL, TENSOR_NORMAL, TRUE,
                    ENTRO_ON_O},
    [TENSOR_TEMPERATURE] = {"attn/temperature", TRUE, with_temperature, DIM_HEADS, DIM_CONTEXT,
                            TENSOR_TEMPERATURES, FALSE, 0},
    [TENSOR_THRESHOLD] = {"attn/threshold", TRUE, with_regulariser, DIM_HEADS, DIM_NONE,
                          TENSOR_THRESHOLDS, FALSE, 0},
    [TENSOR_NORM2_GAIN] = {"norm2/gain", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ONE, FALSE,
                           0},
    [TENSOR_NORM2_BIAS] = {"norm2/bias", TRUE, with_norm, DIM_MODEL, DIM_NONE, TENSOR_ZERO, FALSE,
                           0},
    [TENSOR_W_IN] = {"ffn/w_in", TRUE, with_hidden_layer, DIM_MODEL, DIM_FFN, TENSOR_NORMAL, TRUE,
                     ENTRO_ON_FFN},
    [TENSOR_W_OUT] = {"ffn/w_out", TRUE, with_hidden_layer, DIM_FFN, DIM_MODEL, TENSOR_NORMAL, TRUE,
                      ENTRO_ON_FFN},
    [TENSOR_W_FUSED] = {"ffn/w_fused", TRUE, with_fused_ffn, DIM_MODEL, DIM_MODEL, TENSOR_NORMAL,
                        TRUE, ENTRO_ON_FFN},
    [TENSOR_ALPHA] = {"ffn/alpha", TRUE, with_scales, DIM_NONE, DIM_NONE, TENSOR_ONE, FALSE, 0},
    [TENSOR_BETA] = {"ffn/beta", TRUE, with_scales, DIM_NONE, DIM_NONE, TENSOR_ONE, FALSE, 0},
    [TENSOR_FINAL_GAIN] = {"final_norm/gain", FALSE, with_final_norm, DIM_MODEL, DIM_NONE,
                           TENSOR_ONE, FALSE, 0},
    [TENSOR_FINAL_BIAS] = {"final_norm/bias", FALSE, with_final_norm, DIM_MODEL, DIM_NONE,
                           TENSOR_ZERO, FALSE, 0},
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
    case DIM_HEADS:
        return shape->n_heads;
    case DIM_NONE:
        break;
    }
    return 1;
}

/* The next part of the arena; returns its offset. */
static gsize
append_item(TensorTable *table, const Tensor *item)
{
    Tensor *tensor;

    table->items = g_renew(Tensor, table->items, table->n + 1);
    tensor = &table->items[table->n++];
    *tensor = *item;
    tensor->size = item->dims[0] * item->dims[1];
    tensor->offset = table->arena;
    table->arena += (tensor->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    table->n_parameters += tensor->trained ? tensor->size : 0;
    return tensor->offset;
}

static gsize
append_of_matrix(TensorTable *table, const char *matrix, const char *suffix, gsize n,
                 gboolean trained)
{
    const Tensor item = {.name = g_strconcat(matrix, suffix, NULL),
                         .n_dims = 1,
                         .dims = {n, 1},
                         .init = TENSOR_OF_MATRIX,
                         .trained = trained,
                         .norm = {G_MAXSIZE, G_MAXSIZE, G_MAXSIZE}};

    return append_item(table, &item);
}

/* The tensors of the normalisations that the architecture places on the matrix appended last. */
static void
append_norms(TensorTable *table, guint place)
{
    const EntroArch *arch = table->shape.arch;
    const guint at = table->n - 1; /* the items move while the table grows */
    const char *name = table->items[at].name;
    const gsize n_in = table->items[at].dims[0];
    const gsize n_out = table->items[at].dims[1];
    MatrixNorm norm = {G_MAXSIZE, G_MAXSIZE, G_MAXSIZE};

    if ((arch->weight_norm & place) != 0)
        norm.gain = append_of_matrix(table, name, "_gain", n_out, TRUE);
    if ((arch->spectral_norm & place) != 0) {
        norm.sn_input = append_of_matrix(table, name, "_sn_v", n_in, FALSE);
        norm.sn_unit = append_of_matrix(table, name, "_sn_u", n_out, FALSE);
    }
    table->items[at].norm = norm;
    table->normed |= norm.gain != G_MAXSIZE || norm.sn_unit != G_MAXSIZE;
}

static void
append(TensorTable *table, TensorKind kind, gsize layer)
{
    const TensorRow *row = &rows[kind];

    if (!row->wanted(&table->shape))
        return;
    const Tensor item = {.name = row->in_block ? g_strdup_printf("blocks/%zu/%s", layer, row->name)
                                               : g_strdup(row->name),
                         .n_dims = row->columns == DIM_NONE ? 1 : 2,
                         .dims = {dim_size(&table->shape, row->rows),
                                  dim_size(&table->shape, row->columns)},
                         .init = row->init,
                         .decay = row->decay,
                         .trained = TRUE};
    table->offsets[layer * N_TENSOR_KINDS + kind] = append_item(table, &item);
    append_norms(table, row->place);
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

gsize
tensor_size(const TensorTable *table, TensorKind kind)
{
    return dim_size(&table->shape, rows[kind].rows) * dim_size(&table->shape, rows[kind].columns);
}

static double
start_value(TensorInit init, const TensorStart *start, Rng *rng)
{
    switch (init) {
    case TENSOR_NORMAL:
        return start->std * rng_normal(rng);
    case TENSOR_ONE:
        return 1;
    case TENSOR_TEMPERATURES:
        return start->temperature;
    case TENSOR_THRESHOLDS:
        return start->threshold;
    case TENSOR_ZERO:
    case TENSOR_OF_MATRIX:
        break;
    }
    return 0;
}

void
tensors_init(const TensorTable *table, real *weights, const TensorStart *start, Rng *rng)
{
    for (guint i = 0; i < table->n; i++) {
        const Tensor *tensor = &table->items[i];
        real *w = weights + tensor->offset;

        for (gsize k = 0; k < tensor->size; k++)
            w[k] = (real)start_value(tensor->init, start, rng);
    }
    matrix_norms_init(table, weights);
}

/* A NaN stays one. */
static void
raise_to(real *x, gsize n, double least)
{
    for (gsize i = 0; i < n; i++)
        x[i] = x[i] < (real)least ? (real)least : x[i];
}

void
tensors_guard(const TensorTable *table, real *weights, double temperature_guard)
{
    const GptShape *shape = &table->shape;

    for (gsize layer = 0; layer < shape->n_layers; layer++) {
        real *temperature = tensor_at(table, weights, TENSOR_TEMPERATURE, layer);
        real *alpha = tensor_at(table, weights, TENSOR_ALPHA, layer);

        if (temperature != NULL)
            raise_to(temperature, shape->n_heads * shape->context, temperature_guard);
        if (alpha != NULL)
            raise_to(alpha, 1, ALPHA_GUARD);
    }
}
