/* cmd-runs.c: the runs of a database: listed, renamed, tagged, deleted.
 *
 * The first argument is the verb, a row of `verbs`; without one the runs are listed. */
#include "command.h"

#include <string.h>
#include <unistd.h>

static struct {
    char *db;
    char **names, **tags, **archs, **config;
    gboolean yes;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"name", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.names,
     "List runs whose name matches: * ? [abc]", "GLOB"},
    {"tag", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.tags, "List runs that have this tag", "TAG"},
    {"arch", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.archs, "List runs of this architecture",
     "ARCH"},
    {"where", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.config,
     "List runs with this value in their config", "KEY=VALUE"},
    {"yes", 0, 0, G_OPTION_ARG_NONE, &chosen.yes, "Delete without asking", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print as JSON", NULL},
    {NULL}};

/* ---- listing ---------------------------------------------------------------------------------- */

static gboolean
list_runs(GError **error)
{
    const EntroRunFilter filter = {(const char *const *)chosen.names,
                                   (const char *const *)chosen.tags,
                                   (const char *const *)chosen.archs,
                                   (const char *const *)chosen.config};
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);
    g_autoptr(GPtrArray) runs = store ? entro_store_select_runs(store, &filter, error) : NULL;

    if (runs == NULL)
        return FALSE;
    (entro_common.json ? entro_runs_print_json : entro_runs_print)(runs);
    return TRUE;
}

/* ---- changing --------------------------------------------------------------------------------- */

/* Writing would create the database; what is to be changed must be there. */
static EntroStore *
open_existing(GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);

    return store != NULL ? entro_store_open(chosen.db, ENTRO_STORE_WRITE, error) : NULL;
}

static gboolean
rename_run(EntroStore *store, char **arguments, GError **error)
{
    return entro_store_rename_run(store, arguments[0], arguments[1], error);
}

static gboolean
tag_runs(EntroStore *store, char **arguments, GError **error)
{
    return entro_store_tag_runs(store, arguments[0], (const char *const *)arguments + 1, error);
}

static gboolean
untag_runs(EntroStore *store, char **arguments, GError **error)
{
    return entro_store_untag_runs(store, arguments[0], (const char *const *)arguments + 1, error);
}

static gboolean
holds_id(const GPtrArray *runs, gint64 id)
{
    for (guint i = 0; i < runs->len; i++)
        if (((const EntroRunInfo *)runs->pdata[i])->id == id)
            return TRUE;
    return FALSE;
}

/* A run that is meant twice is deleted once. */
static GPtrArray *
find_all(EntroStore *store, char **refs, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);

    for (; *refs != NULL; refs++) {
        g_autoptr(GPtrArray) found = entro_store_find_runs(store, *refs, error);
        if (found == NULL)
            return NULL;
        while (found->len > 0) {
            EntroRunInfo *info = g_ptr_array_steal_index(found, 0);
            if (holds_id(all, info->id))
                entro_run_info_free(info);
            else
                g_ptr_array_add(all, info);
        }
    }
    return g_steal_pointer(&all);
}

/* What goes, whatever --quiet says when it is asked about. */
static void
tell_what_goes(const GPtrArray *runs)
{
    for (guint i = 0; i < runs->len; i++) {
        const EntroRunInfo *info = runs->pdata[i];
        g_autofree char *name = entro_printable(info->name, -1);

        fprintf(stderr,
                "#%" G_GINT64_FORMAT " %s, attempt %u: %" G_GINT64_FORMAT
                " captures, %" G_GINT64_FORMAT " layers of up to %" G_GINT64_FORMAT " heads\n",
                info->id, name, info->attempt, info->n_captures, info->n_layers, info->n_heads);
    }
}

static gboolean
agreed(const GPtrArray *runs, GError **error)
{
    char answer[8] = "";

    if (!chosen.yes || !entro_common.quiet)
        tell_what_goes(runs);
    if (chosen.yes)
        return TRUE;
    if (!isatty(STDIN_FILENO))
        return entro_usage_error(error, "deletes only with --yes when nobody can be asked");
    fprintf(stderr, runs->len == 1 ? "Delete it? [y/N] " : "Delete these %u runs? [y/N] ",
            runs->len);
    if (fgets(answer, sizeof answer, stdin) != NULL &&
        (g_ascii_strcasecmp(answer, "y\n") == 0 || g_ascii_strcasecmp(answer, "yes\n") == 0))
        return TRUE;
    return entro_usage_error(error, "nothing was deleted");
}

