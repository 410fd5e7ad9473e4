/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/dns/dns_bytes.h"

static int parse(const struct bytes *m, struct dns_query *q)
{
	memset(q, 0xa5, sizeof(*q));
	return dns_query_parse(bytes_span(m), q);
}

static void a_query_is_read(void **state)
{
	struct bytes m = bytes_query("Peer1.Example.COM", DNS_AAAA);
	struct dns_query q;
	(void)state;
	assert_int_equal(parse(&m, &q), 0);
	assert_int_equal(q.id, 0xabcd);
	assert_int_equal(q.flags, DNS_RD);
	assert_int_equal(q.type, DNS_AAAA);
	assert_int_equal(q.class, DNS_IN);
	assert_string_equal(q.name, "peer1.example.com");
	assert_int_equal(q.name_len, 17);
	assert_int_equal(q.labels, 3);
	assert_int_equal(q.udp_size, DNS_UDP_MIN);
	assert_false(q.opt);
	assert_int_equal(q.question_len, m.n - DNS_HEADER_LEN);
	assert_memory_equal(q.question, m.b + DNS_HEADER_LEN, q.question_len);
}

static void the_root_has_no_labels(void **state)
{
	struct bytes m = bytes_query("", DNS_NS);
	struct dns_query q;
	(void)state;
	assert_int_equal(parse(&m, &q), 0);
	assert_string_equal(q.name, "");
	assert_int_equal(q.labels, 0);
	assert_int_equal(q.question_len, 5);
}

static void every_cut_is_an_error(void **state)
{
	struct bytes m = bytes_query("a.example", DNS_A);
	struct dns_query q;
	(void)state;
	for (size_t n = 0; n < m.n; n++) {
		struct bytes cut = { .n = n };
		memcpy(cut.b, m.b, n);
		assert_int_equal(parse(&cut, &q), n < DNS_HEADER_LEN ? -ERR_SHORT : -ERR_SYNTAX);
		assert_int_equal(q.question_len, 0);
	}
}

static void what_is_not_a_query_is_refused(void **state)
{
	struct dns_query q;
	struct bytes m = bytes_query("a", DNS_A);
	(void)state;
	m.b[2] = 0x80;
	assert_int_equal(parse(&m, &q), -ERR_TYPE);
	m.b[2] = 0x28; /* UPDATE */
	assert_int_equal(parse(&m, &q), -ERR_UNSUPPORTED);
	assert_int_equal(q.id, 0xabcd);
	assert_int_equal(q.question_len, 0);
	m.b[2] = 0;
	m.b[5] = 0; /* no question */
	assert_int_equal(parse(&m, &q), -ERR_SYNTAX);
	assert_int_equal(q.question_len, 0);
}

static void a_question_in_the_header_is_told_in_full(void **state)
{
	struct bytes m = bytes_header(DNS_RD, 1, 0, 0, 0);
	struct dns_query q;
	(void)state;
	bytes_add(&m, "\3www\xc0\x04", 6); /* offset 4 holds 00 */
	bytes_be16(&m, DNS_A);
	bytes_be16(&m, DNS_IN);
	assert_int_equal(parse(&m, &q), 0);
	assert_string_equal(q.name, "www");
	assert_int_equal(q.question_len, 9);
	assert_memory_equal(q.question, "\3www\0\0\1\0\1", 9);
}

/* ---- OPT ---- */

static uint16_t size_of(const struct bytes *m)
{
	struct dns_query q;
	assert_int_equal(parse(m, &q), 0);
	return q.opt ? q.udp_size : 0;
}

static void an_opt_tells_the_size(void **state)
{
	struct bytes m = bytes_query("a", DNS_A);
	(void)state;
	bytes_opt(&m, 1232, 0, 0);
	assert_int_equal(size_of(&m), 1232);
	m = bytes_query("a", DNS_A);
	bytes_opt(&m, 4096, 0, 700); /* padding */
	assert_int_equal(size_of(&m), 4096);
	m = bytes_query("a", DNS_A);
	bytes_opt(&m, 100, 0, 0);
	assert_int_equal(size_of(&m), DNS_UDP_MIN);
}

static void other_opts_tell_nothing(void **state)
{
	struct bytes m = bytes_query("a", DNS_A), two;
	(void)state;
	bytes_opt(&m, 1232, 0, 0);
	two = m;
	bytes_opt(&two, 4096, 0, 0);
	assert_int_equal(size_of(&two), 0);
	m.b[11] = 2; /* one record less than counted */
	assert_int_equal(size_of(&m), 0);
	m.b[11] = 0;
	assert_int_equal(size_of(&m), 0);
	m.b[7] = 1; /* counted as an answer */
	assert_int_equal(size_of(&m), 0);
	m = bytes_query("a", DNS_A);
	bytes_opt(&m, 1232, 1, 0);
	assert_int_equal(size_of(&m), 0);
	m.n--; /* cut in its length */
	assert_int_equal(size_of(&m), 0);
}

