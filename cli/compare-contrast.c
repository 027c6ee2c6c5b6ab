/* compare-contrast.c: one group against the first, as tables.  Of the heads those that count as found
 * and otherwise those that differ most; the JSON object has them all. */
#include "compare-table.h"

#include <stdio.h>

#define HEADS_SHOWN 8
#define SEEDS_SHOWN 32

static char *
format_interval(const EntroInterval *interval)
{
    if (interval->refusal != ENTRO_REFUSAL_NONE)
        return g_strdup("-");
    return g_strdup_printf("[%+.4f, %+.4f]", interval->low, interval->high);
}

/* Whether both sides of the contrast have it. */
static gboolean
is_in_both(const EntroComparedRow *row, guint group)
{
    return row->group[0].n_runs > 0 && row->group[group].n_runs > 0;
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
    GPtrArray *row = table_begin_row();

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
    table_end_row(table, row);
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
             const EntroComparedRow *row, const EntroInterval *interval, guint group)
{
    const EntroContrast *contrast = &row->contrast[group];
    GPtrArray *cells = table_begin_row();

    g_ptr_array_add(cells, compare_format_row(row));
    g_ptr_array_add(cells, compare_format_number("%+.4f", contrast->difference));
    if (shown->interval)
        g_ptr_array_add(cells, format_interval(interval));
    if (shown->effect) {
        g_ptr_array_add(cells, compare_format_number("%+.2f", contrast->hedges_g));
        g_ptr_array_add(cells, compare_format_number("%+.2f", contrast->cliffs_delta));
    }
    if (shown->pairs)
        g_ptr_array_add(cells, count_up(contrast->pair_difference,
                                        report->comparison->group[group].pair->len));
    if (shown->test)
        g_ptr_array_add(cells, compare_format_number("%.3g", contrast->test.p));
    if (shown->q)
        g_ptr_array_add(cells, compare_format_number("%.3g", contrast->q));
    if (shown->over_steps)
        g_ptr_array_add(cells, format_largest(report->comparison, row, group));
    if (contrast->significant)
        g_ptr_array_add(cells, g_strdup("*"));
    table_end_row(table, cells);
}

/* ---- heads ------------------------------------------------------------------------------------------------ */

typedef struct {
    const EntroComparedRow *row;
    double size; /* of the difference; -1: none */
    gboolean significant;
    EntroInterval interval;
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
        Ranked one = {.row = &comparison->head[i],
                      .size = fabs(contrast->difference),
                      .significant = contrast->significant};
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

/* Of the few that are shown, where the comparison has none of the heads. */
static void
find_intervals(const CompareReport *report, GArray *heads, guint group)
{
    for (guint i = 0; i < heads->len; i++) {
        Ranked *one = &g_array_index(heads, Ranked, i);
        const EntroComparedRow *row = one->row;
        one->interval = row->contrast[group].interval;
        if (one->interval.refusal == ENTRO_REFUSAL_UNASKED)
            one->interval =
                entro_bootstrap_difference(row->group[group].value,
                                           compare_count_runs(report, group), row->group[0].value,
                                           compare_count_runs(report, 0),
                                           &report->options->bootstrap);
    }
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
add_rows(const CompareReport *report, Table *table, const Shown *shown,
         const EntroComparedRow *rows, gsize n, guint group)
{
    for (gsize i = 0; i < n; i++)
        if (is_in_both(&rows[i], group))
            add_contrast(report, table, shown, &rows[i], &rows[i].contrast[group].interval, group);
}

static void
add_heads(const CompareReport *report, Table *table, const Shown *shown, const GArray *heads,
          guint group)
{
    for (guint i = 0; i < heads->len; i++) {
        const Ranked *one = &g_array_index(heads, Ranked, i);
        add_contrast(report, table, shown, one->row, &one->interval, group);
    }
}

static char *
describe_contrast(const CompareReport *report, guint group)
{
    g_autofree char *label = compare_format_label(report, group);
    g_autofree char *base = compare_format_label(report, 0);

    return g_strdup_printf("%s (N = %u) against %s (N = %u): %" G_GSIZE_FORMAT " heads compared%s",
                           label, compare_count_runs(report, group), base,
                           compare_count_runs(report, 0), count_compared(report->comparison, group),
                           report->all_heads ? "" : "; those that differ most are shown");
}

void
compare_add_differences(const CompareReport *report, Table *table, guint group, char **ret_heading)
{
    const EntroComparison *comparison = report->comparison;
    g_autoptr(GArray) heads = choose_heads(report, group);
    Shown shown = choose_columns(report, group);

    find_intervals(report, heads, group);
    for (guint i = 0; i < heads->len; i++)
        shown.interval |= g_array_index(heads, Ranked, i).interval.refusal == ENTRO_REFUSAL_NONE;
    *ret_heading = describe_contrast(report, group);
    add_contrast_header(report, table, &shown);
    add_rows(report, table, &shown, comparison->scalar, comparison->n_scalars, group);
    add_rows(report, table, &shown, comparison->layer, comparison->n_layers, group);
    add_heads(report, table, &shown, heads, group);
}

static void
print_differences(const CompareReport *report, guint group)
{
    g_auto(Table) table = table_new();
    g_autofree char *heading = NULL;

    compare_add_differences(report, &table, group, &heading);
    printf("\n%s\n", heading);
    table_print(&table);
}

/* ---- the same seed ------------------------------------------------------------------------------------------ */

static void
print_pairs(const CompareReport *report, guint group)
{
    const EntroComparison *comparison = report->comparison;
    const GArray *pairs = comparison->group[group].pair;
    g_auto(Table) table = table_new();
    GPtrArray *header = table_begin_row();

    if (comparison->one_each || pairs->len == 0 || pairs->len > SEEDS_SHOWN) {
        g_ptr_array_free(header, TRUE);
        return;
    }
    printf("\nDifferences run by run, same seed\n");
    g_ptr_array_add(header, g_strdup(""));
    for (guint i = 0; i < pairs->len; i++) {
        g_autofree char *seed = compare_format_value(g_array_index(pairs, EntroSeedPair, i).seed);
        g_ptr_array_add(header, g_strconcat("seed ", seed, NULL));
    }
    table_end_row(&table, header);
    for (gsize r = 0; r < comparison->n_scalars + comparison->n_layers; r++) {
        const EntroComparedRow *row = r < comparison->n_scalars
                                          ? &comparison->scalar[r]
                                          : &comparison->layer[r - comparison->n_scalars];
        if (!is_in_both(row, group))
            continue;
        GPtrArray *cells = table_begin_row();
        g_ptr_array_add(cells, compare_format_row(row));
        for (guint i = 0; i < pairs->len; i++)
            g_ptr_array_add(cells, compare_format_number("%+.4f",
                                                         row->contrast[group].pair_difference[i]));
        table_end_row(&table, cells);
    }
    table_print(&table);
}

void
compare_print_contrast(const CompareReport *report, guint group)
{
    print_differences(report, group);
    print_pairs(report, group);
}
