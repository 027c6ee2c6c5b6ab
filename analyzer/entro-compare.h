/* entro-compare.h: is a difference one?  Samples compared by number, and runs by groups.
 *
 * Nothing here reads a file or a database: numbers come in plain structs, and leave in them. */
#ifndef ENTRO_ANALYZER_COMPARE_H
#define ENTRO_ANALYZER_COMPARE_H

#include "entro-analyzer.h"

G_BEGIN_DECLS

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
    ENTRO_REFUSAL_UNASKED,  /* an interval that the options of the comparison leave out */
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

/* ---- curves of several runs ------------------------------------------------------------------ */

/* One run's values over the same axis; everything borrowed. */
typedef struct {
    gsize n;
    const double *x; /* [n] ascending, none twice */
    const double *y; /* [n] NaN: no value */
} EntroSeedCurve;

typedef struct {
    double level; /* of the interval, 0 .. 1 */
    guint least;  /* curves that must have an x for it to be in the result; 0: all */
    /* FALSE: a run is out from its first value that is not finite: what comes after a divergence is
     * not what the others do.  TRUE: it is out there alone. */
    gboolean gaps;
} EntroMeanCurveOptions;

#define ENTRO_MEAN_CURVE_OPTIONS_DEFAULT                                                           \
    ((EntroMeanCurveOptions){.level = 0.95, .least = 0, .gaps = FALSE})

/* Mean and Student's interval of the mean, mean -+ t sd / sqrt(n), at each x.  It takes the runs'
 * values as normal; of few runs entro_bootstrap_mean() holds its level better (see there). */
typedef struct {
    guint n_curves;
    gsize n;
    double *x;          /* [n] ascending */
    double *mean, *sd;  /* [n] NaN without a value; sd with n - 1, NaN with one */
    double *low, *high; /* [n] NaN with fewer than two values */
    gsize *n_runs;      /* [n] values there */
    double *ended;      /* [n_curves] x of its first value that is not finite; NaN: none */
} EntroMeanCurve;

ENTRO_API EntroMeanCurve *entro_mean_curve(const EntroSeedCurve *curves, guint n_curves,
                                           const EntroMeanCurveOptions *options);
ENTRO_API void entro_mean_curve_free(EntroMeanCurve *curve);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroMeanCurve, entro_mean_curve_free)

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
    gboolean head_intervals; /* FALSE: none of the heads, of which thousands cost seconds */
} EntroCompareOptions;

#define ENTRO_COMPARE_LAST_COMMON G_MAXINT64
#define ENTRO_COMPARE_OPTIONS_DEFAULT                                                              \
    ((EntroCompareOptions){.alpha = 0.05,                                                          \
                           .test = ENTRO_TEST_RANK_SUM,                                            \
                           .step = ENTRO_COMPARE_LAST_COMMON,                                      \
                           .bootstrap = ENTRO_BOOTSTRAP_DEFAULT,                                   \
                           .band_max = ENTRO_BAND_POOLED,                                          \
                           .head_intervals = TRUE})

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

G_END_DECLS

#endif
