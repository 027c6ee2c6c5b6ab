/* fuzz-stats.c: rows of any bits at all through the statistics of rows, heads and layers.
 *
 * Each row is measured by every build of the kernels and held against the definitions, in long double, one
 * weight after the other; heads against sums and sorted quantiles of their rows.  Some inputs are also
 * analysed as an array of a file, by one worker and by three.
 *
 *     byte 0: keys; 1: queries, heads; 2: flags; 3: window; 4: tolerance; 5: how rows begin; 6-9: a
 *     temperature; a bit for each key if there is a mask or documents; byte: patches, each of 16 bits of
 *     place and 32 of a weight; the rest makes the rows, again and again */
#include "analyzer-private.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_KEYS = 256, MOST_QUERIES = 12, MOST_HEADS = 3 };
enum {
    CAUSAL = 1,
    MASK = 2,
    DOCUMENTS = 4,
    WINDOW = 8,
    POSITIONS = 16,
    LOGITS = 32,
    FILE_TOO = 64
};

/* Of an entropy, in nats, for each unit of the row's sum: what the kernels promise (test-row-sums.c). */
#define NATS 1e-6

static const double tolerances[] = {1e-4, 1e-2, 1e-6, 0, 0.5, 3, 1e30};

typedef struct {
    gsize n_keys, n_queries, n_heads;
    guint flags;
    EntroRowRule rule;
    EntroKeys keys;
    double temperature;
    float *p; /* [n_heads][n_queries][n_keys] */
    guint8 mask[MOST_KEYS];
    gint64 segment[MOST_KEYS], positions[MOST_QUERIES];
    guint32 allowed[MOST_KEYS + 1];
} Case;

/* ---- the input ------------------------------------------------------------------------------------- */

