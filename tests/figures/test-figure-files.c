/* test-figure-files.c: the same bytes each time, and no harm done when writing fails. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "figure-samples.h"

static const char *const names[] = {"figure.pdf", "figure.svg", "figure.png"};

static EntroFigure *
make_named(const char *name)
{
    guint n = 0;
    const FigureSample *samples = figure_samples(&n);

    for (guint i = 0; i < n; i++)
        if (g_str_equal(samples[i].name, name))
            return samples[i].make(NULL);
    g_assert_not_reached();
}

static char *
folder_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("entro-figures-XXXXXX", &error);

    g_assert_no_error(error);
    return folder;
}

static guint
count_files(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void
folder_remove(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name = NULL;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(folder);
}

static GBytes *
write_and_read(const EntroFigure *figure, const char *path)
{
    g_autoptr(GError) error = NULL;
    char *data = NULL;
    gsize n = 0;

    entro_figure_write(figure, path, &error);
    g_assert_no_error(error);
    g_file_get_contents(path, &data, &n, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(n, >, 100);
    return g_bytes_new_take(data, n);
}

/* Twice from one figure, and from another made from the same numbers. */
static void
check_same_bytes(const char *sample)
{
    g_autofree char *folder = folder_new();

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_autoptr(EntroFigure) one = make_named(sample);
        g_autoptr(EntroFigure) other = make_named(sample);
        g_autoptr(GBytes) first = write_and_read(one, path);
        g_autoptr(GBytes) again = write_and_read(one, path);
        g_autoptr(GBytes) third = write_and_read(other, path);
        g_assert_true(g_bytes_equal(first, again));
        g_assert_true(g_bytes_equal(first, third));
    }
    g_assert_cmpuint(count_files(folder), ==, G_N_ELEMENTS(names));
    folder_remove(folder);
}

static void
test_same_bytes(void)
{
    check_same_bytes("heat-ragged");
    check_same_bytes("heat-64x64");
    check_same_bytes("layers-2-shared");
    check_same_bytes("bands-6");
}

static void
test_small(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.pdf", NULL);
    g_autoptr(EntroFigure) values = make_named("heat-1");
    g_autoptr(EntroFigure) large = make_named("heat-64x64");
    g_autoptr(GBytes) one = write_and_read(values, path);
    g_autoptr(GBytes) other = write_and_read(large, path);

    g_assert_cmpuint(g_bytes_get_size(one), <, 60000);
    g_assert_cmpuint(g_bytes_get_size(other), <, 400000);
    folder_remove(folder);
}

/* cairo would write the present time. */
static void
test_date_is_given(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.pdf", NULL);
    g_autoptr(EntroFigure) figure = make_named("bands-1");
    entro_figure_set_created(figure, "2001-09-09T03:46:40+02:00");
    entro_figure_set_created(figure, "yesterday"); /* ignored */
    g_autoptr(GBytes) bytes = write_and_read(figure, path);
    static const char date[] = "/CreationDate (20010909014640";

    g_assert_nonnull(
        memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), date, strlen(date)));
    folder_remove(folder);
}

/* ---- what may go wrong ---------------------------------------------------------------------- */

static void
check_refused(const char *path, EntroPlotError code, const char *says)
{
    g_autoptr(EntroFigure) figure = make_named("bands-1");
    g_autoptr(GError) error = NULL;

    g_assert_false(entro_figure_write(figure, path, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, says));
}

static void
test_wrong_targets(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *jpeg = g_build_filename(folder, "figure.jpeg", NULL);
    g_autofree char *missing = g_build_filename(folder, "missing", "figure.pdf", NULL);
    g_autofree char *taken = g_build_filename(folder, "folder.svg", NULL);

    check_refused(jpeg, ENTRO_PLOT_ERROR_ARGUMENT, ".pdf, .svg or .png");
    check_refused(missing, ENTRO_PLOT_ERROR_WRITE, g_strerror(ENOENT));
    check_refused(missing, ENTRO_PLOT_ERROR_WRITE, missing);
    g_assert_cmpint(g_mkdir(taken, 0700), ==, 0);
    check_refused(taken, ENTRO_PLOT_ERROR_WRITE, g_strerror(EISDIR));
    g_assert_cmpuint(count_files(folder), ==, 1);
    folder_remove(folder);
}

