/* attention-map.c: the view attention-map, from traces to heat maps: queries, keys and the weights.
 *
 * A map a head; query 0 is on top, keys go to the right. */
#include <string.h>

#include "view-private.h"

enum {
    MAPS_USUAL = 16, /* when no head is named */
    MAPS_MAX = 64,
    MAPS_ROOMY = 9, /* up to here three stand side by side, with the trace's name two */
    MAPS_ROOMY_NAMED = 4,
};

/* ---- which heads ------------------------------------------------------------------------------- */

static GArray *
list_heads(const EntroTrace *trace, const EntroPlotOptions *options)
{
    GArray *heads = g_array_new(FALSE, FALSE, sizeof(EntroHeadChoice));

    for (guint i = 0; i < trace->n_layers; i++)
        for (guint head = 0; head < trace->layers[i].n_heads; head++) {
            const EntroHeadChoice choice = {trace->layers[i].index, head};
            if (entro_view_head_is_chosen(options, choice.layer, choice.head))
                g_array_append_val(heads, choice);
        }
    return heads;
}

/* As many as are drawn of heads that nobody chose: from the first to the last, evenly. */
static void
thin_heads(GArray *heads, guint n)
{
    const guint n_all = heads->len;

    for (guint i = 0; i < n && n < n_all; i++)
        g_array_index(heads, EntroHeadChoice, i) =
            g_array_index(heads, EntroHeadChoice, (guint)((guint64)i * (n_all - 1) / (n - 1)));
    g_array_set_size(heads, MIN(n, n_all));
}

/* What is drawn of one trace. */
typedef struct {
    const EntroViewTrace *trace;
    GArray *heads; /* EntroHeadChoice; none: what was chosen is not there, which reading tells */
    guint n_left_out;
} Part;

static void
part_clear(gpointer data)
{
    g_array_unref(((Part *)data)->heads);
}

static GArray *
choose_parts(const GPtrArray *traces, const EntroPlotOptions *options)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(Part));
    const guint most = MAX(MAPS_USUAL / traces->len, 2);

    g_array_set_clear_func(parts, part_clear);
    for (guint i = 0; i < traces->len; i++) {
        Part part = {.trace = traces->pdata[i]};
        part.heads = list_heads(entro_source_get_trace(part.trace->source), options);
        if (options->n_heads == 0 && part.heads->len > most) {
            part.n_left_out = part.heads->len - most;
            thin_heads(part.heads, most);
        }
        g_array_append_val(parts, part);
    }
    return parts;
}

static guint
count_maps(const GArray *parts)
{
    guint n = 0;

    for (guint i = 0; i < parts->len; i++)
        n += g_array_index(parts, Part, i).heads->len;
    return n;
}

static gboolean
check_number(guint n_maps, guint n_traces, GError **error)
{
    if (n_maps <= MAPS_MAX)
        return TRUE;
    g_set_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT,
                "%u attention maps of %u trace%s: a figure has at most %d; choose fewer heads with "
                "--head L.H%s",
                n_maps, n_traces, n_traces > 1 ? "s" : "", MAPS_MAX,
                n_traces > 1 ? ", or draw fewer traces" : "");
    return FALSE;
}

/* ---- charts ------------------------------------------------------------------------------------ */

static const EntroCellState states[] = {
    [ENTRO_MAP_ABSENT] = ENTRO_CELL_ABSENT,
    [ENTRO_MAP_UNDEFINED] = ENTRO_CELL_UNDEFINED,
    [ENTRO_MAP_VALUE] = ENTRO_CELL_VALUE,
};

static gint64 *
key_numbers(const EntroHeadMap *map)
{
    gint64 *number = g_new(gint64, map->n_columns);

    for (gsize i = 0; i < map->n_columns; i++)
        number[i] = (gint64)(i * map->keys_per_cell);
    return number;
}

/* As --head takes it where many maps leave little room: "layer 3, head 11" or "head 3.11". */
static char *
map_title(const EntroHeadMap *map, const char *trace, guint n_maps)
{
    const EntroHeadChoice head = {map->layer, map->head};
    const gboolean roomy = n_maps <= (trace ? MAPS_ROOMY_NAMED : MAPS_ROOMY);
    g_autofree char *name =
        roomy ? entro_view_head_name(head) : g_strdup_printf("head %u.%u", map->layer, map->head);

    return trace ? g_strdup_printf("%s: %s", trace, name) : g_steal_pointer(&name);
}

static void
explain_map(EntroHeatChart *heat, const EntroHeadMap *map)
{
    g_ptr_array_set_size(heat->chart.notes, 0); /* blank are keys that may not be attended to */
    if (map->n_samples > 1)
        entro_chart_add_note(&heat->chart, "Mean over %" G_GSIZE_FORMAT " samples.",
                             map->n_samples);
    if (map->queries_per_cell > 1 || map->keys_per_cell > 1)
        entro_chart_add_note(&heat->chart,
                             "A cell is the mean over %" G_GSIZE_FORMAT
                             " queries and %" G_GSIZE_FORMAT " keys.",
                             map->queries_per_cell, map->keys_per_cell);
}

