/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/derpmap.h"

static void regions_stay_sorted(void **state)
{
	static const int ids[] = { 5, 1, 999, 3, 5 };
	struct derp_map *m = derp_map_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		str_set(&derp_map_add(m, ids[i])->code, "x");
	assert_int_equal(m->n_regions, 4);
	for (size_t i = 1; i < m->n_regions; i++)
		assert_true(m->regions[i - 1].id < m->regions[i].id);
	derp_map_remove(m, 3);
	derp_map_remove(m, 4);
	assert_null(derp_map_find(m, 3));
	assert_non_null(derp_map_find(m, 999));
	assert_null(derp_map_find(NULL, 1));
	derp_map_free(m);
}

static struct derp_map *sample(void)
{
	struct derp_map *m = derp_map_new();
	struct derp_region *r = derp_map_add(m, 7);
	str_set(&r->code, "sev");
	struct derp_node *n = derp_region_add_node(r);
	str_set(&n->name, "7a");
	str_set(&n->host, "a.example");
	return m;
}

static void relays_of_this_machine_are_known(void **state)
{
	struct derp_map *m = sample();
	struct derp_node *n = &m->regions[0].nodes[0];
	(void)state;
	assert_false(derp_map_has_local(NULL));
	assert_false(derp_map_has_local(m));
	str_set(&n->ipv6, "::1");
	assert_true(derp_map_has_local(m));
	n->stun_only = true;
	assert_false(derp_map_has_local(m));
	n->stun_only = false;
	str_set(&n->ipv6, "none");
	assert_false(derp_map_has_local(m));
	str_set(&n->host, "127.0.0.1");
	assert_true(derp_map_has_local(m));
	derp_map_free(m);
}

static void copies_are_equal_until_changed(void **state)
{
	struct derp_map *a = sample(), *b = derp_map_copy(a);
	(void)state;
	assert_true(derp_map_equal(a, b));
	assert_ptr_not_equal(a->regions[0].nodes[0].host, b->regions[0].nodes[0].host);
	b->regions[0].score = 2;
	assert_true(derp_region_equal(&a->regions[0], &b->regions[0]));
	assert_false(derp_map_equal(a, b));
	b->regions[0].score = 0;
	b->regions[0].nodes[0].derp_port = 8443;
	assert_false(derp_region_equal(&a->regions[0], &b->regions[0]));
	b->regions[0].nodes[0].derp_port = 0;
	str_set(&b->regions[0].nodes[0].ipv4, "");
	assert_true(derp_map_equal(a, b)); /* absent and empty are the same */
	str_set(&b->regions[0].nodes[0].ipv4, "none");
	assert_false(derp_map_equal(a, b));
	derp_map_free(a);
	derp_map_free(b);
}

static void unset_conventions(void **state)
{
	struct derp_map *m = sample();
	struct derp_node *n = &m->regions[0].nodes[0];
	struct ip ip;
	(void)state;
	assert_int_equal(derp_node_port(n), 443);
	assert_int_equal(derp_node_stun_port(n), 3478);
	n->stun_port = -1;
	n->derp_port = 70000;
	assert_int_equal(derp_node_stun_port(n), 0);
	assert_int_equal(derp_node_port(n), 0);
	assert_int_equal(derp_node_addr(n, IP_V4, &ip), DERP_ADDR_DNS);
	str_set(&n->ipv4, "192.0.2.1");
	str_set(&n->ipv6, "192.0.2.1");
	assert_int_equal(derp_node_addr(n, IP_V4, &ip), DERP_ADDR_LITERAL);
	assert_int_equal(ip.b[3], 1);
	assert_int_equal(derp_node_addr(n, IP_V6, &ip), DERP_ADDR_OFF);
	str_set(&n->ipv4, "none");
	assert_int_equal(derp_node_addr(n, IP_V4, &ip), DERP_ADDR_OFF);
	str_set(&n->stun_test_ip, "192.0.2.9");
	assert_int_equal(derp_node_stun_addr(n, IP_V4, &ip), DERP_ADDR_LITERAL);
	assert_int_equal(ip.b[3], 9);
	assert_int_equal(derp_node_stun_addr(n, IP_V6, &ip), DERP_ADDR_OFF);
	assert_true(derp_region_dialable(&m->regions[0]));
	n->stun_only = true;
	assert_false(derp_region_dialable(&m->regions[0]));
	derp_map_free(m);
}

static void tls_modes(void **state)
{
	struct derp_map *m = sample();
	struct derp_node *n = &m->regions[0].nodes[0];
	uint8_t pin[32];
	char raw[96] = "sha256-raw:";
	(void)state;
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_HOST);
	str_set(&n->cert_name, "a.example");
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_HOST);
	str_set(&n->cert_name, "b.example");
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_CERT_NAME);
	memset(raw + 11, 'a', 64);
	str_set(&n->cert_name, raw);
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_PIN);
	assert_int_equal(pin[31], 0xaa);
	raw[11] = 'A';
	str_set(&n->cert_name, raw);
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_BAD);
	str_set(&n->cert_name, "sha256-raw:aa");
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_BAD);
	n->insecure = true;
	assert_int_equal(derp_node_tls(n, pin), DERP_TLS_NONE);
	derp_map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_stay_sorted),
		cmocka_unit_test(copies_are_equal_until_changed),
		cmocka_unit_test(relays_of_this_machine_are_known),
		cmocka_unit_test(unset_conventions),
		cmocka_unit_test(tls_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
