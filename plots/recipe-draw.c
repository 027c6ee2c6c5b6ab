/* recipe-draw.c: a recipe becomes a figure.
 *
 * A setting of a panel goes before one of the command line, and that before one of [figure].  So a
 * recipe may leave open what it draws: the runs, a trace. */
#include <string.h>

#include "recipe-private.h"

/* What one panel draws from; alive until the figure is drawn. */
typedef struct {
    EntroPlotSettings *settings;
    EntroPlotOptions options;
    GPtrArray *runs; /* EntroRunInfo * */
} Panel;

static void
panel_free(gpointer data)
{
    Panel *panel = data;

    entro_plot_settings_free(panel->settings);
    g_clear_pointer(&panel->runs, g_ptr_array_unref);
    g_free(panel);
}

typedef struct {
    const EntroRecipe *recipe;
    EntroStore *store;              /* NULL: none */
    const char *const *runs;        /* of the command line, NULL: none */
    const EntroPlotSettings *given; /* on the command line */
    EntroPlotSettings *settings;    /* of the figure */
    EntroPlotOptions options;       /* of the figure */
    GPtrArray *panels;              /* Panel * */
    EntroPage *page;
} Cook;

static void
cook_clear(Cook *cook)
{
    entro_page_free(cook->page);
    g_clear_pointer(&cook->panels, g_ptr_array_unref);
    entro_plot_settings_free(cook->settings);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cook, cook_clear)

/* ---- settings ---------------------------------------------------------------------------------- */

/* The values of a key, blanks around them taken away; NULL with an error if they cannot be read.  A key
 * that takes one value has a list of one. */
static char **
read_values(const EntroRecipe *recipe, const char *group, const char *key, gboolean many,
            GError **error)
{
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) values = many ? g_key_file_get_string_list(recipe->file, group, key, NULL, &local)
                                : g_new0(char *, 2);

    if (!many)
        values[0] = g_key_file_get_string(recipe->file, group, key, &local);
    if (local) { /* GKeyFile may give a part of the value all the same */
        entro_recipe_refuse(recipe, group, key, error, "%s", local->message);
        return NULL;
    }
    for (guint i = 0; many && values[i]; i++)
        g_strstrip(values[i]); /* "a; b" */
    if (many && !values[0]) {
        entro_recipe_refuse(recipe, group, key, error, "%s has no value", key);
        return NULL;
    }
    return g_steal_pointer(&values);
}

/* A path is made one of the recipe's folder. */
static gboolean
set_from_file(const EntroRecipe *recipe, const char *group, const EntroPlotSetting *row,
              EntroPlotSettings *settings, GError **error)
{
    const gboolean is_path = g_str_equal(row->key, "trace");
    g_auto(GStrv) values = read_values(recipe, group, row->key, row->many, error);

    for (guint i = 0; values && values[i]; i++) {
        g_autofree char *value =
            is_path ? entro_recipe_resolve(recipe, values[i]) : g_strdup(values[i]);
        if (!entro_plot_settings_set(settings, row->key, value, error))
            return entro_recipe_blame(recipe, group, row->key, error);
    }
    return values != NULL;
}

/* Of the panel (NULL: of the figure), the command line or [figure]: the first that has it.  What stands
 * in [figure] or on the command line is for the panels that it means something to. */
static gboolean
choose_setting(const Cook *cook, const char *panel, const EntroView *view,
               const EntroPlotSetting *row, EntroPlotSettings *settings, GError **error)
{
    GKeyFile *file = cook->recipe->file;
    const gboolean fits = !view || entro_plot_setting_fits(row, view);

    if (panel && g_key_file_has_key(file, panel, row->key, NULL))
        return fits ? set_from_file(cook->recipe, panel, row, settings, error)
                    : entro_recipe_refuse(cook->recipe, panel, row->key, error,
                                          "%s means nothing to the view %s, which takes: %s",
                                          row->key, view->key, view->takes);
    if (fits && entro_plot_settings_has(cook->given, row->key))
        return entro_plot_settings_copy(settings, cook->given, row->key, error);
    if (fits && g_key_file_has_key(file, ENTRO_RECIPE_FIGURE, row->key, NULL))
        return set_from_file(cook->recipe, ENTRO_RECIPE_FIGURE, row, settings, error);
    return TRUE;
}

/* `panel` and `view` NULL: what belongs to the whole figure. */
static gboolean
choose_settings(const Cook *cook, const char *panel, const EntroView *view,
                EntroPlotSettings *settings, GError **error)
{
    const EntroPlotSetting *row = NULL;

    for (guint i = 0; (row = entro_plot_setting(i)) != NULL; i++)
        if (row->of_figure == (panel == NULL) &&
            !choose_setting(cook, panel, view, row, settings, error))
            return FALSE;
    return TRUE;
}

