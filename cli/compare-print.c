/* compare-print.c: a comparison as tables for a terminal: what must be known, values side by side,
 * then each group against the first. */
#include "compare-table.h"

#include <stdio.h>

/* "2.5003 ± 0.0120 [2.481, 2.520] (3 of 4)": mean, sd, interval, runs with a value if not all. */
static char *
format_summary(const EntroGroupSummary *summary, guint n_runs)
{
    GString *text = g_string_new(NULL);

    if (summary->n_runs == 0)
        return g_string_free(g_string_append_c(text, '-'), FALSE);
    if (summary->n == 0)
        return g_string_free(g_string_append(text, "no value"), FALSE);
    g_string_append_printf(text, "%.4f", summary->mean);
    if (summary->n > 1)
        g_string_append_printf(text, " ± %.4f", summary->sd);
    if (summary->interval.refusal == ENTRO_REFUSAL_NONE)
        g_string_append_printf(text, " [%.4f, %.4f]", summary->interval.low,
                               summary->interval.high);
    if (summary->n < n_runs)
        g_string_append_printf(text, " (%" G_GSIZE_FORMAT " of %u)", summary->n, n_runs);
    return g_string_free(text, FALSE);
}

/* ---- side by side ------------------------------------------------------------------------------------- */

static void
add_header(const CompareReport *report, Table *table)
{
    GPtrArray *row = table_begin_row();

    g_ptr_array_add(row, g_strdup(""));
    for (guint g = 0; g < report->comparison->n_groups; g++) {
        g_autofree char *label = compare_format_label(report, g);
        g_ptr_array_add(row, g_strdup_printf("%s (N = %u)", label, compare_count_runs(report, g)));
    }
    table_end_row(table, row);
}

static void
add_summaries(const CompareReport *report, Table *table, const EntroComparedRow *row)
{
    GPtrArray *cells = table_begin_row();

    g_ptr_array_add(cells, compare_format_row(row));
    for (guint g = 0; g < report->comparison->n_groups; g++)
        g_ptr_array_add(cells, format_summary(&row->group[g], compare_count_runs(report, g)));
    table_end_row(table, cells);
}

/* Whether any of the groups has the quantity at all. */
static gboolean
is_there(const CompareReport *report, const EntroComparedRow *row)
{
    for (guint g = 0; g < report->comparison->n_groups; g++)
        if (row->group[g].n_runs > 0)
            return TRUE;
    return FALSE;
}

void
compare_add_values(const CompareReport *report, Table *table, const EntroComparedRow *rows, gsize n)
{
    add_header(report, table);
    for (gsize i = 0; i < n; i++)
        if (is_there(report, &rows[i]))
            add_summaries(report, table, &rows[i]);
}

static void
print_values(const CompareReport *report, const EntroComparedRow *rows, gsize n)
{
    g_auto(Table) table = table_new();

    compare_add_values(report, &table, rows, n);
    table_print(&table);
}

/* Mean over the runs of a group of each band's share of the heads with a value. */
static void
add_band(const CompareReport *report, Table *table, guint band)
{
    static const char *const names[ENTRO_N_BANDS] = {"[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)",
                                                     "[3M/4, M]"};
    GPtrArray *cells = table_begin_row();

    g_ptr_array_add(cells, g_strdup(names[band]));
    for (guint g = 0; g < report->comparison->n_groups; g++) {
        double sum = 0;
        guint n_runs = 0;
        for (guint i = 0; i < compare_count_runs(report, g); i++) {
            const gsize *count = report->comparison->group[g].run[i].band;
            double all = (double)(count[0] + count[1] + count[2] + count[3]);
            sum += all > 0 ? 100 * (double)count[band] / all : 0;
            n_runs += all > 0;
        }
        g_ptr_array_add(cells,
                        n_runs > 0 ? g_strdup_printf("%.1f %%", sum / n_runs) : g_strdup("-"));
    }
    table_end_row(table, cells);
}

gboolean
compare_add_bands(const CompareReport *report, Table *table, char **ret_heading)
{
    EntroBandMax mode = report->options->band_max;
    g_autofree char *value = NULL;

    if (isnan(report->comparison->group[0].run[0].m)) {
        *ret_heading = g_strdup("Bands: none, no head has an entropy.");
        return FALSE;
    }
    if (mode == ENTRO_BAND_POOLED || mode == ENTRO_BAND_CEILING)
        value = g_strdup_printf(", %.4f nats", report->comparison->group[0].run[0].m);
    *ret_heading = g_strdup_printf("Bands: share of the heads by quarters of M (M: %s%s)",
                                   entro_band_max_name(mode), value != NULL ? value : "");
    add_header(report, table);
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        add_band(report, table, band);
    return TRUE;
}

