/* store-fixture.c: see store-fixture.h. */
#include "store-fixture.h"

#include <math.h>
#include <glib/gstdio.h>

void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->folder = g_dir_make_tmp("entro-db-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    fixture->path = g_build_filename(fixture->folder, "runs.db", NULL);
}

void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->folder, 0, NULL);
    const char *name;

    (void)data;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture->path);
}

EntroStore *
open_store(const char *path, EntroStoreMode mode)
{
    g_autoptr(GError) error = NULL;
    EntroStore *store = entro_store_open(path, mode, &error);

    g_assert_no_error(error);
    g_assert_nonnull(store);
    return store;
}

gint64
begin_run(EntroStore *store, const char *name, guint attempt)
{
    g_autoptr(GError) error = NULL;
    EntroRunInfo info = {.name = (char *)name,
                         .attempt = attempt,
                         .source = "trace.h5",
                         .fingerprint = "0123456789abcdef",
                         .open_mode = "plain",
                         .arch = "SM",
                         .producer = "test",
                         .n_layers = 2,
                         .n_heads = 3,
                         .context_length = 16,
                         .causal = 1,
                         .tool_version = "0.1.0"};
    gint64 run_id = 0;

    entro_store_begin_run(store, &info, FALSE, &run_id, &error);
    g_assert_no_error(error);
    return run_id;
}

double
expected_entropy(gint64 step, guint layer, guint head)
{
    return 0.125 + (double)step + 0.1 * layer + 0.01 * head;
}

/* A statistic of a layer that has the name of one of heads is their mean, as the analyzer makes it. */
void
average_heads(EntroCapture *capture)
{
    static const struct {
        guint of_layer, of_head;
    } same[] = {{ENTRO_LAYER_ENTROPY_MEAN, ENTRO_HEAD_ENTROPY_MEAN},
                {ENTRO_LAYER_ENTROPY_CEILING, ENTRO_HEAD_ENTROPY_CEILING}};
    const gsize n_heads = capture->n_heads / capture->n_layers;

    for (gsize layer = 0; layer < capture->n_layers; layer++)
        for (guint k = 0; k < G_N_ELEMENTS(same); k++) {
            double sum = 0, n = 0;
            for (gsize head = 0; head < n_heads; head++) {
                const double value = capture->heads[layer * n_heads + head].values[same[k].of_head];
                sum += isnan(value) ? 0 : value;
                n += isnan(value) ? 0 : 1;
            }
            capture->layers[layer].values[same[k].of_layer] = n > 0 ? sum / n : NAN;
        }
}

EntroCapture
make_capture(gint64 step, guint n_layers, guint n_heads)
{
    EntroCapture capture = {.position = (gsize)step,
                            .step = step,
                            .attempt = 1,
                            .n_rows = 100,
                            .digest = 0xfedcba9876543210u,
                            .n_heads = n_layers * n_heads,
                            .heads = g_new0(EntroHeadStats, n_layers * n_heads),
                            .n_layers = n_layers,
                            .layers = g_new0(EntroLayerStats, n_layers)};

    for (guint row = 0; row < capture.n_heads; row++) {
        EntroHeadStats *stats = &capture.heads[row];

        *stats = (EntroHeadStats){.layer = row / n_heads, .head = row % n_heads, .n_rows = 32};
        for (guint j = 0; j < ENTRO_HEAD_N_COLUMNS; j++)
            stats->values[j] = expected_entropy(step, stats->layer, stats->head) + j;
    }
    for (guint layer = 0; layer < n_layers; layer++) {
        capture.layers[layer] =
            (EntroLayerStats){.layer = layer, .n_heads = n_heads, .n_valid_heads = n_heads};
        for (guint j = 0; j < ENTRO_LAYER_N_COLUMNS; j++)
            capture.layers[layer].values[j] = 2.5 * layer + j;
    }
    average_heads(&capture);
    return capture;
}

double
expected_param(gint64 step, guint layer, guint head, guint column)
{
    return (double)step + 0.25 * layer + 0.5 * head + 0.125 * column;
}

