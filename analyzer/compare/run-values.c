/* run-values.c: what a run has at a capture, for layers and heads, and which captures meet. */
#include "compare-private.h"

gsize
entro_run_find_step(const EntroCompareRun *run, gint64 step)
{
    gsize low = 0, high = run->history != NULL ? run->history->n_steps : 0;

    while (low < high) {
        gsize middle = low + (high - low) / 2;
        if (run->history->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return run->history != NULL && low < run->history->n_steps && run->history->step[low] == step
               ? low
               : ENTRO_NO_STEP;
}

/* First head at or after the place. */
static gsize
find_head(const EntroHistory *history, EntroPlace place)
{
    gsize low = 0, high = history->n_heads;

    while (low < high) {
        gsize middle = low + (high - low) / 2;
        gboolean before =
            history->layer[middle] < place.layer ||
            (history->layer[middle] == place.layer && history->head[middle] < place.head);
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

gboolean
entro_run_value(const EntroCompareRun *run, gsize at, EntroPlace place, double *ret_value)
{
    const EntroHistory *history = run->history;
    gboolean there = FALSE;
    double sum = 0;
    gsize n = 0;

    *ret_value = NAN;
    if (history == NULL || at == ENTRO_NO_STEP)
        return FALSE;
    for (gsize i = find_head(history, place); i < history->n_heads; i++) {
        gsize cell = at * history->n_heads + i;
        if (history->layer[i] != place.layer || (place.head >= 0 && history->head[i] != place.head))
            break;
        there = there || !isnan(history->value[ENTRO_COMPARE_N_ROWS][cell]);
        if (!isnan(history->value[ENTRO_COMPARE_ENTROPY][cell])) {
            sum += history->value[ENTRO_COMPARE_ENTROPY][cell];
            n++;
        }
    }
    if (n > 0)
        *ret_value = sum / (double)n;
    return there;
}

/* ---- over runs ------------------------------------------------------------------------------------- */

const EntroCompareRun *
entro_find_missing(const EntroRunGroup *const *groups, guint n_groups, gint64 step)
{
    for (guint g = 0; g < n_groups; g++)
        for (guint i = 0; i < groups[g]->runs->len; i++) {
            const EntroCompareRun *run = groups[g]->runs->pdata[i];
            if (run->history != NULL && run->history->n_steps > 0 &&
                entro_run_find_step(run, step) == ENTRO_NO_STEP)
                return run;
        }
    return NULL;
}

static const EntroCompareRun *
first_with_captures(const EntroRunGroup *const *groups, guint n_groups)
{
    for (guint g = 0; g < n_groups; g++)
        for (guint i = 0; i < groups[g]->runs->len; i++) {
            const EntroCompareRun *run = groups[g]->runs->pdata[i];
            if (run->history != NULL && run->history->n_steps > 0)
                return run;
        }
    return NULL;
}

GArray *
entro_common_steps(const EntroRunGroup *const *groups, guint n_groups)
{
    GArray *common = g_array_new(FALSE, FALSE, sizeof(gint64));
    const EntroCompareRun *first = first_with_captures(groups, n_groups);

    for (gsize i = 0; first != NULL && i < first->history->n_steps; i++)
        if (entro_find_missing(groups, n_groups, first->history->step[i]) == NULL)
            g_array_append_val(common, first->history->step[i]);
    return common;
}

static int
compare_places(gconstpointer a, gconstpointer b)
{
    const EntroPlace *x = a, *y = b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

GArray *
entro_list_places(const GPtrArray *runs, gboolean of_heads)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(EntroPlace));
    guint kept = 0;

    for (guint r = 0; r < runs->len; r++) {
        const EntroHistory *history = ((const EntroCompareRun *)runs->pdata[r])->history;
        for (gsize i = 0; history != NULL && i < history->n_heads; i++) {
            EntroPlace place = {history->layer[i], of_heads ? (gint64)history->head[i] : -1};
            g_array_append_val(places, place);
        }
    }
    g_array_sort(places, compare_places);
    for (guint i = 0; i < places->len; i++) {
        EntroPlace place = g_array_index(places, EntroPlace, i);
        if (kept == 0 || compare_places(&g_array_index(places, EntroPlace, kept - 1), &place) != 0)
            g_array_index(places, EntroPlace, kept++) = place;
    }
    g_array_set_size(places, kept);
    return places;
}
