/* figure-pdf.c: a figure as PDF, by cairo.
 *
 * Text is text in embedded subsets of its fonts.  cairo would write the present time; the date of the
 * data is written instead, so that the same figure is the same file. */
#include <cairo-pdf.h>

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

gboolean
entro_figure_write_pdf(const EntroFigure *figure, EntroStream *stream, GError **error)
{
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(entro_stream_write, stream,
                                                                   figure->width, figure->height);
    cairo_t *cr = cairo_create(surface);

    set_metadata(surface, figure);
    entro_figure_draw(figure, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return entro_stream_check(stream, status, error);
}
