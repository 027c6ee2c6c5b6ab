/* put.c: what the analyzer measured goes in, one transaction a batch of captures.
 *
 * Rows that are stored already and are the same are not written again, so that a second run over
 * the same trace leaves the file as it was. */
#include "db-private.h"

/* A table of one or more rows a capture. */
typedef struct {
    sqlite3_stmt *upsert;
    sqlite3_stmt *count;  /* rows of (run, step) */
    sqlite3_stmt *remove; /* rows of (run, step) */
} RowTable;

typedef struct {
    EntroStore *store;
    gint64 run_id;
    sqlite3_stmt *capture;
    RowTable heads;
    RowTable layers;
} Batch;

static void
row_table_clear(RowTable *table)
{
    sqlite3_finalize(table->upsert);
    sqlite3_finalize(table->count);
    sqlite3_finalize(table->remove);
}

static void
batch_clear(Batch *batch)
{
    sqlite3_finalize(batch->capture);
    row_table_clear(&batch->heads);
    row_table_clear(&batch->layers);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

/* ---- statements ----------------------------------------------------------------------------- */

/* The key columns and, behind them, all columns of the table's sets, in the order of the sets. */
static sqlite3_stmt *
prepare_rows(EntroStore *store, const char *table, const char *const *keys, GError **error)
{
    g_autoptr(GPtrArray) columns = g_ptr_array_new();
    EntroColumnSet sets[ENTRO_N_COLUMN_SETS];
    guint n_keys = g_strv_length((char **)keys);

    for (guint j = 0; j < n_keys; j++)
        g_ptr_array_add(columns, (gpointer)keys[j]);
    entro_column_sets(sets);
    for (guint j = 0; j < ENTRO_N_COLUMN_SETS; j++)
        for (guint k = 0; k < sets[j].n && g_str_equal(sets[j].table, table); k++)
            g_ptr_array_add(columns, (gpointer)sets[j].columns[k].name);
    g_ptr_array_add(columns, NULL);
    g_autofree char *sql = entro_sql_upsert(table, (const char *const *)columns->pdata, n_keys);
    return entro_sql_prepare(store, sql, error);
}

static gboolean
prepare_heads(Batch *batch, GError **error)
{
    static const char *const keys[] = {"run_id", "step", "layer", "head", NULL};
    RowTable *table = &batch->heads;

    table->upsert = prepare_rows(batch->store, "head_stats", keys, error);
    if (table->upsert == NULL)
        return FALSE;
    table->count =
        entro_sql_prepare(batch->store,
                          "SELECT count(*) FROM head_stats WHERE run_id = ? AND step = ?", error);
    if (table->count == NULL)
        return FALSE;
    table->remove =
        entro_sql_prepare(batch->store, "DELETE FROM head_stats WHERE run_id = ? AND step = ?",
                          error);
    return table->remove != NULL;
}

static gboolean
prepare_layers(Batch *batch, GError **error)
{
    static const char *const keys[] = {"run_id", "step", "layer", NULL};
    RowTable *table = &batch->layers;

    table->upsert = prepare_rows(batch->store, "layer_stats", keys, error);
    if (table->upsert == NULL)
        return FALSE;
    table->count =
        entro_sql_prepare(batch->store,
                          "SELECT count(*) FROM layer_stats WHERE run_id = ? AND step = ?", error);
    if (table->count == NULL)
        return FALSE;
    table->remove =
        entro_sql_prepare(batch->store, "DELETE FROM layer_stats WHERE run_id = ? AND step = ?",
                          error);
    return table->remove != NULL;
}

static gboolean
prepare_batch(Batch *batch, GError **error)
{
    static const char *const columns[] = {"run_id", "step",   "position", "n_rows",
                                          "digest", "status", "detail",   NULL};
    g_autofree char *sql = entro_sql_upsert("captures", columns, 2);

    batch->capture = entro_sql_prepare(batch->store, sql, error);
    return batch->capture != NULL && prepare_heads(batch, error) && prepare_layers(batch, error);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static gboolean
put_head(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroHeadStats *stats = &capture->heads[position];
    EntroBinder bind = entro_bind(batch->store, batch->heads.upsert);

    entro_bind_int(&bind, batch->run_id);
    entro_bind_int(&bind, capture->step);
    entro_bind_int(&bind, stats->layer);
    entro_bind_int(&bind, stats->head);
    entro_bind_int(&bind, stats->n_rows); /* as entro_count_columns() has them */
    entro_bind_int(&bind, stats->n_nan);
    entro_bind_int(&bind, stats->n_masked);
    entro_bind_int(&bind, stats->n_off_sum);
    for (guint j = 0; j < ENTRO_HEAD_N_COLUMNS; j++)
        entro_bind_double(&bind, stats->values[j]);
    return entro_bind_execute(&bind, error);
}

static gboolean
put_layer(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroLayerStats *stats = &capture->layers[position];
    EntroBinder bind = entro_bind(batch->store, batch->layers.upsert);

    entro_bind_int(&bind, batch->run_id);
    entro_bind_int(&bind, capture->step);
    entro_bind_int(&bind, stats->layer);
    entro_bind_int(&bind, stats->n_heads);
    entro_bind_int(&bind, stats->n_valid_heads);
    for (guint j = 0; j < ENTRO_LAYER_N_COLUMNS; j++)
        entro_bind_double(&bind, stats->values[j]);
    return entro_bind_execute(&bind, error);
}

static gboolean
put_capture_row(Batch *batch, const EntroCapture *capture, GError **error)
{
    g_autofree char *digest = g_strdup_printf("%016" G_GINT64_MODIFIER "x", capture->digest);
    EntroBinder bind = entro_bind(batch->store, batch->capture);

    entro_bind_int(&bind, batch->run_id);
    entro_bind_int(&bind, capture->step);
    entro_bind_int(&bind, (gint64)capture->position);
    entro_bind_int(&bind, capture->n_rows);
    entro_bind_text(&bind, digest);
    entro_bind_text(&bind, entro_capture_status_name(capture->status));
    entro_bind_text(&bind, capture->detail);
    return entro_bind_execute(&bind, error);
}

/* ---- captures ------------------------------------------------------------------------------- */

typedef gboolean (*PutRow)(Batch *batch, const EntroCapture *capture, guint position,
                           GError **error);

static gboolean
put_all(Batch *batch, const EntroCapture *capture, guint n, PutRow put_row, GError **error)
{
    for (guint j = 0; j < n; j++)
        if (!put_row(batch, capture, j, error))
            return FALSE;
    return TRUE;
}

/* More rows than were put: an earlier reading of this capture had layers that this one has not.
 * That is rare enough to begin again from nothing. */
static gboolean
put_rows(Batch *batch, RowTable *table, const EntroCapture *capture, guint n, PutRow put_row,
         GError **error)
{
    gint64 n_stored = 0;

    if (!put_all(batch, capture, n, put_row, error))
        return FALSE;
    EntroBinder count = entro_bind(batch->store, table->count);
    entro_bind_int(&count, batch->run_id);
    entro_bind_int(&count, capture->step);
    if (!entro_bind_ready(&count, error) ||
        !entro_sql_get_int(batch->store, table->count, 0, &n_stored, error))
        return FALSE;
    if (n_stored <= n)
        return TRUE;
    EntroBinder remove = entro_bind(batch->store, table->remove);
    entro_bind_int(&remove, batch->run_id);
    entro_bind_int(&remove, capture->step);
    return entro_bind_execute(&remove, error) && put_all(batch, capture, n, put_row, error);
}

static gboolean
put_capture(Batch *batch, const EntroCapture *capture, GError **error)
{
    return put_capture_row(batch, capture, error) &&
           put_rows(batch, &batch->heads, capture, capture->n_heads, put_head, error) &&
           put_rows(batch, &batch->layers, capture, capture->n_layers, put_layer, error);
}

gboolean
entro_store_put_captures(EntroStore *store, gint64 run_id, const EntroCapture *captures, gsize n,
                         GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    g_auto(Batch) batch = {.store = store, .run_id = run_id};

    if (!entro_transaction_begin(&transaction, store, error) || !prepare_batch(&batch, error))
        return FALSE;
    for (gsize j = 0; j < n; j++)
        if (!put_capture(&batch, &captures[j], error)) {
            g_prefix_error(error, "cannot store step %" G_GINT64_FORMAT " in ", captures[j].step);
            return FALSE;
        }
    return entro_transaction_commit(&transaction, error);
}
