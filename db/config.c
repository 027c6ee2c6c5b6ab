/* config.c: what a trace says about the training that made it. */
#include "db-private.h"

gboolean
entro_store_get_config(EntroStore *store, gint64 run_id, const char *key, char **ret_value,
                       GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT value FROM run_config WHERE run_id = ? AND key = ?",
                          error);
    gboolean row = FALSE;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, run_id);
    entro_bind_text(&bind, key);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    *ret_value = row ? g_strdup((const char *)sqlite3_column_text(stmt, 0)) : NULL;
    return TRUE;
}

GHashTable *
entro_store_select_config(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GHashTable) config = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store, "SELECT key, value FROM run_config WHERE run_id = ?1 AND value IS NOT NULL", run_id,
        error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row)
        g_hash_table_replace(config, g_strdup((const char *)sqlite3_column_text(stmt, 0)),
                             g_strdup((const char *)sqlite3_column_text(stmt, 1)));
    return row ? NULL : g_steal_pointer(&config);
}
