/* figure-private.h: a figure as a list of marks, and what makes and draws them.
 *
 * Layout and drawing are apart: a view measures text, decides where everything goes and adds marks;
 * canvas.c only paints them.  So a test can ask every box of a figure without a pixel.
 * Lengths are points (1/72 inch), y grows downwards, (0,0) is the upper left corner. */
#ifndef ENTRO_FIGURE_PRIVATE_H
#define ENTRO_FIGURE_PRIVATE_H

#include <cairo.h>
#include <pango/pangocairo.h>

#include "entro-plot.h"

#define ENTRO_INCH 72.0 /* points */

typedef struct {
    double x, y, width, height;
} EntroBox;

static inline double
entro_box_right(EntroBox box)
{
    return box.x + box.width;
}

static inline double
entro_box_bottom(EntroBox box)
{
    return box.y + box.height;
}

/* ---- plot-error.c --------------------------------------------------------------------------- */

/* ARGUMENT, with what files may have in their names made safe.  Returns FALSE. */
gboolean entro_plot_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* "there is no KIND "NAME"; there are ...": ARGUMENT. */
void entro_fail_unknown(const char *kind, const char *name, const char *const *known,
                        GError **error);

/* ---- palette.c, line-sets.c ----------------------------------------------------------------- */

typedef struct {
    double red, green, blue, alpha;
} EntroColour;

typedef struct {
    const char *name;
    guint n;
    const guint32 *anchor; /* [n] 0xRRGGBB */
    gboolean diverging;    /* lightest in the middle */
} EntroPalette;

typedef enum {
    ENTRO_SOLID,
    ENTRO_DASHED,
    ENTRO_DOTTED,
    ENTRO_DASH_DOTTED,
    ENTRO_N_DASHES
} EntroDash;

typedef struct {
    EntroColour colour;
    EntroDash dash;
} EntroPen;

enum { ENTRO_DASH_PARTS = 4 };
typedef struct {
    int n;                           /* 0: solid */
    double length[ENTRO_DASH_PARTS]; /* drawn, not drawn, ...; times the width of the line */
} EntroDashes;
extern const EntroDashes entro_dashes[ENTRO_N_DASHES];

/* Colours of lines and bars, in this order. */
typedef struct {
    const char *name;
    guint n;
    const guint32 *colour; /* [n] 0xRRGGBB */
    gboolean dashed;       /* neighbours differ in their dashes too: also in black and white */
    gboolean safe;         /* neighbours can be told apart with any colour vision */
} EntroLineSet;

#define ENTRO_DIVERGING "BuRd" /* for differences, unless another is asked for */

enum { ENTRO_LINE_COLOURS = 8 }; /* of the default set */

EntroColour entro_colour(guint32 rgb);
const EntroPalette *entro_palette_find(const char *name, GError **error); /* NULL: the default */
EntroColour entro_palette_at(const EntroPalette *palette, double t);
const EntroLineSet *entro_line_set_find(const char *name, GError **error); /* NULL: the default */
/* Colour and dash of the k-th of any number of lines. */
EntroPen entro_line_pen_of(const EntroLineSet *set, guint k);
EntroColour entro_colour_text_on(EntroColour ground); /* black or white */

/* ---- theme.c -------------------------------------------------------------------------------- */

