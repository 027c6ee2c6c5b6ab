/* test-store-params.c: learnable parameters in the database, and a database from before there were
 * any. */
#include "store-fixture.h"

#include <math.h>

static void
put_params(EntroStore *store, gint64 run_id, gint64 step)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(step, 2, 3);

    add_params(&capture, 2, 3);
    entro_store_put_captures(store, run_id, &capture, 1, &error);
    g_assert_no_error(error);
    free_capture(&capture);
}

static gint64
count_of(const char *path, const char *table)
{
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s", table);

    return query_int(path, sql);
}

/* ---- putting ---------------------------------------------------------------------------------- */

static void
every_value_is_stored(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);

    (void)data;
    put_params(store, begin_run(store, "a", 1), 10);
    g_assert_cmpint(count_of(fixture->path, "head_params"), ==, 6);
    g_assert_cmpint(count_of(fixture->path, "layer_params"), ==, 2);
    for (guint j = 0; j < ENTRO_HEAD_PARAM_N_COLUMNS; j++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT %s FROM head_params WHERE step = 10 AND layer = 1 AND head = 2",
                            entro_head_param_columns()[j].name);
        g_autofree char *text = query_text(fixture->path, sql);
        g_assert_cmpfloat(g_ascii_strtod(text, NULL), ==, expected_param(10, 1, 2, j));
    }
    for (guint j = 0; j < ENTRO_LAYER_PARAM_N_COLUMNS; j++) {
        g_autofree char *sql = g_strdup_printf("SELECT %s FROM layer_params WHERE layer = 1",
                                               entro_layer_param_columns()[j].name);
        g_autofree char *text = query_text(fixture->path, sql);
        g_assert_cmpfloat(g_ascii_strtod(text, NULL), ==, expected_param(10, 1, 0, j));
    }
}

static void
what_is_not_finite_is_null(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    add_params(&capture, 2, 3);
    capture.head_params[4].values[ENTRO_HEAD_PARAM_THRESHOLD] = NAN;
    capture.layer_params[0].values[ENTRO_LAYER_PARAM_BETA] = INFINITY;
    g_assert_true(entro_store_put_captures(store, begin_run(store, "a", 1), &capture, 1, NULL));
    free_capture(&capture);
    g_assert_cmpint(query_int(fixture->path, "SELECT 10 * layer + head FROM head_params"
                                             " WHERE threshold IS NULL"),
                    ==, 11);
    g_assert_cmpint(query_int(fixture->path,
                              "SELECT count(*) FROM head_params WHERE threshold IS NULL"),
                    ==, 1);
    g_assert_cmpint(query_int(fixture->path, "SELECT layer FROM layer_params WHERE beta IS NULL"),
                    ==, 0);
}

static void
rows_are_replaced_and_removed_as_those_of_heads(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    put_params(store, run_id, 10);
    put_params(store, run_id, 20);
    g_autofree char *before = dump_tables(fixture->path);
    put_params(store, run_id, 10); /* the same again */
    g_autofree char *after = dump_tables(fixture->path);
    g_assert_cmpstr(before, ==, after);
    add_params(&capture, 1, 3); /* fewer layers, another value */
    capture.head_params[0].values[ENTRO_HEAD_PARAM_THRESHOLD] = 2.385;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_params WHERE step = 10"),
                    ==, 3);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM layer_params WHERE step = 10"),
                    ==, 1);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_params WHERE step = 20"),
                    ==, 6);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_params"
                                             " WHERE step = 10 AND threshold = 2.385"),
                    ==, 1);
    put_step(store, run_id, 10); /* no parameters at all */
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM head_params WHERE step = 10"),
                    ==, 0);
}

static void
they_go_with_their_run(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);

    (void)data;
    put_params(store, begin_run(store, "a", 1), 10);
    put_params(store, begin_run(store, "b", 1), 10);
    run_sql(fixture->path, "PRAGMA foreign_keys = ON; DELETE FROM runs WHERE name = 'a'");
    g_assert_cmpint(count_of(fixture->path, "head_params"), ==, 6);
    g_assert_cmpint(count_of(fixture->path, "layer_params"), ==, 2);
}

