/* report-html.h: what the files of the page share: report-html.c has the frame, html-text.c the text,
 * html-*.c one section each.
 *
 * Names, paths and whatever else others wrote goes through html_text(): made printable first (no
 * control characters, valid UTF-8, no bidi controls), then escaped. */
#ifndef ENTRO_REPORT_HTML_H
#define ENTRO_REPORT_HTML_H

#include "report.h"

typedef struct {
    const char *path; /* of the file */
    const char *db;
    const char *command; /* as it was given, quoted for a shell */
} EntroHtmlOptions;

/* Writes the page; `reports` are of different runs. */
gboolean entro_report_html(EntroStore *store, const EntroRunReport *const *reports, guint n,
                           const EntroHtmlOptions *options, GError **error);

/* ---- the page -------------------------------------------------------------------------------- */

typedef struct {
    const EntroRunReport *report; /* borrowed */
    char *id;                     /* "run1": before every id of it */
    char *label;                  /* its name, with #ID where another has that too; printable */
} HtmlRun;

typedef struct {
    EntroStore *store;
    const EntroHtmlOptions *options;
    guint n_runs;
    HtmlRun *run;              /* [n_runs] */
    const EntroRunInfo **info; /* [n_runs] as views take them */
    double scale;              /* largest ceiling of all runs: 1 on the maps; NaN: none has one */
    GString *out;
    JsonBuilder *data; /* what the script reads: an array of runs, open */
} HtmlPage;

/* Sections; each begins with its heading. */
void html_add_summary(HtmlPage *page);
void html_add_findings(HtmlPage *page);
gboolean html_add_curves(HtmlPage *page, GError **error);
gboolean html_add_maps(HtmlPage *page, GError **error);
gboolean html_add_bands(HtmlPage *page, GError **error);
gboolean html_add_comparison(HtmlPage *page, GError **error); /* of several runs */
gboolean html_add_config(HtmlPage *page, GError **error);
gboolean html_add_definitions(HtmlPage *page, GError **error);
void html_add_origin(HtmlPage *page);

/* ---- text (html-text.c) ----------------------------------------------------------------------- */

/* Markup; arguments of %s are escaped, and must be printable already. */
void html_printf(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Text that anybody may have written. */
void html_text(GString *out, const char *text);
/* The same within an element without attributes: "td", "dd"; NULL is a dash. */
void html_element(GString *out, const char *element, const char *text);
/* A row of a <dl class="facts">; NULL is a dash: a fact that is not known is said to be so. */
void html_fact(GString *out, const char *name, const char *text);
/* JSON as it may stand in a <script>; NULL from nowhere. */
char *html_script_json(JsonBuilder *builder);
/* "1 capture", "2 captures" */
char *html_count(gsize n, const char *word);

#endif
