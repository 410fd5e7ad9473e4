/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json.h: reading, and the text passes before it. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/json_text.h"

#include <stdlib.h>

static json_t *parse(const char *text)
{
	json_t *v = j_parse(span_str(text), 1000, NULL);
	assert_non_null(v);
	return v;
}

static char *nested(size_t depth)
{
	char *s = xcalloc(depth * 2 + 1, 1);
	memset(s, '[', depth);
	memset(s + depth, ']', depth);
	return s;
}

static void depth_is_capped(void **state)
{
	(void)state;
	struct j_error err;
	char *s = nested(J_DEPTH_MAX);
	json_t *v = j_parse(span_str(s), 1000, &err);
	assert_non_null(v);
	j_free(v);
	free(s);
	s = nested(J_DEPTH_MAX + 1);
	assert_null(j_parse(span_str(s), 1000, &err));
	assert_string_equal(err.text, "JSON: nested too deeply");
	free(s);
	s = nested(200000);
	assert_null(j_parse(span_str(s), 1u << 20, &err));
	free(s);
}

static void nesting_counts_brackets_outside_strings(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t depth;
	} cases[] = {
		{ "", 0 },
		{ "1", 0 },
		{ "[]", 1 },
		{ "[[],[],{\"a\":[]}]", 3 },
		{ "\"[[[[\"", 0 },
		{ "[\"\\\"[[[\"]", 1 },
		{ "[\"\\\\\",[]]", 2 },
		{ "]]]][", 1 },
		{ "[\"unterminated [[[", 1 },
		{ "\"\\", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(json_nesting(span_str(cases[i].text)), cases[i].depth);
}

static void size_is_capped(void **state)
{
	(void)state;
	struct j_error err;
	json_t *v = j_parse(span_str("[1,2]"), 5, &err);
	assert_non_null(v);
	j_free(v);
	assert_null(j_parse(span_str("[1,2]"), 4, &err));
	assert_string_equal(err.text, "JSON: too long");
	assert_null(j_parse(span_of(NULL, 0), 4, &err));
	assert_string_equal(err.text, "JSON: empty");
	assert_null(j_parse(span_of(NULL, 0), 4, NULL));
}

static void refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		" ",	     "{",
		"[1,]",	     "{\"a\":1,}",
		"{'a':1}",   "[1] x",
		"[1][2]",    "nul",
		"tru",	     "01",
		"+1",	     ".5",
		"1.",	     "NaN",
		"Infinity",  "\"abc",
		"\"\\x41\"", "\"\\u12\"",
		"\"a\nb\"",  "[1 2]",
		"{\"a\" 1}", "{1:2}",
		"// c\n1",   "0123456789012345678901",
		"1e999",     "{\"a\\u0000b\":1}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct j_error err = { "" };
		if (j_parse(span_str(bad[i]), 1000, &err))
			fail_msg("accepted: %s", bad[i]);
		assert_memory_equal(err.text, "JSON: ", 6);
	}
}

static void errors_say_where_and_quote_nothing(void **state)
{
	(void)state;
	struct j_error err;
	assert_null(j_parse(span_str("{\"k\":\n \"tskey-secret\x1b\" oops}"), 1000, &err));
	assert_non_null(strstr(err.text, "line 2"));
	assert_null(strstr(err.text, "secret"));
	assert_null(strchr(err.text, 0x1b));
	assert_null(j_parse(span_str("[1"), 1000, &err));
	assert_non_null(strstr(err.text, "ends too early"));
	assert_null(j_parse(span_str("[1] 2"), 1000, &err));
	assert_non_null(strstr(err.text, "something follows"));
	assert_null(j_parse(span_str("1e999"), 1000, &err));
	assert_non_null(strstr(err.text, "number too big"));
	assert_null(j_parse(span_str("{\"\\u0000\":1}"), 1000, &err));
	assert_non_null(strstr(err.text, "NUL in a name"));
}

static void any_value_at_the_top(void **state)
{
	(void)state;
	json_t *v = parse(" null\n");
	assert_true(j_is_nil(v));
	j_free(v);
	v = parse("9223372036854775807");
	assert_true(j_integer(v) == INT64_MAX);
	j_free(v);
	v = parse("\"x\"");
	assert_string_equal(j_text(v), "x");
	j_free(v);
	j_free(NULL);
}

