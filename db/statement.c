/* statement.c: SQLite's calls with GError: prepare, bind, step, transactions.
 *
 * Every return code is looked at here, once, so that no other file has to: a step that failed and
 * went unseen would commit half a capture. */
#include "db-private.h"

#include <math.h>

/* The errno behind a failure of the file system, 0 when there is none to tell. */
static int
system_errno(EntroStore *store, int code)
{
    return code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(store->db) : 0;
}

gboolean
entro_sql_fail(EntroStore *store, GError **error)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    int number = system_errno(store, code);
    const char *hint = "";

    if (code == SQLITE_BUSY)
        hint = ": another program has been using it for too long";
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        hint = ": the file is damaged";
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO, "%s: %s%s%s%s%s", store->path,
                sqlite3_errmsg(store->db), hint, number != 0 ? " (" : "",
                number != 0 ? g_strerror(number) : "", number != 0 ? ")" : "");
    return FALSE;
}

gboolean
entro_sql_exec(EntroStore *store, const char *sql, GError **error)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return entro_sql_fail(store, error);
    return TRUE;
}

sqlite3_stmt *
entro_sql_prepare(EntroStore *store, const char *sql, GError **error)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;

    if (sqlite3_prepare_v2(store->db, sql, -1, &stmt, &tail) != SQLITE_OK) {
        entro_sql_fail(store, error);
        return NULL;
    }
    g_assert(stmt != NULL && *tail == '\0'); /* one statement each */
    return stmt;
}

sqlite3_stmt *
entro_sql_prepare_run(EntroStore *store, const char *sql, gint64 run_id, GError **error)
{
    sqlite3_stmt *stmt = entro_sql_prepare(store, sql, error);

    if (stmt != NULL)
        sqlite3_bind_int64(stmt, 1, run_id); /* cannot fail: ?1 is there, and nothing is copied */
    return stmt;
}

gboolean
entro_sql_step(EntroStore *store, sqlite3_stmt *stmt, gboolean *ret_row, GError **error)
{
    int rc = sqlite3_step(stmt);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return entro_sql_fail(store, error);
    *ret_row = rc == SQLITE_ROW;
    return TRUE;
}

gboolean
entro_sql_get_int(EntroStore *store, sqlite3_stmt *stmt, gint64 fallback, gint64 *ret_value,
                  GError **error)
{
    gboolean row = FALSE;

    if (!entro_sql_step(store, stmt, &row, error))
        return FALSE;
    if (row && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        *ret_value = sqlite3_column_int64(stmt, 0);
    else
        *ret_value = fallback;
    sqlite3_reset(stmt);
    return TRUE;
}

/* ---- binding -------------------------------------------------------------------------------- */

EntroBinder
entro_bind(EntroStore *store, sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt); /* repeats the last step's failure, which was reported then */
    return (EntroBinder){.store = store, .stmt = stmt, .rc = SQLITE_OK};
}

static void
bound(EntroBinder *binder, int rc)
{
    if (binder->rc == SQLITE_OK)
        binder->rc = rc;
}

void
entro_bind_int(EntroBinder *binder, gint64 value)
{
    bound(binder, sqlite3_bind_int64(binder->stmt, ++binder->n, value));
}

void
entro_bind_double(EntroBinder *binder, double value)
{
    if (isfinite(value))
        bound(binder, sqlite3_bind_double(binder->stmt, ++binder->n, value));
    else
        entro_bind_null(binder);
}

void
entro_bind_text(EntroBinder *binder, const char *value)
{
    bound(binder, sqlite3_bind_text(binder->stmt, ++binder->n, value, -1, SQLITE_STATIC));
}

void
entro_bind_null(EntroBinder *binder)
{
    bound(binder, sqlite3_bind_null(binder->stmt, ++binder->n));
}

gboolean
entro_bind_ready(const EntroBinder *binder, GError **error)
{
    return binder->rc == SQLITE_OK || entro_sql_fail(binder->store, error);
}

