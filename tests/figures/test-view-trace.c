/* test-view-trace.c: the views that read traces: what they draw against the attention that was
 * written. */
#include "trace-fixture.h"
#include "view-private.h"

/* Head 1 of layer 1 is NaN from query 4 on, in both samples. */
static gboolean
spoil(const TraceShape *shape, gsize capture, guint layer, float *p)
{
    (void)capture;
    for (gsize sample = 0; sample < shape->n_samples && layer == 1; sample++)
        for (gsize query = 4; query < shape->n_queries; query++)
            row_at(shape, p, sample, 1, query)[0] = NAN;
    return TRUE;
}

static const TraceShape usual = {.n_layers = 3,
                                 .n_heads = 4,
                                 .n_captures = 3,
                                 .n_samples = 2,
                                 .n_queries = 7,
                                 .n_keys = 7,
                                 .element = ENTRO_F32,
                                 .causal = TRUE,
                                 .edit = spoil};

static const EntroHeadChoice three[] = {{0, 2}, {1, 1}, {2, ENTRO_ALL}};

/* The charts of a view, before they are drawn. */
static EntroPage *
build(const char *view, EntroPlotOptions *options, const char *const *paths, GError **error)
{
    const EntroViewInput input = {NULL, NULL, 0, options};

    options->traces = paths;
    EntroPage *page = entro_page_new(options, error);
    g_assert_nonnull(page);
    if (entro_page_add_view(page, entro_view_find(view), &input, error))
        return page;
    entro_page_free(page);
    return NULL;
}

static EntroPage *
build_right(const char *view, EntroPlotOptions *options, const char *const *paths)
{
    g_autoptr(GError) error = NULL;
    EntroPage *page = build(view, options, paths, &error);

    g_assert_no_error(error);
    return page;
}

static EntroFigure *
finish(EntroPage *page)
{
    g_autoptr(GError) error = NULL;
    EntroFigure *figure = entro_page_finish(page, &error);

    g_assert_no_error(error);
    return figure;
}

static gboolean
notes_say(const EntroPage *page, const char *part)
{
    for (guint i = 0; i < page->charts->len; i++) {
        const EntroChart *chart = page->charts->pdata[i];
        for (guint k = 0; k < chart->notes->len; k++)
            if (strstr(chart->notes->pdata[k], part))
                return TRUE;
    }
    return FALSE;
}

/* ---- maps -------------------------------------------------------------------------------------- */

static void
assert_map(const EntroHeatChart *heat, const TraceShape *shape, gsize capture, guint layer,
           guint head)
{
    g_autofree float *p = make_attention(shape, capture, layer);

    for (gsize query = 0; query < 7; query++)
        for (gsize key = 0; key < 7; key++) {
            const gsize cell = query * 7 + key;
            const double mean =
                (row_at(shape, p, 0, head, query)[key] + row_at(shape, p, 1, head, query)[key]) /
                2.0;
            const gboolean bad = layer == 1 && head == 1 && query >= 4;
            g_assert_cmpint(heat->state[cell], ==,
                            key > query ? ENTRO_CELL_ABSENT
                            : bad       ? ENTRO_CELL_UNDEFINED
                                        : ENTRO_CELL_VALUE);
            if (key <= query && !bad)
                g_assert_cmpfloat_with_epsilon(heat->value[cell], mean, 1e-6);
        }
}

static void
test_maps(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    write_trace(fixture->path, &usual);
    options.heads = three;
    options.n_heads = 2;
    options.step = 10;
    g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
    g_assert_cmpuint(page->charts->len, ==, 2);
    assert_map(page->charts->pdata[0], &usual, 1, 0, 2);
    assert_map(page->charts->pdata[1], &usual, 1, 1, 1);
    const EntroChart *first = page->charts->pdata[0];
    g_assert_cmpstr(first->title, ==, "layer 0, head 2");
    g_assert_cmpstr(page->title, ==, "Attention weights at step 10");
    g_assert_true(notes_say(page, "Mean over 2 samples."));
    g_autoptr(EntroFigure) figure = finish(page);
    g_assert_nonnull(figure);
    g_autoptr(EntroFigure) whole =
        entro_plot_view(entro_view_find("attention-map"), NULL, NULL, 0, &options, NULL);
    g_assert_cmpstr(whole->about, ==, "attention-map of trace.h5 (Attention weights at step 10)");
}

