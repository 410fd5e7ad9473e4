/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dns/systemd_io.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/run.h"

#include <stdlib.h>
#include <unistd.h>

#define UNIT "systemd-resolved.service"
#define ASK_MS 2000
#define RESTART_MS 5000

static bool in_charge(const struct dns_os_env *e)
{
	char *path = xasprintf("%s/systemd/system", e->run);
	bool yes = access(path, F_OK) == 0;
	free(path);
	return yes;
}

static bool run_ok(const char *const argv[], int ms)
{
	char said[RUN_SAID_MAX];
	struct run r = { .argv = (char *const *)argv, .until = mono_add_ms(mono_now(), ms) };
	return run_program(&r, said) == 0;
}

void systemd_resolved_restart(const struct dns_os_env *e)
{
	char program[PATH_MAX];
	const char *const ask[] = { program, "is-active", "--quiet", UNIT, NULL };
	const char *const restart[] = { program, "--no-block", "restart", UNIT, NULL };
	if (in_charge(e) && run_find(e->programs, "systemctl", program) && run_ok(ask, ASK_MS))
		run_ok(restart, RESTART_MS);
}

static void read_uplinks(const char *run, struct resolvconf *out)
{
	char *path = xasprintf("%s/systemd/resolve/resolv.conf", run);
	struct buf text;
	buf_init(&text, RESOLVCONF_MAX);
	if (fs_read(path, &text) == 0)
		(void)!resolvconf_parse(buf_span(&text), out);
	buf_fini(&text);
	free(path);
}

void systemd_resolved_replace_stub(const char *run, struct dns_os_config *base)
{
	struct resolvconf up = { 0 };
	size_t kept = 0, n = base->n_servers;
	for (size_t i = 0; i < n; i++)
		if (!dns_server_is_stub(&base->servers[i]))
			base->servers[kept++] = base->servers[i];
	base->n_servers = kept;
	if (kept == n)
		return;
	read_uplinks(run, &up);
	resolvconf_strip_ours(&up.config);
	for (size_t i = 0; i < up.config.n_servers; i++)
		dns_os_config_add_server(base, &up.config.servers[i]);
	resolvconf_fini(&up);
}

bool selinux_enforcing(void)
{
	struct buf text;
	buf_init(&text, 16);
	bool yes = fs_read("/sys/fs/selinux/enforce", &text) == 0 && text.len && text.p[0] == '1';
	buf_fini(&text);
	return yes;
}
