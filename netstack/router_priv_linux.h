/* SPDX-License-Identifier: GPL-2.0-or-later */
/* router_priv_linux.h: the inside of a router, for router_linux.c (life), router_plan_linux.c
 * (what is there, what is to be done), router_work_linux.c (doing it), router_compare_linux.c. */
#ifndef NETSTACK_ROUTER_PRIV_LINUX_H
#define NETSTACK_ROUTER_PRIV_LINUX_H

#include "netstack/router_linux.h"
#include "netstack/router_look_linux.h"
#include "netstack/router_rules_linux.h"
#include "netstack/tun_linux.h"

struct router {
	struct nl_sock *nl;
	char tun[TUN_NAME_MAX];
	struct router_params params;
	struct kroute_link link; /* index 0: there is none */
	struct rt_able able;
	bool up; /* between router_up and router_down */

	bool has_want;
	struct router_config want;
	struct rt_state to; /* what of it is possible */

	struct rt_state have; /* without the steps under way */
	bool known;	      /* nothing failed since `have` was read: it is what the kernel has */
	bool adopted;	      /* what was there before us has been taken over */

	/* The way from have to `to`. */
	bool planned;
	struct rt_op *ops;
	size_t n_ops, next_op;
	struct kroute_route *evict; /* routes of others that are in the way; after the steps */
	size_t n_evict, next_evict;

	struct netbatch batch;
	struct router_report rep; /* since the last router_want or router_check */
};

/* router_plan_linux.c */
void router_refresh(struct router *r); /* link and able, as they are now */
struct router_where router_where(const struct router *r);
bool router_rules_wanted(const struct router *r, uint8_t fam);
void router_complete_rules(struct router *r);
void router_plan(struct router *r);
/* The steps taken so far become part of `have`; the others are dropped. True if there were any. */
bool router_conclude(struct router *r);

/* router_work_linux.c */
bool router_left(const struct router *r);
void router_finish(struct router *r); /* all steps, at once */

#endif
