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

/* One group against the first: all columns, and run by run (compare-contrast.c). */
void compare_print_contrast(const CompareReport *report, guint group);

#endif
