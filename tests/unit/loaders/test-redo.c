/* test-redo.c: a block that was to be written when the process died comes to its place. */
#include "loader-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 20000

static const char *path;
static char *redo_name;
static guint8 old[SIZE], block[6000];

static void
make_file(void)
{
    for (guint i = 0; i < SIZE; i++)
        old[i] = (guint8)(i * 7);
    memset(block, 0xee, sizeof block);
    g_assert_true(g_file_set_contents(path, (const char *)old, SIZE, NULL));
    g_unlink(redo_name);
}

static EntroRedo *
open_redo(void)
{
    struct stat facts;

    g_assert_cmpint(stat(path, &facts), ==, 0);
    return entro_redo_new(path, facts.st_dev, facts.st_ino);
}

/* As a process that dies: half of the block in its place. */
static void
die_at(guint64 address)
{
    EntroRedo *redo = open_redo();
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    g_assert_true(entro_redo_put(redo, address, block, sizeof block));
    g_assert_true(entro_write_at(fd, block, sizeof block / 2, address));
    close(fd);
    entro_redo_free(redo);
}

static void
check_file(guint64 address, gsize n_new)
{
    g_autofree char *bytes = NULL;
    gsize n;

    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_assert_cmpuint(n, ==, MAX(SIZE, address + n_new));
    g_assert_cmpmem(bytes, address, old, address);
    g_assert_cmpmem(bytes + address, n_new, block, n_new);
    if (address + n_new < SIZE)
        g_assert_cmpmem(bytes + address + n_new, SIZE - address - n_new, old + address + n_new,
                        SIZE - address - n_new);
}

static void
test_a_half_is_made_whole(void)
{
    const guint64 places[] = {0, 100, 4095, 4096, SIZE - 6000, SIZE - 3500};

    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        make_file();
        die_at(places[i]);
        g_assert_true(g_file_test(redo_name, G_FILE_TEST_EXISTS));
        g_assert_true(entro_redo_replay(path, NULL));
        check_file(places[i], sizeof block);
        g_assert_true(entro_redo_replay(path, NULL));
        check_file(places[i], sizeof block);
    }
}

