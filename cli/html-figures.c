/* html-figures.c: what `plot` draws, as figures of the page: curves of all runs, and their bands. */
#include "report-html.h"

#include <string.h>

/* So many runs side by side in one figure; the others come in more figures. */
#define RUNS_IN_FIGURE 4
/* So many scalars are drawn: first those that everybody looks at, then the others by name. */
#define SCALARS_DRAWN 12
/* From such a ratio of greatest to least on, a linear axis shows nothing but the greatest. */
#define LOG_RATIO 1e6

/* ---- one figure -------------------------------------------------------------------------------- */

/* What cannot be drawn is told in the place of the figure; a database that fails is an error. */
static gboolean
tell_why(HtmlPage *page, const GError *failure)
{
    if (failure->domain != ENTRO_PLOT_ERROR &&
        !g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND) &&
        !g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_LIMIT))
        return FALSE;
    g_string_append(page->out, "<p class=\"absent\">No figure: ");
    html_text(page->out, failure->message);
    g_string_append(page->out, ".</p>\n");
    return TRUE;
}

/* A figure, or the sentence why there is none.  `id` is the prefix of all its ids. */
static gboolean
add_figure(HtmlPage *page, const char *view, const EntroRunInfo *const *runs, guint n_runs,
           const EntroPlotOptions *options, const char *id, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GString) svg = g_string_new(NULL);
    g_autofree char *prefix = g_strconcat(id, "-", NULL);
    g_autoptr(EntroFigure) figure =
        entro_plot_view(entro_view_find(view), page->store, runs, n_runs, options, &failure);

    if (figure == NULL || !entro_figure_print_svg(figure, prefix, svg, &failure)) {
        if (tell_why(page, failure))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    html_printf(page->out, "<figure id=\"%s\" class=\"plot\">", id);
    g_string_append_len(page->out, svg->str, (gssize)svg->len);
    g_string_append(page->out, "</figure>\n");
    return TRUE;
}

/* ---- runs in several figures ------------------------------------------------------------------- */

