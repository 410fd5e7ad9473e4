/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flags as Go reads them, and durations. */
#include "base/alloc.h"
#include "base/mono.h"
#include "cli/flags.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

struct values {
	bool on, off;
	const char *text;
	int64_t n, wait;
};

struct parsed {
	struct values v;
	enum flags_result result;
	char *err;   /* first line */
	char *usage; /* the rest */
	int left;
	char *first_left;
};

static void parse(struct parsed *p, int argc, const char *const *words)
{
	char *argv[16];
	char **rest = argv, *all = NULL;
	size_t n;
	*p = (struct parsed){ .v = { .on = true, .text = "none" } };
	struct flag flags[] = {
		{ .name = "on",
		  .kind = FLAG_BOOL,
		  .value = &p->v.on,
		  .help = "switch",
		  .shown = "true" },
		{ .name = "off", .kind = FLAG_BOOL, .value = &p->v.off, .help = "switch" },
		{ .name = "text", .kind = FLAG_STRING, .value = &p->v.text, .help = "some text" },
		{ .name = "txt", .same_as = "text" },
		{ .name = "n", .kind = FLAG_INT, .value = &p->v.n, .help = "a number" },
		{ .name = "wait", .kind = FLAG_DURATION, .value = &p->v.wait, .help = "how long" },
	};
	struct flag_set set = { .command = "prog verb",
				.summary = "Do it",
				.args = "[flags]",
				.flags = flags,
				.n = ARRAY_LEN(flags) };
	for (int i = 0; i < argc; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	FILE *err = open_memstream(&all, &n);
	p->result = flags_parse(&set, &argc, &rest, err);
	fclose(err);
	p->left = argc;
	p->first_left = argc ? rest[0] : NULL;
	p->err = strndup(all, strcspn(all, "\n"));
	p->usage = strdup(all);
	free(all);
}

static void done(struct parsed *p)
{
	free(p->err);
	free(p->usage);
}

#define PARSE(p, ...)                                                                              \
	do {                                                                                       \
		static const char *const words_[] = { __VA_ARGS__ };                               \
		parse((p), (int)ARRAY_LEN(words_), words_);                                        \
	} while (0)

static void test_forms(void **state)
{
	struct parsed p;
	(void)state;
	PARSE(&p, "-on=false", "--off", "-text", "a b", "--n=-7", "--wait", "1m30s", "rest",
	      "--off");
	assert_int_equal(p.result, FLAGS_OK);
	assert_false(p.v.on);
	assert_true(p.v.off);
	assert_string_equal(p.v.text, "a b");
	assert_int_equal(p.v.n, -7);
	assert_int_equal(p.v.wait, 90 * NS_PER_S);
	assert_int_equal(p.left, 2);
	assert_string_equal(p.first_left, "rest");
	done(&p);
	PARSE(&p, "--off", "--", "--on=false");
	assert_int_equal(p.left, 1);
	assert_true(p.v.on);
	done(&p);
	/* A bool takes no word; an empty value is one; "-" is not a flag. */
	PARSE(&p, "--off", "false", "-");
	assert_true(p.v.off);
	assert_int_equal(p.left, 2);
	done(&p);
	PARSE(&p, "--text=", "-");
	assert_string_equal(p.v.text, "");
	assert_int_equal(p.left, 1);
	done(&p);
	PARSE(&p, "--txt=other");
	assert_string_equal(p.v.text, "other");
	done(&p);
}

static void test_bools(void **state)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		struct parsed p;
		char *a = xasprintf("--off=%s", yes[i]), *b = xasprintf("--on=%s", no[i]);
		const char *const words[] = { a, b };
		parse(&p, 2, words);
		assert_int_equal(p.result, FLAGS_OK);
		assert_true(p.v.off && !p.v.on);
		done(&p);
		free(a);
		free(b);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *word, *next, *text;
	} cases[] = {
		{ "--nope", NULL, "flag provided but not defined: -nope" },
		{ "-nope=1", NULL, "flag provided but not defined: -nope" },
		{ "--off=maybe", NULL, "invalid boolean value \"maybe\" for -off: parse error" },
		{ "--wait=5", NULL, "invalid value \"5\" for flag -wait: parse error" },
		{ "--wait=", NULL, "invalid value \"\" for flag -wait: parse error" },
		{ "--n=x", NULL, "invalid value \"x\" for flag -n: parse error" },
		{ "--n=9223372036854775808", NULL,
		  "invalid value \"9223372036854775808\" for flag -n: value out of range" },
		{ "--text", NULL, "flag needs an argument: -text" },
		{ "--text=a", "--text=b",
		  "invalid value \"b\" for flag -text: flag provided multiple times" },
		{ "--text=a", "--txt=b",
		  "invalid value \"b\" for flag -txt: flag provided multiple times" },
		{ "--off", "--off=false",
		  "invalid value \"false\" for flag -off: flag provided multiple times" },
		{ "---off", NULL, "bad flag syntax: ---off" },
		{ "--=x", NULL, "bad flag syntax: --=x" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct parsed p;
		const char *const words[] = { cases[i].word, cases[i].next };
		parse(&p, cases[i].next ? 2 : 1, words);
		assert_int_equal(p.result, FLAGS_BAD);
		assert_string_equal(p.err, cases[i].text);
		assert_non_null(strstr(p.usage, "USAGE\n  prog verb [flags]\n"));
		done(&p);
	}
	assert_int_equal(flags_exit(FLAGS_BAD), 2);
}

