/* test-store-disk.c: where a backup may be put, and what becomes of the one before when it fails; a journal
 * that the disk does not take into the database.
 *
 * fsync, rename, pread and pwrite are this program's own, for what a disk may refuse. */
#undef _FILE_OFFSET_BITS /* pread and pread64 are two */
#include "store-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum { NONE, SYNC, RENAME, READ, WRITE, WRITE_PAGE } Call;

static struct {
    Call call; /* that fails, once */
    int number;
    gint64 last; /* byte that can be read, where one cannot */
} disk;

int sync_disk(int fd) __asm__("fsync");
int rename_disk(const char *from, const char *to) __asm__("rename");
ssize_t read_disk(int fd, void *bytes, size_t size, gint64 offset) __asm__("pread64");
ssize_t write_disk(int fd, const void *bytes, size_t size, gint64 offset) __asm__("pwrite64");

static gboolean
fails(Call call)
{
    if (disk.call != call)
        return FALSE;
    disk.call = NONE;
    errno = disk.number;
    return TRUE;
}

int
sync_disk(int fd)
{
    return fails(SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int
rename_disk(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

ssize_t
read_disk(int fd, void *bytes, size_t size, gint64 offset)
{
    return offset > disk.last && fails(READ) ? -1 : syscall(SYS_pread64, fd, bytes, size, offset);
}

/* SQLite writes no two bytes; a journal does not begin with a page. */
ssize_t
write_disk(int fd, const void *bytes, size_t size, gint64 offset)
{
    const gboolean is_page = size == 4096 && offset == 0;

    return (size == 2 && fails(WRITE)) || (is_page && fails(WRITE_PAGE))
               ? -1
               : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static char *
beside(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->folder, name, NULL);
}

static guint
count_drafts(const Fixture *fixture)
{
    g_autoptr(GDir) dir = g_dir_open(fixture->folder, 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir)) != NULL)
        n += g_str_has_prefix(name, ".entroscope");
    return n;
}

static void
expect_failure(const Fixture *fixture, const char *to, EntroStoreError code, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    gboolean done = TRUE;

    g_assert_false(entro_store_backup(fixture->path, to, NULL, NULL, &done, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, (gint)code);
    if (strstr(error->message, sentence) == NULL)
        g_error("'%s' lacks '%s'", error->message, sentence);
    g_test_message("%s", error->message);
    g_assert_false(done);
    g_assert_cmpuint(count_drafts(fixture), ==, 0);
}

/* ---- what fails --------------------------------------------------------------------------------- */

static void
what_the_disk_refuses_costs_the_new_one(Fixture *fixture, gconstpointer data)
{
    static const struct {
        Call call;
        int number;
        const char *words;
    } rows[] = {{SYNC, EIO, "copy.db could not be written: Input/output error"},
                {RENAME, EACCES, "copy.db could not be written: Permission denied"},
                {WRITE, ENOSPC, "copy.db could not be written: No space left on device"},
                {READ, EIO, "/copy.db: disk I/O error"}};
    g_autofree char *to = beside(fixture, "copy.db");
    gboolean done = FALSE;
    gsize size = 0;

    (void)data;
    make_database(fixture->path);
    g_autofree char *bytes = read_file(fixture->path, &size);
    disk.last = (gint64)size - 8192; /* what lies behind is not read at the opening */
    for (guint old = 0; old < 2; old++) {
        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
            disk.call = rows[i].call;
            disk.number = rows[i].number;
            expect_failure(fixture, to, ENTRO_STORE_ERROR_IO, rows[i].words);
            g_assert_cmpint(disk.call, ==, NONE); /* it was met */
            g_assert_cmpint(g_file_test(to, G_FILE_TEST_EXISTS), ==, old);
            g_assert_true(!old || query_int(to, "SELECT count(*) FROM captures") == 2);
        }
        g_assert_true(entro_store_backup(fixture->path, to, NULL, NULL, &done, NULL));
        g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
        put_step(store, 1, 30 + old); /* not in the copy */
    }
}

/* Its pages can be copied; what is in them breaks a promise of the schema. */
static void
damage_does_not_take_the_place_of_a_good_one(Fixture *fixture, gconstpointer data)
{
    g_autofree char *to = beside(fixture, "copy.db");
    gboolean done = FALSE;

    (void)data;
    make_database(fixture->path);
    g_assert_true(entro_store_backup(fixture->path, to, NULL, NULL, &done, NULL));
    run_sql(fixture->path,
            "PRAGMA ignore_check_constraints = ON; UPDATE captures SET status = 'x'");
    expect_failure(fixture, to, ENTRO_STORE_ERROR_IO,
                   "runs.db: is damaged and was not copied: 'CHECK constraint failed in captures'");
    g_assert_cmpint(query_int(to, "SELECT count(*) FROM captures WHERE status = 'complete'"), ==,
                    2);
}

/* ---- where to ------------------------------------------------------------------------------------ */

static void
what_is_no_backup_stays(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *text, *suffix; /* of what is there: "", or beside the target */
        const char *sentence;      /* NULL: it is replaced */
    } rows[] = {
        {"step", "", "is no SQLite database"},
        {"SQLite format 3", "", "is no SQLite database"},
        {"SQLite format 4 and more", "", "is no SQLite database"},
        {"SQLite format 3 and more", "", "is no SQLite database"},
        {"a journal", "-journal", "a database in use"},
        {"a journal", "-wal", "a database in use"},
        {"", "", NULL},
        {"", "-journal", NULL},
    };

    (void)data;
    make_database(fixture->path);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("%u.db", i);
        g_autofree char *to = beside(fixture, name);
        g_autofree char *path = g_strconcat(to, rows[i].suffix, NULL);
        gboolean done = FALSE;
        gsize size = 0;
        write_file(path, rows[i].text, strlen(rows[i].text));
        if (rows[i].sentence == NULL) {
            g_assert_true(entro_store_backup(fixture->path, to, NULL, NULL, &done, NULL));
            g_assert_cmpint(query_int(to, "SELECT count(*) FROM captures"), ==, 2);
            continue;
        }
        expect_failure(fixture, to, ENTRO_STORE_ERROR_OPEN, rows[i].sentence);
        g_autofree char *after = read_file(path, &size);
        g_assert_cmpmem(after, size, rows[i].text, strlen(rows[i].text));
    }
}

