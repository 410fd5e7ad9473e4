/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/filter.h"

#include "netstack/filter_compile.h"
#include "netstack/filter_flows.h"

#define PACKET_MIN IP4_HDR_LEN

/* What a packet asks of the rules. */
struct query {
	const struct flt_side *side;
	struct ip_key src, dst;
	uint8_t proto;
	uint16_t port;
};

static bool is_metadata_service(struct ip ip)
{
	return ip_eq(ip, ip_v4(169, 254, 169, 254));
}

/* The checks of both directions. True: *v is the verdict already. */
static bool pre_check(const struct pkt *p, size_t buf_len, enum flt_verdict *v)
{
	*v = FLT_PASS;
	if (buf_len == 0)
		return true; /* keepalive */
	if (buf_len < PACKET_MIN)
		*v = FLT_DROP_TOO_SHORT;
	else if (p->proto == IP_PROTO_UNKNOWN)
		*v = FLT_DROP_UNKNOWN_PROTO;
	else if (ip_is_multicast(p->dst.ip))
		*v = FLT_DROP_MULTICAST;
	else if (ip_is_link_local(p->dst.ip) && !is_metadata_service(p->dst.ip))
		*v = FLT_DROP_LINK_LOCAL;
	else
		/* useless without its first fragment, which was judged */
		return p->proto == IP_PROTO_FRAGMENT;
	return true;
}

static bool keeps_state(const struct pkt *p)
{
	return p->proto == IP_PROTO_UDP || p->proto == IP_PROTO_SCTP;
}

/* ---- rules ---- */

static bool any_hit(void *arg, uint32_t value)
{
	(void)arg;
	(void)value;
	return true;
}

static bool ports_hit(void *arg, uint32_t value)
{
	const struct query *q = arg;
	const struct flt_ports *p = &q->side->ports[value];
	return p->first <= q->port && q->port <= p->last;
}

static bool all_ports_hit(void *arg, uint32_t value)
{
	const struct query *q = arg;
	const struct flt_ports *p = &q->side->ports[value];
	return p->first == 0 && p->last == UINT16_MAX;
}

static bool dst_found(struct query *q, uint32_t rule, key_hit_fn *fn)
{
	const struct flt_match *m = &q->side->rules[rule];
	return key_tree_find(&q->side->dsts, m->dst_begin, m->dst_end, q->dst, fn, q);
}

static bool rule_has_proto(const struct query *q, uint32_t rule)
{
	return flt_protos_has(&q->side->rules[rule].protos, q->proto);
}

static bool rule_allows_port(void *arg, uint32_t rule)
{
	return rule_has_proto(arg, rule) && dst_found(arg, rule, ports_hit);
}

static bool rule_allows_portless(void *arg, uint32_t rule)
{
	return rule_has_proto(arg, rule) && dst_found(arg, rule, all_ports_hit);
}

static bool rule_names_dst(void *arg, uint32_t rule)
{
	return dst_found(arg, rule, any_hit);
}

static bool by_source(struct query *q, const struct key_tree *sources, key_hit_fn *fn)
{
	return key_tree_find(sources, 0, sources->n, q->src, fn, q);
}

static bool port_allowed(struct query *q)
{
	return by_source(q, &q->side->srcs, rule_allows_port) ||
	       by_source(q, &q->side->caps, rule_allows_port);
}

/* Whoever may reach us at all may ping us; whoever holds a capability that any rule names may, too.
 */
static bool ping_allowed(struct query *q)
{
	return by_source(q, &q->side->srcs, rule_names_dst) ||
	       by_source(q, &q->side->caps, any_hit);
}

/* ---- verdicts ---- */

static const struct flt_side *side_of(const struct flt *f, const struct pkt *p)
{
	return &f->side[p->version == 6];
}

static bool is_local(const struct flt *f, const struct pkt *p)
{
	return key_set_has(&side_of(f, p)->local, ip_key_of(p->dst.ip));
}

static bool rules_allow(const struct flt *f, const struct pkt *p)
{
	struct query q = { side_of(f, p), ip_key_of(p->src.ip), ip_key_of(p->dst.ip), p->proto,
			   p->dst.port };
	switch (p->proto) {
	case IP_PROTO_TCP:
	case IP_PROTO_UDP:
	case IP_PROTO_SCTP:
		return port_allowed(&q);
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		if (p->proto == (p->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6))
			return ping_allowed(&q);
		/* fall through */
	default:
		return by_source(&q, &q.side->srcs, rule_allows_portless);
	}
}

/* Passes without a rule: it belongs to something we began, or it is TSMP, which ends in us. */
static bool is_answer(struct flt_flows *flows, const struct pkt *p)
{
	if (p->proto == IP_PROTO_TCP)
		return !pkt_is_tcp_syn(p);
	if (p->proto == IP_PROTO_TSMP)
		return true;
	if (keeps_state(p)) {
		struct flow_key k = flow_key_in(p);
		return flt_flows_use(flows, &k);
	}
	return pkt_is_echo_reply(p) || pkt_is_icmp_error(p);
}

enum flt_verdict flt_in(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			size_t buf_len)
{
	enum flt_verdict v;
	if (!f)
		return FLT_DROP_NO_FILTER;
	flt_flows_follow(flows, f->shields);
	if (pre_check(p, buf_len, &v))
		return v;
	/* Before all else: without it, TCP past its SYN would be relayed to anywhere. */
	if (!is_local(f, p))
		return FLT_DROP_NOT_LOCAL;
	if (is_answer(flows, p) || rules_allow(f, p))
		return FLT_PASS;
	return FLT_DROP_ACL;
}

void flt_note_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p)
{
	if (f)
		flt_flows_follow(flows, f->shields);
	if (!keeps_state(p))
		return;
	struct flow_key k = flow_key_out(p);
	flt_flows_note(flows, &k);
}

enum flt_verdict flt_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			 size_t buf_len)
{
	enum flt_verdict v;
	if (pre_check(p, buf_len, &v))
		return v;
	flt_note_out(f, flows, p);
	return FLT_PASS;
}

bool flt_allows_tcp(const struct flt *f, struct ip src, struct ep dst)
{
	struct pkt p = { .version = dst.ip.fam, .proto = IP_PROTO_TCP, .tcp_flags = TCP_SYN };
	p.src.ip = src;
	p.dst = dst;
	return f && src.fam == dst.ip.fam && is_local(f, &p) && rules_allow(f, &p);
}
