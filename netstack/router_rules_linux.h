/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_rules_linux.h: the policy rules. */
#ifndef NETSTACK_ROUTER_RULES_LINUX_H
#define NETSTACK_ROUTER_RULES_LINUX_H

#include "netstack/kroute_linux.h"
#include "netstack/router_linux.h"

/* Ours of one family; both repeatable. */
void router_rules_add(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep);
void router_rules_del(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep);

#endif
