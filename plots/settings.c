/* settings.c: the options of a figure as words, from a command line or from a recipe.
 *
 * A row of the table is an option: its name, what it takes, where its value goes, what it is for.  The
 * program's --help and the keys of a recipe follow from it. */
#include <string.h>

#include "figure-private.h"

struct EntroPlotSettings {
    EntroPlotOptions options;
    GPtrArray *words;  /* char *: owned texts that the options point to */
    GHashTable *lists; /* offset -> GPtrArray of char *, NULL-terminated */
    GArray *steps;     /* gint64 */
    GArray *heads;     /* EntroHeadChoice */
    GPtrArray *given;  /* char *: key, value, key, value, ...: to be copied */
};

typedef gboolean SetValue(EntroPlotSettings *settings, const EntroPlotSetting *row,
                          const char *value, GError **error);

/* ---- kinds of values --------------------------------------------------------------------------- */

static gpointer
place_of(EntroPlotSettings *settings, const EntroPlotSetting *row)
{
    return (char *)&settings->options + row->offset;
}

gboolean
entro_plot_parse_flag(const char *value, gboolean *ret_flag)
{
    static const char *const words[] = {"no", "yes", "false", "true", "0", "1", "off", "on"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(value, words[i]) == 0) {
            *ret_flag = i % 2 != 0;
            return TRUE;
        }
    return FALSE;
}

/* The command line gives "yes" for an option without a value. */
static gboolean
set_flag(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
         GError **error)
{
    if (entro_plot_parse_flag(value, place_of(settings, row)))
        return TRUE;
    return entro_plot_refuse(error, "%s: \"%s\" is neither yes nor no", row->key, value);
}

static gboolean
set_text(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
         GError **error)
{
    if (*value == '\0' && !row->may_be_empty)
        return entro_plot_refuse(error, "%s must not be empty", row->key);

    char *copy = g_strdup(value);
    g_ptr_array_add(settings->words, copy);
    *(const char **)place_of(settings, row) = copy;
    return TRUE;
}

static gboolean
set_texts(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
          GError **error G_GNUC_UNUSED)
{
    gpointer key = GSIZE_TO_POINTER(row->offset);
    GPtrArray *list = g_hash_table_lookup(settings->lists, key);

    if (!list) {
        list = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(settings->lists, key, list);
    } else
        g_ptr_array_set_size(list, (int)list->len - 1); /* its NULL */
    g_ptr_array_add(list, g_strdup(value));
    g_ptr_array_add(list, NULL);
    *(const char *const **)place_of(settings, row) = (const char *const *)list->pdata;
    return TRUE;
}

static gboolean
parse_number(const EntroPlotSetting *row, const char *value, double *ret_number, GError **error)
{
    char *end = NULL;

    *ret_number = g_ascii_strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(*ret_number))
        return entro_plot_refuse(error, "%s: \"%s\" is not a number", row->key, value);
    if (*ret_number < row->least || *ret_number > row->most)
        return entro_plot_refuse(error, "%s must be %.15g to %.15g", row->key, row->least,
                                 row->most);
    return TRUE;
}

static gboolean
set_number(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
           GError **error)
{
    return parse_number(row, value, place_of(settings, row), error);
}

static gboolean
set_whole(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
          GError **error)
{
    double number = 0;

    if (!parse_number(row, value, &number, error))
        return FALSE;
    if (number != floor(number))
        return entro_plot_refuse(error, "%s: \"%s\" is not a whole number", row->key, value);
    *(gint64 *)place_of(settings, row) = (gint64)number;
    return TRUE;
}

static gboolean
set_step(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
         GError **error)
{
    gint64 step = ENTRO_STEP_LAST;

    if (!g_str_equal(value, "last") &&
        !g_ascii_string_to_signed(value, 10, G_MININT64 + 1, G_MAXINT64 - 1, &step, NULL))
        return entro_plot_refuse(error, "%s: \"%s\" is neither a step nor \"last\"", row->key,
                                 value);
    g_array_append_val(settings->steps, step);
    return TRUE;
}

static gboolean
set_band_max(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
             GError **error)
{
    EntroPlotOptions *options = &settings->options;
    char *end = NULL;

    options->band_value = NAN;
    if (entro_band_max_parse(value, &options->band_max))
        return TRUE;
    options->band_value = g_ascii_strtod(value, &end);
    if (end != value && *end == '\0' && isfinite(options->band_value) && options->band_value > 0)
        return TRUE;
    options->band_value = NAN;
    return entro_plot_refuse(error,
                             "%s: \"%s\" is not pooled, own, ceiling, lnT or a number above 0",
                             row->key, value);
}

