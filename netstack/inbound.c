/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/inbound.h"

#include "netstack/inner_wire.h"
#include "netstack/ip_nat.h"

/* ---- echo replies we wait for ---- */

static bool swap_token(struct echo_waits *w, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < ECHO_WAITS; i++) {
		if (atomic_load_explicit(&w->token[i], memory_order_relaxed) == from) {
			atomic_store_explicit(&w->token[i], to, memory_order_relaxed);
			return true;
		}
	}
	return false;
}

bool echo_waits_add(struct echo_waits *w, uint32_t token)
{
	return swap_token(w, 0, token);
}

void echo_waits_del(struct echo_waits *w, uint32_t token)
{
	swap_token(w, token, 0);
}

bool echo_waits_has(const struct echo_waits *w, uint32_t token)
{
	for (size_t i = 0; token && i < ECHO_WAITS; i++)
		if (atomic_load_explicit(&w->token[i], memory_order_relaxed) == token)
			return true;
	return false;
}

static bool is_awaited(const struct inbound *in, const struct pkt *p, struct span bytes)
{
	uint8_t token[4];
	if (!in->waits || !pkt_is_echo_reply(p) || !pkt_echo_token(p, bytes, token))
		return false;
	struct rd r = rd_init(span_of(token, sizeof(token)));
	return echo_waits_has(in->waits, rd_be32(&r));
}

/* ---- TSMP ---- */

/* An answer leaves as any packet of ours: from the address the peer knows. */
static enum in_action answer(const struct inbound *in, const struct net_peer *peer,
			     struct mspan out, size_t len, struct net_result *res)
{
	struct pkt p;
	if (len == 0)
		return IN_DROP;
	struct mspan bytes = mspan_of(out.p, len);
	pkt_decode(span_const(bytes), &p);
	inner_masquerade(in->self, peer, bytes, &p);
	res->answer_len = len;
	return IN_ANSWER;
}

static uint16_t peerapi_port(const struct net_self *self, struct ip at)
{
	if (ip_is_set(at) && ip_eq(at, self->addr4))
		return self->peerapi4;
	if (ip_is_set(at) && ip_eq(at, self->addr6))
		return self->peerapi6;
	return 0;
}

/* Answered or handed up before the filter: TSMP ends in us whatever the policy says. */
static enum in_action take_tsmp(const struct inbound *in, const struct net_peer *peer,
				const struct pkt *p, struct span bytes, struct mspan out,
				struct net_result *res)
{
	struct tsmp m;
	if (tsmp_parse(p, bytes, &m)) {
		res->verdict = FLT_DROP_OWN;
		return IN_DROP;
	}
	if (m.type != TSMP_PING)
		return IN_CONTROL;
	size_t len = tsmp_pong_build(out, p, m.data, peerapi_port(in->self, p->dst.ip));
	return answer(in, peer, out, len, res);
}

/* ---- refused packets ---- */

/* File sharing and the exit node's DNS must work under a policy that names neither. */
static bool is_to_peerapi(const struct net_self *self, const struct pkt *p)
{
	uint16_t port = peerapi_port(self, p->dst.ip);
	return port && p->dst.port == port;
}

static enum in_action refuse(const struct inbound *in, const struct net_peer *peer,
			     const struct pkt *p, struct mspan out, struct net_result *res)
{
	bool by_policy = res->verdict == FLT_DROP_ACL || res->verdict == FLT_DROP_NOT_LOCAL;
	if (!by_policy || p->proto != IP_PROTO_TCP || !(p->tcp_flags & TCP_SYN))
		return IN_DROP;
	if (is_to_peerapi(in->self, p)) {
		res->verdict = FLT_PASS;
		return IN_DELIVER;
	}
	/* Nobody is told of refused IPv6 or UDP: so do the others, and it cannot amplify. */
	if (p->version != 4)
		return IN_DROP;
	struct tsmp_reject r = { .proto = p->proto, .src = p->src, .dst = p->dst };
	r.reason = flt_is_shields(in->filter) ? TSMP_SHIELDS : TSMP_ACL;
	return answer(in, peer, out, tsmp_reject_build(out, &r), res);
}

/* ---- the way in ---- */

static void unmasquerade(const struct net_self *self, const struct net_peer *peer,
			 struct mspan bytes, struct pkt *p)
{
	const struct ip *known = p->version == 6 ? &peer->masq6 : &peer->masq4;
	const struct ip *own = p->version == 6 ? &self->addr6 : &self->addr4;
	if (ip_is_set(*known) && ip_is_set(*own) && ip_eq(p->dst.ip, *known))
		ip_nat_dst(bytes, p, *own);
}

enum in_action inbound_packet(const struct inbound *in, const struct net_peer *peer,
			      struct mspan bytes, struct pkt *pkt, struct mspan out,
			      struct net_result *res)
{
	*res = (struct net_result){ .verdict = FLT_PASS };
	pkt_decode(span_const(bytes), pkt);
	unmasquerade(in->self, peer, bytes, pkt);
	if (pkt->proto == IP_PROTO_TSMP)
		return take_tsmp(in, peer, pkt, span_const(bytes), out, res);
	if (is_awaited(in, pkt, span_const(bytes)))
		return IN_CONTROL;
	if (inner_is_own_disco(in->self, pkt, span_const(bytes))) {
		res->verdict = FLT_DROP_OWN;
		return IN_DROP;
	}
	res->verdict = flt_in(in->filter, in->flows, pkt, bytes.len);
	return res->verdict == FLT_PASS ? IN_DELIVER : refuse(in, peer, pkt, out, res);
}
