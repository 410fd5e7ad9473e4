/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ssh_session.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/ip.h"

#include <stdlib.h>
#include <unistd.h>

#define ENVIRON_MAX (1u << 20)

/* First word of "192.0.2.1 50000 22". */
static char *first_word(const char *s)
{
	size_t n = strcspn(s, " ");
	return n ? xstrndup(s, n) : NULL;
}

static char *from_session_leader(void)
{
	char path[64];
	struct buf b;
	char *client = NULL;
	snprintf(path, sizeof(path), "/proc/%ld/environ", (long)getsid(0));
	buf_init(&b, ENVIRON_MAX);
	if (fs_read(path, &b) == 0) {
		const char *end = buf_cstr(&b) + b.len;
		for (const char *p = buf_cstr(&b); p < end && !client; p += strlen(p) + 1)
			if (strncmp(p, "SSH_CLIENT=", 11) == 0)
				client = first_word(p + 11);
	}
	buf_fini(&b);
	return client;
}

char *ssh_session_client(void)
{
	const char *env = getenv("SSH_CLIENT");
	if (env && *env)
		return first_word(env);
	return getenv("SUDO_USER") ? from_session_leader() : NULL;
}

static bool names_risk(const char *accepted, const char *risk)
{
	size_t n = strlen(risk);
	for (const char *p = accepted; (p = strstr(p, risk)); p += n)
		if ((p == accepted || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

static bool confirmed(struct cli *c)
{
	char answer[16] = "";
	fprintf(c->err, "\nContinue? [y/N] ");
	fflush(c->err);
	if (!c->in || !fgets(answer, sizeof(answer), c->in))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

bool ssh_risk_accepted(struct cli *c, const char *accepted, const char *action)
{
	struct ip ip;
	if (!*c->ssh_client || ip_decode(span_str(c->ssh_client), &ip) || !ip_is_tailnet(ip))
		return true;
	if (names_risk(accepted, "lose-ssh") || names_risk(accepted, "all"))
		return true;
	fprintf(c->err,
		"You are connected over Tailscale; %s will disable Tailscale and result in your "
		"session "
		"disconnecting.\nTo skip this warning, use --accept-risk=lose-ssh\n",
		action);
	if (confirmed(c))
		return true;
	cli_fail(c, "aborted, no changes made");
	return false;
}
