/* fuzz-names.c: one hostile name through everything that shows or stores it.
 *
 * A terminal, a spreadsheet, a browser and SQL must each take it for text, and the database must give
 * it back byte by byte. */
#include "db-private.h"
#include "figure-private.h"
#include "fuzz.h"
#include "../../cli/report-html.h" /* the build makes another of that name */

#include <json-glib/json-glib.h>
#include <string.h>

enum { LONGEST = 2000 };

/* ---- terminal ------------------------------------------------------------------------------------ */

static void
check_terminal(const char *name)
{
    g_autofree char *shown = entro_printable(name, -1);
    g_autofree char *again = entro_printable(shown, -1);
    g_autofree char *quoted = entro_quote_name(name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    fuzz_check_harmless(shown);
    g_assert_cmpstr(shown, ==, again);
    fuzz_check_harmless(quoted);
    g_assert_cmpuint(strlen(quoted), <=, 120 + strlen("''..."));
    for (gsize i = 0; i < 3; i++)
        g_ptr_array_add(names, (gpointer)(name + i * strlen(name) / 3));
    g_autofree char *closest = entro_quote_closest(name, names);
    fuzz_check_harmless(closest);
}

/* ---- spreadsheets and JSON --------------------------------------------------------------------------- */

/* Spaces and U+00A0 aside, the line begins like a formula. */
static gboolean
is_formula(const char *line)
{
    while (*line == ' ' || g_str_has_prefix(line, "\302\240"))
        line += *line == ' ' ? 1 : 2;
    return *line != '\0' && strchr("=+-@\t\r", *line) != NULL;
}

/* One field, as RFC 4180 reads it; moves *at behind it and its separator. */
static char *
read_field(const char **at, gboolean *ret_last)
{
    GString *field = g_string_new(NULL);
    const char *p = *at;

    if (*p == '"') {
        for (p++; *p != '"' || p[1] == '"'; p++) {
            g_assert_true(*p != '\0');
            g_string_append_c(field, *p);
            p += *p == '"';
        }
        p++;
    } else
        for (; *p != '\0' && *p != ',' && *p != '\n'; p++) {
            g_assert_true(*p != '"' && *p != '\r');
            g_string_append_c(field, *p);
        }
    g_assert_true(*p == ',' || *p == '\n' || *p == '\0');
    *ret_last = *p != ',';
    *at = p + (*p != '\0');
    return g_string_free(field, FALSE);
}

static void
check_csv(const char *name)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    gboolean last = FALSE;

    entro_csv_append_text(out, name, strlen(name), FALSE);
    const char *at = out->str;
    g_autofree char *field = read_field(&at, &last);
    g_assert_true(last && *at == '\0');
    gboolean is_number = *name != '\0' && strspn(name, "0123456789.eE+-") == strlen(name);
    for (const char *line = field; line != NULL && !is_number;) {
        g_assert_false(is_formula(line));
        line = strpbrk(line, "\r\n");
        if (line != NULL)
            line++;
    }
    /* nothing but the guards was added */
    const char *from = valid;
    for (const char *to = field; *to != '\0'; to++)
        from += *to == *from;
    g_assert_true(*from == '\0');
}

static void
check_json(const char *name)
{
    g_autoptr(GString) out = g_string_new("[");
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) error = NULL;

    entro_json_append_text(out, name, strlen(name));
    g_string_append_c(out, ']');
    fuzz_check_harmless(out->str);
    json_parser_load_from_data(parser, out->str, (gssize)out->len, &error);
    g_assert_no_error(error);
    JsonArray *array = json_node_get_array(json_parser_get_root(parser));
    g_assert_cmpuint(json_array_get_length(array), ==, 1);
    g_assert_cmpstr(json_array_get_string_element(array, 0), ==, valid);
}

/* ---- markup ------------------------------------------------------------------------------------- */

typedef struct {
    guint n_elements;
    GString *text;
} Markup;

static void
on_element(GMarkupParseContext *context, const char *element, const char **names,
           const char **values, gpointer data, GError **error)
{
    (void)context;
    (void)element;
    (void)names;
    (void)values;
    (void)error;
    ((Markup *)data)->n_elements++;
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
    (void)context;
    (void)error;
    g_string_append_len(((Markup *)data)->text, text, (gssize)length);
}

/* Elements of a document; its text is appended to `text`. */
static guint
parse_markup(const GString *document, GString *text)
{
    static const GMarkupParser parser = {.start_element = on_element, .text = on_text};
    Markup markup = {0, text};
    g_autoptr(GError) error = NULL;
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &markup, NULL);

    g_markup_parse_context_parse(context, document->str, (gssize)document->len, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
    g_markup_parse_context_free(context);
    return markup.n_elements;
}

