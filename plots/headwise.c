/* headwise.c: the view headwise-entropy, from the store to heat maps. */
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

static char *
title_of(const GPtrArray *grids, const EntroPlotOptions *options, const char *value_label)
{
    const EntroView *view = entro_view_find("headwise-entropy");
    const gboolean own = g_strcmp0(options->column, view->column) == 0;
    const EntroGrid *first = grids->pdata[0];
    g_autofree char *title =
        own ? g_strdup(view->title) : g_strdup_printf("%s of each attention head", value_label);

    return same_step(grids) ? g_strdup_printf("%s at step %" G_GINT64_FORMAT, title, first->step)
                            : g_steal_pointer(&title);
}

/* Where the runs are at different steps, the charts say which. */
static char *
name_of(const EntroViewInput *input, const GPtrArray *grids, guint run)
{
    const EntroGrid *grid = grids->pdata[run];
    const char *name = entro_view_run_name(input, run);

    return same_step(grids) ? g_strdup(name)
                            : g_strdup_printf("%s, step %" G_GINT64_FORMAT, name, grid->step);
}

gboolean
entro_view_headwise(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
    g_autofree char *value_label =
        entro_view_value_label(input->store, input->options->column, error);
    if (!value_label)
        return FALSE;

    for (guint run = 0; run < input->n_runs; run++) {
        EntroGrid *grid =
            entro_store_select_grid(input->store, input->runs[run]->id, input->options->column,
                                    entro_view_step(input->options, run), error);
        if (!grid)
            return FALSE;
        g_ptr_array_add(grids, grid);
    }
    for (guint run = 0; run < input->n_runs; run++) {
        g_autofree char *name = name_of(input, grids, run);
        if (!entro_heat_chart_add_heads(page, grids->pdata[run], name, value_label, error))
            return FALSE;
    }
    g_autofree char *title = title_of(grids, input->options, value_label);
    entro_page_set_title(page, title);
    return entro_heads_check(page, error);
}
