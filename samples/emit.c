/* emit.c: writes a trace with the C library.
 *     cc emit.c -o emit $(pkg-config --cflags --libs entroscope) -lm && ./emit run.h5
 * Each head looks back with weights that fall off: by less with every step in odd heads, by more in
 * even ones.  `entroscope inspect run.h5` may read it at any time meanwhile. */
#include <entroscope.h>

enum { LAYERS = 2, SAMPLES = 3, HEADS = 4, CONTEXT = 32, STEPS = 5 };

static void
fill(float *p, double decay) /* one head: [CONTEXT][CONTEXT], causal, every row sums to 1 */
{
    for (int query = 0; query < CONTEXT; query++, p += CONTEXT) {
        double sum = 0;
        for (int key = 0; key <= query; key++)
            sum += p[key] = (float)exp(-decay * (query - key));
        for (int key = 0; key <= query; key++)
            p[key] = (float)(p[key] / sum);
    }
}

int
main(int argc, char **argv)
{
    static float p[SAMPLES][HEADS][CONTEXT * CONTEXT];
    const EntroAttribute config[] = {ENTRO_TEXT("arch", "toy"), ENTRO_REAL("lr", 1e-3)};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroWriter) writer = entro_writer_new(
        argc > 1 ? argv[1] : "run.h5",
        &(EntroWriterOptions){.run_name = "toy", .producer = "emit.c", .causal = TRUE, .n_layers = LAYERS,
                              .context_length = CONTEXT, .n_heads = (guint[]){HEADS, HEADS},
                              .n_samples = SAMPLES, .n_queries = CONTEXT, .n_keys = CONTEXT,
                              .element = ENTRO_F16, .config = config, .n_config = 2,
                              .scalars = (const char *[]){"loss", NULL}}, &error);
    gboolean good = writer != NULL;

    for (int step = 0; good && step < STEPS; step++) {
        for (guint layer = 0; good && layer < LAYERS; layer++) {
            for (int i = 0; i < SAMPLES * HEADS; i++)
                fill(p[i / HEADS][i % HEADS], i % 2 ? 1.0 / (1 + step) : (layer + 1) * 0.5 * (1 + step));
            good = entro_writer_put_attention(writer, layer, p[0][0], &error);
        }
        good = good && entro_writer_put_scalar(writer, "loss", step, 4.0 / (1 + step), &error) &&
               entro_writer_commit(writer, step, &error); /* now the capture exists */
    }
    if (!good || !entro_writer_close(g_steal_pointer(&writer), &error))
        g_printerr("emit: %s\n", error->message);
    return error != NULL;
}
