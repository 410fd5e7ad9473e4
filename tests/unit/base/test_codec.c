/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/utf8.h"

static void hex_round_trip(void **state)
{
	(void)state;
	uint8_t all[256], back[256];
	char text[513];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(span_of(all, 256), text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102", 6);
	assert_int_equal(hex_decode(span_str(text), back, 256), 0);
	assert_memory_equal(all, back, 256);
	assert_int_equal(hex_decode(span_str("aBcDeF"), back, 3), 0);
	assert_memory_equal(back, "\xab\xcd\xef", 3);
	assert_int_equal(hex_decode(span_of(NULL, 0), back, 0), 0);
	hex_encode(span_of(NULL, 0), text);
	assert_string_equal(text, "");
}

/* Every byte value in either place: accepted only if it is a hex digit. */
static void hex_refuses_all_else(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		uint8_t left[2] = { (uint8_t)c, '0' }, right[2] = { '0', (uint8_t)c }, out = 0x5a;
		bool digit =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		assert_int_equal(hex_decode(span_of(left, 2), &out, 1), digit ? 0 : -ERR_SYNTAX);
		if (!digit)
			assert_int_equal(out, 0x5a);
		assert_int_equal(hex_decode(span_of(right, 2), &out, 1), digit ? 0 : -ERR_SYNTAX);
	}
	uint8_t out[2];
	assert_int_equal(hex_decode(span_str("abc"), out, 1), -ERR_SYNTAX);
	assert_int_equal(hex_decode(span_str("abcd"), out, 1), -ERR_SYNTAX);
	assert_int_equal(hex_decode(span_str("ab"), out, 2), -ERR_SYNTAX);
}

static void base64_known(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char text[16];
		uint8_t out[8];
		size_t len = sizeof(out);
		base64_encode(span_str(pairs[i][0]), text);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(base64_encoded_len(strlen(pairs[i][0])), strlen(pairs[i][1]));
		assert_int_equal(base64_decode(span_str(pairs[i][1]), out, &len), 0);
		assert_true(span_eq_str(span_of(out, len), pairs[i][0]));
		len = strlen(pairs[i][0]); /* exactly enough room */
		assert_int_equal(base64_decode(span_str(pairs[i][1]), out, &len), 0);
	}
}

static void base64_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"Zg",	"Zg=",	"Zg===",  "Z===",  "====",	"=",	    "Zh==", /* stray bits */
		"Zm9=", "Zm-_", "Zm9v\n", " Zm9v", "Zm9v Zm9v", "Zg==Zg==", "Zm9vZ",
	};
	uint8_t out[32];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t len = sizeof(out);
		assert_int_equal(base64_decode(span_str(bad[i]), out, &len), -ERR_SYNTAX);
	}
	for (int c = 0; c < 256; c++) {
		uint8_t one[4] = { 'A', (uint8_t)c, 'A', 'A' };
		size_t len = sizeof(out);
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
		assert_int_equal(base64_decode(span_of(one, 4), out, &len),
				 digit ? 0 : -ERR_SYNTAX);
	}
	size_t len = 5;
	assert_int_equal(base64_decode(span_str("Zm9vYmFy"), out, &len), -ERR_TOOBIG);
	len = 0;
	assert_int_equal(base64_decode(span_str("Zg=="), out, &len), -ERR_TOOBIG);
}

static void base64url(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "", "" },	   { "f", "Zg" },	 { "fo", "Zm8" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "\xfb\xff\xbf", "-_-_" },
	};
	static const char *const bad[] = { "Z",	   "Zg==",   "Zh",    "Zm9",
					   "+/+/", "Zm9v\n", "Zm9v ", "Zm9vZ" };
	uint8_t out[8];
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		size_t len = strlen(pairs[i][0]); /* exactly enough room */
		assert_int_equal(base64url_decode(span_str(pairs[i][1]), out, &len), 0);
		assert_true(span_eq_str(span_of(out, len), pairs[i][0]));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t len = sizeof(out);
		assert_int_equal(base64url_decode(span_str(bad[i]), out, &len), -ERR_SYNTAX);
	}
	size_t len = 1;
	assert_int_equal(base64url_decode(span_str("Zm8"), out, &len), -ERR_TOOBIG);
}

