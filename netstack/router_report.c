/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router_report.h"

#include <stdio.h>

/* What to do about it; "" if the reason says it all. */
static const char *advice(int rc)
{
	switch (rc) {
	case -ERR_PERM:
		return "; meshd needs CAP_NET_ADMIN: run it as root, or give the service "
		       "AmbientCapabilities=CAP_NET_ADMIN";
	case -ERR_NOMEM:
		return "; the kernel has no room for it: accept fewer routes, or raise the sysctl "
		       "net.ipv6.route.max_size";
	case -ERR_BUSY:
		return "; another program holds it; meshd tries again";
	case -ERR_STATE:
		return "; the interface is down: meshd brings it up, see that no other program "
		       "takes it down";
	default:
		return "";
	}
}

void router_note(struct router_report *rep, const char *what, const char *object, int rc)
{
	if (rc == 0)
		return;
	rep->passing |= rc == -ERR_NOMEM || rc == -ERR_BUSY || rc == -ERR_AGAIN;
	if (rep->failed++ == 0)
		snprintf(rep->first, sizeof(rep->first), "%s %s: %s%s", what, object, err_text(rc),
			 advice(rc));
}

void router_note_prefix(struct router_report *rep, const char *what, struct prefix p, int rc)
{
	char text[PREFIX_TEXT_MAX];
	if (rc)
		router_note(rep, what, prefix_encode(p, text), rc);
}

void router_note_text(struct router_report *rep, const char *text)
{
	if (rep->failed++ == 0)
		snprintf(rep->first, sizeof(rep->first), "%s", text);
}
