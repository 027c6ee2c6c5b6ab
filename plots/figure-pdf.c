/* figure-pdf.c: a figure as PDF, by cairo.
 *
 * Text is text in embedded subsets of its fonts.  cairo would write the present time; the date of the
 * data is written instead, so that the same figure is the same file.
 *
 * Where memory is short, cairo 1.16 leaves out fonts or the page itself and says that all is well: its
 * table of objects is checked before anything is written. */
#include <cairo-pdf.h>
#include <stdlib.h>
#include <string.h>

#include "figure-private.h"

static void
set_metadata(cairo_surface_t *surface, const EntroFigure *figure)
{
    g_autofree char *redraw = figure->redraw ? g_strdup_printf("redraw: %s", figure->redraw) : NULL;
    const struct {
        cairo_pdf_metadata_t key;
        const char *value;
    } entries[] = {
        {CAIRO_PDF_METADATA_TITLE, figure->title},
        {CAIRO_PDF_METADATA_SUBJECT, figure->about},
        {CAIRO_PDF_METADATA_KEYWORDS, redraw},
        {CAIRO_PDF_METADATA_CREATOR, "entroscope " ENTRO_VERSION},
        {CAIRO_PDF_METADATA_CREATE_DATE, figure->created},
    };

    for (guint i = 0; i < G_N_ELEMENTS(entries); i++)
        if (entries[i].value)
            cairo_pdf_surface_set_metadata(surface, entries[i].key, entries[i].value);
}

/* ---- the file in memory ------------------------------------------------------------------------- */

typedef struct {
    char *bytes; /* ended by a NUL */
    gsize n, room;
} File;

static void
file_clear(File *file)
{
    g_free(file->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(File, file_clear)

static cairo_status_t
file_append(void *data, const unsigned char *bytes, unsigned int n)
{
    File *file = data;

    if (file->room - file->n <= n) {
        const gsize room = 2 * file->room + n + 4096;
        char *more = g_try_realloc(file->bytes, room);
        if (more == NULL)
            return CAIRO_STATUS_NO_MEMORY;
        file->bytes = more;
        file->room = room;
    }
    memcpy(file->bytes + file->n, bytes, n);
    file->n += n;
    file->bytes[file->n] = '\0';
    return CAIRO_STATUS_SUCCESS;
}

/* Whether "I 0 obj" stands where the table says, for every object but the free one, 0.
 *     xref
 *     0 N
 *     0000000000 65535 f_    20 bytes an entry
 *     0000001476 00000 n_
 *     ...
 *     startxref
 *     OFFSET */
static gboolean
is_whole(const File *file)
{
    enum { ENTRY = 20, TAIL = 64 };
    const char *end = file->bytes + file->n - MIN(file->n, TAIL); /* text alone: no NUL */
    const char *start = strstr(end, "startxref\n");
    const gsize offset = start ? strtoul(start + strlen("startxref\n"), NULL, 10) : file->n;
    const char *table = file->bytes + MIN(offset, file->n);
    char *entries;

    if (!g_str_has_prefix(table, "xref\n0 "))
        return FALSE;
    const gsize n = strtoul(table + strlen("xref\n0 "), &entries, 10);
    entries++;
    if (n > (file->n - offset) / ENTRY)
        return FALSE;
    for (gsize i = 1; i < n; i++) {
        const gsize at = strtoul(entries + i * ENTRY, NULL, 10);
        g_autofree char *object = g_strdup_printf("%zu 0 obj", i);
        if (at >= file->n || !g_str_has_prefix(file->bytes + at, object))
            return FALSE;
    }
    return TRUE;
}

/* ---- the figure --------------------------------------------------------------------------------- */

gboolean
entro_figure_write_pdf(const EntroFigure *figure, EntroStream *stream, GError **error)
{
    g_auto(File) file = {0};
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(file_append, &file, figure->width, figure->height);
    cairo_t *cr = cairo_create(surface);

    set_metadata(surface, figure);
    entro_figure_draw(figure, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = file.bytes != NULL && is_whole(&file)
                     ? entro_stream_write(stream, (const guchar *)file.bytes, (guint)file.n)
                     : CAIRO_STATUS_NO_MEMORY;
    return entro_stream_check(stream, status, error);
}
