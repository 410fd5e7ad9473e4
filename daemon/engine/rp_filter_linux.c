/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/rp_filter.h"

#include "netstack/sysctl_linux.h"

#include <stdio.h>

#define PATH_ROOM 512

static int value_of(const char *root, const char *ifname, const char *key)
{
	char path[PATH_ROOM];
	int value;
	snprintf(path, sizeof(path), "%s/%s/%s", root, ifname, key);
	return sysctl_read(path, &value) == 0 ? value : 0;
}

struct rp_filter rp_filter_read(const char *root, const char *ifname)
{
	int all = value_of(root, "all", "rp_filter"), one = value_of(root, ifname, "rp_filter");
	return (struct rp_filter){
		.strict = (all > one ? all : one) == 1,
		.takes_mark = value_of(root, "all", "src_valid_mark") > 0 ||
			      value_of(root, ifname, "src_valid_mark") > 0,
	};
}
