/* test-trainer.c: whole runs on a small corpus, as the program makes them. */
#include "trainer-private.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

typedef struct {
    char *folder, *text, *trace, *checkpoint;
    const char *data[2];
    EntroTrainConfig config;
} Fixture;

/* Text with something to learn: lines of a few words in random order. */
static void
write_text(const char *path)
{
    static const char *const words[] = {"entropy ", "attention ", "layer ", "head ", "\n"};
    g_autoptr(GString) text = g_string_new(NULL);
    Rng rng = rng_new(3, RNG_DATA, 0);

    for (int i = 0; i < 4000; i++)
        g_string_append(text, words[rng_below(&rng, G_N_ELEMENTS(words))]);
    g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
}

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->folder = g_dir_make_tmp("entro-trainer-XXXXXX", NULL);
    f->text = g_build_filename(f->folder, "text", NULL);
    f->trace = g_build_filename(f->folder, "run-2.385.h5", NULL);
    f->checkpoint = g_build_filename(f->folder, "weights.h5", NULL);
    write_text(f->text);
    f->data[0] = f->text;
    f->config = ENTRO_TRAIN_CONFIG_DEFAULT;
    f->config.n_layers = 2;
    f->config.n_heads = 2;
    f->config.d_model = 16;
    f->config.context = 24;
    f->config.batch = 5;
    f->config.n_steps = 12;
    f->config.n_threads = 2;
    f->config.capture_every = 5;
    f->config.capture_samples = 3;
    f->config.eval_every = 0;
    f->config.eval_batches = 2;
    f->config.data = f->data;
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_unlink(f->text);
    g_unlink(f->trace);
    g_unlink(f->checkpoint);
    g_rmdir(f->folder);
    g_free(f->folder);
    g_free(f->text);
    g_free(f->trace);
    g_free(f->checkpoint);
}

/* Runs to the end; losses[n_steps] may be NULL.  Returns the last report of a step. */
static EntroTrainReport
run(const Fixture *f, double *losses)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, &error);
    EntroTrainReport report;
    EntroTrainReport last = {0};

    g_assert_no_error(error);
    while (entro_trainer_step(trainer, &report, &error) && !report.finished) {
        last = report;
        if (losses != NULL)
            losses[report.step - 1] = report.loss;
    }
    g_assert_no_error(error);
    g_assert_true(report.finished);
    return last;
}

static void
test_same(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    double first[12], second[12], other[12];

    run(f, first);
    run(f, second);
    f->config.seed = 2;
    run(f, other);
    g_assert_cmpmem(first, sizeof first, second, sizeof second);
    g_assert_cmpfloat(first[0], !=, other[0]);
}

static void
test_threads(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    double two[12], one[12], three[12];

    run(f, two);
    f->config.n_threads = 1;
    run(f, one);
    f->config.n_threads = 3;
    run(f, three);
    for (int i = 0; i < 12; i++) {
        g_assert_cmpfloat_with_epsilon(one[i], two[i], 1e-4);
        g_assert_cmpfloat_with_epsilon(three[i], two[i], 1e-4);
    }
}

static void
test_learns(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);

    f->config.n_steps = 120;
    f->config.lr = 5e-3;
    f->config.trace = NULL;
    for (guint arch = 0; arch < n; arch++) {
        double losses[120];

        f->config.arch = archs[arch].name;
        const EntroTrainReport last = run(f, losses);
        g_test_message("%s: %.3f to %.3f", archs[arch].name, losses[0], last.eval_loss);
        g_assert_cmpfloat(losses[0], >, 4);
        g_assert_cmpfloat(last.eval_loss, <, 2);
    }
}

