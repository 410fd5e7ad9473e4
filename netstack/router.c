/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/router.h"

#include "base/alloc.h"
#include "netstack/service.h"

#include <stdlib.h>

static bool has_family(const struct router_in *in, uint8_t fam)
{
	for (size_t i = 0; i < in->n_self; i++)
		if (in->self[i].fam == fam)
			return true;
	return false;
}

/* What an exit node does to the networks we are attached to: our own loopback stays ours; the LAN
 * is reached directly if wanted, through the exit node if not. */
static void add_lan(const struct router_in *in, struct router_config *c)
{
	for (size_t i = 0; i < in->n_lan; i++) {
		struct prefix p = prefix_masked(in->lan[i]);
		if (prefix_is_host(p) || ip_is_tailnet(p.ip))
			continue;
		bool direct = in->allow_lan || ip_is_loopback(in->lan[i].ip);
		prefix_list_add(direct ? &c->throws : &c->routes, p);
	}
}

/* Own networks inside a wider route of a peer; what goes to the exit node all the same is a route
 * already. */
static void add_spared(const struct router_in *in, struct router_config *c)
{
	struct prefix_list spared = { 0 };
	rt_spared(&in->choice, in->peers, in->n_peers, &spared);
	prefix_list_sort(&c->routes);
	for (size_t i = 0; i < spared.n; i++)
		if (!prefix_list_has(&c->routes, spared.v[i]))
			prefix_list_add(&c->throws, spared.v[i]);
	prefix_list_fini(&spared);
}

void router_config_build(const struct router_in *in, struct router_config *out)
{
	*out = (struct router_config){ .mtu = in->mtu };
	for (size_t i = 0; i < in->n_self; i++)
		prefix_list_add(&out->addrs, prefix_host(in->self[i]));
	rt_os_routes(&in->choice, in->peers, in->n_peers, &out->routes);
	if (in->choice.exit_node)
		add_lan(in, out);
	add_spared(in, out);
	if (has_family(in, IP_V4))
		prefix_list_add(&out->routes, prefix_host(IP_SERVICE4));
	if (has_family(in, IP_V6))
		prefix_list_add(&out->routes, prefix_host(IP_SERVICE6));
	prefix_list_sort(&out->addrs);
	prefix_list_sort(&out->routes);
	prefix_list_sort(&out->throws);
}

void router_config_fini(struct router_config *c)
{
	prefix_list_fini(&c->addrs);
	prefix_list_fini(&c->routes);
	prefix_list_fini(&c->throws);
}

bool router_config_eq(const struct router_config *a, const struct router_config *b)
{
	return a->mtu == b->mtu && prefix_list_eq(&a->addrs, &b->addrs) &&
	       prefix_list_eq(&a->routes, &b->routes) && prefix_list_eq(&a->throws, &b->throws);
}

/* ---- steps ---- */

struct steps {
	struct rt_op *v;
	size_t n;
};

/* One step for each prefix that is in `in` and not in `without`; both sorted. */
static void add_missing(struct steps *s, enum rt_op_kind kind, const struct prefix_list *in,
			const struct prefix_list *without)
{
	for (size_t i = 0; i < in->n; i++)
		if (!prefix_list_has(without, in->v[i]))
			s->v[s->n++] = (struct rt_op){ .kind = kind, .prefix = in->v[i] };
}

static void change(struct steps *s, enum rt_op_kind add, const struct prefix_list *from,
		   const struct prefix_list *to)
{
	add_missing(s, add, to, from);
	add_missing(s, add + 1, from, to);
}

_Static_assert(RT_THROW_DEL == RT_THROW_ADD + 1 && RT_ROUTE_DEL == RT_ROUTE_ADD + 1 &&
		   RT_ADDR_DEL == RT_ADDR_ADD + 1,
	       "change() counts on the order of the steps");

static size_t config_size(const struct router_config *c)
{
	return c->addrs.n + c->routes.n + c->throws.n;
}

struct rt_op *router_diff(const struct router_config *from, const struct router_config *to,
			  size_t *n)
{
	size_t max = config_size(from) + config_size(to);
	struct steps s = { xcalloc(max ? max : 1, sizeof(*s.v)), 0 };
	change(&s, RT_THROW_ADD, &from->throws, &to->throws);
	change(&s, RT_ROUTE_ADD, &from->routes, &to->routes);
	change(&s, RT_ADDR_ADD, &from->addrs, &to->addrs);
	*n = s.n;
	if (s.n)
		return s.v;
	free(s.v);
	return NULL;
}
