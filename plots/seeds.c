/* seeds.c: the view seeds: mean over runs that differ by their seed, with a band of confidence.
 *
 * Runs are grouped by a key of their configuration; a group is a line.  A run that diverges is left
 * out from there on, and what else differs within a group is said. */
#include <string.h>

#include "entro-compare.h"
#include "view-private.h"

static const double band_alpha = 0.22;
enum { MOST_KEYS = 4 }; /* named in a note */

typedef struct {
    const EntroViewInput *input;
    EntroCompareRun *runs; /* [input->n_runs] */
    const EntroCompareRun **refs;
    GPtrArray *groups; /* EntroRunGroup * */
    GPtrArray *without;
} Seeds;

static void
seeds_clear(Seeds *seeds)
{
    for (guint run = 0; seeds->runs && run < seeds->input->n_runs; run++)
        g_clear_pointer(&seeds->runs[run].config, g_hash_table_unref);
    g_free(seeds->runs);
    g_free(seeds->refs);
    g_clear_pointer(&seeds->groups, g_ptr_array_unref);
    g_clear_pointer(&seeds->without, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Seeds, seeds_clear)

static gboolean
refuse(GError **error, const char *before, const char *name, const char *after)
{
    g_autofree char *clean = entro_text_clean(name);

    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT, "%s \"%s\" %s", before, clean,
                after);
    return FALSE;
}

/* ---- groups ------------------------------------------------------------------------------------- */

/* A run that is there twice would pass for two that agree. */
static gboolean
check_once(const EntroViewInput *input, GError **error)
{
    for (guint a = 0; a < input->n_runs; a++)
        for (guint b = 0; b < a; b++)
            if (input->runs[a]->id == input->runs[b]->id)
                return refuse(error, "the run", input->runs[a]->name,
                              "is there twice: it would count as two");
    return TRUE;
}

static gboolean
read_configs(Seeds *seeds, GError **error)
{
    const EntroViewInput *input = seeds->input;

    seeds->runs = g_new0(EntroCompareRun, input->n_runs);
    seeds->refs = g_new0(const EntroCompareRun *, input->n_runs);
    for (guint run = 0; run < input->n_runs; run++) {
        const EntroRunInfo *info = input->runs[run];
        GHashTable *config = entro_store_select_config(input->store, info->id, error);
        if (!config)
            return FALSE;
        seeds->runs[run] = (EntroCompareRun){.id = info->id,
                                             .name = info->name,
                                             .attempt = info->attempt,
                                             .config = config};
        seeds->refs[run] = &seeds->runs[run];
    }
    return TRUE;
}

static gboolean
make_groups(Seeds *seeds, GError **error)
{
    const EntroViewInput *input = seeds->input;
    const char *by = input->options->by;

    if (!check_once(input, error) || !read_configs(seeds, error))
        return FALSE;
    if (by) {
        seeds->groups = entro_group_by(seeds->refs, input->n_runs, by, &seeds->without);
        return seeds->groups->len > 0 ||
               refuse(error, "by: no run has", by, "in its configuration");
    }
    seeds->groups = g_ptr_array_new_with_free_func((GDestroyNotify)entro_run_group_free);
    EntroRunGroup *all = entro_run_group_new("all runs");
    for (guint run = 0; run < input->n_runs; run++)
        g_ptr_array_add(all->runs, &seeds->runs[run]);
    g_ptr_array_add(seeds->groups, all);
    return TRUE;
}

static guint
index_of(const Seeds *seeds, const EntroRunGroup *group, guint member)
{
    return (guint)((const EntroCompareRun *)group->runs->pdata[member] - seeds->runs);
}

static gboolean
is_number(const char *text)
{
    char *end = NULL;

    g_ascii_strtod(text, &end);
    return end != text && *end == '\0';
}

/* The label that all runs of the group were given; NULL: none, or they have different ones. */
static const char *
common_label(const Seeds *seeds, const EntroRunGroup *group)
{
    const char *const *labels = (const char *const *)seeds->input->options->labels;
    const char *label = labels ? labels[index_of(seeds, group, 0)] : NULL;

    for (guint member = 1; label && member < group->runs->len; member++)
        if (!g_str_equal(labels[index_of(seeds, group, member)], label))
            return NULL;
    return label;
}

