/* logit-rows.h: rows of attention from queries and keys, without the rows: see logit-rows.c. */
#ifndef ENTRO_LOGIT_ROWS_H
#define ENTRO_LOGIT_ROWS_H

#include "../metrics/logit-sums.h"

/* Keys first .. end - 1 of one document that are no padding. */
typedef struct {
    gsize first, end;
    gint64 segment;
} EntroKeyRun;

/* What one head's rows have in common. */
typedef struct {
    gsize n_keys, head_dim;
    const EntroReal *keys;   /* [n_keys][head_dim] */
    const EntroKeyRun *runs; /* [n_runs] ascending */
    gsize n_runs;
    gboolean any_segment; /* documents are not told apart */
    const EntroLogitKernels *kernels;
    EntroReal *tile; /* [ENTRO_LOGIT_TILE] work */
} EntroLogitHead;

#define ENTRO_LOGIT_ROWS 128 /* queries at a time, and keys: their logits stay in a core's cache */
#define ENTRO_LOGIT_KEYS 512
#define ENTRO_LOGIT_TILE (ENTRO_LOGIT_ROWS * ENTRO_LOGIT_KEYS)

/* One row: where it stands, and what is known of its softmax so far.  Logits x are those that enter it:
 * scale q k / temperature. */
typedef struct {
    gssize position;
    gsize first, end;              /* keys that the causal rule and the window leave open */
    gint64 segment;                /* of the query */
    double largest;                /* of x; -INFINITY: no key yet */
    double weight, surprise, away; /* sums of e = exp(x - largest): e, e (largest - x), e |q - k| */
    double centre, sum, squares;   /* of x - centre */
    gsize n;                       /* keys */
    double sink, self, previous;   /* x there; -INFINITY: not allowed */
} EntroLogitRow;

/* Adds all keys to n <= ENTRO_LOGIT_ROWS rows, whose first four fields are set.  `queries` is
 * [n][head_dim], multiplied by scale / temperature. */
void ENTRO_REAL_NAME(entro_logit_rows_measure)(const EntroLogitHead *head, const EntroReal *queries,
                                               gsize n, EntroLogitRow *rows);
/* Weights of rows that were measured, into p [n][n_keys]; 0 where no key is allowed. */
void ENTRO_REAL_NAME(entro_logit_rows_weights)(const EntroLogitHead *head, const EntroReal *queries,
                                               gsize n, const EntroLogitRow *rows, EntroReal *p);

/* In nats; NaN if a logit is not finite, or there is no key. */
double ENTRO_REAL_NAME(entro_logit_row_entropy)(const EntroLogitRow *row);

#endif