/* What may not be read is not called something else. */
static void
what_may_not_be_read_stays(Fixture *fixture, gconstpointer data)
{
    g_autofree char *to = beside(fixture, "copy.db");

    (void)data;
    make_database(fixture->path);
    write_file(to, "step", 4);
    g_assert_cmpint(g_chmod(to, 0), ==, 0);
    g_assert_cmpint(g_chmod(fixture->folder, 0755), ==, 0);
    g_assert_true(geteuid() != 0 || seteuid(65534) == 0);
    expect_failure(fixture, to, ENTRO_STORE_ERROR_OPEN, "copy.db: Permission denied");
    g_assert_true(getuid() != 0 || seteuid(0) == 0);
}

static void
a_backup_needs_a_name(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    expect_failure(fixture, "", ENTRO_STORE_ERROR_ARGUMENT, "a backup needs a file name");
    expect_failure(fixture, fixture->path, ENTRO_STORE_ERROR_ARGUMENT, "is the database itself");
    expect_failure(fixture, fixture->folder, ENTRO_STORE_ERROR_OPEN, "not a regular file");
}

/* ---- a journal ---------------------------------------------------------------------------------- */

/* What is committed is in the journal, and gets into the database the next time. */
static void
a_journal_that_cannot_be_emptied_is_kept(Fixture *fixture, gconstpointer data)
{
    (void)data;
    make_database(fixture->path);
    EntroStore *store = open_store(fixture->path, ENTRO_STORE_WRITE);
    disk.call = WRITE_PAGE;
    disk.number = ENOSPC;
    for (gint64 step = 100; step < 140; step++) { /* much more than is left in a journal */
        EntroCapture capture = make_capture(step, 20, 50);
        g_assert_true(entro_store_put_captures(store, 1, &capture, 1, NULL));
        free_capture(&capture);
    }
    g_assert_cmpint(disk.call, ==, NONE);
    entro_store_free(store);
    g_assert_cmpint(query_int(fixture->path, "SELECT count(*) FROM captures"), ==, 42);
    g_autofree char *check = query_text(fixture->path, "PRAGMA integrity_check");
    g_assert_cmpstr(check, ==, "ok");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) FIXTURE_TEST("/db/backup/" name, function)
    ADD("what-the-disk-refuses-costs-the-new-one", what_the_disk_refuses_costs_the_new_one);
    ADD("damage-does-not-take-the-place-of-a-good-one",
        damage_does_not_take_the_place_of_a_good_one);
    ADD("what-is-no-backup-stays", what_is_no_backup_stays);
    ADD("what-may-not-be-read-stays", what_may_not_be_read_stays);
    ADD("a-backup-needs-a-name", a_backup_needs_a_name);
#undef ADD
    FIXTURE_TEST("/db/disk/a-journal-that-cannot-be-emptied-is-kept",
                 a_journal_that_cannot_be_emptied_is_kept);
    return g_test_run();
}