/* LAYER or LAYER.HEAD, "*" for every one. */
static gboolean
parse_choice(const char *text, gint64 *ret_number)
{
    *ret_number = ENTRO_ALL;
    return g_str_equal(text, "*") ||
           g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, ret_number, NULL);
}

static gboolean
set_head(EntroPlotSettings *settings, const EntroPlotSetting *row, const char *value,
         GError **error)
{
    g_auto(GStrv) parts = g_strsplit(value, ".", 3);
    EntroHeadChoice choice = {ENTRO_ALL, ENTRO_ALL};
    const guint n = g_strv_length(parts);

    if (n < 1 || n > 2 || !parse_choice(parts[0], &choice.layer) ||
        (n == 2 && !parse_choice(parts[1], &choice.head)))
        return entro_plot_refuse(error, "%s: \"%s\" is not LAYER.HEAD, as in 3.0 or 3.*", row->key,
                                 value);
    g_array_append_val(settings->heads, choice);
    return TRUE;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define AT(member) G_STRUCT_OFFSET(EntroPlotOptions, member)

/* 200 inches are the largest page of a PDF; beyond the other bounds nobody sees a figure. */
static const struct {
    EntroPlotSetting setting;
    SetValue *set;
} rows[] = {
    /* of one view */
    {{.key = "step",
      .argument = "N",
      .about = "Training step, or last (default); once for all runs, or once for each --run",
      .many = TRUE},
     set_step},
    {{.key = "label",
      .argument = "TEXT",
      .about = "What a run is called in the figure; once for each --run",
      .offset = AT(labels),
      .many = TRUE},
     set_texts},
    {{.key = "column",
      .argument = "NAME",
      .about = "Statistic to draw (default: the view's own)",
      .offset = AT(column)},
     set_text},
    {{.key = "values", .about = "Write the number into each cell", .offset = AT(values)}, set_flag},
    {{.key = "shared-scale", .about = "One scale for all runs", .offset = AT(shared_scale)},
     set_flag},
    {{.key = "band-max",
      .argument = "M",
      .about = "M of the bands: pooled (default), own, ceiling, lnT or a number"},
     set_band_max},
    {{.key = "scalar",
      .argument = "NAME",
      .about = "Name of a scalar; may be repeated (default: all)",
      .offset = AT(scalars),
      .many = TRUE},
     set_texts},
    {{.key = "log-y", .about = "Logarithmic y axis of curves", .offset = AT(log_y)}, set_flag},
    {{.key = "trace",
      .argument = "FILE",
      .about = "Trace to read, for views of single rows; may be repeated",
      .offset = AT(traces),
      .many = TRUE},
     set_texts},
    {{.key = "head",
      .argument = "L.H",
      .about = "Layer and head, * for every one; may be repeated (default: all)",
      .many = TRUE},
     set_head},
    {{.key = "sample",
      .argument = "N",
      .about = "Sample of the capture (default: the mean over all)",
      .offset = AT(sample),
      .least = 0,
      .most = 1e9},
     set_whole},
    {{.key = "by",
      .argument = "KEY",
      .about = "Configuration key that groups runs; seeds are averaged",
      .offset = AT(by)},
     set_text},
    {{.key = "level",
      .argument = "P",
      .about = "Confidence level of bands (default 0.95)",
      .offset = AT(level),
      .least = 0.5,
      .most = 0.9999},
     set_number},
    {{.key = "decimals",
      .argument = "N",
      .about = "Decimals of the numbers in cells and above bars (default: by their size)",
      .offset = AT(decimals),
      .least = 0,
      .most = 6},
     set_whole},
    {{.key = "part",
      .argument = "NAME",
      .about =
          "One chart of a view that draws several: mean, variance; communication, latency; ...",
      .offset = AT(part)},
     set_text},
    {{.key = "arch",
      .argument = "ARCH",
      .about = "Architecture instead of a run, or all, for cost; may be repeated",
      .offset = AT(archs),
      .many = TRUE},
     set_texts},
    {{.key = "layers",
      .argument = "L",
      .about = "Layers of the model (default: the run's, or 12)",
      .offset = AT(sizes[0]),
      .least = 1,
      .most = 1e5},
     set_whole},
    {{.key = "heads",
      .argument = "H",
      .about = "Heads a layer (default: the run's, or 12)",
      .offset = AT(sizes[1]),
      .least = 1,
      .most = 1e5},
     set_whole},
    {{.key = "dim",
      .argument = "D",
      .about = "Width (default: the run's, or 768)",
      .offset = AT(sizes[2]),
      .least = 1,
      .most = 1e7},
     set_whole},
    {{.key = "context",
      .argument = "T",
      .about = "Tokens (default: the run's, or 128)",
      .offset = AT(sizes[3]),
      .least = 1,
      .most = 1e8},
     set_whole},
    {{.key = "vocab",
      .argument = "V",
      .about = "Vocabulary (default: the run's, or 50257)",
      .offset = AT(sizes[4]),
      .least = 1,
      .most = 1e8},
     set_whole},
    {{.key = "ffn-layers",
      .argument = "N",
      .about = "Layers that have a feed-forward (default: all)",
      .offset = AT(sizes[5]),
      .least = 0,
      .most = 1e5},
     set_whole},
    {{.key = "bandwidth",
      .argument = "MBIT",
      .about = "Network in Mbit/s (default: as it was measured)",
      .offset = AT(bandwidth),
      .least = 1e-3,
      .most = 1e9},
     set_number},
    {{.key = "measured",
      .argument = "GB/MIN",
      .about = "Measured cost, marked beside the model's; once for each bar",
      .offset = AT(measured),
      .many = TRUE},
     set_texts},
    {{.key = "palette",
      .argument = "NAME",
      .about = "Colours of a heat map",
      .offset = AT(palette)},
     set_text},
    /* of the figure */
    {{.key = "title",
      .argument = "TEXT",
      .about = "Title (\"\": none)",
      .may_be_empty = TRUE,
      .offset = AT(title),
      .of_figure = TRUE},
     set_text},
    {{.key = "preset",
      .argument = "NAME",
      .about = "Width, fonts and lines of a venue: neurips, icml, ieee, slides, ...",
      .offset = AT(preset),
      .of_figure = TRUE},
     set_text},
    {{.key = "lines",
      .argument = "NAME",
      .about = "Colours of lines and bars",
      .offset = AT(lines),
      .of_figure = TRUE},
     set_text},
    {{.key = "font",
      .argument = "FAMILY",
      .about = "Font family (default: the preset's, or DejaVu Sans)",
      .offset = AT(font),
      .of_figure = TRUE},
     set_text},
    {{.key = "font-size",
      .argument = "PT",
      .about = "Points",
      .offset = AT(font_size),
      .least = 1,
      .most = 200,
      .of_figure = TRUE},
     set_number},
    {{.key = "width",
      .argument = "IN",
      .about = "Inches (default: the preset's)",
      .offset = AT(width),
      .least = 0.1,
      .most = 200,
      .of_figure = TRUE},
     set_number},
    {{.key = "height",
      .argument = "IN",
      .about = "Inches",
      .offset = AT(height),
      .least = 0.1,
      .most = 200,
      .of_figure = TRUE},
     set_number},
    {{.key = "dpi",
      .argument = "N",
      .about = "Resolution of a PNG (default 150)",
      .offset = AT(dpi),
      .least = 10,
      .most = 10000,
      .of_figure = TRUE},
     set_number},
    {{.key = "max-pixels",
      .argument = "N",
      .about = "Largest PNG (default 1e8)",
      .offset = AT(max_pixels),
      .least = 1,
      .most = 1e9,
      .of_figure = TRUE},
     set_number},
};

const EntroPlotSetting *
entro_plot_setting(guint i)
{
    return i < G_N_ELEMENTS(rows) ? &rows[i].setting : NULL;
}

/* ---- settings ---------------------------------------------------------------------------------- */

EntroPlotSettings *
entro_plot_settings_new(void)
{
    EntroPlotSettings *settings = g_new0(EntroPlotSettings, 1);

    settings->options = ENTRO_PLOT_OPTIONS_DEFAULT;
    settings->words = g_ptr_array_new_with_free_func(g_free);
    settings->given = g_ptr_array_new_with_free_func(g_free);
    settings->lists = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    settings->steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    settings->heads = g_array_new(FALSE, FALSE, sizeof(EntroHeadChoice));
    return settings;
}

void
entro_plot_settings_free(EntroPlotSettings *settings)
{
    if (!settings)
        return;
    g_ptr_array_unref(settings->words);
    g_ptr_array_unref(settings->given);
    g_hash_table_unref(settings->lists);
    g_array_unref(settings->steps);
    g_array_unref(settings->heads);
    g_free(settings);
}

static gboolean
set_row(EntroPlotSettings *settings, guint i, const char *value, GError **error)
{
    const EntroPlotSetting *row = &rows[i].setting;

    if (!g_utf8_validate(value, -1, NULL))
        return entro_plot_refuse(error, "%s: the text is not valid UTF-8", row->key);
    if (!rows[i].set(settings, row, value, error))
        return FALSE;
    g_ptr_array_add(settings->given, g_strdup(row->key));
    g_ptr_array_add(settings->given, g_strdup(value));
    return TRUE;
}

gboolean
entro_plot_settings_set(EntroPlotSettings *settings, const char *key, const char *value,
                        GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_str_equal(rows[i].setting.key, key))
            return set_row(settings, i, value, error);
    return entro_plot_refuse(error, "there is no option \"%s\"", key);
}

