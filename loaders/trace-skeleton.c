/* trace-skeleton.c: a trace with everything it will ever hold, but no capture yet.
 *
 * Under SWMR no object may be created any more, so all are made before; and they are made in memory,
 * because HDF5 crashes where it cannot finish a file on a full disk. */
#include "loader-private.h"

#include <string.h>

/* The bounds between which readers and the page cache are happy (h5py's guidance as well). */
#define CHUNK_BYTES_MIN (64u << 10)
#define CHUNK_BYTES_MAX (1u << 20)
/* Entries of a chunk of /step and the scalars: one flush rewrites one chunk. */
#define SERIES_CHUNK 128

/* ---- chunks ------------------------------------------------------------------------------------- */

/* The smallest share of n that takes no more parts than shares of `most`: 600 by 436 gives 300,
 * since edge chunks are stored full size. */
static hsize_t
even_share(hsize_t n, hsize_t most)
{
    hsize_t n_parts = (n + most - 1) / most;

    return (n + n_parts - 1) / n_parts;
}

/* (1,1,h,Tq,Tk): as many heads as fit, preferably a divisor of H so that no chunk sticks out; when
 * one head is too large, rows are divided, never a row. */
static void
choose_chunk(const EntroPart *part, hsize_t chunk[5])
{
    hsize_t n_heads = part->dims[2], n_rows = part->dims[3];
    gsize row = part->dims[4] * entro_element_size(part->element);
    gsize head = row * n_rows;
    hsize_t heads = CLAMP(CHUNK_BYTES_MAX / head, 1, n_heads);

    for (hsize_t divisor = heads; divisor > 1 && divisor * head >= CHUNK_BYTES_MIN; divisor--)
        if (n_heads % divisor == 0) {
            heads = divisor;
            break;
        }
    chunk[0] = chunk[1] = 1;
    chunk[2] = heads;
    chunk[3] = even_share(n_rows, CLAMP(CHUNK_BYTES_MAX / row, 1, n_rows));
    chunk[4] = part->dims[4];
}

