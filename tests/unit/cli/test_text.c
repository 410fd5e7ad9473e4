/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns, text of others, punycode, quoting. */
#include "base/alloc.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void check_table(const char *in, size_t min, size_t pad, const char *want)
{
	struct buf b;
	buf_init(&b, 65536);
	table_format(span_str(in), min, pad, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
}

static void test_table(void **state)
{
	(void)state;
	check_table("a\tbb\t\nccc\td\t\n", 0, 2, "a    bb  \nccc  d   \n");
	/* What follows the last tab is not a cell; an empty column is the padding wide. */
	check_table("a\tlong tail\nbbb\tx\n", 0, 2, "a    long tail\nbbb  x\n");
	check_table("\tx\t\n\ty\t\n", 0, 2, "  x  \n  y  \n");
	/* A line without the cell ends the column. */
	check_table("a\tb\nplain\nlonger\tb\n", 0, 2, "a  b\nplain\nlonger  b\n");
	check_table("a\tb\n", 10, 5, "a         b\n");
	/* Code points, not bytes. */
	check_table("\xc3\xbc\tx\nab\ty\n", 0, 2, "\xc3\xbc   x\nab  y\n");
	check_table("", 0, 2, "");
	check_table("no newline\tat the end", 0, 2, "no newline  at the end\n");
}

static void check_clean(const char *in, const char *want)
{
	char *s = text_clean_new(in);
	assert_string_equal(s, want);
	free(s);
}

static void test_clean(void **state)
{
	(void)state;
	check_clean("plain text, \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80",
		    "plain text, \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80");
	check_clean("a\tb\nc\rd\x1b[31m\x7f", "a\\x09b\\x0ac\\x0dd\\x1b[31m\\x7f");
	check_clean("\xc2\x9b"
		    "31m",
		    "\\xc2\\x9b"
		    "31m"); /* C1: control sequence introducer */
	check_clean("\xe2\x80\xae"
		    "gpj",
		    "\\xe2\\x80\\xae"
		    "gpj"); /* right-to-left override */
	check_clean("\xff\xc0\x80\xe2\x82", "\\xff\\xc0\\x80\\xe2\\x82");
	check_clean("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	check_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
}

static void test_host_label(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "Bob's iPhone", "bobs-iphone" },
		{ "  x  ", "x" },
		{ "--a..b__", "a-b" },
		{ "", "" },
		{ "\x1b[2J", "2j" },
		{ "\xc3\xbc"
		  "a",
		  "a" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 256);
		text_host_label(&b, cases[i].in);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

/* Samples of RFC 3492 section 7.1 and common names. */
static void test_punycode(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: does not decode */
	} cases[] = {
		{ "xn--mnchen-3ya", "m\xc3\xbcnchen" },
		{ "xn--mnchen-3ya.xn--bcher-kva.example", "m\xc3\xbcnchen.b\xc3\xbc"
							  "cher.example" },
		{ "xn--ihqwcrb4cv8a8dqg056pqjye", "\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80"
						  "\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad"
						  "\xe6\x96\x87" },
		{ "plain.example", "plain.example" },
		{ "xn--a-\x80", NULL },
		{ "xn--99999999999999", NULL },
		{ "xn--mnchen-", "mnchen" },
		{ "xn--", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 4096);
		bool ok = text_from_punycode(&b, cases[i].in);
		assert_int_equal(ok, cases[i].want != NULL);
		if (ok)
			assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

static void test_shell_quote(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "plain", "plain" },	    { "https://x/y:1", "https://x/y:1" },
		{ "my host", "'my host'" }, { "", "''" },
		{ "a'b", "'a'\"'\"'b'" },   { "$(x)", "'$(x)'" },
		{ "a\nb", "'a\nb'" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 256);
		text_shell_quote(&b, cases[i].in);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	    cmocka_unit_test(test_clean),
		cmocka_unit_test(test_host_label),  cmocka_unit_test(test_punycode),
		cmocka_unit_test(test_shell_quote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
