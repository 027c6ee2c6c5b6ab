/* test-writer.c: what our writer writes is read back, and the file is as the format says. */
#include "loader-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static const guint heads[] = {4, 1, 3};
static const guint indices[] = {0, 2, 5};

static EntroWriter *
start(const char *path, const EntroWriterOptions *options)
{
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = entro_writer_new(path, options, &error);

    g_assert_no_error(error);
    return writer;
}

static void
write_run(const char *path, const EntroWriterOptions *options, gsize n_captures)
{
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = start(path, options);

    for (gsize capture = 0; capture < n_captures; capture++)
        g_assert_true(fixture_put_capture(writer, options, capture, &error));
    entro_writer_close(writer, &error);
    g_assert_no_error(error);
}

static void
check_run(const char *path, const EntroWriterOptions *options, gsize n_captures)
{
    LayerSpec specs[3];

    for (guint layer = 0; layer < options->n_layers; layer++)
        specs[layer] = fixture_writer_spec(options, layer, n_captures);
    fixture_check_file(path, specs, options->n_layers);
}

/* ---- round trips -------------------------------------------------------------------------------------- */

static void
test_every_element_and_deflate_comes_back(void)
{
    const char *path = fixture_path("round.h5");

    for (EntroElement element = ENTRO_F16; element <= ENTRO_F64; element++)
        for (guint deflate = 0; deflate <= 9; deflate += 3) {
            EntroWriterOptions options = fixture_writer_options(heads, 3);
            options.element = element;
            options.deflate = deflate;
            options.layer_index = indices;
            write_run(path, &options, 3);
            check_run(path, &options, 3);
        }
}

static void
test_weights_that_are_no_numbers_come_back(void)
{
    const guint one = 1;
    EntroWriterOptions options = fixture_writer_options(&one, 1);
    const float p[4] = {NAN, INFINITY, 0.0f, 1e-45f};
    const char *path = fixture_path("nan.h5");
    g_autoptr(GError) error = NULL;
    gboolean end;

    options.n_samples = options.n_queries = 1;
    options.n_keys = 4;
    options.element = ENTRO_F32;
    EntroWriter *writer = start(path, &options);
    g_assert_true(entro_writer_put_attention(writer, 0, p, &error));
    g_assert_true(entro_writer_commit(writer, 7, &error));
    g_assert_true(entro_writer_close(writer, &error));
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_autoptr(EntroTile) tile = entro_tile_new(source, &error);
    g_assert_true(entro_source_next(source, tile, &end, &error));
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, &error);
    g_assert_true(entro_tile_rows_read(rows, tile));
    const float *row = entro_tile_rows_get(rows, 0, 0, 0, 0, NULL);
    g_assert_true(isnan(row[0]) && isinf(row[1]) && row[2] == 0 && row[3] == 1e-45f);
}

static void
test_everything_said_about_the_run_comes_back(void)
{
    const EntroAttribute config[] = {ENTRO_TEXT("arch", "SM+LN+G"), ENTRO_INTEGER("seed", -3),
                                     ENTRO_REAL("lr", 0.02), ENTRO_REAL("eps", NAN)};
    const char *const scalars[] = {"loss", "lr", NULL};
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    const char *path = fixture_path("said.h5");
    g_autoptr(GError) error = NULL;

    options.config = config;
    options.n_config = G_N_ELEMENTS(config);
    options.scalars = scalars;
    options.attempt = 2;
    options.trace_uuid = "0cc175b9";
    EntroWriter *writer = start(path, &options);
    g_assert_true(entro_writer_put_scalar(writer, "loss", 1, 5.5, &error)); /* before any capture */
    g_assert_true(fixture_put_capture(writer, &options, 0, &error));
    g_assert_true(entro_writer_put_scalar(writer, "loss", 11, NAN, &error));
    g_assert_true(entro_writer_put_scalar(writer, "loss", 12, -INFINITY, &error));
    g_assert_true(entro_writer_close(writer, &error));
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpstr(trace->run_name, ==, "healthy");
    g_assert_true(g_str_has_prefix(trace->producer, "entroscope "));
    g_assert_cmpstr(trace->trace_uuid, ==, "0cc175b9");
    g_assert_cmpuint(trace->attempts[0], ==, 2);
    g_assert_cmpint(trace->causal, ==, ENTRO_CAUSAL_YES);
    g_assert_cmpuint(trace->context_length, ==, 6);
    g_assert_true(trace->complete);
    g_assert_cmpstr(trace->open_mode, ==, "plain");
    g_assert_cmpuint(trace->notes->len, ==, 0);
    g_assert_cmpuint(trace->problems->len, ==, 0);
    g_assert_cmpuint(trace->n_config, ==, 4);
    g_assert_cmpstr(trace->config[0].value, ==, "SM+LN+G");
    g_assert_cmpstr(trace->config[1].value, ==, "nan");
    g_assert_cmpstr(trace->config[3].value, ==, "-3");
    g_assert_cmpuint(trace->n_scalars, ==, 2);
    const EntroScalar *loss = &trace->scalars[0];
    g_assert_cmpstr(loss->name, ==, "loss");
    g_assert_cmpuint(loss->n, ==, 4);
    g_assert_cmpint(loss->step[2], ==, 11);
    g_assert_cmpfloat(loss->value[0], ==, 5.5);
    g_assert_cmpfloat(loss->value[1], ==, 2.385 / 10);
    g_assert_true(isnan(loss->value[2]) && loss->value[3] == -INFINITY);
    g_assert_cmpuint(trace->scalars[1].n, ==, 1);
}

