/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "daemon/coordinator/dns_conf.h"

#include <stdlib.h>

/* text becomes exactly the JSON wanted */
static void becomes(const char *text, const char *wanted)
{
	struct j_error err = { "" };
	json_t *got = dns_conf_parse(span_str(text), "mesh.internal", &err);
	json_t *want = j_parse(span_str(wanted), DNS_CONF_MAX, NULL);

	assert_non_null(want);
	if (!got || !j_equal(got, want))
		fail_msg("%s gives %s (%s)", text, got ? j_dump(got) : "nothing", err.text);
	j_free(got);
	j_free(want);
}

static void refused(const char *text, const char *part)
{
	struct j_error err = { "" };
	json_t *got = dns_conf_parse(span_str(text), "mesh.internal", &err);

	if (got || !strstr(err.text, part))
		fail_msg("%s: %s", text, err.text);
}

static void without_settings_names_of_nodes_work(void **state)
{
	const char *const plain = "{\"Proxied\":true,\"Domains\":[\"mesh.internal\"],"
				  "\"Routes\":{\"mesh.internal\":null}}";

	(void)state;
	becomes("", plain);
	becomes("{}", plain);
	becomes("{\"Domains\":[],\"Routes\":{}}", plain);
}

static void resolvers_may_be_plain_addresses(void **state)
{
	(void)state;
	becomes("{\"Proxied\":false,\"Resolvers\":[\"9.9.9.9\",{\"Addr\":\"1.1.1.1\","
		"\"UseWithExitNode\":true}],\"FallbackResolvers\":[\"https://dns.google/dns-query\"]}",
		"{\"Resolvers\":[{\"Addr\":\"9.9.9.9\"},{\"Addr\":\"1.1.1.1\",\"UseWithExitNode\":"
		"true}],\"FallbackResolvers\":[{\"Addr\":\"https://dns.google/dns-query\"}],"
		"\"Domains\":[\"mesh.internal\"]}");
}

static void the_base_domain_stays_a_local_zone(void **state)
{
	(void)state;
	becomes("{\"Domains\":[\"corp.example\",\"mesh.internal\"],"
		"\"Routes\":{\"corp.example\":[\"10.1.0.2\"],\"empty.example\":null}}",
		"{\"Proxied\":true,\"Domains\":[\"mesh.internal\",\"corp.example\"],\"Routes\":{"
		"\"corp.example\":[{\"Addr\":\"10.1.0.2\"}],\"empty.example\":[],"
		"\"mesh.internal\":null}}");
	becomes("{\"Routes\":{\"mesh.internal\":[\"10.1.0.2\"]}}",
		"{\"Proxied\":true,\"Domains\":[\"mesh.internal\"],\"Routes\":{"
		"\"mesh.internal\":[{\"Addr\":\"10.1.0.2\"}]}}");
}

static void records_and_the_rest_pass_as_they_are(void **state)
{
	(void)state;
	becomes("{\"Proxied\":false,\"ExtraRecords\":[{\"Name\":\"a.mesh.internal\",\"Value\":\"100."
		"64.0.2\"}],\"CertDomains\":[\"a\"],\"ExitNodeFilteredSet\":[\".lan\"]}",
		"{\"Domains\":[\"mesh.internal\"],\"ExtraRecords\":[{\"Name\":\"a.mesh.internal\","
		"\"Value\":\"100.64.0.2\"}],\"CertDomains\":[\"a\"],\"ExitNodeFilteredSet\":"
		"[\".lan\"]}");
}

static void what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refused("[]", "not a JSON object");
	refused("{", "");
	refused("{\"Resolver\":[]}", "unknown member \"Resolver\"");
	refused("{\"Proxied\":1}", "true or false");
	refused("{\"Resolvers\":\"9.9.9.9\"}", "Resolvers");
	refused("{\"Resolvers\":[9]}", "Resolvers");
	refused("{\"Resolvers\":[{}]}", "Resolvers");
	refused("{\"FallbackResolvers\":{\"a\":1}}", "FallbackResolvers");
	refused("{\"Routes\":[]}", "needs an object");
	refused("{\"Routes\":{\"a\":\"10.0.0.1\"}}", "for each suffix");
	refused("{\"Routes\":{\"a\":[{\"Addr\":1}]}}", "for each suffix");
	refused("{\"Domains\":\"a\"}", "Domains");
	refused("{\"Domains\":[1]}", "Domains");
	refused("{\"ExtraRecords\":[{\"Name\":\"a\"}]}", "ExtraRecords");
	refused("{\"ExtraRecords\":{}}", "ExtraRecords");
	refused("{\"ExitNodeFilteredSet\":[null]}", "ExitNodeFilteredSet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_settings_names_of_nodes_work),
		cmocka_unit_test(resolvers_may_be_plain_addresses),
		cmocka_unit_test(the_base_domain_stays_a_local_zone),
		cmocka_unit_test(records_and_the_rest_pass_as_they_are),
		cmocka_unit_test(what_is_not_understood_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
