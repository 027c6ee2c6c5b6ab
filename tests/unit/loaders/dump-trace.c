/* dump-trace.c: what the loaders read, for a script to compare: the trace in words on stderr, then
 * all rows as float, ordered by layer, capture, sample, head, query, on stdout. */
#include "entro-loader.h"

#include <stdio.h>
#include <string.h>

static void
place_tile(const EntroTile *tile, const EntroTileRows *rows, const EntroLayer *layer, float *all)
{
    float *scratch = g_new(float, layer->n_keys);

    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++) {
                    const float *row =
                        entro_tile_rows_get(rows, capture, sample, head, query, scratch);
                    gsize at = tile->capture + capture;
                    at = at * layer->n_samples + tile->sample + sample;
                    at = at * layer->n_heads + tile->head + head;
                    at = at * layer->n_queries + tile->query + query;
                    memcpy(all + at * layer->n_keys, row, layer->n_keys * sizeof *row);
                }
    g_free(scratch);
}

static void
describe(const EntroTrace *trace)
{
    fprintf(stderr, "run_name=%s\ncausal=%d\nattempt=%u\ncontext_length=%" G_GUINT64_FORMAT "\n",
            trace->run_name, trace->causal, trace->attempt, trace->context_length);
    for (guint i = 0; i < trace->n_config; i++)
        fprintf(stderr, "config %s=%s\n", trace->config[i].key, trace->config[i].value);
    for (guint i = 0; i < trace->n_scalars; i++)
        for (gsize entry = 0; entry < trace->scalars[i].n; entry++)
            fprintf(stderr, "scalar %s %" G_GINT64_FORMAT "=%g\n", trace->scalars[i].name,
                    trace->scalars[i].step[entry], trace->scalars[i].value[entry]);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = argc == 2 ? entro_source_open(argv[1], NULL, &error) : NULL;
    g_autoptr(EntroTile) tile = source ? entro_tile_new(source, &error) : NULL;
    g_autoptr(EntroTileRows) rows = tile ? entro_tile_rows_new(source, &error) : NULL;
    gboolean end = FALSE;

    if (rows == NULL) {
        fprintf(stderr, "%s\n", error ? error->message : "usage: dump-trace FILE");
        return 1;
    }
    const EntroTrace *trace = entro_source_get_trace(source);
    describe(trace);
    float **all = g_new(float *, trace->n_layers);
    gsize *n = g_new(gsize, trace->n_layers);
    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        n[i] = trace->n_captures * layer->n_samples * layer->n_heads * layer->n_queries *
               layer->n_keys;
        all[i] = g_new0(float, n[i]);
    }
    while (entro_source_next(source, tile, &end, &error) && !end)
        if (entro_tile_rows_read(rows, tile))
            place_tile(tile, rows, &trace->layers[tile->layer], all[tile->layer]);
    for (guint i = 0; i < trace->n_layers; i++) {
        fwrite(all[i], sizeof(float), n[i], stdout);
        g_free(all[i]);
    }
    g_free(all);
    g_free(n);
    return error == NULL ? 0 : 1;
}
