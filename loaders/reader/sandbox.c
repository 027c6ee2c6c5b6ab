/* sandbox.c: takes from this process what it does not need to read one open file.
 *
 * Each measure stands alone: limits hold where the kernel has no seccomp, seccomp holds for root. */
#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1 /* they need terabytes of addresses and calls of their own */
#else
#define IS_SANITIZED 0
#endif

static void
limit(int what, rlim_t most)
{
    setrlimit(what, &(struct rlimit){most, most});
}

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_ARCH
#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Everything else fails with EPERM. */
static const struct sock_filter allowed[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(read),
    ALLOW(pread64),
    ALLOW(write),
    ALLOW(sendto),
    ALLOW(setitimer),
    ALLOW(close),
    ALLOW(lseek),
    ALLOW(fstat),
    ALLOW(newfstatat), /* as fstat() of newer C libraries: it tells, but opens nothing */
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW(futex),
    ALLOW(clock_gettime),
    ALLOW(gettimeofday),
    ALLOW(nanosleep),
    ALLOW(clock_nanosleep),
    ALLOW(restart_syscall),
    ALLOW(rt_sigreturn),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigaction),
    ALLOW(getpid),
    ALLOW(gettid),
    ALLOW(sched_yield),
    ALLOW(getrandom),
    ALLOW(exit),
    ALLOW(exit_group),
    /* abort() is a signal to itself; nobody else may get one */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* OWN_PID */, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)),
};

#define OWN_PID (G_N_ELEMENTS(allowed) - 3)

static void
forbid_calls(void)
{
    struct sock_filter rules[G_N_ELEMENTS(allowed)];
    const struct sock_fprog program = {G_N_ELEMENTS(rules), rules};

    memcpy(rules, allowed, sizeof rules);
    rules[OWN_PID].k = (guint32)getpid();
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}
#else
static void
forbid_calls(void)
{
}
#endif

void
entro_sandbox_enter(guint memory_mib)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_close_range, ENTRO_CHILD_REDO + 1, ~0u, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_NOFILE, 0); /* those that are open stay */
    if (IS_SANITIZED)
        return;
    /* a terminal behind it could be written to, and read from */
    dup2(STDOUT_FILENO, STDERR_FILENO);
    /* of addresses: a bomb is an error of HDF5, not the machine's end */
    limit(RLIMIT_AS, (rlim_t)memory_mib << 20);
    forbid_calls();
}
