/* recipe.c: a recipe read and checked: an INI file that says which charts stand in a figure.
 *
 *     [figure]
 *     title = Entropy with and without LayerNorm
 *     columns = 2
 *     letters = yes
 *
 *     [panel maps]
 *     view = headwise-entropy
 *     run = SM+LN+G; SM
 *
 * GKeyFile reads it, but neither knows lines nor minds what is there twice: an index of the lines does
 * both. */
#include <errno.h>
#include <string.h>
#include <glib/gstdio.h>

#include "recipe-private.h"

static const gsize largest_recipe = 1 << 20;          /* bytes */
static const char byte_order_mark[] = "\xef\xbb\xbf"; /* some editors write one */

/* Keys that are no settings. */
static const struct {
    const char *key;
    gboolean in_figure, in_panel;
} own_keys[] = {
    {"db", TRUE, FALSE},      {"columns", TRUE, FALSE}, {"letters", TRUE, FALSE},
    {"share-x", TRUE, FALSE}, {"share-y", TRUE, FALSE}, {"share-colour", TRUE, FALSE},
    {"run", TRUE, TRUE},      {"view", FALSE, TRUE},    {"span", FALSE, TRUE},
};

gboolean
entro_recipe_is_panel(const char *group)
{
    return g_str_has_prefix(group, "panel ");
}

char *
entro_recipe_resolve(const EntroRecipe *recipe, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(recipe->path);

    return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(folder, path, NULL);
}

/* ---- lines ------------------------------------------------------------------------------------- */

static guint
line_of(const EntroRecipe *recipe, const char *group, const char *key)
{
    g_autofree char *place = g_strdup_printf("%s\n%s", group, key ? key : "");

    return GPOINTER_TO_UINT(g_hash_table_lookup(recipe->lines, place));
}

gboolean
entro_recipe_blame(const EntroRecipe *recipe, const char *group, const char *key, GError **error)
{
    g_autofree char *file = entro_text_clean(recipe->path);
    g_autofree char *place = entro_text_clean(group);
    const guint line = line_of(recipe, group, key);

    if (line > 0)
        g_prefix_error(error, "%s, line %u, [%s]: ", file, line, place);
    else
        g_prefix_error(error, "%s, [%s]: ", file, place);
    return FALSE;
}

gboolean
entro_recipe_refuse(const EntroRecipe *recipe, const char *group, const char *key, GError **error,
                    const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    entro_plot_refuse(error, "%s", message);
    return entro_recipe_blame(recipe, group, key, error);
}

/* Remembers the line of a group or key; what is there twice would be merged or lost silently. */
static gboolean
note_line(EntroRecipe *recipe, const char *group, const char *key, guint line, GError **error)
{
    const guint before = line_of(recipe, group, key);

    if (before == 0) {
        g_hash_table_insert(recipe->lines, g_strdup_printf("%s\n%s", group, key ? key : ""),
                            GUINT_TO_POINTER(line));
        return TRUE;
    }
    return entro_recipe_refuse(recipe, group, key, error, "%s is there again in line %u",
                               key ? key : "the group", line);
}

static gboolean
fail_line(const EntroRecipe *recipe, guint line, GError **error)
{
    g_autofree char *file = entro_text_clean(recipe->path);

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "%s, line %u: neither [figure], [panel NAME], KEY = VALUE below one of them, nor a "
                "comment that begins with #",
                file, line);
    return FALSE;
}

static gboolean
index_lines(EntroRecipe *recipe, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *group = g_strdup("");

    for (guint i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        char *end = *line == '[' ? strchr(line, ']') : strchr(line, '=');
        if (*line == '#' || *line == '\0')
            continue;
        if (!end || end == line || (*line != '[' && *group == '\0'))
            return fail_line(recipe, i + 1, error);
        *end = '\0';
        if (*line == '[') {
            g_free(group);
            group = g_strdup(line + 1);
        }
        if (!note_line(recipe, group, *line == '[' ? NULL : g_strchomp(line), i + 1, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* The text of the file; not of a device or a pipe, which might never end. */
static char *
read_text(const EntroRecipe *recipe, gsize *ret_length, GError **error)
{
    g_autofree char *file = entro_text_clean(recipe->path);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    GStatBuf status;
    const char *why = NULL;

    if (g_stat(recipe->path, &status) != 0)
        why = g_strerror(errno);
    else if (!S_ISREG(status.st_mode))
        why = "it is not a regular file";
    else if (!g_file_get_contents(recipe->path, &text, ret_length, &local))
        why = local->message;
    if (why)
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_READ, "%s could not be read: %s",
                    file, why);
    return g_steal_pointer(&text);
}

static gboolean
load(EntroRecipe *recipe, GError **error)
{
    g_autofree char *file = entro_text_clean(recipe->path);
    g_autoptr(GError) local = NULL;
    gsize length = 0;
    g_autofree char *text = read_text(recipe, &length, error);
    if (!text)
        return FALSE;

    if (g_str_has_prefix(text, byte_order_mark)) {
        length -= strlen(byte_order_mark);
        memmove(text, text + strlen(byte_order_mark), length + 1);
    }
    if (length > largest_recipe)
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                    "%s has %" G_GSIZE_FORMAT " bytes: a recipe has at most %" G_GSIZE_FORMAT, file,
                    length, largest_recipe);
    else if (!g_utf8_validate(text, (gssize)length, NULL))
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                    "%s is not valid UTF-8 text", file);
    else if (!index_lines(recipe, text, error))
        return FALSE;
    else if (!g_key_file_load_from_data(recipe->file, text, length, G_KEY_FILE_NONE, &local)) {
        g_autofree char *why = entro_text_clean_long(local->message);
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT, "%s: %s", file, why);
    } else
        return TRUE;
    return FALSE;
}

