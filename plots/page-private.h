/* page-private.h: charts, and the page that they stand on.
 *
 * A chart is a plot area with its axes and the data in it: a heat map, curves, bars.  A page is a
 * raster of charts under one title, with what they share drawn once: labels, colour bars, legends.
 * A view makes charts and adds them to a page; a recipe adds the charts of several views.  So any
 * chart can stand beside any other, and only the page knows where things go. */
#ifndef ENTRO_PAGE_PRIVATE_H
#define ENTRO_PAGE_PRIVATE_H

#include "layout-private.h"

typedef struct {
    double low, high; /* NaN: no value */
} EntroRange;

/* ---- scale.c: what values become ------------------------------------------------------------- */

/* One of the three scales of a chart: across, upwards, colours. */
typedef struct {
    EntroAxisKind kind;
    EntroRange range;   /* of the chart's own data; after sharing, of all */
    const char *shared; /* charts with this word and label may share the range; NULL: never */
    gboolean together;  /* they do, within a batch; between batches it is for the page to say */
    char *label;        /* NULL or "": none */
    gboolean from_zero; /* a range that is not below zero starts there */
    gboolean centred;   /* zero is in the middle: for differences */
    double widen;       /* part of the length, added at each end */
} EntroScale;

void entro_scale_add(EntroScale *scale, double value); /* not finite: passed over */
EntroAxis entro_scale_axis(const EntroScale *scale);
/* Width of the widest tick label, and of the bar with its ticks, that any length could ask for. */
double entro_scale_labels_width(const EntroScale *scale, const EntroFigure *figure);
/* So far a label of an axis across may reach beyond the plot. */
double entro_scale_half_label(const EntroScale *scale, const EntroFigure *figure);

/* ---- chart.c: what all charts have ------------------------------------------------------------ */

typedef struct EntroChart EntroChart;

typedef struct {
    double left, right, top, bottom;
} EntroMargins;

/* One row a kind of chart. */
typedef struct {
    const char *name;
    void (*clear)(EntroChart *chart); /* what the kind added to the struct; NULL: nothing */
    /* Fills in chart->need; the scales are final. */
    void (*measure)(EntroChart *chart, const EntroFigure *figure);
    double (*height)(const EntroChart *chart, const EntroFigure *figure, double plot_width);
    void (*draw)(EntroChart *chart, EntroFigure *figure, EntroBox plot);
} EntroChartKind;

/* The first member of every chart. */
struct EntroChart {
    const EntroChartKind *kind;
    char *title;      /* NULL: none */
    char *annotation; /* above the plot, at its right end; NULL: none */
    guint span;       /* columns of the page */
    EntroScale x, y;
    gboolean coloured; /* has a colour bar: */
    EntroScale colour;
    const EntroPalette *palette; /* of the bar */
    double palette_end;          /* share of the palette that is used */
    gboolean bar_downwards;      /* its low end is on top, as layer 0 in a heat map */
    const char *legend_title;    /* charts with the same one share a legend: "Runs" */
    EntroLegend legend;
    gboolean legend_beside; /* when the chart is alone */
    EntroLegend signs;      /* what else is drawn: hatching, crosses, dashed lines */
    GPtrArray *notes;       /* char *: sentences below */

    struct {
        EntroMargins around; /* ticks and their labels */
        double usual_width;  /* of the plot; INFINITY: what there is */
        double least_width;  /* so that the numbers in it have room; 0: any */
        double least_height; /* 0: any */
    } need;

    /* The page's. */
    guint batch;                       /* charts that were added together */
    guint row, column;                 /* where it stands */
    gboolean with_bar;                 /* draws its colour bar itself, on its right */
    double bar_width;                  /* with ticks */
    gboolean own_x, own_y, own_colour; /* draws these labels itself */
};

/* `size` bytes, of which the first are an EntroChart. */
gpointer entro_chart_new(const EntroChartKind *kind, gsize size, const char *title);
void entro_chart_free(EntroChart *chart);
/* In the place of a chart that has nothing to show. */
void entro_chart_draw_nothing(EntroFigure *figure, EntroBox plot, const char *words);
/* What runs across the chart; charts with the same `shared` may share its range. */
void entro_chart_set_across(EntroChart *chart, const char *label, EntroAxisKind kind,
                            const char *shared);
