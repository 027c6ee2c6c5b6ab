/* watch-file.c: a file that another process writes, seen from outside: by stat() and /proc.
 *
 * Nothing here opens the file for more than its first bytes, and nothing ever locks it: a lock of ours
 * would make the trainer's own open() fail. */
#include "watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The coarsest clock of a local file system in use ticks every 10 ms; some margin. */
#define CLOCK_TICK (G_USEC_PER_SEC / 10)

static EntroLook
look_at(const struct stat *facts)
{
    return (EntroLook){.there = TRUE,
                       .device = facts->st_dev,
                       .inode = facts->st_ino,
                       .size = facts->st_size,
                       .changed =
                           facts->st_mtim.tv_sec * G_USEC_PER_SEC + facts->st_mtim.tv_nsec / 1000};
}

EntroLook
entro_look(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 ? look_at(&facts) : (EntroLook){0};
}

static gboolean
same_file(const EntroLook *a, const EntroLook *b)
{
    return a->there && b->there && a->device == b->device && a->inode == b->inode;
}

gboolean
entro_look_same(const EntroLook *a, const EntroLook *b)
{
    return same_file(a, b) && a->size == b->size && a->changed == b->changed;
}

gboolean
entro_look_replaced(const EntroLook *before, const EntroLook *now)
{
    return before->there && now->there && (!same_file(before, now) || now->size < before->size);
}

gboolean
entro_look_may_hide(const EntroLook *look)
{
    return ABS(g_get_real_time() - look->changed) < CLOCK_TICK;
}

/* ---- who writes it ------------------------------------------------------------------------------------ */

void
entro_file_writer_clear(EntroFileWriter *writer)
{
    g_clear_pointer(&writer->link, g_free);
    writer->pid = 0;
}

static gboolean
leads_to(const char *link, const EntroLook *look)
{
    struct stat facts;
    EntroLook there;

    if (stat(link, &facts) != 0)
        return FALSE;
    there = look_at(&facts);
    return same_file(&there, look);
}

gboolean
entro_file_writer_alive(const EntroFileWriter *writer, const EntroLook *look)
{
    return writer->pid != 0 && leads_to(writer->link, look);
}

/* The flags are octal: "flags:\t0100002". */
static gboolean
is_for_writing(const char *pid, const char *fd)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", pid, fd);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    const char *flags = strstr(text, "flags:");
    return flags != NULL &&
           (g_ascii_strtoull(flags + strlen("flags:"), NULL, 8) & O_ACCMODE) != O_RDONLY;
}

static gboolean
search_process(const char *pid, EntroFileWriter *writer, const EntroLook *look)
{
    g_autofree char *folder = g_strdup_printf("/proc/%s/fd", pid);
    g_autoptr(GDir) fds = g_dir_open(folder, 0, NULL);
    const char *fd;

    while (fds != NULL && (fd = g_dir_read_name(fds)) != NULL) {
        g_autofree char *link = g_build_filename(folder, fd, NULL);
        if (!leads_to(link, look) || !is_for_writing(pid, fd))
            continue;
        writer->pid = g_ascii_strtoll(pid, NULL, 10);
        writer->link = g_steal_pointer(&link);
        return TRUE;
    }
    return FALSE;
}

gboolean
entro_file_writer_find(EntroFileWriter *writer, const EntroLook *look)
{
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *name;

    entro_file_writer_clear(writer);
    while (processes != NULL && (name = g_dir_read_name(processes)) != NULL)
        if (g_ascii_isdigit(*name) && search_process(name, writer, look))
            return TRUE;
    return FALSE;
}
