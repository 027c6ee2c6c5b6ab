/* cmd-report.c: what is wrong with a run, or that nothing is; it only reads. */
#include "report-html.h"

#include <stdio.h>
#include <string.h>

static struct {
    char *db, *theta, *gamma, *step, *html;
    char **fail_on, **rules;
    gboolean all, penalty;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"fail-on", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.fail_on,
     "Exit 1 if something of these kinds, above info, was found: collapse, overload, nan, dead, "
     "redundant, runaway, spike, any",
     "KINDS"},
    {"rule", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.rules,
     "Judge now by another value, without storing", "NAME.PARAMETER=VALUE"},
    {"all", 0, 0, G_OPTION_ARG_NONE, &chosen.all, "Every finding by itself, none put together",
     NULL},
    {"penalty", 0, 0, G_OPTION_ARG_NONE, &chosen.penalty,
     "What the paper's entropy regularizer would penalise", NULL},
    {"theta", 0, 0, G_OPTION_ARG_STRING, &chosen.theta,
     "Its threshold, a fraction of ln T, or the learned ones (default 0.5)", "X|learned"},
    {"gamma", 0, 0, G_OPTION_ARG_STRING, &chosen.gamma,
     "Its tolerance, a fraction of ln T (default 0.2)", "X"},
    {"step", 0, 0, G_OPTION_ARG_STRING, &chosen.step, "Its step (default: last)", "N|last"},
    {"html", 0, 0, G_OPTION_ARG_FILENAME, &chosen.html,
     "Write one HTML file with figures, and print nothing", "FILE"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print as JSON", NULL},
    {NULL}};

typedef struct {
    EntroFailOn fail_on;
    gboolean own_rules; /* some are not as stored */
    EntroPenaltyOptions penalty;
} Options;

/* ---- options --------------------------------------------------------------------------------------- */

/* NAME.PARAMETER=VALUE over what is stored. */
static gboolean
set_rule(EntroRules *rules, const char *text, GError **error)
{
    const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
    double value;

    if (dot == NULL || equals == NULL || equals < dot)
        return entro_usage_error(error, "--rule: \"%s\" is not NAME.PARAMETER=VALUE", text);
    g_autofree char *name = g_strndup(text, (gsize)(dot - text));
    g_autofree char *parameter = g_strndup(dot + 1, (gsize)(equals - dot - 1));
    if (!entro_parse_real(equals + 1, "--rule", &value, error))
        return FALSE;
    if (entro_rules_set(rules, name, parameter, value, error))
        return TRUE;
    g_prefix_error(error, "--rule: ");
    return FALSE;
}

static gboolean
set_rules(EntroRules *rules, GError **error)
{
    for (char **text = chosen.rules; text != NULL && *text != NULL; text++)
        if (!set_rule(rules, *text, error))
            return FALSE;
    return TRUE;
}

static gboolean
parse_fraction(const char *text, const char *option, double otherwise, double *ret_value,
               GError **error)
{
    *ret_value = otherwise;
    return text == NULL || (entro_parse_real(text, option, ret_value, error) &&
                            entro_check_range(*ret_value, 0, 1, option, error));
}

static gboolean
parse_step(const char *text, gint64 *ret_step, GError **error)
{
    *ret_step = ENTRO_STEP_LAST;
    return text == NULL || g_str_equal(text, "last") ||
           g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64 - 1, ret_step, NULL) ||
           entro_usage_error(error, "--step: \"%s\" is not a whole number or last", text);
}

static gboolean
parse_penalty(EntroPenaltyOptions *options, GError **error)
{
    options->wanted = chosen.penalty;
    options->learned = g_strcmp0(chosen.theta, "learned") == 0;
    if (!chosen.penalty && (chosen.theta != NULL || chosen.gamma != NULL || chosen.step != NULL))
        return entro_usage_error(error, "--theta, --gamma and --step belong to --penalty");
    return parse_fraction(options->learned ? NULL : chosen.theta, "--theta", ENTRO_PENALTY_THETA,
                          &options->theta, error) &&
           parse_fraction(chosen.gamma, "--gamma", ENTRO_PENALTY_GAMMA, &options->gamma, error) &&
           parse_step(chosen.step, &options->step, error);
}

