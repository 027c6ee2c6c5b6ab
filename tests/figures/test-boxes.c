/* test-boxes.c: nothing overlaps, nothing leaves the canvas, on every sample and on many shapes. */
#include "figure-samples.h"

enum { N_COMBINATIONS = 800 };

static const double slack = 0.01; /* points */

static gboolean
overlap(EntroBox a, EntroBox b)
{
    return a.width > 0 && b.width > 0 && a.x < entro_box_right(b) - slack &&
           b.x < entro_box_right(a) - slack && a.y < entro_box_bottom(b) - slack &&
           b.y < entro_box_bottom(a) - slack;
}

static gboolean
within(EntroBox inner, EntroBox outer)
{
    return inner.x >= outer.x - slack && inner.y >= outer.y - slack &&
           entro_box_right(inner) <= entro_box_right(outer) + slack &&
           entro_box_bottom(inner) <= entro_box_bottom(outer) + slack;
}

static char *
describe(const EntroMark *mark)
{
    return g_strdup_printf("role %d \"%s\" at (%.2f %.2f %.2f %.2f)", (int)mark->role,
                           mark->text ? mark->text : "", mark->box.x, mark->box.y, mark->box.width,
                           mark->box.height);
}

static gboolean
is_alone(const EntroMark *mark)
{
    return mark->role < ENTRO_ROLE_INSIDE;
}

/* Whether two marks may not share a place. */
static gboolean
exclude_each_other(const EntroMark *a, const EntroMark *b)
{
    return (is_alone(a) && is_alone(b)) ||
           (a->role == ENTRO_ROLE_VALUE && b->role == ENTRO_ROLE_VALUE);
}

static void
check_in_a_plot(const EntroFigure *figure, const EntroMark *mark, const char *name)
{
    g_autofree char *described = describe(mark);

    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *plot = figure->marks->pdata[i];
        if (plot->role == ENTRO_ROLE_PLOT && within(mark->box, plot->box))
            return;
    }
    g_test_message("%s: not in a plot: %s", name, described);
    g_test_fail();
}

static void
check_pair(const EntroMark *a, const EntroMark *b, const char *name)
{
    if (!exclude_each_other(a, b) || !overlap(a->box, b->box))
        return;
    g_autofree char *one = describe(a);
    g_autofree char *other = describe(b);
    g_test_message("%s: %s overlaps %s", name, one, other);
    g_test_fail();
}

static void
check_figure(const EntroFigure *figure, const char *name)
{
    const EntroBox canvas = {0, 0, figure->width, figure->height};
    guint n_plots = 0;

    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        n_plots += mark->role == ENTRO_ROLE_PLOT;
        if (!within(mark->box, canvas)) {
            g_autofree char *described = describe(mark);
            g_test_message("%s: off the canvas (%.1f x %.1f): %s", name, figure->width,
                           figure->height, described);
            g_test_fail();
        }
        if (mark->role == ENTRO_ROLE_INSIDE || mark->role == ENTRO_ROLE_VALUE)
            check_in_a_plot(figure, mark, name);
        for (guint j = i + 1; j < figure->marks->len; j++)
            check_pair(mark, figure->marks->pdata[j], name);
    }
    g_assert_cmpuint(n_plots, >, 0);
}

static void
test_sample(gconstpointer data)
{
    const FigureSample *sample = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure = sample->make(&error);

    g_assert_no_error(error);
    check_figure(figure, sample->name);
}

static void
test_heat_maps_of_many_shapes(void)
{
    static const gsize sizes[] = {1, 2, 3, 7, 12, 40};
    static const guint numbers[] = {1, 2, 5};

    for (guint r = 0; r < G_N_ELEMENTS(sizes); r++)
        for (guint c = 0; c < G_N_ELEMENTS(sizes); c++)
            for (guint k = 0; k < G_N_ELEMENTS(numbers); k++) {
                g_autofree char *name =
                    g_strdup_printf("%u maps of %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT, numbers[k],
                                    sizes[r], sizes[c]);
                EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
                EntroGrid *grids[5];
                options.values = (r + c) % 2;
                options.shared_scale = c % 2;
                for (guint g = 0; g < numbers[k]; g++)
                    grids[g] = sample_grid(name, sizes[r], sizes[c], pow(10, (double)r - 3) * g,
                                           pow(10, (double)c - 1));
                g_autoptr(EntroFigure) figure = sample_heat_maps(grids, numbers[k], &options, NULL);
                check_figure(figure, name);
            }
}

