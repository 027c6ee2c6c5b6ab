/* headwise.c: the view headwise-entropy, from the store to grids. */
#include "view-private.h"

static gboolean
same_step(const GPtrArray *grids)
{
    const EntroGrid *first = grids->pdata[0];

    for (guint i = 1; i < grids->len; i++)
        if (((const EntroGrid *)grids->pdata[i])->step != first->step)
            return FALSE;
    return TRUE;
}

/* Where the runs are at different steps, the panels say which. */
static void
add_steps_to_names(GPtrArray *grids)
{
    for (guint i = 0; i < grids->len; i++) {
        EntroGrid *grid = grids->pdata[i];
        char *named = g_strdup_printf("%s, step %" G_GINT64_FORMAT, grid->run, grid->step);
        g_free(grid->run);
        grid->run = named;
    }
}

static char *
title_of(const GPtrArray *grids, const EntroPlotOptions *options, const char *value_label)
{
    const EntroView *view = entro_view_find("headwise-entropy");
    const gboolean own = g_strcmp0(options->column, view->column) == 0;
    const EntroGrid *first = grids->pdata[0];
    g_autofree char *title =
        own ? g_strdup(view->title) : g_strdup_printf("%s of each attention head", value_label);

    if (options->title)
        return g_strdup(options->title);
    return same_step(grids) ? g_strdup_printf("%s at step %" G_GINT64_FORMAT, title, first->step)
                            : g_steal_pointer(&title);
}

EntroFigure *
entro_view_headwise(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                    const EntroPlotOptions *options, GError **error)
{
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
    g_autofree char *value_label = entro_view_value_label(store, options->column, error);
    if (!value_label)
        return NULL;

    for (guint run = 0; run < n_runs; run++) {
        EntroGrid *grid = entro_store_select_grid(store, runs[run]->id, options->column,
                                                  entro_view_step(options, run), error);
        if (!grid)
            return NULL;
        g_ptr_array_add(grids, grid);
    }
    g_autofree char *title = title_of(grids, options, value_label);
    if (!same_step(grids))
        add_steps_to_names(grids);
    const EntroGridSpec spec = {.grids = (const EntroGrid *const *)grids->pdata,
                                .n_grids = grids->len,
                                .title = title,
                                .value_label = value_label};
    return entro_grid_figure(&spec, options, error);
}
