/* test-row-sums.c: the row kernel, each build that this processor can run, against long double. */
#include "attention-rows.h"

#include <float.h>
#include <string.h>

#define MOST 32768
/* On an entropy, absolute, in nats.  Weights that are all the same round the same way. */
#define NATS         2e-7
#define NATS_UNIFORM 9e-7

typedef EntroKernels Build;

static const Build *builds;
static guint n_builds;

/* ---- what every test needs ------------------------------------------------------------------------ */

static EntroRowSums
sums_of(const Build *build, const float *p, gsize n)
{
    EntroRowSums sums;

    build->sums(p, n, &sums);
    return sums;
}

static guint32
bits_of(float value)
{
    guint32 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float
float_of(guint32 bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void
assert_agrees_within(double nats, const Build *build, const float *p, gsize n)
{
    NaiveSums naive = naive_sums(p, n);
    EntroRowSums sums = sums_of(build, p, n);

    g_assert_cmpfloat_with_epsilon(sums.sum, (double)naive.sum, 2e-7);
    g_assert_cmpfloat_with_epsilon(sums.plogp, (double)-naive.entropy, nats);
    g_assert_cmpfloat_with_epsilon(sums.moment, (double)naive.moment, 2e-7 * (double)n);
    g_assert_cmphex(sums.max_bits, ==, bits_of(naive.largest));
}

static void
assert_agrees(const Build *build, const float *p, gsize n)
{
    assert_agrees_within(NATS, build, p, n);
}

/* Every length up to 300, so that every rest of a stride and of a block is met, then long ones. */
static gsize
next_length(gsize n)
{
    return n < 300 ? n + 1 : n == 300 ? 1000 : n == 1000 ? 4096 : n == 4096 ? MOST : 0;
}

/* ---- values --------------------------------------------------------------------------------------- */

static void
softmax_rows_agree_with_long_double(gconstpointer build)
{
    static const double temperatures[] = {0.7, 2.385, 9};
    g_autofree float *p = g_new(float, MOST);
    g_autoptr(GRand) rand = g_rand_new_with_seed(2385);

    for (gsize n = 1; n > 0; n = next_length(n))
        for (guint i = 0; i < G_N_ELEMENTS(temperatures); i++) {
            fill_softmax(rand, p, n, temperatures[i]);
            assert_agrees(build, p, n);
        }
}

static void
exact_zeros_add_nothing(gconstpointer build)
{
    g_autofree float *p = g_new(float, MOST);
    g_autoptr(GRand) rand = g_rand_new_with_seed(17);

    for (gsize n = 1; n > 0; n = next_length(n)) {
        fill_softmax(rand, p, n, 1.3);
        for (gsize key = 0; key < n; key++)
            if (g_rand_boolean(rand))
                p[key] = 0;
        assert_agrees(build, p, n);
    }
    memset(p, 0, MOST * sizeof *p);
    EntroRowSums sums = sums_of(build, p, MOST);
    g_assert_true(sums.sum == 0 && sums.plogp == 0 && sums.moment == 0 && sums.max_bits == 0);
}

static void
denormals_do_no_harm(gconstpointer build)
{
    float p[300];

    for (gsize n = 2; n <= G_N_ELEMENTS(p); n++) {
        for (gsize key = 0; key < n; key++)
            p[key] = float_of((guint32)(key * 27101 % 0x7fffff) + 1);
        assert_agrees(build, p, n);
        p[n / 2] = 0.625f;
        assert_agrees(build, p, n);
        p[n - 1] = FLT_MIN;
        assert_agrees(build, p, n);
    }
}

static void
a_one_hot_row_is_exactly_0(gconstpointer build)
{
    float p[300] = {0};

    for (gsize n = 1; n <= G_N_ELEMENTS(p); n += n < 40 ? 1 : 13)
        for (gsize hot = 0; hot < n; hot++) {
            p[hot] = 1;
            EntroRowSums sums = sums_of(build, p, n);
            g_assert_true(sums.plogp == 0);
            g_assert_true(sums.sum == 1);
            g_assert_cmpfloat(sums.moment, ==, (double)hot);
            p[hot] = 0;
        }
}

static void
a_uniform_row_is_ln_n(gconstpointer build)
{
    g_autofree float *p = g_new(float, MOST);

    for (gsize n = 1; n > 0; n = next_length(n)) {
        for (gsize key = 0; key < n; key++)
            p[key] = (float)(1.0 / (double)n);
        assert_agrees_within(NATS_UNIFORM, build, p, n);
        g_assert_cmpfloat_with_epsilon(sums_of(build, p, n).plogp, -log((double)n), 1e-6);
    }
}

static void
weights_just_above_1_are_right(gconstpointer build)
{
    for (guint32 above = 0; above < 2000; above++) {
        float p = float_of(0x3f800000 + above);
        assert_agrees(build, &p, 1);
        p = float_of(0x3f800000 - above);
        assert_agrees(build, &p, 1);
    }
}

static void
every_magnitude_is_right(gconstpointer build)
{
    for (guint32 bits = 1; bits <= 0x3f800000; bits += 9973) {
        float p = float_of(bits);
        double expected = p * log(p);
        g_assert_cmpfloat_with_epsilon(sums_of(build, &p, 1).plogp, expected,
                                       1.5e-7 * fabs(expected) + 1e-37 + 4e-8 * p);
    }
}

static void
any_pointer_will_do(gconstpointer build)
{
    float memory[64 + 300];
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (gsize offset = 0; offset < 32; offset++) {
        float *p = memory + offset;
        fill_softmax(rand, p, 300, 1);
        p[300] = NAN; /* one key too many would be seen */
        assert_agrees(build, p, 300);
        assert_agrees(build, p, 131);
    }
}

/* ---- what is not a weight -------------------------------------------------------------------------- */

static void
assert_is_seen(const Build *build, float bad, gsize n)
{
    float p[300];

    for (gsize key = 0; key < n; key++)
        p[key] = 1.0f / n;
    for (gsize key = 0; key < n; key++) {
        p[key] = bad;
        g_assert_cmphex(sums_of(build, p, n).max_bits, >=, ENTRO_BITS_INF);
        p[key] = 1.0f / n;
    }
    g_assert_cmphex(sums_of(build, p, n).max_bits, <, ENTRO_BITS_INF);
}

static void
nan_inf_and_signs_are_seen_anywhere(gconstpointer build)
{
    const float bad[] = {NAN,       -NAN,  float_of(0x7f800001), float_of(0xff800001), INFINITY,
                         -INFINITY, -0.0f, float_of(0x80000001), -1.17e-20f,           -1.0f,
                         -FLT_MAX};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        for (gsize n = 1; n <= 300; n += n < 50 ? 1 : 25)
            assert_is_seen(build, bad[i], n);
}

static void
large_weights_are_no_false_alarm(gconstpointer build)
{
    float p[40] = {0};

    p[23] = FLT_MAX;
    p[24] = float_of(1);
    g_assert_cmphex(sums_of(build, p, 40).max_bits, ==, bits_of(FLT_MAX));
}

/* ---- the hash -------------------------------------------------------------------------------------- */

static void
the_hash_is_that_of_every_other_build(gconstpointer build)
{
    g_autofree float *p = g_new(float, MOST);
    g_autoptr(GRand) rand = g_rand_new_with_seed(99);

    for (gsize n = 1; n > 0; n = next_length(n)) {
        for (gsize key = 0; key < n; key++)
            p[key] = float_of(g_rand_int(rand)); /* NaN, Inf and signs among them */
        g_assert_cmphex(sums_of(build, p, n).hash, ==, sums_of(&builds[0], p, n).hash);
    }
}

static void
the_hash_sees_every_single_bit(gconstpointer build)
{
    float p[300];
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);

    for (gsize n = 1; n <= G_N_ELEMENTS(p); n = 2 * n + 1) {
        fill_softmax(rand, p, n, 1);
        guint64 before = sums_of(build, p, n).hash;
        for (gsize key = 0; key < n; key++)
            for (guint bit = 0; bit < 32; bit++) {
                float kept = p[key];
                p[key] = float_of(bits_of(kept) ^ 1u << bit);
                g_assert_cmphex(sums_of(build, p, n).hash, !=, before);
                p[key] = kept;
            }
    }
}

/* Round numbers are the hard ones: all their low bits are 0, as those of every f16 weight are. */
static void
the_hash_sees_exchanged_values(gconstpointer build)
{
    static const float values[] = {1, 0, 0.5f, 0.25f, 0x1p-15f, 0x1p-24f, 0.75f, 0x1.004p-3f};
    enum { N = 1100 };
    float p[N] = {0};

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        for (guint j = 0; j < i; j++)
            for (gsize key = 1; key < N; key++) {
                p[0] = values[i];
                p[key] = values[j];
                guint64 before = sums_of(build, p, N).hash;
                p[0] = values[j];
                p[key] = values[i];
                g_assert_cmphex(sums_of(build, p, N).hash, !=, before);
                p[key] = 0;
            }
}

static void
the_hash_tells_one_hot_rows_apart(gconstpointer build)
{
    enum { N = 4096 };
    g_autofree float *p = g_new0(float, N);
    g_autofree guint64 *hashes = g_new(guint64, N);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (gsize hot = 0; hot < N; hot++) {
        p[hot] = 1;
        hashes[hot] = sums_of(build, p, N).hash;
        g_assert_true(g_hash_table_add(seen, &hashes[hot]));
        p[hot] = 0;
    }
}

/* ---- beside the kernel ----------------------------------------------------------------------------- */

static void
only_positive_zeros_are_zero(void)
{
    float p[80] = {0};

    for (gsize n = 0; n < G_N_ELEMENTS(p); n++) {
        g_assert_true(entro_row_is_zero(p, n));
        for (gsize key = 0; key < n; key++) {
            p[key] = -0.0f;
            g_assert_false(entro_row_is_zero(p, n));
            p[key] = float_of(1);
            g_assert_false(entro_row_is_zero(p, n));
            p[key] = NAN;
            g_assert_false(entro_row_is_zero(p, n));
            p[key] = 0;
        }
        p[n] = 1; /* behind the end */
        g_assert_true(entro_row_is_zero(p, n));
        p[n] = 0;
    }
}

/* ---- several rows, and logits ---------------------------------------------------------------------- */

static void
sums_of_two_rows_are_exact(gconstpointer data)
{
    const Build *build = data;
    float to[300], p[300];

    for (gsize n = 0; n < G_N_ELEMENTS(p); n = next_length(n)) {
        for (gsize key = 0; key < G_N_ELEMENTS(p); key++) {
            to[key] = (float)key / 1024;
            p[key] = (float)(key % 7) / 64;
        }
        build->add(to, p, n);
        for (gsize key = 0; key < G_N_ELEMENTS(p); key++)
            g_assert_cmpfloat(to[key], ==, (float)key / 1024 + (key < n ? p[key] : 0));
    }
}

/* Zeros and what lies below are no logits; the smallest denormal is one. */
static void
logs_are_those_of_positive_weights(gconstpointer data)
{
    const Build *build = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(2385);
    float p[300];

    for (gsize n = 0; n < G_N_ELEMENTS(p); n = next_length(n)) {
        EntroRowLogs logs;
        long double sum = 0, squares = 0;
        gint64 count = 0;
        for (gsize key = 0; key < n; key++) {
            p[key] = key % 5 == 3    ? 0
                     : key % 11 == 7 ? -1e-9f
                                     : (float)exp(-g_rand_double(rand) * 103);
            if (p[key] > 0) {
                sum += logl((long double)p[key]);
                squares += logl((long double)p[key]) * logl((long double)p[key]);
                count++;
            }
        }
        build->logs(p, n, &logs);
        g_assert_cmpint(logs.n, ==, count);
        g_assert_cmpfloat_with_epsilon(logs.sum, (double)sum, 1e-6 * (1 + fabs((double)sum)));
        g_assert_cmpfloat_with_epsilon(logs.squares, (double)squares, 1e-6 * (1 + (double)squares));
    }
}

static void
the_best_build_is_chosen(void)
{
    g_assert_true(entro_kernels() == &builds[0]);
    g_assert_cmpstr(entro_kernel_name(), ==, builds[0].name);
    g_assert_cmpstr(builds[n_builds - 1].name, ==, "plain");
}

static void
add(const Build *build, const char *name, GTestDataFunc function)
{
    g_autofree char *path = g_strdup_printf("/row-sums/%s/%s", build->name, name);

    g_test_add_data_func(path, build, function);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    builds = entro_kernel_builds(&n_builds);
    for (const Build *build = builds; build < builds + n_builds; build++) {
        add(build, "softmax-rows-agree-with-long-double", softmax_rows_agree_with_long_double);
        add(build, "exact-zeros-add-nothing", exact_zeros_add_nothing);
        add(build, "denormals-do-no-harm", denormals_do_no_harm);
        add(build, "a-one-hot-row-is-exactly-0", a_one_hot_row_is_exactly_0);
        add(build, "a-uniform-row-is-ln-n", a_uniform_row_is_ln_n);
        add(build, "weights-just-above-1-are-right", weights_just_above_1_are_right);
        add(build, "every-magnitude-is-right", every_magnitude_is_right);
        add(build, "any-pointer-will-do", any_pointer_will_do);
        add(build, "nan-inf-and-signs-are-seen-anywhere", nan_inf_and_signs_are_seen_anywhere);
        add(build, "large-weights-are-no-false-alarm", large_weights_are_no_false_alarm);
        add(build, "the-hash-is-that-of-every-other-build", the_hash_is_that_of_every_other_build);
        add(build, "the-hash-sees-every-single-bit", the_hash_sees_every_single_bit);
        add(build, "the-hash-sees-exchanged-values", the_hash_sees_exchanged_values);
        add(build, "the-hash-tells-one-hot-rows-apart", the_hash_tells_one_hot_rows_apart);
        add(build, "sums-of-two-rows-are-exact", sums_of_two_rows_are_exact);
        add(build, "logs-are-those-of-positive-weights", logs_are_those_of_positive_weights);
    }
    g_test_add_func("/row-sums/only-positive-zeros-are-zero", only_positive_zeros_are_zero);
    g_test_add_func("/row-sums/the-best-build-is-chosen", the_best_build_is_chosen);
    return g_test_run();
}
