/* select-curves.c: statistics and scalars over training steps, as plain curves. */
#include "db-private.h"

#include <math.h>

void
entro_curve_free(EntroCurve *curve)
{
    if (curve == NULL)
        return;
    g_free(curve->label);
    g_free(curve->x);
    g_free(curve->y);
    g_free(curve);
}

/* ---- a curve for each layer ----------------------------------------------------------------- */

/* Curves under way: all have a point at every capture, NaN where the layer could not be read, so
 * that the line breaks there. */
typedef struct {
    GArray *steps;        /* gint64, ascending */
    GPtrArray *curves;    /* in the order in which the layers come up */
    GHashTable *by_layer; /* gint64 * in the curve -> the curve */
    gsize position;       /* of the row's step in `steps` */
} LayerCurves;

static void
layer_curves_clear(LayerCurves *curves)
{
    g_clear_pointer(&curves->steps, g_array_unref);
    g_clear_pointer(&curves->by_layer, g_hash_table_unref);
    g_clear_pointer(&curves->curves, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LayerCurves, layer_curves_clear)

static gboolean
read_steps(EntroStore *store, gint64 run_id, GArray **ret_steps, GError **error)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare_run(store, "SELECT step FROM captures WHERE run_id = ?1 ORDER BY step",
                              run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return FALSE;
    while (entro_sql_step(store, stmt, &row, error) && row) {
        gint64 step = sqlite3_column_int64(stmt, 0);
        g_array_append_val(steps, step);
    }
    if (row)
        return FALSE;
    *ret_steps = g_steal_pointer(&steps);
    return TRUE;
}

static EntroCurve *
new_layer_curve(gint64 layer, const GArray *steps)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup_printf("layer %" G_GINT64_FORMAT, layer);
    curve->number = layer;
    curve->n = steps->len;
    curve->x = g_new(double, steps->len);
    curve->y = g_new(double, steps->len);
    for (guint j = 0; j < steps->len; j++) {
        curve->x[j] = (double)g_array_index(steps, gint64, j);
        curve->y[j] = NAN;
    }
    return curve;
}

static EntroCurve *
get_curve(LayerCurves *curves, gint64 layer)
{
    EntroCurve *curve = g_hash_table_lookup(curves->by_layer, &layer);

    if (curve != NULL)
        return curve;
    curve = new_layer_curve(layer, curves->steps);
    g_ptr_array_add(curves->curves, curve);
    g_hash_table_insert(curves->by_layer, &curve->number, curve);
    return curve;
}

/* Rows are (step, layer, value) by ascending step. */
static void
add_point(LayerCurves *curves, sqlite3_stmt *stmt)
{
    gint64 step = sqlite3_column_int64(stmt, 0);

    while (curves->position < curves->steps->len &&
           g_array_index(curves->steps, gint64, curves->position) < step)
        curves->position++;
    if (curves->position == curves->steps->len ||
        g_array_index(curves->steps, gint64, curves->position) != step)
        return; /* statistics without a capture: not of this program */
    EntroCurve *curve = get_curve(curves, sqlite3_column_int64(stmt, 1));
    if (sqlite3_column_type(stmt, 2) != SQLITE_NULL)
        curve->y[curves->position] = sqlite3_column_double(stmt, 2);
}

static int
compare_layers(gconstpointer a, gconstpointer b)
{
    const EntroCurve *curve_a = *(const EntroCurve *const *)a;
    const EntroCurve *curve_b = *(const EntroCurve *const *)b;

    return (curve_a->number > curve_b->number) - (curve_a->number < curve_b->number);
}

static gboolean
has_layer_rows(EntroStore *store, const char *table, gint64 run_id, gboolean *ret_has,
               GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT 1 FROM %s WHERE run_id = ?1 LIMIT 1", table);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(store, sql, run_id, error);

    return stmt != NULL && entro_sql_step(store, stmt, ret_has, error);
}

/* A statistic of heads is averaged over the layer's heads, one of layers stands as it is.  Where both
 * have the same name the layer's is that average, with a twelfth of the rows to read. */
static char *
make_curve_query(EntroStore *store, gint64 run_id, const char *column, GError **error)
{
    const char *of_heads = NULL;
    const char *of_layers = NULL;
    gboolean layers = TRUE;

    if (!entro_columns_find(store, TRUE, column, &of_heads, error) ||
        !entro_columns_find(store, FALSE, column, &of_layers, error))
        return NULL;
    if (of_heads != NULL && of_layers != NULL &&
        !has_layer_rows(store, of_layers, run_id, &layers, error))
        return NULL;
    if (of_heads != NULL && (of_layers == NULL || !layers))
        return g_strdup_printf("SELECT step, layer, avg(\"%s\") FROM %s"
                               " WHERE run_id = ?1 GROUP BY step, layer ORDER BY step, layer",
                               column, of_heads);
    if (of_layers != NULL)
        return g_strdup_printf("SELECT step, layer, \"%s\" FROM %s"
                               " WHERE run_id = ?1 ORDER BY step, layer",
                               column, of_layers);
    g_autofree char *quoted = entro_quote_name(column);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                "%s: there is no statistic %s (the table \"metric\" lists them)", store->path,
                quoted);
    return NULL;
}

