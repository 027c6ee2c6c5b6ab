/* merge-tables.c: rows of one database into another, through two connections.
 *
 * Which tables belong to a run says the target's schema (they refer to `runs`), and which columns
 * are copied say both: no list here has to be kept.  Of the source nothing is believed: what calls
 * itself a table must be one, names of columns become SQL only if they are plain words, values go
 * through the target's STRICT tables and their checks. */
#include "merge-private.h"

#include <math.h>
#include <string.h>

enum { MAX_COLUMNS = 500, MAX_NAME = 64 };

void
entro_merge_table_free(EntroMergeTable *table)
{
    if (table == NULL)
        return;
    g_free(table->name);
    g_clear_pointer(&table->columns, g_ptr_array_unref);
    g_clear_pointer(&table->keys, g_ptr_array_unref);
    g_free(table);
}

gboolean
entro_merge_blame_source(GError **error)
{
    if (error != NULL && *error != NULL && (*error)->domain == ENTRO_STORE_ERROR)
        (*error)->code = ENTRO_STORE_ERROR_SOURCE;
    return FALSE;
}

static gboolean
fail_source(EntroStore *source, const char *table, const char *sentence, GError **error)
{
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_SOURCE, "%s: %s: %s", source->path,
                table, sentence);
    return FALSE;
}

/* What the target refuses of a row lies in the row: the source's fault, but for a full disk. */
static gboolean
fail_row(EntroStore *target, EntroStore *source, const char *table, GError **error)
{
    int code = sqlite3_errcode(target->db) & 0xff;

    if (code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH || code == SQLITE_TOOBIG)
        return fail_source(source, table, sqlite3_errmsg(target->db), error);
    return entro_sql_fail(target, error);
}

/* ---- columns ---------------------------------------------------------------------------------- */

typedef struct {
    char *name, *type;
    gint64 key; /* place in the primary key, from 1; 0: none */
} Column;

static void
column_free(gpointer data)
{
    Column *column = data;

    g_free(column->name);
    g_free(column->type);
    g_free(column);
}

static GPtrArray *
read_columns(EntroStore *store, const char *table, GError **error)
{
    g_autoptr(GPtrArray) columns = g_ptr_array_new_with_free_func(column_free);
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid",
                          error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_text(&bind, table);
    while (entro_sql_step(store, stmt, &row, error) && row) {
        Column *column = g_new0(Column, 1);

        column->name = g_strdup((const char *)sqlite3_column_text(stmt, 0));
        column->type = g_strdup((const char *)sqlite3_column_text(stmt, 1));
        column->key = sqlite3_column_int64(stmt, 2);
        g_ptr_array_add(columns, column);
    }
    return row ? NULL : g_steal_pointer(&columns);
}

