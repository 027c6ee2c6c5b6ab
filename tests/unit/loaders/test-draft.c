/* test-draft.c: a file appears whole or not at all, links are followed, and nothing is left behind.
 *
 * Calls of the kernel are this program's own, for what a disk or a file system may refuse. */
#undef _FILE_OFFSET_BITS /* open and open64 are two */
#include "entro-loader.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    gboolean no_nameless; /* as on NFS */
    gboolean no_folders;  /* may be opened to be synced */
    guint n_taken;        /* names that are there already */
    guint fsync_at;       /* the call that fails, from 1 */
    int fsync_errno, rename_errno;
    guint n_interrupted; /* writes */
    guint link_at;       /* the call that fails, from 1 */
    int link_errno, unlink_errno, chmod_errno;
    const char *hidden; /* what lies below is not there, by access() */
} disk;

int open_disk(const char *path, int flags, ...) __asm__("open64");
int fsync_disk(int fd) __asm__("fsync");
int rename_disk(const char *from, const char *to) __asm__("rename");
ssize_t write_disk(int fd, const void *bytes, size_t n) __asm__("write");
int link_disk(int from_fd, const char *from, int to_fd, const char *to,
              int flags) __asm__("linkat");
int unlink_disk(const char *path) __asm__("unlink");
int chmod_disk(int fd, mode_t mode) __asm__("fchmod");
int access_disk(const char *path, int mode) __asm__("access");

static int
fail_with(int number)
{
    errno = number;
    return -1;
}

