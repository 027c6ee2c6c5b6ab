/* bench-rows.c: how fast the row kernel reads, build by build, and what a row costs beside it.
 *
 * One line "name value unit", the best of many passes over a cache's worth of rows, so that the
 * memory does not set the number. */
#include "attention-rows.h"

#include <stdio.h>

#define BYTES   (192u << 10) /* stays in the second-level cache */
#define PASSES  7
#define SECONDS 0.03

typedef struct {
    const char *name;
    EntroRowKernel kernel;
    gboolean runs_here;
} Build;

static guint64 sink; /* what is computed is used, or it would not be computed */

typedef void (*Pass)(gconstpointer data);

/* Seconds of one call, the best of several measurements. */
static double
best_time(Pass pass, gconstpointer data)
{
    double best = INFINITY;

    for (guint i = 0; i < PASSES; i++) {
        gint64 begin = g_get_monotonic_time();
        guint n = 0;
        double seconds;
        do {
            pass(data);
            n++;
            seconds = (double)(g_get_monotonic_time() - begin) * 1e-6;
        } while (seconds < SECONDS);
        best = MIN(best, seconds / n);
    }
    return best;
}

/* ---- the kernel alone ------------------------------------------------------------------------------ */

typedef struct {
    EntroRowRule rule;
    gsize n_rows;
    const float *p; /* [n_rows][rule.n_keys] */
    EntroRow *rows; /* [n_rows] */
    EntroRows work;
} Rows;

static void
sum_rows(gconstpointer data)
{
    const Rows *rows = data;
    EntroRowSums sums;

    for (gsize row = 0; row < rows->n_rows; row++) {
        rows->rule.kernel(rows->p + row * rows->rule.n_keys, rows->rule.n_keys, &sums);
        sink += sums.hash;
    }
}

/* As the analyzer does: judged, in two parts, with everything that is kept of a row. */
static void
measure_rows(gconstpointer data)
{
    const Rows *rows = data;
    const EntroKeys keys = {0};
    guint64 hash;

    for (gsize row = 0; row < rows->n_rows; row++) {
        gsize query = row % rows->rule.n_queries;
        sink += entro_row_measure(&rows->rule, &keys, query, rows->p + row * rows->rule.n_keys,
                                  &rows->rows[row], &hash);
        sink += hash;
    }
}

static void
report_speed(const char *what, const char *name, const Rows *rows, double seconds)
{
    double bytes = (double)(rows->n_rows * rows->rule.n_keys * sizeof *rows->p);

    printf("%s-%s-%" G_GSIZE_FORMAT " %.2f GB/s\n", what, name, rows->rule.n_keys,
           bytes / seconds * 1e-9);
}

static void
bench_length(const Build *builds, guint n_builds, gsize n_keys)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    gsize n_rows = BYTES / (n_keys * sizeof(float));
    gsize n_queries = MIN(n_rows, n_keys);
    g_autofree float *full = g_new(float, n_rows *n_keys), *causal = g_new0(float, n_rows *n_keys);
    g_autofree EntroRow *kept = g_new(EntroRow, n_rows);

    for (gsize row = 0; row < n_rows; row++) { /* as in a causal square: half of it zeros */
        gsize query = row * n_keys / n_rows;
        fill_softmax(rand, full + row * n_keys, n_keys, 1);
        fill_softmax(rand, causal + row * n_keys, query + 1, 1);
    }
    for (const Build *build = builds; build < builds + n_builds; build++) {
        Rows rows = {.rule = {n_keys, n_keys, FALSE, 1e-4, build->kernel},
                     .n_rows = n_rows,
                     .p = full,
                     .rows = kept};
        if (!build->runs_here)
            continue;
        report_speed("kernel", build->name, &rows, best_time(sum_rows, &rows));
        rows.rule.n_queries = n_queries;
        report_speed("rows-full", build->name, &rows, best_time(measure_rows, &rows));
    }
}

int
main(void)
{
    const Build builds[] = {
        {"plain", entro_row_sums_plain, TRUE},
#if defined(__x86_64__)
        {"avx2", entro_row_sums_avx2,
         __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
        {"avx512", entro_row_sums_avx512,
         __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")},
#endif
    };
    static const gsize lengths[] = {128, 512, 2048};

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
        bench_length(builds, G_N_ELEMENTS(builds), lengths[i]);
    return sink == 1; /* never */
}
