/* test-store-change.c: runs are filtered, renamed, tagged and deleted. */
#include "store-fixture.h"

#include <string.h>

static const char hostile[] = "x'); DROP TABLE runs;--\n\x1b[31m\"\xff%s*?[";

/* "a" with attempts 1 and 2, "b", and one with a hostile name. */
static EntroStore *
open_four(const char *path)
{
    EntroStore *store = open_store(path, ENTRO_STORE_WRITE);

    put_step(store, begin_run(store, "a", 1), 10);
    put_step(store, begin_run(store, "a", 2), 10);
    put_step(store, begin_run(store, "b", 1), 10);
    put_step(store, begin_run(store, hostile, 1), 10);
    return store;
}

static void
put_setting(EntroStore *store, gint64 run_id, const char *key, const char *value)
{
    EntroConfigEntry entry = {(char *)key, (char *)value};
    EntroTrace trace = {.attempt = 1, .n_config = 1, .config = &entry};

    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
}

/* Ids of the runs that pass, as "1 2 3". */
static char *
select_ids(EntroStore *store, const EntroRunFilter *filter)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = entro_store_select_runs(store, filter, &error);
    GString *ids = g_string_new(NULL);

    g_assert_no_error(error);
    for (guint j = 0; j < runs->len; j++)
        g_string_append_printf(ids, "%s%" G_GINT64_FORMAT, j > 0 ? " " : "",
                               ((EntroRunInfo *)runs->pdata[j])->id);
    return g_string_free(ids, FALSE);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define assert_selects(expected, ...)                                                              \
    do {                                                                                           \
        g_autofree char *got = select_ids(store, &(EntroRunFilter){__VA_ARGS__});                  \
        g_assert_cmpstr(got, ==, expected);                                                        \
    } while (0)

static void
a_run_must_pass_every_filter(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    g_assert_true(entro_store_tag_runs(store, "a", LIST("x", "y"), NULL));
    g_assert_true(entro_store_tag_runs(store, "b", LIST("x"), NULL));
    put_setting(store, 1, "lr", "0.001");
    put_setting(store, 3, "lr", "0.0010");
    put_setting(store, 4, "lr", "1e-3 or so");
    assert_selects("1 2 3 4", .names = NULL);
    assert_selects("1 2", .names = LIST("a"));
    assert_selects("1 2 3", .names = LIST("[ab]"));
    assert_selects("4", .names = LIST("x*", "*DROP*"));
    assert_selects("", .names = LIST("a", "b"));
    assert_selects("1 2 3", .tags = LIST("x"));
    assert_selects("1 2", .tags = LIST("x", "y"));
    assert_selects("", .tags = LIST("X"));
    assert_selects("1 2 3 4", .archs = LIST("SM"));
    assert_selects("", .archs = LIST("sm"));
    assert_selects("1 3", .config = LIST("lr=1e-3"));
    assert_selects("1", .config = LIST("lr=0.001", "lr=0.001"), .tags = LIST("y"));
    assert_selects("4", .config = LIST("lr=1e-3 or so"));
    assert_selects("", .config = LIST("lr="));
    assert_selects("", .config = LIST("' OR 1=1 --=1"), .names = LIST("' OR 1=1 --"));
}

