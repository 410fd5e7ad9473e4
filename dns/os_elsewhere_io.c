/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/os_elsewhere_io.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OWN_NET "/proc/self/ns/net"
#define FIRST_NET "/proc/1/ns/net"
#define NAMED_NETS "/run/netns"
#define MOUNTS "/proc/self/mountinfo"

static bool is_net(const char *path, const struct stat *net)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_dev == net->st_dev && st.st_ino == net->st_ino;
}

static bool has_a_name(const struct stat *net)
{
	char path[PATH_MAX];
	bool found = false;
	DIR *d = opendir(NAMED_NETS);
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		snprintf(path, sizeof(path), NAMED_NETS "/%s", e->d_name);
		found = is_net(path, net);
	}
	if (d)
		closedir(d);
	return found;
}

static bool in_another_net(void)
{
	struct stat net, first;
	if (stat(OWN_NET, &net) != 0)
		return false;
	return has_a_name(&net) || (stat(FIRST_NET, &first) == 0 && !is_net(FIRST_NET, &net));
}

/* Where a line of mountinfo says that something is mounted: its fifth word. */
static const char *mount_point(char *line)
{
	char *rest = line, *word = NULL;
	for (int i = 0; i < 5 && rest; i++)
		word = strsep(&rest, " ");
	return rest ? word : "";
}

static bool is_mounted_on(const char *path)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f = fopen(MOUNTS, "re");
	while (f && !found && getline(&line, &room, f) > 0)
		found = strcmp(mount_point(line), path) == 0;
	if (f)
		fclose(f);
	free(line);
	return found;
}

bool dns_os_is_elsewhere(const char *etc)
{
	char file[PATH_MAX];
	snprintf(file, sizeof(file), "%s/resolv.conf", etc);
	return in_another_net() && !is_mounted_on(etc) && !is_mounted_on(file);
}