static float
float_of(guint32 bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static guint32
take32(FuzzBytes *bytes)
{
    guint32 low = fuzz_take16(bytes);

    return low | (guint32)fuzz_take16(bytes) << 16;
}

static void
take_keys(Case *one, FuzzBytes *bytes)
{
    guint bits = 0;
    gint64 document = 0;

    for (gsize key = 0; key < one->n_keys; key++) {
        bits = key % 8 == 0 && one->flags & (MASK | DOCUMENTS) ? fuzz_take(bytes) : bits >> 1;
        one->mask[key] = bits & 1;
        document += bits & 1;
        one->segment[key] = one->flags & MASK ? document / 2 : document;
    }
    one->keys = (EntroKeys){.mask = one->flags & MASK ? one->mask : NULL,
                            .segment = one->flags & DOCUMENTS ? one->segment : NULL};
    entro_keys_count(&one->keys, one->n_keys, one->allowed);
}

/* Rows that sum to 1 before they are patched, or bits as they come. */
static void
make_row(const Case *one, guint how, const FuzzBytes *bytes, gsize *at, float *p)
{
    double sum = 0;

    for (gsize key = 0; key < one->n_keys; key++) {
        guint32 bits = 0;
        for (guint i = 0; i < (how == 0 ? 4 : 1); i++)
            bits = bits << 8 | (bytes->left > 0 ? bytes->at[(*at)++ % bytes->left] : 1);
        p[key] = how == 0   ? float_of(bits)
                 : how == 1 ? (float)bits
                            : (float)exp(-(double)bits / how);
        sum += p[key];
    }
    for (gsize key = 0; key < one->n_keys && how > 0 && sum > 0; key++)
        p[key] = (float)(p[key] / sum);
}

/* What no key is allowed to get goes to those that are. */
static void
move_forbidden(const Case *one, gsize query, float *p)
{
    gssize position = entro_row_position(&one->rule, query);
    EntroKeyRange range = entro_row_range(&one->rule, position);
    double sum = 0;

    for (gsize key = 0; key < one->n_keys; key++) {
        if (key < range.first || key >= range.end || (one->keys.mask && !one->mask[key]) ||
            (one->keys.segment && (position < 0 || one->segment[key] != one->segment[position])))
            p[key] = 0;
        sum += p[key];
    }
    for (gsize key = 0; key < one->n_keys && sum > 0; key++)
        p[key] = (float)(p[key] / sum);
}

static void
take_rows(Case *one, FuzzBytes *bytes, guint how)
{
    const gsize n_rows = one->n_heads * one->n_queries;
    struct {
        guint place;
        float value;
    } patches[16];
    const guint n_patches = fuzz_take(bytes) % G_N_ELEMENTS(patches);
    gsize at = 0;

    for (guint i = 0; i < n_patches; i++) {
        patches[i].place = fuzz_take16(bytes);
        patches[i].value = float_of(take32(bytes));
    }
    one->p = g_new(float, n_rows * one->n_keys);
    for (gsize row = 0; row < n_rows; row++) {
        make_row(one, how % 128, bytes, &at, one->p + row * one->n_keys);
        if (how & 128)
            move_forbidden(one, row % one->n_queries, one->p + row * one->n_keys);
    }
    for (guint i = 0; i < n_patches; i++)
        one->p[patches[i].place % (n_rows * one->n_keys)] = patches[i].value;
}

static void
take_case(Case *one, FuzzBytes *bytes)
{
    one->n_keys = fuzz_take(bytes) + 1;
    guint shape = fuzz_take(bytes);
    one->n_queries = shape % MOST_QUERIES + 1;
    one->n_heads = shape / MOST_QUERIES % MOST_HEADS + 1;
    one->flags = fuzz_take(bytes);
    guint window = fuzz_take(bytes) + 1, tolerance = fuzz_take(bytes), how = fuzz_take(bytes);
    one->temperature = float_of(take32(bytes));
    for (gsize query = 0; query < one->n_queries; query++)
        one->positions[query] = (gint64)(query * one->n_keys / one->n_queries);
    one->rule = (EntroRowRule){.n_queries = one->n_queries,
                               .n_keys = one->n_keys,
                               .causal = (one->flags & CAUSAL) != 0,
                               .tolerance = tolerances[tolerance % G_N_ELEMENTS(tolerances)],
                               .kernels = entro_kernels(),
                               .window = one->flags & WINDOW ? window : 0,
                               .positions = one->flags & POSITIONS ? one->positions : NULL};
    take_keys(one, bytes);
    take_rows(one, bytes, how);
}

/* ---- one row, by its definitions ---------------------------------------------------------------------- */

typedef struct {
    EntroRowClass class_;
    gboolean close; /* to a limit: rounding decides whether it is valid */
    long double sum, entropy, distance, sum_logs, square_logs;
    float smallest, largest;
    guint32 n_keys;
    gsize n_positive;
} Expected;

/* Whether x is over the tolerance; notes when nobody could say. */
static gboolean
is_over(const Case *one, long double x, Expected *expected)
{
    expected->close |= fabsl(x - one->rule.tolerance) <= 1e-6L * (1 + x);
    return x > one->rule.tolerance;
}

static gboolean
may_attend(const Case *one, gssize query, gssize key)
{
    gssize window = (gssize)one->rule.window;

    return (!one->keys.mask || one->mask[key]) && (!one->rule.causal || key <= query) &&
           (window == 0 || (key > query - window && key < query + window)) &&
           (!one->keys.segment || (query >= 0 && one->segment[key] == one->segment[query]));
}

static Expected
expect(const Case *one, gssize query, const float *p)
{
    Expected expected = {0};
    long double forbidden = 0;
    gboolean finite = TRUE;

    for (gsize key = 0; key < one->n_keys; key++) {
        const long double weight = p[key];
        finite &= isfinite(p[key]) != 0;
        expected.sum += weight;
        expected.smallest = MIN(expected.smallest, p[key]);
        expected.largest = MAX(expected.largest, p[key]);
        expected.distance += weight * fabsl((long double)query - (long double)key);
        if (may_attend(one, query, (gssize)key))
            expected.n_keys++;
        else
            forbidden += fabsl(weight);
        if (weight <= 0)
            continue;
        expected.n_positive++;
        expected.entropy -= weight * logl(weight);
        expected.sum_logs += logl(weight);
        expected.square_logs += logl(weight) * logl(weight);
    }
    gboolean padding = one->keys.mask && query >= 0 && !one->mask[query];
    gboolean empty = expected.largest == 0 && expected.smallest == 0;
    if (!finite)
        expected.class_ = ENTRO_ROW_NAN;
    else if (expected.n_keys == 0 || padding || empty)
        expected.class_ = ENTRO_ROW_MASKED;
    else {
        gboolean off = is_over(one, fabsl(expected.sum - 1), &expected);
        off |= is_over(one, -(long double)expected.smallest, &expected);
        off |= is_over(one, forbidden, &expected);
        expected.class_ = off ? ENTRO_ROW_OFF_SUM : ENTRO_ROW_VALID;
    }
    return expected;
}

/* ---- one row, as it is measured ------------------------------------------------------------------------ */

#define CHECK_NEAR(value, expected, within)                                                        \
    G_STMT_START                                                                                   \
    {                                                                                              \
        const double value_ = (value), expected_ = (double)(expected), within_ = (double)(within); \
        if (!(fabs(value_ - expected_) <= within_))                                                \
            g_error("line %d: " #value " is %.17g, not %.17g (within %g)", __LINE__, value_,       \
                    expected_, within_);                                                           \
    }                                                                                              \
    G_STMT_END

static void
check_not_negative(double value)
{
    g_assert_true(value >= 0 && !signbit(value));
}

static float
weight_at(const Case *one, const float *p, gssize key)
{
    return key >= 0 && key < (gssize)one->n_keys && p[key] > 0 ? p[key] : 0;
}

/* A sum s of weights on n keys has an entropy of at most s ln (n / s): ln n of those that sum to 1. */
static void
check_entropy(const EntroRow *row, const Expected *expected)
{
    const long double sum = expected->sum, n = expected->n_positive;
    const double slack = NATS * (1 + (double)MAX(sum, expected->largest));

    check_not_negative(row->entropy);
    CHECK_NEAR(row->entropy, MAX(expected->entropy, 0), slack);
    if (expected->smallest < 0) /* the others then sum to more than 1 */
        return;
    g_assert_cmpfloat(row->entropy, <=, (double)MAX(sum * logl(n / sum), 0) + slack);
    if (fabsl(sum - 1) <= 1e-7L && n <= row->n_keys)
        g_assert_cmpfloat(row->entropy, <=, log((double)row->n_keys) + slack);
}

static void
check_valid(const Case *one, gssize query, const float *p, const EntroRow *row,
            const Expected *expected)
{
    const double away = (double)(one->n_keys + MAX(-query, 0));
    const double scale = 1 + (double)MAX(expected->sum, expected->largest);

    check_entropy(row, expected);
    g_assert_cmpuint(row->n_keys, ==, expected->n_keys);
    g_assert_cmpfloat(row->max_weight, ==, expected->largest);
    g_assert_cmpfloat(row->sink, ==, weight_at(one, p, 0));
    g_assert_cmpfloat(row->self, ==, weight_at(one, p, query));
    g_assert_cmpfloat(row->previous, ==, weight_at(one, p, query - 1));
    check_not_negative(row->max_weight);
    check_not_negative(row->sink);
    check_not_negative(row->self);
    check_not_negative(row->previous);
    check_not_negative(row->distance);
    CHECK_NEAR(row->distance, MAX(expected->distance, 0), 1e-6 * away * scale);
    g_assert_cmpuint(row->end, <=, one->n_keys);
    for (gsize key = row->end; key < one->n_keys; key++)
        g_assert_true(p[key] == 0);
    g_assert_true(isnan(row->logit_max) && isnan(row->logit_square) && isnan(row->logit_peak));
}

/* z = t (ln p - mean of ln p), over the keys with weight: a temperature from a file may be anything. */
static void
check_logits(const Case *one, const float *p, EntroRow *row, const Expected *expected)
{
    const double t = one->temperature;

    entro_row_measure_logits(&one->rule, p, t, row);
    g_assert_true(isnan(row->logit_max) || isfinite(row->logit_max));
    g_assert_true(isnan(row->logit_square) || isfinite(row->logit_square));
    if (!(t > 0) || expected->n_positive == 0) {
        g_assert_true(isnan(row->logit_max));
        return;
    }
    if (t > 1e15)
        return;
    const long double n = expected->n_positive, mean = expected->sum_logs / n;
    const long double variance = expected->square_logs / n - mean * mean;
    check_not_negative(row->logit_square);
    CHECK_NEAR(row->logit_max, t * (logl(expected->largest) - mean), t * 3e-4 + 1e-44);
    CHECK_NEAR(row->logit_square, t * t * MAX(variance, 0), t * t * 2e-2 + 1e-44);
}

static EntroRowClass
measure(Case *one, gsize query, const float *p, EntroRow *ret_row)
{
    const gssize position = entro_row_position(&one->rule, query);
    const Expected expected = expect(one, position, p);
    EntroRowClass class_ = ENTRO_ROW_VALID;
    guint n_builds;
    const EntroKernels *builds = entro_kernel_builds(&n_builds);
    guint64 first_hash = 0;

    for (guint i = n_builds; i-- > 0;) { /* the best one last: its row is kept */
        guint64 hash;
        one->rule.kernels = &builds[i];
        class_ = entro_row_measure(&one->rule, &one->keys, query, p, ret_row, &hash);
        g_assert_true(i == n_builds - 1 || hash == first_hash);
        first_hash = hash;
        g_assert_true(
            class_ == expected.class_ ||
            (expected.close && (class_ == ENTRO_ROW_VALID || class_ == ENTRO_ROW_OFF_SUM)));
        g_assert_true((class_ == ENTRO_ROW_VALID) == (ret_row->n_keys > 0));
        if (class_ != ENTRO_ROW_VALID)
            continue;
        check_valid(one, position, p, ret_row, &expected);
        if (one->flags & LOGITS)
            check_logits(one, p, ret_row, &expected);
    }
    return class_;
}

/* ---- heads --------------------------------------------------------------------------------------------- */

static int
compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
sorted_quantile(const double *sorted, gsize n, double fraction)
{
    const double index = fraction * (double)(n - 1);
    const gsize low = (gsize)index;

    return low + 1 < n ? sorted[low] + (index - (double)low) * (sorted[low + 1] - sorted[low])
                       : sorted[low];
}

/* Sums of some of the columns, in the order of the rows. */
static void
check_means(const EntroRow *rows, gsize n_rows, gsize n, const double *values)
{
    long double entropy = 0, ceiling = 0, keys = 0, sink = 0, squares = 0;

    for (gsize i = 0; i < n_rows; i++)
        if (rows[i].n_keys > 0) {
            entropy += rows[i].entropy;
            ceiling += logl(rows[i].n_keys);
            keys += expl(rows[i].entropy);
            sink += rows[i].sink;
        }
    for (gsize i = 0; i < n_rows; i++)
        if (rows[i].n_keys > 0)
            squares += (rows[i].entropy - entropy / n) * (rows[i].entropy - entropy / n);
    CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_MEAN], entropy / n, 1e-12L * (1 + entropy));
    CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_CEILING], ceiling / n, 1e-12L * (1 + ceiling));
    CHECK_NEAR(values[ENTRO_HEAD_EFFECTIVE_KEYS], keys / n, 1e-12L * keys);
    CHECK_NEAR(values[ENTRO_HEAD_SINK_MASS], sink / n, 1e-12L * (1 + sink));
    if (n > 1)
        CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_SD], sqrtl(squares / (n - 1)), 1e-12L * (1 + entropy));
    else
        g_assert_true(isnan(values[ENTRO_HEAD_ENTROPY_SD]));
}

