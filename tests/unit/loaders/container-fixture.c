/* container-fixture.c: the bytes of .npy, .npz and .safetensors, and what their readers make of them. */
#include "container-fixture.h"

#include <libdeflate.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
fixture_file(const void *bytes, gsize size)
{
    int fd = memfd_create("container", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, size), ==, (gssize)size);
    return fd;
}

GPtrArray *
fixture_list(const GByteArray *bytes, EntroContainer kind, GError **error)
{
    int fd = fixture_file(bytes->data, bytes->len);
    GPtrArray *list = entro_container_list(fd, kind, error);

    g_assert_true((list == NULL) == (*error != NULL));
    close(fd);
    return list;
}

EntroArray *
fixture_first(GPtrArray *list, GError *error)
{
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, >=, 1);
    return list->pdata[0];
}

void
fixture_words(const char *found, const char *words, const char *of)
{
    if (found == NULL || strstr(found, words) == NULL)
        g_error("expected \"%s\", found \"%s\" of %s", words, found != NULL ? found : "nothing",
                of);
}

void
fixture_expect_error(const GByteArray *bytes, EntroContainer kind, int code, const char *words,
                     const char *of)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = fixture_list(bytes, kind, &error);

    fixture_words(error != NULL ? error->message : NULL, words, of);
    g_assert_error(error, ENTRO_LOADER_ERROR, code);
}

void
fixture_expect_problem(const GByteArray *bytes, EntroContainer kind, gboolean refused,
                       const char *words, const char *of)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = fixture_list(bytes, kind, &error);
    const EntroArray *array = fixture_first(list, error);

    fixture_words(array->problem, words, of);
    g_assert_cmpint(array->refused, ==, refused);
}

void
fixture_put(GByteArray *to, guint64 value, guint n)
{
    for (guint i = 0; i < n; i++) {
        guint8 byte = (guint8)(value >> 8 * i);
        g_byte_array_append(to, &byte, 1);
    }
}

void
fixture_put_text(GByteArray *to, const char *text)
{
    g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text));
}

void
fixture_poke(GByteArray *bytes, gsize at, guint64 value, guint n)
{
    g_assert_cmpuint(at + n, <=, bytes->len);
    for (guint i = 0; i < n; i++)
        bytes->data[at + i] = (guint8)(value >> 8 * i);
}

GByteArray *
fixture_npy(guint major, guint64 length, const char *header, const char *payload)
{
    GByteArray *bytes = g_byte_array_new();

    fixture_put_text(bytes, ENTRO_NPY_MAGIC);
    fixture_put(bytes, major, 2);
    fixture_put(bytes, length, major == 1 ? 2 : 4);
    fixture_put_text(bytes, header);
    fixture_put_text(bytes, payload);
    return bytes;
}

GByteArray *
fixture_npy_of(const char *header)
{
    return fixture_npy(1, strlen(header), header, PAYLOAD);
}

void
zip_clear(Zip *zip)
{
    g_byte_array_unref(zip->bytes);
}
Encoded
fixture_encode(const GByteArray *member, gboolean deflated)
{
    Encoded encoded = {g_byte_array_new(), member->len, entro_crc32(member->data, member->len),
                       deflated ? 8 : 0};

    if (deflated) {
        struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
        gsize bound = libdeflate_deflate_compress_bound(compressor, member->len);
        g_byte_array_set_size(encoded.stored, (guint)bound);
        gsize size = libdeflate_deflate_compress(compressor, member->data, member->len,
                                                 encoded.stored->data, bound);
        g_byte_array_set_size(encoded.stored, (guint)size);
        libdeflate_free_compressor(compressor);
    } else {
        g_byte_array_append(encoded.stored, member->data, member->len);
    }
    return encoded;
}

/* Method, time, checksum, sizes, lengths: alike in both kinds of header. */
static void
put_facts(GByteArray *to, const Encoded *encoded, const char *name, gsize extra)
{
    fixture_put(to, 0, 2);
    fixture_put(to, encoded->method, 2);
    fixture_put(to, 0, 4);
    fixture_put(to, encoded->crc, 4);
    fixture_put(to, encoded->stored->len, 4);
    fixture_put(to, encoded->decoded, 4);
    fixture_put(to, strlen(name), 2);
    fixture_put(to, extra, 2);
}

void
fixture_put_local(GByteArray *to, const Encoded *encoded, const char *name)
{
    fixture_put_text(to, "PK\003\004");
    fixture_put(to, 20, 2);
    put_facts(to, encoded, name, 0);
    fixture_put_text(to, name);
    g_byte_array_append(to, encoded->stored->data, encoded->stored->len);
}

