/* layer-spread.c: the view layer-spread, from the store to mean and variance over each layer's heads.
 *
 * As the paper's Fig. 6b: variance above, mean below, one line a run over the layers.  The variance is
 * the population's (divided by n): the heads are all that the layer has, not a sample of them. */
#include <string.h>

#include "bands-private.h"

static const double widen_x = 0.03;   /* so that the first and last dot are whole */
static const double widen_most = 0.4; /* layers: so that no tick stands beyond the last one */

typedef struct {
    gsize n;
    double mean, variance; /* NaN: no head; a single one has no variance */
} Spread;

/* In two passes: heads of one layer are often nearly equal. */
static Spread
spread_of(const EntroGrid *grid, gsize row)
{
    const double *value = grid->value + row * grid->n_columns;
    const guint8 *state = grid->state + row * grid->n_columns;
    Spread spread = {0, NAN, NAN};
    double sum = 0, squares = 0;

    for (gsize head = 0; head < grid->n_columns; head++)
        if (state[head] == ENTRO_CELL_VALUE) {
            sum += value[head];
            spread.n++;
        }
    spread.mean = sum / spread.n; /* 0 / 0 is NaN */
    for (gsize head = 0; head < grid->n_columns; head++)
        if (state[head] == ENTRO_CELL_VALUE)
            squares += (value[head] - spread.mean) * (value[head] - spread.mean);
    if (spread.n > 1)
        spread.variance = squares / spread.n;
    return spread;
}

static double
mean_of(const Spread *spread)
{
    return spread->mean;
}

static double
variance_of(const Spread *spread)
{
    return spread->variance;
}

/* ---- charts ------------------------------------------------------------------------------------ */

/* What entro_layer_spread_add() is given. */
typedef struct {
    const GPtrArray *grids;
    const char *const *names;
    const char *value_label; /* "Head entropy (nats)" */
    const char *unit;        /* in it; NULL or "": none */
} Input;

static char *
mean_label(const Input *input)
{
    return g_strdup(input->value_label);
}

/* "Variance of head entropy (nats²)" */
static char *
variance_label(const Input *input)
{
    const char *unit = input->unit ? input->unit : "";
    g_autofree char *end = g_strdup_printf(" (%s)", unit);
    g_autofree char *title = entro_text_lower_first(input->value_label);

    if (!*unit || !g_str_has_suffix(title, end))
        return g_strdup_printf("Variance of %s", title);
    title[strlen(title) - strlen(end)] = '\0';
    return strpbrk(unit, " /^") ? g_strdup_printf("Variance of %s ((%s)²)", title, unit)
                                : g_strdup_printf("Variance of %s (%s²)", title, unit);
}

/* The charts of the view, from above. */
static const struct {
    const char *key, *title;
    double (*value)(const Spread *spread);
    char *(*label)(const Input *input);
} parts[] = {
    {"variance", "Variance over the heads of each layer", variance_of, variance_label},
    {"mean", "Mean over the heads of each layer", mean_of, mean_label},
};

static EntroCurveChart *
add_chart(EntroPage *page, const char *title, const char *y_label)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, title, y_label);
    EntroChart *chart = &lines->chart;

    lines->dots = TRUE;
    lines->crosses = FALSE;
    entro_chart_set_across(chart, "Layer", ENTRO_AXIS_LAYER, "layer");
    chart->y.from_zero = TRUE;
    chart->legend_title = "Runs";
    return lines;
}

static EntroCurve *
curve_of(const EntroGrid *grid, double (*value)(const Spread *))
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup(grid->run);
    curve->number = -1;
    curve->n = grid->n_rows;
    curve->x = g_new(double, MAX(grid->n_rows, 1));
    curve->y = g_new(double, MAX(grid->n_rows, 1));
    for (gsize row = 0; row < grid->n_rows; row++) {
        const Spread spread = spread_of(grid, row);
        curve->x[row] = grid->row_layer[row];
        curve->y[row] = value(&spread);
    }
    return curve;
}

static void
add_runs(EntroCurveChart *lines, EntroPage *page, const Input *input,
         double (*value)(const Spread *))
{
    for (guint run = 0; run < input->grids->len; run++) {
        const EntroPen pen = entro_page_pen(page, input->names[run]);
        entro_curve_chart_add_curve(lines, curve_of(input->grids->pdata[run], value), pen);
        entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, pen, input->names[run]);
    }
    const EntroRange layers = lines->chart.x.range;
    lines->chart.x.widen = MIN(widen_x, widen_most / MAX(layers.high - layers.low, 1));
}

/* A layer has a single head with a value. */
static gboolean
any_single(const EntroGrid *grid)
{
    gboolean single = FALSE;

    for (gsize row = 0; row < grid->n_rows; row++)
        single |= spread_of(grid, row).n == 1;
    return single;
}

static void
add_notes(EntroChart *chart, const Input *input, gboolean variance)
{
    gboolean single = FALSE;

    for (guint run = 0; run < input->grids->len; run++) {
        const EntroGrid *grid = input->grids->pdata[run];
        const gsize n = entro_count_cells(grid, ENTRO_CELL_UNDEFINED);
        single |= any_single(grid);
        if (n > 0)
            entro_chart_add_note(chart,
                                 "%s: %" G_GSIZE_FORMAT " heads without a value are left out.",
                                 input->names[run], n);
    }
    if (variance)
        entro_chart_add_note(chart,
                             "Variance of the layer's heads as a population (divided by "
                             "their number)%s.",
                             single ? "; a single head has none" : "");
}

void
entro_layer_spread_add(EntroPage *page, const GPtrArray *grids, const char *const *names,
                       const char *value_label, const char *unit)
{
    const Input input = {grids, names, value_label, unit};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (!entro_view_has_part(page->options, parts[i].key))
            continue;
        g_autofree char *label = parts[i].label(&input);
        EntroCurveChart *lines = add_chart(page, parts[i].title, label);
        add_runs(lines, page, &input, parts[i].value);
        entro_curve_chart_explain(lines, page->figure, NULL);
        add_notes(&lines->chart, &input, parts[i].value == variance_of);
    }
    page->alone_columns = 1;
}

/* ---- from the store ---------------------------------------------------------------------------- */

gboolean
entro_view_layer_spread(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const char *column = input->options->column;
    const char *keys[G_N_ELEMENTS(parts) + 1] = {NULL};
    g_autofree char *title = NULL, *unit = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        keys[i] = parts[i].key;
    if (!entro_view_check_part(input->options, keys, error))
        return FALSE;
    g_autoptr(GPtrArray) grids = entro_view_select_grids(input, error);
    g_autofree char *label = grids ? entro_view_value_label(input->store, column, error) : NULL;
    if (!label || !entro_store_describe(input->store, column, &title, &unit, error))
        return FALSE;

    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint run = 0; run < input->n_runs; run++)
        g_ptr_array_add(names, entro_grids_name(page, input, grids, run));
    entro_layer_spread_add(page, grids, (const char *const *)names->pdata, label, unit);
    g_autofree char *heading = entro_grids_title(grids, entro_view_find("layer-spread")->title);
    entro_page_set_title(page, heading);
    return entro_heads_check(page, error);
}
