/* test-foreign.c: files of other programs that say of themselves what does not fit, or not enough: steps,
 * axes, names and types that contradict each other. */
#include "container-fixture.h"
#include "loader-fixture.h"

#include <string.h>

/* ---- files ---------------------------------------------------------------------------------------- */

/* With the groups on the way; without values it was never written. */
static void
put(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims, const void *values)
{
    g_auto(EntroHid) space = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);

    H5Pset_create_intermediate_group(links, 1);
    g_auto(EntroHid) id = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    g_assert_cmpint(id, >=, 0);
    if (values != NULL)
        g_assert_cmpint(H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), >=, 0);
}

/* Heads, queries and keys, that were never written: enough to be recognised. */
static void
put_heads(hid_t file, const char *name)
{
    const hsize_t dims[3] = {3, 4, 4};

    put(file, name, H5T_IEEE_F32LE, 3, dims, NULL);
}

static hid_t
create(const char *name)
{
    return H5Fcreate(fixture_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static EntroSource *
open_as(const char *name, const char *layout, const char *axes, GError **error)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;

    options.layout = layout;
    options.axes = axes;
    return entro_source_open(fixture_path(name), &options, error);
}

static void
expect_refusal(const char *name, const char *layout, const char *axes, int code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = open_as(name, layout, axes, &error);

    g_assert_null(source);
    g_assert_null(open_as(name, layout, axes, NULL));
    fixture_words(error->message, words, name);
    g_assert_error(error, ENTRO_LOADER_ERROR, code);
}

static const EntroTrace *
expect_trace(EntroSource *source, GError *error)
{
    g_assert_no_error(error);
    return entro_source_get_trace(source);
}

/* How many sentences hold these words. */
static guint
count_words(const GPtrArray *sentences, const char *words)
{
    guint n = 0;

    for (guint i = 0; i < sentences->len; i++)
        n += strstr(sentences->pdata[i], words) != NULL;
    return n;
}

/* ---- steps beside a stack ------------------------------------------------------------------------- */

#define N_STEPS 5

static const gint64 some_steps[N_STEPS + 1] = {10, 20, 30, 40, 50, 60};

static void
put_steps(hid_t file, const char *name, hsize_t n)
{
    put(file, name, H5T_NATIVE_INT64, 1, &n, some_steps);
}

static void
no_steps(hid_t file)
{
    (void)file;
}

static void
whole_steps(hid_t file)
{
    put_steps(file, "global_steps", N_STEPS);
}

static void
float_steps(hid_t file)
{
    const float steps[N_STEPS] = {10, 20, 30, 40, 50};
    const hsize_t n = N_STEPS;

    put(file, "steps", H5T_NATIVE_FLOAT, 1, &n, steps);
}

static void
float_and_whole_steps(hid_t file)
{
    float_steps(file);
    whole_steps(file);
}

static void
square_steps(hid_t file)
{
    const hsize_t dims[2] = {2, 3};

    put(file, "steps", H5T_NATIVE_INT64, 2, dims, some_steps);
}

static void
one_step(hid_t file)
{
    put(file, "step", H5T_NATIVE_INT64, 0, NULL, some_steps);
}

static void
more_steps(hid_t file)
{
    put_steps(file, "steps", N_STEPS + 1);
}

static void
unwritten_steps(hid_t file)
{
    const hsize_t n = N_STEPS;

    put(file, "step", H5T_NATIVE_INT64, 1, &n, NULL);
}

static void
linked_steps(hid_t file)
{
    put_steps(file, "elsewhere", N_STEPS);
    H5Lcreate_soft("/elsewhere", file, "steps", H5P_DEFAULT, H5P_DEFAULT);
}

typedef struct {
    const char *name;
    void (*put)(hid_t file);
    const char *note, *problem; /* one of them, or the steps are as stored */
} Steps;

static const Steps steps_beside[] = {
    {"whole", whole_steps, NULL, NULL},
    {"none", no_steps, "no steps are stored", NULL},
    {"floats", float_steps, "steps holds floating-point numbers of 4 bytes", NULL},
    {"floats-and-whole", float_and_whole_steps, NULL, NULL},
    {"two-axes", square_steps, "steps holds integers of 8 bytes along 2 axes", NULL},
    {"scalar", one_step, "step has 0 axes", NULL},
    {"too-many", more_steps, NULL, "6 steps are stored for 5 captures"},
    {"unwritten", unwritten_steps, NULL, "step was never written"},
    {"a-link", linked_steps, NULL, "steps is a soft link"},
};

static void
test_steps(gconstpointer data)
{
    const Steps *row = data;
    const hsize_t dims[5] = {N_STEPS, 2, 3, 4, 4};
    hid_t file = create("steps.h5");
    g_autoptr(GError) error = NULL;

    put(file, "attention", H5T_IEEE_F32LE, 5, dims, NULL);
    row->put(file);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_as("steps.h5", NULL, "SLHQK", &error);
    const EntroTrace *trace = expect_trace(source, error);
    gboolean is_counted = row->note != NULL || row->problem != NULL;
    g_assert_cmpuint(trace->n_captures, ==, N_STEPS);
    for (gsize i = 0; i < N_STEPS; i++)
        g_assert_cmpint(trace->steps[i], ==, is_counted ? (gint64)i : some_steps[i]);
    g_assert_cmpuint(count_words(trace->notes, "numbered from 0"), ==, row->note != NULL);
    g_assert_cmpuint(count_words(trace->problems, "numbered from 0"), ==, row->problem != NULL);
    if (row->note != NULL)
        g_assert_cmpuint(count_words(trace->notes, row->note), ==, 1);
    if (row->problem != NULL)
        g_assert_cmpuint(count_words(trace->problems, row->problem), ==, 1);
}

/* The same of what is no HDF5. */
static void
test_steps_of_tensors(void)
{
    static const struct {
        const char *header;
        gsize size;
        const char *words;
    } rows[] = {
        {"{" TENSOR("attention", "F32", "[2,1,1,2,2]", "[0,32]") "," TENSOR("steps", "I64", "[2]",
                                                                            "[32,48]") "}",
         48, NULL},
        {"{" TENSOR("attention", "F32", "[2,1,1,2,2]", "[0,32]") "," TENSOR("steps", "F32", "[2]",
                                                                            "[32,40]") "}",
         40, "steps has 1 axes of other numbers, expected one axis of integers"},
        {"{" TENSOR("attention", "F32", "[2,1,1,2,2]", "[0,32]") "," TENSOR("steps", "F99", "[2]",
                                                                            "[32,40]") "}",
         40, "steps has the type \"F99\""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = fixture_safetensors(rows[i].header, rows[i].size);
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(fixture_path("x.safetensors"), (const char *)bytes->data,
                                          bytes->len, NULL));
        g_autoptr(EntroSource) source = open_as("x.safetensors", NULL, "SLHQK", &error);
        const EntroTrace *trace = expect_trace(source, error);
        if (rows[i].words == NULL)
            g_assert_cmpint(trace->steps[0], ==, 0x2726252423222120);
        else
            g_assert_cmpuint(count_words(trace->notes, rows[i].words) +
                                 count_words(trace->problems, rows[i].words),
                             ==, 1);
    }
}

/* ---- what a file says of itself ------------------------------------------------------------------- */

/* One stacked array, and the attributes beside it. */
typedef struct {
    const char *name;
    hsize_t dims[6];
    int rank;
    gint64 n_layers, n_heads; /* 0: not said */
    gsize n_steps;            /* entries of /steps, 0: there is none */
    const char *axes;         /* as recognised; NULL: not, and then: */
    const char *words;
} Stacked;

static const Stacked stacked[] = {
    {"nothing-said", {2, 3, 4, 4}, 4, 0, 0, 0, NULL, "or"},
    {"layers-said", {2, 3, 4, 4}, 4, 2, 0, 0, "LHQK", NULL},
    {"heads-said", {3, 2, 4, 4}, 4, 3, 2, 0, "LHQK", NULL},
    {"one-layer-said", {2, 3, 4, 4}, 4, 1, 3, 2, "SHQK", NULL},
    {"other-heads-said", {2, 3, 4, 4}, 4, 0, 7, 0, NULL, "--layout"},
    {"other-layers-said", {2, 3, 4, 4}, 4, 5, 0, 0, NULL, "--layout"},
    {"steps-said", {5, 2, 3, 4, 4}, 5, 2, 3, 5, "SLHQK", NULL},
    {"other-steps-said", {5, 2, 3, 4, 4}, 5, 2, 3, 6, NULL, "--layout"},
    {"nine-steps-of-one", {2, 3, 4, 4}, 4, 2, 3, 9, NULL, "--layout"},
    {"not-square", {2, 3, 4, 5}, 4, 2, 0, 0, NULL, "not as many"},
    {"one-axis", {16}, 1, 0, 0, 0, NULL, "has 1 axis"},
};

static void
put_stacked(const char *path, const Stacked *row)
{
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(row->rank, row->dims, NULL);

    H5Dclose(H5Dcreate2(file, "attention", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    if (row->n_layers > 0)
        fixture_integer(file, "n_layers", row->n_layers);
    if (row->n_heads > 0)
        fixture_integer(file, "n_heads", row->n_heads);
    if (row->n_steps == 0)
        return;
    const hsize_t n = row->n_steps;
    const gint64 steps[] = {10, 20, 30, 40, 50, 60, 70, 80, 90};
    g_auto(EntroHid) line = H5Screate_simple(1, &n, NULL);
    g_auto(EntroHid) id =
        H5Dcreate2(file, "steps", H5T_STD_I64LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps);
}

static void
test_a_stack(gconstpointer data)
{
    const Stacked *row = data;
    g_autoptr(GError) error = NULL;

    put_stacked(fixture_path("stack.h5"), row);
    g_autoptr(EntroSource) source = open_as("stack.h5", NULL, NULL, &error);
    if (row->axes == NULL) {
        g_assert_null(source);
        fixture_words(error->message, row->words, row->name);
        return;
    }
    const EntroTrace *trace = expect_trace(source, error);
    g_assert_cmpstr(trace->axes, ==, row->axes);
    g_assert_true(row->n_steps == 0 || trace->steps[1] == 20);
}

/* ---- sizes ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    hsize_t dims[5];
    const char *axes;
    EntroLimits limits; /* those that are not 0 */
    int code;
    const char *words;
} Size;

static const Size sizes[] = {
    {"no-steps", {0, 2, 3, 4, 4}, "SLHQK", {0}, ENTRO_LOADER_ERROR_EMPTY, "holds no captures:"},
    {"no-layers", {5, 0, 3, 4, 4}, "SLHQK", {0}, ENTRO_LOADER_ERROR_EMPTY, "holds no layers:"},
    {"steps",
     {5, 2, 3, 4, 4},
     "SLHQK",
     {.max_captures = 4},
     ENTRO_LOADER_ERROR_LIMIT,
     "has 5 captures, the limit is 4 (--max-steps"},
    {"layers",
     {5, 2, 3, 4, 4},
     "SLHQK",
     {.max_layers = 1},
     ENTRO_LOADER_ERROR_LIMIT,
     "has 2 layers, the limit is 1 (--max-layers"},
    {"layers-beyond-32-bits",
     {5, G_GUINT64_CONSTANT(5000000000), 3, 4, 4},
     "SLHQK",
     {0},
     ENTRO_LOADER_ERROR_LIMIT,
     "has 5000000000 layers"},
    {"a-block-in-another-order",
     {5, 3, 4, 2, 4},
     "SHQLK",
     {.max_chunk = 100},
     ENTRO_LOADER_ERROR_LIMIT,
     "--max-chunk"},
};

static void
test_sizes(gconstpointer data)
{
    const Size *row = data;
    hid_t file = create("sizes.h5");
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    const EntroLimits *limits = &row->limits;
    g_autoptr(GError) error = NULL;

    put(file, "attention", H5T_IEEE_F32LE, 5, row->dims, NULL);
    H5Fclose(file);
    options.axes = row->axes;
    options.limits.max_captures =
        limits->max_captures ? limits->max_captures : options.limits.max_captures;
    options.limits.max_layers = limits->max_layers ? limits->max_layers : options.limits.max_layers;
    options.limits.max_chunk = limits->max_chunk ? limits->max_chunk : options.limits.max_chunk;
    g_assert_null(entro_source_open(fixture_path("sizes.h5"), &options, &error));
    fixture_words(error->message, row->words, row->name);
    g_assert_error(error, ENTRO_LOADER_ERROR, row->code);
}

/* numpy reads it; no buffer of a shape is as large. */
static void
test_a_deflated_array_with_much_of_nothing(void)
{
    static const guint8 empty_block[] = {0, 0, 0, 0xff, 0xff};
    static const char header[] = F4("False", "(1, 2, 2)");
    g_autoptr(GByteArray) npy = fixture_npy_of(header);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Encoded encoded = fixture_encode(npy, TRUE);
    g_autoptr(GByteArray) padded = g_byte_array_new();
    g_autoptr(GByteArray) stored = encoded.stored;

    for (guint i = 0; i < 20000; i++)
        g_byte_array_append(padded, empty_block, sizeof empty_block);
    g_byte_array_append(padded, stored->data, stored->len);
    encoded.stored = padded;
    fixture_put_local(bytes, &encoded, "attn.npy");
    gsize directory = bytes->len;
    fixture_put_entry(bytes, &encoded, "attn.npy", 0);
    fixture_put_end(bytes, 1, directory, bytes->len);
    g_assert_true(g_file_set_contents(fixture_path("empty.npz"), (const char *)bytes->data,
                                      bytes->len, NULL));
    expect_refusal("empty.npz", NULL, "HQK", ENTRO_LOADER_ERROR_FORMAT,
                   "which no chunk of this shape can");
    expect_refusal("empty.npz", "attn", "HQK", ENTRO_LOADER_ERROR_ARGUMENT, "attn takes 100");
}

/* ---- names ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *arrays, *layout, *axes;
    int code;
    const char *words; /* of the refusal, or among notes and problems; NULL: no problem */
    gboolean opens;
} Names;

static const Names names[] = {
    {"braces", "{layer}/attn", NULL, "HQK", ENTRO_LOADER_ERROR_FORMAT, "has a brace in its name",
     FALSE},
    {"other-braces", "{x}/attn_0 {x}/attn_1", NULL, NULL, ENTRO_LOADER_ERROR_FORMAT,
     "has a brace in its name", FALSE},
    {"braces-beside", "step_0/layer_0 {step}", NULL, NULL, 0, "not read: {step} (1 array)", TRUE},
    {"same-step", "step_1/layer_0 step_01/layer_0", NULL, NULL, 0,
     "the step 01 is also there as 1, which is not read", TRUE},
    {"same-step-often", "step_1/layer_0 step_01/layer_0 step_001/layer_0", NULL, NULL, 0,
     "the step 001 is also there as 01, which is not read", TRUE},
    {"same-layer", "step_1/layer_0 step_1/layer_1 step_1/layer_001", NULL, NULL, 0,
     "the layer 001 is also there as 1, which is not read", TRUE},
    {"same-spelling", "step_01/layer_0 step_01/layer_1", NULL, NULL, 0, NULL, TRUE},
    {"key-and-axes", "attn_0 attn_1", "layer", "HQK", 0, NULL, TRUE},
    {"another-key-and-axes", "attn_0 attn_1", "stacked", "HQK", ENTRO_LOADER_ERROR_FORMAT,
     "has other names than those of the layout stacked (*)", FALSE},
    {"another-key", "attn_0 attn_1", "stacked", NULL, ENTRO_LOADER_ERROR_FORMAT,
     "has other names than those of the layout stacked (*)", FALSE},
    {"own-key-and-axes", "attn_0 attn_1", "trace-v1", "HQK", ENTRO_LOADER_ERROR_FORMAT,
     "has other names than those of the layout trace-v1 (layers/{layer}/attention)", FALSE},
    {"no-key", "step_1/attn", "step_{step}/other", NULL, ENTRO_LOADER_ERROR_FORMAT,
     "holds no array of the name", FALSE},
    {"no-keys", "attn_0", NULL, "HQ", ENTRO_LOADER_ERROR_ARGUMENT, "need Q (queries) and K (keys)",
     FALSE},
    {"no-queries", "attn_0", NULL, "HK", ENTRO_LOADER_ERROR_ARGUMENT,
     "need Q (queries) and K (keys)", FALSE},
    {"two", "a/step_0/layer_0 b/step_0/layer_0", NULL, NULL, ENTRO_LOADER_ERROR_ARGUMENT,
     "--layout 'a/step_{step}/layer_{layer}' --axes HQK, or --layout 'b/", FALSE},
    {"many-others", "step_0/layer_0 aa bb cc dd ee ff gg hh ii jj", NULL, NULL, 0,
     "not read: arrays of 2 more names", TRUE},
    {"deep-alone", "aa a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", NULL, NULL,
     ENTRO_LOADER_ERROR_FORMAT, "(not everything in it could be listed)", FALSE},
    {"deep", "step_0/layer_0 a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t", NULL, NULL, 0,
     "not everything in it could be listed", TRUE},
};

static void
test_names(gconstpointer data)
{
    const Names *row = data;
    g_auto(GStrv) arrays = g_strsplit(row->arrays, " ", -1);
    const hsize_t dims[2] = {3, 5};
    hid_t file = create("names.h5");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; arrays[i] != NULL; i++)
        if (strlen(arrays[i]) == 2)
            put(file, arrays[i], H5T_IEEE_F32LE, 2, dims, NULL);
        else
            put_heads(file, arrays[i]);
    H5Fclose(file);
    if (!row->opens) {
        expect_refusal("names.h5", row->layout, row->axes, row->code, row->words);
        return;
    }
    g_autoptr(EntroSource) source = open_as("names.h5", row->layout, row->axes, &error);
    const EntroTrace *trace = expect_trace(source, error);
    if (row->words == NULL)
        g_assert_cmpuint(trace->problems->len, ==, 0);
    else
        g_assert_cmpuint(count_words(trace->notes, row->words) +
                             count_words(trace->problems, row->words),
                         ==, 1);
}

