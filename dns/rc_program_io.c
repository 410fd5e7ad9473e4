/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/rc_program_io.h"

#include "base/alloc.h"
#include "base/run.h"
#include "dns/systemd_io.h"

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
	resolvconf_strip_ours(&out->config);
	systemd_resolved_replace_stub(e->run, &out->config);
}
