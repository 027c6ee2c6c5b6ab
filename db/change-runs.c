/* change-runs.c: runs are renamed, tagged and deleted.
 *
 * A name means all its attempts here: they are one training, and what is done to one of them alone
 * is asked for as #ID. */
#include "db-private.h"

#include <string.h>

static gboolean
fail_argument(GError **error, const char *sentence)
{
    g_set_error_literal(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT, sentence);
    return FALSE;
}

GPtrArray *
entro_store_find_runs(EntroStore *store, const char *ref, GError **error)
{
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, ref, error);

    if (info == NULL)
        return NULL;
    gboolean by_name = g_str_equal(info->name, ref);
    g_autoptr(sqlite3_stmt) stmt =
        entro_runs_prepare(store, by_name ? "WHERE name = ? ORDER BY id" : "WHERE id = ?", error);
    if (stmt == NULL)
        return NULL;
    EntroBinder bind = entro_bind(store, stmt);
    if (by_name)
        entro_bind_text(&bind, info->name);
    else
        entro_bind_int(&bind, info->id);
    return entro_bind_ready(&bind, error) ? entro_runs_read_all(store, stmt, error) : NULL;
}

/* ---- names ------------------------------------------------------------------------------------ */

static gboolean
check_new_name(EntroStore *store, const EntroRunInfo *run, const char *name, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_runs_prepare(store, "WHERE name = ? ORDER BY id LIMIT 1", error);
    gboolean row = FALSE;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, name);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    if (!row)
        return TRUE;
    g_autofree char *quoted = entro_quote_name(name);
    g_autofree char *old = entro_quote_name(run->name);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT,
                "%s: run %s cannot be named %s: run #%" G_GINT64_FORMAT " has that name",
                store->path, old, quoted, (gint64)sqlite3_column_int64(stmt, 0));
    return FALSE;
}

/* A run that gets its trace's name back was never renamed. */
static gboolean
write_name(EntroStore *store, const char *old, const char *name, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "UPDATE runs SET name = ?2, trace_name = nullif(coalesce(trace_name, name), ?2)"
        " WHERE name = ?1",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, old);
    entro_bind_text(&bind, name);
    return entro_bind_execute(&bind, error);
}

gboolean
entro_store_rename_run(EntroStore *store, const char *ref, const char *name, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};

    if (*name == '\0' || *name == '#')
        return fail_argument(error, "a run's name must not be empty or begin with #, which is for "
                                    "numbers");
    if (!entro_transaction_begin(&transaction, store, error))
        return FALSE;
    g_autoptr(EntroRunInfo) run = entro_store_find_run(store, ref, error);
    return run != NULL && check_new_name(store, run, name, error) &&
           write_name(store, run->name, name, error) &&
           entro_transaction_commit(&transaction, error);
}

gboolean
entro_store_lookup_renamed(EntroStore *store, const char *name, const char *fingerprint,
                           EntroRunInfo **ret_info, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_runs_prepare(
        store, "WHERE r.trace_name = ?1 AND (?2 IS NULL OR fingerprint = ?2) ORDER BY id LIMIT 1",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, name);
    entro_bind_text(&bind, fingerprint);
    return entro_runs_read_first(&bind, ret_info, error);
}

/* ---- tags ------------------------------------------------------------------------------------- */

static gboolean
change_tag(EntroStore *store, const char *sql, const GPtrArray *runs, const char *tag,
           guint *ret_changes, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    *ret_changes = 0;
    if (stmt == NULL)
        return FALSE;
    for (guint j = 0; j < runs->len; j++) {
        const EntroRunInfo *run = runs->pdata[j];
        EntroBinder bind = entro_bind(store, stmt);

        entro_bind_int(&bind, run->id);
        entro_bind_text(&bind, tag);
        if (!entro_bind_execute(&bind, error))
            return FALSE;
        *ret_changes += (guint)sqlite3_changes(store->db);
    }
    return TRUE;
}

static gboolean
fail_no_tag(EntroStore *store, const char *ref, const char *tag, GError **error)
{
    g_autofree char *quoted = entro_quote_name(tag);
    g_autofree char *run = entro_quote_name(ref);

    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                "%s: run %s has no tag %s; nothing was changed", store->path, run, quoted);
    return FALSE;
}