/* Steps and heads by names, of one layer: no row of the table, and read as it is said. */
static void
test_what_no_row_of_the_table_has(void)
{
    const hsize_t dims[2] = {4, 4};
    hid_t file = create("given.h5");
    g_autoptr(GError) error = NULL;

    for (guint step = 0; step < 2; step++)
        for (guint head = 0; head < 3; head++) {
            g_autofree char *name = g_strdup_printf("s%u/hd%u", 10 * step, head);
            put(file, name, H5T_IEEE_F32LE, 2, dims, NULL);
        }
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_as("given.h5", "s{step}/hd{head}", "QK", &error);
    const EntroTrace *trace = expect_trace(source, error);
    g_assert_cmpstr(trace->layout, ==, "as given");
    g_assert_cmpuint(trace->n_captures, ==, 2);
    g_assert_cmpuint(trace->n_layers, ==, 1);
    g_assert_cmpuint(trace->layers[0].n_heads, ==, 3);
}

/* What the file says of itself, and its names as well: no axis need be there for it. */
static void
test_names_count_what_attributes_say(void)
{
    const hsize_t dims[2] = {4, 4};
    hid_t file = create("said.h5");
    g_autoptr(GError) error = NULL;

    for (guint layer = 0; layer < 2; layer++)
        for (guint head = 0; head < 3; head++) {
            g_autofree char *name = g_strdup_printf("step_7/layer_%u/head_%u", layer, head);
            put(file, name, H5T_IEEE_F32LE, 2, dims, NULL);
        }
    put_steps(file, "steps", N_STEPS);
    fixture_integer(file, "n_layers", 2);
    fixture_integer(file, "n_heads", 3);
    H5Fclose(file);
    g_autoptr(EntroSource) source = open_as("said.h5", NULL, NULL, &error);
    const EntroTrace *trace = expect_trace(source, error);
    g_assert_cmpuint(trace->n_captures, ==, 1);
    g_assert_cmpint(trace->steps[0], ==, 7);
    g_assert_cmpuint(trace->n_layers, ==, 2);
    g_assert_cmpuint(trace->layers[1].n_heads, ==, 3);
}