static void
test_a_uuid_of_its_own_is_given(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 1);
    g_autofree char *first = NULL;

    for (guint i = 0; i < 2; i++) {
        write_run(fixture_path("uuid.h5"), &options, 1);
        g_autoptr(EntroSource) source = entro_source_open(fixture_path("uuid.h5"), NULL, NULL);
        const char *uuid = entro_source_get_trace(source)->trace_uuid;
        g_assert_true(g_uuid_string_is_valid(uuid));
        g_assert_cmpstr(uuid, !=, first);
        first = first ? first : g_strdup(uuid);
    }
}

static void
test_the_key_mask_comes_back(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    const char *path = fixture_path("mask.h5");
    gboolean end;

    options.key_mask = TRUE;
    write_run(path, &options, 4);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    while (entro_source_next(source, tile, &end, NULL) && !end)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (gsize key = 0; key < 6; key++)
                g_assert_cmpuint(entro_tile_key_mask(tile, 0, sample)[key], ==,
                                 fixture_mask(tile->capture, tile->sample + sample, key));
}

/* Layer 1 is left out of capture 1, and of the last. */
static void
test_layers_not_given_are_missing(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 2);
    const char *path = fixture_path("holes.h5");
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = start(path, &options);
    gboolean end;

    for (gsize capture = 0; capture < 4; capture++) {
        fixture_put_layer(writer, &options, 0, capture, &error);
        if (capture == 0 || capture == 2)
            fixture_put_layer(writer, &options, 1, capture, &error);
        g_assert_true(entro_writer_commit(writer, (gint64)capture, &error));
    }
    g_assert_true(entro_writer_close(writer, &error));
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    while (entro_source_next(source, tile, &end, NULL) && !end)
        g_assert_cmpint(tile->status, ==,
                        tile->layer == 1 && tile->capture % 2 ? ENTRO_TILE_MISSING : ENTRO_TILE_OK);
}

/* ---- learnable parameters ------------------------------------------------------------------------------- */

enum { ALL_PARAMS = (1u << ENTRO_N_PARAMS) - 1, N_VALUES = 4 * 5 };

static float
param_value(guint layer, guint param, gsize capture, gsize i)
{
    return (float)(1000 * layer + 100 * param + 10 * capture) + (float)i / 32;
}

/* Everything but alpha in capture 1. */
static void
put_params(EntroWriter *writer, const EntroWriterOptions *options, gsize capture)
{
    g_autoptr(GError) error = NULL;
    float values[N_VALUES];

    for (guint layer = 0; layer < options->n_layers; layer++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
            if ((options->params & 1u << param) == 0 ||
                (param == ENTRO_PARAM_ALPHA && capture == 1))
                continue;
            for (gsize i = 0; i < N_VALUES; i++)
                values[i] = param_value(layer, param, capture, i);
            g_assert_true(entro_writer_put_param(writer, layer, param, values, &error));
        }
}

static void
write_params(const char *path, const EntroWriterOptions *options, gsize n_captures)
{
    g_autoptr(GError) error = NULL;
    EntroWriter *writer = start(path, options);

    for (gsize capture = 0; capture < n_captures; capture++) {
        put_params(writer, options, capture);
        g_assert_true(fixture_put_capture(writer, options, capture, &error));
    }
    g_assert_true(entro_writer_close(writer, &error));
}

