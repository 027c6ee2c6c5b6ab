/* cmd-cost.c: what an architecture costs under private inference, at given sizes or those of a run. */
#include "command.h"

#include <math.h>

static struct {
    char **archs, **runs;
    char *db, *bandwidth, *baseline;
    gint64 sizes[ENTRO_COST_N_SIZES]; /* as entro_cost_check_sizes() has them */
} chosen;

static const GOptionEntry entries[] = {
    {"arch", 0, 0, G_OPTION_ARG_STRING_ARRAY, &chosen.archs,
     "Architecture, as train names it, or all; may be repeated", "ARCH"},
    {"run", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &chosen.runs,
     "Architecture and sizes of this run, name or #ID; may be repeated", "RUN"},
    {"db", 0, 0, G_OPTION_ARG_FILENAME, &chosen.db, "Results database, with --run", "DB"},
    {"layers", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[0], "Layers (default 12)", "L"},
    {"heads", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[1], "Heads a layer (default 12)", "H"},
    {"dim", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[2], "Width (default 768)", "D"},
    {"context", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[3], "Tokens (default 128)", "T"},
    {"vocab", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[4], "Vocabulary (default 50257)", "V"},
    {"ffn-layers", 0, 0, G_OPTION_ARG_INT64, &chosen.sizes[5],
     "Layers that have a feed-forward (default: all)", "N"},
    {"bandwidth", 0, 0, G_OPTION_ARG_STRING, &chosen.bandwidth,
     "Network in Mbit/s (default: as it was measured, about 1131)", "MBIT"},
    {"baseline", 0, 0, G_OPTION_ARG_STRING, &chosen.baseline,
     "Savings are against this (default SM+LN+G)", "ARCH"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &entro_common.json, "Print as JSON", NULL},
    {NULL}};

/* ---- options --------------------------------------------------------------------------------------- */

/* GOption knows no "not given" for numbers. */
static void
forget_options(void)
{
    for (guint i = 0; i < ENTRO_COST_N_SIZES; i++)
        chosen.sizes[i] = ENTRO_COST_NOT_GIVEN;
}

static gboolean
check_options(int argc, char **argv, GError **error)
{
    if (argc > 1)
        return entro_usage_error(error, "takes no argument, got \"%s\" (--arch ARCH)", argv[1]);
    if (chosen.archs != NULL && chosen.runs != NULL)
        return entro_usage_error(error, "--arch and --run exclude each other: a run has its own "
                                        "architecture");
    if (chosen.archs == NULL && chosen.runs == NULL)
        return entro_usage_error(error, "needs --arch ARCH (--arch all: every one), or --run RUN "
                                        "--db DB; see --help");
    if (chosen.runs != NULL && !entro_require(chosen.db, "--db DB beside --run", error))
        return FALSE;
    if (chosen.runs == NULL && chosen.db != NULL)
        return entro_usage_error(error, "--db has no effect without --run");
    return entro_cost_check_sizes(chosen.sizes, error);
}

static gboolean
parse_bandwidth(double *ret_bandwidth, GError **error)
{
    return entro_parse_real(chosen.bandwidth, "--bandwidth", ret_bandwidth, error) &&
           (chosen.bandwidth == NULL ||
            entro_check_range(*ret_bandwidth, 1e-3, 1e9, "--bandwidth", error));
}

/* ---- cases ----------------------------------------------------------------------------------------- */

static gboolean
add_case(GPtrArray *cases, EntroCostCase *one)
{
    if (one != NULL)
        g_ptr_array_add(cases, one);
    return one != NULL;
}

static gboolean
add_archs(GPtrArray *cases, GError **error)
{
    for (char **name = chosen.archs; *name != NULL; name++) {
        const char *const one[] = {*name, NULL};
        const char *const *each = g_str_equal(*name, "all") ? entro_cost_arch_names() : one;

        for (; *each != NULL; each++)
            if (!add_case(cases, entro_cost_case_of_arch(*each, chosen.sizes, error)))
                return FALSE;
    }
    return TRUE;
}

static gboolean
add_run(GPtrArray *cases, EntroStore *store, const char *ref, GError **error)
{
    g_autoptr(EntroRunInfo) info = entro_store_find_run(store, ref, error);

    return info != NULL &&
           add_case(cases, entro_cost_case_of_run(store, info, chosen.sizes, error));
}

static gboolean
add_runs(GPtrArray *cases, GError **error)
{
    g_autoptr(EntroStore) store = entro_store_open(chosen.db, ENTRO_STORE_READ, error);

    if (store == NULL)
        return FALSE;
    for (char **ref = chosen.runs; *ref != NULL; ref++)
        if (!add_run(cases, store, *ref, error))
            return FALSE;
    return TRUE;
}

/* The baseline is a whole model: all its feed-forwards are there. */
static void
compute(EntroCostCase *row, const EntroCostArch *baseline, double bandwidth)
{
    EntroCostSizes whole = row->sizes;

    whole.ffn_layers = whole.layers;
    row->cost = entro_cost(&row->arch, &row->sizes, bandwidth);
    row->baseline = entro_cost(baseline, &whole, bandwidth);
}

static gboolean
run(int argc, char **argv, int *ret_exit, GError **error)
{
    extern const EntroCommand entro_command_cost;
    g_autoptr(GPtrArray) cases =
        g_ptr_array_new_with_free_func((GDestroyNotify)entro_cost_case_free);
    EntroCostArch baseline;
    double bandwidth;

    (void)ret_exit;
    forget_options();
    if (!entro_options_parse(&entro_command_cost, entries, NULL, &argc, &argv, error) ||
        !check_options(argc, argv, error) || !parse_bandwidth(&bandwidth, error) ||
        !entro_cost_find_arch(chosen.baseline != NULL ? chosen.baseline : "SM+LN+G",
                              "--baseline: ", &baseline, error) ||
        !(chosen.runs != NULL ? add_runs : add_archs)(cases, error))
        return FALSE;
    for (guint i = 0; i < cases->len; i++)
        compute(cases->pdata[i], &baseline, bandwidth);
    (entro_common.json ? entro_cost_print_json : entro_cost_print)(cases, baseline.name, bandwidth);
    return TRUE;
}

const EntroCommand entro_command_cost = {
    .name = "cost",
    .arguments = "--arch ARCH | --run RUN --db DB",
    .about = "Estimates what an architecture costs under private inference",
    .details =
        "Counts nonlinear operations and FLOPs as arXiv 2501.03489 does (3 T^2 d for the products\n"
        "with the attention, not 4).  Communication and latency come from a model that was fitted\n"
        "to its twelve measurements of GPT-2 (width 768, 12 heads, 12 or 18 layers, 128 to 512\n"
        "tokens): within 0.5 % and 4.2 % of them.\n"
        "\n"
        "Sizes that are not given are those of GPT-2 small, or of the run; the output says which.\n"
        "~ marks an estimate, with its range below.  What the measurements cannot tell is the\n"
        "share of LayerNorm and activation where one stands without the other, and how the\n"
        "latency of linear layers grows with the width.\n"
        "\n"
        "--bandwidth changes the latency of the communication alone.  The paper speaks of\n"
        "100 Mbit/s, but its minutes fit its gigabytes at about 1.1 Gbit/s: that is the default.\n"
        "\n"
        "Weight and spectral normalisation, learnable temperatures and the scales of a\n"
        "feed-forward fold into linear layers and cost nothing.",
    .run = run};
