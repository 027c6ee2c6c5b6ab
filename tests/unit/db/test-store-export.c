/* test-store-export.c: CSV and JSON that other programs read back to the same values. */
#include "store-fixture.h"

#include <locale.h>
#include <math.h>

static const EntroExportOptions csv = {.format = ENTRO_EXPORT_CSV};
static const EntroExportOptions csv_raw = {.format = ENTRO_EXPORT_CSV, .csv_raw = TRUE};
static const EntroExportOptions json = {.format = ENTRO_EXPORT_JSON};

static char *
export_text(EntroStore *store, const char *table, const EntroExportOptions *options)
{
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);

    entro_store_export(store, table, options, out, &error);
    g_assert_no_error(error);
    return g_string_free(out, FALSE);
}

static gint64
put_config(EntroStore *store, const char *key, const char *value)
{
    EntroConfigEntry entry = {(char *)key, (char *)value};
    EntroTrace trace = {.attempt = 1, .n_config = 1, .config = &entry};
    gint64 run_id = begin_run(store, "a", 1);

    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
    return run_id;
}

/* ---- cells ---------------------------------------------------------------------------------- */

static void
assert_csv(const char *text, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    entro_csv_append_text(out, text, strlen(text), FALSE);
    g_assert_cmpstr(out->str, ==, expected);
}

static void
csv_quotes_what_needs_it(void)
{
    assert_csv("plain", "plain");
    assert_csv("", "");
    assert_csv("a,b", "\"a,b\"");
    assert_csv("say \"no\"", "\"say \"\"no\"\"\"");
    assert_csv("two\nlines", "\"two\nlines\"");
    assert_csv("caf\303\251 \377", "caf\303\251 \357\277\275");
}

static void
csv_guards_formulas_but_no_numbers(void)
{
    assert_csv("=1+1", "'=1+1");
    assert_csv("+x", "'+x");
    assert_csv("-x", "'-x");
    assert_csv("@SUM(A1)", "'@SUM(A1)");
    assert_csv("\tx", "'\tx");
    assert_csv("\rx", "\"'\rx\"");
    assert_csv("  =x", "'  =x");
    assert_csv("\302\240 =x", "'\302\240 =x");
    assert_csv("harmless\n=x", "\"harmless\n'=x\"");
    assert_csv("a=b", "a=b");
    assert_csv("-0.5", "-0.5");
    assert_csv("+1e-3", "+1e-3");
    assert_csv("-1-2", "'-1-2");
    assert_csv("-inf", "'-inf");
}

static void
json_escapes_what_needs_it(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    entro_json_append_text(out, "a\"\\\n\t\001\177\377\303\251\0z", 12);
    g_assert_cmpstr(out->str, ==,
                    "\"a\\\"\\\\\\n\\u0009\\u0001\\u007f\357\277\275\303\251\357\277\275z\"");
}

/* ---- tables --------------------------------------------------------------------------------- */

static void
table_comes_with_a_header_in_key_order(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_config(store, "z", "=cmd");
    put_config(store, "a", "1e-3");
    g_autofree char *text = export_text(store, "run_config", &csv);
    g_autofree char *raw = export_text(store, "run_config", &csv_raw);
    g_assert_cmpstr(text, ==, "run_id,key,value\n1,a,1e-3\n1,z,'=cmd\n");
    g_assert_cmpstr(raw, ==, "run_id,key,value\n1,a,1e-3\n1,z,=cmd\n");
}

static void
json_is_an_array_of_objects(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autofree char *empty = export_text(store, "run_config", &json);
    g_assert_cmpstr(empty, ==, "[]\n");
    put_config(store, "b", "\"x\"");
    put_config(store, "c", NULL);
    g_autofree char *text = export_text(store, "run_config", &json);
    g_assert_cmpstr(text, ==,
                    "[\n{\"run_id\": 1, \"key\": \"b\", \"value\": \"\\\"x\\\"\"},\n"
                    "{\"run_id\": 1, \"key\": \"c\", \"value\": null}\n]\n");
}

typedef struct {
    GString *text;
    guint n_pieces;
    guint fail_at;
} Pieces;

static gboolean
take_piece(const char *bytes, gsize n, gpointer data, GError **error)
{
    Pieces *pieces = data;

    if (++pieces->n_pieces == pieces->fail_at) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no room");
        return FALSE;
    }
    g_string_append_len(pieces->text, bytes, (gssize)n);
    return TRUE;
}