/* What HDF5 itself reads; an entry that was not given is not stored at all. */
static void
test_parameters_are_as_the_format_says(void)
{
    static const int ranks[] = {3, 2, 1, 1};
    EntroWriterOptions options = fixture_writer_options(heads, 2);
    const char *path = fixture_path("params.h5");

    options.params = ALL_PARAMS;
    write_params(path, &options, 3);
    g_auto(EntroHid) file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (guint layer = 0; layer < 2; layer++)
        for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
            const hsize_t expected[3] = {3, heads[layer], 5};
            g_autofree char *name =
                g_strdup_printf("/layers/%u/%s", layer, entro_param_name(param));
            g_auto(EntroHid) dataset = H5Dopen2(file, name, H5P_DEFAULT);
            g_auto(EntroHid) space = H5Dget_space(dataset);
            g_auto(EntroHid) type = H5Dget_type(dataset);
            g_auto(EntroHid) properties = H5Dget_create_plist(dataset);
            float values[3 * N_VALUES];
            hsize_t dims[3], stored = 0, second[3] = {1};
            g_assert_cmpint(H5Sget_simple_extent_dims(space, dims, NULL), ==, ranks[param]);
            g_assert_cmpint(H5Tequal(type, H5T_IEEE_F32LE), >, 0);
            g_assert_cmpint(H5Pget_nfilters(properties), ==, 3); /* shuffle, deflate, fletcher32 */
            gsize n = 1;
            for (int axis = 0; axis < ranks[param]; axis++) {
                g_assert_cmpuint(dims[axis], ==, expected[axis]);
                n *= axis == 0 ? 1 : dims[axis];
            }
            H5Dget_chunk_storage_size(dataset, second, &stored);
            g_assert_true((stored > 0) == (param != ENTRO_PARAM_ALPHA));
            g_assert_cmpint(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                    values),
                            >=, 0);
            for (gsize i = 0; i < 3 * n; i++)
                if (param != ENTRO_PARAM_ALPHA || i != 1)
                    g_assert_cmpfloat(values[i], ==, param_value(layer, param, i / n, i % n));
        }
}

static void
test_only_the_parameters_asked_for_are_there(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 1);
    const char *path = fixture_path("one-param.h5");

    options.params = 1u << ENTRO_PARAM_THRESHOLD;
    write_params(path, &options, 1);
    g_auto(EntroHid) file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    g_assert_cmpint(H5Lexists(file, "/layers/0/threshold", H5P_DEFAULT), >, 0);
    g_assert_cmpint(H5Lexists(file, "/layers/0/temperature", H5P_DEFAULT), ==, 0);
    g_assert_cmpint(H5Lexists(file, "/layers/0/alpha", H5P_DEFAULT), ==, 0);
}

/* ---- the file ------------------------------------------------------------------------------------------- */

typedef struct {
    guint n_heads;
    gsize n_queries, n_keys;
    EntroElement element;
} Head;

static void
test_chunks_are_of_a_good_size(void)
{
    static const Head rows[] = {
        {12, 128, 128, ENTRO_F16}, {12, 512, 512, ENTRO_F32},    {7, 600, 600, ENTRO_F32},
        {4, 32, 32, ENTRO_F16},    {25, 1024, 1024, ENTRO_BF16}, {2, 5, 32768, ENTRO_F64},
        {12, 1, 1, ENTRO_F32},     {13, 100, 100, ENTRO_F64},    {1, 2048, 2048, ENTRO_F16},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroWriterOptions options = fixture_writer_options(&rows[i].n_heads, 1);
        const char *path = fixture_path("chunks.h5");
        hsize_t chunk[5];
        options.n_samples = 1;
        options.n_queries = rows[i].n_queries;
        options.n_keys = rows[i].n_keys;
        options.element = rows[i].element;
        entro_writer_free(start(path, &options));
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t dataset = H5Dopen2(file, "/layers/0/attention", H5P_DEFAULT);
        hid_t properties = H5Dget_create_plist(dataset);
        g_assert_cmpint(H5Pget_chunk(properties, 5, chunk), ==, 5);
        g_assert_cmpint(H5Pget_nfilters(properties), ==, 1);
        H5Pclose(properties);
        H5Dclose(dataset);
        H5Fclose(file);
        gsize size = entro_element_size(rows[i].element);
        gsize bytes = chunk[2] * chunk[3] * chunk[4] * size;
        gsize capture = rows[i].n_heads * rows[i].n_queries * rows[i].n_keys * size;
        g_assert_cmpuint(chunk[0], ==, 1);
        g_assert_cmpuint(chunk[1], ==, 1);
        g_assert_cmpuint(chunk[4], ==, rows[i].n_keys); /* a row is never split */
        g_assert_cmpuint(bytes, <=, 1u << 20);
        g_assert_cmpuint(bytes, >=, MIN(capture, 64u << 10));
        if (chunk[3] < rows[i].n_queries) /* what edge chunks waste */
            g_assert_cmpuint((rows[i].n_queries + chunk[3] - 1) / chunk[3] * chunk[3], <=,
                             rows[i].n_queries + rows[i].n_queries / 8 + 1);
    }
}

