/* figure-samples.c: the numbers and shapes of the samples. */
#include "figure-samples.h"

static const char long_name[] =
    "sm-scfuffn-lr2e-2-bs128-ctx128-seed1234567-entropy-regularised-tolerance-0.20-run-with-a-name-"
    "that-somebody-let-a-script-make";
static const char *const run_names[] = {"SM+LN+G", "SM+LN+R", "SM+LN", "SM+G", "SM+R", "SM"};

/* ---- numbers -------------------------------------------------------------------------------- */

EntroGrid *
sample_grid(const char *run, gsize n_layers, gsize n_heads, double low, double high)
{
    EntroGrid *grid = g_new0(EntroGrid, 1);
    const gsize n = n_layers * n_heads;

    grid->run = g_strdup(run);
    grid->column = g_strdup("entropy_mean");
    grid->step = 2000;
    grid->n_rows = n_layers;
    grid->n_columns = n_heads;
    grid->row_layer = g_new(gint64, n_layers);
    grid->value = g_new(double, n);
    grid->state = g_new(guint8, n);
    for (gsize layer = 0; layer < n_layers; layer++)
        grid->row_layer[layer] = (gint64)layer;
    for (gsize cell = 0; cell < n; cell++) {
        const double wave = 0.5 + 0.5 * sin(2.385 * (double)cell * (double)cell);
        const double depth = n > 1 ? (double)cell / (double)(n - 1) : 0;
        grid->value[cell] = low + (high - low) * (0.7 * depth + 0.3 * wave);
        grid->state[cell] = ENTRO_CELL_VALUE;
    }
    return grid;
}

EntroCurve *
sample_curve(gint64 number, gsize n, double last_step, double start, double end)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup_printf("layer %" G_GINT64_FORMAT, number);
    curve->number = number;
    curve->n = n;
    curve->x = g_new(double, n);
    curve->y = g_new(double, n);
    for (gsize i = 0; i < n; i++) {
        const double part = n > 1 ? (double)i / (double)(n - 1) : 0;
        const double noise = 0.02 * sin(37.0 * (double)i + (double)number);
        curve->x[i] = round(part * last_step);
        curve->y[i] = start + (end - start) * (1 - exp(-5 * part)) + noise * (start - end);
    }
    return curve;
}

EntroStepGrid *
sample_steps(gsize n_layers, gsize n_heads, gsize n_captures, gint64 every)
{
    EntroStepGrid *grid = g_new0(EntroStepGrid, 1);
    const gsize n_rows = n_layers * n_heads, n = n_rows * n_captures;

    grid->n_rows = n_rows;
    grid->n_columns = n_captures;
    grid->layer = g_new(gint64, n_rows);
    grid->head = g_new(gint64, n_rows);
    grid->step = g_new(gint64, n_captures);
    grid->value = g_new(double, n);
    grid->state = g_new(guint8, n);
    for (gsize i = 0; i < n_captures; i++)
        grid->step[i] = (gint64)i * every;
    for (gsize row = 0; row < n_rows; row++) {
        grid->layer[row] = (gint64)(row / n_heads);
        grid->head[row] = (gint64)(row % n_heads);
    }
    for (gsize cell = 0; cell < n; cell++) {
        const gsize row = cell / n_captures;
        const double part = (double)(cell % n_captures) / (double)n_captures;
        const double speed = 1 + 6.0 * (double)row / (double)n_rows + sin(2.385 * (double)row);
        grid->value[cell] = 0.1 + 3.7 * exp(-speed * part) + 0.02 * sin(37.0 * (double)cell);
        grid->state[cell] = ENTRO_CELL_VALUE;
    }
    return grid;
}

EntroPen
sample_pen(guint k)
{
    return entro_line_pen_of(entro_line_set_find(NULL, NULL), k);
}

void
sample_spoil(EntroCurve *curve, gsize from)
{
    for (gsize i = from; i < curve->n; i++)
        curve->y[i] = NAN;
}

static void
spoil_layer(EntroGrid *grid, gsize row, gsize first_head, EntroCellState state)
{
    for (gsize head = first_head; head < grid->n_columns; head++) {
        grid->value[row * grid->n_columns + head] = NAN;
        grid->state[row * grid->n_columns + head] = state;
    }
}

/* ---- figures from numbers ------------------------------------------------------------------- */

