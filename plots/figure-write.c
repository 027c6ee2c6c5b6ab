/* figure-write.c: a figure into a file; each format has a file of its own.
 *
 * Written to a new file beside the target, flushed to the disk, then renamed: whatever goes wrong,
 * an older file stays as it was.  cairo tells of a failed write only after its surface is finished,
 * and not which error it was, so the stream keeps errno itself. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "figure-private.h"

cairo_status_t
entro_stream_write(void *data, const unsigned char *bytes, unsigned int n)
{
    EntroStream *stream = data;

    while (n > 0 && stream->error == 0) {
        const gssize written = write(stream->fd, bytes, n);
        if (written > 0) {
            bytes += written;
            n -= (unsigned int)written;
        } else if (errno != EINTR)
            stream->error = written < 0 ? errno : EIO;
    }
    return stream->error == 0 ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

void
entro_stream_take(gpointer data, const guchar *bytes, guint n)
{
    entro_stream_write(data, bytes, n);
}

static gboolean
fail_errno(const char *path, int number, GError **error)
{
    g_autofree char *shown = entro_text_clean(path);

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE, "%s could not be written: %s",
                shown, g_strerror(number));
    return FALSE;
}

gboolean
entro_stream_check(const EntroStream *stream, cairo_status_t status, GError **error)
{
    g_autofree char *shown = entro_text_clean(stream->name);

    if (stream->error != 0)
        return fail_errno(stream->name, stream->error, error);
    if (status == CAIRO_STATUS_SUCCESS)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE, "%s could not be drawn: %s", shown,
                cairo_status_to_string(status));
    return FALSE;
}

/* ---- formats -------------------------------------------------------------------------------- */

static const struct {
    const char *suffix;
    gboolean (*write)(const EntroFigure *figure, EntroStream *stream, GError **error);
} formats[] = {
    [ENTRO_FORMAT_PDF] = {".pdf", entro_figure_write_pdf},
    [ENTRO_FORMAT_SVG] = {".svg", entro_figure_write_svg},
    [ENTRO_FORMAT_PNG] = {".png", entro_figure_write_png},
};

gboolean
entro_figure_write_fd(const EntroFigure *figure, EntroFormat format, int fd, const char *name,
                      GError **error)
{
    EntroStream stream = {.fd = fd, .name = name};

    return formats[format].write(figure, &stream, error);
}

static gboolean
format_of(const char *path, EntroFormat *ret_format, GError **error)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);
    g_autofree char *shown = entro_text_clean(path);

    for (guint format = 0; format < G_N_ELEMENTS(formats); format++)
        if (g_str_has_suffix(lower, formats[format].suffix)) {
            *ret_format = format;
            return TRUE;
        }
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "%s: a figure's name must end in .pdf, .svg or .png", shown);
    return FALSE;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Removes the file unless it was renamed. */
typedef struct {
    char *path;
    int fd;
} Draft;

static void
draft_clear(Draft *draft)
{
    if (draft->fd >= 0)
        close(draft->fd);
    if (draft->path)
        g_unlink(draft->path);
    g_free(draft->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Draft, draft_clear)

static gboolean
draft_open(Draft *draft, const char *target, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(target);
    g_autofree char *path = g_build_filename(folder, ".entroscope-XXXXXX", NULL);

    draft->fd = g_mkstemp_full(path, O_WRONLY | O_CLOEXEC, 0666); /* O_CREAT | O_EXCL are added */
    if (draft->fd < 0)
        return fail_errno(target, errno, error);
    draft->path = g_steal_pointer(&path);
    return TRUE;
}

static gboolean
draft_commit(Draft *draft, const char *target, GError **error)
{
    const int fd = draft->fd;

    if (fsync(fd) != 0)
        return fail_errno(target, errno, error);
    draft->fd = -1;
    if (close(fd) != 0)
        return fail_errno(target, errno, error);
    if (g_rename(draft->path, target) != 0)
        return fail_errno(target, errno, error);
    g_clear_pointer(&draft->path, g_free);
    return TRUE;
}

gboolean
entro_figure_write(const EntroFigure *figure, const char *path, GError **error)
{
    g_auto(Draft) draft = {.fd = -1};
    EntroFormat format = ENTRO_FORMAT_PDF;

    g_return_val_if_fail(figure && path, FALSE);
    return format_of(path, &format, error) && draft_open(&draft, path, error) &&
           entro_figure_write_fd(figure, format, draft.fd, path, error) &&
           draft_commit(&draft, path, error);
}
