/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our addresses as others see them: netcheck, endpoint list, home region (transport.md 6, 9, 12).
 */
#include "daemon/engine/node_priv.h"

#include "base/log.h"

#include <stdlib.h>

#define RESTUN_MIN_MS 20000
#define RESTUN_SPAN_MS 6000
#define ADDRS_MAX 256
#define GLOBALS_MAX NETCHECK_GLOBALS_MAX

struct asker {
	struct list link;
	void (*done)(void *arg, const struct nc_report *r);
	void *arg;
};

/* ---- when relays were heard ---- */

void node_on_heard(void *arg, int region, mono_t now)
{
	struct node *n = arg;
	mono_t *at = map_get(&n->heard, &region);
	if (!at) {
		at = xcalloc(1, sizeof(*at));
		map_put(&n->heard, &region, at);
	}
	*at = now;
}

mono_t node_heard(void *arg, int region)
{
	struct node *n = arg;
	const mono_t *at = map_get(&n->heard, &region);
	return at ? *at : MONO_ZERO;
}

/* ---- home region ---- */

void node_set_home(struct node *n, int region)
{
	if (region == n->home)
		return;
	log_info("derp: home region %d -> %d", n->home, region);
	n->home = region;
	n->home_connected = false;
	n->home_since = loop_now(n->loop);
	derp_mgr_set_home(n->derp, region);
	node_changed(n);
}

/* A region to wait in when nothing could be measured: some stable one. */
static int any_home(const struct node *n)
{
	size_t usable = 0;
	for (size_t i = 0; n->derp_map && i < n->derp_map->n_regions; i++)
		usable += !n->derp_map->regions[i].no_measure_no_home &&
			  derp_region_dialable(&n->derp_map->regions[i]);
	if (usable == 0)
		return 0;
	size_t pick = engine_disco_key(n->engine)->b[0] % usable;
	for (size_t i = 0; i < n->derp_map->n_regions; i++) {
		const struct derp_region *r = &n->derp_map->regions[i];
		if (!r->no_measure_no_home && derp_region_dialable(r) && pick-- == 0)
			return r->id;
	}
	return 0;
}

/* Peers learn a new home from control only: without it the old one stays. */
static void choose_home(struct node *n, const struct nc_report *r)
{
	int home = r->preferred_derp;
	if (home == 0)
		home = n->home ? n->home : any_home(n);
	if (n->home && !n->control_up)
		home = n->home;
	node_set_home(n, home);
}

/* ---- endpoints ---- */

static size_t if_addrs(const struct node *n, struct if_addr *out, size_t max)
{
	const struct link_snapshot *s = n->linkmon ? linkmon_snapshot(n->linkmon) : NULL;
	size_t k = 0;
	for (size_t i = 0; s && i < s->n_ifs; i++) {
		const struct link_if *f = &s->ifs[i];
		if (n->have_tun && strcmp(f->name, n->tun.name) == 0)
			continue;
		for (size_t a = 0; a < f->n_addrs && k < max; a++) {
			out[k] = (struct if_addr){ .addr = f->addrs[a],
						   .up = f->up,
						   .loopback = f->loopback };
			memcpy(out[k++].ifname, f->name, sizeof(out->ifname));
		}
	}
	return k;
}

/* The first answer's address first, then those that more than one server saw. */
static size_t globals(const struct nc_global *g, size_t n, struct ep first, struct ep *out)
{
	size_t k = 0;
	if (ep_is_set(first))
		out[k++] = first;
	for (size_t i = 0; i < n && k < GLOBALS_MAX; i++)
		if (g[i].count > 1 && !ep_eq(g[i].ep, first))
			out[k++] = g[i].ep;
	return k;
}

void node_update_endpoints(struct node *n)
{
	struct if_addr addrs[ADDRS_MAX];
	struct ep g4[GLOBALS_MAX], g6[GLOBALS_MAX];
	const struct nc_report *r = netcheck_last(n->netcheck);
	struct endpoints_in in = {
		.addrs = addrs,
		.n_addrs = if_addrs(n, addrs, ADDRS_MAX),
		.local_port = n->socks.v4.port,
		.configured_port = n->port,
		.wildcard = true,
		.stun4 = g4,
		.stun6 = g6,
	};
	if (r) {
		in.n_stun4 = globals(r->global4, r->n_global4, r->global_v4, g4);
		in.n_stun6 = globals(r->global6, r->n_global6, r->global_v6, g6);
		in.mapping_varies = r->mapping_varies == NC_TRUE;
	}
	if (!endpoints_update(n->endpoints, loop_now(n->loop), &in))
		return;
	size_t k = 0;
	const struct endpoint *v = endpoints_list(n->endpoints, &k);
	n->ops->on_endpoints(n->arg, v, k);
}

