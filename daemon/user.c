/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/user.h"

#include "base/fs.h"
#include "daemon/sandbox_parts.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int user_find(const char *name, struct user *out, char why[static USER_WHY_MAX])
{
	*out = (struct user){ .name = name };
	if (!name)
		return 0;
	errno = 0;
	const struct passwd *p = getpwnam(name);
	if (!p) {
		snprintf(why, USER_WHY_MAX, "there is no such user%s%s; type: useradd -r %.64s",
			 errno ? ": " : "", errno ? strerror(errno) : "", name);
		return -ERR_NOENT;
	}
	out->uid = p->pw_uid;
	out->gid = p->pw_gid;
	if (geteuid() == 0 || geteuid() == out->uid)
		return 0;
	snprintf(why, USER_WHY_MAX,
		 "only root can become another user; start meshd as root, or "
		 "leave --user out");
	return -ERR_PERM;
}

static bool changes(const struct user *u)
{
	return u->name && geteuid() != u->uid;
}

int user_mkdir(const struct user *u, const char *path, mode_t mode)
{
	if (access(path, F_OK) == 0)
		return 0;
	int rc = fs_mkdir(path, mode);
	if (rc == 0 && changes(u) && chown(path, u->uid, u->gid) != 0)
		rc = -ERR_PERM;
	return rc;
}

/* While we may: the bounding set is what programs could ever get back. */
static void shrink_bounding_set(void)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_NET_ADMIN)
			prctl(PR_CAPBSET_DROP, cap);
}

static int switch_ids(const struct user *u)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;
	if (setgroups(0, NULL) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
	    setresuid(u->uid, u->uid, u->uid) != 0)
		return -1;
	if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0)
		return -1;
	errno = EPERM;
	bool all = r == u->uid && e == u->uid && s == u->uid && rg == u->gid && eg == u->gid &&
		   sg == u->gid;
	return all && setuid(0) != 0 ? 0 : -1;
}

int user_become(const struct user *u, char why[static USER_WHY_MAX])
{
	if (!changes(u))
		return 0;
	shrink_bounding_set();
	if (prctl(PR_SET_KEEPCAPS, 1) != 0 || switch_ids(u) != 0 ||
	    sandbox_capabilities(1u << CAP_NET_ADMIN, false) != 0) {
		snprintf(why, USER_WHY_MAX,
			 "cannot become that user: %s; it takes CAP_SETUID and CAP_SETGID",
			 strerror(errno));
		return -ERR_PERM;
	}
	prctl(PR_SET_KEEPCAPS, 0);
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}
