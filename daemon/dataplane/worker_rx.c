/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers -> TUN. */
#include "daemon/dataplane/worker_priv.h"

#include "magicsock/demux.h"
#include "wg/allowedips.h"
#include "wg/inner.h"

static void flush_deliver(struct dp_worker *w)
{
	if (w->n_deliver > 0)
		w->ops->tun_write(w->arg, w->deliver, w->n_deliver);
	w->n_deliver = 0;
}

static void flush_answers(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			  const struct dp_index *x)
{
	if (w->n_answers == 0)
		return;
	worker_answer(w, s, now, x, w->answer, w->n_answers);
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
		.self = &s->tables->self,
		.filter = worker_filter(s, p),
		.flows = worker_flows(w, p),
		.waits = w->waits,
	};
	if (w->n_answers == ANSWERS_MAX)
		flush_answers(w, s, now, x);
	struct mspan room = mspan_of(w->answers[w->n_answers] + DP_HEADROOM, TSMP_PACKET_MAX);
	enum in_action action = inbound_packet(&in, &p->net, packet, &pkt, room, &res);
	traffic_judged_in(res.verdict);
	switch (action) {
	case IN_DELIVER:
		w->deliver[w->n_deliver++] = span_const(packet);
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
	bool data = false;
	for (size_t i = 0; i < n; i++) {
		enum wg_open_verdict v = w->open[i].verdict;
		if (v != WG_OPEN_DATA && v != WG_OPEN_KEEPALIVE) {
			count_bad(v);
			continue;
		}
		bytes += w->open[i].len + WG_TRANSPORT_MIN;
		if (v == WG_OPEN_DATA) {
			data = true;
			opened(w, s, now, x, &w->open[i]);
		}
	}
	if (good == 0)
		return;
	atomic_fetch_add_explicit(&p->live->rx_bytes, bytes, memory_order_relaxed);
	traffic_in(kind, good, bytes);
	if (x->is_next)
		worker_event(
		    w,
		    &(struct dp_msg){ .type = DP_EV_CONFIRMED, .peer = x->peer, .index = x->index },
		    span_of(NULL, 0));
	worker_act(w, x->peer, p->live, wg_activity_on_rx(&p->live->act, p->current, now, data));
	flush_answers(w, s, now, x);
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

static void to_control(struct dp_worker *w, const struct dp_datagram *d)
{
	worker_event(w, &(struct dp_msg){ .type = DP_EV_DATAGRAM, .peer = DP_NO_PEER, .ep = d->ep },
		     span_const(d->bytes));
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
				       const struct dp_datagram *d)
{
	struct span bytes = span_const(d->bytes);
	if (ms_classify(bytes, NULL) != MS_WG) {
		to_control(w, d);
		return NULL;
	}
	const struct dp_index *x;
	switch (wg_classify(bytes)) {
	case WG_KIND_TRANSPORT:
		x = s ? session_of(s, bytes) : NULL;
		if (s && !x)
			no_session(w, now, d->ep);
		return x;
	case WG_KIND_NONE:
		dp_count(DPC_RX_JUNK, 1);
		return NULL;
	default:
		to_control(w, d);
		return NULL;
	}
}

static enum dp_path_kind kind_of(struct ep from)
{
	return from.ip.fam == IP_V6 ? DP_DIRECT6 : DP_DIRECT4;
}

void dp_worker_udp(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		   struct dp_datagram *v, size_t n)
{
	const struct dp_index *run = NULL;
	enum dp_path_kind kind = DP_DIRECT4;
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		const struct dp_index *x = sort_out(w, s, now, &v[i]);
		if (!x)
			continue;
		if (k > 0 && (x != run || kind_of(v[i].ep) != kind)) {
			open_run(w, s, now, run, kind, k);
			k = 0;
		}
		run = x;
		kind = kind_of(v[i].ep);
		w->open[k++] =
		    (struct wg_open_item){ .p = v[i].bytes.p, .len = (uint32_t)v[i].bytes.len };
	}
	if (k > 0)
		open_run(w, s, now, run, kind, k);
	flush_deliver(w);
}

void worker_relayed(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, uint32_t peer,
		    struct mspan bytes)
{
	if (wg_classify(span_const(bytes)) != WG_KIND_TRANSPORT) {
		dp_count(DPC_RX_JUNK, 1);
		return;
	}
	const struct dp_index *x = session_of(s, span_const(bytes));
	if (!x)
		return;
	if (x->peer != peer) {
		dp_count(DPC_RX_WRONG_PEER, 1);
		return;
	}
	w->open[0] = (struct wg_open_item){ .p = bytes.p, .len = (uint32_t)bytes.len };
	open_run(w, s, now, x, DP_RELAY, 1);
	flush_deliver(w);
}
