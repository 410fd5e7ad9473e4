/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packetfilter.json: verdicts with state, the decoder's view, set texts, capabilities, the local
 * set of an exit node, and the rule lists a Headscale really sends. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "netstack/filter_caps.h"
#include "netstack/filter_parse.h"
#include "netstack/local_set.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const char *what, const char *where, size_t i)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s, %s, %zu\n", what, where, i);
}

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };
	if (!text || ip_decode(span_str(text), &ip)) {
		printf("no address: %s\n", text ? text : "(absent)");
		exit(1);
	}
	return ip;
}

static void add_prefixes(struct ranges *out, const json_t *list)
{
	struct prefix p;
	for (size_t i = 0; i < j_len(list); i++) {
		if (prefix_decode(j_text_span(j_at(list, i)), &p))
			exit(1);
		ranges_add_prefix(out, p);
	}
	ranges_sort(out);
}

/* ---- cases ---- */

struct run {
	const char *name;
	const json_t *caps; /* node_caps_by_ip */
	struct ranges local;
	struct flt *filter;
	struct flt_flows *flows;
};

static size_t holders_of(json_t *by_ip, struct flt_cap_holder out[static 16])
{
	size_t n = 0;
	for (void *it = by_ip ? j_iter(by_ip) : NULL; it; it = j_iter_next(by_ip, it))
		for (size_t i = 0; i < j_len(j_iter_value(it)) && n < 16; i++)
			out[n++] = (struct flt_cap_holder){ ip_of(j_iter_key(it)),
							    j_text(j_at(j_iter_value(it), i)) };
	return n;
}

static void set_filter(struct run *r, const json_t *obj)
{
	struct flt_cap_holder holders[16];
	struct flt_parse_error err;
	struct flt_rules rules = { 0 };
	size_t n = holders_of((json_t *)(uintptr_t)r->caps, holders);
	check(flt_rules_parse(j_get(obj, "rules"), &rules, &err) == 0 && !err.text[0], r->name,
	      "rules parse", 0);
	flt_free(r->filter);
	r->filter = j_bool(obj, "shields_up", false) ? flt_new_shields(&r->local)
						     : flt_new(&rules, &r->local, holders, n);
	flt_rules_fini(&rules);
}

static bool same_ip(struct ip ip, const char *text)
{
	return text && ip_eq(ip, ip_of(text));
}

/* The one place where we refuse what the reference lets in: spec/routing.md 7.3, "header length <
 * 20
 * ... we SHOULD refuse it". */
static bool has_short_header(struct span packet)
{
	return packet.len >= 20 && packet.p[0] >> 4 == 4 && (packet.p[0] & 0xf) < 5;
}

static void check_parsed(const struct run *r, const json_t *want, const struct pkt *p, size_t i)
{
	int64_t proto = j_int(want, "proto", -1);
	check(p->version == j_int(want, "ip_version", -1), r->name, "version", i);
	check(p->proto == proto, r->name, "protocol", i);
	if (proto == 0)
		return;
	check(same_ip(p->src.ip, j_str(want, "src")), r->name, "source", i);
	check(same_ip(p->dst.ip, j_str(want, "dst")), r->name, "destination", i);
	check(p->src.port == j_int(want, "sport", 0), r->name, "source port", i);
	check(p->dst.port == j_int(want, "dport", 0), r->name, "destination port", i);
	check(p->tcp_flags == j_int(want, "tcp_flags", 0), r->name, "flags", i);
	check(pkt_is_tcp_syn(p) == j_bool(want, "is_tcp_syn", false), r->name, "SYN", i);
	check(pkt_is_echo_request(p) == j_bool(want, "echo_request", false), r->name, "echo", i);
	/* The number of ICMPv4 inside IPv6 is no echo reply for us; the verdict is the same. */
	if (p->version != 6 || p->proto != IP_PROTO_ICMP)
		check(pkt_is_echo_reply(p) == j_bool(want, "echo_response", false), r->name,
		      "reply", i);
	check(pkt_is_icmp_error(p) == j_bool(want, "icmp_error", false), r->name, "error", i);
}

