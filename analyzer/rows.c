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

static double
allowed_keys(const EntroRowRule *rule, const EntroKeys *keys, gsize position)
{
    gsize end = rule->causal ? position + 1 : rule->n_keys;

    return keys->allowed ? keys->allowed[end] : end;
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

/* Rows with a sign bit are rare (-0, or rounding below 0): done again, slowly.  A weight below 0
 * adds nothing to the entropy. */
static double
signed_row(const EntroRowRule *rule, const float *p, EntroRow *row)
{
    double smallest = 0, plogp = 0, largest = 0;

    for (gsize key = 0; key < rule->n_keys; key++) {
        smallest = MIN(smallest, p[key]);
        largest = MAX(largest, p[key]);
        if (p[key] > 0)
            plogp += p[key] * log(p[key]);
    }
    row->entropy = MAX(0.0, 0.0 - plogp);
    row->max_weight = (float)largest;
    return smallest;
}

/* sum p_k |q - k| from the two runs' sums and moments. */
static double
distance(const SplitRow *row, gsize position)
{
    double before = position * row->before.sum - row->before.moment;
    double after = row->after_is_zero ? 0 : row->after.moment + row->after.sum;

    return before + after; /* the run after begins at distance 1 */
}

static gboolean
is_off(const EntroRowRule *rule, const EntroKeys *keys, const SplitRow *split, gsize position,
       const float *p, double smallest)
{
    double sum = split->before.sum + split->after.sum;
    gboolean may_be_forbidden = keys->mask != NULL || (rule->causal && !split->after_is_zero);

    return !(fabs(sum - 1) <= rule->tolerance) || smallest < -rule->tolerance ||
           (may_be_forbidden && forbidden_mass(rule, keys, position, p) > rule->tolerance);
}

EntroRowClass
entro_row_measure(const EntroRowRule *rule, const EntroKeys *keys, gsize query, const float *p,
                  EntroRow *ret_row, guint64 *ret_hash)
{
    gsize position = query + rule->n_keys - rule->n_queries;
    SplitRow split = split_row(rule, position, p);
    guint32 max_bits = MAX(split.before.max_bits, split.after.max_bits);
    guint32 n_keys = allowed_keys(rule, keys, position);
    double smallest = 0;

    *ret_hash = row_hash(&split);
    ret_row->n_keys = 0;
    if (max_bits >= ENTRO_BITS_INF)
        return ENTRO_ROW_NAN;
    if (n_keys == 0 || max_bits == 0 || (keys->mask && !keys->mask[position]))
        return ENTRO_ROW_MASKED;
    /* MAX: rounding may leave -1e-8; and 0.0 - x, as -x would make a one-hot row print "-0" */
    ret_row->entropy = MAX(0.0, 0.0 - (split.before.plogp + split.after.plogp));
    memcpy(&ret_row->max_weight, &max_bits, sizeof max_bits);
    if (split.before.negative | split.after.negative)
        smallest = signed_row(rule, p, ret_row);
    if (is_off(rule, keys, &split, position, p, smallest))
        return ENTRO_ROW_OFF_SUM;
    ret_row->n_keys = n_keys;
    ret_row->sink = p[0];
    ret_row->distance = (float)distance(&split, position);
    return ENTRO_ROW_VALID;
}
