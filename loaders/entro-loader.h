/* entro-loader.h: attention traces on disk, read and written.
 *
 * The only stage that knows HDF5.  A trace is opened, described by one plain struct, and handed out
 * as tiles: where the encoded bytes of whole attention rows lie.  Any thread may read and decode them.
 *
 *     g_autoptr(EntroSource) source = entro_source_open("run.h5", NULL, &error);
 *     g_autoptr(EntroTile) tile = entro_tile_new(source, &error);
 *     g_autoptr(EntroTileRows) rows = entro_tile_rows_new(source, &error);
 *     while (entro_source_next(source, tile, &end, &error) && !end)
 *         if (entro_tile_rows_read(rows, tile))
 *             ...entro_tile_rows_get(rows, capture, sample, head, query, scratch)...
 *
 * Ownership: _open/_new give you the object, _free/_close end it (NULL is fine), _get_ borrows.
 * Every function with a GError returns FALSE or NULL if and only if the error is set. */
#ifndef ENTRO_LOADER_H
#define ENTRO_LOADER_H

#include <math.h>
#include <glib.h>

G_BEGIN_DECLS

#ifndef ENTRO_API
#define ENTRO_API __attribute__((visibility("default")))
#endif

#define ENTRO_LOADER_ERROR (entro_loader_error_quark())
ENTRO_API GQuark entro_loader_error_quark(void);

typedef enum {
    ENTRO_LOADER_ERROR_OPEN,        /* not there, not readable, not a regular file */
    ENTRO_LOADER_ERROR_FORMAT,      /* not HDF5, damaged, or not an attention trace */
    ENTRO_LOADER_ERROR_SHAPE,       /* datasets that contradict each other or the format */
    ENTRO_LOADER_ERROR_UNSUPPORTED, /* a part of the format that this version does not read */
    ENTRO_LOADER_ERROR_EMPTY,       /* a trace without any capture */
    ENTRO_LOADER_ERROR_POLICY,      /* refused: links, external storage, filters */
    ENTRO_LOADER_ERROR_LIMIT,       /* refused: a size over a limit */
    ENTRO_LOADER_ERROR_ARGUMENT,    /* the caller asked for something that is not there */
    ENTRO_LOADER_ERROR_WRITE,       /* a file could not be written */
} EntroLoaderError;

/* Text from a file made fit for a terminal or a message: control characters, invalid UTF-8 and
 * bidi controls as \xNN; length -1: to the NUL.  Free with g_free(). */
ENTRO_API char *entro_printable(const char *text, gssize length);

/* ---- files that appear whole or not at all (draft.c) ----------------------------------------- */

/* Written without a name, flushed to the disk, then put in the place of `path`: whatever fails before
 * that leaves the old file.  A link is followed and stays; a device or a pipe is written to. */
typedef struct EntroDraft EntroDraft;

ENTRO_API EntroDraft *entro_draft_new(const char *path, GError **error);
ENTRO_API int entro_draft_get_fd(const EntroDraft *draft); /* to write to instead */
ENTRO_API gboolean entro_draft_write(EntroDraft *draft, const void *bytes, gsize n, GError **error);
ENTRO_API gboolean entro_draft_commit(EntroDraft *draft, GError **error); /* once, at the end */
ENTRO_API void entro_draft_free(EntroDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroDraft, entro_draft_free)
/* For a signal handler that ends the program: removes what drafts of this process have a name. */
ENTRO_API void entro_drafts_unlink(void);

/* ---- numbers as they are stored ------------------------------------------------------------ */

typedef enum { ENTRO_F16, ENTRO_BF16, ENTRO_F32, ENTRO_F64 } EntroElement;

ENTRO_API const char *entro_element_name(EntroElement element); /* "f16", "bf16", "f32", "f64" */
ENTRO_API gsize entro_element_size(EntroElement element);       /* bytes */

/* ---- learnable parameters, one entry a capture ------------------------------------------------ */

typedef enum {
    ENTRO_PARAM_TEMPERATURE, /* [H][Tq] of the softmax */
    ENTRO_PARAM_THRESHOLD,   /* [H] of the entropy regularizer, as a fraction of E_max = ln T */
    ENTRO_PARAM_ALPHA,       /* scaling of the FFN, one number a layer */
    ENTRO_PARAM_BETA,
    ENTRO_N_PARAMS
} EntroParam;

ENTRO_API const char *entro_param_name(EntroParam param); /* of the dataset beside the attention */

/* ---- what a trace holds --------------------------------------------------------------------- */

