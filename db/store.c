/* store.c: opens and closes the database.
 *
 * A database may come from anyone, so nothing that it brings is run (triggers, extensions), its
 * schema is not trusted, and its pages are checked.  Reading never creates anything and works where
 * nothing may be written. */
#include "db-private.h"

#include <errno.h>
#include <glib/gstdio.h>

G_DEFINE_QUARK(entro - store - error - quark, entro_store_error)

int entro_store_patience_ms = 30000;

static gboolean
fail_open(const char *path, GError **error, const char *sentence)
{
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_OPEN, "%s: %s", path, sentence);
    return FALSE;
}

/* What the file system says, before SQLite would block on a fifo or create what is missing. */
static gboolean
check_file(const char *path, EntroStoreMode mode, GError **error)
{
    GStatBuf info;

    if (*path == '\0')
        return fail_open("''", error, "a database needs a file name");
    if (g_stat(path, &info) == 0)
        return S_ISREG(info.st_mode) || fail_open(path, error, "not a regular file");
    if (errno == ENOENT && mode == ENTRO_STORE_WRITE)
        return TRUE;
    return fail_open(path, error,
                     errno == ENOENT ? "there is no such database" : g_strerror(errno));
}

/* ---- the connection ------------------------------------------------------------------------- */

char *
entro_store_make_uri(const char *path, const char *query)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *escaped = g_uri_escape_string(absolute, "/", FALSE);

    return g_strconcat("file://", escaped, query, NULL);
}

/* Bytes of a row or a text: far more than any of ours, and no way to fill the memory. */
#define MAX_CELL (64 << 20)

static gboolean
configure(EntroStore *store, EntroStoreMode mode, GError **error)
{
    static const int settings[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };

    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, entro_store_patience_ms);
    sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, MAX_CELL);
    for (gsize j = 0; j < G_N_ELEMENTS(settings); j++)
        sqlite3_db_config(store->db, settings[j][0], settings[j][1], NULL);
    return entro_sql_exec(store,
                          "PRAGMA foreign_keys = ON;"
                          "PRAGMA trusted_schema = OFF;"
                          "PRAGMA cell_size_check = ON;"
                          "PRAGMA mmap_size = 0;",
                          error) &&
           (mode == ENTRO_STORE_WRITE || entro_sql_exec(store, "PRAGMA query_only = ON", error));
}

/* For reading, too, the file is opened read-write where that is allowed (SQLite itself falls back
 * to read-only where not), with query_only set: a connection without the right to write would leave
 * its -wal and -shm behind, and could not see what a killed writer left in the journal. */
static gboolean
connect(EntroStore *store, EntroStoreMode mode, gboolean immutable, GError **error)
{
    g_autofree char *uri = entro_store_make_uri(store->path, immutable ? "?immutable=1" : NULL);
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | /* one thread */
                (mode == ENTRO_STORE_WRITE ? SQLITE_OPEN_CREATE : 0);

    sqlite3_close(store->db);
    store->db = NULL;
    if (sqlite3_open_v2(uri, &store->db, flags, NULL) != SQLITE_OK)
        return entro_sql_fail(store, error);
    return configure(store, mode, error);
}

/* ---- whose database it is ------------------------------------------------------------------- */

typedef enum { IDENTITY_EMPTY, IDENTITY_OURS, IDENTITY_OTHER } Identity;

static gboolean
read_identity(EntroStore *store, Identity *ret_identity, gint64 *ret_version, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "SELECT (SELECT application_id FROM pragma_application_id),"
        " (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)",
        error);
    gboolean row = FALSE;

    if (stmt == NULL || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    gint64 application = sqlite3_column_int64(stmt, 0);
    *ret_version = sqlite3_column_int64(stmt, 1);
    if (application == ENTRO_APPLICATION_ID)
        *ret_identity = IDENTITY_OURS;
    else
        *ret_identity = application == 0 && *ret_version == 0 && sqlite3_column_int64(stmt, 2) == 0
                            ? IDENTITY_EMPTY
                            : IDENTITY_OTHER;
    return TRUE;
}

static gboolean
check_identity(EntroStore *store, EntroStoreMode mode, GError **error)
{
    Identity identity = IDENTITY_OTHER;
    gint64 version = 0;

    if (!read_identity(store, &identity, &version, error)) {
        if ((sqlite3_errcode(store->db) & 0xff) != SQLITE_NOTADB)
            return FALSE;
        g_clear_error(error);
        return fail_open(store->path, error, "not an SQLite database");
    }
    if (identity == IDENTITY_OTHER)
        return fail_open(store->path, error, "an SQLite database, but not one of entroscope");
    if (identity == IDENTITY_EMPTY)
        return mode == ENTRO_STORE_WRITE || fail_open(store->path, error, "an empty database");
    if (version < 1)
        return fail_open(store->path, error, "no version of a database that there ever was");
    if (version <= entro_schema_version())
        return entro_guard_schema(store, mode, error);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_OPEN,
                "%s: written by a newer entroscope (version %" G_GINT64_FORMAT
                " of the database; this program knows %" G_GINT64_FORMAT " and older)",
                store->path, version, entro_schema_version());
    return FALSE;
}

/* ---- opening -------------------------------------------------------------------------------- */

gboolean
entro_store_is_empty_or_missing(const char *path, const char *suffix)
{
    g_autofree char *journal = g_strconcat(path, suffix, NULL);
    GStatBuf info;

    return g_stat(journal, &info) != 0 ? errno == ENOENT : info.st_size == 0;
}

/* A database in WAL mode cannot be read in a folder that may not be written, except as "immutable":
 * right as long as no journal holds changes that it does not have itself. */
