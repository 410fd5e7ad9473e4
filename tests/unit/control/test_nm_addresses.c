/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose an address is, after whatever a server says about peers. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "base/crypto/crypto.h"
#include "base/rng.h"
#include "daemon/control/map_session.h"

#include <stdio.h>
#include <stdlib.h>

static const wall_t NOW = { 1800000000, 0 };

#define SELF                                                                                       \
	"\"Node\":{\"ID\":1,\"Key\":\"nodekey:" ZEROS_61 "009\",\"Addresses\":[\"100.64.0.1/"      \
	"32\"]}"
#define ZEROS_61 "0000000000000000000000000000000000000000000000000000000000000"

static struct map_session *session;

static const struct netmap *nm(void)
{
	return map_session_netmap(session);
}

static void apply(const char *json)
{
	struct map_result res;
	const char *why = "";
	if (map_session_apply(session, span_str(json), NOW, &res, &why) != 0)
		fail_msg("%s: %s", why, json);
}

/* addrs: what stands between the brackets of the JSON array. */
static void add_peer(struct buf *b, int id, const char *addrs)
{
	buf_fmt(b, "{\"ID\":%d,\"Key\":\"nodekey:%02x%062d\",\"Addresses\":[%s]}", id, id, 0,
		addrs);
}

/* One message with a peer as the only member of the list. */
static void tell(const char *list, int id, const char *addrs)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_fmt(&b, "{\"%s\":[", list);
	add_peer(&b, id, addrs);
	buf_add_str(&b, "]}");
	apply(buf_cstr(&b));
	buf_fini(&b);
}

static void put(int id, const char *addrs)
{
	tell("PeersChanged", id, addrs);
}

/* Id of the peer that has it, 0: nobody. The node is the present one of that id. */
static int64_t owner(const char *addr)
{
	struct ip ip;
	assert_int_equal(ip_decode(span_str(addr), &ip), 0);
	const struct nm_node *n = netmap_peer_by_address(nm(), ip);
	if (n)
		assert_ptr_equal(n, netmap_peer(nm(), n->id));
	return n ? n->id : 0;
}

static int setup(void **state)
{
	(void)state;
	session = map_session_new();
	apply("{" SELF "}");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	map_session_free(session);
	return 0;
}

/* ---- one owner an address ---- */

static void only_own_addresses_count(void **state)
{
	(void)state;
	apply("{\"PeersChanged\":[{\"ID\":2,\"Key\":\"nodekey:" ZEROS_61 "002\","
	      "\"Addresses\":[\"100.64.0.2/32\",\"fd7a:115c:a1e0::2/128\",\"100.64.1.0/24\"],"
	      "\"AllowedIPs\":[\"100.64.0.2/32\",\"192.0.2.7/32\"]}]}");
	assert_int_equal(owner("100.64.0.2"), 2);
	assert_int_equal(owner("fd7a:115c:a1e0::2"), 2);
	assert_int_equal(owner("100.64.1.0"), 0);
	assert_int_equal(owner("192.0.2.7"), 0);
	assert_int_equal(owner("100.64.0.1"), 0); /* we are no peer */
	assert_null(netmap_peer_by_address(nm(), (struct ip){ 0 }));
}

static void a_replaced_peer_has_its_new_addresses(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\",\"100.64.0.3/32\"");
	put(2, "\"100.64.0.3/32\",\"100.64.0.4/32\"");
	assert_int_equal(owner("100.64.0.2"), 0);
	assert_int_equal(owner("100.64.0.3"), 2);
	assert_int_equal(owner("100.64.0.4"), 2);
	put(2, "");
	assert_int_equal(owner("100.64.0.3"), 0);
	assert_int_equal(owner("100.64.0.4"), 0);
}