static void an_opt_is_found_behind_other_records(void **state)
{
	struct bytes m = bytes_query("a", DNS_A);
	(void)state;
	bytes_name(&m, "tsig.example");
	bytes_be16(&m, 250);
	bytes_be16(&m, DNS_CLASS_ANY);
	bytes_be16(&m, 0), bytes_be16(&m, 0);
	bytes_be16(&m, 3);
	bytes_add(&m, "xyz", 3);
	m.b[11]++;
	bytes_opt(&m, 1400, 0, 4);
	assert_int_equal(size_of(&m), 1400);
}

static void large_sizes_are_clamped(void **state)
{
	struct bytes m = bytes_query("a", DNS_A), before;
	(void)state;
	bytes_opt(&m, 65535, 0, 8);
	dns_query_clamp(mspan_of(m.b, m.n));
	assert_int_equal(size_of(&m), DNS_UDP_MAX);
	before = m;
	dns_query_clamp(mspan_of(m.b, m.n));
	assert_memory_equal(before.b, m.b, m.n);
	m.n -= 8; /* no whole record: left alone */
	before = m;
	dns_query_clamp(mspan_of(m.b, m.n));
	assert_memory_equal(before.b, m.b, m.n);
}

/* ---- replies ---- */

static void errors_echo_the_question(void **state)
{
	struct bytes m = bytes_query("A.b", DNS_TXT);
	struct dns_query q;
	uint8_t out[64];
	(void)state;
	m.b[3] |= 0x70; /* Z, AD, CD */
	assert_int_equal(parse(&m, &q), 0);
	size_t n = dns_error_build(&q, DNS_RA, DNS_SERVFAIL, mspan_of(out, sizeof(out)));
	assert_int_equal(n, m.n);
	assert_int_equal(out[2], 0x81);
	assert_int_equal(out[3], 0xb2);
	assert_memory_equal(out + 4, m.b + 4, n - 4);
	assert_int_equal(dns_error_build(&q, 0, DNS_SERVFAIL, mspan_of(out, n - 1)), 0);
}

