/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_rivals_linux.h: other programs on this host that use our numbers. */
#ifndef NETSTACK_ROUTER_RIVALS_LINUX_H
#define NETSTACK_ROUTER_RIVALS_LINUX_H

#include "netstack/router_linux.h"

struct router_rivals {
	/* Policy rules of others that want a mark with bits of our mask. */
	unsigned rules;
	uint32_t priority, mark, mask; /* of the first */
	/* Routes of others in our table. */
	unsigned routes;
	struct prefix route; /* the first */
};

/* Reads rules and table: as long as router_check. 0 or the code of a look that failed. */
MUST_CHECK int router_rivals(struct router *r, struct router_rivals *out);

#endif
