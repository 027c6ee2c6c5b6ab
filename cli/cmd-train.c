/* cmd-train.c: trains a small GPT-2 and writes its attention. */
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REPORTED_LINES 20 /* about so many lines when stderr is no terminal */

static struct {
    char *arch, *ffn, *weight_norm, *spectral_norm, *regularize;
    char *temperature_init, *temperature_guard, *gamma, *lambda, *threshold_init;
    char *lr, *min_lr, *warmup, *decay, *clip, *init_std, *held_out, *element;
    char *trace, *run, *init, *checkpoint;
    char **data;
    gint layers, heads, dim, context, batch, steps, eval_every, eval_batches, log_every,
        capture_every;
    gint capture_samples, deflate, threads, checkpoint_every;
    gint64 seed;
    gboolean no_final_norm, learnable_temperature, resume, new_trace;
} chosen;

static const GOptionEntry entries[] = {
    {"arch", 0, 0, G_OPTION_ARG_STRING, &chosen.arch, "Architecture (default SM+LN+G; see below)",
     "ARCH"},
    {"ffn", 0, 0, G_OPTION_ARG_STRING, &chosen.ffn,
     "plain, scaled (learnable alpha and beta) or fused (scaled, one matrix)", "KIND"},
    {"weight-norm", 0, 0, G_OPTION_ARG_STRING, &chosen.weight_norm,
     "Weight normalisation of QK, FFN, QK+FFN, QKV+FFN, QKVO+FFN or none", "PLACE"},
    {"spectral-norm", 0, 0, G_OPTION_ARG_STRING, &chosen.spectral_norm,
     "Spectral normalisation, of the same places", "PLACE"},
    {"learnable-temperature", 0, 0, G_OPTION_ARG_NONE, &chosen.learnable_temperature,
     "One softmax temperature a head and query position", NULL},
    {"temperature-init", 0, 0, G_OPTION_ARG_STRING, &chosen.temperature_init,
     "Where it starts (1e-2)", "X"},
    {"temperature-guard", 0, 0, G_OPTION_ARG_STRING, &chosen.temperature_guard,
     "It never falls below (1e-4)", "X"},
    {"regularize", 0, 0, G_OPTION_ARG_STRING, &chosen.regularize,
     "Entropy regularisation of rows or of headmean, or off", "KIND"},
    {"gamma", 0, 0, G_OPTION_ARG_STRING, &chosen.gamma, "Its margin, fraction of ln T (0.2)", "X"},
    {"lambda", 0, 0, G_OPTION_ARG_STRING, &chosen.lambda,
     "Its strength, of the mean penalty (0.164)", "X"},
    {"threshold-init", 0, 0, G_OPTION_ARG_STRING, &chosen.threshold_init,
     "Where its learnable thresholds start, fraction of ln T (0.5)", "X"},
    {"data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.data,
     "File or folder of text to train on; may be repeated", "PATH"},
    {"trace", 0, 0, G_OPTION_ARG_FILENAME, &chosen.trace, "Write attention and scalars to FILE",
     "FILE"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME, &chosen.run,
     "Name of the run (default: stem of the trace)", "NAME"},
    {"layers", 0, 0, G_OPTION_ARG_INT, &chosen.layers, "Layers (8)", "N"},
    {"heads", 0, 0, G_OPTION_ARG_INT, &chosen.heads, "Heads of a layer (8)", "N"},
    {"dim", 0, 0, G_OPTION_ARG_INT, &chosen.dim, "Width of the model (64)", "N"},
    {"context", 0, 0, G_OPTION_ARG_INT, &chosen.context, "Context length T (64)", "N"},
    {"batch", 0, 0, G_OPTION_ARG_INT, &chosen.batch, "Sequences of a step (16)", "N"},
    {"steps", 0, 0, G_OPTION_ARG_INT, &chosen.steps, "Training steps (1500)", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &chosen.seed, "Seed (1)", "N"},
    {"lr", 0, 0, G_OPTION_ARG_STRING, &chosen.lr, "Learning rate (1e-3)", "X"},
    {"min-lr-fraction", 0, 0, G_OPTION_ARG_STRING, &chosen.min_lr,
     "Learning rate at the end, as a fraction (0)", "X"},
    {"warmup", 0, 0, G_OPTION_ARG_STRING, &chosen.warmup, "Warm-up, fraction of the steps (0.05)",
     "X"},
    {"weight-decay", 0, 0, G_OPTION_ARG_STRING, &chosen.decay, "Of matrices (0.1)", "X"},
    {"grad-clip", 0, 0, G_OPTION_ARG_STRING, &chosen.clip, "Largest gradient norm, 0: any (1)",
     "X"},
    {"init-std", 0, 0, G_OPTION_ARG_STRING, &chosen.init_std,
     "Of the initial weights (0.02 sqrt(768 / dim))", "X"},
    {"no-final-norm", 0, 0, G_OPTION_ARG_NONE, &chosen.no_final_norm,
     "No LayerNorm before the output head", NULL},
    {"held-out", 0, 0, G_OPTION_ARG_STRING, &chosen.held_out,
     "Fraction of the data kept for evaluation (0.1)", "X"},
    {"eval-every", 0, 0, G_OPTION_ARG_INT, &chosen.eval_every, "Steps (100)", "N"},
    {"eval-batches", 0, 0, G_OPTION_ARG_INT, &chosen.eval_batches, "Batches of an evaluation (8)",
     "N"},
    {"log-every", 0, 0, G_OPTION_ARG_INT, &chosen.log_every,
     "Steps between the scalars in the trace (1)", "N"},
    {"capture-every", 0, 0, G_OPTION_ARG_INT, &chosen.capture_every, "Steps (50)", "N"},
    {"capture-samples", 0, 0, G_OPTION_ARG_INT, &chosen.capture_samples,
     "Held-out sequences of a capture (8)", "N"},
    {"element", 0, 0, G_OPTION_ARG_STRING, &chosen.element, "f16 (default), bf16, f32 or f64", "E"},
    {"deflate", 0, 0, G_OPTION_ARG_INT, &chosen.deflate, "Compress the trace, 1 to 9 (0: not)",
     "N"},
    {"init", 0, 0, G_OPTION_ARG_FILENAME, &chosen.init, "Start from this checkpoint", "FILE"},
    {"checkpoint", 0, 0, G_OPTION_ARG_FILENAME, &chosen.checkpoint,
     "Write weights and optimizer state to FILE", "FILE"},
    {"checkpoint-every", 0, 0, G_OPTION_ARG_INT, &chosen.checkpoint_every,
     "Steps (0: only at the end)", "N"},
    {"resume", 0, 0, G_OPTION_ARG_NONE, &chosen.resume,
     "Go on from the checkpoint, if there is one yet; else as without", NULL},
    {"new-trace", 0, 0, G_OPTION_ARG_NONE, &chosen.new_trace,
     "With --resume: begin another trace there, where the run's own is lost or damaged", NULL},
    {"threads", 'j', 0, G_OPTION_ARG_INT, &chosen.threads, "Threads (default: one a processor)",
     "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print the result as JSON", NULL},
    {NULL}};

