/* band-shares.c: the view entropy-bands, from the store to shares.
 *
 * Shares are of all heads of a model.  Heads without a valid row are in no band: they get a group of
 * their own, so that each run's bars add up to 100 %. */
#include "bands-private.h"

static double
largest(const EntroGrid *grid)
{
    EntroRange range = {NAN, NAN};

    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            entro_range_add(&range.low, &range.high, grid->value[cell]);
    return range.high;
}

gsize
entro_count_cells(const EntroGrid *grid, EntroCellState state)
{
    gsize n = 0;

    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        n += grid->state[cell] == state;
    return n;
}

/* Percent of the run's heads in each band; the group after the last band is of those with none. */
static void
share_out(const EntroGrid *grid, double m, double *share)
{
    const gsize n_cells = grid->n_rows * grid->n_columns;
    g_autofree double *values = g_new(double, MAX(n_cells, 1));
    gsize n = 0, count[ENTRO_N_BANDS];
    const gsize undefined = entro_count_cells(grid, ENTRO_CELL_UNDEFINED);

    for (gsize cell = 0; cell < n_cells; cell++)
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            values[n++] = grid->value[cell];
    entro_bands(values, n, m, count);
    const double heads = MAX(n + undefined, 1);
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        share[band] = 100 * count[band] / heads;
    share[ENTRO_N_BANDS] = 100 * undefined / heads;
}

static gboolean
any_undefined(const GPtrArray *grids)
{
    for (guint run = 0; run < grids->len; run++)
        if (entro_count_cells(grids->pdata[run], ENTRO_CELL_UNDEFINED) > 0)
            return TRUE;
    return FALSE;
}

static void
fill_shares(const GPtrArray *grids, const EntroBandScale *scale, guint n_groups, double *share)
{
    for (guint run = 0; run < grids->len; run++) {
        double all[ENTRO_N_BANDS + 1];
        share_out(grids->pdata[run], scale->m[run], all);
        memcpy(share + run * n_groups, all, n_groups * sizeof(double));
    }
}

static EntroFigure *
draw(const EntroBandsInput *input, const EntroBandScale *scale, const EntroPlotOptions *options,
     GError **error)
{
    const guint n_runs = input->grids->len;
    const guint n_groups = ENTRO_N_BANDS + (any_undefined(input->grids) ? 1 : 0);
    g_autoptr(GPtrArray) notes = entro_band_notes(input, scale);
    g_auto(GStrv) names = entro_band_names(n_groups);
    const gboolean known = scale->one && !isnan(scale->m[0]);
    g_auto(GStrv) ranges = known ? entro_band_ranges(n_groups, scale->m[0]) : NULL;
    g_autofree char *title = entro_band_title(input, options);
    g_autofree char **series = g_new0(char *, n_runs + 1);
    g_autofree double *share = g_new0(double, (gsize)n_runs *n_groups);

    for (guint run = 0; run < n_runs; run++)
        series[run] = ((EntroGrid *)input->grids->pdata[run])->run;
    fill_shares(input->grids, scale, n_groups, share);
    const EntroBarSpec spec = {.title = title,
                               .x_label = input->value_label,
                               .y_label = "Share of heads (%)",
                               .n_groups = n_groups,
                               .n_series = n_runs,
                               .group = names,
                               .group_range = ranges,
                               .series = series,
                               .share = share,
                               .notes = notes};
    return entro_bars_figure(&spec, options, error);
}

/* M of one run, before it is known which are the largest. */
static double
own_m(const EntroBandsInput *input, const EntroPlotOptions *options, guint run)
{
    if (!isnan(options->band_value))
        return options->band_value;
    switch (options->band_max) {
    case ENTRO_BAND_CEILING:
        return input->ceiling[run];
    case ENTRO_BAND_LNT:
        return log((double)input->context_length[run]);
    case ENTRO_BAND_POOLED:
    case ENTRO_BAND_OWN:
        break;
    }
    return largest(input->grids->pdata[run]);
}

EntroFigure *
entro_bands_figure(const EntroBandsInput *input, const EntroPlotOptions *options, GError **error)
{
    const guint n = input->grids->len;
    g_autofree double *m = g_new(double, n);
    EntroBandScale scale = {options->band_max, options->band_value, m, TRUE};
    EntroRange pooled = {NAN, NAN};

    for (guint run = 0; run < n; run++) {
        m[run] = own_m(input, options, run);
        entro_range_add(&pooled.low, &pooled.high, m[run]);
    }

    for (guint run = 0; run < n; run++) {
        if (scale.mode != ENTRO_BAND_OWN || isnan(m[run]))
            m[run] = pooled.high; /* a run without any value has nothing to be put into bands */
        scale.one &= m[run] == m[0] || isnan(m[run]);
    }
    return draw(input, &scale, options, error);
}

/* ---- from the store ------------------------------------------------------------------------- */

static gboolean
select_run(EntroBandsInput *input, EntroStore *store, const EntroRunInfo *run,
           const EntroPlotOptions *options, GError **error)
{
    const guint position = input->grids->len;
    const gint64 step = entro_view_step(options, position);
    EntroGrid *grid = entro_store_select_grid(store, run->id, options->column, step, error);
    if (!grid)
        return FALSE;
    g_ptr_array_add(input->grids, grid);
    input->context_length[position] = run->context_length;
    input->ceiling[position] = NAN;
    if (options->band_max != ENTRO_BAND_CEILING)
        return TRUE;
    g_autoptr(EntroGrid) ceiling =
        entro_store_select_grid(store, run->id, "entropy_ceiling", step, error);
    if (!ceiling)
        return FALSE;
    input->ceiling[position] = largest(ceiling);
    return TRUE;
}

EntroFigure *
entro_view_bands(EntroStore *store, const EntroRunInfo *const *runs, guint n_runs,
                 const EntroPlotOptions *options, GError **error)
{
    g_autoptr(GPtrArray) grids = g_ptr_array_new_with_free_func((GDestroyNotify)entro_grid_free);
    g_autofree double *ceiling = g_new(double, n_runs);
    g_autofree gint64 *context_length = g_new(gint64, n_runs);
    g_autofree char *title = NULL, *unit = NULL;
    g_autofree char *label = entro_view_value_label(store, options->column, error);
    if (!label || !entro_store_describe(store, options->column, &title, &unit, error))
        return NULL;

    EntroBandsInput input = {grids, ceiling, context_length, label, unit ? unit : ""};
    for (guint run = 0; run < n_runs; run++)
        if (!select_run(&input, store, runs[run], options, error))
            return NULL;
    return entro_bands_figure(&input, options, error);
}