/* Every length, size and limit of a figure. */
typedef struct {
    const char *key;
    const char *font;                           /* names, comma between: the first installed */
    const char *generic;                        /* what may stand in for it: "serif" */
    const char *lines;                          /* name of a set of line colours */
    double page_width;                          /* of every figure; 0: from the content */
    double font_size;                           /* axis labels, legend, panel titles */
    double title_scale, tick_scale, note_scale; /* times font_size */
    double value_min, value_max;                /* font sizes of the number in a cell */
    double value_fill;                          /* share of a cell that its number may take */
    double width_min;                           /* of a figure whose content is small */
    double width, width_wide, width_max;        /* one panel; several; with the content's leave */
    double pad, gap;                            /* at the canvas's edge; between parts */
    double tick;                                /* length */
    double frame_line, data_line, mark_line;    /* axes; curves; what is marked on them */
    double dot, cross;                          /* radius */
    double cell, cell_max;                      /* side of a heat map's cell: usual, largest */
    double plot_min, plot_max;                  /* side of a plot area */
    double plot_tall;                           /* height of a heat map with many layers */
    double row;                                 /* height of a row of a stretched heat map */
    double aspect, bar_aspect;                  /* height by width of a plot of curves, of bars */
    double bar_min, bar_gap; /* narrowest bar; gap between groups, by their width */
    double colour_bar;       /* width of a colour bar */
    double line_range;       /* share of a palette used for lines: its light end fades on white */
    double label_max;        /* widest name of a run in a legend */
    guint legend_lines;      /* more layers than this get a colour bar */
    guint timeline_rows;     /* more findings than this share rows */
    guint vector_cells;      /* more cells than this become an image */
    guint image_side;        /* pixels; a cell is magnified to at most 16 within it */
    gsize cells_side;        /* more cells a side are refused */
    gsize curve_points;      /* longer curves are thinned */
    double curve_buckets;    /* per point of width, when thinned */
    gsize map_cells;         /* cells of all stretched heat maps, or attention maps, of a view */
    EntroColour ink, faint, grid, missing, alarm, paper;
    EntroColour severity[ENTRO_SEVERITY_CRITICAL + 1];
} EntroTheme;

const EntroTheme *entro_theme_default(void);
const EntroTheme *entro_theme_find(const char *preset, GError **error); /* NULL: the default */

/* ---- text.c --------------------------------------------------------------------------------- */

typedef struct {
    double size; /* points */
    EntroColour colour;
    gboolean bold;
    gboolean turned;  /* reads upwards */
    double max_width; /* > 0: wrapped to max_lines lines, then shortened */
    guint max_lines;  /* 0 and 1: shortened in the middle instead of wrapped */
    gboolean centred; /* lines of wrapped text */
} EntroTextStyle;

typedef struct EntroText EntroText;

/* `families`: names, comma between; the first that is installed is used. */
EntroText *entro_text_new(const char *families);
void entro_text_free(EntroText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroText, entro_text_free)

char *entro_text_clean(const char *raw);      /* valid UTF-8, no control characters, not too long */
char *entro_text_clean_long(const char *raw); /* the same, of any length */
/* A title within a sentence: "head entropy"; "FFN" and "NaN" keep their capitals. */
char *entro_text_lower_first(const char *title);
char *
entro_text_missing_font(const EntroText *text); /* what is used instead of the first, or NULL */
/* Width and height of the box that the text takes. */
void entro_text_measure(const EntroText *text, const char *string, const EntroTextStyle *style,
                        double *ret_width, double *ret_height);
double entro_text_height(const EntroText *text, double size); /* of one line */
typedef struct {
    char *string;              /* in logical order */
    double x, baseline, width; /* in a box whose text is not turned */
    gboolean from_right;       /* reads from right to left */
} EntroTextLine;

GArray *entro_text_lines(const EntroText *text, const char *string, const EntroTextStyle *style);
char *entro_text_css_families(const EntroText *text, const char *generic);
/* Draws into a box of the size that was measured; `canvas` comes from entro_text_begin(). */
PangoContext *entro_text_begin(const EntroText *text, cairo_t *cr);
void entro_text_draw(const EntroText *text, PangoContext *canvas, cairo_t *cr, const char *string,
                     const EntroTextStyle *style, EntroBox box);

/* ---- figure.c ------------------------------------------------------------------------------- */

