/* test-child.c: what a child costs that dies of one kind of question, or says more than it was asked; and a
 * parent that has no descriptors left for one.
 *
 * The child is this program, called by a link: what it does is its name (`kinds`).  Each birth is a byte in
 * <link>.births. */
#include "loader-fixture.h"

#include "reader/message.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the child -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    EntroQuestion question;
    gboolean talks; /* more than it was asked; else it dies */
} kinds[] = {
    {"sound", ENTRO_N_QUESTIONS, FALSE},     {"dies-of-exists", ENTRO_ASK_EXISTS, FALSE},
    {"dies-of-find", ENTRO_ASK_FIND, FALSE}, {"dies-of-walk", ENTRO_ASK_WALK, FALSE},
    {"talks", ENTRO_ASK_LIST, TRUE},
};
static guint kind;

static void
act(EntroQuestion question, guint32 *number, GVariant **answer)
{
    static const char *const names[] = {"one", "two", "three", NULL};

    (void)number;
    if (question != kinds[kind].question)
        return;
    if (!kinds[kind].talks)
        _exit(9);
    g_variant_unref(g_variant_ref_sink(*answer));
    *answer = g_variant_new("(u^aay)", (guint32)ENTRO_LIST_WHOLE, names);
}

static void
serve(int argc, char **argv)
{
    g_autofree char *births_name = g_strconcat(argv[0], ".births", NULL);
    g_autofree char *name = g_path_get_basename(argv[0]);
    FILE *births = fopen(births_name, "a");

    if (births != NULL)
        fputc('x', births), fclose(births);
    while (!g_str_equal(name, kinds[kind].name))
        kind++;
    entro_reader_before_answer = act;
    entro_reader_serve(argc - 1, argv + 1);
}

/* ---- the parent ------------------------------------------------------------------------------------- */

static const char *program;

static void
use_child(const char *name)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

    program = fixture_path(name);
    g_autofree char *births = g_strconcat(program, ".births", NULL);
    g_unlink(program);
    g_unlink(births);
    g_assert_cmpint(symlink(self, program), ==, 0);
    entro_reader_use_child(program, 30);
}

static gsize
count_births(void)
{
    g_autofree char *name = g_strconcat(program, ".births", NULL);
    g_autofree char *text = NULL;
    gsize n = 0;

    g_file_get_contents(name, &text, &n, NULL);
    return n;
}

static const char *
make_trace(void)
{
    static const LayerSpec specs[] = {
        {.index = 0, .element = ENTRO_F32, .dims = {4, 1, 2, 4, 4}, .chunk = {1, 1, 2, 4, 4}},
        {.index = 1, .element = ENTRO_F32, .dims = {4, 1, 2, 4, 4}, .chunk = {1, 1, 2, 4, 4}},
        {.index = 2, .element = ENTRO_F32, .dims = {4, 1, 2, 4, 4}, .chunk = {1, 1, 2, 4, 4}},
    };
    const char *path = fixture_path("child.h5");

    fixture_trace(path, specs, G_N_ELEMENTS(specs), FALSE);
    return path;
}

static EntroReader *
open_reader(const char *path)
{
    g_autoptr(GError) error = NULL;
    EntroReader *reader = entro_reader_open(path, &error);

    g_assert_no_error(error);
    return reader;
}

/* Two for a dataset, then its chunks are given up; five in all, then the file is: the sixth question finds
 * no child any more, and says what the last one died of. */
static void
test_a_file_that_kills_each_child_is_given_up(void)
{
    const char *path = make_trace();
    g_autoptr(GError) error = NULL;
    gboolean end = FALSE;
    guint n = 0;

    use_child("dies-of-find");
    g_autoptr(EntroSource) source = entro_source_open(path, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(EntroTile) tile = entro_tile_new(source, NULL);
    for (; entro_source_next(source, tile, &end, &error) && !end; n++) {
        g_autofree char *name = g_strdup_printf("/layers/%u/attention", tile->layer);
        g_assert_cmpint(tile->status, ==, ENTRO_TILE_DAMAGED);
        g_assert_nonnull(strstr(tile->problem, name));
        g_assert_nonnull(strstr(tile->problem, "cannot be looked up: the process that reads it"
                                               " ended with 9"));
    }
    g_assert_no_error(error);
    g_assert_cmpuint(n, ==, 3 * 4);
    g_assert_cmpuint(count_births(), ==, 5);
}

static void
test_a_walk_that_kills_is_not_done_again(void)
{
    const char *path = make_trace();
    EntroListEnd end = ENTRO_LIST_WHOLE;
    gboolean exists = FALSE;

    use_child("dies-of-walk");
    EntroReader *reader = open_reader(path);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GPtrArray) names = entro_reader_walk(reader, 100, &end);
        g_assert_cmpuint(names->len, ==, 0);
        g_assert_cmpint(end, ==, ENTRO_LIST_DAMAGED);
        g_assert_cmpuint(count_births(), ==, 1);
    }
    g_assert_true(entro_reader_exists(reader, "/step", &exists, NULL)); /* by another */
    g_assert_true(exists);
    g_assert_cmpuint(count_births(), ==, 2);
    entro_reader_free(reader);
}

