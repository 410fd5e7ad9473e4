/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: what the helper processes have in common: forked by main before the sandbox closes and
 * before any thread, with one end of a socketpair, gone when the daemon is. */
#ifndef DAEMON_HELPER_H
#define DAEMON_HELPER_H

#include "base/err.h"

#include <sys/types.h>

struct helper {
	int fd;	   /* the daemon's end; close-on-exec, non-blocking */
	pid_t pid; /* of the helper; for the log */
};

/* 0 in the daemon with *out filled. be(fd, arg) runs in the new process, with its own end of the
 * socketpair (of `type`, blocking, close-on-exec) as the only descriptor besides standard error,
 * and with signals set so that it outlives those that a service manager sends to all; it need not
 * return. -ERR_IO. Sets SIGCHLD to ignored in the daemon: the sandbox cannot wait for a child. */
MUST_CHECK int helper_fork(int type, const char *name, void (*be)(int fd, const void *arg),
			   const void *arg, struct helper *out);

#endif
