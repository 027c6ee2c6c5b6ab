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
    ENTRO_HEAD_SELF_WEIGHT,
    ENTRO_HEAD_PREVIOUS_WEIGHT,
    ENTRO_HEAD_ROWS_COLLAPSED,
    ENTRO_HEAD_ROWS_OVERLOADED,
    ENTRO_HEAD_LOGIT_MAX,
    ENTRO_HEAD_LOGIT_SQUARE,
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

/* ---- comparing samples ---------------------------------------------------------------------- */

/* A sample is an array of one number a run.  Values that are not finite are left out of it, always;
 * n in the results is what was left.  Where there is nothing to say, the numbers are NaN and
 * `refusal` tells why. */
typedef enum {
    ENTRO_REFUSAL_NONE,
    ENTRO_REFUSAL_EMPTY,    /* a sample without values */
    ENTRO_REFUSAL_FEW,      /* with so few values the stated level does not hold */
    ENTRO_REFUSAL_CONSTANT, /* no spread to measure the difference by */
    ENTRO_REFUSAL_LEAST_P,  /* no p of such samples can be as small as alpha */
} EntroRefusal;

ENTRO_API const char *entro_refusal_text(EntroRefusal refusal); /* a clause; NULL for NONE */

/* Two-sided; `statistic` belongs to the first sample. */
typedef struct {
    gsize n_a, n_b;
    double statistic; /* U of a, or t of mean(a) - mean(b) */
    double p;
    double df;      /* Welch's; NaN for the rank sum */
    gboolean exact; /* from the exact distribution, not the normal approximation */
    EntroRefusal refusal;
} EntroTest;

/* Mann-Whitney: exact without ties when a sample has at most 8 values, else the normal
 * approximation with tie and continuity correction, but never less than the least p that such small
 * samples can reach.  All values equal: p = 1. */
ENTRO_API EntroTest entro_rank_sum(const double *a, gsize n_a, const double *b, gsize n_b);
/* Smallest p that samples of these sizes can reach, 2 / C(n_a + n_b, n_a); 1 if one is empty. */
ENTRO_API double entro_rank_sum_least_p(gsize n_a, gsize n_b);
/* Values that each of two equal samples needs to reach p <= alpha; 0 < alpha < 1. */
ENTRO_API gsize entro_rank_sum_least_n(double alpha);
/* t test of means, variances not taken as equal; needs two values in each and a spread. */
ENTRO_API EntroTest entro_welch(const double *a, gsize n_a, const double *b, gsize n_b);

/* P(a > b) - P(a < b) over all pairs: -1 .. 1; NaN if a sample is empty. */
ENTRO_API double entro_cliffs_delta(const double *a, gsize n_a, const double *b, gsize n_b);
/* (mean(a) - mean(b)) / pooled sd, corrected for small samples; NaN without a spread, or with one
 * value only on a side. */
ENTRO_API double entro_hedges_g(const double *a, gsize n_a, const double *b, gsize n_b);

typedef struct {
    double level;      /* 0.95 */
    guint n_resamples; /* at least 2 / (1 - level) */
    guint64 seed;      /* the same interval for the same seed */
} EntroBootstrap;

#define ENTRO_BOOTSTRAP_RESAMPLES 1999
#define ENTRO_BOOTSTRAP_DEFAULT                                                                    \
    ((EntroBootstrap){.level = 0.95, .n_resamples = ENTRO_BOOTSTRAP_RESAMPLES, .seed = 2385})

/* Values that an interval needs, in each sample.  With three, the interval of a mean is infinite, and
 * that of a difference holds its level only by being up to tens of times as wide as Welch's. */
#define ENTRO_INTERVAL_LEAST 4

typedef struct {
    gsize n_a, n_b;  /* n_b: 0 for one mean */
    double estimate; /* given even where the interval is refused */
    double low, high;
    EntroRefusal refusal;
} EntroInterval;

/* Studentised bootstrap: of the resamples' t, not of their means.  Measured at n = 4 (normal to
 * lognormal values): it covers 91 to 96 % where it says 95; percentiles of the means cover 71 to 81,
 * BCa no more, Student's t 87 to 97.  The price is width: at n = 4 twice Student's, at 8 up to a
 * quarter more (tests/bench/interval-methods.py). */
ENTRO_API EntroInterval entro_bootstrap_mean(const double *values, gsize n,
                                             const EntroBootstrap *options);
/* Of mean(a) - mean(b). */
ENTRO_API EntroInterval entro_bootstrap_difference(const double *a, gsize n_a, const double *b,
                                                   gsize n_b, const EntroBootstrap *options);

/* Benjamini-Hochberg: ret_q[i] is the smallest false discovery rate at which test i counts as
 * found.  Tests without p (NaN) get NaN and do not count as tests.  Returns how many count. */
