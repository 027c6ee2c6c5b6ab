/* zip.c: the members that the directory of a zip archive names, checked against the headers beside the
 * data (APPNOTE.TXT 6.3).
 *
 * An archive says everything twice, and readers that believe different halves see different files.
 * Here both must agree, and no two members may share bytes: that is how small files become huge. */
#include "containers-private.h"

#include <string.h>

#define DIRECTORY_SIGNATURE 0x02014b50u
#define LOCAL_SIGNATURE     0x04034b50u

#define DIRECTORY_BYTES 46 /* of an entry, without name, extra fields and comment */
#define LOCAL_BYTES     30

#define RATIO_MAX 1100 /* deflate makes at most 1032 bytes of one */

#define FLAG_ENCRYPTED  (1u << 0 | 1u << 6 | 1u << 13)
#define FLAG_SIZE_LATER (1u << 3) /* the local header has zeros: sizes follow the data */
#define IN_ZIP64        0xffffffffu

/* ---- members ---------------------------------------------------------------------------------------- */

static void
member_free(EntroZipMember *member)
{
    g_free(member->broken.name);
    g_free(member->broken.problem);
    g_free(member);
}

/* Fields that hold 2^32 - 1 stand in the ZIP64 extra field, in this order; FALSE: they do not. */
static gboolean
fill_from_zip64(const guint8 *extra, gsize size, guint64 **fields, guint n_fields)
{
    const guint8 *block = NULL;
    gsize left = 0;

    while (size >= 4 && block == NULL) {
        gsize length = (gsize)entro_little(extra + 2, 2);
        if (length > size - 4)
            break;
        if (entro_little(extra, 2) == 1) {
            block = extra + 4;
            left = length;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    for (guint i = 0; i < n_fields; i++) {
        if (*fields[i] != IN_ZIP64)
            continue;
        if (left < 8)
            return FALSE;
        *fields[i] = entro_little(block, 8);
        block += 8;
        left -= 8;
    }
    return TRUE;
}

static void
check_entry(EntroZipMember *member, gsize name_size, guint disk)
{
    EntroArray *broken = &member->broken;

    if (name_size > ENTRO_MEMBER_NAME_MAX)
        entro_array_spoil(broken, TRUE, "has a name of %" G_GSIZE_FORMAT " bytes, the limit is %d",
                          name_size, ENTRO_MEMBER_NAME_MAX);
    if (strlen(broken->name) != name_size)
        entro_array_spoil(broken, FALSE, "has a name with a NUL");
    if ((member->flags & FLAG_ENCRYPTED) != 0)
        entro_array_spoil(broken, TRUE, "is encrypted, which is not read: save it without");
    if (member->method != 0 && member->method != 8)
        entro_array_spoil(broken, FALSE,
                          "is compressed by method %u, expected 0 (stored) or 8 (deflated)",
                          member->method);
    if (disk != 0)
        entro_array_spoil(broken, FALSE, "lies in another part of the archive");
    if (!member->deflated && member->encoded != member->decoded)
        entro_array_spoil(broken, FALSE,
                          "is stored, but in %" G_GUINT64_FORMAT " bytes for %" G_GUINT64_FORMAT,
                          member->encoded, member->decoded);
    if (member->decoded / RATIO_MAX > member->encoded)
        entro_array_spoil(broken, TRUE,
                          "announces %" G_GUINT64_FORMAT " bytes from %" G_GUINT64_FORMAT
                          ", which deflate cannot make",
                          member->decoded, member->encoded);
}

static EntroZipMember *
make_member(const guint8 *entry, gsize name_size, gsize extra_size)
{
    EntroZipMember *member = g_new0(EntroZipMember, 1);
    const guint8 *name = entry + DIRECTORY_BYTES;
    guint64 *fields[] = {&member->decoded, &member->encoded, &member->header};

    member->flags = (guint)entro_little(entry + 8, 2);
    member->method = (guint)entro_little(entry + 10, 2);
    member->deflated = member->method == 8;
    member->crc = (guint32)entro_little(entry + 16, 4);
    member->encoded = entro_little(entry + 20, 4);
    member->decoded = entro_little(entry + 24, 4);
    member->header = entro_little(entry + 42, 4);
    member->broken.name = g_strndup((const char *)name, name_size);
    if (!fill_from_zip64(name + name_size, extra_size, fields, G_N_ELEMENTS(fields)))
        entro_array_spoil(&member->broken, FALSE, "has no sizes: its ZIP64 field is missing");
    check_entry(member, name_size, (guint)entro_little(entry + 34, 2));
    return member;
}

static GPtrArray *
parse_directory(const guint8 *bytes, const EntroZipDirectory *directory, GError **error)
{
    g_autoptr(GPtrArray) members = g_ptr_array_new_with_free_func((GDestroyNotify)member_free);
    gsize at = 0;

    for (guint64 i = 0; i < directory->n; i++) {
        const guint8 *entry = bytes + at;
        gsize left = (gsize)directory->size - at, name = 0, extra = 0, all = DIRECTORY_BYTES;
        if (left >= DIRECTORY_BYTES) {
            name = (gsize)entro_little(entry + 28, 2);
            extra = (gsize)entro_little(entry + 30, 2);
            all += name + extra + (gsize)entro_little(entry + 32, 2);
        }
        if (left < all || entro_little(entry, 4) != DIRECTORY_SIGNATURE) {
            entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                                 "has a broken zip directory: entry %" G_GUINT64_FORMAT
                                 " of %" G_GUINT64_FORMAT " is none",
                                 i + 1, directory->n);
            return NULL;
        }
        g_ptr_array_add(members, make_member(entry, name, extra));
        at += all;
    }
    if (at == directory->size)
        return g_steal_pointer(&members);
    entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                         "has a broken zip directory: %" G_GUINT64_FORMAT
                         " bytes behind its %" G_GUINT64_FORMAT " entries",
                         directory->size - at, directory->n);
    return NULL;
}