/* The next child meets what has become of the file meanwhile. */
static void
test_a_file_that_is_cut_beside_its_child(void)
{
    const char *path = make_trace();
    g_autoptr(GError) error = NULL;
    gboolean exists = TRUE;

    use_child("dies-of-exists");
    EntroReader *reader = open_reader(path);
    g_assert_false(entro_reader_exists(reader, "/step", &exists, &error));
    g_assert_error(error, ENTRO_LOADER_ERROR, ENTRO_LOADER_ERROR_FORMAT);
    g_assert_nonnull(strstr(error->message, "the process that reads it ended with 9"));
    g_clear_error(&error);
    g_assert_cmpint(truncate(path, 0), ==, 0);
    g_assert_false(entro_reader_exists(reader, "/layers", &exists, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_cmpuint(count_births(), ==, 2);
    entro_reader_free(reader);
}

/* The root group and all behind it is in the block that was to be written, and nothing in its place. */
static void
test_what_a_killed_writer_left_goes_along(void)
{
    enum { START = 48, SIZE = 1000 };
    const char *path = make_trace();
    g_autofree char *bytes = NULL;
    gboolean exists = FALSE;
    struct stat facts;
    gsize n;

    use_child("sound");
    g_assert_true(g_file_get_contents(path, &bytes, &n, NULL));
    g_assert_cmpuint(n, >, START + SIZE);
    EntroRedo *redo = NULL;
    for (guint is_left = 0; is_left < 2; is_left++) {
        g_autofree char *spoilt = g_memdup2(bytes, n);
        memset(spoilt + START, 0, SIZE);
        g_assert_true(g_file_set_contents_full(path, spoilt, (gssize)n, G_FILE_SET_CONTENTS_NONE,
                                               0644, NULL));
        g_assert_cmpint(stat(path, &facts), ==, 0);
        if (is_left) {
            redo = entro_redo_new(path, facts.st_dev, facts.st_ino);
            g_assert_true(entro_redo_put(redo, START, bytes + START, SIZE));
        }
        EntroReader *reader = entro_reader_open(path, NULL);
        g_assert_cmpint(reader != NULL && entro_reader_exists(reader, "/step", &exists, NULL) &&
                            exists,
                        ==, is_left);
        entro_reader_free(reader);
    }
    entro_redo_free(redo);
    entro_redo_forget(path);
}

static void
test_more_names_than_were_asked_for(void)
{
    const char *path = make_trace();

    use_child("talks");
    EntroReader *reader = open_reader(path);
    for (guint max = 1; max < 5; max++) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        EntroListEnd end = ENTRO_LIST_DAMAGED;
        g_assert_true(entro_reader_list(reader, "/", FALSE, max, names, &end, NULL));
        g_assert_cmpuint(names->len, ==, MIN(max, 3));
    }
    entro_reader_free(reader);
}

/* ---- no descriptors --------------------------------------------------------------------------------- */

enum { DESCRIPTORS = 64, LOW = 16 /* those of a child lie below */ };

static struct {
    int fds[DESCRIPTORS];
    guint n;
} taken;

static void
take_all(void)
{
    int fd;

    for (taken.n = 0; (fd = dup(STDIN_FILENO)) >= 0;)
        taken.fds[taken.n++] = fd;
    g_assert_cmpint(errno, ==, EMFILE);
}

static void
give_back(gboolean (*which)(int fd), guint most)
{
    for (guint i = taken.n; i-- > 0 && most > 0;)
        if (taken.fds[i] >= 0 && which(taken.fds[i])) {
            close(taken.fds[i]);
            taken.fds[i] = -1;
            most--;
        }
}

static gboolean
is_low(int fd)
{
    return fd < LOW;
}

static gboolean
is_high(int fd)
{
    return fd >= LOW;
}

static gboolean
is_any(int fd)
{
    return fd >= 0;
}

/* From none on, one more each time: wherever they run out, it is said, and nothing is lost for the next. */
static void
try_with_more_and_more(const char *path, gboolean low, guint expected)
{
    EntroReader *reader = NULL;
    guint n_high = 0;

    take_all();
    give_back(is_low, low ? DESCRIPTORS : 0);
    for (; reader == NULL; n_high++) {
        g_autoptr(GError) error = NULL;
        reader = entro_reader_open(path, &error);
        if (reader != NULL)
            break;
        g_assert_true(g_str_has_prefix(error->message, path));
        g_assert_nonnull(strstr(error->message, g_strerror(EMFILE)));
        g_assert_cmpuint(count_births(), ==, 0);
        give_back(is_high, 1);
    }
    give_back(is_any, DESCRIPTORS);
    g_assert_cmpuint(n_high, ==, expected);
    entro_reader_free(reader);
}

static void
test_descriptors_run_out(void)
{
    const char *path = make_trace();
    struct rlimit usual, few;

    use_child("sound");
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &usual), ==, 0);
    few = (struct rlimit){DESCRIPTORS, usual.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
    try_with_more_and_more(path, FALSE, 4);
    use_child("sound");
    try_with_more_and_more(path, TRUE, 3); /* the file, and both ends of the stream */
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &usual), ==, 0);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], ENTRO_READER_ARGUMENT))
        serve(argc, argv);
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/child/" NAME, TEST)
    ADD("a-file-that-kills-each-child-is-given-up", test_a_file_that_kills_each_child_is_given_up);
    ADD("a-walk-that-kills-is-not-done-again", test_a_walk_that_kills_is_not_done_again);
    ADD("a-file-that-is-cut-beside-its-child", test_a_file_that_is_cut_beside_its_child);
    ADD("what-a-killed-writer-left-goes-along", test_what_a_killed_writer_left_goes_along);
    ADD("more-names-than-were-asked-for", test_more_names_than_were_asked_for);
    ADD("descriptors-run-out", test_descriptors_run_out);
    int failed = g_test_run();
    entro_reader_use_child(NULL, 0);
    fixture_done();
    return failed;
}
