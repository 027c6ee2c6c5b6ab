/* test-live.c: files that a writer is still at, and files that a writer left behind. */
#include "loader-fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const guint heads[] = {3, 2};
static const char *const scalars[] = {"loss", NULL};

static EntroWriterOptions
live_options(guint deflate)
{
    EntroWriterOptions options = fixture_writer_options(heads, 2);

    options.key_mask = TRUE;
    options.params = 1u << ENTRO_PARAM_TEMPERATURE | 1u << ENTRO_PARAM_ALPHA;
    options.scalars = scalars;
    options.deflate = deflate;
    return options;
}

enum { N_VALUES = 3 * 5 }; /* heads x queries, at most */

static void
fill_params(guint layer, guint param, gsize capture, float values[N_VALUES])
{
    for (gsize i = 0; i < N_VALUES; i++)
        values[i] = fixture_weight(layer, capture, param, 0, 0, i);
}

static gboolean
put_live_capture(EntroWriter *writer, const EntroWriterOptions *options, gsize capture)
{
    float values[N_VALUES];

    for (guint layer = 0; layer < options->n_layers; layer++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
            fill_params(layer, param, capture, values);
            if ((options->params & 1u << param) &&
                !entro_writer_put_param(writer, layer, param, values, NULL))
                return FALSE;
        }
    return fixture_put_capture(writer, options, capture, NULL);
}

/* ---- the other process ------------------------------------------------------------------------------ */

/* Says the number of committed captures, line by line, until it is killed. */
static int
write_for_ever(const char *path, guint deflate)
{
    EntroWriterOptions options = live_options(deflate);
    EntroWriter *writer = entro_writer_new(path, &options, NULL);

    for (gsize capture = 0; writer != NULL && capture < 100000; capture++) {
        if (!put_live_capture(writer, &options, capture))
            return 1;
        printf("%zu\n", capture + 1);
        fflush(stdout);
    }
    return 1;
}

typedef struct {
    GPid pid;
    FILE *said;
    gsize n_committed;
} Other;

static void
other_start(Other *other, const char *path, const char *deflate)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    char *argv[] = {self, (char *)"--write", (char *)path, (char *)deflate, NULL};
    int out;

    g_assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                           &other->pid, NULL, &out, NULL, NULL));
    other->said = fdopen(out, "r");
    other->n_committed = 0;
}

static void
other_wait_for(Other *other, gsize n)
{
    char line[32];

    while (other->n_committed < n) {
        g_assert_nonnull(fgets(line, sizeof line, other->said));
        other->n_committed = (gsize)g_ascii_strtoull(line, NULL, 10);
    }
}

/* What it managed to say before it died is committed as well. */
static void
other_kill(Other *other)
{
    char line[32];

    kill(other->pid, SIGKILL);
    waitpid(other->pid, NULL, 0);
    while (fgets(line, sizeof line, other->said) != NULL)
        if (strchr(line, '\n') != NULL)
            other->n_committed = (gsize)g_ascii_strtoull(line, NULL, 10);
    fclose(other->said);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Whatever /step announces has its parameters. */
static void
check_params(EntroSource *source, const EntroWriterOptions *options, gsize capture)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    float expected[N_VALUES], values[N_VALUES];

    for (guint layer = 0; layer < 2; layer++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
            g_autofree char *problem = NULL;
            if ((options->params & 1u << param) == 0)
                continue;
            g_assert_cmpuint(trace->layers[layer].params, ==, options->params);
            if (entro_source_read_param(source, layer, param, capture, values, &problem) !=
                ENTRO_TILE_OK)
                g_error("%s", problem);
            fill_params(layer, param, capture, expected);
            g_assert_cmpmem(values, entro_param_size(param, &trace->layers[layer]) * sizeof *values,
                            expected,
                            entro_param_size(param, &trace->layers[layer]) * sizeof *values);
        }
}

static void
check_first(EntroSource *source, const EntroWriterOptions *options, gsize n)
{
    LayerSpec specs[2];
    gsize n_captures = entro_source_get_trace(source)->n_captures;
    g_autofree gsize *selected = g_new(gsize, MAX(n, 1));

    for (guint layer = 0; layer < 2; layer++)
        specs[layer] = fixture_writer_spec(options, layer, n_captures);
    for (gsize i = 0; i < n; i++)
        selected[i] = i;
    g_assert_cmpuint(n_captures, >=, n);
    fixture_check_walk(source, specs, 2, selected, n);
    for (gsize i = 0; i < n; i++)
        check_params(source, options, i);
}

