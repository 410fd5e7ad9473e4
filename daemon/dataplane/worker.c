/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dataplane/worker_priv.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "netstack/flow_journal.h"
#include "wg/allowedips.h"
#include "wg/inner.h"

#include <stdlib.h>

struct dp_worker *dp_worker_new(const struct dp_worker_opts *o)
{
	struct dp_worker *w = xcalloc(1, sizeof(*w));
	w->ops = o->ops;
	w->arg = o->arg;
	w->waits = o->waits;
	w->flows = flt_flows_new(o->seed);
	w->jail_flows = flt_flows_new(~o->seed);
	w->staged = staged_new(DP_HEADROOM, DP_TAILROOM);
	w->gro = gro_new(JOIN_MAX, o->gro);
	w->intake = intake_new(o->rng);
	return w;
}

void dp_worker_free(struct dp_worker *w)
{
	if (!w)
		return;
	flt_flows_free(w->flows);
	flt_flows_free(w->jail_flows);
	staged_free(w->staged);
	gro_free(w->gro);
	intake_free(w->intake);
	wipe(w, sizeof(*w));
	free(w);
}

void dp_worker_set_gro(struct dp_worker *w, unsigned gro)
{
	gro_enable(w->gro, gro);
}

struct dp_flow_link {
	struct flow_journal *flows, *jail_flows;
};

struct dp_flow_link *dp_flow_link_new(struct dp_worker *sender, struct dp_worker *receiver)
{
	struct dp_flow_link *l = xcalloc(1, sizeof(*l));
	l->flows = flow_journal_new();
	l->jail_flows = flow_journal_new();
	flt_flows_write(sender->flows, l->flows);
	flt_flows_write(sender->jail_flows, l->jail_flows);
	flt_flows_read(receiver->flows, l->flows);
	flt_flows_read(receiver->jail_flows, l->jail_flows);
	return l;
}

void dp_flow_link_free(struct dp_flow_link *l)
{
	if (!l)
		return;
	flow_journal_free(l->flows);
	flow_journal_free(l->jail_flows);
	free(l);
}

bool worker_event(struct dp_worker *w, const struct dp_msg *m, struct span bytes)
{
	if (w->ops->event(w->arg, m, bytes))
		return true;
	dp_count(DPC_RING_FULL, 1);
	return false;
}

void worker_act(struct dp_worker *w, uint32_t peer, struct dp_live *live, unsigned act)
{
	if ((act & WG_ACT_WATCH) &&
	    !worker_event(w, &(struct dp_msg){ .type = DP_EV_ACTIVE, .peer = peer },
			  span_of(NULL, 0)))
		wg_activity_untold(&live->act);
	if (act & WG_ACT_REKEY)
		worker_event(w, &(struct dp_msg){ .type = DP_EV_WANT_SESSION, .peer = peer },
			     span_of(NULL, 0));
}

static void send_inner(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       const struct dp_msg *m, struct mspan bytes)
{
	if (bytes.len > DP_PACKET_MAX) {
		dp_count(DPC_TX_TOO_BIG, 1);
		return;
	}
	const struct dp_peer *p = &s->peers[m->peer];
	struct mspan packet = mspan_of(w->own + DP_HEADROOM, bytes.len);
	worker_tick(w, now);
	memcpy(packet.p, bytes.p, bytes.len);
	outbound_own(&s->own, &p->net, worker_filter(s, p), worker_flows(w, p), packet);
	worker_send(w, s, now, m->peer, &packet, 1, m->flag ? SEND_DATA : SEND_UNSTAGED);
}

/* Leave out what is not this peer's any more: an address may move while its packets wait. */
static size_t keep_own(const struct dp_snapshot *s, uint32_t peer, struct mspan *v, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (wg_allowedips_lookup(s->tables->allowed,
					 wg_inner_destination(span_const(v[i]))) == peer)
			v[kept++] = v[i];
	return kept;
}

size_t worker_send_staged(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
			  uint32_t peer)
{
	struct mspan v[DP_BATCH];
	const struct dp_peer *p = &s->peers[peer];
	size_t total = 0;
	/* The session may end meanwhile: what is still queued waits on. What was taken is not
	 * staged again, since its bytes lie in slots that are free already. */
	struct wg_session *session = dp_peer_session(p);
	while (session && wg_session_can_send(session, now)) {
		size_t n = staged_take(w->staged, peer, v, DP_BATCH);
		if (n == 0)
			break;
		size_t own = keep_own(s, peer, v, n);
		size_t sent = own ? worker_send(w, s, now, peer, v, own, SEND_UNSTAGED) : 0;
		dp_count(DPC_TX_STAGED_DROP, n - sent);
		total += sent;
	}
	/* Before a packet is put into one of those slots. */
	worker_flush_udp(w);
	return total;
}

/* There is a session to send on; flag: with a keepalive, if nothing else has waited for it. */
static void on_session(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       const struct dp_msg *m)
{
	struct wg_session *session = dp_peer_session(&s->peers[m->peer]);
	if (!session || !wg_session_can_send(session, now))
		return;
	if (worker_send_staged(w, s, now, m->peer) == 0 && m->flag)
		worker_keepalive(w, s, now, m->peer, false);
}

void worker_write(struct dp_worker *w, struct span packet)
{
	struct gro_item item = { .pieces = &packet, .n_pieces = 1 };
	w->ops->tun_write(w->arg, &item, 1);
}

bool dp_command_is_for_sender(const struct dp_msg *m)
{
	return m->type != DP_CMD_DERP_IN && m->type != DP_CMD_TUN_WRITE;
}

void dp_worker_command(struct dp_worker *w, const struct dp_snapshot *s, mono_t now,
		       const struct dp_msg *m, struct mspan bytes)
{
	if (m->type == DP_CMD_TUN_WRITE) {
		worker_write(w, span_const(bytes));
		return;
	}
	if (m->type == DP_CMD_DNS_FULL) {
		dns_gate_hold(&w->dns, now);
		return;
	}
	if (m->type == DP_CMD_DROP_STAGED) {
		dp_count(DPC_TX_STAGED_DROP, staged_drop(w->staged, m->peer));
		return;
	}
	if (!s || m->peer >= s->n_peers || !s->peers[m->peer].live)
		return;
	switch (m->type) {
	case DP_CMD_SESSION:
		on_session(w, s, now, m);
		break;
	case DP_CMD_SEND_INNER:
		send_inner(w, s, now, m, bytes);
		break;
	case DP_CMD_KEEPALIVE:
		if (staged_count(w->staged, m->peer) == 0)
			worker_keepalive(w, s, now, m->peer, true);
		break;
	case DP_CMD_DERP_IN:
		worker_relayed(w, s, now, m->peer, bytes, m->segment);
		break;
	default:
		break;
	}
	worker_flush_udp(w);
}
