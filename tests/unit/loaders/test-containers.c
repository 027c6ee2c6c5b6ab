/* test-containers.c: the lies that .npy, .npz and .safetensors can tell, each in bytes made by hand, and
 * many random ones.  That good files are read as numpy meant them is the matter of check_containers.py. */
#include "containers/containers-private.h"

#include <libdeflate.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAYLOAD "abcdefghijklmnop" /* 16 bytes: 4 of f4 */

/* ---- files in memory -------------------------------------------------------------------------------- */

static int
make_file(const void *bytes, gsize size)
{
    int fd = memfd_create("container", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, size), ==, (gssize)size);
    return fd;
}

static GPtrArray *
list_as(const GByteArray *bytes, EntroContainer kind, GError **error)
{
    int fd = make_file(bytes->data, bytes->len);
    GPtrArray *list = entro_container_list(fd, kind, error);

    g_assert_true((list == NULL) == (*error != NULL));
    close(fd);
    return list;
}

/* The only array, without an error of the file. */
static EntroArray *
first_of(GPtrArray *list, GError *error)
{
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, >=, 1);
    return list->pdata[0];
}

static void
check_words(const char *found, const char *words, const char *of)
{
    if (found == NULL || strstr(found, words) == NULL)
        g_error("expected \"%s\", found \"%s\" of %s", words, found != NULL ? found : "nothing",
                of);
}

/* The file is refused with these words. */
static void
expect_error(const GByteArray *bytes, EntroContainer kind, int code, const char *words,
             const char *of)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = list_as(bytes, kind, &error);

    check_words(error != NULL ? error->message : NULL, words, of);
    g_assert_error(error, ENTRO_LOADER_ERROR, code);
}

/* Its first array is of no use with these words. */
static void
expect_problem(const GByteArray *bytes, EntroContainer kind, gboolean refused, const char *words,
               const char *of)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = list_as(bytes, kind, &error);
    const EntroArray *array = first_of(list, error);

    check_words(array->problem, words, of);
    g_assert_cmpint(array->refused, ==, refused);
}

static void
put(GByteArray *to, guint64 value, guint n)
{
    for (guint i = 0; i < n; i++) {
        guint8 byte = (guint8)(value >> 8 * i);
        g_byte_array_append(to, &byte, 1);
    }
}

static void
put_text(GByteArray *to, const char *text)
{
    g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text));
}

static void
poke(GByteArray *bytes, gsize at, guint64 value, guint n)
{
    g_assert_cmpuint(at + n, <=, bytes->len);
    for (guint i = 0; i < n; i++)
        bytes->data[at + i] = (guint8)(value >> 8 * i);
}

/* ---- npy -------------------------------------------------------------------------------------------- */

static GByteArray *
make_npy(guint major, guint64 length, const char *header, const char *payload)
{
    GByteArray *bytes = g_byte_array_new();

    put_text(bytes, ENTRO_NPY_MAGIC);
    put(bytes, major, 2);
    put(bytes, length, major == 1 ? 2 : 4);
    put_text(bytes, header);
    put_text(bytes, payload);
    return bytes;
}

static GByteArray *
npy_of(const char *header)
{
    return make_npy(1, strlen(header), header, PAYLOAD);
}

#define F4(ORDER, SHAPE) "{'descr': '<f4', 'fortran_order': " ORDER ", 'shape': " SHAPE ", }  \n"

static void
test_npy_headers_that_are_good(void)
{
    static const struct {
        const char *header;
        guint rank;
        guint64 dims[3];
        gboolean fortran;
    } rows[] = {
        {F4("False", "(4,)"), 1, {4}, FALSE},
        {F4("True", "(2, 2)"), 2, {2, 2}, TRUE},
        {F4("False", "(1, 4, 1,)"), 3, {1, 4, 1}, FALSE},
        {"{'shape':(4,),'fortran_order':False,'descr':'<f4'}", 1, {4}, FALSE},
        {" {\"descr\" : \"=f4\" ,\n'fortran_order':False, 'shape': ( 4 , )}", 1, {4}, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = npy_of(rows[i].header);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = list_as(bytes, ENTRO_CONTAINER_NPY, &error);
        const EntroArray *array = first_of(list, error);
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_cmpuint(array->rank, ==, rows[i].rank);
        g_assert_cmpmem(array->dims, array->rank * 8, rows[i].dims, rows[i].rank * 8);
        g_assert_cmpint(array->fortran, ==, rows[i].fortran);
        g_assert_cmpuint(array->offset, ==, bytes->len - 16);
        g_assert_cmpuint(array->size, ==, 16);
    }
}

static void
test_npy_headers_that_are_none(void)
{
    static const char *const headers[] = {
        "",
        "{",
        "}",
        "{}",
        "{,}",
        "[]",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (4,)}",
        "{'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)},",
        "{'descr': '<f4', 'fortran_order': False,, 'shape': (4,)}",
        "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': <f4, 'fortran_order': False, 'shape': (4,)}",
        "{'descr': 4, 'fortran_order': False, 'shape': (4,)}",
        "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (4,)}",
        F4("false", "(4,)"),
        F4("0", "(4,)"),
        F4("None", "(4,)"),
        F4("False", "(4)"),
        F4("False", "4"),
        F4("False", "[4]"),
        F4("False", "(4,,)"),
        F4("False", "(,)"),
        F4("False", "(-4,)"),
        F4("False", "(+4,)"),
        F4("False", "(04,)"),
        F4("False", "(4.0,)"),
        F4("False", "(4L,)"),
        F4("False", "(0x4,)"),
        F4("False", "(2**2,)"),
        F4("False", "(4, None)"),
        F4("False", "(2 2)"),
        F4("False", "(18446744073709551616,)"),
        F4("False", "(99999999999999999999999999,)"),
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = npy_of(headers[i]);
        expect_error(bytes, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "broken header",
                     headers[i]);
    }
}

