/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netstack/iptables.h"

#include "base/alloc.h"
#include "tests/lib/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct router_params params = { 0xff0000, 0x80000, 0x40000, 52, 5200 };

static void add(struct prefix_list *l, const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_decode(span_str(text), &p), 0);
	prefix_list_add(l, p);
}

static struct fw_config usual(void)
{
	struct fw_config c = {
		.mode = RT_NETFILTER_ON, .port4 = 41641, .port6 = 41642, .snat = true
	};
	add(&c.self, "100.64.0.1/32");
	add(&c.self, "fd7a:115c:a1e0::1/128");
	add(&c.guard, "100.64.0.1/32");
	add(&c.guard, "100.64.0.2/31");
	add(&c.guard, "fd7a:115c:a1e0::/48");
	return c;
}

static const struct ipt_seen *nothing(void)
{
	static struct ipt_seen s;
	ipt_seen_init(&s);
	return &s;
}

static struct ipt_seen seen_of(const char *lines)
{
	struct ipt_seen s;
	ipt_seen_init(&s);
	for (const char *end; (end = strchr(lines, '\n')); lines = end + 1)
		ipt_seen_line(&s, span_of(lines, (size_t)(end - lines)));
	return s;
}

static void expect_apply(const struct ipt_want *w, enum ip_family fam, enum ipt_table t,
			 const struct ipt_seen *seen, const char *expected)
{
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	ipt_apply_text(w, fam, t, seen, &b);
	assert_string_equal(buf_cstr(&b), expected);
	buf_fini(&b);
}

static void expect_down(enum ipt_table t, const struct ipt_seen *seen, const char *expected)
{
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	ipt_down_text(t, seen, &b);
	assert_string_equal(buf_cstr(&b), expected);
	buf_fini(&b);
}

/* Does the text of this table have the line? */
static bool has(const struct ipt_want *w, enum ip_family fam, enum ipt_table t, const char *line)
{
	char with[256];
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	ipt_apply_text(w, fam, t, nothing(), &b);
	snprintf(with, sizeof(with), "\n%s\n", line);
	bool found = strstr(buf_cstr(&b), with) != NULL;
	buf_fini(&b);
	return found;
}

/* ---- names ---- */

