/* attention-rows.h: made-up attention for the tests of the analyzer, and what a naive program makes
 * of it: long double, one weight after the other. */
#ifndef ATTENTION_ROWS_H
#define ATTENTION_ROWS_H

#include "analyzer-private.h"

/* softmax(temperature * standard normal): a high temperature is a sharp row. */
void fill_softmax(GRand *rand, float *p, gsize n, double temperature);

/* A causal head, [n_queries][n_keys]; row q has weights on keys <= q + n_keys - n_queries. */
void fill_causal(GRand *rand, float *p, gsize n_queries, gsize n_keys, double temperature);

typedef struct {
    long double sum, entropy, moment;
    float largest;
} NaiveSums;

NaiveSums naive_sums(const float *p, gsize n);

#endif
