/* output-file.c: a file that appears whole or not at all.
 *
 * Written beside its target, flushed to the disk and renamed; whatever fails before that leaves the
 * old file.  What a terminal shows is made fit for one. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
fail(const EntroOutput *output, GError **error)
{
    g_set_error(error, ENTRO_CLI_ERROR, ENTRO_CLI_ERROR_OUTPUT, "%s could not be written: %s",
                output->path ? output->path : "standard output", g_strerror(errno));
    return FALSE;
}

/* A rename would put a file in the place of a device or a pipe. */
static gboolean
is_special(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

static gboolean
open_draft(EntroOutput *output, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(output->path);
    g_autofree char *draft = g_build_filename(folder, ".entroscope-XXXXXX", NULL);
    int fd = g_mkstemp_full(draft, O_WRONLY | O_CLOEXEC, 0666);

    if (fd < 0)
        return fail(output, error);
    output->draft = g_steal_pointer(&draft);
    output->stream = fdopen(fd, "w");
    return output->stream != NULL || fail(output, error);
}

gboolean
entro_output_open(EntroOutput *output, const char *path, GError **error)
{
    output->path = path;
    if (path == NULL) {
        output->stream = stdout;
        return TRUE;
    }
    if (*path == '\0')
        return entro_usage_error(error, "the output needs a file name");
    if (!is_special(path))
        return open_draft(output, error);
    output->stream = fopen(path, "we");
    return output->stream != NULL || fail(output, error);
}

/* Names in the text may come from files that others wrote. */
static void
show(EntroOutput *output, const char *bytes, gsize n)
{
    for (const char *end = bytes + n, *line_end; bytes < end; bytes = line_end + 1) {
        line_end = memchr(bytes, '\n', (gsize)(end - bytes));
        if (line_end == NULL)
            line_end = end;
        g_autofree char *shown = entro_printable(bytes, (gssize)(line_end - bytes));
        fputs(shown, output->stream);
        if (line_end < end)
            fputc('\n', output->stream);
    }
}

gboolean
entro_output_write(EntroOutput *output, const char *bytes, gsize n, GError **error)
{
    if (isatty(fileno(output->stream)))
        show(output, bytes, n);
    else
        fwrite(bytes, 1, n, output->stream);
    return !ferror(output->stream) || fail(output, error);
}

gboolean
entro_output_commit(EntroOutput *output, GError **error)
{
    if (fflush(output->stream) != 0)
        return fail(output, error);
    if (output->draft == NULL)
        return TRUE;
    if (fsync(fileno(output->stream)) != 0 || g_rename(output->draft, output->path) != 0)
        return fail(output, error);
    g_clear_pointer(&output->draft, g_free);
    return TRUE;
}

void
entro_output_clear(EntroOutput *output)
{
    if (output->stream != NULL && output->stream != stdout)
        fclose(output->stream);
    if (output->draft != NULL)
        g_unlink(output->draft);
    g_clear_pointer(&output->draft, g_free);
}
