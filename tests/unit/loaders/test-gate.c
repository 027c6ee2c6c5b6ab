/* test-gate.c: what is refused, with which code and words; files that are no trace. */
#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REFUSE(CODE, ...)                                                                          \
    fixture_expect_refusal(path, NULL, ENTRO_LOADER_ERROR_##CODE, __VA_ARGS__, NULL)

/* ---- files that are no HDF5 ------------------------------------------------------------------------ */

typedef struct {
    const char *name, *bytes;
    gsize length;
    const char *words;
} Impostor;

static const Impostor impostors[] = {
    {"empty", "", 0, "an empty file"},
    {"text", "step,loss\n1,2.385\n", 18, "text"},
    {"gzip", "\x1f\x8b\x08\0\0\0", 6, "gzip"},
    {"git-lfs", "version https://git-lfs.github.com/spec/v1\noid", 46, "git lfs pull"},
    {"zip", "PK\003\004\x14\0", 6, "zip"},
    {"sqlite", "SQLite format 3\0\x10", 17, "SQLite"},
    {"numpy", "\x93NUMPY\x01\0", 8, "NumPy"},
    {"pickle", "\x80\x02}q", 4, "pickle"},
    {"html", "<!DOCTYPE html>", 15, "HTML"},
    {"utf-8", "\xc2\xb5 text, cut \xe2\x80", 14, "text"},
    {"json", "{\"a\": 1}", 8, "JSON"},
    {"xz", "\3757zXZ\0", 6, "xz data"},
    {"latin-1", "une \xe9 cole", 10, "something unknown"},
    {"one-byte", "\211", 1, "something unknown"},
    {"three-bytes", "\211HD", 3, "cut off in its first bytes"},
    {"png", "\211PNG\r\n", 6, "a PNG image"},
    {"signature-only", "\211HDF\r\n\032\n", 8, "cut off in its first bytes"},
    {"signature-and-zeros", "\211HDF\r\n\032\n\0\0\0\0\0\0\0\0", 16, "HDF5 cannot open it"},
};

static void
test_impostor_is_named(gconstpointer data)
{
    const Impostor *impostor = data;
    const char *path = fixture_path("impostor");

    g_assert_true(g_file_set_contents(path, impostor->bytes, (gssize)impostor->length, NULL));
    REFUSE(FORMAT, impostor->words);
}

static void
test_what_is_no_file_is_not_opened(void)
{
    const char *path = fixture_path("nowhere.h5");

    REFUSE(OPEN, "No such file");
    path = fixture_path("folder");
    g_mkdir(path, 0755);
    REFUSE(OPEN, "is a folder");
    path = fixture_path("pipe");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    alarm(10); /* a reader that waits for a writer would wait for ever */
    REFUSE(OPEN, "is a pipe");
    alarm(0);
    path = "/dev/zero";
    REFUSE(OPEN, "is a device");
}

/* ---- files that are HDF5, but ------------------------------------------------------------------------ */

static hid_t
begin(const char **path)
{
    *path = fixture_path("refused.h5");
    return fixture_create(*path, FALSE);
}

static void
test_another_kind_of_hdf5(void)
{
    const char *path;
    hid_t file = begin(&path);

    H5Adelete(file, "format");
    fixture_group(file, "/model_weights");
    H5Fclose(file);
    REFUSE(FORMAT, "no attention trace");

    file = begin(&path);
    H5Adelete(file, "format");
    fixture_text(file, "format", "entroscope-check\033point");
    fixture_small(file);
    H5Fclose(file);
    REFUSE(FORMAT, "\"entroscope-check\\x1bpoint\"", "expected \"attention-trace\"");
}

static void
test_another_version(void)
{
    const char *path;
    hid_t file = begin(&path);

    H5Adelete(file, "format_version");
    fixture_integer(file, "format_version", 2);
    fixture_small(file);
    H5Fclose(file);
    REFUSE(UNSUPPORTED, "format_version 2", "reads 1");
}

static void
test_no_captures_or_no_layers(void)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {0, 1, 1, 2, 2}, .chunk = {1, 1, 1, 2, 2}};
    const char *path;
    hid_t file = begin(&path);

    fixture_steps(file, NULL, 0);
    H5Dclose(fixture_create_layer(file, &spec));
    H5Fclose(file);
    REFUSE(EMPTY, "no capture");

    file = begin(&path);
    fixture_steps(file, NULL, 2);
    fixture_group(file, "/layers");
    H5Fclose(file);
    REFUSE(FORMAT, "/layers/{layer}/attention");

    file = begin(&path);
    spec.dims[0] = 2;
    H5Dclose(fixture_create_layer(file, &spec));
    H5Fclose(file);
    REFUSE(FORMAT, "/step is not there");
}

