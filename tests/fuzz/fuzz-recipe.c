/* fuzz-recipe.c: a recipe of figures: read, refused with file and line, or drawn where it needs neither
 * a database nor a trace. */
#include "figure-private.h"
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

/* A small page: what it costs to draw is not the question. */
static EntroPlotSettings *
make_small(void)
{
    static const char *const given[][2] = {{"width", "3"}, {"height", "2"}};
    EntroPlotSettings *settings = entro_plot_settings_new();

    for (guint i = 0; i < G_N_ELEMENTS(given); i++)
        g_assert_true(entro_plot_settings_set(settings, given[i][0], given[i][1], NULL));
    return settings;
}

static void
draw(const EntroRecipe *recipe)
{
    g_autoptr(EntroPlotSettings) small = make_small();
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure = entro_recipe_draw(recipe, NULL, NULL, small, NULL, &error);
    g_autoptr(GString) svg = g_string_new(NULL);

    fuzz_check_error(figure != NULL, &error);
    if (figure == NULL)
        return;
    fuzz_check_error(entro_figure_print_svg(figure, "p-", svg, &error), &error);
    g_assert_true(g_utf8_validate(svg->str, (gssize)svg->len, NULL));
}

/* The words of each line as an option of its own, with any value. */
static void
set_all(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 200);
    g_autoptr(EntroPlotSettings) settings = entro_plot_settings_new();
    EntroPlotOptions options;

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, "=", 2);
        g_autoptr(GError) error = NULL;
        if (parts[0] == NULL || parts[1] == NULL)
            continue;
        fuzz_check_error(entro_plot_settings_set(settings, g_strstrip(parts[0]),
                                                 g_strstrip(parts[1]), &error),
                         &error);
    }
    for (guint n_runs = 0; n_runs < 3; n_runs++)
        entro_plot_settings_get(settings, n_runs, &options, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path = NULL, *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    int fd = fuzz_file(data, size, &path);
    g_autoptr(EntroRecipe) recipe = entro_recipe_read(path, &error);

    close(fd);
    fuzz_check_error(recipe != NULL, &error);
    if (error != NULL)
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    /* a trace would be any file of this machine */
    if (recipe != NULL && strstr(text, "trace") == NULL)
        draw(recipe);
    if (recipe != NULL)
        g_free(entro_recipe_find_db(recipe));
    set_all(text);
    return 0;
}
