/* options.c: one vocabulary of options for all subcommands. */
#include "command.h"

#include <string.h>

EntroCommonOptions entro_common;

static const GOptionEntry common_entries[] = {{"quiet", 'q', 0, G_OPTION_ARG_NONE,
                                               &entro_common.quiet,
                                               "No progress and no notes on stderr", NULL},
                                              {NULL}};

/* GOption keeps a "--" before arguments that begin with a dash. */
static void
drop_separator(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++)
        if (g_str_equal(argv[i], "--")) {
            memmove(argv + i, argv + i + 1, (gsize)(*argc - i) * sizeof *argv);
            (*argc)--;
            return;
        }
}

gboolean
entro_options_parse(const EntroCommand *command, const GOptionEntry *entries,
                    const GOptionEntry *more, int *argc, char ***argv, GError **error)
{
    g_autofree char *summary = g_strdup_printf("%s.", command->about);
    g_autofree char *name = g_strdup_printf("entroscope %s", command->name);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(command->arguments);

    g_set_prgname(name); /* what GOption prints as the program */
    g_option_context_set_summary(context, summary);
    if (command->details != NULL)
        g_option_context_set_description(context, command->details);
    g_option_context_add_main_entries(context, entries, NULL);
    if (more != NULL)
        g_option_context_add_main_entries(context, more, NULL);
    g_option_context_add_main_entries(context, common_entries, NULL);
    if (g_option_context_parse(context, argc, argv, &failure)) {
        drop_separator(argc, *argv);
        return TRUE;
    }
    /* GOption refuses text that is not UTF-8 in a domain of its own, and does not say where */
    return failure->domain == G_CONVERT_ERROR
               ? entro_usage_error(error, "an option's text is not valid UTF-8")
               : entro_usage_error(error, "usage: %s", failure->message);
}

gboolean
entro_usage_error(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_USAGE, "%s", message);
    return FALSE;
}

gboolean
entro_require(const char *value, const char *option, GError **error)
{
    return value != NULL || entro_usage_error(error, "needs %s; see --help", option);
}

gboolean
entro_parse_real(const char *text, const char *option, double *ret_value, GError **error)
{
    char *end = NULL;

    *ret_value = NAN;
    if (text == NULL)
        return TRUE;
    double value = g_ascii_strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return entro_usage_error(error, "%s: \"%s\" is not a number", option, text);
    *ret_value = value;
    return TRUE;
}

gboolean
entro_check_range(double value, double least, double most, const char *option, GError **error)
{
    return (value >= least && value <= most) ||
           entro_usage_error(error, "%s must be %.15g to %.15g", option, least, most);
}

gboolean
entro_check_run_name(const char *name, GError **error)
{
    return name == NULL || (*name != '\0' && *name != '#') ||
           entro_usage_error(error, "--run must not be empty or begin with #");
}

/* ---- traces ---------------------------------------------------------------------------------------- */

static struct {
    gint64 max_seq, max_layers, max_heads, max_samples, max_steps, max_chunk;
    char *layout;
} chosen = {ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            NULL};

const GOptionEntry entro_source_entries[] = {
    {"layout", 0, 0, G_OPTION_ARG_STRING, &chosen.layout, "Layout of the file (default: recognise)",
     "L"},
    {"max-seq", 0, 0, G_OPTION_ARG_INT64, &chosen.max_seq, "Most queries or keys (default 32768)",
     "N"},
    {"max-layers", 0, 0, G_OPTION_ARG_INT64, &chosen.max_layers, "Most layers (default 1024)", "N"},
    {"max-heads", 0, 0, G_OPTION_ARG_INT64, &chosen.max_heads, "Most heads (default 1024)", "N"},
    {"max-samples", 0, 0, G_OPTION_ARG_INT64, &chosen.max_samples,
     "Most samples in a capture (default 65536)", "N"},
    {"max-steps", 0, 0, G_OPTION_ARG_INT64, &chosen.max_steps, "Most captures (default 1e8)", "N"},
    {"max-chunk", 0, 0, G_OPTION_ARG_INT64, &chosen.max_chunk,
     "Largest chunk, decoded, in MiB (default 256)", "MIB"},
    {NULL}};

static gboolean
set_limit(gint64 value, gsize factor, const char *option, gsize *limit, GError **error)
{
    if (value == ENTRO_NOT_GIVEN)
        return TRUE;
    if (!entro_check_range((double)value, 1, 1e12, option, error))
        return FALSE;
    *limit = (gsize)value * factor;
    return TRUE;
}

gboolean
entro_source_options(EntroSourceOptions *ret_options, GError **error)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    EntroLimits *limits = &options.limits;

    options.layout = chosen.layout;
    if (!set_limit(chosen.max_seq, 1, "--max-seq", &limits->max_seq, error) ||
        !set_limit(chosen.max_layers, 1, "--max-layers", &limits->max_layers, error) ||
        !set_limit(chosen.max_heads, 1, "--max-heads", &limits->max_heads, error) ||
        !set_limit(chosen.max_samples, 1, "--max-samples", &limits->max_samples, error) ||
        !set_limit(chosen.max_steps, 1, "--max-steps", &limits->max_captures, error) ||
        !set_limit(chosen.max_chunk, 1u << 20, "--max-chunk", &limits->max_chunk, error))
        return FALSE;
    *ret_options = options;
    return TRUE;
}
