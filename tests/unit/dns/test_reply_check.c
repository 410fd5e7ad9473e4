/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dns_hostile.json does not have: what is sent, and what the client gets back. */
#include "tests/unit/dns/dns_bytes.h"

#include "dns/reply_check.h"

static struct dns_query parse(const struct bytes *m)
{
	struct dns_query q;

	assert_int_equal(dns_query_parse(bytes_span(m), &q), 0);
	return q;
}

static void test_request_is_the_query_with_another_id(void **state)
{
	struct bytes m = bytes_query("wWw.example.test", DNS_A), out;
	struct dns_query q;

	(void)state;
	bytes_opt(&m, 8192, 0, 0);
	q = parse(&m);
	out.n = dns_request_build(&q, 0x1234, bytes_span(&m), mspan_of(out.b, sizeof(out.b)));
	assert_int_equal(out.n, m.n);
	assert_memory_equal(out.b, "\x12\x34", 2);
	m.b[m.n - 8] = 4095 >> 8;
	m.b[m.n - 7] = 4095 & 0xff;
	assert_memory_equal(out.b + 2, m.b + 2, m.n - 2);
	assert_int_equal(dns_request_build(&q, 1, bytes_span(&m), mspan_of(out.b, m.n - 1)), 0);
	assert_int_equal(dns_request_build(&q, 1, span_of(m.b, 11), mspan_of(out.b, 100)), 0);
}

static void test_of_two_questions_the_first_is_sent(void **state)
{
	struct bytes m = bytes_query("a.test", DNS_A), want = m, out;
	struct dns_query q;

	(void)state;
	m.b[5] = 2;
	bytes_question(&m, "b.test", DNS_A);
	q = parse(&m);
	out.n = dns_request_build(&q, 0xabcd, bytes_span(&m), mspan_of(out.b, sizeof(out.b)));
	assert_int_equal(out.n, want.n);
	assert_memory_equal(out.b, want.b, want.n);
}

static void test_id_and_spelling_come_back(void **state)
{
	struct bytes m = bytes_query("wWw.ExAmple.test", DNS_A), reply = m;
	struct dns_query q = parse(&m);

	(void)state;
	reply.b[0] = 0x55;
	reply.b[2] |= 0x80;
	for (size_t i = DNS_HEADER_LEN; i < reply.n - 4; i++)
		if (reply.b[i] >= 'A' && reply.b[i] <= 'Z')
			reply.b[i] = (uint8_t)(reply.b[i] + 0x20);
	assert_int_equal(dns_reply_check(&q, 0x55cd, bytes_span(&reply)), DNS_REPLY_ACCEPT);
	dns_reply_restore(&q, mspan_of(reply.b, reply.n));
	assert_memory_equal(reply.b + DNS_HEADER_LEN, m.b + DNS_HEADER_LEN, m.n - DNS_HEADER_LEN);
	assert_memory_equal(reply.b, m.b, 2);
}

/* Every byte of header and question counts, but the bits that say how it went. */
static void test_each_byte_counts(void **state)
{
	struct bytes m = bytes_query("a1.test", DNS_A), reply = m;
	struct dns_query q = parse(&m);

	(void)state;
	reply.b[2] |= 0x80;
	for (size_t i = 0; i < reply.n; i++) {
		enum dns_reply_verdict v;

		if (i == 3 || (i >= 6 && i < DNS_HEADER_LEN))
			continue;
		reply.b[i] ^= i == 2 ? 0x08 : 0x01;
		v = dns_reply_check(&q, q.id, bytes_span(&reply));
		if (v != DNS_REPLY_IGNORE)
			fail_msg("byte %zu: %d", i, v);
		reply.b[i] ^= i == 2 ? 0x08 : 0x01;
	}
	for (size_t n = 0; n < reply.n; n++)
		assert_int_equal(dns_reply_check(&q, q.id, span_of(reply.b, n)), DNS_REPLY_IGNORE);
	assert_int_equal(dns_reply_check(&q, q.id, bytes_span(&reply)), DNS_REPLY_ACCEPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_is_the_query_with_another_id),
		cmocka_unit_test(test_of_two_questions_the_first_is_sent),
		cmocka_unit_test(test_id_and_spelling_come_back),
		cmocka_unit_test(test_each_byte_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
