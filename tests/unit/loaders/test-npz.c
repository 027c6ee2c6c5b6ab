/* test-npz.c: zip archives whose directory, headers and members contradict each other. */
#include "container-fixture.h"

#include <string.h>
#include <unistd.h>

static void
test_npz_that_is_good(void)
{
    for (guint deflated = 0; deflated < 2; deflated++) {
        g_autoptr(GByteArray) npy = fixture_npy_steps();
        g_auto(Zip) zip = fixture_zip(npy, deflated, "b.npy");
        g_autoptr(GError) error = NULL;
        int fd = fixture_file(zip.bytes->data, zip.bytes->len);
        gsize n;

        g_assert_cmpint(entro_container_probe(fd), ==, ENTRO_CONTAINER_NPZ);
        g_autoptr(GPtrArray) list = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);
        const EntroArray *array = fixture_first(list, error);
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
    g_autoptr(GByteArray) npy = fixture_npy_steps();

    for (guint i = 0; i < G_N_ELEMENTS(member_lies); i++) {
        const ZipLie *lie = &member_lies[i];
        g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
        fixture_poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, lie->refused, lie->words,
                               lie->words);
    }
    g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
    fixture_poke(zip.bytes, zip.directory + 42, zip.directory - 5, 4);
    fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE, "no header",
                           "half a header before the directory");
}

/* A broken member costs itself. */
static void
test_npz_lies_leave_the_others(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_auto(Zip) zip = fixture_zip(npy, TRUE, "b.npy");
    g_autoptr(GError) error = NULL;

    fixture_poke(zip.bytes, zip.directory + 10, 12, 2);
    g_autoptr(GPtrArray) list = fixture_list(zip.bytes, ENTRO_CONTAINER_NPZ, &error);
    g_assert_nonnull(fixture_first(list, error)->problem);
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
    g_autoptr(GByteArray) npy = fixture_npy_steps();

    for (guint i = 0; i < G_N_ELEMENTS(directory_lies); i++) {
        const ZipLie *lie = &directory_lies[i];
        g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
        fixture_poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        fixture_expect_error(zip.bytes, ENTRO_CONTAINER_NPZ,
                             lie->refused ? ENTRO_LOADER_ERROR_POLICY : ENTRO_LOADER_ERROR_FORMAT,
                             lie->words, lie->words);
    }
}

static void
test_npz_directories_that_are_too_large(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const guint n = (64u << 20) + 1;

    g_byte_array_set_size(bytes, n);
    memset(bytes->data, 0, n);
    fixture_put_end(bytes, 1, 0, n);
    fixture_expect_error(bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_LIMIT, "the limits are",
                         "65 MiB");
}

static void
test_npz_cut_anywhere_has_no_directory(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);

    for (guint size = zip.bytes->len; size-- > 0;) {
        g_byte_array_set_size(zip.bytes, size);
        fixture_expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT,
                             "without a directory", "a cut archive");
    }
}

static void
test_npz_members_that_share(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_auto(Zip) zip = fixture_zip(npy, TRUE, "b.npy");
    g_auto(Zip) twins = fixture_zip(npy, TRUE, "a.npy");
    g_autoptr(GError) error = NULL;
    const gsize second = zip.directory + 46 + strlen("a.npy");

    fixture_poke(zip.bytes, second + 42, 0,
                 4); /* as in a bomb whose members are all the same bytes */
    fixture_poke(zip.bytes, second + 46, 'a', 1);
    fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE, "shares bytes", "one for two");
    fixture_expect_problem(twins.bytes, ENTRO_CONTAINER_NPZ, FALSE, "more than once", "twins");

    /* the first runs over the second: both are of no use */
    g_auto(Zip) over = fixture_zip(npy, FALSE, "b.npy");
    const gsize size = over.encoded + 8;
    for (guint i = 0; i < 2; i++) {
        fixture_poke(over.bytes, 18 + 4 * i, size, 4);
        fixture_poke(over.bytes, over.directory + 20 + 4 * i, size, 4);
    }
    g_autoptr(GPtrArray) list = fixture_list(over.bytes, ENTRO_CONTAINER_NPZ, &error);
    fixture_words(fixture_first(list, error)->problem, "shares bytes", "the first");
    fixture_words(((EntroArray *)list->pdata[1])->problem, "shares bytes", "the second");
}

