/* headwise-steps.c: the view headwise-steps, from the store to heat maps: each head at each capture.
 *
 * Of more captures than there can be columns, two columns stand for a stretch of them: each head's
 * least and greatest value in it, in the order in which they came. */
#include "view-private.h"

enum { COLUMNS_MIN = 64 }; /* however many rows there are */

/* ---- rows -------------------------------------------------------------------------------------- */

/* Places of the chosen heads in the history. */
static GArray *
choose_heads(const EntroHistory *history, const EntroPlotOptions *options)
{
    GArray *chosen = g_array_new(FALSE, FALSE, sizeof(gsize));

    for (gsize i = 0; i < history->n_heads; i++)
        if (entro_view_head_is_chosen(options, history->layer[i], history->head[i]))
            g_array_append_val(chosen, i);
    return chosen;
}

/* Runs may differ in their shapes: what one lacks is said. */
static void
note_missing(EntroHeatChart *heat, const char *run, const EntroHistory *history,
             const EntroPlotOptions *options)
{
    for (guint i = 0; i < options->n_heads; i++) {
        g_autofree char *name = entro_view_head_name(options->heads[i]);
        const EntroPlotOptions one = {.heads = &options->heads[i], .n_heads = 1};
        gboolean found = FALSE;
        for (gsize k = 0; k < history->n_heads && !found; k++)
            found = entro_view_head_is_chosen(&one, history->layer[k], history->head[k]);
        if (!found)
            entro_chart_add_note(&heat->chart, "%s has no such head: %s.", run, name);
    }
}

static gboolean
check_heads(const EntroFigure *figure, const char *run, gsize n_heads, GError **error)
{
    const gsize most = figure->theme.cells_side;
    if (n_heads <= most)
        return TRUE;

    g_autofree char *name = entro_quote_name(run);
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                "the run %s has %" G_GSIZE_FORMAT
                " heads to draw, and a heat map at most %" G_GSIZE_FORMAT
                " rows: choose heads, as with --head '0.*' --head '5.*'",
                name, n_heads, most);
    return FALSE;
}

/* ---- columns ----------------------------------------------------------------------------------- */

/* One head along the captures of a history: its value, and whether it was there. */
typedef struct {
    const EntroHistory *history; /* columns: the statistic, the number of rows */
    gsize head;
} Track;

static EntroCellState
state_at(const Track *track, gsize capture)
{
    const gsize cell = capture * track->history->n_heads + track->head;

    return !isnan(track->history->value[0][cell])  ? ENTRO_CELL_VALUE
           : isnan(track->history->value[1][cell]) ? ENTRO_CELL_ABSENT
                                                   : ENTRO_CELL_UNDEFINED;
}

static double
value_at(const Track *track, gsize capture)
{
    return track->history->value[0][capture * track->history->n_heads + track->head];
}

/* Captures of [start, end) with the least and the greatest value; FALSE if there is none. */
static gboolean
find_extremes(const Track *track, gsize start, gsize end, gsize *ret_least, gsize *ret_greatest)
{
    gboolean found = FALSE;

    for (gsize i = start; i < end; i++) {
        if (state_at(track, i) != ENTRO_CELL_VALUE)
            continue;
        if (!found || value_at(track, i) < value_at(track, *ret_least))
            *ret_least = i;
        if (!found || value_at(track, i) > value_at(track, *ret_greatest))
            *ret_greatest = i;
        found = TRUE;
    }
    return found;
}

static gboolean
find_state(const Track *track, gsize start, gsize end, EntroCellState state, gsize *ret_capture)
{
    for (gsize i = start; i < end; i++)
        if (state_at(track, i) == state) {
            *ret_capture = i;
            return TRUE;
        }
    return FALSE;
}

/* The two captures that stand for [start, end).  One without a valid row is shown beside the value
 * that lies further from the head's value before. */
static void
choose_pair(const Track *track, gsize start, gsize end, gsize pair[2])
{
    gsize least = start, greatest = start, bad = start;

    pair[0] = start;
    pair[1] = end - 1;
    if (!find_extremes(track, start, end, &least, &greatest)) {
        if (find_state(track, start, end, ENTRO_CELL_UNDEFINED, &bad))
            pair[0] = pair[1] = bad;
        return;
    }
    if (find_state(track, start, end, ENTRO_CELL_UNDEFINED, &bad)) {
        const double before = start > 0 ? value_at(track, start - 1) : NAN;
        const gboolean low =
            fabs(value_at(track, least) - before) > fabs(value_at(track, greatest) - before);
        least = low ? least : greatest;
        greatest = bad;
    }
    pair[0] = MIN(least, greatest);
    pair[1] = MAX(least, greatest);
}

/* Captures that two thinned columns stand for: an even number, so that columns are as even as steps. */
static gsize
stretch_of(gsize n_steps, gsize n_columns)
{
    const gsize n_pairs = (n_columns + 1) / 2, length = (n_steps + n_pairs - 1) / n_pairs;

    return length + length % 2;
}

