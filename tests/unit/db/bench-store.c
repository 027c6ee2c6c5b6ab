/* bench-store.c: rows in and out of the database, one line "name value unit" each.
 *
 * 1000 captures of 12 layers x 12 heads, in batches of 16: 144 000 wide rows. */
#include "store-fixture.h"

#include <stdio.h>

enum { STEPS = 1000, BATCH = 16, LAYERS = 12, HEADS = 12, ROWS = STEPS * LAYERS * HEADS };

static double
seconds_since(gint64 start)
{
    return (double)(g_get_monotonic_time() - start) / 1e6;
}

static void
put_all(EntroStore *store, gint64 run_id)
{
    EntroCapture captures[BATCH];

    for (guint step = 0; step < STEPS; step += BATCH) {
        guint n = MIN(BATCH, STEPS - step);

        for (guint j = 0; j < n; j++)
            captures[j] = make_capture(step + j, LAYERS, HEADS);
        g_assert_true(entro_store_put_captures(store, run_id, captures, n, NULL));
        for (guint j = 0; j < n; j++)
            free_capture(&captures[j]);
    }
}

static void
measure_put(EntroStore *store, gint64 run_id, const char *name)
{
    gint64 start = g_get_monotonic_time();

    put_all(store, run_id);
    printf("%s %.0f rows/s\n", name, ROWS / seconds_since(start));
}

static void
measure_select(EntroStore *store, gint64 run_id)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(EntroGrid) grid =
        entro_store_select_grid(store, run_id, "entropy_mean", ENTRO_STEP_LAST, NULL);
    g_assert_nonnull(grid);
    printf("select-grid %.2f ms\n", 1e3 * seconds_since(start));

    start = g_get_monotonic_time();
    g_autoptr(GPtrArray) curves =
        entro_store_select_layer_curves(store, run_id, "entropy_mean", NULL);
    g_assert_nonnull(curves);
    printf("select-layer-curves %.2f ms\n", 1e3 * seconds_since(start));
}

static void
measure_export(EntroStore *store, const char *name, EntroExportFormat format)
{
    const EntroExportOptions options = {.format = format};
    g_autoptr(GString) out = g_string_new(NULL);
    gint64 start = g_get_monotonic_time();

    g_assert_true(entro_store_export(store, "head_stats", &options, out, NULL));
    printf("%s %.0f rows/s\n", name, ROWS / seconds_since(start));
}

int
main(void)
{
    Fixture fixture;

    fixture_set_up(&fixture, NULL);
    EntroStore *store = open_store(fixture.path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    measure_put(store, run_id, "put-new");
    measure_put(store, run_id, "put-unchanged");
    measure_select(store, run_id);
    measure_export(store, "export-csv", ENTRO_EXPORT_CSV);
    measure_export(store, "export-json", ENTRO_EXPORT_JSON);
    entro_store_free(store);

    gint64 start = g_get_monotonic_time();
    entro_store_free(open_store(fixture.path, ENTRO_STORE_READ));
    printf("open-read %.2f ms\n", 1e3 * seconds_since(start));
    printf("size %.0f bytes/row\n",
           (double)query_int(fixture.path, "SELECT page_count * page_size FROM"
                                           " pragma_page_count, pragma_page_size") /
               ROWS);
    fixture_tear_down(&fixture, NULL);
    return 0;
}
