/* emit.c: writes a trace with the C library.  `entroscope inspect run.h5` may read it meanwhile.
 *     cc emit.c -o emit $(pkg-config --cflags --libs entroscope) -lm && ./emit run.h5
 * Heads look back with weights that fall off: with every step by less in odd heads, else by more. */
#include <entroscope.h>

enum { LAYERS = 2, SAMPLES = 3, HEADS = 4, T = 32, STEPS = 5 };

static const float *
attention(int step, int layer) /* [SAMPLES][HEADS][T][T], causal, every row sums to 1 */
{
    static float p[SAMPLES * HEADS * T * T];

    for (int i = 0; i < SAMPLES * HEADS * T * T; i++) {
        int head = i / (T * T) % HEADS, query = i / T % T, back = query - i % T;
        double r = exp(head % 2 ? -1.0 / (1 + step) : -0.5 * (layer + 1) * (1 + step));
        p[i] = back < 0 ? 0 : (float)(pow(r, back) * (1 - r) / (1 - pow(r, query + 1)));
    }
    return p;
}

int
main(int argc, char **argv)
{
    const EntroWriterOptions options = {
        .run_name = "toy", .causal = TRUE, .n_layers = LAYERS, .n_heads = (guint[]){HEADS, HEADS},
        .n_samples = SAMPLES, .n_queries = T, .n_keys = T, .element = ENTRO_F16, .n_config = 1,
        .config = &ENTRO_TEXT("arch", "toy"), .scalars = (const char *[]){"loss", NULL}};
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroWriter) w = entro_writer_new(argc > 1 ? argv[1] : "run.h5", &options, &error);

    for (int step = 0; error == NULL && step < STEPS; step++) {
        for (int layer = 0; error == NULL && layer < LAYERS; layer++)
            entro_writer_put_attention(w, layer, attention(step, layer), &error);
        if (error == NULL && entro_writer_put_scalar(w, "loss", step, 4.0 / (1 + step), &error))
            entro_writer_commit(w, step, &error); /* now the capture exists */
    }
    if (error != NULL || !entro_writer_close(g_steal_pointer(&w), &error))
        g_printerr("emit: %s\n", error->message);
    return error != NULL;
}
