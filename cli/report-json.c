/* report-json.c: findings, and the rules in effect, as JSON. */
#include "report.h"

#define EVIDENCE_LONGEST  65536
#define EVIDENCE_BRACKETS 64

/* The parser calls itself once a bracket: of text that anybody may have written, the brackets are
 * counted first, also those in strings. */
static gboolean
is_safe_to_parse(const char *text)
{
    guint n_brackets = 0;
    gsize i = 0;

    for (; text[i] != '\0' && i < EVIDENCE_LONGEST; i++)
        n_brackets += text[i] == '{' || text[i] == '[';
    return i < EVIDENCE_LONGEST && n_brackets <= EVIDENCE_BRACKETS;
}

/* By its type, so that each goes through the checks of output.c: 1e999 is parsed as infinite. */
static void
member_json(JsonObject *object, const char *member, JsonNode *node, gpointer to)
{
    g_autofree char *name = g_utf8_make_valid(member, -1);
    JsonBuilder *builder = to;

    (void)object;
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        entro_json_string(builder, name, json_node_get_string(node));
        break;
    case G_TYPE_INT64:
        entro_json_integer(builder, name, json_node_get_int(node));
        break;
    case G_TYPE_DOUBLE:
        entro_json_real(builder, name, json_node_get_double(node));
        break;
    case G_TYPE_BOOLEAN:
        entro_json_boolean(builder, name, json_node_get_boolean(node));
        break;
    default: /* null; evidence holds no objects and arrays */
        entro_json_string(builder, name, NULL);
    }
}

JsonNode *
entro_report_parse_evidence(const char *evidence)
{
    g_autoptr(JsonNode) node = is_safe_to_parse(evidence) ? json_from_string(evidence, NULL) : NULL;

    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? g_steal_pointer(&node) : NULL;
}

void
entro_json_evidence(JsonBuilder *builder, const char *evidence)
{
    g_autoptr(JsonNode) node = entro_report_parse_evidence(evidence);

    json_builder_set_member_name(builder, "evidence");
    if (node == NULL) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_object(builder);
    json_object_foreach_member(json_node_get_object(node), member_json, builder);
    json_builder_end_object(builder);
}

void
entro_json_finding(JsonBuilder *builder, const EntroFinding *finding)
{
    entro_json_string(builder, "kind", entro_finding_kind_name(finding->kind));
    entro_json_string(builder, "severity", entro_severity_name(finding->severity));
    entro_json_place(builder, "layer", finding->layer, -1);
    entro_json_place(builder, "head", finding->head, -1);
    entro_json_integer(builder, "onset_step", finding->onset_step);
    entro_json_place(builder, "last_step", finding->last_step, ENTRO_STILL_SO);
}

static void
finding_json(JsonBuilder *builder, const EntroFinding *finding)
{
    json_builder_begin_object(builder);
    entro_json_finding(builder, finding);
    entro_json_integer(builder, "captures", (gint64)finding->n_captures);
    entro_json_string(builder, "rule", finding->rule);
    entro_json_string(builder, "sentence", finding->sentence);
    entro_json_evidence(builder, finding->evidence);
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
    entro_json_place(builder, "first_step", any ? run->first_step : G_MININT64, G_MININT64);
    entro_json_place(builder, "last_step", any ? run->last_step : G_MININT64, G_MININT64);
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
