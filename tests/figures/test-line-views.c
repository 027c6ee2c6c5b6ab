/* test-line-views.c: views of lines and bars: their numbers, from a store or from grids. */
#include <glib/gstdio.h>
#include <string.h>

#include "db-private.h"
#include "figure-samples.h"

/* ---- a store ------------------------------------------------------------------------------------ */

typedef struct {
    char *folder;
    EntroStore *store;
    GPtrArray *runs; /* EntroRunInfo * */
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("entro-line-views-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(fixture->folder, "runs.db", NULL);

    fixture->store = entro_store_open(path, ENTRO_STORE_WRITE, &error);
    g_assert_no_error(error);
    fixture->runs = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_info_free);
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_ptr_array_unref(fixture->runs);
    entro_store_free(fixture->store);

    g_autoptr(GDir) dir = g_dir_open(fixture->folder, 0, NULL);
    const char *name = NULL;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
}

enum { N_LAYERS = 2, N_HEADS = 3, N_CAPTURES = 5 }; /* steps 0, 100, ... */

/* What a run of the fixture is. */
typedef struct {
    const char *name, *arch, *seed;
    double offset;    /* of entropy and loss */
    guint nan_from;   /* capture; N_CAPTURES: none */
    guint n_captures; /* 0: all */
} Run;

static double
entropy_at(const Run *run, guint position, guint head)
{
    return position >= run->nan_from ? NAN : 1 + run->offset + 0.1 * position + 0.2 * head;
}

static void
put_capture(EntroStore *store, gint64 id, const Run *run, guint position)
{
    g_autoptr(GError) error = NULL;
    EntroHeadStats heads[N_LAYERS * N_HEADS] = {0};
    EntroLayerStats layers[N_LAYERS] = {0};
    const EntroCapture capture = {.position = position,
                                  .step = 100 * position,
                                  .attempt = 1,
                                  .n_heads = N_LAYERS * N_HEADS,
                                  .heads = heads,
                                  .n_layers = N_LAYERS,
                                  .layers = layers};

    for (guint i = 0; i < N_LAYERS * N_HEADS; i++) {
        heads[i].layer = i / N_HEADS;
        heads[i].head = i % N_HEADS;
        heads[i].n_rows = 16;
        for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
            heads[i].values[column] = NAN;
        heads[i].values[ENTRO_HEAD_ENTROPY_MEAN] = entropy_at(run, position, i);
    }
    for (guint layer = 0; layer < N_LAYERS; layer++)
        layers[layer].layer = layer;
    entro_store_put_captures(store, id, &capture, 1, &error);
    g_assert_no_error(error);
}

static double
loss_at(const Run *run, guint position)
{
    return position >= run->nan_from ? NAN : 5 + run->offset - position;
}

static void
put_trace(EntroStore *store, gint64 id, const Run *run, guint n)
{
    g_autoptr(GError) error = NULL;
    gint64 step[N_CAPTURES];
    double value[N_CAPTURES];
    guint attempts[N_CAPTURES];
    EntroScalar loss = {.name = (char *)"loss", .n = n, .step = step, .value = value};
    EntroConfigEntry config[] = {{(char *)"arch", (char *)run->arch},
                                 {(char *)"seed", (char *)run->seed}};
    const EntroTrace trace = {.n_captures = n,
                              .steps = step,
                              .attempts = attempts,
                              .attempt = 1,
                              .n_config = run->arch ? G_N_ELEMENTS(config) : 0,
                              .config = config,
                              .n_scalars = 1,
                              .scalars = &loss};

    for (guint i = 0; i < n; i++) {
        step[i] = 100 * i;
        attempts[i] = 1;
        value[i] = loss_at(run, i);
    }
    entro_store_put_trace(store, id, &trace, 1, &error);
    g_assert_no_error(error);
}

