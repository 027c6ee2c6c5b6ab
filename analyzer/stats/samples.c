/* samples.c: the finite values of a sample, and why of some there is no answer. */
#include "analyzer-private.h"
#include "entro-compare.h"

static const char *const refusal_texts[] = {
    [ENTRO_REFUSAL_NONE] = NULL,
    [ENTRO_REFUSAL_EMPTY] = "a sample has no values",
    [ENTRO_REFUSAL_FEW] = "too few values for the stated level to hold",
    [ENTRO_REFUSAL_CONSTANT] = "the values do not differ, there is no spread to measure by",
    [ENTRO_REFUSAL_LEAST_P] = "with so few runs no p can be as small as alpha",
    [ENTRO_REFUSAL_UNASKED] = "it was not asked for",
};

const char *
entro_refusal_text(EntroRefusal refusal)
{
    return refusal_texts[refusal];
}

EntroSample
entro_sample_finite(const double *values, gsize n)
{
    EntroSample sample = {.value = g_new(double, MAX(n, 1))};

    for (gsize i = 0; i < n; i++)
        if (isfinite(values[i]))
            sample.value[sample.n++] = values[i];
    return sample;
}

void
entro_sample_clear(EntroSample *sample)
{
    g_free(sample->value);
}