typedef enum { ENTRO_CAUSAL_UNKNOWN = -1, ENTRO_CAUSAL_NO = 0, ENTRO_CAUSAL_YES = 1 } EntroCausal;

/* What a layer stores: rows of so many numbers, one a query. */
typedef enum {
    ENTRO_INPUT_ATTENTION,   /* [n_keys] weights */
    ENTRO_INPUT_ROW_ENTROPY, /* [1] the entropy, all that the producer kept of the weights */
    ENTRO_INPUT_QUERIES,     /* [head_dim] the query; keys lie beside it: nobody stored weights */
} EntroInput;

ENTRO_API const char *entro_input_name(EntroInput input); /* of the dataset: "attention", ... */

typedef struct {
    guint index; /* the i of /layers/<i>; layers may be missing, so it is not the position */
    EntroInput input;
    guint n_heads;
    gsize n_samples, n_queries,
        n_keys;     /* attention is [S][n_samples][n_heads][n_queries][n_keys] */
    gsize row_size; /* numbers in a stored row */
    gint64
        *query_rows; /* [n_queries] positions among the keys, ascending; NULL: the last n_queries */
    EntroCausal causal; /* row q sees keys <= q + n_keys - n_queries */
    gsize window;       /* keys back, the query's own included (and as many ahead where attention is
                         * not causal); 0: all */
    guint n_key_heads;  /* of queries: head h uses h n_key_heads / n_heads of the keys */
    gsize head_dim;     /* of queries */
    double scale;       /* of queries: logit = scale q k / temperature */
    gboolean max_logits; /* row entropies with the largest logit of each row */
    EntroElement element;
    gboolean big_endian;
    guint params;          /* bits 1u << ENTRO_PARAM_X: learnable parameters beside it */
    gboolean split_rows;   /* a row is spread over several chunks: assembled, slower */
    gboolean checksummed;  /* fletcher32 on every chunk, or the CRC of a deflated archive */
    gboolean complete;     /* the dataset holds every capture that /step announces */
    guint64 bytes_decoded; /* size of all captures together, as stored elements */
    char *storage;         /* e.g. "chunked 1x1x4x128x128, shuffle, deflate, fletcher32" */
} EntroLayer;

typedef struct {
    char *key, *value; /* value: the attribute as text, numbers in %.17g */
} EntroConfigEntry;

typedef struct {
    char *name;
    gsize n;
    gint64 *step;
    double *value; /* may hold NaN and Inf: that is what the trainer saw */
} EntroScalar;

/* One trace, described; owned by its source. */
typedef struct {
    char *path;
    const char *layout;     /* key of the layout that matched */
    const char *recognised; /* by what, for a person to read */
    char *pattern, *axes;   /* of another program's arrays; NULL: a trace of our own format */
    char *run_name, *producer;
    char *trace_uuid; /* NULL when the file has none */
    guint format_version;
    guint attempt; /* of the first capture */
    guint64 context_length;
    EntroCausal causal;
    gboolean complete; /* the writer closed the file itself */
    char *open_mode;   /* how the file had to be opened: "plain", "swmr", "cleared", "truncated" */

    gsize n_captures;
    gsize n_announced; /* entries that /step has, readable or not; 0 without /step */
    gint64 *steps;     /* [n_captures] training step */
    guint *attempts;   /* [n_captures] grows by 1 wherever a step is <= its predecessor */

    guint n_layers;
    EntroLayer *layers; /* ascending index */
    guint n_config;
    EntroConfigEntry *config;
    guint n_scalars;
    EntroScalar *scalars;
    gboolean has_key_mask, has_segment;
    GPtrArray *notes;    /* char *: what was assumed or is worth knowing, one sentence each */
    GPtrArray *problems; /* char *: parts that could not be read (the rest is usable) */
} EntroTrace;

/* The kinds of input of its layers, for a person: "attention", "row_entropy of some queries",
 * "attention, queries"; the caller frees it. */
ENTRO_API char *entro_trace_input(const EntroTrace *trace);

/* ---- limits ---------------------------------------------------------------------------------- */

/* Every size that comes from a file is checked against these before memory is taken. */
typedef struct {
    gsize max_seq;      /* n_queries and n_keys */
    gsize max_layers;   /* layers in a file */
    gsize max_heads;    /* heads in a layer */
    gsize max_samples;  /* samples in a capture */
    gsize max_captures; /* entries of /step */
    gsize max_chunk;    /* bytes of one decoded chunk */
} EntroLimits;