static void
test_a_killed_writer_loses_nothing_that_it_committed(gconstpointer deflate)
{
    EntroWriterOptions options = live_options((guint)g_ascii_strtoull(deflate, NULL, 10));
    const gsize kill_after[] = {1, 2, 7, 40, 127, 128, 129, 300};
    const char *path = fixture_path("killed.h5");

    for (guint i = 0; i < G_N_ELEMENTS(kill_after); i++) {
        Other other;
        g_autoptr(GError) error = NULL;
        other_start(&other, path, deflate);
        other_wait_for(&other, kill_after[i]);
        other_kill(&other);
        g_autofree char *before = fixture_hash(path);
        {
            g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
            g_assert_no_error(error);
            const EntroTrace *trace = entro_source_get_trace(source);
            g_assert_cmpstr(trace->open_mode, ==, "swmr");
            g_assert_false(trace->complete);
            g_assert_cmpuint(trace->n_captures, >=, other.n_committed);
            g_assert_cmpuint(trace->n_captures, <=, other.n_committed + 1);
            g_assert_cmpuint(trace->scalars[0].n, >=, other.n_committed);
            check_first(source, &options, trace->n_captures);
        }
        g_autofree char *after = fixture_hash(path);
        g_assert_cmpstr(before, ==, after);
    }
}

/* Opened again and again while it grows as fast as it can. */
static void
test_a_file_is_readable_while_it_grows(void)
{
    EntroWriterOptions options = live_options(0);
    const char *path = fixture_path("growing.h5");
    gsize most = 0, n_opened = 0;
    Other other;

    other_start(&other, path, "0");
    other_wait_for(&other, 1);
    for (gint64 until = g_get_monotonic_time() + 1500000; g_get_monotonic_time() < until;) {
        g_autoptr(GError) error = NULL;
        gsize committed = other.n_committed;
        g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
        g_assert_no_error(error);
        gsize n = entro_source_get_trace(source)->n_captures;
        g_assert_cmpuint(n, >=, committed);
        g_assert_cmpuint(n, >=, most);
        const GPtrArray *problems = entro_source_get_trace(source)->problems;
        g_assert_cmpstr(problems->len ? problems->pdata[0] : NULL, ==, NULL);
        check_first(source, &options, MIN(n, 50));
        most = n;
        n_opened++;
        other_wait_for(&other, other.n_committed + 1);
    }
    other_kill(&other);
    g_test_message("opened %zu times, %zu captures", n_opened, most);
    g_assert_cmpuint(n_opened, >=, 5);
}

/* ---- truncated -------------------------------------------------------------------------------------------- */

/* Either refused with a sentence, or every row that is handed out is right. */
static gsize
count_readable(const char *path, const EntroWriterOptions *options, gsize n_written)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_autoptr(EntroTile) tile = source ? entro_tile_new(source, NULL) : NULL;
    g_autoptr(EntroTileRows) rows = source ? entro_tile_rows_new(source, NULL) : NULL;
    g_autofree guint *n_tiles = g_new0(guint, n_written);
    gboolean end = FALSE;
    gsize n_whole = 0;
    float scratch[64];

    g_assert_true((source == NULL) == (error != NULL));
    if (source == NULL)
        return 0;
    if (g_str_equal(entro_source_get_trace(source)->open_mode, "truncated"))
        g_assert_cmpuint(entro_source_get_trace(source)->problems->len, >, 0);
    while (entro_source_next(source, tile, &end, NULL) && !end) {
        if (!entro_tile_rows_read(rows, tile))
            continue;
        guint index = entro_source_get_trace(source)->layers[tile->layer].index;
        n_tiles[tile->capture] += tile->ends_layer;
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++) {
                    const float *row = entro_tile_rows_get(rows, 0, sample, head, query, scratch);
                    for (gsize key = 0; key < options->n_keys; key++)
                        g_assert_cmpfloat(row[key], ==,
                                          fixture_weight(index, tile->capture,
                                                         tile->sample + sample, tile->head + head,
                                                         tile->query + query, key));
                }
    }
    for (gsize capture = 0; capture < n_written; capture++)
        n_whole += n_tiles[capture] == options->n_layers;
    return n_whole;
}

static void
check_cuts(const char *whole, const EntroWriterOptions *options, gsize n_written)
{
    const char *path = fixture_path("cut.h5");
    g_autofree char *bytes = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(whole, &bytes, &length, NULL));
    for (gsize i = 0; i < 30; i++) {
        gsize cut = i < 5 ? 1 + i * i * 3 : length - 1 - (length - 100) * (i - 5) / 25;
        g_autofree char *start = g_memdup2(bytes, cut);
        g_assert_true(g_file_set_contents(path, start, (gssize)cut, NULL));
        gsize n = count_readable(path, options, n_written);
        gdouble share = (gdouble)cut / (gdouble)length;
        g_test_message("%.2f of the file: %zu of %zu captures", share, n, n_written);
        if (share >= 0.5)
            g_assert_cmpuint(n + 8, >=, (gsize)(share * (gdouble)n_written));
    }
}

