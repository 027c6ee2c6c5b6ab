/* h5.c: HDF5's error stack turned into sentences, and text from files made safe to show. */
#include "loader-private.h"

#include <fcntl.h>
#include <unistd.h>

void
entro_h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Its descriptor is made to swallow the rest; what has reached the file stays as it is. */
void
entro_h5_abandon(hid_t file)
{
    void *handle = NULL;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (nowhere >= 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle != NULL)
        dup2(nowhere, *(int *)handle);
    if (nowhere >= 0)
        close(nowhere);
}

void
entro_loader_skip_exit(void)
{
    H5dont_atexit();
}

/* H5E_WALK_UPWARD begins at the deepest call, where the reason is most concrete. */
static herr_t
take_first(unsigned depth, const H5E_error2_t *entry, void *data)
{
    char **reason = data;

    (void)depth;
    if (*reason == NULL && entry->desc != NULL && *entry->desc != '\0')
        *reason = entro_printable(entry->desc, -1);
    return 0;
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
    g_set_error(error, ENTRO_LOADER_ERROR, code, "%s%s%s", what, reason ? ": " : "",
                reason ? reason : "");
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