#define ENTRO_LIMITS_DEFAULT                                                                       \
    ((EntroLimits){.max_seq = 32768,                                                               \
                   .max_layers = 1024,                                                             \
                   .max_heads = 1024,                                                              \
                   .max_samples = 65536,                                                           \
                   .max_captures = 100000000,                                                      \
                   .max_chunk = 256u << 20})

typedef struct {
    EntroLimits limits;
    const char *layout; /* key of a layout, or a pattern of names; NULL: recognise it */
    const char
        *axes; /* of one array: S steps, L layers, B samples, H heads, Q, K; NULL: likewise */
    gboolean bits_given; /* what 16-bit integers and opaque values are */
    EntroElement bits;
} EntroSourceOptions;

#define ENTRO_SOURCE_OPTIONS_DEFAULT ((EntroSourceOptions){.limits = ENTRO_LIMITS_DEFAULT})

/* ---- reading in a child ---------------------------------------------------------------------- */

/* HDF5 1.10 crashes and hangs on damaged files.  From this call on, HDF5 files are opened in a child: that
 * is `program`, called with ENTRO_READER_ARGUMENT as its first argument, on which it must call
 * entro_reader_serve() before anything else: entroscope-reader (pkg-config --variable=reader entroscope),
 * or the caller itself, "/proc/self/exe".  What lies at that path now is what runs, also if it is replaced
 * later.  NULL: in this process, as at the beginning.  A child that says nothing for so many seconds
 * (0: 30) is ended, and what it was asked counts as damaged. */
#define ENTRO_READER_ARGUMENT "read-for-parent"
ENTRO_API void entro_reader_use_child(const char *program, guint stall_seconds);
/* Of the children from here on: that patience (0: as it was), and the memory that one may take (0: as it
 * was; at the beginning 2048 MiB). */
ENTRO_API void entro_reader_limit_child(guint stall_seconds, guint memory_mib);
/* Arguments from ENTRO_READER_ARGUMENT on; does not return. */
ENTRO_API void entro_reader_serve(int argc, char **argv) G_GNUC_NORETURN;

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct EntroSource EntroSource;

/* Opens a trace read-only, takes no lock, loads no plugin.  options NULL: the defaults. */
ENTRO_API EntroSource *entro_source_open(const char *path, const EntroSourceOptions *options,
                                         GError **error);
ENTRO_API void entro_source_free(EntroSource *source);
ENTRO_API const EntroTrace *entro_source_get_trace(const EntroSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroSource, entro_source_free)

/* What an HDF5 file says of its writer; one that was killed has not taken its mark back, and files of
 * the oldest version (h5py's default) have no mark. */
typedef enum {
    ENTRO_WRITING_NO,
    ENTRO_WRITING_SWMR,  /* and readers are welcome */
    ENTRO_WRITING_ALONE, /* what is read may be half of something */
} EntroWriting;

/* From the first bytes of the file, without HDF5 and without a lock. */
ENTRO_API gboolean entro_file_writing(const char *path, EntroWriting *ret_writing, GError **error);
/* Of the network file system that this lies on; NULL: on none that is known.  "FUSE" may be one, or the
 * root of a container. */
ENTRO_API const char *entro_network_name(const char *path);

/* Which captures entro_source_next() hands out: positions into trace->steps, ascending.  Starts
 * again at the first of them.  Without a call: all captures. */
ENTRO_API void entro_source_select(EntroSource *source, const gsize *captures, gsize n);

typedef enum {
    ENTRO_TILE_OK,
    ENTRO_TILE_MISSING, /* a chunk was never written: fill values are not data */
    ENTRO_TILE_DAMAGED, /* could not be read, inflated or failed its checksum */
} EntroTileStatus;

/* A box of whole rows of one layer, and where they are stored.
 * Tiles come ordered by (group of captures, layer, capture, sample, query, head): the boxes of the
 * same rows of all heads follow each other, a stack, which ends with the last head.  The boxes of one
 * layer and capture do not overlap and cover it.  Groups have one capture, unless chunks span
 * several.  The memory is the tile's own and is used again for every call. */
typedef struct EntroTile {
    guint layer; /* position in trace->layers */
    gsize capture, n_captures;
    gsize sample, n_samples;
    guint head, n_heads;
    gsize query, n_queries;
    gboolean ends_layer;  /* the last tile of this layer for these captures */
    gsize group, n_group; /* captures of the group that this tile belongs to */
    EntroTileStatus status;
    char *problem;       /* the sentence, when status is not OK */
    guint64 stored_size; /* bytes that it takes in the file */
    /*< private >*/
    struct EntroTilePrivate *private_;
} EntroTile;

