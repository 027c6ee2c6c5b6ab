/* logit-sums.h: the sums of one run of logits; see logit-sums.c. */
#ifndef ENTRO_LOGIT_SUMS_H
#define ENTRO_LOGIT_SUMS_H

#include <glib.h>

/* float in the program; double in the build that the tests measure the method with. */
#ifdef ENTRO_LOGITS_DOUBLE
typedef double EntroReal;
#define ENTRO_REAL_NAME(name) name##_double
#else
typedef float EntroReal;
#define ENTRO_REAL_NAME(name) name
#endif

/* Over x[0 .. n-1], n <= ENTRO_LOGITS_MOST.  `sum` is not finite if an x is not. */
typedef struct {
    EntroReal largest;
    double sum, squares; /* of x - centre */
} EntroLogitSpread;

typedef struct {
    double weight;   /* sum e, e = exp(x - largest) */
    double surprise; /* sum e (largest - x) */
    double moment;   /* sum k e_k, k counted from 0 */
} EntroLogitSums;

#define ENTRO_LOGITS_MOST 1024 /* at a time: the sums are made in float */

typedef struct {
    const char *name;
    /* `centre` is one of the row's logits: it may become the largest */
    void (*spread)(const EntroReal *x, gsize n, EntroReal centre, EntroLogitSpread *ret_spread);
    /* `largest` is at least as large as every x */
    void (*sums)(const EntroReal *x, gsize n, EntroReal largest, EntroLogitSums *ret_sums);
    /* p = exp(x - shift) */
    void (*weights)(const EntroReal *x, gsize n, EntroReal shift, EntroReal *p);
} EntroLogitKernels;

#define ENTRO_DECLARE_LOGITS(isa)                                                                  \
    void entro_logit_spread_##isa(const EntroReal *x, gsize n, EntroReal centre,                   \
                                  EntroLogitSpread *ret_spread);                                   \
    void entro_logit_sums_##isa(const EntroReal *x, gsize n, EntroReal largest,                    \
                                EntroLogitSums *ret_sums);                                         \
    void entro_logit_weights_##isa(const EntroReal *x, gsize n, EntroReal shift, EntroReal *p);
ENTRO_DECLARE_LOGITS(plain)
ENTRO_DECLARE_LOGITS(avx2)
ENTRO_DECLARE_LOGITS(avx512)
ENTRO_DECLARE_LOGITS(double)
#undef ENTRO_DECLARE_LOGITS

/* Those that this processor can run, best first; and the best. */
const EntroLogitKernels *entro_logit_kernel_builds(guint *ret_n);
const EntroLogitKernels *entro_logit_kernels(void);

#endif