static void
test_a_truncated_trace_gives_what_is_there(gconstpointer how)
{
    EntroWriterOptions options = live_options(0);
    const char *path = fixture_path("whole.h5");
    gsize n_written = 60;

    options.key_mask = FALSE;
    options.n_queries = options.n_keys = 32;
    if (g_str_equal(how, "closed")) {
        EntroWriter *writer = entro_writer_new(path, &options, NULL);
        for (gsize capture = 0; capture < n_written; capture++)
            g_assert_true(fixture_put_capture(writer, &options, capture, NULL));
        g_assert_true(entro_writer_close(writer, NULL));
    } else {
        const char *growing = fixture_path("whole-growing.h5");
        EntroWriter *writer = entro_writer_new(growing, &options, NULL);
        for (gsize capture = 0; capture < n_written; capture++)
            g_assert_true(fixture_put_capture(writer, &options, capture, NULL));
        fixture_copy(growing, path, -1); /* as kill -9 would leave it */
        entro_writer_free(writer);
    }
    check_cuts(path, &options, n_written);
}

/* No filter at all: what lies behind the end would read as zeros. */
static void
test_rows_behind_the_end_are_never_zeros(gconstpointer filters)
{
    LayerSpec spec = {.element = ENTRO_F32,
                      .dims = {20, 2, 2, 8, 8},
                      .chunk = {1, 1, 2, 8, 8},
                      .filters = filters};
    guint heads_of[] = {2};
    EntroWriterOptions options = fixture_writer_options(heads_of, 1);

    options.n_queries = options.n_keys = 8;
    options.element = ENTRO_F32;
    fixture_trace(fixture_path("plain.h5"), &spec, 1, FALSE);
    check_cuts(fixture_path("plain.h5"), &options, 20);
    memset(spec.chunk, 0, sizeof spec.chunk);
    spec.filters = NULL;
    fixture_trace(fixture_path("plain.h5"), &spec, 1, FALSE);
    check_cuts(fixture_path("plain.h5"), &options, 20);
}

/* Cut while it is being read: an answer, and no signal. */
static void
test_a_file_that_shrinks_meanwhile_is_damaged(void)
{
    LayerSpec specs[] = {{.index = 0, .element = ENTRO_F32, .dims = {20, 2, 2, 8, 8}},
                         {.index = 1,
                          .element = ENTRO_F32,
                          .dims = {20, 2, 2, 8, 8},
                          .chunk = {1, 2, 2, 8, 8},
                          .filters = "f"}};
    const char *path = fixture_path("shrinks.h5");
    gsize damaged;

    fixture_trace(path, specs, 2, FALSE);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_assert_cmpint(truncate(path, 30000), ==, 0);
    gsize n_ok = fixture_walk_quietly(source, NULL, &damaged);
    g_assert_cmpuint(n_ok, >, 0);
    g_assert_cmpuint(damaged, >, 0);
}

int
main(int argc, char **argv)
{
    if (argc == 4 && g_str_equal(argv[1], "--write"))
        return write_for_ever(argv[2], (guint)g_ascii_strtoull(argv[3], NULL, 10));
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/live/a-killed-writer-loses-nothing-committed/plain", "0",
                         test_a_killed_writer_loses_nothing_that_it_committed);
    g_test_add_data_func("/live/a-killed-writer-loses-nothing-committed/deflate", "4",
                         test_a_killed_writer_loses_nothing_that_it_committed);
    g_test_add_func("/live/a-file-is-readable-while-it-grows",
                    test_a_file_is_readable_while_it_grows);
    g_test_add_data_func("/live/a-truncated-trace-gives-what-is-there/closed", "closed",
                         test_a_truncated_trace_gives_what_is_there);
    g_test_add_data_func("/live/a-truncated-trace-gives-what-is-there/killed", "killed",
                         test_a_truncated_trace_gives_what_is_there);
    g_test_add_data_func("/live/rows-behind-the-end-are-never-zeros/plain", "",
                         test_rows_behind_the_end_are_never_zeros);
    g_test_add_data_func("/live/rows-behind-the-end-are-never-zeros/shuffled", "s",
                         test_rows_behind_the_end_are_never_zeros);
    g_test_add_func("/live/a-file-that-shrinks-meanwhile-is-damaged",
                    test_a_file_that_shrinks_meanwhile_is_damaged);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