EntroFigure *
sample_finish(EntroPage *page, const char *title, gboolean added, GError **error)
{
    g_autoptr(EntroPage) own = page;

    if (!added)
        return NULL;
    entro_page_set_title(page, page->options->title ? page->options->title : title);
    return entro_page_finish(page, error);
}

gboolean
sample_add_heat_maps(EntroPage *page, EntroGrid **grids, guint n, GError **error)
{
    gboolean added = TRUE;

    page->batch++;
    for (guint i = 0; i < n; i++) {
        added = added && entro_heat_chart_add_heads(page, grids[i], grids[i]->run,
                                                    "Head entropy (nats)", error);
        entro_grid_free(grids[i]);
    }
    return added && entro_heads_check(page, error);
}

EntroFigure *
sample_heat_maps(EntroGrid **grids, guint n, const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    const gboolean added = sample_add_heat_maps(page, grids, n, error);
    return sample_finish(page, "Entropy of each attention head at step 2000", added, error);
}

static void
add_layers(EntroCurveChart *lines, guint n_layers, gsize n_steps, guint spoilt)
{
    for (guint layer = 0; layer < n_layers; layer++) {
        const double depth = n_layers > 1 ? layer / (n_layers - 1.0) : 0;
        EntroCurve *curve = sample_curve(layer, n_steps, n_steps > 1 ? 30000 : 0, 3.85,
                                         3.4 - 2.6 * depth * (1 + 0.3 * sin(layer)));
        if (layer < spoilt)
            sample_spoil(curve, 2 * n_steps / 3);
        entro_curve_chart_add_curve(lines, curve, (EntroPen){0});
    }
}

/* Of every second run all layers end in NaN. */
void
sample_add_layers(EntroPage *page, guint n_runs, guint n_layers, gsize n_steps)
{
    g_autofree EntroCurveChart **lines = g_new(EntroCurveChart *, n_runs);

    page->batch++;
    for (guint run = 0; run < n_runs; run++) {
        lines[run] = entro_curve_chart_add(page, run_names[run % G_N_ELEMENTS(run_names)],
                                           "Layer mean entropy (nats)");
        add_layers(lines[run], n_layers, n_steps, run % 2 ? n_layers : 0);
        entro_curve_chart_set_ceiling(lines[run], 3.878);
    }
    entro_layerwise_finish(page, lines, n_runs);
}

EntroFigure *
sample_layers(guint n_runs, guint n_layers, gsize n_steps, const EntroPlotOptions *options,
              GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    sample_add_layers(page, n_runs, n_layers, n_steps);
    return sample_finish(page, "Layer mean entropy during training", TRUE, error);
}

void
sample_add_bands(EntroPage *page, EntroGrid **grids, guint n)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
    g_autofree double *ceiling = g_new(double, n);
    g_autofree gint64 *context_length = g_new(gint64, n);
    g_autofree const char **names = g_new(const char *, n);

    page->batch++;
    for (guint i = 0; i < n; i++) {
        g_ptr_array_add(all, grids[i]);
        names[i] = grids[i]->run;
        ceiling[i] = 3.878;
        context_length[i] = 128;
    }
    const EntroBandsInput input = {all,   names, ceiling, context_length, "Head entropy (nats)",
                                   "nats"};
    entro_bands_add(page, &input);
}

EntroFigure *
sample_bands(EntroGrid **grids, guint n, const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    entro_page_set_title(page, options->title);
    sample_add_bands(page, grids, n);
    return sample_finish(page, NULL, TRUE, error);
}

static EntroFigure *
scalars(const char *const *names, guint n_names, guint n_runs, const char *const *runs,
        gboolean diverges, const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);

    for (guint s = 0; s < n_names; s++) {
        EntroCurveChart *lines = entro_curve_chart_add(page, names[s], NULL);
        for (guint run = 0; run < n_runs; run++) {
            EntroCurve *curve = sample_curve(run, 200, 600, 5.5, 2.2 - 0.2 * run);
            if (diverges && run == n_runs - 1)
                sample_spoil(curve, 35);
            entro_curve_chart_add_curve(lines, curve, sample_pen(run));
            entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, sample_pen(run), runs[run]);
        }
        entro_curve_chart_explain(lines, page->figure, "diverged: no finite value after this");
    }
    return sample_finish(page, "Training curves", TRUE, error);
}

/* ---- the table ------------------------------------------------------------------------------ */

