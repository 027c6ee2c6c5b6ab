/* views.c: the table of views, and what they share.
 *
 * A view selects grids or curves from the store and has them drawn.  A new one is a row here and a
 * function `build` in a file of its own. */
#include "view-private.h"

static const EntroView views[] = {
    {
        .key = "headwise-entropy",
        .title = "Entropy of each attention head",
        .about = "heat map of layers and heads, one panel a run",
        .column = "entropy_mean",
        .min_runs = 1,
        .takes = "step label column values shared-scale decimals palette",
        .build = entro_view_headwise,
    },
    {
        .key = "headwise-steps",
        .title = "Entropy of each attention head during training",
        .about = "heat map of every head over training steps, one panel a run",
        .column = "entropy_mean",
        .all_steps = TRUE,
        .min_runs = 1,
        .takes = "label column head values shared-scale decimals palette",
        .build = entro_view_headwise_steps,
    },
    {
        .key = "headwise-difference",
        .title = "Difference of each attention head",
        .about = "heat map of each run minus the first one, head by head",
        .column = "entropy_mean",
        .min_runs = 2,
        .takes = "step label column values shared-scale decimals palette",
        .build = entro_view_headwise_difference,
    },
    {
        .key = "layerwise-entropy",
        .title = "Layer mean entropy during training",
        .about = "curve of each layer over training steps, one panel a run",
        .column = "entropy_mean",
        .all_steps = TRUE,
        .min_runs = 1,
        .takes = "label column shared-scale log-y palette",
        .build = entro_view_layerwise,
    },
    {
        .key = "attention-map",
        .title = "Attention weights",
        .about = "heat map of queries and keys straight from a trace, one panel a head",
        .takes = "trace head sample step values shared-scale decimals palette",
        .build = entro_view_attention_map,
    },
    {
        .key = "row-entropy",
        .title = "Distribution of row entropy",
        .about = "share of the rows by their entropy straight from a trace, one line a layer",
        .takes = "trace head sample step shared-scale log-y palette",
        .build = entro_view_row_entropy,
    },
    {
        .key = "query-entropy",
        .title = "Row entropy by query position",
        .about = "mean entropy of rows by query straight from a trace, one line a layer",
        .takes = "trace head sample step shared-scale log-y palette",
        .build = entro_view_query_entropy,
    },
    {
        .key = "entropy-bands",
        .title = "Share of attention heads by entropy",
        .about = "share of the heads in each quarter of the largest entropy, grouped by run",
        .column = "entropy_mean",
        .min_runs = 1,
        .takes = "step label column band-max shared-scale decimals palette",
        .build = entro_view_bands,
    },
    {
        .key = "layer-spread",
        .title = "Mean and variance over the heads of each layer",
        .about = "mean and variance of each layer's heads, a line a run",
        .column = "entropy_mean",
        .min_runs = 1,
        .takes = "step label column part shared-scale log-y",
        .build = entro_view_layer_spread,
    },
    {
        .key = "scalars",
        .title = "Training curves",
        .about = "loss and other scalars over training steps, one panel a scalar",
        .column = NULL,
        .all_steps = TRUE,
        .min_runs = 1,
        .takes = "label scalar shared-scale log-y",
        .build = entro_view_scalars,
    },
    {
        .key = "seeds",
        .title = "Mean over runs",
        .about = "mean over the seeds of a group of runs, with a band of confidence",
        .all_steps = TRUE,
        .min_runs = 1,
        .takes = "label by level scalar column head shared-scale log-y",
        .build = entro_view_seeds,
    },
    {
        .key = "findings",
        .title = "Findings during training",
        .about = "loss over training steps, below it what was found and when, a pair a run",
        .all_steps = TRUE,
        .min_runs = 1,
        .takes = "label scalar part shared-scale log-y",
        .build = entro_view_findings,
    },
    {
        .key = "cost",
        .title = "Cost of one private inference",
        .about = "communication and latency of a private inference, stacked, a bar a run or --arch",
        .takes =
            "label part arch layers heads dim context vocab ffn-layers bandwidth measured decimals",
        .build = entro_view_cost,
    },
};

const EntroView *
entro_views(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(views);
    return views;
}

const char *const *
entro_view_keys(void)
{
    static const char *keys[G_N_ELEMENTS(views) + 1];

    for (guint i = 0; i < G_N_ELEMENTS(views); i++)
        keys[i] = views[i].key;
    return keys;
}

const EntroView *
entro_view_find(const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(views); i++)
        if (g_strcmp0(views[i].key, key) == 0)
            return &views[i];
    return NULL;
}

gboolean
entro_view_check_part(const EntroPlotOptions *options, const char *const *parts, GError **error)
{
    if (!options->part || g_strv_contains(parts, options->part))
        return TRUE;
    entro_fail_unknown("part", options->part, parts, error);
    return FALSE;
}

gboolean
entro_view_has_part(const EntroPlotOptions *options, const char *part)
{
    return !options->part || g_str_equal(options->part, part);
}

char *
entro_view_head_name(EntroHeadChoice choice)
{
    if (choice.layer == ENTRO_ALL && choice.head == ENTRO_ALL)
        return g_strdup("all heads");
    if (choice.layer == ENTRO_ALL)
        return g_strdup_printf("head %" G_GINT64_FORMAT " of each layer", choice.head);
    if (choice.head == ENTRO_ALL)
        return g_strdup_printf("layer %" G_GINT64_FORMAT, choice.layer);
    return g_strdup_printf("layer %" G_GINT64_FORMAT ", head %" G_GINT64_FORMAT, choice.layer,
                           choice.head);
}

