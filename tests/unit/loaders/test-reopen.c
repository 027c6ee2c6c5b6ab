/* test-reopen.c: a writer goes on with the trace that another one left, however that one ended. */
#include "loader-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <glib/gstdio.h>

#define UUID       "c0ffee00-0000-4000-8000-000000000000"
#define PER_STEP   3 /* entries of the scalar between two captures */
#define N_CAPTURES 400

static const guint heads[] = {3, 2};
static const char *const scalars[] = {"loss", "seldom", NULL};
static EntroAttribute config[] = {{.name = "arch", .kind = ENTRO_ATTRIBUTE_TEXT, .text = "SM"},
                                  {.name = "lr", .kind = ENTRO_ATTRIBUTE_REAL, .real = 0.1}};

static EntroWriterOptions
reopen_options(guint deflate)
{
    EntroWriterOptions options = fixture_writer_options(heads, 2);

    options.key_mask = TRUE;
    options.scalars = scalars;
    options.deflate = deflate;
    options.trace_uuid = UUID;
    options.config = config;
    options.n_config = G_N_ELEMENTS(config);
    return options;
}

/* ---- a run that can be repeated --------------------------------------------------------------------- */

static gboolean
put_scalars(EntroWriter *writer, gsize capture, GError **error)
{
    const gint64 step = 10 * (gint64)(capture + 1);

    for (gint64 i = 1; i <= PER_STEP; i++)
        if (!entro_writer_put_scalar(writer, "loss", step - PER_STEP + i, 1.0 / (double)(step + i),
                                     error))
            return FALSE;
    return capture % 7 != 0 ||
           entro_writer_put_scalar(writer, "seldom", step, (double)capture, error);
}

static gboolean
put_parts(EntroWriter *writer, const EntroWriterOptions *options, gsize capture, GError **error)
{
    guint8 mask[2 * 6];

    for (guint layer = 0; layer < options->n_layers; layer++)
        if (!fixture_put_layer(writer, options, layer, capture, error))
            return FALSE;
    for (gsize i = 0; i < sizeof mask; i++)
        mask[i] = fixture_mask(capture, i / 6, i % 6);
    return entro_writer_put_key_mask(writer, mask, error);
}

/* Everything is put again; the writer knows what it has. */
static gboolean
put_captures(EntroWriter *writer, const EntroWriterOptions *options, gsize n, GError **error)
{
    for (gsize capture = 0; capture < n; capture++) {
        const gint64 step = 10 * (gint64)(capture + 1);

        if (!put_scalars(writer, capture, error))
            return FALSE;
        if (!entro_writer_has_capture(writer, step) &&
            (!put_parts(writer, options, capture, error) ||
             !entro_writer_commit(writer, step, error)))
            return FALSE;
    }
    return TRUE;
}

static EntroWriter *
reopen(const char *path, const EntroWriterOptions *options)
{
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = entro_writer_reopen(path, options, &error);

    g_assert_no_error(error);
    return writer;
}

/* n captures, then left without an end. */
static void
write_and_leave(const char *path, const EntroWriterOptions *options, gsize n)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroWriter) writer = entro_writer_new(path, options, &error);

    g_assert_no_error(error);
    g_assert_true(put_captures(writer, options, n, &error));
}

static void
go_on(const char *path, const EntroWriterOptions *options, gsize n)
{
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = reopen(path, options);

    put_captures(writer, options, n, &error);
    g_assert_no_error(error);
    entro_writer_close(writer, &error);
    g_assert_no_error(error);
}

