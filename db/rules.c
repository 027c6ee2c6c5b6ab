/* rules.c: the rules of findings as data: a database says by what its runs are judged.
 *
 * Defaults are written once; whoever changes a value there (with sqlite3, say) has it used by the
 * next `analyze`. */
#include "db-private.h"

/* ---- writing ----------------------------------------------------------------------------------- */

static gboolean
put_rule(EntroStore *store, const EntroRule *rule, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "INSERT INTO rules (name, kind, scope, severity, about) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET about = excluded.about",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, rule->name);
    entro_bind_text(&bind, entro_finding_kind_name(rule->kind));
    entro_bind_text(&bind, entro_scope_name(rule->scope));
    entro_bind_text(&bind, entro_severity_name(rule->severity));
    entro_bind_text(&bind, rule->about);
    return entro_bind_execute(&bind, error);
}

static gboolean
put_parameter(EntroStore *store, const EntroRule *rule, const EntroRuleParameter *parameter,
              GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "INSERT INTO rule_parameters (rule, name, value, about) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (rule, name) DO UPDATE SET about = excluded.about",
        error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, rule->name);
    entro_bind_text(&bind, parameter->name);
    entro_bind_double(&bind, parameter->value);
    entro_bind_text(&bind, parameter->about);
    return entro_bind_execute(&bind, error);
}

static gboolean
is_there(EntroStore *store, const char *sql, const char *rule, const char *parameter,
         const char *about, gboolean *ret_there, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);
    gint64 there = 0;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, rule);
    entro_bind_text(&bind, about);
    if (parameter != NULL)
        entro_bind_text(&bind, parameter);
    if (!entro_bind_ready(&bind, error) || !entro_sql_get_int(store, stmt, 0, &there, error))
        return FALSE;
    *ret_there = there != 0;
    return TRUE;
}

static gboolean
sync_rule(EntroStore *store, const EntroRule *rule, gboolean apply, guint *n_missing,
          GError **error)
{
    gboolean there = FALSE;

    if (!is_there(store, "SELECT EXISTS (SELECT 1 FROM rules WHERE name = ?1 AND about IS ?2)",
                  rule->name, NULL, rule->about, &there, error) ||
        (!there && apply && !put_rule(store, rule, error)))
        return FALSE;
    *n_missing += !there;
    for (const EntroRuleParameter *parameter = rule->parameters; parameter->name != NULL;
         parameter++) {
        if (!is_there(store,
                      "SELECT EXISTS (SELECT 1 FROM rule_parameters"
                      " WHERE rule = ?1 AND about IS ?2 AND name = ?3)",
                      rule->name, parameter->name, parameter->about, &there, error) ||
            (!there && apply && !put_parameter(store, rule, parameter, error)))
            return FALSE;
        *n_missing += !there;
    }
    return TRUE;
}

gboolean
entro_rules_sync(EntroStore *store, gboolean apply, guint *n_missing, GError **error)
{
    for (guint i = 0; i < entro_n_rules(); i++)
        if (!sync_rule(store, entro_rule(i), apply, n_missing, error))
            return FALSE;
    return TRUE;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static gboolean
read_severities(EntroStore *store, EntroRules *rules, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT name, severity FROM rules ORDER BY name", error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        guint rule = 0;

        if (entro_rule_find((const char *)sqlite3_column_text(stmt, 0), NULL, &rule, NULL))
            entro_severity_parse((const char *)sqlite3_column_text(stmt, 1),
                                 &rules->setting[rule].severity);
    }
    return !row;
}

static gboolean
read_value(EntroStore *store, sqlite3_stmt *stmt, EntroRules *rules, GError **error)
{
    const char *rule = (const char *)sqlite3_column_text(stmt, 0);
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    g_autoptr(GError) failure = NULL;
    guint i = 0, j = 0;

    if (!entro_rule_find(rule, name, &i, &j) || sqlite3_column_type(stmt, 2) == SQLITE_NULL ||
        entro_rules_set(rules, rule, name, sqlite3_column_double(stmt, 2), &failure))
        return TRUE;
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_IO, "%s: table rule_parameters: %s",
                store->path, failure->message);
    return FALSE;
}

static gboolean
read_values(EntroStore *store, EntroRules *rules, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store,
                          "SELECT rule, name, value FROM rule_parameters ORDER BY rule, name",
                          error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row)
        if (!read_value(store, stmt, rules, error))
            return FALSE;
    return !row;
}

EntroRules *
entro_store_load_rules(EntroStore *store, GError **error)
{
    g_autoptr(EntroRules) rules = entro_rules_new();
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('rules', 'rule_parameters')"
        " AND type = 'table'",
        error);
    gint64 n_tables = 0;

    if (stmt == NULL || !entro_sql_get_int(store, stmt, 0, &n_tables, error))
        return NULL;
    /* a database of before rules, which may be read as it is */
    if (n_tables == 2 &&
        (!read_severities(store, rules, error) || !read_values(store, rules, error)))
        return NULL;
    return g_steal_pointer(&rules);
}
