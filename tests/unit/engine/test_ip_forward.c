/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Does the machine forward, and does its reverse-path filter let answers in: from a made-up
 * /proc/sys to the words. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "daemon/engine/ip_forward.h"
#include "daemon/engine/rp_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPE_V4 " Type: sysctl -w net.ipv4.ip_forward=1"
#define TYPE_V6 " net.ipv6.conf.all.forwarding=1"
#define KEEP " (and put the same into /etc/sysctl.d to keep it)"
#define OFF "IP forwarding is disabled, subnet routing/exit nodes will not work."
#define OFF6 "IPv6 forwarding is disabled, subnet routing/exit nodes may not work."

struct tree {
	char root[64];
};

static int setup(void **state)
{
	struct tree *t = xcalloc(1, sizeof(*t));
	snprintf(t->root, sizeof(t->root), "/tmp/ip-forward-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;
	char *rm = xasprintf("rm -r %s", t->root);
	assert_int_equal(system(rm), 0);
	free(rm);
	free(t);
	return 0;
}

static void put(struct tree *t, const char *key, const char *value)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", t->root, key);
	for (char *p = path + strlen(t->root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0700);
	}
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(value, f);
	fclose(f);
}

static void expect(struct tree *t, struct ip_forward_need need, const char *want)
{
	struct ip_forward f;
	ip_forward_read(t->root, &f);
	char *got = ip_forward_warning(need, &f);
	assert_string_equal(got, want);
	free(got);
}

static const struct ip_forward_need v4 = { true, false }, v6 = { false, true },
				    both = { true, true }, none = { false, false };

static void nothing_there(void **state)
{
	struct tree *t = *state;
	expect(t, none, "");
	expect(t, v4, OFF TYPE_V4 KEEP);
	expect(t, v6, OFF6 " Type: sysctl -w" TYPE_V6 KEEP);
	expect(t, both, OFF TYPE_V4 TYPE_V6 KEEP);
}

static void values(void **state)
{
	static const struct {
		const char *text;
		bool on;
	} cases[] = { { "0\n", false }, { "1\n", true },  { "2\n", true },  { "1", true },
		      { "", false },	{ "3\n", false }, { "10\n", false } };
	struct tree *t = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(t, "ipv4/ip_forward", cases[i].text);
		put(t, "ipv6/conf/all/forwarding", cases[i].text);
		expect(t, v4, cases[i].on ? "" : OFF TYPE_V4 KEEP);
		expect(t, v6, cases[i].on ? "" : OFF6 " Type: sysctl -w" TYPE_V6 KEEP);
	}
}

static void one_family_only(void **state)
{
	struct tree *t = *state;
	put(t, "ipv4/ip_forward", "1\n");
	expect(t, v4, "");
	expect(t, both, OFF6 " Type: sysctl -w" TYPE_V6 KEEP);
	put(t, "ipv4/ip_forward", "0\n");
	put(t, "ipv6/conf/all/forwarding", "1\n");
	expect(t, v6, "");
	expect(t, both, OFF TYPE_V4 KEEP);
}

static void some_interfaces(void **state)
{
	struct tree *t = *state;
	put(t, "ipv4/ip_forward", "0\n");
	put(t, "ipv4/conf/all/forwarding", "0\n");
	put(t, "ipv4/conf/default/forwarding", "0\n");
	put(t, "ipv4/conf/lo/forwarding", "1\n");
	put(t, "ipv4/conf/eth1/forwarding", "0\n");
	put(t, "ipv4/conf/eth0/forwarding", "0\n");
	expect(t, v4, OFF TYPE_V4 KEEP);
	put(t, "ipv4/conf/eth2/forwarding", "1\n");
	expect(t, v4,
	       "Traffic received on eth0 won't be forwarded (net.ipv4.conf.eth0.forwarding "
	       "disabled)\n"
	       "Traffic received on eth1 won't be forwarded (net.ipv4.conf.eth1.forwarding "
	       "disabled)\n"
	       "Subnet routes and exit nodes may not work correctly." TYPE_V4 KEEP);
	put(t, "ipv4/conf/eth0/forwarding", "1\n");
	put(t, "ipv4/conf/eth1/forwarding", "1\n");
	expect(t, v4, "");
}

/* An address of the machine itself is reached without forwarding. */
static void needed(void **state)
{
	const struct ip local[] = { ip_v4(10, 0, 0, 1), ip_v4(127, 0, 0, 1) };
	const struct prefix own = prefix_host(local[0]), other = prefix_host(ip_v4(10, 0, 0, 2)),
			    net = { ip_v4(10, 0, 0, 0), 24 }, six = { { .fam = IP_V6 }, 0 };
	const struct {
		struct prefix routes[2];
		size_t n;
		struct ip_forward_need need;
	} cases[] = {
		{ { own }, 1, { false, false } },     { { other }, 1, { true, false } },
		{ { own, net }, 2, { true, false } }, { { own, six }, 2, { false, true } },
		{ { net, six }, 2, { true, true } },  { { own }, 0, { false, false } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_forward_need got =
		    ip_forward_needed(cases[i].routes, cases[i].n, local, ARRAY_LEN(local));
		assert_int_equal(got.v4, cases[i].need.v4);
		assert_int_equal(got.v6, cases[i].need.v6);
	}
}

/* The kernel takes the greater of the two values. */
static void reverse_path(void **state)
{
	static const struct {
		const char *all, *one;
		bool strict;
	} cases[] = { { "0\n", "0\n", false }, { "1\n", "0\n", true },	{ "0\n", "1\n", true },
		      { "2\n", "1\n", false }, { "1\n", "2\n", false }, { "2\n", "2\n", false } };
	struct tree *t = *state;
	assert_false(rp_filter_read(t->root, "eth0").strict);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(t, "all/rp_filter", cases[i].all);
		put(t, "eth0/rp_filter", cases[i].one);
		struct rp_filter f = rp_filter_read(t->root, "eth0");
		assert_int_equal(f.strict, cases[i].strict);
		assert_false(f.takes_mark);
	}
	put(t, "all/src_valid_mark", "1\n");
	assert_true(rp_filter_read(t->root, "eth0").takes_mark);
	put(t, "all/src_valid_mark", "0\n");
	put(t, "eth0/src_valid_mark", "1\n");
	assert_true(rp_filter_read(t->root, "eth0").takes_mark);
	assert_false(rp_filter_read(t->root, "eth1").takes_mark);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_there),	  TEST(values),
		TEST(one_family_only),	  TEST(some_interfaces),
		cmocka_unit_test(needed), TEST(reverse_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
