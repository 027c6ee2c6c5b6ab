/* output-file.c: what goes to stdout, or to a file that appears whole or not at all.
 *
 * What a terminal shows is made fit for one.  After a signal nothing more is written: the old file
 * stays. */
#include "command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

gboolean
entro_output_open(EntroOutput *output, const char *path, GError **error)
{
    output->path = path;
    if (path == NULL)
        return TRUE;
    if (*path == '\0')
        return entro_usage_error(error, "the output needs a file name");
    output->draft = entro_draft_new(path, error);
    return output->draft != NULL;
}

static gboolean
check_signals(const EntroOutput *output, GError **error)
{
    if (entro_signals_seen() == 0)
        return TRUE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_SIGNAL, "stopped by a signal; %s%s",
                output->path ? output->path : "the output",
                output->path ? " is as it was" : " is not complete");
    return FALSE;
}

static gboolean
put(EntroOutput *output, const char *bytes, gsize n, GError **error)
{
    if (output->draft != NULL)
        return entro_draft_write(output->draft, bytes, n, error);
    fwrite(bytes, 1, n, stdout);
    if (!ferror(stdout))
        return TRUE;
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_OUTPUT,
                "standard output could not be written: %s", g_strerror(errno));
    return FALSE;
}

/* Names in the text may come from files that others wrote. */
static gboolean
show(EntroOutput *output, const char *bytes, gsize n, GError **error)
{
    for (const char *end = bytes + n, *line_end; bytes < end; bytes = line_end + 1) {
        line_end = memchr(bytes, '\n', (gsize)(end - bytes));
        if (line_end == NULL)
            line_end = end;
        g_autofree char *shown = entro_printable(bytes, (gssize)(line_end - bytes));
        if (!put(output, shown, strlen(shown), error) ||
            (line_end < end && !put(output, "\n", 1, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean
entro_output_write(EntroOutput *output, const char *bytes, gsize n, GError **error)
{
    const int fd = output->draft ? entro_draft_get_fd(output->draft) : STDOUT_FILENO;

    return check_signals(output, error) && (isatty(fd) ? show : put)(output, bytes, n, error);
}

/* stdout is flushed, and asked, at the end of the program. */
gboolean
entro_output_commit(EntroOutput *output, GError **error)
{
    return check_signals(output, error) &&
           (output->draft == NULL || entro_draft_commit(output->draft, error));
}

void
entro_output_clear(EntroOutput *output)
{
    g_clear_pointer(&output->draft, entro_draft_free);
}
