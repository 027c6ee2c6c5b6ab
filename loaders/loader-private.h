/* loader-private.h: what the files of this folder share and nobody else may see. */
#ifndef ENTRO_LOADER_PRIVATE_H
#define ENTRO_LOADER_PRIVATE_H

#include "entro-loader.h"

#include "containers/containers.h"

#include <hdf5.h>
#include <string.h>

/* ---- HDF5 handles and errors (h5.c) ---------------------------------------------------------- */

typedef hid_t EntroHid; /* file, group, dataset, space, type, attribute, property list */

static inline void
entro_hid_close(EntroHid id)
{
    if (id >= 0)
        H5Idec_ref(id);
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(EntroHid, entro_hid_close, H5I_INVALID_HID)

/* HDF5 prints its error stack per thread unless told otherwise; call it at every entry. */
void entro_h5_quiet(void);

/* Sets `error` to "<what>: <deepest reason HDF5 gave>" and empties HDF5's stack.  Always FALSE, so
 * that `return entro_h5_fail(...)` reads well. */
gboolean entro_h5_fail(GError **error, EntroLoaderError code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Whether there is memory to open a file: asked first, because HDF5 does not bear it otherwise.  If not, the
 * reason is on its stack. */
gboolean entro_h5_has_room(void);
/* A reason of our own for entro_h5_fail(), from inside a call of HDF5. */
void entro_h5_push_reason(const char *reason);

/* A file-access property of the library's own, without a public setter; set where it exists. */
void entro_h5_set_private_flag(hid_t access, const char *name);

/* A file that is made in memory and written by ourselves never meets a full disk inside HDF5. */
hid_t entro_h5_create_in_memory(H5F_libver_t version); /* the earliest that may be used */
/* HDF5 puts the time into every object; without, the same content has the same bytes.  Properties of a
 * class of objects to create, and the groups above `path`, as far as they are not there. */
hid_t entro_h5_timeless(hid_t class);
gboolean entro_h5_create_groups(hid_t file, const char *path);
guint8 *entro_h5_image(hid_t file, gsize *ret_size, GError **error);
/* As a draft: whole or not at all. */
gboolean entro_write_file(const char *path, const guint8 *bytes, gsize size, GError **error);

/* ---- element types (element.c) ---------------------------------------------------------------- */

/* HDF5 type as we write it, little-endian; the caller closes it. */
hid_t entro_element_type(EntroElement element);
/* Recognises a floating-point type of either byte order; FALSE if it is none of ours. */
gboolean entro_element_from_type(hid_t type, EntroElement *ret_element, gboolean *ret_big_endian);
/* n floats to little-endian elements, round to nearest even. */
void entro_element_encode(EntroElement element, const float *from, void *to, gsize n);
/* n elements of either byte order to float, exact but for f64 (see entro_tile_row()). */
void entro_element_decode(EntroElement element, gboolean big_endian, const void *from, float *to,
                          gsize n);

/* To double, in the same memory, of 8 bytes each. */
void entro_element_to_double(EntroElement element, gboolean big_endian, gpointer values, gsize n);

/* ---- attributes (attributes.c) ---------------------------------------------------------------- */

gboolean entro_attribute_write(hid_t object, const EntroAttribute *attribute, GError **error);

/* A scalar attribute of any of the kinds that DESIGN's format names; text is ours to free. */
typedef struct {
    enum {
        ENTRO_VALUE_ABSENT,
        ENTRO_VALUE_UNREADABLE, /* of no kind that is read */
        ENTRO_VALUE_DAMAGED,
        ENTRO_VALUE_INTEGER,
        ENTRO_VALUE_REAL,
        ENTRO_VALUE_TEXT
    } kind;
    gint64 integer;
    double real;
    char *text;
} EntroValue;

/* Absent and unreadable are kinds, not errors: each optional attribute has a stated default. */
EntroValue entro_attribute_read(hid_t object, const char *name);
/* From here on texts of variable length count as damaged: one zeroed page of the heap that they lie in, and
 * HDF5 1.10 loops for ever. */
void entro_attributes_leave_heap(void);
void entro_value_clear(EntroValue *value);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroValue, entro_value_clear)
/* As text: integers in decimal, reals in %.17g; NULL if absent or unreadable. */
char *entro_value_to_text(const EntroValue *value);

/* ---- writing (trace-skeleton.c) ------------------------------------------------------------------- */

/* Bytes of a trace file without captures; the caller frees them. */
guint8 *entro_trace_skeleton(const EntroWriterOptions *options, gsize *ret_size, GError **error);
/* The same as a file in memory, which the caller closes; negative on error. */
hid_t entro_trace_skeleton_file(const EntroWriterOptions *options, GError **error);
/* A dataset of a layer that grows by an entry a capture: the rows, or what lies beside them. */
typedef struct {
    const char *name;
    int rank;
    hsize_t dims[5]; /* of one entry: 1 along the first axis, and behind the last */
    EntroElement element;
} EntroPart;

#define ENTRO_PARTS_MAX 2

/* Returns how many there are, for every layer as many. */
guint entro_layer_parts(const EntroWriterOptions *options, guint layer,
                        EntroPart parts[ENTRO_PARTS_MAX]);
gsize entro_part_elements(const EntroPart *part); /* of one entry */
/* Whether readers would take such a trace (writer-options.c). */
gboolean entro_writer_check(const char *path, const EntroWriterOptions *options, GError **error);
/* Where a part of a layer ("attention") lies in the file; the caller frees it. */
char *entro_layer_path(const EntroWriterOptions *options, guint layer, const char *part);

/* ---- learnable parameters (params.c) ------------------------------------------------------------- */

/* Shape of one capture's entry, 1 along the first axis; returns the rank, at most 3. */
int entro_param_dims(EntroParam param, guint n_heads, gsize n_queries, hsize_t *ret_dims);

/* ---- going on with a trace (trace-match.c) -------------------------------------------------------- */

/* Entries that were written whole, and the step of the last; G_MININT64 if there is none. */
typedef struct {
    gsize n;
    gint64 last;
} EntroSeriesEnd;

typedef struct {
    gboolean complete;
    EntroSeriesEnd captures;
    EntroSeriesEnd *scalars; /* in the order of options->scalars */
} EntroTraceEnd;

/* A page of the disk that was lost reads as zeros, and Fletcher's sum of zeros is 0: a chunk that lay in it
 * whole passes its checksum. */
#define ENTRO_LOST_PAGE "is zeros, and so is its checksum: a lost page of the disk"
static inline gboolean
entro_is_zeros(const guint8 *bytes, gsize n)
{
    return n > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Whether `path` is what these options would have made, grown since; nothing is written.  The uuid
 * must be that of the options; without one, any is good, if the producer is the same. */
gboolean entro_trace_match(const char *path, const EntroWriterOptions *options,
                           EntroTraceEnd *ret_end, GError **error);
void entro_trace_end_clear(EntroTraceEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroTraceEnd, entro_trace_end_clear)
/* What was written by halves goes: entries from `n` of one dataset, or of all that a capture has. */
gboolean entro_series_cut(hid_t dataset, gsize n);
gboolean entro_captures_cut(hid_t file, gsize n);

/* ---- writes that a kill cannot halve (redo.c) ------------------------------------------------------ */

typedef struct EntroRedo EntroRedo;

/* For the file `path`, which is this inode: nothing is made before something is put. */
EntroRedo *entro_redo_new(const char *path, guint64 device, guint64 inode);
/* Leaves nothing behind, unless a block was put and is not done. */
void entro_redo_free(EntroRedo *redo);
/* Whether a block is one that a kill could halve. */
gboolean entro_redo_wants(const EntroRedo *redo, guint64 address, gsize size);
gboolean entro_redo_put(EntroRedo *redo, guint64 address, const void *block, gsize size);
gboolean entro_redo_done(EntroRedo *redo); /* it is in its place */
/* Puts in its place what a killed writer of this file has left; nothing to do is fine, and so is
 * doing it again before somebody else has written. */
gboolean entro_redo_replay(const char *path, GError **error);
void entro_redo_forget(const char *path); /* before the file is made anew, or gone on with */
/* A file that is read: what was read from it gets what a killed writer has left. */
void entro_redo_attach(const char *path, int fd);
void entro_redo_attach_open(int redo, int fd); /* takes neither */
int entro_redo_open(const char *path);         /* negative: nothing is left */
void entro_redo_detach(int fd);
void entro_redo_patch(int fd, void *to, gsize size, guint64 offset);
/* pwrite until done; errno on failure. */
gboolean entro_write_at(int fd, const void *from, gsize size, guint64 offset);

/* ---- opening (gate.c) ---------------------------------------------------------------------------- */

/* Opens read-only, whatever state a writer left it in; never blocks on a FIFO, takes no lock, loads
 * no plugin.  *ret_mode: "plain", "swmr", "cleared" or "truncated".  Negative on error. */
hid_t entro_open_file(const char *path, const char **ret_mode, GError **error);
/* The same word, ours for ever; "plain" of one that there is not. */
const char *entro_open_mode(const char *mode);
gboolean entro_is_hdf5(int fd, const char *path, GError **error);

/* Descriptor of a regular file, to be read; negative on error. */
int entro_open_regular(const char *path, GError **error);

/* Whether `path` (relative to `parent`, or absolute) exists, reached by hard links alone.  A soft
 * or external link on the way is an error (POLICY). */
gboolean entro_path_exists(hid_t parent, const char *path, gboolean *ret_exists, GError **error);
/* Opens a dataset that passed every rule on links and storage; negative on error. */
hid_t entro_open_dataset(hid_t parent, const char *path, GError **error);

/* ---- where bytes lie (file-driver.c) ---------------------------------------------------------------- */

typedef struct {
    guint64 offset;
    gsize size;
    guint32 crc;  /* of what it decodes to, where the kind of file keeps one */
    guint32 mask; /* of a chunk: bit i is set when filter number i was left out */
} EntroExtent;

/* Has files opened with `access` read by our driver. */
gboolean entro_driver_use(hid_t access);
/* Has them written by it, so that a kill leaves no block half old and half new. */
gboolean entro_driver_use_to_write(hid_t access, int *lost);
/* From here on this process reads one file alone, which is open, and no path is opened; `redo`: of what a
 * killed writer has left. */
void entro_driver_use_descriptor(int fd, int redo);
int entro_driver_get_descriptor(void); /* negative: there is none */
/* Descriptor of a file so opened; it stays the file's. */
int entro_driver_get_fd(hid_t file);
/* errno, where the disk could not read what HDF5 asked for; 0: that has not happened. */
int entro_driver_get_read_error(hid_t file);
/* The same of this thread's files since the last call, also of one that could not be opened; ENOMEM: there
 * was no memory to open it. */
int entro_driver_take_unread(void);
/* Until the next call (with NULL), this thread's reads of raw data are not done but written down
 * here. */
void entro_driver_record(EntroExtent *extent);

/* ---- datasets as stored (dataset.c, axes.c, filters.c) ------------------------------------------------- */

#define ENTRO_RANK_MAX    5 /* captures, samples, heads, queries, keys */
#define ENTRO_FILTERS_MAX 4 /* shuffle, deflate, lzf, fletcher32: each at most once */
#define ENTRO_FILTER_LZF  ((H5Z_filter_t)32000) /* h5py's, in HDF5's registry */

/* The deflate of a zip archive, which is no filter of HDF5. */
#define ENTRO_FILTER_ZIP ((H5Z_filter_t)-2)

/* An array as it is stored: axes in the order of the file, the last one runs fastest. */
typedef struct {
    int rank;
    hsize_t dims[ENTRO_STORED_RANK_MAX];
    hsize_t chunk[ENTRO_STORED_RANK_MAX]; /* contiguous: the whole */
} EntroStored;

typedef enum {
    ENTRO_CLASS_FLOAT,
    ENTRO_CLASS_INTEGER,
    ENTRO_CLASS_ENUM, /* as h5py stores truth values */
    ENTRO_CLASS_OPAQUE,
    ENTRO_CLASS_TEXT,
    ENTRO_CLASS_RECORD,
    ENTRO_CLASS_OTHER,
} EntroClass;

/* What the elements of a dataset are. */
typedef struct {
    EntroClass class;
    gboolean is_ours; /* a floating-point type that we read: */
    EntroElement element;
    gboolean big_endian;
    gboolean is_signed; /* of integers, whose bits are all in use: */
    gboolean is_plain;
} EntroType;

typedef struct EntroReader EntroReader;

/* An array, seen along axes of our own: by default the stored ones, in their order. */
typedef struct {
    EntroReader *reader; /* borrowed; NULL: not of an HDF5 file, or let go */
    gint64 id;           /* the reader's; negative: it has none */
    char *name;          /* for messages */
    EntroType type;
    EntroStored stored;
    int rank;
    hsize_t dims[ENTRO_RANK_MAX];         /* those behind `rank` are 1 */
    hsize_t chunk[ENTRO_RANK_MAX];        /* contiguous: the whole */
    int axis[ENTRO_RANK_MAX];             /* the stored axis that each is, or -1: none */
    gsize stride[ENTRO_RANK_MAX];         /* elements between neighbours, inside a chunk */
    hsize_t fixed[ENTRO_STORED_RANK_MAX]; /* position along stored axes that are none of ours */
    gsize base;                           /* elements of a chunk before our first */
    gsize element_size;
    gboolean chunked;
    gboolean flat;      /* chunks are ranges of one block that begins at `offset` */
    gsize chunk_bytes;  /* decoded */
    gsize head;         /* decoded bytes before the elements of a chunk */
    haddr_t offset;     /* contiguous: where, HADDR_UNDEF if never written */
    EntroExtent packed; /* of an array that is one chunk, not of HDF5 */
    int fd;             /* of the file, borrowed */
    guint n_filters;
    H5Z_filter_t filters[ENTRO_FILTERS_MAX]; /* in the order of writing */
} EntroDataset;

/* Facts of an open dataset, whose axes are not known yet: entro_dataset_view() must follow.  Takes the handle
 * over, also on failure. */
gboolean entro_dataset_init_stored(EntroDataset *dataset, hid_t id, int fd, const char *name,
                                   gsize max_chunk, GError **error);
/* Sets chunk_bytes from the chunk as stored; FALSE: over the limit. */
gboolean entro_dataset_check_chunk(EntroDataset *dataset, gsize max_chunk, GError **error);
/* Its axes in their order; FALSE: they are more than five. */
gboolean entro_dataset_view_as_stored(EntroDataset *dataset, GError **error);
/* Looks at the array along `axes`: a letter for each stored axis, of S steps, B samples, H heads, Q
 * queries, K keys and L layers, of which it is `layer`.  Axes of ours that no letter names are 1. */
void entro_dataset_view(EntroDataset *dataset, const char *axes, hsize_t layer);
/* Whether the elements of one chunk lie in our order, rows of all keys side by side: for one range of
 * bytes to be a box. */
gboolean entro_dataset_is_natural(const EntroDataset *dataset);
/* Contiguous data that lie in another order are read as if they were chunked, a range of bytes each. */
gboolean entro_dataset_make_flat(EntroDataset *dataset, gsize max_chunk, GError **error);
/* Its facts stay; its file may be closed before it. */
void entro_dataset_let_go(EntroDataset *dataset);
void entro_dataset_clear(EntroDataset *dataset);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroDataset, entro_dataset_clear)

/* As in HDF5: "shuffle"; NULL of a filter that is not read. */
const char *entro_filter_name(H5Z_filter_t filter);
/* Whether it is one that is read, behind those that the dataset has. */
gboolean entro_filter_may_follow(const EntroDataset *dataset, H5Z_filter_t filter);
/* Reads a type as HDF5 has it. */
EntroType entro_type_read(hid_t type);
/* n whole numbers as they are stored, to gint64 in the same memory, of 8 bytes each; FALSE: none that we
 * read.  Beyond gint64, its ends. */
gboolean entro_type_to_int64(const EntroType *type, gsize size, gpointer values, gsize n);
/* For messages: "integers of 4 bytes"; the caller frees it. */
char *entro_dataset_type_text(const EntroDataset *dataset);

/* Most bytes that one encoded chunk may take; more is refused. */
gsize entro_dataset_encoded_max(const EntroDataset *dataset);
/* Bytes of each work buffer that undoing its filters takes; 0 when it takes none. */
gsize entro_dataset_work_bytes(const EntroDataset *dataset);

typedef enum {
    ENTRO_READ_OK,
    ENTRO_READ_MISSING,
    ENTRO_READ_DAMAGED,
    ENTRO_READ_REFUSED, /* filter mask */
} EntroRead;

/* By the library, of the chunk whose corner this is along stored axes. */
EntroRead entro_dataset_find_in_index(const EntroDataset *dataset, const hsize_t *corner,
                                      EntroExtent *ret_extent, char **ret_problem);
/* Whether bytes of this extent can be such a chunk at all. */
EntroRead entro_dataset_check_extent(const EntroDataset *dataset, const EntroExtent *extent,
                                     char **ret_problem);
/* Where the encoded bytes of the chunk at `origin` lie; at most entro_dataset_encoded_max(). */
EntroRead entro_dataset_find_chunk(const EntroDataset *dataset, const hsize_t *origin,
                                   EntroExtent *ret_extent, char **ret_problem);

/* Work memory of entro_chunk_decode(). */
typedef struct {
    guint8 *buffer[2]; /* [entro_dataset_work_bytes()] each */
    struct libdeflate_decompressor *inflater;
} EntroDecoder;

gboolean entro_decoder_init(EntroDecoder *decoder, gsize work_bytes);
void entro_decoder_clear(EntroDecoder *decoder);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EntroDecoder, entro_decoder_clear)

