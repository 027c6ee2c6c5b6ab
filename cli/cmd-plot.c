/* cmd-plot.c: a figure from the database. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static struct {
    char *db, *output, *recipe;
    char **runs;
    EntroPlotSettings *settings;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.runs,
     "A run, name or #ID; may be repeated (default: all)", "RUN"},
    {"recipe", 0, 0, G_OPTION_ARG_FILENAME, &chosen.recipe,
     "Recipe (INI) of several views in one figure, instead of VIEW", "FILE"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &chosen.output, "FILE.pdf, .svg or .png", "FILE"},
    {NULL}};

/* ---- options ---------------------------------------------------------------------------------------------- */

/* `name` is "--width"; without a value the option is turned on. */
static gboolean
set_option(const char *name, const char *value, gpointer data, GError **error)
{
    g_autoptr(GError) failure = NULL;

    (void)data;
    if (entro_plot_settings_set(chosen.settings, name + strlen("--"), value ? value : "yes",
                                &failure))
        return TRUE;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s", failure->message);
    return FALSE;
}

/* One entry a setting; free it with g_free(). */
static GOptionEntry *
list_settings(void)
{
    const union {
        GOptionArgFunc function;
        gpointer data; /* GOption wants it as this */
    } callback = {.function = set_option};
    GArray *list = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    const EntroPlotSetting *row = NULL;

    for (guint i = 0; (row = entro_plot_setting(i)) != NULL; i++) {
        const GOptionEntry entry = {.long_name = row->key,
                                    .flags = row->argument ? 0 : G_OPTION_FLAG_NO_ARG,
                                    .arg = G_OPTION_ARG_CALLBACK,
                                    .arg_data = callback.data,
                                    .description = row->about,
                                    .arg_description = row->argument};
        g_array_append_val(list, entry);
    }
    return (GOptionEntry *)g_array_free(list, FALSE);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static void
print_names(const char *title, const char *option, const char *const *names)
{
    g_autofree char *list = g_strjoinv(", ", (char **)names);

    printf("%s (%s): %s\n", title, option, list);
}

/* Without a view: what there is. */
static void
print_tables(void)
{
    guint n_views;
    const EntroView *views = entro_views(&n_views);

    for (guint i = 0; i < n_views; i++)
        printf("%-20s %s\n", views[i].key, views[i].about);
    printf("\n");
    print_names("Presets", "--preset", entro_presets());
    print_names("Palettes", "--palette", entro_palettes());
    print_names("Lines", "--lines", entro_line_sets());
}

static GPtrArray *
find_runs(EntroStore *store, GError **error)
{
    g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);

    if (chosen.runs == NULL)
        return entro_store_list_runs(store, error);
    for (char **name = chosen.runs; *name != NULL; name++) {
        EntroRunInfo *info = entro_store_find_run(store, *name, error);
        if (info == NULL)
            return NULL;
        g_ptr_array_add(runs, info);
    }
    return g_steal_pointer(&runs);
}

static gboolean
write_figure(const EntroFigure *figure, GError **error)
{
    if (figure == NULL)
        return FALSE;
    if (entro_signals_seen() != 0) {
        g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                    "stopped by a signal; %s is as it was", chosen.output);
        return FALSE;
    }
    if (!entro_figure_write(figure, chosen.output, error))
        return FALSE;
    const GPtrArray *notes = entro_figure_get_notes(figure);
    for (guint i = 0; i < notes->len; i++)
        entro_say("note: %s", (const char *)notes->pdata[i]);
    return TRUE;
}

static gboolean
check_output(const char *db, GError **error)
{
    if (!entro_require(chosen.output, "-o FILE", error))
        return FALSE;
    if (db != NULL && entro_same_file(chosen.output, db))
        return entro_usage_error(error, "%s is the database itself", chosen.output);
    if (chosen.recipe != NULL && entro_same_file(chosen.output, chosen.recipe))
        return entro_usage_error(error, "%s is the recipe itself", chosen.output);
    return TRUE;
}

