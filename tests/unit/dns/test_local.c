/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the vectors do not ask. Byte for byte: tests/vectors/dns/resolver.c */
#include "tests/unit/dns/dns_bytes.h"

#include "base/alloc.h"
#include "dns/local.h"

#include <stdio.h>
#include <stdlib.h>

#define SUFFIX "tail.example.com"
#define NOW ((wall_t){ 1700000000, 0 })
#define ADDR4(n)                                                                                   \
	{                                                                                          \
		IP_V4,                                                                             \
		{                                                                                  \
			100, 64, 0, (n)                                                            \
		}                                                                                  \
	}
#define ADDR6(n)                                                                                   \
	{                                                                                          \
		IP_V6,                                                                             \
		{                                                                                  \
			0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = (n)                             \
		}                                                                                  \
	}

/* ---- one answer ---- */

struct got {
	enum dns_local_verdict v;
	uint8_t b[DNS_LOCAL_ANSWER_MAX];
	size_t len;
	struct dns_query q;
	unsigned rcode, n_answers, n_soa;
	struct dns_rr rr;	     /* the last */
	char name[DNS_NAME_MAX + 1]; /* of a PTR */
};

static struct got answer(const struct dns_local *l, const struct bytes *m, bool udp)
{
	static struct got g; /* rr points into it */
	g = (struct got){ .v = DNS_LOCAL_DROP };
	g.v =
	    dns_local_answer(l, NOW, bytes_span(m), udp, mspan_of(g.b, sizeof(g.b)), &g.len, &g.q);
	if (g.v != DNS_LOCAL_ANSWER)
		return g;
	struct dns_walk w;
	assert_int_equal(dns_walk_init(&w, span_of(g.b, g.len)), 0);
	while (dns_walk_next(&w, &g.rr)) {
		g.n_answers += g.rr.section == DNS_ANSWER;
		g.n_soa += g.rr.section == DNS_AUTHORITY && g.rr.type == DNS_SOA;
	}
	assert_true(dns_walk_done(&w));
	g.rcode = dns_rcode_of(span_of(g.b, g.len));
	struct rd r = rd_init(span_of(g.b, g.len));
	rd_skip(&r, (size_t)(g.rr.rdata.p ? g.rr.rdata.p - g.b : 0));
	if (g.n_answers && g.rr.type == DNS_PTR)
		assert_true(dns_name_parse(span_of(g.b, g.len), &r, g.name) >= 0);
	return g;
}

static struct got ask(const struct dns_local *l, const char *name, unsigned type)
{
	struct bytes m = bytes_query(name, type);
	return answer(l, &m, true);
}

static void assert_addr(struct got g, struct ip ip)
{
	assert_int_equal(g.v, DNS_LOCAL_ANSWER);
	assert_int_equal(g.rcode, DNS_NOERROR);
	assert_int_equal(g.n_answers, 1);
	assert_true(ip_eq(ip_from_bytes(g.rr.rdata), ip));
}

static void assert_unknown(struct got g)
{
	assert_int_equal(g.v, DNS_LOCAL_ANSWER);
	assert_int_equal(g.rcode, DNS_NXDOMAIN);
	assert_int_equal(g.n_soa, 1);
}

static void assert_empty(struct got g)
{
	assert_int_equal(g.v, DNS_LOCAL_ANSWER);
	assert_int_equal(g.rcode, DNS_NOERROR);
	assert_int_equal(g.n_answers, 0);
}

static void assert_forwarded(struct got g)
{
	assert_int_equal(g.v, DNS_LOCAL_FORWARD);
	assert_int_equal(g.len, 0);
}

static void assert_ptr(struct got g, const char *name)
{
	assert_int_equal(g.v, DNS_LOCAL_ANSWER);
	assert_int_equal(g.n_answers, 1);
	assert_string_equal(g.name, name);
}

/* ---- the world ---- */

static const struct ip one[] = { ADDR4(1), ADDR6(1) }, two[] = { ADDR4(2), ADDR6(2) };
static const struct ip six_first[] = { ADDR6(3), ADDR4(3), ADDR4(33) };
static const char *const zones[] = { SUFFIX, "64.100.in-addr.arpa" };

