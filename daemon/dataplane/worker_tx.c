/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN -> peers. */
#include "daemon/dataplane/worker_priv.h"

#include "magicsock/udp_run.h"
#include "netstack/gso.h"
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
	w->n_replies = 0;
}

/* Make d the next datagram of run r, if it lies right behind it. */
static bool extend(struct dp_datagram *r, uint8_t fam, struct mspan d)
{
	size_t segment = r->segment ? r->segment : r->bytes.len;
	if (r->bytes.p + r->bytes.len != d.p || segment > UINT16_MAX ||
	    !udp_run_takes(fam, r->bytes.len, (uint16_t)segment, r->bytes.len / segment, d.len))
		return false;
	r->segment = (uint16_t)segment;
	r->bytes.len += d.len;
	return true;
}

static void queue_udp(struct dp_worker *w, uint32_t peer, struct ep to, struct mspan bytes)
{
	struct dp_datagram *last = w->n_udp ? &w->udp[w->n_udp - 1] : NULL;
	if (last && last->peer == peer && ep_eq(last->ep, to) && extend(last, to.ip.fam, bytes))
		return;
	if (w->n_udp == DP_BATCH)
		worker_flush_udp(w);
	w->udp[w->n_udp++] = (struct dp_datagram){ .ep = to, .bytes = bytes, .peer = peer };
}

static void give_relay(struct dp_worker *w, uint32_t peer, const struct dp_datagram *run)
{
	struct dp_msg m = { .type = DP_EV_DERP_OUT, .peer = peer, .segment = run->segment };
	if (run->bytes.len)
		worker_event(w, &m, span_const(run->bytes));
}

static struct mspan sealed_bytes(const struct wg_seal_item *it)
{
	return mspan_of(it->p - WG_HEADER_LEN, it->len);
}

/* To the relay, as runs too: the control thread takes them apart. */
static void relay(struct dp_worker *w, uint32_t peer, const struct wg_seal_item *v, size_t n)
{
	struct dp_datagram run = { .bytes = sealed_bytes(&v[0]) };
	for (size_t i = 1; i < n; i++) {
		struct mspan d = sealed_bytes(&v[i]);
		if (extend(&run, IP_V4, d))
			continue;
		give_relay(w, peer, &run);
		run = (struct dp_datagram){ .bytes = d };
	}
	give_relay(w, peer, &run);
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
		bytes += v[i].len;
		if (ep_is_set(to))
			queue_udp(w, peer, to, sealed_bytes(&v[i]));
	}
	if (!trusted)
		relay(w, peer, v, n);
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
	/* A session is seen in the snapshot before the command that tells of it. */
	if (kind == SEND_DATA && !staged_is_empty(w->staged))
		worker_send_staged(w, s, now, peer);
	size_t sealed = send_on(w, s, now, peer, dp_peer_session(p), v, n);
	if (sealed < n && kind == SEND_DATA)
		stage(w, peer, p->live, v + sealed, n - sealed);
	return sealed;
}

void worker_keepalive(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		      bool asked)
{
	const struct dp_peer *p = &s->peers[peer];
	struct wg_session *session = dp_peer_session(p);
	struct wg_seal_item item = { w->own + DP_HEADROOM, 0 };
	if (!session || wg_session_seal(session, now, s->tables->mtu, &item, 1) == 0)
		return;
	route(w, p, now, peer, &item, 1);
	unsigned act = asked ? wg_activity_on_keepalive(&p->live->act, session, now)
			     : wg_activity_on_tx(&p->live->act, session, now, false);
	worker_act(w, peer, p->live, act);
	/* The bytes are in our own buffer, which the next packet may need. */
	worker_flush_udp(w);
}

/* ---- what comes from the TUN ---- */

#define TO_SERVICE (DP_NO_PEER - 1) /* in place of a peer's slot */

/* The first step of outbound.h. False: *to says where it goes instead. */
static bool goes_to_peer(struct dp_worker *w, const struct dp_snapshot *s, struct span bytes,
			 uint32_t segments, struct pkt *pkt, uint32_t *to)
{
	struct net_result res = { 0 };
	*to = DP_NO_PEER;
	switch (outbound_classify(&s->own, bytes, pkt, mspan_of(w->echo, sizeof(w->echo)), &res)) {
	case OUT_PEER:
		return true;
	case OUT_ANSWER:
		worker_write(w, span_of(w->echo, res.answer_len));
		return false;
	case OUT_SERVICE:
		*to = TO_SERVICE;
		return false;
	case OUT_DROP:
		traffic_judged_out(res.verdict, segments);
		return false;
	}
	return false;
}

