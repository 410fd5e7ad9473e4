/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a policy that takes the place of another has taken something away; and that this, like
 * all that is done with rules, costs no quadratic step. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/filter.h"
#include "netstack/filter_parse.h"

#include <time.h>

static struct flt_rules rules_of(const char *text)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *v = j_parse(span_str(text), 64 << 20, NULL);
	assert_non_null(v);
	assert_int_equal(flt_rules_parse(v, &rules, &err), 0);
	assert_int_equal(err.text[0], 0);
	j_free(v);
	return rules;
}

static struct ranges everywhere(void)
{
	struct ranges r = { 0 };
	ranges_add_prefix(&r, pk_prefix("0.0.0.0/0"));
	ranges_add_prefix(&r, pk_prefix("::/0"));
	ranges_sort(&r);
	return r;
}

static struct flt *filter_of(const char *text, const struct flt_cap_holder *holders, size_t n)
{
	struct flt_rules rules = rules_of(text);
	struct ranges local = everywhere();
	struct flt *f = flt_new(&rules, &local, holders, n);
	assert_non_null(f);
	ranges_fini(&local);
	flt_rules_fini(&rules);
	return f;
}

/* old and next are taken. */
static bool takes_away(struct flt *old, struct flt *next)
{
	flt_succeed(next, old);
	bool narrowed = flt_is_narrowed(next);
	flt_free(old);
	flt_free(next);
	return narrowed;
}

#define PORTS(a, b) ",\"Ports\":{\"First\":" #a ",\"Last\":" #b "}}"
#define TO(ip, a, b) "{\"IP\":\"" ip "\"" PORTS(a, b)
#define RULE(srcs, dsts) "{\"SrcIPs\":[" srcs "],\"DstPorts\":[" dsts "]}"
#define RULE_PROTO(srcs, dsts, protos)                                                             \
	"{\"SrcIPs\":[" srcs "],\"DstPorts\":[" dsts "],\"IPProto\":[" protos "]}"
#define A "\"100.64.0.3\""
#define B "\"100.64.0.4\""
#define AB "\"100.64.0.3-100.64.0.4\""
#define SSH TO("100.64.0.1", 22, 22)
#define WEB TO("100.64.0.1", 80, 80)

static const struct {
	const char *old, *next;
	bool narrowed;
} table[] = {
	{ "[]", "[]", false },
	{ "[]", "[" RULE("\"*\"", SSH) "]", false },
	{ "[" RULE("\"*\"", SSH) "]", "[]", true },
	{ "[" RULE(A, SSH) "]", "[" RULE(A, SSH) "]", false },
	/* more of everything */
	{ "[" RULE(A, SSH) "]", "[" RULE(AB, SSH) "]", false },
	{ "[" RULE(A, SSH) "]", "[" RULE(A, WEB) "," RULE(A, SSH) "]", false },
	{ "[" RULE(AB, SSH) "]", "[" RULE(B "," A, SSH) "]", false },
	{ "[" RULE(AB, SSH) "]", "[" RULE(B, SSH) "," RULE(A, SSH) "]", false },
	{ "[" RULE(A, SSH) "," RULE(B, SSH) "]", "[" RULE(AB, SSH) "]", false },
	{ "[" RULE(A, SSH "," WEB) "]", "[" RULE(A, WEB "," SSH) "]", false },
	{ "[" RULE(A, SSH) "]", "[" RULE("\"*\"", SSH) "]", false },
	/* less */
	{ "[" RULE(AB, SSH) "]", "[" RULE(B, SSH) "]", true },
	{ "[" RULE(AB, SSH) "]",
	  "[" RULE(A ","
		     "\"100.64.0.5\"",
		   SSH) "]",
	  true },
	{ "[" RULE("\"*\"", SSH) "]", "[" RULE("\"0.0.0.0/0\"", SSH) "]", false }, /* no IPv6 dst */
	{ "[" RULE("\"*\"", TO("*", 1, 2)) "]", "[" RULE("\"0.0.0.0/0\"", TO("*", 1, 2)) "]",
	  true },
	{ "[" RULE(A, SSH) "," RULE(A, WEB) "]", "[" RULE(A, SSH) "]", true },
	{ "[" RULE(A, SSH) "]", "[" RULE(A, WEB) "]", true },
	{ "[" RULE(A, SSH) "]", "[" RULE(A, TO("100.64.0.2", 22, 22)) "]", true },
	{ "[" RULE(A, SSH) "]", "[" RULE_PROTO(A, SSH, "17") "]", true },
	{ "[" RULE_PROTO(A, SSH, "6,17") "]", "[" RULE_PROTO(A, SSH, "17,6") "]", false },
	{ "[" RULE(A, SSH) "," RULE(B, WEB) "]", "[" RULE(B, SSH) "," RULE(A, WEB) "]", true },
	/* not seen through: another destination counts as another rule */
	{ "[" RULE(A, TO("*", 1, 9)) "]", "[" RULE(A, TO("*", 0, 99)) "]", true },
};

