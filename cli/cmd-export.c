/* cmd-export.c: a table or view of the database as CSV or JSON. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static struct {
    char *db, *format, *output;
    char **runs;
    gboolean csv_raw;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.runs,
     "Only rows of this run, name or #ID; may be repeated", "RUN"},
    {"format", 0, 0, G_OPTION_ARG_STRING, &chosen.format, "csv (default) or json", "F"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &chosen.output, "Write to FILE, not to stdout",
     "FILE"},
    {"csv-raw", 0, 0, G_OPTION_ARG_NONE, &chosen.csv_raw,
     "Leave text that a spreadsheet would run as a formula as it is", NULL},
    {NULL}};

static gboolean
parse_format(EntroExportFormat *ret_format, GError **error)
{
    *ret_format = ENTRO_EXPORT_CSV;
    if (chosen.format == NULL || g_str_equal(chosen.format, "csv"))
        return TRUE;
    *ret_format = ENTRO_EXPORT_JSON;
    if (g_str_equal(chosen.format, "json"))
        return TRUE;
    return entro_usage_error(error, "there is no format \"%s\"; there are csv and json",
                             chosen.format);
}

static gboolean
find_run_ids(EntroStore *store, GArray *ids, GError **error)
{
    for (char **name = chosen.runs; name != NULL && *name != NULL; name++) {
        g_autoptr(EntroRunInfo) info = entro_store_find_run(store, *name, error);
        if (info == NULL)
            return FALSE;
        g_array_append_val(ids, info->id);
    }
    return TRUE;
}

static gboolean
write_piece(const char *bytes, gsize n, gpointer data, GError **error)
{
    return entro_output_write(data, bytes, n, error);
}

static gboolean
export_table(EntroStore *store, const char *table, const EntroExportOptions *options,
             GError **error)
{
    g_auto(EntroOutput) output = {0};

    return entro_output_open(&output, chosen.output, error) &&
           entro_store_export_to(store, table, options, write_piece, &output, error) &&
           entro_output_commit(&output, error);
}

/* Without a table: which there are. */
static gboolean
list_tables(EntroStore *store, GError **error)
{
    g_auto(GStrv) tables = entro_store_list_tables(store, error);

    for (char **table = tables; table != NULL && *table != NULL; table++)
        puts(*table);
    return tables != NULL;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_export;
    EntroExportOptions options = {0};
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));

    (void)ret_exit;
    if (!entro_options_parse(&entro_command_export, entries, NULL, &argc, &argv, error) ||
        !entro_require(chosen.db, "--db DB", error) || !parse_format(&options.format, error))
        return FALSE;
    if (argc > 2)
        return entro_usage_error(error, "takes one TABLE, got %d", argc - 1);
    if (chosen.output != NULL && entro_same_file(chosen.output, chosen.db))
        return entro_usage_error(error, "%s is the database itself", chosen.output);
    entro_signals_watch(ENTRO_PATIENCE);
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);
    if (store == NULL)
        return FALSE;
    if (argc == 1)
        return list_tables(store, error);
    if (!find_run_ids(store, ids, error))
        return FALSE;
    options.run_ids = (const gint64 *)ids->data;
    options.n_runs = ids->len;
    options.csv_raw = chosen.csv_raw;
    return export_table(store, argv[1], &options, error);
}

const EntroCommand entro_command_export = {
    .name = "export",
    .arguments = "[TABLE] --db DB",
    .about = "Writes a table or view of a database as CSV or JSON",
    .details = "Without TABLE: lists the tables and views.",
    .run = run};
