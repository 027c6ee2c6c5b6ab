/* fuzz-archive.c: .npz whose offsets, sizes and checksums are right, whatever lies between them.
 *
 * What fuzz-containers changes fails its checksum; this one packs the archive itself, so that what stands
 * behind the checksums is tried too.  A column of integers must come back as it went in.
 *
 *     byte 0: limits, and 16 times how many files of a folder, 0: one that is no folder's; members follow,
 *     for each file in turn:
 *     byte 0: how (PACKING, AS_IT_IS); 1: name; an array: 2: type; 3: axes; then a byte for each of them
 *     2 bytes: n; n bytes: the elements, again and again, or with AS_IT_IS all of the member */
#include "container-fixture.h"
#include "fuzz.h"

#include <glib/gstdio.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>

#define MAX_MEMBERS 12
#define MAX_BYTES   40000 /* of a member that is made */
#define MAX_INFLATE (1u << 20)
#define N_LIMITS    16
#define MAX_FILES   3

enum { STORED, DEFLATED, EMPTY_BLOCKS, STREAM, PACKING = 3, AS_IT_IS = 4, FORTRAN = 8 };

static const char *const names[] = {"layer_0",
                                    "layer_1",
                                    "attention",
                                    "steps",
                                    "step",
                                    "key_mask",
                                    "step_0.layer_0",
                                    "step_0.layer_1",
                                    "step_10.layer_0",
                                    "a/layer_0/x",
                                    "layer_0.head_0",
                                    "segment_ids",
                                    "step_0/layer_0",
                                    "attn_mask",
                                    "attentions/0",
                                    "x"};
static const struct {
    const char *code;
    guint size;
} types[] = {{"<f4", 4}, {"<f2", 2}, {"<f8", 8}, {">f4", 4}, {"|V2", 2}, {"<u2", 2}, {"<i8", 8},
             {">i4", 4}, {"|b1", 1}, {"|u1", 1}, {"|i1", 1}, {"<u8", 8}, {">u8", 8}, {"|O", 8}};

typedef struct {
    char *name;       /* with ".npy" */
    const char *type; /* NULL: as it is */
    guint rank;
    GByteArray *bytes; /* the decoded member */
    gsize head;        /* of them, before the first element */
    Encoded encoded;
    gsize local; /* its header in the archive */
} Member;

static void
member_free(Member *member)
{
    g_free(member->name);
    g_byte_array_unref(member->bytes);
    g_byte_array_unref(member->encoded.stored);
    g_free(member);
}

/* ---- what a member holds ---------------------------------------------------------------------------- */

static FuzzBytes
take_part(FuzzBytes *bytes)
{
    const gsize n = fuzz_take16(bytes);
    FuzzBytes part = {bytes->at, MIN(n, bytes->left)};

    bytes->at += part.left;
    bytes->left -= part.left;
    return part;
}

/* The elements are `part` over and over. */
static void
fill(GByteArray *to, FuzzBytes part, gsize size)
{
    static const guint8 zero = 0;

    for (gsize i = 0; i < size; i++)
        g_byte_array_append(to, part.left > 0 ? part.at + i % part.left : &zero, 1);
}

static void
make_array(Member *member, guint how, FuzzBytes *bytes)
{
    const guint type = fuzz_take(bytes) % G_N_ELEMENTS(types);
    g_autoptr(GString) shape = g_string_new(NULL);
    gsize size = types[type].size;

    member->type = types[type].code;
    member->rank = fuzz_take(bytes) % (ENTRO_STORED_RANK_MAX + 2);
    for (guint axis = 0; axis < member->rank; axis++) {
        guint n = fuzz_take(bytes);
        n = size * n > MAX_BYTES ? 1 : n;
        size *= n;
        g_string_append_printf(shape, "%u,", n);
    }
    g_autofree char *header =
        g_strdup_printf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n", member->type,
                        how & FORTRAN ? "True" : "False", shape->str);
    member->bytes = fixture_npy_of(header);
    member->head = member->bytes->len - strlen(PAYLOAD);
    g_byte_array_set_size(member->bytes, (guint)member->head);
    fill(member->bytes, take_part(bytes), size);
}

/* ---- how it is packed ------------------------------------------------------------------------------- */

/* Blocks of nothing before the first, which no encoder writes. */
static void
put_empty_blocks(GByteArray *stored, guint n)
{
    static const guint8 empty[] = {0, 0, 0, 0xff, 0xff};

    for (guint i = 0; i < n; i++)
        g_byte_array_prepend(stored, empty, sizeof empty);
}

/* The bytes are the stream, and the member what it inflates to, or nothing. */
static void
inflate_member(Member *member)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    GByteArray *stream = member->bytes;
    gsize size = 0;

    member->bytes = g_byte_array_new();
    g_byte_array_set_size(member->bytes, MAX_INFLATE);
    if (libdeflate_deflate_decompress(inflater, stream->data, stream->len, member->bytes->data,
                                      MAX_INFLATE, &size) != LIBDEFLATE_SUCCESS)
        size = 0;
    g_byte_array_set_size(member->bytes, (guint)size);
    libdeflate_free_decompressor(inflater);
    member->encoded = (Encoded){stream, size, entro_crc32(member->bytes->data, size), 8};
}

