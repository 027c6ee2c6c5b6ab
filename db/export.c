/* export.c: a table or view of the schema as CSV or JSON.
 *
 * Numbers are written in %.17g whatever the locale, so that reading them back gives the same
 * doubles.  Lines end in \n, in CSV too. */
#include "db-private.h"

#include <math.h>

enum { WRITE_SIZE = 1 << 16 }; /* bytes handed on at a time */

/* What can be exported: name, the column of the run's id (NULL: rows of no run), the order. */
typedef struct {
    const char *name, *run_column, *order;
} Exportable;

static const Exportable exportables[] = {
    {"runs", "id", "id"},
    {"run_latest", "run_id", "run_id"},
    {"run_config", "run_id", "run_id, key"},
    {"scalars", "run_id", "run_id, name, step"},
    {"captures", "run_id", "run_id, step"},
    {"head_stats", "run_id", "run_id, step, layer, head"},
    {"layer_stats", "run_id", "run_id, step, layer"},
    {"head_params", "run_id", "run_id, step, layer, head"},
    {"layer_params", "run_id", "run_id, step, layer"},
    {"layer_entropy", "run_id", "run_id, step, layer"},
    {"capture_rows", "run_id", "run_id, step"},
    {"findings", "run_id", "run_id, number"},
    {"run_tags", "run_id", "run_id, tag"},
    {"rules", NULL, "name"},
    {"rule_parameters", NULL, "rule, name"},
    {"metric", NULL, "table_name, name"},
};

/* ---- which table ---------------------------------------------------------------------------- */

char **
entro_store_list_tables(EntroStore *store, GError **error)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();

    for (gsize j = 0; j < G_N_ELEMENTS(exportables); j++) {
        gboolean there = FALSE;

        if (!entro_sql_has_table(store, exportables[j].name, &there, error))
            return NULL;
        if (there)
            g_strv_builder_add(names, exportables[j].name);
    }
    return g_strv_builder_end(names);
}

static const Exportable *
find_exportable(EntroStore *store, const char *table, GError **error)
{
    gboolean there = FALSE;

    for (gsize j = 0; j < G_N_ELEMENTS(exportables); j++)
        if (g_str_equal(exportables[j].name, table)) {
            if (!entro_sql_has_table(store, table, &there, error))
                return NULL;
            if (there)
                return &exportables[j];
        }
    g_auto(GStrv) names = entro_store_list_tables(store, error);
    if (names == NULL)
        return NULL;
    g_autofree char *quoted = entro_quote_name(table);
    g_autofree char *list = g_strjoinv(", ", names);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                "%s: there is no table %s; there are %s", store->path, quoted, list);
    return NULL;
}

/* ---- the query ------------------------------------------------------------------------------ */

/* A list of parameters, not a subquery: the views that count rows then look at these runs alone. */
static char *
make_filter(const char *run_column, guint n_runs)
{
    GString *filter = g_string_new(NULL);

    g_string_append_printf(filter, " WHERE %s IN (?", run_column);
    for (guint j = 1; j < n_runs; j++)
        g_string_append(filter, ", ?");
    g_string_append_c(filter, ')');
    return g_string_free(filter, FALSE);
}

/* n_runs 0: of all */
static sqlite3_stmt *
prepare_export(EntroStore *store, const Exportable *table, guint n_runs, GError **error)
{
    g_autofree char *filter = n_runs > 0 ? make_filter(table->run_column, n_runs) : NULL;
    g_autofree char *sql = g_strdup_printf("SELECT * FROM %s%s ORDER BY %s", table->name,
                                           filter != NULL ? filter : "", table->order);

    return entro_sql_prepare(store, sql, error);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void
append_double(GString *out, double value, EntroExportFormat format)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (isfinite(value))
        g_string_append(out, g_ascii_formatd(number, sizeof number, "%.17g", value));
    else if (format == ENTRO_EXPORT_JSON)
        g_string_append(out, "null"); /* this program stores none, but others may have */
}