/* The label of its runs if they have one, else the value of the key. */
static char *
group_name(const Seeds *seeds, const EntroRunGroup *group)
{
    const EntroPlotOptions *options = seeds->input->options;
    const char *label = common_label(seeds, group);

    if (label)
        return g_strdup(label);
    return options->by && is_number(group->label)
               ? g_strdup_printf("%s = %s", options->by, group->label)
               : g_strdup(group->label);
}

/* ---- values of a run ----------------------------------------------------------------------------- */

/* What a chart is about: a scalar, or the mean of a statistic. */
typedef struct {
    const char *scalar, *column; /* one of both */
    gboolean of_heads;
    char *title, *label;
} Quantity;

static void
quantity_clear(Quantity *quantity)
{
    g_free(quantity->title);
    g_free(quantity->label);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Quantity, quantity_clear)

static EntroCurve *
curve_new(gsize n)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup("");
    curve->number = -1;
    curve->n = n;
    curve->x = g_new0(double, MAX(n, 1));
    curve->y = g_new0(double, MAX(n, 1));
    return curve;
}

/* Mean of what has a value; NaN if nothing has. */
typedef struct {
    double sum;
    gsize n;
} Mean;

static void
mean_add(Mean *mean, double value)
{
    if (!isfinite(value))
        return;
    mean->sum += value;
    mean->n++;
}

static EntroCurve *
mean_over_heads(const EntroViewInput *input, guint run, const char *column, GError **error)
{
    g_autoptr(EntroHistory) history =
        entro_store_select_history(input->store, input->runs[run]->id, &column, 1, error);
    if (!history)
        return NULL;

    EntroCurve *curve = curve_new(history->n_steps);
    for (gsize i = 0; i < history->n_steps; i++) {
        Mean mean = {0, 0};
        for (gsize k = 0; k < history->n_heads; k++)
            if (entro_view_head_is_chosen(input->options, history->layer[k], history->head[k]))
                mean_add(&mean, history->value[0][i * history->n_heads + k]);
        curve->x[i] = (double)history->step[i];
        curve->y[i] = mean.sum / mean.n; /* 0 / 0 is NaN */
    }
    return curve;
}

/* All curves of a run have the same steps. */
static EntroCurve *
mean_over_layers(const EntroViewInput *input, guint run, const char *column, GError **error)
{
    g_autoptr(GPtrArray) layers =
        entro_store_select_layer_curves(input->store, input->runs[run]->id, column, error);
    if (!layers)
        return NULL;

    const EntroCurve *first = layers->len > 0 ? layers->pdata[0] : NULL;
    EntroCurve *curve = curve_new(first ? first->n : 0);
    for (gsize i = 0; i < curve->n; i++) {
        Mean mean = {0, 0};
        for (guint k = 0; k < layers->len; k++) {
            const EntroCurve *layer = layers->pdata[k];
            if (entro_view_head_is_chosen(input->options, layer->number, ENTRO_ALL))
                mean_add(&mean, layer->y[i]);
        }
        curve->x[i] = first->x[i];
        curve->y[i] = mean.sum / mean.n;
    }
    return curve;
}

/* *ret_curve is NULL, without error, when the run has no such scalar. */
static gboolean
select_values(const EntroViewInput *input, guint run, const Quantity *quantity,
              EntroCurve **ret_curve, GError **error)
{
    if (quantity->scalar)
        return entro_view_select_scalar(input, run, quantity->scalar, ret_curve, error);
    *ret_curve = quantity->of_heads ? mean_over_heads(input, run, quantity->column, error)
                                    : mean_over_layers(input, run, quantity->column, error);
    return *ret_curve != NULL;
}

/* ---- a group -------------------------------------------------------------------------------------- */

/* Curves of a group's runs, and which runs they are of. */
typedef struct {
    GPtrArray *curves; /* EntroCurve * */
    GArray *runs;      /* guint */
} Members;

static void
members_clear(Members *members)
{
    g_ptr_array_unref(members->curves);
    g_array_unref(members->runs);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Members, members_clear)

static gboolean
collect(Members *members, const Seeds *seeds, const EntroRunGroup *group, const Quantity *quantity,
        GError **error)
{
    for (guint member = 0; member < group->runs->len; member++) {
        const guint run = index_of(seeds, group, member);
        EntroCurve *curve = NULL;
        if (!select_values(seeds->input, run, quantity, &curve, error))
            return FALSE;
        if (!curve)
            continue;
        g_ptr_array_add(members->curves, curve);
        g_array_append_val(members->runs, run);
    }
    return TRUE;
}

