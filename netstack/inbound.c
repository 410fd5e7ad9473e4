/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/inbound.h"

#include "netstack/hdr.h"
#include "netstack/inner_wire.h"
#include "netstack/ip_nat.h"
#include "netstack/service.h"

#define ICMP_ERROR_HDR_LEN 8 /* before the quoted packet */

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

/* One of two ports on our own addresses; 0: neither address. */
static uint16_t own_port(const struct net_self *self, struct ip at, uint16_t port4, uint16_t port6)
{
	if (ip_is_set(at) && ip_eq(at, self->addr4))
		return port4;
	if (ip_is_set(at) && ip_eq(at, self->addr6))
		return port6;
	return 0;
}

static uint16_t peerapi_port(const struct net_self *self, struct ip at)
{
	return own_port(self, at, self->ports.peerapi4, self->ports.peerapi6);
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

static bool is_by_policy(enum flt_verdict v)
{
	return v == FLT_DROP_ACL || v == FLT_DROP_NOT_LOCAL || v == FLT_DROP_WITHDRAWN;
}

static enum in_action refuse(const struct inbound *in, const struct net_peer *peer,
			     const struct pkt *p, struct mspan out, struct net_result *res)
{
	if (!is_by_policy(res->verdict) || p->proto != IP_PROTO_TCP)
		return IN_DROP;
	if (is_to_peerapi(in->self, p)) {
		res->verdict = FLT_PASS;
		return IN_DELIVER;
	}
	/* Nobody is told of refused IPv6 or UDP, nor of a connection that is cut: so do the others,
	 * and it cannot amplify. */
	if (p->version != 4 || !(p->tcp_flags & TCP_SYN))
		return IN_DROP;
	struct tsmp_reject r = { .proto = p->proto, .src = p->src, .dst = p->dst };
	r.reason = flt_is_shields(in->filter) ? TSMP_SHIELDS : TSMP_ACL;
	return answer(in, peer, out, tsmp_reject_build(out, &r), res);
}

/* ---- ICMP errors ---- */

/* They pass without a rule, so that connections of ours learn of trouble; but one about a packet
 * that we cannot have sent is nothing to learn from. One that quotes no packet moves nobody. */
static bool is_about_ours(const struct inbound *in, const struct net_peer *peer,
			  const struct pkt *p, struct span bytes)
{
	struct rd r = rd_init(span_from(pkt_l4(p, bytes), ICMP_ERROR_HDR_LEN));
	bool v6 = p->version == 6;
	struct ip src = { .fam = v6 ? IP_V6 : IP_V4 };
	if (rd_left(&r) < (v6 ? IP6_HDR_LEN : IP4_HDR_LEN))
		return true;
	uint8_t version = rd_u8(&r) >> 4;
	rd_skip(&r, (v6 ? IP6_SRC : IP4_SRC) - 1);
	rd_copy(&r, src.b, ip_len(src));
	return version == p->version &&
	       (flt_is_local(in->filter, src) || ip_eq(src, v6 ? peer->masq6 : peer->masq4));
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

/* Services are for this host alone. An exit node may send from any address, also what would pass
 * for our own answers. */
static bool is_between_us(const struct net_self *self, const struct pkt *p)
{
	if (ip_is_service(p->src.ip) || ip_is_service(p->dst.ip))
		return true;
	if (p->proto != IP_PROTO_TCP)
		return false;
	uint16_t dns = own_port(self, p->dst.ip, self->ports.dns4, self->ports.dns6);
	return dns && p->dst.port == dns;
}

static enum in_action drop_own(struct net_result *res)
{
	res->verdict = FLT_DROP_OWN;
	return IN_DROP;
}

enum in_action inbound_packet(const struct inbound *in, const struct net_peer *peer,
			      struct mspan bytes, struct pkt *pkt, struct mspan out,
			      struct net_result *res)
{
	*res = (struct net_result){ .verdict = FLT_PASS };
	pkt_decode(span_const(bytes), pkt);
	unmasquerade(in->self, peer, bytes, pkt);
	if (is_between_us(in->self, pkt))
		return drop_own(res);
	if (pkt->proto == IP_PROTO_TSMP)
		return take_tsmp(in, peer, pkt, span_const(bytes), out, res);
	if (is_awaited(in, pkt, span_const(bytes)))
		return IN_CONTROL;
	if (inner_is_own_disco(in->self, pkt, span_const(bytes)))
		return drop_own(res);
	res->verdict = flt_in(in->filter, in->flows, pkt, bytes.len);
	if (res->verdict == FLT_PASS && pkt_is_icmp_error(pkt) &&
	    !is_about_ours(in, peer, pkt, span_const(bytes)))
		res->verdict = FLT_DROP_FOREIGN_ERROR;
	return res->verdict == FLT_PASS ? IN_DELIVER : refuse(in, peer, pkt, out, res);
}
