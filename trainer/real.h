/* real.h: the type that the trainer computes in.
 *
 * float in the library; the tests build the same sources once more as double, because central
 * differences in float are too coarse to check a gradient. */
#ifndef ENTRO_REAL_H
#define ENTRO_REAL_H

#include <cblas.h>
#include <math.h>
#include <glib.h>

#ifdef ENTRO_TRAIN_DOUBLE
typedef double real;
#define real_gemm cblas_dgemm
#define real_gemv cblas_dgemv
#else
typedef float real;
#define real_gemm cblas_sgemm
#define real_gemv cblas_sgemv
#endif

#endif
