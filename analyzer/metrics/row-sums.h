/* row-sums.h: the sums of one run of attention weights; see row-sums.c. */
#ifndef ENTRO_ROW_SUMS_H
#define ENTRO_ROW_SUMS_H

#include <glib.h>

/* Over p[0 .. n-1].  When max_bits >= ENTRO_BITS_INF a weight is NaN, Inf or has its sign bit set:
 * then only the hash means anything (rows.c looks again, slowly). */
typedef struct {
    double sum;       /* sum p */
    double plogp;     /* sum p ln p, 0 ln 0 = 0: minus the entropy, in nats */
    double moment;    /* sum k p_k, k counted from 0 */
    guint32 max_bits; /* bits of the largest p */
    guint64 hash;     /* of the n values and their order; the same on every processor */
} EntroRowSums;

#define ENTRO_BITS_INF 0x7f800000u

/* Over the keys with p > 0: what the softmax still tells of the logits. */
typedef struct {
    gint64 n;
    double sum, squares; /* of ln p */
} EntroRowLogs;

typedef void (*EntroRowKernel)(const float *p, gsize n, EntroRowSums *ret_sums);

/* The loops over keys, built for one instruction set. */
typedef struct {
    const char *name;
    EntroRowKernel sums;
    void (*add)(float *restrict to, const float *restrict p, gsize n); /* to += p */
    void (*logs)(const float *p, gsize n, EntroRowLogs *ret_logs);
} EntroKernels;

#define ENTRO_DECLARE_KERNELS(isa)                                                                 \
    void entro_row_sums_##isa(const float *p, gsize n, EntroRowSums *ret_sums);                    \
    void entro_row_add_##isa(float *restrict to, const float *restrict p, gsize n);                \
    void entro_row_logs_##isa(const float *p, gsize n, EntroRowLogs *ret_logs);
ENTRO_DECLARE_KERNELS(plain)
ENTRO_DECLARE_KERNELS(avx2)
ENTRO_DECLARE_KERNELS(avx512)
#undef ENTRO_DECLARE_KERNELS

/* Those that this processor can run, best first; and the best. */
const EntroKernels *entro_kernel_builds(guint *ret_n);
const EntroKernels *entro_kernels(void);

/* Whether all n values are +0, bit by bit. */
gboolean entro_row_is_zero(const float *p, gsize n);

#endif
