/* headwise.c: the view headwise-entropy, from the store to heat maps. */
#include "view-private.h"

static char *
title_of(const GPtrArray *grids, const EntroPlotOptions *options, const char *value_label)
{
    const EntroView *view = entro_view_find("headwise-entropy");
    const gboolean own = g_strcmp0(options->column, view->column) == 0;
    g_autofree char *title =
        own ? g_strdup(view->title) : g_strdup_printf("%s of each attention head", value_label);

    return entro_grids_title(grids, title);
}

gboolean
entro_view_headwise(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autofree char *value_label =
        entro_view_value_label(input->store, input->options->column, error);
    g_autoptr(GPtrArray) grids = value_label ? entro_view_select_grids(input, error) : NULL;
    if (!grids)
        return FALSE;

    for (guint run = 0; run < input->n_runs; run++) {
        g_autofree char *name = entro_grids_name(page, input, grids, run);
        if (!entro_heat_chart_add_heads(page, grids->pdata[run], name, value_label, error))
            return FALSE;
    }
    g_autofree char *title = title_of(grids, input->options, value_label);
    entro_page_set_title(page, title);
    return entro_heads_check(page, error);
}
