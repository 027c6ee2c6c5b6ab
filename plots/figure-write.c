/* figure-write.c: a figure into a file.
 *
 * Written to a new file beside the target, flushed to the disk, then renamed: whatever goes wrong,
 * an older file stays as it was.  cairo tells of a failed write only after its surface is finished,
 * and not which error it was, so the stream keeps errno itself. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <glib/gstdio.h>

#include "figure-private.h"

enum { MAX_SIDE = 32767 }; /* pixels of an image, cairo's limit */

typedef struct {
    int fd;
    int error; /* errno of the first failed write, 0: none */
} Stream;

static cairo_status_t
stream_write(void *data, const unsigned char *bytes, unsigned int n)
{
    Stream *stream = data;

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

static gboolean
fail_errno(const char *path, int number, GError **error)
{
    g_autofree char *shown = entro_text_clean(path);

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE, "%s could not be written: %s",
                shown, g_strerror(number));
    return FALSE;
}

static gboolean
check_stream(const Stream *stream, cairo_status_t status, const char *path, GError **error)
{
    g_autofree char *shown = entro_text_clean(path);

    if (stream->error != 0)
        return fail_errno(path, stream->error, error);
    if (status == CAIRO_STATUS_SUCCESS)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE, "%s could not be drawn: %s", shown,
                cairo_status_to_string(status));
    return FALSE;
}

/* ---- formats -------------------------------------------------------------------------------- */

/* Draws, finishes and destroys; the first error of context and surface. */
static cairo_status_t
draw_on(const EntroFigure *figure, cairo_surface_t *surface)
{
    cairo_t *cr = cairo_create(surface);
    entro_figure_draw(figure, cr);
    const cairo_status_t drawn = cairo_status(cr);
    cairo_destroy(cr);

    cairo_surface_finish(surface);
    const cairo_status_t finished = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return drawn != CAIRO_STATUS_SUCCESS ? drawn : finished;
}

static gboolean
write_pdf(const EntroFigure *figure, int fd, const char *path, GError **error)
{
    Stream stream = {.fd = fd};
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(stream_write, &stream, figure->width, figure->height);

    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, figure->created);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR,
                                   "entroscope " ENTRO_VERSION);
    if (figure->title)
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, figure->title);
    const cairo_status_t status = draw_on(figure, surface);
    return check_stream(&stream, status, path, error);
}

static cairo_status_t
collect(void *data, const unsigned char *bytes, unsigned int n)
{
    g_string_append_len(data, (const char *)bytes, n);
    return CAIRO_STATUS_SUCCESS;
}

typedef struct {
    GHashTable *seen;
    const char *prefix;
} Numbering;

static gboolean
renumber_one(const GMatchInfo *match, GString *result, gpointer data)
{
    const Numbering *numbering = data;
    GHashTable *seen = numbering->seen;
    g_autofree char *before = g_match_info_fetch(match, 1);
    char *id = g_match_info_fetch(match, 2);
    gpointer number = g_hash_table_lookup(seen, id);

    if (!number)
        number = GUINT_TO_POINTER(g_hash_table_size(seen) + 1);
    g_hash_table_replace(seen, id, number); /* takes id */
    g_string_append_printf(result, "%s%spart%u", before, numbering->prefix,
                           GPOINTER_TO_UINT(number));
    return FALSE;
}

/* cairo numbers images and groups by all surfaces that the process ever made.  Numbered by their
 * first appearance instead, the same figure is the same file. */
static char *
renumber_ids(const GString *svg, const char *prefix)
{
    g_autoptr(GRegex) ids =
        g_regex_new("([\"#])((?:image|surface|mask)[0-9]+)", G_REGEX_RAW, 0, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    Numbering numbering = {seen, prefix};

    return g_regex_replace_eval(ids, svg->str, (gssize)svg->len, 0, 0, renumber_one, &numbering,
                                NULL);
}

gboolean
entro_figure_print_svg(const EntroFigure *figure, const char *prefix, GString *svg, GError **error)
{
    const Stream stream = {.fd = -1};
    g_autoptr(GString) drawn = g_string_new(NULL);
    cairo_surface_t *surface =
        cairo_svg_surface_create_for_stream(collect, drawn, figure->width, figure->height);

    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PT);
    if (!check_stream(&stream, draw_on(figure, surface), "the figure", error))
        return FALSE;
    g_autofree char *renumbered = renumber_ids(drawn, prefix);
    g_string_append(svg, renumbered);
    return TRUE;
}

static gboolean
write_svg(const EntroFigure *figure, int fd, const char *path, GError **error)
{
    Stream stream = {.fd = fd};
    g_autoptr(GString) svg = g_string_new(NULL);

    if (!entro_figure_print_svg(figure, "", svg, error))
        return FALSE;
    return check_stream(&stream, stream_write(&stream, (const guchar *)svg->str, (guint)svg->len),
                        path, error);
}

static gboolean
pixel_size(const EntroFigure *figure, int *ret_width, int *ret_height, GError **error)
{
    const double scale = figure->dpi / ENTRO_INCH;
    const double width = ceil(figure->width * scale);
    const double height = ceil(figure->height * scale);

    if (width * height > figure->max_pixels || MAX(width, height) > MAX_SIDE) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                    "a PNG of %.0f x %.0f pixels is over the limit (%.0f in all, %d a side): "
                    "lower the resolution (now %g dpi) or write a PDF",
                    width, height, figure->max_pixels, MAX_SIDE, figure->dpi);
        return FALSE;
    }
    *ret_width = (int)width;
    *ret_height = (int)height;
    return TRUE;
}

static gboolean
write_png(const EntroFigure *figure, int fd, const char *path, GError **error)
{
    Stream stream = {.fd = fd};
    int width = 0, height = 0;
    if (!pixel_size(figure, &width, &height, error))
        return FALSE;

    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_scale(cr, figure->dpi / ENTRO_INCH, figure->dpi / ENTRO_INCH);
    entro_figure_draw(figure, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_write_to_png_stream(surface, stream_write, &stream);
    cairo_surface_destroy(surface);
    return check_stream(&stream, status, path, error);
}

static const struct {
    const char *suffix;
    gboolean (*write)(const EntroFigure *figure, int fd, const char *path, GError **error);
} formats[] = {
    [ENTRO_FORMAT_PDF] = {".pdf", write_pdf},
    [ENTRO_FORMAT_SVG] = {".svg", write_svg},
    [ENTRO_FORMAT_PNG] = {".png", write_png},
};

gboolean
entro_figure_write_fd(const EntroFigure *figure, EntroFormat format, int fd, const char *name,
                      GError **error)
{
    return formats[format].write(figure, fd, name, error);
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