ENTRO_API EntroTile *entro_tile_new(const EntroSource *source, GError **error);
ENTRO_API void entro_tile_free(EntroTile *tile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroTile, entro_tile_free)

/* Fills the tile.  Only one thread at a time may call it.  What cannot be read becomes a tile that
 * says so (status); FALSE is for the caller's mistakes. */
ENTRO_API gboolean entro_source_next(EntroSource *source, EntroTile *tile, gboolean *ret_end,
                                     GError **error);

/* Fills the tile with the first box of one layer in one capture, without moving the walk. */
ENTRO_API gboolean entro_source_peek(EntroSource *source, EntroTile *tile, guint layer,
                                     gsize capture, GError **error);
/* Most captures that one group can hold. */
ENTRO_API gsize entro_source_get_group_max(const EntroSource *source);
/* Most tiles that a stack can have; and what a tile of that layer has at most of one head: samples of
 * captures, all together, and queries of each. */
ENTRO_API guint entro_source_get_stack_max(const EntroSource *source);
ENTRO_API void entro_source_get_stack_shape(const EntroSource *source, guint layer,
                                            gsize *ret_n_samples, gsize *ret_n_queries);

/* The decoded rows of one tile at a time: memory of one worker, taken once. */
typedef struct EntroTileRows EntroTileRows;

ENTRO_API EntroTileRows *entro_tile_rows_new(const EntroSource *source, GError **error);
ENTRO_API void entro_tile_rows_free(EntroTileRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroTileRows, entro_tile_rows_free)
ENTRO_API gsize entro_tile_rows_get_memory(const EntroSource *source); /* bytes that it takes */

/* Reads the tile's bytes, undoes the filters and assembles rows; any thread.  Returns FALSE and sets
 * tile->status and tile->problem when the bytes cannot be read or are damaged. */
ENTRO_API gboolean entro_tile_rows_read(EntroTileRows *rows, EntroTile *tile);

/* One row of the tile read last, as float, [row_size].  Row indices count from the tile's own corner.
 * Returns either a pointer into `rows` or `scratch` ([row_size], 64-byte aligned), the caller's.
 * f64 is rounded to float; finite values beyond its range become +-FLT_MAX, not Inf. */
ENTRO_API const float *entro_tile_rows_get(const EntroTileRows *rows, gsize capture, gsize sample,
                                           guint head, gsize query, float *scratch);

/* What lies beside the rows of one head of the tile read last: of queries, its keys, float
 * [n_keys][head_dim]; of row entropies, the largest logits, [n_queries] of the tile.  Any thread;
 * returns FALSE as entro_tile_rows_read() does. */
ENTRO_API gboolean entro_tile_rows_read_beside(EntroTileRows *rows, EntroTile *tile, gsize capture,
                                               gsize sample, guint head, float *to);

/* Key mask of one sample, [n_keys] of 0 and 1, or NULL when the trace has none. */
ENTRO_API const guint8 *entro_tile_key_mask(const EntroTile *tile, gsize capture, gsize sample);

/* Documents of one sample, [n_keys] ids: keys of another id than the query's are not allowed; NULL
 * when the trace does not tell any apart. */
ENTRO_API const gint64 *entro_tile_segment(const EntroTile *tile, gsize capture, gsize sample);
/* Position of a stored row of the layer among the keys; below 0 for the first of more queries than
 * keys. */
ENTRO_API gssize entro_layer_position(const EntroLayer *layer, gsize query);

/* Values of one entry of the layer. */
ENTRO_API gsize entro_param_size(EntroParam param, const EntroLayer *layer);
/* One capture's entry of a parameter that layer->params names, [entro_param_size()]; `layer` is the
 * position in trace->layers.  Only the thread that calls entro_source_next() may call it.  What
 * cannot be read is NaN, with a sentence that the caller frees. */
ENTRO_API EntroTileStatus entro_source_read_param(EntroSource *source, guint layer,
                                                  EntroParam param, gsize capture, float *values,
                                                  char **ret_problem);

/* ---- layouts --------------------------------------------------------------------------------- */

typedef struct {
    const char *key;
    const char *pattern; /* names of the arrays; * stands for any text */
    const char *axes;    /* of one array, as in EntroSourceOptions; several: "BHQK|HQK" */
    const char *about;
} EntroLayout;

