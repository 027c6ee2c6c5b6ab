/* put.c: what the analyzer measured goes in, one transaction a batch of captures.
 *
 * Rows that are stored already and are the same are not written again, so that a second run over
 * the same trace leaves the file as it was. */
#include "db-private.h"

typedef struct Batch Batch;

/* Puts row `position` of the capture. */
typedef gboolean (*PutRow)(Batch *batch, const EntroCapture *capture, guint position,
                           GError **error);

/* A table of one or more rows a capture; `upsert` has the columns of its sets behind the keys. */
typedef struct {
    const char *name;
    const char *keys[5]; /* NULL-terminated */
    gsize n_offset;      /* of the number of rows in EntroCapture */
    PutRow put;
} TableFacts;

typedef struct {
    sqlite3_stmt *upsert;
    sqlite3_stmt *count;  /* rows of (run, step) */
    sqlite3_stmt *remove; /* rows of (run, step) */
} RowTable;

enum { TABLE_HEADS, TABLE_LAYERS, TABLE_HEAD_PARAMS, TABLE_LAYER_PARAMS, N_TABLES };

struct Batch {
    EntroStore *store;
    gint64 run_id;
    sqlite3_stmt *capture;
    sqlite3_stmt *known; /* digest and status of (run, step) */
    RowTable tables[N_TABLES];
};

static void
batch_clear(Batch *batch)
{
    sqlite3_finalize(batch->capture);
    sqlite3_finalize(batch->known);
    for (guint j = 0; j < N_TABLES; j++) {
        sqlite3_finalize(batch->tables[j].upsert);
        sqlite3_finalize(batch->tables[j].count);
        sqlite3_finalize(batch->tables[j].remove);
    }
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

/* ---- rows ----------------------------------------------------------------------------------- */

static EntroBinder
bind_keys(Batch *batch, guint table, const EntroCapture *capture, guint layer)
{
    EntroBinder bind = entro_bind(batch->store, batch->tables[table].upsert);

    entro_bind_int(&bind, batch->run_id);
    entro_bind_int(&bind, capture->step);
    entro_bind_int(&bind, layer);
    return bind;
}

static gboolean
bind_values(EntroBinder *bind, const double *values, guint n, GError **error)
{
    for (guint j = 0; j < n; j++)
        entro_bind_double(bind, values[j]);
    return entro_bind_execute(bind, error);
}

static gboolean
put_head(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroHeadStats *stats = &capture->heads[position];
    EntroBinder bind = bind_keys(batch, TABLE_HEADS, capture, stats->layer);

    entro_bind_int(&bind, stats->head);
    entro_bind_int(&bind, stats->n_rows); /* as entro_count_columns() has them */
    entro_bind_int(&bind, stats->n_nan);
    entro_bind_int(&bind, stats->n_masked);
    entro_bind_int(&bind, stats->n_off_sum);
    return bind_values(&bind, stats->values, ENTRO_HEAD_N_COLUMNS, error);
}

static gboolean
put_layer(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroLayerStats *stats = &capture->layers[position];
    EntroBinder bind = bind_keys(batch, TABLE_LAYERS, capture, stats->layer);

    entro_bind_int(&bind, stats->n_heads);
    entro_bind_int(&bind, stats->n_valid_heads);
    return bind_values(&bind, stats->values, ENTRO_LAYER_N_COLUMNS, error);
}

static gboolean
put_head_params(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroHeadParams *params = &capture->head_params[position];
    EntroBinder bind = bind_keys(batch, TABLE_HEAD_PARAMS, capture, params->layer);

    entro_bind_int(&bind, params->head);
    return bind_values(&bind, params->values, ENTRO_HEAD_PARAM_N_COLUMNS, error);
}

static gboolean
put_layer_params(Batch *batch, const EntroCapture *capture, guint position, GError **error)
{
    const EntroLayerParams *params = &capture->layer_params[position];
    EntroBinder bind = bind_keys(batch, TABLE_LAYER_PARAMS, capture, params->layer);

    return bind_values(&bind, params->values, ENTRO_LAYER_PARAM_N_COLUMNS, error);
}

static const TableFacts facts[N_TABLES] = {
    [TABLE_HEADS] = {"head_stats",
                     {"run_id", "step", "layer", "head"},
                     G_STRUCT_OFFSET(EntroCapture, n_heads),
                     put_head},
    [TABLE_LAYERS] = {"layer_stats",
                      {"run_id", "step", "layer"},
                      G_STRUCT_OFFSET(EntroCapture, n_layers),
                      put_layer},
    [TABLE_HEAD_PARAMS] = {"head_params",
                           {"run_id", "step", "layer", "head"},
                           G_STRUCT_OFFSET(EntroCapture, n_head_params),
                           put_head_params},
    [TABLE_LAYER_PARAMS] = {"layer_params",
                            {"run_id", "step", "layer"},
                            G_STRUCT_OFFSET(EntroCapture, n_layer_params),
                            put_layer_params},
};

/* ---- captures that are there already -------------------------------------------------------- */

#define SELECT_KNOWN "SELECT digest, status FROM captures WHERE run_id = ? AND step = ?"

static char *
format_digest(const EntroCapture *capture)
{
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x", capture->digest);
}

static gboolean
fail_conflict(EntroStore *store, gint64 run_id, const EntroCapture *capture, const char *stored,
              GError **error)
{
    g_autoptr(EntroRunInfo) run = entro_store_get_run(store, run_id, error);
    g_autofree char *digest = format_digest(capture);

    if (run == NULL)
        return FALSE;
    g_autofree char *name = entro_quote_name(run->name);
    g_autofree char *old = entro_quote_name(stored);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_CONFLICT,
                "%s: run %s (#%" G_GINT64_FORMAT ") has step %" G_GINT64_FORMAT
                " with other values: digest %s, now '%s'; the trace was changed after it was "
                "analysed; --replace computes the whole run anew, --run OTHER-NAME keeps both",
                store->path, name, run_id, capture->step, old, digest);
    return FALSE;
}