static void
test_reports(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.trace = f->trace;
    f->config.checkpoint = f->checkpoint;
    f->config.checkpoint_every = 4;
    f->config.eval_every = 6;
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, NULL);
    EntroTrainReport report;

    g_assert_nonnull(strstr(entro_trainer_describe_data(trainer), "1 file, "));
    for (guint step = 1; step <= 12; step++) {
        g_assert_true(entro_trainer_step(trainer, &report, NULL));
        g_assert_cmpuint(report.step, ==, step);
        g_assert_cmpint(report.captured, ==, step % 5 == 0 || step == 12);
        g_assert_cmpint(report.checkpointed, ==, step % 4 == 0);
        g_assert_cmpint(report.evaluated, ==, step % 6 == 0);
        g_assert_cmpint(isnan(report.eval_loss) != 0, ==, step % 6 != 0);
        g_assert_cmpfloat(report.tokens_per_second, >, 0);
        g_assert_false(report.diverged || report.finished);
    }
    g_assert_cmpfloat(report.seconds_left, ==, 0);
    g_assert_true(entro_trainer_step(trainer, &report, NULL));
    g_assert_true(report.finished);
}

static void
test_diverges(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.arch = "SM";
    f->config.final_norm = FALSE;
    f->config.lr = 900;
    f->config.warmup = 0;
    f->config.n_steps = 60;
    f->config.trace = f->trace;
    f->config.checkpoint = f->checkpoint;
    const EntroTrainReport last = run(f, NULL);

    g_test_message("diverged at step %u with loss %g, norm %g", last.step, last.loss,
                   last.grad_norm);
    g_assert_true(last.diverged);
    g_assert_true(last.captured);
    g_assert_cmpuint(last.step, <, 60);
    g_assert_false(g_file_test(f->checkpoint, G_FILE_TEST_EXISTS));
    g_autofree float *norms = g_new(float, last.step);
    const EntroTensor tensor = {"scalars/grad_norm/value", 1, {last.step}, norms};
    g_autoptr(GError) error = NULL;
    entro_tensors_read(f->trace, "attention-trace", &tensor, 1, &error);
    g_assert_no_error(error);
    g_assert_false(isfinite(norms[last.step - 1]));
}

/* The attention of the untrained model and that of the NaN one, before they are written. */
static void
test_nan_rows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, NULL);
    const gsize n = 3 * 2 * 24 * 24;
    g_autofree float *p = g_new(float, n);

    trainer->weights[5] = NAN; /* of byte 0's embedding: the output head sees it, attention not */
    g_assert_true(isnan(team_evaluate(trainer->team, trainer->weights, &trainer->capture.batch)));
    tensor_at(trainer->table, trainer->weights, TENSOR_B_QK, 0)[5] = NAN; /* a query of head 0 */
    team_evaluate(trainer->team, trainer->weights, &trainer->capture.batch);
    team_get_attention(trainer->team, 0, 3, p);
    for (gsize i = 0; i < n; i++) {
        const gboolean seen = i % 24 <= i / 24 % 24;
        const gboolean head0 = i / (24 * 24) % 2 == 0;

        g_assert_true(seen && head0 ? isnan(p[i]) : isfinite(p[i]));
        g_assert_true(seen || p[i] == 0);
    }
}

static void
test_checkpoint(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.checkpoint = f->checkpoint;
    const EntroTrainReport first = run(f, NULL);

    f->config.checkpoint = NULL;
    f->config.init = f->checkpoint;
    f->config.n_steps = 1;
    f->config.min_lr_fraction = 0; /* the only step has learning rate 0 */
    f->config.warmup = 0;
    g_assert_cmpfloat(run(f, NULL).eval_loss, ==, first.eval_loss);
}

static void
expect_failure(const Fixture *f, int code, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, &error);

    g_assert_null(trainer);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    if (code >= 0)
        g_assert_error(error, ENTRO_TRAINER_ERROR, code);
    if (strstr(error->message, pattern) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, pattern);
}

static void
test_other_model(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.checkpoint = f->checkpoint;
    run(f, NULL);
    f->config.checkpoint = NULL;
    f->config.init = f->checkpoint;
    f->config.d_model = 32;
    expect_failure(f, ENTRO_TRAINER_ERROR_CONFIG, "d_model 16, this run has 32");
    f->config.d_model = 16;
    f->config.arch = "SM";
    expect_failure(f, ENTRO_TRAINER_ERROR_CONFIG, "arch SM+LN+G, this run has SM");
    f->config.init = f->text;
    expect_failure(f, -1, f->text);
}

