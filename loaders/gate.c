/* gate.c: the one strict way in, for every file and every dataset.
 *
 * HDF5 1.10 is not safe on hostile files: it follows links to other files, reads external storage,
 * loads plugins named by a file, and waits nearly for ever on a bad checksum.  What is not needed is
 * refused here, with a sentence that names the object and what to do. */
#include "loader-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* With the default of 100, each bad checksum of a file being written costs minutes. */
#define METADATA_READ_ATTEMPTS 20
#define SIGNATURE              "\211HDF\r\n\032\n"
#define SUPERBLOCK_PROBES      8 /* a user block may put it at 0, 512, 1024 ... 32768 */

/* ---- files ----------------------------------------------------------------------------------------- */

typedef struct {
    const char *magic, *kind;
    gsize at; /* byte at which it stands */
} Impostor;

static const Impostor impostors[] = {
    {SIGNATURE, "HDF5 cut off in its first bytes", 0},
    {"version https://git-lfs", "a git-LFS pointer (run: git lfs pull)", 0},
    {"\x1f\x8b", "gzip data (unpack it first)", 0},
    {"BZh", "bzip2 data (unpack it first)", 0},
    {"\3757zXZ", "xz data (unpack it first)", 0},
    {"\x28\xb5\x2f\xfd", "zstd data (unpack it first)", 0},
    {"PK\003\004", "a zip archive (.npz or .pt?)", 0},
    {"\x93NUMPY", "a NumPy array", 0},
    {"SQLite format 3", "a SQLite database", 0},
    {"\x80\x02", "a Python pickle", 0},
    {"\x80\x03", "a Python pickle", 0},
    {"\x80\x04", "a Python pickle", 0},
    {"\x80\x05", "a Python pickle", 0},
    {"<!", "an HTML page", 0},
    {"<html", "an HTML page", 0},
    {"<HTML", "an HTML page", 0},
    {"<?xml", "XML text", 0},
    {"{", "JSON text", 0},
    {"CDF", "a classic NetCDF file", 0},
    {"MATLAB 5.0", "a MATLAB file older than 7.3 (save it with -v7.3)", 0},
    {"\x89PNG", "a PNG image", 0},
    {"%PDF", "a PDF document", 0},
    {"PAR1", "a Parquet table", 0},
    {"ARROW1", "an Arrow file", 0},
    {"GGUF", "a GGUF model", 0},
    {"\177ELF", "a program (ELF)", 0},
    {"ustar", "a tar archive (unpack it first)", 257},
};

/* UTF-8 that may be cut at the end, without control characters. */
static gboolean
is_text(const guint8 *head, gsize length)
{
    const char *end;

    for (gsize i = 0; i < length; i++)
        if (head[i] < ' ' && !g_ascii_isspace(head[i]))
            return FALSE;
    return g_utf8_validate((const char *)head, (gssize)length, &end) ||
           (end > (const char *)head && (const char *)head + length - end < 4);
}

static const char *
name_kind(const guint8 *head, gsize length)
{
    if (length == 0)
        return "an empty file";
    if (length > 1 && length < strlen(SIGNATURE) && memcmp(head, SIGNATURE, length) == 0)
        return impostors[0].kind;
    for (guint i = 0; i < G_N_ELEMENTS(impostors); i++) {
        const Impostor *row = &impostors[i];
        gsize n = strlen(row->magic);
        if (length >= row->at + n && memcmp(head + row->at, row->magic, n) == 0)
            return row->kind;
    }
    return is_text(head, length) ? "text" : "something unknown";
}

/* The disk, not the file.  Always FALSE. */
static gboolean
fail_to_read(const char *path, int number, GError **error)
{
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN, "%s: cannot be read: %s", path,
                g_strerror(number));
    return FALSE;
}

typedef struct {
    gboolean being_written, swmr; /* the superblock's consistency flags, versions 2 and 3 */
} Superblock;

static gboolean
probe_superblock(int fd, const char *path, Superblock *ret_block, GError **error)
{
    guint8 head[512];
    gssize length = pread(fd, head, sizeof head, 0);
    guint64 at = 0;

    *ret_block = (Superblock){0};
    if (length < 0)
        return fail_to_read(path, errno, error);
    for (guint probe = 0; probe < SUPERBLOCK_PROBES; probe++, at = at ? 2 * at : 512) {
        guint8 block[12];
        gssize n = pread(fd, block, sizeof block, (off_t)at);
        if (n < 0)
            return fail_to_read(path, errno, error);
        if (n == sizeof block && memcmp(block, SIGNATURE, 8) == 0) {
            if (block[8] >= 2) {
                ret_block->being_written = block[11] & 1;
                ret_block->swmr = (block[11] & 4) != 0;
            }
            return TRUE;
        }
    }
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT,
                "%s: not an HDF5 file, but %s", path, name_kind(head, (gsize)length));
    return FALSE;
}