static struct dns_local_in in_of(const struct dns_local_node *nodes, size_t n)
{
	return (struct dns_local_in){ .nodes = nodes,
				      .n_nodes = n,
				      .zones = zones,
				      .n_zones = ARRAY_LEN(zones),
				      .suffix = SUFFIX,
				      .short_names = true };
}

static struct dns_local *new_of(struct dns_local_in in)
{
	struct dns_local *l = dns_local_new(&in);
	assert_non_null(l);
	return l;
}

static void nothing_is_known_without_a_table(void **state)
{
	(void)state;
	assert_forwarded(ask(NULL, "host." SUFFIX, DNS_A));
	assert_forwarded(ask(NULL, "1.0.64.100.in-addr.arpa", DNS_PTR));
	assert_addr(ask(NULL, "magicdns.localhost-tailscale-daemon", DNS_A),
		    ip_v4(100, 100, 100, 100));
	assert_int_equal(ask(NULL, "x.onion", DNS_A).rcode, DNS_NXDOMAIN);
	assert_ptr(ask(NULL, "100.100.100.100.in-addr.arpa", DNS_PTR),
		   "magicdns.localhost-tailscale-daemon");
	struct dns_local *l = new_of((struct dns_local_in){ .suffix = "" });
	assert_forwarded(ask(l, "a", DNS_A));
	assert_forwarded(ask(l, "", DNS_A));
	dns_local_unref(l);
	dns_local_unref(NULL);
}

static void order_of_addresses_counts_for_any_alone(void **state)
{
	const struct dns_local_node nodes[] = { { "n." SUFFIX, six_first, 3, false } };
	struct dns_local_in in = in_of(nodes, 1);
	(void)state;
	struct dns_local *hidden = new_of(in);
	in.aaaa = true;
	struct dns_local *shown = new_of(in);
	assert_addr(ask(hidden, "n", DNS_ANY), six_first[1]);
	assert_empty(ask(hidden, "n", DNS_AAAA));
	assert_addr(ask(shown, "n", DNS_ANY), six_first[0]);
	assert_addr(ask(shown, "n", DNS_AAAA), six_first[0]);
	assert_addr(ask(shown, "n", DNS_A), six_first[1]);
	assert_ptr(ask(shown, "33.0.64.100.in-addr.arpa", DNS_PTR), "n." SUFFIX);
	dns_local_unref(hidden);
	dns_local_unref(shown);
}

static void final_dots_and_case_do_not_matter(void **state)
{
	const struct dns_local_node nodes[] = { { "One." SUFFIX ".", one, 2, false },
						{ "Two.Tail.Example.COM", two, 2, false },
						{ "bare", six_first, 3, false } };
	struct dns_local *l = new_of(in_of(nodes, 3));
	(void)state;
	assert_addr(ask(l, "oNe." SUFFIX, DNS_A), one[0]);
	assert_addr(ask(l, "TWO", DNS_A), two[0]);
	assert_addr(ask(l, "bare", DNS_A), six_first[1]);
	assert_unknown(ask(l, "bare." SUFFIX, DNS_A));
	assert_ptr(ask(l, "2.0.64.100.in-addr.arpa", DNS_PTR), "Two.Tail.Example.COM");
	assert_ptr(ask(l, "1.0.64.100.in-addr.arpa", DNS_PTR), "One." SUFFIX);
	dns_local_unref(l);
}

static void names_need_the_whole_suffix(void **state)
{
	const struct dns_local_node nodes[] = { { "a.b." SUFFIX, one, 2, false },
						{ "xtail.example.com", two, 2, false } };
	struct dns_local *l = new_of(in_of(nodes, 2));
	(void)state;
	assert_addr(ask(l, "a.b." SUFFIX, DNS_A), one[0]);
	assert_forwarded(ask(l, "a.b", DNS_A)); /* two labels are not short */
	assert_addr(ask(l, "xtail.example.com", DNS_A), two[0]);
	assert_forwarded(ask(l, "x", DNS_A));
	assert_forwarded(ask(l, "xtail", DNS_A));
	assert_unknown(ask(l, SUFFIX, DNS_A));
	dns_local_unref(l);
}

