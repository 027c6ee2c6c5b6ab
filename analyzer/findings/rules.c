/* rules.c: the table of rules: what each looks at, and its parameters with their defaults.
 *
 * The defaults separate the six configurations whose head entropies arXiv 2501.03489 printed; the
 * plain shares that first come to mind would flag the paper's own baseline.  The database holds them
 * as data, and what stands there is what is used. */
#include "findings-private.h"

typedef struct {
    EntroRule rule;
    EntroRuleJudge judge;
} Row;

#define OPENS(n)                                                                                   \
    {                                                                                              \
        "opens", n, 1, 1e6, "bad captures in a row that open a finding; its onset is the first"    \
    }
#define CLOSES(n)                                                                                  \
    {                                                                                              \
        "closes", n, 1, 1e6, "good captures in a row that close it"                                \
    }
#define GRACE                                                                                      \
    {                                                                                              \
        "grace", 0.10, 0, 1,                                                                       \
            "part of the captures that it must outlast if it is there from the first one on"       \
    }
#define RANGE(least, most)                                                                         \
    {"low", least, -1e300, 1e300, "smallest value in range"},                                      \
    {                                                                                              \
        "high", most, -1e300, 1e300, "largest value in range"                                      \
    }

static const Row rows[] = {
    {{"attention-nan",
      ENTRO_FINDING_NAN,
      ENTRO_SCOPE_RUN,
      ENTRO_SEVERITY_CRITICAL,
      "Rows of attention are NaN or Inf.",
      {{"rows", 1, 1, 1e15, "rows in a capture that count as bad"}, OPENS(1), CLOSES(2)}},
     entro_judge_attention_nan},
    {{"loss-nan",
      ENTRO_FINDING_NAN,
      ENTRO_SCOPE_RUN,
      ENTRO_SEVERITY_CRITICAL,
      "A scalar whose name ends in loss is NaN or Inf.",
      {{"opens", 1, 1, 1e6, "values in a row that open a finding; its onset is the first"}}},
     entro_judge_loss_nan},
    {{"layer-collapse",
      ENTRO_FINDING_COLLAPSE,
      ENTRO_SCOPE_LAYER,
      ENTRO_SEVERITY_CRITICAL,
      "The mean entropy of a layer is below a fraction of its ceiling.",
      {{"fraction", 0.10, 0, 1, "of the ceiling; below it is collapse"}, OPENS(2), CLOSES(2)}},
     entro_judge_layer_collapse},
    {{"run-overload",
      ENTRO_FINDING_OVERLOAD,
      ENTRO_SCOPE_RUN,
      ENTRO_SEVERITY_WARNING,
      "Too large a share of all heads is overloaded.",
      {{"head_fraction", ENTRO_HEAD_OVERLOAD, 0, 1, "of its ceiling; from it on a head counts"},
       {"head_share", 0.30, 0, 1, "of the heads; from it on it is overload"},
       OPENS(2),
       CLOSES(2),
       GRACE}},
     entro_judge_run_overload},
    {{"layer-overload",
      ENTRO_FINDING_OVERLOAD,
      ENTRO_SCOPE_LAYER,
      ENTRO_SEVERITY_WARNING,
      "The mean entropy of a layer is at or above a fraction of its ceiling.",
      {{"fraction", 0.90, 0, 1, "of the ceiling; from it on it is overload"},
       OPENS(2),
       CLOSES(2),
       GRACE}},
     entro_judge_layer_overload},
    {{"redundant-layer",
      ENTRO_FINDING_REDUNDANT,
      ENTRO_SCOPE_LAYER,
      ENTRO_SEVERITY_WARNING,
      "The heads of a layer attend to nearly the same, though they are not all uniform.",
      {{"share", 0.05, 0, 1,
        "of the diversity that is possible, min(ln heads, ceiling - mean entropy)"},
       {"uniform", 0.90, 0, 1, "of the ceiling; layers from it on are not judged"},
       OPENS(2),
       CLOSES(2),
       GRACE}},
     entro_judge_redundant_layer},
    {{"temperature-runaway",
      ENTRO_FINDING_RUNAWAY,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_WARNING,
      "The mean learnable temperature of a head leaves its range or is not finite, or one of its "
      "temperatures is not above 0.",
      {RANGE(1e-3, 100), OPENS(2), CLOSES(2)}},
     entro_judge_temperature},
    {{"threshold-runaway",
      ENTRO_FINDING_RUNAWAY,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_WARNING,
      "The learnable entropy threshold of a head, a fraction of ln T, leaves its range or is not "
      "finite.",
      {RANGE(0, 1), OPENS(2), CLOSES(2)}},
     entro_judge_threshold},
    {{"scaling-runaway",
      ENTRO_FINDING_RUNAWAY,
      ENTRO_SCOPE_LAYER,
      ENTRO_SEVERITY_WARNING,
      "The absolute value of alpha or beta of a layer leaves its range or is not finite.",
      {RANGE(0.01, 100), OPENS(2), CLOSES(2)}},
     entro_judge_scaling},
    {{"dead-head",
      ENTRO_FINDING_DEAD,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_WARNING,
      "The entropy of a head stands still at its ceiling or at 0, up to the last capture.",
      {{"captures", 10, 2, 1e6, "last captures, at least, in which it stands still"},
       {"edge", 0.001, 0, 0.5, "of the ceiling; so near to it, or to 0"},
       {"tolerance", 0.001, 0, 1, "of the ceiling; it moves by no more"},
       GRACE}},
     entro_judge_dead_head},
    {{"masked-head",
      ENTRO_FINDING_DEAD,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_WARNING,
      "Every row of a head is masked or has no weight.",
      {OPENS(2), CLOSES(2)}},
     entro_judge_masked_head},
    {{"head-collapse",
      ENTRO_FINDING_COLLAPSE,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_INFO,
      "The entropy of a head is below a fraction of its ceiling.",
      {{"fraction", ENTRO_HEAD_COLLAPSE, 0, 1, "of the ceiling; below it is collapse"},
       OPENS(2),
       CLOSES(2)}},
     entro_judge_head_collapse},
    {{"head-overload",
      ENTRO_FINDING_OVERLOAD,
      ENTRO_SCOPE_HEAD,
      ENTRO_SEVERITY_INFO,
      "The entropy of a head is at or above a fraction of its ceiling.",
      {{"fraction", ENTRO_HEAD_OVERLOAD, 0, 1, "of the ceiling; from it on it is overload"},
       OPENS(2),
       CLOSES(2),
       GRACE}},
     entro_judge_head_overload},
    /* last: it looks at what the others found */
    {{"loss-spike",
      ENTRO_FINDING_SPIKE,
      ENTRO_SCOPE_RUN,
      ENTRO_SEVERITY_WARNING,
      "The loss jumps near the onset of a collapse or overload, or a large change of a layer's "
      "entropy.",
      {{"z", 8, 0, 1e6, "robust standard deviations above the values before"},
       {"rise", 0.10, 0, 1e6, "of the level before; it rises by more"},
       {"window", 16, 4, 1000, "values before it that it is compared with"},
       {"near", 2, 0, 1e6, "captures between the jump and the event of the entropy"},
       {"change", 0.20, 0, 1,
        "of the ceiling, from one capture to the next: a large change of a layer's entropy"}}},
     entro_judge_loss_spike},
};

