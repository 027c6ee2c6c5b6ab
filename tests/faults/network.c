/* network.c: a preloaded library that lets a folder lie on a network file system: statfs() says so, and
 * stat() of a name tells for ever what it told at first, as a client does that keeps attributes (NFS's
 * actimeo; opening asks anew, so fstat() is right).
 *   ENTRO_NETWORK_UNDER  the folder, absolute and without links
 *   ENTRO_NETWORK_MAGIC  the number of its file system, as of <linux/magic.h> */
#undef _FILE_OFFSET_BITS /* stat and stat64 are two */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define MAX_NAMES 16

static int
is_below(const char *path)
{
    const char *folder = getenv("ENTRO_NETWORK_UNDER");
    const size_t n = folder != NULL ? strlen(folder) : 0;
    char whole[PATH_MAX];

    return n > 0 && realpath(path, whole) != NULL && strncmp(whole, folder, n) == 0 &&
           (whole[n] == '/' || whole[n] == '\0');
}

/* 64 bits are the only kind on the processors that this runs on: statfs64 is statfs. */
int
statfs(const char *path, struct statfs *info)
{
    int (*next)(const char *, struct statfs *) =
        (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs");
    const char *magic = getenv("ENTRO_NETWORK_MAGIC");
    const int rc = next(path, info);

    if (rc == 0 && magic != NULL && is_below(path))
        info->f_type = (__typeof__(info->f_type))strtoul(magic, NULL, 0);
    return rc;
}

int
statfs64(const char *path, struct statfs64 *info)
{
    return statfs(path, (struct statfs *)info);
}

/* One thread asks: that of `watch`. */
int
stat(const char *path, struct stat *facts)
{
    static struct {
        char path[PATH_MAX];
        struct stat facts;
    } kept[MAX_NAMES];
    static int n_kept;
    int (*next)(const char *, struct stat *) =
        (int (*)(const char *, struct stat *))dlsym(RTLD_NEXT, "stat");
    const int rc = next(path, facts);

    if (rc != 0 || strstr(path, ".h5") == NULL || strlen(path) >= PATH_MAX || !is_below(path))
        return rc;
    for (int i = 0; i < n_kept; i++)
        if (strcmp(kept[i].path, path) == 0) {
            *facts = kept[i].facts;
            return 0;
        }
    if (n_kept < MAX_NAMES) {
        strcpy(kept[n_kept].path, path);
        kept[n_kept++].facts = *facts;
    }
    return rc;
}

int
stat64(const char *path, struct stat64 *facts)
{
    return stat(path, (struct stat *)facts);
}
