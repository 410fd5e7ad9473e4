/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/routeselect.h"

#include "base/alloc.h"

#include <stdlib.h>

/* ---- list of prefixes ---- */

void prefix_list_fini(struct prefix_list *l)
{
	free(l->v);
	*l = (struct prefix_list){ 0 };
}

void prefix_list_add(struct prefix_list *l, struct prefix p)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->v = xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = p;
}

void prefix_list_add_all(struct prefix_list *l, const struct prefix_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		prefix_list_add(l, from->v[i]);
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_cmp(*(const struct prefix *)a, *(const struct prefix *)b);
}

/* And without doubles. */
static bool is_sorted(const struct prefix_list *l)
{
	for (size_t i = 1; i < l->n; i++)
		if (prefix_cmp(l->v[i - 1], l->v[i]) >= 0)
			return false;
	return true;
}

void prefix_list_sort(struct prefix_list *l)
{
	if (is_sorted(l))
		return;
	qsort(l->v, l->n, sizeof(*l->v), by_prefix);
	size_t end = 0;
	for (size_t i = 1; i < l->n; i++)
		if (!prefix_eq(l->v[end], l->v[i]))
			l->v[++end] = l->v[i];
	l->n = end + 1;
}

bool prefix_list_has(const struct prefix_list *sorted, struct prefix p)
{
	return sorted->n && bsearch(&p, sorted->v, sorted->n, sizeof(p), by_prefix);
}

bool prefix_list_eq(const struct prefix_list *a, const struct prefix_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!prefix_eq(a->v[i], b->v[i]))
			return false;
	return true;
}

/* ---- which prefixes are used ---- */

bool rt_peer_used(const struct rt_peer *p)
{
	bool reachable = p->has_disco || p->home_derp != 0 || p->wireguard_only;
	return reachable && !p->expired;
}

/* The peer itself, as opposed to a network behind it. */
static bool is_self(const struct rt_peer *p, struct prefix allowed)
{
	if (prefix_is_host(allowed) && ip_is_tailnet(allowed.ip))
		return true;
	for (size_t i = 0; i < p->n_addresses; i++)
		if (prefix_eq(p->addresses[i], allowed))
			return true;
	return false;
}

static bool covers(struct prefix wide, struct prefix p)
{
	return wide.bits <= p.bits && prefix_contains(wide, p.ip);
}

static bool inside_one(const struct prefix *v, size_t n, struct prefix p)
{
	for (size_t i = 0; i < n; i++)
		if (covers(v[i], p))
			return true;
	return false;
}

/* What concerns one host or one cable is behind no peer. Packets to such addresses are not sent
 * into the tunnel (outbound.c): a route would only take the local network's own traffic away. The
 * one exception there is that of a cloud's metadata. */
static bool is_local_kind(struct prefix route)
{
	static const struct prefix metadata = { { IP_V4, { 169, 254, 169, 254 } }, 32 };
	return ip_is_loopback(route.ip) || ip_is_multicast(route.ip) || ip_is_broadcast(route.ip) ||
	       (ip_is_link_local(route.ip) && !prefix_eq(route, metadata));
}

/* Is this route to a network behind a peer accepted? */
static bool route_used(const struct rt_choice *c, struct prefix route)
{
	return c->route_all && !is_local_kind(route) &&
	       (!c->only || inside_one(c->only, c->n_only, route)) &&
	       !inside_one(c->own, c->n_own, route);
}

bool rt_prefix_used(const struct rt_choice *c, const struct rt_peer *p, struct prefix allowed)
{
	if (!prefix_eq(prefix_masked(allowed), allowed))
		return false;
	if (is_self(p, allowed))
		return !(c->disable_ipv4 && allowed.ip.fam == IP_V4);
	if (prefix_is_default(allowed))
		return c->exit_node && c->exit_node_id != 0 && c->exit_node_id == p->id;
	return route_used(c, allowed);
}

void rt_peer_allowed(const struct rt_choice *c, const struct rt_peer *p, struct prefix_list *out)
{
	if (!rt_peer_used(p))
		return;
	for (size_t i = 0; i < p->n_allowed; i++)
		if (rt_prefix_used(c, p, p->allowed[i]))
			prefix_list_add(out, p->allowed[i]);
	prefix_list_sort(out);
}

/* ---- the system's routes ---- */

