/* seeds.c: the same seed in two groups.  One that stands for several runs of a group pairs with none:
 * which of them would it be? */
#include "compare-private.h"

static const char *
get_seed(const EntroCompareWork *work, guint group, guint i)
{
    return entro_compare_config(entro_work_run(work, group, i), "seed");
}

/* How many runs of the group have the seed, and the first of them. */
static guint
count_seed(const EntroCompareWork *work, guint group, const char *seed, guint *ret_first)
{
    guint n = 0;

    for (guint i = work->groups[group]->runs->len; i > 0; i--)
        if (g_strcmp0(get_seed(work, group, i - 1), seed) == 0) {
            *ret_first = i - 1;
            n++;
        }
    return n;
}

static void
add_seed(GPtrArray *seeds, const char *seed)
{
    if (!g_ptr_array_find_with_equal_func(seeds, seed, g_str_equal, NULL))
        g_ptr_array_add(seeds, (gpointer)seed);
}

void
entro_pair_seeds(EntroCompareWork *work, guint group)
{
    EntroComparedGroup *compared = &work->result->group[group];

    for (guint i = 0; i < work->groups[group]->runs->len; i++) {
        const char *seed = get_seed(work, group, i);
        guint first = 0, base = 0;
        if (seed == NULL)
            continue;
        if (count_seed(work, group, seed, &first) > 1)
            add_seed(compared->repeated, seed);
        else if (group > 0 && count_seed(work, 0, seed, &base) == 1) {
            EntroSeedPair pair = {seed, i, base};
            g_array_append_val(compared->pair, pair);
        } else if (group > 0 && count_seed(work, 0, seed, &base) == 0)
            add_seed(compared->unpaired, seed);
    }
    for (guint i = 0; group > 0 && i < work->groups[0]->runs->len; i++) {
        guint first = 0;
        if (get_seed(work, 0, i) != NULL &&
            count_seed(work, group, get_seed(work, 0, i), &first) == 0)
            add_seed(compared->unpaired, get_seed(work, 0, i));
    }
}