int
open_disk(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    const int mode = va_arg(rest, int);
    va_end(rest);
    if (disk.no_nameless && (flags & O_TMPFILE) == O_TMPFILE)
        return fail_with(EOPNOTSUPP);
    if (disk.no_folders && (flags & O_TMPFILE) == O_DIRECTORY)
        return fail_with(EACCES);
    if ((flags & O_EXCL) != 0 && disk.n_taken > 0 && disk.n_taken--)
        return fail_with(EEXIST);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
fsync_disk(int fd)
{
    if (disk.fsync_at > 0 && --disk.fsync_at == 0)
        return fail_with(disk.fsync_errno);
    return (int)syscall(SYS_fsync, fd);
}

int
rename_disk(const char *from, const char *to)
{
    return disk.rename_errno != 0 ? fail_with(disk.rename_errno)
                                  : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

ssize_t
write_disk(int fd, const void *bytes, size_t n)
{
    return disk.n_interrupted > 0 && disk.n_interrupted-- ? fail_with(EINTR)
                                                          : syscall(SYS_write, fd, bytes, n);
}

int
link_disk(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    if (disk.link_at > 0 && --disk.link_at == 0)
        return fail_with(disk.link_errno);
    return (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);
}

int
unlink_disk(const char *path)
{
    return disk.unlink_errno != 0 ? fail_with(disk.unlink_errno)
                                  : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
chmod_disk(int fd, mode_t mode)
{
    return disk.chmod_errno != 0 ? fail_with(disk.chmod_errno) : (int)syscall(SYS_fchmod, fd, mode);
}

int
access_disk(const char *path, int mode)
{
    return disk.hidden != NULL && g_str_has_prefix(path, disk.hidden)
               ? fail_with(ENOENT)
               : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

typedef struct {
    char *folder, *target;
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("entro-draft-XXXXXX", NULL);
    f->target = g_build_filename(f->folder, "out", NULL);
    memset(&disk, 0, sizeof disk);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const char *name = NULL;

    (void)data;
    memset(&disk, 0, sizeof disk);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        g_assert_cmpint(g_remove(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->folder);
    g_free(f->target);
}

static guint
count_names(const Fixture *f)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

static void
put(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroDraft) draft = entro_draft_new(path, &error);

    g_assert_no_error(error);
    entro_draft_write(draft, text, strlen(text), &error);
    g_assert_no_error(error);
    entro_draft_commit(draft, &error);
    g_assert_no_error(error);
}

static void
assert_text(const char *path, const char *expected)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void
test_appears_at_the_end(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    for (guint round = 0; round < 2; round++) { /* a new file, then in the place of an old one */
        const guint n_before = count_names(f);
        g_autoptr(EntroDraft) draft = entro_draft_new(f->target, &error);
        g_assert_no_error(error);
        g_assert_true(entro_draft_write(draft, "new", 3, &error));
        g_assert_cmpuint(count_names(f), ==, n_before);
        if (round == 1)
            assert_text(f->target, "new");
        g_assert_true(entro_draft_commit(draft, &error));
        g_assert_cmpuint(count_names(f), ==, 1);
        assert_text(f->target, "new");
    }
}

static void
test_dropped_leaves_the_old(Fixture *f, gconstpointer data)
{
    (void)data;
    put(f->target, "old");
    EntroDraft *draft = entro_draft_new(f->target, NULL);
    g_assert_true(entro_draft_write(draft, "new", 3, NULL));
    entro_draft_free(draft);
    assert_text(f->target, "old");
    g_assert_cmpuint(count_names(f), ==, 1);
    entro_draft_free(NULL);
}

/* Pieces around the size of the buffer, and more than it. */
static void
test_pieces_keep_their_order(Fixture *f, gconstpointer data)
{
    static const gsize sizes[] = {1, 0, 32767, 1, 32768, 32769, 5, 100000, 31, 65536};
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(EntroDraft) draft = entro_draft_new(f->target, NULL);

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *piece = g_malloc(sizes[i] + 1);
        for (gsize k = 0; k < sizes[i]; k++)
            piece[k] = (char)('a' + (k * 7 + i) % 26);
        g_string_append_len(all, piece, (gssize)sizes[i]);
        g_assert_true(entro_draft_write(draft, piece, sizes[i], NULL));
    }
    g_assert_true(entro_draft_commit(draft, NULL));
    assert_text(f->target, all->str);
}

static void
test_links_stay(Fixture *f, gconstpointer data)
{
    g_autofree char *link = g_build_filename(f->folder, "link", NULL);
    g_autofree char *second = g_build_filename(f->folder, "second", NULL);

    (void)data;
    g_assert_cmpint(symlink("out", link), ==, 0); /* leads nowhere as yet */
    g_assert_cmpint(symlink(link, second), ==, 0);
    put(second, "first");
    put(second, "then");
    assert_text(f->target, "then");
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    g_assert_true(g_file_test(second, G_FILE_TEST_IS_SYMLINK));
    g_assert_false(g_file_test(f->target, G_FILE_TEST_IS_SYMLINK));
    g_assert_cmpuint(count_names(f), ==, 3);
}

static void
test_links_in_a_circle_are_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpint(symlink("out", f->target), ==, 0);
    g_assert_null(entro_draft_new(f->target, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_nonnull(strstr(error->message, g_strerror(ELOOP)));
    g_assert_nonnull(strstr(error->message, f->target));
}

static void
test_mode_stays(Fixture *f, gconstpointer data)
{
    struct stat info;

    (void)data;
    put(f->target, "old");
    g_assert_cmpint(stat(f->target, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 0777, ==, 0666 & ~(umask(022), umask(022)));
    g_assert_cmpint(chmod(f->target, 0600), ==, 0);
    put(f->target, "new");
    g_assert_cmpint(stat(f->target, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 0777, ==, 0600);
}

static void
test_a_pipe_is_written_to(Fixture *f, gconstpointer data)
{
    char text[8] = "";

    (void)data;
    g_assert_cmpint(mkfifo(f->target, 0600), ==, 0);
    const int reader = open(f->target, O_RDONLY | O_NONBLOCK);
    put(f->target, "text");
    g_assert_cmpint(read(reader, text, sizeof text), ==, 4);
    g_assert_cmpstr(text, ==, "text");
    close(reader);
    g_assert_cmpuint(count_names(f), ==, 1);
}

/* What its opener goes on to write to: no other file may take its place, also where one's own links lead
 * to it. */
static void
test_a_descriptor_is_written_to(Fixture *f, gconstpointer data)
{
    const int fd = open(f->target, O_RDWR | O_CREAT | O_APPEND, 0600);
    g_autofree char *first = g_build_filename(f->folder, "first", NULL);
    g_autofree char *second = g_build_filename(f->folder, "second", NULL);

    (void)data;
    for (guint i = 0; i < 2; i++) {
        g_autofree char *way = g_strdup_printf("%s/fd/%d", i == 0 ? "/dev" : "/proc/self", fd);
        g_assert_cmpint(symlink(way, first), ==, 0);
        g_assert_cmpint(symlink("first", second), ==, 0);
        g_assert_cmpint(write(fd, "a", 1), ==, 1);
        put(way, "b");
        put(first, "c");
        put(second, "d");
        g_assert_cmpint(write(fd, "e", 1), ==, 1);
        g_assert_true(g_unlink(first) == 0 && g_unlink(second) == 0);
    }
    close(fd);
    assert_text(f->target, "abcdeabcde");
}

static void
test_what_cannot_be(Fixture *f, gconstpointer data)
{
    g_autofree char *missing = g_build_filename(f->folder, "no", "out", NULL);
    const struct {
        const char *path;
        int number;
    } rows[] = {{missing, ENOENT}, {f->folder, EISDIR}};

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(entro_draft_new(rows[i].path, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_true(g_str_has_prefix(error->message, rows[i].path));
        g_assert_nonnull(strstr(error->message, g_strerror(rows[i].number)));
    }
    g_assert_cmpuint(count_names(f), ==, 0);
}

static void
test_a_full_disk(Fixture *f, gconstpointer data)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    const struct rlimit few = {40000, RLIM_INFINITY};
    g_autofree char *zeros = g_malloc0(100000);

    (void)data;
    put(f->target, "old");
    signal(SIGXFSZ, SIG_IGN);
    for (gsize piece = 1000; piece <= 100000; piece *= 10) {
        g_autoptr(GError) error = NULL;
        EntroDraft *draft = entro_draft_new(f->target, NULL);
        gboolean good = TRUE;

        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &few), ==, 0);
        for (gsize done = 0; good && done < 100000; done += piece)
            good = entro_draft_write(draft, zeros, piece, &error);
        good = good && entro_draft_commit(draft, &error);
        entro_draft_free(draft);
        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &all), ==, 0);
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_nonnull(strstr(error->message, g_strerror(EFBIG)));
        assert_text(f->target, "old");
    }
    g_assert_cmpuint(count_names(f), ==, 1);
}

/* ---- file systems and disks ------------------------------------------------------------------------ */

/* It has a hidden name from the beginning, which a signal handler knows. */
static void
test_without_nameless_files(Fixture *f, gconstpointer data)
{
    EntroDraft *drafts[6]; /* more than are remembered */

    (void)data;
    disk.no_nameless = TRUE;
    disk.n_taken = 2;
    disk.n_interrupted = 3;
    put(f->target, "first");
    put(f->target, "then");
    assert_text(f->target, "then");
    g_assert_cmpuint(count_names(f), ==, 1);
    for (guint i = 0; i < G_N_ELEMENTS(drafts); i++)
        drafts[i] = entro_draft_new(f->target, NULL);
    g_assert_cmpuint(count_names(f), ==, 1 + G_N_ELEMENTS(drafts));
    for (guint i = 0; i < G_N_ELEMENTS(drafts); i += 2)
        entro_draft_free(drafts[i]);
    entro_drafts_unlink();
    g_assert_cmpuint(count_names(f), ==, 2); /* one of those that are left was not remembered */
    for (guint i = 1; i < G_N_ELEMENTS(drafts); i += 2)
        entro_draft_free(drafts[i]);
    g_assert_cmpuint(count_names(f), ==, 1);
    assert_text(f->target, "then");
}

typedef struct {
    const char *name;
    gboolean no_nameless, no_folder;
    gboolean is_left; /* a draft of a process that was killed */
    guint fsync_at, link_at;
    int fsync_errno, link_errno, rename_errno, unlink_errno;
    const char *words; /* of the error; NULL: there is none */
    const char *text;  /* of the target */
    guint n_left;      /* names beside it afterwards */
} Refusal;

#define UNWRITTEN .words = "could not be written", .text = "old"
#define WRITTEN   .text = "new"
static const Refusal refusals[] = {
    {"sync", .fsync_at = 1, .fsync_errno = EIO, UNWRITTEN},
    {"sync-of-a-named-one", .no_nameless = TRUE, .fsync_at = 1, .fsync_errno = EIO, UNWRITTEN},
    {"sync-of-the-folder", .fsync_at = 2, .fsync_errno = EIO, WRITTEN,
     .words = "is written, but may be lost"},
    {"sync-of-a-folder-that-knows-none", .fsync_at = 2, .fsync_errno = EINVAL, WRITTEN},
    {"rename", .rename_errno = EACCES, UNWRITTEN},
    {"rename-of-a-named-one", .no_nameless = TRUE, .rename_errno = EACCES, UNWRITTEN},
    {"rename-in-a-folder-that-is-gone", .rename_errno = ENOENT, .no_folder = TRUE, UNWRITTEN},
    {"link", .link_at = 1, .link_errno = EPERM, UNWRITTEN},
    {"link-of-the-last-name", .link_at = 2, .link_errno = ENOSPC, UNWRITTEN},
    {"name-left-by-a-killed-one", .is_left = TRUE, WRITTEN},
    {"name-left-that-stays", .is_left = TRUE, .unlink_errno = EPERM, UNWRITTEN, .n_left = 1},
    /* others with the same target: the last one wins */
    {"name-of-another-that-goes-away", .link_at = 2, .link_errno = EEXIST, WRITTEN},
    {"taken-away-by-a-later-one", .rename_errno = ENOENT, .text = "old", .n_left = 1},
};

static void
test_a_refusal(Fixture *f, gconstpointer data)
{
    const Refusal *refusal = data;
    g_autofree char *left = g_build_filename(f->folder, ".out.entroscope", NULL);
    g_autoptr(GError) error = NULL;

    put(f->target, "old");
    if (refusal->is_left)
        put(left, "left");
    disk.no_nameless = refusal->no_nameless;
    disk.hidden = refusal->no_folder ? f->folder : NULL;
    disk.fsync_at = refusal->fsync_at;
    disk.fsync_errno = refusal->fsync_errno;
    disk.link_at = refusal->link_at;
    disk.link_errno = refusal->link_errno;
    disk.rename_errno = refusal->rename_errno;
    disk.unlink_errno = refusal->unlink_errno;
    EntroDraft *draft = entro_draft_new(f->target, NULL);
    g_assert_true(entro_draft_write(draft, "new", 3, NULL));
    g_assert_cmpint(entro_draft_commit(draft, &error), ==, refusal->words == NULL);
    entro_draft_free(draft);
    g_assert_true(refusal->words == NULL || strstr(error->message, refusal->words) != NULL);
    assert_text(f->target, refusal->text);
    g_assert_cmpuint(count_names(f), ==, 1 + refusal->n_left);
}

/* As in a narrow container: a nameless file could not be named. */
static void
test_without_proc(Fixture *f, gconstpointer data)
{
    (void)data;
    disk.hidden = "/proc/";
    for (guint i = 0; i < 2; i++) {
        EntroDraft *draft = entro_draft_new(f->target, NULL);
        g_assert_cmpuint(count_names(f), ==, 1 + i);
        entro_draft_free(draft);
        put(f->target, "text");
        assert_text(f->target, "text");
        g_assert_cmpuint(count_names(f), ==, 1);
    }
}

static void
test_without_modes(Fixture *f, gconstpointer data)
{
    (void)data;
    put(f->target, "old");
    disk.chmod_errno = EPERM;
    put(f->target, "new");
    assert_text(f->target, "new");
}

/* A path that no kernel takes is not remembered either. */
static void
test_names_that_are_too_long(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) path = g_string_new(f->folder);

    (void)data;
    for (guint i = 0; i < PATH_MAX / 2; i++)
        g_string_append(path, "/.");
    g_string_append(path, "/out");
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        disk.no_nameless = i == 1;
        g_assert_null(entro_draft_new(path->str, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_nonnull(strstr(error->message, g_strerror(ENAMETOOLONG)));
    }
}

static void
test_a_folder_that_may_not_be_read(Fixture *f, gconstpointer data)
{
    (void)data;
    disk.no_folders = TRUE;
    put(f->target, "text");
    assert_text(f->target, "text");
}

/* A device that takes nothing from us; a way to a descriptor that is not open. */
static void
test_what_cannot_be_opened(Fixture *f, gconstpointer data)
{
    static const char *const paths[] = {"/proc/self/fd/9999", "/dev/fd/9999"};

    (void)f;
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(entro_draft_new(paths[i], &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    }
}

/* The last one wins, and never a mix. */
static gpointer
put_often(gpointer data)
{
    const Fixture *f = data;
    g_autofree char *text = g_strnfill(50000, (char)('a' + g_random_int_range(0, 26)));

    for (guint i = 0; i < 50; i++)
        put(f->target, text);
    return NULL;
}

static void
test_several_at_once(Fixture *f, gconstpointer data)
{
    GThread *threads[4];
    g_autofree char *text = NULL;
    gsize n = 0;

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("draft", put_often, f);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_true(g_file_get_contents(f->target, &text, &n, NULL));
    g_assert_cmpuint(n, ==, 50000);
    g_assert_cmpuint(strspn(text, (char[]){text[0], '\0'}), ==, 50000);
    g_assert_cmpuint(count_names(f), ==, 1);
}

#define ADD(NAME, TEST) g_test_add("/draft/" NAME, Fixture, NULL, setup, TEST, teardown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("appears at the end", test_appears_at_the_end);
    ADD("dropped leaves the old", test_dropped_leaves_the_old);
    ADD("pieces keep their order", test_pieces_keep_their_order);
    ADD("links stay", test_links_stay);
    ADD("links in a circle", test_links_in_a_circle_are_refused);
    ADD("mode stays", test_mode_stays);
    ADD("a pipe is written to", test_a_pipe_is_written_to);
    ADD("a descriptor is written to", test_a_descriptor_is_written_to);
    ADD("what cannot be", test_what_cannot_be);
    ADD("a full disk", test_a_full_disk);
    ADD("without nameless files", test_without_nameless_files);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/draft/refused/%s", refusals[i].name);
        g_test_add(path, Fixture, &refusals[i], setup, test_a_refusal, teardown);
    }
    ADD("without proc", test_without_proc);
    ADD("without modes", test_without_modes);
    ADD("names that are too long", test_names_that_are_too_long);
    ADD("a folder that may not be read", test_a_folder_that_may_not_be_read);
    ADD("what cannot be opened", test_what_cannot_be_opened);
    ADD("several at once", test_several_at_once);
    return g_test_run();
}