static void
test_parts_of_the_wrong_shape(void)
{
    static const struct {
        const char *dataset, *words;
        gboolean beside; /* the layer has attention as well */
    } rows[] = {
        {"/layers/0/queries", "/layers/0/queries has 1 axes, expected 5", FALSE},
        {"/layers/0/row_entropy", "/layers/0/row_entropy has 1 axes, expected 4", FALSE},
        {"/segment", "/segment does not fit layer 0", TRUE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *path;
        hid_t file = begin(&path);
        hsize_t one = 1;
        if (rows[i].beside)
            fixture_small(file);
        else {
            fixture_steps(file, NULL, 2);
            fixture_group(file, "/layers");
            fixture_group(file, "/layers/0");
        }
        g_auto(EntroHid) space = H5Screate_simple(1, &one, NULL);
        H5Dclose(H5Dcreate2(file, rows[i].dataset, H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT,
                            H5P_DEFAULT));
        H5Fclose(file);
        REFUSE(SHAPE, rows[i].words);
    }
}

/* ---- links ------------------------------------------------------------------------------------------------ */

static void
test_links_are_not_followed(void)
{
    static const struct {
        const char *at;
        gboolean external;
    } rows[] = {
        {"/layers/1", FALSE},
        {"/layers/1", TRUE},
        {"/layers", FALSE},
        {"/layers", TRUE},
        {"/step", FALSE},
        {"/step", TRUE},
        {"/config", TRUE},
        {"/key_mask", TRUE},
        {"/layers/0/attention", FALSE},
        {"/layers/0/attention", TRUE},
    };

    hid_t other = fixture_create(fixture_path("other.h5"), FALSE);
    fixture_small(other);
    H5Fclose(other);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *path;
        hid_t file = begin(&path);
        fixture_small(file);
        if (H5Lexists(file, rows[i].at, H5P_DEFAULT) > 0)
            H5Lmove(file, rows[i].at, file, "/aside", H5P_DEFAULT, H5P_DEFAULT);
        if (rows[i].external)
            H5Lcreate_external(fixture_path("other.h5"), rows[i].at, file, rows[i].at, H5P_DEFAULT,
                               H5P_DEFAULT);
        else
            H5Lcreate_soft("/aside", file, rows[i].at, H5P_DEFAULT, H5P_DEFAULT);
        H5Fclose(file);
        REFUSE(POLICY, rows[i].at, rows[i].external ? "an external link" : "a soft link");
    }
}

static herr_t
follow_nothing(const char *name, hid_t group, const void *data, size_t size, hid_t list)
{
    (void)name;
    (void)group;
    (void)data;
    (void)size;
    (void)list;
    return -1;
}

/* Links of kinds that a program registers are known to that program alone. */
static void
test_links_of_another_kind(void)
{
    const H5L_class_t class = {.version = H5L_LINK_CLASS_T_VERS,
                               .id = (H5L_type_t)(H5L_TYPE_UD_MIN + 36),
                               .comment = "ours",
                               .trav_func = (H5L_traverse_func_t)(void (*)(void))follow_nothing};
    const char *path;
    hid_t file = begin(&path);

    g_assert_cmpint(H5Lregister(&class), >=, 0);
    fixture_small(file);
    H5Lmove(file, "/step", file, "/aside", H5P_DEFAULT, H5P_DEFAULT);
    g_assert_cmpint(H5Lcreate_ud(file, "/step", class.id, "x", 1, H5P_DEFAULT, H5P_DEFAULT), >=, 0);
    H5Fclose(file);
    REFUSE(POLICY, "/step is a link of an unknown kind");
}

