/* analyzer-private.h: rows of a head, how they are judged and summed up, and the ring. */
#ifndef ENTRO_ANALYZER_PRIVATE_H
#define ENTRO_ANALYZER_PRIVATE_H

#include "entro-analyzer.h"
#include "metrics/row-sums.h"

/* ---- rows (rows.c) ----------------------------------------------------------------------------- */

typedef enum { ENTRO_ROW_VALID, ENTRO_ROW_NAN, ENTRO_ROW_MASKED, ENTRO_ROW_OFF_SUM } EntroRowClass;

/* What is kept of one row until its head is complete. */
typedef struct {
    double entropy;
    guint32 n_keys; /* allowed keys n; 0: the row is not valid */
    float max_weight, sink, distance;
} EntroRow;

/* How the rows of one layer are to be read; the same for all its heads. */
typedef struct {
    gsize n_queries, n_keys;
    gboolean causal;
    double tolerance;
    EntroRowKernel kernel;
} EntroRowRule;

/* Keys that a row may attend to. */
typedef struct {
    const guint8 *mask;     /* [n_keys] 1 = real, or NULL */
    const guint32 *allowed; /* [n_keys + 1] real keys before k; NULL without mask */
} EntroKeys;

/* A row of its own for a caller of entro_tile_row(), aligned as that wants it; free() it. */
float *entro_row_new(gsize n_keys);

/* Judges row `query` and measures it; *ret_row is meaningful when valid.  *ret_hash: of its values. */
EntroRowClass entro_row_measure(const EntroRowRule *rule, const EntroKeys *keys, gsize query,
                                const float *p, EntroRow *ret_row, guint64 *ret_hash);

/* ---- causal or not (causal.c) ------------------------------------------------------------------ */

/* Fills ret_causal[n_layers]; *ret_note: what was decided and why, NULL when the file says it. */
gboolean entro_decide_causal(EntroSource *source, gboolean *ret_causal, char **ret_note,
                             GError **error);

/* ---- heads (stats/head-stats.c) ------------------------------------------------------------------ */

/* Room for the valid rows of a head. */
typedef struct {
    double *entropy;     /* side by side; reordered by the quantiles */
    const double *log_n; /* ln k for k = 0 .. largest n_keys */
} EntroRows;

gboolean entro_rows_init(EntroRows *rows, gsize most, const double *log_n);
void entro_rows_clear(EntroRows *rows);

/* Fills `values` from all rows of a head; rows that are not valid are left out.  Uses `work`. */
void entro_head_summarise(const EntroRow *all, gsize n, EntroRows *work,
                          double values[ENTRO_HEAD_N_COLUMNS]);
/* From the heads of one layer; NaN heads are left out. */
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