/* Decide about a packet, or about the segments of a super-packet at once: its peer, TO_SERVICE, or
 * DP_NO_PEER when it ends here. */
static uint32_t classify(struct dp_worker *w, const struct dp_snapshot *s, struct span bytes,
			 uint32_t segments)
{
	struct pkt pkt;
	uint32_t end;
	if (!goes_to_peer(w, s, bytes, segments, &pkt, &end))
		return end;
	uint32_t peer = wg_allowedips_lookup(s->tables->allowed, pkt.dst.ip);
	if (peer == WG_NO_PEER || peer >= s->n_peers || !s->peers[peer].live) {
		dp_count(DPC_TX_NO_PEER, segments);
		return DP_NO_PEER;
	}
	const struct dp_peer *p = &s->peers[peer];
	flt_note_out(worker_filter(s, p), worker_flows(w, p), &pkt);
	traffic_judged_out(FLT_PASS, segments);
	return peer;
}

/* Cut into our own memory at a constant distance, so that what is sealed there is one run. */
static void send_super(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		       const struct gso *g)
{
	struct mspan v[DP_BATCH];
	uint32_t full = (uint32_t)gso_segment_len(g, 0);
	size_t stride = DP_HEADROOM + full + wg_padding(full, s->tables->mtu) + DP_TAG;
	size_t room = WIRE_LEN / stride < DP_BATCH ? WIRE_LEN / stride : DP_BATCH;
	for (uint32_t done = 0; done < g->n;) {
		size_t k = g->n - done < room ? g->n - done : room;
		for (size_t i = 0; i < k; i++, done++) {
			v[i] =
			    mspan_of(w->wire + i * stride + DP_HEADROOM, gso_segment_len(g, done));
			gso_segment(g, done, v[i].p);
			outbound_rewrite(&s->own, &s->peers[peer].net, v[i]);
		}
		worker_send(w, s, now, peer, v, k, SEND_DATA);
		worker_flush_udp(w);
	}
}

/* Plain packets for one peer that wait to be sealed together, in the order they came. */
struct plain_run {
	struct mspan v[DP_BATCH];
	size_t n;
	uint32_t peer;
};

static void send_plain(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       struct plain_run *r)
{
	if (r->n > 0)
		worker_send(w, s, now, r->peer, r->v, r->n, SEND_DATA);
	r->n = 0;
}

static void add_plain(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		      const struct dp_frame *f, struct plain_run *r)
{
	if (gso_complete(&f->vnet, f->bytes) < 0) {
		dp_count(DPC_TX_BAD_FRAME, 1);
		return;
	}
	uint32_t peer = classify(w, s, span_const(f->bytes), 1);
	if (peer >= TO_SERVICE) {
		if (peer == TO_SERVICE)
			worker_service(w, s, now, wall, f->bytes);
		return;
	}
	outbound_rewrite(&s->own, &s->peers[peer].net, f->bytes);
	if (peer != r->peer)
		send_plain(w, s, now, r);
	r->peer = peer;
	r->v[r->n++] = f->bytes;
}

/* Several queries, or a part of a connection. */
static void super_to_service(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			     wall_t wall, const struct gso *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		struct mspan segment = mspan_of(w->wire, gso_segment_len(g, i));
		gso_segment(g, i, segment.p);
		worker_service(w, s, now, wall, segment);
	}
}

static void take_super(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		       const struct dp_frame *f)
{
	struct gso g;
	if (gso_parse(&f->vnet, span_const(f->bytes), &g) < 0) {
		dp_count(DPC_TX_BAD_FRAME, 1);
		return;
	}
	uint32_t peer = classify(w, s, span_const(f->bytes), g.n);
	if (peer < TO_SERVICE)
		send_super(w, s, now, peer, &g);
	else if (peer == TO_SERVICE)
		super_to_service(w, s, now, wall, &g);
}

void dp_worker_tun(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		   struct dp_frame *v, size_t n)
{
	struct plain_run run = { .n = 0, .peer = DP_NO_PEER };
	if (!s) {
		dp_count(DPC_TX_NO_SNAPSHOT, n);
		return;
	}
	worker_tick(w, now);
	for (size_t i = 0; i < n; i++) {
		if (v[i].vnet.gso_type == VNET_GSO_NONE) {
			add_plain(w, s, now, wall, &v[i], &run);
			continue;
		}
		send_plain(w, s, now, &run);
		take_super(w, s, now, wall, &v[i]);
	}
	send_plain(w, s, now, &run);
	worker_flush_udp(w);
}
