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
    ENTRO_ANALYZER_ERROR_RULE, /* no such rule or parameter, or a value that it cannot have */
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
    ENTRO_HEAD_N_COLUMNS
} EntroHeadColumn;

typedef enum {
    ENTRO_LAYER_ENTROPY_MEAN,   /* mean of the head entropies */
    ENTRO_LAYER_ENTROPY_SPREAD, /* sd of the head entropies */
    ENTRO_LAYER_ENTROPY_CEILING,
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

typedef struct {
    guint n_threads;       /* workers; 0: one a processor */
    double tolerance;      /* on |row sum - 1|; NaN: by element type, see below */
    gsize memory;          /* bytes for tiles; fewer workers run if theirs need more */
    const gsize *captures; /* positions to analyse, ascending; NULL: all */
    gsize n_captures;
} EntroRunOptions;

#define ENTRO_TOLERANCE_SINGLE 1e-4 /* f32 and f64 */
#define ENTRO_TOLERANCE_HALF   1e-2 /* f16 and bf16 */
#define ENTRO_RUN_OPTIONS_DEFAULT                                                                  \
    ((EntroRunOptions){.n_threads = 0, .tolerance = NAN, .memory = 256u << 20})

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
    double *
        *value; /* [n_columns] of [n_steps][n_heads]; NaN: not finite, not measured, not there */
} EntroHistory;

ENTRO_API void entro_history_free(EntroHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroHistory, entro_history_free)

/* ---- findings -------------------------------------------------------------------------------- */

typedef enum {
    ENTRO_FINDING_COLLAPSE,  /* attends to next to nothing */
    ENTRO_FINDING_OVERLOAD,  /* attends to everything */
    ENTRO_FINDING_NAN,       /* diverged */
    ENTRO_FINDING_DEAD,      /* a head that no longer depends on its input, or never will */
    ENTRO_FINDING_REDUNDANT, /* the heads of a layer do the same */
    ENTRO_FINDING_RUNAWAY,   /* a learnable parameter leaves its range */
    ENTRO_FINDING_SPIKE,     /* the loss jumps beside an event of the entropy */
    ENTRO_N_FINDING_KINDS
} EntroFindingKind;

typedef enum { ENTRO_SEVERITY_INFO, ENTRO_SEVERITY_WARNING, ENTRO_SEVERITY_CRITICAL } EntroSeverity;

#define ENTRO_STILL_SO G_MAXINT64 /* last_step of a finding that holds at the last capture */

typedef struct {
    EntroFindingKind kind;
    EntroSeverity severity;
    gint64 layer, head; /* -1: the whole run, or layer */
    gint64 onset_step,
        last_step;    /* training steps of the first and the last capture where it held */
    gsize n_captures; /* for so many it held */
    char *rule;       /* its name */
    char *sentence;   /* for a person who meets this for the first time */
    char *evidence;   /* the numbers and thresholds: a JSON object */
} EntroFinding;

ENTRO_API void entro_finding_free(EntroFinding *finding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroFinding, entro_finding_free)

ENTRO_API const char *entro_finding_kind_name(EntroFindingKind kind); /* "collapse", ... */
ENTRO_API gboolean entro_finding_kind_parse(const char *name, EntroFindingKind *ret_kind);
ENTRO_API const char *entro_severity_name(EntroSeverity severity); /* "info", ... */
ENTRO_API gboolean entro_severity_parse(const char *name, EntroSeverity *ret_severity);

/* ---- rules: what is called a finding ------------------------------------------------------------ */

typedef enum { ENTRO_SCOPE_RUN, ENTRO_SCOPE_LAYER, ENTRO_SCOPE_HEAD } EntroScope;

ENTRO_API const char *entro_scope_name(EntroScope scope); /* "run", ... */

typedef struct {
    const char *name;
    double value; /* unless something else is set */
    double least, most;
    const char *about;
} EntroRuleParameter;

enum { ENTRO_RULE_MOST_PARAMETERS = 7 };

typedef struct {
    const char *name;
    EntroFindingKind kind;
    EntroScope scope;
    EntroSeverity severity;
    const char *about;
    EntroRuleParameter parameters[ENTRO_RULE_MOST_PARAMETERS + 1]; /* the last has no name */
} EntroRule;

ENTRO_API guint entro_n_rules(void);
ENTRO_API const EntroRule *entro_rule(guint index);
/* Where a rule and its parameter stand; parameter NULL: only the rule.  FALSE: unknown. */
ENTRO_API gboolean entro_rule_find(const char *rule, const char *parameter, guint *ret_rule,
                                   guint *ret_parameter);

