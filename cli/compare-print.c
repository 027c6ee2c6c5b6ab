/* compare-print.c: a comparison as tables for a terminal.
 *
 * Values side by side first, then each group against the first.  Of the heads only those that differ
 * most are printed; the JSON object has them all. */
#include "compare.h"

#include <stdio.h>
#include <string.h>

#define HEADS_SHOWN 8
#define LABEL_MOST  28 /* characters of a group's name */

/* ---- tables ----------------------------------------------------------------------------------------- */

/* Rows of cells, each row a NULL-terminated array; the first column is flushed left. */
typedef struct {
    GPtrArray *rows;
} Table;

static void
table_clear(Table *table)
{
    g_ptr_array_unref(table->rows);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Table, table_clear)

static Table
new_table(void)
{
    return (Table){g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev)};
}

/* A row that cells are added to, each taken. */
static GPtrArray *
begin_row(void)
{
    return g_ptr_array_new();
}

static void
end_row(Table *table, GPtrArray *row)
{
    g_ptr_array_add(row, NULL);
    g_ptr_array_add(table->rows, g_ptr_array_free(row, FALSE));
}

static glong
find_width(const Table *table, guint column)
{
    glong width = 0;

    for (guint i = 0; i < table->rows->len; i++) {
        char **row = table->rows->pdata[i];
        if (g_strv_length(row) > column)
            width = MAX(width, g_utf8_strlen(row[column], -1));
    }
    return width;
}

static void
print_row(char **row, const glong *width)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint column = 0; row[column] != NULL; column++) {
        int space = (int)(width[column] - g_utf8_strlen(row[column], -1));
        if (column == 0)
            g_string_append_printf(line, "%s%*s", row[column], space, "");
        else
            g_string_append_printf(line, "  %*s%s", space, "", row[column]);
    }
    g_strchomp(line->str);
    printf("  %s\n", line->str);
}

static void
print_table(const Table *table)
{
    glong width[64];

    for (guint column = 0; column < G_N_ELEMENTS(width); column++)
        width[column] = find_width(table, column);
    for (guint i = 0; i < table->rows->len; i++)
        print_row(table->rows->pdata[i], width);
}

/* ---- cells ------------------------------------------------------------------------------------------- */

static char *
format_label(const CompareReport *report, guint group)
{
    const EntroRunGroup *of = report->selection->groups->pdata[group];
    g_autofree char *whole = compare_format_value(of->label);

    if (g_utf8_strlen(whole, -1) <= LABEL_MOST)
        return g_steal_pointer(&whole);
    g_autofree char *start = g_utf8_substring(whole, 0, LABEL_MOST - 3);
    return g_strconcat(start, "...", NULL);
}

static guint
count_runs(const CompareReport *report, guint group)
{
    return ((const EntroRunGroup *)report->selection->groups->pdata[group])->runs->len;
}

static char *
format_row_name(const EntroComparedRow *row)
{
    if (row->name != NULL)
        return g_strdup(row->name);
    if (row->head < 0)
        return g_strdup_printf("layer %" G_GINT64_FORMAT, row->layer);
    return g_strdup_printf("layer %" G_GINT64_FORMAT " head %" G_GINT64_FORMAT, row->layer,
                           row->head);
}