/* A dataset whose first axis grows; `dims` without it.  Always with checksums. */
static hid_t
create_growing(hid_t parent, const char *name, hid_t type, int rank, const hsize_t *dims,
               const hsize_t *chunk, guint deflate)
{
    hsize_t now[5] = {0}, most[5];
    g_auto(EntroHid) properties = entro_h5_timeless(H5P_DATASET_CREATE);

    for (int axis = 0; axis < rank; axis++) {
        now[axis] = axis == 0 ? 0 : dims[axis];
        most[axis] = axis == 0 ? H5S_UNLIMITED : dims[axis];
    }
    H5Pset_chunk(properties, rank, chunk);
    H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
    if (deflate > 0) {
        H5Pset_shuffle(properties);
        H5Pset_deflate(properties, deflate);
    }
    H5Pset_fletcher32(properties);

    g_auto(EntroHid) space = H5Screate_simple(rank, now, most);
    return H5Dcreate2(parent, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
}

/* ---- parts ---------------------------------------------------------------------------------------- */

guint
entro_layer_parts(const EntroWriterOptions *options, guint layer, EntroPart parts[ENTRO_PARTS_MAX])
{
    const hsize_t n_samples = options->n_samples, n_heads = options->n_heads[layer];
    const hsize_t n_key_heads = options->n_key_heads ? options->n_key_heads[layer] : n_heads;
    const hsize_t n_queries = options->n_queries, n_keys = options->n_keys, d = options->head_dim;
    const EntroElement element = options->element;

    switch (options->input) {
    case ENTRO_INPUT_QUERIES:
        parts[0] = (EntroPart){"queries", 5, {1, n_samples, n_heads, n_queries, d}, element};
        parts[1] = (EntroPart){"keys", 5, {1, n_samples, n_key_heads, n_keys, d}, element};
        return 2;
    case ENTRO_INPUT_ROW_ENTROPY:
        parts[0] = (EntroPart){"row_entropy", 4, {1, n_samples, n_heads, n_queries, 1}, ENTRO_F32};
        parts[1] = parts[0];
        parts[1].name = "row_max_logit";
        return options->max_logits ? 2 : 1;
    case ENTRO_INPUT_ATTENTION:
        break;
    }
    parts[0] = (EntroPart){"attention", 5, {1, n_samples, n_heads, n_queries, n_keys}, element};
    return 1;
}

gsize
entro_part_elements(const EntroPart *part)
{
    return part->dims[1] * part->dims[2] * part->dims[3] * part->dims[4];
}

/* 0 is what readers take without the attribute. */
static gboolean
write_rule(hid_t file, EntroAttribute rule, GError **error)
{
    return (rule.integer == 0 && rule.real == 0) || entro_attribute_write(file, &rule, error);
}

static gboolean
write_root(hid_t file, const EntroWriterOptions *options, GError **error)
{
    g_autofree char *uuid = g_uuid_string_random();
    const EntroAttribute root[] = {
        ENTRO_TEXT("format", "attention-trace"),
        ENTRO_INTEGER("format_version", 1),
        ENTRO_TEXT("run_name", options->run_name ? options->run_name : ""),
        ENTRO_TEXT("producer", options->producer ? options->producer : "entroscope " ENTRO_VERSION),
        ENTRO_TEXT("trace_uuid", options->trace_uuid ? options->trace_uuid : uuid),
        ENTRO_INTEGER("attempt", MAX(options->attempt, 1)),
        ENTRO_INTEGER("causal", options->causal ? 1 : 0),
        ENTRO_INTEGER("context_length", (gint64)options->context_length),
    };
    /* entropies do not tell how many keys their rows had */
    const gsize n_keys = options->input == ENTRO_INPUT_ROW_ENTROPY ? options->n_keys : 0;
    g_auto(EntroHid) timeless = entro_h5_timeless(H5P_GROUP_CREATE);
    g_auto(EntroHid) config = H5Gcreate2(file, "config", H5P_DEFAULT, timeless, H5P_DEFAULT);

    for (guint i = 0; i < G_N_ELEMENTS(root); i++)
        if (!entro_attribute_write(file, &root[i], error))
            return FALSE;
    if (!write_rule(file, ENTRO_INTEGER("window", (gint64)options->window), error) ||
        !write_rule(file, ENTRO_INTEGER("n_keys", (gint64)n_keys), error) ||
        !write_rule(file, ENTRO_REAL("scale", options->scale), error))
        return FALSE;
    for (guint i = 0; i < options->n_config; i++)
        if (!entro_attribute_write(config, &options->config[i], error))
            return FALSE;
    return TRUE;
}

/* Datasets are created in memory and opened again in the file: by path, groups on the way. */
static gboolean
create_at(hid_t file, const char *path, hid_t type, int rank, const hsize_t *dims,
          const hsize_t *chunk, guint deflate)
{
    g_auto(EntroHid) dataset = entro_h5_create_groups(file, path)
                                   ? create_growing(file, path, type, rank, dims, chunk, deflate)
                                   : H5I_INVALID_HID;

    return dataset >= 0;
}

static gboolean
create_series(hid_t file, const char *path, hid_t type)
{
    return create_at(file, path, type, 1, (hsize_t[]){0}, (hsize_t[]){SERIES_CHUNK}, 0);
}

char *
entro_layer_path(const EntroWriterOptions *options, guint layer, const char *part)
{
    return g_strdup_printf("layers/%u/%s",
                           options->layer_index ? options->layer_index[layer] : layer, part);
}

/* One capture a chunk: an entry that was not given is a chunk that was never written, and what is
 * there is never written again beside readers. */
static gboolean
create_param(hid_t file, const EntroWriterOptions *options, guint layer, EntroParam param)
{
    g_autofree char *path = entro_layer_path(options, layer, entro_param_name(param));
    hsize_t dims[3], chunk[3];
    int rank = entro_param_dims(param, options->n_heads[layer], options->n_queries, dims);

    memcpy(chunk, dims, sizeof chunk);
    if (rank == 3)
        chunk[1] = even_share(dims[1], CHUNK_BYTES_MAX / (dims[2] * sizeof(float)));
    /* not for the size: zeros, as a lost page of the disk reads, pass a checksum but are no stream */
    return create_at(file, path, H5T_IEEE_F32LE, rank, dims, chunk, 1);
}

static gboolean
create_part(hid_t file, const EntroWriterOptions *options, guint layer, const EntroPart *part)
{
    g_autofree char *path = entro_layer_path(options, layer, part->name);
    g_auto(EntroHid) type = entro_element_type(part->element);
    hsize_t chunk[5];

    choose_chunk(part, chunk);
    return create_at(file, path, type, part->rank, part->dims, chunk, options->deflate);
}

/* The same for all captures: it does not grow. */
static gboolean
create_query_rows(hid_t file, const EntroWriterOptions *options, guint layer)
{
    g_autofree char *path = entro_layer_path(options, layer, "query_rows");
    const hsize_t n = options->n_queries;
    g_auto(EntroHid) properties = entro_h5_timeless(H5P_DATASET_CREATE);
    g_auto(EntroHid) space = H5Screate_simple(1, &n, NULL);

    H5Pset_chunk(properties, 1, &n);
    H5Pset_fletcher32(properties);
    g_auto(EntroHid) dataset =
        H5Dcreate2(file, path, H5T_STD_I32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    return dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                    options->query_rows) >= 0;
}

static gboolean
create_layers(hid_t file, const EntroWriterOptions *options)
{
    for (guint layer = 0; layer < options->n_layers; layer++) {
        EntroPart parts[ENTRO_PARTS_MAX];
        guint n_parts = entro_layer_parts(options, layer, parts);

        for (guint part = 0; part < n_parts; part++)
            if (!create_part(file, options, layer, &parts[part]))
                return FALSE;
        if (options->query_rows != NULL && !create_query_rows(file, options, layer))
            return FALSE;
        for (guint param = 0; param < ENTRO_N_PARAMS; param++)
            if ((options->params & 1u << param) && !create_param(file, options, layer, param))
                return FALSE;
    }
    return TRUE;
}

static gboolean
create_small_parts(hid_t file, const EntroWriterOptions *options)
{
    const hsize_t mask[3] = {0, options->n_samples, options->n_keys};
    const hsize_t mask_chunk[3] = {1, options->n_samples, options->n_keys};

    for (guint i = 0; options->scalars != NULL && options->scalars[i] != NULL; i++) {
        g_autofree char *step = g_strdup_printf("scalars/%s/step", options->scalars[i]);
        g_autofree char *value = g_strdup_printf("scalars/%s/value", options->scalars[i]);
        if (!create_series(file, step, H5T_STD_I64LE) ||
            !create_series(file, value, H5T_IEEE_F64LE))
            return FALSE;
    }
    if (options->key_mask && !create_at(file, "key_mask", H5T_STD_U8LE, 3, mask, mask_chunk, 0))
        return FALSE;
    if (options->segment && !create_at(file, "segment", H5T_STD_I32LE, 3, mask, mask_chunk, 0))
        return FALSE;
    return create_series(file, "step", H5T_STD_I64LE) &&
           create_at(file, "complete", H5T_STD_U8LE, 1, (hsize_t[]){0}, (hsize_t[]){1}, 0);
}

/* One entry, 0: the writer sets it to 1 when it closes the file itself. */
static gboolean
set_incomplete(hid_t file)
{
    g_auto(EntroHid) complete = H5Dopen2(file, "complete", H5P_DEFAULT);
    const hsize_t one[1] = {1};
    const guint8 no = 0;

    return H5Dset_extent(complete, one) >= 0 &&
           H5Dwrite(complete, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &no) >= 0;
}

hid_t
entro_trace_skeleton_file(const EntroWriterOptions *options, GError **error)
{
    /* V110: what newer libraries write as "latest", the 1.10 of Debian cannot read. */
    hid_t file = entro_h5_create_in_memory(H5F_LIBVER_V110);
    gboolean good = file < 0 || write_root(file, options, error);

    if (good && (file < 0 || !create_layers(file, options) || !create_small_parts(file, options) ||
                 !set_incomplete(file)))
        good = entro_h5_fail(error, ENTRO_LOADER_ERROR_WRITE, "cannot set up the trace");
    if (good)
        return file;
    entro_hid_close(file);
    return H5I_INVALID_HID;
}

guint8 *
entro_trace_skeleton(const EntroWriterOptions *options, gsize *ret_size, GError **error)
{
    g_auto(EntroHid) file = entro_trace_skeleton_file(options, error);

    return file < 0 ? NULL : entro_h5_image(file, ret_size, error);
}
