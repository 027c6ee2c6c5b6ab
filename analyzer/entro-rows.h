/* entro-rows.h: numbers of single rows, straight from a trace: attention maps of chosen heads, the
 * distribution of row entropy, entropy by query position.
 *
 *     EntroRowOptions options = ENTRO_ROW_OPTIONS_DEFAULT;
 *     g_autoptr(EntroRowSet) set = entro_row_set_read(source, &options, &error);
 *     g_autoptr(EntroQueryProfile) profile =
 *         entro_rows_by_query(set, (EntroHeadChoice){3, 0}, ENTRO_ROW_ENTROPY, &error);
 *
 * Of one capture at a time.  Rows are decoded, judged and measured as by entro_run_next(): the numbers
 * belong to those in the database.  Entropies are in nats. */
#ifndef ENTRO_ANALYZER_ROWS_H
#define ENTRO_ANALYZER_ROWS_H

#include "entro-analyzer.h"

G_BEGIN_DECLS

/* The first class that fits. */
typedef enum {
    ENTRO_ROW_VALID,
    ENTRO_ROW_NAN,     /* a weight is NaN or Inf */
    ENTRO_ROW_MASKED,  /* its query is padding, no key is allowed, or all weights are 0 */
    ENTRO_ROW_OFF_SUM, /* does not sum to 1, or has weight where none is allowed */
    ENTRO_N_ROW_CLASSES
} EntroRowClass;

/* ---- which rows -------------------------------------------------------------------------------- */

#define ENTRO_ALL (-1)

/* A head by its numbers: `layer` is the i of /layers/<i>.  ENTRO_ALL: every one. */
typedef struct {
    gint64 layer, head;
} EntroHeadChoice;

#define ENTRO_ROWS_LAST_STEP G_MAXINT64
#define ENTRO_ROWS_MEMORY    (256u << 20)
#define ENTRO_MAP_SIDE       512

typedef struct {
    gint64 step;                  /* ENTRO_ROWS_LAST_STEP: the last capture */
    guint attempt;                /* 0: the last one that has this step */
    gint64 sample;                /* ENTRO_ALL */
    const EntroHeadChoice *heads; /* NULL: all; twice the same head is once */
    guint n_heads;
    double tolerance; /* as in EntroRunOptions */
    gsize memory;     /* bytes that the result may take */
    gsize side;       /* of a map: most cells along queries and along keys */
} EntroRowOptions;

#define ENTRO_ROW_OPTIONS_DEFAULT                                                                  \
    ((EntroRowOptions){.step = ENTRO_ROWS_LAST_STEP,                                               \
                       .sample = ENTRO_ALL,                                                        \
                       .tolerance = NAN,                                                           \
                       .memory = ENTRO_ROWS_MEMORY,                                                \
                       .side = ENTRO_MAP_SIDE})

/* What was read, and what was not. */
typedef struct {
    gsize position; /* of the capture along /step */
    gint64 step;
    guint attempt;
    gint64 sample;       /* ENTRO_ALL: all of them */
    char *causal_note;   /* as entro_run_get_causal_note() */
    GPtrArray *problems; /* char *: a layer that cannot be read has no rows; one sentence each */
} EntroRowOrigin;

/* In all that read: NOT_FOUND: no such step, attempt, sample, layer or head.  LIMIT: the rows do not fit
 * into options->memory.  DATA: none of the layers can be read.  They move the walk of the source:
 * entro_source_select() begins it again. */

/* ---- attention maps ---------------------------------------------------------------------------- */

typedef enum {
    ENTRO_MAP_ABSENT,    /* no query of the cell may attend to any of its keys */
    ENTRO_MAP_UNDEFINED, /* they may, but no such row is valid */
    ENTRO_MAP_VALUE
} EntroMapState;

/* Mean weights of one head.  A cell is the mean over its pairs of a valid row and a key that is allowed
 * there, of all samples that were read; of long rows it stands for several queries and keys. */