/* ---- who writes it ---------------------------------------------------------------------------------------- */

static void
test_who_writes_is_seen_from_outside(void)
{
    static const char *const none[] = {"nowhere.h5", "text.h5"};
    const char *path = fixture_path("writing.h5");
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);
    EntroWriting writing;

    hid_t file = fixture_create(path, FALSE);
    fixture_small(file);
    H5Fclose(file);
    g_assert_true(entro_file_writing(path, &writing, NULL));
    g_assert_cmpint(writing, ==, ENTRO_WRITING_NO);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    file = H5Fopen(path, H5F_ACC_RDWR, access);
    g_assert_true(entro_file_writing(path, &writing, NULL));
    g_assert_cmpint(writing, ==, ENTRO_WRITING_ALONE);
    H5Fclose(file);
    file = H5Fopen(path, H5F_ACC_RDWR | H5F_ACC_SWMR_WRITE, access);
    g_assert_true(entro_file_writing(path, &writing, NULL));
    g_assert_cmpint(writing, ==, ENTRO_WRITING_SWMR);
    H5Fclose(file);
    g_assert_true(g_file_set_contents(fixture_path("text.h5"), "step,loss\n1,2.385\n", -1, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(entro_file_writing(fixture_path(none[i]), &writing, &error));
        const int code = i == 0 ? ENTRO_LOADER_ERROR_OPEN : ENTRO_LOADER_ERROR_FORMAT;
        g_assert_error(error, ENTRO_LOADER_ERROR, code);
    }
}

static void
test_hard_links_are_fine(void)
{
    const char *path;
    hid_t file = begin(&path);

    fixture_small(file);
    fixture_group(file, "/layers/1");
    H5Lcreate_hard(file, "/layers/0/attention", file, "/layers/1/attention", H5P_DEFAULT,
                   H5P_DEFAULT);
    H5Fclose(file);
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
    g_assert_cmpuint(fixture_walk_quietly(source, NULL, NULL), ==, 4);
}

/* ---- storage ------------------------------------------------------------------------------------------------ */

