/* run-bands.c: the heads of each run by quarters of M, and the range of their ceilings. */
#include "compare-private.h"

/* Extremes of one column over the heads of one run at its capture. */
static void
find_range(const EntroHistory *history, gsize at, guint column, double *low, double *high)
{
    for (gsize i = 0; at != ENTRO_NO_STEP && i < history->n_heads; i++) {
        double value = history->value[column][at * history->n_heads + i];
        *low = fmin(*low, value); /* NaN is no value to fmin() */
        *high = fmax(*high, value);
    }
}

static double
own_scale(const EntroCompareWork *work, guint group, guint i)
{
    const EntroCompareRun *run = entro_work_run(work, group, i);
    const char *context = entro_compare_config(run, "context_length");
    double low = NAN, high = NAN;

    if (work->options->band_max == ENTRO_BAND_LNT)
        return context != NULL ? log(g_ascii_strtod(context, NULL)) : NAN;
    find_range(run->history, work->at[group][i],
               work->options->band_max == ENTRO_BAND_CEILING ? ENTRO_COMPARE_CEILING
                                                             : ENTRO_COMPARE_ENTROPY,
               &low, &high);
    return high;
}

static void
find_scales(const EntroCompareWork *work)
{
    EntroComparison *result = work->result;
    gboolean one = work->options->band_max == ENTRO_BAND_POOLED ||
                   work->options->band_max == ENTRO_BAND_CEILING;
    double most = NAN;

    result->ceiling_low = result->ceiling_high = NAN;
    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++) {
            EntroComparedRun *run = &result->group[g].run[i];
            run->m = own_scale(work, g, i);
            most = fmax(most, run->m);
            find_range(entro_work_run(work, g, i)->history, work->at[g][i], ENTRO_COMPARE_CEILING,
                       &result->ceiling_low, &result->ceiling_high);
        }
    for (guint g = 0; one && g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++)
            result->group[g].run[i].m = most;
}

void
entro_count_bands(const EntroCompareWork *work)
{
    find_scales(work);
    for (guint g = 0; g < work->n_groups; g++)
        for (guint i = 0; i < work->groups[g]->runs->len; i++) {
            const EntroHistory *history = entro_work_run(work, g, i)->history;
            EntroComparedRun *run = &work->result->group[g].run[i];
            gsize at = work->at[g][i];
            if (at != ENTRO_NO_STEP)
                entro_bands(history->value[ENTRO_COMPARE_ENTROPY] + at * history->n_heads,
                            history->n_heads, run->m, run->band);
        }
}
