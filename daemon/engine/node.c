/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/node_priv.h"

#include "base/log.h"
#include "daemon/dataplane/dns_gate.h"
#include "netstack/service.h"
#include "netstack/service_udp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What one turn may take before others get theirs, in records; a handshake has up to four curve
 * operations and takes as long as so many others; for a DNS query somebody is asked. */
#define TURN 4096
#define HANDSHAKE_COST 128
#define DNS_COST 16
#define DNS_FULL_MS (DNS_GATE_HOLD_MS / 4) /* so often the sender is told so */

void node_changed(struct node *n)
{
	loop_defer_arm(&n->change);
}

static void on_change(struct loop_defer *d)
{
	struct node *n = d->arg;
	n->ops->on_change(n->arg);
}

/* ---- the engine's outside ---- */

static void on_send_udp(void *arg, struct ep to, struct span d)
{
	struct node *n = arg;
	/* Disco and handshakes are repeated by their protocols; any failure is loss. */
	(void)udp_send(&n->socks, to, d);
}

static void on_send_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	struct node *n = arg;
	if (derp_mgr_send(n->derp, region, to, d) != 0)
		LOG_LIMITED(60, LOG_DEBUG, "derp: cannot send by region %d", region);
}

static int on_derp_route(void *arg, const struct node_key *peer, int home)
{
	struct node *n = arg;
	return derp_mgr_route_for(n->derp, peer, home);
}

static bool on_derp_up(void *arg, int region)
{
	struct node *n = arg;
	struct derp_region_status s;
	return region && derp_mgr_status(n->derp, region, &s) && s.connected;
}

static void on_derp_forget(void *arg, const struct node_key *peer)
{
	struct node *n = arg;
	derp_mgr_forget_peer(n->derp, peer);
}

static size_t on_endpoints(void *arg, struct ep *out, size_t max)
{
	struct node *n = arg;
	size_t k = 0;
	const struct endpoint *v = endpoints_list(n->endpoints, &k);
	if (k > max)
		k = max;
	for (size_t i = 0; i < k; i++)
		out[i] = v[i].ep;
	return k;
}

static void on_want_endpoints(void *arg)
{
	node_gather(arg);
}

static void on_publish(void *arg, struct dp_snapshot *s)
{
	struct node *n = arg;
	dp_publish(n->exchange, s);
}

static void on_command(void *arg, const struct dp_msg *m, struct span bytes)
{
	struct node *n = arg;
	if (n->threads) /* not while we end */
		dp_threads_command(n->threads, m, bytes);
}

static void rearm(struct node *n)
{
	loop_timer_arm(&n->timer, engine_deadline(n->engine));
	loop_defer_arm(&n->flush);
}

static void on_rearm(void *arg)
{
	struct node *n = arg;
	loop_defer_arm(&n->flush);
}

static void on_engine_changed(void *arg)
{
	node_changed(arg);
}

static void on_flush(struct loop_defer *d)
{
	struct node *n = d->arg;
	engine_flush(n->engine, loop_now(n->loop));
	dp_reclaim(n->exchange);
	loop_timer_arm(&n->timer, engine_deadline(n->engine));
}

static void on_timer(struct loop_timer *t, mono_t now)
{
	struct node *n = t->arg;
	engine_tick(n->engine, now, wall_now());
	rearm(n);
}

/* ---- the worker's records ---- */

static void on_datagram(struct node *n, mono_t now, const struct dp_msg *m, struct mspan bytes)
{
	if (stun_is(span_const(bytes)))
		netcheck_input(n->netcheck, now, m->ep, span_const(bytes));
	else
		engine_event(n->engine, now, wall_now(), m, span_const(bytes));
}

static void on_dns(struct node *n, struct ep from, struct span query)
{
	struct ep to = { from.ip.fam == IP_V6 ? IP_SERVICE6 : IP_SERVICE4, SERVICE_DNS_PORT };
	if (n->ops->on_dns)
		n->ops->on_dns(n->arg, from, to, query);
}

static int cost(uint8_t type)
{
	return type == DP_EV_HANDSHAKE ? HANDSHAKE_COST : type == DP_EV_DNS ? DNS_COST : 1;
}

