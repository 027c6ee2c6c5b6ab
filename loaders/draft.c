/* draft.c: a file that appears whole or not at all.
 *
 * What is written has no name until it is complete and on the disk (O_TMPFILE): however the program
 * ends before that, the old file stays and nothing else does.  Then it is named beside its target and
 * renamed.  Where the file system knows no nameless files, it has a hidden name from the beginning.
 *
 * A link is followed: the file it leads to is replaced, the link stays.  A device or a pipe cannot be
 * replaced and is written to. */
#include "entro-loader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER    (32u << 10)
#define MAX_LINKS 40 /* as Linux */

struct EntroDraft {
    char *path;   /* as it was asked for */
    char *target; /* where its links lead; NULL: written in place */
    char *folder; /* of the target */
    char *name;   /* NULL while it has none */
    int fd;
    gsize n; /* of the buffer */
    guint8 buffer[BUFFER];
};

/* ---- names that exist now ------------------------------------------------------------------------ */

/* A signal handler, which may neither lock nor allocate, has to find them. */
enum { SLOT_FREE, SLOT_TAKEN, SLOT_NAMED };
static struct {
    gint state;
    char path[PATH_MAX];
} slots[4];

/* Before the file is there: a name that is not there yet does no harm. */
static void
remember(const char *name)
{
    const gsize size = strlen(name) + 1;

    for (gsize i = 0; size <= PATH_MAX && i < G_N_ELEMENTS(slots); i++)
        if (g_atomic_int_compare_and_exchange(&slots[i].state, SLOT_FREE, SLOT_TAKEN)) {
            memcpy(slots[i].path, name, size);
            g_atomic_int_set(&slots[i].state, SLOT_NAMED);
            return;
        }
}

static void
forget(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(slots); i++)
        if (g_atomic_int_get(&slots[i].state) == SLOT_NAMED && strcmp(slots[i].path, name) == 0) {
            g_atomic_int_set(&slots[i].state, SLOT_FREE);
            return;
        }
}

void
entro_drafts_unlink(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(slots); i++)
        if (g_atomic_int_get(&slots[i].state) == SLOT_NAMED)
            unlink(slots[i].path);
}

/* ---- where ----------------------------------------------------------------------------------------- */

static gboolean
fail(const EntroDraft *draft, GError **error)
{
    const int number = errno;
    g_autofree char *shown = entro_printable(draft->path, -1);

    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE, "%s could not be written: %s",
                shown, g_strerror(number));
    return FALSE;
}

/* /dev/stdout leads to one, through which its opener goes on to write to a file. */
static gboolean
is_descriptor(const char *path)
{
    return g_str_has_prefix(path, "/proc/") || g_str_has_prefix(path, "/dev/fd/");
}

/* Where the links of a path lead, also when there is nothing yet: to a file, or a descriptor, however many
 * links are before it; NULL with errno. */
static char *
follow(const char *path)
{
    g_autofree char *at = g_strdup(path);

    for (guint i = 0; i < MAX_LINKS; i++) {
        g_autofree char *to = is_descriptor(at) ? NULL : g_file_read_link(at, NULL);
        if (to == NULL)
            return g_steal_pointer(&at);
        g_autofree char *folder = g_path_get_dirname(at);
        g_free(at);
        at = g_path_is_absolute(to) ? g_steal_pointer(&to) : g_build_filename(folder, to, NULL);
    }
    errno = ELOOP;
    return NULL;
}

/* ---- opening ---------------------------------------------------------------------------------------- */

/* A name that a person sees only where the program was killed just then. */
static char *
new_name(const EntroDraft *draft)
{
    g_autofree char *base = g_strdup_printf(".entroscope-%08x%08x", g_random_int(), g_random_int());

    return g_build_filename(draft->folder, base, NULL);
}

/* It gets its name by way of /proc. */
static char *
proc_path(int fd)
{
    return g_strdup_printf("/proc/self/fd/%d", fd);
}

