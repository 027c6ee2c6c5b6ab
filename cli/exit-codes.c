/* exit-codes.c: which error ends the program with which code. */
#include "command.h"

#include <stdio.h>

G_DEFINE_QUARK(entro - cli - error - quark, entro_cli_error)

typedef struct {
    GQuark (*domain)(void);
    int code; /* -1: all of the domain */
    EntroExit exit;
} ExitRow;

static const ExitRow rows[] = {
    {entro_loader_error_quark, ENTRO_LOADER_ERROR_ARGUMENT, ENTRO_EXIT_USAGE},
    {entro_loader_error_quark, ENTRO_LOADER_ERROR_POLICY, ENTRO_EXIT_REFUSED},
    {entro_loader_error_quark, ENTRO_LOADER_ERROR_LIMIT, ENTRO_EXIT_REFUSED},
    {entro_loader_error_quark, ENTRO_LOADER_ERROR_WRITE, ENTRO_EXIT_OUTPUT},
    {entro_loader_error_quark, -1, ENTRO_EXIT_INPUT},
    {entro_analyzer_error_quark, ENTRO_ANALYZER_ERROR_MEMORY, ENTRO_EXIT_REFUSED},
    {entro_analyzer_error_quark, ENTRO_ANALYZER_ERROR_RULE, ENTRO_EXIT_USAGE},
    {entro_analyzer_error_quark, ENTRO_ANALYZER_ERROR_NOT_FOUND, ENTRO_EXIT_USAGE},
    {entro_analyzer_error_quark, ENTRO_ANALYZER_ERROR_LIMIT, ENTRO_EXIT_REFUSED},
    {entro_analyzer_error_quark, ENTRO_ANALYZER_ERROR_DATA, ENTRO_EXIT_INPUT},
    {entro_store_error_quark, ENTRO_STORE_ERROR_NOT_FOUND, ENTRO_EXIT_USAGE},
    {entro_store_error_quark, ENTRO_STORE_ERROR_CONFLICT, ENTRO_EXIT_USAGE},
    {entro_store_error_quark, ENTRO_STORE_ERROR_ARGUMENT, ENTRO_EXIT_USAGE},
    {entro_store_error_quark, ENTRO_STORE_ERROR_SOURCE, ENTRO_EXIT_INPUT},
    {entro_store_error_quark, ENTRO_STORE_ERROR_LIMIT, ENTRO_EXIT_REFUSED},
    {entro_store_error_quark, -1, ENTRO_EXIT_OUTPUT},
    {entro_plot_error_quark, ENTRO_PLOT_ERROR_ARGUMENT, ENTRO_EXIT_USAGE},
    {entro_plot_error_quark, ENTRO_PLOT_ERROR_EMPTY, ENTRO_EXIT_INPUT},
    {entro_plot_error_quark, ENTRO_PLOT_ERROR_READ, ENTRO_EXIT_INPUT},
    {entro_plot_error_quark, ENTRO_PLOT_ERROR_LIMIT, ENTRO_EXIT_REFUSED},
    {entro_plot_error_quark, -1, ENTRO_EXIT_OUTPUT},
    {entro_trainer_error_quark, ENTRO_TRAINER_ERROR_CONFIG, ENTRO_EXIT_USAGE},
    {entro_trainer_error_quark, ENTRO_TRAINER_ERROR_CORPUS, ENTRO_EXIT_INPUT},
    {entro_trainer_error_quark, ENTRO_TRAINER_ERROR_MEMORY, ENTRO_EXIT_REFUSED},
    {entro_trainer_error_quark, ENTRO_TRAINER_ERROR_OUTPUT, ENTRO_EXIT_OUTPUT},
    {entro_cli_error_quark, ENTRO_CLI_ERROR_OUTPUT, ENTRO_EXIT_OUTPUT},
    {entro_cli_error_quark, ENTRO_CLI_ERROR_REFUSED, ENTRO_EXIT_REFUSED},
    {entro_cli_error_quark, -1, ENTRO_EXIT_USAGE},
    {g_option_error_quark, -1, ENTRO_EXIT_USAGE},
};

int
entro_exit_code(const GError *error)
{
    if (g_error_matches(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL))
        return 128 + entro_signals_seen();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (error->domain == rows[i].domain() &&
            (rows[i].code == -1 || rows[i].code == error->code))
            return rows[i].exit;
    return ENTRO_EXIT_INTERNAL;
}

void
entro_complain(const char *command, const char *message)
{
    g_autofree char *shown = entro_printable(message, -1);

    fprintf(stderr, "entroscope %s: %s\n", command, shown);
}
