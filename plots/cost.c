/* cost.c: the view cost: what one private inference costs, a bar an architecture or a run.
 *
 * By the model of the command `cost`; where a share of it is an estimate, so is the sum. */
#include <string.h>

#include "view-private.h"

/* Parts of a sum; those that stand for the same have the same colour in both charts. */
typedef struct {
    EntroCostItemId item;
    const char *name;
    guint colour; /* below N_COLOURS */
} Part;

enum { N_COLOURS = 6 };

static const Part communication_parts[] = {
    {ENTRO_COST_SOFTMAX, "softmax", 0},       {ENTRO_COST_LAYER_NORM, "LayerNorm", 1},
    {ENTRO_COST_ACTIVATION, "activation", 2}, {ENTRO_COST_LINEAR_LAYERS, "linear layers", 3},
    {ENTRO_COST_HEAD, "output head", 4},
};
static const Part latency_parts[] = {
    {ENTRO_COST_LATENCY_COMMUNICATION, "communication", 5},
    {ENTRO_COST_LATENCY_FFN, "feed-forward", 2},
    {ENTRO_COST_LATENCY_LAYERS, "other work of the layers", 3},
    {ENTRO_COST_LATENCY_HEAD, "output head", 4},
};

typedef struct {
    const char *key, *title, *label;
    EntroCostItemId sum;
    const Part *parts;
    guint n_parts;
} Quantity;

static const Quantity quantities[] = {
    {"communication", "Communication", "Communication (GB)", ENTRO_COST_COMMUNICATION,
     communication_parts, G_N_ELEMENTS(communication_parts)},
    {"latency", "Latency", "Latency (minutes)", ENTRO_COST_LATENCY, latency_parts,
     G_N_ELEMENTS(latency_parts)},
};

enum { N_QUANTITIES = G_N_ELEMENTS(quantities), MOST_PARTS = 5, MOST_BARS = 500 };

/* One bar of each chart. */
typedef struct {
    EntroCostCase *one;
    char *name;
    double measured[N_QUANTITIES]; /* NaN: not known */
} Bar;

static void
bar_free(gpointer data)
{
    Bar *bar = data;

    entro_cost_case_free(bar->one);
    g_free(bar->name);
    g_free(bar);
}

/* ---- what is drawn ------------------------------------------------------------------------------ */

static gboolean
add_bar(GPtrArray *bars, EntroCostCase *one, const char *name)
{
    Bar *bar = g_new0(Bar, 1);

    bar->one = one;
    bar->name = g_strdup(name);
    for (guint i = 0; i < N_QUANTITIES; i++)
        bar->measured[i] = NAN;
    g_ptr_array_add(bars, bar);
    return one != NULL;
}

static gboolean
add_archs(GPtrArray *bars, const EntroPlotOptions *options, GError **error)
{
    for (const char *const *name = options->archs; *name; name++) {
        const char *const one[] = {*name, NULL};
        const char *const *each = g_str_equal(*name, "all") ? entro_cost_arch_names() : one;

        for (; *each; each++)
            if (!add_bar(bars, entro_cost_case_of_arch(*each, options->sizes, error), *each))
                return FALSE;
    }
    return TRUE;
}

static gboolean
add_runs(GPtrArray *bars, const EntroViewInput *input, GError **error)
{
    for (guint run = 0; run < input->n_runs; run++) {
        const EntroRunInfo *info = input->runs[run];
        const char *name = entro_view_run_name(input, run);
        const gboolean plain = input->options->labels || g_strcmp0(name, info->arch) == 0;
        g_autofree char *full =
            plain ? g_strdup(name) : g_strdup_printf("%s: %s", name, info->arch);

        if (!add_bar(bars, entro_cost_case_of_run(input->store, info, input->options->sizes, error),
                     full))
            return FALSE;
    }
    return TRUE;
}

/* "25.32/8.21", "-" for what is not known. */
static gboolean
parse_measured(const char *text, Bar *bar, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", N_QUANTITIES + 1);
    gboolean good = g_strv_length(parts) == N_QUANTITIES;

    for (guint i = 0; good && i < N_QUANTITIES; i++) {
        char *end = NULL;
        if (g_str_equal(parts[i], "-"))
            continue;
        bar->measured[i] = g_ascii_strtod(parts[i], &end);
        good =
            end != parts[i] && *end == '\0' && isfinite(bar->measured[i]) && bar->measured[i] >= 0;
    }
    return good ||
           entro_plot_refuse(error, "measured: \"%s\" is not GB/MINUTES, as in 25.32/8.21", text);
}

static gboolean
set_measured(const GPtrArray *bars, const char *const *measured, GError **error)
{
    const guint n = measured ? g_strv_length((char **)measured) : 0;

    if (n > 0 && n != bars->len)
        return entro_plot_refuse(error,
                                 "%u times measured, but %u bars: give one for each, or none", n,
                                 bars->len);
    for (guint i = 0; i < n; i++)
        if (!parse_measured(measured[i], bars->pdata[i], error))
            return FALSE;
    return TRUE;
}

