/* compare-groups.c: runs in groups, as the command line asks for, and what else differs in them.
 *
 * A group in which more than the seed differs has no one configuration.  It is left out, and said,
 * unless the user allows it: then it is compared, and said. */
#include "compare.h"

#include <string.h>

/* ---- --where ---------------------------------------------------------------------------------------- */

static gboolean
matches(const CompareRecord *record, const char *condition)
{
    const char *sign = strchr(condition, '=');
    g_autofree char *key = g_strndup(condition, (gsize)(sign - condition));

    return entro_config_same(entro_compare_config(&record->run, key), sign + 1);
}

static gboolean
filter(GPtrArray *records, char **where, GError **error)
{
    for (char **condition = where; condition != NULL && *condition != NULL; condition++) {
        if (strchr(*condition, '=') == NULL || **condition == '=')
            return entro_usage_error(error, "--where: \"%s\" is not KEY=VALUE", *condition);
        for (guint i = records->len; i > 0; i--)
            if (!matches(records->pdata[i - 1], *condition))
                g_ptr_array_remove_index(records, i - 1);
        if (records->len == 0)
            return entro_usage_error(error, "--where: no run has \"%s\" (and what stands before)",
                                     *condition);
    }
    return TRUE;
}

/* ---- groups ------------------------------------------------------------------------------------------- */

/* Borrowed EntroCompareRun. */
static GPtrArray *
list_runs(const GPtrArray *records)
{
    GPtrArray *runs = g_ptr_array_new();

    for (guint i = 0; i < records->len; i++)
        g_ptr_array_add(runs, &((CompareRecord *)records->pdata[i])->run);
    return runs;
}

/* Attempts of one run. */
static gboolean
has_name_of_another(const GPtrArray *runs, const EntroCompareRun *run)
{
    for (guint i = 0; i < runs->len; i++)
        if (runs->pdata[i] != run &&
            strcmp(((EntroCompareRun *)runs->pdata[i])->name, run->name) == 0)
            return TRUE;
    return FALSE;
}

static GPtrArray *
group_single(const GPtrArray *runs)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_group_free);

    for (guint i = 0; i < runs->len; i++) {
        EntroCompareRun *run = runs->pdata[i];
        g_autofree char *with_id = g_strdup_printf("%s #%" G_GINT64_FORMAT, run->name, run->id);
        EntroRunGroup *group =
            entro_run_group_new(has_name_of_another(runs, run) ? with_id : run->name);
        g_ptr_array_add(group->runs, runs->pdata[i]);
        g_ptr_array_add(groups, group);
    }
    return groups;
}

/* Patterns are text; a name may be none. */
static gboolean
name_matches(const char *pattern, const char *name)
{
    g_autofree char *valid_pattern = g_utf8_make_valid(pattern, -1);
    g_autofree char *valid_name = g_utf8_make_valid(name, -1);

    return g_pattern_match_simple(valid_pattern, valid_name);
}

static gboolean
check_overlap(const GPtrArray *groups, const EntroCompareRun *run, const char *pattern,
              GError **error)
{
    for (guint g = 0; g < groups->len; g++) {
        const EntroRunGroup *group = groups->pdata[g];
        if (g_ptr_array_find(group->runs, run, NULL))
            return entro_usage_error(error,
                                     "run \"%s\" is in both --group \"%s\" and --group \"%s\"; a "
                                     "run cannot be compared with itself",
                                     run->name, group->label, pattern);
    }
    return TRUE;
}

static GPtrArray *
group_by_patterns(const GPtrArray *runs, char **patterns, GError **error)
{
    g_autoptr(GPtrArray) groups =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_group_free);

    for (char **pattern = patterns; *pattern != NULL; pattern++) {
        EntroRunGroup *group = entro_run_group_new(*pattern);
        for (guint i = 0; i < runs->len; i++) {
            const EntroCompareRun *run = runs->pdata[i];
            if (!name_matches(*pattern, run->name))
                continue;
            if (!check_overlap(groups, run, *pattern, error)) {
                entro_run_group_free(group);
                return NULL;
            }
            g_ptr_array_add(group->runs, runs->pdata[i]);
        }
        g_ptr_array_add(groups, group);
        if (group->runs->len == 0) {
            entro_usage_error(error, "--group: no run is named like \"%s\"", *pattern);
            return NULL;
        }
    }
    return g_steal_pointer(&groups);
}

