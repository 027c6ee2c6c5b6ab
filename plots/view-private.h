/* view-private.h: the kinds of charts, and the views that make charts from the store. */
#ifndef ENTRO_VIEW_PRIVATE_H
#define ENTRO_VIEW_PRIVATE_H

#include "page-private.h"

/* ---- heat-chart.c: heat maps ------------------------------------------------------------------ */

typedef struct {
    EntroChart chart;
    gsize n_rows, n_columns;
    double *value;         /* [n_rows][n_columns] */
    guint8 *state;         /* [n_rows][n_columns] EntroCellState */
    gint64 *row_number;    /* [n_rows], NULL: 0, 1, 2, ... */
    gint64 *column_number; /* [n_columns], the same */
    gint64 *row_group;     /* [n_rows] layer of each, its number beside the rows; NULL: none */
    gboolean name_rows;    /* with groups: where there is room, their own numbers too */
    gboolean steps;        /* the columns are training steps */
    gboolean stretched;    /* as wide as there is room, with rows as thin as they have to be */
    gboolean framed;       /* where blank cells would leave the edge open */
    gboolean values;       /* the number in each cell */
    gint64 decimals;       /* of it; -1: by the size of the values */
} EntroHeatChart;

/* The chart is the page's.  LIMIT when there are too many cells. */
EntroHeatChart *entro_heat_chart_add(EntroPage *page, const char *title, gsize n_rows,
                                     gsize n_columns, const double *value, const guint8 *state,
                                     GError **error);
/* Layers and heads; `value_label`: "Head entropy (nats)". */
EntroHeatChart *entro_heat_chart_add_heads(EntroPage *page, const EntroGrid *grid,
                                           const char *title, const char *value_label,
                                           GError **error);
/* What the hatched cells are, if there are any, instead of "no valid row (NaN)". */
void entro_heat_chart_explain_hatch(EntroHeatChart *heat, const EntroFigure *figure,
                                    const char *words);
/* Heads over training: rows are heads, one layer under the other, columns are captures. */
typedef struct {
    gsize n_rows, n_columns;
    gint64 *layer, *head; /* [n_rows] ascending */
    gint64 *step;         /* [n_columns] ascending */
    double *value;        /* [n_rows][n_columns] */
    guint8 *state;        /* [n_rows][n_columns] EntroCellState */
} EntroStepGrid;

void entro_step_grid_free(EntroStepGrid *grid);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroStepGrid, entro_step_grid_free)
EntroHeatChart *entro_heat_chart_add_steps(EntroPage *page, const EntroStepGrid *grid,
                                           const char *title, const char *value_label,
                                           GError **error);
/* EMPTY when no heat map of the page's batch has a cell, and none of its lines a point. */
gboolean entro_heads_check(const EntroPage *page, GError **error);

/* heat-text.c: the number in each cell. */
int entro_cell_decimals(double low, double high); /* by their size */
char *entro_cell_text(double value, int decimals);
/* Width and height of the largest such number, at font size 1. */
void entro_cell_measure(const EntroFigure *figure, double low, double high, int decimals,
                        double *ret_width, double *ret_height);
void entro_cell_add_texts(EntroFigure *figure, const EntroHeatChart *heat, const EntroMark *cells,
                          int decimals, double size);

/* ---- curve-chart.c: lines over training steps, layers or positions ------------------------------ */

/* The area between two curves: a confidence interval, quartiles. */
typedef struct {
    gsize n;
    double *x, *low, *high; /* [n]; a NaN in any breaks it */
    EntroColour colour;     /* with alpha */
} EntroBand;

typedef struct {
    EntroChart chart;
    GPtrArray *curves; /* EntroCurve *, owned */
    GArray *pens;      /* EntroPen, one a curve */
    GPtrArray *bands;  /* EntroBand *, owned; behind all curves */
    double ceiling;    /* NaN: none; a dashed line */
    gboolean crosses;  /* where a curve's values end before it does */
    double limit;      /* NaN: none; a dashed line upwards */
    gboolean dots;     /* at each value: there are few */
    double stop;       /* step from which nothing is valid; NaN: none */
} EntroCurveChart;

/* The chart is the page's; its x axis is of training steps, shared within the batch. */
EntroCurveChart *entro_curve_chart_add(EntroPage *page, const char *title, const char *y_label);
void entro_curve_chart_add_curve(EntroCurveChart *lines, EntroCurve *curve, EntroPen pen);
/* Copies the numbers. */
void entro_curve_chart_add_band(EntroCurveChart *lines, const double *x, const double *low,
                                const double *high, gsize n, EntroColour colour);
void entro_curve_chart_set_ceiling(EntroCurveChart *lines, double ceiling);
void entro_curve_chart_set_limit(EntroCurveChart *lines, double limit);
/* Bands of few runs may be wider than everything else: the axis goes no further beyond the curves than
 * the curves themselves do; a note says where bands are cut. */