static void
put_run(Fixture *fixture, const Run *run)
{
    g_autoptr(GError) error = NULL;
    const guint n = run->n_captures ? run->n_captures : N_CAPTURES;
    const EntroRunInfo info = {.name = (char *)run->name,
                               .attempt = 1,
                               .source = (char *)"trace.h5",
                               .fingerprint = (char *)run->name,
                               .open_mode = (char *)"plain",
                               .arch = (char *)run->arch,
                               .n_layers = N_LAYERS,
                               .n_heads = N_HEADS,
                               .context_length = 16,
                               .causal = 1,
                               .tool_version = (char *)"0.1.0"};
    gint64 id = 0;

    entro_store_begin_run(fixture->store, &info, FALSE, &id, &error);
    g_assert_no_error(error);
    for (guint position = 0; position < n; position++)
        put_capture(fixture->store, id, run, position);
    put_trace(fixture->store, id, run, n);
    EntroRunInfo *found = entro_store_find_run(fixture->store, run->name, &error);
    g_assert_no_error(error);
    g_ptr_array_add(fixture->runs, found);
}

/* The charts of a view, undrawn. */
static EntroPage *
build(const Fixture *fixture, const char *view, const EntroPlotOptions *options, GError **error)
{
    const EntroViewInput input = {fixture->store, (const EntroRunInfo *const *)fixture->runs->pdata,
                                  fixture->runs->len, options};
    g_autoptr(EntroPage) page = entro_page_new(options, error);

    return entro_page_add_view(page, entro_view_find(view), &input, error) ? g_steal_pointer(&page)
                                                                           : NULL;
}

static const EntroCurve *
curve_of(const EntroPage *page, guint chart, guint curve)
{
    const EntroCurveChart *lines = page->charts->pdata[chart];

    g_assert_cmpuint(curve, <, lines->curves->len);
    return lines->curves->pdata[curve];
}

static gboolean
has_note(const EntroPage *page, const char *part)
{
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = page->charts->pdata[i];
        for (guint k = 0; k < chart->notes->len; k++)
            if (strstr(chart->notes->pdata[k], part))
                return TRUE;
    }
    return FALSE;
}

/* ---- layer-spread ------------------------------------------------------------------------------- */

/* Layers 0 and 3 of Fig. 6a of arXiv 2501.03489 v2; Fig. 6b has means and variances of them. */
static const double thresholds[2][12] = {
    {0.43, 0.44, 0.42, 0.45, 0.44, 0.49, 0.43, 0.46, 0.43, 0.43, 0.43, 0.40},
    {0.31, 0.32, 0.31, 0.31, 0.34, 0.45, 0.40, 0.35, 0.29, 0.37, 0.32, 0.52},
};

static void
test_spread_of_published_thresholds(void)
{
    static const char *const names[] = {"EReg"};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(EntroPage) page = entro_page_new(&options, NULL);
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
    EntroGrid *grid = sample_grid("EReg", 2, 12, 0, 1);

    memcpy(grid->value, thresholds, sizeof thresholds);
    grid->row_layer[1] = 3;
    g_ptr_array_add(grids, grid);
    entro_layer_spread_add(page, grids, names, "Entropy threshold (E_max)", "E_max");
    const EntroCurve *variance = curve_of(page, 0, 0), *mean = curve_of(page, 1, 0);
    g_assert_cmpfloat(mean->x[1], ==, 3);
    g_assert_cmpfloat_with_epsilon(mean->y[0], 0.438, 0.00051);
    g_assert_cmpfloat_with_epsilon(mean->y[1], 0.357, 0.00051);
    g_assert_cmpfloat_with_epsilon(variance->y[0], 0.45e-3, 0.0051e-3);
    g_assert_cmpfloat_with_epsilon(variance->y[1], 4.29e-3, 0.0051e-3);
    g_assert_cmpstr(((EntroChart *)page->charts->pdata[0])->y.label, ==,
                    "Variance of entropy threshold (E_max²)");
    g_assert_true(has_note(page, "population"));
}