static enum flt_verdict wanted(const char *reason)
{
	static const struct {
		const char *text;
		enum flt_verdict v;
	} drops[] = {
		{ "too_short", FLT_DROP_TOO_SHORT },
		{ "unknown_protocol", FLT_DROP_UNKNOWN_PROTO },
		{ "multicast", FLT_DROP_MULTICAST },
		{ "link_local_unicast", FLT_DROP_LINK_LOCAL },
		{ "destination not allowed", FLT_DROP_NOT_LOCAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(drops); i++)
		if (str_cmp(reason, drops[i].text) == 0)
			return drops[i].v;
	return FLT_DROP_ACL;
}

static void packet(struct run *r, const json_t *step, size_t i)
{
	size_t len, at = (size_t)j_int(step, "increment_u16be_at", 0);
	uint8_t *b = vec_hex(step, "packet", &len);
	bool out = str_cmp(j_str(step, "dir"), "out") == 0;
	enum flt_verdict want = str_cmp(j_str(step, "verdict"), "Accept") == 0
				    ? FLT_PASS
				    : wanted(j_str(step, "reason"));
	bool refused = has_short_header(span_of(b, len));
	for (int64_t n = j_int(step, "repeat", 1); n > 0; n--) {
		struct pkt p;
		pkt_decode(span_of(b, len), &p);
		if (j_has(step, "parsed") && !refused)
			check_parsed(r, j_get(step, "parsed"), &p, i);
		enum flt_verdict v = out ? flt_out(r->filter, r->flows, &p, len)
					 : flt_in(r->filter, r->flows, &p, len);
		check(v == (refused ? FLT_DROP_UNKNOWN_PROTO : want), r->name, "verdict", i);
		if (at && ++b[at + 1] == 0)
			b[at]++;
	}
	free(b);
}

static void cases(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i), *steps = j_get(c, "steps");
		struct run r = { .name = j_str(c, "name"), .caps = j_get(c, "node_caps_by_ip") };
		r.flows = flt_flows_new(i);
		add_prefixes(&r.local, j_get(c, "local_prefixes"));
		set_filter(&r, c);
		for (size_t k = 0; k < j_len(steps); k++) {
			if (str_cmp(j_str(j_at(steps, k), "op"), "packet") == 0)
				packet(&r, j_at(steps, k), k);
			else
				set_filter(&r, j_at(steps, k));
		}
		ranges_fini(&r.local);
		flt_free(r.filter);
		flt_flows_free(r.flows);
	}
}

/* ---- set texts ---- */

/* The answers are prefixes; both sides are compared as sorted ranges, got by the same parser from
 * single prefixes, which other answers pin down. */
static void ipsets(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i), *want = j_get(c, "prefixes");
		struct ip_range r[2], one[2];
		size_t n = 0, m, at = 0;
		if (j_has(c, "cap"))
			continue; /* see caps_in_rules */
		int rc = flt_ipset_parse(j_span(c, "in"), r, &n);
		check((rc != 0) == j_bool(c, "error", false), "ipset", j_str(c, "in"), i);
		if (rc)
			continue;
		for (size_t k = 0; k < n; k++) {
			struct prefix p;
			while (range_next_prefix(&r[k], &p)) {
				bool ok =
				    flt_ipset_parse(j_text_span(j_at(want, at)), one, &m) == 0;
				struct ip_range got = range_of_prefix(p);
				check(ok && memcmp(&got, &one[0], sizeof(got)) == 0, "ipset prefix",
				      j_str(c, "in"), at++);
			}
		}
		check(at == j_len(want), "ipset count", j_str(c, "in"), i);
	}
}

static void caps_in_rules(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i);
		if (!j_has(c, "cap"))
			continue;
		json_t *rules = j_array(), *rule = j_object(), *srcs = j_array();
		struct flt_rules parsed = { 0 };
		struct flt_parse_error err;
		j_add_str(srcs, j_str(c, "in"));
		j_set(rule, "SrcIPs", srcs);
		j_add(rules, rule);
		check(flt_rules_parse(rules, &parsed, &err) == 0 && parsed.v[0].n_srcs == 0 &&
			  parsed.v[0].n_src_caps == 1 &&
			  str_cmp(parsed.v[0].src_caps[0], j_str(c, "cap")) == 0,
		      "cap source", j_str(c, "in"), i);
		flt_rules_fini(&parsed);
		j_free(rules);
	}
}

