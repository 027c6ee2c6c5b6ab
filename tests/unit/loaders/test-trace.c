/* test-trace.c: what a trace says about itself; defaults, notes and problems. */
#include "loader-fixture.h"

#include <string.h>

static gboolean
says(const GPtrArray *list, const char *text)
{
    for (guint i = 0; i < list->len; i++)
        if (strstr(list->pdata[i], text) != NULL)
            return TRUE;
    return FALSE;
}

static EntroSource *
open_well(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroSource *source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    return source;
}

/* A file of fixture_small() to which a test adds one thing. */
typedef struct {
    const char *path;
    hid_t file;
} Small;

static Small
small_begin(const char *name)
{
    Small small = {fixture_path(name), H5I_INVALID_HID};

    small.file = fixture_create(small.path, FALSE);
    fixture_small(small.file);
    return small;
}

static EntroSource *
small_open(Small *small)
{
    H5Fclose(small->file);
    return open_well(small->path);
}

static void
put_integers(hid_t object, const char *name, guint n)
{
    hsize_t dims[1] = {n};
    const gint32 values[4] = {1, 2, 3, 4};
    g_auto(EntroHid) space = H5Screate_simple(1, dims, NULL);
    g_auto(EntroHid) id =
        H5Acreate2(object, name, H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT);

    H5Awrite(id, H5T_NATIVE_INT32, values);
}

static void
test_missing_attributes_have_stated_defaults(void)
{
    Small small = small_begin("lonely.run.h5");
    g_autoptr(EntroSource) source = small_open(&small);
    const EntroTrace *trace = entro_source_get_trace(source);

    g_assert_cmpstr(trace->run_name, ==, "lonely.run");
    g_assert_true(says(trace->notes, "run_name"));
    g_assert_null(trace->producer);
    g_assert_null(trace->trace_uuid);
    g_assert_cmpint(trace->causal, ==, ENTRO_CAUSAL_UNKNOWN);
    g_assert_cmpuint(trace->attempt, ==, 1);
    g_assert_cmpuint(trace->context_length, ==, 4); /* keys */
    g_assert_false(trace->complete);
    g_assert_false(trace->has_key_mask);
    g_assert_cmpuint(trace->n_config, ==, 0);
    g_assert_cmpuint(trace->n_scalars, ==, 0);
    g_assert_cmpuint(trace->problems->len, ==, 0);
    g_assert_true(says(trace->notes, "no checksums"));
    g_assert_cmpstr(trace->open_mode, ==, "plain");
    g_assert_cmpstr(trace->layers[0].storage, ==, "contiguous");
}

