/* rows.c: which class a row has, and what is kept of it.
 *
 * The first class that fits: nan (any stored weight), masked (query is padding, no key allowed, all
 * weights 0), off_sum, else valid.  A diverged row is not a collapsed one: it never becomes a 0. */
#include "analyzer-private.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* bytes: one vector of the kernel */

/* The row in two runs: keys up to the query's own position, and the keys after it. */
typedef struct {
    EntroRowSums before, after;
    gsize n_before;
    gboolean after_is_zero; /* then `after` is all 0 and was not computed */
} SplitRow;

/* A row in numbers, whichever way they were found. */
typedef struct {
    double sum, entropy, smallest, largest, distance;
} Measure;

EntroRowRule
entro_row_rule(const EntroLayer *layer, double tolerance)
{
    gboolean half = layer->element == ENTRO_F16 || layer->element == ENTRO_BF16;
    double by_type = half ? ENTRO_TOLERANCE_HALF : ENTRO_TOLERANCE_SINGLE;

    return (EntroRowRule){.n_queries = layer->n_queries,
                          .n_keys = layer->n_keys,
                          .tolerance = isnan(tolerance) ? by_type : tolerance,
                          .kernels = entro_kernels(),
                          .window = layer->window,
                          .positions = layer->query_rows};
}

void
entro_keys_count(EntroKeys *keys, gsize n_keys, guint32 *allowed)
{
    keys->allowed = keys->mask ? allowed : NULL;
    if (keys->mask == NULL)
        return;
    allowed[0] = 0;
    for (gsize key = 0; key < n_keys; key++)
        allowed[key + 1] = allowed[key] + (keys->mask[key] != 0);
}

gssize
entro_row_position(const EntroRowRule *rule, gsize query)
{
    return rule->positions ? (gssize)rule->positions[query]
                           : (gssize)query + (gssize)rule->n_keys - (gssize)rule->n_queries;
}

/* A window is keys back; without a causal rule it is as many ahead, as local attention has it. */
EntroKeyRange
entro_row_range(const EntroRowRule *rule, gssize position)
{
    gssize n_keys = (gssize)rule->n_keys, window = (gssize)MIN(rule->window, G_MAXINT32);
    gssize first = window > 0 ? position - window + 1 : 0;
    gssize end = rule->causal ? position + 1 : window > 0 ? position + window : n_keys;

    first = CLAMP(first, 0, n_keys);
    return (EntroKeyRange){(gsize)first, (gsize)CLAMP(end, first, n_keys)};
}

guint32
entro_row_allowed(const EntroRowRule *rule, const EntroKeys *keys, gssize position)
{
    EntroKeyRange range = entro_row_range(rule, position);
    guint32 n = 0;

    if (keys->segment == NULL)
        return keys->allowed ? keys->allowed[range.end] - keys->allowed[range.first]
                             : (guint32)(range.end - range.first);
    for (gsize key = range.first; position >= 0 && key < range.end; key++)
        n += keys->segment[key] == keys->segment[position] && (!keys->mask || keys->mask[key]);
    return n;
}

gboolean
entro_row_is_masked(const EntroKeys *keys, gssize position, guint32 n_allowed)
{
    return n_allowed == 0 || (keys->mask && position >= 0 && !keys->mask[position]);
}

static SplitRow
split_row(const EntroRowRule *rule, gssize position, const float *p)
{
    SplitRow row = {.n_before = (gsize)MAX(position + 1, 0)};
    gsize n_after = rule->n_keys - row.n_before;

    rule->kernels->sums(p, row.n_before, &row.before);
    row.after_is_zero = entro_row_is_zero(p + row.n_before, n_after);
    if (!row.after_is_zero)
        rule->kernels->sums(p + row.n_before, n_after, &row.after);
    return row;
}

static guint64
row_hash(const SplitRow *row)
{
    guint64 hash = row->before.hash ^ (row->after_is_zero ? 0 : row->after.hash << 1 | 1);

    return (hash ^ hash >> 29) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
}

/* What a row puts on keys that the causal rule, the window, the mask or the documents forbid. */
static double
forbidden_mass(const EntroRowRule *rule, const EntroKeys *keys, gssize position, const float *p)
{
    EntroKeyRange range = entro_row_range(rule, position);
    double mass = 0;

    for (gsize key = 0; key < rule->n_keys; key++)
        if (key < range.first || key >= range.end || (keys->mask && !keys->mask[key]) ||
            (keys->segment && (position < 0 || keys->segment[key] != keys->segment[position])))
            mass += fabs(p[key]);
    return mass;
}

/* A row with a NaN, an Inf or a sign bit (-0, or rounding below 0) is rare: all of it again, in
 * double.  A weight below 0 adds nothing to the entropy.  FALSE: it is not finite. */
static gboolean
measure_slowly(const EntroRowRule *rule, gssize position, const float *p, Measure *ret_measure)
{
    Measure measure = {0};

    for (gsize key = 0; key < rule->n_keys; key++) {
        if (!isfinite(p[key]))
            return FALSE;
        measure.sum += p[key];
        measure.smallest = MIN(p[key], measure.smallest); /* of equals the second: never -0 */
        measure.largest = MAX(p[key], measure.largest);
        measure.distance += p[key] * fabs((double)position - (double)key);
        if (p[key] > 0)
            measure.entropy -= p[key] * log(p[key]);
    }
    *ret_measure = measure;
    return TRUE;
}

/* sum p_k |q - k| from the two runs' sums and moments. */
static double
distance(const SplitRow *row, gssize position)
{
    double first = (double)row->n_before - (double)position; /* of the run after */
    double before = (double)position * row->before.sum - row->before.moment;
    double after = row->after_is_zero ? 0 : row->after.moment + first * row->after.sum;

    return before + after;
}

