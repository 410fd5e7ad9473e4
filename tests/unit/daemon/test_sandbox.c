/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each test forks: what is given up does not come back. A child ends with 0, with 77 when this
 * kernel lacks the part, or with the number of the check that failed. */
#include "daemon/sandbox.h"

#include "base/log.h"
#include "daemon/sandbox_parts.h"
#include "tests/lib/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LACKING 77

static char state_dir[] = "/tmp/sandbox_state_XXXXXX";
static char other_dir[] = "/tmp/sandbox_other_XXXXXX";

static int in_child(int (*fn)(void))
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_success(int (*fn)(void))
{
	int status = in_child(fn);
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == LACKING)
		skip();
	if (WEXITSTATUS(status) != 0)
		fail_msg("check %d failed", WEXITSTATUS(status));
}

static bool lacks(const char *part)
{
	return strstr(sandbox_missing(), part) != NULL;
}

static void enter(bool log_only)
{
	struct sandbox_opts o = { .state_dir = state_dir, .log_only = log_only };
	sandbox_enter(&o);
}

#define CHECK(n, cond)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return n;                                                                  \
	} while (0)

/* ---- early ------------------------------------------------------------------------------------
 */

static int early(void)
{
	struct rlimit core;
	sandbox_early();
	CHECK(1, prctl(PR_GET_DUMPABLE) == 0);
	CHECK(2, getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
	CHECK(3, umask(0) == 077);
	return 0;
}

static void no_dumps_and_private_files(void **state)
{
	(void)state;
	expect_success(early);
}

/* ---- privileges ---------------------------------------------------------------------------------
 */

static int privileges(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct v[2];
	enter(true);
	CHECK(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(2, syscall(SYS_capget, &head, v) == 0);
	CHECK(3, (v[0].permitted & ~(1u << CAP_NET_ADMIN)) == 0 && v[1].permitted == 0);
	CHECK(4, v[0].effective == v[0].permitted && v[1].effective == 0);
	CHECK(5, v[0].inheritable == 0 && v[1].inheritable == 0);
	CHECK(6, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_ADMIN, 0, 0) == 0);
	return 0;
}

static void one_capability_at_most(void **state)
{
	(void)state;
	expect_success(privileges);
}

/* ---- system calls ---- */

static int exec_something(void)
{
	enter(false);
	if (lacks("seccomp"))
		return LACKING;
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	execve("/bin/true", argv, NULL);
	return 1;
}

static int trace_ourselves(void)
{
	enter(false);
	if (lacks("seccomp"))
		return LACKING;
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return 1;
}

static int become_root(void)
{
	enter(false);
	if (lacks("seccomp"))
		return LACKING;
	syscall(SYS_setuid, 0);
	return 1;
}

static void expect_killed(int (*fn)(void))
{
	int status = in_child(fn);
	if (WIFEXITED(status) && WEXITSTATUS(status) == LACKING)
		skip();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void running_a_program_is_death(void **state)
{
	(void)state;
	expect_killed(exec_something);
}

static void tracing_is_death(void **state)
{
	(void)state;
	expect_killed(trace_ourselves);
}

static void changing_user_is_death(void **state)
{
	(void)state;
	expect_killed(become_root);
}

static int unlisted_calls(void)
{
	enter(false);
	if (lacks("seccomp"))
		return LACKING;
	errno = 0;
	CHECK(1, syscall(SYS_personality, 0xffffffff) == -1 && errno == EPERM);
	CHECK(2, syscall(9999) == -1 && errno == EPERM);
	CHECK(3, syscall(SYS_sethostname, "x", 1) == -1 && errno == EPERM);
	return 0;
}

static void other_calls_are_refused(void **state)
{
	(void)state;
	expect_success(unlisted_calls);
}

static void *other_thread(void *arg)
{
	*(long *)arg = syscall(SYS_personality, 0xffffffff);
	return arg;
}

static int needed_calls(void)
{
	enter(false);
	if (lacks("seccomp"))
		return LACKING;
	int sv[2];
	char c = 'x';
	long from_thread = 0;
	pthread_t t;
	CHECK(1, socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	CHECK(2, write(sv[0], &c, 1) == 1 && read(sv[1], &c, 1) == 1);
	CHECK(3, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
	CHECK(4, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0);
	void *p = malloc(1 << 22);
	CHECK(5, p);
	free(p);
	CHECK(6, pthread_create(&t, NULL, other_thread, &from_thread) == 0);
	CHECK(7, pthread_join(t, NULL) == 0);
	CHECK(8, from_thread == -1);
	return 0;
}

static void what_the_daemon_does_goes_on(void **state)
{
	(void)state;
	expect_success(needed_calls);
}

static int logged_only(void)
{
	enter(true);
	if (lacks("seccomp"))
		return LACKING;
	CHECK(1, syscall(SYS_personality, 0xffffffff) != -1);
	return 0;
}

static void tests_may_log_instead(void **state)
{
	(void)state;
	expect_success(logged_only);
}

/* ---- files ---- */

static int try_open(const char *dir, const char *name, int flags)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int files(void)
{
	char from[128], to[128];
	enter(false);
	if (lacks("Landlock"))
		return LACKING;
	CHECK(1, try_open(state_dir, "new", O_WRONLY | O_CREAT) == 0);
	CHECK(2, try_open(state_dir, "new", O_WRONLY | O_TRUNC) == 0);
	snprintf(from, sizeof(from), "%s/new", state_dir);
	snprintf(to, sizeof(to), "%s/renamed", state_dir);
	CHECK(3, rename(from, to) == 0);
	CHECK(4, try_open(state_dir, "renamed", O_RDONLY) == 0);
	CHECK(5, unlink(to) == 0);
	CHECK(6, try_open(other_dir, "there", O_RDONLY) == -EACCES);
	CHECK(7, try_open(other_dir, "there", O_WRONLY) == -EACCES);
	CHECK(8, try_open(other_dir, "new", O_WRONLY | O_CREAT) == -EACCES);
	CHECK(9, try_open("/etc", "passwd", O_WRONLY) == -EACCES);
	CHECK(10, try_open("/etc", "passwd", O_RDONLY) == 0); /* names of users */
	CHECK(11, try_open("/dev", "urandom", O_RDONLY) == 0);
	CHECK(12, try_open("/proc/self", "mem", O_WRONLY) == -EACCES);
	return 0;
}

static void only_its_own_files(void **state)
{
	(void)state;
	expect_success(files);
}

static int without_dirs(void)
{
	struct sandbox_opts o = { 0 };
	sandbox_enter(&o);
	if (lacks("Landlock"))
		return LACKING;
	CHECK(1, try_open(state_dir, "new", O_WRONLY | O_CREAT) == -EACCES);
	return 0;
}

static void no_state_directory_none_to_write(void **state)
{
	(void)state;
	expect_success(without_dirs);
}

/* ---- set-up ---- */

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	if (!mkdtemp(state_dir) || !mkdtemp(other_dir))
		return -1;
	return try_open(other_dir, "there", O_WRONLY | O_CREAT);
}

static int teardown(void **state)
{
	char path[128];
	(void)state;
	snprintf(path, sizeof(path), "%s/there", other_dir);
	unlink(path);
	return rmdir(other_dir) | rmdir(state_dir);
}

/* The helper that writes resolv.conf, and the programs that it runs. */
static int helper_writes_where_it_may(void)
{
	const char *const writable[] = { state_dir, "/no/such/folder" };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (sandbox_landlock_writable(writable, 2) != 0)
		return LACKING;
	char a[128], b[128], c[128], script[512];
	snprintf(a, sizeof(a), "%s/a", state_dir);
	snprintf(b, sizeof(b), "%s/b", state_dir);
	snprintf(c, sizeof(c), "%s/c", other_dir);
	int fd = open(a, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return 1;
	close(fd);
	if (link(a, b) != 0 || rename(b, a) != 0 || unlink(b) != 0 || symlink("x", b) != 0 ||
	    rename(b, a) != 0)
		return 2;
	if (open(c, O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 3;
	if (open("/etc/hostname.new", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 4;
	/* Any program may be run, and has the same limits. */
	snprintf(script, sizeof(script), "echo text >%s && ! echo text 2>/dev/null >%s", b, c);
	pid_t pid = fork();
	if (pid == 0)
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	int status;
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return 5;
	unlink(a);
	unlink(b);
	return 0;
}

static void a_helper_writes_where_it_may(void **state)
{
	(void)state;
	expect_success(helper_writes_where_it_may);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_dumps_and_private_files),
		cmocka_unit_test(one_capability_at_most),
		cmocka_unit_test(running_a_program_is_death),
		cmocka_unit_test(tracing_is_death),
		cmocka_unit_test(changing_user_is_death),
		cmocka_unit_test(other_calls_are_refused),
		cmocka_unit_test(what_the_daemon_does_goes_on),
		cmocka_unit_test(tests_may_log_instead),
		cmocka_unit_test(only_its_own_files),
		cmocka_unit_test(a_helper_writes_where_it_may),
		cmocka_unit_test(no_state_directory_none_to_write),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
