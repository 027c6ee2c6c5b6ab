/* test-store-select.c: grids, curves and scalars come out as they went in. */
#include "store-fixture.h"

#include <math.h>

static void
grid_holds_what_was_put(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    put_step(store, run_id, 10);
    put_step(store, run_id, 20);
    g_autoptr(EntroGrid) grid =
        entro_store_select_grid(store, run_id, "entropy_mean", ENTRO_STEP_LAST, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(grid->run, ==, "a");
    g_assert_cmpint(grid->step, ==, 20);
    g_assert_cmpuint(grid->n_rows, ==, 2);
    g_assert_cmpuint(grid->n_columns, ==, 3);
    for (guint layer = 0; layer < 2; layer++)
        for (guint head = 0; head < 3; head++) {
            g_assert_cmpint(grid->state[layer * 3 + head], ==, ENTRO_CELL_VALUE);
            g_assert_cmpfloat(grid->value[layer * 3 + head], ==, expected_entropy(20, layer, head));
        }
}

/* A diverged head is UNDEFINED; an unreadable layer and a head that the model lacks are ABSENT. */
static void
grid_tells_undefined_from_absent(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(20, 2, 3);

    (void)data;
    put_step(store, run_id, 10);
    capture.status = ENTRO_CAPTURE_PARTIAL;
    capture.n_heads = 2; /* heads 0 and 1 of layer 0 alone */
    capture.heads[1].values[ENTRO_HEAD_ENTROPY_MEAN] = NAN;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, &error));
    free_capture(&capture);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, run_id, "entropy_mean", 20, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(grid->n_rows, ==, 2);
    g_assert_cmpuint(grid->n_columns, ==, 3);
    const guint8 expected[] = {ENTRO_CELL_VALUE,  ENTRO_CELL_UNDEFINED, ENTRO_CELL_ABSENT,
                               ENTRO_CELL_ABSENT, ENTRO_CELL_ABSENT,    ENTRO_CELL_ABSENT};
    g_assert_cmpmem(grid->state, 6, expected, 6);
    g_assert_true(isnan(grid->value[1]) && isnan(grid->value[5]));
}

static void
integer_columns_make_grids_too(Fixture *fixture, gconstpointer data)
{
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    put_step(store, run_id, 10);
    g_autoptr(EntroGrid) grid = entro_store_select_grid(store, run_id, "n_rows", 10, NULL);
    g_assert_nonnull(grid);
    g_assert_cmpfloat(grid->value[5], ==, 32);
}

static void
assert_no_grid(EntroStore *store, gint64 run_id, const char *column, gint64 step,
               const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(entro_store_select_grid(store, run_id, column, step, &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, message));
}

static void
what_is_not_there_is_a_sentence(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);

    (void)data;
    assert_no_grid(store, run_id, "entropy_mean", ENTRO_STEP_LAST, "no captures");
    put_step(store, run_id, 10);
    assert_no_grid(store, run_id, "entropy_mean", 11, "no capture at step 11");
    assert_no_grid(store, run_id, "entropy", 10, "no statistic 'entropy'");
    assert_no_grid(store, run_id, "step\" FROM runs; --", 10, "no statistic");
    assert_no_grid(store, run_id, "run_id", 10, "no statistic"); /* a column, no statistic */
    assert_no_grid(store, 99, "entropy_mean", 10, "no run #99");
    g_assert_null(entro_store_select_layer_curves(store, 99, "entropy_mean", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(entro_store_select_scalar(store, run_id, "loss", &error));
    g_assert_error(error, ENTRO_STORE_ERROR, ENTRO_STORE_ERROR_NOT_FOUND);
}

static void
layer_curve_is_the_mean_of_its_heads(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(20, 2, 3);

    (void)data;
    put_step(store, run_id, 10);
    capture.heads[0].values[ENTRO_HEAD_ENTROPY_MEAN] = NAN; /* heads 1 and 2 remain */
    for (guint head = 3; head < 6; head++)
        capture.heads[head].values[ENTRO_HEAD_ENTROPY_MEAN] = NAN; /* the whole of layer 1 */
    average_heads(&capture);
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, &error));
    free_capture(&capture);
    g_autoptr(GPtrArray) curves =
        entro_store_select_layer_curves(store, run_id, "entropy_mean", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(curves->len, ==, 2);
    const EntroCurve *first = g_ptr_array_index(curves, 0);
    const EntroCurve *second = g_ptr_array_index(curves, 1);
    g_assert_cmpstr(first->label, ==, "layer 0");
    g_assert_cmpint(second->number, ==, 1);
    g_assert_cmpuint(first->n, ==, 2);
    g_assert_cmpfloat(first->x[1], ==, 20);
    g_assert_cmpfloat_with_epsilon(first->y[0], expected_entropy(10, 0, 1), 1e-12);
    g_assert_cmpfloat_with_epsilon(first->y[1],
                                   (expected_entropy(20, 0, 1) + expected_entropy(20, 0, 2)) / 2,
                                   1e-12);
    g_assert_true(isfinite(second->y[0]) && isnan(second->y[1]));
}

static void
unreadable_layer_leaves_a_gap(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    gint64 run_id = begin_run(store, "a", 1);
    EntroCapture capture = make_capture(20, 2, 3);

    (void)data;
    put_step(store, run_id, 10);
    capture.n_heads = 3;
    capture.n_layers = 1;
    g_assert_true(entro_store_put_captures(store, run_id, &capture, 1, &error));
    free_capture(&capture);
    put_step(store, run_id, 30);
    g_autoptr(GPtrArray) curves =
        entro_store_select_layer_curves(store, run_id, "entropy_spread", &error);
    g_assert_no_error(error);
    const EntroCurve *second = g_ptr_array_index(curves, 1);
    g_assert_cmpuint(second->n, ==, 3);
    g_assert_true(isfinite(second->y[0]) && isnan(second->y[1]) && isfinite(second->y[2]));
}

static void
columns_are_described(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroStore) store = open_store(fixture->path, ENTRO_STORE_WRITE);
    g_autofree char *title = NULL;
    g_autofree char *unit = NULL;
    g_autofree char *no_title = NULL;
    g_autofree char *no_unit = NULL;

    (void)data;
    g_assert_true(entro_store_describe(store, "entropy_ceiling", &title, &unit, &error));
    g_assert_cmpstr(title, ==, entro_head_columns()[ENTRO_HEAD_ENTROPY_CEILING].title);
    g_assert_cmpstr(unit, ==, "nats");
    g_assert_true(entro_store_describe(store, "nothing", &no_title, &no_unit, &error));
    g_assert_null(no_title);
    g_assert_null(no_unit);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/db/select/grid-holds-what-was-put", grid_holds_what_was_put);
    FIXTURE_TEST("/db/select/grid-tells-undefined-from-absent", grid_tells_undefined_from_absent);
    FIXTURE_TEST("/db/select/integer-columns-make-grids-too", integer_columns_make_grids_too);
    FIXTURE_TEST("/db/select/what-is-not-there-is-a-sentence", what_is_not_there_is_a_sentence);
    FIXTURE_TEST("/db/select/layer-curve-is-the-mean-of-its-heads",
                 layer_curve_is_the_mean_of_its_heads);
    FIXTURE_TEST("/db/select/unreadable-layer-leaves-a-gap", unreadable_layer_leaves_a_gap);
    FIXTURE_TEST("/db/select/columns-are-described", columns_are_described);
    return g_test_run();
}
