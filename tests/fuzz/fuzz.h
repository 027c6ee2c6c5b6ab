/* fuzz.h: what the fuzz targets share.
 *
 * A target is a file with LLVMFuzzerTestOneInput(): libFuzzer feeds it (run-fuzzers.sh), or replay-main.c
 * with the files of its corpus (suite fuzz).  What must hold is asserted: a broken promise aborts. */
#ifndef FUZZ_H
#define FUZZ_H

#include "containers/containers.h"
#include "entro-loader.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, taken from the front; zeros behind its end. */
typedef struct {
    const guint8 *at;
    gsize left;
} FuzzBytes;

static inline guint
fuzz_take(FuzzBytes *bytes)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++;
}

static inline guint
fuzz_take16(FuzzBytes *bytes)
{
    guint low = fuzz_take(bytes);

    return low | fuzz_take(bytes) << 8;
}

/* One of n ways to go on, for inputs in which no byte can choose. */
static inline guint
fuzz_choose(const uint8_t *data, size_t size, guint n)
{
    guint sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    return (sum ^ sum >> 16) % n;
}

/* What is left as a text of its own. */
static inline char *
fuzz_take_text(FuzzBytes *bytes)
{
    char *text = g_strndup((const char *)bytes->at, bytes->left);

    bytes->left = 0;
    return text;
}

/* A file in memory that holds these bytes, and the path to it; the caller closes and frees. */
int fuzz_file(const guint8 *bytes, gsize size, char **ret_path);

/* Limits that keep one input cheap. */
EntroLimits fuzz_limits(guint choice);
/* Opens whatever lies there as a trace and reads a few hundred tiles to the last row. */
void fuzz_walk(const char *path, const EntroSourceOptions *options);

/* What is said of an array is true of the file of `size` bytes: no reader checks it again. */
void fuzz_check_array(const EntroArray *array, gsize size);

/* FALSE if and only if there is an error, which has a sentence. */
void fuzz_check_error(gboolean good, GError *const *error);
/* Nothing in it that a terminal obeys: control characters, bidi controls, bytes that are no UTF-8. */
void fuzz_check_harmless(const char *text);

#endif
