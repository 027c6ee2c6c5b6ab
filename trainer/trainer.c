/* trainer.c: the training run, one step a call.
 *
 * The caller owns the loop.  A step draws its batch from a random stream named by seed and step
 * alone, so nothing but weights and moments ties it to the steps before: with these, a checkpoint
 * is all that a killed run needs to come to the same numbers. */
#include "trainer-private.h"
#include "arena.h"
#include "schedule.h"

#define BLAS_BUFFER ((gsize)128 << 20)
#define SMOOTHING   5.0 /* seconds over which the speed is averaged */

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
shape_of(const EntroTrainer *trainer)
{
    const EntroTrainConfig *config = &trainer->config;

    return (GptShape){.arch = &trainer->arch,
                      .n_layers = config->n_layers,
                      .n_heads = config->n_heads,
                      .d_model = config->d_model,
                      .context = config->context,
                      .final_norm = config->final_norm};
}

static real *
new_arena(const EntroTrainer *trainer)
{
    return arena_new(trainer->table->arena);
}

/* What OpenBLAS takes for each thread at its first product.  Where it gets none it tries for ever, so
 * it is asked for here, last of all, and given back. */
static gboolean
has_blas_memory(guint n_threads)
{
    g_autofree void *room = g_try_malloc_n(n_threads, BLAS_BUFFER);

    return room != NULL;
}

static gboolean
build_model(EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    const gsize capacity = MAX(config->batch, config->capture_samples);
    const gsize per_sample = (gsize)config->n_heads * config->context * config->context;

    trainer->shape = shape_of(trainer);
    trainer->table = tensor_table_new(&trainer->shape);
    trainer->gpt = (Gpt){.table = trainer->table,
                         .layers = supported_layers(0),
                         .gamma = config->gamma,
                         .lambda = config->lambda};
    trainer->weights = new_arena(trainer);
    trainer->moment1 = new_arena(trainer);
    trainer->moment2 = new_arena(trainer);
    trainer->model = trainer->table->normed ? new_arena(trainer) : trainer->weights;
    trainer->team = team_new(&trainer->gpt, config->n_threads, capacity);
    trainer->attention = g_try_malloc_n(per_sample, config->capture_samples * sizeof(float));
    if (trainer->weights == NULL || trainer->moment1 == NULL || trainer->moment2 == NULL ||
        trainer->model == NULL || trainer->team == NULL || trainer->attention == NULL)
        return no_memory(error, "the model");
    return has_blas_memory(config->n_threads) || no_memory(error, "the products of matrices");
}

/* Whenever the weights have changed. */
static void
refresh_model(EntroTrainer *trainer)
{
    if (trainer->table->normed)
        matrix_norms_apply(trainer->table, trainer->weights, trainer->model,
                           trainer->config.n_threads);
}

static gboolean
set_weights(EntroTrainer *trainer, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;
    const TensorStart start = {.std = config->init_std,
                               .temperature = config->temperature_init,
                               .threshold = config->threshold_init};
    Rng rng = rng_new(config->seed, RNG_INIT, 0);

    if (config->resume && g_file_test(config->checkpoint, G_FILE_TEST_EXISTS)) {
        if (!model_file_resume(trainer, config->checkpoint, error))
            return FALSE;
    } else if (config->init != NULL) {
        if (!model_file_read(trainer, config->init, error))
            return FALSE;
        tensors_guard(trainer->table, trainer->weights, config->temperature_guard);
    } else {
        tensors_init(trainer->table, trainer->weights, &start, &rng);
    }
    refresh_model(trainer);
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
    if (!entro_train_config_arch(config, &trainer->arch, error))
        return NULL;
    trainer->arch.name = arch_name(&trainer->arch);
    trainer->loss = trainer->reg_loss = trainer->eval_loss = NAN;
    /* The threads share out samples; OpenBLAS must not add its own to each of them. */
    openblas_set_num_threads(1);
    if (!train_memory_check(&trainer->config, &trainer->arch, error) ||
        !read_corpus(trainer, error) || !build_model(trainer, error) ||
        !set_weights(trainer, error) || !emit_open(trainer, error))
        return NULL;
    trainer->finished = trainer->step == trainer->config.n_steps;
    if (trainer->finished && !emit_close(trainer, error)) /* it was killed before it could */
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
    if (trainer->model != trainer->weights)
        arena_free(trainer->model);
    arena_free(trainer->weights);
    arena_free(trainer->moment1);
    arena_free(trainer->moment2);
    g_free(trainer->attention);
    g_free((char *)trainer->arch.name);
    g_free(trainer->trace_uuid);
    train_config_clear(&trainer->config);
    g_free(trainer);
}

const char *
entro_trainer_get_arch(const EntroTrainer *trainer)
{
    return trainer->arch.name;
}

