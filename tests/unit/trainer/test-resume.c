/* test-resume.c: a run that was stopped and resumed, against the same run in one piece. */
#include "trainer-private.h"
#include <string.h>
#include <glib/gstdio.h>

#define N_STEPS 23

typedef struct {
    char *folder, *text, *trace, *checkpoint;
    const char *data[2];
    EntroTrainConfig config;
} Fixture;

static void
write_text(const char *path, guint64 seed)
{
    static const char *const words[] = {"entropy ", "attention ", "layer ", "head ", "\n"};
    g_autoptr(GString) text = g_string_new(NULL);
    Rng rng = rng_new(seed, RNG_DATA, 0);

    for (int i = 0; i < 4000; i++)
        g_string_append(text, words[rng_below(&rng, G_N_ELEMENTS(words))]);
    g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
}

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->folder = g_dir_make_tmp("entro-resume-XXXXXX", NULL);
    f->text = g_build_filename(f->folder, "text", NULL);
    f->trace = g_build_filename(f->folder, "trace.h5", NULL);
    f->checkpoint = g_build_filename(f->folder, "weights.h5", NULL);
    write_text(f->text, 3);
    f->data[0] = f->text;
    f->config = ENTRO_TRAIN_CONFIG_DEFAULT;
    f->config.n_layers = 2;
    f->config.n_heads = 2;
    f->config.d_model = 16;
    f->config.context = 24;
    f->config.batch = 5;
    f->config.n_steps = N_STEPS;
    f->config.n_threads = 2;
    f->config.capture_every = 5;
    f->config.capture_samples = 3;
    f->config.eval_every = 4;
    f->config.eval_batches = 1;
    f->config.checkpoint_every = 6;
    f->config.data = f->data;
    f->config.trace = f->trace;
    f->config.checkpoint = f->checkpoint;
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

/* ---- a run and what is left of it -------------------------------------------------------------------- */

static EntroTrainer *
open_trainer(const Fixture *f)
{
    g_autoptr(GError) error = NULL;
    EntroTrainer *trainer = entro_trainer_new(&f->config, &error);

    g_assert_no_error(error);
    return trainer;
}

/* Takes steps until `last` is done, or the run; the report that says so. */
static EntroTrainReport
take_steps(EntroTrainer *trainer, guint last)
{
    g_autoptr(GError) error = NULL;
    EntroTrainReport report = {0};

    while (!report.finished && entro_trainer_get_step(trainer) < last)
        if (!entro_trainer_step(trainer, &report, &error))
            break;
    g_assert_no_error(error);
    return report;
}

/* As a killed process leaves it: nothing is said, nothing closed. */
static void
stop_after(const Fixture *f, guint step)
{
    g_autoptr(EntroTrainer) trainer = open_trainer(f);

    take_steps(trainer, step);
}

static EntroTrainReport
finish(const Fixture *f)
{
    g_autoptr(EntroTrainer) trainer = open_trainer(f);

    return take_steps(trainer, G_MAXUINT);
}

static char *
hash_file(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize n;

    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, n);
}

/* Every scalar with its steps, bit by bit. */
static void
add_scalars(GString *all, const EntroTrace *trace)
{
    for (guint i = 0; i < trace->n_scalars; i++) {
        const EntroScalar *scalar = &trace->scalars[i];

        g_string_append_printf(all, "%s %zu:", scalar->name, scalar->n);
        g_string_append_len(all, (const char *)scalar->step, (gssize)(scalar->n * 8));
        g_string_append_len(all, (const char *)scalar->value, (gssize)(scalar->n * 8));
    }
}

static void
add_attention(GString *all, EntroSource *source)
{
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    const gsize n_keys = entro_source_get_trace(source)->layers[0].n_keys;
    g_autofree float *scratch = g_new(float, n_keys + 16);
    gboolean end = FALSE;

    while (entro_source_next(source, tile, &end, NULL) && !end) {
        g_assert_true(entro_tile_rows_read(rows, tile));
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++)
                    g_string_append_len(all,
                                        (const char *)entro_tile_rows_get(rows, 0, sample, head,
                                                                          query, scratch),
                                        (gssize)(n_keys * sizeof(float)));
    }
}

