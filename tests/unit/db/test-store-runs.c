/* test-store-runs.c: runs are created, found, refused and replaced. */
#include "store-fixture.h"

static gboolean
begin_other(EntroStore *store, const char *name, guint attempt, const char *fingerprint,
            gboolean replace, gint64 *ret_run_id, GError **error)
{
    EntroRunInfo info = {.name = (char *)name,
                         .attempt = attempt,
                         .fingerprint = (char *)fingerprint,
                         .causal = -1};

    return entro_store_begin_run(store, &info, replace, ret_run_id, error);
}

static void
a_run_is_read_as_it_was_begun(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_setenv("SOURCE_DATE_EPOCH", "1735689600", TRUE);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    g_unsetenv("SOURCE_DATE_EPOCH");
    put_step(store, run_id, 10);
    put_step(store, run_id, 30);
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, "a", NULL);
    g_assert_cmpint(info->id, ==, run_id);
    g_assert_cmpuint(info->attempt, ==, 1);
    g_assert_cmpstr(info->source, ==, "trace.h5");
    g_assert_cmpstr(info->fingerprint, ==, "0123456789abcdef");
    g_assert_cmpstr(info->open_mode, ==, "plain");
    g_assert_cmpstr(info->arch, ==, "SM");
    g_assert_cmpstr(info->producer, ==, "test");
    g_assert_cmpint(info->n_layers, ==, 2);
    g_assert_cmpint(info->n_heads, ==, 3);
    g_assert_cmpint(info->context_length, ==, 16);
    g_assert_cmpint(info->causal, ==, 1);
    g_assert_cmpstr(info->created_at, ==, "2025-01-01T00:00:00Z");
    g_assert_cmpstr(info->tool_version, ==, "0.1.0");
    g_assert_cmpint(info->n_captures, ==, 2);
    g_assert_cmpint(info->first_step, ==, 10);
    g_assert_cmpint(info->last_step, ==, 30);
}

static void
what_is_unknown_is_null(Fixture *fixture, gconstpointer data)
{
    gint64 run_id = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_assert_true(begin_other(store, "a", 1, "f", FALSE, &run_id, NULL));
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, "a", NULL);
    g_assert_cmpint(info->causal, ==, -1);
    g_assert_null(info->source);
    g_assert_cmpint(info->n_captures, ==, 0);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM runs WHERE causal IS NULL"
                                             " AND context_length IS NULL"),
                    ==, 1);
    g_autoptr(GDateTime) created = g_date_time_new_from_iso8601(info->created_at, NULL);
    g_assert_nonnull(created);
}

static void
a_name_means_its_latest_attempt(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 first = begin_run(store, "a", 1);
    gint64 second = begin_run(store, "a", 2);
    g_autofree char *ref = g_strdup_printf("#%" G_GINT64_FORMAT, first);
    g_autoptr(EntroRunInfo) latest = entro_store_find_run(store, "a", NULL);
    g_autoptr(EntroRunInfo) by_id = entro_store_find_run(store, ref, NULL);
    g_autoptr(EntroRunInfo) exact = NULL;
    g_autoptr(EntroRunInfo) none = NULL;
    g_assert_cmpint(latest->id, ==, second);
    g_assert_cmpint(by_id->id, ==, first);
    g_assert_true(entro_store_lookup_run(store, "a", 1, &exact, NULL));
    g_assert_cmpint(exact->id, ==, first);
    g_assert_true(entro_store_lookup_run(store, "a", 3, &none, NULL));
    g_assert_null(none);
    g_assert_cmpint(query_int(fixture->path, "SELECT run_id FROM run_latest"), ==, second);
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, NULL);
    g_assert_cmpuint(runs->len, ==, 2);
}

static void
a_run_named_like_an_id_is_found(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "#77", 1);
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, "#77", NULL);
    g_assert_cmpint(info->id, ==, run_id);
}