static void
check_quantiles(const EntroRow *rows, gsize n_rows, gsize n, const double *values)
{
    g_autofree double *sorted = g_new(double, n);
    gsize at = 0;

    for (gsize i = 0; i < n_rows; i++)
        if (rows[i].n_keys > 0)
            sorted[at++] = rows[i].entropy;
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    const double most = sorted[n - 1], slack = 1e-12 * (1 + most);
    g_assert_cmpfloat(values[ENTRO_HEAD_ENTROPY_MIN], ==, sorted[0]);
    g_assert_cmpfloat(values[ENTRO_HEAD_ENTROPY_MAX], ==, most);
    CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_P05], sorted_quantile(sorted, n, 0.05), slack);
    CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_MEDIAN], sorted_quantile(sorted, n, 0.5), slack);
    CHECK_NEAR(values[ENTRO_HEAD_ENTROPY_P95], sorted_quantile(sorted, n, 0.95), slack);
}

/* Defined or NaN, and nothing else: where there is no valid row, all of it is NaN. */
static void
check_columns(const double *values, gsize n_valid)
{
    for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++) {
        g_assert_true(isnan(values[column]) || (isfinite(values[column]) && n_valid > 0));
        if (!isnan(values[column]) && (values[column] < 0 || signbit(values[column])))
            g_error("%s is %g", entro_head_columns()[column].name, values[column]);
    }
    if (n_valid == 0)
        return;
    for (guint column = 0; column <= ENTRO_HEAD_PREVIOUS_WEIGHT; column++)
        g_assert_true(!isnan(values[column]) || column == ENTRO_HEAD_ENTROPY_SD ||
                      column == ENTRO_HEAD_ENTROPY_NORM);
    for (guint column = ENTRO_HEAD_ROWS_COLLAPSED; column <= ENTRO_HEAD_ROWS_OVERLOADED; column++)
        g_assert_true(isnan(values[column]) || values[column] <= 1);
}

