/* compare-notes.c: what a reader must know to believe the numbers, in sentences: how many runs, what
 * was refused and why, what else differs, what does not meet. */
#include "compare.h"

#include <string.h>

const CompareRecord *
compare_get_record(const CompareReport *report, guint group, guint run)
{
    const EntroRunGroup *of = report->selection->groups->pdata[group];

    for (guint i = 0; i < report->selection->records->len; i++) {
        const CompareRecord *record = report->selection->records->pdata[i];
        if (&record->run == of->runs->pdata[run])
            return record;
    }
    g_assert_not_reached();
}

char *
compare_format_value(const char *value)
{
    char *end = NULL;
    double number = g_ascii_strtod(value, &end);

    if (end == value || *end != '\0')
        return entro_printable(value, -1);
    char *shown = g_strdup_printf("%.15g", number); /* 0.20000000000000001 is 0.2 */
    if (entro_config_same(shown, value))
        return shown;
    g_free(shown);
    return entro_printable(value, -1);
}

#define VALUES_SHOWN 4
#define VALUE_MOST   24 /* characters of each */

char *
compare_list_differences(const GPtrArray *differences, guint kinds)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < differences->len; i++) {
        const EntroConfigDifference *difference = differences->pdata[i];
        if (!(kinds & 1u << difference->kind))
            continue;
        g_autofree char *key = entro_printable(difference->key, -1);
        g_string_append_printf(text, "%s%s (", text->len > 0 ? ", " : "", key);
        for (guint k = 0; k < MIN(difference->values->len, VALUES_SHOWN); k++) {
            g_autofree char *value = compare_format_value(difference->values->pdata[k]);
            g_autofree char *start =
                g_utf8_substring(value, 0, MIN(g_utf8_strlen(value, -1), VALUE_MOST));
            g_string_append_printf(text, "%s%s%s", k ? ", " : "", start,
                                   strlen(start) < strlen(value) ? "..." : "");
        }
        if (difference->values->len > VALUES_SHOWN)
            g_string_append_printf(text, " and %u more", difference->values->len - VALUES_SHOWN);
        g_string_append_c(text, ')');
    }
    return g_string_free(text, FALSE);
}

static void G_GNUC_PRINTF(2, 3) add(GPtrArray *notes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(notes, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static const char *
get_label(const CompareReport *report, guint group)
{
    return ((const EntroRunGroup *)report->selection->groups->pdata[group])->label;
}

guint
compare_count_runs(const CompareReport *report, guint group)
{
    return ((const EntroRunGroup *)report->selection->groups->pdata[group])->runs->len;
}

/* ---- configuration ------------------------------------------------------------------------------------ */

enum {
    VALUES = 1u << ENTRO_DIFFERENCE_VALUE,
    PATHS = 1u << ENTRO_DIFFERENCE_PATH,
    UNRECORDED = 1u << ENTRO_DIFFERENCE_UNRECORDED
};

static void
note_left_out(const CompareReport *report, GPtrArray *notes)
{
    const CompareSelection *selection = report->selection;

    for (guint i = 0; i < selection->left_out->len; i++) {
        const CompareMixed *mixed = selection->left_out->pdata[i];
        g_autofree char *list = compare_list_differences(mixed->differences, VALUES);
        add(notes,
            "Left out: group \"%s\" (N = %u), its runs differ in more than the seed: %s. "
            "--where KEY=VALUE chooses, --allow-differences compares it all the same.",
            mixed->group->label, mixed->group->runs->len, list);
    }
    if (selection->without != NULL && selection->without->len > 0)
        add(notes, "Left out: %u runs have no \"%s\" in their configuration.",
            selection->without->len, report->request->by);
}

static void
note_mixed(const CompareReport *report, GPtrArray *notes)
{
    for (guint i = 0; i < report->selection->mixed->len; i++) {
        const CompareMixed *mixed = report->selection->mixed->pdata[i];
        g_autofree char *values = compare_list_differences(mixed->differences, VALUES);
        g_autofree char *paths = compare_list_differences(mixed->differences, PATHS);
        if (*values != '\0')
            add(notes,
                "Mixed: the runs of group \"%s\" differ in more than the seed: %s. Its spread is "
                "not that of seeds, and a difference has no one cause.",
                mixed->group->label, values);
        if (*paths != '\0')
            add(notes, "The runs of group \"%s\" name different paths, taken to be the same: %s.",
                mixed->group->label, paths);
    }
}

/* What tells the groups apart besides the key that they are made by. */
static void
note_between(const CompareReport *report, GPtrArray *notes)
{
    const GPtrArray *between = report->selection->between;
    g_autoptr(GPtrArray) besides = g_ptr_array_new();
    const char *by = report->request->by;

    for (guint i = 0; i < between->len; i++)
        if (by == NULL || strcmp(((EntroConfigDifference *)between->pdata[i])->key, by) != 0)
            g_ptr_array_add(besides, between->pdata[i]);
    g_autofree char *values = compare_list_differences(besides, VALUES | PATHS);
    g_autofree char *unrecorded = compare_list_differences(besides, UNRECORDED);
    if (*values != '\0')
        add(notes, "%s%s%s differ in: %s.", by != NULL ? "Besides \"" : "The runs",
            by != NULL ? by : "", by != NULL ? "\" the runs compared" : "", values);
    else if (by == NULL)
        add(notes, "No configuration recorded differs between the runs, but for seeds and names.");
    if (*unrecorded != '\0')
        add(notes, "Not recorded for all runs: %s.", unrecorded);
}

/* ---- seeds --------------------------------------------------------------------------------------------- */

static char *
join_seeds(const GPtrArray *seeds)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < seeds->len; i++) {
        g_autofree char *seed = compare_format_value(seeds->pdata[i]);
        g_string_append_printf(text, "%s%s", i ? ", " : "", seed);
    }
    return g_string_free(text, FALSE);
}