static void
test_spread_of_nothing(void)
{
    static const char *const names[] = {"none"};
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    for (guint n_layers = 0; n_layers < 2; n_layers++) {
        g_autoptr(EntroPage) page = entro_page_new(&options, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) grids =
            g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
        g_ptr_array_add(grids, sample_grid("none", n_layers, 2, 0, 1));
        entro_layer_spread_add(page, grids, names, "Effective keys", NULL);
        g_assert_cmpstr(((EntroChart *)page->charts->pdata[0])->y.label, ==,
                        "Variance of effective keys");
        g_assert_cmpint(entro_heads_check(page, &error), ==, n_layers > 0);
        g_assert_true(n_layers > 0 || strstr(error->message, "no heads"));
    }
}

/* Heads 1.4 + 0.2 k at step 400: mean of three neighbours is the middle one's, variance 2/3 0.2^2. */
static void
test_spread_from_store(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const Run runs[] = {{.name = "a", .nan_from = N_CAPTURES},
                               {.name = "b", .offset = 1, .nan_from = 4}};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    put_run(fixture, &runs[0]);
    put_run(fixture, &runs[1]);
    g_autoptr(EntroPage) page = build(fixture, "layer-spread", &options, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat_with_epsilon(curve_of(page, 1, 0)->y[0], 1.6, 1e-12);
    g_assert_cmpfloat_with_epsilon(curve_of(page, 1, 0)->y[1], 2.2, 1e-12);
    g_assert_cmpfloat_with_epsilon(curve_of(page, 0, 0)->y[1], 0.08 / 3, 1e-12);
    g_assert_true(isnan(curve_of(page, 1, 1)->y[0]));
    g_assert_true(has_note(page, "b: 6 heads without a value"));
    options.step = 12345;
    g_assert_null(build(fixture, "layer-spread", &options, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

/* ---- bars ----------------------------------------------------------------------------------------- */

static void
test_numbers_of_bars(void)
{
    static const struct {
        double value;
        int decimals;
        const char *sign, *text;
    } cases[] = {
        {58, 0, "%", "58%"},           {0.4, 0, "%", "<1%"},       {0, 0, "%", "0%"},
        {100 / 144., 1, "%", "0.7%"},  {0.04, 1, "%", "<0.1%"},    {25.32, 1, "", "25.3"},
        {300 / 144., 2, "%", "2.08%"}, {123456, 0, "", "1.2e+05"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = entro_bar_text(cases[i].value, cases[i].decimals, cases[i].sign);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
    /* the same in a cell of a map, and as wide as any between 1e5 and 2e5 */
    g_autofree char *cell = entro_cell_text(123456, 0), *even = entro_cell_text(1e5, 0);
    g_assert_cmpstr(cell, ==, "1.2e+05");
    g_assert_cmpstr(even, ==, "1.0e+05");
}

static gboolean
says(const EntroFigure *figure, const char *text)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (g_strcmp0(mark->text, text) == 0)
            return TRUE;
    }
    return FALSE;
}

/* One head of 144 in the last band, and three decimals in each cell of a map. */
static void
test_decimals_of_figures(void)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroGrid *bands = sample_grid("run", 12, 12, 1, 1), *map = sample_grid("run", 2, 2, 1, 2);

    bands->value[77] = 4;
    options.decimals = 1;
    g_autoptr(EntroFigure) bars = sample_bands(&bands, 1, &options, NULL);
    g_assert_true(says(bars, "0.7%") && says(bars, "99.3%"));
    options.decimals = 3;
    options.values = TRUE;
    g_autoptr(EntroFigure) cells = sample_heat_maps(&map, 1, &options, NULL);
    g_assert_true(says(cells, "1.150"));
}

static const EntroMark *
nth_fill(const EntroFigure *figure, EntroMarkKind kind, EntroColour colour, guint nth)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == kind && mark->role == ENTRO_ROLE_INSIDE &&
            mark->pen.colour.red == colour.red && mark->pen.colour.blue == colour.blue &&
            nth-- == 0)
            return mark;
    }
    return NULL;
}

/* ---- cost ----------------------------------------------------------------------------------------- */

static EntroPage *
build_cost(const EntroPlotOptions *options, GError **error)
{
    const EntroViewInput input = {NULL, NULL, 0, options};
    g_autoptr(EntroPage) page = entro_page_new(options, error);

    return entro_page_add_view(page, entro_view_find("cost"), &input, error)
               ? g_steal_pointer(&page)
               : NULL;
}