/* Undoes the filters of one chunk but those in `mask`: returns chunk_bytes of elements, in `bytes` or a buffer of the
 * decoder; NULL when they are damaged, with a sentence. */
const guint8 *entro_chunk_decode(const EntroDataset *dataset, EntroDecoder *decoder,
                                 const guint8 *bytes, const EntroExtent *extent,
                                 char **ret_problem);

/* A box of elements in memory: its corner, its size and the elements between neighbours. */
typedef struct {
    hsize_t origin[ENTRO_RANK_MAX], dims[ENTRO_RANK_MAX];
    gsize stride[ENTRO_RANK_MAX];
} EntroArea;

/* Row-major, of `rank` axes. */
EntroArea entro_area(int rank, const hsize_t *origin, const hsize_t *dims);
/* The chunk at `at`, whose elements begin `base` elements behind its first byte. */
EntroArea entro_area_of_chunk(const EntroDataset *dataset, const hsize_t *at);
/* Copies what two boxes share. */
void entro_area_copy(int rank, gsize element_size, const EntroArea *from_box, const void *from,
                     const EntroArea *to_box, void *to);

/* Steps `at` to the next chunk corner of the chunks that meet the box; FALSE after the last. */
gboolean entro_box_next_chunk(const EntroDataset *dataset, const hsize_t *origin,
                              const hsize_t *dims, hsize_t *at);
