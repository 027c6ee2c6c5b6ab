/* findings.c: what was found on a run.
 *
 * Findings are of the numbers that are stored: both change in one transaction, or findings go. */
#include "db-private.h"

/* ---- writing --------------------------------------------------------------------------------- */

static void
bind_place(EntroBinder *bind, gint64 place, gint64 none)
{
    if (place == none)
        entro_bind_null(bind);
    else
        entro_bind_int(bind, place);
}

static gboolean
put_one(EntroStore *store, sqlite3_stmt *stmt, gint64 run_id, gsize number,
        const EntroFinding *finding, GError **error)
{
    EntroBinder bind = entro_bind(store, stmt);

    entro_bind_int(&bind, run_id);
    entro_bind_int(&bind, (gint64)number);
    entro_bind_text(&bind, entro_finding_kind_name(finding->kind));
    entro_bind_text(&bind, entro_severity_name(finding->severity));
    bind_place(&bind, finding->layer, -1);
    bind_place(&bind, finding->head, -1);
    entro_bind_int(&bind, finding->onset_step);
    bind_place(&bind, finding->last_step, ENTRO_STILL_SO);
    entro_bind_int(&bind, (gint64)finding->n_captures);
    entro_bind_text(&bind, finding->rule);
    entro_bind_text(&bind, finding->sentence);
    entro_bind_text(&bind, finding->evidence);
    return entro_bind_execute(&bind, error);
}

static gboolean
execute_for_run(EntroStore *store, const char *sql, const char *text, gint64 run_id, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, run_id);
    if (text != NULL)
        entro_bind_text(&bind, text);
    return entro_bind_execute(&bind, error);
}

/* Within a transaction of the caller's. */
static gboolean
replace_findings(EntroStore *store, gint64 run_id, const EntroFinding *const *findings, gsize n,
                 GError **error)
{
    g_autofree char *now = entro_now_iso8601();

    if (!execute_for_run(store, "DELETE FROM findings WHERE run_id = ?1", NULL, run_id, error) ||
        !execute_for_run(store, "UPDATE runs SET findings_at = ?2 WHERE id = ?1", now, run_id,
                         error))
        return FALSE;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "INSERT INTO findings (run_id, number, kind, severity, layer, head, onset_step, last_step,"
        " n_captures, rule, sentence, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        error);
    if (stmt == NULL)
        return FALSE;
    for (gsize i = 0; i < n; i++)
        if (!put_one(store, stmt, run_id, i + 1, findings[i], error))
            return FALSE;
    return TRUE;
}

gboolean
entro_store_put_findings(EntroStore *store, gint64 run_id, const EntroFinding *const *findings,
                         gsize n, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};

    return entro_transaction_begin(&transaction, store, error) &&
           replace_findings(store, run_id, findings, n, error) &&
           entro_transaction_commit(&transaction, error);
}

gboolean
entro_findings_forget(EntroStore *store, gint64 run_id, GError **error)
{
    return execute_for_run(store, "DELETE FROM findings WHERE run_id = ?1", NULL, run_id, error) &&
           execute_for_run(store,
                           "UPDATE runs SET findings_at = NULL"
                           " WHERE id = ?1 AND findings_at IS NOT NULL",
                           NULL, run_id, error);
}

/* ---- reading --------------------------------------------------------------------------------- */

static gint64
column_place(sqlite3_stmt *stmt, int column, gint64 none)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? none
                                                            : sqlite3_column_int64(stmt, column);
}

static char *
column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return g_strdup(text != NULL ? text : "");
}

/* NULL: a kind or severity that this program does not know. */
static EntroFinding *
read_one(sqlite3_stmt *stmt)
{
    g_autoptr(EntroFinding) finding = g_new0(EntroFinding, 1);

    if (!entro_finding_kind_parse((const char *)sqlite3_column_text(stmt, 0), &finding->kind) ||
        !entro_severity_parse((const char *)sqlite3_column_text(stmt, 1), &finding->severity))
        return NULL;
    finding->layer = column_place(stmt, 2, -1);
    finding->head = column_place(stmt, 3, -1);
    finding->onset_step = sqlite3_column_int64(stmt, 4);
    finding->last_step = column_place(stmt, 5, ENTRO_STILL_SO);
    finding->n_captures = (gsize)MAX(sqlite3_column_int64(stmt, 6), 0);
    finding->rule = column_text(stmt, 7);
    finding->sentence = column_text(stmt, 8);
    finding->evidence = column_text(stmt, 9);
    return g_steal_pointer(&finding);
}

