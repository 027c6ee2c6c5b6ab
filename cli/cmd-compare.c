/* cmd-compare.c: runs, or groups of runs, side by side, with what can be said of their differences. */
#include "compare.h"

static struct {
    char *db, *by, *baseline, *step, *test, *alpha, *band_max;
    char **groups, **where, **ignore;
    gboolean allow_differences, all_heads;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"group", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.groups,
     "The runs named so (*, ?) are one group; give it again for the others", "PATTERN"},
    {"by", 0, 0, G_OPTION_ARG_STRING, &chosen.by,
     "Groups by the value of a key of the configuration, e.g. arch", "KEY"},
    {"where", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.where,
     "Only runs with this value; may be repeated", "KEY=VALUE"},
    {"baseline", 0, 0, G_OPTION_ARG_FILENAME, &chosen.baseline,
     "The group that the others stand against (default: the first)", "LABEL"},
    {"ignore", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.ignore,
     "A key that may differ within a group; may be repeated", "KEY"},
    {"allow-differences", 0, 0, G_OPTION_ARG_NONE, &chosen.allow_differences,
     "Compare groups in which more than the seed differs", NULL},
    {"step", 0, 0, G_OPTION_ARG_STRING, &chosen.step,
     "Training step to compare at (default: the last that all have)", "N"},
    {"test", 0, 0, G_OPTION_ARG_STRING, &chosen.test, "rank-sum (default) or welch", "TEST"},
    {"alpha", 0, 0, G_OPTION_ARG_STRING, &chosen.alpha, "Significant is q <= A (default 0.05)",
     "A"},
    {"band-max", 0, 0, G_OPTION_ARG_STRING, &chosen.band_max,
     "Scale of the bands: pooled (default), own, ceiling, lnT", "M"},
    {"all-heads", 0, 0, G_OPTION_ARG_NONE, &chosen.all_heads, "Print every head", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print as JSON, all heads", NULL},
    {NULL}};

static gboolean
parse_step(gint64 *ret_step, GError **error)
{
    g_autoptr(GError) local_error = NULL;

    if (chosen.step == NULL || g_str_equal(chosen.step, "last") ||
        g_ascii_string_to_signed(chosen.step, 10, G_MININT64, G_MAXINT64 - 1, ret_step,
                                 &local_error))
        return TRUE;
    return entro_usage_error(error, "--step: \"%s\" is not a whole number or last", chosen.step);
}

static gboolean
parse_test(EntroTestKind *ret_test, GError **error)
{
    if (chosen.test == NULL || g_str_equal(chosen.test, "rank-sum"))
        return TRUE;
    *ret_test = ENTRO_TEST_WELCH;
    return g_str_equal(chosen.test, "welch") ||
           entro_usage_error(error, "--test: \"%s\" is not rank-sum or welch", chosen.test);
}

static gboolean
parse_alpha(double *ret_alpha, GError **error)
{
    double alpha;

    if (chosen.alpha == NULL)
        return TRUE;
    if (!entro_parse_real(chosen.alpha, "--alpha", &alpha, error) ||
        !entro_check_range(alpha, 1e-6, 0.5, "--alpha", error))
        return FALSE;
    *ret_alpha = alpha;
    return TRUE;
}

static gboolean
parse_options(EntroCompareOptions *options, GError **error)
{
    if (!parse_step(&options->step, error) || !parse_test(&options->test, error) ||
        !parse_alpha(&options->alpha, error))
        return FALSE;
    return chosen.band_max == NULL || entro_band_max_parse(chosen.band_max, &options->band_max) ||
           entro_usage_error(error, "--band-max: \"%s\" is not pooled, own, ceiling or lnT",
                             chosen.band_max);
}

/* One way to make groups at a time. */
static gboolean
check_request(const CompareRequest *request, GError **error)
{
    guint n_names = g_strv_length(request->names);

    if (request->groups != NULL && request->by != NULL)
        return entro_usage_error(error, "takes --group or --by, not both");
    if (request->groups != NULL && n_names > 0)
        return entro_usage_error(error, "takes RUNs or --group, not both");
    if (request->groups == NULL && request->by == NULL && n_names < 2)
        return entro_usage_error(error, "needs two RUNs, --group PATTERN twice, or --by KEY");
    return entro_require(chosen.db, "--db DB", error);
}

static gboolean
fail_step(const EntroCompareRun *run, gint64 step, GError **error)
{
    return entro_usage_error(error,
                             "--step: run \"%s\" has no capture at step %" G_GINT64_FORMAT
                             "; its %" G_GSIZE_FORMAT " captures are from %" G_GINT64_FORMAT
                             " to %" G_GINT64_FORMAT,
                             run->name, step, run->history->n_steps, run->history->step[0],
                             run->history->step[run->history->n_steps - 1]);
}

static gboolean
tell(const CompareRequest *request, const CompareSelection *selection,
     const EntroCompareOptions *options, GError **error)
{
    const EntroCompareRun *missing = NULL;
    g_autoptr(EntroComparison) comparison =
        entro_compare((const EntroRunGroup *const *)selection->groups->pdata,
                      selection->groups->len, options, &missing);
    CompareReport report = {request, selection, options, comparison, chosen.all_heads};

    if (comparison == NULL)
        return fail_step(missing, options->step, error);
    (entro_common.json ? compare_json : compare_print)(&report);
    return TRUE;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_compare;
    EntroCompareOptions options = ENTRO_COMPARE_OPTIONS_DEFAULT;
    g_auto(CompareSelection) selection = {0};

    (void)ret_exit;
    if (!entro_options_parse(&entro_command_compare, entries, NULL, &argc, &argv, error) ||
        !parse_options(&options, error))
        return FALSE;
    CompareRequest request = {
        argv + 1,      chosen.groups,           chosen.by, chosen.baseline, chosen.where,
        chosen.ignore, chosen.allow_differences};
    if (!check_request(&request, error))
        return FALSE;
    options.head_intervals = entro_common.json || chosen.all_heads;
    entro_signals_watch(ENTRO_PATIENCE);
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);
    if (store == NULL || !entro_store_hold(store, error) ||
        !compare_select(store, &request, &selection, error))
        return FALSE;
    return tell(&request, &selection, &options, error);
}

const EntroCommand entro_command_compare = {
    .name = "compare",
    .arguments = "RUN RUN... | --group PATTERN... | --by KEY  --db DB",
    .about = "Compares runs, or groups of runs, with statistics",
    .details =
        "RUN is a name (its latest attempt) or #ID.  With --by, RUNs choose among which runs\n"
        "groups are made.  Within a group nothing but the seed may differ.",
    .run = run};