void entro_box_first_chunk(const EntroDataset *dataset, const hsize_t *origin, hsize_t *at);

/* Reads a box of a small dataset; of contiguous data its axes behind the first must be whole. */
EntroRead entro_dataset_read_box(const EntroDataset *dataset, const hsize_t *origin,
                                 const hsize_t *dims, void *to, char **ret_problem);

/* The same beside a writer: what it was just replacing is read again (trace-series.c). */
EntroRead entro_read_patiently(const EntroDataset *dataset, const hsize_t *origin,
                               const hsize_t *dims, void *to, char **ret_problem);

/* pread until done; FALSE with a sentence at the end of the file or on an error. */
gboolean entro_read_at(int fd, void *to, gsize size, guint64 offset, char **ret_problem);

/* ---- layouts (layouts.c) -------------------------------------------------------------------------- */

const EntroLayout *entro_layout_find(const char *key); /* NULL: there is none */
/* Of a trace in one HDF5 file with /step, which the following are for: */
gboolean entro_layout_is_own(const EntroLayout *layout);
/* The group in which the layers are numbered; the caller frees these paths. */
char *entro_layout_group(const EntroLayout *layout);
/* The dataset of a layer's attention. */
char *entro_layout_path(const EntroLayout *layout, guint layer);
/* The group that is the layer's own, with its attributes and other parts; NULL if it has none. */
char *entro_layout_folder(const EntroLayout *layout, guint layer);

