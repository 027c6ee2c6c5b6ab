/* compare-select.c: which runs are compared, in which groups, and what else differs in them.
 *
 * A group in which more than the seed differs has no one configuration.  It is left out, and said,
 * unless the user allows it: then it is compared, and said. */
#include "compare.h"

#include <string.h>

static void
record_free(CompareRecord *record)
{
    entro_run_info_free(record->info);
    g_clear_pointer(&record->config, g_hash_table_unref);
    entro_history_free(record->history);
    g_clear_pointer(&record->findings, g_ptr_array_unref);
    g_free(record);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompareRecord, record_free)

static void
mixed_free(CompareMixed *mixed)
{
    g_ptr_array_unref(mixed->differences);
    g_free(mixed);
}

static void
selection_init(CompareSelection *selection)
{
    *selection = (CompareSelection){
        .records = g_ptr_array_new_with_free_func((GDestroyNotify)record_free),
        .groups = g_ptr_array_new(),
        .left_out = g_ptr_array_new_with_free_func((GDestroyNotify)mixed_free),
        .mixed = g_ptr_array_new_with_free_func((GDestroyNotify)mixed_free),
    };
}

void
compare_selection_clear(CompareSelection *selection)
{
    g_clear_pointer(&selection->between, g_ptr_array_unref);
    g_clear_pointer(&selection->left_out, g_ptr_array_unref);
    g_clear_pointer(&selection->mixed, g_ptr_array_unref);
    g_clear_pointer(&selection->without, g_ptr_array_unref);
    g_clear_pointer(&selection->groups, g_ptr_array_unref);
    g_clear_pointer(&selection->all, g_ptr_array_unref);
    g_clear_pointer(&selection->records, g_ptr_array_unref);
}

/* ---- runs ------------------------------------------------------------------------------------------- */

/* What every run has in `runs` counts as configuration where the trace does not say it itself. */
static void
add_known(GHashTable *config, const char *key, char *value)
{
    if (value == NULL || g_hash_table_contains(config, key))
        g_free(value);
    else
        g_hash_table_insert(config, g_strdup(key), value);
}

static char *
format_count(gint64 count)
{
    return count > 0 ? g_strdup_printf("%" G_GINT64_FORMAT, count) : NULL;
}

/* Takes `info`. */
static gboolean
add_record(EntroStore *store, GPtrArray *records, EntroRunInfo *info, GError **error)
{
    g_autoptr(CompareRecord) record = g_new0(CompareRecord, 1);

    record->info = info;
    record->config = entro_store_select_config(store, info->id, error);
    if (record->config == NULL)
        return FALSE;
    add_known(record->config, "arch", g_strdup(info->arch));
    add_known(record->config, "n_layers", format_count(info->n_layers));
    add_known(record->config, "n_heads", format_count(info->n_heads));
    add_known(record->config, "context_length", format_count(info->context_length));
    record->run = (EntroCompareRun){.id = info->id,
                                    .name = info->name,
                                    .attempt = info->attempt,
                                    .config = record->config};
    g_ptr_array_add(records, g_steal_pointer(&record));
    return TRUE;
}

static gboolean
has_id(const GPtrArray *records, gint64 id)
{
    for (guint i = 0; i < records->len; i++)
        if (((const CompareRecord *)records->pdata[i])->info->id == id)
            return TRUE;
    return FALSE;
}

static gboolean
read_named(EntroStore *store, char **names, GPtrArray *records, GError **error)
{
    for (char **name = names; *name != NULL; name++) {
        g_autoptr(EntroRunInfo) info = entro_store_find_run(store, *name, error);
        if (info == NULL)
            return FALSE;
        if (has_id(records, info->id))
            return entro_usage_error(error, "run \"%s\" is given twice", info->name);
        if (!add_record(store, records, g_steal_pointer(&info), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_latest(const GPtrArray *runs, const EntroRunInfo *info)
{
    for (guint i = 0; i < runs->len; i++) {
        const EntroRunInfo *other = runs->pdata[i];
        if (other != NULL && other->attempt > info->attempt && g_str_equal(other->name, info->name))
            return FALSE;
    }
    return TRUE;
}

/* Of runs with several attempts the latest. */
static gboolean
read_all(EntroStore *store, GPtrArray *records, GError **error)
{
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, error);

    if (runs == NULL)
        return FALSE;
    g_ptr_array_set_free_func(runs, NULL);
    gboolean good = TRUE;
    for (guint i = 0; i < runs->len; i++)
        if (good && is_latest(runs, runs->pdata[i]))
            good = add_record(store, records, g_steal_pointer(&runs->pdata[i]), error);
    for (guint i = 0; i < runs->len; i++)
        entro_run_info_free(runs->pdata[i]);
    return good;
}

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

/* ---- the numbers --------------------------------------------------------------------------------------- */

/* Not recorded: no error. */
static gboolean
read_final(EntroStore *store, gint64 run_id, const char *name, EntroFinal *final, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    g_autoptr(EntroCurve) curve = entro_store_select_scalar(store, run_id, name, &local_error);

    if (curve != NULL) {
        *final = (EntroFinal){TRUE, (gint64)curve->x[curve->n - 1], curve->y[curve->n - 1]};
        return TRUE;
    }
    if (g_error_matches(local_error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local_error));
    return FALSE;
}

static gboolean
read_finals(EntroStore *store, EntroCompareRun *run, GError **error)
{
    EntroFinal *perplexity = &run->final[ENTRO_COMPARE_PERPLEXITY];

    if (!read_final(store, run->id, entro_compare_scalar_name(ENTRO_COMPARE_LOSS),
                    &run->final[ENTRO_COMPARE_LOSS], error) ||
        !read_final(store, run->id, entro_compare_scalar_name(ENTRO_COMPARE_EVAL_LOSS),
                    &run->final[ENTRO_COMPARE_EVAL_LOSS], error))
        return FALSE;
    *perplexity = run->final[ENTRO_COMPARE_EVAL_LOSS];
    perplexity->value = exp(perplexity->value);
    return TRUE;
}

static gboolean
read_numbers(EntroStore *store, CompareRecord *record, GError **error)
{
    record->history = entro_store_select_history(store, record->info->id, entro_compare_columns(),
                                                 ENTRO_COMPARE_N_COLUMNS, error);
    if (record->history == NULL || !read_finals(store, &record->run, error))
        return FALSE;
    record->run.history = record->history;
    if (record->info->findings_at != NULL)
        record->findings = entro_store_list_findings(store, record->info->id, error);
    return record->info->findings_at == NULL || record->findings != NULL;
}

static gboolean
is_compared(const CompareSelection *selection, const CompareRecord *record)
{
    for (guint g = 0; g < selection->groups->len; g++)
        if (g_ptr_array_find(((EntroRunGroup *)selection->groups->pdata[g])->runs, &record->run,
                             NULL))
            return TRUE;
    return FALSE;
}

gboolean
compare_select(EntroStore *store, const CompareRequest *request, CompareSelection *selection,
               GError **error)
{
    selection_init(selection);
    selection->single = request->by == NULL && request->groups == NULL;
    if (!(*request->names != NULL ? read_named(store, request->names, selection->records, error)
                                  : read_all(store, selection->records, error)))
        return FALSE;
    if (selection->records->len == 0)
        return entro_usage_error(error, "the database holds no runs");
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
    for (guint i = 0; i < selection->records->len; i++)
        if (is_compared(selection, selection->records->pdata[i]) &&
            !read_numbers(store, selection->records->pdata[i], error))
            return FALSE;
    return TRUE;
}