/* A pipe, a socket or a device has nothing to go back to. */
static const char *
name_irregular(mode_t mode)
{
    return S_ISDIR(mode)    ? "is a folder, expected a trace file"
           : S_ISFIFO(mode) ? "is a pipe (FIFO), expected a regular file"
           : S_ISSOCK(mode) ? "is a socket, expected a regular file"
                            : "is a device, expected a regular file";
}

int
entro_open_regular(const char *path, GError **error)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat facts;

    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode))
        return fd;
    const int problem = errno;
    /* a socket, or a device that is not there, cannot be opened at all */
    gboolean irregular = fd >= 0 || (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode));
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN, "%s: %s", path,
                irregular ? name_irregular(facts.st_mode) : g_strerror(problem));
    if (fd >= 0)
        close(fd);
    return -1;
}

typedef struct {
    const char *mode;
    gboolean swmr;  /* read beside a writer that allows it */
    gboolean clear; /* ignore a writer's mark */
    gboolean skip;  /* accept a file that ends before its last byte in use */
} Rung;

/* The first rung is the right one for the state of the file, the next ones for less and less. */
static const Rung plain_rungs[] = {
    {"plain", FALSE, FALSE, FALSE},
    {"truncated", FALSE, FALSE, TRUE},
};
static const Rung swmr_rungs[] = {
    {"swmr", TRUE, FALSE, FALSE},
    {"truncated", FALSE, TRUE, TRUE},
};
static const Rung written_rungs[] = {
    {"cleared", FALSE, TRUE, FALSE},
    {"truncated", FALSE, TRUE, TRUE},
};

static hid_t
open_as(const char *path, const Rung *rung)
{
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);

    if (!entro_driver_use(access))
        return H5I_INVALID_HID;
    H5Pset_file_locking(access, FALSE, TRUE);
    H5Pset_metadata_read_attempts(access, METADATA_READ_ATTEMPTS);
    if (rung->clear)
        entro_h5_set_private_flag(access, "clear_status_flags");
    if (rung->skip)
        entro_h5_set_private_flag(access, "skip_eof_check");
    return H5Fopen(path, rung->swmr ? H5F_ACC_RDONLY | H5F_ACC_SWMR_READ : H5F_ACC_RDONLY, access);
}

/* What the disk could not read, or what there is no memory for, is not cut off: no rung helps, and
 * *ret_unread is its errno. */
static hid_t
climb(const char *path, const Superblock *block, const char **ret_mode, int *ret_unread)
{
    const Rung *rungs = block->swmr            ? swmr_rungs
                        : block->being_written ? written_rungs
                                               : plain_rungs;
    hid_t file = H5I_INVALID_HID;

    *ret_unread = 0;
    for (guint i = 0; i < 2 && file < 0 && *ret_unread == 0; i++) {
        *ret_mode = rungs[i].mode;
        entro_driver_take_unread();
        file = open_as(path, &rungs[i]);
        *ret_unread = file < 0 ? entro_driver_take_unread() : 0;
    }
    return file;
}

gboolean
entro_is_hdf5(int fd, const char *path, GError **error)
{
    Superblock block;

    return probe_superblock(fd, path, &block, error);
}

const char *
entro_open_mode(const char *mode)
{
    static const char *const modes[] = {"plain", "swmr", "cleared", "truncated"};

    for (guint i = 0; i < G_N_ELEMENTS(modes); i++)
        if (g_str_equal(modes[i], mode))
            return modes[i];
    return modes[0];
}

gboolean
entro_file_writing(const char *path, EntroWriting *ret_writing, GError **error)
{
    Superblock block = {0};
    int fd = entro_open_regular(path, error);

    if (fd < 0)
        return FALSE;
    gboolean good = probe_superblock(fd, path, &block, error);
    close(fd);
    *ret_writing = block.swmr            ? ENTRO_WRITING_SWMR
                   : block.being_written ? ENTRO_WRITING_ALONE
                                         : ENTRO_WRITING_NO;
    return good;
}

