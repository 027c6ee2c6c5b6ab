/* cmd-db.c: the database as a file: checked, and copied to a safe place.
 *
 * The first argument is the verb, a row of `verbs`. */
#include "command.h"

static const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json,
                                        "Print as JSON", NULL},
                                       {NULL}};

/* ---- check ------------------------------------------------------------------------------------ */

static const char *
plural(gint64 n)
{
    return n == 1 ? "" : "s";
}

static void
print_health(const char *path, const EntroStoreHealth *health)
{
    g_autofree char *file = entro_printable(path, -1);
    g_autofree char *size = entro_format_bytes((guint64)MAX(health->bytes, 0));

    printf("%s: %s; version %" G_GINT64_FORMAT " of the database, %" G_GINT64_FORMAT
           " run%s, %" G_GINT64_FORMAT " capture%s, %s\n",
           file, health->problems->len == 0 ? "sound" : "damaged", health->version, health->n_runs,
           plural(health->n_runs), health->n_captures, plural(health->n_captures), size);
}

/* A count that could not be made is null. */
static void
json_count(JsonBuilder *builder, const char *name, gint64 n)
{
    entro_json_place(builder, name, n, -1);
}

static void
print_health_json(const char *path, const EntroStoreHealth *health)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_string(builder, "database", path);
    entro_json_boolean(builder, "sound", health->problems->len == 0);
    entro_json_integer(builder, "version", health->version);
    json_count(builder, "runs", health->n_runs);
    json_count(builder, "captures", health->n_captures);
    entro_json_integer(builder, "bytes", health->bytes);
    json_builder_set_member_name(builder, "problems");
    json_builder_begin_array(builder);
    for (guint i = 0; i < health->problems->len; i++) {
        const EntroStoreProblem *problem = health->problems->pdata[i];
        json_builder_begin_object(builder);
        entro_json_string(builder, "check", problem->check);
        entro_json_string(builder, "sentence", problem->sentence);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}

static gboolean
check(char **arguments, int *ret_exit, GError **error)
{
    g_autoptr(EntroStoreHealth) health = entro_store_check(arguments[0], error);

    if (health == NULL)
        return FALSE;
    (entro_common.json ? print_health_json : print_health)(arguments[0], health);
    for (guint i = 0; i < health->problems->len; i++) {
        const EntroStoreProblem *problem = health->problems->pdata[i];
        g_autofree char *message =
            g_strdup_printf("%s: %s: %s", arguments[0], problem->check, problem->sentence);
        entro_complain("db check", message);
    }
    if (health->problems->len > 0)
        *ret_exit = ENTRO_EXIT_OUTPUT;
    return TRUE;
}

/* ---- backup ----------------------------------------------------------------------------------- */

static gboolean
no_signal(gpointer data)
{
    (void)data;
    return entro_signals_seen() == 0;
}

static gboolean
backup(char **arguments, int *ret_exit, GError **error)
{
    gboolean done = FALSE;

    (void)ret_exit;
    if (entro_common.json)
        return entro_usage_error(error, "--json is for check");
    entro_signals_watch(ENTRO_PATIENCE);
    if (!entro_store_backup(arguments[0], arguments[1], no_signal, NULL, &done, error))
        return FALSE;
    if (!done) {
        g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                    "%s: stopped by a signal; %s is as it was before", arguments[0], arguments[1]);
        return FALSE;
    }
    entro_say("%s: is now a backup of %s", arguments[1], arguments[0]);
    return TRUE;
}

/* ---- verbs ------------------------------------------------------------------------------------ */

typedef struct {
    const char *name, *arguments;
    int n; /* arguments */
    gboolean (*run)(char **arguments, int *ret_exit, GError **error);
} Verb;

static const Verb verbs[] = {
    {"check", "one database FILE", 1, check},
    {"backup", "a database FILE and the file TO which it is copied", 2, backup},
};

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_db;

    if (!entro_options_parse(&entro_command_db, entries, NULL, &argc, &argv, error))
        return FALSE;
    if (argc < 2)
        return entro_usage_error(error, "needs a verb: check or backup; see --help");
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (!g_str_equal(verbs[i].name, argv[1]))
            continue;
        if (argc - 2 != verbs[i].n)
            return entro_usage_error(error, "%s takes %s; see --help", verbs[i].name,
                                     verbs[i].arguments);
        return verbs[i].run(argv + 2, ret_exit, error);
    }
    return entro_usage_error(error, "there is no verb \"%s\"; there are check and backup", argv[1]);
}

const EntroCommand entro_command_db = {
    .name = "db",
    .arguments = "check FILE | backup FILE TO",
    .about = "Checks a database, or makes a backup of it",
    .details =
        "'check' reads the whole file: its pages and references, and what 'analyze' keeps true of\n"
        "its rows (every capture has all its layers and heads, nothing belongs to no capture,\n"
        "findings are of layers that exist, numbers are finite). A sentence for each thing that "
        "is\n"
        "wrong; exit code 0 when there is none, 6 otherwise. Nothing is changed.\n\n"
        "'backup' copies the database as it is at one moment, also while others write to it. TO\n"
        "appears, or takes the place of an older backup, when the whole copy is on the disk and "
        "was\n"
        "found sound. Do not copy a database with 'cp' while it is written: what lies in the "
        "files\n"
        "beside it (-wal) belongs to it.",
    .run = run};
