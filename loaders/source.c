/* source.c: opens a trace and hands it out as tiles of encoded bytes, in file order.
 *
 * A tile is a box of whole rows of one layer, cut along the chunks so that each chunk is read once.
 * Captures that share chunks (a chunk may span several) are handed out as one group. */
#include "foreign/foreign.h"

#include <string.h>

/* Decoded bytes of a tile where chunks are smaller: enough work for a worker, still in its cache. */
#define TILE_BYTES (256u << 10)
/* Chunks of keys that a tile refers to. */
#define PIECES_MAX (1u << 14)
/* What the analyzer keeps of a row until its head is complete, times the rows of a group. */
#define ROW_BYTES   64
#define GROUP_BYTES (64u << 20)

/* ---- planning ------------------------------------------------------------------------------------ */

/* Rows of one capture over all layers. */
static guint64
rows_per_capture(const EntroTrace *trace)
{
    guint64 rows = 0;

    for (guint layer = 0; layer < trace->n_layers; layer++) {
        const EntroLayer *facts = &trace->layers[layer];
        rows += (guint64)facts->n_samples * facts->n_heads * facts->n_queries;
    }
    return rows;
}

static gsize
choose_group(const EntroSource *source)
{
    gsize most = 1, affordable = GROUP_BYTES / (ROW_BYTES * rows_per_capture(&source->trace));

    for (guint layer = 0; layer < source->trace.n_layers; layer++)
        if (source->attention[layer].chunked)
            most = MAX(most, source->attention[layer].chunk[0]);
    return CLAMP(affordable, 1, most);
}

/* What one array holds of an axis: 1 where each entry has an array of its own. */
static hsize_t
extent_of(const EntroDataset *dataset, int axis)
{
    return dataset->axis[axis] < 0 ? 1 : dataset->dims[axis];
}

/* Contiguous data: neighbours along the axis lie right behind each other, so that a box that is whole
 * along the later axes stays one range of bytes. */
static gboolean
is_seamless(const EntroDataset *dataset, int axis, gsize inner)
{
    return dataset->chunked || extent_of(dataset, axis) == 1 || dataset->stride[axis] == inner;
}

/* Widens the box axis by axis, from queries outwards, while an axis is covered whole. */
static void
widen(EntroPlan *plan, const EntroDataset *dataset, gsize bytes)
{
    gsize inner = dataset->dims[4];

    for (int axis = 3; axis >= 1 && bytes < TILE_BYTES; axis--) {
        hsize_t unit = plan->box[axis], extent = extent_of(dataset, axis);
        if (!is_seamless(dataset, axis, inner))
            break;
        plan->box[axis] = MIN(unit * (TILE_BYTES / bytes), extent);
        bytes = bytes / unit * plan->box[axis];
        if (plan->box[axis] < extent)
            break;
        inner *= extent;
    }
}

/* Without filters a part of a chunk can be read as well as the whole: a few rows of one head, so
 * that they fit the cache of a processor, and as many of them as divide the chunk. */
static gboolean
narrow(EntroPlan *plan, const EntroDataset *dataset, gsize row, gsize bytes)
{
    hsize_t rows = dataset->chunk[3];

    if (!dataset->chunked || dataset->n_filters > 0 || dataset->chunk[4] < dataset->dims[4] ||
        !entro_dataset_is_natural(dataset) || bytes <= TILE_BYTES)
        return FALSE;
    while (rows > 1 && (rows * row > TILE_BYTES || dataset->chunk[3] % rows != 0))
        rows--;
    plan->box[0] = plan->box[1] = plan->box[2] = 1;
    plan->box[3] = MIN(rows, dataset->dims[3]);
    return TRUE;
}

static void
choose_box(const EntroSource *source, EntroPlan *plan, const EntroDataset *dataset, gsize row)
{
    gsize bytes = row;

    for (int axis = 0; axis < 4; axis++) {
        plan->box[axis] =
            dataset->chunked ? MIN(dataset->chunk[axis], extent_of(dataset, axis)) : 1;
        if (axis == 0)
            plan->box[axis] = CLAMP(plan->box[axis], 1, source->group_max);
        bytes *= plan->box[axis];
    }
    plan->partial = narrow(plan, dataset, row, bytes);
    if (!plan->partial)
        widen(plan, dataset, bytes);
}

