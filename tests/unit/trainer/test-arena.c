/* test-arena.c: arenas are cleared, aligned and refused when absurd. */
#include "arena.h"
#include <string.h>

/* Below, at and above the size where huge pages begin, twice: freed memory comes back dirty. */
static void
test_cleared(void)
{
    static const gsize sizes[] = {1, 1000, 524288, 524289, 3000000};

    for (guint i = 0; i < 2 * G_N_ELEMENTS(sizes); i++) {
        const gsize n = sizes[i / 2];
        real *arena = arena_new(n);

        g_assert_nonnull(arena);
        g_assert_cmpuint((gsize)arena % 64, ==, 0);
        for (gsize k = 0; k < n; k++)
            g_assert_true(arena[k] == 0);
        memset(arena, 1, n * sizeof(real));
        arena_free(arena);
    }
}

static void
test_absurd(void)
{
    g_assert_null(arena_new(G_MAXSIZE));
    g_assert_null(arena_new(G_MAXSIZE / sizeof(real)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arena/cleared", test_cleared);
    g_test_add_func("/arena/absurd", test_absurd);
    return g_test_run();
}
