/* fault.c: a preloaded library in which the n-th call of a kind fails.
 *
 * Calls count from main() on, and but for memory only on files below one folder: what the dynamic
 * linker, fonts and locales do is not what is tested.  The environment says what happens:
 *   ENTRO_FAULT_UNDER   the folder, absolute and without links
 *   ENTRO_FAULT_REPORT  a file of at least one page: how often each kind was called, and what failed
 *   ENTRO_FAULT_KIND    a name of `kind_names`;  ENTRO_FAULT_AT  n, from 1 on
 *   ENTRO_FAULT_ERRNO   the number;  ENTRO_FAULT_ALL  not only the n-th, all after it too
 *   ENTRO_FAULT_NAMED   no file without a name can be made (O_TMPFILE), as on NFS
 * The C library's own calls (its streams) do not come by here. */
#undef _FILE_OFFSET_BITS /* pread and pread64 are two */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE  (64u << 10) /* bytes of memory; below that GLib ends the program, and says so */
#define FRAMES 24

typedef enum { READ, WRITE, SYNC, TRUNCATE, RENAME, OPEN, MEMORY, N_KINDS } Kind;
static const char *const kind_names[N_KINDS] = {
    [READ] = "read",     [WRITE] = "write", [SYNC] = "fsync",    [TRUNCATE] = "ftruncate",
    [RENAME] = "rename", [OPEN] = "open",   [MEMORY] = "malloc",
};

/* The report; run-faults.py reads it. */
typedef struct {
    _Atomic unsigned long calls[N_KINDS];
    _Atomic unsigned long failed;
    char where[3072]; /* of the first failure: the call and the frames above it */
} Report;

static Report nowhere, *report = &nowhere;
static const char *folder;
static Kind chosen = N_KINDS;
static unsigned long at;
static int number, all, named, armed;
static __thread int inside; /* what this library itself calls */

/* ---- deciding ------------------------------------------------------------------------------------ */

static void
set_up(void)
{
    const char *kind = getenv("ENTRO_FAULT_KIND"), *path = getenv("ENTRO_FAULT_REPORT");
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = fd >= 0 ? mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                         : MAP_FAILED;

    if (page != MAP_FAILED)
        report = page;
    if (fd >= 0)
        close(fd);
    folder = getenv("ENTRO_FAULT_UNDER");
    at = getenv("ENTRO_FAULT_AT") ? strtoul(getenv("ENTRO_FAULT_AT"), NULL, 10) : 0;
    number = getenv("ENTRO_FAULT_ERRNO") ? atoi(getenv("ENTRO_FAULT_ERRNO")) : EIO;
    all = getenv("ENTRO_FAULT_ALL") != NULL;
    named = getenv("ENTRO_FAULT_NAMED") != NULL;
    for (int i = 0; kind != NULL && i < N_KINDS; i++)
        if (strcmp(kind, kind_names[i]) == 0)
            chosen = (Kind)i;
    armed = folder != NULL;
}

/* For addr2line. */
static void
note_where(const char *call)
{
    void *frames[FRAMES];
    const int n = backtrace(frames, FRAMES);
    size_t used = (size_t)snprintf(report->where, sizeof report->where, "%s", call);

    for (int i = 2; i < n && used < sizeof report->where; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) != 0 && info.dli_fname != NULL)
            used +=
                (size_t)snprintf(report->where + used, sizeof report->where - used, "\n%s+0x%tx",
                                 info.dli_fname, (char *)frames[i] - (char *)info.dli_fbase);
    }
}

/* Whether this call fails; errno is set then. */
static int
fails(Kind kind, const char *call)
{
    const unsigned long n = atomic_fetch_add(&report->calls[kind], 1) + 1;

    if (kind != chosen || at == 0 || (all ? n < at : n != at))
        return 0;
    if (atomic_fetch_add(&report->failed, 1) == 0) {
        inside++;
        note_where(call);
        inside--;
    }
    errno = number;
    return 1;
}

