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
    real *mixed;          /* [N][D] p v, heads side by side */
    real *middle;         /* [N][D] x + mixed w_o */
    real *norm2, *stats2; /* of middle; without norm: norm2 is middle */
    real *slope, *hidden; /* [N][F] act' and act of norm2 w_in; linear FFN: hidden is slope */
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
/* Adds to the arena `grads`. */
void gpt_backward(const Gpt *gpt, real *weights, real *grads, GptState *state, const guint8 *tokens,
                  gsize n_samples);

#endif
