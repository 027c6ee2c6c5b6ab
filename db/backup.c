/* backup.c: a copy of the database as it is at one moment, also beside writers.
 *
 * Written beside its target by SQLite's own backup, checked, flushed to the disk and renamed; what
 * fails before that leaves an older backup as it was. */
#include "db-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pages between two questions whether to go on. */
#define STEP_PAGES 2048

typedef struct {
    char *path; /* removed at the end unless it was renamed; NULL: none */
    int fd;
} Draft;

static void
draft_clear(Draft *draft)
{
    if (draft->path == NULL)
        return;
    if (draft->fd >= 0)
        close(draft->fd);
    g_unlink(draft->path);
    g_clear_pointer(&draft->path, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Draft, draft_clear)

static gboolean
fail_write(const char *to, GError **error)
{
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO, "%s could not be written: %s", to,
                g_strerror(errno));
    return FALSE;
}

static gboolean
draft_open(Draft *draft, const char *to, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(to);
    g_autofree char *path = g_build_filename(folder, ".entroscope-XXXXXX", NULL);

    draft->fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0666);
    if (draft->fd < 0)
        return fail_write(to, error);
    draft->path = g_steal_pointer(&path);
    return TRUE;
}

/* A rename is on the disk when its folder is; what cannot be flushed is renamed all the same. */
static void
flush_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static gboolean
draft_commit(Draft *draft, const char *to, GError **error)
{
    if (fsync(draft->fd) != 0 || g_rename(draft->path, to) != 0)
        return fail_write(to, error);
    close(draft->fd);
    g_clear_pointer(&draft->path, g_free);
    flush_folder(to);
    return TRUE;
}

/* ---- pages ------------------------------------------------------------------------------------ */

/* `store` is closed by its owner, also after a failure. */
static gboolean
open_copy(EntroStore *store, const char *path, GError **error)
{
    g_autofree char *uri = entro_store_make_uri(path, NULL);

    return sqlite3_open_v2(uri, &store->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                           NULL) == SQLITE_OK ||
           entro_sql_fail(store, error);
}

/* *ret_done FALSE, without an error: it was stopped. */
static gboolean
copy_pages(EntroStore *from, EntroStore *to, EntroStoreGoOn go_on, gpointer data,
           gboolean *ret_done, GError **error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    int rc = SQLITE_OK;

    if (backup == NULL)
        return entro_sql_fail(to, error);
    while (rc == SQLITE_OK && (go_on == NULL || go_on(data)))
        rc = sqlite3_backup_step(backup, STEP_PAGES);
    *ret_done = rc == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) == SQLITE_OK)
        return TRUE;
    entro_sql_fail(to, error); /* of either side: the message is kept by this one */
    g_prefix_error(error, "cannot copy %s to ", from->path);
    return FALSE;
}

/* The bytes that say "WAL": a copy is one file, which can also be read where nothing may be written.  Who
 * writes to it switches WAL on again. */
static gboolean
make_plain(const Draft *draft, const char *to, GError **error)
{
    enum { VERSIONS_AT = 18 };

    return pwrite(draft->fd, "\1\1", 2, VERSIONS_AT) == 2 || fail_write(to, error);
}

