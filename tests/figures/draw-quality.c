/* draw-quality.c FOLDER: figures that test_figure_quality.py looks at from outside.
 *
 * Prints for each figure its name and, tab between, the box of its first cells in points; cells are
 * 0 wide where it has none. */
#include <glib/gprintf.h>

#include "figure-samples.h"

typedef struct {
    const char *name;
    gsize n_layers, n_heads;
    guint n_panels;
    gboolean flat; /* all values alike */
    gboolean values;
    const char *preset, *run, *title;
} Case;

#define HOSTILE "<script>&amp;\"'\357\277\277\033]0;x\007--></title>"
#define ARABIC  "مرحبا abc"

static const Case cases[] = {
    {"values", 12, 12, 1, FALSE, TRUE, NULL, "SM+LN+G", NULL},
    {"six-values", 12, 12, 6, FALSE, TRUE, NULL, "SM+LN+G", NULL},
    {"six-64", 64, 64, 6, FALSE, FALSE, NULL, "SM", NULL},
    {"six-32", 32, 32, 6, FALSE, FALSE, NULL, "SM", NULL},
    {"flat-12", 12, 12, 1, TRUE, FALSE, NULL, "SM", NULL},
    {"flat-7x13", 7, 13, 1, TRUE, FALSE, "icml", "SM", NULL},
    {"flat-64", 64, 64, 1, TRUE, FALSE, NULL, "SM", NULL},
    {"hostile", 3, 3, 1, FALSE, TRUE, NULL, HOSTILE, HOSTILE},
    {"arabic", 3, 3, 1, FALSE, TRUE, NULL, ARABIC, ARABIC},
    {"neurips", 2, 2, 1, FALSE, TRUE, "neurips", "SM", NULL},
    {"slides", 12, 12, 2, FALSE, TRUE, "slides", "SM", NULL},
};

static EntroFigure *
make(const Case *want, GError **error)
{
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autofree EntroGrid **grids = g_new(EntroGrid *, want->n_panels);

    options.preset = want->preset;
    options.title = want->title;
    options.values = want->values;
    options.redraw = "entroscope plot headwise-entropy --title '" HOSTILE "' -o FILE";
    for (guint i = 0; i < want->n_panels; i++)
        grids[i] = sample_grid(want->run, want->n_layers, want->n_heads, want->flat ? 2 : 0.03,
                               want->flat ? 2 : 3.87 - 0.3 * i);
    return sample_heat_maps(grids, want->n_panels, &options, error);
}

static void
describe(EntroFigure *figure, const Case *want)
{
    g_autofree char *about = g_strdup_printf("headwise-entropy of %s at step 2000", want->run);

    entro_figure_add_about(figure, about);
    entro_figure_set_created(figure, "2001-09-09T01:46:40Z");
}

static void
print_cells(const EntroFigure *figure, const char *name)
{
    EntroBox box = {0};

    for (guint i = 0; i < figure->marks->len; i++) {
        const EntroMark *mark = figure->marks->pdata[i];
        if (mark->kind == ENTRO_MARK_CELLS) {
            box = mark->box;
            break;
        }
    }
    g_printf("%s\t%.4f\t%.4f\t%.4f\t%.4f\n", name, box.x, box.y, box.width, box.height);
}

static gboolean
draw(const Case *want, const char *folder, GError **error)
{
    static const char *const suffixes[] = {"pdf", "svg", "png"};
    g_autoptr(EntroFigure) figure = make(want, error);
    if (!figure)
        return FALSE;

    describe(figure, want);
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *name = g_strdup_printf("%s.%s", want->name, suffixes[i]);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!entro_figure_write(figure, path, error))
            return FALSE;
    }
    print_cells(figure, want->name);
    return TRUE;
}

int
main(int argc, char **argv)
{
    for (guint i = 0; argc == 2 && i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        if (draw(&cases[i], argv[1], &error))
            continue;
        g_fprintf(stderr, "%s: %s\n", cases[i].name, error->message);
        return 1;
    }
    return argc == 2 ? 0 : 2;
}
