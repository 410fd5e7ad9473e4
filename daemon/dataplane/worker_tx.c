/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN -> peers. */
#include "daemon/dataplane/worker_priv.h"

#include "wg/allowedips.h"

static int64_t load(_Atomic int64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void store(_Atomic int64_t *v, int64_t x)
{
	atomic_store_explicit(v, x, memory_order_relaxed);
}

void worker_flush_udp(struct dp_worker *w)
{
	if (w->n_udp > 0)
		w->ops->udp_send(w->arg, w->udp, w->n_udp);
	w->n_udp = 0;
}

static void queue_udp(struct dp_worker *w, uint32_t peer, struct ep to, struct mspan bytes)
{
	if (w->n_udp == DP_BATCH)
		worker_flush_udp(w);
	w->udp[w->n_udp++] = (struct dp_datagram){ to, bytes, peer };
}

/* Ask for discovery, now and then: every packet on an unproven path deserves it, one message will
 * do. */
static void want_path(struct dp_worker *w, mono_t now, uint32_t peer, struct dp_live *live)
{
	int64_t last = load(&live->path_want_ns);
	if (last != 0 && now.ns - last < DP_PATH_WANT_MS * NS_PER_MS)
		return;
	if (worker_event(w, &(struct dp_msg){ .type = DP_EV_WANT_PATH, .peer = peer },
			 span_of(NULL, 0)))
		store(&live->path_want_ns, now.ns);
}

/* Where sealed datagrams go (transport.md 4): a proven path alone; an unproven one and the relay
 * both, and the other side's replay window takes one of the copies out. */
static void route(struct dp_worker *w, const struct dp_peer *p, mono_t now, uint32_t peer,
		  const struct wg_seal_item *v, size_t n)
{
	bool trusted = ep_is_set(p->best) && now.ns <= load(&p->live->trust_until_ns);
	struct ep to = ep_is_set(p->best) ? p->best : p->last_resort;
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		struct mspan d = mspan_of(v[i].p - WG_HEADER_LEN, v[i].len);
		bytes += d.len;
		if (!trusted)
			worker_event(w, &(struct dp_msg){ .type = DP_EV_DERP_OUT, .peer = peer },
				     span_const(d));
		if (ep_is_set(to))
			queue_udp(w, peer, to, d);
	}
	if (!trusted)
		want_path(w, now, peer, p->live);
	traffic_out(!ep_is_set(p->best)	      ? DP_RELAY
		    : p->best.ip.fam == IP_V4 ? DP_DIRECT4
					      : DP_DIRECT6,
		    n, bytes);
	atomic_fetch_add_explicit(&p->live->tx_bytes, bytes, memory_order_relaxed);
	store(&p->live->last_tx_ns, now.ns);
}

static void want_session(struct dp_worker *w, uint32_t peer, struct dp_live *live)
{
	if (atomic_exchange_explicit(&live->session_wanted, true, memory_order_relaxed))
		return;
	if (!worker_event(w, &(struct dp_msg){ .type = DP_EV_WANT_SESSION, .peer = peer },
			  span_of(NULL, 0)))
		atomic_store_explicit(&live->session_wanted, false, memory_order_relaxed);
}

static void stage(struct dp_worker *w, uint32_t peer, struct dp_live *live, const struct mspan *v,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int dropped = staged_put(w->staged, peer, span_const(v[i]));
		if (dropped < 0) {
			dp_count(DPC_TX_TOO_BIG, 1);
			continue;
		}
		dp_count(DPC_TX_STAGED, 1);
		dp_count(DPC_TX_STAGED_DROP, (uint64_t)dropped);
	}
	want_session(w, peer, live);
}

/* Returns how many were sealed: none without a session. */
static size_t send_on(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		      struct wg_session *session, struct mspan *v, size_t n)
{
	const struct dp_peer *p = &s->peers[peer];
	if (!session)
		return 0;
	for (size_t i = 0; i < n; i++)
		w->seal[i] = (struct wg_seal_item){ v[i].p, (uint32_t)v[i].len };
	size_t sealed = wg_session_seal(session, now, s->tables->mtu, w->seal, n);
	if (sealed == 0)
		return 0;
	route(w, p, now, peer, w->seal, sealed);
	worker_act(w, peer, p->live, wg_activity_on_tx(&p->live->act, session, now, true));
	return sealed;
}

