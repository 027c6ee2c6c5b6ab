/* rows.c: which class a row has, and what is kept of it.
 *
 * The first class that fits: nan (any stored weight), masked (query is padding, no key allowed, all
 * weights 0), off_sum, else valid.  A diverged row is not a collapsed one: it never becomes a 0. */
#include "analyzer-private.h"

#include <string.h>

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

static SplitRow
split_row(const EntroRowRule *rule, gsize position, const float *p)
{
    SplitRow row = {.n_before = position + 1};
    gsize n_after = rule->n_keys - row.n_before;

    rule->kernel(p, row.n_before, &row.before);
    row.after_is_zero =
        n_after == 0 || (rule->causal && entro_row_is_zero(p + row.n_before, n_after));
    if (!row.after_is_zero)
        rule->kernel(p + row.n_before, n_after, &row.after);
    return row;
}

static guint64
row_hash(const SplitRow *row)
{
    guint64 hash = row->before.hash ^ (row->after_is_zero ? 0 : row->after.hash << 1 | 1);

    return (hash ^ hash >> 29) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
}

static guint32
allowed_keys(const EntroRowRule *rule, const EntroKeys *keys, gsize position)
{
    gsize end = rule->causal ? position + 1 : rule->n_keys;

    return keys->allowed ? keys->allowed[end] : (guint32)end;
}

/* What a row puts on keys that the causal rule or the mask forbids. */
static double
forbidden_mass(const EntroRowRule *rule, const EntroKeys *keys, gsize position, const float *p)
{
    double mass = 0;

    for (gsize key = 0; key < rule->n_keys; key++)
        if ((rule->causal && key > position) || (keys->mask && !keys->mask[key]))
            mass += fabs(p[key]);
    return mass;
}

/* A row with a NaN, an Inf or a sign bit (-0, or rounding below 0) is rare: all of it again, in
 * double.  A weight below 0 adds nothing to the entropy.  FALSE: it is not finite. */
static gboolean
measure_slowly(const EntroRowRule *rule, gsize position, const float *p, Measure *ret_measure)
{
    Measure measure = {0};

    for (gsize key = 0; key < rule->n_keys; key++) {
        if (!isfinite(p[key]))
            return FALSE;
        measure.sum += p[key];
        measure.smallest = MIN(measure.smallest, p[key]);
        measure.largest = MAX(measure.largest, p[key]);
        measure.distance += p[key] * fabs((double)position - (double)key);
        if (p[key] > 0)
            measure.entropy -= p[key] * log(p[key]);
    }
    *ret_measure = measure;
    return TRUE;
}

/* sum p_k |q - k| from the two runs' sums and moments; the run after begins at distance 1. */
static double
distance(const SplitRow *row, gsize position)
{
    double before = position * row->before.sum - row->before.moment;
    double after = row->after_is_zero ? 0 : row->after.moment + row->after.sum;

    return before + after;
}

static gboolean
measure_row(const EntroRowRule *rule, const SplitRow *row, gsize position, const float *p,
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
is_off(const EntroRowRule *rule, const EntroKeys *keys, const SplitRow *split, gsize position,
       const float *p, const Measure *measure)
{
    gboolean may_be_forbidden = keys->mask != NULL || (rule->causal && !split->after_is_zero);

    return !(fabs(measure->sum - 1) <= rule->tolerance) || measure->smallest < -rule->tolerance ||
           (may_be_forbidden && forbidden_mass(rule, keys, position, p) > rule->tolerance);
}

EntroRowClass
entro_row_measure(const EntroRowRule *rule, const EntroKeys *keys, gsize query, const float *p,
                  EntroRow *ret_row, guint64 *ret_hash)
{
    gsize position = query + rule->n_keys - rule->n_queries;
    SplitRow split = split_row(rule, position, p);
    guint32 n_keys = allowed_keys(rule, keys, position);
    Measure measure;

    *ret_hash = row_hash(&split);
    ret_row->n_keys = 0;
    if (!measure_row(rule, &split, position, p, &measure))
        return ENTRO_ROW_NAN;
    if (n_keys == 0 || (measure.largest == 0 && measure.smallest == 0) ||
        (keys->mask && !keys->mask[position]))
        return ENTRO_ROW_MASKED;
    if (is_off(rule, keys, &split, position, p, &measure))
        return ENTRO_ROW_OFF_SUM;
    /* MAX: rounding may leave -1e-8, and -0 would be printed as "-0" */
    *ret_row = (EntroRow){.entropy = measure.entropy > 0 ? measure.entropy : 0,
                          .n_keys = n_keys,
                          .max_weight = (float)measure.largest,
                          .sink = p[0],
                          .distance = (float)measure.distance};
    return ENTRO_ROW_VALID;
}
