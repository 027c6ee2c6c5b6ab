/* entro-analyzer.h: from tiles of attention rows to statistics of heads, layers and captures.
 *
 *     g_autoptr(EntroRun) run = entro_run_new(source, &ENTRO_RUN_OPTIONS_DEFAULT, &error);
 *     EntroCapture capture = {0};
 *     gboolean end = FALSE;
 *     while (entro_run_next(run, &capture, &end, &error) && !end)
 *         ...capture.heads[i].values[ENTRO_HEAD_ENTROPY_MEAN]...
 *     entro_capture_clear(&capture);
 *
 * A reader thread and the workers live behind entro_run_next(); results leave in file order and
 * are the same for any number of threads.  Entropies are in nats. */
#ifndef ENTRO_ANALYZER_H
#define ENTRO_ANALYZER_H

#include "entro-loader.h"

G_BEGIN_DECLS

#define ENTRO_ANALYZER_ERROR (entro_analyzer_error_quark())
ENTRO_API GQuark entro_analyzer_error_quark(void);

typedef enum {
    ENTRO_ANALYZER_ERROR_MEMORY, /* the shape of the trace needs more than may be taken */
    ENTRO_ANALYZER_ERROR_THREAD,
    ENTRO_ANALYZER_ERROR_RULE,      /* no such rule or parameter, or a value that it cannot have */
    ENTRO_ANALYZER_ERROR_NOT_FOUND, /* no such step, sample, layer or head in what was given */
    ENTRO_ANALYZER_ERROR_LIMIT,     /* more than may be taken: choose less */
    ENTRO_ANALYZER_ERROR_DATA,      /* nothing of what was chosen can be read */
} EntroAnalyzerError;

/* ---- columns: what is known of a head and of a layer --------------------------------------- */

/* One statistic; the database makes a column of it, `metric` documents it. */
typedef struct {
    const char *name, *title, *unit, *definition;
} EntroColumn;

/* Position of each statistic of a head in EntroHeadStats.values and in entro_head_columns(). */
typedef enum {
    ENTRO_HEAD_ENTROPY_MEAN,
    ENTRO_HEAD_ENTROPY_SD,
    ENTRO_HEAD_ENTROPY_MIN,
    ENTRO_HEAD_ENTROPY_P05,
    ENTRO_HEAD_ENTROPY_MEDIAN,
    ENTRO_HEAD_ENTROPY_P95,
    ENTRO_HEAD_ENTROPY_MAX,
    ENTRO_HEAD_ENTROPY_NORM,
    ENTRO_HEAD_ENTROPY_CEILING,
    ENTRO_HEAD_EFFECTIVE_KEYS,
    ENTRO_HEAD_MAX_WEIGHT,
    ENTRO_HEAD_SINK_MASS,
    ENTRO_HEAD_DISTANCE,
    ENTRO_HEAD_SELF_WEIGHT,
    ENTRO_HEAD_PREVIOUS_WEIGHT,
    ENTRO_HEAD_ROWS_COLLAPSED,
    ENTRO_HEAD_ROWS_OVERLOADED,
    ENTRO_HEAD_LOGIT_MAX,
    ENTRO_HEAD_LOGIT_SQUARE,
    ENTRO_HEAD_LOGIT_PEAK,
    ENTRO_HEAD_NEAREST_HEAD,
    ENTRO_HEAD_NEAREST_DIVERGENCE,
    ENTRO_HEAD_N_COLUMNS
} EntroHeadColumn;

typedef enum {
    ENTRO_LAYER_ENTROPY_MEAN,   /* mean of the head entropies */
    ENTRO_LAYER_ENTROPY_SPREAD, /* sd of the head entropies */
    ENTRO_LAYER_ENTROPY_CEILING,
    ENTRO_LAYER_DIVERSITY,
    ENTRO_LAYER_HEADS_BAND_1, /* share of the heads in each quarter of their ceilings */
    ENTRO_LAYER_HEADS_BAND_2,
    ENTRO_LAYER_HEADS_BAND_3,
    ENTRO_LAYER_HEADS_BAND_4,
    ENTRO_LAYER_PAIR_DIVERGENCE,
    ENTRO_LAYER_N_COLUMNS
} EntroLayerColumn;