static void decimal(void **state)
{
	(void)state;
	uint64_t v = 99;
	assert_int_equal(u64_decode(span_str("0"), 0, &v), 0);
	assert_true(v == 0);
	assert_int_equal(u64_decode(span_str("18446744073709551615"), UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(u64_decode(span_str("00065535"), 65535, &v), 0);
	assert_true(v == 65535);
	assert_int_equal(u64_decode(span_str("65536"), 65535, &v), -ERR_RANGE);
	assert_int_equal(u64_decode(span_str("18446744073709551616"), UINT64_MAX, &v), -ERR_RANGE);
	assert_int_equal(u64_decode(span_str("99999999999999999999999"), UINT64_MAX, &v),
			 -ERR_RANGE);
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0", "/", ":"
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(u64_decode(span_str(bad[i]), 100, &v), -ERR_SYNTAX);
	/* not a number wins over too big */
	assert_int_equal(u64_decode(span_str("99999999999999999999999x"), 5, &v), -ERR_SYNTAX);
	assert_true(v == 65535);
}

static void utf8_accepts(void **state)
{
	(void)state;
	static const struct {
		const char *s;
		uint32_t cp;
	} good[] = {
		{ "a", 'a' },
		{ "\x7f", 0x7f },
		{ "\xc2\x80", 0x80 },
		{ "\xdf\xbf", 0x7ff },
		{ "\xe0\xa0\x80", 0x800 },
		{ "\xed\x9f\xbf", 0xd7ff },
		{ "\xee\x80\x80", 0xe000 },
		{ "\xef\xbf\xbf", 0xffff },
		{ "\xf0\x90\x80\x80", 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 0x10ffff },
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint32_t cp = 1;
		struct span s = span_str(good[i].s);
		assert_int_equal(utf8_decode(s, &cp), s.len);
		assert_int_equal(cp, good[i].cp);
		assert_true(utf8_valid(s));
		for (size_t cut = 1; cut < s.len; cut++)
			assert_false(utf8_valid(span_of(s.p, cut)));
	}
	assert_int_equal(utf8_decode(span_of("\0", 1), &(uint32_t){ 1 }), 1);
	assert_true(utf8_valid(span_of(NULL, 0)));
}

static void utf8_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
		"\xc2x",
		"\xe1\x80x",
	};
	uint32_t cp = 77;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(utf8_decode(span_str(bad[i]), &cp), 0);
	assert_int_equal(utf8_decode(span_of(NULL, 0), &cp), 0);
	assert_int_equal(cp, 77);
}

static void utf8_repairs_each_byte(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	utf8_repair(span_str("a\xe2\x82z\xff\xc3\xa9"), &b);
	assert_string_equal(buf_cstr(&b), "a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xc3\xa9");
	buf_fini(&b);
	buf_init(&b, 4); /* a full buffer ends it */
	utf8_repair(span_str("\xff\xff\xff"), &b);
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

static void bools(void **state)
{
	static const char *const bad[] = { "", "on", "yes", "tRUE", "true ", "10", "tt" };
	bool v = false;
	(void)state;
	assert_int_equal(bool_decode(span_str("True"), &v), 0);
	assert_true(v);
	assert_int_equal(bool_decode(span_str("F"), &v), 0);
	assert_false(v);
	assert_int_equal(bool_decode(span_str("1"), &v), 0);
	assert_true(v);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bool_decode(span_str(bad[i]), &v), -ERR_SYNTAX);
	assert_true(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_round_trip), cmocka_unit_test(hex_refuses_all_else),
		cmocka_unit_test(base64_known),	  cmocka_unit_test(base64_refuses),
		cmocka_unit_test(base64url),	  cmocka_unit_test(decimal),
		cmocka_unit_test(bools),	  cmocka_unit_test(utf8_accepts),
		cmocka_unit_test(utf8_refuses),	  cmocka_unit_test(utf8_repairs_each_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