static EntroFigure *
heat_paper(guint n, gboolean values, gboolean shared, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autofree EntroGrid **grids = g_new(EntroGrid *, n);

    options.values = values;
    options.shared_scale = shared;
    for (guint i = 0; i < n; i++)
        grids[i] = sample_grid(run_names[i % 6], 12, 12, 0.03 + 0.1 * i, 3.87 - 0.3 * i);
    return sample_heat_maps(grids, n, &options, error);
}

static EntroFigure *
heat_1(GError **error)
{
    return heat_paper(1, TRUE, FALSE, error);
}

static EntroFigure *
heat_2(GError **error)
{
    return heat_paper(2, FALSE, TRUE, error);
}

static EntroFigure *
heat_6(GError **error)
{
    return heat_paper(6, FALSE, FALSE, error);
}

static EntroFigure *
heat_6_values(GError **error)
{
    return heat_paper(6, TRUE, TRUE, error);
}

static EntroFigure *
heat_11(GError **error)
{
    return heat_paper(11, FALSE, TRUE, error);
}

static EntroFigure *
heat_shape(gsize n_layers, gsize n_heads, gboolean values, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grids[] = {sample_grid("run", n_layers, n_heads, 0.1, 3.8)};

    options.values = values;
    return sample_heat_maps(grids, 1, &options, error);
}

static EntroFigure *
heat_1x1(GError **error)
{
    return heat_shape(1, 1, TRUE, error);
}

static EntroFigure *
heat_8x4(GError **error)
{
    return heat_shape(8, 4, TRUE, error);
}

static EntroFigure *
heat_64(GError **error)
{
    return heat_shape(64, 64, FALSE, error);
}

static EntroFigure *
heat_64_values(GError **error)
{
    return heat_shape(64, 64, TRUE, error);
}

static EntroFigure *
heat_wide(GError **error)
{
    return heat_shape(2, 64, TRUE, error);
}

static EntroFigure *
heat_tall(GError **error)
{
    return heat_shape(128, 4, FALSE, error);
}

static EntroFigure *
heat_ragged(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grid = sample_grid("hybrid", 3, 8, 0.1, 3.2);

    grid->row_layer[1] = 5;
    grid->row_layer[2] = 11;
    spoil_layer(grid, 1, 4, ENTRO_CELL_ABSENT);
    spoil_layer(grid, 2, 2, ENTRO_CELL_UNDEFINED);
    options.values = TRUE;
    return sample_heat_maps(&grid, 1, &options, error);
}

static EntroFigure *
heat_nan(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grids[] = {sample_grid("healthy", 8, 8, 0.5, 3.8), sample_grid("SM", 8, 8, 0, 3.8)};

    for (gsize row = 0; row < 8; row++)
        spoil_layer(grids[1], row, row < 3 ? 5 : 0, ENTRO_CELL_UNDEFINED);
    return sample_heat_maps(grids, 2, &options, error);
}

static EntroFigure *
heat_all_nan(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grid = sample_grid("SM", 8, 8, 0, 3.8);

    for (gsize row = 0; row < 8; row++)
        spoil_layer(grid, row, 0, ENTRO_CELL_UNDEFINED);
    return sample_heat_maps(&grid, 1, &options, error);
}

static EntroFigure *
heat_odd(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grids[] = {sample_grid(long_name, 6, 6, 2.385, 2.385),
                          sample_grid("", 6, 6, -1e-12, 1e-12),
                          sample_grid("a\xff\n\x1b[31m<b>&amp;", 6, 6, 1e12, 3e12),
                          sample_grid("\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7 \xe2\x80\xae"
                                      "abc",
                                      6, 6, 0, 1e5)};

    options.palette = "magma";
    options.title = long_name;
    return sample_heat_maps(grids, 4, &options, error);
}

/* Centred on 0, which few of the values are near. */
static EntroFigure *
heat_difference(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    options.palette = ENTRO_DIVERGING;
    options.values = TRUE;
    EntroPage *page = entro_page_new(&options, error);
    EntroGrid *grids[] = {sample_grid("SM − SM+LN+G", 8, 8, -2.4, 0.3),
                          sample_grid("SM − SM", 8, 8, 0, 0)};

    const gboolean added = sample_add_heat_maps(page, grids, 2, error);
    for (guint i = 0; i < page->charts->len; i++)
        ((EntroChart *)page->charts->pdata[i])->colour.centred = TRUE;
    return sample_finish(page, "Difference of head entropy (nats)", added, error);
}