/* ---- the source (trace.c reads it, source.c hands out tiles, tile.c decodes them) --------------- */

/* How one layer is cut into tiles: the box of a tile, in captures, samples, heads, queries. */
typedef struct {
    hsize_t box[4];
    guint n_pieces;   /* chunks that a box meets at most */
    guint n_beside;   /* the same of what lies beside it */
    gsize encoded;    /* bytes of one piece, at most */
    gsize decoded;    /* bytes of a whole box */
    gboolean partial; /* a box is a part of a chunk, one range of its bytes */
    gboolean direct;  /* the box is one chunk and its rows are whole: no assembly */
} EntroPlan;

/* A learnable parameter of one layer. */
typedef struct {
    EntroDataset dataset; /* without a name: there is none */
    EntroElement element;
    gboolean big_endian;
} EntroParamData;

/* What the root says of all layers. */
typedef struct {
    gsize window;
    double scale; /* NaN: by the layer's own head_dim */
    gsize n_keys; /* 0: not said */
} EntroLayerRule;

/* Numbers of each key that all layers share: padding, documents.  Those of the capture read last are
 * kept. */
typedef struct {
    EntroDataset dataset; /* [S,B,T]; without a name: there are none */
    gpointer values;      /* [B,T] of `capture` */
    gsize capture;
} EntroKeyNumbers;

