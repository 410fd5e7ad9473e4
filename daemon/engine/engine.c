/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/engine/engine_priv.h"

#include "base/counters.h"
#include "base/log.h"
#include "dns/local.h"
#include "magicsock/demux.h"
#include "magicsock/udp_run.h"
#include "netstack/tsmp.h"
#include "wg/messages.h"
#include "wg/session.h"

#include <stdlib.h>

static struct counter disco_counters[DISCO_RX_N] = {
	[DISCO_RX_OK] = { .name = "disco_rx" },
	[DISCO_RX_NO_KEY] = { .name = "disco_rx_drop_no_key" },
	[DISCO_RX_SHORT] = { .name = "disco_rx_drop_short" },
	[DISCO_RX_UNKNOWN] = { .name = "disco_rx_drop_unknown" },
	[DISCO_RX_BAD_BOX] = { .name = "disco_rx_drop_bad_box" },
	[DISCO_RX_BAD_BODY] = { .name = "disco_rx_drop_bad_body" },
	[DISCO_RX_IGNORED] = { .name = "disco_rx_ignored" },
	[DISCO_RX_WRONG_PEER] = { .name = "disco_rx_drop_wrong_peer" },
	[DISCO_RX_DUPLICATE] = { .name = "disco_rx_duplicate" },
	[DISCO_RX_LIMITED] = { .name = "disco_rx_limited" },
};

static struct counter derp_unknown[1] = { { .name = "derp_rx_drop_unknown" } };

void engine_send_udp(struct engine *e, struct ep to, struct span d)
{
	if (!engine_no_udp(e))
		e->ops->send_udp(e->arg, to, d);
}

/* ---- what the path machines want ------------------------------------------------------------- */

static void on_send_udp(void *arg, struct ep to, struct span d)
{
	engine_send_udp(arg, to, d);
}

static void on_send_derp(void *arg, int region, const struct node_key *to, struct span d)
{
	struct engine *e = arg;
	e->ops->send_derp(e->arg, region, to, d);
}

static size_t on_endpoints(void *arg, struct ep *out, size_t max)
{
	struct engine *e = arg;
	return e->ops->endpoints(e->arg, out, max);
}

static void on_want_endpoints(void *arg)
{
	struct engine *e = arg;
	e->ops->want_endpoints(e->arg);
}

static void on_path_changed(void *arg, struct disco_peer *dp, bool addr, const char *why)
{
	struct engine *e = arg;
	struct epeer *p = dp->user;
	struct path_view v = path_view(dp->path);
	atomic_store_explicit(&p->live->trust_until_ns, v.trusted_until.ns, memory_order_relaxed);
	if (!addr)
		return;
	char key[KEY_SHORT_MAX], ep[EP_TEXT_MAX];
	log_info("magicsock: peer %s %s now uses %s (%s)", node_key_short(&dp->node, key),
		 p->node->name, ep_is_set(v.best) ? ep_encode(v.best, ep) : "its relay", why);
	e->dirty = true;
	e->ops->changed(e->arg);
}

static void on_cli_pong(void *arg, struct disco_peer *p, const struct path_cli_pong *pong)
{
	(void)p;
	engine_on_cli_pong(arg, pong);
}

static void on_rearm(void *arg)
{
	struct engine *e = arg;
	e->ops->rearm(e->arg);
}

/* ---- life ---- */

static const struct disco_ops disco_callbacks = {
	.send_udp = on_send_udp,
	.send_derp = on_send_derp,
	.endpoints = on_endpoints,
	.want_endpoints = on_want_endpoints,
	.changed = on_path_changed,
	.cli_pong = on_cli_pong,
	.rearm = on_rearm,
};

