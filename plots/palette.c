/* palette.c: colours.
 *
 * A palette is a row of a table: evenly spaced anchors, straight lines between them.  All are
 * perceptually uniform and can be told apart with any colour vision.  The anchors are those of
 * matplotlib (CC0); between them the error stays within 2/255. */
#include "figure-private.h"

/* clang-format off */
static const guint32 viridis[] = {
    0x440154, 0x450559, 0x460a5d, 0x470e61, 0x471365, 0x481769, 0x481b6d, 0x481f70, 0x482374,
    0x482677, 0x472a7a, 0x472e7c, 0x46327e, 0x453581, 0x443983, 0x433d84, 0x424086, 0x414487,
    0x3f4788, 0x3e4a89, 0x3d4e8a, 0x3b518b, 0x3a548c, 0x38588c, 0x375b8d, 0x355e8d, 0x34618d,
    0x32648e, 0x31678e, 0x306a8e, 0x2e6d8e, 0x2d708e, 0x2c728e, 0x2b758e, 0x2a788e, 0x297b8e,
    0x277e8e, 0x26818e, 0x25838e, 0x24868e, 0x23898e, 0x228c8d, 0x218f8d, 0x20928c, 0x1f948c,
    0x1f978b, 0x1f9a8a, 0x1e9d89, 0x1fa088, 0x1fa287, 0x21a585, 0x22a884, 0x25ab82, 0x27ad81,
    0x2ab07f, 0x2eb37c, 0x32b67a, 0x37b878, 0x3bbb75, 0x40bd72, 0x46c06f, 0x4cc26c, 0x52c569,
    0x58c765, 0x5ec962, 0x65cb5e, 0x6ccd5a, 0x73d056, 0x7ad151, 0x81d34d, 0x89d548, 0x90d743,
    0x98d83e, 0xa0da39, 0xa8db34, 0xb0dd2f, 0xb8de29, 0xc0df25, 0xc8e020, 0xd0e11c, 0xd8e219,
    0xdfe318, 0xe7e419, 0xefe51c, 0xf6e620, 0xfde725,
};

static const guint32 cividis[] = {
    0x00224e, 0x002553, 0x002758, 0x00295d, 0x002b62, 0x002d68, 0x002f6d, 0x003170, 0x053371,
    0x0f3570, 0x163770, 0x1c396f, 0x213b6e, 0x263d6e, 0x2a3f6d, 0x2e416d, 0x32436d, 0x35456c,
    0x39486c, 0x3c4a6c, 0x3f4c6c, 0x424e6c, 0x45506c, 0x48526c, 0x4b546c, 0x4e566c, 0x51586d,
    0x545a6d, 0x565c6d, 0x595e6e, 0x5c616e, 0x5e636f, 0x61656f, 0x646770, 0x666970, 0x696b71,
    0x6c6d72, 0x6e6f73, 0x717274, 0x737475, 0x767676, 0x787877, 0x7b7a78, 0x7e7c78, 0x807f78,
    0x838179, 0x868379, 0x898578, 0x8c8878, 0x8f8a78, 0x928c78, 0x948e77, 0x979177, 0x9a9376,
    0x9d9576, 0xa09875, 0xa39a74, 0xa69c74, 0xa99f73, 0xaca172, 0xafa471, 0xb3a670, 0xb6a96f,
    0xb9ab6d, 0xbcae6c, 0xbfb06b, 0xc2b369, 0xc5b568, 0xc8b866, 0xccba64, 0xcfbd62, 0xd2c060,
    0xd5c25e, 0xd9c55c, 0xdcc859, 0xdfca57, 0xe2cd54, 0xe6d051, 0xe9d34e, 0xedd54a, 0xf0d846,
    0xf3db42, 0xf7de3e, 0xfbe138, 0xfee434, 0xfee838,
};

