/* signals.c: the first Ctrl-C lets the work at hand come to a clean end, the second does not wait. */
#include "command.h"

#include <signal.h>

static volatile sig_atomic_t seen;

static void
note_signal(int number)
{
    seen = number;
}

void
entro_signals_watch(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESETHAND | SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int
entro_signals_seen(void)
{
    return seen;
}
