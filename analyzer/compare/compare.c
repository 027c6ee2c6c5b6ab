/* compare.c: groups of runs side by side: final numbers, layers and heads at one step, bands.
 *
 * Everything is aligned by training step: the last that all runs have or, where there is none, each
 * run's own last.  The false discovery rate is kept over all layers and heads of all groups. */
#include "compare-private.h"

static const char *const columns[] = {
    [ENTRO_COMPARE_ENTROPY] = "entropy_mean", [ENTRO_COMPARE_CEILING] = "entropy_ceiling",
    [ENTRO_COMPARE_N_ROWS] = "n_rows",        [ENTRO_COMPARE_N_NAN] = "n_nan",
    [ENTRO_COMPARE_N_COLUMNS] = NULL,
};

static const char *const scalar_names[] = {
    [ENTRO_COMPARE_LOSS] = "loss",
    [ENTRO_COMPARE_EVAL_LOSS] = "eval_loss",
    [ENTRO_COMPARE_PERPLEXITY] = "perplexity",
};

const char *const *
entro_compare_columns(void)
{
    return columns;
}

const char *
entro_compare_scalar_name(EntroCompareScalar scalar)
{
    return scalar_names[scalar];
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static void
choose_step(EntroCompareWork *work)
{
    EntroComparison *result = work->result;
    GArray *common = entro_common_steps(work->groups, work->n_groups);

    result->n_common = common->len;
    result->common_step = (gint64 *)(gpointer)g_array_free(common, FALSE);
    result->aligned = result->n_common > 0;
    if (result->aligned)
        result->step = work->options->step != ENTRO_COMPARE_LAST_COMMON
                           ? work->options->step
                           : result->common_step[result->n_common - 1];
}

static void
find_captures(EntroCompareWork *work)
{
    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++) {
            const EntroCompareRun *run = entro_work_run(work, g, i);
            gsize n = run->history != NULL ? run->history->n_steps : 0;
            work->at[g][i] = work->result->aligned ? entro_run_find_step(run, work->result->step)
                                                   : (n > 0 ? n - 1 : ENTRO_NO_STEP);
        }
}

/* ---- runs ------------------------------------------------------------------------------------------- */

typedef struct {
    gsize n, n_without,
        n_diverged; /* with rows; of these without a value; of these with NaN rows */
} HeadCounts;

static HeadCounts
count_heads(const EntroHistory *history, gsize at)
{
    HeadCounts counts = {0};

    for (gsize i = 0; i < history->n_heads; i++) {
        gsize cell = at * history->n_heads + i;
        if (isnan(history->value[ENTRO_COMPARE_N_ROWS][cell]))
            continue;
        counts.n++;
        if (!isnan(history->value[ENTRO_COMPARE_ENTROPY][cell]))
            continue;
        counts.n_without++;
        counts.n_diverged += history->value[ENTRO_COMPARE_N_NAN][cell] > 0;
    }
    return counts;
}

static void
look_at(EntroCompareWork *work, guint group, guint i)
{
    const EntroCompareRun *run = entro_work_run(work, group, i);
    EntroComparedRun *compared = &work->result->group[group].run[i];
    gsize at = work->at[group][i];

    if (run->history != NULL && run->history->n_steps > 0) {
        gsize last = run->history->n_steps - 1;
        compared->n_captures = run->history->n_steps;
        compared->last_step = run->history->step[last];
        compared->diverged = count_heads(run->history, last).n_diverged > 0;
    }
    if (at != ENTRO_NO_STEP) {
        HeadCounts counts = count_heads(run->history, at);
        compared->has_step = TRUE;
        compared->step = run->history->step[at];
        compared->n_heads = counts.n;
        compared->n_without = counts.n_without;
        compared->diverged = compared->diverged || counts.n_diverged > 0;
    }
    for (guint s = 0; s < ENTRO_COMPARE_N_SCALARS; s++) /* a large loss has no finite exp() */
        if (s != ENTRO_COMPARE_PERPLEXITY && run->final[s].recorded &&
            !isfinite(run->final[s].value))
            compared->diverged = TRUE;
    work->result->group[group].n_diverged += compared->diverged ? 1 : 0;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static void
fill_scalar(const EntroCompareWork *work, EntroComparedRow *row, EntroCompareScalar scalar)
{
    row->name = scalar_names[scalar];
    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++) {
            const EntroFinal *final = &entro_work_run(work, g, i)->final[scalar];
            if (!final->recorded)
                continue;
            row->group[g].n_runs++;
            row->group[g].value[i] = final->value;
        }
}

