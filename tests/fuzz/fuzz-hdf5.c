/* fuzz-hdf5.c: an image of an HDF5 file, as a trace and as a survey.
 *
 * The library in this process crashes on some (SECURITY.md of HDF5 says so itself): only what is found
 * in our own code is a find.
 *
 *     byte 0: limits, and bit 7: survey; the image follows */
#include "fuzz.h"

#include <unistd.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes bytes = {data, size};
    const guint choice = fuzz_take(&bytes);
    EntroSourceOptions options = {.limits = fuzz_limits(choice)};
    g_autofree char *path = NULL;
    int fd = fuzz_file(bytes.at, bytes.left, &path);

    fuzz_walk(path, &options);
    if (choice & 128) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) arrays = entro_survey(path, &options, &error);
        fuzz_check_error(arrays != NULL, &error);
    }
    close(fd);
    return 0;
}
