/* team-private.h: the threads that share the samples of a batch. */
#ifndef ENTRO_TEAM_PRIVATE_H
#define ENTRO_TEAM_PRIVATE_H

#include "gpt-private.h"

/* Sequences of bytes: targets are the inputs one byte later. */
typedef struct {
    gsize n_samples;
    const guint8 *inputs, *targets; /* [n_samples][T] */
} Batch;

typedef struct {
    const Gpt *gpt;
    guint n_parts;    /* one a thread */
    GptState **state; /* [n_parts] */
    real **grads;     /* [n_parts] arenas; the first receives the sum */
} Team;

/* Elements of memory, for `capacity` samples in all. */
gsize team_size(const TensorTable *table, guint n_parts, gsize capacity);
/* NULL when there is no memory. */
Team *team_new(const Gpt *gpt, guint n_parts, gsize capacity);
void team_free(Team *team);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Team, team_free)

/* Mean loss in nats a byte, and what the regulariser adds to it (0 without one);
 * team->grads[0] becomes the gradient of their sum. */
double team_train(Team *team, real *weights, const Batch *batch, double *ret_reg_loss);
/* Mean loss only; the states keep what the forward left. */
double team_evaluate(Team *team, real *weights, const Batch *batch);
/* After team_evaluate(): attention of one layer, ret_p[n_samples][H][T][T]. */
void team_get_attention(const Team *team, gsize layer, gsize n_samples, float *ret_p);

#endif
