/* test-store-put.c: captures, configuration and scalars go in once, whole, and the same each time. */
#include "store-fixture.h"

#include <math.h>

/* ---- captures ------------------------------------------------------------------------------- */

static void
what_is_not_finite_is_null(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    capture.heads[0].values[ENTRO_HEAD_ENTROPY_SD] = NAN;
    capture.heads[1].values[ENTRO_HEAD_ENTROPY_SD] = INFINITY;
    capture.heads[2].values[ENTRO_HEAD_ENTROPY_SD] = -INFINITY;
    capture.heads[3].values[ENTRO_HEAD_ENTROPY_SD] = 5e-324;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, &error));
    free_capture(&capture);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"
                                             " WHERE entropy_sd IS NULL"),
                    ==, 3);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"
                                             " WHERE entropy_sd = 5e-324"),
                    ==, 1);
}

static void
capture_row_tells_digest_and_status(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    put_step(store, run_id, 5);
    capture.status = ENTRO_CAPTURE_PARTIAL;
    capture.detail = g_strdup("layer 1: damaged");
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    g_autofree char *row =
        query_text(fixture->path, "SELECT digest || status || detail FROM captures"
                                  " WHERE step = 10");
    g_assert_cmpstr(row, ==, "fedcba9876543210partiallayer 1: damaged");
    g_autoptr(GArray) steps = entro_store_stored_steps(store, run_id, NULL);
    g_assert_cmpuint(steps->len, ==, 1); /* the partial one is to be read again */
    g_assert_cmpint(g_array_index(steps, gint64, 0), ==, 5);
}

static char *
read_wal(const char *path, gsize *ret_size)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);

    return read_file(wal, ret_size);
}

static void
the_same_again_changes_nothing(Fixture *fixture, gconstpointer data)
{
    gsize size = 0;
    gsize size_after = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    put_step(store, run_id, 10);
    put_step(store, run_id, 20);
    g_autofree char *before = dump_tables(fixture->path);
    g_autofree char *wal_before = read_wal(fixture->path, &size);
    g_assert_cmpint(begin_run(store, "a", 1), ==, run_id);
    put_step(store, run_id, 10);
    put_step(store, run_id, 20);
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(before, ==, after);
    g_autofree char *wal_after = read_wal(fixture->path, &size_after);
    g_assert_cmpmem(wal_before, size, wal_after, size_after);
}

static void
another_reading_of_a_capture_takes_its_place(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    put_step(store, run_id, 10);
    put_step(store, run_id, 20);
    capture.heads[4].values[ENTRO_HEAD_ENTROPY_MEAN] = 2.385;
    capture.n_layers = 1;
    capture.n_heads = 5; /* head 2 of layer 1 is not there any more */
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats WHERE step = 10"), ==,
                    5);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats WHERE step = 20"), ==,
                    6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM layer_stats WHERE step = 10"),
                    ==, 1);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"
                                             " WHERE entropy_mean = 2.385 AND layer = 1"),
                    ==, 1);
}

/* A batch goes in whole or not at all. */
static void
a_batch_that_fails_leaves_nothing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture captures[] = {make_capture(10, 2, 3), make_capture(20, 2, 3)};

    (void)data;
    run_sql(fixture->path, "CREATE UNIQUE INDEX spoiler ON captures (n_rows)"); /* both have 100 */
    g_assert_false(entro_store_put_captures(store, run_id, captures, 2, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_true(g_str_has_prefix(error->message, "cannot store step 20 in "));
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), ==, 0);
    run_sql(fixture->path, "DROP INDEX spoiler");
    g_assert_true(entro_store_put_captures(store, run_id, captures, 2, NULL));
    free_capture(&captures[0]);
    free_capture(&captures[1]);
}