static void
check_html(const char *name)
{
    g_autoptr(GString) out = g_string_new(NULL), text = g_string_new(NULL);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autofree char *shown = entro_printable(name, -1);

    html_element(out, "td", name);
    g_assert_cmpuint(parse_markup(out, text), ==, 1);
    g_assert_cmpstr(text->str, ==, shown);

    json_builder_begin_array(builder);
    json_builder_add_string_value(builder, shown);
    json_builder_end_array(builder);
    g_autofree char *script = html_script_json(builder);
    g_assert_null(strpbrk(script, "<>&"));
    g_assert_null(strstr(script, "\u2028"));
    g_assert_null(strstr(script, "\u2029"));
}

static guint
draw(const char *name, GString *text)
{
    const EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    g_autoptr(EntroFigure) figure = entro_figure_new(&options, NULL);
    g_autoptr(GString) svg = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    EntroTextStyle style = entro_style_title(figure);

    style.max_width = 200;
    figure->width = figure->height = 300;
    entro_figure_add_about(figure, name);
    entro_figure_add_text(figure, ENTRO_ROLE_TITLE, 10, 10, 0, 0, name, &style);
    entro_figure_print_svg(figure, "", svg, &error);
    g_assert_no_error(error);
    return parse_markup(svg, text);
}

static void
check_svg(const char *name)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *plain = g_strdup(name);

    /* as many letters of Latin: what else would change is where a line is cut */
    for (char *at = plain; *at != '\0'; at++)
        *at = 'x';
    if (*plain == '\0')
        return;
    g_assert_cmpuint(draw(name, text), <=, draw(plain, text));
    g_assert_true(g_utf8_validate(text->str, -1, NULL));
}

/* ---- SQL ------------------------------------------------------------------------------------------ */

static gint64
count_schema(EntroStore *store)
{
    g_autoptr(sqlite3_stmt) stmt =
        entro_sql_prepare(store, "SELECT count(*) + sum(length(sql)) FROM sqlite_schema", NULL);
    gint64 count = -1;

    g_assert_true(entro_sql_get_int(store, stmt, -1, &count, NULL));
    return count;
}

static gint64
put_run(EntroStore *store, char *name)
{
    EntroRunInfo info = {.name = name,
                         .attempt = 1,
                         .source = name,
                         .fingerprint = name,
                         .open_mode = name,
                         .arch = name,
                         .producer = name,
                         .tool_version = "0"};
    EntroConfigEntry config = {name, name};
    const EntroTrace trace = {.n_config = 1, .config = &config};
    g_autoptr(GError) error = NULL;
    gint64 run_id = 0;

    entro_store_begin_run(store, &info, FALSE, &run_id, &error);
    g_assert_no_error(error);
    entro_store_put_trace(store, run_id, &trace, 1, &error);
    g_assert_no_error(error);
    return run_id;
}

/* Every record has as many fields as the first. */
static void
check_export(EntroStore *store, const char *table)
{
    const EntroExportOptions csv = {.format = ENTRO_EXPORT_CSV};
    const EntroExportOptions json = {.format = ENTRO_EXPORT_JSON};
    g_autoptr(GString) out = g_string_new(NULL), objects = g_string_new(NULL);
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) error = NULL;
    guint n_first = 0, n = 0;

    g_assert_true(entro_store_export(store, table, &csv, out, &error));
    for (const char *at = out->str; *at != '\0';) {
        gboolean last = FALSE;
        g_free(read_field(&at, &last));
        n++;
        if (!last)
            continue;
        g_assert_true(n_first == 0 || n == n_first);
        n_first = n;
        n = 0;
    }
    g_assert_true(entro_store_export(store, table, &json, objects, &error));
    g_assert_true(json_parser_load_from_data(parser, objects->str, (gssize)objects->len, &error));
}

static void
check_sql(char *name)
{
    static EntroStore *store = NULL;
    g_autofree char *value = NULL;

    if (store == NULL) {
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 512, 2000); /* see fuzz-database.c */
        store = entro_store_open_memory("memory", NULL);
    }
    const gint64 schema = count_schema(store), run_id = put_run(store, name);
    g_autoptr(GPtrArray) runs = entro_store_list_runs(store, NULL);
    g_assert_cmpuint(runs->len, ==, 1);
    const EntroRunInfo *info = runs->pdata[0];
    g_assert_cmpstr(info->name, ==, name);
    g_assert_cmpstr(info->producer, ==, name);
    g_assert_true(entro_store_get_config(store, run_id, name, &value, NULL));
    g_assert_cmpstr(value, ==, name);
    check_export(store,
                 fuzz_choose((const uint8_t *)name, strlen(name), 2) ? "runs" : "run_config");
    const EntroRunInfo *all[] = {info};
    g_assert_true(entro_store_delete_runs(store, all, 1, NULL));
    g_assert_cmpint(count_schema(store), ==, schema);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *name = g_strndup((const char *)data, MIN(size, LONGEST));

    check_terminal(name);
    check_csv(name);
    check_json(name);
    check_html(name);
    check_svg(name);
    check_sql(name);
    return 0;
}