/* ---- checking ---------------------------------------------------------------------------------- */

static gboolean
is_allowed(const char *key, gboolean in_panel)
{
    const EntroPlotSetting *row = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(own_keys); i++)
        if (g_str_equal(own_keys[i].key, key))
            return in_panel ? own_keys[i].in_panel : own_keys[i].in_figure;
    for (guint i = 0; (row = entro_plot_setting(i)) != NULL; i++)
        if (g_str_equal(row->key, key))
            return !in_panel || !row->of_figure || g_str_equal(key, "title");
    return FALSE;
}

/* The keys that may stand there, sorted as the tables are. */
static char *
list_keys(gboolean in_panel)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const EntroPlotSetting *row = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(own_keys); i++)
        if (is_allowed(own_keys[i].key, in_panel))
            g_ptr_array_add(keys, (gpointer)own_keys[i].key);
    for (guint i = 0; (row = entro_plot_setting(i)) != NULL; i++)
        if (is_allowed(row->key, in_panel))
            g_ptr_array_add(keys, (gpointer)row->key);
    g_ptr_array_add(keys, NULL);
    return g_strjoinv(", ", (char **)keys->pdata);
}

static gboolean
check_keys(const EntroRecipe *recipe, const char *group, GError **error)
{
    const gboolean in_panel = entro_recipe_is_panel(group);
    g_auto(GStrv) keys = g_key_file_get_keys(recipe->file, group, NULL, NULL);

    for (guint i = 0; keys && keys[i]; i++) {
        if (is_allowed(keys[i], in_panel))
            continue;
        if (is_allowed(keys[i], !in_panel))
            return entro_recipe_refuse(recipe, group, keys[i], error, "\"%s\" belongs in %s",
                                       keys[i], in_panel ? "[figure]" : "a [panel NAME]");
        g_autofree char *known = list_keys(in_panel);
        return entro_recipe_refuse(recipe, group, keys[i], error,
                                   "there is no key \"%s\" here; there are %s", keys[i], known);
    }
    return TRUE;
}

static gboolean
check(const EntroRecipe *recipe, GError **error)
{
    g_autofree char *file = entro_text_clean(recipe->path);
    guint n_panels = 0;

    for (guint i = 0; recipe->groups[i]; i++) {
        const char *group = recipe->groups[i];
        if (!entro_recipe_is_panel(group) && !g_str_equal(group, ENTRO_RECIPE_FIGURE))
            return entro_recipe_refuse(recipe, group, NULL, error,
                                       "a recipe has [figure] and any number of [panel NAME]");
        if (!check_keys(recipe, group, error))
            return FALSE;
        n_panels += entro_recipe_is_panel(group);
    }
    if (n_panels > 0)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT, "%s: there is no [panel NAME]",
                file);
    return FALSE;
}

EntroRecipe *
entro_recipe_read(const char *path, GError **error)
{
    g_autoptr(EntroRecipe) recipe = g_new0(EntroRecipe, 1);

    recipe->path = g_strdup(path);
    recipe->file = g_key_file_new();
    recipe->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!load(recipe, error))
        return NULL;
    recipe->groups = g_key_file_get_groups(recipe->file, NULL);
    return check(recipe, error) ? g_steal_pointer(&recipe) : NULL;
}

void
entro_recipe_free(EntroRecipe *recipe)
{
    if (!recipe)
        return;
    g_free(recipe->path);
    g_key_file_unref(recipe->file);
    g_hash_table_unref(recipe->lines);
    g_strfreev(recipe->groups);
    g_free(recipe);
}

char *
entro_recipe_find_db(const EntroRecipe *recipe)
{
    g_autofree char *db = g_key_file_get_string(recipe->file, ENTRO_RECIPE_FIGURE, "db", NULL);

    return db ? entro_recipe_resolve(recipe, db) : NULL;
}
