/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What we tell others about this machine. */
#include "base/alloc.h"
#include "daemon/engine/backend_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

/* NAME=value or NAME="value" of os-release. */
static void take_value(char *out, size_t room, const char *line, const char *name)
{
	size_t n = strlen(name);
	if (strncmp(line, name, n) != 0 || line[n] != '=')
		return;
	const char *v = line + n + 1;
	size_t len = strcspn(v, "\n");
	if (len >= 2 && v[0] == '"' && v[len - 1] == '"') {
		v++;
		len -= 2;
	}
	snprintf(out, room, "%.*s", (int)len, v);
}

static void read_os_release(struct hostinfo_text *t)
{
	FILE *f = fopen("/etc/os-release", "re");
	char line[512];
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		take_value(t->distro, sizeof(t->distro), line, "ID");
		take_value(t->distro_version, sizeof(t->distro_version), line, "VERSION_ID");
		take_value(t->codename, sizeof(t->codename), line, "VERSION_CODENAME");
	}
	fclose(f);
}

/* The name official admin pages use for an architecture. */
static const char *arch_of(const char *machine)
{
	static const struct {
		const char *machine, *arch;
	} table[] = { { "x86_64", "amd64" },   { "aarch64", "arm64" }, { "i686", "386" },
		      { "i386", "386" },       { "armv7l", "arm" },    { "armv6l", "arm" },
		      { "riscv64", "riscv64" } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].machine, machine) == 0)
			return table[i].arch;
	return machine;
}

void backend_hostinfo_read(struct hostinfo_text *t, const struct prefs *p)
{
	struct utsname u;
	memset(t, 0, sizeof(*t));
	t->arch = "";
	if (uname(&u) == 0) {
		snprintf(t->os_version, sizeof(t->os_version), "%s", u.release);
		snprintf(t->machine, sizeof(t->machine), "%s", u.machine);
		snprintf(t->hostname, sizeof(t->hostname), "%s", u.nodename);
		t->arch = arch_of(t->machine);
	}
	read_os_release(t);
	if (p->hostname && p->hostname[0])
		snprintf(t->hostname, sizeof(t->hostname), "%s", p->hostname);
}
