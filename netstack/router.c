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
		/* A default route that is thrown would lead past the exit node. */
		if (prefix_is_host(p) || prefix_is_default(p) || ip_is_tailnet(p.ip))
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
	*out = (struct router_config){ .guard = in->choice.exit_node, .mtu = in->mtu };
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

/* Length of the longest prefix that has it; -1: none. */
static int longest(const struct prefix_list *l, struct ip to)
{
	int bits = -1;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].bits > bits && prefix_contains(l->v[i], to))
			bits = l->v[i].bits;
	return bits;
}

bool router_config_leads_in(const struct router_config *c, struct ip to)
{
	int in = longest(&c->routes, to), out = longest(&c->throws, to);
	return in > out || (in < 0 && out < 0 && c->guard);
}

bool router_config_eq(const struct router_config *a, const struct router_config *b)
{
	return a->guard == b->guard && a->mtu == b->mtu && prefix_list_eq(&a->addrs, &b->addrs) &&
	       prefix_list_eq(&a->routes, &b->routes) && prefix_list_eq(&a->throws, &b->throws);
}

/* ---- sorted lists; all linear ---- */

/* What is in a and not in b, appended to out. */
static void minus(const struct prefix_list *a, const struct prefix_list *b, struct prefix_list *out)
{
	size_t k = 0;
	for (size_t i = 0; i < a->n; i++) {
		while (k < b->n && prefix_cmp(b->v[k], a->v[i]) < 0)
			k++;
		if (k == b->n || !prefix_eq(b->v[k], a->v[i]))
			prefix_list_add(out, a->v[i]);
	}
}

/* What is in a or b, appended to out. */
static void merge(const struct prefix_list *a, const struct prefix_list *b, struct prefix_list *out)
{
	size_t i = 0, k = 0;
	while (i < a->n || k < b->n) {
		int c = i == a->n ? 1 : k == b->n ? -1 : prefix_cmp(a->v[i], b->v[k]);
		prefix_list_add(out, c <= 0 ? a->v[i] : b->v[k]);
		i += c <= 0;
		k += c >= 0;
	}
}

static void take_away(struct prefix_list *l, const struct prefix_list *gone)
{
	struct prefix_list left = { 0 };
	if (gone->n == 0)
		return;
	minus(l, gone, &left);
	prefix_list_fini(l);
	*l = left;
}

static void put_in(struct prefix_list *l, const struct prefix_list *come)
{
	struct prefix_list all = { 0 };
	if (come->n == 0)
		return;
	merge(l, come, &all);
	prefix_list_fini(l);
	*l = all;
}

/* ---- states ---- */

void rt_state_fini(struct rt_state *s)
{
	for (int i = 0; i < RT_SETS; i++)
		prefix_list_fini(&s->set[i]);
}

static void copy(struct prefix_list *out, const struct prefix_list *in, bool v4, bool v6)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->v[i].ip.fam == IP_V4 ? v4 : v6)
			prefix_list_add(out, in->v[i]);
}

void rt_state_possible(const struct router_config *c, const struct rt_able *able,
		       struct rt_state *out)
{
	/* The guard of IPv6 also stands where our interface has no IPv6, or the system has it off
	 * for now: another interface may have it on. */
	bool guard6 = able->policy && able->policy6 && c->guard;
	bool throw6 = able->policy && able->policy6 && (able->tun6 || c->guard);
	if (c->guard && able->policy)
		prefix_list_add(&out->set[RT_GUARDS], (struct prefix){ { .fam = IP_V4 }, 0 });
	if (guard6)
		prefix_list_add(&out->set[RT_GUARDS], (struct prefix){ { .fam = IP_V6 }, 0 });
	copy(&out->set[RT_THROWS], &c->throws, able->policy, throw6);
	copy(&out->set[RT_ROUTES], &c->routes, true, able->tun6);
	copy(&out->set[RT_ADDRS], &c->addrs, true, able->tun6);
	take_away(&out->set[RT_ROUTES], &out->set[RT_THROWS]);
}

void rt_state_keep_known(struct rt_state *found, const struct rt_state *had,
			 const struct rt_state *want)
{
	for (int i = RT_THROWS; i <= RT_ROUTES; i++) {
		struct prefix_list known = { 0 }, foreign = { 0 };
		merge(&had->set[i], &want->set[i], &known);
		minus(&found->set[i], &known, &foreign);
		take_away(&found->set[i], &foreign);
		prefix_list_fini(&known);
		prefix_list_fini(&foreign);
	}
}

size_t rt_state_lost(const struct rt_state *had, const struct rt_state *now)
{
	size_t n = 0;
	for (int i = 0; i < RT_SETS; i++) {
		struct prefix_list lost = { 0 };
		minus(&had->set[i], &now->set[i], &lost);
		n += lost.n;
		prefix_list_fini(&lost);
	}
	return n;
}

/* ---- steps ---- */

struct steps {
	struct rt_op *v;
	size_t n;
};

static void add_steps(struct steps *s, enum rt_set set, bool add, const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		s->v[s->n++] = (struct rt_op){ .set = set, .add = add, .prefix = l->v[i] };
}

static void add_new(struct steps *s, enum rt_set set, const struct rt_state *from,
		    const struct rt_state *to)
{
	struct prefix_list come = { 0 };
	minus(&to->set[set], &from->set[set], &come);
	add_steps(s, set, true, &come);
	prefix_list_fini(&come);
}

/* Throws and routes share their places in the table: what changes from one to the other is
 * replaced, and must not be removed afterwards. */
static enum rt_set twin(enum rt_set set)
{
	return set == RT_THROWS ? RT_ROUTES : set == RT_ROUTES ? RT_THROWS : set;
}

static void remove_old(struct steps *s, enum rt_set set, const struct rt_state *from,
		       const struct rt_state *to)
{
	struct prefix_list gone = { 0 };
	minus(&from->set[set], &to->set[set], &gone);
	take_away(&gone, &to->set[twin(set)]);
	add_steps(s, set, false, &gone);
	prefix_list_fini(&gone);
}

static size_t state_size(const struct rt_state *s)
{
	size_t n = 0;
	for (int i = 0; i < RT_SETS; i++)
		n += s->set[i].n;
	return n;
}

struct rt_op *router_diff(const struct rt_state *from, const struct rt_state *to, size_t *n)
{
	struct steps s = { xcalloc(state_size(from) + state_size(to) + 1, sizeof(*s.v)), 0 };
	add_new(&s, RT_GUARDS, from, to);
	for (enum rt_set set = RT_THROWS; set <= RT_ADDRS; set++) {
		add_new(&s, set, from, to);
		remove_old(&s, set, from, to);
	}
	remove_old(&s, RT_GUARDS, from, to);
	*n = s.n;
	if (s.n)
		return s.v;
	free(s.v);
	return NULL;
}

void router_settle(struct rt_state *have, const struct rt_op *ops, size_t n)
{
	struct rt_state come = { 0 }, gone = { 0 };
	for (size_t i = 0; i < n; i++)
		if (!ops[i].failed)
			prefix_list_add(ops[i].add ? &come.set[ops[i].set] : &gone.set[ops[i].set],
					ops[i].prefix);
	for (enum rt_set set = RT_GUARDS; set < RT_SETS; set++) {
		take_away(&have->set[set], &gone.set[set]);
		if (twin(set) != set)
			take_away(&have->set[set], &come.set[twin(set)]);
		put_in(&have->set[set], &come.set[set]);
	}
	rt_state_fini(&come);
	rt_state_fini(&gone);
}
