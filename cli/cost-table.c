/* cost-table.c: costs as a table and as JSON.
 *
 * The table has a header of its own for each change of sizes; FLOPs and savings are printed with the
 * digits that the paper prints. */
#include "command.h"

#include <math.h>

#define NAME_WIDTH 20 /* what is longer is cut here; --json has it whole */

enum {
    COLUMN_ARCH,
    COLUMN_SOFTMAX,
    COLUMN_LAYER_NORM,
    COLUMN_ACTIVATION,
    COLUMN_FFN,
    COLUMN_ATTENTION,
    COLUMN_RESULTS, /* with their ranges in a line below */
    N_RESULTS = 4,
    N_COLUMNS = COLUMN_RESULTS + N_RESULTS
};

static const struct {
    const char *title;
    int width; /* negative: to the left */
} columns[N_COLUMNS] = {
    {"ARCH", -20},    {"SOFTMAX", -15}, {"LAYERNORM", -15}, {"ACTIVATION", -15}, {"FFN FLOP", 8},
    {"ATTN FLOP", 9}, {"COMM GB", 11},  {"SAVED", 11},      {"LATENCY min", 11}, {"SAVED", 11},
};

/* ---- cells ----------------------------------------------------------------------------------------- */

typedef char Cell[64];

static void
format_ops(Cell cell, EntroCostOps ops)
{
    if (ops.count == 0)
        g_strlcpy(cell, "-", sizeof(Cell));
    else
        g_snprintf(cell, sizeof(Cell),
                   "%" G_GINT64_FORMAT " x %" G_GINT64_FORMAT "x%" G_GINT64_FORMAT, ops.count,
                   ops.rows, ops.columns);
}

/* 14.5B as in the paper, which writes 0.9B too. */
static void
format_flop(Cell cell, double flop)
{
    if (flop >= 1e15)
        g_snprintf(cell, sizeof(Cell), "%.3g", flop);
    else if (flop >= 1e8)
        g_snprintf(cell, sizeof(Cell), "%.1fB", flop / 1e9);
    else if (flop >= 1e5)
        g_snprintf(cell, sizeof(Cell), "%.1fM", flop / 1e6);
    else
        g_snprintf(cell, sizeof(Cell), "%.0f", flop);
}

/* Two decimals as in the paper, more where nothing would be left. */
static const char *
decimals(double value)
{
    return fabs(value) >= 0.1 && fabs(value) < 1e7 ? "%.2f" : "%.2g";
}

static void
format_value(Cell cell, EntroCostRange range, const char *unit)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];

    g_ascii_formatd(number, sizeof number, decimals(range.value), range.value);
    g_snprintf(cell, sizeof(Cell), "%s%s%s", range.estimate ? "~" : "", number, unit);
}

/* Empty unless it is an estimate. */
static void
format_range(Cell cell, EntroCostRange range, const char *unit)
{
    char low[G_ASCII_DTOSTR_BUF_SIZE], high[G_ASCII_DTOSTR_BUF_SIZE];

    *cell = '\0';
    if (!range.estimate)
        return;
    g_ascii_formatd(low, sizeof low, decimals(range.low), range.low);
    g_ascii_formatd(high, sizeof high, decimals(range.high), range.high);
    g_snprintf(cell, sizeof(Cell), "%s-%s%s", low, high, unit);
}

/* ---- the table --------------------------------------------------------------------------------------- */

static const char *const units[N_RESULTS] = {"", "x", "", "x"};

/* In the order of their columns. */
static void
get_results(const EntroCostCase *row, EntroCostRange ret_results[N_RESULTS])
{
    ret_results[0] = entro_cost_get(&row->cost, ENTRO_COST_COMMUNICATION);
    ret_results[1] = entro_cost_saving(&row->baseline, &row->cost, ENTRO_COST_COMMUNICATION);
    ret_results[2] = entro_cost_get(&row->cost, ENTRO_COST_LATENCY);
    ret_results[3] = entro_cost_saving(&row->baseline, &row->cost, ENTRO_COST_LATENCY);
}

static gboolean
is_estimate(const EntroCostCase *row)
{
    EntroCostRange results[N_RESULTS];

    get_results(row, results);
    for (guint i = 0; i < N_RESULTS; i++)
        if (results[i].estimate)
            return TRUE;
    return FALSE;
}

/* Columns of text count characters, not bytes. */
static void
print_name(const char *name)
{
    g_autofree char *whole = entro_printable(name, -1);
    g_autofree char *shown = entro_shorten(whole, NAME_WIDTH);

    printf("%s%*s ", shown, NAME_WIDTH - (int)g_utf8_strlen(shown, -1), "");
}

