/* html-config.c: what the runs were, what the words mean, and how the page was made. */
#include "compare.h"
#include "report-html.h"

#include <string.h>

/* ---- configuration -------------------------------------------------------------------------------- */

#define KEYS_SHOWN 300
#define VALUE_MOST 160 /* characters */

static gboolean
load_configs(const HtmlPage *page, GPtrArray *configs, GError **error)
{
    for (guint i = 0; i < page->n_runs; i++) {
        GHashTable *config = entro_store_select_config(page->store, page->info[i]->id, error);
        if (config == NULL)
            return FALSE;
        compare_add_known(config, page->info[i]);
        g_ptr_array_add(configs, config);
    }
    return TRUE;
}

static gboolean
is_different(const GPtrArray *configs, const char *key)
{
    const char *first = g_hash_table_lookup(configs->pdata[0], key);

    for (guint i = 1; i < configs->len; i++) {
        const char *value = g_hash_table_lookup(configs->pdata[i], key);
        if ((first == NULL) != (value == NULL) ||
            (first != NULL && !entro_config_same(first, value)))
            return TRUE;
    }
    return FALSE;
}

static int
compare_keys(gconstpointer first, gconstpointer second, gpointer configs)
{
    const char *a = *(const char *const *)first, *b = *(const char *const *)second;
    gboolean differs_a = is_different(configs, a), differs_b = is_different(configs, b);

    return differs_a != differs_b ? (differs_a ? -1 : 1) : strcmp(a, b);
}

/* Keys of any of the runs, borrowed: those that differ first, then by name. */
static GPtrArray *
collect_keys(GPtrArray *configs)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *keys = g_ptr_array_new();

    for (guint i = 0; i < configs->len; i++) {
        GHashTableIter iter;
        gpointer key;

        g_hash_table_iter_init(&iter, configs->pdata[i]);
        while (g_hash_table_iter_next(&iter, &key, NULL))
            if (g_hash_table_add(seen, key))
                g_ptr_array_add(keys, key);
    }
    g_ptr_array_sort_with_data(keys, compare_keys, configs);
    return keys;
}

static void
add_value(GString *out, const char *value)
{
    if (value == NULL) {
        g_string_append(out, "<td class=\"text\">–</td>");
        return;
    }
    g_autofree char *shown = compare_format_value(value);
    g_autofree char *cut = entro_shorten(shown, VALUE_MOST);
    html_printf(out, "<td class=\"text\">%s</td>", cut);
}

static void
add_keys(HtmlPage *page, GPtrArray *configs, const GPtrArray *keys)
{
    GString *out = page->out;

    g_string_append(out, "<div class=\"wide\"><table><thead><tr><th scope=\"col\">Key</th>");
    for (guint i = 0; i < page->n_runs; i++)
        html_printf(out, "<th scope=\"col\" class=\"text\"><bdi>%s</bdi></th>", page->run[i].label);
    g_string_append(out, "</tr></thead>\n<tbody>\n");
    for (guint k = 0; k < MIN(keys->len, KEYS_SHOWN); k++) {
        gboolean differs = is_different(configs, keys->pdata[k]);
        html_printf(out, "<tr%s><th scope=\"row\">", differs ? " class=\"differs\"" : "");
        html_text(out, keys->pdata[k]);
        g_string_append(out, "</th>");
        for (guint i = 0; i < configs->len; i++)
            add_value(out, g_hash_table_lookup(configs->pdata[i], keys->pdata[k]));
        g_string_append(out, "</tr>\n");
    }
    g_string_append(out, "</tbody></table></div>\n");
    if (keys->len > KEYS_SHOWN)
        html_printf(out,
                    "<p class=\"note\">%u more keys are in the table "
                    "<code>run_config</code> of the database.</p>\n",
                    keys->len - KEYS_SHOWN);
}

gboolean
html_add_config(HtmlPage *page, GError **error)
{
    g_autoptr(GPtrArray) configs =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);

    if (!load_configs(page, configs, error))
        return FALSE;
    g_autoptr(GPtrArray) keys = collect_keys(configs);
    g_string_append(page->out, "<section id=\"configuration\">\n<h2>Configuration</h2>\n");
    if (page->n_runs > 1 && keys->len > 0)
        g_string_append(page->out, "<p>What differs comes first, and is marked.</p>\n");
    if (keys->len > 0)
        add_keys(page, configs, keys);
    else
        g_string_append(page->out, "<p class=\"absent\">None is stored.</p>\n");
    g_string_append(page->out, "</section>\n");
    return TRUE;
}

/* ---- definitions ------------------------------------------------------------------------------------ */

static const char *
get_text(JsonObject *row, const char *member)
{
    return json_object_get_string_member_with_default(row, member, "");
}

