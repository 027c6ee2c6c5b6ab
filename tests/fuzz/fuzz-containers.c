/* fuzz-containers.c: .npy, .npz and .safetensors: lists, integers, and the trace that they are.
 *
 *     byte 0: limits; the file follows */
#include "containers/containers.h"
#include "fuzz.h"

#include <unistd.h>

/* What is said of an array is true of the file: no reader checks it again. */
static void
check_array(const EntroArray *array, gsize size)
{
    if (array->problem != NULL)
        return;
    g_assert_cmpuint(array->rank, <=, ENTRO_STORED_RANK_MAX);
    g_assert_true(array->offset <= size && array->size <= size - array->offset);
    g_assert_true(!array->deflated || array->head <= array->decoded);
    guint64 bytes = array->kind == ENTRO_ARRAY_INTEGER ? array->integer_size
                                                       : entro_element_size(array->element);
    for (guint axis = 0; axis < array->rank; axis++)
        g_assert_false(__builtin_mul_overflow(bytes, array->dims[axis], &bytes));
    g_assert_cmpuint(bytes, ==, array->deflated ? array->decoded - array->head : array->size);
}

static void
list_arrays(int fd, gsize size)
{
    g_autoptr(GError) error = NULL;
    EntroContainer kind = entro_container_probe(fd);
    g_autoptr(GPtrArray) arrays = entro_container_list(fd, kind, &error);

    fuzz_check_error(arrays != NULL, &error);
    for (guint i = 0; arrays != NULL && i < arrays->len; i++) {
        const EntroArray *array = arrays->pdata[i];
        g_autoptr(GError) reason = NULL;
        gsize n = 0;
        check_array(array, size);
        g_autofree gint64 *values = entro_array_read_integers(fd, array, 1000, &n, &reason);
        fuzz_check_error(values != NULL, &reason);
        g_assert_cmpuint(n, <=, 1000);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes bytes = {data, size};
    EntroSourceOptions options = {.limits = fuzz_limits(fuzz_take(&bytes))};
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    int fd = fuzz_file(bytes.at, bytes.left, &path);

    list_arrays(fd, bytes.left);
    fuzz_walk(path, &options);
    g_autoptr(GPtrArray) arrays = entro_survey(path, &options, &error);
    fuzz_check_error(arrays != NULL, &error);
    close(fd);
    return 0;
}