static void
check_whole(const char *path, const EntroWriterOptions *options, gsize n)
{
    LayerSpec specs[2];
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);

    for (guint layer = 0; layer < 2; layer++)
        specs[layer] = fixture_writer_spec(options, layer, n);
    fixture_check_walk(source, specs, 2, NULL, 0);
    g_assert_true(trace->complete);
    g_assert_cmpstr(trace->open_mode, ==, "plain");
    g_assert_cmpuint(trace->problems->len, ==, 0);
    g_assert_cmpuint(trace->n_captures, ==, n);
    for (gsize i = 0; i < n; i++)
        g_assert_cmpint(trace->steps[i], ==, 10 * (gint64)(i + 1));
    g_assert_cmpuint(trace->scalars[0].n, ==, n * PER_STEP);
    for (gsize i = 0; i < n * PER_STEP; i++) {
        const gint64 step = 10 * (gint64)(i / PER_STEP + 1);
        const gint64 at = (gint64)(i % PER_STEP) + 1;

        g_assert_cmpint(trace->scalars[0].step[i], ==, step - PER_STEP + at);
        g_assert_cmpfloat(trace->scalars[0].value[i], ==, 1.0 / (double)(step + at));
    }
    g_assert_cmpuint(trace->scalars[1].n, ==, (n + 6) / 7);
    for (gsize i = 0; i < trace->scalars[1].n; i++)
        g_assert_cmpfloat(trace->scalars[1].value[i], ==, 7.0 * (double)i);
}

/* ---- ends that are meant ----------------------------------------------------------------------------- */

static void
test_a_trace_that_was_left_is_gone_on_with(void)
{
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("left.h5");
    guint64 n_captures, n_scalars;

    for (gsize n = 1; n <= 130; n += 43) {
        write_and_leave(path, &options, n);
        g_autoptr(EntroWriter) writer = reopen(path, &options);
        entro_writer_get_size(writer, &n_captures, &n_scalars);
        g_assert_cmpuint(n_captures, ==, n);
        g_assert_cmpuint(n_scalars, ==, n * PER_STEP + (n + 6) / 7);
        g_assert_true(entro_writer_has_capture(writer, 10 * (gint64)n));
        g_assert_false(entro_writer_has_capture(writer, 10 * (gint64)n + 1));
        go_on(path, &options, 140);
        check_whole(path, &options, 140);
    }
}

/* As after a machine that went down before the disk had it. */
static void
lose_chunk(const char *path, guint layer, gsize capture)
{
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    const struct EntroTilePrivate *own = tile->private_;
    gboolean end = FALSE;
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    do
        g_assert_true(entro_source_next(source, tile, &end, NULL) && !end);
    while (tile->layer != layer || tile->capture != capture);
    const EntroExtent *extent = &own->pieces[0].extent;
    g_autofree guint8 *zeros = g_malloc0(extent->size);
    g_assert_cmpint(pwrite(fd, zeros, extent->size, (off_t)extent->offset), ==,
                    (gssize)extent->size);
    close(fd);
}

static void
test_what_a_machine_lost_is_put_again(void)
{
    EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("power.h5");
    guint64 n_captures, n_scalars;

    write_and_leave(path, &options, 10);
    lose_chunk(path, 1, 6);
    for (guint trusted = 0; trusted < 2; trusted++) {
        options.doubted_from = trusted ? 0 : 51;
        g_autoptr(EntroWriter) writer = reopen(path, &options);
        entro_writer_get_size(writer, &n_captures, &n_scalars);
        g_assert_cmpuint(n_captures, ==, trusted ? 10 : 6);
    }
    options.doubted_from = 51;
    go_on(path, &options, 12);
    check_whole(path, &options, 12);
}

static void
test_nothing_new_leaves_every_byte(void)
{
    const EntroWriterOptions options = reopen_options(3);
    const char *path = fixture_path("same.h5");

    write_and_leave(path, &options, 5);
    go_on(path, &options, 5);
    g_autofree char *before = fixture_hash(path);
    go_on(path, &options, 5);
    g_autoptr(EntroWriter) writer = reopen(path, &options);
    g_assert_true(entro_writer_flush(writer, NULL));
    g_autofree char *after = fixture_hash(path);
    g_assert_cmpstr(before, ==, after);
    check_whole(path, &options, 5);
}