static gboolean
draw(const EntroView *view, const char *redraw, GError **error)
{
    const gboolean of_runs = entro_plot_settings_draw_runs(chosen.settings, view->key);
    EntroPlotOptions options;

    if (!entro_plot_settings_check(chosen.settings, view->key, error))
        return FALSE;
    if (view->min_runs > 0 && !entro_require(chosen.db, "--db DB", error))
        return FALSE;
    if (!of_runs && chosen.runs != NULL)
        return entro_usage_error(error, "--run means nothing here: %s draws no runs of a database",
                                 view->key);
    const gboolean opens = of_runs && chosen.db != NULL;
    g_autoptr(EntroStore) store =
        opens ? entro_store_open(chosen.db, ENTRO_STORE_READ, error) : NULL;
    g_autoptr(GPtrArray) runs = store ? find_runs(store, error) : g_ptr_array_new();
    if ((opens && store == NULL) || runs == NULL ||
        !entro_plot_settings_get(chosen.settings, runs->len, &options, error))
        return FALSE;
    options.redraw = redraw;
    g_autoptr(EntroFigure) figure =
        entro_plot_view(view, store, (const EntroRunInfo *const *)runs->pdata, runs->len, &options,
                        error);
    return write_figure(figure, error);
}

static gboolean
draw_recipe(const char *redraw, GError **error)
{
    g_autoptr(EntroRecipe) recipe = entro_recipe_read(chosen.recipe, error);
    g_autofree char *own_db = recipe ? entro_recipe_find_db(recipe) : NULL;
    const char *db = chosen.db ? chosen.db : own_db;

    if (recipe == NULL || !check_output(db, error))
        return FALSE;
    g_autoptr(EntroStore) store = db ? entro_store_open(db, ENTRO_STORE_READ, error) : NULL;
    if (db != NULL && store == NULL)
        return FALSE;
    g_autoptr(EntroFigure) figure =
        entro_recipe_draw(recipe, store, (const char *const *)chosen.runs, chosen.settings, redraw,
                          error);
    return write_figure(figure, error);
}

static const EntroView *
find_view(const char *key, GError **error)
{
    const EntroView *view = entro_view_find(key);

    if (view == NULL) {
        g_autofree char *views = g_strjoinv(", ", (char **)entro_view_keys());
        entro_usage_error(error, "there is no view \"%s\"; there are %s", key, views);
    }
    return view;
}

static gboolean
draw_view(const char *key, const char *redraw, GError **error)
{
    const EntroView *view = find_view(key, error);

    return view != NULL && check_output(chosen.db, error) && draw(view, redraw, error);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_plot;
    g_autoptr(EntroPlotSettings) settings = chosen.settings = entro_plot_settings_new();
    g_autofree GOptionEntry *more = list_settings();
    /* without the output's name: the same figure under another one is the same file */
    g_autofree char *redraw = entro_quote_command(argc, argv, entries, more, "output");

    (void)ret_exit;
    if (!entro_options_parse(&entro_command_plot, entries, more, &argc, &argv, error))
        return FALSE;
    if (argc == 1 && chosen.recipe == NULL && (chosen.db != NULL || chosen.output != NULL))
        return entro_usage_error(error, "needs a VIEW or --recipe FILE; plot alone lists them");
    if (argc == 1 && chosen.recipe == NULL) {
        print_tables();
        return TRUE;
    }
    if (argc > 2 || (argc == 2 && chosen.recipe != NULL))
        return entro_usage_error(error, "draws one VIEW or one --recipe, got %d",
                                 argc - 1 + (chosen.recipe != NULL));
    entro_signals_watch(ENTRO_PATIENCE);
    return chosen.recipe ? draw_recipe(redraw, error) : draw_view(argv[1], redraw, error);
}

const EntroCommand entro_command_plot = {
    .name = "plot",
    .arguments = "[VIEW|--recipe FILE] [--db DB] [--run RUN...] -o FILE",
    .about = "Draws a figure as PDF, SVG or PNG",
    .details = "Without VIEW: lists the views, presets, palettes and colours of lines.",
    .run = run};