gboolean
entro_bind_execute(const EntroBinder *binder, GError **error)
{
    gboolean row = FALSE;

    if (!entro_bind_ready(binder, error) ||
        !entro_sql_step(binder->store, binder->stmt, &row, error))
        return FALSE;
    g_assert(!row);
    sqlite3_reset(binder->stmt);
    return TRUE;
}

/* ---- SQL from tables of columns ------------------------------------------------------------- */

/* prefix"a", prefix"b", ... of columns first to end - 1. */
static void
append_list(GString *sql, const char *prefix, const char *const *columns, guint first, guint end)
{
    for (guint j = first; j < end; j++)
        g_string_append_printf(sql, "%s%s\"%s\"", j > first ? ", " : "", prefix, columns[j]);
}

char *
entro_sql_upsert(const char *table, const char *const *columns, guint n_keys)
{
    GString *sql = g_string_new(NULL);
    guint n = g_strv_length((char **)columns);

    g_string_append_printf(sql, "INSERT INTO %s (", table);
    append_list(sql, "", columns, 0, n);
    g_string_append(sql, ") VALUES (?");
    for (guint j = 1; j < n; j++)
        g_string_append(sql, ", ?");
    g_string_append(sql, ") ON CONFLICT (");
    append_list(sql, "", columns, 0, n_keys);
    g_string_append(sql, ") DO UPDATE SET (");
    append_list(sql, "", columns, n_keys, n);
    g_string_append(sql, ") = (");
    append_list(sql, "excluded.", columns, n_keys, n);
    g_string_append(sql, ") WHERE (");
    append_list(sql, "", columns, n_keys, n);
    g_string_append(sql, ") IS NOT (");
    append_list(sql, "excluded.", columns, n_keys, n);
    g_string_append_c(sql, ')');
    return g_string_free(sql, FALSE);
}

gboolean
entro_sql_has_table(EntroStore *store, const char *table, gboolean *ret_has, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store,
                          "SELECT count(*) FROM sqlite_schema"
                          " WHERE name = ? AND type IN ('table', 'view')",
                          error);
    gint64 count = 0;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, table);
    if (!entro_bind_ready(&bind, error) || !entro_sql_get_int(store, stmt, 0, &count, error))
        return FALSE;
    *ret_has = count > 0;
    return TRUE;
}

/* ---- transactions --------------------------------------------------------------------------- */

/* IMMEDIATE: a transaction that reads first and writes later would be refused (SQLITE_BUSY) at once
 * whenever another process wrote in between, whatever the timeout. */
gboolean
entro_transaction_begin(EntroTransaction *transaction, EntroStore *store, GError **error)
{
    if (!entro_sql_exec(store, "BEGIN IMMEDIATE", error))
        return FALSE;
    transaction->store = store;
    return TRUE;
}

gboolean
entro_transaction_begin_read(EntroTransaction *transaction, EntroStore *store, GError **error)
{
    if (!sqlite3_get_autocommit(store->db))
        return TRUE; /* there is one, which its owner ends */
    if (!entro_sql_exec(store, "BEGIN", error))
        return FALSE;
    transaction->store = store;
    return TRUE;
}

gboolean
entro_transaction_commit(EntroTransaction *transaction, GError **error)
{
    if (!entro_sql_exec(transaction->store, "COMMIT", error))
        return FALSE;
    transaction->store = NULL;
    return TRUE;
}

void
entro_transaction_clear(EntroTransaction *transaction)
{
    /* After some failures (a full disk) SQLite has rolled back itself; another ROLLBACK would be an
     * error of its own.  Should it fail, closing the database rolls back. */
    if (transaction->store != NULL && !sqlite3_get_autocommit(transaction->store->db))
        sqlite3_exec(transaction->store->db, "ROLLBACK", NULL, NULL, NULL);
    transaction->store = NULL;
}
