/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What WireGuard's handshake machine wants done, and the snapshot for the worker. */
#include "daemon/engine/engine_priv.h"

#include "dns/local.h"
#include "netstack/tsmp.h"
#include "wg/messages.h"
#include "wg/session.h"

void engine_command(struct engine *e, enum dp_msg_type type, const struct epeer *p, bool flag,
		    struct span bytes)
{
	struct dp_msg m = { .type = (uint8_t)type, .flag = flag, .peer = p->slot };
	e->ops->command(e->arg, &m, bytes);
}

/* ---- snapshot ---- */

static uint32_t count_sessions(const struct engine *e)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct wg_peer *w = e->slots[i] ? e->slots[i]->wg : NULL;
		if (!w)
			continue;
		n += (wg_peer_previous(w) != NULL) + (wg_peer_current(w) != NULL) +
		     (wg_peer_next(w) != NULL);
		for (unsigned k = 0; k < WG_PEER_RETIRED; k++)
			n += wg_peer_retired(w, k) != NULL;
	}
	return n;
}

static void add_session(struct dp_snapshot *s, uint32_t slot, struct wg_session *session,
			bool is_next)
{
	if (session)
		dp_snapshot_add_session(s, wg_session_local_index(session), slot, session, is_next);
}

static void add_peer(const struct engine *e, struct dp_snapshot *s, const struct epeer *p)
{
	struct dp_peer d = { .live = p->live, .jailed = p->node->flags & NM_JAILED };
	d.net.masq4 = p->node->masq_v4;
	d.net.masq6 = p->node->masq_v6;
	if (p->disco)
		d.best = path_view(p->disco->path).best;
	if (!ep_is_set(d.best) && !engine_no_udp(e) &&
	    !e->ops->derp_up(e->arg, e->ops->derp_route(e->arg, &p->node->key, p->node->home_derp)))
		d.last_resort = p->shook;
	if (p->wg) {
		d.current = wg_peer_current(p->wg);
		d.next = wg_peer_next(p->wg);
		add_session(s, p->slot, wg_peer_previous(p->wg), false);
		add_session(s, p->slot, d.current, false);
		add_session(s, p->slot, d.next, true);
		for (unsigned k = 0; k < WG_PEER_RETIRED; k++)
			add_session(s, p->slot, wg_peer_retired(p->wg, k), false);
	}
	dp_snapshot_set_peer(s, p->slot, &d);
}

void engine_set_ports(struct engine *e, const struct net_ports *p)
{
	e->ports = *p;
	e->dirty |= e->tables != NULL;
}

void engine_set_askers(struct engine *e, const struct prefix *p, size_t n)
{
	struct dp_askers a = { .n = n < DP_ASKERS_MAX ? n : DP_ASKERS_MAX };
	for (size_t i = 0; i < a.n; i++)
		a.v[i] = p[i];
	if (memcmp(&a, &e->askers, sizeof(a)) == 0)
		return;
	e->askers = a;
	e->dirty |= e->tables != NULL;
}

void engine_set_dns(struct engine *e, struct dns_local *dns)
{
	struct dns_local *old = e->dns;
	e->dns = dns ? dns_local_ref(dns) : NULL;
	dns_local_unref(old);
	e->dirty |= e->tables != NULL;
}

void engine_flush(struct engine *e, mono_t now)
{
	(void)now;
	if (!e->dirty)
		return;
	e->dirty = false;
	if (!e->tables) {
		e->ops->publish(e->arg, NULL);
		return;
	}
	struct dp_snapshot *s = dp_snapshot_new(e->tables, e->n_slots, count_sessions(e));
	s->own.ports = e->ports;
	s->askers = e->askers;
	dp_snapshot_set_dns(s, e->dns);
	if (wg_device_public(e->wg))
		s->self = *wg_device_public(e->wg);
	for (uint32_t i = 0; i < e->n_slots; i++)
		if (e->slots[i])
			add_peer(e, s, e->slots[i]);
	e->ops->publish(e->arg, s);
}

/* ---- handshakes ---- */

static void send_udp(struct engine *e, struct ep to, struct ep except, struct span d)
{
	if (ep_is_set(to) && !ep_eq(to, except))
		engine_send_udp(e, to, d);
}

/* Nothing is proven and the peer's relay is out of reach: knock on the addresses that the map
 * names. A peer takes handshakes from anywhere, and this is how two nodes meet again while control
 * and relay are down. */
