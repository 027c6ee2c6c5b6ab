/* html-map-data.c: every column of the heads at the captures of the page, as text for the script.
 *
 * A value is a few digits in base 85, always as many in a column, so that the script finds one
 * without reading the others; as decimal numbers they would take twice the room.
 *   0: the head is not there, 1: it has no value, 2: 0 in columns of reals
 *   reals   3 + ((exponent - LEAST_EXPONENT) * 2 + negative) * 9000 + mantissa - 1000
 *           mantissa 1000 .. 9999: four significant digits, times 10^(exponent - 3)
 *   counts  2 + count */
#include "html-map.h"

#include <string.h>

/* No backslash, quote, angle bracket or ampersand: as they are in JSON and in a script. */
static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "!#%()*+,-.:;=?@[]^_{|}~";

enum {
    BASE = sizeof digits - 1,
    N_COUNTS = 4, /* entro_count_columns() */
    REAL_WIDTH = 3,
    ABSENT = 0,
    UNDEFINED = 1,
    ZERO = 2,
    FIRST = 3,
    MANTISSAS = 9000,
    LEAST_EXPONENT = -22, /* smaller values become 0 */
    MOST_EXPONENT = 11,   /* larger ones the largest; nothing measured here is */
};

G_STATIC_ASSERT(sizeof digits - 1 == 85);
G_STATIC_ASSERT(FIRST + (MOST_EXPONENT - LEAST_EXPONENT + 1) * 2 * MANTISSAS <=
                85 * 85 * 85); /* REAL_WIDTH digits */

/* As many columns are read at a time as judging needs: no more memory than that. */
enum { COLUMNS_AT_ONCE = ENTRO_EVIDENCE_N_HEAD_COLUMNS };

typedef struct {
    const EntroColumn *column;
    gboolean count;
} MapColumn;

const char *
html_map_digits(void)
{
    return digits;
}

gsize
html_map_cost(void)
{
    return REAL_WIDTH * (ENTRO_HEAD_N_COLUMNS + ENTRO_HEAD_PARAM_N_COLUMNS + N_COUNTS);
}

/* ---- one value ---------------------------------------------------------------------------------- */

static guint64
code_of_real(double value)
{
    double size = fabs(value);

    if (!isfinite(value)) /* infinite: not from this program, and no number for a reader */
        return UNDEFINED;
    if (size < 1e-22)
        return ZERO;
    int exponent = MIN((int)floor(log10(size)), MOST_EXPONENT);
    double mantissa = rint(size / pow(10, exponent - 3));
    if (mantissa < 1000) { /* log10() was a hair too large */
        exponent--;
        mantissa = rint(size / pow(10, exponent - 3));
    } else if (mantissa > 9999 && exponent < MOST_EXPONENT) {
        exponent++;
        mantissa = 1000;
    }
    guint64 decade = (guint64)(MAX(exponent, LEAST_EXPONENT) - LEAST_EXPONENT);
    return FIRST + (decade * 2 + (value < 0)) * MANTISSAS +
           (guint64)(CLAMP(mantissa, 1000, 9999) - 1000);
}

static guint64
code_of(const MapColumn *column, double value)
{
    if (!column->count)
        return code_of_real(value);
    return !isfinite(value) ? UNDEFINED : ZERO + (guint64)CLAMP(value, 0, 1e15);
}

static void
put_code(char *text, guint width, guint64 code)
{
    for (guint i = width; i > 0; i--, code /= BASE)
        text[i - 1] = digits[code % BASE];
}

static guint
count_digits(guint64 code)
{
    guint n = 1;

    while ((code /= BASE) > 0)
        n++;
    return n;
}

/* ---- one column ----------------------------------------------------------------------------------- */

/* Where the values are. */
typedef struct {
    const double *value, *rows; /* [n_steps * n_heads]; rows: NaN where the head is not there */
    gsize n_heads;
    const MapCaptures *captures;
} Cells;

static gsize
find_cell(const Cells *cells, gsize i)
{
    return cells->captures->position[i / cells->n_heads] * cells->n_heads + i % cells->n_heads;
}

typedef struct {
    double low, high;
    gboolean any, constant; /* constant: every head is there at every capture, and has it */
} Range;

static Range
find_range(const Cells *cells)
{
    Range range = {INFINITY, -INFINITY, FALSE, TRUE};

    for (gsize i = 0; i < cells->captures->n * cells->n_heads; i++) {
        gsize cell = find_cell(cells, i);
        double value = cells->value[cell];
        if (isnan(cells->rows[cell]) || !isfinite(value)) {
            range.constant = FALSE;
            continue;
        }
        range.low = MIN(range.low, value);
        range.high = MAX(range.high, value);
        range.any = TRUE;
    }
    range.constant &= range.low == range.high;
    return range;
}

static char *
encode(const MapColumn *column, const Cells *cells, guint width)
{
    gsize n = cells->captures->n * cells->n_heads;
    char *text = g_malloc(n * width + 1);

    for (gsize i = 0; i < n; i++) {
        gsize cell = find_cell(cells, i);
        guint64 code = isnan(cells->rows[cell]) ? ABSENT : code_of(column, cells->value[cell]);
        put_code(text + i * width, width, code);
    }
    text[n * width] = '\0';
    return text;
}