ENTRO_API gsize entro_false_discovery(const double *p, gsize n, double *ret_q);

/* A shift of the mean of a series; what is not finite is left out. */
typedef struct {
    gsize index;          /* of the first value after it, in the series as given */
    double before, after; /* means of the two parts, up to the neighbouring shifts */
    double size;          /* |after - before| / standard error, by the noise of the series */
    double p;             /* by permutation; NaN where it was not asked for */
} EntroShift;

/* Splits of the series into two parts of at least so many values are looked at. */
#define ENTRO_SHIFT_LEAST        2
#define ENTRO_SHIFT_PERMUTATIONS 999
/* Times ln n: what a shift must gain, in units of the noise variance.  Measured on white noise: a
 * false shift in 8 % of the series of 10 values, 5 % of 20, 2 % of 40, below 0.5 % from 80 on. */
#define ENTRO_SHIFT_PENALTY 4.0

/* The one best split and its p among the best splits of the shuffled series.  The p takes values as
 * exchangeable: a drift or slow noise is "shifted" too.  FALSE if there is none: fewer than four
 * values, or all equal. */
ENTRO_API gboolean entro_find_shift(const double *values, gsize n, guint64 seed,
                                    EntroShift *ret_shift);
/* All shifts, ascending: the segmentation with the least squares about the segments' means plus
 * `penalty` ln n noise variances a shift (PELT).  The noise is that of the differences of
 * neighbours, so that shifts do not count as noise.  NULL and 0 if there is none. */
ENTRO_API EntroShift *entro_find_shifts(const double *values, gsize n, double penalty,
                                        gsize *ret_n);

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

/* ---- comparing runs -------------------------------------------------------------------------- */

/* Columns of the history that a comparison reads, in this order. */
enum {
    ENTRO_COMPARE_ENTROPY,
    ENTRO_COMPARE_CEILING,
    ENTRO_COMPARE_N_ROWS, /* tells a head that has no value from one that is not there */
    ENTRO_COMPARE_N_NAN,  /* and one that diverged from one whose rows are all masked */
    ENTRO_COMPARE_N_COLUMNS
};
ENTRO_API const char *const *entro_compare_columns(void); /* their names, NULL-terminated */

/* Final numbers of a run, in the order of entro_compare_scalar_name(). */
typedef enum {
    ENTRO_COMPARE_LOSS,
    ENTRO_COMPARE_EVAL_LOSS,
    ENTRO_COMPARE_PERPLEXITY, /* exp of eval_loss */
    ENTRO_COMPARE_N_SCALARS
} EntroCompareScalar;
ENTRO_API const char *entro_compare_scalar_name(EntroCompareScalar scalar); /* "loss", ... */

typedef struct {
    gboolean recorded;
    gint64 step;  /* of the last record */
    double value; /* NaN: the last record is not finite */
} EntroFinal;

/* A run as it is grouped and compared; everything borrowed. */
typedef struct {
    gint64 id;
    const char *name;
    guint attempt;
    GHashTable *config;          /* key -> value, both text */
    const EntroHistory *history; /* of entro_compare_columns(); not needed for grouping */
    EntroFinal final[ENTRO_COMPARE_N_SCALARS];
} EntroCompareRun;

/* NULL: not recorded. */
ENTRO_API const char *entro_compare_config(const EntroCompareRun *run, const char *key);
/* Texts that are equal, or mean the same number: "0.2" and "0.20000000000000001". */
ENTRO_API gboolean entro_config_same(const char *a, const char *b);

typedef enum {
    ENTRO_DIFFERENCE_VALUE,
    ENTRO_DIFFERENCE_PATH,      /* all values are paths: they may well lead to the same */
    ENTRO_DIFFERENCE_UNRECORDED /* some runs do not have the key, the others agree */
} EntroDifferenceKind;

typedef struct {
    const char *key; /* of a config: borrowed */
    EntroDifferenceKind kind;
    GPtrArray *values; /* the different ones, borrowed, in the order of the runs */
} EntroConfigDifference;

/* Keys whose values differ among the runs, but for seeds, names, ids, dates and `ignore`
 * (NULL-terminated or NULL), by key; EntroConfigDifference elements, freed with the array. */
ENTRO_API GPtrArray *entro_config_differences(const EntroCompareRun *const *runs, guint n_runs,
                                              const char *const *ignore);

typedef struct {
    char *label;
    GPtrArray *runs; /* EntroCompareRun, borrowed */
} EntroRunGroup;

ENTRO_API EntroRunGroup *entro_run_group_new(const char *label);
ENTRO_API void entro_run_group_free(EntroRunGroup *group);
/* One group a value of `key`, in the order of the runs; those without the key go to *ret_without
 * (EntroCompareRun, borrowed). */
