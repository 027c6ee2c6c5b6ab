/* signals.c: the first Ctrl-C lets the work at hand come to a clean end, the second does not wait.
 *
 * Neither does the clock: what has not ended a moment after the first ends then.  Nothing is lost by
 * that: databases roll back, and files that are not complete have no name yet. */
#include "command.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static guint patience;

/* In a handler too: only what may be called there. */
void
entro_signals_leave(int number)
{
    sigset_t one;

    entro_drafts_unlink();
    entro_progress_wipe();
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    _exit(128 + number);
}

static void
note_signal(int number)
{
    if (seen != 0)
        entro_signals_leave(number);
    seen = number;
    alarm(patience);
}

static void
lose_patience(int number)
{
    (void)number;
    entro_signals_leave(seen);
}

/* Each write to it is another. */
static void
note_pipe(int number)
{
    if (seen == 0)
        seen = number;
}

static void
watch(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;

    sigemptyset(&action.sa_mask);
    /* nohup, or a shell that has put the program into the background */
    if (number != SIGPIPE && sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
        return;
    sigaction(number, &action, NULL);
}

void
entro_signals_watch(guint seconds)
{
    patience = seconds;
    watch(SIGALRM, lose_patience);
    watch(SIGINT, note_signal);
    watch(SIGTERM, note_signal);
    watch(SIGHUP, note_signal);
}

void
entro_signals_watch_pipe(void)
{
    watch(SIGPIPE, note_pipe);
}

int
entro_signals_seen(void)
{
    return seen;
}
