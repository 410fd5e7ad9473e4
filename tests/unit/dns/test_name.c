/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/dns/dns_bytes.h"

#include "base/alloc.h"

/* The name at that place of a message. */
static int parse_at(struct span msg, size_t at, char out[DNS_NAME_MAX + 1], size_t *behind)
{
	struct rd r = rd_init(msg);
	rd_skip(&r, at);
	int n = dns_name_parse(msg, &r, out);
	*behind = msg.len - rd_left(&r);
	return n;
}

static void assert_none(const void *bytes, size_t n, size_t at)
{
	char out[DNS_NAME_MAX + 1];
	size_t behind;
	assert_int_equal(parse_at(span_of(bytes, n), at, out, &behind), -ERR_SYNTAX);
	assert_int_equal(behind, at);
}

static void names_round_trip(void **state)
{
	static const char *const names[] = { "", "a", "a.b", "Host-1.Tail.example.com",
					     "a b.\xff" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct bytes m = { .n = 3 };
		char out[DNS_NAME_MAX + 1];
		size_t behind;
		bytes_name(&m, names[i]);
		size_t end = m.n;
		bytes_be16(&m, 7);
		assert_int_equal(parse_at(bytes_span(&m), 3, out, &behind), strlen(names[i]));
		assert_string_equal(out, names[i]);
		assert_int_equal(behind, end);
	}
}

static void what_is_no_name_is_not_built(void **state)
{
	static const char *const bad[] = {
		".",
		"a.",
		".a",
		"a..b",
		"0123456789012345678901234567890123456789012345678901234567890123.c",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t mem[300];
		struct wr w = wr_init(mspan_of(mem, sizeof(mem)));
		dns_name_build(&w, bad[i]);
		assert_false(wr_ok(&w));
	}
}

static void pointers_lead_back(void **state)
{
	/* 0: "b", 3: "a" and a pointer to 0, 7: a pointer to 3 */
	static const uint8_t m[] = { 1, 'b', 0, 1, 'a', 0xc0, 0, 0xc0, 3, 9 };
	char out[DNS_NAME_MAX + 1];
	size_t behind;
	(void)state;
	assert_int_equal(parse_at(span_of(m, sizeof(m)), 3, out, &behind), 3);
	assert_string_equal(out, "a.b");
	assert_int_equal(behind, 7);
	assert_int_equal(parse_at(span_of(m, sizeof(m)), 7, out, &behind), 3);
	assert_string_equal(out, "a.b");
	assert_int_equal(behind, 9);
}

static void pointers_lead_nowhere_else(void **state)
{
	static const uint8_t self[] = { 0xc0, 0, 0 }, forward[] = { 0xc0, 2, 0 };
	static const uint8_t mutual[] = { 0xc0, 2, 0xc0, 0 }, beyond[] = { 0xff, 0xff, 0 };
	/* into the label that leads to it: grows for ever if followed */
	static const uint8_t loop[] = { 1, 'a', 0xc0, 0 }, half[] = { 0, 0xc0 };
	(void)state;
	assert_none(self, sizeof(self), 0);
	assert_none(forward, sizeof(forward), 0);
	assert_none(mutual, sizeof(mutual), 0);
	assert_none(mutual, sizeof(mutual), 2);
	assert_none(beyond, sizeof(beyond), 0);
	assert_none(loop, sizeof(loop), 0);
	assert_none(half, sizeof(half), 1);
}

static void pointers_are_few(void **state)
{
	uint8_t m[2 * (DNS_POINTERS_MAX + 2)] = { 0 };
	char out[DNS_NAME_MAX + 1];
	size_t behind;
	(void)state;
	for (size_t i = 2; i < sizeof(m); i += 2) {
		m[i] = 0xc0;
		m[i + 1] = (uint8_t)(i - 2);
	}
	assert_int_equal(parse_at(span_of(m, sizeof(m)), sizeof(m) - 4, out, &behind), 0);
	assert_none(m, sizeof(m), sizeof(m) - 2);
}

static void bad_labels_are_no_names(void **state)
{
	static const uint8_t type01[70] = { 0x40 }, type10[140] = { 0x80 };
	static const uint8_t dot[] = { 3, 'a', '.', 'b', 0 }, nul[] = { 3, 'a', 0, 'b', 0 };
	static const uint8_t cut[] = { 3, 'a', 'b' }, open[] = { 1, 'a' };
	(void)state;
	assert_none(type01, sizeof(type01), 0);
	assert_none(type10, sizeof(type10), 0);
	assert_none(dot, sizeof(dot), 0);
	assert_none(nul, sizeof(nul), 0);
	assert_none(cut, sizeof(cut), 0);
	assert_none(open, sizeof(open), 0);
	assert_none(open, 0, 0);
}

