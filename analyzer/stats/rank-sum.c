/* rank-sum.c: the Mann-Whitney U test, two-sided.
 *
 * U counts the pairs in which a is above b, ties by half.  Same rules as scipy's "auto": exact
 * without ties when one sample has at most 8 values; else normal, with the variance reduced by ties
 * and 1/2 for continuity.  One rule more: small samples with ties never get a p below what the exact
 * distribution can reach; the approximation alone says 0.047 of {1,1,1} and {2,2,2}, where 2 of the
 * 20 ways to divide six values look like that. */
#include "analyzer-private.h"
#include "entro-compare.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort_double.h>

enum { MOST_EXACT = 8 };

/* Ranks of both samples together. */
typedef struct {
    double sum;  /* of the ranks of a, ties share the mean of theirs */
    double ties; /* sum of t^3 - t over the groups of t equal values */
} Ranks;

static Ranks
rank(const EntroSample *a, const EntroSample *b)
{
    gsize n = a->n + b->n;
    g_autofree double *all = g_new(double, n);
    g_autofree gsize *order = g_new(gsize, n);
    Ranks ranks = {0};

    for (gsize i = 0; i < n; i++)
        all[i] = i < a->n ? a->value[i] : b->value[i - a->n];
    gsl_sort_index(order, all, 1, n);
    for (gsize first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && all[order[end]] == all[order[first]];)
            end++;
        double equal = (double)(end - first), mean = (double)(first + 1 + end) / 2;
        ranks.ties += equal * equal * equal - equal;
        for (gsize i = first; i < end; i++)
            ranks.sum += order[i] < a->n ? mean : 0;
    }
    return ranks;
}

/* P(U >= u) without ties.  With P(n, m, u) for samples of n and m: the largest value of all is one
 * of the n with probability n / (n + m), and is then above all m others:
 * P(n, m, u) = n/(n+m) P(n-1, m, u-m) + m/(n+m) P(n, m-1, u).  Sums of positive numbers only. */
static double
exact_tail(gsize small, gsize large, gsize u)
{
    gsize n_values = small * large + 1;
    g_autofree double *p = g_new0(double, (small + 1) * n_values); /* [n][u] at the current m */
    double tail = 0;

    for (gsize n = 0; n <= small; n++)
        p[n * n_values] = 1; /* m = 0: U is 0 */
    for (gsize m = 1; m <= large; m++)
        for (gsize n = 1; n <= small; n++) {
            double *now = p + n * n_values, *fewer = now - n_values;
            double share = (double)n / (double)(n + m);
            for (gsize i = 0; i <= n * m; i++)
                now[i] = (1 - share) * now[i] + (i >= m ? share * fewer[i - m] : 0);
        }
    for (gsize i = u; i < n_values; i++)
        tail += p[small * n_values + i];
    return tail;
}

static double
normal_p(double u, double n_a, double n_b, double ties)
{
    double n = n_a + n_b;
    double variance = n_a * n_b / 12 * (n + 1 - ties / (n * (n - 1)));

    if (!(variance > 0))
        return 1; /* all equal */
    double z = (MAX(u, n_a * n_b - u) - n_a * n_b / 2 - 0.5) / sqrt(variance);
    return MIN(1, 2 * gsl_cdf_ugaussian_Q(z));
}

EntroTest
entro_rank_sum(const double *values_a, gsize n_a, const double *values_b, gsize n_b)
{
    g_auto(EntroSample) a = entro_sample_finite(values_a, n_a);
    g_auto(EntroSample) b = entro_sample_finite(values_b, n_b);
    EntroTest test = {.n_a = a.n, .n_b = b.n, .statistic = NAN, .p = NAN, .df = NAN};

    if (a.n == 0 || b.n == 0) {
        test.refusal = ENTRO_REFUSAL_EMPTY;
        return test;
    }
    Ranks ranks = rank(&a, &b);
    double pairs = (double)a.n * (double)b.n;
    test.statistic = ranks.sum - (double)a.n * (double)(a.n + 1) / 2;
    test.exact = MIN(a.n, b.n) <= MOST_EXACT && ranks.ties == 0;
    if (test.exact)
        test.p = MIN(1, 2 * exact_tail(MIN(a.n, b.n), MAX(a.n, b.n),
                                       (gsize)MAX(test.statistic, pairs - test.statistic)));
    else
        test.p = normal_p(test.statistic, (double)a.n, (double)b.n, ranks.ties);
    if (!test.exact && MIN(a.n, b.n) <= MOST_EXACT)
        test.p = MAX(test.p, entro_rank_sum_least_p(a.n, b.n));
    return test;
}

double
entro_rank_sum_least_p(gsize n_a, gsize n_b)
{
    double ways = 1; /* C(n_a + n_b, n_a); infinite beyond any run of this */

    for (gsize i = 1; i <= MIN(n_a, n_b) && isfinite(ways); i++)
        ways *= (double)(MAX(n_a, n_b) + i) / (double)i;
    return MIN(1, 2 / ways);
}

gsize
entro_rank_sum_least_n(double alpha)
{
    const double rounding = 1e-12;
    gsize n = 1;

    g_return_val_if_fail(alpha > 0 && alpha < 1, 0);
    while (entro_rank_sum_least_p(n, n) > alpha * (1 + rounding))
        n++;
    return n;
}
