/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "cli/dns_query_text.h"

/* Header with that many answers, question a.example. A: the name is at 12, "example" at 14. */
#define HEAD(answers) "\0\1\x81\x80\0\1\0" answers "\0\0\0\0\1a\7example\0\0\1\0\1"
#define FIRST 27 /* offset of the first answer */
#define MSG(text) span_of(text, sizeof(text) - 1)

/* The answer's body, name and type; NULL want: not to be read. */
static void shows(struct span msg, const char *name, const char *type, const char *body)
{
	struct dns_reply r;
	int rc = dns_reply_parse(msg, &r);
	const json_t *a = j_at(r.answers, 0);

	if (!name) {
		assert_int_equal(rc, -ERR_SYNTAX);
		assert_null(r.answers);
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(j_len(r.answers), 1);
	assert_string_equal(j_str(a, "Name"), name);
	assert_string_equal(j_str(a, "Type"), type);
	assert_string_equal(j_str(a, "Body"), body);
	j_free(r.answers);
}

static void bodies_of_the_usual_types(void **state)
{
	(void)state;
	shows(MSG(HEAD("\1") "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\x64\x40\0\2"), "a.example.", "TypeA",
	      "100.64.0.2");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x1c\0\1\0\0\0\5\0\x10\xfd\x7a\x11\x5c\xa1\xe0\0\0\0\0\0\0\0"
			     "\0\0\x01"),
	      "a.example.", "TypeAAAA", "fd7a:115c:a1e0::1");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\5\0\1\0\0\0\5\0\4\1b\xc0\x0e"), "a.example.", "TypeCNAME",
	      "b.example.");
	shows(MSG(HEAD("\1") "\0\0\2\0\1\0\0\0\5\0\1\0"), ".", "TypeNS", ".");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x0d\0\1\0\0\0\5\0\2\xab\1"), "a.example.", "TypeHINFO",
	      "\\# 2 ab01");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x41\0\1\0\0\0\5\0\0"), "a.example.", "65", "\\# 0");
}

static void nothing_of_it_can_steer_a_terminal(void **state)
{
	(void)state;
	shows(MSG(HEAD("\1") "\4\033[.\\\0\0\5\0\1\0\0\0\5\0\3\1\xff\0"), "\\027[\\.\\\\.", "TypeCNAME",
	      "\\255.");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x10\0\1\0\0\0\5\0\6\5\033\"\\\0 "), "a.example.", "TypeTXT",
	      "[\"\\x1b\\\"\\\\\\x00 \"]");
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x10\0\1\0\0\0\5\0\0"), "a.example.", "TypeTXT", "[]");
}

static void what_cannot_be_read_is_refused(void **state)
{
	struct dns_reply r;

	(void)state;
	assert_int_equal(dns_reply_parse(MSG("\0\1\x81\x80\0\1\0\0\0\0\0"), &r), -ERR_SHORT);
	assert_int_equal(dns_reply_parse(span_of(NULL, 0), &r), -ERR_SHORT);
	shows(MSG(HEAD("\1")), NULL, NULL, NULL);			      /* no answer there */
	shows(MSG(HEAD("\1") "\xc0\x1b\0\1\0\1\0\0\0\5\0\4abcd"), NULL, NULL, NULL); /* itself */
	shows(MSG(HEAD("\1") "\xc0\x1d\0\1\0\1\0\0\0\5\0\4abcd"), NULL, NULL, NULL); /* forward */
	shows(MSG(HEAD("\1") "\x40\0\0\1\0\1\0\0\0\5\0\4abcd"), NULL, NULL, NULL);   /* label type */
	shows(MSG(HEAD("\1") "\xc0\x0c\0\1\0\1\0\0\0\5\0\3abc"), NULL, NULL, NULL);  /* A of 3 bytes */
	shows(MSG(HEAD("\1") "\xc0\x0c\0\1\0\1\0\0\0\5\0\5abcd"), NULL, NULL, NULL); /* cut off */
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x10\0\1\0\0\0\5\0\2\5a"), NULL, NULL, NULL);
	shows(MSG(HEAD("\1") "\xc0\x0c\0\x0f\0\1\0\0\0\5\0\2\0\1"), NULL, NULL, NULL);
	/* a name that leaves its record */
	shows(MSG(HEAD("\1") "\xc0\x0c\0\5\0\1\0\0\0\5\0\1\1b\0"), NULL, NULL, NULL);
}

/* Eleven pointers to each other, each backward: one too many. */
static void pointers_end(void **state)
{
	struct buf b;

	(void)state;
	for (unsigned hops = 9; hops <= 10; hops++) {
		buf_init(&b, 4096);
		buf_add(&b, HEAD("\1"), FIRST);
		buf_add(&b, "\0\0\x0d\0\1\0\0\0\5\0", 10);
		uint8_t head[2] = { 0, (uint8_t)(hops * 2) };
		buf_add(&b, head + 1, 1); /* body: a chain of pointers, the first to "example" */
		for (unsigned i = 0; i < hops; i++) {
			uint8_t to[2] = { 0xc0, (uint8_t)(i ? b.len - 2 : 14) };
			buf_add(&b, to, 2);
		}
		uint8_t last[2] = { 0xc0, (uint8_t)(b.len - 2) };
		buf_add(&b, last, 2);
		buf_add(&b, "\0\1\0\1\0\0\0\5\0\4abcd", 14);
		((uint8_t *)(uintptr_t)buf_span(&b).p)[7] = 2;
		struct dns_reply r;
		int rc = dns_reply_parse(buf_span(&b), &r);
		assert_int_equal(rc, hops == 9 ? 0 : -ERR_SYNTAX);
		if (rc == 0)
			assert_string_equal(j_str(j_at(r.answers, 1), "Name"), "example.");
		j_free(r.answers);
		buf_fini(&b);
	}
}

static void errors_have_no_answers(void **state)
{
	static const char *const texts[] = { NULL, "RCodeFormatError", "RCodeServerFailure",
					     "RCodeNameError", "RCodeNotImplemented",
					     "RCodeRefused", "6" };
	char code[DNS_CODE_TEXT_MAX];

	(void)state;
	for (uint8_t i = 1; i < ARRAY_LEN(texts); i++) {
		uint8_t msg[12] = { 0, 1, 0x81, (uint8_t)(0x80 | i), 0xff, 0xff, 0xff, 0xff };
		struct dns_reply r;
		assert_int_equal(dns_reply_parse(span_of(msg, sizeof(msg)), &r), 0);
		assert_null(r.answers);
		assert_string_equal(dns_rcode_text(r.rcode, code), texts[i]);
	}
}

static void who_answered_is_said(void **state)
{
	struct dns_reply r = { .rcode = 3 };
	const struct dns_query_view v = { "x\033", "A", NULL, true, &r };
	struct buf b;

	(void)state;
	buf_init(&b, 65536);
	dns_query_text(&v, &b);
	assert_non_null(strstr(buf_cstr(&b), "Answered by this node itself"));
	assert_null(strchr(buf_cstr(&b), '\033'));
	buf_fini(&b);
	json_t *o = dns_query_json(&v);
	assert_true(j_bool(o, "Local", false));
	j_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_the_usual_types),
		cmocka_unit_test(nothing_of_it_can_steer_a_terminal),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(pointers_end),
		cmocka_unit_test(errors_have_no_answers),
		cmocka_unit_test(who_answered_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
