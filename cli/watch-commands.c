/* watch-commands.c: the command of --on-finding, one at a time.
 *
 * The text is the user's own and goes to the shell as it is; what comes from a trace only ever stands in
 * the environment, so that a name cannot become a command. */
#include "watch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* So many wait; the findings beyond are told, and no command is run for them. */
#define MOST_WAITING 64

struct EntroCommands {
    const char *text;
    GQueue waiting; /* char **: environments */
    pid_t running;  /* 0: none */
    char *about;    /* the finding that it runs for */
    guint n_left_out;
};

EntroCommands *
entro_commands_new(const char *text)
{
    EntroCommands *commands = g_new0(EntroCommands, 1);

    commands->text = text;
    g_queue_init(&commands->waiting);
    return commands;
}

void
entro_commands_free(EntroCommands *commands)
{
    g_queue_clear_full(&commands->waiting, (GDestroyNotify)g_strfreev);
    g_free(commands->about);
    g_free(commands);
}

static char **
put_number(char **environment, const char *name, gint64 value, gint64 none)
{
    g_autofree char *text =
        value == none ? g_strdup("") : g_strdup_printf("%" G_GINT64_FORMAT, value);

    return g_environ_setenv(environment, name, text, TRUE);
}

static char **
make_environment(const EntroTold *told)
{
    const EntroFinding *finding = told->finding;
    const char *const texts[][2] = {{"ENTROSCOPE_RUN", told->run},
                                    {"ENTROSCOPE_FILE", told->file},
                                    {"ENTROSCOPE_DB", told->db},
                                    {"ENTROSCOPE_KIND", entro_finding_kind_name(finding->kind)},
                                    {"ENTROSCOPE_SEVERITY", entro_severity_name(finding->severity)},
                                    {"ENTROSCOPE_RULE", finding->rule},
                                    {"ENTROSCOPE_MESSAGE", finding->sentence}};
    char **environment = g_get_environ();

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        environment = g_environ_setenv(environment, texts[i][0], texts[i][1], TRUE);
    environment = put_number(environment, "ENTROSCOPE_LAYER", finding->layer, -1);
    environment = put_number(environment, "ENTROSCOPE_HEAD", finding->head, -1);
    return put_number(environment, "ENTROSCOPE_STEP", finding->onset_step, G_MININT64);
}

void
entro_commands_add(EntroCommands *commands, const EntroTold *told)
{
    if (commands->text == NULL)
        return;
    if (commands->waiting.length < MOST_WAITING)
        g_queue_push_tail(&commands->waiting, make_environment(told));
    else if (commands->n_left_out++ == 0)
        entro_complain("watch", "--on-finding: too many findings at once, the command is not run "
                                "for all of them");
}

/* Results are on our stdout: what the command prints goes to stderr. */
static int
spawn(const char *text, char **environment, pid_t *ret_pid)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)text, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t signals;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ); /* ignored here */
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int failure = posix_spawn(ret_pid, "/bin/sh", &files, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

static void
begin_next(EntroCommands *commands)
{
    g_auto(GStrv) environment = g_queue_pop_head(&commands->waiting);

    g_free(commands->about);
    commands->about = g_strdup(g_environ_getenv(environment, "ENTROSCOPE_MESSAGE"));
    int failure = spawn(commands->text, environment, &commands->running);
    if (failure == 0)
        return;
    commands->running = 0;
    g_autofree char *message = g_strdup_printf("--on-finding: /bin/sh: %s", g_strerror(failure));
    entro_complain("watch", message);
}

static void
tell_end(const EntroCommands *commands, int status)
{
    g_autofree char *how = WIFSIGNALED(status)
                               ? g_strdup_printf("was ended by signal %d", WTERMSIG(status))
                               : g_strdup_printf("ended with exit code %d", WEXITSTATUS(status));
    g_autofree char *message =
        g_strdup_printf("--on-finding: the command %s (%s)", how, commands->about);

    if (status == 0)
        return;
    entro_progress_end();
    entro_complain("watch", message);
}

gboolean
entro_commands_tick(EntroCommands *commands)
{
    int status = 0;

    if (commands->running != 0 && waitpid(commands->running, &status, WNOHANG) != 0) {
        commands->running = 0;
        tell_end(commands, status);
    }
    while (commands->running == 0 && commands->waiting.length > 0)
        begin_next(commands);
    return commands->running != 0;
}