static void
note_seeds(const CompareReport *report, GPtrArray *notes)
{
    for (guint g = 0; g < report->comparison->n_groups; g++) {
        const EntroComparedGroup *group = &report->comparison->group[g];
        if (group->repeated->len > 0) {
            g_autofree char *seeds = join_seeds(group->repeated);
            add(notes,
                "In \"%s\" several runs have the same seed (%s): they are no independent repeats, "
                "N is too high.",
                get_label(report, g), seeds);
        }
        if (compare_count_runs(report, g) > 1 && group->pair->len > 0 && group->unpaired->len > 0) {
            g_autofree char *seeds = join_seeds(group->unpaired);
            add(notes, "Seeds of only one of \"%s\" and \"%s\": %s.", get_label(report, 0),
                get_label(report, g), seeds);
        }
    }
}

/* ---- steps, shapes, divergence -------------------------------------------------------------------------- */

/* Adds 'sep"name" (step)'. */
static void
append_run(GString *list, const char *name, gint64 step)
{
    g_string_append_printf(list, "%s\"%s\" (%" G_GINT64_FORMAT ")", list->len > 0 ? ", " : "", name,
                           step);
}

static void
note_ends(const CompareReport *report, GPtrArray *notes)
{
    const EntroComparison *comparison = report->comparison;
    g_autoptr(GString) none = g_string_new(NULL);
    g_autoptr(GString) go_on = g_string_new(NULL);
    g_autoptr(GString) own = g_string_new(NULL);

    for (guint g = 0; g < comparison->n_groups; g++)
        for (guint i = 0; i < compare_count_runs(report, g); i++) {
            const EntroComparedRun *run = &comparison->group[g].run[i];
            const char *name = compare_get_record(report, g, i)->info->name;
            if (run->n_captures == 0)
                g_string_append_printf(none, "%s\"%s\"", none->len > 0 ? ", " : "", name);
            else if (!comparison->aligned)
                append_run(own, name, run->step);
            else if (run->last_step != comparison->step)
                append_run(go_on, name, run->last_step);
        }
    if (none->len > 0)
        add(notes, "Without captures: %s.", none->str);
    if (go_on->len > 0)
        add(notes, "Compared at step %" G_GINT64_FORMAT ", which is not the last capture of: %s.",
            comparison->step, go_on->str);
    if (own->len > 0)
        add(notes, "No step is common: each run is taken at its own last step, %s.", own->str);
}

/* Final losses of trainings of different lengths are not of the same moment. */
static void
note_finals(const CompareReport *report, GPtrArray *notes)
{
    gint64 first = G_MAXINT64, last = G_MININT64;

    for (guint g = 0; g < report->comparison->n_groups; g++)
        for (guint i = 0; i < compare_count_runs(report, g); i++) {
            const EntroFinal *loss =
                &compare_get_record(report, g, i)->run.final[ENTRO_COMPARE_LOSS];
            if (!loss->recorded)
                continue;
            first = MIN(first, loss->step);
            last = MAX(last, loss->step);
        }
    if (first < last)
        add(notes,
            "The last loss is of different steps, from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
            ": losses are each run's own last.",
            first, last);
}

static void
note_diverged(const CompareReport *report, GPtrArray *notes)
{
    const EntroComparison *comparison = report->comparison;

    for (guint g = 0; g < comparison->n_groups; g++) {
        g_autoptr(GString) names = g_string_new(NULL);
        guint n = comparison->group[g].n_diverged;
        for (guint i = 0; i < compare_count_runs(report, g); i++)
            if (comparison->group[g].run[i].diverged)
                g_string_append_printf(names, "%s\"%s\"", names->len > 0 ? ", " : "",
                                       compare_get_record(report, g, i)->info->name);
        if (n == 0)
            continue;
        add(notes,
            "Diverged: %u of %u runs of \"%s\" (%s). Where they have no value they are left out of "
            "the means: what remains is about the runs that survived.",
            n, compare_count_runs(report, g), get_label(report, g), names->str);
    }
}

