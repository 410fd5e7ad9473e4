/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From policies that come and go to what the published filters let in. */
#include "tests/unit/engine/world.h"

struct fixture {
	struct shell h;
	struct flt_flows *flows, *jail_flows;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	assert_int_equal(crypto_init(), 0);
	shell_start(&f->h, 1);
	f->flows = flt_flows_new(1);
	f->jail_flows = flt_flows_new(2);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	flt_flows_free(f->flows);
	flt_flows_free(f->jail_flows);
	shell_stop(&f->h);
	free(f);
	return 0;
}

static const struct flt *filter(const struct fixture *f)
{
	return f->h.s->tables->filter;
}

static struct pkt packet(int64_t from, uint16_t sport, int64_t to, uint16_t dport, uint8_t flags)
{
	struct pkt p = {
		.version = 4, .proto = IP_PROTO_TCP, .tcp_flags = flags, .len = 40, .l4 = 20
	};
	p.src = (struct ep){ node_ip(from), sport };
	p.dst = (struct ep){ node_ip(to), dport };
	return p;
}

static enum flt_verdict in(struct fixture *f, int64_t from, uint16_t sport, uint16_t dport,
			   uint8_t flags)
{
	struct pkt p = packet(from, sport, SELF_ID, dport, flags);
	return flt_in(filter(f), f->flows, &p, p.len);
}

static void send_syn(struct fixture *f, int64_t to, uint16_t sport, uint16_t dport)
{
	struct pkt p = packet(SELF_ID, sport, to, dport, TCP_SYN);
	assert_int_equal(flt_out(filter(f), f->flows, &p, p.len), FLT_PASS);
}

/* Theirs to our port 22 and ours to their port 443. */
static void both_connect(struct fixture *f, int64_t peer)
{
	assert_int_equal(in(f, peer, 5000, 22, TCP_SYN), FLT_PASS);
	assert_int_equal(in(f, peer, 5000, 22, TCP_ACK), FLT_PASS);
	send_syn(f, peer, 6000, 443);
	assert_int_equal(in(f, peer, 443, 6000, TCP_SYN | TCP_ACK), FLT_PASS);
	assert_int_equal(in(f, peer, 443, 6000, TCP_ACK), FLT_PASS);
}

