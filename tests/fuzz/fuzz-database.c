/* fuzz-database.c: a database that somebody else has made: its bytes, or a database of ours on which he
 * ran SQL.  Whatever it holds, it is read and exported, checked, or written to, or refused: one of them
 * an input, since most of the time goes into statements that SQLite prepares.
 *
 *     "SQLite format 3...": the file itself; anything else: SQL */
#include "fuzz.h"
#include "store-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

/* What he may have done with other files is not our question; nor is a statement without an end. */
static int
deny(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)data;
    (void)b;
    (void)c;
    (void)d;
    if (action == SQLITE_ATTACH)
        return SQLITE_DENY;
    if (action == SQLITE_PRAGMA)
        return g_str_equal(a, "writable_schema") || g_str_equal(a, "user_version") ||
                       g_str_equal(a, "application_id")
                   ? SQLITE_OK
                   : SQLITE_DENY;
    return SQLITE_OK;
}

static int
stop(void *data)
{
    return --*(int *)data < 0;
}

static void
spoil_by_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    int patience = 200;

    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 16);
    sqlite3_set_authorizer(db, deny, NULL);
    sqlite3_progress_handler(db, 1000, stop, &patience);
    sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static gboolean
drop(const char *bytes, gsize n, gpointer data, GError **error)
{
    (void)bytes;
    (void)error;
    *(gsize *)data += n;
    return TRUE;
}

/* Every fourth table. */
static void
export_some(EntroStore *store, guint choice)
{
    const EntroExportOptions options = {.format = ENTRO_EXPORT_CSV};
    g_auto(GStrv) tables = entro_store_list_tables(store, NULL);
    gsize n = 0;

    for (guint i = 0; tables != NULL && tables[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        if (i % 4 == choice % 4)
            fuzz_check_error(entro_store_export_to(store, tables[i], &options, drop, &n, &error),
                             &error);
    }
}

static void
read_run(EntroStore *store, const EntroRunInfo *info)
{
    g_autofree char *ref = g_strdup_printf("#%" G_GINT64_FORMAT, info->id);
    g_autoptr(GError) error = NULL, no_case = NULL;
    g_autoptr(EntroCase) one = entro_store_load_case(store, ref, &no_case);
    g_autoptr(GPtrArray) curves =
        entro_store_select_layer_curves(store, info->id, "entropy_mean", &error);
    g_auto(GStrv) scalars = entro_store_list_scalars(store, info->id, NULL);
    const gint64 no_sizes[] = ENTRO_COST_NO_SIZES;

    entro_grid_free(
        entro_store_select_grid(store, info->id, "entropy_mean", ENTRO_STEP_LAST, NULL));
    entro_cost_case_free(entro_cost_case_of_run(store, info, no_sizes, NULL));
    fuzz_check_error(one != NULL, &no_case);
    fuzz_check_error(curves != NULL, &error);
    for (guint i = 0; scalars != NULL && scalars[i] != NULL; i++)
        entro_curve_free(entro_store_select_scalar(store, info->id, scalars[i], NULL));
}

static void
read_all(const char *path, guint choice)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_READ, &error);

    fuzz_check_error(store != NULL, &error);
    if (store == NULL)
        return;
    g_autoptr(GPtrArray) runs = entro_store_select_runs(store, NULL, &error);
    fuzz_check_error(runs != NULL, &error);
    for (guint i = 0; runs != NULL && i < MIN(runs->len, 3); i++)
        read_run(store, runs->pdata[i]);
    export_some(store, choice);
}

static void
check(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStoreHealth) health = entro_store_check(path, &error);

    fuzz_check_error(health != NULL, &error);
}

static void
write_run(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = entro_store_open(path, ENTRO_STORE_WRITE, &error);
    const EntroRunInfo info = {.name = "new",
                               .attempt = 1,
                               .source = "s",
                               .fingerprint = "f",
                               .open_mode = "plain",
                               .producer = "p",
                               .tool_version = "0"};
    EntroCapture capture = make_capture(10, 2, 2);
    gint64 run_id = 0;

    fuzz_check_error(store != NULL, &error);
    if (store != NULL && entro_store_begin_run(store, &info, FALSE, &run_id, NULL) &&
        entro_store_put_captures(store, run_id, &capture, 1, NULL))
        entro_store_judge(store, run_id, NULL, NULL);
    free_capture(&capture);
}

/* ---- the file ------------------------------------------------------------------------------------- */

static char *folder, *template_bytes;
static gsize template_size;

static void
remove_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *name = g_strconcat(folder, "/x.db", ends[i], NULL);
        g_remove(name);
    }
}

static void
remove_folder(void)
{
    remove_files();
    g_rmdir(folder);
}

static void
set_up(const char *path)
{
    make_database(path);
    run_sql(path, "PRAGMA journal_mode = DELETE");
    template_bytes = read_file(path, &template_size);
    remove_files();
}

static void
put_file(const char *path, const guint8 *data, gsize size)
{
    if (size >= 15 && memcmp(data, "SQLite format 3", 15) == 0) {
        write_file(path, (const char *)data, size);
        return;
    }
    g_autofree char *sql = g_strndup((const char *)data, size);
    write_file(path, template_bytes, template_size);
    spoil_by_sql(path, sql);
}

/* Before the first connection: room for what a statement is made of, or it is thousands of calls of
 * malloc(), each of which a sanitizer looks at. */
static void
set_up_once(void)
{
    folder = g_strdup("/dev/shm/entro-fuzz-XXXXXX");
    g_assert_nonnull(g_mkdtemp(folder));
    atexit(remove_folder);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 512, 2000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const guint choice = fuzz_choose(data, size, 3 * 4);

    if (folder == NULL)
        set_up_once();
    g_autofree char *path = g_strconcat(folder, "/x.db", NULL);
    if (template_bytes == NULL)
        set_up(path);
    put_file(path, data, size);
    if (choice % 3 == 0)
        read_all(path, choice / 3);
    else if (choice % 3 == 1)
        check(path);
    else
        write_run(path);
    remove_files();
    return 0;
}