static void
test_texts_are_of_fixed_length(void)
{
    const EntroAttribute arch = ENTRO_TEXT("arch", "SM");
    EntroWriterOptions options = fixture_writer_options(heads, 1);
    const char *path = fixture_path("fixed.h5");
    const char *const names[] = {"format", "run_name", "producer", "trace_uuid"};

    options.config = &arch;
    options.n_config = 1;
    write_run(path, &options, 1);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(EntroHid) id = H5Aopen(file, names[i], H5P_DEFAULT);
        g_auto(EntroHid) type = H5Aget_type(id);
        g_assert_cmpint(H5Tis_variable_str(type), ==, 0);
    }
    H5Fclose(file);
}

static void
test_same_options_and_uuid_make_the_same_bytes(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 3);

    options.trace_uuid = "0cc175b9";
    options.deflate = 6;
    options.params = (1u << ENTRO_N_PARAMS) - 1;
    write_run(fixture_path("same1.h5"), &options, 5);
    g_usleep(1100 * G_TIME_SPAN_MILLISECOND); /* HDF5 counts time in seconds */
    write_run(fixture_path("same2.h5"), &options, 5);
    g_autofree char *first = fixture_hash(fixture_path("same1.h5"));
    g_autofree char *second = fixture_hash(fixture_path("same2.h5"));
    g_assert_cmpstr(first, ==, second);
}

/* ---- what goes wrong ------------------------------------------------------------------------------------- */

