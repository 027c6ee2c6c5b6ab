/* test-compare.c: runs that are made up, compared: groups, steps, shapes, divergence, tests. */
#include "entro-compare.h"

#include <gsl/gsl_randist.h>

enum { MOST_RUNS = 16 };

/* A run of its own, with every number set to what `make_run` says. */
typedef struct {
    EntroHistory *history;
    GHashTable *config;
    EntroCompareRun run;
} MadeRun;

static MadeRun made[MOST_RUNS];
static guint n_made;

/* Entropy of head h of layer l at step s is base + l + h / 10 + s / 1000. */
static MadeRun *
make_run(const char *seed, guint n_layers, guint n_heads, const gint64 *steps, gsize n_steps,
         double base)
{
    MadeRun *one = &made[n_made++];
    EntroHistory *history = one->history = g_new0(EntroHistory, 1);

    history->n_steps = n_steps;
    history->step = g_memdup2(steps, n_steps * sizeof(gint64));
    history->n_heads = (gsize)n_layers * n_heads;
    history->layer = g_new(guint, history->n_heads);
    history->head = g_new(guint, history->n_heads);
    history->n_columns = ENTRO_COMPARE_N_COLUMNS;
    history->value = g_new0(double *, ENTRO_COMPARE_N_COLUMNS);
    for (guint column = 0; column < ENTRO_COMPARE_N_COLUMNS; column++)
        history->value[column] = g_new(double, history->n_heads *n_steps);
    for (gsize i = 0; i < history->n_heads; i++) {
        history->layer[i] = (guint)i / n_heads;
        history->head[i] = (guint)i % n_heads;
    }
    for (gsize cell = 0; cell < history->n_heads * n_steps; cell++) {
        gsize i = cell % history->n_heads;
        history->value[ENTRO_COMPARE_ENTROPY][cell] = base + history->layer[i] +
                                                      history->head[i] / 10.0 +
                                                      (double)steps[cell / history->n_heads] / 1000;
        history->value[ENTRO_COMPARE_CEILING][cell] = 8;
        history->value[ENTRO_COMPARE_N_ROWS][cell] = 16;
        history->value[ENTRO_COMPARE_N_NAN][cell] = 0;
    }
    one->config = g_hash_table_new(g_str_hash, g_str_equal);
    if (seed != NULL)
        g_hash_table_insert(one->config, (gpointer) "seed", (gpointer)seed);
    one->run =
        (EntroCompareRun){.id = n_made, .name = "run", .config = one->config, .history = history};
    return one;
}

static void
clear_runs(void)
{
    for (guint i = 0; i < n_made; i++) {
        entro_history_free(made[i].history);
        g_hash_table_unref(made[i].config);
    }
    n_made = 0;
}

static EntroRunGroup *
group_of(const char *label, guint first, guint end)
{
    EntroRunGroup *group = entro_run_group_new(label);

    for (guint i = first; i < end; i++)
        g_ptr_array_add(group->runs, &made[i].run);
    return group;
}

/* The first n_base runs against the others. */
static EntroComparison *
compare(guint n_base, const EntroCompareOptions *options)
{
    EntroRunGroup *groups[] = {group_of("a", 0, n_base), group_of("b", n_base, n_made)};
    const EntroCompareRun *missing = NULL;
    EntroComparison *comparison =
        entro_compare((const EntroRunGroup *const *)groups, 2, options, &missing);

    g_assert_true((comparison == NULL) == (missing != NULL));
    entro_run_group_free(groups[0]);
    entro_run_group_free(groups[1]);
    return comparison;
}

static const gint64 three_steps[] = {0, 100, 200};
#define USUAL (&ENTRO_COMPARE_OPTIONS_DEFAULT)

/* ---- configurations --------------------------------------------------------------------------------- */

static void
numbers_are_the_same_however_written(void)
{
    g_assert_true(entro_config_same("0.2", "0.20000000000000001"));
    g_assert_true(entro_config_same("1e-3", "0.001"));
    g_assert_true(entro_config_same("SM", "SM"));
    g_assert_true(entro_config_same(NULL, NULL));
    g_assert_false(entro_config_same("0.2", "0.3"));
    g_assert_false(entro_config_same("0.2", "0.2x"));
    g_assert_false(entro_config_same("SM", "SM+G"));
    g_assert_false(entro_config_same("", NULL));
    g_assert_false(entro_config_same("", "0"));
}

