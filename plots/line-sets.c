/* line-sets.c: colours of lines and bars.
 *
 * A set is a row of a table.  When its colours are used up, they come again with the next dash. */
#include "figure-private.h"

/* Paul Tol, Colour schemes (SRON/EPS/TN/09-002): bright without its grey, then two darker ones. */
static const guint32 bright[ENTRO_LINE_COLOURS] = {
    0x4477aa, 0xee6677, 0x228833, 0xccbb44, 0x66ccee, 0xaa3377, 0x004488, 0x994455,
};
static const guint32 high_contrast[] = {0x004488, 0xddaa33, 0xbb5566};
static const guint32 vibrant[] = {0xee7733, 0x0077bb, 0x33bbee, 0xee3377, 0xcc3311, 0x009988};
static const guint32 muted[] = {0xcc6677, 0x332288, 0xddcc77, 0x117733, 0x88ccee,
                                0x882255, 0x44aa99, 0x999933, 0xaa4499};

/* Okabe and Ito, Color Universal Design (2008); yellow last: it is faint on white. */
static const guint32 okabe_ito[] = {0x000000, 0xe69f00, 0x56b4e9, 0x009e73,
                                    0x0072b2, 0xd55e00, 0xcc79a7, 0xf0e442};

/* As in journals that print in black and white: the dashes tell the lines apart. */
static const guint32 ieee[] = {0x000000, 0xff0000, 0x0000ff, 0x008000};
static const guint32 grey[] = {0x000000, 0x777777, 0x444444, 0xaaaaaa};

/* The order in which matplotlib colours lines (CC0), and so the figures of many papers. */
static const guint32 paper[] = {0x1f77b4, 0xff7f0e, 0x2ca02c, 0xd62728, 0x9467bd, 0x8c564b};

#define COLOURS(array) G_N_ELEMENTS(array), array

/* Name, colours, dashed, safe. */
static const EntroLineSet sets[] = {
    {"bright", COLOURS(bright), FALSE, TRUE},
    {"high-contrast", COLOURS(high_contrast), FALSE, TRUE},
    {"vibrant", COLOURS(vibrant), FALSE, TRUE},
    {"muted", COLOURS(muted), FALSE, TRUE},
    {"okabe-ito", COLOURS(okabe_ito), FALSE, TRUE},
    {"ieee", COLOURS(ieee), TRUE, TRUE},
    {"paper", COLOURS(paper), FALSE, FALSE},
    {"grey", COLOURS(grey), TRUE, TRUE},
};

const EntroDashes entro_dashes[ENTRO_N_DASHES] = {
    [ENTRO_DASHED] = {2, {4, 2.5}},
    [ENTRO_DOTTED] = {2, {1, 2}},
    [ENTRO_DASH_DOTTED] = {4, {5, 2, 1, 2}},
};

const char *const *
entro_line_sets(void)
{
    static const char *names[G_N_ELEMENTS(sets) + 1];

    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        names[i] = sets[i].name;
    return names;
}

const EntroLineSet *
entro_line_set_find(const char *name, GError **error)
{
    if (!name)
        return &sets[0];
    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        if (g_str_equal(sets[i].name, name))
            return &sets[i];
    entro_fail_unknown("set of lines", name, entro_line_sets(), error);
    return NULL;
}

/* In a dashed set each line moves on in both, so that colour and dash repeat together only after
 * all pairs of them. */
EntroPen
entro_line_pen_of(const EntroLineSet *set, guint k)
{
    const guint turn = k / set->n, dash = set->dashed ? k % set->n + turn : turn;

    return (EntroPen){.colour = entro_colour(set->colour[k % set->n]),
                      .dash = dash % ENTRO_N_DASHES};
}
