/* test-damage.c: mutants of small traces, opened and read to the end in a process of their own.
 *
 * Nothing may crash or hang, and where every chunk has a checksum no row may change unseen.
 * ENTRO_MUTANTS sets how many mutants each file gets. */
#include "loader-fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUTANTS    700
#define SECONDS    5 /* a mutant that takes longer hangs */
#define N_CAPTURES 6

static const guint heads[] = {3, 2};
static const char *const scalars[] = {"loss", NULL};

/* ---- mutants ----------------------------------------------------------------------------------------- */

static void
mutate(guint8 *bytes, gsize *length, guint32 seed)
{
    static const guint8 telling[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    /* half of the mutants hit the metadata at the beginning */
    gsize span = g_rand_boolean(random) ? MIN(*length, 4096) : *length;
    gsize at = (gsize)g_rand_int_range(random, 0, (gint32)span);
    gsize run = (gsize)g_rand_int_range(random, 1, 513);

    run = MIN(run, *length - at);
    switch (g_rand_int_range(random, 0, 6)) {
    case 0:
    case 1:
        bytes[at] ^= (guint8)(1 << g_rand_int_range(random, 0, 8));
        break;
    case 2:
        bytes[at] = telling[g_rand_int_range(random, 0, G_N_ELEMENTS(telling))];
        break;
    case 3:
        for (gsize i = 0; i < MIN(run, 8); i++)
            bytes[at + i] = (guint8)g_rand_int(random);
        break;
    case 4:
        memset(bytes + at, 0, run);
        break;
    default:
        *length = at;
    }
}

/* ---- the reading process ------------------------------------------------------------------------------- */

/* A zeroed page that takes a chunk whole passes its checksum, which is 0 as well: such rows count as
 * masked and enter no statistic, so they do not lie. */
static gboolean
is_blank(const float *row)
{
    for (gsize key = 0; key < 6; key++)
        if (row[key] != 0)
            return FALSE;
    return TRUE;
}

static gboolean
rows_are_right(const EntroTileRows *rows, const EntroTile *tile, guint index)
{
    float scratch[16];

    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++) {
                    const float *row =
                        entro_tile_rows_get(rows, capture, sample, head, query, scratch);
                    for (gsize key = 0; key < 6 && !is_blank(row); key++)
                        if (row[key] != fixture_weight(index, tile->capture + capture,
                                                       tile->sample + sample, tile->head + head,
                                                       tile->query + query, key))
                            return FALSE;
                }
    return TRUE;
}

static gboolean
is_of_our_shape(const EntroTrace *trace)
{
    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        if (layer->index > 1 || layer->n_keys != 6 || layer->n_queries != 5 ||
            layer->n_samples != 2 || layer->n_heads != heads[layer->index])
            return FALSE;
    }
    for (gsize i = 0; i < trace->n_captures; i++)
        if (trace->steps[i] != 10 * (gint64)(i + 1))
            return FALSE;
    return trace->n_captures <= N_CAPTURES;
}

/* What a trace says of itself, as one text; the caller frees it. */
static char *
tell_facts(const EntroTrace *trace)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%s %s %s %u %zu %d %u", trace->run_name, trace->producer,
                    trace->trace_uuid, trace->attempt, trace->context_length, (int)trace->causal,
                    trace->n_config);
    for (guint i = 0; i < trace->n_config; i++)
        g_string_append_printf(text, " %s=%s", trace->config[i].key, trace->config[i].value);
    for (guint i = 0; i < trace->n_layers; i++)
        g_string_append_printf(text, " %d/%zu", (int)trace->layers[i].causal,
                               trace->layers[i].window);
    return g_string_free(text, FALSE);
}

/* Of the trace as it was before. */
static char *
tell_facts_of(const char *path)
{
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);

    return tell_facts(entro_source_get_trace(source));
}

/* What is left out is said; what is there is as it was. */
static gboolean
facts_are_right(const EntroTrace *trace, const char *facts)
{
    g_autofree char *found = tell_facts(trace);

    return trace->problems->len > 0 || g_str_equal(found, facts);
}

/* "refused", "read" or "changed". */
static const char *
read_mutant(const char *path, const char *facts)
{
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_autoptr(EntroTile) tile = source ? entro_tile_new(source, NULL) : NULL;
    g_autoptr(EntroTileRows) rows = source ? entro_tile_rows_new(source, NULL) : NULL;
    gboolean end = FALSE, right = TRUE;

    if (tile == NULL || rows == NULL)
        return "refused";
    const EntroTrace *trace = entro_source_get_trace(source);
    right = is_of_our_shape(trace) && facts_are_right(trace, facts);
    for (guint n = 0; n < 100000 && entro_source_next(source, tile, &end, NULL) && !end; n++)
        if (entro_tile_rows_read(rows, tile) && right)
            right = rows_are_right(rows, tile, trace->layers[tile->layer].index);
    return right ? "read" : "changed";
}