static void
make_plan(const EntroSource *source, guint layer)
{
    const EntroDataset *dataset = &source->attention[layer];
    EntroPlan *plan = &source->plan[layer];

    plan->decoded = dataset->dims[4] * dataset->element_size;
    choose_box(source, plan, dataset, plan->decoded);
    plan->n_pieces = 1;
    for (int axis = 0; axis < 5; axis++) {
        hsize_t extent = axis < 4 ? plan->box[axis] : dataset->dims[4];
        if (axis < 4)
            plan->decoded *= extent;
        if (dataset->chunked)
            plan->n_pieces *= (guint)((extent + dataset->chunk[axis] - 1) / dataset->chunk[axis]);
    }
    plan->direct = plan->n_pieces == 1 && (!dataset->chunked || dataset->stride[4] <= 1);
    plan->encoded =
        dataset->chunked && !plan->partial ? entro_dataset_encoded_max(dataset) : plan->decoded;
}

/* Chunks that lie beside a box: of keys, of all that its heads need; at most, for it may begin anywhere
 * in a chunk. */
static guint64
count_beside(const EntroSource *source, guint layer)
{
    const EntroDataset *beside = &source->beside[layer].dataset;
    const EntroLayer *facts = &source->trace.layers[layer];
    const hsize_t *box = source->plan[layer].box;
    hsize_t extent[4] = {box[0], box[1], box[2], box[3]};
    guint64 n = 1;

    if (beside->name == NULL || !beside->chunked)
        return 0;
    if (facts->input == ENTRO_INPUT_QUERIES) {
        hsize_t group = facts->n_heads / facts->n_key_heads;
        extent[2] = MIN((box[2] + group - 1) / group + 1, facts->n_key_heads);
        extent[3] = beside->dims[3];
    }
    for (int axis = 0; axis < 5; axis++) {
        hsize_t all = (MAX(beside->dims[axis], 1) + beside->chunk[axis] - 1) / beside->chunk[axis];
        hsize_t most = axis < 4 ? (extent[axis] - 1) / beside->chunk[axis] + 2 : all;
        n *= MIN(all, most);
        if (n > PIECES_MAX)
            return n;
    }
    return n;
}

/* The keys of a head are in memory whole, in each worker. */
static gboolean
check_head(const EntroSource *source, guint layer, GError **error)
{
    const EntroLayer *facts = &source->trace.layers[layer];
    gsize bytes = facts->n_keys * facts->head_dim * sizeof(float);

    if (facts->input != ENTRO_INPUT_QUERIES || bytes / 4 <= source->limits.max_chunk)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                "%s: the keys of a head take %" G_GSIZE_FORMAT " MiB, the limit is %" G_GSIZE_FORMAT
                " (--max-chunk raises it)",
                source->beside[layer].dataset.name, bytes >> 20,
                4 * (source->limits.max_chunk >> 20));
    return FALSE;
}

static gboolean
plan_beside(EntroSource *source, guint layer, GError **error)
{
    guint64 n = count_beside(source, layer);

    if (!check_head(source, layer, error))
        return FALSE;
    source->plan[layer].n_beside = (guint)MIN(n, PIECES_MAX);
    if (n <= PIECES_MAX)
        return TRUE;
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                "%s is cut into chunks so small that one head needs more than %u of them (better "
                "rewrite with all keys of a head in a chunk)",
                source->beside[layer].dataset.name, PIECES_MAX);
    return FALSE;
}