static gboolean
change_tags(EntroStore *store, const char *ref, const char *const *tags, gboolean add,
            GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    const char *sql = add ? ENTRO_SQL_ADD_TAG : "DELETE FROM run_tags WHERE run_id = ? AND tag = ?";
    guint n_changes = 0;

    for (const char *const *tag = tags; *tag != NULL; tag++)
        if (**tag == '\0')
            return fail_argument(error, "a tag must not be empty");
    if (!entro_transaction_begin(&transaction, store, error))
        return FALSE;
    g_autoptr(GPtrArray) runs = entro_store_find_runs(store, ref, error);
    if (runs == NULL)
        return FALSE;
    for (const char *const *tag = tags; *tag != NULL; tag++) {
        if (!change_tag(store, sql, runs, *tag, &n_changes, error))
            return FALSE;
        if (!add && n_changes == 0)
            return fail_no_tag(store, ref, *tag, error);
    }
    return entro_transaction_commit(&transaction, error);
}

gboolean
entro_store_tag_runs(EntroStore *store, const char *ref, const char *const *tags, GError **error)
{
    return change_tags(store, ref, tags, TRUE, error);
}

gboolean
entro_store_untag_runs(EntroStore *store, const char *ref, const char *const *tags, GError **error)
{
    return change_tags(store, ref, tags, FALSE, error);
}

/* ---- deleting --------------------------------------------------------------------------------- */

/* SQLite gives the largest id anew once its run is gone. */
static gboolean
check_unchanged(EntroStore *store, const EntroRunInfo *run, GError **error)
{
    g_autoptr(EntroRunInfo) now = entro_store_get_run(store, run->id, error);

    if (now == NULL)
        return FALSE;
    if (g_strcmp0(now->name, run->name) == 0 && now->attempt == run->attempt &&
        g_strcmp0(now->fingerprint, run->fingerprint) == 0)
        return TRUE;
    g_autofree char *old = entro_quote_name(run->name);
    g_autofree char *name = entro_quote_name(now->name);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT,
                "%s: run #%" G_GINT64_FORMAT " was changed meanwhile: it is attempt %u of %s%s, "
                "expected attempt %u of %s; nothing was deleted",
                store->path, run->id, now->attempt, name,
                g_strcmp0(now->fingerprint, run->fingerprint) != 0 ? ", another trace" : "",
                run->attempt, old);
    return FALSE;
}

gboolean
entro_store_delete_runs(EntroStore *store, const EntroRunInfo *const *runs, gsize n, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};

    if (!entro_transaction_begin(&transaction, store, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, "DELETE FROM runs WHERE id = ?", error);
    if (stmt == NULL)
        return FALSE;
    for (gsize j = 0; j < n; j++) {
        EntroBinder bind = entro_bind(store, stmt);

        entro_bind_int(&bind, runs[j]->id);
        if (!check_unchanged(store, runs[j], error) || !entro_bind_execute(&bind, error))
            return FALSE;
    }
    return entro_transaction_commit(&transaction, error);
}

/* ---- space ------------------------------------------------------------------------------------ */

enum { VACUUM_INCREMENTAL = 2 };

static gboolean
get_pragma(EntroStore *store, const char *sql, gint64 *ret_value, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    return stmt != NULL && entro_sql_get_int(store, stmt, 0, ret_value, error);
}

/* Free pages are given back at the cost of moving as many (measured: 19 MB of 160 MB in 0.14 s, VACUUM
 * 1.7 s).  A database of before that was switched on is written anew, once. */
static gboolean
give_back(EntroStore *store, GError **error)
{
    gint64 mode = 0;

    if (!get_pragma(store, "PRAGMA auto_vacuum", &mode, error))
        return FALSE;
    return mode == VACUUM_INCREMENTAL
               ? entro_sql_exec(store, "PRAGMA incremental_vacuum", error)
               : entro_sql_exec(store, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM", error);
}

gboolean
entro_store_shrink(EntroStore *store, guint64 *ret_bytes, GError **error)
{
    gint64 before = 0, after = 0, size = 0;

    if (!get_pragma(store, "PRAGMA page_count", &before, error) || !give_back(store, error) ||
        !get_pragma(store, "PRAGMA page_count", &after, error) ||
        !get_pragma(store, "PRAGMA page_size", &size, error))
        return FALSE;
    *ret_bytes = (guint64)(MAX(before - after, 0) * size);
    /* a reader at work may hinder it: then the next writer's checkpoint cuts the file */
    sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return TRUE;
}
