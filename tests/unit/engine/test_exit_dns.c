/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "daemon/engine/exit_dns.h"

static void filtered(void **state)
{
	(void)state;
	char exact[] = "Secret.example.com", below[] = ".corp.example", dot[] = "final.example.",
	     lone[] = ".", empty[] = "", bad[] = "a..b";
	char *set[] = { exact, below, dot, lone, empty, bad };
	struct dns_config c = { .exit_filtered = set, .n_exit_filtered = ARRAY_LEN(set) };
	static const char *const yes[] = { "secret.example.com", "a.corp.example",
					   "b.a.corp.example", "final.example" };
	static const char *const no[] = { "corp.example",
					  "x.secret.example.com",
					  "example.com",
					  "xcorp.example",
					  "x.final.example",
					  "",
					  "com",
					  "a..b" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(exit_dns_is_filtered(&c, yes[i]));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(exit_dns_is_filtered(&c, no[i]));
	assert_false(exit_dns_is_filtered(&(struct dns_config){ .n_exit_filtered = 0 }, "a"));
}

static void local(void **state)
{
	(void)state;
	char zone[] = "zone.test", split[] = "split.zone.test", corp[] = "corp.mesh.test",
	     addr[] = "10.1.0.2";
	struct dns_upstream up = { .addr = addr };
	struct dns_suffix_route routes[] = { { .suffix = corp, .to = { &up, 1 } },
					     { .suffix = split, .to = { &up, 1 } },
					     { .suffix = zone } };
	struct dns_config c = { .routes = routes, .n_routes = ARRAY_LEN(routes) };
	static const char *const yes[] = { "mesh.test",
					   "a.mesh.test",
					   "zone.test",
					   "a.zone.test",
					   "1.0.64.100.in-addr.arpa",
					   "127.100.in-addr.arpa",
					   "1.0.0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa" };
	static const char *const no[] = { "split.zone.test",
					  "a.split.zone.test",
					  "corp.mesh.test",
					  "amesh.test",
					  "test",
					  "",
					  "63.100.in-addr.arpa",
					  "128.100.in-addr.arpa",
					  "example.com",
					  "d.f.ip6.arpa" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(exit_dns_is_local(&c, "mesh.test", yes[i]));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(exit_dns_is_local(&c, "mesh.test", no[i]));
	assert_false(exit_dns_is_local(&c, "", "a.mesh.test"));
	assert_false(exit_dns_is_local(&c, "", "example.com"));
}

static void same_user(void **state)
{
	(void)state;
	static const char *const tags[] = { "tag:x" };
	struct nm_node a = { .user = 7 }, b = { .user = 7 };
	assert_true(exit_dns_same_user(&a, &b));
	b.user = 8;
	assert_false(exit_dns_same_user(&a, &b));
	b.user = 7;
	b.tags = tags;
	b.n_tags = 1;
	assert_false(exit_dns_same_user(&a, &b));
	assert_false(exit_dns_same_user(&b, &a));
	b.n_tags = 0;
	b.flags = NM_UNSIGNED_PEERAPI_ONLY;
	assert_false(exit_dns_same_user(&a, &b));
}

static void probe(void **state)
{
	(void)state;
	char text[EP_TEXT_MAX];
	struct ip six = { IP_V6, { 0xfd } };
	assert_string_equal(ep_encode(exit_dns_probe(ip_v4(100, 64, 0, 2)), text), "0.0.0.0:53");
	assert_string_equal(ep_encode(exit_dns_probe(six), text), "[2000::]:53");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filtered),
		cmocka_unit_test(local),
		cmocka_unit_test(same_user),
		cmocka_unit_test(probe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
