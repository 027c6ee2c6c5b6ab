/* cmd-plot.c: a figure from the database. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static struct {
    char *db, *output, *column, *band_max, *title, *preset, *palette, *lines, *font;
    char *width, *height, *font_size, *dpi, *max_pixels;
    char **runs, **scalars, **steps;
    gboolean values, shared_scale, log_y;
} chosen;

static const GOptionEntry entries[] = {
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database", "DB"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.runs,
     "A run, name or #ID; may be repeated (default: all)", "RUN"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &chosen.output, "FILE.pdf, .svg or .png", "FILE"},
    {"step", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.steps,
     "Training step, or last (default); once for all runs, or once for each --run", "N"},
    {"column", 0, 0, G_OPTION_ARG_STRING, &chosen.column,
     "Statistic to draw (default: the view's own)", "NAME"},
    {"values", 0, 0, G_OPTION_ARG_NONE, &chosen.values, "Write the number into each cell", NULL},
    {"shared-scale", 0, 0, G_OPTION_ARG_NONE, &chosen.shared_scale, "One scale for all runs", NULL},
    {"band-max", 0, 0, G_OPTION_ARG_STRING, &chosen.band_max,
     "M of the bands: pooled (default), own, ceiling, lnT or a number", "M"},
    {"scalar", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.scalars,
     "Name of a scalar; may be repeated (default: all)", "NAME"},
    {"log-y", 0, 0, G_OPTION_ARG_NONE, &chosen.log_y, "Logarithmic y axis of scalars", NULL},
    {"title", 0, 0, G_OPTION_ARG_STRING, &chosen.title, "Title (\"\": none)", "TEXT"},
    {"preset", 0, 0, G_OPTION_ARG_STRING, &chosen.preset,
     "Width, fonts and lines of a venue: neurips, icml, ieee, slides, ...", "NAME"},
    {"palette", 0, 0, G_OPTION_ARG_STRING, &chosen.palette, "Colours of a heat map", "NAME"},
    {"lines", 0, 0, G_OPTION_ARG_STRING, &chosen.lines, "Colours of lines and bars", "NAME"},
    {"font", 0, 0, G_OPTION_ARG_STRING, &chosen.font,
     "Font family (default: the preset's, or DejaVu Sans)", "FAMILY"},
    {"font-size", 0, 0, G_OPTION_ARG_STRING, &chosen.font_size, "Points", "PT"},
    {"width", 0, 0, G_OPTION_ARG_STRING, &chosen.width, "Inches (default: the preset's)", "IN"},
    {"height", 0, 0, G_OPTION_ARG_STRING, &chosen.height, "Inches", "IN"},
    {"dpi", 0, 0, G_OPTION_ARG_STRING, &chosen.dpi, "Resolution of a PNG (default 150)", "N"},
    {"max-pixels", 0, 0, G_OPTION_ARG_STRING, &chosen.max_pixels, "Largest PNG (default 1e8)", "N"},
    {NULL}};

/* ---- options ---------------------------------------------------------------------------------------------- */

/* One row an option that is a size. */
typedef struct {
    const char *option, *text;
    double least, most;
    double *value;
} SizeRow;

static gboolean
parse_step(const char *text, gint64 *ret_step, GError **error)
{
    *ret_step = ENTRO_STEP_LAST;
    if (g_str_equal(text, "last") ||
        g_ascii_string_to_signed(text, 10, G_MININT64 + 1, G_MAXINT64 - 1, ret_step, NULL))
        return TRUE;
    return entro_usage_error(error, "--step: \"%s\" is neither a step nor \"last\"", text);
}

/* One for all, or one for each run; `steps` owns them. */
static gboolean
parse_steps(EntroPlotOptions *options, GArray *steps, GError **error)
{
    guint n_runs = chosen.runs ? g_strv_length(chosen.runs) : 0;

    for (char **text = chosen.steps; text != NULL && *text != NULL; text++) {
        gint64 step;
        if (!parse_step(*text, &step, error))
            return FALSE;
        g_array_append_val(steps, step);
    }
    if (steps->len == 1)
        options->step = g_array_index(steps, gint64, 0);
    else if (steps->len > 1 && steps->len == n_runs)
        options->steps = (const gint64 *)steps->data;
    else if (steps->len > 1)
        return entro_usage_error(error,
                                 "%u times --step, but %u times --run: give one step, or "
                                 "one for each run",
                                 steps->len, n_runs);
    return TRUE;
}

static gboolean
parse_band_max(EntroPlotOptions *options, GError **error)
{
    if (chosen.band_max == NULL || entro_band_max_parse(chosen.band_max, &options->band_max))
        return TRUE;
    if (entro_parse_real(chosen.band_max, "--band-max", &options->band_value, NULL) &&
        options->band_value > 0)
        return TRUE;
    return entro_usage_error(error,
                             "--band-max: \"%s\" is not pooled, own, ceiling, lnT or a number "
                             "above 0",
                             chosen.band_max);
}

