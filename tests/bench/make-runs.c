/* make-runs.c: a database of many runs through the same calls as `analyze`: make-runs DB RUNS STEPS.
 *
 * 12 layers x 12 heads, batches of 64 captures, numbers that do not repeat.  Prints how fast they
 * went in: wide rows (of heads) a second, over everything that was stored, transactions included. */
#include "store-fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64, LAYERS = 12, HEADS = 12, SETTINGS = 40 };

static void
vary(EntroCapture *capture, GRand *random)
{
    capture->digest = ((guint64)g_rand_int(random) << 32) | g_rand_int(random);
    for (guint row = 0; row < capture->n_heads; row++)
        for (guint j = 0; j < ENTRO_HEAD_N_COLUMNS; j++)
            capture->heads[row].values[j] = g_rand_double(random);
    for (guint row = 0; row < capture->n_layers; row++)
        for (guint j = 0; j < ENTRO_LAYER_N_COLUMNS; j++)
            capture->layers[row].values[j] = g_rand_double(random);
    average_heads(capture);
}

/* Seconds inside the database; making the numbers does not count. */
static double
put_batch(EntroStore *store, gint64 run_id, guint first, guint n, GRand *random)
{
    EntroCapture captures[BATCH];

    for (guint j = 0; j < n; j++) {
        captures[j] = make_capture(10 * (gint64)(first + j), LAYERS, HEADS);
        vary(&captures[j], random);
    }
    gint64 start = g_get_monotonic_time();
    g_assert_true(entro_store_put_captures(store, run_id, captures, n, NULL));
    gint64 end = g_get_monotonic_time();
    for (guint j = 0; j < n; j++)
        free_capture(&captures[j]);
    return (double)(end - start) / G_USEC_PER_SEC;
}

/* A config as `train` has it, and a loss for every step. */
static void
put_trace(EntroStore *store, gint64 run_id, guint n_steps, GRand *random)
{
    EntroConfigEntry config[SETTINGS];
    EntroScalar loss = {.name = (char *)"loss", .n = 10 * (gsize)n_steps};
    EntroTrace trace = {.attempt = 1, .n_config = SETTINGS, .config = config};

    for (guint j = 0; j < SETTINGS; j++) {
        config[j].key = g_strdup_printf("setting_%u", j);
        config[j].value = g_strdup_printf("%u", g_rand_int(random) % 5);
    }
    loss.step = g_new(gint64, loss.n);
    loss.value = g_new(double, loss.n);
    for (gsize j = 0; j < loss.n; j++) {
        loss.step[j] = (gint64)j;
        loss.value[j] = g_rand_double(random);
    }
    trace.n_scalars = 1;
    trace.scalars = &loss;
    g_assert_true(entro_store_put_trace(store, run_id, &trace, 1, NULL));
    for (guint j = 0; j < SETTINGS; j++) {
        g_free(config[j].key);
        g_free(config[j].value);
    }
    g_free(loss.step);
    g_free(loss.value);
}

static gint64
begin_numbered(EntroStore *store, guint number)
{
    g_autofree char *name = g_strdup_printf("run-%02u", number);
    g_autofree char *fingerprint = g_strdup_printf("%064x", number);
    EntroRunInfo info = {.name = name, .attempt = 1, .fingerprint = fingerprint};
    const char *const tags[] = {number % 2 == 0 ? "even" : "odd", NULL};
    gint64 run_id = 0;

    info.arch = (char *)"SM+LN+G";
    info.n_layers = LAYERS;
    info.n_heads = HEADS;
    info.context_length = 128;
    info.causal = 1;
    g_assert_true(entro_store_begin_run(store, &info, FALSE, &run_id, NULL));
    g_assert_true(entro_store_tag_runs(store, name, tags, NULL));
    return run_id;
}

/* What findings and comparisons ask for: columns of all heads at all captures of one run. */
static void
measure_history(EntroStore *store)
{
    static const char *const columns[] = {"entropy_mean", "entropy_ceiling", "n_nan", "max_weight"};
    gint64 start = g_get_monotonic_time();
    g_autoptr(EntroHistory) history =
        entro_store_select_history(store, 1, columns, G_N_ELEMENTS(columns), NULL);

    g_assert_nonnull(history);
    printf("select-history %.1f ms\n", (double)(g_get_monotonic_time() - start) / 1e3);
}

int
main(int argc, char **argv)
{
    double seconds = 0;

    if (argc != 4)
        return 2;
    guint n_runs = (guint)atoi(argv[2]), n_steps = (guint)atoi(argv[3]);
    g_autoptr(EntroStore) store = open_store(argv[1], ENTRO_STORE_WRITE);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (guint run = 1; run <= n_runs; run++) {
        gint64 run_id = begin_numbered(store, run);

        put_trace(store, run_id, n_steps, random);
        for (guint step = 0; step < n_steps; step += BATCH)
            seconds += put_batch(store, run_id, step, MIN(BATCH, n_steps - step), random);
    }
    printf("ingest %.0f rows/s\n", (double)n_runs * n_steps * LAYERS * HEADS / seconds);
    measure_history(store);
    measure_history(store);
    return 0;
}
