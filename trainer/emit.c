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

typedef EntroWriter *(*OpenWriter)(const char *path, const EntroWriterOptions *options,
                                   GError **error);

static gboolean
open_writer(EntroTrainer *trainer, OpenWriter open, const GArray *config, GError **error)
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
                                        .trace_uuid = trainer->trace_uuid,
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
                                        .config = (const EntroAttribute *)config->data,
                                        .n_config = config->len,
                                        .scalars = scalars,
                                        /* a checkpoint is written after the trace is flushed */
                                        .doubted_from =
                                            trainer->step > 0 ? (gint64)trainer->step + 1 : -1};

    trainer->writer = open(from->trace, &options, error);
    return trainer->writer != NULL;
}

GArray *
emit_config(const EntroTrainer *trainer)
{
    const EntroTrainConfig *from = &trainer->config;
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
        ENTRO_TEXT("corpus_sha256", trainer->corpus->sha256),
        ENTRO_REAL("held_out", from->held_out),
        ENTRO_INTEGER("eval_every", from->eval_every),
        ENTRO_INTEGER("eval_batches", from->eval_batches),
        ENTRO_INTEGER("log_every", from->log_every),
        ENTRO_INTEGER("capture_every", from->capture_every),
        ENTRO_INTEGER("capture_samples", from->capture_samples),
    };
    GArray *list = g_array_new(FALSE, FALSE, sizeof *config);

    return g_array_append_vals(list, config, G_N_ELEMENTS(config));
}

/* Where the data lay changes no number: their digest, among the others, is what counts. */
static gboolean
open_new(EntroTrainer *trainer, GArray *config, GError **error)
{
    g_autofree char *paths = g_strjoinv(" ", (char **)trainer->config.data);
    const EntroAttribute data[] = {ENTRO_TEXT("data", paths),
                                   ENTRO_TEXT("data_about", trainer->corpus->about)};

    g_array_append_vals(config, data, G_N_ELEMENTS(data));
    g_free(trainer->trace_uuid);
    trainer->trace_uuid = g_uuid_string_random();
    return open_writer(trainer, entro_writer_new, config, error);
}

/* A trace that is shorter than at the checkpoint would get a gap. */
static gboolean
open_old(EntroTrainer *trainer, const GArray *config, GError **error)
{
    guint64 n_captures, n_scalars;

    if (!open_writer(trainer, entro_writer_reopen, config, error)) {
        g_prefix_error(error, "%s cannot be resumed: ", trainer->config.checkpoint);
        return FALSE;
    }
    entro_writer_get_size(trainer->writer, &n_captures, &n_scalars);
    if (n_captures >= trainer->trace_captures && n_scalars >= trainer->trace_scalars)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_SHAPE,
                "%s cannot be resumed: its trace %s held %" G_GUINT64_FORMAT
                " captures and %" G_GUINT64_FORMAT
                " entries of scalars then, and now holds %" G_GUINT64_FORMAT
                " and %" G_GUINT64_FORMAT ": it is an older copy, or damaged",
                trainer->config.checkpoint, trainer->config.trace, trainer->trace_captures,
                trainer->trace_scalars, n_captures, n_scalars);
    return FALSE;
}

/* Killed before its first checkpoint, a run begins again, and comes to the numbers that its trace
 * holds: that goes on, so that who has read from it finds the same trace. */
static gboolean
open_known(EntroTrainer *trainer, const GArray *config)
{
    return open_writer(trainer, entro_writer_reopen, config, NULL) &&
           entro_tensors_read_attribute(trainer->config.trace, "trace_uuid", &trainer->trace_uuid,
                                        NULL) &&
           trainer->trace_uuid != NULL;
}

gboolean
emit_open(EntroTrainer *trainer, GError **error)
{
    g_autoptr(GArray) config = emit_config(trainer);

    if (trainer->config.trace == NULL)
        return TRUE;
    if (trainer->step > 0 && !trainer->config.new_trace)
        return open_old(trainer, config, error);
    if (trainer->config.resume && trainer->step == 0 && open_known(trainer, config))
        return TRUE;
    g_clear_pointer(&trainer->writer, entro_writer_free);
    return open_new(trainer, config, error);
}

/* ---- what comes up -------------------------------------------------------------------------------- */

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

    if (entro_writer_has_capture(trainer->writer, trainer->step))
        return TRUE;
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
emit_flush(EntroTrainer *trainer, GError **error)
{
    return trainer->writer == NULL || entro_writer_flush(trainer->writer, error);
}

gboolean
emit_close(EntroTrainer *trainer, GError **error)
{
    return trainer->writer == NULL || entro_writer_close(g_steal_pointer(&trainer->writer), error);
}
