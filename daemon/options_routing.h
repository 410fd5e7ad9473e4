/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options_routing.h: the numbers of --fwmark, --route-table and --rule-priority, for hosts where
 * another program uses ours (Calico, Cilium, mwan3, UniFi). Pure. */
#ifndef DAEMON_OPTIONS_ROUTING_H
#define DAEMON_OPTIONS_ROUTING_H

#include "base/err.h"
#include "netstack/router.h"

struct routing_words {
	const char *fwmark;	   /* VALUE/MASK */
	const char *route_table;   /* N */
	const char *rule_priority; /* N: the rules stand at N+10 to N+70 */
};

/* Words that are NULL leave the default. Otherwise -ERR_RANGE, and *why says which word is wrong
 * and what is right (static). */
MUST_CHECK int options_routing(const struct routing_words *w, struct router_params *out,
			       const char **why);

#endif