/* Who reads sees it whole, the file stays as it is. */
static void
test_a_half_is_read_as_a_whole(void)
{
    g_autofree guint8 *bytes = g_malloc(SIZE);
    g_autofree char *problem = NULL;

    make_file();
    die_at(100);
    g_autofree char *before = fixture_hash(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    entro_redo_attach(path, fd);
    const gsize starts[] = {0, 99, 100, 101, 5000, 6099, 6100};
    for (guint i = 0; i < G_N_ELEMENTS(starts); i++) {
        const gsize n = SIZE - starts[i] - i;
        g_assert_true(entro_read_at(fd, bytes, n, starts[i], &problem));
        for (gsize k = 0; k < n; k++) {
            const gsize at = starts[i] + k;
            g_assert_cmpuint(bytes[k], ==, at >= 100 && at < 6100 ? 0xee : old[at]);
        }
    }
    entro_redo_detach(fd);
    g_assert_true(entro_read_at(fd, bytes, 6000, 100, &problem));
    g_assert_cmpmem(bytes, 3000, block, 3000);
    g_assert_cmpmem(bytes + 3000, 3000, old + 3100, 3000);
    close(fd);
    g_autofree char *after = fixture_hash(path);
    g_assert_cmpstr(before, ==, after);
}

static void
test_what_is_done_is_not_done_again(void)
{
    make_file();
    EntroRedo *redo = open_redo();
    g_assert_true(entro_redo_put(redo, 100, block, sizeof block));
    g_assert_true(entro_redo_done(redo));
    g_autofree char *bytes = NULL;
    gsize n;
    g_assert_true(g_file_get_contents(redo_name, &bytes, &n, NULL));
    entro_redo_free(redo);
    g_assert_false(g_file_test(redo_name, G_FILE_TEST_EXISTS));
    check_file(0, 0);
    g_assert_true(g_file_set_contents(redo_name, bytes, (gssize)n, NULL));
    g_assert_true(entro_redo_replay(path, NULL));
    check_file(0, 0);
}

static void
test_only_what_can_be_halved_is_kept(void)
{
    make_file();
    EntroRedo *redo = open_redo();

    g_assert_false(entro_redo_wants(redo, 0, 4096));
    g_assert_false(entro_redo_wants(redo, 8192, 100));
    g_assert_true(entro_redo_wants(redo, 8191, 2));
    g_assert_true(entro_redo_wants(redo, 100, 4096));
    g_assert_false(entro_redo_wants(redo, 8191, 0));
    g_assert_false(entro_redo_wants(redo, 0, 1 << 20));
    g_assert_true(entro_redo_put(redo, 100, block, sizeof block));
    g_assert_false(entro_redo_wants(redo, 8191, 2)); /* one at a time */
    g_assert_true(entro_redo_done(redo));
    entro_redo_free(redo);
    g_assert_false(g_file_test(redo_name, G_FILE_TEST_EXISTS));
}

/* Of a file that was replaced, cut off, or damaged by a machine that went down. */
static void
test_another_block_is_not_put_into_the_file(void)
{
    g_autofree char *bytes = NULL;
    gsize n;
    g_autofree char *moved = g_strconcat(path, ".new", NULL);

    make_file();
    die_at(0);
    g_assert_true(g_file_set_contents(moved, (const char *)old, SIZE, NULL));
    g_assert_cmpint(g_rename(moved, path), ==, 0); /* another inode */
    g_assert_true(entro_redo_replay(path, NULL));
    check_file(0, 0);
    EntroRedo *redo = open_redo();
    g_assert_true(entro_redo_put(redo, 0, block, sizeof block));
    entro_redo_free(redo);
    g_assert_true(g_file_get_contents(redo_name, &bytes, &n, NULL));
    for (gsize keep = 0; keep < n; keep += 1000) {
        g_assert_true(g_file_set_contents(redo_name, bytes, (gssize)keep, NULL));
        g_assert_true(entro_redo_replay(path, NULL));
        check_file(0, 0);
    }
    bytes[n - 10] ^= 1;
    g_assert_true(g_file_set_contents(redo_name, bytes, (gssize)n, NULL));
    g_assert_true(entro_redo_replay(path, NULL));
    check_file(0, 0);
}

/* A place behind the end, or beyond all ends, is none; nor is a block of which there is less. */
static void
test_a_head_that_lies_is_not_believed(void)
{
    static const struct {
        gsize at;
        guint64 value;
    } rows[] = {
        {0, 0},                  /* no magic */
        {8, 1},                  /* another device */
        {16, 1},                 /* another file */
        {24, SIZE + 1},          /* address */
        {24, G_MAXUINT64 - 100}, /* its end is small again */
        {24, G_MAXINT64},
        {32, G_MAXUINT64}, /* size */
        {32, 1u << 20},
        {32, 5999}, /* hash of another block */
        {40, 1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree guint8 *read = g_malloc(SIZE);
        g_autofree char *problem = NULL;
        make_file();
        EntroRedo *redo = open_redo();
        g_assert_true(entro_redo_put(redo, 0, block, sizeof block));
        entro_redo_free(redo);
        int fd = open(redo_name, O_WRONLY | O_CLOEXEC);
        g_assert_true(entro_write_at(fd, &rows[i].value, 8, rows[i].at));
        close(fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        entro_redo_attach(path, fd);
        g_assert_true(entro_read_at(fd, read, SIZE, 0, &problem));
        g_assert_cmpmem(read, SIZE, old, SIZE);
        entro_redo_detach(fd);
        close(fd);
        g_assert_true(entro_redo_replay(path, NULL));
        check_file(0, 0);
    }
}

/* Blocks of two files that are read at once; a file without one beside them; and one that is there no
 * more, or cannot be written. */
static void
test_each_file_gets_its_own_block(void)
{
    g_autofree char *other = g_strconcat(path, ".other", NULL);
    g_autofree char *other_redo = g_strconcat(other, ".redo", NULL);
    g_autofree char *bytes = NULL;
    g_autofree char *problem = NULL;
    guint8 byte;

    make_file();
    die_at(0);
    g_assert_true(g_file_set_contents(other, (const char *)old, SIZE, NULL));
    int first = open(path, O_RDONLY | O_CLOEXEC), second = open(other, O_RDONLY | O_CLOEXEC);
    entro_redo_attach(path, first);
    entro_redo_attach(other, second);
    g_assert_true(entro_read_at(second, &byte, 1, 5000, &problem));
    g_assert_cmpuint(byte, ==, old[5000]);
    entro_redo_detach(second); /* there is nothing of it */
    g_assert_true(entro_read_at(first, &byte, 1, 5000, &problem));
    g_assert_cmpuint(byte, ==, 0xee);
    entro_redo_detach(first);
    close(first);
    close(second);
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_true(entro_redo_replay(path, NULL)); /* nothing to write to */
    g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_false(entro_redo_replay(path, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_cmpint(g_rmdir(path), ==, 0);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_true(entro_redo_replay(path, NULL)); /* a pipe has no places */
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_unlink(other);
    g_unlink(redo_name);
}

/* Where no file can be made, the block is written as it is. */
static void
test_a_folder_that_takes_no_file(void)
{
    EntroRedo *redo = entro_redo_new("/proc/self/none", 0, 0);

    g_assert_false(entro_redo_put(redo, 100, block, sizeof block));
    entro_redo_free(redo);
    entro_redo_free(NULL);
}

static void
test_a_file_made_anew_forgets(void)
{
    const guint heads[] = {2};
    const EntroWriterOptions options = fixture_writer_options(heads, 1);

    make_file();
    die_at(0);
    g_autoptr(EntroWriter) writer = entro_writer_new(path, &options, NULL);
    g_assert_nonnull(writer);
    g_assert_false(g_file_test(redo_name, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    path = fixture_path("file");
    redo_name = g_strconcat(path, ".redo", NULL);
#define ADD(NAME, TEST) g_test_add_func("/redo/" NAME, TEST)
    ADD("a-half-is-made-whole", test_a_half_is_made_whole);
    ADD("a-half-is-read-as-a-whole", test_a_half_is_read_as_a_whole);
    ADD("what-is-done-is-not-done-again", test_what_is_done_is_not_done_again);
    ADD("only-what-can-be-halved-is-kept", test_only_what_can_be_halved_is_kept);
    ADD("another-block-is-not-put-into-the-file", test_another_block_is_not_put_into_the_file);
    ADD("a-head-that-lies-is-not-believed", test_a_head_that_lies_is_not_believed);
    ADD("each-file-gets-its-own-block", test_each_file_gets_its_own_block);
    ADD("a-folder-that-takes-no-file", test_a_folder_that_takes_no_file);
    ADD("a-file-made-anew-forgets", test_a_file_made_anew_forgets);
    int failed = g_test_run();
    g_free(redo_name);
    fixture_done();
    return failed;
}
