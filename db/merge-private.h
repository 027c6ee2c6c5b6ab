/* merge-private.h: what is copied from one database into another (merge-tables.c), for those that
 * decide whether it is (merge.c). */
#ifndef ENTRO_MERGE_PRIVATE_H
#define ENTRO_MERGE_PRIVATE_H

#include "db-private.h"

/* A table whose rows belong to runs, in both databases. */
typedef struct {
    char *name;
    GPtrArray *columns; /* that both have; without run_id and the numbers that each file gives */
    GPtrArray *keys;    /* of the columns: with run_id they are the key; none: rows have no key */
    gboolean by_step;   /* the first of them is the training step of a capture */
    gboolean as_one;    /* the rows of a run together say something of all its captures: findings */
    gboolean judged;    /* findings follow from its rows: all but findings themselves and tags */
} EntroMergeTable;

void entro_merge_table_free(EntroMergeTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroMergeTable, entro_merge_table_free)

/* Of `name` in both; *ret_table is NULL when the source is too old to have it.  Columns that only
 * the source has are added to the target, which is in a transaction. */
gboolean entro_merge_table_new(EntroStore *target, EntroStore *source, const char *name,
                               EntroMergeTable **ret_table, GError **error);
/* Every table of the target that refers to runs, as in entro_merge_table_new(). */
GPtrArray *entro_merge_tables(EntroStore *target, EntroStore *source, GError **error);

/* Rows of run `from` become rows of run `to`, those of `steps` (gint64) alone if it is given; a row
 * whose key is there already stays as it is.  *n_rows grows by the number of new rows. */
gboolean entro_merge_copy(EntroStore *target, EntroStore *source, const EntroMergeTable *table,
                          gint64 from, gint64 to, const GArray *steps, gint64 *n_rows,
                          GError **error);
/* Whether the run `to` of the target has exactly the rows of run `from`. */
gboolean entro_merge_same_rows(EntroStore *target, EntroStore *source, const EntroMergeTable *table,
                               gint64 from, gint64 to, gboolean *ret_same, GError **error);
/* The row of `runs` itself, under another name; `id` 0: the next free one. */
gboolean entro_merge_copy_run(EntroStore *target, EntroStore *source, gint64 from, gint64 id,
                              const char *name, const char *trace_name, GError **error);

/* Always FALSE: the failure is the source's. */
gboolean entro_merge_blame_source(GError **error);

#endif
