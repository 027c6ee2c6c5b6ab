/* metric-columns.c: the statistics columns of the tables, and their description in `metric`.
 *
 * The analyzer's tables of columns are the only list: a row added there becomes a column at the
 * next open for writing.  A column of a database that this program does not know stays. */
#include "db-private.h"

static const EntroColumn layer_counts[] = {
    {"n_heads", "Heads", "heads", "Heads of the layer."},
    {"n_valid_heads", "Heads with a value", "heads", "Heads with at least one valid row."},
};

void
entro_column_sets(EntroColumnSet ret_sets[ENTRO_N_COLUMN_SETS])
{
    const EntroColumnSet sets[] = {
        {"head_stats", entro_count_columns(), ENTRO_N_COUNT_COLUMNS, "INTEGER"},
        {"head_stats", entro_head_columns(), ENTRO_HEAD_N_COLUMNS, "REAL"},
        {"layer_stats", layer_counts, G_N_ELEMENTS(layer_counts), "INTEGER"},
        {"layer_stats", entro_layer_columns(), ENTRO_LAYER_N_COLUMNS, "REAL"},
        {"head_params", entro_head_param_columns(), ENTRO_HEAD_PARAM_N_COLUMNS, "REAL"},
        {"layer_params", entro_layer_param_columns(), ENTRO_LAYER_PARAM_N_COLUMNS, "REAL"},
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(sets) == ENTRO_N_COLUMN_SETS);
    memcpy(ret_sets, sets, sizeof sets);
}

static gboolean
add_column(EntroStore *store, const EntroColumnSet *set, const char *name, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("ALTER TABLE %s ADD COLUMN \"%s\" %s", set->table, name, set->type);

    return entro_sql_exec(store, sql, error);
}

static gboolean
describe_column(EntroStore *store, const char *table, const EntroColumn *column, GError **error)
{
    static const char *const columns[] = {"table_name", "name",       "title",
                                          "unit",       "definition", NULL};
    g_autofree char *sql = entro_sql_upsert("metric", columns, 2);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, table);
    entro_bind_text(&bind, column->name);
    entro_bind_text(&bind, column->title);
    entro_bind_text(&bind, column->unit);
    entro_bind_text(&bind, column->definition);
    return entro_bind_execute(&bind, error);
}

/* Whether the column is there, and whether `metric` says of it what the program says. */
static gboolean
look_up(EntroStore *store, sqlite3_stmt *stmt, const char *table, const EntroColumn *column,
        gboolean *ret_has, gboolean *ret_described, GError **error)
{
    gboolean row = FALSE;
    EntroBinder bind = entro_bind(store, stmt);

    entro_bind_text(&bind, table);
    entro_bind_text(&bind, column->name);
    entro_bind_text(&bind, column->title);
    entro_bind_text(&bind, column->unit);
    entro_bind_text(&bind, column->definition);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    *ret_has = sqlite3_column_int(stmt, 0) != 0;
    *ret_described = sqlite3_column_int(stmt, 1) != 0;
    sqlite3_reset(stmt); /* a statement at work would hinder ALTER TABLE */
    return TRUE;
}

static gboolean
sync_set(EntroStore *store, sqlite3_stmt *stmt, const EntroColumnSet *set, gboolean apply,
         guint *n_missing, GError **error)
{
    for (guint j = 0; j < set->n; j++) {
        const EntroColumn *column = &set->columns[j];
        gboolean has = FALSE;
        gboolean described = FALSE;

        if (!look_up(store, stmt, set->table, column, &has, &described, error))
            return FALSE;
        *n_missing += !has || !described;
        if (apply && !has && !add_column(store, set, column->name, error))
            return FALSE;
        if (apply && !described && !describe_column(store, set->table, column, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_columns_sync(EntroStore *store, gboolean apply, guint *ret_n_missing, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store,
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2),"
        " EXISTS (SELECT 1 FROM metric WHERE table_name = ?1 AND name = ?2 AND title IS ?3"
        " AND unit IS ?4 AND definition IS ?5)",
        error);
    EntroColumnSet sets[ENTRO_N_COLUMN_SETS];
    guint n_missing = 0;

    if (stmt == NULL)
        return FALSE;
    entro_column_sets(sets);
    for (guint j = 0; j < ENTRO_N_COLUMN_SETS; j++)
        if (!sync_set(store, stmt, &sets[j], apply, &n_missing, error))
            return FALSE;
    *ret_n_missing = n_missing;
    return TRUE;
}

/* ---- questions ------------------------------------------------------------------------------ */

static gboolean
is_known(const char *table, const char *column)
{
    EntroColumnSet sets[ENTRO_N_COLUMN_SETS];

    entro_column_sets(sets);
    for (guint j = 0; j < ENTRO_N_COLUMN_SETS; j++)
        for (guint k = 0; k < sets[j].n; k++)
            if (g_str_equal(sets[j].table, table) && g_str_equal(sets[j].columns[k].name, column))
                return TRUE;
    return FALSE;
}

gboolean
entro_columns_has(EntroStore *store, const char *table, const char *column, gboolean *ret_has,
                  GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store,
                          "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)",
                          error);
    gint64 there = 0;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, table);
    entro_bind_text(&bind, column);
    if (!entro_bind_ready(&bind, error) || !entro_sql_get_int(store, stmt, 0, &there, error))
        return FALSE;
    *ret_has = there != 0 && is_known(table, column);
    return TRUE;
}

/* The table that is meant by `column`: the first of those of heads, or of layers, that has it. */
static gboolean
find_among(EntroStore *store, const char *const *tables, const char *column, const char **ret_table,
           GError **error)
{
    gboolean has = FALSE;

    *ret_table = NULL;
    for (guint j = 0; tables[j] != NULL && !has; j++) {
        if (!entro_columns_has(store, tables[j], column, &has, error))
            return FALSE;
        *ret_table = has ? tables[j] : NULL;
    }
    return TRUE;
}

gboolean
entro_columns_find(EntroStore *store, gboolean of_heads, const char *column, const char **ret_table,
                   GError **error)
{
    static const char *const heads[] = {"head_stats", "head_params", NULL};
    static const char *const layers[] = {"layer_stats", "layer_params", NULL};

    return find_among(store, of_heads ? heads : layers, column, ret_table, error);
}

gboolean
entro_store_is_of_heads(EntroStore *store, const char *column, gboolean *ret_of_heads,
                        GError **error)
{
    const char *table = NULL;

    if (!entro_columns_find(store, TRUE, column, &table, error))
        return FALSE;
    *ret_of_heads = table != NULL;
    return TRUE;
}

/* Where two tables share a name, that of the heads is meant. */
gboolean
entro_store_describe(EntroStore *store, const char *column, char **ret_title, char **ret_unit,
                     GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(
        store, "SELECT title, unit FROM metric WHERE name = ? ORDER BY table_name <> 'head_stats'",
        error);
    gboolean row = FALSE;

    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, column);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    *ret_title = row ? g_strdup((const char *)sqlite3_column_text(stmt, 0)) : NULL;
    *ret_unit = row ? g_strdup((const char *)sqlite3_column_text(stmt, 1)) : NULL;
    return TRUE;
}
