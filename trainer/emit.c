/* emit.c: the trace of a training run.
 *
 * Capture step s is the attention of the fixed held-out sequences after s updates; scalars of
 * step s are those of update s: loss and gradient norm before it is applied. */
#include "trainer-private.h"

/* The learnable parameters that go into the trace beside the attention, and where they are. */
static const struct {
    EntroParam param;
    TensorKind kind;
} emitted[] = {
    {ENTRO_PARAM_TEMPERATURE, TENSOR_TEMPERATURE},
    {ENTRO_PARAM_THRESHOLD, TENSOR_THRESHOLD},
    {ENTRO_PARAM_ALPHA, TENSOR_ALPHA},
    {ENTRO_PARAM_BETA, TENSOR_BETA},
};

/* Every layer has them or none. */
static guint
emitted_params(const EntroTrainer *trainer)
{
    guint params = 0;

    for (guint i = 0; i < G_N_ELEMENTS(emitted); i++)
        if (tensor_at(trainer->table, trainer->weights, emitted[i].kind, 0) != NULL)
            params |= 1u << emitted[i].param;
    return params;
}

static EntroWriter *
open_writer(const EntroTrainer *trainer, const EntroAttribute *config, guint n_config,
            GError **error)
{
    /* the last only with a regulariser */
    const char *const scalars[] = {"loss",
                                   "lr",
                                   "grad_norm",
                                   "eval_loss",
                                   trainer->arch.regularize != ENTRO_REGULARIZE_OFF ? "reg_loss"
                                                                                    : NULL,
                                   NULL};
    const EntroTrainConfig *from = &trainer->config;
    g_autofree guint *n_heads = g_new(guint, from->n_layers);

    for (guint layer = 0; layer < from->n_layers; layer++)
        n_heads[layer] = from->n_heads;
    const EntroWriterOptions options = {.run_name = from->run_name,
                                        .producer = "entroscope " ENTRO_VERSION,
                                        .attempt = 1,
                                        .causal = TRUE,
                                        .context_length = from->context,
                                        .n_layers = from->n_layers,
                                        .n_heads = n_heads,
                                        .n_samples = from->capture_samples,
                                        .n_queries = from->context,
                                        .n_keys = from->context,
                                        .element = from->element,
                                        .deflate = from->deflate,
                                        .params = emitted_params(trainer),
                                        .config = config,
                                        .n_config = n_config,
                                        .scalars = scalars};
    return entro_writer_new(from->trace, &options, error);
}

gboolean
emit_open(EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *from = &trainer->config;
    g_autofree char *paths = g_strjoinv(" ", (char **)from->data);
    const EntroAttribute config[] = {
        ENTRO_TEXT("arch", trainer->arch.name),
        ENTRO_INTEGER("n_layers", from->n_layers),
        ENTRO_INTEGER("n_heads", from->n_heads),
        ENTRO_INTEGER("d_model", from->d_model),
        ENTRO_INTEGER("context", from->context),
        ENTRO_INTEGER("vocabulary", GPT_VOCAB),
        ENTRO_INTEGER("n_parameters", (gint64)trainer->table->n_parameters),
        ENTRO_INTEGER("final_norm", from->final_norm != FALSE),
        ENTRO_REAL("init_std", from->init_std),
        ENTRO_TEXT("init", from->init == NULL ? "" : from->init),
        ENTRO_INTEGER("batch", from->batch),
        ENTRO_INTEGER("n_steps", from->n_steps),
        ENTRO_INTEGER("seed", (gint64)from->seed),
        ENTRO_INTEGER("threads", from->n_threads),
        ENTRO_TEXT("regularize", entro_regularize_name(trainer->arch.regularize)),
        ENTRO_REAL("gamma", from->gamma),
        ENTRO_REAL("lambda", from->lambda),
        ENTRO_REAL("threshold_init", from->threshold_init),
        ENTRO_REAL("temperature_init", from->temperature_init),
        ENTRO_REAL("temperature_guard", from->temperature_guard),
        ENTRO_REAL("lr", from->lr),
        ENTRO_REAL("min_lr_fraction", from->min_lr_fraction),
        ENTRO_REAL("warmup", from->warmup),
        ENTRO_REAL("weight_decay", from->weight_decay),
        ENTRO_REAL("beta1", from->beta1),
        ENTRO_REAL("beta2", from->beta2),
        ENTRO_REAL("adam_eps", from->adam_eps),
        ENTRO_REAL("grad_clip", from->grad_clip),
        ENTRO_TEXT("data", paths),
        ENTRO_TEXT("data_about", trainer->corpus->about),
        ENTRO_REAL("held_out", from->held_out),
        ENTRO_INTEGER("capture_every", from->capture_every),
        ENTRO_INTEGER("capture_samples", from->capture_samples),
    };

    if (from->trace == NULL)
        return TRUE;
    trainer->writer = open_writer(trainer, config, G_N_ELEMENTS(config), error);
    return trainer->writer != NULL;
}

gboolean
emit_scalar(EntroTrainer *trainer, const char *name, double value, GError **error)
{
    return trainer->writer == NULL ||
           entro_writer_put_scalar(trainer->writer, name, trainer->step, value, error);
}

static gboolean
put_params(EntroTrainer *trainer, guint layer, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(emitted); i++) {
        const real *values = tensor_at(trainer->table, trainer->weights, emitted[i].kind, layer);
        const gsize n = tensor_size(trainer->table, emitted[i].kind);

        if (values == NULL)
            continue;
        for (gsize k = 0; k < n; k++)
            trainer->attention[k] = (float)values[k]; /* at least [H][T] */
        if (!entro_writer_put_param(trainer->writer, layer, emitted[i].param, trainer->attention,
                                    error))
            return FALSE;
    }
    return TRUE;
}

gboolean
emit_capture(EntroTrainer *trainer, GError **error)
{
    const Batch *batch = &trainer->capture.batch;

    team_evaluate(trainer->team, trainer->model, batch);
    for (guint layer = 0; layer < trainer->config.n_layers; layer++) {
        team_get_attention(trainer->team, layer, batch->n_samples, trainer->attention);
        if (!entro_writer_put_attention(trainer->writer, layer, trainer->attention, error) ||
            !put_params(trainer, layer, error))
            return FALSE;
    }
    return entro_writer_commit(trainer->writer, trainer->step, error);
}

gboolean
emit_close(EntroTrainer *trainer, GError **error)
{
    return trainer->writer == NULL || entro_writer_close(g_steal_pointer(&trainer->writer), error);
}
