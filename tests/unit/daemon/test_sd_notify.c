/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sd_notify.h"

#include "base/alloc.h"
#include "tests/lib/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The service manager's end; name as in NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && len < sizeof(a.sun_path));
	memcpy(a.sun_path, name, len);
	if (name[0] == '@')
		a.sun_path[0] = 0;
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[2048];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, text);
}

static void expect_nothing(int fd)
{
	char got[8];
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
}

static void a_path(void **state)
{
	char dir[] = "/tmp/sd_notify_XXXXXX", path[64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/n", dir);
	int fd = listen_at(path);
	sd_notify_ready();
	expect(fd, "READY=1");
	sd_notify_status("all is well");
	expect(fd, "STATUS=all is well");
	sd_notify_stopping();
	expect(fd, "STOPPING=1");
	expect_nothing(fd);
	close(fd);
	unlink(path);
	sd_notify_ready(); /* nobody there: no harm */
	rmdir(dir);
}

static void an_abstract_name(void **state)
{
	char name[64];
	(void)state;
	snprintf(name, sizeof(name), "@sd_notify_test_%d", (int)getpid());
	int fd = listen_at(name);
	sd_notify_ready();
	expect(fd, "READY=1");
	close(fd);
}

static void a_status_is_one_assignment(void **state)
{
	char name[64], name_long[1000], want[512] = "STATUS=";
	(void)state;
	snprintf(name, sizeof(name), "@sd_notify_test_%d", (int)getpid());
	int fd = listen_at(name);
	sd_notify_status("Connected; eve\nMAINPID=1\x7f\x1b[31m");
	expect(fd, "STATUS=Connected; eve?MAINPID=1??[31m");
	memset(name_long, 'x', sizeof(name_long) - 1);
	name_long[sizeof(name_long) - 1] = 0;
	sd_notify_status(name_long);
	memset(want + 7, 'x', sizeof(want) - 8);
	expect(fd, want);
	close(fd);
}

static void no_manager_no_message(void **state)
{
	static const char *const names[] = { "", "/", "@", "relative/path", "vsock:2:1" };
	char name_long[200];
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	sd_notify_ready();
	memset(name_long, '/', sizeof(name_long) - 1);
	name_long[sizeof(name_long) - 1] = 0;
	int before = dup(0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		sd_notify_ready();
	}
	setenv("NOTIFY_SOCKET", name_long, 1);
	sd_notify_ready();
	int after = dup(0);
	assert_int_equal(after, before + 1); /* no descriptor is left open */
	close(before);
	close(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path),
		cmocka_unit_test(an_abstract_name),
		cmocka_unit_test(a_status_is_one_assignment),
		cmocka_unit_test(no_manager_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
