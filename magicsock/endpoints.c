/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "magicsock/endpoints.h"

#include "base/alloc.h"

#include <stdlib.h>

#define CACHE_MAX 64

struct cached {
	struct endpoint e;
	mono_t seen;
};

struct endpoints {
	struct endpoint list[ENDPOINTS_MAX];
	size_t n;
	struct cached cache[CACHE_MAX]; /* oldest first */
	size_t n_cache;
};

/* ---- our own addresses ------------------------------------------------------------------ */

enum kind { KIND_SKIP, KIND_GOOD, KIND_LOCAL_ONLY, KIND_LOOPBACK };

/* Names of other meshes' interfaces: their addresses lead in circles. */
static bool foreign_mesh(const char *ifname)
{
	return strncmp(ifname, "zt", 2) == 0 || strcmp(ifname, "wt0") == 0;
}

static bool is_cgnat(struct ip ip)
{
	struct prefix range = { ip_v4(100, 64, 0, 0), 10 };
	return prefix_contains(range, ip);
}

static bool is_ula(struct ip ip)
{
	return ip.fam == IP_V6 && ip_is_private(ip);
}

static enum kind kind_of(const struct if_addr *a)
{
	struct ip ip = a->addr.ip;
	if (!a->up || foreign_mesh(a->ifname) || ip_is_unspecified(ip) || ip_is_multicast(ip))
		return KIND_SKIP;
	if (a->loopback || ip_is_loopback(ip))
		return KIND_LOOPBACK;
	if (ip_is_tailnet(ip) || is_cgnat(ip))
		return KIND_SKIP;
	if (ip_is_link_local(ip))
		return ip.fam == IP_V4 ? KIND_LOCAL_ONLY : KIND_SKIP;
	return is_ula(ip) ? KIND_LOCAL_ONLY : KIND_GOOD;
}

/* How many IPv6 addresses before i are in its subnet: hosts collect temporary ones without end. */
static size_t subnet_mates(const struct if_addr *addrs, size_t i)
{
	struct prefix net = prefix_masked(addrs[i].addr);
	size_t n = 0;
	for (size_t k = 0; k < i; k++)
		if (kind_of(&addrs[k]) == KIND_GOOD && prefix_eq(prefix_masked(addrs[k].addr), net))
			n++;
	return n;
}

static size_t pick(const struct if_addr *addrs, size_t n, enum kind kind, struct ip *out,
		   size_t max)
{
	size_t found = 0;
	for (size_t i = 0; i < n && found < max; i++) {
		struct ip ip = addrs[i].addr.ip;
		if (kind_of(&addrs[i]) != kind)
			continue;
		if (kind == KIND_GOOD && ip.fam == IP_V6 &&
		    subnet_mates(addrs, i) >= ENDPOINTS_V6_PER_SUBNET)
			continue;
		out[found++] = ip;
	}
	return found;
}

size_t endpoints_local_ips(const struct if_addr *addrs, size_t n, struct ip *out, size_t max)
{
	size_t found = pick(addrs, n, KIND_GOOD, out, max);
	if (!found)
		found = pick(addrs, n, KIND_LOCAL_ONLY, out, max);
	if (!found)
		found = pick(addrs, n, KIND_LOOPBACK, out, max);
	return found;
}

/* ---- cache -------------------------------------------------------------------------------- */

static void cache_remove(struct endpoints *e, size_t i)
{
	e->n_cache--;
	memmove(&e->cache[i], &e->cache[i + 1], (e->n_cache - i) * sizeof(*e->cache));
}

static void cache_limit_ip(struct endpoints *e, struct ip ip)
{
	size_t same = 0;
	for (size_t i = e->n_cache; i-- > 0;)
		if (ip_eq(e->cache[i].e.ep.ip, ip) && ++same > ENDPOINTS_PER_IP_MAX)
			cache_remove(e, i);
}

static void cache_see(struct endpoints *e, mono_t now, struct endpoint ep)
{
	for (size_t i = e->n_cache; i-- > 0;)
		if (ep_eq(e->cache[i].e.ep, ep.ep))
			cache_remove(e, i);
	if (e->n_cache == CACHE_MAX)
		cache_remove(e, 0);
	e->cache[e->n_cache++] = (struct cached){ ep, now };
	cache_limit_ip(e, ep.ep.ip);
}