/* input and the string that Go would read from it */
static void repaired(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "\"a\xff"
		  "b\"",
		  "a\xef\xbf\xbd"
		  "b" },
		{ "\"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\"\\ud800\"", "\xef\xbf\xbd" },
		{ "\"\\udc00x\"", "\xef\xbf\xbdx" },
		{ "\"\\ud800\\u0041\"", "\xef\xbf\xbd"
					"A" },
		{ "\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "\"\\uD83D\\uDE00\xff\"", "\xf0\x9f\x98\x80\xef\xbf\xbd" },
		{ "\"\\\\ud800\xff\"",
		  "\\ud800\xef\xbf\xbd" }, /* an escaped backslash, then text */
		{ "\"\\ud800\\\\\"", "\xef\xbf\xbd\\" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		json_t *v = parse(pairs[i][0]);
		assert_string_equal(j_text(v), pairs[i][1]);
		j_free(v);
	}
}

/* An integer beyond 64 bits costs itself, not the whole message. */
static void big_integers_are_reals(void **state)
{
	(void)state;
	json_t *v = parse("[9223372036854775807,9223372036854775808,-9223372036854775808,"
			  "-9223372036854775809,1.23456789012345678901,1e0000000000000000000001,"
			  "\"99999999999999999999\",{\"99999999999999999999\":1}]");
	assert_true(j_integer(j_at(v, 0)) == INT64_MAX);
	assert_false(j_is_int(j_at(v, 1)));
	assert_true(j_number(j_at(v, 1)) == 9223372036854775808.0);
	assert_true(j_number(j_at(v, 2)) == -9223372036854775808.0);
	assert_true(j_number(j_at(v, 3)) == -9223372036854775809.0);
	assert_true(j_number(j_at(v, 4)) == 1.23456789012345678901);
	assert_true(j_number(j_at(v, 5)) == 10);
	assert_string_equal(j_text(j_at(v, 6)), "99999999999999999999");
	assert_int_equal(j_int(j_at(v, 7), "99999999999999999999", 0), 1);
	j_free(v);
}

static void repair_does_not_cure_syntax(void **state)
{
	(void)state;
	assert_null(j_parse(span_str("[\"\xff\",]"), 1000, NULL));
	assert_null(j_parse(span_str("\"\xff"), 1000, NULL));
	assert_null(j_parse(span_str("\"\\\xff\""), 1000, NULL));
	assert_null(j_parse(span_str("[\xff]"), 1000, NULL));
	struct buf b;
	buf_init(&b, 100);
	assert_false(json_repair(span_str("{\"a\":\"\\ud83d\\ude00\\n\xc3\xa9\"}"), &b));
	assert_string_equal(buf_cstr(&b), "{\"a\":\"\\ud83d\\ude00\\n\xc3\xa9\"}");
	buf_fini(&b);
}

static void nul_in_strings(void **state)
{
	(void)state;
	json_t *v = parse("{\"s\":\"a\\u0000b\"}");
	assert_int_equal(j_span(v, "s").len, 3);
	assert_memory_equal(j_span(v, "s").p, "a\0b", 3);
	assert_string_equal(j_str(v, "s"), "a");
	j_free(v);
}

static void last_duplicate_wins(void **state)
{
	(void)state;
	json_t *v = parse("{\"a\":1,\"b\":2,\"a\":3}");
	assert_int_equal(j_int(v, "a", 0), 3);
	assert_int_equal(j_len(v), 2);
	j_free(v);
}

static void getters(void **state)
{
	(void)state;
	json_t *v =
	    parse("{\"s\":\"x\",\"i\":-5,\"r\":1.5,\"e\":1e3,\"t\":true,\"f\":false,\"n\":null,"
		  "\"time\":\"2025-01-01T00:00:00Z\",\"bad\":\"yesterday\",\"a\":[1,2]}");
	assert_string_equal(j_str(v, "s"), "x");
	assert_null(j_str(v, "i"));
	assert_null(j_str(v, "none"));
	assert_null(j_span(v, "i").p);
	assert_int_equal(j_int(v, "i", 9), -5);
	assert_int_equal(j_int(v, "e", 9), 9); /* a real, as in the reference */
	assert_int_equal(j_int(v, "s", 9), 9);
	assert_int_equal(j_int(v, "n", 9), 9);
	assert_true(j_num(v, "r", 0) == 1.5);
	assert_true(j_num(v, "i", 0) == -5);
	assert_true(j_num(v, "s", 7) == 7);
	assert_true(j_bool(v, "t", false));
	assert_false(j_bool(v, "f", true));
	assert_true(j_bool(v, "n", true));
	assert_false(j_bool(v, "i", false));
	assert_int_equal(j_tri(v, "t"), J_TRUE);
	assert_int_equal(j_tri(v, "f"), J_FALSE);
	assert_int_equal(j_tri(v, "n"), J_UNSET);
	assert_int_equal(j_tri(v, "s"), J_UNSET);
	assert_true(j_time(v, "time").s == 1735689600);
	assert_true(wall_is_zero(j_time(v, "bad")));
	assert_true(wall_is_zero(j_time(v, "i")));
	assert_null(j_get(v, "n"));
	assert_null(j_get(v, "none"));
	assert_non_null(j_get(v, "a"));
	assert_true(j_has(v, "n"));
	assert_false(j_has(v, "none"));
	assert_true(j_is_null(v, "n"));
	assert_false(j_is_null(v, "none"));
	assert_false(j_is_null(v, "i"));
	j_free(v);
}

