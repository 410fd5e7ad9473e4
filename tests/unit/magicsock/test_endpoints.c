/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/endpoints.h"

#include <stdio.h>

static struct if_addr addr(const char *ifname, const char *text)
{
	struct if_addr a = { .up = true };
	snprintf(a.ifname, sizeof(a.ifname), "%s", ifname);
	assert_int_equal(prefix_decode(span_str(text), &a.addr), 0);
	a.loopback = strcmp(ifname, "lo") == 0;
	return a;
}

static struct ep ep_of(const char *text)
{
	struct ep e;
	assert_int_equal(ep_decode(span_str(text), &e), 0);
	return e;
}

static size_t local(const struct if_addr *a, size_t n, struct ip *out)
{
	return endpoints_local_ips(a, n, out, 16);
}

static bool has_ip(const struct ip *ips, size_t n, const char *text)
{
	struct ip ip;
	assert_int_equal(ip_decode(span_str(text), &ip), 0);
	for (size_t i = 0; i < n; i++)
		if (ip_eq(ips[i], ip))
			return true;
	return false;
}

static void which_addresses_are_offered(void **state)
{
	struct if_addr a[] = {
		addr("lo", "127.0.0.1/8"),
		addr("eth0", "192.0.2.5/24"),
		addr("eth0", "fe80::1/64"),
		addr("eth0", "2001:db8::1/64"),
		addr("eth0", "2001:db8::2/64"),
		addr("eth0", "2001:db8::3/64"),
		addr("eth1", "2001:db8:1::1/64"),
		addr("eth1", "169.254.3.3/16"),
		addr("eth1", "fd00::7/64"),
		addr("mesh0", "100.64.0.7/32"),
		addr("mesh0", "fd7a:115c:a1e0::7/128"),
		addr("zt0", "10.9.9.9/24"),
		addr("wt0", "10.8.8.8/24"),
		addr("eth2", "10.7.7.7/24"),
	};
	struct ip out[16];
	(void)state;
	a[ARRAY_LEN(a) - 1].up = false;
	size_t n = local(a, ARRAY_LEN(a), out);
	assert_int_equal(n, 4);
	assert_true(has_ip(out, n, "192.0.2.5"));
	assert_true(has_ip(out, n, "2001:db8::1"));
	assert_true(has_ip(out, n, "2001:db8::2"));
	assert_true(has_ip(out, n, "2001:db8:1::1"));
}

static void local_only_and_loopback_as_last_resort(void **state)
{
	struct if_addr a[] = { addr("lo", "127.0.0.1/8"), addr("eth0", "169.254.3.3/16"),
			       addr("eth0", "fd00::7/64"), addr("eth0", "fe80::7/64") };
	struct ip out[16];
	(void)state;
	size_t n = local(a, 4, out);
	assert_int_equal(n, 2);
	assert_true(has_ip(out, n, "169.254.3.3") && has_ip(out, n, "fd00::7"));
	n = local(a, 1, out);
	assert_int_equal(n, 1);
	assert_true(has_ip(out, n, "127.0.0.1"));
	assert_int_equal(local(a, 0, out), 0);
}

static mono_t t(int64_t s)
{
	return mono_add_s(MONO_ZERO, 1000 + s);
}

static bool offers(const struct endpoints *e, const char *text, enum endpoint_type type)
{
	size_t n;
	const struct endpoint *list = endpoints_list(e, &n);
	struct ep want = ep_of(text);
	for (size_t i = 0; i < n; i++)
		if (ep_eq(list[i].ep, want) && list[i].type == type)
			return true;
	return false;
}

