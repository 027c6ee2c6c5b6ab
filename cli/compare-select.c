/* compare-select.c: the runs of a comparison and what is read of them: configurations first, and of
 * those that are compared everything else. */
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
compare_selection_init(CompareSelection *selection)
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

void
compare_add_known(GHashTable *config, const EntroRunInfo *info)
{
    add_known(config, "arch", g_strdup(info->arch));
    add_known(config, "n_layers", format_count(info->n_layers));
    add_known(config, "n_heads", format_count(info->n_heads));
    add_known(config, "context_length", format_count(info->context_length));
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
    compare_add_known(record->config, info);
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

/* A run for which memory suffices to compare it, but not to judge it, is compared. */
static gboolean
read_findings(EntroStore *store, CompareRecord *record, GError **error)
{
    g_autoptr(GError) failure = NULL;

    record->findings = entro_store_find_findings(store, record->info, &failure);
    if (record->findings != NULL ||
        g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
read_numbers(EntroStore *store, CompareRecord *record, GError **error)
{
    record->history = entro_store_select_history(store, record->info->id, entro_compare_columns(),
                                                 ENTRO_COMPARE_N_COLUMNS, error);
    if (record->history == NULL || !read_finals(store, &record->run, error))
        return FALSE;
    record->run.history = record->history;
    return read_findings(store, record, error);
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
    compare_selection_init(selection);
    selection->single = request->by == NULL && request->groups == NULL;
    if (!(*request->names != NULL ? read_named(store, request->names, selection->records, error)
                                  : read_all(store, selection->records, error)))
        return FALSE;
    if (selection->records->len == 0)
        return entro_usage_error(error, "the database holds no runs");
    if (!compare_group(selection, request, error))
        return FALSE;
    for (guint i = 0; i < selection->records->len; i++)
        if (is_compared(selection, selection->records->pdata[i]) &&
            !read_numbers(store, selection->records->pdata[i], error))
            return FALSE;
    return TRUE;
}
