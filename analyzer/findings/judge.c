/* judge.c: holds every rule against a run, and puts what was found in order. */
#include "findings-private.h"

/* ---- what the rules ask ------------------------------------------------------------------------- */

double
entro_judge_parameter(const EntroJudge *judge, const char *name)
{
    guint rule = 0, parameter = 0;
    gboolean there = entro_rule_find(entro_rule(judge->rule)->name, name, &rule, &parameter);

    g_assert(there); /* a rule asks for its own parameters */
    return judge->rules->setting[rule].value[parameter];
}

static double
parameter_or(const EntroJudge *judge, const char *name, double otherwise)
{
    guint rule = 0, parameter = 0;

    return entro_rule_find(entro_rule(judge->rule)->name, name, &rule, &parameter)
               ? judge->rules->setting[rule].value[parameter]
               : otherwise;
}

EntroHysteresis
entro_judge_hysteresis(const EntroJudge *judge)
{
    return (EntroHysteresis){.opens = (guint)parameter_or(judge, "opens", 1),
                             .closes = (guint)parameter_or(judge, "closes", 1),
                             .grace = parameter_or(judge, "grace", 0)};
}

gint64
entro_judge_step(const EntroJudge *judge, gsize position)
{
    return judge->run->heads->step[position];
}

double
entro_judge_head(const EntroJudge *judge, EntroEvidenceHeadColumn column, gsize position,
                 gsize head)
{
    return judge->run->heads->value[column][position * judge->n_heads + head];
}

double
entro_judge_layer(const EntroJudge *judge, EntroEvidenceLayerColumn column, gsize position,
                  gsize layer)
{
    return judge->run->layers->value[column][position * judge->n_layers + layer];
}

guint
entro_judge_layer_number(const EntroJudge *judge, gsize layer)
{
    return judge->run->layers->layer[layer];
}

EntroLayerMean
entro_judge_layer_mean(const EntroJudge *judge, gsize position, gsize layer)
{
    EntroLayerMean mean = {0};

    for (gsize head = judge->first_head[layer]; head < judge->first_head[layer + 1]; head++) {
        double entropy = entro_judge_head(judge, ENTRO_EVIDENCE_ENTROPY, position, head);
        double ceiling = entro_judge_head(judge, ENTRO_EVIDENCE_CEILING, position, head);

        if (isnan(entropy) || isnan(ceiling))
            continue;
        mean.entropy += entropy;
        mean.ceiling += ceiling;
        mean.n++;
    }
    mean.entropy = mean.n > 0 ? mean.entropy / mean.n : NAN;
    mean.ceiling = mean.n > 0 ? mean.ceiling / mean.n : NAN;
    return mean;
}

const char *
entro_judge_part(const EntroJudge *judge, gsize layer)
{
    if (judge->n_layers < 3)
        return "";
    if (3 * layer < judge->n_layers)
        return " (early)";
    return 3 * layer >= 2 * judge->n_layers ? " (deep)" : "";
}

/* ---- words -------------------------------------------------------------------------------------- */

static char *
words_count(gsize n)
{
    return g_strdup_printf("%" G_GSIZE_FORMAT " capture%s", n, n == 1 ? "" : "s");
}

/* Of what there was to judge when persistence is unknown. */
static char *
words_few(const EntroJudge *judge, const EntroEpisode *episode)
{
    if (episode->n_measured == judge->n_steps)
        return g_strdup_printf("with so few captures (%" G_GSIZE_FORMAT ")", judge->n_steps);
    return g_strdup_printf("with so few captures that could be measured (%" G_GSIZE_FORMAT
                           " of %" G_GSIZE_FORMAT ")",
                           episode->n_measured, judge->n_steps);
}

