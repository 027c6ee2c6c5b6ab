/* test-params.c: learnable parameters beside the attention are read whatever their storage, and one
 * that is wrong costs itself only. */
#include "loader-fixture.h"

#include <string.h>

enum { N_CAPTURES = 3, N_HEADS = 2, N_QUERIES = 3 };

/* A dataset beside the attention of layer 0, in the storage that a test needs. */
typedef struct {
    const char *name;
    int rank;
    hsize_t dims[4], chunk[4]; /* chunk[0] == 0: contiguous */
    hid_t type;                /* 0: little-endian f32 */
    gboolean deflate, checksum;
    hsize_t n_written; /* captures that get data; 0: all */
} ParamSpec;

#define PARAM(NAME, RANK, ...) ((ParamSpec){.name = NAME, .rank = RANK, __VA_ARGS__})

static float
param_value(gsize i)
{
    return (float)i / 8 - 1; /* exact in f16 and bf16 */
}

static hid_t
start_file(const char *name)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {N_CAPTURES, 1, N_HEADS, N_QUERIES, 4}};
    hid_t file = fixture_create(fixture_path(name), FALSE);

    fixture_steps(file, NULL, N_CAPTURES);
    fixture_write_layer(file, &spec);
    return file;
}

static void
put_param(hid_t file, const ParamSpec *spec)
{
    g_autofree char *path = g_strdup_printf("/layers/0/%s", spec->name);
    g_auto(EntroHid) space = H5Screate_simple(spec->rank, spec->dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t start[4] = {0}, count[4];
    float values[512];

    if (spec->chunk[0] > 0)
        H5Pset_chunk(properties, spec->rank, spec->chunk);
    if (spec->deflate) {
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 4);
    }
    if (spec->checksum)
        H5Pset_fletcher32(properties);
    g_auto(EntroHid) dataset = H5Dcreate2(file, path, spec->type ? spec->type : H5T_IEEE_F32LE,
                                          space, H5P_DEFAULT, properties, H5P_DEFAULT);
    g_assert_cmpint(dataset, >=, 0);
    if (H5Tget_class(spec->type ? spec->type : H5T_IEEE_F32LE) == H5T_STRING)
        return;
    memcpy(count, spec->dims, sizeof count);
    count[0] = spec->n_written ? spec->n_written : spec->dims[0];
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        values[i] = param_value(i);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    g_auto(EntroHid) in_memory = H5Screate_simple(spec->rank, count, NULL);
    g_assert_cmpint(H5Dwrite(dataset, H5T_NATIVE_FLOAT, in_memory, space, H5P_DEFAULT, values), >=,
                    0);
}

static EntroSource *
open_file(const char *name)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(fixture_path(name), NULL, &error);

    g_assert_no_error(error);
    return source;
}

/* The file still gives all of its attention. */
static void
assert_attention(EntroSource *source)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {N_CAPTURES, 1, N_HEADS, N_QUERIES, 4}};

    fixture_check_walk(source, &spec, 1, NULL, 0);
}

static void
assert_values(EntroSource *source, EntroParam param, gsize capture)
{
    const EntroLayer *layer = &entro_source_get_trace(source)->layers[0];
    gsize n = entro_param_size(param, layer);
    float values[N_HEADS * N_QUERIES];
    char *problem = NULL;

    g_assert_cmpint(entro_source_read_param(source, 0, param, capture, values, &problem), ==,
                    ENTRO_TILE_OK);
    g_assert_null(problem);
    for (gsize i = 0; i < n; i++)
        g_assert_cmpfloat(values[i], ==, param_value(capture * n + i));
}

static void
assert_bad_entry(EntroSource *source, EntroParam param, gsize capture, EntroTileStatus status,
                 const char *sentence)
{
    const EntroLayer *layer = &entro_source_get_trace(source)->layers[0];
    float values[N_HEADS * N_QUERIES] = {0};
    g_autofree char *problem = NULL;

    g_assert_cmpint(entro_source_read_param(source, 0, param, capture, values, &problem), ==,
                    status);
    g_assert_nonnull(problem);
    if (strstr(problem, sentence) == NULL)
        g_error("\"%s\" does not say \"%s\"", problem, sentence);
    for (gsize i = 0; i < entro_param_size(param, layer); i++)
        g_assert_true(isnan(values[i]));
}