static void
print_line(Cell cells[N_COLUMNS])
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint i = 0; i < N_COLUMNS; i++)
        g_string_append_printf(line, "%*s ", columns[i].width, cells[i]);
    puts(g_strchomp(line->str));
}

static void
print_titles(void)
{
    Cell cells[N_COLUMNS];

    for (guint i = 0; i < N_COLUMNS; i++)
        g_strlcpy(cells[i], columns[i].title, sizeof cells[i]);
    print_line(cells);
}

static void
print_ranges(const EntroCostRange results[N_RESULTS])
{
    Cell cells[N_COLUMNS] = {{0}};

    for (guint i = 0; i < N_RESULTS; i++)
        format_range(cells[COLUMN_RESULTS + i], results[i], units[i]);
    print_line(cells);
}

static void
print_case(const EntroCostCase *row)
{
    Cell cells[N_COLUMNS];
    EntroCostRange results[N_RESULTS];

    get_results(row, results);
    g_strlcpy(cells[COLUMN_ARCH], row->arch.name, sizeof cells[COLUMN_ARCH]);
    format_ops(cells[COLUMN_SOFTMAX], row->cost.softmax);
    format_ops(cells[COLUMN_LAYER_NORM], row->cost.layer_norm);
    format_ops(cells[COLUMN_ACTIVATION], row->cost.activation);
    format_flop(cells[COLUMN_FFN], row->cost.ffn_flop);
    format_flop(cells[COLUMN_ATTENTION], row->cost.attention_flop);
    for (guint i = 0; i < N_RESULTS; i++)
        format_value(cells[COLUMN_RESULTS + i], results[i], units[i]);
    if (row->run != NULL)
        print_name(row->run);
    print_line(cells);
    if (!is_estimate(row))
        return;
    if (row->run != NULL)
        print_name("");
    print_ranges(results);
}

static void
print_sizes(const EntroCostCase *row)
{
    const EntroCostSizes *sizes = &row->sizes;
    g_autofree char *assumed = g_strjoinv(", ", (char **)row->assumed);

    printf("%" G_GINT64_FORMAT " layers, %" G_GINT64_FORMAT " heads, width %" G_GINT64_FORMAT
           ", context %" G_GINT64_FORMAT ", vocabulary %" G_GINT64_FORMAT,
           sizes->layers, sizes->heads, sizes->dim, sizes->context, sizes->vocabulary);
    if (sizes->ffn_layers != sizes->layers)
        printf(", feed-forwards in %" G_GINT64_FORMAT " layers", sizes->ffn_layers);
    if (row->assumed[0] != NULL)
        printf(" (not given, so of GPT-2 small: %s)", assumed);
    putchar('\n');
    if (row->run != NULL)
        printf("%-*s ", NAME_WIDTH, "RUN");
    print_titles();
}

static void
print_notes(const GPtrArray *cases, const char *baseline, double bandwidth)
{
    gboolean estimates = FALSE;

    for (guint i = 0; i < cases->len; i++)
        estimates |= is_estimate(cases->pdata[i]);
    if (isnan(bandwidth))
        printf("\nSaved: times less than %s. Network as measured: %.0f Mbit/s.\n", baseline,
               entro_cost_calibrated_bandwidth());
    else
        printf("\nSaved: times less than %s. Network: %.15g Mbit/s.\n", baseline, bandwidth);
    if (estimates)
        printf("~ an estimate, its range below: the data do not tell it (see --help).\n");
}

static gboolean
same_sizes(const EntroCostSizes *a, const EntroCostSizes *b)
{
    return a->layers == b->layers && a->heads == b->heads && a->dim == b->dim &&
           a->context == b->context && a->vocabulary == b->vocabulary &&
           a->ffn_layers == b->ffn_layers;
}

void
entro_cost_print(const GPtrArray *cases, const char *baseline, double bandwidth)
{
    const EntroCostCase *before = NULL;

    for (guint i = 0; i < cases->len; i++) {
        const EntroCostCase *row = cases->pdata[i];

        if (before != NULL && !same_sizes(&before->sizes, &row->sizes))
            putchar('\n');
        if (before == NULL || !same_sizes(&before->sizes, &row->sizes))
            print_sizes(row);
        print_case(row);
        before = row;
    }
    print_notes(cases, baseline, bandwidth);
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void
add_range(JsonBuilder *builder, const char *name, EntroCostRange range)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    entro_json_real(builder, "value", range.value);
    entro_json_real(builder, "low", range.low);
    entro_json_real(builder, "high", range.high);
    entro_json_boolean(builder, "estimate", range.estimate);
    json_builder_end_object(builder);
}