/* ---- options ---------------------------------------------------------------------------------------------- */

/* One row an option that is a whole number: where it comes from and goes to. */
typedef struct {
    const char *option;
    const gint *from;
    guint *to;
    gint least;
} WholeRow;

static gboolean
set_wholes(EntroTrainConfig *config, GError **error)
{
    const WholeRow rows[] = {
        {"--layers", &chosen.layers, &config->n_layers, 1},
        {"--heads", &chosen.heads, &config->n_heads, 1},
        {"--dim", &chosen.dim, &config->d_model, 1},
        {"--context", &chosen.context, &config->context, 1},
        {"--batch", &chosen.batch, &config->batch, 1},
        {"--steps", &chosen.steps, &config->n_steps, 1},
        {"--eval-every", &chosen.eval_every, &config->eval_every, 1},
        {"--eval-batches", &chosen.eval_batches, &config->eval_batches, 1},
        {"--log-every", &chosen.log_every, &config->log_every, 1},
        {"--capture-every", &chosen.capture_every, &config->capture_every, 1},
        {"--capture-samples", &chosen.capture_samples, &config->capture_samples, 1},
        {"--deflate", &chosen.deflate, &config->deflate, 0},
        {"--checkpoint-every", &chosen.checkpoint_every, &config->checkpoint_every, 0},
        {"--threads", &chosen.threads, &config->n_threads, 1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (*rows[i].from == ENTRO_NOT_GIVEN)
            continue;
        if (*rows[i].from < rows[i].least)
            return entro_usage_error(error, "%s must be at least %d", rows[i].option,
                                     rows[i].least);
        *rows[i].to = (guint)*rows[i].from;
    }
    return TRUE;
}

typedef struct {
    const char *option, *from;
    double *to;
} RealRow;

static gboolean
set_reals(EntroTrainConfig *config, GError **error)
{
    const RealRow rows[] = {
        {"--temperature-init", chosen.temperature_init, &config->temperature_init},
        {"--temperature-guard", chosen.temperature_guard, &config->temperature_guard},
        {"--gamma", chosen.gamma, &config->gamma},
        {"--lambda", chosen.lambda, &config->lambda},
        {"--threshold-init", chosen.threshold_init, &config->threshold_init},
        {"--lr", chosen.lr, &config->lr},
        {"--min-lr-fraction", chosen.min_lr, &config->min_lr_fraction},
        {"--warmup", chosen.warmup, &config->warmup},
        {"--weight-decay", chosen.decay, &config->weight_decay},
        {"--grad-clip", chosen.clip, &config->grad_clip},
        {"--init-std", chosen.init_std, &config->init_std},
        {"--held-out", chosen.held_out, &config->held_out},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        double value;
        if (!entro_parse_real(rows[i].from, rows[i].option, &value, error))
            return FALSE;
        if (rows[i].from != NULL)
            *rows[i].to = value;
    }
    return TRUE;
}

static gboolean
set_element(EntroTrainConfig *config, GError **error)
{
    if (chosen.element == NULL)
        return TRUE;
    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++)
        if (g_str_equal(chosen.element, entro_element_name(element))) {
            config->element = element;
            return TRUE;
        }
    return entro_usage_error(error, "--element: \"%s\" is not f16, bf16, f32 or f64",
                             chosen.element);
}

