/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slow_filter.h: the verdict of spec/routing.md 7.4 by plain loops over plain rules, and who opened
 * which flow by plain lists, to compare the compiled filter with. Shares only the decoder and the
 * rule values with it. Time stands still. */
#ifndef TESTS_FUZZ_NETSTACK_SLOW_FILTER_H
#define TESTS_FUZZ_NETSTACK_SLOW_FILTER_H

#include "netstack/filter.h"

#include <string.h>

#define SLOW_FLOWS_MAX 2000 /* of packets in one run, so that no table but the first is ever full  \
			     */

struct slow_flow {
	uint8_t proto;
	struct ep src, dst; /* as it comes in */
};

/* Oldest first. */
struct slow_flows {
	struct slow_flow v[SLOW_FLOWS_MAX];
	size_t n;
};

struct slow {
	const struct flt_rules *rules;
	const struct prefix *local;
	size_t n_local;
	const struct flt_cap_holder *holders;
	size_t n_holders;
	bool narrowed;
	struct slow_flows ours, theirs, ours_tcp, older_tcp;
};

static inline bool slow_between(struct ip_range r, struct ip ip)
{
	return r.first.fam == ip.fam && memcmp(r.first.b, ip.b, 16) <= 0 &&
	       memcmp(ip.b, r.last.b, 16) <= 0;
}

static inline bool slow_src(const struct flt_rule *r, struct ip ip)
{
	for (size_t i = 0; i < r->n_srcs; i++)
		if (slow_between(r->srcs[i], ip))
			return true;
	return false;
}

static inline bool slow_cap(const struct slow *s, const struct flt_rule *r, struct ip ip)
{
	for (size_t i = 0; i < r->n_src_caps; i++)
		for (size_t k = 0; k < s->n_holders; k++)
			if (ip_eq(s->holders[k].ip, ip) &&
			    strcmp(s->holders[k].cap, r->src_caps[i]) == 0)
				return true;
	return false;
}

/* Has the rule a source and a destination of the family? */
static inline bool slow_in_list(const struct flt_rule *r, uint8_t fam)
{
	bool src = r->n_src_caps > 0, dst = false;
	for (size_t i = 0; i < r->n_srcs; i++)
		src |= r->srcs[i].first.fam == fam;
	for (size_t i = 0; i < r->n_dsts; i++)
		dst |= r->dsts[i].net.first.fam == fam;
	return src && dst;
}

enum slow_ports { SLOW_THIS_PORT, SLOW_ANY_PORT, SLOW_ALL_PORTS };

static inline bool slow_dst(const struct flt_rule *r, struct ep to, enum slow_ports how)
{
	for (size_t i = 0; i < r->n_dsts; i++) {
		const struct flt_dst *d = &r->dsts[i];
		bool ports = how == SLOW_ANY_PORT ||
			     (how == SLOW_THIS_PORT && d->first <= to.port && to.port <= d->last) ||
			     (how == SLOW_ALL_PORTS && d->first == 0 && d->last == 65535);
		if (ports && slow_between(d->net, to.ip))
			return true;
	}
	return false;
}

static inline bool slow_rule(const struct slow *s, const struct flt_rule *r, const struct pkt *p)
{
	if (!slow_in_list(r, p->version))
		return false;
	bool proto = flt_protos_has(&r->protos, p->proto);
	bool src = slow_src(r, p->src.ip), cap = slow_cap(s, r, p->src.ip);
	if (p->proto == (p->version == 4 ? 1 : 58))
		return cap || (src && slow_dst(r, p->dst, SLOW_ANY_PORT));
	if (p->proto == 6 || p->proto == 17 || p->proto == 132)
		return proto && (src || cap) && slow_dst(r, p->dst, SLOW_THIS_PORT);
	return proto && src && slow_dst(r, p->dst, SLOW_ALL_PORTS);
}

static inline size_t slow_find(const struct slow_flows *f, struct slow_flow k)
{
	size_t i = 0;
	while (i < f->n && !(f->v[i].proto == k.proto && ep_eq(f->v[i].src, k.src) &&
			     ep_eq(f->v[i].dst, k.dst)))
		i++;
	return i;
}

static inline bool slow_del(struct slow_flows *f, struct slow_flow k)
{
	size_t i = slow_find(f, k);
	if (i == f->n)
		return false;
	memmove(&f->v[i], &f->v[i + 1], (--f->n - i) * sizeof(f->v[0]));
	return true;
}