/* How an episode that is not so at the last capture came to its end. */
static char *
words_end(const EntroEpisode *episode)
{
    if (episode->end == ENTRO_END_SINCE && episode->n_good_since == 1)
        return g_strdup("; good once since");
    if (episode->end == ENTRO_END_SINCE)
        return g_strdup_printf("; good %u times since", episode->n_good_since);
    return g_strdup(episode->end == ENTRO_END_OVER ? ", then no more"
                                                   : ", then it could not be measured");
}

char *
entro_words_span(const EntroJudge *judge, const EntroEpisode *episode)
{
    gint64 from = entro_judge_step(judge, episode->onset);
    gint64 to = entro_judge_step(judge, episode->last);
    g_autofree char *captures = words_count(episode->n_bad);
    g_autofree char *few = words_few(judge, episode), *end = words_end(episode);

    if (!episode->known && episode->end == ENTRO_END_LOST)
        return g_strdup_printf("at step %" G_GINT64_FORMAT
                               ", the last that could be measured, so its persistence is unknown",
                               to);
    if (!episode->known)
        return g_strdup_printf("at step %" G_GINT64_FORMAT "; %s its persistence is unknown", from,
                               few);
    if (episode->end == ENTRO_END_STILL && episode->onset + 1 == judge->n_steps)
        return g_strdup_printf("at the last capture, step %" G_GINT64_FORMAT, from);
    if (episode->end == ENTRO_END_STILL)
        return g_strdup_printf("from step %" G_GINT64_FORMAT
                               " to the last capture, step %" G_GINT64_FORMAT " (%s)",
                               from, entro_judge_step(judge, judge->n_steps - 1), captures);
    return g_strdup_printf("from step %" G_GINT64_FORMAT " to step %" G_GINT64_FORMAT " (%s)%s",
                           from, to, captures, end);
}

void
entro_json_add_episode(EntroJson *json, const EntroJudge *judge, const EntroEpisode *episode)
{
    static const char *const ends[] = {[ENTRO_END_STILL] = "still so",
                                       [ENTRO_END_SINCE] = "good since",
                                       [ENTRO_END_OVER] = "over",
                                       [ENTRO_END_LOST] = "not measured"};

    entro_json_add_text(json, "persistence", episode->known ? "known" : "unknown");
    entro_json_add_text(json, "end", ends[episode->end]);
    entro_json_add_int(json, "captures_of_run", (gint64)judge->n_steps);
}

static gboolean
is_of_start(const EntroJudge *judge, const EntroEpisode *episode)
{
    return episode->from_start && episode->known && entro_judge_hysteresis(judge).grace > 0;
}

gboolean
entro_is_slow_start(const EntroJudge *judge, const EntroEpisode *episode)
{
    return is_of_start(judge, episode) && episode->end == ENTRO_END_OVER;
}

const char *
entro_words_start(const EntroJudge *judge, const EntroEpisode *episode)
{
    if (entro_is_slow_start(judge, episode))
        return ": a slow start, for every fresh model begins like that";
    return is_of_start(judge, episode) && episode->end == ENTRO_END_STILL && !episode->was_good
               ? "; it never left the state in which every fresh model begins"
               : "";
}

/* A start at the ceiling that was left, however late, is no failure. */
static EntroSeverity
severity_of(const EntroJudge *judge, const EntroEpisode *episode)
{
    if (entro_is_slow_start(judge, episode))
        return ENTRO_SEVERITY_INFO;
    return judge->rules->setting[judge->rule].severity;
}

void
entro_judge_add_steps(EntroJudge *judge, const EntroFinding *place, const EntroEpisode *episode,
                      char *sentence, EntroJson *json)
{
    EntroFinding *finding = g_memdup2(place, sizeof *place);

    finding->kind = entro_rule(judge->rule)->kind;
    finding->severity = severity_of(judge, episode);
    finding->rule = g_strdup(entro_rule(judge->rule)->name);
    finding->sentence = sentence;
    entro_json_add_episode(json, judge, episode);
    finding->evidence = entro_json_end(json);
    g_ptr_array_add(judge->findings, finding);
}

