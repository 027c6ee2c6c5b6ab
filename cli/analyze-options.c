/* analyze-options.c: what `analyze` and `watch` are asked for in the same words. */
#include "command.h"

static struct {
    char *db, *run, *tolerance;
    char **with, **without;
    gint threads, memory;
    gboolean replace;
} chosen = {.threads = ENTRO_NOT_GIVEN, .memory = ENTRO_NOT_GIVEN};

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database, made if missing", "DB"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME, &chosen.run, "Name of the run (default: the trace's own)",
     "NAME"},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &chosen.replace,
     "Read the whole trace anew, in the place of what a run of that name has", NULL},
    {"threads", 'j', 0, G_OPTION_ARG_INT, &chosen.threads,
     "Workers (default: one a processor; of watch: 1)", "N"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &chosen.memory,
     "MiB for attention on its way (default 256); fewer workers if needed", "MIB"},
    {"tolerance", 0, 0, G_OPTION_ARG_STRING, &chosen.tolerance,
     "How far a row's sum may be off 1 (default 1e-4; 1e-2 for f16 and bf16)", "X"},
    {"with", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.with,
     "More statistics: logits, pairs (may be repeated; see below)", "STAT"},
    {"without", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.without,
     "Fewer: quantiles, diversity (may be repeated)", "STAT"},
    {NULL}};

static gboolean
set_whole(gint given, gint most, const char *option, gsize *value, GError **error)
{
    if (given == ENTRO_NOT_GIVEN)
        return TRUE;
    *value = (gsize)given;
    return entro_check_range(given, 1, most, option, error);
}

static gboolean
find_statistic(const char *name, const char *option, guint *ret_bit, GError **error)
{
    guint n;
    const EntroWithRow *rows = entro_with_rows(&n);
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        *ret_bit = rows[i].bit;
        if (g_str_equal(name, rows[i].name))
            return TRUE;
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", rows[i].name);
    }
    return entro_usage_error(error, "%s: there is no statistic \"%s\"; there are %s", option, name,
                             names->str);
}

/* --with first, --without last: what is named in both is left out. */
static gboolean
choose_statistics(guint *with, GError **error)
{
    guint bit;

    for (char **name = chosen.with; name != NULL && *name != NULL; name++) {
        if (!find_statistic(*name, "--with", &bit, error))
            return FALSE;
        *with |= bit;
    }
    for (char **name = chosen.without; name != NULL && *name != NULL; name++) {
        if (!find_statistic(*name, "--without", &bit, error))
            return FALSE;
        *with &= ~bit;
    }
    return TRUE;
}

static gboolean
make_options(EntroAnalyzeOptions *ret_options, GError **error)
{
    gsize threads = 0, memory = ENTRO_RUN_OPTIONS_DEFAULT.memory >> 20;
    EntroAnalyzeOptions options = {.db_path = chosen.db,
                                   .run_name = chosen.run,
                                   .replace = chosen.replace,
                                   .run = ENTRO_RUN_OPTIONS_DEFAULT};

    if (!entro_source_options(&options.source, error) ||
        !entro_parse_real(chosen.tolerance, "--tolerance", &options.run.tolerance, error))
        return FALSE;
    if (options.run.tolerance < 0)
        return entro_usage_error(error, "--tolerance must not be negative");
    if (!set_whole(chosen.threads, 1024, "--threads", &threads, error) ||
        !set_whole(chosen.memory, 1 << 20, "--memory", &memory, error) ||
        !entro_check_run_name(chosen.run, error))
        return FALSE;
    if (!choose_statistics(&options.run.with, error))
        return FALSE;
    options.run.n_threads = (guint)threads;
    options.run.memory = memory << 20;
    *ret_options = options;
    return TRUE;
}

gboolean
entro_analyze_options(const EntroCommand *command, const GOptionEntry *own, int *argc, char ***argv,
                      EntroAnalyzeOptions *ret_options, GError **error)
{
    g_autoptr(GArray) all = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));

    g_array_append_vals(all, entries, G_N_ELEMENTS(entries) - 1);
    for (; own->long_name != NULL; own++)
        g_array_append_val(all, *own);
    return entro_options_parse(command, (const GOptionEntry *)all->data, entro_source_entries, argc,
                               argv, error) &&
           make_options(ret_options, error) && entro_require(chosen.db, "--db DB", error);
}

gboolean
entro_analyze_options_statistics(void)
{
    return chosen.with != NULL || chosen.without != NULL || chosen.tolerance != NULL;
}