static void
a_filter_that_says_nothing_is_refused(Fixture *fixture, gconstpointer data)
{
    static const char *const settings[] = {"lr", "", "=1"};

    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    for (gsize j = 0; j < G_N_ELEMENTS(settings); j++) {
        g_autoptr(GError) error = NULL;
        const EntroRunFilter filter = {.config = LIST(settings[j])};
        g_assert_null(entro_store_select_runs(store, &filter, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT);
    }
}

static void
put_findings(EntroStore *store, gint64 run_id, const EntroSeverity *severities, guint n)
{
    EntroFinding findings[8] = {0};
    const EntroFinding *pointers[8];

    for (guint j = 0; j < n; j++) {
        findings[j] = (EntroFinding){.severity = severities[j],
                                     .layer = -1,
                                     .head = -1,
                                     .rule = (char *)"r",
                                     .sentence = (char *)"s",
                                     .evidence = (char *)"{}"};
        pointers[j] = &findings[j];
    }
    g_assert_true(entro_store_put_findings(store, run_id, pointers, n, NULL));
}

static void
what_belongs_to_a_run_comes_with_it(Fixture *fixture, gconstpointer data)
{
    static const EntroSeverity severities[] = {ENTRO_SEVERITY_INFO, ENTRO_SEVERITY_CRITICAL,
                                               ENTRO_SEVERITY_INFO};

    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    put_setting(store, 3, "seed", "7"); /* what changes the run makes its findings old */
    put_setting(store, 3, "lr", "1");
    put_findings(store, 3, severities, 3);
    put_findings(store, 4, NULL, 0);
    g_assert_true(entro_store_tag_runs(store, "b", LIST("z", hostile), NULL));
    const EntroRunFilter filter = {.names = LIST("[bx]*")};
    g_autoptr(GPtrArray) runs = entro_store_select_runs(store, &filter, NULL);
    g_assert_cmpuint(runs->len, ==, 2);
    const EntroRunInfo *b = runs->pdata[0], *other = runs->pdata[1];
    g_assert_cmpuint(b->n_findings[ENTRO_SEVERITY_INFO], ==, 2);
    g_assert_cmpuint(b->n_findings[ENTRO_SEVERITY_WARNING], ==, 0);
    g_assert_cmpuint(b->n_findings[ENTRO_SEVERITY_CRITICAL], ==, 1);
    g_assert_nonnull(b->findings_at);
    g_assert_cmpuint(g_strv_length(b->tags), ==, 2);
    g_assert_cmpstr(b->tags[0], ==, hostile);
    g_assert_cmpstr(b->tags[1], ==, "z");
    g_assert_cmpuint(b->n_config, ==, 2);
    g_assert_cmpstr(b->config[0].key, ==, "lr");
    g_assert_cmpstr(b->config[1].value, ==, "7");
    g_assert_cmpstr(other->name, ==, hostile);
    g_assert_cmpuint(g_strv_length(other->tags), ==, 0);
    g_assert_nonnull(other->findings_at);
}

/* ---- names ------------------------------------------------------------------------------------ */

static void
a_renamed_run_keeps_its_attempts_and_rows(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    g_assert_true(entro_store_rename_run(store, "#1", "new", NULL));
    g_autoptr(GPtrArray) runs = entro_store_find_runs(store, "new", NULL);
    g_assert_cmpuint(runs->len, ==, 2);
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, "new", NULL);
    g_assert_cmpuint(info->attempt, ==, 2);
    g_assert_cmpint(info->n_captures, ==, 1);
    g_assert_cmpstr(info->trace_name, ==, "a");
    g_assert_null(entro_store_find_run(store, "a", NULL));
    /* once more: the trace's name is the first one; and back: never renamed */
    g_assert_true(entro_store_rename_run(store, "new", hostile + 1, NULL));
    g_autoptr(EntroRunInfo) again = entro_store_find_run(store, hostile + 1, NULL);
    g_assert_cmpstr(again->trace_name, ==, "a");
    g_assert_true(entro_store_rename_run(store, hostile + 1, "a", NULL));
    g_autoptr(EntroRunInfo) back = entro_store_find_run(store, "a", NULL);
    g_assert_null(back->trace_name);
}

