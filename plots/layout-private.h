/* layout-private.h: where the parts of a figure go.
 *
 * A figure is a title, a raster of panels, and a footer (legend, notes); beside the panels there
 * may be a legend or a colour bar.  A view fills in an EntroPanels and an EntroFooter, lets them be
 * fitted, and then draws each panel into its plot area. */
#ifndef ENTRO_LAYOUT_PRIVATE_H
#define ENTRO_LAYOUT_PRIVATE_H

#include "figure-private.h"

/* ---- axis.c: from values to places, and ticks ------------------------------------------------ */

enum { ENTRO_MAX_TICKS = 24, ENTRO_TICK_CHARS = 40 };

typedef enum {
    ENTRO_AXIS_NUMBER,
    ENTRO_AXIS_WHOLE, /* whole numbers only */
    ENTRO_AXIS_STEP,  /* whole numbers, with K and M */
    ENTRO_AXIS_LOG,   /* powers of ten; low > 0 */
} EntroAxisKind;

typedef struct {
    EntroAxisKind kind;
    double low, high; /* values at its ends, low < high */
    double from, to;  /* where those lie, points */
    guint n_ticks;
    double tick[ENTRO_MAX_TICKS];
    char label[ENTRO_MAX_TICKS][ENTRO_TICK_CHARS];
    int exponent; /* the labels are times 10^exponent: entro_axis_factor() */
} EntroAxis;

/* Extends [low, high], which may start as NaN, to a value; NaN and infinite ones are passed over. */
void entro_range_add(double *low, double *high, double value);
/* An axis over [low, high]; room is made when that is empty, a point, or too narrow for doubles. */
EntroAxis entro_axis_new(EntroAxisKind kind, double low, double high);
void entro_axis_widen(EntroAxis *axis, double part); /* each end, by that part of the length */
double entro_axis_place(const EntroAxis *axis, double value);

/* As many nice ticks as have room between from and to without touching.  A label may reach beyond the
 * ends: half a line when upright, else `room`. */
void entro_axis_fit_upright(EntroAxis *axis, const EntroFigure *figure);
void entro_axis_fit_across(EntroAxis *axis, const EntroFigure *figure, double room);
double entro_axis_label_width(const EntroAxis *axis, const EntroFigure *figure);
char *entro_axis_factor(const EntroAxis *axis); /* "×10⁻¹²", or "" */
/* Every how many cells of that size a label may stand, if the largest label is label_size. */
guint entro_axis_stride(double cell, double label_size, double gap);

/* ---- axes.c: axes drawn ---------------------------------------------------------------------- */

void entro_axes_add_x(EntroFigure *figure, const EntroAxis *axis, EntroBox plot, gboolean grid);
void entro_axes_add_y(EntroFigure *figure, const EntroAxis *axis, EntroBox plot, gboolean grid);
/* Ticks in the middle of `n` cells along an edge of the plot; their names are `number`, or 0, 1, 2
 * and so on if that is NULL. */
void entro_axes_add_index(EntroFigure *figure, EntroBox plot, const gint64 *number, gsize n,
                          gboolean upright);
/* What axis labels, ticks and their labels take beside a plot. */
double entro_axes_tick_height(const EntroFigure *figure);
double entro_axes_tick_width(const EntroFigure *figure, double label_width);

/* A colour bar with its ticks on the right; upwards if axis->from is below axis->to. */
void entro_axes_add_colour_bar(EntroFigure *figure, EntroAxis *axis, EntroBox bar,
                               const EntroPalette *palette, double palette_end);
double entro_axes_colour_bar_width(const EntroFigure *figure, const EntroAxis *axis);

/* ---- legend.c -------------------------------------------------------------------------------- */

typedef enum {
    ENTRO_SWATCH_LINE,
    ENTRO_SWATCH_PATCH,
    ENTRO_SWATCH_HATCH,
    ENTRO_SWATCH_CROSS
} EntroSwatch;

typedef struct {
    GArray *entries; /* of this file's own kind */
    guint n_columns, n_rows;
    double column_width, row_height;
    double width, height; /* 0 when it is empty */
} EntroLegend;

void entro_legend_init(EntroLegend *legend);
void entro_legend_clear(EntroLegend *legend);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroLegend, entro_legend_clear)
void entro_legend_add(EntroLegend *legend, EntroSwatch swatch, EntroPen pen, const char *label);
void entro_legend_fit_width(EntroLegend *legend, const EntroFigure *figure, double max_width);
/* A single column, or as many as keep it within max_height. */
void entro_legend_fit_height(EntroLegend *legend, const EntroFigure *figure, double max_height);
void entro_legend_draw(const EntroLegend *legend, EntroFigure *figure, double x, double y);

/* ---- panels.c -------------------------------------------------------------------------------- */

typedef struct {
    guint n, n_columns, n_rows;
    double indent; /* on both sides, so that a figure is not too narrow */
    /* Around each plot: tick labels, panel title, own colour bar. */
    double left, right, top, bottom;
    double outer_left, outer_bottom; /* labels of the axes, once for all panels */
    double side;                     /* beside all panels: a legend or a colour bar */
    double header, footer;           /* title; legend and notes */
    double plot_width, plot_height;
} EntroPanels;

/* Both set plot_... from the option where it is given, else keep it, and set the figure's size.
 * ARGUMENT when the size given leaves no room. */
gboolean entro_panels_fit_width(EntroPanels *panels, EntroFigure *figure, double inches,
                                GError **error);
gboolean entro_panels_fit_height(EntroPanels *panels, EntroFigure *figure, double inches,
                                 GError **error);
double entro_panels_around_width(const EntroPanels *panels, const EntroFigure *figure);
EntroBox entro_panels_plot(const EntroPanels *panels, const EntroFigure *figure, guint panel);
EntroBox entro_panels_all(const EntroPanels *panels, const EntroFigure *figure); /* all plots */
double entro_panels_title_height(const EntroFigure *figure);                     /* for `top` */
void entro_panels_add_title(const EntroPanels *panels, EntroFigure *figure, guint panel,
                            const char *title);
void entro_panels_add_labels(const EntroPanels *panels, EntroFigure *figure, const char *x_label,
                             const char *y_label);
double entro_panels_label_size(const EntroFigure *figure); /* for outer_left and outer_bottom */
double entro_panels_label_length(const EntroFigure *figure, const char *label);
/* Adds the title (NULL or "": none) and sets panels->header.  After fit_width. */
void entro_panels_add_header(EntroPanels *panels, EntroFigure *figure, const char *title);

/* Legend and sentences below the panels. */
typedef struct {
    EntroLegend legend;
    EntroLegend signs; /* what else is drawn: hatching, crosses, dashed lines */
    GPtrArray *notes;  /* char * */
} EntroFooter;

void entro_footer_init(EntroFooter *footer);
void entro_footer_clear(EntroFooter *footer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroFooter, entro_footer_clear)
void entro_footer_add_note(EntroFooter *footer, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* After fit_width, before fit_height; and after fit_height. */
void entro_footer_fit(EntroFooter *footer, EntroPanels *panels, const EntroFigure *figure);
void entro_footer_draw(const EntroFooter *footer, const EntroPanels *panels, EntroFigure *figure);

#endif