/* Temperatures, thresholds, alpha and beta of every layer and capture. */
static void
add_params(GString *all, EntroSource *source)
{
    const EntroTrace *trace = entro_source_get_trace(source);

    for (guint i = 0; i < trace->n_layers * ENTRO_N_PARAMS; i++) {
        const EntroLayer *layer = &trace->layers[i / ENTRO_N_PARAMS];
        const EntroParam param = (EntroParam)(i % ENTRO_N_PARAMS);
        g_autofree float *values = g_new(float, entro_param_size(param, layer));

        for (gsize at = 0; (layer->params & 1u << param) != 0 && at < trace->n_captures; at++) {
            g_autofree char *problem = NULL;
            g_assert_cmpint(entro_source_read_param(source, i / ENTRO_N_PARAMS, param, at, values,
                                                    &problem),
                            ==, ENTRO_TILE_OK);
            g_string_append_len(all, (const char *)values,
                                (gssize)(entro_param_size(param, layer) * sizeof *values));
        }
    }
}

/* Digest of all that the trace holds, but for its uuid. */
static char *
hash_trace(const char *path)
{
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);

    g_assert_true(trace->complete);
    g_assert_cmpuint(trace->problems->len, ==, 0);
    for (gsize i = 0; i < trace->n_captures; i++)
        g_string_append_printf(all, "%" G_GINT64_FORMAT " ", trace->steps[i]);
    for (guint i = 0; i < trace->n_config; i++)
        g_string_append_printf(all, "%s=%s ", trace->config[i].key, trace->config[i].value);
    add_scalars(all, trace);
    add_attention(all, source);
    add_params(all, source);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)all->str, all->len);
}

/* Digest of weights and moments in the checkpoint. */
static char *
hash_state(const Fixture *f)
{
    EntroTrainConfig config = f->config;
    g_autoptr(GError) error = NULL;

    config.resume = TRUE;
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&config, &error);
    g_assert_no_error(error);
    const gsize size = trainer->table->arena * sizeof(real);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)trainer->weights, (gssize)size);
    g_checksum_update(sum, (const guchar *)trainer->moment1, (gssize)size);
    g_checksum_update(sum, (const guchar *)trainer->moment2, (gssize)size);
    return g_strdup(g_checksum_get_string(sum));
}

static void
forget(const Fixture *f)
{
    g_unlink(f->trace);
    g_unlink(f->checkpoint);
}

/* ---- the same numbers -------------------------------------------------------------------------------- */

static void
test_any_step(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const EntroTrainReport whole = finish(f);
    g_autofree char *trace = hash_trace(f->trace);
    g_autofree char *state = hash_state(f);

    for (guint stop = 1; stop <= N_STEPS; stop++) {
        forget(f);
        f->config.resume = FALSE;
        stop_after(f, stop);
        f->config.resume = TRUE;
        g_autoptr(EntroTrainer) trainer = open_trainer(f);
        g_assert_cmpuint(entro_trainer_get_step(trainer), ==, stop < N_STEPS ? stop / 6 * 6 : stop);
        const EntroTrainReport last = take_steps(trainer, G_MAXUINT);
        g_autofree char *other_trace = hash_trace(f->trace);
        g_autofree char *other_state = hash_state(f);
        g_assert_cmpstr(trace, ==, other_trace);
        g_assert_cmpstr(state, ==, other_state);
        g_assert_cmpmem(&last, sizeof last, &whole, sizeof whole);
    }
}

static void
test_again_and_again(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    finish(f);
    g_autofree char *trace = hash_trace(f->trace);
    g_autofree char *state = hash_state(f);
    forget(f);
    f->config.resume = TRUE;
    f->config.checkpoint_every = 2;
    for (guint stop = 1; stop < N_STEPS; stop += 3)
        stop_after(f, stop);
    finish(f);
    g_autofree char *other_trace = hash_trace(f->trace);
    g_autofree char *other_state = hash_state(f);
    g_assert_cmpstr(trace, ==, other_trace);
    g_assert_cmpstr(state, ==, other_state);
}

static void
test_every_architecture(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    guint n = 0;
    const EntroArch *archs = entro_archs(&n);

    for (guint arch = 0; arch < n; arch++) {
        f->config.arch = archs[arch].name;
        f->config.resume = FALSE;
        finish(f);
        g_autofree char *trace = hash_trace(f->trace);
        g_autofree char *state = hash_state(f);
        forget(f);
        stop_after(f, 14);
        f->config.resume = TRUE;
        finish(f);
        g_autofree char *other_trace = hash_trace(f->trace);
        g_autofree char *other_state = hash_state(f);
        g_assert_cmpstr(trace, ==, other_trace);
        g_assert_cmpstr(state, ==, other_state);
    }
}

