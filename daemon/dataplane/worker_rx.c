/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers -> TUN. */
#include "daemon/dataplane/worker_priv.h"

#include "magicsock/demux.h"
#include "magicsock/udp_run.h"
#include "wg/allowedips.h"
#include "wg/inner.h"

static void flush_joined(struct dp_worker *w)
{
	const struct gro_item *items;
	if (w->n_passed > 0)
		traffic_judged_in(FLT_PASS, w->n_passed);
	w->n_passed = 0;
	if (w->n_joined == 0)
		return;
	size_t n = gro_items(w->gro, &items);
	w->ops->tun_write(w->arg, items, n);
	gro_reset(w->gro);
	w->n_joined = 0;
}

static void deliver(struct dp_worker *w, struct mspan packet)
{
	if (w->n_joined == JOIN_MAX)
		flush_joined(w);
	gro_add(w->gro, packet);
	w->n_joined++;
}

/* Nothing is staged: an answer makes nobody shake hands. */
static void flush_answers(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			  uint32_t peer)
{
	if (w->n_answers == 0)
		return;
	worker_send(w, s, now, peer, w->answer, w->n_answers, SEND_UNSTAGED);
	worker_flush_udp(w);
	w->n_answers = 0;
}

static void hand_up(struct dp_worker *w, uint32_t peer, struct span packet)
{
	worker_event(w, &(struct dp_msg){ .type = DP_EV_INNER, .peer = peer }, packet);
}

/* One decrypted packet, without its padding. */
static void inner(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		  const struct dp_index *x, struct mspan packet)
{
	const struct dp_peer *p = &s->peers[x->peer];
	struct pkt pkt;
	struct net_result res = { 0 };
	struct inbound in = {
		.self = &s->own,
		.filter = worker_filter(s, p),
		.flows = worker_flows(w, p),
		.waits = w->waits,
	};
	if (w->n_answers == ANSWERS_MAX)
		flush_answers(w, s, now, x->peer);
	struct mspan room = mspan_of(w->answers[w->n_answers] + DP_HEADROOM, TSMP_PACKET_MAX);
	enum in_action action = inbound_packet(&in, &p->net, packet, &pkt, room, &res);
	if (res.verdict == FLT_PASS)
		w->n_passed++;
	else
		traffic_judged_in(res.verdict, 1);
	w->last = span_of(NULL, 0);
	switch (action) {
	case IN_DELIVER:
		deliver(w, packet);
		if (!ip_is_set(p->net.masq4) && !ip_is_set(p->net.masq6))
			w->last = span_const(packet);
		break;
	case IN_ANSWER:
		w->answer[w->n_answers++] = mspan_of(room.p, res.answer_len);
		break;
	case IN_CONTROL:
		hand_up(w, x->peer, span_const(packet));
		break;
	case IN_DROP:
		break;
	}
}

static void count_bad(enum wg_open_verdict v)
{
	switch (v) {
	case WG_OPEN_AUTH:
		dp_count(DPC_RX_AUTH, 1);
		break;
	case WG_OPEN_REPLAY:
		dp_count(DPC_RX_REPLAY, 1);
		break;
	case WG_OPEN_EXPIRED:
	case WG_OPEN_COUNTER:
		dp_count(DPC_RX_EXPIRED, 1);
		break;
	default:
		dp_count(DPC_RX_JUNK, 1);
		break;
	}
}

/* Look at one opened datagram. */
static void opened(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   const struct dp_index *x, const struct wg_open_item *item)
{
	struct mspan text = mspan_of(item->p + WG_HEADER_LEN, item->len);
	size_t len = wg_inner_len(span_const(text));
	if (len == 0) {
		dp_count(DPC_RX_INNER, 1);
		return;
	}
	text.len = len;
	if (pkt_continues_tcp(w->last, span_const(text))) {
		w->n_passed++;
		deliver(w, text);
		return;
	}
	if (!wg_allowedips_source_ok(s->tables->allowed, x->peer,
				     wg_inner_source(span_const(text)))) {
		dp_count(DPC_RX_SOURCE, 1);
		return;
	}
	inner(w, s, now, x, text);
}

