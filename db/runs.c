/* runs.c: the rows of `runs`: found, created, replaced, listed. */
#include "db-private.h"

/* In the order of read_info().  An older database that is only read lacks the last columns:
 * their names in the subqueries then mean the NULLs of `older`. */
#define SELECT_RUNS                                                                                \
    "SELECT id, name, attempt, source, fingerprint, open_mode, arch, producer, n_layers, n_heads," \
    " context_length, causal, created_at, tool_version,"                                           \
    " (SELECT count(*) FROM captures WHERE run_id = r.id),"                                        \
    " (SELECT min(step) FROM captures WHERE run_id = r.id),"                                       \
    " (SELECT max(step) FROM captures WHERE run_id = r.id),"                                       \
    " (SELECT findings_at FROM runs WHERE id = r.id),"                                             \
    " (SELECT trace_name FROM runs WHERE id = r.id),"                                              \
    " (SELECT input FROM runs WHERE id = r.id)"                                                    \
    " FROM (SELECT NULL AS findings_at, NULL AS trace_name, NULL AS input) AS older, runs AS r "

void
entro_run_info_free(EntroRunInfo *info)
{
    if (info == NULL)
        return;
    g_free(info->name);
    g_free(info->source);
    g_free(info->fingerprint);
    g_free(info->open_mode);
    g_free(info->arch);
    g_free(info->producer);
    g_free(info->created_at);
    g_free(info->tool_version);
    g_free(info->findings_at);
    g_free(info->trace_name);
    g_free(info->input);
    g_strfreev(info->tags);
    for (guint j = 0; j < info->n_config; j++) {
        g_free(info->config[j].key);
        g_free(info->config[j].value);
    }
    g_free(info->config);
    g_free(info);
}

static char *
dup_text(sqlite3_stmt *stmt, int column)
{
    return g_strdup((const char *)sqlite3_column_text(stmt, column));
}

/* Of a column that is never NULL in a database of this program: nobody else has to expect it. */
static char *
dup_given(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return g_strdup(text != NULL ? text : "");
}

static EntroRunInfo *
read_info(sqlite3_stmt *stmt)
{
    EntroRunInfo *info = g_new0(EntroRunInfo, 1);
    int column = 0;

    info->id = sqlite3_column_int64(stmt, column++);
    info->name = dup_given(stmt, column++);
    info->attempt = (guint)sqlite3_column_int64(stmt, column++);
    info->source = dup_text(stmt, column++);
    info->fingerprint = dup_given(stmt, column++);
    info->open_mode = dup_text(stmt, column++);
    info->arch = dup_text(stmt, column++);
    info->producer = dup_text(stmt, column++);
    info->n_layers = sqlite3_column_int64(stmt, column++);
    info->n_heads = sqlite3_column_int64(stmt, column++);
    info->context_length = sqlite3_column_int64(stmt, column++);
    gboolean causal_known = sqlite3_column_type(stmt, column) != SQLITE_NULL;
    info->causal = causal_known ? sqlite3_column_int(stmt, column) : -1;
    column++;
    info->created_at = dup_given(stmt, column++);
    info->tool_version = dup_text(stmt, column++);
    info->n_captures = sqlite3_column_int64(stmt, column++);
    info->first_step = sqlite3_column_int64(stmt, column++);
    info->last_step = sqlite3_column_int64(stmt, column++);
    info->findings_at = dup_text(stmt, column++);
    info->trace_name = dup_text(stmt, column++);
    info->input = dup_text(stmt, column++);
    return info;
}

sqlite3_stmt *
entro_runs_prepare(EntroStore *store, const char *tail, GError **error)
{
    g_autofree char *sql = g_strconcat(SELECT_RUNS, tail, NULL);

    return entro_sql_prepare(store, sql, error);
}

GPtrArray *
entro_runs_read_all(EntroStore *store, sqlite3_stmt *stmt, GError **error)
{
    g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);
    gboolean row = TRUE;

    while (entro_sql_step(store, stmt, &row, error) && row)
        g_ptr_array_add(runs, read_info(stmt));
    return row ? NULL : g_steal_pointer(&runs);
}

