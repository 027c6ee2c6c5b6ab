/* list-runs.c: runs of a database as a table and as JSON. */
#include "command.h"

#include <string.h>

#define NAME_MOST 40 /* what is longer is cut here; --json has it whole */

/* ---- the table -------------------------------------------------------------------------------- */

static char *
steps_text(const EntroRunInfo *info)
{
    return info->n_captures == 0 ? g_strdup("none")
                                 : g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                                   info->first_step, info->last_step);
}

/* Tags between commas: a tag may hold blanks. */
static void
print_tags(const EntroRunInfo *info)
{
    g_autofree char *joined = g_strjoinv(", ", info->tags);
    g_autofree char *shown = entro_printable(*joined != '\0' ? joined : "-", -1);

    puts(shown);
}

/* A name as it is shown. */
static char *
name_text(const char *name)
{
    g_autofree char *whole = entro_printable(name != NULL ? name : "-", -1);

    return entro_shorten(whole, NAME_MOST);
}

/* Columns as wide as what stands in them, counted in characters. */
enum { COLUMN_NAME, COLUMN_ARCH, COLUMN_STEPS, COLUMN_FINDINGS, N_COLUMNS };

typedef struct {
    char *text[N_COLUMNS];
} Row;

static void
row_clear(gpointer data)
{
    Row *row = data;

    for (guint column = 0; column < N_COLUMNS; column++)
        g_free(row->text[column]);
}

static Row
make_row(const EntroRunInfo *info)
{
    return (Row){{name_text(info->name), name_text(info->arch), steps_text(info),
                  entro_format_findings(info->findings_at != NULL, info->n_findings)}};
}

static void
print_cell(const char *text, int width)
{
    printf("%s%*s", text, width - (int)g_utf8_strlen(text, -1), "");
}

static void
print_row(const EntroRunInfo *info, const Row *row, const int *width)
{
    printf("%4" G_GINT64_FORMAT " ", info->id);
    print_cell(row->text[COLUMN_NAME], width[COLUMN_NAME]);
    printf(" %7u ", info->attempt);
    print_cell(row->text[COLUMN_ARCH], width[COLUMN_ARCH]);
    printf(" %6" G_GINT64_FORMAT " %5" G_GINT64_FORMAT " %7" G_GINT64_FORMAT " %8" G_GINT64_FORMAT
           "  ",
           info->n_layers, info->n_heads, info->context_length, info->n_captures);
    print_cell(row->text[COLUMN_STEPS], width[COLUMN_STEPS] + 2);
    print_cell(row->text[COLUMN_FINDINGS], width[COLUMN_FINDINGS] + 2);
    print_tags(info);
}

void
entro_runs_print(const GPtrArray *runs)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(Row));
    int width[N_COLUMNS] = {20, 10, (int)strlen("STEPS"), (int)strlen("FINDINGS")};

    g_array_set_clear_func(rows, row_clear);
    for (guint i = 0; i < runs->len; i++) {
        Row row = make_row(runs->pdata[i]);

        for (guint column = 0; column < N_COLUMNS; column++)
            width[column] = MAX(width[column], (int)g_utf8_strlen(row.text[column], -1));
        g_array_append_val(rows, row);
    }
    printf("%4s %-*s %7s %-*s %6s %5s %7s %8s  %-*s  %-*s  %s\n", "ID", width[COLUMN_NAME], "NAME",
           "ATTEMPT", width[COLUMN_ARCH], "ARCH", "LAYERS", "HEADS", "CONTEXT", "CAPTURES",
           width[COLUMN_STEPS], "STEPS", width[COLUMN_FINDINGS], "FINDINGS", "TAGS");
    for (guint i = 0; i < runs->len; i++)
        print_row(runs->pdata[i], &g_array_index(rows, Row, i), width);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void
add_config(const EntroRunInfo *info, JsonBuilder *builder)
{
    json_builder_set_member_name(builder, "config");
    json_builder_begin_object(builder);
    for (guint i = 0; i < info->n_config; i++) {
        g_autofree char *key = g_utf8_make_valid(info->config[i].key, -1);
        entro_json_string(builder, key, info->config[i].value);
    }
    json_builder_end_object(builder);
}

static void
add_tags(const EntroRunInfo *info, JsonBuilder *builder)
{
    g_autoptr(GPtrArray) tags = g_ptr_array_new();

    for (char **tag = info->tags; *tag != NULL; tag++)
        g_ptr_array_add(tags, *tag);
    entro_json_strings(builder, "tags", tags);
}

static void
add_run(const EntroRunInfo *info, JsonBuilder *builder)
{
    json_builder_begin_object(builder);
    entro_json_integer(builder, "id", info->id);
    entro_json_string(builder, "name", info->name);
    entro_json_integer(builder, "attempt", info->attempt);
    entro_json_string(builder, "arch", info->arch);
    entro_json_integer(builder, "n_layers", info->n_layers);
    entro_json_integer(builder, "n_heads", info->n_heads);
    entro_json_integer(builder, "context_length", info->context_length);
    entro_json_integer(builder, "captures", info->n_captures);
    entro_json_integer(builder, "first_step", info->first_step);
    entro_json_integer(builder, "last_step", info->last_step);
    entro_json_string(builder, "source", info->source);
    entro_json_string(builder, "fingerprint", info->fingerprint);
    entro_json_string(builder, "created_at", info->created_at);
    entro_json_string(builder, "producer", info->producer);
    entro_json_string(builder, "open_mode", info->open_mode);
    entro_json_string(builder, "input", info->input);
    entro_json_string(builder, "tool_version", info->tool_version);
    entro_json_string(builder, "trace_name", info->trace_name);
    json_builder_set_member_name(builder, "causal");
    if (info->causal < 0)
        json_builder_add_null_value(builder);
    else
        json_builder_add_boolean_value(builder, info->causal);
    entro_json_string(builder, "findings_at", info->findings_at);
    entro_json_findings(builder, info->findings_at != NULL, info->n_findings);
    add_tags(info, builder);
    add_config(info, builder);
    json_builder_end_object(builder);
}

void
entro_runs_print_json(const GPtrArray *runs)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < runs->len; i++)
        add_run(runs->pdata[i], builder);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}
