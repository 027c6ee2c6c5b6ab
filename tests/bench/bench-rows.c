/* bench-rows.c: how fast the row kernel reads, build by build, and what a row costs beside it.
 *
 * One line "name value unit", the best of many passes over a cache's worth of rows, so that the
 * memory does not set the number. */
#include "attention-rows.h"

#include <stdio.h>
#include <string.h>

#define BYTES   (1u << 20) /* stays in the second-level cache */
#define PASSES  7
#define SECONDS 0.03

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
    float *p;       /* [n_rows][rule.n_keys] */
    EntroRow *rows; /* [n_rows] */
    EntroRows work;
} Rows;

static void
sum_rows(gconstpointer data)
{
    const Rows *rows = data;
    EntroRowSums sums;

    for (gsize row = 0; row < rows->n_rows; row++) {
        rows->rule.kernels->sums(rows->p + row * rows->rule.n_keys, rows->rule.n_keys, &sums);
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

/* Valid rows of a head become its statistics. */
static void
summarise_rows(gconstpointer data)
{
    const Rows *rows = data;
    double values[ENTRO_HEAD_N_COLUMNS];

    entro_head_summarise(rows->rows, rows->n_rows, (EntroRows *)&rows->work, values);
    sink += values[0] > 3;
}

static void
fill_rows(Rows *rows, gboolean causal)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    gsize n_keys = rows->rule.n_keys;

    memset(rows->p, 0, rows->n_rows * n_keys * sizeof *rows->p);
    for (gsize row = 0; row < rows->n_rows; row++)
        fill_softmax(rand, rows->p + row * n_keys, n_keys, 1);
    for (gsize query = 0; causal && query < rows->n_rows; query++) {
        memset(rows->p + query * n_keys, 0, n_keys * sizeof *rows->p);
        fill_softmax(rand, rows->p + query * n_keys, n_keys - rows->n_rows + query + 1, 1);
    }
}

/* One head: as many queries as fit, the last of the sequence. */
static void
bench_build(const EntroKernels *build, Rows *rows)
{
    rows->rule.kernels = build;
    rows->rule.causal = FALSE;
    fill_rows(rows, FALSE);
    report_speed("kernel", build->name, rows, best_time(sum_rows, rows));
    report_speed("rows-full", build->name, rows, best_time(measure_rows, rows));
    rows->rule.causal = TRUE;
    fill_rows(rows, TRUE);
    report_speed("rows-causal", build->name, rows, best_time(measure_rows, rows));
}

static void
bench_length(const EntroKernels *builds, guint n_builds, gsize n_keys)
{
    gsize n_rows = MIN(BYTES / (n_keys * sizeof(float)), n_keys);
    g_autofree double *log_n = g_new(double, n_keys + 1);
    g_autofree float *p = g_new(float, n_rows *n_keys);
    g_autofree EntroRow *kept = g_new(EntroRow, n_keys);
    Rows rows = {.rule = {n_rows, n_keys, FALSE, 1e-4, NULL},
                 .n_rows = n_rows,
                 .p = p,
                 .rows = kept};

    for (gsize n = 0; n <= n_keys; n++)
        log_n[n] = log((double)n);
    for (guint i = 0; i < n_builds; i++)
        bench_build(&builds[i], &rows);
    for (gsize row = n_rows; row < n_keys; row++)
        kept[row] = kept[row % n_rows];
    rows.n_rows = n_keys;
    if (!entro_rows_init(&rows.work, n_keys, log_n))
        g_error("no memory");
    printf("summarise-%" G_GSIZE_FORMAT " %.2f ns/row\n", n_keys,
           best_time(summarise_rows, &rows) / (double)n_keys * 1e9);
    entro_rows_clear(&rows.work);
}

int
main(void)
{
    guint n_builds;
    const EntroKernels *builds = entro_kernel_builds(&n_builds);
    static const gsize lengths[] = {128, 512, 2048};

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
        bench_length(builds, n_builds, lengths[i]);
    return sink == 1; /* never */
}