static void getters_of_what_is_no_object(void **state)
{
	(void)state;
	json_t *arr = parse("[1]");
	const json_t *const not_objects[] = { NULL, arr };
	for (size_t i = 0; i < 2; i++) {
		const json_t *o = not_objects[i];
		assert_null(j_get(o, "x"));
		assert_null(j_get_nocase(o, "x"));
		assert_null(j_str(o, "x"));
		assert_int_equal(j_int(o, "x", 5), 5);
		assert_int_equal(j_tri(o, "x"), J_UNSET);
		assert_false(j_has(o, "x"));
	}
	assert_null(j_at(NULL, 0));
	assert_null(j_at(arr, 1));
	assert_int_equal(j_len(NULL), 0);
	assert_int_equal(j_integer(NULL), 0);
	assert_null(j_text(arr));
	assert_null(j_text_span(NULL).p);
	assert_false(j_truth(NULL));
	assert_null(j_iter(arr));
	j_free(arr);
}

static void names_in_any_case(void **state)
{
	(void)state;
	json_t *v =
	    parse("{\"wantRunning\":1,\"WANTRUNNING\":2,\"Exact\":3,\"exact\":4,\"nil\":null}");
	assert_int_equal(j_integer(j_get_nocase(v, "WantRunning")), 2); /* the last one */
	assert_int_equal(j_integer(j_get_nocase(v, "Exact")), 3);
	assert_int_equal(j_integer(j_get_nocase(v, "exact")), 4);
	assert_null(j_get_nocase(v, "NIL"));
	assert_null(j_get_nocase(v, "nil"));
	assert_null(j_get_nocase(v, "Wantrunningset"));
	j_free(v);
}

static void elements(void **state)
{
	(void)state;
	json_t *v = parse("[{},[],\"s\",1,2.5,true,null]");
	static const char kinds[] = "oasiRbn";
	for (size_t i = 0; i < j_len(v); i++) {
		const json_t *e = j_at(v, i);
		char k = j_is_object(e)	  ? 'o'
			 : j_is_array(e)  ? 'a'
			 : j_is_string(e) ? 's'
			 : j_is_int(e)	  ? 'i'
			 : j_is_bool(e)	  ? 'b'
			 : j_is_nil(e)	  ? 'n'
					  : 'R';
		assert_int_equal(k, kinds[i]);
	}
	assert_true(j_number(j_at(v, 4)) == 2.5);
	assert_true(j_truth(j_at(v, 5)));
	assert_true(j_is_nil(NULL));
	j_free(v);
}

static void iterates_in_order(void **state)
{
	(void)state;
	json_t *v = parse("{\"z\":0,\"a\":1,\"m\":2}");
	static const char *const names[] = { "z", "a", "m" };
	int n = 0;
	for (void *it = j_iter(v); it; it = j_iter_next(v, it), n++) {
		assert_string_equal(j_iter_key(it), names[n]);
		assert_int_equal(j_integer(j_iter_value(it)), n);
	}
	assert_int_equal(n, 3);
	j_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(nesting_counts_brackets_outside_strings),
		cmocka_unit_test(size_is_capped),
		cmocka_unit_test(refused),
		cmocka_unit_test(errors_say_where_and_quote_nothing),
		cmocka_unit_test(any_value_at_the_top),
		cmocka_unit_test(repaired),
		cmocka_unit_test(big_integers_are_reals),
		cmocka_unit_test(repair_does_not_cure_syntax),
		cmocka_unit_test(nul_in_strings),
		cmocka_unit_test(last_duplicate_wins),
		cmocka_unit_test(getters),
		cmocka_unit_test(getters_of_what_is_no_object),
		cmocka_unit_test(names_in_any_case),
		cmocka_unit_test(elements),
		cmocka_unit_test(iterates_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