static void
a_name_that_cannot_be_had_is_refused(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *ref, *name;
        EntroStoreError code;
    } cases[] = {
        {"a", "b", ENTRO_STORE_ERROR_CONFLICT},       {"a", "a", ENTRO_STORE_ERROR_CONFLICT},
        {"a", "", ENTRO_STORE_ERROR_ARGUMENT},        {"a", "#7", ENTRO_STORE_ERROR_ARGUMENT},
        {"nosuch", "c", ENTRO_STORE_ERROR_NOT_FOUND}, {"#99", "c", ENTRO_STORE_ERROR_NOT_FOUND},
    };

    (void)data;
    entro_store_free(open_four(fixture->path));
    g_autofree char *before = dump_tables(fixture->path);
    for (gsize j = 0; j < G_N_ELEMENTS(cases); j++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
        g_assert_false(entro_store_rename_run(store, cases[j].ref, cases[j].name, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, (gint)cases[j].code);
    }
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(after, ==, before);
}

static void
a_renamed_run_is_found_by_its_trace(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    g_autoptr(EntroRunInfo) before = NULL, any = NULL, same = NULL, other = NULL;
    g_assert_true(entro_store_lookup_renamed(store, "b", NULL, &before, NULL));
    g_assert_null(before);
    g_assert_true(entro_store_rename_run(store, "b", "c", NULL));
    g_assert_true(entro_store_lookup_renamed(store, "b", NULL, &any, NULL));
    g_assert_cmpint(any->id, ==, 3);
    g_assert_true(entro_store_lookup_renamed(store, "b", "0123456789abcdef", &same, NULL));
    g_assert_cmpstr(same->name, ==, "c");
    g_assert_true(entro_store_lookup_renamed(store, "b", "another", &other, NULL));
    g_assert_null(other);
}

/* ---- tags ------------------------------------------------------------------------------------- */

