/* containers-private.h: what the files of this folder share. */
#ifndef ENTRO_CONTAINERS_PRIVATE_H
#define ENTRO_CONTAINERS_PRIVATE_H

#include "containers.h"

/* ---- bytes (containers.c, inflate.c) ---------------------------------------------------------- */

/* Sets `error` to this sentence part; always FALSE. */
gboolean entro_container_fail(GError **error, EntroLoaderError code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
gboolean entro_container_size(int fd, guint64 *ret_size, GError **error);
gboolean entro_container_read(int fd, void *to, gsize size, guint64 offset, GError **error);

static inline guint64
entro_little(const guint8 *bytes, guint n)
{
    guint64 value = 0;

    while (n-- > 0)
        value = value << 8 | bytes[n];
    return value;
}

/* The first `want` bytes of raw deflate; `whole`: all that it has, or it is damaged. */
gboolean entro_inflate(int fd, guint64 offset, guint64 size, guint8 *to, gsize want, gboolean whole,
                       GError **error);
guint32 entro_crc32(const guint8 *bytes, gsize size);

/* ---- arrays (containers.c) ---------------------------------------------------------------------- */

/* The first problem of an array is kept. */
void entro_array_spoil(EntroArray *array, gboolean refused, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void entro_array_spoil_by(EntroArray *array, GError *error); /* which is freed */
/* A name of a type in a file. */
typedef struct {
    const char *name;
    int kind;
    EntroElement element; /* not of integers */
    guint integer_size;
    gboolean is_signed;
} EntroArrayType;

/* FALSE: none of them is called `name`. */
gboolean entro_array_take_type(EntroArray *array, const EntroArrayType *types, gsize n,
                               const char *name);
/* A shape of `rank` axes as scanned, of which at most ENTRO_STORED_RANK_MAX are in `dims`. */
void entro_array_shape(EntroArray *array, const guint64 *dims, gsize rank);
/* Bytes of all elements; FALSE: more than can be counted.  Not of one with a problem. */
gboolean entro_array_bytes(const EntroArray *array, guint64 *ret_bytes, GError **error);

/* ---- text (scan.c, json-string.c) ------------------------------------------------------------ */

typedef struct {
    const char *start, *at, *end;
} EntroScan;

/* Each passes over blanks; FALSE: it is not what stands there, and nothing more is passed over. */
gboolean entro_scan_char(EntroScan *scan, char wanted);
gboolean entro_scan_word(EntroScan *scan, const char *wanted);
gboolean entro_scan_number(EntroScan *scan, guint64 *ret_number); /* decimal, without a sign */
gboolean entro_scan_end(EntroScan *scan);                         /* nothing follows */
/* Numbers between brackets, all counted, the first `max` kept; `open_end`: a comma may follow the last,
 * and must follow one that is alone, as in a tuple of Python. */
gboolean entro_scan_list(EntroScan *scan, const char *brackets, gboolean open_end, guint64 *to,
                         gsize max, gsize *ret_n);
/* A string of JSON without a NUL, in text that is UTF-8; NULL: it is none.  The caller frees it. */
char *entro_scan_json_string(EntroScan *scan);
/* Always FALSE: what was expected where the scan is, in the header. */
gboolean entro_scan_fail(const EntroScan *scan, const char *expected, GError **error);

/* ---- kinds (npy.c, zip-end.c, zip.c, npz.c, safetensors.c) ------------------------------------ */

#define ENTRO_NPY_MAGIC "\x93NUMPY"
#define ENTRO_NPY_START 12 /* bytes that tell how long the head is; no head is shorter */

/* Bytes before the first element, by the first ENTRO_NPY_START. */
gboolean entro_npy_measure(const guint8 *start, gsize *ret_head, GError **error);
/* Type and shape from a whole head; an error is a head that is none, a type that is of no use is the
 * array's problem. */
gboolean entro_npy_parse(EntroArray *array, const guint8 *head, gsize size, GError **error);
GPtrArray *entro_npy_list(int fd, GError **error);

typedef struct {
    guint64 at;           /* where the records at the end begin */
    guint64 offset, size; /* of the directory */
    guint64 n;            /* entries */
} EntroZipDirectory;

gboolean entro_zip_find_directory(int fd, EntroZipDirectory *ret_directory, GError **error);

#define ENTRO_MEMBER_NAME_MAX 1024 /* bytes; a longer name is cut, and a problem */

typedef struct {
    EntroArray broken; /* name, problem and refused alone */
    gboolean deflated;
    guint flags, method;
    guint32 crc;
    guint64 encoded, decoded;   /* bytes */
    guint64 header, start, end; /* of its local header; of its data; 0 where it has none */
} EntroZipMember;

/* Members of an archive in the order of its directory, all checked. */
GPtrArray *entro_zip_list(int fd, GError **error);
GPtrArray *entro_npz_list(int fd, GError **error);
GPtrArray *entro_safetensors_list(int fd, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroArray, entro_array_free)

#endif
