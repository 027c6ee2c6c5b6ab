/* redo.c: writes in place that a kill cannot halve.
 *
 * Linux ends a process that is killed between two pages of a write(): a block of the file that lies
 * over their border is then half old and half new, its checksum is off, and what it held is lost.
 * So such a block goes to a file beside the trace first, is said to be there, and is then put in its
 * place; who goes on with the trace puts it there once more, and who reads it sees it as if it were
 * there.  One block at a time is enough. */
#include "loader-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     4096 /* the smallest that Linux has */
#define PATIENCE 2000 /* microseconds in which a writer that lives should be done with a block */
#define MAGIC    "ENTREDO1"
/* Larger ones are attention: of a capture that does not exist yet. */
#define SIZE_MAX_KEPT (64u << 10)

/* At the begin of the file, inside one page; the block follows on the next. */
typedef struct {
    char magic[8]; /* zeros: there is no block */
    guint64 device, inode;
    guint64 address, size, hash;
} Head;

struct EntroRedo {
    char *path;
    int fd; /* -1 until there is something to keep */
    guint64 device, inode;
    gboolean pending;
};

static char *
redo_path(const char *path)
{
    return g_strconcat(path, ".redo", NULL);
}

/* FNV-1a, 64 bits: against a machine that went down between the two writes. */
static guint64
hash_bytes(const guint8 *bytes, gsize n)
{
    guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325);

    for (gsize i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT(0x100000001b3);
    return hash;
}

gboolean
entro_write_at(int fd, const void *from, gsize size, guint64 offset)
{
    for (gsize done = 0; done < size;) {
        gssize n = pwrite(fd, (const guint8 *)from + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return FALSE;
        done += n > 0 ? (gsize)n : 0;
    }
    return TRUE;
}

/* ---- keeping --------------------------------------------------------------------------------------- */

EntroRedo *
entro_redo_new(const char *path, guint64 device, guint64 inode)
{
    EntroRedo *redo = g_new0(EntroRedo, 1);

    redo->path = redo_path(path);
    redo->fd = -1;
    redo->device = device;
    redo->inode = inode;
    return redo;
}

void
entro_redo_free(EntroRedo *redo)
{
    if (redo == NULL)
        return;
    if (redo->fd >= 0)
        close(redo->fd);
    if (redo->fd >= 0 && !redo->pending)
        g_unlink(redo->path);
    g_free(redo->path);
    g_free(redo);
}

gboolean
entro_redo_wants(const EntroRedo *redo, guint64 address, gsize size)
{
    return !redo->pending && size > 0 && size <= SIZE_MAX_KEPT &&
           address / PAGE != (address + size - 1) / PAGE;
}

gboolean
entro_redo_put(EntroRedo *redo, guint64 address, const void *block, gsize size)
{
    const Head head = {.magic = MAGIC,
                       .device = redo->device,
                       .inode = redo->inode,
                       .address = address,
                       .size = size,
                       .hash = hash_bytes(block, size)};

    if (redo->fd < 0)
        redo->fd = open(redo->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    redo->pending = redo->fd >= 0 && entro_write_at(redo->fd, block, size, PAGE) &&
                    entro_write_at(redo->fd, &head, sizeof head, 0);
    return redo->pending;
}

gboolean
entro_redo_done(EntroRedo *redo)
{
    const Head none = {0};

    redo->pending = !entro_write_at(redo->fd, &none, sizeof none, 0);
    return !redo->pending;
}

/* ---- putting in its place ------------------------------------------------------------------------- */

/* The block that a killed writer of this very file was at; NULL if there is none. */
static guint8 *
read_block(int fd, const struct stat *facts, Head *ret_head)
{
    if (pread(fd, ret_head, sizeof *ret_head, 0) != sizeof *ret_head ||
        memcmp(ret_head->magic, MAGIC, sizeof ret_head->magic) != 0 ||
        ret_head->device != facts->st_dev || ret_head->inode != facts->st_ino ||
        ret_head->size > SIZE_MAX_KEPT || ret_head->address > (guint64)facts->st_size)
        return NULL;
    g_autofree guint8 *block = g_malloc(MAX(ret_head->size, 1));
    if (pread(fd, block, ret_head->size, PAGE) != (gssize)ret_head->size ||
        hash_bytes(block, ret_head->size) != ret_head->hash)
        return NULL;
    return g_steal_pointer(&block);
}

static gboolean
replay(const char *path, int redo_fd)
{
    const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat facts;
    Head head;
    gboolean good = fd >= 0 && fstat(fd, &facts) == 0;
    g_autofree guint8 *block =
        good && S_ISREG(facts.st_mode) ? read_block(redo_fd, &facts, &head) : NULL;

    if (block != NULL)
        good = entro_write_at(fd, block, head.size, head.address);
    if (fd >= 0)
        close(fd);
    return good;
}

gboolean
entro_redo_replay(const char *path, GError **error)
{
    g_autofree char *name = redo_path(path);
    const int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || g_access(path, F_OK) != 0) {
        if (fd >= 0)
            close(fd);
        return TRUE;
    }
    const gboolean good = replay(path, fd);
    const int reason = errno;
    close(fd);
    if (!good)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE,
                    "%s: cannot finish what a killed writer began (it is in %s): %s", path, name,
                    g_strerror(reason));
    return good;
}

