/* findings-private.h: what the rules share: tracks of verdicts, episodes, words and evidence.
 *
 * A rule looks at one quantity at each of its places (the run, a layer, a head), says of every
 * capture whether it is bad, and gets back the episodes that last; it then puts each into words. */
#ifndef ENTRO_FINDINGS_PRIVATE_H
#define ENTRO_FINDINGS_PRIVATE_H

#include "entro-findings.h"

/* ---- episodes (episodes.c) ---------------------------------------------------------------------- */

typedef enum {
    ENTRO_VERDICT_UNKNOWN, /* nothing was measured: neither bad nor good, as if not captured */
    ENTRO_VERDICT_GOOD,
    ENTRO_VERDICT_BAD
} EntroVerdict;

typedef enum {
    ENTRO_END_STILL, /* so at the last capture */
    ENTRO_END_SINCE, /* good since the last bad capture, but not for long enough to be over */
    ENTRO_END_OVER,
    ENTRO_END_LOST /* not measured any more */
} EntroEnd;

typedef struct {
    gsize onset, last; /* positions of the first and the last bad capture */
    gsize n_bad;
    gsize n_measured; /* captures of the run, not of the episode alone */
    EntroEnd end;
    guint n_good_since;  /* captures after the last bad one: of ENTRO_END_SINCE */
    gboolean was_good;   /* at a capture after its onset */
    gboolean from_start; /* bad at the first capture that was measured */
    gboolean known;      /* FALSE: there are too few captures to say whether it lasts */
} EntroEpisode;

typedef struct {
    guint opens, closes; /* so many bad captures in a row open, so many good ones close */
    double grace; /* fraction of the captures that one from the start must outlast; 0: none */
} EntroHysteresis;

/* EntroEpisode elements by onset; verdict[n] is of EntroVerdict. */
GArray *entro_episodes(const guint8 *verdict, gsize n, const EntroHysteresis *hysteresis);

/* ---- evidence (evidence-json.c) ----------------------------------------------------------------- */

/* A flat JSON object under way. */
typedef struct {
    GString *text;
} EntroJson;

EntroJson entro_json_begin(void);
void entro_json_add_real(EntroJson *json, const char *name, double value); /* not finite: null */
void entro_json_add_int(EntroJson *json, const char *name, gint64 value);
void entro_json_add_text(EntroJson *json, const char *name, const char *value);
char *entro_json_end(EntroJson *json); /* to be freed */

/* ---- judging (judge.c) -------------------------------------------------------------------------- */

typedef struct {
    const EntroEvidence *run;
    const EntroRules *rules;
    guint rule; /* the one at work */
    gsize n_steps, n_heads, n_layers;
    gsize *first_head;   /* [n_layers + 1] into heads */
    GPtrArray *findings; /* so far */
} EntroJudge;

double entro_judge_parameter(const EntroJudge *judge, const char *name);
EntroHysteresis entro_judge_hysteresis(const EntroJudge *judge);
gint64 entro_judge_step(const EntroJudge *judge, gsize position);
double entro_judge_head(const EntroJudge *judge, EntroEvidenceHeadColumn column, gsize position,
                        gsize head);
double entro_judge_layer(const EntroJudge *judge, EntroEvidenceLayerColumn column, gsize position,
                         gsize layer);
guint entro_judge_layer_number(const EntroJudge *judge, gsize layer);

/* Means over the heads of a layer that have a value; NaN if none has. */
typedef struct {
    double entropy, ceiling;
    guint n; /* heads with a value */
} EntroLayerMean;
EntroLayerMean entro_judge_layer_mean(const EntroJudge *judge, gsize position, gsize layer);

/* " (early)" in the first third of the layers, " (deep)" in the last, "" elsewhere or with fewer
 * than three layers. */
const char *entro_judge_part(const EntroJudge *judge, gsize layer);

/* "from step 140 to the last capture, step 600 (9 captures)" and the like; to be freed. */
char *entro_words_span(const EntroJudge *judge, const EntroEpisode *episode);
/* Of an episode that began with the run, by a rule with grace: what to say of that, or "". */
const char *entro_words_start(const EntroJudge *judge, const EntroEpisode *episode);
/* It began with the run and is over: no failure, so its findings are of severity info. */
gboolean entro_is_slow_start(const EntroJudge *judge, const EntroEpisode *episode);
/* Of an episode: steps, captures, whether it lasts, how it ended. */
void entro_json_add_episode(EntroJson *json, const EntroJudge *judge, const EntroEpisode *episode);

/* Adds a finding of the rule at work.  Takes sentence and the JSON object over.  layer and head: as
 * in EntroFinding. */
void entro_judge_add(EntroJudge *judge, gint64 layer, gint64 head, const EntroEpisode *episode,
                     char *sentence, EntroJson *json);
/* The same of what has steps of its own, as scalars have: there may be no capture at all.  Of `place`
 * layer, head, steps and n_captures are read, of the episode its flags. */
void entro_judge_add_steps(EntroJudge *judge, const EntroFinding *place,
                           const EntroEpisode *episode, char *sentence, EntroJson *json);

/* ---- the rules ------------------------------------------------------------------------------------ */

typedef void (*EntroRuleJudge)(EntroJudge *judge);

EntroRuleJudge entro_rule_judge(guint index);

void entro_judge_run_overload(EntroJudge *judge); /* judge-levels.c */
void entro_judge_layer_overload(EntroJudge *judge);
void entro_judge_layer_collapse(EntroJudge *judge);
void entro_judge_head_overload(EntroJudge *judge);
void entro_judge_head_collapse(EntroJudge *judge);
void entro_judge_attention_nan(EntroJudge *judge); /* judge-nan.c */
void entro_judge_loss_nan(EntroJudge *judge);
void entro_judge_dead_head(EntroJudge *judge); /* judge-heads.c */
void entro_judge_masked_head(EntroJudge *judge);
void entro_judge_redundant_layer(EntroJudge *judge);
void entro_judge_temperature(EntroJudge *judge); /* judge-params.c */
void entro_judge_threshold(EntroJudge *judge);
void entro_judge_scaling(EntroJudge *judge);
void entro_judge_loss_spike(EntroJudge *judge); /* judge-spike.c */

#endif
