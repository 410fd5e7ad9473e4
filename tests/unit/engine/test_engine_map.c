/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From maps to peers, tables and the filter. */
#include "tests/unit/engine/world.h"

#include "dns/local.h"

static int setup(void **state)
{
	struct shell *h = xcalloc(1, sizeof(*h));
	assert_int_equal(crypto_init(), 0);
	shell_start(h, 1);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	shell_stop(*state);
	free(*state);
	return 0;
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void a_peer_gets_a_slot(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	full_map(h, p, 2);
	uint32_t a = slot_of(h, 10), b = slot_of(h, 11);
	assert_true(a != WG_NO_PEER && b != WG_NO_PEER && a != b);
	assert_non_null(h->s->peers[a].live);
	assert_true(is_known(h, &p[0]));
	assert_null(h->s->peers[a].current);
}

static void nothing_is_published_twice(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	unsigned n = h->publishes;
	flush(h);
	flush(h);
	assert_int_equal(h->publishes, n);
}

static void a_removed_peer_is_gone_at_once(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	full_map(h, p, 2);
	uint32_t slot = slot_of(h, 10);
	delta_map(h, p + 1, 1, 10);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
	assert_null(h->s->peers[slot].live);
	assert_false(is_known(h, &p[0]));
	assert_true(is_known(h, &p[1]));
	assert_int_equal(h->forgotten, 1);
	assert_int_equal(count_commands(h, DP_CMD_DROP_STAGED, slot), 1);
}

static void a_full_map_removes_what_it_does_not_name(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11), stranger(12) };
	full_map(h, p, 3);
	full_map(h, p + 1, 1);
	assert_false(is_known(h, &p[0]));
	assert_true(is_known(h, &p[1]));
	assert_false(is_known(h, &p[2]));
}

static void a_new_node_key_is_a_new_peer(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10), old = p;
	full_map(h, &p, 1);
	uint32_t slot = slot_of(h, 10);
	p.n.key = (struct node_key){ { 99 } };
	delta_map(h, &p, 1, 10);
	assert_false(is_known(h, &old));
	assert_true(is_known(h, &p));
	assert_int_not_equal(slot_of(h, 10), slot);
	assert_null(h->s->peers[slot].live);
}

/* A delta gives one peer the key of another, whose own entry comes later or never. */
static void a_key_is_only_one_peers(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	full_map(h, p, 2);
	p[1].n.key = p[0].n.key;
	delta_map(h, p, 2, 11);
	assert_true(is_known(h, &p[1]));
	assert_int_not_equal(slot_of(h, 11), WG_NO_PEER);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
}

static void an_expired_peer_is_not_used(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	p.n.flags |= NM_EXPIRED_HERE;
	delta_map(h, &p, 1, 10);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
	assert_true(is_known(h, &p)); /* but shown */
	shell_forget_sent(h);
	event(h, DP_EV_WANT_SESSION, 0, 0, span_of(NULL, 0));
	assert_int_equal(h->n_net, 0);
	p.n.flags &= ~NM_EXPIRED_HERE;
	delta_map(h, &p, 1, 10);
	assert_int_not_equal(slot_of(h, 10), WG_NO_PEER);
}

static void a_peer_out_of_reach_is_not_used(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11), stranger(12) };
	for (int i = 0; i < 3; i++)
		p[i].n.disco = (struct disco_key){ { 0 } };
	p[0].n.home_derp = p[2].n.home_derp = 0;
	p[2].n.flags |= NM_WIREGUARD_ONLY;
	full_map(h, p, 3);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
	assert_int_not_equal(slot_of(h, 11), WG_NO_PEER); /* by relay */
	assert_int_not_equal(slot_of(h, 12), WG_NO_PEER);
}

static void our_own_key_is_no_peer(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	p.n.key = h->pub;
	full_map(h, &p, 1);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
}

static void keys_gone_all_gone(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	engine_set_key(h->e, h->now, NULL);
	flush(h);
	assert_null(h->s);
	assert_false(is_known(h, &p));
	assert_true(mono_is_never(engine_deadline(h->e)));
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static void a_slot_rests_before_it_is_given_again(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10), q = stranger(11), r = stranger(12);
	full_map(h, &p, 1);
	uint32_t slot = slot_of(h, 10);
	full_map(h, &q, 1);
	assert_int_not_equal(slot_of(h, 11), slot);
	h->now = mono_add_ms(h->now, SLOT_QUARANTINE_S * 1000 - 1);
	struct peer_spec both[] = { q, r };
	full_map(h, both, 2);
	assert_int_not_equal(slot_of(h, 12), slot);
	h->now = mono_add_ms(h->now, 1);
	struct peer_spec three[] = { p, q, r };
	full_map(h, three, 3);
	assert_int_equal(slot_of(h, 10), slot);
}

