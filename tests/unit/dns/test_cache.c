/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/dns/dns_bytes.h"

#include "dns/cache.h"

#include <stdio.h>

static struct dns_cache *cache;
static mono_t now = { 1000 * NS_PER_S };

enum { NOERROR = 0x8180, NXDOMAIN = 0x8183, SERVFAIL = 0x8182, REFUSED = 0x8185 };

static void be32(struct bytes *m, uint32_t v)
{
	bytes_be16(m, v >> 16);
	bytes_be16(m, v & 0xffff);
}

static void add_a(struct bytes *m, uint32_t ttl, uint8_t last)
{
	bytes_add(m, "\xc0\x0c\x00\x01\x00\x01", 6);
	be32(m, ttl);
	bytes_add(m, "\x00\x04\xc0\x00\x02", 5);
	bytes_add(m, &last, 1);
}

static void add_soa(struct bytes *m, uint32_t ttl, uint32_t minimum)
{
	bytes_add(m, "\x00\x00\x06\x00\x01", 5);
	be32(m, ttl);
	bytes_be16(m, 22);
	bytes_add(m, "\x00\x00", 2);
	for (int i = 0; i < 4; i++)
		be32(m, 7200);
	be32(m, minimum);
}

static struct bytes answer(const char *name, uint32_t ttl)
{
	struct bytes m = bytes_header(NOERROR, 1, 1, 0, 0);

	bytes_question(&m, name, DNS_A);
	add_a(&m, ttl, 1);
	return m;
}

static struct bytes negative(unsigned flags, const char *name, uint32_t ttl, uint32_t minimum)
{
	struct bytes m = bytes_header(flags, 1, 0, 1, 0);

	bytes_question(&m, name, DNS_A);
	add_soa(&m, ttl, minimum);
	return m;
}

static struct dns_query parse(const struct bytes *m)
{
	struct dns_query q;

	assert_int_equal(dns_query_parse(bytes_span(m), &q), 0);
	return q;
}

static void put_query(uint64_t group, const struct bytes *query, const struct bytes *reply)
{
	struct dns_query q = parse(query);

	dns_cache_put(cache, now, group, &q, bytes_span(query), bytes_span(reply));
}

static void put(uint64_t group, const char *name, const struct bytes *reply)
{
	struct bytes query = bytes_query(name, DNS_A);

	put_query(group, &query, reply);
}

static size_t get_query(uint64_t group, const struct bytes *query, struct bytes *out)
{
	struct dns_query q = parse(query);

	out->n = dns_cache_get(cache, now, group, &q, bytes_span(query),
			       mspan_of(out->b, sizeof(out->b)));
	return out->n;
}

static size_t get(uint64_t group, const char *name, struct bytes *out)
{
	struct bytes query = bytes_query(name, DNS_A);

	return get_query(group, &query, out);
}

static bool has(uint64_t group, const char *name)
{
	struct bytes out;

	return get(group, name, &out) > 0;
}

static void pass_s(int64_t s)
{
	now = mono_add_s(now, s);
}

