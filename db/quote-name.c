/* quote-name.c: names from files inside sentences.
 *
 * A run's name may hold escape sequences, newlines or bytes that are no text; a message shows them
 * without passing them on.  Also finds the names that somebody may have meant. */
#include "db-private.h"

#include <string.h>

enum { SHOWN_BYTES = 120, SHOWN_NAMES = 12, COMPARED_BYTES = 64 };

char *
entro_quote_name(const char *name)
{
    g_autofree char *shown = entro_printable(name, -1);

    if (strlen(shown) <= SHOWN_BYTES)
        return g_strdup_printf("'%s'", shown);
    const char *end = g_utf8_find_prev_char(shown, shown + SHOWN_BYTES + 1);
    return g_strdup_printf("'%.*s...'", (int)(end - shown), shown);
}

/* Levenshtein's distance of the first bytes, without regard to case; one row of the table is kept:
 * cost[j] is the distance of what was read of `a` to the first j bytes of `b`. */
static guint
edit_distance(const char *a, const char *b)
{
    gsize n_b = MIN(strlen(b), COMPARED_BYTES);
    guint cost[COMPARED_BYTES + 1];

    for (gsize j = 0; j <= n_b; j++)
        cost[j] = j;
    for (gsize k = 0; a[k] != '\0' && k < COMPARED_BYTES; k++) {
        guint diagonal = cost[0]++;

        for (gsize j = 1; j <= n_b; j++) {
            guint same = g_ascii_tolower(a[k]) == g_ascii_tolower(b[j - 1]);
            guint best = MIN(MIN(cost[j], cost[j - 1]) + 1, diagonal + !same);

            diagonal = cost[j];
            cost[j] = best;
        }
    }
    return cost[n_b];
}

static int
compare_distance(gconstpointer a, gconstpointer b, gpointer wanted)
{
    const char *name_a = *(const char *const *)a;
    const char *name_b = *(const char *const *)b;
    guint distance_a = edit_distance(wanted, name_a);
    guint distance_b = edit_distance(wanted, name_b);

    return distance_a != distance_b ? (distance_a > distance_b) - (distance_a < distance_b)
                                    : strcmp(name_a, name_b);
}

char *
entro_quote_closest(const char *wanted, GPtrArray *names)
{
    GString *list = g_string_new(NULL);

    g_ptr_array_sort_with_data(names, compare_distance, (gpointer)wanted);
    for (guint j = 0; j < MIN(names->len, SHOWN_NAMES); j++) {
        g_autofree char *quoted = entro_quote_name(g_ptr_array_index(names, j));

        g_string_append_printf(list, "%s%s", j > 0 ? ", " : "", quoted);
    }
    if (names->len > SHOWN_NAMES)
        g_string_append_printf(list, " and %u more", names->len - SHOWN_NAMES);
    return g_string_free(list, FALSE);
}
