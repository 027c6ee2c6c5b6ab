/* test-store-open.c: what may be opened, what is refused and how, and the schema that results. */
#include "store-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
exists_beside(const char *path, const char *suffix)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);

    return g_file_test(name, G_FILE_TEST_EXISTS);
}

/* ---- a new database ------------------------------------------------------------------------- */

static void
new_database_has_the_whole_schema(Fixture *fixture, gconstpointer data)
{
    (void)data;
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    g_autofree char *journal = query_text(fixture->path, "PRAGMA journal_mode");
    g_autofree char *check = query_text(fixture->path, "PRAGMA integrity_check");
    g_assert_cmpstr(journal, ==, "wal");
    g_assert_cmpstr(check, ==, "ok");
    g_assert_cmpint(query_int(fixture->path, "PRAGMA application_id"), ==, ENTRO_APPLICATION_ID);
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, entro_schema_version());
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM pragma_table_list"
                                             " WHERE type = 'table' AND NOT strict"
                                             " AND name NOT LIKE 'sqlite_%'"),
                    ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM layer_entropy"), ==, 0);
}

static void
every_statistics_column_is_there_and_described(Fixture *fixture, gconstpointer data)
{
    EntroColumnSet sets[ENTRO_N_COLUMN_SETS];

    (void)data;
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    entro_column_sets(sets);
    for (guint j = 0; j < ENTRO_N_COLUMN_SETS; j++)
        for (guint k = 0; k < sets[j].n; k++) {
            g_autofree char *sql = g_strdup_printf(
                "SELECT (SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'"
                " AND type = '%s') + (SELECT count(*) FROM metric WHERE table_name = '%s'"
                " AND name = '%s' AND length(definition) > 5)",
                sets[j].table, sets[j].columns[k].name, sets[j].type, sets[j].table,
                sets[j].columns[k].name);
            g_assert_cmpint(query_int(fixture->path, sql), ==, 2);
        }
}

static void
opening_again_writes_nothing(Fixture *fixture, gconstpointer data)
{
    gsize size = 0;
    gsize size_after = 0;

    (void)data;
    make_database(fixture->path);
    g_autofree char *before = read_file(fixture->path, &size);
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    entro_store_free(open_store(fixture->path, ENTRO_STORE_READ));
    g_autofree char *after = read_file(fixture->path, &size_after);
    g_assert_cmpmem(before, size, after, size_after);
    g_assert_false(exists_beside(fixture->path, "-wal"));
    g_assert_false(exists_beside(fixture->path, "-shm"));
}

/* As a database of an earlier program would be: without a column and with other words. */
static void
missing_columns_come_at_the_next_open(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "ALTER TABLE head_stats DROP COLUMN entropy_p05;"
                           "DELETE FROM metric WHERE name = 'entropy_p05';"
                           "UPDATE metric SET definition = 'old' WHERE name = 'entropy_sd'");
    entro_store_free(open_store(fixture->path, ENTRO_STORE_READ)); /* does not mind, nor change */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM metric WHERE name ="
                                             " 'entropy_p05'"),
                    ==, 0);
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"
                                             " WHERE entropy_p05 IS NULL AND entropy_mean > 0"),
                    ==, 12);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM metric WHERE name ="
                                             " 'entropy_p05' OR definition = 'old'"),
                    ==, 1);
}

static void
unknown_columns_stay(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "ALTER TABLE head_stats ADD COLUMN of_tomorrow REAL;"
                           "UPDATE head_stats SET of_tomorrow = 2.385");
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_step(store, 1, 30);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"
                                             " WHERE of_tomorrow = 2.385"),
                    ==, 12);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void
reading_creates_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_null(entro_store_open(fixture->path, ENTRO_STORE_READ, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_OPEN);
    g_assert_nonnull(strstr(error->message, fixture->path));
    g_assert_false(g_file_test(fixture->path, G_FILE_TEST_EXISTS));
}

static void
what_is_no_regular_file_is_refused(Fixture *fixture, gconstpointer data)
{
    g_autofree char *fifo = g_build_filename(fixture->folder, "fifo", NULL);
    g_autofree char *missing = g_build_filename(fixture->folder, "no", "runs.db", NULL);

    (void)data;
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    assert_open_fails(fifo, ENTRO_STORE_READ, "not a regular file"); /* and does not wait */
    assert_open_fails(fixture->folder, ENTRO_STORE_WRITE, "not a regular file");
    assert_open_fails("", ENTRO_STORE_WRITE, "file name");
    assert_open_fails(missing, ENTRO_STORE_READ, "no such database");
    assert_open_fails(missing, ENTRO_STORE_WRITE, "unable to open");
    assert_open_fails(missing, ENTRO_STORE_WRITE, "(No such file or directory)");
    g_autofree char *file = g_build_filename(fixture->folder, "file", NULL);
    g_autofree char *below = g_build_filename(file, "runs.db", NULL);
    write_file(file, "", 0);
    assert_open_fails(below, ENTRO_STORE_READ, "Not a directory");
    assert_open_fails(below, ENTRO_STORE_WRITE, "Not a directory");
}

