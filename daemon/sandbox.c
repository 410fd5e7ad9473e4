/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sandbox.h"

#include "base/log.h"
#include "daemon/sandbox_parts.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char missing[128];

static void note_missing(const char *part)
{
	size_t n = strlen(missing);
	snprintf(missing + n, sizeof(missing) - n, "%s%s", n ? ", " : "", part);
	log_warn("sandbox: %s is not in force: %s", part, strerror(errno));
}

const char *sandbox_missing(void)
{
	return missing;
}

void sandbox_early(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	umask(077);
}

int sandbox_capabilities(uint32_t keep, bool for_programs)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &head, data) != 0)
		return -1;
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap > 31 || !(keep & 1u << cap))
			prctl(PR_CAPBSET_DROP,
			      cap); /* fails without CAP_SETPCAP: nothing to drop then */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	keep &= data[0].permitted;
	memset(data, 0, sizeof(data));
	data[0].effective = data[0].permitted = keep;
	data[0].inheritable = for_programs ? keep : 0;
	if (syscall(SYS_capset, &head, data) != 0)
		return -1;
	for (unsigned cap = 0; for_programs && cap < 32; cap++)
		if (keep & 1u << cap)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return 0;
}

void sandbox_enter(const struct sandbox_opts *o)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		note_missing("no_new_privs");
	/* TUN, routes, rules, SO_MARK and the net sysctls need just that. */
	if (sandbox_capabilities(1u << CAP_NET_ADMIN, false) != 0)
		note_missing("capability drop");
	if (sandbox_landlock(o) != 0)
		note_missing("Landlock");
	if (sandbox_seccomp(o->log_only) != 0)
		note_missing("seccomp");
}
