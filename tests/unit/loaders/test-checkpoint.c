/* test-checkpoint.c: named tensors are written whole or not at all, and read strictly. */
#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define FORMAT "entroscope-checkpoint"

static float weights[2 * 3 * 4], bias[3], back[2 * 3 * 4], back_bias[3];

static const EntroTensor written[] = {
    {"blocks/3/attn/w_qk", 3, {2, 3, 4}, weights},
    {"bias", 1, {3}, bias},
};
static const EntroTensor wanted[] = {
    {"blocks/3/attn/w_qk", 3, {2, 3, 4}, back},
    {"bias", 1, {3}, back_bias},
};

static void
fill(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(weights); i++)
        weights[i] = 2.385f * (float)i - 7;
    weights[5] = NAN;
    bias[0] = INFINITY;
    bias[1] = -0.0f;
    bias[2] = 1e-45f;
    memset(back, 0, sizeof back);
    memset(back_bias, 0, sizeof back_bias);
}

static const char *
write_one(const char *name)
{
    /* more than HDF5 keeps in the header of an object: those lie in a heap */
    const EntroAttribute attributes[] = {ENTRO_INTEGER("n_layers", 12), ENTRO_TEXT("arch", "SM"),
                                         ENTRO_INTEGER("a", 1),         ENTRO_INTEGER("b", 2),
                                         ENTRO_INTEGER("c", 3),         ENTRO_INTEGER("d", 4),
                                         ENTRO_INTEGER("e", 5),         ENTRO_INTEGER("f", 6),
                                         ENTRO_INTEGER("g", 7)};
    const char *path = fixture_path(name);
    g_autoptr(GError) error = NULL;

    fill();
    entro_tensors_write(path, FORMAT, attributes, G_N_ELEMENTS(attributes), written, 2, &error);
    g_assert_no_error(error);
    return path;
}

