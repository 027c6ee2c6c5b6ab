/* entro-findings.h: what went wrong in a run, where and when: rules, and what they find.
 *
 * Rules are rows of a table; their values are data, kept in the database. */
#ifndef ENTRO_ANALYZER_FINDINGS_H
#define ENTRO_ANALYZER_FINDINGS_H

#include "entro-analyzer.h"

G_BEGIN_DECLS

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

G_END_DECLS

#endif