static void
test_unreadable_attributes_are_said_and_left_out(void)
{
    Small small = small_begin("unreadable.h5");

    put_integers(small.file, "run_name", 3);
    put_integers(small.file, "causal", 2);
    fixture_text(small.file, "attempt", "second");
    fixture_text(small.file, "context_length", "long");
    g_autoptr(EntroSource) source = small_open(&small);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpstr(trace->run_name, ==, "unreadable");
    g_assert_cmpint(trace->causal, ==, ENTRO_CAUSAL_UNKNOWN);
    g_assert_cmpuint(trace->attempt, ==, 1);
    const char *const names[] = {"run_name", "causal", "attempt", "context_length"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_true(says(trace->problems, names[i]));
}

static void
test_root_attributes_and_config_are_read(void)
{
    Small small = small_begin("full.h5");
    const EntroAttribute lr = ENTRO_REAL("lr", 0.02), arch = ENTRO_TEXT("arch", "SM+LN+G");

    fixture_text(small.file, "run_name", "healthy");
    fixture_text(small.file, "producer", "a trainer");
    fixture_text(small.file, "trace_uuid", "7f0c");
    fixture_integer(small.file, "causal", 1);
    fixture_integer(small.file, "attempt", 3);
    fixture_integer(small.file, "context_length", 128);
    fixture_group(small.file, "/config");
    hid_t config = H5Gopen2(small.file, "/config", H5P_DEFAULT);
    entro_attribute_write(config, &lr, NULL);
    entro_attribute_write(config, &arch, NULL);
    fixture_integer(config, "n_layers", 12);
    put_integers(config, "betas", 2);
    H5Gclose(config);
    g_autoptr(EntroSource) source = small_open(&small);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpstr(trace->run_name, ==, "healthy");
    g_assert_cmpstr(trace->producer, ==, "a trainer");
    g_assert_cmpstr(trace->trace_uuid, ==, "7f0c");
    g_assert_cmpint(trace->layers[0].causal, ==, ENTRO_CAUSAL_YES);
    g_assert_cmpuint(trace->attempts[0], ==, 3);
    g_assert_cmpuint(trace->context_length, ==, 128);
    g_assert_cmpuint(trace->n_config, ==, 3);
    g_assert_cmpstr(trace->config[0].key, ==, "arch");
    g_assert_cmpstr(trace->config[0].value, ==, "SM+LN+G");
    g_assert_cmpstr(trace->config[1].value, ==, "0.02");
    g_assert_cmpstr(trace->config[2].value, ==, "12");
    g_assert_true(says(trace->notes, "betas"));
}

static void
test_causal_of_a_layer_goes_before_the_root(void)
{
    Small small = small_begin("causal.h5");

    fixture_integer(small.file, "causal", 1);
    hid_t layer = H5Gopen2(small.file, "/layers/0", H5P_DEFAULT);
    fixture_integer(layer, "causal", 0);
    H5Gclose(layer);
    g_autoptr(EntroSource) source = small_open(&small);
    g_assert_cmpint(entro_source_get_trace(source)->causal, ==, ENTRO_CAUSAL_YES);
    g_assert_cmpint(entro_source_get_trace(source)->layers[0].causal, ==, ENTRO_CAUSAL_NO);
}

static void
test_recognised_without_format_by_its_groups(void)
{
    Small small = small_begin("noformat.h5");

    H5Adelete(small.file, "format");
    H5Adelete(small.file, "format_version");
    g_autoptr(EntroSource) source = small_open(&small);
    g_assert_true(says(entro_source_get_trace(source)->notes, "format"));
}

static void
test_steps_going_back_begin_attempts(void)
{
    const gint64 steps[] = {10, 20, 30, 20, 30, 30, 40, -5};
    const guint attempts[] = {1, 1, 1, 2, 2, 3, 3, 4};
    LayerSpec spec = {.element = ENTRO_F32, .dims = {8, 1, 1, 2, 2}};
    const char *path = fixture_path("attempts.h5");
    hid_t file = fixture_create(path, FALSE);

    fixture_steps(file, steps, 8);
    fixture_write_layer(file, &spec);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    for (guint i = 0; i < 8; i++) {
        g_assert_cmpint(trace->steps[i], ==, steps[i]);
        g_assert_cmpuint(trace->attempts[i], ==, attempts[i]);
    }
    g_assert_true(says(trace->notes, "3 times"));
}

static void
test_steps_of_any_integer_type(void)
{
    const guint8 big[] = {0, 10, 1, 0}; /* 10, 256 */
    hsize_t dims[1] = {2}, chunk[1] = {1};
    LayerSpec spec = {.element = ENTRO_F32, .dims = {2, 1, 1, 2, 2}};
    const char *path = fixture_path("steps16.h5");
    hid_t file = fixture_create(path, FALSE);
    hid_t space = H5Screate_simple(1, dims, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(properties, 1, chunk);
    H5Pset_deflate(properties, 1);
    hid_t id = H5Dcreate2(file, "step", H5T_STD_U16BE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(id, H5T_STD_U16BE, H5S_ALL, H5S_ALL, H5P_DEFAULT, big);
    H5Dclose(id);
    H5Pclose(properties);
    H5Sclose(space);
    fixture_write_layer(file, &spec);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    g_assert_cmpint(entro_source_get_trace(source)->steps[0], ==, 10);
    g_assert_cmpint(entro_source_get_trace(source)->steps[1], ==, 256);
}

/* 40 entries in chunks of 8, of which the third is damaged: 16 captures remain. */
static void
test_a_damaged_end_of_step_costs_its_captures_only(void)
{
    hsize_t dims[1] = {40}, chunk[1] = {8};
    gint64 steps[40];
    LayerSpec spec = {.element = ENTRO_F32, .dims = {40, 1, 1, 2, 2}};
    const char *path = fixture_path("cutstep.h5");
    hid_t file = fixture_create(path, FALSE);
    hid_t space = H5Screate_simple(1, dims, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);
    haddr_t address;
    hsize_t size, at = 16;
    unsigned mask;

    for (gint64 i = 0; i < 40; i++)
        steps[i] = 100 + i;
    H5Pset_chunk(properties, 1, chunk);
    H5Pset_fletcher32(properties);
    hid_t id = H5Dcreate2(file, "step", H5T_STD_I64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    H5Dget_chunk_info_by_coord(id, &at, &mask, &address, &size);
    H5Dclose(id);
    H5Pclose(properties);
    H5Sclose(space);
    fixture_write_layer(file, &spec);
    H5Fclose(file);
    g_autofree char *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    bytes[address + 9] ^= 4;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    g_autoptr(EntroSource) source = open_well(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->n_captures, ==, 16);
    g_assert_true(says(trace->problems, "/step: only its first 16 of 40"));
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, NULL), ==, 16);
}

static void
put_series(hid_t file, const char *path, hid_t type, const void *values, hsize_t n)
{
    g_auto(EntroHid) space = H5Screate_simple(1, &n, NULL);
    g_auto(EntroHid) id =
        H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

static void
test_scalars_keep_nan_and_take_the_shorter_length(void)
{
    Small small = small_begin("scalars.h5");
    const gint64 steps[] = {1, 2, 3};
    const double values[] = {2.385, NAN};

    fixture_group(small.file, "/scalars");
    fixture_group(small.file, "/scalars/loss");
    fixture_group(small.file, "/scalars/broken");
    put_series(small.file, "/scalars/loss/step", H5T_NATIVE_INT64, steps, 3);
    put_series(small.file, "/scalars/loss/value", H5T_NATIVE_DOUBLE, values, 2);
    put_series(small.file, "/scalars/broken/step", H5T_NATIVE_DOUBLE, values, 2);
    g_autoptr(EntroSource) source = small_open(&small);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->n_scalars, ==, 1);
    g_assert_cmpstr(trace->scalars[0].name, ==, "loss");
    g_assert_cmpuint(trace->scalars[0].n, ==, 2);
    g_assert_cmpint(trace->scalars[0].step[1], ==, 2);
    g_assert_cmpfloat(trace->scalars[0].value[0], ==, 2.385);
    g_assert_true(isnan(trace->scalars[0].value[1]));
    g_assert_true(says(trace->problems, "/scalars/broken/step"));
}

static void
test_layers_may_be_missing_or_without_attention(void)
{
    const LayerSpec specs[] = {{.index = 2, .element = ENTRO_F32, .dims = {2, 1, 3, 3, 4}},
                               {.index = 10, .element = ENTRO_F16, .dims = {2, 1, 1, 3, 4}}};
    const char *path = fixture_path("gaps.h5");
    const char *const strange[] = {"/layers/04", "/layers/x", "/layers/-1", "/layers/99999999999"};

    fixture_trace(path, specs, 2, FALSE);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    fixture_group(file, "/layers/5");
    for (guint i = 0; i < G_N_ELEMENTS(strange); i++)
        fixture_group(file, strange[i]);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_well(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->n_layers, ==, 2);
    g_assert_cmpuint(trace->layers[0].index, ==, 2);
    g_assert_cmpuint(trace->layers[0].n_heads, ==, 3);
    g_assert_cmpuint(trace->layers[1].index, ==, 10);
    g_assert_true(says(trace->notes, "layer 5 has no attention"));
    fixture_check_walk(source, specs, 2, NULL, 0);
}

/* The object header of one layer's dataset is overwritten: the others stay. */
static void
test_a_damaged_layer_costs_itself_only(void)
{
    LayerSpec specs[] = {{.index = 0, .element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}},
                         {.index = 1, .element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}}};
    const char *path = fixture_path("onebad.h5");
    H5O_info_t info;
    g_autofree char *bytes = NULL;
    gsize length;

    fixture_trace(path, specs, 2, FALSE);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Oget_info_by_name2(file, "/layers/0/attention", &info, H5O_INFO_BASIC, H5P_DEFAULT);
    H5Fclose(file);
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    memset(bytes + info.addr + 20, 0x5a, 16);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
    g_autoptr(EntroSource) source = open_well(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_cmpuint(trace->n_layers, ==, 1);
    g_assert_cmpuint(trace->layers[0].index, ==, 1);
    g_assert_true(says(trace->problems, "layer 0 is left out"));
    fixture_check_walk(source, specs + 1, 1, NULL, 0);
}

static void
test_split_rows_and_storage_are_described(void)
{
    LayerSpec spec = {.element = ENTRO_F16,
                      .dims = {1, 1, 2, 4, 6},
                      .chunk = {1, 1, 2, 4, 3},
                      .filters = "sdf"};
    const char *path = fixture_path("split.h5");

    fixture_trace(path, &spec, 1, FALSE);
    g_autoptr(EntroSource) source = open_well(path);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_true(trace->layers[0].split_rows);
    g_assert_true(trace->layers[0].checksummed);
    g_assert_cmpuint(trace->layers[0].bytes_decoded, ==, 2 * 2 * 4 * 6);
    g_assert_cmpstr(trace->layers[0].storage, ==,
                    "chunked 1x1x2x4x3, shuffle, deflate, fletcher32");
    g_assert_true(says(trace->notes, "1 of 1 layers split rows"));
    g_assert_false(says(trace->notes, "no checksums"));
}

static void
put_complete(hid_t file, hid_t type, hsize_t n)
{
    const guint8 ones[16] = {1, 1};
    g_auto(EntroHid) space = H5Screate_simple(1, &n, NULL);
    g_auto(EntroHid) id =
        H5Dcreate2(file, "complete", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    if (n > 0)
        H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, ones);
}

/* Whether it was closed is believed or not known, and then said. */
static void
test_complete_that_cannot_be_read_is_told(void)
{
    Small small;
    const hid_t types[] = {H5T_STD_U8LE, H5T_STD_U8LE, H5T_STD_U8LE, H5T_IEEE_F32LE};
    const hsize_t sizes[] = {1, 0, 2, 1};
    static const char *const words[] = {NULL, NULL, "/complete has 2 entries",
                                        "/complete holds floating-point numbers"};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        small = small_begin("complete.h5");
        put_complete(small.file, types[i], sizes[i]);
        g_autoptr(EntroSource) source = small_open(&small);
        const EntroTrace *trace = entro_source_get_trace(source);
        g_assert_cmpint(trace->complete, ==, i == 0);
        g_assert_cmpuint(trace->problems->len, ==, words[i] != NULL);
        g_assert_true(words[i] == NULL || says(trace->problems, words[i]));
    }
    small = small_begin("complete.h5");
    H5Lcreate_soft("/step", small.file, "/complete", H5P_DEFAULT, H5P_DEFAULT);
    g_autoptr(EntroSource) source = small_open(&small);
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_false(trace->complete);
    g_assert_true(says(trace->problems, "not known: /complete is a soft link"));
}

