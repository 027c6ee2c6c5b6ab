/* matrix-norms.h: weight and spectral normalisation of matrices.
 *
 * The optimizer works on the raw weights; the model reads an arena of the same layout in which the
 * normalised matrices stand in place of the raw ones.  Gradients come back by the same way.
 *
 *     matrix_norms_iterate()   once a training step, before the forward
 *     matrix_norms_apply()     raw -> what the model reads
 *     matrix_norms_backward()  gradient of what the model read -> gradient of the raw, in place
 *
 * A table without normalised matrices (table->normed) needs none of this. */
#ifndef ENTRO_MATRIX_NORMS_H
#define ENTRO_MATRIX_NORMS_H

#include "tensors-private.h"

/* Gains that leave each matrix as it is; u and v near the largest singular value. */
void matrix_norms_init(const TensorTable *table, real *weights);
/* One power iteration of every spectral normalisation. */
void matrix_norms_iterate(const TensorTable *table, real *weights, guint n_threads);
void matrix_norms_apply(const TensorTable *table, const real *weights, real *ret_model,
                        guint n_threads);
/* `grads`: in with respect to `model`, out with respect to `weights`. */
void matrix_norms_backward(const TensorTable *table, const real *weights, const real *model,
                           real *grads, guint n_threads);

#endif