static void
test_curves_of_many_shapes(void)
{
    static const guint n_layers[] = {1, 2, 9, 16, 17, 33};

    for (guint n_runs = 1; n_runs <= 7; n_runs += 2)
        for (guint k = 0; k < G_N_ELEMENTS(n_layers); k++)
            for (gsize n_steps = 1; n_steps < 200; n_steps *= 10) {
                g_autofree char *name =
                    g_strdup_printf("%u runs, %u layers, %" G_GSIZE_FORMAT " steps", n_runs,
                                    n_layers[k], n_steps);
                EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
                options.shared_scale = k % 2;
                g_autoptr(EntroFigure) figure =
                    sample_layers(n_runs, n_layers[k], n_steps, &options, NULL);
                check_figure(figure, name);
            }
}

static void
test_given_sizes_and_fonts(void)
{
    static const double widths[] = {2.6, 3.25, 5.5, 9};
    static const double fonts[] = {5, 8, 11};

    for (guint w = 0; w < G_N_ELEMENTS(widths); w++)
        for (guint f = 0; f < G_N_ELEMENTS(fonts); f++) {
            g_autofree char *name = g_strdup_printf("%g in, %g pt", widths[w], fonts[f]);
            g_autoptr(GError) error = NULL;
            EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
            options.width = widths[w];
            options.height = 4;
            options.font_size = fonts[f];
            g_autoptr(EntroFigure) figure = sample_layers(2, 6, 50, &options, &error);
            if (!figure) { /* refused because it is too small: also right */
                g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
                continue;
            }
            g_assert_cmpfloat_with_epsilon(figure->width, widths[w] * ENTRO_INCH, 1e-6);
            g_assert_cmpfloat_with_epsilon(figure->height, 4 * ENTRO_INCH, 1e-6);
            check_figure(figure, name);
        }
}

/* ---- any combination ------------------------------------------------------------------------ */

static const char *const odd_names[] = {
    "",
    "SM",
    "a name with spaces that goes on and on, further than any sensible person would let it go",
    "no-spaces-but-just-as-long-no-spaces-but-just-as-long-no-spaces-but-just-as-long-no-spaces",
    "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7",
    "\xe5\xad\xa6\xe7\xbf\x92",
    "bad\xff\nbytes",
};

static double
random_end(GRand *rand)
{
    static const double ends[] = {0, 2.385, -1e-12, 1e-12, 1e12, -5, 0.5, 3.87};

    return ends[g_rand_int_range(rand, 0, G_N_ELEMENTS(ends))];
}

static const char *
random_name(GRand *rand)
{
    return odd_names[g_rand_int_range(rand, 0, G_N_ELEMENTS(odd_names))];
}

static EntroPlotOptions
random_options(GRand *rand)
{
    const int n_presets = (int)g_strv_length((char **)entro_presets());
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    options.values = g_rand_boolean(rand);
    options.shared_scale = g_rand_boolean(rand);
    options.band_max = g_rand_int_range(rand, ENTRO_BAND_POOLED, ENTRO_BAND_LNT + 1);
    options.log_y = g_rand_boolean(rand);
    options.title = random_name(rand);
    if (g_rand_int_range(rand, 0, 3) == 0)
        options.width = g_rand_double_range(rand, 2, 10);
    if (g_rand_int_range(rand, 0, 3) == 0)
        options.height = g_rand_double_range(rand, 2, 10);
    if (g_rand_boolean(rand))
        options.preset = entro_presets()[g_rand_int_range(rand, 0, n_presets)];
    if (g_rand_int_range(rand, 0, 3) == 0)
        options.font_size = g_rand_double_range(rand, 4, 16);
    return options;
}

static EntroGrid *
random_grid(GRand *rand)
{
    EntroGrid *grid =
        sample_grid(random_name(rand), g_rand_int_range(rand, 1, 50), g_rand_int_range(rand, 1, 50),
                    random_end(rand), random_end(rand));
    const int holes = g_rand_int_range(rand, 0, 4);

    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        if (g_rand_int_range(rand, 0, 4) < holes)
            grid->state[cell] = g_rand_boolean(rand) ? ENTRO_CELL_UNDEFINED : ENTRO_CELL_ABSENT;
    return grid;
}

