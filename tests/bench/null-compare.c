/* null-compare.c: what `compare` says of runs that do not differ.
 *
 *     null-compare [COMPARISONS]      (default 1000 for each line of the table)
 *
 * Both groups are drawn from one distribution: 4 layers of 8 heads a run, heads of a run correlated
 * or not.  For each kind of values and each N: the share of single tests with p <= 0.05, the share of
 * comparisons in which any layer or head counts as found (all are false: with nothing to find, the
 * false discovery rate is that), and how often the 95 % intervals of a head's mean and difference
 * cover the true ones.  Then half of the heads are shifted by three standard deviations: the false
 * among the found, and the found among the shifted.  Two rates stand over the stated level if the
 * simulations say so: two standard errors at 1000 comparisons are 0.014. */
#include "entro-compare.h"

#include <gsl/gsl_randist.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_LAYERS = 4, N_PER_LAYER = 8, N_HEADS = N_LAYERS * N_PER_LAYER, MOST_RUNS = 24 };
#define MEAN 2.0

typedef struct {
    const char *name;
    double (*draw)(gsl_rng *rng); /* mean 0, sd 1 */
    double correlation;           /* of the heads of one run */
    double spread;                /* sd of the second group beside the first's */
    double shift;                 /* of every other head of the second group, in sd */
} Kind;

static double
draw_normal(gsl_rng *rng)
{
    return gsl_ran_gaussian(rng, 1);
}

static double
draw_exponential(gsl_rng *rng)
{
    return gsl_ran_exponential(rng, 1) - 1;
}

static double
draw_t3(gsl_rng *rng)
{
    return gsl_ran_tdist(rng, 3) / sqrt(3);
}

/* Ties: collapsed heads, say.  Rounded to halves. */
static double
draw_rounded(gsl_rng *rng)
{
    return rint(2 * gsl_ran_gaussian(rng, 1)) / 2;
}

static const Kind kinds[] = {
    {"normal", draw_normal, 0, 1, 0},
    {"normal, heads correlated 0.5", draw_normal, 0.5, 1, 0},
    {"exponential", draw_exponential, 0, 1, 0},
    {"exponential, correlated 0.5", draw_exponential, 0.5, 1, 0},
    {"t, 3 degrees of freedom", draw_t3, 0, 1, 0},
    {"rounded, many ties", draw_rounded, 0, 1, 0},
    {"normal, sd 1 and 3", draw_normal, 0, 3, 0},
    {"exponential, sd 1 and 3", draw_exponential, 0, 3, 0},
    {"normal, half shifted by 3 sd", draw_normal, 0, 1, 3},
    {"normal, half shifted, corr. 0.5", draw_normal, 0.5, 1, 3},
};

static const struct {
    guint n_a, n_b;
} sizes[] = {{3, 3}, {4, 4}, {3, 6}, {5, 5}, {8, 8}, {12, 12}};

/* ---- runs that are made up -------------------------------------------------------------------------- */

typedef struct {
    EntroHistory history;
    gint64 step;
    double *columns[ENTRO_COMPARE_N_COLUMNS];
    double value[ENTRO_COMPARE_N_COLUMNS][N_HEADS];
    guint layer[N_HEADS], head[N_HEADS];
    GHashTable *config;
    EntroCompareRun run;
} MadeRun;

static void
make_run(MadeRun *made, guint i)
{
    *made = (MadeRun){.config = g_hash_table_new(g_str_hash, g_str_equal)};
    for (guint k = 0; k < N_HEADS; k++) {
        made->layer[k] = k / N_PER_LAYER;
        made->head[k] = k % N_PER_LAYER;
        made->value[ENTRO_COMPARE_N_ROWS][k] = 1;
        made->value[ENTRO_COMPARE_CEILING][k] = 4;
    }
    for (guint column = 0; column < ENTRO_COMPARE_N_COLUMNS; column++)
        made->columns[column] = made->value[column];
    made->history = (EntroHistory){.n_steps = 1,
                                   .step = &made->step,
                                   .n_heads = N_HEADS,
                                   .layer = made->layer,
                                   .head = made->head,
                                   .n_columns = ENTRO_COMPARE_N_COLUMNS,
                                   .value = made->columns};
    made->run = (EntroCompareRun){.id = i,
                                  .name = "made up",
                                  .config = made->config,
                                  .history = &made->history};
}

static gboolean
is_shifted(const Kind *kind, guint head)
{
    return kind->shift > 0 && head % 2 == 0;
}

static void
draw_run(MadeRun *made, const Kind *kind, gboolean second, gsl_rng *rng)
{
    double own = sqrt(1 - kind->correlation), common = sqrt(kind->correlation) * kind->draw(rng);

    for (guint k = 0; k < N_HEADS; k++) {
        double value = common + own * kind->draw(rng);
        made->value[ENTRO_COMPARE_ENTROPY][k] = MEAN + value * (second ? kind->spread : 1) +
                                                (second && is_shifted(kind, k) ? kind->shift : 0);
    }
}

/* ---- what is counted ---------------------------------------------------------------------------------- */