static int setup(void **state)
{
	(void)state;
	cache = dns_cache_new(100000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_cache_flush(cache);
	assert_int_equal(dns_cache_len(cache), 0);
	assert_int_equal(dns_cache_bytes(cache), 0);
	dns_cache_free(cache);
	return 0;
}

static void test_same_bytes_with_less_time(void **state)
{
	struct bytes reply = answer("www.example.test", 30), out;
	size_t ttl_at = reply.n - 10;

	(void)state;
	put(1, "www.example.test", &reply);
	assert_int_equal(get(1, "www.example.test", &out), reply.n);
	assert_memory_equal(out.b, reply.b, reply.n);
	pass_s(12);
	assert_int_equal(get(1, "www.example.test", &out), reply.n);
	assert_int_equal(out.b[ttl_at + 3], 18);
	out.b[ttl_at + 3] = 30;
	assert_memory_equal(out.b, reply.b, reply.n);
	pass_s(17);
	assert_true(has(1, "www.example.test"));
	pass_s(1);
	assert_false(has(1, "www.example.test"));
	assert_int_equal(dns_cache_len(cache), 0);
}

static void test_never_longer_than_the_ceiling(void **state)
{
	struct bytes reply = answer("www.example.test", 86400), out;

	(void)state;
	put(1, "www.example.test", &reply);
	pass_s(DNS_CACHE_TTL_MAX - 1);
	assert_int_equal(get(1, "www.example.test", &out), reply.n);
	assert_int_equal(out.b[reply.n - 10 + 1] << 16 | out.b[reply.n - 10 + 2] << 8 |
			     out.b[reply.n - 10 + 3],
			 86400 - 59);
	pass_s(1);
	assert_false(has(1, "www.example.test"));
}

static void test_shortest_lifetime_counts(void **state)
{
	struct bytes reply = answer("www.example.test", 30);

	(void)state;
	add_a(&reply, 5, 2);
	reply.b[7] = 2;
	put(1, "www.example.test", &reply);
	pass_s(4);
	assert_true(has(1, "www.example.test"));
	pass_s(1);
	assert_false(has(1, "www.example.test"));
}

static void test_case_does_not_matter_but_all_else_does(void **state)
{
	struct bytes reply = answer("www.example.test", 30), query, out;

	(void)state;
	put(1, "www.example.test", &reply);
	assert_true(has(1, "WWW.eXample.tEst"));
	assert_false(has(2, "www.example.test")); /* another route */
	assert_false(has(1, "www.example.tes"));
	query = bytes_query("www.example.test", DNS_AAAA);
	assert_int_equal(get_query(1, &query, &out), 0);
	query = bytes_query("www.example.test", DNS_A);
	query.b[2] &= (uint8_t)~(DNS_RD >> 8);
	assert_int_equal(get_query(1, &query, &out), 0);
	query = bytes_query("www.example.test", DNS_A);
	query.b[3] |= DNS_CD;
	assert_int_equal(get_query(1, &query, &out), 0);
	query = bytes_query("www.example.test", DNS_A);
	bytes_opt(&query, 1232, 0, 0);
	assert_int_equal(get_query(1, &query, &out), 0);
	put_query(1, &query, &reply);
	assert_int_equal(get_query(1, &query, &out), reply.n);
	query.b[query.n - 4] = 0x80; /* DO */
	assert_int_equal(get_query(1, &query, &out), 0);
}

static void test_which_queries_fit(void **state)
{
	struct bytes m = bytes_query("www.example.test", DNS_A);
	struct dns_query q = parse(&m);

	(void)state;
	assert_true(dns_cache_fits(&q, bytes_span(&m)));
	bytes_opt(&m, 4000, 0, 0);
	q = parse(&m);
	assert_true(dns_cache_fits(&q, bytes_span(&m)));
	m = bytes_query("www.example.test", DNS_A);
	bytes_opt(&m, 4000, 0, 12);
	q = parse(&m);
	assert_false(dns_cache_fits(&q, bytes_span(&m)));
	m = bytes_query("www.example.test", DNS_A);
	bytes_opt(&m, 4000, 1, 0);
	q = parse(&m);
	assert_false(dns_cache_fits(&q, bytes_span(&m)));
	m = bytes_query("www.example.test", DNS_ANY);
	q = parse(&m);
	assert_false(dns_cache_fits(&q, bytes_span(&m)));
	m = bytes_query("www.example.test", DNS_A);
	bytes_add(&m, "x", 1);
	q = parse(&m);
	assert_false(dns_cache_fits(&q, bytes_span(&m)));
	m = bytes_query("www.example.test", DNS_A);
	m.b[5] = 2;
	bytes_question(&m, "b.test", DNS_A);
	q = parse(&m);
	assert_false(dns_cache_fits(&q, bytes_span(&m)));
}

static void check_not_kept(struct bytes *reply)
{
	put(1, "www.example.test", reply);
	assert_false(has(1, "www.example.test"));
}

static void test_what_is_not_kept(void **state)
{
	struct bytes m = answer("www.example.test", 0);

	(void)state;
	check_not_kept(&m);
	m = answer("www.example.test", 0x80000000);
	check_not_kept(&m);
	m = answer("www.example.test", 30);
	m.b[2] |= DNS_TC >> 8;
	check_not_kept(&m);
	m = answer("www.example.test", 30);
	bytes_opt(&m, 1232, 0, 4);
	check_not_kept(&m);
	m = answer("www.example.test", 30);
	m.b[7] = 2; /* one more than there are */
	check_not_kept(&m);
	m = answer("www.example.test", 30);
	m.n--;
	check_not_kept(&m);
	m = answer("www.example.test", 30);
	m.b[3] = SERVFAIL & 0xff;
	check_not_kept(&m);
	m.b[3] = REFUSED & 0xff;
	check_not_kept(&m);
	m = bytes_header(NXDOMAIN, 1, 0, 0, 0); /* no SOA says for how long */
	bytes_question(&m, "www.example.test", DNS_A);
	check_not_kept(&m);
	m = bytes_header(NOERROR, 1, 0, 0, 0);
	bytes_question(&m, "www.example.test", DNS_A);
	check_not_kept(&m);
}

static void test_plain_opt_in_the_answer(void **state)
{
	struct bytes m = answer("www.example.test", 30), out;

	(void)state;
	bytes_opt(&m, 1232, 0, 0);
	put(1, "www.example.test", &m);
	pass_s(3);
	assert_int_equal(get(1, "www.example.test", &out), m.n);
	/* its lifetime is none */
	assert_memory_equal(out.b + m.n - 11, m.b + m.n - 11, 11);
}

static void test_negative_answers(void **state)
{
	struct bytes m = negative(NXDOMAIN, "no.example.test", 600, 7);

	(void)state;
	put(1, "no.example.test", &m);
	pass_s(6);
	assert_true(has(1, "no.example.test"));
	pass_s(1);
	assert_false(has(1, "no.example.test"));
	m = negative(NOERROR, "no.example.test", 9, 600);
	put(1, "no.example.test", &m);
	pass_s(8);
	assert_true(has(1, "no.example.test"));
	pass_s(1);
	assert_false(has(1, "no.example.test"));
	m = negative(NXDOMAIN, "no.example.test", 86400, 86400);
	put(1, "no.example.test", &m);
	pass_s(DNS_CACHE_TTL_MAX);
	assert_false(has(1, "no.example.test"));
}

static void test_a_later_answer_replaces_or_removes(void **state)
{
	struct bytes m = answer("www.example.test", 30), out;

	(void)state;
	put(1, "www.example.test", &m);
	m.b[m.n - 1] = 9;
	put(1, "www.example.test", &m);
	assert_int_equal(dns_cache_len(cache), 1);
	assert_int_equal(get(1, "www.example.test", &out), m.n);
	assert_int_equal(out.b[m.n - 1], 9);
	m = answer("www.example.test", 0);
	put(1, "www.example.test", &m);
	assert_int_equal(dns_cache_len(cache), 0);
}

static void test_memory_is_bounded(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct bytes m;

		snprintf(name, sizeof(name), "n%d.example.test", i);
		m = answer(name, 50);
		put(1, name, &m);
		assert_true(dns_cache_bytes(cache) <= 100000);
		assert_true(has(1, "n0.example.test")); /* used all the time: stays */
	}
	assert_true(has(1, "n4999.example.test"));
	assert_false(has(1, "n100.example.test"));
	assert_true(dns_cache_len(cache) > 300);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_same_bytes_with_less_time),
		T(test_never_longer_than_the_ceiling),
		T(test_shortest_lifetime_counts),
		T(test_case_does_not_matter_but_all_else_does),
		T(test_which_queries_fit),
		T(test_what_is_not_kept),
		T(test_plain_opt_in_the_answer),
		T(test_negative_answers),
		T(test_a_later_answer_replaces_or_removes),
		T(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
