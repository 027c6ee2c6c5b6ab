/* scalars.c: the view scalars, from the store to curves: a chart a scalar, a line a run. */
#include "view-private.h"

/* The names asked for, or those that any of the runs has, in the order of their first appearance. */
static GPtrArray *
choose_names(const EntroViewInput *input, GError **error)
{
    const char *const *wanted = input->options->scalars;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; wanted && wanted[i]; i++)
        g_ptr_array_add(names, g_strdup(wanted[i]));
    for (guint run = 0; run < input->n_runs && !wanted; run++) {
        g_auto(GStrv) known = entro_store_list_scalars(input->store, input->runs[run]->id, error);
        if (!known)
            return NULL;
        for (guint i = 0; known[i]; i++)
            if (!g_ptr_array_find_with_equal_func(names, known[i], g_str_equal, NULL))
                g_ptr_array_add(names, g_strdup(known[i]));
    }
    if (names->len > 0)
        return g_steal_pointer(&names);
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "the runs have no scalars");
    return NULL;
}

/* The last run's error says which scalars there are. */
static gboolean
fail_none_has(const EntroViewInput *input, const char *name, GError **error)
{
    const EntroRunInfo *last = input->runs[input->n_runs - 1];
    g_autoptr(EntroCurve) none = entro_store_select_scalar(input->store, last->id, name, error);

    return none != NULL;
}

/* A run need not have each scalar; that none has it is an error. */
static gboolean
add_scalar(EntroPage *page, const EntroViewInput *input, const char *name, GError **error)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, name, NULL);

    lines->chart.legend_title = "Runs";
    for (guint run = 0; run < input->n_runs; run++) {
        const EntroPen pen = entro_page_pen(page, entro_view_run_name(input, run));
        EntroCurve *curve = NULL;
        if (!entro_view_select_scalar(input, run, name, &curve, error))
            return FALSE;
        entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, pen,
                         entro_view_run_name(input, run));
        if (curve)
            entro_curve_chart_add_curve(lines, curve, pen);
    }
    if (lines->curves->len == 0)
        return fail_none_has(input, name, error);
    entro_curve_chart_explain(lines, page->figure, "diverged: no finite value after this");
    return TRUE;
}

gboolean
entro_view_scalars(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) names = choose_names(input, error);
    if (!names)
        return FALSE;

    for (guint i = 0; i < names->len; i++)
        if (!add_scalar(page, input, names->pdata[i], error))
            return FALSE;
    entro_page_set_title(page, entro_view_find("scalars")->title);
    return entro_curves_check(page, error);
}