static void
test_map_of_a_sample(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autofree float *p = make_attention(&usual, 2, 0);

    write_trace(fixture->path, &usual);
    options.heads = three;
    options.n_heads = 1;
    options.sample = 1;
    g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
    const EntroHeatChart *heat = page->charts->pdata[0];
    for (gsize key = 0; key < 7; key++)
        g_assert_cmpfloat_with_epsilon(heat->value[6 * 7 + key],
                                       (double)row_at(&usual, p, 1, 2, 6)[key], 1e-6);
    g_assert_cmpstr(page->title, ==, "Attention weights at step 20, sample 1");
}

/* 16 of 32 heads when none is named, the first and the last among them. */
static void
test_heads_left_out(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    static const EntroHeadChoice all = {ENTRO_ALL, ENTRO_ALL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    TraceShape shape = usual;
    g_autoptr(GError) error = NULL;

    shape.n_layers = 17;
    write_trace(fixture->path, &shape);
    g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
    g_assert_cmpuint(page->charts->len, ==, 16);
    g_assert_cmpstr(((EntroChart *)page->charts->pdata[0])->title, ==, "head 0.0");
    g_assert_cmpstr(((EntroChart *)page->charts->pdata[15])->title, ==, "head 16.3");
    g_assert_true(notes_say(page, ": 16 of 68 heads"));
    options.heads = &all;
    options.n_heads = 1;
    g_assert_null(build("attention-map", &options, paths, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT);
}

static void
test_long_rows(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    TraceShape shape = {.n_layers = 1,
                        .n_heads = 1,
                        .n_captures = 1,
                        .n_samples = 1,
                        .n_queries = 1100,
                        .n_keys = 1100,
                        .element = ENTRO_F16,
                        .causal = TRUE};

    write_trace(fixture->path, &shape);
    g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
    const EntroHeatChart *heat = page->charts->pdata[0];
    g_assert_cmpuint(heat->n_rows, ==, 367);
    g_assert_cmpint(heat->row_number[366], ==, 1098);
    g_assert_cmpint(heat->column_number[366], ==, 1098);
    g_assert_true(notes_say(page, "A cell is the mean over 3 queries and 3 keys."));
    g_autoptr(EntroFigure) figure = finish(page);
    g_assert_nonnull(figure);
}

/* Both are of one run: the files tell them apart. */
static void
test_names(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, fixture->other, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    TraceShape shape = usual;

    write_trace(fixture->path, &shape);
    shape.n_captures = 2;
    write_trace(fixture->other, &shape);
    options.heads = three;
    options.n_heads = 1;
    g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
    g_assert_cmpstr(((EntroChart *)page->charts->pdata[1])->title, ==, "other.h5: layer 0, head 2");
    g_assert_cmpstr(page->title, ==, "Attention weights");
    g_assert_true(notes_say(page, "Steps: trace.h5 20, other.h5 10."));
}

/* Nobody chose these heads: the sentence is of maps and traces. */
static void
test_too_many_traces(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *paths[41] = {NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    write_trace(fixture->path, &usual);
    for (guint i = 0; i < 40; i++)
        paths[i] = fixture->path;
    g_assert_null(build("attention-map", &options, paths, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT);
    g_assert_nonnull(strstr(error->message, "80 attention maps of 40 traces"));
    g_assert_nonnull(strstr(error->message, "fewer traces"));
}

/* Query 6 of sample 0 is padding. */
static void
test_words_of_hatch(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const guint8 mask[2 * 7] = {1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1};
    static const char *const words[] = {"no valid row (NaN)", "no valid row (masked)",
                                        "no valid row (NaN, masked)"};
    const char *const paths[] = {fixture->path, NULL};
    TraceShape shape = usual;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
        shape.edit = i == 1 ? NULL : spoil;
        shape.mask = i == 0 ? NULL : mask;
        write_trace(fixture->path, &shape);
        options.sample = 0;
        g_autoptr(EntroPage) page = build_right("attention-map", &options, paths);
        g_autoptr(EntroFigure) figure = finish(page);
        guint n = 0;
        for (guint k = 0; k < figure->marks->len; k++) {
            const EntroMark *mark = figure->marks->pdata[k];
            if (!mark->text || !g_str_has_prefix(mark->text, "no valid row"))
                continue;
            g_assert_cmpstr(mark->text, ==, words[i]);
            n++;
        }
        g_assert_cmpuint(n, ==, 1);
    }
}

/* ---- entropies of rows ------------------------------------------------------------------------- */

static double
entropy_of(const float *row)
{
    return (double)naive_sums(row, 7).entropy;
}

/* Shares in 60 bins from 0 to ln 7, counted here. */
static void
assert_shares(const EntroCurve *curve, guint first_head, guint n_heads, guint layer)
{
    g_autofree float *p = make_attention(&usual, 2, layer);
    double share[60] = {0};
    guint n = 0;

    spoil(&usual, 2, layer, p);
    for (guint head = first_head; head < first_head + n_heads; head++)
        for (gsize sample = 0; sample < 2; sample++)
            for (gsize query = 0; query < 7; query++) {
                const float *row = row_at(&usual, p, sample, head, query);
                if (isnan(row[0]))
                    continue;
                share[MIN((guint)(entropy_of(row) / log(7) * 60), 59)]++;
                n++;
            }
    g_assert_cmpuint(curve->n, ==, 122);
    for (guint bin = 0; bin < 60; bin++) {
        g_assert_cmpfloat_with_epsilon(curve->y[2 * bin + 1], 100 * share[bin] / n, 1e-9);
        g_assert_cmpfloat(curve->y[2 * bin + 2], ==, curve->y[2 * bin + 1]);
        g_assert_cmpfloat_with_epsilon(curve->x[2 * bin + 1], bin * log(7) / 60, 1e-9);
        g_assert_cmpfloat_with_epsilon(curve->x[2 * bin + 2], (bin + 1) * log(7) / 60, 1e-9);
    }
}

static void
test_distribution(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    write_trace(fixture->path, &usual);
    g_autoptr(EntroPage) of_layers = build_right("row-entropy", &options, paths);
    const EntroCurveChart *lines = of_layers->charts->pdata[0];
    g_assert_cmpuint(lines->curves->len, ==, 3);
    for (guint layer = 0; layer < 3; layer++)
        assert_shares(lines->curves->pdata[layer], 0, 4, layer);
    g_assert_cmpfloat_with_epsilon(lines->limit, log(7), 1e-9);
    g_assert_true(notes_say(of_layers, "of 168 rows these are left out: 6 NaN."));

    options.heads = three;
    options.n_heads = 3;
    g_autoptr(EntroPage) of_heads = build_right("row-entropy", &options, paths);
    lines = of_heads->charts->pdata[0];
    assert_shares(lines->curves->pdata[0], 2, 1, 0);
    assert_shares(lines->curves->pdata[1], 1, 1, 1);
    assert_shares(lines->curves->pdata[2], 0, 4, 2);
    g_autoptr(EntroFigure) figure = finish(of_heads);
    g_assert_nonnull(figure);
}

static void
test_queries(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const paths[] = {fixture->path, NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autofree float *p = make_attention(&usual, 2, 1);

    write_trace(fixture->path, &usual);
    options.heads = three + 1;
    options.n_heads = 1;
    g_autoptr(EntroPage) page = build_right("query-entropy", &options, paths);
    const EntroCurveChart *lines = page->charts->pdata[0];
    const EntroCurve *mean = lines->curves->pdata[0], *ceiling = lines->curves->pdata[1];
    g_assert_cmpuint(lines->curves->len, ==, 2);
    g_assert_cmpuint(lines->bands->len, ==, 1);
    for (gsize query = 0; query < 4; query++) {
        const double a = entropy_of(row_at(&usual, p, 0, 1, query));
        const double b = entropy_of(row_at(&usual, p, 1, 1, query));
        const EntroBand *band = lines->bands->pdata[0];
        g_assert_cmpfloat_with_epsilon(mean->y[query], (a + b) / 2, 1e-6);
        g_assert_cmpfloat_with_epsilon(ceiling->y[query], log((double)query + 1), 1e-9);
        g_assert_cmpfloat_with_epsilon(band->low[query], MIN(a, b) + fabs(a - b) / 4, 1e-6);
        g_assert_cmpfloat_with_epsilon(band->high[query], MAX(a, b) - fabs(a - b) / 4, 1e-6);
    }
    g_assert_true(isnan(mean->y[5]));
    g_autoptr(EntroFigure) figure = finish(page);
    g_assert_nonnull(figure);

    options.n_heads = 0;
    g_autoptr(EntroPage) of_layers = build_right("query-entropy", &options, paths);
    lines = of_layers->charts->pdata[0];
    g_assert_cmpuint(lines->curves->len, ==, 4);
    g_assert_cmpuint(lines->bands->len, ==, 0);
}

/* ---- refusals ---------------------------------------------------------------------------------- */

static void
assert_refused(const char *view, EntroPlotOptions options, const char *const *paths, GQuark domain,
               int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(build(view, &options, paths, &error));
    g_assert_error(error, domain, code);
}

static void
test_refusals(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const views[] = {"attention-map", "row-entropy", "query-entropy"};
    static const EntroHeadChoice none = {9, 0};
    const char *const paths[] = {fixture->path, NULL}, *const nothing[] = {NULL};

    write_trace(fixture->path, &usual);
    for (guint i = 0; i < G_N_ELEMENTS(views); i++) {
        EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
        const char *const missing[] = {fixture->path, fixture->other, NULL};
        assert_refused(views[i], options, NULL, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
        assert_refused(views[i], options, nothing, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
        assert_refused(views[i], options, missing, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN);
        options.step = 11;
        assert_refused(views[i], options, paths, ENTRO_ANALYZER_ERROR,
                       ENTRO_ANALYZER_ERROR_NOT_FOUND);
        options.step = ENTRO_STEP_LAST;
        options.sample = 2;
        assert_refused(views[i], options, paths, ENTRO_ANALYZER_ERROR,
                       ENTRO_ANALYZER_ERROR_NOT_FOUND);
        options.sample = ENTRO_ALL;
        options.heads = &none;
        options.n_heads = 1;
        assert_refused(views[i], options, paths, ENTRO_ANALYZER_ERROR,
                       ENTRO_ANALYZER_ERROR_NOT_FOUND);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/view-trace/maps", test_maps);
    FIXTURE_TEST("/view-trace/map-of-a-sample", test_map_of_a_sample);
    FIXTURE_TEST("/view-trace/heads-left-out", test_heads_left_out);
    FIXTURE_TEST("/view-trace/long-rows", test_long_rows);
    FIXTURE_TEST("/view-trace/names", test_names);
    FIXTURE_TEST("/view-trace/too-many-traces", test_too_many_traces);
    FIXTURE_TEST("/view-trace/words-of-hatch", test_words_of_hatch);
    FIXTURE_TEST("/view-trace/distribution", test_distribution);
    FIXTURE_TEST("/view-trace/queries", test_queries);
    FIXTURE_TEST("/view-trace/refusals", test_refusals);
    return g_test_run();
}