static const Column *
find_column(const GPtrArray *columns, const char *name)
{
    for (guint j = 0; j < columns->len; j++) {
        const Column *column = columns->pdata[j];
        if (column->name != NULL && g_ascii_strcasecmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

/* The number that SQLite gives to a row: it means nothing in another file. */
static gboolean
is_row_number(const GPtrArray *columns, const Column *column)
{
    guint n_keys = 0;

    for (guint j = 0; j < columns->len; j++)
        n_keys += ((const Column *)columns->pdata[j])->key > 0;
    return column->key == 1 && n_keys == 1 && g_strcmp0(column->type, "INTEGER") == 0;
}

/* A plain word of a type that the tables here have: the only names from a file that become SQL. */
static gboolean
is_plain(const Column *column)
{
    gboolean plain = column->name != NULL && strlen(column->name) <= MAX_NAME &&
                     (g_ascii_isalpha(*column->name) || *column->name == '_');

    for (const char *c = column->name; plain && *c != '\0'; c++)
        plain = g_ascii_isalnum(*c) || *c == '_';
    return plain && (g_strcmp0(column->type, "INTEGER") == 0 ||
                     g_strcmp0(column->type, "REAL") == 0 || g_strcmp0(column->type, "TEXT") == 0);
}

/* ---- columns that only the source has ----------------------------------------------------------- */

static gboolean
copy_description(EntroStore *target, EntroStore *source, const char *table, const char *name,
                 GError **error)
{
    g_autoptr(sqlite3_stmt) from = entro_sql_prepare(
        source, "SELECT title, unit, definition FROM metric WHERE table_name = ? AND name = ?",
        NULL);
    gboolean row = FALSE;

    if (from == NULL)
        return TRUE; /* undescribed there */
    EntroBinder key = entro_bind(source, from);
    entro_bind_text(&key, table);
    entro_bind_text(&key, name);
    if (!entro_sql_step(source, from, &row, error))
        return entro_merge_blame_source(error);
    if (!row)
        return TRUE;
    g_autoptr(sqlite3_stmt) to =
        entro_sql_prepare(target,
                          "INSERT OR IGNORE INTO metric (table_name, name, title, unit, definition)"
                          " VALUES (?, ?, ?, ?, ?)",
                          error);
    if (to == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(target, to);
    entro_bind_text(&bind, table);
    entro_bind_text(&bind, name);
    for (int j = 0; j < 3; j++)
        entro_bind_text(&bind, (const char *)sqlite3_column_text(from, j));
    return entro_bind_execute(&bind, error);
}

static gboolean
add_column(EntroStore *target, EntroStore *source, const char *table, const Column *column,
           GError **error)
{
    g_autofree char *sql = g_strdup_printf("ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", table,
                                           column->name, column->type);

    return entro_sql_exec(target, sql, error) &&
           copy_description(target, source, table, column->name, error);
}

/* Columns of a newer program's statistics come along, as NULL in the runs that are here. */
static gboolean
add_new_columns(EntroStore *target, EntroStore *source, const char *table, const GPtrArray *here,
                const GPtrArray *there, GError **error)
{
    for (guint j = 0; j < there->len; j++) {
        const Column *column = there->pdata[j];

        if (is_plain(column) && !is_row_number(there, column) &&
            find_column(here, column->name) == NULL &&
            !add_column(target, source, table, column, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- tables ----------------------------------------------------------------------------------- */

/* A view or virtual table under the name of a table would have its own idea of its rows. */
static gboolean
find_in_source(EntroStore *source, const char *table, gboolean *ret_there, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(source,
                          "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = ?",
                          error);

    *ret_there = FALSE;
    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(source, stmt);
    entro_bind_text(&bind, table);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(source, stmt, ret_there, error))
        return FALSE;
    return !*ret_there || g_strcmp0((const char *)sqlite3_column_text(stmt, 0), "table") == 0 ||
           fail_source(source, table, "is no plain table, as it should be", error);
}

/* What is asked before it is known what a run has, and what every version has: captures without their
 * statistics would stand in the way of those that have them. */
static gboolean
check_first_tables(EntroStore *source, GError **error)
{
    static const char *const tables[] = {"runs", "captures", "head_stats", "layer_stats"};
    gboolean there = FALSE;

    for (guint j = 0; j < G_N_ELEMENTS(tables); j++) {
        if (!find_in_source(source, tables[j], &there, error))
            return FALSE;
        if (!there)
            return fail_source(source, tables[j], "there is no such table", error);
    }
    return TRUE;
}

EntroStore *
entro_store_open_source(const char *path, GError **error)
{
    g_autoptr(EntroStore) source = entro_store_open(path, ENTRO_STORE_READ, error);

    if (source != NULL && check_first_tables(source, error))
        return g_steal_pointer(&source);
    entro_merge_blame_source(error);
    return NULL;
}

static gboolean
check_columns(EntroStore *source, const char *table, const GPtrArray *here, const GPtrArray *there,
              GError **error)
{
    if (there->len > MAX_COLUMNS)
        return fail_source(source, table, "has more columns than any table of entroscope", error);
    for (guint j = 0; j < here->len; j++) {
        const Column *column = here->pdata[j];

        if ((column->key > 0 || g_str_equal(column->name, "run_id")) &&
            find_column(there, column->name) == NULL) {
            g_autofree char *sentence = g_strdup_printf("lacks the column %s", column->name);
            return fail_source(source, table, sentence, error);
        }
    }
    return TRUE;
}

static int
compare_keys(gconstpointer a, gconstpointer b)
{
    const Column *column_a = *(const Column *const *)a, *column_b = *(const Column *const *)b;

    return (int)(column_a->key - column_b->key);
}

static EntroMergeTable *
describe_table(const char *name, GPtrArray *here, const GPtrArray *there)
{
    EntroMergeTable *table = g_new0(EntroMergeTable, 1);

    table->name = g_strdup(name);
    table->columns = g_ptr_array_new_with_free_func(g_free);
    table->keys = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_sort(here, compare_keys);
    for (guint j = 0; j < here->len; j++) {
        const Column *column = here->pdata[j];

        if (is_row_number(here, column) || g_str_equal(column->name, "run_id") ||
            find_column(there, column->name) == NULL)
            continue;
        g_ptr_array_add(table->columns, g_strdup(column->name));
        if (column->key > 0)
            g_ptr_array_add(table->keys, g_strdup(column->name));
    }
    table->by_step = table->keys->len > 0 && g_str_equal(table->keys->pdata[0], "step");
    table->as_one = table->keys->len == 0 || g_str_equal(name, "findings");
    table->judged = !table->as_one && !g_str_equal(name, "run_tags");
    return table;
}

gboolean
entro_merge_table_new(EntroStore *target, EntroStore *source, const char *name,
                      EntroMergeTable **ret_table, GError **error)
{
    gboolean there_is = FALSE;

    *ret_table = NULL;
    if (!find_in_source(source, name, &there_is, error))
        return entro_merge_blame_source(error);
    if (!there_is)
        return TRUE;
    g_autoptr(GPtrArray) there = read_columns(source, name, error);
    if (there == NULL)
        return entro_merge_blame_source(error);
    g_autoptr(GPtrArray) before = read_columns(target, name, error);
    if (before == NULL || !check_columns(source, name, before, there, error) ||
        !add_new_columns(target, source, name, before, there, error))
        return FALSE;
    g_autoptr(GPtrArray) here = read_columns(target, name, error);
    if (here != NULL)
        *ret_table = describe_table(name, here, there);
    return here != NULL;
}

static GPtrArray *
list_names(EntroStore *target, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(target,
                          "SELECT name FROM sqlite_schema AS t WHERE type = 'table' AND EXISTS"
                          " (SELECT 1 FROM pragma_foreign_key_list(t.name) AS f"
                          "  WHERE f.\"table\" = 'runs' AND f.\"from\" = 'run_id') ORDER BY name",
                          error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(target, stmt, &row, error) && row)
        g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    return row ? NULL : g_steal_pointer(&names);
}

GPtrArray *
entro_merge_tables(EntroStore *target, EntroStore *source, GError **error)
{
    g_autoptr(GPtrArray) tables =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_merge_table_free);
    g_autoptr(GPtrArray) names = list_names(target, error);

    for (guint j = 0; names != NULL && j < names->len; j++) {
        EntroMergeTable *table = NULL;

        if (!entro_merge_table_new(target, source, names->pdata[j], &table, error))
            return NULL;
        if (table != NULL)
            g_ptr_array_add(tables, table);
    }
    return names != NULL ? g_steal_pointer(&tables) : NULL;
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* Between connections; what is not finite is NULL in a table of this program. */
static gboolean
bind_column(EntroBinder *bind, sqlite3_stmt *from, int column)
{
    sqlite3_value *value = sqlite3_column_value(from, column);

    bind->n++;
    if (bind->rc == SQLITE_OK && sqlite3_value_type(value) == SQLITE_FLOAT &&
        !isfinite(sqlite3_value_double(value)))
        bind->rc = sqlite3_bind_null(bind->stmt, bind->n);
    else if (bind->rc == SQLITE_OK)
        bind->rc = sqlite3_bind_value(bind->stmt, bind->n, value);
    return bind->rc == SQLITE_OK;
}

static void
append_names(GString *sql, const GPtrArray *names, const char *before)
{
    for (guint j = 0; j < names->len; j++)
        g_string_append_printf(sql, "%s\"%s\"", j > 0 ? ", " : before,
                               (const char *)names->pdata[j]);
}

static sqlite3_stmt *
prepare_select(EntroStore *source, const EntroMergeTable *table, gboolean of_step, GError **error)
{
    g_autoptr(GString) sql = g_string_new("SELECT ");

    append_names(sql, table->columns, "");
    g_string_append_printf(sql, " FROM \"%s\" WHERE run_id = ?1%s ORDER BY ", table->name,
                           of_step ? " AND step = ?2" : "");
    if (table->keys->len > 0)
        append_names(sql, table->keys, "");
    else
        g_string_append(sql, "rowid");
    return entro_sql_prepare(source, sql->str, error);
}

static sqlite3_stmt *
prepare_insert(EntroStore *target, const EntroMergeTable *table, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);

    g_string_append_printf(sql, "INSERT INTO \"%s\" (run_id", table->name);
    append_names(sql, table->columns, ", ");
    g_string_append(sql, ") VALUES (?");
    for (guint j = 0; j < table->columns->len; j++)
        g_string_append(sql, ", ?");
    g_string_append_c(sql, ')');
    if (table->keys->len > 0) {
        g_string_append(sql, " ON CONFLICT (run_id");
        append_names(sql, table->keys, ", ");
        g_string_append(sql, ") DO NOTHING");
    }
    return entro_sql_prepare(target, sql->str, error);
}

typedef struct {
    EntroStore *target, *source;
    const EntroMergeTable *table;
    sqlite3_stmt *from, *to;
    gint64 run_id; /* in the target */
    gint64 *n_rows;
} Copy;

static gboolean
put_row(const Copy *copy, GError **error)
{
    EntroBinder bind = entro_bind(copy->target, copy->to);
    gboolean row = FALSE;

    entro_bind_int(&bind, copy->run_id);
    for (guint j = 0; j < copy->table->columns->len; j++)
        if (!bind_column(&bind, copy->from, (int)j))
            return fail_row(copy->target, copy->source, copy->table->name, error);
    if (!entro_sql_step(copy->target, copy->to, &row, NULL))
        return fail_row(copy->target, copy->source, copy->table->name, error);
    *copy->n_rows += sqlite3_changes(copy->target->db);
    sqlite3_reset(copy->to);
    return TRUE;
}

static gboolean
put_selected(const Copy *copy, GError **error)
{
    gboolean row = FALSE;

    for (;;) {
        if (!entro_sql_step(copy->source, copy->from, &row, error))
            return entro_merge_blame_source(error);
        if (!row)
            return TRUE;
        if (!put_row(copy, error))
            return FALSE;
    }
}

gboolean
entro_merge_copy(EntroStore *target, EntroStore *source, const EntroMergeTable *table, gint64 from,
                 gint64 to, const GArray *steps, gint64 *n_rows, GError **error)
{
    gboolean of_steps = steps != NULL && table->by_step;
    g_autoptr(sqlite3_stmt) select = prepare_select(source, table, of_steps, error);

    if (select == NULL)
        return entro_merge_blame_source(error);
    g_autoptr(sqlite3_stmt) insert = prepare_insert(target, table, error);
    if (insert == NULL)
        return FALSE;
    const Copy copy = {target, source, table, select, insert, to, n_rows};
    for (guint j = 0; j < (of_steps ? steps->len : 1); j++) {
        EntroBinder bind = entro_bind(source, select);

        entro_bind_int(&bind, from);
        if (of_steps)
            entro_bind_int(&bind, g_array_index(steps, gint64, j));
        if (!put_selected(&copy, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_same_value(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
    int type = sqlite3_column_type(a, column);

    if (type != sqlite3_column_type(b, column))
        return FALSE;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column);
    if (type == SQLITE_FLOAT)
        return sqlite3_column_double(a, column) == sqlite3_column_double(b, column);
    const void *bytes_a = sqlite3_column_blob(a, column), *bytes_b = sqlite3_column_blob(b, column);
    int n = sqlite3_column_bytes(a, column);
    return n == sqlite3_column_bytes(b, column) &&
           (n == 0 || memcmp(bytes_a, bytes_b, (gsize)n) == 0);
}

static gboolean
is_same_row(sqlite3_stmt *a, sqlite3_stmt *b)
{
    for (int j = 0; j < sqlite3_column_count(a); j++)
        if (!is_same_value(a, b, j))
            return FALSE;
    return TRUE;
}

gboolean
entro_merge_same_rows(EntroStore *target, EntroStore *source, const EntroMergeTable *table,
                      gint64 from, gint64 to, gboolean *ret_same, GError **error)
{
    gboolean here = TRUE, there = TRUE;

    *ret_same = FALSE;
    g_autoptr(sqlite3_stmt) theirs = prepare_select(source, table, FALSE, error);
    if (theirs == NULL)
        return entro_merge_blame_source(error);
    g_autoptr(sqlite3_stmt) ours = prepare_select(target, table, FALSE, error);
    if (ours == NULL)
        return FALSE;
    EntroBinder bind_theirs = entro_bind(source, theirs), bind_ours = entro_bind(target, ours);
    entro_bind_int(&bind_theirs, from);
    entro_bind_int(&bind_ours, to);
    for (;;) {
        if (!entro_sql_step(source, theirs, &there, error))
            return entro_merge_blame_source(error);
        if (!entro_sql_step(target, ours, &here, error))
            return FALSE;
        *ret_same = here == there && (!here || is_same_row(ours, theirs));
        if (!here || !*ret_same)
            return TRUE;
    }
}

/* ---- the run itself ----------------------------------------------------------------------------- */

static gboolean
is_given(const char *column)
{
    return g_str_equal(column, "name") || g_str_equal(column, "trace_name");
}

/* Without the columns that the caller gives: they come first. */
static sqlite3_stmt *
prepare_run(EntroStore *store, const EntroMergeTable *runs, gboolean insert, GError **error)
{
    g_autoptr(GString) sql =
        g_string_new(insert ? "INSERT INTO runs (id, name, trace_name" : "SELECT NULL, NULL, NULL");
    g_autoptr(GString) places = g_string_new(") VALUES (nullif(?, 0), ?, ?");

    for (guint j = 0; j < runs->columns->len; j++) {
        const char *column = runs->columns->pdata[j];

        if (is_given(column))
            continue;
        g_string_append_printf(sql, ", \"%s\"", column);
        g_string_append(places, ", ?");
    }
    g_string_append(sql, insert ? places->str : " FROM runs WHERE id = ?");
    if (insert)
        g_string_append_c(sql, ')');
    return entro_sql_prepare(store, sql->str, error);
}

gboolean
entro_merge_copy_run(EntroStore *target, EntroStore *source, gint64 from, gint64 id,
                     const char *name, const char *trace_name, GError **error)
{
    g_autoptr(EntroMergeTable) runs = NULL;
    gboolean row = FALSE;

    if (!entro_merge_table_new(target, source, "runs", &runs, error))
        return FALSE;
    if (runs == NULL)
        return fail_source(source, "runs", "is not there", error);
    g_autoptr(sqlite3_stmt) select = prepare_run(source, runs, FALSE, error);
    if (select == NULL)
        return entro_merge_blame_source(error);
    EntroBinder key = entro_bind(source, select);
    entro_bind_int(&key, from);
    if (!entro_sql_step(source, select, &row, error))
        return entro_merge_blame_source(error);
    if (!row)
        return fail_source(source, "runs", "a run is gone", error);
    g_autoptr(sqlite3_stmt) insert = prepare_run(target, runs, TRUE, error);
    if (insert == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(target, insert);
    entro_bind_int(&bind, id);
    entro_bind_text(&bind, name);
    entro_bind_text(&bind, trace_name);
    for (int j = bind.n; j < sqlite3_column_count(select); j++)
        bind_column(&bind, select, j);
    return (bind.rc == SQLITE_OK && entro_sql_step(target, insert, &row, NULL)) ||
           fail_row(target, source, "runs", error);
}
