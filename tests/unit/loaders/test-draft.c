/* test-draft.c: a file appears whole or not at all, links are followed, and nothing is left behind. */
#include "entro-loader.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *folder, *target;
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("entro-draft-XXXXXX", NULL);
    f->target = g_build_filename(f->folder, "out", NULL);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const char *name = NULL;

    (void)data;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        g_assert_cmpint(g_remove(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->folder);
    g_free(f->target);
}

static guint
count_names(const Fixture *f)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

static void
put(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EntroDraft) draft = entro_draft_new(path, &error);

    g_assert_no_error(error);
    entro_draft_write(draft, text, strlen(text), &error);
    g_assert_no_error(error);
    entro_draft_commit(draft, &error);
    g_assert_no_error(error);
}

static void
assert_text(const char *path, const char *expected)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void
test_appears_at_the_end(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    for (guint round = 0; round < 2; round++) { /* a new file, then in the place of an old one */
        const guint n_before = count_names(f);
        g_autoptr(EntroDraft) draft = entro_draft_new(f->target, &error);
        g_assert_no_error(error);
        g_assert_true(entro_draft_write(draft, "new", 3, &error));
        g_assert_cmpuint(count_names(f), ==, n_before);
        if (round == 1)
            assert_text(f->target, "new");
        g_assert_true(entro_draft_commit(draft, &error));
        g_assert_cmpuint(count_names(f), ==, 1);
        assert_text(f->target, "new");
    }
}

static void
test_dropped_leaves_the_old(Fixture *f, gconstpointer data)
{
    (void)data;
    put(f->target, "old");
    EntroDraft *draft = entro_draft_new(f->target, NULL);
    g_assert_true(entro_draft_write(draft, "new", 3, NULL));
    entro_draft_free(draft);
    assert_text(f->target, "old");
    g_assert_cmpuint(count_names(f), ==, 1);
    entro_draft_free(NULL);
}

/* Pieces around the size of the buffer, and more than it. */
static void
test_pieces_keep_their_order(Fixture *f, gconstpointer data)
{
    static const gsize sizes[] = {1, 0, 32767, 1, 32768, 32769, 5, 100000, 31, 65536};
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(EntroDraft) draft = entro_draft_new(f->target, NULL);

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *piece = g_malloc(sizes[i] + 1);
        for (gsize k = 0; k < sizes[i]; k++)
            piece[k] = (char)('a' + (k * 7 + i) % 26);
        g_string_append_len(all, piece, (gssize)sizes[i]);
        g_assert_true(entro_draft_write(draft, piece, sizes[i], NULL));
    }
    g_assert_true(entro_draft_commit(draft, NULL));
    assert_text(f->target, all->str);
}

static void
test_links_stay(Fixture *f, gconstpointer data)
{
    g_autofree char *link = g_build_filename(f->folder, "link", NULL);
    g_autofree char *second = g_build_filename(f->folder, "second", NULL);

    (void)data;
    g_assert_cmpint(symlink("out", link), ==, 0); /* leads nowhere as yet */
    g_assert_cmpint(symlink(link, second), ==, 0);
    put(second, "first");
    put(second, "then");
    assert_text(f->target, "then");
    g_assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    g_assert_true(g_file_test(second, G_FILE_TEST_IS_SYMLINK));
    g_assert_false(g_file_test(f->target, G_FILE_TEST_IS_SYMLINK));
    g_assert_cmpuint(count_names(f), ==, 3);
}

