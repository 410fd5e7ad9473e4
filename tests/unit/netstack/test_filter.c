/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/counters.h"
#include "netstack/filter.h"
#include "netstack/filter_parse.h"

#include <stdio.h>
#include <time.h>

#define SELF "100.64.0.1"
#define PEER "100.64.0.2"

struct fixture {
	struct ranges local;
	struct flt_flows *flows;
};

static int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .flows = flt_flows_new(1) };
	ranges_add_prefix(&f.local, prefix_host(pk_ip(SELF)));
	ranges_add_prefix(&f.local, prefix_host(pk_ip("fd7a:115c:a1e0::1")));
	ranges_sort(&f.local);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	ranges_fini(&f->local);
	flt_flows_free(f->flows);
	return 0;
}

/* Plain rules from JSON text. */
static struct flt_rules rules_of(const char *text)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *v = j_parse(span_str(text), 8 << 20, NULL);
	assert_non_null(v);
	assert_int_equal(flt_rules_parse(v, &rules, &err), 0);
	j_free(v);
	return rules;
}

static struct flt *filter_of(const struct fixture *f, const char *text)
{
	struct flt_rules rules = rules_of(text);
	struct flt *flt = flt_new(&rules, &f->local, NULL, 0);
	flt_rules_fini(&rules);
	assert_non_null(flt);
	return flt;
}

static enum flt_verdict in(const struct flt *flt, struct fixture *f, const struct pk *p)
{
	struct pkt d = pk_decode(p);
	return flt_in(flt, f->flows, &d, p->len);
}

static enum flt_verdict out(const struct flt *flt, struct fixture *f, const struct pk *p)
{
	struct pkt d = pk_decode(p);
	return flt_out(flt, f->flows, &d, p->len);
}

#define ALLOW_22                                                                                   \
	"[{\"SrcIPs\":[\"" PEER                                                                    \
	"\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":22,\"Last\":22}}]}]"

static void nothing_comes_in_before_a_filter(void **state)
{
	struct fixture *f = *state;
	struct pk syn = pk_tcp(PEER, SELF, 22, TCP_SYN), ack = pk_tcp(PEER, SELF, 22, TCP_ACK);
	struct pk there = pk_udp(SELF, 5, PEER, 6), back = pk_udp(PEER, 6, SELF, 5);
	assert_int_equal(in(NULL, f, &syn), FLT_DROP_NO_FILTER);
	assert_int_equal(in(NULL, f, &ack), FLT_DROP_NO_FILTER);
	assert_int_equal(out(NULL, f, &there), FLT_PASS);
	assert_int_equal(in(NULL, f, &back), FLT_DROP_NO_FILTER);
	/* What went out meanwhile is remembered. */
	struct flt *flt = filter_of(f, "[]");
	assert_int_equal(in(flt, f, &back), FLT_PASS);
	flt_free(flt);
}

static void an_empty_policy_blocks(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, "[]");
	struct pk syn = pk_tcp(PEER, SELF, 22, TCP_SYN), ping = pk_echo(PEER, SELF, false);
	struct pk pong = pk_echo(PEER, SELF, true), ack = pk_tcp(PEER, SELF, 22, TCP_ACK);
	assert_int_equal(in(flt, f, &syn), FLT_DROP_ACL);
	assert_int_equal(in(flt, f, &ping), FLT_DROP_ACL);
	assert_int_equal(in(flt, f, &pong), FLT_PASS);
	assert_int_equal(in(flt, f, &ack), FLT_PASS);
	flt_free(flt);
}

static void a_node_is_no_relay(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, "[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":"
				       "{\"First\":0,\"Last\":65535}}]}]");
	struct pk ack = pk_tcp(PEER, "10.0.0.1", 22, TCP_ACK),
		  syn = pk_tcp(PEER, "10.0.0.1", 22, TCP_SYN);
	struct pk ping = pk_echo(PEER, "10.0.0.1", true);
	assert_int_equal(in(flt, f, &ack), FLT_DROP_NOT_LOCAL);
	assert_int_equal(in(flt, f, &syn), FLT_DROP_NOT_LOCAL);
	assert_int_equal(in(flt, f, &ping), FLT_DROP_NOT_LOCAL);
	flt_free(flt);
}