/* *ret_keep: what is stored is whole, and this reading has nothing to add to it. */
static gboolean
compare_known(EntroStore *store, sqlite3_stmt *stmt, gint64 run_id, const EntroCapture *capture,
              gboolean *ret_keep, GError **error)
{
    EntroBinder bind = entro_bind(store, stmt);
    gboolean row = FALSE;

    entro_bind_int(&bind, run_id);
    entro_bind_int(&bind, capture->step);
    if (!entro_bind_ready(&bind, error) || !entro_sql_step(store, stmt, &row, error))
        return FALSE;
    g_autofree char *digest = format_digest(capture);
    g_autofree char *stored = g_strdup((const char *)sqlite3_column_text(stmt, 0));
    gboolean whole = g_strcmp0((const char *)sqlite3_column_text(stmt, 1), "complete") == 0;
    sqlite3_reset(stmt);
    *ret_keep = whole && capture->status != ENTRO_CAPTURE_COMPLETE;
    return !whole || *ret_keep || g_strcmp0(stored, digest) == 0 ||
           fail_conflict(store, run_id, capture, stored != NULL ? stored : "", error);
}

gboolean
entro_store_check_capture(EntroStore *store, gint64 run_id, const EntroCapture *capture,
                          GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, SELECT_KNOWN, error);
    gboolean keep = FALSE;

    return stmt != NULL && compare_known(store, stmt, run_id, capture, &keep, error);
}