typedef enum {
    ENTRO_MARK_NONE,     /* only takes its place */
    ENTRO_MARK_TEXT,     /* text, style */
    ENTRO_MARK_FILL,     /* box filled with pen.colour */
    ENTRO_MARK_FRAME,    /* outline of the box */
    ENTRO_MARK_LINE,     /* points; a NaN breaks the line; clipped to the box if `clipped` */
    ENTRO_MARK_DOTS,     /* points, a disc each */
    ENTRO_MARK_CROSSES,  /* points, a diagonal cross each */
    ENTRO_MARK_CELLS,    /* n_rows x n_columns colours over the box; alpha 0 is left blank */
    ENTRO_MARK_HATCH,    /* diagonal lines in the cells whose `hatched` is set */
    ENTRO_MARK_BAND,     /* points of polygons, a NaN after each; clipped to the box */
    ENTRO_MARK_GRADIENT, /* palette between from and to, upwards if from < to */
} EntroMarkKind;

/* What a mark is for.  Those before ENTRO_ROLE_INSIDE take their place alone: no two overlap. */
typedef enum {
    ENTRO_ROLE_TITLE,
    ENTRO_ROLE_PANEL_TITLE,
    ENTRO_ROLE_AXIS_LABEL,
    ENTRO_ROLE_TICK_LABEL,
    ENTRO_ROLE_ANNOTATION,
    ENTRO_ROLE_LEGEND,
    ENTRO_ROLE_COLOUR_BAR,
    ENTRO_ROLE_NOTE,
    ENTRO_ROLE_PLOT,   /* the area between the axes */
    ENTRO_ROLE_INSIDE, /* data: lies within a plot */
    ENTRO_ROLE_VALUE,  /* text over data: within a plot, no two overlap */
    ENTRO_ROLE_DECOR,  /* ticks and frames: lie within the canvas */
} EntroRole;

typedef struct {
    EntroMarkKind kind;
    EntroRole role;
    EntroBox box;
    EntroPen pen;
    double line_width; /* also the radius of dots and crosses */
    char *text;
    EntroTextStyle style;
    double *points; /* [n_points][2] */
    gsize n_points;
    gboolean clipped;
    gsize n_rows, n_columns;
    EntroColour *cells; /* [n_rows][n_columns] */
    guint8 *hatched;    /* [n_rows][n_columns] */
    const EntroPalette *palette;
    double from, to;
} EntroMark;

struct EntroFigure {
    double width, height; /* points */
    EntroTheme theme;
    EntroText *text;
    const EntroPalette *palette;
    const EntroLineSet *lines;
    GPtrArray *marks; /* EntroMark *, in the order of painting */
    GPtrArray *notes; /* char * */
    /* For the file's metadata; NULL: not known. */
    char *title;
    char *about;   /* view, runs and steps in words */
    char *redraw;  /* a command line */
    char *created; /* ISO 8601 */
    double dpi, max_pixels;
};