static gboolean
open_immutable(EntroStore *store, GError **error)
{
    if (!entro_store_is_empty_or_missing(store->path, "-wal") ||
        !entro_store_is_empty_or_missing(store->path, "-journal"))
        return fail_open(store->path, error,
                         "changes in the journal beside it cannot be read where nothing may be "
                         "written; open it once from a place where it can be written");
    return connect(store, ENTRO_STORE_READ, TRUE, error) &&
           check_identity(store, ENTRO_STORE_READ, error);
}

static gboolean
open_for_reading(EntroStore *store, GError **error)
{
    g_autoptr(GError) local_error = NULL;

    if (connect(store, ENTRO_STORE_READ, FALSE, &local_error) &&
        check_identity(store, ENTRO_STORE_READ, &local_error))
        return TRUE;
    int code = sqlite3_errcode(store->db) & 0xff;
    if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        return open_immutable(store, error);
    g_propagate_error(error, g_steal_pointer(&local_error));
    return FALSE;
}

/* Two processes that create a database at once get in each other's way here, and SQLite does not
 * always wait by itself. */
static int
switch_to_wal(EntroStore *store)
{
    gint64 deadline = g_get_monotonic_time() + G_GINT64_CONSTANT(1000) * entro_store_patience_ms;
    int rc = SQLITE_BUSY;

    for (;;) {
        rc = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) & 0xff;
        if (rc != SQLITE_BUSY || g_get_monotonic_time() > deadline)
            return rc;
        g_usleep(20000);
    }
}

/* The memory that WAL needs is not shared by the machines of a network: two writers would destroy
 * the file. */
static gboolean
avoid_wal(EntroStore *store, GError **error)
{
    entro_store_note(store, g_strdup_printf("%s: lies on a network file system, where the journal "
                                            "is one that readers and writers wait for each other "
                                            "with (journal_mode = DELETE)",
                                            store->path));
    return entro_sql_exec(store, "PRAGMA journal_mode = DELETE", error);
}

/* Readers do not block the writer in WAL mode.  Where the file system cannot do it (no shared
 * memory), or somebody keeps it from being switched on, the rollback journal works as well. */
static gboolean
choose_journal(EntroStore *store, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(store->path);

    if (entro_guard_is_network(folder))
        return avoid_wal(store, error);
    int rc = switch_to_wal(store);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return TRUE;
}

static gboolean
set_up_journal(EntroStore *store, GError **error)
{
    return choose_journal(store, error) && entro_guard_journal(store, error) &&
           entro_sql_exec(store,
                          "PRAGMA synchronous = FULL;"
                          "PRAGMA journal_size_limit = 67108864;",
                          error);
}

static gboolean
open_for_writing(EntroStore *store, GError **error)
{
    gboolean is_new = entro_store_is_empty_or_missing(store->path, "");

    if (!connect(store, ENTRO_STORE_WRITE, FALSE, error))
        return FALSE;
    /* before the first page is written; without it entro_store_shrink() costs more, once */
    if (is_new)
        sqlite3_exec(store->db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return fail_open(store->path, error, "may be read, but not written");
    return check_identity(store, ENTRO_STORE_WRITE, error) && entro_guard_recovered(store, error) &&
           set_up_journal(store, error) && entro_schema_migrate(store, error);
}

static EntroStore *
new_store(const char *path)
{
    EntroStore *store = g_new0(EntroStore, 1);

    store->path = g_strdup(path);
    store->max_evidence = ENTRO_MAX_EVIDENCE;
    store->max_evidence_locked = ENTRO_MAX_EVIDENCE_LOCKED;
    store->max_wal = ENTRO_MAX_WAL;
    return store;
}

EntroStore *
entro_store_open_unchecked(const char *path, GError **error)
{
    if (!check_file(path, ENTRO_STORE_READ, error))
        return NULL;
    entro_guard_begin(path);
    g_autoptr(EntroStore) store = new_store(path);
    return open_for_reading(store, error) ? g_steal_pointer(&store) : NULL;
}

EntroStore *
entro_store_open(const char *path, EntroStoreMode mode, GError **error)
{
    g_return_val_if_fail(path != NULL, NULL);

    if (mode == ENTRO_STORE_READ) {
        g_autoptr(EntroStore) reader = entro_store_open_unchecked(path, error);
        return reader != NULL && entro_guard_recovered(reader, error) ? g_steal_pointer(&reader)
                                                                      : NULL;
    }
    if (!check_file(path, mode, error))
        return NULL;
    entro_guard_begin(path);
    g_autoptr(EntroStore) store = new_store(path);
    return open_for_writing(store, error) ? g_steal_pointer(&store) : NULL;
}

EntroStore *
entro_store_open_memory(const char *path, GError **error)
{
    entro_guard_begin(path);
    g_autoptr(EntroStore) store = new_store(path);

    if (sqlite3_open(":memory:", &store->db) != SQLITE_OK) {
        entro_sql_fail(store, error);
        return NULL;
    }
    return configure(store, ENTRO_STORE_WRITE, error) && entro_schema_migrate(store, error)
               ? g_steal_pointer(&store)
               : NULL;
}

void
entro_store_free(EntroStore *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->db);
    g_clear_pointer(&store->notes, g_ptr_array_unref);
    g_free(store->path);
    g_free(store);
}

/* ---- one moment ------------------------------------------------------------------------------ */

gboolean
entro_store_hold(EntroStore *store, GError **error)
{
    return entro_sql_exec(store, "BEGIN", error);
}

void
entro_store_release(EntroStore *store)
{
    EntroTransaction held = {store};

    entro_transaction_clear(&held);
}
