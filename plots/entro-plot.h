/* entro-plot.h: figures as PDF, SVG or PNG.
 *
 * The only stage that knows cairo and pango.  A view (one row of a table) reads grids and curves
 * from the store and lays out a figure; entro_figure_write() draws it.
 *
 *     g_autoptr(EntroFigure) figure = entro_plot_view(view, store, runs, n_runs, &options, &error);
 *     entro_figure_write(figure, "bands.pdf", &error);
 *
 * Same input, same bytes, on the same machine and fonts. */
#ifndef ENTRO_PLOT_H
#define ENTRO_PLOT_H

#include "entro-store.h"

G_BEGIN_DECLS

#define ENTRO_PLOT_ERROR (entro_plot_error_quark())
ENTRO_API GQuark entro_plot_error_quark(void);

typedef enum {
    ENTRO_PLOT_ERROR_ARGUMENT, /* an option that does not fit the view, an unknown suffix */
    ENTRO_PLOT_ERROR_EMPTY,    /* nothing to draw */
    ENTRO_PLOT_ERROR_LIMIT,    /* over max_pixels, or too many cells */
    ENTRO_PLOT_ERROR_WRITE,    /* the file could not be written; an old one is still whole */
} EntroPlotError;

typedef struct {
    const char *column;    /* statistic, NULL: the view's own */
    gint64 step;           /* headwise-entropy, entropy-bands: of every run, or */
    const gint64 *steps;   /* [n_runs] of each; NULL: `step` */
    gboolean values;       /* write the number into each cell */
    gboolean shared_scale; /* one colour scale, or one y axis, for all runs */
    EntroBandMax band_max;
    double band_value;          /* a fixed M; NaN: by band_max */
    const char *const *scalars; /* names for the view `scalars`; NULL: the ones the runs have */
    gboolean log_y;             /* the view `scalars` */
    const char *title;          /* NULL: the view's own; "": none */
    const char *palette;        /* NULL: viridis */
    double width;               /* inches; NaN: from the content */
    double height;              /* inches; NaN: from the content */
    double font_size;           /* points; NaN: the default */
    const char *font;           /* family, NULL: DejaVu Sans */
    double dpi;                 /* PNG only */
    double max_pixels;          /* PNG only */
} EntroPlotOptions;

#define ENTRO_PLOT_OPTIONS_DEFAULT                                                                 \
    ((EntroPlotOptions){.step = ENTRO_STEP_LAST,                                                   \
                        .band_max = ENTRO_BAND_POOLED,                                             \
                        .band_value = NAN,                                                         \
                        .width = NAN,                                                              \
                        .height = NAN,                                                             \
                        .font_size = NAN,                                                          \
                        .dpi = 150,                                                                \
                        .max_pixels = 100e6})

typedef struct EntroFigure EntroFigure;

/* One row of the table of views. */
typedef struct {
    const char *key, *title, *about;
    const char *column; /* default statistic, NULL if the view has none */
    EntroFigure *(*build)(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                          const EntroPlotOptions *options, GError **error);
} EntroView;

ENTRO_API const EntroView *entro_views(guint *ret_n);
ENTRO_API const EntroView *entro_view_find(const char *key); /* NULL if there is none */

ENTRO_API EntroFigure *entro_plot_view(const EntroView *view, EntroStore *store,
                                       const EntroRunInfo *const *runs, guint n_runs,
                                       const EntroPlotOptions *options, GError **error);
ENTRO_API void entro_figure_free(EntroFigure *figure);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroFigure, entro_figure_free)

/* Format by suffix (.pdf, .svg, .png).  Written beside `path` and renamed. */
ENTRO_API gboolean entro_figure_write(const EntroFigure *figure, const char *path, GError **error);
/* Appends the SVG document.  `prefix` goes before every id in it, so that several figures can stand
 * in one page: letters, digits and '-', or "". */
ENTRO_API gboolean entro_figure_print_svg(const EntroFigure *figure, const char *prefix,
                                          GString *svg, GError **error);
/* Sentences worth showing on stderr (a substituted font); char * elements, borrowed. */
ENTRO_API const GPtrArray *entro_figure_get_notes(const EntroFigure *figure);

ENTRO_API const char *const *entro_palettes(void); /* names, NULL-terminated */
/* Its colour at `t` in [0, 1], as 0xRRGGBB; name NULL: the default. */
ENTRO_API guint32 entro_palette_sample(const char *name, double t);

G_END_DECLS

#endif
