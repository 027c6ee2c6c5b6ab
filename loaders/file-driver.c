/* file-driver.c: how HDF5 reads a trace, and how it tells us where a chunk lies without reading it.
 *
 * HDF5 1.10 knows the address of a chunk but has no call that says it at a fair price.  So the file is
 * opened with a driver of our own (HDF5's public interface for that): reads of metadata are preads,
 * as in HDF5's own driver; a read of raw data is only written down, while entro_driver_record() asks
 * for it.  The bytes are then read by the workers, side by side, into their own caches.
 *
 * Traces are written by a sister of it, which lets no kill leave a block by halves (redo.c). */
#include "loader-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    H5FD_t base; /* HDF5's; must be first */
    int fd;
    haddr_t eoa, eof; /* end of what HDF5 calls allocated, end of the file */
    dev_t device;
    ino_t inode;
    EntroRedo *redo;  /* of a file that is written, else NULL */
    int *lost;        /* then: errno of the first write that failed; an atomic box */
    int unread;       /* errno of the last read that failed, 0 if none did */
    gboolean is_lent; /* the descriptor is not ours to close */
} DriverFile;

/* Where the next read of raw data is written down; NULL: it is done. */
static __thread EntroExtent *recorded;
/* errno of the last read of this thread that failed, or of an opening without memory; 0: none did. */
static __thread int unread;
/* Of the file that is opened to be written. */
static __thread int *lost_of_next;

/* Of the one file, where a process may open none. */
static int lent_fd = -1, lent_redo = -1;

void
entro_driver_use_descriptor(int fd, int redo)
{
    lent_fd = fd;
    lent_redo = redo;
}

int
entro_driver_get_descriptor(void)
{
    return lent_fd;
}

static void
attach_redo(const char *name, int fd)
{
    if (fd == lent_fd)
        entro_redo_attach_open(lent_redo, fd);
    else
        entro_redo_attach(name, fd);
}

static H5FD_t *
open_file(const char *name, int mode)
{
    struct stat facts;
    gboolean is_lent = lent_fd >= 0 && mode == O_RDONLY;

    if (!entro_h5_has_room()) {
        unread = ENOMEM;
        return NULL;
    }
    int fd = is_lent ? lent_fd : open(name, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        if (fd >= 0 && !is_lent)
            close(fd);
        return NULL;
    }
    DriverFile *file = g_new0(DriverFile, 1);
    file->fd = fd;
    file->eof = (haddr_t)facts.st_size;
    file->device = facts.st_dev;
    file->inode = facts.st_ino;
    if (mode == O_RDWR) {
        file->redo = entro_redo_new(name, facts.st_dev, facts.st_ino);
        file->lost = g_atomic_rc_box_acquire(lost_of_next);
    } else
        attach_redo(name, fd);
    file->is_lent = is_lent;
    return &file->base;
}

static H5FD_t *
driver_open(const char *name, unsigned flags, hid_t access, haddr_t max)
{
    (void)access;
    (void)max;
    return (flags & H5F_ACC_RDWR) != 0 ? NULL : open_file(name, O_RDONLY);
}

static H5FD_t *
writer_open(const char *name, unsigned flags, hid_t access, haddr_t max)
{
    (void)access;
    (void)max;
    return open_file(name, (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY);
}

static herr_t
driver_close(H5FD_t *base)
{
    DriverFile *file = (DriverFile *)base;
    entro_redo_detach(file->fd);
    int code = file->is_lent ? 0 : close(file->fd);

    entro_redo_free(file->redo);
    g_clear_pointer(&file->lost, g_atomic_rc_box_release);
    g_free(file);
    return code;
}

static int
driver_compare(const H5FD_t *base_a, const H5FD_t *base_b)
{
    const DriverFile *a = (const DriverFile *)base_a, *b = (const DriverFile *)base_b;

    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static herr_t
driver_query(const H5FD_t *file, unsigned long *ret_flags)
{
    (void)file;
    if (ret_flags != NULL)
        *ret_flags = H5FD_FEAT_ACCUMULATE_METADATA_READ | H5FD_FEAT_SUPPORTS_SWMR_IO |
                     H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

/* As HDF5's own driver. */
static herr_t
writer_query(const H5FD_t *file, unsigned long *ret_flags)
{
    (void)file;
    if (ret_flags != NULL)
        *ret_flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
                     H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA |
                     H5FD_FEAT_POSIX_COMPAT_HANDLE | H5FD_FEAT_SUPPORTS_SWMR_IO |
                     H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t
driver_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const DriverFile *)file)->eoa;
}

static herr_t
driver_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((DriverFile *)file)->eoa = address;
    return 0;
}

static haddr_t
driver_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const DriverFile *)file)->eof;
}

static herr_t
driver_get_handle(H5FD_t *file, hid_t access, void **ret_handle)
{
    (void)access;
    *ret_handle = &((DriverFile *)file)->fd;
    return 0;
}

