/* report-text.c: findings in words.
 *
 * What one rule found in many places is put together in one line; --all leaves it apart. */
#include "report.h"

#include <string.h>

#define LINE_WIDTH 96
#define INDENT     4
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

/* ---- lines ------------------------------------------------------------------------------------------ */

/* Appends `text` in lines of LINE_WIDTH characters, those after the first indented. */
static void
append_wrapped(GString *out, const char *text)
{
    g_autofree char *shown = entro_printable(text, -1);
    g_auto(GStrv) words = g_strsplit(shown, " ", -1);
    glong column = 0;

    for (char **word = words; *word != NULL; word++) {
        glong width = g_utf8_strlen(*word, -1);

        if (column > INDENT && column + 1 + width > LINE_WIDTH) {
            g_string_append_printf(out, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > 0) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, *word);
        column += width;
    }
    g_string_append_c(out, '\n');
}

static const char *
label_of(EntroSeverity severity)
{
    static const char *const labels[] = {[ENTRO_SEVERITY_INFO] = "note",
                                         [ENTRO_SEVERITY_WARNING] = "WARNING",
                                         [ENTRO_SEVERITY_CRITICAL] = "CRITICAL"};

    return labels[severity];
}

/* ---- many at once ----------------------------------------------------------------------------------- */

static const char *
phrase_of(EntroFindingKind kind)
{
    static const char *const phrases[] = {
        [ENTRO_FINDING_COLLAPSE] = "attend to almost a single key (entropy collapse)",
        [ENTRO_FINDING_OVERLOAD] = "attend to almost everything alike (entropic overload)",
        [ENTRO_FINDING_NAN] = "are not a number any more",
        [ENTRO_FINDING_DEAD] = "are dead or attend to nothing",
        [ENTRO_FINDING_REDUNDANT] = "have heads that all do nearly the same",
        [ENTRO_FINDING_RUNAWAY] = "have a learnable parameter out of its range",
        [ENTRO_FINDING_SPIKE] = "had a jump of the loss beside an event of the entropy",
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(phrases) == ENTRO_N_FINDING_KINDS);
    return phrases[kind];
}

static int
compare_places(gconstpointer first, gconstpointer second)
{
    const EntroFinding *a = *(const EntroFinding *const *)first;
    const EntroFinding *b = *(const EntroFinding *const *)second;
    int order = (a->layer > b->layer) - (a->layer < b->layer);

    return order != 0 ? order : (a->head > b->head) - (a->head < b->head);
}

/* 0-3, 5: numbers that follow each other; the last of a range may come again. */
typedef struct {
    GString *text;
    gint64 first, last; /* -1: none yet */
} Ranges;

static void
end_range(Ranges *ranges)
{
    if (ranges->first < 0)
        return;
    if (ranges->text->len > 0 && !g_str_has_suffix(ranges->text->str, ": "))
        g_string_append(ranges->text, ", ");
    g_string_append_printf(ranges->text, "%" G_GINT64_FORMAT, ranges->first);
    if (ranges->last > ranges->first)
        g_string_append_printf(ranges->text, "-%" G_GINT64_FORMAT, ranges->last);
    ranges->first = -1;
}

static void
add_number(Ranges *ranges, gint64 number)
{
    if (ranges->first >= 0 && (number == ranges->last || number == ranges->last + 1)) {
        ranges->last = number;
        return;
    }
    end_range(ranges);
    ranges->first = ranges->last = number;
}

/* "layer 0: 0-7; layer 3: 2", or of whole layers "0-2, 5".  Returns how many places. */
static guint
append_places(GString *out, const GPtrArray *sorted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Ranges ranges = {text, -1, -1};
    guint n = 0;

    for (guint i = 0; i < sorted->len; i++) {
        const EntroFinding *finding = sorted->pdata[i],
                           *before = i > 0 ? sorted->pdata[i - 1] : NULL;
        gboolean other_layer = before == NULL || before->layer != finding->layer;

        n += other_layer || before->head != finding->head;
        if (finding->head < 0) {
            add_number(&ranges, finding->layer);
            continue;
        }
        if (other_layer) {
            end_range(&ranges);
            g_string_append_printf(text, "%slayer %" G_GINT64_FORMAT ": ",
                                   before != NULL ? "; " : "", finding->layer);
        }
        add_number(&ranges, finding->head);
    }
    end_range(&ranges);
    g_string_append(out, text->str);
    return n;
}