gboolean
entro_runs_read_first(const EntroBinder *bind, EntroRunInfo **ret_info, GError **error)
{
    gboolean row = FALSE;

    if (!entro_bind_ready(bind, error) || !entro_sql_step(bind->store, bind->stmt, &row, error))
        return FALSE;
    *ret_info = row ? read_info(bind->stmt) : NULL;
    return TRUE;
}

static gboolean
lookup_id(EntroStore *store, gint64 run_id, EntroRunInfo **ret_info, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare_run(store, SELECT_RUNS "WHERE id = ?1", run_id, error);
    EntroBinder bind = {.store = store, .stmt = stmt};

    return stmt != NULL && entro_runs_read_first(&bind, ret_info, error);
}

gboolean
entro_store_lookup_run(EntroStore *store, const char *name, guint attempt, EntroRunInfo **ret_info,
                       GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, SELECT_RUNS "WHERE name = ? AND attempt = ?", error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, name);
    entro_bind_int(&bind, attempt);
    return entro_runs_read_first(&bind, ret_info, error);
}

static gboolean
lookup_latest(EntroStore *store, const char *name, EntroRunInfo **ret_info, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, SELECT_RUNS "WHERE name = ? ORDER BY attempt DESC LIMIT 1", error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, name);
    return entro_runs_read_first(&bind, ret_info, error);
}

EntroRunInfo *
entro_store_get_run(EntroStore *store, gint64 run_id, GError **error)
{
    EntroRunInfo *info = NULL;

    if (lookup_id(store, run_id, &info, error) && info == NULL)
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                    "%s: there is no run #%" G_GINT64_FORMAT, store->path, run_id);
    return info;
}

GPtrArray *
entro_store_list_runs(EntroStore *store, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_runs_prepare(store, "ORDER BY id", error);

    return stmt != NULL ? entro_runs_read_all(store, stmt, error) : NULL;
}

/* ---- finding -------------------------------------------------------------------------------- */

static void
fail_not_found(EntroStore *store, const char *ref, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT DISTINCT name FROM runs", error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return;
    while (entro_sql_step(store, stmt, &row, error) && row)
        g_ptr_array_add(names, dup_given(stmt, 0));
    if (row)
        return;
    g_autofree char *quoted = entro_quote_name(ref);
    g_autofree char *list = entro_quote_closest(ref, names);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND, "%s: there is no run %s%s%s",
                store->path, quoted, names->len > 0 ? "; there are " : "; it holds no runs", list);
}

/* #12 is run 12; a run that is itself named so is found when there is no such id. */
EntroRunInfo *
entro_store_find_run(EntroStore *store, const char *ref, GError **error)
{
    EntroRunInfo *info = NULL;
    guint64 run_id = 0;

    g_return_val_if_fail(ref != NULL, NULL);
    if (*ref == '#' && g_ascii_string_to_unsigned(ref + 1, 10, 0, G_MAXINT64, &run_id, NULL) &&
        !lookup_id(store, (gint64)run_id, &info, error))
        return NULL;
    if (info == NULL && !lookup_latest(store, ref, &info, error))
        return NULL;
    if (info == NULL)
        fail_not_found(store, ref, error);
    return info;
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* SOURCE_DATE_EPOCH, seconds since 1970, makes a database that is the same on every repeat. */
char *
entro_now_iso8601(void)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    guint64 seconds = 0;
    g_autoptr(GDateTime) fixed = NULL;

    if (epoch != NULL && g_ascii_string_to_unsigned(epoch, 10, 0, G_MAXINT64, &seconds, NULL))
        fixed = g_date_time_new_from_unix_utc((gint64)seconds);
    g_autoptr(GDateTime) now = fixed != NULL ? g_date_time_ref(fixed) : g_date_time_new_now_utc();
    return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}