static void
other_files_are_refused_and_left_alone(Fixture *fixture, gconstpointer data)
{
    const char text[] = "loss,step\n2.385,100\nthis is certainly no database of any kind\n";
    gsize size = 0;

    (void)data;
    write_file(fixture->path, text, sizeof text);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "not an SQLite database");
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "not an SQLite database");
    g_autofree char *after = read_file(fixture->path, &size);
    g_assert_cmpmem(text, sizeof text, after, size);
}

static void
databases_of_others_are_refused_and_left_alone(Fixture *fixture, gconstpointer data)
{
    gsize size = 0;
    gsize size_after = 0;

    (void)data;
    run_sql(fixture->path, "CREATE TABLE bookmarks (url TEXT)");
    g_autofree char *before = read_file(fixture->path, &size);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "not one of entroscope");
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "not one of entroscope");
    g_autofree char *after = read_file(fixture->path, &size_after);
    g_assert_cmpmem(before, size, after, size_after);
    run_sql(fixture->path, "DROP TABLE bookmarks; PRAGMA application_id = 1234");
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "not one of entroscope");
}

static void
newer_versions_are_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "PRAGMA user_version = 1000");
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "newer entroscope (version 1000");
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "newer entroscope");
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, 1000);
    run_sql(fixture->path, "PRAGMA user_version = -1000");
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "no version");
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "no version");
}

static void
an_empty_file_is_a_database_to_be(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_file(fixture->path, "", 0);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "empty");
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    entro_store_free(open_store(fixture->path, ENTRO_STORE_READ));
}

/* ---- names and permissions ------------------------------------------------------------------ */

static void
file_names_are_taken_literally(Fixture *fixture, gconstpointer data)
{
    static const char *const names[] = {"file:x.db?mode=memory", "a?b#c%41.db",
                                        ":memory:", "caf\303\251 \377.db"};

    (void)data;
    g_assert_cmpint(chdir(fixture->folder), ==, 0);
    for (gsize j = 0; j < G_N_ELEMENTS(names); j++) {
        entro_store_free(open_store(names[j], ENTRO_STORE_WRITE));
        g_assert_true(g_file_test(names[j], G_FILE_TEST_IS_REGULAR));
        entro_store_free(open_store(names[j], ENTRO_STORE_READ));
    }
    g_assert_cmpint(chdir("/"), ==, 0);
}

/* Nothing may be written, not even by root: permissions bind nobody else. */
static void
lock_folder(Fixture *fixture, int mode)
{
    g_assert_cmpint(g_chmod(fixture->path, mode), ==, 0);
    g_assert_cmpint(g_chmod(fixture->folder, 0555), ==, 0);
    g_assert_true(geteuid() != 0 || seteuid(65534) == 0);
}

static void
unlock_folder(Fixture *fixture)
{
    g_assert_true(getuid() != 0 || seteuid(0) == 0);
    g_assert_cmpint(g_chmod(fixture->folder, 0755), ==, 0);
}

static void
read_only_folders_can_be_read(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    lock_folder(fixture, 0444);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, NULL);
    g_assert_cmpuint(runs->len, ==, 1);
    assert_open_fails(fixture->path, ENTRO_STORE_WRITE, "not written");
    unlock_folder(fixture);
}

/* Neither as a database nor as one that nobody writes. */
static void
what_may_not_be_read_is_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    lock_folder(fixture, 0);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "(Permission denied)");
    unlock_folder(fixture);
}

static void
databases_of_others_are_refused_where_nothing_may_be_written(Fixture *fixture, gconstpointer data)
{
    (void)data;
    run_sql(fixture->path, "PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url TEXT)");
    lock_folder(fixture, 0444);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "not one of entroscope");
    unlock_folder(fixture);
}

