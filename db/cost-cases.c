/* cost-cases.c: what a cost is computed of: an architecture, and sizes from options, from a run, or
 * those of GPT-2 small.
 *
 * Sentences name the options of `cost` and of the view `cost`, which are the same. */
#include <stdarg.h>

#include "entro-store.h"

/* One size: its option, and where a run has it. */
typedef struct {
    const char *option, *name;
    gint64 least, most;
    gsize offset;        /* in EntroCostSizes */
    gsize in_run;        /* in EntroRunInfo; 0: not there */
    const char *keys[4]; /* of /config: the trainer's, and those of Hugging Face's models */
} SizeRow;

enum { FFN_LAYERS = ENTRO_COST_N_SIZES - 1 };

static const SizeRow size_rows[ENTRO_COST_N_SIZES] = {
    {"--layers",
     "layers",
     1,
     100000,
     G_STRUCT_OFFSET(EntroCostSizes, layers),
     G_STRUCT_OFFSET(EntroRunInfo, n_layers),
     {"n_layers", "n_layer", "num_hidden_layers"}},
    {"--heads",
     "heads",
     1,
     100000,
     G_STRUCT_OFFSET(EntroCostSizes, heads),
     G_STRUCT_OFFSET(EntroRunInfo, n_heads),
     {"n_heads", "n_head", "num_attention_heads"}},
    {"--dim",
     "dim",
     1,
     10000000,
     G_STRUCT_OFFSET(EntroCostSizes, dim),
     0,
     {"d_model", "n_embd", "hidden_size"}},
    {"--context",
     "context",
     1,
     100000000,
     G_STRUCT_OFFSET(EntroCostSizes, context),
     G_STRUCT_OFFSET(EntroRunInfo, context_length),
     {"context"}},
    {"--vocab",
     "vocabulary",
     1,
     100000000,
     G_STRUCT_OFFSET(EntroCostSizes, vocabulary),
     0,
     {"vocabulary", "vocab_size"}},
    {"--ffn-layers",
     "ffn_layers",
     0,
     100000,
     G_STRUCT_OFFSET(EntroCostSizes, ffn_layers),
     0,
     {NULL}},
};

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
refuse(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_ARGUMENT, "%s", message);
    return FALSE;
}

/* ---- sizes --------------------------------------------------------------------------------------- */

static gint64 *
size_in(EntroCostSizes *sizes, guint i)
{
    return G_STRUCT_MEMBER_P(sizes, size_rows[i].offset);
}

