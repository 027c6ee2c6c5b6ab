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

/* ---- the command as it was typed --------------------------------------------------------------------- */

typedef struct {
    const GOptionEntry *tables[3]; /* any may be NULL */
    const GOptionEntry *output;    /* left out; may be NULL */
    GString *text;
} Typed;

/* By its long name, or if that is NULL by its letter. */
static const GOptionEntry *
find_entry(const Typed *typed, const char *name, char letter)
{
    for (guint i = 0; i < G_N_ELEMENTS(typed->tables); i++)
        for (const GOptionEntry *row = typed->tables[i]; row && row->long_name; row++)
            if (name != NULL ? g_str_equal(row->long_name, name) : row->short_name == letter)
                return row;
    return NULL;
}

static gboolean
takes_value(const GOptionEntry *entry)
{
    return entry != NULL && entry->arg != G_OPTION_ARG_NONE &&
           !(entry->flags & G_OPTION_FLAG_NO_ARG);
}

/* As it is where nothing in it means anything to a shell. */
static void
put_word(Typed *typed, const char *word)
{
    static const char plain[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_=+,./:@%";
    g_autofree char *quoted = g_shell_quote(word);
    gboolean as_it_is = *word != '\0' && word[strspn(word, plain)] == '\0';

    g_string_append_printf(typed->text, " %s", as_it_is ? word : quoted);
}

/* Puts "--name" or "--name=value"; returns whether the next word is its value, and in ret_put
 * whether that is to be put too. */
static gboolean
put_long(Typed *typed, const char *word, gboolean *ret_put)
{
    g_auto(GStrv) parts = g_strsplit(word + strlen("--"), "=", 2);
    const GOptionEntry *entry = find_entry(typed, parts[0], 0);

    *ret_put = entry == NULL || entry != typed->output;
    if (*ret_put)
        put_word(typed, word);
    return parts[1] == NULL && takes_value(entry);
}

/* The same of "-o" and of clusters: the value of a letter in one is the next word ("-qo FILE",
 * "-oq FILE"). */
static gboolean
put_short(Typed *typed, const char *word, gboolean *ret_put)
{
    g_autoptr(GString) rest = g_string_new("-");
    gboolean valued = FALSE;

    *ret_put = TRUE;
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const GOptionEntry *entry = find_entry(typed, NULL, *letter);
        valued |= takes_value(entry);
        if (entry != NULL && entry == typed->output)
            *ret_put = FALSE;
        else
            g_string_append_c(rest, *letter);
    }
    if (rest->len > 1)
        put_word(typed, rest->str);
    return valued;
}

/* Returns the first word behind the options: "--" or the end. */
static int
put_options(Typed *typed, int argc, char *const *argv)
{
    int i = 0;

    for (; i < argc && !(i > 0 && g_str_equal(argv[i], "--")); i++) {
        gboolean put = TRUE, valued = FALSE;
        if (g_str_has_prefix(argv[i], "--"))
            valued = put_long(typed, argv[i], &put);
        else if (argv[i][0] == '-' && argv[i][1] != '\0')
            valued = put_short(typed, argv[i], &put);
        else
            put_word(typed, argv[i]);
        if (valued && i + 1 < argc && put)
            put_word(typed, argv[i + 1]);
        i += valued;
    }
    return MIN(i, argc);
}

char *
entro_quote_command(int argc, char *const *argv, const GOptionEntry *entries,
                    const GOptionEntry *more, const char *output)
{
    Typed typed = {{entries, more, common_entries}, NULL, g_string_new("entroscope")};

    if (output != NULL)
        typed.output = find_entry(&typed, output, 0);
    int rest = put_options(&typed, argc, argv);
    if (typed.output != NULL)
        g_string_append_printf(typed.text, " -%c %s", typed.output->short_name,
                               typed.output->arg_description);
    for (int i = rest; i < argc; i++)
        put_word(&typed, argv[i]);
    return g_string_free(typed.text, FALSE);
}

/* ---- usage -------------------------------------------------------------------------------------------- */

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
    gint64 max_seq, max_layers, max_heads, max_samples, max_steps, max_chunk, max_mem, stall;
    char *layout, *axes, *element;
} chosen = {ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            ENTRO_NOT_GIVEN,
            NULL,
            NULL,
            NULL};