ENTRO_API const EntroLayout *entro_layouts(guint *ret_n);

/* Arrays of a file or folder whose names differ in their digits alone. */
typedef struct {
    char *pattern; /* "steps/{step}/layer_{layer}/attn" */
    guint n;
    char *shape;        /* "[1,12,128,128] f32"; NULL: it cannot be read */
    const char *layout; /* key of the one that fits; NULL: none, or several */
    char *axes;         /* what its axes then are */
    char *remark;       /* why it is no attention, or what it could be; NULL: nothing */
} EntroArrays;

/* What lies there, the most likely first: whatever it is.  EntroArrays, freed with the array. */
ENTRO_API GPtrArray *entro_survey(const char *path, const EntroSourceOptions *options,
                                  GError **error);

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    enum { ENTRO_ATTRIBUTE_INTEGER, ENTRO_ATTRIBUTE_REAL, ENTRO_ATTRIBUTE_TEXT } kind;
    gint64 integer;
    double real;
    const char *text;
} EntroAttribute;

#define ENTRO_INTEGER(n, v)                                                                        \
    ((EntroAttribute){.name = (n), .kind = ENTRO_ATTRIBUTE_INTEGER, .integer = (v)})
#define ENTRO_REAL(n, v) ((EntroAttribute){.name = (n), .kind = ENTRO_ATTRIBUTE_REAL, .real = (v)})
#define ENTRO_TEXT(n, v) ((EntroAttribute){.name = (n), .kind = ENTRO_ATTRIBUTE_TEXT, .text = (v)})

typedef struct {
    const char *run_name, *producer;
    const char *trace_uuid; /* NULL: a random one */
    guint attempt;          /* first is 1 */
    gboolean causal;
    gsize context_length;
    guint n_layers;
    const guint *layer_index; /* [n_layers], NULL: 0, 1, 2 ... */
    const guint *n_heads;     /* [n_layers] */
    gsize n_samples, n_queries, n_keys;
    EntroInput input;         /* what every layer gives */
    const guint *n_key_heads; /* of queries: [n_layers], each divides n_heads; NULL: n_heads */
    gsize head_dim;           /* of queries */
    double scale;             /* of queries: logit = scale q k / temperature; 0: 1/sqrt(head_dim) */
    gboolean max_logits;      /* of row entropies: the largest logits will be given too */
    const gint64 *query_rows; /* [n_queries] positions among the keys, ascending; NULL: the last */
    gsize window;             /* keys back, the query's own included; 0: all */
    EntroElement element;     /* as stored; of row entropies always f32 */
    guint deflate;            /* 0: none; 1 to 9: shuffle and deflate */
    gboolean key_mask, segment;   /* /key_mask, /segment will be given with every capture */
    guint params;                 /* bits 1u << ENTRO_PARAM_X: will be given for every layer */
    const EntroAttribute *config; /* /config, [n_config] */
    guint n_config;
    const char *const *scalars; /* names under /scalars, NULL-terminated; may be NULL */
    /* Of a trace that is reopened: what has this step or a later one will be put again (negative: all; 0:
     * nothing), so that what a machine which went down may have lost of it can be dropped. */
    gint64 doubted_from;
} EntroWriterOptions;

typedef struct EntroWriter EntroWriter;

/* Creates the file with everything that it will ever hold, then begins to write so that the file
 * may be read meanwhile (SWMR).  An existing file is replaced. */
ENTRO_API EntroWriter *entro_writer_new(const char *path, const EntroWriterOptions *options,
                                        GError **error);

/* Goes on with a trace that a writer has left, also one that was killed.  The file must be what
 * entro_writer_new() would have made of these options, and its trace_uuid theirs (NULL: any, if the
 * producer is the same); steps must ascend.  It is not touched before something is added; what was
 * written by halves is then dropped, and /complete goes back to 0.  So is, from
 * options.doubted_from on, what fails its checksum or is zeros, with all after it. */
ENTRO_API EntroWriter *entro_writer_reopen(const char *path, const EntroWriterOptions *options,
                                           GError **error);
/* Captures and entries of all scalars together. */
ENTRO_API void entro_writer_get_size(const EntroWriter *writer, guint64 *ret_captures,
                                     guint64 *ret_scalars);
/* Whether a reopened trace holds the capture of this step: it must not be put again. */
ENTRO_API gboolean entro_writer_has_capture(const EntroWriter *writer, gint64 step);