static gboolean
add_in_groups(HtmlPage *page, const char *view, const EntroPlotOptions *options, const char *id,
              GError **error)
{
    for (guint first = 0; first < page->n_runs; first += RUNS_IN_FIGURE) {
        guint n = MIN(RUNS_IN_FIGURE, page->n_runs - first);
        g_autofree char *own = g_strdup_printf("%s%u", id, first / RUNS_IN_FIGURE + 1);
        if (!add_figure(page, view, page->info + first, n, options, own, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- scalars ------------------------------------------------------------------------------------ */

typedef struct {
    GPtrArray *linear, *log; /* names, borrowed, each ended by NULL */
    GPtrArray *names;
    guint n_left_out;
} Scalars;

static void
scalars_clear(Scalars *scalars)
{
    g_clear_pointer(&scalars->linear, g_ptr_array_unref);
    g_clear_pointer(&scalars->log, g_ptr_array_unref);
    g_clear_pointer(&scalars->names, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scalars, scalars_clear)

/* "loss" and "eval_loss" before the others. */
static int
compare_names(gconstpointer first, gconstpointer second)
{
    const char *a = *(const char *const *)first, *b = *(const char *const *)second;
    int rank_a = g_str_equal(a, "loss") ? 0 : g_str_equal(a, "eval_loss") ? 1 : 2;
    int rank_b = g_str_equal(b, "loss") ? 0 : g_str_equal(b, "eval_loss") ? 1 : 2;

    return rank_a != rank_b ? rank_a - rank_b : strcmp(a, b);
}

static gboolean
collect_names(const HtmlPage *page, Scalars *scalars, GError **error)
{
    scalars->names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < page->n_runs; i++) {
        g_auto(GStrv) names = entro_store_list_scalars(page->store, page->info[i]->id, error);
        if (names == NULL)
            return FALSE;
        for (char **name = names; *name != NULL; name++)
            if (!g_ptr_array_find_with_equal_func(scalars->names, *name, g_str_equal, NULL))
                g_ptr_array_add(scalars->names, g_strdup(*name));
    }
    g_ptr_array_sort(scalars->names, compare_names);
    if (scalars->names->len > SCALARS_DRAWN) {
        scalars->n_left_out = scalars->names->len - SCALARS_DRAWN;
        g_ptr_array_set_size(scalars->names, SCALARS_DRAWN);
    }
    return TRUE;
}

/* Whether all values of it are above 0, and of very different size. */
static gboolean
is_for_log(const HtmlPage *page, const char *name, gboolean *ret_log, GError **error)
{
    double least = INFINITY, most = 0;

    for (guint i = 0; i < page->n_runs; i++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(EntroCurve) curve =
            entro_store_select_scalar(page->store, page->info[i]->id, name, &failure);
        if (curve == NULL &&
            !g_error_matches(failure, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        for (gsize k = 0; curve != NULL && k < curve->n; k++)
            if (isfinite(curve->y[k])) {
                least = MIN(least, curve->y[k]);
                most = MAX(most, curve->y[k]);
            }
    }
    *ret_log = least > 0 && most / least > LOG_RATIO;
    return TRUE;
}

static gboolean
sort_scalars(const HtmlPage *page, Scalars *scalars, GError **error)
{
    scalars->linear = g_ptr_array_new();
    scalars->log = g_ptr_array_new();
    for (guint i = 0; i < scalars->names->len; i++) {
        char *name = scalars->names->pdata[i];
        gboolean log = FALSE;
        if (!is_for_log(page, name, &log, error))
            return FALSE;
        g_ptr_array_add(log ? scalars->log : scalars->linear, name);
    }
    return TRUE;
}

static gboolean
add_scalars(HtmlPage *page, GPtrArray *names, gboolean log, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    if (names->len == 0)
        return TRUE;
    g_ptr_array_add(names, NULL);
    options.scalars = (const char *const *)names->pdata;
    options.log_y = log;
    options.title = log ? "Scalars of very different size" : NULL;
    return add_in_groups(page, "scalars", &options, log ? "log-scalars" : "scalars", error);
}

static gboolean
add_all_scalars(HtmlPage *page, GError **error)
{
    g_auto(Scalars) scalars = {0};

    if (!collect_names(page, &scalars, error) || !sort_scalars(page, &scalars, error))
        return FALSE;
    if (scalars.names->len == 0)
        g_string_append(page->out, "<p class=\"absent\">No loss or other scalar is stored.</p>\n");
    if (!add_scalars(page, scalars.linear, FALSE, error) ||
        !add_scalars(page, scalars.log, TRUE, error))
        return FALSE;
    if (scalars.n_left_out > 0)
        html_printf(page->out,
                    "<p class=\"note\">%u more scalars are in the database; <code>plot scalars "
                    "--scalar NAME</code> draws them.</p>\n",
                    scalars.n_left_out);
    return TRUE;
}

/* ---- sections ----------------------------------------------------------------------------------- */

gboolean
html_add_curves(HtmlPage *page, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.shared_scale = TRUE;
    g_string_append(page->out, "<section id=\"curves\">\n<h2>Curves</h2>\n"
                               "<h3>Loss and other scalars</h3>\n");
    if (!add_all_scalars(page, error))
        return FALSE;
    g_string_append(page->out, "<h3>Entropy of the layers</h3>\n"
                               "<p>Mean over the heads of each layer, from the first layers (dark) "
                               "to the last (light).</p>\n");
    if (!add_in_groups(page, "layerwise-entropy", &options, "layers", error))
        return FALSE;
    g_string_append(page->out, "</section>\n");
    return TRUE;
}

gboolean
html_add_bands(HtmlPage *page, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.band_max = ENTRO_BAND_CEILING;
    g_string_append(page->out,
                    "<section id=\"bands\">\n<h2>Band shares</h2>\n"
                    "<p>Share of the heads in each quarter of the largest possible entropy at the "
                    "last capture: heads in the first attend to few keys, those in the last to "
                    "almost all alike.</p>\n");
    if (!add_in_groups(page, "entropy-bands", &options, "shares", error))
        return FALSE;
    g_string_append(page->out, "</section>\n");
    return TRUE;
}
