/* band-shares.c: the view entropy-bands, from the store to shares.
 *
 * Shares are of all heads of a model.  Heads without a valid row are in no band: they get a group of
 * their own, so that each run's bars add up to 100 %. */
#include "view-private.h"

typedef struct {
    EntroBandMax mode;
    double fixed; /* NaN: by mode */
    double *m;    /* [n_runs] */
    gboolean one; /* the same for all runs */
} Scale;

static double
largest(const EntroGrid *grid)
{
    EntroRange range = {NAN, NAN};

    for (gsize cell = 0; cell < grid->n_rows * grid->n_columns; cell++)
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            entro_range_add(&range.low, &range.high, grid->value[cell]);
    return range.high;
}

static gsize
count_state(const EntroGrid *grid, EntroCellState state)
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
    const gsize undefined = count_state(grid, ENTRO_CELL_UNDEFINED);

    for (gsize cell = 0; cell < n_cells; cell++)
        if (grid->state[cell] == ENTRO_CELL_VALUE)
            values[n++] = grid->value[cell];
    entro_bands(values, n, m, count);
    const double heads = MAX(n + undefined, 1);
    for (guint band = 0; band < ENTRO_N_BANDS; band++)
        share[band] = 100 * count[band] / heads;
    share[ENTRO_N_BANDS] = 100 * undefined / heads;
}

/* ---- words ---------------------------------------------------------------------------------- */

static char **
band_names(guint n_groups)
{
    static const char *const names[] = {"[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)", "[3M/4, M]",
                                        "NaN"};
    char **copy = g_new0(char *, n_groups + 1);

    for (guint group = 0; group < n_groups; group++)
        copy[group] = g_strdup(names[group]);
    return copy;
}

/* Two decimals, more for a small M. */
static int
decimals_for(double m)
{
    return (int)CLAMP(2 - floor(log10(m)), 2, 15);
}

static char **
band_ranges(guint n_groups, double m)
{
    char **ranges = g_new0(char *, n_groups + 1);
    const int decimals = decimals_for(m);

    for (guint band = 0; band < n_groups; band++)
        ranges[band] = band < ENTRO_N_BANDS
                           ? g_strdup_printf("%.*f–%.*f", decimals, band * m / ENTRO_N_BANDS,
                                             decimals, (band + 1) * m / ENTRO_N_BANDS)
                           : g_strdup("no valid row");
    return ranges;
}

static const char *
scale_in_words(const Scale *scale, guint n_runs)
{
    static const char *const words[] = {
        [ENTRO_BAND_POOLED] = "the largest head entropy of all runs shown",
        [ENTRO_BAND_OWN] = "the largest head entropy of each run itself",
        [ENTRO_BAND_CEILING] = "the entropy of uniform attention (the ceiling)",
        [ENTRO_BAND_LNT] = "ln T, T the number of keys",
    };

    if (!isnan(scale->fixed))
        return "as given";
    return scale->mode == ENTRO_BAND_POOLED && n_runs == 1 ? "the largest head entropy"
                                                           : words[scale->mode];
}

static void
describe_scale(const Scale *scale, const EntroBandsInput *input, GPtrArray *notes)
{
    const GPtrArray *grids = input->grids;
    GString *note = g_string_new(NULL);

    if (scale->one)
        g_string_printf(note, "M = %.*f%s%s: %s.", decimals_for(scale->m[0]), scale->m[0],
                        *input->unit ? " " : "", input->unit, scale_in_words(scale, grids->len));
    else {
        g_string_printf(note, "M: %s. ", scale_in_words(scale, grids->len));
        for (guint run = 0; run < grids->len; run++)
            g_string_append_printf(note, "%s%s %.*f", run ? ", " : "",
                                   ((EntroGrid *)grids->pdata[run])->run,
                                   decimals_for(scale->m[run]), scale->m[run]);
        g_string_append_printf(note, "%s%s.", *input->unit ? " " : "", input->unit);
    }
    g_ptr_array_add(notes, g_string_free(note, FALSE));
}

static void
describe_undefined(const GPtrArray *grids, GPtrArray *notes)
{
    GString *note = g_string_new("Heads without a valid row (NaN) are in no band: ");

    for (guint run = 0, said = 0; run < grids->len; run++) {
        const EntroGrid *grid = grids->pdata[run];
        const gsize undefined = count_state(grid, ENTRO_CELL_UNDEFINED);
        if (undefined > 0)
            g_string_append_printf(note, "%s%s %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT,
                                   said++ ? ", " : "", grid->run, undefined,
                                   undefined + count_state(grid, ENTRO_CELL_VALUE));
    }
    g_string_append_c(note, '.');
    g_ptr_array_add(notes, g_string_free(note, FALSE));
}