static void on_notes(struct node *n, unsigned notes)
{
	if (notes & DP_NOTE_SOCKETS)
		node_on_sockets_done(n);
	if (notes & DP_NOTE_OFFLOAD)
		node_on_offload(n);
	if (notes & DP_NOTE_REFUSED)
		node_on_refused(n);
	if (notes & DP_NOTE_TUN_LOST) {
		n->tun_lost = true;
		log_error("tun: %s is gone: another program removed it; restart meshd",
			  n->tun.name);
		node_changed(n);
	}
}

static void on_records(void *arg)
{
	struct node *n = arg;
	mono_t now = loop_now(n->loop);
	struct dp_msg m;
	struct mspan bytes;
	int budget = TURN;
	on_notes(n, dp_threads_notes(n->threads));
	while (budget > 0 && dp_threads_event_peek(n->threads, &m, &bytes)) {
		budget -= cost(m.type);
		if (m.type == DP_EV_DATAGRAM)
			on_datagram(n, now, &m, bytes);
		else if (m.type == DP_EV_DNS)
			on_dns(n, m.ep, span_const(bytes));
		else
			engine_event(n->engine, now, wall_now(), &m, span_const(bytes));
		dp_threads_event_pop(n->threads);
	}
	rearm(n);
	if (budget <= 0)
		loop_wake_send(n->wake); /* others first, then the rest */
}

static void on_worker_wake(void *arg)
{
	struct node *n = arg;
	loop_wake_send(n->wake);
}

/* ---- relays ---- */

static bool on_derp_packet(void *arg, int region, const struct node_key *src, struct span datagram)
{
	struct node *n = arg;
	return derp_run_add(&n->derp_run, loop_now(n->loop), wall_now(), region, src, datagram);
}

static void on_derp_read_end(void *arg)
{
	struct node *n = arg;
	derp_run_flush(&n->derp_run, loop_now(n->loop), wall_now());
}

static void on_derp_state(void *arg, int region, bool connected, const char *text)
{
	struct node *n = arg;
	struct log_esc_buf esc;
	if (connected)
		log_info("derp: region %d connected", region);
	else
		LOG_LIMITED(5, LOG_INFO, "derp: region %d disconnected: %s", region,
			    log_esc(span_str(text), &esc));
	engine_on_relay(n->engine, loop_now(n->loop));
	if (region == n->home) {
		n->home_connected = connected;
		n->home_since = loop_now(n->loop);
	}
	node_changed(n);
}

static void on_derp_gone(void *arg, int region, const struct node_key *peer, uint8_t reason)
{
	char text[KEY_SHORT_MAX];
	(void)arg;
	log_debug("derp: region %d: peer %s is not there (%u)", region, node_key_short(peer, text),
		  reason);
}

static void on_want_restun(void *arg)
{
	node_gather(arg);
}

/* ---- life ---- */

static const struct engine_ops engine_callbacks = {
	.send_udp = on_send_udp,
	.send_derp = on_send_derp,
	.derp_route = on_derp_route,
	.derp_up = on_derp_up,
	.derp_forget = on_derp_forget,
	.endpoints = on_endpoints,
	.want_endpoints = on_want_endpoints,
	.publish = on_publish,
	.command = on_command,
	.rearm = on_rearm,
	.changed = on_engine_changed,
};

static const struct derp_mgr_ops derp_callbacks = {
	.on_packet = on_derp_packet,
	.on_read_end = on_derp_read_end,
	.on_state = on_derp_state,
	.on_peer_gone = on_derp_gone,
	.on_heard = node_on_heard,
	.on_want_restun = on_want_restun,
};

static bool start_workers(struct node *n, unsigned workers)
{
	struct dp_threads_opts o = {
		.workers = workers ? workers : 1,
		.tun = n->have_tun ? &n->tun : NULL,
		.socks = &n->socks,
		.exchange = n->exchange,
		.waits = engine_echo_waits(n->engine),
		.seed = rng_u64(rng_system()),
		.wake = on_worker_wake,
		.wake_arg = n,
	};
	n->wake = loop_wake_new(n->loop, on_records, n);
	n->workers = o.workers;
	n->threads = dp_threads_start(&o);
	return n->threads != NULL;
}

