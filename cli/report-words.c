/* report-words.c: text in lines of a terminal's width, and what a severity is called. */
#include "report.h"

#define LINE_WIDTH 96
#define INDENT     4

void
entro_report_wrap(GString *out, const char *text)
{
    g_autofree char *shown = entro_printable(text, -1);
    g_auto(GStrv) words = g_strsplit(shown, " ", -1);
    glong column = 0;

    for (char **word = words; *word != NULL; word++) {
        glong width = g_utf8_strlen(*word, -1);

        if (column > INDENT && column + 1 + width > LINE_WIDTH) {
            g_string_append_printf(out, "\n%*s", INDENT, "");
            column = INDENT;
        } else if (column > 0) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append(out, *word);
        column += width;
    }
    g_string_append_c(out, '\n');
}

const char *
entro_report_label(EntroSeverity severity)
{
    static const char *const labels[] = {[ENTRO_SEVERITY_INFO] = "note",
                                         [ENTRO_SEVERITY_WARNING] = "WARNING",
                                         [ENTRO_SEVERITY_CRITICAL] = "CRITICAL"};

    return labels[severity];
}