static void shields_forget_and_keep(void **state)
{
	struct fixture *f = *state;
	struct flt *open = filter_of(f, "[]"), *shields = flt_new_shields(&f->local);
	struct pk there = pk_udp(SELF, 5, PEER, 6), back = pk_udp(PEER, 6, SELF, 5);
	assert_true(flt_is_shields(shields) && !flt_is_shields(open));
	out(open, f, &there);
	assert_int_equal(flt_flows_len(f->flows), 1);
	assert_int_equal(in(shields, f, &back), FLT_DROP_ACL);
	out(shields, f, &there);
	assert_int_equal(in(shields, f, &back), FLT_PASS);
	assert_int_equal(in(open, f, &back), FLT_PASS);
	flt_free(open);
	flt_free(shields);
}

static void own_packets_open_flows_too(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, "[]");
	struct pk there = pk_udp(SELF, 5, PEER, 6), back = pk_udp(PEER, 6, SELF, 5);
	struct pk tcp = pk_tcp(SELF, PEER, 1, TCP_SYN);
	struct pkt d = pk_decode(&there), t = pk_decode(&tcp);
	flt_note_out(flt, f->flows, &d);
	flt_note_out(flt, f->flows, &t);
	assert_int_equal(flt_flows_len(f->flows), 1); /* UDP and SCTP only */
	assert_int_equal(in(flt, f, &back), FLT_PASS);
	flt_free(flt);
}

static void flows_are_bounded_and_found(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, "[]");
	for (unsigned i = 0; i < 5000; i++) {
		struct pk there = pk_udp(SELF, (uint16_t)(i + 1), PEER, 6);
		out(flt, f, &there);
		assert_int_equal(flt_flows_len(f->flows), i < FLT_FLOWS ? i + 1 : FLT_FLOWS);
	}
	for (unsigned i = 0; i < 5000; i++) {
		struct pk back = pk_udp(PEER, 6, SELF, (uint16_t)(i + 1));
		assert_int_equal(in(flt, f, &back), i < 5000 - FLT_FLOWS ? FLT_DROP_ACL : FLT_PASS);
	}
	flt_free(flt);
}

/* Whatever way a refused packet is cut up, what is let through has no transport header of its own
 * and could not overwrite one. */
static void no_fragment_of_a_refused_packet_opens(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, ALLOW_22);
	uint8_t l4[200] = { 0x13, 0x88, 0, 23, [12] = 0x50, [13] = TCP_SYN };
	for (unsigned off = 0; off < 25; off++) {
		for (unsigned len = 0; len + off * 8 <= sizeof(l4); len += 1) {
			struct pk p = pk_raw(PEER, SELF, IP_PROTO_TCP, span_of(l4 + off * 8, len));
			p.b[6] = 0x20;
			p.b[7] = (uint8_t)off;
			enum flt_verdict v = in(flt, f, &p);
			if (off < 10)
				assert_int_not_equal(v, FLT_PASS);
		}
	}
	flt_free(flt);
}

static void caps_as_sources(void **state)
{
	struct fixture *f = *state;
	struct flt_rules rules = rules_of("[{\"SrcIPs\":[\"cap:x\"],\"DstPorts\":[{\"IP\":\"" SELF
					  "\",\"Ports\":{\"First\":22,\"Last\":22}}]}]");
	struct flt_cap_holder holders[] = { { pk_ip(PEER), "x" }, { pk_ip("100.64.0.3"), "y" } };
	assert_true(flt_rules_use_caps(&rules));
	struct flt *flt = flt_new(&rules, &f->local, holders, 2);
	struct pk a = pk_tcp(PEER, SELF, 22, TCP_SYN), b = pk_tcp("100.64.0.3", SELF, 22, TCP_SYN);
	struct pk ping = pk_echo("100.64.0.3", SELF, false);
	assert_int_equal(in(flt, f, &a), FLT_PASS);
	assert_int_equal(in(flt, f, &b), FLT_DROP_ACL);
	assert_int_equal(in(flt, f, &ping), FLT_DROP_ACL);
	flt_free(flt);
	flt_rules_fini(&rules);
	assert_false(flt_rules_use_caps(&rules));
}

