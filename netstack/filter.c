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

enum flt_verdict flt_check(const struct pkt *p, size_t buf_len)
{
	if (buf_len == 0)
		return FLT_PASS; /* keepalive */
	if (buf_len < PACKET_MIN)
		return FLT_DROP_TOO_SHORT;
	if (p->proto == IP_PROTO_UNKNOWN)
		return FLT_DROP_UNKNOWN_PROTO;
	if (ip_is_multicast(p->dst.ip))
		return FLT_DROP_MULTICAST;
	if (ip_is_link_local(p->dst.ip) && !is_metadata_service(p->dst.ip))
		return FLT_DROP_LINK_LOCAL;
	return FLT_PASS;
}

/* A later fragment is useless without its first one, which was judged. */
static bool needs_no_judge(const struct pkt *p, size_t buf_len)
{
	return buf_len == 0 || p->proto == IP_PROTO_FRAGMENT;
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

/* The rules that name a capability which the source holds. */
static bool cap_allows_port(void *arg, uint32_t cap)
{
	const struct query *q = arg;
	const struct flt_cap *c = &q->side->cap_names[cap];
	for (size_t i = c->begin; i < c->end; i++)
		if (rule_allows_port(arg, q->side->cap_rules[i]))
			return true;
	return false;
}

static bool port_allowed(struct query *q)
{
	return by_source(q, &q->side->srcs, rule_allows_port) ||
	       by_source(q, &q->side->caps, cap_allows_port);
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
	return flt_is_local(f, p->dst.ip);
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

static enum flt_verdict pass(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			     const struct flow_ref *r)
{
	if (!(p->tcp_flags & TCP_OPENS_OR_ENDS))
		flt_flows_set_last(flows, f->number, r);
	return FLT_PASS;
}

static enum flt_verdict judge_syn(const struct flt *f, struct flt_flows *flows, const struct pkt *p)
{
	if (!rules_allow(f, p))
		return FLT_DROP_ACL;
	struct flow_ref r = flt_flows_ref_in(flows, p);
	flt_flows_began_tcp(flows, &r, f->number);
	return FLT_PASS;
}

static enum flt_verdict judge_tcp(const struct flt *f, struct flt_flows *flows, const struct pkt *p)
{
	struct flow_ref r = flt_flows_ref_in(flows, p);
	if (flt_flows_is_ours_tcp(flows, &r, p->tcp_flags) ||
	    flt_flows_is_theirs_tcp(flows, &r, f->number))
		return pass(f, flows, p, &r);
	if (rules_allow(f, p)) {
		flt_flows_let_in_tcp(flows, &r, f->number);
		return pass(f, flows, p, &r);
	}
	if (f->narrowed)
		return FLT_DROP_WITHDRAWN;
	if (!(p->tcp_flags & TCP_OPENS_OR_ENDS))
		flt_flows_pick_up_tcp(flows, &r);
	return pass(f, flows, p, &r);
}

/* UDP, SCTP. */
static enum flt_verdict judge_state(const struct flt *f, struct flt_flows *flows,
				    const struct pkt *p)
{
	struct flow_ref r = flt_flows_ref_in(flows, p);
	if (flt_flows_is_ours(flows, &r) || flt_flows_is_theirs(flows, &r, f->number))
		return pass(f, flows, p, &r);
	if (rules_allow(f, p)) {
		flt_flows_let_in(flows, &r, f->number);
		return pass(f, flows, p, &r);
	}
	flt_flows_refused(flows, &r);
	return FLT_DROP_ACL;
}

static enum flt_verdict judge(const struct flt *f, struct flt_flows *flows, const struct pkt *p)
{
	if (pkt_is_tcp_syn(p))
		return judge_syn(f, flows, p);
	if (p->proto == IP_PROTO_TCP)
		return judge_tcp(f, flows, p);
	if (keeps_state(p))
		return judge_state(f, flows, p);
	/* TSMP ends in us. */
	bool answer = p->proto == IP_PROTO_TSMP || pkt_is_echo_reply(p) || pkt_is_icmp_error(p);
	return answer || rules_allow(f, p) ? FLT_PASS : FLT_DROP_ACL;
}

enum flt_verdict flt_in(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			size_t buf_len)
{
	if (!f)
		return FLT_DROP_NO_FILTER;
	if (flt_flows_is_last(flows, f->number, p))
		return FLT_PASS;
	flt_flows_follow(flows, f->shields);
	enum flt_verdict v = flt_check(p, buf_len);
	if (v != FLT_PASS || needs_no_judge(p, buf_len))
		return v;
	/* Before all else: without it, TCP past its SYN would be relayed to anywhere. */
	if (!is_local(f, p))
		return FLT_DROP_NOT_LOCAL;
	return judge(f, flows, p);
}

void flt_note_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p)
{
	if (f)
		flt_flows_follow(flows, f->shields);
	if (!keeps_state(p) && !pkt_is_tcp_syn(p))
		return;
	struct flow_key k = flow_key_out(p);
	flt_flows_note(flows, &k);
}

enum flt_verdict flt_out(const struct flt *f, struct flt_flows *flows, const struct pkt *p,
			 size_t buf_len)
{
	enum flt_verdict v = flt_check(p, buf_len);
	if (v == FLT_PASS && !needs_no_judge(p, buf_len))
		flt_note_out(f, flows, p);
	return v;
}

bool flt_is_local(const struct flt *f, struct ip ip)
{
	return key_set_has(&f->side[ip.fam == IP_V6].local, ip_key_of(ip));
}

bool flt_allows_tcp(const struct flt *f, struct ip src, struct ep dst)
{
	struct pkt p = { .version = dst.ip.fam, .proto = IP_PROTO_TCP, .tcp_flags = TCP_SYN };
	p.src.ip = src;
	p.dst = dst;
	return f && src.fam == dst.ip.fam && is_local(f, &p) && rules_allow(f, &p);
}
