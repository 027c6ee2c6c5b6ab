/* report.h: what the files of `report` share: cmd-report.c has the options and the loop over runs,
 * report-text.c, report-group.c and report-json.c say what was found, report-penalty.c what the
 * regularizer would, and report-html.h has the page. */
#ifndef ENTRO_REPORT_H
#define ENTRO_REPORT_H

#include "command.h"

/* ---- the penalty (report-penalty.c) --------------------------------------------------------------- */

typedef struct {
    gboolean wanted, learned; /* learned: thresholds of the trace */
    double theta, gamma;      /* fractions of ln T */
    gint64 step;              /* ENTRO_STEP_LAST: the last capture */
} EntroPenaltyOptions;

typedef struct {
    EntroPenaltyOptions options;
    gint64 step;
    double ln_t, total; /* total: L_ent, in nats^2; NaN if no head has a value */
    gsize n_heads;
    EntroHeadPenalty *heads;
} EntroPenaltyReport;

gboolean entro_penalty_report(const EntroCase *one, const EntroPenaltyOptions *options,
                              EntroPenaltyReport *ret_report, GError **error);
void entro_penalty_text(const EntroPenaltyReport *report, GString *out);
void entro_penalty_json(const EntroPenaltyReport *report, JsonBuilder *builder);
void entro_penalty_clear(EntroPenaltyReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroPenaltyReport, entro_penalty_clear)

/* ---- what is said of one run ----------------------------------------------------------------------- */

/* Heads at the last capture in which one has a value. */
typedef struct {
    gint64 step;
    guint n, n_overloaded, n_collapsed; /* n: those that can be judged; if 0, step means nothing */
    guint n_without;                    /* no valid row, or rows of a single key */
} EntroHeadCount;

typedef struct {
    const EntroCase *one;
    const EntroRules *rules;   /* those in effect */
    const GPtrArray *findings; /* EntroFinding */
    gboolean stored;           /* not computed now */
    gboolean outdated;         /* stored, and by these rules it would be judged otherwise now */
    gboolean all;              /* every finding in a line of its own */
    EntroHeadCount count;
    const EntroPenaltyReport *penalty; /* or NULL */
} EntroRunReport;

/* Appends `text` in lines of a terminal's width, those after the first indented. */
void entro_report_wrap(GString *out, const char *text);
const char *entro_report_label(EntroSeverity severity); /* "note", "WARNING", ... */
/* Findings of one rule and severity, all of heads, of layers or of the run, in a sentence
 * (report-group.c). */
char *entro_report_group(const EntroRunReport *report, const GPtrArray *group);

/* What is told in one line: a finding, or many by one rule. */
typedef struct {
    EntroSeverity severity;
    const char *rule;    /* borrowed */
    char *text;          /* a sentence */
    GPtrArray *findings; /* EntroFinding, borrowed */
} EntroReportLine;

GPtrArray *entro_report_lines(const EntroRunReport *report); /* EntroReportLine */
/* "Healthy: ...": what is to be thought of the run, in a sentence. */
char *entro_report_verdict(const EntroRunReport *report);
#define ENTRO_REPORT_OUTDATED                                                                      \
    "These findings are as stored; by the rules that are in the database now they would be "       \
    "others: `analyze` the trace again."
/* An object; NULL when it is none: somebody else wrote it (report-json.c). */
JsonNode *entro_report_parse_evidence(const char *evidence);
/* Members of a finding's object: what it is and where; and its evidence, null if it is none. */
void entro_json_finding(JsonBuilder *builder, const EntroFinding *finding);
void entro_json_evidence(JsonBuilder *builder, const char *evidence);

/* Whether nothing above info was found. */
gboolean entro_report_is_healthy(const EntroRunReport *report);

void entro_report_text(const EntroRunReport *report, GString *out);
void entro_report_json(const EntroRunReport *report, JsonBuilder *builder);
void entro_rules_json(const EntroRules *rules, JsonBuilder *builder);

#endif