/* ---- good ones ---------------------------------------------------------------------------------------- */

static void
test_any_storage_is_read(void)
{
    g_auto(EntroHid) half = entro_element_type(ENTRO_F16), brain = entro_element_type(ENTRO_BF16);
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE,
                           H5T_IEEE_F64BE, half,           brain};
    const hsize_t chunks[][3] = {{0}, {1, 2, 3}, {2, 1, 2}, {3, 2, 3}, {100, 2, 3}, {1, 1, 1}};

    for (guint type = 0; type < G_N_ELEMENTS(types); type++)
        for (guint i = 0; i < G_N_ELEMENTS(chunks); i++) {
            const hsize_t *chunk = chunks[i];
            hsize_t n = MIN(chunk[0], N_CAPTURES);
            const ParamSpec specs[] = {
                PARAM("temperature", 3, .dims = {N_CAPTURES, N_HEADS, N_QUERIES},
                      .chunk = {n, chunk[1], chunk[2]}),
                PARAM("threshold", 2, .dims = {N_CAPTURES, N_HEADS}, .chunk = {n, chunk[1]}),
                PARAM("alpha", 1, .dims = {N_CAPTURES}, .chunk = {n}),
                PARAM("beta", 1, .dims = {N_CAPTURES}, .chunk = {n}),
            };
            hid_t file = start_file("any.h5");
            for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
                ParamSpec spec = specs[param];
                spec.type = types[type];
                spec.deflate = spec.checksum = i % 2;
                put_param(file, &spec);
            }
            H5Fclose(file);
            g_autoptr(EntroSource) source = open_file("any.h5");
            const EntroTrace *trace = entro_source_get_trace(source);
            g_assert_cmpuint(trace->layers[0].params, ==, (1u << ENTRO_N_PARAMS) - 1);
            g_assert_cmpuint(trace->problems->len, ==, 0);
            for (guint param = 0; param < ENTRO_N_PARAMS; param++)
                for (gsize capture = N_CAPTURES; capture-- > 0;)
                    assert_values(source, param, capture);
            assert_attention(source);
        }
}

static void
test_what_our_writer_wrote_comes_back(void)
{
    const guint n_heads[] = {3, 1};
    EntroWriterOptions options = fixture_writer_options(n_heads, 2);
    const char *path = fixture_path("ours.h5");
    g_autoptr(GError) error = NULL;
    float values[3 * 5];

    options.params = 1u << ENTRO_PARAM_TEMPERATURE | 1u << ENTRO_PARAM_BETA;
    g_autoptr(EntroWriter) writer = entro_writer_new(path, &options, &error);
    for (gsize capture = 0; capture < 3; capture++) {
        for (guint layer = 0; layer < 2; layer++) {
            for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
                values[i] = (float)(100 * capture + 50 * layer + i);
            entro_writer_put_param(writer, layer, ENTRO_PARAM_TEMPERATURE, values, &error);
            if (capture != 1)
                entro_writer_put_param(writer, layer, ENTRO_PARAM_BETA, values, &error);
        }
        fixture_put_capture(writer, &options, capture, &error);
        g_assert_no_error(error);
    }
    /* the writer is still at it: what is committed is there */
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->problems->len, ==, 0);
    for (guint layer = 0; layer < 2; layer++)
        for (gsize capture = 0; capture < 3; capture++) {
            gsize n = entro_param_size(ENTRO_PARAM_TEMPERATURE, &trace->layers[layer]);
            g_autofree char *problem = NULL;
            g_assert_cmpuint(trace->layers[layer].params, ==, options.params);
            g_assert_cmpuint(n, ==, 5 * n_heads[layer]);
            g_assert_cmpint(entro_source_read_param(source, layer, ENTRO_PARAM_TEMPERATURE, capture,
                                                    values, &problem),
                            ==, ENTRO_TILE_OK);
            for (gsize i = 0; i < n; i++)
                g_assert_cmpfloat(values[i], ==, 100 * capture + 50 * layer + i);
            g_assert_cmpint(entro_source_read_param(source, layer, ENTRO_PARAM_BETA, capture,
                                                    values, &problem),
                            ==, capture == 1 ? ENTRO_TILE_MISSING : ENTRO_TILE_OK);
            if (capture != 1)
                g_assert_cmpfloat(values[0], ==, 100 * capture + 50 * layer);
        }
}

