/* html-findings.c: the summary of each run, and its findings in words with their evidence. */
#include "report-html.h"

/* So many findings of a line have their evidence in the page. */
#define EVIDENCE_SHOWN 100
/* So many lines of a run; with --all a line is one finding. */
#define LINES_SHOWN 500

/* ---- summary ------------------------------------------------------------------------------------ */

static const char *
status_of(const EntroRunReport *report)
{
    if (!entro_report_is_healthy(report))
        return "bad";
    return report->count.n == 0 ? "unknown" : "good";
}

/* The last value that is a number, and where. */
static char *
format_final(const EntroEvidence *evidence, const char *name)
{
    for (guint i = 0; i < evidence->n_series; i++) {
        const EntroScalarSeries *series = &evidence->series[i];
        if (!g_str_equal(series->name, name) || series->n == 0)
            continue;
        if (!isfinite(series->value[series->n - 1]))
            return g_strdup_printf("not a number at step %" G_GINT64_FORMAT,
                                   series->step[series->n - 1]);
        return g_strdup_printf("%.4f at step %" G_GINT64_FORMAT, series->value[series->n - 1],
                               series->step[series->n - 1]);
    }
    return NULL;
}

static char *
format_shape(const EntroCase *one)
{
    g_autofree char *layers = html_count(one->evidence->layers->n_heads, "layer");
    g_autofree char *heads = html_count(one->evidence->heads->n_heads, "head");

    return g_strdup_printf("%s, %s", layers, heads);
}

