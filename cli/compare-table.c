/* compare-table.c: tables of text for a terminal, and the cells that those of `compare` share. */
#include "compare-table.h"

#include <stdio.h>
#include <string.h>

#define LABEL_MOST 28 /* characters of a group's name */

/* ---- tables ----------------------------------------------------------------------------------------- */

void
table_clear(Table *table)
{
    g_ptr_array_unref(table->rows);
}

Table
table_new(void)
{
    return (Table){g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev)};
}

GPtrArray *
table_begin_row(void)
{
    return g_ptr_array_new();
}

void
table_end_row(Table *table, GPtrArray *row)
{
    g_ptr_array_add(row, NULL);
    g_ptr_array_add(table->rows, g_ptr_array_free(row, FALSE));
}

static glong
find_width(const Table *table, guint column)
{
    glong width = 0;

    for (guint i = 0; i < table->rows->len; i++) {
        char **row = table->rows->pdata[i];
        if (g_strv_length(row) > column)
            width = MAX(width, g_utf8_strlen(row[column], -1));
    }
    return width;
}

static void
print_row(char **row, const glong *width)
{
    g_autoptr(GString) line = g_string_new(NULL);

    for (guint column = 0; row[column] != NULL; column++) {
        int space = (int)(width[column] - g_utf8_strlen(row[column], -1));
        if (column == 0)
            g_string_append_printf(line, "%s%*s", row[column], space, "");
        else
            g_string_append_printf(line, "  %*s%s", space, "", row[column]);
    }
    g_strchomp(line->str);
    printf("  %s\n", line->str);
}

void
table_print(const Table *table)
{
    guint n_columns = 0;

    for (guint i = 0; i < table->rows->len; i++)
        n_columns = MAX(n_columns, g_strv_length(table->rows->pdata[i]));
    g_autofree glong *width = g_new(glong, n_columns + 1);
    for (guint column = 0; column < n_columns; column++)
        width[column] = find_width(table, column);
    for (guint i = 0; i < table->rows->len; i++)
        print_row(table->rows->pdata[i], width);
}

/* ---- cells ------------------------------------------------------------------------------------------- */

char *
compare_format_label(const CompareReport *report, guint group)
{
    const EntroRunGroup *of = report->selection->groups->pdata[group];
    /* a run may be named "1e3"; as a value that is 1000 */
    g_autofree char *whole = report->request->by != NULL ? compare_format_value(of->label)
                                                         : entro_printable(of->label, -1);

    return entro_shorten(whole, LABEL_MOST);
}

char *
compare_format_row(const EntroComparedRow *row)
{
    if (row->name != NULL)
        return g_strdup(row->name);
    if (row->head < 0)
        return g_strdup_printf("layer %" G_GINT64_FORMAT, row->layer);
    return g_strdup_printf("layer %" G_GINT64_FORMAT " head %" G_GINT64_FORMAT, row->layer,
                           row->head);
}

char *
compare_format_number(const char *format, double value)
{
    char text[64];

    if (isnan(value))
        return g_strdup("-");
    if (fabs(value) >= 1e7) /* decimals would say more than is known, and fill the line */
        format = strchr(format, '+') != NULL ? "%+.4g" : "%.5g";
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    return g_strdup(g_ascii_formatd(text, sizeof text, format, value));
    G_GNUC_END_IGNORE_DEPRECATIONS
}
