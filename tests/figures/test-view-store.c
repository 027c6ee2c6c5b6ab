/* test-view-store.c: every view from a database with two runs, one of which diverges. */
#include <glib/gstdio.h>

#include "view-private.h"

enum { N_LAYERS = 3, N_HEADS = 4, N_CAPTURES = 9, LAST_STEP = 800, DIVERGES = 6 };

typedef struct {
    char *folder;
    EntroStore *store;
    EntroRunInfo *runs[2]; /* "healthy", "SM" */
} Fixture;

static void
put_capture(EntroStore *store, gint64 run_id, guint position, gboolean diverged)
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
            heads[i].values[column] = diverged ? NAN : 2.385 * (i + 1) / (N_LAYERS * N_HEADS);
        heads[i].values[ENTRO_HEAD_ENTROPY_CEILING] = 2.5;
    }
    for (guint layer = 0; layer < N_LAYERS; layer++) {
        double sum = 0;
        for (guint head = 0; head < N_HEADS; head++)
            sum += heads[layer * N_HEADS + head].values[ENTRO_HEAD_ENTROPY_MEAN];
        layers[layer].layer = layer;
        layers[layer].values[ENTRO_LAYER_ENTROPY_MEAN] = sum / N_HEADS;
        layers[layer].values[ENTRO_LAYER_ENTROPY_CEILING] = 2.5;
    }
    entro_store_put_captures(store, run_id, &capture, 1, &error);
    g_assert_no_error(error);
}

static void
put_loss(EntroStore *store, gint64 run_id, gboolean diverges)
{
    g_autoptr(GError) error = NULL;
    gint64 step[N_CAPTURES], steps[N_CAPTURES];
    double value[N_CAPTURES];
    guint attempts[N_CAPTURES];
    EntroScalar loss = {.name = (char *)"loss", .n = N_CAPTURES, .step = step, .value = value};
    const EntroTrace trace = {.n_captures = N_CAPTURES,
                              .steps = steps,
                              .attempts = attempts,
                              .attempt = 1,
                              .n_scalars = 1,
                              .scalars = &loss};

    for (guint i = 0; i < N_CAPTURES; i++) {
        step[i] = steps[i] = 100 * i;
        attempts[i] = 1;
        value[i] = diverges && i >= DIVERGES ? NAN : 5.5 / (i + 1);
    }
    entro_store_put_trace(store, run_id, &trace, 1, &error);
    g_assert_no_error(error);
}

static EntroRunInfo *
put_run(EntroStore *store, const char *name, gboolean diverges)
{
    g_autoptr(GError) error = NULL;
    const EntroRunInfo info = {.name = (char *)name,
                               .attempt = 1,
                               .source = (char *)"trace.h5",
                               .fingerprint = (char *)name,
                               .open_mode = (char *)"plain",
                               .n_layers = N_LAYERS,
                               .n_heads = N_HEADS,
                               .context_length = 16,
                               .causal = 1,
                               .tool_version = (char *)"0.1.0"};
    gint64 id = 0;

    entro_store_begin_run(store, &info, FALSE, &id, &error);
    g_assert_no_error(error);
    for (guint position = 0; position < N_CAPTURES; position++)
        put_capture(store, id, position, diverges && position >= DIVERGES);
    put_loss(store, id, diverges);
    EntroRunInfo *run = entro_store_find_run(store, name, &error);
    g_assert_no_error(error);
    return run;
}

static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("entro-views-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(fixture->folder, "runs.db", NULL);

    fixture->store = entro_store_open(path, ENTRO_STORE_WRITE, &error);
    g_assert_no_error(error);
    fixture->runs[0] = put_run(fixture->store, "healthy", FALSE);
    fixture->runs[1] = put_run(fixture->store, "SM", TRUE);
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    for (guint run = 0; run < G_N_ELEMENTS(fixture->runs); run++)
        entro_run_info_free(fixture->runs[run]);
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

static EntroFigure *
draw(const Fixture *fixture, const char *view, guint n_runs, const EntroPlotOptions *options,
     GError **error)
{
    return entro_plot_view(entro_view_find(view), fixture->store,
                           (const EntroRunInfo *const *)fixture->runs, n_runs, options, error);
}

static gboolean
says(const EntroFigure *figure, const char *part)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->text && strstr(mark->text, part))
            return TRUE;
    }
    return FALSE;
}

