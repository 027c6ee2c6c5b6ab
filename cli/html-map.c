/* html-map.c: for each run the map of its heads, with a slider over the captures.
 *
 * What is drawn here is the last capture, and a few small; the script does the rest.  Without it the
 * controls are not shown. */
#include "html-map.h"

enum { SCALE_STRIPS = 64, SCALE_WIDTH = 256 };

/* ---- captures ----------------------------------------------------------------------------------- */

MapCaptures
html_map_choose(gsize n_steps, gsize most)
{
    gsize n = MIN(n_steps, MAX(most, 2));
    MapCaptures captures = {n, g_new(gsize, MAX(n, 1))};

    for (gsize i = 0; i < n; i++) /* n_steps > 1 where n > 1 */
        captures.position[i] = n > 1 ? i * (n_steps - 1) / (n - 1) : 0;
    return captures;
}

void
html_map_captures_clear(MapCaptures *captures)
{
    g_clear_pointer(&captures->position, g_free);
}

/* So many captures of the run fit into its part of the bytes. */
static gsize
count_fitting(const HtmlPage *page, gsize n_heads)
{
    double cost = (double)(n_heads * html_map_cost());

    return (gsize)MIN(MAP_MOST_BYTES / page->n_runs / cost, MAP_MOST_CAPTURES);
}

/* ---- elements ----------------------------------------------------------------------------------- */

static void
add_controls(GString *out, const HtmlRun *run, const MapCaptures *captures)
{
    html_printf(out,
                "<div class=\"controls\">"
                "<label for=\"%s-step\">Step</label>"
                "<button type=\"button\" class=\"back\" aria-label=\"Previous capture\">◀</button>"
                "<input type=\"range\" id=\"%s-step\" min=\"0\" max=\"%" G_GSIZE_FORMAT
                "\" step=\"1\" value=\"%" G_GSIZE_FORMAT "\">"
                "<button type=\"button\" class=\"on\" aria-label=\"Next capture\">▶</button>"
                "<output for=\"%s-step\"></output>"
                "<span class=\"choice\"><label for=\"%s-column\">Colour</label>"
                "<select id=\"%s-column\"></select></span></div>\n",
                run->id, run->id, captures->n - 1, captures->n - 1, run->id, run->id, run->id);
}

/* The colours with the ends in words; the script writes others for other columns. */
static void
add_scale(const HtmlPage *page)
{
    char colour[8];

    g_string_append(page->out, "<p class=\"scale\"><span class=\"low\">0</span> ");
    g_string_append_printf(page->out,
                           "<svg role=\"img\" aria-label=\"Colour scale\" width=\"%d\" "
                           "height=\"12\" shape-rendering=\"crispEdges\"><title>Colour "
                           "scale</title>",
                           SCALE_WIDTH);
    for (guint i = 0; i < SCALE_STRIPS; i++) {
        html_map_colour(i * (MAP_COLOURS - 1) / (SCALE_STRIPS - 1), colour);
        g_string_append_printf(page->out, "<rect x=\"%u\" width=\"%d\" height=\"12\" fill=\"%s\"/>",
                               i * SCALE_WIDTH / SCALE_STRIPS, SCALE_WIDTH / SCALE_STRIPS, colour);
    }
    g_string_append(page->out, "</svg> <span class=\"high\">");
    if (!isnan(page->scale))
        g_string_append_printf(page->out, "%.4g nats", page->scale);
    g_string_append(page->out, "</span> <span class=\"swatch\"></span> no value</p>\n");
}

static void
add_key_captures(HtmlPage *page, const HtmlRun *run)
{
    const EntroHistory *heads = run->report->one->evidence->heads;
    g_auto(MapCaptures) keys = html_map_choose(heads->n_steps, MAP_KEY_CAPTURES);

    if (keys.n < 2)
        return;
    g_string_append(page->out, "<div class=\"keys\">");
    for (gsize i = 0; i < keys.n; i++) {
        g_string_append(page->out, "<figure>");
        html_map_draw_small(page, run, keys.position[i]);
        g_string_append_printf(page->out,
                               "<figcaption>step %" G_GINT64_FORMAT "</figcaption></figure>\n",
                               heads->step[keys.position[i]]);
    }
    g_string_append(page->out, "</div>\n");
}

static void
add_thinned(GString *out, const MapCaptures *captures, gsize n_steps)
{
    if (captures->n < n_steps)
        html_printf(out,
                    "<p class=\"note\">%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                    " captures are in this page, evenly spaced, so that it stays small enough to "
                    "open; the database has all.</p>\n",
                    captures->n, n_steps);
}

static gboolean
add_map(HtmlPage *page, const HtmlRun *run, GError **error)
{
    const EntroHistory *heads = run->report->one->evidence->heads;
    g_auto(MapCaptures) captures =
        html_map_choose(heads->n_steps, count_fitting(page, heads->n_heads));

    html_printf(page->out, "<div class=\"run\" id=\"%s\">\n", run->id);
    add_controls(page->out, run, &captures);
    html_printf(page->out, "<div class=\"beside\"><figure class=\"map\">");
    html_map_draw(page, run, heads->n_steps - 1);
    html_printf(page->out,
                "<figcaption><span class=\"what\">Head entropy</span> at step <span "
                "class=\"at\">%" G_GINT64_FORMAT "</span></figcaption>\n",
                heads->step[heads->n_steps - 1]);
    add_scale(page);
    g_string_append(page->out, "</figure>\n<div class=\"readout\"></div></div>\n");
    add_thinned(page->out, &captures, heads->n_steps);
    add_key_captures(page, run);
    g_string_append(page->out, "</div>\n");
    return html_map_add_data(page, run, &captures, error);
}

/* ---- the section -------------------------------------------------------------------------------- */

/* Why there is no map; NULL: there is one. */
static const char *
find_obstacle(const EntroHistory *heads, gsize n_drawn)
{
    if (heads->n_steps == 0)
        return "No captures are stored.";
    if (heads->n_heads == 0)
        return "No head could be read in any capture.";
    if (n_drawn + heads->n_heads > MAP_MOST_HEADS)
        return "Too many heads for a page; `plot headwise-entropy` draws them.";
    return NULL;
}

gboolean
html_add_maps(HtmlPage *page, GError **error)
{
    gsize n_drawn = 0;

    g_string_append(
        page->out,
        "<section id=\"heads\">\n<h2>Heads</h2>\n"
        "<p>One cell a head, coloured by its mean entropy; all maps have one scale, to the largest "
        "possible entropy.<span class=\"controls\"> Point at a cell, or go there with Tab and the "
        "arrow keys, for its numbers; Page Up and Page Down go from capture to "
        "capture.</span></p>\n");
    if (page->n_runs > 1)
        g_string_append(page->out, "<p class=\"controls\"><label><input type=\"checkbox\" "
                                   "id=\"together\"> Move all runs to the same step</label></p>\n");
    for (guint i = 0; i < page->n_runs; i++) {
        const EntroHistory *heads = page->run[i].report->one->evidence->heads;
        const char *obstacle = find_obstacle(heads, n_drawn);

        html_printf(page->out, "<h3><bdi>%s</bdi></h3>\n", page->run[i].label);
        if (obstacle != NULL)
            html_printf(page->out, "<p class=\"absent\">%s</p>\n", obstacle);
        else if (!add_map(page, &page->run[i], error))
            return FALSE;
        n_drawn += obstacle == NULL ? heads->n_heads : 0;
    }
    g_string_append(page->out, "</section>\n");
    return TRUE;
}
