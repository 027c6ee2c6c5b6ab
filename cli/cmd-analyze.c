/* cmd-analyze.c: traces into the results database. */
#include "command.h"

static gboolean verify;

static const GOptionEntry entries[] = {
    {"verify", 0, 0, G_OPTION_ARG_NONE, &verify,
     "Read all stored captures again and compare them (default: the last)", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print the summary as JSON", NULL},
    {NULL}};

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
    entro_summaries_json(summaries, builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* What was stored before keeps the statistics that it has. */
static void
say_what_had_no_effect(const EntroAnalyzeSummary *summary, gboolean replaced)
{
    if (entro_analyze_options_statistics() && summary->n_known > 0 && !replaced)
        entro_say(
            "%s: note: --with, --without and --tolerance are for new captures; %" G_GSIZE_FORMAT
            " were stored before and stay as they are (--replace computes them again)",
            summary->file, summary->n_known);
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

    if (!entro_analyze_options(&entro_command_analyze, entries, &argc, &argv, &options, error))
        return FALSE;
    options.verify = verify;
    if (argc < 2)
        return entro_usage_error(error, "needs at least one trace FILE; see --help");
    if (options.run_name != NULL && argc > 2)
        return entro_usage_error(error, "--run names one run, but there are %d files", argc - 1);
    if (verify && options.replace)
        return entro_usage_error(error, "--replace leaves nothing that --verify could compare");
    entro_signals_watch(ENTRO_PATIENCE);
    gboolean good = analyze_all(argv + 1, argc - 1, &options, summaries, ret_exit, error);
    entro_progress_end();
    print_summaries(summaries);
    for (guint i = 0; i < summaries->len; i++)
        say_what_had_no_effect(summaries->pdata[i], options.replace);
    entro_summaries_say(summaries, "analyze");
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
