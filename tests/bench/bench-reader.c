/* bench-reader.c: what it costs that HDF5 lives in a child: opening, and all rows of a trace.
 *
 *     bench-reader [FILE...]
 *
 * Lines "name value unit"; in this process and through a child in turn, the best of several times each.
 * Without files it makes some: large chunks, small chunks, deflated ones.  Fails where the child takes
 * more than a tenth of the throughput. */
#include "loader-fixture.h"

#include <stdio.h>
#include <string.h>

#define REPEATS 7
#define LEAST   0.9 /* of the throughput, through a child */

typedef struct {
    double open, walk; /* seconds */
    guint64 bytes;     /* decoded */
} Times;

static volatile float sink; /* what is decoded is used, or it would not be decoded */

static double
seconds_since(gint64 begin)
{
    return (double)(g_get_monotonic_time() - begin) * 1e-6;
}

static guint64
decode_tile(EntroTileRows *rows, EntroTile *tile, gsize row_size, float *scratch)
{
    guint64 n = 0;

    if (!entro_tile_rows_read(rows, tile))
        g_error("%s", tile->problem);
    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++, n++)
                    sink += entro_tile_rows_get(rows, capture, sample, head, query,
                                                scratch)[row_size - 1];
    return n * row_size * sizeof(float);
}

static void
measure(const char *path, Times *best)
{
    g_autoptr(GError) error = NULL;
    g_autofree float *scratch = g_new(float, ENTRO_LIMITS_DEFAULT.max_seq);
    gboolean end = FALSE;
    gint64 begin = g_get_monotonic_time();
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);

    if (source == NULL)
        g_error("%s", error->message);
    best->open = MIN(best->open, seconds_since(begin));
    g_autoptr(EntroTile) tile = entro_tile_new(source, &error);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, &error);
    const EntroTrace *trace = entro_source_get_trace(source);
    best->bytes = 0;
    begin = g_get_monotonic_time();
    while (entro_source_next(source, tile, &end, NULL) && !end)
        best->bytes += decode_tile(rows, tile, trace->layers[tile->layer].row_size, scratch);
    best->walk = MIN(best->walk, seconds_since(begin));
}

/* FALSE: the child costs too much. */
static gboolean
compare(const char *name, const char *path)
{
    Times here = {INFINITY, INFINITY, 0}, there = here;

    for (guint repeat = 0; repeat < REPEATS; repeat++) {
        entro_reader_use_child(NULL, 0);
        measure(path, &here);
        entro_reader_use_child("/proc/self/exe", 0);
        measure(path, &there);
    }
    printf("%s-in-process %.3f GB/s\n", name, (double)here.bytes * 1e-9 / here.walk);
    printf("%s-child %.3f GB/s\n", name, (double)there.bytes * 1e-9 / there.walk);
    printf("%s-child-of-in-process %.3f ratio\n", name, here.walk / there.walk);
    printf("%s-open-in-process %.2f ms\n", name, here.open * 1e3);
    printf("%s-open-child %.2f ms\n", name, there.open * 1e3);
    fflush(stdout);
    return here.walk / there.walk >= LEAST;
}

typedef struct {
    const char *name;
    LayerSpec spec;
} Made;

static const Made made[] = {
    {"chunks-1M",
     {.element = ENTRO_F32, .dims = {12, 1, 8, 512, 512}, .chunk = {1, 1, 1, 512, 512}}},
    {"chunks-64K",
     {.element = ENTRO_F32, .dims = {48, 1, 32, 128, 128}, .chunk = {1, 1, 1, 128, 128}}},
    {"deflated",
     {.element = ENTRO_F32,
      .dims = {3, 1, 8, 512, 512},
      .chunk = {1, 1, 1, 512, 512},
      .filters = "sd"}},
};

int
main(int argc, char **argv)
{
    gboolean good = TRUE;

    if (argc > 1 && g_str_equal(argv[1], ENTRO_READER_ARGUMENT))
        entro_reader_serve(argc - 1, argv + 1);
    for (int i = 1; i < argc; i++)
        good &= compare("file", argv[i]);
    for (guint i = 0; argc < 2 && i < G_N_ELEMENTS(made); i++) {
        const char *path = fixture_path(made[i].name);
        fixture_trace(path, &made[i].spec, 1, FALSE);
        good &= compare(made[i].name, path);
    }
    fixture_done();
    return good ? 0 : 1;
}
