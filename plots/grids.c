/* grids.c: the grids of some runs, one a run, and what they are called. */
#include "view-private.h"

GPtrArray *
entro_view_select_grids(const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);

    for (guint run = 0; run < input->n_runs; run++) {
        EntroGrid *grid =
            entro_store_select_grid(input->store, input->runs[run]->id, input->options->column,
                                    entro_view_step(input->options, run), error);
        if (!grid)
            return NULL;
        g_ptr_array_add(grids, grid);
    }
    return g_steal_pointer(&grids);
}

gboolean
entro_grids_same_step(const GPtrArray *grids)
{
    const EntroGrid *first = grids->pdata[0];

    for (guint i = 1; i < grids->len; i++)
        if (((const EntroGrid *)grids->pdata[i])->step != first->step)
            return FALSE;
    return TRUE;
}

char *
entro_grids_title(const GPtrArray *grids, const char *title)
{
    const EntroGrid *first = grids->pdata[0];

    return entro_grids_same_step(grids)
               ? g_strdup_printf("%s at step %" G_GINT64_FORMAT, title, first->step)
               : g_strdup(title);
}

char *
entro_grids_name(const EntroPage *page, const EntroViewInput *input, const GPtrArray *grids,
                 guint run)
{
    /* In a recipe no title says the step; who names the runs says what is to be said. */
    const gboolean said =
        page->composed ? input->options->labels != NULL : entro_grids_same_step(grids);
    const EntroGrid *grid = grids->pdata[run];
    const char *name = entro_view_run_name(input, run);

    return said ? g_strdup(name) : g_strdup_printf("%s, step %" G_GINT64_FORMAT, name, grid->step);
}

void
entro_steps_append(GString *list, const char *name, gint64 step)
{
    g_string_append_printf(list, "%s%s %" G_GINT64_FORMAT, list->len > 0 ? ", " : "Steps: ", name,
                           step);
}

gsize
entro_count_cells(const EntroGrid *grid, EntroCellState state)
{
    gsize n = 0;

    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        n += grid->state[cell] == state;
    return n;
}
