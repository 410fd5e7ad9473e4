/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This host -> service addresses: DNS by UDP is answered here or told to the control thread; by TCP
 * it goes back to this host, to a listener of ours (netstack/service_tcp.h). */
#include "daemon/dataplane/worker_priv.h"

#include "dns/local.h"
#include "netstack/service_tcp.h"
#include "netstack/service_udp.h"

_Static_assert(SERVICE_UDP_HDR_MAX + DNS_LOCAL_ANSWER_MAX <= DP_PACKET_MAX, "an answer fits echo");
_Static_assert(SERVICE_DNS_PORT == DNS_PORT, "");

static void forward(struct dp_worker *w, mono_t now, struct ep from, struct span query)
{
	struct dp_msg m = { .type = DP_EV_DNS, .peer = DP_NO_PEER, .ep = from };
	if (!dns_gate_admit(&w->dns, now, w->ops->waiting(w->arg), from)) {
		dp_count(DPC_DNS_OVERLOAD, 1);
		return;
	}
	if (worker_event(w, &m, query))
		dp_count(DPC_DNS_FORWARDED, 1);
}

static void answer(struct dp_worker *w, const struct pkt *p, size_t len)
{
	struct mspan packet = mspan_of(w->echo, sizeof(w->echo));
	packet.len = service_udp_build(packet, p->dst, p->src, len);
	if (packet.len == 0)
		return;
	worker_write(w, span_const(packet));
	dp_count(DPC_DNS_ANSWERED, 1);
}

/* Whoever has a route by way of this host could ask otherwise. */
static bool may_ask(const struct dp_snapshot *s, struct ip from)
{
	if (ip_eq(from, s->own.addr4) || ip_eq(from, s->own.addr6))
		return true;
	for (size_t i = 0; i < s->askers.n; i++)
		if (prefix_contains(s->askers.v[i], from))
			return true;
	return false;
}

static void on_udp(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		   const struct pkt *p, struct span bytes)
{
	struct mspan out = mspan_of(w->echo + service_udp_offset(p->src.ip), DNS_LOCAL_ANSWER_MAX);
	struct dns_query q;
	struct span query;
	size_t len = 0;
	/* Nobody sends from port 0, and what claims to come from us would only make us talk to
	 * ourselves. */
	if (p->dst.port != DNS_PORT || p->src.port == 0 || ip_is_service(p->src.ip)) {
		dp_count(DPC_TX_SERVICE, 1);
		return;
	}
	if (!may_ask(s, p->src.ip)) {
		dp_count(DPC_DNS_STRANGER, 1);
		return;
	}
	if (!service_udp_data(p, bytes, &query) || query.len > DNS_UDP_MAX) {
		dp_count(DPC_DNS_JUNK, 1);
		return;
	}
	switch (dns_local_answer(s->dns, wall, query, true, out, &len, &q)) {
	case DNS_LOCAL_ANSWER:
		answer(w, p, len);
		break;
	case DNS_LOCAL_FORWARD:
		forward(w, now, p->src, query);
		break;
	case DNS_LOCAL_DROP:
		dp_count(DPC_DNS_JUNK, 1);
		break;
	}
}

static void refuse_tcp(struct dp_worker *w, const struct pkt *p, struct span bytes)
{
	size_t len = ip_is_service(p->src.ip)
			 ? 0
			 : service_tcp_reset(mspan_of(w->echo, sizeof(w->echo)), p, bytes);
	if (len)
		worker_write(w, span_of(w->echo, len));
	dp_count(len ? DPC_TX_REFUSED : DPC_TX_SERVICE, 1);
}

static void on_tcp(struct dp_worker *w, const struct dp_snapshot *s, const struct pkt *p,
		   struct mspan bytes)
{
	enum service_tcp way = service_tcp_classify(&s->own, p);
	if (way == SERVICE_TCP_REFUSE) {
		refuse_tcp(w, p, span_const(bytes));
		return;
	}
	service_tcp_turn(way, &s->own, p, bytes);
	worker_write(w, span_of(bytes.p, p->len));
	dp_count(DPC_DNS_TCP, 1);
}

void worker_service(struct dp_worker *w, const struct dp_snapshot *s, mono_t now, wall_t wall,
		    struct mspan bytes)
{
	struct pkt p;
	pkt_decode(span_const(bytes), &p);
	if (p.proto == IP_PROTO_UDP)
		on_udp(w, s, now, wall, &p, span_const(bytes));
	else if (p.proto == IP_PROTO_TCP)
		on_tcp(w, s, &p, bytes);
	else
		dp_count(DPC_TX_SERVICE, 1);
}
