/* query-rows.h: rows of a layer that stores queries and keys: from a tile to EntroRow. */
#ifndef ENTRO_QUERY_ROWS_H
#define ENTRO_QUERY_ROWS_H

#include "../analyzer-private.h"
#include "logit-rows.h"

/* Memory of one worker, and where it stands. */
typedef struct {
    EntroLogitHead head;
    float *keys;         /* [most keys x head_dim] of one head */
    float *queries;      /* [ENTRO_LOGIT_ROWS][most head_dim], multiplied by scale / temperature */
    float *row;          /* [most head_dim], aligned */
    float *tile;         /* [ENTRO_LOGIT_TILE] */
    float *weights;      /* [weight_rows][most keys] */
    EntroKeyRun *runs;   /* [most keys] */
    EntroLogitRow *rows; /* [ENTRO_LOGIT_ROWS] */
    gsize most_keys, n_rows;
    guint64 keys_hash;
    struct { /* whose keys they are */
        gboolean valid;
        guint layer, key_head;
        gsize capture, sample;
    } at;
} EntroQueries;

/* Which rows of a tile: of one head of one sample of one capture, counted from the tile's corner. */
typedef struct {
    const EntroTileRows *rows;
    const EntroTile *tile;
    const EntroLayer *layer;
    const EntroRowRule *rule;
    const EntroKeys *keys;
    gsize capture, sample;
    guint head;
    const float *temperature; /* [layer->n_queries], or NULL */
    gboolean logits;          /* asked for */
} EntroQueryPlace;

typedef struct {
    EntroRowClass class_;
    EntroRow row; /* of a valid row */
    guint64 hash; /* of the query */
} EntroQueryRow;

/* For all layers of queries that the trace has; nothing is taken without one. */
gboolean entro_queries_init(EntroQueries *queries, const EntroTrace *trace);
void entro_queries_clear(EntroQueries *queries);
gsize entro_queries_get_memory(const EntroTrace *trace);

/* Reads the keys of the place, unless they are there.  FALSE as entro_tile_rows_read(). */
gboolean entro_queries_begin(EntroQueries *queries, EntroTileRows *rows, EntroTile *tile,
                             const EntroQueryPlace *place);
/* n <= ENTRO_LOGIT_ROWS rows from `query`, counted from the tile's corner. */
void entro_queries_measure(EntroQueries *queries, const EntroQueryPlace *place, gsize query,
                           gsize n, EntroQueryRow *ret_rows);
/* Rows whose weights there is room for at once, at least 1. */
gsize entro_queries_weight_rows(const EntroLayer *layer);
/* Weights of n of the rows measured last, from number `first` among them: [n][n_keys]. */
const float *entro_queries_weights(EntroQueries *queries, gsize first, gsize n);

/* Every worker computes for itself: while there are such runs, OpenBLAS has no threads of its own. */
void entro_queries_hold_blas(void);
void entro_queries_release_blas(void);

#endif