/* Two that may be attention are listed without a remark. */
static void
test_a_list_of_what_is_there(void)
{
    hid_t file = create("two.h5");

    put_heads(file, "self/step_0/layer_0");
    put_heads(file, "cross/step_0/layer_0");
    put(file, "loss", H5T_IEEE_F32LE, 1, (const hsize_t[]){7}, NULL);
    put(file, "tall", H5T_IEEE_F32LE, 4, (const hsize_t[]){2, 1, 3, 4}, NULL);
    put(file, "wide/step_0/layer_0", H5T_IEEE_F32LE, 3, (const hsize_t[]){2, 3, 4}, NULL);
    put(file, "words", H5T_C_S1, 1, (const hsize_t[]){7}, NULL);
    H5Fclose(file);
    static const char *const rows[][2] = {
        {"cross/step_{step}/layer_{layer}", NULL},
        {"self/step_{step}/layer_{layer}", NULL},
        {"loss", "has 1 axis"},
        {"tall", "SHQK or BHQK?"},
        {"wide/step_{step}/layer_{layer}", "not as many keys as queries"},
        {"words", "holds"},
    };
    g_autoptr(GPtrArray) list = entro_survey(fixture_path("two.h5"), NULL, NULL);
    g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(rows));
    for (guint i = 0; i < list->len; i++) {
        const EntroArrays *arrays = list->pdata[i];
        g_assert_cmpstr(arrays->pattern, ==, rows[i][0]);
        if (rows[i][1] == NULL)
            g_assert_null(arrays->remark);
        else
            fixture_words(arrays->remark, rows[i][1], rows[i][0]);
    }
}