static void
print_bands(const CompareReport *report)
{
    g_auto(Table) table = table_new();
    g_autofree char *heading = NULL;
    gboolean any = compare_add_bands(report, &table, &heading);

    printf("\n%s\n", heading);
    if (any)
        table_print(&table);
}

/* ---- findings ------------------------------------------------------------------------------------------ */

static char *
count_findings(const GPtrArray *findings)
{
    guint count[ENTRO_N_FINDING_KINDS] = {0};
    GString *text = g_string_new(NULL);

    if (findings == NULL)
        return g_string_free(g_string_append(text, "too large to be judged"), FALSE);
    for (guint i = 0; i < findings->len; i++) {
        const EntroFinding *finding = findings->pdata[i];
        if (finding->severity != ENTRO_SEVERITY_INFO)
            count[finding->kind]++;
    }
    for (guint kind = 0; kind < ENTRO_N_FINDING_KINDS; kind++)
        if (count[kind] > 0)
            g_string_append_printf(text, "%s%s %u", text->len > 0 ? ", " : "",
                                   entro_finding_kind_name(kind), count[kind]);
    return g_string_free(text->len > 0 ? text : g_string_append(text, "none"), FALSE);
}

static void
print_findings(const CompareReport *report)
{
    g_auto(Table) table = table_new();

    printf("\nFindings (notes of severity info left out; 'report RUN' tells them)\n");
    for (guint g = 0; g < report->comparison->n_groups; g++)
        for (guint i = 0; i < compare_count_runs(report, g); i++) {
            const CompareRecord *record = compare_get_record(report, g, i);
            g_autofree char *name = entro_printable(record->info->name, -1);
            g_autofree char *found = count_findings(record->findings);
            GPtrArray *row = table_begin_row();
            g_ptr_array_add(row, g_strdup_printf("%s: %s", name, found));
            table_end_row(&table, row);
        }
    table_print(&table);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

char *
compare_describe_steps(const EntroComparison *comparison)
{
    if (comparison->n_layers == 0)
        return g_strdup("No entropies: the runs have no captures.");
    if (comparison->aligned)
        return g_strdup_printf("Entropy (nats) at step %" G_GINT64_FORMAT ", %s%" G_GSIZE_FORMAT
                               " %s that all runs have",
                               comparison->step,
                               comparison->n_common == 1 ? "the "
                               : comparison->step ==
                                       comparison->common_step[comparison->n_common - 1]
                                   ? "the last of "
                                   : "one of ",
                               comparison->n_common, comparison->n_common == 1 ? "step" : "steps");
    return g_strdup("Entropy (nats) at each run's own last step: no step is common to all runs");
}

char *
compare_explain(const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;
    GString *text = g_string_new(NULL);

    if (comparison->one_each)
        return g_string_free(text, FALSE);
    g_string_printf(text, "mean ± sd over runs; intervals: studentised bootstrap, %u resamples.",
                    report->options->bootstrap.n_resamples);
    if (comparison->n_tests > 0)
        g_string_append_printf(
            text,
            "\np: %s, two-sided. q: false discovery rate over the %" G_GSIZE_FORMAT
            " tests of layers and heads (Benjamini-Hochberg). *: q (of losses p) <= %g.",
            report->options->test == ENTRO_TEST_WELCH ? "Welch's t" : "Mann-Whitney",
            comparison->n_tests, report->options->alpha);
    return g_string_free(text, FALSE);
}

void
compare_print(const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;
    g_autoptr(GPtrArray) notes = compare_notes(report);
    g_autofree char *steps = compare_describe_steps(comparison);
    g_autofree char *explanation = compare_explain(report);

    for (guint i = 0; i < notes->len; i++) {
        g_autofree char *shown = entro_printable(notes->pdata[i], -1);
        printf("%s\n", shown);
    }
    printf("\nAt the end of training\n");
    print_values(report, comparison->scalar, comparison->n_scalars);
    printf("\n%s\n", steps);
    if (comparison->n_layers > 0) {
        print_values(report, comparison->layer, comparison->n_layers);
        print_bands(report);
    }
    print_findings(report);
    for (guint g = 1; g < comparison->n_groups; g++)
        compare_print_contrast(report, g);
    if (*explanation != '\0')
        printf("\n%s\n", explanation);
}