static void
test_links_in_a_circle_are_refused(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpint(symlink("out", f->target), ==, 0);
    g_assert_null(entro_draft_new(f->target, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
    g_assert_nonnull(strstr(error->message, g_strerror(ELOOP)));
    g_assert_nonnull(strstr(error->message, f->target));
}

static void
test_mode_stays(Fixture *f, gconstpointer data)
{
    struct stat info;

    (void)data;
    put(f->target, "old");
    g_assert_cmpint(stat(f->target, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 0777, ==, 0666 & ~(umask(022), umask(022)));
    g_assert_cmpint(chmod(f->target, 0600), ==, 0);
    put(f->target, "new");
    g_assert_cmpint(stat(f->target, &info), ==, 0);
    g_assert_cmpuint(info.st_mode & 0777, ==, 0600);
}

static void
test_a_pipe_is_written_to(Fixture *f, gconstpointer data)
{
    char text[8] = "";

    (void)data;
    g_assert_cmpint(mkfifo(f->target, 0600), ==, 0);
    const int reader = open(f->target, O_RDONLY | O_NONBLOCK);
    put(f->target, "text");
    g_assert_cmpint(read(reader, text, sizeof text), ==, 4);
    g_assert_cmpstr(text, ==, "text");
    close(reader);
    g_assert_cmpuint(count_names(f), ==, 1);
}

/* What its opener goes on to write to: no other file may take its place. */
static void
test_a_descriptor_is_written_to(Fixture *f, gconstpointer data)
{
    const int fd = open(f->target, O_RDWR | O_CREAT | O_APPEND, 0600);
    g_autofree char *way = g_strdup_printf("/dev/fd/%d", fd);

    (void)data;
    g_assert_cmpint(write(fd, "a", 1), ==, 1);
    put(way, "b");
    g_assert_cmpint(write(fd, "c", 1), ==, 1);
    close(fd);
    assert_text(f->target, "abc");
}

static void
test_what_cannot_be(Fixture *f, gconstpointer data)
{
    g_autofree char *missing = g_build_filename(f->folder, "no", "out", NULL);
    const struct {
        const char *path;
        int number;
    } rows[] = {{missing, ENOENT}, {f->folder, EISDIR}};

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(entro_draft_new(rows[i].path, &error));
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_true(g_str_has_prefix(error->message, rows[i].path));
        g_assert_nonnull(strstr(error->message, g_strerror(rows[i].number)));
    }
    g_assert_cmpuint(count_names(f), ==, 0);
}

static void
test_a_full_disk(Fixture *f, gconstpointer data)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    const struct rlimit few = {40000, RLIM_INFINITY};
    g_autofree char *zeros = g_malloc0(100000);

    (void)data;
    put(f->target, "old");
    signal(SIGXFSZ, SIG_IGN);
    for (gsize piece = 1000; piece <= 100000; piece *= 10) {
        g_autoptr(GError) error = NULL;
        EntroDraft *draft = entro_draft_new(f->target, NULL);
        gboolean good = TRUE;

        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &few), ==, 0);
        for (gsize done = 0; good && done < 100000; done += piece)
            good = entro_draft_write(draft, zeros, piece, &error);
        good = good && entro_draft_commit(draft, &error);
        entro_draft_free(draft);
        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &all), ==, 0);
        g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_WRITE);
        g_assert_nonnull(strstr(error->message, g_strerror(EFBIG)));
        assert_text(f->target, "old");
    }
    g_assert_cmpuint(count_names(f), ==, 1);
}

/* The last one wins, and never a mix. */
static gpointer
put_often(gpointer data)
{
    const Fixture *f = data;
    g_autofree char *text = g_strnfill(50000, (char)('a' + g_random_int_range(0, 26)));

    for (guint i = 0; i < 50; i++)
        put(f->target, text);
    return NULL;
}

static void
test_several_at_once(Fixture *f, gconstpointer data)
{
    GThread *threads[4];
    g_autofree char *text = NULL;
    gsize n = 0;

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("draft", put_often, f);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_true(g_file_get_contents(f->target, &text, &n, NULL));
    g_assert_cmpuint(n, ==, 50000);
    g_assert_cmpuint(strspn(text, (char[]){text[0], '\0'}), ==, 50000);
    g_assert_cmpuint(count_names(f), ==, 1);
}

#define ADD(NAME, TEST) g_test_add("/draft/" NAME, Fixture, NULL, setup, TEST, teardown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("appears at the end", test_appears_at_the_end);
    ADD("dropped leaves the old", test_dropped_leaves_the_old);
    ADD("pieces keep their order", test_pieces_keep_their_order);
    ADD("links stay", test_links_stay);
    ADD("links in a circle", test_links_in_a_circle_are_refused);
    ADD("mode stays", test_mode_stays);
    ADD("a pipe is written to", test_a_pipe_is_written_to);
    ADD("a descriptor is written to", test_a_descriptor_is_written_to);
    ADD("what cannot be", test_what_cannot_be);
    ADD("a full disk", test_a_full_disk);
    ADD("several at once", test_several_at_once);
    return g_test_run();
}