#define FROM(range)                                                                                \
	"[{\"SrcIPs\":[\"" range "\"],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":{\"First\":0,"         \
	"\"Last\":65535}}]}]"

static void a_withdrawn_policy_cuts_what_it_let_in(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	set_map(&f->h, &(struct map_spec){
			   .peers = p, .n = 2, .filter = FROM("100.64.0.10-100.64.0.11") });
	both_connect(f, 10);
	both_connect(f, 11);
	assert_false(flt_is_narrowed(filter(f)));
	set_map(&f->h, &(struct map_spec){ .peers = p,
					   .n = 2,
					   .filter = FROM("100.64.0.10"),
					   .delta = (int64_t[]){ 10 },
					   .mask = NM_CHANGED_FILTER });
	assert_true(flt_is_narrowed(filter(f)));
	assert_int_equal(in(f, 10, 5000, 22, TCP_ACK), FLT_PASS);
	assert_int_equal(in(f, 11, 5000, 22, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(in(f, 11, 443, 6000, TCP_ACK), FLT_PASS);
	/* Given back: it works again, and the engine remembers. */
	set_map(&f->h, &(struct map_spec){ .peers = p, .n = 2, .filter = RULES_ALL });
	assert_true(flt_is_narrowed(filter(f)));
	assert_int_equal(in(f, 11, 5000, 22, TCP_ACK), FLT_PASS);
}

static void a_network_that_grows_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	set_map(&f->h, &(struct map_spec){ .peers = p, .n = 1, .filter = "[]" });
	set_map(&f->h, &(struct map_spec){ .peers = p, .n = 1, .filter = FROM("100.64.0.10") });
	set_map(&f->h, &(struct map_spec){
			   .peers = p, .n = 2, .filter = FROM("100.64.0.10-100.64.0.11") });
	set_map(&f->h, &(struct map_spec){ .peers = p, .n = 1, .filter = FROM("100.64.0.0/24") });
	assert_false(flt_is_narrowed(filter(f)));
}

static void shields_end_what_came_in_and_keep_what_went_out(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p = stranger(10);
	struct map_spec open = { .peers = &p, .n = 1, .filter = RULES_ALL }, up = open;
	up.shields = true;
	set_map(&f->h, &open);
	both_connect(f, 10);
	set_map(&f->h, &up);
	assert_true(flt_is_shields(filter(f)));
	assert_int_equal(in(f, 10, 5000, 22, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(in(f, 10, 5001, 22, TCP_SYN), FLT_DROP_ACL);
	assert_int_equal(in(f, 10, 443, 6000, TCP_ACK), FLT_PASS);
	send_syn(f, 10, 6001, 443);
	assert_int_equal(in(f, 10, 443, 6001, TCP_SYN | TCP_ACK), FLT_PASS);
	set_map(&f->h, &open);
	assert_int_equal(in(f, 10, 5001, 22, TCP_SYN), FLT_PASS);
}

static void shields_from_the_start_know_no_older_connections(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p = stranger(10);
	set_map(&f->h,
		&(struct map_spec){ .peers = &p, .n = 1, .filter = RULES_ALL, .shields = true });
	assert_false(flt_is_narrowed(filter(f)));
	assert_int_equal(in(f, 10, 443, 6000, TCP_ACK), FLT_PASS);
}

static void what_was_down_has_been_taken_away(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p = stranger(10);
	full_map(&f->h, &p, 1);
	engine_clear(f->h.e, f->h.now);
	set_map(&f->h, &(struct map_spec){ .peers = &p, .n = 1, .filter = "[]" });
	assert_true(flt_is_narrowed(filter(f)));
	assert_int_equal(in(f, 10, 443, 6000, TCP_ACK), FLT_DROP_WITHDRAWN);
}

static enum flt_verdict in_jail(struct fixture *f, uint16_t sport, uint16_t dport, uint8_t flags)
{
	struct pkt p = packet(10, sport, SELF_ID, dport, flags);
	return flt_in(f->h.s->tables->jail, f->jail_flows, &p, p.len);
}

static void jail_cuts_those_who_are_put_in(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	p[1].n.flags |= NM_JAILED;
	full_map(&f->h, p, 2);
	assert_true(f->h.s->peers[slot_of(&f->h, 11)].jailed);
	assert_false(flt_is_narrowed(f->h.s->tables->jail));
	both_connect(f, 10);
	p[0].n.flags |= NM_JAILED;
	delta_map(&f->h, p, 2, 10);
	assert_true(f->h.s->peers[slot_of(&f->h, 10)].jailed);
	assert_int_equal(in_jail(f, 5000, 22, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(in_jail(f, 5001, 22, TCP_SYN), FLT_DROP_ACL);
	assert_false(flt_is_narrowed(filter(f)));
}

static void a_void_filter_is_told(void **state)
{
	struct fixture *f = *state;
	struct peer_spec p[] = { stranger(10), stranger(11) };
	struct map_spec m = { .peers = p, .n = 2, .filter = FROM("100.64.0.10") };
	set_map(&f->h, &m);
	assert_false(engine_filter_void(f->h.e));
	both_connect(f, 10);
	p[0].n.flags |= NM_UNSIGNED_PEERAPI_ONLY;
	m.delta = (int64_t[]){ 10 };
	m.n_delta = 1;
	set_map(&f->h, &m);
	assert_true(engine_filter_void(f->h.e));
	assert_int_equal(in(f, 10, 5000, 22, TCP_ACK), FLT_DROP_WITHDRAWN);
	m.shields = true; /* no rules, none void */
	m.delta = NULL;
	set_map(&f->h, &m);
	assert_false(engine_filter_void(f->h.e));
	m.shields = false;
	set_map(&f->h, &m);
	assert_true(engine_filter_void(f->h.e));
	m.filter = FROM("100.64.0.11");
	set_map(&f->h, &m);
	assert_false(engine_filter_void(f->h.e));
}

/* Every kind of rule asks whether a peer may be named. */
static void unsigned_peers_are_named_by_no_rule(void **state)
{
	static const char *const rules[] = { FROM("*"), FROM("100.64.0.0/10"),
					     FROM("100.64.0.9-100.64.0.10"), FROM("cap:friend") };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		for (int unsigned_too = 0; unsigned_too < 2; unsigned_too++) {
			struct peer_spec p = stranger(10);
			p.caps[0].name = "friend";
			p.n.n_caps = 1;
			p.n.flags |= unsigned_too ? NM_UNSIGNED_PEERAPI_ONLY : 0;
			set_map(&f->h,
				&(struct map_spec){ .peers = &p, .n = 1, .filter = rules[i] });
			assert_int_equal(in(f, 10, 5000, 22, TCP_SYN),
					 unsigned_too ? FLT_DROP_ACL : FLT_PASS);
		}
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_withdrawn_policy_cuts_what_it_let_in),
		T(a_network_that_grows_takes_nothing_away),
		T(shields_end_what_came_in_and_keep_what_went_out),
		T(shields_from_the_start_know_no_older_connections),
		T(what_was_down_has_been_taken_away),
		T(jail_cuts_those_who_are_put_in),
		T(a_void_filter_is_told),
		T(unsigned_peers_are_named_by_no_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
