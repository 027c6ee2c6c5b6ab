/* guard.c: what is looked at before a database is believed, and while it is written.
 *
 * Nothing that a file brings may run or stand in the place of our tables; what a writer that died
 * left is checked before anything is built on it; and who writes hears of a journal that cannot be
 * emptied. */
#include "db-private.h"

/* ---- notes ------------------------------------------------------------------------------------ */

void
entro_store_note(EntroStore *store, char *note)
{
    if (store->notes == NULL)
        store->notes = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(store->notes, note);
}

GPtrArray *
entro_store_take_notes(EntroStore *store)
{
    GPtrArray *notes = g_steal_pointer(&store->notes);

    return notes != NULL ? notes : g_ptr_array_new_with_free_func(g_free);
}

/* ---- whose schema it is ----------------------------------------------------------------------- */

static gboolean
fail_schema(EntroStore *store, const char *name, const char *sentence, GError **error)
{
    g_autofree char *quoted = entro_quote_name(name);

    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_OPEN, "%s: %s %s", store->path, quoted,
                sentence);
    return FALSE;
}

/* Triggers never fire on our connections; a file that has some was prepared for writers. */
static gboolean
check_object(EntroStore *store, EntroStoreMode mode, const char *type, const char *name,
             const char *sql, GError **error)
{
    if (name == NULL || type == NULL)
        return fail_schema(store, "", "in its schema has no name: the file is damaged", error);
    if (g_str_equal(type, "trigger"))
        return mode == ENTRO_STORE_READ ||
               fail_schema(store, name,
                           "is a trigger, which entroscope neither makes nor runs; the database "
                           "may be read, but is not written",
                           error);
    if (!entro_schema_has_name(name) || (sql != NULL && entro_schema_has_view(sql)))
        return TRUE;
    return fail_schema(store, name,
                       g_str_equal(type, "view")
                           ? "is a view that stands in the place of one of entroscope's own"
                           : "is no plain table, as it should be",
                       error);
}

gboolean
entro_guard_schema(EntroStore *store, EntroStoreMode mode, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "SELECT type, name, sql FROM sqlite_schema"
        " WHERE type IN ('trigger', 'view') OR (type = 'table' AND coalesce(rootpage, 0) = 0)",
        error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row)
        if (!check_object(store, mode, (const char *)sqlite3_column_text(stmt, 0),
                          (const char *)sqlite3_column_text(stmt, 1),
                          (const char *)sqlite3_column_text(stmt, 2), error))
            return FALSE;
    return !row;
}

/* ---- after a writer that died ----------------------------------------------------------------- */

/* SQLite tells only its log that it took over a journal.  The log is called by the thread that
 * opens. */
static __thread gboolean recovered;
static gboolean log_is_ours;

static void
see_log(void *data, int code, const char *message)
{
    (void)data;
    (void)message;
    if (code == SQLITE_NOTICE_RECOVER_WAL || code == SQLITE_NOTICE_RECOVER_ROLLBACK)
        recovered = TRUE;
}

static gpointer
take_log(gpointer data)
{
    (void)data;
    /* refused where the program around us uses SQLite already */
    log_is_ours = sqlite3_config(SQLITE_CONFIG_LOG, see_log, NULL) == SQLITE_OK;
    return NULL;
}

/* Without the log, any journal is suspect, also that of a writer at work. */
void
entro_guard_begin(const char *path)
{
    static GOnce once = G_ONCE_INIT;

    g_once(&once, take_log, NULL);
    recovered = !log_is_ours && !(entro_store_is_empty_or_missing(path, "-wal") &&
                                  entro_store_is_empty_or_missing(path, "-journal"));
}

gboolean
entro_guard_check_pages(EntroStore *store, const char *when, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, "PRAGMA quick_check(1)", error);
    gboolean row = FALSE;

    if (stmt == NULL || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    const char *found = (const char *)sqlite3_column_text(stmt, 0); /* it always says something */
    if (g_strcmp0(found, "ok") == 0)
        return TRUE;
    g_autofree char *quoted = entro_quote_name(found != NULL ? found : "");
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO,
                "%s: is damaged%s: %s; 'entroscope db check' lists the damage", store->path, when,
                quoted);
    return FALSE;
}

gboolean
entro_guard_recovered(EntroStore *store, GError **error)
{
    const gboolean suspect = recovered;

    recovered = FALSE;
    return !suspect ||
           entro_guard_check_pages(store, ", found after a writer that did not come to its end",
                                   error);
}

/* ---- where it lies ---------------------------------------------------------------------------- */

/* Not FUSE: it is the root of many containers, and what lies behind it cannot be told. */
static gboolean
is_network(const char *path)
{
    const char *name = entro_network_name(path);

    return name != NULL && !g_str_equal(name, "FUSE");
}

gboolean (*entro_guard_is_network)(const char *path) = is_network;

/* ---- a journal that cannot be emptied ----------------------------------------------------------- */

/* Pages, as SQLite's own hook has it, in the place of which this one is. */
#define CHECKPOINT_PAGES 1000

static int
see_commit(void *data, sqlite3 *db, const char *name, int n_pages)
{
    EntroStore *store = data;
    int n_log = 0, n_done = 0;

    if (n_pages < CHECKPOINT_PAGES || sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE,
                                                                &n_log, &n_done) != SQLITE_OK)
        return SQLITE_OK; /* the commit is done; the next one tries again */
    if (store->warned_of_wal || n_done >= n_log || n_log * store->page_size < store->max_wal)
        return SQLITE_OK;
    store->warned_of_wal = TRUE;
    entro_store_note(
        store,
        g_strdup_printf("%s-wal has grown to %" G_GINT64_FORMAT
                        " MiB, because another program keeps "
                        "an old state of the database open; until it lets go, writing becomes "
                        "slower and the journal larger",
                        store->path, n_log * store->page_size >> 20));
    return SQLITE_OK;
}

gboolean
entro_guard_journal(EntroStore *store, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, "PRAGMA page_size", error);

    if (stmt == NULL || !entro_sql_get_int(store, stmt, 4096, &store->page_size, error))
        return FALSE;
    sqlite3_wal_hook(store->db, see_commit, store);
    return TRUE;
}
