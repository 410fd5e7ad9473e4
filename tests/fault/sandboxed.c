/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandboxed: what is possible inside the daemon's sandbox and what is not. Each probe is a process
 * of its own that enters the sandbox first.
 *
 *   sandboxed STATE_DIR RUNTIME_DIR
 *
 * Says which probe went wrong; exit 1 then. Exit 77 where the kernel lacks a part. */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_SANDBOX 77
#define WORKED 0

static struct sandbox_opts opts;

/* What a probe's process ends with: WORKED, an errno, or 128 + signal. */
static int in_sandbox(int (*probe)(const char *), const char *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sandbox_early();
		sandbox_enter(&opts);
		if (*sandbox_missing())
			_exit(NO_SANDBOX);
		errno = 0;
		_exit(probe(arg) < 0 ? errno : WORKED);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int call_number;

static int make_call(const char *arg)
{
	return (int)syscall(call_number, arg, NULL, NULL, 0, 0, 0);
}

static int open_to_read(const char *path)
{
	return open(path, O_RDONLY);
}

static int open_to_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT, 0600);
}

static int make_socket(const char *arg)
{
	(void)arg;
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void *in_thread(void *arg)
{
	return arg;
}

static int make_thread(const char *arg)
{
	pthread_t t;

	(void)arg;
	return pthread_create(&t, NULL, in_thread, NULL) || pthread_join(t, NULL) ? -1 : 0;
}

static int failures;

static void expect(const char *what, int want, int got)
{
	if (got == want)
		return;
	printf("%s: %d instead of %d\n", what, got, want);
	failures++;
}

static void expect_call(const char *what, int number, int want)
{
	call_number = number;
	expect(what, want, in_sandbox(make_call, "/nowhere"));
}

static void check_calls(void)
{
	const int killed = 128 + SIGSYS;

	expect_call("execve", SYS_execve, killed);
	expect_call("ptrace", SYS_ptrace, killed);
	expect_call("process_vm_readv", SYS_process_vm_readv, killed);
	expect_call("mount", SYS_mount, killed);
	expect_call("setns", SYS_setns, killed);
	expect_call("unshare", SYS_unshare, killed);
	expect_call("chroot", SYS_chroot, killed);
	expect_call("bpf", SYS_bpf, killed);
	expect_call("keyctl", SYS_keyctl, killed);
	expect_call("setuid", SYS_setuid, killed);
	expect_call("init_module", SYS_init_module, killed);
	expect_call("perf_event_open", SYS_perf_event_open, killed);
	expect_call("reboot", SYS_reboot, killed);
	expect_call("kill", SYS_kill, EPERM);
	expect_call("sethostname", SYS_sethostname, EPERM);
	expect_call("settimeofday", SYS_settimeofday, EPERM);
	expect_call("io_uring_setup", SYS_io_uring_setup, EPERM);
	expect_call("userfaultfd", SYS_userfaultfd, EPERM);
}

static void check_files(void)
{
	char own[512], link_out[600];

	snprintf(own, sizeof(own), "%s/probe", opts.state_dir);
	snprintf(link_out, sizeof(link_out), "%s/way-out", opts.state_dir);
	if (symlink("/root", link_out) != 0 && errno != EEXIST)
		expect("symlink", 0, errno);
	strncat(link_out, "/x", sizeof(link_out) - strlen(link_out) - 1);
	expect("write in the state folder", WORKED, in_sandbox(open_to_write, own));
	expect("read it again", WORKED, in_sandbox(open_to_read, own));
	expect("read /etc/hosts", WORKED, in_sandbox(open_to_read, "/etc/hosts"));
	expect("write /etc/hosts", EACCES, in_sandbox(open_to_write, "/etc/hosts"));
	expect("read /root", EACCES, in_sandbox(open_to_read, "/root"));
	expect("write /tmp", EACCES, in_sandbox(open_to_write, "/tmp/sandboxed-probe"));
	expect("write /usr/lib", EACCES, in_sandbox(open_to_write, "/usr/lib/sandboxed-probe"));
	expect("out by a link", EACCES, in_sandbox(open_to_write, link_out));
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: sandboxed STATE_DIR RUNTIME_DIR\n");
		return 2;
	}
	opts = (struct sandbox_opts){ .state_dir = argv[1], .runtime_dir = argv[2] };
	if (in_sandbox(make_socket, NULL) == NO_SANDBOX)
		return NO_SANDBOX;
	expect("socket", WORKED, in_sandbox(make_socket, NULL));
	expect("thread", WORKED, in_sandbox(make_thread, NULL));
	check_calls();
	check_files();
	return failures != 0;
}
