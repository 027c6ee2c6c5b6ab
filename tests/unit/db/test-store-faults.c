/* test-store-faults.c: the n-th thing that SQLite is asked to do fails, for every n: what the database holds
 * then is what it held before, or all of what was to be put.
 *
 * Two ways to fail are put on every connection: a statement that may not be prepared (its authorizer says
 * no), and one that is interrupted while it runs (its progress handler does).  Of what opening and copying
 * ask by PRAGMA, which is too little to be met by chance, each fails by its name. */
#include "store-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

typedef enum { PREPARE, RUN, N_WAYS } Way;

static struct {
    Way way;
    guint n, at;        /* calls so far; the one that fails, 0: none */
    guint n_all;        /* of an undisturbed deed */
    gboolean rests;     /* nothing is counted */
    const char *pragma; /* fails by its name, and nothing is counted; NULL: none */
    gboolean is_next;   /* what runs next is interrupted */
} plan;

static gboolean
fails(Way way)
{
    return !plan.rests && plan.way == way && ++plan.n == plan.at;
}

static int
authorize(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)data;
    (void)b;
    (void)c;
    (void)d;
    if (plan.pragma == NULL)
        return fails(PREPARE) ? SQLITE_DENY : SQLITE_OK;
    plan.is_next = action == SQLITE_PRAGMA && g_str_equal(a, plan.pragma);
    return plan.is_next && plan.way == PREPARE ? SQLITE_DENY : SQLITE_OK;
}

static int
interrupt(void *data)
{
    (void)data;
    return plan.pragma == NULL ? fails(RUN) : plan.is_next;
}

static int
disturb(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
    (void)message;
    (void)api;
    sqlite3_set_authorizer(db, authorize, NULL);
    sqlite3_progress_handler(db, 1, interrupt, NULL);
    return SQLITE_OK;
}

/* ---- what is done --------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    void (*prepare)(const char *path);
    gboolean (*act)(const char *path, GError **error);
    gboolean expect_failure;
} Deed;

static void
prepare_nothing(const char *path)
{
    (void)path;
}

static gboolean
open_new(const char *path, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_WRITE, error);

    return store != NULL;
}

static gboolean
open_to_read(const char *path, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_READ, error);

    return store != NULL;
}

/* What opening does fails elsewhere. */
static EntroStore *
open_in_peace(const char *path)
{
    plan.rests = TRUE;
    EntroStore *store = open_store(path, ENTRO_STORE_WRITE);
    plan.rests = FALSE;
    return store;
}

/* Captures that are new, the same, and one with fewer rows than it had. */
static gboolean
put_captures(const char *path, GError **error)
{
    g_autoptr(EntroStore) store = open_in_peace(path);
    EntroCapture captures[] = {make_capture(10, 2, 3), make_capture(20, 1, 2),
                               make_capture(30, 2, 3)};

    add_params(&captures[2], 2, 3);
    gboolean good = store != NULL &&
                    entro_store_put_captures(store, 1, captures, G_N_ELEMENTS(captures), error);
    for (guint i = 0; i < G_N_ELEMENTS(captures); i++)
        free_capture(&captures[i]);
    return good;
}

/* What was stored has another digest. */
static gboolean
put_conflict(const char *path, GError **error)
{
    g_autoptr(EntroStore) store = open_in_peace(path);
    EntroCapture capture = make_capture(10, 2, 3);

    capture.digest++;
    gboolean good = entro_store_check_capture(store, 1, &capture, error);
    free_capture(&capture);
    return good;
}

static gboolean
put_scalars(const char *path, GError **error, gsize n)
{
    gint64 steps[] = {1, 2, 3}, captures[] = {10, 20};
    guint attempts[] = {1, 1};
    double values[] = {3, 2, 1};
    EntroConfigEntry config[] = {{(char *)"arch", (char *)"SM"}, {(char *)"lr", (char *)"0.02"}};
    EntroScalar scalar = {.name = (char *)"loss", .n = n, .step = steps, .value = values};
    const EntroTrace trace = {.attempt = 1,
                              .n_captures = 2,
                              .steps = captures,
                              .attempts = attempts,
                              .n_config = 2,
                              .config = config,
                              .n_scalars = 1,
                              .scalars = &scalar};
    g_autoptr(EntroStore) store = open_in_peace(path);

    return entro_store_put_trace(store, 1, &trace, 1, error);
}

static void
prepare_scalars(const char *path)
{
    make_database(path);
    g_assert_true(put_scalars(path, NULL, 3));
}

/* One of them is no more among those of the trace. */
static gboolean
put_fewer_scalars(const char *path, GError **error)
{
    return put_scalars(path, error, 2);
}

