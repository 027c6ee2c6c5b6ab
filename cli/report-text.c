/* report-text.c: findings in words.
 *
 * What one rule found in many places is put together in one line; --all leaves it apart. */
#include "report.h"

/* So many runs or layers by one rule and severity have lines of their own; heads have not. */
#define APART 3

gboolean
entro_report_is_healthy(const EntroRunReport *report)
{
    for (guint i = 0; i < report->findings->len; i++)
        if (((const EntroFinding *)report->findings->pdata[i])->severity > ENTRO_SEVERITY_INFO)
            return FALSE;
    return TRUE;
}

/* Whether something above info holds at the last capture. */
static gboolean
holds_on(const EntroRunReport *report)
{
    for (guint i = 0; i < report->findings->len; i++) {
        const EntroFinding *finding = report->findings->pdata[i];

        if (finding->severity > ENTRO_SEVERITY_INFO && finding->last_step == ENTRO_STILL_SO)
            return TRUE;
    }
    return FALSE;
}

/* ---- one finding, or many at once ------------------------------------------------------------------- */

static void
line_free(gpointer data)
{
    EntroReportLine *line = data;

    g_ptr_array_unref(line->findings);
    g_free(line->text);
    g_free(line);
}

static void
add_line(GPtrArray *lines, GPtrArray *findings, char *text)
{
    const EntroFinding *first = findings->pdata[0];
    EntroReportLine *line = g_new(EntroReportLine, 1);

    *line = (EntroReportLine){first->severity, first->rule, text, findings};
    g_ptr_array_add(lines, line);
}

static void
add_one(GPtrArray *lines, EntroFinding *finding)
{
    GPtrArray *single = g_ptr_array_new();

    g_ptr_array_add(single, finding);
    add_line(lines, single, g_strdup(finding->sentence));
}

static gboolean
is_alike(const EntroFinding *a, const EntroFinding *b)
{
    return a->severity == b->severity && g_str_equal(a->rule, b->rule) &&
           (a->head < 0) == (b->head < 0) && (a->layer < 0) == (b->layer < 0);
}

/* Findings like the one at `first`, which is the first of them, or NULL when it is not. */
static GPtrArray *
collect_group(const GPtrArray *findings, guint first)
{
    GPtrArray *group = g_ptr_array_new();

    for (guint i = 0; i < findings->len; i++)
        if (is_alike(findings->pdata[i], findings->pdata[first])) {
            if (i < first) {
                g_ptr_array_unref(group);
                return NULL;
            }
            g_ptr_array_add(group, findings->pdata[i]);
        }
    return group;
}

GPtrArray *
entro_report_lines(const EntroRunReport *report)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(line_free);

    for (guint i = 0; i < report->findings->len; i++) {
        EntroFinding *finding = report->findings->pdata[i];
        g_autoptr(GPtrArray) group = report->all ? NULL : collect_group(report->findings, i);

        if (report->all)
            add_one(lines, finding);
        else if (group != NULL && (group->len > APART || (finding->head >= 0 && group->len > 1)))
            add_line(lines, g_ptr_array_ref(group), entro_report_group(report, group));
        else if (group != NULL)
            for (guint j = 0; j < group->len; j++)
                add_one(lines, group->pdata[j]);
    }
    return lines;
}

static void
append_findings(GString *out, const EntroRunReport *report)
{
    g_autoptr(GPtrArray) lines = entro_report_lines(report);

    for (guint i = 0; i < lines->len; i++) {
        const EntroReportLine *line = lines->pdata[i];
        g_autofree char *text = g_strdup_printf("%s: %s [%s]", entro_report_label(line->severity),
                                                line->text, line->rule);
        entro_report_wrap(out, text);
    }
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static void
append_number(GString *out, gsize n, const char *word)
{
    g_string_append_printf(out, "%" G_GSIZE_FORMAT " %s%s", n, word, n == 1 ? "" : "s");
}

static void
append_head(GString *out, const EntroRunReport *report)
{
    const EntroRunInfo *run = report->one->run;
    const EntroEvidence *evidence = report->one->evidence;
    g_autofree char *name = entro_printable(run->name, -1);

    g_string_append_printf(out, "%s (#%" G_GINT64_FORMAT, name, run->id);
    if (run->attempt > 1)
        g_string_append_printf(out, ", attempt %u", run->attempt);
    g_string_append(out, "): ");
    append_number(out, evidence->heads->n_steps, "capture");
    if (run->n_captures > 0) {
        g_string_append_printf(out, ", steps %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "; ",
                               run->first_step, run->last_step);
        append_number(out, evidence->layers->n_heads, "layer");
        g_string_append(out, ", ");
        append_number(out, evidence->heads->n_heads, "head");
    }
    if (!report->stored)
        g_string_append(out, "; computed now, not stored");
    g_string_append_c(out, '\n');
}

static void
append_count(GString *text, const EntroRunReport *report)
{
    const EntroHeadCount *count = &report->count;
    guint n_between = count->n - count->n_overloaded - count->n_collapsed;

    if (count->n == 0) {
        g_string_append(text, "no head has a valid row with more than one key in any capture");
        return;
    }
    g_string_append_printf(text,
                           "at step %" G_GINT64_FORMAT
                           ", %u of %u heads lie between collapse and overload, %u above, %u below",
                           count->step, n_between, count->n + count->n_without, count->n_overloaded,
                           count->n_collapsed);
    if (count->n_without > 0)
        g_string_append_printf(text, ", %u cannot be judged", count->n_without);
}

char *
entro_report_verdict(const EntroRunReport *report)
{
    GString *text = g_string_new(NULL);
    gsize n_steps = report->one->evidence->heads->n_steps;
    gboolean healthy = entro_report_is_healthy(report);

    if (n_steps == 0)
        return g_string_free(
            g_string_append(text, "No captures are stored: nothing can be said of the attention."),
            FALSE);
    if (healthy && report->count.n == 0)
        g_string_append(text, "Unknown: ");
    else if (healthy)
        g_string_append(text, report->findings->len > 0 ? "Healthy, with notes: "
                                                        : "Healthy: no findings; ");
    else
        g_string_append(text, holds_on(report) ? "Not healthy: "
                                               : "Not healthy, though nothing but notes holds at "
                                                 "the last capture: ");
    append_count(text, report);
    if (n_steps == 1)
        g_string_append(text, "; from a single capture, so the persistence of anything is unknown");
    g_string_append_c(text, '.');
    return g_string_free(text, FALSE);
}

void
entro_report_text(const EntroRunReport *report, GString *out)
{
    g_autofree char *verdict = entro_report_verdict(report);

    append_head(out, report);
    entro_report_wrap(out, verdict);
    append_findings(out, report);
    if (report->outdated)
        entro_report_wrap(out, ENTRO_REPORT_OUTDATED);
    if (report->penalty != NULL)
        entro_penalty_text(report->penalty, out);
}
