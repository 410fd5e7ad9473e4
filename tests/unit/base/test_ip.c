/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/ip.h"

static struct ip ip(const char *text)
{
	struct ip out;
	assert_int_equal(ip_decode(span_str(text), &out), 0);
	return out;
}

static struct prefix prefix(const char *text)
{
	struct prefix out;
	assert_int_equal(prefix_decode(span_str(text), &out), 0);
	return out;
}

static void text_forms(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8::000a", "2001:db8::a" },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "1:0:0:0:2:0:0:3", "1::2:0:0:3" },	  /* longest run */
		{ "1:0:0:2:3:0:0:4", "1::2:3:0:0:4" },	  /* first of equals */
		{ "1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7" }, /* one group is not shortened */
		{ "0:0:2:3:4:5:6:7", "::2:3:4:5:6:7" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "::1.2.3.4", "::102:304" },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::ffff:1.2.3.4", "1.2.3.4" }, /* never seen as IPv6 */
		{ "::ffff:102:304", "1.2.3.4" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char out[IP_TEXT_MAX];
		assert_string_equal(ip_encode(ip(pairs[i][0]), out), pairs[i][1]);
	}
	char out[IP_TEXT_MAX] = "x";
	assert_string_equal(ip_encode((struct ip){ 0 }, out), "");
}

static void refuses_ip(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.-4",
		"0x1.2.3.4",
		":",
		":::",
		"1::2::3",
		"12345::",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"fe80::1%eth0",
		"[::1]",
		"::g",
		"1.2.3.4::",
		"::1.2.3",
		"::ffff:1.2.3.4.5",
		"1:2:3:4:5:6:7:1.2.3.4",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	struct ip out = ip_v4(9, 9, 9, 9);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ip_decode(span_str(bad[i]), &out), -ERR_SYNTAX);
	assert_int_equal(ip_decode(span_of("1.2.3.4\0", 8), &out), -ERR_SYNTAX);
	assert_int_equal(ip_decode(span_of(NULL, 0), &out), -ERR_SYNTAX);
	assert_true(ip_eq(out, ip_v4(9, 9, 9, 9)));
	/* not NUL-terminated */
	assert_int_equal(ip_decode(span_of("1.2.3.45", 7), &out), 0);
	assert_true(ip_eq(out, ip_v4(1, 2, 3, 4)));
}

static void bytes_both_ways(void **state)
{
	(void)state;
	uint8_t b[16];
	ip_to_16(ip("1.2.3.4"), b);
	assert_memory_equal(b, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16);
	assert_true(ip_eq(ip_from_bytes(span_of(b, 16)), ip_v4(1, 2, 3, 4)));
	assert_true(ip_eq(ip_from_bytes(span_of(b + 12, 4)), ip_v4(1, 2, 3, 4)));
	ip_to_16(ip("2001:db8::1"), b);
	assert_true(ip_eq(ip_from_bytes(span_of(b, 16)), ip("2001:db8::1")));
	for (size_t len = 0; len <= 16; len++)
		if (len != 4 && len != 16)
			assert_false(ip_is_set(ip_from_bytes(span_of(b, len))));
	assert_int_equal(ip_bits(ip_v4(1, 2, 3, 4)), 32);
	assert_int_equal(ip_bits(ip("::1")), 128);
}

static void order(void **state)
{
	(void)state;
	assert_true(ip_cmp(ip("255.0.0.0"), ip("::")) < 0);
	assert_true(ip_cmp(ip("1.2.3.4"), ip("1.2.3.5")) < 0);
	assert_true(ip_cmp(ip("2::"), ip("1::")) > 0);
	assert_int_equal(ip_cmp(ip("::1"), ip("::1")), 0);
	assert_true(prefix_cmp(prefix("10.0.0.0/8"), prefix("10.0.0.0/9")) < 0);
	assert_true(prefix_cmp(prefix("10.0.0.0/8"), prefix("9.0.0.0/9")) > 0);
	assert_true(prefix_eq(prefix("::/0"), prefix("::/0")));
	assert_false(prefix_eq(prefix("::/0"), prefix("0.0.0.0/0")));
}

enum kind { UNSPEC = 1, LOOP = 2, MULTI = 4, BCAST = 8, LINK = 16, PRIVATE = 32, TAILNET = 64 };

static int kind_of(struct ip a)
{
	return (ip_is_unspecified(a) ? UNSPEC : 0) | (ip_is_loopback(a) ? LOOP : 0) |
	       (ip_is_multicast(a) ? MULTI : 0) | (ip_is_broadcast(a) ? BCAST : 0) |
	       (ip_is_link_local(a) ? LINK : 0) | (ip_is_private(a) ? PRIVATE : 0) |
	       (ip_is_tailnet(a) ? TAILNET : 0);
}