static int
read_mutants(const char *seed_file, guint first, guint n)
{
    g_autofree char *bytes = NULL;
    g_autofree char *path = g_strdup_printf("%s.mutant", seed_file);
    g_autofree char *facts = tell_facts_of(seed_file);
    gsize length;

    if (!g_file_get_contents(seed_file, &bytes, &length, NULL))
        return 1;
    for (guint32 seed = first; seed < first + n; seed++) {
        g_autofree guint8 *mutant = g_memdup2(bytes, length);
        gsize size = length;
        mutate(mutant, &size, seed);
        FILE *out = fopen(path, "wb");
        if (out == NULL || fwrite(mutant, 1, size, out) != size || fclose(out) != 0)
            return 1;
        alarm(SECONDS);
        const char *answer = read_mutant(path, facts);
        alarm(0);
        printf("%u %s\n", seed, answer);
        fflush(stdout);
    }
    remove(path);
    return 0;
}

/* ---- the tests -------------------------------------------------------------------------------------------- */

static void
make_ours(const char *path, gboolean closed, guint deflate)
{
    EntroWriterOptions options = fixture_writer_options(heads, 2);
    const char *growing = fixture_path("growing.h5");

    options.scalars = scalars;
    options.deflate = deflate;
    EntroWriter *writer = entro_writer_new(closed ? path : growing, &options, NULL);
    for (gsize capture = 0; capture < N_CAPTURES; capture++)
        g_assert_true(fixture_put_capture(writer, &options, capture, NULL));
    if (closed) {
        g_assert_true(entro_writer_close(writer, NULL));
        return;
    }
    fixture_copy(growing, path, -1);
    entro_writer_free(writer);
}

static void
make_old(const char *path)
{
    const LayerSpec specs[] = {{.index = 0,
                                .element = ENTRO_F32,
                                .dims = {N_CAPTURES, 2, 3, 5, 6},
                                .chunk = {2, 1, 2, 5, 4},
                                .filters = "sd"},
                               {.index = 1,
                                .element = ENTRO_F32,
                                .dims = {N_CAPTURES, 2, 2, 5, 6}}};

    fixture_trace(path, specs, 2, TRUE);
}

static void
replay(const char *path, gboolean checksummed)
{
    const char *wanted = g_getenv("ENTRO_MUTANTS");
    guint n = wanted ? (guint)g_ascii_strtoull(wanted, NULL, 10) : MUTANTS;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *count = g_strdup_printf("%u", n);
    char *argv[] = {self, (char *)"--read-mutants", (char *)path, (char *)"1", count, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_assert_true(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error));
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    guint n_lines = g_strv_length(lines) - 1, n_read = 0, n_changed = 0;
    for (guint i = 0; i < n_lines; i++) {
        n_read += g_str_has_suffix(lines[i], " read");
        if (g_str_has_suffix(lines[i], " changed")) {
            n_changed++;
            if (checksummed)
                g_test_message("mutant %s", lines[i]);
        }
    }
    g_test_message("%u mutants: %u read, %u changed, the others refused", n_lines, n_read,
                   n_changed);
    if (!g_spawn_check_wait_status(status, &error))
        g_error("mutant %u of %s: %s", n_lines + 1, path, error->message);
    g_assert_cmpuint(n_lines, ==, n);
    g_assert_cmpuint(n_read, >, 0);
    if (checksummed)
        g_assert_cmpuint(n_changed, ==, 0);
}

static void
test_mutants_of_a_closed_trace(void)
{
    make_ours(fixture_path("closed.h5"), TRUE, 0);
    replay(fixture_path("closed.h5"), TRUE);
}

static void
test_mutants_of_a_killed_trace(void)
{
    make_ours(fixture_path("killed.h5"), FALSE, 4);
    replay(fixture_path("killed.h5"), TRUE);
}

static void
test_mutants_of_an_old_file_without_checksums(void)
{
    make_old(fixture_path("old.h5"));
    replay(fixture_path("old.h5"), FALSE);
}

int
main(int argc, char **argv)
{
    if (argc == 5 && g_str_equal(argv[1], "--read-mutants"))
        return read_mutants(argv[2], (guint)g_ascii_strtoull(argv[3], NULL, 10),
                            (guint)g_ascii_strtoull(argv[4], NULL, 10));
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/damage/a-closed-trace-never-crashes-nor-lies",
                    test_mutants_of_a_closed_trace);
    g_test_add_func("/damage/a-killed-trace-never-crashes-nor-lies",
                    test_mutants_of_a_killed_trace);
    g_test_add_func("/damage/an-old-file-never-crashes",
                    test_mutants_of_an_old_file_without_checksums);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