static gboolean
make_plans(EntroSource *source, GError **error)
{
    EntroTrace *trace = &source->trace;

    source->group_max = choose_group(source);
    source->plan = g_new0(EntroPlan, trace->n_layers);
    for (guint layer = 0; layer < trace->n_layers; layer++) {
        make_plan(source, layer);
        if (!plan_beside(source, layer, error))
            return FALSE;
        if (source->plan[layer].decoded / 4 <= source->limits.max_chunk)
            continue;
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT,
                    "%s: whole rows are spread over chunks of %" G_GSIZE_FORMAT
                    " MiB together, the limit is %" G_GSIZE_FORMAT
                    " (--max-chunk raises it; better rewrite with whole rows in a chunk)",
                    source->attention[layer].name, source->plan[layer].decoded >> 20,
                    4 * (source->limits.max_chunk >> 20));
        return FALSE;
    }
    return TRUE;
}

/* ---- opening -------------------------------------------------------------------------------------- */

/* A key of the table, or a pattern of names; *ret_layout stays NULL when it is no key of our own. */
static gboolean
find_layout(const EntroSourceOptions *options, const EntroLayout **ret_layout, GError **error)
{
    guint n_layouts;
    const EntroLayout *layouts = entro_layouts(&n_layouts);
    const EntroLayout *found = options->layout ? entro_layout_find(options->layout) : NULL;
    g_autoptr(GString) names = g_string_new(NULL);

    if (found != NULL && entro_layout_is_own(found) && options->axes == NULL)
        *ret_layout = found;
    if (found != NULL || options->layout == NULL || options->axes != NULL ||
        strpbrk(options->layout, "{/.") != NULL)
        return TRUE;
    for (guint i = 0; i < n_layouts; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", layouts[i].key);
    g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                "there is no layout \"%s\"; there are: %s; or a pattern of names, as "
                "\"steps/{step}/layer_{layer}/attn\"",
                options->layout, names->str);
    return FALSE;
}

/* Ours, or another program's. */
static gboolean
read_trace(EntroSource *source, const char *path, const EntroSourceOptions *options, GError **error)
{
    gboolean free_choice = options->layout == NULL && options->axes == NULL;

    if (source->layout == NULL &&
        (!free_choice || source->reader == NULL || !entro_trace_is_own(source)))
        return entro_foreign_read(source, path, options, error);
    if (source->reader != NULL && entro_trace_read(source, path, error))
        return TRUE;
    if (source->reader == NULL)
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_ARGUMENT,
                    "the layout %s is one of HDF5 files", source->layout->key);
    g_prefix_error(error, "%s: ", path);
    return FALSE;
}

/* To HDF5, what it cannot read is not there. */
static void
note_read_error(EntroSource *source)
{
    const int number = source->reader ? source->reader->class->read_error(source->reader) : 0;

    if (number != 0)
        entro_note(source->trace.problems,
                   "a part of it could not be read (%s): what seems to be missing may be there",
                   g_strerror(number));
}

/* What it seems to lack may have been there. */
static void
blame_truncation(const EntroSource *source, GError **error)
{
    if (error == NULL || *error == NULL || !g_str_equal(source->trace.open_mode, "truncated"))
        return;
    char *words = g_strconcat((*error)->message, " (the file is truncated)", NULL);
    g_free((*error)->message);
    (*error)->message = words;
}

static gboolean
open_and_read(EntroSource *source, const char *path, const EntroSourceOptions *options,
              GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        source->archive = entro_archive_open(path, error);
        if (source->archive == NULL)
            return FALSE;
        source->reader = entro_archive_get_reader(source->archive);
        source->fd = entro_archive_get_fd(source->archive);
    }
    source->trace.open_mode =
        g_strdup(source->archive ? entro_archive_get_mode(source->archive) : "plain");
    if (!read_trace(source, path, options, error)) {
        blame_truncation(source, error);
        return FALSE;
    }
    if (make_plans(source, error)) {
        note_read_error(source);
        return TRUE;
    }
    g_prefix_error(error, "%s: ", path);
    return FALSE;
}

EntroSource *
entro_source_open(const char *path, const EntroSourceOptions *options, GError **error)
{
    EntroSourceOptions defaults = ENTRO_SOURCE_OPTIONS_DEFAULT;
    g_return_val_if_fail(path != NULL, NULL);

    options = options ? options : &defaults;
    g_autoptr(EntroSource) source = g_new0(EntroSource, 1);
    source->limits = options->limits;
    source->fd = -1;
    if (!find_layout(options, &source->layout, error) ||
        !open_and_read(source, path, options, error))
        return NULL;
    if (source->trace.n_captures == 0) {
        g_set_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_EMPTY,
                    "%s: holds no capture yet (/step is empty)", path);
        return NULL;
    }
    entro_source_select(source, NULL, 0);
    return g_steal_pointer(&source);
}

