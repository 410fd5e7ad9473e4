/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/mono.h"

#include <stdio.h>
#include <time.h>

static wall_t decoded(const char *text)
{
	wall_t t = { -1, -1 };
	assert_int_equal(wall_decode(span_str(text), &t), 0);
	return t;
}

static void known_moments(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
		int64_t s;
		int32_t ns;
	} cases[] = {
		{ "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", 1735689600, 0 },
		{ "2025-01-01T00:00:00.123456789Z", "2025-01-01T00:00:00.123456789Z", 1735689600,
		  123456789 },
		{ "2025-01-01T00:00:00.1000Z", "2025-01-01T00:00:00.1Z", 1735689600, 100000000 },
		{ "2025-01-01T01:30:00.5+01:30", "2025-01-01T00:00:00.5Z", 1735689600, 500000000 },
		{ "2024-12-31T16:00:00-08:00", "2025-01-01T00:00:00Z", 1735689600, 0 },
		{ "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", 1709208000, 0 },
		{ "2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z", 951782400, 0 },
		{ "1969-12-31T23:59:59.000000001Z", "1969-12-31T23:59:59.000000001Z", -1, 1 },
		{ "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 253402300799, 0 },
		{ "0002-01-01T00:00:00Z", "0002-01-01T00:00:00Z", -62104060800, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[RFC3339_MAX];
		wall_t t = decoded(cases[i].in);
		assert_true(t.s == cases[i].s && t.ns == cases[i].ns);
		wall_encode(t, text);
		assert_string_equal(text, cases[i].out);
	}
}

static void year_one_is_unset(void **state)
{
	(void)state;
	char text[RFC3339_MAX];
	assert_true(wall_is_zero(decoded("0001-01-01T00:00:00Z")));
	assert_true(wall_is_zero(decoded("0001-12-31T23:59:59.5Z")));
	assert_true(wall_is_zero(decoded("0001-01-01T00:00:00+23:59")));
	wall_encode(WALL_ZERO, text);
	assert_string_equal(text, "0001-01-01T00:00:00Z");
}

static void syntax(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"2025",
		"2025-01-01",
		"2025-01-01T00:00:00",
		"2025-01-01 00:00:00Z",
		"2025-01-01t00:00:00Z",
		"2025-01-01T00:00:00z",
		"2025-01-01T00:00:00.Z",
		"2025-01-01T00:00:00,5Z",
		"2025-01-01T00:00:00.1234567891Z",
		"2025-01-01T00:00:00Z ",
		" 2025-01-01T00:00:00Z",
		"2025-1-01T00:00:00Z",
		"2025-01-01T0:00:00Z",
		"2025-01-01T00:00Z",
		"2025-01-01T00:00:00+0100",
		"2025-01-01T00:00:00+01",
		"2025-01-01T00:00:00+01:0",
		"+025-01-01T00:00:00Z",
		"2025/01/01T00:00:00Z",
		"20x5-01-01T00:00:00Z",
		"2025-01-01T00.00:00Z",
		"2025-01-01T00:00:00*01:00",
		"2025-01-01T00:00:00.5",
		"02025-01-01T00:00:00Z",
	};
	wall_t t = { 5, 5 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wall_decode(span_str(bad[i]), &t), -ERR_SYNTAX);
	assert_true(t.s == 5 && t.ns == 5);
}

static void range(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"0000-01-01T00:00:00Z",	     "2025-00-01T00:00:00Z",
		"2025-13-01T00:00:00Z",	     "2025-01-00T00:00:00Z",
		"2025-01-32T00:00:00Z",	     "2025-04-31T00:00:00Z",
		"2025-02-29T00:00:00Z",	     "1900-02-29T00:00:00Z",
		"2025-01-01T24:00:00Z",	     "2025-01-01T00:60:00Z",
		"2025-01-01T00:00:60Z",	     "2025-01-01T00:00:00+24:00",
		"2025-01-01T00:00:00+00:60", "9999-12-31T23:59:59-00:01",
	};
	wall_t t;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wall_decode(span_str(bad[i]), &t), -ERR_RANGE);
}

/* Every 13th hour from year 2 to 9999 against the C library. */
static void agrees_with_libc(void **state)
{
	(void)state;
	for (int64_t s = -62104060800; s <= 253402300799; s += 13 * 3600 * 97 + 1) {
		char text[RFC3339_MAX], want[RFC3339_MAX];
		time_t tt = (time_t)s;
		struct tm tm;
		if (sizeof(time_t) < 8 && tt != s)
			continue;
		gmtime_r(&tt, &tm);
		snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		wall_encode((wall_t){ s, 0 }, text);
		assert_string_equal(text, s ? want : "0001-01-01T00:00:00Z");
		if (s)
			assert_true(decoded(text).s == s);
	}
}

/* The first and last second of each year: where an estimate of the year would be off by one. */
static void year_borders(void **state)
{
	(void)state;
	for (int y = 2; y <= 9998; y++) {
		char first[RFC3339_MAX], last[RFC3339_MAX], text[RFC3339_MAX];
		snprintf(first, sizeof(first), "%04d-01-01T00:00:00Z", y + 1);
		snprintf(last, sizeof(last), "%04d-12-31T23:59:59Z", y);
		wall_t a = decoded(last), b = decoded(first);
		assert_true(a.s + 1 == b.s);
		wall_encode(a, text);
		assert_string_equal(text, last);
		if (b.s == 0)
			continue;
		wall_encode(b, text);
		assert_string_equal(text, first);
	}
}

static void encode_never_overflows(void **state)
{
	(void)state;
	char text[RFC3339_MAX];
	wall_encode((wall_t){ INT64_MAX, INT32_MAX }, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	wall_encode((wall_t){ INT64_MIN, INT32_MIN }, text);
	assert_string_equal(text, "0001-01-01T00:00:00Z");
}

static void compares(void **state)
{
	(void)state;
	assert_true(wall_before((wall_t){ 1, 5 }, (wall_t){ 2, 0 }));
	assert_true(wall_before((wall_t){ 1, 5 }, (wall_t){ 1, 6 }));
	assert_false(wall_before((wall_t){ 1, 5 }, (wall_t){ 1, 5 }));
	assert_true(mono_is_never(mono_add_s(MONO_NEVER, 1)));
	assert_true(mono_is_never(mono_add_ns((mono_t){ INT64_MAX - 1 }, 2)));
	assert_true(mono_add_ms((mono_t){ 5 }, 2).ns == 2000005);
	assert_true(mono_due((mono_t){ 5 }, (mono_t){ 5 }));
	assert_false(mono_due((mono_t){ 6 }, (mono_t){ 5 }));
}

static void clocks_run(void **state)
{
	(void)state;
	mono_t a = mono_now(), b = mono_now();
	assert_true(a.ns > 0 && !mono_before(b, a));
	wall_t w = wall_now();
	assert_true(w.ns >= 0 && w.ns < NS_PER_S);
	assert_true(w.s - (int64_t)time(NULL) <= 1 && (int64_t)time(NULL) - w.s <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments),
		cmocka_unit_test(year_one_is_unset),
		cmocka_unit_test(syntax),
		cmocka_unit_test(range),
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(year_borders),
		cmocka_unit_test(encode_never_overflows),
		cmocka_unit_test(compares),
		cmocka_unit_test(clocks_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
