/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json.h: building and writing. What Go prints is in tests/vectors; here is the rest. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* Takes v. */
static void prints(json_t *v, const char *want)
{
	char *got = j_dump(v);
	assert_string_equal(got, want);
	free(got);
	j_free(v);
}

static void prints_go(json_t *v, enum j_style style, const char *want)
{
	struct buf b;
	buf_init(&b, 1000);
	j_write(v, style, true, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_fini(&b);
	j_free(v);
}

static void every_setter(void **state)
{
	(void)state;
	json_t *o = j_object(), *a = j_array();
	j_set_str(o, "s", "x");
	j_set_str(o, "absent", NULL);
	j_set_int(o, "i", INT64_MIN);
	j_set_bool(o, "b", true);
	j_set_tri(o, "t", J_FALSE);
	j_set_tri(o, "u", J_UNSET);
	j_set_null(o, "n");
	j_set_time(o, "time", (wall_t){ 1735689600, 500000000 });
	j_set_time(o, "zero", WALL_ZERO);
	j_set_base64(o, "k", span_str("fo"));
	j_set_base64(o, "e", span_of(NULL, 0));
	j_add_str(a, "y");
	j_add(a, j_from_int(5));
	j_add(a, NULL);
	j_set(o, "a", a);
	j_set(o, "none", NULL);
	j_set_int(o, "gone", 1);
	j_del(o, "gone");
	j_del(o, "never was");
	prints(o, "{\"s\":\"x\",\"absent\":\"\",\"i\":-9223372036854775808,\"b\":true,\"t\":false,"
		  "\"n\":null,\"time\":\"2025-01-01T00:00:00.5Z\","
		  "\"zero\":\"0001-01-01T00:00:00Z\",\"k\":\"Zm8=\",\"e\":\"\","
		  "\"a\":[\"y\",5,null],\"none\":null}");
}

static void replacing_keeps_the_place(void **state)
{
	(void)state;
	json_t *o = j_object();
	j_set_int(o, "a", 1);
	j_set_int(o, "b", 2);
	j_set_int(o, "a", 3);
	prints(o, "{\"a\":3,\"b\":2}");
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -1.5, "-1.5" },
		{ 0.1, "0.1" },
		{ 100, "100" },
		{ 1e20, "100000000000000000000" },
		{ 1e21, "1e+21" },
		{ 123456789012345678901.0, "123456789012345680000" },
		{ 1e-6, "0.000001" },
		{ 1.5e-6, "0.0000015" },
		{ 9.99e-7, "9.99e-7" },
		{ 1e-7, "1e-7" },
		{ 1e-10, "1e-10" },
		{ 5e-324, "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 0.0123, "0.0123" },
		{ 22.999303926, "22.999303926" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 1234567.25, "1234567.25" },
		{ 10.5, "10.5" },
		{ 9007199254740993.0, "9007199254740992" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		prints(j_from_num(cases[i].v), cases[i].want);
	prints(j_from_num(NAN), "null");
	prints(j_from_num(INFINITY), "null");
}

/* Any double comes back as itself. */
static void numbers_round_trip(void **state)
{
	(void)state;
	struct rng_seeded r;
	rng_seeded_init(&r, 11);
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = rng_u64(&r.rng);
		double d;
		if (i % 2) /* half of them of everyday size */
			bits = (bits & ~(UINT64_C(0x7ff) << 52)) | (uint64_t)(1003 + i % 90) << 52;
		memcpy(&d, &bits, sizeof(d));
		if (!isfinite(d))
			continue;
		json_t *v = j_from_num(d);
		char *s = j_dump(v);
		assert_true(strtod(s, NULL) == d);
		free(s);
		j_free(v);
	}
}

static void escapes(void **state)
{
	(void)state;
	const char *text = "\"\\/\b\f\n\r\t\x01\x1f\x7f<>&\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9";
	prints(j_string(text),
	       "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f<>&\\u2028\\u2029\xc3\xa9\"");
	prints_go(j_string(text), J_COMPACT,
		  "\"\\\"\\\\/"
		  "\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u003c\\u003e\\u0026\\u2028\\u2029\xc3\xa9\"");
	json_t *o = j_object();
	j_set_int(o, "<k>", 1);
	prints_go(o, J_COMPACT, "{\"\\u003ck\\u003e\":1}");
}

static void outside_strings_are_repaired(void **state)
{
	(void)state;
	prints(j_string("a\xff"), "\"a\xef\xbf\xbd\"");
	prints(j_string_span(span_of("\0\xc3", 2)), "\"\\u0000\xef\xbf\xbd\"");
	prints(j_string_span(span_of(NULL, 0)), "\"\"");
	json_t *o = j_object();
	j_set_int(o, "k\xff", 1);
	prints(o, "{\"k\xef\xbf\xbd\":1}");
}

static void styles(void **state)
{
	(void)state;
	const char *text = "{\"a\":[],\"b\":{},\"c\":[1,{\"d\":null}]}";
	json_t *v = j_parse(span_str(text), 100, NULL);
	prints_go(j_ref(v), J_COMPACT, text);
	prints_go(j_ref(v), J_INDENT_TAB,
		  "{\n\t\"a\": [],\n\t\"b\": {},\n\t\"c\": [\n\t\t1,\n\t\t{\n\t\t\t\"d\": "
		  "null\n\t\t}\n\t]\n}");
	prints_go(v, J_INDENT_2,
		  "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": null\n   "
		  " }\n  ]\n}");
	prints(NULL, "null");
}

static void write_appends_and_respects_the_ceiling(void **state)
{
	(void)state;
	json_t *v = j_parse(span_str("[1,2,3]"), 100, NULL);
	struct buf b;
	buf_init(&b, 8);
	buf_add_str(&b, "x");
	j_write(v, J_COMPACT, false, &b);
	assert_string_equal(buf_cstr(&b), "x[1,2,3]");
	j_write(v, J_COMPACT, false, &b);
	assert_false(buf_ok(&b));
	buf_fini(&b);
	j_free(v);
}

/* A tree of our own making that is absurdly deep fails instead of using up the stack. */
static void too_deep_to_write(void **state)
{
	(void)state;
	json_t *v = j_array();
	for (int i = 0; i < 1000; i++) {
		json_t *outer = j_array();
		j_add(outer, v);
		v = outer;
	}
	struct buf b;
	buf_init(&b, 10000);
	j_write(v, J_COMPACT, false, &b);
	assert_false(buf_ok(&b));
	buf_fini(&b);
	j_free(v);
}

static void copies(void **state)
{
	(void)state;
	json_t *a = j_parse(span_str("{\"a\":[1]}"), 100, NULL), *b = j_copy(a);
	assert_true(j_equal(a, b));
	j_add_str(j_get(b, "a"), "more");
	assert_false(j_equal(a, b));
	assert_int_equal(j_len(j_get(a, "a")), 1);
	assert_null(j_copy(NULL));
	j_free(a);
	j_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setter),
		cmocka_unit_test(replacing_keeps_the_place),
		cmocka_unit_test(numbers),
		cmocka_unit_test(numbers_round_trip),
		cmocka_unit_test(escapes),
		cmocka_unit_test(outside_strings_are_repaired),
		cmocka_unit_test(styles),
		cmocka_unit_test(write_appends_and_respects_the_ceiling),
		cmocka_unit_test(too_deep_to_write),
		cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
