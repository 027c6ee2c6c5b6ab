/* attention-private.h: what attention.c and regularizer.c give to the table in layers.c, one set a
 * build. */
#ifndef ENTRO_ATTENTION_PRIVATE_H
#define ENTRO_ATTENTION_PRIVATE_H

#include "layers-private.h"

void LAYER_NAME(attention_forward)(real *y, const Attention *attention,
                                   const AttentionShape *shape);
void LAYER_NAME(attention_backward)(const AttentionGrads *grads, const Attention *attention,
                                    const AttentionShape *shape);
double LAYER_NAME(regularize)(real *pull, real *dthreshold, const real *p, const Regularizer *how,
                              const AttentionShape *shape);
extern const Layers LAYER_NAME(layers);

#endif
