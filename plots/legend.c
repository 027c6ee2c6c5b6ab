/* legend.c: swatches and names in a raster.  Always beside or below the panels: it covers no data. */
#include "layout-private.h"

static const double swatch_width = 1.8; /* of the font size */
static const double swatch_gap = 0.5;   /* between swatch and name */
static const double column_gap = 1.4;   /* between columns */
static const double row_pitch = 1.35;   /* of the height of a line */

typedef struct {
    EntroSwatch swatch;
    EntroPen pen;
    char *label;
} Entry;

static void
entry_clear(gpointer data)
{
    g_free(((Entry *)data)->label);
}

void
entro_legend_init(EntroLegend *legend)
{
    *legend = (EntroLegend){.entries = g_array_new(FALSE, FALSE, sizeof(Entry))};
    g_array_set_clear_func(legend->entries, entry_clear);
}

void
entro_legend_clear(EntroLegend *legend)
{
    g_clear_pointer(&legend->entries, g_array_unref);
    g_clear_pointer(&legend->heading, g_free);
}

void
entro_legend_add(EntroLegend *legend, EntroSwatch swatch, EntroPen pen, const char *label)
{
    const Entry entry = {swatch, pen, entro_text_clean(label)};

    g_array_append_val(legend->entries, entry);
}

void
entro_legend_set_heading(EntroLegend *legend, const char *heading)
{
    g_free(legend->heading);
    legend->heading = entro_text_clean(heading);
}

/* The same name in the same colour is the same thing, whether it is drawn as a line or as bars. */
static gboolean
same_thing(const Entry *a, const Entry *b)
{
    const gboolean drawn = (a->swatch == ENTRO_SWATCH_LINE || a->swatch == ENTRO_SWATCH_PATCH) &&
                           (b->swatch == ENTRO_SWATCH_LINE || b->swatch == ENTRO_SWATCH_PATCH);

    return (drawn || (a->swatch == b->swatch && a->pen.dash == b->pen.dash)) &&
           g_str_equal(a->label, b->label) && a->pen.colour.red == b->pen.colour.red &&
           a->pen.colour.green == b->pen.colour.green && a->pen.colour.blue == b->pen.colour.blue;
}

static Entry *
find_entry(const EntroLegend *legend, const Entry *wanted)
{
    for (guint i = 0; i < legend->entries->len; i++) {
        Entry *entry = &g_array_index(legend->entries, Entry, i);
        if (same_thing(entry, wanted))
            return entry;
    }
    return NULL;
}

gboolean
entro_legend_contradicts(const EntroLegend *legend, const EntroLegend *other)
{
    for (guint i = 0; i < legend->entries->len; i++)
        for (guint k = 0; k < other->entries->len; k++) {
            const Entry *a = &g_array_index(legend->entries, Entry, i);
            const Entry *b = &g_array_index(other->entries, Entry, k);
            if (g_str_equal(a->label, b->label) && !same_thing(a, b))
                return TRUE;
        }
    return FALSE;
}

void
entro_legend_merge(EntroLegend *legend, const EntroLegend *other)
{
    for (guint i = 0; i < other->entries->len; i++) {
        const Entry *entry = &g_array_index(other->entries, Entry, i);
        Entry *known = find_entry(legend, entry);
        if (!known)
            entro_legend_add(legend, entry->swatch, entry->pen, entry->label);
        else if (entry->pen.dash != ENTRO_SOLID) { /* dashes tell more than a patch */
            known->swatch = entry->swatch;
            known->pen = entry->pen;
        }
    }
}

static EntroTextStyle
name_style(const EntroFigure *figure, double max_width)
{
    EntroTextStyle style = entro_style_label(figure);

    style.size *= figure->theme.tick_scale;
    style.max_width = max_width;
    return style;
}

static double
name_offset(const EntroFigure *figure)
{
    return (swatch_width + swatch_gap) * figure->theme.font_size;
}

/* Size of a column that holds the widest name; no wider than max_width. */
static void
measure(EntroLegend *legend, const EntroFigure *figure, double max_width)
{
    const double room = MIN(figure->theme.label_max, max_width - name_offset(figure));
    const EntroTextStyle style = name_style(figure, MAX(room, 1));
    double widest = 0, tallest = entro_text_height(figure->text, style.size);

    for (guint i = 0; i < legend->entries->len; i++) {
        double width = 0, height = 0;
        entro_text_measure(figure->text, g_array_index(legend->entries, Entry, i).label, &style,
                           &width, &height);
        widest = MAX(widest, width);
        tallest = MAX(tallest, height);
    }
    legend->column_width = name_offset(figure) + widest;
    legend->row_height = tallest * row_pitch;
}