static void
test_npy_types_that_are_of_no_use(void)
{
    static const struct {
        const char *descr;
        gboolean refused;
        const char *words;
    } rows[] = {
        {"'|O'", TRUE, "Python objects"},
        {"'O'", TRUE, "Python objects"},
        {"'|O8'", TRUE, "Python objects"},
        {"[('a', '<f4')]", TRUE, "several fields"},
        {"[('a', '|O'), ('b', [('c', '<f4')])]", TRUE, "several fields"},
        {"('<f4', (2,))", TRUE, "several fields"},
        {"'<f16'", FALSE, "\"<f16\""},
        {"'<f3'", FALSE, "\"<f3\""},
        {"'<c8'", FALSE, "\"<c8\""},
        {"'<U4'", FALSE, "\"<U4\""},
        {"'|S4'", FALSE, "\"|S4\""},
        {"'|V4'", FALSE, "\"|V4\""},
        {"'<M8[s]'", FALSE, "\"<M8[s]\""},
        {"'f4'", FALSE, "\"f4\""},
        {"'!f4'", FALSE, "\"!f4\""},
        {"''", FALSE, "\"\""},
        {"'<'", FALSE, "\"<\""},
        {"'<f44'", FALSE, "\"<f44\""},
        {"'<\x1b[2J'", FALSE, "x1b[2J"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *header =
            g_strdup_printf("{'descr': %s, 'fortran_order': False, 'shape': (4,), }",
                            rows[i].descr);
        g_autoptr(GByteArray) bytes = npy_of(header);
        expect_problem(bytes, ENTRO_CONTAINER_NPY, rows[i].refused, rows[i].words, header);
    }
    g_autoptr(GByteArray) axes = npy_of(F4("False", "(1, 1, 1, 1, 1, 1, 1, 1, 4)"));
    expect_problem(axes, ENTRO_CONTAINER_NPY, FALSE, "9 axes", "axes");
}

static void
test_npy_sizes_that_lie(void)
{
    static const struct {
        const char *shape;
        int code;
        const char *words;
    } rows[] = {
        {F4("False", "(5,)"), ENTRO_LOADER_ERROR_FORMAT, "needs 20 bytes, of which 4 are missing"},
        {F4("False", "(3,)"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 4 bytes"},
        {F4("False", "(0,)"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 16 bytes"},
        {F4("False", "()"), ENTRO_LOADER_ERROR_FORMAT, "goes on for 12 bytes"},
        {F4("False", "(4611686018427387904,)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4611686018427387903,)"), ENTRO_LOADER_ERROR_FORMAT, "are missing"},
        {F4("False", "(18446744073709551615,)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4294967296, 4294967296, 4)"), ENTRO_LOADER_ERROR_LIMIT, "can be counted"},
        {F4("False", "(4294967295, 1073741823)"), ENTRO_LOADER_ERROR_FORMAT, "are missing"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = npy_of(rows[i].shape);
        expect_error(bytes, ENTRO_CONTAINER_NPY, rows[i].code, rows[i].words, rows[i].shape);
    }
}

static void
test_npy_lengths_and_versions_that_lie(void)
{
    const char *header = F4("False", "(4,)");
    const guint64 length = strlen(header);
    g_autoptr(GByteArray) version = make_npy(4, length, header, PAYLOAD);
    g_autoptr(GByteArray) none = make_npy(0, length, header, PAYLOAD);
    g_autoptr(GByteArray) minor = make_npy(0x101, length, header, PAYLOAD);
    g_autoptr(GByteArray) beyond = make_npy(1, 60000, header, PAYLOAD);
    g_autoptr(GByteArray) large = make_npy(2, 65537, header, PAYLOAD);
    g_autoptr(GByteArray) huge = make_npy(3, G_MAXUINT32, header, PAYLOAD);
    g_autoptr(GByteArray) empty = g_byte_array_new();

    expect_error(version, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0", "4.0");
    expect_error(none, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0", "0.0");
    expect_error(minor, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "format 1.0", "1.1");
    expect_error(beyond, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "truncated", "beyond");
    expect_error(large, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_LIMIT, "65537 bytes", "large");
    expect_error(huge, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_LIMIT, "4294967295 bytes", "huge");
    expect_error(empty, ENTRO_CONTAINER_NPY, ENTRO_LOADER_ERROR_FORMAT, "truncated", "empty");
    expect_error(empty, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT, "without a directory",
                 "empty");
    expect_error(empty, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "truncated",
                 "empty");
    expect_error(empty, ENTRO_CONTAINER_NONE, ENTRO_LOADER_ERROR_FORMAT, "neither", "empty");
}

/* ---- zip -------------------------------------------------------------------------------------------- */

/* Where the parts of the archive below begin. */
typedef struct {
    GByteArray *bytes;
    gsize local, data, directory, end;
    gsize encoded, decoded;
} Zip;

static void
zip_clear(Zip *zip)
{
    g_byte_array_unref(zip->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Zip, zip_clear)

typedef struct {
    GByteArray *stored; /* as it lies in the file */
    gsize decoded;
    guint32 crc;
    guint method;
} Encoded;

static Encoded
encode(const GByteArray *member, gboolean deflated)
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
    put(to, 0, 2);
    put(to, encoded->method, 2);
    put(to, 0, 4);
    put(to, encoded->crc, 4);
    put(to, encoded->stored->len, 4);
    put(to, encoded->decoded, 4);
    put(to, strlen(name), 2);
    put(to, extra, 2);
}

static void
put_local(GByteArray *to, const Encoded *encoded, const char *name)
{
    put_text(to, "PK\003\004");
    put(to, 20, 2);
    put_facts(to, encoded, name, 0);
    put_text(to, name);
    g_byte_array_append(to, encoded->stored->data, encoded->stored->len);
}

static void
put_entry(GByteArray *to, const Encoded *encoded, const char *name, gsize local)
{
    put_text(to, "PK\001\002");
    put(to, 20, 2);
    put(to, 20, 2);
    put_facts(to, encoded, name, 0);
    put(to, 0, 4); /* comment, disk */
    put(to, 0, 6); /* attributes */
    put(to, local, 4);
    put_text(to, name);
}

static void
put_end(GByteArray *to, guint n, gsize directory, gsize at)
{
    put_text(to, "PK\005\006");
    put(to, 0, 4);
    put(to, n, 2);
    put(to, n, 2);
    put(to, at - directory, 4);
    put(to, directory, 4);
    put(to, 0, 2);
}

/* One member, "a.npy", and one called `second` with the same content unless that is NULL. */
static Zip
make_zip(const GByteArray *member, gboolean deflated, const char *second)
{
    Encoded encoded = encode(member, deflated);
    Zip zip = {.bytes = g_byte_array_new(), .data = 30 + strlen("a.npy")};

    zip.encoded = encoded.stored->len;
    zip.decoded = encoded.decoded;
    put_local(zip.bytes, &encoded, "a.npy");
    gsize second_at = zip.bytes->len;
    if (second != NULL)
        put_local(zip.bytes, &encoded, second);
    zip.directory = zip.bytes->len;
    put_entry(zip.bytes, &encoded, "a.npy", 0);
    if (second != NULL)
        put_entry(zip.bytes, &encoded, second, second_at);
    zip.end = zip.bytes->len;
    put_end(zip.bytes, second != NULL ? 2 : 1, zip.directory, zip.end);
    g_byte_array_unref(encoded.stored);
    return zip;
}

static GByteArray *
steps_npy(void)
{
    GByteArray *bytes =
        make_npy(1, 60, "{'descr': '<i8', 'fortran_order': False, 'shape': (100,), }\n", "");

    for (guint i = 0; i < 100; i++)
        put(bytes, 10 * i, 8);
    return bytes;
}

static void
test_npz_that_is_good(void)
{
    for (guint deflated = 0; deflated < 2; deflated++) {
        g_autoptr(GByteArray) npy = steps_npy();
        g_auto(Zip) zip = make_zip(npy, deflated, "b.npy");
        g_autoptr(GError) error = NULL;
        int fd = make_file(zip.bytes->data, zip.bytes->len);
        gsize n;

        g_assert_cmpint(entro_container_probe(fd), ==, ENTRO_CONTAINER_NPZ);
        g_autoptr(GPtrArray) list = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);
        const EntroArray *array = first_of(list, error);
        g_assert_cmpuint(list->len, ==, 2);
        g_assert_cmpstr(array->name, ==, "a");
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_cmpuint(array->offset, ==, zip.data + (deflated ? 0 : npy->len - 800));
        g_autofree gint64 *steps = entro_array_read_integers(fd, array, 100, &n, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(n, ==, 100);
        g_assert_cmpint(steps[99], ==, 990);
        g_assert_null(entro_array_read_integers(fd, array, 99, &n, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_LIMIT);
        close(fd);
    }
}

/* A change of some bytes from one part of the archive on. */
typedef struct {
    enum { LOCAL, DATA, ENTRY, END } part;
    guint at, n;
    guint64 value;
    gboolean refused;
    const char *words;
} ZipLie;

static gsize
part_at(const Zip *zip, const ZipLie *lie)
{
    const gsize parts[] = {zip->local, zip->data, zip->directory, zip->end};

    return parts[lie->part] + lie->at;
}

static const ZipLie member_lies[] = {
    {LOCAL, 0, 1, 'X', FALSE, "no header"},
    {LOCAL, 8, 2, 0, FALSE, "described differently"},  /* method */
    {LOCAL, 6, 2, 1, FALSE, "described differently"},  /* encrypted */
    {LOCAL, 14, 4, 7, FALSE, "described differently"}, /* checksum */
    {LOCAL, 18, 4, 7, FALSE, "described differently"}, /* sizes */
    {LOCAL, 22, 4, 7, FALSE, "described differently"},
    {LOCAL, 22, 4, 0, FALSE, "described differently"},
    {LOCAL, 22, 4, 0xffffffff, FALSE, "described differently"},
    {LOCAL, 26, 2, 4, FALSE, "described differently"}, /* its name */
    {LOCAL, 26, 2, 60000, FALSE, "runs into the directory"},
    {LOCAL, 28, 2, 60000, FALSE, "runs into the directory"},
    {LOCAL, 30, 1, 'b', FALSE, "described differently"},
    {ENTRY, 8, 2, 1, TRUE, "encrypted"},
    {ENTRY, 8, 2, 1 << 6, TRUE, "encrypted"},
    {ENTRY, 8, 2, 1 << 13, TRUE, "encrypted"},
    {ENTRY, 10, 2, 12, FALSE, "method 12"},
    {ENTRY, 10, 2, 0, FALSE, "is stored, but"},
    {ENTRY, 16, 4, 7, FALSE, "described differently"},
    {ENTRY, 20, 4, 1 << 30, FALSE, "runs into the directory"},
    {ENTRY, 20, 4, 0xffffffff, FALSE, "ZIP64 field is missing"},
    {ENTRY, 24, 4, 7, FALSE, "described differently"},
    {ENTRY, 24, 4, 0xffff0000, TRUE, "which deflate cannot make"},
    {ENTRY, 34, 2, 1, FALSE, "another part"},
    {ENTRY, 42, 4, 1, FALSE, "no header"},
    {ENTRY, 42, 4, 0x7fffffff, FALSE, "no header"},
    {ENTRY, 42, 4, 0xffffffff, FALSE, "ZIP64 field is missing"},
    {DATA, 0, 1, 0xff, FALSE, "cannot be inflated"},
};

static void
test_npz_members_that_lie(void)
{
    g_autoptr(GByteArray) npy = steps_npy();

    for (guint i = 0; i < G_N_ELEMENTS(member_lies); i++) {
        const ZipLie *lie = &member_lies[i];
        g_auto(Zip) zip = make_zip(npy, TRUE, NULL);
        poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, lie->refused, lie->words, lie->words);
    }
}

/* A broken member costs itself. */
static void
test_npz_lies_leave_the_others(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_auto(Zip) zip = make_zip(npy, TRUE, "b.npy");
    g_autoptr(GError) error = NULL;

    poke(zip.bytes, zip.directory + 10, 12, 2);
    g_autoptr(GPtrArray) list = list_as(zip.bytes, ENTRO_CONTAINER_NPZ, &error);
    g_assert_nonnull(first_of(list, error)->problem);
    g_assert_cmpstr(((EntroArray *)list->pdata[1])->problem, ==, NULL);
}

static const ZipLie directory_lies[] = {
    {END, 0, 1, 'X', FALSE, "without a directory"}, {END, 4, 2, 1, TRUE, "several parts"},
    {END, 6, 2, 1, TRUE, "several parts"},          {END, 8, 2, 2, TRUE, "several parts"},
    {END, 10, 2, 2, TRUE, "several parts"},         {END, 8, 4, 0x00020002, FALSE, "entry 2 of 2"},
    {END, 8, 4, 0, FALSE, "behind its 0 entries"},  {END, 12, 4, 0x7fffffff, FALSE, "do not fit"},
    {END, 12, 4, 3, FALSE, "entry 1 of 1"},         {END, 16, 4, 0x7fffffff, FALSE, "do not fit"},
    {END, 16, 4, 0, FALSE, "entry 1 of 1"},         {END, 20, 2, 5, FALSE, "without a directory"},
    {ENTRY, 0, 1, 'X', FALSE, "entry 1 of 1"},      {ENTRY, 28, 2, 60000, FALSE, "entry 1 of 1"},
    {ENTRY, 30, 2, 60000, FALSE, "entry 1 of 1"},   {ENTRY, 32, 2, 1, FALSE, "entry 1 of 1"},
};

static void
test_npz_directories_that_lie(void)
{
    g_autoptr(GByteArray) npy = steps_npy();

    for (guint i = 0; i < G_N_ELEMENTS(directory_lies); i++) {
        const ZipLie *lie = &directory_lies[i];
        g_auto(Zip) zip = make_zip(npy, TRUE, NULL);
        poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        expect_error(zip.bytes, ENTRO_CONTAINER_NPZ,
                     lie->refused ? ENTRO_LOADER_ERROR_POLICY : ENTRO_LOADER_ERROR_FORMAT,
                     lie->words, lie->words);
    }
}

static void
test_npz_cut_anywhere_has_no_directory(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_auto(Zip) zip = make_zip(npy, TRUE, NULL);

    for (guint size = zip.bytes->len; size-- > 0;) {
        g_byte_array_set_size(zip.bytes, size);
        expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT,
                     "without a directory", "a cut archive");
    }
}

static void
test_npz_members_that_share(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_auto(Zip) zip = make_zip(npy, TRUE, "b.npy");
    g_auto(Zip) twins = make_zip(npy, TRUE, "a.npy");
    g_autoptr(GError) error = NULL;
    const gsize second = zip.directory + 46 + strlen("a.npy");

    poke(zip.bytes, second + 42, 0, 4); /* as in a bomb whose members are all the same bytes */
    poke(zip.bytes, second + 46, 'a', 1);
    expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE, "shares bytes", "one for two");
    expect_problem(twins.bytes, ENTRO_CONTAINER_NPZ, FALSE, "more than once", "twins");

    /* the first runs over the second: both are of no use */
    g_auto(Zip) over = make_zip(npy, FALSE, "b.npy");
    const gsize size = over.encoded + 8;
    for (guint i = 0; i < 2; i++) {
        poke(over.bytes, 18 + 4 * i, size, 4);
        poke(over.bytes, over.directory + 20 + 4 * i, size, 4);
    }
    g_autoptr(GPtrArray) list = list_as(over.bytes, ENTRO_CONTAINER_NPZ, &error);
    check_words(first_of(list, error)->problem, "shares bytes", "the first");
    check_words(((EntroArray *)list->pdata[1])->problem, "shares bytes", "the second");
}

static void
test_npz_names(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_autofree char *stem = g_strnfill(1100, 'n');
    g_autofree char *name = g_strconcat(stem, ".npy", NULL);
    g_auto(Zip) zip = make_zip(npy, TRUE, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = list_as(zip.bytes, ENTRO_CONTAINER_NPZ, &error);

    g_assert_cmpstr(first_of(list, error)->problem, ==, NULL);
    const EntroArray *array = list->pdata[1];
    check_words(array->problem, "name of 1104 bytes", "a long name");
    g_assert_true(array->refused);
    g_assert_cmpuint(strlen(array->name), ==, ENTRO_MEMBER_NAME_MAX);

    g_auto(Zip) nul = make_zip(npy, TRUE, "bc.npy");
    g_autoptr(GError) nul_error = NULL;
    poke(nul.bytes, nul.directory + 46 + 5 + 46, 0, 1);
    g_autoptr(GPtrArray) rest = list_as(nul.bytes, ENTRO_CONTAINER_NPZ, &nul_error);
    g_assert_no_error(nul_error);
    g_assert_cmpuint(rest->len, ==, 1); /* a name that ends at once is no array's */
}

/* What the member says of itself. */
static void
test_npz_arrays_that_lie(void)
{
    static const struct {
        const char *header;
        gboolean refused;
        const char *words;
    } rows[] = {
        {F4("False", "(5,)"), FALSE, "has 16 bytes of elements, its shape needs 20"},
        {F4("False", "(3,)"), FALSE, "has 16 bytes of elements, its shape needs 12"},
        {F4("False", "(18446744073709551615,)"), TRUE, "can be counted"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", TRUE, "Python objects"},
        {"{'descr'", FALSE, "broken header"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        for (guint deflated = 0; deflated < 2; deflated++) {
            g_autoptr(GByteArray) npy = npy_of(rows[i].header);
            g_auto(Zip) zip = make_zip(npy, deflated, NULL);
            expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, rows[i].refused, rows[i].words,
                           rows[i].header);
        }
    for (guint deflated = 0; deflated < 2; deflated++) {
        g_autoptr(GByteArray) far = make_npy(1, 60000, F4("False", "(4,)"), PAYLOAD);
        g_auto(Zip) zip = make_zip(far, deflated, NULL);
        expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE, "no NumPy array", "a long header");
        g_autoptr(GByteArray) large = make_npy(2, 70000, F4("False", "(4,)"), PAYLOAD);
        g_auto(Zip) limit = make_zip(large, deflated, NULL);
        expect_problem(limit.bytes, ENTRO_CONTAINER_NPZ, TRUE, "the limit is", "a huge header");
    }
}

/* Blocks without content, as many as there are bytes: nothing comes, and nobody waits for it. */
static void
test_npz_streams_without_content(void)
{
    static const guint8 block[5] = {0, 0, 0, 0xff, 0xff}; /* stored, not the last, 0 bytes */
    g_autoptr(GByteArray) npy = steps_npy();
    Encoded encoded = {g_byte_array_new(), npy->len, 0, 8};
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    for (guint i = 0; i < 1000000; i++)
        g_byte_array_append(encoded.stored, block, sizeof block);
    put_local(bytes, &encoded, "a.npy");
    gsize directory = bytes->len;
    put_entry(bytes, &encoded, "a.npy", 0);
    put_end(bytes, 1, directory, bytes->len);
    g_byte_array_unref(encoded.stored);
    expect_problem(bytes, ENTRO_CONTAINER_NPZ, FALSE, "has no end", "empty blocks");
}

/* A stream that is not what its checksum or its size say. */
static void
test_npz_integers_that_lie(void)
{
    static const struct {
        guint
            at; /* in the entry of the directory; the same is 2 less in the header beside the data */
        gint32 change;
        const char *words;
    } rows[] = {
        {16, 1, "checksum"},
        {24, -8, "longer than announced"},
        {24, 8, "ends early"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) npy = steps_npy();
        const gint32 n = rows[i].at == 24 ? 100 + rows[i].change / 8 : 100;
        g_autofree char *shape = g_strdup_printf("'shape': (%d,), }%s\n", n, n < 100 ? " " : "");
        g_autoptr(GError) error = NULL;
        gsize got;

        memcpy(npy->data + 10 + 60 - strlen(shape), shape, strlen(shape));
        g_auto(Zip) zip = make_zip(npy, TRUE, NULL);
        guint32 value = (guint32)entro_little(zip.bytes->data + zip.directory + rows[i].at, 4);
        poke(zip.bytes, zip.directory + rows[i].at, value + (guint32)rows[i].change, 4);
        poke(zip.bytes, rows[i].at - 2, value + (guint32)rows[i].change, 4);
        int fd = make_file(zip.bytes->data, zip.bytes->len);
        g_autoptr(GPtrArray) list = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);
        const EntroArray *array = first_of(list, error);
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_null(entro_array_read_integers(fd, array, 1000, &got, &error));
        check_words(error->message, rows[i].words, "steps");
        close(fd);
    }
}

/* ---- zip64 ------------------------------------------------------------------------------------------ */

/* Puts a ZIP64 record and its locator before the end. */
static void
add_end64(Zip *zip)
{
    g_autoptr(GByteArray) old = g_byte_array_new();

    g_byte_array_append(old, zip->bytes->data + zip->end, zip->bytes->len - (guint)zip->end);
    g_byte_array_set_size(zip->bytes, (guint)zip->end);
    put_text(zip->bytes, "PK\006\006");
    put(zip->bytes, 44, 8);
    put(zip->bytes, 45 | 45 << 16, 4);
    put(zip->bytes, 0, 8);
    put(zip->bytes, 1, 8);
    put(zip->bytes, 1, 8);
    put(zip->bytes, zip->end - zip->directory, 8);
    put(zip->bytes, zip->directory, 8);
    put_text(zip->bytes, "PK\006\007");
    put(zip->bytes, 0, 4);
    put(zip->bytes, zip->end, 8);
    put(zip->bytes, 1, 4);
    g_byte_array_append(zip->bytes, old->data, old->len);
}

static const ZipLie end64_lies[] = {
    {END, 0, 1, 'X', FALSE, "is none"},                /* the record */
    {END, 16, 4, 1, FALSE, "several disks"},           /* its disk */
    {END, 24, 8, 2, FALSE, "several disks"},           /* entries on this disk */
    {END, 32, 8, 2, FALSE, "several disks"},           /* entries */
    {END, 40, 8, 1, FALSE, "another place or size"},   /* size of the directory */
    {END, 48, 8, 1, FALSE, "another place or size"},   /* where it is */
    {END, 56 + 4, 4, 1, FALSE, "several disks"},       /* the locator's disk */
    {END, 56 + 8, 8, G_MAXUINT64, FALSE, "would lie"}, /* where the record is */
    {END, 56 + 8, 8, G_MAXINT64, FALSE, "would lie"},  /* where the record is */
    {END, 56 + 8, 8, 0, FALSE, "is none"},             /* where the record is */
};

static void
test_zip64_ends_that_lie(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_auto(Zip) good = make_zip(npy, TRUE, NULL);
    g_autoptr(GError) error = NULL;

    add_end64(&good);
    g_autoptr(GPtrArray) list = list_as(good.bytes, ENTRO_CONTAINER_NPZ, &error);
    g_assert_cmpstr(first_of(list, error)->problem, ==, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(end64_lies); i++) {
        const ZipLie *lie = &end64_lies[i];
        g_auto(Zip) zip = make_zip(npy, TRUE, NULL);
        add_end64(&zip);
        poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT, lie->words,
                     lie->words);
    }
    /* numbers that the end leaves to the record, which has them as they please */
    g_auto(Zip) zip = make_zip(npy, TRUE, NULL);
    add_end64(&zip);
    poke(zip.bytes, zip.end + 76 + 8, G_MAXUINT64, 8);
    poke(zip.bytes, zip.end + 76 + 16, G_MAXUINT32, 4);
    poke(zip.bytes, zip.end + 24, 100001, 8);
    poke(zip.bytes, zip.end + 32, 100001, 8);
    expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_LIMIT, "100001 zip members",
                 "too many");
    poke(zip.bytes, zip.end + 40, G_MAXUINT64 - 7, 8);
    poke(zip.bytes, zip.end + 48, 8, 8);
    expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT, "do not fit", "wraps");
}

/* ---- safetensors ------------------------------------------------------------------------------------ */

static GByteArray *
make_safetensors(const char *header, gsize data)
{
    GByteArray *bytes = g_byte_array_new();

    put(bytes, strlen(header), 8);
    put_text(bytes, header);
    for (gsize i = 0; i < data; i++)
        put(bytes, i, 1);
    return bytes;
}

#define TENSOR(NAME, TYPE, SHAPE, RANGE)                                                           \
    "\"" NAME "\":{\"dtype\":\"" TYPE "\",\"shape\":" SHAPE ",\"data_offsets\":" RANGE "}"
#define A16 TENSOR("a", "F32", "[2,2]", "[0,16]")

static void
test_safetensors_that_are_good(void)
{
    static const char *const headers[] = {
        "{" A16 "}",
        "{ " A16 " } \t\r\n  ",
        "{\"__metadata__\":{}," A16 "}",
        "{" A16 ",\"__metadata__\":{\"a\":\"\\u00fc\\ud83d\\ude00\\n\",\"b\":\"\"}}",
        "{\"a\" : { \"data_offsets\" : [ 0 , 16 ] , \"shape\":[2, 2], \"dtype\" : \"F32\" } }",
        "{" A16 "," TENSOR("empty", "F32", "[0]", "[16,16]") "}",
        "{" TENSOR("a", "F32", "[2,2]", "[0,16]") "," TENSOR("z", "F32", "[0,7]", "[0,0]") "}",
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = make_safetensors(headers[i], 16);
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = list_as(bytes, ENTRO_CONTAINER_SAFETENSORS, &error);
        const EntroArray *array = first_of(list, error);
        g_assert_cmpstr(array->name, ==, "a");
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_cmpuint(array->rank, ==, 2);
        g_assert_cmpuint(array->offset, ==, bytes->len - 16);
        g_assert_cmpuint(array->size, ==, 16);
        g_assert_cmpint(array->element, ==, ENTRO_F32);
    }
    g_autoptr(GByteArray) none = make_safetensors("{}", 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = list_as(none, ENTRO_CONTAINER_SAFETENSORS, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 0);
}

static void
test_safetensors_headers_that_are_none(void)
{
    static const char *const headers[] = {
        "",
        "{",
        "}",
        "[]",
        "{" A16,
        "{" A16 ",}",
        "{" A16 "}x",
        "{" A16 "}{}",
        "{" A16 "," A16 "}",
        "{" A16 ",\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[16,16]}}",
        "{\"__metadata__\":{},\"__metadata__\":{}," A16 "}",
        "{\"__metadata__\":[]," A16 "}",
        "{\"__metadata__\":{\"a\":1}," A16 "}",
        "{\"__metadata__\":{\"a\":{\"b\":\"c\"}}," A16 "}",
        "{\"__metadata__\":{\"a\":\"b\",}," A16 "}",
        "{'a':{}}",
        "{a:{}}",
        "{\"a\":1}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"a\":null}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2]}}",
        "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}",
        "{\"a\":{\"shape\":[2,2],\"data_offsets\":[0,16]}}",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"more\":1}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],}}",
        "{\"a\":{\"dtype\":4,\"shape\":[4],\"data_offsets\":[0,16]}}",
        "{" TENSOR("a", "F32", "4", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4,]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[-4]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4.0]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4e0]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[04]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[[4]]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[\"4\"]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[18446744073709551616]", "[0,16]") "}",
        "{" TENSOR("a", "F32", "[4]", "[0]") "}",
        "{" TENSOR("a", "F32", "[4]", "[]") "}",
        "{" TENSOR("a", "F32", "[4]", "[0,16,16]") "}",
        "{" TENSOR("a", "F32", "[4]", "[16,0]") "}",
        "{" TENSOR("a\\u0000", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\ud83d\\u0041", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\u12", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\\x", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("a\n", "F32", "[4]", "[0,16]") "}",
        "{" TENSOR("\xff", "F32", "[4]", "[0,16]") "}",
        "{\"a",
        "{\"a\\",
        "{\"a\\u",
    };

    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GByteArray) bytes = make_safetensors(headers[i], 16);
        expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "broken header",
                     headers[i]);
    }
    g_autofree char *deep = g_strnfill(1u << 20, '[');
    g_autofree char *header = g_strconcat("{\"a\":", deep, NULL);
    g_autoptr(GByteArray) bytes = make_safetensors(header, 0);
    expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "broken header",
                 "a million brackets");
}

