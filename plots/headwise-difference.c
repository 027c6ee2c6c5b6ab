/* headwise-difference.c: the view headwise-difference, from the store to heat maps: B minus A, head by
 * head.
 *
 * A is the first run, each of the others is a B.  Colours are centred on 0. */
#include "view-private.h"

static gsize
find_row(const EntroGrid *grid, gint64 layer)
{
    gsize row = 0;

    while (row < grid->n_rows && grid->row_layer[row] != layer)
        row++;
    return row;
}

/* ABSENT also where the grid has no such place. */
static EntroCellState
cell_of(const EntroGrid *grid, gint64 layer, gsize head, double *ret_value)
{
    const gsize row = find_row(grid, layer);

    if (row == grid->n_rows || head >= grid->n_columns)
        return ENTRO_CELL_ABSENT;
    *ret_value = grid->value[row * grid->n_columns + head];
    return grid->state[row * grid->n_columns + head];
}

/* Layers that either has, ascending. */
static GArray *
join_layers(const EntroGrid *a, const EntroGrid *b)
{
    GArray *layers = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (gsize i = 0, k = 0; i < a->n_rows || k < b->n_rows;) {
        const gint64 of_a = i < a->n_rows ? a->row_layer[i] : G_MAXINT64;
        const gint64 of_b = k < b->n_rows ? b->row_layer[k] : G_MAXINT64;
        const gint64 layer = MIN(of_a, of_b);
        g_array_append_val(layers, layer);
        i += of_a == layer;
        k += of_b == layer;
    }
    return layers;
}

/* Counts the heads that only one of the two has. */
static EntroGrid *
subtract(const EntroGrid *b, const EntroGrid *a, gsize *ret_n_alone)
{
    g_autoptr(GArray) layers = join_layers(a, b);
    EntroGrid *grid = g_new0(EntroGrid, 1);

    grid->n_rows = layers->len;
    grid->n_columns = MAX(a->n_columns, b->n_columns);
    grid->row_layer = g_memdup2(layers->data, layers->len * sizeof(gint64));
    grid->value = g_new(double, grid->n_rows * grid->n_columns);
    grid->state = g_new0(guint8, grid->n_rows * grid->n_columns);
    *ret_n_alone = 0;
    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++) {
        const gint64 layer = grid->row_layer[cell / grid->n_columns];
        const gsize head = cell % grid->n_columns;
        double of_a = NAN, of_b = NAN;
        const EntroCellState in_a = cell_of(a, layer, head, &of_a);
        const EntroCellState in_b = cell_of(b, layer, head, &of_b);
        *ret_n_alone += (in_a == ENTRO_CELL_ABSENT) != (in_b == ENTRO_CELL_ABSENT);
        grid->value[cell] = of_b - of_a;
        if (in_a == ENTRO_CELL_VALUE && in_b == ENTRO_CELL_VALUE)
            grid->state[cell] = ENTRO_CELL_VALUE;
        else if (in_a != ENTRO_CELL_ABSENT && in_b != ENTRO_CELL_ABSENT)
            grid->state[cell] = ENTRO_CELL_UNDEFINED;
    }
    return grid;
}

/* ---- words ------------------------------------------------------------------------------------- */

/* "SM − SM+LN"; with the steps where they differ, and with these alone for one run. */
static char *
title_of(const EntroViewInput *input, guint run, gint64 step_b, gint64 step_a)
{
    const char *b = entro_view_run_name(input, run), *a = entro_view_run_name(input, 0);

    if (step_a == step_b)
        return g_strdup_printf("%s − %s", b, a);
    if (g_str_equal(a, b))
        return g_strdup_printf("%s, step %" G_GINT64_FORMAT " − step %" G_GINT64_FORMAT, b, step_b,
                               step_a);
    return g_strdup_printf("%s, step %" G_GINT64_FORMAT " − %s, step %" G_GINT64_FORMAT, b, step_b,
                           a, step_a);
}

/* "Difference of head entropy (nats)" */
static char *
difference_label(const char *value_label)
{
    g_autofree char *rest = entro_text_lower_first(value_label);

    return *rest ? g_strdup_printf("Difference of %s", rest) : g_strdup("Difference");
}

/* ---- the view ---------------------------------------------------------------------------------- */

typedef struct {
    char *label;
    const EntroPalette *palette;
} Look;

static gboolean
choose_look(Look *look, EntroPage *page, const EntroViewInput *input, GError **error)
{
    const char *wanted = input->options->palette;
    g_autofree char *value_label =
        entro_view_value_label(input->store, input->options->column, error);
    if (!value_label)
        return FALSE;

    look->palette =
        wanted ? entro_palette_find(wanted, error) : entro_palette_find(ENTRO_DIVERGING, error);
    if (!look->palette)
        return FALSE;
    if (!look->palette->diverging)
        entro_figure_add_note(page->figure,
                              "the palette %s does not diverge: no difference has no colour of its "
                              "own",
                              look->palette->name);
    look->label = difference_label(value_label);
    return TRUE;
}

static gboolean
add_difference(EntroPage *page, const EntroGrid *b, const EntroGrid *a, const char *title,
               const Look *look, GError **error)
{
    gsize n_alone = 0;
    g_autoptr(EntroGrid) grid = subtract(b, a, &n_alone);
    EntroHeatChart *heat = entro_heat_chart_add_heads(page, grid, title, look->label, error);
    if (!heat)
        return FALSE;

    heat->chart.palette = look->palette;
    heat->chart.colour.centred = TRUE;
    heat->framed = TRUE; /* no difference is as light as the paper */
    if (n_alone > 0) {
        g_ptr_array_set_size(heat->chart.notes, 0); /* of blank cells: said here instead */
        entro_chart_add_note(&heat->chart,
                             "%s: blank where only one of the two has the head (%" G_GSIZE_FORMAT
                             " heads).",
                             title, n_alone);
    }
    return TRUE;
}

gboolean
entro_view_headwise_difference(EntroPage *page, const EntroViewInput *input, GError **error)
{
    Look look = {NULL, NULL};
    g_autoptr(GPtrArray) grids = entro_view_select_grids(input, error);
    if (!grids || !choose_look(&look, page, input, error))
        return FALSE;

    g_autofree char *label = look.label;
    const EntroGrid *a = grids->pdata[0];
    for (guint run = 1; run < grids->len; run++) {
        const EntroGrid *b = grids->pdata[run];
        g_autofree char *title = title_of(input, run, b->step, a->step);
        if (!add_difference(page, b, a, title, &look, error))
            return FALSE;
    }
    g_autofree char *heading = entro_grids_title(grids, label);
    entro_page_set_title(page, heading);
    return entro_heads_check(page, error);
}
