/* findings.c: the view findings: what was found in a run, below its loss.
 *
 * A row a finding while there are few; else those of a layer, or all of one rule, share a row. */
#include <string.h>

#include "view-private.h"

static const char *const part_names[] = {"loss", "findings", NULL};

/* ---- rows --------------------------------------------------------------------------------------- */

/* How much of where a finding is its row says. */
typedef enum { DETAIL_RULE, DETAIL_LAYER, DETAIL_HEAD, N_DETAILS } Detail;

typedef struct {
    const char *rule;
    guint n[N_DETAILS]; /* rows that it would have */
    Detail detail;
} Rule;

typedef struct {
    const EntroFinding *first; /* stands for all of the row */
    Detail detail;
    guint n; /* findings */
} Row;

typedef struct {
    const GPtrArray *findings;
    GArray *rules;     /* Rule */
    GArray *rows;      /* Row */
    GHashTable *place; /* key of a row -> its number + 1 */
} Rows;

static void
rows_clear(Rows *rows)
{
    g_array_unref(rows->rules);
    g_array_unref(rows->rows);
    g_hash_table_unref(rows->place);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rows, rows_clear)

static char *
key_of(const EntroFinding *finding, Detail detail)
{
    return g_strdup_printf("%d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s", (int)detail,
                           detail >= DETAIL_LAYER ? finding->layer : -1,
                           detail >= DETAIL_HEAD ? finding->head : -1, finding->rule);
}

static Rule *
rule_of(const Rows *rows, const EntroFinding *finding)
{
    for (guint i = 0; i < rows->rules->len; i++)
        if (g_str_equal(g_array_index(rows->rules, Rule, i).rule, finding->rule))
            return &g_array_index(rows->rules, Rule, i);

    const Rule own = {.rule = finding->rule, .detail = DETAIL_HEAD};
    g_array_append_val(rows->rules, own);
    return &g_array_index(rows->rules, Rule, rows->rules->len - 1);
}

static void
count_rows(const Rows *rows)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < rows->findings->len; i++) {
        const EntroFinding *finding = rows->findings->pdata[i];
        Rule *rule = rule_of(rows, finding);
        for (int detail = DETAIL_RULE; detail < N_DETAILS; detail++)
            rule->n[detail] += g_hash_table_add(seen, key_of(finding, (Detail)detail));
    }
}

/* While there are too many rows, those of the rule with most are put together. */
static void
choose_details(const Rows *rows, guint most)
{
    for (;;) {
        Rule *worst = NULL;
        guint total = 0;
        for (guint i = 0; i < rows->rules->len; i++) {
            Rule *rule = &g_array_index(rows->rules, Rule, i);
            total += rule->n[rule->detail];
            if (rule->detail > DETAIL_RULE &&
                (!worst || rule->n[rule->detail] > worst->n[worst->detail]))
                worst = rule;
        }
        if (total <= most || !worst)
            return;
        worst->detail--;
    }
}

/* Number of the row of a finding, which is made if it is new. */
static guint
place_of(const Rows *rows, const EntroFinding *finding)
{
    const Detail detail = rule_of(rows, finding)->detail;
    char *key = key_of(finding, detail);
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(rows->place, key));

    if (place > 0) {
        g_free(key);
        return place - 1;
    }
    const Row row = {finding, detail, 0};
    g_array_append_val(rows->rows, row);
    g_hash_table_insert(rows->place, key, GUINT_TO_POINTER(rows->rows->len));
    return rows->rows->len - 1;
}

static Rows
make_rows(const GPtrArray *findings, guint most)
{
    const Rows rows = {findings, g_array_new(FALSE, FALSE, sizeof(Rule)),
                       g_array_new(FALSE, FALSE, sizeof(Row)),
                       g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};

    count_rows(&rows);
    choose_details(&rows, most);
    for (guint i = 0; i < findings->len; i++) {
        const guint place = place_of(&rows, findings->pdata[i]);
        g_array_index(rows.rows, Row, place).n++;
    }
    return rows;
}