void
fixture_put_entry(GByteArray *to, const Encoded *encoded, const char *name, gsize local)
{
    fixture_put_text(to, "PK\001\002");
    fixture_put(to, 20, 2);
    fixture_put(to, 20, 2);
    put_facts(to, encoded, name, 0);
    fixture_put(to, 0, 4); /* comment, disk */
    fixture_put(to, 0, 6); /* attributes */
    fixture_put(to, local, 4);
    fixture_put_text(to, name);
}

void
fixture_put_end(GByteArray *to, guint n, gsize directory, gsize at)
{
    fixture_put_text(to, "PK\005\006");
    fixture_put(to, 0, 4);
    fixture_put(to, n, 2);
    fixture_put(to, n, 2);
    fixture_put(to, at - directory, 4);
    fixture_put(to, directory, 4);
    fixture_put(to, 0, 2);
}

Zip
fixture_zip(const GByteArray *member, gboolean deflated, const char *second)
{
    Encoded encoded = fixture_encode(member, deflated);
    Zip zip = {.bytes = g_byte_array_new(), .data = 30 + strlen("a.npy")};

    zip.encoded = encoded.stored->len;
    zip.decoded = encoded.decoded;
    fixture_put_local(zip.bytes, &encoded, "a.npy");
    gsize second_at = zip.bytes->len;
    if (second != NULL)
        fixture_put_local(zip.bytes, &encoded, second);
    zip.directory = zip.bytes->len;
    fixture_put_entry(zip.bytes, &encoded, "a.npy", 0);
    if (second != NULL)
        fixture_put_entry(zip.bytes, &encoded, second, second_at);
    zip.end = zip.bytes->len;
    fixture_put_end(zip.bytes, second != NULL ? 2 : 1, zip.directory, zip.end);
    g_byte_array_unref(encoded.stored);
    return zip;
}

GByteArray *
fixture_npy_steps(void)
{
    GByteArray *bytes =
        fixture_npy(1, 60, "{'descr': '<i8', 'fortran_order': False, 'shape': (100,), }\n", "");

    for (guint i = 0; i < 100; i++)
        fixture_put(bytes, 10 * i, 8);
    return bytes;
}

void
fixture_insert_extra(Zip *zip, gboolean local, const GByteArray *extra)
{
    const gsize at = local ? zip->local + 30 + 5 : zip->directory + 46 + 5; /* "a.npy" */
    g_autoptr(GByteArray) rest = g_byte_array_new();

    g_byte_array_append(rest, zip->bytes->data + at, zip->bytes->len - (guint)at);
    g_byte_array_set_size(zip->bytes, (guint)at);
    g_byte_array_append(zip->bytes, extra->data, extra->len);
    g_byte_array_append(zip->bytes, rest->data, rest->len);
    zip->directory += local ? extra->len : 0;
    zip->end += extra->len;
    fixture_poke(zip->bytes, local ? zip->local + 28 : zip->directory + 30, extra->len, 2);
    fixture_poke(zip->bytes, zip->end + 12, zip->end - zip->directory, 4);
    fixture_poke(zip->bytes, zip->end + 16, zip->directory, 4);
}

void
fixture_add_end64(Zip *zip)
{
    g_autoptr(GByteArray) old = g_byte_array_new();

    g_byte_array_append(old, zip->bytes->data + zip->end, zip->bytes->len - (guint)zip->end);
    g_byte_array_set_size(zip->bytes, (guint)zip->end);
    fixture_put_text(zip->bytes, "PK\006\006");
    fixture_put(zip->bytes, 44, 8);
    fixture_put(zip->bytes, 45 | 45 << 16, 4);
    fixture_put(zip->bytes, 0, 8);
    fixture_put(zip->bytes, 1, 8);
    fixture_put(zip->bytes, 1, 8);
    fixture_put(zip->bytes, zip->end - zip->directory, 8);
    fixture_put(zip->bytes, zip->directory, 8);
    fixture_put_text(zip->bytes, "PK\006\007");
    fixture_put(zip->bytes, 0, 4);
    fixture_put(zip->bytes, zip->end, 8);
    fixture_put(zip->bytes, 1, 4);
    g_byte_array_append(zip->bytes, old->data, old->len);
}

GByteArray *
fixture_safetensors(const char *header, gsize data)
{
    GByteArray *bytes = g_byte_array_new();

    fixture_put(bytes, strlen(header), 8);
    fixture_put_text(bytes, header);
    for (gsize i = 0; i < data; i++)
        fixture_put(bytes, i, 1);
    return bytes;
}
