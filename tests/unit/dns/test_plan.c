/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dns_osconfig.json does not say: where we do better than the reference, and odd input. */
#include "dns/plan.h"
#include "base/alloc.h"
#include "dns/fqdn.h"
#include "tests/lib/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dns_upstream ups(const char *addr)
{
	return (struct dns_upstream){ .addr = (char *)(uintptr_t)addr };
}

static struct dns_suffix_route route(const char *suffix, struct dns_upstream *u, size_t n)
{
	return (struct dns_suffix_route){ (char *)(uintptr_t)suffix, { u, n } };
}

static struct dns_plan_in in_of(const struct dns_config *c)
{
	return (struct dns_plan_in){ .config = c,
				     .self_name = "host1.tail.example.com.",
				     .self4 = true,
				     .self6 = true,
				     .accept = true };
}

static struct dns_os_config base_of(const char *a, const char *zone)
{
	struct dns_os_config base = { 0 };
	struct dns_server s = { 0 };
	assert_int_equal(ip_decode(span_str(a), &s.ip), 0);
	snprintf(s.zone, sizeof(s.zone), "%s", zone);
	assert_true(dns_os_config_add_server(&base, &s));
	assert_true(dns_os_config_add_search(&base, "lan"));
	return base;
}

static const struct dns_upstreams *find(const struct dns_result *r, const char *suffix)
{
	for (size_t i = 0; i < r->n_routes; i++)
		if (strcmp(r->routes[i].suffix, suffix) == 0)
			return &r->routes[i].to;
	return NULL;
}

static void magic(struct dns_config *c, struct dns_plan *p)
{
	struct dns_plan_in in = in_of(c);
	c->proxied = true;
	dns_plan_build(&in, p);
}

/* The base cannot be read: the system stays as it is, and we go on with what we have. */
static void test_base_failed(void **state)
{
	(void)state;
	struct dns_upstream fallback = ups("9.9.9.9");
	struct dns_config with = { .fallback = { &fallback, 1 } }, without = { 0 };
	struct dns_os_config last = base_of("192.168.1.1", "");
	struct dns_os_able able = { .has_base = true, .base_failed = true, .last_base = &last };
	struct dns_plan p = { 0 };
	struct dns_result r = { 0 };
	magic(&with, &p);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), -ERR_IO);
	assert_true(dns_os_config_is_empty(&r.os));
	assert_string_equal(find(&r, "")->v[0].addr, "9.9.9.9");
	assert_int_equal(r.n_zones, 66);
	magic(&without, &p);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), -ERR_IO);
	assert_string_equal(find(&r, "")->v[0].addr, "192.168.1.1");
	able.last_base = NULL;
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), -ERR_IO);
	assert_null(find(&r, ""));
	dns_result_fini(&r);
	dns_plan_fini(&p);
	dns_os_config_fini(&last);
}

/* What the system asked before is asked by us: with its interface, and never ourselves. */
static void test_base_servers(void **state)
{
	(void)state;
	struct dns_config c = { 0 };
	struct dns_os_config base = base_of("fe80::1", "eth0");
	struct dns_server own4 = { .ip = ip_v4(100, 100, 100, 100) }, own6 = { 0 };
	assert_int_equal(ip_decode(span_str("fd7a:115c:a1e0::53"), &own6.ip), 0);
	assert_true(dns_os_config_add_server(&base, &own4));
	assert_true(dns_os_config_add_server(&base, &own6));
	struct dns_os_able able = { .has_base = true, .base = &base };
	struct dns_plan p = { 0 };
	struct dns_result r = { 0 };
	magic(&c, &p);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), 0);
	assert_int_equal(find(&r, "")->n, 1);
	assert_string_equal(find(&r, "")->v[0].addr, "fe80::1%eth0");
	assert_int_equal(r.os.n_servers, 2);
	assert_int_equal(r.os.n_match, 0);
	assert_string_equal(r.os.search[r.os.n_search - 1], "lan");
	dns_result_fini(&r);
	dns_plan_fini(&p);
	dns_os_config_fini(&base);
}