/* Of the largest logit of all nothing is known where that of one row is not. */
static void
check_logit_columns(const Case *one, const double *values, gsize n_valid)
{
    const gboolean any = (one->flags & LOGITS) != 0 && n_valid > 0;

    if (!any || !(one->temperature > 0) || isinf(one->temperature))
        g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_MAX]));
    if (!any)
        g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_SQUARE]));
    g_assert_true(isnan(values[ENTRO_HEAD_LOGIT_PEAK]));
}

static void
check_head(Case *one, const float *p, EntroRows *work, EntroHeadStats *ret_head)
{
    EntroRow rows[MOST_QUERIES];
    gint64 counts[ENTRO_N_ROW_CLASSES] = {0};

    for (gsize query = 0; query < one->n_queries; query++) {
        /* a block of its own, for a sanitizer to see what is read behind the end */
        g_autofree float *row = g_memdup2(p + query * one->n_keys, one->n_keys * sizeof *p);
        counts[measure(one, query, row, &rows[query])]++;
    }
    const gsize n_valid = (gsize)counts[ENTRO_ROW_VALID];
    *ret_head = (EntroHeadStats){.n_rows = (gint64)one->n_queries,
                                 .n_nan = counts[ENTRO_ROW_NAN],
                                 .n_masked = counts[ENTRO_ROW_MASKED],
                                 .n_off_sum = counts[ENTRO_ROW_OFF_SUM]};
    entro_head_summarise(rows, one->n_queries, work, ret_head->values);
    check_columns(ret_head->values, n_valid);
    check_logit_columns(one, ret_head->values, n_valid);
    if (n_valid == 0)
        return;
    check_means(rows, one->n_queries, n_valid, ret_head->values);
    check_quantiles(rows, one->n_queries, n_valid, ret_head->values);
}