/* As a copy made while a writer was at work: the last capture is in the -wal alone. */
static void
changes_in_the_journal_are_not_overlooked(Fixture *fixture, gconstpointer data)
{
    g_autofree char *copy = g_build_filename(fixture->folder, "copy.db", NULL);
    g_autofree char *copy_wal = g_strconcat(copy, "-wal", NULL);
    g_autofree char *wal = g_strconcat(fixture->path, "-wal", NULL);
    gsize size = 0;

    (void)data;
    g_autoptr(EntroStore) writer = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(writer, "a", 1);
    put_step(writer, run_id, 10);
    g_autofree char *bytes = read_file(fixture->path, &size);
    write_file(copy, bytes, size);
    g_autofree char *wal_bytes = read_file(wal, &size);
    write_file(copy_wal, wal_bytes, size);
    g_free(fixture->path);
    fixture->path = g_strdup(copy);
    lock_folder(fixture, 0444);
    assert_open_fails(copy, ENTRO_STORE_READ, "changes in the journal");
    unlock_folder(fixture);
    g_assert_cmpint(g_chmod(copy, 0644), ==, 0);
    g_autoptr(EntroStore) store = open_store(copy, ENTRO_STORE_READ);
    g_autoptr(GArray) steps = entro_store_stored_steps(store, run_id, NULL);
    g_assert_cmpuint(steps->len, ==, 1);
}

/* So does a rollback journal: the file itself is half a transaction on. */
static void
a_hot_journal_is_not_overlooked(Fixture *fixture, gconstpointer data)
{
    g_autofree char *journal = g_strconcat(fixture->path, "-journal", NULL);

    (void)data;
    make_database(fixture->path);
    write_file(journal, "\331\325\005\371 \241c\327 and so on", 19);
    lock_folder(fixture, 0444);
    assert_open_fails(fixture->path, ENTRO_STORE_READ, "changes in the journal");
    unlock_folder(fixture);
}

static void
a_reader_cannot_write(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(30, 2, 3);

    (void)data;
    make_database(fixture->path);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_assert_false(entro_store_put_captures(store, 1, &capture, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    free_capture(&capture);
}

/* On file systems without shared memory the rollback journal has to do. */
static void
a_file_system_without_wal_will_do(Fixture *fixture, gconstpointer data)
{
    sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

    (void)data;
    g_assert_cmpint(sqlite3_vfs_register(sqlite3_vfs_find("unix-dotfile"), 1), ==, SQLITE_OK);
    make_database(fixture->path);
    make_database(fixture->path);
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GArray) steps = entro_store_stored_steps(store, 1, NULL);
    g_assert_cmpuint(steps->len, ==, 2);
    entro_store_free(store);
    sqlite3_vfs_register(usual, 1);
    g_autofree char *journal = query_text(fixture->path, "PRAGMA journal_mode");
    g_assert_cmpstr(journal, ==, "delete");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/open/new-database-has-the-whole-schema", new_database_has_the_whole_schema);
    FIXTURE_TEST("/db/open/every-statistics-column-is-there-and-described",
                 every_statistics_column_is_there_and_described);
    FIXTURE_TEST("/db/open/opening-again-writes-nothing", opening_again_writes_nothing);
    FIXTURE_TEST("/db/open/missing-columns-come-at-the-next-open",
                 missing_columns_come_at_the_next_open);
    FIXTURE_TEST("/db/open/unknown-columns-stay", unknown_columns_stay);
    FIXTURE_TEST("/db/open/reading-creates-nothing", reading_creates_nothing);
    FIXTURE_TEST("/db/open/what-is-no-regular-file-is-refused", what_is_no_regular_file_is_refused);
    FIXTURE_TEST("/db/open/other-files-are-refused-and-left-alone",
                 other_files_are_refused_and_left_alone);
    FIXTURE_TEST("/db/open/databases-of-others-are-refused-and-left-alone",
                 databases_of_others_are_refused_and_left_alone);
    FIXTURE_TEST("/db/open/newer-versions-are-refused", newer_versions_are_refused);
    FIXTURE_TEST("/db/open/an-empty-file-is-a-database-to-be", an_empty_file_is_a_database_to_be);
    FIXTURE_TEST("/db/open/file-names-are-taken-literally", file_names_are_taken_literally);
    FIXTURE_TEST("/db/open/read-only-folders-can-be-read", read_only_folders_can_be_read);
    FIXTURE_TEST("/db/open/what-may-not-be-read-is-refused", what_may_not_be_read_is_refused);
    FIXTURE_TEST("/db/open/databases-of-others-are-refused-where-nothing-may-be-written",
                 databases_of_others_are_refused_where_nothing_may_be_written);
    FIXTURE_TEST("/db/open/changes-in-the-journal-are-not-overlooked",
                 changes_in_the_journal_are_not_overlooked);
    FIXTURE_TEST("/db/open/a-hot-journal-is-not-overlooked", a_hot_journal_is_not_overlooked);
    FIXTURE_TEST("/db/open/a-reader-cannot-write", a_reader_cannot_write);
    FIXTURE_TEST("/db/open/a-file-system-without-wal-will-do", a_file_system_without_wal_will_do);
    return g_test_run();
}
