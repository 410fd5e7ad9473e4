/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns_facts.h: what the network map and the preferences mean for names: the input of dns/plan.h and
 * the table of dns/local.h. Pure. Thread: control. */
#ifndef DAEMON_ENGINE_DNS_FACTS_H
#define DAEMON_ENGINE_DNS_FACTS_H

#include "daemon/control/netmap.h"
#include "daemon/engine/exit_node.h"
#include "dns/local.h"
#include "dns/plan.h"

struct dns_facts {
	struct dns_plan_in in; /* borrows from the map and from here */
	char exit_doh[96];
	struct dns_upstreams exit_resolvers;
};
/* The map has a self. f: zeroed or fini'd before; it lives no longer than the map. */
void dns_facts_take(struct dns_facts *f, const struct netmap *nm, const struct prefs *p,
		    const struct exit_choice *exit, wall_t now);
void dns_facts_fini(struct dns_facts *f);

/* Where a peer that is our exit node answers questions, or "" if it does not. Returns out. */
const char *dns_facts_exit_doh(const struct nm_node *exit, bool have4, char out[static 96]);

/* The names of all nodes and records. outside: as in dns/local.h. New. */
struct dns_local *dns_facts_local(const struct netmap *nm, const struct dns_plan *p,
				  const struct dns_result *r, const char *const *outside,
				  size_t n_outside);

/* What the table shows of one node, as a number that changes with it. NULL: 0. */
uint64_t dns_facts_mark(const struct nm_node *n);

#endif