static void slots_grow_and_stay(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[PEERS_MAX];
	uint32_t first[PEERS_MAX];
	for (int i = 0; i < PEERS_MAX; i++)
		p[i] = stranger(10 + i);
	full_map(h, p, 20);
	for (int i = 0; i < 20; i++)
		first[i] = slot_of(h, 10 + i);
	full_map(h, p, PEERS_MAX);
	for (int i = 0; i < PEERS_MAX; i++) {
		uint32_t slot = slot_of(h, 10 + i);
		assert_true(slot < h->s->n_peers && h->s->peers[slot].live);
		if (i < 20)
			assert_int_equal(slot, first[i]);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(slot_of(h, 10 + k), slot);
	}
}

static void records_of_old_slots_are_ignored(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	uint32_t slot = slot_of(h, 10);
	full_map(h, NULL, 0);
	shell_forget_sent(h);
	for (unsigned t = 0; t < 64; t++) {
		event(h, (enum dp_msg_type)t, slot, 1, span_str("x"));
		event(h, (enum dp_msg_type)t, DP_NO_PEER, 1, span_str("x"));
		event(h, (enum dp_msg_type)t, 9999, 1, span_of(NULL, 0));
	}
	assert_int_equal(h->n_net + h->n_commands, 0);
}

/* ---- what a snapshot shows of a peer ------------------------------------------------------------
 */

static void jail_and_masquerade_follow_the_map(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	uint32_t slot = slot_of(h, 10);
	assert_false(h->s->peers[slot].jailed);
	p.n.flags |= NM_JAILED;
	delta_map(h, &p, 1, 10);
	assert_true(h->s->peers[slot].jailed);
	p.n.masq_v4 = ip_v4(100, 99, 0, 1);
	delta_map(h, &p, 1, 10);
	assert_true(ip_eq(h->s->peers[slot].net.masq4, p.n.masq_v4));
}

static void new_prefixes_move_at_once(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	uint32_t slot = slot_of(h, 10);
	p.prefixes[0] = prefix_host(node_ip(77));
	delta_map(h, &p, 1, 10);
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
	assert_int_equal(slot_of(h, 77), slot);
}

static void a_peer_may_have_no_addresses(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	p.n.n_addresses = p.n.n_allowed_ips = p.n.n_endpoints = 0;
	full_map(h, &p, 1);
	delta_map(h, &p, 1, 10);
	assert_true(is_known(h, &p));
	assert_int_equal(slot_of(h, 10), WG_NO_PEER);
}

/* ---- router input ---- */

static void the_router_has_nothing_before_a_map(void **state)
{
	struct shell *h = *state;
	struct router_in in;
	assert_false(engine_router_in(h->e, &in));
	full_map(h, NULL, 0);
	assert_true(engine_router_in(h->e, &in));
	assert_int_equal(in.n_self, 1);
	assert_true(ip_eq(in.self[0], node_ip(SELF_ID)));
	assert_int_equal(in.n_peers, 0);
	engine_clear(h->e, h->now);
	flush(h);
	assert_false(engine_router_in(h->e, &in));
	assert_null(h->s);
}

/* The old value of the peer is freed; what the router reads must be the new one's. */
static void router_input_outlives_a_small_change(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	struct router_in in;
	full_map(h, p, 2);
	p[0].endpoints[0].port = 5;
	delta_map(h, p, 2, 10);
	assert_true(engine_router_in(h->e, &in));
	assert_int_equal(in.n_peers, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(in.peers[i].n_addresses, 1);
		assert_true(ip_eq(in.peers[i].addresses[0].ip, node_ip((int64_t)in.peers[i].id)));
		assert_true(ip_eq(in.peers[i].allowed[0].ip, node_ip((int64_t)in.peers[i].id)));
	}
}

/* ---- filter ---- */

static bool lets_in(const struct shell *h, int64_t from)
{
	return flt_allows_tcp(h->s->tables->filter, node_ip(from),
			      (struct ep){ node_ip(SELF_ID), 22 });
}

static void without_a_filter_nothing_comes_in(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	set_map(h, &(struct map_spec){ .peers = &p, .n = 1 });
	assert_false(lets_in(h, 10));
	full_map(h, &p, 1);
	assert_true(lets_in(h, 10));
	assert_false(flt_is_shields(h->s->tables->filter));
	assert_true(flt_is_shields(h->s->tables->jail));
}

static void a_filter_that_does_not_parse_lets_nothing_in(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	set_map(h, &(struct map_spec){
		       .peers = &p,
		       .n = 1,
		       .filter = "[{\"SrcIPs\":[\"*\"],\"SrcBits\":[8],\"DstPorts\":[{\"IP\":\"*\","
				 "\"Ports\":{\"First\":0,\"Last\":65535}}]}]" });
	assert_false(lets_in(h, 10));
}

static void shields_up_refuses_whatever_the_rules_say(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	set_map(h, &(struct map_spec){ .peers = &p, .n = 1, .filter = RULES_ALL, .shields = true });
	assert_true(flt_is_shields(h->s->tables->filter));
	assert_false(lets_in(h, 10));
}

#define RULES_FROM_10                                                                              \
	"[{\"SrcIPs\":[\"100.64.0.10/32\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,"    \
	"\"Last\":65535}}]}]"

