/* theme.c: sizes, widths and colours that figures share.
 *
 * The one place for such numbers.  A preset is what differs from the theme of all figures: a row. */
#include "figure-private.h"

static const EntroTheme base = {
    .key = "default",
    .font = "DejaVu Sans",
    .generic = "sans-serif",
    .lines = "bright",
    .font_size = 9,
    .title_scale = 1.15,
    .tick_scale = 0.85,
    .note_scale = 0.8,
    .value_min = 4.5,
    .value_max = 8,
    .value_fill = 0.9,
    .width_min = 3.25 * ENTRO_INCH,
    .width = 5.5 * ENTRO_INCH,
    .width_wide = 7 * ENTRO_INCH,
    .width_max = 14 * ENTRO_INCH,
    .pad = 6,
    .gap = 4,
    .tick = 3,
    .frame_line = 0.6,
    .data_line = 1.2,
    .dot = 1.6,
    .cross = 2.6,
    .mark_line = 0.9,
    .cell = 24,
    .cell_max = 40,
    .plot_min = 60,
    .plot_max = 330,
    .plot_tall = 500,
    .row = 2.4,
    .aspect = 0.62,
    .bar_aspect = 0.5,
    .bar_min = 6,
    .bar_gap = 0.2,
    .colour_bar = 9,
    .line_range = 0.93,
    .label_max = 150,
    .legend_lines = 16,
    .timeline_rows = 16,
    .vector_cells = 1024,
    .image_side = 2048,
    .cells_side = 2048,
    .map_cells = 1 << 20,
    .curve_points = 4000,
    .curve_buckets = 2,
    .ink = {0, 0, 0, 1},
    .faint = {0.35, 0.35, 0.35, 1},
    .grid = {0.88, 0.88, 0.88, 1},
    .missing = {0.8, 0.8, 0.8, 1},
    .alarm = {0.75, 0.1, 0.1, 1},
    .paper = {1, 1, 1, 1},
    .severity = {{0.66, 0.74, 0.84, 1}, {0.93, 0.62, 0.14, 1}, {0.67, 0.08, 0.1, 1}},
};

#define TIMES     "Times New Roman,Liberation Serif,Nimbus Roman,TeX Gyre Termes,Tinos,DejaVu Serif"
#define HELVETICA "Arial,Helvetica,Liberation Sans,Nimbus Sans,TeX Gyre Heros,Arimo,DejaVu Sans"
#define MODERN    "Latin Modern Roman,CMU Serif,DejaVu Serif"

/* The venue's font first, then fonts of the same metrics, then one that every Debian has. */
typedef struct {
    const char *key;
    double width;     /* inches of the column or page */
    const char *font; /* names, the first that is installed is used */
    const char *generic;
    double font_size;  /* the venue's text (its captions, where those are smaller) less one point */
    double small_size; /* of ticks and notes */
    double frame_line, data_line;
    double scale;  /* of lengths: ticks, dots, gaps */
    double pad;    /* LaTeX leaves room around a figure: little is needed */
    double aspect; /* of a plot of curves */
    const char *lines;
} Preset;

/* Widths of venues as their style files set them; fonts and sizes as their templates do. */
static const Preset presets[] = {
    {"neurips", 5.5, TIMES, "serif", 9, 7, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"iclr", 5.5, TIMES, "serif", 9, 7, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"icml", 3.25, TIMES, "serif", 8, 6, 0.5, 1, 0.9, 1.5, 0.62, "bright"},
    {"icml-wide", 6.75, TIMES, "serif", 8, 6, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"aaai", 3.3, TIMES, "serif", 9, 7, 0.5, 1, 0.9, 1.5, 0.62, "bright"},
    {"aaai-wide", 6.975, TIMES, "serif", 9, 7, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"cvpr", 3.25, TIMES, "serif", 8, 6, 0.5, 1, 0.9, 1.5, 0.62, "bright"},
    {"cvpr-wide", 6.875, TIMES, "serif", 8, 6, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"eccv", 4.8, MODERN, "serif", 8, 6, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"jmlr", 6, MODERN, "serif", 10, 8, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"tmlr", 6.5, MODERN, "serif", 9, 7, 0.5, 1, 1, 1.5, 0.62, "bright"},
    {"ieee", 3.5, TIMES, "serif", 8, 7, 0.5, 1, 0.9, 1.5, 0.62, "ieee"},
    {"ieee-wide", 7.16, TIMES, "serif", 8, 7, 0.5, 1, 1, 1.5, 0.62, "ieee"},
    {"nature", 3.5, HELVETICA, "sans-serif", 7, 6, 0.5, 1, 0.9, 1.5, 0.62, "okabe-ito"},
    {"nature-wide", 7.2, HELVETICA, "sans-serif", 7, 6, 0.5, 1, 1, 1.5, 0.62, "okabe-ito"},
    {"slides", 10, HELVETICA, "sans-serif", 18, 15, 1.2, 2.4, 1.8, 8, 0.42, "vibrant"},
};

enum { N_THEMES = G_N_ELEMENTS(presets) + 1 }; /* the first is that without a preset */

static void
scale_lengths(EntroTheme *theme, double scale)
{
    double *const lengths[] = {&theme->gap,        &theme->tick,      &theme->dot,
                               &theme->cross,      &theme->mark_line, &theme->plot_min,
                               &theme->colour_bar, &theme->label_max, &theme->bar_min};

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
        *lengths[i] *= scale;
}

/* A figure of a set width is as wide when it has little on it, and never wider. */
static void
set_width(EntroTheme *theme, double width)
{
    theme->page_width = theme->width = theme->width_wide = width;
    theme->width_min = theme->width_max = width;
    theme->label_max = MIN(theme->label_max, width / 2);
}

static EntroTheme
make_theme(const Preset *preset)
{
    EntroTheme theme = base;

    theme.key = preset->key;
    theme.font = preset->font;
    theme.generic = preset->generic;
    theme.font_size = preset->font_size;
    theme.title_scale = 1;
    theme.tick_scale = theme.note_scale = preset->small_size / preset->font_size;
    theme.frame_line = preset->frame_line;
    theme.data_line = preset->data_line;
    theme.pad = preset->pad;
    theme.aspect = preset->aspect;
    theme.bar_aspect = MIN(theme.bar_aspect, preset->aspect);
    theme.lines = preset->lines;
    theme.value_max = MAX(theme.value_max, preset->small_size);
    scale_lengths(&theme, preset->scale);
    set_width(&theme, preset->width * ENTRO_INCH);
    return theme;
}

static const EntroTheme *
themes(void)
{
    static EntroTheme made[N_THEMES];
    static gsize done = 0;

    if (g_once_init_enter(&done)) {
        made[0] = base;
        for (guint i = 0; i < G_N_ELEMENTS(presets); i++)
            made[i + 1] = make_theme(&presets[i]);
        g_once_init_leave(&done, 1);
    }
    return made;
}

const EntroTheme *
entro_theme_default(void)
{
    return &themes()[0];
}

const char *const *
entro_presets(void)
{
    static const char *names[N_THEMES + 1];

    for (guint i = 0; i < N_THEMES; i++)
        names[i] = themes()[i].key;
    return names;
}

const EntroTheme *
entro_theme_find(const char *preset, GError **error)
{
    if (!preset)
        return entro_theme_default();
    for (guint i = 0; i < N_THEMES; i++)
        if (g_str_equal(themes()[i].key, preset))
            return &themes()[i];
    entro_fail_unknown("preset", preset, entro_presets(), error);
    return NULL;
}