static void
fill_place(const EntroCompareWork *work, EntroComparedRow *row, EntroPlace place)
{
    row->layer = place.layer;
    row->head = place.head;
    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++)
            if (entro_run_value(entro_work_run(work, g, i), work->at[g][i], place,
                                &row->group[g].value[i]))
                row->group[g].n_runs++;
}

/* Means over the runs that have a value at the step. */
static void
fill_over_steps(const EntroCompareWork *work, EntroComparedRow *row, guint group)
{
    const EntroComparison *result = work->result;
    EntroGroupSummary *summary = &row->group[group];

    summary->mean_over_steps = g_new0(double, MAX(result->n_common, 1));
    summary->n_over_steps = g_new0(gsize, MAX(result->n_common, 1));
    for (gsize s = 0; s < result->n_common; s++) {
        for (guint i = 0; i < work->groups[group]->runs->len; i++) {
            const EntroCompareRun *run = entro_work_run(work, group, i);
            double value;
            entro_run_value(run, entro_run_find_step(run, result->common_step[s]),
                            (EntroPlace){row->layer, -1}, &value);
            if (isnan(value))
                continue;
            summary->mean_over_steps[s] += value;
            summary->n_over_steps[s]++;
        }
        summary->mean_over_steps[s] /= (double)summary->n_over_steps[s]; /* 0/0: NaN */
    }
}

static EntroComparedRow *
compare_places(const EntroCompareWork *work, const GArray *places)
{
    EntroComparedRow *rows = g_new0(EntroComparedRow, MAX(places->len, 1));

    for (guint k = 0; k < places->len; k++) {
        entro_row_init(&rows[k], work->groups, work->n_groups);
        fill_place(work, &rows[k], g_array_index(places, EntroPlace, k));
        entro_row_compare(&rows[k], work->groups, work->result->group, work->n_groups,
                          work->options);
    }
    return rows;
}

static void
compare_scalars(const EntroCompareWork *work)
{
    EntroComparison *result = work->result;

    result->n_scalars = ENTRO_COMPARE_N_SCALARS;
    result->scalar = g_new0(EntroComparedRow, result->n_scalars);
    for (guint s = 0; s < result->n_scalars; s++) {
        entro_row_init(&result->scalar[s], work->groups, work->n_groups);
        fill_scalar(work, &result->scalar[s], s);
        entro_row_compare(&result->scalar[s], work->groups, result->group, work->n_groups,
                          work->options);
    }
}

static GPtrArray *
all_runs(const EntroCompareWork *work)
{
    GPtrArray *runs = g_ptr_array_new();

    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++)
            g_ptr_array_add(runs, (gpointer)entro_work_run(work, g, i));
    return runs;
}

static void
compare_entropy(const EntroCompareWork *work)
{
    EntroComparison *result = work->result;
    g_autoptr(GPtrArray) runs = all_runs(work);
    g_autoptr(GArray) layers = entro_list_places(runs, FALSE);
    g_autoptr(GArray) heads = entro_list_places(runs, TRUE);

    result->n_layers = layers->len;
    result->layer = compare_places(work, layers);
    for (gsize k = 0; k < result->n_layers; k++)
        for (guint g = 0; g < work->n_groups; g++)
            fill_over_steps(work, &result->layer[k], g);
    result->n_heads = heads->len;
    result->head = compare_places(work, heads);
    for (guint g = 0; g < work->n_groups; g++) {
        g_autoptr(GArray) own_layers = entro_list_places(work->groups[g]->runs, FALSE);
        g_autoptr(GArray) own_heads = entro_list_places(work->groups[g]->runs, TRUE);
        result->group[g].n_layers = own_layers->len;
        result->group[g].n_heads = own_heads->len;
    }
}