static gboolean
parse_options(Options *options, GError **error)
{
    g_autoptr(EntroRules) defaults = entro_rules_new();

    options->own_rules = chosen.rules != NULL;
    return entro_fail_on_parse(&options->fail_on, chosen.fail_on, error) &&
           set_rules(defaults, error) && parse_penalty(&options->penalty, error);
}

/* ---- one run --------------------------------------------------------------------------------------- */

static double
level_of(const EntroRules *rules, const char *rule)
{
    guint i = 0, j = 0;

    entro_rule_find(rule, "fraction", &i, &j);
    return rules->setting[i].value[j];
}

static EntroHeadCount
count_heads(const EntroEvidence *evidence, const EntroRules *rules)
{
    const EntroHistory *heads = evidence->heads;
    double over = level_of(rules, "head-overload"), under = level_of(rules, "head-collapse");
    EntroHeadCount count = {0};

    for (gsize i = heads->n_steps; i-- > 0 && count.n == 0;) {
        count = (EntroHeadCount){.step = heads->step[i]};
        for (gsize j = i * heads->n_heads; j < (i + 1) * heads->n_heads; j++) {
            double entropy = heads->value[ENTRO_EVIDENCE_ENTROPY][j];
            double ceiling = heads->value[ENTRO_EVIDENCE_CEILING][j];

            gboolean judged = !isnan(entropy) && ceiling > 0; /* 0: rows of a single key */

            count.n += judged;
            count.n_without += !judged;
            count.n_overloaded += judged && entropy >= over * ceiling;
            count.n_collapsed += judged && entropy < under * ceiling;
        }
    }
    return count;
}

/* Where nothing could be judged, nothing can be said; a gate must not take that for health. */
static void
decide_exit(const Options *options, const EntroRunReport *report, int *ret_exit)
{
    if (!options->fail_on.gate)
        return;
    if (report->count.n == 0 && entro_report_is_healthy(report)) {
        g_autofree char *message =
            g_strdup_printf("run %s has no capture that can be judged: nothing can be said of it",
                            report->one->run->name);
        entro_complain("report", message);
        *ret_exit = ENTRO_EXIT_INPUT;
    } else if (entro_fail_on_trips(&options->fail_on, report->findings) &&
               *ret_exit == ENTRO_EXIT_DONE) {
        *ret_exit = ENTRO_EXIT_FINDINGS;
    }
}

/* A report with all that it borrows. */
typedef struct {
    EntroRunReport report;
    EntroCase *one;
    GPtrArray *now;
    EntroPenaltyReport penalty;
} Work;

static void
work_free(gpointer data)
{
    Work *work = data;

    entro_penalty_clear(&work->penalty);
    g_clear_pointer(&work->now, g_ptr_array_unref);
    g_clear_pointer(&work->one, entro_case_free);
    g_free(work);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Work, work_free)

static Work *
report_run(EntroStore *store, const char *ref, const Options *options, int *ret_exit,
           GError **error)
{
    g_autoptr(Work) work = g_new0(Work, 1);
    EntroCase *one = work->one = entro_store_load_case(store, ref, error);

    if (one == NULL || !set_rules(one->rules, error) ||
        (options->penalty.wanted &&
         !entro_penalty_report(one, &options->penalty, &work->penalty, error)))
        return NULL;
    gboolean stored = one->findings != NULL && !options->own_rules;
    work->now = entro_judge(one->evidence, one->rules);
    work->report =
        (EntroRunReport){.one = one,
                         .rules = one->rules,
                         .findings = stored ? one->findings : work->now,
                         .stored = stored,
                         .outdated = stored && !entro_findings_equal(one->findings, work->now),
                         .all = chosen.all,
                         .count = count_heads(one->evidence, one->rules),
                         .penalty = options->penalty.wanted ? &work->penalty : NULL};
    decide_exit(options, &work->report, ret_exit);
    return g_steal_pointer(&work);
}

/* ---- all ------------------------------------------------------------------------------------------- */

