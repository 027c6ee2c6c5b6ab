/* compare-table.h: tables of text for a terminal, and the cells that those of `compare` share. */
#ifndef ENTRO_CLI_COMPARE_TABLE_H
#define ENTRO_CLI_COMPARE_TABLE_H

#include "compare.h"

/* Rows of cells, each a NULL-terminated array; the first column is flushed left. */
typedef struct {
    GPtrArray *rows;
} Table;

Table table_new(void);
void table_clear(Table *table);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Table, table_clear)
/* A row that cells are added to, each taken; table_end_row() takes the row. */
GPtrArray *table_begin_row(void);
void table_end_row(Table *table, GPtrArray *row);
void table_print(const Table *table);

char *compare_format_label(const CompareReport *report, guint group);
char *compare_format_row(const EntroComparedRow *row);         /* "layer 3 head 1" */
char *compare_format_number(const char *format, double value); /* NaN: "-" */

/* Values side by side, with a header (compare-print.c). */
void compare_add_values(const CompareReport *report, Table *table, const EntroComparedRow *rows,
                        gsize n);
/* FALSE, and no table, where no head has an entropy; the heading says what M is. */
gboolean compare_add_bands(const CompareReport *report, Table *table, char **ret_heading);
/* "Entropy (nats) at step 200, ..." */
char *compare_describe_steps(const EntroComparison *comparison);
/* What the columns mean, a sentence or two; empty of single runs. */
char *compare_explain(const CompareReport *report);

/* One group against the first: all columns (compare-contrast.c). */
void compare_add_differences(const CompareReport *report, Table *table, guint group,
                             char **ret_heading);
/* The same and run by run. */
void compare_print_contrast(const CompareReport *report, guint group);

#endif
