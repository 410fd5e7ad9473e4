/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tsmp.json: messages byte for byte, what is recognised, and the whole way in and out of a node. */
#include "tests/lib/vec.h"

#include "base/alloc.h"
#include "netstack/filter_parse.h"
#include "netstack/icmp.h"
#include "netstack/outbound.h"

#include <stdio.h>
#include <stdlib.h>

static int failed, checked;

static void check(bool ok, const char *what, const char *name)
{
	checked++;
	if (ok)
		return;
	failed++;
	printf("%s: %s\n", what, name);
}

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };
	if (!text || ip_decode(span_str(text), &ip))
		exit(1);
	return ip;
}

static struct ep ep_of(const char *text)
{
	struct ep ep = { 0 };
	if (!text || ep_decode(span_str(text), &ep))
		exit(1);
	return ep;
}

/* ---- messages ---- */

/* Our own messages have identification 0, the recorded pings and pongs another one. */
static void same_packet(const char *name, struct span got, struct span want)
{
	struct pkt g, w;
	pkt_decode(got, &g);
	pkt_decode(want, &w);
	check(g.proto == IP_PROTO_TSMP && w.proto == IP_PROTO_TSMP, "decodes", name);
	check(ip_eq(g.src.ip, w.src.ip) && ip_eq(g.dst.ip, w.dst.ip), "addresses", name);
	check(span_eq(pkt_l4(&g, got), pkt_l4(&w, want)), "payload", name);
	check(g.id == w.id ? span_eq(got, want) : got.len == want.len, "bytes", name);
}

static size_t build(struct mspan out, const json_t *f, struct span want)
{
	uint8_t data[8];
	struct disco_key key;
	struct pkt ping;
	pkt_decode(want, &ping);
	struct ip src = ping.src.ip, dst = ping.dst.ip;
	switch (j_str(f, "type")[0]) {
	case TSMP_PING:
		vec_hex_into(f, "data", data, 8);
		return tsmp_ping_build(out, src, dst, data);
	case TSMP_PONG:
		/* Made from the ping it answers: the same addresses and identification, turned. */
		ping.src.ip = dst;
		ping.dst.ip = src;
		ping.id = ~ping.id;
		vec_hex_into(f, "data", data, 8);
		return tsmp_pong_build(out, &ping, data, (uint16_t)j_int(f, "peerapi_port", 0));
	case TSMP_DISCO:
		vec_hex_into(f, "disco_key", key.b, 32);
		return tsmp_disco_build(out, src, dst, &key);
	default:;
		check(ip_eq(src, ip_of(j_str(f, "ip_src"))), "speaker", j_str(f, "ip_src"));
		struct tsmp_reject r = { (uint8_t)j_int(f, "rejected_proto", 0),
					 (uint8_t)j_str(f, "reason")[0],
					 j_bool(f, "maybe_broken", false),
					 ep_of(j_str(f, "rejected_flow_src")),
					 ep_of(j_str(f, "rejected_flow_dst")) };
		return tsmp_reject_build(out, &r);
	}
}

static void codec(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i), *f = j_get(c, "fields");
		const char *name = j_str(c, "name");
		uint8_t out[TSMP_PACKET_MAX];
		size_t len;
		uint8_t *b = vec_hex(c, "packet", &len);
		size_t n = build(mspan_of(out, sizeof(out)), f, span_of(b, len));
		struct pkt p;
		struct tsmp m;
		same_packet(name, span_of(out, n), span_of(b, len));
		pkt_decode(span_of(b, len), &p);
		check(tsmp_parse(&p, span_of(b, len), &m) == 0 &&
			  (char)m.type == j_str(f, "type")[0],
		      "parses back", name);
		if (m.type == TSMP_PONG)
			check(j_str(f, "type")[0] != TSMP_PONG ||
				  m.pong.peerapi_port == j_int(f, "peerapi_port", -1),
			      "port", name);
		free(b);
	}
}

static const char *reason_text(uint8_t reason)
{
	return reason == TSMP_ACL ? "acl" : "other";
}