guint
entro_trainer_get_step(const EntroTrainer *trainer)
{
    return trainer->step;
}

gsize
entro_trainer_get_n_parameters(const EntroTrainer *trainer)
{
    return trainer->table->n_parameters;
}

gsize
entro_trainer_get_memory(const EntroTrainer *trainer)
{
    return (gsize)train_memory(&trainer->config, &trainer->arch);
}

double
entro_trainer_get_trace_size(const EntroTrainer *trainer)
{
    const EntroTrainConfig *config = &trainer->config;
    const double n_captures = 1 + ceil((double)config->n_steps / MAX(config->capture_every, 1));
    const double n_weights = (double)config->n_layers * config->n_heads * config->capture_samples *
                             config->context * config->context;

    return config->trace == NULL
               ? 0
               : n_captures * n_weights * (double)entro_element_size(config->element);
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

static gboolean
is_regularized(const EntroTrainer *trainer)
{
    return trainer->arch.regularize != ENTRO_REGULARIZE_OFF;
}

/* Gradients of the weights, in the first part of the team. */
static void
differentiate(EntroTrainer *trainer, EntroTrainReport *report)
{
    const TensorTable *table = trainer->table;
    const guint n_threads = trainer->config.n_threads;

    if (table->normed)
        matrix_norms_iterate(table, trainer->weights, n_threads);
    refresh_model(trainer);
    report->loss =
        team_train(trainer->team, trainer->model, &trainer->training.batch, &report->reg_loss);
    if (table->normed)
        matrix_norms_backward(table, trainer->weights, trainer->model, trainer->team->grads[0],
                              n_threads);
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
    differentiate(trainer, report);
    report->grad_norm = adamw_step(&trainer->gpt, &adamw, trainer->weights, trainer->moment1,
                                   trainer->moment2, trainer->team->grads[0]);
    tensors_guard(trainer->table, trainer->weights, config->temperature_guard);
    refresh_model(trainer);
    report->diverged =
        !isfinite(report->loss) || !isfinite(report->reg_loss) || !isfinite(report->grad_norm);
    if (!is_regularized(trainer))
        report->reg_loss = NAN;
    trainer->loss = report->loss;
    trainer->reg_loss = report->reg_loss;
    trainer->diverged = report->diverged;
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
        sum += team_evaluate(trainer->team, trainer->model, &trainer->evaluation.batch);
    }
    return sum / config->eval_batches;
}

static gboolean
record_scalars(EntroTrainer *trainer, const EntroTrainReport *report, GError **error)
{
    if (!is_due(trainer, trainer->config.log_every) && !report->evaluated && !report->diverged)
        return TRUE;
    return emit_scalar(trainer, "loss", report->loss, error) &&
           emit_scalar(trainer, "lr", report->lr, error) &&
           emit_scalar(trainer, "grad_norm", report->grad_norm, error) &&
           (!is_regularized(trainer) ||
            emit_scalar(trainer, "reg_loss", report->reg_loss, error)) &&
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

/* First the trace: a checkpoint must not be ahead of it. */
gboolean
entro_trainer_checkpoint(EntroTrainer *trainer, GError **error)
{
    const char *path = trainer->config.checkpoint;

    /* Weights that have diverged are of no use to anyone: the last good checkpoint stays. */
    if (path == NULL || trainer->diverged || trainer->saved == trainer->step)
        return TRUE;
    if (!emit_flush(trainer, error) || !model_file_write(trainer, path, error))
        return FALSE;
    trainer->saved = trainer->step;
    return TRUE;
}

static gboolean
checkpoint_if_due(EntroTrainer *trainer, EntroTrainReport *report, GError **error)
{
    const EntroTrainConfig *config = &trainer->config;

    if (config->checkpoint == NULL || report->diverged ||
        !is_due(trainer, config->checkpoint_every))
        return TRUE;
    report->checkpointed = TRUE;
    return entro_trainer_checkpoint(trainer, error);
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
        report->eval_loss = trainer->eval_loss = evaluate(trainer);
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
    *ret_report = (EntroTrainReport){.step = trainer->step, .reg_loss = NAN, .eval_loss = NAN};

    if (trainer->finished) {
        *ret_report = (EntroTrainReport){.step = trainer->step,
                                         .finished = TRUE,
                                         .diverged = trainer->diverged,
                                         .loss = trainer->loss,
                                         .reg_loss = trainer->reg_loss,
                                         .eval_loss = trainer->eval_loss};
        return TRUE;
    }
    if (trainer->clock.last == 0)
        trainer->clock.last = g_get_monotonic_time();
    if (trainer->step == 0 && trainer->writer != NULL && !emit_capture(trainer, error))
        return FALSE; /* that was the untrained model */
    return take_step(trainer, ret_report, error);
}