guint
entro_n_rules(void)
{
    return G_N_ELEMENTS(rows);
}

const EntroRule *
entro_rule(guint index)
{
    return &rows[index].rule;
}

EntroRuleJudge
entro_rule_judge(guint index)
{
    return rows[index].judge;
}

const char *
entro_scope_name(EntroScope scope)
{
    static const char *const names[] = {
        [ENTRO_SCOPE_RUN] = "run", [ENTRO_SCOPE_LAYER] = "layer", [ENTRO_SCOPE_HEAD] = "head"};

    return names[scope];
}

static gboolean
find_parameter(const EntroRule *rule, const char *name, guint *ret_parameter)
{
    for (*ret_parameter = 0; rule->parameters[*ret_parameter].name != NULL; ++*ret_parameter)
        if (g_strcmp0(rule->parameters[*ret_parameter].name, name) == 0)
            return TRUE;
    return FALSE;
}

gboolean
entro_rule_find(const char *rule, const char *parameter, guint *ret_rule, guint *ret_parameter)
{
    for (*ret_rule = 0; *ret_rule < G_N_ELEMENTS(rows); ++*ret_rule)
        if (g_strcmp0(rows[*ret_rule].rule.name, rule) == 0)
            return parameter == NULL ||
                   find_parameter(&rows[*ret_rule].rule, parameter, ret_parameter);
    return FALSE;
}

/* ---- the values in effect ------------------------------------------------------------------------- */

EntroRules *
entro_rules_new(void)
{
    EntroRules *rules = g_new0(EntroRules, 1);

    rules->setting = g_new0(EntroRuleSetting, G_N_ELEMENTS(rows));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        rules->setting[i].severity = rows[i].rule.severity;
        for (guint j = 0; rows[i].rule.parameters[j].name != NULL; j++)
            rules->setting[i].value[j] = rows[i].rule.parameters[j].value;
    }
    return rules;
}

void
entro_rules_free(EntroRules *rules)
{
    if (rules == NULL)
        return;
    g_free(rules->setting);
    g_free(rules);
}

static gboolean
fail_unknown(const char *rule, const char *parameter, guint index, GError **error)
{
    g_autoptr(GString) there = g_string_new(NULL);
    g_autofree char *shown_rule = entro_printable(rule, -1);
    g_autofree char *shown = entro_printable(parameter, -1);

    if (index < G_N_ELEMENTS(rows)) {
        for (guint j = 0; rows[index].rule.parameters[j].name != NULL; j++)
            g_string_append_printf(there, "%s%s", j > 0 ? ", " : "",
                                   rows[index].rule.parameters[j].name);
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_RULE,
                    "rule %s has no parameter \"%s\"; it has %s", shown_rule, shown, there->str);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(there, "%s%s", i > 0 ? ", " : "", rows[i].rule.name);
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_RULE,
                "there is no rule \"%s\"; there are %s", shown_rule, there->str);
    return FALSE;
}

gboolean
entro_rules_set(EntroRules *rules, const char *rule, const char *parameter, double value,
                GError **error)
{
    guint i = 0, j = 0;

    if (!entro_rule_find(rule, parameter, &i, &j))
        return fail_unknown(rule, parameter, i, error);
    const EntroRuleParameter *known = &rows[i].rule.parameters[j];
    if (!(value >= known->least && value <= known->most)) {
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_RULE,
                    "rule %s: %s is %g, expected %g to %g", rule, parameter, value, known->least,
                    known->most);
        return FALSE;
    }
    rules->setting[i].value[j] = value;
    return TRUE;
}