/* A checkpoint brings all that these would set. */
static gboolean
check_start(const EntroTrainConfig *config, GError **error)
{
    const struct {
        const char *option, *given;
    } rows[] = {{"--init-std", chosen.init_std},
                {"--temperature-init", chosen.temperature_init},
                {"--threshold-init", chosen.threshold_init}};

    for (guint i = 0; config->init != NULL && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].given != NULL)
            return entro_usage_error(error, "%s has no effect beside --init: %s has its own values",
                                     rows[i].option, config->init);
    return TRUE;
}

/* An option that would change nothing is a misunderstanding, better told now than after the run. */
static gboolean
check_effect(const EntroTrainConfig *config, GError **error)
{
    EntroArch arch;

    if (!entro_train_config_arch(config, &arch, error))
        return FALSE;
    const gboolean regularized = arch.regularize != ENTRO_REGULARIZE_OFF;
    const struct {
        const char *option, *given;
        gboolean has_effect;
        const char *needs;
    } rows[] = {
        {"--gamma", chosen.gamma, regularized, "--regularize"},
        {"--lambda", chosen.lambda, regularized, "--regularize"},
        {"--threshold-init", chosen.threshold_init, regularized, "--regularize"},
        {"--temperature-init", chosen.temperature_init, arch.temperature,
         "--learnable-temperature"},
        {"--temperature-guard", chosen.temperature_guard, arch.temperature,
         "--learnable-temperature"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].given != NULL && !rows[i].has_effect)
            return entro_usage_error(error, "%s has no effect on this model: it needs %s",
                                     rows[i].option, rows[i].needs);
    return check_start(config, error);
}

static gboolean
make_config(EntroTrainConfig *config, GError **error)
{
    if (chosen.arch != NULL)
        config->arch = chosen.arch;
    config->init = chosen.init;
    config->ffn = chosen.ffn;
    config->weight_norm = chosen.weight_norm;
    config->spectral_norm = chosen.spectral_norm;
    config->regularize = chosen.regularize;
    config->learnable_temperature = chosen.learnable_temperature;
    config->seed = (guint64)chosen.seed;
    config->final_norm = !chosen.no_final_norm;
    config->data = (const char *const *)chosen.data;
    config->trace = chosen.trace;
    config->run_name = chosen.run;
    config->checkpoint = chosen.checkpoint;
    config->resume = chosen.resume;
    config->new_trace = chosen.new_trace;
    return set_wholes(config, error) && set_reals(config, error) && set_element(config, error) &&
           check_effect(config, error);
}