/* What is asked for between two checkpoints is kept. */
static void
test_asked_for(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    {
        g_autoptr(EntroTrainer) trainer = open_trainer(f);
        take_steps(trainer, 10);
        g_assert_true(entro_trainer_checkpoint(trainer, NULL));
    }
    f->config.resume = TRUE;
    g_autoptr(EntroTrainer) trainer = open_trainer(f);
    g_assert_cmpuint(entro_trainer_get_step(trainer), ==, 10);
}

static void
test_without_trace(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.trace = NULL;
    finish(f);
    g_autofree char *state = hash_state(f);
    forget(f);
    stop_after(f, 20);
    f->config.resume = TRUE;
    finish(f);
    g_autofree char *other = hash_state(f);
    g_assert_cmpstr(state, ==, other);
}

/* Diverges behind the checkpoint of step 1, at the same step with the same end. */
static void
test_diverges(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->config.arch = "SM";
    f->config.final_norm = FALSE;
    f->config.lr = 22;
    f->config.grad_clip = 0;
    f->config.n_steps = 60;
    f->config.checkpoint_every = 1;
    f->config.eval_every = 1;
    const EntroTrainReport whole = finish(f);
    g_autofree char *trace = hash_trace(f->trace);
    g_autofree char *bytes = hash_file(f->trace);

    g_test_message("diverged at step %u, loss held out %g before", whole.step, whole.eval_loss);
    g_assert_true(whole.diverged && whole.step > 1 && isfinite(whole.eval_loss));
    f->config.resume = TRUE;
    for (guint again = 0; again < 2; again++) {
        const EntroTrainReport last = finish(f);
        g_autofree char *other = hash_file(f->trace);
        g_assert_true(last.diverged);
        g_assert_cmpuint(last.step, ==, whole.step);
        g_assert_cmpfloat(last.eval_loss, ==, whole.eval_loss);
        g_assert_cmpstr(bytes, ==, other);
    }
    forget(f);
    f->config.resume = FALSE;
    stop_after(f, whole.step - 1);
    f->config.resume = TRUE;
    finish(f);
    g_autofree char *other = hash_trace(f->trace);
    g_assert_cmpstr(trace, ==, other);
}

/* ---- nothing to do ----------------------------------------------------------------------------------- */

static void
test_finished(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const EntroTrainReport whole = finish(f);
    g_autofree char *trace = hash_file(f->trace);
    g_autofree char *checkpoint = hash_file(f->checkpoint);

    f->config.resume = TRUE;
    const EntroTrainReport last = finish(f);
    g_autofree char *other_trace = hash_file(f->trace);
    g_autofree char *other_checkpoint = hash_file(f->checkpoint);
    g_assert_cmpmem(&last, sizeof last, &whole, sizeof whole);
    g_assert_cmpstr(trace, ==, other_trace);
    g_assert_cmpstr(checkpoint, ==, other_checkpoint);
}

/* Stopped before its first checkpoint: the trace that somebody may have read from goes on. */
static void
test_no_checkpoint_yet(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    f->config.resume = TRUE;
    stop_after(f, 5);
    g_assert_false(g_file_test(f->checkpoint, G_FILE_TEST_EXISTS));
    entro_tensors_read_attribute(f->trace, "trace_uuid", &before, NULL);
    finish(f);
    entro_tensors_read_attribute(f->trace, "trace_uuid", &after, NULL);
    g_assert_cmpstr(before, ==, after);
    /* that of another run is replaced, as it is without */
    g_unlink(f->checkpoint);
    f->config.seed = 2;
    finish(f);
    g_clear_pointer(&after, g_free);
    entro_tensors_read_attribute(f->trace, "trace_uuid", &after, NULL);
    g_assert_cmpstr(before, !=, after);
}

/* ---- what does not fit -------------------------------------------------------------------------------- */

static void
expect(const Fixture *f, const char *pattern)
{
    g_autofree char *trace = f->config.trace == f->trace ? hash_file(f->trace) : NULL;
    g_autofree char *checkpoint = hash_file(f->checkpoint);
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(&f->config, &error);

    g_assert_null(trainer);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    if (strstr(error->message, pattern) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, pattern);
    g_autofree char *other_trace = trace == NULL ? NULL : hash_file(f->trace);
    g_autofree char *other_checkpoint = hash_file(f->checkpoint);
    g_assert_cmpstr(trace, ==, other_trace);
    g_assert_cmpstr(checkpoint, ==, other_checkpoint);
}

#define EXPECT(field, value, pattern)                                                              \
    do {                                                                                           \
        const EntroTrainConfig kept = f->config;                                                   \
        f->config.field = value;                                                                   \
        expect(f, pattern);                                                                        \
        f->config = kept;                                                                          \
    } while (0)

