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

#include "entro-rows.h"
#include "entro-store.h"

G_BEGIN_DECLS

#define ENTRO_PLOT_ERROR (entro_plot_error_quark())
ENTRO_API GQuark entro_plot_error_quark(void);

typedef enum {
    ENTRO_PLOT_ERROR_ARGUMENT, /* an option that does not fit the view, an unknown suffix */
    ENTRO_PLOT_ERROR_EMPTY,    /* nothing to draw */
    ENTRO_PLOT_ERROR_LIMIT,    /* over max_pixels, or too many cells */
    ENTRO_PLOT_ERROR_READ,     /* a recipe that cannot be read */
    ENTRO_PLOT_ERROR_WRITE,    /* the file could not be written; an old one is still whole */
} EntroPlotError;

typedef struct {
    const char *column;        /* statistic, NULL: the view's own */
    gint64 step;               /* views of one capture: of every run, or */
    const gint64 *steps;       /* [n_runs] of each; NULL: `step` */
    const char *const *labels; /* [n_runs] what each run is called; NULL: its name */
    gboolean values;           /* write the number into each cell */
    gboolean shared_scale;     /* one colour scale, or one y axis, for all runs */
    EntroBandMax band_max;
    double band_value;          /* a fixed M; NaN: by band_max */
    const char *const *scalars; /* names; NULL: by the view, in `scalars` all that there are */
    gboolean log_y;             /* of curves */
    /* Views that read a trace: */
    const char *const *traces; /* paths, NULL-terminated; NULL: none */
    const EntroHeadChoice *heads;
    guint n_heads; /* 0: all */
    gint64 sample; /* ENTRO_ALL: the mean over all */
    /* Views of several runs: */
    const char *by;  /* configuration key that groups them, NULL: none */
    double level;    /* confidence */
    gint64 decimals; /* of the numbers in cells and above bars; -1: by their size */
    /* Views that draw several charts: */
    const char *part; /* this one alone; NULL: all */
    /* The view `cost`: */
    const char *const *archs;         /* instead of runs */
    gint64 sizes[ENTRO_COST_N_SIZES]; /* ENTRO_COST_NOT_GIVEN: the run's, or GPT-2 small's */
    double bandwidth;                 /* Mbit/s; NaN: as it was measured */
    const char *const *measured;      /* "GB/MINUTES", one a bar; NULL: none */
    /* The figure: */
    const char *title;   /* NULL: the view's own; "": none */
    const char *preset;  /* widths, fonts and lines of a venue; NULL: default */
    const char *palette; /* NULL: viridis */
    const char *lines;   /* set of line colours, NULL: the preset's */
    double width;        /* inches; NaN: the preset's, or from the content */
    double height;       /* inches; NaN: from the content */
    double font_size;    /* points; NaN: the preset's */
    const char *font;    /* family, or some with commas between; NULL: the preset's */
    double dpi;          /* PNG only */
    double max_pixels;   /* PNG only */
    const char *redraw;  /* command line for the file's metadata; NULL: none */
} EntroPlotOptions;

#define ENTRO_PLOT_OPTIONS_DEFAULT                                                                 \
    ((EntroPlotOptions){.step = ENTRO_STEP_LAST,                                                   \
                        .band_max = ENTRO_BAND_POOLED,                                             \
                        .band_value = NAN,                                                         \
                        .sample = ENTRO_ALL,                                                       \
                        .level = 0.95,                                                             \
                        .decimals = -1,                                                            \
                        .sizes = ENTRO_COST_NO_SIZES,                                              \
                        .bandwidth = NAN,                                                          \
                        .width = NAN,                                                              \
                        .height = NAN,                                                             \
                        .font_size = NAN,                                                          \
                        .dpi = 150,                                                                \
                        .max_pixels = 100e6})

/* One row of the table of options: from words, as a command line or a recipe gives them. */
typedef struct {
    const char *key, *argument, *about; /* argument NULL: takes none, "yes" turns it on */
    gboolean many;                      /* may be repeated */
    gboolean may_be_empty;              /* a text */
    gboolean of_figure;                 /* of the whole figure, not of one view in it */
    gsize offset;                       /* of this stage */
    double least, most;                 /* of a number */
} EntroPlotSetting;

ENTRO_API const EntroPlotSetting *entro_plot_setting(guint i); /* NULL after the last */