static void
an_unknown_name_lists_the_closest(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_assert_null(entro_store_find_run(store, "helthy", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "it holds no runs"));
    g_clear_error(&error);
    for (guint j = 0; j < 12; j++) {
        g_autofree char *name = g_strdup_printf("seed-%02u", j);
        begin_run(store, name, 1);
    }
    begin_run(store, "Healthy", 1);
    begin_run(store, "es\033cape", 1);
    g_assert_null(entro_store_find_run(store, "helthy", &error));
    g_assert_nonnull(strstr(error->message, "no run 'helthy'; there are 'Healthy', "));
    g_assert_nonnull(strstr(error->message, " and 2 more"));
    g_assert_null(strchr(error->message, '\033'));
    g_clear_error(&error);
    g_assert_null(entro_store_find_run(store, "#99", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

static void
another_trace_of_the_same_name_is_a_conflict(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gint64 run_id = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    begin_run(store, "a", 1);
    g_assert_false(begin_other(store, "a", 1, "fedcba9876543210", FALSE, &run_id, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "fingerprint 0123456789ab, this one is fedcba987654;"));
    g_assert_nonnull(strstr(error->message, "--run OTHER-NAME"));
    g_assert_nonnull(strstr(error->message, "--replace"));
    g_assert_cmpint(run_id, ==, 0);
}

static void
replacing_takes_the_old_trace_with_all_its_attempts(Fixture *fixture, gconstpointer data)
{
    gint64 run_id = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 first = begin_run(store, "a", 1);
    gint64 second = begin_run(store, "a", 2);
    gint64 other = begin_run(store, "b", 1);
    put_step(store, first, 10);
    put_step(store, second, 10);
    put_step(store, other, 10);
    g_assert_true(begin_other(store, "a", 1, "new", TRUE, &run_id, NULL));
    g_assert_cmpint(run_id, ==, first);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM runs"), ==, 2);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_stats"), ==, 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 1);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM layer_stats"), ==, 2);
}

/* To analyse again with other options; the other attempts of the same trace stay. */
static void
replacing_the_same_trace_empties_the_run(Fixture *fixture, gconstpointer data)
{
    gint64 run_id = 0;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 first = begin_run(store, "a", 1);
    gint64 second = begin_run(store, "a", 2);
    put_step(store, first, 10);
    put_step(store, second, 10);
    g_assert_true(begin_other(store, "a", 2, "0123456789abcdef", TRUE, &run_id, NULL));
    g_assert_cmpint(run_id, ==, second);
    g_assert_cmpint(query_int(fixture->path, "SELECT run_id FROM captures"), ==, first);
}

static void
names_in_messages_are_printable(void)
{
    g_autofree char *escaped = entro_quote_name("a\n\033[1m\377\xe2\x80\xaez\xc3\xa9");
    g_autofree char *endless = g_strnfill(5000, 'x');
    g_autofree char *cut = entro_quote_name(endless);

    g_assert_cmpstr(escaped, ==, "'a\\x0a\\x1b[1m\\xff\\xe2\\x80\\xaez\xc3\xa9'");
    g_assert_cmpuint(strlen(cut), <, 130);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/runs/a-run-is-read-as-it-was-begun", a_run_is_read_as_it_was_begun);
    FIXTURE_TEST("/db/runs/what-is-unknown-is-null", what_is_unknown_is_null);
    FIXTURE_TEST("/db/runs/a-name-means-its-latest-attempt", a_name_means_its_latest_attempt);
    FIXTURE_TEST("/db/runs/a-run-named-like-an-id-is-found", a_run_named_like_an_id_is_found);
    FIXTURE_TEST("/db/runs/an-unknown-name-lists-the-closest", an_unknown_name_lists_the_closest);
    FIXTURE_TEST("/db/runs/another-trace-of-the-same-name-is-a-conflict",
                 another_trace_of_the_same_name_is_a_conflict);
    FIXTURE_TEST("/db/runs/replacing-takes-the-old-trace-with-all-its-attempts",
                 replacing_takes_the_old_trace_with_all_its_attempts);
    FIXTURE_TEST("/db/runs/replacing-the-same-trace-empties-the-run",
                 replacing_the_same_trace_empties_the_run);
    g_test_add_func("/db/runs/names-in-messages-are-printable", names_in_messages_are_printable);
    return g_test_run();
}
