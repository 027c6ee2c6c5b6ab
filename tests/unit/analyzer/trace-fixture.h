/* trace-fixture.h: small traces on disk for the tests of the analyzer: written by the writer or, in
 * any storage that HDF5 has, directly; read through a whole run; compared bit by bit. */
#ifndef TRACE_FIXTURE_H
#define TRACE_FIXTURE_H

#include "attention-rows.h"
#include "loader-private.h"

typedef struct TraceShape TraceShape;

/* Two threads, little memory, every statistic. */
extern const EntroRunOptions run_everything;

/* Every statistic there is. */
#define WITH_EVERYTHING                                                                            \
    (ENTRO_WITH_QUANTILES | ENTRO_WITH_DIVERSITY | ENTRO_WITH_LOGITS | ENTRO_WITH_PAIRS)

/* May change the attention of one layer and capture; FALSE: it is not written at all. */
typedef gboolean (*EditAttention)(const TraceShape *shape, gsize capture, guint layer, float *p);

/* May change one parameter of one layer and capture; FALSE: it is not written at all. */
typedef gboolean (*EditParam)(const TraceShape *shape, gsize capture, guint layer, EntroParam param,
                              float *values);

struct TraceShape {
    guint n_layers, n_heads;
    gsize n_captures, n_samples, n_queries, n_keys;
    EntroElement element;
    guint deflate;
    gboolean causal;
    const guint8 *mask; /* [n_samples][n_keys], or NULL */
    EditAttention edit; /* or NULL */
    guint params;       /* bits of EntroParam, as the writer takes them */
    EditParam edit_param;
};

gsize layer_size(const TraceShape *shape); /* numbers in one layer of one capture */
float *row_at(const TraceShape *shape, float *p, gsize sample, guint head, gsize query);
/* [n_samples][n_heads][n_queries][n_keys]; the same for the same capture and layer */
float *make_attention(const TraceShape *shape, gsize capture, guint layer);
/* Number i of a parameter's entry before it is edited. */
float param_value(gsize capture, guint layer, EntroParam param, gsize i);
/* The numbers as they are once stored. */
void round_to_element(EntroElement element, float *p, gsize n);

/* By entro_writer_*; steps 0, 10, 20 ... */
void write_trace(const char *path, const TraceShape *shape);

/* How write_plain_trace() stores the attention. */
typedef struct {
    const hsize_t *chunk; /* [5], or NULL: contiguous */
    gboolean shuffle, fletcher32, big_endian;
    guint deflate;
    EntroCausal causal; /* what the file says */
} Storage;

/* By HDF5 itself.  A capture and layer that is not written is a chunk never allocated. */
void write_plain_trace(const char *path, const TraceShape *shape, const Storage *storage);

/* All captures (EntroCapture); *ret_note, if not NULL: what was decided about causality. */
GArray *run_trace(const char *path, const EntroRunOptions *options, char **ret_note);
const EntroCapture *capture_at(const GArray *captures, guint index);
const EntroHeadStats *head_at(const EntroCapture *capture, guint layer, guint head);
void assert_same_captures(const GArray *a, const GArray *b);

typedef struct {
    char *folder, *path, *other; /* a folder that goes away, two files in it */
} Fixture;

#define FIXTURE_TEST(name, function)                                                               \
    g_test_add(name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

void fixture_set_up(Fixture *fixture, gconstpointer data);
void fixture_tear_down(Fixture *fixture, gconstpointer data);

#endif
