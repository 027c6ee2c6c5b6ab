/* kernel.c: chooses the build of row-sums.c that this processor can run. */
#include "entro-analyzer.h"
#include "row-sums.h"

#include <string.h>

typedef struct {
    const char *name;
    EntroRowKernel kernel;
} KernelRow;

/* Best first.  No ifunc and no target_clones: they crash under ThreadSanitizer. */
static KernelRow
choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return (KernelRow){"avx512", entro_row_sums_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (KernelRow){"avx2", entro_row_sums_avx2};
#endif
    return (KernelRow){"plain", entro_row_sums_plain};
}

EntroRowKernel
entro_row_kernel(const char **ret_name)
{
    KernelRow row = choose();

    if (ret_name != NULL)
        *ret_name = row.name;
    return row.kernel;
}

const char *
entro_kernel_name(void)
{
    const char *name;

    entro_row_kernel(&name);
    return name;
}

/* Compares the row with itself, one key later: memcmp() is as wide as the processor, and done at
 * once where weights begin. */
gboolean
entro_row_is_zero(const float *p, gsize n)
{
    static const float zero = 0;

    return n == 0 ||
           (memcmp(p, &zero, sizeof zero) == 0 && memcmp(p, p + 1, (n - 1) * sizeof *p) == 0);
}