/* Datagrams of one session, n <= DP_BATCH, that came the same way. */
static void open_run(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		     const struct dp_index *x, enum dp_path_kind kind, size_t n)
{
	const struct dp_peer *p = &s->peers[x->peer];
	size_t good = wg_session_open(x->session, now, w->open, n);
	size_t bytes = 0;
	unsigned replays = 0;
	bool data = false;
	w->last = span_of(NULL, 0);
	for (size_t i = 0; i < n; i++) {
		enum wg_open_verdict v = w->open[i].verdict;
		if (v != WG_OPEN_DATA && v != WG_OPEN_KEEPALIVE) {
			count_bad(v);
			replays += v == WG_OPEN_REPLAY;
			continue;
		}
		bytes += w->open[i].len + WG_TRANSPORT_MIN;
		if (v == WG_OPEN_DATA) {
			data = true;
			opened(w, s, now, x, &w->open[i]);
		}
	}
	if (replays)
		intake_replayed(w->intake, now, replays);
	if (good == 0)
		return;
	atomic_fetch_add_explicit(&p->live->rx_bytes, bytes, memory_order_relaxed);
	traffic_in(kind, good, bytes);
	if (x->is_next)
		worker_event(
		    w,
		    &(struct dp_msg){ .type = DP_EV_CONFIRMED, .peer = x->peer, .index = x->index },
		    span_of(NULL, 0));
	worker_act(w, x->peer, p->live,
		   wg_activity_on_rx(&p->live->act, dp_peer_session(p), now, data));
	flush_answers(w, s, now, x->peer);
}

static const struct dp_index *session_of(const struct dp_snapshot *s, struct span datagram)
{
	const struct dp_index *x = dp_snapshot_find(s, wg_transport_receiver(datagram));
	if (!x || x->peer >= s->n_peers || !s->peers[x->peer].live) {
		dp_count(DPC_RX_NO_INDEX, 1);
		return NULL;
	}
	return x;
}

static void to_control(struct dp_worker *w, enum dp_msg_type type, struct ep from,
		       struct span datagram)
{
	struct dp_msg m = { .type = (uint8_t)type, .peer = DP_NO_PEER, .ep = from };
	worker_event(w, &m, datagram);
}

/* Counted in w->n_replies until the batch leaves. */
static void send_reply(struct dp_worker *w, struct ep to)
{
	struct mspan bytes =
	    mspan_of((uint8_t *)&w->reply[w->n_replies++], sizeof(struct wg_cookie_reply));
	w->udp[w->n_udp++] = (struct dp_datagram){ .ep = to, .bytes = bytes, .peer = DP_NO_PEER };
}

/* Handshakes, disco, STUN. */
static void other(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, struct ep from,
		  struct span datagram)
{
	if (w->n_replies == REPLIES_MAX || w->n_udp == DP_BATCH)
		worker_flush_udp(w);
	switch (intake_judge(w->intake, s, now, w->ops->waiting(w->arg), from, datagram,
			     &w->reply[w->n_replies])) {
	case INTAKE_TELL:
		to_control(w, DP_EV_DATAGRAM, from, datagram);
		break;
	case INTAKE_ADMIT:
		to_control(w, DP_EV_HANDSHAKE, from, datagram);
		break;
	case INTAKE_REPLY:
		send_reply(w, from);
		break;
	case INTAKE_DROP:
		break;
	}
}

/* A peer may go on with a session that we lost in a restart; only a new handshake tells it so. */
static void no_session(struct dp_worker *w, mono_t now, struct ep from)
{
	if (!mono_is_zero(w->told_no_session) &&
	    !mono_due(mono_add_ms(w->told_no_session, DP_NO_SESSION_MS), now))
		return;
	w->told_no_session = now;
	worker_event(w,
		     &(struct dp_msg){ .type = DP_EV_NO_SESSION, .peer = DP_NO_PEER, .ep = from },
		     span_of(NULL, 0));
}