struct engine *engine_new(const struct engine_opts *o)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	e->ops = o->ops;
	e->arg = o->arg;
	e->rng = o->rng;
	e->now = o->now;
	e->mtu = o->mtu;
	map_init(&e->by_id, sizeof(int64_t));
	map_init(&e->by_key, sizeof(struct node_key));
	list_init(&e->active);
	list_init(&e->pings);
	disco_priv_generate(&e->disco_priv, e->rng);
	e->wg = wg_device_new(e->rng);
	e->disco = disco_new(&disco_callbacks, e, e->rng);
	disco_node(e->disco)->ping_back = true;
	disco_node(e->disco)->eager_join = true;
	disco_set_self(e->disco, &(struct node_key){ { 0 } }, &e->disco_priv);
	engine_init_out(e);
	engine_set_interfaces(e, o->interfaces, o->n_interfaces);
	counters_register(disco_counters, DISCO_RX_N);
	counters_register(derp_unknown, 1);
	wg_counters_register();
	return e;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	engine_remove_all(e);
	LIST_EACH (it, &e->pings)
		engine_ping_stop((struct engine_ping *)it);
	wg_device_free(e->wg);
	disco_free(e->disco);
	dp_tables_unref(e->tables);
	dns_local_unref(e->dns);
	prefix_list_fini(&e->own);
	prefix_list_fini(&e->only);
	map_fini(&e->by_id);
	map_fini(&e->by_key);
	node_priv_wipe(&e->key);
	disco_priv_wipe(&e->disco_priv);
	free(e->slots);
	free(e->freed_at);
	free(e->interfaces);
	free(e->self_ips);
	free(e->rt);
	free(e->rt_slot);
	free(e);
}

const struct disco_key *engine_disco_key(const struct engine *e)
{
	return disco_self(e->disco);
}

bool engine_no_udp(const struct engine *e)
{
	return disco_node(e->disco)->no_udp;
}

const struct echo_waits *engine_echo_waits(const struct engine *e)
{
	return &e->waits;
}

/* For ten seconds after joining, peers may not have our key yet: retry soon. */
static void just_joined(struct engine *e, mono_t now)
{
	wg_device_set_eager(e->wg, mono_add_s(now, PATH_JOIN_WINDOW_S));
	disco_node(e->disco)->joined_at = now;
}

void engine_set_key(struct engine *e, mono_t now, const struct node_priv *key)
{
	engine_enter(e, now, e->wall);
	if (!key) {
		engine_clear(e, now);
		e->has_key = false;
		node_priv_wipe(&e->key);
		wg_device_set_key(e->wg, NULL, &e->out);
		return;
	}
	if (e->has_key && secret_eq(&e->key, key, sizeof(*key)))
		return;
	e->key = *key;
	e->has_key = true;
	struct node_key pub;
	node_priv_public(key, &pub);
	wg_device_set_key(e->wg, key, &e->out);
	disco_set_self(e->disco, &pub, &e->disco_priv);
	just_joined(e, now);
	e->dirty = true;
	e->ops->rearm(e->arg);
}

bool engine_set_interfaces(struct engine *e, const struct prefix *p, size_t n)
{
	if (e->interfaces && n == e->n_interfaces &&
	    (n == 0 || memcmp(e->interfaces, p, n * sizeof(*p)) == 0))
		return false;
	free(e->interfaces);
	e->interfaces = xcalloc(n ? n : 1, sizeof(*p));
	e->n_interfaces = n;
	if (n)
		memcpy(e->interfaces, p, n * sizeof(*p));
	return true;
}

/* ---- datagrams ---- */

/* The peer that has told this address; one that is online before one that left it behind. */
static struct epeer *peer_at(const struct engine *e, struct ep ep)
{
	struct epeer *found = NULL;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		struct epeer *p = e->slots[i];
		for (uint32_t k = 0; p && k < p->node->n_endpoints; k++)
			if (ep_eq(p->node->endpoints[k], ep) &&
			    (!found || p->node->online != J_FALSE))
				found = p;
	}
	return found;
}

/* Data came for a session of before our start: a handshake of ours shows the peer that it is over.
 * The source is not proven, so this costs at most one initiation in five seconds. */
static void restart_session(struct engine *e, struct epeer *p)
{
	if (p && p->wg && !wg_peer_current(p->wg) && !wg_peer_next(p->wg) &&
	    !wg_peer_is_handshaking(p->wg))
		wg_peer_want_session(p->wg, e->now, e->wall, &e->out);
}

static void count_disco(enum disco_verdict v)
{
	counter_inc(&disco_counters[v]);
}

/* The source is known to callbacks meanwhile. */
static void input_wg(struct engine *e, const struct wg_from *from, struct span d, bool admitted)
{
	e->answering = *from;
	if (admitted)
		wg_device_admitted(e->wg, e->now, from, d, &e->out);
	else
		wg_device_input(e->wg, e->now, from, d, &e->out);
	e->answering = (struct wg_from){ 0 };
}

