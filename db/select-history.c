/* select-history.c: columns of all heads of a run at all its captures, as plain arrays. */
#include "db-private.h"

#include <math.h>

/* ---- the shape ------------------------------------------------------------------------------- */

static gboolean
read_steps(EntroStore *store, EntroHistory *history, gint64 run_id, GError **error)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare_run(store, "SELECT step FROM captures WHERE run_id = ?1 ORDER BY step",
                              run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 step = sqlite3_column_int64(stmt, 0);
        g_array_append_val(steps, step);
    }
    history->n_steps = steps->len;
    history->step = (gint64 *)(gpointer)g_array_free(g_steal_pointer(&steps), FALSE);
    return !row;
}

/* Heads of any capture: one that could not be read whole lacks some. */
static gboolean
read_heads(EntroStore *store, EntroHistory *history, gint64 run_id, GError **error)
{
    g_autoptr(GArray) layers = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GArray) heads = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store,
        "SELECT DISTINCT layer, head FROM head_stats WHERE run_id = ?1"
        " AND layer BETWEEN 0 AND 2147483647 AND head BETWEEN 0 AND 2147483647"
        " ORDER BY layer, head",
        run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        guint layer = (guint)sqlite3_column_int64(stmt, 0);
        guint head = (guint)sqlite3_column_int64(stmt, 1);

        g_array_append_val(layers, layer);
        g_array_append_val(heads, head);
    }
    history->n_heads = layers->len;
    history->layer = (guint *)(gpointer)g_array_free(g_steal_pointer(&layers), FALSE);
    history->head = (guint *)(gpointer)g_array_free(g_steal_pointer(&heads), FALSE);
    return !row;
}

/* Memory goes with the product, which a small file can make large: heads that are in one capture
 * alone have a place in all of them. */
static gboolean
check_size(EntroStore *store, const EntroHistory *history, gint64 run_id, GError **error)
{
    if ((guint64)history->n_steps * history->n_heads <= (guint64)store->max_evidence)
        return TRUE;
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT,
                "%s: run #%" G_GINT64_FORMAT " has %" G_GSIZE_FORMAT " heads and %" G_GSIZE_FORMAT
                " captures, expected a product of at most %" G_GINT64_FORMAT
                ": too many to be judged or compared",
                store->path, run_id, history->n_heads, history->n_steps, store->max_evidence);
    return FALSE;
}

/* NaN in all places. */
static gboolean
make_columns(EntroStore *store, EntroHistory *history, guint n_columns, GError **error)
{
    gsize n = history->n_steps * history->n_heads;

    history->value = g_new0(double *, n_columns);
    history->n_columns = n_columns;
    for (guint i = 0; i < n_columns; i++) {
        history->value[i] = g_try_malloc_n(MAX(n, 1), sizeof *history->value[i]);
        if (history->value[i] == NULL) {
            g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT,
                        "%s: not enough memory for %" G_GSIZE_FORMAT " heads at %" G_GSIZE_FORMAT
                        " captures",
                        store->path, history->n_heads, history->n_steps);
            return FALSE;
        }
        for (gsize cell = 0; cell < n; cell++)
            history->value[i][cell] = NAN;
    }
    return TRUE;
}

/* ---- the values ------------------------------------------------------------------------------ */

/* "SELECT step, layer, head, <columns of this table> ..."; which[i]: the column of the i-th.  A table
 * of layers has one "head", 0. */
static sqlite3_stmt *
prepare_values(EntroStore *store, gboolean of_heads, const char *table, const char *const *columns,
               const guint *which, guint n, gint64 run_id, GError **error)
{
    g_autoptr(GString) sql = g_string_new("SELECT step, layer, ");

    g_string_append(sql, of_heads ? "head" : "0");

    for (guint i = 0; i < n; i++)
        g_string_append_printf(sql, ", \"%s\"", columns[which[i]]);
    g_string_append_printf(sql, " FROM %s WHERE run_id = ?1 ORDER BY step, layer%s", table,
                           of_heads ? ", head" : "");
    return entro_sql_prepare_run(store, sql->str, run_id, error);
}

/* Rows come in the order of the arrays: one walk along both. */
typedef struct {
    gsize step, head;
} Place;

static gboolean
find_place(const EntroHistory *history, gint64 step, gint64 layer, gint64 head, Place *place)
{
    while (place->step < history->n_steps && history->step[place->step] < step) {
        place->step++;
        place->head = 0;
    }
    while (place->head < history->n_heads &&
           (history->layer[place->head] < layer ||
            (history->layer[place->head] == layer && history->head[place->head] < head)))
        place->head++;
    return place->step < history->n_steps && history->step[place->step] == step &&
           place->head < history->n_heads && history->layer[place->head] == layer &&
           history->head[place->head] == head;
}

static gboolean
read_values(EntroStore *store, EntroHistory *history, gboolean of_heads, const char *table,
            const char *const *columns, const guint *which, guint n, gint64 run_id, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        prepare_values(store, of_heads, table, columns, which, n, run_id, error);
    Place place = {0};
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        if (!find_place(history, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                        sqlite3_column_int64(stmt, 2), &place))
            continue;
        gsize cell = place.step * history->n_heads + place.head;
        for (guint i = 0; i < n; i++)
            if (sqlite3_column_type(stmt, 3 + (int)i) != SQLITE_NULL)
                history->value[which[i]][cell] = sqlite3_column_double(stmt, 3 + (int)i);
    }
    return !row;
}

/* Columns of the same table in one query. */
static gboolean
read_tables(EntroStore *store, EntroHistory *history, gboolean of_heads, const char *const *tables,
            const char *const *columns, gint64 run_id, GError **error)
{
    g_autofree guint *which = g_new(guint, history->n_columns);
    g_autofree gboolean *done = g_new0(gboolean, history->n_columns);

    for (guint first = 0; first < history->n_columns; first++) {
        guint n = 0;

        if (done[first] || tables[first] == NULL)
            continue;
        for (guint i = first; i < history->n_columns; i++)
            if (g_strcmp0(tables[i], tables[first]) == 0) {
                which[n++] = i;
                done[i] = TRUE;
            }
        if (!read_values(store, history, of_heads, tables[first], columns, which, n, run_id, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_history_read(EntroStore *store, EntroHistory *history, gboolean of_heads,
                   const char *const *columns, gint64 run_id, GError **error)
{
    g_autofree const char **tables = g_new0(const char *, history->n_columns);

    for (guint i = 0; i < history->n_columns; i++)
        if (!entro_columns_find(store, of_heads, columns[i], &tables[i], error))
            return FALSE;
    return read_tables(store, history, of_heads, tables, columns, run_id, error);
}

EntroHistory *
entro_store_select_history(EntroStore *store, gint64 run_id, const char *const *columns,
                           guint n_columns, GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_autoptr(EntroHistory) history = g_new0(EntroHistory, 1);

    if (!entro_transaction_begin_read(&view, store, error) ||
        !read_steps(store, history, run_id, error) || !read_heads(store, history, run_id, error) ||
        !check_size(store, history, run_id, error) ||
        !make_columns(store, history, n_columns, error) ||
        !entro_history_read(store, history, TRUE, columns, run_id, error))
        return NULL;
    return g_steal_pointer(&history);
}
