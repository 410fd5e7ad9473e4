/* SPDX-License-Identifier: GPL-2.0-or-later */
/* user.h: start as root, go on as somebody else (--user). What root is needed for is done by helper
 * processes that are forked in between. Thread: main, before any other. */
#ifndef DAEMON_USER_H
#define DAEMON_USER_H

#include "base/err.h"

#include <sys/types.h>

struct user {
	const char *name; /* borrowed; NULL: stay who we are */
	uid_t uid;
	gid_t gid;
};

#define USER_WHY_MAX 256

/* name NULL: nobody is to be changed to. 0, or -ERR_*; why: what is wrong and what to type. */
MUST_CHECK int user_find(const char *name, struct user *out, char why[static USER_WHY_MAX]);
/* Make a folder unless it is there, and give it to the user; one that was there stays whose it is.
 * 0, or -ERR_* with errno. */
MUST_CHECK int user_mkdir(const struct user *u, const char *path, mode_t mode);
/* For good: user, group, no other groups, and of the capabilities CAP_NET_ADMIN alone. */
MUST_CHECK int user_become(const struct user *u, char why[static USER_WHY_MAX]);

#endif