static void
add_column(JsonBuilder *data, const MapColumn *column, const Cells *cells)
{
    Range range = find_range(cells);

    /* what the static map shows is there even without a value, or the script would show another */
    if (!range.any && !g_str_equal(column->column->name, "entropy_mean"))
        return;
    json_builder_begin_object(data);
    entro_json_string(data, "name", column->column->name);
    entro_json_string(data, "title", column->column->title);
    entro_json_string(data, "unit",
                      g_str_equal(column->column->unit, "1") ? "" : column->column->unit);
    entro_json_boolean(data, "count", column->count);
    entro_json_real(data, "low", range.low);
    entro_json_real(data, "high", range.high);
    if (!range.constant) {
        guint width = column->count ? count_digits(code_of(column, range.high)) : (guint)REAL_WIDTH;
        g_autofree char *codes = encode(column, cells, width);
        entro_json_integer(data, "width", width);
        entro_json_string(data, "codes", codes);
    }
    json_builder_end_object(data);
}

/* ---- all columns ------------------------------------------------------------------------------------ */

/* A database that an older program made, and that is only read, lacks some. */
static gboolean
is_stored(EntroStore *store, const char *column, gboolean *ret_stored, GError **error)
{
    g_autofree char *title = NULL, *unit = NULL;

    if (!entro_store_describe(store, column, &title, &unit, error))
        return FALSE;
    *ret_stored = title != NULL;
    return TRUE;
}

static gboolean
add_stored(EntroStore *store, GArray *columns, const EntroColumn *rows, guint n, gboolean count,
           GError **error)
{
    for (guint i = 0; i < n; i++) {
        MapColumn column = {&rows[i], count};
        gboolean stored = FALSE;
        if (!is_stored(store, rows[i].name, &stored, error))
            return FALSE;
        if (stored)
            g_array_append_val(columns, column);
    }
    return TRUE;
}

static gboolean
list_columns(EntroStore *store, GArray *columns, GError **error)
{
    return add_stored(store, columns, entro_head_columns(), ENTRO_HEAD_N_COLUMNS, FALSE, error) &&
           add_stored(store, columns, entro_head_param_columns(), ENTRO_HEAD_PARAM_N_COLUMNS, FALSE,
                      error) &&
           add_stored(store, columns, entro_count_columns(), N_COUNTS, TRUE, error);
}

static gboolean
add_some(HtmlPage *page, const HtmlRun *run, const MapCaptures *captures, const MapColumn *columns,
         guint n, GError **error)
{
    const EntroHistory *heads = run->report->one->evidence->heads;
    const char *names[COLUMNS_AT_ONCE];

    for (guint i = 0; i < n; i++)
        names[i] = columns[i].column->name;
    g_autoptr(EntroHistory) history =
        entro_store_select_history(page->store, run->report->one->run->id, names, n, error);
    if (history == NULL)
        return FALSE;
    g_return_val_if_fail(history->n_steps == heads->n_steps && history->n_heads == heads->n_heads,
                         TRUE); /* the store is held */
    for (guint i = 0; i < n; i++) {
        Cells cells = {history->value[i], heads->value[ENTRO_EVIDENCE_ROWS], heads->n_heads,
                       captures};
        add_column(page->data, &columns[i], &cells);
    }
    return TRUE;
}

static gboolean
add_columns(HtmlPage *page, const HtmlRun *run, const MapCaptures *captures, GError **error)
{
    g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(MapColumn));

    if (!list_columns(page->store, columns, error))
        return FALSE;
    json_builder_set_member_name(page->data, "columns");
    json_builder_begin_array(page->data);
    for (guint i = 0; i < columns->len; i += COLUMNS_AT_ONCE)
        if (!add_some(page, run, captures, &g_array_index(columns, MapColumn, i),
                      MIN((guint)COLUMNS_AT_ONCE, columns->len - i), error))
            return FALSE;
    json_builder_end_array(page->data);
    return TRUE;
}

static void
add_numbers(JsonBuilder *data, const char *name, const guint *number, gsize n)
{
    json_builder_set_member_name(data, name);
    json_builder_begin_array(data);
    for (gsize i = 0; i < n; i++)
        json_builder_add_int_value(data, number[i]);
    json_builder_end_array(data);
}

gboolean
html_map_add_data(HtmlPage *page, const HtmlRun *run, const MapCaptures *captures, GError **error)
{
    const EntroHistory *heads = run->report->one->evidence->heads;

    json_builder_begin_object(page->data);
    entro_json_string(page->data, "id", run->id);
    add_numbers(page->data, "layers", heads->layer, heads->n_heads);
    add_numbers(page->data, "heads", heads->head, heads->n_heads);
    json_builder_set_member_name(page->data, "steps");
    json_builder_begin_array(page->data);
    for (gsize i = 0; i < captures->n; i++)
        json_builder_add_int_value(page->data, heads->step[captures->position[i]]);
    json_builder_end_array(page->data);
    if (!add_columns(page, run, captures, error))
        return FALSE;
    json_builder_end_object(page->data);
    return TRUE;
}