static void
check_heads(Case *one)
{
    double log_n[MOST_KEYS + 1] = {0};
    EntroHeadStats heads[MOST_HEADS];
    EntroLayerStats layer;
    EntroRows work;

    for (guint k = 1; k <= MOST_KEYS; k++)
        log_n[k] = log(k);
    g_assert_true(entro_rows_init(&work, MOST_QUERIES, log_n));
    for (gsize head = 0; head < one->n_heads; head++)
        check_head(one, one->p + head * one->n_queries * one->n_keys, &work, &heads[head]);
    entro_rows_clear(&work);
    entro_layer_summarise(heads, (guint)one->n_heads, &layer);
    g_assert_cmpuint(layer.n_valid_heads, <=, layer.n_heads);
    for (guint column = 0; column < ENTRO_LAYER_N_COLUMNS; column++)
        g_assert_true(isnan(layer.values[column]) || layer.values[column] >= 0);
    double share = 0;
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        share += layer.values[ENTRO_LAYER_HEADS_BAND_1 + band];
    g_assert_true(isnan(share) || fabs(share - 1) < 1e-12);
}

/* ---- a file of them ------------------------------------------------------------------------------------- */

/* Two steps of one layer, the second with the heads in reverse. */
static GString *
make_npy(const Case *one)
{
    const gsize head_size = one->n_queries * one->n_keys;
    g_autofree char *header = g_strdup_printf(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, %zu, %zu, %zu), }", one->n_heads,
        one->n_queries, one->n_keys);
    g_autofree char *padded = g_strdup_printf("%-117s\n", header);
    GString *file = g_string_new_len("\x93NUMPY\x01\x00\x76\x00", 10);

    g_string_append(file, padded);
    g_string_append_len(file, (const char *)one->p,
                        (gssize)(one->n_heads * head_size * sizeof *one->p));
    for (gsize head = one->n_heads; head-- > 0;)
        g_string_append_len(file, (const char *)(one->p + head * head_size),
                            (gssize)(head_size * sizeof *one->p));
    return file;
}