struct node *node_new(const struct node_opts *o, const struct node_ops *ops, void *arg, char **why)
{
	struct node *n = xcalloc(1, sizeof(*n));
	n->net = o->net;
	n->loop = net_loop(o->net);
	n->ops = ops;
	n->arg = arg;
	n->port = n->port_setting = o->port;
	n->no_offload = o->no_offload;
	n->params = o->routing;
	n->socks = UDP_SOCKS_NONE;
	loop_timer_init(n->loop, &n->timer, on_timer, n);
	loop_defer_init(n->loop, &n->flush, on_flush, n);
	loop_defer_init(n->loop, &n->change, on_change, n);
	dp_counters_register();
	n->exchange = dp_exchange_new();
	n->derp = derp_mgr_new(n->net, rng_system(), &derp_callbacks, n);
	struct engine_opts eo = { .ops = &engine_callbacks,
				  .arg = n,
				  .rng = rng_system(),
				  .now = loop_now(n->loop),
				  .mtu = TUN_MTU };
	n->engine = engine_new(&eo);
	derp_run_init(&n->derp_run, n->engine);
	node_gather_init(n);
	*why = node_link_init(n, o);
	if (!*why && !start_workers(n, o->workers))
		*why = xstrdup("cannot start the packet threads");
	if (*why) {
		node_free(n);
		return NULL;
	}
	node_tell_interfaces(n);
	node_say_start(n);
	node_on_offload(n);
	return n;
}

void node_free(struct node *n)
{
	if (!n)
		return;
	node_unroute(n, true);
	if (n->threads)
		engine_clear(n->engine, loop_now(n->loop));
	dp_threads_stop(n->threads);
	n->threads = NULL;
	loop_wake_free(n->wake);
	loop_timer_cancel(&n->timer);
	node_gather_fini(n);
	engine_free(n->engine);
	derp_mgr_free(n->derp);
	derp_run_fini(&n->derp_run);
	derp_map_free(n->derp_map);
	dp_exchange_free(n->exchange);
	node_link_fini(n);
	loop_defer_cancel(&n->flush);
	loop_defer_cancel(&n->change);
	free(n);
}

/* ---- what we should be ---- */

const struct disco_key *node_disco_key(const struct node *n)
{
	return engine_disco_key(n->engine);
}

void node_set_key(struct node *n, const struct node_priv *key)
{
	n->have_key = key != NULL;
	engine_set_key(n->engine, loop_now(n->loop), key);
	derp_mgr_set_key(n->derp, key);
}

void node_set_control_up(struct node *n, bool up)
{
	n->control_up = up;
}

static void take_derp_map(struct node *n, const struct derp_map *m)
{
	if (!m || (n->derp_map && derp_map_equal(m, n->derp_map)))
		return;
	derp_map_free(n->derp_map);
	n->derp_map = derp_map_copy(m);
	derp_mgr_set_map(n->derp, m);
	node_tell_network(n);
	if (n->home && !derp_map_find(m, n->home))
		node_set_home(n, 0);
	node_gather(n);
}

static void take_attributes(struct node *n, const struct nm_node *self)
{
	node_take_port(n, nm_node_cap(self, "randomize-client-port"));
	node_take_offload(n, self);
}

void node_apply(struct node *n, const struct netmap *nm, const struct prefs *p,
		const struct nm_change *ch)
{
	bool first = !n->up;
	n->up = true;
	if (first)
		ch = NULL;
	engine_set_map(n->engine, loop_now(n->loop), wall_now(), nm, p, ch);
	if (!ch || ch->full || (ch->mask & NM_CHANGED_SELF))
		take_attributes(n, nm->self);
	if (!ch || ch->full || (ch->mask & NM_CHANGED_DERP))
		take_derp_map(n, nm->derp);
	if (first || (n->alone && nm->n_peers > 0))
		node_gather(n);
	n->alone = nm->n_peers == 0;
	if (first) /* who is led here finds a network */
		engine_flush(n->engine, loop_now(n->loop));
	node_route(n);
	rearm(n);
}

