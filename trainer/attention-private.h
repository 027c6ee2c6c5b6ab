/* attention-private.h: what attention.c gives to the table in layers.c, one pair a build. */
#ifndef ENTRO_ATTENTION_PRIVATE_H
#define ENTRO_ATTENTION_PRIVATE_H

#include "layers-private.h"

void LAYER_NAME(attention_forward)(real *y, real *p, const real *qk, const real *v,
                                   const AttentionShape *shape);
void LAYER_NAME(attention_backward)(real *dqk, real *dv, real *scratch, const real *dy,
                                    const real *p, const real *qk, const real *v,
                                    const AttentionShape *shape);
extern const Layers LAYER_NAME(layers);

#endif