static void
append_onsets(GString *text, const GPtrArray *group)
{
    gint64 first = G_MAXINT64, last = G_MININT64;
    guint n_over = 0;

    for (guint i = 0; i < group->len; i++) {
        const EntroFinding *finding = group->pdata[i];

        first = MIN(first, finding->onset_step);
        last = MAX(last, finding->onset_step);
        n_over += finding->last_step != ENTRO_STILL_SO;
    }
    g_string_append_printf(text, "; from step %" G_GINT64_FORMAT, first);
    if (last > first)
        g_string_append_printf(text, " to %" G_GINT64_FORMAT " on", last);
    else
        g_string_append(text, " on");
    if (n_over == group->len)
        g_string_append(text, ", none at the last capture");
    else if (n_over > 0)
        g_string_append_printf(text, ", %u of %u not at the last capture", n_over, group->len);
}

static void
append_group(GString *out, const EntroRunReport *report, const GPtrArray *group)
{
    const EntroFinding *any = group->pdata[0];
    const EntroEvidence *evidence = report->one->evidence;
    gboolean of_heads = any->head >= 0;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GString) places = g_string_new(NULL), text = g_string_new(NULL);

    for (guint i = 0; i < group->len; i++)
        g_ptr_array_add(sorted, group->pdata[i]);
    g_ptr_array_sort(sorted, compare_places);
    if (any->layer < 0) {
        g_string_printf(text, "%s: %u times", label_of(any->severity), group->len);
    } else {
        guint n = append_places(places, sorted);

        g_string_printf(text, "%s: %u of %" G_GSIZE_FORMAT " %s", label_of(any->severity), n,
                        of_heads ? evidence->heads->n_heads : evidence->layers->n_heads,
                        of_heads ? "heads" : "layers");
    }
    g_string_append_printf(text, " %s%s%s", phrase_of(any->kind), places->len > 0 ? ": " : "",
                           places->str);
    append_onsets(text, group);
    g_string_append_printf(text, ". [%s]", any->rule);
    append_wrapped(out, text->str);
}

static void
append_one(GString *out, const EntroFinding *finding)
{
    g_autofree char *text = g_strdup_printf("%s: %s [%s]", label_of(finding->severity),
                                            finding->sentence, finding->rule);

    append_wrapped(out, text);
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

static void
append_findings(GString *out, const EntroRunReport *report)
{
    for (guint i = 0; i < report->findings->len; i++) {
        const EntroFinding *finding = report->findings->pdata[i];
        g_autoptr(GPtrArray) group = report->all ? NULL : collect_group(report->findings, i);

        if (report->all)
            append_one(out, finding);
        else if (group != NULL && (group->len > APART || (finding->head >= 0 && group->len > 1)))
            append_group(out, report, group);
        else if (group != NULL)
            for (guint j = 0; j < group->len; j++)
                append_one(out, group->pdata[j]);
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

static void
append_verdict(GString *out, const EntroRunReport *report)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize n_steps = report->one->evidence->heads->n_steps;
    gboolean healthy = entro_report_is_healthy(report);

    if (n_steps == 0) {
        append_wrapped(out, "No captures are stored: nothing can be said.");
        return;
    }
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
    append_wrapped(out, text->str);
}

void
entro_report_text(const EntroRunReport *report, GString *out)
{
    append_head(out, report);
    append_verdict(out, report);
    append_findings(out, report);
    if (report->outdated)
        append_wrapped(out, "These findings are as stored; by the rules that are in the database "
                            "now they would be others: `analyze` the trace again.");
    if (report->penalty != NULL)
        entro_penalty_text(report->penalty, out);
}
