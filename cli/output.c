/* output.c: results to stdout, notes and progress to stderr. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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

gboolean
entro_flush_stdout(GError **error)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return TRUE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_OUTPUT, "standard output: %s",
                g_strerror(errno));
    return FALSE;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

void
entro_print_json(JsonBuilder *builder)
{
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autoptr(JsonNode) root = json_builder_get_root(builder);

    json_generator_set_root(generator, root);
    json_generator_set_pretty(generator, TRUE);
    g_autofree char *text = json_generator_to_data(generator, NULL);
    puts(text);
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

static gboolean progress_shown;

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
    fprintf(stderr, "\r\033[K%.100s", shown);
    fflush(stderr);
    progress_shown = TRUE;
}

void
entro_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = FALSE;
}
