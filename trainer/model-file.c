/* model-file.c: the checkpoint; its format is described in entro-trainer.h. */
#include "trainer-private.h"

#define FORMAT "entroscope-checkpoint"

/* One EntroTensor a row of the table, all over one float copy of the weights. */
static EntroTensor *
tensors_over(const TensorTable *table, float *copy, guint n_more)
{
    EntroTensor *tensors = g_new0(EntroTensor, table->n + n_more);

    for (guint i = 0; i < table->n; i++) {
        const Tensor *from = &table->items[i];

        tensors[i] = (EntroTensor){.name = from->name,
                                   .n_dims = from->n_dims,
                                   .dims = {from->dims[0], from->dims[1]},
                                   .data = copy + from->offset};
    }
    return tensors;
}

static float *
float_arena(const TensorTable *table, const char *path, GError **error)
{
    float *copy = g_try_malloc0_n(table->arena, sizeof(float));

    if (copy == NULL)
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "%s: no memory for a copy of %zu weights", path, table->n_parameters);
    return copy;
}

/* [capture_samples][T + 1] bytes as float: inputs, and the last target behind them. */
static float *
capture_tokens(const EntroTrainer *trainer)
{
    const gsize context = trainer->shape.context;
    const gsize n_samples = trainer->capture.batch.n_samples;
    float *tokens = g_try_malloc_n(n_samples * (context + 1), sizeof(float));

    for (gsize sample = 0; tokens != NULL && sample < n_samples; sample++) {
        const guint8 *inputs = trainer->capture.inputs + sample * context;
        const guint8 *targets = trainer->capture.targets + sample * context;
        float *row = tokens + sample * (context + 1);

        for (gsize position = 0; position < context; position++)
            row[position] = inputs[position];
        row[context] = targets[context - 1];
    }
    return tokens;
}

gboolean
model_file_write(EntroTrainer *trainer, const char *path, GError **error)
{
    const GptShape *shape = &trainer->shape;
    const TensorTable *table = trainer->table;
    const gsize n_samples = trainer->capture.batch.n_samples;
    g_autofree float *copy = float_arena(table, path, error);
    g_autofree float *tokens = capture_tokens(trainer);

    if (copy == NULL)
        return FALSE;
    if (tokens == NULL) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "%s: no memory for the tokens of the captures", path);
        return FALSE;
    }
    for (gsize i = 0; i < table->arena; i++)
        copy[i] = (float)trainer->weights[i];
    g_autofree EntroTensor *tensors = tensors_over(table, copy, 1);
    tensors[table->n] = (EntroTensor){.name = (char *)"capture/tokens",
                                      .n_dims = 2,
                                      .dims = {n_samples, shape->context + 1},
                                      .data = tokens};
    const EntroAttribute attributes[] = {
        ENTRO_INTEGER("format_version", 1),
        ENTRO_TEXT("arch", shape->arch->name),
        ENTRO_INTEGER("n_layers", (gint64)shape->n_layers),
        ENTRO_INTEGER("n_heads", (gint64)shape->n_heads),
        ENTRO_INTEGER("d_model", (gint64)shape->d_model),
        ENTRO_INTEGER("context", (gint64)shape->context),
        ENTRO_INTEGER("vocabulary", GPT_VOCAB),
        ENTRO_INTEGER("final_norm", shape->final_norm != FALSE),
        ENTRO_INTEGER("step", trainer->step),
        ENTRO_REAL("capture_loss",
                   team_evaluate(trainer->team, trainer->model, &trainer->capture.batch)),
    };
    return entro_tensors_write(path, FORMAT, attributes, G_N_ELEMENTS(attributes), tensors,
                               table->n + 1, error);
}

/* An attribute that must be the same in file and run. */
static gboolean
check_attribute(const char *path, const char *name, const char *expected, GError **error)
{
    g_autofree char *found = NULL;

    if (!entro_tensors_read_attribute(path, name, &found, error))
        return FALSE;
    if (found == NULL || g_str_equal(found, expected)) /* the tensors' shapes will tell */
        return TRUE;
    g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CONFIG,
                "%s holds a model with %s %s, this run has %s", path, name, found, expected);
    return FALSE;
}

static gboolean
check_number(const char *path, const char *name, gsize expected, GError **error)
{
    g_autofree char *text = g_strdup_printf("%zu", expected);

    return check_attribute(path, name, text, error);
}

static gboolean
check_model(const GptShape *shape, const char *path, GError **error)
{
    return check_attribute(path, "format", FORMAT, error) &&
           check_attribute(path, "arch", shape->arch->name, error) &&
           check_number(path, "n_layers", shape->n_layers, error) &&
           check_number(path, "n_heads", shape->n_heads, error) &&
           check_number(path, "d_model", shape->d_model, error) &&
           check_number(path, "context", shape->context, error) &&
           check_number(path, "final_norm", shape->final_norm != FALSE, error);
}

gboolean
model_file_read(EntroTrainer *trainer, const char *path, GError **error)
{
    const TensorTable *table = trainer->table;
    g_autofree float *copy = float_arena(table, path, error);

    if (copy == NULL || !check_model(&trainer->shape, path, error))
        return FALSE;
    g_autofree EntroTensor *tensors = tensors_over(table, copy, 0);
    if (!entro_tensors_read(path, FORMAT, tensors, table->n, error))
        return FALSE;
    for (gsize i = 0; i < table->arena; i++)
        trainer->weights[i] = (real)copy[i];
    return TRUE;
}
