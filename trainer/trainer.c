/* trainer.c: the training run, one step a call.
 *
 * The caller owns the loop.  A step draws its batch from a random stream named by seed and step
 * alone, so nothing but weights and moments ties it to the steps before. */
#include "trainer-private.h"
#include "arena.h"
#include "schedule.h"

#define SMOOTHING 5.0 /* seconds over which the speed is averaged */

G_DEFINE_QUARK(entro - trainer - error - quark, entro_trainer_error)

/* ---- making it ---------------------------------------------------------------------------------- */

static gboolean
no_memory(GError **error, const char *what)
{
    g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_MEMORY, "no memory for %s", what);
    return FALSE;
}

static gboolean
own_batch_init(OwnBatch *own, gsize n_samples, gsize context)
{
    own->inputs = g_try_malloc_n(n_samples, context);
    own->targets = g_try_malloc_n(n_samples, context);
    own->batch = (Batch){n_samples, own->inputs, own->targets};
    return own->inputs != NULL && own->targets != NULL;
}

static void
own_batch_clear(OwnBatch *own)
{
    g_free(own->inputs);
    g_free(own->targets);
}

static gboolean
check_length(const EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    const gsize batch = (gsize)config->batch * config->context + 1;
    const Corpus *corpus = trainer->corpus;

    if (corpus->n_train < batch) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS,
                    "the data hold %zu bytes for training, one batch of %u times %u takes %zu",
                    corpus->n_train, config->batch, config->context, batch);
        return FALSE;
    }
    if (corpus->n_held_out < (gsize)config->context + 1) {
        g_set_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS,
                    "only %zu bytes are held out, one window of the context %u takes %u: more "
                    "data or a larger held-out fraction is needed",
                    corpus->n_held_out, config->context, config->context + 1);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_corpus(EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    const gsize context = config->context;

    trainer->corpus = corpus_new(config->data, config->held_out, error);
    if (trainer->corpus == NULL || !check_length(trainer, error))
        return FALSE;
    if (!own_batch_init(&trainer->training, config->batch, context) ||
        !own_batch_init(&trainer->evaluation, config->batch, context) ||
        !own_batch_init(&trainer->capture, config->capture_samples, context))
        return no_memory(error, "the batches");
    corpus_held_out(trainer->corpus, 0, config->capture_samples, config->capture_samples, context,
                    trainer->capture.inputs, trainer->capture.targets);
    return TRUE;
}

static GptShape
shape_of(const EntroTrainConfig *config)
{
    return (GptShape){.arch = entro_arch_find(config->arch),
                      .n_layers = config->n_layers,
                      .n_heads = config->n_heads,
                      .d_model = config->d_model,
                      .context = config->context,
                      .final_norm = config->final_norm};
}

static gboolean
build_model(EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    const gsize capacity = MAX(config->batch, config->capture_samples);
    const gsize per_sample = (gsize)config->n_heads * config->context * config->context;

    trainer->shape = shape_of(config);
    trainer->table = tensor_table_new(&trainer->shape);
    trainer->gpt = (Gpt){.table = trainer->table, .layers = supported_layers(0)};
    trainer->weights = arena_new(trainer->table->arena);
    trainer->moment1 = arena_new(trainer->table->arena);
    trainer->moment2 = arena_new(trainer->table->arena);
    trainer->team = team_new(&trainer->gpt, config->n_threads, capacity);
    trainer->attention = g_try_malloc_n(per_sample, config->capture_samples * sizeof(float));
    if (trainer->weights == NULL || trainer->moment1 == NULL || trainer->moment2 == NULL ||
        trainer->team == NULL || trainer->attention == NULL)
        return no_memory(error, "the model");
    return TRUE;
}

static gboolean
set_weights(EntroTrainer *trainer, GError **error)
{
    Rng rng = rng_new(trainer->config.seed, RNG_INIT, 0);

    if (trainer->config.init != NULL)
        return model_file_read(trainer, trainer->config.init, error);
    tensors_init(trainer->table, trainer->weights, trainer->config.init_std, &rng);
    return TRUE;
}

EntroTrainer *
entro_trainer_new(const EntroTrainConfig *config, GError **error)
{
    g_return_val_if_fail(config != NULL, NULL);

    if (!train_config_check(config, error))
        return NULL;
    g_autoptr(EntroTrainer) trainer = g_new0(EntroTrainer, 1);
    train_config_copy(&trainer->config, config);
    /* The threads share out samples; OpenBLAS must not add its own to each of them. */
    openblas_set_num_threads(1);
    if (!train_memory_check(&trainer->config, error) || !read_corpus(trainer, error) ||
        !build_model(trainer, error) || !set_weights(trainer, error) || !emit_open(trainer, error))
        return NULL;
    return g_steal_pointer(&trainer);
}

void
entro_trainer_free(EntroTrainer *trainer)
{
    if (trainer == NULL)
        return;
    entro_writer_free(trainer->writer);
    team_free(trainer->team);
    tensor_table_free(trainer->table);
    corpus_free(trainer->corpus);
    own_batch_clear(&trainer->training);
    own_batch_clear(&trainer->evaluation);
    own_batch_clear(&trainer->capture);
    arena_free(trainer->weights);
    arena_free(trainer->moment1);
    arena_free(trainer->moment2);
    g_free(trainer->attention);
    train_config_clear(&trainer->config);
    g_free(trainer);
}

gsize
entro_trainer_get_n_parameters(const EntroTrainer *trainer)
{
    return trainer->table->n_parameters;
}

