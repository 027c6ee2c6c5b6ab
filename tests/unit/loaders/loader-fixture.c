/* loader-fixture.c: see loader-fixture.h. */
#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);

/* HDF5 1.10 loses some hundred bytes on damaged objects; that we leave it no handle is a test. */
const char *
__lsan_default_suppressions(void)
{
    return "leak:libhdf5_serial\n";
}
#endif

/* ---- files ---------------------------------------------------------------------------------------- */

static char *folder;

const char *
fixture_path(const char *name)
{
    if (folder == NULL)
        folder = g_dir_make_tmp("entro-loaders-XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return g_intern_string(path);
}

void
fixture_done(void)
{
    g_autoptr(GDir) dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    if (folder != NULL)
        g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
}

char *
fixture_hash(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guint8 *)bytes, length);
}

void
fixture_copy(const char *from, const char *to, gssize length)
{
    g_autofree char *bytes = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(from, &bytes, &size, NULL));
    g_assert_true(g_file_set_contents_full(to, bytes, length < 0 ? (gssize)size : length,
                                           G_FILE_SET_CONTENTS_NONE, 0644, NULL));
}

/* ---- making ---------------------------------------------------------------------------------------- */

float
fixture_weight(guint layer, gsize capture, gsize sample, gsize head, gsize query, gsize key)
{
    guint64 mix = 0x9e3779b97f4a7c15u;
    const guint64 parts[] = {layer, capture, sample, head, query, key};

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        mix = (mix ^ (parts[i] + 1)) * 0xbf58476d1ce4e5b9u, mix ^= mix >> 29;
    return (float)(mix >> 32 & 255) / 256;
}

void
fixture_text(hid_t object, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;

    entro_attribute_write(object, &ENTRO_TEXT(name, text), &error);
    g_assert_no_error(error);
}

void
fixture_integer(hid_t object, const char *name, gint64 value)
{
    g_autoptr(GError) error = NULL;

    entro_attribute_write(object, &ENTRO_INTEGER(name, value), &error);
    g_assert_no_error(error);
}

hid_t
fixture_create(const char *path, gboolean old)
{
    g_auto(EntroHid) access = H5Pcreate(H5P_FILE_ACCESS);

    entro_h5_quiet();
    H5Pset_libver_bounds(access, old ? H5F_LIBVER_EARLIEST : H5F_LIBVER_V110, H5F_LIBVER_V110);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    g_assert_cmpint(file, >=, 0);
    fixture_text(file, "format", "attention-trace");
    fixture_integer(file, "format_version", 1);
    return file;
}

void
fixture_steps(hid_t file, const gint64 *steps, gsize n)
{
    hsize_t dims[1] = {n};
    g_autofree gint64 *counted = g_new(gint64, MAX(n, 1));
    g_auto(EntroHid) space = H5Screate_simple(1, dims, NULL);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, "step", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);

    for (gsize i = 0; i < n; i++)
        counted[i] = steps ? steps[i] : 10 * (gint64)(i + 1);
    g_assert_cmpint(dataset, >=, 0);
    g_assert_cmpint(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, counted), >=,
                    0);
}

hid_t
fixture_properties(const LayerSpec *spec)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);

    if (spec->chunk[0] > 0)
        H5Pset_chunk(properties, 5, spec->chunk);
    for (const char *filter = spec->filters ? spec->filters : ""; *filter != '\0'; filter++)
        switch (*filter) {
        case 's':
            H5Pset_shuffle(properties);
            break;
        case 'd':
            H5Pset_deflate(properties, 4);
            break;
        case 'f':
            H5Pset_fletcher32(properties);
            break;
        default:
            g_assert_not_reached();
        }
    return properties;
}

hid_t
fixture_type(const LayerSpec *spec)
{
    hid_t type = spec->as_uint16 ? H5Tcopy(H5T_STD_U16LE) : entro_element_type(spec->element);

    if (spec->big_endian)
        H5Tset_order(type, H5T_ORDER_BE);
    return type;
}