static const struct prefix cgnat = { { IP_V4, { 100, 64 } }, 10 };
static const struct prefix tailnet6 = { { IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } }, 48 };

static bool is_host_in(struct prefix p, struct prefix net)
{
	return prefix_is_host(p) && prefix_contains(net, p.ip);
}

/* One route for all of the tailnet's IPv6; one for all of its IPv4 only where asked for, or where
 * there would be too many, since 100.64.0.0/10 may be in use by others. */
static void coarsen(const struct rt_choice *c, const struct prefix_list *all,
		    struct prefix_list *out)
{
	size_t n = 0;
	for (size_t i = 0; i < all->n; i++)
		n += is_host_in(all->v[i], cgnat);
	bool one = n > RT_CGNAT_HOSTS_MAX || (c->one_cgnat && n > 1);
	for (size_t i = 0; i < all->n; i++) {
		if (one && is_host_in(all->v[i], cgnat))
			prefix_list_add(out, cgnat);
		else if (is_host_in(all->v[i], tailnet6))
			prefix_list_add(out, tailnet6);
		else
			prefix_list_add(out, all->v[i]);
	}
}

static void used_prefixes(const struct rt_choice *c, const struct rt_peer *peers, size_t n,
			  struct prefix_list *out)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; rt_peer_used(&peers[i]) && k < peers[i].n_allowed; k++)
			if (rt_prefix_used(c, &peers[i], peers[i].allowed[k]))
				prefix_list_add(out, peers[i].allowed[k]);
	prefix_list_sort(out);
}

void rt_os_routes(const struct rt_choice *c, const struct rt_peer *peers, size_t n,
		  struct prefix_list *out)
{
	struct prefix_list all = { 0 };
	used_prefixes(c, peers, n, &all);
	coarsen(c, &all, out);
	prefix_list_fini(&all);
	/* Both families whatever the exit node offers, even if it is not known: nothing may leak.
	 */
	if (c->exit_node) {
		prefix_list_add(out, (struct prefix){ { .fam = IP_V4 }, 0 });
		prefix_list_add(out, (struct prefix){ { .fam = IP_V6 }, 0 });
	}
	prefix_list_sort(out);
}

/* ---- networks that are spared ---- */

/* The few own networks are compared with the sorted routes: whatever covers one is a shorter form
 * of it, so it is enough to look each form up. */
void rt_spared(const struct rt_choice *c, const struct rt_peer *peers, size_t n,
	       struct prefix_list *out)
{
	struct prefix_list all = { 0 };
	if (!c->n_own || !c->route_all)
		return;
	used_prefixes(c, peers, n, &all);
	for (size_t i = 0; i < c->n_own; i++) {
		struct prefix p = prefix_masked(c->own[i]);
		for (int bits = p.bits - 1; bits > 0; bits--) {
			struct prefix wide = prefix_masked((struct prefix){ p.ip, (uint8_t)bits });
			if (!prefix_list_has(&all, wide))
				continue;
			prefix_list_add(out, p);
			break;
		}
	}
	prefix_list_fini(&all);
	prefix_list_sort(out);
}

/* ---- owners ---- */

struct claim {
	struct rt_owner owner;
	uint64_t id;
};

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = prefix_cmp(x->owner.prefix, y->owner.prefix);
	if (c)
		return c;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct rt_owner *rt_owners(const struct rt_choice *c, const struct rt_peer *peers, size_t n_peers,
			   size_t *n)
{
	size_t max = 0, n_claims = 0;
	for (size_t i = 0; i < n_peers; i++)
		max += peers[i].n_allowed;
	struct claim *claims = xcalloc(max ? max : 1, sizeof(*claims));
	for (size_t i = 0; i < n_peers; i++)
		for (size_t k = 0; rt_peer_used(&peers[i]) && k < peers[i].n_allowed; k++)
			if (rt_prefix_used(c, &peers[i], peers[i].allowed[k]))
				claims[n_claims++] =
				    (struct claim){ { peers[i].allowed[k], i }, peers[i].id };
	qsort(claims, n_claims, sizeof(*claims), by_claim);
	struct rt_owner *out = xcalloc(max ? max : 1, sizeof(*out));
	*n = 0;
	for (size_t i = 0; i < n_claims; i++)
		if (i == 0 || !prefix_eq(claims[i].owner.prefix, claims[i - 1].owner.prefix))
			out[(*n)++] = claims[i].owner;
	free(claims);
	return out;
}