static gboolean
parse_size(const SizeRow *row, GError **error)
{
    double parsed;

    if (row->text == NULL)
        return TRUE;
    if (!entro_parse_real(row->text, row->option, &parsed, error) ||
        !entro_check_range(parsed, row->least, row->most, row->option, error))
        return FALSE;
    *row->value = parsed;
    return TRUE;
}

/* 200 inches are the largest page of a PDF; beyond the other bounds nobody sees a figure. */
static gboolean
parse_sizes(EntroPlotOptions *options, GError **error)
{
    const SizeRow rows[] = {
        {"--width", chosen.width, 0.1, 200, &options->width},
        {"--height", chosen.height, 0.1, 200, &options->height},
        {"--font-size", chosen.font_size, 1, 200, &options->font_size},
        {"--dpi", chosen.dpi, 10, 10000, &options->dpi},
        {"--max-pixels", chosen.max_pixels, 1, 1e9, &options->max_pixels},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (!parse_size(&rows[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
make_options(EntroPlotOptions *options, GArray *steps, GError **error)
{
    options->column = chosen.column;
    options->values = chosen.values;
    options->shared_scale = chosen.shared_scale;
    options->scalars = (const char *const *)chosen.scalars;
    options->log_y = chosen.log_y;
    options->title = chosen.title;
    options->preset = chosen.preset;
    options->palette = chosen.palette;
    options->lines = chosen.lines;
    options->font = chosen.font;
    return parse_steps(options, steps, error) && parse_band_max(options, error) &&
           parse_sizes(options, error);
}

/* ---- how to redraw it ------------------------------------------------------------------------------------ */

/* The words that an argument takes if it names the output: 0 if it does not. */
static guint
is_output(const char *argument)
{
    if (g_str_equal(argument, "-o") || g_str_equal(argument, "--output"))
        return 2;
    return g_str_has_prefix(argument, "-o") || g_str_has_prefix(argument, "--output=");
}

/* The command as it was typed, before GOption takes it to pieces; without the output's name, so that
 * the same figure under another name is the same file. */
static char *
quote_command(int argc, char **argv)
{
    GString *command = g_string_new("entroscope plot");

    for (int i = 1; i < argc; i++) {
        const guint n = is_output(argv[i]);
        if (n > 0) {
            i += (int)n - 1;
            continue;
        }
        g_autofree char *quoted = g_shell_quote(argv[i]);
        const gboolean plain =
            strspn(argv[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789-_=+,./:@%") == strlen(argv[i]);
        g_string_append_printf(command, " %s", plain && *argv[i] ? argv[i] : quoted);
    }
    g_string_append(command, " -o FILE");
    return g_string_free(command, FALSE);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static char *
list_views(const char *separator)
{
    guint n_views;
    const EntroView *views = entro_views(&n_views);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < n_views; i++)
        g_string_append_printf(text, "%s%s", i ? separator : "", views[i].key);
    return g_string_free(text, FALSE);
}

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
draw(const EntroView *view, const EntroPlotOptions *options, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);
    g_autoptr(GPtrArray) runs = store ? find_runs(store, error) : NULL;

    if (runs == NULL)
        return FALSE;
    g_autoptr(EntroFigure) figure =
        entro_plot_view(view, store, (const EntroRunInfo *const *)runs->pdata, runs->len, options,
                        error);
    if (figure == NULL || !entro_figure_write(figure, chosen.output, error))
        return FALSE;
    const GPtrArray *notes = entro_figure_get_notes(figure);
    for (guint i = 0; i < notes->len; i++)
        entro_say("note: %s", (const char *)notes->pdata[i]);
    return TRUE;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_plot;
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *redraw = quote_command(argc, argv);

    (void)ret_exit;
    options.redraw = redraw;
    if (!entro_options_parse(&entro_command_plot, entries, NULL, &argc, &argv, error) ||
        !make_options(&options, steps, error))
        return FALSE;
    if (argc == 1) {
        print_tables();
        return TRUE;
    }
    if (argc > 2)
        return entro_usage_error(error, "draws one VIEW, got %d", argc - 1);
    const EntroView *view = entro_view_find(argv[1]);
    if (view == NULL) {
        g_autofree char *views = list_views(", ");
        return entro_usage_error(error, "there is no view \"%s\"; there are %s", argv[1], views);
    }
    if (!entro_require(chosen.db, "--db DB", error) ||
        !entro_require(chosen.output, "-o FILE", error))
        return FALSE;
    if (entro_same_file(chosen.output, chosen.db))
        return entro_usage_error(error, "%s is the database itself", chosen.output);
    return draw(view, &options, error);
}

const EntroCommand entro_command_plot = {
    .name = "plot",
    .arguments = "[VIEW] --db DB [--run RUN...] -o FILE",
    .about = "Draws a figure as PDF, SVG or PNG",
    .details = "Without VIEW: lists the views, presets, palettes and colours of lines.",
    .run = run};