static void
create_attention(hid_t file, hid_t type, int rank, const hsize_t *dims, hid_t properties)
{
    g_auto(EntroHid) space = H5Screate_simple(rank, dims, NULL);

    fixture_steps(file, NULL, 2);
    fixture_group(file, "/layers");
    fixture_group(file, "/layers/0");
    g_auto(EntroHid) id =
        H5Dcreate2(file, "/layers/0/attention", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    g_assert_cmpint(id, >=, 0);
}

static const hsize_t usual[5] = {2, 1, 2, 4, 4};

static void
set_external(hid_t properties)
{
    H5Pset_external(properties, "/etc/passwd", 0, H5F_UNLIMITED);
}

static void
set_compact(hid_t properties)
{
    H5Pset_layout(properties, H5D_COMPACT);
}

static void
set_virtual(hid_t properties)
{
    g_auto(EntroHid) space = H5Screate_simple(5, usual, NULL);

    H5Pset_virtual(properties, space, "other.h5", "/x", space);
}

static void
set_chunk_opts(hid_t properties)
{
    H5Pset_chunk(properties, 5, (hsize_t[]){1, 1, 2, 3, 4});
    H5Pset_deflate(properties, 1);
    H5Pset_chunk_opts(properties, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
}

static void
set_two_deflates(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_deflate(properties, 1);
    H5Pset_deflate(properties, 9);
}

static void
set_scaleoffset(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_scaleoffset(properties, H5Z_SO_FLOAT_DSCALE, 3);
}

static void
set_nbit(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_nbit(properties);
}

static void
set_szip(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_szip(properties, H5_SZIP_NN_OPTION_MASK, 8);
}

/* Optional filters that are not there may be named at creation. */
static void
set_blosc(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_filter(properties, 32001, H5Z_FLAG_OPTIONAL, 0, NULL);
}

static void
set_lzf_and_deflate(hid_t properties)
{
    H5Pset_chunk(properties, 5, usual);
    H5Pset_filter(properties, ENTRO_FILTER_LZF, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Pset_deflate(properties, 1);
}

static void
test_storage_that_is_refused(void)
{
    static const struct {
        void (*set)(hid_t properties);
        const char *words;
    } rows[] = {
        {set_external, "in another file"},
        {set_compact, "neither chunked nor contiguous"},
        {set_virtual, "virtual"},
        {set_chunk_opts, "edge chunks"},
        {set_two_deflates, "each once"},
        {set_scaleoffset, "number 6"},
        {set_nbit, "number 5"},
        {set_szip, "number 4"},
        {set_blosc, "number 32001"},
        {set_lzf_and_deflate, "deflate or lzf"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *path;
        hid_t file = begin(&path);
        g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
        rows[i].set(properties);
        create_attention(file, H5T_IEEE_F32LE, 5, usual, properties);
        H5Fclose(file);
        REFUSE(POLICY, "/layers/0/attention", rows[i].words, "h5repack");
    }
}

/* ---- shapes, types, limits -------------------------------------------------------------------------------------- */

typedef struct {
    hsize_t dims[5], chunk[5];
    int rank;
    EntroLoaderError code;
    const char *words;
} BadShape;

static const BadShape bad_shapes[] = {
    {{2, 4, 4}, {0}, 3, ENTRO_LOADER_ERROR_SHAPE, "has 3 axes, expected 5"},
    {{2, 0, 2, 4, 4}, {0}, 5, ENTRO_LOADER_ERROR_SHAPE, "0 samples"},
    {{2, 1, 0, 4, 4}, {0}, 5, ENTRO_LOADER_ERROR_SHAPE, "0 heads"},
    {{2, 1, 2, 0, 4}, {0}, 5, ENTRO_LOADER_ERROR_SHAPE, "0 queries"},
    {{2, 1, 2, 4, 0}, {0}, 5, ENTRO_LOADER_ERROR_SHAPE, "0 keys"},
    {{2, 1, 1025, 1, 1}, {0}, 5, ENTRO_LOADER_ERROR_LIMIT, "--max-heads"},
    {{2, 65537, 1, 1, 1}, {0}, 5, ENTRO_LOADER_ERROR_LIMIT, "--max-samples"},
    {{2, 1, 1, 1, 32769}, {0}, 5, ENTRO_LOADER_ERROR_LIMIT, "--max-seq"},
    {{2, 1, 1, 1, 1ull << 60}, {1, 1, 1, 1, 4}, 5, ENTRO_LOADER_ERROR_LIMIT, "keys"},
    {{1ull << 62, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, 5, ENTRO_LOADER_ERROR_LIMIT, "counted"},
    {{1ull << 32, 1, 1, 1ull << 32, 4}, {1, 1, 1, 1, 4}, 5, ENTRO_LOADER_ERROR_LIMIT, "counted"},
    {{2, 1, 64, 1024, 2048}, {1, 1, 64, 1024, 2048}, 5, ENTRO_LOADER_ERROR_LIMIT, "--max-chunk"},
};

static void
test_bad_shape_is_refused(gconstpointer data)
{
    const BadShape *shape = data;
    const char *path;
    hid_t file = begin(&path);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    if (shape->chunk[0] > 0)
        H5Pset_chunk(properties, shape->rank, shape->chunk);
    create_attention(file, H5T_IEEE_F32LE, shape->rank, shape->dims, properties);
    H5Fclose(file);
    fixture_expect_refusal(path, NULL, (int)shape->code, "/layers/0/attention", shape->words, NULL);
}

static void
test_limits_can_be_set(void)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {3, 2, 4, 5, 6}, .chunk = {1, 1, 4, 5, 3}};
    const char *path = fixture_path("limits.h5");
    EntroSourceOptions tight[] = {ENTRO_SOURCE_OPTIONS_DEFAULT, ENTRO_SOURCE_OPTIONS_DEFAULT,
                                  ENTRO_SOURCE_OPTIONS_DEFAULT, ENTRO_SOURCE_OPTIONS_DEFAULT,
                                  ENTRO_SOURCE_OPTIONS_DEFAULT, ENTRO_SOURCE_OPTIONS_DEFAULT};
    EntroSourceOptions fits = ENTRO_SOURCE_OPTIONS_DEFAULT;

    fixture_trace(path, &spec, 1, FALSE);
    tight[0].limits.max_seq = 5;
    tight[1].limits.max_heads = 3;
    tight[2].limits.max_samples = 1;
    tight[3].limits.max_captures = 2;
    tight[4].limits.max_chunk = 239;
    tight[5].limits.max_layers = 0;
    for (guint i = 0; i < G_N_ELEMENTS(tight); i++)
        fixture_expect_refusal(path, &tight[i], ENTRO_LOADER_ERROR_LIMIT, "limit", NULL);
    fits.limits = (EntroLimits){6, 1, 4, 2, 3, 240};
    g_autoptr(EntroSource) source = entro_source_open(path, &fits, NULL);
    g_assert_nonnull(source);
}

static void
test_rows_spread_over_too_many_chunks(void)
{
    LayerSpec spec = {.element = ENTRO_F32,
                      .dims = {1, 1, 1024, 64, 1024},
                      .chunk = {1, 1, 1024, 64, 4}};
    const char *path;
    hid_t file = begin(&path);
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;

    options.limits.max_chunk = 1u << 20;
    fixture_steps(file, NULL, 1);
    H5Dclose(fixture_create_layer(file, &spec));
    H5Fclose(file);
    fixture_expect_refusal(path, &options, ENTRO_LOADER_ERROR_LIMIT, "whole rows", "--max-chunk",
                           NULL);
}

static void
test_types_that_are_refused(void)
{
    g_auto(EntroHid) compound = H5Tcreate(H5T_COMPOUND, 8);
    g_auto(EntroHid) f8 = H5Tcopy(H5T_IEEE_F32LE);

    H5Tinsert(compound, "r", 0, H5T_IEEE_F32LE);
    H5Tinsert(compound, "i", 4, H5T_IEEE_F32LE);
    H5Tset_fields(f8, 7, 3, 4, 0, 3);
    H5Tset_size(f8, 1);
    H5Tset_ebias(f8, 7);
    const hid_t types[] = {compound,           f8,      H5T_STD_I32LE, H5T_STD_U16LE, H5T_STD_U8LE,
                           H5T_NATIVE_LDOUBLE, H5T_C_S1};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        const char *path;
        hid_t file = begin(&path);
        create_attention(file, types[i], 5, usual, H5P_DEFAULT);
        H5Fclose(file);
        REFUSE(SHAPE, "/layers/0/attention holds", "expected f16, bf16, f32 or f64");
    }
}

static void
test_a_group_where_a_dataset_belongs(void)
{
    const char *path;
    hid_t file = begin(&path);

    fixture_steps(file, NULL, 2);
    fixture_group(file, "/layers");
    fixture_group(file, "/layers/0");
    fixture_group(file, "/layers/0/attention");
    H5Fclose(file);
    REFUSE(FORMAT, "/layers/0/attention is not a dataset");

    file = begin(&path);
    fixture_group(file, "/step");
    fixture_group(file, "/layers");
    H5Fclose(file);
    REFUSE(FORMAT, "/step is not a dataset");
}

static void
test_step_of_another_shape(void)
{
    const hsize_t dims[2] = {2, 2};
    const struct {
        hid_t type;
        int rank;
    } rows[] = {{H5T_STD_I64LE, 2}, {H5T_IEEE_F64LE, 1}, {H5T_C_S1, 1}, {H5T_STD_I64LE, 0}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *path;
        hid_t file = begin(&path);
        LayerSpec spec = {.element = ENTRO_F32, .dims = {2, 1, 1, 2, 2}};
        g_auto(EntroHid) space =
            rows[i].rank ? H5Screate_simple(rows[i].rank, dims, NULL) : H5Screate(H5S_SCALAR);
        H5Dclose(
            H5Dcreate2(file, "step", rows[i].type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        fixture_write_layer(file, &spec);
        H5Fclose(file);
        REFUSE(SHAPE, "/step", "axes");
    }
}

static void
test_a_layout_that_is_not_there(void)
{
    EntroSourceOptions options = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_autoptr(GError) error = NULL;

    options.layout = "native";
    g_assert_null(entro_source_open("any.h5", &options, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "trace-v1"));
}

static void
test_no_handle_is_left_open(void)
{
    const char *path;
    hid_t file = begin(&path);

    fixture_small(file);
    H5Fclose(file);
    gssize before = H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
    hsize_t types_before = 0, types_after = 0, lists_before = 0, lists_after = 0;
    hsize_t spaces_before = 0, spaces_after = 0;
    H5Inmembers(H5I_DATATYPE, &types_before);
    H5Inmembers(H5I_GENPROP_LST, &lists_before);
    H5Inmembers(H5I_DATASPACE, &spaces_before);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(EntroSource) source = entro_source_open(path, NULL, NULL);
        fixture_walk_quietly(source, NULL, NULL);
    }
    H5Inmembers(H5I_DATATYPE, &types_after);
    H5Inmembers(H5I_GENPROP_LST, &lists_after);
    H5Inmembers(H5I_DATASPACE, &spaces_after);
    g_assert_cmpint(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), ==, before);
    g_assert_cmpuint(types_after, ==, types_before);
    g_assert_cmpuint(lists_after, ==, lists_before);
    g_assert_cmpuint(spaces_after, ==, spaces_before);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(impostors); i++) {
        g_autofree char *path = g_strdup_printf("/gate/what-is-no-hdf5/%s", impostors[i].name);
        g_test_add_data_func(path, &impostors[i], test_impostor_is_named);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad_shapes); i++) {
        g_autofree char *path = g_strdup_printf("/gate/a-shape-with-%s", bad_shapes[i].words);
        g_strdelimit(path + 6, " ,", '-');
        g_autofree char *unique = g_strdup_printf("%s/%u", path, i);
        g_test_add_data_func(unique, &bad_shapes[i], test_bad_shape_is_refused);
    }
#define ADD(NAME, TEST) g_test_add_func("/gate/" NAME, TEST)
    ADD("what-is-no-file-is-not-opened", test_what_is_no_file_is_not_opened);
    ADD("another-kind-of-hdf5-is-refused", test_another_kind_of_hdf5);
    ADD("another-version-is-refused", test_another_version);
    ADD("no-captures-or-no-layers-is-said", test_no_captures_or_no_layers);
    ADD("parts-of-the-wrong-shape-get-a-sentence", test_parts_of_the_wrong_shape);
    ADD("links-are-not-followed", test_links_are_not_followed);
    ADD("links-of-another-kind-are-not-followed", test_links_of_another_kind);
    ADD("who-writes-is-seen-from-outside", test_who_writes_is_seen_from_outside);
    ADD("hard-links-are-fine", test_hard_links_are_fine);
    ADD("storage-that-is-not-plain-is-refused", test_storage_that_is_refused);
    ADD("limits-can-be-set", test_limits_can_be_set);
    ADD("rows-spread-over-too-much-are-refused", test_rows_spread_over_too_many_chunks);
    ADD("types-that-are-no-weights-are-refused", test_types_that_are_refused);
    ADD("a-group-where-a-dataset-belongs-is-said", test_a_group_where_a_dataset_belongs);
    ADD("step-of-another-shape-is-refused", test_step_of_another_shape);
    ADD("a-layout-that-is-not-there-is-an-argument", test_a_layout_that_is_not_there);
    ADD("no-handle-is-left-open", test_no_handle_is_left_open);
    int failed = g_test_run();
    g_rmdir(fixture_path("folder"));
    fixture_done();
    return failed;
}
