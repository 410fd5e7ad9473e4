/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debian's resolvconf: one record of our name, and a hook that leaves our servers alone in
 * resolv.conf: the program itself would put those of others behind them, which are asked when we do
 * not know a name, and are told all names of the network (shared/spec/dns.md 5.6). Both are their
 * own journal: whoever finds them removes them. */
#include "base/alloc.h"
#include "base/fs.h"
#include "dns/rc_program_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD "tun-meshd.inet" /* it likes those of tun* best */
#define RECORDS_DIR "resolvconf/interface"
#define HOOKS_DIR "resolvconf/update-libc.d" /* in /etc */
#define HOOK HOOKS_DIR "/meshd"

static const char hook_text[] =
    "#!/bin/sh\n"
    "# Written by meshd, which removes it when it stops. While meshd has a record in resolvconf, "
    "its\n"
    "# servers alone are in resolv.conf.\n"
    "[ -z \"$MESHD_DNS_HOOK\" ] || exit 0\n"
    "for run in /etc/resolvconf/run /run/resolvconf /var/run/resolvconf; do\n"
    "\t[ -d \"$run/interface\" ] && break\n"
    "done\n"
    "record=$run/interface/" RECORD "\n"
    "[ -s \"$record\" ] && grep -q resolvconf /etc/resolv.conf || exit 0\n"
    "file=$(readlink -f /etc/resolv.conf) || exit 0\n"
    "conf=/etc/resolvconf/resolv.conf.d\n"
    "umask 022\n"
    "{\n"
    "\t[ ! -r $conf/head ] || cat $conf/head\n"
    "\techo '# servers of meshd alone: see /etc/" HOOK "'\n"
    "\tcat \"$record\"\n"
    "\t[ ! -r $conf/base ] || sed -n -e '/^[[:space:]]*options[[:space:]]/p' \\\n"
    "\t\t-e '/^[[:space:]]*sortlist[[:space:]]/p' $conf/base\n"
    "\t[ ! -r $conf/tail ] || cat $conf/tail\n"
    "} >\"$file.meshd\" && mv -f \"$file.meshd\" \"$file\" || exit 0\n"
    "# Those that ran before this one have seen the other text.\n"
    "export MESHD_DNS_HOOK=1\n"
    "exec run-parts /etc/" HOOKS_DIR "\n";
/* Behind it where the folder is ours, too. */
static const char made_dir[] = "# meshd made this folder\n";

/* ---- paths ---------------------------------------------------------------------------- */

/* New. */
static char *records_dir(const struct dns_os_env *e)
{
	char *dir = xasprintf("%s/resolvconf/run/interface", e->etc);
	if (access(dir, F_OK) == 0)
		return dir;
	free(dir);
	return xasprintf("%s/" RECORDS_DIR, e->run);
}

static bool has_record(const struct dns_os_env *e)
{
	char *dir = records_dir(e), *path = xasprintf("%s/" RECORD, dir);
	bool yes = access(path, F_OK) == 0;
	free(path);
	free(dir);
	return yes;
}

static char *hook_path(const struct dns_os_env *e)
{
	return xasprintf("%s/" HOOK, e->etc);
}

static bool has_hook(const struct dns_os_env *e)
{
	char *path = hook_path(e);
	bool yes = access(path, F_OK) == 0;
	free(path);
	return yes;
}

/* ---- base ----------------------------------------------------------------------------- */

struct reading {
	const char *dir;
	struct buf *out;
};

static void read_record(void *arg, const char *name)
{
	struct reading *r = arg;
	char *path = xasprintf("%s/%s", r->dir, name);
	/* One that has gone meanwhile says nothing. */
	if (fs_read(path, r->out) == 0)
		buf_add_str(r->out, "\n");
	free(path);
}

