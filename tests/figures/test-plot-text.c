/* test-plot-text.c: names from files become harmless text; fonts are named. */
#include "figure-private.h"

static void
test_clean(void)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"SM+LN+G", "SM+LN+G"},
        {"", ""},
        {NULL, ""},
        {"<b>&amp;", "<b>&amp;"}, /* shown as it is: nothing is read as markup */
        {"a\nb\tc", "a\357\277\275b\357\277\275c"},
        {"\033[31m", "\357\277\275[31m"},
        {"a\xff", "a\357\277\275"},
        {"\342\200\256abc", "\357\277\275abc"}, /* U+202E turns text round */
        {"\302\233", "\357\277\275"},           /* C1 */
        {"\357\277\277", "\357\277\275"},       /* U+FFFF, not allowed in XML */
        {"Ω→∞ 学習", "Ω→∞ 学習"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clean = entro_text_clean(cases[i].raw);
        g_assert_cmpstr(clean, ==, cases[i].clean);
    }
}

static void
test_lower_first(void)
{
    static const char *const cases[][2] = {{"Head entropy (nats)", "head entropy (nats)"},
                                           {"FFN scaling alpha", "FFN scaling alpha"},
                                           {"NaN rows", "NaN rows"},
                                           {"Ähnlichkeit", "ähnlichkeit"},
                                           {"E_max", "E_max"},
                                           {"Rows", "rows"},
                                           {"", ""}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *lowered = entro_text_lower_first(cases[i][0]);
        g_assert_cmpstr(lowered, ==, cases[i][1]);
    }
}

static void
test_long(void)
{
    g_autofree char *raw = g_strnfill(1 << 20, 'x');
    g_autofree char *clean = entro_text_clean(raw);

    g_assert_cmpuint(strlen(clean), <, 1000);
}

static void
test_width_is_kept(void)
{
    g_autoptr(EntroText) text = entro_text_new("DejaVu Sans");
    const EntroTextStyle one = {.size = 9, .max_width = 60};
    const EntroTextStyle lines = {.size = 9, .max_width = 60, .max_lines = 3};
    double width = 0, height = 0, tall = 0;

    entro_text_measure(text, "a name that is far too long for its place", &one, &width, &height);
    g_assert_cmpfloat(width, <=, 60.01);
    entro_text_measure(text, "a name that is far too long for its place", &lines, &width, &tall);
    g_assert_cmpfloat(width, <=, 60.01);
    g_assert_cmpfloat(tall, >, 2 * height);
}

static void
test_turned(void)
{
    g_autoptr(EntroText) text = entro_text_new("DejaVu Sans");
    const EntroTextStyle flat = {.size = 9}, turned = {.size = 9, .turned = TRUE};
    double width = 0, height = 0, turned_width = 0, turned_height = 0;

    entro_text_measure(text, "Layer index", &flat, &width, &height);
    entro_text_measure(text, "Layer index", &turned, &turned_width, &turned_height);
    g_assert_cmpfloat(width, ==, turned_height);
    g_assert_cmpfloat(height, ==, turned_width);
}

static void
test_font(void)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(EntroFigure) usual = entro_figure_new(&options, NULL);

    options.font = "No Such Font";
    g_autoptr(EntroFigure) other = entro_figure_new(&options, NULL);
    g_assert_cmpuint(entro_figure_get_notes(usual)->len, ==, 0);
    g_assert_cmpuint(entro_figure_get_notes(other)->len, ==, 1);
    g_assert_nonnull(strstr(entro_figure_get_notes(other)->pdata[0], "\"No Such Font\""));
}

static void
check_note(const EntroPlotOptions *options, const char *wanted, const char *used)
{
    g_autoptr(EntroFigure) figure = entro_figure_new(options, NULL);
    const GPtrArray *notes = entro_figure_get_notes(figure);

    g_assert_cmpuint(notes->len, ==, 1);
    g_assert_nonnull(strstr(notes->pdata[0], wanted));
    g_assert_nonnull(strstr(notes->pdata[0], used));
}

/* The first that is installed is used, and said. */
static void
test_fonts_in_order(void)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(EntroText) text = entro_text_new("No Such Font, DejaVu Serif,DejaVu Sans");
    g_autofree char *families = entro_text_css_families(text, "serif");

    g_assert_cmpstr(families, ==, "'DejaVu Serif','No Such Font','DejaVu Sans',serif");
    options.font = "No Such Font,DejaVu Sans Mono";
    check_note(&options, "\"No Such Font\"", "\"DejaVu Sans Mono\"");
    options.font = NULL;
    options.preset = "neurips";
    check_note(&options, "\"Times New Roman\"", "\"DejaVu Serif\"");
    options.font = "DejaVu Sans";
    g_autoptr(EntroFigure) explicit = entro_figure_new(&options, NULL);
    g_assert_cmpuint(entro_figure_get_notes(explicit)->len, ==, 0);
}

/* ---- lines, as an SVG needs them ------------------------------------------------------------ */

typedef struct {
    const char *string;
    double max_width;
    guint max_lines;
    gboolean from_right;
    const char *lines[4];
} Lines;

static const Lines lines[] = {
    {"Head entropy", 0, 0, FALSE, {"Head entropy"}},
    {"one two three", 30, 3, FALSE, {"one ", "two ", "three"}},
    {"one two three four", 30, 2, FALSE, {"one ", "two …"}},
    {"abcdefghijklmnopqrstuvwxyz", 50, 1, FALSE, {"abc…wxyz"}},
    {"مرحبا abc", 0, 0, TRUE, {"مرحبا abc"}}, /* in logical order */
    {"abc مرحبا 12", 0, 0, FALSE, {"abc مرحبا 12"}},
    {"", 0, 0, FALSE, {""}},
};

static void
check_lines(const EntroText *text, const Lines *want)
{
    const EntroTextStyle style = {.size = 9,
                                  .max_width = want->max_width,
                                  .max_lines = want->max_lines};
    g_autoptr(GArray) got = entro_text_lines(text, want->string, &style);
    double width = 0, height = 0, widest = 0;

    entro_text_measure(text, want->string, &style, &width, &height);
    for (guint i = 0; i < got->len; i++) {
        const EntroTextLine *line = &g_array_index(got, EntroTextLine, i);
        g_assert_cmpstr(line->string, ==, want->lines[i]);
        g_assert_true(line->from_right == want->from_right);
        g_assert_cmpfloat(line->baseline, >, i * height / got->len);
        g_assert_cmpfloat(line->baseline, <, (i + 1) * height / got->len);
        g_assert_cmpfloat(line->x, >=, 0);
        widest = MAX(widest, line->x + line->width);
    }
    g_assert_null(want->lines[got->len]);
    g_assert_cmpfloat_with_epsilon(widest, width, 0.01);
}

static void
test_lines(void)
{
    g_autoptr(EntroText) text = entro_text_new("DejaVu Sans");

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
        check_lines(text, &lines[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/names-are-cleaned", test_clean);
    g_test_add_func("/text/titles-in-sentences", test_lower_first);
    g_test_add_func("/text/a-very-long-name-is-cut", test_long);
    g_test_add_func("/text/keeps-to-its-width", test_width_is_kept);
    g_test_add_func("/text/turned-swaps-width-and-height", test_turned);
    g_test_add_func("/text/a-substituted-font-is-noted", test_font);
    g_test_add_func("/text/the-first-font-that-is-there", test_fonts_in_order);
    g_test_add_func("/text/lines-are-what-is-shown", test_lines);
    return g_test_run();
}
