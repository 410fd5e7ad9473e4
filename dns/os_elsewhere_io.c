/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/os_elsewhere_io.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* The namespaces and the files of the process that the machine, or the container, began with. */
#define FIRST_NET "/proc/1/ns/net"
#define FIRST_ROOT "/proc/1/root"

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;
	bool no_x = lstat(a, &x) != 0 && errno == ENOENT;
	bool no_y = lstat(b, &y) != 0 && errno == ENOENT;
	return no_x || no_y ? no_x && no_y : same(&x, &y);
}

bool dns_os_is_elsewhere(const char *etc)
{
	char ours[PATH_MAX], first[PATH_MAX];
	struct stat net, first_net, dir, first_dir;
	if (stat("/proc/self/ns/net", &net) != 0 || stat(FIRST_NET, &first_net) != 0 ||
	    same(&net, &first_net))
		return false;
	snprintf(first, sizeof(first), FIRST_ROOT "%s", etc);
	if (stat(etc, &dir) != 0 || stat(first, &first_dir) != 0 || !same(&dir, &first_dir))
		return false;
	snprintf(ours, sizeof(ours), "%s/resolv.conf", etc);
	snprintf(first, sizeof(first), FIRST_ROOT "%s/resolv.conf", etc);
	return is_same_file(ours, first);
}