/* The dataset again, with the times that earlier versions wrote. */
static void
date_dataset(hid_t file, const char *name)
{
    hid_t old = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(old), type = H5Dget_type(old), made = H5Dget_create_plist(old);
    const guint8 yes = 1;

    H5Pset_obj_track_times(made, TRUE);
    H5Dclose(old);
    g_assert_cmpint(H5Ldelete(file, name, H5P_DEFAULT), >=, 0);
    hid_t dated = H5Dcreate2(file, name, type, space, H5P_DEFAULT, made, H5P_DEFAULT);
    H5Dwrite(dated, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &yes);
    H5O_info_t info;
    g_assert_cmpint(H5Oget_info2(dated, &info, H5O_INFO_TIME), >=, 0);
    g_assert_cmpint(info.ctime, >, 0);
    H5Dclose(dated);
    H5Pclose(made);
    H5Tclose(type);
    H5Sclose(space);
}

static void
test_a_trace_with_times_is_gone_on_with(void)
{
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("dated.h5");

    write_and_leave(path, &options, 5);
    go_on(path, &options, 5);
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    date_dataset(file, "complete");
    H5Fclose(file);
    go_on(path, &options, 9);
    check_whole(path, &options, 9);
}

static void
test_a_complete_trace_is_not_while_it_grows(void)
{
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("more.h5");

    write_and_leave(path, &options, 5);
    go_on(path, &options, 5);
    g_autoptr(EntroWriter) writer = reopen(path, &options);
    g_assert_true(put_captures(writer, &options, 6, NULL));
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_assert_false(entro_source_get_trace(source)->complete);
    g_assert_cmpstr(entro_source_get_trace(source)->open_mode, ==, "swmr");
    g_autofree char *bytes = NULL;
    g_assert_true(g_file_get_contents(path, &bytes, NULL, NULL));
    g_assert_cmpint(bytes[11], ==, 5); /* of the superblock: being written, and may be read */
    g_assert_cmpuint(entro_source_get_trace(source)->n_captures, ==, 6);
    g_assert_true(entro_writer_close(g_steal_pointer(&writer), NULL));
    check_whole(path, &options, 6);
}

/* Layers of a capture that never came to be, and a scalar's value without its step. */
static void
test_halves_are_written_again(void)
{
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("half.h5");

    write_and_leave(path, &options, 4);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const char *const halves[] = {"layers/0/attention", "scalars/loss/value", "key_mask"};
    for (guint i = 0; i < G_N_ELEMENTS(halves); i++) {
        hsize_t dims[5];
        g_auto(EntroHid) dataset = H5Dopen2(file, halves[i], H5P_DEFAULT);
        g_auto(EntroHid) space = H5Dget_space(dataset);
        H5Sget_simple_extent_dims(space, dims, NULL);
        dims[0] += 2;
        g_assert_cmpint(H5Dset_extent(dataset, dims), >=, 0);
    }
    H5Fclose(file);
    go_on(path, &options, 9);
    check_whole(path, &options, 9);
}

/* ---- ends that are not ------------------------------------------------------------------------------- */

/* Dies of an alarm wherever it is then. */
static int
write_until_killed(const char *path, guint deflate, gint microseconds, gboolean create)
{
    const EntroWriterOptions options = reopen_options(deflate);
    const struct itimerval timer = {{0, 0}, {microseconds / 1000000, microseconds % 1000000}};
    g_autoptr(GError) error = NULL;

    signal(SIGALRM, SIG_DFL);
    setitimer(ITIMER_REAL, &timer, NULL);
    g_autoptr(EntroWriter) writer = create ? entro_writer_new(path, &options, &error)
                                           : entro_writer_reopen(path, &options, &error);
    if (writer != NULL && put_captures(writer, &options, N_CAPTURES, &error) &&
        entro_writer_close(g_steal_pointer(&writer), &error))
        return 0;
    fprintf(stderr, "%s\n", error->message);
    return 1;
}