typedef struct {
    gsize tests, small;           /* of true null hypotheses: tests, and p <= alpha */
    gsize comparisons, any_found; /* in which a true null hypothesis counts as found */
    double false_share;           /* sum over comparisons of false / found */
    gsize shifted, shifted_found;
    gsize means, means_covered, differences, differences_covered;
} Counts;

static void
count_intervals(Counts *counts, const EntroComparedRow *row, double difference)
{
    const EntroInterval *mean = &row->group[0].interval;
    const EntroInterval *between = &row->contrast[1].interval;

    if (mean->refusal == ENTRO_REFUSAL_NONE) {
        counts->means++;
        counts->means_covered += mean->low <= MEAN && MEAN <= mean->high;
    }
    if (between->refusal == ENTRO_REFUSAL_NONE) {
        counts->differences++;
        counts->differences_covered += between->low <= difference && difference <= between->high;
    }
}

static void
count(Counts *counts, const EntroComparison *comparison, const Kind *kind, double alpha)
{
    guint n_found = 0, n_false = 0;

    for (guint k = 0; k < comparison->n_layers + comparison->n_heads; k++) {
        gboolean of_head = k >= comparison->n_layers;
        guint head = of_head ? k - (guint)comparison->n_layers : 0;
        const EntroComparedRow *row = of_head ? &comparison->head[head] : &comparison->layer[k];
        const EntroContrast *contrast = &row->contrast[1];
        gboolean shifted = kind->shift > 0 && (!of_head || is_shifted(kind, head));
        n_found += contrast->significant;
        n_false += contrast->significant && !shifted;
        counts->tests += !shifted && !isnan(contrast->test.p);
        counts->small += !shifted && contrast->test.p <= alpha;
        counts->shifted += shifted;
        counts->shifted_found += shifted && contrast->significant;
        if (of_head)
            count_intervals(counts, row, shifted ? kind->shift : 0);
    }
    counts->comparisons++;
    counts->any_found += n_false > 0;
    counts->false_share += n_found > 0 ? (double)n_false / n_found : 0;
}

static void
simulate(const Kind *kind, guint n_a, guint n_b, EntroTestKind test, guint n, Counts *counts)
{
    EntroCompareOptions options = ENTRO_COMPARE_OPTIONS_DEFAULT;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    EntroRunGroup *groups[] = {entro_run_group_new("a"), entro_run_group_new("b")};
    g_autofree MadeRun *runs = g_new0(MadeRun, MOST_RUNS);

    options.test = test;
    options.bootstrap.n_resamples = 399;
    for (guint i = 0; i < n_a + n_b; i++) {
        make_run(&runs[i], i);
        g_ptr_array_add(groups[i < n_a ? 0 : 1]->runs, &runs[i].run);
    }
    for (guint trial = 0; trial < n; trial++) {
        const EntroCompareRun *missing = NULL;
        for (guint i = 0; i < n_a + n_b; i++)
            draw_run(&runs[i], kind, i >= n_a, rng);
        options.bootstrap.seed = trial;
        g_autoptr(EntroComparison) comparison =
            entro_compare((const EntroRunGroup *const *)groups, 2, &options, &missing);
        count(counts, comparison, kind, options.alpha);
    }
    for (guint i = 0; i < n_a + n_b; i++)
        g_hash_table_unref(runs[i].config);
    entro_run_group_free(groups[0]);
    entro_run_group_free(groups[1]);
    gsl_rng_free(rng);
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static void
print_share(double part, double whole)
{
    if (whole > 0)
        printf(" %7.3f", part / whole);
    else
        printf(" %7s", "refused");
}

static void
print_line(const Kind *kind, guint n_a, guint n_b, EntroTestKind test, guint n)
{
    Counts counts = {0};

    simulate(kind, n_a, n_b, test, n, &counts);
    printf("%-32s %2u v %-2u %-8s", kind->name, n_a, n_b,
           test == ENTRO_TEST_WELCH ? "welch" : "rank-sum");
    print_share((double)counts.small, (double)counts.tests);
    print_share(counts.tests > 0 ? (double)counts.any_found : 0,
                counts.tests > 0 ? (double)counts.comparisons : 0);
    print_share(counts.false_share, counts.tests > 0 ? (double)counts.comparisons : 0);
    if (kind->shift > 0)
        print_share((double)counts.shifted_found, (double)counts.shifted);
    else
        printf(" %7s", "");
    print_share((double)counts.means_covered, (double)counts.means);
    print_share((double)counts.differences_covered, (double)counts.differences);
    printf("\n");
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    guint n = argc > 1 ? (guint)MAX(atoi(argv[1]), 1) : 1000;

    printf("%u comparisons of %d layers and %d heads each; alpha 0.05, intervals of 95 %%\n", n,
           N_LAYERS, N_HEADS);
    printf("%-32s %-7s %-8s %7s %7s %7s %7s %7s %7s\n", "values", "N", "test", "p<=.05", "any q",
           "FDR", "power", "mean", "differ.");
    for (guint test = ENTRO_TEST_RANK_SUM; test <= ENTRO_TEST_WELCH; test++)
        for (guint kind = 0; kind < G_N_ELEMENTS(kinds); kind++)
            for (guint size = 0; size < G_N_ELEMENTS(sizes); size++)
                print_line(&kinds[kind], sizes[size].n_a, sizes[size].n_b, test, n);
    return 0;
}