/* A name cut at a NUL would be another's. */
static void bytes_that_texts_cannot_have_are_refused(void **state)
{
	const struct dns_local_node nodes[] = { { "one." SUFFIX, one, 2, false } };
	struct dns_local *l = new_of(in_of(nodes, 1));
	struct bytes m = bytes_query("onexy." SUFFIX, DNS_A);
	(void)state;
	m.b[DNS_HEADER_LEN + 4] = '\0';
	struct got g = answer(l, &m, true);
	assert_int_equal(g.rcode, DNS_FORMERR);
	assert_int_equal(g.len, DNS_HEADER_LEN);
	m.b[DNS_HEADER_LEN + 4] = '.';
	assert_int_equal(answer(l, &m, true).rcode, DNS_FORMERR);
	m.b[DNS_HEADER_LEN + 4] = 0xff;
	assert_unknown(answer(l, &m, true));
	dns_local_unref(l);
}

static void subdomains_belong_to_the_nearest_that_wants_them(void **state)
{
	const struct dns_local_node nodes[] = { { "p." SUFFIX, one, 2, true },
						{ "q.p." SUFFIX, two, 2, true },
						{ "plain." SUFFIX, six_first, 3, false } };
	struct dns_local *l = new_of(in_of(nodes, 3));
	(void)state;
	assert_addr(ask(l, "x.y.p." SUFFIX, DNS_A), one[0]);
	assert_addr(ask(l, "x.y.q.p." SUFFIX, DNS_A), two[0]);
	assert_addr(ask(l, "x.p", DNS_A), one[0]);
	assert_unknown(ask(l, "x.plain." SUFFIX, DNS_A));
	assert_forwarded(ask(l, "x.plain", DNS_A));
	struct dns_local_in in = in_of(nodes, 3);
	in.short_names = false;
	struct dns_local *off = new_of(in);
	assert_forwarded(ask(off, "x.p", DNS_A));
	assert_addr(ask(off, "x.p." SUFFIX, DNS_A), one[0]);
	dns_local_unref(l);
	dns_local_unref(off);
}

static void records_come_first_but_not_for_short_names(void **state)
{
	const struct dns_local_node nodes[] = { { "one." SUFFIX, one, 2, false } };
	const struct dns_local_record records[] = { { "one." SUFFIX, ADDR4(9) },
						    { "one." SUFFIX, ADDR4(10) },
						    { "web.example", ADDR4(1) },
						    { "web.example", ADDR6(7) } };
	struct dns_local_in in = in_of(nodes, 1);
	in.records = records;
	in.n_records = ARRAY_LEN(records);
	struct dns_local *l = new_of(in);
	(void)state;
	assert_addr(ask(l, "one." SUFFIX, DNS_A), records[0].addr);
	assert_addr(ask(l, "one", DNS_A), one[0]);
	assert_addr(ask(l, "web.example", DNS_A), one[0]);
	assert_addr(ask(l, "web.example", DNS_AAAA), records[3].addr);
	assert_empty(ask(l, "web.example", DNS_TXT));
	assert_ptr(ask(l, "10.0.64.100.in-addr.arpa", DNS_PTR), "one." SUFFIX);
	assert_ptr(ask(l, "1.0.64.100.in-addr.arpa", DNS_PTR), "web.example");
	dns_local_unref(l);
}

static void of_two_nodes_with_one_name_the_first_counts(void **state)
{
	const struct dns_local_node nodes[] = { { "n." SUFFIX, one, 1, false },
						{ "N." SUFFIX ".", two, 2, true } };
	struct dns_local *l = new_of(in_of(nodes, 2));
	(void)state;
	assert_addr(ask(l, "n." SUFFIX, DNS_A), one[0]);
	assert_empty(ask(l, "n." SUFFIX, DNS_AAAA));
	assert_unknown(ask(l, "x.n." SUFFIX, DNS_A));
	assert_ptr(ask(l, "2.0.64.100.in-addr.arpa", DNS_PTR), "n." SUFFIX);
	dns_local_unref(l);
}

static void names_outside_are_asked_elsewhere(void **state)
{
	static const char *const outside[] = { "control." SUFFIX, "one." SUFFIX };
	const struct dns_local_node nodes[] = { { "one." SUFFIX, one, 2, false } };
	struct dns_local_in in = in_of(nodes, 1);
	in.outside = outside;
	in.n_outside = 2;
	struct dns_local *l = new_of(in);
	(void)state;
	assert_forwarded(ask(l, "Control." SUFFIX, DNS_A));
	assert_forwarded(ask(l, "control." SUFFIX, DNS_TXT));
	assert_unknown(ask(l, "x.control." SUFFIX, DNS_A));
	assert_addr(ask(l, "one." SUFFIX, DNS_A), one[0]); /* a node answers for itself */
	dns_local_unref(l);
}