static gsize
count_captures(const char *path)
{
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);

    return source == NULL ? 0 : entro_source_get_trace(source)->n_captures;
}

/* Whether it came to the end. */
static gboolean
run_other(const char *path, const char *deflate, gint microseconds, gboolean create)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *after = g_strdup_printf("%d", microseconds);
    char *argv[] = {self,         (char *)"--write",
                    (char *)path, (char *)deflate,
                    after,        (char *)(create ? "1" : "0"),
                    NULL};
    g_autofree char *said = NULL;
    int status = 0;

    g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                               &said, &status, NULL));
    if (!WIFSIGNALED(status) && WEXITSTATUS(status) != 0)
        g_error("the writer failed: %s", said);
    return !WIFSIGNALED(status);
}

static void
test_a_writer_killed_anywhere_is_gone_on_from(gconstpointer deflate)
{
    const EntroWriterOptions options = reopen_options((guint)g_ascii_strtoull(deflate, NULL, 10));
    const char *path = fixture_path("killed.h5");
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    guint n_killed = 0;
    gsize n_before = 0;

    g_remove(path);
    /* the longer it takes, the longer the writer lives: slow machines must come to an end too */
    for (gint longest = 9000;; longest += 500, n_killed++) {
        if (run_other(path, deflate, g_rand_int_range(rand, 1, longest), n_before == 0))
            break;
        gsize n = count_captures(path);
        g_assert_cmpuint(n, >=, n_before);
        n_before = n;
    }
    g_test_message("killed %u times", n_killed);
    g_assert_cmpuint(n_killed, >, 9);
    check_whole(path, &options, N_CAPTURES);
}

/* ---- traces of others --------------------------------------------------------------------------------- */