void
entro_redo_forget(const char *path)
{
    g_autofree char *name = redo_path(path);

    g_unlink(name);
}

/* ---- reading --------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    guint64 address, size;
    guint8 *block;
} Patch;

/* Of the files that are open to be read; hardly ever one. */
static GMutex lock;
static GSList *patches;
static gint n_patches;

/* NULL unless a writer has died at it, or sleeps for so long that it is as good as dead: in either
 * case nothing that is known of this file now is younger than the block. */
static guint8 *
read_left(int fd, const struct stat *facts, Head *ret_head)
{
    Head later;
    g_autofree guint8 *block = read_block(fd, facts, ret_head);

    for (guint again = 0; block != NULL && again < 3; again++) {
        g_usleep(PATIENCE);
        if (pread(fd, &later, sizeof later, 0) != sizeof later ||
            memcmp(&later, ret_head, sizeof later) != 0)
            return NULL;
    }
    return g_steal_pointer(&block);
}

int
entro_redo_open(const char *path)
{
    g_autofree char *name = redo_path(path);

    return open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
}

void
entro_redo_attach(const char *path, int fd)
{
    const int redo = entro_redo_open(path);

    if (redo < 0)
        return;
    entro_redo_attach_open(redo, fd);
    close(redo);
}

void
entro_redo_attach_open(int redo, int fd)
{
    struct stat facts;
    Head head;
    guint8 *block = fstat(fd, &facts) == 0 ? read_left(redo, &facts, &head) : NULL;

    if (block == NULL)
        return;
    Patch *patch = g_new(Patch, 1);
    *patch = (Patch){fd, head.address, head.size, block};
    g_mutex_lock(&lock);
    patches = g_slist_prepend(patches, patch);
    g_mutex_unlock(&lock);
    g_atomic_int_inc(&n_patches);
}

void
entro_redo_detach(int fd)
{
    if (g_atomic_int_get(&n_patches) == 0)
        return;
    g_mutex_lock(&lock);
    for (GSList *item = patches; item != NULL; item = item->next) {
        Patch *patch = item->data;

        if (patch->fd != fd)
            continue;
        patches = g_slist_delete_link(patches, item);
        g_free(patch->block);
        g_free(patch);
        g_atomic_int_add(&n_patches, -1);
        break;
    }
    g_mutex_unlock(&lock);
}

static void
apply(const Patch *patch, guint8 *to, gsize size, guint64 offset)
{
    const guint64 first = MAX(patch->address, offset);
    const guint64 end = MIN(patch->address + patch->size, offset + size);

    if (first < end)
        memcpy(to + (first - offset), patch->block + (first - patch->address), end - first);
}

void
entro_redo_patch(int fd, void *to, gsize size, guint64 offset)
{
    if (g_atomic_int_get(&n_patches) == 0)
        return;
    g_mutex_lock(&lock);
    for (const GSList *item = patches; item != NULL; item = item->next)
        if (((const Patch *)item->data)->fd == fd)
            apply(item->data, to, size, offset);
    g_mutex_unlock(&lock);
}