/* Those who called before they were in our map. */
static void answer_knocks(struct engine *e)
{
	struct wg_knock k;
	while (wg_device_take_knock(e->wg, e->now, &k))
		input_wg(e, &k.from, span_of(&k.msg, sizeof(k.msg)), true);
}

void engine_input_udp(struct engine *e, mono_t now, wall_t wall, struct ep from, struct span d)
{
	engine_enter(e, now, wall);
	switch (ms_classify(d, NULL)) {
	case MS_DISCO:
		count_disco(disco_input_udp(e->disco, now, from, false, d));
		break;
	case MS_GENEVE_DISCO:
		count_disco(disco_input_udp(e->disco, now, from, true, span_from(d, GENEVE_LEN)));
		break;
	case MS_WG:
		input_wg(e, &(struct wg_from){ .ep = from }, d, false);
		break;
	case MS_STUN:
	case MS_GENEVE_WG:
		break;
	}
	e->ops->rearm(e->arg);
}

bool engine_input_derp(struct engine *e, mono_t now, wall_t wall, int region,
		       const struct node_key *src, struct span d)
{
	engine_enter(e, now, wall);
	struct epeer *p = engine_peer(e, src);
	struct wg_from f = { .region = region, .relay_key = *src };
	if (!p) {
		counter_inc(&derp_unknown[0]);
		wg_device_knock(e->wg, now, &f, d);
		return false;
	}
	if (ms_classify(d, NULL) == MS_DISCO) {
		count_disco(disco_input_derp(e->disco, now, region, src, d));
	} else if (wg_classify(d) == WG_KIND_TRANSPORT) {
		engine_input_derp_run(e, now, wall, src, d, 0);
	} else {
		input_wg(e, &f, d, false);
	}
	e->ops->rearm(e->arg);
	return true;
}

bool engine_is_peer(const struct engine *e, const struct node_key *key)
{
	return engine_peer(e, key) != NULL;
}

void engine_input_derp_run(struct engine *e, mono_t now, wall_t wall, const struct node_key *src,
			   struct span run, size_t segment)
{
	engine_enter(e, now, wall);
	struct epeer *p = engine_peer(e, src);
	if (!p) {
		counter_inc(&derp_unknown[0]);
		return;
	}
	restart_session(e, p);
	struct dp_msg m = { .type = DP_CMD_DERP_IN, .peer = p->slot, .segment = (uint16_t)segment };
	e->ops->command(e->arg, &m, run);
	e->ops->rearm(e->arg);
}

/* ---- the worker's records ---- */

static void note_active(struct engine *e, struct epeer *p, mono_t now)
{
	list_remove(&p->active);
	list_push_back(&e->active, &p->active);
	if (p->disco)
		disco_on_activity(e->disco, p->disco, now);
}

/* segment: bytes of each datagram but the last; 0: one datagram */
static void send_by_derp(struct engine *e, const struct epeer *p, struct span run, size_t segment)
{
	int region = e->ops->derp_route(e->arg, &p->node->key, p->node->home_derp);
	if (!region)
		return;
	while (run.len > 0) {
		size_t n = udp_run_first(run.len, segment);
		e->ops->send_derp(e->arg, region, &p->node->key, span_of(run.p, n));
		run = span_from(run, n);
	}
}

static void on_tsmp_disco_key(struct engine *e, struct epeer *p, const struct disco_key *key)
{
	if (!p->disco)
		return;
	p->tsmp_key = *key;
	p->tsmp_at = e->wall;
	p->server_key = p->node->disco;
	/* The session that brought the key works: it is kept. */
	disco_peer_set_key(e->disco, p->disco, key);
}

static void on_inner(struct engine *e, struct epeer *p, struct span bytes)
{
	struct pkt pkt;
	struct tsmp t;
	uint8_t token[4];
	pkt_decode(bytes, &pkt);
	if (pkt_is_echo_reply(&pkt) && pkt_echo_token(&pkt, bytes, token)) {
		struct rd r = rd_init(span_of(token, sizeof(token)));
		engine_on_echo_reply(e, p, rd_be32(&r));
	} else if (tsmp_parse(&pkt, bytes, &t) == 0) {
		if (t.type == TSMP_DISCO)
			on_tsmp_disco_key(e, p, &t.disco);
		else if (t.type == TSMP_PONG)
			engine_on_tsmp_pong(e, p, t.pong.data, t.pong.peerapi_port);
	}
}

