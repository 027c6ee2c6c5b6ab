/* test-palette.c: colours against the tables they come from, and as colour-blind readers see them. */
#include "figure-samples.h"

typedef struct {
    const char *palette;
    guint position; /* of 0 .. 255 */
    guint32 rgb;
} Known;

/* Printed by matplotlib 3.6.3: matplotlib.colormaps[name](position / 255). */
static const Known known[] = {
    {"viridis", 0, 0x440154},
    {"viridis", 7, 0x460b5e},
    {"viridis", 19, 0x481c6e},
    {"viridis", 20, 0x481d6f},
    {"viridis", 22, 0x482071},
    {"viridis", 23, 0x482173},
    {"viridis", 37, 0x46337f},
    {"viridis", 64, 0x3b528b},
    {"viridis", 101, 0x2a778e},
    {"viridis", 128, 0x21918c},
    {"viridis", 163, 0x2cb17e},
    {"viridis", 190, 0x5ac864},
    {"viridis", 221, 0xa5db36},
    {"viridis", 250, 0xf1e51d},
    {"viridis", 255, 0xfde725},
    {"cividis", 0, 0x00224e},
    {"cividis", 7, 0x002859},
    {"cividis", 19, 0x00306f},
    {"cividis", 20, 0x003070},
    {"cividis", 22, 0x003171},
    {"cividis", 23, 0x013271},
    {"cividis", 37, 0x233c6e},
    {"cividis", 64, 0x434e6c},
    {"cividis", 101, 0x656870},
    {"cividis", 128, 0x7d7c78},
    {"cividis", 163, 0x9e9676},
    {"cividis", 190, 0xbaac6d},
    {"cividis", 221, 0xdbc75a},
    {"cividis", 250, 0xfce236},
    {"cividis", 255, 0xfee838},
    {"magma", 0, 0x000004},
    {"magma", 7, 0x03030f},
    {"magma", 19, 0x0d0a29},
    {"magma", 20, 0x0e0b2b},
    {"magma", 22, 0x110c2f},
    {"magma", 23, 0x120d31},
    {"magma", 37, 0x241253},
    {"magma", 64, 0x51127c},
    {"magma", 101, 0x8b2981},
    {"magma", 128, 0xb73779},
    {"magma", 163, 0xea5661},
    {"magma", 190, 0xfb8560},
    {"magma", 221, 0xfebf84},
    {"magma", 250, 0xfcf4b6},
    {"magma", 255, 0xfcfdbf},
    {"inferno", 7, 0x030210},
    {"inferno", 37, 0x290b55},
    {"inferno", 64, 0x57106e},
    {"inferno", 101, 0x922568},
    {"inferno", 128, 0xbc3754},
    {"inferno", 163, 0xe75e2e},
    {"inferno", 221, 0xfac62d},
    {"inferno", 250, 0xf5f992},
    {"inferno", 255, 0xfcffa4},
    /* matplotlib's RdBu from its other end */
    {"BuRd", 255, 0x67001f},
    {"BuRd", 248, 0x7c0722},
    {"BuRd", 218, 0xc2383a},
    {"BuRd", 191, 0xe58368},
    {"BuRd", 154, 0xfdd9c4},
    {"BuRd", 127, 0xf6f7f7},
    {"BuRd", 92, 0xb8d8e9},
    {"BuRd", 34, 0x2c75b4},
    {"BuRd", 5, 0x0a3b70},
    /* rows of vik.txt of Crameri's scientific colour maps */
    {"vik", 0, 0x001261},
    {"vik", 7, 0x021d68},
    {"vik", 64, 0x307da6},
    {"vik", 100, 0xa0c5d8},
    {"vik", 128, 0xece5e0},
    {"vik", 150, 0xe4bea8},
    {"vik", 200, 0xbc622f},
    {"vik", 250, 0x620607},
    {"vik", 255, 0x590008},
};

static void
test_matplotlib(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        const EntroPalette *palette = entro_palette_find(known[i].palette, NULL);
        const EntroColour got = entro_palette_at(palette, known[i].position / 255.0);
        const EntroColour want = entro_colour(known[i].rgb);
        g_assert_cmpfloat_with_epsilon(round(got.red * 255), round(want.red * 255), 2.01);
        g_assert_cmpfloat_with_epsilon(round(got.green * 255), round(want.green * 255), 2.01);
        g_assert_cmpfloat_with_epsilon(round(got.blue * 255), round(want.blue * 255), 2.01);
    }
}