static struct bytes reply_of(const char *name, size_t n_answers)
{
	struct bytes m = bytes_header(DNS_QR | DNS_RD | DNS_RA, 1, (unsigned)n_answers, 0, 0);
	bytes_question(&m, name, DNS_A);
	for (size_t i = 0; i < n_answers; i++)
		bytes_add(&m, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", 16);
	return m;
}

static void long_replies_are_cut(void **state)
{
	struct bytes m = bytes_query("a.example", DNS_A), fits, r = reply_of("a.example", 60);
	struct dns_query q;
	size_t question_end = m.n;
	(void)state;
	assert_int_equal(parse(&m, &q), 0);
	fits = reply_of("a.example", 30);
	struct bytes copy = fits;
	assert_int_equal(dns_reply_fit(&q, mspan_of(fits.b, fits.n)), fits.n);
	assert_memory_equal(fits.b, copy.b, fits.n);
	assert_int_equal(dns_reply_fit(&q, mspan_of(r.b, r.n)), question_end);
	assert_int_equal(r.b[2], 0x83);
	assert_memory_equal(r.b + 4, "\0\1\0\0\0\0\0\0", 8);
	assert_memory_equal(r.b + 12, m.b + 12, question_end - 12);

	bytes_opt(&m, 1200, 0, 12);
	assert_int_equal(parse(&m, &q), 0);
	r = reply_of("a.example", 60);
	assert_int_equal(dns_reply_fit(&q, mspan_of(r.b, r.n)), r.n);
}

static void replies_without_a_whole_question_keep_the_header(void **state)
{
	struct bytes m = bytes_query("a", DNS_A), r = { .n = 600 };
	struct dns_query q;
	(void)state;
	assert_int_equal(parse(&m, &q), 0);
	memset(r.b, 0xff, r.n);
	assert_int_equal(dns_reply_fit(&q, mspan_of(r.b, r.n)), DNS_HEADER_LEN);
	assert_memory_equal(r.b + 4, "\0\0\0\0\0\0\0\0", 8);
	/* 130 questions that are there: too many to keep */
	r = bytes_header(DNS_QR, 130, 0, 0, 0);
	for (int i = 0; i < 130; i++)
		bytes_question(&r, "", DNS_A);
	assert_int_equal(dns_reply_fit(&q, mspan_of(r.b, r.n)), DNS_HEADER_LEN);
	assert_int_equal(r.b[5], 0);
}

static void questions_are_compared(void **state)
{
	struct bytes m = bytes_query("a.Example", DNS_A), r = reply_of("A.eXample", 1);
	struct dns_query q;
	(void)state;
	assert_int_equal(parse(&m, &q), 0);
	assert_true(dns_question_eq(&q, bytes_span(&r)));
	r.b[5] = 0;
	assert_false(dns_question_eq(&q, bytes_span(&r)));
	r.b[5] = 2;
	assert_false(dns_question_eq(&q, bytes_span(&r)));
	r.b[5] = 1;
	for (size_t n = 0; n < m.n; n++)
		assert_false(dns_question_eq(&q, span_of(r.b, n)));
	r.b[m.n - 1] = 3; /* class */
	assert_false(dns_question_eq(&q, bytes_span(&r)));
	r = bytes_query("a.Example", DNS_AAAA);
	assert_false(dns_question_eq(&q, bytes_span(&r)));
	r = bytes_query("b.Example", DNS_A);
	assert_false(dns_question_eq(&q, bytes_span(&r)));
	r = bytes_query("a.Example.x", DNS_A);
	assert_false(dns_question_eq(&q, bytes_span(&r)));
}

static void records_are_walked(void **state)
{
	struct bytes m = reply_of("a.example", 2);
	struct dns_walk w;
	struct dns_rr rr;
	(void)state;
	m.b[9] = 1;
	bytes_name(&m, "example");
	bytes_be16(&m, DNS_NS);
	bytes_be16(&m, DNS_IN);
	bytes_be16(&m, 1), bytes_be16(&m, 2);
	bytes_be16(&m, 0);
	bytes_opt(&m, 1232, 0, 3);
	assert_int_equal(dns_walk_init(&w, bytes_span(&m)), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(dns_walk_next(&w, &rr));
		assert_int_equal(rr.section, DNS_ANSWER);
		assert_int_equal(rr.type, DNS_A);
		assert_int_equal(rr.ttl, 60);
		assert_int_equal(m.b[rr.ttl_at + 3], 60);
		assert_int_equal(rr.rdata.len, 4);
	}
	assert_true(dns_walk_next(&w, &rr));
	assert_int_equal(rr.section, DNS_AUTHORITY);
	assert_int_equal(rr.ttl, 0x10002);
	assert_int_equal(rr.rdata.len, 0);
	assert_true(dns_walk_next(&w, &rr));
	assert_int_equal(rr.section, DNS_ADDITIONAL);
	assert_int_equal(rr.type, DNS_OPT);
	assert_int_equal(rr.class, 1232);
	assert_false(dns_walk_next(&w, &rr));
	assert_true(dns_walk_done(&w));

	m.n--;
	assert_int_equal(dns_walk_init(&w, bytes_span(&m)), 0);
	while (dns_walk_next(&w, &rr))
		;
	assert_false(dns_walk_done(&w));
}

/* Counts that no message of that size can have must not keep us long. */
static void counts_may_lie(void **state)
{
	struct bytes m = bytes_header(0, 65535, 65535, 65535, 65535);
	struct dns_walk w;
	struct dns_rr rr;
	size_t n = 0;
	(void)state;
	assert_int_equal(dns_walk_init(&w, bytes_span(&m)), -ERR_SYNTAX);
	m.b[4] = m.b[5] = 0;
	assert_int_equal(dns_walk_init(&w, bytes_span(&m)), 0);
	while (dns_walk_next(&w, &rr))
		n++;
	assert_int_equal(n, 0);
	assert_false(dns_walk_done(&w));
}

static void queries_of_ours_read_back(void **state)
{
	uint8_t room[DNS_QUERY_MAX];
	char longest[DNS_NAME_MAX + 2];
	struct dns_query q;
	size_t n;
	(void)state;
	n = dns_query_build(7, "a.example", DNS_AAAA, mspan_of(room, sizeof(room)));
	assert_int_equal(n, DNS_HEADER_LEN + 11 + 4);
	assert_int_equal(dns_query_parse(span_of(room, n), &q), 0);
	assert_int_equal(q.id, 7);
	assert_int_equal(q.flags, DNS_RD);
	assert_int_equal(q.type, DNS_AAAA);
	assert_int_equal(q.class, DNS_IN);
	assert_string_equal(q.name, "a.example");
	assert_int_equal(dns_query_build(7, "a..b", DNS_A, mspan_of(room, sizeof(room))), 0);
	assert_int_equal(dns_query_build(7, "a.example", DNS_A, mspan_of(room, n - 1)), 0);
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 50 == 49 ? '.' : 'x';
	longest[253] = '\0';
	assert_int_equal(dns_query_build(7, longest, DNS_A, mspan_of(room, sizeof(room))),
			 sizeof(room));
	longest[253] = 'x';
	longest[254] = '\0';
	assert_int_equal(dns_query_build(7, longest, DNS_A, mspan_of(room, sizeof(room))), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_read),
		cmocka_unit_test(the_root_has_no_labels),
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(what_is_not_a_query_is_refused),
		cmocka_unit_test(a_question_in_the_header_is_told_in_full),
		cmocka_unit_test(an_opt_tells_the_size),
		cmocka_unit_test(other_opts_tell_nothing),
		cmocka_unit_test(an_opt_is_found_behind_other_records),
		cmocka_unit_test(large_sizes_are_clamped),
		cmocka_unit_test(errors_echo_the_question),
		cmocka_unit_test(long_replies_are_cut),
		cmocka_unit_test(replies_without_a_whole_question_keep_the_header),
		cmocka_unit_test(questions_are_compared),
		cmocka_unit_test(records_are_walked),
		cmocka_unit_test(counts_may_lie),
		cmocka_unit_test(queries_of_ours_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
