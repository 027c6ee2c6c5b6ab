/* make-trace.c: writes a large trace with the writer, for bench-analyze.py.
 *
 *     make-trace FILE f16|f32 LAYERS HEADS CAPTURES T DEFLATE
 *
 * Two captures are made up and written in turn: what is in them does not change the time. */
#include "attention-rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIFFERENT = 2 };

typedef struct {
    guint n_layers, n_heads;
    gsize n_captures, n_keys;
    EntroElement element;
    guint deflate;
} Shape;

static gboolean
write_captures(EntroWriter *writer, const Shape *shape, GError **error)
{
    gsize head = shape->n_keys * shape->n_keys, layer_size = shape->n_heads * head;
    g_autofree float *p = g_new(float, DIFFERENT *layer_size);
    g_autoptr(GRand) rand = g_rand_new_with_seed(2385);

    for (gsize i = 0; i < DIFFERENT * shape->n_heads; i++)
        fill_causal(rand, p + i * head, shape->n_keys, shape->n_keys, 0.5 + (double)(i % 5));
    for (gsize capture = 0; capture < shape->n_captures; capture++) {
        for (guint layer = 0; layer < shape->n_layers; layer++)
            if (!entro_writer_put_attention(writer, layer, p + capture % DIFFERENT * layer_size,
                                            error))
                return FALSE;
        if (!entro_writer_commit(writer, (gint64)capture, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_trace(const char *path, const Shape *shape, GError **error)
{
    g_autofree guint *n_heads = g_new(guint, shape->n_layers);
    const EntroWriterOptions options = {.run_name = "bench",
                                        .producer = "make-trace",
                                        .attempt = 1,
                                        .causal = TRUE,
                                        .context_length = shape->n_keys,
                                        .n_layers = shape->n_layers,
                                        .n_heads = n_heads,
                                        .n_samples = 1,
                                        .n_queries = shape->n_keys,
                                        .n_keys = shape->n_keys,
                                        .element = shape->element,
                                        .deflate = shape->deflate};

    for (guint layer = 0; layer < shape->n_layers; layer++)
        n_heads[layer] = shape->n_heads;
    g_autoptr(EntroWriter) writer = entro_writer_new(path, &options, error);
    return writer != NULL && write_captures(writer, shape, error) &&
           entro_writer_close(g_steal_pointer(&writer), error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc != 8) {
        fprintf(stderr, "make-trace FILE f16|f32 LAYERS HEADS CAPTURES T DEFLATE\n");
        return 2;
    }
    const Shape shape = {.element = g_str_equal(argv[2], "f16") ? ENTRO_F16 : ENTRO_F32,
                         .n_layers = (guint)atoi(argv[3]),
                         .n_heads = (guint)atoi(argv[4]),
                         .n_captures = (gsize)atoi(argv[5]),
                         .n_keys = (gsize)atoi(argv[6]),
                         .deflate = (guint)atoi(argv[7])};
    if (write_trace(argv[1], &shape, &error))
        return 0;
    fprintf(stderr, "%s\n", error->message);
    return 1;
}