#define EXPECT(field, value, pattern)                                                              \
    do {                                                                                           \
        const EntroTrainConfig kept = f->config;                                                   \
        f->config.field = value;                                                                   \
        expect_failure(f, ENTRO_TRAINER_ERROR_CONFIG, pattern);                                    \
        f->config = kept;                                                                          \
    } while (0)

static void
test_absurd(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const char *const no_data[] = {NULL};

    EXPECT(arch, "SM+LN+X", "there are SM+LN+G, SM+LN+R");
    EXPECT(arch, NULL, "no architecture");
    EXPECT(n_heads, 3, "3 heads do not divide the model width 16");
    EXPECT(n_heads, 0, "heads is 0");
    EXPECT(n_layers, 0, "layers is 0");
    EXPECT(n_layers, 4000000000u, "layers is 4000000000");
    EXPECT(context, 1, "context is 1, expected 2 to 32768");
    EXPECT(batch, 0, "batch is 0");
    EXPECT(n_steps, 0, "steps is 0");
    EXPECT(lr, 0, "learning rate is 0, expected above 0");
    EXPECT(lr, -1e-3, "learning rate is -0.001");
    EXPECT(lr, NAN, "learning rate is nan");
    EXPECT(lr, INFINITY, "learning rate is inf");
    EXPECT(warmup, 1.5, "warm-up fraction is 1.5");
    EXPECT(beta2, 1, "beta2 is 1, expected at least 0 and below 1");
    EXPECT(held_out, 0, "held-out fraction is 0");
    EXPECT(held_out, 1, "held-out fraction is 1");
    EXPECT(capture_samples, 0, "captured samples is 0");
    EXPECT(deflate, 10, "deflate level is 10");
    EXPECT(gamma, -0.1, "margin gamma is -0.1, expected at least 0");
    EXPECT(gamma, NAN, "margin gamma is nan");
    EXPECT(lambda, -1, "lambda is -1");
    EXPECT(threshold_init, 1.5, "initial threshold is 1.5");
    EXPECT(temperature_init, 0, "initial temperature is 0, expected above 0");
    EXPECT(temperature_guard, -1, "least temperature is -1");
    EXPECT(ffn, "big", "no FFN \"big\"; there are plain, scaled, fused");
    EXPECT(ffn, "fused", "no place for the activation of SM+LN+G");
    EXPECT(regularize, "all", "there are off, rows, headmean");
    EXPECT(weight_norm, "LN", "weight normalisation \"LN\"; there are QK, FFN, QK+FFN");
    EXPECT(spectral_norm, "", "placement of spectral normalisation \"\"");
    EXPECT(data, NULL, "no data");
    EXPECT(data, no_data, "no data");
}

static void
test_impossible_combinations(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.arch = "SM+WN(FFN)";
    EXPECT(spectral_norm, "QK+FFN", "on FFN and spectral normalisation on QK+FFN meet");
    f->config.arch = "SM(t)+ScFuFFN";
    EXPECT(temperature_guard, 0.5, "initial temperature 0.01 lies below the least temperature 0.5");
}

/* A row's name is what its parts are called; options give others. */
static void
test_names(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);

    for (guint i = 0; i < n; i++) {
        g_autofree char *name = arch_name(&archs[i]);
        g_assert_cmpstr(name, ==, archs[i].name);
    }
    f->config.arch = "SM+LN+R";
    f->config.weight_norm = "QKVO+FFN";
    f->config.ffn = "scaled";
    f->config.learnable_temperature = TRUE;
    f->config.regularize = "headmean";
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, NULL);
    g_assert_cmpstr(entro_trainer_get_arch(trainer), ==, "EReg(SM(t)+LN+R+ScFFN+WN(QKVO+FFN))");
    f->config.arch = "EReg(SM(t)+ScFuFFN)";
    f->config.weight_norm = NULL;
    f->config.ffn = "plain";
    f->config.regularize = "off";
    g_autoptr(EntroTrainer) less = entro_trainer_new(&f->config, NULL);
    g_assert_cmpstr(entro_trainer_get_arch(less), ==, "SM(t)");
}

/* ---- learnable parameters --------------------------------------------------------------------- */