static void
pieces_make_up_the_whole(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    Pieces pieces = {.text = text};
    EntroCapture capture = make_capture(10, 40, 40);

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    g_autofree char *whole = export_text(store, "head_stats", &json);
    g_assert_true(entro_store_export_to(store, "head_stats", &json, take_piece, &pieces, &error));
    g_assert_cmpstr(text->str, ==, whole);
    g_assert_cmpuint(pieces.n_pieces, >, 3);
    pieces.fail_at = pieces.n_pieces + 2;
    g_assert_false(entro_store_export_to(store, "head_stats", &json, take_piece, &pieces, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
}

static void
only_rows_of_the_wanted_runs(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    for (guint attempt = 1; attempt <= 3; attempt++)
        put_step(store, begin_run(store, "a", attempt), 10 * attempt);
    const gint64 wanted[] = {3, 1, 99};
    const EntroExportOptions options = {.format = ENTRO_EXPORT_CSV,
                                        .run_ids = wanted,
                                        .n_runs = G_N_ELEMENTS(wanted)};
    g_autofree char *captures = export_text(store, "captures", &options);
    g_auto(GStrv) lines = g_strsplit(captures, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_true(g_str_has_prefix(lines[1], "1,10,") && g_str_has_prefix(lines[2], "3,30,"));
    g_autofree char *runs = export_text(store, "runs", &options);
    g_assert_null(strstr(runs, "\n2,"));
    g_assert_nonnull(strstr(runs, "\n3,"));
    g_autofree char *metric = export_text(store, "metric", &options); /* rows of no run: all */
    g_assert_nonnull(strstr(metric, "head_stats,entropy_mean,"));
}

static void
every_listed_table_can_be_exported(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_step(store, begin_run(store, "a", 1), 10);
    g_auto(GStrv) tables = entro_store_list_tables(store, NULL);
    g_assert_cmpuint(g_strv_length(tables), ==, 16);
    for (char **table = tables; *table != NULL; table++) {
        g_autofree char *text = export_text(store, *table, &csv);
        g_assert_nonnull(strchr(text, '\n'));
    }
}

static void
other_tables_are_refused(Fixture *fixture, gconstpointer data)
{
    static const char *const names[] = {"sqlite_schema", "runs; DROP TABLE runs", "private", ""};

    (void)data;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    run_sql(fixture->path, "CREATE TABLE private (x)");
    for (gsize j = 0; j < G_N_ELEMENTS(names); j++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) out = g_string_new(NULL);

        g_assert_false(entro_store_export(store, names[j], &csv, out, &error));
        g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
        g_assert_nonnull(strstr(error->message, "there are runs, "));
        g_assert_cmpuint(out->len, ==, 0);
    }
}

/* ---- read back by others -------------------------------------------------------------------- */

static const char reader[] =
    "import csv, json, math, sqlite3, sys\n"
    "db, as_csv, as_json, table = sys.argv[1:5]\n"
    "stored = list(sqlite3.connect(db).execute('SELECT * FROM ' + table + ' ORDER BY 1, 2, 3'))\n"
    "objects = json.load(open(as_json, encoding='utf-8'))\n"
    "assert [tuple(o.values()) for o in objects] == stored, 'json'\n"
    "rows = list(csv.reader(open(as_csv, encoding='utf-8', newline='')))\n"
    "assert rows[0] == list(objects[0]), 'header'\n"
    "back = [tuple(None if c == '' else type(s)(c) for c, s in zip(r, row))\n"
    "        for r, row in zip(rows[1:], stored)]\n"
    "assert len(rows) - 1 == len(stored) and back == stored, 'csv'\n";

static void
assert_python_agrees(Fixture *fixture, EntroStore *store, const char *table)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *csv_path = g_build_filename(fixture->folder, "out.csv", NULL);
    g_autofree char *json_path = g_build_filename(fixture->folder, "out.json", NULL);
    g_autofree char *csv_text = export_text(store, table, &csv_raw);
    g_autofree char *json_text = export_text(store, table, &json);
    const char *argv[] = {"python3", "-c", reader, fixture->path, csv_path, json_path, table, NULL};
    int status = 0;

    g_assert_true(g_file_set_contents(csv_path, csv_text, -1, NULL));
    g_assert_true(g_file_set_contents(json_path, json_text, -1, NULL));
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                 &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

static void
python_reads_back_the_same_values(Fixture *fixture, gconstpointer data)
{
    g_autofree char *python = g_find_program_in_path("python3");
    EntroCapture capture = make_capture(20, 2, 3);

    (void)data;
    if (python == NULL) {
        g_test_skip("no python3");
        free_capture(&capture);
        return;
    }
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = put_config(store, "k", "two\r\nlines, \"quoted\"\t\001\302\205 \342\200\250 x");
    capture.heads[0].values[ENTRO_HEAD_ENTROPY_MEAN] = NAN;
    capture.heads[1].values[ENTRO_HEAD_ENTROPY_MEAN] = 0.1 + 0.2;
    capture.heads[2].values[ENTRO_HEAD_ENTROPY_MEAN] = 5e-324;
    capture.heads[3].values[ENTRO_HEAD_ENTROPY_MEAN] = -1.7976931348623157e308;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, NULL));
    free_capture(&capture);
    assert_python_agrees(fixture, store, "run_config");
    assert_python_agrees(fixture, store, "head_stats");
    assert_python_agrees(fixture, store, "metric");
}

static void
numbers_do_not_follow_the_locale(Fixture *fixture, gconstpointer data)
{
    (void)data;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        g_test_skip("no German locale");
        return;
    }
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    put_step(store, begin_run(store, "a", 1), 10);
    g_autofree char *text = export_text(store, "layer_stats", &csv);
    setlocale(LC_ALL, "C");
    g_assert_nonnull(strstr(text, ",2.5,"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/export/csv-quotes-what-needs-it", csv_quotes_what_needs_it);
    g_test_add_func("/db/export/csv-guards-formulas-but-no-numbers",
                    csv_guards_formulas_but_no_numbers);
    g_test_add_func("/db/export/json-escapes-what-needs-it", json_escapes_what_needs_it);
    FIXTURE_TEST("/db/export/table-comes-with-a-header-in-key-order",
                 table_comes_with_a_header_in_key_order);
    FIXTURE_TEST("/db/export/json-is-an-array-of-objects", json_is_an_array_of_objects);
    FIXTURE_TEST("/db/export/pieces-make-up-the-whole", pieces_make_up_the_whole);
    FIXTURE_TEST("/db/export/only-rows-of-the-wanted-runs", only_rows_of_the_wanted_runs);
    FIXTURE_TEST("/db/export/every-listed-table-can-be-exported",
                 every_listed_table_can_be_exported);
    FIXTURE_TEST("/db/export/other-tables-are-refused", other_tables_are_refused);
    FIXTURE_TEST("/db/export/python-reads-back-the-same-values", python_reads_back_the_same_values);
    FIXTURE_TEST("/db/export/numbers-do-not-follow-the-locale", numbers_do_not_follow_the_locale);
    return g_test_run();
}
