/* tags.c: the words that a run is marked with. */
#include "db-private.h"

GPtrArray *
entro_runs_list_tags(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GPtrArray) tags = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare_run(store, "SELECT tag FROM run_tags WHERE run_id = ?1 ORDER BY tag",
                              run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row)
        g_ptr_array_add(tags, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    return row ? NULL : g_steal_pointer(&tags);
}

gboolean
entro_runs_put_tags(EntroStore *store, gint64 run_id, const GPtrArray *tags, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, ENTRO_SQL_ADD_TAG, error);

    if (stmt == NULL)
        return FALSE;
    for (guint j = 0; j < tags->len; j++) {
        EntroBinder bind = entro_bind(store, stmt);

        entro_bind_int(&bind, run_id);
        entro_bind_text(&bind, tags->pdata[j]);
        if (!entro_bind_execute(&bind, error))
            return FALSE;
    }
    return TRUE;
}

/* *ret_changes: rows that were written. */