static float *
read_floats(const Fixture *f, const char *name, guint n_dims, const gsize *dims)
{
    gsize n = 1;

    for (guint i = 0; i < n_dims; i++)
        n *= dims[i];
    EntroTensor tensor = {.name = name, .n_dims = n_dims, .data = g_new(float, n)};
    memcpy(tensor.dims, dims, n_dims * sizeof *dims);
    g_autoptr(GError) error = NULL;
    entro_tensors_read(f->trace, "attention-trace", &tensor, 1, &error);
    g_assert_no_error(error);
    return tensor.data;
}

/* 12 steps with captures at 0, 5, 10 and 12: where each parameter starts, and that it moves. */
static void
test_emits_parameters(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.arch = "EReg(SM(t)+ScFuFFN)";
    f->config.trace = f->trace;
    f->config.threshold_init = 0.25;
    f->config.temperature_init = 0.75;
    const EntroTrainReport last = run(f, NULL);
    g_autofree float *threshold = read_floats(f, "layers/1/threshold", 2, (gsize[]){4, 2});
    g_autofree float *temperature = read_floats(f, "layers/1/temperature", 3, (gsize[]){4, 2, 24});
    g_autofree float *alpha = read_floats(f, "layers/0/alpha", 1, (gsize[]){4});
    g_autofree float *beta = read_floats(f, "layers/0/beta", 1, (gsize[]){4});
    g_autofree float *reg_loss = read_floats(f, "scalars/reg_loss/value", 1, (gsize[]){12});

    g_assert_cmpfloat(threshold[0], ==, 0.25f);
    g_assert_cmpfloat(threshold[3 * 2], !=, 0.25f);
    g_assert_cmpfloat(temperature[24 + 23], ==, 0.75f);
    g_assert_cmpfloat(temperature[3 * 48 + 24 + 23], !=, 0.75f);
    g_assert_cmpfloat(alpha[0], ==, 1.0f);
    g_assert_cmpfloat(alpha[3], !=, 1.0f);
    g_assert_cmpfloat(beta[0], ==, 1.0f);
    g_assert_cmpfloat(beta[3], !=, 1.0f);
    for (int step = 0; step < 12; step++)
        g_assert_cmpfloat(reg_loss[step], >, 0);
    g_assert_cmpfloat_with_epsilon((double)reg_loss[11], last.reg_loss, 1e-7);
}

/* Plain models have none of these, and their report says so. */
static void
test_plain_has_no_regularizer(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.trace = f->trace;
    g_assert_true(isnan(run(f, NULL).reg_loss));
    g_autoptr(EntroSource) source = entro_source_open(f->trace, NULL, NULL);
    const EntroTrace *trace = entro_source_get_trace(source);
    for (guint i = 0; i < trace->n_scalars; i++)
        g_assert_cmpstr(trace->scalars[i].name, !=, "reg_loss");
}

/* A learning rate that would carry temperatures through 0 at once. */
static void
test_guard(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.arch = "SM(t)+ScFuFFN";
    f->config.lr = 0.3;
    f->config.warmup = 0;
    f->config.temperature_guard = 0.005;
    f->config.trace = f->trace;
    run(f, NULL);
    g_autofree float *temperature = read_floats(f, "layers/0/temperature", 3, (gsize[]){4, 2, 24});
    g_autofree float *alpha = read_floats(f, "layers/0/alpha", 1, (gsize[]){4});
    guint n_at_guard = 0;

    for (guint i = 0; i < 4 * 2 * 24; i++) {
        g_assert_cmpfloat(temperature[i], >=, 0.005f);
        n_at_guard += temperature[i] == 0.005f;
    }
    g_assert_cmpuint(n_at_guard, >, 0);
    g_assert_cmpfloat(alpha[3], >=, (float)ALPHA_GUARD);
}

/* lambda 0 leaves the model as it would be without, thresholds included. */
static void
test_lambda_zero(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    double without[12], with[12];

    f->config.arch = "SM+ScFuFFN";
    run(f, without);
    f->config.regularize = "rows";
    f->config.lambda = 0;
    run(f, with);
    g_assert_cmpmem(with, sizeof with, without, sizeof without);
    f->config.lambda = 5;
    run(f, with);
    g_assert_cmpfloat(with[11], !=, without[11]);
}

