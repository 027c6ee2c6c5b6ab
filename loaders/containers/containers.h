/* containers.h: arrays in files that are not HDF5: .npy, .npz and .safetensors.
 *
 * These say where the bytes of each array lie and what they are; nothing is decoded but heads and small
 * arrays of integers.  Every number in a file is a claim until it is checked against the file's size. */
#ifndef ENTRO_CONTAINERS_H
#define ENTRO_CONTAINERS_H

#include "entro-loader.h"

#define ENTRO_STORED_RANK_MAX 8

typedef struct {
    char *name;       /* of an npz member without ".npy", of a tensor; "" of a .npy file; as in the
                       * file, so entro_printable() before it is shown */
    char *problem;    /* why it is of no use, what goes on after its name; NULL: good */
    gboolean refused; /* `problem` is one of policy or of a limit */
    /* BITS16: no type of 16 bits has a name for bf16, so |V2, u2 and i2 may be that */
    enum { ENTRO_ARRAY_FLOAT, ENTRO_ARRAY_INTEGER, ENTRO_ARRAY_BITS16 } kind;
    EntroElement element; /* BITS16: ENTRO_BF16 */
    guint integer_size;   /* bytes, also of u2 and i2; 0: no integer */
    gboolean is_signed;
    gboolean big_endian;
    guint rank;
    guint64 dims[ENTRO_STORED_RANK_MAX]; /* [rank], in the order of the file's shape */
    gboolean fortran;                    /* the first axis is the one that runs fastest */
    guint64 offset, size; /* where the encoded bytes lie; not deflated: exactly the elements */
    gboolean deflated;    /* raw deflate of head and elements */
    gsize head;           /* deflated: bytes of the decoded stream before the first element */
    guint64 decoded;      /* deflated: bytes of the whole decoded stream */
    guint32 crc;          /* deflated: CRC-32 of the decoded stream */
} EntroArray;

typedef enum {
    ENTRO_CONTAINER_NONE,
    ENTRO_CONTAINER_NPY,
    ENTRO_CONTAINER_NPZ,
    ENTRO_CONTAINER_SAFETENSORS
} EntroContainer;

/* By the first bytes; safetensors have a length that fits the file, then '{'. */
EntroContainer entro_container_probe(int fd);
/* Of EntroArray, freed with it.  An array that is of no use says why; an error is one of the file, its
 * message goes on after the path. */
GPtrArray *entro_container_list(int fd, EntroContainer kind, GError **error);
void entro_array_free(EntroArray *array);
/* A number or a row of at most `max` integers (steps); deflated ones by their checksum. */
gint64 *entro_array_read_integers(int fd, const EntroArray *array, gsize max, gsize *ret_n,
                                  GError **error);

#endif
