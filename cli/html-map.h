/* html-map.h: the map of the heads: html-map.c places it in the page, html-map-svg.c draws it,
 * html-map-data.c has the numbers that the script recolours it by. */
#ifndef ENTRO_HTML_MAP_H
#define ENTRO_HTML_MAP_H

#include "report-html.h"

/* Limits that keep the page small enough to be opened; said in the page where they apply. */
#define MAP_MOST_HEADS    16384 /* of all maps, each head being an element */
#define MAP_MOST_CAPTURES 1000  /* of one run */
#define MAP_MOST_BYTES    12e6  /* of the values of all runs */
#define MAP_KEY_CAPTURES  6     /* drawn small, for print and without script */

/* Colours of the scale: the script has the same. */
enum { MAP_COLOURS = 256 };

/* Which captures of a run are in the page: positions in its history, ascending. */
typedef struct {
    gsize n;
    gsize *position;
} MapCaptures;

/* Evenly spaced, the first and the last among them. */
MapCaptures html_map_choose(gsize n_steps, gsize most);
void html_map_captures_clear(MapCaptures *captures);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MapCaptures, html_map_captures_clear)

/* 0 .. MAP_COLOURS - 1, of a value in 0 .. scale. */
guint html_map_level(double value, double scale);
void html_map_colour(guint level, char ret_colour[8]); /* "#rrggbb" */

/* The map of the capture at `position`, a cell a head in the order of the history. */
void html_map_draw(const HtmlPage *page, const HtmlRun *run, gsize position);
/* The same, small and without cells to point at. */
void html_map_draw_small(const HtmlPage *page, const HtmlRun *run, gsize position);

/* An object of page->data: shape, steps, and each column at the captures. */
gboolean html_map_add_data(HtmlPage *page, const HtmlRun *run, const MapCaptures *captures,
                           GError **error);
const char *html_map_digits(void); /* of the numbers in it */
/* Bytes that one head at one capture takes in it. */
gsize html_map_cost(void);

#endif
