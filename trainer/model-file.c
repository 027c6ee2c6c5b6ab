/* model-file.c: the checkpoint; its format is described in entro-trainer.h. */
#include "trainer-private.h"

#define FORMAT "entroscope-checkpoint"

/* What a tensor of the table is in the file: the weight itself and AdamW's moments of it. */
static const char *const prefixes[] = {"", "adam/m/", "adam/v/"};
#define N_ARENAS G_N_ELEMENTS(prefixes)

static void
clear_tensor(gpointer data)
{
    g_free((char *)((EntroTensor *)data)->name);
}

/* One EntroTensor a row of the table and arena, all over one float copy [n_arenas][table->arena]. */
static GArray *
tensors_over(const TensorTable *table, float *copy, guint n_arenas)
{
    GArray *tensors = g_array_new(FALSE, FALSE, sizeof(EntroTensor));

    g_array_set_clear_func(tensors, clear_tensor);
    for (guint arena = 0; arena < n_arenas; arena++)
        for (guint i = 0; i < table->n; i++) {
            const Tensor *from = &table->items[i];
            const EntroTensor tensor = {.name = g_strconcat(prefixes[arena], from->name, NULL),
                                        .n_dims = from->n_dims,
                                        .dims = {from->dims[0], from->dims[1]},
                                        .data = copy + arena * table->arena + from->offset};

            g_array_append_val(tensors, tensor);
        }
    return tensors;
}

static float *
float_arenas(const TensorTable *table, guint n_arenas, const char *path, GError **error)
{
    float *copy = g_try_malloc0_n(table->arena, n_arenas * sizeof(float));

    if (copy == NULL)
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "%s: no memory for a copy of %zu weights", path, table->n_parameters);
    return copy;
}

/* ---- writing ------------------------------------------------------------------------------------- */

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

/* The configuration, and how far the run has come. */
static GArray *
attributes_of(EntroTrainer *trainer)
{
    guint64 n_captures = 0, n_scalars = 0;
    GArray *attributes = emit_config(trainer);

    if (trainer->writer != NULL)
        entro_writer_get_size(trainer->writer, &n_captures, &n_scalars);
    const EntroAttribute state[] = {
        ENTRO_INTEGER("format_version", 1),
        ENTRO_INTEGER("step", trainer->step),
        ENTRO_REAL("loss", trainer->loss),
        ENTRO_REAL("reg_loss", trainer->reg_loss),
        ENTRO_REAL("eval_loss", trainer->eval_loss),
        ENTRO_TEXT("trace_uuid", trainer->trace_uuid == NULL ? "" : trainer->trace_uuid),
        ENTRO_INTEGER("trace_captures", (gint64)n_captures),
        ENTRO_INTEGER("trace_scalars", (gint64)n_scalars),
        ENTRO_REAL("capture_loss",
                   team_evaluate(trainer->team, trainer->model, &trainer->capture.batch)),
    };
    return g_array_append_vals(attributes, state, G_N_ELEMENTS(state));
}

gboolean
model_file_write(EntroTrainer *trainer, const char *path, GError **error)
{
    const TensorTable *table = trainer->table;
    const real *const arenas[N_ARENAS] = {trainer->weights, trainer->moment1, trainer->moment2};
    g_autofree float *copy = float_arenas(table, N_ARENAS, path, error);
    g_autofree float *tokens = capture_tokens(trainer);

    if (copy == NULL)
        return FALSE;
    if (tokens == NULL) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY,
                    "%s: no memory for the tokens of the captures", path);
        return FALSE;
    }
    for (guint arena = 0; arena < N_ARENAS; arena++)
        for (gsize i = 0; i < table->arena; i++)
            copy[arena * table->arena + i] = (float)arenas[arena][i];
    const EntroTensor captured = {.name = g_strdup("capture/tokens"),
                                  .n_dims = 2,
                                  .dims = {trainer->capture.batch.n_samples,
                                           trainer->shape.context + 1},
                                  .data = tokens};
    g_autoptr(GArray) tensors = tensors_over(table, copy, N_ARENAS);
    g_autoptr(GArray) attributes = attributes_of(trainer);
    g_array_append_val(tensors, captured);
    return entro_tensors_write(path, FORMAT, (const EntroAttribute *)attributes->data,
                               attributes->len, (const EntroTensor *)tensors->data, tensors->len,
                               error);
}

/* ---- the weights alone -------------------------------------------------------------------------- */

/* An attribute that must be the same in file and run. */
static gboolean
check_attribute(EntroTensorFile *file, const char *name, const char *expected, GError **error)
{
    g_autofree char *found = NULL;

    if (!entro_tensor_file_get_attribute(file, name, &found, error))
        return FALSE;
    if (found == NULL || g_str_equal(found, expected)) /* the tensors' shapes will tell */
        return TRUE;
    return train_refuse(error, "%s holds a model with %s %s, this run has %s",
                        entro_tensor_file_get_path(file), name, found, expected);
}

static gboolean
check_number(EntroTensorFile *file, const char *name, gsize expected, GError **error)
{
    g_autofree char *text = g_strdup_printf("%zu", expected);

    return check_attribute(file, name, text, error);
}

static gboolean
check_model(const GptShape *shape, EntroTensorFile *file, GError **error)
{
    return check_attribute(file, "format", FORMAT, error) &&
           check_number(file, "format_version", 1, error) &&
           check_attribute(file, "arch", shape->arch->name, error) &&
           check_number(file, "n_layers", shape->n_layers, error) &&
           check_number(file, "n_heads", shape->n_heads, error) &&
           check_number(file, "d_model", shape->d_model, error) &&
           check_number(file, "context", shape->context, error) &&
           check_number(file, "final_norm", shape->final_norm != FALSE, error);
}

