/* head-map.c: mean attention weights of chosen heads.
 *
 * Weights are added up where they are allowed; what no query may attend to stays absent, and a row that
 * is not valid adds nothing: a diverged head is not a dark one. */
#include "rows-private.h"

/* A map while rows arrive. */
typedef struct {
    EntroHeadMap *map;
    guint64 *n; /* [n_rows][n_columns] weights in the sum */
} Growing;

typedef struct {
    const EntroRowChoice *choice;
    Growing *growing; /* [n] */
    guint **number;   /* [n_layers] of the trace: [n_heads] which of `growing` */
} Maps;

static gsize
cells_along(gsize n, gsize per_cell)
{
    return (n + per_cell - 1) / per_cell;
}

/* Cells of the same size, all but the last. */
static gsize
per_cell(gsize n, gsize side)
{
    return cells_along(n, MAX(side, 1));
}

static gsize
map_cells(const EntroLayer *layer, gsize side)
{
    return cells_along(layer->n_queries, per_cell(layer->n_queries, side)) *
           cells_along(layer->n_keys, per_cell(layer->n_keys, side));
}

/* What all maps take together, with their counts. */
static gboolean
check_memory(const EntroRowChoice *choice, GError **error)
{
    const EntroRowOptions *options = choice->options;
    double bytes = 0;
    guint n = 0;

    for (guint i = 0; i < choice->trace->n_layers; i++) {
        n += choice->n_wanted[i];
        bytes += (double)choice->n_wanted[i] *
                 (double)map_cells(&choice->trace->layers[i], options->side) *
                 (sizeof(double) + sizeof(guint64) + 1);
    }
    if (bytes <= (double)options->memory)
        return TRUE;
    g_set_error(error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_LIMIT,
                "%s: the maps of %u heads take %.0f MiB, the limit is %" G_GSIZE_FORMAT
                ": choose fewer heads, or fewer cells than %" G_GSIZE_FORMAT " along a side",
                choice->trace->path, n, ceil(bytes / (1 << 20)), options->memory >> 20,
                options->side);
    return FALSE;
}

/* Of an entropy nobody can tell where it came from. */
static gboolean
check_weights(const EntroRowChoice *choice, GError **error)
{
    for (guint i = 0; i < choice->trace->n_layers; i++)
        if (choice->n_wanted[i] > 0 && choice->trace->layers[i].input == ENTRO_INPUT_ROW_ENTROPY) {
            g_set_error(
                error, ENTRO_ANALYZER_ERROR, ENTRO_ANALYZER_ERROR_DATA,
                "%s: layer %u holds the entropies of its rows (%s) and no weights: there is "
                "no attention map of it",
                choice->trace->path, choice->trace->layers[i].index,
                entro_input_name(ENTRO_INPUT_ROW_ENTROPY));
            return FALSE;
        }
    return TRUE;
}

static void
begin_map(const EntroRowChoice *choice, guint layer, guint head, Growing *growing)
{
    const EntroLayer *facts = &choice->trace->layers[layer];
    EntroHeadMap *map = growing->map;

    *map = (EntroHeadMap){.layer = facts->index,
                          .head = head,
                          .n_samples = entro_row_choice_samples(choice, layer),
                          .n_queries = facts->n_queries,
                          .n_keys = facts->n_keys,
                          .queries_per_cell = per_cell(facts->n_queries, choice->options->side),
                          .keys_per_cell = per_cell(facts->n_keys, choice->options->side)};
    map->n_rows = cells_along(map->n_queries, map->queries_per_cell);
    map->n_columns = cells_along(map->n_keys, map->keys_per_cell);
    map->row_query = g_new(gint64, map->n_rows);
    for (gsize row = 0; row < map->n_rows; row++)
        map->row_query[row] = entro_layer_position(facts, row * map->queries_per_cell);
    map->row_count = g_malloc0_n(map->n_rows, sizeof *map->row_count);
    map->weight = g_new0(double, map->n_rows * map->n_columns);
    map->state = g_new0(guint8, map->n_rows * map->n_columns);
    growing->n = g_new0(guint64, map->n_rows * map->n_columns);
}

static gboolean
is_allowed(const EntroRowSight *row, gsize key)
{
    const gint64 *segment = row->keys->segment;

    return (row->keys->mask == NULL || row->keys->mask[key]) &&
           (segment == NULL || (row->position >= 0 && segment[key] == segment[row->position]));
}

