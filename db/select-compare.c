/* select-compare.c: what a comparison asks for besides histories: configurations, and one view of
 * the database for all its questions. */
#include "db-private.h"

gboolean
entro_store_hold(EntroStore *store, GError **error)
{
    return entro_sql_exec(store, "BEGIN", error);
}

void
entro_store_release(EntroStore *store)
{
    EntroTransaction held = {store};

    entro_transaction_clear(&held);
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
