/* put-trace.c: /config and /scalars of a trace, for one of its attempts. */
#include "db-private.h"

#include <math.h>

/* ---- config --------------------------------------------------------------------------------- */

static gboolean
put_config(EntroStore *store, gint64 run_id, const EntroTrace *trace, GError **error)
{
    static const char *const columns[] = {"run_id", "key", "value", NULL};
    g_autofree char *sql = entro_sql_upsert("run_config", columns, 2);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare(store, sql, error);

    if (stmt == NULL)
        return FALSE;
    for (guint j = 0; j < trace->n_config; j++) {
        EntroBinder bind = entro_bind(store, stmt);

        entro_bind_int(&bind, run_id);
        entro_bind_text(&bind, trace->config[j].key);
        entro_bind_text(&bind, trace->config[j].value);
        if (!entro_bind_execute(&bind, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- scalars -------------------------------------------------------------------------------- */

typedef struct {
    sqlite3_stmt *upsert, *stored, *remove;
} ScalarTable;

static void
scalar_table_clear(ScalarTable *table)
{
    sqlite3_finalize(table->upsert);
    sqlite3_finalize(table->stored);
    sqlite3_finalize(table->remove);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ScalarTable, scalar_table_clear)

static gboolean
prepare_scalars(ScalarTable *table, EntroStore *store, GError **error)
{
    static const char *const columns[] = {"run_id", "name", "step", "value", "state", NULL};
    g_autofree char *sql = entro_sql_upsert("scalars", columns, 3);

    table->upsert = entro_sql_prepare(store, sql, error);
    if (table->upsert == NULL)
        return FALSE;
    table->stored =
        entro_sql_prepare(store,
                          "SELECT step FROM scalars WHERE run_id = ? AND name = ? ORDER BY step",
                          error);
    if (table->stored == NULL)
        return FALSE;
    table->remove =
        entro_sql_prepare(store, "DELETE FROM scalars WHERE run_id = ? AND name = ? AND step = ?",
                          error);
    return table->remove != NULL;
}

/* The attempt of the last capture: there is no run beyond it. */
static guint
last_attempt(const EntroTrace *trace)
{
    return trace->n_captures > 0 ? trace->attempts[trace->n_captures - 1] : trace->attempt;
}

/* Positions of the attempt's entries, by strictly ascending step; gsize elements.
 *
 * A step <= its predecessor begins the next attempt.  Restarts that no capture saw are part of the
 * last attempt: there, what came before the restart and was trained again does not count. */
static GArray *
select_entries(const EntroTrace *trace, const EntroScalar *scalar, guint attempt)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(gsize));
    guint last = last_attempt(trace);
    guint current = trace->attempt;

    for (gsize j = 0; j < scalar->n; j++) {
        if (j > 0 && scalar->step[j] <= scalar->step[j - 1])
            current++;
        if (MIN(current, last) != attempt)
            continue;
        while (entries->len > 0 &&
               scalar->step[g_array_index(entries, gsize, entries->len - 1)] >= scalar->step[j])
            g_array_set_size(entries, entries->len - 1);
        g_array_append_val(entries, j);
    }
    return entries;
}

static const char *
state_name(double value)
{
    if (isnan(value))
        return "nan";
    return isfinite(value) ? "finite" : value > 0 ? "inf" : "-inf";
}

static gboolean
put_entries(EntroStore *store, ScalarTable *table, gint64 run_id, const EntroScalar *scalar,
            const GArray *entries, GError **error)
{
    for (guint j = 0; j < entries->len; j++) {
        gsize position = g_array_index(entries, gsize, j);
        EntroBinder bind = entro_bind(store, table->upsert);

        entro_bind_int(&bind, run_id);
        entro_bind_text(&bind, scalar->name);
        entro_bind_int(&bind, scalar->step[position]);
        entro_bind_double(&bind, scalar->value[position]);
        entro_bind_text(&bind, state_name(scalar->value[position]));
        if (!entro_bind_execute(&bind, error))
            return FALSE;
    }
    return TRUE;
}

/* Steps that are stored, but not among the entries; gint64 elements. */
static GArray *
list_stale(EntroStore *store, ScalarTable *table, gint64 run_id, const EntroScalar *scalar,
           const GArray *entries, GError **error)
{
    g_autoptr(GArray) stale = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint next = 0;
    gboolean row = TRUE;
    EntroBinder bind = entro_bind(store, table->stored);

    entro_bind_int(&bind, run_id);
    entro_bind_text(&bind, scalar->name);
    if (!entro_bind_ready(&bind, error))
        return NULL;
    while (entro_sql_step(store, table->stored, &row, error) && row) {
        gint64 step = sqlite3_column_int64(table->stored, 0);

        if (next < entries->len && scalar->step[g_array_index(entries, gsize, next)] == step)
            next++;
        else
            g_array_append_val(stale, step);
    }
    sqlite3_reset(table->stored);
    return row ? NULL : g_steal_pointer(&stale);
}

/* A trace that grew may show that entries were another attempt's: a database filled in two goes
 * must end as one filled at once. */
static gboolean
remove_stale(EntroStore *store, ScalarTable *table, gint64 run_id, const EntroScalar *scalar,
             const GArray *entries, GError **error)
{
    g_autoptr(GArray) stale = list_stale(store, table, run_id, scalar, entries, error);

    if (stale == NULL)
        return FALSE;
    for (guint j = 0; j < stale->len; j++) {
        EntroBinder bind = entro_bind(store, table->remove);

        entro_bind_int(&bind, run_id);
        entro_bind_text(&bind, scalar->name);
        entro_bind_int(&bind, g_array_index(stale, gint64, j));
        if (!entro_bind_execute(&bind, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
put_scalars(EntroStore *store, gint64 run_id, const EntroTrace *trace, guint attempt,
            GError **error)
{
    g_auto(ScalarTable) table = {NULL};

    if (!prepare_scalars(&table, store, error))
        return FALSE;
    for (guint j = 0; j < trace->n_scalars; j++) {
        const EntroScalar *scalar = &trace->scalars[j];
        g_autoptr(GArray) entries = select_entries(trace, scalar, attempt);

        if (!put_entries(store, &table, run_id, scalar, entries, error) ||
            !remove_stale(store, &table, run_id, scalar, entries, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_store_put_trace(EntroStore *store, gint64 run_id, const EntroTrace *trace, guint attempt,
                      GError **error)
{
    g_auto(EntroTransaction) transaction = {NULL};
    gint64 n_before = sqlite3_total_changes64(store->db);

    if (!entro_transaction_begin(&transaction, store, error))
        return FALSE;
    if (!put_config(store, run_id, trace, error) ||
        !put_scalars(store, run_id, trace, attempt, error)) {
        g_prefix_error(error, "cannot store configuration and scalars in ");
        return FALSE;
    }
    if (sqlite3_total_changes64(store->db) != n_before &&
        !entro_findings_forget(store, run_id, error))
        return FALSE;
    return entro_transaction_commit(&transaction, error);
}
