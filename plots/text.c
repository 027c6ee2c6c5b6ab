/* text.c: text, measured and shown; the only file that knows pango and fonts.
 *
 * Names come from files: they are cleaned, and never read as markup.  Hinting is off, so that a
 * text measures the same on every surface and at every resolution. */
#include "figure-private.h"

enum { MAX_CHARS = 400 }; /* of one text; what is longer would be shortened on the page anyway */

struct EntroText {
    PangoContext *context; /* for measuring */
    PangoFontDescription *font;
    char *family;
};

static void
configure(PangoContext *context)
{
    cairo_font_options_t *options = cairo_font_options_create();

    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    pango_cairo_context_set_font_options(context, options);
    pango_cairo_context_set_resolution(context, ENTRO_INCH); /* a point is a unit */
    pango_context_set_round_glyph_positions(context, FALSE);
    cairo_font_options_destroy(options);
}

EntroText *
entro_text_new(const char *family)
{
    EntroText *text = g_new0(EntroText, 1);

    text->family = entro_text_clean(family);
    text->font = pango_font_description_new();
    pango_font_description_set_family(text->font, text->family);
    text->context = pango_font_map_create_context(pango_cairo_font_map_get_default());
    configure(text->context);
    return text;
}

void
entro_text_free(EntroText *text)
{
    if (!text)
        return;
    g_object_unref(text->context);
    pango_font_description_free(text->font);
    g_free(text->family);
    g_free(text);
}

/* Control and format characters: among them newlines, escapes and those that turn text round; not
 * the two joiners, which some scripts need. */
static gboolean
is_unsafe(gunichar c)
{
    const GUnicodeType type = g_unichar_type(c);

    if (c == 0x200c || c == 0x200d)
        return FALSE;
    return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT ||
           type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR ||
           type == G_UNICODE_SURROGATE;
}

char *
entro_text_clean(const char *raw)
{
    g_autofree char *valid = g_utf8_make_valid(raw ? raw : "", -1);
    GString *clean = g_string_new(NULL);
    guint n = 0;

    for (const char *at = valid; *at && n < MAX_CHARS; at = g_utf8_next_char(at), n++) {
        const gunichar c = g_utf8_get_char(at);
        g_string_append_unichar(clean, is_unsafe(c) ? 0xfffd : c);
    }
    return g_string_free(clean, FALSE);
}

char *
entro_text_missing_font(const EntroText *text)
{
    PangoFont *font = pango_context_load_font(text->context, text->font);
    if (!font)
        return g_strdup("no font at all");

    PangoFontDescription *found = pango_font_describe(font);
    const char *family = pango_font_description_get_family(found);
    char *other = g_ascii_strcasecmp(family, text->family) == 0 ? NULL : g_strdup(family);

    pango_font_description_free(found);
    g_object_unref(font);
    return other;
}

static PangoLayout *
layout_new(const EntroText *text, PangoContext *context, const char *string,
           const EntroTextStyle *style)
{
    g_autoptr(PangoFontDescription) font = pango_font_description_copy(text->font);
    PangoLayout *layout = pango_layout_new(context);
    const gboolean wraps = style->max_lines > 1;

    pango_font_description_set_absolute_size(font, style->size * PANGO_SCALE);
    if (style->bold)
        pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_auto_dir(layout, FALSE);
    pango_layout_set_text(layout, string, -1);
    if (style->max_width > 0) {
        pango_layout_set_width(layout, (int)ceil(style->max_width * PANGO_SCALE));
        pango_layout_set_ellipsize(layout, wraps ? PANGO_ELLIPSIZE_END : PANGO_ELLIPSIZE_MIDDLE);
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
        pango_layout_set_alignment(layout, style->centred ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT);
        pango_layout_set_height(layout, wraps ? -(int)style->max_lines : -1);
    }
    return layout;
}

static void
layout_extents(PangoLayout *layout, double *ret_x, double *ret_width, double *ret_height)
{
    PangoRectangle logical;

    pango_layout_get_extents(layout, NULL, &logical);
    *ret_x = (double)logical.x / PANGO_SCALE;
    *ret_width = (double)logical.width / PANGO_SCALE;
    *ret_height = (double)logical.height / PANGO_SCALE;
}

void
entro_text_measure(const EntroText *text, const char *string, const EntroTextStyle *style,
                   double *ret_width, double *ret_height)
{
    g_autoptr(PangoLayout) layout = layout_new(text, text->context, string, style);
    double x = 0, width = 0, height = 0;

    layout_extents(layout, &x, &width, &height);
    *ret_width = style->turned ? height : width;
    *ret_height = style->turned ? width : height;
}

double
entro_text_height(const EntroText *text, double size)
{
    const EntroTextStyle style = {.size = size};
    double width = 0, height = 0;

    entro_text_measure(text, "Hg", &style, &width, &height);
    return height;
}

PangoContext *
entro_text_begin(const EntroText *text, cairo_t *cr)
{
    PangoContext *context =
        pango_font_map_create_context(pango_context_get_font_map(text->context));

    configure(context);
    pango_cairo_update_context(cr, context);
    return context;
}

void
entro_text_draw(const EntroText *text, PangoContext *canvas, cairo_t *cr, const char *string,
                const EntroTextStyle *style, EntroBox box)
{
    g_autoptr(PangoLayout) layout = layout_new(text, canvas, string, style);
    const EntroColour colour = style->colour;
    double x = 0, width = 0, height = 0;

    layout_extents(layout, &x, &width, &height);
    cairo_save(cr);
    cairo_set_source_rgba(cr, colour.red, colour.green, colour.blue, colour.alpha);
    cairo_translate(cr, box.x, style->turned ? entro_box_bottom(box) : box.y);
    if (style->turned)
        cairo_rotate(cr, -G_PI_2);
    cairo_move_to(cr, -x, 0);
    pango_cairo_show_layout(cr, layout);
    cairo_restore(cr);
}