void node_set_dns(struct node *n, struct dns_local *dns)
{
	engine_set_dns(n->engine, dns);
	rearm(n);
}

void node_set_ports(struct node *n, const struct node_ports *p)
{
	engine_set_ports(n->engine,
			 &(struct net_ports){ p->peerapi4, p->peerapi6, p->dns4, p->dns6 });
	rearm(n);
}

bool node_is_up(const struct node *n)
{
	return n->up;
}

void node_down(struct node *n, bool keep_guard)
{
	if (keep_guard)
		node_block(n);
	else
		node_unroute(n, false);
	if (!n->up)
		return;
	n->up = false;
	engine_clear(n->engine, loop_now(n->loop));
	node_set_home(n, 0);
	derp_mgr_set_map(n->derp, NULL);
	derp_map_free(n->derp_map);
	n->derp_map = NULL;
	loop_timer_cancel(&n->restun);
	rearm(n);
}

/* ---- reading ---- */

bool node_allows_tcp(const struct node *n, struct ip src, struct ep dst)
{
	return engine_allows_tcp(n->engine, src, dst);
}

bool node_is_live(const struct node *n)
{
	uint64_t rx, tx;
	return n->home_connected || engine_live(n->engine, loop_now(n->loop), &rx, &tx) > 0;
}

/* A moment of the monotonic clock as people write it. */
static wall_t wall_of(const struct node *n, mono_t at)
{
	if (at.ns == 0)
		return WALL_ZERO;
	wall_t now = wall_now();
	int64_t ago = mono_diff_ns(loop_now(n->loop), at);
	int64_t ns = now.s * NS_PER_S + now.ns - (ago > 0 ? ago : 0);
	return (wall_t){ ns / NS_PER_S, (int32_t)(ns % NS_PER_S) };
}

const struct link_snapshot *node_link(const struct node *n)
{
	return n->linkmon ? linkmon_snapshot(n->linkmon) : NULL;
}

bool node_peer_status(const struct node *n, const struct node_key *key,
		      struct node_peer_status *out)
{
	struct engine_peer_status s;
	*out = (struct node_peer_status){ 0 };
	if (!engine_peer_status(n->engine, key, loop_now(n->loop), &s))
		return false;
	*out = (struct node_peer_status){
		.in_engine = s.in_engine,
		.active = s.active,
		.cur = s.cur,
		.latency_ns = s.latency_ns,
		.rx_bytes = s.rx_bytes,
		.tx_bytes = s.tx_bytes,
		.last_handshake = wall_of(n, s.last_handshake),
		.last_write = wall_of(n, s.last_send),
		.waiting = s.waiting,
	};
	return true;
}

void node_status(const struct node *n, struct node_status *out)
{
	int ids[64];
	struct derp_region_status r;
	*out = (struct node_status){ .home = n->home, .home_text = "" };
	out->n_live = engine_live(n->engine, loop_now(n->loop), &out->rx_bytes, &out->tx_bytes);
	size_t k = derp_mgr_regions(n->derp, ids, ARRAY_LEN(ids));
	for (size_t i = 0; i < k && i < ARRAY_LEN(ids); i++)
		out->n_derp += derp_mgr_status(n->derp, ids[i], &r) && r.connected;
	out->home_since = n->home_since;
	if (n->home && derp_mgr_status(n->derp, n->home, &r)) {
		out->home_connected = r.connected;
		out->home_connecting = r.connecting;
		out->home_last_frame = r.last_frame;
		out->home_text = r.text;
	}
	out->port = n->socks.v4.port;
	out->have_udp4 = n->socks.v4.fd >= 0 || n->rebind != REBIND_NONE;
	out->have_udp6 = n->socks.v6.fd >= 0;
	out->tun_ok = !n->tun_lost;
	out->filter_void = engine_filter_void(n->engine);
	out->router_problem = n->router_problem;
	out->rivals = &n->rivals;
	out->firewall_problem = out->firewall_kind = "";
	if (!n->firewall)
		return;
	out->firewall_problem = node_firewall_problem(n->firewall);
	out->firewall_missing = node_firewall_missing(n->firewall);
	out->firewall_kind = node_firewall_kind(n->firewall);
}