/* ---- local headers ---------------------------------------------------------------------------------- */

/* A size in the local header: that of the directory, or 0 where it follows the data. */
static gboolean
agrees(const EntroZipMember *member, guint64 local, guint64 wanted)
{
    return local == wanted || (local == 0 && (member->flags & FLAG_SIZE_LATER) != 0);
}

static gboolean
same_name(int fd, const EntroZipMember *member, gsize size, GError **error)
{
    char name[ENTRO_MEMBER_NAME_MAX];

    return size == strlen(member->broken.name) && size <= sizeof name &&
           entro_container_read(fd, name, size, member->header + LOCAL_BYTES, error) &&
           memcmp(name, member->broken.name, size) == 0;
}

static gboolean
same_sizes(int fd, const EntroZipMember *member, const guint8 *local, gsize name, gsize extra,
           GError **error)
{
    guint64 encoded = entro_little(local + 18, 4), decoded = entro_little(local + 22, 4);
    guint64 *fields[] = {&decoded, &encoded};
    g_autofree guint8 *bytes = NULL;

    if (encoded == IN_ZIP64 || decoded == IN_ZIP64) {
        bytes = g_malloc(MAX(extra, 1));
        if (!entro_container_read(fd, bytes, extra, member->header + LOCAL_BYTES + name, error) ||
            !fill_from_zip64(bytes, extra, fields, G_N_ELEMENTS(fields)))
            return FALSE;
    }
    return agrees(member, encoded, member->encoded) && agrees(member, decoded, member->decoded) &&
           agrees(member, entro_little(local + 14, 4), member->crc);
}

/* What a disk does not give is told before what seems to follow from it. */
static void
spoil_unread(EntroZipMember *member, const GError *error)
{
    if (error != NULL)
        entro_array_spoil(&member->broken, FALSE, "%s", error->message);
}

/* Finds its data, between the header beside it and the directory. */
static void
check_local(int fd, EntroZipMember *member, guint64 directory)
{
    guint8 local[LOCAL_BYTES];
    g_autoptr(GError) error = NULL;

    if (member->header > directory || directory - member->header < LOCAL_BYTES ||
        !entro_container_read(fd, local, sizeof local, member->header, &error) ||
        entro_little(local, 4) != LOCAL_SIGNATURE) {
        spoil_unread(member, error);
        entro_array_spoil(&member->broken, FALSE,
                          "has no header at byte %" G_GUINT64_FORMAT " of the archive",
                          member->header);
        return;
    }
    const gsize name = (gsize)entro_little(local + 26, 2),
                extra = (gsize)entro_little(local + 28, 2);
    const guint64 room = directory - member->header - LOCAL_BYTES;
    if (room < name + extra || room - name - extra < member->encoded) {
        entro_array_spoil(&member->broken, FALSE,
                          "runs into the directory: %" G_GUINT64_FORMAT
                          " bytes at byte %" G_GUINT64_FORMAT,
                          member->encoded, member->header);
        return;
    }
    member->start = member->header + LOCAL_BYTES + name + extra;
    member->end = member->start + member->encoded;
    if (entro_little(local + 8, 2) != member->method ||
        ((entro_little(local + 6, 2) ^ member->flags) & FLAG_ENCRYPTED) != 0 ||
        !same_name(fd, member, name, &error) ||
        !same_sizes(fd, member, local, name, extra, &error)) {
        spoil_unread(member, error);
        entro_array_spoil(&member->broken, FALSE,
                          "is described differently in the directory and beside its data");
    }
}

static int
compare_headers(gconstpointer a, gconstpointer b)
{
    const EntroZipMember *first = *(EntroZipMember *const *)a,
                         *second = *(EntroZipMember *const *)b;

    return first->header < second->header ? -1 : first->header > second->header;
}

static void
spoil_overlaps(const GPtrArray *members)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    EntroZipMember *last = NULL; /* of those so far, the one that ends last */

    for (guint i = 0; i < members->len; i++)
        if (((EntroZipMember *)members->pdata[i])->end > 0)
            g_ptr_array_add(sorted, members->pdata[i]);
    g_ptr_array_sort(sorted, compare_headers);
    for (guint i = 0; i < sorted->len; i++) {
        EntroZipMember *member = sorted->pdata[i];
        if (last != NULL && member->header < last->end) {
            entro_array_spoil(&last->broken, FALSE, "shares bytes with another member");
            entro_array_spoil(&member->broken, FALSE, "shares bytes with another member");
        }
        if (last == NULL || member->end > last->end)
            last = member;
    }
}

GPtrArray *
entro_zip_list(int fd, GError **error)
{
    EntroZipDirectory directory = {0};

    if (!entro_zip_find_directory(fd, &directory, error))
        return NULL;
    g_autofree guint8 *bytes = g_try_malloc(MAX(directory.size, 1));
    if (bytes == NULL ||
        !entro_container_read(fd, bytes, (gsize)directory.size, directory.offset, error)) {
        if (bytes == NULL)
            entro_container_fail(error, ENTRO_LOADER_ERROR_LIMIT,
                                 "needs more memory than there is");
        return NULL;
    }
    g_autoptr(GPtrArray) members = parse_directory(bytes, &directory, error);
    if (members == NULL)
        return NULL;
    for (guint i = 0; i < members->len; i++)
        check_local(fd, members->pdata[i], directory.offset);
    spoil_overlaps(members);
    return g_steal_pointer(&members);
}
