/* test-store-plans.c: no query walks through a table that grows with captures.
 *
 * Every statement that the calls of entro-store.h execute is caught as it runs, and its query plan is
 * asked for.  A call that is not exercised here fails the test: the header is read for their names. */
#include "store-fixture.h"

#include <string.h>

static GHashTable *caught; /* SQL texts */

static int
catch_statement(unsigned type, void *data, void *stmt, void *text)
{
    const char *sql = sqlite3_sql(stmt);

    (void)type;
    (void)data;
    (void)text;
    if (sql != NULL && caught != NULL)
        g_hash_table_add(caught, g_strdup(sql));
    return 0;
}

/* Called by SQLite for every connection that is opened. */
static int
watch_connection(sqlite3 *db, char **message, const void *api)
{
    (void)message;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, catch_statement, NULL);
}

/* ---- all calls -------------------------------------------------------------------------------- */

static void
put_one_finding(EntroStore *store, gint64 run_id)
{
    const EntroFinding finding = {.kind = ENTRO_FINDING_COLLAPSE,
                                  .severity = ENTRO_SEVERITY_WARNING,
                                  .layer = 1,
                                  .head = -1,
                                  .onset_step = 10,
                                  .last_step = ENTRO_STILL_SO,
                                  .n_captures = 2,
                                  .rule = (char *)"rule",
                                  .sentence = (char *)"A sentence.",
                                  .evidence = (char *)"{}"};
    const EntroFinding *const findings[] = {&finding};

    g_assert_true(entro_store_put_findings(store, run_id, findings, 1, NULL));
}

static void
write_all(const char *path)
{
    double value[] = {1, 2};
    gint64 step[] = {10, 20};
    EntroConfigEntry entry = {(char *)"lr", (char *)"0.001"};
    EntroScalar loss = {.name = (char *)"loss", .n = 2, .step = step, .value = value};
    EntroTrace trace = {
        .attempt = 1, .n_config = 1, .config = &entry, .n_scalars = 1, .scalars = &loss};
    g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1); /* entro_store_begin_run() */
    EntroCapture capture = make_capture(10, 2, 3);

    add_params(&capture, 2, 3);
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    g_assert_true(entro_store_check_capture(store, run_id, &capture, NULL));
    free_capture(&capture);
    g_autoptr(GPtrArray) notes = entro_store_take_notes(store);
    g_assert_cmpuint(notes->len, ==, 0);
    put_step(store, run_id, 20);
    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
    put_one_finding(store, run_id);
}

/* Uncaught: so that a capture is missing and another one differs. */
static void
spoil(const char *path)
{
    sqlite3_cancel_auto_extension((void (*)(void))watch_connection);
    run_sql(path, "DELETE FROM captures WHERE step = 10; UPDATE captures SET digest = 'x'");
    sqlite3_auto_extension((void (*)(void))watch_connection);
}

static void
change_all(const char *path, const char *other_path)
{
    const EntroMergeOptions options = {.replace = TRUE};
    const char *const tags[] = {"x", NULL};
    gint64 run_id = 0;
    guint64 bytes = 0;

    write_all(other_path);
    g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_WRITE);
    g_autoptr(EntroStore) other = entro_store_open_source(other_path, NULL);
    g_assert_true(entro_store_tag_runs(store, "a", tags, NULL));
    g_assert_true(entro_store_untag_runs(store, "a", tags, NULL));
    for (guint j = 0; j < 2; j++) {            /* found, and with its captures gone */
        g_auto(EntroMergeResult) result = {0}; /* entro_merge_result_clear() */
        g_assert_true(entro_store_merge_run(store, other, 1, &options, &result, NULL));
        spoil(path);
    }
    g_assert_true(entro_store_judge(store, 1, NULL, NULL));
    g_assert_true(entro_store_rename_run(store, "a", "b", NULL));
    EntroRunInfo info = {.name = (char *)"b", .attempt = 1, .fingerprint = (char *)"other"};
    g_assert_true(entro_store_begin_run(store, &info, TRUE, &run_id, NULL));
    g_auto(EntroMergeResult) result = {0};
    g_assert_true(entro_store_merge_run(store, other, 1, &options, &result, NULL));
    g_assert_cmpint(result.outcome, ==, ENTRO_MERGE_ADDED);
    info.id = run_id;
    g_assert_true(entro_store_delete_runs(store, (const EntroRunInfo *const[]){&info}, 1, NULL));
    g_assert_true(entro_store_shrink(store, &bytes, NULL));
}

static gboolean
swallow(const char *bytes, gsize n, gpointer data, GError **error)
{
    (void)bytes;
    (void)n;
    (void)data;
    (void)error;
    return TRUE;
}

