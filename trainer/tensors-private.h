/* tensors-private.h: the parameters of a model, as a table over one arena.
 *
 * Weights, gradients and both moments of the optimizer are arenas of the same layout: an offset
 * found here holds in each of them. */
#ifndef ENTRO_TENSORS_PRIVATE_H
#define ENTRO_TENSORS_PRIVATE_H

#include "entro-trainer.h"
#include "real.h"
#include "rng.h"

#define GPT_VOCAB 256 /* bytes */

typedef struct {
    const EntroArch *arch;
    gsize n_layers, n_heads, d_model, context;
    gboolean final_norm;
} GptShape;

typedef enum {
    TENSOR_WTE,
    TENSOR_WPE,
    TENSOR_NORM1_GAIN,
    TENSOR_NORM1_BIAS,
    TENSOR_W_QK,
    TENSOR_B_QK,
    TENSOR_W_V,
    TENSOR_W_O,
    TENSOR_NORM2_GAIN,
    TENSOR_NORM2_BIAS,
    TENSOR_W_IN,
    TENSOR_W_OUT,
    TENSOR_FINAL_GAIN,
    TENSOR_FINAL_BIAS,
    N_TENSOR_KINDS
} TensorKind;

typedef enum { TENSOR_NORMAL, TENSOR_ZERO, TENSOR_ONE } TensorInit;

typedef struct {
    char *name; /* path in a checkpoint: "blocks/3/attn/w_qk" */
    TensorKind kind;
    guint n_dims;
    gsize dims[2];
    gsize offset, size; /* elements, into an arena */
    TensorInit init;
    gboolean decay; /* weight decay applies */
} Tensor;

typedef struct {
    GptShape shape;
    guint n;
    Tensor *items;
    gsize *offsets;     /* [n_layers][N_TENSOR_KINDS], G_MAXSIZE where there is none */
    gsize arena;        /* elements of an arena, with padding */
    gsize n_parameters; /* elements without */
} TensorTable;

TensorTable *tensor_table_new(const GptShape *shape);
void tensor_table_free(TensorTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TensorTable, tensor_table_free)

/* Where a tensor lies in an arena; NULL when this model has none of that kind.  `layer` is 0 for
 * the tensors that stand outside the blocks. */
real *tensor_at(const TensorTable *table, real *arena, TensorKind kind, gsize layer);

void tensors_init(const TensorTable *table, real *weights, double init_std, Rng *rng);

#endif
