/* test-store-compare.c: what a comparison asks for: configurations, and one moment for all. */
#include "store-fixture.h"

static void
one_moment_while_others_write(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    g_autoptr(EntroStore) reader = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GError) error = NULL;
    gboolean held = entro_store_hold(reader, &error);

    g_assert_no_error(error);
    g_assert_true(held);
    g_autoptr(GPtrArray) before = entro_store_list_runs(reader, &error);
    g_autoptr(EntroStore) writer = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(writer, "b", 1);
    put_step(writer, run_id, 10);
    g_autoptr(GPtrArray) during = entro_store_list_runs(reader, &error);
    g_assert_cmpuint(during->len, ==, before->len);
    /* calls with a transaction of their own take part in it, and do not end it */
    g_autoptr(EntroGrid) grid =
        entro_store_select_grid(reader, 1, "entropy_mean", ENTRO_STEP_LAST, &error);
    g_assert_no_error(error);
    g_assert_nonnull(grid);
    g_autoptr(GPtrArray) still = entro_store_list_runs(reader, &error);
    g_assert_cmpuint(still->len, ==, before->len);
    entro_store_release(reader);
    g_autoptr(GPtrArray) after = entro_store_list_runs(reader, &error);
    g_assert_cmpuint(after->len, ==, before->len + 1);
    entro_store_release(reader); /* nothing held: nothing done */
}

static void
a_store_that_holds_can_be_freed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    g_autoptr(EntroStore) reader = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GError) error = NULL;

    g_assert_true(entro_store_hold(reader, &error));
    g_autoptr(GPtrArray) runs = entro_store_list_runs(reader, &error);
    g_assert_nonnull(runs);
}

static void
configurations_come_as_text(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    run_sql(fixture->path, "INSERT INTO run_config VALUES (1, 'lr', '0.001'), (1, 'note', NULL),"
                           " (1, 'odd '' key', 'x')");
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) config = entro_store_select_config(store, 1, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(g_hash_table_lookup(config, "lr"), ==, "0.001");
    g_assert_cmpstr(g_hash_table_lookup(config, "odd ' key"), ==, "x");
    g_assert_false(g_hash_table_contains(config, "note"));
    g_autoptr(GHashTable) none = entro_store_select_config(store, 77, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_hash_table_size(none), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/store-compare/one-moment-while-others-write", one_moment_while_others_write);
    FIXTURE_TEST("/store-compare/a-store-that-holds-can-be-freed", a_store_that_holds_can_be_freed);
    FIXTURE_TEST("/store-compare/configurations-come-as-text", configurations_come_as_text);
    return g_test_run();
}