static double
lightness(EntroColour colour)
{
    return 0.2126 * pow(colour.red, 2.2) + 0.7152 * pow(colour.green, 2.2) +
           0.0722 * pow(colour.blue, 2.2);
}

/* A palette that only grows lighter keeps its order when printed in grey; a diverging one is lightest
 * in the middle and as dark at one end as at the other, or nearly. */
static void
check_lightness(const EntroPalette *palette)
{
    const guint top = palette->diverging ? 50 : 100;

    for (guint k = 1; k <= 100; k++) {
        const double before = lightness(entro_palette_at(palette, (k - 1) / 100.0));
        const double after = lightness(entro_palette_at(palette, k / 100.0));
        if (k <= top - 2)
            g_assert_cmpfloat(after, >, before);
        else if (k > top + 2)
            g_assert_cmpfloat(after, <, before);
    }
    if (palette->diverging)
        g_assert_cmpfloat_with_epsilon(lightness(entro_palette_at(palette, 0)),
                                       lightness(entro_palette_at(palette, 1)), 0.02);
}

static void
test_lightness(void)
{
    for (const char *const *name = entro_palettes(); *name; name++)
        check_lightness(entro_palette_find(*name, NULL));
}

static void
test_sample(void)
{
    g_assert_cmphex(entro_palette_sample(NULL, 0), ==, 0x440154);
    g_assert_cmphex(entro_palette_sample("cividis", 1), ==, 0xfee838);
    g_assert_cmphex(entro_palette_sample("magma", 2), ==, entro_palette_sample("magma", 1));
}