static EntroFigure *
random_steps(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    const guint n = g_rand_int_range(rand, 1, 5);
    EntroPage *page = entro_page_new(options, error);
    gboolean added = TRUE;
    if (!page)
        return NULL;

    for (guint i = 0; i < n; i++) {
        const int holes = g_rand_int_range(rand, 0, 4);
        const gint64 every = (gint64)pow(10, g_rand_double_range(rand, 0, 9));
        g_autoptr(EntroStepGrid) grid =
            sample_steps(g_rand_int_range(rand, 1, 30), g_rand_int_range(rand, 1, 20),
                         g_rand_int_range(rand, 1, 60), every);
        for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
            if (g_rand_int_range(rand, 0, 4) < holes)
                grid->state[cell] = g_rand_boolean(rand) ? ENTRO_CELL_UNDEFINED : ENTRO_CELL_ABSENT;
        for (gsize i_step = 1; g_rand_boolean(rand) && i_step < grid->n_columns; i_step++)
            grid->step[i_step] = grid->step[i_step - 1] + g_rand_int_range(rand, 1, 100000);
        added =
            added &&
            entro_heat_chart_add_steps(page, grid, odd_names[g_rand_int_range(rand, 0, 7)],
                                       g_rand_boolean(rand) ? "Head entropy (nats)" : odd_names[2],
                                       error);
    }
    return sample_finish(page, "", added, error);
}

static EntroFigure *
random_heat_maps(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    const guint n = g_rand_int_range(rand, 1, 8);
    EntroGrid *grids[8];

    for (guint i = 0; i < n; i++)
        grids[i] = random_grid(rand);
    return sample_heat_maps(grids, n, options, error);
}

static EntroFigure *
random_bands(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    const guint n = g_rand_int_range(rand, 1, 15);
    EntroGrid *grids[15];

    for (guint i = 0; i < n; i++)
        grids[i] = random_grid(rand);
    return sample_bands(grids, n, options, error);
}

static EntroFigure *
random_curves(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    const guint n_panels = g_rand_int_range(rand, 1, 9), n_curves = g_rand_int_range(rand, 1, 12);
    const char *y_label = g_rand_boolean(rand) ? "Layer mean entropy (nats)" : NULL;
    EntroPage *page = entro_page_new(options, error);
    if (!page)
        return NULL;

    for (guint p = 0; p < n_panels; p++) {
        EntroCurveChart *lines =
            entro_curve_chart_add(page, odd_names[p % G_N_ELEMENTS(odd_names)], y_label);
        for (guint k = 0; k < n_curves; k++) {
            EntroCurve *curve = sample_curve(k, g_rand_int_range(rand, 0, 40),
                                             pow(10, g_rand_int_range(rand, 0, 8)),
                                             random_end(rand), random_end(rand));
            sample_spoil(curve, g_rand_int_range(rand, 0, 60));
            entro_curve_chart_add_curve(lines, curve, sample_pen(k));
            entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, sample_pen(k),
                             random_name(rand));
        }
        if (g_rand_boolean(rand)) {
            g_autoptr(EntroCurve) middle = sample_curve(0, 20, 1000, random_end(rand), 1);
            sample_spoil(middle, g_rand_int_range(rand, 0, 21));
            entro_curve_chart_add_band(lines, middle->x, middle->y, middle->y, middle->n,
                                       sample_pen(p).colour);
            entro_curve_chart_set_limit(lines, random_end(rand));
        }
        entro_curve_chart_explain(lines, page->figure, "diverged");
    }
    return sample_finish(page, "", entro_curves_check(page, error), error);
}

static EntroFigure *
random_stacks(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    return sample_stack(g_rand_int_range(rand, 1, 40),
                        g_rand_int_range(rand, 1, G_N_ELEMENTS(odd_names)), fabs(random_end(rand)),
                        odd_names, options, error);
}

static EntroFigure *
random_timelines(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    return sample_timeline(g_rand_int_range(rand, 0, 40), g_rand_int_range(rand, 0, 100), odd_names,
                           G_N_ELEMENTS(odd_names), options, error);
}

static void
add_random_lines(GRand *rand, EntroPage *page)
{
    const guint n_panels = g_rand_int_range(rand, 1, 4), n_curves = g_rand_int_range(rand, 1, 20);

    page->batch++;
    for (guint p = 0; p < n_panels; p++) {
        EntroCurveChart *lines = entro_curve_chart_add(page, random_name(rand), random_name(rand));
        lines->chart.legend_title = random_name(rand);
        for (guint k = 0; k < n_curves; k++) {
            entro_curve_chart_add_curve(lines,
                                        sample_curve(k, g_rand_int_range(rand, 0, 20), 1e4,
                                                     random_end(rand), random_end(rand)),
                                        sample_pen(k));
            entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, sample_pen(k),
                             random_name(rand));
        }
    }
}