static void
test_read_only_folder(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.pdf", NULL);

    if (geteuid() == 0) {
        g_test_skip("root may write everywhere");
    } else {
        g_assert_cmpint(g_chmod(folder, 0500), ==, 0);
        check_refused(path, ENTRO_PLOT_ERROR_WRITE, g_strerror(EACCES));
        g_chmod(folder, 0700);
    }
    folder_remove(folder);
}

static void
test_full_disk(void)
{
    g_autoptr(EntroFigure) figure = make_named("heat-1");
    const int fd = open("/dev/full", O_WRONLY);

    if (fd < 0) {
        g_test_skip("no /dev/full");
        return;
    }
    for (guint format = ENTRO_FORMAT_PDF; format <= ENTRO_FORMAT_PNG; format++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(entro_figure_write_fd(figure, format, fd, "figure", &error));
        g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE);
        g_assert_nonnull(strstr(error->message, g_strerror(ENOSPC)));
    }
    close(fd);
}

static void
set_size_limit(rlim_t bytes)
{
    struct rlimit limit = {0};

    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* The disk fills up after any number of bytes: the old file stays, and nothing else. */
static void
test_old_file_survives(void)
{
    g_autoptr(EntroFigure) figure = make_named("heat-1");
    g_autofree char *folder = folder_new();

    signal(SIGXFSZ, SIG_IGN);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_autoptr(GBytes) old = write_and_read(figure, path);
        const gsize size = g_bytes_get_size(old);
        for (gsize limit = 0; limit < size; limit += size / 20 + 1) {
            g_autoptr(GError) error = NULL;
            set_size_limit(limit);
            const gboolean written = entro_figure_write(figure, path, &error);
            set_size_limit(RLIM_INFINITY);
            g_assert_false(written);
            g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_WRITE);
            g_assert_nonnull(strstr(error->message, g_strerror(EFBIG)));
            g_assert_cmpuint(count_files(folder), ==, i + 1);
        }
        g_autofree char *data = NULL;
        gsize n = 0;
        g_assert_true(g_file_get_contents(path, &data, &n, NULL));
        g_assert_cmpmem(data, n, g_bytes_get_data(old, NULL), size);
    }
    folder_remove(folder);
}

static void
test_pixel_limit(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.png", NULL);
    EntroPlotOptions options = ENTRO_PLOT_OPTIONS_DEFAULT;
    static const double resolutions[] = {2500, 7000}; /* too many in all; too many a side */

    for (guint i = 0; i < G_N_ELEMENTS(resolutions); i++) {
        g_autoptr(GError) error = NULL;
        options.dpi = resolutions[i];
        options.max_pixels = i == 0 ? 100e6 : 1e12;
        g_autoptr(EntroFigure) figure = sample_layers(1, 3, 20, &options, NULL);
        g_assert_false(entro_figure_write(figure, path, &error));
        g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT);
        g_assert_cmpuint(count_files(folder), ==, 0);
    }
    folder_remove(folder);
}

static void
test_absurd_grid(void)
{
    g_autoptr(GError) error = NULL;
    EntroGrid *grid = sample_grid("run", 2, 100000, 0, 1);

    g_assert_null(sample_heat_maps(&grid, 1, &ENTRO_PLOT_OPTIONS_DEFAULT, &error));
    g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_LIMIT);
}

static void
test_wrong_options(void)
{
    EntroPlotOptions options[7];

    for (guint i = 0; i < G_N_ELEMENTS(options); i++)
        options[i] = ENTRO_PLOT_OPTIONS_DEFAULT;
    options[0].dpi = 0;
    options[1].width = -1;
    options[2].font_size = INFINITY;
    options[3].palette = "jet";
    options[4].height = 0.2;
    options[5].preset = "tabloid";
    options[6].lines = "rainbow";
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sample_layers(1, 3, 20, &options[i], &error));
        g_assert_error(error, ENTRO_PLOT_ERROR, ENTRO_PLOT_ERROR_ARGUMENT);
    }
}

/* ---- what is in the files ------------------------------------------------------------------- */

static void
test_no_type_3_fonts(void)
{
    g_autofree char *tool = g_find_program_in_path("pdffonts");
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.pdf", NULL);
    g_autoptr(EntroFigure) figure = make_named("heat-odd-names-and-ranges");
    g_autofree char *output = NULL;

    if (!tool) {
        g_test_skip("no pdffonts (poppler-utils)");
    } else {
        g_autoptr(GBytes) bytes = write_and_read(figure, path);
        const char *argv[] = {tool, path, NULL};
        g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
                                   NULL, NULL, NULL));
        g_assert_nonnull(strstr(output, "DejaVuSans"));
        g_assert_null(strstr(output, "Type 3"));
    }
    folder_remove(folder);
}