static double
last_step(const Members *members)
{
    double last = NAN;

    for (guint i = 0; i < members->curves->len; i++) {
        const EntroCurve *curve = members->curves->pdata[i];
        if (curve->n > 0)
            last = fmax(last, curve->x[curve->n - 1]);
    }
    return last;
}

/* At the steps that all of them have; where that ends before the last of them does, because a run
 * diverged or was stopped, at those of two. */
static EntroMeanCurve *
mean_of(const Members *members, double level, gboolean *ret_some)
{
    const guint n = members->curves->len;
    g_autofree EntroSeedCurve *curves = g_new(EntroSeedCurve, MAX(n, 1));
    EntroMeanCurveOptions options = ENTRO_MEAN_CURVE_OPTIONS_DEFAULT;

    for (guint i = 0; i < n; i++) {
        const EntroCurve *curve = members->curves->pdata[i];
        curves[i] = (EntroSeedCurve){curve->n, curve->x, curve->y};
    }
    options.level = level;
    EntroMeanCurve *mean = entro_mean_curve(curves, n, &options);
    *ret_some = n > 2 && (mean->n == 0 || mean->x[mean->n - 1] < last_step(members));
    if (!*ret_some)
        return mean;
    entro_mean_curve_free(mean);
    options.least = 2;
    return entro_mean_curve(curves, n, &options);
}

static void
note_members(EntroChart *chart, const Seeds *seeds, const Members *members,
             const EntroMeanCurve *mean, const char *name, gboolean some)
{
    for (guint i = 0; i < members->curves->len; i++) {
        const guint run = g_array_index(members->runs, guint, i);
        if (!isnan(mean->ended[i]))
            entro_chart_add_note(chart, "%s has no value at step %.0f and is left out from there.",
                                 entro_view_run_name(seeds->input, run), mean->ended[i]);
    }
    if (mean->n == 0)
        entro_chart_add_note(chart, "%s: the runs have no step in common.", name);
    else if (some)
        entro_chart_add_note(chart, "%s: steps that at least two of the runs have.", name);
    else if (mean->x[mean->n - 1] < last_step(members))
        entro_chart_add_note(chart, "%s: up to step %.0f, the last that all its runs have.", name,
                             mean->x[mean->n - 1]);
}

/* What else than the seed differs in the group. */
static void
note_mixture(EntroChart *chart, const Seeds *seeds, const EntroRunGroup *group, const char *name)
{
    const char *const ignore[] = {seeds->input->options->by, NULL};
    g_autoptr(GPtrArray) differences =
        entro_config_differences((const EntroCompareRun *const *)group->runs->pdata,
                                 group->runs->len, ignore);
    g_autoptr(GString) keys = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < differences->len; i++) {
        const EntroConfigDifference *difference = differences->pdata[i];
        if (difference->kind != ENTRO_DIFFERENCE_VALUE || n++ >= MOST_KEYS)
            continue;
        g_string_append_printf(keys, "%s%s", keys->len > 0 ? ", " : "", difference->key);
    }
    if (n > MOST_KEYS)
        g_string_append_printf(keys, " and %u more", n - MOST_KEYS);
    if (n > 0)
        entro_chart_add_note(chart, "%s: the runs differ in more than their seed: %s.", name,
                             keys->str);
}

/* FALSE only with an error; a group without the quantity has no line. */
static gboolean
add_group(EntroPage *page, EntroCurveChart *lines, const Seeds *seeds, guint number,
          const Quantity *quantity, GError **error)
{
    const EntroRunGroup *group = seeds->groups->pdata[number];
    g_autofree char *name = group_name(seeds, group);
    const EntroPen pen = entro_page_pen(page, name);
    EntroColour colour = pen.colour;
    g_auto(Members) members = {g_ptr_array_new_with_free_func((GDestroyNotify)entro_curve_free),
                               g_array_new(FALSE, FALSE, sizeof(guint))};
    gboolean some = FALSE;

    if (!collect(&members, seeds, group, quantity, error))
        return FALSE;
    if (members.curves->len == 0)
        return TRUE;
    g_autofree char *entry = g_strdup_printf("%s (n = %u)", name, members.curves->len);
    g_autoptr(EntroMeanCurve) mean = mean_of(&members, seeds->input->options->level, &some);
    EntroCurve *curve = curve_new(mean->n);
    memcpy(curve->x, mean->x, mean->n * sizeof(double));
    memcpy(curve->y, mean->mean, mean->n * sizeof(double));
    colour.alpha = band_alpha;
    entro_curve_chart_add_band(lines, mean->x, mean->low, mean->high, mean->n, colour);
    entro_curve_chart_add_curve(lines, curve, pen);
    entro_legend_add(&lines->chart.legend, ENTRO_SWATCH_LINE, pen, entry);
    note_members(&lines->chart, seeds, &members, mean, name, some);
    note_mixture(&lines->chart, seeds, group, name);
    return TRUE;
}

