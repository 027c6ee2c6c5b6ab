/* export-cell.c: one text as a CSV field or a JSON string.
 *
 * Texts come from files: a spreadsheet would run a cell that begins like a formula, and a reader of
 * JSON refuses bytes that are not UTF-8. */
#include "db-private.h"

/* ---- CSV (RFC 4180) ------------------------------------------------------------------------- */

/* A number in a text column ("-0.5" as a value of run_config) is no formula. */
static gboolean
is_number(const char *text, gsize length)
{
    char *end = NULL;

    if (length == 0 || strspn(text, "0123456789.eE+-") != length)
        return FALSE;
    g_ascii_strtod(text, &end);
    return end == text + length;
}

/* Whether a spreadsheet would take the line for a formula: spaces and U+00A0 aside, it begins with
 * one of = + - @ TAB CR. */
static gboolean
is_formula(const char *line, const char *end)
{
    while (line < end) {
        if (*line == ' ')
            line++;
        else if (end - line >= 2 && (guchar)line[0] == 0xc2 && (guchar)line[1] == 0xa0)
            line += 2;
        else
            return strchr("=+-@\t\r", *line) != NULL;
    }
    return FALSE;
}

/* Also each further physical line: programs that do not honour quotes see it as a row. */
static char *
guard_formulas(const char *text, gsize length)
{
    GString *guarded = g_string_sized_new(length + 1);
    const char *end = text + length;

    for (const char *p = text; p < end; p++) {
        gboolean line_begins = p == text || p[-1] == '\n' || p[-1] == '\r';

        if (line_begins && is_formula(p, end))
            g_string_append_c(guarded, '\'');
        g_string_append_c(guarded, *p);
    }
    return g_string_free(guarded, FALSE);
}

static void
append_quoted(GString *out, const char *text)
{
    if (strpbrk(text, "\",\r\n") == NULL) {
        g_string_append(out, text);
        return;
    }
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, *text);
    }
    g_string_append_c(out, '"');
}

void
entro_csv_append_text(GString *out, const char *text, gsize length, gboolean raw)
{
    if (raw) {
        append_quoted(out, text);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);
    g_autofree char *guarded =
        is_number(text, length) ? g_strdup(valid) : guard_formulas(valid, strlen(valid));
    append_quoted(out, guarded);
}

/* ---- JSON (RFC 8259) ------------------------------------------------------------------------ */

/* C1 controls, line separators and bidi controls: terminals obey them, JSON can name them. */
static gboolean
is_obeyed(gunichar c)
{
    return (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || c == 0x061c ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void
entro_json_append_text(GString *out, const char *text, gsize length)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);

    g_string_append_c(out, '"');
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (c == '"' || c == '\\')
            g_string_append_printf(out, "\\%c", *p);
        else if (c == '\n')
            g_string_append(out, "\\n");
        else if (c < 0x20 || is_obeyed(c))
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_unichar(out, c);
    }
    g_string_append_c(out, '"');
}