static void
test_sizes_that_no_reader_would_take_are_refused(void)
{
    const guint none = 0, many = 1025;
    EntroWriterOptions bad[7];

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        bad[i] = fixture_writer_options(heads, 3);
    bad[0].n_samples = 0;
    bad[1].n_keys = 32769;
    bad[2].n_queries = 7; /* of 6 keys */
    bad[3].deflate = 10;
    bad[4].n_layers = 0;
    bad[5].n_heads = &none;
    bad[6].n_heads = &many;
    bad[5].n_layers = bad[6].n_layers = 1;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        const char *path = fixture_path("never.h5");
        g_assert_null(entro_writer_new(path, &bad[i], &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT);
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
}

static void
test_a_place_that_cannot_be_written_is_named(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_writer_new("/nowhere/run.h5", &options, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_true(
        g_str_has_prefix(error->message, "/nowhere/run.h5 could not be written: No such file"));
}

static void
test_text_too_long_for_an_attribute_is_an_error(void)
{
    g_autofree char *text = g_strnfill(70000, 'x');
    EntroWriterOptions options = fixture_writer_options(heads, 1);
    const char *path = fixture_path("long.h5");
    g_autoptr(GError) error = NULL;

    options.run_name = text;
    g_autoptr(EntroWriter) writer = entro_writer_new(path, &options, &error);
    if (writer == NULL) {
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_true(g_str_has_prefix(error->message, path));
    }
}

/* At whatever byte the disk is full, nothing crashes. */
static int
fill_the_disk_at(rlim_t size, const char *path)
{
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    struct rlimit limit = {size, size};
    g_autoptr(GError) error = NULL;
    gboolean good = TRUE;

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    g_autoptr(EntroWriter) writer = entro_writer_new(path, &options, &error);
    for (gsize capture = 0; writer != NULL && good && capture < 100; capture++)
        good = fixture_put_capture(writer, &options, capture, &error);
    return g_error_matches(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE) ? 0 : 1;
}

static void
test_a_disk_full_at_any_byte_is_an_error(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    for (guint size = 0; size < 24000; size += size < 8000 ? 777 : 2385) {
        g_autofree char *limit = g_strdup_printf("%u", size);
        char *argv[] = {self, (char *)"--fill-the-disk-at", limit, (char *)fixture_path("at.h5"),
                        NULL};
        g_autoptr(GError) error = NULL;
        int status;
        g_assert_true(
            g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL));
        if (!g_spawn_check_wait_status(status, &error))
            g_error("full at %u bytes: %s", size, error->message);
    }
}

/* Run alone: the limit stays with the process. */
static void
fill_the_disk(void)
{
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    struct rlimit limit = {120 << 10, 120 << 10};
    g_autoptr(GError) error = NULL;
    gsize capture = 0;

    options.n_queries = options.n_keys = 32;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    EntroWriter *writer = start(g_getenv("ENTRO_TEST_FILE"), &options);
    while (capture < 1000 && fixture_put_capture(writer, &options, capture, &error))
        capture++;
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_true(g_str_has_prefix(error->message, g_getenv("ENTRO_TEST_FILE")));
    g_clear_error(&error);
    g_assert_false(fixture_put_capture(writer, &options, capture, &error)); /* and stays so */
    g_clear_error(&error);
    entro_writer_close(writer, &error);
    g_print("captures=%zu\n", capture);
}

static void
test_a_full_disk_is_an_error_and_keeps_what_was_written(void)
{
    const char *path = fixture_path("full.h5");
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    int status;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    char *argv[] = {self, (char *)"--fill-the-disk", NULL};

    g_setenv("ENTRO_TEST_FILE", path, TRUE);
    g_assert_true(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, &error));
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    const char *said = strstr(out, "captures=");
    g_assert_nonnull(said);
    gsize n_captures = (gsize)g_ascii_strtoull(said + 9, NULL, 10);
    g_test_message("%zu captures before the disk was full", n_captures);
    g_assert_cmpuint(n_captures, >=, 2);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    EntroWriterOptions options = fixture_writer_options(heads, 3);
    options.n_queries = options.n_keys = 32;
    LayerSpec specs[3];
    gsize selected[1000];
    for (guint layer = 0; layer < 3; layer++)
        specs[layer] =
            fixture_writer_spec(&options, layer, entro_source_get_trace(source)->n_captures);
    for (gsize capture = 0; capture < n_captures; capture++)
        selected[capture] = capture;
    g_assert_cmpuint(entro_source_get_trace(source)->n_captures, >=, n_captures);
    fixture_check_walk(source, specs, 3, selected, n_captures);
}

int
main(int argc, char **argv)
{
    if (argc == 2 && g_str_equal(argv[1], "--fill-the-disk")) {
        fill_the_disk();
        return 0;
    }
    if (argc == 4 && g_str_equal(argv[1], "--fill-the-disk-at"))
        return fill_the_disk_at((rlim_t)g_ascii_strtoull(argv[2], NULL, 10), argv[3]);
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/writer/" NAME, TEST)
    ADD("every-element-and-deflate-comes-back", test_every_element_and_deflate_comes_back);
    ADD("weights-that-are-no-numbers-come-back", test_weights_that_are_no_numbers_come_back);
    ADD("everything-said-about-the-run-comes-back", test_everything_said_about_the_run_comes_back);
    ADD("a-uuid-of-its-own-is-given", test_a_uuid_of_its_own_is_given);
    ADD("the-key-mask-comes-back", test_the_key_mask_comes_back);
    ADD("layers-not-given-are-missing", test_layers_not_given_are_missing);
    ADD("parameters-are-as-the-format-says", test_parameters_are_as_the_format_says);
    ADD("only-the-parameters-asked-for-are-there", test_only_the_parameters_asked_for_are_there);
    ADD("chunks-are-of-a-good-size", test_chunks_are_of_a_good_size);
    ADD("texts-are-of-fixed-length", test_texts_are_of_fixed_length);
    ADD("same-options-and-uuid-make-the-same-bytes",
        test_same_options_and_uuid_make_the_same_bytes);
    ADD("sizes-that-no-reader-would-take-are-refused",
        test_sizes_that_no_reader_would_take_are_refused);
    ADD("a-place-that-cannot-be-written-is-named", test_a_place_that_cannot_be_written_is_named);
    ADD("text-too-long-is-an-error", test_text_too_long_for_an_attribute_is_an_error);
    ADD("a-full-disk-keeps-what-was-written",
        test_a_full_disk_is_an_error_and_keeps_what_was_written);
    ADD("a-disk-full-at-any-byte-is-an-error", test_a_disk_full_at_any_byte_is_an_error);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
