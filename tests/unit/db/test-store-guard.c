/* test-store-guard.c: captures that changed, journals that cannot be emptied, network file systems,
 * checks and copies. */
#include "store-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---- captures that are there ------------------------------------------------------------------ */

static void
another_digest_is_a_conflict(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EntroCapture captures[] = {make_capture(20, 2, 3), make_capture(10, 2, 3)};

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    put_step(store, run_id, 10);
    g_autofree char *before = dump_tables(fixture->path);
    captures[1].digest = 1;
    g_assert_false(entro_store_put_captures(store, run_id, captures, 2, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "run 'a' (#1) has step 10 with other values"));
    g_assert_nonnull(strstr(error->message, "'fedcba9876543210', now '0000000000000001'"));
    g_assert_nonnull(strstr(error->message, "--replace"));
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(after, ==, before); /* not even step 20 */
    g_clear_error(&error);
    g_assert_false(entro_store_check_capture(store, run_id, &captures[1], &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT);
    g_assert_true(entro_store_check_capture(store, run_id, &captures[0], NULL)); /* not stored */
    free_capture(&captures[0]);
    free_capture(&captures[1]);
}

static void
what_is_whole_stays_so(Fixture *fixture, gconstpointer data)
{
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    capture.status = ENTRO_CAPTURE_PARTIAL;
    capture.digest = 1;
    capture.n_heads = 3;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    put_step(store, run_id, 10); /* read whole: takes the place, whatever the digest was */
    g_autofree char *before = dump_tables(fixture->path);
    g_assert_nonnull(strstr(before, "complete"));
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    g_assert_true(entro_store_check_capture(store, run_id, &capture, NULL));
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(after, ==, before);
    capture.n_heads = 6;
    free_capture(&capture);
}

/* ---- a journal that cannot be emptied ----------------------------------------------------------- */

static void
put_many(EntroStore *store, gint64 run_id, gint64 first, guint n)
{
    for (guint j = 0; j < n; j++) {
        EntroCapture capture = make_capture(first + j, 20, 50);

        g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
        free_capture(&capture);
    }
}

static guint
count_notes(EntroStore *store, const char *word)
{
    g_autoptr(GPtrArray) notes = entro_store_take_notes(store);
    guint n = 0;

    for (guint j = 0; j < notes->len; j++)
        n += strstr(notes->pdata[j], word) != NULL;
    return n;
}

static void
a_reader_that_stays_is_told_of_once(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    store->max_wal = 1 << 20;
    put_many(store, 1, 100, 40); /* much, and nobody reads */
    g_assert_cmpuint(count_notes(store, "-wal"), ==, 0);
    g_autoptr(EntroStore) reader = open_store(fixture->path, ENTRO_STORE_READ);
    g_assert_true(entro_store_hold(reader, NULL));
    g_autoptr(GPtrArray) runs = entro_store_list_runs(reader, NULL);
    store->max_wal = 1 << 30; /* it is not yet large */
    put_many(store, 1, 150, 40);
    g_assert_cmpuint(count_notes(store, "-wal"), ==, 0);
    store->max_wal = 1 << 20;
    put_many(store, 1, 200, 40);
    put_many(store, 1, 300, 40);
    g_assert_cmpuint(count_notes(store, "-wal has grown to"), ==, 1);
    put_many(store, 1, 400, 10);
    g_assert_cmpuint(count_notes(store, "-wal"), ==, 0);
    g_assert_cmpuint(runs->len, ==, 1);
}

/* ---- where it lies ---------------------------------------------------------------------------- */

static gboolean
everywhere(const char *folder)
{
    (void)folder;
    return TRUE;
}

static void
a_network_file_system_has_no_wal(Fixture *fixture, gconstpointer data)
{
    gboolean (*usual)(const char *) = entro_guard_is_network;

    (void)data;
    g_assert_false(usual(fixture->folder));
    make_database(fixture->path); /* with WAL, as if it was brought there */
    entro_guard_is_network = everywhere;
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    entro_guard_is_network = usual;
    g_assert_cmpuint(count_notes(store, "network file system"), ==, 1);
    put_step(store, 1, 30);
    g_autofree char *mode = query_text(fixture->path, "PRAGMA journal_mode");
    g_assert_cmpstr(mode, ==, "delete");
    entro_store_free(store);
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    g_autofree char *again = query_text(fixture->path, "PRAGMA journal_mode");
    g_assert_cmpstr(again, ==, "wal");
}

static sqlite3 *
hold(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    return db;
}

static gpointer
let_go(gpointer data)
{
    g_usleep(200000);
    sqlite3_close(data); /* rolls back */
    return NULL;
}

/* One who is about to write is waited for, also where SQLite itself does not. */
static void
wal_is_switched_on_when_a_writer_lets_go(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "PRAGMA journal_mode = DELETE");
    GThread *thread = g_thread_new("holder", let_go, hold(fixture->path, "BEGIN IMMEDIATE"));
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    g_thread_join(thread);
    g_autofree char *mode = query_text(fixture->path, "PRAGMA journal_mode");
    g_assert_cmpstr(mode, ==, "wal");
}

/* One who reads for longer than anybody waits keeps WAL from being switched on, and nothing else. */
static void
a_reader_that_stays_costs_wal(Fixture *fixture, gconstpointer data)
{
    const int usual = entro_store_patience_ms;

    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "PRAGMA journal_mode = DELETE");
    sqlite3 *reader = hold(fixture->path, "BEGIN; SELECT * FROM runs");
    entro_store_patience_ms = 100;
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    entro_store_patience_ms = usual;
    sqlite3_close(reader);
    put_step(store, 1, 30);
    entro_store_free(store);
    g_autofree char *mode = query_text(fixture->path, "PRAGMA journal_mode");
    g_assert_cmpstr(mode, ==, "delete");
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 3);
}