void
fixture_group(hid_t file, const char *path)
{
    if (H5Lexists(file, path, H5P_DEFAULT) <= 0) {
        g_auto(EntroHid) group = H5Gcreate2(file, path, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        g_assert_cmpint(group, >=, 0);
    }
}

hid_t
fixture_create_layer(hid_t file, const LayerSpec *spec)
{
    g_autofree char *group = g_strdup_printf("/layers/%u", spec->index);
    g_autofree char *path = g_strdup_printf("%s/attention", group);
    g_auto(EntroHid) space = H5Screate_simple(5, spec->dims, NULL);
    g_auto(EntroHid) properties = fixture_properties(spec);
    g_auto(EntroHid) type = fixture_type(spec);

    fixture_group(file, "/layers");
    fixture_group(file, group);
    hid_t dataset = H5Dcreate2(file, path, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    g_assert_cmpint(dataset, >=, 0);
    if (spec->as_uint16)
        fixture_text(dataset, "encoding", "bf16");
    return dataset;
}

static void
swap_bytes(guint8 *bytes, gsize n, gsize size)
{
    for (gsize i = 0; i < n; i++)
        for (gsize a = 0, b = size - 1; a < b; a++, b--) {
            guint8 held = bytes[i * size + a];
            bytes[i * size + a] = bytes[i * size + b];
            bytes[i * size + b] = held;
        }
}

/* All weights of the captures that are written, as they lie in the file. */
static guint8 *
encode_layer(const LayerSpec *spec, hsize_t n_captures)
{
    const hsize_t *dims = spec->dims;
    gsize size = entro_element_size(spec->element), at = 0;
    gsize n = n_captures * dims[1] * dims[2] * dims[3] * dims[4];
    g_autofree float *weights = g_new(float, MAX(n, 1));
    guint8 *bytes = g_malloc(MAX(n * size, 1));

    for (gsize capture = 0; capture < n_captures; capture++)
        for (gsize sample = 0; sample < dims[1]; sample++)
            for (gsize head = 0; head < dims[2]; head++)
                for (gsize query = 0; query < dims[3]; query++)
                    for (gsize key = 0; key < dims[4]; key++)
                        weights[at++] =
                            fixture_weight(spec->index, capture, sample, head, query, key);
    entro_element_encode(spec->element, weights, bytes, n);
    if (spec->big_endian)
        swap_bytes(bytes, n, size);
    return bytes;
}

void
fixture_write_layer(hid_t file, const LayerSpec *spec)
{
    g_auto(EntroHid) dataset = fixture_create_layer(file, spec);
    g_auto(EntroHid) type = fixture_type(spec);
    hsize_t start[5] = {0}, count[5];

    memcpy(count, spec->dims, sizeof count);
    count[0] = spec->n_written > 0 ? spec->n_written : spec->dims[0];
    g_autofree guint8 *bytes = encode_layer(spec, count[0]);
    g_auto(EntroHid) in_memory = H5Screate_simple(5, count, NULL);
    g_auto(EntroHid) in_file = H5Dget_space(dataset);
    H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL);
    g_assert_cmpint(H5Dwrite(dataset, type, in_memory, in_file, H5P_DEFAULT, bytes), >=, 0);
}

void
fixture_trace(const char *path, const LayerSpec *specs, guint n, gboolean old)
{
    g_auto(EntroHid) file = fixture_create(path, old);

    fixture_steps(file, NULL, specs[0].dims[0]);
    for (guint i = 0; i < n; i++)
        fixture_write_layer(file, &specs[i]);
}

void
fixture_small(hid_t file)
{
    LayerSpec spec = {.element = ENTRO_F32, .dims = {2, 1, 2, 3, 4}};

    fixture_steps(file, NULL, 2);
    fixture_write_layer(file, &spec);
}

EntroWriterOptions
fixture_writer_options(const guint *n_heads, guint n_layers)
{
    return (EntroWriterOptions){.run_name = "healthy",
                                .causal = TRUE,
                                .context_length = 6,
                                .n_layers = n_layers,
                                .n_heads = n_heads,
                                .n_samples = 2,
                                .n_queries = 5,
                                .n_keys = 6,
                                .element = ENTRO_F16};
}

LayerSpec
fixture_writer_spec(const EntroWriterOptions *options, guint layer, gsize n_captures)
{
    return (LayerSpec){.index = options->layer_index ? options->layer_index[layer] : layer,
                       .element = options->element,
                       .dims = {n_captures, options->n_samples, options->n_heads[layer],
                                options->n_queries, options->n_keys}};
}

gboolean
fixture_put_layer(EntroWriter *writer, const EntroWriterOptions *options, guint layer,
                  gsize capture, GError **error)
{
    LayerSpec spec = fixture_writer_spec(options, layer, 1);
    const hsize_t *dims = spec.dims;
    g_autofree float *p = g_new(float, dims[1] * dims[2] * dims[3] * dims[4]);
    gsize at = 0;

    for (gsize sample = 0; sample < dims[1]; sample++)
        for (gsize head = 0; head < dims[2]; head++)
            for (gsize query = 0; query < dims[3]; query++)
                for (gsize key = 0; key < dims[4]; key++)
                    p[at++] = fixture_weight(spec.index, capture, sample, head, query, key);
    return entro_writer_put_attention(writer, layer, p, error);
}

guint8
fixture_mask(gsize capture, gsize sample, gsize key)
{
    return (capture * 7 + sample * 3 + key) % 4 != 0;
}

gboolean
fixture_put_capture(EntroWriter *writer, const EntroWriterOptions *options, gsize capture,
                    GError **error)
{
    gsize n_keys = options->n_keys;
    g_autofree guint8 *mask = g_new(guint8, options->n_samples * n_keys);
    gint64 step = 10 * (gint64)(capture + 1);

    for (guint layer = 0; layer < options->n_layers; layer++)
        if (!fixture_put_layer(writer, options, layer, capture, error))
            return FALSE;
    for (gsize i = 0; i < options->n_samples * n_keys; i++)
        mask[i] = fixture_mask(capture, i / n_keys, i % n_keys);
    if (options->key_mask && !entro_writer_put_key_mask(writer, mask, error))
        return FALSE;
    for (guint i = 0; options->scalars != NULL && options->scalars[i] != NULL; i++)
        if (!entro_writer_put_scalar(writer, options->scalars[i], step, 2.385 / (double)step,
                                     error))
            return FALSE;
    return entro_writer_commit(writer, step, error);
}

/* ---- checking -------------------------------------------------------------------------------------- */

typedef struct {
    const LayerSpec *specs;
    guint n;
    EntroTileRows *rows;
    guint8 **seen; /* [n][captures * samples * heads * queries] */
    GHashTable *ended;
} Walk;

static void
check_row(Walk *walk, const EntroTile *tile, const gsize at[4], float *scratch)
{
    const LayerSpec *spec = &walk->specs[tile->layer];
    const hsize_t *dims = spec->dims;
    gsize capture = tile->capture + at[0], sample = tile->sample + at[1];
    gsize head = tile->head + at[2], query = tile->query + at[3];
    gsize place = ((capture * dims[1] + sample) * dims[2] + head) * dims[3] + query;
    const float *row = entro_tile_rows_get(walk->rows, at[0], at[1], (guint)at[2], at[3], scratch);

    g_assert_cmpuint(walk->seen[tile->layer][place]++, ==, 0);
    for (gsize key = 0; key < dims[4]; key++)
        if (row[key] != fixture_weight(spec->index, capture, sample, head, query, key))
            g_error("layer %u capture %zu sample %zu head %zu query %zu key %zu: %g", spec->index,
                    capture, sample, head, query, key, (double)row[key]);
}

static void
check_tile(Walk *walk, EntroTile *tile, float *scratch)
{
    if (!entro_tile_rows_read(walk->rows, tile))
        g_error("tile: %s", tile->problem);
    g_assert_cmpint(tile->status, ==, ENTRO_TILE_OK);
    g_assert_null(tile->problem);
    g_assert_cmpuint(tile->capture, >=, tile->group);
    g_assert_cmpuint(tile->capture + tile->n_captures, <=, tile->group + tile->n_group);
    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (gsize head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++)
                    check_row(walk, tile, (gsize[4]){capture, sample, head, query}, scratch);
    guint64 key = (guint64)tile->group << 12 | tile->layer;
    g_assert_false(g_hash_table_contains(walk->ended, &key)); /* nothing after the last */
    if (tile->ends_layer)
        g_hash_table_add(walk->ended, g_memdup2(&key, sizeof key));
}

static void
check_coverage(const Walk *walk, const gsize *selected, gsize n_selected)
{
    for (guint layer = 0; layer < walk->n; layer++) {
        const hsize_t *dims = walk->specs[layer].dims;
        gsize rows = dims[1] * dims[2] * dims[3], next = 0;
        for (gsize capture = 0; capture < dims[0]; capture++) {
            gboolean wanted =
                selected == NULL || (next < n_selected && selected[next] == capture && ++next > 0);
            for (gsize row = 0; row < rows; row++)
                g_assert_cmpuint(walk->seen[layer][capture * rows + row], ==, wanted ? 1 : 0);
        }
    }
}

void
fixture_check_walk(EntroSource *source, const LayerSpec *specs, guint n, const gsize *selected,
                   gsize n_selected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroTile) tile = entro_tile_new(source, &error);
    g_autoptr(GHashTable) ended = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GHashTable) groups = g_hash_table_new(NULL, NULL);
    g_autofree float *scratch = g_new(float, ENTRO_LIMITS_DEFAULT.max_seq);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, &error);
    Walk walk = {specs, n, rows, g_new0(guint8 *, n), ended};
    gboolean end = FALSE;

    g_assert_no_error(error);
    g_assert_cmpuint(entro_source_get_trace(source)->n_layers, ==, n);
    for (guint layer = 0; layer < n; layer++) {
        const hsize_t *dims = specs[layer].dims;
        walk.seen[layer] = g_new0(guint8, dims[0] * dims[1] * dims[2] * dims[3]);
    }
    entro_source_select(source, selected, n_selected);
    while (entro_source_next(source, tile, &end, &error) && !end) {
        check_tile(&walk, tile, scratch);
        g_hash_table_add(groups, GSIZE_TO_POINTER(tile->group + 1));
    }
    g_assert_no_error(error);
    g_assert_cmpuint(g_hash_table_size(ended), ==, g_hash_table_size(groups) * n);
    check_coverage(&walk, selected, n_selected);
    for (guint layer = 0; layer < n; layer++)
        g_free(walk.seen[layer]);
    g_free(walk.seen);
}