/* What the trainer learned beside the weights, as it stored it. */
typedef enum {
    ENTRO_HEAD_PARAM_THRESHOLD,
    ENTRO_HEAD_PARAM_TEMPERATURE_MEAN, /* over the queries; then min, max */
    ENTRO_HEAD_PARAM_TEMPERATURE_MIN,
    ENTRO_HEAD_PARAM_TEMPERATURE_MAX,
    ENTRO_HEAD_PARAM_N_COLUMNS
} EntroHeadParamColumn;

typedef enum {
    ENTRO_LAYER_PARAM_ALPHA,
    ENTRO_LAYER_PARAM_BETA,
    ENTRO_LAYER_PARAM_N_COLUMNS
} EntroLayerParamColumn;

ENTRO_API const EntroColumn *entro_head_columns(void);        /* [ENTRO_HEAD_N_COLUMNS] */
ENTRO_API const EntroColumn *entro_layer_columns(void);       /* [ENTRO_LAYER_N_COLUMNS] */
ENTRO_API const EntroColumn *entro_head_param_columns(void);  /* [ENTRO_HEAD_PARAM_N_COLUMNS] */
ENTRO_API const EntroColumn *entro_layer_param_columns(void); /* [ENTRO_LAYER_PARAM_N_COLUMNS] */
/* The integer columns of a head: n_rows, n_nan, n_masked, n_off_sum; [4]. */
ENTRO_API const EntroColumn *entro_count_columns(void);

/* NaN in `values` means: not defined (no valid row, one row has no sd, ...); stored as NULL. */
typedef struct {
    guint layer, head; /* layer: the i of /layers/<i> */
    gint64 n_rows;     /* all rows: valid + nan + masked + off_sum */
    gint64 n_nan, n_masked, n_off_sum;
    double values[ENTRO_HEAD_N_COLUMNS];
} EntroHeadStats;

typedef struct {
    guint layer;
    guint n_heads, n_valid_heads;
    double values[ENTRO_LAYER_N_COLUMNS];
} EntroLayerStats;

/* NaN in `values`: not in the trace, not finite, or not to be read. */
typedef struct {
    guint layer, head;
    double values[ENTRO_HEAD_PARAM_N_COLUMNS];
} EntroHeadParams;

typedef struct {
    guint layer;
    double values[ENTRO_LAYER_PARAM_N_COLUMNS];
} EntroLayerParams;

typedef enum {
    ENTRO_CAPTURE_COMPLETE,
    ENTRO_CAPTURE_PARTIAL, /* a layer is missing or damaged: it has no rows; or a parameter is */
} EntroCaptureStatus;

ENTRO_API const char *
entro_capture_status_name(EntroCaptureStatus status); /* "complete", "partial" */

/* Everything measured on one capture. */
typedef struct {
    gsize position; /* along /step */
    gint64 step;
    guint attempt;
    gint64 n_rows;
    guint64 digest; /* of the decoded values; the same for any chunking, filter, CPU and thread */
    EntroCaptureStatus status;
    char *detail; /* NULL, or one line a layer or parameter that could not be read */
    guint n_heads;
    EntroHeadStats *heads; /* ascending (layer, head); heads of unreadable layers are absent */
    guint n_layers;
    EntroLayerStats *layers;
    guint n_head_params; /* of layers that have such datasets, also where the layer is unreadable */
    EntroHeadParams *head_params; /* ascending (layer, head) */
    guint n_layer_params;
    EntroLayerParams *layer_params;
} EntroCapture;

ENTRO_API void entro_capture_clear(EntroCapture *capture);

/* ---- the run -------------------------------------------------------------------------------- */

/* Statistics that cost something beside the entropy; off, their columns are NaN. */
typedef enum {
    ENTRO_WITH_QUANTILES = 1 << 0, /* of the row entropies */
    ENTRO_WITH_DIVERSITY = 1 << 1, /* of the heads of a layer */
    ENTRO_WITH_LOGITS = 1 << 2,    /* also of traces without temperature */
    ENTRO_WITH_PAIRS = 1 << 3,     /* of heads */
} EntroWith;

typedef struct {
    const char *name; /* "quantiles", ... */
    EntroWith bit;
    const char *about;
} EntroWithRow;

ENTRO_API const EntroWithRow *entro_with_rows(guint *ret_n);
#define ENTRO_WITH_DEFAULT (ENTRO_WITH_QUANTILES | ENTRO_WITH_DIVERSITY)

