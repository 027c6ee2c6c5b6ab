/* child.c: the life of a process that reads one file for another. */
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FREE_FD 16 /* above all that a child is born with */

static char *child_program;
static int program_fd = -1;       /* that program, also when another lies at its path meanwhile */
static int stall_timeout = 30000; /* milliseconds */
static guint child_memory = ENTRO_CHILD_MEMORY;

void
entro_reader_use_child(const char *program, guint stall_seconds)
{
    g_free(child_program);
    child_program = g_strdup(program);
    if (program_fd >= 0)
        close(program_fd);
    program_fd = program == NULL ? -1 : entro_child_lift(open(program, O_PATH | O_CLOEXEC));
    entro_reader_limit_child(stall_seconds, 0);
}

void
entro_reader_limit_child(guint stall_seconds, guint memory_mib)
{
    if (stall_seconds > 0)
        stall_timeout = (int)MIN(stall_seconds, 86400) * 1000;
    if (memory_mib > 0)
        child_memory = memory_mib;
}

gboolean
entro_reader_has_child(void)
{
    return child_program != NULL;
}

int
entro_child_patience(void)
{
    return stall_timeout;
}

/* What a sanitizer is told is all that a child of it needs from the environment. */
static char **
child_environment(void)
{
    static const char *const kept[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                       "LSAN_OPTIONS", "LD_LIBRARY_PATH"};
    char **environment = g_environ_setenv(NULL, "LC_ALL", "C.UTF-8", TRUE);

    environment = g_environ_setenv(environment, "HDF5_USE_FILE_LOCKING", "FALSE", TRUE);
    environment = g_environ_setenv(environment, "OPENBLAS_NUM_THREADS", "1", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
        if (g_getenv(kept[i]) != NULL)
            environment = g_environ_setenv(environment, kept[i], g_getenv(kept[i]), TRUE);
    return environment;
}

static void
describe_birth(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int stream,
               int file, int redo)
{
    sigset_t all;

    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(actions, stream, ENTRO_CHILD_STREAM);
    posix_spawn_file_actions_adddup2(actions, file, ENTRO_CHILD_FILE);
    if (redo >= 0)
        posix_spawn_file_actions_adddup2(actions, redo, ENTRO_CHILD_REDO);
    else
        posix_spawn_file_actions_addopen(actions, ENTRO_CHILD_REDO, "/dev/null", O_RDONLY, 0);
    /* Ctrl-C at the terminal is for the parent */
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(attributes, 0);
    sigemptyset(&all);
    posix_spawnattr_setsigmask(attributes, &all);
    sigfillset(&all);
    posix_spawnattr_setsigdefault(attributes, &all);
}

static int
spawn(EntroChild *child, int stream, int file, int redo)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    g_auto(GStrv) environment = child_environment();
    g_autofree char *program =
        program_fd >= 0 ? g_strdup_printf("/proc/self/fd/%d", program_fd) : g_strdup(child_program);
    g_autofree char *patience = g_strdup_printf("%d", 2 * stall_timeout / 1000 + 10);
    g_autofree char *memory = g_strdup_printf("%u", child_memory);
    char *arguments[] = {child_program, (char *)ENTRO_READER_ARGUMENT, patience, memory, NULL};

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    describe_birth(&actions, &attributes, stream, file, redo);
    int problem = posix_spawn(&child->pid, program, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return problem;
}

/* Above the descriptors of a child, so that giving it those closes none of them. */
int
entro_child_lift(int fd)
{
    int lifted = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

    if (fd >= 0)
        close(fd);
    return lifted;
}

int
entro_child_start(EntroChild *child, int file, int redo)
{
    int pair[2];

    child->stream = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return errno;
    int ours = entro_child_lift(pair[0]), theirs = entro_child_lift(pair[1]);
    int problem = ours >= 0 && theirs >= 0 ? spawn(child, theirs, file, redo) : EMFILE;
    if (theirs >= 0)
        close(theirs);
    if (problem != 0 && ours >= 0)
        close(ours);
    if (problem == 0)
        child->stream = ours;
    return problem;
}

/* One that was taken over does not end by itself; what it died of before stays in its status. */
int
entro_child_end(EntroChild *child)
{
    int status = 0;

    kill(child->pid, SIGKILL);
    close(child->stream);
    child->stream = -1;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

char *
entro_child_words(int status)
{
    if (!WIFSIGNALED(status))
        return g_strdup_printf("the process that reads it ended with %d", WEXITSTATUS(status));
    switch (WTERMSIG(status)) {
    case SIGPROF:
        return g_strdup("HDF5 goes round in circles on it (damaged)");
    case SIGKILL:
        return g_strdup("the process that reads it was killed");
    default:
        return g_strdup_printf("HDF5 crashes on it (signal %d: damaged)", WTERMSIG(status));
    }
}