void entro_curve_chart_limit_bands(EntroCurveChart *lines);
/* With `cross`: the words for the crosses, if there is a curve that has one. */
void entro_curve_chart_explain(EntroCurveChart *lines, const EntroFigure *figure,
                               const char *cross);
/* EMPTY when no curve of the page's batch has a point. */
gboolean entro_curves_check(const EntroPage *page, GError **error);

/* curve-points.c: a curve as marks. */
gboolean entro_curve_is_drawn(const EntroCurve *curve, gsize i, gboolean log_y);
/* Position of the first of the points at the end that cannot be drawn; curve->n: there are none. */
gsize entro_curve_end(const EntroCurve *curve);
void entro_curve_add(EntroFigure *figure, const EntroCurve *curve, EntroPen pen, const EntroAxis *x,
                     const EntroAxis *y, EntroBox plot, gboolean cross);
void entro_curve_add_dots(EntroFigure *figure, const EntroCurve *curve, EntroPen pen,
                          const EntroAxis *x, const EntroAxis *y, EntroBox plot);
void entro_band_add(EntroFigure *figure, const EntroBand *band, const EntroAxis *x,
                    const EntroAxis *y, EntroBox plot);

/* ---- bar-chart.c: grouped bars ----------------------------------------------------------------- */

typedef struct {
    EntroChart chart;
    guint n_groups, n_series;
    char **group;       /* [n_groups] tick labels */
    char **group_range; /* [n_groups] a second line, NULL: none */
    double *share;      /* [n_series][n_groups] */
    EntroColour *fill;  /* [n_series] */
    gboolean percent;   /* of a whole: the axis ends at 100, numbers have a sign */
    gint64 decimals;    /* of the numbers above; -1: by the size of the values */
} EntroBarChart;

/* Copies everything.  `group_range` may be NULL.  The series are in the legend "Runs". */
EntroBarChart *entro_bar_chart_add(EntroPage *page, const char *title, guint n_groups,
                                   const char *const *group, const char *const *group_range,
                                   guint n_series, const char *const *series, const double *share);
/* "58%", "0.7%", "<1%". */
char *entro_bar_text(double value, int decimals, const char *sign);

/* ---- stack-chart.c: lying bars of parts, a row each ---------------------------------------------- */

typedef struct {
    const char *name;
    EntroColour colour;
} EntroStackPart;

typedef struct {
    EntroChart chart;
    guint n_bars, n_parts;
    GPtrArray *names;    /* [n_bars] char * */
    GArray *values;      /* [n_bars][n_parts] double */
    GArray *ranges;      /* [n_bars] EntroRange: what the sum is between; NaN: as it stands */
    GArray *marks;       /* [n_bars] double: another number for the sum, a cross; NaN: none */
    EntroColour *colour; /* [n_parts] */
    gint64 decimals;     /* of the sum behind each bar; -1: by the size of the sums */
} EntroStackChart;

/* The chart is the page's; the parts are in its legend. */
EntroStackChart *entro_stack_chart_add(EntroPage *page, const char *title,
                                       const EntroStackPart *parts, guint n_parts);
void entro_stack_chart_add_bar(EntroStackChart *stack, const char *name, const double *value,
                               EntroRange range, double mark);

/* ---- timeline-chart.c: stretches of training steps, in rows with names --------------------------- */

typedef struct {
    EntroChart chart;
    GPtrArray *names;  /* char *, one a row */
    GArray *stretches; /* of this file's own kind */
    char *nothing;     /* said where there are no rows */
} EntroTimelineChart;

/* The chart is the page's; its x axis is shared with curves of the batch. */
EntroTimelineChart *entro_timeline_chart_add(EntroPage *page, const char *title,
                                             const char *nothing);
void entro_timeline_chart_add_row(EntroTimelineChart *timeline, const char *name);
/* Later ones are painted over earlier ones.  `open`: it goes on beyond its end. */
void entro_timeline_chart_add_stretch(EntroTimelineChart *timeline, guint row, EntroRange steps,
                                      gboolean open, EntroColour colour);

/* ---- views: store -> figure; one file each ---------------------------------------------------- */

/* Runs and options that a view draws from; defined here because only views look into it. */
struct EntroViewInput {
    EntroStore *store;
    const EntroRunInfo *const *runs;
    guint n_runs;
    const EntroPlotOptions *options; /* column filled in */
};

/* Adds the charts of a view as a batch of their own. */
gboolean entro_page_add_view(EntroPage *page, const EntroView *view, const EntroViewInput *input,
                             GError **error);
const char *entro_view_run_name(const EntroViewInput *input, guint run); /* label, or name */
/* *ret_curve is NULL, without error, when the run has no such scalar. */
gboolean entro_view_select_scalar(const EntroViewInput *input, guint run, const char *name,
                                  EntroCurve **ret_curve, GError **error);
