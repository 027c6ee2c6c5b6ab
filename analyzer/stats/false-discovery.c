/* false-discovery.c: q values of Benjamini and Hochberg (1995).
 *
 * Of m tests, the k-th smallest p has q = min over j >= k of m p_j / j.  Calling found what has
 * q <= r keeps the expected share of false ones at r or below, also for tests that are positively
 * dependent, as the heads of one model are. */
#include "entro-compare.h"

#include <gsl/gsl_sort_double.h>

gsize
entro_false_discovery(const double *p, gsize n, double *ret_q)
{
    g_autofree double *key = g_new(double, MAX(n, 1));
    g_autofree gsize *order = g_new(gsize, MAX(n, 1));
    gsize n_tests = 0;
    double q = 1;

    for (gsize i = 0; i < n; i++) {
        key[i] = isnan(p[i]) ? INFINITY : p[i]; /* to the end */
        n_tests += isnan(p[i]) ? 0 : 1;
        ret_q[i] = NAN;
    }
    if (n > 0)
        gsl_sort_index(order, key, 1, n);
    for (gsize k = n_tests; k > 0; k--) {
        q = MIN(q, (double)n_tests * key[order[k - 1]] / (double)k);
        ret_q[order[k - 1]] = q;
    }
    return n_tests;
}
