/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "dns/journal.h"

static struct dns_journal a_journal(void)
{
	return (struct dns_journal){
		.mode = DNS_OS_DIRECT,
		.was = DNS_WAS_FILE,
		.perm = 0644,
		.uid = 0,
		.gid = 12,
		.has_text = true,
		.text = span_str("nameserver 10.0.0.1\nend of it\n\n"),
		.wrote = { 77, { 1, 2, 3 } },
		.or = { 5, { 4 } },
	};
}

static void build(const struct dns_journal *j, struct buf *out)
{
	buf_init(out, DNS_JOURNAL_MAX);
	dns_journal_build(j, out);
	assert_true(buf_ok(out));
}

static void same(const struct dns_journal *a, const struct dns_journal *b)
{
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->in_place, b->in_place);
	assert_int_equal(a->restoring, b->restoring);
	assert_int_equal(a->was, b->was);
	assert_int_equal(a->perm, b->perm);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->has_text, b->has_text);
	assert_true(span_eq(a->text, b->text));
	assert_int_equal(a->wrote.len, b->wrote.len);
	assert_memory_equal(a->wrote.hash, b->wrote.hash, sizeof(a->wrote.hash));
	assert_int_equal(a->or.len, b->or.len);
	assert_memory_equal(a->or.hash, b->or.hash, sizeof(a->or.hash));
}

static void round_trip(const struct dns_journal *j)
{
	struct dns_journal back;
	struct buf out;
	build(j, &out);
	assert_int_equal(dns_journal_parse(buf_span(&out), &back), 0);
	same(j, &back);
	buf_fini(&out);
}

static void what_is_written_reads_the_same(void **state)
{
	(void)state;
	struct dns_journal j = a_journal();
	round_trip(&j);
	j.in_place = j.restoring = true;
	round_trip(&j);
	j.has_text = false;
	j.text = span_of(NULL, 0);
	round_trip(&j);
	j.was = DNS_WAS_NOTHING;
	j.perm = 0;
	round_trip(&j);
	j = a_journal();
	j.was = DNS_WAS_LINK;
	j.text = span_str("../run/systemd/resolve/stub-resolv.conf");
	round_trip(&j);
	j = (struct dns_journal){ .mode = DNS_OS_OPENRESOLV };
	round_trip(&j);
}

static void a_cut_or_changed_one_is_none(void **state)
{
	(void)state;
	struct dns_journal j = a_journal(), back;
	struct buf out;
	build(&j, &out);
	for (size_t n = 0; n < out.len; n++)
		assert_int_not_equal(dns_journal_parse(span_of(out.p, n), &back), 0);
	for (size_t i = 0; i < out.len; i++) {
		out.p[i] ^= 1;
		assert_int_not_equal(dns_journal_parse(buf_span(&out), &back), 0);
		out.p[i] ^= 1;
	}
	buf_add_str(&out, "\n");
	assert_int_not_equal(dns_journal_parse(buf_span(&out), &back), 0);
	buf_fini(&out);
}

/* Well signed, but not what we write. */
static int parse_of(const char *body)
{
	struct dns_journal back;
	struct buf out;
	uint8_t hash[HASH_LEN];
	char hex[2 * HASH_LEN + 1];
	buf_init(&out, 1 << 20);
	buf_add_str(&out, body);
	blake2s_hash(hash, buf_span(&out), span_of(NULL, 0));
	hex_encode(span_of(hash, sizeof(hash)), hex);
	buf_fmt(&out, "end %s\n", hex);
	int rc = dns_journal_parse(buf_span(&out), &back);
	buf_fini(&out);
	return rc;
}

#define HEAD "meshd dns journal 1\nmode direct\nphase set\nway rename\n"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define WROTE "wrote 1 " ZEROS "\n"

static void one_that_lies_is_none(void **state)
{
	(void)state;
	assert_int_equal(parse_of(HEAD "was file 644 0 0\n" WROTE), 0);
	assert_int_equal(parse_of("meshd dns journal 2\nmode direct\n" HEAD), -ERR_TYPE);
	static const char *const bad[] = {
		"meshd dns journal 1\n",
		"meshd dns journal 1\nmode noop\n",
		"meshd dns journal 1\nmode openresolv\nphase set\n",
		HEAD "was pipe 644 0 0\n" WROTE,
		HEAD "was file 844 0 0\n" WROTE,
		HEAD "was file 10644 0 0\n" WROTE,
		HEAD "was file 644 0\n" WROTE,
		HEAD "was file 644 0 4294967296\n" WROTE,
		HEAD "was file 644 0 0\ntext 5\nabc\n" WROTE,
		HEAD "was file 644 0 0\ntext 99999999999\nabc\n" WROTE,
		HEAD "was nothing 0 0 0\ntext 3\nabc\n" WROTE,
		HEAD "was link 777 0 0\n" WROTE,
		HEAD "was link 777 0 0\ntext 0\n\n" WROTE,
		HEAD "was file 644 0 0\nwrote 1 " ZEROS "00\n",
		HEAD "was file 644 0 0\n" WROTE "more\n",
		HEAD "was file 644 0 0\n" WROTE WROTE,
		HEAD "was file 644 0 0\nor 0 " ZEROS "\n",
		HEAD,
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse_of(bad[i]), -ERR_SYNTAX);
}

static void our_file_is_known(void **state)
{
	(void)state;
	struct dns_journal j = { .wrote = dns_wrote_of(span_str("new")),
				 .or = dns_wrote_of(span_str("old")) };
	assert_true(dns_journal_wrote(&j, span_str("new")));
	assert_true(dns_journal_wrote(&j, span_str("old")));
	assert_false(dns_journal_wrote(&j, span_str("nex")));
	assert_false(dns_journal_wrote(&(struct dns_journal){ 0 }, span_str("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(a_cut_or_changed_one_is_none),
		cmocka_unit_test(one_that_lies_is_none),
		cmocka_unit_test(our_file_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
