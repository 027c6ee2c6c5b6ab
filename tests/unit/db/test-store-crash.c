/* test-store-crash.c: writers side by side, killed, and without room: all of a batch or nothing.
 *
 * Children are this program again: `test-store-crash --put PATH RUN BATCHES`. */
#include "store-fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 4 /* captures */

static const char *program;

/* Puts the batches that are not there yet, as `analyze` on a trace does.  NULL error: any failure
 * ends the process. */
static gboolean
put_batches(const char *path, const char *run, guint n_batches, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_WRITE, error);
    EntroRunInfo info = {.name = (char *)run,
                         .attempt = 1,
                         .fingerprint = "f",
                         .tool_version = "0"};
    gint64 run_id = 0;

    if (store == NULL || !entro_store_begin_run(store, &info, FALSE, &run_id, error))
        return FALSE;
    g_autoptr(GArray) steps = entro_store_stored_steps(store, run_id, error);
    for (guint batch = steps != NULL ? steps->len / BATCH : n_batches; batch < n_batches; batch++) {
        EntroCapture captures[BATCH];

        for (guint j = 0; j < BATCH; j++)
            captures[j] = make_capture((gint64)batch * BATCH + j, 2, 3);
        gboolean ok = entro_store_put_captures(store, run_id, captures, BATCH, error);
        for (guint j = 0; j < BATCH; j++)
            free_capture(&captures[j]);
        if (!ok)
            return FALSE;
    }
    return steps != NULL;
}

static int
child_main(char **argv)
{
    g_autoptr(GError) error = NULL;

    if (put_batches(argv[2], argv[3], (guint)atoi(argv[4]), &error))
        return 0;
    g_printerr("%s\n", error->message);
    return 1;
}

static GPid
spawn_writer(const char *path, const char *run, guint n_batches)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *count = g_strdup_printf("%u", n_batches);
    const char *argv[] = {program, "--put", path, run, count, NULL};
    GPid pid = 0;

    g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

static int
wait_for(GPid pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0)
        g_assert_cmpint(errno, ==, EINTR);
    return status;
}

/* Whole captures in whole batches, and a sound file. */
static void
assert_whole_batches(const char *path)
{
    g_autofree char *check = query_text(path, "PRAGMA integrity_check");

    g_assert_cmpstr(check, ==, "ok");
    g_assert_cmpint(query_int(path, "SELECT count(*) FROM runs AS r WHERE (SELECT count(*)"
                                    " FROM captures WHERE run_id = r.id) % 4 <> 0"),
                    ==, 0);
    g_assert_cmpint(query_int(path, "SELECT count(*) * 6 - (SELECT count(*) FROM head_stats)"
                                    " FROM captures"),
                    ==, 0);
    g_assert_cmpint(query_int(path, "SELECT count(*) * 2 - (SELECT count(*) FROM layer_stats)"
                                    " FROM captures"),
                    ==, 0);
}

static void
writers_side_by_side_all_succeed(Fixture *fixture, gconstpointer data)
{
    enum { WRITERS = 4, BATCHES = 15 };
    GPid pids[WRITERS];

    (void)data;
    for (guint j = 0; j < WRITERS; j++) { /* none has created the database before */
        g_autofree char *run = g_strdup_printf("run-%u", j);
        pids[j] = spawn_writer(fixture->path, run, BATCHES);
    }
    for (guint j = 0; j < WRITERS; j++)
        g_assert_cmpint(wait_for(pids[j]), ==, 0);
    assert_whole_batches(fixture->path);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==,
                    WRITERS * BATCHES * BATCH);
}

static void
the_same_trace_twice_at_once_is_stored_once(Fixture *fixture, gconstpointer data)
{
    (void)data;
    GPid first = spawn_writer(fixture->path, "a", 15);
    GPid second = spawn_writer(fixture->path, "a", 15);
    g_assert_cmpint(wait_for(first), ==, 0);
    g_assert_cmpint(wait_for(second), ==, 0);
    assert_whole_batches(fixture->path);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 15 * BATCH);
}