static void
test_too_large(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.n_layers = 1024;
    f->config.n_heads = 1024;
    f->config.d_model = 65536;
    f->config.context = 32768;
    f->config.batch = 65536;
    expect_failure(f, ENTRO_TRAINER_ERROR_MEMORY, "GB of memory, the machine has");
}

static void
test_too_short(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(
        g_file_set_contents(f->text, "forty bytes of text are not a batch here", 40, NULL));
    expect_failure(f, ENTRO_TRAINER_ERROR_CORPUS, "one batch of 5 times 24 takes 121");
    f->config.batch = 1;
    expect_failure(f, ENTRO_TRAINER_ERROR_CORPUS, "only 4 bytes are held out");
}

static void
test_paths(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.trace = f->config.checkpoint = f->trace;
    expect_failure(f, ENTRO_TRAINER_ERROR_CONFIG, "both the trace and the checkpoint");
    f->config.checkpoint = NULL;
    f->config.trace = "/nowhere/at/all.h5";
    expect_failure(f, -1, "/nowhere/at/all.h5");
    f->config.trace = NULL;
    f->config.checkpoint = "/nowhere/at/all.h5";
    expect_failure(f, ENTRO_TRAINER_ERROR_OUTPUT, "/nowhere/at: No such file");
}

/* The formula of the header against what is really allocated. */
static void
test_memory(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);

    f->config.d_model = 64;
    f->config.batch = 16;
    for (guint arch = 0; arch < n; arch++) {
        f->config.arch = archs[arch].name;
        g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, NULL);
        const gsize n_arenas = trainer->model == trainer->weights ? 3 : 4;
        const gsize elements = team_size(trainer->table, 2, 16) + n_arenas * trainer->table->arena;
        const double taken = (double)elements * sizeof(real) + 3 * 2 * 24 * 24 * sizeof(float);

        g_test_message("%zu bytes stated, %.0f taken", entro_trainer_get_memory(trainer), taken);
        g_assert_cmpfloat_with_epsilon((double)entro_trainer_get_memory(trainer) / taken, 1, 0.02);
    }
}

/* GSL brings a cblas with the same names, which must not be the one that is called. */
static void
test_openblas(void)
{
    Dl_info info;

    g_assert_cmpint(dladdr((const void *)(guintptr)cblas_sgemm, &info), !=, 0);
    g_test_message("%s", info.dli_fname);
    g_assert_nonnull(strstr(info.dli_fname, "openblas"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/trainer/run/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("same-seed-and-threads-give-the-same-losses", test_same);
    ADD("other-thread-counts-come-close", test_threads);
    ADD("every-architecture-learns", test_learns);
    ADD("reports-say-what-was-done-at-each-step", test_reports);
    ADD("divergence-is-recorded-and-the-trace-closed", test_diverges);
    ADD("nan-weights-give-nan-rows-and-no-crash", test_nan_rows);
    ADD("a-checkpoint-starts-where-it-was-written", test_checkpoint);
    ADD("a-checkpoint-of-another-model-is-refused", test_other_model);
    ADD("absurd-values-are-refused-in-a-sentence", test_absurd);
    ADD("impossible-combinations-are-refused", test_impossible_combinations);
    ADD("names-say-what-is-combined", test_names);
    ADD("learnable-parameters-go-into-the-trace", test_emits_parameters);
    ADD("a-plain-model-has-no-reg-loss", test_plain_has_no_regularizer);
    ADD("temperatures-stay-above-their-guard", test_guard);
    ADD("a-regularizer-of-strength-0-changes-nothing", test_lambda_zero);
    ADD("absurd-sizes-are-refused-before-memory-is-taken", test_too_large);
    ADD("a-corpus-that-is-too-short-is-refused", test_too_short);
    ADD("paths-that-cannot-be-are-refused", test_paths);
    ADD("memory-is-what-the-formula-says", test_memory);
    g_test_add_func("/trainer/run/matrix-products-are-those-of-openblas", test_openblas);
    return g_test_run();
}
