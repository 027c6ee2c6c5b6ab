/* json-string.c: strings of JSON with their escapes (RFC 8259, 7), in text that is UTF-8 already. */
#include "containers-private.h"

#include <string.h>

static gboolean
scan_hex4(const char *at, const char *end, gunichar *ret_unit)
{
    *ret_unit = 0;
    for (guint i = 0; i < 4; i++, at++) {
        if (at == end || !g_ascii_isxdigit(*at))
            return FALSE;
        *ret_unit = *ret_unit << 4 | (gunichar)g_ascii_xdigit_value(*at);
    }
    return TRUE;
}

/* What follows "\u": 4 digits, or two halves of a character beyond 16 bits; NULL: neither. */
static const char *
scan_unicode(const char *at, const char *end, GString *to)
{
    gunichar unit, low;

    if (!scan_hex4(at, end, &unit))
        return NULL;
    at += 4;
    if (unit >= 0xd800 && unit < 0xdc00 && end - at > 2 && at[0] == '\\' && at[1] == 'u' &&
        scan_hex4(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
        unit = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
        at += 6;
    }
    if (unit == 0 || !g_unichar_validate(unit))
        return NULL;
    g_string_append_unichar(to, unit);
    return at;
}

/* What follows a backslash; the place behind it, NULL if it is no escape. */
static const char *
scan_escape(const char *at, const char *end, GString *to)
{
    static const char codes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *code = at < end && *at != '\0' ? strchr(codes, *at) : NULL;

    if (code != NULL) {
        g_string_append_c(to, meant[code - codes]);
        return at + 1;
    }
    return at < end && *at == 'u' ? scan_unicode(at + 1, end, to) : NULL;
}

char *
entro_scan_json_string(EntroScan *scan)
{
    EntroScan here = *scan;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!entro_scan_char(&here, '"'))
        return NULL;
    const char *at = here.at;
    while (at != NULL && at < here.end && *at != '"') {
        if ((guchar)*at < ' ')
            return NULL;
        if (*at == '\\')
            at = scan_escape(at + 1, here.end, text);
        else
            g_string_append_c(text, *at++);
    }
    if (at == NULL || at == here.end)
        return NULL;
    scan->at = at + 1;
    return g_string_free(g_steal_pointer(&text), FALSE);
}
