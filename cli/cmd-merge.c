/* cmd-merge.c: runs of other databases into this one. */
#include "command.h"

static struct {
    char *db, *suffix;
    gboolean replace, dry_run;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database, made if missing", "DB"},
    {"rename", 0, 0, G_OPTION_ARG_FILENAME, &chosen.suffix,
     "Append this to the name of a run whose name another trace has", "SUFFIX"},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &chosen.replace,
     "Take captures that differ from the source", NULL},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &chosen.dry_run,
     "Say what would be done, change nothing", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print what was done as JSON", NULL},
    {NULL}};

/* What became of one run. */
typedef struct {
    char *source, *run;
    guint attempt;
    EntroMergeResult result;
} Report;

static void
report_free(gpointer data)
{
    Report *report = data;

    g_free(report->source);
    g_free(report->run);
    entro_merge_result_clear(&report->result);
    g_free(report);
}

/* ---- output ----------------------------------------------------------------------------------- */

static const char *
outcome_name(EntroMergeOutcome outcome)
{
    static const char *const names[] = {[ENTRO_MERGE_ADDED] = "added",
                                        [ENTRO_MERGE_EXTENDED] = "extended",
                                        [ENTRO_MERGE_UNCHANGED] = "unchanged",
                                        [ENTRO_MERGE_REFUSED] = "refused"};

    return names[outcome];
}

static void
print_report(const Report *report)
{
    const EntroMergeResult *result = &report->result;
    g_autofree char *source = entro_printable(report->source, -1);
    g_autofree char *run = entro_printable(report->run, -1);

    if (result->outcome == ENTRO_MERGE_REFUSED)
        return; /* told on stderr */
    printf("%s: run %s", source, run);
    if (!g_str_equal(result->name, report->run)) {
        g_autofree char *name = entro_printable(result->name, -1);
        printf(" as %s", name);
    }
    if (report->attempt > 1)
        printf(", attempt %u", report->attempt);
    printf(" (#%" G_GINT64_FORMAT "): %s%s", result->run_id,
           chosen.dry_run && result->outcome != ENTRO_MERGE_UNCHANGED ? "would be " : "",
           outcome_name(result->outcome));
    printf(", %" G_GSIZE_FORMAT " new captures", result->n_added);
    if (result->n_replaced > 0)
        printf(", %" G_GSIZE_FORMAT " replaced", result->n_replaced);
    if (result->n_known > 0)
        printf(" (%" G_GSIZE_FORMAT " were there)", result->n_known);
    putchar('\n');
}

static void
print_reports(const GPtrArray *reports)
{
    for (guint i = 0; i < reports->len; i++)
        print_report(reports->pdata[i]);
}

static void
print_json(const GPtrArray *reports)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_boolean(builder, "dry_run", chosen.dry_run);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < reports->len; i++) {
        const Report *report = reports->pdata[i];
        gboolean refused = report->result.outcome == ENTRO_MERGE_REFUSED;

        json_builder_begin_object(builder);
        entro_json_string(builder, "source", report->source);
        entro_json_string(builder, "run", report->run);
        entro_json_integer(builder, "attempt", report->attempt);
        entro_json_string(builder, "outcome", outcome_name(report->result.outcome));
        json_builder_set_member_name(builder, "id");
        if (refused)
            json_builder_add_null_value(builder);
        else
            json_builder_add_int_value(builder, report->result.run_id);
        entro_json_string(builder, "name", report->result.name);
        entro_json_integer(builder, "captures_added", (gint64)report->result.n_added);
        entro_json_integer(builder, "captures_replaced", (gint64)report->result.n_replaced);
        entro_json_integer(builder, "captures_known", (gint64)report->result.n_known);
        entro_json_string(builder, "reason", refused ? report->result.reason : NULL);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* ---- merging ---------------------------------------------------------------------------------- */

static gboolean
merge_run(EntroStore *target, EntroStore *source, const char *path, const EntroRunInfo *info,
          GPtrArray *reports, GError **error)
{
    const EntroMergeOptions options = {chosen.replace, chosen.suffix, chosen.dry_run};
    Report *report = g_new0(Report, 1);

    report->source = g_strdup(path);
    report->run = g_strdup(info->name);
    report->attempt = info->attempt;
    if (!entro_store_merge_run(target, source, info->id, &options, &report->result, error)) {
        report_free(report);
        return FALSE;
    }
    g_ptr_array_add(reports, report);
    if (report->result.outcome == ENTRO_MERGE_REFUSED) {
        g_autofree char *name = entro_printable(info->name, -1);
        g_autofree char *message =
            g_strdup_printf("%s: run %s: %s", path, name, report->result.reason);
        entro_complain("merge", message);
    }
    return TRUE;
}

static gboolean
interrupted(const char *path, GError **error)
{
    if (entro_signals_seen() == 0)
        return FALSE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                "%s: stopped by a signal; the runs so far are taken, the same command goes on from "
                "there",
                path);
    return TRUE;
}

