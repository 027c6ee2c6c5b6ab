/* groups.c: runs in groups by their configuration, and what else differs in them.
 *
 * A group stands for one configuration only if nothing but the seed differs inside it; whatever
 * else differs is named, since a difference between mixed groups has no one cause. */
#include "entro-compare.h"

#include <string.h>

/* Differ between runs of one configuration. */
static const char *const identity_keys[] = {"seed",    "name",       "run_name",   "id",
                                            "run_id",  "uuid",       "trace_uuid", "date",
                                            "time",    "host",       "hostname",   "user",
                                            "started", "started_at", "created",    "created_at",
                                            "pid",     NULL};

const char *
entro_compare_config(const EntroCompareRun *run, const char *key)
{
    return g_hash_table_lookup(run->config, key);
}

static gboolean
parse_number(const char *text, double *ret_value)
{
    char *end = NULL;

    *ret_value = g_ascii_strtod(text, &end);
    return end != text && *end == '\0';
}

gboolean
entro_config_same(const char *a, const char *b)
{
    double number_a, number_b;

    if (a == NULL || b == NULL || strcmp(a, b) == 0)
        return a == b || (a != NULL && b != NULL);
    return parse_number(a, &number_a) && parse_number(b, &number_b) && number_a == number_b;
}

/* ---- differences ----------------------------------------------------------------------------------- */

static gboolean
is_identity(const char *key, const char *const *ignore)
{
    return g_strv_contains(identity_keys, key) || g_str_has_suffix(key, "_seed") ||
           g_str_has_suffix(key, "_uuid") || (ignore != NULL && g_strv_contains(ignore, key));
}

static gboolean
is_path(const char *value)
{
    return g_path_is_absolute(value) || g_str_has_prefix(value, "./") ||
           g_str_has_prefix(value, "../") || g_str_has_prefix(value, "~/");
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_keys(const EntroCompareRun *const *runs, guint n_runs)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *keys = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;

    for (guint i = 0; i < n_runs; i++) {
        g_hash_table_iter_init(&iter, runs[i]->config);
        while (g_hash_table_iter_next(&iter, &key, NULL))
            if (g_hash_table_add(seen, key))
                g_ptr_array_add(keys, key);
    }
    g_ptr_array_sort(keys, compare_texts);
    return keys;
}

static void
add_value(GPtrArray *values, const char *value)
{
    for (guint i = 0; i < values->len; i++)
        if (entro_config_same(values->pdata[i], value))
            return;
    g_ptr_array_add(values, (gpointer)value);
}

static void
difference_free(EntroConfigDifference *difference)
{
    g_ptr_array_unref(difference->values);
    g_free(difference);
}

/* NULL: the runs agree. */
static EntroConfigDifference *
find_difference(const EntroCompareRun *const *runs, guint n_runs, const char *key)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    gboolean missing = FALSE, paths = TRUE;

    for (guint i = 0; i < n_runs; i++) {
        const char *value = entro_compare_config(runs[i], key);
        if (value == NULL) {
            missing = TRUE;
            continue;
        }
        paths = paths && is_path(value);
        add_value(values, value);
    }
    if (values->len < 2 && !missing)
        return NULL;
    EntroConfigDifference *difference = g_new0(EntroConfigDifference, 1);
    difference->key = key;
    difference->kind = values->len < 2 ? ENTRO_DIFFERENCE_UNRECORDED
                       : paths         ? ENTRO_DIFFERENCE_PATH
                                       : ENTRO_DIFFERENCE_VALUE;
    difference->values = g_steal_pointer(&values);
    return difference;
}

GPtrArray *
entro_config_differences(const EntroCompareRun *const *runs, guint n_runs,
                         const char *const *ignore)
{
    GPtrArray *differences = g_ptr_array_new_with_free_func((GDestroyNotify)difference_free);
    g_autoptr(GPtrArray) keys = list_keys(runs, n_runs);

    for (guint i = 0; i < keys->len; i++) {
        if (is_identity(keys->pdata[i], ignore))
            continue;
        EntroConfigDifference *difference = find_difference(runs, n_runs, keys->pdata[i]);
        if (difference != NULL)
            g_ptr_array_add(differences, difference);
    }
    return differences;
}

/* ---- groups ---------------------------------------------------------------------------------------- */

EntroRunGroup *
entro_run_group_new(const char *label)
{
    EntroRunGroup *group = g_new0(EntroRunGroup, 1);

    group->label = g_strdup(label);
    group->runs = g_ptr_array_new();
    return group;
}

void
entro_run_group_free(EntroRunGroup *group)
{
    if (group == NULL)
        return;
    g_free(group->label);
    g_ptr_array_unref(group->runs);
    g_free(group);
}

static EntroRunGroup *
get_group(GPtrArray *groups, const char *label)
{
    for (guint i = 0; i < groups->len; i++)
        if (entro_config_same(((EntroRunGroup *)groups->pdata[i])->label, label))
            return groups->pdata[i];
    g_ptr_array_add(groups, entro_run_group_new(label));
    return groups->pdata[groups->len - 1];
}

GPtrArray *
entro_group_by(const EntroCompareRun *const *runs, guint n_runs, const char *key,
               GPtrArray **ret_without)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_group_free);

    *ret_without = g_ptr_array_new();
    for (guint i = 0; i < n_runs; i++) {
        const char *value = entro_compare_config(runs[i], key);
        GPtrArray *to = value != NULL ? get_group(groups, value)->runs : *ret_without;
        g_ptr_array_add(to, (gpointer)runs[i]);
    }
    return groups;
}
