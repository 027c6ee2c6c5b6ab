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

/* In vectors, because the test runs over half of every causal row. */
typedef guint32 Bits __attribute__((vector_size(64)));

gboolean
entro_row_is_zero(const float *p, gsize n)
{
    const gsize stride = sizeof(Bits) / sizeof *p;
    Bits seen = {0};
    guint32 any = 0;
    gsize key = 0;

    for (; n - key >= stride; key += stride) {
        Bits bits;
        memcpy(&bits, p + key, sizeof bits);
        seen |= bits;
    }
    for (gsize lane = 0; lane < stride; lane++)
        any |= seen[lane];
    for (; key < n; key++) {
        guint32 bits;
        memcpy(&bits, p + key, sizeof bits);
        any |= bits;
    }
    return any == 0;
}