static gboolean
put_capture_row(Batch *batch, const EntroCapture *capture, GError **error)
{
    g_autofree char *digest = format_digest(capture);
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

/* What is to be done with the rows of (run, step). */
static sqlite3_stmt *
prepare_of_step(EntroStore *store, const char *verb, const char *table, GError **error)
{
    g_autofree char *sql = g_strdup_printf("%s FROM %s WHERE run_id = ? AND step = ?", verb, table);

    return entro_sql_prepare(store, sql, error);
}

static gboolean
prepare_table(EntroStore *store, const TableFacts *table, RowTable *ret, GError **error)
{
    ret->upsert = prepare_rows(store, table->name, table->keys, error);
    if (ret->upsert == NULL)
        return FALSE;
    ret->count = prepare_of_step(store, "SELECT count(*)", table->name, error);
    if (ret->count == NULL)
        return FALSE;
    ret->remove = prepare_of_step(store, "DELETE", table->name, error);
    return ret->remove != NULL;
}

static gboolean
prepare_batch(Batch *batch, GError **error)
{
    static const char *const columns[] = {"run_id", "step",   "position", "n_rows",
                                          "digest", "status", "detail",   NULL};
    g_autofree char *sql = entro_sql_upsert("captures", columns, 2);

    batch->capture = entro_sql_prepare(batch->store, sql, error);
    if (batch->capture == NULL)
        return FALSE;
    batch->known = entro_sql_prepare(batch->store, SELECT_KNOWN, error);
    if (batch->known == NULL)
        return FALSE;
    for (guint j = 0; j < N_TABLES; j++)
        if (!prepare_table(batch->store, &facts[j], &batch->tables[j], error))
            return FALSE;
    return TRUE;
}

/* ---- captures ------------------------------------------------------------------------------- */

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
put_rows(Batch *batch, guint which, const EntroCapture *capture, GError **error)
{
    const TableFacts *table = &facts[which];
    const RowTable *stmts = &batch->tables[which];
    guint n = G_STRUCT_MEMBER(guint, capture, table->n_offset);
    gint64 n_stored = 0;

    if (!put_all(batch, capture, n, table->put, error))
        return FALSE;
    EntroBinder count = entro_bind(batch->store, stmts->count);
    entro_bind_int(&count, batch->run_id);
    entro_bind_int(&count, capture->step);
    if (!entro_bind_ready(&count, error) ||
        !entro_sql_get_int(batch->store, stmts->count, 0, &n_stored, error))
        return FALSE;
    if (n_stored <= n)
        return TRUE;
    EntroBinder remove = entro_bind(batch->store, stmts->remove);
    entro_bind_int(&remove, batch->run_id);
    entro_bind_int(&remove, capture->step);
    return entro_bind_execute(&remove, error) && put_all(batch, capture, n, table->put, error);
}

static gboolean
put_capture(Batch *batch, const EntroCapture *capture, GError **error)
{
    gboolean keep = FALSE;

    if (!compare_known(batch->store, batch->known, batch->run_id, capture, &keep, error))
        return FALSE;
    if (keep)
        return TRUE;
    if (!put_capture_row(batch, capture, error))
        return FALSE;
    for (guint j = 0; j < N_TABLES; j++)
        if (!put_rows(batch, j, capture, error))
            return FALSE;
    return TRUE;
}

gboolean
entro_store_put_captures(EntroStore *store, gint64 run_id, const EntroCapture *captures, gsize n,
                         GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    g_auto(Batch) batch = {.store = store, .run_id = run_id};
    gint64 n_before = sqlite3_total_changes64(store->db);

    if (!entro_transaction_begin(&transaction, store, error) || !prepare_batch(&batch, error))
        return FALSE;
    for (gsize j = 0; j < n; j++)
        if (!put_capture(&batch, &captures[j], error)) {
            g_prefix_error(error, "cannot store step %" G_GINT64_FORMAT " in ", captures[j].step);
            return FALSE;
        }
    if (sqlite3_total_changes64(store->db) != n_before &&
        !entro_findings_forget(store, run_id, error))
        return FALSE;
    return entro_transaction_commit(&transaction, error);
}