void
add_params(EntroCapture *capture, guint n_layers, guint n_heads)
{
    capture->n_head_params = n_layers * n_heads;
    capture->head_params = g_new0(EntroHeadParams, n_layers * n_heads);
    capture->n_layer_params = n_layers;
    capture->layer_params = g_new0(EntroLayerParams, n_layers);
    for (guint row = 0; row < capture->n_head_params; row++) {
        EntroHeadParams *params = &capture->head_params[row];
        params->layer = row / n_heads;
        params->head = row % n_heads;
        for (guint j = 0; j < ENTRO_HEAD_PARAM_N_COLUMNS; j++)
            params->values[j] = expected_param(capture->step, params->layer, params->head, j);
    }
    for (guint layer = 0; layer < n_layers; layer++) {
        capture->layer_params[layer].layer = layer;
        for (guint j = 0; j < ENTRO_LAYER_PARAM_N_COLUMNS; j++)
            capture->layer_params[layer].values[j] = expected_param(capture->step, layer, 0, j);
    }
}

void
free_capture(EntroCapture *capture)
{
    entro_capture_clear(capture);
}

void
put_step(EntroStore *store, gint64 run_id, gint64 step)
{
    g_autoptr(GError) error = NULL;
    EntroCapture capture = make_capture(step, 2, 3);

    entro_store_put_captures(store, run_id, &capture, 1, &error);
    g_assert_no_error(error);
    free_capture(&capture);
}

/* A database with one run and two captures. */
void
make_database(const char *path)
{
    g_autoptr(EntroStore) store = open_store(path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    put_step(store, run_id, 10);
    put_step(store, run_id, 20);
}

void
make_sound_database(const char *path)
{
    make_database(path);
    run_sql(path, "UPDATE captures SET n_rows = (SELECT sum(n_rows) FROM head_stats AS h"
                  " WHERE h.run_id = captures.run_id AND h.step = captures.step)");
}

/* ---- files ----------------------------------------------------------------------------------- */

void
assert_open_fails(const char *path, EntroStoreMode mode, const char *sentence)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_store_open(path, mode, &error));
    g_assert_nonnull(error);
    if (strstr(error->message, sentence) == NULL)
        g_error("'%s' lacks '%s'", error->message, sentence);
}

char *
read_file(const char *path, gsize *ret_size)
{
    char *bytes = NULL;

    g_assert_true(g_file_get_contents(path, &bytes, ret_size, NULL));
    return bytes;
}

void
write_file(const char *path, const char *bytes, gsize size)
{
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
}

/* ---- a plain connection --------------------------------------------------------------------- */

static sqlite3 *
open_plain(const char *path)
{
    sqlite3 *db = NULL;

    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

void
run_sql(const char *path, const char *sql)
{
    sqlite3 *db = open_plain(path);
    char *message = NULL;

    sqlite3_exec(db, sql, NULL, NULL, &message);
    g_assert_cmpstr(message, ==, NULL);
    sqlite3_close(db);
}

char *
query_text(const char *path, const char *sql)
{
    sqlite3 *db = open_plain(path);
    sqlite3_stmt *stmt = NULL;

    g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(stmt), ==, SQLITE_ROW);
    char *text = g_strdup((const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return text;
}

gint64
query_int(const char *path, const char *sql)
{
    g_autofree char *text = query_text(path, sql);

    g_assert_nonnull(text);
    return g_ascii_strtoll(text, NULL, 10);
}

static int
append_dump_row(void *data, int n, char **values, char **names)
{
    GString *dump = data;

    for (int j = 0; j < n; j++)
        g_string_append_printf(dump, "%s=%s|", names[j], values[j] != NULL ? values[j] : "NULL");
    g_string_append_c(dump, '\n');
    return 0;
}

char *
dump_tables(const char *path)
{
    static const char *const queries[] = {
        "SELECT * FROM sqlite_schema",       "SELECT rowid, * FROM runs",
        "SELECT rowid, * FROM run_config",   "SELECT rowid, * FROM scalars",
        "SELECT rowid, * FROM captures",     "SELECT rowid, * FROM head_stats",
        "SELECT rowid, * FROM layer_stats",  "SELECT rowid, * FROM head_params",
        "SELECT rowid, * FROM layer_params", "SELECT rowid, * FROM metric",
    };
    sqlite3 *db = open_plain(path);
    GString *dump = g_string_new(NULL);

    for (gsize j = 0; j < G_N_ELEMENTS(queries); j++)
        g_assert_cmpint(sqlite3_exec(db, queries[j], append_dump_row, dump, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
    return g_string_free(dump, FALSE);
}