/* Theme, font and limits from the options; nothing on it yet. */
EntroFigure *entro_figure_new(const EntroPlotOptions *options, GError **error);
void entro_figure_set_created(EntroFigure *figure, const char *date); /* ignored if not ISO 8601 */
/* For the metadata: what is drawn, after what is said already. */
void entro_figure_add_about(EntroFigure *figure, const char *about);
void entro_figure_add_note(EntroFigure *figure, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The mark is the figure's; the caller fills in what its kind needs. */
EntroMark *entro_figure_add(EntroFigure *figure, EntroMarkKind kind, EntroRole role, EntroBox box);
EntroMark *entro_figure_add_points(EntroFigure *figure, EntroMarkKind kind, EntroBox box,
                                   EntroPen pen, double line_width, GArray *points);
/* The area between two curves of as many points (double x, double y, ...), which are taken out; a NaN
 * in either breaks it.  The colour's alpha counts. */
EntroMark *entro_figure_add_band(EntroFigure *figure, EntroBox box, EntroColour colour,
                                 const GArray *lower, const GArray *upper);
void entro_figure_add_rule(EntroFigure *figure, double x1, double y1, double x2, double y2,
                           EntroPen pen, double line_width);
EntroBox entro_figure_add_fill(EntroFigure *figure, EntroRole role, EntroBox box,
                               EntroColour colour);
/* Text with its point (across, down) of its box, each 0 to 1, at (x, y); cleaned first. */
EntroBox entro_figure_add_text(EntroFigure *figure, EntroRole role, double x, double y,
                               double across, double down, const char *string,
                               const EntroTextStyle *style);

/* Styles of the theme. */
EntroTextStyle entro_style_title(const EntroFigure *figure);
EntroTextStyle entro_style_label(const EntroFigure *figure); /* axis labels, legend */
EntroTextStyle entro_style_tick(const EntroFigure *figure);
EntroTextStyle entro_style_note(const EntroFigure *figure);

/* ---- settings.c ----------------------------------------------------------------------------- */

gboolean entro_plot_parse_flag(const char *value, gboolean *ret_flag); /* FALSE: neither */
/* Whether it means something to the view, or belongs to the whole figure. */
gboolean entro_plot_setting_fits(const EntroPlotSetting *row, const EntroView *view);
gboolean entro_plot_settings_has(const EntroPlotSettings *settings, const char *key);
gboolean entro_plot_settings_copy(EntroPlotSettings *settings, const EntroPlotSettings *from,
                                  const char *key, GError **error);

/* ---- canvas.c ------------------------------------------------------------------------------- */

void entro_figure_draw(const EntroFigure *figure, cairo_t *cr);
/* Where a cell is painted: beyond its own place, under the neighbours that are painted after it. */
EntroBox entro_cell_paint_box(const EntroMark *mark, gsize row, gsize column);
GArray *entro_hatch_boxes(const EntroMark *mark); /* EntroBox; they cover the hatched cells once */
EntroBox entro_cell_box(const EntroMark *mark, gsize row, gsize column);
/* Each cell is a square of `magnified` pixels; ask its cairo_surface_status(). */
cairo_surface_t *entro_cells_image(const EntroMark *mark, guint magnified);

extern const double entro_hatch_distance; /* points between hatch lines, measured across */
extern const double entro_hatch_line;     /* width of one */
extern const double entro_cross_line;     /* width of the strokes of a cross */

/* ---- figure-write.c, figure-pdf.c, figure-svg.c, figure-png.c -------------------------------- */

typedef enum { ENTRO_FORMAT_PDF, ENTRO_FORMAT_SVG, ENTRO_FORMAT_PNG } EntroFormat;

/* To an open file, which stays open.  `name` is for the message. */
gboolean entro_figure_write_fd(const EntroFigure *figure, EntroFormat format, int fd,
                               const char *name, GError **error);

typedef struct {
    int fd;
    const char *name;
    int error; /* errno of the first failed write, 0: none */
} EntroStream;

cairo_status_t entro_stream_write(void *stream, const unsigned char *bytes, unsigned int n);
void entro_stream_take(gpointer stream, const guchar *bytes, guint n); /* the same */
/* FALSE if a write failed or cairo did. */
gboolean entro_stream_check(const EntroStream *stream, cairo_status_t status, GError **error);

gboolean entro_figure_write_pdf(const EntroFigure *figure, EntroStream *stream, GError **error);
gboolean entro_figure_write_svg(const EntroFigure *figure, EntroStream *stream, GError **error);
gboolean entro_figure_write_png(const EntroFigure *figure, EntroStream *stream, GError **error);

typedef struct {
    const char *key, *value; /* value NULL: left out */
} EntroPngText;

typedef struct {
    cairo_surface_t *surface; /* an image, RGB24 or ARGB32 of opaque and blank pixels */
    double dpi;               /* 0: none said */
    const EntroPngText *texts;
    guint n_texts;
} EntroPng;

typedef void (*EntroPngWrite)(gpointer data, const guchar *bytes, guint n);
gboolean entro_png_write(const EntroPng *image, EntroPngWrite write, gpointer data);

#endif