/* Two members side by side within a third, as a stored archive within an archive. */
static void
test_npz_members_within_a_member(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    Encoded inner = fixture_encode(npy, TRUE);
    Encoded outer = {g_byte_array_new(), 0, 0, 0};
    const char *const names[] = {"b.npy", "c.npy"};
    gsize at[2];

    for (guint i = 0; i < 2; i++) {
        at[i] = outer.stored->len + 30 + strlen("a.npy");
        fixture_put_local(outer.stored, &inner, names[i]);
    }
    outer.decoded = outer.stored->len;
    outer.crc = entro_crc32(outer.stored->data, outer.stored->len);
    fixture_put_local(bytes, &outer, "a.npy");
    gsize directory = bytes->len;
    fixture_put_entry(bytes, &outer, "a.npy", 0);
    for (guint i = 0; i < 2; i++)
        fixture_put_entry(bytes, &inner, names[i], at[i]);
    fixture_put_end(bytes, 3, directory, bytes->len);
    g_byte_array_unref(inner.stored);
    g_byte_array_unref(outer.stored);

    g_autoptr(GPtrArray) list = fixture_list(bytes, ENTRO_CONTAINER_NPZ, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(list->len, ==, 3);
    for (guint i = 0; i < 3; i++)
        fixture_words(((EntroArray *)list->pdata[i])->problem, "shares bytes", "one of three");
}

static void
test_npz_names(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_autofree char *stem = g_strnfill(1100, 'n');
    g_autofree char *name = g_strconcat(stem, ".npy", NULL);
    g_auto(Zip) zip = fixture_zip(npy, TRUE, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = fixture_list(zip.bytes, ENTRO_CONTAINER_NPZ, &error);

    g_assert_cmpstr(fixture_first(list, error)->problem, ==, NULL);
    const EntroArray *array = list->pdata[1];
    fixture_words(array->problem, "name of 1104 bytes", "a long name");
    g_assert_true(array->refused);
    g_assert_cmpuint(strlen(array->name), ==, ENTRO_MEMBER_NAME_MAX);

    g_auto(Zip) nul = fixture_zip(npy, TRUE, "bc.npy");
    g_autoptr(GError) nul_error = NULL;
    fixture_poke(nul.bytes, nul.directory + 46 + 5 + 46, 0, 1);
    g_autoptr(GPtrArray) rest = fixture_list(nul.bytes, ENTRO_CONTAINER_NPZ, &nul_error);
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
            g_autoptr(GByteArray) npy = fixture_npy_of(rows[i].header);
            g_auto(Zip) zip = fixture_zip(npy, deflated, NULL);
            fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, rows[i].refused, rows[i].words,
                                   rows[i].header);
        }
    for (guint deflated = 0; deflated < 2; deflated++) {
        g_autoptr(GByteArray) far = fixture_npy(1, 60000, F4("False", "(4,)"), PAYLOAD);
        g_auto(Zip) zip = fixture_zip(far, deflated, NULL);
        fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE, "no NumPy array",
                               "a long header");
        g_autoptr(GByteArray) large = fixture_npy(2, 70000, F4("False", "(4,)"), PAYLOAD);
        g_auto(Zip) limit = fixture_zip(large, deflated, NULL);
        fixture_expect_problem(limit.bytes, ENTRO_CONTAINER_NPZ, TRUE, "the limit is",
                               "a huge header");
    }
}