char *
entro_view_value_label(EntroStore *store, const char *column, GError **error)
{
    g_autofree char *title = NULL, *unit = NULL;

    if (!entro_store_describe(store, column, &title, &unit, error))
        return NULL;
    if (!title)
        return g_strdup(column);
    return unit && *unit ? g_strdup_printf("%s (%s)", title, unit) : g_steal_pointer(&title);
}

/* The date of the newest run, so that the same figure drawn again is the same file; the
 * reproducible-builds variable goes before. */
static void
set_date(EntroFigure *figure, const EntroRunInfo *const *runs, guint n_runs)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    gint64 seconds = 0;

    for (guint run = 0; run < n_runs; run++)
        if (g_strcmp0(runs[run]->created_at, figure->created) > 0)
            entro_figure_set_created(figure, runs[run]->created_at);
    if (!epoch || !g_ascii_string_to_signed(epoch, 10, 0, G_MAXINT32, &seconds, NULL))
        return;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *date = time ? g_date_time_format_iso8601(time) : NULL;
    entro_figure_set_created(figure, date);
}

const char *
entro_view_run_name(const EntroViewInput *input, guint run)
{
    return input->options->labels ? input->options->labels[run] : input->runs[run]->name;
}

gboolean
entro_view_select_scalar(const EntroViewInput *input, guint run, const char *name,
                         EntroCurve **ret_curve, GError **error)
{
    g_autoptr(GError) local = NULL;

    *ret_curve = entro_store_select_scalar(input->store, input->runs[run]->id, name, &local);
    if (*ret_curve || g_error_matches(local, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

static gboolean
check_runs(const EntroView *view, guint n_runs, GError **error)
{
    if (n_runs >= view->min_runs)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR,
                n_runs == 0 ? ENTRO_PLOT_ERROR_EMPTY : ENTRO_PLOT_ERROR_ARGUMENT,
                "the view %s needs at least %u run%s, got %u%s", view->key, view->min_runs,
                view->min_runs == 1 ? "" : "s", n_runs,
                n_runs == 1 ? "; one run may be named twice, with two steps" : "");
    return FALSE;
}

static void
append_names(GString *about, const char *const *names, gboolean paths)
{
    for (guint i = 0; names && names[i]; i++) {
        g_autofree char *base = paths ? g_path_get_basename(names[i]) : g_strdup(names[i]);
        g_string_append_printf(about, "%s%s", i ? ", " : " of ", base);
    }
}

/* "layerwise-entropy of SM at steps 0 to 2000, SM+LN at steps 0 to 1800", or what was named instead of
 * runs; the title of a view of traces says its step. */
static char *
tell(const EntroView *view, const EntroPage *page, const EntroViewInput *input)
{
    const EntroPlotOptions *options = input->options;
    GString *about = g_string_new(view->key);

    for (guint run = 0; run < input->n_runs; run++) {
        const EntroRunInfo *info = input->runs[run];
        const gint64 asked = entro_view_step(options, run);
        g_string_append_printf(about, "%s%s", run ? ", " : " of ", info->name);
        if (!view->all_steps)
            g_string_append_printf(about, " at step %" G_GINT64_FORMAT,
                                   asked == ENTRO_STEP_LAST ? info->last_step : asked);
        else if (info->n_captures > 0)
            g_string_append_printf(about, " at steps %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                   info->first_step, info->last_step);
    }
    if (input->n_runs == 0) {
        append_names(about, options->traces, TRUE);
        append_names(about, options->archs, FALSE);
        if (options->traces && page->batch_title)
            g_string_append_printf(about, " (%s)", page->batch_title);
    }
    return g_string_free(about, FALSE);
}

gboolean
entro_page_add_view(EntroPage *page, const EntroView *view, const EntroViewInput *input,
                    GError **error)
{
    EntroPlotOptions filled = *input->options;
    EntroViewInput own = *input;
    const EntroPlotOptions *of_page = page->options;

    if (!check_runs(view, input->n_runs, error))
        return FALSE;
    if (!filled.column)
        filled.column = view->column;
    own.options = page->options = &filled;
    page->batch++;
    const gboolean built = view->build(page, &own, error);
    page->options = of_page;
    set_date(page->figure, input->runs, input->n_runs);
    g_autofree char *about = tell(view, page, input);
    entro_figure_add_about(page->figure, about);
    return built;
}

EntroFigure *
entro_plot_view(const EntroView *view, EntroStore *store, const EntroRunInfo *const *runs,
                guint n_runs, const EntroPlotOptions *options, GError **error)
{
    const EntroPlotOptions usual = ENTRO_PLOT_OPTIONS_DEFAULT;
    const EntroViewInput input = {store, runs, n_runs, options ? options : &usual};

    g_return_val_if_fail(view && (store || view->min_runs == 0) && (runs || n_runs == 0), NULL);
    g_autoptr(EntroPage) page = entro_page_new(input.options, error);
    if (!page)
        return NULL;
    entro_page_set_title(page, input.options->title);
    if (!entro_page_add_view(page, view, &input, error))
        return NULL;
    return entro_page_finish(page, error);
}