static void
test_other_run(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    stop_after(f, 8);
    f->config.resume = TRUE;
    EXPECT(seed, 2, "its run has seed \"1\", this one \"2\"");
    EXPECT(n_threads, 1, "its run has threads \"2\", this one \"1\"");
    EXPECT(lr, 2e-3, "its run has lr \"0.001\"");
    EXPECT(n_steps, 24, "its run has n_steps \"23\", this one \"24\"");
    EXPECT(batch, 6, "its run has batch \"5\", this one \"6\"");
    EXPECT(d_model, 32, "d_model 16, this run has 32");
    EXPECT(arch, "SM", "arch SM+LN+G, this run has SM");
    EXPECT(eval_every, 5, "its run has eval_every \"4\", this one \"5\"");
    EXPECT(capture_every, 4, "its run has capture_every \"5\", this one \"4\"");
    EXPECT(held_out, 0.2, "its run has held_out \"0.1");
    EXPECT(init, f->text, "its run has init \"\", this one");
    EXPECT(trace, NULL, "its run writes a trace, this one none");
    EXPECT(element, ENTRO_F32, "elements of 2 bytes");
    EXPECT(deflate, 1, "other chunks or filters");
    EXPECT(run_name, "other", "run_name of / is trace, this run has other");
    write_text(f->text, 4);
    expect(f, "its run has corpus_sha256");
}

static void
test_other_trace(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *early = NULL;
    g_autofree char *checkpoint = NULL;
    gsize n_early, n_checkpoint;

    stop_after(f, 7);
    g_assert_true(g_file_get_contents(f->trace, &early, &n_early, NULL));
    f->config.resume = TRUE;
    stop_after(f, 20);
    g_assert_true(g_file_get_contents(f->checkpoint, &checkpoint, &n_checkpoint, NULL));
    g_assert_true(g_file_set_contents(f->trace, early, (gssize)n_early, NULL));
    expect(f, "held 4 captures and");
    f->config.resume = FALSE;
    stop_after(f, 20);
    g_assert_true(g_file_set_contents(f->checkpoint, checkpoint, (gssize)n_checkpoint, NULL));
    f->config.resume = TRUE;
    expect(f, "is the trace of another run");
    g_assert_true(g_file_set_contents(f->trace, "text", 4, NULL));
    expect(f, "not an HDF5 file");
    f->config.trace = "/nowhere/trace.h5";
    f->config.run_name = "trace";
    expect(f, "No such file");
}

/* Whatever is cut off: a sentence, and no run from half of a state. */
static void
test_cut_checkpoint(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *bytes = NULL;
    gsize n;

    stop_after(f, 8);
    f->config.resume = TRUE;
    g_assert_true(g_file_get_contents(f->checkpoint, &bytes, &n, NULL));
    for (gsize keep = 0; keep < n; keep += n / 13) {
        g_assert_true(g_file_set_contents(f->checkpoint, bytes, (gssize)keep, NULL));
        expect(f, f->checkpoint);
    }
    f->config.resume = FALSE;
    stop_after(f, 8); /* and without, it is of no interest */
}

static void
test_no_sense(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->config.resume = TRUE;
    f->config.checkpoint = NULL;
    g_assert_null(entro_trainer_new(&f->config, &error));
    g_assert_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CONFIG);
    g_clear_error(&error);
    f->config.checkpoint = f->config.init = f->checkpoint;
    g_assert_null(entro_trainer_new(&f->config, &error));
    g_assert_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CONFIG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/trainer/resume/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("stopped-after-any-step-the-numbers-are-the-same", test_any_step);
    ADD("stopped-again-and-again-the-numbers-are-the-same", test_again_and_again);
    ADD("every-architecture-resumes", test_every_architecture);
    ADD("a-checkpoint-asked-for-is-resumed-from", test_asked_for);
    ADD("a-run-without-a-trace-resumes", test_without_trace);
    ADD("divergence-comes-again-at-the-same-step", test_diverges);
    ADD("a-finished-run-is-left-as-it-is", test_finished);
    ADD("without-a-checkpoint-the-trace-goes-on", test_no_checkpoint_yet);
    ADD("another-run-is-refused-in-a-sentence", test_other_run);
    ADD("another-trace-is-refused-in-a-sentence", test_other_trace);
    ADD("a-cut-checkpoint-is-refused-in-a-sentence", test_cut_checkpoint);
    ADD("what-makes-no-sense-is-refused", test_no_sense);
    return g_test_run();
}