static void
set_unknown(EntroStore *store, sqlite3_stmt *stmt, GError **error)
{
    g_autofree char *kind = entro_quote_name((const char *)sqlite3_column_text(stmt, 0));
    g_autofree char *severity = entro_quote_name((const char *)sqlite3_column_text(stmt, 1));

    g_set_error(
        error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO,
        "%s: a finding of the kind %s and severity %s, which there are not; analyze its run "
        "again, or delete the row",
        store->path, kind, severity);
}

/* Those that this program knows; *ret_unknown: the first of the others, as an error. */
static GPtrArray *
list_known(EntroStore *store, gint64 run_id, GError **ret_unknown, GError **error)
{
    g_autoptr(GPtrArray) findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_finding_free);
    gboolean has = FALSE, row = TRUE;

    if (!entro_sql_has_table(store, "findings", &has, error))
        return NULL;
    if (!has)
        return g_steal_pointer(&findings);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store,
        "SELECT kind, severity, layer, head, onset_step, last_step, n_captures, rule, sentence,"
        " evidence FROM findings WHERE run_id = ?1 ORDER BY number",
        run_id, error);
    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        EntroFinding *finding = read_one(stmt);
        if (finding != NULL)
            g_ptr_array_add(findings, finding);
        else if (*ret_unknown == NULL)
            set_unknown(store, stmt, ret_unknown);
    }
    return row ? NULL : g_steal_pointer(&findings);
}

/* One passed over in silence would make a run look better than it is. */
GPtrArray *
entro_store_list_findings(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GError) unknown = NULL;
    g_autoptr(GPtrArray) findings = list_known(store, run_id, &unknown, error);

    if (unknown == NULL || findings == NULL)
        return g_steal_pointer(&findings);
    g_propagate_error(error, g_steal_pointer(&unknown));
    return NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Not so if there is one that this program does not know. */
static gboolean
is_judged_so(EntroStore *store, gint64 run_id, const GPtrArray *found, gboolean *ret_same,
             GError **error)
{
    g_autoptr(GError) unknown = NULL;
    g_autoptr(EntroRunInfo) run = entro_store_get_run(store, run_id, error);
    g_autoptr(GPtrArray) stored = run ? list_known(store, run_id, &unknown, error) : NULL;

    if (stored == NULL)
        return FALSE;
    *ret_same = run->findings_at != NULL && unknown == NULL && entro_findings_equal(stored, found);
    return TRUE;
}

/* By the stored rules, without storing.  LIMIT: there are too many numbers. */
static GPtrArray *
judge_now(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(EntroRules) rules = entro_store_load_rules(store, error);
    g_autoptr(EntroEvidence) evidence =
        rules != NULL ? entro_evidence_load(store, run_id, error) : NULL;

    return evidence != NULL ? entro_judge(evidence, rules) : NULL;
}

