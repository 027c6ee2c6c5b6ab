/* attention-rows.c: see attention-rows.h. */
#include "attention-rows.h"

#include <string.h>

/* Box and Muller; one of the two is enough. */
static double
normal(GRand *rand)
{
    double radius = sqrt(-2 * log(1 - g_rand_double(rand)));

    return radius * cos(2 * G_PI * g_rand_double(rand));
}

void
fill_softmax(GRand *rand, float *p, gsize n, double temperature)
{
    double sum = 0;

    for (gsize key = 0; key < n; key++)
        sum += p[key] = (float)exp(temperature * normal(rand));
    for (gsize key = 0; key < n; key++)
        p[key] = (float)(p[key] / sum);
}

void
fill_causal(GRand *rand, float *p, gsize n_queries, gsize n_keys, double temperature)
{
    memset(p, 0, n_queries * n_keys * sizeof *p);
    for (gsize query = 0; query < n_queries; query++)
        fill_softmax(rand, p + query * n_keys, query + 1 + n_keys - n_queries, temperature);
}

NaiveSums
naive_sums(const float *p, gsize n)
{
    NaiveSums sums = {0};

    for (gsize key = 0; key < n; key++) {
        long double weight = p[key];
        sums.sum += weight;
        sums.moment += key * weight;
        sums.entropy -= weight > 0 ? weight * logl(weight) : 0;
        sums.largest = MAX(sums.largest, p[key]);
    }
    return sums;
}
