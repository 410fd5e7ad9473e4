/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parser of filter rules refuses, leaves out, or takes. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/filter_caps.h"
#include "netstack/filter_parse.h"

static struct flt_rules rules;
static struct flt_parse_error err;

static int parse(const char *text)
{
	json_t *v = j_parse(span_str(text), 64u << 20, NULL);
	assert_non_null(v);
	int rc = flt_rules_parse(v, &rules, &err);
	j_free(v);
	return rc;
}

static int drop_rules(void **state)
{
	(void)state;
	flt_rules_fini(&rules);
	return 0;
}

static void whole_sets_are_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} t[] = {
		{ "{}", -ERR_SYNTAX },
		{ "[1]", -ERR_SYNTAX },
		{ "[null]", -ERR_SYNTAX },
		{ "[{\"SrcIPs\":\"*\"}]", -ERR_SYNTAX },
		{ "[{\"SrcIPs\":[1]}]", -ERR_SYNTAX },
		{ "[{\"SrcBits\":[24]}]", -ERR_UNSUPPORTED },
		{ "[{\"SrcBits\":24}]", -ERR_SYNTAX },
		{ "[{\"DstPorts\":{}}]", -ERR_SYNTAX },
		{ "[{\"DstPorts\":[5]}]", -ERR_SYNTAX },
		{ "[{\"DstPorts\":[{}]}]", -ERR_SYNTAX },
		{ "[{\"DstPorts\":[{\"IP\":\"*\",\"Bits\":0}]}]", -ERR_UNSUPPORTED },
		{ "[{\"DstPorts\":[{\"IP\":\"*\",\"Ports\":[]}]}]", -ERR_SYNTAX },
		{ "[{\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":\"0\",\"Last\":65535}}]}]",
		  -ERR_SYNTAX },
		{ "[{\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,\"Last\":65536}}]}]",
		  -ERR_SYNTAX },
		{ "[{\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":-1,\"Last\":1}}]}]",
		  -ERR_SYNTAX },
		{ "[{\"IPProto\":[\"tcp\"]}]", -ERR_SYNTAX },
		{ "[{\"IPProto\":[6.0]}]", -ERR_SYNTAX },
		{ "[{\"IPProto\":6}]", -ERR_SYNTAX },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		/* A good rule before the bad one goes, too. */
		assert_int_equal(parse("[{\"SrcIPs\":[\"*\"]}]"), 0);
		assert_int_equal(parse(t[i].text), t[i].rc);
		assert_int_equal(rules.n, 0);
		assert_null(rules.v);
		assert_true(err.text[0]);
	}
}

static void bad_texts_are_left_out_and_told(void **state)
{
	(void)state;
	assert_int_equal(
	    parse("[{\"SrcIPs\":[\"10.0.0.1\",\"host\",\"10.0.0.2\"],"
		  "\"DstPorts\":[{\"IP\":\"x\",\"Ports\":{}},{\"IP\":\"*\",\"Ports\":{}}]}]"),
	    0);
	assert_int_equal(rules.v[0].n_srcs, 2);
	assert_int_equal(rules.v[0].n_dsts, 2);
	assert_string_equal(err.text, "rule 0: source 1 left out: no address, prefix or range");
}

static void sets_are_joined(void **state)
{
	(void)state;
	assert_int_equal(parse("[{\"SrcIPs\":[\"10.0.0.1\"]}]"), 0);
	assert_int_equal(parse("null"), 0);
	assert_int_equal(parse("[{\"SrcIPs\":[\"10.0.0.2\"]},{}]"), 0);
	assert_int_equal(rules.n, 3);
	assert_string_equal(err.text, "");
	assert_true(flt_protos_has(&rules.v[2].protos, IP_PROTO_ICMP6));
	assert_false(flt_protos_has(&rules.v[2].protos, IP_PROTO_SCTP));
}

static void zones_and_mapped_texts(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} t[] = { { "fe80::1%eth0", true },
		  { "fe80::1%", false },
		  { "10.0.0.1%eth0", false },
		  { "fe80::%eth0/64", false },
		  { "fe80::1%a-fe80::2%a", false },
		  { "::ffff:10.0.0.0/104", true },
		  { "::ffff:10.0.0.1/104", false },
		  { "::ffff:1.2.3.4-::ffff:1.2.3.9", true },
		  { "::ffff:1.2.3.4-1.2.3.9", false },
		  { "-", false },
		  { "/", false },
		  { "10.0.0.1-", false } };
	struct ip_range r[2];
	size_t n;
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(flt_ipset_parse(span_str(t[i].text), r, &n) == 0, t[i].ok);
	assert_int_equal(flt_ipset_parse(span_str("::ffff:10.0.0.1"), r, &n), 0);
	assert_false(range_contains(&r[0], pk_ip("10.0.0.1")));
	assert_int_equal(flt_ipset_parse(span_of(NULL, 0), r, &n), -ERR_SYNTAX);
}

static void floods_have_a_bound(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 16u << 20);
	for (size_t i = 0; i <= FLT_ENTRIES_MAX; i++)
		buf_add_str(&b, i ? ",\"*\"" : "[{\"SrcIPs\":[\"*\"");
	buf_add_str(&b, "]}]");
	assert_int_equal(parse(buf_cstr(&b)), -ERR_TOOBIG);
	buf_reset(&b);
	for (size_t i = 0; i <= FLT_RULES_MAX; i++)
		buf_add_str(&b, i ? ",{}" : "[{}");
	buf_add_str(&b, "]");
	assert_int_equal(parse(buf_cstr(&b)), -ERR_TOOBIG);
	buf_fini(&b);
}

static void grants_that_do_not_parse(void **state)
{
#define GRANT(text) "[{\"SrcIPs\":[\"*\"],\"CapGrant\":[" text "]}]"
	static const char *const bad[] = {
		"{}",
		"[1]",
		"[{\"CapGrant\":{}}]",
		"[{\"CapGrant\":[1]}]",
		"[{\"SrcIPs\":\"*\",\"CapGrant\":[{}]}]",
		GRANT("{\"Dsts\":\"10.0.0.0/8\"}"),
		GRANT("{\"CapMap\":[]}"),
		GRANT("{\"Dsts\":[\"10.0.0.0/8\"],\"Caps\":[\"a\"]},5"),
	};
	struct flt_caps *c = flt_caps_new();
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *v = j_parse(span_str(bad[i]), 4096, NULL);
		assert_int_equal(flt_caps_add(c, v), -ERR_SYNTAX);
		j_free(v);
		assert_null(flt_caps_find(c, pk_ip("10.0.0.1"), pk_ip("10.0.0.1")));
	}
	assert_int_equal(flt_caps_add(c, NULL), 0);
	flt_caps_free(c);
	flt_caps_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(whole_sets_are_refused, drop_rules),
		cmocka_unit_test_teardown(bad_texts_are_left_out_and_told, drop_rules),
		cmocka_unit_test_teardown(sets_are_joined, drop_rules),
		cmocka_unit_test_teardown(zones_and_mapped_texts, drop_rules),
		cmocka_unit_test_teardown(floods_have_a_bound, drop_rules),
		cmocka_unit_test_teardown(grants_that_do_not_parse, drop_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