void
entro_source_free(EntroSource *source)
{
    if (source == NULL)
        return;
    for (guint layer = 0; source->attention != NULL && layer < source->trace.n_layers; layer++)
        entro_dataset_clear(&source->attention[layer]);
    for (guint layer = 0; source->beside != NULL && layer < source->trace.n_layers; layer++)
        entro_dataset_clear(&source->beside[layer].dataset);
    for (guint i = 0; source->params != NULL && i < source->trace.n_layers * ENTRO_N_PARAMS; i++)
        entro_dataset_clear(&source->params[i].dataset);
    entro_dataset_clear(&source->key_mask.dataset);
    entro_dataset_clear(&source->segment.dataset);
    entro_foreign_free(source->foreign);
    entro_archive_unref(source->archive);
    entro_trace_clear(&source->trace);
    g_free(source->attention);
    g_free(source->beside);
    g_free(source->params);
    g_free(source->plan);
    g_free(source->selected);
    g_free(source->key_mask.values);
    g_free(source->segment.values);
    g_free(source);
}

const EntroTrace *
entro_source_get_trace(const EntroSource *source)
{
    return &source->trace;
}

/* ---- the walk --------------------------------------------------------------------------------------- */

/* A group: selected captures that follow each other and lie in one window of group_max. */
static void
begin_group(EntroSource *source)
{
    gsize first = source->group, end = first + 1;
    const gsize *selected = source->selected;

    while (end < source->n_selected && selected[end] == selected[end - 1] + 1 &&
           selected[end] / source->group_max == selected[first] / source->group_max)
        end++;
    source->group_end = end;
    source->layer = 0;
    source->fresh = TRUE;
}

void
entro_source_select(EntroSource *source, const gsize *captures, gsize n)
{
    for (gsize i = 0; captures != NULL && i < n; i++)
        g_return_if_fail(captures[i] < source->trace.n_captures &&
                         (i == 0 || captures[i] > captures[i - 1]));
    source->n_selected = captures ? n : source->trace.n_captures;
    g_free(source->selected);
    source->selected = g_new(gsize, MAX(source->n_selected, 1));
    for (gsize i = 0; i < source->n_selected; i++)
        source->selected[i] = captures ? captures[i] : i;
    source->group = 0;
    if (source->n_selected > 0)
        begin_group(source);
}

/* First position behind the group, along /step. */
static hsize_t
group_limit(const EntroSource *source)
{
    return source->selected[source->group_end - 1] + 1;
}

static void
next_layer(EntroSource *source)
{
    source->fresh = TRUE;
    if (++source->layer < source->trace.n_layers)
        return;
    source->group = source->group_end;
    if (source->group < source->n_selected)
        begin_group(source);
}

/* Captures that a box beginning at `capture` covers: up to the end of its chunk. */
static hsize_t
capture_extent(const EntroSource *source, hsize_t capture)
{
    const EntroDataset *dataset = &source->attention[source->layer];
    hsize_t unit = dataset->chunked ? MAX(dataset->chunk[0], 1) : 1;
    hsize_t in_chunk = unit - capture % unit;

    return MIN(MIN(in_chunk, source->plan[source->layer].box[0]), group_limit(source) - capture);
}

/* From the box that was just handed out to the next: heads first, so that the same rows of all heads
 * of a layer follow each other. */
static void
advance(EntroSource *source, EntroTile *tile)
{
    static const int order[4] = {2, 3, 1, 0};
    const hsize_t *dims = source->attention[source->layer].dims;
    const gsize done[4] = {tile->n_captures, tile->n_samples, tile->n_heads, tile->n_queries};

    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        int axis = order[i];
        source->corner[axis] += done[axis];
        if (source->corner[axis] < (axis == 0 ? group_limit(source) : dims[axis]))
            return;
        source->corner[axis] = 0;
    }
    tile->ends_layer = TRUE;
    next_layer(source);
}

