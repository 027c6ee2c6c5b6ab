/* figure-png.c: pictures by libpng: a figure at its resolution, and cells for an SVG.
 *
 * libpng leaves by longjmp: the functions between setjmp and it own nothing.  Its own output never
 * fails: a stream keeps its error for later. */
#include <png.h>
#include <setjmp.h>

#include "figure-private.h"

enum { MAX_SIDE = 32767 }; /* pixels, cairo's limit */

typedef struct {
    EntroPngWrite write;
    gpointer data;
} Sink;

static void
sink_write(png_structp png, png_bytep bytes, png_size_t n)
{
    const Sink *sink = png_get_io_ptr(png);

    sink->write(sink->data, bytes, (guint)n);
}

static void
sink_flush(png_structp png G_GNUC_UNUSED)
{
}

/* Without these libpng prints to stderr. */
static void
leave(png_structp png, png_const_charp message G_GNUC_UNUSED)
{
    png_longjmp(png, 1);
}

static void
go_on(png_structp png G_GNUC_UNUSED, png_const_charp message G_GNUC_UNUSED)
{
}

/* Latin-1 is all that a tEXt chunk may hold; iTXt is UTF-8. */
static void
set_texts(png_structp png, png_infop info, const EntroPngText *texts, guint n)
{
    for (guint i = 0; i < n; i++) {
        const gboolean ascii = texts[i].value && g_str_is_ascii(texts[i].value);
        png_text text = {.compression =
                             ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
                         .key = (char *)texts[i].key,
                         .text = (char *)texts[i].value};
        if (texts[i].value)
            png_set_text(png, info, &text, 1);
    }
}

/* What is written, and how it lies in memory. */
typedef struct {
    const EntroPng *png;
    guint width, height;
    gboolean alpha;
    guchar *line;
} Picture;

static void
set_info(png_structp png, png_infop info, const Picture *picture)
{
    const double dpi = picture->png->dpi;
    const png_uint_32 per_metre = (png_uint_32)lround(dpi / 0.0254);

    png_set_IHDR(png, info, picture->width, picture->height, 8,
                 picture->alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (dpi > 0)
        png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
    set_texts(png, info, picture->png->texts, picture->png->n_texts);
}

/* From cairo's words 0xAARRGGBB to bytes; a pixel is opaque or blank. */
static void
unpack_line(const Picture *picture, guint y)
{
    cairo_surface_t *surface = picture->png->surface;
    const gsize stride = (gsize)cairo_image_surface_get_stride(surface);
    const guint32 *words =
        (const guint32 *)(gconstpointer)(cairo_image_surface_get_data(surface) + y * stride);
    guchar *byte = picture->line;

    for (guint x = 0; x < picture->width; x++) {
        *byte++ = words[x] >> 16 & 0xff;
        *byte++ = words[x] >> 8 & 0xff;
        *byte++ = words[x] & 0xff;
        if (picture->alpha)
            *byte++ = words[x] >> 24;
    }
}

static gboolean
write_picture(png_structp png, png_infop info, const Picture *picture)
{
    if (setjmp(png_jmpbuf(png)))
        return FALSE;
    set_info(png, info, picture);
    png_write_info(png, info);
    for (guint y = 0; y < picture->height; y++) {
        unpack_line(picture, y);
        png_write_row(png, picture->line);
    }
    png_write_end(png, info);
    return TRUE;
}

gboolean
entro_png_write(const EntroPng *image, EntroPngWrite write, gpointer data)
{
    Sink sink = {write, data};
    const guint width = (guint)cairo_image_surface_get_width(image->surface);
    const Picture picture = {
        .png = image,
        .width = width,
        .height = (guint)cairo_image_surface_get_height(image->surface),
        .alpha = cairo_image_surface_get_format(image->surface) == CAIRO_FORMAT_ARGB32,
        .line = g_try_malloc_n(width, 4),
    };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, leave, go_on);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    gboolean written = FALSE;

    cairo_surface_flush(image->surface);
    if (info && picture.line) {
        png_set_write_fn(png, &sink, sink_write, sink_flush);
        written = write_picture(png, info, &picture);
    }
    g_free(picture.line);
    png_destroy_write_struct(&png, &info);
    return written;
}

/* ---- the figure ----------------------------------------------------------------------------- */

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
write_surface(const EntroFigure *figure, cairo_surface_t *surface, EntroStream *stream)
{
    g_autofree char *redraw = figure->redraw ? g_strdup_printf("redraw: %s", figure->redraw) : NULL;
    const EntroPngText texts[] = {
        {"Title", figure->title},
        {"Description", figure->about},
        {"Comment", redraw},
        {"Software", "entroscope " ENTRO_VERSION},
        {"Creation Time", figure->created},
    };
    const EntroPng png = {surface, figure->dpi, texts, G_N_ELEMENTS(texts)};

    return entro_png_write(&png, entro_stream_take, stream);
}

gboolean
entro_figure_write_png(const EntroFigure *figure, EntroStream *stream, GError **error)
{
    int width = 0, height = 0;
    if (!pixel_size(figure, &width, &height, error))
        return FALSE;

    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_scale(cr, figure->dpi / ENTRO_INCH, figure->dpi / ENTRO_INCH);
    entro_figure_draw(figure, cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (status == CAIRO_STATUS_SUCCESS && !write_surface(figure, surface, stream))
        status = CAIRO_STATUS_NO_MEMORY;
    cairo_surface_destroy(surface);
    return entro_stream_check(stream, status, error);
}