static void knock(struct engine *e, const struct epeer *p, struct ep except, struct span d)
{
	for (uint32_t i = 0; i < p->node->n_endpoints && i < KNOCK_MAX; i++)
		if (path_addr_allowed(p->node->endpoints[i]))
			send_udp(e, p->node->endpoints[i], except, d);
}

/* A handshake goes the way data would: the proven path, or that and the relay. On an unproven path
 * a response goes to where the initiation came from as well: it is no larger, and its source proved
 * its key. That moves no path; only pongs do. */
static void on_send(void *arg, struct wg_peer *w, struct span datagram)
{
	struct engine *e = arg;
	struct epeer *p = wg_peer_user(w);
	bool response = wg_classify(datagram) == WG_KIND_RESPONSE;
	struct path_route r = { .region = p->node->home_derp };
	if (response)
		engine_flush(e, e->now); /* its first packet may come back before this turn ends */
	if (p->disco)
		r = disco_on_send(e->disco, p->disco, e->now);
	if (r.expired)
		return;
	send_udp(e, r.udp, (struct ep){ 0 }, datagram);
	if (r.region == 0 && ep_is_set(r.udp))
		return;
	if (response)
		send_udp(e, e->answering.ep, r.udp, datagram);
	int region = e->ops->derp_route(e->arg, &p->node->key, r.region);
	if (!region && response) /* its home has not been told yet */
		region = e->answering.region;
	if (region)
		e->ops->send_derp(e->arg, region, &p->node->key, datagram);
	if (!response && !e->ops->derp_up(e->arg, region))
		knock(e, p, r.udp, datagram);
}

static void on_reply(void *arg, const struct wg_from *to, struct span datagram)
{
	struct engine *e = arg;
	if (to->region)
		e->ops->send_derp(e->arg, to->region, &to->relay_key, datagram);
	else
		engine_send_udp(e, to->ep, datagram);
}

/* The first message on a fresh session tells our disco key, in case the server has not yet. */
static void advertise_disco(struct engine *e, const struct epeer *p)
{
	uint8_t bytes[TSMP_PACKET_MAX];
	struct ip dst = nm_node_address(p->node, IP_V4);
	if (!ip_is_set(dst) || !ip_is_set(e->tables->self.addr4))
		dst = nm_node_address(p->node, IP_V6);
	struct ip src = dst.fam == IP_V4 ? e->tables->self.addr4 : e->tables->self.addr6;
	if (!ip_is_set(dst) || !ip_is_set(src) || (p->node->flags & NM_WIREGUARD_ONLY))
		return;
	size_t n = tsmp_disco_build(mspan_of(bytes, sizeof(bytes)), src, dst, disco_self(e->disco));
	engine_command(e, DP_CMD_SEND_INNER, p, false, span_of(bytes, n));
}

static void on_ready(struct engine *e, struct epeer *p)
{
	e->dirty = true;
	engine_flush(e, e->now); /* the worker must see the session before it is told to use it */
	atomic_store_explicit(&p->live->session_wanted, false, memory_order_relaxed);
	if (!e->tables)
		return;
	advertise_disco(e, p);
	engine_command(e, DP_CMD_SESSION, p, wg_session_we_initiated(wg_peer_current(p->wg)),
		       span_of(NULL, 0));
	e->ops->changed(e->arg);
}

static void on_event(void *arg, struct wg_peer *w, enum wg_event ev)
{
	struct engine *e = arg;
	struct epeer *p = wg_peer_user(w);
	if (ep_is_set(e->answering.ep))
		p->shook = e->answering.ep;
	switch (ev) {
	case WG_EV_SESSIONS:
		e->dirty = true;
		break;
	case WG_EV_READY:
		on_ready(e, p);
		break;
	case WG_EV_KEEPALIVE:
		engine_command(e, DP_CMD_KEEPALIVE, p, false, span_of(NULL, 0));
		break;
	case WG_EV_GAVE_UP:
	case WG_EV_ZEROED:
		atomic_store_explicit(&p->live->session_wanted, false, memory_order_relaxed);
		engine_command(e, DP_CMD_DROP_STAGED, p, false, span_of(NULL, 0));
		e->dirty = true;
		break;
	case WG_EV_IS_SELF:
		p->wg = NULL;
		e->dirty = true;
		break;
	}
}

void engine_init_out(struct engine *e)
{
	e->out = (struct wg_out){ .arg = e, .send = on_send, .reply = on_reply, .event = on_event };
}
