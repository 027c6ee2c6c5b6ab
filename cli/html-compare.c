/* html-compare.c: the runs of the page compared, as `compare RUN RUN...` does. */
#include "compare-table.h"
#include "report-html.h"

#include <string.h>

/* Of more runs the tables are wider than a page. */
#define MOST_RUNS 8

/* ---- tables ------------------------------------------------------------------------------------- */

static void
add_header(GString *out, char **cells, guint n_columns)
{
    g_string_append(out, "<thead><tr>");
    for (guint i = 0; i < n_columns; i++) {
        g_string_append(out, "<th scope=\"col\">");
        html_text(out, i < g_strv_length(cells) ? cells[i] : "");
        g_string_append(out, "</th>");
    }
    g_string_append(out, "</tr></thead>\n<tbody>\n");
}

static void
add_row(GString *out, char **cells, guint n_columns)
{
    guint n = g_strv_length(cells);

    g_string_append(out, "<tr><th scope=\"row\">");
    html_text(out, n > 0 ? cells[0] : "");
    g_string_append(out, "</th>");
    for (guint i = 1; i < n_columns; i++)
        html_element(out, "td", i < n ? cells[i] : "");
    g_string_append(out, "</tr>\n");
}

static void
add_table(GString *out, const Table *table)
{
    guint n_columns = 0;

    for (guint i = 0; i < table->rows->len; i++)
        n_columns = MAX(n_columns, g_strv_length(table->rows->pdata[i]));
    g_string_append(out, "<div class=\"wide\"><table>");
    add_header(out, table->rows->pdata[0], n_columns);
    for (guint i = 1; i < table->rows->len; i++)
        add_row(out, table->rows->pdata[i], n_columns);
    g_string_append(out, "</tbody></table></div>\n");
}

/* ---- what `compare` says -------------------------------------------------------------------------- */

static void
add_notes(GString *out, const CompareReport *report)
{
    g_autoptr(GPtrArray) notes = compare_notes(report);

    g_string_append(out, "<ul class=\"notes\">");
    for (guint i = 0; i < notes->len; i++)
        html_element(out, "li", notes->pdata[i]);
    g_string_append(out, "</ul>\n");
}

static void
add_values(GString *out, const CompareReport *report, const char *heading,
           const EntroComparedRow *rows, gsize n)
{
    g_auto(Table) table = table_new();

    html_element(out, "h3", heading);
    compare_add_values(report, &table, rows, n);
    add_table(out, &table);
}

static void
add_bands(GString *out, const CompareReport *report)
{
    g_auto(Table) table = table_new();
    g_autofree char *heading = NULL;
    gboolean any = compare_add_bands(report, &table, &heading);

    html_element(out, "h3", heading);
    if (any)
        add_table(out, &table);
}

static void
add_differences(GString *out, const CompareReport *report, guint group)
{
    g_auto(Table) table = table_new();
    g_autofree char *heading = NULL;

    compare_add_differences(report, &table, group, &heading);
    html_element(out, "h3", heading);
    add_table(out, &table);
}

static void
add_comparison(GString *out, const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;
    g_autofree char *steps = compare_describe_steps(comparison);

    add_notes(out, report);
    add_values(out, report, "At the end of training", comparison->scalar, comparison->n_scalars);
    if (comparison->n_layers > 0) {
        add_values(out, report, steps, comparison->layer, comparison->n_layers);
        add_bands(out, report);
    } else {
        html_element(out, "p", steps);
    }
    for (guint g = 1; g < comparison->n_groups; g++)
        add_differences(out, report, g);
}

/* ---- the section ------------------------------------------------------------------------------------ */

/* By #ID: what a name means is decided already. */
static char **
list_refs(const HtmlPage *page)
{
    char **refs = g_new0(char *, page->n_runs + 1);

    for (guint i = 0; i < page->n_runs; i++)
        refs[i] = g_strdup_printf("#%" G_GINT64_FORMAT, page->info[i]->id);
    return refs;
}

static gboolean
compare(HtmlPage *page, GError **error)
{
    g_auto(GStrv) refs = list_refs(page);
    g_auto(CompareSelection) selection = {0};
    EntroCompareOptions options = ENTRO_COMPARE_OPTIONS_DEFAULT;
    CompareRequest request = {.names = refs};
    const EntroCompareRun *missing = NULL;

    options.head_intervals = FALSE;
    if (!compare_select(page->store, &request, &selection, error))
        return FALSE;
    g_autoptr(EntroComparison) comparison =
        entro_compare((const EntroRunGroup *const *)selection.groups->pdata, selection.groups->len,
                      &options, &missing);
    CompareReport report = {&request, &selection, &options, comparison, FALSE};
    add_comparison(page->out, &report);
    return TRUE;
}

gboolean
html_add_comparison(HtmlPage *page, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (page->n_runs < 2)
        return TRUE;
    g_string_append(page->out, "<section id=\"comparison\">\n<h2>Comparison</h2>\n");
    if (page->n_runs > MOST_RUNS)
        html_printf(page->out,
                    "<p class=\"absent\">Of more than %d runs the tables do not fit a page; "
                    "<code>compare</code> makes them, and groups of runs.</p>\n",
                    MOST_RUNS);
    else if (!compare(page, &failure)) {
        if (!g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        html_element(page->out, "p", failure->message);
    }
    g_string_append(page->out, "</section>\n");
    return TRUE;
}