typedef struct EntroPlotSettings EntroPlotSettings;

ENTRO_API EntroPlotSettings *entro_plot_settings_new(void);
ENTRO_API void entro_plot_settings_free(EntroPlotSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroPlotSettings, entro_plot_settings_free)
/* ARGUMENT, with a message that begins with the key. */
ENTRO_API gboolean entro_plot_settings_set(EntroPlotSettings *settings, const char *key,
                                           const char *value, GError **error);
/* ARGUMENT when something was set that means nothing to the view. */
ENTRO_API gboolean entro_plot_settings_check(const EntroPlotSettings *settings, const char *view,
                                             GError **error);
/* Whether the view draws runs with these settings: not if it reads traces, or architectures are named. */
ENTRO_API gboolean entro_plot_settings_draw_runs(const EntroPlotSettings *settings,
                                                 const char *view);
/* The options, which point into the settings.  ARGUMENT when steps or labels are neither one nor as
 * many as the runs. */
ENTRO_API gboolean entro_plot_settings_get(EntroPlotSettings *settings, guint n_runs,
                                           EntroPlotOptions *ret_options, GError **error);

typedef struct EntroFigure EntroFigure;
typedef struct EntroPage EntroPage;           /* of this stage */
typedef struct EntroViewInput EntroViewInput; /* of this stage */
typedef gboolean EntroViewBuild(EntroPage *page, const EntroViewInput *input, GError **error);

/* One row of the table of views. */
typedef struct {
    const char *key, *title, *about;
    const char *column; /* default statistic, NULL if the view has none */
    gboolean all_steps; /* draws every step; else one */
    guint min_runs;     /* 0: needs none */
    const char *takes;  /* keys of the settings that mean something to it, blanks between */
    EntroViewBuild *build;
} EntroView;

ENTRO_API const EntroView *entro_views(guint *ret_n);
ENTRO_API const EntroView *entro_view_find(const char *key); /* NULL if there is none */

ENTRO_API EntroFigure *entro_plot_view(const EntroView *view, EntroStore *store,
                                       const EntroRunInfo *const *runs, guint n_runs,
                                       const EntroPlotOptions *options, GError **error);
ENTRO_API void entro_figure_free(EntroFigure *figure);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroFigure, entro_figure_free)

/* ---- recipes: several views in one figure ----------------------------------------------------- */

typedef struct EntroRecipe EntroRecipe;

/* Reads and checks an INI file; errors name file and line.  READ, ARGUMENT, LIMIT. */
ENTRO_API EntroRecipe *entro_recipe_read(const char *path, GError **error);
ENTRO_API void entro_recipe_free(EntroRecipe *recipe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRecipe, entro_recipe_free)
ENTRO_API char *entro_recipe_find_db(const EntroRecipe *recipe); /* its path; NULL: says none */
/* `store` may be NULL if no panel needs one.  `runs` (NULL-terminated, or NULL) are for panels that
 * name none; what was `given` on the command line (or NULL) goes before what stands in [figure]. */
ENTRO_API EntroFigure *entro_recipe_draw(const EntroRecipe *recipe, EntroStore *store,
                                         const char *const *runs, const EntroPlotSettings *given,
                                         const char *redraw, GError **error);

/* ---- files ------------------------------------------------------------------------------------ */

/* Format by suffix (.pdf, .svg, .png).  Written beside `path` and renamed. */
ENTRO_API gboolean entro_figure_write(const EntroFigure *figure, const char *path, GError **error);
/* Appends the SVG document.  `prefix` goes before every id in it, so that several figures can stand
 * in one page: letters, digits and '-', or "". */
ENTRO_API gboolean entro_figure_print_svg(const EntroFigure *figure, const char *prefix,
                                          GString *svg, GError **error);
/* Sentences worth showing on stderr (a substituted font); char * elements, borrowed. */
ENTRO_API const GPtrArray *entro_figure_get_notes(const EntroFigure *figure);

/* Names, NULL-terminated. */
ENTRO_API const char *const *entro_view_keys(void);
ENTRO_API const char *const *entro_presets(void);
ENTRO_API const char *const *entro_palettes(void);
ENTRO_API const char *const *entro_line_sets(void);
/* Its colour at `t` in [0, 1], as 0xRRGGBB; name NULL: the default. */
ENTRO_API guint32 entro_palette_sample(const char *name, double t);

G_END_DECLS

#endif
