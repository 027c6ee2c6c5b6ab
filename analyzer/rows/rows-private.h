/* rows-private.h: the walk over chosen rows of one capture, which the files of this folder share. */
#ifndef ENTRO_ROWS_PRIVATE_H
#define ENTRO_ROWS_PRIVATE_H

#include "analyzer-private.h"

/* Options looked up in a trace. */
typedef struct {
    EntroSource *source;
    const EntroTrace *trace;
    const EntroRowOptions *options;
    gsize capture;
    guint8 **wanted;  /* [n_layers] of the trace: [n_heads] */
    guint *n_wanted;  /* [n_layers] heads */
    gboolean *read;   /* [n_layers] all of it could be read, once the walk is done */
    gboolean *causal; /* [n_layers] */
    char *causal_note;
    gsize first_sample;
    gboolean needs_weights; /* the visitor looks at p */
} EntroRowChoice;

/* One row on the way. */
typedef struct {
    guint layer; /* position in trace->layers */
    guint head;
    gsize sample; /* counted from the first that was chosen */
    gsize query;
    gint64 position; /* of the query among the keys */
    EntroRowClass class_;
    const EntroRow *measured; /* of a valid row */
    const float *p;           /* NULL: only the entropy is stored */
    const EntroKeys *keys;
    EntroKeyRange range; /* what the causal rule and the window leave open */
} EntroRowSight;

typedef void (*EntroRowVisit)(gpointer data, const EntroRowSight *row);

gboolean entro_row_choice_init(EntroRowChoice *choice, EntroSource *source,
                               const EntroRowOptions *options, GError **error);
void entro_row_choice_clear(EntroRowChoice *choice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroRowChoice, entro_row_choice_clear)

/* Samples of a layer that were chosen. */
gsize entro_row_choice_samples(const EntroRowChoice *choice, guint layer);

/* Visits all chosen rows in the order of the file.  What cannot be read is a problem of its layer. */
gboolean entro_row_walk(EntroRowChoice *choice, EntroRowVisit visit, gpointer data,
                        EntroRowOrigin *ret_origin, GError **error);
void entro_row_origin_clear(EntroRowOrigin *origin);

#endif