/* The session of a transport datagram; NULL when the datagram has been dealt with. */
static const struct dp_index *sort_out(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
				       struct ep from, struct span datagram)
{
	if (ms_classify(datagram, NULL) != MS_WG || wg_classify(datagram) != WG_KIND_TRANSPORT) {
		other(w, s, now, from, datagram);
		return NULL;
	}
	const struct dp_index *x = s ? session_of(s, datagram) : NULL;
	if (s && !x) {
		intake_lost(w->intake, now);
		no_session(w, now, from);
	}
	return x;
}

struct intake_overload dp_worker_overload(struct dp_worker *w, mono_t now)
{
	return intake_overload(w->intake, now);
}

static enum dp_path_kind kind_of(struct ep from)
{
	return from.ip.fam == IP_V6 ? DP_DIRECT6 : DP_DIRECT4;
}

/* Datagrams of one session that wait to be opened together, in w->open. */
struct open_batch {
	const struct dp_index *x;
	enum dp_path_kind kind;
	size_t n;
};

static void open_batch(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       struct open_batch *b)
{
	if (b->n > 0)
		open_run(w, s, now, b->x, b->kind, b->n);
	b->n = 0;
}

static void add_to_batch(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			 struct open_batch *b, const struct dp_index *x, enum dp_path_kind kind,
			 struct mspan datagram)
{
	if (b->n == DP_BATCH || x != b->x || kind != b->kind)
		open_batch(w, s, now, b);
	b->x = x;
	b->kind = kind;
	w->open[b->n++] = (struct wg_open_item){ .p = datagram.p, .len = (uint32_t)datagram.len };
}

/* Take the first datagram off a run. */
static struct mspan take_datagram(struct mspan *run, size_t segment)
{
	struct mspan d = mspan_of(run->p, udp_run_first(run->len, segment));
	*run = mspan_of(run->p + d.len, run->len - d.len);
	return d;
}

/* Mostly the next datagram belongs to the same session as the one before it: the eight bytes that
 * tell its kind and session are the same. */
static bool same_session(const struct dp_worker *w, const struct open_batch *b, struct mspan next)
{
	return b->n > 0 && next.len >= WG_TRANSPORT_MIN &&
	       memcmp(w->open[b->n - 1].p, next.p, 8) == 0;
}

static void take_run(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		     struct open_batch *b, const struct dp_datagram *v)
{
	struct mspan run = v->bytes;
	if (run.len == 0)
		dp_count(DPC_RX_JUNK, 1);
	while (run.len > 0) {
		struct mspan d = take_datagram(&run, v->segment);
		const struct dp_index *x =
		    same_session(w, b, d) ? b->x : sort_out(w, s, now, v->ep, span_const(d));
		if (x)
			add_to_batch(w, s, now, b, x, kind_of(v->ep), d);
	}
}

void dp_worker_udp(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   const struct dp_datagram *v, size_t n)
{
	struct open_batch b = { .n = 0 };
	worker_tick(w, now);
	for (size_t i = 0; i < n; i++)
		take_run(w, s, now, &b, &v[i]);
	open_batch(w, s, now, &b);
	flush_joined(w);
	worker_flush_udp(w);
}

/* NULL: dropped. */
static const struct dp_index *sort_out_relayed(const struct dp_snapshot *s, uint32_t peer,
					       struct span datagram)
{
	if (wg_classify(datagram) != WG_KIND_TRANSPORT) {
		dp_count(DPC_RX_JUNK, 1);
		return NULL;
	}
	const struct dp_index *x = session_of(s, datagram);
	if (x && x->peer != peer) {
		dp_count(DPC_RX_WRONG_PEER, 1);
		return NULL;
	}
	return x;
}

void worker_relayed(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		    struct mspan run, size_t segment)
{
	struct open_batch b = { .n = 0 };
	worker_tick(w, now);
	while (run.len > 0) {
		struct mspan d = take_datagram(&run, segment);
		const struct dp_index *x = sort_out_relayed(s, peer, span_const(d));
		if (x)
			add_to_batch(w, s, now, &b, x, DP_RELAY, d);
	}
	open_batch(w, s, now, &b);
	flush_joined(w);
}