static void
set_box(const EntroSource *source, EntroTile *tile)
{
    const EntroDataset *dataset = &source->attention[source->layer];
    const hsize_t *box = source->plan[source->layer].box, *corner = source->corner;

    tile->layer = source->layer;
    tile->capture = corner[0];
    tile->sample = corner[1];
    tile->head = (guint)corner[2];
    tile->query = corner[3];
    tile->n_captures = capture_extent(source, corner[0]);
    tile->n_samples = MIN(box[1], dataset->dims[1] - corner[1]);
    tile->n_heads = (guint)MIN(box[2], dataset->dims[2] - corner[2]);
    tile->n_queries = MIN(box[3], dataset->dims[3] - corner[3]);
}

/* The dataset ends before /step does: the rest of the group is one missing tile. */
static void
set_missing_rest(const EntroSource *source, EntroTile *tile)
{
    const EntroLayer *layer = &source->trace.layers[source->layer];

    tile->n_captures = group_limit(source) - tile->capture;
    tile->n_samples = layer->n_samples;
    tile->n_heads = layer->n_heads;
    tile->n_queries = layer->n_queries;
    tile->status = ENTRO_TILE_MISSING;
    tile->problem = g_strdup_printf("layer %u: its dataset ends before this capture", layer->index);
}

/* Everything that `corner` and `layer` say, with the bytes. */
static gboolean
fill(EntroSource *source, EntroTile *tile, GError **error)
{
    hsize_t available = entro_layer_captures(source, source->layer);

    g_clear_pointer(&tile->problem, g_free);
    tile->status = ENTRO_TILE_OK;
    tile->stored_size = 0;
    tile->ends_layer = FALSE;
    set_box(source, tile);
    tile->group = source->selected[source->group];
    tile->n_group = group_limit(source) - tile->group;
    if (tile->capture >= available) {
        set_missing_rest(source, tile);
        return TRUE;
    }
    tile->n_captures = MIN(tile->n_captures, available - tile->capture);
    return entro_tile_find(source, tile, error);
}

gboolean
entro_source_next(EntroSource *source, EntroTile *tile, gboolean *ret_end, GError **error)
{
    entro_h5_quiet();
    *ret_end = source->group >= source->n_selected;
    if (*ret_end)
        return TRUE;
    if (source->fresh) {
        memset(source->corner, 0, sizeof source->corner);
        source->corner[0] = source->selected[source->group];
        source->fresh = FALSE;
    }
    if (!fill(source, tile, error))
        return FALSE;
    advance(source, tile);
    return TRUE;
}

gboolean
entro_source_peek(EntroSource *source, EntroTile *tile, guint layer, gsize capture, GError **error)
{
    EntroSource there = *source; /* a walk of its own over the same file */

    g_return_val_if_fail(layer < source->trace.n_layers && capture < source->trace.n_captures,
                         FALSE);
    entro_h5_quiet();
    there.selected = &capture;
    there.n_selected = 1;
    there.group = 0;
    there.group_end = 1;
    there.layer = layer;
    memset(there.corner, 0, sizeof there.corner);
    there.corner[0] = capture;
    gboolean good = fill(&there, tile, error);
    source->key_mask = there.key_mask;
    source->segment = there.segment;
    return good;
}

guint
entro_source_get_stack_max(const EntroSource *source)
{
    guint most = 1;

    for (guint layer = 0; layer < source->trace.n_layers; layer++) {
        guint box = (guint)source->plan[layer].box[2];
        most = MAX(most, (source->trace.layers[layer].n_heads + box - 1) / box);
    }
    return most;
}

void
entro_source_get_stack_shape(const EntroSource *source, guint layer, gsize *ret_n_samples,
                             gsize *ret_n_queries)
{
    const hsize_t *box = source->plan[layer].box;

    *ret_n_samples = box[0] * box[1];
    *ret_n_queries = box[3];
}

gsize
entro_source_get_group_max(const EntroSource *source)
{
    return source->group_max;
}