gboolean
entro_plot_settings_has(const EntroPlotSettings *settings, const char *key)
{
    for (guint i = 0; settings && i < settings->given->len; i += 2)
        if (g_str_equal(settings->given->pdata[i], key))
            return TRUE;
    return FALSE;
}

gboolean
entro_plot_setting_fits(const EntroPlotSetting *row, const EntroView *view)
{
    g_auto(GStrv) keys = g_strsplit(view->takes, " ", -1);

    return row->of_figure || g_strv_contains((const char *const *)keys, row->key);
}

gboolean
entro_plot_settings_check(const EntroPlotSettings *settings, const char *key, GError **error)
{
    const EntroView *view = entro_view_find(key);

    g_return_val_if_fail(view, FALSE);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (entro_plot_settings_has(settings, rows[i].setting.key) &&
            !entro_plot_setting_fits(&rows[i].setting, view))
            return entro_plot_refuse(error, "%s means nothing to the view %s, which takes: %s",
                                     rows[i].setting.key, view->key, view->takes);
    return TRUE;
}

gboolean
entro_plot_settings_draw_runs(const EntroPlotSettings *settings, const char *key)
{
    const EntroView *view = entro_view_find(key);

    g_return_val_if_fail(view, FALSE);
    return view->min_runs > 0 ||
           (!strstr(view->takes, "trace") && !entro_plot_settings_has(settings, "arch"));
}

