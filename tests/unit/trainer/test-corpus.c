/* test-corpus.c: which files are read, how they are split, and which windows come of it. */
#include "corpus-private.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

typedef struct {
    char *folder;
} Fixture;

static void
put(const Fixture *f, const char *name, const char *bytes, gssize n)
{
    g_autofree char *path = g_build_filename(f->folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, bytes, n, NULL));
}

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->folder = g_dir_make_tmp("entro-corpus-XXXXXX", NULL);
    g_assert_nonnull(f->folder);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            remove_tree(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    remove_tree(f->folder);
    g_free(f->folder);
}

static Corpus *
read_folder(const char *path, double held_out, GError **error)
{
    const char *const paths[] = {path, NULL};

    return corpus_new(paths, held_out, error);
}

/* All bytes of a corpus, sorted: what was read, whatever the order. */
static char *
sorted_bytes(const Corpus *corpus)
{
    const gsize n = corpus->n_held_out + corpus->n_train;
    char *bytes = g_strndup((const char *)corpus->bytes, n);

    for (gsize i = 1; i < n; i++)
        for (gsize k = i; k > 0 && bytes[k - 1] > bytes[k]; k--) {
            const char kept = bytes[k];

            bytes[k] = bytes[k - 1];
            bytes[k - 1] = kept;
        }
    return bytes;
}

static void
test_files(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, "a.py", "aa", -1);
    put(f, "sub/deep/b.txt", "bbb", -1);
    put(f, "binary", "c\0c", 3);
    put(f, "empty", "", 0);
    put(f, ".hidden", "dddd", -1);
    put(f, ".git/config", "eeee", -1);
    g_autoptr(Corpus) corpus = read_folder(f->folder, 0.4, NULL);

    g_assert_nonnull(corpus);
    g_autofree char *bytes = sorted_bytes(corpus);
    g_assert_cmpstr(bytes, ==, "aabbb");
    g_assert_cmpuint(corpus->n_files, ==, 2);
    g_assert_cmpuint(corpus->n_held_out, ==, 2);
    g_assert_cmpuint(corpus->n_train, ==, 3);
}

static void
test_late_nul(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *long_text = g_strnfill(9000, 'x');

    long_text[8500] = '\0'; /* behind the first look */
    put(f, "late", long_text, 9000);
    put(f, "text", "ok", -1);
    g_autoptr(Corpus) corpus = read_folder(f->folder, 0.5, NULL);
    g_assert_cmpuint(corpus->n_files, ==, 1);
}

static void
test_circles(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *loop = g_build_filename(f->folder, "loop", NULL);
    g_autofree char *pipe_path = g_build_filename(f->folder, "pipe", NULL);

    put(f, "text", "abc", -1);
    g_assert_cmpint(symlink(f->folder, loop), ==, 0);
    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0); /* opening it would wait for ever */
    g_autoptr(Corpus) corpus = read_folder(f->folder, 0.5, NULL);
    g_assert_cmpuint(corpus->n_files, ==, 1);
}

static void
test_names(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, "one/a", "first file", -1);
    put(f, "one/b", "second", -1);
    put(f, "one/c", "the third", -1);
    put(f, "two/z", "first file", -1);
    put(f, "two/y/x", "second", -1);
    put(f, "two/a", "the third", -1);
    g_autofree char *one = g_build_filename(f->folder, "one", NULL);
    g_autofree char *two = g_build_filename(f->folder, "two", NULL);
    g_autoptr(Corpus) first = read_folder(one, 0.3, NULL);
    g_autoptr(Corpus) second = read_folder(two, 0.3, NULL);
    g_assert_cmpmem(first->bytes, first->n_held_out + first->n_train, second->bytes,
                    second->n_held_out + second->n_train);
}

static void
expect_failure(Fixture *f, const char *name, const char *pattern)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(f->folder, name, NULL);
    g_autoptr(Corpus) corpus = read_folder(path, 0.1, &error);

    g_assert_null(corpus);
    g_assert_error(error, ENTRO_TRAINER_ERROR, ENTRO_TRAINER_ERROR_CORPUS);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, pattern));
}

static void
test_nothing(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *pipe_path = g_build_filename(f->folder, "pipe", NULL);

    put(f, "sub/binary", "\0", 1);
    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
    expect_failure(f, "sub", "no text");
    expect_failure(f, "sub/binary", "no text");
    expect_failure(f, "not-there", "No such file");
    expect_failure(f, "pipe", "neither a file nor a folder");
}

static void
test_windows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    char text[201] = {0};
    guint8 inputs[3 * 5], targets[3 * 5];
    Rng rng = rng_new(1, RNG_DATA, 1);

    for (int i = 0; i < 200; i++)
        text[i] = (char)(i + 1);
    put(f, "text", text, 200);
    g_autoptr(Corpus) corpus = read_folder(f->folder, 0.25, NULL);
    corpus_held_out(corpus, 0, 3, 3, 5, inputs, targets);
    g_assert_cmpuint(inputs[0], ==, 1); /* first, middle and last window of bytes 1 to 50 */
    g_assert_cmpuint(inputs[5], ==, 23);
    g_assert_cmpuint(targets[14], ==, 50);
    for (int draw = 0; draw < 2000; draw++) {
        corpus_draw(corpus, &rng, 3, 5, inputs, targets);
        for (int i = 0; i < 15; i++)
            g_assert_cmpuint(targets[i], ==, inputs[i] + 1);
        g_assert_cmpuint(inputs[0], >, 50); /* never the held-out part */
        g_assert_cmpuint(targets[4], <=, 200);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, test) g_test_add("/trainer/corpus/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("takes-text-from-folders-and-leaves-the-rest", test_files);
    ADD("a-nul-byte-anywhere-is-binary", test_late_nul);
    ADD("links-and-pipes-are-passed-over", test_circles);
    ADD("names-and-folders-do-not-change-the-split", test_names);
    ADD("nothing-to-read-is-said", test_nothing);
    ADD("windows-stay-on-their-side-and-targets-follow-inputs", test_windows);
    return g_test_run();
}