/* As HDF5's own driver: what lies beyond the end of the file reads as zeros. */
static herr_t
driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *to)
{
    DriverFile *file = (DriverFile *)base;

    (void)transfer;
    if (type == H5FD_MEM_DRAW && recorded != NULL) {
        *recorded = (EntroExtent){.offset = address, .size = size};
        return 0;
    }
    void *const all = to;
    const haddr_t from = address;
    const size_t n_all = size;
    while (size > 0) {
        gssize n = pread(file->fd, to, size, (off_t)address);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            file->unread = unread = errno;
            entro_h5_push_reason(g_strerror(unread));
            return -1;
        }
        if (n == 0) {
            memset(to, 0, size);
            break;
        }
        to = (guint8 *)to + n;
        address += (haddr_t)n;
        size -= (size_t)n;
    }
    entro_redo_patch(file->fd, all, n_all, from);
    return 0;
}

/* Files are opened to be read. */
static herr_t
driver_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
             const void *from)
{
    (void)file;
    (void)type;
    (void)transfer;
    (void)address;
    (void)size;
    (void)from;
    return -1;
}

/* HDF5 1.10 is told that all is well: it cannot go on after a flush that failed, and crashes when it
 * closes the file.  Nothing is written any more, or a later success would leave a hole. */
static herr_t
lose(DriverFile *file)
{
    *file->lost = errno != 0 ? errno : EIO;
    return 0;
}

/* What is new lies behind the end, and nothing leads to it yet: only in place can something be lost
 * by halves. */
static herr_t
writer_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
             const void *from)
{
    DriverFile *file = (DriverFile *)base;

    (void)type;
    (void)transfer;
    if (file->redo == NULL)
        return -1;
    if (*file->lost != 0)
        return 0;
    const gboolean keep = address < file->eof && entro_redo_wants(file->redo, address, size);
    if ((keep && !entro_redo_put(file->redo, address, from, size)) ||
        !entro_write_at(file->fd, from, size, address) || (keep && !entro_redo_done(file->redo)))
        return lose(file);
    file->eof = MAX(file->eof, address + size);
    return 0;
}

static herr_t
writer_truncate(H5FD_t *base, hid_t transfer, hbool_t closing)
{
    DriverFile *file = (DriverFile *)base;

    (void)transfer;
    (void)closing;
    if (file->eoa == file->eof || *file->lost != 0)
        return 0;
    if (ftruncate(file->fd, (off_t)file->eoa) != 0)
        return lose(file);
    file->eof = file->eoa;
    return 0;
}

/* As HDF5's own driver; without them, HDF5 does not mark the file as being written. */
static herr_t
writer_lock(H5FD_t *base, hbool_t to_write)
{
    const DriverFile *file = (const DriverFile *)base;

    return flock(file->fd, (to_write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 || errno == ENOSYS ? 0
                                                                                             : -1;
}

static herr_t
writer_unlock(H5FD_t *base)
{
    const DriverFile *file = (const DriverFile *)base;

    return flock(file->fd, LOCK_UN) == 0 || errno == ENOSYS ? 0 : -1;
}

static const H5FD_class_t driver_class = {
    .name = "entroscope",
    .maxaddr = G_MAXINT64,
    .fc_degree = H5F_CLOSE_WEAK,
    .open = driver_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .get_handle = driver_get_handle,
    .read = driver_read,
    .write = driver_write,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

static const H5FD_class_t writer_class = {
    .name = "entroscope writer",
    .maxaddr = G_MAXINT64,
    .fc_degree = H5F_CLOSE_WEAK,
    .open = writer_open,
    .close = driver_close,
    .cmp = driver_compare,
    .query = writer_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .get_handle = driver_get_handle,
    .read = driver_read,
    .write = writer_write,
    .truncate = writer_truncate,
    .lock = writer_lock,
    .unlock = writer_unlock,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

static gboolean
use(hid_t access, const H5FD_class_t *class, gsize *registered)
{
    if (g_once_init_enter(registered)) {
        hid_t driver = H5FDregister(class);
        g_once_init_leave(registered, driver >= 0 ? (gsize)driver : G_MAXSIZE);
    }
    return *registered != G_MAXSIZE && H5Pset_driver(access, (hid_t)*registered, NULL) >= 0;
}

gboolean
entro_driver_use(hid_t access)
{
    static gsize registered;

    return use(access, &driver_class, &registered);
}

gboolean
entro_driver_use_to_write(hid_t access, int *lost)
{
    static gsize registered;

    lost_of_next = lost;
    return use(access, &writer_class, &registered);
}

int
entro_driver_get_fd(hid_t file)
{
    void *handle = NULL;

    return H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 ? *(int *)handle : -1;
}

/* The descriptor that HDF5 knows is a part of it. */
int
entro_driver_get_read_error(hid_t file)
{
    void *handle = NULL;

    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0)
        return 0;
    return ((const DriverFile *)(const void *)((char *)handle - offsetof(DriverFile, fd)))->unread;
}

int
entro_driver_take_unread(void)
{
    const int number = unread;

    unread = 0;
    return number;
}

void
entro_driver_record(EntroExtent *extent)
{
    recorded = extent;
}