struct EntroSource {
    EntroTrace trace;
    EntroLimits limits;
    const EntroLayout *layout;    /* of the file; before it is opened: as asked for, or NULL */
    struct EntroArchive *archive; /* the file; NULL: a folder */
    EntroReader *reader;          /* the archive's; NULL: not HDF5 */
    int fd;                       /* likewise */
    struct EntroForeign *foreign; /* where its arrays are, if another program has written it */
    EntroLayerRule rule;
    EntroDataset *attention; /* [n_layers] the rows: attention, queries or row entropies */
    EntroParamData *beside;  /* [n_layers] keys or largest logits; without a name: there are none */
    EntroPlan *plan;         /* [n_layers] */
    EntroParamData *params;  /* [n_layers][ENTRO_N_PARAMS] */
    EntroKeyNumbers key_mask; /* guint8 */
    EntroKeyNumbers segment;  /* gint64 */

    gsize *selected; /* positions along /step */
    gsize n_selected;
    gsize group, group_end; /* of `selected`: captures handed out together */
    gsize group_max;        /* most captures in a group */
    guint layer;            /* the next tile */
    hsize_t corner[4];
    gboolean fresh; /* `corner` is to be set to the layer's first */
};

/* Finds the pieces of the box that the tile names.  FALSE is a refusal. */
gboolean entro_tile_find(EntroSource *source, EntroTile *tile, GError **error);