static gboolean
back_up(const char *path, GError **error)
{
    g_autofree char *to = g_strconcat(path, ".copy", NULL);
    gboolean done = FALSE;

    gboolean good = entro_store_backup(path, to, NULL, NULL, &done, error);
    g_assert_true(!good || done);
    g_assert_cmpint(g_file_test(to, G_FILE_TEST_EXISTS), ==, good); /* whole or not at all */
    g_unlink(to);
    return good;
}

static void
prepare_healthy(const char *path)
{
    g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    capture.n_rows = 0;
    for (guint i = 0; i < capture.n_heads; i++)
        capture.n_rows += capture.heads[i].n_rows;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
}

/* A check that cannot be done is a problem, not an error; and nothing is sound that was not looked at. */
static gboolean
check_health(const char *path, GError **error)
{
    g_autoptr(EntroStoreHealth) health = entro_store_check(path, error);

    if (health == NULL)
        return FALSE;
    if (health->problems->len == 0) {
        g_assert_cmpint(health->version, ==, entro_schema_version());
        g_assert_cmpint(health->n_runs, ==, 1);
        g_assert_cmpint(health->n_captures, ==, 1);
        /* but for the end of the transaction, when all has been looked at */
        g_assert_true(plan.at == 0 || plan.n < plan.at || plan.at + 3 > plan.n_all);
        return TRUE;
    }
    g_set_error_literal(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO,
                        ((EntroStoreProblem *)health->problems->pdata[0])->sentence);
    return FALSE;
}

static const Deed deeds[] = {
    {"open-new", prepare_nothing, open_new, FALSE},
    {"open-to-read", make_database, open_to_read, FALSE},
    {"put-captures", make_database, put_captures, FALSE},
    {"put-conflict", make_database, put_conflict, TRUE},
    {"put-scalars", prepare_scalars, put_fewer_scalars, FALSE},
    {"back-up", make_database, back_up, FALSE},
    {"check", prepare_healthy, check_health, FALSE},
};

/* ---- every failure -------------------------------------------------------------------------------- */

/* At most, of each way and deed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRIES 10
#else
#define TRIES 100
#endif

/* "" of none; schemas that are half made would not be read. */
static char *
dump(const char *path)
{
    if (entro_store_is_empty_or_missing(path, ""))
        return g_strdup("");
    const guint at = plan.at;
    plan.at = 0;
    char *text = query_int(path, "SELECT count(*) FROM sqlite_schema") == 0 ? g_strdup("")
                                                                            : dump_tables(path);
    plan.at = at;
    return text;
}

/* The database as it is before the deed; made once, as that takes the disk its time. */
static struct {
    char *bytes; /* NULL: there is none */
    gsize n;
} image;

static void
begin(const Fixture *fixture, const Deed *deed)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->folder, 0, NULL);
    const char *name;

    plan.at = 0;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_unlink(path);
    }
    if (image.bytes != NULL) {
        g_assert_true(g_file_set_contents_full(fixture->path, image.bytes, (gssize)image.n,
                                               G_FILE_SET_CONTENTS_NONE, 0644, NULL));
        return;
    }
    deed->prepare(fixture->path);
    if (g_file_test(fixture->path, G_FILE_TEST_EXISTS))
        image.bytes = read_file(fixture->path, &image.n);
}

static guint
count(const Fixture *fixture, const Deed *deed, Way way, char **ret_before, char **ret_after)
{
    g_autoptr(GError) error = NULL;

    begin(fixture, deed);
    *ret_before = dump(fixture->path);
    plan.way = way;
    plan.n = 0;
    g_assert_cmpint(deed->act(fixture->path, &error), ==, !deed->expect_failure);
    const guint n = plan.n_all = plan.n;
    *ret_after = dump(fixture->path);
    return n;
}

static void
every_failure_is_told_and_harmless(Fixture *fixture, gconstpointer data)
{
    const Deed *deed = data;

    g_clear_pointer(&image.bytes, g_free);
    for (Way way = 0; way < N_WAYS; way++) {
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        const guint n = count(fixture, deed, way, &before, &after);
        g_test_message("%s: %u", deed->name, n);
        const guint stride = (n + TRIES - 1) / TRIES;
        guint n_told = 0;

        g_assert_cmpuint(n, >, 5);
        for (guint at = 1; at <= n; at += stride) {
            g_autoptr(GError) error = NULL;
            begin(fixture, deed);
            plan.way = way;
            plan.n = 0;
            plan.at = at;
            gboolean good = deed->act(fixture->path, &error);
            g_assert_true(good == (error == NULL));
            n_told += !good;
            g_autofree char *now = dump(fixture->path);
            if (!g_str_equal(now, before) && !g_str_equal(now, after))
                g_error("%s, %u of %u: neither as before nor as after: %s", deed->name, at, n,
                        error != NULL ? error->message : "good");
            plan.at = 0;
            g_clear_error(&error);
            g_assert_cmpint(deed->act(fixture->path, &error), ==, !deed->expect_failure);
            g_autofree char *again = dump(fixture->path);
            g_assert_cmpstr(again, ==, after);
        }
        g_assert_cmpuint(n_told, >, 0);
    }
}