static void a_patched_peer_keeps_its_addresses(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\"");
	const struct nm_node *before = netmap_peer(nm(), 2);
	nm_node_ref(before); /* else the new one might lie where it was */
	apply("{\"OnlineChange\":{\"2\":true}}");
	assert_ptr_not_equal(netmap_peer(nm(), 2), before);
	assert_int_equal(owner("100.64.0.2"), 2);
	nm_node_unref(before);
	apply("{\"PeersChangedPatch\":[{\"NodeID\":2,\"DERPRegion\":7}]}");
	assert_int_equal(netmap_peer(nm(), 2)->home_derp, 7);
	assert_int_equal(owner("100.64.0.2"), 2);
	apply("{\"PeersChangedPatch\":[{\"NodeID\":2,\"KeyExpiry\":\"2020-01-01T00:00:00Z\"}]}");
	struct nm_change ch;
	wall_t next;
	assert_true(map_session_expire(session, NOW, &ch, &next));
	assert_int_equal(owner("100.64.0.2"), 2);
}

static void a_removed_peer_has_none(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\"");
	put(3, "\"100.64.0.3/32\"");
	apply("{\"PeersRemoved\":[2]}");
	assert_int_equal(owner("100.64.0.2"), 0);
	assert_int_equal(owner("100.64.0.3"), 3);
	put(4, "\"100.64.0.2/32\"");
	assert_int_equal(owner("100.64.0.2"), 4);
}

/* Its key is ours now: it goes without being removed. */
static void a_refused_peer_has_none(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\"");
	put(3, "\"100.64.0.2/32\"");
	apply("{\"Node\":{\"ID\":2,\"Key\":\"nodekey:" ZEROS_61 "009\"}}");
	assert_int_equal(owner("100.64.0.2"), 3);
}

static void a_full_map_tells_anew(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\"");
	put(3, "\"100.64.0.3/32\"");
	tell("Peers", 3, "\"100.64.0.2/32\"");
	assert_int_equal(owner("100.64.0.2"), 3);
	assert_int_equal(owner("100.64.0.3"), 0);
}

/* ---- more than one that claims it ---- */

static void the_lowest_id_has_it(void **state)
{
	(void)state;
	put(5, "\"100.64.0.9/32\"");
	put(7, "\"100.64.0.9/32\"");
	assert_int_equal(owner("100.64.0.9"), 5);
	put(3, "\"100.64.0.9/32\"");
	assert_int_equal(owner("100.64.0.9"), 3);
	apply("{\"OnlineChange\":{\"7\":true,\"5\":true,\"3\":true}}");
	assert_int_equal(owner("100.64.0.9"), 3);
}

static void the_next_one_inherits(void **state)
{
	(void)state;
	put(7, "\"100.64.0.9/32\"");
	put(3, "\"100.64.0.3/32\",\"100.64.0.9/32\"");
	put(5, "\"100.64.0.9/32\"");
	put(3, "\"100.64.0.3/32\"");
	assert_int_equal(owner("100.64.0.9"), 5);
	assert_int_equal(owner("100.64.0.3"), 3);
	apply("{\"PeersRemoved\":[5]}");
	assert_int_equal(owner("100.64.0.9"), 7);
	apply("{\"PeersRemoved\":[7]}");
	assert_int_equal(owner("100.64.0.9"), 0);
}

/* The owner goes first, and what the same message brings counts as well. */
static void one_message_may_do_it_all(void **state)
{
	(void)state;
	put(3, "\"100.64.0.9/32\",\"100.64.0.8/32\"");
	put(7, "\"100.64.0.9/32\"");
	apply("{\"PeersRemoved\":[3],\"PeersChanged\":[{\"ID\":4,\"Key\":\"nodekey:" ZEROS_61
	      "004\",\"Addresses\":[\"100.64.0.8/32\",\"100.64.0.9/32\",\"100.64.0.4/32\"]}]}");
	assert_int_equal(owner("100.64.0.9"), 4);
	assert_int_equal(owner("100.64.0.8"), 4);
	assert_int_equal(owner("100.64.0.4"), 4);
}

static void an_address_twice_in_a_peer_is_one(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\",\"100.64.0.2/32\"");
	put(3, "\"100.64.0.2/32\",\"100.64.0.2/32\"");
	apply("{\"PeersRemoved\":[2]}");
	assert_int_equal(owner("100.64.0.2"), 3);
	apply("{\"PeersRemoved\":[3]}");
	assert_int_equal(owner("100.64.0.2"), 0);
}

/* ---- the limit of memory ---- */