static int
is_below(const char *path)
{
    const size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int
counts_fd(int fd)
{
    char link[64], path[4096];
    ssize_t n = -1;
    const int before = errno;

    if (!armed || inside)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    errno = before;
    if (n < 0)
        return 0;
    path[n] = '\0';
    return is_below(path);
}

/* The tests run in the folder: what is relative lies below it. */
static int
counts_path(const char *path)
{
    return armed && !inside && (path[0] != '/' || is_below(path));
}

/* Looked up once each. */
static void *
next_of(const char *name, void **next)
{
    if (*next == NULL) {
        inside++;
        *next = dlsym(RTLD_NEXT, name);
        inside--;
    }
    return next;
}

/* ---- files ----------------------------------------------------------------------------------------- */

/* NAME with PARAMETERS is called on with ARGUMENTS, unless it fails. */
#define WRAP(kind, type, name, condition, parameters, arguments)                                   \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        static void *next;                                                                         \
        typedef type(*Function) parameters;                                                        \
        if ((condition) && fails(kind, #name))                                                     \
            return -1;                                                                             \
        return (*(Function *)next_of(#name, &next))arguments;                                      \
    }

WRAP(READ, ssize_t, read, counts_fd(fd), (int fd, void *to, size_t n), (fd, to, n))
WRAP(READ, ssize_t, pread, counts_fd(fd), (int fd, void *to, size_t n, off_t o), (fd, to, n, o))
WRAP(READ, ssize_t, pread64, counts_fd(fd), (int fd, void *to, size_t n, off64_t o), (fd, to, n, o))
WRAP(READ, ssize_t, readv, counts_fd(fd), (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(READ, ssize_t, __read_chk, counts_fd(fd), (int fd, void *to, size_t n, size_t m),
     (fd, to, n, m))
WRAP(READ, ssize_t, __pread_chk, counts_fd(fd), (int fd, void *to, size_t n, off_t o, size_t m),
     (fd, to, n, o, m))
WRAP(READ, ssize_t, __pread64_chk, counts_fd(fd), (int fd, void *to, size_t n, off64_t o, size_t m),
     (fd, to, n, o, m))
WRAP(WRITE, ssize_t, write, counts_fd(fd), (int fd, const void *from, size_t n), (fd, from, n))
WRAP(WRITE, ssize_t, pwrite, counts_fd(fd), (int fd, const void *from, size_t n, off_t o),
     (fd, from, n, o))
WRAP(WRITE, ssize_t, pwrite64, counts_fd(fd), (int fd, const void *from, size_t n, off64_t o),
     (fd, from, n, o))
WRAP(WRITE, ssize_t, writev, counts_fd(fd), (int fd, const struct iovec *v, int n), (fd, v, n))
WRAP(SYNC, int, fsync, counts_fd(fd), (int fd), (fd))
WRAP(SYNC, int, fdatasync, counts_fd(fd), (int fd), (fd))
WRAP(TRUNCATE, int, ftruncate, counts_fd(fd), (int fd, off_t n), (fd, n))
WRAP(TRUNCATE, int, ftruncate64, counts_fd(fd), (int fd, off64_t n), (fd, n))
WRAP(RENAME, int, rename, counts_path(to), (const char *from, const char *to), (from, to))
WRAP(RENAME, int, renameat, counts_path(to), (int a, const char *from, int b, const char *to),
     (a, from, b, to))
WRAP(RENAME, int, link, counts_path(to), (const char *from, const char *to), (from, to))
WRAP(RENAME, int, linkat, counts_path(to),
     (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))

/* To be written to. */
static int
open_fails(const char *path, int flags, const char *call)
{
    if (!counts_path(path) || (flags & O_ACCMODE) == O_RDONLY)
        return 0;
    if (named && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return 1;
    }
    return fails(OPEN, call);
}

#define WRAP_OPEN(name, parameters, arguments)                                                     \
    int name parameters;                                                                           \
    int name parameters                                                                            \
    {                                                                                              \
        static void *next;                                                                         \
        typedef int(*Function) parameters;                                                         \
        va_list more;                                                                              \
        mode_t mode = 0;                                                                           \
        va_start(more, flags);                                                                     \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                  \
            mode = va_arg(more, mode_t);                                                           \
        va_end(more);                                                                              \
        return open_fails(path, flags, #name) ? -1                                                 \
                                              : (*(Function *)next_of(#name, &next))arguments;     \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int at_fd, const char *path, int flags, ...), (at_fd, path, flags, mode))
WRAP_OPEN(openat64, (int at_fd, const char *path, int flags, ...), (at_fd, path, flags, mode))

/* ---- memory ---------------------------------------------------------------------------------------- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static int
memory_fails(size_t n, const char *call)
{
    return n >= LARGE && armed && !inside && fails(MEMORY, call);
}

void *
malloc(size_t n)
{
    return memory_fails(n, "malloc") ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
    return memory_fails(n * size, "calloc") ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t n)
{
    return memory_fails(n, "realloc") ? NULL : __libc_realloc(old, n);
}

void *
aligned_alloc(size_t alignment, size_t n)
{
    return memory_fails(n, "aligned_alloc") ? NULL : __libc_memalign(alignment, n);
}

int
posix_memalign(void **ret_bytes, size_t alignment, size_t n)
{
    void *bytes = memory_fails(n, "posix_memalign") ? NULL : __libc_memalign(alignment, n);

    if (bytes == NULL)
        return ENOMEM;
    *ret_bytes = bytes;
    return 0;
}

#define WRAP_MMAP(name, offset_type)                                                               \
    void *name(void *start, size_t n, int protection, int flags, int fd, offset_type offset)       \
    {                                                                                              \
        static void *next;                                                                         \
        typedef void *(*Function)(void *, size_t, int, int, int, offset_type);                     \
        if ((flags & MAP_ANONYMOUS) != 0 && memory_fails(n, #name))                                \
            return MAP_FAILED;                                                                     \
        return (*(Function *)next_of(#name, &next))(start, n, protection, flags, fd, offset);      \
    }
WRAP_MMAP(mmap, off_t)
WRAP_MMAP(mmap64, off64_t)

/* ---- main ------------------------------------------------------------------------------------------- */

typedef int (*Main)(int argc, char **argv, char **environment);
static Main real_main;

static int
armed_main(int argc, char **argv, char **environment)
{
    void *warm_up[1];

    backtrace(warm_up, 1); /* loads its library now, and not in the midst of a failure */
    set_up();
    unsetenv("LD_PRELOAD");
    return real_main(argc, argv, environment);
}

int __libc_start_main(Main program, int argc, char **argv, void (*begin)(void), void (*end)(void),
                      void (*linker_end)(void), void *stack);
int
__libc_start_main(Main program, int argc, char **argv, void (*begin)(void), void (*end)(void),
                  void (*linker_end)(void), void *stack)
{
    static void *next;
    typedef int (*Function)(Main, int, char **, void (*)(void), void (*)(void), void (*)(void),
                            void *);

    real_main = program;
    return (*(Function *)next_of("__libc_start_main", &next))(armed_main, argc, argv, begin, end,
                                                              linker_end, stack);
}
