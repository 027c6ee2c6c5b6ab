/* adamw.c: global gradient norm, clipping, and AdamW over the table of tensors.
 *
 * Threads share out the tensors.  Sums are kept for each tensor and added in table order, so the
 * number of threads does not change them. */
#include "adamw.h"

static double
global_norm(const Gpt *gpt, const real *grads, guint n_threads)
{
    const TensorTable *table = gpt->table;
    g_autofree double *squares = g_new(double, table->n);
    double total = 0;

#pragma omp parallel for schedule(dynamic) num_threads((int)n_threads)
    for (guint i = 0; i < table->n; i++)
        squares[i] =
            gpt->layers->sum_of_squares(grads + table->items[i].offset, table->items[i].size);
    for (guint i = 0; i < table->n; i++)
        total += squares[i];
    return sqrt(total);
}

static AdamwStep
constants(const AdamwConfig *config, double norm)
{
    const gboolean clip = config->grad_clip > 0 && !(norm <= config->grad_clip);

    return (AdamwStep){.lr = config->lr,
                       .beta1 = config->beta1,
                       .beta2 = config->beta2,
                       .eps = config->eps,
                       .correction1 = 1 - pow(config->beta1, config->step),
                       .correction2 = 1 - pow(config->beta2, config->step),
                       .grad_scale = clip ? config->grad_clip / norm : 1};
}

double
adamw_step(const Gpt *gpt, const AdamwConfig *config, real *weights, real *moment1, real *moment2,
           const real *grads)
{
    const TensorTable *table = gpt->table;
    const double norm = global_norm(gpt, grads, config->n_threads);
    const AdamwStep step = constants(config, norm);

#pragma omp parallel for schedule(dynamic) num_threads((int)config->n_threads)
    for (guint i = 0; i < table->n; i++) {
        const gsize at = table->items[i].offset;
        AdamwStep mine = step;

        mine.decay = table->items[i].decay ? config->weight_decay : 0;
        gpt->layers->adamw(weights + at, moment1 + at, moment2 + at, grads + at,
                           table->items[i].size, &mine);
    }
    return norm;
}