/* Of zones inside each other it is the first in byte order, not the longest. */
static void the_first_zone_in_order_signs(void **state)
{
	static const char *const nested[] = { "x.b", "b", "a.x.b" };
	struct dns_local_in in = { .suffix = "", .zones = nested, .n_zones = 3 };
	struct dns_local *l = new_of(in);
	char owner[DNS_NAME_MAX + 1];
	static const struct {
		const char *name, *zone;
	} cases[] = { { "q.b", "b" }, { "q.x.b", "b" }, { "q.a.x.b", "a.x.b" }, { "b", "b" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct got g = ask(l, cases[i].name, DNS_A);
		assert_unknown(g);
		struct rd r = rd_init(span_of(g.b, g.len));
		rd_skip(&r, g.rr.at);
		assert_true(dns_name_parse(span_of(g.b, g.len), &r, owner) >= 0);
		assert_string_equal(owner, cases[i].zone);
	}
	dns_local_unref(l);
}

static void the_root_may_be_a_zone(void **state)
{
	static const char *const root[] = { "" };
	struct dns_local *l =
	    new_of((struct dns_local_in){ .suffix = "", .zones = root, .n_zones = 1 });
	(void)state;
	assert_unknown(ask(l, "any.name", DNS_A));
	assert_unknown(ask(l, "", DNS_A));
	dns_local_unref(l);
}

/* Question and three times the zone: more than a plain UDP client takes. */
static void long_answers_are_cut_for_udp(void **state)
{
	char zone[DNS_NAME_MAX] = "", name[DNS_NAME_MAX + 2];
	const char *const one_zone[] = { zone };
	struct bytes m;
	(void)state;
	for (int i = 0; i < 119; i++)
		snprintf(zone + 2 * i, 3, "%s", i ? ".z" : "zz");
	snprintf(name, sizeof(name), "q.%s", zone);
	struct dns_local *l =
	    new_of((struct dns_local_in){ .suffix = "", .zones = one_zone, .n_zones = 1 });
	m = bytes_query(name, DNS_A);
	struct got g = answer(l, &m, true);
	assert_int_equal(g.len, m.n);
	assert_int_equal(g.b[2] & DNS_TC >> 8, DNS_TC >> 8);
	assert_int_equal(g.rcode, DNS_NXDOMAIN);
	g = answer(l, &m, false);
	assert_true(g.len > DNS_UDP_MIN);
	assert_int_equal(g.b[2] & DNS_TC >> 8, 0);
	assert_unknown(g);
	bytes_opt(&m, 1232, 0, 10);
	g = answer(l, &m, true);
	assert_unknown(g);
	assert_int_equal(g.b[11], 0); /* no OPT of ours */
	dns_local_unref(l);
}

static void no_question_makes_an_answer_too_long(void **state)
{
	char zone[DNS_NAME_MAX + 1], host[DNS_NAME_MAX + 1];
	const char *const one_zone[] = { zone + 2 };
	struct dns_local_record r = { host, ADDR4(1) };
	(void)state;
	for (size_t i = 0; i < DNS_NAME_MAX; i++)
		zone[i] = i % 2 ? '.' : 'z';
	zone[DNS_NAME_MAX - 1] = '\0';
	memcpy(host, zone, sizeof(host));
	host[0] = 'h';
	struct dns_local *l = new_of((struct dns_local_in){
	    .suffix = "", .zones = one_zone, .n_zones = 1, .records = &r, .n_records = 1 });
	struct bytes m = bytes_query(zone, DNS_A);
	assert_unknown(answer(l, &m, false));
	m = bytes_query(host, DNS_A);
	assert_addr(answer(l, &m, false), r.addr);
	m = bytes_query("1.0.64.100.in-addr.arpa", DNS_PTR);
	assert_ptr(answer(l, &m, false), host);
	dns_local_unref(l);
}

static void bad_names_of_control_are_left_out(void **state)
{
	char longest[400];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	const struct dns_local_node nodes[] = {
		{ "a..b", one, 2, false },
		{ "", one, 2, false },
		{ ".", one, 2, false },
		{ longest, one, 2, false },
		{ "none." SUFFIX, NULL, 0, false },
		{ "ok." SUFFIX, two, 2, false },
	};
	const struct dns_local_record records[] = { { longest, ADDR4(4) }, { "x", { 0 } } };
	const char *const bad_zones[] = { SUFFIX, longest, "..", "64.100.in-addr.arpa" };
	struct dns_local_in in = in_of(nodes, ARRAY_LEN(nodes));
	in.records = records;
	in.n_records = 2;
	in.zones = bad_zones;
	in.n_zones = 4;
	struct dns_local *l = new_of(in);
	(void)state;
	assert_addr(ask(l, "ok", DNS_A), two[0]);
	assert_unknown(ask(l, "none." SUFFIX, DNS_A));
	assert_forwarded(ask(l, "x", DNS_A));
	assert_unknown(ask(l, "1.0.64.100.in-addr.arpa", DNS_PTR));
	dns_local_unref(l);
}

#define MANY 100000

/* Everything control may send is found again, both ways, and takes little room. */
static void a_hundred_thousand_are_found(void **state)
{
	struct dns_local_node *nodes = xcalloc(MANY, sizeof(*nodes));
	struct ip *addrs = xcalloc(MANY, sizeof(*addrs));
	char(*names)[40] = xcalloc(MANY, sizeof(*names));
	char reverse[DNS_NAME_MAX + 1];
	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "h%u." SUFFIX, i);
		addrs[i] = ip_v4(100, (uint8_t)(64 + i / 65536), (uint8_t)(i >> 8), (uint8_t)i);
		nodes[i] = (struct dns_local_node){ names[i], &addrs[i], 1, false };
	}
	struct dns_local *l = new_of(in_of(nodes, MANY));
	assert_true(dns_local_bytes(l) < MANY * 80);
	for (unsigned i = 0; i < MANY; i += 7) {
		assert_addr(ask(l, names[i], DNS_A), addrs[i]);
		assert_ptr(ask(l, dns_reverse_name(addrs[i], reverse), DNS_PTR), names[i]);
	}
	assert_unknown(ask(l, "h100000." SUFFIX, DNS_A));
	dns_local_unref(l);
	/* All of one name, and all with one address. */
	for (unsigned i = 0; i < MANY; i++) {
		nodes[i].name = i % 2 ? names[1] : names[i];
		addrs[i] = i % 2 ? addrs[i] : ip_v4(100, 64, 0, 0);
	}
	l = new_of(in_of(nodes, MANY));
	assert_addr(ask(l, names[1], DNS_A), addrs[1]);
	assert_ptr(ask(l, dns_reverse_name(addrs[MANY - 1], reverse), DNS_PTR), names[1]);
	assert_ptr(ask(l, "0.0.64.100.in-addr.arpa", DNS_PTR), names[0]);
	dns_local_unref(l);
	free(nodes);
	free(addrs);
	free(names);
}

