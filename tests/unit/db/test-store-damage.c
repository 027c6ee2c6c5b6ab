/* test-store-damage.c: databases that are cut short, altered, or made by somebody else. */
#include "store-fixture.h"

/* Everything that a command would do with it; any outcome but a crash or a silent half. */
static void
use_damaged(const char *path, EntroStoreMode mode)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = entro_store_open(path, mode, &error);

    if (store == NULL) {
        g_assert_nonnull(error);
        return;
    }
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, &error);
    g_assert_true((runs == NULL) == (error != NULL));
    g_clear_error(&error);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, 1, "entropy_mean", 20, &error);
    g_assert_true((grid == NULL) == (error != NULL));
    g_clear_error(&error);
    g_autoptr(GPtrArray) curves = entro_store_select_layer_curves(store, 1, "entropy_sd", &error);
    g_assert_true((curves == NULL) == (error != NULL));
}

static void
truncated_databases_give_errors(Fixture *fixture, gconstpointer data)
{
    const gsize sizes[] = {2, 15, 16, 99, 100, 512, 1023, 4096, 4097, 8192, 20480, 40960};
    gsize size = 0;

    (void)data;
    make_database(fixture->path);
    g_autofree char *bytes = read_file(fixture->path, &size);
    for (gsize j = 0; j < G_N_ELEMENTS(sizes); j++) {
        g_assert_cmpuint(sizes[j], <, size);
        write_file(fixture->path, bytes, sizes[j]);
        g_test_message("%zu of %zu bytes", sizes[j], size);
        assert_open_fails(fixture->path, ENTRO_STORE_WRITE, fixture->path);
        write_file(fixture->path, bytes, sizes[j]);
        use_damaged(fixture->path, ENTRO_STORE_READ);
    }
}

static void
flipped_bytes_give_errors(Fixture *fixture, gconstpointer data)
{
    gsize size = 0;

    (void)data;
    make_database(fixture->path);
    g_autofree char *bytes = read_file(fixture->path, &size);
    for (guint j = 0; j < 200; j++) {
        gsize at = (gsize)g_test_rand_int_range(0, (gint32)size);
        char old = bytes[at];

        bytes[at] = (char)g_test_rand_int();
        write_file(fixture->path, bytes, size);
        use_damaged(fixture->path, j % 2 == 0 ? ENTRO_STORE_READ : ENTRO_STORE_WRITE);
        bytes[at] = old;
    }
}

static const char foreign_schema[] =
    "PRAGMA application_id = 0x454e5452; PRAGMA user_version = 1;"
    "CREATE TABLE runs (id, name, attempt, source, fingerprint, open_mode, created_at,"
    " tool_version, arch, producer, n_layers, n_heads, context_length, causal);"
    "CREATE TABLE captures (run_id, step, position, n_rows, digest, status, detail);"
    "CREATE TABLE scalars (run_id, name, step, value, state);"
    "CREATE TABLE metric (table_name, name, title, unit, definition);"
    "CREATE TABLE head_stats (run_id, step, layer, head, entropy_mean DEFAULT 'x', entropy_sd);"
    "CREATE TABLE layer_stats (run_id, step, layer);"
    "INSERT INTO runs (id) VALUES (1); INSERT INTO scalars (run_id) VALUES (1);"
    "INSERT INTO captures (run_id, step) VALUES (1, 20)";

/* Another program's idea of our tables: no types, NULL and blobs everywhere, heads beyond reason. */
static void
tables_of_another_make_do_no_harm(Fixture *fixture, gconstpointer data)
{
    static const char *const heads[] = {"NULL", "x'ff00'", "-1", "9223372036854775807", "0"};

    (void)data;
    for (gsize j = 0; j < G_N_ELEMENTS(heads); j++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%zu.db", fixture->folder, j);
        g_autofree char *sql = g_strdup_printf("INSERT INTO head_stats (run_id, step, layer, head)"
                                               " VALUES (1, 20, NULL, %s)",
                                               heads[j]);

        run_sql(path, foreign_schema);
        run_sql(path, sql);
        use_damaged(path, ENTRO_STORE_READ);
        g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_READ);
        g_assert_null(entro_store_find_run(store, "x", &error));
        g_clear_error(&error);
        g_assert_null(entro_store_select_scalar(store, 1, "loss", &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
        use_damaged(path, ENTRO_STORE_WRITE);
    }
}

/* A trigger that comes while the database is open is not run; one that was there is refused. */
static void
triggers_do_not_fire(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    run_sql(fixture->path, "CREATE TRIGGER hostile AFTER INSERT ON captures BEGIN"
                           " DELETE FROM runs; END");
    put_step(store, 1, 30);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM runs"), ==, 1);
    entro_store_free(store);
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "'hostile' is a trigger");
    entro_store_free(open_store(fixture->path, ENTRO_STORE_READ));
}