/* Attention of one layer of the coming capture, float [n_samples][n_heads][n_queries][n_keys];
 * `layer` is the position in options.n_heads.  Layers not given stay missing. */
ENTRO_API gboolean entro_writer_put_attention(EntroWriter *writer, guint layer, const float *p,
                                              GError **error);
/* Instead of attention, of options.input ENTRO_INPUT_QUERIES: as they enter the product, float
 * [n_samples][n_heads][n_queries][head_dim] and [n_samples][n_key_heads][n_keys][head_dim]. */
ENTRO_API gboolean entro_writer_put_queries(EntroWriter *writer, guint layer, const float *queries,
                                            const float *keys, GError **error);
/* Of ENTRO_INPUT_ROW_ENTROPY: nats, float [n_samples][n_heads][n_queries]; max_logit, the same, is
 * NULL unless options.max_logits. */
ENTRO_API gboolean entro_writer_put_row_entropy(EntroWriter *writer, guint layer,
                                                const float *entropy, const float *max_logit,
                                                GError **error);
/* [n_samples][n_keys]: 1 is a real token, 0 padding; ids of documents. */
ENTRO_API gboolean entro_writer_put_key_mask(EntroWriter *writer, const guint8 *mask,
                                             GError **error);
ENTRO_API gboolean entro_writer_put_segment(EntroWriter *writer, const gint32 *ids, GError **error);
/* One parameter of one layer of the coming capture, as many values as EntroParam says.  One not
 * given stays missing. */
ENTRO_API gboolean entro_writer_put_param(EntroWriter *writer, guint layer, EntroParam param,
                                          const float *values, GError **error);
/* A scalar may be given at any step, also between captures; a step that a reopened trace holds
 * already is passed over. */
ENTRO_API gboolean entro_writer_put_scalar(EntroWriter *writer, const char *name, gint64 step,
                                           double value, GError **error);
/* Makes the capture exist: flushes the layers, then extends and flushes /step. */
ENTRO_API gboolean entro_writer_commit(EntroWriter *writer, gint64 step, GError **error);
/* What was put so far, scalars too, outlives the process and the machine. */
ENTRO_API gboolean entro_writer_flush(EntroWriter *writer, GError **error);
/* Sets /complete, closes and frees.  entro_writer_free() closes without setting it. */
ENTRO_API gboolean entro_writer_close(EntroWriter *writer, GError **error);
ENTRO_API void entro_writer_free(EntroWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroWriter, entro_writer_free)

/* ---- named tensors: checkpoints --------------------------------------------------------------- */

#define ENTRO_TENSOR_RANK_MAX 4

typedef struct {
    const char *name; /* path in the file, e.g. "blocks/3/attn/w_qk" */
    guint n_dims;     /* from 1 on */
    gsize dims[ENTRO_TENSOR_RANK_MAX];
    float *data; /* row-major, borrowed */
} EntroTensor;

/* One dataset (f32, contiguous, its CRC-32 as the attribute crc32) a tensor, attributes at the root beside
 * `format`.  Written as a draft: whole or not at all. */
ENTRO_API gboolean entro_tensors_write(const char *path, const char *format,
                                       const EntroAttribute *attributes, guint n_attributes,
                                       const EntroTensor *tensors, guint n, GError **error);

/* A tensor file that is open to be read: an open costs milliseconds. */
typedef struct EntroTensorFile EntroTensorFile;

ENTRO_API EntroTensorFile *entro_tensor_file_open(const char *path, GError **error);
ENTRO_API void entro_tensor_file_free(EntroTensorFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroTensorFile, entro_tensor_file_free)
ENTRO_API const char *entro_tensor_file_get_path(const EntroTensorFile *file);
/* Root attribute as text, NULL if absent; the caller frees it. */
ENTRO_API gboolean entro_tensor_file_get_attribute(EntroTensorFile *file, const char *name,
                                                   char **ret_text, GError **error);
/* Reads into tensors[i].data; every named tensor must be there with exactly that shape, finite or
 * not.  Fails when the root attribute `format` is another. */
ENTRO_API gboolean entro_tensor_file_read(EntroTensorFile *file, const char *format,
                                          const EntroTensor *tensors, guint n, GError **error);

/* The same of a file that is opened for this alone. */
ENTRO_API gboolean entro_tensors_read(const char *path, const char *format,
                                      const EntroTensor *tensors, guint n, GError **error);
ENTRO_API gboolean entro_tensors_read_attribute(const char *path, const char *name,
                                                char **ret_value, GError **error);

G_END_DECLS

#endif
