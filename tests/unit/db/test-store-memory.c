/* test-store-memory.c: SQLite runs out of memory at its n-th allocation, for every n.
 *
 * A step that failed and went unseen would commit half a capture; this is how to see it. */
#include "store-fixture.h"

static sqlite3_mem_methods real;
static gint64 countdown = -1; /* allocations until the one that fails; negative: none does */

static gboolean
fails_now(void)
{
    return countdown >= 0 && countdown-- == 0;
}

static void *
failing_malloc(int size)
{
    return fails_now() ? NULL : real.xMalloc(size);
}

static void *
failing_realloc(void *memory, int size)
{
    return fails_now() ? NULL : real.xRealloc(memory, size);
}

static void
install(void)
{
    g_assert_cmpint(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), ==, SQLITE_OK);
    sqlite3_mem_methods failing = real;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    g_assert_cmpint(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), ==, SQLITE_OK);
}

/* TRUE when the allocation that was to fail was never asked for. */
static gboolean
went_through(void)
{
    gboolean through = countdown >= 0;

    countdown = -1;
    return through;
}

/* Every n takes a minute, a random sample of them a second or two. */
static gint64
stride(gint64 usual)
{
    return g_test_thorough() ? 1 : g_test_rand_int_range(1, 2 * (gint32)usual);
}

static void
assert_consistent(gboolean ok, const GError *error)
{
    g_assert_true(ok == (error == NULL));
    if (error != NULL)
        g_assert_error(error, ENTRO_STORE_ERROR, (gint)error->code);
}

static void
a_capture_is_whole_or_absent(Fixture *fixture, gconstpointer data)
{
    gboolean through = FALSE;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    for (gint64 n = 0; !through; n += stride(7)) {
        g_autoptr(GError) error = NULL;
        EntroCapture capture = make_capture(n, 2, 3);

        countdown = n;
        gboolean ok = entro_store_put_captures(store, run_id, &capture, 1, &error);
        through = went_through();
        free_capture(&capture);
        assert_consistent(ok, error);
        g_autofree char *sql =
            g_strdup_printf("SELECT (SELECT count(*) FROM captures WHERE step = %" G_GINT64_FORMAT
                            ")"
                            " + (SELECT count(*) FROM head_stats WHERE step = %" G_GINT64_FORMAT ")"
                            " + (SELECT count(*) FROM layer_stats WHERE step = %" G_GINT64_FORMAT
                            ")",
                            n, n, n);
        g_assert_cmpint(query_int(fixture->path, sql), ==, ok ? 1 + 6 + 2 : 0);
        g_assert_true(ok || !through);
    }
}

static void
a_database_is_created_or_not(Fixture *fixture, gconstpointer data)
{
    gboolean through = FALSE;

    (void)data;
    for (gint64 n = 0; !through; n += stride(250)) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%" G_GINT64_FORMAT ".db", fixture->folder, n);

        countdown = n;
        EntroStore *store = entro_store_open(path, ENTRO_STORE_WRITE, &error);
        through = went_through();
        assert_consistent(store != NULL, error);
        entro_store_free(store);
        entro_store_free(open_store(path, ENTRO_STORE_WRITE));
    }
}

static void
a_reader_gets_everything_or_an_error(Fixture *fixture, gconstpointer data)
{
    gboolean through = FALSE;

    (void)data;
    g_autoptr(EntroStore) writer = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(writer, "a", 1);
    put_step(writer, run_id, 10);
    put_step(writer, run_id, 20);
    for (gint64 n = 0; !through; n += stride(7)) {
        g_autoptr(GError) error = NULL;

        countdown = n;
        g_autoptr(EntroStore) store = entro_store_open(fixture->path, ENTRO_STORE_READ, &error);
        g_autoptr(GPtrArray) curves =
            store == NULL ? NULL
                          : entro_store_select_layer_curves(store, run_id, "entropy_mean", &error);
        through = went_through();
        assert_consistent(curves != NULL, error);
        if (curves != NULL) {
            const EntroCurve *last = g_ptr_array_index(curves, curves->len - 1);
            g_assert_cmpint(last->number, ==, 1);
            g_assert_cmpuint(last->n, ==, 2);
            g_assert_cmpfloat_with_epsilon(last->y[1], expected_entropy(20, 1, 1), 1e-12);
        }
    }
}

static void
an_export_is_whole_or_an_error(Fixture *fixture, gconstpointer data)
{
    const EntroExportOptions options = {.format = ENTRO_EXPORT_CSV};
    g_autoptr(GString) whole = g_string_new(NULL);
    gboolean through = FALSE;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_step(store, begin_run(store, "a", 1), 10);
    g_assert_true(entro_store_export(store, "runs", &options, whole, NULL));
    for (gint64 n = 0; !through; n += stride(7)) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) out = g_string_new(NULL);

        countdown = n;
        gboolean ok = entro_store_export(store, "runs", &options, out, &error);
        through = went_through();
        assert_consistent(ok, error);
        if (ok)
            g_assert_cmpstr(out->str, ==, whole->str);
    }
}

int
main(int argc, char **argv)
{
    install();
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/memory/a-capture-is-whole-or-absent", a_capture_is_whole_or_absent);
    FIXTURE_TEST("/db/memory/a-database-is-created-or-not", a_database_is_created_or_not);
    FIXTURE_TEST("/db/memory/a-reader-gets-everything-or-an-error",
                 a_reader_gets_everything_or_an_error);
    FIXTURE_TEST("/db/memory/an-export-is-whole-or-an-error", an_export_is_whole_or_an_error);
    return g_test_run();
}