static void
test_a_trace_without_them_has_none(void)
{
    H5Fclose(start_file("none.h5"));
    g_autoptr(EntroSource) source = open_file("none.h5");

    g_assert_cmpuint(entro_source_get_trace(source)->layers[0].params, ==, 0);
    g_assert_cmpuint(entro_source_get_trace(source)->problems->len, ==, 0);
}

/* ---- bad ones: the rest is read ------------------------------------------------------------------------ */

static void
test_wrong_shapes_and_types_cost_themselves(void)
{
    g_auto(EntroHid) text = H5Tcopy(H5T_C_S1);
    const struct {
        ParamSpec spec;
        const char *says;
    } rows[] = {
        {PARAM("temperature", 2, .dims = {3, 2}), "[S,2], expected [S,2,3]"},
        {PARAM("temperature", 3, .dims = {3, 2, 4}), "[S,2,4], expected [S,2,3]"},
        {PARAM("temperature", 4, .dims = {3, 1, 2, 3}), "[S,1,2,3], expected [S,2,3]"},
        {PARAM("threshold", 2, .dims = {3, 3}), "[S,3], expected [S,2]"},
        {PARAM("threshold", 1, .dims = {3}), "[S], expected [S,2]"},
        {PARAM("alpha", 2, .dims = {3, 1}), "[S,1], expected [S]"},
        {PARAM("beta", 1, .dims = {3}, .type = H5T_STD_I32LE), "integers of 4 bytes, expected f16"},
        {PARAM("threshold", 2, .dims = {3, 2}, .type = text), "strings of 1 bytes, expected f16"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        hid_t file = start_file("wrong.h5");
        put_param(file, &rows[i].spec);
        H5Fclose(file);
        g_autoptr(EntroSource) source = open_file("wrong.h5");
        const EntroTrace *trace = entro_source_get_trace(source);
        g_assert_cmpuint(trace->layers[0].params, ==, 0);
        g_assert_cmpuint(trace->problems->len, ==, 1);
        g_assert_nonnull(strstr(trace->problems->pdata[0], rows[i].says));
        g_assert_nonnull(strstr(trace->problems->pdata[0], rows[i].spec.name));
        assert_attention(source);
    }
}

/* A group, links, a chunk over the limit, a filter that is not read. */
static void
spoil(hid_t file, guint kind)
{
    if (kind == 0)
        fixture_group(file, "/layers/0/alpha");
    else if (kind == 1)
        H5Lcreate_soft("/step", file, "/layers/0/alpha", H5P_DEFAULT, H5P_DEFAULT);
    else if (kind == 2)
        H5Lcreate_external("/etc/passwd", "/x", file, "/layers/0/alpha", H5P_DEFAULT, H5P_DEFAULT);
    else {
        hsize_t dims[1] = {N_CAPTURES}, most[1] = {H5S_UNLIMITED}, chunk[1] = {100 << 20};
        g_auto(EntroHid) space = H5Screate_simple(1, dims, most);
        g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(properties, 1, kind == 3 ? chunk : dims);
        if (kind == 4)
            H5Pset_nbit(properties);
        g_auto(EntroHid) dataset = H5Dcreate2(file, "/layers/0/alpha", H5T_IEEE_F32LE, space,
                                              H5P_DEFAULT, properties, H5P_DEFAULT);
        g_assert_cmpint(dataset, >=, 0);
    }
}

static void
test_what_is_refused_costs_itself(void)
{
    static const char *const says[] = {"is not a dataset", "a soft link", "an external link",
                                       "--max-chunk", "nbit"};

    for (guint kind = 0; kind < G_N_ELEMENTS(says); kind++) {
        hid_t file = start_file("refused.h5");
        spoil(file, kind);
        H5Fclose(file);
        g_autoptr(EntroSource) source = open_file("refused.h5");
        const EntroTrace *trace = entro_source_get_trace(source);
        g_assert_cmpuint(trace->layers[0].params, ==, 0);
        g_assert_cmpuint(trace->problems->len, ==, 1);
        g_test_message("%s", (char *)trace->problems->pdata[0]);
        g_assert_nonnull(strstr(trace->problems->pdata[0], says[kind]));
        assert_attention(source);
    }
}

static void
test_shorter_than_the_steps_is_missing_at_the_end(void)
{
    const ParamSpec spec = PARAM("threshold", 2, .dims = {2, N_HEADS}, .chunk = {1, N_HEADS});
    hid_t file = start_file("short.h5");

    put_param(file, &spec);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_file("short.h5");
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpstr(trace->problems->pdata[0], ==,
                    "/layers/0/threshold holds 2 captures, /step announces 3");
    assert_values(source, ENTRO_PARAM_THRESHOLD, 0);
    assert_values(source, ENTRO_PARAM_THRESHOLD, 1);
    assert_bad_entry(source, ENTRO_PARAM_THRESHOLD, 2, ENTRO_TILE_MISSING, "was never written");
    assert_attention(source);
}

static void
test_an_entry_never_written_is_missing(void)
{
    const ParamSpec spec =
        PARAM("threshold", 2, .dims = {3, N_HEADS}, .chunk = {1, N_HEADS}, .n_written = 2);
    hid_t file = start_file("never.h5");

    put_param(file, &spec);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_file("never.h5");
    assert_values(source, ENTRO_PARAM_THRESHOLD, 1);
    assert_bad_entry(source, ENTRO_PARAM_THRESHOLD, 2, ENTRO_TILE_MISSING,
                     "/layers/0/threshold: capture 2: its entry was never written");
}

/* One bit of each byte of the entry in turn. */
static void
test_a_damaged_entry_is_seen(void)
{
    const ParamSpec spec = PARAM("temperature", 3, .dims = {3, N_HEADS, N_QUERIES},
                                 .chunk = {1, N_HEADS, N_QUERIES}, .checksum = TRUE);
    const char *path = fixture_path("damaged.h5");
    hid_t file = start_file("damaged.h5");
    float values[N_HEADS * N_QUERIES];
    gsize size = 0;

    put_param(file, &spec);
    H5Fclose(file);
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        values[i] = param_value(G_N_ELEMENTS(values) + i); /* of capture 1 */
    g_autofree char *bytes = NULL;
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    char *place = memmem(bytes, size, values, sizeof values);
    g_assert_nonnull(place);
    for (gsize i = 0; i < sizeof values; i++) {
        place[i] ^= 1 << (i % 8);
        g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
        place[i] ^= 1 << (i % 8);
        g_autoptr(EntroSource) source = open_file("damaged.h5");
        assert_values(source, ENTRO_PARAM_TEMPERATURE, 0);
        assert_values(source, ENTRO_PARAM_TEMPERATURE, 2);
        assert_bad_entry(source, ENTRO_PARAM_TEMPERATURE, 1, ENTRO_TILE_DAMAGED, "checksum");
    }
}

static void
test_a_layout_without_a_group_a_layer_has_none(void)
{
    const hsize_t dims[5] = {2, 1, 2, 3, 4};
    hid_t file = fixture_create(fixture_path("flat.h5"), FALSE);
    g_auto(EntroHid) space = H5Screate_simple(5, dims, NULL);

    fixture_steps(file, NULL, 2);
    fixture_group(file, "/attentions");
    hid_t dataset = H5Dcreate2(file, "/attentions/0", H5T_IEEE_F32LE, space, H5P_DEFAULT,
                               H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(dataset);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_file("flat.h5");
    g_assert_cmpuint(entro_source_get_trace(source)->layers[0].params, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/params/" NAME, TEST)
    ADD("any-storage-is-read", test_any_storage_is_read);
    ADD("what-our-writer-wrote-comes-back", test_what_our_writer_wrote_comes_back);
    ADD("a-trace-without-them-has-none", test_a_trace_without_them_has_none);
    ADD("wrong-shapes-and-types-cost-themselves", test_wrong_shapes_and_types_cost_themselves);
    ADD("what-is-refused-costs-itself", test_what_is_refused_costs_itself);
    ADD("shorter-than-the-steps", test_shorter_than_the_steps_is_missing_at_the_end);
    ADD("an-entry-never-written-is-missing", test_an_entry_never_written_is_missing);
    ADD("a-damaged-entry-is-seen", test_a_damaged_entry_is_seen);
    ADD("a-layout-without-groups-has-none", test_a_layout_without_a_group_a_layer_has_none);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
