/* text.c: text, measured and shown; the only file that knows pango and fonts.
 *
 * Names come from files: they are cleaned, and never read as markup.  Hinting is off, so that a
 * text measures the same on every surface and at every resolution. */
#include "figure-private.h"

enum { MAX_CHARS = 400 }; /* of one text; what is longer would be shortened on the page anyway */

struct EntroText {
    PangoContext *context; /* for measuring */
    PangoFontDescription *font;
    char **families; /* as asked for */
    char *family;    /* the one that is used */
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

/* What is loaded when a family is asked for: another if it is not installed. */
static char *
loaded_family(EntroText *text, const char *family)
{
    pango_font_description_set_family(text->font, family);
    PangoFont *font = pango_context_load_font(text->context, text->font);
    if (!font)
        return g_strdup("no font at all");

    PangoFontDescription *found = pango_font_describe(font);
    char *name = g_strdup(pango_font_description_get_family(found));

    pango_font_description_free(found);
    g_object_unref(font);
    return name;
}

/* The first that is installed, else what stands in for the first. */
static void
choose_family(EntroText *text)
{
    for (char **family = text->families; *family; family++) {
        g_autofree char *loaded = loaded_family(text, g_strstrip(*family));
        if (g_ascii_strcasecmp(loaded, *family) == 0) {
            text->family = g_steal_pointer(&loaded);
            return;
        }
    }
    text->family = loaded_family(text, text->families[0] ? text->families[0] : "");
}

EntroText *
entro_text_new(const char *families)
{
    EntroText *text = g_new0(EntroText, 1);
    g_autofree char *clean = entro_text_clean(families);

    text->families = g_strsplit(clean, ",", -1);
    text->font = pango_font_description_new();
    text->context = pango_font_map_create_context(pango_cairo_font_map_get_default());
    configure(text->context);
    choose_family(text);
    return text;
}

void
entro_text_free(EntroText *text)
{
    if (!text)
        return;
    g_object_unref(text->context);
    pango_font_description_free(text->font);
    g_strfreev(text->families);
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
    if ((c & 0xfffe) == 0xfffe) /* no character, and not allowed in XML */
        return TRUE;
    return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT ||
           type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR ||
           type == G_UNICODE_SURROGATE;
}

static char *
clean_chars(const char *raw, gsize most)
{
    g_autofree char *valid = g_utf8_make_valid(raw ? raw : "", -1);
    GString *clean = g_string_new(NULL);
    gsize n = 0;

    for (const char *at = valid; *at && n < most; at = g_utf8_next_char(at), n++) {
        const gunichar c = g_utf8_get_char(at);
        g_string_append_unichar(clean, is_unsafe(c) ? 0xfffd : c);
    }
    return g_string_free(clean, FALSE);
}

char *
entro_text_clean(const char *raw)
{
    return clean_chars(raw, MAX_CHARS);
}

char *
entro_text_clean_long(const char *raw)
{
    return clean_chars(raw, G_MAXSIZE);
}

char *
entro_text_lower_first(const char *title)
{
    const char *rest = *title ? g_utf8_next_char(title) : title, *end = rest;
    GString *lowered = g_string_new(NULL);

    while (g_unichar_islower(g_utf8_get_char(end)))
        end = g_utf8_next_char(end);
    if (end == rest || g_unichar_isupper(g_utf8_get_char(end))) /* "FFN", "NaN" */
        g_string_append(lowered, title);
    else {
        g_string_append_unichar(lowered, g_unichar_tolower(g_utf8_get_char(title)));
        g_string_append(lowered, rest);
    }
    return g_string_free(lowered, FALSE);
}

char *
entro_text_missing_font(const EntroText *text)
{
    const char *wanted = text->families[0] ? text->families[0] : "";

    return g_ascii_strcasecmp(text->family, wanted) == 0 ? NULL : g_strdup(text->family);
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

/* ---- text for others to set ----------------------------------------------------------------- */

static void
line_clear(gpointer data)
{
    EntroTextLine *line = data;

    g_free(line->string);
}

static int
compare_offsets(gconstpointer a, gconstpointer b)
{
    const PangoItem *const *one = a, *const *other = b;

    return (*one)->offset < (*other)->offset ? -1 : (*one)->offset > (*other)->offset;
}

/* The text of a line as it is shown, with what was left out as three dots.  Runs stand in the order
 * on the page: right to left for some scripts. */
static char *
shown_text(const PangoLayoutLine *line, const char *string)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    GString *shown = g_string_new(NULL);

    for (const GSList *run = line->runs; run; run = run->next)
        g_ptr_array_add(items, ((const PangoLayoutRun *)run->data)->item);
    g_ptr_array_sort(items, compare_offsets);
    for (guint i = 0; i < items->len; i++) {
        const PangoItem *item = items->pdata[i];
        if (item->analysis.flags & PANGO_ANALYSIS_FLAG_IS_ELLIPSIS)
            g_string_append(shown, "\342\200\246");
        else
            g_string_append_len(shown, string + item->offset, item->length);
    }
    return g_string_free(shown, FALSE);
}

/* The first letter with a direction decides, as it does when pango orders the runs; the lines of a
 * layout that aligns to the left whatever it holds do not say. */
static gboolean
reads_from_right(const EntroText *text, const char *string)
{
    g_autoptr(PangoLayout) layout = pango_layout_new(text->context);

    pango_layout_set_text(layout, string, -1);
    return pango_layout_get_line_readonly(layout, 0)->resolved_dir == PANGO_DIRECTION_RTL;
}

GArray *
entro_text_lines(const EntroText *text, const char *string, const EntroTextStyle *style)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(EntroTextLine));
    g_autoptr(PangoLayout) layout = layout_new(text, text->context, string, style);
    PangoLayoutIter *at = pango_layout_get_iter(layout);
    const gboolean from_right = reads_from_right(text, string);
    double x = 0, width = 0, height = 0;

    g_array_set_clear_func(lines, line_clear);
    layout_extents(layout, &x, &width, &height);
    do {
        PangoRectangle box;
        pango_layout_iter_get_line_extents(at, NULL, &box);
        const EntroTextLine line = {
            .string = shown_text(pango_layout_iter_get_line_readonly(at), string),
            .x = (double)box.x / PANGO_SCALE - x,
            .baseline = (double)pango_layout_iter_get_baseline(at) / PANGO_SCALE,
            .width = (double)box.width / PANGO_SCALE,
            .from_right = from_right,
        };
        g_array_append_val(lines, line);
    } while (pango_layout_iter_next_line(at));
    pango_layout_iter_free(at);
    return lines;
}

/* Names in quotes, as CSS wants them; what stands in comes last. */
char *
entro_text_css_families(const EntroText *text, const char *generic)
{
    GString *list = g_string_new(NULL);

    g_string_append_printf(list, "'%s'", text->family);
    for (char **family = text->families; *family; family++)
        if (g_ascii_strcasecmp(*family, text->family) != 0)
            g_string_append_printf(list, ",'%s'", *family);
    g_string_append_printf(list, ",%s", generic);
    g_strdelimit(list->str, "\\", ' ');
    return g_string_free(list, FALSE);
}