static void
add_ops(JsonBuilder *builder, const char *name, EntroCostOps ops)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    entro_json_integer(builder, "count", ops.count);
    entro_json_integer(builder, "rows", ops.rows);
    entro_json_integer(builder, "columns", ops.columns);
    json_builder_end_object(builder);
}

static void
add_sizes(JsonBuilder *builder, const EntroCostCase *row)
{
    entro_json_integer(builder, "layers", row->sizes.layers);
    entro_json_integer(builder, "heads", row->sizes.heads);
    entro_json_integer(builder, "dim", row->sizes.dim);
    entro_json_integer(builder, "context", row->sizes.context);
    entro_json_integer(builder, "vocabulary", row->sizes.vocabulary);
    entro_json_integer(builder, "ffn_layers", row->sizes.ffn_layers);
    json_builder_set_member_name(builder, "assumed");
    json_builder_begin_array(builder);
    for (guint i = 0; row->assumed[i] != NULL; i++)
        json_builder_add_string_value(builder, row->assumed[i]);
    json_builder_end_array(builder);
}

/* The items of one unit, from `first` to their sum. */
static void
add_items(JsonBuilder *builder, const char *name, const EntroCost *cost, guint first, guint sum)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    for (guint item = first; item <= sum; item++)
        add_range(builder, item == sum ? "total" : entro_cost_items()[item].name,
                  entro_cost_get(cost, item));
    json_builder_end_object(builder);
}

static void
add_case_json(JsonBuilder *builder, const EntroCostCase *row)
{
    static const char *const kinds[] = {[ENTRO_COST_ACT_NONE] = NULL,
                                        [ENTRO_COST_ACT_RELU] = "ReLU",
                                        [ENTRO_COST_ACT_GELU] = "GELU"};

    json_builder_begin_object(builder);
    entro_json_string(builder, "run", row->run);
    entro_json_string(builder, "arch", row->arch.name);
    add_sizes(builder, row);
    add_ops(builder, "softmax", row->cost.softmax);
    add_ops(builder, "layer_norm", row->cost.layer_norm);
    add_ops(builder, "activation", row->cost.activation);
    entro_json_string(builder, "activation_kind", kinds[row->arch.activation]);
    entro_json_real(builder, "ffn_flop", row->cost.ffn_flop);
    entro_json_real(builder, "attention_flop", row->cost.attention_flop);
    add_items(builder, "communication_gb", &row->cost, 0, ENTRO_COST_COMMUNICATION);
    add_items(builder, "latency_min", &row->cost, ENTRO_COST_COMMUNICATION + 1, ENTRO_COST_LATENCY);
    add_range(builder, "saving_communication",
              entro_cost_saving(&row->baseline, &row->cost, ENTRO_COST_COMMUNICATION));
    add_range(builder, "saving_latency",
              entro_cost_saving(&row->baseline, &row->cost, ENTRO_COST_LATENCY));
    entro_json_boolean(builder, "estimate", is_estimate(row));
    json_builder_end_object(builder);
}

static void
add_coefficients(JsonBuilder *builder)
{
    guint n;
    const EntroCostCoefficient *rows = entro_cost_coefficients(&n);

    json_builder_set_member_name(builder, "coefficients");
    json_builder_begin_array(builder);
    for (guint i = 0; i < n; i++) {
        json_builder_begin_object(builder);
        entro_json_string(builder, "name", rows[i].name);
        entro_json_real(builder, "value", rows[i].value);
        entro_json_real(builder, "low", rows[i].low);
        entro_json_real(builder, "high", rows[i].high);
        entro_json_string(builder, "unit", rows[i].unit);
        entro_json_string(builder, "source", rows[i].source);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

void
entro_cost_print_json(const GPtrArray *cases, const char *baseline, double bandwidth)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    const gboolean measured = isnan(bandwidth);

    json_builder_begin_object(builder);
    entro_json_string(builder, "baseline", baseline);
    entro_json_real(builder, "bandwidth_mbit",
                    measured ? entro_cost_calibrated_bandwidth() : bandwidth);
    entro_json_boolean(builder, "bandwidth_as_measured", measured);
    json_builder_set_member_name(builder, "costs");
    json_builder_begin_array(builder);
    for (guint i = 0; i < cases->len; i++)
        add_case_json(builder, cases->pdata[i]);
    json_builder_end_array(builder);
    add_coefficients(builder);
    json_builder_end_object(builder);
    entro_print_json(builder);
}