/* Into the first `n_arenas` of them. */
static gboolean
read_arenas(EntroTrainer *trainer, guint n_arenas, EntroTensorFile *file, GError **error)
{
    const TensorTable *table = trainer->table;
    real *const arenas[N_ARENAS] = {trainer->weights, trainer->moment1, trainer->moment2};
    g_autofree float *copy = float_arenas(table, n_arenas, entro_tensor_file_get_path(file), error);

    if (copy == NULL)
        return FALSE;
    g_autoptr(GArray) tensors = tensors_over(table, copy, n_arenas);
    if (!entro_tensor_file_read(file, FORMAT, (const EntroTensor *)tensors->data, tensors->len,
                                error))
        return FALSE;
    for (guint arena = 0; arena < n_arenas; arena++)
        for (gsize i = 0; i < table->arena; i++)
            arenas[arena][i] = (real)copy[arena * table->arena + i];
    return TRUE;
}

gboolean
model_file_read(EntroTrainer *trainer, const char *path, GError **error)
{
    g_autoptr(EntroTensorFile) file = entro_tensor_file_open(path, error);

    return file != NULL && check_model(&trainer->shape, file, error) &&
           read_arenas(trainer, 1, file, error);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

/* As entro_tensor_file_get_attribute() gives it. */
static char *
attribute_text(const EntroAttribute *attribute)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    if (attribute->kind == ENTRO_ATTRIBUTE_INTEGER)
        return g_strdup_printf("%" G_GINT64_FORMAT, attribute->integer);
    return g_strdup(attribute->kind == ENTRO_ATTRIBUTE_TEXT
                        ? attribute->text
                        : g_ascii_dtostr(number, sizeof number, attribute->real));
}

/* Another value would lead to other numbers, and the trace would be of two runs. */
static gboolean
check_config(const EntroTrainer *trainer, EntroTensorFile *file, GError **error)
{
    g_autoptr(GArray) config = emit_config(trainer);

    for (guint i = 0; i < config->len; i++) {
        const EntroAttribute *attribute = &g_array_index(config, EntroAttribute, i);
        g_autofree char *expected = attribute_text(attribute);
        g_autofree char *found = NULL;

        if (!entro_tensor_file_get_attribute(file, attribute->name, &found, error))
            return FALSE;
        if (found == NULL)
            return train_refuse(
                error,
                "%s does not say its %s: it was written by an older version, and can be "
                "started from, but not resumed",
                entro_tensor_file_get_path(file), attribute->name);
        if (!g_str_equal(found, expected))
            return train_refuse(
                error,
                "%s cannot be resumed: its run has %s \"%s\", this one \"%s\"; a run is "
                "resumed with the same options and data",
                entro_tensor_file_get_path(file), attribute->name, found, expected);
    }
    return TRUE;
}

static gboolean
read_count(EntroTensorFile *file, const char *name, guint64 most, guint64 *ret_count,
           GError **error)
{
    g_autofree char *text = NULL;

    if (!entro_tensor_file_get_attribute(file, name, &text, error))
        return FALSE;
    return (text != NULL && g_ascii_string_to_unsigned(text, 10, 0, most, ret_count, NULL)) ||
           train_refuse(error,
                        "%s: its %s is %s, expected a whole number from 0 to %" G_GUINT64_FORMAT,
                        entro_tensor_file_get_path(file), name, text == NULL ? "not there" : text,
                        most);
}

static gboolean
read_real(EntroTensorFile *file, const char *name, double *ret_value, GError **error)
{
    g_autofree char *text = NULL;

    if (!entro_tensor_file_get_attribute(file, name, &text, error))
        return FALSE;
    *ret_value = text == NULL ? NAN : g_ascii_strtod(text, NULL);
    return TRUE;
}

static gboolean
read_progress(EntroTrainer *trainer, EntroTensorFile *file, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    guint64 step = 0;

    if (!read_count(file, "step", config->n_steps, &step, error) ||
        !read_count(file, "trace_captures", G_MAXINT64, &trainer->trace_captures, error) ||
        !read_count(file, "trace_scalars", G_MAXINT64, &trainer->trace_scalars, error) ||
        !read_real(file, "loss", &trainer->loss, error) ||
        !read_real(file, "reg_loss", &trainer->reg_loss, error) ||
        !read_real(file, "eval_loss", &trainer->eval_loss, error) ||
        !entro_tensor_file_get_attribute(file, "trace_uuid", &trainer->trace_uuid, error))
        return FALSE;
    trainer->step = trainer->saved = (guint)step;
    if (trainer->trace_uuid != NULL && *trainer->trace_uuid == '\0')
        g_clear_pointer(&trainer->trace_uuid, g_free);
    if ((trainer->trace_uuid == NULL) == (config->trace == NULL))
        return TRUE;
    return train_refuse(error, "%s cannot be resumed: its run writes %s trace, this one %s",
                        entro_tensor_file_get_path(file), config->trace == NULL ? "a" : "no",
                        config->trace == NULL ? "none" : "one");
}

gboolean
model_file_resume(EntroTrainer *trainer, const char *path, GError **error)
{
    g_autoptr(EntroTensorFile) file = entro_tensor_file_open(path, error);

    return file != NULL && check_model(&trainer->shape, file, error) &&
           check_config(trainer, file, error) && read_progress(trainer, file, error) &&
           read_arenas(trainer, N_ARENAS, file, error);
}
