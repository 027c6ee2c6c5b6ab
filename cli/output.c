/* output.c: results to stdout, notes and progress to stderr. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

void
entro_say(const char *format, ...)
{
    va_list arguments;

    if (entro_common.quiet)
        return;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = entro_printable(text, -1);
    entro_progress_end();
    fprintf(stderr, "%s\n", shown);
}

void
entro_say_store_notes(EntroStore *store)
{
    g_autoptr(GPtrArray) notes = entro_store_take_notes(store);

    for (guint i = 0; i < notes->len; i++)
        entro_say("note: %s", (char *)notes->pdata[i]);
}

gboolean
entro_flush_stdout(GError **error)
{
    gboolean flushed = fflush(stdout) == 0;

    if (flushed && !ferror(stdout))
        return TRUE;
    /* of a failure before this one only the fact is known */
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_OUTPUT, "standard output: %s",
                flushed ? "not everything could be written" : g_strerror(errno));
    return FALSE;
}

gboolean
entro_same_file(const char *path, const char *other)
{
    struct stat a, b;

    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

char *
entro_shorten(const char *text, glong most)
{
    if (g_utf8_strlen(text, -1) <= most)
        return g_strdup(text);
    g_autofree char *start = g_utf8_substring(text, 0, most - 3);
    return g_strconcat(start, "...", NULL);
}

char *
entro_format_findings(gboolean judged, const guint n_findings[ENTRO_SEVERITY_CRITICAL + 1])
{
    GString *text = g_string_new(judged ? NULL : "-");

    for (int severity = ENTRO_SEVERITY_CRITICAL; judged && severity >= 0; severity--)
        if (n_findings[severity] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", n_findings[severity],
                                   entro_severity_name((EntroSeverity)severity));
    return g_string_free(text->len > 0 ? text : g_string_append(text, "none"), FALSE);
}

void
entro_json_findings(JsonBuilder *builder, gboolean judged,
                    const guint n_findings[ENTRO_SEVERITY_CRITICAL + 1])
{
    json_builder_set_member_name(builder, "findings");
    if (!judged) {
        json_builder_add_null_value(builder);
        return;
    }
    json_builder_begin_object(builder);
    for (int severity = ENTRO_SEVERITY_CRITICAL; severity >= 0; severity--)
        entro_json_integer(builder, entro_severity_name((EntroSeverity)severity),
                           n_findings[severity]);
    json_builder_end_object(builder);
}

char *
entro_format_bytes(guint64 bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double value = (double)bytes / 1e3;
    guint unit = 0;

    for (; value >= 999.95 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1e3;
    return g_strdup_printf("%.1f %s", value, units[unit]);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* The generator leaves every character above 0x7f as it is; those that a terminal would obey can
 * only stand in strings, where \u means the same.  None of them lies beyond U+FFFF. */
static void
put_escaped(const char *text)
{
    for (const char *next; *text != '\0'; text = next) {
        next = g_utf8_next_char(text);
        g_autofree char *shown =
            (guchar)*text < 0x80 ? NULL : entro_printable(text, (gssize)(next - text));
        if (shown == NULL || strncmp(shown, text, (gsize)(next - text)) == 0)
            fwrite(text, 1, (gsize)(next - text), stdout);
        else
            printf("\\u%04x", g_utf8_get_char(text));
    }
}

static void
print_json(JsonBuilder *builder, gboolean pretty)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = json_builder_get_root(builder);

    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, pretty);
    g_autofree char *text = json_generator_to_data(generator, NULL);
    put_escaped(text);
    putchar('\n');
}

void
entro_print_json(JsonBuilder *builder)
{
    print_json(builder, TRUE);
}

void
entro_print_json_line(JsonBuilder *builder)
{
    print_json(builder, FALSE);
}

void
entro_json_string(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    if (value == NULL) {
        json_builder_add_null_value(builder);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    json_builder_add_string_value(builder, valid);
}

void
entro_json_integer(JsonBuilder *builder, const char *name, gint64 value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, value);
}

void
entro_json_place(JsonBuilder *builder, const char *name, gint64 value, gint64 none)
{
    json_builder_set_member_name(builder, name);
    if (value == none)
        json_builder_add_null_value(builder);
    else
        json_builder_add_int_value(builder, value);
}

void
entro_json_real(JsonBuilder *builder, const char *name, double value)
{
    json_builder_set_member_name(builder, name);
    if (isfinite(value))
        json_builder_add_double_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

void
entro_json_boolean(JsonBuilder *builder, const char *name, gboolean value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_boolean_value(builder, value);
}

void
entro_json_strings(JsonBuilder *builder, const char *name, const GPtrArray *values)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
    for (guint i = 0; i < values->len; i++) {
        g_autofree char *valid = g_utf8_make_valid(values->pdata[i], -1);
        json_builder_add_string_value(builder, valid);
    }
    json_builder_end_array(builder);
}

/* ---- progress -------------------------------------------------------------------------------------------- */

#define PROGRESS_INTERVAL (G_USEC_PER_SEC / 10)

static volatile sig_atomic_t progress_shown;

/* What fits on one line of the terminal: a longer one would leave its first half behind. */
static void
draw_line(const char *shown)
{
    struct winsize size = {0};
    gsize columns =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
    gsize length = (gsize)g_utf8_strlen(shown, -1);
    g_autofree char *cut = g_utf8_substring(shown, 0, (glong)MIN(length, columns));

    fprintf(stderr, "\r\033[K%s", cut);
    fflush(stderr);
}

void
entro_progress(const char *format, ...)
{
    static gint64 last;
    gint64 now = g_get_monotonic_time();
    va_list arguments;

    if (entro_common.quiet || now - last < PROGRESS_INTERVAL || !isatty(STDERR_FILENO) ||
        g_strcmp0(g_getenv("TERM"), "dumb") == 0)
        return;
    last = now;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = entro_printable(text, -1);
    draw_line(shown);
    progress_shown = TRUE;
}

void
entro_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = FALSE;
}

void
entro_progress_wipe(void)
{
    static const char wipe[] = "\r\033[K";

    if (progress_shown && write(STDERR_FILENO, wipe, sizeof wipe - 1) < 0)
        progress_shown = FALSE; /* there is nobody to tell */
}
