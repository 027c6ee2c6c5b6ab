/* rows.c: one quantity (a final number, a layer, a head) over all groups: each group in itself, and
 * each against the first.
 *
 * The test is of unpaired samples even where seeds pair: with three to five pairs no paired test
 * can reach a small p either, and where pairs go together the unpaired one is the careful one. */
#include "compare-private.h"

#include <gsl/gsl_statistics_double.h>

void
entro_row_init(EntroComparedRow *row, const EntroRunGroup *const *groups, guint n_groups)
{
    row->layer = row->head = -1;
    row->group = g_new0(EntroGroupSummary, n_groups);
    row->contrast = g_new0(EntroContrast, n_groups);
    for (guint g = 0; g < n_groups; g++) {
        row->group[g].value = g_new(double, groups[g]->runs->len);
        for (guint i = 0; i < groups[g]->runs->len; i++)
            row->group[g].value[i] = NAN;
    }
}

void
entro_row_clear(EntroComparedRow *row, guint n_groups)
{
    for (guint g = 0; g < n_groups; g++) {
        g_free(row->group[g].value);
        g_free(row->group[g].mean_over_steps);
        g_free(row->group[g].n_over_steps);
        g_free(row->contrast[g].pair_difference);
    }
    g_free(row->group);
    g_free(row->contrast);
}

static EntroInterval
no_interval(double estimate)
{
    return (EntroInterval){.estimate = estimate,
                           .low = NAN,
                           .high = NAN,
                           .refusal = ENTRO_REFUSAL_UNASKED};
}

/* Without a bootstrap: no interval. */
static void
summarise(EntroGroupSummary *summary, gsize n_runs, const EntroBootstrap *bootstrap)
{
    g_autofree double *finite = g_new(double, MAX(n_runs, 1));

    summary->n = 0;
    for (gsize i = 0; i < n_runs; i++)
        if (isfinite(summary->value[i]))
            finite[summary->n++] = summary->value[i];
    summary->mean = summary->n > 0 ? gsl_stats_mean(finite, 1, summary->n) : NAN;
    summary->sd = summary->n > 1 ? gsl_stats_sd(finite, 1, summary->n) : NAN;
    summary->interval = bootstrap != NULL ? entro_bootstrap_mean(summary->value, n_runs, bootstrap)
                                          : no_interval(summary->mean);
}

static EntroTest
refuse(EntroTest test, EntroRefusal refusal)
{
    test.p = NAN;
    test.refusal = refusal;
    return test;
}

static EntroTest
test_samples(const double *a, gsize n_a, const double *b, gsize n_b,
             const EntroCompareOptions *options)
{
    EntroTest test = options->test == ENTRO_TEST_WELCH ? entro_welch(a, n_a, b, n_b)
                                                       : entro_rank_sum(a, n_a, b, n_b);

    if (test.refusal != ENTRO_REFUSAL_NONE)
        return test;
    if (options->test == ENTRO_TEST_WELCH)
        return MIN(test.n_a, test.n_b) < ENTRO_WELCH_LEAST ? refuse(test, ENTRO_REFUSAL_FEW) : test;
    return entro_reaches(entro_rank_sum_least_p(test.n_a, test.n_b), options->alpha)
               ? test
               : refuse(test, ENTRO_REFUSAL_LEAST_P);
}

static double *
pair_up(const EntroGroupSummary *group, const EntroGroupSummary *base, const GArray *pairs)
{
    double *difference = g_new(double, MAX(pairs->len, 1));

    for (guint i = 0; i < pairs->len; i++) {
        const EntroSeedPair *pair = &g_array_index(pairs, EntroSeedPair, i);
        difference[i] = group->value[pair->run] - base->value[pair->base];
    }
    return difference;
}

static void
contrast(EntroContrast *result, const EntroGroupSummary *group, gsize n_runs,
         const EntroGroupSummary *base, gsize n_base, const EntroBootstrap *bootstrap,
         const EntroCompareOptions *options)
{
    result->difference = group->mean - base->mean;
    result->interval =
        bootstrap != NULL
            ? entro_bootstrap_difference(group->value, n_runs, base->value, n_base, bootstrap)
            : no_interval(result->difference);
    result->cliffs_delta = entro_cliffs_delta(group->value, n_runs, base->value, n_base);
    result->hedges_g = entro_hedges_g(group->value, n_runs, base->value, n_base);
    result->test = test_samples(group->value, n_runs, base->value, n_base, options);
    result->q = NAN;
    result->significant = entro_reaches(result->test.p, options->alpha);
}

void
entro_row_compare(EntroComparedRow *row, const EntroRunGroup *const *groups,
                  const EntroComparedGroup *compared, guint n_groups,
                  const EntroCompareOptions *options)
{
    const EntroBootstrap *bootstrap =
        row->head < 0 || options->head_intervals ? &options->bootstrap : NULL;

    for (guint g = 0; g < n_groups; g++)
        summarise(&row->group[g], groups[g]->runs->len, bootstrap);
    for (guint g = 1; g < n_groups; g++) {
        contrast(&row->contrast[g], &row->group[g], groups[g]->runs->len, &row->group[0],
                 groups[0]->runs->len, bootstrap, options);
        row->contrast[g].pair_difference =
            pair_up(&row->group[g], &row->group[0], compared[g].pair);
    }
}