static void what_counts_as_taken_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (takes_away(filter_of(table[i].old, NULL, 0),
			       filter_of(table[i].next, NULL, 0)) != table[i].narrowed)
			fail_msg("row %zu: %s then %s", i, table[i].old, table[i].next);
}

static void holders_count_too(void **state)
{
	(void)state;
	const char *text = "[" RULE("\"cap:x\"", SSH) "," RULE("\"cap:y\"", WEB) "]";
	struct flt_cap_holder v[] = { { pk_ip("100.64.0.3"), "x" },
				      { pk_ip("100.64.0.4"), "x" },
				      { pk_ip("100.64.0.3"), "z" } };
	assert_false(takes_away(filter_of(text, v, 3), filter_of(text, v, 2)));
	assert_true(takes_away(filter_of(text, v, 2), filter_of(text, v, 1)));
	assert_false(takes_away(filter_of(text, v, 1), filter_of(text, v, 2)));
	v[2].cap = "y";
	assert_true(takes_away(filter_of(text, v, 3), filter_of(text, v, 2)));
	/* An address says more than a capability. */
	const char *by_address = "[" RULE(A, SSH) "]", *by_cap = "[" RULE("\"cap:x\"", SSH) "]";
	assert_true(takes_away(filter_of(by_address, v, 1), filter_of(by_cap, v, 1)));
}

static void it_stays_and_shields_count(void **state)
{
	(void)state;
	const char *text = "[" RULE(A, SSH) "]";
	struct ranges local = everywhere();
	assert_true(takes_away(filter_of(text, NULL, 0), flt_new_shields(&local)));
	assert_false(takes_away(flt_new_shields(&local), filter_of(text, NULL, 0)));
	assert_false(takes_away(filter_of("[]", NULL, 0), flt_new_shields(&local)));
	struct flt *old = filter_of(text, NULL, 0);
	assert_false(flt_is_narrowed(old));
	flt_set_narrowed(old);
	assert_true(takes_away(old, filter_of(text, NULL, 0)));
	ranges_fini(&local);
}

/* ---- size ---- */

/* CPU time of this process; bounds leave room for a slow machine under a sanitizer, and none for a
 * quadratic step, which would be 1e9 and more of them. */
#define BOUND (8 * CLOCKS_PER_SEC)