/* Blocks without content before the first byte: nobody reads a whole file for a head. */
static void
test_npz_streams_without_content(void)
{
    static const guint8 block[5] = {0, 0, 0, 0xff, 0xff}; /* stored, not the last, 0 bytes */
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Encoded good = fixture_encode(npy, TRUE), encoded = good;

    encoded.stored = g_byte_array_new();
    for (guint i = 0; i < 300000; i++)
        g_byte_array_append(encoded.stored, block, sizeof block);
    g_byte_array_append(encoded.stored, good.stored->data, good.stored->len);
    g_byte_array_unref(good.stored);
    fixture_put_local(bytes, &encoded, "a.npy");
    gsize directory = bytes->len;
    fixture_put_entry(bytes, &encoded, "a.npy", 0);
    fixture_put_end(bytes, 1, directory, bytes->len);
    g_byte_array_unref(encoded.stored);
    fixture_expect_problem(bytes, ENTRO_CONTAINER_NPZ, FALSE, "has no end", "empty blocks");
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
        g_autoptr(GByteArray) npy = fixture_npy_steps();
        const gint32 n = rows[i].at == 24 ? 100 + rows[i].change / 8 : 100;
        g_autofree char *shape = g_strdup_printf("'shape': (%d,), }%s\n", n, n < 100 ? " " : "");
        g_autoptr(GError) error = NULL;
        gsize got;

        memcpy(npy->data + 10 + 60 - strlen(shape), shape, strlen(shape));
        g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
        guint32 value = (guint32)entro_little(zip.bytes->data + zip.directory + rows[i].at, 4);
        fixture_poke(zip.bytes, zip.directory + rows[i].at, value + (guint32)rows[i].change, 4);
        fixture_poke(zip.bytes, rows[i].at - 2, value + (guint32)rows[i].change, 4);
        int fd = fixture_file(zip.bytes->data, zip.bytes->len);
        g_autoptr(GPtrArray) list = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);
        const EntroArray *array = fixture_first(list, error);
        g_assert_cmpstr(array->problem, ==, NULL);
        g_assert_null(entro_array_read_integers(fd, array, 1000, &got, &error));
        fixture_words(error->message, rows[i].words, "steps");
        close(fd);
    }
}

/* ---- extra fields --------------------------------------------------------------------------------- */

/* Fields of ids and lengths, in the last of which both sizes stand, as far as it is long enough. */
typedef struct {
    struct {
        guint id, length, claimed;
    } fields[3];
    const char *words; /* NULL: it is good */
} Extra;

static const Extra extras[] = {
    {{{1, 16, 16}}, NULL},
    {{{7, 3, 3}, {1, 16, 16}}, NULL},
    {{{7, 3, 3}, {9, 0, 0}, {1, 16, 16}}, NULL},
    {{{1, 24, 24}}, NULL},
    {{{1, 16, 16}, {7, 3, 3}}, NULL},
    {{{1, 8, 8}}, ""},
    {{{1, 0, 0}}, ""},
    {{{7, 16, 16}}, ""},
    {{{7, 3, 3}, {9, 0, 0}}, ""},
    {{{1, 16, 17}}, ""},
    {{{7, 3, 60000}, {1, 16, 16}}, ""},
};

static GByteArray *
make_extra(const Extra *row, const Zip *zip)
{
    GByteArray *bytes = g_byte_array_new();

    for (guint i = 0; i < G_N_ELEMENTS(row->fields) && row->fields[i].id != 0; i++) {
        g_autoptr(GByteArray) content = g_byte_array_new();
        fixture_put(content, zip->decoded, 8);
        fixture_put(content, zip->encoded, 8);
        fixture_put(content, 0, 8);
        fixture_put(bytes, row->fields[i].id, 2);
        fixture_put(bytes, row->fields[i].claimed, 2);
        g_byte_array_append(bytes, content->data, row->fields[i].length);
    }
    return bytes;
}