/* A system without a name server of its own gets the servers of control at least. */
static void test_base_empty(void **state)
{
	(void)state;
	struct dns_upstream fallback = ups("9.9.9.9");
	struct dns_config c = { .fallback = { &fallback, 1 } };
	struct dns_os_config base = { 0 };
	struct dns_os_able able = { .has_base = true, .base = &base };
	struct dns_plan p = { 0 };
	struct dns_result r = { 0 };
	magic(&c, &p);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), 0);
	assert_string_equal(find(&r, "")->v[0].addr, "9.9.9.9");
	dns_result_fini(&r);
	dns_plan_fini(&p);
}

static void test_root_route(void **state)
{
	(void)state;
	struct dns_upstream one = ups("10.0.0.53"), other = ups("1.1.1.1");
	struct dns_suffix_route full = route("", &one, 1), empty = route("", NULL, 0);
	struct dns_config as_default = { .routes = &full, .n_routes = 1 };
	struct dns_config authority = { .routes = &empty, .n_routes = 1 };
	struct dns_config both = { .routes = &full, .n_routes = 1, .resolvers = { &other, 1 } };
	struct dns_plan p = { 0 };
	struct dns_plan_in in = in_of(&as_default);
	dns_plan_build(&in, &p);
	assert_int_equal(p.n_routes, 0);
	assert_string_equal(p.resolvers.v[0].addr, "10.0.0.53");
	in.config = &authority;
	dns_plan_build(&in, &p);
	assert_int_equal(p.n_routes, 0);
	assert_int_equal(p.resolvers.n, 0);
	in.config = &both;
	dns_plan_build(&in, &p);
	assert_int_equal(p.resolvers.n, 1);
	assert_string_equal(p.resolvers.v[0].addr, "1.1.1.1");
	dns_plan_fini(&p);
}

/* Whatever case control writes, questions come in lower case. */
static void test_case(void **state)
{
	(void)state;
	struct dns_upstream one = ups("10.0.0.53");
	struct dns_suffix_route routes[2] = { route("corp.example", &one, 1),
					      route("tail.example.com", &one, 1) };
	struct dns_extra_record records[3] = { { .name = (char *)(uintptr_t) "App.Outside.ORG",
						 .type = (char *)(uintptr_t) "",
						 .value = (char *)(uintptr_t) "100.64.0.9" },
					       { .name = (char *)(uintptr_t) "a.corp.EXAMPLE",
						 .type = (char *)(uintptr_t) "A",
						 .value = (char *)(uintptr_t) "fd7a::1" },
					       { .name = (char *)(uintptr_t) "bad.example",
						 .type = (char *)(uintptr_t) "A",
						 .value = (char *)(uintptr_t) "1.2.3" } };
	struct dns_config c = { .routes = routes, .n_routes = 2, .records = records, .n_records = 3 };
	struct dns_plan p = { 0 };
	magic(&c, &p);
	assert_int_equal(p.n_hosts, 2);
	assert_string_equal(p.hosts[0].name, "app.outside.org");
	assert_true(dns_plan_covers(&p, "app.outside.org"));
	assert_true(dns_plan_covers(&p, "x.app.outside.org"));
	assert_false(dns_plan_covers(&p, "outside.org"));
	assert_int_equal(p.n_routes, 65 + 3); /* a control's route replaces our own zone */
	for (size_t i = 1; i < p.n_routes; i++)
		assert_true(dns_fqdn_cmp(p.routes[i - 1].suffix, p.routes[i].suffix) < 0);
	for (size_t i = 0; i < p.n_routes; i++)
		if (strcmp(p.routes[i].suffix, "tail.example.com") == 0)
			assert_int_equal(p.routes[i].to.n, 1);
	dns_plan_fini(&p);
}

/* Servers that speak HTTPS only are never handed to the system, also where all routes share them. */
static void test_doh_only(void **state)
{
	(void)state;
	struct dns_upstream doh = ups("45.90.28.1");
	struct dns_suffix_route r1 = route("corp.example", &doh, 1);
	struct dns_config c = { .routes = &r1, .n_routes = 1 };
	struct dns_os_able able = { .split = true };
	struct dns_plan p = { 0 };
	struct dns_result r = { 0 };
	struct dns_plan_in in = in_of(&c);
	dns_plan_build(&in, &p);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), 0);
	assert_true(ip_eq(r.os.servers[0].ip, ip_v4(100, 100, 100, 100)));
	assert_int_equal(r.n_routes, 1);
	dns_result_fini(&r);
	dns_plan_fini(&p);
}