GPtrArray *
entro_store_select_layer_curves(EntroStore *store, gint64 run_id, const char *column,
                                GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_auto(LayerCurves) curves = {
        .curves = g_ptr_array_new_with_free_func((GDestroyNotify)entro_curve_free),
        .by_layer = g_hash_table_new(g_int64_hash, g_int64_equal),
    };
    g_autofree char *sql = make_curve_query(store, run_id, column, error);
    gboolean row = TRUE;

    if (sql == NULL || !entro_transaction_begin_read(&view, store, error))
        return NULL;
    g_autoptr(EntroRunInfo) run = entro_store_get_run(store, run_id, error);
    if (run == NULL || !read_steps(store, run_id, &curves.steps, error))
        return NULL;
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(store, sql, run_id, error);
    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row)
        add_point(&curves, stmt);
    if (row)
        return NULL;
    g_ptr_array_sort(curves.curves, compare_layers);
    return g_steal_pointer(&curves.curves);
}

/* ---- scalars -------------------------------------------------------------------------------- */

char **
entro_store_list_scalars(EntroStore *store, gint64 run_id, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) stmt = entro_sql_prepare_run(
        store,
        "SELECT DISTINCT name FROM scalars WHERE run_id = ?1 AND name IS NOT NULL ORDER BY name",
        run_id, error);
    gboolean row = TRUE;

    if (stmt == NULL)
        return NULL;
    while (entro_sql_step(store, stmt, &row, error) && row)
        g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(stmt, 0)));
    if (row)
        return NULL;
    g_ptr_array_add(names, NULL);
    g_ptr_array_set_free_func(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static void
fail_no_scalar(EntroStore *store, const EntroRunInfo *run, const char *name, GError **error)
{
    g_auto(GStrv) names = entro_store_list_scalars(store, run->id, error);

    if (names == NULL)
        return;
    g_autoptr(GPtrArray) there = g_ptr_array_new();
    for (char **each = names; *each != NULL; each++)
        g_ptr_array_add(there, *each);
    g_autofree char *list = entro_quote_closest(name, there);
    g_autofree char *quoted_run = entro_quote_name(run->name);
    g_autofree char *quoted = entro_quote_name(name);
    g_set_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND,
                "%s: run %s has no scalar %s%s%s", store->path, quoted_run, quoted,
                there->len > 0 ? "; it has " : "", list);
}

static gboolean
read_points(EntroStore *store, sqlite3_stmt *stmt, GArray *x, GArray *y, GError **error)
{
    gboolean row = TRUE;

    while (entro_sql_step(store, stmt, &row, error) && row) {
        gboolean finite = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
        double step = (double)sqlite3_column_int64(stmt, 0);
        double value = finite ? sqlite3_column_double(stmt, 1) : NAN;

        g_array_append_val(x, step);
        g_array_append_val(y, value);
    }
    return !row;
}

static EntroCurve *
new_scalar_curve(const char *label, GArray *x, GArray *y)
{
    EntroCurve *curve = g_new0(EntroCurve, 1);

    curve->label = g_strdup(label);
    curve->number = -1;
    curve->n = x->len;
    curve->x = g_memdup2(x->data, x->len * sizeof(double));
    curve->y = g_memdup2(y->data, y->len * sizeof(double));
    return curve;
}

EntroCurve *
entro_store_select_scalar(EntroStore *store, gint64 run_id, const char *name, GError **error)
{
    g_auto(EntroTransaction) view = {NULL};
    g_autoptr(GArray) x = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) y = g_array_new(FALSE, FALSE, sizeof(double));

    if (!entro_transaction_begin_read(&view, store, error))
        return NULL;
    g_autoptr(EntroRunInfo) run = entro_store_get_run(store, run_id, error);
    g_autoptr(sqlite3_stmt) stmt =
        run == NULL ? NULL
                    : entro_sql_prepare(store,
                                        "SELECT step, value FROM scalars"
                                        " WHERE run_id = ? AND name = ? ORDER BY step",
                                        error);
    if (stmt == NULL)
        return NULL;
    EntroBinder bind = entro_bind(store, stmt);
    entro_bind_int(&bind, run_id);
    entro_bind_text(&bind, name);
    if (!entro_bind_ready(&bind, error) || !read_points(store, stmt, x, y, error))
        return NULL;
    if (x->len == 0) {
        fail_no_scalar(store, run, name, error);
        return NULL;
    }
    return new_scalar_curve(run->name, x, y);
}
