/* h5.c: HDF5's error stack turned into sentences, and text from files made safe to show. */
#include "loader-private.h"

#include <string.h>

#define IMAGE_STEP (1u << 20) /* by which a file in memory grows */
#define ROOM       (4u << 20) /* bytes; HDF5 takes less to open a file */

void
entro_h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* HDF5 1.10 crashes where a piece of memory is missing while it opens a file. */
gboolean
entro_h5_has_room(void)
{
    g_autofree void *room = g_try_malloc(ROOM);

    if (room == NULL)
        entro_h5_push_reason("there is not enough memory");
    return room != NULL;
}

void
entro_h5_push_reason(const char *reason)
{
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_FILE, H5E_CANTINIT, "%s",
             reason);
}

hid_t
entro_h5_timeless(hid_t class)
{
    hid_t properties = H5Pcreate(class);

    H5Pset_obj_track_times(properties, FALSE);
    return properties;
}

/* H5Pset_create_intermediate_group() would make them with times. */
gboolean
entro_h5_create_groups(hid_t file, const char *path)
{
    g_auto(EntroHid) timeless = entro_h5_timeless(H5P_GROUP_CREATE);

    for (const char *end = strchr(path, '/'); end != NULL; end = strchr(end + 1, '/')) {
        g_autofree char *folder = g_strndup(path, (gsize)(end - path));
        if (H5Lexists(file, folder, H5P_DEFAULT) > 0)
            continue;
        g_auto(EntroHid) group = H5Gcreate2(file, folder, H5P_DEFAULT, timeless, H5P_DEFAULT);
        if (group < 0)
            return FALSE;
    }
    return TRUE;
}

hid_t
entro_h5_create_in_memory(H5F_libver_t version)
{
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);
    g_auto(EntroHid) timeless = entro_h5_timeless(H5P_FILE_CREATE); /* of the root */

    if (!entro_h5_has_room())
        return H5I_INVALID_HID;
    H5Pset_fapl_core(access, IMAGE_STEP, FALSE);
    H5Pset_libver_bounds(access, version, H5F_LIBVER_V110);
    return H5Fcreate("in memory", H5F_ACC_TRUNC, timeless, access);
}

/* H5Fget_file_image() would take the mark "being written" out of a version 3 superblock, but leave
 * its checksum as it was. */
guint8 *
entro_h5_image(hid_t file, gsize *ret_size, GError **error)
{
    void *handle = NULL;
    gssize size = H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(file, NULL, 0);
    gboolean good =
        size > 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle != NULL;
    guint8 *bytes = good ? g_try_malloc((gsize)size) : NULL;

    if (bytes == NULL) {
        entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "there is no memory for the file");
        return NULL;
    }
    memcpy(bytes, *(guint8 **)handle, (gsize)size);
    *ret_size = (gsize)size;
    return bytes;
}

void
entro_h5_set_private_flag(hid_t access, const char *name)
{
    hbool_t yes = TRUE;

    if (H5Pexist(access, name) > 0)
        H5Pset(access, name, &yes);
}

gboolean
entro_write_file(const char *path, const guint8 *bytes, gsize size, GError **error)
{
    g_autoptr(EntroDraft) draft = entro_draft_new(path, error);

    return draft != NULL && entro_draft_write(draft, bytes, size, error) &&
           entro_draft_commit(draft, error);
}

/* Of "file write failed: time = ..., errno = 28, error message = 'No space left on device', buf = ..."
 * the part that a person can use. */
static char *
short_reason(const char *description)
{
    static const char mark[] = "error message = '";
    const char *begin = strstr(description, mark);
    const char *end = begin ? strchr(begin + sizeof mark - 1, '\'') : NULL;

    return end ? entro_printable(begin + sizeof mark - 1, end - begin - (gssize)sizeof mark + 1)
               : entro_printable(description, -1);
}

/* H5E_WALK_UPWARD begins at the deepest call, where the reason is most concrete. */
static herr_t
take_first(unsigned depth, const H5E_error2_t *entry, void *data)
{
    char **reason = data;

    (void)depth;
    if (*reason == NULL && entry->desc != NULL && *entry->desc != '\0')
        *reason = short_reason(entry->desc);
    return 0;
}

/* HDF5 says of what its successors write only that it does not know the number. */
static const char *
advice(const char *reason)
{
    return reason != NULL && strstr(reason, "version") != NULL
               ? " (does a newer HDF5 write it? then write with h5py.File(..., libver=('v110', "
                 "'v110')), or rewrite it with the newer one: h5repack --low=2 --high=2 OLD NEW)"
               : "";
}

gboolean
entro_h5_fail(GError **error, EntroLoaderError code, const char *format, ...)
{
    g_autofree char *what = NULL;
    g_autofree char *reason = NULL;
    va_list arguments;

    va_start(arguments, format);
    what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
    H5Eclear2(H5E_DEFAULT);
    g_set_error(error, ENTRO_LOADER_ERROR, code, "%s%s%s%s", what, reason ? ": " : "",
                reason ? reason : "", advice(reason));
    return FALSE;
}

/* Bidirectional controls can make a terminal show another name than the one that is there. */
static gboolean
is_harmless(gunichar c)
{
    gboolean bidi = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
                    c == 0x200f || c == 0x061c;

    return !bidi && c != 0x2028 && c != 0x2029 && !g_unichar_iscntrl(c);
}

char *
entro_printable(const char *text, gssize length)
{
    const char *end = text + (length < 0 ? strlen(text) : (gsize)length);
    GString *out = g_string_sized_new(end - text);

    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        gboolean valid = c != (gunichar)-1 && c != (gunichar)-2;
        gsize n_bytes = valid ? (gsize)(g_utf8_next_char(text) - text) : 1;

        if (valid && is_harmless(c))
            g_string_append_len(out, text, n_bytes);
        else
            for (gsize byte = 0; byte < n_bytes; byte++)
                g_string_append_printf(out, "\\x%02x", (guint8)text[byte]);
        text += n_bytes;
    }
    return g_string_free(out, FALSE);
}