const struct endpoint *node_endpoints(const struct node *n, size_t *count)
{
	return endpoints_list(n->endpoints, count);
}

/* ---- netcheck ---- */

static void answer_askers(struct node *n, const struct nc_report *r)
{
	while (!list_empty(&n->askers)) {
		struct asker *a = LIST_ENTRY(list_first(&n->askers), struct asker, link);
		list_remove(&a->link);
		a->done(a->arg, r);
		free(a);
	}
}

/* Every 20 to 26 s, so that NAT mappings and our knowledge of them stay fresh while we are in use.
 * After a quiet time the first call-me-maybe asks for our addresses, and with them it goes on. */
static void arm_restun(struct node *n)
{
	if (n->up && engine_in_use(n->engine, loop_now(n->loop)))
		loop_timer_arm_ms(&n->restun,
				  RESTUN_MIN_MS + (int64_t)rng_below(rng_system(), RESTUN_SPAN_MS));
	else
		loop_timer_cancel(&n->restun);
}

static void on_report(void *arg, struct nc_report *r)
{
	struct node *n = arg;
	if (n->up) {
		derp_mgr_set_have_v6(n->derp, r->ipv6);
		choose_home(n, r);
		node_update_endpoints(n);
		engine_on_endpoints(n->engine, loop_now(n->loop));
		n->ops->on_netinfo(n->arg, r, n->home);
	}
	answer_askers(n, r);
	nc_report_free(r);
	if (n->netcheck_again) {
		n->netcheck_again = false;
		node_gather(n);
	}
	arm_restun(n);
	node_changed(n);
}

static int on_send_stun(void *arg, struct ep to, struct span pkt)
{
	struct node *n = arg;
	switch (udp_send(&n->socks, to, pkt)) {
	case UDP_SENT:
	case UDP_AGAIN:
	case UDP_LOST:
		return 0;
	case UDP_UNREACHABLE: /* the socket is not to blame */
		return -ERR_IO;
	default:
		n->stun4_failed |= to.ip.fam == IP_V4;
		return -ERR_IO;
	}
}

/* One at a time; a request during a run queues one more. If the last run could not even send, it
 * goes out of a new socket, and gathering comes after that. */
void node_gather(struct node *n)
{
	if (netcheck_running(n->netcheck)) {
		n->netcheck_again = true;
		return;
	}
	if (n->stun4_failed) {
		n->stun4_failed = false;
		node_rebind(n);
		return;
	}
	node_update_endpoints(n);
	const struct link_snapshot *s = n->linkmon ? linkmon_snapshot(n->linkmon) : NULL;
	struct netcheck_opts o = {
		.map = n->derp_map,
		.have_v4 = s ? s->have_v4 : true,
		.have_v6 = s ? s->have_v6 : false,
		.home = n->home,
		.no_stun = engine_no_udp(n->engine),
	};
	if (!n->derp_map || netcheck_start(n->netcheck, &o) != 0)
		answer_askers(n, NULL);
}

void node_netcheck(struct node *n, void (*done)(void *arg, const struct nc_report *r), void *arg)
{
	struct asker *a = xcalloc(1, sizeof(*a));
	a->done = done;
	a->arg = arg;
	list_init(&a->link);
	list_push_back(&n->askers, &a->link);
	node_gather(n);
}

const struct nc_report *node_netcheck_last(const struct node *n)
{
	return netcheck_last(n->netcheck);
}

static void on_restun(struct loop_timer *t, mono_t now)
{
	struct node *n = t->arg;
	(void)now;
	node_gather(n);
}

void node_gather_init(struct node *n)
{
	static const struct netcheck_ops ops = { .send_stun = on_send_stun,
						 .heard = node_heard,
						 .done = on_report };
	map_init(&n->heard, sizeof(int));
	list_init(&n->askers);
	n->endpoints = endpoints_new();
	n->netcheck = netcheck_new(n->net, rng_system(), &ops, n);
	loop_timer_init(n->loop, &n->restun, on_restun, n);
}

void node_gather_fini(struct node *n)
{
	size_t it = 0;
	for (mono_t *at; (at = map_next(&n->heard, &it, NULL));)
		free(at);
	map_fini(&n->heard);
	loop_timer_cancel(&n->restun);
	netcheck_free(n->netcheck);
	answer_askers(n, NULL);
	endpoints_free(n->endpoints);
}