void
entro_judge_add(EntroJudge *judge, gint64 layer, gint64 head, const EntroEpisode *episode,
                char *sentence, EntroJson *json)
{
    EntroFinding place = {.layer = layer,
                          .head = head,
                          .onset_step = entro_judge_step(judge, episode->onset),
                          .last_step = episode->end == ENTRO_END_STILL
                                           ? ENTRO_STILL_SO
                                           : entro_judge_step(judge, episode->last),
                          .n_captures = episode->n_bad};

    entro_judge_add_steps(judge, &place, episode, sentence, json);
}

/* ---- the order ---------------------------------------------------------------------------------- */

static int
scope_of(const EntroFinding *finding)
{
    return finding->head >= 0    ? ENTRO_SCOPE_HEAD
           : finding->layer >= 0 ? ENTRO_SCOPE_LAYER
                                 : ENTRO_SCOPE_RUN;
}

static int
compare_int(gint64 a, gint64 b)
{
    return (a > b) - (a < b);
}

/* Most severe first, then the run, its layers, its heads, each by onset. */
static int
compare_findings(gconstpointer first, gconstpointer second)
{
    const EntroFinding *a = *(const EntroFinding *const *)first;
    const EntroFinding *b = *(const EntroFinding *const *)second;
    guint rule_a = 0, rule_b = 0;
    int order = compare_int(b->severity, a->severity);

    order = order != 0 ? order : compare_int(scope_of(a), scope_of(b));
    order = order != 0 ? order : compare_int(a->onset_step, b->onset_step);
    entro_rule_find(a->rule, NULL, &rule_a, NULL);
    entro_rule_find(b->rule, NULL, &rule_b, NULL);
    order = order != 0 ? order : compare_int(rule_a, rule_b);
    order = order != 0 ? order : compare_int(a->layer, b->layer);
    return order != 0 ? order : compare_int(a->head, b->head);
}

static gsize *
find_first_heads(const EntroHistory *heads, gsize n_layers)
{
    gsize *first = g_new0(gsize, n_layers + 1);
    gsize layer = 0;

    for (gsize head = 0; head < heads->n_heads; head++)
        if (head > 0 && heads->layer[head] != heads->layer[head - 1])
            first[++layer] = head;
    first[n_layers] = heads->n_heads;
    return first;
}

GPtrArray *
entro_judge(const EntroEvidence *evidence, const EntroRules *rules)
{
    g_autofree gsize *first_head = find_first_heads(evidence->heads, evidence->layers->n_heads);
    EntroJudge judge = {
        .run = evidence,
        .rules = rules,
        .n_steps = evidence->heads->n_steps,
        .n_heads = evidence->heads->n_heads,
        .n_layers = evidence->layers->n_heads,
        .first_head = first_head,
        .findings = g_ptr_array_new_with_free_func((GDestroyNotify)entro_finding_free),
    };

    for (judge.rule = 0; judge.rule < entro_n_rules(); judge.rule++)
        entro_rule_judge(judge.rule)(&judge);
    g_ptr_array_sort(judge.findings, compare_findings); /* a stable sort */
    return judge.findings;
}

static gboolean
equal(const EntroFinding *a, const EntroFinding *b)
{
    return a->kind == b->kind && a->severity == b->severity && a->layer == b->layer &&
           a->head == b->head && a->onset_step == b->onset_step && a->last_step == b->last_step &&
           a->n_captures == b->n_captures && g_strcmp0(a->rule, b->rule) == 0 &&
           g_strcmp0(a->sentence, b->sentence) == 0 && g_strcmp0(a->evidence, b->evidence) == 0;
}

gboolean
entro_findings_equal(const GPtrArray *a, const GPtrArray *b)
{
    if (a->len != b->len)
        return FALSE;
    for (guint i = 0; i < a->len; i++)
        if (!equal(a->pdata[i], b->pdata[i]))
            return FALSE;
    return TRUE;
}