static void
append_cell(GString *out, sqlite3_stmt *stmt, int column, const EntroExportOptions *options)
{
    int type = sqlite3_column_type(stmt, column);

    if (type == SQLITE_INTEGER) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT,
                               (gint64)sqlite3_column_int64(stmt, column));
    } else if (type == SQLITE_FLOAT) {
        append_double(out, sqlite3_column_double(stmt, column), options->format);
    } else if (type == SQLITE_NULL) {
        g_string_append(out, options->format == ENTRO_EXPORT_JSON ? "null" : "");
    } else {
        const char *bytes = (const char *)sqlite3_column_text(stmt, column);
        const char *text = bytes != NULL ? bytes : ""; /* NULL: an empty blob */
        gsize length = (gsize)sqlite3_column_bytes(stmt, column);

        if (options->format == ENTRO_EXPORT_JSON)
            entro_json_append_text(out, text, length);
        else
            entro_csv_append_text(out, text, length, options->csv_raw);
    }
}

static void
append_csv_row(GString *out, sqlite3_stmt *stmt, const EntroExportOptions *options)
{
    int n_columns = sqlite3_column_count(stmt);

    for (int column = 0; column < n_columns; column++) {
        if (column > 0)
            g_string_append_c(out, ',');
        append_cell(out, stmt, column, options);
    }
    g_string_append_c(out, '\n');
}

static void
append_csv_header(GString *out, sqlite3_stmt *stmt)
{
    int n_columns = sqlite3_column_count(stmt);

    for (int column = 0; column < n_columns; column++) {
        const char *name = sqlite3_column_name(stmt, column);

        if (column > 0)
            g_string_append_c(out, ',');
        entro_csv_append_text(out, name, strlen(name), FALSE);
    }
    g_string_append_c(out, '\n');
}

static void
append_json_row(GString *out, sqlite3_stmt *stmt, gboolean first, const EntroExportOptions *options)
{
    int n_columns = sqlite3_column_count(stmt);

    g_string_append(out, first ? "\n{" : ",\n{");
    for (int column = 0; column < n_columns; column++) {
        const char *name = sqlite3_column_name(stmt, column);

        if (column > 0)
            g_string_append(out, ", ");
        entro_json_append_text(out, name, strlen(name));
        g_string_append(out, ": ");
        append_cell(out, stmt, column, options);
    }
    g_string_append_c(out, '}');
}

/* Hands on what has gathered, if there is somebody to hand it to. */
static gboolean
flush(GString *out, gsize at_least, EntroExportWrite write, gpointer data, GError **error)
{
    if (write == NULL || out->len < at_least)
        return TRUE;
    if (!write(out->str, out->len, data, error))
        return FALSE;
    g_string_truncate(out, 0);
    return TRUE;
}

static gboolean
append_rows(EntroStore *store, sqlite3_stmt *stmt, const EntroExportOptions *options, GString *out,
            EntroExportWrite write, gpointer data, GError **error)
{
    gboolean json = options->format == ENTRO_EXPORT_JSON;
    gboolean first = TRUE;
    gboolean row = TRUE;

    if (json)
        g_string_append_c(out, '[');
    else
        append_csv_header(out, stmt);
    for (; entro_sql_step(store, stmt, &row, error) && row; first = FALSE) {
        if (json)
            append_json_row(out, stmt, first, options);
        else
            append_csv_row(out, stmt, options);
        if (!flush(out, WRITE_SIZE, write, data, error))
            return FALSE;
    }
    if (json)
        g_string_append(out, first ? "]\n" : "\n]\n");
    return !row && flush(out, 1, write, data, error);
}

static gboolean
export_rows(EntroStore *store, const char *table, const EntroExportOptions *options, GString *out,
            EntroExportWrite write, gpointer data, GError **error)
{
    const Exportable *exportable = find_exportable(store, table, error);

    if (exportable == NULL)
        return FALSE;
    guint n_runs = exportable->run_column != NULL ? options->n_runs : 0;
    g_autoptr(sqlite3_stmt) stmt = prepare_export(store, exportable, n_runs, error);
    if (stmt == NULL)
        return FALSE;
    EntroBinder bind = entro_bind(store, stmt);
    for (guint j = 0; j < n_runs; j++)
        entro_bind_int(&bind, options->run_ids[j]);
    return entro_bind_ready(&bind, error) &&
           append_rows(store, stmt, options, out, write, data, error);
}

gboolean
entro_store_export(EntroStore *store, const char *table, const EntroExportOptions *options,
                   GString *out, GError **error)
{
    return export_rows(store, table, options, out, NULL, NULL, error);
}

gboolean
entro_store_export_to(EntroStore *store, const char *table, const EntroExportOptions *options,
                      EntroExportWrite write, gpointer data, GError **error)
{
    g_autoptr(GString) buffer = g_string_sized_new(2 * WRITE_SIZE);

    return export_rows(store, table, options, buffer, write, data, error);
}