static void rules_that_name_a_limited_peer(void **state)
{
	struct flt_rules rules = rules_of(ALLOW_22);
	struct flt_rules grants = rules_of("[{\"SrcIPs\":[\"*\"],\"CapGrant\":[]}]");
	struct prefix hit = pk_prefix("100.64.0.0/30"), miss = pk_prefix("100.64.0.4/30");
	(void)state;
	assert_true(flt_rules_name_source(&rules, &hit, 1));
	assert_false(flt_rules_name_source(&rules, &miss, 1));
	assert_false(flt_rules_name_source(&rules, NULL, 0));
	assert_false(flt_rules_name_source(&grants, &hit, 1)); /* grants no packets */
	flt_rules_fini(&rules);
	flt_rules_fini(&grants);
}

static void questions_from_above(void **state)
{
	struct fixture *f = *state;
	struct flt *flt = filter_of(f, ALLOW_22);
	struct ep ssh = { pk_ip(SELF), 22 }, web = { pk_ip(SELF), 80 },
		  far = { pk_ip("10.0.0.1"), 22 };
	assert_true(flt_allows_tcp(flt, pk_ip(PEER), ssh));
	assert_false(flt_allows_tcp(flt, pk_ip(PEER), web));
	assert_false(flt_allows_tcp(flt, pk_ip(PEER), far));
	assert_false(flt_allows_tcp(flt, pk_ip("fd7a:115c:a1e0::2"), ssh));
	assert_false(flt_allows_tcp(NULL, pk_ip(PEER), ssh));
	flt_free(flt);
}

/* Thousands of rules, each with its own source: a look-up must not walk them. */
static void many_rules_cost_little(void **state)
{
	struct fixture *f = *state;
	enum { RULES = 20000, LOOKUPS = 20000 };
	struct buf text;
	buf_init(&text, 8 << 20);
	for (int i = 0; i < RULES; i++)
		buf_fmt(&text,
			"%s{\"SrcIPs\":[\"10.%d.%d.0/24\"],\"DstPorts\":[{\"IP\":\"" SELF
			"\",\"Ports\":{\"First\":%d,\"Last\":%d}}]}",
			i ? "," : "[", i / 256, i % 256, i, i);
	buf_add_str(&text, "]");
	struct flt *flt = filter_of(f, buf_cstr(&text));
	buf_fini(&text);
	clock_t from = clock(); /* of our own work, whatever else runs here */
	for (int i = 0; i < LOOKUPS; i++) {
		char src[24];
		snprintf(src, sizeof(src), "10.%d.%d.9", i / 256, i % 256);
		struct pk yes = pk_tcp(src, SELF, (uint16_t)i, TCP_SYN);
		struct pk no = pk_tcp(src, SELF, (uint16_t)(i + 1), TCP_SYN);
		assert_int_equal(in(flt, f, &yes), FLT_PASS);
		assert_int_equal(in(flt, f, &no), FLT_DROP_ACL);
	}
	/* A walk over the rules would be 4e8 steps; this has room for a slow sanitizer build. */
	assert_true(clock() - from < 2 * CLOCKS_PER_SEC);
	flt_free(flt);
}

static void count_one(void *arg, const char *name, uint64_t v)
{
	uint64_t *sum = arg;
	if (strncmp(name, "netstack_", 9) == 0)
		*sum += strcmp(name, "netstack_in_drop_acl") == 0 ? v
			: strcmp(name, "netstack_out_pass") == 0  ? v * 100
								  : 0;
}

static void each_verdict_has_a_counter(void **state)
{
	uint64_t sum = 0;
	(void)state;
	flt_counters_register();
	for (int v = 0; v < FLT_VERDICT_MAX; v++) {
		flt_count_in((enum flt_verdict)v, 2);
		flt_count_out((enum flt_verdict)v, 3);
	}
	counters_each(count_one, &sum);
	assert_int_equal(sum, 302);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_comes_in_before_a_filter),
		T(an_empty_policy_blocks),
		T(a_node_is_no_relay),
		T(shields_forget_and_keep),
		T(own_packets_open_flows_too),
		T(flows_are_bounded_and_found),
		T(no_fragment_of_a_refused_packet_opens),
		T(caps_as_sources),
		T(rules_that_name_a_limited_peer),
		T(questions_from_above),
		T(many_rules_cost_little),
		T(each_verdict_has_a_counter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
