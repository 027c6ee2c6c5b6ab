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

    /* y = x w + bias; bias NULL: none.  `residual`: y += x w instead. */
    void (*linear_forward)(real *y, const real *x, const real *w, const real *bias,
                           gboolean residual, gsize n_tokens, gsize n_in, gsize n_out);
    /* dx NULL: not wanted; `add`: adds to dx. */
    void (*linear_backward)(real *dx, real *dw, real *dbias, const real *dy, const real *x,
                            const real *w, gboolean add, gsize n_tokens, gsize n_in, gsize n_out);

    /* stats[N][2]: mean and 1/sd of each row, for the backward. */
    void (*norm_forward)(real *y, real *stats, const real *x, const real *gain, const real *bias,
                         gsize n_tokens, gsize d);
    /* Adds to dx: a norm always stands beside a residual or alone on a cleared dx. */
    void (*norm_backward)(real *dx, real *dgain, real *dbias, const real *dy, const real *x,
                          const real *stats, const real *gain, gsize n_tokens, gsize d);

    /* y = act(x), and x is replaced by act'(x), which is all that the backward needs. */
    void (*activation_forward)(EntroActivation kind, real *y, real *x_to_slope, gsize n);
    void (*activation_backward)(EntroActivation kind, real *dy_to_dx, const real *slope, gsize n);

    /* qk[N][2D] holds queries then keys, v[N][D]; p[samples][H][T][T]; y[N][D]. */
    void (*attention_forward)(real *y, real *p, const real *qk, const real *v,
                              const AttentionShape *shape);
    /* scratch[ATTENTION_BLOCK][T] */
    void (*attention_backward)(real *dqk, real *dv, real *scratch, const real *dy, const real *p,
                               const real *qk, const real *v, const AttentionShape *shape);

    /* Sum over tokens of -ln softmax(logits)[target]; logits[N][V] become the gradient of
     * scale * that sum. */
    double (*loss)(real *logits, const guint8 *targets, double scale, gsize n_tokens,
                   gsize n_vocab);

    /* The optimizer's loops over one tensor. */
    double (*sum_of_squares)(const real *x, gsize n);
    void (*add)(real *sum, const real *x, gsize n);
    void (*adamw)(real *w, real *m, real *v, const real *g, gsize n, const AdamwStep *step);
} Layers;

/* The builds that this processor runs, fastest first; NULL behind the last. */
const Layers *supported_layers(guint position);

/* Names of one build: LAYER_NAME(attention_forward) is attention_forward_avx2 in that of AVX2. */
#define LAYER_PASTE2(name, isa) name##_##isa
#define LAYER_PASTE(name, isa)  LAYER_PASTE2(name, isa)
#define LAYER_NAME(name)        LAYER_PASTE(name, LAYERS_ISA)

#endif
