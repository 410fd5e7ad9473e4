/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node_firewall.h: keeps the system's firewall as the node wants it: by nftables in this process,
 * or by iptables through the helper (hands.h). Thread: control. */
#ifndef DAEMON_ENGINE_NODE_FIREWALL_H
#define DAEMON_ENGINE_NODE_FIREWALL_H

#include "base/json.h"
#include "base/loop.h"
#include "netstack/firewall.h"

struct node_firewall;

struct node_firewall_opts {
	const char *tun;		    /* copied */
	const struct router_params *params; /* copied */
	int hands_fd;			    /* of hands_fork, taken; -1: nftables */
	void (*changed)(void *arg);	    /* what node_firewall_problem says */
	void *arg;
};

/* Touches nothing yet. Returns new; where there is no firewall to be had, one that says so. */
struct node_firewall *node_firewall_new(struct loop *l, const struct node_firewall_opts *o);
/* Removes no rules. NULL is fine. */
void node_firewall_free(struct node_firewall *f);

/* cfg is copied. Cheap if nothing changed. */
void node_firewall_apply(struct node_firewall *f, const struct fw_config *cfg);
/* Mend what others did to it: iptables tells nobody of changes, and a message of nftables may be
 * lost. To be called once a minute or so. */
void node_firewall_look(struct node_firewall *f);
/* Nothing of ours any more; at the end of the daemon with `wait`, until it is so. */
void node_firewall_down(struct node_firewall *f, bool wait);

/* What the user should know; "" if all is as wanted. Borrowed. */
const char *node_firewall_problem(const struct node_firewall *f);
/* No back end at all, though the mode asks for one. */
bool node_firewall_missing(const struct node_firewall *f);
/* As NetInfo.FirewallMode has it (spec/routing.md 4.2). */
const char *node_firewall_kind(const struct node_firewall *f);
/* For debug views: what is wanted, by which interface, and whether it is there. New. */
json_t *node_firewall_debug(struct node_firewall *f);

#endif
