/* loader-fixture.h: small traces made with HDF5's own calls, and the walk that checks them.
 *
 * Weights are multiples of 1/256 below 1, which every element type holds exactly. */
#ifndef TRACE_FIXTURE_H
#define TRACE_FIXTURE_H

#include "loader-private.h"

/* A file name in a folder of this process, which fixture_done() removes. */
const char *fixture_path(const char *name);
void fixture_done(void);

typedef struct {
    guint index;
    EntroElement element;
    gboolean big_endian, as_uint16; /* as_uint16: bf16 with the attribute encoding */
    hsize_t dims[5], chunk[5];      /* chunk[0] == 0: contiguous */
    const char *filters;            /* "sdf": shuffle, deflate, fletcher32, in that order */
    hsize_t n_written;              /* captures that get data; 0: all */
} LayerSpec;

float fixture_weight(guint layer, gsize capture, gsize sample, gsize head, gsize query, gsize key);

/* An empty file with the root attributes; `old` asks for the earliest format. */
hid_t fixture_create(const char *path, gboolean old);
void fixture_text(hid_t object, const char *name, const char *text);
void fixture_integer(hid_t object, const char *name, gint64 value);
void fixture_steps(hid_t file, const gint64 *steps, gsize n); /* steps NULL: 10, 20, 30 ... */
hid_t fixture_properties(const LayerSpec *spec);
hid_t fixture_type(const LayerSpec *spec);
/* Creates the groups on the way and the dataset /layers/<i>/attention; the caller closes it. */
hid_t fixture_create_layer(hid_t file, const LayerSpec *spec);
void fixture_write_layer(hid_t file, const LayerSpec *spec);
/* A whole trace of these layers with as many captures as the first of them has. */
void fixture_trace(const char *path, const LayerSpec *specs, guint n, gboolean old);
/* One layer [2,1,2,3,4], f32, contiguous: the least that opens. */
void fixture_small(hid_t file);
void fixture_group(hid_t file, const char *path);

/* The same weights through our own writer: layers 0, 1, 2 ... or layer_index. */
EntroWriterOptions fixture_writer_options(const guint *n_heads, guint n_layers);
LayerSpec fixture_writer_spec(const EntroWriterOptions *options, guint layer, gsize n_captures);
gboolean fixture_put_layer(EntroWriter *writer, const EntroWriterOptions *options, guint layer,
                           gsize capture, GError **error);
/* Every layer, every scalar and the key mask, then the commit as step 10 (capture + 1). */
gboolean fixture_put_capture(EntroWriter *writer, const EntroWriterOptions *options, gsize capture,
                             GError **error);
guint8 fixture_mask(gsize capture, gsize sample, gsize key);

/* Walks over the selected captures (NULL: all) and checks every row, that each row of each layer
 * comes exactly once, and that each layer ends once a group. */
void fixture_check_walk(EntroSource *source, const LayerSpec *specs, guint n, const gsize *selected,
                        gsize n_selected);
void fixture_check_file(const char *path, const LayerSpec *specs, guint n);

/* Decodes every tile; returns how many were OK and counts the others. */
gsize fixture_walk_quietly(EntroSource *source, gsize *ret_missing, gsize *ret_damaged);

/* Expects opening to fail with `code` and a message that holds every one of the texts. */
void fixture_expect_refusal(const char *path, const EntroSourceOptions *options, int code,
                            ...) G_GNUC_NULL_TERMINATED;

char *fixture_hash(const char *path);                               /* SHA-256 of the bytes */
void fixture_copy(const char *from, const char *to, gssize length); /* length -1: all */

#endif
