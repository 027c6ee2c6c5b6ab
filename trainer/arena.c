/* arena.c: memory for many numbers, in huge pages where the system has them.
 *
 * A step walks through all weights, gradients and activations, far more than the processor's table
 * of ordinary pages covers. */
#include "arena.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CACHE_LINE ((gsize)64)
#define HUGE_PAGE  ((gsize)2 << 20)

real *
arena_new(gsize n)
{
    if (n > (G_MAXSIZE - HUGE_PAGE) / sizeof(real))
        return NULL;
    const gsize alignment = n * sizeof(real) < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE;
    const gsize size = (n * sizeof(real) + alignment - 1) / alignment * alignment;
    real *arena = aligned_alloc(alignment, size);

    if (arena == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (alignment == HUGE_PAGE)
        madvise(arena, size, MADV_HUGEPAGE); /* a wish: slower without, and nothing else */
#endif
    return memset(arena, 0, size);
}

void
arena_free(real *arena)
{
    free(arena);
}
