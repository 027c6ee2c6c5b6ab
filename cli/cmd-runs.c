/* cmd-runs.c: the runs of a database. */
#include "command.h"

#include <stdio.h>

static char *db;

static const GOptionEntry entries[] = {{"db", 0, 0, G_OPTION_ARG_FILENAME, &db, "Results database",
                                        "DB"},
                                       {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json,
                                        "Print as JSON", NULL},
                                       {NULL}};

#define NAME_WIDTH 20
#define NAME_MOST  40 /* what is longer is cut here; --json has it whole */

/* Columns of text count characters, not bytes. */
static void
print_padded(const char *text, int width)
{
    g_autofree char *whole = entro_printable(text ? text : "-", -1);
    gboolean cut = g_utf8_strlen(whole, -1) > NAME_MOST;
    g_autofree char *start = g_utf8_substring(whole, 0, cut ? NAME_MOST - 3 : -1);
    g_autofree char *shown = g_strconcat(start, cut ? "..." : "", NULL);

    printf("%s%*s ", shown, MAX(0, width - (int)g_utf8_strlen(shown, -1)), "");
}

static void
print_table(const GPtrArray *runs)
{
    printf("%4s %-*s %7s %-10s %6s %5s %7s %8s  %s\n", "ID", NAME_WIDTH, "NAME", "ATTEMPT", "ARCH",
           "LAYERS", "HEADS", "CONTEXT", "CAPTURES", "STEPS");
    for (guint i = 0; i < runs->len; i++) {
        const EntroRunInfo *info = runs->pdata[i];

        printf("%4" G_GINT64_FORMAT " ", info->id);
        print_padded(info->name, NAME_WIDTH);
        printf("%7u ", info->attempt);
        print_padded(info->arch, 10);
        printf("%6" G_GINT64_FORMAT " %5" G_GINT64_FORMAT " %7" G_GINT64_FORMAT
               " %8" G_GINT64_FORMAT "  ",
               info->n_layers, info->n_heads, info->context_length, info->n_captures);
        if (info->n_captures > 0)
            printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "\n", info->first_step,
                   info->last_step);
        else
            printf("none\n");
    }
}

static void
print_json(const GPtrArray *runs)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "runs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < runs->len; i++) {
        const EntroRunInfo *info = runs->pdata[i];

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
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_runs;

    (void)ret_exit;
    if (!entro_options_parse(&entro_command_runs, entries, NULL, &argc, &argv, error) ||
        !entro_require(db, "--db DB", error))
        return FALSE;
    if (argc > 1)
        return entro_usage_error(error, "takes no argument, got \"%s\"", argv[1]);
    g_autoptr(EntroStore) store = entro_store_open(db, ENTRO_STORE_READ, error);
    g_autoptr(GPtrArray) runs = store ? entro_store_list_runs(store, error) : NULL;
    if (runs == NULL)
        return FALSE;
    (entro_common.json ? print_json : print_table)(runs);
    return TRUE;
}

const EntroCommand entro_command_runs = {.name = "runs",
                                         .arguments = "--db DB",
                                         .about = "Lists the runs of a database",
                                         .run = run};