static gboolean
check_not_target(char **paths, int n, GError **error)
{
    for (int i = 0; i < n; i++)
        if (entro_same_file(paths[i], chosen.db))
            return entro_usage_error(error, "%s: is the database itself", paths[i]);
    return TRUE;
}

/* Not here yet, or here: the target is made only when there is something to put into it. */
static gboolean
open_target(EntroStore **target, GError **error)
{
    if (*target == NULL)
        *target = chosen.dry_run ? entro_store_open_shadow(chosen.db, error)
                                 : entro_store_open(chosen.db, ENTRO_STORE_WRITE, error);
    return *target != NULL;
}

static GPtrArray *
list_source(EntroStore *source, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GPtrArray *runs = entro_store_list_runs(source, &failure);

    if (runs == NULL)
        g_set_error_literal(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_SOURCE, failure->message);
    return runs;
}

static gboolean
merge_source(const char *path, EntroStore **target, GPtrArray *reports, GError **error)
{
    g_autoptr(EntroStore) source = entro_store_open_source(path, error);
    g_autoptr(GPtrArray) runs = source != NULL ? list_source(source, error) : NULL;
    if (runs == NULL || !open_target(target, error))
        return FALSE;
    for (guint i = 0; i < runs->len; i++) {
        const EntroRunInfo *info = runs->pdata[i];

        entro_progress("%s: %u of %u runs: %s", path, i + 1, runs->len, info->name);
        if (interrupted(path, error) || !merge_run(*target, source, path, info, reports, error))
            return FALSE;
    }
    return TRUE;
}

/* One bad source never stops the others; its error is printed here, unless it is the only one. */
static gboolean
merge_all(char **paths, int n, GPtrArray *reports, int *ret_exit, GError **error)
{
    g_autoptr(EntroStore) target = NULL;
    int n_failed = 0, first_code = 0;

    for (int i = 0; i < n; i++) {
        g_autoptr(GError) failure = NULL;
        gboolean good = merge_source(paths[i], &target, reports, &failure);
        if (target != NULL)
            entro_say_store_notes(target);
        if (good)
            continue;
        int code = entro_exit_code(failure);
        first_code = n_failed++ > 0 ? first_code : code;
        if (n == 1 || code == ENTRO_EXIT_OUTPUT || entro_signals_seen() != 0) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        entro_complain("merge", failure->message);
    }
    if (n_failed > 0)
        *ret_exit = n_failed < n ? ENTRO_EXIT_PARTIAL : first_code;
    return TRUE;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_merge;
    g_autoptr(GPtrArray) reports = g_ptr_array_new_with_free_func(report_free);

    if (!entro_options_parse(&entro_command_merge, entries, NULL, &argc, &argv, error) ||
        !entro_require(chosen.db, "--db DB", error))
        return FALSE;
    if (argc < 2)
        return entro_usage_error(error, "needs at least one SOURCE.db; see --help");
    if (chosen.suffix != NULL && *chosen.suffix == '\0')
        return entro_usage_error(error, "--rename must not be empty");
    if (!check_not_target(argv + 1, argc - 1, error))
        return FALSE;
    entro_signals_watch(ENTRO_PATIENCE);
    gboolean good = merge_all(argv + 1, argc - 1, reports, ret_exit, error);
    entro_progress_end();
    (entro_common.json ? print_json : print_reports)(reports);
    for (guint i = 0; i < reports->len && *ret_exit == ENTRO_EXIT_DONE; i++)
        if (((const Report *)reports->pdata[i])->result.outcome == ENTRO_MERGE_REFUSED)
            *ret_exit = ENTRO_EXIT_PARTIAL;
    return good;
}

const EntroCommand entro_command_merge = {
    .name = "merge",
    .arguments = "SOURCE.db... --db DB",
    .about = "Takes runs of other databases, from other machines, into one",
    .details = "The same trace and attempt is the same run, whatever it is called: captures that "
               "are missing\n"
               "are added, equal ones passed over. A run is refused as a whole, with exit code 3, "
               "when one\n"
               "of its captures has other values than the one here (--replace takes the source's), "
               "or when\n"
               "another trace here has its name (--rename -lab2 takes it as NAME-lab2). The "
               "sources are only\n"
               "read. Repeating a merge changes nothing; one that was interrupted goes on where it "
               "stopped.",
    .run = run};
