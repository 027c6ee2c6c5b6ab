/* html-text.c: text as it may stand in a page: escaped, and nothing in it that a browser obeys. */
#include "report-html.h"

#include <string.h>

void
html_printf(GString *out, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_markup_vprintf_escaped(format, arguments);
    va_end(arguments);
    g_string_append(out, text);
}

void
html_text(GString *out, const char *text)
{
    g_autofree char *shown = entro_printable(text, -1);
    g_autofree char *escaped = g_markup_escape_text(shown, -1);

    g_string_append(out, escaped);
}

void
html_element(GString *out, const char *element, const char *text)
{
    g_string_append_printf(out, "<%s>", element);
    html_text(out, text != NULL ? text : "–");
    g_string_append_printf(out, "</%s>", element);
}

void
html_fact(GString *out, const char *name, const char *text)
{
    html_printf(out, "<div><dt>%s</dt>", name);
    html_element(out, "dd", text);
    g_string_append(out, "</div>\n");
}

char *
html_count(gsize n, const char *word)
{
    return g_strdup_printf("%" G_GSIZE_FORMAT " %s%s", n, word, n == 1 ? "" : "s");
}

/* In JSON these stand in strings alone, where \u may stand for each. */
char *
html_script_json(JsonBuilder *builder)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = json_builder_get_root(builder);

    json_generator_set_root(generator, root);
    g_autofree char *text = json_generator_to_data(generator, NULL);
    GString *safe = g_string_sized_new(strlen(text) + 1024);
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '<' || *c == '>' || *c == '&')
            g_string_append_printf(safe, "\\u%04x", *c);
        else if ((guchar)*c == 0xe2 &&
                 (g_str_has_prefix(c, "\u2028") || g_str_has_prefix(c, "\u2029"))) {
            g_string_append_printf(safe, "\\u%04x", g_utf8_get_char(c));
            c += strlen("\u2028") - 1;
        } else
            g_string_append_c(safe, *c);
    return g_string_free(safe, FALSE);
}
