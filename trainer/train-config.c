/* train-config.c: which configurations are possible.
 *
 * Ranges are rows of two tables; what concerns several fields at once is a function. */
#include "trainer-private.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

/* name, offset, smallest, largest */
static const struct {
    const char *name;
    gsize offset;
    guint min, max;
} counts[] = {
    {"the number of layers", G_STRUCT_OFFSET(EntroTrainConfig, n_layers), 1, 1024},
    {"the number of heads", G_STRUCT_OFFSET(EntroTrainConfig, n_heads), 1, 1024},
    {"the model width", G_STRUCT_OFFSET(EntroTrainConfig, d_model), 1, 65536},
    {"the context", G_STRUCT_OFFSET(EntroTrainConfig, context), 2, 32768},
    {"the batch", G_STRUCT_OFFSET(EntroTrainConfig, batch), 1, 65536},
    {"the number of steps", G_STRUCT_OFFSET(EntroTrainConfig, n_steps), 1, 1000000000},
    {"the number of threads", G_STRUCT_OFFSET(EntroTrainConfig, n_threads), 0, 1024},
    {"the number of evaluation batches", G_STRUCT_OFFSET(EntroTrainConfig, eval_batches), 1,
     1 << 20},
    {"the number of steps between scalars", G_STRUCT_OFFSET(EntroTrainConfig, log_every), 1,
     1000000000},
    {"the number of captured samples", G_STRUCT_OFFSET(EntroTrainConfig, capture_samples), 1,
     65536},
    {"the deflate level", G_STRUCT_OFFSET(EntroTrainConfig, deflate), 0, 9},
};

/* name, offset, bounds, and whether the lower or upper bound itself is out */
static const struct {
    const char *name;
    gsize offset;
    double min, max;
    gboolean above_min, below_max;
} numbers[] = {
    {"the learning rate", G_STRUCT_OFFSET(EntroTrainConfig, lr), 0, 1e3, TRUE, FALSE},
    {"the final fraction of the learning rate", G_STRUCT_OFFSET(EntroTrainConfig, min_lr_fraction),
     0, 1, FALSE, FALSE},
    {"the warm-up fraction", G_STRUCT_OFFSET(EntroTrainConfig, warmup), 0, 1, FALSE, FALSE},
    {"the weight decay", G_STRUCT_OFFSET(EntroTrainConfig, weight_decay), 0, 1e3, FALSE, FALSE},
    {"beta1", G_STRUCT_OFFSET(EntroTrainConfig, beta1), 0, 1, FALSE, TRUE},
    {"beta2", G_STRUCT_OFFSET(EntroTrainConfig, beta2), 0, 1, FALSE, TRUE},
    {"AdamW's epsilon", G_STRUCT_OFFSET(EntroTrainConfig, adam_eps), 0, 1, TRUE, FALSE},
    {"the gradient clip", G_STRUCT_OFFSET(EntroTrainConfig, grad_clip), 0, 1e30, FALSE, FALSE},
    {"the initial standard deviation", G_STRUCT_OFFSET(EntroTrainConfig, init_std), 0, 1e3, FALSE,
     FALSE},
    {"the initial temperature", G_STRUCT_OFFSET(EntroTrainConfig, temperature_init), 0, 1e6, TRUE,
     FALSE},
    {"the least temperature", G_STRUCT_OFFSET(EntroTrainConfig, temperature_guard), 1e-30, 1e6,
     FALSE, FALSE},
    {"the initial threshold", G_STRUCT_OFFSET(EntroTrainConfig, threshold_init), 0, 1, FALSE,
     FALSE},
    {"the margin gamma", G_STRUCT_OFFSET(EntroTrainConfig, gamma), 0, 1, FALSE, FALSE},
    {"the regulariser's strength lambda", G_STRUCT_OFFSET(EntroTrainConfig, lambda), 0, 1e6, FALSE,
     FALSE},
    {"the held-out fraction", G_STRUCT_OFFSET(EntroTrainConfig, held_out), 0, 1, TRUE, TRUE},
};

gboolean
train_refuse(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CONFIG, message);
    return FALSE;
}

static gboolean
check_counts(const EntroTrainConfig *config, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        const guint value = G_STRUCT_MEMBER(guint, config, counts[i].offset);

        if (value >= counts[i].min && value <= counts[i].max)
            continue;
        return train_refuse(error, "%s is %u, expected %u to %u", counts[i].name, value,
                            counts[i].min, counts[i].max);
    }
    return TRUE;
}

static gboolean
check_numbers(const EntroTrainConfig *config, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        const double value = G_STRUCT_MEMBER(double, config, numbers[i].offset);
        const double min = numbers[i].min;
        const double max = numbers[i].max;

        /* a NaN fails every comparison */
        if ((numbers[i].above_min ? value > min : value >= min) &&
            (numbers[i].below_max ? value < max : value <= max))
            continue;
        return train_refuse(error, "%s is %g, expected %s %g and %s %g", numbers[i].name, value,
                            numbers[i].above_min ? "above" : "at least", min,
                            numbers[i].below_max ? "below" : "at most", max);
    }
    return TRUE;
}

static gboolean
check_arch(const EntroTrainConfig *config, GError **error)
{
    EntroArch arch;

    if (!entro_train_config_arch(config, &arch, error))
        return FALSE;
    if (!arch.temperature || config->temperature_init >= config->temperature_guard)
        return TRUE;
    return train_refuse(error, "the initial temperature %g lies below the least temperature %g",
                        config->temperature_init, config->temperature_guard);
}