/* ---- the false discovery rate ------------------------------------------------------------------------ */

static EntroContrast *
get_tested(const EntroComparison *result, gsize i)
{
    gsize n_contrasts = result->n_groups - 1, k = i / n_contrasts;
    EntroComparedRow *row =
        k < result->n_layers ? &result->layer[k] : &result->head[k - result->n_layers];

    return &row->contrast[1 + i % n_contrasts];
}

static void
find_discoveries(EntroComparison *result, double alpha)
{
    gsize n = (result->n_layers + result->n_heads) * (result->n_groups - 1);
    g_autofree double *p = g_new(double, MAX(n, 1));
    g_autofree double *q = g_new(double, MAX(n, 1));

    for (gsize i = 0; i < n; i++)
        p[i] = get_tested(result, i)->test.p;
    result->n_tests = entro_false_discovery(p, n, q);
    for (gsize i = 0; i < n; i++) {
        get_tested(result, i)->q = q[i];
        get_tested(result, i)->significant = entro_reaches(q[i], alpha);
    }
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static void
prepare(EntroCompareWork *work)
{
    EntroComparison *result = work->result;

    result->n_groups = work->n_groups;
    result->group = g_new0(EntroComparedGroup, work->n_groups);
    result->one_each = TRUE;
    for (guint g = 0; g < work->n_groups; g++) {
        EntroComparedGroup *group = &result->group[g];
        guint n_runs = work->groups[g]->runs->len;
        result->one_each = result->one_each && n_runs == 1;
        group->run = g_new0(EntroComparedRun, MAX(n_runs, 1));
        group->pair = g_array_new(FALSE, FALSE, sizeof(EntroSeedPair));
        group->unpaired = g_ptr_array_new();
        group->repeated = g_ptr_array_new();
        work->at[g] = g_new(gsize, MAX(n_runs, 1));
    }
}

static void
compare_all(EntroCompareWork *work)
{
    choose_step(work);
    find_captures(work);
    for (guint g = 0; g < work->n_groups; g++) {
        for (guint i = 0; i < work->groups[g]->runs->len; i++)
            look_at(work, g, i);
        entro_pair_seeds(work, g);
    }
    compare_scalars(work);
    compare_entropy(work);
    find_discoveries(work->result, work->options->alpha);
    entro_count_bands(work);
}

EntroComparison *
entro_compare(const EntroRunGroup *const *groups, guint n_groups,
              const EntroCompareOptions *options, const EntroCompareRun **ret_missing)
{
    g_autofree gsize **at = g_new0(gsize *, n_groups);
    EntroCompareWork work = {groups, n_groups, options, NULL, at};

    g_return_val_if_fail(n_groups >= 2, NULL);
    *ret_missing = options->step == ENTRO_COMPARE_LAST_COMMON
                       ? NULL
                       : entro_find_missing(groups, n_groups, options->step);
    if (*ret_missing != NULL)
        return NULL;
    work.result = g_new0(EntroComparison, 1);
    prepare(&work);
    compare_all(&work);
    for (guint g = 0; g < n_groups; g++)
        g_free(at[g]);
    return work.result;
}

static void
free_rows(EntroComparedRow *rows, gsize n, guint n_groups)
{
    for (gsize i = 0; i < n; i++)
        entro_row_clear(&rows[i], n_groups);
    g_free(rows);
}

void
entro_comparison_free(EntroComparison *comparison)
{
    if (comparison == NULL)
        return;
    free_rows(comparison->scalar, comparison->n_scalars, comparison->n_groups);
    free_rows(comparison->layer, comparison->n_layers, comparison->n_groups);
    free_rows(comparison->head, comparison->n_heads, comparison->n_groups);
    for (guint g = 0; g < comparison->n_groups; g++) {
        g_free(comparison->group[g].run);
        g_array_unref(comparison->group[g].pair);
        g_ptr_array_unref(comparison->group[g].unpaired);
        g_ptr_array_unref(comparison->group[g].repeated);
    }
    g_free(comparison->group);
    g_free(comparison->common_step);
    g_free(comparison);
}