/* A handshake clears the worker's mark when it ends. If none is needed, or possible, by the time
 * that the question comes, nothing would, and the worker would never ask again. */
static void on_want_session(struct engine *e, struct epeer *p)
{
	if (p->wg)
		wg_peer_want_session(p->wg, e->now, e->wall, &e->out);
	const struct wg_session *s = p->wg ? wg_peer_current(p->wg) : NULL;
	bool usable = s && wg_session_can_send(s, e->now);
	if (p->wg && !usable)
		return;
	if (atomic_exchange_explicit(&p->live->session_wanted, false, memory_order_relaxed) &&
	    usable)
		engine_command(e, DP_CMD_SESSION, p, false, span_of(NULL, 0));
}

void engine_event(struct engine *e, mono_t now, wall_t wall, const struct dp_msg *m,
		  struct span bytes)
{
	engine_enter(e, now, wall);
	if (m->type == DP_EV_HANDSHAKE) {
		input_wg(e, &(struct wg_from){ .ep = m->ep }, bytes, true);
		e->ops->rearm(e->arg);
		return;
	}
	if (m->type == DP_EV_DATAGRAM) {
		engine_input_udp(e, now, wall, m->ep, bytes);
		return;
	}
	if (m->type == DP_EV_NO_SESSION) {
		restart_session(e, peer_at(e, m->ep));
		e->ops->rearm(e->arg);
		return;
	}
	struct epeer *p = slot_peer(e, m->peer);
	if (!p)
		return;
	switch (m->type) {
	case DP_EV_DERP_OUT:
		send_by_derp(e, p, bytes, m->segment);
		break;
	case DP_EV_WANT_SESSION:
		on_want_session(e, p);
		break;
	case DP_EV_WANT_PATH:
		note_active(e, p, now);
		if (p->disco)
			disco_on_send(e->disco, p->disco, now);
		break;
	case DP_EV_CONFIRMED:
		if (p->wg)
			wg_peer_on_confirmed(p->wg, now, m->index, &e->out);
		break;
	case DP_EV_ACTIVE:
		if (p->wg)
			wg_peer_on_active(p->wg);
		if (atomic_load_explicit(&p->live->last_tx_ns, memory_order_relaxed) >
		    p->told_tx_ns)
			note_active(e, p, now);
		break;
	case DP_EV_INNER:
		on_inner(e, p, bytes);
		break;
	case DP_EV_UNREACHABLE:
		if (p->disco)
			disco_on_unreachable(e->disco, p->disco, now, m->ep);
		break;
	default:
		break;
	}
	e->ops->rearm(e->arg);
}

void engine_on_endpoints(struct engine *e, mono_t now)
{
	engine_enter(e, now, e->wall);
	disco_on_endpoints(e->disco, now);
	e->ops->rearm(e->arg);
}

void engine_on_relay(struct engine *e, mono_t now)
{
	engine_enter(e, now, e->wall);
	e->dirty = true; /* who is reached by the last resort */
	e->ops->rearm(e->arg);
}

void engine_on_rebind(struct engine *e, mono_t now)
{
	engine_enter(e, now, e->wall);
	disco_on_rebind(e->disco, now);
	e->dirty = true;
	e->ops->rearm(e->arg);
}

/* ---- time ---- */

mono_t engine_deadline(const struct engine *e)
{
	mono_t at = mono_min(wg_device_deadline(e->wg), disco_deadline(e->disco));
	return mono_min(at, engine_pings_deadline(e));
}

/* Tell the path machines of traffic on proven paths, which sends no record a packet. */
static void tell_activity(struct engine *e, mono_t now)
{
	LIST_EACH (it, &e->active) {
		struct epeer *p = LIST_ENTRY(it, struct epeer, active);
		int64_t last = atomic_load_explicit(&p->live->last_tx_ns, memory_order_relaxed);
		if (last > p->told_tx_ns && p->disco) {
			p->told_tx_ns = last;
			disco_on_activity(e->disco, p->disco, (mono_t){ last });
		}
		if (now.ns - last > ACTIVE_KEEP_S * NS_PER_S)
			list_remove(&p->active);
	}
}

