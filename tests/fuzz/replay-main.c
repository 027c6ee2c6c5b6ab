/* replay-main.c: feeds a target with files, where there is no libFuzzer: each file of each folder given.
 *
 * The name is said before the input runs, so that a crash tells which; one that takes longer than
 * SECONDS hangs, and is killed by its alarm. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 20

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_files(const char *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(names, g_build_filename(folder, name, NULL));
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* A copy of its own size, for a sanitizer to see what is read behind the end. */
static gboolean
replay(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize size;

    if (!g_file_get_contents(path, &bytes, &size, NULL))
        return FALSE;
    g_autofree guint8 *exact = g_malloc(MAX(size, 1));
    memcpy(exact, bytes, size);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(exact, size);
    alarm(0);
    return TRUE;
}

int
main(int argc, char **argv)
{
    guint n = 0;

    for (int i = 1; i < argc; i++) {
        g_autoptr(GPtrArray) files = list_files(argv[i]);
        for (guint j = 0; j < files->len; j++) {
            g_autofree char *name = g_path_get_basename(files->pdata[j]);
            printf("# %s\n", name);
            fflush(stdout);
            printf("%s %u - %s\n", replay(files->pdata[j]) ? "ok" : "not ok", ++n, name);
        }
    }
    printf("1..%u\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