/* The values in effect: one setting a rule, in the order of entro_rule(). */
typedef struct {
    EntroSeverity severity;
    double value[ENTRO_RULE_MOST_PARAMETERS];
} EntroRuleSetting;

typedef struct {
    EntroRuleSetting *setting; /* [entro_n_rules()] */
} EntroRules;

ENTRO_API EntroRules *entro_rules_new(void); /* the defaults */
ENTRO_API void entro_rules_free(EntroRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRules, entro_rules_free)
/* RULE errors name what there is, or the range. */
ENTRO_API gboolean entro_rules_set(EntroRules *rules, const char *rule, const char *parameter,
                                   double value, GError **error);

/* ---- judging ------------------------------------------------------------------------------------- */

/* Columns of EntroEvidence.heads and .layers, by their names in the database. */
typedef enum {
    ENTRO_EVIDENCE_ENTROPY,
    ENTRO_EVIDENCE_CEILING,
    ENTRO_EVIDENCE_ROWS,
    ENTRO_EVIDENCE_ROWS_NAN,
    ENTRO_EVIDENCE_ROWS_MASKED,
    ENTRO_EVIDENCE_THRESHOLD,
    ENTRO_EVIDENCE_TEMPERATURE, /* mean over the queries */
    ENTRO_EVIDENCE_TEMPERATURE_MIN,
    ENTRO_EVIDENCE_N_HEAD_COLUMNS
} EntroEvidenceHeadColumn;

typedef enum {
    ENTRO_EVIDENCE_DIVERSITY,
    ENTRO_EVIDENCE_ALPHA,
    ENTRO_EVIDENCE_BETA,
    ENTRO_EVIDENCE_N_LAYER_COLUMNS
} EntroEvidenceLayerColumn;

ENTRO_API const char *const *entro_evidence_head_columns(void);  /* [..._N_HEAD_COLUMNS] */
ENTRO_API const char *const *entro_evidence_layer_columns(void); /* [..._N_LAYER_COLUMNS] */

/* A scalar of the trainer; value: NaN or infinite as it was. */
typedef struct {
    char *name;
    gsize n;
    gint64 *step; /* ascending */
    double *value;
} EntroScalarSeries;

/* All that a run is judged by.  heads and layers have the same steps; layers has one "head", 0, for
 * each layer of heads. */
typedef struct {
    EntroHistory *heads, *layers;
    guint8 *complete; /* [n_steps] 0: something of this capture could not be read */
    guint n_series;
    EntroScalarSeries *series;
} EntroEvidence;

/* Evidence without values: NaN throughout, complete; the arrays are copied. */
ENTRO_API EntroEvidence *entro_evidence_new(const gint64 *step, gsize n_steps, const guint *layer,
                                            const guint *head, gsize n_heads);
/* Of a history with the columns above, which it takes over. */
ENTRO_API EntroEvidence *entro_evidence_take(EntroHistory *heads);
/* Copies the points. */
ENTRO_API void entro_evidence_add_series(EntroEvidence *evidence, const char *name,
                                         const gint64 *step, const double *value, gsize n);
ENTRO_API void entro_evidence_free(EntroEvidence *evidence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroEvidence, entro_evidence_free)

/* EntroFinding elements, freed with the array: most severe first, then run, layer, head, then by
 * onset.  The same evidence and rules give the same findings. */
ENTRO_API GPtrArray *entro_judge(const EntroEvidence *evidence, const EntroRules *rules);
ENTRO_API gboolean entro_findings_equal(const GPtrArray *a, const GPtrArray *b);

/* ---- the paper's regularizer, applied afterwards -------------------------------------------------- */

#define ENTRO_PENALTY_THETA 0.5  /* threshold, fraction of ln T; what `train` starts with */
#define ENTRO_PENALTY_GAMMA 0.20 /* tolerance, fraction of ln T; what the paper adopted */

/* A head: delta = entropy - theta ln T; penalty = delta^2 if |delta| > gamma ln T, else 0. */
typedef struct {
    guint layer, head;
    double entropy, theta; /* theta: fraction of ln T */
    double delta, penalty; /* NaN without entropy or theta */
} EntroHeadPenalty;

/* Fills delta and penalty of heads with ascending layers.  Returns the mean over the layers of the
 * mean over their heads (Algorithm 1 of the paper), of those that have a value; NaN if none has. */
ENTRO_API double entro_penalty(EntroHeadPenalty *heads, gsize n, double ln_t, double gamma);

G_END_DECLS

#endif
