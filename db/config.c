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
