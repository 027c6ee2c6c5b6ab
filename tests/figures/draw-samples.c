/* draw-samples.c: writes samples into a folder, to be looked at.
 *
 *     build/tests/figures/draw-samples FOLDER [NAME...]             as PDF, SVG and PNG
 *     build/tests/figures/draw-samples --golden FOLDER [NAME...]    as small PNGs: golden.py */
#include <glib/gprintf.h>

#include "figure-samples.h"

static const double golden_dpi = 72;

static gboolean
write_sample(const FigureSample *sample, const char *folder, gboolean golden, GError **error)
{
    static const char *const suffixes[] = {"png", "pdf", "svg"};
    g_autoptr(EntroFigure) figure = sample->make(error);
    if (!figure)
        return FALSE;

    if (golden)
        figure->dpi = golden_dpi;
    for (guint i = 0; i < (golden ? 1 : G_N_ELEMENTS(suffixes)); i++) {
        g_autofree char *name = g_strdup_printf("%s.%s", sample->name, suffixes[i]);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!entro_figure_write(figure, path, error))
            return FALSE;
    }
    for (guint i = 0; i < entro_figure_get_notes(figure)->len; i++)
        g_printf("%s: %s\n", sample->name, (char *)entro_figure_get_notes(figure)->pdata[i]);
    return TRUE;
}

/* A sample that cannot be drawn says why: some show what is refused. */
int
main(int argc, char **argv)
{
    guint n = 0;
    const FigureSample *samples = figure_samples(&n);
    const gboolean golden = argc > 1 && g_str_equal(argv[1], "--golden");
    const char *const *names = (const char *const *)argv + (golden ? 3 : 2);

    if (argc < (golden ? 3 : 2)) {
        g_fprintf(stderr, "usage: draw-samples [--golden] FOLDER [NAME...]\n");
        return 2;
    }
    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        if (*names && !g_strv_contains(names, samples[i].name))
            continue;
        if (!write_sample(&samples[i], argv[golden ? 2 : 1], golden, &error))
            g_printf("%s: %s\n", samples[i].name, error->message);
    }
    return 0;
}
