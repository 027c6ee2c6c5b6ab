/* layers-private.h: the layers of the model, as a table of functions.
 *
 * The sources of the layers are built several times, for the instruction sets of the processor
 * family, and choose_layers() picks one of these builds.  A backward adds to gradients of weights;
 * gradients of inputs are overwritten unless it says "adds".
 *
 * Letters in shapes: N tokens (samples * T), T context, D width, F width of the FFN, H heads,
 * V vocabulary.  Matrices are row-major and act from the right: y[N][out] = x[N][in] w[in][out]. */
#ifndef ENTRO_LAYERS_PRIVATE_H
#define ENTRO_LAYERS_PRIVATE_H

#include "entro-trainer.h"
#include "real.h"

/* Queries that attention takes at once: a smaller block leaves out more of the masked half, a
 * larger one makes better matrix products. */
#define ATTENTION_BLOCK 32

typedef struct {
    gsize n_samples, context, n_heads, d_model;
} AttentionShape;

/* One layer's attention: what the forward reads and leaves, NULL where a model has no such part. */
typedef struct {
    const real *qk;          /* [N][2D] queries, then keys */
    const real *v;           /* [N][D] */
    const real *temperature; /* [H][T] t: softmax(z / t), above 0 */
    real *p;                 /* [samples][H][T][T] */
    const real *pull;        /* [samples][H][T] derivative of the penalty by each row's entropy */
} Attention;

/* Its gradients; those of weights are added to. */
typedef struct {
    const real *dy; /* [N][D] in */
    real *dqk, *dv;
    real *dtemperature; /* [H][T] */
    real *scratch;      /* [ATTENTION_BLOCK][T] */
} AttentionGrads;

/* The entropy regulariser of one layer, Algorithm 1 of the paper: delta = E - theta E_max, penalty
 * delta^2 where |delta| > tolerance, else 0. */
typedef struct {
    gboolean head_means;   /* E is a head's mean, not a row's entropy */
    double e_max;          /* ln T */
    double tolerance;      /* gamma E_max */
    double scale;          /* of one head's mean penalty: lambda / (layers * heads * sequences) */
    const real *threshold; /* [H] theta */
} Regularizer;

/* Constants of one AdamW step. */
typedef struct {
    double lr, decay; /* decay is that of this tensor: 0 for biases and gains */
    double beta1, beta2, eps;
    double correction1, correction2; /* 1 - beta^step */
    double grad_scale;               /* of clipping */
} AdamwStep;

typedef struct {
    const char *isa; /* instruction set that this build needs */

    void (*embed_forward)(real *x, const guint8 *tokens, const real *wte, const real *wpe,
                          gsize n_tokens, gsize context, gsize d);
    void (*embed_backward)(real *dwte, real *dwpe, const real *dx, const guint8 *tokens,
                           gsize n_tokens, gsize context, gsize d);

    /* y = x w + bias; bias NULL: none. */
    void (*linear_forward)(real *y, const real *x, const real *w, const real *bias, gsize n_tokens,
                           gsize n_in, gsize n_out);
    /* y += scale x w */
    void (*linear_add)(real *y, const real *x, const real *w, real scale, gsize n_tokens,
                       gsize n_in, gsize n_out);
    /* Of y = scale x w + bias.  dx NULL: not wanted; `add`: adds to dx. */
    void (*linear_backward)(real *dx, real *dw, real *dbias, const real *dy, const real *x,
                            const real *w, real scale, gboolean add, gsize n_tokens, gsize n_in,
                            gsize n_out);

    /* stats[N][2]: mean and 1/sd of each row, for the backward. */
    void (*norm_forward)(real *y, real *stats, const real *x, const real *gain, const real *bias,
                         gsize n_tokens, gsize d);
    /* Adds to dx: a norm always stands beside a residual or alone on a cleared dx. */
    void (*norm_backward)(real *dx, real *dgain, real *dbias, const real *dy, const real *x,
                          const real *stats, const real *gain, gsize n_tokens, gsize d);

    /* y = act(x), and x is replaced by act'(x), which is all that the backward needs. */
    void (*activation_forward)(EntroActivation kind, real *y, real *x_to_slope, gsize n);
    void (*activation_backward)(EntroActivation kind, real *dy_to_dx, const real *slope, gsize n);

    void (*attention_forward)(real *y, const Attention *attention, const AttentionShape *shape);
    void (*attention_backward)(const AttentionGrads *grads, const Attention *attention,
                               const AttentionShape *shape);

    /* Returns the layer's penalty; pull[samples][H][T] becomes its derivative by the entropy of each
     * row of p, dthreshold[H] is added to. */
    double (*regularize)(real *pull, real *dthreshold, const real *p, const Regularizer *how,
                         const AttentionShape *shape);

    /* Sum over tokens of -ln softmax(logits)[target]; logits[N][V] become the gradient of
     * scale * that sum. */
    double (*loss)(real *logits, const guint8 *targets, double scale, gsize n_tokens,
                   gsize n_vocab);

    /* The optimizer's loops over one tensor. */
    double (*sum_of_squares)(const real *x, gsize n);
    void (*add)(real *sum, const real *x, gsize n);
    void (*multiply)(real *y, const real *x, real factor, gsize n); /* y = factor x; may be x */
    double (*dot)(const real *x, const real *y, gsize n);
    void (*adamw)(real *w, real *m, real *v, const real *g, gsize n, const AdamwStep *step);
} Layers;

/* The builds that this processor runs, fastest first; NULL behind the last. */
const Layers *supported_layers(guint position);

/* Names of one build: LAYER_NAME(attention_forward) is attention_forward_avx2 in that of AVX2. */
#define LAYER_PASTE2(name, isa) name##_##isa
#define LAYER_PASTE(name, isa)  LAYER_PASTE2(name, isa)
#define LAYER_NAME(name)        LAYER_PASTE(name, LAYERS_ISA)

#endif