static GPtrArray *
make_groups(CompareSelection *selection, const GPtrArray *runs, const CompareRequest *request,
            GError **error)
{
    if (request->groups != NULL)
        return group_by_patterns(runs, request->groups, error);
    if (request->by == NULL)
        return group_single(runs);
    GPtrArray *groups = entro_group_by((const EntroCompareRun *const *)runs->pdata, runs->len,
                                       request->by, &selection->without);
    if (groups->len > 0)
        return groups;
    g_ptr_array_unref(groups);
    entro_usage_error(error, "--by: no run has \"%s\" in its configuration", request->by);
    return NULL;
}

/* ---- what else differs --------------------------------------------------------------------------------- */

static gboolean
is_mixed(const GPtrArray *differences)
{
    for (guint i = 0; i < differences->len; i++)
        if (((const EntroConfigDifference *)differences->pdata[i])->kind == ENTRO_DIFFERENCE_VALUE)
            return TRUE;
    return FALSE;
}

static void
sort_out(CompareSelection *selection, const CompareRequest *request)
{
    for (guint g = 0; g < selection->all->len; g++) {
        EntroRunGroup *group = selection->all->pdata[g];
        CompareMixed *mixed = g_new0(CompareMixed, 1);
        mixed->group = group;
        mixed->differences =
            entro_config_differences((const EntroCompareRun *const *)group->runs->pdata,
                                     group->runs->len, (const char *const *)request->ignore);
        gboolean out = is_mixed(mixed->differences) && !request->allow_differences;
        g_ptr_array_add(out ? selection->left_out : selection->mixed, mixed);
        if (!out)
            g_ptr_array_add(selection->groups, group);
    }
}

static gboolean
fail_mixed(const CompareSelection *selection, GError **error)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < selection->left_out->len; i++) {
        const CompareMixed *mixed = selection->left_out->pdata[i];
        g_autofree char *list =
            compare_list_differences(mixed->differences, 1u << ENTRO_DIFFERENCE_VALUE);
        g_string_append_printf(text, "%sgroup \"%s\" differs in %s", i ? "; " : "",
                               mixed->group->label, list);
    }
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_REFUSED,
                "not two groups in which nothing but the seed differs: %s; choose with --where "
                "KEY=VALUE, leave keys out of account with --ignore KEY, or compare all the same "
                "with --allow-differences",
                text->str);
    g_string_free(text, TRUE);
    return FALSE;
}

static gboolean
check_groups(const CompareSelection *selection, GError **error)
{
    if (selection->groups->len >= 2)
        return TRUE;
    if (selection->left_out->len > 0)
        return fail_mixed(selection, error);
    return entro_usage_error(error, "needs two runs or groups to compare, got %u (\"%s\")",
                             selection->groups->len,
                             ((EntroRunGroup *)selection->groups->pdata[0])->label);
}

/* The one that the others stand against goes first. */
static gboolean
put_first(CompareSelection *selection, const char *baseline, GError **error)
{
    for (guint g = 0; baseline != NULL && g < selection->groups->len; g++) {
        gpointer group = selection->groups->pdata[g];
        if (!entro_config_same(((EntroRunGroup *)group)->label, baseline))
            continue;
        g_ptr_array_remove_index(selection->groups, g);
        g_ptr_array_insert(selection->groups, 0, group);
        return TRUE;
    }
    return baseline == NULL ||
           entro_usage_error(error, "--baseline: \"%s\" is none of the groups that are compared",
                             baseline);
}

static void
find_between(CompareSelection *selection, const CompareRequest *request)
{
    g_autoptr(GPtrArray) runs = g_ptr_array_new();

    for (guint g = 0; g < selection->groups->len; g++)
        for (guint i = 0; i < ((EntroRunGroup *)selection->groups->pdata[g])->runs->len; i++)
            g_ptr_array_add(runs, ((EntroRunGroup *)selection->groups->pdata[g])->runs->pdata[i]);
    selection->between = entro_config_differences((const EntroCompareRun *const *)runs->pdata,
                                                  runs->len, (const char *const *)request->ignore);
}

gboolean
compare_group(CompareSelection *selection, const CompareRequest *request, GError **error)
{
    if (!filter(selection->records, request->where, error))
        return FALSE;
    g_autoptr(GPtrArray) runs = list_runs(selection->records);
    selection->all = make_groups(selection, runs, request, error);
    if (selection->all == NULL)
        return FALSE;
    sort_out(selection, request);
    if (!check_groups(selection, error) || !put_first(selection, request->baseline, error))
        return FALSE;
    find_between(selection, request);
    return TRUE;
}
