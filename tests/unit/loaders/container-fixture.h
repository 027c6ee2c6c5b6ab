/* container-fixture.h: .npy, .npz and .safetensors made by hand, so that they can lie, in memory. */
#ifndef CONTAINER_FIXTURE_H
#define CONTAINER_FIXTURE_H

#include "containers/containers-private.h"

#define PAYLOAD          "abcdefghijklmnop" /* 16 bytes: 4 of f4 */
#define F4(ORDER, SHAPE) "{'descr': '<f4', 'fortran_order': " ORDER ", 'shape': " SHAPE ", }  \n"
#define TENSOR(NAME, TYPE, SHAPE, RANGE)                                                           \
    "\"" NAME "\":{\"dtype\":\"" TYPE "\",\"shape\":" SHAPE ",\"data_offsets\":" RANGE "}"
#define A16 TENSOR("a", "F32", "[2,2]", "[0,16]")

/* An archive, and where its parts begin. */
typedef struct {
    GByteArray *bytes;
    gsize local, data, directory, end;
    gsize encoded, decoded;
} Zip;

/* The content of a member; `stored` is the caller's. */
typedef struct {
    GByteArray *stored; /* as it lies in the file */
    gsize decoded;
    guint32 crc;
    guint method;
} Encoded;

/* A file without a name; the caller closes it. */
int fixture_file(const void *bytes, gsize size);
GPtrArray *fixture_list(const GByteArray *bytes, EntroContainer kind, GError **error);
/* The only array, without an error of the file. */
EntroArray *fixture_first(GPtrArray *list, GError *error);
/* `words` stand in what was found of something, which `of` names. */
void fixture_words(const char *found, const char *words, const char *of);
/* The file is refused with these words. */
void fixture_expect_error(const GByteArray *bytes, EntroContainer kind, int code, const char *words,
                          const char *of);
/* Its first array is of no use with these words. */
void fixture_expect_problem(const GByteArray *bytes, EntroContainer kind, gboolean refused,
                            const char *words, const char *of);
/* Little-endian, at the end or over what is there. */
void fixture_put(GByteArray *to, guint64 value, guint n);
void fixture_put_text(GByteArray *to, const char *text);
void fixture_poke(GByteArray *bytes, gsize at, guint64 value, guint n);
/* Version, length of the header as it claims, header, elements; fixture_npy_of() tells the truth. */
GByteArray *fixture_npy(guint major, guint64 length, const char *header, const char *payload);
GByteArray *fixture_npy_of(const char *header);
void zip_clear(Zip *zip);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Zip, zip_clear)
Encoded fixture_encode(const GByteArray *member, gboolean deflated);
void fixture_put_local(GByteArray *to, const Encoded *encoded, const char *name);
void fixture_put_entry(GByteArray *to, const Encoded *encoded, const char *name, gsize local);
void fixture_put_end(GByteArray *to, guint n, gsize directory, gsize at);
/* One member, "a.npy", and one called `second` with the same content unless that is NULL. */
Zip fixture_zip(const GByteArray *member, gboolean deflated, const char *second);
/* 100 integers: 0, 10, 20 ... */
GByteArray *fixture_npy_steps(void);
/* Puts extra fields behind the name in the directory, or beside the data. */
void fixture_insert_extra(Zip *zip, gboolean local, const GByteArray *extra);
/* Puts a ZIP64 record and its locator before the end. */
void fixture_add_end64(Zip *zip);
/* A header and so many bytes of data. */
GByteArray *fixture_safetensors(const char *header, gsize data);

#endif
