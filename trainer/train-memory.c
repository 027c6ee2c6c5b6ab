/* train-memory.c: the memory that a configuration takes, before any of it is taken.
 *
 * In double, because absurd sizes overflow a gsize, and against the machine's memory, because
 * Linux gives out more than there is and ends the process later. */
#include "trainer-private.h"
#include <unistd.h>

static double
n_parameters(const EntroTrainConfig *config, const EntroArch *arch)
{
    const double d = config->d_model;
    const double block = 12 * d * d + 2 * d + (arch->norm == ENTRO_NORM_LAYER ? 4 * d : 0);

    return (GPT_VOCAB + (double)config->context) * d + config->n_layers * block +
           (config->final_norm ? 2 * d : 0);
}

/* Numbers kept for each sequence. */
static double
state_per_sample(const EntroTrainConfig *config, const EntroArch *arch)
{
    const double t = config->context;
    const double d = config->d_model;
    const double block = 10 + (arch->norm == ENTRO_NORM_LAYER ? 2 : 0) +
                         (arch->activation == ENTRO_ACT_IDENTITY ? 0 : 4);

    return t * d * (config->n_layers * block + 8) + t * GPT_VOCAB +
           config->n_layers * config->n_heads * t * t;
}

double
train_memory(const EntroTrainConfig *config)
{
    const EntroArch *arch = entro_arch_find(config->arch);
    const double threads = config->n_threads;
    const double samples = ceil(MAX(config->batch, config->capture_samples) / threads) * threads;
    const double t = config->context;

    return sizeof(real) * (n_parameters(config, arch) * (3 + threads) +
                           samples * state_per_sample(config, arch)) +
           sizeof(float) * (double)config->capture_samples * config->n_heads * t * t;
}

gboolean
train_memory_check(const EntroTrainConfig *config, GError **error)
{
    const double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double needed = train_memory(config);

    if (needed <= machine)
        return TRUE;
    g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                "this model and batch need %.1f GB of memory, the machine has %.1f GB",
                needed / 1e9, machine / 1e9);
    return FALSE;
}