static void
captures_of_no_run_are_refused(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    g_assert_false(entro_store_put_captures(store, 7, &capture, 1, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 0);
    free_capture(&capture);
}

/* ---- configuration and scalars -------------------------------------------------------------- */

/* A trace with one scalar and captures at steps 100, 200 (and 100 again, if restarted). */
typedef struct {
    gint64 steps[3];
    guint attempts[3];
    EntroConfigEntry config[2];
    EntroScalar scalar;
    EntroTrace trace;
} TestTrace;

static void
init_trace(TestTrace *test, gboolean restarted, gint64 *step, double *value, gsize n)
{
    *test = (TestTrace){.steps = {100, 200, 100},
                        .attempts = {1, 1, 2},
                        .config = {{"arch", "SM"}, {"lr", "0.02"}},
                        .scalar = {.name = "loss", .n = n, .step = step, .value = value}};
    test->trace = (EntroTrace){.attempt = 1,
                               .n_captures = restarted ? 3 : 2,
                               .steps = test->steps,
                               .attempts = test->attempts,
                               .n_config = 2,
                               .config = test->config,
                               .n_scalars = 1,
                               .scalars = &test->scalar};
}

static void
put_trace(EntroStore *store, gint64 run_id, const TestTrace *test, guint attempt)
{
    g_autoptr(GError) error = NULL;

    entro_store_put_trace(store, run_id, &test->trace, attempt, &error);
    g_assert_no_error(error);
}

static void
assert_curve(EntroStore *store, gint64 run_id, gsize n, const double *x, const double *y)
{
    g_autoptr(EntroCurve) curve = entro_store_select_scalar(store, run_id, "loss", NULL);

    g_assert_nonnull(curve);
    g_assert_cmpuint(curve->n, ==, n);
    for (gsize j = 0; j < n; j++) {
        g_assert_cmpfloat(curve->x[j], ==, x[j]);
        g_assert_true(curve->y[j] == y[j] || (isnan(curve->y[j]) && isnan(y[j])));
    }
}

static void
scalars_keep_what_was_not_finite(Fixture *fixture, gconstpointer data)
{
    gint64 step[] = {1, 2, 3, 4};
    double value[] = {2.385, NAN, INFINITY, -INFINITY};
    TestTrace test;

    (void)data;
    init_trace(&test, FALSE, step, value, 4);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    put_trace(store, run_id, &test, 1);
    assert_curve(store, run_id, 4, (double[]){1, 2, 3, 4}, (double[]){2.385, NAN, NAN, NAN});
    g_autofree char *states =
        query_text(fixture->path, "SELECT group_concat(state || ifnull(value, '-'))"
                                  " FROM (SELECT * FROM scalars ORDER BY step)");
    g_assert_cmpstr(states, ==, "finite2.385,nan-,inf-,-inf-");
    g_autofree char *config = query_text(fixture->path, "SELECT group_concat(key || '=' || value)"
                                                        " FROM run_config");
    g_assert_cmpstr(config, ==, "arch=SM,lr=0.02");
    g_auto(GStrv) names = entro_store_list_scalars(store, run_id, NULL);
    g_assert_cmpstr(names[0], ==, "loss");
    g_assert_null(names[1]);
}

static void
putting_a_trace_again_changes_nothing(Fixture *fixture, gconstpointer data)
{
    gint64 step[] = {1, 2, 3, 2, 3, 4}; /* a restart that no capture saw */
    double value[] = {6, 5, 4, 5.5, NAN, 4.5};
    TestTrace test;

    (void)data;
    init_trace(&test, FALSE, step, value, 6);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    put_trace(store, run_id, &test, 1);
    assert_curve(store, run_id, 4, (double[]){1, 2, 3, 4}, (double[]){6, 5.5, NAN, 4.5});
    g_autofree char *before = dump_tables(fixture->path);
    put_trace(store, run_id, &test, 1);
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(before, ==, after);
}

static void
scalars_belong_to_their_attempt(Fixture *fixture, gconstpointer data)
{
    gint64 step[] = {50, 150, 250, 50, 150};
    double value[] = {6, 5, 4, 5.9, 4.9};
    TestTrace test;

    (void)data;
    init_trace(&test, TRUE, step, value, 5);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 first = begin_run(store, "a", 1);
    gint64 second = begin_run(store, "a", 2);
    put_trace(store, first, &test, 1);
    put_trace(store, second, &test, 2);
    assert_curve(store, first, 3, (double[]){50, 150, 250}, (double[]){6, 5, 4});
    assert_curve(store, second, 2, (double[]){50, 150}, (double[]){5.9, 4.9});
}

/* Filled while the trace grew, the database ends as if it had been filled at once. */
static void
a_growing_trace_ends_the_same(Fixture *fixture, gconstpointer data)
{
    gint64 step[] = {50, 150, 60, 160, 260};
    double value[] = {6, 5, 5.8, 4.8, 3.8};
    TestTrace test;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    init_trace(&test, FALSE, step, value, 5); /* the restart's capture is not there yet */
    put_trace(store, run_id, &test, 1);
    assert_curve(store, run_id, 4, (double[]){50, 60, 160, 260}, (double[]){6, 5.8, 4.8, 3.8});
    init_trace(&test, TRUE, step, value, 5);
    put_trace(store, run_id, &test, 1);
    assert_curve(store, run_id, 2, (double[]){50, 150}, (double[]){6, 5});
}

/* ---- names ---------------------------------------------------------------------------------- */

static const char *const hostile[] = {
    "'; DROP TABLE runs; --",
    "\"quoted\"",
    "two\nlines",
    "=cmd|' /C calc'!A0",
    "\377\376 no text",
    "",
    "%s%n",
    "\033[31mred",
    "\xe2\x80\xae"
    "rtl",
};

static void
names_come_back_byte_for_byte(Fixture *fixture, gconstpointer data)
{
    gint64 step[] = {1};
    double value[] = {2.385};
    TestTrace test;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autofree char *schema = query_text(fixture->path, "SELECT group_concat(sql) FROM"
                                                        " sqlite_schema");
    init_trace(&test, FALSE, step, value, 1);
    for (gsize j = 0; j < G_N_ELEMENTS(hostile); j++) {
        gint64 run_id = begin_run(store, hostile[j], 1);
        test.scalar.name = (char *)hostile[j];
        test.config[0] = (EntroConfigEntry){(char *)hostile[j], (char *)hostile[j]};
        put_trace(store, run_id, &test, 1);
        g_autoptr(EntroRunInfo) info = entro_store_find_run(store, hostile[j], NULL);
        g_assert_cmpstr(info->name, ==, hostile[j]);
        g_auto(GStrv) names = entro_store_list_scalars(store, run_id, NULL);
        g_assert_cmpstr(names[0], ==, hostile[j]);
    }
    g_autofree char *after = query_text(fixture->path, "SELECT group_concat(sql) FROM"
                                                       " sqlite_schema");
    g_assert_cmpstr(schema, ==, after);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/put/what-is-not-finite-is-null", what_is_not_finite_is_null);
    FIXTURE_TEST("/db/put/capture-row-tells-digest-and-status",
                 capture_row_tells_digest_and_status);
    FIXTURE_TEST("/db/put/the-same-again-changes-nothing", the_same_again_changes_nothing);
    FIXTURE_TEST("/db/put/another-reading-of-a-capture-takes-its-place",
                 another_reading_of_a_capture_takes_its_place);
    FIXTURE_TEST("/db/put/a-batch-that-fails-leaves-nothing", a_batch_that_fails_leaves_nothing);
    FIXTURE_TEST("/db/put/captures-of-no-run-are-refused", captures_of_no_run_are_refused);
    FIXTURE_TEST("/db/put/scalars-keep-what-was-not-finite", scalars_keep_what_was_not_finite);
    FIXTURE_TEST("/db/put/putting-a-trace-again-changes-nothing",
                 putting_a_trace_again_changes_nothing);
    FIXTURE_TEST("/db/put/scalars-belong-to-their-attempt", scalars_belong_to_their_attempt);
    FIXTURE_TEST("/db/put/a-growing-trace-ends-the-same", a_growing_trace_ends_the_same);
    FIXTURE_TEST("/db/put/names-come-back-byte-for-byte", names_come_back_byte_for_byte);
    return g_test_run();
}