/* Two columns for each stretch; the last one may have a single capture, and a single column. */
static void
fill_thinned(EntroStepGrid *grid, gsize row, const Track *track)
{
    const gsize n_steps = track->history->n_steps;
    const gsize length = stretch_of(n_steps, grid->n_columns);

    for (gsize column = 0; column < grid->n_columns; column += 2) {
        const gsize start = column / 2 * length;
        gsize pair[2];
        choose_pair(track, start, MIN(start + length, n_steps), pair);
        for (gsize side = 0; side < 2 && column + side < grid->n_columns; side++) {
            const gsize cell = row * grid->n_columns + column + side;
            grid->value[cell] = value_at(track, pair[side]);
            grid->state[cell] = (guint8)state_at(track, pair[side]);
        }
    }
}

static void
fill_all(EntroStepGrid *grid, gsize row, const Track *track)
{
    for (gsize i = 0; i < grid->n_columns; i++) {
        grid->value[row * grid->n_columns + i] = value_at(track, i);
        grid->state[row * grid->n_columns + i] = (guint8)state_at(track, i);
    }
}

/* Columns that n_steps captures get. */
static gsize
count_columns(const EntroFigure *figure, gsize n_rows, gsize n_steps)
{
    const EntroTheme *theme = &figure->theme;
    const gsize most = CLAMP(theme->map_cells / MAX(n_rows, 1), COLUMNS_MIN, theme->cells_side);
    if (n_steps <= most)
        return n_steps;

    const gsize length = stretch_of(n_steps, most);
    return 2 * (n_steps / length) + MIN(n_steps % length, 2);
}

/* The step of a thinned column is that where its half of the stretch begins. */
static gint64
step_of(const EntroHistory *history, gsize n_columns, gsize column)
{
    const gsize length = stretch_of(history->n_steps, n_columns);

    if (n_columns == history->n_steps)
        return history->step[column];
    return history->step[MIN(column * (length / 2), history->n_steps - 1)];
}

static EntroStepGrid *
make_grid(const EntroHistory *history, const GArray *chosen, gsize n_columns)
{
    EntroStepGrid *grid = g_new0(EntroStepGrid, 1);

    grid->n_rows = chosen->len;
    grid->n_columns = n_columns;
    grid->layer = g_new(gint64, grid->n_rows);
    grid->head = g_new(gint64, grid->n_rows);
    grid->step = g_new(gint64, n_columns);
    grid->value = g_new(double, grid->n_rows *n_columns);
    grid->state = g_new(guint8, grid->n_rows * n_columns);
    for (gsize column = 0; column < n_columns; column++)
        grid->step[column] = step_of(history, n_columns, column);
    for (gsize row = 0; row < grid->n_rows; row++) {
        const Track track = {history, g_array_index(chosen, gsize, row)};
        grid->layer[row] = history->layer[track.head];
        grid->head[row] = history->head[track.head];
        if (n_columns == history->n_steps)
            fill_all(grid, row, &track);
        else
            fill_thinned(grid, row, &track);
    }
    return grid;
}

/* ---- the view ---------------------------------------------------------------------------------- */

static gboolean
add_run(EntroPage *page, const EntroViewInput *input, guint run, const char *value_label,
        GError **error)
{
    const char *const columns[] = {input->options->column, "n_rows"};
    const char *name = entro_view_run_name(input, run);
    g_autoptr(EntroHistory) history =
        entro_store_select_history(input->store, input->runs[run]->id, columns,
                                   G_N_ELEMENTS(columns), error);
    g_autoptr(GArray) chosen = history ? choose_heads(history, input->options) : NULL;
    if (!history || !check_heads(page->figure, name, chosen->len, error))
        return FALSE;

    const gsize n_columns = count_columns(page->figure, chosen->len, history->n_steps);
    g_autoptr(EntroStepGrid) grid = make_grid(history, chosen, n_columns);
    EntroHeatChart *heat = entro_heat_chart_add_steps(page, grid, name, value_label, error);
    if (heat && n_columns < history->n_steps)
        entro_chart_add_note(&heat->chart,
                             "%s: %" G_GSIZE_FORMAT " captures in %" G_GSIZE_FORMAT
                             " columns; every two show the least and the greatest value of each "
                             "head within their stretch.",
                             name, history->n_steps, n_columns);
    if (heat)
        note_missing(heat, name, history, input->options);
    return heat != NULL;
}

static gboolean
check_column(const EntroViewInput *input, GError **error)
{
    gboolean of_heads = FALSE;
    g_autofree char *name = entro_quote_name(input->options->column);

    if (!entro_store_is_of_heads(input->store, input->options->column, &of_heads, error))
        return FALSE;
    if (!of_heads)
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT,
                    "heads have no statistic %s (the table \"metric\" lists them)", name);
    return of_heads;
}

gboolean
entro_view_headwise_steps(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const EntroView *view = entro_view_find("headwise-steps");
    const gboolean own = g_strcmp0(input->options->column, view->column) == 0;
    g_autofree char *value_label =
        entro_view_value_label(input->store, input->options->column, error);
    if (!value_label || !check_column(input, error))
        return FALSE;

    for (guint run = 0; run < input->n_runs; run++)
        if (!add_run(page, input, run, value_label, error))
            return FALSE;
    g_autofree char *title =
        own ? g_strdup(view->title)
            : g_strdup_printf("%s of each attention head during training", value_label);
    entro_page_set_title(page, title);
    return entro_heads_check(page, error);
}
