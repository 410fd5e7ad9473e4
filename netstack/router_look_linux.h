/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_look_linux.h: what of a router's objects the kernel has. The rules whose is what:
 * router_linux.h. */
#ifndef NETSTACK_ROUTER_LOOK_LINUX_H
#define NETSTACK_ROUTER_LOOK_LINUX_H

#include "netstack/kroute_linux.h"
#include "netstack/router_report.h"

/* A route in our table that is not ours. */
struct router_foreign {
	struct kroute_route route;
	bool dead; /* its interface is down or has no carrier */
};

struct router_view {
	struct rt_state ours;
	struct router_foreign *foreign;
	size_t n_foreign, cap;
};
void router_view_fini(struct router_view *v);

struct router_where {
	struct nl_sock *nl;
	uint32_t table;	 /* where our routes are */
	bool own;	 /* it is ours alone, not the main one */
	unsigned index;	 /* our interface; 0: there is none */
	const char *tun; /* its name, for reports */
	/* Addresses that count as ours outside the tailnet's range; borrowed, may be NULL. */
	const struct prefix_list *addrs, *more_addrs;
};

/* Read all; v zeroed before. What cannot be read is noted and left empty. 0 or the first code. */
int router_look(const struct router_where *w, struct router_view *v, struct router_report *rep);
/* Just the addresses, in the place of what was known of them. */
int router_look_addrs(const struct router_where *w, struct rt_state *ours,
		      struct router_report *rep);

#endif
