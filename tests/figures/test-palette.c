/* test-palette.c: colours against matplotlib's tables. */
#include "figure-private.h"

typedef struct {
    const char *palette;
    guint position; /* of 0 .. 255 */
    guint32 rgb;
} Known;

/* Printed by matplotlib 3.6.3: matplotlib.colormaps[name](position / 255). */
static const Known known[] = {
    {"viridis", 0, 0x440154},   {"viridis", 7, 0x460b5e},   {"viridis", 19, 0x481c6e},
    {"viridis", 20, 0x481d6f},  {"viridis", 22, 0x482071},  {"viridis", 23, 0x482173},
    {"viridis", 37, 0x46337f},  {"viridis", 64, 0x3b528b},  {"viridis", 101, 0x2a778e},
    {"viridis", 128, 0x21918c}, {"viridis", 163, 0x2cb17e}, {"viridis", 190, 0x5ac864},
    {"viridis", 221, 0xa5db36}, {"viridis", 250, 0xf1e51d}, {"viridis", 255, 0xfde725},
    {"cividis", 0, 0x00224e},   {"cividis", 7, 0x002859},   {"cividis", 19, 0x00306f},
    {"cividis", 20, 0x003070},  {"cividis", 22, 0x003171},  {"cividis", 23, 0x013271},
    {"cividis", 37, 0x233c6e},  {"cividis", 64, 0x434e6c},  {"cividis", 101, 0x656870},
    {"cividis", 128, 0x7d7c78}, {"cividis", 163, 0x9e9676}, {"cividis", 190, 0xbaac6d},
    {"cividis", 221, 0xdbc75a}, {"cividis", 250, 0xfce236}, {"cividis", 255, 0xfee838},
    {"magma", 0, 0x000004},     {"magma", 7, 0x03030f},     {"magma", 19, 0x0d0a29},
    {"magma", 20, 0x0e0b2b},    {"magma", 22, 0x110c2f},    {"magma", 23, 0x120d31},
    {"magma", 37, 0x241253},    {"magma", 64, 0x51127c},    {"magma", 101, 0x8b2981},
    {"magma", 128, 0xb73779},   {"magma", 163, 0xea5661},   {"magma", 190, 0xfb8560},
    {"magma", 221, 0xfebf84},   {"magma", 250, 0xfcf4b6},   {"magma", 255, 0xfcfdbf},
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

/* A palette that only grows lighter keeps its order when printed in grey. */
static void
test_grows_lighter(void)
{
    for (const char *const *name = entro_palettes(); *name; name++) {
        const EntroPalette *palette = entro_palette_find(*name, NULL);
        for (guint k = 1; k <= 50; k++)
            g_assert_cmpfloat(lightness(entro_palette_at(palette, k / 50.0)), >,
                              lightness(entro_palette_at(palette, (k - 1) / 50.0)));
    }
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
}

static void
test_text_colour(void)
{
    const EntroPalette *viridis = entro_palette_find(NULL, NULL);

    g_assert_cmpfloat(entro_colour_text_on(entro_palette_at(viridis, 0)).red, ==, 1);
    g_assert_cmpfloat(entro_colour_text_on(entro_palette_at(viridis, 1)).red, ==, 0);
}

static void
test_lines_differ(void)
{
    for (guint a = 0; a < ENTRO_LINE_COLOURS * ENTRO_N_DASHES; a++)
        for (guint b = 0; b < a; b++) {
            const EntroPen one = entro_line_pen(a), other = entro_line_pen(b);
            g_assert_true(one.dash != other.dash || one.colour.red != other.colour.red ||
                          one.colour.green != other.colour.green);
        }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/palette/agrees-with-matplotlib", test_matplotlib);
    g_test_add_func("/palette/grows-lighter", test_grows_lighter);
    g_test_add_func("/palette/an-sample-one-is-refused", test_sample);
    g_test_add_func("/palette/an-unknown-one-is-refused", test_unknown);
    g_test_add_func("/palette/text-contrasts-with-its-ground", test_text_colour);
    g_test_add_func("/palette/lines-differ", test_lines_differ);
    return g_test_run();
}