static gboolean
measure_row(const EntroRowRule *rule, const SplitRow *row, gssize position, const float *p,
            Measure *ret_measure)
{
    guint32 max_bits = MAX(row->before.max_bits, row->after.max_bits);
    float largest;

    if (max_bits >= ENTRO_BITS_INF)
        return measure_slowly(rule, position, p, ret_measure);
    memcpy(&largest, &max_bits, sizeof largest);
    *ret_measure = (Measure){.sum = row->before.sum + row->after.sum,
                             .entropy = 0.0 - (row->before.plogp + row->after.plogp),
                             .largest = largest,
                             .distance = distance(row, position)};
    return TRUE;
}

static gboolean
is_off(const EntroRowRule *rule, const EntroKeys *keys, const SplitRow *split, gssize position,
       const float *p, const Measure *measure)
{
    gboolean may_be_forbidden = keys->mask != NULL || keys->segment != NULL || rule->window > 0 ||
                                (rule->causal && !split->after_is_zero);

    return !(fabs(measure->sum - 1) <= rule->tolerance) || measure->smallest < -rule->tolerance ||
           (may_be_forbidden && forbidden_mass(rule, keys, position, p) > rule->tolerance);
}

/* What lies on one key; weights a little below 0 count as 0, positions outside have none. */
static float
weight_on(const EntroRowRule *rule, const float *p, gssize key)
{
    return key >= 0 && key < (gssize)rule->n_keys && p[key] > 0 ? p[key] : 0;
}

float *
entro_row_new(gsize n_keys)
{
    gsize bytes = n_keys * sizeof(float);

    return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

float *
entro_row_new_for(const EntroTrace *trace, gsize n_keys, GError **error)
{
    float *row = entro_row_new(n_keys);

    if (row == NULL)
        g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_MEMORY,
                    "%s: no memory for a row of %" G_GSIZE_FORMAT " keys", trace->path, n_keys);
    return row;
}

EntroRowClass
entro_row_measure(const EntroRowRule *rule, const EntroKeys *keys, gsize query, const float *p,
                  EntroRow *ret_row, guint64 *ret_hash)
{
    gssize position = entro_row_position(rule, query);
    SplitRow split = split_row(rule, position, p);
    guint32 n_keys = entro_row_allowed(rule, keys, position);
    Measure measure;

    *ret_hash = row_hash(&split);
    ret_row->n_keys = 0;
    if (!measure_row(rule, &split, position, p, &measure))
        return ENTRO_ROW_NAN;
    if (entro_row_is_masked(keys, position, n_keys) ||
        (measure.largest == 0 && measure.smallest == 0))
        return ENTRO_ROW_MASKED;
    if (is_off(rule, keys, &split, position, p, &measure))
        return ENTRO_ROW_OFF_SUM;
    /* rounding, or a weight of -1e-8, may leave less than 0; and -0 would be printed as "-0" */
    *ret_row = (EntroRow){.entropy = measure.entropy > 0 ? measure.entropy : 0,
                          .n_keys = n_keys,
                          .end = (guint32)(split.after_is_zero ? split.n_before : rule->n_keys),
                          .max_weight = (float)measure.largest,
                          .sink = weight_on(rule, p, 0),
                          .distance = measure.distance > 0 ? (float)measure.distance : 0,
                          .self = weight_on(rule, p, position),
                          .previous = weight_on(rule, p, position - 1),
                          .logit_max = NAN,
                          .logit_square = NAN,
                          .logit_peak = NAN};
    return ENTRO_ROW_VALID;
}

EntroRowClass
entro_row_take_entropy(const EntroRowRule *rule, const EntroKeys *keys, gsize query, float entropy,
                       float max_logit, EntroRow *ret_row, guint64 *ret_hash)
{
    gssize position = entro_row_position(rule, query);
    guint32 n_keys = entro_row_allowed(rule, keys, position), bits;

    memcpy(&bits, &entropy, sizeof bits);
    *ret_hash = (bits + G_GUINT64_CONSTANT(1)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    ret_row->n_keys = 0;
    if (!isfinite(entropy))
        return ENTRO_ROW_NAN;
    if (entro_row_is_masked(keys, position, n_keys))
        return ENTRO_ROW_MASKED;
    /* an entropy is rounded in proportion to its size, a sum is not */
    double most = log((double)n_keys), tolerance = rule->tolerance * MAX(most, 1);
    if (entropy < -tolerance || entropy > most + tolerance)
        return ENTRO_ROW_OFF_SUM;
    *ret_row = (EntroRow){.entropy = entropy > 0 ? entropy : 0,
                          .n_keys = n_keys,
                          .max_weight = NAN,
                          .sink = NAN,
                          .distance = NAN,
                          .self = NAN,
                          .previous = NAN,
                          .logit_max = NAN,
                          .logit_square = NAN,
                          .logit_peak = isfinite(max_logit) ? max_logit : NAN};
    return ENTRO_ROW_VALID;
}

void
entro_row_measure_logits(const EntroRowRule *rule, const float *p, double temperature,
                         EntroRow *row)
{
    EntroRowLogs logs;

    rule->kernels->logs(p, row->end, &logs);
    if (logs.n == 0)
        return;
    double mean = logs.sum / (double)logs.n;
    double variance = logs.squares / (double)logs.n - mean * mean;
    /* below 0 the largest logit is that of the smallest weight, which nobody has looked for */
    double largest = temperature * MAX(log((double)row->max_weight) - mean, 0); /* rounding */
    row->logit_max = temperature > 0 ? entro_float_or_nan(largest) : NAN;
    row->logit_square = entro_float_or_nan(temperature * temperature * MAX(variance, 0));
}
