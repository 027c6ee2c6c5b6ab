/* report-html.c: the report as one HTML file that needs nothing else: no server, no network, no script
 * to be read.
 *
 * Style and script are cli/html/report.css and report.js, built in as resources.  The policy in the
 * head lets the browser run that very script (its hash) and load nothing; styles stand in the figures
 * themselves, so they are allowed inline. */
#include "html-map.h"

#include <gio/gio.h>
#include <string.h>

#define TITLE_MOST 120 /* characters */

/* ---- the page ----------------------------------------------------------------------------------- */

static gboolean
shares_name(const EntroRunReport *const *reports, guint n, guint i)
{
    for (guint k = 0; k < n; k++)
        if (k != i && g_str_equal(reports[k]->one->run->name, reports[i]->one->run->name))
            return TRUE;
    return FALSE;
}

static void
page_init(HtmlPage *page, const EntroRunReport *const *reports, guint n)
{
    page->n_runs = n;
    page->run = g_new0(HtmlRun, n);
    page->info = g_new0(const EntroRunInfo *, n);
    page->out = g_string_new(NULL);
    page->data = json_builder_new();
    page->scale = NAN;
    for (guint i = 0; i < n; i++) {
        const EntroRunInfo *info = reports[i]->one->run;
        g_autofree char *name = entro_printable(info->name, -1);
        page->info[i] = info;
        page->run[i] = (HtmlRun){reports[i], g_strdup_printf("run%u", i + 1),
                                 shares_name(reports, n, i)
                                     ? g_strdup_printf("%s #%" G_GINT64_FORMAT, name, info->id)
                                     : g_steal_pointer(&name)};
    }
}

static void
page_clear(HtmlPage *page)
{
    for (guint i = 0; i < page->n_runs; i++) {
        g_free(page->run[i].id);
        g_free(page->run[i].label);
    }
    g_free(page->run);
    g_free(page->info);
    g_string_free(page->out, TRUE);
    g_object_unref(page->data);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HtmlPage, page_clear)

/* All maps have one scale, or colours of two runs could not be compared. */
static void
find_scale(HtmlPage *page)
{
    for (guint i = 0; i < page->n_runs; i++) {
        const EntroHistory *heads = page->run[i].report->one->evidence->heads;
        for (gsize k = 0; k < heads->n_steps * heads->n_heads; k++)
            if (isfinite(heads->value[ENTRO_EVIDENCE_CEILING][k]))
                page->scale = fmax(page->scale, heads->value[ENTRO_EVIDENCE_CEILING][k]);
    }
}

/* ---- the frame ------------------------------------------------------------------------------------ */

static GBytes *
load(const char *name)
{
    g_autofree char *path = g_strconcat("/entroscope/", name, NULL);
    GBytes *bytes = g_resources_lookup_data(path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

    g_assert(bytes != NULL); /* built in */
    return bytes;
}

static void
append_bytes(GString *out, GBytes *bytes)
{
    gsize n;
    const char *text = g_bytes_get_data(bytes, &n);

    g_string_append_len(out, text, (gssize)n);
}

static char *
hash_of(GBytes *bytes)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize length = sizeof digest, n;
    const guchar *text = g_bytes_get_data(bytes, &n);

    g_checksum_update(sum, text, (gssize)n);
    g_checksum_get_digest(sum, digest, &length);
    return g_base64_encode(digest, length);
}

static char *
make_title(const HtmlPage *page)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < page->n_runs; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", page->run[i].label);
    return entro_shorten(names->str, TITLE_MOST);
}

