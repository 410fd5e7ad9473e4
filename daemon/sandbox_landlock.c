/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Landlock without a library: three system calls. Rights a kernel does not know are left out (ABI).
 */
#include "daemon/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's headers end at ABI 2. */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | FS_TRUNCATE)
#define FS_ALL_ABI1 ((UINT64_C(1) << 13) - 1)

static uint64_t handled_rights(int abi)
{
	uint64_t r = FS_ALL_ABI1;
	if (abi >= 2)
		r |= FS_REFER;
	if (abi >= 3)
		r |= FS_TRUNCATE;
	if (abi >= 5)
		r |= FS_IOCTL_DEV;
	return r;
}

/* A path that does not exist needs no rule. */
static int allow(int ruleset, const char *path, uint64_t rights, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights & handled };
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -1;
	int rc = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc;
}

static int add_rules(int ruleset, const struct sandbox_opts *o, uint64_t handled)
{
	/* Those of /run are where /etc/resolv.conf may lead. */
	static const char *const readable_dirs[] = { "/etc",
						     "/run/systemd/resolve",
						     "/run/resolvconf",
						     "/run/NetworkManager",
						     "/run/connman",
						     "/run/netconfig",
						     "/usr/share/ca-certificates",
						     "/usr/local/share/ca-certificates",
						     "/usr/lib/ssl",
						     "/usr/share/zoneinfo",
						     "/proc",
						     "/sys/class/net",
						     "/sys/devices" };
	static const char *const readable_files[] = { "/dev/urandom", "/dev/random" };
	int rc = 0;
	for (size_t i = 0; i < sizeof(readable_dirs) / sizeof(*readable_dirs); i++)
		rc |= allow(ruleset, readable_dirs[i], FS_READ, handled);
	for (size_t i = 0; i < sizeof(readable_files) / sizeof(*readable_files); i++)
		rc |= allow(ruleset, readable_files[i], LANDLOCK_ACCESS_FS_READ_FILE, handled);
	rc |= allow(ruleset, "/dev/null",
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE, handled);
	rc |= allow(ruleset, "/dev/net/tun",
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV,
		    handled);
	rc |= allow(ruleset, "/proc/sys/net", FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE,
		    handled);
	/* Name service modules and the resolver's libraries may be loaded at the first look-up. */
	rc |= allow(ruleset, "/usr/lib", FS_READ | LANDLOCK_ACCESS_FS_EXECUTE, handled);
	rc |= allow(ruleset, "/lib", FS_READ | LANDLOCK_ACCESS_FS_EXECUTE, handled);
	if (o->ca_file)
		rc |= allow(ruleset, o->ca_file, LANDLOCK_ACCESS_FS_READ_FILE, handled);
	if (o->state_dir)
		rc |= allow(ruleset, o->state_dir, FS_READ | FS_WRITE, handled);
	if (o->runtime_dir)
		rc |= allow(ruleset, o->runtime_dir,
			    FS_READ | FS_WRITE | LANDLOCK_ACCESS_FS_MAKE_SOCK, handled);
	return rc;
}

/* An empty set of rules, or -1. */
static int new_ruleset(uint64_t *handled)
{
	int abi =
	    (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return -1;
	struct landlock_ruleset_attr attr = { .handled_access_fs = handled_rights(abi) };
	*handled = attr.handled_access_fs;
	return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
}

/* rc: of adding the rules */
static int enforce(int ruleset, int rc)
{
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return rc ? -1 : 0;
}

int sandbox_landlock(const struct sandbox_opts *o)
{
	uint64_t handled;
	int ruleset = new_ruleset(&handled);
	return ruleset < 0 ? -1 : enforce(ruleset, add_rules(ruleset, o, handled));
}

int sandbox_landlock_writable(const char *const dirs[], size_t n)
{
	uint64_t handled;
	int ruleset = new_ruleset(&handled);
	if (ruleset < 0)
		return -1;
	int rc = allow(ruleset, "/", FS_READ | LANDLOCK_ACCESS_FS_EXECUTE, handled);
	for (size_t i = 0; i < n; i++)
		rc |= allow(ruleset, dirs[i], handled, handled);
	return enforce(ruleset, rc);
}
