/* theme.c: sizes, widths and colours that figures share.
 *
 * The one place for such numbers.  A preset for a journal is one more row. */
#include "figure-private.h"

static const EntroTheme themes[] = {
    {
        .key = "default",
        .font = "DejaVu Sans",
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
        .aspect = 0.62,
        .bar_aspect = 0.5,
        .bar_min = 6,
        .bar_gap = 0.2,
        .colour_bar = 9,
        .line_range = 0.93,
        .label_max = 150,
        .legend_lines = 16,
        .vector_cells = 1024,
        .image_side = 2048,
        .cells_side = 2048,
        .curve_points = 4000,
        .curve_buckets = 2,
        .ink = {0, 0, 0, 1},
        .faint = {0.35, 0.35, 0.35, 1},
        .grid = {0.88, 0.88, 0.88, 1},
        .missing = {0.8, 0.8, 0.8, 1},
        .alarm = {0.75, 0.1, 0.1, 1},
    },
};

const EntroTheme *
entro_theme_default(void)
{
    return &themes[0];
}
