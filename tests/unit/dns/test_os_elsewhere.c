/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/os_elsewhere_io.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it says in namespaces of our own, in another process: 0 or 1, 77 without the rights. */
static int ask(int flags, const char *etc, bool cover)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(flags) != 0)
			_exit(77);
		if (cover && (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
			      mount("tmpfs", etc, "tmpfs", 0, NULL) != 0))
			_exit(77);
		_exit(dns_os_is_elsewhere(etc));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void in_the_first_namespace_it_is_ours(void **state)
{
	(void)state;
	assert_false(dns_os_is_elsewhere("/etc"));
}

static void a_network_of_its_own_with_the_files_of_the_machine(void **state)
{
	char dir[] = "/tmp/meshd-elsewhere-XXXXXX", file[64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/resolv.conf", dir);
	int without = ask(CLONE_NEWNET, dir, false);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	int with = ask(CLONE_NEWNET, dir, false);
	int covered = ask(CLONE_NEWNET | CLONE_NEWNS, dir, true);
	unlink(file);
	rmdir(dir);
	if (with == 77)
		skip();
	assert_int_equal(without, 1);
	assert_int_equal(with, 1);
	assert_int_equal(covered, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_first_namespace_it_is_ours),
		cmocka_unit_test(a_network_of_its_own_with_the_files_of_the_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
