/* scan.c: the few words of which the headers of arrays are made: Python's and JSON's share brackets,
 * commas and decimal numbers. */
#include "containers-private.h"

#include <string.h>

static void
pass_blanks(EntroScan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) != NULL && *scan->at != '\0')
        scan->at++;
}

gboolean
entro_scan_char(EntroScan *scan, char wanted)
{
    pass_blanks(scan);
    if (scan->at == scan->end || *scan->at != wanted)
        return FALSE;
    scan->at++;
    return TRUE;
}

gboolean
entro_scan_word(EntroScan *scan, const char *wanted)
{
    gsize length = strlen(wanted);

    pass_blanks(scan);
    if ((gsize)(scan->end - scan->at) < length || memcmp(scan->at, wanted, length) != 0)
        return FALSE;
    scan->at += length;
    return TRUE;
}

/* Python and JSON both know no 007. */
gboolean
entro_scan_number(EntroScan *scan, guint64 *ret_number)
{
    guint64 number = 0;

    pass_blanks(scan);
    const char *at = scan->at;
    for (; at < scan->end && g_ascii_isdigit(*at); at++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (guint64)(*at - '0'), &number))
            return FALSE;
    if (at == scan->at || (at - scan->at > 1 && *scan->at == '0'))
        return FALSE;
    scan->at = at;
    *ret_number = number;
    return TRUE;
}

gboolean
entro_scan_end(EntroScan *scan)
{
    pass_blanks(scan);
    return scan->at == scan->end;
}

gboolean
entro_scan_list(EntroScan *scan, const char *brackets, gboolean open_end, guint64 *to, gsize max,
                gsize *ret_n)
{
    guint64 number;

    *ret_n = 0;
    if (!entro_scan_char(scan, brackets[0]))
        return FALSE;
    if (entro_scan_char(scan, brackets[1]))
        return TRUE;
    while (entro_scan_number(scan, &number)) {
        if (*ret_n < max)
            to[*ret_n] = number;
        ++*ret_n;
        gboolean comma = entro_scan_char(scan, ',');
        if ((!comma || open_end) && entro_scan_char(scan, brackets[1]))
            return comma || !open_end || *ret_n > 1;
        if (!comma)
            return FALSE;
    }
    return FALSE;
}

gboolean
entro_scan_fail(const EntroScan *scan, const char *expected, GError **error)
{
    gsize left = (gsize)(scan->end - scan->at);
    g_autofree char *found = entro_printable(scan->at, (gssize)MIN(left, 16));

    entro_container_fail(error, ENTRO_LOADER_ERROR_FORMAT,
                         "has a broken header: expected %s at byte %" G_GSIZE_FORMAT
                         " of it, found %s%s%s",
                         expected, (gsize)(scan->at - scan->start), left > 0 ? "\"" : "its end",
                         found, left > 0 ? "\"" : "");
    return FALSE;
}
