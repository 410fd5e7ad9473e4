/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/offload.h"

#include <string.h>

static uint32_t decoded(const char *text)
{
	uint32_t set = 0;
	struct span bad;
	assert_int_equal(offload_decode(span_str(text), &set, &bad), 0);
	return set;
}

static void names_are_bits(void **state)
{
	(void)state;
	uint32_t all = 0;
	for (unsigned i = 0; i < OFFLOAD_STEPS; i++) {
		assert_int_equal(decoded(offload_name(i)), OFFLOAD_BIT(i));
		assert_non_null(strstr(OFFLOAD_NAMES, offload_name(i)));
		all |= OFFLOAD_BIT(i);
	}
	assert_int_equal(all, OFFLOAD_ALL);
	assert_int_equal(decoded("all"), OFFLOAD_ALL);
	assert_int_equal(decoded("tun-gro"), decoded("tun-gro-tcp,tun-gro-udp"));
	assert_int_equal(decoded("uso,vnet,uso"),
			 OFFLOAD_BIT(OFFLOAD_USO) | OFFLOAD_BIT(OFFLOAD_VNET));
}

static void unknown_names_are_named(void **state)
{
	static const struct {
		const char *text, *bad;
	} rows[] = { { "", "" },	 { "udp", "udp" }, { "tso,", "" },	    { ",tso", "" },
		     { "tso,x,y", "x" }, { "TSO", "TSO" }, { "tso uso", "tso uso" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t set = 64;
		struct span bad;
		assert_int_equal(offload_decode(span_str(rows[i].text), &set, &bad), -ERR_NOENT);
		assert_true(span_eq_str(bad, rows[i].bad));
		assert_int_equal(set, 64);
	}
}

static void the_first_reason_is_told(void **state)
{
	(void)state;
	assert_string_equal(offload_off_text(0), "on");
	assert_string_equal(offload_off_text(OFFLOAD_OFF_SWITCH | OFFLOAD_OFF_KERNEL),
			    "switched off");
	assert_string_equal(offload_off_text(OFFLOAD_OFF_NETWORK | OFFLOAD_OFF_DEVICE),
			    "switched off by the network");
	assert_string_equal(offload_off_text(OFFLOAD_OFF_KERNEL), "no kernel support");
	assert_string_equal(offload_off_text(OFFLOAD_OFF_DEVICE), "refused by the device");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_bits),
					    cmocka_unit_test(unknown_names_are_named),
					    cmocka_unit_test(the_first_reason_is_told) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