static gboolean
add_random_batch(GRand *rand, EntroPage *page, GError **error)
{
    EntroGrid *grids[4];
    const guint n = g_rand_int_range(rand, 1, G_N_ELEMENTS(grids));
    const int kind = g_rand_int_range(rand, 0, 6);

    for (guint i = 0; i < n && kind < 2; i++)
        grids[i] = random_grid(rand);
    switch (kind) {
    case 0:
        return sample_add_heat_maps(page, grids, n, error);
    case 1:
        sample_add_bands(page, grids, n);
        return TRUE;
    case 2:
        sample_add_layers(page, n, g_rand_int_range(rand, 1, 24), g_rand_int_range(rand, 1, 30));
        return TRUE;
    case 3:
        sample_add_stack(page, g_rand_int_range(rand, 1, 20), n, fabs(random_end(rand)), odd_names);
        return TRUE;
    case 4:
        sample_add_timeline(page, g_rand_int_range(rand, 0, 20), 4 * n, odd_names,
                            G_N_ELEMENTS(odd_names));
        return TRUE;
    default:
        add_random_lines(rand, page);
        return TRUE;
    }
}

/* Charts of any kinds, as a recipe puts them together. */
static EntroFigure *
random_page(GRand *rand, const EntroPlotOptions *options, GError **error)
{
    EntroPage *page = entro_page_new(options, error);
    const guint n_batches = g_rand_int_range(rand, 1, 5);
    gboolean added = TRUE;
    if (!page)
        return NULL;

    page->n_columns = g_rand_int_range(rand, 0, 4);
    page->letters = g_rand_boolean(rand);
    page->share_x = g_rand_boolean(rand);
    page->share_y = g_rand_boolean(rand);
    page->share_colour = g_rand_boolean(rand);
    for (guint i = 0; i < n_batches && added; i++)
        added = add_random_batch(rand, page, error);
    for (guint i = 0; i < page->charts->len; i++) {
        EntroChart *chart = page->charts->pdata[i];
        chart->span = g_rand_int_range(rand, 1, 4);
        if (g_rand_int_range(rand, 0, 4) == 0) {
            g_free(chart->annotation); /* that it ends in NaN */
            chart->annotation = g_strdup(random_name(rand));
        }
    }
    return sample_finish(page, random_name(rand), added, error);
}

/* A figure that is right, or a sentence why there is none. */
static void
test_any_combination(void)
{
    static EntroFigure *(*const make[])(GRand *, const EntroPlotOptions *,
                                        GError **) = {random_heat_maps, random_bands,
                                                      random_curves,    random_stacks,
                                                      random_timelines, random_steps,
                                                      random_page};
    guint n_drawn = 0;

    for (guint32 seed = 0; seed < N_COMBINATIONS; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(GError) error = NULL;
        g_autofree char *name = g_strdup_printf("seed %u", seed);
        const EntroPlotOptions options = random_options(rand);
        g_autoptr(EntroFigure) figure = make[seed % G_N_ELEMENTS(make)](rand, &options, &error);
        g_assert_true((figure == NULL) == (error != NULL));
        if (!figure) {
            g_assert_cmpint(error->domain, ==, ENTRO_PLOT_ERROR);
            continue;
        }
        check_figure(figure, name);
        n_drawn++;
    }
    g_assert_cmpuint(n_drawn, >, N_COMBINATIONS / 2);
}

int
main(int argc, char **argv)
{
    guint n = 0;
    const FigureSample *samples = figure_samples(&n);

    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (guint i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/boxes/sample/%s", samples[i].name);
        g_test_add_data_func(path, &samples[i], test_sample);
    }
    g_test_add_func("/boxes/heat-maps-of-many-shapes", test_heat_maps_of_many_shapes);
    g_test_add_func("/boxes/curves-of-many-shapes", test_curves_of_many_shapes);
    g_test_add_func("/boxes/given-sizes-and-fonts", test_given_sizes_and_fonts);
    g_test_add_func("/boxes/any-combination", test_any_combination);
    return g_test_run();
}
