/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNSConfig JSON of any kind, all the way to what is asked and what the system is told: within the
 * limits, sorted, without a name that a resolv.conf could not hold, and never ourselves. */
#include "tests/fuzz/control/seeds.h"

#include "daemon/control/dns_json.h"
#include "dns/fqdn.h"
#include "dns/plan.h"
#include "dns/upstream.h"

static void check_name(const char *name)
{
	char clean[DNS_FQDN_MAX + 1];
	must(dns_fqdn_clean(name, clean) == 0 && strcmp(clean, name) == 0, "a clean name");
	for (const char *p = name; *p; p++)
		must(*p > ' ' && *p < 0x7f && *p != '#' && *p != ';', "fit for a file");
}

static void check_plan(const struct dns_plan *p)
{
	for (size_t i = 0; i < p->n_routes; i++) {
		must(p->routes[i].suffix[0], "no root");
		must(i == 0 ||
			 dns_fqdn_cmp(p->routes[i - 1].suffix, p->routes[i].suffix) < 0,
		     "sorted");
	}
	for (size_t i = 0; i < p->n_hosts; i++)
		must(ip_is_set(p->hosts[i].addr), "hosts have addresses");
}

static void check_result(const struct dns_plan *p, bool split, bool has_base, bool failed)
{
	struct dns_os_config base = { 0 };
	struct dns_server s[2] = { { .ip = ip_v4(192, 168, 1, 1) },
				   { .ip = ip_v4(100, 100, 100, 100) } };
	struct dns_result r = { 0 };
	must(dns_os_config_add_server(&base, &s[0]) && dns_os_config_add_server(&base, &s[1]),
	     "base");
	struct dns_os_able able = {
		.split = split, .has_base = has_base, .base_failed = failed, .base = &base
	};
	int rc = dns_plan_compile(p, &able, false, &r);
	must(rc == 0 || (rc == -ERR_IO && failed), "an error only with the base");
	must(rc == 0 || dns_os_config_is_empty(&r.os), "then nothing is told");
	must(r.os.n_search + r.os.n_match <= DNS_OS_NAMES_MAX, "bounded");
	for (size_t i = 0; i < r.os.n_search; i++)
		check_name(r.os.search[i]);
	for (size_t i = 0; i < r.os.n_match; i++)
		check_name(r.os.match[i]);
	for (size_t i = 0; i < r.os.n_servers; i++)
		must(!dns_ip_is_doh_only(r.os.servers[i].ip), "no server that speaks HTTPS only");
	for (size_t i = 0; i < r.n_routes; i++)
		must(r.routes[i].to.n > 0 && (i == 0 || r.routes[i].suffix[0]), "routes lead on");
	for (size_t i = 0; i < r.n_zones; i++)
		must(r.zones[i][0], "we are not the authority of all the world");
	dns_result_fini(&r);
	dns_os_config_fini(&base);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dns_config c = { .present = false };
	struct dns_upstream exit = { .addr = (char *)(uintptr_t) "10.0.0.53" };
	const struct dns_upstreams exits = { &exit, 1 };
	struct dns_plan plan = { 0 };
	const char *why;
	json_t *v = j_parse(span_of(p, len), 1u << 20, NULL);
	if (v && dns_config_from_json(v, &c, &why) == 0) {
		for (unsigned k = 0; k < 16; k++) {
			struct dns_plan_in in = {
				.config = &c,
				.self_name = k & 1 ? "host1.tail.example.com." : "host1.",
				.self4 = k & 2,
				.self6 = true,
				.accept = true,
				.exit_node = k & 4,
				.exit_doh = k & 8 ? "http://100.64.0.3:1/dns-query" : NULL,
				.exit_resolvers = &exits,
			};
			dns_plan_build(&in, &plan);
			check_plan(&plan);
			check_result(&plan, k & 1, k & 2, false);
			check_result(&plan, false, true, true);
		}
	}
	dns_plan_fini(&plan);
	dns_config_fini(&c);
	j_free(v);
	return 0;
}

bool fuzz_seed(size_t i, struct span *out)
{
	static const char *const seeds[] = {
		"{\"Resolvers\":[{\"Addr\":\"1.1.1.1\"},{\"Addr\":\"45.90.28.1\"}],\"Routes\":{"
		"\"corp.example\":[{\"Addr\":\"10.1.0.2\",\"UseWithExitNode\":true}],\"a b\":[],"
		"\".\":[{\"Addr\":\"[fe80::1]:53\"}],\"tail.example.com\":null},\"Domains\":["
		"\"tail.example.com\",\"#x\",\".\"],\"Proxied\":true,\"ExtraRecords\":[{\"Name\":"
		"\"App.tail.example.com\",\"Value\":\"100.64.0.2\"},{\"Name\":\"o.example.org\","
		"\"Type\":\"A\",\"Value\":\"fd7a::1\"}]}",
		"{\"FallbackResolvers\":[{\"Addr\":\"https://dns.google/dns-query\"}],\"Domains\":["
		"\"x\"],\"Proxied\":false}",
		"{\"Routes\":{\"b.example\":[{\"Addr\":\"10.1.0.2\"}],\"c.example\":[{\"Addr\":"
		"\"10.1.0.2\"}]}}",
	};
	if (i >= sizeof(seeds) / sizeof(*seeds))
		return false;
	*out = span_str(seeds[i]);
	return true;
}

long fuzz_runs(void)
{
	return 5000;
}