static gboolean
check_heads(const EntroTrainConfig *config, GError **error)
{
    if (config->d_model % config->n_heads == 0)
        return TRUE;
    return train_refuse(error, "%u heads do not divide the model width %u evenly", config->n_heads,
                        config->d_model);
}

static gboolean
same_file(const char *a, const char *b)
{
    struct stat facts_a, facts_b;

    return stat(a, &facts_a) == 0 && stat(b, &facts_b) == 0 && facts_a.st_dev == facts_b.st_dev &&
           facts_a.st_ino == facts_b.st_ino;
}

/* Whether two paths lead to one file, there or still to be made, however they are written. */
static gboolean
same_place(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return FALSE;
    g_autofree char *folder_a = g_path_get_dirname(a);
    g_autofree char *folder_b = g_path_get_dirname(b);
    g_autofree char *name_a = g_path_get_basename(a);
    g_autofree char *name_b = g_path_get_basename(b);
    return same_file(a, b) || (g_str_equal(name_a, name_b) && same_file(folder_a, folder_b));
}

static gboolean
check_files(const EntroTrainConfig *config, GError **error)
{
    if (config->data == NULL || config->data[0] == NULL)
        return train_refuse(error, "no data: name at least one file or folder of text to train on");
    if (same_place(config->trace, config->checkpoint))
        return train_refuse(error, "%s cannot be both the trace and the checkpoint", config->trace);
    if (same_place(config->trace, config->init))
        return train_refuse(error, "%s is the checkpoint to start from, the trace would replace it",
                            config->trace);
    return TRUE;
}

/* A file that is there could be either. */
static gboolean
check_resume(const EntroTrainConfig *config, GError **error)
{
    if (config->resume && config->checkpoint == NULL)
        return train_refuse(error, "a run is resumed from its checkpoint, and none is named");
    if (config->resume && same_place(config->init, config->checkpoint))
        return train_refuse(
            error, "%s cannot be both the checkpoint to start from and the one to resume from",
            config->init);
    if (config->new_trace && (!config->resume || config->trace == NULL))
        return train_refuse(error, "a new trace is for a run that is resumed and writes one");
    if (config->new_trace && g_file_test(config->trace, G_FILE_TEST_EXISTS))
        return train_refuse(error, "%s is there, and a new trace takes no file's place",
                            config->trace);
    return TRUE;
}

/* Asked now, because the checkpoint is first written when all the work is done. */
static gboolean
check_folder(const EntroTrainConfig *config, GError **error)
{
    g_autofree char *folder =
        config->checkpoint == NULL ? NULL : g_path_get_dirname(config->checkpoint);
    struct stat facts;

    /* it is written beside and renamed: a device would be gone, and a file in its place */
    if (folder != NULL && stat(config->checkpoint, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_OUTPUT,
                    "the checkpoint %s is there, and no regular file", config->checkpoint);
        return FALSE;
    }
    if (folder == NULL || g_access(folder, W_OK | X_OK) == 0)
        return TRUE;
    g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_OUTPUT,
                "the checkpoint %s cannot be written: %s: %s", config->checkpoint, folder,
                g_strerror(errno));
    return FALSE;
}

gboolean
train_config_check(const EntroTrainConfig *config, GError **error)
{
    return check_arch(config, error) && check_counts(config, error) &&
           check_numbers(config, error) && check_heads(config, error) &&
           check_files(config, error) && check_resume(config, error) && check_folder(config, error);
}

/* ---- a copy that owns its strings ------------------------------------------------------------- */

/* "out/run-3.h5" gives "run-3". */
static char *
stem_of(const char *path)
{
    char *stem = g_path_get_basename(path);
    char *dot = strrchr(stem, '.');

    if (dot != NULL && dot != stem)
        *dot = '\0';
    return stem;
}

void
train_config_copy(EntroTrainConfig *copy, const EntroTrainConfig *config)
{
    const guint n_threads = config->n_threads > 0 ? config->n_threads : g_get_num_processors();

    *copy = *config;
    copy->arch = g_strdup(config->arch);
    copy->ffn = g_strdup(config->ffn);
    copy->weight_norm = g_strdup(config->weight_norm);
    copy->spectral_norm = g_strdup(config->spectral_norm);
    copy->regularize = g_strdup(config->regularize);
    copy->data = (const char *const *)g_strdupv((char **)config->data);
    copy->trace = g_strdup(config->trace);
    copy->run_name = config->run_name != NULL || config->trace == NULL ? g_strdup(config->run_name)
                                                                       : stem_of(config->trace);
    copy->init = g_strdup(config->init);
    copy->checkpoint = g_strdup(config->checkpoint);
    copy->n_threads = MIN(n_threads, config->batch); /* a thread without a sample is none */
    if (config->init_std == 0)
        copy->init_std = 0.02 * sqrt(768.0 / config->d_model);
}

void
train_config_clear(EntroTrainConfig *config)
{
    g_free((char *)config->arch);
    g_free((char *)config->ffn);
    g_free((char *)config->weight_norm);
    g_free((char *)config->spectral_norm);
    g_free((char *)config->regularize);
    g_strfreev((char **)config->data);
    g_free((char *)config->trace);
    g_free((char *)config->run_name);
    g_free((char *)config->init);
    g_free((char *)config->checkpoint);
}