static gboolean
flag(const Cook *cook, const char *key, gboolean *ret_flag, GError **error)
{
    g_autoptr(GError) local = NULL;

    *ret_flag = FALSE;
    if (!g_key_file_has_key(cook->recipe->file, ENTRO_RECIPE_FIGURE, key, NULL))
        return TRUE;
    g_autofree char *value =
        g_key_file_get_string(cook->recipe->file, ENTRO_RECIPE_FIGURE, key, NULL);
    if (value && entro_plot_parse_flag(value, ret_flag))
        return TRUE;
    return entro_recipe_refuse(cook->recipe, ENTRO_RECIPE_FIGURE, key, error,
                               "%s: \"%s\" is neither yes nor no", key, value ? value : "");
}

static gboolean
number(const Cook *cook, const char *group, const char *key, guint otherwise, guint *ret_number,
       GError **error)
{
    gint64 parsed = 0;

    *ret_number = otherwise;
    if (!g_key_file_has_key(cook->recipe->file, group, key, NULL))
        return TRUE;
    g_autofree char *value = g_key_file_get_string(cook->recipe->file, group, key, NULL);
    if (!value || !g_ascii_string_to_signed(value, 10, 1, 100, &parsed, NULL))
        return entro_recipe_refuse(cook->recipe, group, key, error,
                                   "%s: \"%s\" is not a whole number from 1 to 100", key,
                                   value ? value : "");
    *ret_number = (guint)parsed;
    return TRUE;
}

/* ---- runs -------------------------------------------------------------------------------------- */

static gboolean
find_run(const Cook *cook, const char *group, const char *name, GPtrArray *runs, GError **error)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(name));

    if (!cook->store)
        return entro_recipe_refuse(cook->recipe, group, "run", error,
                                   "the run %s needs a database: give --db, or say db in [figure]",
                                   trimmed);
    EntroRunInfo *info = entro_store_find_run(cook->store, trimmed, error);
    if (!info)
        return entro_recipe_blame(cook->recipe, group, "run", error);
    g_ptr_array_add(runs, info);
    return TRUE;
}

/* The group that says which runs the panel draws; NULL: none. */
static const char *
group_with_runs(const Cook *cook, const char *panel)
{
    if (g_key_file_has_key(cook->recipe->file, panel, "run", NULL))
        return panel;
    return !cook->runs && g_key_file_has_key(cook->recipe->file, ENTRO_RECIPE_FIGURE, "run", NULL)
               ? ENTRO_RECIPE_FIGURE
               : NULL;
}

/* All runs where nobody says which. */
static GPtrArray *
find_runs(const Cook *cook, const char *panel, GError **error)
{
    const char *group = group_with_runs(cook, panel);
    g_autoptr(GPtrArray) runs = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);
    g_auto(GStrv) listed = group ? read_values(cook->recipe, group, "run", TRUE, error) : NULL;
    const char *const *names = group ? (const char *const *)listed : cook->runs;

    if (group && !listed)
        return NULL;
    if (!names)
        return cook->store ? entro_store_list_runs(cook->store, error) : g_steal_pointer(&runs);
    for (guint i = 0; names[i]; i++)
        if (!find_run(cook, group ? group : panel, names[i], runs, error))
            return NULL;
    return g_steal_pointer(&runs);
}

/* Views that read traces, or architectures instead of runs, draw no runs; to name some is a mistake. */
static gboolean
select_runs(const Cook *cook, const char *group, const EntroView *view, Panel *panel,
            GError **error)
{
    const gboolean draws = entro_plot_settings_draw_runs(panel->settings, view->key);

    if (!draws && g_key_file_has_key(cook->recipe->file, group, "run", NULL))
        return entro_recipe_refuse(cook->recipe, group, "run", error,
                                   "run means nothing to this panel: it draws %s",
                                   strstr(view->takes, "trace") ? "traces" : "architectures");
    panel->runs = draws ? find_runs(cook, group, error)
                        : g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);
    return panel->runs != NULL;
}

/* ---- panels ------------------------------------------------------------------------------------ */

static const EntroView *
view_of(const Cook *cook, const char *group, GError **error)
{
    g_autofree char *key = g_key_file_get_string(cook->recipe->file, group, "view", NULL);
    const EntroView *view = key ? entro_view_find(key) : NULL;
    if (view)
        return view;

    g_autofree char *known = g_strjoinv(", ", (char **)entro_view_keys());
    if (key)
        entro_recipe_refuse(cook->recipe, group, "view", error,
                            "there is no view \"%s\"; there are %s", key, known);
    else
        entro_recipe_refuse(cook->recipe, group, NULL, error,
                            "the panel does not say its view; there are %s", known);
    return NULL;
}