size_t worker_send(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		   struct mspan *v, size_t n, enum send_kind kind)
{
	const struct dp_peer *p = &s->peers[peer];
	size_t sealed = send_on(w, s, now, peer, p->current, v, n);
	if (sealed < n && kind == SEND_DATA)
		stage(w, peer, p->live, v + sealed, n - sealed);
	return sealed;
}

void worker_answer(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   const struct dp_index *x, struct mspan *v, size_t n)
{
	struct wg_session *current = s->peers[x->peer].current;
	send_on(w, s, now, x->peer, current ? current : x->session, v, n);
	worker_flush_udp(w);
}

void worker_keepalive(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		      bool asked)
{
	const struct dp_peer *p = &s->peers[peer];
	struct wg_seal_item item = { w->own + DP_HEADROOM, 0 };
	if (!p->current || wg_session_seal(p->current, now, s->tables->mtu, &item, 1) == 0)
		return;
	route(w, p, now, peer, &item, 1);
	unsigned act = asked ? wg_activity_on_keepalive(&p->live->act, p->current, now)
			     : wg_activity_on_tx(&p->live->act, p->current, now, false);
	worker_act(w, peer, p->live, act);
	/* The bytes are in our own buffer, which the next packet may need. */
	worker_flush_udp(w);
}

/* Decide about one packet: its peer, or DP_NO_PEER when it ends here. */
static uint32_t classify(struct dp_worker *w, const struct dp_snapshot *s, struct mspan bytes)
{
	const struct dp_tables *t = s->tables;
	struct pkt pkt;
	struct net_result res = { 0 };
	switch (outbound_classify(&t->self, span_const(bytes), &pkt,
				  mspan_of(w->echo, sizeof(w->echo)), &res)) {
	case OUT_PEER:
		break;
	case OUT_ANSWER: {
		struct span answer = span_of(w->echo, res.answer_len);
		w->ops->tun_write(w->arg, &answer, 1);
		return DP_NO_PEER;
	}
	case OUT_SERVICE:
		dp_count(DPC_TX_SERVICE, 1);
		return DP_NO_PEER;
	case OUT_DROP:
		traffic_judged_out(res.verdict);
		return DP_NO_PEER;
	}
	uint32_t peer = wg_allowedips_lookup(t->allowed, pkt.dst.ip);
	if (peer == WG_NO_PEER || peer >= s->n_peers || !s->peers[peer].live) {
		dp_count(DPC_TX_NO_PEER, 1);
		return DP_NO_PEER;
	}
	const struct dp_peer *p = &s->peers[peer];
	enum flt_verdict v =
	    outbound_check(&t->self, &p->net, worker_filter(s, p), worker_flows(w, p), bytes, &pkt);
	traffic_judged_out(v);
	return v == FLT_PASS ? peer : DP_NO_PEER;
}

void dp_worker_tun(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, struct mspan *pkts,
		   size_t n)
{
	if (!s) {
		dp_count(DPC_TX_NO_SNAPSHOT, n);
		return;
	}
	/* Runs of packets for one peer are sealed together, in the order they came. */
	size_t begin = 0, end = 0;
	uint32_t peer = DP_NO_PEER;
	for (size_t i = 0; i < n; i++) {
		uint32_t to = classify(w, s, pkts[i]);
		if (to != peer && end > begin) {
			worker_send(w, s, now, peer, pkts + begin, end - begin, SEND_DATA);
			begin = end;
		}
		if (to == DP_NO_PEER)
			continue;
		peer = to;
		pkts[end++] = pkts[i];
	}
	if (end > begin)
		worker_send(w, s, now, peer, pkts + begin, end - begin, SEND_DATA);
	worker_flush_udp(w);
}
