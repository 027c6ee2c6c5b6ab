/* layout-private.h: the parts that charts are drawn with: axes, colour bars, legends. */
#ifndef ENTRO_LAYOUT_PRIVATE_H
#define ENTRO_LAYOUT_PRIVATE_H

#include "figure-private.h"

/* ---- axis.c: from values to places, and ticks ------------------------------------------------ */

enum { ENTRO_MAX_TICKS = 24, ENTRO_TICK_CHARS = 40 };

typedef enum {
    ENTRO_AXIS_NUMBER,
    ENTRO_AXIS_WHOLE, /* whole numbers only */
    ENTRO_AXIS_STEP,  /* whole numbers, with K and M */
    ENTRO_AXIS_LAYER, /* whole numbers after an L */
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
/* Ticks in the middle of columns, labelled with their own training steps; at round ones where they can
 * be.  `step` ascends. */
void entro_axes_add_steps(EntroFigure *figure, EntroBox plot, const gint64 *step, gsize n);
double entro_axes_steps_width(const EntroFigure *figure, const gint64 *step, gsize n); /* widest */
/* Names of groups of cells, one above the other, right-aligned at x; `end` [n]: the cell after each
 * group, of the last: the number of cells. */
void entro_axes_add_groups(EntroFigure *figure, EntroBox plot, double x, const char *prefix,
                           const gint64 *number, const gsize *end, gsize n);
/* Names beside the middle of each of `n` rows of one height, as many as have room; the upper one is
 * the first. */
void entro_axes_add_names(EntroFigure *figure, EntroBox plot, const char *const *names, guint n);
double entro_axes_names_width(const EntroFigure *figure, const char *const *names, guint n);
/* Usual height of a row that has a name. */
double entro_axes_row_height(const EntroFigure *figure);
/* What axis labels, ticks and their labels take beside a plot. */
double entro_axes_tick_height(const EntroFigure *figure);
double entro_axes_tick_width(const EntroFigure *figure, double label_width);

/* A colour bar with its ticks on the right; upwards if axis->from is below axis->to. */
void entro_axes_add_colour_bar(EntroFigure *figure, EntroAxis *axis, EntroBox bar,
                               const EntroPalette *palette, double palette_end);

/* ---- legend.c -------------------------------------------------------------------------------- */

typedef enum {
    ENTRO_SWATCH_LINE,
    ENTRO_SWATCH_PATCH,
    ENTRO_SWATCH_HATCH,
    ENTRO_SWATCH_CROSS
} EntroSwatch;

typedef struct {
    GArray *entries; /* of this file's own kind */
    char *heading;   /* above them, NULL: none */
    guint n_columns, n_rows;
    double column_width, row_height;
    double width, height; /* 0 when it is empty */
} EntroLegend;

void entro_legend_init(EntroLegend *legend);
void entro_legend_clear(EntroLegend *legend);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroLegend, entro_legend_clear)
void entro_legend_add(EntroLegend *legend, EntroSwatch swatch, EntroPen pen, const char *label);
void entro_legend_fit_width(EntroLegend *legend, const EntroFigure *figure, double max_width);
void entro_legend_set_heading(EntroLegend *legend, const char *heading);
/* Whether one name stands for two things. */
gboolean entro_legend_contradicts(const EntroLegend *legend, const EntroLegend *other);
/* Adds the entries that are not there yet. */
void entro_legend_merge(EntroLegend *legend, const EntroLegend *other);
/* A single column, or as many as keep it within max_height. */
void entro_legend_fit_height(EntroLegend *legend, const EntroFigure *figure, double max_height);
void entro_legend_draw(const EntroLegend *legend, EntroFigure *figure, double x, double y);

#endif
