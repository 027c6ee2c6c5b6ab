/* pairs.c: Jensen-Shannon divergence of every two heads of a layer, on some of its queries.
 *
 * H (H - 1) / 2 passes over a row, which is why it is done on request and not on every row. */
#include "analyzer-private.h"

#include <string.h>

#define FIXED_POINT 0x1p36 /* a divergence is at most ln 2: 2^27 rows fit a sum */

/* ---- which queries ------------------------------------------------------------------------------- */

gsize
entro_pair_n_queries(gsize n_queries)
{
    return MIN(n_queries, ENTRO_PAIR_QUERIES);
}

/* The i-th is the middle of the i-th of so many equal parts. */
static gsize
query_of(gsize n_queries, gsize number)
{
    gsize n = entro_pair_n_queries(n_queries);

    return (2 * number + 1) * n_queries / (2 * n);
}

gssize
entro_pair_number(gsize n_queries, gsize query)
{
    gsize number = query * entro_pair_n_queries(n_queries) / n_queries;

    return query_of(n_queries, number) == query ? (gssize)number : -1;
}

/* ---- rows of all heads ---------------------------------------------------------------------------- */

gboolean
entro_pairs_init(EntroPairs *pairs, gsize n_rows, gsize n_weights, gsize most_keys)
{
    *pairs = (EntroPairs){.kernels = entro_kernels(),
                          .p = g_try_malloc_n(n_weights, sizeof(float)),
                          .rows = g_try_new(EntroRow, n_rows),
                          .mixed = g_try_new(float, most_keys)};
    return pairs->p != NULL && pairs->rows != NULL && pairs->mixed != NULL;
}

void
entro_pairs_clear(EntroPairs *pairs)
{
    g_free(pairs->p);
    g_free(pairs->rows);
    g_free(pairs->mixed);
}

void
entro_pairs_begin(EntroPairs *pairs, guint n_heads, gsize n_keys)
{
    pairs->n_heads = n_heads;
    pairs->n_keys = n_keys;
}

void
entro_pairs_put(EntroPairs *pairs, gsize row, guint head, const float *p, const EntroRow *measured)
{
    gsize place = row * pairs->n_heads + head;

    pairs->rows[place] = *measured;
    if (measured->n_keys > 0)
        memcpy(pairs->p + place * pairs->n_keys, p, measured->end * sizeof *p);
}

/* ---- pairs ------------------------------------------------------------------------------------------ */

static gsize
pair_index(guint n_heads, guint a, guint b)
{
    return (gsize)a * (2 * n_heads - a - 1) / 2 + (b - a - 1);
}

/* H((p + q) / 2) - (H(p) + H(q)) / 2, with the sum of p and q in place of their mean: mixture.c. */
static double
divergence(EntroPairs *pairs, gsize a, gsize b)
{
    const EntroRow *row_a = &pairs->rows[a], *row_b = &pairs->rows[b];
    const float *p = pairs->p + a * pairs->n_keys, *q = pairs->p + b * pairs->n_keys;
    gsize shared = MIN(row_a->end, row_b->end), end = MAX(row_a->end, row_b->end);
    const float *longer = row_a->end > row_b->end ? p : q;

    memcpy(pairs->mixed, longer, end * sizeof *longer);
    pairs->kernels->add(pairs->mixed, longer == p ? q : p, shared);
    double entropy = entro_sum_entropy(pairs->kernels, pairs->mixed, end, 2);
    return (entropy - row_a->entropy - row_b->entropy) / 2;
}

void
entro_pairs_add_row(EntroPairs *pairs, gsize row, EntroPairSum *sums)
{
    guint n_heads = pairs->n_heads;
    gsize first = row * n_heads;

    for (guint a = 0; a < n_heads; a++)
        for (guint b = a + 1; b < n_heads; b++) {
            EntroPairSum *sum = &sums[pair_index(n_heads, a, b)];

            if (pairs->rows[first + a].n_keys == 0 || pairs->rows[first + b].n_keys == 0)
                continue;
            double value = divergence(pairs, first + a, first + b);
            __atomic_fetch_add(&sum->sum, (gint64)(MAX(value, 0) * FIXED_POINT), __ATOMIC_RELAXED);
            __atomic_fetch_add(&sum->n, 1, __ATOMIC_RELAXED);
        }
}

double
entro_pair_divergence(const EntroPairSum *sums, guint n_heads, guint a, guint b)
{
    const EntroPairSum *sum = &sums[pair_index(n_heads, MIN(a, b), MAX(a, b))];

    return sum->n > 0 ? (double)sum->sum / FIXED_POINT / (double)sum->n : NAN;
}