/* The classes of rows where no row is valid. */
static void
count_classes(const EntroHeadMap *map, gsize *count)
{
    for (gsize row = 0; row < map->n_rows; row++) {
        const guint8 *state = map->state + row * map->n_columns;
        if (!memchr(state, ENTRO_MAP_UNDEFINED, map->n_columns))
            continue;
        for (guint class_ = 0; class_ < ENTRO_N_ROW_CLASSES; class_++)
            count[class_] += map->row_count[row][class_];
    }
}

/* The same words at all maps: they share one sign. */
static void
explain_hatch(EntroPage *page, const gsize *count)
{
    g_autofree char *classes = entro_view_row_classes(count, FALSE);
    g_autofree char *words = g_strdup_printf("no valid row (%s)", classes);

    for (guint i = 0; i < page->charts->len; i++) {
        EntroHeatChart *heat = page->charts->pdata[i];
        if (heat->chart.batch == page->batch)
            entro_heat_chart_explain_hatch(heat, page->figure, words);
    }
}

/* `trace`: its name; NULL: not needed. */
static EntroHeatChart *
add_map(EntroPage *page, const EntroHeadMap *map, const char *trace, guint n_maps, GError **error)
{
    const gsize n = map->n_rows * map->n_columns;
    g_autofree guint8 *state = g_new(guint8, n);
    g_autofree char *title = map_title(map, trace, n_maps);

    for (gsize cell = 0; cell < n; cell++)
        state[cell] = (guint8)states[map->state[cell]];
    EntroHeatChart *heat =
        entro_heat_chart_add(page, title, map->n_rows, map->n_columns, map->weight, state, error);
    if (!heat)
        return NULL;
    heat->framed = TRUE;
    heat->row_number = g_memdup2(map->row_query, map->n_rows * sizeof *map->row_query);
    heat->column_number = key_numbers(map);
    heat->chart.x.label = g_strdup("Key position");
    heat->chart.y.label = g_strdup("Query position");
    heat->chart.colour.label = g_strdup("Attention weight");
    heat->chart.colour.from_zero = TRUE;
    heat->chart.colour.shared = "weight";
    heat->chart.colour.together = page->options->shared_scale;
    explain_map(heat, map);
    return heat;
}

/* ---- the view ---------------------------------------------------------------------------------- */

static EntroHeadMaps *
read_maps(EntroPage *page, const Part *part, const EntroPlotOptions *options, guint n_maps,
          GError **error)
{
    EntroRowOptions row_options = entro_view_row_options(options);
    const double side = sqrt((double)page->figure->theme.map_cells / MAX(n_maps, 1));

    row_options.side = (gsize)CLAMP(side, 1, ENTRO_MAP_SIDE);
    if (options->n_heads == 0) {
        row_options.heads = (const EntroHeadChoice *)part->heads->data;
        row_options.n_heads = part->heads->len;
    }
    return entro_head_maps_read(part->trace->source, &row_options, error);
}

static gboolean
add_part(EntroPage *page, const EntroViewInput *input, const Part *part, guint n_maps,
         gboolean named, gsize *count, gint64 *ret_step, GError **error)
{
    g_autoptr(EntroHeadMaps) maps = read_maps(page, part, input->options, n_maps, error);
    EntroHeatChart *last = NULL;
    if (!maps)
        return FALSE;

    for (guint i = 0; i < maps->n; i++) {
        last = add_map(page, &maps->map[i], named ? part->trace->name : NULL, n_maps, error);
        if (!last)
            return FALSE;
        count_classes(&maps->map[i], count);
    }
    if (last && part->n_left_out > 0)
        entro_chart_add_note(&last->chart,
                             "%s: %u of %u heads; others are chosen with --head LAYER.HEAD.",
                             part->trace->name, part->heads->len,
                             part->heads->len + part->n_left_out);
    entro_view_note_origin(page, part->trace, &maps->origin);
    *ret_step = maps->origin.step;
    return TRUE;
}

gboolean
entro_view_attention_map(EntroPage *page, const EntroViewInput *input, GError **error)
{
    g_autoptr(GPtrArray) traces = entro_view_open_traces(input, error);
    g_autoptr(GArray) parts = traces ? choose_parts(traces, input->options) : NULL;
    const guint n_maps = parts ? count_maps(parts) : 0;
    if (!parts || !check_number(n_maps, parts->len, error))
        return FALSE;

    g_autofree gint64 *step = g_new0(gint64, parts->len);
    gsize count[ENTRO_N_ROW_CLASSES] = {0};
    for (guint i = 0; i < parts->len; i++)
        if (!add_part(page, input, &g_array_index(parts, Part, i), n_maps, parts->len > 1, count,
                      &step[i], error))
            return FALSE;
    explain_hatch(page, count);
    entro_view_set_title(page, entro_view_find("attention-map")->title, traces, step,
                         input->options->sample);
    return entro_heads_check(page, error);
}
