/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A seccomp filter as a plain table. A call on the list runs; one that only an intruder makes ends
 * the process; any other answers EPERM, because a library that probes for a new call should not
 * cost the user the machine that this daemon is the only way into. */
#include "daemon/sandbox_parts.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

static const uint16_t allowed[] = {
	/* files and memory */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_openat,
	SYS_close,
	SYS_fstat,
	SYS_statx,
	SYS_lseek,
	SYS_fsync,
	SYS_fdatasync,
	SYS_renameat2,
	SYS_unlinkat,
	SYS_mkdirat,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_faccessat,
	SYS_ftruncate,
	SYS_getdents64,
	SYS_fcntl,
	SYS_dup,
	SYS_dup3,
	SYS_readlinkat,
	SYS_mmap,
	SYS_munmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_mlock,
	SYS_mlock2,
	SYS_munlock,
	SYS_getcwd,
	SYS_fstatfs,
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_open /* the older calls of x86 */
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_rename,
	SYS_unlink,
	SYS_mkdir,
	SYS_chmod,
	SYS_readlink,
	SYS_dup2,
	SYS_pipe,
	SYS_poll,
	SYS_epoll_create,
	SYS_epoll_wait,
	SYS_select,
	SYS_time,
	SYS_getdents,
#endif
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
	/* network */
	SYS_socket,
	SYS_socketpair,
	SYS_bind,
	SYS_listen,
	SYS_accept4,
#ifdef SYS_accept
	SYS_accept,
#endif
	SYS_connect,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_sendmmsg,
	SYS_recvmmsg,
	SYS_shutdown,
	SYS_ioctl,
	/* loop and threads */
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_ppoll,
	SYS_pselect6,
	SYS_eventfd2,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_timerfd_gettime,
	SYS_signalfd4,
	SYS_pipe2,
	SYS_futex,
	SYS_clone,
	SYS_set_robust_list,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sched_setaffinity,
	SYS_getcpu,
	SYS_exit,
	SYS_exit_group,
	SYS_restart_syscall,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_tgkill,
	SYS_getpid,
	SYS_gettid,
	SYS_membarrier,
	SYS_set_tid_address,
#ifdef SYS_clone3
	SYS_clone3,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
#ifdef SYS_arch_prctl
	SYS_arch_prctl,
#endif
	/* time and random */
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_getrandom,
	/* identity and limits */
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getresuid,
	SYS_getresgid,
	SYS_prctl,
	SYS_getrusage,
	SYS_sysinfo,
	SYS_uname,
	SYS_prlimit64,
	SYS_getrlimit,
};

static const uint16_t deadly[] = {
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_setns,
	SYS_unshare,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_keyctl,
	SYS_add_key,
	SYS_open_by_handle_at,
	SYS_setuid,
	SYS_setgid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_reboot,
};

#define N_ALLOWED (sizeof(allowed) / sizeof(*allowed))
#define N_DEADLY (sizeof(deadly) / sizeof(*deadly))
/* 3 for the architecture, 1 load, 2 for each call, 1 default, and x32's own test */
#define N_MAX (8 + 2 * (N_ALLOWED + N_DEADLY))

#ifdef ARCH
static size_t add_list(struct sock_filter *f, size_t n, const uint16_t *list, size_t len,
		       uint32_t verdict)
{
	for (size_t i = 0; i < len; i++) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, list[i], 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
	}
	return n;
}

static size_t build(struct sock_filter *f, bool log_only)
{
	uint32_t kill = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;
	uint32_t refuse = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | EPERM;
	size_t n = 0;
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, kill);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, nr));
	n = add_list(f, n, allowed, N_ALLOWED, SECCOMP_RET_ALLOW);
	n = add_list(f, n, deadly, N_DEADLY, kill);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
	return n;
}

int sandbox_seccomp(bool log_only)
{
	struct sock_filter f[N_MAX];
	struct sock_fprog prog = { .len = (unsigned short)build(f, log_only), .filter = f };
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog)
		   ? -1
		   : 0;
}
#else
int sandbox_seccomp(bool log_only)
{
	(void)log_only;
	errno = ENOSYS;
	return -1;
}
#endif