/* 16384 records and 4096 routes: neither slow nor more than the system's lists take. */
static void test_many(void **state)
{
	(void)state;
	static struct dns_extra_record records[DNS_RECORDS_MAX];
	static struct dns_suffix_route routes[DNS_ROUTES_MAX];
	struct dns_upstream one = ups("10.0.0.53");
	struct dns_config c = { .routes = routes,
				.n_routes = DNS_ROUTES_MAX,
				.records = records,
				.n_records = DNS_RECORDS_MAX };
	char text[64];
	for (size_t i = 0; i < DNS_RECORDS_MAX; i++) {
		snprintf(text, sizeof(text), "h%zu.example%zu.org", i, i % 7);
		records[i] = (struct dns_extra_record){ xstrdup(text), xstrdup("A"),
							xstrdup("100.64.0.9") };
	}
	for (size_t i = 0; i < DNS_ROUTES_MAX; i++) {
		snprintf(text, sizeof(text), "r%zu.corp", i);
		routes[i] = route(xstrdup(text), &one, 1);
	}
	struct dns_os_able able = { .split = true };
	struct dns_plan p = { 0 };
	struct dns_result r = { 0 };
	magic(&c, &p);
	assert_int_equal(p.n_routes, 66 + DNS_ROUTES_MAX + DNS_RECORDS_MAX);
	assert_int_equal(dns_plan_compile(&p, &able, false, &r), 0);
	assert_int_equal(r.os.n_match, DNS_OS_NAMES_MAX);
	dns_result_fini(&r);
	dns_plan_fini(&p);
	for (size_t i = 0; i < DNS_RECORDS_MAX; i++) {
		free(records[i].name);
		free(records[i].type);
		free(records[i].value);
	}
	for (size_t i = 0; i < DNS_ROUTES_MAX; i++)
		free(routes[i].suffix);
}

static void test_os_config(void **state)
{
	(void)state;
	static const char *const bad[] = { "a b", "a\tb", "a;b", "#a", "a\nnameserver 6.6.6.6",
					   "a..b", "A.b", "a.", "caf\xc3\xa9", "$(x)", "a/b" };
	struct dns_os_config c = { 0 }, d = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(dns_os_config_add_search(&c, bad[i]));
		assert_false(dns_os_config_add_match(&c, bad[i]));
	}
	assert_false(dns_os_config_add_search(&c, ""));
	assert_true(dns_os_config_is_empty(&c));
	assert_true(dns_os_config_add_search(&c, "_x-1.example"));
	struct dns_server s = { .ip = ip_v4(10, 0, 0, 1), .zone = "eth0" };
	assert_false(dns_os_config_add_server(&c, &s)); /* no zones in IPv4 */
	memset(s.zone, 'x', sizeof(s.zone));
	assert_false(dns_os_config_add_server(&c, &s));
	s = (struct dns_server){ .ip = ip_v4(10, 0, 0, 1) };
	for (size_t i = 0; i < DNS_SERVERS_MAX; i++)
		assert_true(dns_os_config_add_server(&c, &s));
	assert_false(dns_os_config_add_server(&c, &s));
	dns_os_config_copy(&d, &c);
	assert_true(dns_os_config_eq(&c, &d));
	assert_true(dns_os_config_add_match(&d, "x"));
	assert_false(dns_os_config_eq(&c, &d));
	dns_os_config_copy(&d, &c);
	assert_true(dns_os_config_eq(&c, &d));
	dns_os_config_fini(&c);
	dns_os_config_fini(&d);
	assert_string_equal(dns_os_mode_name(DNS_OS_RESOLVED), "systemd-resolved");
	assert_string_equal(dns_os_mode_name((enum dns_os_mode)99), "noop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_failed), cmocka_unit_test(test_base_servers),
		cmocka_unit_test(test_base_empty),  cmocka_unit_test(test_root_route),
		cmocka_unit_test(test_case),	    cmocka_unit_test(test_doh_only),
		cmocka_unit_test(test_many),	    cmocka_unit_test(test_os_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
