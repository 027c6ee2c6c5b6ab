/* main.c: finds the subcommand, runs it, prints its error, turns it into an exit code. */
#include "command.h"
#include "commands.h"

#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DECLARE(name) extern const EntroCommand entro_command_##name;
ENTRO_COMMANDS(DECLARE)
#undef DECLARE

#define ROW(name) &entro_command_##name,
static const EntroCommand *const commands[] = {ENTRO_COMMANDS(ROW)};
#undef ROW

static void
print_overview(FILE *to)
{
    fprintf(to, "Usage: entroscope COMMAND [ARGUMENTS]\n\n"
                "Attention entropy of transformers: from a training run to a figure.\n\n"
                "Commands:\n");
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->about);
    fprintf(to,
            "\n'entroscope COMMAND --help' tells more; 'entroscope --version' the version.\n"
            "Exit codes: 0 done, 1 findings (report --fail-on), 2 usage, 3 partly done, 4 input\n"
            "unusable, 5 refused, 6 output or database failed, 7 internal, 128+n on signal n.\n");
}

static const EntroCommand *
find_command(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        if (g_str_equal(commands[i]->name, name))
            return commands[i];
    return NULL;
}

/* Commands that begin alike, so that a slip of the finger gets an answer. */
static int
unknown_command(const char *name)
{
    g_autofree char *shown = entro_printable(name, -1);

    fprintf(stderr, "entroscope: there is no command \"%s\"", shown);
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strncmp(commands[i]->name, name, 2) == 0 || strstr(name, commands[i]->name) != NULL) {
            fprintf(stderr, "; did you mean \"%s\"?", commands[i]->name);
            break;
        }
    fprintf(stderr, "\n'entroscope --help' lists the commands.\n");
    return ENTRO_EXIT_USAGE;
}

/* Whoever closed it wants no more, and no complaint. */
static void
leave_a_closed_pipe(void)
{
    if (entro_signals_seen() == SIGPIPE)
        entro_signals_leave(SIGPIPE);
}

static int
run_command(const EntroCommand *command, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int exit_code = ENTRO_EXIT_DONE;
    gboolean good = command->run(argc, argv, &exit_code, &error);

    g_assert(good || error != NULL);
    entro_progress_end();
    if (good)
        good = entro_flush_stdout(&error);
    if (good)
        return exit_code;
    leave_a_closed_pipe();
    fflush(stdout);
    clearerr(stdout); /* it is told here, and not again at exit */
    entro_complain(command->name, error->message);
    return entro_exit_code(error);
}

/* "help" or "help COMMAND" */
static int
help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return ENTRO_EXIT_DONE;
    }
    const EntroCommand *command = find_command(argv[1]);
    return command ? run_command(command, 2, (char *[]){argv[1], "--help", NULL})
                   : unknown_command(argv[1]);
}

/* Help and version leave through exit(), some of them inside GOption: asked there, no way out is
 * forgotten.  What a command printed was asked about before. */
static void
check_stdout_at_exit(void)
{
    g_autoptr(GError) error = NULL;

    if (entro_flush_stdout(&error))
        return;
    leave_a_closed_pipe();
    fprintf(stderr, "entroscope: %s\n", error->message);
    _exit(ENTRO_EXIT_OUTPUT);
}

/* A file that is opened must never become what printf() writes to. */
static void
occupy_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* GLib ends the program where a list or a text cannot grow, or pango gets no thread: with a sentence,
 * and no core. */
static void
end_without_memory(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
    static const char sentence[] = "entroscope: there is not enough memory\n";

    if (strstr(message, "failed to allocate") == NULL &&
        strstr(message, "creating thread") == NULL) {
        g_log_default_handler(domain, level, message, data);
        return;
    }
    entro_drafts_unlink();
    entro_progress_wipe();
    _exit(write(STDERR_FILENO, sentence, sizeof sentence - 1) < 0 ? ENTRO_EXIT_OUTPUT
                                                                  : ENTRO_EXIT_REFUSED);
}

/* HDF5 lets its environment overrule the program: locks, plugins, other files.  Not this one's. */
static void
scrub_environment(void)
{
    g_auto(GStrv) names = g_listenv();

    for (char **name = names; *name != NULL; name++)
        if (g_str_has_prefix(*name, "HDF5_"))
            g_unsetenv(*name);
}

/* The small program that is installed, or was built, with this one; else this one. */
static void
choose_reader(void)
{
    static const char *const places[] = {"../" ENTRO_READER_FOLDER "/entroscope-reader",
                                         "../loaders/entroscope-reader",
                                         ENTRO_READER_FOLDER "/entroscope-reader"};
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;

    for (guint i = 0; folder != NULL && i < G_N_ELEMENTS(places); i++) {
        g_autofree char *reader = g_canonicalize_filename(places[i], folder);
        if (g_file_test(reader, G_FILE_TEST_IS_EXECUTABLE)) {
            entro_reader_use_child(reader, 0);
            return;
        }
    }
    entro_reader_use_child("/proc/self/exe", 0);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], ENTRO_READER_ARGUMENT))
        entro_reader_serve(argc - 1, argv + 1);
    occupy_standard_descriptors();
    scrub_environment();
    setlocale(LC_CTYPE, "C.UTF-8"); /* text is UTF-8, numbers keep their point */
    gsl_set_error_handler_off();
    g_log_set_handler("GLib", G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION,
                      end_without_memory, NULL);
    entro_signals_watch_pipe();
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(), not the end */
    atexit(check_stdout_at_exit);
    choose_reader();

    if (argc < 2) {
        print_overview(stderr);
        return ENTRO_EXIT_USAGE;
    }
    if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
        g_str_equal(argv[1], "help"))
        return help(argc - 1, argv + 1);
    if (g_str_equal(argv[1], "--version")) {
        printf("entroscope %s\n", ENTRO_VERSION);
        return ENTRO_EXIT_DONE;
    }
    const EntroCommand *command = find_command(argv[1]);
    return command ? run_command(command, argc - 1, argv + 1) : unknown_command(argv[1]);
}
