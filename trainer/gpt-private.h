/* gpt-private.h: the whole model, forward and backward, for the samples of one thread. */
#ifndef ENTRO_GPT_PRIVATE_H
#define ENTRO_GPT_PRIVATE_H

#include "layers-private.h"
#include "tensors-private.h"

/* What the forward of one block leaves for its backward.  Letters as in layers-private.h. */
typedef struct {
    real *x;              /* [N][D] what comes in */
    real *norm1, *stats1; /* [N][D], [N][2]; without norm: norm1 is x */
    real *qk, *v;         /* [N][2D], [N][D] */
    real *p;              /* [samples][H][T][T] attention, 0 after the query */
    real *pull;           /* [samples][H][T] of the regulariser; without one NULL */
    real *mixed;          /* [N][D] p v, heads side by side */
    real *middle;         /* [N][D] x + mixed w_o */
    real *norm2, *stats2; /* of middle; without norm: norm2 is middle */
    real *slope, *hidden; /* [N][F] act' and act of norm2 w_in; linear FFN: hidden is slope; fused
                           * FFN: both NULL */
} BlockState;

typedef struct {
    gsize capacity;            /* samples */
    real *arena;               /* everything below */
    BlockState *blocks;        /* [n_layers] */
    real *last;                /* [N][D] what the last block puts out */
    real *final, *final_stats; /* [N][D], [N][2]; without final norm: final is last */
    real *logits;              /* [N][V]; the gradient of the loss after gpt_loss() */
    real *dx, *dnorm;          /* [N][D] */
    real *dwide;   /* [N][F] gradient of the FFN's hidden layer, or of qk, v and mixed */
    real *scratch; /* [ATTENTION_BLOCK][T] */
} GptState;

typedef struct {
    const TensorTable *table;
    const Layers *layers;
    double gamma, lambda; /* of the entropy regulariser, where the architecture has one */
} Gpt;

/* Elements that the state of so many samples takes. */
gsize gpt_state_size(const GptShape *shape, gsize capacity);
/* NULL when there is no memory. */
GptState *gpt_state_new(const GptShape *shape, gsize capacity);
void gpt_state_free(GptState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GptState, gpt_state_free)

/* tokens[n_samples][T] -> state->logits, and all that lies before them. */
void gpt_forward(const Gpt *gpt, real *weights, GptState *state, const guint8 *tokens,
                 gsize n_samples);
/* Sum of the losses in nats; state->logits becomes the gradient of scale * sum. */
double gpt_loss(const Gpt *gpt, GptState *state, const guint8 *targets, gsize n_samples,
                double scale);
/* After gpt_forward(): what the regulariser adds to the mean loss of a batch of n_batch samples, of
 * which these n_samples are a part.  Its gradient goes to `grads` and through gpt_backward().  0
 * for an architecture without. */
double gpt_regularize(const Gpt *gpt, real *weights, real *grads, GptState *state, gsize n_samples,
                      gsize n_batch);
/* Adds to the arena `grads`. */
void gpt_backward(const Gpt *gpt, real *weights, real *grads, GptState *state, const guint8 *tokens,
                  gsize n_samples);

#endif
