/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openresolv: one exclusive record of our name; while it is there nobody else's counts
 * (shared/spec/dns.md 5.6). The record is its own journal: whoever finds one of that name removes
 * it. */
#include "base/alloc.h"
#include "dns/rc_program_io.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "meshd"
#define RECORDS_DIR "resolvconf/interfaces" /* in /run */
#define LIST_MAX 64

static bool has_record(const struct dns_os_env *e)
{
	char *path = xasprintf("%s/" RECORDS_DIR "/" RECORD, e->run);
	bool yes = access(path, F_OK) == 0;
	free(path);
	return yes;
}

/* Without any, asking for them is an error. */
static bool has_others(const struct dns_os_env *e)
{
	char *path = xasprintf("%s/" RECORDS_DIR, e->run);
	bool found = false;
	DIR *d = opendir(path);
	for (struct dirent *f; d && !found && (f = readdir(d));)
		found = f->d_name[0] != '.' && strcmp(f->d_name, RECORD) != 0;
	if (d)
		closedir(d);
	free(path);
	return found;
}

/* ---- base ---------------------------------------------------------------------------- */

struct list_call {
	const char *argv[LIST_MAX + 3];
	char *names[LIST_MAX];
	size_t n;
};

static void add_name(void *arg, const char *name)
{
	struct list_call *l = arg;
	if (l->n == LIST_MAX)
		return;
	l->argv[2 + l->n] = l->names[l->n] = xstrdup(name);
	l->n++;
}

static int list_others(struct rc_manager *m, struct buf *out, char text[static DNS_OS_TEXT_MAX])
{
	const char *const ask[] = { m->program, "-i", NULL };
	struct list_call list = { .argv = { m->program, "-l" } };
	struct buf names;
	if (!has_others(m->env))
		return 0;
	buf_init(&names, 65536);
	int rc = rc_run(&(struct rc_call){ .argv = ask, .output = &names }, text);
	if (rc == 0)
		rc_each_name(buf_span(&names), RECORD, add_name, &list);
	if (list.n)
		rc = rc_run(&(struct rc_call){ .argv = list.argv, .output = out }, text);
	for (size_t i = 0; i < list.n; i++)
		free(list.names[i]);
	buf_fini(&names);
	return rc;
}

static int read_base(struct rc_manager *m, struct resolvconf *out)
{
	char text[DNS_OS_TEXT_MAX];
	struct buf records;
	buf_init(&records, RESOLVCONF_MAX);
	int rc = list_others(m, &records, text);
	if (rc == 0)
		rc_base_of(m->env, buf_span(&records), out);
	buf_fini(&records);
	return rc;
}

/* ---- set ----------------------------------------------------------------------------- */

static int remove_record(const struct dns_os_env *e, const char *program,
			 char text[static DNS_OS_TEXT_MAX])
{
	(void)e;
	const char *const argv[] = { program, "-f", "-d", RECORD, NULL };
	return rc_run(&(struct rc_call){ .argv = argv }, text);
}

static int add_record(struct rc_manager *m, struct span record, char text[static DNS_OS_TEXT_MAX])
{
	const char *const argv[] = { m->program, "-m", "0", "-x", "-a", RECORD, NULL };
	return rc_run(&(struct rc_call){ .argv = argv, .input = record }, text);
}

static char *records_dir(const struct dns_os_env *e)
{
	return xasprintf("%s/" RECORDS_DIR, e->run);
}

struct dns_os *dns_os_openresolv_new(const struct dns_os_env *e)
{
	static const struct rc_kind openresolv = {
		.mode = DNS_OS_OPENRESOLV,
		.records_dir = records_dir,
		.has_record = has_record,
		.has_traces = has_record,
		.read_base = read_base,
		.add = add_record,
		.remove = remove_record,
	};
	return rc_manager_new(e, &openresolv);
}

int dns_os_openresolv_cleanup(const struct dns_os_env *e, char text[static DNS_OS_TEXT_MAX])
{
	char program[PATH_MAX];
	text[0] = '\0';
	if (!has_record(e))
		return 0;
	if (!rc_find(e, program)) {
		snprintf(text, DNS_OS_TEXT_MAX,
			 "there is no resolvconf any more, and its record of ours stays in "
			 "%s/" RECORDS_DIR,
			 e->run);
		return -ERR_NOENT;
	}
	int rc = remove_record(e, program, text);
	if (rc == 0)
		snprintf(text, DNS_OS_TEXT_MAX, "the record of the last run is out of resolvconf");
	return rc;
}
