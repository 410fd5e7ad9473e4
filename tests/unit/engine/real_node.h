/* SPDX-License-Identifier: GPL-2.0-or-later */
/* real_node.h: what tests of the node itself share: an owner that is told everything and does
 * nothing, and a network map of one node. */
#ifndef TESTS_UNIT_ENGINE_REAL_NODE_H
#define TESTS_UNIT_ENGINE_REAL_NODE_H

#include "tests/unit/engine/world.h"

#include "daemon/engine/node.h"

static inline void on_endpoints(void *arg, const struct endpoint *eps, size_t n)
{
	(void)arg, (void)eps, (void)n;
}

static inline void on_netinfo(void *arg, const struct nc_report *r, int home)
{
	(void)arg, (void)r, (void)home;
}

static inline void on_nothing(void *arg)
{
	(void)arg;
}

static const struct node_ops quiet = {
	.on_endpoints = on_endpoints,
	.on_netinfo = on_netinfo,
	.on_link_change = on_nothing,
	.on_interfaces = on_nothing,
	.on_change = on_nothing,
};

/* cap: of the node itself; NULL: none. */
static inline void apply_self(struct node *n, const char *cap)
{
	struct netmap nm;
	struct prefs prefs;
	struct node_key key = { { 4, 4 } };
	struct peer_spec self = spec_of(SELF_ID, &key, node_disco_key(n));
	netmap_init(&nm);
	prefs_init(&prefs);
	if (cap)
		self.caps[self.n.n_caps++] = (struct nm_cap){ cap, "" };
	nm.self = node_of(&self);
	node_apply(n, &nm, &prefs, NULL);
	netmap_fini(&nm);
	prefs_fini(&prefs);
}

#endif