const GOptionEntry entro_source_entries[] = {
    {"layout", 0, 0, G_OPTION_ARG_STRING, &chosen.layout,
     "Names of the arrays, e.g. 'steps/{step}/layer_{layer}/attn', or a key (default: recognise)",
     "L"},
    {"axes", 0, 0, G_OPTION_ARG_STRING, &chosen.axes,
     "Axes of one array: S steps, L layers, B samples, H heads, Q, K (default: recognise)", "AXES"},
    {"element", 0, 0, G_OPTION_ARG_STRING, &chosen.element,
     "What 16-bit integers and opaque values are: bf16 or f16", "E"},
    {"max-seq", 0, 0, G_OPTION_ARG_INT64, &chosen.max_seq, "Most queries or keys (default 32768)",
     "N"},
    {"max-layers", 0, 0, G_OPTION_ARG_INT64, &chosen.max_layers, "Most layers (default 1024)", "N"},
    {"max-heads", 0, 0, G_OPTION_ARG_INT64, &chosen.max_heads, "Most heads (default 1024)", "N"},
    {"max-samples", 0, 0, G_OPTION_ARG_INT64, &chosen.max_samples,
     "Most samples in a capture (default 65536)", "N"},
    {"max-steps", 0, 0, G_OPTION_ARG_INT64, &chosen.max_steps, "Most captures (default 1e8)", "N"},
    {"max-chunk", 0, 0, G_OPTION_ARG_INT64, &chosen.max_chunk,
     "Largest chunk, decoded, in MiB (default 256)", "MIB"},
    {"max-mem", 0, 0, G_OPTION_ARG_INT64, &chosen.max_mem,
     "Memory of the process that opens HDF5 files, in MiB (default 2048)", "MIB"},
    {"stall-timeout", 0, 0, G_OPTION_ARG_INT64, &chosen.stall,
     "Give up on a part of a file about which HDF5 says nothing for so long (default 30)",
     "SECONDS"},
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

static gboolean
set_element(EntroSourceOptions *options, GError **error)
{
    if (chosen.element == NULL)
        return TRUE;
    options->bits_given = TRUE;
    options->bits = g_str_equal(chosen.element, "f16") ? ENTRO_F16 : ENTRO_BF16;
    return options->bits == ENTRO_F16 || g_str_equal(chosen.element, "bf16") ||
           entro_usage_error(error, "--element must be bf16 or f16");
}

/* Of the program alone are less than so many MiB of addresses taken, libraries included. */
#define MAX_MEM_LEAST 512

static gboolean
limit_child(GError **error)
{
    gboolean has_memory = chosen.max_mem != ENTRO_NOT_GIVEN,
             waits = chosen.stall != ENTRO_NOT_GIVEN;

    if (has_memory &&
        !entro_check_range((double)chosen.max_mem, MAX_MEM_LEAST, 1 << 24, "--max-mem", error))
        return FALSE;
    if (waits && !entro_check_range((double)chosen.stall, 1, 86400, "--stall-timeout", error))
        return FALSE;
    entro_reader_limit_child(waits ? (guint)chosen.stall : 0,
                             has_memory ? (guint)chosen.max_mem : 0);
    return TRUE;
}

gboolean
entro_source_options(EntroSourceOptions *ret_options, GError **error)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    EntroLimits *limits = &options.limits;

    options.layout = chosen.layout;
    options.axes = chosen.axes;
    if (!set_element(&options, error) || !limit_child(error) ||
        !set_limit(chosen.max_seq, 1, "--max-seq", &limits->max_seq, error) ||
        !set_limit(chosen.max_layers, 1, "--max-layers", &limits->max_layers, error) ||
        !set_limit(chosen.max_heads, 1, "--max-heads", &limits->max_heads, error) ||
        !set_limit(chosen.max_samples, 1, "--max-samples", &limits->max_samples, error) ||
        !set_limit(chosen.max_steps, 1, "--max-steps", &limits->max_captures, error) ||
        !set_limit(chosen.max_chunk, 1u << 20, "--max-chunk", &limits->max_chunk, error))
        return FALSE;
    *ret_options = options;
    return TRUE;
}