gboolean
entro_plot_settings_copy(EntroPlotSettings *settings, const EntroPlotSettings *from,
                         const char *key, GError **error)
{
    for (guint i = 0; i < from->given->len; i += 2)
        if (g_str_equal(from->given->pdata[i], key) &&
            !entro_plot_settings_set(settings, key, from->given->pdata[i + 1], error))
            return FALSE;
    return TRUE;
}

static gboolean
one_a_run(const char *key, guint n, guint n_runs, GError **error)
{
    if (n == n_runs)
        return TRUE;
    if (n_runs == 0)
        return entro_plot_refuse(error,
                                 "%s is given %u times: where no runs are drawn it is for all", key,
                                 n);
    return entro_plot_refuse(error,
                             "%s is given %u times, and there %s %u run%s: give one for each", key,
                             n, n_runs == 1 ? "is" : "are", n_runs, n_runs == 1 ? "" : "s");
}

gboolean
entro_plot_settings_get(EntroPlotSettings *settings, guint n_runs, EntroPlotOptions *ret_options,
                        GError **error)
{
    EntroPlotOptions options = settings->options;
    const guint n_steps = settings->steps->len;
    const guint n_labels = options.labels ? g_strv_length((char **)options.labels) : 0;

    if (n_steps == 1)
        options.step = g_array_index(settings->steps, gint64, 0);
    else if (n_steps > 1 && !one_a_run("step", n_steps, n_runs, error))
        return FALSE;
    else if (n_steps > 1)
        options.steps = (const gint64 *)settings->steps->data;
    if (n_labels > 0 && !one_a_run("label", n_labels, n_runs, error))
        return FALSE;
    options.heads = (const EntroHeadChoice *)settings->heads->data;
    options.n_heads = settings->heads->len;
    *ret_options = options;
    return TRUE;
}