static void
readers_see_whole_batches_meanwhile(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_true(put_batches(fixture->path, "a", 1, NULL));
    GPid pid = spawn_writer(fixture->path, "a", 20);
    for (guint j = 0; j < 20; j++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
        g_autoptr(GArray) steps = entro_store_stored_steps(store, 1, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(steps->len % BATCH, ==, 0);
    }
    g_assert_cmpint(wait_for(pid), ==, 0);
}

/* Killed again and again, each time at another moment, it is finished in the end. */
static void
a_killed_writer_leaves_whole_batches(Fixture *fixture, gconstpointer data)
{
    guint n_kills = g_test_thorough() ? 1000 : 25;

    (void)data;
    for (guint kill_no = 0; kill_no < n_kills; kill_no++) {
        GPid pid = spawn_writer(fixture->path, "a", 100000);
        g_usleep((gulong)g_test_rand_int_range(1000, 60000));
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_true(WIFSIGNALED(wait_for(pid)));
        entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE)); /* or there is no schema */
        assert_whole_batches(fixture->path);
    }
    gint64 stored = query_int(fixture->path, "SELECT count(*) FROM captures") / BATCH;
    g_assert_true(put_batches(fixture->path, "a", (guint)stored + 2, NULL));
    assert_whole_batches(fixture->path);
    g_assert_cmpint(query_int(fixture->path, "SELECT max(step) + 1 FROM captures"), ==,
                    (stored + 2) * BATCH);
}

/* ---- no room -------------------------------------------------------------------------------- */

static void
limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = MIN(bytes, limit.rlim_max);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* The file system refuses at every possible place, from the first page of a new database on. */
static void
a_full_disk_loses_nothing_that_was_stored(Fixture *fixture, gconstpointer data)
{
    guint n_failed = 0;

    (void)data;
    signal(SIGXFSZ, SIG_IGN);
    for (guint pages = 0; pages < 100; pages++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, pages);

        limit_file_size(pages * 4096 + 100);
        gboolean ok = put_batches(path, "a", 3, &error);
        limit_file_size(RLIM_INFINITY);
        g_assert_true(ok == (error == NULL));
        n_failed += !ok;
        if (!ok)
            g_assert_nonnull(strstr(error->message, path));
        entro_store_free(open_store(path, ENTRO_STORE_WRITE));
        assert_whole_batches(path);
        g_assert_true(put_batches(path, "a", 3, NULL)); /* with room again, it goes on */
        g_assert_cmpint(query_int(path, "SELECT count(*) FROM captures"), ==, 3 * BATCH);
    }
    g_assert_cmpuint(n_failed, >, 10);
    g_assert_cmpuint(n_failed, <, 100);
}

/* The database's own limit: SQLITE_FULL, which rolls back by itself. */
static void
a_full_database_says_so(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(10, 20, 20);

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    g_assert_true(entro_sql_exec(store, "PRAGMA max_page_count = 20", NULL));
    g_assert_false(entro_store_put_captures(store, run_id, &capture, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "cannot store step 10 in "));
    g_assert_nonnull(strstr(error->message, "full"));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 0);
    g_assert_true(entro_sql_exec(store, "PRAGMA max_page_count = 100000", NULL));
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
}

int
main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 5 && g_str_equal(argv[1], "--put"))
        return child_main(argv);
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/crash/writers-side-by-side-all-succeed", writers_side_by_side_all_succeed);
    FIXTURE_TEST("/db/crash/the-same-trace-twice-at-once-is-stored-once",
                 the_same_trace_twice_at_once_is_stored_once);
    FIXTURE_TEST("/db/crash/readers-see-whole-batches-meanwhile",
                 readers_see_whole_batches_meanwhile);
    FIXTURE_TEST("/db/crash/a-killed-writer-leaves-whole-batches",
                 a_killed_writer_leaves_whole_batches);
    FIXTURE_TEST("/db/crash/a-full-disk-loses-nothing-that-was-stored",
                 a_full_disk_loses_nothing_that_was_stored);
    FIXTURE_TEST("/db/crash/a-full-database-says-so", a_full_database_says_so);
    return g_test_run();
}
