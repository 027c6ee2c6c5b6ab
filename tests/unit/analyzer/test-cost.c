/* test-cost.c: counts and FLOPs in closed form, up to the printed tables; communication and latency
 * near them; and what the data leave open is said to be open. */
#include "entro-cost.h"
#include "entro-trainer.h"

/* Tables 3, 7, 8 and 4 of the paper, as printed. */
static const struct {
    const char *table, *arch;
    gint64 layers, context, vocabulary;
    const char *ffn_gflop, *attention_gflop;
    double gb, minutes, saved_gb, saved_minutes;
} published[] = {
    {"3", "SM+LN+G", 12, 128, 50257, "14.5", "7.7", 25.32, 8.21, 1, 1},
    {"3", "SM+LN+R", 12, 128, 50257, "14.5", "7.7", 9.44, 6.06, 2.68, 1.35},
    {"3", "SM+ScFuFFN", 12, 128, 50257, "1.8", "7.7", 6.43, 4.76, 3.94, 1.72},
    {"7", "SM+LN+G", 12, 256, 50257, "29.0", "16.3", 58.51, 16.57, 1, 1},
    {"7", "SM+LN+R", 12, 256, 50257, "29.0", "16.3", 26.73, 12.59, 2.19, 1.32},
    {"7", "SM+ScFuFFN", 12, 256, 50257, "3.6", "16.3", 20.72, 10.45, 2.82, 1.59},
    {"8", "SM+LN+G", 18, 128, 50257, "21.7", "11.6", 37.17, 10.77, 1, 1},
    {"8", "SM+LN+R", 18, 128, 50257, "21.7", "11.6", 13.34, 8.04, 2.79, 1.34},
    {"8", "SM+ScFuFFN", 18, 128, 50257, "2.7", "11.6", 8.83, 6.07, 4.21, 1.77},
    {"4", "SM+LN+G", 12, 512, 16384, "58.0", "36.2", 145.24, 30.74, 1, 1},
    {"4", "SM+LN+R", 12, 512, 16384, "58.0", "36.2", 81.71, 23.54, 1.78, 1.31},
    /* printed is 7.3, but 2 L T d^2 = 7.248e9 */
    {"4", "SM+ScFuFFN", 12, 512, 16384, "7.2", "36.2", 69.68, 19.44, 2.08, 1.58},
};

static EntroCostArch
arch_of(const char *name)
{
    EntroCostArch arch = {.name = "not read"};

    g_assert_true(entro_cost_arch_parse(name, &arch));
    g_assert_cmpstr(arch.name, ==, name);
    return arch;
}

static EntroCost
cost_of(const char *name, EntroCostSizes sizes)
{
    EntroCostArch arch = arch_of(name);

    return entro_cost(&arch, &sizes, NAN);
}

static EntroCostSizes
sizes_of(guint row)
{
    return (EntroCostSizes){.layers = published[row].layers,
                            .heads = 12,
                            .dim = 768,
                            .context = published[row].context,
                            .vocabulary = published[row].vocabulary,
                            .ffn_layers = published[row].layers};
}

static void
assert_ops(EntroCostOps ops, gint64 count, gint64 rows, gint64 columns)
{
    g_assert_cmpint(ops.count, ==, count);
    if (count > 0) {
        g_assert_cmpint(ops.rows, ==, rows);
        g_assert_cmpint(ops.columns, ==, columns);
    }
}

#define assert_near(value, expected, relative)                                                     \
    g_assert_cmpfloat_with_epsilon(value, expected, (relative)*fabs(expected))

/* ---- counts and FLOPs ------------------------------------------------------------------------- */

static void
operations_are_counted_as_in_the_tables(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
        const gint64 layers = published[i].layers, context = published[i].context;
        const EntroCost cost = cost_of(published[i].arch, sizes_of(i));
        const gboolean plain = g_str_equal(published[i].arch, "SM+ScFuFFN");

        assert_ops(cost.softmax, layers * 12, context, context);
        assert_ops(cost.layer_norm, plain ? 0 : 2 * layers, context, 768);
        assert_ops(cost.activation, plain ? 0 : layers, context, 3072);
    }
}

static void
flop_have_the_printed_digits(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
        const EntroCost cost = cost_of(published[i].arch, sizes_of(i));
        g_autofree char *ffn = g_strdup_printf("%.1f", cost.ffn_flop / 1e9);
        g_autofree char *attention = g_strdup_printf("%.1f", cost.attention_flop / 1e9);

        g_assert_cmpstr(ffn, ==, published[i].ffn_gflop);
        g_assert_cmpstr(attention, ==, published[i].attention_gflop);
    }
}

