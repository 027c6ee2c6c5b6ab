/* figure-write.c: a figure into a file; each format has a file of its own.
 *
 * It is written as a draft: whatever goes wrong, an older file stays as it was.  cairo tells of a failed write only after its surface is finished,
 * and not which error it was, so the stream keeps errno itself. */
#include <errno.h>
#include <unistd.h>

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

/* The error of another stage, as one of ours. */
static gboolean
fail_draft(GError *reason, GError **error)
{
    g_set_error_literal(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE, reason->message);
    g_error_free(reason);
    return FALSE;
}

gboolean
entro_figure_write(const EntroFigure *figure, const char *path, GError **error)
{
    EntroFormat format = ENTRO_FORMAT_PDF;
    GError *reason = NULL;

    g_return_val_if_fail(figure && path, FALSE);
    if (!format_of(path, &format, error))
        return FALSE;
    g_autoptr(EntroDraft) draft = entro_draft_new(path, &reason);
    if (draft == NULL)
        return fail_draft(reason, error);
    return entro_figure_write_fd(figure, format, entro_draft_get_fd(draft), path, error) &&
           (entro_draft_commit(draft, &reason) || fail_draft(reason, error));
}