static gboolean
same_step(const GPtrArray *grids)
{
    const EntroGrid *first = grids->pdata[0];

    for (guint run = 1; run < grids->len; run++)
        if (((const EntroGrid *)grids->pdata[run])->step != first->step)
            return FALSE;
    return TRUE;
}

static char *
title_of(const GPtrArray *grids, const EntroPlotOptions *options)
{
    const char *title = entro_view_find("entropy-bands")->title;

    if (options->title)
        return g_strdup(options->title);
    return same_step(grids) ? g_strdup_printf("%s at step %" G_GINT64_FORMAT, title,
                                              ((const EntroGrid *)grids->pdata[0])->step)
                            : g_strdup(title);
}

static void
describe_steps(const GPtrArray *grids, GPtrArray *notes)
{
    GString *note = g_string_new("Steps: ");

    for (guint run = 0; run < grids->len; run++) {
        const EntroGrid *grid = grids->pdata[run];
        g_string_append_printf(note, "%s%s %" G_GINT64_FORMAT, run ? ", " : "", grid->run,
                               grid->step);
    }
    g_string_append_c(note, '.');
    g_ptr_array_add(notes, g_string_free(note, FALSE));
}

static EntroFigure *
draw(const EntroBandsInput *input, const Scale *scale, const EntroPlotOptions *options,
     GError **error)
{
    const GPtrArray *grids = input->grids;
    gboolean undefined = FALSE;
    for (guint run = 0; run < grids->len; run++)
        undefined |= count_state(grids->pdata[run], ENTRO_CELL_UNDEFINED) > 0;

    const guint n_groups = ENTRO_N_BANDS + (undefined ? 1 : 0);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) names = band_names(n_groups);
    g_auto(GStrv) ranges = scale->one ? band_ranges(n_groups, scale->m[0]) : NULL;
    g_autofree char *title = title_of(grids, options);
    g_autofree char **series = g_new0(char *, grids->len + 1);
    g_autofree double *share = g_new0(double, grids->len *n_groups);

    for (guint run = 0; run < grids->len; run++) {
        double all[ENTRO_N_BANDS + 1];
        series[run] = ((EntroGrid *)grids->pdata[run])->run;
        share_out(grids->pdata[run], scale->m[run], all);
        memcpy(share + run * n_groups, all, n_groups * sizeof(double));
    }
    describe_scale(scale, input, notes);
    if (undefined)
        describe_undefined(grids, notes);
    if (!same_step(grids))
        describe_steps(grids, notes);
    const EntroBarSpec spec = {
        .title = title,
        .x_label = input->value_label,
        .y_label = "Share of heads (%)",
        .n_groups = n_groups,
        .n_series = grids->len,
        .group = names,
        .group_range = ranges,
        .series = series,
        .share = share,
        .notes = notes,
    };
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
    Scale scale = {options->band_max, options->band_value, m, TRUE};
    EntroRange pooled = {NAN, NAN};

    for (guint run = 0; run < n; run++) {
        m[run] = own_m(input, options, run);
        entro_range_add(&pooled.low, &pooled.high, m[run]);
    }
    if (!(pooled.high > 0)) {
        g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_EMPTY,
                    "no band can be drawn: the largest value (M) is not known or not above 0");
        return NULL;
    }
    for (guint run = 0; run < n; run++) {
        if (scale.mode != ENTRO_BAND_OWN || !(m[run] > 0))
            m[run] = pooled.high; /* a run without any value has nothing to be put into bands */
        scale.one &= m[run] == m[0];
    }
    return draw(input, &scale, options, error);
}

/* ---- from the store ------------------------------------------------------------------------- */

static gboolean
select_run(EntroBandsInput *input, EntroStore *store, const EntroRunInfo *run,
           const EntroPlotOptions *options, GError **error)
{
    const guint position = input->grids->len;
    EntroGrid *grid =
        entro_store_select_grid(store, run->id, options->column, options->step, error);
    if (!grid)
        return FALSE;
    g_ptr_array_add(input->grids, grid);
    input->context_length[position] = run->context_length;
    input->ceiling[position] = NAN;
    if (options->band_max != ENTRO_BAND_CEILING)
        return TRUE;
    g_autoptr(EntroGrid) ceiling =
        entro_store_select_grid(store, run->id, "entropy_ceiling", options->step, error);
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