gsize
entro_trainer_get_memory(const EntroTrainer *trainer)
{
    return (gsize)train_memory(&trainer->config);
}

const char *
entro_trainer_describe_data(const EntroTrainer *trainer)
{
    return trainer->corpus->about;
}

/* ---- a step -------------------------------------------------------------------------------------- */

static gboolean
is_due(const EntroTrainer *trainer, guint every)
{
    return trainer->step == trainer->config.n_steps || (every > 0 && trainer->step % every == 0);
}

/* One update of the weights. */
static void
update(EntroTrainer *trainer, EntroTrainReport *report)
{
    const EntroTrainConfig *config = &trainer->config;
    Rng rng = rng_new(config->seed, RNG_DATA, trainer->step);
    const AdamwConfig adamw = {
        .lr = schedule_lr(trainer->step, config->n_steps, config->lr, config->warmup,
                          config->min_lr_fraction),
        .weight_decay = config->weight_decay,
        .beta1 = config->beta1,
        .beta2 = config->beta2,
        .eps = config->adam_eps,
        .grad_clip = config->grad_clip,
        .step = trainer->step,
        .n_threads = config->n_threads,
    };

    corpus_draw(trainer->corpus, &rng, config->batch, config->context, trainer->training.inputs,
                trainer->training.targets);
    report->lr = adamw.lr;
    report->loss = team_train(trainer->team, trainer->weights, &trainer->training.batch);
    report->grad_norm = adamw_step(&trainer->gpt, &adamw, trainer->weights, trainer->moment1,
                                   trainer->moment2, trainer->team->grads[0]);
    report->diverged = !isfinite(report->loss) || !isfinite(report->grad_norm);
}

/* Mean over the evaluation batches, whose windows are the same in every run on these data. */
static double
evaluate(EntroTrainer *trainer)
{
    const EntroTrainConfig *config = &trainer->config;
    const gsize n_all = (gsize)config->eval_batches * config->batch;
    double sum = 0;

    for (guint batch = 0; batch < config->eval_batches; batch++) {
        corpus_held_out(trainer->corpus, (gsize)batch * config->batch, config->batch, n_all,
                        config->context, trainer->evaluation.inputs, trainer->evaluation.targets);
        sum += team_evaluate(trainer->team, trainer->weights, &trainer->evaluation.batch);
    }
    return sum / config->eval_batches;
}

static gboolean
record_scalars(EntroTrainer *trainer, const EntroTrainReport *report, GError **error)
{
    return emit_scalar(trainer, "loss", report->loss, error) &&
           emit_scalar(trainer, "lr", report->lr, error) &&
           emit_scalar(trainer, "grad_norm", report->grad_norm, error) &&
           (!report->evaluated || emit_scalar(trainer, "eval_loss", report->eval_loss, error));
}

static gboolean
capture_if_due(EntroTrainer *trainer, EntroTrainReport *report, GError **error)
{
    const gboolean due = is_due(trainer, trainer->config.capture_every) || report->diverged;

    if (trainer->writer == NULL || !due)
        return TRUE;
    report->captured = TRUE;
    return emit_capture(trainer, error);
}

/* Weights that have diverged are of no use to anyone: the last good checkpoint stays. */
static gboolean
checkpoint_if_due(EntroTrainer *trainer, EntroTrainReport *report, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;

    if (config->checkpoint == NULL || report->diverged ||
        !is_due(trainer, config->checkpoint_every))
        return TRUE;
    report->checkpointed = TRUE;
    return model_file_write(trainer, config->checkpoint, error);
}

/* Steps and seconds both fade with the same half-life, so their ratio is the mean speed of the last
 * seconds, and from the first step on a fair one. */
static void
tick(EntroTrainer *trainer, EntroTrainReport *report)
{
    const EntroTrainConfig *config = &trainer->config;
    Clock *clock = &trainer->clock;
    const gint64 now = g_get_monotonic_time();
    const double seconds = MAX((double)(now - clock->last) / 1e6, 1e-6);
    const double fade = exp(-seconds / SMOOTHING);

    clock->last = now;
    clock->steps = clock->steps * fade + 1;
    clock->seconds = clock->seconds * fade + seconds;
    const double per_step = clock->seconds / clock->steps;
    report->tokens_per_second = config->batch * (double)config->context / per_step;
    report->seconds_left = report->diverged ? 0 : per_step * (config->n_steps - trainer->step);
}

static gboolean
take_step(EntroTrainer *trainer, EntroTrainReport *report, GError **error)
{
    trainer->step++;
    report->step = trainer->step;
    update(trainer, report);
    report->evaluated = !report->diverged && is_due(trainer, trainer->config.eval_every);
    if (report->evaluated)
        report->eval_loss = evaluate(trainer);
    if (!record_scalars(trainer, report, error) || !capture_if_due(trainer, report, error) ||
        !checkpoint_if_due(trainer, report, error))
        return FALSE;
    trainer->finished = report->diverged || trainer->step == trainer->config.n_steps;
    tick(trainer, report);
    return !trainer->finished || emit_close(trainer, error);
}

gboolean
entro_trainer_step(EntroTrainer *trainer, EntroTrainReport *ret_report, GError **error)
{
    *ret_report = (EntroTrainReport){.step = trainer->step, .eval_loss = NAN};

    if (trainer->finished) {
        ret_report->finished = TRUE;
        return TRUE;
    }
    if (trainer->step == 0) {
        trainer->clock.last = g_get_monotonic_time();
        if (trainer->writer != NULL && !emit_capture(trainer, error)) /* the untrained model */
            return FALSE;
    }
    return take_step(trainer, ret_report, error);
}