/* "layer 3, head 0", "layer 3", "head 0 of each layer", "all heads". */
char *entro_view_head_name(EntroHeadChoice choice);
/* Title and unit of a statistic, "Head entropy (nats)"; as plain text. */
char *entro_view_value_label(EntroStore *store, const char *column, GError **error);

/* trace-views.c: views that read traces. */
typedef struct {
    EntroSource *source;
    char *name; /* of the run, or of the file where that says more */
} EntroViewTrace;

/* EntroViewTrace *, freed with the array.  ARGUMENT when none is named. */
GPtrArray *entro_view_open_traces(const EntroViewInput *input, GError **error);
EntroRowOptions entro_view_row_options(const EntroPlotOptions *options);
/* `head` ENTRO_ALL: any head of the layer. */
gboolean entro_view_head_is_chosen(const EntroPlotOptions *options, gint64 layer, gint64 head);
/* Lines of a chart: the layers of a trace, or the heads that were chosen. */
GArray *entro_view_row_groups(const EntroTrace *trace, const EntroPlotOptions *options);
void entro_view_colour_groups(EntroPage *page, EntroCurveChart *const *lines, guint n);
/* Why rows are not valid: "6 NaN, 2 masked", or without numbers; "" when all are. */
char *entro_view_row_classes(const gsize *count, gboolean numbers);
/* How many rows have no entropy, and why. */
void entro_view_note_rows(EntroChart *chart, const EntroViewTrace *trace, const EntroRowSet *set);
/* What could not be read, and what was assumed. */
void entro_view_note_origin(EntroPage *page, const EntroViewTrace *trace,
                            const EntroRowOrigin *origin);
/* With the sample, and with the step if it is the same for all; else a note says each. */
void entro_view_set_title(EntroPage *page, const char *title, const GPtrArray *traces,
                          const gint64 *step, gint64 sample);

/* A view that draws several charts: which.  `parts` ends in NULL.  ARGUMENT: there is none such. */
gboolean entro_view_check_part(const EntroPlotOptions *options, const char *const *parts,
                               GError **error);
gboolean entro_view_has_part(const EntroPlotOptions *options, const char *part);
/* grids.c: one EntroGrid a run, of the column and the steps of the options. */
GPtrArray *entro_view_select_grids(const EntroViewInput *input, GError **error);
gsize entro_count_cells(const EntroGrid *grid, EntroCellState state);
gboolean entro_grids_same_step(const GPtrArray *grids);
char *entro_grids_title(const GPtrArray *grids, const char *title); /* with the step if it is one */
/* The run's, with its step where the runs are at different ones. */
char *entro_grids_name(const EntroPage *page, const EntroViewInput *input, const GPtrArray *grids,
                       guint run);
/* "Steps: a 100, b 200", one by one. */
void entro_steps_append(GString *list, const char *name, gint64 step);

/* What entropy-bands has selected, before it is put into bands. */
typedef struct {
    GPtrArray *grids;       /* EntroGrid *, one a run */
    const char **names;     /* [grids->len] */
    double *ceiling;        /* [grids->len] read when M is the ceiling */
    gint64 *context_length; /* [grids->len] read when M is ln T */
    const char *value_label, *unit;
} EntroBandsInput;

void entro_bands_add(EntroPage *page, const EntroBandsInput *input);
/* EntroFinding elements, most severe first, from the first to the last step of their run. */
EntroTimelineChart *entro_findings_add(EntroPage *page, const char *title,
                                       const GPtrArray *findings, gint64 first_step,
                                       gint64 last_step);
/* Variance and mean of each layer over the heads of a grid; `unit`: the one in `value_label`. */
void entro_layer_spread_add(EntroPage *page, const GPtrArray *grids, const char *const *names,
                            const char *value_label, const char *unit);
/* Colours by depth: the numbers of the curves are layers; with a legend or colour bar. */
void entro_layer_colours(EntroPage *page, EntroCurveChart *const *lines, guint n);
/* That, and marks where a run ends in NaN; for the charts from
 * `first` on. */
void entro_layerwise_finish(EntroPage *page, EntroCurveChart *const *lines, guint n);

/* Each adds charts to the page, and a title if it has none. */
EntroViewBuild entro_view_headwise, entro_view_layerwise, entro_view_bands, entro_view_scalars,
    entro_view_headwise_steps, entro_view_headwise_difference, entro_view_attention_map,
    entro_view_row_entropy, entro_view_query_entropy;
EntroViewBuild entro_view_layer_spread, entro_view_cost, entro_view_findings, entro_view_seeds;

/* The step at which run number `run` is to be drawn. */
static inline gint64
entro_view_step(const EntroPlotOptions *options, guint run)
{
    return options->steps != NULL ? options->steps[run] : options->step;
}

#endif