static void
set_columns(EntroLegend *legend, const EntroFigure *figure, guint n_columns)
{
    const guint n = legend->entries->len;
    const double gap = column_gap * figure->theme.font_size;

    legend->n_rows = (n + n_columns - 1) / n_columns;
    legend->n_columns = (n + legend->n_rows - 1) / legend->n_rows; /* no column left empty */
    legend->width = legend->n_columns * (legend->column_width + gap) - gap;
    legend->height = (legend->n_rows + (legend->heading ? 1 : 0)) * legend->row_height;
}

void
entro_legend_fit_width(EntroLegend *legend, const EntroFigure *figure, double max_width)
{
    const double gap = column_gap * figure->theme.font_size;

    if (legend->entries->len == 0)
        return;
    measure(legend, figure, max_width);
    const double columns = floor((max_width + gap) / (legend->column_width + gap));
    set_columns(legend, figure, (guint)CLAMP(columns, 1, legend->entries->len));
}

void
entro_legend_fit_height(EntroLegend *legend, const EntroFigure *figure, double max_height)
{
    const guint n = legend->entries->len;

    if (n == 0)
        return;
    measure(legend, figure, G_MAXDOUBLE);
    const guint rows = (guint)CLAMP(max_height / legend->row_height, 1, n);
    set_columns(legend, figure, (n + rows - 1) / rows);
}

static void
draw_line_swatch(EntroFigure *figure, const Entry *entry, EntroBox box)
{
    const double y = box.y + box.height / 2;

    entro_figure_add_rule(figure, box.x, y, entro_box_right(box), y, entry->pen,
                          figure->theme.data_line);
}

static void
draw_patch_swatch(EntroFigure *figure, const Entry *entry, EntroBox box)
{
    entro_figure_add_fill(figure, ENTRO_ROLE_DECOR, box, entry->pen.colour);
}

static void
draw_hatch_swatch(EntroFigure *figure, const Entry *entry, EntroBox box)
{
    draw_patch_swatch(figure, entry, box);
    EntroMark *hatch = entro_figure_add(figure, ENTRO_MARK_HATCH, ENTRO_ROLE_DECOR, box);
    hatch->n_rows = hatch->n_columns = 1;
    hatch->hatched = g_new(guint8, 1);
    hatch->hatched[0] = TRUE;
    hatch->pen.colour = figure->theme.faint;
}

static void
draw_cross_swatch(EntroFigure *figure, const Entry *entry, EntroBox box)
{
    const double place[] = {box.x + box.width / 2, box.y + box.height / 2};
    EntroMark *cross = entro_figure_add(figure, ENTRO_MARK_CROSSES, ENTRO_ROLE_DECOR, box);

    cross->pen = entry->pen;
    cross->line_width = figure->theme.cross;
    cross->n_points = 1;
    cross->points = g_memdup2(place, sizeof place);
}

static void (*const swatches[])(EntroFigure *figure, const Entry *entry, EntroBox box) = {
    [ENTRO_SWATCH_LINE] = draw_line_swatch,
    [ENTRO_SWATCH_PATCH] = draw_patch_swatch,
    [ENTRO_SWATCH_HATCH] = draw_hatch_swatch,
    [ENTRO_SWATCH_CROSS] = draw_cross_swatch,
};

void
entro_legend_draw(const EntroLegend *legend, EntroFigure *figure, double x, double y)
{
    const double font = figure->theme.font_size;
    const double pitch = legend->column_width + column_gap * font;
    const EntroTextStyle style = name_style(figure, legend->column_width - name_offset(figure) + 1);

    if (legend->heading) {
        EntroTextStyle heading = style;
        heading.max_width = legend->width;
        entro_figure_add_text(figure, ENTRO_ROLE_LEGEND, x + legend->width / 2,
                              y + 0.5 * legend->row_height, 0.5, 0.5, legend->heading, &heading);
        y += legend->row_height;
    }
    for (guint i = 0; i < legend->entries->len; i++) {
        const Entry *entry = &g_array_index(legend->entries, Entry, i);
        const double left = x + i % legend->n_columns * pitch;
        const double middle = y + (i / legend->n_columns + 0.5) * legend->row_height;
        const EntroBox box = {left, middle - font * 0.4, swatch_width * font, font * 0.8};
        swatches[entry->swatch](figure, entry, box);
        entro_figure_add_text(figure, ENTRO_ROLE_LEGEND, left + name_offset(figure), middle, 0, 0.5,
                              entry->label, &style);
    }
}
