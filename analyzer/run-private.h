/* run-private.h: what the files of a run share: run.c has the run and its captures, run-tiles.c what is
 * done with a tile, run-memory.c the memory that is taken once. */
#ifndef ENTRO_RUN_PRIVATE_H
#define ENTRO_RUN_PRIVATE_H

#include "analyzer-private.h"
#include "queries/query-rows.h"

#define ENTRO_RUN_BATCHES 4 /* layers in work at once: enough that the caller is never waited for */

/* A head of one capture while its rows arrive. */
typedef struct {
    gint64 remaining; /* rows; atomic */
    gint64 counts[4]; /* by EntroRowClass; atomic */
    guint64 digest;   /* sum over rows, so their order does not matter; atomic */
    double values[ENTRO_HEAD_N_COLUMNS];
    double params[ENTRO_HEAD_PARAM_N_COLUMNS];
} EntroHeadWork;

typedef struct {
    guint64 number;
    guint layer;
    gsize first, n_captures;
    EntroRow *rows;       /* [n_captures][n_heads][n_samples * n_queries] */
    EntroHeadWork *heads; /* [n_captures][n_heads] */
    char **problems;      /* [group_max] the first of each capture, NULL when all is well */
    double (*layer_params)[ENTRO_LAYER_PARAM_N_COLUMNS]; /* [group_max] */
    GPtrArray **param_problems;                          /* [group_max] char *: of each parameter */
    float *temperature;        /* [n_captures][n_heads][n_queries]; NULL: no layer has any */
    gboolean *has_temperature; /* [group_max] it could be read */
    double *divergence;  /* [n_captures][n_samples * n_queries] of the heads; NULL: not asked for */
    EntroPairSum *pairs; /* [n_captures][n_heads (n_heads - 1) / 2]; NULL: not asked for */
} EntroLayerBatch;

/* The same rows of all heads of a layer: what a worker does at once. */
typedef struct {
    GPtrArray *tiles; /* [entro_source_get_stack_max()] EntroTile */
    guint n;          /* of these are in use */
} EntroStack;

/* What one worker alone writes to. */
typedef struct {
    EntroTileRows *rows;
    float *row;       /* [most row_size], aligned */
    float *beside;    /* of one head: largest logits of its rows */
    guint32 *allowed; /* [most keys + 1] */
    EntroQueries queries;
    EntroQueryRow *block; /* [ENTRO_LOGIT_ROWS] */
    EntroRows valid;
    EntroMixture mixture;
    EntroPairs pairs;
} EntroWorker;

struct EntroRun {
    EntroSource *source;
    const EntroTrace *trace;
    EntroRing *ring;
    EntroRowRule *rules; /* [n_layers] */
    double *log_n;       /* [most keys + 1] */
    char *causal_note;
    GPtrArray *stacks;
    gboolean holds_blas;
    guint with; /* EntroWith bits */
    EntroLayerBatch batches[ENTRO_RUN_BATCHES];
    EntroWorker *workers;
    guint n_workers;
    guint64 bytes;
    float *param_values; /* one entry of a parameter: the reader's */

    EntroCapture *group; /* captures being put together */
    gsize n_group, group_next;
};

/* Rows of a head in one capture. */
static inline gsize
entro_rows_per_head(const EntroLayer *layer)
{
    return layer->n_samples * layer->n_queries;
}

/* Longest rows of queries and keys whose weights are made for the sake of diversity: it takes all of
 * them, where nothing else does. */
#define ENTRO_DIVERSITY_KEYS 4096

/* What heads have in common is found from the weights of these rows. */
static inline gboolean
entro_wants_mixture(guint with, const EntroLayer *layer)
{
    return (with & ENTRO_WITH_DIVERSITY) != 0 &&
           (layer->input == ENTRO_INPUT_ATTENTION ||
            (layer->input == ENTRO_INPUT_QUERIES && layer->n_keys <= ENTRO_DIVERSITY_KEYS));
}

static inline gboolean
entro_wants_pairs(guint with, const EntroLayer *layer)
{
    return (with & ENTRO_WITH_PAIRS) != 0 && layer->input != ENTRO_INPUT_ROW_ENTROPY;
}

static inline gsize
entro_pairs_of(guint n_heads)
{
    return (gsize)n_heads * (n_heads - 1) / 2;
}

/* The three jobs of the ring (analyzer-private.h); `data` is the run, `slot` an EntroStack. */
gboolean entro_run_fill(gpointer data, gpointer slot, guint64 number, gboolean *ret_ends_batch,
                        gboolean *ret_end, GError **error);
void entro_run_work(gpointer data, gpointer slot, guint64 number, guint worker);
void entro_run_retire(gpointer data, gpointer slot, guint64 number);

/* Learnable parameters (run-params.c): the most values that an entry has; the reader takes those of a
 * layer and group of captures; the caller puts one capture's where they belong. */
gsize entro_run_param_values(const EntroTrace *trace);
void entro_run_read_params(EntroRun *run, EntroLayerBatch *batch);
void entro_run_add_params(const EntroRun *run, const EntroLayerBatch *batch, gsize capture,
                          EntroCapture *target);

/* A part could not be read: one line more (run.c). */
void entro_capture_spoil(EntroCapture *capture, const char *problem);

/* Tiles, batches and workers; needs source, trace and options. */
gboolean entro_run_allocate(EntroRun *run, const EntroRunOptions *options, GError **error);
void entro_run_release(EntroRun *run);

#endif