static void gathering_and_change(void **state)
{
	struct if_addr a = addr("eth0", "10.0.0.5/24");
	struct ep stun4 = ep_of("198.51.100.7:41641"), stun6 = ep_of("[2001:db8::7]:41641");
	struct ep fixed = ep_of("192.0.2.200:5000");
	struct endpoints *e = endpoints_new();
	struct endpoints_in in = { .addrs = &a,
				   .n_addrs = 1,
				   .local_port = 41641,
				   .configured_port = 41641,
				   .wildcard = true,
				   .portmapped = ep_of("198.51.100.9:1234"),
				   .stun4 = &stun4,
				   .n_stun4 = 1,
				   .stun6 = &stun6,
				   .n_stun6 = 1,
				   .statics = &fixed,
				   .n_statics = 1 };
	size_t n;
	(void)state;
	assert_true(endpoints_update(e, t(0), &in));
	assert_false(endpoints_update(e, t(1), &in));
	const struct endpoint *list = endpoints_list(e, &n);
	assert_int_equal(n, 5);
	assert_int_equal(list[0].type, ENDPOINT_PORTMAPPED);
	assert_int_equal(list[1].type, ENDPOINT_STUN);
	assert_int_equal(list[2].type, ENDPOINT_STUN);
	assert_int_equal(list[3].type, ENDPOINT_EXPLICIT);
	assert_int_equal(list[4].type, ENDPOINT_LOCAL);
	assert_true(offers(e, "10.0.0.5:41641", ENDPOINT_LOCAL));
	/* a type alone makes another set */
	in.portmapped = (struct ep){ .port = 0 };
	fixed = ep_of("198.51.100.9:1234");
	in.stun4 = NULL;
	in.n_stun4 = in.n_stun6 = 0;
	endpoints_forget(e);
	assert_true(endpoints_update(e, t(2), &in));
	assert_true(offers(e, "198.51.100.9:1234", ENDPOINT_EXPLICIT));
	/* bound to one address: that alone, whatever the interfaces have */
	in.wildcard = false;
	in.bound = ip_v4(10, 0, 0, 77);
	assert_true(endpoints_update(e, t(3), &in));
	assert_true(offers(e, "10.0.0.77:41641", ENDPOINT_LOCAL));
	assert_false(offers(e, "10.0.0.5:41641", ENDPOINT_LOCAL));
	endpoints_free(e);
}

static void hard_nat_with_a_configured_port(void **state)
{
	struct ep stun4 = ep_of("198.51.100.7:9999");
	struct endpoints *e = endpoints_new();
	struct endpoints_in in = { .local_port = 41641,
				   .configured_port = 41641,
				   .wildcard = true,
				   .stun4 = &stun4,
				   .n_stun4 = 1 };
	(void)state;
	endpoints_update(e, t(0), &in);
	assert_false(offers(e, "198.51.100.7:41641", ENDPOINT_STUN4_LOCAL_PORT));
	in.mapping_varies = true;
	assert_true(endpoints_update(e, t(1), &in));
	assert_true(offers(e, "198.51.100.7:41641", ENDPOINT_STUN4_LOCAL_PORT));
	endpoints_forget(e);
	in.configured_port = 0;
	assert_true(endpoints_update(e, t(2), &in));
	assert_false(offers(e, "198.51.100.7:41641", ENDPOINT_STUN4_LOCAL_PORT));
	endpoints_free(e);
}

static void old_mappings_stay_for_a_while(void **state)
{
	struct endpoints *e = endpoints_new();
	struct ep stun4 = ep_of("198.51.100.7:1000");
	struct endpoints_in in = {
		.local_port = 1, .wildcard = true, .stun4 = &stun4, .n_stun4 = 1
	};
	size_t n;
	(void)state;
	endpoints_update(e, t(0), &in);
	stun4.port = 1001;
	assert_true(endpoints_update(e, t(10), &in));
	assert_true(offers(e, "198.51.100.7:1000", ENDPOINT_STUN));
	assert_true(offers(e, "198.51.100.7:1001", ENDPOINT_STUN));
	assert_false(endpoints_update(e, t(ENDPOINTS_CACHE_S), &in));
	assert_true(endpoints_update(e, t(ENDPOINTS_CACHE_S + 1), &in));
	assert_false(offers(e, "198.51.100.7:1000", ENDPOINT_STUN));
	for (uint16_t i = 0; i < 50; i++) {
		stun4.port = (uint16_t)(2000 + i);
		endpoints_update(e, t(400 + i), &in);
	}
	endpoints_list(e, &n);
	assert_int_equal(n, ENDPOINTS_PER_IP_MAX);
	assert_true(offers(e, "198.51.100.7:2049", ENDPOINT_STUN));
	assert_true(offers(e, "198.51.100.7:2044", ENDPOINT_STUN));
	for (uint8_t i = 0; i < 200; i++) { /* a different address each time: bounded as well */
		stun4.ip = ip_v4(192, 0, 2, i);
		endpoints_update(e, t(460), &in);
	}
	endpoints_list(e, &n);
	assert_true(n <= ENDPOINTS_MAX);
	endpoints_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_addresses_are_offered),
		cmocka_unit_test(local_only_and_loopback_as_last_resort),
		cmocka_unit_test(gathering_and_change),
		cmocka_unit_test(hard_nat_with_a_configured_port),
		cmocka_unit_test(old_mappings_stay_for_a_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