static void references_keep_it(void **state)
{
	const struct dns_local_node nodes[] = { { "one." SUFFIX, one, 2, false } };
	struct dns_local *l = new_of(in_of(nodes, 1));
	(void)state;
	assert_ptr_equal(dns_local_ref(l), l);
	dns_local_unref(l);
	assert_addr(ask(l, "one", DNS_A), one[0]);
	dns_local_unref(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_without_a_table),
		cmocka_unit_test(order_of_addresses_counts_for_any_alone),
		cmocka_unit_test(final_dots_and_case_do_not_matter),
		cmocka_unit_test(names_need_the_whole_suffix),
		cmocka_unit_test(bytes_that_texts_cannot_have_are_refused),
		cmocka_unit_test(subdomains_belong_to_the_nearest_that_wants_them),
		cmocka_unit_test(records_come_first_but_not_for_short_names),
		cmocka_unit_test(of_two_nodes_with_one_name_the_first_counts),
		cmocka_unit_test(names_outside_are_asked_elsewhere),
		cmocka_unit_test(the_first_zone_in_order_signs),
		cmocka_unit_test(the_root_may_be_a_zone),
		cmocka_unit_test(long_answers_are_cut_for_udp),
		cmocka_unit_test(no_question_makes_an_answer_too_long),
		cmocka_unit_test(bad_names_of_control_are_left_out),
		cmocka_unit_test(a_hundred_thousand_are_found),
		cmocka_unit_test(references_keep_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