/* Titles and spans of the charts from `first` on, which the panel has added. */
static gboolean
finish_charts(const Cook *cook, const char *group, guint first, GError **error)
{
    const GPtrArray *charts = cook->page->charts;
    g_autofree char *title = g_key_file_get_string(cook->recipe->file, group, "title", NULL);
    guint span = 1;

    if (!number(cook, group, "span", 1, &span, error))
        return FALSE;
    if (title && charts->len - first != 1)
        return entro_recipe_refuse(cook->recipe, group, "title", error,
                                   "the panel has a title, but its view draws %u charts: name "
                                   "them with label, or make a panel of each",
                                   charts->len - first);
    for (guint i = first; i < charts->len; i++) {
        EntroChart *chart = charts->pdata[i];
        chart->span = span;
        if (title || !chart->title || !*chart->title) {
            g_free(chart->title);
            chart->title = g_strdup(title ? title : cook->page->batch_title);
        }
    }
    return TRUE;
}

/* The key that a message of the settings begins with; NULL: none of those that count runs. */
static const char *
key_in_message(const GError *error)
{
    return g_str_has_prefix(error->message, "step")    ? "step"
           : g_str_has_prefix(error->message, "label") ? "label"
                                                       : NULL;
}

static gboolean
add_panel(Cook *cook, const char *group, GError **error)
{
    const EntroView *view = view_of(cook, group, error);
    const guint first = cook->page->charts->len;
    Panel *panel = g_new0(Panel, 1);

    g_ptr_array_add(cook->panels, panel);
    panel->settings = entro_plot_settings_new();
    if (!view || !choose_settings(cook, group, view, panel->settings, error))
        return FALSE;
    if (!select_runs(cook, group, view, panel, error))
        return FALSE;
    if (!entro_plot_settings_get(panel->settings, panel->runs->len, &panel->options, error))
        return entro_recipe_blame(cook->recipe, group, key_in_message(*error), error);

    const EntroViewInput input = {cook->store, (const EntroRunInfo *const *)panel->runs->pdata,
                                  panel->runs->len, &panel->options};
    if (!entro_page_add_view(cook->page, view, &input, error))
        return entro_recipe_blame(cook->recipe, group, NULL, error);
    return finish_charts(cook, group, first, error);
}

/* ---- the figure -------------------------------------------------------------------------------- */

/* Preset, palette and lines are names that only the figure can look up. */
static gboolean
blame_figure(const Cook *cook, GError **error)
{
    const char *key = !entro_theme_find(cook->options.preset, NULL)     ? "preset"
                      : !entro_line_set_find(cook->options.lines, NULL) ? "lines"
                                                                        : NULL;

    if (key && entro_plot_settings_has(cook->given, key))
        return FALSE; /* of the command line */
    return entro_recipe_blame(cook->recipe, ENTRO_RECIPE_FIGURE, key, error);
}

static gboolean
make_page(Cook *cook, const char *redraw, GError **error)
{
    guint n_columns = 0;

    if (!choose_settings(cook, NULL, NULL, cook->settings, error) ||
        !entro_plot_settings_get(cook->settings, 0, &cook->options, error))
        return FALSE;
    cook->options.redraw = redraw;
    cook->page = entro_page_new(&cook->options, error);
    if (!cook->page)
        return blame_figure(cook, error);
    entro_page_set_title(cook->page, cook->options.title ? cook->options.title : "");
    if (!number(cook, ENTRO_RECIPE_FIGURE, "columns", 0, &n_columns, error) ||
        !flag(cook, "letters", &cook->page->letters, error) ||
        !flag(cook, "share-x", &cook->page->share_x, error) ||
        !flag(cook, "share-y", &cook->page->share_y, error) ||
        !flag(cook, "share-colour", &cook->page->share_colour, error))
        return FALSE;
    cook->page->n_columns = n_columns;
    cook->page->composed = TRUE;
    return TRUE;
}

EntroFigure *
entro_recipe_draw(const EntroRecipe *recipe, EntroStore *store, const char *const *runs,
                  const EntroPlotSettings *given, const char *redraw, GError **error)
{
    g_auto(Cook) cook = {.recipe = recipe,
                         .store = store,
                         .runs = runs && *runs ? runs : NULL,
                         .given = given,
                         .settings = entro_plot_settings_new(),
                         .panels = g_ptr_array_new_with_free_func(panel_free)};

    if (!make_page(&cook, redraw, error))
        return NULL;
    for (guint i = 0; recipe->groups[i]; i++)
        if (entro_recipe_is_panel(recipe->groups[i]) && !add_panel(&cook, recipe->groups[i], error))
            return NULL;
    return entro_page_finish(cook.page, error);
}