/* "2.5003 ± 0.0120 [2.481, 2.520] (3 of 4)": mean, sd, interval, runs with a value if not all. */
static char *
format_summary(const EntroGroupSummary *summary, guint n_runs)
{
    GString *text = g_string_new(NULL);

    if (summary->n_runs == 0)
        return g_string_free(g_string_append_c(text, '-'), FALSE);
    if (summary->n == 0)
        return g_string_free(g_string_append(text, "diverged"), FALSE);
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

static char *
format_number(const char *format, double value)
{
    char text[64];

    if (isnan(value))
        return g_strdup("-");
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    return g_strdup(g_ascii_formatd(text, sizeof text, format, value));
    G_GNUC_END_IGNORE_DEPRECATIONS
}

static char *
format_interval(const EntroInterval *interval)
{
    if (interval->refusal != ENTRO_REFUSAL_NONE)
        return g_strdup("-");
    return g_strdup_printf("[%+.4f, %+.4f]", interval->low, interval->high);
}

/* ---- side by side ------------------------------------------------------------------------------------- */

static void
add_header(const CompareReport *report, Table *table)
{
    GPtrArray *row = begin_row();

    g_ptr_array_add(row, g_strdup(""));
    for (guint g = 0; g < report->comparison->n_groups; g++) {
        g_autofree char *label = format_label(report, g);
        g_ptr_array_add(row, g_strdup_printf("%s (N = %u)", label, count_runs(report, g)));
    }
    end_row(table, row);
}

static void
add_summaries(const CompareReport *report, Table *table, const EntroComparedRow *row)
{
    GPtrArray *cells = begin_row();

    g_ptr_array_add(cells, format_row_name(row));
    for (guint g = 0; g < report->comparison->n_groups; g++)
        g_ptr_array_add(cells, format_summary(&row->group[g], count_runs(report, g)));
    end_row(table, cells);
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

/* Whether both sides of the contrast have it. */
static gboolean
is_in_both(const EntroComparedRow *row, guint group)
{
    return row->group[0].n_runs > 0 && row->group[group].n_runs > 0;
}

static void
print_values(const CompareReport *report, const EntroComparedRow *rows, gsize n)
{
    g_auto(Table) table = new_table();

    add_header(report, &table);
    for (gsize i = 0; i < n; i++)
        if (is_there(report, &rows[i]))
            add_summaries(report, &table, &rows[i]);
    print_table(&table);
}

/* Mean over the runs of a group of each band's share of the heads with a value. */
static void
add_band(const CompareReport *report, Table *table, guint band)
{
    static const char *const names[ENTRO_N_BANDS] = {"[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)",
                                                     "[3M/4, M]"};
    GPtrArray *cells = begin_row();

    g_ptr_array_add(cells, g_strdup(names[band]));
    for (guint g = 0; g < report->comparison->n_groups; g++) {
        double sum = 0;
        guint n_runs = 0;
        for (guint i = 0; i < count_runs(report, g); i++) {
            const gsize *count = report->comparison->group[g].run[i].band;
            double all = (double)(count[0] + count[1] + count[2] + count[3]);
            sum += all > 0 ? 100 * (double)count[band] / all : 0;
            n_runs += all > 0;
        }
        g_ptr_array_add(cells,
                        n_runs > 0 ? g_strdup_printf("%.1f %%", sum / n_runs) : g_strdup("-"));
    }
    end_row(table, cells);
}

static void
print_bands(const CompareReport *report)
{
    g_auto(Table) table = new_table();
    EntroBandMax mode = report->options->band_max;

    printf("\nBands: share of the heads by quarters of M (M: %s", entro_band_max_name(mode));
    if (mode == ENTRO_BAND_POOLED || mode == ENTRO_BAND_CEILING)
        printf(", %.4f nats", report->comparison->group[0].run[0].m);
    printf(")\n");
    add_header(report, &table);
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        add_band(report, &table, band);
    print_table(&table);
}

/* ---- findings ------------------------------------------------------------------------------------------ */

static char *
count_findings(const GPtrArray *findings)
{
    guint count[ENTRO_N_FINDING_KINDS] = {0};
    GString *text = g_string_new(NULL);

    if (findings == NULL)
        return g_string_free(g_string_append(text, "never judged"), FALSE);
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

static gboolean
any_judged(const CompareReport *report)
{
    for (guint g = 0; g < report->comparison->n_groups; g++)
        for (guint i = 0; i < count_runs(report, g); i++)
            if (compare_get_record(report, g, i)->findings != NULL)
                return TRUE;
    return FALSE;
}

static void
print_findings(const CompareReport *report)
{
    g_auto(Table) table = new_table();

    if (!any_judged(report)) {
        printf("\nFindings: none of these runs was judged.\n");
        return;
    }
    printf("\nFindings (notes of severity info left out; 'report RUN' tells them)\n");
    for (guint g = 0; g < report->comparison->n_groups; g++)
        for (guint i = 0; i < count_runs(report, g); i++) {
            const CompareRecord *record = compare_get_record(report, g, i);
            g_autofree char *found = count_findings(record->findings);
            GPtrArray *row = begin_row();
            g_ptr_array_add(row, g_strdup_printf("%s: %s", record->info->name, found));
            char **cells = (char **)row->pdata;
            char *shown = entro_printable(cells[0], -1);
            g_free(cells[0]);
            cells[0] = shown;
            end_row(&table, row);
        }
    print_table(&table);
}

/* ---- against the first ----------------------------------------------------------------------------------- */

/* Which columns of a contrast have anything in them. */
typedef struct {
    gboolean interval, effect, test, q, pairs, over_steps;
} Shown;

static void
look(Shown *shown, const EntroComparedRow *rows, gsize n, guint group)
{
    for (gsize i = 0; i < n; i++) {
        const EntroContrast *contrast = &rows[i].contrast[group];
        shown->interval |= contrast->interval.refusal == ENTRO_REFUSAL_NONE;
        shown->effect |= !isnan(contrast->hedges_g);
        shown->test |= !isnan(contrast->test.p);
        shown->q |= !isnan(contrast->q);
    }
}

static Shown
choose_columns(const CompareReport *report, guint group)
{
    const EntroComparison *comparison = report->comparison;
    Shown shown = {.pairs = comparison->group[group].pair->len > 1,
                   .over_steps = comparison->n_common > 1};

    look(&shown, comparison->scalar, comparison->n_scalars, group);
    look(&shown, comparison->layer, comparison->n_layers, group);
    look(&shown, comparison->head, comparison->n_heads, group);
    return shown;
}

static void
add_contrast_header(const CompareReport *report, Table *table, const Shown *shown)
{
    GPtrArray *row = begin_row();

    g_ptr_array_add(row, g_strdup(""));
    g_ptr_array_add(row, g_strdup("difference"));
    if (shown->interval)
        g_ptr_array_add(row,
                        g_strdup_printf("%g %% interval", 100 * report->options->bootstrap.level));
    if (shown->effect) {
        g_ptr_array_add(row, g_strdup("Hedges g"));
        g_ptr_array_add(row, g_strdup("Cliff"));
    }
    if (shown->pairs)
        g_ptr_array_add(row, g_strdup("seeds up"));
    if (shown->test)
        g_ptr_array_add(row, g_strdup("p"));
    if (shown->q)
        g_ptr_array_add(row, g_strdup("q"));
    if (shown->over_steps)
        g_ptr_array_add(row, g_strdup("largest, at step"));
    end_row(table, row);
}

static char *
count_up(const double *difference, guint n)
{
    guint n_up = 0, n_pairs = 0;

    for (guint i = 0; i < n; i++) {
        n_pairs += !isnan(difference[i]);
        n_up += difference[i] > 0;
    }
    return g_strdup_printf("%u of %u", n_up, n_pairs);
}

/* The largest difference of a layer over the common steps. */
static char *
format_largest(const EntroComparison *comparison, const EntroComparedRow *row, guint group)
{
    const double *base = row->group[0].mean_over_steps, *mean = row->group[group].mean_over_steps;
    double largest = 0;
    gsize at = comparison->n_common;

    if (base == NULL)
        return g_strdup("");
    for (gsize s = 0; s < comparison->n_common; s++)
        if (fabs(mean[s] - base[s]) > fabs(largest)) {
            largest = mean[s] - base[s];
            at = s;
        }
    if (at == comparison->n_common)
        return g_strdup("-");
    return g_strdup_printf("%+.4f at %" G_GINT64_FORMAT, largest, comparison->common_step[at]);
}

static void
add_contrast(const CompareReport *report, Table *table, const Shown *shown,
             const EntroComparedRow *row, guint group)
{
    const EntroContrast *contrast = &row->contrast[group];
    GPtrArray *cells = begin_row();

    g_ptr_array_add(cells, format_row_name(row));
    g_ptr_array_add(cells, format_number("%+.4f", contrast->difference));
    if (shown->interval)
        g_ptr_array_add(cells, format_interval(&contrast->interval));
    if (shown->effect) {
        g_ptr_array_add(cells, format_number("%+.2f", contrast->hedges_g));
        g_ptr_array_add(cells, format_number("%+.2f", contrast->cliffs_delta));
    }
    if (shown->pairs)
        g_ptr_array_add(cells, count_up(contrast->pair_difference,
                                        report->comparison->group[group].pair->len));
    if (shown->test)
        g_ptr_array_add(cells, format_number("%.3g", contrast->test.p));
    if (shown->q)
        g_ptr_array_add(cells, format_number("%.3g", contrast->q));
    if (shown->over_steps)
        g_ptr_array_add(cells, format_largest(report->comparison, row, group));
    if (contrast->significant)
        g_ptr_array_add(cells, g_strdup("*"));
    end_row(table, cells);
}

/* ---- heads ------------------------------------------------------------------------------------------------ */

typedef struct {
    const EntroComparedRow *row;
    double size; /* of the difference; -1: none */
    gboolean significant;
} Ranked;

static int
compare_ranked(gconstpointer a, gconstpointer b)
{
    const Ranked *x = a, *y = b;

    if (x->significant != y->significant)
        return x->significant ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* All, in their order; or the significant and as many of the others as make HEADS_SHOWN. */
static GArray *
choose_heads(const CompareReport *report, guint group)
{
    const EntroComparison *comparison = report->comparison;
    GArray *ranked = g_array_new(FALSE, FALSE, sizeof(Ranked));
    guint n_significant = 0;

    for (gsize i = 0; i < comparison->n_heads; i++) {
        const EntroContrast *contrast = &comparison->head[i].contrast[group];
        Ranked one = {&comparison->head[i], fabs(contrast->difference), contrast->significant};
        one.size = isnan(one.size) ? -1 : one.size;
        n_significant += one.significant;
        if (report->all_heads ? is_in_both(one.row, group) : one.size >= 0)
            g_array_append_val(ranked, one);
    }
    if (report->all_heads)
        return ranked;
    g_array_sort(ranked, compare_ranked);
    g_array_set_size(ranked, MIN(ranked->len, MAX(n_significant, HEADS_SHOWN)));
    return ranked;
}

static gsize
count_compared(const EntroComparison *comparison, guint group)
{
    gsize n = 0;

    for (gsize i = 0; i < comparison->n_heads; i++)
        n += !isnan(comparison->head[i].contrast[group].difference);
    return n;
}

static void
add_heads(const CompareReport *report, Table *table, const Shown *shown, guint group)
{
    g_autoptr(GArray) heads = choose_heads(report, group);

    for (guint i = 0; i < heads->len; i++)
        add_contrast(report, table, shown, g_array_index(heads, Ranked, i).row, group);
}

static void
print_contrast(const CompareReport *report, guint group)
{
    const EntroComparison *comparison = report->comparison;
    Shown shown = choose_columns(report, group);
    g_auto(Table) table = new_table();
    g_autofree char *label = format_label(report, group);
    g_autofree char *base = format_label(report, 0);

    printf("\n%s (N = %u) against %s (N = %u)", label, count_runs(report, group), base,
           count_runs(report, 0));
    printf(": %" G_GSIZE_FORMAT " heads compared", count_compared(comparison, group));
    printf("%s\n", report->all_heads ? "" : "; those that differ most are shown");
    add_contrast_header(report, &table, &shown);
    for (gsize i = 0; i < comparison->n_scalars; i++)
        if (is_in_both(&comparison->scalar[i], group))
            add_contrast(report, &table, &shown, &comparison->scalar[i], group);
    for (gsize i = 0; i < comparison->n_layers; i++)
        if (is_in_both(&comparison->layer[i], group))
            add_contrast(report, &table, &shown, &comparison->layer[i], group);
    add_heads(report, &table, &shown, group);
    print_table(&table);
}

/* ---- the same seed ------------------------------------------------------------------------------------------ */

static void
print_pairs(const CompareReport *report, guint group)
{
    const EntroComparison *comparison = report->comparison;
    const GArray *pairs = comparison->group[group].pair;
    g_auto(Table) table = new_table();
    GPtrArray *header = begin_row();

    if (comparison->one_each || pairs->len == 0 || pairs->len > 32) {
        g_ptr_array_free(header, TRUE);
        return;
    }
    printf("\nDifferences run by run, same seed\n");
    g_ptr_array_add(header, g_strdup(""));
    for (guint i = 0; i < pairs->len; i++) {
        g_autofree char *seed = compare_format_value(g_array_index(pairs, EntroSeedPair, i).seed);
        g_ptr_array_add(header, g_strconcat("seed ", seed, NULL));
    }
    end_row(&table, header);
    for (gsize r = 0; r < comparison->n_scalars + comparison->n_layers; r++) {
        const EntroComparedRow *row = r < comparison->n_scalars
                                          ? &comparison->scalar[r]
                                          : &comparison->layer[r - comparison->n_scalars];
        if (!is_in_both(row, group))
            continue;
        GPtrArray *cells = begin_row();
        g_ptr_array_add(cells, format_row_name(row));
        for (guint i = 0; i < pairs->len; i++)
            g_ptr_array_add(cells, format_number("%+.4f", row->contrast[group].pair_difference[i]));
        end_row(&table, cells);
    }
    print_table(&table);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static void
print_steps(const EntroComparison *comparison)
{
    if (comparison->n_layers == 0)
        printf("\nNo entropies: the runs have no captures.\n");
    else if (comparison->aligned)
        printf("\nEntropy (nats) at step %" G_GINT64_FORMAT ", %s%" G_GSIZE_FORMAT
               " %s that all runs have\n",
               comparison->step,
               comparison->n_common == 1 ? "the "
               : comparison->step == comparison->common_step[comparison->n_common - 1]
                   ? "the last of "
                   : "one of ",
               comparison->n_common, comparison->n_common == 1 ? "step" : "steps");
    else
        printf("\nEntropy (nats) at each run's own last step*: no step is common to all runs\n");
}

static void
print_explanation(const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;

    if (comparison->one_each)
        return;
    printf("\nmean ± sd over runs; intervals: studentised bootstrap, %u resamples.\n",
           report->options->bootstrap.n_resamples);
    if (comparison->n_tests > 0)
        printf("p: %s, two-sided. q: false discovery rate over the %" G_GSIZE_FORMAT
               " tests of layers and heads (Benjamini-Hochberg). *: q (of losses p) <= %g.\n",
               report->options->test == ENTRO_TEST_WELCH ? "Welch's t" : "Mann-Whitney",
               comparison->n_tests, report->options->alpha);
}

void
compare_print(const CompareReport *report)
{
    const EntroComparison *comparison = report->comparison;
    g_autoptr(GPtrArray) notes = compare_notes(report);

    for (guint i = 0; i < notes->len; i++) {
        g_autofree char *shown = entro_printable(notes->pdata[i], -1);
        printf("%s\n", shown);
    }
    printf("\nAt the end of training\n");
    print_values(report, comparison->scalar, comparison->n_scalars);
    print_steps(comparison);
    if (comparison->n_layers > 0) {
        print_values(report, comparison->layer, comparison->n_layers);
        print_bands(report);
    }
    print_findings(report);
    for (guint g = 1; g < comparison->n_groups; g++) {
        print_contrast(report, g);
        print_pairs(report, g);
    }
    print_explanation(report);
}
