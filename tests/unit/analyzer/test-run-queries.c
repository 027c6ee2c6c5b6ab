/* test-run-queries.c: a run over queries and keys, or over row entropies: the same for any number of
 * threads, with what cannot be known left open. */
#include "trace-fixture.h"

#include <string.h>

enum { S = 3, B = 2, H = 4, HKV = 2, T = 300, D = 8 };

static void
put(hid_t file, const char *path, int rank, const hsize_t *dims, const hsize_t *chunk, double most)
{
    g_auto(EntroHid) space = H5Screate_simple(rank, dims, NULL);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);
    g_auto(EntroHid) links = H5Pcreate(H5P_LINK_CREATE);
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)strlen(path));
    gsize n = 1;

    for (int axis = 0; axis < rank; axis++)
        n *= dims[axis];
    g_autofree float *values = g_new(float, n);
    for (gsize i = 0; i < n; i++)
        values[i] = (float)g_rand_double_range(rand, most < 0 ? most : 0, fabs(most));
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_chunk(properties, rank, chunk);
    H5Pset_fletcher32(properties);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, path, H5T_IEEE_F32LE, space, links, properties, H5P_DEFAULT);
    g_assert_cmpint(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), >=,
                    0);
}

/* Layer 0 of queries and keys, layer 1 of entropies: some are larger than ln n, and off. */
static void
write_kinds(const char *path)
{
    const hsize_t queries[] = {S, B, H, T, D}, keys[] = {S, B, HKV, T, D}, rows[] = {S, B, H, T};
    const hsize_t chunk[] = {1, 1, 2, 70, D}, chunk_rows[] = {2, 1, 3, 90};
    const gint64 steps[S] = {0, 10, 20};
    hsize_t n = S;
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) space = H5Screate_simple(1, &n, NULL);
    g_auto(EntroHid) step =
        H5Dcreate2(file, "/step", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    H5Dwrite(step, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps);
    put(file, "/layers/0/queries", 5, queries, chunk, -3);
    put(file, "/layers/0/keys", 5, keys, chunk, -2);
    put(file, "/layers/1/row_entropy", 4, rows, chunk_rows, 3);
    put(file, "/layers/1/row_max_logit", 4, rows, chunk_rows, 9);
}

static void
the_same_for_any_number_of_threads(Fixture *fixture, gconstpointer data)
{
    EntroRunOptions options = run_everything;
    g_autofree char *note = NULL;

    (void)data;
    write_kinds(fixture->path);
    options.n_threads = 1;
    g_autoptr(GArray) one = run_trace(fixture->path, &options, &note);
    g_assert_nonnull(note); /* that it was taken as causal */
    for (guint threads = 2; threads <= 8; threads *= 2) {
        options.n_threads = threads;
        g_autoptr(GArray) many = run_trace(fixture->path, &options, NULL);
        assert_same_captures(one, many);
    }
    const EntroCapture *capture = capture_at(one, 1);
    g_assert_cmpint(capture->status, ==, ENTRO_CAPTURE_COMPLETE);
    g_assert_cmpint(capture->n_rows, ==, 2 * B * H * T);
    for (guint head = 0; head < H; head++) {
        const EntroHeadStats *of_queries = head_at(capture, 0, head);
        const EntroHeadStats *of_entropies = head_at(capture, 1, head);
        for (guint column = 0; column < ENTRO_HEAD_N_COLUMNS; column++)
            g_assert_false(isnan(of_queries->values[column]));
        g_assert_cmpint(of_entropies->n_off_sum, >, 0);
        g_assert_true(isnan(of_entropies->values[ENTRO_HEAD_MAX_WEIGHT]));
        g_assert_false(isnan(of_entropies->values[ENTRO_HEAD_LOGIT_PEAK]));
    }
    g_assert_false(isnan(capture->layers[0].values[ENTRO_LAYER_DIVERSITY]));
    g_assert_true(isnan(capture->layers[1].values[ENTRO_LAYER_DIVERSITY]));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/run-queries/the-same-for-any-number-of-threads",
                 the_same_for_any_number_of_threads);
    return g_test_run();
}