static void
check_analysed_head(const EntroHeadStats *head)
{
    const gint64 n_valid = head->n_rows - head->n_nan - head->n_masked - head->n_off_sum;

    g_assert_true(head->n_nan >= 0 && head->n_masked >= 0 && head->n_off_sum >= 0 && n_valid >= 0);
    check_columns(head->values, (gsize)n_valid);
}

/* At most ln of how many are compared, where the rows sum to 1. */
static void
check_analysed_layer(const EntroLayerStats *layer, double tolerance)
{
    static const guint divergences[] = {ENTRO_LAYER_DIVERSITY, ENTRO_LAYER_PAIR_DIVERGENCE};

    for (guint column = 0; column < ENTRO_LAYER_N_COLUMNS; column++) {
        const double value = layer->values[column];
        if (!isnan(value))
            check_not_negative(value);
        g_assert_false(isinf(value));
    }
    for (guint i = 0; i < G_N_ELEMENTS(divergences) && tolerance <= 1e-2; i++)
        g_assert_false(layer->values[divergences[i]] >
                       log(MAX(layer->n_heads, 1)) + 20 * tolerance + 1e-5);
}

/* Everything that was measured, as bytes. */
static GByteArray *
analyse(const Case *one, const char *path, guint n_threads)
{
    EntroSourceOptions options = {.limits = fuzz_limits(0), .layout = "array", .axes = "SLHQK"};
    EntroRunOptions how = ENTRO_RUN_OPTIONS_DEFAULT;
    EntroCapture capture = {0};
    gboolean end = FALSE;
    GByteArray *all = g_byte_array_new();

    how.n_threads = n_threads;
    how.tolerance = one->rule.tolerance;
    how.with = ENTRO_WITH_QUANTILES | ENTRO_WITH_DIVERSITY | ENTRO_WITH_LOGITS | ENTRO_WITH_PAIRS;
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, &options, &error);
    g_assert_no_error(error);
    g_autoptr(EntroRun) run = entro_run_new(source, &how, &error);
    g_assert_no_error(error);
    while (entro_run_next(run, &capture, &end, NULL) && !end) {
        g_assert_true(capture.status == ENTRO_CAPTURE_COMPLETE && capture.n_heads == one->n_heads);
        g_byte_array_append(all, (const guint8 *)&capture.digest, sizeof capture.digest);
        for (guint i = 0; i < capture.n_heads; i++) {
            check_analysed_head(&capture.heads[i]);
            g_byte_array_append(all, (const guint8 *)&capture.heads[i], sizeof *capture.heads);
        }
        check_analysed_layer(&capture.layers[0], how.tolerance);
        g_byte_array_append(all, (const guint8 *)&capture.layers[0], sizeof *capture.layers);
    }
    g_assert_true(end);
    entro_capture_clear(&capture);
    return all;
}

static void
check_file(const Case *one)
{
    g_autoptr(GString) npy = make_npy(one);
    g_autofree char *path = NULL;
    int fd = fuzz_file((const guint8 *)npy->str, npy->len, &path);
    g_autoptr(GByteArray) alone = analyse(one, path, 1), together = analyse(one, path, 3);

    close(fd);
    g_assert_cmpmem(alone->data, alone->len, together->data, together->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes bytes = {data, size};
    Case one = {0};

    take_case(&one, &bytes);
    check_heads(&one);
    if (one.flags & FILE_TOO &&
        fuzz_choose(data, size, 16) == 0) /* the threads wait for each other */
        check_file(&one);
    g_free(one.p);
    return 0;
}