static void
begin_page(HtmlPage *page, GBytes *script)
{
    g_autoptr(GBytes) style = load("report.css");
    g_autofree char *hash = hash_of(script);
    g_autofree char *title = make_title(page);

    html_printf(page->out,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "script-src 'sha256-%s'; style-src 'unsafe-inline'; img-src data:; base-uri "
                "'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"referrer\" content=\"no-referrer\">\n"
                "<meta name=\"generator\" content=\"entroscope %s\">\n"
                "<link rel=\"icon\" href=\"data:,\">\n"
                "<title>%s – attention entropy</title>\n<style>\n",
                hash, ENTRO_VERSION, title);
    append_bytes(page->out, style);
    html_printf(page->out,
                "</style>\n</head>\n<body>\n<header>\n<p class=\"kind\">Attention entropy</p>\n"
                "<h1><bdi>%s</bdi></h1>\n</header>\n",
                title);
}

/* One row a section that a reader may want to go to. */
static void
add_navigation(HtmlPage *page)
{
    static const char *const sections[][2] = {
        {"summary", "Summary"},
        {"findings", "Findings"},
        {"curves", "Curves"},
        {"heads", "Heads"},
        {"bands", "Bands"},
        {"comparison", "Comparison"},
        {"configuration", "Configuration"},
        {"definitions", "Definitions"},
        {"origin", "How this was made"},
    };

    g_string_append(page->out, "<nav aria-label=\"Sections\"><ul>");
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++)
        if (page->n_runs > 1 || !g_str_equal(sections[i][0], "comparison"))
            html_printf(page->out, "<li><a href=\"#%s\">%s</a></li>", sections[i][0],
                        sections[i][1]);
    g_string_append(page->out, "</ul></nav>\n<main>\n");
}

/* The colours first, so that script and figure have the same. */
static void
begin_data(HtmlPage *page)
{
    JsonBuilder *data = page->data;

    json_builder_begin_object(data);
    entro_json_real(data, "scale", page->scale);
    entro_json_string(data, "digits", html_map_digits());
    json_builder_set_member_name(data, "colours");
    json_builder_begin_array(data);
    for (guint i = 0; i < MAP_COLOURS; i++) {
        char colour[8];
        html_map_colour(i, colour);
        json_builder_add_string_value(data, colour);
    }
    json_builder_end_array(data);
    json_builder_set_member_name(data, "runs");
    json_builder_begin_array(data);
}

static void
end_page(HtmlPage *page, GBytes *script)
{
    json_builder_end_array(page->data);
    json_builder_end_object(page->data);
    g_autofree char *json = html_script_json(page->data);

    g_string_append(page->out, "</main>\n<script type=\"application/json\" id=\"data\">");
    g_string_append(page->out, json);
    g_string_append(page->out, "</script>\n<script>");
    append_bytes(page->out, script);
    g_string_append(page->out, "</script>\n</body>\n</html>\n");
}

/* ---- all --------------------------------------------------------------------------------------------- */

static gboolean
make_page(HtmlPage *page, GError **error)
{
    g_autoptr(GBytes) script = load("report.js");

    find_scale(page);
    begin_page(page, script);
    add_navigation(page);
    begin_data(page);
    html_add_summary(page);
    html_add_findings(page);
    if (!html_add_curves(page, error) || !html_add_maps(page, error) ||
        !html_add_bands(page, error) || !html_add_comparison(page, error) ||
        !html_add_config(page, error) || !html_add_definitions(page, error))
        return FALSE;
    html_add_origin(page);
    end_page(page, script);
    return TRUE;
}

static gboolean
write_page(const char *path, const GString *text, GError **error)
{
    g_auto(EntroOutput) output = {0};

    return entro_output_open(&output, path, error) &&
           entro_output_write(&output, text->str, text->len, error) &&
           entro_output_commit(&output, error);
}

gboolean
entro_report_html(EntroStore *store, const EntroRunReport *const *reports, guint n,
                  const EntroHtmlOptions *options, GError **error)
{
    g_auto(HtmlPage) page = {.store = store, .options = options};

    page_init(&page, reports, n);
    if (!make_page(&page, error) || !write_page(options->path, page.out, error))
        return FALSE;
    g_autofree char *runs = html_count(n, "run");
    g_autofree char *size = entro_format_bytes(page.out->len);
    entro_say("%s: %s, %s", options->path, runs, size);
    return TRUE;
}
