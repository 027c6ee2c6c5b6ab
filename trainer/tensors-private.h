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
    TENSOR_TEMPERATURE,
    TENSOR_THRESHOLD,
    TENSOR_NORM2_GAIN,
    TENSOR_NORM2_BIAS,
    TENSOR_W_IN,
    TENSOR_W_OUT,
    TENSOR_W_FUSED,
    TENSOR_ALPHA,
    TENSOR_BETA,
    TENSOR_FINAL_GAIN,
    TENSOR_FINAL_BIAS,
    N_TENSOR_KINDS
} TensorKind;

typedef enum {
    TENSOR_NORMAL,
    TENSOR_ZERO,
    TENSOR_ONE,
    TENSOR_TEMPERATURES,
    TENSOR_THRESHOLDS,
    TENSOR_OF_MATRIX /* follows from the matrix that it normalises */
} TensorInit;

/* Where the normalisation of a matrix w(in, out) keeps its own tensors; G_MAXSIZE: it has none. */
typedef struct {
    gsize gain;              /* (out) weight normalisation: g */
    gsize sn_input, sn_unit; /* (in), (out) spectral normalisation: v and u */
} MatrixNorm;

typedef struct {
    char *name; /* path in a checkpoint: "blocks/3/attn/w_qk" */
    guint n_dims;
    gsize dims[2];
    gsize offset, size; /* elements, into an arena */
    TensorInit init;
    gboolean decay;   /* weight decay applies */
    gboolean trained; /* FALSE: no gradient, changed by other rules */
    MatrixNorm norm;
} Tensor;

/* Where parameters start that do not start at 0 or 1. */
typedef struct {
    double std, temperature, threshold;
} TensorStart;

typedef struct {
    GptShape shape;
    guint n;
    Tensor *items;
    gsize *offsets;     /* [n_layers][N_TENSOR_KINDS], G_MAXSIZE where there is none */
    gsize arena;        /* elements of an arena, with padding */
    gsize n_parameters; /* trained elements, without */
    gboolean normed;    /* some matrix is normalised: matrix-norms.h */
} TensorTable;

TensorTable *tensor_table_new(const GptShape *shape);
void tensor_table_free(TensorTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TensorTable, tensor_table_free)

/* Where a tensor lies in an arena; NULL when this model has none of that kind.  `layer` is 0 for
 * the tensors that stand outside the blocks. */
real *tensor_at(const TensorTable *table, real *arena, TensorKind kind, gsize layer);

/* Elements of a tensor of that kind. */
gsize tensor_size(const TensorTable *table, TensorKind kind);

void tensors_init(const TensorTable *table, real *weights, const TensorStart *start, Rng *rng);

/* After a step of the optimizer: no temperature below its guard, no alpha below ALPHA_GUARD, so that
 * nothing is divided by 0 or changes its sign. */
#define ALPHA_GUARD 1e-2
void tensors_guard(const TensorTable *table, real *weights, double temperature_guard);

#endif
