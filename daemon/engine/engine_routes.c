/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the preferences and the self node concerns the system's routes and its firewall. */
#include "daemon/engine/engine_priv.h"

#include "base/log.h"

#include <stdlib.h>

/* ---- networks of our own ---- */

static bool is_attached_network(struct prefix p)
{
	return !prefix_is_host(p) && !prefix_is_default(p) && !ip_is_loopback(p.ip) &&
	       !ip_is_link_local(p.ip) && !ip_is_tailnet(p.ip);
}

/* The networks this machine is on, and those it serves to others: of two routers for one network
 * neither takes it from the other. */
static void note_own(struct engine *e, const struct prefs *p)
{
	for (size_t i = 0; i < e->n_interfaces; i++)
		if (is_attached_network(e->interfaces[i]))
			prefix_list_add(&e->own, prefix_masked(e->interfaces[i]));
	for (size_t i = 0; i < p->advertise_routes.n; i++)
		if (!prefix_is_default(p->advertise_routes.v[i]))
			prefix_list_add(&e->own, p->advertise_routes.v[i]);
	prefix_list_sort(&e->own);
}

void engine_note_accepted(struct engine *e, const struct prefs *p)
{
	struct prefs_accept a = prefs_accept_routes(p);
	prefix_list_fini(&e->own);
	prefix_list_fini(&e->only);
	for (size_t i = 0; i < a.n_only; i++)
		prefix_list_add(&e->only, a.only[i]);
	if (a.spare_attached)
		note_own(e, p);
	e->choice.route_all = a.any;
	e->choice.only = e->only.v;
	e->choice.n_only = e->only.n;
	e->choice.own = e->own.v;
	e->choice.n_own = e->own.n;
}

/* ---- routes that are not used ---- */

/* A server can send any number of these. */
#define ODD_EVERY (10 * NS_PER_S)
#define ODD_BURST 8

static void tell_odd(struct engine *e, const struct nm_node *n, struct prefix p, const char *why)
{
	if (!bucket_take(&e->odd_told, e->now, ODD_EVERY, ODD_BURST))
		return;
	struct log_esc_buf esc;
	char text[PREFIX_TEXT_MAX];
	log_warn("routes: %s of %s is ignored: %s", prefix_encode(p, text),
		 log_esc(span_str(n->name), &esc), why);
}

/* The first of each kind: whoever runs the network has to mend them all. */
void engine_tell_odd_routes(struct engine *e, const struct nm_node *n)
{
	const struct prefix *host_bits = NULL, *all = NULL;
	bool v4 = false, v6 = false;
	for (size_t i = 0; i < n->n_allowed_ips; i++) {
		const struct prefix *p = &n->allowed_ips[i];
		if (!host_bits && !prefix_eq(prefix_masked(*p), *p))
			host_bits = p;
		if (!prefix_is_default(*p))
			continue;
		all = p;
		v4 |= p->ip.fam == IP_V4;
		v6 |= p->ip.fam == IP_V6;
	}
	if (host_bits)
		tell_odd(e, n, *host_bits, "it has host bits set");
	if (v4 != v6)
		tell_odd(e, n, *all, "an exit node needs both 0.0.0.0/0 and ::/0; approve both");
}

/* ---- the firewall ---- */

void engine_note_firewall(struct engine *e, const struct nm_node *self, const struct prefs *p)
{
	e->netfilter = (enum rt_netfilter)p->netfilter_mode;
	/* Nothing is forwarded for others where nothing is offered to them. */
	e->snat = !p->no_snat && (p->advertise_routes.n > 0 || p->app_connector);
	e->stateful = p->no_stateful_filtering == J_FALSE;
	e->no_guard = nm_node_cap(self, "disable-linux-cgnat-drop-rule") != NULL;
}

/* What our routes say comes from the tunnel, and ourselves. */
static void add_guard(const struct router_config *routes, struct fw_config *out)
{
	for (size_t i = 0; i < routes->routes.n; i++)
		if (ip_is_tailnet(routes->routes.v[i].ip))
			prefix_list_add(&out->guard, routes->routes.v[i]);
	prefix_list_add_all(&out->guard, &routes->addrs);
	prefix_list_sort(&out->guard);
}

/* Does a route take more than addresses of the tailnet, so that the way back to a peer's address
 * on the underlay may seem to be the tunnel? */
static bool reaches_out(const struct prefix_list *routes)
{
	for (size_t i = 0; i < routes->n; i++) {
		struct prefix p = routes->v[i];
		if (!ip_is_tailnet(p.ip) || (p.ip.fam == IP_V4 && !prefix_is_host(p)))
			return true;
	}
	return false;
}

void engine_firewall(const struct engine *e, const struct router_config *routes,
		     struct fw_config *out)
{
	*out = (struct fw_config){
		.mode = e->netfilter,
		.snat = e->snat,
		.stateful = e->stateful,
		.no_guard = e->no_guard,
		.no_connmark = !reaches_out(&routes->routes),
	};
	prefix_list_add_all(&out->self, &routes->addrs);
	add_guard(routes, out);
}
