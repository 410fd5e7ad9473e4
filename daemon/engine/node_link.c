/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine under the node: TUN, sockets, interfaces. */
#include "daemon/engine/node_priv.h"

#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LOCAL_IPS_MAX 256
#define REBIND_GAP_S 5 /* between two that errors ask for */

void node_prepare(void)
{
	tun_load_module();
}

/* ---- sockets: close, wait for the worker, open ---- */

static int open_sockets(struct node *n, uint16_t keep)
{
	struct udp_opts o = { .port = n->port,
			      .current = keep,
			      .fwmark = n->params.fwmark_bypass,
			      .no_offload = n->no_offload };
	int rc = udp_open(&n->socks, &o), err = errno;
	udp_forbid(&n->socks, n->network_off);
	node_say_buffers(n);
	errno = err;
	return rc;
}

void node_rebind(struct node *n)
{
	mono_t now = loop_now(n->loop);
	if (n->rebind != REBIND_NONE) {
		n->rebind_again = true;
		return;
	}
	n->rebound_at = now;
	n->rebind = REBIND_CLOSING;
	dp_threads_set_sockets(n->threads, NULL);
}

void node_on_sockets_done(struct node *n)
{
	if (n->rebind == REBIND_CLOSING) {
		uint16_t keep = n->other_port ? 0 : n->socks.v4.port;
		n->other_port = false;
		udp_close(&n->socks);
		if (open_sockets(n, keep) != 0)
			log_error("udp: cannot open a socket: %s", strerror(errno));
		n->rebind = REBIND_OPENING;
		dp_threads_set_sockets(n->threads, &n->socks);
		return;
	}
	n->rebind = REBIND_NONE;
	node_on_offload(n);
	engine_on_rebind(n->engine, loop_now(n->loop));
	node_gather(n);
	node_route(n); /* the firewall lets the new port in */
	node_changed(n);
	if (n->rebind_again) {
		n->rebind_again = false;
		node_rebind(n);
	}
}

void node_take_port(struct node *n, bool any)
{
	uint16_t port = any ? 0 : n->port_setting;
	if (port == n->port)
		return;
	n->port = port;
	n->other_port = true;
	node_rebind(n);
}

/* A new socket may be allowed what the old one is not; and the paths proven with it go, so that
 * peers are reached by relay at once. */
void node_on_refused(struct node *n)
{
	if (!mono_is_zero(n->rebound_at) &&
	    !mono_due(mono_add_s(n->rebound_at, REBIND_GAP_S), loop_now(n->loop)))
		return;
	log_info("udp: the system refuses to send; binding anew");
	node_rebind(n);
}

/* ---- interfaces ---- */

/* Of the interface to the outside our own addresses alone, or we would answer whoever is there and
 * has a route by way of us; of others the whole network: of containers, virtual machines. */
static void tell_askers(struct node *n, const struct link_snapshot *s)
{
	struct prefix v[DP_ASKERS_MAX];
	size_t k = 0;
	for (size_t i = 0; s && i < s->n_ifs; i++) {
		const struct link_if *f = &s->ifs[i];
		bool outside = strcmp(f->name, s->default_if) == 0;
		for (size_t a = 0; a < f->n_addrs && k < DP_ASKERS_MAX; a++)
			v[k++] = outside ? prefix_host(f->addrs[a].ip) : prefix_masked(f->addrs[a]);
	}
	engine_set_askers(n->engine, v, k);
}

void node_tell_interfaces(struct node *n)
{
	const struct link_snapshot *s = n->linkmon ? linkmon_snapshot(n->linkmon) : NULL;
	struct prefix all[LOCAL_IPS_MAX];
	size_t k = 0;
	for (size_t i = 0; s && i < s->n_ifs; i++) {
		if (n->have_tun && strcmp(s->ifs[i].name, n->tun.name) == 0)
			continue;
		for (size_t a = 0; a < s->ifs[i].n_addrs && k < LOCAL_IPS_MAX; a++)
			all[k++] = s->ifs[i].addrs[a];
	}
	tell_askers(n, s);
	if (engine_set_interfaces(n->engine, all, k) && n->up)
		n->ops->on_interfaces(n->arg);
}

void node_tell_network(struct node *n)
{
	derp_mgr_set_network_up(n->derp, !n->link_down || derp_map_has_local(n->derp_map));
}

static void relays_on_link_change(struct node *n, const struct link_snapshot *s)
{
	struct ip local[LOCAL_IPS_MAX];
	size_t k = 0;
	const struct link_if *f = s->default_if[0] ? link_snapshot_find(s, s->default_if) : NULL;
	for (size_t a = 0; f && a < f->n_addrs && k < LOCAL_IPS_MAX; a++)
		local[k++] = f->addrs[a].ip;
	derp_mgr_on_link_change(n->derp, local, k);
}

static void on_link_change(void *arg, const struct link_snapshot *s, const struct link_change *c)
{
	struct node *n = arg;
	node_tell_interfaces(n);
	node_mend_tun(n, s);
	n->link_down = !c->any_up;
	node_tell_network(n);
	if (c->rebind) {
		log_info("link: network changed; default interface %s",
			 s->default_if[0] ? s->default_if : "none");
		netcheck_reset(n->netcheck);
		endpoints_forget(n->endpoints);
		relays_on_link_change(n, s);
		node_rebind(n);
		n->ops->on_link_change(n->arg);
	} else {
		node_gather(n);
	}
	node_route(n);
	node_changed(n);
}

/* ---- life ---- */

static char *open_tun(struct node *n, const struct node_opts *o)
{
	struct tun_error err;
	if (tun_open(o->tun_name, o->no_offload & TUN_STEPS, &n->tun, &err) != 0)
		return xstrdup(err.text);
	n->have_tun = true;
	n->tun_granted = n->tun.offload;
	return NULL;
}

char *node_link_init(struct node *n, const struct node_opts *o)
{
	char *why = o->no_tun ? NULL : open_tun(n, o);
	if (!why)
		why = node_routes_init(n, o->hands_fd);
	if (why)
		return why;
	udp_counters_register();
	if (open_sockets(n, 0) != 0 && n->socks.v6.fd < 0)
		log_error("udp: cannot open a socket: %s; only relays can be used",
			  strerror(errno));
	struct linkmon_opts lo = { .tun = o->tun_name,
				   .table = n->params.table,
				   .rule_base = n->params.rule_base };
	struct linkmon_ops ops = { .on_change = on_link_change,
				   .on_rules_lost = node_on_rules_lost,
				   .on_routes_lost = node_on_routes_lost,
				   .arg = n };
	n->linkmon = linkmon_new(n->loop, &lo, &ops);
	if (!n->linkmon)
		return xasprintf("cannot watch the network interfaces: %s", strerror(errno));
	return NULL;
}

void node_link_fini(struct node *n)
{
	node_routes_fini(n);
	linkmon_free(n->linkmon);
	udp_close(&n->socks);
	if (n->have_tun)
		tun_close(&n->tun);
}
