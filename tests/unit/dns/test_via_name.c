/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/via6.h"
#include "dns/via_name.h"

static bool decode(const char *name, struct ip *ip)
{
	return dns_via_decode(span_str(name), ip);
}

static void names_spell_addresses(void **state)
{
	static const struct {
		const char *name;
		uint32_t site;
	} good[] = {
		{ "10-1-1-5-via-7", 7 },
		{ "10-1-1-5-via-0x1f", 31 },
		{ "10-1-1-5-via-0b101", 5 },
		{ "10-1-1-5-via-0o17", 15 },
		{ "10-1-1-5-via-017", 15 },
		{ "10-1-1-5-via-0_17", 15 },
		{ "10-1-1-5-via-0", 0 },
		{ "10-1-1-5-via-1_000", 1000 },
		{ "10-1-1-5-via-0x_ff", 255 },
		{ "10-1-1-5-via-4294967295", UINT32_MAX },
		{ "10-1-1-5-via-7.tail1234.ts.net", 7 },
		{ "10-1-1-5-via-7.a.b.tailscale.net", 7 },
	};
	struct ip ip;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(decode(good[i].name, &ip));
		assert_int_equal(via6_site(ip), good[i].site);
		assert_true(ip_eq(via6_unmap(ip), ip_v4(10, 1, 1, 5)));
	}
}

static void other_names_are_ordinary(void **state)
{
	static const char *const bad[] = {
		"",
		"via",
		"-via-",
		"-via-7",
		"10-1-1-5-via-",
		"10-1-1-5-via-x",
		"10-1-1-5-via-08",
		"10-1-1-5-via-0x",
		"10-1-1-5-via-0b2",
		"10-1-1-5-via--1",
		"10-1-1-5-via-+1",
		"10-1-1-5-via-_1",
		"10-1-1-5-via-1_",
		"10-1-1-5-via-1__0",
		"10-1-1-5-via-a",
		"10-1-1-5-via-4294967296",
		"10-1-1-5-via-99999999999999999999999999",
		"10-1-1-via-7",
		"10-1-1-05-via-7",
		"10-1-1-256-via-7",
		"10.1.1.5-via-7",
		"::1-via-7",
		"10-1-1-5-via-7-via-8",
		"10-1-1-5-via-7.ts.net",
		"10-1-1-5-via-7.tailscale.net",
		"10-1-1-5-via-7.x.notts.net",
		"10-1-1-5-via-7.example.com",
		"x.10-1-1-5-via-7",
	};
	struct ip ip;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (decode(bad[i], &ip))
			fail_msg("%s is taken for an address", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_spell_addresses),
		cmocka_unit_test(other_names_are_ordinary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