ENTRO_API GPtrArray *entro_group_by(const EntroCompareRun *const *runs, guint n_runs,
                                    const char *key, GPtrArray **ret_without);

typedef enum { ENTRO_TEST_RANK_SUM, ENTRO_TEST_WELCH } EntroTestKind;
/* Each sample of Welch's test: with two values on a side it says p <= 0.05 of equal means in up to
 * 11 % of the cases, where the other group is larger. */
#define ENTRO_WELCH_LEAST 3

typedef struct {
    double alpha;
    EntroTestKind test;
    gint64 step; /* ENTRO_COMPARE_LAST_COMMON, or one that every run has */
    EntroBootstrap bootstrap;
    EntroBandMax band_max;
} EntroCompareOptions;

#define ENTRO_COMPARE_LAST_COMMON G_MAXINT64
#define ENTRO_COMPARE_OPTIONS_DEFAULT                                                              \
    ((EntroCompareOptions){.alpha = 0.05,                                                          \
                           .test = ENTRO_TEST_RANK_SUM,                                            \
                           .step = ENTRO_COMPARE_LAST_COMMON,                                      \
                           .bootstrap = ENTRO_BOOTSTRAP_DEFAULT,                                   \
                           .band_max = ENTRO_BAND_POOLED})

/* One quantity in one group. */
typedef struct {
    gsize n_runs;  /* that have it: recorded, or the head is there at the step */
    gsize n;       /* of these with a value; most others diverged */
    double *value; /* [runs of the group] NaN: none */
    double mean, sd;
    EntroInterval interval;  /* of the mean */
    double *mean_over_steps; /* [n_common] of layers; NULL of others */
    gsize *n_over_steps;     /* [n_common] */
} EntroGroupSummary;

/* One quantity in a group against the first group. */
typedef struct {
    double difference;      /* of the means: group - first group */
    EntroInterval interval; /* of it */
    double cliffs_delta, hedges_g;
    EntroTest test;
    double q;             /* over all layers and heads of the comparison; NaN of other quantities */
    gboolean significant; /* q, or p where there is no q, <= alpha */
    double *pair_difference; /* [n_pairs of the group] by seed; NaN: one of the two has no value */
} EntroContrast;

typedef struct {
    const char *name;   /* of a scalar, else NULL */
    gint64 layer, head; /* -1: none */
    EntroGroupSummary *group;
    EntroContrast *contrast; /* [n_groups] the first stands for nothing */
} EntroComparedRow;

/* A run at the step where it was looked at. */
typedef struct {
    gboolean has_step;
    gint64 step, last_step;
    gsize n_captures, n_heads, n_without; /* n_without: heads that have rows but no value */
    gboolean diverged; /* heads with NaN rows and no value, there or at the run's last capture, or a
                          final number that is not finite */
    double m;          /* scale of the bands */
    gsize band[ENTRO_N_BANDS];
} EntroComparedRun;

/* The same seed in a group and in the first group. */
typedef struct {
    const char *seed; /* borrowed from a config */
    guint run, base;  /* index in the group and in the first group */
} EntroSeedPair;

typedef struct {
    EntroComparedRun *run; /* [runs of the group] */
    guint n_diverged;
    GArray *pair;            /* EntroSeedPair; none for the first group */
    GPtrArray *unpaired;     /* seeds of one of both groups only */
    GPtrArray *repeated;     /* seeds that stand for several runs of the group */
    gsize n_heads, n_layers; /* that any of its runs has */
} EntroComparedGroup;

typedef struct {
    guint n_groups;
    EntroComparedGroup *group;
    gboolean aligned;    /* all runs at the same step */
    gint64 step;         /* that step */
    gsize n_common;      /* steps that every run with captures has */
    gint64 *common_step; /* [n_common] */
    EntroComparedRow *scalar, *layer, *head;
    gsize n_scalars, n_layers, n_heads;
    gsize n_tests;                    /* with a q */
    gboolean one_each;                /* every group is a single run */
    double ceiling_low, ceiling_high; /* of the heads, over all runs; NaN without captures */
} EntroComparison;

/* At least two groups of at least one run each.  NULL when options->step is not a step of every run
 * with captures: *ret_missing is one without it. */
ENTRO_API EntroComparison *entro_compare(const EntroRunGroup *const *groups, guint n_groups,
                                         const EntroCompareOptions *options,
                                         const EntroCompareRun **ret_missing);