/* As the most recent one of at most max. */
static inline void slow_put(struct slow_flows *f, struct slow_flow k, size_t max)
{
	slow_del(f, k);
	if (f->n == max)
		memmove(&f->v[0], &f->v[1], --f->n * sizeof(f->v[0]));
	f->v[f->n++] = k;
}

static inline bool slow_has(const struct slow_flows *f, struct slow_flow k)
{
	return slow_find(f, k) < f->n;
}

/* True: decided. */
static inline bool slow_pre(const struct pkt *p, size_t len, enum flt_verdict *v)
{
	static const uint8_t metadata[4] = { 169, 254, 169, 254 };
	const uint8_t *d = p->dst.ip.b;
	bool v4 = p->version == 4;
	*v = FLT_PASS;
	if (len == 0)
		return true;
	if (len < 20)
		*v = FLT_DROP_TOO_SHORT;
	else if (p->proto == 0)
		*v = FLT_DROP_UNKNOWN_PROTO;
	else if (v4 ? d[0] >= 224 && d[0] < 240 : d[0] == 0xff)
		*v = FLT_DROP_MULTICAST;
	else if (v4 ? d[0] == 169 && d[1] == 254 && memcmp(d, metadata, 4) != 0
		    : d[0] == 0xfe && (d[1] & 0xc0) == 0x80)
		*v = FLT_DROP_LINK_LOCAL;
	return *v != FLT_PASS || p->proto == 255;
}

static inline bool slow_is_syn(const struct pkt *p)
{
	return p->proto == 6 && (p->tcp_flags & 0x12) == 2;
}

static inline enum flt_verdict slow_verdict_out(struct slow *s, const struct pkt *p, size_t len)
{
	enum flt_verdict v;
	struct slow_flow k = { p->proto, p->dst, p->src };
	if (slow_pre(p, len, &v))
		return v;
	if (slow_is_syn(p))
		slow_put(&s->ours_tcp, k, SLOW_FLOWS_MAX);
	if ((p->proto == 17 || p->proto == 132) && !slow_has(&s->theirs, k))
		slow_put(&s->ours, k, FLT_FLOWS);
	return v;
}

static inline bool slow_rules(const struct slow *s, const struct pkt *p)
{
	for (size_t i = 0; i < s->rules->n; i++)
		if (slow_rule(s, &s->rules->v[i], p))
			return true;
	return false;
}

static inline enum flt_verdict slow_tcp(struct slow *s, const struct pkt *p)
{
	struct slow_flow k = { p->proto, p->src, p->dst };
	bool allowed = slow_rules(s, p);
	if (slow_is_syn(p) && allowed) {
		slow_del(&s->ours_tcp, k);
		slow_del(&s->older_tcp, k);
	}
	if (slow_is_syn(p))
		return allowed ? FLT_PASS : FLT_DROP_ACL;
	if (allowed || slow_has(&s->ours_tcp, k) || slow_has(&s->older_tcp, k))
		return FLT_PASS;
	if (s->narrowed)
		return FLT_DROP_WITHDRAWN;
	if ((p->tcp_flags & 7) == 0)
		slow_put(&s->older_tcp, k, SLOW_FLOWS_MAX);
	return FLT_PASS;
}

static inline enum flt_verdict slow_state(struct slow *s, const struct pkt *p)
{
	struct slow_flow k = { p->proto, p->src, p->dst };
	bool allowed = slow_rules(s, p), ours = slow_has(&s->ours, k);
	if (ours)
		slow_put(&s->ours, k, FLT_FLOWS);
	else if (allowed)
		slow_put(&s->theirs, k, SLOW_FLOWS_MAX);
	return ours || allowed ? FLT_PASS : FLT_DROP_ACL;
}

static inline enum flt_verdict slow_verdict_in(struct slow *s, const struct pkt *p, size_t len)
{
	enum flt_verdict v;
	bool local = false;
	if (slow_pre(p, len, &v))
		return v;
	for (size_t i = 0; i < s->n_local; i++)
		local |= prefix_contains(s->local[i], p->dst.ip);
	if (!local)
		return FLT_DROP_NOT_LOCAL;
	if (p->proto == 6)
		return slow_tcp(s, p);
	if (p->proto == 17 || p->proto == 132)
		return slow_state(s, p);
	if (p->proto == 99 || pkt_is_echo_reply(p) || pkt_is_icmp_error(p))
		return FLT_PASS;
	return slow_rules(s, p) ? FLT_PASS : FLT_DROP_ACL;
}

#endif
