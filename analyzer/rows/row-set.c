/* row-set.c: the entropies of all chosen rows of one capture, each in a place of its own. */
#include "rows-private.h"

#include <string.h>

typedef struct {
    const EntroRowChoice *choice;
    EntroRowSet *set;
    gsize *first;   /* [n_layers] of the trace: row of its first chosen head */
    guint **number; /* [n_layers]: [n_heads] which of the chosen heads */
    double *log_n;  /* [most keys + 1] */
} Rows;

static gsize
rows_per_head(const EntroRowChoice *choice, guint layer)
{
    return entro_row_choice_samples(choice, layer) * choice->trace->layers[layer].n_queries;
}

static gboolean
check_memory(const EntroRowChoice *choice, GError **error)
{
    double n = 0, most = (double)(choice->options->memory / sizeof(EntroRowValue));

    for (guint layer = 0; layer < choice->trace->n_layers; layer++)
        n += (double)choice->n_wanted[layer] * (double)rows_per_head(choice, layer);
    if (n <= most)
        return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_LIMIT,
                "%s: %.0f rows were chosen, at most %.0f fit into the %" G_GSIZE_FORMAT
                " MiB that they may take: choose layers, heads or one sample",
                choice->trace->path, n, most, choice->options->memory >> 20);
    return FALSE;
}

static void
add_row(gpointer data, const EntroRowSight *sight)
{
    const Rows *rows = data;
    const EntroLayer *layer = &rows->choice->trace->layers[sight->layer];
    gboolean valid = sight->class_ == ENTRO_ROW_VALID;
    guint32 n_keys = valid ? sight->measured->n_keys : 0;
    gsize place =
        rows->first[sight->layer] +
        rows->number[sight->layer][sight->head] * rows_per_head(rows->choice, sight->layer) +
        sight->sample * layer->n_queries + sight->query;

    rows->set->row[place] =
        (EntroRowValue){.entropy = valid ? sight->measured->entropy : NAN,
                        .norm = n_keys >= 2 ? sight->measured->entropy / rows->log_n[n_keys] : NAN,
                        .query = sight->position,
                        .layer = layer->index,
                        .head = sight->head,
                        .sample = (guint32)(rows->choice->first_sample + sight->sample),
                        .n_keys = n_keys,
                        .class_ = sight->class_};
}

static gboolean
begin_rows(Rows *rows, GError **error)
{
    const EntroRowChoice *choice = rows->choice;
    EntroRowSet *set = rows->set;

    rows->first = g_new(gsize, choice->trace->n_layers);
    rows->number = g_new(guint *, choice->trace->n_layers);
    for (guint layer = 0; layer < choice->trace->n_layers; layer++) {
        const EntroLayer *facts = &choice->trace->layers[layer];
        rows->first[layer] = set->n;
        rows->number[layer] = g_new0(guint, facts->n_heads);
        for (guint head = 0, number = 0; head < facts->n_heads; head++)
            rows->number[layer][head] = choice->wanted[layer][head] ? number++ : 0;
        set->n += choice->n_wanted[layer] * rows_per_head(choice, layer);
        if (choice->n_wanted[layer] > 0)
            set->most_keys = MAX(set->most_keys, facts->n_keys);
    }
    rows->log_n = g_new(double, set->most_keys + 1);
    for (gsize n = 0; n <= set->most_keys; n++)
        rows->log_n[n] = log((double)n);
    set->row = g_try_new(EntroRowValue, set->n);
    if (set->row != NULL)
        return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_LIMIT,
                "%s: no memory for %" G_GSIZE_FORMAT " rows: choose layers, heads or one sample",
                choice->trace->path, set->n);
    return FALSE;
}

/* Leaves those of layers that could be read, side by side. */
static void
keep_read(const Rows *rows)
{
    const EntroRowChoice *choice = rows->choice;
    EntroRowSet *set = rows->set;

    set->n = set->most_keys = 0;
    for (guint layer = 0; layer < choice->trace->n_layers; layer++) {
        gsize n = choice->n_wanted[layer] * rows_per_head(choice, layer);
        if (!choice->read[layer])
            continue;
        memmove(set->row + set->n, set->row + rows->first[layer], n * sizeof *set->row);
        set->n += n;
        set->most_keys = MAX(set->most_keys, choice->trace->layers[layer].n_keys);
    }
}

static void
rows_clear(Rows *rows)
{
    for (guint layer = 0; rows->number != NULL && layer < rows->choice->trace->n_layers; layer++)
        g_free(rows->number[layer]);
    g_free(rows->number);
    g_free(rows->first);
    g_free(rows->log_n);
}

EntroRowSet *
entro_row_set_read(EntroSource *source, const EntroRowOptions *options, GError **error)
{
    g_auto(EntroRowChoice) choice = {0};
    g_autoptr(EntroRowSet) set = g_new0(EntroRowSet, 1);
    Rows rows = {.choice = &choice, .set = set};

    if (!entro_row_choice_init(&choice, source, options, error) || !check_memory(&choice, error))
        return NULL;
    gboolean good =
        begin_rows(&rows, error) && entro_row_walk(&choice, add_row, &rows, &set->origin, error);
    if (good)
        keep_read(&rows);
    rows_clear(&rows);
    return good ? g_steal_pointer(&set) : NULL;
}

void
entro_row_set_free(EntroRowSet *set)
{
    if (set == NULL)
        return;
    entro_row_origin_clear(&set->origin);
    g_free(set->row);
    g_free(set);
}