static int read_base(struct rc_manager *m, struct resolvconf *out)
{
	static const char *const listers[] = { "/lib/resolvconf/list-records",
					       "/usr/lib/resolvconf/list-records" };
	const char *lister = access(listers[0], X_OK) == 0 ? listers[0] : listers[1];
	const char *const argv[] = { lister, NULL };
	char text[DNS_OS_TEXT_MAX], *dir = records_dir(m->env);
	struct buf names, records;
	struct reading r = { dir, &records };
	buf_init(&names, 65536);
	buf_init(&records, RESOLVCONF_MAX);
	int rc = rc_run(&(struct rc_call){ .argv = argv, .output = &names, .dir = dir }, text);
	if (rc == 0) {
		rc_each_name(buf_span(&names), RECORD, read_record, &r);
		rc_base_of(m->env, buf_span(&records), out);
	}
	buf_fini(&names);
	buf_fini(&records);
	free(dir);
	return rc;
}

/* ---- the hook ------------------------------------------------------------------------- */

static bool dir_is_ours(const char *hook)
{
	struct buf text;
	buf_init(&text, 2 * sizeof(hook_text));
	bool ours = fs_read(hook, &text) == 0 && strstr(buf_cstr(&text), made_dir);
	buf_fini(&text);
	return ours;
}

static int write_hook(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	char *path = hook_path(e), *dir = xasprintf("%s/" HOOKS_DIR, e->etc);
	bool made = mkdir(dir, 0755) == 0 || dir_is_ours(path);
	char *hook = xasprintf("%s%s", hook_text, made ? made_dir : "");
	int rc = fs_write_atomic(path, span_str(hook), 0755);
	if (rc != 0)
		snprintf(text, DNS_OS_TEXT_MAX, "cannot write %s: %s", path, strerror(errno));
	free(hook);
	free(dir);
	free(path);
	return rc;
}

static int drop_hook(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	char *path = hook_path(e), *dir = xasprintf("%s/" HOOKS_DIR, e->etc);
	bool made = dir_is_ours(path);
	int rc = 0;
	fs_drop_temps(path);
	if (unlink(path) != 0 && errno != ENOENT) {
		snprintf(text, DNS_OS_TEXT_MAX, "cannot remove %s: %s", path, strerror(errno));
		rc = -ERR_IO;
	} else if (made) {
		rmdir(dir); /* unless others have moved in */
	}
	free(dir);
	free(path);
	return rc;
}

/* ---- set ------------------------------------------------------------------------------ */

static int add_record(struct rc_manager *m, struct span record, char text[static DNS_OS_TEXT_MAX])
{
	const char *const argv[] = { m->program, "-a", RECORD, NULL };
	int rc = write_hook(m->env, text);
	return rc ? rc : rc_run(&(struct rc_call){ .argv = argv, .input = record }, text);
}

static int remove_record(const struct dns_os_env *e, const char *program,
			 char text[static DNS_OS_TEXT_MAX])
{
	const char *const argv[] = { program, "-d", RECORD, NULL };
	int rc = rc_run(&(struct rc_call){ .argv = argv }, text);
	int hook = drop_hook(e, text);
	return rc ? rc : hook;
}

static bool has_traces(const struct dns_os_env *e)
{
	return has_record(e) || has_hook(e);
}

struct dns_os *dns_os_resolvconf_new(const struct dns_os_env *e)
{
	static const struct rc_kind debian = {
		.mode = DNS_OS_RESOLVCONF,
		.records_dir = records_dir,
		.has_record = has_record,
		.has_traces = has_traces,
		.read_base = read_base,
		.add = add_record,
		.remove = remove_record,
	};
	return rc_manager_new(e, &debian);
}

int dns_os_resolvconf_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	char program[PATH_MAX];
	bool record = has_record(e);
	text[0] = '\0';
	if (!record && !has_hook(e))
		return 0;
	int rc = 0;
	if (record && rc_find(e, program))
		rc = remove_record(e, program, text);
	else
		rc = drop_hook(e, text);
	if (rc == 0)
		snprintf(text, DNS_OS_TEXT_MAX, "%s",
			 has_record(e) ? "there is no resolvconf any more: its record of ours "
					 "stays, and has no effect"
				       : "the record of the last run is out of resolvconf");
	return rc;
}