typedef struct {
    guint n_threads;                   /* workers; 0: one a processor */
    double tolerance;                  /* on |row sum - 1|; NaN: by element type, see below */
    gsize memory;                      /* bytes for tiles; fewer workers run if theirs need more */
    guint with;                        /* EntroWith bits */
    double row_collapse, row_overload; /* limits of rows_collapsed and rows_overloaded, of ln n */
    const gsize *captures;             /* positions to analyse, ascending; NULL: all */
    gsize n_captures;
} EntroRunOptions;

#define ENTRO_TOLERANCE_SINGLE 1e-4 /* f32 and f64 */
#define ENTRO_TOLERANCE_HALF   1e-2 /* f16 and bf16 */
#define ENTRO_RUN_OPTIONS_DEFAULT                                                                  \
    ((EntroRunOptions){.n_threads = 0,                                                             \
                       .tolerance = NAN,                                                           \
                       .memory = 256u << 20,                                                       \
                       .with = ENTRO_WITH_DEFAULT,                                                 \
                       .row_collapse = ENTRO_HEAD_COLLAPSE,                                        \
                       .row_overload = ENTRO_HEAD_OVERLOAD})

typedef struct EntroRun EntroRun;

/* The source must outlive the run and is the run's alone until entro_run_free(). */
ENTRO_API EntroRun *entro_run_new(EntroSource *source, const EntroRunOptions *options,
                                  GError **error);
/* Next capture in file order.  Clears *ret_capture first; the caller clears it after the last. */
ENTRO_API gboolean entro_run_next(EntroRun *run, EntroCapture *ret_capture, gboolean *ret_end,
                                  GError **error);
ENTRO_API guint64 entro_run_get_bytes(const EntroRun *run); /* decoded bytes so far */
/* What was decided about the causal rule where the file did not say; NULL if it did. */
ENTRO_API const char *entro_run_get_causal_note(const EntroRun *run);
ENTRO_API void entro_run_free(EntroRun *run); /* stops early if needed */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRun, entro_run_free)

ENTRO_API const char *
entro_kernel_name(void); /* instruction set in use: "avx512", "avx2", "plain" */

/* SHA-256 (hex) that identifies a trace without uuid: shapes, types and the first capture. */
ENTRO_API char *entro_fingerprint(const EntroTrace *trace, guint64 first_digest);

/* ---- bands and thresholds ------------------------------------------------------------------- */

/* Quarters of M: [0,M/4) [M/4,M/2) [M/2,3M/4) [3M/4,M]; what lies above M counts in the last. */
enum { ENTRO_N_BANDS = 4 };

/* Counts heads per band; NaN entropies (heads without a valid row) are left out.  Returns how many
 * were counted. */
ENTRO_API gsize entro_bands(const double *entropy, gsize n, double m,
                            gsize ret_count[ENTRO_N_BANDS]);

typedef enum {
    ENTRO_BAND_POOLED,  /* largest head entropy over all runs compared: what the paper did */
    ENTRO_BAND_OWN,     /* largest head entropy of the run itself */
    ENTRO_BAND_CEILING, /* largest entropy_ceiling over the runs compared: ln(T!)/T if causal */
    ENTRO_BAND_LNT,     /* ln T, the regularizer's scale */
} EntroBandMax;

ENTRO_API const char *
entro_band_max_name(EntroBandMax mode); /* "pooled", "own", "ceiling", "lnT" */
ENTRO_API gboolean entro_band_max_parse(const char *name, EntroBandMax *ret_mode);

/* Defaults of the judgements on a head, as a fraction of its own ceiling. */
#define ENTRO_HEAD_OVERLOAD 0.75 /* mean entropy >= this: attends to everything */
#define ENTRO_HEAD_COLLAPSE 0.05 /* mean entropy <  this: attends to one key */

/* ---- a run over its steps -------------------------------------------------------------------- */

/* Columns of the heads of one run at all its captures. */
typedef struct {
    gsize n_steps;
    gint64 *step;        /* [n_steps] ascending */
    gsize n_heads;       /* all that the run ever had */
    guint *layer, *head; /* [n_heads] ascending (layer, head) */
    guint n_columns;
    double **value; /* [n_columns][n_steps * n_heads]; NaN: not finite, measured or there */
} EntroHistory;

ENTRO_API void entro_history_free(EntroHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroHistory, entro_history_free)

G_END_DECLS

#endif