static void check_decoded(const json_t *c, const struct tsmp *m, int rc)
{
	const char *name = j_str(c, "name");
	const json_t *pong = j_get(c, "pong"), *reject = j_get(c, "reject");
	uint8_t data[8];
	if (!pong && !reject && !j_has(c, "ping") && !j_has(c, "disco")) {
		check(rc != 0, "not recognised", name);
		return;
	}
	check(rc == 0, "recognised", name);
	if (j_has(c, "ping")) {
		vec_hex_into(c, "ping", data, 8);
		check(m->type == TSMP_PING && memcmp(m->data, data, 8) == 0, "ping", name);
	} else if (pong) {
		vec_hex_into(pong, "data", data, 8);
		check(m->type == TSMP_PONG && memcmp(m->pong.data, data, 8) == 0 &&
			  m->pong.peerapi_port == j_int(pong, "peerapi_port", -1),
		      "pong", name);
	} else if (reject) {
		check(m->type == TSMP_REJECT && m->reject.proto == j_int(reject, "proto", -1) &&
			  m->reject.maybe_broken == j_bool(reject, "maybe_broken", false) &&
			  str_cmp(reason_text(m->reject.reason), j_str(reject, "reason")) == 0 &&
			  ep_eq(m->reject.src, ep_of(j_str(reject, "src"))) &&
			  ep_eq(m->reject.dst, ep_of(j_str(reject, "dst"))),
		      "reject", name);
	} else {
		struct disco_key k;
		check(disco_key_decode(j_span(c, "disco"), &k) == 0 && m->type == TSMP_DISCO &&
			  disco_key_eq(&k, &m->disco),
		      "disco", name);
	}
}

static void decode(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		size_t len;
		uint8_t *b = vec_hex(j_at(list, i), "packet", &len);
		struct pkt p;
		struct tsmp m = { 0 };
		pkt_decode(span_of(b, len), &p);
		int rc = tsmp_parse(&p, span_of(b, len), &m);
		check_decoded(j_at(list, i), &m, rc);
		free(b);
	}
}

static void unreachable(const json_t *list)
{
	for (size_t i = 0; i < j_len(list); i++) {
		const json_t *c = j_at(list, i);
		uint8_t out[ICMP_ERROR_MAX];
		size_t len, want_len;
		uint8_t *b = vec_hex(c, "invoking", &len), *want = vec_hex(c, "out", &want_len);
		struct pkt p;
		pkt_decode(span_of(b, len), &p);
		size_t n = icmp_unreachable_build(mspan_of(out, sizeof(out)), &p, span_of(b, len));
		check(span_eq(span_of(out, n), span_of(want, want_len)), "unreachable",
		      j_str(c, "name"));
		free(b);
		free(want);
	}
}

/* ---- the whole way ---- */

struct node {
	const json_t *config;
	struct net_self self;
	struct flt *filter, *jail;
	struct flt_flows *flows, *jail_flows;
};

static void node_init(struct node *n, const json_t *config)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	struct ranges local = { 0 };
	struct prefix p;
	const json_t *list = j_get(config, "local_prefixes");
	for (size_t i = 0; i < j_len(list); i++) {
		if (prefix_decode(j_text_span(j_at(list, i)), &p))
			exit(1);
		ranges_add_prefix(&local, p);
	}
	ranges_sort(&local);
	if (flt_rules_parse(j_get(config, "rules"), &rules, &err))
		exit(1);
	n->config = config;
	n->filter = flt_new(&rules, &local, NULL, 0);
	n->jail = flt_new_shields(&local);
	n->flows = flt_flows_new(1);
	n->jail_flows = flt_flows_new(2);
	n->self.addr4 = ip_of(j_text(j_at(j_get(config, "own_addresses"), 0)));
	n->self.addr6 = ip_of(j_text(j_at(j_get(config, "own_addresses"), 1)));
	n->self.ports.peerapi4 = (uint16_t)j_int(j_get(config, "peerapi_port"), "100.64.0.1", 0);
	n->self.ports.peerapi6 = (uint16_t)j_int(j_get(config, "peerapi_port"), "fd7a:115c:a1e0::1", 0);
	vec_hex_into(config, "own_disco_key", n->self.disco.b, 32);
	flt_rules_fini(&rules);
	ranges_fini(&local);
}

static void node_fini(struct node *n)
{
	flt_free(n->filter);
	flt_free(n->jail);
	flt_flows_free(n->flows);
	flt_flows_free(n->jail_flows);
}

