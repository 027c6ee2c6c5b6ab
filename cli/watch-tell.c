/* watch-tell.c: what `watch` tells: lines for a person, or with --json an object a line. */
#include "report.h"
#include "watch.h"

#include <stdio.h>

static JsonBuilder *
begin_event(const char *event)
{
    JsonBuilder *builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_string(builder, "event", event);
    return builder;
}

static void
end_event(JsonBuilder *builder)
{
    json_builder_end_object(builder);
    entro_progress_end();
    entro_print_json_line(builder);
    fflush(stdout);
}

void
entro_tell_state(const char *state, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    entro_say("%s", text);
    if (!entro_common.json)
        return;
    g_autoptr(JsonBuilder) builder = begin_event("state");
    entro_json_string(builder, "state", state);
    entro_json_string(builder, "message", text);
    end_event(builder);
}

static void
extreme_json(JsonBuilder *builder, const char *name, const EntroLayerExtreme *extreme)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    entro_json_integer(builder, "layer", extreme->layer);
    entro_json_real(builder, "entropy", extreme->entropy);
    entro_json_real(builder, "ceiling", extreme->ceiling);
    json_builder_end_object(builder);
}

static void
run_json(JsonBuilder *builder, const EntroAnalyzeSummary *summary)
{
    entro_json_string(builder, "run", summary->run_name);
    entro_json_integer(builder, "run_id", summary->run_id);
    entro_json_integer(builder, "attempt", summary->attempt);
}

void
entro_tell_capture(const EntroAnalyzeSummary *summary, const EntroCapture *capture)
{
    if (!entro_common.json)
        return;
    g_autoptr(JsonBuilder) builder = begin_event("capture");
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    EntroAnalyzeSummary one = {.step = G_MININT64, .problems = problems};

    entro_summary_add(&one, capture);
    run_json(builder, summary);
    entro_json_integer(builder, "step", capture->step);
    entro_json_integer(builder, "position", (gint64)capture->position);
    entro_json_string(builder, "status", entro_capture_status_name(capture->status));
    entro_json_integer(builder, "rows", capture->n_rows);
    entro_json_integer(builder, "rows_nan", one.n_nan);
    if (one.step != G_MININT64) { /* else no head has a value */
        extreme_json(builder, "highest", &one.highest);
        extreme_json(builder, "lowest", &one.lowest);
    }
    entro_json_string(builder, "problem", problems->len > 0 ? problems->pdata[0] : NULL);
    end_event(builder);
}

static void
finding_json(const EntroAnalyzeSummary *summary, const EntroFinding *finding)
{
    g_autoptr(JsonBuilder) builder = begin_event("finding");

    run_json(builder, summary);
    entro_json_finding(builder, finding);
    entro_json_string(builder, "rule", finding->rule);
    entro_json_string(builder, "sentence", finding->sentence);
    entro_json_evidence(builder, finding->evidence);
    end_event(builder);
}

void
entro_tell_finding(const EntroAnalyzeSummary *summary, const EntroFinding *finding)
{
    if (entro_common.json) {
        finding_json(summary, finding);
        return;
    }
    g_autofree char *sentence = entro_printable(finding->sentence, -1);
    g_autofree char *rule = entro_printable(finding->rule, -1);
    entro_progress_end();
    printf("step %" G_GINT64_FORMAT ": %s: %s [%s]\n", finding->onset_step,
           entro_severity_name(finding->severity), sentence, rule);
    fflush(stdout);
}

void
entro_tell_summaries(const GPtrArray *summaries)
{
    entro_progress_end();
    for (guint i = 0; !entro_common.json && i < summaries->len; i++)
        entro_summary_print(summaries->pdata[i]);
    if (!entro_common.json)
        return;
    g_autoptr(JsonBuilder) builder = begin_event("summary");
    entro_summaries_json(summaries, builder);
    end_event(builder);
}

/* What is wrong now: where most of the findings are of too much entropy, the highest layer. */
static const EntroLayerExtreme *
worst_layer(const EntroAnalyzeSummary *summary, const char **ret_word)
{
    int balance = 0;

    for (guint i = 0; summary->found != NULL && i < summary->found->len; i++) {
        const EntroFinding *finding = summary->found->pdata[i];
        if (finding->last_step == ENTRO_STILL_SO)
            balance += (finding->kind == ENTRO_FINDING_OVERLOAD) -
                       (finding->kind == ENTRO_FINDING_COLLAPSE);
    }
    *ret_word = balance > 0 ? "highest" : "lowest";
    return balance > 0 ? &summary->highest : &summary->lowest;
}

char *
entro_tell_line(const EntroAnalyzeSummary *summary)
{
    g_autofree char *findings = entro_format_findings(summary->judged, summary->n_findings);
    GString *line = g_string_new(NULL);
    const char *word;
    const EntroLayerExtreme *worst = worst_layer(summary, &word);

    g_string_printf(line, "%s, step %" G_GINT64_FORMAT, summary->run_name, summary->last_step);
    if (summary->scalar != NULL)
        g_string_append_printf(line, ": %s %.4g", summary->scalar, summary->scalar_value);
    if (summary->step != G_MININT64)
        g_string_append_printf(line, ", layer %u %s (%.2f of %.2f nats)", worst->layer, word,
                               worst->entropy, worst->ceiling);
    g_string_append_printf(line, ", findings: %s", findings);
    return g_string_free(line, FALSE);
}
