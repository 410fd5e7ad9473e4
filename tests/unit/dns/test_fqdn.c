/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "dns/fqdn.h"

#include <string.h>

static void below_goes_by_labels(void **state)
{
	(void)state;
	assert_true(dns_fqdn_below("a.b", ""));
	assert_true(dns_fqdn_below("", ""));
	assert_true(dns_fqdn_below("a.b", "b"));
	assert_true(dns_fqdn_below("b", "b"));
	assert_false(dns_fqdn_below("ab", "b"));
	assert_false(dns_fqdn_below("b", "a.b"));
	assert_false(dns_fqdn_below("", "b"));
}

/* With their final dots: '-' comes before '.', and before the end of a shorter name. */
static void order_is_of_dotted_names(void **state)
{
	(void)state;
	assert_int_equal(dns_fqdn_cmp("a.b", "a.b"), 0);
	assert_true(dns_fqdn_cmp("a", "a.a") < 0);
	assert_true(dns_fqdn_cmp("a-b", "a") < 0);
	assert_true(dns_fqdn_cmp("a", "a-b") > 0);
	assert_true(dns_fqdn_cmp("a.a", "a-") > 0);
	assert_true(dns_fqdn_cmp("a", "b") < 0);
}

static void bad_names_leave_no_trace(void **state)
{
	char out[DNS_FQDN_MAX + 1] = "before", longest[DNS_FQDN_MAX + 4];
	(void)state;
	assert_int_equal(dns_fqdn_clean("a..b", out), -ERR_SYNTAX);
	assert_int_equal(dns_fqdn_decode("..", out), -ERR_SYNTAX);
	assert_int_equal(dns_fqdn_decode("a..", out), -ERR_SYNTAX);
	assert_string_equal(out, "before");
	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < sizeof(longest); i += 2)
		longest[i] = '.'; /* ".x.x ... .x.", 253 bytes between the outer dots */
	longest[DNS_FQDN_MAX + 2] = '\0';
	assert_int_equal(dns_fqdn_decode(longest, out), 0);
	assert_int_equal(strlen(out), DNS_FQDN_MAX);
	longest[DNS_FQDN_MAX + 1] = 'x';
	assert_int_equal(dns_fqdn_decode(longest, out), -ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_goes_by_labels),
		cmocka_unit_test(order_is_of_dotted_names),
		cmocka_unit_test(bad_names_leave_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