static void
add_metric(GString *out, JsonObject *row)
{
    const char *unit = get_text(row, "unit");
    gboolean of_layer = g_str_has_prefix(get_text(row, "table_name"), "layer");

    g_string_append(out, "<div><dt>");
    html_text(out, get_text(row, "title"));
    g_string_append(out, " <code>");
    html_text(out, get_text(row, "name"));
    g_string_append(out, of_layer ? "</code> of a layer" : "</code>");
    if (*unit != '\0' && !g_str_equal(unit, "1")) {
        g_string_append(out, ", ");
        html_text(out, unit);
    }
    g_string_append(out, "</dt>");
    html_element(out, "dd", get_text(row, "definition"));
    g_string_append(out, "</div>\n");
}

/* As the database itself documents its columns. */
static gboolean
add_metrics(HtmlPage *page, GError **error)
{
    EntroExportOptions options = {.format = ENTRO_EXPORT_JSON};
    g_autoptr(GString) text = g_string_new(NULL);

    if (!entro_store_export(page->store, "metric", &options, text, error))
        return FALSE;
    g_autoptr(JsonNode) node = json_from_string(text->str, error);
    if (node == NULL)
        return FALSE;
    JsonArray *rows = json_node_get_array(node);
    g_string_append(page->out, "<h3>Numbers</h3>\n<dl class=\"definitions\">\n");
    for (guint i = 0; i < json_array_get_length(rows); i++)
        add_metric(page->out, json_array_get_object_element(rows, i));
    g_string_append(page->out, "</dl>\n");
    return TRUE;
}

static void
add_rule(GString *out, const EntroRule *rule, const EntroRuleSetting *setting)
{
    html_printf(out,
                "<tr id=\"rule-%s\"><th scope=\"row\"><code>%s</code><br>%s, %s</th><td "
                "class=\"text\">%s</td><td class=\"text\"><ul>",
                rule->name, rule->name, entro_scope_name(rule->scope),
                entro_severity_name(setting->severity), rule->about);
    for (guint i = 0; rule->parameters[i].name != NULL; i++)
        html_printf(out, "<li><code>%s</code> = %.6g: %s</li>", rule->parameters[i].name,
                    setting->value[i], rule->parameters[i].about);
    g_string_append(out, "</ul></td></tr>\n");
}

static void
add_rules(HtmlPage *page)
{
    const EntroRules *rules = page->run[0].report->rules; /* of the database: the same of all */

    g_string_append(page->out,
                    "<h3>Rules</h3>\n<p>A finding is what one of these rules says, by its "
                    "values here.</p>\n<div class=\"wide\"><table class=\"rules\"><thead><tr><th "
                    "scope=\"col\">Rule</th><th scope=\"col\" class=\"text\">It finds</th><th "
                    "scope=\"col\" class=\"text\">Values</th></tr></thead>\n<tbody>\n");
    for (guint i = 0; i < entro_n_rules(); i++)
        add_rule(page->out, entro_rule(i), &rules->setting[i]);
    g_string_append(page->out, "</tbody></table></div>\n");
}

gboolean
html_add_definitions(HtmlPage *page, GError **error)
{
    g_string_append(page->out, "<section id=\"definitions\">\n<h2>Definitions</h2>\n");
    add_rules(page);
    if (!add_metrics(page, error))
        return FALSE;
    g_string_append(page->out, "</section>\n");
    return TRUE;
}

/* ---- how it was made ---------------------------------------------------------------------------------- */

static void
add_run(GString *out, const HtmlRun *run)
{
    const EntroRunInfo *info = run->report->one->run;
    g_autofree char *id =
        g_strdup_printf("#%" G_GINT64_FORMAT ", attempt %u", info->id, info->attempt);

    html_printf(out, "<h3><bdi>%s</bdi></h3>\n<dl class=\"facts\">\n", run->label);
    html_fact(out, "Run", id);
    html_fact(out, "Trace", info->source);
    html_fact(out, "Fingerprint of the trace", info->fingerprint);
    html_fact(out, "Written by", info->producer);
    html_fact(out, "Analysed", info->created_at);
    html_fact(out, "Analysed by entroscope", info->tool_version);
    html_fact(out, "Judged", run->report->stored ? info->findings_at : "for this page");
    g_string_append(out, "</dl>\n");
}

/* Without a date of its own: the same database makes the same page, byte by byte. */
void
html_add_origin(HtmlPage *page)
{
    g_string_append(page->out, "<section id=\"origin\">\n<h2>How this was made</h2>\n"
                               "<dl class=\"facts\">\n");
    html_fact(page->out, "Program", "entroscope " ENTRO_VERSION);
    html_fact(page->out, "Command", page->options->command);
    html_fact(page->out, "Database", page->options->db);
    g_string_append(page->out, "</dl>\n");
    for (guint i = 0; i < page->n_runs; i++)
        add_run(page->out, &page->run[i]);
    g_string_append(page->out, "</section>\n");
}
