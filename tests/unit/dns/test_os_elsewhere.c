/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/os_elsewhere_io.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum cover { NOTHING, DIRECTORY };

/* ip-netns(8) in a few lines, where only we see it. */
static bool name_the_net(void)
{
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       (mkdir("/run/netns", 0755), mount("tmpfs", "/run/netns", "tmpfs", 0, NULL) == 0) &&
	       mknod("/run/netns/x", S_IFREG | 0644, 0) == 0 &&
	       mount("/proc/self/ns/net", "/run/netns/x", NULL, MS_BIND, NULL) == 0;
}

/* What it says in namespaces of our own, in another process: 0 or 1, 77 without the rights. */
static int ask(const char *etc, enum cover cover)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || !name_the_net())
			_exit(77);
		if (cover == DIRECTORY && mount("tmpfs", etc, "tmpfs", 0, NULL) != 0)
			_exit(77);
		_exit(dns_os_is_elsewhere(etc));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void a_network_of_its_own_with_the_files_of_the_machine(void **state)
{
	char dir[] = "/tmp/meshd-elsewhere-XXXXXX";
	(void)state;
	assert_non_null(mkdtemp(dir));
	int shared = ask(dir, NOTHING), own = ask(dir, DIRECTORY);
	bool here = dns_os_is_elsewhere(dir);
	rmdir(dir);
	if (shared == 77)
		skip();
	assert_int_equal(shared, 1);
	assert_int_equal(own, 0);
	assert_false(here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_of_its_own_with_the_files_of_the_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