static void
test_safetensors_ranges_that_lie(void)
{
    static const struct {
        const char *header, *words;
    } rows[] = {
        {"{" TENSOR("a", "F32", "[5]", "[0,20]") "}", "ends at byte 20 of the data, of which 16"},
        {"{" TENSOR("a", "F32", "[3]", "[0,12]") "}", "4 bytes follow"},
        {"{" TENSOR("a", "F32", "[3]", "[4,16]") "}", "begins at byte 4"},
        {"{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[1]", "[12,16]") "}",
         "\"b\" begins at byte 12 of the data, the one before it ends at 8"},
        {"{" A16 "," TENSOR("b", "F32", "[2,2]", "[0,16]") "}", "begins at byte 0"},
        {"{" A16 "," TENSOR("b", "F32", "[1]", "[4,8]") "}", "begins at byte 4"},
        {"{" A16 "," TENSOR("b", "F32", "[0]", "[8,8]") "}", "begins at byte 8"},
        {"{" TENSOR("a", "U8", "[1]", "[18446744073709551614,18446744073709551615]") "}",
         "begins at byte 18446744073709551614"},
        {"{" TENSOR("a", "U8", "[1]", "[0,18446744073709551615]") "}", "of which 16 are there"},
        {"{}", "16 bytes follow"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = make_safetensors(rows[i].header, 16);
        expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, rows[i].words,
                     rows[i].header);
    }
}

