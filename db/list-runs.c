/* list-runs.c: runs that pass a filter, with what is known of each at a glance.
 *
 * One query a table, not one a run: its rows come by run_id as the runs do, and both are walked
 * along together. */
#include "db-private.h"

#include <string.h>

/* ---- the filter ------------------------------------------------------------------------------ */

enum { N_CONDITIONS = 4 };

typedef struct {
    const char *sql;
    const char *const *values;
    const char *table; /* that it asks; NULL: runs */
} Condition;

/* A text that is a number equals every other spelling of it: REAL in the comparison makes SQLite
 * take the stored text as a number if it is one. */
static void
get_conditions(const EntroRunFilter *filter, Condition ret[N_CONDITIONS])
{
    ret[0] = (Condition){"name GLOB ?", filter->names, NULL};
    ret[1] = (Condition){"EXISTS (SELECT 1 FROM run_tags WHERE run_id = r.id AND tag = ?)",
                         filter->tags, "run_tags"};
    ret[2] = (Condition){"arch = ?", filter->archs, NULL};
    ret[3] = (Condition){"EXISTS (SELECT 1 FROM run_config WHERE run_id = r.id AND key = ?"
                         " AND (value = ? OR value = CAST(? AS REAL)))",
                         filter->config, NULL};
}

static gboolean
append_condition(EntroStore *store, GString *sql, const Condition *condition, GError **error)
{
    gboolean has = TRUE;

    if (condition->values == NULL || *condition->values == NULL)
        return TRUE;
    if (condition->table != NULL && !entro_sql_has_table(store, condition->table, &has, error))
        return FALSE;
    for (const char *const *value = condition->values; *value != NULL; value++)
        g_string_append_printf(sql, "%s %s", sql->len > 0 ? " AND" : "WHERE",
                               has ? condition->sql : "? IS NULL");
    return TRUE;
}

/* "key=value": three parameters, the last of them NULL unless the value is a number. */
static void
bind_setting(EntroBinder *bind, const char *setting, GPtrArray *keys)
{
    const char *equals = strchr(setting, '=');
    char *end = NULL;

    g_ptr_array_add(keys, g_strndup(setting, (gsize)(equals - setting)));
    entro_bind_text(bind, keys->pdata[keys->len - 1]);
    entro_bind_text(bind, equals + 1);
    double number = g_ascii_strtod(equals + 1, &end);
    if (end != equals + 1 && *end == '\0')
        entro_bind_double(bind, number);
    else
        entro_bind_null(bind);
}

static gboolean
check_settings(const EntroRunFilter *filter, GError **error)
{
    for (const char *const *text = filter->config; text != NULL && *text != NULL; text++)
        if (strchr(*text, '=') == NULL || **text == '=') {
            g_autofree char *quoted = entro_quote_name(*text);
            g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT,
                        "%s is not of the form KEY=VALUE", quoted);
            return FALSE;
        }
    return TRUE;
}

static GPtrArray *
select_infos(EntroStore *store, const EntroRunFilter *filter, GError **error)
{
    g_autoptr(GString) tail = g_string_new(NULL);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    Condition conditions[N_CONDITIONS];

    get_conditions(filter, conditions);
    for (guint j = 0; j < N_CONDITIONS; j++)
        if (!append_condition(store, tail, &conditions[j], error))
            return NULL;
    g_string_append(tail, " ORDER BY id");
    g_autoptr(sqlite3_stmt) stmt = entro_runs_prepare(store, tail->str, error);
    if (stmt == NULL)
        return NULL;
    EntroBinder bind = entro_bind(store, stmt);
    for (guint j = 0; j < N_CONDITIONS; j++)
        for (const char *const *value = conditions[j].values; value != NULL && *value; value++)
            if (conditions[j].values == filter->config)
                bind_setting(&bind, *value, keys);
            else
                entro_bind_text(&bind, *value);
    return entro_bind_ready(&bind, error) ? entro_runs_read_all(store, stmt, error) : NULL;
}

/* ---- what belongs to them --------------------------------------------------------------------- */

typedef void (*TakeRow)(EntroRunInfo *info, sqlite3_stmt *stmt);

static const char *
text_or_empty(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? text : "";
}

static void
take_tag(EntroRunInfo *info, sqlite3_stmt *stmt)
{
    guint n = g_strv_length(info->tags);

    info->tags = g_renew(char *, info->tags, n + 2);
    info->tags[n] = g_strdup(text_or_empty(stmt, 1));
    info->tags[n + 1] = NULL;
}

static void
take_count(EntroRunInfo *info, sqlite3_stmt *stmt)
{
    EntroSeverity severity;

    if (entro_severity_parse(text_or_empty(stmt, 1), &severity))
        info->n_findings[severity] = (guint)CLAMP(sqlite3_column_int64(stmt, 2), 0, G_MAXINT);
}

static void
take_config(EntroRunInfo *info, sqlite3_stmt *stmt)
{
    info->config = g_renew(EntroConfigEntry, info->config, info->n_config + 1);
    info->config[info->n_config++] =
        (EntroConfigEntry){g_strdup(text_or_empty(stmt, 1)), g_strdup(text_or_empty(stmt, 2))};
}

typedef struct {
    const char *table, *sql; /* first column run_id, ascending */
    TakeRow take;
} Belonging;

static const Belonging belongings[] = {
    {"run_tags", "SELECT run_id, tag FROM run_tags ORDER BY run_id, tag", take_tag},
    {"findings",
     "SELECT run_id, severity, count(*) FROM findings GROUP BY run_id, severity ORDER BY run_id",
     take_count},
    {"run_config", "SELECT run_id, key, value FROM run_config ORDER BY run_id, key", take_config},
};

static gboolean
add_belonging(EntroStore *store, GPtrArray *runs, const Belonging *belonging, GError **error)
{
    gboolean has = FALSE, row = TRUE;
    guint next = 0;

    if (!entro_sql_has_table(store, belonging->table, &has, error))
        return FALSE;
    if (!has)
        return TRUE;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, belonging->sql, error);
    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 id = sqlite3_column_int64(stmt, 0);

        while (next < runs->len && ((EntroRunInfo *)runs->pdata[next])->id < id)
            next++;
        if (next < runs->len && ((EntroRunInfo *)runs->pdata[next])->id == id)
            belonging->take(runs->pdata[next], stmt);
    }
    return !row;
}

GPtrArray *
entro_store_select_runs(EntroStore *store, const EntroRunFilter *filter, GError **error)
{
    static const EntroRunFilter all;
    g_auto(EntroTransaction) view = {NULL};

    if (filter == NULL)
        filter = &all;
    if (!check_settings(filter, error) || !entro_transaction_begin_read(&view, store, error))
        return NULL;
    g_autoptr(GPtrArray) runs = select_infos(store, filter, error);
    if (runs == NULL)
        return NULL;
    for (guint j = 0; j < runs->len; j++)
        ((EntroRunInfo *)runs->pdata[j])->tags = g_new0(char *, 1);
    for (guint j = 0; j < G_N_ELEMENTS(belongings); j++)
        if (!add_belonging(store, runs, &belongings[j], error))
            return NULL;
    return g_steal_pointer(&runs);
}