void
fixture_check_file(const char *path, const LayerSpec *specs, guint n)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);

    g_assert_no_error(error);
    fixture_check_walk(source, specs, n, NULL, 0);
}

gsize
fixture_walk_quietly(EntroSource *source, gsize *ret_missing, gsize *ret_damaged)
{
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    gsize counts[3] = {0};
    gboolean end = FALSE;

    while (tile != NULL && entro_source_next(source, tile, &end, NULL) && !end) {
        entro_tile_rows_read(rows, tile);
        g_assert_true((tile->status == ENTRO_TILE_OK) == (tile->problem == NULL));
        counts[tile->status]++;
    }
    if (ret_missing != NULL)
        *ret_missing = counts[ENTRO_TILE_MISSING];
    if (ret_damaged != NULL)
        *ret_damaged = counts[ENTRO_TILE_DAMAGED];
    return counts[ENTRO_TILE_OK];
}

void
fixture_expect_refusal(const char *path, const EntroSourceOptions *options, int code, ...)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, options, &error);
    va_list texts;
    const char *text;

    if (source != NULL)
        g_error("%s opened", path);
    g_test_message("%s", error->message);
    g_assert_error(error, ENTRO_LOADER_ERROR, code);
    g_assert_true(g_str_has_prefix(error->message, path));
    va_start(texts, code);
    while ((text = va_arg(texts, const char *)) != NULL)
        if (strstr(error->message, text) == NULL)
            g_error("\"%s\" does not say \"%s\"", error->message, text);
    va_end(texts);
}