/* GOption knows no "not given" for numbers. */
static void
forget_options(void)
{
    gint *const wholes[] = {&chosen.layers,     &chosen.heads,           &chosen.dim,
                            &chosen.context,    &chosen.batch,           &chosen.steps,
                            &chosen.eval_every, &chosen.eval_batches,    &chosen.capture_every,
                            &chosen.log_every,  &chosen.capture_samples, &chosen.deflate,
                            &chosen.threads,    &chosen.checkpoint_every};

    for (guint i = 0; i < G_N_ELEMENTS(wholes); i++)
        *wholes[i] = ENTRO_NOT_GIVEN;
    chosen.seed = 1;
}

static char *
list_archs(void)
{
    guint n_archs;
    const EntroArch *archs = entro_archs(&n_archs);
    GString *text = g_string_new("Architectures:\n");

    for (guint i = 0; i < n_archs; i++)
        g_string_append_printf(text, "  %-19s %s\n", archs[i].name, archs[i].about);
    g_string_append(text, "\nThe trace is complete and readable after each capture, also while "
                          "training goes on.");
    return g_string_free(text, FALSE);
}

/* ---- the loop ------------------------------------------------------------------------------------------------ */

static void
show_report(const EntroTrainer *trainer, const EntroTrainConfig *config,
            const EntroTrainReport *report)
{
    const char *arch = entro_trainer_get_arch(trainer);
    guint every = MAX(1, config->n_steps / REPORTED_LINES);

    if (isatty(STDERR_FILENO))
        entro_progress("%s: step %u of %u, loss %.3f, %.0f tokens/s, %.0f s left", arch,
                       report->step, config->n_steps, report->loss, report->tokens_per_second,
                       report->seconds_left);
    else if (report->step % every == 0 || report->diverged)
        entro_say("%s: step %u of %u, loss %.3f, %.0f tokens/s, %.0f s left", arch, report->step,
                  config->n_steps, report->loss, report->tokens_per_second, report->seconds_left);
}

/* Nothing that was trained is lost where there is a checkpoint to keep it. */
static gboolean
stop(EntroTrainer *trainer, const EntroTrainConfig *config, GError **error)
{
    if (!entro_trainer_checkpoint(trainer, error))
        return FALSE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL,
                "stopped by a signal after step %u%s%s", entro_trainer_get_step(trainer),
                config->trace != NULL ? "; every capture so far is in the trace" : "",
                config->checkpoint != NULL ? "; the same command with --resume goes on" : "");
    return FALSE;
}

static void
say_where(const EntroTrainer *trainer, const EntroTrainConfig *config)
{
    const guint step = entro_trainer_get_step(trainer);

    if (!config->resume)
        return;
    if (step == 0)
        entro_say("%s is not there yet: starting from the beginning", config->checkpoint);
    else if (step == config->n_steps)
        entro_say("%s is at the last step already: nothing to do", config->checkpoint);
    else
        entro_say("going on from %s after step %u of %u", config->checkpoint, step,
                  config->n_steps);
}

/* A full disk need not be found out after hours. */
static void
say_room(const EntroTrainer *trainer, const EntroTrainConfig *config)
{
    const double needed = entro_trainer_get_trace_size(trainer);
    struct statvfs disk;

    if (config->trace == NULL || statvfs(config->trace, &disk) != 0)
        return;
    const double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if (needed > free_bytes)
        entro_say("note: all captures of this run are %.1f GB%s, and the disk of %s has %.1f GB "
                  "free: --capture-every and --capture-samples make it less",
                  needed / 1e9, config->deflate > 0 ? " before compression" : "", config->trace,
                  free_bytes / 1e9);
}

/* Behind what went wrong while it trained. */
static void
say_what_is_left(const EntroTrainConfig *config, GError **error)
{
    if (error == NULL || config->checkpoint == NULL ||
        !g_file_test(config->checkpoint, G_FILE_TEST_EXISTS))
        return;
    char *message = g_strdup_printf(
        "%s; once that is mended, the same command with --resume goes "
        "on from %s%s",
        (*error)->message, config->checkpoint,
        config->resume && config->trace != NULL
            ? " (if the trace itself is damaged, with another --trace and --new-trace)"
            : "");
    g_free((*error)->message);
    (*error)->message = message;
}