/* First and last of each range and their neighbours outside. */
static void kinds(void **state)
{
	(void)state;
	static const struct {
		const char *ip;
		int kind;
	} cases[] = {
		{ "0.0.0.0", UNSPEC },
		{ "0.0.0.1", 0 },
		{ "::", UNSPEC },
		{ "126.255.255.255", 0 },
		{ "127.0.0.0", LOOP },
		{ "127.255.255.255", LOOP },
		{ "128.0.0.0", 0 },
		{ "::1", LOOP },
		{ "::2", 0 },
		{ "223.255.255.255", 0 },
		{ "224.0.0.0", MULTI },
		{ "239.255.255.255", MULTI },
		{ "240.0.0.0", 0 },
		{ "255.255.255.255", BCAST },
		{ "255.255.255.254", 0 },
		{ "ff02::1", MULTI },
		{ "feff::1", 0 },
		{ "169.253.255.255", 0 },
		{ "169.254.0.0", LINK },
		{ "169.254.255.255", LINK },
		{ "169.255.0.0", 0 },
		{ "fe80::", LINK },
		{ "febf:ffff::", LINK },
		{ "fe7f::", 0 },
		{ "fec0::", 0 },
		{ "9.255.255.255", 0 },
		{ "10.0.0.0", PRIVATE },
		{ "10.255.255.255", PRIVATE },
		{ "11.0.0.0", 0 },
		{ "172.15.255.255", 0 },
		{ "172.16.0.0", PRIVATE },
		{ "172.31.255.255", PRIVATE },
		{ "172.32.0.0", 0 },
		{ "192.167.255.255", 0 },
		{ "192.168.0.0", PRIVATE },
		{ "192.168.255.255", PRIVATE },
		{ "192.169.0.0", 0 },
		{ "fbff::", 0 },
		{ "fc00::", PRIVATE },
		{ "fdff:ffff::", PRIVATE },
		{ "fe00::", 0 },
		{ "100.63.255.255", 0 },
		{ "100.64.0.0", TAILNET },
		{ "100.127.255.255", TAILNET },
		{ "100.128.0.0", 0 },
		{ "100.115.91.255", TAILNET },
		{ "100.115.92.0", 0 },
		{ "100.115.93.255", 0 },
		{ "100.115.94.0", TAILNET },
		{ "fd7a:115c:a1e0::1", TAILNET | PRIVATE },
		{ "fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff", TAILNET | PRIVATE },
		{ "fd7a:115c:a1e1::", PRIVATE },
		{ "fd7a:115c:a1df:ffff::", PRIVATE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (kind_of(ip(cases[i].ip)) != cases[i].kind)
			fail_msg("%s is %d", cases[i].ip, kind_of(ip(cases[i].ip)));
	assert_int_equal(kind_of((struct ip){ 0 }), 0);
}

static void prefix_text(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "10.1.2.3/8", "10.1.2.3/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "fd7a:115c:A1E0::/48", "fd7a:115c:a1e0::/48" },
		{ "::/0", "::/0" },
		{ "::1/128", "::1/128" },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8" },
		{ "::ffff:10.0.0.0/96", "10.0.0.0/0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char out[PREFIX_TEXT_MAX];
		assert_string_equal(prefix_encode(prefix(pairs[i][0]), out), pairs[i][1]);
	}
	char out[PREFIX_TEXT_MAX] = "x";
	assert_string_equal(prefix_encode((struct prefix){ 0 }, out), "");
}

static void refuses_prefix(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} bad[] = {
		{ "", -ERR_SYNTAX },
		{ "10.0.0.0", -ERR_SYNTAX },
		{ "10.0.0.0/", -ERR_SYNTAX },
		{ "/8", -ERR_SYNTAX },
		{ "10.0.0/8", -ERR_SYNTAX },
		{ "10.0.0.0/08", -ERR_SYNTAX },
		{ "10.0.0.0/+8", -ERR_SYNTAX },
		{ "10.0.0.0/8/8", -ERR_SYNTAX },
		{ "10.0.0.0/8 ", -ERR_SYNTAX },
		{ "10.0.0.0/33", -ERR_RANGE },
		{ "::/129", -ERR_RANGE },
		{ "::/-1", -ERR_SYNTAX },
		{ "10.0.0.0/99999999999999999999", -ERR_RANGE },
		{ "::ffff:10.0.0.0/95", -ERR_RANGE },
		{ "fe80::%1/64", -ERR_SYNTAX },
	};
	struct prefix p;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(prefix_decode(span_str(bad[i].text), &p), bad[i].rc);
}

static void masks(void **state)
{
	(void)state;
	struct prefix all = { ip("255.255.255.255"), 0 };
	for (unsigned bits = 0; bits <= 32; bits++) {
		all.bits = (uint8_t)bits;
		const uint8_t *b = prefix_masked(all).ip.b;
		uint64_t got = (uint64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
		assert_true(got == ((UINT64_C(0xffffffff) << (32 - bits)) & 0xffffffff));
	}
	assert_true(
	    prefix_eq(prefix_masked(prefix("2001:db8:ffff::1/33")), prefix("2001:db8:8000::/33")));
	assert_true(prefix_eq(prefix_masked(prefix("::1/128")), prefix("::1/128")));
	assert_true(prefix_eq(prefix_masked(prefix("ffff::1/0")), prefix("::/0")));
}

static void containment(void **state)
{
	(void)state;
	assert_true(prefix_contains(prefix("10.0.0.99/8"), ip("10.255.1.2")));
	assert_false(prefix_contains(prefix("10.0.0.0/8"), ip("11.0.0.0")));
	assert_true(prefix_contains(prefix("0.0.0.0/0"), ip("8.8.8.8")));
	assert_false(prefix_contains(prefix("0.0.0.0/0"), ip("::")));
	assert_false(prefix_contains(prefix("::/0"), ip("1.2.3.4")));
	assert_false(prefix_contains((struct prefix){ 0 }, (struct ip){ 0 }));
	assert_true(prefix_overlaps(prefix("10.0.0.0/8"), prefix("10.1.0.0/16")));
	assert_true(prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.0.0.0/8")));
	assert_false(prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.2.0.0/16")));
	assert_false(prefix_overlaps(prefix("::/0"), prefix("0.0.0.0/0")));
	assert_true(prefix_is_host(prefix_host(ip("1.2.3.4"))));
	assert_true(prefix_is_host(prefix("::1/128")));
	assert_false(prefix_is_host(prefix("::1/32")));
	assert_false(prefix_is_host((struct prefix){ 0 }));
	assert_true(prefix_is_default(prefix("0.0.0.0/0")));
	assert_true(prefix_is_default(prefix("::/0")));
	assert_false(prefix_is_default(prefix("0.0.0.0/1")));
	assert_false(prefix_is_default((struct prefix){ 0 }));
}

static void endpoints(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "1.2.3.4:0", "1.2.3.4:0" },
		{ "1.2.3.4:65535", "1.2.3.4:65535" },
		{ "[::1]:41641", "[::1]:41641" },
		{ "[::ffff:1.2.3.4]:5", "1.2.3.4:5" },
		{ "[2001:db8::1]:080", "[2001:db8::1]:80" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct ep e;
		char out[EP_TEXT_MAX];
		assert_int_equal(ep_decode(span_str(pairs[i][0]), &e), 0);
		assert_string_equal(ep_encode(e, out), pairs[i][1]);
	}
	char out[EP_TEXT_MAX] = "x";
	assert_string_equal(ep_encode((struct ep){ 0 }, out), "");
	assert_false(ep_is_set((struct ep){ 0 }));
	assert_true(ep_eq((struct ep){ ip("::1"), 5 }, (struct ep){ ip("::1"), 5 }));
	assert_false(ep_eq((struct ep){ ip("::1"), 5 }, (struct ep){ ip("::1"), 6 }));
	assert_false(ep_eq((struct ep){ ip("::1"), 5 }, (struct ep){ ip("::2"), 5 }));
}

static void refuses_endpoints(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} bad[] = {
		{ "", -ERR_SYNTAX },
		{ "1.2.3.4", -ERR_SYNTAX },
		{ "1.2.3.4:", -ERR_SYNTAX },
		{ ":80", -ERR_SYNTAX },
		{ "[]:80", -ERR_SYNTAX },
		{ "::1:80", -ERR_SYNTAX },
		{ "[::1]80", -ERR_SYNTAX },
		{ "[::1:80", -ERR_SYNTAX },
		{ "::1]:80", -ERR_SYNTAX },
		{ "[1.2.3.4]:80", -ERR_SYNTAX },
		{ "[::1%lo]:80", -ERR_SYNTAX },
		{ "1.2.3.4:-1", -ERR_SYNTAX },
		{ "1.2.3.4:http", -ERR_SYNTAX },
		{ "1.2.3.4:65536", -ERR_RANGE },
		{ "host:80", -ERR_SYNTAX },
		{ "[", -ERR_SYNTAX },
		{ "[:", -ERR_SYNTAX },
	};
	struct ep e = { ip_v4(1, 1, 1, 1), 1 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ep_decode(span_str(bad[i].text), &e), bad[i].rc);
	assert_true(ep_eq(e, (struct ep){ ip_v4(1, 1, 1, 1), 1 }));
}

static void ap16(void **state)
{
	(void)state;
	uint8_t b[36];
	struct wr w = wr_init(mspan_of(b, sizeof(b)));
	struct ep four = { ip("192.0.2.1"), 41641 }, six = { ip("2001:db8::1"), 1 };
	wr_ap16(&w, four);
	wr_ap16(&w, six);
	assert_true(wr_ok(&w));
	assert_memory_equal(b, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1\xa2\xa9", 18);
	struct rd r = rd_init(span_of(b, sizeof(b)));
	assert_true(ep_eq(rd_ap16(&r), four));
	assert_true(ep_eq(rd_ap16(&r), six));
	assert_true(rd_done(&r));
	for (size_t len = 0; len < 18; len++) {
		r = rd_init(span_of(b, len));
		assert_false(ep_is_set(rd_ap16(&r)));
		assert_false(rd_ok(&r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_forms),
		cmocka_unit_test(refuses_ip),
		cmocka_unit_test(bytes_both_ways),
		cmocka_unit_test(order),
		cmocka_unit_test(kinds),
		cmocka_unit_test(prefix_text),
		cmocka_unit_test(refuses_prefix),
		cmocka_unit_test(masks),
		cmocka_unit_test(containment),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(refuses_endpoints),
		cmocka_unit_test(ap16),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