static double
sum_of_bar(const EntroPage *page, guint chart, guint bar)
{
    const EntroStackChart *stack = page->charts->pdata[chart];
    double sum = 0;

    for (guint part = 0; part < stack->n_parts; part++)
        sum += g_array_index(stack->values, double, bar * stack->n_parts + part);
    return sum;
}

/* Against Table 3 of the paper, as far as the model agrees with it: 0.5 % and 4.2 %. */
static void
test_cost_of_architectures(void)
{
    static const char *const archs[] = {"SM+LN+G", "SM+ScFuFFN", NULL};
    static const char *const measured[] = {"25.32/8.21", "6.43/-", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.archs = archs;
    options.measured = measured;
    g_autoptr(EntroPage) page = build_cost(&options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(page->charts->len, ==, 2);
    g_assert_cmpfloat_with_epsilon(sum_of_bar(page, 0, 0), 25.32, 0.005 * 25.32);
    g_assert_cmpfloat_with_epsilon(sum_of_bar(page, 0, 1), 6.43, 0.005 * 6.43);
    g_assert_cmpfloat_with_epsilon(sum_of_bar(page, 1, 0), 8.21, 0.042 * 8.21);
    const EntroStackChart *minutes = page->charts->pdata[1];
    g_assert_cmpfloat(g_array_index(minutes->marks, double, 0), ==, 8.21);
    g_assert_true(isnan(g_array_index(minutes->marks, double, 1)));
    g_assert_true(has_note(page, "12 layers, 12 heads, width 768, context 128"));
}

/* Parts follow each other without a gap, as long as their values; the range and the cross are where
 * theirs are. */
static void
test_places_of_stacked_bars(void)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    const EntroStackPart parts[] = {{"a", sample_pen(0).colour}, {"b", sample_pen(1).colour}};
    static const double value[] = {1, 3};
    EntroPage *page = entro_page_new(&options, NULL);
    EntroStackChart *stack = entro_stack_chart_add(page, NULL, parts, G_N_ELEMENTS(parts));

    entro_stack_chart_add_bar(stack, "bar", value, (EntroRange){3.5, 5}, 6);
    g_autoptr(EntroFigure) figure = sample_finish(page, NULL, TRUE, NULL);
    const EntroBox a = nth_fill(figure, ENTRO_MARK_FILL, parts[0].colour, 0)->box;
    const EntroBox b = nth_fill(figure, ENTRO_MARK_FILL, parts[1].colour, 0)->box;
    const EntroMark *cross = nth_fill(figure, ENTRO_MARK_CROSSES, figure->theme.ink, 0);
    g_assert_cmpfloat_with_epsilon(b.x, entro_box_right(a), 1e-9);
    g_assert_cmpfloat_with_epsilon(b.width, 3 * a.width, 1e-9);
    g_assert_cmpfloat_with_epsilon(cross->points[0], a.x + 6 * a.width, 1e-9);
    g_assert_true(says(figure, "~4.00"));
}

static void
test_cost_of_one_part(void)
{
    static const char *const archs[] = {"all", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.archs = archs;
    options.part = "latency";
    g_autoptr(EntroPage) page = build_cost(&options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(page->charts->len, ==, 1);
    g_assert_cmpuint(((EntroStackChart *)page->charts->pdata[0])->n_bars, ==,
                     g_strv_length((char **)entro_cost_arch_names()));
    g_assert_true(has_note(page, "an estimate"));
}

static void
test_bandwidths(void)
{
    static const char *const archs[] = {"SM", NULL};
    static const struct {
        double bandwidth;
        const char *note;
    } cases[] = {{0.4, "Network: 0.4 Mbit/s."},
                 {2.5, "Network: 2.5 Mbit/s."},
                 {1000, "Network: 1000 Mbit/s."},
                 {NAN, "Network: 1131 Mbit/s."}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
        options.archs = archs;
        options.bandwidth = cases[i].bandwidth;
        g_autoptr(EntroPage) page = build_cost(&options, NULL);
        g_assert_true(has_note(page, cases[i].note));
    }
}

static void
test_cost_is_refused(void)
{
    static const char *const archs[] = {"SM", NULL}, *const unknown[] = {"GPT", NULL};
    static const char *const measured[][3] = {{"25.32", NULL}, {"1/x", NULL}, {"1/2", "3/4", NULL}};
    const EntroPlotOptions usual = ENTRO_PLOT_OPTIONS_DEFAULT;

    for (guint i = 0; i < 3 + G_N_ELEMENTS(measured); i++) {
        EntroPlotOptions options = usual;
        g_autoptr(GError) error = NULL;
        options.archs = i == 0 ? NULL : i == 1 ? unknown : archs;
        options.part = i == 2 ? "energy" : NULL;
        options.measured = i >= 3 ? measured[i - 3] : NULL;
        g_assert_null(build_cost(&options, &error));
        g_assert_nonnull(error);
    }
}

static void
test_cost_of_runs(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const Run run = {.name = "first", .arch = "SM", .seed = "1", .nan_from = N_CAPTURES};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    put_run(fixture, &run);
    g_assert_null(build(fixture, "cost", &options, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT); /* its width */
    options.sizes[2] = 12;
    g_autoptr(EntroPage) page = build(fixture, "cost", &options, NULL);
    const EntroStackChart *stack = page->charts->pdata[0];
    g_assert_cmpstr(stack->names->pdata[0], ==, "first: SM");
    g_assert_true(has_note(page, "2 layers, 3 heads, width 12, context 16"));
}

/* ---- findings ------------------------------------------------------------------------------------- */

static EntroFinding *
finding_new(const char *rule, EntroSeverity severity, gint64 layer, gint64 head, gint64 onset,
            gint64 last)
{
    EntroFinding *finding = g_new0(EntroFinding, 1);

    finding->kind = ENTRO_FINDING_COLLAPSE;
    finding->severity = severity;
    finding->layer = layer;
    finding->head = head;
    finding->onset_step = onset;
    finding->last_step = last;
    finding->rule = g_strdup(rule);
    finding->sentence = g_strdup("");
    finding->evidence = g_strdup("{}");
    return finding;
}

static const char *
row_name(const EntroTimelineChart *timeline, guint row)
{
    g_assert_cmpuint(row, <, timeline->names->len);
    return timeline->names->pdata[row];
}

/* Names, places and colours; of the two stretches of one row that overlap there is one. */
static void
test_few_findings(void)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    EntroPage *page = entro_page_new(&options, NULL);
    g_autoptr(GPtrArray) findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_finding_free);
    g_ptr_array_add(findings, finding_new("layer-collapse", ENTRO_SEVERITY_CRITICAL, 9, -1, 250,
                                          ENTRO_STILL_SO));
    g_ptr_array_add(findings, finding_new("loss-nan", ENTRO_SEVERITY_CRITICAL, -1, -1, 0, 500));
    g_ptr_array_add(findings, finding_new("head-overload", ENTRO_SEVERITY_INFO, 3, 1, 250, 500));
    g_ptr_array_add(findings, finding_new("head-overload", ENTRO_SEVERITY_INFO, 3, 1, 400, 750));

    page->batch++;
    const EntroTimelineChart *timeline = entro_findings_add(page, "run", findings, 0, 1000);
    g_assert_cmpstr(row_name(timeline, 0), ==, "layer collapse 9");
    g_assert_cmpstr(row_name(timeline, 1), ==, "loss NaN");
    g_assert_cmpstr(row_name(timeline, 2), ==, "head overload 3.1");
    g_assert_cmpuint(timeline->names->len, ==, 3);
    g_autoptr(EntroFigure) figure = sample_finish(page, NULL, TRUE, NULL);
    const EntroColour info = figure->theme.severity[ENTRO_SEVERITY_INFO];
    const EntroColour critical = figure->theme.severity[ENTRO_SEVERITY_CRITICAL];
    const EntroMark *plot = NULL;
    for (guint i = 0; i < figure->marks->len && !plot; i++)
        if (((EntroMark *)figure->marks->pdata[i])->role == ENTRO_ROLE_PLOT)
            plot = figure->marks->pdata[i];
    const EntroBox box = nth_fill(figure, ENTRO_MARK_FILL, info, 0)->box;
    g_assert_null(nth_fill(figure, ENTRO_MARK_FILL, info, 1));
    g_assert_cmpfloat_with_epsilon(box.x, plot->box.x + 0.25 * plot->box.width, 1e-6);
    g_assert_cmpfloat_with_epsilon(entro_box_right(box), plot->box.x + 0.75 * plot->box.width,
                                   1e-6);
    g_assert_nonnull(nth_fill(figure, ENTRO_MARK_BAND, critical, 0)); /* still so */
    g_assert_null(nth_fill(figure, ENTRO_MARK_BAND, info, 0));
}

/* 4 layers of 10 heads: as many rows as there is room for. */
static void
test_many_findings(void)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(EntroPage) page = entro_page_new(&options, NULL);
    g_autoptr(GPtrArray) findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_finding_free);

    for (gint64 layer = 0; layer < 4; layer++)
        for (gint64 head = 0; head < 10; head++)
            g_ptr_array_add(findings, finding_new("head-collapse", ENTRO_SEVERITY_INFO, layer, head,
                                                  10 * head, 10 * head + 5));
    const EntroTimelineChart *by_layer = entro_findings_add(page, "run", findings, 0, 1000);
    g_assert_cmpuint(by_layer->names->len, ==, 4);
    g_assert_cmpstr(row_name(by_layer, 3), ==, "head collapse, layer 3 (10)");
    for (gint64 layer = 4; layer < 100; layer++)
        g_ptr_array_add(findings,
                        finding_new("head-collapse", ENTRO_SEVERITY_INFO, layer, 0, 0, 1));
    const EntroTimelineChart *by_rule = entro_findings_add(page, "run", findings, 0, 1000);
    g_assert_cmpuint(by_rule->names->len, ==, 1);
    g_assert_cmpstr(row_name(by_rule, 0), ==, "head collapse (136)");
}