static void
test_safetensors_tensors_of_no_use(void)
{
    static const struct {
        const char *header;
        gboolean refused;
        const char *words;
    } rows[] = {
        {"{" TENSOR("a", "F8_E4M3", "[16]", "[0,16]") "}", FALSE, "F8_E4M3"},
        {"{" TENSOR("a", "f32", "[4]", "[0,16]") "}", FALSE, "\"f32\""},
        {"{" TENSOR("a", "C64", "[2]", "[0,16]") "}", FALSE, "C64"},
        {"{" TENSOR("a", "\\u001b", "[2]", "[0,16]") "}", FALSE, "x1b"},
        {"{" TENSOR("a", "F32", "[3]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 12"},
        {"{" TENSOR("a", "F32", "[5]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 20"},
        {"{" TENSOR("a", "F32", "[0]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 0"},
        {"{" TENSOR("a", "F32", "[]", "[0,16]") "}", FALSE, "has 16 bytes, its shape needs 4"},
        {"{" TENSOR("a", "F32", "[4611686018427387905]", "[0,16]") "}", TRUE, "can be counted"},
        {"{" TENSOR("a", "F32", "[4294967296,4294967296,0]", "[0,16]") "}", TRUE, "can be counted"},
        {"{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]") "}", FALSE, "9 axes"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = make_safetensors(rows[i].header, 16);
        expect_problem(bytes, ENTRO_CONTAINER_SAFETENSORS, rows[i].refused, rows[i].words,
                       rows[i].header);
    }
}

static void
test_safetensors_lengths_that_lie(void)
{
    g_autoptr(GByteArray) bytes = make_safetensors("{" A16 "}", 16);

    poke(bytes, 0, bytes->len - 7, 8);
    expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "the file has",
                 "one too long");
    poke(bytes, 0, G_MAXUINT64, 8);
    expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT,
                 "18446744073709551615", "the longest");
    poke(bytes, 0, 0, 8);
    expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_FORMAT, "broken header",
                 "none");
    g_byte_array_set_size(bytes, (16u << 20) + 100);
    poke(bytes, 0, (16u << 20) + 1, 8);
    expect_error(bytes, ENTRO_CONTAINER_SAFETENSORS, ENTRO_LOADER_ERROR_LIMIT, "the limit is",
                 "one over the limit");
}