static EntroFigure *
heat_column(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *grids[] = {sample_grid("SM+LN+G", 12, 12, 0.5, 3.8),
                          sample_grid("SM", 12, 12, 0, 3.8)};

    options.width = 3.25;
    options.font_size = 8;
    options.palette = "cividis";
    options.title = "";
    return sample_heat_maps(grids, 2, &options, error);
}

/* The grids are freed. */
static EntroFigure *
steps(EntroStepGrid **grids, guint n, const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    gboolean added = page != NULL;

    for (guint i = 0; i < n; i++) {
        added = added && entro_heat_chart_add_steps(page, grids[i], run_names[5 * i % 6],
                                                    "Head entropy (nats)", error);
        entro_step_grid_free(grids[i]);
    }
    return page
               ? sample_finish(page, "Entropy of each attention head during training", added, error)
               : NULL;
}

static EntroFigure *
steps_few(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroStepGrid *grids[] = {sample_steps(3, 4, 9, 1000)};

    options.values = TRUE;
    return steps(grids, 1, &options, error);
}

static EntroFigure *
steps_usual(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroStepGrid *grids[] = {sample_steps(12, 12, 121, 250), sample_steps(12, 12, 121, 250)};

    for (gsize row = 40; row < 144; row++)
        for (gsize i = 90; i < 121; i++)
            grids[1]->state[row * 121 + i] = ENTRO_CELL_UNDEFINED;
    options.shared_scale = TRUE;
    return steps(grids, 2, &options, error);
}