static void
note_shapes(const CompareReport *report, GPtrArray *notes)
{
    const EntroComparison *comparison = report->comparison;
    const double rounding = 1e-9;

    for (guint g = 1; g < comparison->n_groups; g++) {
        const EntroComparedGroup *group = &comparison->group[g], *base = &comparison->group[0];
        if (group->n_layers != base->n_layers || group->n_heads != base->n_heads)
            add(notes,
                "\"%s\" has %" G_GSIZE_FORMAT " layers with %" G_GSIZE_FORMAT
                " heads, \"%s\" %" G_GSIZE_FORMAT " with %" G_GSIZE_FORMAT
                ": what both have is compared.",
                get_label(report, 0), base->n_layers, base->n_heads, get_label(report, g),
                group->n_layers, group->n_heads);
    }
    if (comparison->ceiling_high - comparison->ceiling_low > rounding)
        add(notes,
            "The ceilings of the heads differ (%.4g to %.4g nats: other contexts or masks): "
            "entropies in nats are not on one scale.",
            comparison->ceiling_low, comparison->ceiling_high);
}

/* ---- how many runs -------------------------------------------------------------------------------------- */

/* Labels of the groups of so many runs, but for the first group. */
static char *
list_of_size(const CompareReport *report, guint n_runs)
{
    GString *text = g_string_new(NULL);

    for (guint g = 1; g < report->comparison->n_groups; g++)
        if (compare_count_runs(report, g) == n_runs)
            g_string_append_printf(text, "%s\"%s\"", text->len > 0 ? ", " : "",
                                   get_label(report, g));
    return g_string_free(text, FALSE);
}

static void
note_least_p(const CompareReport *report, GPtrArray *notes, guint n)
{
    guint n_base = compare_count_runs(report, 0);
    double least = entro_rank_sum_least_p(n, n_base), alpha = report->options->alpha;
    g_autofree char *labels = list_of_size(report, n);
    gsize enough = entro_rank_sum_least_n(alpha);

    /* where as many tests as possible tie at the least p, q is n_tests * least / their number */
    double needed = ceil(least * (double)report->comparison->n_tests / alpha - 1e-9);
    if (least > alpha * (1 + 1e-12))
        add(notes,
            "No test of %s against \"%s\": with %u against %u runs the rank-sum p is %.3g at "
            "least, above alpha %g. %" G_GSIZE_FORMAT " against %" G_GSIZE_FORMAT " would do.",
            labels, get_label(report, 0), n, n_base, least, alpha, enough, enough);
    else if (needed > 1)
        add(notes,
            "With %u against %u runs p is %.3g at least: of the %" G_GSIZE_FORMAT
            " tests of layers and heads %.0f must be so small together for any to count.",
            n, n_base, least, report->comparison->n_tests, needed);
}

static void
note_test(const CompareReport *report, GPtrArray *notes, guint n)
{
    g_autofree char *labels = list_of_size(report, n);

    if (report->options->test == ENTRO_TEST_RANK_SUM)
        note_least_p(report, notes, n);
    else if (MIN(compare_count_runs(report, 0), n) < ENTRO_WELCH_LEAST)
        add(notes, "No test of %s against \"%s\": Welch's needs %d runs on each side.", labels,
            get_label(report, 0), ENTRO_WELCH_LEAST);
}

/* Once for all groups of one size. */
static gboolean
is_first_of_size(const CompareReport *report, guint group)
{
    for (guint g = 1; g < group; g++)
        if (compare_count_runs(report, g) == compare_count_runs(report, group))
            return FALSE;
    return TRUE;
}

static void
note_sizes(const CompareReport *report, GPtrArray *notes)
{
    guint least = G_MAXUINT;

    if (report->comparison->one_each) {
        add(notes, "Single runs (N = 1 each): differences are shown without interval or test; "
                   "another seed might turn them round.");
        return;
    }
    for (guint g = 0; g < report->comparison->n_groups; g++)
        least = MIN(least, compare_count_runs(report, g));
    if (least < ENTRO_INTERVAL_LEAST)
        add(notes,
            "No interval where a group has fewer than %d values: it would not hold its %g %%, or "
            "say nothing.",
            ENTRO_INTERVAL_LEAST, 100 * report->options->bootstrap.level);
    for (guint g = 1; g < report->comparison->n_groups; g++)
        if (is_first_of_size(report, g))
            note_test(report, notes, compare_count_runs(report, g));
}

GPtrArray *
compare_notes(const CompareReport *report)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);

    note_sizes(report, notes);
    note_left_out(report, notes);
    note_mixed(report, notes);
    note_between(report, notes);
    note_seeds(report, notes);
    note_diverged(report, notes);
    note_ends(report, notes);
    note_finals(report, notes);
    note_shapes(report, notes);
    return notes;
}