/* Attributes that an object's header has no room for lie in a heap, whose blocks begin with FHDB. */
static void
damage_heap(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    char *at = memmem(bytes, size, "FHDB", 4);
    g_assert_nonnull(at);
    *at ^= 1;
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
}

/* FALSE: not opened. */
static gboolean
open_with_damaged_heap(const char *key, EntroCausal expected)
{
    Small small = small_begin("heap.h5");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 12; i++) {
        g_autofree char *name = g_strdup_printf("more_%u", i);
        fixture_integer(small.file, name, i);
    }
    fixture_integer(small.file, key, 1);
    g_autoptr(EntroSource) sound = small_open(&small);
    g_assert_cmpint(entro_source_get_trace(sound)->causal, ==, expected);
    damage_heap(fixture_path("heap.h5"));
    g_autoptr(EntroSource) source = entro_source_open(fixture_path("heap.h5"), NULL, &error);
    if (source == NULL) {
        g_test_message("%s", error->message);
        return FALSE;
    }
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_true(says(trace->problems, key));
    return TRUE;
}

static void
test_attributes_in_a_damaged_heap_are_not_absent(void)
{
    g_assert_true(open_with_damaged_heap("causal", ENTRO_CAUSAL_YES));
    g_assert_true(open_with_damaged_heap("attempt", ENTRO_CAUSAL_UNKNOWN));
    g_assert_false(open_with_damaged_heap("window", ENTRO_CAUSAL_UNKNOWN));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/trace/" NAME, TEST)
    ADD("missing-attributes-have-stated-defaults", test_missing_attributes_have_stated_defaults);
    ADD("unreadable-attributes-are-said-and-left-out",
        test_unreadable_attributes_are_said_and_left_out);
    ADD("root-attributes-and-config-are-read", test_root_attributes_and_config_are_read);
    ADD("causal-of-a-layer-goes-before-the-root", test_causal_of_a_layer_goes_before_the_root);
    ADD("recognised-without-format-by-its-groups", test_recognised_without_format_by_its_groups);
    ADD("steps-going-back-begin-attempts", test_steps_going_back_begin_attempts);
    ADD("steps-may-be-any-integers", test_steps_of_any_integer_type);
    ADD("a-damaged-end-of-step-costs-its-captures-only",
        test_a_damaged_end_of_step_costs_its_captures_only);
    ADD("scalars-keep-nan-and-take-the-shorter-length",
        test_scalars_keep_nan_and_take_the_shorter_length);
    ADD("layers-may-be-missing-or-without-attention",
        test_layers_may_be_missing_or_without_attention);
    ADD("a-damaged-layer-costs-itself-only", test_a_damaged_layer_costs_itself_only);
    ADD("split-rows-and-storage-are-described", test_split_rows_and_storage_are_described);
    g_test_add_func("/trace/complete-that-cannot-be-read-is-told",
                    test_complete_that_cannot_be_read_is_told);
    ADD("attributes-in-a-damaged-heap-are-not-absent",
        test_attributes_in_a_damaged_heap_are_not_absent);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