static void addresses_count_as_memory(void **state)
{
	(void)state;
	put(2, "\"100.64.0.2/32\",\"100.64.0.3/32\"");
	assert_int_equal(nm()->bytes, netmap_peer(nm(), 2)->size + 2 * NM_BYTES_PER_ADDRESS);
	put(2, "\"100.64.0.2/32\"");
	assert_int_equal(nm()->bytes, netmap_peer(nm(), 2)->size + NM_BYTES_PER_ADDRESS);
	apply("{\"PeersRemoved\":[2]}");
	assert_int_equal(nm()->bytes, 0);
}

/* ---- at random ---- */

#define IDS 60 /* 2 and up */
#define ADDRESSES 40
#define ROUNDS 3000

static const struct nm_node *linear(struct ip ip)
{
	for (size_t i = 0; i < nm()->n_peers; i++)
		if (nm_node_has_address(nm()->peers[i], ip))
			return nm()->peers[i];
	return NULL;
}

static int some_id(struct rng *r)
{
	return 2 + (int)rng_below(r, IDS);
}

/* Mostly its own, or one of anybody, or a network. */
static void add_some_addresses(struct buf *b, int id, struct rng *r)
{
	uint64_t n = rng_below(r, 4);
	for (uint64_t i = 0; i < n; i++) {
		bool own = rng_below(r, 4) != 0;
		buf_fmt(b, "%s\"100.64.%d.%d/%d\"", i ? "," : "", own ? 1 : 0,
			own ? id : (int)rng_below(r, ADDRESSES), rng_below(r, 10) ? 32 : 24);
	}
}

static void add_some_peers(struct buf *b, struct rng *r, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct buf addrs;
		int id = some_id(r);
		buf_init(&addrs, 4096);
		add_some_addresses(&addrs, id, r);
		buf_add_str(b, i ? "," : "");
		add_peer(b, id, buf_cstr(&addrs));
		buf_fini(&addrs);
	}
}

static void some_message(struct buf *b, struct rng *r)
{
	buf_reset(b);
	if (rng_below(r, 50) == 0) {
		buf_add_str(b, "{\"Peers\":[");
		add_some_peers(b, r, IDS);
		buf_add_str(b, "]}");
		return;
	}
	buf_fmt(b, "{\"PeersRemoved\":[%d],\"PeersChanged\":[", some_id(r));
	add_some_peers(b, r, rng_below(r, 4));
	buf_fmt(b, "],\"OnlineChange\":{\"%d\":%s}}", some_id(r),
		rng_below(r, 2) ? "true" : "false");
}

static size_t compare_all(void)
{
	size_t found = 0;
	for (int own = 0; own < 2; own++)
		for (int i = 0; i < 2 + IDS; i++) {
			struct ip ip = ip_v4(100, 64, (uint8_t)own, (uint8_t)i);
			const struct nm_node *n = linear(ip);
			assert_ptr_equal(netmap_peer_by_address(nm(), ip), n);
			found += n != NULL;
		}
	return found;
}

static void it_is_as_if_one_looked_through_all(void **state)
{
	struct rng_seeded r;
	struct buf b;
	size_t found = 0;
	(void)state;
	rng_seeded_init(&r, 20);
	buf_init(&b, 1u << 20);
	for (int i = 0; i < ROUNDS; i++) {
		some_message(&b, &r.rng);
		apply(buf_cstr(&b));
		found += compare_all();
	}
	assert_true(found > (size_t)ROUNDS * IDS / 4); /* it was about something */
	buf_fini(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_own_addresses_count),
		T(a_replaced_peer_has_its_new_addresses),
		T(a_patched_peer_keeps_its_addresses),
		T(a_removed_peer_has_none),
		T(a_refused_peer_has_none),
		T(a_full_map_tells_anew),
		T(the_lowest_id_has_it),
		T(the_next_one_inherits),
		T(one_message_may_do_it_all),
		T(an_address_twice_in_a_peer_is_one),
		T(addresses_count_as_memory),
		T(it_is_as_if_one_looked_through_all),
	};
	return crypto_init() || cmocka_run_group_tests(tests, NULL, NULL);
}