/* A row that cannot be stored takes the whole capture with it. */
static void
a_capture_is_stored_whole_or_not_at_all(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(10, 2, 3);

    (void)data;
    add_params(&capture, 2, 3);
    run_sql(fixture->path, "DROP TABLE layer_params; CREATE TABLE layer_params (run_id INTEGER,"
                           " step INTEGER, layer INTEGER CHECK (layer < 1), alpha REAL, beta REAL,"
                           " PRIMARY KEY (run_id, step, layer))");
    g_assert_false(entro_store_put_captures(store, run_id, &capture, 1, &error));
    free_capture(&capture);
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO);
    g_assert_cmpint(count_of(fixture->path, "captures"), ==, 0);
    g_assert_cmpint(count_of(fixture->path, "head_stats"), ==, 0);
    g_assert_cmpint(count_of(fixture->path, "head_params"), ==, 0);
}

/* ---- selecting -------------------------------------------------------------------------------- */

static void
a_parameter_of_heads_makes_a_grid(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    put_params(store, run_id, 10);
    g_autoptr(EntroGrid) grid =
        entro_store_select_grid(store, run_id, "temperature_mean", ENTRO_STEP_LAST, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(grid->n_rows, ==, 2);
    g_assert_cmpuint(grid->n_columns, ==, 3);
    for (guint cell = 0; cell < 6; cell++) {
        g_assert_cmpint(grid->state[cell], ==, ENTRO_CELL_VALUE);
        g_assert_cmpfloat(grid->value[cell], ==,
                          expected_param(10, cell / 3, cell % 3,
                                         ENTRO_HEAD_PARAM_TEMPERATURE_MEAN));
    }
    g_assert_null(entro_store_select_grid(store, run_id, "alpha", 10, &error)); /* of layers */
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

static void
a_run_without_parameters_has_an_empty_grid(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    put_step(store, run_id, 10);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, run_id, "threshold", 10, NULL);
    g_assert_nonnull(grid);
    g_assert_cmpuint(grid->n_rows, ==, 0);
    g_autoptr(GPtrArray) curves = entro_store_select_layer_curves(store, run_id, "alpha", NULL);
    g_assert_cmpuint(curves->len, ==, 0);
}

static void
parameters_make_curves(Fixture *fixture, gconstpointer data)
{
    static const char *const columns[] = {"threshold", "alpha", "beta"};
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    put_params(store, run_id, 10);
    put_step(store, run_id, 20); /* without */
    put_params(store, run_id, 30);
    for (guint j = 0; j < G_N_ELEMENTS(columns); j++) {
        g_autoptr(GPtrArray) curves =
            entro_store_select_layer_curves(store, run_id, columns[j], NULL);
        g_assert_cmpuint(curves->len, ==, 2);
        const EntroCurve *curve = curves->pdata[1];
        guint column = j == 2 ? ENTRO_LAYER_PARAM_BETA : 0;
        double head = j == 0 ? 0.5 : 0; /* mean over the heads 0, 1, 2 */
        g_assert_cmpuint(curve->n, ==, 3);
        g_assert_cmpfloat(curve->y[0], ==, expected_param(10, 1, 0, column) + head);
        g_assert_true(isnan(curve->y[1]));
        g_assert_cmpfloat(curve->y[2], ==, expected_param(30, 1, 0, column) + head);
    }
}

static void
they_are_described(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autofree char *title = NULL, *unit = NULL;

    (void)data;
    g_assert_true(entro_store_describe(store, "threshold", &title, &unit, NULL));
    g_assert_cmpstr(title, ==, "Entropy threshold");
    g_assert_cmpstr(unit, ==, "E_max");
}

static void
they_are_exported(Fixture *fixture, gconstpointer data)
{
    const EntroExportOptions options = {.format = ENTRO_EXPORT_CSV};
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autoptr(GString) out = g_string_new(NULL);

    (void)data;
    put_params(store, begin_run(store, "a", 1), 10);
    g_assert_true(entro_store_export(store, "layer_params", &options, out, NULL));
    g_assert_cmpstr(out->str, ==,
                    "run_id,step,layer,alpha,beta\n1,10,0,10,10.125\n1,10,1,10.25,10.375\n");
    g_string_truncate(out, 0);
    g_assert_true(entro_store_export(store, "head_params", &options, out, NULL));
    g_assert_true(g_str_has_prefix(out->str,
                                   "run_id,step,layer,head,threshold,temperature_mean,"
                                   "temperature_min,temperature_max\n1,10,0,0,10,10.125,"));
}

/* ---- a database of version 1 ------------------------------------------------------------------ */

static void
make_version_1(const char *path)
{
    g_autofree char *sql = NULL;
    g_autofree char *file = g_test_build_filename(G_TEST_DIST, "version-1.sql", NULL);

    g_assert_true(g_file_get_contents(file, &sql, NULL, NULL));
    run_sql(path, sql);
    g_assert_cmpint(query_int(path, "PRAGMA user_version"), ==, 1);
}

static const char *const old_tables[] = {"runs",     "run_config", "scalars",
                                         "captures", "head_stats", "layer_stats"};

/* SQL that gives every row of the tables, of the columns that the database has now: later ones may
 * be added. */
static char *
select_old_columns(const char *path)
{
    g_autoptr(GString) sql = g_string_new("SELECT ''");

    for (guint j = 0; j < G_N_ELEMENTS(old_tables); j++) {
        g_autofree char *ask =
            g_strdup_printf("SELECT group_concat(quote(\"name\")) FROM pragma_table_info('%s')",
                            old_tables[j]);
        g_autofree char *quoted = query_text(path, ask);
        g_autofree char *columns = g_strdelimit(g_strdup(quoted), "'", '"');
        g_string_append_printf(sql, " || (SELECT json_group_array(json_array(%s)) FROM %s)",
                               columns, old_tables[j]);
    }
    return g_string_free(g_steal_pointer(&sql), FALSE);
}

static void
version_1_is_read_as_it_is(Fixture *fixture, gconstpointer data)
{
    const EntroExportOptions options = {.format = ENTRO_EXPORT_CSV};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    (void)data;
    make_version_1(fixture->path);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_READ);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, 1, "entropy_mean", 20, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(grid->n_rows, ==, 2);
    g_assert_null(entro_store_select_grid(store, 1, "threshold", 20, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(entro_store_select_layer_curves(store, 1, "alpha", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(entro_store_export(store, "head_params", &options, out, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, 1);
}

static void
version_1_migrates_with_its_contents(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_version_1(fixture->path);
    g_autofree char *everything = select_old_columns(fixture->path);
    g_autofree char *before = query_text(fixture->path, everything);
    g_assert_nonnull(strstr(everything, "\"entropy_mean\""));
    g_assert_nonnull(strstr(before, "1.0293237405656"));
    entro_store_free(open_store(fixture->path, ENTRO_STORE_WRITE));
    g_autofree char *after = query_text(fixture->path, everything);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpint(query_int(fixture->path, "PRAGMA user_version"), ==, entro_schema_version());
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM pragma_foreign_key_check"), ==,
                    0);
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_params(store, 1, 30);
    g_assert_cmpint(count_of(fixture->path, "head_params"), ==, 6);
    g_autofree char *title = NULL, *unit = NULL;
    g_assert_true(entro_store_describe(store, "alpha", &title, &unit, NULL));
    g_assert_cmpstr(title, ==, "FFN scaling alpha");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/db/params/" name, function)
    ADD("every-value-is-stored", every_value_is_stored);
    ADD("what-is-not-finite-is-null", what_is_not_finite_is_null);
    ADD("rows-are-replaced-and-removed", rows_are_replaced_and_removed_as_those_of_heads);
    ADD("they-go-with-their-run", they_go_with_their_run);
    ADD("stored-whole-or-not-at-all", a_capture_is_stored_whole_or_not_at_all);
    ADD("a-parameter-of-heads-makes-a-grid", a_parameter_of_heads_makes_a_grid);
    ADD("a-run-without-has-an-empty-grid", a_run_without_parameters_has_an_empty_grid);
    ADD("parameters-make-curves", parameters_make_curves);
    ADD("they-are-described", they_are_described);
    ADD("they-are-exported", they_are_exported);
    ADD("version-1-is-read-as-it-is", version_1_is_read_as_it_is);
    ADD("version-1-migrates-with-its-contents", version_1_migrates_with_its_contents);
    return g_test_run();
}
