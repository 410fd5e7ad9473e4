/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openresolv: one exclusive record of our name; while it is there nobody else's counts
 * (shared/spec/dns.md 5.6). The record is its own journal: whoever finds one of that name removes
 * it. */
#include "base/alloc.h"
#include "base/log.h"
#include "dns/etc_watch_io.h"
#include "dns/os.h"
#include "dns/rc_program_io.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "meshd"
#define RECORDS_DIR "resolvconf/interfaces" /* in /run */
#define LIST_MAX 64

struct openresolv {
	struct dns_os os;
	const struct dns_os_env *env;
	char program[PATH_MAX];
	struct dns_os_config want;
	bool set;
	struct etc_watch records;
};

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

static int list_others(struct openresolv *m, struct buf *out, char text[static DNS_OS_TEXT_MAX])
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

static int read_base(struct openresolv *m, struct resolvconf *out)
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

static int base(struct dns_os *os, struct dns_os_config *out)
{
	struct resolvconf r = { 0 };
	int rc = read_base((struct openresolv *)os, &r);
	*out = r.config;
	return rc;
}

/* ---- set ----------------------------------------------------------------------------- */

static int remove_record(const char *program, char text[static DNS_OS_TEXT_MAX])
{
	const char *const argv[] = { program, "-f", "-d", RECORD, NULL };
	return rc_run(&(struct rc_call){ .argv = argv }, text);
}

static int add_record(struct openresolv *m, const char *options, char text[static DNS_OS_TEXT_MAX])
{
	const char *const argv[] = { m->program, "-m", "0", "-x", "-a", RECORD, NULL };
	struct buf record;
	buf_init(&record, 1 << 20);
	resolvconf_build_record(&m->want, options, &record);
	int rc = rc_run(&(struct rc_call){ .argv = argv, .input = buf_span(&record) }, text);
	buf_fini(&record);
	return rc;
}

static int set(struct dns_os *os, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX])
{
	struct openresolv *m = (struct openresolv *)os;
	struct resolvconf was = { 0 };
	text[0] = '\0';
	(void)!read_base(m, &was);
	if (dns_os_config_is_empty(c))
		dns_os_config_fini(&m->want);
	else
		resolvconf_complete(&m->want, c, &was.config);
	int rc = 0;
	if (m->want.n_servers) {
		m->set = true;
		rc = add_record(m, was.options, text);
	} else if (m->set || has_record(m->env)) {
		rc = remove_record(m->program, text);
		m->set = rc != 0;
	}
	resolvconf_fini(&was);
	return rc;
}

static void recheck(struct dns_os *os)
{
	struct openresolv *m = (struct openresolv *)os;
	char text[DNS_OS_TEXT_MAX];
	if (m->set && m->want.n_servers && !has_record(m->env) && add_record(m, "", text) != 0)
		log_warn("dns: %s", text);
}

/* ---- life ---------------------------------------------------------------------------- */

static void on_records(void *arg)
{
	struct openresolv *m = arg;
	m->env->on_event(m->env->arg, DNS_OS_EV_CHANGED);
}

static void close_openresolv(struct dns_os *os)
{
	struct openresolv *m = (struct openresolv *)os;
	struct dns_os_config none = { 0 };
	char text[DNS_OS_TEXT_MAX];
	if (set(os, &none, text) != 0)
		log_warn("dns: %s", text);
	etc_watch_stop(&m->records);
	dns_os_config_fini(&m->want);
	free(m);
}

struct dns_os *dns_os_openresolv_new(const struct dns_os_env *e)
{
	static const struct dns_os_ops ops = {
		.mode = DNS_OS_OPENRESOLV,
		.set = set,
		.base = base,
		.recheck = recheck,
		.close = close_openresolv,
	};
	struct openresolv *m = xcalloc(1, sizeof(*m));
	m->os.ops = &ops;
	m->env = e;
	if (!rc_find(e, m->program)) {
		free(m);
		return NULL;
	}
	char *records = xasprintf("%s/" RECORDS_DIR, e->run);
	(void)!etc_watch_start(&m->records, e->loop, records, NULL, on_records, m);
	free(records);
	return &m->os;
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
	int rc = remove_record(program, text);
	if (rc == 0)
		snprintf(text, DNS_OS_TEXT_MAX, "the record of the last run is out of resolvconf");
	return rc;
}