hid_t
entro_open_file(const char *path, const char **ret_mode, GError **error)
{
    Superblock block;
    gboolean is_open = entro_driver_get_descriptor() >= 0;

    entro_h5_quiet();
    H5PLset_loading_state(0);
    int fd = is_open ? entro_driver_get_descriptor() : entro_open_regular(path, error);
    if (fd < 0)
        return H5I_INVALID_HID;
    gboolean is_hdf5 = probe_superblock(fd, path, &block, error);
    if (!is_open)
        close(fd);
    if (!is_hdf5)
        return H5I_INVALID_HID;

    /* with a name that begins at the root, HDF5 does not ask where it is */
    int unread;
    hid_t file = climb(is_open ? "/the file" : path, &block, ret_mode, &unread);
    if (unread != 0) {
        H5Eclear2(H5E_DEFAULT);
        fail_to_read(path, unread, error);
    } else if (file < 0)
        entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s: HDF5 cannot open it", path);
    return file;
}

/* ---- links ------------------------------------------------------------------------------------------ */

static const char *
link_kind(H5L_type_t type)
{
    return type == H5L_TYPE_SOFT       ? "a soft link"
           : type == H5L_TYPE_EXTERNAL ? "an external link"
                                       : "a link of an unknown kind";
}

/* Every component is looked at: an external link in the middle is as bad as one at the end. */
gboolean
entro_path_exists(hid_t parent, const char *path, gboolean *ret_exists, GError **error)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    g_autoptr(GString) so_far = g_string_new(*path == '/' ? "/" : NULL);

    *ret_exists = FALSE;
    for (char **name = names; *name != NULL; name++) {
        H5L_info_t info;
        if (**name == '\0')
            continue;
        if (so_far->len > 0 && so_far->str[so_far->len - 1] != '/')
            g_string_append_c(so_far, '/');
        g_string_append(so_far, *name);
        htri_t found = H5Lexists(parent, so_far->str, H5P_DEFAULT);
        if (found == 0)
            return TRUE;
        if (found < 0 || H5Lget_info(parent, so_far->str, &info, H5P_DEFAULT) < 0) {
            g_autofree char *shown = entro_printable(so_far->str, -1);
            return entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s cannot be looked up", shown);
        }
        if (info.type != H5L_TYPE_HARD) {
            g_autofree char *shown = entro_printable(so_far->str, -1);
            g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY,
                        "%s is %s, which is not followed (copy the data into the file: h5copy, or "
                        "h5repack)",
                        shown, link_kind(info.type));
            return FALSE;
        }
    }
    *ret_exists = TRUE;
    return TRUE;
}

/* ---- datasets ---------------------------------------------------------------------------------------- */

static gboolean
check_storage(hid_t dataset, const char *path, GError **error)
{
    unsigned options = 0;
    g_auto(EntroHid) creation = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(creation);
    const char *bad = NULL;

    if (layout == H5D_VIRTUAL)
        bad = "is a virtual dataset";
    else if (H5Pget_external_count(creation) != 0)
        bad = "keeps its data in another file";
    else if (layout == H5D_CHUNKED && H5Pget_chunk_opts(creation, &options) >= 0 && options != 0)
        bad = "leaves its edge chunks unfiltered";
    else if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS)
        bad = "is neither chunked nor contiguous";
    if (bad == NULL)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_POLICY,
                "%s %s, which is refused (rewrite it as plain chunked data: h5repack)", path, bad);
    return FALSE;
}

hid_t
entro_open_dataset(hid_t parent, const char *path, GError **error)
{
    gboolean exists;
    H5O_info_t info;

    if (!entro_path_exists(parent, path, &exists, error))
        return H5I_INVALID_HID;
    if (!exists) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT, "%s is not there", path);
        return H5I_INVALID_HID;
    }
    if (H5Oget_info_by_name2(parent, path, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
        info.type != H5O_TYPE_DATASET) {
        entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s is not a dataset", path);
        return H5I_INVALID_HID;
    }
    hid_t dataset = H5Dopen2(parent, path, H5P_DEFAULT);
    if (dataset < 0) {
        entro_h5_fail(error, ENTRO_LOADER_ERROR_FORMAT, "%s cannot be opened", path);
        return H5I_INVALID_HID;
    }
    if (!check_storage(dataset, path, error)) {
        H5Dclose(dataset);
        return H5I_INVALID_HID;
    }
    return dataset;
}