/* "layer collapse 9", "head overload 3.1", "head overload, layer 3 (4)", "head overload (37)" */
static char *
name_of(const Row *row)
{
    const EntroFinding *finding = row->first;
    GString *name = g_string_new(finding->rule);

    for (char *c = name->str; *c; c++)
        *c = *c == '-' ? ' ' : *c;
    if (g_str_has_suffix(name->str, " nan"))
        memcpy(name->str + name->len - strlen("nan"), "NaN", strlen("NaN"));
    if ((row->detail == DETAIL_HEAD || row->n == 1) && finding->head >= 0)
        g_string_append_printf(name, " %" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, finding->layer,
                               finding->head);
    else if ((row->detail >= DETAIL_LAYER || row->n == 1) && finding->layer >= 0)
        g_string_append_printf(name,
                               finding->head >= 0 ? ", layer %" G_GINT64_FORMAT
                                                  : " %" G_GINT64_FORMAT,
                               finding->layer);
    if (row->n > 1 && row->detail < DETAIL_HEAD)
        g_string_append_printf(name, " (%u)", row->n);
    return g_string_free(name, FALSE);
}

/* ---- stretches ---------------------------------------------------------------------------------- */

typedef struct {
    guint row;
    EntroSeverity severity;
    gint64 from, to;
    gboolean open;
} Stretch;

/* By row; the most severe last, so that it is painted over the others. */
static gint
compare_stretches(gconstpointer a, gconstpointer b)
{
    const Stretch *one = a, *other = b;

    if (one->row != other->row)
        return one->row < other->row ? -1 : 1;
    if (one->severity != other->severity)
        return one->severity < other->severity ? -1 : 1;
    return one->from < other->from ? -1 : one->from > other->from;
}

static GArray *
list_stretches(const Rows *rows, gint64 last_step)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Stretch));

    for (guint i = 0; i < rows->findings->len; i++) {
        const EntroFinding *finding = rows->findings->pdata[i];
        const gboolean open = finding->last_step == ENTRO_STILL_SO;
        const gint64 to = open ? MAX(last_step, finding->onset_step) : finding->last_step;
        const Stretch stretch = {place_of(rows, finding), finding->severity, finding->onset_step,
                                 to, open};
        g_array_append_val(list, stretch);
    }
    g_array_sort(list, compare_stretches);
    return list;
}

/* Stretches of a row that overlap become one. */
static void
add_stretches(EntroTimelineChart *timeline, const GArray *list, const EntroTheme *theme)
{
    for (guint i = 0, next = 0; i < list->len; i = next) {
        Stretch all = g_array_index(list, Stretch, i);
        for (next = i + 1; next < list->len; next++) {
            const Stretch *other = &g_array_index(list, Stretch, next);
            if (other->row != all.row || other->severity != all.severity || other->from > all.to)
                break;
            all.to = MAX(all.to, other->to);
            all.open |= other->open;
        }
        entro_timeline_chart_add_stretch(timeline, all.row,
                                         (EntroRange){(double)all.from, (double)all.to}, all.open,
                                         theme->severity[all.severity]);
    }
}

static gboolean
any_open(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++)
        if (((const EntroFinding *)findings->pdata[i])->last_step == ENTRO_STILL_SO)
            return TRUE;
    return FALSE;
}

static gboolean
any_shared(const Rows *rows)
{
    for (guint i = 0; i < rows->rows->len; i++) {
        const Row *row = &g_array_index(rows->rows, Row, i);
        if (row->n > 1 && row->detail < DETAIL_HEAD)
            return TRUE;
    }
    return FALSE;
}

static void
explain(EntroChart *chart, const EntroTheme *theme, const Rows *rows)
{
    const GPtrArray *findings = rows->findings;

    if (any_shared(rows))
        entro_chart_add_note(chart, "(4): so many findings share the row; it shows where any of "
                                    "them holds.");
    chart->legend_title = "Severity";
    for (int severity = ENTRO_SEVERITY_CRITICAL;
         findings->len > 0 && severity >= ENTRO_SEVERITY_INFO; severity--)
        entro_legend_add(&chart->legend, ENTRO_SWATCH_PATCH,
                         (EntroPen){.colour = theme->severity[severity]},
                         entro_severity_name((EntroSeverity)severity));
    if (any_open(findings))
        entro_chart_add_note(chart, "Pointed end: still so at the last capture.");
}

