/* train-memory.c: the memory that a configuration takes, before any of it is taken.
 *
 * In double, because absurd sizes overflow a gsize, and against the machine's memory, because
 * Linux gives out more than there is and ends the process later. */
#include "trainer-private.h"
#include <unistd.h>

/* The matrices of a block and the vectors beside them; buffers of spectral norms are no parameters,
 * but take the same place. */
static double
n_parameters(const EntroTrainConfig *config, const EntroArch *arch)
{
    const double d = config->d_model;
    const double ffn = arch->ffn == ENTRO_FFN_FUSED ? d * d : 8 * d * d;
    const double vectors = (2 + (arch->norm == ENTRO_NORM_LAYER ? 4 : 0) +
                            (arch->weight_norm | arch->spectral_norm ? 18 : 0)) *
                           d;
    const double heads = config->n_heads * (1.0 + (arch->temperature ? config->context : 0));

    return (GPT_VOCAB + (double)config->context) * d +
           config->n_layers * (4 * d * d + ffn + vectors + heads + 2) +
           (config->final_norm ? 2 * d : 0);
}

/* Numbers kept for each sequence. */
static double
state_per_sample(const EntroTrainConfig *config, const EntroArch *arch)
{
    const double t = config->context;
    const double d = config->d_model;
    const double hidden = arch->ffn == ENTRO_FFN_FUSED             ? 0
                          : arch->activation == ENTRO_ACT_IDENTITY ? 4
                                                                   : 8;
    const double block = 6 + (arch->norm == ENTRO_NORM_LAYER ? 2 : 0) + hidden;
    const double regularized = arch->regularize != ENTRO_REGULARIZE_OFF ? t : 0;

    return t * d * (config->n_layers * block + 8) + t * GPT_VOCAB +
           config->n_layers * config->n_heads * (t * t + regularized);
}

double
train_memory(const EntroTrainConfig *config, const EntroArch *arch)
{
    const double threads = config->n_threads;
    const double samples = ceil(MAX(config->batch, config->capture_samples) / threads) * threads;
    const double t = config->context;
    const double arenas = 3 + (arch->weight_norm | arch->spectral_norm ? 1 : 0) + threads;

    return sizeof(real) *
               (n_parameters(config, arch) * arenas + samples * state_per_sample(config, arch)) +
           sizeof(float) * (double)config->capture_samples * config->n_heads * t * t;
}

gboolean
train_memory_check(const EntroTrainConfig *config, const EntroArch *arch, GError **error)
{
    const double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double needed = train_memory(config, arch);

    if (needed <= machine)
        return TRUE;
    g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                "this model and batch need %.1f GB of memory, the machine has %.1f GB",
                needed / 1e9, machine / 1e9);
    return FALSE;
}