gboolean
entro_cost_check_sizes(const gint64 *given, GError **error)
{
    for (guint i = 0; i < ENTRO_COST_N_SIZES; i++)
        if (given[i] != ENTRO_COST_NOT_GIVEN &&
            (given[i] < size_rows[i].least || given[i] > size_rows[i].most))
            return refuse(error, "%s must be %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                          size_rows[i].option, size_rows[i].least, size_rows[i].most);
    return TRUE;
}

static void
assume(EntroCostCase *row, guint i)
{
    EntroCostSizes usual = ENTRO_COST_GPT2_SMALL;
    guint n = 0;

    while (row->assumed[n] != NULL)
        n++;
    row->assumed[n] = size_rows[i].name;
    *size_in(&row->sizes, i) = *size_in(&usual, i);
}

static gboolean
finish_sizes(EntroCostSizes *sizes, const gint64 *given, GError **error)
{
    sizes->ffn_layers =
        given[FFN_LAYERS] != ENTRO_COST_NOT_GIVEN ? given[FFN_LAYERS] : sizes->layers;
    if (sizes->ffn_layers > sizes->layers)
        return refuse(error,
                      "--ffn-layers %" G_GINT64_FORMAT ": the model has only "
                      "%" G_GINT64_FORMAT " layers",
                      sizes->ffn_layers, sizes->layers);
    if (sizes->dim % sizes->heads != 0)
        return refuse(error,
                      "the width %" G_GINT64_FORMAT " (--dim) is no multiple of its "
                      "%" G_GINT64_FORMAT " heads (--heads)",
                      sizes->dim, sizes->heads);
    return TRUE;
}

static gboolean
sizes_of_options(EntroCostCase *row, const gint64 *given, GError **error)
{
    for (guint i = 0; i < FFN_LAYERS; i++)
        if (given[i] != ENTRO_COST_NOT_GIVEN)
            *size_in(&row->sizes, i) = given[i];
        else
            assume(row, i);
    return finish_sizes(&row->sizes, given, error);
}

/* *ret_size is 0 when the run does not say it. */
static gboolean
size_of_run(EntroStore *store, const EntroRunInfo *info, const SizeRow *size, gint64 *ret_size,
            GError **error)
{
    g_autofree char *run = entro_quote_name(info->name);
    guint64 number = 0;

    *ret_size = 0;
    for (const char *const *key = size->keys; *key != NULL; key++) {
        g_autofree char *value = NULL;

        if (!entro_store_get_config(store, info->id, *key, &value, error))
            return FALSE;
        if (value == NULL)
            continue;
        g_autofree char *quoted = entro_quote_name(value);
        if (!g_ascii_string_to_unsigned(value, 10, 1, (guint64)size->most, &number, NULL))
            return refuse(error,
                          "run %s has %s %s, not a whole number from 1 to "
                          "%" G_GINT64_FORMAT "; %s says it instead",
                          run, *key, quoted, size->most, size->option);
        *ret_size = (gint64)number;
        return TRUE;
    }
    if (size->in_run != 0)
        *ret_size = G_STRUCT_MEMBER(gint64, info, size->in_run);
    return *ret_size <= size->most || refuse(error, "run %s: %s must be 1 to %" G_GINT64_FORMAT,
                                             run, size->option, size->most);
}

static gboolean
sizes_of_run(EntroCostCase *row, EntroStore *store, const EntroRunInfo *info, const gint64 *given,
             GError **error)
{
    for (guint i = 0; i < FFN_LAYERS; i++) {
        gint64 *size = size_in(&row->sizes, i);

        *size = given[i];
        if (*size == ENTRO_COST_NOT_GIVEN && !size_of_run(store, info, &size_rows[i], size, error))
            return FALSE;
        if (*size > 0)
            continue;
        if (!g_str_equal(size_rows[i].name, "vocabulary")) {
            g_autofree char *run = entro_quote_name(info->name);
            return refuse(error, "run %s does not say its %s (config key %s): give %s", run,
                          size_rows[i].name, size_rows[i].keys[0], size_rows[i].option);
        }
        assume(row, i);
    }
    return finish_sizes(&row->sizes, given, error);
}

/* ---- cases --------------------------------------------------------------------------------------- */

void
entro_cost_case_free(EntroCostCase *one)
{
    if (one == NULL)
        return;
    g_free(one->run);
    g_free(one->arch_name);
    g_free(one);
}

gboolean
entro_cost_find_arch(const char *name, const char *whose, EntroCostArch *ret_arch, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    if (entro_cost_arch_parse(name, ret_arch))
        return TRUE;
    for (const char *const *known = entro_cost_arch_names(); *known != NULL; known++)
        g_ptr_array_add(names, (gpointer)*known);
    g_autofree char *quoted = entro_quote_name(name);
    g_autofree char *list = entro_quote_closest(name, names);
    return refuse(error, "%sthere is no architecture %s; there are, closest first, %s", whose,
                  quoted, list);
}

static EntroCostCase *
case_new(const char *run, const char *arch)
{
    EntroCostCase *one = g_new0(EntroCostCase, 1);

    one->run = g_strdup(run);
    one->arch_name = g_strdup(arch);
    return one;
}

EntroCostCase *
entro_cost_case_of_arch(const char *name, const gint64 *given, GError **error)
{
    g_autoptr(EntroCostCase) one = case_new(NULL, name);

    return entro_cost_find_arch(one->arch_name, "", &one->arch, error) &&
                   sizes_of_options(one, given, error)
               ? g_steal_pointer(&one)
               : NULL;
}

EntroCostCase *
entro_cost_case_of_run(EntroStore *store, const EntroRunInfo *info, const gint64 *given,
                       GError **error)
{
    g_autofree char *run = entro_quote_name(info->name);
    g_autofree char *whose = g_strdup_printf("run %s: ", run);

    if (info->arch == NULL || *info->arch == '\0') {
        refuse(error,
               "run %s does not say its architecture (config key arch): --arch ARCH with its sizes "
               "does without the database",
               run);
        return NULL;
    }
    g_autoptr(EntroCostCase) one = case_new(info->name, info->arch);
    return entro_cost_find_arch(one->arch_name, whose, &one->arch, error) &&
                   sizes_of_run(one, store, info, given, error)
               ? g_steal_pointer(&one)
               : NULL;
}
