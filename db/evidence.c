/* evidence.c: what a run is judged by, read in one view of the database. */
#include "db-private.h"

#include <math.h>

/* ---- heads --------------------------------------------------------------------------------------- */

static EntroEvidence *
read_heads(EntroStore *store, gint64 run_id, GError **error)
{
    EntroHistory *heads = entro_store_select_history(store, run_id, entro_evidence_head_columns(),
                                                     ENTRO_EVIDENCE_N_HEAD_COLUMNS, error);

    return heads != NULL ? entro_evidence_take(heads) : NULL;
}

/* ---- captures and scalars ------------------------------------------------------------------------- */

static gboolean
read_complete(EntroStore *store, gint64 run_id, EntroEvidence *evidence, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store, "SELECT status = 'complete' FROM captures WHERE run_id = ?1 ORDER BY step", run_id,
        error);
    gboolean row = TRUE;
    gsize i = 0;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row)
        if (i < evidence->heads->n_steps)
            evidence->complete[i++] = sqlite3_column_int(stmt, 0) != 0;
    return !row;
}

static double
read_scalar_value(sqlite3_stmt *stmt)
{
    const char *state = (const char *)sqlite3_column_text(stmt, 3);

    if (sqlite3_column_type(stmt, 2) != SQLITE_NULL)
        return sqlite3_column_double(stmt, 2);
    if (g_strcmp0(state, "inf") == 0)
        return INFINITY;
    return g_strcmp0(state, "-inf") == 0 ? -INFINITY : NAN;
}

static void
end_series(EntroEvidence *evidence, const char *name, GArray *steps, GArray *values)
{
    if (steps->len > 0)
        entro_evidence_add_series(evidence, name, (const gint64 *)(gpointer)steps->data,
                                  (const double *)(gpointer)values->data, steps->len);
    g_array_set_size(steps, 0);
    g_array_set_size(values, 0);
}

/* Rows are (name, step, value, state) by name and step. */
static gboolean
collect_scalars(EntroStore *store, sqlite3_stmt *stmt, EntroEvidence *evidence, GError **error)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    g_autofree char *name = NULL;
    gboolean row = TRUE;

    while (entro_sql_step(store, stmt, &row, error) && row) {
        const char *next = (const char *)sqlite3_column_text(stmt, 0);
        gint64 step = sqlite3_column_int64(stmt, 1);
        double value = read_scalar_value(stmt);

        if (g_strcmp0(name, next) != 0) {
            end_series(evidence, name, steps, values);
            g_free(name);
            name = g_strdup(next != NULL ? next : "");
        }
        g_array_append_val(steps, step);
        g_array_append_val(values, value);
    }
    if (!row)
        end_series(evidence, name, steps, values);
    return !row;
}

static gboolean
read_scalars(EntroStore *store, gint64 run_id, EntroEvidence *evidence, GError **error)
{
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store,
        "SELECT name, step, value, state FROM scalars WHERE run_id = ?1 AND name LIKE '%loss'"
        " ORDER BY name, step",
        run_id, error);

    return stmt != NULL && collect_scalars(store, stmt, evidence, error);
}

EntroEvidence *
entro_evidence_load(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(EntroEvidence) evidence = read_heads(store, run_id, error);

    if (evidence == NULL ||
        !entro_history_read(store, evidence->layers, FALSE, entro_evidence_layer_columns(), run_id,
                            error) ||
        !read_complete(store, run_id, evidence, error) ||
        !read_scalars(store, run_id, evidence, error))
        return NULL;
    return g_steal_pointer(&evidence);
}
