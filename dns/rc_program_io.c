/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/rc_program_io.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/run.h"
#include "dns/resolvconf_io.h"

#include <stdio.h>
#include <stdlib.h>

#define PROGRAM "resolvconf"
/* It runs the hooks of others, which may restart a daemon or two. */
#define PROGRAM_MS 10000
#define NAME_LEN_MAX 128

bool rc_find(const struct dns_os_env *e, char path[static PATH_MAX])
{
	char real[PATH_MAX];
	if (!run_find(e->programs, PROGRAM, path) || !realpath(path, real))
		return false;
	const char *slash = strrchr(real, '/');
	return strcmp(slash ? slash + 1 : real, "resolvectl") != 0;
}

static void take_line(void *arg, struct span line)
{
	struct buf *out = arg;
	buf_add_span(out, line);
	buf_add_str(out, "\n");
}

int rc_run(const struct rc_call *c, char text[static DNS_OS_TEXT_MAX])
{
	static char path_var[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char *const env[] = { path_var, NULL };
	char said[RUN_SAID_MAX];
	struct run r = {
		.argv = (char *const *)c->argv,
		.env = env,
		.dir = c->dir,
		.input = c->input,
		.until = mono_add_ms(mono_now(), PROGRAM_MS),
		.line = c->output ? take_line : NULL,
		.arg = c->output,
	};
	int rc = run_program(&r, said);
	if (rc != 0)
		snprintf(text, DNS_OS_TEXT_MAX, "%s %s: %s", c->argv[0],
			 c->argv[1] ? c->argv[1] : "", *said ? said : err_text(rc));
	return rc;
}

static bool name_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '/')
			return false;
	return n > 0 && n < NAME_LEN_MAX && s[0] != '.' && s[0] != '-' && s[0] != '~';
}

void rc_each_name(struct span list, const char *ours, void (*fn)(void *arg, const char *name),
		  void *arg)
{
	const char *s = (const char *)list.p, *end = s + list.len;
	while (s < end) {
		char name[NAME_LEN_MAX];
		size_t n = 0;
		while (s + n < end && s[n] != ' ' && s[n] != '\n' && s[n] != '\t')
			n++;
		if (name_ok(s, n)) {
			memcpy(name, s, n);
			name[n] = '\0';
			if (strcmp(name, ours) != 0)
				fn(arg, name);
		}
		s += n + 1;
	}
}

void rc_base_of(const struct dns_os_env *e, struct span records, struct resolvconf *out)
{
	(void)!resolvconf_parse(records, out);
	resolvconf_without_us(e->run, &out->config);
}

/* ---- the manager ---------------------------------------------------------------------- */

static int base(struct dns_os *os, struct dns_os_config *out)
{
	struct rc_manager *m = (struct rc_manager *)os;
	struct resolvconf r = { 0 };
	int rc = m->kind->read_base(m, &r);
	*out = r.config;
	return rc;
}

static int add(struct rc_manager *m, const char *options, char text[static DNS_OS_TEXT_MAX])
{
	struct buf record;
	buf_init(&record, 1 << 20);
	resolvconf_build_record(&m->want, options, &record);
	int rc = m->kind->add(m, buf_span(&record), text);
	buf_fini(&record);
	return rc;
}

static int set(struct dns_os *os, const struct dns_os_config *c, char text[static DNS_OS_TEXT_MAX])
{
	struct rc_manager *m = (struct rc_manager *)os;
	struct resolvconf was = { 0 };
	int rc = 0;
	text[0] = '\0';
	(void)!m->kind->read_base(m, &was);
	if (dns_os_config_is_empty(c))
		dns_os_config_fini(&m->want);
	else
		resolvconf_complete(&m->want, c, &was.config);
	if (m->want.n_servers) {
		m->set = true;
		rc = add(m, was.options, text);
	} else if (m->set || m->kind->has_traces(m->env)) {
		rc = m->kind->remove(m->env, m->program, text);
		m->set = rc != 0;
	}
	resolvconf_fini(&was);
	return rc;
}

static void recheck(struct dns_os *os)
{
	struct rc_manager *m = (struct rc_manager *)os;
	char text[DNS_OS_TEXT_MAX];
	struct resolvconf was = { 0 };
	if (!m->set || !m->want.n_servers || m->kind->has_record(m->env))
		return;
	(void)!m->kind->read_base(m, &was);
	if (add(m, was.options, text) != 0)
		log_warn("dns: %s", text);
	resolvconf_fini(&was);
}

static void on_records(void *arg)
{
	struct rc_manager *m = arg;
	m->env->on_event(m->env->arg, DNS_OS_EV_CHANGED);
}

static void close_manager(struct dns_os *os)
{
	struct rc_manager *m = (struct rc_manager *)os;
	struct dns_os_config none = { 0 };
	char text[DNS_OS_TEXT_MAX];
	if (set(os, &none, text) != 0)
		log_warn("dns: %s", text);
	etc_watch_stop(&m->records);
	dns_os_config_fini(&m->want);
	free(m);
}

struct dns_os *rc_manager_new(const struct dns_os_env *e, const struct rc_kind *kind)
{
	struct rc_manager *m = xcalloc(1, sizeof(*m));
	m->ops = (struct dns_os_ops){ .mode = kind->mode,
				      .set = set,
				      .base = base,
				      .recheck = recheck,
				      .close = close_manager };
	m->os.ops = &m->ops;
	m->env = e;
	m->kind = kind;
	if (!rc_find(e, m->program)) {
		free(m);
		return NULL;
	}
	char *records = kind->records_dir(e);
	(void)!etc_watch_start(&m->records, e->loop, records, NULL, on_records, m);
	free(records);
	return &m->os;
}