/* ---- the view ------------------------------------------------------------------------------------- */

static gboolean
add_chart(EntroPage *page, const Seeds *seeds, const Quantity *quantity, GError **error)
{
    EntroCurveChart *lines = entro_curve_chart_add(page, quantity->title, quantity->label);
    const EntroPlotOptions *options = seeds->input->options;

    lines->chart.legend_title = "Groups";
    for (guint number = 0; number < seeds->groups->len; number++)
        if (!add_group(page, lines, seeds, number, quantity, error))
            return FALSE;
    if (lines->curves->len == 0) {
        g_autofree char *clean = entro_text_clean(quantity->scalar);
        g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                    "none of the runs has the scalar \"%s\"", clean);
        return FALSE;
    }
    entro_curve_chart_limit_bands(lines);
    entro_curve_chart_explain(lines, page->figure, "no run has a finite value after this");
    entro_chart_add_note(&lines->chart,
                         "Bands: %g %% confidence intervals of the mean (Student's t); n: runs.",
                         100 * options->level);
    if (seeds->without && seeds->without->len > 0)
        entro_chart_add_note(&lines->chart, "%u runs without the key %s are left out.",
                             seeds->without->len, options->by);
    return TRUE;
}

static gboolean
add_scalar(EntroPage *page, const Seeds *seeds, const char *name, GError **error)
{
    g_auto(Quantity) quantity = {.scalar = name, .title = g_strdup(name)};

    return add_chart(page, seeds, &quantity, error);
}

static gboolean
add_column(EntroPage *page, const Seeds *seeds, const char *column, GError **error)
{
    const EntroViewInput *input = seeds->input;
    g_auto(Quantity) quantity = {.column = column};

    quantity.label = entro_view_value_label(input->store, column, error);
    if (!quantity.label ||
        !entro_store_is_of_heads(input->store, column, &quantity.of_heads, error))
        return FALSE;
    quantity.title = g_strdup_printf("Mean over %s%s", input->options->n_heads ? "chosen " : "all ",
                                     quantity.of_heads ? "heads" : "layers");
    return add_chart(page, seeds, &quantity, error);
}

/* What is drawn when nothing is asked for; *ret_name is NULL when no run has any loss. */
static gboolean
find_loss(const EntroViewInput *input, const char **ret_name, GError **error)
{
    static const char *const usual[] = {"eval_loss", "loss"};

    for (guint i = 0; i < G_N_ELEMENTS(usual) && !*ret_name; i++)
        for (guint run = 0; run < input->n_runs && !*ret_name; run++) {
            g_autoptr(EntroCurve) curve = NULL;
            if (!entro_view_select_scalar(input, run, usual[i], &curve, error))
                return FALSE;
            if (curve)
                *ret_name = usual[i];
        }
    return TRUE;
}

static gboolean
add_charts(EntroPage *page, const Seeds *seeds, GError **error)
{
    const EntroPlotOptions *options = seeds->input->options;
    const char *loss = NULL;

    if (!options->scalars && !options->column && !find_loss(seeds->input, &loss, error))
        return FALSE;
    for (const char *const *name = options->scalars; name && *name; name++)
        if (!add_scalar(page, seeds, *name, error))
            return FALSE;
    if (loss)
        return add_scalar(page, seeds, loss, error);
    if (options->column || !options->scalars)
        return add_column(page, seeds, options->column ? options->column : "entropy_mean", error);
    return TRUE;
}

gboolean
entro_view_seeds(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_auto(Seeds) seeds = {.input = input};

    if (!make_groups(&seeds, error) || !add_charts(page, &seeds, error))
        return FALSE;
    entro_page_set_title(page, entro_view_find("seeds")->title);
    return entro_curves_check(page, error);
}
