/* trace-views.c: what the views share that read single rows straight from traces. */
#include "view-private.h"

static void
trace_free(gpointer data)
{
    EntroViewTrace *trace = data;

    entro_source_free(trace->source);
    g_free(trace->name);
    g_free(trace);
}

/* The run's name, if the trace has one that no other trace of the figure has, else the file's. */
static char *
choose_name(const GPtrArray *traces, guint which)
{
    const EntroViewTrace *own = traces->pdata[which];
    const EntroTrace *trace = entro_source_get_trace(own->source);
    gboolean single = trace->run_name && *trace->run_name;

    for (guint i = 0; i < traces->len && single; i++) {
        const EntroViewTrace *other = traces->pdata[i];
        single = i == which ||
                 g_strcmp0(entro_source_get_trace(other->source)->run_name, trace->run_name) != 0;
    }
    return single ? g_strdup(trace->run_name) : g_path_get_basename(trace->path);
}

GPtrArray *
entro_view_open_traces(const EntroViewInput *input, GError **error)
{
    const char *const *paths = input->options->traces;
    g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(trace_free);

    if (!paths || !paths[0]) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                    "the view reads single rows from a trace: name it with --trace FILE");
        return NULL;
    }
    for (guint i = 0; paths[i]; i++) {
        EntroSource *source = entro_source_open(paths[i], NULL, error);
        if (!source)
            return NULL;
        EntroViewTrace *trace = g_new0(EntroViewTrace, 1);
        trace->source = source;
        g_ptr_array_add(traces, trace);
    }
    for (guint i = 0; i < traces->len; i++)
        ((EntroViewTrace *)traces->pdata[i])->name = choose_name(traces, i);
    return g_steal_pointer(&traces);
}

EntroRowOptions
entro_view_row_options(const EntroPlotOptions *options)
{
    EntroRowOptions row_options = ENTRO_ROW_OPTIONS_DEFAULT;

    row_options.step = entro_view_step(options, 0);
    row_options.sample = options->sample;
    row_options.heads = options->n_heads > 0 ? options->heads : NULL;
    row_options.n_heads = options->n_heads;
    return row_options;
}

gboolean
entro_view_head_is_chosen(const EntroPlotOptions *options, gint64 layer, gint64 head)
{
    for (guint i = 0; i < options->n_heads; i++) {
        const EntroHeadChoice choice = options->heads[i];
        if ((choice.layer == ENTRO_ALL || choice.layer == layer) &&
            (choice.head == ENTRO_ALL || head == ENTRO_ALL || choice.head == head))
            return TRUE;
    }
    return options->n_heads == 0;
}

void
entro_view_note_origin(EntroPage *page, const EntroViewTrace *trace, const EntroRowOrigin *origin)
{
    EntroChart *last = page->charts->len > 0 ? page->charts->pdata[page->charts->len - 1] : NULL;

    for (guint i = 0; i < origin->problems->len; i++) {
        const char *problem = origin->problems->pdata[i];
        entro_figure_add_note(page->figure, "%s: %s", trace->name, problem);
        if (last) /* a figure that somebody is shown must say it, too */
            entro_chart_add_note(last, "%s: %s", trace->name, problem);
    }
    if (origin->causal_note)
        entro_figure_add_note(page->figure, "%s: %s", trace->name, origin->causal_note);
}

/* ---- lines ------------------------------------------------------------------------------------- */

GArray *
entro_view_row_groups(const EntroTrace *trace, const EntroPlotOptions *options)
{
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(EntroHeadChoice));

    if (options->n_heads > 0)
        g_array_append_vals(groups, options->heads, options->n_heads);
    for (guint i = 0; i < trace->n_layers && options->n_heads == 0; i++) {
        const EntroHeadChoice layer = {trace->layers[i].index, ENTRO_ALL};
        g_array_append_val(groups, layer);
    }
    return groups;
}

/* Layers by their depth; chosen heads, whose curves have their name as label, by the set of lines. */
void
entro_view_colour_groups(EntroPage *page, EntroCurveChart *const *lines, guint n)
{
    if (page->options->n_heads == 0) {
        entro_layer_colours(page, lines, n);
        return;
    }
    for (guint p = 0; p < n; p++) {
        lines[p]->chart.legend_title = "Heads";
        lines[p]->chart.legend_beside = TRUE;
        for (guint k = 0; k < lines[p]->curves->len; k++) {
            const EntroCurve *curve = lines[p]->curves->pdata[k];
            const EntroPen pen = entro_line_pen_of(page->figure->lines, (guint)curve->number);
            g_array_index(lines[p]->pens, EntroPen, k) = pen;
            entro_legend_add(&lines[p]->chart.legend, ENTRO_SWATCH_LINE, pen, curve->label);
        }
    }
}

/* ---- words ------------------------------------------------------------------------------------- */

char *
entro_view_row_classes(const gsize *count, gboolean numbers)
{
    static const char *const words[ENTRO_N_ROW_CLASSES] = {[ENTRO_ROW_NAN] = "NaN",
                                                           [ENTRO_ROW_MASKED] = "masked",
                                                           [ENTRO_ROW_OFF_SUM] = "off their sum"};
    GString *list = g_string_new(NULL);

    for (guint class_ = 0; class_ < ENTRO_N_ROW_CLASSES; class_++) {
        if (!words[class_] || count[class_] == 0)
            continue;
        g_string_append(list, list->len > 0 ? ", " : "");
        if (numbers)
            g_string_append_printf(list, "%" G_GSIZE_FORMAT " ", count[class_]);
        g_string_append(list, words[class_]);
    }
    return g_string_free(list, FALSE);
}

void
entro_view_note_rows(EntroChart *chart, const EntroViewTrace *trace, const EntroRowSet *set)
{
    gsize count[ENTRO_N_ROW_CLASSES] = {0};

    for (gsize i = 0; i < set->n; i++)
        count[set->row[i].class_]++;
    g_autofree char *list = entro_view_row_classes(count, TRUE);
    if (*list)
        entro_chart_add_note(chart, "%s: of %" G_GSIZE_FORMAT " rows these are left out: %s.",
                             trace->name, set->n, list);
}

static void
note_steps(EntroPage *page, const GPtrArray *traces, const gint64 *step)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < traces->len; i++)
        entro_steps_append(list, ((const EntroViewTrace *)traces->pdata[i])->name, step[i]);
    entro_chart_add_note(page->charts->pdata[page->charts->len - 1], "%s.", list->str);
}

void
entro_view_set_title(EntroPage *page, const char *title, const GPtrArray *traces,
                     const gint64 *step, gint64 sample)
{
    g_autoptr(GString) text = g_string_new(title);
    gboolean same = TRUE;

    for (guint i = 1; i < traces->len; i++)
        same &= step[i] == step[0];
    if (same)
        g_string_append_printf(text, " at step %" G_GINT64_FORMAT, step[0]);
    else if (page->charts->len > 0)
        note_steps(page, traces, step);
    if (sample != ENTRO_ALL)
        g_string_append_printf(text, ", sample %" G_GINT64_FORMAT, sample);
    entro_page_set_title(page, text->str);
}