/* The copy is made by a second connection, beside the first one's lock. */
static void
migration_needs_no_wal(Fixture *fixture, gconstpointer data)
{
    gboolean (*usual)(const char *) = entro_guard_is_network;
    g_autofree char *kept = g_strconcat(fixture->path, ".v3.bak", NULL);

    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "ALTER TABLE runs DROP COLUMN input; PRAGMA user_version = 3;"
                           "PRAGMA journal_mode = DELETE");
    entro_guard_is_network = everywhere;
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    entro_guard_is_network = usual;
    g_assert_cmpuint(count_notes(store, "runs.db.v3.bak is as it was before"), ==, 1);
    entro_store_free(store);
    g_assert_cmpint(query_int(kept, "PRAGMA user_version"), ==, 3);
    g_assert_cmpint(query_int(kept, "SELECT count(*) FROM captures"), ==, 2);
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, entro_schema_version());
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM runs WHERE input IS NULL"), ==,
                    1);
}

static void
connections_are_set_up(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *sql;
        gint64 value;
    } settings[] = {
        {"PRAGMA synchronous", 2},     {"PRAGMA busy_timeout", 30000},
        {"PRAGMA foreign_keys", 1},    {"PRAGMA trusted_schema", 0},
        {"PRAGMA cell_size_check", 1}, {"PRAGMA journal_size_limit", 64 << 20},
        {"PRAGMA mmap_size", 0},
    };
    int on = -1;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    for (gsize j = 0; j < G_N_ELEMENTS(settings); j++) {
        gint64 value = 0;
        g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, settings[j].sql, NULL);

        g_assert_true(entro_sql_get_int(store, stmt, 0, &value, NULL));
        if (value != settings[j].value)
            g_error("%s: %" G_GINT64_FORMAT, settings[j].sql, value);
    }
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, -1, &on);
    g_assert_cmpint(on, ==, 1);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &on);
    g_assert_cmpint(on, ==, 0);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, -1, &on);
    g_assert_cmpint(on, ==, 0);
}

/* ---- checks and copies ------------------------------------------------------------------------ */

static void
a_check_counts_and_finds(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    make_sound_database(fixture->path);
    g_autoptr(EntroStoreHealth) health = entro_store_check(fixture->path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(health->n_runs, ==, 1);
    g_assert_cmpint(health->n_captures, ==, 2);
    g_assert_cmpint(health->version, ==, entro_schema_version());
    g_assert_cmpuint(health->problems->len, ==, 0);
    run_sql(fixture->path, "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n"
                           " WHERE i < 1049) INSERT INTO head_stats (run_id, step, layer, head)"
                           " SELECT 1, i, 0, 0 FROM n");
    g_autoptr(EntroStoreHealth) bad = entro_store_check(fixture->path, &error);
    g_assert_no_error(error);
    const EntroStoreProblem *last = bad->problems->pdata[bad->problems->len - 1];
    g_assert_cmpstr(last->check, ==, "orphans");
    g_assert_cmpstr(last->sentence, ==, "and 30 more like these");
    g_assert_null(entro_store_check(fixture->folder, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_OPEN);
}

static gboolean
never(gpointer data)
{
    (void)data;
    return FALSE;
}

static void
a_copy_is_one_file_of_one_moment(Fixture *fixture, gconstpointer data)
{
    g_autofree char *to = g_build_filename(fixture->folder, "copy.db", NULL);
    gboolean done = TRUE;

    (void)data;
    g_autoptr(EntroStore) writer = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(writer, "a", 1);
    put_step(writer, run_id, 10); /* in the journal alone */
    g_assert_true(entro_store_backup(fixture->path, to, never, NULL, &done, NULL));
    g_assert_false(done);
    g_assert_false(g_file_test(to, G_FILE_TEST_EXISTS));
    g_assert_true(entro_store_backup(fixture->path, to, NULL, NULL, &done, NULL));
    g_assert_true(done);
    g_autofree char *mode = query_text(to, "PRAGMA journal_mode");
    g_assert_cmpstr(mode, ==, "delete");
    g_autofree char *here = dump_tables(fixture->path), *there = dump_tables(to);
    g_assert_cmpstr(here, ==, there);
    put_step(writer, run_id, 20);
    entro_store_free(open_store(to, ENTRO_STORE_WRITE)); /* it is a database as any */
    g_assert_cmpint(query_int(to, "SELECT count(*) FROM captures"), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/db/guard/" name, function)
    ADD("another-digest-is-a-conflict", another_digest_is_a_conflict);
    ADD("what-is-whole-stays-so", what_is_whole_stays_so);
    ADD("a-reader-that-stays-is-told-of-once", a_reader_that_stays_is_told_of_once);
    ADD("a-network-file-system-has-no-wal", a_network_file_system_has_no_wal);
    ADD("wal-is-switched-on-when-a-writer-lets-go", wal_is_switched_on_when_a_writer_lets_go);
    ADD("a-reader-that-stays-costs-wal", a_reader_that_stays_costs_wal);
    ADD("migration-needs-no-wal", migration_needs_no_wal);
    ADD("connections-are-set-up", connections_are_set_up);
    ADD("a-check-counts-and-finds", a_check_counts_and_finds);
    ADD("a-copy-is-one-file-of-one-moment", a_copy_is_one_file_of_one_moment);
#undef ADD
    return g_test_run();
}
