/* scalars.c: the view scalars, from the store to curves: a panel a scalar, a line a run. */
#include "view-private.h"

/* The names asked for, or those that any of the runs has, in the order of their first appearance. */
static GPtrArray *
choose_names(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
             const char *const *wanted, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; wanted && wanted[i]; i++)
        g_ptr_array_add(names, g_strdup(wanted[i]));
    for (guint run = 0; run < n_runs && !wanted; run++) {
        g_auto(GStrv) known = entro_store_list_scalars(store, runs[run]->id, error);
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

/* A run need not have each scalar; that none has it is an error. */
static gboolean
add_scalar(EntroCurveSpec *spec, EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
           const char *name, GError **error)
{
    EntroCurvePanel *panel = entro_curve_panel_new(name);
    g_ptr_array_add(spec->panels, panel);

    for (guint run = 0; run < n_runs; run++) {
        g_autoptr(GError) local = NULL;
        EntroCurve *curve = entro_store_select_scalar(store, runs[run]->id, name, &local);
        if (curve)
            entro_curve_panel_add(panel, curve, entro_line_pen(run));
        else if (!g_error_matches(local, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND) ||
                 (run == n_runs - 1 && panel->curves->len == 0)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
    }
    return TRUE;
}

void
entro_scalars_explain(EntroCurveSpec *spec, const char *const *names, guint n_runs)
{
    gboolean cross = FALSE;
    gsize n_hidden = 0;

    for (guint run = 0; run < n_runs; run++)
        entro_legend_add(&spec->footer.legend, ENTRO_SWATCH_LINE, entro_line_pen(run), names[run]);
    for (guint p = 0; p < spec->panels->len; p++) {
        const EntroCurvePanel *panel = spec->panels->pdata[p];
        for (guint k = 0; k < panel->curves->len; k++) {
            const EntroCurve *curve = panel->curves->pdata[k];
            const gsize end = entro_curve_end(curve);
            cross |= end > 0 && end < curve->n;
            for (gsize i = 0; i < curve->n; i++)
                n_hidden += spec->log_y && curve->y[i] <= 0;
        }
    }
    if (cross)
        entro_legend_add(&spec->footer.signs, ENTRO_SWATCH_CROSS,
                         (EntroPen){.colour = entro_theme_default()->ink},
                         "diverged: no finite value after this");
    if (n_hidden > 0)
        entro_footer_add_note(&spec->footer,
                              "%" G_GSIZE_FORMAT
                              " values at or below 0 have no place on a logarithmic axis.",
                              n_hidden);
}

EntroFigure *
entro_view_scalars(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                   const EntroPlotOptions *options, GError **error)
{
    g_auto(EntroCurveSpec) spec;
    entro_curve_spec_init(&spec);
    g_autoptr(GPtrArray) names = choose_names(store, runs, n_runs, options->scalars, error);
    g_autofree const char **run_names = g_new0(const char *, n_runs);
    if (!names)
        return NULL;

    spec.title = options->title ? options->title : entro_view_find("scalars")->title;
    spec.shared_y = options->shared_scale;
    spec.log_y = options->log_y;
    for (guint i = 0; i < names->len; i++)
        if (!add_scalar(&spec, store, runs, n_runs, names->pdata[i], error))
            return NULL;
    for (guint run = 0; run < n_runs; run++)
        run_names[run] = runs[run]->name;
    entro_scalars_explain(&spec, run_names, n_runs);
    return entro_curves_figure(&spec, options, error);
}