static void test_help(void **state)
{
	static const char *const words[] = { "-h", "--h", "-help", "--help" };
	struct parsed p;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		parse(&p, 1, &words[i]);
		assert_int_equal(p.result, FLAGS_HELP);
		assert_string_equal(p.usage, "Do it\n\nUSAGE\n  prog verb [flags]\n\nFLAGS\n"
					     "  --n int\n    \ta number\n"
					     "  --off, --off=false\n    \tswitch\n"
					     "  --on, --on=false\n    \tswitch (default true)\n"
					     "  --text value\n    \tsome text\n"
					     "  --wait duration\n    \thow long\n");
		done(&p);
	}
	assert_int_equal(flags_exit(FLAGS_HELP), 0);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t ns;
		const char *again;
	} cases[] = {
		{ "0", 0, 0, "0s" },
		{ "1ns", 0, 1, "1ns" },
		{ "1500us", 0, 1500000, "1.5ms" },
		{ "12ms", 0, 12000000, "12ms" },
		{ "1.5s", 0, 1500000000, "1.5s" },
		{ "90s", 0, 90000000000, "1m30s" },
		{ "1h", 0, 3600000000000, "1h0m0s" },
		{ "1h30m2.25s", 0, 5402250000000, "1h30m2.25s" },
		{ "-2s", 0, -2000000000, "-2s" },
		{ "+.5s", 0, 500000000, "500ms" },
		{ "", -ERR_SYNTAX, 0, NULL },
		{ "-", -ERR_SYNTAX, 0, NULL },
		{ "5", -ERR_SYNTAX, 0, NULL },
		{ "s", -ERR_SYNTAX, 0, NULL },
		{ ".s", -ERR_SYNTAX, 0, NULL },
		{ "1x", -ERR_SYNTAX, 0, NULL },
		{ "1s5", -ERR_SYNTAX, 0, NULL },
		{ "99999999999999999999s", -ERR_RANGE, 0, NULL },
		{ "9999999999h", -ERR_RANGE, 0, NULL },
	};
	char out[DURATION_MAX];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ns = 0;
		assert_int_equal(duration_decode(cases[i].text, &ns), cases[i].rc);
		if (cases[i].rc)
			continue;
		assert_int_equal(ns, cases[i].ns);
		assert_string_equal(duration_encode(ns, out), cases[i].again);
	}
	assert_string_equal(duration_encode(INT64_MIN, out), "-2562047h47m16.854775808s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	  cmocka_unit_test(test_bools),
		cmocka_unit_test(test_errors),	  cmocka_unit_test(test_help),
		cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