/* By options that are refused nothing is looked at, and what is there is listed. */
static void
test_a_list_by_options_that_are_refused(void)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    hid_t file = create("list.h5");

    put_heads(file, "step_0/layer_0");
    H5Fclose(file);
    for (guint i = 0; i < 2; i++) {
        options.axes = i == 0 ? "HQ" : NULL;
        options.layout = i == 0 ? NULL : "{what}";
        g_autoptr(GPtrArray) list = entro_survey(fixture_path("list.h5"), &options, NULL);
        g_assert_cmpuint(list->len, ==, 1);
        const EntroArrays *arrays = list->pdata[0];
        g_assert_cmpstr(arrays->pattern, ==, "step_{step}/layer_{layer}");
        g_assert_null(arrays->remark);
    }
}

/* ---- types and places ----------------------------------------------------------------------------- */

static void
make_external(hid_t file)
{
    const hsize_t dims[3] = {3, 4, 4};
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_external(properties, "elsewhere.bin", 0, sizeof(float) * 3 * 4 * 4);
    H5Dclose(H5Dcreate2(file, "attn", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
}

static void
put_of_type(hid_t file, hid_t type)
{
    const hsize_t dims[3] = {3, 4, 4};

    put(file, "attn", type, 3, dims, NULL);
}

static void
make_texts(hid_t file)
{
    g_auto(EntroHid) type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, 2);
    put_of_type(file, type);
}

static void
make_integers(hid_t file)
{
    put_of_type(file, H5T_STD_I32LE);
}

static void
make_halves(hid_t file)
{
    put_of_type(file, H5T_STD_U16BE);
}

static void
link_config(hid_t file)
{
    put_heads(file, "attn");
    H5Lcreate_soft("/nowhere", file, "config", H5P_DEFAULT, H5P_DEFAULT);
}

static void
make_scalar(hid_t file)
{
    put(file, "attn", H5T_IEEE_F32LE, 0, NULL, NULL);
}

static const struct {
    void (*make)(hid_t file);
    int code;
    const char *words;
} types[] = {
    {make_external, ENTRO_LOADER_ERROR_POLICY, "attn keeps its data in another file"},
    {make_texts, ENTRO_LOADER_ERROR_ARGUMENT, "attn holds strings of 2 bytes"},
    {make_integers, ENTRO_LOADER_ERROR_ARGUMENT, "attn holds integers of 4 bytes"},
    {make_halves, ENTRO_LOADER_ERROR_ARGUMENT, "attn holds 16-bit integers"},
    {make_scalar, ENTRO_LOADER_ERROR_ARGUMENT, "attn has 0 axes"},
    {link_config, ENTRO_LOADER_ERROR_POLICY, "/config is a soft link"},
};

/* Each is told with its name, once. */
static void
test_types(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autoptr(GError) error = NULL;
        hid_t file = create("types.h5");
        types[i].make(file);
        H5Fclose(file);
        expect_refusal("types.h5", "attn", "HQK", types[i].code, types[i].words);
        g_assert_null(open_as("types.h5", "attn", "HQK", &error));
        g_assert_null(strstr(error->message, "attn attn"));
    }
}

