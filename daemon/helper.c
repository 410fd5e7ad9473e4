/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/helper.h"

#include "base/alloc.h"
#include "base/err.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whoever stops the service tells all of its processes; we go when the daemon has gone. */
static void heed_no_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* Nothing open but standard error and the socket, which becomes 3. Nobody should wait for the end
 * of a stream because we have it, too. */
static int keep_one_socket(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (fd != 3 && dup3(fd, 3, O_CLOEXEC) != 3)
		return fd;
	if (close_range(4, ~0u, 0) != 0)
		for (int i = 4; i < 4096; i++)
			close(i);
	return 3;
}

int helper_fork(int type, const char *name, void (*be)(int fd, const void *arg), const void *arg,
		struct helper *out)
{
	int sv[2];
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv) != 0)
		return -ERR_IO;
	out->pid = fork();
	if (out->pid == 0) {
		close(sv[0]);
		prctl(PR_SET_NAME, name);
		heed_no_signals();
		be(keep_one_socket(sv[1]), arg);
		_exit(0);
	}
	close(sv[1]);
	if (out->pid < 0 || fcntl(sv[0], F_SETFL, O_NONBLOCK) != 0) {
		close(sv[0]);
		return -ERR_IO;
	}
	signal(SIGCHLD, SIG_IGN);
	out->fd = sv[0];
	return 0;
}
