/* select.c: one statistic at one step, as a plain grid of layers and heads. */
#include "db-private.h"

#include <math.h>

/* What a damaged or hostile database may ask for in memory: heads of a grid. */
enum { MAX_GRID_HEADS = 1 << 20, MAX_GRID_CELLS = 1 << 26 };

void
entro_grid_free(EntroGrid *grid)
{
    if (grid == NULL)
        return;
    g_free(grid->run);
    g_free(grid->column);
    g_free(grid->row_layer);
    g_free(grid->value);
    g_free(grid->state);
    g_free(grid);
}

static const char *
find_table(EntroStore *store, const char *column, GError **error)
{
    const char *table = NULL;

    if (!entro_columns_find(store, TRUE, column, &table, error))
        return NULL;
    if (table != NULL)
        return table;
    g_autofree char *quoted = entro_quote_name(column);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                "%s: heads have no statistic %s (the table \"metric\" lists them)", store->path,
                quoted);
    return NULL;
}

/* ---- one step: a grid of layers and heads --------------------------------------------------- */

static gboolean
fail_no_capture(EntroStore *store, const EntroRunInfo *run, gint64 step, GError **error)
{
    g_autofree char *name = entro_quote_name(run->name);

    if (run->n_captures == 0)
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                    "%s: run %s has no captures", store->path, name);
    else
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                    "%s: run %s has no capture at step %" G_GINT64_FORMAT
                    "; the first is at %" G_GINT64_FORMAT ", the last at %" G_GINT64_FORMAT,
                    store->path, name, step, run->first_step, run->last_step);
    return FALSE;
}

/* Which of the run's captures is meant, and whether all its layers could be read. */
static gboolean
find_capture(EntroStore *store, const EntroRunInfo *run, gint64 step, gint64 *ret_step,
             gboolean *ret_complete, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store, "SELECT status = 'complete' FROM captures WHERE run_id = ?1 AND step = ?2", run->id,
        error);
    gint64 wanted = step == ENTRO_STEP_LAST ? run->last_step : step;
    gboolean row = FALSE;

    if (stmt == NULL)
        return FALSE;
    sqlite3_bind_int64(stmt, 2, wanted);
    if (!entro_sql_step(store, stmt, &row, error))
        return FALSE;
    if (!row)
        return fail_no_capture(store, run, wanted, error);
    *ret_step = wanted;
    *ret_complete = sqlite3_column_int(stmt, 0);
    return TRUE;
}

static gboolean
check_shape(EntroStore *store, gsize n_layers, gsize n_heads, GError **error)
{
    if (n_heads <= MAX_GRID_HEADS && n_layers * n_heads <= MAX_GRID_CELLS)
        return TRUE;
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO,
                "%s: head numbers beyond any model: the file is damaged", store->path);
    return FALSE;
}

/* Layers and heads of the grid: those of the capture or, when some of its layers could not be
 * read, all that the run ever had. */
static gboolean
read_shape(EntroStore *store, EntroGrid *grid, const char *table, gint64 run_id, gboolean complete,
           GError **error)
{
    g_autoptr(GArray) layers = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *sql = g_strdup_printf(
        "SELECT layer, max(head) FROM %s WHERE run_id = ?1 AND %s GROUP BY layer ORDER BY layer",
        table, complete ? "step = ?2" : "?2 IS NOT NULL");
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(store, sql, run_id, error);
    gsize n_heads = 0;
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    sqlite3_bind_int64(stmt, 2, grid->step);
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 layer = sqlite3_column_int64(stmt, 0);
        gint64 last_head = CLAMP(sqlite3_column_int64(stmt, 1), 0, MAX_GRID_HEADS);

        g_array_append_val(layers, layer);
        n_heads = MAX(n_heads, (gsize)last_head + 1);
    }
    if (row || !check_shape(store, layers->len, n_heads, error))
        return FALSE;
    grid->n_rows = layers->len;
    grid->n_columns = n_heads;
    grid->row_layer = (gint64 *)(gpointer)g_array_free(g_steal_pointer(&layers), FALSE);
    return TRUE;
}

static void
set_cell(EntroGrid *grid, gsize row, gint64 head, sqlite3_stmt *stmt, int column)
{
    gsize cell = row * grid->n_columns + (gsize)head;

    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        grid->state[cell] = ENTRO_CELL_UNDEFINED;
        return;
    }
    grid->state[cell] = ENTRO_CELL_VALUE;
    grid->value[cell] = sqlite3_column_double(stmt, column);
}

/* Cells come ordered by layer, as the rows of the grid are: one walk along both. */
static gboolean
read_cells(EntroStore *store, EntroGrid *grid, const char *table, gint64 run_id, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT layer, head, \"%s\" FROM %s"
                                           " WHERE run_id = ?1 AND step = ?2 ORDER BY layer, head",
                                           grid->column, table);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(store, sql, run_id, error);
    gsize position = 0;
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    sqlite3_bind_int64(stmt, 2, grid->step);
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 layer = sqlite3_column_int64(stmt, 0);
        gint64 head = sqlite3_column_int64(stmt, 1);

        while (position < grid->n_rows && grid->row_layer[position] < layer)
            position++;
        if (position < grid->n_rows && head >= 0 && head < (gint64)grid->n_columns)
            set_cell(grid, position, head, stmt, 2);
    }
    return !row;
}

EntroGrid *
entro_store_select_grid(EntroStore *store, gint64 run_id, const char *column, gint64 step,
                        GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_autoptr(EntroGrid) grid = g_new0(EntroGrid, 1);
    gboolean complete = FALSE;
    const char *table = find_table(store, column, error);

    if (table == NULL || !entro_transaction_begin_read(&view, store, error))
        return NULL;
    g_autoptr(EntroRunInfo) run = entro_store_get_run(store, run_id, error);
    if (run == NULL || !find_capture(store, run, step, &grid->step, &complete, error))
        return NULL;
    grid->run = g_strdup(run->name);
    grid->column = g_strdup(column);
    if (!read_shape(store, grid, table, run_id, complete, error))
        return NULL;
    grid->value = g_new(double, grid->n_rows * grid->n_columns);
    grid->state = g_new0(guint8, grid->n_rows * grid->n_columns); /* ENTRO_CELL_ABSENT */
    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        grid->value[cell] = NAN;
    return read_cells(store, grid, table, run_id, error) ? g_steal_pointer(&grid) : NULL;
}