void engine_tick(struct engine *e, mono_t now, wall_t wall)
{
	engine_enter(e, now, wall);
	tell_activity(e, now);
	disco_tick(e->disco, now);
	answer_knocks(e);
	wg_device_tick(e->wg, now, wall, &e->out);
	engine_pings_tick(e, now);
}

/* ---- reading ---- */

bool engine_peer_status(const struct engine *e, const struct node_key *key, mono_t now,
			struct engine_peer_status *out)
{
	const struct epeer *p = engine_peer(e, key);
	*out = (struct engine_peer_status){ 0 };
	if (!p)
		return false;
	out->rx_bytes = atomic_load_explicit(&p->live->rx_bytes, memory_order_relaxed);
	out->tx_bytes = atomic_load_explicit(&p->live->tx_bytes, memory_order_relaxed);
	out->last_send.ns = atomic_load_explicit(&p->live->last_tx_ns, memory_order_relaxed);
	out->waiting = atomic_load_explicit(&p->live->session_wanted, memory_order_relaxed);
	if (p->wg) {
		out->in_engine =
		    wg_peer_current(p->wg) || wg_peer_next(p->wg) || wg_peer_is_handshaking(p->wg);
		out->last_handshake = wg_peer_last_handshake(p->wg);
	}
	if (p->disco) {
		struct path_status s;
		path_status(p->disco->path, now, &s);
		bool sent = out->last_send.ns != 0;
		out->active =
		    s.active || (sent && now.ns - out->last_send.ns < PATH_ACTIVE_S * NS_PER_S);
		if (sent)
			out->cur = s.cur;
		out->latency_ns = s.latency_ns;
	}
	return true;
}

bool engine_in_use(const struct engine *e, mono_t now)
{
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct epeer *p = e->slots[i];
		int64_t last =
		    p ? atomic_load_explicit(&p->live->last_tx_ns, memory_order_relaxed) : 0;
		if (last != 0 && now.ns - last < PATH_ACTIVE_S * NS_PER_S)
			return true;
	}
	return false;
}

size_t engine_live(const struct engine *e, mono_t now, uint64_t *rx_bytes, uint64_t *tx_bytes)
{
	size_t n = 0;
	*rx_bytes = *tx_bytes = 0;
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct epeer *p = e->slots[i];
		if (!p)
			continue;
		*rx_bytes += atomic_load_explicit(&p->live->rx_bytes, memory_order_relaxed);
		*tx_bytes += atomic_load_explicit(&p->live->tx_bytes, memory_order_relaxed);
		const struct wg_session *s = p->wg ? wg_peer_current(p->wg) : NULL;
		n += s && wg_session_can_send(s, now);
	}
	return n;
}

json_t *engine_debug_peers(const struct engine *e, mono_t now)
{
	json_t *all = j_array();
	for (uint32_t i = 0; i < e->n_slots; i++) {
		const struct epeer *p = e->slots[i];
		if (!p)
			continue;
		json_t *o = j_object();
		char text[KEY_SHORT_MAX], ep[EP_TEXT_MAX];
		j_set_int(o, "ID", p->node->id);
		j_set_str(o, "Key", node_key_short(&p->node->key, text));
		j_set_bool(o, "Usable", p->wg != NULL);
		if (p->disco) {
			struct path_view v = path_view(p->disco->path);
			struct path_status s;
			path_status(p->disco->path, now, &s);
			j_set_str(o, "Disco", disco_key_short(&p->disco->key, text));
			j_set_str(o, "Best", ep_is_set(v.best) ? ep_encode(v.best, ep) : "");
			j_set_bool(o, "Trusted", path_view_trusted(&v, now));
			j_set_int(o, "Home", v.region);
			j_set_int(o, "Candidates", (int64_t)s.n_candidates);
			j_set_int(o, "LatencyNs", s.latency_ns);
		}
		if (p->wg)
			j_set_bool(o, "Session", wg_peer_current(p->wg) != NULL);
		j_add(all, o);
	}
	return all;
}
