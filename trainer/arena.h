/* arena.h: memory for many numbers. */
#ifndef ENTRO_ARENA_H
#define ENTRO_ARENA_H

#include "real.h"

/* n zeros on a cache line's border; NULL when there is no memory. */
real *arena_new(gsize n);
void arena_free(real *arena);

#endif
