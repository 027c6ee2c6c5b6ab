/* figure-samples.h: figures of every view in many shapes, made from made-up numbers.
 *
 * A table that the tests walk through, and that draw-samples writes into a folder to look at. */
#ifndef FIGURE_SAMPLES_H
#define FIGURE_SAMPLES_H

#include "view-private.h"

typedef struct {
    const char *name;
    EntroFigure *(*make)(GError **error);
} FigureSample;

const FigureSample *figure_samples(guint *ret_n);

/* Entropies from `low` to `high`, growing with layer and head; a formula, no random numbers. */
EntroGrid *sample_grid(const char *run, gsize n_layers, gsize n_heads, double low, double high);
EntroCurve *sample_curve(gint64 number, gsize n, double last_step, double start, double end);
/* Heads that fall from high to low, the deeper the faster; captures every `every` steps. */
EntroStepGrid *sample_steps(gsize n_layers, gsize n_heads, gsize n_captures, gint64 every);
void sample_spoil(EntroCurve *curve, gsize from); /* NaN from there on */

EntroPen sample_pen(guint k); /* of the usual set of lines */

/* A batch of charts on a page; grids are freed. */
gboolean sample_add_heat_maps(EntroPage *page, EntroGrid **grids, guint n, GError **error);
void sample_add_bands(EntroPage *page, EntroGrid **grids, guint n);
void sample_add_layers(EntroPage *page, guint n_runs, guint n_layers, gsize n_steps);
/* Titled, drawn and freed; NULL with the error when `added` is FALSE. */
EntroFigure *sample_finish(EntroPage *page, const char *title, gboolean added, GError **error);

/* Figures of one batch. */
EntroFigure *sample_heat_maps(EntroGrid **grids, guint n, const EntroPlotOptions *options,
                              GError **error);
EntroFigure *sample_bands(EntroGrid **grids, guint n, const EntroPlotOptions *options,
                          GError **error);
EntroFigure *sample_layers(guint n_runs, guint n_layers, gsize n_steps,
                           const EntroPlotOptions *options, GError **error);
/* Lying bars; `names`: [n_parts], of the parts and, again and again, of the bars. */
void sample_add_stack(EntroPage *page, guint n_bars, guint n_parts, double most,
                      const char *const *names);
EntroFigure *sample_stack(guint n_bars, guint n_parts, double most, const char *const *names,
                          const EntroPlotOptions *options, GError **error);
/* A loss above a timeline. */
void sample_add_timeline(EntroPage *page, guint n_rows, guint n_stretches, const char *const *names,
                         guint n_names);
EntroFigure *sample_timeline(guint n_rows, guint n_stretches, const char *const *names,
                             guint n_names, const EntroPlotOptions *options, GError **error);

#endif