static void
tags_come_and_go_together(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    g_assert_true(entro_store_tag_runs(store, "a", LIST("x", "x", hostile), NULL));
    g_assert_true(entro_store_tag_runs(store, "#1", LIST("x", "one"), NULL));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM run_tags"), ==, 5);
    g_assert_false(entro_store_tag_runs(store, "a", LIST("good", ""), &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(entro_store_untag_runs(store, "a", LIST("x", "nosuch"), &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM run_tags"), ==, 5);
    g_assert_true(entro_store_untag_runs(store, "a", LIST("x", "one"), NULL));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM run_tags"), ==, 2);
}

static void
the_same_trace_read_anew_keeps_its_tags(Fixture *fixture, gconstpointer data)
{
    EntroRunInfo info = {.name = (char *)"c", .attempt = 1, .causal = -1};
    gint64 run_id = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    g_assert_true(entro_store_tag_runs(store, "b", LIST("x", "y"), NULL));
    g_assert_true(entro_store_rename_run(store, "b", "c", NULL));
    info.fingerprint = (char *)"0123456789abcdef";
    g_assert_true(entro_store_begin_run(store, &info, TRUE, &run_id, NULL));
    g_assert_cmpint(run_id, ==, 3);
    const EntroRunFilter filter = {.names = LIST("c")};
    g_autoptr(GPtrArray) same = entro_store_select_runs(store, &filter, NULL);
    g_assert_cmpint(((EntroRunInfo *)same->pdata[0])->n_captures, ==, 0);
    g_assert_cmpuint(g_strv_length(((EntroRunInfo *)same->pdata[0])->tags), ==, 2);
    g_assert_cmpstr(((EntroRunInfo *)same->pdata[0])->trace_name, ==, "b");
    /* another trace in its place has none of it */
    info.fingerprint = (char *)"another";
    g_assert_true(entro_store_begin_run(store, &info, TRUE, &run_id, NULL));
    g_assert_cmpint(run_id, ==, 3);
    g_autoptr(GPtrArray) other = entro_store_select_runs(store, &filter, NULL);
    g_assert_cmpuint(g_strv_length(((EntroRunInfo *)other->pdata[0])->tags), ==, 0);
    g_assert_null(((EntroRunInfo *)other->pdata[0])->trace_name);
}

/* ---- deleting --------------------------------------------------------------------------------- */

static gboolean
delete_ids(EntroStore *store, const gint64 *ids, gsize n, GError **error)
{
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, NULL);
    EntroRunInfo missing = {.name = (char *)"x", .attempt = 1, .fingerprint = (char *)"f"};
    const EntroRunInfo *chosen[8];

    for (gsize j = 0; j < n; j++) {
        missing.id = ids[j];
        chosen[j] = &missing;
        for (guint i = 0; i < runs->len; i++)
            if (((const EntroRunInfo *)runs->pdata[i])->id == ids[j])
                chosen[j] = runs->pdata[i];
    }
    return entro_store_delete_runs(store, chosen, n, error);
}

static void
runs_go_with_all_that_is_theirs_or_not_at_all(Fixture *fixture, gconstpointer data)
{
    const gint64 missing[] = {1, 3, 99}, some[] = {1, 3};
    g_autoptr(GError) error = NULL;

    (void)data;
    g_autoptr(EntroStore) store = open_four(fixture->path);
    put_setting(store, 1, "lr", "1");
    put_findings(store, 3, (const EntroSeverity[]){ENTRO_SEVERITY_INFO}, 1);
    g_assert_true(entro_store_tag_runs(store, "b", LIST("x"), NULL));
    g_autofree char *before = dump_tables(fixture->path);
    g_assert_false(delete_ids(store, missing, 3, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(after, ==, before);
    g_assert_true(delete_ids(store, some, 2, NULL));
    assert_selects("2 4", .names = NULL);
    g_assert_cmpint(query_int(fixture->path,
                              "SELECT (SELECT count(*) FROM captures) + (SELECT count(*) FROM"
                              " head_stats) + (SELECT count(*) FROM layer_stats) + (SELECT count(*)"
                              " FROM run_config) + (SELECT count(*) FROM findings) + (SELECT"
                              " count(*) FROM run_tags)"),
                    ==, 2 + 2 * 6 + 2 * 2);
}

/* Another one was put under the number of a run that went while somebody was asked. */
static void
a_run_that_is_another_by_now_stays(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *sql, *sentence;
    } cases[] = {
        {"UPDATE runs SET name = 'new' WHERE id = 4", "#4 was changed meanwhile"},
        {"UPDATE runs SET attempt = 7 WHERE id = 4", "it is attempt 7 of"},
        {"UPDATE runs SET fingerprint = 'other' WHERE id = 4", "another trace"},
    };

    (void)data;
    for (gsize j = 0; j < G_N_ELEMENTS(cases); j++) {
        g_autofree char *path = g_strdup_printf("%s/%zu.db", fixture->folder, j);
        g_autoptr(GError) error = NULL;
        g_autoptr(EntroStore) store = open_four(path);
        g_autoptr(GPtrArray) runs = entro_store_list_runs(store, NULL);
        run_sql(path, cases[j].sql);
        g_autofree char *before = dump_tables(path);
        g_assert_false(entro_store_delete_runs(store, (const EntroRunInfo *const *)runs->pdata,
                                               runs->len, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT);
        g_assert_nonnull(strstr(error->message, cases[j].sentence));
        g_assert_nonnull(strstr(error->message, "nothing was deleted"));
        g_autofree char *after = dump_tables(path);
        g_assert_cmpstr(after, ==, before);
    }
}

static gint64
count_bytes(const char *path)
{
    gsize size = 0;
    g_autofree char *bytes = read_file(path, &size);

    return (gint64)size;
}

/* Also in a file that was made before space could be given back page by page. */
static void
the_space_of_what_was_deleted_comes_back(Fixture *fixture, gconstpointer data)
{
    const gint64 large = 2;
    guint64 bytes = 0;

    (void)data;
    for (guint old = 0; old < 2; old++) {
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, old);
        make_database(path);
        if (old)
            run_sql(path, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM");
        gint64 small = count_bytes(path);
        EntroStore *store = open_store(path, ENTRO_STORE_WRITE);
        g_assert_cmpint(begin_run(store, "b", 1), ==, large);
        for (gint64 step = 0; step < 300; step++)
            put_step(store, large, step);
        g_assert_true(delete_ids(store, &large, 1, NULL));
        g_assert_true(entro_store_shrink(store, &bytes, NULL));
        g_assert_cmpuint(bytes, >, 300000);
        entro_store_free(store);
        g_assert_cmpint(count_bytes(path), <, small + 50000);
        g_assert_cmpint(query_int(path, "PRAGMA auto_vacuum"), ==, 2);
        g_assert_cmpint(query_int(path, "SELECT count(*) FROM captures"), ==, 2);
    }
}

/* Another process writes: whoever reads sees what was there, whoever changes is told. */
static void
a_writer_elsewhere_is_waited_for(Fixture *fixture, gconstpointer data)
{
    const gint64 id = 3;
    g_autoptr(GError) error = NULL;

    (void)data;
    entro_store_free(open_four(fixture->path));
    g_autoptr(EntroStore) writer = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_assert_true(entro_sql_exec(writer, "BEGIN IMMEDIATE; DELETE FROM runs WHERE id = 4", NULL));
    assert_selects("1 2 3 4", .names = NULL);
    sqlite3_busy_timeout(store->db, 50);
    g_assert_false(delete_ids(store, &id, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "another program has been using it for too long"));
    g_assert_true(entro_sql_exec(writer, "COMMIT", NULL));
    g_assert_true(delete_ids(store, &id, 1, NULL));
    assert_selects("1 2", .names = NULL);
}

/* A database of before tags and findings, which may be read as it is. */
static void
an_older_database_is_listed(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = g_test_build_filename(G_TEST_DIST, "version-1.sql", NULL);
    g_autofree char *sql = read_file(file, NULL);

    (void)data;
    run_sql(fixture->path, sql);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GPtrArray) runs = entro_store_select_runs(store, NULL, NULL);
    g_assert_cmpuint(runs->len, >, 0);
    const EntroRunInfo *info = runs->pdata[0];
    g_assert_null(info->findings_at);
    g_assert_null(info->trace_name);
    g_assert_cmpuint(g_strv_length(info->tags), ==, 0);
    assert_selects("", .tags = LIST("x"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/change/a-run-must-pass-every-filter", a_run_must_pass_every_filter);
    FIXTURE_TEST("/db/change/a-filter-that-says-nothing-is-refused",
                 a_filter_that_says_nothing_is_refused);
    FIXTURE_TEST("/db/change/what-belongs-to-a-run-comes-with-it",
                 what_belongs_to_a_run_comes_with_it);
    FIXTURE_TEST("/db/change/a-renamed-run-keeps-its-attempts-and-rows",
                 a_renamed_run_keeps_its_attempts_and_rows);
    FIXTURE_TEST("/db/change/a-name-that-cannot-be-had-is-refused",
                 a_name_that_cannot_be_had_is_refused);
    FIXTURE_TEST("/db/change/a-renamed-run-is-found-by-its-trace",
                 a_renamed_run_is_found_by_its_trace);
    FIXTURE_TEST("/db/change/tags-come-and-go-together", tags_come_and_go_together);
    FIXTURE_TEST("/db/change/the-same-trace-read-anew-keeps-its-tags",
                 the_same_trace_read_anew_keeps_its_tags);
    FIXTURE_TEST("/db/change/runs-go-with-all-that-is-theirs-or-not-at-all",
                 runs_go_with_all_that_is_theirs_or_not_at_all);
    FIXTURE_TEST("/db/change/a-run-that-is-another-by-now-stays",
                 a_run_that_is_another_by_now_stays);
    FIXTURE_TEST("/db/change/the-space-of-what-was-deleted-comes-back",
                 the_space_of_what_was_deleted_comes_back);
    FIXTURE_TEST("/db/change/a-writer-elsewhere-is-waited-for", a_writer_elsewhere_is_waited_for);
    FIXTURE_TEST("/db/change/an-older-database-is-listed", an_older_database_is_listed);
    return g_test_run();
}