/* The runs are gone then; only the file is still as large as before. */
static void
shrink(EntroStore *store, guint n_deleted)
{
    g_autoptr(GError) failure = NULL;
    guint64 bytes = 0;

    if (!entro_store_shrink(store, &bytes, &failure)) {
        entro_say("deleted; the file keeps its size, the space will be used again (%s)",
                  failure->message);
        return;
    }
    g_autofree char *size = entro_format_bytes(bytes);
    entro_say("%u %s deleted, %s given back", n_deleted, n_deleted == 1 ? "run" : "runs", size);
}

static gboolean
delete_runs(EntroStore *store, char **arguments, GError **error)
{
    g_autoptr(GPtrArray) runs = find_all(store, arguments, error);

    if (runs == NULL || !agreed(runs, error) ||
        !entro_store_delete_runs(store, (const EntroRunInfo *const *)runs->pdata, runs->len, error))
        return FALSE;
    shrink(store, runs->len);
    return TRUE;
}

/* ---- verbs ------------------------------------------------------------------------------------ */

typedef struct {
    const char *name, *arguments;
    int least, most; /* arguments */
    gboolean (*run)(EntroStore *store, char **arguments, GError **error);
} Verb;

static const Verb verbs[] = {
    {"rename", "RUN NEW-NAME", 2, 2, rename_run},
    {"tag", "RUN TAG...", 2, G_MAXINT, tag_runs},
    {"untag", "RUN TAG...", 2, G_MAXINT, untag_runs},
    {"delete", "RUN...", 1, G_MAXINT, delete_runs},
};

static const Verb *
find_verb(const char *name, GError **error)
{
    g_autoptr(GString) there = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_str_equal(verbs[i].name, name))
            return &verbs[i];
        g_string_append_printf(there, "%s%s", i > 0 ? ", " : "", verbs[i].name);
    }
    entro_usage_error(error, "there is no verb \"%s\"; there are %s; without one, runs are listed",
                      name, there->str);
    return NULL;
}

static gboolean
change_runs(int argc, char **argv, GError **error)
{
    const Verb *verb = find_verb(argv[1], error);
    int n = argc - 2;

    if (verb == NULL)
        return FALSE;
    if (n < verb->least || n > verb->most)
        return entro_usage_error(error, "%s takes %s; see --help", verb->name, verb->arguments);
    if (chosen.names || chosen.tags || chosen.archs || chosen.config)
        return entro_usage_error(error,
                                 "--name, --tag, --arch and --where are for listing; %s "
                                 "takes names or #ID",
                                 verb->name);
    g_autoptr(EntroStore) store = open_existing(error);
    if (store == NULL)
        return FALSE;
    entro_say_store_notes(store);
    return verb->run(store, argv + 2, error);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_runs;

    (void)ret_exit;
    if (!entro_options_parse(&entro_command_runs, entries, NULL, &argc, &argv, error) ||
        !entro_require(chosen.db, "--db DB", error))
        return FALSE;
    return argc > 1 ? change_runs(argc, argv, error) : list_runs(error);
}

const EntroCommand entro_command_runs = {
    .name = "runs",
    .arguments =
        "[rename RUN NEW-NAME | tag RUN TAG... | untag RUN TAG... | delete RUN...] --db DB",
    .about = "Lists the runs of a database; renames, tags and deletes them",
    .details =
        "Listing: each of --name, --tag, --arch and --where may be repeated, and a run must pass "
        "all\n"
        "of them; numbers are compared as numbers (--where lr=1e-3). FINDINGS is \"-\" for a run "
        "that\n"
        "was never judged.\n\n"
        "Changing: RUN is a name, which means all attempts of that name, or #ID, which means that\n"
        "attempt alone; rename always takes all. 'analyze' goes on with a renamed run under its "
        "new\n"
        "name, if the trace has an identifier. 'delete' says what goes and asks; without a\n"
        "terminal it needs --yes. Several runs go together or not at all, and their space is\n"
        "given back.",
    .run = run};