static guint
count_files(void)
{
    g_autofree char *folder = g_path_get_dirname(fixture_path("x"));
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

static void
test_tensors_come_back_bit_by_bit(void)
{
    const char *path = write_one("c.h5");
    g_autoptr(GError) error = NULL;
    g_autofree char *arch = NULL, *n_layers = NULL, *absent = NULL;

    entro_tensors_read(path, FORMAT, wanted, 2, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(back, sizeof back, weights, sizeof weights);
    g_assert_cmpmem(back_bias, sizeof back_bias, bias, sizeof bias);
    g_assert_true(entro_tensors_read_attribute(path, "arch", &arch, NULL));
    g_assert_true(entro_tensors_read_attribute(path, "n_layers", &n_layers, NULL));
    g_assert_true(entro_tensors_read_attribute(path, "nothing", &absent, NULL));
    g_assert_cmpstr(arch, ==, "SM");
    g_assert_cmpstr(n_layers, ==, "12");
    g_assert_null(absent);
}

static void
test_the_same_tensors_make_the_same_bytes(void)
{
    g_autofree char *first = fixture_hash(write_one("same1.h5"));

    g_usleep(1100 * G_TIME_SPAN_MILLISECOND); /* HDF5 counts time in seconds */
    g_autofree char *second = fixture_hash(write_one("same2.h5"));
    g_assert_cmpstr(first, ==, second);
}

static void
expect_failure(const char *path, const EntroTensor *tensor, int code, const char *words)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(entro_tensors_read(path, FORMAT, tensor, 1, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, ENTRO_LOADER_ERROR, code);
    g_assert_true(g_str_has_prefix(error->message, path));
    g_assert_nonnull(strstr(error->message, words));
}

static void
test_another_shape_name_or_format_is_said(void)
{
    const char *path = write_one("c.h5");
    const EntroTensor turned = {"blocks/3/attn/w_qk", 3, {3, 2, 4}, back};
    const EntroTensor flat = {"blocks/3/attn/w_qk", 1, {24}, back};
    const EntroTensor absent = {"blocks/4/attn/w_qk", 3, {2, 3, 4}, back};
    const EntroTensor group = {"blocks/3/attn", 3, {2, 3, 4}, back};
    g_autoptr(GError) error = NULL;

    expect_failure(path, &turned, ENTRO_LOADER_ERROR_SHAPE, "(2,3,4), the model needs (3,2,4)");
    expect_failure(path, &flat, ENTRO_LOADER_ERROR_SHAPE, "(2,3,4), the model needs (24)");
    expect_failure(path, &absent, ENTRO_LOADER_ERROR_FORMAT, "blocks/4/attn/w_qk is not there");
    expect_failure(path, &group, ENTRO_LOADER_ERROR_FORMAT, "is not a dataset");
    g_assert_false(entro_tensors_read(path, "another", wanted, 2, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT);
}

/* As another framework may write it: chunked, compressed, big-endian, half precision. */
static void
test_tensors_of_other_kinds_are_read(void)
{
    const char *path = fixture_path("other.h5");
    hid_t file = fixture_create(path, FALSE);
    hsize_t dims[3] = {2, 3, 4}, chunk[3] = {1, 2, 3};
    hid_t space = H5Screate_simple(3, dims, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);
    g_autoptr(GError) error = NULL;

    fill();
    weights[5] = 3;
    H5Adelete(file, "format");
    fixture_text(file, "format", FORMAT);
    H5Pset_chunk(properties, 3, chunk);
    H5Pset_deflate(properties, 4);
    hid_t id = H5Dcreate2(file, "w", H5T_IEEE_F64BE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, weights);
    H5Dclose(id);
    id = H5Dcreate2(file, "hole", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Dclose(id);
    id = H5Dcreate2(file, "integers", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(id);
    H5Pclose(properties);
    H5Sclose(space);
    H5Fclose(file);
    const EntroTensor tensor = {"w", 3, {2, 3, 4}, back}, hole = {"hole", 3, {2, 3, 4}, back},
                      integers = {"integers", 3, {2, 3, 4}, back};
    entro_tensors_read(path, FORMAT, &tensor, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(back, sizeof back, weights, sizeof weights);
    expect_failure(path, &hole, ENTRO_LOADER_ERROR_FORMAT, "hole was never written");
    expect_failure(path, &integers, ENTRO_LOADER_ERROR_FORMAT, "floating-point");
}

/* FALSE: something is not as it was written, and nothing said so. */
static gboolean
is_refused_or_whole(const char *path)
{
    memset(back, 0, sizeof back);
    memset(back_bias, 0, sizeof back_bias);
    g_autoptr(EntroTensorFile) file = entro_tensor_file_open(path, NULL);
    g_autofree char *arch = NULL, *n_layers = NULL;
    if (file == NULL || !entro_tensor_file_read(file, FORMAT, wanted, 2, NULL) ||
        !entro_tensor_file_get_attribute(file, "arch", &arch, NULL) ||
        !entro_tensor_file_get_attribute(file, "n_layers", &n_layers, NULL))
        return TRUE;
    return memcmp(back, weights, sizeof back) == 0 &&
           memcmp(back_bias, bias, sizeof back_bias) == 0 && g_strcmp0(arch, "SM") == 0 &&
           g_strcmp0(n_layers, "12") == 0;
}

static void
test_no_bit_that_fell_over_is_let_in(void)
{
    const char *path = write_one("bits.h5");
    g_autofree char *bytes = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize at = 0; at < size; at += 1 + at % 3) {
        const char bit = (char)(1 << at * 5 % 8);
        bytes[at] ^= bit;
        g_assert_true(g_file_set_contents_full(path, bytes, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                               0600, NULL));
        if (!is_refused_or_whole(path))
            g_error("byte %zu of %zu is another, and that is not seen", at, size);
        bytes[at] ^= bit;
    }
}

static void
test_a_failure_leaves_the_old_file_and_nothing_else(void)
{
    const char *path = write_one("kept.h5");
    g_autofree char *before = fixture_hash(path);
    const EntroTensor twice[] = {written[1], written[1]}; /* the name is taken the second time */
    guint n_files = count_files();
    g_autoptr(GError) error = NULL;

    g_assert_false(entro_tensors_write(path, FORMAT, NULL, 0, twice, 2, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_true(g_str_has_prefix(error->message, path));
    g_autofree char *after = fixture_hash(path);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(count_files(), ==, n_files);
}

static void
test_a_folder_that_is_not_there_is_said(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(entro_tensors_write("/nowhere/c.h5", FORMAT, NULL, 0, written, 2, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_nonnull(strstr(error->message, "No such file"));
}

/* Run alone: the limit stays with the process. */
static int
fill_the_disk(const char *path)
{
    static float large[256 * 1024];
    const EntroTensor tensor = {"large", 2, {256, 1024}, large};
    struct rlimit limit = {100 << 10, 100 << 10};
    g_autoptr(GError) error = NULL;

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    gboolean good = entro_tensors_write(path, FORMAT, NULL, 0, &tensor, 1, &error);
    return !good && g_error_matches(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE) ? 0 : 1;
}

static void
test_a_full_disk_leaves_the_old_file(void)
{
    const char *path = write_one("full.h5");
    g_autofree char *before = fixture_hash(path);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    char *argv[] = {self, (char *)"--fill-the-disk", (char *)path, NULL};
    guint n_files = count_files();
    g_autoptr(GError) error = NULL;
    int status;

    g_assert_true(
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
    g_spawn_check_wait_status(status, &error);
    g_assert_no_error(error);
    g_autofree char *after = fixture_hash(path);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(count_files(), ==, n_files);
}

int
main(int argc, char **argv)
{
    if (argc == 3 && g_str_equal(argv[1], "--fill-the-disk"))
        return fill_the_disk(argv[2]);
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/checkpoint/" NAME, TEST)
    ADD("tensors-come-back-bit-by-bit", test_tensors_come_back_bit_by_bit);
    ADD("the-same-tensors-make-the-same-bytes", test_the_same_tensors_make_the_same_bytes);
    ADD("another-shape-name-or-format-is-said", test_another_shape_name_or_format_is_said);
    ADD("tensors-of-other-kinds-are-read", test_tensors_of_other_kinds_are_read);
    ADD("no-bit-that-fell-over-is-let-in", test_no_bit_that_fell_over_is_let_in);
    ADD("a-failure-leaves-the-old-file-alone", test_a_failure_leaves_the_old_file_and_nothing_else);
    ADD("a-folder-that-is-not-there-is-said", test_a_folder_that_is_not_there_is_said);
    ADD("a-full-disk-leaves-the-old-file", test_a_full_disk_leaves_the_old_file);
    int failed = g_test_run();
    fixture_done();
    return failed;
}