static const guint32 magma[] = {
    0x000004, 0x010108, 0x02020d, 0x040414, 0x06051a, 0x090720, 0x0c0926, 0x100b2d, 0x130d34,
    0x160f3b, 0x1a1042, 0x1e1149, 0x221150, 0x271258, 0x2c115f, 0x311165, 0x36106b, 0x3b0f70,
    0x400f74, 0x451077, 0x4a1079, 0x4f127b, 0x54137d, 0x59157e, 0x5d177f, 0x621980, 0x671b80,
    0x6b1d81, 0x701f81, 0x752181, 0x792282, 0x7e2482, 0x832681, 0x882781, 0x8c2981, 0x912b81,
    0x962c80, 0x9b2e7f, 0xa02f7f, 0xa5317e, 0xaa337d, 0xae347b, 0xb3367a, 0xb83779, 0xbd3977,
    0xc23b75, 0xc73d73, 0xcc3f71, 0xd0416f, 0xd5446d, 0xd9466b, 0xde4968, 0xe24d66, 0xe55064,
    0xe95462, 0xec5860, 0xef5d5e, 0xf2625d, 0xf4675c, 0xf66c5c, 0xf7725c, 0xf9785d, 0xfa7d5e,
    0xfb835f, 0xfc8961, 0xfc8e64, 0xfd9467, 0xfd9a6a, 0xfe9f6d, 0xfea571, 0xfeaa74, 0xfeb078,
    0xfeb67c, 0xfebb81, 0xfec185, 0xfec68a, 0xfecc8f, 0xfed194, 0xfed799, 0xfddc9e, 0xfde2a3,
    0xfde7a9, 0xfcecae, 0xfcf2b4, 0xfcf7b9, 0xfcfdbf,
};
/* clang-format on */

/* Name, anchors. */
static const EntroPalette palettes[] = {
    {"viridis", G_N_ELEMENTS(viridis), viridis},
    {"cividis", G_N_ELEMENTS(cividis), cividis},
    {"magma", G_N_ELEMENTS(magma), magma},
};

/* For lines and bars, in this order: Paul Tol's "bright" without its grey, then two darker ones. */
static const guint32 line_colours[ENTRO_LINE_COLOURS] = {
    0x4477aa, 0xee6677, 0x228833, 0xccbb44, 0x66ccee, 0xaa3377, 0x004488, 0x994455,
};

EntroColour
entro_colour(guint32 rgb)
{
    return (EntroColour){.red = (rgb >> 16 & 0xff) / 255.0,
                         .green = (rgb >> 8 & 0xff) / 255.0,
                         .blue = (rgb & 0xff) / 255.0,
                         .alpha = 1};
}

const char *const *
entro_palettes(void)
{
    static const char *names[G_N_ELEMENTS(palettes) + 1];

    for (guint i = 0; i < G_N_ELEMENTS(palettes); i++)
        names[i] = palettes[i].name;
    return names;
}

const EntroPalette *
entro_palette_find(const char *name, GError **error)
{
    if (!name)
        return &palettes[0];
    for (guint i = 0; i < G_N_ELEMENTS(palettes); i++)
        if (g_str_equal(palettes[i].name, name))
            return &palettes[i];

    g_autofree char *known = g_strjoinv(", ", (char **)entro_palettes());
    g_autofree char *safe = entro_text_clean(name);
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                "there is no palette \"%s\"; there are %s", safe, known);
    return NULL;
}

/* `t` in [0, 1]; what lies outside has the colour of the end. */
EntroColour
entro_palette_at(const EntroPalette *palette, double t)
{
    const double place = CLAMP(t, 0, 1) * (palette->n - 1);
    const guint below = MIN((guint)place, palette->n - 2);
    const double part = place - below;
    const EntroColour a = entro_colour(palette->anchor[below]);
    const EntroColour b = entro_colour(palette->anchor[below + 1]);

    return (EntroColour){.red = a.red + part * (b.red - a.red),
                         .green = a.green + part * (b.green - a.green),
                         .blue = a.blue + part * (b.blue - a.blue),
                         .alpha = 1};
}

guint32
entro_palette_sample(const char *name, double t)
{
    const EntroPalette *palette = entro_palette_find(name, NULL);

    g_return_val_if_fail(palette, 0);
    const EntroColour colour = entro_palette_at(palette, t);
    return (guint32)lround(colour.red * 255) << 16 | (guint32)lround(colour.green * 255) << 8 |
           (guint32)lround(colour.blue * 255);
}

/* Colour and dash of the k-th of any number of lines: when the colours are used up, they come again
 * with the next dash. */
EntroPen
entro_line_pen(guint k)
{
    const guint n = G_N_ELEMENTS(line_colours);

    return (EntroPen){.colour = entro_colour(line_colours[k % n]), .dash = k / n % ENTRO_N_DASHES};
}

/* Relative luminance (WCAG 2) decides between black and white text. */
static double
linear(double channel)
{
    return channel <= 0.04045 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4);
}

EntroColour
entro_colour_text_on(EntroColour ground)
{
    const double luminance =
        0.2126 * linear(ground.red) + 0.7152 * linear(ground.green) + 0.0722 * linear(ground.blue);

    return entro_colour(luminance > 0.179 ? 0x000000 : 0xffffff); /* equal contrast to both */
}