/* Reads everything but the attention itself. */
gboolean entro_trace_read(EntroSource *source, const char *path, GError **error);
/* Lists, and the root attributes that any file may have. */
void entro_trace_begin(EntroSource *source, const char *path);
void entro_trace_read_root(EntroSource *source);
void entro_trace_set_attempts(EntroTrace *trace);
/* What follows from all of it; the context length too, if none was said. */
void entro_trace_note_state(EntroTrace *trace);
/* Whether a file of HDF5 is a trace for our own reader: says so, or has what one of its layouts needs. */
gboolean entro_trace_is_own(EntroSource *source);
void entro_trace_clear(EntroTrace *trace);

/* ---- parts of a trace (trace.c, trace-series.c, trace-layers.c) --------------------------------- */

#define ENTRO_NAME_MAX 1024 /* bytes of a name that is shown or stored */

void entro_note(GPtrArray *list, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* `missing` when absent or no integer. */
gint64 entro_integer_attribute(EntroReader *reader, const char *path, const char *name,
                               gint64 missing);
EntroCausal entro_causal_attribute(EntroTrace *trace, EntroReader *reader, const char *path,
                                   EntroCausal missing);

/* Takes the attributes window, scale and n_keys of the object at `path`, called `name`; FALSE with a
 * sentence when one of them makes no sense. */
gboolean entro_rule_attributes(EntroReader *reader, const char *path, const char *name,
                               EntroLayerRule *rule, GError **error);

typedef struct {
    gboolean may_be_cut;  /* given: a damaged rest is a problem to note, not an error */
    gsize n, n_announced; /* that can be read; that there are */
    void *values;         /* [n], 8 bytes each */
} EntroSeries;

#define ENTRO_SERIES_MAX 10000000 /* entries of one scalar */

/* A one-dimensional dataset of integers (to gint64) or of reals (to double). */
gboolean entro_read_series(EntroSource *source, const char *path, EntroClass class, gsize max_n,
                           EntroSeries *ret_series, GError **error);

gboolean entro_trace_read_steps(EntroSource *source, GError **error);
gboolean entro_trace_read_config(EntroSource *source, GError **error);
void entro_trace_read_scalars(EntroSource *source);
gboolean entro_trace_read_layers(EntroSource *source, GError **error);
/* Those beside the layer at `position`; what is wrong with one is a problem of the trace (params.c). */
void entro_trace_read_params(EntroSource *source, guint position);
/* Opened before the layers are read, since row entropies do not tell how many keys there are; checked
 * against them afterwards. */
gboolean entro_trace_open_masks(EntroSource *source, GError **error);
gboolean entro_trace_check_masks(const EntroSource *source, GError **error);
/* What the layer stores its rows as, into layer->input; then all of the layer, which has its index (trace-inputs.c). */
gboolean entro_layer_find_input(EntroSource *source, EntroLayer *layer, gboolean *ret_found,
                                GError **error);
gboolean entro_layer_read_input(EntroSource *source, guint position, GError **error);
/* Head of the keys that a head of the queries uses. */
static inline guint
entro_key_head(const EntroLayer *layer, guint head)
{
    return (guint)((guint64)head * layer->n_key_heads / layer->n_heads);
}
gboolean entro_layer_check_shape(const EntroSource *source, const EntroDataset *dataset,
                                 const EntroLayer *layer, GError **error);
/* What follows from the datasets of the layer at `position`; `rule` of queries. */
void entro_layer_fill(EntroSource *source, guint position, const EntroLayerRule *rule);
/* Captures that all datasets of a layer hold. */
hsize_t entro_layer_captures(const EntroSource *source, guint layer);
/* A type of ours, or uint16 with the attribute encoding="bf16". */
gboolean entro_dataset_read_element(const EntroDataset *dataset, EntroElement *ret_element,
                                    gboolean *ret_big_endian, GError **error);

/* One stored chunk of a tile, or the whole box when the data are contiguous. */
typedef struct {
    EntroExtent extent;
    EntroArea box; /* elements, once decoded */
    gsize base;    /* elements before its first */
} EntroPiece;

struct EntroTilePrivate {
    const EntroSource *source;
    EntroPiece *pieces;
    guint n_pieces;
    EntroPiece *beside; /* chunks; nothing of contiguous data */
    guint n_beside;
    guint8 *key_mask;             /* [n_captures][n_samples][n_keys], NULL without */
    gint64 *segment;              /* the same */
    int fd;                       /* where its pieces lie */
    struct EntroArchive *archive; /* whose file that is, held; NULL: the source's */
    char *array;                  /* the name of its array, where each has one of its own */
    GBytes *whole;                /* elements of its one piece, decoded already; or NULL */
};

/* What a tile is in the dataset: origin and size of its box, all keys included. */
void entro_tile_box(const EntroTile *tile, const EntroDataset *dataset, hsize_t *ret_origin,
                    hsize_t *ret_dims);
/* Records what is wrong with the tile; takes `problem`, which goes on after "a chunk" or "its block". */
void entro_tile_spoil(EntroTile *tile, EntroRead read, const EntroDataset *dataset, char *problem);

#endif
