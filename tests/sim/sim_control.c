/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/sim.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

#define MAP_DELAY_MS 300
#define ALLOW_ALL                                                                                  \
	"[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65535}}" \
	"]}]"

static const struct nm_node *node_of(const struct sim_node *n)
{
	struct prefix addrs[2] = { prefix_host(sim_tailnet_ip(n->id)),
				   prefix_host(sim_tailnet_ip6(n->id)) };
	char name[32];
	snprintf(name, sizeof(name), "n%d.sim.", n->id);
	struct nm_node spec = {
		.id = n->id,
		.user = 1,
		.stable_id = name,
		.name = name,
		.hostname = name,
		.os = "linux",
		.location = "",
		.exit_dns = "",
		.home_derp = n->home,
		.flags = NM_MACHINE_AUTHORIZED,
		.online = n->running ? J_TRUE : J_FALSE,
		.addresses = addrs,
		.n_addresses = 2,
		.allowed_ips = addrs,
		.n_allowed_ips = 2,
		.endpoints = n->endpoints,
		.n_endpoints = (uint32_t)n->n_endpoints,
	};
	node_priv_public(&n->key, &spec.key);
	if (n->engine)
		spec.disco = *engine_disco_key(n->engine);
	return nm_node_new(&spec);
}

void sim_control_map(struct sim_node *n)
{
	struct sim *s = n->sim;
	struct netmap nm;
	struct prefs prefs;
	netmap_init(&nm);
	prefs_init(&prefs);
	nm.self = node_of(n);
	nm.peers = xcalloc((size_t)s->n_nodes, sizeof(*nm.peers));
	for (int i = 1; i <= s->n_nodes; i++) {
		/* A peer that never came up has told no disco key. */
		if (i == n->id || !s->nodes[i]->engine)
			continue;
		const struct nm_node *p = node_of(s->nodes[i]);
		nm.peers[nm.n_peers++] = p;
		map_put(&nm.by_key, &p->key, (void *)(uintptr_t)p);
		nm_addresses_add(&nm.by_address, p);
	}
	nm.filters = xcalloc(1, sizeof(*nm.filters));
	nm.filters[0] = (struct nm_filter){ xstrdup("base"), xstrdup(ALLOW_ALL) };
	nm.n_filters = 1;
	engine_set_map(n->engine, s->now, sim_wall(s), &nm, &prefs, NULL);
	netmap_fini(&nm);
	prefs_fini(&prefs);
	sim_node_settle(n);
}

static void send_out(struct sim *s, void *arg)
{
	(void)arg;
	for (int i = 1; i <= s->n_nodes && !s->control_down; i++)
		if (s->nodes[i]->running)
			sim_control_map(s->nodes[i]);
}

void sim_control_changed(struct sim_node *n)
{
	sim_after(n->sim, MAP_DELAY_MS, send_out, NULL);
}
