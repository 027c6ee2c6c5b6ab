/* test-store-config.c: single values of run_config. */
#include "store-fixture.h"

static void
assert_value(EntroStore *store, gint64 run_id, const char *key, const char *expected)
{
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(entro_store_get_config(store, run_id, key, &value, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(value, ==, expected);
}

static void
a_value_belongs_to_its_run_and_key(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 a = begin_run(store, "a", 1), b = begin_run(store, "b", 1);

    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO run_config VALUES (%d, 'd_model', '64'), (%d, 'd_model', '96'),"
        " (%d, 'it''s \"x\"', ''), (%d, 'D_MODEL', 'other')",
        (int)a, (int)b, (int)a, (int)a);
    run_sql(fixture->path, sql);
    assert_value(store, a, "d_model", "64");
    assert_value(store, b, "d_model", "96");
    assert_value(store, a, "it's \"x\"", "");
    assert_value(store, b, "it's \"x\"", NULL);
    assert_value(store, a, "d_mode_", NULL);
    assert_value(store, a, "", NULL);
    assert_value(store, 99, "d_model", NULL);
}

static void
a_table_that_is_gone_is_an_error(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    char *value = NULL;

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    run_sql(fixture->path, "DROP TABLE run_config");
    g_assert_false(entro_store_get_config(store, run_id, "arch", &value, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, fixture->path));
    g_assert_null(value);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/config/a-value-belongs-to-its-run-and-key",
                 a_value_belongs_to_its_run_and_key);
    FIXTURE_TEST("/db/config/a-table-that-is-gone-is-an-error", a_table_that_is_gone_is_an_error);
    return g_test_run();
}