static json_t *debug_derp(struct node *n)
{
	json_t *all = j_array();
	int ids[64];
	size_t k = derp_mgr_regions(n->derp, ids, ARRAY_LEN(ids));
	for (size_t i = 0; i < k && i < ARRAY_LEN(ids); i++) {
		struct derp_region_status r;
		if (!derp_mgr_status(n->derp, ids[i], &r))
			continue;
		json_t *o = j_object();
		j_set_int(o, "Region", r.region);
		j_set_bool(o, "Home", r.home);
		j_set_bool(o, "Connected", r.connected);
		j_set_str(o, "Error", r.text);
		j_set_int(o, "Dropped", (int64_t)r.tx_dropped);
		j_add(all, o);
	}
	return all;
}

json_t *node_debug(struct node *n, const char *what)
{
	if (strcmp(what, "peers") == 0)
		return engine_debug_peers(n->engine, loop_now(n->loop));
	if (strcmp(what, "derp") == 0)
		return debug_derp(n);
	if (strcmp(what, "routes") == 0)
		return node_debug_routes(n);
	return NULL;
}

/* No connection has this local address: all of them are taken for stale. */
static void break_relays(struct node *n)
{
	struct ip nobody = ip_v4(0, 0, 0, 0);
	derp_mgr_on_link_change(n->derp, &nobody, 1);
}

int node_debug_action(struct node *n, const char *action)
{
	if (strcmp(action, "restun") == 0)
		node_gather(n);
	else if (strcmp(action, "rebind") == 0)
		node_rebind(n);
	else if (strcmp(action, "break-derp-conns") == 0)
		break_relays(n);
	else
		return -ERR_NOENT;
	return 0;
}

/* ---- DNS ---- */

void node_dns_reply(struct node *n, struct ep from, struct ep to, struct span reply)
{
	uint8_t packet[SERVICE_UDP_HDR_MAX + NODE_DNS_REPLY_MAX];
	struct dp_msg m = { .type = DP_CMD_TUN_WRITE, .peer = DP_NO_PEER };
	if (reply.len > NODE_DNS_REPLY_MAX || !n->threads)
		return;
	memcpy(packet + service_udp_offset(to.ip), reply.p, reply.len);
	size_t len = service_udp_build(mspan_of(packet, sizeof(packet)), to, from, reply.len);
	if (len)
		dp_threads_command(n->threads, &m, span_of(packet, len));
}

void node_dns_full(struct node *n)
{
	struct dp_msg m = { .type = DP_CMD_DNS_FULL, .peer = DP_NO_PEER };
	mono_t now = loop_now(n->loop);
	if (!n->threads || !mono_due(n->dns_full_again, now))
		return;
	n->dns_full_again = mono_add_ms(now, DNS_FULL_MS);
	dp_threads_command(n->threads, &m, span_of(NULL, 0));
}

/* ---- ping ---- */

struct node_ping {
	struct engine_ping *ping;
	void (*done)(void *arg, const struct node_pong *r);
	void *arg;
};

static void on_pong(void *arg, const struct engine_pong *r)
{
	struct node_ping *p = arg;
	struct node_pong pong = { r->err, r->latency_ns, r->ep, r->region, r->peerapi_port };
	p->done(p->arg, &pong);
	free(p);
}

struct node_ping *node_ping(struct node *n, const struct node_key *peer, struct ip to,
			    enum node_ping_kind kind, size_t size,
			    void (*done)(void *arg, const struct node_pong *r), void *arg)
{
	static const enum engine_ping_kind kinds[] = {
		[NODE_PING_DISCO] = ENGINE_PING_DISCO,
		[NODE_PING_TSMP] = ENGINE_PING_TSMP,
		[NODE_PING_ICMP] = ENGINE_PING_ICMP,
	};
	struct node_ping *p = xcalloc(1, sizeof(*p));
	p->done = done;
	p->arg = arg;
	p->ping = engine_ping_start(n->engine, loop_now(n->loop), wall_now(), peer, to, kinds[kind],
				    size, on_pong, p);
	return p;
}

void node_ping_cancel(struct node_ping *p)
{
	engine_ping_stop(p->ping);
	free(p);
}