static gboolean
choose_bars(GPtrArray *bars, const EntroViewInput *input, GError **error)
{
    const EntroPlotOptions *options = input->options;

    if (!entro_cost_check_sizes(options->sizes, error) ||
        !(options->archs ? add_archs(bars, options, error) : add_runs(bars, input, error)))
        return FALSE;
    if (bars->len == 0)
        return entro_plot_refuse(
            error, "the view cost needs --arch ARCH (--arch all: every one), or runs of a "
                   "database");
    if (bars->len > MOST_BARS) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                    "%u bars: there is room for %d; choose some with --run", bars->len, MOST_BARS);
        return FALSE;
    }
    return set_measured(bars, options->measured, error);
}

/* ---- charts ------------------------------------------------------------------------------------- */

static EntroRange
range_of(const EntroCost *cost, EntroCostItemId sum)
{
    const EntroCostRange range = entro_cost_get(cost, sum);

    return range.estimate ? (EntroRange){range.low, range.high} : (EntroRange){NAN, NAN};
}

static void
explain(EntroStackChart *stack, const EntroFigure *figure, gboolean estimated, gboolean measured)
{
    const EntroPen ink = {.colour = figure->theme.ink};

    if (measured)
        entro_legend_add(&stack->chart.signs, ENTRO_SWATCH_CROSS, ink, "measured");
    if (estimated)
        entro_chart_add_note(&stack->chart, "~: an estimate; the line is the range that the "
                                            "measurements behind the model leave open.");
}

/* Of the lines while there are enough, else along the palette. */
static EntroColour
colour_of(const EntroFigure *figure, guint colour)
{
    return figure->lines->n >= N_COLOURS
               ? entro_line_pen_of(figure->lines, colour).colour
               : entro_palette_at(figure->palette, colour / (N_COLOURS - 1.0));
}

static void
add_chart(EntroPage *page, const Quantity *quantity, guint which, const GPtrArray *bars)
{
    EntroStackPart parts[MOST_PARTS];
    double value[MOST_PARTS];
    gboolean estimated = FALSE, measured = FALSE;

    for (guint k = 0; k < quantity->n_parts; k++)
        parts[k] = (EntroStackPart){quantity->parts[k].name,
                                    colour_of(page->figure, quantity->parts[k].colour)};
    EntroStackChart *stack = entro_stack_chart_add(page, quantity->title, parts, quantity->n_parts);
    stack->chart.x.label = g_strdup(quantity->label);
    stack->chart.legend_title = quantity->title;
    for (guint i = 0; i < bars->len; i++) {
        const Bar *bar = bars->pdata[i];
        const EntroRange range = range_of(&bar->one->cost, quantity->sum);
        for (guint k = 0; k < quantity->n_parts; k++)
            value[k] = bar->one->cost.value[quantity->parts[k].item];
        entro_stack_chart_add_bar(stack, bar->name, value, range, bar->measured[which]);
        estimated |= !isnan(range.low);
        measured |= !isnan(bar->measured[which]);
    }
    explain(stack, page->figure, estimated, measured);
}

/* Sizes that all bars have; where they differ, the names must tell them apart. */
static void
add_size_note(EntroPage *page, const GPtrArray *bars, double bandwidth)
{
    EntroChart *chart = page->charts->pdata[page->charts->len - 1];
    const EntroCostSizes *first = &((const Bar *)bars->pdata[0])->one->sizes;
    gboolean same = TRUE;

    for (guint i = 1; i < bars->len; i++)
        same &= memcmp(first, &((const Bar *)bars->pdata[i])->one->sizes, sizeof *first) == 0;
    if (same)
        entro_chart_add_note(chart,
                             "%" G_GINT64_FORMAT " layers, %" G_GINT64_FORMAT
                             " heads, width %" G_GINT64_FORMAT ", context %" G_GINT64_FORMAT
                             ", vocabulary %" G_GINT64_FORMAT ".",
                             first->layers, first->heads, first->dim, first->context,
                             first->vocabulary);
    else
        entro_chart_add_note(chart, "The models differ in their sizes.");
    entro_chart_add_note(chart, "Network: %g Mbit/s.",
                         isnan(bandwidth) ? round(entro_cost_calibrated_bandwidth()) : bandwidth);
}

gboolean
entro_view_cost(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const EntroPlotOptions *options = input->options;
    g_autoptr(GPtrArray) bars = g_ptr_array_new_with_free_func(bar_free);
    const char *keys[N_QUANTITIES + 1] = {NULL};

    for (guint i = 0; i < N_QUANTITIES; i++)
        keys[i] = quantities[i].key;
    if (!entro_view_check_part(options, keys, error) || !choose_bars(bars, input, error))
        return FALSE;
    for (guint i = 0; i < bars->len; i++) {
        Bar *bar = bars->pdata[i];
        bar->one->cost = entro_cost(&bar->one->arch, &bar->one->sizes, options->bandwidth);
    }
    for (guint i = 0; i < N_QUANTITIES; i++)
        if (entro_view_has_part(options, quantities[i].key))
            add_chart(page, &quantities[i], i, bars);
    add_size_note(page, bars, options->bandwidth);
    page->alone_columns = 1;
    entro_page_set_title(page, entro_view_find("cost")->title);
    return TRUE;
}