ENTRO_API void entro_comparison_free(EntroComparison *comparison);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroComparison, entro_comparison_free)

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
    gint64 layer, head;           /* -1: the whole run, or layer */
    gint64 onset_step, last_step; /* training steps of the captures where it began and ended */
    gsize n_captures;             /* for so many it held */
    char *rule;                   /* its name */
    char *sentence;               /* for a person who meets this for the first time */
    char *evidence;               /* the numbers and thresholds: a JSON object */
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

/* ---- private-inference cost ------------------------------------------------------------------ */

/* What an architecture costs under private inference (homomorphic encryption for linear layers,
 * protocols of two parties for the rest), by the model that README tells about:
 *
 *     EntroCostArch arch;
 *     if (entro_cost_arch_parse("SM+LN+G", &arch)) {
 *         EntroCost cost = entro_cost(&arch, &ENTRO_COST_GPT2_SMALL, NAN);
 *         ...entro_cost_get(&cost, ENTRO_COST_LATENCY).value...   minutes
 *     }
 */
typedef enum { ENTRO_COST_ACT_NONE, ENTRO_COST_ACT_RELU, ENTRO_COST_ACT_GELU } EntroCostActivation;

typedef struct {
    const char *name; /* borrowed */
    gboolean layer_norm;
    EntroCostActivation activation; /* of the FFN (d, 4d) (4d, d) */
    gboolean fused_ffn;             /* the FFN is one matrix (d, d) */
} EntroCostArch;

/* The trainer's architectures, ended by NULL. */
ENTRO_API const char *const *entro_cost_arch_names(void);
/* Reads such a name, or what the trainer calls a combination: "SM(t)+LN+G+WN(QK)". */
ENTRO_API gboolean entro_cost_arch_parse(const char *name, EntroCostArch *ret_arch);

/* Each 1 to ENTRO_COST_SIZE_MOST, but ffn_layers, 0 to layers: those that have a feed-forward. */
typedef struct {
    gint64 layers, heads, dim, context, vocabulary, ffn_layers;
} EntroCostSizes;

#define ENTRO_COST_SIZE_MOST 1000000000
#define ENTRO_COST_GPT2_SMALL                                                                      \
    ((EntroCostSizes){.layers = 12,                                                                \
                      .heads = 12,                                                                 \
                      .dim = 768,                                                                  \
                      .context = 128,                                                              \
                      .vocabulary = 50257,                                                         \
                      .ffn_layers = 12})

typedef struct {
    const char *name, *unit, *source;
    double value, low, high; /* low < high: the data do not say more */
} EntroCostCoefficient;

ENTRO_API const EntroCostCoefficient *entro_cost_coefficients(guint *ret_n);

typedef enum {
    ENTRO_COST_SOFTMAX, /* communication in GB = 1e9 bytes ... */
    ENTRO_COST_LAYER_NORM,
    ENTRO_COST_ACTIVATION,
    ENTRO_COST_LINEAR_LAYERS,
    ENTRO_COST_HEAD,
    ENTRO_COST_COMMUNICATION,         /* ... and its sum */
    ENTRO_COST_LATENCY_COMMUNICATION, /* latency in minutes ... */
    ENTRO_COST_LATENCY_FFN,
    ENTRO_COST_LATENCY_LAYERS,
    ENTRO_COST_LATENCY_HEAD,
    ENTRO_COST_LATENCY, /* ... and its sum */
    ENTRO_COST_N_ITEMS
} EntroCostItemId;

typedef struct {
    const char *name, *unit;
} EntroCostItem;

ENTRO_API const EntroCostItem *entro_cost_items(void); /* [ENTRO_COST_N_ITEMS] */

enum { ENTRO_COST_N_CORNERS = 4 };

/* So many operations on rows x columns elements. */
typedef struct {
    gint64 count, rows, columns;
} EntroCostOps;

typedef struct {
    EntroCostOps softmax, layer_norm, activation;
    double ffn_flop, attention_flop;
    double value[ENTRO_COST_N_ITEMS];
    double corners[ENTRO_COST_N_CORNERS][ENTRO_COST_N_ITEMS]; /* of what the data leave open */
} EntroCost;

/* `bandwidth` in Mbit/s scales the latency of the communication alone; NaN: as it was measured. */
ENTRO_API EntroCost entro_cost(const EntroCostArch *arch, const EntroCostSizes *sizes,
                               double bandwidth);
ENTRO_API double entro_cost_calibrated_bandwidth(void);

typedef struct {
    double value, low, high;
    gboolean estimate; /* low < high */
} EntroCostRange;

ENTRO_API EntroCostRange entro_cost_get(const EntroCost *cost, EntroCostItemId item);
/* How many times less than the baseline's; both by the same assumptions, so that they cancel. */
ENTRO_API EntroCostRange entro_cost_saving(const EntroCost *baseline, const EntroCost *cost,
                                           EntroCostItemId item);

G_END_DECLS

#endif