static void
assert_says(const EntroFigure *figure, const char *const *parts)
{
    g_assert_nonnull(figure);
    for (guint i = 0; parts[i]; i++)
        if (!says(figure, parts[i])) {
            g_test_message("the figure does not say \"%s\"", parts[i]);
            g_test_fail();
        }
}

static void
test_headwise(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"at step 800",        "healthy",     "SM",
                                        "Head index",         "Layer index", "(nats)",
                                        "no valid row (NaN)", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure =
        draw(fixture, "headwise-entropy", 2, &ENTRO_PLOT_OPTIONS_DEFAULT, &error);

    g_assert_no_error(error);
    assert_says(figure, parts);
}

static void
test_headwise_values(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"at step 300", "2.38", "0.20", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.step = 300;
    options.values = TRUE;
    g_autoptr(EntroFigure) figure = draw(fixture, "headwise-entropy", 1, &options, &error);
    g_assert_no_error(error);
    assert_says(figure, parts);
}

static void
put_wide(EntroStore *store, guint n_layers, guint n_heads)
{
    const guint n = n_layers * n_heads;
    g_autofree EntroHeadStats *heads = g_new0(EntroHeadStats, n);
    g_autofree EntroLayerStats *layers = g_new0(EntroLayerStats, n_layers);
    const EntroCapture capture = {
        .attempt = 1, .n_heads = n, .heads = heads, .n_layers = n_layers, .layers = layers};
    const EntroRunInfo info = {.name = (char *)"wide",
                               .attempt = 1,
                               .source = (char *)"wide.h5",
                               .fingerprint = (char *)"wide",
                               .open_mode = (char *)"plain",
                               .n_layers = n_layers,
                               .n_heads = n_heads,
                               .tool_version = (char *)"0.1.0"};
    gint64 id = 0;

    for (guint i = 0; i < n; i++) {
        heads[i].layer = i / n_heads;
        heads[i].head = i % n_heads;
        heads[i].n_rows = 16;
    }
    for (guint layer = 0; layer < n_layers; layer++)
        layers[layer].layer = layer;
    g_assert_true(entro_store_begin_run(store, &info, FALSE, &id, NULL));
    g_assert_true(entro_store_put_captures(store, id, &capture, 1, NULL));
}

/* More heads than there can be rows: a sentence that says what to choose; and the choice works. */
static void
test_steps_of_too_many_heads(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const EntroHeadChoice layer = {100, ENTRO_ALL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    put_wide(fixture->store, 128, 128);
    g_autoptr(EntroRunInfo) run = entro_store_find_run(fixture->store, "wide", NULL);
    const EntroRunInfo *const runs[] = {run};
    const EntroView *view = entro_view_find("headwise-steps");
    g_assert_null(entro_plot_view(view, fixture->store, runs, 1, &options, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT);
    g_assert_nonnull(strstr(error->message, "16384 heads"));
    g_assert_nonnull(strstr(error->message, "--head"));
    options.heads = &layer;
    options.n_heads = 1;
    g_autoptr(EntroFigure) figure = entro_plot_view(view, fixture->store, runs, 1, &options, NULL);
    g_assert_nonnull(figure);
}

static const EntroMark *
cells_of(const EntroFigure *figure, guint nth)
{
    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == ENTRO_MARK_CELLS && nth-- == 0)
            return mark;
    }
    g_assert_not_reached();
}

static void
assert_cell(const EntroMark *cells, gsize cell, EntroColour want)
{
    g_assert_cmpfloat_with_epsilon(cells->cells[cell].red, want.red, 1e-9);
    g_assert_cmpfloat_with_epsilon(cells->cells[cell].green, want.green, 1e-9);
    g_assert_cmpfloat_with_epsilon(cells->cells[cell].blue, want.blue, 1e-9);
}

