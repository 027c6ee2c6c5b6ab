/* trace-fixture.c: see trace-fixture.h. */
#include "trace-fixture.h"

#include <string.h>
#include <glib/gstdio.h>

/* ---- attention ------------------------------------------------------------------------------------- */

const EntroRunOptions run_everything = {.n_threads = 2,
                                        .tolerance = NAN,
                                        .memory = 16u << 20,
                                        .with = WITH_EVERYTHING,
                                        .row_collapse = ENTRO_HEAD_COLLAPSE,
                                        .row_overload = ENTRO_HEAD_OVERLOAD};

gsize
layer_size(const TraceShape *shape)
{
    return shape->n_samples * shape->n_heads * shape->n_queries * shape->n_keys;
}

float *
row_at(const TraceShape *shape, float *p, gsize sample, guint head, gsize query)
{
    return p + ((sample * shape->n_heads + head) * shape->n_queries + query) * shape->n_keys;
}

float *
make_attention(const TraceShape *shape, gsize capture, guint layer)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)(capture * 1000 + layer));
    float *p = g_new(float, layer_size(shape));

    for (gsize sample = 0; sample < shape->n_samples; sample++)
        for (guint head = 0; head < shape->n_heads; head++) {
            float *rows = row_at(shape, p, sample, head, 0);
            double temperature = 0.3 + 0.7 * head + layer;
            if (shape->causal)
                fill_causal(rand, rows, shape->n_queries, shape->n_keys, temperature);
            else
                for (gsize query = 0; query < shape->n_queries; query++)
                    fill_softmax(rand, rows + query * shape->n_keys, shape->n_keys, temperature);
        }
    return p;
}

void
round_to_element(EntroElement element, float *p, gsize n)
{
    g_autofree void *stored = g_malloc(n * entro_element_size(element));

    entro_element_encode(element, p, stored, n);
    entro_element_decode(element, FALSE, stored, p, n);
}

static float *
make_edited(const TraceShape *shape, gsize capture, guint layer)
{
    float *p = make_attention(shape, capture, layer);

    if (shape->edit != NULL && !shape->edit(shape, capture, layer, p))
        g_clear_pointer(&p, g_free);
    return p;
}

/* ---- by the writer --------------------------------------------------------------------------------- */

float
param_value(gsize capture, guint layer, EntroParam param, gsize i)
{
    return (float)(1000 * param + 100 * layer + 10 * capture) + (float)i / 64;
}

static void
write_params(EntroWriter *writer, const TraceShape *shape, gsize capture, guint layer)
{
    g_autoptr(GError) error = NULL;
    gsize n = shape->n_heads * shape->n_queries;
    g_autofree float *values = g_new(float, n);

    for (guint param = 0; param < ENTRO_N_PARAMS; param++) {
        if ((shape->params & 1u << param) == 0)
            continue;
        for (gsize i = 0; i < n; i++)
            values[i] = param_value(capture, layer, param, i);
        if (shape->edit_param == NULL || shape->edit_param(shape, capture, layer, param, values))
            entro_writer_put_param(writer, layer, param, values, &error);
        g_assert_no_error(error);
    }
}

static void
write_capture(EntroWriter *writer, const TraceShape *shape, gsize capture)
{
    g_autoptr(GError) error = NULL;

    for (guint layer = 0; layer < shape->n_layers; layer++) {
        g_autofree float *p = make_edited(shape, capture, layer);
        if (p != NULL)
            entro_writer_put_attention(writer, layer, p, &error);
        g_assert_no_error(error);
        write_params(writer, shape, capture, layer);
    }
    if (shape->mask != NULL)
        entro_writer_put_key_mask(writer, shape->mask, &error);
    g_assert_no_error(error);
    entro_writer_commit(writer, (gint64)capture * 10, &error);
    g_assert_no_error(error);
}

void
write_trace(const char *path, const TraceShape *shape)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint *n_heads = g_new(guint, shape->n_layers);
    const EntroWriterOptions options = {.run_name = "made up",
                                        .producer = "test",
                                        .attempt = 1,
                                        .causal = shape->causal,
                                        .context_length = shape->n_keys,
                                        .n_layers = shape->n_layers,
                                        .n_heads = n_heads,
                                        .n_samples = shape->n_samples,
                                        .n_queries = shape->n_queries,
                                        .n_keys = shape->n_keys,
                                        .element = shape->element,
                                        .deflate = shape->deflate,
                                        .key_mask = shape->mask != NULL,
                                        .params = shape->params};

    for (guint layer = 0; layer < shape->n_layers; layer++)
        n_heads[layer] = shape->n_heads;
    EntroWriter *writer = entro_writer_new(path, &options, &error);
    g_assert_no_error(error);
    for (gsize capture = 0; capture < shape->n_captures; capture++)
        write_capture(writer, shape, capture);
    entro_writer_close(writer, &error);
    g_assert_no_error(error);
}