/* NULL, without an error, when there are too many numbers. */
static gboolean
find(EntroStore *store, gint64 run_id, GPtrArray **ret_found, GError **error)
{
    g_autoptr(GError) failure = NULL;

    *ret_found = judge_now(store, run_id, &failure);
    if (*ret_found != NULL || g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* Within a transaction of the caller's, which this commits.  `found` NULL: the run was not judged. */
static gboolean
put_found(EntroTransaction *transaction, gint64 run_id, const GPtrArray *found, GError **error)
{
    EntroStore *store = transaction->store;
    gboolean same = FALSE;

    if (found == NULL)
        return entro_findings_forget(store, run_id, error) &&
               entro_transaction_commit(transaction, error);
    if (!is_judged_so(store, run_id, found, &same, error))
        return FALSE;
    if (same)
        return TRUE; /* nothing was written: the guard ends the transaction */
    return replace_findings(store, run_id, (const EntroFinding *const *)found->pdata, found->len,
                            error) &&
           entro_transaction_commit(transaction, error);
}

/* Another number whenever another connection has changed the database. */
static gboolean
read_version(EntroStore *store, gint64 *ret_version, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, "PRAGMA data_version", error);

    return stmt != NULL && entro_sql_get_int(store, stmt, 0, ret_version, error);
}

/* Judges without keeping others from writing; *ret_done FALSE: somebody wrote meanwhile. */
static gboolean
try_to_judge(EntroStore *store, gint64 run_id, gboolean *ret_done, GPtrArray **ret_found,
             GError **error)
{
    g_auto(EntroTransaction) view = {NULL}, transaction = {NULL};
    gint64 seen = 0, now = 0;

    if (!entro_transaction_begin_read(&view, store, error) || !read_version(store, &seen, error) ||
        !find(store, run_id, ret_found, error))
        return FALSE;
    entro_transaction_clear(&view);
    if (!entro_transaction_begin(&transaction, store, error) || !read_version(store, &now, error))
        return FALSE;
    *ret_done = now == seen;
    return !*ret_done || put_found(&transaction, run_id, *ret_found, error);
}

/* With the lock, which others wait for: only what is soon judged. */
static gboolean
judge_locked(EntroStore *store, gint64 run_id, GPtrArray **ret_found, GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    gint64 max_evidence = store->max_evidence;

    if (!entro_transaction_begin(&transaction, store, error))
        return FALSE;
    store->max_evidence = MIN(max_evidence, store->max_evidence_locked);
    gboolean good = find(store, run_id, ret_found, error);
    store->max_evidence = max_evidence;
    return good && put_found(&transaction, run_id, *ret_found, error);
}

gboolean
entro_store_judge(EntroStore *store, gint64 run_id, GPtrArray **ret_found, GError **error)
{
    enum { TRIES = 3 };
    g_autoptr(GPtrArray) found = NULL;
    gboolean done = FALSE;

    for (guint i = 0; i < TRIES && !done; i++) {
        g_clear_pointer(&found, g_ptr_array_unref);
        if (!try_to_judge(store, run_id, &done, &found, error))
            return FALSE;
    }
    if (!done) {
        g_clear_pointer(&found, g_ptr_array_unref);
        if (!judge_locked(store, run_id, &found, error))
            return FALSE;
    }
    if (ret_found != NULL)
        *ret_found = g_steal_pointer(&found);
    return TRUE;
}

/* ---- a run and all that is said of it ---------------------------------------------------------- */

void
entro_case_free(EntroCase *one)
{
    if (one == NULL)
        return;
    entro_run_info_free(one->run);
    entro_evidence_free(one->evidence);
    entro_rules_free(one->rules);
    g_clear_pointer(&one->findings, g_ptr_array_unref);
    g_free(one);
}

GPtrArray *
entro_store_find_findings(EntroStore *store, const EntroRunInfo *run, GError **error)
{
    g_auto(EntroTransaction) view = {NULL};

    if (run->findings_at != NULL)
        return entro_store_list_findings(store, run->id, error);
    return entro_transaction_begin_read(&view, store, error) ? judge_now(store, run->id, error)
                                                             : NULL;
}

EntroCase *
entro_store_load_case(EntroStore *store, const char *ref, GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_autoptr(EntroCase) one = g_new0(EntroCase, 1);

    if (!entro_transaction_begin_read(&view, store, error))
        return NULL;
    one->run = entro_store_find_run(store, ref, error);
    if (one->run == NULL)
        return NULL;
    one->rules = entro_store_load_rules(store, error);
    if (one->rules == NULL)
        return NULL;
    one->evidence = entro_evidence_load(store, one->run->id, error);
    if (one->evidence == NULL)
        return NULL;
    if (one->run->findings_at != NULL) {
        one->findings = entro_store_list_findings(store, one->run->id, error);
        if (one->findings == NULL)
            return NULL;
    }
    return g_steal_pointer(&one);
}