/* The file goes away if this fails: it needs no journal, and is flushed once, at the end. */
static gboolean
fill_copy(EntroStore *from, const char *path, const char *to, EntroStoreGoOn go_on, gpointer data,
          gboolean *ret_done, GError **error)
{
    EntroStore copy = {.path = (char *)to};
    gboolean good =
        open_copy(&copy, path, error) &&
        entro_sql_exec(&copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", error) &&
        copy_pages(from, &copy, go_on, data, ret_done, error);

    sqlite3_close(copy.db);
    return good;
}

/* Pages are copied as they are, damaged ones too: those must not take the place of a good backup.  Not by
 * a connection that may only read: for those SQLite forgets what a table's CHECK says. */
static gboolean
check_copy(const EntroStore *from, const char *path, GError **error)
{
    EntroStore copy = {.path = from->path}; /* the copy's own name is nobody's business */
    gboolean good = open_copy(&copy, path, error) &&
                    entro_guard_check_pages(&copy, " and was not copied", error);

    sqlite3_close(copy.db);
    return good;
}

static gboolean
copy_to(EntroStore *store, const char *to, EntroStoreGoOn go_on, gpointer data, gboolean *ret_done,
        GError **error)
{
    g_auto(Draft) draft = {NULL};
    gboolean copied = FALSE;

    if (!draft_open(&draft, to, error) ||
        !fill_copy(store, draft.path, to, go_on, data, &copied, error))
        return FALSE;
    *ret_done = copied && make_plain(&draft, to, error) && check_copy(store, draft.path, error) &&
                draft_commit(&draft, to, error);
    return !copied || *ret_done;
}

/* ---- where to --------------------------------------------------------------------------------- */

static gboolean
is_same(const char *path, const char *suffix, const GStatBuf *other)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);
    GStatBuf info;

    return g_stat(name, &info) == 0 && info.st_dev == other->st_dev && info.st_ino == other->st_ino;
}

static gboolean
fail_target(const char *to, EntroStoreError code, const char *sentence, GError **error)
{
    g_set_error(error, ENTRO_STORE_ERROR, (gint)code, "%s: %s", to, sentence);
    return FALSE;
}

/* Empty files are as good as none. */
static gboolean
check_replaced(const char *to, GError **error)
{
    char head[16];
    int fd = open(to, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fail_target(to, ENTRO_STORE_ERROR_OPEN, g_strerror(errno), error);
    gssize n = read(fd, head, sizeof head);
    close(fd);
    if (n == 0 || (n == sizeof head && memcmp(head, "SQLite format 3", sizeof head) == 0))
        return TRUE;
    return fail_target(to, ENTRO_STORE_ERROR_OPEN,
                       "is there and is no SQLite database; a backup does not take its place",
                       error);
}

/* A journal beside the target would be played into the copy that takes its place. */
static gboolean
check_target(const char *path, const char *to, GError **error)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    GStatBuf info;
    gboolean exists = g_stat(to, &info) == 0;

    if (*to == '\0')
        return fail_target("''", ENTRO_STORE_ERROR_ARGUMENT, "a backup needs a file name", error);
    for (gsize i = 0; exists && i < G_N_ELEMENTS(suffixes); i++)
        if (is_same(path, suffixes[i], &info))
            return fail_target(to, ENTRO_STORE_ERROR_ARGUMENT,
                               "is the database itself, or belongs to it; a backup is another file",
                               error);
    if (exists && !S_ISREG(info.st_mode))
        return fail_target(to, ENTRO_STORE_ERROR_OPEN, "not a regular file", error);
    if (exists && !check_replaced(to, error))
        return FALSE;
    if (!entro_store_is_empty_or_missing(to, "-wal") ||
        !entro_store_is_empty_or_missing(to, "-journal"))
        return fail_target(to, ENTRO_STORE_ERROR_OPEN,
                           "is a database in use: there is a journal beside it", error);
    return TRUE;
}

/* Read once within a transaction, so that all steps of the copy see the same pages. */
static gboolean
begin_moment(EntroTransaction *view, EntroStore *store, GError **error)
{
    gint64 n = 0;

    if (!entro_transaction_begin_read(view, store, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT count(*) FROM sqlite_schema", error);
    return stmt != NULL && entro_sql_get_int(store, stmt, 0, &n, error);
}

gboolean
entro_store_backup(const char *path, const char *to, EntroStoreGoOn go_on, gpointer data,
                   gboolean *ret_done, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open_unchecked(path, error);
    g_auto(EntroTransaction) view = {NULL};

    *ret_done = FALSE;
    return store != NULL && check_target(path, to, error) && begin_moment(&view, store, error) &&
           copy_to(store, to, go_on, data, ret_done, error);
}