static void
removed_feed_forwards_take_their_operations_along(void)
{
    EntroCostSizes sizes = ENTRO_COST_GPT2_SMALL;

    sizes.ffn_layers = 5;
    EntroCost some = cost_of("SM+LN+G", sizes);
    assert_ops(some.softmax, 144, 128, 128);
    assert_ops(some.layer_norm, 12 + 5, 128, 768);
    assert_ops(some.activation, 5, 128, 3072);
    g_assert_cmpfloat(some.ffn_flop, ==, 16. * 5 * 128 * 768 * 768);
    sizes.ffn_layers = 0;
    EntroCost none = cost_of("SM+ScFuFFN", sizes), other = cost_of("SM", sizes);
    g_assert_cmpfloat(none.ffn_flop, ==, 0);
    g_assert_cmpmem(&none, sizeof none, &other, sizeof other); /* nothing is left to differ in */
}

/* ---- communication and latency ---------------------------------------------------------------- */

static void
communication_is_within_1_percent_of_the_tables(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
        const EntroCost cost = cost_of(published[i].arch, sizes_of(i));
        const EntroCostRange gb = entro_cost_get(&cost, ENTRO_COST_COMMUNICATION);

        assert_near(gb.value, published[i].gb, 0.01);
        g_assert_false(gb.estimate);
    }
}

static void
latency_is_within_5_percent_of_the_tables(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
        const EntroCost cost = cost_of(published[i].arch, sizes_of(i));
        const EntroCostRange minutes = entro_cost_get(&cost, ENTRO_COST_LATENCY);

        assert_near(minutes.value, published[i].minutes, 0.05);
        g_assert_false(minutes.estimate);
    }
}

static void
savings_are_those_of_the_tables(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(published); i++) {
        const EntroCost base = cost_of("SM+LN+G", sizes_of(i));
        const EntroCost cost = cost_of(published[i].arch, sizes_of(i));

        assert_near(entro_cost_saving(&base, &cost, ENTRO_COST_COMMUNICATION).value,
                    published[i].saved_gb, 0.01);
        assert_near(entro_cost_saving(&base, &cost, ENTRO_COST_LATENCY).value,
                    published[i].saved_minutes, 0.05);
    }
}

static void
parts_add_up(void)
{
    const EntroCost cost = cost_of("SM+LN+G", ENTRO_COST_GPT2_SMALL);
    double gb = 0, minutes = 0;

    for (guint item = 0; item < ENTRO_COST_COMMUNICATION; item++)
        gb += cost.value[item];
    for (guint item = ENTRO_COST_COMMUNICATION + 1; item < ENTRO_COST_LATENCY; item++)
        minutes += cost.value[item];
    assert_near(gb, cost.value[ENTRO_COST_COMMUNICATION], 1e-12);
    assert_near(minutes, cost.value[ENTRO_COST_LATENCY], 1e-12);
}

static void
bandwidth_changes_the_wire_time_alone(void)
{
    const EntroCostArch arch = arch_of("SM+LN+G");
    const EntroCost usual = entro_cost(&arch, &ENTRO_COST_GPT2_SMALL, NAN);
    const EntroCost same =
        entro_cost(&arch, &ENTRO_COST_GPT2_SMALL, entro_cost_calibrated_bandwidth());
    const EntroCost slow = entro_cost(&arch, &ENTRO_COST_GPT2_SMALL, 100);

    for (guint item = 0; item < ENTRO_COST_N_ITEMS; item++) {
        assert_near(same.value[item], usual.value[item], 1e-12);
        if (item != ENTRO_COST_LATENCY_COMMUNICATION && item != ENTRO_COST_LATENCY)
            g_assert_cmpfloat(slow.value[item], ==, usual.value[item]);
    }
    /* bytes at so many bits a second */
    assert_near(slow.value[ENTRO_COST_LATENCY_COMMUNICATION],
                usual.value[ENTRO_COST_COMMUNICATION] * 8e9 / 100e6 / 60, 1e-12);
}

/* ---- what the data leave open ------------------------------------------------------------------- */

