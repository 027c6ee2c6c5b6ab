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

typedef void (*EntroRowKernel)(const float *p, gsize n, EntroRowSums *ret_sums);

void entro_row_sums_plain(const float *p, gsize n, EntroRowSums *ret_sums);
void entro_row_sums_avx2(const float *p, gsize n, EntroRowSums *ret_sums);
void entro_row_sums_avx512(const float *p, gsize n, EntroRowSums *ret_sums);

/* The best that this processor has; chosen once. */
EntroRowKernel entro_row_kernel(const char **ret_name);

/* Whether all n values are +0, bit by bit. */
gboolean entro_row_is_zero(const float *p, gsize n);

#endif
