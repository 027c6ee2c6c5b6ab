/* cmd-analyze.c: traces into the results database. */
#include "command.h"

static struct {
    char *db, *run, *tolerance;
    char **with, **without;
    gint threads, memory;
    gboolean replace, verify;
} chosen = {.threads = ENTRO_NOT_GIVEN, .memory = ENTRO_NOT_GIVEN};

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database, made if missing", "DB"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME, &chosen.run, "Name of the run (default: the trace's own)",
     "NAME"},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &chosen.replace,
     "Read the whole trace anew, in the place of what a run of that name has", NULL},
    {"verify", 0, 0, G_OPTION_ARG_NONE, &chosen.verify,
     "Read all stored captures again and compare them (default: the last)", NULL},
    {"threads", 'j', 0, G_OPTION_ARG_INT, &chosen.threads, "Workers (default: one a processor)",
     "N"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &chosen.memory,
     "MiB for attention on its way (default 256); fewer workers if needed", "MIB"},
    {"tolerance", 0, 0, G_OPTION_ARG_STRING, &chosen.tolerance,
     "How far a row's sum may be off 1 (default 1e-4; 1e-2 for f16 and bf16)", "X"},
    {"with", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.with,
     "More statistics: logits, pairs (may be repeated; see below)", "STAT"},
    {"without", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.without,
     "Fewer: quantiles, diversity (may be repeated)", "STAT"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print the summary as JSON", NULL},
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
                                   .verify = chosen.verify,
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

static void
print_summaries(const GPtrArray *summaries)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    if (!entro_common.json) {
        for (guint i = 0; i < summaries->len; i++)
            entro_summary_print(summaries->pdata[i]);
        return;
    }
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < summaries->len; i++)
        entro_summary_json(summaries->pdata[i], builder);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* So many of one run's problems are told on stderr; --json has all. */
#define TOLD_PROBLEMS 20

static void
complain_about(const EntroAnalyzeSummary *summary)
{
    guint n = summary->problems->len;
    guint n_told = n > TOLD_PROBLEMS + 1 ? TOLD_PROBLEMS : n;

    for (guint i = 0; i < n_told; i++) {
        g_autofree char *message =
            g_strdup_printf("%s: %s", summary->file, (char *)summary->problems->pdata[i]);
        entro_complain("analyze", message);
    }
    if (n_told < n) {
        g_autofree char *message =
            g_strdup_printf("%s: and %u problems more", summary->file, n - n_told);
        entro_complain("analyze", message);
    }
}

/* What was stored before keeps the statistics that it has. */
static void
say_what_had_no_effect(const EntroAnalyzeSummary *summary)
{
    gboolean asked = chosen.with != NULL || chosen.without != NULL || chosen.tolerance != NULL;

    if (asked && summary->n_known > 0 && !chosen.replace)
        entro_say(
            "%s: note: --with, --without and --tolerance are for new captures; %" G_GSIZE_FORMAT
            " were stored before and stay as they are (--replace computes them again)",
            summary->file, summary->n_known);
}

static void
say_about(const GPtrArray *summaries)
{
    for (guint i = 0; i < summaries->len; i++) {
        const EntroAnalyzeSummary *summary = summaries->pdata[i];
        say_what_had_no_effect(summary);
        for (guint j = 0; j < summary->notes->len; j++)
            entro_say("%s: note: %s", summary->file, (char *)summary->notes->pdata[j]);
        complain_about(summary);
    }
}

/* One bad file never stops the others; its error is printed here, unless it is the only file. */
static gboolean
analyze_all(char **files, int n, const EntroAnalyzeOptions *options, GPtrArray *summaries,
            int *ret_exit, GError **error)
{
    g_autoptr(EntroStore) store = NULL;
    int n_failed = 0, first_code = 0;

    for (int i = 0; i < n; i++) {
        g_autoptr(GError) failure = NULL;
        if (entro_signals_seen() != 0) {
            g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                        "stopped by a signal before %s; the same command goes on from there",
                        files[i]);
            return FALSE;
        }
        gboolean good = entro_analyze_file(files[i], &store, options, summaries, &failure);
        if (store != NULL)
            entro_say_store_notes(store);
        if (good)
            continue;
        int code = entro_exit_code(failure);
        first_code = n_failed++ ? first_code : code;
        /* a broken database is broken for the rest too */
        if (n == 1 || code == ENTRO_EXIT_OUTPUT || entro_signals_seen() != 0) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        entro_complain("analyze", failure->message);
    }
    if (n_failed > 0)
        *ret_exit = n_failed < n ? ENTRO_EXIT_PARTIAL : first_code;
    return TRUE;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_analyze;
    EntroAnalyzeOptions options;
    g_autoptr(GPtrArray) summaries =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_summary_free);

    if (!entro_options_parse(&entro_command_analyze, entries, entro_source_entries, &argc, &argv,
                             error) ||
        !make_options(&options, error) || !entro_require(chosen.db, "--db DB", error))
        return FALSE;
    if (argc < 2)
        return entro_usage_error(error, "needs at least one trace FILE; see --help");
    if (chosen.run != NULL && argc > 2)
        return entro_usage_error(error, "--run names one run, but there are %d files", argc - 1);
    if (chosen.verify && chosen.replace)
        return entro_usage_error(error, "--replace leaves nothing that --verify could compare");
    entro_signals_watch(ENTRO_PATIENCE);
    gboolean good = analyze_all(argv + 1, argc - 1, &options, summaries, ret_exit, error);
    entro_progress_end();
    print_summaries(summaries);
    say_about(summaries);
    for (guint i = 0; i < summaries->len && *ret_exit == ENTRO_EXIT_DONE; i++)
        if (((EntroAnalyzeSummary *)summaries->pdata[i])->problems->len > 0)
            *ret_exit = ENTRO_EXIT_PARTIAL;
    return good;
}

const EntroCommand entro_command_analyze = {
    .name = "analyze",
    .arguments = "FILE... --db DB",
    .about = "Computes the statistics of traces and stores them in a database",
    .details =
        "What is stored already is not computed again: on a trace that has grown only the new\n"
        "captures are added, and an interrupted call goes on where it stopped.\n\n"
        "A capture is known by its trace (trace_uuid, or shape and first capture), attempt and\n"
        "step. The last one that is stored is read again (--verify: all of them), and one that "
        "has\n"
        "other values than before is refused, with exit code 2, before anything is stored.\n"
        "--replace does not mend single captures: the whole run, with every attempt, is emptied "
        "and\n"
        "computed anew from this file.\n\n"
        "Statistics (--with, --without; of stored captures they change only with --replace):\n"
        "  quantiles  5 %, 50 % and 95 % quantiles of row entropy             (on)\n"
        "  diversity  divergence of the heads of a layer                      (on)\n"
        "  logits     logits, also of traces without temperature              (off)\n"
        "  pairs      divergence of every two heads, and each head's nearest  (off)\n",
    .run = run};
