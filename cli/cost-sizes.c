/* cost-sizes.c: the sizes of a model, from options, from a run, or those of GPT-2 small. */
#include "command.h"

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

static gint64 *
size_in(EntroCostSizes *sizes, guint i)
{
    return G_STRUCT_MEMBER_P(sizes, size_rows[i].offset);
}

gboolean
entro_cost_check_sizes(const gint64 *given, GError **error)
{
    for (guint i = 0; i < ENTRO_COST_N_SIZES; i++)
        if (given[i] != ENTRO_NOT_GIVEN &&
            !entro_check_range((double)given[i], (double)size_rows[i].least,
                               (double)size_rows[i].most, size_rows[i].option, error))
            return FALSE;
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
    sizes->ffn_layers = given[FFN_LAYERS] != ENTRO_NOT_GIVEN ? given[FFN_LAYERS] : sizes->layers;
    if (sizes->ffn_layers > sizes->layers)
        return entro_usage_error(error,
                                 "--ffn-layers %" G_GINT64_FORMAT ": the model has only "
                                 "%" G_GINT64_FORMAT " layers",
                                 sizes->ffn_layers, sizes->layers);
    if (sizes->dim % sizes->heads != 0)
        return entro_usage_error(error,
                                 "the width %" G_GINT64_FORMAT " (--dim) is no multiple of its "
                                 "%" G_GINT64_FORMAT " heads (--heads)",
                                 sizes->dim, sizes->heads);
    return TRUE;
}

gboolean
entro_cost_sizes_of_options(EntroCostCase *row, const gint64 *given, GError **error)
{
    for (guint i = 0; i < FFN_LAYERS; i++)
        if (given[i] != ENTRO_NOT_GIVEN)
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
            return entro_usage_error(error,
                                     "run %s has %s %s, not a whole number from 1 to "
                                     "%" G_GINT64_FORMAT "; %s says it instead",
                                     run, *key, quoted, size->most, size->option);
        *ret_size = (gint64)number;
        return TRUE;
    }
    if (size->in_run != 0)
        *ret_size = G_STRUCT_MEMBER(gint64, info, size->in_run);
    return *ret_size <= size->most ||
           entro_usage_error(error, "run %s: %s must be 1 to %" G_GINT64_FORMAT, run, size->option,
                             size->most);
}

gboolean
entro_cost_sizes_of_run(EntroCostCase *row, EntroStore *store, const EntroRunInfo *info,
                        const gint64 *given, GError **error)
{
    for (guint i = 0; i < FFN_LAYERS; i++) {
        gint64 *size = size_in(&row->sizes, i);

        *size = given[i];
        if (*size == ENTRO_NOT_GIVEN && !size_of_run(store, info, &size_rows[i], size, error))
            return FALSE;
        if (*size > 0)
            continue;
        if (!g_str_equal(size_rows[i].name, "vocabulary")) {
            g_autofree char *run = entro_quote_name(info->name);
            return entro_usage_error(error, "run %s does not say its %s (config key %s): give %s",
                                     run, size_rows[i].name, size_rows[i].keys[0],
                                     size_rows[i].option);
        }
        assume(row, i);
    }
    return finish_sizes(&row->sizes, given, error);
}
