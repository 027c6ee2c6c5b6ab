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

static void
add_chart(EntroPage *page, const EntroBandsInput *input, const EntroBandScale *scale)
{
    const guint n_runs = input->grids->len;
    const guint n_groups = ENTRO_N_BANDS + (any_undefined(input->grids) ? 1 : 0);
    g_autoptr(GPtrArray) notes = entro_band_notes(input, scale);
    g_auto(GStrv) names = entro_band_names(n_groups);
    const gboolean known = scale->one && !isnan(scale->m[0]);
    g_auto(GStrv) ranges = known ? entro_band_ranges(n_groups, scale->m[0]) : NULL;
    g_autofree char *title =
        entro_grids_title(input->grids, entro_view_find("entropy-bands")->title);
    g_autofree double *share = g_new0(double, (gsize)n_runs *n_groups);

    fill_shares(input->grids, scale, n_groups, share);
    EntroBarChart *bars =
        entro_bar_chart_add(page, NULL, n_groups, (const char *const *)names,
                            (const char *const *)ranges, n_runs, input->names, share);
    bars->chart.x.label = g_strdup(input->value_label);
    bars->chart.y.label = g_strdup("Share of heads (%)");
    for (guint i = 0; i < notes->len; i++)
        entro_chart_add_note(&bars->chart, "%s", (const char *)notes->pdata[i]);
    entro_page_set_title(page, title);
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

void
entro_bands_add(EntroPage *page, const EntroBandsInput *input)
{
    const EntroPlotOptions *options = page->options;
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
    add_chart(page, input, &scale);
}

/* ---- from the store ------------------------------------------------------------------------- */

/* Largest ceiling of each run; NaN where M is not the ceiling. */
static gboolean
select_ceilings(const EntroViewInput *input, double *ceiling, GError **error)
{
    EntroPlotOptions options = *input->options;
    EntroViewInput own = *input;

    for (guint run = 0; run < input->n_runs; run++)
        ceiling[run] = NAN;
    if (options.band_max != ENTRO_BAND_CEILING)
        return TRUE;
    options.column = "entropy_ceiling";
    own.options = &options;
    g_autoptr(GPtrArray) grids = entro_view_select_grids(&own, error);
    for (guint run = 0; grids && run < grids->len; run++)
        ceiling[run] = largest(grids->pdata[run]);
    return grids != NULL;
}

gboolean
entro_view_bands(EntroPage *page, const EntroViewInput *input, GError **error)
{
    const char *column = input->options->column;
    g_autofree const char **names = g_new0(const char *, input->n_runs);
    g_autofree double *ceiling = g_new(double, input->n_runs);
    g_autofree gint64 *context_length = g_new(gint64, input->n_runs);
    g_autofree char *title = NULL, *unit = NULL;
    g_autofree char *label = entro_view_value_label(input->store, column, error);
    if (!label || !entro_store_describe(input->store, column, &title, &unit, error))
        return FALSE;

    g_autoptr(GPtrArray) grids = entro_view_select_grids(input, error);
    if (!grids || !select_ceilings(input, ceiling, error))
        return FALSE;
    for (guint run = 0; run < input->n_runs; run++) {
        names[run] = entro_view_run_name(input, run);
        context_length[run] = input->runs[run]->context_length;
    }
    const EntroBandsInput bands = {grids, names, ceiling, context_length, label, unit ? unit : ""};
    entro_bands_add(page, &bands);
    return TRUE;
}