static int
open_nameless(const EntroDraft *draft)
{
    const int fd = open(draft->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    g_autofree char *way = proc_path(fd);

    if (fd < 0 || access(way, F_OK) == 0)
        return fd;
    close(fd);
    return -1;
}

static int
open_named(EntroDraft *draft)
{
    int fd;

    do {
        g_free(draft->name);
        draft->name = new_name(draft);
        remember(draft->name);
        fd = open(draft->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0)
            forget(draft->name);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0)
        g_clear_pointer(&draft->name, g_free);
    return fd;
}

/* What nobody else may read stays so. */
static void
keep_mode(int fd, const struct stat *old)
{
    if (fchmod(fd, old->st_mode & 0777) != 0)
        return; /* a file system without modes */
}

static gboolean
open_draft(EntroDraft *draft, GError **error)
{
    struct stat old;
    const gboolean exists = stat(draft->path, &old) == 0;

    g_autofree char *target = follow(draft->path);

    if (target == NULL)
        return fail(draft, error);
    if ((exists && !S_ISREG(old.st_mode)) || is_descriptor(target)) {
        draft->fd = open(draft->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
        return draft->fd >= 0 || fail(draft, error);
    }
    draft->target = g_steal_pointer(&target);
    draft->folder = g_path_get_dirname(draft->target);
    draft->fd = open_nameless(draft);
    if (draft->fd < 0)
        draft->fd = open_named(draft);
    if (draft->fd < 0)
        return fail(draft, error);
    if (exists)
        keep_mode(draft->fd, &old);
    return TRUE;
}

EntroDraft *
entro_draft_new(const char *path, GError **error)
{
    g_return_val_if_fail(path != NULL, NULL);
    g_autoptr(EntroDraft) draft = g_new0(EntroDraft, 1);

    draft->path = g_strdup(path);
    draft->fd = -1;
    return open_draft(draft, error) ? g_steal_pointer(&draft) : NULL;
}

void
entro_draft_free(EntroDraft *draft)
{
    if (draft == NULL)
        return;
    if (draft->fd >= 0)
        close(draft->fd);
    if (draft->name != NULL) {
        unlink(draft->name);
        forget(draft->name);
    }
    g_free(draft->path);
    g_free(draft->target);
    g_free(draft->folder);
    g_free(draft->name);
    g_free(draft);
}

int
entro_draft_get_fd(const EntroDraft *draft)
{
    return draft->fd;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static gboolean
write_all(EntroDraft *draft, const guint8 *bytes, gsize n, GError **error)
{
    while (n > 0) {
        const gssize written = write(draft->fd, bytes, n);
        if (written < 0 && errno != EINTR)
            return fail(draft, error);
        bytes += MAX(written, 0);
        n -= (gsize)MAX(written, 0);
    }
    return TRUE;
}

static gboolean
empty_buffer(EntroDraft *draft, GError **error)
{
    const gsize n = draft->n;

    draft->n = 0;
    return write_all(draft, draft->buffer, n, error);
}

gboolean
entro_draft_write(EntroDraft *draft, const void *bytes, gsize n, GError **error)
{
    if (n > BUFFER - draft->n && !empty_buffer(draft, error))
        return FALSE;
    if (n > BUFFER)
        return write_all(draft, bytes, n, error);
    memcpy(draft->buffer + draft->n, bytes, n);
    draft->n += n;
    return TRUE;
}

/* ---- the end ---------------------------------------------------------------------------------------- */

/* Always the same for one target: what a process leaves that is killed just then is replaced by the
 * next, and does not add up.  Only complete files ever have it, so it does not matter whose. */
static char *
last_name(const EntroDraft *draft)
{
    g_autofree char *base = g_path_get_basename(draft->target);
    g_autofree char *hidden = g_strdup_printf(".%.200s.entroscope", base);

    return g_build_filename(draft->folder, hidden, NULL);
}

/* A nameless file cannot replace another: it takes its place in two steps, and in one where there is
 * nothing to replace. */
static gboolean
link_draft(EntroDraft *draft)
{
    g_autofree char *way = proc_path(draft->fd);
    int code;

    if (linkat(AT_FDCWD, way, AT_FDCWD, draft->target, AT_SYMLINK_FOLLOW) == 0)
        return TRUE;
    if (errno != EEXIST)
        return FALSE;
    g_autofree char *name = last_name(draft);
    remember(name);
    while ((code = linkat(AT_FDCWD, way, AT_FDCWD, name, AT_SYMLINK_FOLLOW)) != 0 &&
           errno == EEXIST && (unlink(name) == 0 || errno == ENOENT))
        ;
    if (code == 0)
        code = rename(name, draft->target);
    if (code != 0 && errno == ENOENT && access(draft->folder, F_OK) == 0)
        code = 0; /* taken away by another with the same target, who is later: the last one wins */
    const int number = errno;
    if (code != 0)
        unlink(name);
    forget(name);
    errno = number;
    return code == 0;
}

static gboolean
rename_draft(EntroDraft *draft)
{
    if (rename(draft->name, draft->target) != 0)
        return FALSE;
    forget(draft->name);
    g_clear_pointer(&draft->name, g_free);
    return TRUE;
}

/* Until the folder is on the disk too, a machine that goes down may wake up with the old file.  A
 * folder that may not be read, or a file system that cannot do it, is no failure. */
static gboolean
sync_folder(const EntroDraft *draft, GError **error)
{
    const int fd = open(draft->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int code = fd >= 0 ? fsync(fd) : 0;
    const int number = errno;

    if (fd >= 0)
        close(fd);
    if (code == 0 || number == EINVAL)
        return TRUE;
    g_autofree char *shown = entro_printable(draft->path, -1);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE,
                "%s is written, but may be lost if the machine goes down now: its folder could not "
                "be brought to the disk: %s",
                shown, g_strerror(number));
    return FALSE;
}

gboolean
entro_draft_commit(EntroDraft *draft, GError **error)
{
    if (!empty_buffer(draft, error))
        return FALSE;
    if (draft->target == NULL)
        return TRUE;
    if (fsync(draft->fd) != 0 || !(draft->name == NULL ? link_draft : rename_draft)(draft))
        return fail(draft, error);
    return sync_folder(draft, error);
}