static char *
format_captures(const EntroCase *one)
{
    g_autofree char *captures = html_count(one->evidence->heads->n_steps, "capture");
    gsize n_partial = 0;

    for (gsize i = 0; i < one->evidence->heads->n_steps; i++)
        n_partial += one->evidence->complete[i] == 0;
    if (one->run->n_captures == 0)
        return g_steal_pointer(&captures);
    GString *text = g_string_new(captures);
    g_string_append_printf(text, ", steps %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                           one->run->first_step, one->run->last_step);
    if (n_partial > 0)
        g_string_append_printf(text, ", %" G_GSIZE_FORMAT " of them incomplete", n_partial);
    return g_string_free(text, FALSE);
}

static char *
count_findings(const GPtrArray *findings)
{
    guint n[ENTRO_SEVERITY_CRITICAL + 1] = {0};

    for (guint i = 0; i < findings->len; i++)
        n[((const EntroFinding *)findings->pdata[i])->severity]++;
    return entro_format_findings(TRUE, n);
}

static void
add_facts(GString *out, const EntroRunReport *report)
{
    const EntroRunInfo *run = report->one->run;
    g_autofree char *captures = format_captures(report->one);
    g_autofree char *shape = format_shape(report->one);
    g_autofree char *context =
        run->context_length > 0 ? g_strdup_printf("%" G_GINT64_FORMAT, run->context_length) : NULL;
    g_autofree char *loss = format_final(report->one->evidence, "loss");
    g_autofree char *eval_loss = format_final(report->one->evidence, "eval_loss");
    g_autofree char *found = count_findings(report->findings);

    g_string_append(out, "<dl class=\"facts\">");
    html_fact(out, "Architecture", run->arch);
    html_fact(out, "Shape", shape);
    html_fact(out, "Context length", context);
    html_fact(out, "Captures", captures);
    html_fact(out, "Last loss", loss);
    html_fact(out, "Last eval_loss", eval_loss);
    html_fact(out, "Findings", found);
    g_string_append(out, "</dl>\n");
}

/* What stands before the colon is the verdict, the rest tells why. */
static void
add_verdict(GString *out, const EntroRunReport *report)
{
    g_autofree char *verdict = entro_report_verdict(report);
    g_auto(GStrv) parts = g_strsplit(verdict, ":", 2);

    html_printf(out, "<p class=\"verdict %s\">", status_of(report));
    html_element(out, "strong", parts[0]);
    if (parts[1] != NULL) {
        g_string_append_c(out, ':');
        html_text(out, parts[1]);
    }
    g_string_append(out, "</p>\n");
    if (!report->stored)
        g_string_append(out, "<p class=\"note\">Judged for this page, not as stored.</p>\n");
    if (report->outdated)
        html_printf(out, "<p class=\"note\">%s</p>\n", ENTRO_REPORT_OUTDATED);
}

void
html_add_summary(HtmlPage *page)
{
    g_string_append(page->out, "<section id=\"summary\">\n<h2>Summary</h2>\n<div class=\"cards\">");
    for (guint i = 0; i < page->n_runs; i++) {
        const HtmlRun *run = &page->run[i];

        html_printf(page->out, "<article class=\"card %s\"><h3><bdi>%s</bdi></h3>\n",
                    status_of(run->report), run->label);
        add_verdict(page->out, run->report);
        add_facts(page->out, run->report);
        g_string_append(page->out, "</article>\n");
    }
    g_string_append(page->out, "</div>\n</section>\n");
}

/* ---- evidence ------------------------------------------------------------------------------------ */

typedef struct {
    GString *out;
    guint n;
} Evidence;

static void
add_member(JsonObject *object, const char *name, JsonNode *node, gpointer to)
{
    Evidence *evidence = to;

    (void)object;
    g_string_append(evidence->out, evidence->n++ > 0 ? ", " : "");
    html_text(evidence->out, name);
    g_string_append_c(evidence->out, ' ');
    if (!JSON_NODE_HOLDS_VALUE(node))
        g_string_append(evidence->out, "–");
    else if (json_node_get_value_type(node) == G_TYPE_STRING)
        html_text(evidence->out, json_node_get_string(node));
    else if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        g_string_append(evidence->out, json_node_get_boolean(node) ? "yes" : "no");
    else if (json_node_get_value_type(node) == G_TYPE_INT64)
        g_string_append_printf(evidence->out, "%" G_GINT64_FORMAT, json_node_get_int(node));
    else
        g_string_append_printf(evidence->out, "%.4g", json_node_get_double(node));
}

static void
add_place(GString *out, gint64 number)
{
    if (number < 0)
        g_string_append(out, "<td>–</td>");
    else
        g_string_append_printf(out, "<td>%" G_GINT64_FORMAT "</td>", number);
}

/* The script makes the first step a way to the map, there and then. */
static void
add_evidence_row(GString *out, const HtmlRun *run, const EntroFinding *finding)
{
    g_autoptr(JsonNode) node = entro_report_parse_evidence(finding->evidence);
    Evidence evidence = {out, 0};

    html_printf(out, "<tr data-run=\"%s\">", run->id);
    add_place(out, finding->layer);
    add_place(out, finding->head);
    g_string_append_printf(out, "<td class=\"onset\">%" G_GINT64_FORMAT "</td>",
                           finding->onset_step);
    if (finding->last_step == ENTRO_STILL_SO)
        g_string_append(out, "<td>still so</td>");
    else
        g_string_append_printf(out, "<td>%" G_GINT64_FORMAT "</td>", finding->last_step);
    g_string_append_printf(out, "<td>%" G_GSIZE_FORMAT "</td><td class=\"text\">",
                           finding->n_captures);
    if (node != NULL)
        json_object_foreach_member(json_node_get_object(node), add_member, &evidence);
    g_string_append(out, "</td></tr>\n");
}

static void
add_evidence(GString *out, const HtmlRun *run, const EntroReportLine *line)
{
    guint n = MIN(line->findings->len, EVIDENCE_SHOWN);
    g_autofree char *count = html_count(line->findings->len, "finding");

    html_printf(out,
                "<details><summary>Evidence: %s</summary>\n<div class=\"wide\"><table><thead><tr>"
                "<th scope=\"col\">Layer</th><th scope=\"col\">Head</th><th scope=\"col\">From "
                "step</th><th scope=\"col\">To step</th><th scope=\"col\">Captures</th>"
                "<th scope=\"col\" class=\"text\">Numbers</th></tr></thead><tbody>\n",
                count);
    for (guint i = 0; i < n; i++)
        add_evidence_row(out, run, line->findings->pdata[i]);
    g_string_append(out, "</tbody></table></div>");
    if (n < line->findings->len)
        html_printf(out,
                    "<p class=\"note\">%u more are in the table <code>findings</code> of the "
                    "database.</p>",
                    line->findings->len - n);
    g_string_append(out, "</details>");
}

/* ---- findings -------------------------------------------------------------------------------------- */

static void
add_line(GString *out, const HtmlRun *run, const EntroReportLine *line)
{
    guint rule;

    html_printf(out, "<li class=\"%s\"><p><strong class=\"severity\">%s</strong> ",
                entro_severity_name(line->severity), entro_report_label(line->severity));
    html_text(out, line->text);
    if (entro_rule_find(line->rule, NULL, &rule, NULL))
        html_printf(out, " <a class=\"rule\" href=\"#rule-%s\">%s</a>", entro_rule(rule)->name,
                    entro_rule(rule)->name);
    g_string_append(out, "</p>\n");
    add_evidence(out, run, line);
    g_string_append(out, "</li>\n");
}

static void
add_penalty(GString *out, const EntroPenaltyReport *penalty)
{
    g_autoptr(GString) text = g_string_new(NULL);

    entro_penalty_text(penalty, text);
    html_printf(out, "<pre>%s</pre>\n", text->str);
}

static void
add_lines(GString *out, const HtmlRun *run, const GPtrArray *lines)
{
    if (lines->len == 0) {
        g_string_append(out, "<p>None.</p>\n");
        return;
    }
    g_string_append(out, "<ul class=\"findings\">\n");
    for (guint i = 0; i < MIN(lines->len, LINES_SHOWN); i++)
        add_line(out, run, lines->pdata[i]);
    g_string_append(out, "</ul>\n");
    if (lines->len > LINES_SHOWN)
        html_printf(out,
                    "<p class=\"note\">%u more are in the table <code>findings</code> of the "
                    "database.</p>\n",
                    lines->len - LINES_SHOWN);
}

void
html_add_findings(HtmlPage *page)
{
    g_string_append(page->out, "<section id=\"findings\">\n<h2>Findings</h2>\n");
    for (guint i = 0; i < page->n_runs; i++) {
        const EntroRunReport *report = page->run[i].report;
        g_autoptr(GPtrArray) lines = entro_report_lines(report);

        html_printf(page->out, "<h3><bdi>%s</bdi></h3>\n", page->run[i].label);
        add_lines(page->out, &page->run[i], lines);
        if (report->penalty != NULL)
            add_penalty(page->out, report->penalty);
    }
    g_string_append(page->out, "</section>\n");
}
