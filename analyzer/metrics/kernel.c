/* kernel.c: chooses the build of row-sums.c that this processor can run. */
#include "entro-analyzer.h"
#include "logit-sums.h"
#include "row-sums.h"

#include <string.h>

#define KERNELS(isa)                                                                               \
    {                                                                                              \
#isa, entro_row_sums_##isa, entro_row_add_##isa, entro_row_logs_##isa                      \
    }

/* Best first.  No ifunc and no target_clones: they crash under ThreadSanitizer. */
static const EntroKernels builds[] = {
#if defined(__x86_64__)
    KERNELS(avx512),
    KERNELS(avx2),
#endif
    KERNELS(plain),
};

#define LOGITS(isa)                                                                                \
    {                                                                                              \
#isa, entro_logit_spread_##isa, entro_logit_sums_##isa, entro_logit_weights_##isa          \
    }

static const EntroLogitKernels logit_builds[] = {
#if defined(__x86_64__)
    LOGITS(avx512),
    LOGITS(avx2),
#endif
    LOGITS(plain),
};

/* How many at the beginning of the list the processor cannot run: what has AVX-512 has AVX2. */
static guint
count_unsuited(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return 0;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 2;
#else
    return 0;
#endif
}

const EntroKernels *
entro_kernel_builds(guint *ret_n)
{
    guint first = count_unsuited();

    *ret_n = G_N_ELEMENTS(builds) - first;
    return builds + first;
}

const EntroLogitKernels *
entro_logit_kernel_builds(guint *ret_n)
{
    guint first = count_unsuited();

    *ret_n = G_N_ELEMENTS(logit_builds) - first;
    return logit_builds + first;
}

const EntroLogitKernels *
entro_logit_kernels(void)
{
    guint n;

    return entro_logit_kernel_builds(&n);
}

const EntroKernels *
entro_kernels(void)
{
    guint n;

    return entro_kernel_builds(&n);
}

const char *
entro_kernel_name(void)
{
    return entro_kernels()->name;
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