static void longest_name_has_255_bytes(void **state)
{
	struct bytes m = { .n = 0 };
	char out[DNS_NAME_MAX + 1];
	size_t behind;
	(void)state;
	for (int i = 0; i < 127; i++)
		bytes_add(&m, "\1x", 2);
	bytes_add(&m, "", 1);
	assert_int_equal(m.n, DNS_WIRE_NAME_MAX);
	assert_int_equal(parse_at(bytes_span(&m), 0, out, &behind), DNS_NAME_MAX - 1);
	struct bytes again = { .n = 0 };
	bytes_name(&again, out);
	assert_memory_equal(again.b, m.b, m.n);

	m.n = 0;
	for (int i = 0; i < 126; i++)
		bytes_add(&m, "\1x", 2);
	bytes_add(&m, "\2xy\0", 4);
	assert_none(m.b, m.n, 0);
}

/* A pointer must not smuggle in more bytes than a name may have. */
static void long_by_pointers_is_too_long(void **state)
{
	struct bytes m = { .n = 0 };
	(void)state;
	for (int i = 0; i < 100; i++)
		bytes_add(&m, "\1x", 2);
	bytes_add(&m, "", 1);
	size_t at = m.n;
	for (int i = 0; i < 100; i++)
		bytes_add(&m, "\1y", 2);
	bytes_add(&m, "\xc0\0", 2);
	assert_none(m.b, m.n, at);
}

static void reverse_names_go_both_ways(void **state)
{
	static const char *const addrs[] = { "100.64.0.1", "255.0.10.9", "fd7a:115c:a1e0::53",
					     "2001:db8:0:1:2:3:4:abcd" };
	char out[DNS_NAME_MAX + 1];
	struct ip ip, back;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
		assert_int_equal(ip_decode(span_str(addrs[i]), &ip), 0);
		assert_int_equal(dns_reverse_parse(dns_reverse_name(ip, out), &back), 0);
		assert_true(ip_eq(ip, back));
	}
	ip = ip_v4(100, 64, 0, 1);
	assert_string_equal(dns_reverse_name(ip, out), "1.0.64.100.in-addr.arpa");
	assert_string_equal(dns_reverse_name((struct ip){ 0 }, out), "");
}

static void other_reverse_names_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"in-addr.arpa",
		"ip6.arpa",
		"1.in-addr.arpa",
		"3.2.1.in-addr.arpa",
		"5.4.3.2.1.in-addr.arpa",
		"01.0.64.100.in-addr.arpa",
		"256.0.64.100.in-addr.arpa",
		"::1.in-addr.arpa",
		"1.0.64.100.in-addr.arpa.x",
		"1.0.64.100in-addr.arpa",
		"1.1.ip6.arpa",
		"g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.7.d.f.ip6.arpa",
		"0a0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.d.f.ip6.arpa",
		"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.7.d.f.ip6.arpa",
	};
	struct ip ip = ip_v4(1, 2, 3, 4);
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dns_reverse_parse(bad[i], &ip), -ERR_SYNTAX);
	assert_true(ip_eq(ip, ip_v4(1, 2, 3, 4)));
}

static void browse_names_are_known(void **state)
{
	(void)state;
	assert_true(dns_is_browse("b._dns-sd._udp.example.com"));
	assert_true(dns_is_browse("lb._dns-sd._udp.0.0.64.100.in-addr.arpa"));
	assert_true(dns_is_browse("dr._dns-sd._udp.x"));
	assert_false(dns_is_browse("x._dns-sd._udp.example.com"));
	assert_false(dns_is_browse("b._dns-sd._tcp.example.com"));
	assert_false(dns_is_browse("b._dns-sd._udp"));
	assert_false(dns_is_browse("_dns-sd._udp.example.com"));
	assert_false(dns_is_browse(""));
}

static void skipping_finds_the_end(void **state)
{
	static const uint8_t plain[] = { 1, 'a', 0, 7 }, jump[] = { 1, 'a', 0xff, 0xff, 7 };
	static const uint8_t bad[] = { 1, 'a', 0x80, 0 };
	(void)state;
	struct rd r = rd_init(span_of(plain, sizeof(plain)));
	dns_name_skip(&r);
	assert_int_equal(rd_u8(&r), 7);
	r = rd_init(span_of(jump, sizeof(jump)));
	dns_name_skip(&r);
	assert_int_equal(rd_u8(&r), 7);
	r = rd_init(span_of(bad, sizeof(bad)));
	dns_name_skip(&r);
	assert_false(rd_ok(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(what_is_no_name_is_not_built),
		cmocka_unit_test(pointers_lead_back),
		cmocka_unit_test(pointers_lead_nowhere_else),
		cmocka_unit_test(pointers_are_few),
		cmocka_unit_test(bad_labels_are_no_names),
		cmocka_unit_test(longest_name_has_255_bytes),
		cmocka_unit_test(long_by_pointers_is_too_long),
		cmocka_unit_test(reverse_names_go_both_ways),
		cmocka_unit_test(other_reverse_names_are_none),
		cmocka_unit_test(browse_names_are_known),
		cmocka_unit_test(skipping_finds_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