/* Of one run, as somebody who has many would ask. */
static void
export_all(EntroStore *store, gint64 run_id)
{
    const EntroExportOptions options = {.run_ids = &run_id, .n_runs = 1};
    g_auto(GStrv) tables = entro_store_list_tables(store, NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    for (char **table = tables; *table != NULL; table++) {
        g_assert_true(entro_store_export(store, *table, &options, out, NULL));
        g_assert_true(entro_store_export_to(store, *table, &options, swallow, NULL, NULL));
    }
}

static void
find_all(EntroStore *store)
{
    const char *const values[] = {"a", NULL}, *const config[] = {"lr=1e-3", NULL};
    const EntroRunFilter filter = {values, values, values, config};
    g_autoptr(GPtrArray) listed = entro_store_list_runs(store, NULL);
    g_autoptr(GPtrArray) selected = entro_store_select_runs(store, &filter, NULL);
    g_autoptr(GPtrArray) all = entro_store_select_runs(store, NULL, NULL);
    g_autoptr(GPtrArray) found = entro_store_find_runs(store, "a", NULL);
    g_autoptr(EntroRunInfo) by_name = entro_store_find_run(store, "a", NULL);
    g_autoptr(EntroRunInfo) by_id = entro_store_find_run(store, "#1", NULL);
    g_autoptr(EntroRunInfo) exact = NULL; /* entro_run_info_free() */
    g_autoptr(EntroRunInfo) renamed = NULL;
    g_assert_true(entro_store_lookup_run(store, "a", 1, &exact, NULL));
    g_assert_true(entro_store_lookup_renamed(store, "a", "f", &renamed, NULL));
    g_assert_null(entro_store_find_run(store, "nosuch", NULL));
    g_assert_true(listed && selected && all && found && by_name && by_id && exact);
}

static void
read_all(const char *path)
{
    const char *const columns[] = {"entropy_mean", "threshold"};
    g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_READ);
    g_autofree char *title = NULL, *unit = NULL, *value = NULL;
    gboolean of_heads = FALSE;

    find_all(store);
    export_all(store, 1);
    g_autoptr(GArray) steps = entro_store_stored_steps(store, 1, NULL);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, 1, "entropy_mean", 10, NULL);
    g_autoptr(EntroGrid) last = /* entro_grid_free() */
        entro_store_select_grid(store, 1, "threshold", ENTRO_STEP_LAST, NULL);
    g_autoptr(GPtrArray) means = entro_store_select_layer_curves(store, 1, "entropy_mean", NULL);
    g_autoptr(GPtrArray) own = entro_store_select_layer_curves(store, 1, "alpha", NULL);
    g_autoptr(EntroHistory) history = entro_store_select_history(store, 1, columns, 2, NULL);
    g_autoptr(EntroCurve) curve = entro_store_select_scalar(store, 1, "loss", NULL);
    g_autoptr(GPtrArray) findings = entro_store_list_findings(store, 1, NULL);
    g_auto(GStrv) scalars = entro_store_list_scalars(store, 1, NULL); /* entro_curve_free() */
    g_assert_true(entro_store_is_of_heads(store, "entropy_mean", &of_heads, NULL));
    g_assert_true(entro_store_describe(store, "entropy_mean", &title, &unit, NULL));
    g_assert_true(steps && grid && last && means && own && history && curve && findings && scalars);
    g_autoptr(GHashTable) config = entro_store_select_config(store, 1, NULL);
    g_assert_true(entro_store_get_config(store, 1, "lr", &value, NULL) && config);
    g_assert_true(entro_store_hold(store, NULL));
    entro_store_release(store);
    g_autoptr(EntroRules) rules = entro_store_load_rules(store, NULL);
    g_autoptr(EntroCase) one = entro_store_load_case(store, "a", NULL); /* entro_case_free() */
    g_autoptr(GPtrArray) found = one ? entro_store_find_findings(store, one->run, NULL) : NULL;
    g_assert_true(rules && one && found);
    g_autoptr(EntroStore) shadow = entro_store_open_shadow(path, NULL);
    g_assert_nonnull(shadow);
}

/* Uncaught: here all is read. */
static void
read_whole(const char *path)
{
    g_autoptr(EntroStoreHealth) health = entro_store_check(path, NULL);
    g_autofree char *copy = g_strconcat(path, ".copy", NULL);
    gboolean done = FALSE;

    g_assert_nonnull(health); /* entro_store_health_free() */
    g_assert_true(entro_store_backup(path, copy, NULL, NULL, &done, NULL) && done);
}

/* ---- the plans -------------------------------------------------------------------------------- */