static void
layer_norm_and_activation_are_known_together_alone(void)
{
    static const struct {
        const char *arch;
        gboolean estimate;
    } rows[] = {{"SM+LN+G", FALSE}, {"SM+LN+R", FALSE}, {"SM", FALSE},  {"SM+ScFFN", FALSE},
                {"SM+LN", TRUE},    {"SM+R", TRUE},     {"SM+G", TRUE}, {"SM+LN+ScFuFFN", TRUE}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const EntroCost cost = cost_of(rows[i].arch, ENTRO_COST_GPT2_SMALL);
        const EntroCostRange gb = entro_cost_get(&cost, ENTRO_COST_COMMUNICATION);
        const EntroCostRange minutes = entro_cost_get(&cost, ENTRO_COST_LATENCY);

        g_assert_cmpint(gb.estimate, ==, rows[i].estimate);
        g_assert_cmpint(minutes.estimate, ==, rows[i].estimate);
        g_assert_cmpint(gb.low < gb.high, ==, rows[i].estimate);
        g_assert_true(gb.low <= gb.value && gb.value <= gb.high);
    }
}

/* Without LayerNorm and activation nothing is paid for them; with both, their sum: one of the two
 * costs something in between. */
static void
an_estimate_reaches_from_none_to_both(void)
{
    const EntroCost none = cost_of("SM", ENTRO_COST_GPT2_SMALL);
    const EntroCost both = cost_of("SM+LN+R", ENTRO_COST_GPT2_SMALL);
    const EntroCost gelu = cost_of("SM+LN+G", ENTRO_COST_GPT2_SMALL);
    const double least = none.value[ENTRO_COST_COMMUNICATION];
    const double most = both.value[ENTRO_COST_COMMUNICATION];
    const double surcharge = gelu.value[ENTRO_COST_COMMUNICATION] - most;
    static const struct {
        const char *arch;
        double share; /* of the way, with equal costs an element: 2 of 6, 4 of 6 */
        gboolean gelu;
    } rows[] = {{"SM+LN", 2. / 6, FALSE}, {"SM+R", 4. / 6, FALSE}, {"SM+G", 4. / 6, TRUE}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const EntroCost cost = cost_of(rows[i].arch, ENTRO_COST_GPT2_SMALL);
        const EntroCostRange gb = entro_cost_get(&cost, ENTRO_COST_COMMUNICATION);
        const double added = rows[i].gelu ? surcharge : 0;

        assert_near(gb.low, least + added, 1e-9);
        assert_near(gb.high, most + added, 1e-9);
        assert_near(gb.value, least + added + rows[i].share * (most - least), 1e-9);
    }
}

static void
the_unknown_cancels_in_a_saving(void)
{
    const EntroCost cost = cost_of("SM+LN", ENTRO_COST_GPT2_SMALL);
    const EntroCost other = cost_of("SM+G", ENTRO_COST_GPT2_SMALL);
    const EntroCostRange itself = entro_cost_saving(&cost, &cost, ENTRO_COST_COMMUNICATION);
    const EntroCostRange saving = entro_cost_saving(&cost, &other, ENTRO_COST_COMMUNICATION);

    g_assert_cmpfloat(itself.value, ==, 1);
    g_assert_false(itself.estimate);
    g_assert_true(saving.estimate && saving.low < saving.value && saving.value < saving.high);
}

/* All published models are 768 wide. */
static void
another_width_makes_an_estimate_of_the_latency(void)
{
    EntroCostSizes sizes = ENTRO_COST_GPT2_SMALL;

    sizes.dim = 1536;
    const EntroCost cost = cost_of("SM+LN+G", sizes);
    const EntroCostRange layers = entro_cost_get(&cost, ENTRO_COST_LATENCY_LAYERS);
    const EntroCostRange head = entro_cost_get(&cost, ENTRO_COST_LATENCY_HEAD);
    g_assert_false(entro_cost_get(&cost, ENTRO_COST_COMMUNICATION).estimate);
    g_assert_true(entro_cost_get(&cost, ENTRO_COST_LATENCY).estimate);
    assert_near(layers.value, 4 * layers.low, 1e-12); /* d^2 */
    assert_near(head.value, 2 * head.low, 1e-12);     /* d */
    g_assert_cmpfloat(layers.high, ==, layers.value);
    sizes.dim = 64;
    const EntroCost narrow = cost_of("SM+LN+G", sizes);
    const EntroCostRange latency = entro_cost_get(&narrow, ENTRO_COST_LATENCY);
    g_assert_true(latency.estimate && latency.value < latency.high);
}