/* The keys of one cell. */
static void
add_keys(Growing *growing, gsize cell, const EntroRowSight *row, gsize first_key, gsize end_key)
{
    EntroHeadMap *map = growing->map;
    double sum = 0;
    gsize n = 0;

    for (gsize key = first_key; key < end_key; key++)
        if (is_allowed(row, key)) {
            sum += row->p[key];
            n++;
        }
    if (n == 0)
        return;
    if (row->class_ != ENTRO_ROW_VALID) {
        map->state[cell] = MAX(map->state[cell], ENTRO_MAP_UNDEFINED);
        return;
    }
    map->state[cell] = ENTRO_MAP_VALUE;
    map->weight[cell] += sum;
    growing->n[cell] += n;
}

static void
add_row(gpointer data, const EntroRowSight *row)
{
    const Maps *maps = data;
    Growing *growing = &maps->growing[maps->number[row->layer][row->head]];
    EntroHeadMap *map = growing->map;
    gsize cell_row = row->query / map->queries_per_cell;
    gsize cell = cell_row * map->n_columns;

    map->row_count[cell_row][row->class_]++;
    for (gsize key = 0; key < row->range.end; key += map->keys_per_cell, cell++) {
        gsize end = MIN(key + map->keys_per_cell, row->range.end);
        if (end > row->range.first)
            add_keys(growing, cell, row, MAX(key, row->range.first), end);
    }
}

static void
clear_map(EntroHeadMap *map)
{
    g_free(map->row_query);
    g_free(map->row_count);
    g_free(map->weight);
    g_free(map->state);
}

static void
end_map(Growing *growing)
{
    EntroHeadMap *map = growing->map;

    for (gsize cell = 0; cell < map->n_rows * map->n_columns; cell++)
        map->weight[cell] =
            growing->n[cell] > 0 ? map->weight[cell] / (double)growing->n[cell] : NAN;
    g_clear_pointer(&growing->n, g_free);
}

static void
begin_maps(Maps *maps, EntroHeadMaps *result)
{
    const EntroRowChoice *choice = maps->choice;

    for (guint layer = 0; layer < choice->trace->n_layers; layer++)
        result->n += choice->n_wanted[layer];
    result->map = g_new0(EntroHeadMap, result->n);
    maps->growing = g_new0(Growing, result->n);
    maps->number = g_new(guint *, choice->trace->n_layers);
    for (guint layer = 0, number = 0; layer < choice->trace->n_layers; layer++) {
        maps->number[layer] = g_new0(guint, choice->trace->layers[layer].n_heads);
        for (guint head = 0; head < choice->trace->layers[layer].n_heads; head++)
            if (choice->wanted[layer][head]) {
                maps->growing[number].map = &result->map[number];
                begin_map(choice, layer, head, &maps->growing[number]);
                maps->number[layer][head] = number++;
            }
    }
}

/* Leaves those of layers that could be read. */
static void
end_maps(Maps *maps, EntroHeadMaps *result)
{
    const EntroRowChoice *choice = maps->choice;
    guint kept = 0, number = 0;

    for (guint layer = 0; layer < choice->trace->n_layers; layer++) {
        for (guint i = 0; i < choice->n_wanted[layer]; i++, number++) {
            end_map(&maps->growing[number]);
            if (choice->read[layer])
                result->map[kept++] = result->map[number];
            else
                clear_map(&result->map[number]);
        }
        g_free(maps->number[layer]);
    }
    result->n = kept;
    g_free(maps->number);
    g_free(maps->growing);
}

EntroHeadMaps *
entro_head_maps_read(EntroSource *source, const EntroRowOptions *options, GError **error)
{
    g_auto(EntroRowChoice) choice = {0};
    g_autoptr(EntroHeadMaps) result = g_new0(EntroHeadMaps, 1);
    Maps maps = {.choice = &choice};

    if (!entro_row_choice_init(&choice, source, options, error) || !check_weights(&choice, error) ||
        !check_memory(&choice, error))
        return NULL;
    choice.needs_weights = TRUE;
    begin_maps(&maps, result);
    gboolean good = entro_row_walk(&choice, add_row, &maps, &result->origin, error);
    end_maps(&maps, result);
    return good ? g_steal_pointer(&result) : NULL;
}

void
entro_head_maps_free(EntroHeadMaps *maps)
{
    if (maps == NULL)
        return;
    for (guint i = 0; i < maps->n; i++)
        clear_map(&maps->map[i]);
    entro_row_origin_clear(&maps->origin);
    g_free(maps->map);
    g_free(maps);
}