static Member *
take_member(FuzzBytes *bytes)
{
    Member *member = g_new0(Member, 1);
    const guint how = fuzz_take(bytes);

    member->name = g_strdup_printf("%s.npy", names[fuzz_take(bytes) % G_N_ELEMENTS(names)]);
    if (how & AS_IT_IS) {
        const FuzzBytes part = take_part(bytes);
        member->bytes = g_byte_array_new();
        g_byte_array_append(member->bytes, part.at, (guint)part.left);
    } else
        make_array(member, how, bytes);
    if ((how & PACKING) == STREAM && (how & AS_IT_IS))
        inflate_member(member);
    else
        member->encoded = fixture_encode(member->bytes, (how & PACKING) != STORED);
    if ((how & PACKING) == EMPTY_BLOCKS)
        put_empty_blocks(member->encoded.stored, how >> 4);
    return member;
}

static GPtrArray *
take_members(FuzzBytes *bytes)
{
    GPtrArray *members = g_ptr_array_new_with_free_func((GDestroyNotify)member_free);

    while (bytes->left > 0 && members->len < MAX_MEMBERS)
        g_ptr_array_add(members, take_member(bytes));
    return members;
}

/* Those of every n_files-th place from `first` on. */
static GByteArray *
pack(const GPtrArray *members, guint first, guint n_files)
{
    GByteArray *archive = g_byte_array_new();
    guint n = 0;

    for (guint i = first; i < members->len; i += n_files, n++) {
        Member *member = members->pdata[i];
        member->local = archive->len;
        fixture_put_local(archive, &member->encoded, member->name);
    }
    const gsize directory = archive->len;
    for (guint i = first; i < members->len; i += n_files) {
        const Member *member = members->pdata[i];
        fixture_put_entry(archive, &member->encoded, member->name, member->local);
    }
    fixture_put_end(archive, n, directory, archive->len);
    return archive;
}

/* ---- what is made of it ----------------------------------------------------------------------------- */

static const Member *
find_member(const GPtrArray *members, const char *name)
{
    for (guint i = 0; i < members->len; i++) {
        const Member *member = members->pdata[i];
        if (g_str_has_prefix(member->name, name) && strlen(member->name) == strlen(name) + 4)
            return member;
    }
    g_assert_not_reached();
}

static void
check_column(const Member *member, const gint64 *values, gsize n)
{
    if (member->type == NULL || !g_str_equal(member->type, "<i8"))
        return;
    g_assert_cmpuint(n * sizeof *values, ==, member->bytes->len - member->head);
    g_assert_cmpmem(values, n * sizeof *values, member->bytes->data + member->head,
                    member->bytes->len - member->head);
}

/* An array that is made and has no twin is good, unless its type or its axes are not. */
static void
check_problem(const GPtrArray *members, const Member *member, const EntroArray *array)
{
    guint n = 0;

    for (guint i = 0; i < members->len; i++)
        n += g_str_equal(((const Member *)members->pdata[i])->name, member->name);
    if (member->type != NULL && !g_str_equal(member->type, "|O") &&
        member->rank <= ENTRO_STORED_RANK_MAX && n == 1 && array->problem != NULL)
        g_error("%s: %s", member->name, array->problem);
}

static void
check_list(int fd, gsize size, const GPtrArray *members)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) arrays = entro_container_list(fd, ENTRO_CONTAINER_NPZ, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(arrays->len, ==, members->len);
    for (guint i = 0; i < arrays->len; i++) {
        const EntroArray *array = arrays->pdata[i];
        const Member *member = find_member(members, array->name);
        gsize n = 0;
        fuzz_check_array(array, size);
        check_problem(members, member, array);
        g_autofree gint64 *values = entro_array_read_integers(fd, array, MAX_BYTES, &n, NULL);
        if (values != NULL)
            check_column(member, values, n);
        else if (array->problem == NULL && member->rank <= 1 && member->type != NULL)
            g_assert_true(array->kind != ENTRO_ARRAY_INTEGER || strchr(member->type, 'u') != NULL);
    }
}

/* ---- a file, or a folder of them -------------------------------------------------------------------- */

static void
try_file(const GPtrArray *members, const EntroSourceOptions *options)
{
    g_autoptr(GByteArray) archive = pack(members, 0, 1);
    g_autofree char *path = NULL;
    int fd = fuzz_file(archive->data, archive->len, &path);

    check_list(fd, archive->len, members);
    fuzz_walk(path, options);
    close(fd);
}

static void
try_folder(const GPtrArray *members, guint n_files, const EntroSourceOptions *options)
{
    g_autofree char *folder = g_dir_make_tmp("fuzz-archive-XXXXXX", NULL);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);

    g_assert_nonnull(folder);
    for (guint file = 0; file < n_files; file++) {
        g_autoptr(GByteArray) archive = pack(members, file, n_files);
        char *path = g_strdup_printf("%s/step_%u.npz", folder, file);
        g_ptr_array_add(paths, path);
        g_assert_true(g_file_set_contents_full(path, (const char *)archive->data, archive->len,
                                               G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
    fuzz_walk(folder, options);
    for (guint file = 0; file < n_files; file++)
        g_unlink(paths->pdata[file]);
    g_rmdir(folder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzBytes bytes = {data, size};
    const guint how = fuzz_take(&bytes), n_files = how / N_LIMITS % (MAX_FILES + 1);
    EntroSourceOptions options = {.limits = fuzz_limits(how % N_LIMITS)};
    g_autoptr(GPtrArray) members = take_members(&bytes);

    if (members->len == 0)
        return 0;
    if (n_files == 0)
        try_file(members, &options);
    else
        try_folder(members, n_files, &options);
    return 0;
}