/* Tables with a row a run or less, and what is no table.  All others are searched. */
static gboolean
may_be_scanned(const char *name)
{
    static const char *const small[] = {
        "runs",     "r",       "older",           "run_tags",     "run_config", "findings",
        "metric",   "rules",   "rule_parameters", "sqlite_",      "t",          "f",
        "CONSTANT", "pragma_", "layer_entropy",   "capture_rows", "run_latest", "(subquery",
        NULL};
    gsize length = strcspn(name, " ");

    for (guint j = 0; small[j] != NULL; j++)
        if (g_str_has_suffix(small[j], "_") || *small[j] == '('
                ? g_str_has_prefix(name, small[j])
                : strlen(small[j]) == length && strncmp(name, small[j], length) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
has_plan(const char *sql)
{
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"};

    for (guint j = 0; j < G_N_ELEMENTS(verbs); j++)
        if (g_str_has_prefix(sql, verbs[j]))
            return TRUE;
    return FALSE;
}

/* Number of steps of the plan that are searches by an index. */
static guint
check_plan(EntroStore *store, const char *sql)
{
    g_autofree char *explain = g_strconcat("EXPLAIN QUERY PLAN ", sql, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, explain, &error);
    gboolean row = TRUE;
    guint n_searches = 0;

    g_assert_no_error(error);
    while (entro_sql_step(store, stmt, &row, NULL) && row) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);
        n_searches += g_str_has_prefix(detail, "SEARCH ");
        if (g_str_has_prefix(detail, "SCAN ") && !may_be_scanned(detail + strlen("SCAN ")))
            g_error("%s: walks through the table: %s", detail, sql);
    }
    return n_searches;
}

static void
no_query_walks_through_a_large_table(Fixture *fixture, gconstpointer data)
{
    g_autofree char *changed = g_strdup_printf("%s/changed.db", fixture->folder);
    g_autofree char *other = g_strdup_printf("%s/other.db", fixture->folder);
    guint n_plans = 0, n_searches = 0;
    GHashTableIter iter;
    gpointer sql;

    (void)data;
    caught = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    write_all(fixture->path);
    read_all(fixture->path);
    write_all(changed);
    change_all(changed, other);
    g_autoptr(GHashTable) statements = g_steal_pointer(&caught);
    read_whole(fixture->path);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_hash_table_iter_init(&iter, statements);
    while (g_hash_table_iter_next(&iter, &sql, NULL))
        if (has_plan(sql)) {
            n_searches += check_plan(store, sql);
            n_plans++;
        }
    g_assert_cmpuint(n_plans, >, 50); /* it did catch them */
    g_assert_cmpuint(n_searches, >, 30);
}

/* Foreign keys have no plan to look at: deleting a run looks for its rows in each of them. */
static void
rows_of_a_run_are_found_by_an_index(Fixture *fixture, gconstpointer data)
{
    gboolean row = TRUE;
    guint n_tables = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "SELECT t.name FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f"
        " WHERE f.\"table\" = 'runs'",
        NULL);
    for (; entro_sql_step(store, stmt, &row, NULL) && row; n_tables++) {
        g_autofree char *sql = g_strdup_printf("SELECT rowid FROM \"%s\" WHERE run_id = ?1",
                                               (const char *)sqlite3_column_text(stmt, 0));
        g_assert_cmpuint(check_plan(store, sql), ==, 1);
    }
    g_assert_cmpuint(n_tables, >=, 9);
}

/* The test is worth what it exercises. */
static void
every_call_of_the_header_is_made(void)
{
    g_autofree char *header =
        g_test_build_filename(G_TEST_DIST, "..", "..", "..", "db", "entro-store.h", NULL);
    g_autofree char *here = g_test_build_filename(G_TEST_DIST, "test-store-plans.c", NULL);
    g_autofree char *source = read_file(here, NULL), *declared = read_file(header, NULL);
    g_autoptr(GRegex) regex = g_regex_new("\\bentro_store_[a-z_]+(?=\\()", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    guint n = 0;

    for (g_regex_match(regex, declared, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL), n++) {
        g_autofree char *name = g_match_info_fetch(match, 0);
        g_autofree char *call = g_strconcat(name, "(", NULL);
        if (strstr(source, call) == NULL && !g_str_has_suffix(name, "_quark") &&
            !g_str_equal(name, "entro_store_open") && !g_str_equal(name, "entro_store_free"))
            g_error("%s is not exercised in %s", name, here);
    }
    g_assert_cmpuint(n, >, 25);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sqlite3_auto_extension((void (*)(void))watch_connection);
    FIXTURE_TEST("/db/plans/no-query-walks-through-a-large-table",
                 no_query_walks_through_a_large_table);
    FIXTURE_TEST("/db/plans/rows-of-a-run-are-found-by-an-index",
                 rows_of_a_run_are_found_by_an_index);
    g_test_add_func("/db/plans/every-call-of-the-header-is-made", every_call_of_the_header_is_made);
    return g_test_run();
}