static void
set_config(guint run, const char *key, const char *value)
{
    g_hash_table_insert(made[run].config, (gpointer)key, (gpointer)value);
}

static void
assert_difference(const GPtrArray *differences, guint i, const char *key, EntroDifferenceKind kind,
                  guint n_values)
{
    g_assert_cmpuint(i, <, differences->len);
    const EntroConfigDifference *difference = differences->pdata[i];
    g_assert_cmpstr(difference->key, ==, key);
    g_assert_cmpint(difference->kind, ==, kind);
    g_assert_cmpuint(difference->values->len, ==, n_values);
}

static void
what_differs_is_named_but_for_seeds_and_names(void)
{
    const char *const ignore[] = {"threads", NULL};
    const EntroCompareRun *runs[3];

    for (guint i = 0; i < 3; i++) {
        make_run(((const char *[]){"1", "2", "3"})[i], 1, 1, three_steps, 3, 1);
        set_config(i, "lr", i == 1 ? "0.02" : "0.001");
        set_config(i, "gamma", i == 1 ? "0.20000000000000001" : "0.2");
        set_config(i, "data", ((const char *[]){"/a/b", "./c", "/a/b"})[i]);
        set_config(i, "run_name", ((const char *[]){"x", "y", "z"})[i]);
        set_config(i, "threads", i == 0 ? "1" : "2");
        if (i > 0)
            set_config(i, "corpus", "abc");
        runs[i] = &made[i].run;
    }
    g_autoptr(GPtrArray) differences = entro_config_differences(runs, 3, ignore);
    g_assert_cmpuint(differences->len, ==, 3);
    assert_difference(differences, 0, "corpus", ENTRO_DIFFERENCE_UNRECORDED, 1);
    assert_difference(differences, 1, "data", ENTRO_DIFFERENCE_PATH, 2);
    assert_difference(differences, 2, "lr", ENTRO_DIFFERENCE_VALUE, 2);
    g_autoptr(GPtrArray) alone = entro_config_differences(runs, 1, NULL);
    g_assert_cmpuint(alone->len, ==, 0);
    clear_runs();
}

