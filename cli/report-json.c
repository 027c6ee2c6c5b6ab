/* report-json.c: findings, and the rules in effect, as JSON. */
#include "report.h"

static void
place_json(JsonBuilder *builder, const char *name, gint64 value, gint64 none)
{
    json_builder_set_member_name(builder, name);
    if (value == none)
        json_builder_add_null_value(builder);
    else
        json_builder_add_int_value(builder, value);
}

/* null when it is not an object: somebody else wrote it. */
static void
evidence_json(JsonBuilder *builder, const char *evidence)
{
    g_autoptr(JsonNode) node = json_from_string(evidence, NULL);

    json_builder_set_member_name(builder, "evidence");
    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        json_builder_add_value(builder, g_steal_pointer(&node));
    else
        json_builder_add_null_value(builder);
}

static void
finding_json(JsonBuilder *builder, const EntroFinding *finding)
{
    json_builder_begin_object(builder);
    entro_json_string(builder, "kind", entro_finding_kind_name(finding->kind));
    entro_json_string(builder, "severity", entro_severity_name(finding->severity));
    place_json(builder, "layer", finding->layer, -1);
    place_json(builder, "head", finding->head, -1);
    entro_json_integer(builder, "onset_step", finding->onset_step);
    place_json(builder, "last_step", finding->last_step, ENTRO_STILL_SO);
    entro_json_integer(builder, "captures", (gint64)finding->n_captures);
    entro_json_string(builder, "rule", finding->rule);
    entro_json_string(builder, "sentence", finding->sentence);
    evidence_json(builder, finding->evidence);
    json_builder_end_object(builder);
}

/* null: there is nothing to judge. */
static void
healthy_json(JsonBuilder *builder, const EntroRunReport *report)
{
    gboolean healthy = entro_report_is_healthy(report);

    json_builder_set_member_name(builder, "healthy");
    if (healthy && report->count.n == 0)
        json_builder_add_null_value(builder);
    else
        json_builder_add_boolean_value(builder, healthy);
}

static void
count_json(JsonBuilder *builder, const EntroHeadCount *count)
{
    json_builder_set_member_name(builder, "last");
    if (count->n == 0) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_object(builder);
    entro_json_integer(builder, "step", count->step);
    entro_json_integer(builder, "heads", count->n + count->n_without);
    entro_json_integer(builder, "heads_overloaded", count->n_overloaded);
    entro_json_integer(builder, "heads_collapsed", count->n_collapsed);
    entro_json_integer(builder, "heads_not_judged", count->n_without);
    json_builder_end_object(builder);
}

static void
run_json(JsonBuilder *builder, const EntroRunReport *report)
{
    const EntroRunInfo *run = report->one->run;
    gboolean any = run->n_captures > 0;

    entro_json_integer(builder, "id", run->id);
    entro_json_string(builder, "run", run->name);
    entro_json_integer(builder, "attempt", run->attempt);
    entro_json_integer(builder, "captures", run->n_captures);
    place_json(builder, "first_step", any ? run->first_step : G_MININT64, G_MININT64);
    place_json(builder, "last_step", any ? run->last_step : G_MININT64, G_MININT64);
    entro_json_integer(builder, "layers", (gint64)report->one->evidence->layers->n_heads);
    entro_json_integer(builder, "heads", (gint64)report->one->evidence->heads->n_heads);
    healthy_json(builder, report);
    entro_json_boolean(builder, "stored", report->stored);
    entro_json_string(builder, "judged_at", report->stored ? run->findings_at : NULL);
    entro_json_boolean(builder, "outdated", report->outdated);
}

void
entro_report_json(const EntroRunReport *report, JsonBuilder *builder)
{
    json_builder_begin_object(builder);
    run_json(builder, report);
    count_json(builder, &report->count);
    json_builder_set_member_name(builder, "findings");
    json_builder_begin_array(builder);
    for (guint i = 0; i < report->findings->len; i++)
        finding_json(builder, report->findings->pdata[i]);
    json_builder_end_array(builder);
    if (report->penalty != NULL)
        entro_penalty_json(report->penalty, builder);
    json_builder_end_object(builder);
}

void
entro_rules_json(const EntroRules *rules, JsonBuilder *builder)
{
    json_builder_begin_array(builder);
    for (guint i = 0; i < entro_n_rules(); i++) {
        const EntroRule *rule = entro_rule(i);

        json_builder_begin_object(builder);
        entro_json_string(builder, "name", rule->name);
        entro_json_string(builder, "kind", entro_finding_kind_name(rule->kind));
        entro_json_string(builder, "scope", entro_scope_name(rule->scope));
        entro_json_string(builder, "severity", entro_severity_name(rules->setting[i].severity));
        json_builder_set_member_name(builder, "parameters");
        json_builder_begin_object(builder);
        for (guint j = 0; rule->parameters[j].name != NULL; j++)
            entro_json_real(builder, rule->parameters[j].name, rules->setting[i].value[j]);
        json_builder_end_object(builder);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}