/* ---- by HDF5 itself -------------------------------------------------------------------------------- */

static void
put_root(hid_t file, const TraceShape *shape, const Storage *storage)
{
    hsize_t n = shape->n_captures;
    g_autofree gint64 *steps = g_new(gint64, n);
    g_auto(EntroHid) scalar = H5Screate(H5S_SCALAR);
    g_auto(EntroHid) text = H5Tcopy(H5T_C_S1);
    g_auto(EntroHid) line = H5Screate_simple(1, &n, NULL);

    H5Tset_size(text, 15);
    g_auto(EntroHid) format = H5Acreate2(file, "format", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(format, text, "attention-trace");
    g_auto(EntroHid) version =
        H5Acreate2(file, "format_version", H5T_STD_I32LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(version, H5T_NATIVE_INT, &(int){1});
    if (storage->causal != ENTRO_CAUSAL_UNKNOWN) {
        g_auto(EntroHid) causal =
            H5Acreate2(file, "causal", H5T_STD_U8LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(causal, H5T_NATIVE_INT, &(int){storage->causal});
    }
    for (hsize_t i = 0; i < n; i++)
        steps[i] = (gint64)i * 10;
    g_auto(EntroHid) step =
        H5Dcreate2(file, "step", H5T_STD_I64LE, line, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    g_assert_cmpint(H5Dwrite(step, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, steps), >=, 0);
}

static void
put_key_mask(hid_t file, const TraceShape *shape)
{
    const hsize_t dims[3] = {shape->n_captures, shape->n_samples, shape->n_keys};
    gsize size = shape->n_samples * shape->n_keys;
    g_autofree guint8 *all = g_malloc(shape->n_captures * size);
    g_auto(EntroHid) space = H5Screate_simple(3, dims, NULL);
    g_auto(EntroHid) mask =
        H5Dcreate2(file, "key_mask", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    for (gsize capture = 0; capture < shape->n_captures; capture++)
        memcpy(all + capture * size, shape->mask, size);
    g_assert_cmpint(H5Dwrite(mask, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, all), >=, 0);
}

static hid_t
create_attention(hid_t group, const TraceShape *shape, const Storage *storage)
{
    const hsize_t dims[5] = {shape->n_captures, shape->n_samples, shape->n_heads, shape->n_queries,
                             shape->n_keys};
    g_auto(EntroHid) space = H5Screate_simple(5, dims, NULL);
    g_auto(EntroHid) type = entro_element_type(shape->element);
    g_auto(EntroHid) properties = H5Pcreate(H5P_DATASET_CREATE);

    H5Tset_order(type, storage->big_endian ? H5T_ORDER_BE : H5T_ORDER_LE);
    if (storage->chunk != NULL)
        H5Pset_chunk(properties, 5, storage->chunk);
    if (storage->shuffle)
        H5Pset_shuffle(properties);
    if (storage->deflate > 0)
        H5Pset_deflate(properties, storage->deflate);
    if (storage->fletcher32)
        H5Pset_fletcher32(properties);
    return H5Dcreate2(group, "attention", type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
}

static void
put_layer(hid_t file, const TraceShape *shape, const Storage *storage, guint layer)
{
    g_autofree char *name = g_strdup_printf("layers/%u", layer);
    g_auto(EntroHid) parents = H5Pcreate(H5P_LINK_CREATE);
    hsize_t count[5] = {1, shape->n_samples, shape->n_heads, shape->n_queries, shape->n_keys};

    H5Pset_create_intermediate_group(parents, 1);
    g_auto(EntroHid) group = H5Gcreate2(file, name, parents, H5P_DEFAULT, H5P_DEFAULT);
    g_auto(EntroHid) dataset = create_attention(group, shape, storage);
    g_auto(EntroHid) in_file = H5Dget_space(dataset);
    g_auto(EntroHid) in_memory = H5Screate_simple(5, count, NULL);
    for (gsize capture = 0; capture < shape->n_captures; capture++) {
        g_autofree float *p = make_edited(shape, capture, layer);
        if (p == NULL)
            continue;
        round_to_element(shape->element, p, layer_size(shape)); /* HDF5 rounds otherwise */
        H5Sselect_hyperslab(in_file, H5S_SELECT_SET, (hsize_t[5]){capture}, NULL, count, NULL);
        g_assert_cmpint(H5Dwrite(dataset, H5T_NATIVE_FLOAT, in_memory, in_file, H5P_DEFAULT, p), >=,
                        0);
    }
}

void
write_plain_trace(const char *path, const TraceShape *shape, const Storage *storage)
{
    g_auto(EntroHid) file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    g_assert_cmpint(file, >=, 0);
    put_root(file, shape, storage);
    if (shape->mask != NULL)
        put_key_mask(file, shape);
    for (guint layer = 0; layer < shape->n_layers; layer++)
        put_layer(file, shape, storage, layer);
}

/* ---- runs ------------------------------------------------------------------------------------------ */

static void
clear_capture(gpointer capture)
{
    entro_capture_clear(capture);
}

GArray *
run_trace(const char *path, const EntroRunOptions *options, char **ret_note)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(EntroRun) run = entro_run_new(source, options, &error);
    g_assert_no_error(error);
    GArray *captures = g_array_new(FALSE, FALSE, sizeof(EntroCapture));
    gboolean end = FALSE;

    g_array_set_clear_func(captures, clear_capture);
    while (TRUE) {
        EntroCapture capture = {0};
        g_assert_true(entro_run_next(run, &capture, &end, &error));
        if (end)
            break;
        g_array_append_val(captures, capture);
    }
    if (ret_note != NULL)
        *ret_note = g_strdup(entro_run_get_causal_note(run));
    return captures;
}

const EntroCapture *
capture_at(const GArray *captures, guint index)
{
    g_assert_cmpuint(index, <, captures->len);
    return &g_array_index(captures, EntroCapture, index);
}

const EntroHeadStats *
head_at(const EntroCapture *capture, guint layer, guint head)
{
    for (guint i = 0; i < capture->n_heads; i++)
        if (capture->heads[i].layer == layer && capture->heads[i].head == head)
            return &capture->heads[i];
    g_error("capture %d has no layer %u, head %u", (int)capture->position, layer, head);
    return NULL;
}

/* Bit by bit: NaN is NaN. */
static void
assert_same_capture(const EntroCapture *a, const EntroCapture *b)
{
    g_assert_cmpuint(a->position, ==, b->position);
    g_assert_cmpint(a->step, ==, b->step);
    g_assert_cmphex(a->digest, ==, b->digest);
    g_assert_cmpint(a->status, ==, b->status);
    g_assert_cmpstr(a->detail, ==, b->detail);
    g_assert_cmpint(a->n_rows, ==, b->n_rows);
    g_assert_cmpmem(a->heads, a->n_heads * sizeof *a->heads, b->heads,
                    b->n_heads * sizeof *b->heads);
    g_assert_cmpmem(a->layers, a->n_layers * sizeof *a->layers, b->layers,
                    b->n_layers * sizeof *b->layers);
    g_assert_cmpmem(a->head_params, a->n_head_params * sizeof *a->head_params, b->head_params,
                    b->n_head_params * sizeof *b->head_params);
    g_assert_cmpuint(a->n_layer_params, ==, b->n_layer_params);
    for (guint i = 0; i < a->n_layer_params; i++) { /* the struct has a hole */
        const EntroLayerParams *of_a = &a->layer_params[i], *of_b = &b->layer_params[i];
        g_assert_cmpuint(of_a->layer, ==, of_b->layer);
        g_assert_cmpmem(of_a->values, sizeof of_a->values, of_b->values, sizeof of_b->values);
    }
}

void
assert_same_captures(const GArray *a, const GArray *b)
{
    g_assert_cmpuint(a->len, ==, b->len);
    for (guint i = 0; i < a->len; i++)
        assert_same_capture(capture_at(a, i), capture_at(b, i));
}

/* ---- a folder -------------------------------------------------------------------------------------- */

void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->folder = g_dir_make_tmp("entroscope-test-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    fixture->path = g_build_filename(fixture->folder, "trace.h5", NULL);
    fixture->other = g_build_filename(fixture->folder, "other.h5", NULL);
}

void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_remove(fixture->path);
    g_remove(fixture->other);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->path);
    g_free(fixture->other);
}