static bool is_jailed(const struct node *n, struct ip peer)
{
	const json_t *list = j_get(n->config, "jailed_peers");
	for (size_t i = 0; i < j_len(list); i++)
		if (ip_eq(peer, ip_of(j_text(j_at(list, i)))))
			return true;
	return false;
}

static struct net_peer peer_of(const struct node *n, struct ip peer)
{
	char text[IP_TEXT_MAX];
	const char *masq = j_str(j_get(n->config, "masquerade"), ip_encode(peer, text));
	struct net_peer p = { 0 };
	if (masq)
		p.masq4 = ip_of(masq);
	return p;
}

static void expect(const json_t *step, const char *member, struct span got)
{
	const json_t *want = j_get(step, member);
	uint8_t *b = NULL;
	size_t len = 0;
	if (j_len(want) > 0) {
		json_t *o = j_object();
		j_set_str(o, "x", j_text(j_at(want, 0)));
		b = vec_hex(o, "x", &len);
		j_free(o);
	}
	check(j_len(want) <= 1 && span_eq(got, span_of(b, len)), member, j_str(step, "note"));
	free(b);
}

/* All TSMP but a ping is delivered by the recorded node; ours keeps it from the kernel, as
 * spec/routing.md trap 14 says. */
static bool differs(const struct pkt *p)
{
	return p->proto == IP_PROTO_TSMP;
}

static void step_in(struct node *n, const json_t *step, struct mspan b)
{
	uint8_t out[TSMP_PACKET_MAX];
	struct net_result res;
	struct pkt p;
	pkt_decode(span_const(b), &p);
	bool jailed = is_jailed(n, p.src.ip);
	struct net_peer peer = peer_of(n, p.src.ip);
	struct inbound in = { &n->self, jailed ? n->jail : n->filter,
			      jailed ? n->jail_flows : n->flows, NULL };
	enum in_action a = inbound_packet(&in, &peer, b, &p, mspan_of(out, sizeof(out)), &res);
	expect(step, "to_peer", span_of(out, a == IN_ANSWER ? res.answer_len : 0));
	if (differs(&p))
		check(a != IN_DELIVER, "TSMP stays out of the kernel", j_str(step, "note"));
	else
		expect(step, "to_tun", span_of(b.p, a == IN_DELIVER ? b.len : 0));
}

static void step_out(struct node *n, const json_t *step, struct mspan b)
{
	uint8_t out[256];
	struct net_result res;
	struct pkt p;
	enum out_action a =
	    outbound_classify(&n->self, span_const(b), &p, mspan_of(out, sizeof(out)), &res);
	bool pass = false;
	if (a == OUT_PEER) {
		bool jailed = is_jailed(n, p.dst.ip);
		struct net_peer peer = peer_of(n, p.dst.ip);
		pass = flt_out(jailed ? n->jail : n->filter, jailed ? n->jail_flows : n->flows, &p,
			       b.len) == FLT_PASS;
		if (pass)
			outbound_rewrite(&n->self, &peer, b);
	}
	expect(step, "to_tun", span_of(out, a == OUT_ANSWER ? res.answer_len : 0));
	expect(step, "to_peer", span_of(b.p, pass ? b.len : 0));
}

static void wrapper(const json_t *config, const json_t *steps)
{
	struct node n = { 0 };
	node_init(&n, config);
	for (size_t i = 0; i < j_len(steps); i++) {
		size_t len;
		uint8_t *b = vec_hex(j_at(steps, i), "packet", &len);
		if (str_cmp(j_str(j_at(steps, i), "dir"), "in") == 0)
			step_in(&n, j_at(steps, i), mspan_of(b, len));
		else
			step_out(&n, j_at(steps, i), mspan_of(b, len));
		free(b);
	}
	node_fini(&n);
}

int main(void)
{
	json_t *v = vec_load("tsmp.json");
	codec(j_get(v, "codec"));
	decode(j_get(v, "decode"));
	unreachable(j_get(v, "icmp_unreachable"));
	wrapper(j_get(v, "wrapper_config"), j_get(v, "wrapper"));
	j_free(v);
	printf("%d of %d checks failed\n", failed, checked);
	return failed || checked < 140;
}
