/* fuzz-common.c: files in memory, and the walk over a trace that several targets make. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_TILES 300

int
fuzz_file(const guint8 *bytes, gsize size, char **ret_path)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_true(size == 0 || write(fd, bytes, size) == (gssize)size);
    *ret_path = g_strdup_printf("/proc/self/fd/%d", fd);
    return fd;
}

EntroLimits
fuzz_limits(guint choice)
{
    EntroLimits limits = {.max_seq = 256,
                          .max_layers = 16,
                          .max_heads = 16,
                          .max_samples = 64,
                          .max_captures = 4096,
                          .max_chunk = 1u << 20};

    if (choice & 1)
        limits.max_seq = 4;
    if (choice & 2)
        limits.max_heads = limits.max_layers = 2;
    if (choice & 4)
        limits.max_chunk = 256;
    if (choice & 8)
        limits.max_captures = 2;
    return limits;
}

void
fuzz_check_error(gboolean good, GError *const *error)
{
    g_assert_true(good == (*error == NULL));
    g_assert_true(good || ((*error)->message != NULL && *(*error)->message != '\0'));
}

void
fuzz_check_harmless(const char *text)
{
    g_assert_true(g_utf8_validate(text, -1, NULL));
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        const gunichar c = g_utf8_get_char(at);
        g_assert_true(c >= 0x20 && !(c >= 0x7f && c < 0xa0));
        g_assert_true(c != 0x061c && c != 0x200e && c != 0x200f && c != 0x2028 && c != 0x2029);
        g_assert_true(!(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
    }
}

void
fuzz_check_array(const EntroArray *array, gsize size)
{
    if (array->problem != NULL)
        return;
    g_assert_cmpuint(array->rank, <=, ENTRO_STORED_RANK_MAX);
    g_assert_true(array->offset <= size && array->size <= size - array->offset);
    g_assert_true(!array->deflated || array->head <= array->decoded);
    guint64 bytes = array->kind == ENTRO_ARRAY_INTEGER ? array->integer_size
                                                       : entro_element_size(array->element);
    for (guint axis = 0; axis < array->rank; axis++)
        g_assert_false(__builtin_mul_overflow(bytes, array->dims[axis], &bytes));
    g_assert_cmpuint(bytes, ==, array->deflated ? array->decoded - array->head : array->size);
}

/* Every number is looked at, so that a sanitizer sees what nobody has written. */
static void
read_rows(const EntroTrace *trace, const EntroTileRows *rows, EntroTile *tile)
{
    const EntroLayer *layer = &trace->layers[tile->layer];
    float *scratch = g_aligned_alloc(layer->row_size, sizeof *scratch, 64);
    guint n_nan = 0;

    for (gsize capture = 0; capture < tile->n_captures; capture++)
        for (gsize sample = 0; sample < tile->n_samples; sample++)
            for (guint head = 0; head < tile->n_heads; head++)
                for (gsize query = 0; query < tile->n_queries; query++) {
                    const float *row =
                        entro_tile_rows_get(rows, capture, sample, head, query, scratch);
                    for (gsize key = 0; key < layer->row_size; key++)
                        n_nan += isnan(row[key]) != 0;
                }
    g_aligned_free(scratch);
    g_assert_cmpuint(n_nan, <, G_MAXUINT);
}

static void
read_beside(const EntroTrace *trace, EntroTileRows *rows, EntroTile *tile)
{
    const EntroLayer *layer = &trace->layers[tile->layer];
    gsize n =
        layer->input == ENTRO_INPUT_QUERIES ? layer->n_keys * layer->head_dim : tile->n_queries;

    if (layer->input == ENTRO_INPUT_ATTENTION ||
        (layer->input == ENTRO_INPUT_ROW_ENTROPY && !layer->max_logits))
        return;
    g_autofree float *to = g_new0(float, n);
    entro_tile_rows_read_beside(rows, tile, 0, 0, 0, to);
}

static void
read_params(EntroSource *source, const EntroTile *tile)
{
    const EntroLayer *layer = &entro_source_get_trace(source)->layers[tile->layer];

    for (EntroParam param = 0; param < ENTRO_N_PARAMS; param++) {
        if ((layer->params & 1u << param) == 0)
            continue;
        g_autofree float *values = g_new0(float, entro_param_size(param, layer));
        g_autofree char *problem = NULL;
        EntroTileStatus status =
            entro_source_read_param(source, tile->layer, param, tile->capture, values, &problem);
        g_assert_true((status == ENTRO_TILE_OK) == (problem == NULL));
    }
}

static void
check_tile(const EntroTrace *trace, const EntroTile *tile)
{
    g_assert_cmpuint(tile->layer, <, trace->n_layers);
    const EntroLayer *layer = &trace->layers[tile->layer];
    g_assert_cmpuint(tile->capture + tile->n_captures, <=, trace->n_captures);
    g_assert_cmpuint(tile->sample + tile->n_samples, <=, layer->n_samples);
    g_assert_cmpuint(tile->head + tile->n_heads, <=, layer->n_heads);
    g_assert_cmpuint(tile->query + tile->n_queries, <=, layer->n_queries);
    g_assert_true((tile->status == ENTRO_TILE_OK) == (tile->problem == NULL));
}

static void
walk_tiles(EntroSource *source, EntroTile *tile, EntroTileRows *rows)
{
    const EntroTrace *trace = entro_source_get_trace(source);
    gboolean end = FALSE;

    for (guint n = 0; n < MAX_TILES; n++) {
        g_autoptr(GError) error = NULL;
        fuzz_check_error(entro_source_next(source, tile, &end, &error), &error);
        if (error != NULL || end)
            return;
        check_tile(trace, tile);
        entro_tile_key_mask(tile, 0, 0);
        entro_tile_segment(tile, 0, 0);
        read_params(source, tile);
        if (tile->status != ENTRO_TILE_OK || !entro_tile_rows_read(rows, tile))
            continue;
        read_rows(trace, rows, tile);
        read_beside(trace, rows, tile);
    }
}

void
fuzz_walk(const char *path, const EntroSourceOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroSource) source = entro_source_open(path, options, &error);

    fuzz_check_error(source != NULL, &error);
    if (source == NULL)
        return;
    const EntroTrace *trace = entro_source_get_trace(source);
    g_assert_true(trace->n_captures > 0 && trace->n_captures <= options->limits.max_captures);
    for (guint i = 0; i < trace->n_layers; i++)
        g_assert_true(trace->layers[i].n_keys <= options->limits.max_seq &&
                      trace->layers[i].n_heads <= options->limits.max_heads);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, NULL);
    if (tile != NULL && rows != NULL)
        walk_tiles(source, tile, rows);
}
