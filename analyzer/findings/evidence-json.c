/* evidence-json.c: the numbers of a finding as a flat JSON object, without a library for it. */
#include "findings-private.h"

EntroJson
entro_json_begin(void)
{
    return (EntroJson){.text = g_string_new("{")};
}

static void
append_quoted(GString *to, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    g_string_append_c(to, '"');
    for (const char *c = valid; *c != '\0'; c++) {
        if ((guchar)*c < 0x20 || *c == 0x7f)
            g_string_append_printf(to, "\\u%04x", (guchar)*c);
        else if (*c == '"' || *c == '\\')
            g_string_append_printf(to, "\\%c", *c);
        else
            g_string_append_c(to, *c);
    }
    g_string_append_c(to, '"');
}

static void
append_name(EntroJson *json, const char *name)
{
    if (json->text->len > 1)
        g_string_append(json->text, ", ");
    append_quoted(json->text, name);
    g_string_append(json->text, ": ");
}

void
entro_json_add_real(EntroJson *json, const char *name, double value)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    append_name(json, name);
    g_string_append(json->text, isfinite(value)
                                    ? g_ascii_formatd(digits, sizeof digits, "%.6g", value)
                                    : "null");
}

void
entro_json_add_int(EntroJson *json, const char *name, gint64 value)
{
    append_name(json, name);
    g_string_append_printf(json->text, "%" G_GINT64_FORMAT, value);
}

void
entro_json_add_text(EntroJson *json, const char *name, const char *value)
{
    append_name(json, name);
    append_quoted(json->text, value);
}

char *
entro_json_end(EntroJson *json)
{
    g_string_append_c(json->text, '}');
    return g_string_free(g_steal_pointer(&json->text), FALSE);
}