static void
test_findings_from_store(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const Run run = {.name = "run", .nan_from = N_CAPTURES};
    static const char *const unknown[] = {"perplexity", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFinding) finding =
        finding_new("layer-collapse", ENTRO_SEVERITY_CRITICAL, 1, -1, 100, 300);
    const EntroFinding *const findings[] = {finding};

    put_run(fixture, &run);
    const EntroRunInfo *info = fixture->runs->pdata[0];
    entro_store_put_findings(fixture->store, info->id, NULL, 0, &error);
    g_autoptr(EntroPage) none = build(fixture, "findings", &options, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(curve_of(none, 0, 0)->y[1], ==, 4);
    g_assert_cmpuint(((EntroTimelineChart *)none->charts->pdata[1])->names->len, ==, 0);

    entro_store_put_findings(fixture->store, info->id, findings, 1, &error);
    g_assert_no_error(error);
    entro_run_info_free(fixture->runs->pdata[0]);
    fixture->runs->pdata[0] = entro_store_find_run(fixture->store, "run", &error);
    options.part = "findings";
    g_autoptr(EntroPage) one = build(fixture, "findings", &options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(one->charts->len, ==, 1);
    const EntroTimelineChart *timeline = one->charts->pdata[0];
    g_assert_cmpstr(row_name(timeline, 0), ==, "layer collapse 1");
    g_assert_cmpfloat(timeline->chart.x.range.high, ==, 400);
    options.part = NULL;
    options.scalars = unknown;
    g_assert_null(build(fixture, "findings", &options, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

/* ---- seeds ---------------------------------------------------------------------------------------- */

static const Run seeds[] = {
    {.name = "a1", .arch = "SM", .seed = "1", .offset = 0, .nan_from = N_CAPTURES},
    {.name = "a2", .arch = "SM", .seed = "2", .offset = 0.3, .nan_from = N_CAPTURES},
    {.name = "a3", .arch = "SM", .seed = "3", .offset = 0.9, .nan_from = 3},
    {.name = "b1", .arch = "SM+LN", .seed = "1", .offset = 2, .nan_from = N_CAPTURES},
    {.name = "none", .offset = 7, .nan_from = N_CAPTURES, .n_captures = 2},
};

static const EntroBand *
band_of(const EntroPage *page, guint chart, guint band)
{
    return ((const EntroCurveChart *)page->charts->pdata[chart])->bands->pdata[band];
}

/* Offsets 0, 0.3, 0.9: mean 0.4, sd sqrt(0.21), t of 95 % with 2 degrees of freedom 4.302653. */
static void
test_seeds_by_architecture(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const scalars[] = {"loss", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    const double half = 4.302652729911275 * sqrt(0.21 / 3);

    for (guint i = 0; i < G_N_ELEMENTS(seeds); i++)
        put_run(fixture, &seeds[i]);
    options.by = "arch";
    options.scalars = scalars;
    options.column = "entropy_mean";
    g_autoptr(EntroPage) page = build(fixture, "seeds", &options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(page->charts->len, ==, 2);
    g_assert_cmpfloat_with_epsilon(curve_of(page, 0, 0)->y[1], 4.4, 1e-12);
    g_assert_cmpfloat_with_epsilon(band_of(page, 0, 0)->low[1], 4.4 - half, 1e-9);
    g_assert_cmpfloat_with_epsilon(band_of(page, 0, 0)->high[1], 4.4 + half, 1e-9);
    /* a3 is out; 12.7062 is t with one degree */
    g_assert_cmpfloat_with_epsilon(curve_of(page, 0, 0)->y[3], 2.15, 1e-12);
    g_assert_cmpfloat_with_epsilon(band_of(page, 0, 0)->high[3], 2.15 + 12.706204736 * 0.15, 1e-8);
    g_assert_true(has_note(page, "a3 has no value at step 300"));
    g_assert_true(has_note(page, "1 runs without the key arch"));
    /* a single run is its own mean, without a band */
    g_assert_cmpfloat_with_epsilon(curve_of(page, 0, 1)->y[4], 3, 1e-12);
    g_assert_true(isnan(band_of(page, 0, 1)->low[4]));
    /* heads 1 + offset + 0.1 position + 0.2 k: the mean over six is at 0.5 more */
    g_assert_cmpfloat_with_epsilon(curve_of(page, 1, 0)->y[2], 1 + 0.4 + 0.2 + 0.5, 1e-12);
    g_autoptr(EntroFigure) figure = sample_finish(g_steal_pointer(&page), NULL, TRUE, &error);
    g_assert_true(says(figure, "SM (n = 3)") && says(figure, "SM+LN (n = 1)"));
}

static void
test_seeds_of_chosen_heads(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const EntroHeadChoice heads[] = {{1, ENTRO_ALL}};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 5; i++)
        put_run(fixture, &seeds[i]);
    options.column = "entropy_mean";
    options.heads = heads;
    options.n_heads = 1;
    g_autoptr(EntroPage) page = build(fixture, "seeds", &options, &error);
    g_assert_no_error(error);
    /* heads 3, 4, 5 of five runs, of which one ends at step 100: the others go on */
    g_assert_cmpuint(curve_of(page, 0, 0)->n, ==, 5);
    g_assert_cmpfloat_with_epsilon(curve_of(page, 0, 0)->y[0], 1 + 10.2 / 5 + 0.8, 1e-12);
    g_assert_true(has_note(page, "steps that at least two of the runs have"));
    g_assert_true(has_note(page, "differ in more than their seed: arch"));
}

/* A group whose runs have one label has it too; notes say labels. */
static void
test_labels_of_seeds(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const labels[] = {"softmax", "softmax", "softmax", "norm", "norm"};
    static const char *const scalars[] = {"loss", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    for (guint i = 0; i < 4; i++)
        put_run(fixture, &seeds[i]);
    options.labels = labels;
    options.scalars = scalars;
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        options.by = i == 0 ? "arch" : NULL;
        EntroPage *page = build(fixture, "seeds", &options, &error);
        g_assert_no_error(error);
        g_assert_true(has_note(page, "softmax has no value at step 300"));
        g_autoptr(EntroFigure) figure = sample_finish(page, NULL, TRUE, &error);
        g_assert_true(says(figure, i == 0 ? "softmax (n = 3)" : "all runs (n = 4)"));
    }
}

/* Heads of a layer choose the layer where a statistic is of layers. */
static void
test_seeds_of_a_layer(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const EntroHeadChoice heads[] = {{1, 2}};
    const EntroPlotOptions options = {.heads = heads, .n_heads = 1};

    (void)fixture;
    g_assert_true(entro_view_head_is_chosen(&options, 1, ENTRO_ALL));
    g_assert_false(entro_view_head_is_chosen(&options, 0, ENTRO_ALL));
    g_assert_false(entro_view_head_is_chosen(&options, 1, 1));
}

/* Not as if no run had a loss. */
static void
test_failure_of_the_database(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const views[] = {"seeds", "findings", "scalars"};

    put_run(fixture, &seeds[0]);
    g_assert_true(entro_sql_exec(fixture->store, "ALTER TABLE scalars RENAME TO away", NULL));
    for (guint i = 0; i < G_N_ELEMENTS(views); i++) {
        const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
        g_autoptr(GError) error = NULL;
        g_assert_null(build(fixture, views[i], &options, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, "scalars"));
    }
}

static void
test_seeds_are_refused(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const unknown[] = {"perplexity", NULL};
    const EntroPlotOptions usual = ENTRO_PLOT_OPTIONS_DEFAULT;

    put_run(fixture, &seeds[0]);
    for (guint i = 0; i < 4; i++) {
        EntroPlotOptions options = usual;
        g_autoptr(GError) error = NULL;
        options.by = i == 0 ? "no-such-key" : NULL;
        options.scalars = i == 1 ? unknown : NULL;
        options.column = i == 2 ? "nonsense" : NULL;
        if (i == 3) /* the same run twice */
            g_ptr_array_add(fixture->runs, entro_store_find_run(fixture->store, "a1", NULL));
        g_assert_null(build(fixture, "seeds", &options, &error));
        g_assert_nonnull(error);
    }
}

/* ---- the table ------------------------------------------------------------------------------------ */

#define TEST(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/line-views/spread-of-published-thresholds",
                    test_spread_of_published_thresholds);
    g_test_add_func("/line-views/spread-of-nothing", test_spread_of_nothing);
    TEST("/line-views/spread-from-the-store", test_spread_from_store);
    g_test_add_func("/line-views/numbers-of-bars", test_numbers_of_bars);
    g_test_add_func("/line-views/decimals-of-figures", test_decimals_of_figures);
    g_test_add_func("/line-views/cost-of-architectures", test_cost_of_architectures);
    g_test_add_func("/line-views/places-of-stacked-bars", test_places_of_stacked_bars);
    g_test_add_func("/line-views/cost-of-one-part", test_cost_of_one_part);
    g_test_add_func("/line-views/bandwidths", test_bandwidths);
    g_test_add_func("/line-views/cost-is-refused", test_cost_is_refused);
    TEST("/line-views/cost-of-runs", test_cost_of_runs);
    g_test_add_func("/line-views/few-findings", test_few_findings);
    g_test_add_func("/line-views/many-findings", test_many_findings);
    TEST("/line-views/findings-from-the-store", test_findings_from_store);
    TEST("/line-views/seeds-by-architecture", test_seeds_by_architecture);
    TEST("/line-views/seeds-of-chosen-heads", test_seeds_of_chosen_heads);
    TEST("/line-views/labels-of-seeds", test_labels_of_seeds);
    TEST("/line-views/seeds-of-a-layer", test_seeds_of_a_layer);
    TEST("/line-views/failure-of-the-database", test_failure_of_the_database);
    TEST("/line-views/seeds-are-refused", test_seeds_are_refused);
    return g_test_run();
}