/* id 0: the next free one. */
static gboolean
insert_run(EntroStore *store, const EntroRunInfo *info, gint64 id, const char *trace_name,
           GError **error)
{
    g_autofree char *created_at = entro_now_iso8601();
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "INSERT INTO runs (id, name, attempt, source, fingerprint, open_mode, created_at,"
        " tool_version, arch, producer, n_layers, n_heads, context_length, causal,"
        " trace_name, input)"
        " VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, -1), ?, "
        "?)",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, id);
    entro_bind_text(&bind, info->name);
    entro_bind_int(&bind, info->attempt);
    entro_bind_text(&bind, info->source);
    entro_bind_text(&bind, info->fingerprint);
    entro_bind_text(&bind, info->open_mode);
    entro_bind_text(&bind, created_at);
    entro_bind_text(&bind, info->tool_version != NULL ? info->tool_version : ENTRO_VERSION);
    entro_bind_text(&bind, info->arch);
    entro_bind_text(&bind, info->producer);
    entro_bind_int(&bind, info->n_layers);
    entro_bind_int(&bind, info->n_heads);
    entro_bind_int(&bind, info->context_length);
    entro_bind_int(&bind, info->causal);
    entro_bind_text(&bind, trace_name);
    entro_bind_text(&bind, info->input);
    return entro_bind_execute(&bind, error);
}

/* The run itself, and every attempt of another trace that is to make room. */
static gboolean
delete_replaced(EntroStore *store, const EntroRunInfo *old, const char *fingerprint, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "DELETE FROM runs WHERE id = ?1 OR (name = ?2 AND fingerprint = ?3 AND fingerprint <> ?4)",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, old->id);
    entro_bind_text(&bind, old->name);
    entro_bind_text(&bind, old->fingerprint);
    entro_bind_text(&bind, fingerprint);
    return entro_bind_execute(&bind, error);
}

static gboolean
fail_conflict(EntroStore *store, const EntroRunInfo *old, const EntroRunInfo *info, GError **error)
{
    g_autofree char *name = entro_quote_name(old->name);

    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT,
                "%s: run %s (#%" G_GINT64_FORMAT ") holds another trace: fingerprint %.12s, this "
                "one is %.12s; name this one with --run OTHER-NAME, or put it in the other's "
                "place with --replace",
                store->path, name, old->id, old->fingerprint, info->fingerprint);
    return FALSE;
}

/* The same trace, read anew, keeps what people gave to its run: its name and its tags. */
static gboolean
replace_run(EntroStore *store, const EntroRunInfo *old, const EntroRunInfo *info, GError **error)
{
    gboolean same = g_strcmp0(old->fingerprint, info->fingerprint) == 0;
    g_autoptr(GPtrArray) tags = entro_runs_list_tags(store, old->id, error);

    return tags != NULL && delete_replaced(store, old, info->fingerprint, error) &&
           insert_run(store, info, old->id, same ? old->trace_name : NULL, error) &&
           (!same || entro_runs_put_tags(store, old->id, tags, error));
}

/* A run that is replaced keeps its id: figures and notes that say #3 stay right. */
gboolean
entro_store_begin_run(EntroStore *store, const EntroRunInfo *info, gboolean replace,
                      gint64 *ret_run_id, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    g_autoptr(EntroRunInfo) old = NULL;

    g_return_val_if_fail(info->name != NULL && info->fingerprint != NULL, FALSE);
    if (!entro_transaction_begin(&transaction, store, error) ||
        !entro_store_lookup_run(store, info->name, info->attempt, &old, error))
        return FALSE;
    if (old != NULL && !replace) {
        if (g_strcmp0(old->fingerprint, info->fingerprint) != 0)
            return fail_conflict(store, old, info, error);
        *ret_run_id = old->id;
        return TRUE; /* nothing was written: the guard ends the transaction */
    }
    if (!(old != NULL ? replace_run(store, old, info, error)
                      : insert_run(store, info, 0, NULL, error)))
        return FALSE;
    gint64 run_id = old != NULL ? old->id : sqlite3_last_insert_rowid(store->db);
    if (!entro_transaction_commit(&transaction, error))
        return FALSE;
    *ret_run_id = run_id;
    return TRUE;
}

GArray *
entro_store_stored_steps(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store, "SELECT step FROM captures WHERE run_id = ?1 AND status = 'complete' ORDER BY step",
        run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 step = sqlite3_column_int64(stmt, 0);
        g_array_append_val(steps, step);
    }
    return row ? NULL : g_steal_pointer(&steps);
}
