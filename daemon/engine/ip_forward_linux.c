/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/ip_forward.h"

#include "netstack/sysctl_linux.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_ROOM 512
#define KEY_ROOM 64

static bool is_on(const char *root, const char *key)
{
	char path[PATH_ROOM];
	int value;
	snprintf(path, sizeof(path), "%s/%s", root, key);
	return sysctl_read(path, &value) == 0 && (value == 1 || value == 2);
}

static bool is_interface(const char *name)
{
	static const char *const others[] = { ".", "..", "all", "default", "lo" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return false;
	return strlen(name) < IP_FORWARD_NAME_MAX;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ip_forward_if *)a)->name,
		      ((const struct ip_forward_if *)b)->name);
}

static void read_interfaces(const char *root, struct ip_forward *out)
{
	char path[PATH_ROOM], key[KEY_ROOM];
	snprintf(path, sizeof(path), "%s/ipv4/conf", root);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d)) && out->n_ifs < IP_FORWARD_IFS_MAX;) {
		if (!is_interface(e->d_name))
			continue;
		struct ip_forward_if *i = &out->ifs[out->n_ifs++];
		snprintf(i->name, sizeof(i->name), "%.*s", IP_FORWARD_NAME_MAX - 1, e->d_name);
		snprintf(key, sizeof(key), "ipv4/conf/%s/forwarding", i->name);
		i->v4 = is_on(root, key);
	}
	if (d)
		closedir(d);
	qsort(out->ifs, out->n_ifs, sizeof(out->ifs[0]), by_name);
}

void ip_forward_read(const char *root, struct ip_forward *out)
{
	*out = (struct ip_forward){ .v4 = is_on(root, "ipv4/ip_forward"),
				    .v6 = is_on(root, "ipv6/conf/all/forwarding") };
	if (!out->v4)
		read_interfaces(root, out);
}
