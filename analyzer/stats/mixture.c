/* mixture.c: how different the heads of a layer are: the entropy of their mean against the mean of
 * their entropies.
 *
 * The mean is never formed: with s = sum over n heads of p,
 *     H(s / n) = (1/n) (ln n sum_k s_k - sum_k s_k ln s_k),
 * where sum_k s_k is n but for the rounding of 16-bit weights. */
#include "analyzer-private.h"

#include <string.h>

struct EntroMixedRow {
    double entropy; /* sum over heads */
    guint32 n_heads, end;
};

gboolean
entro_mixture_init(EntroMixture *mixture, gsize n_rows, gsize n_weights)
{
    *mixture = (EntroMixture){.kernels = entro_kernels(),
                              .sum = g_try_malloc_n(n_weights, sizeof(float)),
                              .rows = g_try_new(struct EntroMixedRow, n_rows)};
    return mixture->sum != NULL && mixture->rows != NULL;
}

void
entro_mixture_clear(EntroMixture *mixture)
{
    g_free(mixture->sum);
    g_free(mixture->rows);
}

void
entro_mixture_begin(EntroMixture *mixture, gsize n_rows, gsize n_keys)
{
    mixture->n_keys = n_keys;
    memset(mixture->rows, 0, n_rows * sizeof *mixture->rows);
}

/* What lies behind `end` was never written: it is copied, not added to. */
void
entro_mixture_add(EntroMixture *mixture, gsize row, const float *p, const EntroRow *measured)
{
    struct EntroMixedRow *mixed = &mixture->rows[row];
    float *sum = mixture->sum + row * mixture->n_keys;

    if (measured->n_keys == 0)
        return;
    mixture->kernels->add(sum, p, MIN(mixed->end, measured->end));
    if (measured->end > mixed->end) {
        memcpy(sum + mixed->end, p + mixed->end, (measured->end - mixed->end) * sizeof *p);
        mixed->end = measured->end;
    }
    mixed->entropy += measured->entropy;
    mixed->n_heads++;
}

/* Weights that are a little below 0 pass as valid; the fast sum does not know them. */
static void
sum_slowly(const float *sum, gsize n, EntroRowSums *sums)
{
    sums->sum = sums->plogp = 0;
    for (gsize key = 0; key < n; key++) {
        sums->sum += sum[key];
        sums->plogp += sum[key] > 0 ? sum[key] * log((double)sum[key]) : 0;
    }
}

double
entro_sum_entropy(const EntroKernels *kernels, const float *sum, gsize n_keys, guint n_rows)
{
    EntroRowSums sums;

    kernels->sums(sum, n_keys, &sums);
    if (sums.max_bits >= ENTRO_BITS_INF)
        sum_slowly(sum, n_keys, &sums);
    return log((double)n_rows) * sums.sum - sums.plogp;
}

double
entro_mixture_divergence(const EntroMixture *mixture, gsize row)
{
    const struct EntroMixedRow *mixed = &mixture->rows[row];
    const float *sum = mixture->sum + row * mixture->n_keys;

    if (mixed->n_heads < 2)
        return NAN;
    double entropy = entro_sum_entropy(mixture->kernels, sum, mixed->end, mixed->n_heads);
    double divergence = (entropy - mixed->entropy) / mixed->n_heads;
    return MAX(divergence, 0); /* alike heads: rounding alone */
}
