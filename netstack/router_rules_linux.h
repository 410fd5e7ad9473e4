/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_rules_linux.h: the policy rules of one family. */
#ifndef NETSTACK_ROUTER_RULES_LINUX_H
#define NETSTACK_ROUTER_RULES_LINUX_H

#include "netstack/kroute_linux.h"
#include "netstack/router_report.h"

#define ROUTER_RULES 4
/* Preferences from rule_base on that are looked at. */
#define ROUTER_RULES_SPAN 100

/* Those we want. */
void router_rules_ours(const struct router_params *p, uint8_t fam,
		       struct kroute_rule out[static ROUTER_RULES]);

/* A rule in our span of preferences. */
struct router_rule {
	struct kroute_rule rule;
	bool ours; /* by preference and table or action, whatever its mark */
	bool exact;
};
/* New array (free), *n entries in order. 0 or the code of the dump, with nothing new. */
MUST_CHECK int router_rules_list(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
				 struct router_rule **out, size_t *n);

/* Add those that are missing, then remove ours that have another mark. */
void router_rules_complete(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
			   struct router_report *rep);
void router_rules_del(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep);

#endif
