/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip_forward.h: does this machine forward what it offers to? The decision is pure;
 * ip_forward_read (ip_forward_linux.c) gets the facts. Nothing is ever switched on: that is the
 * owner's to decide. shared/spec/routing.md 5. */
#ifndef DAEMON_ENGINE_IP_FORWARD_H
#define DAEMON_ENGINE_IP_FORWARD_H

#include "base/ip.h"

#define IP_FORWARD_IFS_MAX 64
#define IP_FORWARD_NAME_MAX 16
#define IP_FORWARD_ROOT "/proc/sys/net"

struct ip_forward_if {
	char name[IP_FORWARD_NAME_MAX];
	bool v4;
};

struct ip_forward {
	bool v4, v6; /* of the whole machine */
	struct ip_forward_if
	    ifs[IP_FORWARD_IFS_MAX]; /* all but lo, by name; looked at without v4 */
	size_t n_ifs;
};

/* The sysctls below root. A file that is missing is off; 1 and 2 are on. */
void ip_forward_read(const char *root, struct ip_forward *out);

/* Which families routes need it for; addresses of this machine itself need none. */
struct ip_forward_need {
	bool v4, v6;
};
struct ip_forward_need ip_forward_needed(const struct prefix *routes, size_t n,
					 const struct ip *local, size_t n_local);
/* What to say, with what to type; "" if all is well. New. */
char *ip_forward_warning(struct ip_forward_need need, const struct ip_forward *f);

#endif
