/* compare-private.h: what the files of this folder share. */
#ifndef ENTRO_COMPARE_PRIVATE_H
#define ENTRO_COMPARE_PRIVATE_H

#include "entro-compare.h"

#define ENTRO_NO_STEP G_MAXSIZE /* index of a capture that is not there */

/* One layer, or one head of it (head -1: none). */
typedef struct {
    gint64 layer, head;
} EntroPlace;

/* A comparison as it is made. */
typedef struct {
    const EntroRunGroup *const *groups;
    guint n_groups;
    const EntroCompareOptions *options;
    EntroComparison *result;
    gsize **at; /* [groups][runs] index of the capture looked at */
} EntroCompareWork;

static inline const EntroCompareRun *
entro_work_run(const EntroCompareWork *work, guint group, guint i)
{
    return work->groups[group]->runs->pdata[i];
}

/* ---- run-values.c: one run at one of its captures ------------------------------------------------ */

gsize entro_run_find_step(const EntroCompareRun *run, gint64 step);
/* What the run has there at capture `at`; FALSE: the head or layer is not there, else NaN in
 * *ret_value means that it has no valid row.  A layer is the mean of its heads. */
gboolean entro_run_value(const EntroCompareRun *run, gsize at, EntroPlace place, double *ret_value);
/* A run with captures, but without one at the step; NULL: all have it. */
const EntroCompareRun *entro_find_missing(const EntroRunGroup *const *groups, guint n_groups,
                                          gint64 step);
/* Steps that all runs with captures have; gint64, ascending. */
GArray *entro_common_steps(const EntroRunGroup *const *groups, guint n_groups);
/* All that any of the runs has: EntroPlace, ascending; of layers, or of heads. */
GArray *entro_list_places(const GPtrArray *runs, gboolean of_heads);

/* p or q <= alpha, up to rounding: 3 against 3 runs reach exactly 0.1; FALSE for NaN. */
static inline gboolean
entro_reaches(double p, double alpha)
{
    return p <= alpha * (1 + 1e-12);
}

/* ---- rows.c: one quantity over all groups --------------------------------------------------------- */

/* Allocates for the groups. */
void entro_row_init(EntroComparedRow *row, const EntroRunGroup *const *groups, guint n_groups);
void entro_row_clear(EntroComparedRow *row, guint n_groups);
/* From the values and n_runs of the groups: summaries and contrasts, all but q. */
void entro_row_compare(EntroComparedRow *row, const EntroRunGroup *const *groups,
                       const EntroComparedGroup *compared, guint n_groups,
                       const EntroCompareOptions *options);

/* ---- seeds.c, run-bands.c ------------------------------------------------------------------------ */

/* Fills pair, unpaired and repeated of the group. */
void entro_pair_seeds(EntroCompareWork *work, guint group);
/* Fills m and band of all runs, and the ceilings of the comparison. */
void entro_count_bands(const EntroCompareWork *work);

#endif
