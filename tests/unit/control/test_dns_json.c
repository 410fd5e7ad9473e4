/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNSConfig beyond the limits: some names are missing, not the network. What the members mean is in the vectors. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "daemon/control/dns_json.h"

#include <stdio.h>

/* n elements of fmt with their number twice; the last one is different if it were read */
static json_t *config_of(const char *open, const char *fmt, size_t n, const char *close)
{
	struct buf b;
	json_t *v;

	buf_init(&b, 64u << 20);
	buf_add_str(&b, open);
	for (size_t i = 0; i < n; i++) {
		char one[160];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(one, sizeof(one), fmt, i, i);
#pragma GCC diagnostic pop
		buf_add_str(&b, i ? "," : "");
		buf_add_str(&b, one);
	}
	buf_add_str(&b, close);
	v = j_parse(buf_span(&b), 64u << 20, NULL);
	buf_fini(&b);
	assert_non_null(v);
	return v;
}

static struct dns_config read_all(json_t *taken)
{
	struct dns_config c;
	const char *why;

	assert_int_equal(dns_config_from_json(taken, &c, &why), 0);
	j_free(taken);
	return c;
}

static void what_is_too_much_is_left_out_and_counted(void **state)
{
	struct dns_config c;

	(void)state;
	c = read_all(config_of("{\"ExtraRecords\":[", "{\"Name\":\"r%zu.x\",\"Value\":\"10.0.0.%zu\"}",
			       100000, "]}"));
	assert_int_equal(c.n_records, DNS_RECORDS_MAX);
	assert_int_equal(c.left_out, 100000 - DNS_RECORDS_MAX);
	assert_string_equal(c.records[DNS_RECORDS_MAX - 1].name, "r16383.x");
	dns_config_fini(&c);
	c = read_all(config_of("{\"Routes\":{", "\"s%zu.x\":[{\"Addr\":\"10.0.0.%zu\"}]",
			       DNS_ROUTES_MAX + 3, "}}"));
	assert_int_equal(c.n_routes, DNS_ROUTES_MAX);
	assert_int_equal(c.left_out, 3);
	dns_config_fini(&c);
	c = read_all(config_of("{\"Domains\":[", "\"d%zu.x%zu\"", DNS_DOMAINS_MAX + 1, "]}"));
	assert_int_equal(c.n_domains, DNS_DOMAINS_MAX);
	assert_int_equal(c.left_out, 1);
	dns_config_fini(&c);
	c = read_all(config_of("{\"Resolvers\":[", "{\"Addr\":\"10.0.0.%zu\",\"Port\":%zu}",
			       DNS_RESOLVERS_MAX + 2, "]}"));
	assert_int_equal(c.resolvers.n, DNS_RESOLVERS_MAX);
	assert_int_equal(c.left_out, 2);
	dns_config_fini(&c);
}

static void just_enough_is_taken_whole(void **state)
{
	struct dns_config c = read_all(config_of(
	    "{\"Domains\":[", "\"d%zu.x%zu\"", DNS_DOMAINS_MAX, "]}"));

	(void)state;
	assert_int_equal(c.n_domains, DNS_DOMAINS_MAX);
	assert_int_equal(c.left_out, 0);
	dns_config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_too_much_is_left_out_and_counted),
		cmocka_unit_test(just_enough_is_taken_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