/* ---- kinds ------------------------------------------------------------------------------------------ */

static EntroContainer
probe(const void *bytes, gsize size)
{
    int fd = make_file(bytes, size);
    EntroContainer kind = entro_container_probe(fd);

    close(fd);
    return kind;
}

#define PROBE(TEXT) probe(TEXT, sizeof(TEXT) - 1)

static void
test_kinds_by_the_first_bytes(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_autoptr(GByteArray) tensors = make_safetensors("{}", 0);
    int pipes[2];

    g_assert_cmpint(probe(npy->data, npy->len), ==, ENTRO_CONTAINER_NPY);
    g_assert_cmpint(probe(tensors->data, tensors->len), ==, ENTRO_CONTAINER_SAFETENSORS);
    g_assert_cmpint(PROBE("PK\005\006 and so on"), ==, ENTRO_CONTAINER_NPZ);
    g_assert_cmpint(PROBE("PK\001\002 and so on"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\211HDF\r\n\032\n{{"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("{\"a\": \"b\"}"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\3\0\0\0\0\0\0\0{}"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("\2\0\0\0\0\0\0\0[]"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE(""), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(PROBE("PK\003\004"), ==, ENTRO_CONTAINER_NONE);
    g_assert_cmpint(pipe(pipes), ==, 0);
    g_assert_cmpint(entro_container_probe(pipes[0]), ==, ENTRO_CONTAINER_NONE);
    close(pipes[0]);
    close(pipes[1]);
    g_assert_cmpint(entro_container_probe(-1), ==, ENTRO_CONTAINER_NONE);
}

/* ---- bytes at random -------------------------------------------------------------------------------- */

/* Whatever is listed as good must be so. */
static void
check_array(int fd, gsize file_size, const EntroArray *array)
{
    g_autoptr(GError) error = NULL;
    guint64 bytes;
    gsize n = 0;

    g_assert_nonnull(array->name);
    g_assert_cmpuint(array->rank, <=, ENTRO_STORED_RANK_MAX);
    g_autofree gint64 *integers = entro_array_read_integers(fd, array, 1000, &n, &error);
    g_assert_true((integers == NULL) == (error != NULL));
    g_assert_cmpuint(n, <=, 1000);
    if (array->problem != NULL) {
        g_assert_null(integers);
        return;
    }
    g_assert_true(entro_array_bytes(array, &bytes, NULL));
    g_assert_cmpuint(array->offset, <=, file_size);
    g_assert_cmpuint(array->size, <=, file_size - array->offset);
    g_assert_cmpuint(bytes, ==, array->deflated ? array->decoded - array->head : array->size);
}

/* Some bytes changed, taken out or put in; favoured are those that break counters. */
static void
mutate(GRand *random, GByteArray *bytes)
{
    static const guint8 odd[] = {0, 1, 0x7f, 0x80, 0xff, '{', '}', '[', '"', '\\', '9', ','};

    for (gint32 n = g_rand_int_range(random, 1, 5); n > 0 && bytes->len > 1; n--) {
        guint at = (guint)g_rand_int_range(random, 0, (gint32)bytes->len);
        guint length = (guint)g_rand_int_range(random, 1, 9);
        length = MIN(length, bytes->len - at);
        switch (g_rand_int_range(random, 0, 16)) {
        case 0:
            g_byte_array_set_size(bytes, MAX(at, 1));
            break;
        case 1:
            g_byte_array_remove_range(bytes, at, length);
            break;
        case 2:
            g_byte_array_append(bytes, bytes->data + at, length);
            break;
        case 3:
            memset(bytes->data + at, 0xff, length);
            break;
        default:
            bytes->data[at] = g_rand_boolean(random)
                                  ? (guint8)g_rand_int(random)
                                  : odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))];
        }
    }
}

static void
try_bytes(const GByteArray *bytes, EntroContainer wanted)
{
    int fd = make_file(bytes->data, bytes->len);
    EntroContainer kind = entro_container_probe(fd);
    const EntroContainer kinds[] = {wanted, kind};

    for (guint i = 0; i < (kind == wanted ? 1 : 2); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = entro_container_list(fd, kinds[i], &error);
        g_assert_true((list == NULL) == (error != NULL));
        for (guint j = 0; list != NULL && j < list->len; j++)
            check_array(fd, bytes->len, list->pdata[j]);
    }
    close(fd);
}

static void
test_random_changes(void)
{
    g_autoptr(GByteArray) npy = steps_npy();
    g_auto(Zip) stored = make_zip(npy, FALSE, "b.npy");
    g_auto(Zip) deflated = make_zip(npy, TRUE, "data.pkl");
    g_auto(Zip) large = make_zip(npy, TRUE, NULL);
    g_autoptr(GByteArray) tensors = make_safetensors("{\"__metadata__\":{\"a\":\"\\u00fc\"}," A16
                                                     "," TENSOR("b", "I64", "[3]", "[16,40]") "}",
                                                     40);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    add_end64(&large);
    const struct {
        const GByteArray *bytes;
        EntroContainer kind;
    } good[] = {{npy, ENTRO_CONTAINER_NPY},
                {stored.bytes, ENTRO_CONTAINER_NPZ},
                {deflated.bytes, ENTRO_CONTAINER_NPZ},
                {large.bytes, ENTRO_CONTAINER_NPZ},
                {tensors, ENTRO_CONTAINER_SAFETENSORS}};
    const guint rounds = g_test_slow() ? 100000 : 4000; /* -m slow */

    for (guint i = 0; i < rounds; i++)
        for (guint j = 0; j < G_N_ELEMENTS(good); j++) {
            g_autoptr(GByteArray) bytes = g_byte_array_new();
            g_byte_array_append(bytes, good[j].bytes->data, good[j].bytes->len);
            mutate(random, bytes);
            try_bytes(bytes, good[j].kind);
        }
}

#define ADD(NAME, FUNCTION) g_test_add_func("/containers/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("npy/headers-that-are-good", test_npy_headers_that_are_good);
    ADD("npy/headers-that-are-none", test_npy_headers_that_are_none);
    ADD("npy/types-that-are-of-no-use", test_npy_types_that_are_of_no_use);
    ADD("npy/sizes-that-lie", test_npy_sizes_that_lie);
    ADD("npy/lengths-and-versions-that-lie", test_npy_lengths_and_versions_that_lie);
    ADD("npz/good", test_npz_that_is_good);
    ADD("npz/members-that-lie", test_npz_members_that_lie);
    ADD("npz/lies-leave-the-others", test_npz_lies_leave_the_others);
    ADD("npz/directories-that-lie", test_npz_directories_that_lie);
    ADD("npz/cut-anywhere", test_npz_cut_anywhere_has_no_directory);
    ADD("npz/members-that-share", test_npz_members_that_share);
    ADD("npz/names", test_npz_names);
    ADD("npz/arrays-that-lie", test_npz_arrays_that_lie);
    ADD("npz/streams-without-content", test_npz_streams_without_content);
    ADD("npz/integers-that-lie", test_npz_integers_that_lie);
    ADD("npz/zip64-ends-that-lie", test_zip64_ends_that_lie);
    ADD("safetensors/good", test_safetensors_that_are_good);
    ADD("safetensors/headers-that-are-none", test_safetensors_headers_that_are_none);
    ADD("safetensors/ranges-that-lie", test_safetensors_ranges_that_lie);
    ADD("safetensors/tensors-of-no-use", test_safetensors_tensors_of_no_use);
    ADD("safetensors/lengths-that-lie", test_safetensors_lengths_that_lie);
    ADD("kinds-by-the-first-bytes", test_kinds_by_the_first_bytes);
    ADD("random-changes", test_random_changes);
    return g_test_run();
}