static gboolean
everywhere(const char *folder)
{
    (void)folder;
    return TRUE;
}

static gboolean
open_on_a_network(const char *path, GError **error)
{
    gboolean (*usual)(const char *) = entro_guard_is_network;

    entro_guard_is_network = everywhere;
    gboolean good = open_new(path, error);
    entro_guard_is_network = usual;
    return good;
}

static const struct {
    const char *pragma;
    gboolean (*act)(const char *path, GError **error);
} pragmas[] = {
    {"foreign_keys", open_to_read},   {"query_only", open_to_read},
    {"application_id", open_to_read}, {"page_size", open_new},
    {"synchronous", open_new},        {"journal_mode", open_on_a_network},
    {"journal_mode", back_up}, /* of the copy */
    {"quick_check", back_up},
};

static void
every_pragma_that_fails_is_told(Fixture *fixture, gconstpointer data)
{
    (void)data;
    plan.at = 0;
    for (guint i = 0; i < 2 * G_N_ELEMENTS(pragmas); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, i);
        const guint row = i / 2;
        make_database(path);
        g_autofree char *before = dump_tables(path);
        plan.way = i % 2 == 0 ? PREPARE : RUN;
        plan.pragma = pragmas[row].pragma;
        gboolean good = pragmas[row].act(path, &error);
        plan.pragma = NULL;
        if (good || strstr(error->message, path) == NULL ||
            strstr(error->message, plan.way == PREPARE ? "not authorized" : "interrupted") == NULL)
            g_error("%s: %s", pragmas[row].pragma, good ? "nothing is said" : error->message);
        g_autofree char *after = dump_tables(path);
        g_assert_cmpstr(after, ==, before);
        g_assert_true(pragmas[row].act(path, NULL));
    }
}

/* The log is not ours in this program: whatever lies beside a database makes it suspect. */
static void
journals_are_suspect_without_the_log(Fixture *fixture, gconstpointer data)
{
    static const char *const suffixes[] = {"-journal", "-wal"};

    (void)data;
    plan.at = 0;
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strdup_printf("%s/%u.db", fixture->folder, i);
        g_autofree char *journal = g_strconcat(path, suffixes[i], NULL);
        make_database(path);
        run_sql(path, "PRAGMA ignore_check_constraints = ON; UPDATE captures SET status = 'x'");
        entro_store_free(open_store(path, ENTRO_STORE_READ)); /* nobody looks */
        write_file(journal, "nothing that counts", 19);
        assert_open_fails(path, ENTRO_STORE_READ, "a writer that did not come to its end");
    }
}

/* More than SQLite takes, by a limit of ours: it is refused where it is bound. */
static void
a_text_that_is_too_long(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(30, 2, 3);

    (void)data;
    plan.at = 0;
    make_database(fixture->path);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autofree char *before = dump_tables(fixture->path);
    capture.detail = g_strnfill((64 << 20) + 1, 'x');
    g_assert_false(entro_store_put_captures(store, 1, &capture, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "too big"));
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(after, ==, before);
    free_capture(&capture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("SOURCE_DATE_EPOCH", "1700000000", TRUE); /* the same database each time */
    /* with it, SQLite is in use before we are: its log is not ours (guard.c) */
    g_assert_cmpint(sqlite3_auto_extension((void (*)(void))disturb), ==, SQLITE_OK);
    for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
        g_autofree char *path = g_strdup_printf("/db/faults/%s", deeds[i].name);
        g_test_add(path, Fixture, &deeds[i], fixture_set_up, every_failure_is_told_and_harmless,
                   fixture_tear_down);
    }
    FIXTURE_TEST("/db/faults/every-pragma-that-fails-is-told", every_pragma_that_fails_is_told);
    FIXTURE_TEST("/db/faults/journals-are-suspect-without-the-log",
                 journals_are_suspect_without_the_log);
    FIXTURE_TEST("/db/faults/a-text-that-is-too-long", a_text_that_is_too_long);
    return g_test_run();
}