/* The axis across, with ticks, over the plot it is drawn into; the chart has been measured. */
EntroAxis entro_chart_axis_across(const EntroChart *chart, const EntroFigure *figure,
                                  EntroBox plot);
void entro_chart_add_note(EntroChart *chart, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- page.c ----------------------------------------------------------------------------------- */

struct EntroPage {
    const EntroPlotOptions *options; /* sizes; of the view that adds charts: its own */
    EntroFigure *figure;             /* for its theme and palette */
    GPtrArray *charts;               /* EntroChart * */
    char *title;                     /* NULL: none */
    guint n_columns;                 /* 0: chosen */
    guint alone_columns;             /* chosen when a view is alone on the page; 0: usual */
    gboolean composed; /* by a recipe: charts say themselves what a title would have said */
    char *batch_title; /* what the last view would call the figure */
    gboolean letters;  /* (a), (b) before the charts' titles */
    gboolean share_x, share_y, share_colour; /* also between batches */
    guint batch;
    GPtrArray *runs; /* char *: what has a colour of its own, in the order of the colours */

    /* Layout, points. */
    gboolean fixed_columns;
    guint n_rows;
    double *left, *right;               /* [n_columns] around the plots */
    double *top, *bottom, *plot_height; /* [n_rows] */
    double plot_width;                  /* of a column */
    double indent;                      /* on both sides, so that a figure is not too narrow */
    double outer_left, outer_bottom;    /* labels that all charts share */
    double side;                        /* beside all charts: a legend or a colour bar */
    double header, footer;
    gboolean one_bar;    /* a colour bar for the whole page */
    GPtrArray *legends;  /* EntroLegend *, below; in the order of the charts */
    EntroLegend *beside; /* of a chart that is alone, NULL: none */
    EntroLegend signs;
    GPtrArray *notes; /* char * */
};

EntroPage *entro_page_new(const EntroPlotOptions *options, GError **error);
void entro_page_free(EntroPage *page);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroPage, entro_page_free)
void entro_page_add(EntroPage *page, gpointer chart);          /* takes it */
void entro_page_set_title(EntroPage *page, const char *title); /* unless it has one */
/* The pen of what is called so: one and the same wherever on the page. */
EntroPen entro_page_pen(EntroPage *page, const char *name);
/* Lays everything out and draws it.  The figure is the caller's. */
EntroFigure *entro_page_finish(EntroPage *page, GError **error);

/* ---- page-layout.c ---------------------------------------------------------------------------- */

void entro_page_place(EntroPage *page); /* rows and columns; resolves the shared scales */
gboolean entro_page_fit(EntroPage *page, GError **error);

/* ---- page-geometry.c -------------------------------------------------------------------------- */

EntroBox entro_page_plot(const EntroPage *page, const EntroChart *chart);
EntroBox entro_page_plots(const EntroPage *page);                              /* all of them */
double entro_page_chart_width(const EntroPage *page, const EntroChart *chart); /* of its plot */
/* From the upper edge of the highest plot to the lower edge of the lowest one. */
double entro_page_plots_height(const EntroPage *page);
double entro_page_add_up(const double *number, guint n);
double entro_page_label_size(const EntroFigure *figure);
double entro_page_label_length(const EntroFigure *figure, const char *label);

/* ---- page-parts.c: what is drawn around the charts --------------------------------------------- */

void entro_page_collect(EntroPage *page);      /* legends, signs, notes */
void entro_page_share_labels(EntroPage *page); /* after each choice of rows and columns */
void entro_page_add_header(EntroPage *page);
/* A gap, the title, and the half line by which a tick label may reach above the plot. */
double entro_page_title_height(const EntroPage *page, const EntroChart *chart);
double entro_page_fit_footer(EntroPage *page);
void entro_page_draw_parts(EntroPage *page);

#endif
