/* analyzer-private.h: rows of a head, how they are judged and summed up, and the ring. */
#ifndef ENTRO_ANALYZER_PRIVATE_H
#define ENTRO_ANALYZER_PRIVATE_H

#include "entro-analyzer.h"
#include "entro-rows.h"
#include "metrics/row-sums.h"

/* ---- rows (rows.c) ----------------------------------------------------------------------------- */

/* What is kept of one row until its head is complete. */
typedef struct {
    double entropy;
    guint32 n_keys; /* allowed keys n; 0: the row is not valid */
    guint32 end;    /* no weight from here on: of a causal row, the keys after the query */
    float max_weight, sink, distance, self, previous;
    float logit_max, logit_square; /* NaN: not measured, not known */
    float logit_peak;              /* likewise */
} EntroRow;

/* How the rows of one layer are to be read; the same for all its heads. */
typedef struct {
    gsize n_queries, n_keys;
    gboolean causal;
    double tolerance;
    const EntroKernels *kernels;
    gsize window;            /* keys back, the query's own included; 0: all */
    const gint64 *positions; /* [n_queries] of the rows; NULL: the last of the keys */
} EntroRowRule;

/* Keys that a row may attend to. */
typedef struct {
    const guint8 *mask;     /* [n_keys] 1 = real, or NULL */
    const guint32 *allowed; /* [n_keys + 1] real keys before k; NULL without mask */
    const gint64 *segment;  /* [n_keys] document; NULL: all are one */
} EntroKeys;

/* What the causal rule and the window leave open: keys first .. end - 1. */
typedef struct {
    gsize first, end;
} EntroKeyRange;

/* Tolerance NaN: by the element type.  Whether it is causal is not set. */
EntroRowRule entro_row_rule(const EntroLayer *layer, double tolerance);
/* Fills `allowed` ([n_keys + 1]) from the mask and keeps it in `keys`; nothing without a mask. */
void entro_keys_count(EntroKeys *keys, gsize n_keys, guint32 *allowed);

/* Where the query stands among the keys; below 0 for the first of more queries than keys. */
gssize entro_row_position(const EntroRowRule *rule, gsize query);
EntroKeyRange entro_row_range(const EntroRowRule *rule, gssize position);
/* Keys that a query there may attend to. */
guint32 entro_row_allowed(const EntroRowRule *rule, const EntroKeys *keys, gssize position);
/* The query is padding, or no key is allowed. */
gboolean entro_row_is_masked(const EntroKeys *keys, gssize position, guint32 n_allowed);

/* A row of its own for a caller of entro_tile_row(), aligned as that wants it; free() it. */
float *entro_row_new(gsize n_keys);
/* The same; NULL with MEMORY. */
float *entro_row_new_for(const EntroTrace *trace, gsize n_keys, GError **error);

/* Judges row `query` and measures it; *ret_row is meaningful when valid.  *ret_hash: of its values. */
EntroRowClass entro_row_measure(const EntroRowRule *rule, const EntroKeys *keys, gsize query,
                                const float *p, EntroRow *ret_row, guint64 *ret_hash);

/* The same of a row of which only the entropy is known: off its sum means below 0, or above ln n.  The
 * largest logit may be NaN.  What needs the weights is NaN in *ret_row. */
EntroRowClass entro_row_take_entropy(const EntroRowRule *rule, const EntroKeys *keys, gsize query,
                                     float entropy, float max_logit, EntroRow *ret_row,
                                     guint64 *ret_hash);

/* A temperature may be anything: what it makes of a logit is not known beyond the range of a float. */
static inline float
entro_float_or_nan(double value)
{
    return fabs(value) <= (double)G_MAXFLOAT ? (float)value : NAN;
}

/* Logits of a valid row, counted from their own mean, which a softmax forgets: z_k = t (ln p_k - mean
 * of ln p).  Keys of weight 0 are left out: forbidden, or below what a float can tell.  Sets
 * row->logit_max and ->logit_square, the mean of z^2. */
void entro_row_measure_logits(const EntroRowRule *rule, const float *p, double temperature,
                              EntroRow *row);

/* ---- causal or not (causal.c) ------------------------------------------------------------------ */

/* Fills ret_causal[n_layers]; *ret_note: what was decided and why, NULL when the file says it. */
gboolean entro_decide_causal(EntroSource *source, gboolean *ret_causal, char **ret_note,
                             GError **error);

/* ---- heads (stats/head-stats.c) ------------------------------------------------------------------ */

/* Room for the valid rows of a head. */
typedef struct {
    double *entropy;           /* side by side; reordered by the quantiles */
    const double *log_n;       /* ln k for k = 0 .. largest n_keys */
    double collapse, overload; /* limits of a row's entropy, as fractions of ln n */
    gboolean quantiles;        /* asked for */
} EntroRows;

gboolean entro_rows_init(EntroRows *rows, gsize most, const double *log_n);
void entro_rows_clear(EntroRows *rows);

/* Fills `values` from all rows of a head; rows that are not valid are left out.  Uses `work`. */
void entro_head_summarise(const EntroRow *all, gsize n, EntroRows *work,
                          double values[ENTRO_HEAD_N_COLUMNS]);