static void
the_largest_sizes_stay_finite(void)
{
    const gint64 most = ENTRO_COST_SIZE_MOST;
    const EntroCost cost = cost_of("SM+LN+G", (EntroCostSizes){most, most, most, most, most, most});

    g_assert_cmpint(cost.softmax.count, ==, 1000000000000000000);
    for (guint item = 0; item < ENTRO_COST_N_ITEMS; item++)
        g_assert_true(isfinite(cost.value[item]) && cost.value[item] > 0);
    g_assert_true(isfinite(cost.ffn_flop) && isfinite(cost.attention_flop));
}

/* ---- names ----------------------------------------------------------------------------------------- */

static void
the_architectures_are_those_of_the_trainer(void)
{
    guint n;
    const EntroArch *archs = entro_archs(&n);
    const char *const *names = entro_cost_arch_names();

    g_assert_cmpuint(g_strv_length((char **)names), ==, n);
    for (guint i = 0; i < n; i++) {
        const EntroCostArch arch = arch_of(archs[i].name);

        g_assert_true(g_strv_contains(names, archs[i].name));
        g_assert_cmpint(arch.layer_norm, ==, archs[i].norm == ENTRO_NORM_LAYER);
        g_assert_cmpint(arch.fused_ffn, ==, archs[i].ffn == ENTRO_FFN_FUSED);
        g_assert_cmpint(arch.activation == ENTRO_COST_ACT_GELU, ==,
                        archs[i].activation == ENTRO_ACT_GELU);
        g_assert_cmpint(arch.activation == ENTRO_COST_ACT_RELU, ==,
                        archs[i].activation == ENTRO_ACT_RELU);
    }
}

static void
what_folds_into_linear_layers_costs_nothing(void)
{
    static const char *const same[][2] = {
        {"SM", "SM+WN(FFN)"},
        {"SM", "SM(t)+ScFFN+WN(QKVO+FFN)+SN(QK)"},
        {"SM+LN+G", "EReg(SM(t)+LN+G+SN(QKV+FFN))"},
        {"SM+ScFuFFN", "EReg(SM(t)+ScFuFFN)"},
        {"SM+ScFuFFN", "EReg(SM+ScFuFFN)"},
        {"SM+G", "SM(t)+G"},
        {"SM+R", "SM+R+ScFFN"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(same); i++) {
        const EntroCost a = cost_of(same[i][0], ENTRO_COST_GPT2_SMALL);
        const EntroCost b = cost_of(same[i][1], ENTRO_COST_GPT2_SMALL);
        g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
    }
}

static void
other_names_are_refused(void)
{
    static const char *const names[] = {"",
                                        "SM+",
                                        "sm",
                                        "GPT-2",
                                        "SM+LN+G ",
                                        " SM",
                                        "SM+LN+LN",
                                        "SM+G+R",
                                        "SM+LNx",
                                        "SM+LN+",
                                        "SM+WN()",
                                        "SM+WN(FF)",
                                        "SM)",
                                        "EReg(SM",
                                        "EReg()",
                                        "EReg(SM))",
                                        "EReg(EReg(SM))",
                                        "SM(t)(t)",
                                        "SM+G+ScFuFFN",
                                        "SM+ScFFN+ScFuFFN",
                                        "SM+WN(QK)+WN(FFN)",
                                        "LN+G",
                                        "SM+LN)+G"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        EntroCostArch arch = {.name = "untouched"};
        g_assert_false(entro_cost_arch_parse(names[i], &arch));
        g_assert_cmpstr(arch.name, ==, "untouched");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/cost/" #function, function)
    TEST(operations_are_counted_as_in_the_tables);
    TEST(flop_have_the_printed_digits);
    TEST(removed_feed_forwards_take_their_operations_along);
    TEST(communication_is_within_1_percent_of_the_tables);
    TEST(latency_is_within_5_percent_of_the_tables);
    TEST(savings_are_those_of_the_tables);
    TEST(parts_add_up);
    TEST(bandwidth_changes_the_wire_time_alone);
    TEST(layer_norm_and_activation_are_known_together_alone);
    TEST(an_estimate_reaches_from_none_to_both);
    TEST(the_unknown_cancels_in_a_saving);
    TEST(another_width_makes_an_estimate_of_the_latency);
    TEST(the_largest_sizes_stay_finite);
    TEST(the_architectures_are_those_of_the_trainer);
    TEST(what_folds_into_linear_layers_costs_nothing);
    TEST(other_names_are_refused);
    return g_test_run();
}