static void rules_that_name_unsigned_peers_are_void(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	set_map(h, &(struct map_spec){ .peers = p, .n = 2, .filter = RULES_FROM_10 });
	assert_true(lets_in(h, 10));
	p[0].n.flags |= NM_UNSIGNED_PEERAPI_ONLY;
	set_map(h, &(struct map_spec){ .peers = p,
				       .n = 2,
				       .filter = RULES_FROM_10,
				       .delta = (int64_t[]){ 10 },
				       .n_delta = 1 });
	assert_false(lets_in(h, 10));
}

#define RULES_CAP                                                                                  \
	"[{\"SrcIPs\":[\"cap:friend\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,"        \
	"\"Last\":65535}}]}]"

static void capabilities_as_sources_follow_the_map(void **state)
{
	struct shell *h = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	p[0].caps[0].name = "friend";
	p[0].n.n_caps = 1;
	struct map_spec m = { .peers = p, .n = 2, .filter = RULES_CAP };
	set_map(h, &m);
	assert_true(lets_in(h, 10));
	assert_false(lets_in(h, 11));
	/* Another capability in its place: as many as before. */
	p[0].caps[0].name = "foe";
	m.delta = (int64_t[]){ 10 };
	m.n_delta = 1;
	set_map(h, &m);
	assert_false(lets_in(h, 10));
}

static void unsigned_peers_hold_no_capability(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	p.caps[0].name = "friend";
	p.n.n_caps = 1;
	p.n.flags |= NM_UNSIGNED_PEERAPI_ONLY;
	set_map(h, &(struct map_spec){ .peers = &p, .n = 1, .filter = RULES_CAP });
	assert_false(lets_in(h, 10));
}

static void a_new_filter_takes_the_place_of_the_old(void **state)
{
	struct shell *h = *state;
	struct peer_spec p = stranger(10);
	full_map(h, &p, 1);
	assert_true(lets_in(h, 10));
	set_map(h, &(struct map_spec){ .peers = &p,
				       .n = 1,
				       .filter = "[]",
				       .delta = (int64_t[]){ 10 },
				       .mask = NM_CHANGED_FILTER });
	assert_false(lets_in(h, 10));
}

/* ---- services of this host ------------------------------------------------------------------- */

static struct dns_local *names(void)
{
	struct dns_local *l = dns_local_new(&(struct dns_local_in){ .suffix = "tail.example.com" });
	assert_non_null(l);
	return l;
}

static void listeners_and_names_go_with_the_snapshot(void **state)
{
	struct shell *h = *state;
	struct net_ports ports = { 1, 2, 3, 4 };
	struct dns_local *first = names(), *second = names();
	engine_set_ports(h->e, &ports);
	engine_set_dns(h->e, first);
	dns_local_unref(first); /* the engine has its own */
	flush(h);
	assert_null(h->s); /* there is no map yet */

	full_map(h, NULL, 0);
	assert_memory_equal(&h->s->own.ports, &ports, sizeof(ports));
	assert_ptr_equal(h->s->dns, first);
	assert_true(ip_eq(h->s->own.addr4, node_ip(SELF_ID)));

	unsigned n = h->publishes;
	engine_set_dns(h->e, second);
	engine_set_dns(h->e, second);
	dns_local_unref(second);
	ports.dns4 = 99;
	engine_set_ports(h->e, &ports);
	flush(h);
	assert_int_equal(h->publishes, n + 1);
	assert_ptr_equal(h->s->dns, second);
	assert_int_equal(h->s->own.ports.dns4, 99);

	/* a new map changes nothing about them */
	engine_clear(h->e, h->now);
	flush(h);
	assert_null(h->s);
	full_map(h, NULL, 0);
	assert_ptr_equal(h->s->dns, second);
	assert_int_equal(h->s->own.ports.peerapi4, 1);
	engine_set_dns(h->e, NULL);
	flush(h);
	assert_null(h->s->dns);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_peer_gets_a_slot),
		T(nothing_is_published_twice),
		T(a_removed_peer_is_gone_at_once),
		T(a_full_map_removes_what_it_does_not_name),
		T(a_new_node_key_is_a_new_peer),
		T(a_key_is_only_one_peers),
		T(an_expired_peer_is_not_used),
		T(a_peer_out_of_reach_is_not_used),
		T(our_own_key_is_no_peer),
		T(keys_gone_all_gone),
		T(a_slot_rests_before_it_is_given_again),
		T(slots_grow_and_stay),
		T(records_of_old_slots_are_ignored),
		T(jail_and_masquerade_follow_the_map),
		T(new_prefixes_move_at_once),
		T(a_peer_may_have_no_addresses),
		T(the_router_has_nothing_before_a_map),
		T(router_input_outlives_a_small_change),
		T(without_a_filter_nothing_comes_in),
		T(a_filter_that_does_not_parse_lets_nothing_in),
		T(shields_up_refuses_whatever_the_rules_say),
		T(rules_that_name_unsigned_peers_are_void),
		T(capabilities_as_sources_follow_the_map),
		T(unsigned_peers_hold_no_capability),
		T(a_new_filter_takes_the_place_of_the_old),
		T(listeners_and_names_go_with_the_snapshot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