/* The k-th of 12 heads has k/12 of 2.385 at each capture, until the run diverges. */
static void
test_steps(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"during training",
                                        "Training step",
                                        "Layer and head index",
                                        "L2",
                                        "SM",
                                        "no valid row (NaN)",
                                        NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure =
        draw(fixture, "headwise-steps", 2, &ENTRO_PLOT_OPTIONS_DEFAULT, &error);

    g_assert_no_error(error);
    assert_says(figure, parts);
    const EntroMark *cells = cells_of(figure, 1);
    g_assert_cmpuint(cells->n_rows, ==, N_LAYERS * N_HEADS);
    g_assert_cmpuint(cells->n_columns, ==, N_CAPTURES);
    for (guint i = 0; i < N_LAYERS * N_HEADS; i++)
        for (guint capture = 0; capture < N_CAPTURES; capture++)
            assert_cell(cells, i * N_CAPTURES + capture,
                        capture < DIVERGES ? entro_palette_at(figure->palette, i / 11.0)
                                           : figure->theme.missing);
}

static void
test_steps_of_some_heads(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const EntroHeadChoice heads[] = {{1, ENTRO_ALL}, {ENTRO_ALL, 3}, {7, 0}};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.heads = heads;
    options.n_heads = 3;
    g_autoptr(EntroFigure) figure = draw(fixture, "headwise-steps", 1, &options, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(cells_of(figure, 0)->n_rows, ==, N_HEADS + 2);
    g_assert_true(says(figure, "healthy has no such head: layer 7, head 0."));
    options.heads = heads + 2;
    options.n_heads = 1;
    g_assert_null(draw(fixture, "headwise-steps", 1, &options, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
}

/* More captures than columns: a value that stands at one capture alone is still there. */
static void
test_steps_thinned(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    enum { N = 10000 };
    g_autofree EntroHeadStats *heads = g_new0(EntroHeadStats, N);
    g_autofree EntroCapture *captures = g_new0(EntroCapture, N);
    EntroLayerStats layer = {0};
    const EntroRunInfo info = {.name = (char *)"long",
                               .attempt = 1,
                               .source = (char *)"trace.h5",
                               .fingerprint = (char *)"long",
                               .open_mode = (char *)"plain",
                               .n_layers = 1,
                               .n_heads = 1,
                               .tool_version = (char *)"0.1.0"};
    g_autoptr(GError) error = NULL;
    guint n_high = 0, n_low = 0, n_missing = 0;
    gint64 id = 0;

    for (guint i = 0; i < N; i++) {
        captures[i] = (EntroCapture){.position = i,
                                     .step = 10 * (gint64)i,
                                     .attempt = 1,
                                     .n_heads = 1,
                                     .heads = &heads[i],
                                     .n_layers = 1,
                                     .layers = &layer};
        heads[i].n_rows = 16;
        heads[i].values[ENTRO_HEAD_ENTROPY_MEAN] = i == 3333   ? 3
                                                   : i == 6666 ? 1
                                                   : i == 7777 ? NAN
                                                               : 2;
    }
    g_assert_true(entro_store_begin_run(fixture->store, &info, FALSE, &id, &error));
    g_assert_true(entro_store_put_captures(fixture->store, id, captures, N, &error));
    g_autoptr(EntroRunInfo) run = entro_store_find_run(fixture->store, "long", &error);
    const EntroRunInfo *const runs[] = {run};
    g_autoptr(EntroFigure) figure =
        entro_plot_view(entro_view_find("headwise-steps"), fixture->store, runs, 1, NULL, &error);
    g_assert_no_error(error);
    const EntroMark *cells = cells_of(figure, 0);
    g_assert_cmpuint(cells->n_columns, ==, 2000); /* 10 captures in two, at most 2048 columns */
    for (gsize i = 0; i < cells->n_columns; i++) {
        n_high += cells->cells[i].red == entro_palette_at(figure->palette, 1).red;
        n_low += cells->cells[i].red == entro_palette_at(figure->palette, 0).red;
        n_missing += cells->cells[i].red == figure->theme.missing.red;
    }
    g_assert_cmpuint(n_high, ==, 1);
    g_assert_cmpuint(n_low, ==, 1);
    g_assert_cmpuint(n_missing, ==, 1);
    g_assert_true(says(figure, "long: 10000 captures in 2000 columns"));
    g_assert_false(says(figure, "not evenly spaced"));
    g_assert_true(says(figure, "50K"));
}

/* At the last step one of the runs has diverged; at step 500 they are alike. */
static void
test_difference(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"Difference of head entropy (nats)", "SM − healthy",
                                        "healthy − healthy", "no valid row (NaN)", NULL};
    const EntroRunInfo *const runs[] = {fixture->runs[0], fixture->runs[1], fixture->runs[0]};
    const EntroPalette *palette = entro_palette_find(ENTRO_DIVERGING, NULL);
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure = entro_plot_view(entro_view_find("headwise-difference"),
                                                    fixture->store, runs, 3, &options, &error);

    g_assert_no_error(error);
    assert_says(figure, parts);
    for (guint i = 0; i < N_LAYERS * N_HEADS; i++) {
        assert_cell(cells_of(figure, 0), i, figure->theme.missing);
        assert_cell(cells_of(figure, 1), i, entro_palette_at(palette, 0.5));
    }
    options.palette = "magma";
    options.step = 500;
    g_autoptr(EntroFigure) sequential = entro_plot_view(entro_view_find("headwise-difference"),
                                                        fixture->store, runs, 2, &options, &error);
    g_assert_no_error(error);
    assert_cell(cells_of(sequential, 0), 3,
                entro_palette_at(entro_palette_find("magma", NULL), 0.5));
    g_assert_cmpuint(entro_figure_get_notes(sequential)->len, ==, 1);
    g_assert_null(draw(fixture, "headwise-difference", 1, &options, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
}

/* Run "half" has the heads 0 and 1 of the layers 1 and 9: half the entropy of "healthy" where both
 * have one. */
static void
test_difference_of_shapes(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const guint of[][2] = {{1, 0}, {1, 1}, {9, 0}, {9, 1}};
    EntroHeadStats heads[4] = {0};
    EntroLayerStats layers[2] = {{.layer = 1}, {.layer = 9}};
    const EntroCapture capture = {
        .step = 800, .attempt = 1, .n_heads = 4, .heads = heads, .n_layers = 2, .layers = layers};
    const EntroRunInfo info = {.name = (char *)"half",
                               .attempt = 1,
                               .source = (char *)"half.h5",
                               .fingerprint = (char *)"half",
                               .open_mode = (char *)"plain",
                               .n_layers = 2,
                               .n_heads = 2,
                               .tool_version = (char *)"0.1.0"};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;
    gint64 id = 0;

    for (guint i = 0; i < 4; i++) {
        heads[i].layer = of[i][0];
        heads[i].head = of[i][1];
        heads[i].values[ENTRO_HEAD_ENTROPY_MEAN] = 2.385 * (5 + i) / 12 - 0.5;
    }
    g_assert_true(entro_store_begin_run(fixture->store, &info, FALSE, &id, &error));
    g_assert_true(entro_store_put_captures(fixture->store, id, &capture, 1, &error));
    g_autoptr(EntroRunInfo) half = entro_store_find_run(fixture->store, "half", &error);
    const EntroRunInfo *const runs[] = {fixture->runs[0], half};
    options.values = TRUE;
    g_autoptr(EntroFigure) figure = entro_plot_view(entro_view_find("headwise-difference"),
                                                    fixture->store, runs, 2, &options, &error);
    g_assert_no_error(error);
    const EntroMark *cells = cells_of(figure, 0);
    g_assert_cmpuint(cells->n_rows, ==, 4); /* 0, 1, 2, 9 */
    g_assert_cmpuint(cells->n_columns, ==, N_HEADS);
    for (guint cell = 0; cell < 16; cell++)
        g_assert_cmpint(cells->cells[cell].alpha > 0, ==, cell == 4 || cell == 5);
    g_assert_true(says(figure, "-0.50"));
    g_assert_true(says(figure, "(12 heads)"));
    g_assert_false(says(figure, "could not be read"));
}

static void
test_layerwise(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {
        "Layer mean entropy (nats)", "Training step", "Layer 0", "Layer 2",
        "NaN from step 600",         "ceiling",       NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure =
        draw(fixture, "layerwise-entropy", 2, &ENTRO_PLOT_OPTIONS_DEFAULT, &error);

    g_assert_no_error(error);
    assert_says(figure, parts);
}

/* 12 heads at k/12 of M: 2, 3, 3 and 4 of them in the quarters (the last is closed). */
static void
test_bands(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"[0, M/4)", "[3M/4, M]",
                                        "17%",      "25%",
                                        "33%",      "M = 2.38 nats: the largest head entropy",
                                        NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure =
        draw(fixture, "entropy-bands", 1, &ENTRO_PLOT_OPTIONS_DEFAULT, &error);

    g_assert_no_error(error);
    assert_says(figure, parts);
    g_assert_false(says(figure, "NaN"));
}

static void
test_bands_modes(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const m[] = {[ENTRO_BAND_POOLED] = "M = 2.38",
                                    [ENTRO_BAND_OWN] = "of each run itself",
                                    [ENTRO_BAND_CEILING] = "M = 2.50",
                                    [ENTRO_BAND_LNT] = "M = 2.77"};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    for (guint mode = 0; mode < G_N_ELEMENTS(m); mode++) {
        g_autoptr(GError) error = NULL;
        options.band_max = mode;
        g_autoptr(EntroFigure) figure = draw(fixture, "entropy-bands", 2, &options, &error);
        g_assert_no_error(error);
        g_assert_true(says(figure, m[mode]));
        g_assert_true(says(figure, "SM 12 of 12"));
        g_assert_true(says(figure, "100%"));
    }
}

static void
test_scalars(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const parts[] = {"loss", "healthy", "SM", "diverged", NULL};
    static const char *const unknown[] = {"perplexity", NULL};
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.log_y = TRUE;
    g_autoptr(EntroFigure) figure = draw(fixture, "scalars", 2, &options, &error);
    g_assert_no_error(error);
    assert_says(figure, parts);
    options.scalars = unknown;
    g_assert_null(draw(fixture, "scalars", 2, &options, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

static void
test_refusals(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) none = NULL;
    g_autoptr(GError) step = NULL;
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;

    g_assert_null(draw(fixture, "scalars", 0, &options, &none));
    g_assert_error(none, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY);
    options.step = 12345;
    g_assert_null(draw(fixture, "headwise-entropy", 1, &options, &step));
    g_assert_error(step, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_assert_null(entro_view_find("no-such-view"));
}

static void
test_other_columns(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    guint n = 0;
    const EntroView *views = entro_views(&n);

    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
        for (guint view = 0; view < n; view++) {
            g_autoptr(GError) error = NULL;
            if (views[view].min_runs == 0)
                continue; /* needs more than a run and a column */
            options.column = entro_head_columns()[column].name;
            g_autoptr(EntroFigure) figure = draw(fixture, views[view].key, 2, &options, &error);
            g_assert_no_error(error);
        }
}

/* The date in the file is the run's, or the one asked for. */
static void
test_date(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EntroFigure) usual = draw(fixture, "scalars", 2, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    g_assert_cmpint(strncmp(usual->created, fixture->runs[0]->created_at, 10), ==, 0);

    g_setenv("SOURCE_DATE_EPOCH", "1000000000", TRUE);
    g_autoptr(EntroFigure) asked = draw(fixture, "scalars", 2, &ENTRO_PLOT_OPTIONS_DEFAULT, NULL);
    g_unsetenv("SOURCE_DATE_EPOCH");
    g_assert_cmpstr(asked->created, ==, "2001-09-09T01:46:40Z");
}

#define TEST(path, function) g_test_add(path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("/view-store/headwise", test_headwise);
    TEST("/view-store/headwise-with-values-at-a-step", test_headwise_values);
    TEST("/view-store/steps", test_steps);
    TEST("/view-store/steps-of-some-heads", test_steps_of_some_heads);
    TEST("/view-store/steps-of-many-captures", test_steps_thinned);
    TEST("/view-store/steps-of-too-many-heads", test_steps_of_too_many_heads);
    TEST("/view-store/difference", test_difference);
    TEST("/view-store/difference-of-other-shapes", test_difference_of_shapes);
    TEST("/view-store/layerwise", test_layerwise);
    TEST("/view-store/bands", test_bands);
    TEST("/view-store/bands-by-each-kind-of-m", test_bands_modes);
    TEST("/view-store/scalars", test_scalars);
    TEST("/view-store/what-is-not-there-is-refused", test_refusals);
    TEST("/view-store/any-statistic", test_other_columns);
    TEST("/view-store/date", test_date);
    return g_test_run();
}
