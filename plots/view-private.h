/* view-private.h: what a view draws, apart from where it came from.
 *
 * views.c and the file of each view read the store and fill in one of these; grid.c, curves.c and
 * bars.c turn it into a figure.  Tests hand them in directly. */
#ifndef ENTRO_VIEW_PRIVATE_H
#define ENTRO_VIEW_PRIVATE_H

#include "layout-private.h"

typedef struct {
    double low, high; /* NaN: no value */
} EntroRange;

/* ---- grid.c: heat maps ----------------------------------------------------------------------- */

typedef struct {
    const EntroGrid *const *grids; /* a panel each; its run is the panel's title */
    guint n_grids;
    const char *title;
    const char *value_label; /* of the colour bar: "Head entropy (nats)" */
} EntroGridSpec;

EntroFigure *entro_grid_figure(const EntroGridSpec *spec, const EntroPlotOptions *options,
                               GError **error);

/* grid-text.c: the number in each cell. */
int entro_cell_decimals(double low, double high);
char *entro_cell_text(double value, int decimals);
/* Width and height of the largest such number, at font size 1. */
void entro_cell_measure(const EntroFigure *figure, double low, double high, double *ret_width,
                        double *ret_height);
void entro_cell_add_texts(EntroFigure *figure, const EntroGrid *grid, const EntroMark *cells,
                          int decimals, double size);

/* ---- curves.c: lines over training steps ----------------------------------------------------- */

typedef struct {
    char *title;
    GPtrArray *curves; /* EntroCurve *, owned */
    GArray *pens;      /* EntroPen, one a curve */
    double ceiling;    /* NaN: none; a dashed line */
    char *annotation;  /* above the plot, NULL: none */
    gboolean crosses;  /* where a curve's values end before it does */
    double stop;       /* step from which nothing is valid; NaN: none */
} EntroCurvePanel;

EntroCurvePanel *entro_curve_panel_new(const char *title);
void entro_curve_panel_add(EntroCurvePanel *panel, EntroCurve *curve, EntroPen pen); /* takes it */

typedef struct {
    const char *title, *x_label, *y_label; /* y_label NULL: the panels' titles say it */
    GPtrArray *panels;                     /* EntroCurvePanel *, owned */
    gboolean shared_y, log_y;
    gboolean from_zero; /* values that are not below zero have an axis from there */
    EntroFooter footer;
    EntroLegend beside;             /* for a single panel; may be empty */
    double first_layer, last_layer; /* NaN: no colour bar of layers */
} EntroCurveSpec;

void entro_curve_spec_init(EntroCurveSpec *spec);
void entro_curve_spec_clear(EntroCurveSpec *spec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroCurveSpec, entro_curve_spec_clear)

EntroFigure *entro_curves_figure(EntroCurveSpec *spec, const EntroPlotOptions *options,
                                 GError **error);

/* curve-points.c: a curve as marks. */
gboolean entro_curve_is_drawn(const EntroCurve *curve, gsize i, gboolean log_y);
/* Position of the first of the points at the end that cannot be drawn; curve->n: there are none. */
gsize entro_curve_end(const EntroCurve *curve);
void entro_curve_add(EntroFigure *figure, const EntroCurve *curve, EntroPen pen, const EntroAxis *x,
                     const EntroAxis *y, EntroBox plot, gboolean cross);

/* ---- bars.c: grouped bars -------------------------------------------------------------------- */

typedef struct {
    const char *title, *x_label, *y_label;
    guint n_groups, n_series;
    char **group;       /* [n_groups] tick labels */
    char **group_range; /* [n_groups] a second line, NULL: none */
    char **series;      /* [n_series] names */
    double *share;      /* [n_series][n_groups] percent */
    GPtrArray *notes;   /* char *: sentences below */
} EntroBarSpec;

EntroFigure *entro_bars_figure(const EntroBarSpec *spec, const EntroPlotOptions *options,
                               GError **error);

/* ---- views: store -> figure; one file each ---------------------------------------------------- */

/* Steps between what was selected and its figure. */
typedef struct {
    GPtrArray *grids;       /* EntroGrid *, one a run */
    double *ceiling;        /* [grids->len] read when M is the ceiling */
    gint64 *context_length; /* [grids->len] read when M is ln T */
    const char *value_label, *unit;
} EntroBandsInput;

EntroFigure *entro_bands_figure(const EntroBandsInput *input, const EntroPlotOptions *options,
                                GError **error);
/* Colours by depth, legend or colour bar, marks where a run ends in NaN. */
void entro_layerwise_finish(EntroCurveSpec *spec, const EntroPalette *palette);
/* Legend of the runs, and what crosses and missing values mean. */
void entro_scalars_explain(EntroCurveSpec *spec, const char *const *names, guint n_runs);

guint entro_panel_columns(guint n_panels);
/* Title and unit of a statistic, "Head entropy (nats)"; as plain text. */
char *entro_view_value_label(EntroStore *store, const char *column, GError **error);

EntroFigure *entro_view_headwise(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                                 const EntroPlotOptions *options, GError **error);
EntroFigure *entro_view_layerwise(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                                  const EntroPlotOptions *options, GError **error);
EntroFigure *entro_view_bands(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                              const EntroPlotOptions *options, GError **error);
EntroFigure *entro_view_scalars(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                                const EntroPlotOptions *options, GError **error);

/* The step at which run number `run` is to be drawn. */
static inline gint64
entro_view_step(const EntroPlotOptions *options, guint run)
{
    return options->steps != NULL ? options->steps[run] : options->step;
}

#endif
