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

bool selinux_enforcing(void)
{
	struct buf text;
	buf_init(&text, 16);
	bool yes = fs_read("/sys/fs/selinux/enforce", &text) == 0 && text.len && text.p[0] == '1';
	buf_fini(&text);
	return yes;
}