static void
test_integers_that_are_said_to_be_weights(void)
{
    static const struct {
        hid_t *type;
        gboolean big_endian;
    } rows[] = {{&H5T_STD_U16BE_g, TRUE}, {&H5T_STD_I16LE_g, FALSE}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
        g_autoptr(GError) error = NULL;
        hid_t file = create("halves.h5");
        put_of_type(file, *rows[i].type);
        H5Fclose(file);
        options.axes = "HQK";
        options.bits = ENTRO_F16;
        options.bits_given = TRUE;
        g_autoptr(EntroSource) source =
            entro_source_open(fixture_path("halves.h5"), &options, &error);
        const EntroTrace *trace = expect_trace(source, error);
        g_assert_cmpint(trace->layers[0].element, ==, ENTRO_F16);
        g_assert_cmpint(trace->layers[0].big_endian, ==, rows[i].big_endian);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    entro_h5_quiet();
#define ROWS(NAME, TABLE, TEST)                                                                    \
    for (guint i = 0; i < G_N_ELEMENTS(TABLE); i++) {                                              \
        g_autofree char *path = g_strdup_printf("/foreign/" NAME "/%s", TABLE[i].name);            \
        g_test_add_data_func(path, &TABLE[i], TEST);                                               \
    }
    ROWS("steps", steps_beside, test_steps)
    ROWS("stacks", stacked, test_a_stack)
    ROWS("sizes", sizes, test_sizes)
    ROWS("names", names, test_names)
#define ADD(NAME, TEST) g_test_add_func("/foreign/" NAME, TEST)
    ADD("steps-of-tensors", test_steps_of_tensors);
    ADD("a-deflated-array-with-much-of-nothing", test_a_deflated_array_with_much_of_nothing);
    ADD("what-no-row-of-the-table-has", test_what_no_row_of_the_table_has);
    ADD("names-count-what-attributes-say", test_names_count_what_attributes_say);
    ADD("a-list-of-what-is-there", test_a_list_of_what_is_there);
    ADD("a-list-by-options-that-are-refused", test_a_list_by_options_that_are_refused);
    ADD("types", test_types);
    ADD("integers-that-are-said-to-be-weights", test_integers_that_are_said_to_be_weights);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