/* From `first_step` to `last_step`, also where nothing was found. */
EntroTimelineChart *
entro_findings_add(EntroPage *page, const char *title, const GPtrArray *findings, gint64 first_step,
                   gint64 last_step)
{
    const EntroTheme *theme = &page->figure->theme;
    EntroTimelineChart *timeline = entro_timeline_chart_add(page, title, "no findings");
    g_auto(Rows) rows = make_rows(findings, theme->timeline_rows);

    for (guint i = 0; i < rows.rows->len; i++) {
        g_autofree char *name = name_of(&g_array_index(rows.rows, Row, i));
        entro_timeline_chart_add_row(timeline, name);
    }
    g_autoptr(GArray) stretches = list_stretches(&rows, last_step);
    add_stretches(timeline, stretches, theme);
    entro_scale_add(&timeline->chart.x, (double)first_step);
    entro_scale_add(&timeline->chart.x, (double)last_step);
    explain(&timeline->chart, theme, &rows);
    return timeline;
}

/* ---- the loss ------------------------------------------------------------------------------------ */

/* The scalars that were asked for, or the first of the usual ones that the run has; without any of
 * them there is no chart. */
static gboolean
add_loss(EntroPage *page, const EntroViewInput *input, guint run, gboolean *found, GError **error)
{
    static const char *const usual[] = {"loss", "eval_loss", NULL};
    const char *const *asked = input->options->scalars;
    EntroCurveChart *lines = NULL;

    for (const char *const *name = asked ? asked : usual; *name && (asked || !lines); name++) {
        EntroCurve *curve = NULL;
        if (!entro_view_select_scalar(input, run, *name, &curve, error))
            return FALSE;
        if (!curve)
            continue;
        const EntroPen pen = entro_line_pen_of(page->figure->lines, lines ? lines->curves->len : 0);
        if (!lines)
            lines = entro_curve_chart_add(page, entro_view_run_name(input, run), *name);
        entro_curve_chart_add_curve(lines, curve, pen);
        lines->chart.legend_title = "Scalars";
        if (asked && asked[1])
            entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, pen, *name);
    }
    if (!lines)
        return TRUE;
    *found = TRUE;
    if (lines->curves->len > 1)
        g_clear_pointer(&lines->chart.y.label, g_free);
    entro_curve_chart_explain(lines, page->figure, "diverged: no finite value after this");
    return TRUE;
}

/* ---- the view ------------------------------------------------------------------------------------ */

static gboolean
add_findings(EntroPage *page, const EntroViewInput *input, guint run, gboolean with_loss,
             GError **error)
{
    const EntroRunInfo *info = input->runs[run];
    const char *name = entro_view_run_name(input, run);
    g_autoptr(GPtrArray) findings = entro_store_find_findings(input->store, info, error);
    if (!findings)
        return FALSE;

    EntroTimelineChart *timeline = entro_findings_add(page, with_loss ? "Findings" : name, findings,
                                                      info->first_step, info->last_step);
    if (!with_loss && entro_view_has_part(input->options, "loss"))
        entro_chart_add_note(&timeline->chart, "%s: no loss is recorded.", name);
    return TRUE;
}

static gboolean
add_run(EntroPage *page, const EntroViewInput *input, guint run, gboolean *any_loss, GError **error)
{
    gboolean loss = FALSE;

    if (entro_view_has_part(input->options, "loss") && !add_loss(page, input, run, &loss, error))
        return FALSE;
    *any_loss |= loss;
    return !entro_view_has_part(input->options, "findings") ||
           add_findings(page, input, run, loss, error);
}

gboolean
entro_view_findings(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const EntroPlotOptions *options = input->options;
    gboolean any_loss = FALSE;

    if (!entro_view_check_part(options, part_names, error))
        return FALSE;
    for (guint run = 0; run < input->n_runs; run++)
        if (!add_run(page, input, run, &any_loss, error))
            return FALSE;
    if (!any_loss && entro_view_has_part(options, "loss") && (options->scalars || options->part)) {
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                    "none of the runs has the scalar %s",
                    options->scalars ? options->scalars[0] : "loss");
        return FALSE;
    }
    page->alone_columns = 1;
    entro_page_set_title(page, entro_view_find("findings")->title);
    return TRUE;
}
