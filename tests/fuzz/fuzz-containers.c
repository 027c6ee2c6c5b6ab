/* fuzz-containers.c: .npy, .npz and .safetensors: lists, integers, and the trace that they are.
 *
 *     byte 0: limits; the file follows */
#include "fuzz.h"

#include <unistd.h>

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
        fuzz_check_array(array, size);
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