typedef struct {
    guint layer, head;
    gsize n_samples;                       /* that it is the mean of */
    gsize n_queries, n_keys;               /* of the trace */
    gsize queries_per_cell, keys_per_cell; /* the last cells may have fewer */
    gsize n_rows, n_columns;               /* cells: along queries, along keys */
    gint64 *row_query; /* [n_rows] position among the keys of a cell's first query */
    gsize (*row_count)[ENTRO_N_ROW_CLASSES]; /* [n_rows] rows of each class */
    double *weight;                          /* [n_rows][n_columns]; NaN where there is no value */
    guint8 *state;                           /* [n_rows][n_columns] EntroMapState */
} EntroHeadMap;

typedef struct {
    EntroRowOrigin origin;
    guint n;
    EntroHeadMap *map; /* [n] ascending (layer, head) */
} EntroHeadMaps;

ENTRO_API EntroHeadMaps *entro_head_maps_read(EntroSource *source, const EntroRowOptions *options,
                                              GError **error);
ENTRO_API void entro_head_maps_free(EntroHeadMaps *maps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroHeadMaps, entro_head_maps_free)

/* ---- row entropies ------------------------------------------------------------------------------- */

typedef struct {
    double entropy; /* NaN of a row that is not valid */
    double norm;    /* entropy / ln n_keys; NaN also where n_keys < 2 */
    gint64 query;   /* position among the keys; below 0 for the first of more queries than keys */
    guint layer, head;
    guint32 sample;
    guint32 n_keys; /* that are allowed; 0 of a row that is not valid */
    EntroRowClass class_;
} EntroRowValue;

typedef struct {
    EntroRowOrigin origin;
    gsize n;
    EntroRowValue *row; /* [n] ascending (layer, head, sample, query) */
    gsize most_keys;    /* of the layers in it: no row exceeds its ln */
} EntroRowSet;

ENTRO_API EntroRowSet *entro_row_set_read(EntroSource *source, const EntroRowOptions *options,
                                          GError **error);
ENTRO_API void entro_row_set_free(EntroRowSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRowSet, entro_row_set_free)

typedef enum {
    ENTRO_ROW_ENTROPY,
    ENTRO_ROW_NORM, /* rows with fewer than two allowed keys have none */
} EntroRowQuantity;

typedef struct {
    double low, high;
    gsize n_bins;
    double *edge;                       /* [n_bins + 1] */
    gsize *count;                       /* [n_bins]; the last bin includes `high` */
    gsize n_below, n_above;             /* outside */
    gsize n_without;                    /* valid rows without the quantity */
    gsize n_class[ENTRO_N_ROW_CLASSES]; /* all rows */
} EntroRowHistogram;

/* `low` and `high` NaN: 0 and the most that is possible (ln most_keys, or 1). */
ENTRO_API EntroRowHistogram *entro_rows_histogram(const EntroRowSet *set, EntroHeadChoice choice,
                                                  EntroRowQuantity quantity, gsize n_bins,
                                                  double low, double high, GError **error);
ENTRO_API void entro_row_histogram_free(EntroRowHistogram *histogram);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroRowHistogram, entro_row_histogram_free)

/* One query position; NaN without a row that has the quantity. */
typedef struct {
    gint64 query;
    gsize n, n_class[ENTRO_N_ROW_CLASSES]; /* n: rows with the quantity */
    double mean, low, median, high;        /* quartiles, interpolated as GSL does */
    double ceiling;                        /* mean of ln n_keys over these rows; 1 of the norm */
} EntroQueryPoint;

typedef struct {
    gsize n;
    EntroQueryPoint *point; /* [n] ascending query */
} EntroQueryProfile;

ENTRO_API EntroQueryProfile *entro_rows_by_query(const EntroRowSet *set, EntroHeadChoice choice,
                                                 EntroRowQuantity quantity, GError **error);
ENTRO_API void entro_query_profile_free(EntroQueryProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroQueryProfile, entro_query_profile_free)

G_END_DECLS

#endif