static void
expect(const char *path, const EntroWriterOptions *options, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = fixture_hash(path);

    g_assert_null(entro_writer_reopen(path, options, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_true(g_str_has_prefix(error->message, path));
    if (strstr(error->message, sentence) == NULL)
        g_error("\"%s\" does not say \"%s\"", error->message, sentence);
    g_autofree char *after = fixture_hash(path);
    g_assert_cmpstr(before, ==, after);
}

static void
test_a_trace_made_otherwise_is_refused(void)
{
    static const guint more[] = {3, 2, 1}, other[] = {3, 4};
    static const char *const fewer[] = {"loss", NULL}, *const others[] = {"loss", "lr", NULL};
    const EntroAttribute changed[] = {ENTRO_TEXT("arch", "SM"), ENTRO_REAL("lr", 0.2)};
    const EntroAttribute added[] = {config[0], config[1], ENTRO_INTEGER("seed", 1)};
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("other.h5");

    write_and_leave(path, &options, 2);
#define EXPECT(CHANGE, SENTENCE)                                                                   \
    do {                                                                                           \
        EntroWriterOptions asked = options;                                                        \
        CHANGE;                                                                                    \
        expect(path, &asked, SENTENCE);                                                            \
    } while (0)
    EXPECT(asked.trace_uuid = "another", "the trace of another run: its trace_uuid is " UUID);
    EXPECT(asked.run_name = "b", "attribute run_name of / is healthy, this run has b");
    EXPECT(asked.config = changed,
           "attribute lr of /config is 0.10000000000000001, this run has 0.2");
    EXPECT((asked.config = added, asked.n_config = 3),
           "attribute seed of /config is not there, this run has 1");
    EXPECT(asked.n_heads = other,
           "layers/1/attention has the shape (captures,2,2,5,6), this run writes "
           "(captures,2,4,5,6)");
    EXPECT((asked.n_heads = more, asked.n_layers = 3), "layers/2 is not there");
    EXPECT((asked.n_heads = heads, asked.n_layers = 1), "groups and datasets, this run writes");
    EXPECT(asked.element = ENTRO_F32, "elements of 2 bytes, this run writes others, of 4 bytes");
    EXPECT(asked.element = ENTRO_BF16, "elements of 2 bytes, this run writes others, of 2 bytes");
    EXPECT(asked.deflate = 1, "other chunks or filters");
    EXPECT(asked.key_mask = FALSE, "groups and datasets, this run writes");
    EXPECT(asked.scalars = fewer, "groups and datasets, this run writes");
    EXPECT(asked.scalars = others, "scalars/lr is not there");
    EXPECT((asked.trace_uuid = NULL, asked.producer = "another"), "attribute producer of /");
#undef EXPECT
    entro_writer_free(reopen(path, &options));
}

static void
test_files_that_are_no_trace_are_refused(void)
{
    const EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("none.h5");
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = NULL;
    gsize length;

    g_remove(path);
    g_assert_null(entro_writer_reopen(path, &options, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_OPEN);
    g_assert_true(g_file_set_contents(path, "text", 4, NULL));
    expect(path, &options, "not an HDF5 file");
    entro_writer_free(entro_writer_new(path, &options, NULL));
    expect(path, &options, "holds no capture yet");
    write_and_leave(path, &options, 20);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    for (gsize cut = length - 1; cut > length / 2; cut -= length / 9) {
        g_assert_true(g_file_set_contents(path, bytes, (gssize)cut, NULL));
        expect(path, &options, "");
    }
}

/* As kill -9 leaves it, the file does not say where it should end. */
static void
test_a_growing_trace_that_was_cut_is_refused(void)
{
    EntroWriterOptions options = reopen_options(0);
    const char *path = fixture_path("cut.h5"), *growing = fixture_path("growing.h5");
    g_autofree char *bytes = NULL;
    gsize length;

    options.n_queries = 6;
    g_autoptr(EntroWriter) writer = entro_writer_new(growing, &options, NULL);
    g_assert_true(put_captures(writer, &options, 60, NULL));
    g_assert_true(g_file_get_contents(growing, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    entro_writer_free(reopen(path, &options));
    for (gsize cut = length - 1000; cut > 200; cut -= MIN(cut - 100, length / 29)) {
        g_assert_true(g_file_set_contents(path, bytes, (gssize)cut, NULL));
        expect(path, &options, "");
    }
}

int
main(int argc, char **argv)
{
    if (argc == 6 && g_str_equal(argv[1], "--write"))
        return write_until_killed(argv[2], (guint)g_ascii_strtoull(argv[3], NULL, 10),
                                  (gint)g_ascii_strtoll(argv[4], NULL, 10), argv[5][0] == '1');
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/reopen/" NAME, TEST)
    ADD("a-trace-that-was-left-is-gone-on-with", test_a_trace_that_was_left_is_gone_on_with);
    ADD("what-a-machine-lost-is-put-again", test_what_a_machine_lost_is_put_again);
    ADD("nothing-new-leaves-every-byte", test_nothing_new_leaves_every_byte);
    ADD("a-trace-with-times-is-gone-on-with", test_a_trace_with_times_is_gone_on_with);
    ADD("a-complete-trace-is-not-while-it-grows", test_a_complete_trace_is_not_while_it_grows);
    ADD("halves-are-written-again", test_halves_are_written_again);
    ADD("a-trace-made-otherwise-is-refused", test_a_trace_made_otherwise_is_refused);
    ADD("a-growing-trace-that-was-cut-is-refused", test_a_growing_trace_that_was_cut_is_refused);
    ADD("files-that-are-no-trace-are-refused", test_files_that_are_no_trace_are_refused);
    g_test_add_data_func("/reopen/a-writer-killed-anywhere-is-gone-on-from/plain", "0",
                         test_a_writer_killed_anywhere_is_gone_on_from);
    g_test_add_data_func("/reopen/a-writer-killed-anywhere-is-gone-on-from/deflate", "4",
                         test_a_writer_killed_anywhere_is_gone_on_from);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