static gboolean
report_text(EntroStore *store, char **refs, const Options *options, int *ret_exit, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (char **ref = refs; *ref != NULL; ref++) {
        g_autoptr(Work) work = report_run(store, *ref, options, ret_exit, error);
        if (work == NULL)
            return FALSE;
        g_string_append(text, ref != refs ? "\n" : "");
        entro_report_text(&work->report, text);
    }
    fputs(text->str, stdout);
    return TRUE;
}

static gboolean
report_json(EntroStore *store, char **refs, const Options *options, int *ret_exit, GError **error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(EntroRules) rules = entro_store_load_rules(store, error);

    if (rules == NULL || !set_rules(rules, error))
        return FALSE;
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (char **ref = refs; *ref != NULL; ref++) {
        g_autoptr(Work) work = report_run(store, *ref, options, ret_exit, error);
        if (work == NULL)
            return FALSE;
        entro_report_json(&work->report, builder);
    }
    json_builder_end_array(builder);
    json_builder_set_member_name(builder, "rules");
    entro_rules_json(rules, builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
    return TRUE;
}

/* ---- as a page -------------------------------------------------------------------------------------- */

static gboolean
check_twice(const GPtrArray *works, const Work *work, GError **error)
{
    for (guint i = 0; i < works->len; i++)
        if (((const Work *)works->pdata[i])->one->run->id == work->one->run->id)
            return entro_usage_error(error, "run \"%s\" is given twice", work->one->run->name);
    return TRUE;
}

static gboolean
report_html(EntroStore *store, char **refs, const Options *options, const char *command,
            int *ret_exit, GError **error)
{
    const EntroHtmlOptions page = {chosen.html, chosen.db, command};
    g_autoptr(GPtrArray) works = g_ptr_array_new_with_free_func(work_free);
    g_autoptr(GPtrArray) reports = g_ptr_array_new();

    if (entro_same_file(chosen.html, chosen.db))
        return entro_usage_error(error, "%s is the database itself", chosen.html);
    for (char **ref = refs; *ref != NULL; ref++) {
        g_autoptr(Work) work = report_run(store, *ref, options, ret_exit, error);
        if (work == NULL || !check_twice(works, work, error))
            return FALSE;
        g_ptr_array_add(reports, &work->report);
        g_ptr_array_add(works, g_steal_pointer(&work));
    }
    return entro_report_html(store, (const EntroRunReport *const *)reports->pdata, reports->len,
                             &page, error);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_report;
    Options options = {0};
    g_autofree char *command = entro_quote_command(argc, argv, entries, NULL, NULL);

    if (!entro_options_parse(&entro_command_report, entries, NULL, &argc, &argv, error) ||
        !parse_options(&options, error) || !entro_require(chosen.db, "--db DB", error))
        return FALSE;
    if (argc < 2)
        return entro_usage_error(error, "needs at least one RUN, a name or #ID; see --help");
    if (chosen.html != NULL && entro_common.json)
        return entro_usage_error(error, "takes --html or --json, not both");
    entro_signals_watch(ENTRO_PATIENCE);
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);
    if (store == NULL || !entro_store_hold(store, error))
        return FALSE;
    if (chosen.html != NULL)
        return report_html(store, argv + 1, &options, command, ret_exit, error);
    return (entro_common.json ? report_json : report_text)(store, argv + 1, &options, ret_exit,
                                                           error);
}

const EntroCommand entro_command_report = {
    .name = "report",
    .arguments = "RUN... --db DB",
    .about = "Says what was found on runs, most severe first, or that they are healthy",
    .details =
        "RUN is a name (its latest attempt) or #ID.  Findings are what `analyze` stored; of a run\n"
        "that it has not judged, or with --rule, they are computed now and not stored.  --fail-on\n"
        "takes kinds with commas and looks at all findings above info, also those that are over.\n"
        "The rules and their values are in the tables rules and rule_parameters:\n"
        "  entroscope export rule_parameters --db DB\n"
        "--html writes one file that needs no server and no network: findings, curves, a map of\n"
        "the heads at every capture, and of several RUNs a comparison.  Nothing is printed then,\n"
        "and it does not go with --json; --fail-on keeps its exit code.",
    .run = run};