static void
test_unknown(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_palette_find("jet\n", &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "viridis, cividis, magma"));
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    g_assert_null(entro_line_set_find("rainbow", &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "bright, high-contrast, vibrant"));
    g_clear_error(&error);
    g_assert_null(entro_theme_find("", &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
    g_assert_nonnull(strstr(error->message, "default, neurips, iclr, icml"));
}

static void
test_text_colour(void)
{
    const EntroPalette *viridis = entro_palette_find(NULL, NULL);

    g_assert_cmpfloat(entro_colour_text_on(entro_palette_at(viridis, 0)).red, ==, 1);
    g_assert_cmpfloat(entro_colour_text_on(entro_palette_at(viridis, 1)).red, ==, 0);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void
test_lines_differ(void)
{
    for (const char *const *name = entro_line_sets(); *name; name++) {
        const EntroLineSet *set = entro_line_set_find(*name, NULL);
        for (guint a = 0; a < set->n * ENTRO_N_DASHES; a++)
            for (guint b = 0; b < a; b++) {
                const EntroPen one = entro_line_pen_of(set, a), other = entro_line_pen_of(set, b);
                g_assert_true(one.dash != other.dash || one.colour.red != other.colour.red ||
                              one.colour.green != other.colour.green ||
                              one.colour.blue != other.colour.blue);
            }
    }
    g_assert_cmpuint(entro_line_set_find(NULL, NULL)->n, ==, ENTRO_LINE_COLOURS);
}

typedef struct {
    double red, green, blue; /* linear */
} Light;

static double
to_linear(double channel)
{
    return channel <= 0.04045 ? channel / 12.92 : pow((channel + 0.055) / 1.055, 2.4);
}

/* As eyes see it that lack one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1. */
static Light
seen_by(const double matrix[3][3], EntroColour colour)
{
    const double in[] = {to_linear(colour.red), to_linear(colour.green), to_linear(colour.blue)};
    double out[3];

    for (guint row = 0; row < 3; row++)
        out[row] =
            CLAMP(matrix[row][0] * in[0] + matrix[row][1] * in[1] + matrix[row][2] * in[2], 0, 1);
    return (Light){out[0], out[1], out[2]};
}

static double
cube_root(double t)
{
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

/* Distance in CIE L*a*b* (D65, 1976); about 2.3 is just seen in patches side by side. */
static double
distance(Light a, Light b)
{
    double lab[2][3];
    const Light both[] = {a, b};

    for (guint i = 0; i < 2; i++) {
        const Light c = both[i];
        const double x = cube_root((0.4124 * c.red + 0.3576 * c.green + 0.1805 * c.blue) / 0.9505);
        const double y = cube_root(0.2126 * c.red + 0.7152 * c.green + 0.0722 * c.blue);
        const double z = cube_root((0.0193 * c.red + 0.1192 * c.green + 0.9505 * c.blue) / 1.089);
        lab[i][0] = 116 * y - 16;
        lab[i][1] = 500 * (x - y);
        lab[i][2] = 200 * (y - z);
    }
    return hypot(hypot(lab[0][0] - lab[1][0], lab[0][1] - lab[1][1]), lab[0][2] - lab[1][2]);
}

/* The least distance between two lines of a set that have the same dashes. */
static double
least_distance(const EntroLineSet *set)
{
    static const double eyes[][3][3] = {
        {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
        {{0.152286, 1.052583, -0.204868}, /* no red */
         {0.114503, 0.786281, 0.099216},
         {-0.003882, -0.048116, 1.051998}},
        {{0.367322, 0.860646, -0.227968}, /* no green */
         {0.280085, 0.672501, 0.047413},
         {-0.011820, 0.042940, 0.968881}},
    };
    double least = INFINITY;

    for (guint eye = 0; eye < G_N_ELEMENTS(eyes); eye++)
        for (guint a = 0; a < set->n; a++)
            for (guint b = 0; b < a; b++) {
                const EntroPen one = entro_line_pen_of(set, a), other = entro_line_pen_of(set, b);
                if (one.dash == other.dash)
                    least = MIN(least, distance(seen_by(eyes[eye], one.colour),
                                                seen_by(eyes[eye], other.colour)));
            }
    return least;
}

static void
test_colour_blind(void)
{
    for (const char *const *name = entro_line_sets(); *name; name++) {
        const EntroLineSet *set = entro_line_set_find(*name, NULL);
        g_test_message("%s: %.1f", set->name, least_distance(set));
        if (set->safe)
            g_assert_cmpfloat(least_distance(set), >, 12);
        else
            g_assert_cmpfloat(least_distance(set), <, 12); /* the test can fail */
    }
}

/* ---- presets -------------------------------------------------------------------------------- */

static double
width_of_sample(const EntroPlotOptions *options)
{
    EntroGrid *grid = sample_grid("run", 4, 4, 0, 3);
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroFigure) figure = sample_heat_maps(&grid, 1, options, &error);

    g_assert_no_error(error);
    return figure->width;
}

static void
test_presets(void)
{
    for (const char *const *name = entro_presets(); *name; name++) {
        const EntroTheme *theme = entro_theme_find(*name, NULL);
        EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
        g_assert_cmpstr(theme->key, ==, *name);
        g_assert_nonnull(entro_line_set_find(theme->lines, NULL));
        g_assert_cmpfloat(theme->font_size * theme->tick_scale, >=, 5); /* can be read */
        options.preset = *name;
        if (theme->page_width > 0)
            g_assert_cmpfloat(width_of_sample(&options), ==, theme->page_width);
        options.width = 4;
        g_assert_cmpfloat_with_epsilon(width_of_sample(&options), 4 * ENTRO_INCH, 1e-9);
    }
    g_assert_cmpfloat(entro_theme_find("neurips", NULL)->page_width, ==, 5.5 * 72);
    g_assert_true(entro_theme_find(NULL, NULL) == entro_theme_default());
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/palette/agrees-with-matplotlib", test_matplotlib);
    g_test_add_func("/palette/lightness-orders", test_lightness);
    g_test_add_func("/palette/sample-of-one", test_sample);
    g_test_add_func("/palette/unknown-names-are-refused", test_unknown);
    g_test_add_func("/palette/text-contrasts-with-its-ground", test_text_colour);
    g_test_add_func("/lines/differ", test_lines_differ);
    g_test_add_func("/lines/told-apart-with-any-colour-vision", test_colour_blind);
    g_test_add_func("/presets/are-complete", test_presets);
    return g_test_run();
}