static void
groups_are_made_by_value(void)
{
    const char *const values[] = {"0.2", "0.1", "0.20000000000000001", NULL, "0.1"};
    const EntroCompareRun *runs[5];

    for (guint i = 0; i < 5; i++) {
        make_run("1", 1, 1, three_steps, 3, 1);
        if (values[i] != NULL)
            set_config(i, "gamma", values[i]);
        runs[i] = &made[i].run;
    }
    g_autoptr(GPtrArray) without = NULL;
    g_autoptr(GPtrArray) groups = entro_group_by(runs, 5, "gamma", &without);
    g_assert_cmpuint(groups->len, ==, 2);
    const EntroRunGroup *first = groups->pdata[0], *second = groups->pdata[1];
    g_assert_cmpstr(first->label, ==, "0.2");
    g_assert_cmpuint(first->runs->len, ==, 2);
    g_assert_true(first->runs->pdata[1] == &made[2].run);
    g_assert_cmpuint(second->runs->len, ==, 2);
    g_assert_cmpuint(without->len, ==, 1);
    clear_runs();
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static void
runs_meet_at_the_last_common_step(void)
{
    const gint64 other[] = {0, 50, 100, 150};

    make_run("1", 2, 2, three_steps, 3, 1);
    make_run("1", 2, 2, other, 4, 2);
    g_autoptr(EntroComparison) comparison = compare(1, USUAL);
    g_assert_true(comparison->aligned && comparison->one_each);
    g_assert_cmpint(comparison->step, ==, 100);
    g_assert_cmpuint(comparison->n_common, ==, 2);
    g_assert_cmpuint(comparison->n_layers, ==, 2);
    g_assert_cmpuint(comparison->n_heads, ==, 4);
    const EntroComparedRow *layer = &comparison->layer[1], *head = &comparison->head[3];
    g_assert_cmpfloat_with_epsilon(layer->group[0].mean, 1 + 1 + 0.05 + 0.1, 1e-12);
    g_assert_cmpfloat_with_epsilon(layer->contrast[1].difference, 1, 1e-12);
    g_assert_cmpfloat_with_epsilon(layer->group[1].mean_over_steps[0], 3.05, 1e-12);
    g_assert_cmpuint(layer->group[1].n_over_steps[1], ==, 1);
    g_assert_cmpint(head->layer, ==, 1);
    g_assert_cmpint(head->head, ==, 1);
    g_assert_cmpfloat_with_epsilon(head->group[1].mean, 2 + 1 + 0.1 + 0.1, 1e-12);
    g_assert_cmpint(head->contrast[1].test.refusal, ==, ENTRO_REFUSAL_LEAST_P);
    g_assert_cmpuint(comparison->n_tests, ==, 0);
    clear_runs();
}

static void
a_step_must_be_common_to_be_asked_for(void)
{
    EntroCompareOptions options = *USUAL;

    make_run("1", 1, 1, three_steps, 3, 1);
    make_run("1", 1, 1, three_steps, 2, 2);
    options.step = 200;
    g_assert_null(compare(1, &options));
    options.step = 0;
    g_autoptr(EntroComparison) comparison = compare(1, &options);
    g_assert_cmpint(comparison->step, ==, 0);
    g_assert_cmpint(comparison->group[0].run[0].last_step, ==, 200);
    clear_runs();
}

static void
steps_that_do_not_meet(void)
{
    const gint64 other[] = {1, 2};

    make_run("1", 1, 2, three_steps, 3, 1);
    make_run("1", 1, 2, other, 2, 1);
    make_run("2", 1, 2, other, 0, 1); /* no captures: stands in nobody's way */
    g_autoptr(EntroComparison) comparison = compare(1, USUAL);
    g_assert_false(comparison->aligned);
    g_assert_cmpuint(comparison->n_common, ==, 0);
    g_assert_cmpint(comparison->group[0].run[0].step, ==, 200);
    g_assert_cmpint(comparison->group[1].run[0].step, ==, 2);
    g_assert_false(comparison->group[1].run[1].has_step);
    g_assert_cmpfloat_with_epsilon(comparison->head[0].contrast[1].difference, 0.002 - 0.2, 1e-12);
    g_assert_cmpuint(comparison->head[0].group[1].n_runs, ==, 1);
    clear_runs();
}

static void
nothing_at_all(void)
{
    make_run(NULL, 0, 0, three_steps, 0, 1);
    make_run(NULL, 0, 0, three_steps, 0, 1);
    g_autoptr(EntroComparison) comparison = compare(1, USUAL);
    g_assert_cmpuint(comparison->n_heads, ==, 0);
    g_assert_false(comparison->group[0].run[0].diverged);
    g_assert_true(isnan(comparison->scalar[ENTRO_COMPARE_LOSS].group[0].mean));
    clear_runs();
}

/* ---- shapes and divergence ------------------------------------------------------------------------------ */

static void
what_both_have_is_compared(void)
{
    make_run("1", 2, 3, three_steps, 3, 1);
    make_run("1", 3, 2, three_steps, 3, 1);
    g_autoptr(EntroComparison) comparison = compare(1, USUAL);
    g_assert_cmpuint(comparison->n_layers, ==, 3);
    g_assert_cmpuint(comparison->n_heads, ==, 2 * 3 + 2);
    g_assert_cmpuint(comparison->group[0].n_heads, ==, 6);
    g_assert_cmpuint(comparison->group[1].n_layers, ==, 3);
    const EntroComparedRow *only_a = &comparison->head[2], *only_b = &comparison->head[7];
    g_assert_cmpint(only_a->head, ==, 2);
    g_assert_cmpuint(only_a->group[1].n_runs, ==, 0);
    g_assert_true(isnan(only_a->contrast[1].difference));
    g_assert_cmpint(only_b->layer, ==, 2);
    g_assert_cmpint(only_b->contrast[1].test.refusal, ==, ENTRO_REFUSAL_EMPTY);
    clear_runs();
}

static void
diverged_runs_are_counted_and_left_out(void)
{
    for (guint i = 0; i < 4; i++)
        make_run("1", 1, 2, three_steps, 3, 1 + i);
    double *entropy = made[2].history->value[ENTRO_COMPARE_ENTROPY];
    entropy[4] = NAN; /* head 0 at the last step: has rows, but none is valid */
    made[2].history->value[ENTRO_COMPARE_N_NAN][4] = 16;
    made[1].history->value[ENTRO_COMPARE_ENTROPY][5] = NAN; /* all masked: that is no divergence */
    made[3].run.final[ENTRO_COMPARE_LOSS] = (EntroFinal){TRUE, 200, NAN};
    made[2].run.final[ENTRO_COMPARE_LOSS] = (EntroFinal){TRUE, 200, 2.5};
    g_autoptr(EntroComparison) comparison = compare(2, USUAL);
    g_assert_cmpuint(comparison->group[0].n_diverged, ==, 0);
    g_assert_cmpuint(comparison->group[1].n_diverged, ==, 2);
    g_assert_cmpuint(comparison->group[1].run[0].n_without, ==, 1);
    g_assert_cmpuint(comparison->group[1].run[1].n_without, ==, 0);
    g_assert_cmpuint(comparison->group[0].run[1].n_without, ==, 1);
    g_assert_cmpuint(comparison->head[1].group[0].n, ==, 1);
    const EntroGroupSummary *head = &comparison->head[0].group[1];
    g_assert_cmpuint(head->n_runs, ==, 2);
    g_assert_cmpuint(head->n, ==, 1);
    g_assert_cmpfloat_with_epsilon(head->mean, 4.2, 1e-12);
    const EntroGroupSummary *loss = &comparison->scalar[ENTRO_COMPARE_LOSS].group[1];
    g_assert_cmpuint(loss->n_runs, ==, 2);
    g_assert_cmpuint(loss->n, ==, 1);
    g_assert_cmpuint(comparison->scalar[ENTRO_COMPARE_LOSS].group[0].n_runs, ==, 0);
    clear_runs();
}

/* A run that dies after the step that others share is no healthy one. */
static void
divergence_after_the_common_step_counts(void)
{
    make_run("1", 1, 1, three_steps, 2, 1);
    make_run("1", 1, 1, three_steps, 3, 1);
    made[1].history->value[ENTRO_COMPARE_ENTROPY][2] = NAN;
    made[1].history->value[ENTRO_COMPARE_N_NAN][2] = 16;
    g_autoptr(EntroComparison) comparison = compare(1, USUAL);
    g_assert_cmpint(comparison->step, ==, 100);
    g_assert_true(comparison->group[1].run[0].diverged);
    g_assert_cmpuint(comparison->group[1].run[0].n_without, ==, 0);
    g_assert_cmpuint(comparison->head[0].group[1].n, ==, 1);
    clear_runs();
}

static void
bands_share_the_largest_head(void)
{
    make_run("1", 1, 4, three_steps, 1, 1);   /* 1, 1.1, 1.2, 1.3 */
    make_run("1", 1, 4, three_steps, 1, 3.7); /* 3.7 .. 4.0 */
    g_autoptr(EntroComparison) pooled = compare(1, USUAL);
    g_assert_cmpfloat_with_epsilon(pooled->group[0].run[0].m, 4.0, 1e-12);
    g_assert_cmpuint(pooled->group[0].run[0].band[1], ==, 4);
    g_assert_cmpuint(pooled->group[1].run[0].band[3], ==, 4);
    EntroCompareOptions options = *USUAL;
    options.band_max = ENTRO_BAND_OWN;
    g_autoptr(EntroComparison) own = compare(1, &options);
    g_assert_cmpuint(own->group[0].run[0].band[3], ==, 4);
    options.band_max = ENTRO_BAND_CEILING;
    g_autoptr(EntroComparison) ceiling = compare(1, &options);
    g_assert_cmpfloat(ceiling->group[0].run[0].m, ==, 8);
    options.band_max = ENTRO_BAND_LNT;
    set_config(0, "context_length", "64");
    g_autoptr(EntroComparison) ln_t = compare(1, &options);
    g_assert_cmpfloat(ln_t->group[0].run[0].m, ==, log(64));
    g_assert_true(isnan(ln_t->group[1].run[0].m));
    clear_runs();
}

/* ---- seeds ------------------------------------------------------------------------------------------------ */

static void
seeds_pair_where_both_have_them(void)
{
    const char *const seeds[] = {"1", "2", "3", "4", "3", "2", "5", "1", "1", NULL};

    for (guint i = 0; i < G_N_ELEMENTS(seeds); i++)
        make_run(seeds[i], 1, 1, three_steps, 1, 1 + i);
    g_autoptr(EntroComparison) comparison = compare(4, USUAL); /* 1 2 3 4 | 3 2 5 1 1 - */
    const EntroComparedGroup *group = &comparison->group[1];
    g_assert_cmpuint(group->pair->len, ==, 2);
    g_assert_cmpstr(g_array_index(group->pair, EntroSeedPair, 0).seed, ==, "3");
    const double *difference = comparison->head[0].contrast[1].pair_difference;
    g_assert_cmpfloat_with_epsilon(difference[0], 4 - 2, 1e-12);
    g_assert_cmpfloat_with_epsilon(difference[1], 5 - 1, 1e-12);
    g_assert_cmpuint(group->unpaired->len, ==, 2); /* 5 here, 4 there */
    g_assert_cmpstr(group->unpaired->pdata[0], ==, "5");
    g_assert_cmpstr(group->unpaired->pdata[1], ==, "4");
    g_assert_cmpuint(group->repeated->len, ==, 1);
    g_assert_cmpstr(group->repeated->pdata[0], ==, "1");
    clear_runs();
}

/* ---- tests ------------------------------------------------------------------------------------------------ */

static void
make_groups(guint n_base, guint n_other, double shift)
{
    for (guint i = 0; i < n_base + n_other; i++)
        make_run(NULL, 2, 2, three_steps, 1, 1 + 0.01 * i * i + (i >= n_base ? shift : 0));
}

static void
three_against_three_is_refused(void)
{
    EntroCompareOptions options = *USUAL;

    make_groups(3, 3, 5);
    g_autoptr(EntroComparison) refused = compare(3, &options);
    g_assert_cmpint(refused->head[0].contrast[1].test.refusal, ==, ENTRO_REFUSAL_LEAST_P);
    g_assert_true(isnan(refused->head[0].contrast[1].test.p));
    g_assert_false(refused->head[0].contrast[1].significant);
    g_assert_cmpint(refused->head[0].contrast[1].interval.refusal, ==, ENTRO_REFUSAL_FEW);
    g_assert_cmpfloat(refused->head[0].contrast[1].cliffs_delta, ==, 1);
    options.alpha = 0.1; /* just reached */
    g_autoptr(EntroComparison) reached = compare(3, &options);
    g_assert_cmpfloat_with_epsilon(reached->head[0].contrast[1].test.p, 0.1, 1e-12);
    g_assert_true(reached->head[0].contrast[1].significant);
    options.alpha = 0.05;
    options.test = ENTRO_TEST_WELCH;
    g_autoptr(EntroComparison) welch = compare(3, &options);
    g_assert_cmpfloat(welch->head[0].contrast[1].test.p, <, 1e-4);
    clear_runs();
    make_groups(2, 6, 5);
    g_autoptr(EntroComparison) two = compare(2, &options);
    g_assert_cmpint(two->head[0].contrast[1].test.refusal, ==, ENTRO_REFUSAL_FEW);
    clear_runs();
}

static void
q_is_over_layers_and_heads(void)
{
    make_groups(4, 4, 5);
    for (guint i = 4; i < 8; i++) /* two of the four heads as in the first group */
        for (guint head = 2; head < 4; head++)
            made[i].history->value[ENTRO_COMPARE_ENTROPY][head] =
                made[i - 4].history->value[ENTRO_COMPARE_ENTROPY][head] + (i % 2 ? 0.001 : -0.001);
    made[0].run.final[ENTRO_COMPARE_LOSS] = (EntroFinal){TRUE, 200, 2.5};
    g_autoptr(EntroComparison) comparison = compare(4, USUAL);
    g_assert_cmpuint(comparison->n_tests, ==, 6);
    const double least = 2.0 / 70; /* layer 0 and its heads: three of six */
    g_assert_cmpfloat_with_epsilon(comparison->head[0].contrast[1].test.p, least, 1e-12);
    g_assert_cmpfloat_with_epsilon(comparison->head[0].contrast[1].q, 6 * least / 3, 1e-12);
    g_assert_cmpfloat_with_epsilon(comparison->layer[0].contrast[1].q, 6 * least / 3, 1e-12);
    g_assert_false(comparison->head[0].contrast[1].significant); /* 0.057, though p is 0.029 */
    g_assert_cmpfloat(comparison->head[3].contrast[1].q, >, 0.5);
    g_assert_true(isnan(comparison->scalar[ENTRO_COMPARE_LOSS].contrast[1].q));
    clear_runs();
}

static void
intervals_of_heads_may_be_left_out(void)
{
    EntroCompareOptions options = *USUAL;

    make_groups(4, 5, 0.02);
    g_autoptr(EntroComparison) all = compare(4, &options);
    options.head_intervals = FALSE;
    g_autoptr(EntroComparison) some = compare(4, &options);
    for (guint i = 0; i < some->n_heads; i++) {
        const EntroComparedRow *row = &some->head[i], *full = &all->head[i];
        g_assert_cmpint(full->group[1].interval.refusal, ==, ENTRO_REFUSAL_NONE);
        g_assert_cmpint(full->contrast[1].interval.refusal, ==, ENTRO_REFUSAL_NONE);
        g_assert_cmpint(row->group[1].interval.refusal, ==, ENTRO_REFUSAL_UNASKED);
        g_assert_cmpint(row->contrast[1].interval.refusal, ==, ENTRO_REFUSAL_UNASKED);
        g_assert_true(isnan(row->contrast[1].interval.low));
        g_assert_nonnull(entro_refusal_text(row->contrast[1].interval.refusal));
        g_assert_cmpfloat(row->contrast[1].q, ==, full->contrast[1].q);
    }
    g_assert_cmpfloat(some->layer[0].contrast[1].interval.low, ==,
                      all->layer[0].contrast[1].interval.low);
    clear_runs();
}

/* Nothing differs: at most 5 % of the single tests are small, and of the comparisons that find
 * anything.  In 300 comparisons two standard errors are 2.5 %; tests/bench/null-compare has more. */
static void
chance_finds_little(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    EntroCompareOptions options = *USUAL;
    enum { COMPARISONS = 300, N_HEADS = 16 };
    guint n_small = 0, n_found = 0;

    options.bootstrap.n_resamples = 39;
    for (guint trial = 0; trial < COMPARISONS; trial++) {
        gboolean found = FALSE;
        for (guint i = 0; i < 10; i++) {
            make_run(NULL, 1, N_HEADS, three_steps, 1, 1);
            double common = gsl_ran_exponential(rng, 0.5);
            for (guint head = 0; head < N_HEADS; head++)
                made[i].history->value[ENTRO_COMPARE_ENTROPY][head] =
                    common + gsl_ran_exponential(rng, 0.5);
        }
        g_autoptr(EntroComparison) comparison = compare(5, &options);
        for (guint head = 0; head < N_HEADS; head++) {
            n_small += comparison->head[head].contrast[1].test.p <= options.alpha;
            found = found || comparison->head[head].contrast[1].significant;
        }
        n_found += found;
        clear_runs();
    }
    gsl_rng_free(rng);
    g_assert_cmpuint(n_small, >, COMPARISONS * N_HEADS * 1 / 100); /* 5 v 5: 3.2 % */
    g_assert_cmpuint(n_small, <, COMPARISONS * N_HEADS * 5 / 100);
    g_assert_cmpuint(n_found, <, COMPARISONS * 75 / 1000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add_func("/compare/" name, function)
    ADD("numbers-are-the-same-however-written", numbers_are_the_same_however_written);
    ADD("what-differs-is-named-but-for-seeds-and-names",
        what_differs_is_named_but_for_seeds_and_names);
    ADD("groups-are-made-by-value", groups_are_made_by_value);
    ADD("runs-meet-at-the-last-common-step", runs_meet_at_the_last_common_step);
    ADD("a-step-must-be-common-to-be-asked-for", a_step_must_be_common_to_be_asked_for);
    ADD("steps-that-do-not-meet", steps_that_do_not_meet);
    ADD("nothing-at-all", nothing_at_all);
    ADD("what-both-have-is-compared", what_both_have_is_compared);
    ADD("diverged-runs-are-counted-and-left-out", diverged_runs_are_counted_and_left_out);
    ADD("divergence-after-the-common-step-counts", divergence_after_the_common_step_counts);
    ADD("bands-share-the-largest-head", bands_share_the_largest_head);
    ADD("seeds-pair-where-both-have-them", seeds_pair_where_both_have_them);
    ADD("three-against-three-is-refused", three_against_three_is_refused);
    ADD("q-is-over-layers-and-heads", q_is_over_layers_and_heads);
    ADD("intervals-of-heads-may-be-left-out", intervals_of_heads_may_be_left_out);
    ADD("chance-finds-little", chance_finds_little);
    return g_test_run();
}
