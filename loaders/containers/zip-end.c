/* zip-end.c: where the directory of a zip archive lies, with its ZIP64 form (APPNOTE.TXT 6.3, 4.3.14 to
 * 4.3.16). */
#include "containers-private.h"

#define END_SIGNATURE     0x06054b50u
#define END64_SIGNATURE   0x06064b50u
#define LOCATOR_SIGNATURE 0x07064b50u

#define END_BYTES     22 /* without the comment that may follow */
#define END64_BYTES   56
#define LOCATOR_BYTES 20

#define MEMBERS_MAX   100000
#define DIRECTORY_MAX (64u << 20)
#define NO_DISK       0xffffffffu /* two numbers that stand in the ZIP64 record */

/* Offset of the record in the last bytes of the file: its comment ends where the file does. */
static gboolean
find_end(const guint8 *tail, gsize size, gsize *ret_at)
{
    for (gsize at = size < END_BYTES ? 0 : size - END_BYTES + 1; at-- > 0;)
        if (entro_little(tail + at, 4) == END_SIGNATURE &&
            at + END_BYTES + entro_little(tail + at + 20, 2) == size) {
            *ret_at = at;
            return TRUE;
        }
    return FALSE;
}

/* What does not fit stands in the ZIP64 record alone. */
static gboolean
same_or_absent(guint64 here, guint64 there, guint64 absent)
{
    return here == absent || here == there;
}

/* The record that ZIP64 puts before the end, if its locator is there. */
static gboolean
read_end64(int fd, EntroZipDirectory *directory, GError **error)
{
    guint8 locator[LOCATOR_BYTES], record[END64_BYTES];

    if (directory->at < LOCATOR_BYTES)
        return TRUE;
    const guint64 locator_at = directory->at - LOCATOR_BYTES;
    if (!entro_container_read(fd, locator, sizeof locator, locator_at, error))
        return FALSE;
    if (entro_little(locator, 4) != LOCATOR_SIGNATURE)
        return TRUE;
    const guint64 at = entro_little(locator + 8, 8);
    if (at > locator_at || locator_at - at < END64_BYTES)
        return entro_container_fail(
            error, ENTRO_LOADER_ERROR_FORMAT,
            "has a broken zip directory: its ZIP64 record would lie at byte "
            "%" G_GUINT64_FORMAT,
            at);
    if (!entro_container_read(fd, record, sizeof record, at, error))
        return FALSE;
    if (entro_little(record, 4) != END64_SIGNATURE || entro_little(locator + 4, 4) != 0 ||
        entro_little(record + 16, 4) != 0 || entro_little(record + 20, 4) != 0 ||
        entro_little(record + 24, 8) != entro_little(record + 32, 8))
        return entro_container_fail(
            error, ENTRO_LOADER_ERROR_FORMAT,
            "has a broken zip directory: its ZIP64 record is none, or one of several "
            "disks");
    const EntroZipDirectory found = {.at = at,
                                     .offset = entro_little(record + 48, 8),
                                     .size = entro_little(record + 40, 8),
                                     .n = entro_little(record + 32, 8)};
    if (!same_or_absent(directory->offset, found.offset, G_MAXUINT32) ||
        !same_or_absent(directory->size, found.size, G_MAXUINT32) ||
        !same_or_absent(directory->n, found.n, G_MAXUINT16))
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "has a broken zip directory: its ZIP64 record says another "
                                    "place or size than its end");
    *directory = found;
    return TRUE;
}

static gboolean
check_directory(const EntroZipDirectory *directory, GError **error)
{
    if (directory->offset > directory->at || directory->at - directory->offset < directory->size)
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "has a broken zip directory: %" G_GUINT64_FORMAT
                                    " bytes at byte %" G_GUINT64_FORMAT
                                    " do not fit before byte %" G_GUINT64_FORMAT " (truncated?)",
                                    directory->size, directory->offset, directory->at);
    if (directory->n > MEMBERS_MAX || directory->size > DIRECTORY_MAX)
        return entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                                    "has %" G_GUINT64_FORMAT
                                    " zip members in a directory of %" G_GUINT64_FORMAT
                                    " bytes, the limits are %d and %u",
                                    directory->n, directory->size, MEMBERS_MAX, DIRECTORY_MAX);
    return TRUE;
}

gboolean
entro_zip_find_directory(int fd, EntroZipDirectory *directory, GError **error)
{
    guint64 file_size;
    gsize end;

    if (!entro_container_size(fd, &file_size, error))
        return FALSE;
    const gsize size = (gsize)MIN(file_size, END_BYTES + G_MAXUINT16);
    g_autofree guint8 *tail = g_malloc(MAX(size, 1));
    if (!entro_container_read(fd, tail, size, file_size - size, error))
        return FALSE;
    if (!find_end(tail, size, &end))
        return entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                    "is a zip archive without a directory at its end (truncated?)");
    const guint8 *record = tail + end;
    *directory = (EntroZipDirectory){.at = file_size - size + end,
                                     .offset = entro_little(record + 16, 4),
                                     .size = entro_little(record + 12, 4),
                                     .n = entro_little(record + 10, 2)};
    /* disks: this one, the one where the directory begins, entries on this one */
    const guint64 disks = entro_little(record + 4, 4), here = entro_little(record + 8, 2);
    if ((disks != 0 && disks != NO_DISK) || here != directory->n)
        return entro_container_fail(
            error, ENTRO_LOADER_ERROR_POLICY,
            "is one of several parts of a zip archive, which are not put together");
    return read_end64(fd, directory, error) && check_directory(directory, error);
}