static gboolean
train(EntroTrainer *trainer, const EntroTrainConfig *config, EntroTrainReport *ret_last,
      GError **error)
{
    say_where(trainer, config);
    say_room(trainer, config);
    while (entro_trainer_step(trainer, ret_last, error)) {
        if (ret_last->finished)
            return TRUE;
        show_report(trainer, config, ret_last);
        if (entro_signals_seen() != 0)
            return stop(trainer, config, error);
    }
    say_what_is_left(config, error);
    return FALSE;
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

/* NULL unless it was written: a model that diverges early has none. */
static const char *
checkpoint_of(const EntroTrainConfig *config)
{
    return config->checkpoint != NULL && g_file_test(config->checkpoint, G_FILE_TEST_EXISTS)
               ? config->checkpoint
               : NULL;
}

static void
print_outcome(const EntroTrainConfig *config, const EntroTrainer *trainer,
              const EntroTrainReport *last)
{
    g_autofree char *added =
        isnan(last->reg_loss)
            ? g_strdup("")
            : g_strdup_printf(" and %.4f of the entropy regulariser", last->reg_loss);

    printf("%s, %" G_GSIZE_FORMAT " parameters, %s\n", entro_trainer_get_arch(trainer),
           entro_trainer_get_n_parameters(trainer), entro_trainer_describe_data(trainer));
    if (last->diverged)
        printf("diverged at step %u: loss or gradient is no longer finite\n", last->step);
    else
        printf("%u steps, training loss %.4f%s\n", last->step, last->loss, added);
    if (isfinite(last->eval_loss))
        printf("held-out loss %.4f nats a byte, perplexity %.3f%s\n", last->eval_loss,
               exp(last->eval_loss), last->diverged ? " (the last before that)" : "");
    if (config->trace != NULL)
        printf("trace: %s\n", config->trace);
    if (checkpoint_of(config) != NULL)
        printf("checkpoint: %s\n", config->checkpoint);
}

static void
print_outcome_json(const EntroTrainConfig *config, const EntroTrainer *trainer,
                   const EntroTrainReport *last)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    entro_json_string(builder, "arch", entro_trainer_get_arch(trainer));
    entro_json_integer(builder, "parameters", (gint64)entro_trainer_get_n_parameters(trainer));
    entro_json_string(builder, "data", entro_trainer_describe_data(trainer));
    entro_json_integer(builder, "steps", last->step);
    entro_json_real(builder, "loss", last->loss);
    entro_json_real(builder, "reg_loss", last->reg_loss);
    entro_json_real(builder, "eval_loss", last->eval_loss);
    entro_json_real(builder, "perplexity", exp(last->eval_loss));
    json_builder_set_member_name(builder, "diverged_at");
    if (last->diverged)
        json_builder_add_int_value(builder, last->step);
    else
        json_builder_add_null_value(builder);
    entro_json_string(builder, "trace", config->trace);
    entro_json_string(builder, "checkpoint", checkpoint_of(config));
    json_builder_end_object(builder);
    entro_print_json(builder);
}

/* A slip that would replace the text that somebody wrote. */
static gboolean
check_data_survives(const char *output, GError **error)
{
    for (char **path = chosen.data; output != NULL && *path != NULL; path++)
        if (entro_same_file(*path, output))
            return entro_usage_error(error, "%s is data to train on, and would be replaced", *path);
    return TRUE;
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_train;
    EntroCommand command = entro_command_train;
    EntroTrainConfig config = ENTRO_TRAIN_CONFIG_DEFAULT;
    EntroTrainReport last = {0};
    g_autofree char *details = list_archs();

    (void)ret_exit;
    command.details = details;
    forget_options();
    if (!entro_options_parse(&command, entries, NULL, &argc, &argv, error) ||
        !make_config(&config, error))
        return FALSE;
    if (argc > 1)
        return entro_usage_error(error, "takes no argument, got \"%s\" (data: --data)", argv[1]);
    if (!entro_check_run_name(config.run_name, error))
        return FALSE;
    if (config.data == NULL)
        return entro_usage_error(error, "needs --data PATH; see --help");
    if (config.trace == NULL && config.checkpoint == NULL)
        return entro_usage_error(error, "needs --trace FILE or --checkpoint FILE, or nothing "
                                        "would be kept; see --help");
    if (!check_data_survives(config.trace, error) || !check_data_survives(config.checkpoint, error))
        return FALSE;
    /* a step that is under way, and its checkpoint, are worth waiting for */
    entro_signals_watch(0);
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&config, error);
    if (trainer == NULL || !train(trainer, &config, &last, error))
        return FALSE;
    entro_progress_end();
    (entro_common.json ? print_outcome_json : print_outcome)(&config, trainer, &last);
    return TRUE;
}

const EntroCommand entro_command_train = {
    .name = "train",
    .arguments = "--data PATH --trace FILE",
    .about = "Trains a small GPT-2 and writes its attention to a trace",
    .run = run};