static void names_that_rules_can_hold(void **state)
{
	(void)state;
	static const char *const good[] = { "tailscale0",      "m",   "wg-mesh.1", "_x",
					    "abcdefghijklmno", "0tun" };
	static const char *const bad[] = {
		"",	"abcdefghijklmnop", "-j",	   "!eth0", "eth+", "a b",
		"a\tb", "a\nCOMMIT",	    "x\"y",	   "x'y",   "x\\y", ".hidden",
		"a/b",	"eth0:1",	    "caf\xc3\xa9", "a;b",   "$x"
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(ipt_ifname_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ipt_ifname_ok(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

/* ---- texts ---- */

static void four_tables_of_ipv4(void **state)
{
	(void)state;
	struct fw_config c = usual();
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	expect_apply(&w, IP_V4, IPT_RAW, nothing(),
		     "*raw\n"
		     ":ts-prerouting - [0:0]\n"
		     "-A ts-prerouting -i mesh0 -j RETURN\n"
		     "-A ts-prerouting -i lo -j RETURN\n"
		     "-A ts-prerouting -d 100.64.0.1/32 -j DROP\n"
		     "-I PREROUTING 1 -j ts-prerouting\n"
		     "COMMIT\n");
	expect_apply(&w, IP_V4, IPT_MANGLE, nothing(),
		     "*mangle\n"
		     ":ts-prerouting - [0:0]\n"
		     ":ts-output - [0:0]\n"
		     "-A ts-prerouting -m conntrack --ctstate RELATED,ESTABLISHED -m connmark ! "
		     "--mark 0x0/0xff0000 -j CONNMARK --restore-mark --nfmask 0xff0000 --ctmask "
		     "0xff0000\n"
		     "-A ts-output -m conntrack --ctstate NEW -m mark ! --mark 0x0/0xff0000 -j "
		     "CONNMARK --save-mark --nfmask 0xff0000 --ctmask 0xff0000\n"
		     "-I PREROUTING 1 -j ts-prerouting\n"
		     "-I OUTPUT 1 -j ts-output\n"
		     "COMMIT\n");
	expect_apply(&w, IP_V4, IPT_NAT, nothing(),
		     "*nat\n"
		     ":ts-postrouting - [0:0]\n"
		     "-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE "
		     "--random-fully\n"
		     "-I POSTROUTING 1 -j ts-postrouting\n"
		     "COMMIT\n");
	expect_apply(&w, IP_V4, IPT_FILTER, nothing(),
		     "*filter\n"
		     ":ts-input - [0:0]\n"
		     ":ts-forward - [0:0]\n"
		     ":ts-guard - [0:0]\n"
		     "-A ts-input -s 100.64.0.1/32 -i lo -j ACCEPT\n"
		     "-A ts-input -i mesh0 -j ACCEPT\n"
		     "-A ts-input -p udp -m udp --dport 41641 -j ACCEPT\n"
		     "-A ts-input -s 100.64.0.0/30 -j ts-guard\n"
		     "-A ts-forward -i mesh0 -j MARK --set-xmark 0x40000/0xff0000\n"
		     "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT\n"
		     "-A ts-forward -s 100.64.0.0/30 -o mesh0 -j ts-guard\n"
		     "-A ts-forward -o mesh0 -j ACCEPT\n"
		     "-A ts-guard -s 100.64.0.1/32 -j DROP\n"
		     "-A ts-guard -s 100.64.0.2/31 -j DROP\n"
		     "-I INPUT 1 -j ts-input\n"
		     "-I FORWARD 1 -j ts-forward\n"
		     "COMMIT\n");
	fw_config_fini(&c);
}

static void the_other_family(void **state)
{
	(void)state;
	struct fw_config c = usual();
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	expect_apply(&w, IP_V6, IPT_RAW, nothing(),
		     "*raw\n"
		     ":ts-prerouting - [0:0]\n"
		     "-A ts-prerouting -i mesh0 -j RETURN\n"
		     "-A ts-prerouting -i lo -j RETURN\n"
		     "-A ts-prerouting -d fd7a:115c:a1e0::1/128 -j DROP\n"
		     "-I PREROUTING 1 -j ts-prerouting\n"
		     "COMMIT\n");
	expect_apply(&w, IP_V6, IPT_FILTER, nothing(),
		     "*filter\n"
		     ":ts-input - [0:0]\n"
		     ":ts-forward - [0:0]\n"
		     ":ts-guard - [0:0]\n"
		     "-A ts-input -s fd7a:115c:a1e0::1/128 -i lo -j ACCEPT\n"
		     "-A ts-input -i mesh0 -j ACCEPT\n"
		     "-A ts-input -p udp -m udp --dport 41642 -j ACCEPT\n"
		     "-A ts-input -s fd7a:115c:a1e0::/48 -j ts-guard\n"
		     "-A ts-forward -i mesh0 -j MARK --set-xmark 0x40000/0xff0000\n"
		     "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT\n"
		     "-A ts-forward -s fd7a:115c:a1e0::/48 -o mesh0 -j ts-guard\n"
		     "-A ts-forward -o mesh0 -j ACCEPT\n"
		     "-A ts-guard -s fd7a:115c:a1e0::/48 -j DROP\n"
		     "-I INPUT 1 -j ts-input\n"
		     "-I FORWARD 1 -j ts-forward\n"
		     "COMMIT\n");
	fw_config_fini(&c);
}

static void each_switch_has_its_rule(void **state)
{
	(void)state;
	struct fw_config c = usual();
	struct router_params p = params;
	struct ipt_want w = { .tun = "mesh0", .params = &p, .cfg = &c };
	const char *stateful = "-A ts-forward -o mesh0 -m conntrack ! --ctstate "
			       "RELATED,ESTABLISHED,UNTRACKED -j DROP";
	const char *masq =
	    "-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE --random-fully";
	assert_false(has(&w, IP_V4, IPT_FILTER, stateful));
	c.stateful = true;
	assert_true(has(&w, IP_V4, IPT_FILTER, stateful));
	assert_true(has(&w, IP_V6, IPT_FILTER, stateful));
	assert_true(has(&w, IP_V6, IPT_NAT, masq));
	c.snat = false;
	assert_false(has(&w, IP_V4, IPT_NAT, masq));
	assert_true(has(&w, IP_V4, IPT_NAT, "-I POSTROUTING 1 -j ts-postrouting"));
	c.port6 = 0;
	assert_false(has(&w, IP_V6, IPT_FILTER, "-A ts-input -p udp -m udp --dport 0 -j ACCEPT"));
	assert_true(
	    has(&w, IP_V4, IPT_FILTER, "-A ts-input -p udp -m udp --dport 41641 -j ACCEPT"));
	/* What others may send in our name is let in then, but not on into the tunnel. */
	c.no_guard = true;
	assert_false(has(&w, IP_V4, IPT_FILTER, "-A ts-input -s 100.64.0.0/30 -j ts-guard"));
	assert_true(
	    has(&w, IP_V4, IPT_FILTER, "-A ts-forward -s 100.64.0.0/30 -o mesh0 -j ts-guard"));
	p.fwmark_mask = 0xff;
	p.fwmark_subnet = 0x40;
	assert_true(has(&w, IP_V4, IPT_FILTER, "-A ts-forward -m mark --mark 0x40/0xff -j ACCEPT"));
	fw_config_fini(&c);
}

static void a_long_guard_is_one_range(void **state)
{
	(void)state;
	struct fw_config c = { .mode = RT_NETFILTER_ON };
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	for (unsigned i = 0; i < IPT_GUARD_MAX; i++)
		prefix_list_add(&c.guard,
				prefix_host(ip_v4(100, 64, (uint8_t)(i >> 8), (uint8_t)i)));
	assert_false(ipt_guard_widened(&c, IP_V4));
	assert_true(has(&w, IP_V4, IPT_FILTER, "-A ts-guard -s 100.64.0.255/32 -j DROP"));
	assert_true(has(&w, IP_V4, IPT_FILTER, "-A ts-input -s 100.64.0.0/24 -j ts-guard"));
	prefix_list_add(&c.guard, prefix_host(ip_v4(100, 64, 1, 0)));
	assert_true(ipt_guard_widened(&c, IP_V4));
	assert_false(ipt_guard_widened(&c, IP_V6));
	assert_true(has(&w, IP_V4, IPT_FILTER, "-A ts-input -s 100.64.0.0/10 -j ts-guard"));
	assert_true(has(&w, IP_V4, IPT_FILTER,
			"-A ts-guard -s 100.115.92.0/23 -j RETURN\n"
			"-A ts-guard -s 100.64.0.0/10 -j DROP"));
	assert_false(has(&w, IP_V4, IPT_FILTER, "-A ts-guard -s 100.64.0.255/32 -j DROP"));
	/* Nothing to guard, nothing to jump to. */
	assert_false(has(&w, IP_V6, IPT_FILTER, "-A ts-input -s ::/0 -j ts-guard"));
	fw_config_fini(&c);
}

/* ---- what is there ---- */

static const char filter_as_saved[] = "# Generated by iptables-save\n"
				      "*filter\n"
				      ":INPUT DROP [12:840]\n"
				      ":ts-forward - [0:0]\n"
				      ":ts-guard - [0:0]\n"
				      ":ts-input - [0:0]\n"
				      ":ts-input-of-others - [0:0]\n"
				      "-A INPUT -j ts-input\n"
				      "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
				      "-A INPUT -j ts-input-of-others\n"
				      "-A FORWARD -j ts-forward\n"
				      "-A FORWARD -j ts-forward\n"
				      "-A ts-forward -o mesh0 -j ACCEPT\n"
				      "-A ts-input -i mesh0 -j ACCEPT\n"
				      "-A ts-input -s 100.64.0.0/10 -j ts-guard\n"
				      "COMMIT\n"
				      "*security\n"
				      ":ts-input - [0:0]\n"
				      "-A INPUT -j ts-input\n"
				      "COMMIT\n";

static void reads_what_is_ours(void **state)
{
	(void)state;
	struct ipt_seen s = seen_of(filter_as_saved);
	assert_true(ipt_seen_any(&s, IPT_FILTER));
	assert_false(ipt_seen_any(&s, IPT_NAT));
	assert_int_equal(s.rules[IPT_FILTER], 3);
	expect_down(IPT_NAT, &s, "");
	expect_down(IPT_FILTER, &s,
		    "*filter\n"
		    "-D INPUT -j ts-input\n"
		    "-F ts-input\n"
		    "-D FORWARD -j ts-forward\n"
		    "-D FORWARD -j ts-forward\n"
		    "-F ts-forward\n"
		    "-F ts-guard\n"
		    "-X ts-input\n"
		    "-X ts-forward\n"
		    "-X ts-guard\n"
		    "COMMIT\n");
}

/* One jump is right, none or several become one at the top. */
static void jumps_are_made_once(void **state)
{
	(void)state;
	struct fw_config c = { .mode = RT_NETFILTER_ON };
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	struct ipt_seen s = seen_of(filter_as_saved);
	expect_apply(&w, IP_V6, IPT_FILTER, &s,
		     "*filter\n"
		     ":ts-input - [0:0]\n"
		     ":ts-forward - [0:0]\n"
		     ":ts-guard - [0:0]\n"
		     "-A ts-input -i mesh0 -j ACCEPT\n"
		     "-A ts-forward -i mesh0 -j MARK --set-xmark 0x40000/0xff0000\n"
		     "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT\n"
		     "-A ts-forward -o mesh0 -j ACCEPT\n"
		     "-D FORWARD -j ts-forward\n"
		     "-D FORWARD -j ts-forward\n"
		     "-I FORWARD 1 -j ts-forward\n"
		     "COMMIT\n");
}

static void nodivert_has_no_jumps_of_ours(void **state)
{
	(void)state;
	struct fw_config c = { .mode = RT_NETFILTER_NODIVERT, .snat = true };
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	struct ipt_seen s =
	    seen_of("*nat\n:ts-postrouting - [0:0]\n"
		    "-A POSTROUTING -j ts-postrouting\nCOMMIT\n"
		    "*mangle\n:ts-output - [0:0]\n-A OUTPUT -j ts-output\nCOMMIT\n");
	const char *rule =
	    "-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE --random-fully\n";
	char text[512];
	snprintf(text, sizeof(text), "*nat\n:ts-postrouting - [0:0]\n%sCOMMIT\n", rule);
	expect_apply(&w, IP_V4, IPT_NAT, &s, text);
	w.remove_jumps = true;
	snprintf(text, sizeof(text),
		 "*nat\n:ts-postrouting - [0:0]\n%s-D POSTROUTING -j ts-postrouting\nCOMMIT\n",
		 rule);
	expect_apply(&w, IP_V4, IPT_NAT, &s, text);
	expect_apply(&w, IP_V4, IPT_MANGLE, &s,
		     "*mangle\n-D OUTPUT -j ts-output\n-F ts-output\n-X ts-output\nCOMMIT\n");
	expect_apply(&w, IP_V4, IPT_MANGLE, nothing(), "");
	/* neither has mode on where no mark is needed */
	c.mode = RT_NETFILTER_ON;
	c.no_connmark = true;
	expect_apply(&w, IP_V4, IPT_MANGLE, &s,
		     "*mangle\n-D OUTPUT -j ts-output\n-F ts-output\n-X ts-output\nCOMMIT\n");
	expect_apply(&w, IP_V4, IPT_MANGLE, nothing(), "");
}

static void jumps_with_conditions_belong_to_others(void **state)
{
	(void)state;
	struct ipt_seen s = seen_of("*filter\n:ts-input - [0:0]\n:ts-forward - [0:0]\n"
				    "-A INPUT -i eth0 -j ts-input\n"
				    "-A DOCKER-USER -g ts-forward\n"
				    "COMMIT\n");
	expect_down(IPT_FILTER, &s, "*filter\n-F ts-input\n-F ts-forward\nCOMMIT\n");
}

static void sees_every_change_of_ours_alone(void **state)
{
	(void)state;
	char what[64];
	struct ipt_seen a = seen_of(filter_as_saved);
	struct ipt_seen b = seen_of(filter_as_saved);
	assert_false(ipt_seen_differs(&a, &b, what, sizeof(what)));
	ipt_seen_line(&b, span_str("*filter"));
	ipt_seen_line(&b, span_str("-A INPUT -p tcp -j DROP"));
	assert_false(ipt_seen_differs(&a, &b, what, sizeof(what)));
	ipt_seen_line(&b, span_str("-A ts-input -j DROP"));
	assert_true(ipt_seen_differs(&a, &b, what, sizeof(what)));
	assert_string_equal(what, "filter");
	ipt_seen_line(&b, span_str("*raw"));
	ipt_seen_line(&b, span_str(":ts-prerouting - [0:0]"));
	assert_true(ipt_seen_differs(&a, &b, what, sizeof(what)));
	assert_string_equal(what, "raw, filter");
	struct ipt_seen swapped = seen_of("*filter\n-A ts-input -j A\n-A ts-input -j B\n");
	struct ipt_seen order = seen_of("*filter\n-A ts-input -j B\n-A ts-input -j A\n");
	assert_true(ipt_seen_differs(&swapped, &order, what, sizeof(what)));
	struct ipt_seen jump = seen_of("*nat\n:ts-postrouting - [0:0]\n"
				       "-A POSTROUTING -j ts-postrouting\n");
	struct ipt_seen none = seen_of("*nat\n:ts-postrouting - [0:0]\n");
	assert_true(ipt_seen_differs(&jump, &none, what, sizeof(what)));
}

static void applied_means_all_of_it(void **state)
{
	(void)state;
	struct fw_config c = { .mode = RT_NETFILTER_ON, .snat = true };
	struct ipt_want w = { .tun = "mesh0", .params = &params, .cfg = &c };
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	ipt_apply_text(&w, IP_V4, IPT_NAT, nothing(), &b);
	const char *chain = "*nat\n:ts-postrouting - [0:0]\n";
	const char *jump = "-A POSTROUTING -j ts-postrouting\n";
	const char *rule = "-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE\n";
	char lines[512];
	static const struct {
		bool chain, jump, rule, on, applied;
	} cases[] = {
		{ true, true, true, true, true },   { true, false, true, true, false },
		{ true, true, false, true, false }, { false, false, false, true, false },
		{ true, false, true, false, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(lines, sizeof(lines), "%s%s%s", cases[i].chain ? chain : "*nat\n",
			 cases[i].jump ? jump : "", cases[i].rule ? rule : "");
		struct ipt_seen s = seen_of(lines);
		c.mode = cases[i].on ? RT_NETFILTER_ON : RT_NETFILTER_NODIVERT;
		assert_int_equal(ipt_applied(&w, IPT_NAT, buf_span(&b), &s), cases[i].applied);
	}
	struct ipt_seen left = seen_of("*mangle\n:ts-output - [0:0]\n-A ts-output -j ACCEPT\n");
	assert_false(ipt_applied(&w, IPT_MANGLE, span_str(""), &left));
	assert_true(ipt_applied(&w, IPT_MANGLE, span_str(""), nothing()));
	buf_fini(&b);
}

static void any_line_may_come(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"",  "*",	"*filter x",	    ":", ": ", "-", "-A ", "-A", "COMMIT", "*nat",
		":", "-A  -j ", "-A ts-postrouting"
	};
	struct ipt_seen s;
	ipt_seen_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		ipt_seen_line(&s, span_str(lines[i]));
	assert_int_equal(s.rules[IPT_NAT], 1);
	assert_false(ipt_seen_any(&s, IPT_NAT));
	/* More jumps than a text has room for are not half removed. */
	struct ipt_seen many = seen_of("*filter\n:ts-input - [0:0]\n");
	for (int i = 0; i < 10000; i++)
		ipt_seen_line(&many, span_str("-A INPUT -j ts-input"));
	struct buf b;
	buf_init(&b, IPT_TEXT_MAX);
	ipt_down_text(IPT_FILTER, &many, &b);
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_rules_can_hold),
		cmocka_unit_test(four_tables_of_ipv4),
		cmocka_unit_test(the_other_family),
		cmocka_unit_test(each_switch_has_its_rule),
		cmocka_unit_test(a_long_guard_is_one_range),
		cmocka_unit_test(reads_what_is_ours),
		cmocka_unit_test(jumps_are_made_once),
		cmocka_unit_test(nodivert_has_no_jumps_of_ours),
		cmocka_unit_test(jumps_with_conditions_belong_to_others),
		cmocka_unit_test(sees_every_change_of_ours_alone),
		cmocka_unit_test(applied_means_all_of_it),
		cmocka_unit_test(any_line_may_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