static EntroFigure *
steps_many_heads(GError **error)
{
    EntroStepGrid *grids[] = {sample_steps(128, 16, 500, 1234567)};

    return steps(grids, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

/* Captures at powers of two, a layer that could not be read, nothing valid in the end. */
static EntroFigure *
steps_uneven(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroStepGrid *grid = sample_steps(6, 6, 18, 1);

    for (gsize i = 1; i < 18; i++)
        grid->step[i] = (gint64)1 << i;
    for (gsize row = 0; row < 36; row++)
        grid->state[row * 18 + 17] = ENTRO_CELL_UNDEFINED;
    for (gsize row = 6; row < 12; row++)
        grid->state[row * 18 + 5] = ENTRO_CELL_ABSENT;
    options.preset = "icml";
    return steps(&grid, 1, &options, error);
}

static EntroFigure *
steps_one(GError **error)
{
    EntroStepGrid *grid = sample_steps(1, 1, 1, 1);

    return steps(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
steps_slides(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroStepGrid *grids[] = {sample_steps(4, 4, 31, 100), sample_steps(8, 4, 31, 1000)};

    options.preset = "slides";
    return steps(grids, 2, &options, error);
}

static EntroFigure *
layers(guint n_runs, guint n_layers, gsize n_steps, gboolean shared, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.shared_scale = shared;
    return sample_layers(n_runs, n_layers, n_steps, &options, error);
}

static EntroFigure *
layers_1(GError **error)
{
    return layers(1, 12, 60, FALSE, error);
}

static EntroFigure *
layers_2(GError **error)
{
    return layers(2, 8, 60, TRUE, error);
}

static EntroFigure *
layers_6(GError **error)
{
    return layers(6, 12, 60, FALSE, error);
}

static EntroFigure *
layers_64(GError **error)
{
    return layers(2, 64, 60, TRUE, error);
}

static EntroFigure *
layers_48_alone(GError **error)
{
    return layers(1, 48, 100, TRUE, error);
}

static EntroFigure *
layers_one_step(GError **error)
{
    return layers(1, 4, 1, FALSE, error);
}

static EntroFigure *
layers_long(GError **error)
{
    return layers(1, 4, 20000, FALSE, error);
}

static EntroFigure *
layers_spoilt(guint spoilt, gsize from, GError **error)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, error);
    EntroCurveChart *lines = entro_curve_chart_add(page, "SM", "Layer mean entropy (nats)");

    for (guint layer = 0; layer < 6; layer++) {
        EntroCurve *curve = sample_curve(layer, 40, 390, 3, 3 - 0.5 * layer);
        if (layer < spoilt)
            sample_spoil(curve, from);
        entro_curve_chart_add_curve(lines, curve, (EntroPen){0});
    }
    entro_layerwise_finish(page, &lines, 1);
    return sample_finish(page, "Layer mean entropy during training", TRUE, error);
}

static EntroFigure *
layers_some_nan(GError **error)
{
    return layers_spoilt(2, 20, error);
}

static EntroFigure *
layers_all_nan(GError **error)
{
    return layers_spoilt(6, 0, error);
}

static EntroFigure *
bands_n(guint n, gboolean nan, const EntroPlotOptions *options, GError **error)
{
    g_autofree EntroGrid **grids = g_new(EntroGrid *, n);

    for (guint i = 0; i < n; i++)
        grids[i] = sample_grid(run_names[i % 6], 12, 12, 0.05 * i, 3.87 - 0.4 * (i % 6));
    if (nan)
        for (gsize row = 9; row < 12; row++)
            spoil_layer(grids[n - 1], row, 0, ENTRO_CELL_UNDEFINED);
    return sample_bands(grids, n, options, error);
}

static EntroFigure *
bands_1(GError **error)
{
    return bands_n(1, FALSE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_2_nan(GError **error)
{
    return bands_n(2, TRUE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_6(GError **error)
{
    return bands_n(6, FALSE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_20(GError **error)
{
    return bands_n(20, FALSE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_all_nan(GError **error)
{
    EntroGrid *grid = sample_grid("SM", 4, 4, 0, 3);

    for (gsize row = 0; row < 4; row++)
        spoil_layer(grid, row, 0, ENTRO_CELL_UNDEFINED);
    return sample_bands(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_all_zero(GError **error)
{
    EntroGrid *grid = sample_grid("SM", 4, 4, 0, 0);

    return sample_bands(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
bands_own(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.band_max = ENTRO_BAND_OWN;
    return bands_n(3, FALSE, &options, error);
}

static EntroFigure *
bands_decimals(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.decimals = 2;
    return bands_n(6, FALSE, &options, error);
}

/* Bars of something that is no share. */
static EntroFigure *
bars_of(double scale, GError **error)
{
    static const char *const groups[] = {"attention", "feed-forward", ""};
    static const double share[] = {0.2, 10, 3, 0, 7, 12.5};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, error);
    g_autofree double *value = g_new(double, G_N_ELEMENTS(share));

    for (guint i = 0; i < G_N_ELEMENTS(share); i++)
        value[i] = scale * share[i];
    EntroBarChart *bars =
        entro_bar_chart_add(page, NULL, G_N_ELEMENTS(groups), groups, NULL, 2, run_names, value);
    bars->percent = FALSE;
    bars->chart.y.label = g_strdup("Minutes");
    return sample_finish(page, "Bars", TRUE, error);
}

static EntroFigure *
bars_minutes(GError **error)
{
    return bars_of(1, error);
}

static EntroFigure *
bars_huge(GError **error)
{
    return bars_of(1e12, error);
}

static EntroFigure *
scalars_loss(GError **error)
{
    static const char *const names[] = {"loss"};
    static const char *const runs[] = {"SM+LN+G", "SM"};

    return scalars(names, 1, 2, runs, TRUE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
scalars_many(GError **error)
{
    static const char *const names[] = {"loss", "eval_loss", "lr", "grad_norm"};
    static const char *const runs[] = {"SM+LN+G", "SM+LN", long_name};

    return scalars(names, 4, 3, runs, TRUE, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
scalars_log(GError **error)
{
    static const char *const names[] = {"grad_norm", "lr"};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.log_y = TRUE;
    return scalars(names, 2, 6, run_names, FALSE, &options, error);
}

static EntroFigure *
scalars_ranges(GError **error)
{
    static const double ends[][2] = {{0, 0},       {7, 7},          {1e-12, 3e-12},
                                     {1e12, 5e12}, {-3, 3},         {1, 1 + 1e-7},
                                     {NAN, NAN},   {-1e300, 1e300}, {123456, 123457}};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, error);

    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *title = g_strdup_printf("%g to %g", ends[i][0], ends[i][1]);
        EntroCurveChart *lines = entro_curve_chart_add(page, title, NULL);
        entro_curve_chart_add_curve(lines, sample_curve(0, 50, 2.5e6, ends[i][0], ends[i][1]),
                                    sample_pen(0));
    }
    return sample_finish(page, "Ranges", TRUE, error);
}

/* As attention maps are: causal, own scales, one of them without a valid row. */
static EntroFigure *
maps(const EntroPlotOptions *options, gsize side, guint n, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    gboolean added = page != NULL;

    for (guint i = 0; i < n && added; i++) {
        g_autoptr(EntroGrid) grid = sample_grid("", side, side, 0, 0.1 + 0.2 * i);
        g_autofree char *title = g_strdup_printf("layer %u, head %u", i / 4, i % 4);
        for (gsize cell = 0; cell < side * side; cell++)
            if (cell % side > cell / side)
                grid->state[cell] = ENTRO_CELL_ABSENT;
            else if (i == n / 2)
                grid->state[cell] = ENTRO_CELL_UNDEFINED;
        EntroHeatChart *heat =
            entro_heat_chart_add(page, title, side, side, grid->value, grid->state, error);
        added = heat != NULL;
        if (!heat)
            break;
        g_ptr_array_set_size(heat->chart.notes, 0);
        heat->framed = TRUE;
        heat->chart.x.label = g_strdup("Key position");
        heat->chart.y.label = g_strdup("Query position");
        heat->chart.colour.label = g_strdup("Attention weight");
        heat->chart.colour.from_zero = TRUE;
        heat->chart.colour.shared = "weight";
        heat->chart.colour.together = options->shared_scale;
        entro_chart_add_note(&heat->chart, "Mean over 4 samples.");
    }
    return page ? sample_finish(page, "Attention weights at step 600", added, error) : NULL;
}

static EntroFigure *
maps_16(GError **error)
{
    return maps(&ENTRO_PLOT_OPTIONS_DEFAULT, 64, 16, error);
}

static EntroFigure *
maps_shared(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.shared_scale = TRUE;
    options.preset = "icml";
    return maps(&options, 12, 4, error);
}

/* A quantity along x that is no step, with a limit to it; and along queries, with quartiles. */
static EntroFigure *
curves_rows(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, error);

    for (guint i = 0; i < 2; i++) {
        EntroCurveChart *lines =
            entro_curve_chart_add(page, run_names[i],
                                  i ? "Row entropy (nats)" : "Share of rows (%)");
        EntroCurve *curve = sample_curve(0, 60, i ? 127 : 4, i ? 0 : 80, i ? 3 : 0);
        EntroColour colour = sample_pen(0).colour;
        g_autofree double *low = g_new(double, 60);
        for (guint k = 0; k < 60; k++)
            low[k] = curve->y[k] * 0.8;
        g_free(lines->chart.x.label);
        lines->chart.x.label = g_strdup(i ? "Query position" : "Row entropy (nats)");
        lines->chart.x.kind = i ? ENTRO_AXIS_WHOLE : ENTRO_AXIS_NUMBER;
        lines->chart.x.shared = i ? "query" : "row entropy";
        colour.alpha = 0.22;
        if (i)
            entro_curve_chart_add_band(lines, curve->x, low, curve->y, 60, colour);
        else
            entro_curve_chart_set_limit(lines, log(128));
        entro_curve_chart_add_curve(lines, curve, sample_pen(0));
        entro_legend_add(&lines->chart.signs, i ? ENTRO_SWATCH_PATCH : ENTRO_SWATCH_LINE,
                         (EntroPen){colour, ENTRO_DASHED}, i ? "quartiles" : "ceiling ln 128");
    }
    return sample_finish(page, "Rows", TRUE, error);
}

static EntroFigure *
spread(guint n_runs, gsize n_layers, gsize n_heads, gboolean holes, GError **error)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, error);
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);

    page->batch++;
    for (guint run = 0; run < n_runs; run++) {
        EntroGrid *grid = sample_grid(run_names[run], n_layers, n_heads, 0.1 * run, 3.8 - run);
        if (holes)
            spoil_layer(grid, n_layers / 2, 0, ENTRO_CELL_UNDEFINED);
        g_ptr_array_add(grids, grid);
    }
    entro_layer_spread_add(page, grids, run_names, "Head entropy (nats)", "nats");
    return sample_finish(page, "Mean and variance", TRUE, error);
}

static EntroFigure *
spread_3(GError **error)
{
    return spread(3, 12, 12, TRUE, error);
}

static EntroFigure *
spread_1x1(GError **error)
{
    return spread(1, 1, 1, FALSE, error);
}

static EntroFigure *
spread_128(GError **error)
{
    return spread(2, 128, 128, FALSE, error);
}

void
sample_add_stack(EntroPage *page, guint n_bars, guint n_parts, double most,
                 const char *const *names)
{
    g_autofree EntroStackPart *parts = g_new(EntroStackPart, n_parts);
    g_autofree double *value = g_new(double, n_parts);

    page->batch++;
    for (guint part = 0; part < n_parts; part++)
        parts[part] = (EntroStackPart){names[part], sample_pen(part).colour};
    EntroStackChart *stack = entro_stack_chart_add(page, "Latency", parts, n_parts);
    stack->chart.x.label = g_strdup("Latency (minutes)");
    for (guint bar = 0; bar < n_bars; bar++) {
        double sum = 0;
        for (guint part = 0; part < n_parts; part++)
            sum += value[part] = most / n_parts * (0.5 + 0.5 * sin(bar + 2.385 * part));
        const EntroRange range = {bar % 2 ? 0.8 * sum : NAN, bar % 2 ? 1.2 * sum : NAN};
        entro_stack_chart_add_bar(stack, names[bar % n_parts], value, range,
                                  bar % 3 ? NAN : 1.1 * sum);
    }
}

EntroFigure *
sample_stack(guint n_bars, guint n_parts, double most, const char *const *names,
             const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    sample_add_stack(page, n_bars, n_parts, most, names);
    return sample_finish(page, "Cost", TRUE, error);
}

static EntroFigure *
stack_5(GError **error)
{
    return sample_stack(5, 6, 8, run_names, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
stack_zero(GError **error)
{
    return sample_stack(3, 2, 0, run_names, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
stack_odd(GError **error)
{
    static const char *const names[] = {long_name, "", "a\xff\n<b>&amp;"};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.width = 3.25;
    return sample_stack(60, 3, 1e12, names, &options, error);
}

void
sample_add_timeline(EntroPage *page, guint n_rows, guint n_stretches, const char *const *names,
                    guint n_names)
{
    page->batch++;
    EntroCurveChart *lines = entro_curve_chart_add(page, names[0], "loss");
    EntroTimelineChart *timeline = entro_timeline_chart_add(page, "Findings", "no findings");
    entro_curve_chart_add_curve(lines, sample_curve(0, 50, 30000, 5, 2), sample_pen(0));
    for (guint row = 0; row < n_rows; row++)
        entro_timeline_chart_add_row(timeline, names[row % n_names]);
    for (guint i = 0; n_rows > 0 && i < n_stretches; i++) {
        const double from = 15000 * (1 + sin(2.385 * i));
        const EntroRange steps = {from, i % 4 == 0 ? 30000 : i % 4 == 1 ? from : from / 2 + 15000};
        entro_timeline_chart_add_stretch(timeline, i % n_rows, steps, i % 4 == 0,
                                         page->figure->theme.severity[i % 3]);
    }
    page->alone_columns = 1;
}

EntroFigure *
sample_timeline(guint n_rows, guint n_stretches, const char *const *names, guint n_names,
                const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    sample_add_timeline(page, n_rows, n_stretches, names, n_names);
    return sample_finish(page, "Findings", TRUE, error);
}

static EntroFigure *
timeline_5(GError **error)
{
    static const char *const names[] = {"layer collapse 3", "run overload", "head overload (98)"};

    return sample_timeline(5, 12, names, G_N_ELEMENTS(names), &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
timeline_none(GError **error)
{
    return sample_timeline(0, 0, run_names, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, error);
}

static EntroFigure *
timeline_slides(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    static const char *const names[] = {"layer collapse 3", long_name};

    options.preset = "slides";
    return sample_timeline(2, 2, names, G_N_ELEMENTS(names), &options, error);
}

/* A band with a gap, one of a single place, one that leaves a logarithmic axis, and a long one. */
static EntroFigure *
curves_bands(GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    options.log_y = TRUE;
    EntroPage *page = entro_page_new(&options, error);
    static const gsize sizes[] = {40, 9000};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const gsize n = sizes[i];
        EntroCurveChart *lines = entro_curve_chart_add(page, i ? "long" : "broken", "loss");
        for (guint k = 0; k < 2; k++) {
            EntroCurve *curve = sample_curve(k, n, 600, 5.5, 1 + 2 * k);
            EntroColour colour = sample_pen(k).colour;
            g_autofree double *low = g_new(double, n);
            g_autofree double *high = g_new(double, n);
            for (gsize j = 0; j < n; j++) {
                low[j] = k == 1 ? curve->y[j] - 0.3 : j > n / 2 ? 0 : curve->y[j] * 0.8;
                high[j] = i == 0 && (j == 10 || j == 12) ? NAN : curve->y[j] * 1.1;
            }
            colour.alpha = 0.25;
            entro_curve_chart_add_band(lines, curve->x, low, high, n, colour);
            entro_curve_chart_add_curve(lines, curve, sample_pen(k));
        }
    }
    return sample_finish(page, "Means with bands", TRUE, error);
}

/* Kinds of charts that have nothing in common, in one raster. */
static EntroFigure *
page_mixed(gboolean shared, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    options.shared_scale = shared;
    EntroPage *page = entro_page_new(&options, error);
    EntroGrid *maps[] = {sample_grid("SM+LN+G", 12, 12, 0.5, 3.8), sample_grid("SM", 12, 12, 0, 3)};
    EntroGrid *bands[] = {sample_grid("SM+LN+G", 12, 12, 0.5, 3.8),
                          sample_grid("SM", 12, 12, 0, 3)};

    page->letters = TRUE;
    page->n_columns = 2;
    const gboolean added = sample_add_heat_maps(page, maps, G_N_ELEMENTS(maps), error);
    sample_add_bands(page, bands, G_N_ELEMENTS(bands));
    ((EntroChart *)page->charts->pdata[2])->span = 2;
    sample_add_layers(page, 2, 12, 60);
    return sample_finish(page, "Everything about two runs", added, error);
}

static EntroFigure *
page_of_all_kinds(GError **error)
{
    return page_mixed(FALSE, error);
}

static EntroFigure *
page_shared(GError **error)
{
    return page_mixed(TRUE, error);
}

static const FigureSample samples[] = {
    {"heat-1", heat_1},
    {"heat-2-shared", heat_2},
    {"heat-6", heat_6},
    {"heat-6-values", heat_6_values},
    {"heat-11-shared", heat_11},
    {"heat-1x1", heat_1x1},
    {"heat-8x4", heat_8x4},
    {"heat-64x64", heat_64},
    {"heat-64x64-values", heat_64_values},
    {"heat-2x64", heat_wide},
    {"heat-128x4", heat_tall},
    {"heat-ragged", heat_ragged},
    {"heat-nan", heat_nan},
    {"heat-all-nan", heat_all_nan},
    {"heat-odd-names-and-ranges", heat_odd},
    {"heat-difference", heat_difference},
    {"heat-one-column-of-a-journal", heat_column},
    {"steps-few-with-values", steps_few},
    {"steps-2-runs", steps_usual},
    {"steps-2048-heads", steps_many_heads},
    {"steps-uneven", steps_uneven},
    {"steps-one-cell", steps_one},
    {"steps-slides", steps_slides},
    {"layers-1", layers_1},
    {"layers-2-shared", layers_2},
    {"layers-6", layers_6},
    {"layers-64", layers_64},
    {"layers-48-alone", layers_48_alone},
    {"layers-one-step", layers_one_step},
    {"layers-long", layers_long},
    {"layers-some-nan", layers_some_nan},
    {"layers-all-nan", layers_all_nan},
    {"bands-1", bands_1},
    {"bands-2-nan", bands_2_nan},
    {"bands-6", bands_6},
    {"bands-20", bands_20},
    {"bands-all-nan", bands_all_nan},
    {"bands-all-zero", bands_all_zero},
    {"bands-own", bands_own},
    {"bands-decimals", bands_decimals},
    {"bars-minutes", bars_minutes},
    {"bars-huge", bars_huge},
    {"scalars-loss", scalars_loss},
    {"scalars-many", scalars_many},
    {"scalars-log", scalars_log},
    {"scalars-ranges", scalars_ranges},
    {"maps-16", maps_16},
    {"maps-shared", maps_shared},
    {"curves-of-rows", curves_rows},
    {"timeline-5", timeline_5},
    {"timeline-none", timeline_none},
    {"timeline-slides", timeline_slides},
    {"stack-5", stack_5},
    {"stack-zero", stack_zero},
    {"stack-odd", stack_odd},
    {"spread-3", spread_3},
    {"spread-1x1", spread_1x1},
    {"spread-128", spread_128},
    {"curves-bands", curves_bands},
    {"page-of-all-kinds", page_of_all_kinds},
    {"page-shared", page_shared},
};

const FigureSample *
figure_samples(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(samples);
    return samples;
}
