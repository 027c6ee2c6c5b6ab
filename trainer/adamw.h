/* adamw.h: one optimizer step over all tensors. */
#ifndef ENTRO_ADAMW_H
#define ENTRO_ADAMW_H

#include "gpt-private.h"

/* What a step needs to know; `step` counts from 1. */
typedef struct {
    double lr, weight_decay, beta1, beta2, eps;
    double grad_clip; /* 0: none */
    guint step, n_threads;
} AdamwConfig;

/* Arenas of weights and both moments change; returns the gradient's norm before clipping.  When it
 * is not finite the step is taken all the same, and the weights become what they become. */
double adamw_step(const Gpt *gpt, const AdamwConfig *config, real *weights, real *moment1,
                  real *moment2, const real *grads);

#endif