/* Views that never end, and tables whose rows are somebody's program, are refused before they are
 * asked; what others have beside our tables is theirs. */
static void
what_stands_in_our_place_is_refused(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *sql, *sentence;
    } cases[] = {
        {"DROP TABLE captures; CREATE VIEW captures AS SELECT 1 AS run_id", "'captures' is a view"},
        {"DROP TABLE scalars; CREATE VIEW Scalars AS SELECT 1 AS run_id", "'Scalars' is a view"},
        {"DROP VIEW run_latest; CREATE VIEW run_latest AS WITH RECURSIVE n(i) AS (SELECT 1 UNION"
         " ALL SELECT i + 1 FROM n) SELECT i AS run_id FROM n",
         "'run_latest' is a view"},
        {"DROP VIEW layer_entropy; CREATE VIEW layer_entropy AS  SELECT run_id, step",
         "'layer_entropy' is a view"},
        {"DROP TABLE run_tags; CREATE VIRTUAL TABLE run_tags USING fts5(run_id, tag)",
         "'run_tags' is no plain table"},
        {"CREATE VIEW mine AS SELECT name FROM runs", NULL},
    };

    (void)data;
    for (gsize j = 0; j < G_N_ELEMENTS(cases); j++) {
        g_autofree char *path = g_strdup_printf("%s/%" G_GSIZE_FORMAT ".db", fixture->folder, j);

        make_database(path);
        run_sql(path, cases[j].sql);
        if (cases[j].sentence == NULL) {
            entro_store_free(open_store(path, ENTRO_STORE_WRITE));
            continue;
        }
        assert_open_fails(path, ENTRO_STORE_READ, cases[j].sentence);
        assert_open_fails(path, ENTRO_STORE_WRITE, cases[j].sentence);
    }
}

static void
copy_beside(const char *path, const char *to, const char *suffix)
{
    g_autofree char *from_name = g_strconcat(path, suffix, NULL);
    g_autofree char *to_name = g_strconcat(to, suffix, NULL);
    gsize size = 0;
    g_autofree char *bytes = read_file(from_name, &size);

    g_assert_cmpuint(size, >, 0);
    write_file(to_name, bytes, size);
}

#define BREAK_PROMISE "PRAGMA ignore_check_constraints = ON; UPDATE captures SET status = 'x';"

/* As a writer that died leaves it; and no query would see that a promise of the schema is broken. */
static const struct {
    const char *sql, *suffix;
} deaths[] = {
    {BREAK_PROMISE, "-wal"},
    /* the little cache makes it write before the end: that is rolled back */
    {BREAK_PROMISE "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN;"
                   "UPDATE head_stats SET n_rows = 7; UPDATE layer_stats SET n_heads = 7;"
                   "UPDATE captures SET detail = 'y'; UPDATE metric SET unit = 'y'",
     "-journal"},
};

static void
what_a_dead_writer_left_is_looked_at(Fixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < 2 * G_N_ELEMENTS(deaths); i++) {
        const EntroStoreMode mode = i % 2 == 0 ? ENTRO_STORE_READ : ENTRO_STORE_WRITE;
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, i);
        g_autofree char *copy = g_strdup_printf("%s/copy-%u.db", fixture->folder, i);
        sqlite3 *writer = NULL;
        make_database(path);
        g_assert_cmpint(sqlite3_open(path, &writer), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_exec(writer, deaths[i / 2].sql, NULL, NULL, NULL), ==, SQLITE_OK);
        copy_beside(path, copy, "");
        copy_beside(path, copy, deaths[i / 2].suffix);
        sqlite3_close(writer);
        assert_open_fails(copy, mode,
                          "is damaged, found after a writer that did not come to its end:"
                          " 'CHECK constraint failed in captures'");
        if (i / 2 == 1)
            g_assert_cmpint(query_int(copy, "SELECT count(*) FROM head_stats WHERE n_rows = 7"), ==,
                            0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/damage/truncated-databases-give-errors", truncated_databases_give_errors);
    FIXTURE_TEST("/db/damage/flipped-bytes-give-errors", flipped_bytes_give_errors);
    FIXTURE_TEST("/db/damage/tables-of-another-make-do-no-harm", tables_of_another_make_do_no_harm);
    FIXTURE_TEST("/db/damage/triggers-do-not-fire", triggers_do_not_fire);
    FIXTURE_TEST("/db/damage/what-stands-in-our-place-is-refused",
                 what_stands_in_our_place_is_refused);
    FIXTURE_TEST("/db/damage/what-a-dead-writer-left-is-looked-at",
                 what_a_dead_writer_left_is_looked_at);
    return g_test_run();
}