static void all_of_it(const char *text, const struct flt_cap_holder *holders, size_t n)
{
	clock_t from = clock();
	struct flt_rules rules = rules_of(text);
	struct ranges local = everywhere();
	struct prefix named[512];
	for (int i = 0; i < 512; i++)
		named[i] = prefix_host(ip_v4(192, 0, 2, (uint8_t)i));
	assert_false(flt_rules_name_source(&rules, named, 512));
	struct flt *f = flt_new(&rules, &local, holders, n),
		   *g = flt_new(&rules, &local, holders, n);
	assert_true(f && g);
	flt_succeed(g, f);
	assert_false(flt_is_narrowed(g));
	assert_true(flt_allows_tcp(g, pk_ip("10.0.0.1"), (struct ep){ pk_ip("10.9.0.1"), 7 }));
	assert_false(flt_allows_tcp(g, pk_ip("192.0.2.1"), (struct ep){ pk_ip("10.9.0.1"), 7 }));
	flt_free(f);
	flt_free(g);
	flt_rules_fini(&rules);
	ranges_fini(&local);
	assert_true(clock() - from < BOUND);
}

#define N 100000

static void one_rule_of_100000_sources(void **state)
{
	(void)state;
	struct buf t;
	buf_init(&t, 16 << 20);
	buf_add_str(&t, "[{\"DstPorts\":[{\"IP\":\"*\"" PORTS(0, 99) "],\"SrcIPs\":[");
	for (int i = 0; i < N; i++)
		buf_fmt(&t, "%s\"10.%d.%d.1\"", i ? "," : "", i >> 8 & 255, i & 255);
	buf_add_str(&t, "]}]");
	all_of_it(buf_cstr(&t), NULL, 0);
	buf_fini(&t);
}

static void one_rule_of_100000_destinations(void **state)
{
	(void)state;
	struct buf t;
	buf_init(&t, 16 << 20);
	buf_add_str(&t, "[{\"SrcIPs\":[\"10.0.0.0/8\"],\"DstPorts\":[");
	for (int i = 0; i < N; i++)
		buf_fmt(&t, "%s{\"IP\":\"*\",\"Ports\":{\"First\":%d,\"Last\":%d}}", i ? "," : "",
			i % 60000, i % 60000);
	buf_add_str(&t, "]}]");
	all_of_it(buf_cstr(&t), NULL, 0);
	buf_fini(&t);
}

/* As many rules as are taken, all for half the world. */
static void rules_that_all_cover_everything(void **state)
{
	(void)state;
	struct buf t;
	buf_init(&t, 16 << 20);
	for (int i = 0; i < FLT_RULES_MAX; i++)
		buf_fmt(&t,
			"%s{\"SrcIPs\":[\"0.0.0.0/1\"],\"DstPorts\":[{\"IP\":\"0.0.0.0/0\","
			"\"Ports\":{\"First\":%d,\"Last\":%d}}]}",
			i ? "," : "[", i, i);
	buf_add_str(&t, "]");
	all_of_it(buf_cstr(&t), NULL, 0);
	buf_fini(&t);
}

/* Capabilities only, all rules name one that thousands hold. */
static void rules_by_capability_only(void **state)
{
	(void)state;
	enum { HOLDERS = 20000 };
	static struct flt_cap_holder v[HOLDERS];
	struct buf t;
	buf_init(&t, 16 << 20);
	for (int i = 0; i < HOLDERS; i++)
		v[i] = (struct flt_cap_holder){ ip_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i),
						i % 3 ? "x" : "other" };
	v[1].cap = "x"; /* 10.0.0.1 */
	for (int i = 0; i < FLT_RULES_MAX; i++)
		buf_fmt(&t,
			"%s{\"SrcIPs\":[\"cap:x\",\"cap:%d\"],\"DstPorts\":[{\"IP\":\"0.0.0.0/0\","
			"\"Ports\":{\"First\":%d,\"Last\":%d}}]}",
			i ? "," : "[", i, i, i);
	buf_add_str(&t, "]");
	all_of_it(buf_cstr(&t), v, HOLDERS);
	buf_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_counts_as_taken_away),
		cmocka_unit_test(holders_count_too),
		cmocka_unit_test(it_stays_and_shields_count),
		cmocka_unit_test(one_rule_of_100000_sources),
		cmocka_unit_test(one_rule_of_100000_destinations),
		cmocka_unit_test(rules_that_all_cover_everything),
		cmocka_unit_test(rules_by_capability_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