static void cache_expire(struct endpoints *e, mono_t now)
{
	for (size_t i = e->n_cache; i-- > 0;)
		if (mono_diff_ns(now, e->cache[i].seen) > ENDPOINTS_CACHE_S * NS_PER_S)
			cache_remove(e, i);
}

/* ---- the list ------------------------------------------------------------------------------ */

struct gathering {
	struct endpoint list[ENDPOINTS_MAX];
	size_t n;
};

static bool has(const struct endpoint *list, size_t n, const struct endpoint *x, bool type_counts)
{
	for (size_t i = 0; i < n; i++)
		if (ep_eq(list[i].ep, x->ep) && (!type_counts || list[i].type == x->type))
			return true;
	return false;
}

static void add(struct gathering *g, struct ep ep, enum endpoint_type type)
{
	struct endpoint x = { ep, type };
	if (ep_is_set(ep) && ep.port && g->n < ENDPOINTS_MAX && !has(g->list, g->n, &x, false))
		g->list[g->n++] = x;
}

static void add_all(struct gathering *g, const struct ep *eps, size_t n, enum endpoint_type type)
{
	for (size_t i = 0; i < n; i++)
		add(g, eps[i], type);
}

/* A hard NAT with a port forwarded by hand: the public address with the port we listen on. */
static void add_stun4_local_port(struct gathering *g, const struct endpoints_in *in)
{
	if (!in->mapping_varies || !in->configured_port || !in->n_stun4)
		return;
	struct ep ep = { in->stun4[0].ip, in->configured_port };
	add(g, ep, ENDPOINT_STUN4_LOCAL_PORT);
}

static void add_local(struct gathering *g, const struct endpoints_in *in)
{
	struct ip ips[ENDPOINTS_MAX];
	if (!in->wildcard) {
		add(g, (struct ep){ in->bound, in->local_port }, ENDPOINT_LOCAL);
		return;
	}
	size_t n = endpoints_local_ips(in->addrs, in->n_addrs, ips, ENDPOINTS_MAX);
	for (size_t i = 0; i < n; i++)
		add(g, (struct ep){ ips[i], in->local_port }, ENDPOINT_LOCAL);
}

static void gather(struct endpoints *e, mono_t now, const struct endpoints_in *in,
		   struct gathering *g)
{
	g->n = 0;
	add(g, in->portmapped, ENDPOINT_PORTMAPPED);
	add_all(g, in->stun4, in->n_stun4, ENDPOINT_STUN);
	add_all(g, in->stun6, in->n_stun6, ENDPOINT_STUN);
	add_stun4_local_port(g, in);
	for (size_t i = 0; i < g->n; i++)
		cache_see(e, now, g->list[i]);
	cache_expire(e, now);
	for (size_t i = e->n_cache; i-- > 0;)
		add(g, e->cache[i].e.ep, e->cache[i].e.type);
	add_all(g, in->statics, in->n_statics, ENDPOINT_EXPLICIT);
	add_local(g, in);
}

static bool same_set(const struct endpoints *e, const struct gathering *g)
{
	if (e->n != g->n)
		return false;
	for (size_t i = 0; i < g->n; i++)
		if (!has(e->list, e->n, &g->list[i], true))
			return false;
	return true;
}

struct endpoints *endpoints_new(void)
{
	return xcalloc(1, sizeof(struct endpoints));
}

void endpoints_free(struct endpoints *e)
{
	free(e);
}

bool endpoints_update(struct endpoints *e, mono_t now, const struct endpoints_in *in)
{
	struct gathering g;
	gather(e, now, in, &g);
	bool changed = !same_set(e, &g);
	memcpy(e->list, g.list, g.n * sizeof(*g.list));
	e->n = g.n;
	return changed;
}

const struct endpoint *endpoints_list(const struct endpoints *e, size_t *n)
{
	*n = e->n;
	return e->list;
}

void endpoints_forget(struct endpoints *e)
{
	e->n_cache = 0;
}
