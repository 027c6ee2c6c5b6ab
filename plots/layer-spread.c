/* layer-spread.c: the view layer-spread, from the store to mean and variance over each layer's heads.
 *
 * As the paper's Fig. 6b: variance above, mean below, one line a run over the layers.  The variance is
 * the population's (divided by n): the heads are all that the layer has, not a sample of them. */
#include <string.h>

#include "view-private.h"

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

static EntroCurve *
curve_new(const EntroGrid *grid)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup(grid->run);
    curve->number = -1;
    curve->n = grid->n_rows;
    curve->x = g_new(double, MAX(grid->n_rows, 1));
    curve->y = g_new(double, MAX(grid->n_rows, 1));
    return curve;
}

/* ---- charts ------------------------------------------------------------------------------------ */

typedef struct {
    EntroCurveChart *variance, *mean;
} Charts;

static EntroCurveChart *
add_chart(EntroPage *page, const char *title, const char *y_label)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, title, y_label);
    EntroChart *chart = &lines->chart;

    lines->dots = TRUE;
    lines->crosses = FALSE;
    g_free(chart->x.label);
    chart->x.label = g_strdup("Layer");
    chart->x.kind = ENTRO_AXIS_LAYER;
    chart->x.shared = "layer";
    chart->y.from_zero = TRUE;
    chart->y.shared = NULL; /* a mean and a variance are no values of one axis */
    chart->legend_title = "Runs";
    return lines;
}

/* "Head entropy (nats)" and "Variance of head entropy (nats²)". */
static char *
variance_label(const char *title, const char *unit)
{
    g_autofree char *lower = g_utf8_strdown(title, 1);
    const gboolean word = g_ascii_isupper(title[0]) && g_ascii_islower(title[1]);
    g_autofree char *rest = g_strdup_printf("%s%s", word ? lower : "", title + (word ? 1 : 0));

    if (!unit || !*unit)
        return g_strdup_printf("Variance of %s", rest);
    return strpbrk(unit, " /·^") ? g_strdup_printf("Variance of %s ((%s)²)", rest, unit)
                                 : g_strdup_printf("Variance of %s (%s²)", rest, unit);
}

static void
add_run(const Charts *charts, const EntroGrid *grid, EntroPen pen, const char *name)
{
    EntroCurve *mean = curve_new(grid), *variance = curve_new(grid);
    gsize n_without = 0;
    gboolean single = FALSE;

    for (gsize row = 0; row < grid->n_rows; row++) {
        const Spread spread = spread_of(grid, row);
        mean->x[row] = variance->x[row] = grid->row_layer[row];
        mean->y[row] = spread.mean;
        variance->y[row] = spread.variance;
        single |= spread.n == 1;
        for (gsize head = 0; head < grid->n_columns; head++)
            n_without += grid->state[row * grid->n_columns + head] == ENTRO_CELL_UNDEFINED;
    }
    entro_curve_chart_add_curve(charts->mean, mean, pen);
    entro_curve_chart_add_curve(charts->variance, variance, pen);
    entro_legend_add(&charts->mean->chart.legend, ENTRO_SWATCH_LINE, pen, name);
    if (single)
        entro_chart_add_note(&charts->variance->chart, "A single head has no variance.");
    if (n_without > 0)
        entro_chart_add_note(&charts->mean->chart,
                             "%s: %" G_GSIZE_FORMAT " heads without a value are left out.", name,
                             n_without);
}

static void
widen_layers(EntroScale *x)
{
    x->widen = MIN(widen_x, widen_most / MAX(x->range.high - x->range.low, 1));
}

void
entro_layer_spread_add(EntroPage *page, const GPtrArray *grids, const char *const *names,
                       const char *title, const char *unit)
{
    g_autofree char *y_variance = variance_label(title, unit);
    g_autofree char *y_mean =
        unit && *unit ? g_strdup_printf("%s (%s)", title, unit) : g_strdup(title);
    const Charts charts = {add_chart(page, "Variance over the heads of each layer", y_variance),
                           add_chart(page, "Mean over the heads of each layer", y_mean)};

    for (guint run = 0; run < grids->len; run++)
        add_run(&charts, grids->pdata[run], entro_line_pen_of(page->figure->lines, run),
                names[run]);
    widen_layers(&charts.variance->chart.x);
    widen_layers(&charts.mean->chart.x);
    entro_curve_chart_explain(charts.variance, page->figure, NULL);
    entro_curve_chart_explain(charts.mean, page->figure, NULL);
    entro_chart_add_note(&charts.variance->chart, "Variance of the layer's heads as a population "
                                                  "(divided by their number).");
    page->alone_columns = 1;
}

/* ---- from the store ---------------------------------------------------------------------------- */

static gboolean
any_heads(const GPtrArray *grids, GError **error)
{
    for (guint run = 0; run < grids->len; run++) {
        const EntroGrid *grid = grids->pdata[run];
        if (grid->n_rows > 0 && grid->n_columns > 0)
            return TRUE;
    }
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY, "there are no heads to draw");
    return FALSE;
}

gboolean
entro_view_layer_spread(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const char *column = input->options->column;
    g_autofree char *title = NULL, *unit = NULL;
    g_autoptr(GPtrArray) grids = entro_view_select_grids(input, error);
    if (!grids || !any_heads(grids, error) ||
        !entro_store_describe(input->store, column, &title, &unit, error))
        return FALSE;

    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint run = 0; run < input->n_runs; run++)
        g_ptr_array_add(names, entro_grids_name(input, grids, run));
    entro_layer_spread_add(page, grids, (const char *const *)names->pdata, title ? title : column,
                           unit);
    g_autofree char *heading = entro_grids_title(grids, entro_view_find("layer-spread")->title);
    entro_page_set_title(page, heading);
    return TRUE;
}
