/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_rules_linux.h: the policy rules, and the report that router_linux.c and
 * router_cleanup_linux.c fill. */
#ifndef NETSTACK_ROUTER_RULES_LINUX_H
#define NETSTACK_ROUTER_RULES_LINUX_H

#include "netstack/kroute_linux.h"
#include "netstack/router_linux.h"

/* Counts a step that failed (rc not 0) and keeps the text of the first. */
void router_note(struct router_report *rep, const char *what, const char *object, int rc);
void router_note_prefix(struct router_report *rep, const char *what, struct prefix p, int rc);

/* Ours of one family; both repeatable. */
void router_rules_add(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep);
void router_rules_del(struct nl_sock *nl, const struct router_params *p, uint8_t fam,
		      struct router_report *rep);

#endif