/* ---- capabilities ---- */

static void caps(const json_t *c)
{
	struct flt_caps *table = flt_caps_new();
	const json_t *queries = j_get(c, "queries");
	check(flt_caps_add(table, j_get(c, "rules")) == 0, "caps", "rules", 0);
	for (size_t i = 0; i < j_len(queries); i++) {
		const json_t *q = j_at(queries, i), *want = j_get(q, "caps");
		json_t *got = flt_caps_find(table, ip_of(j_str(q, "src")), ip_of(j_str(q, "dst")));
		check(want ? got && j_equal(got, want) : !got, "caps", "query", i);
		if (got)
			j_free(got);
	}
	flt_caps_free(table);
}

/* ---- the local set of an exit node ---- */

static void check_set(const struct ranges *got, const json_t *want, size_t i)
{
	struct ip_range r[2];
	size_t n;
	check(got->n == j_len(want), "local set", "ranges", i);
	for (size_t k = 0; k < got->n && k < j_len(want); k++)
		check(flt_ipset_parse(j_text_span(j_at(want, k)), r, &n) == 0 &&
			  memcmp(&got->v[k], &r[0], sizeof(r[0])) == 0,
		      "local set", j_text(j_at(want, k)), i);
}

static void check_prefixes(const struct ranges *got, const json_t *want, size_t i)
{
	size_t at = 0;
	struct prefix p, w;
	for (size_t k = 0; k < got->n; k++) {
		struct ip_range r = got->v[k];
		while (range_next_prefix(&r, &p)) {
			check(prefix_decode(j_text_span(j_at(want, at)), &w) == 0 &&
				  prefix_eq(p, w),
			      "local set", "prefix", at);
			at++;
		}
	}
	check(at == j_len(want), "local set", "prefixes", i);
}

static void local_sets(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i), *ifs = j_get(c, "interface_prefixes");
		struct prefix route, p[16];
		struct ranges got = { 0 };
		size_t n = j_len(ifs) < 16 ? j_len(ifs) : 16;
		for (size_t k = 0; k < n; k++)
			if (prefix_decode(j_text_span(j_at(ifs, k)), &p[k]))
				exit(1);
		if (prefix_decode(j_span(c, "route"), &route))
			exit(1);
		struct local_set_in in = {
			.advertised = &route, .n_advertised = 1, .interfaces = p, .n_interfaces = n
		};
		check(local_set_build(&in, &got), "local set", "memory", i);
		check_set(&got, j_get(c, "local_ranges"), i);
		check_prefixes(&got, j_get(c, "local_prefixes"), i);
		ranges_fini(&got);
	}
}

/* ---- what a Headscale sends ---- */

static void headscale(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		json_t *nodes = j_get(j_at(list, i), "packet_filters_base_by_node");
		for (void *it = j_iter(nodes); it; it = j_iter_next(nodes, it)) {
			struct flt_rules rules = { 0 };
			struct flt_parse_error err;
			int rc = flt_rules_parse(j_iter_value(it), &rules, &err);
			check(rc == 0 && !err.text[0] && rules.n == j_len(j_iter_value(it)),
			      "headscale rules", j_iter_key(it), i);
			flt_rules_fini(&rules);
		}
	}
}

int main(void)
{
	json_t *v = vec_load("packetfilter.json");
	cases(j_get(v, "cases"));
	ipsets(j_get(v, "parse_ipset"));
	caps_in_rules(j_get(v, "parse_ipset"));
	caps(j_get(v, "caps"));
	local_sets(j_get(v, "exit_node_local_set"));
	headscale(j_get(v, "headscale_examples"));
	j_free(v);
	printf("%d of %d checks failed\n", failed, checked);
	return failed || checked < 2000;
}
