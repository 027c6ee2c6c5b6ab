/* draw-samples.c: writes every sample as PDF, SVG and PNG into a folder, to be looked at.
 *
 *     build/tests/figures/draw-samples FOLDER [NAME] */
#include <glib/gprintf.h>

#include "figure-samples.h"

static gboolean
write_sample(const FigureSample *sample, const char *folder, GError **error)
{
    static const char *const suffixes[] = {"pdf", "svg", "png"};
    g_autoptr(EntroFigure) figure = sample->make(error);
    if (!figure)
        return FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *name = g_strdup_printf("%s.%s", sample->name, suffixes[i]);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!entro_figure_write(figure, path, error))
            return FALSE;
    }
    for (guint i = 0; i < entro_figure_get_notes(figure)->len; i++)
        g_printf("%s: %s\n", sample->name, (char *)entro_figure_get_notes(figure)->pdata[i]);
    return TRUE;
}

int
main(int argc, char **argv)
{
    guint n = 0;
    const FigureSample *samples = figure_samples(&n);

    if (argc < 2) {
        g_fprintf(stderr, "usage: draw-samples FOLDER [NAME]\n");
        return 2;
    }
    for (guint i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        if (argc > 2 && !g_str_equal(argv[2], samples[i].name))
            continue;
        if (!write_sample(&samples[i], argv[1], &error))
            g_printf("%s: %s\n", samples[i].name, error->message);
    }
    return 0;
}