static void
test_svg_is_well_formed(void)
{
    g_autofree char *folder = folder_new();
    g_autofree char *path = g_build_filename(folder, "figure.svg", NULL);
    g_autoptr(EntroFigure) figure = make_named("heat-odd-names-and-ranges");
    g_autoptr(GBytes) bytes = write_and_read(figure, path);
    static const GMarkupParser parser = {NULL, NULL, NULL, NULL, NULL};
    g_autoptr(GMarkupParseContext) context =
        g_markup_parse_context_new(&parser, G_MARKUP_DEFAULT_FLAGS, NULL, NULL);
    g_autoptr(GError) error = NULL;
    gsize n = 0;
    const char *data = g_bytes_get_data(bytes, &n);

    g_markup_parse_context_parse(context, data, (gssize)n, &error);
    g_assert_no_error(error);
    g_assert_true(g_markup_parse_context_end_parse(context, &error));
    folder_remove(folder);
}

static GHashTable *
ids_in(const char *svg)
{
    GHashTable *ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GRegex) regex = g_regex_new("(?: id=\"|url\\(#)([^\")]*)", G_REGEX_RAW, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    for (g_regex_match(regex, svg, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL))
        g_hash_table_add(ids, g_match_info_fetch(match, 1));
    return ids;
}

/* Figures in one page do not see the ids of each other. */
static void
test_svg_prefix(void)
{
    g_autoptr(EntroFigure) figure = make_named("heat-ragged");
    g_autoptr(GString) page = g_string_new("before");
    g_autoptr(GError) error = NULL;
    GHashTableIter at;
    gpointer id = NULL;
    guint n[2] = {0};

    g_assert_true(entro_figure_print_svg(figure, "a-", page, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(page->str, "before<svg "));
    g_assert_true(entro_figure_print_svg(figure, "b-", page, &error));
    g_autoptr(GHashTable) ids = ids_in(page->str);
    for (g_hash_table_iter_init(&at, ids); g_hash_table_iter_next(&at, &id, NULL);) {
        g_assert_true(g_str_has_prefix(id, "a-") || g_str_has_prefix(id, "b-"));
        n[*(char *)id - 'a']++;
    }
    g_assert_cmpuint(n[0], >=, 2); /* a gradient and a clip */
    g_assert_cmpuint(n[0], ==, n[1]);
}

/* A number is the same in every language. */
static void
test_svg_without_locale(void)
{
    g_autoptr(EntroFigure) figure = make_named("layers-1");
    g_autoptr(GString) here = g_string_new(NULL), there = g_string_new(NULL);

    entro_figure_print_svg(figure, "", here, NULL);
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        g_test_skip("no German locale here");
        return;
    }
    entro_figure_print_svg(figure, "", there, NULL);
    setlocale(LC_ALL, "C");
    g_assert_cmpstr(here->str, ==, there->str);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/figure-files/same-bytes-each-time", test_same_bytes);
    g_test_add_func("/figure-files/date-is-given", test_date_is_given);
    g_test_add_func("/figure-files/small", test_small);
    g_test_add_func("/figure-files/wrong-targets", test_wrong_targets);
    g_test_add_func("/figure-files/read-only-folder", test_read_only_folder);
    g_test_add_func("/figure-files/full-disk-is-named", test_full_disk);
    g_test_add_func("/figure-files/old-file-survives", test_old_file_survives);
    g_test_add_func("/figure-files/pixel-limit", test_pixel_limit);
    g_test_add_func("/figure-files/absurd-grid", test_absurd_grid);
    g_test_add_func("/figure-files/wrong-options", test_wrong_options);
    g_test_add_func("/figure-files/no-type-3-fonts", test_no_type_3_fonts);
    g_test_add_func("/figure-files/svg-is-well-formed", test_svg_is_well_formed);
    g_test_add_func("/figure-files/svg-ids-have-their-prefix", test_svg_prefix);
    g_test_add_func("/figure-files/svg-is-the-same-in-every-locale", test_svg_without_locale);
    return g_test_run();
}