/* From the heads of one layer; NaN heads are left out.  Sets what follows from them alone. */
void entro_layer_summarise(const EntroHeadStats *heads, guint n_heads, EntroLayerStats *ret_layer);

/* ---- samples (stats/samples.c) ------------------------------------------------------------------ */

/* The finite values of an array, in their order. */
typedef struct {
    double *value;
    gsize n;
} EntroSample;

EntroSample entro_sample_finite(const double *values, gsize n);
void entro_sample_clear(EntroSample *sample);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroSample, entro_sample_clear)

/* ---- what heads have in common (stats/mixture.c, stats/pairs.c) ------------------------------------ */

/* Sums over the heads of a layer, for some rows. */
typedef struct {
    const EntroKernels *kernels;
    gsize n_keys;               /* of the layer at hand */
    float *sum;                 /* [rows][n_keys] of the weights; up to row[].end */
    struct EntroMixedRow *rows; /* [rows] */
} EntroMixture;

/* Room for so many rows and for so many weights in them. */
gboolean entro_mixture_init(EntroMixture *mixture, gsize n_rows, gsize n_weights);
void entro_mixture_clear(EntroMixture *mixture);
void entro_mixture_begin(EntroMixture *mixture, gsize n_rows, gsize n_keys);
/* One head's row; heads are to come in the order of their numbers, so that sums are repeatable. */
void entro_mixture_add(EntroMixture *mixture, gsize row, const float *p, const EntroRow *measured);
/* Generalised Jensen-Shannon divergence of the heads that were added:
 *     H(mean of p) - mean of H(p) >= 0, at most the ln of their number; NaN of fewer than two. */
double entro_mixture_divergence(const EntroMixture *mixture, gsize row);

/* n H(s / n) of the sum s of the weights of n rows; weights below 0 have no logarithm. */
double entro_sum_entropy(const EntroKernels *kernels, const float *sum, gsize n_keys, guint n_rows);

/* Rows of single queries of all heads, kept until every pair can be looked at. */
#define ENTRO_PAIR_QUERIES 16 /* evenly spaced; all, of fewer */

typedef struct {
    const EntroKernels *kernels;
    guint n_heads; /* of the layer at hand */
    gsize n_keys;
    float *p;       /* [rows][n_heads][n_keys] */
    EntroRow *rows; /* [rows][n_heads] */
    float *mixed;   /* [n_keys] */
} EntroPairs;

gsize entro_pair_n_queries(gsize n_queries);
/* -1: the query is none of them; else its number. */
gssize entro_pair_number(gsize n_queries, gsize query);
/* Room for so many rows of single heads, for so many weights in them, and for the longest of them. */
gboolean entro_pairs_init(EntroPairs *pairs, gsize n_rows, gsize n_weights, gsize most_keys);
void entro_pairs_clear(EntroPairs *pairs);
void entro_pairs_begin(EntroPairs *pairs, guint n_heads, gsize n_keys);
void entro_pairs_put(EntroPairs *pairs, gsize row, guint head, const float *p,
                     const EntroRow *measured);

/* Sums over rows for each pair of heads, [n (n-1) / 2]: (0,1) (0,2) ... (1,2) ...; in whole numbers
 * of 2^-36 nats, so that their order does not matter; atomic. */
typedef struct {
    gint64 sum, n;
} EntroPairSum;

/* Jensen-Shannon divergence of each pair in one row; pairs with an invalid row are left out. */
void entro_pairs_add_row(EntroPairs *pairs, gsize row, EntroPairSum *sums);
/* Mean divergence of two different heads; NaN when there was no row. */
double entro_pair_divergence(const EntroPairSum *sums, guint n_heads, guint a, guint b);

/* ---- the ring (ring.c) ------------------------------------------------------------------------------ */

/* Work in file order: one reader fills slots, workers work on them in any order, they retire in
 * order.  Slots form batches; the caller takes finished batches one by one. */
typedef struct {
    /* reader thread: fills a slot of batch `batch` (counted from 0) */
    gboolean (*fill)(gpointer data, gpointer slot, guint64 batch, gboolean *ret_ends_batch,
                     gboolean *ret_end, GError **error);
    /* any worker: does not fail, a bad slot says so itself */
    void (*work)(gpointer data, gpointer slot, guint64 batch, guint worker);
    /* in order, one at a time; short */
    void (*retire)(gpointer data, gpointer slot, guint64 batch);
    gpointer data;
    gpointer *slots;
    guint n_slots, n_workers, n_batches; /* batches that may be open at once */
} EntroRingJob;

typedef struct EntroRing EntroRing;

EntroRing *entro_ring_new(const EntroRingJob *job, GError **error);
/* Waits for the next batch; it stays the caller's until entro_ring_release(). */
gboolean entro_ring_next(EntroRing *ring, guint64 *ret_batch, gboolean *ret_end, GError **error);
void entro_ring_release(EntroRing *ring);
void entro_ring_free(EntroRing *ring); /* stops early, waits for the threads */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRing, entro_ring_free)

#endif