static void
test_zip64_sizes_in_extra_fields(void)
{
    g_autoptr(GByteArray) npy = fixture_npy_steps();

    for (guint i = 0; i < 2 * G_N_ELEMENTS(extras); i++) {
        const Extra *row = &extras[i / 2];
        const gboolean local = i % 2;
        g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
        g_autoptr(GByteArray) extra = make_extra(row, &zip);
        g_autoptr(GError) error = NULL;

        fixture_poke(zip.bytes, local ? zip.local + 18 : zip.directory + 20, G_MAXUINT64, 8);
        fixture_insert_extra(&zip, local, extra);
        if (row->words != NULL) {
            fixture_expect_problem(zip.bytes, ENTRO_CONTAINER_NPZ, FALSE,
                                   local ? "described differently" : "ZIP64 field is missing",
                                   "an extra field");
            continue;
        }
        g_autoptr(GPtrArray) list = fixture_list(zip.bytes, ENTRO_CONTAINER_NPZ, &error);
        g_assert_cmpstr(fixture_first(list, error)->problem, ==, NULL);
    }
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
    g_autoptr(GByteArray) npy = fixture_npy_steps();
    g_auto(Zip) good = fixture_zip(npy, TRUE, NULL);
    g_autoptr(GError) error = NULL;

    fixture_add_end64(&good);
    g_autoptr(GPtrArray) list = fixture_list(good.bytes, ENTRO_CONTAINER_NPZ, &error);
    g_assert_cmpstr(fixture_first(list, error)->problem, ==, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(end64_lies); i++) {
        const ZipLie *lie = &end64_lies[i];
        g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
        fixture_add_end64(&zip);
        fixture_poke(zip.bytes, part_at(&zip, lie), lie->value, lie->n);
        fixture_expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT, lie->words,
                             lie->words);
    }
    g_auto(Zip) more = fixture_zip(npy, TRUE, NULL);
    fixture_add_end64(&more);
    fixture_poke(more.bytes, more.end + 24, 2, 8);
    fixture_poke(more.bytes, more.end + 32, 2, 8);
    fixture_expect_error(more.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT,
                         "another place or size", "two entries");
    /* numbers that the end leaves to the record, which has them as they please */
    g_auto(Zip) zip = fixture_zip(npy, TRUE, NULL);
    fixture_add_end64(&zip);
    fixture_poke(zip.bytes, zip.end + 76 + 8, G_MAXUINT64, 8);
    fixture_poke(zip.bytes, zip.end + 76 + 16, G_MAXUINT32, 4);
    fixture_poke(zip.bytes, zip.end + 24, 100001, 8);
    fixture_poke(zip.bytes, zip.end + 32, 100001, 8);
    fixture_expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_LIMIT,
                         "100001 zip members", "too many");
    fixture_poke(zip.bytes, zip.end + 40, G_MAXUINT64 - 7, 8);
    fixture_poke(zip.bytes, zip.end + 48, 8, 8);
    fixture_expect_error(zip.bytes, ENTRO_CONTAINER_NPZ, ENTRO_LOADER_ERROR_FORMAT, "do not fit",
                         "wraps");
}

#define ADD(NAME, FUNCTION) g_test_add_func("/" NAME, FUNCTION)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("npz/good", test_npz_that_is_good);
    ADD("npz/members-that-lie", test_npz_members_that_lie);
    ADD("npz/lies-leave-the-others", test_npz_lies_leave_the_others);
    ADD("npz/directories-that-lie", test_npz_directories_that_lie);
    ADD("npz/directories-that-are-too-large", test_npz_directories_that_are_too_large);
    ADD("npz/cut-anywhere", test_npz_cut_anywhere_has_no_directory);
    ADD("npz/members-that-share", test_npz_members_that_share);
    ADD("npz/members-within-a-member", test_npz_members_within_a_member);
    ADD("npz/names", test_npz_names);
    ADD("npz/arrays-that-lie", test_npz_arrays_that_lie);
    ADD("npz/streams-without-content", test_npz_streams_without_content);
    ADD("npz/integers-that-lie", test_npz_integers_that_lie);
    ADD("npz/zip64-sizes-in-extra-fields", test_zip64_sizes_in_extra_fields);
    ADD("npz/zip64-ends-that-lie", test_zip64_ends_that_lie);
    return g_test_run();
}
