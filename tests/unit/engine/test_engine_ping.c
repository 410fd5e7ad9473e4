/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/engine/world.h"

struct answer {
	unsigned calls;
	const char *err;
	int64_t latency_ns;
	struct ep ep;
	int region;
	uint16_t peerapi_port;
	struct engine_ping **stop; /* another ping to stop from inside the callback */
};

static struct answer got;

static void on_pong(void *arg, const struct engine_pong *r)
{
	struct answer *a = arg;
	a->calls++;
	a->err = r->err;
	a->latency_ns = r->latency_ns;
	a->ep = r->ep;
	a->region = r->region;
	a->peerapi_port = r->peerapi_port;
	if (a->stop)
		engine_ping_stop(*a->stop);
}

static int setup(void **state)
{
	struct pair *p = xcalloc(1, sizeof(*p));
	assert_int_equal(crypto_init(), 0);
	pair_start(p);
	shell_forget_sent(&p->a);
	got = (struct answer){ 0 };
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	pair_stop(*state);
	free(*state);
	return 0;
}

static struct engine_ping *ping(struct shell *h, const struct node_key *key, struct ip to,
				enum engine_ping_kind kind, struct answer *a)
{
	struct engine_ping *p =
	    engine_ping_start(h->e, h->now, wall_at(h->now), key, to, kind, 0, on_pong, a);
	assert_int_equal(a->calls, 0); /* never from inside the call */
	return p;
}

static void assert_refused(struct shell *h, const char *why)
{
	assert_true(mono_due(engine_deadline(h->e), h->now));
	tick_at(h, h->now);
	assert_int_equal(got.calls, 1);
	assert_string_equal(got.err, why);
}

/* ---- what cannot be asked ---- */

static void not_before_a_map(void **state)
{
	struct pair *p = *state;
	engine_clear(p->a.e, p->a.now);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	assert_refused(&p->a, "not connected");
}

static void not_an_unknown_peer(void **state)
{
	struct pair *p = *state;
	struct node_key nobody = { { 4 } };
	ping(&p->a, &nobody, node_ip(3), ENGINE_PING_DISCO, &got);
	assert_refused(&p->a, "the peer is expired or has never been connected");
}

static void not_an_expired_peer(void **state)
{
	struct pair *p = *state;
	p->b_of_a.n.flags |= NM_EXPIRED;
	full_map(&p->a, &p->b_of_a, 1);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	assert_refused(&p->a, "the peer is expired or has never been connected");
}

static void not_without_a_disco_key(void **state)
{
	struct pair *p = *state;
	p->b_of_a.n.disco = (struct disco_key){ { 0 } };
	full_map(&p->a, &p->b_of_a, 1);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	assert_refused(
	    &p->a, "the peer does not tell a disco key; it may be too old or not connected yet");
}

static void not_without_a_way(void **state)
{
	struct pair *p = *state;
	p->b_of_a.n.home_derp = 0;
	p->b_of_a.n.n_endpoints = 0;
	full_map(&p->a, &p->b_of_a, 1);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	assert_refused(&p->a, "no way to the peer: it has no address and no relay");
}

static void not_of_any_size(void **state)
{
	struct pair *p = *state;
	engine_ping_start(p->a.e, p->a.now, wall_at(p->a.now), &p->b.pub, node_ip(3),
			  ENGINE_PING_DISCO, 100000, on_pong, &got);
	assert_refused(&p->a, "ping size is too large");
}

static void not_in_a_family_we_lack(void **state)
{
	struct pair *p = *state;
	struct ip v6 = { IP_V6, { 0xfd, 0x7a, [15] = 3 } };
	ping(&p->a, &p->b.pub, v6, ENGINE_PING_TSMP, &got);
	assert_refused(&p->a, "this node has no address of that family");
}

static void not_too_many_echoes(void **state)
{
	struct pair *p = *state;
	struct answer others = { 0 };
	for (int i = 0; i < ECHO_WAITS; i++)
		ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &others);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	assert_refused(&p->a, "too many pings at once");
	assert_int_equal(others.calls, 0);
}

/* ---- TSMP ---- */

static const struct sent *only_command(const struct shell *h)
{
	assert_int_equal(h->n_commands, 1);
	assert_int_equal(h->commands[0].m.type, DP_CMD_SEND_INNER);
	assert_true(h->commands[0].m.flag); /* may wait for a session */
	assert_int_equal(h->commands[0].m.peer, slot_of(h, 3));
	return &h->commands[0];
}

/* The peer's answer to the TSMP ping that lies in the box, as the worker hands it up. */
static void answer_tsmp(struct pair *p, uint32_t slot, uint8_t damage)
{
	const struct sent *it = only_command(&p->a);
	struct pkt pkt;
	struct tsmp t;
	uint8_t b[TSMP_PACKET_MAX];
	pkt_decode(sent_span(it), &pkt);
	assert_int_equal(tsmp_parse(&pkt, sent_span(it), &t), 0);
	assert_int_equal(t.type, TSMP_PING);
	assert_true(ip_eq(pkt.src.ip, node_ip(SELF_ID)) && ip_eq(pkt.dst.ip, node_ip(3)));
	t.data[0] ^= damage;
	size_t n = tsmp_pong_build(mspan_of(b, sizeof(b)), &pkt, t.data, 1234);
	event(&p->a, DP_EV_INNER, slot, 0, span_of(b, n));
}

static void tsmp_is_answered(void **state)
{
	struct pair *p = *state;
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	p->a.now = mono_add_ms(p->a.now, 25);
	answer_tsmp(p, slot_of(&p->a, 3), 1);
	assert_int_equal(got.calls, 0);
	answer_tsmp(p, slot_of(&p->a, 3), 0);
	assert_int_equal(got.calls, 1);
	assert_null(got.err);
	assert_true(got.latency_ns == 25 * NS_PER_MS);
	assert_int_equal(got.peerapi_port, 1234);
	answer_tsmp(p, slot_of(&p->a, 3), 0);
	assert_int_equal(got.calls, 1);
}

static void another_peer_cannot_answer(void **state)
{
	struct pair *p = *state;
	struct peer_spec both[] = { p->b_of_a, stranger(4) };
	full_map(&p->a, both, 2);
	shell_forget_sent(&p->a);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	answer_tsmp(p, slot_of(&p->a, 4), 0);
	assert_int_equal(got.calls, 0);
}

static void patience_ends_after_ten_seconds(void **state)
{
	struct pair *p = *state;
	mono_t end = mono_add_s(p->a.now, 10);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	assert_false(mono_before(end, engine_deadline(p->a.e)));
	tick_at(&p->a, mono_add_ns(end, -1));
	assert_int_equal(got.calls, 0);
	tick_at(&p->a, end);
	assert_int_equal(got.calls, 1);
	assert_string_equal(got.err, "timeout waiting for pong");
}

/* ---- ICMP ---- */

static uint32_t token_of(struct span echo)
{
	struct pkt pkt;
	uint8_t token[4];
	pkt_decode(echo, &pkt);
	assert_true(pkt_echo_token(&pkt, echo, token));
	struct rd r = rd_init(span_of(token, 4));
	return rd_be32(&r);
}

static void echo_is_answered(void **state)
{
	struct pair *p = *state;
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	struct span request = sent_span(only_command(&p->a));
	uint32_t token = token_of(request);
	assert_true(echo_waits_has(engine_echo_waits(p->a.e), token));
	struct pkt pkt;
	uint8_t b[128];
	pkt_decode(request, &pkt);
	assert_true(pkt_is_echo_request(&pkt));
	size_t n = icmp_echo_reply_build(mspan_of(b, sizeof(b)), &pkt, request);
	assert_true(n > 0);
	p->a.now = mono_add_ms(p->a.now, 3);
	event(&p->a, DP_EV_INNER, slot_of(&p->a, 3), 0, span_of(b, n));
	assert_int_equal(got.calls, 1);
	assert_null(got.err);
	assert_true(got.latency_ns == 3 * NS_PER_MS);
	assert_false(echo_waits_has(engine_echo_waits(p->a.e), token));
}

static void a_stopped_ping_is_forgotten(void **state)
{
	struct pair *p = *state;
	struct engine_ping *ep = ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	uint32_t token = token_of(sent_span(only_command(&p->a)));
	engine_ping_stop(ep);
	assert_false(echo_waits_has(engine_echo_waits(p->a.e), token));
	tick_at(&p->a, mono_add_s(p->a.now, 60));
	assert_int_equal(got.calls, 0);
}

static void a_timeout_frees_the_place(void **state)
{
	struct pair *p = *state;
	for (int i = 0; i < ECHO_WAITS; i++)
		ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	tick_at(&p->a, mono_add_s(p->a.now, 10));
	assert_int_equal(got.calls, ECHO_WAITS);
	for (int i = 0; i < ECHO_WAITS; i++)
		assert_int_equal(engine_echo_waits(p->a.e)->token[i], 0);
}

/* ---- disco ---- */

static void disco_is_answered_by_relay(void **state)
{
	struct pair *p = *state;
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	carry(p);
	assert_int_equal(got.calls, 1);
	assert_null(got.err);
	assert_false(ep_is_set(got.ep));
	assert_int_equal(got.region, REGION);
}

static void disco_is_answered_directly(void **state)
{
	struct pair *p = *state;
	p->udp = true;
	p->a.no_route = p->b.no_route = 1;
	p->b_of_a.n.home_derp = 0;
	full_map(&p->a, &p->b_of_a, 1);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	carry(p);
	assert_int_equal(got.calls, 1);
	assert_null(got.err);
	assert_true(ep_eq(got.ep, node_ep(3)));
	assert_int_equal(got.region, 0);
}

static void disco_waits_as_long_as_it_takes(void **state)
{
	struct pair *p = *state;
	struct engine_ping *ep = ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	shell_forget_sent(&p->a);
	for (int i = 0; i < 60; i++)
		tick_at(&p->a, mono_add_s(p->a.now, 1));
	assert_int_equal(got.calls, 0);
	engine_ping_stop(ep);
}

/* The peer's map does not name us yet: the first ping is lost, the next is not. */
static void disco_asks_again(void **state)
{
	struct pair *p = *state;
	full_map(&p->b, NULL, 0);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	carry(p);
	assert_int_equal(got.calls, 0);
	full_map(&p->b, &p->a_of_b, 1);
	tick_at(&p->a, mono_add_s(p->a.now, 1));
	p->b.now = p->a.now;
	carry(p);
	assert_int_equal(got.calls, 1);
	assert_null(got.err);
}

/* ---- endings ---- */

static void the_peer_may_leave(void **state)
{
	static const enum engine_ping_kind kinds[] = { ENGINE_PING_DISCO, ENGINE_PING_TSMP,
						       ENGINE_PING_ICMP };
	struct pair *p = *state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		full_map(&p->a, &p->b_of_a, 1);
		got = (struct answer){ 0 };
		ping(&p->a, &p->b.pub, node_ip(3), kinds[i], &got);
		full_map(&p->a, NULL, 0);
		assert_int_equal(got.calls, 0);
		assert_refused(&p->a, "the peer left the network");
	}
}

static void a_callback_may_stop_other_pings(void **state)
{
	struct pair *p = *state;
	struct answer other = { 0 };
	struct engine_ping *second;
	got.stop = &second;
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	second = ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &other);
	tick_at(&p->a, mono_add_s(p->a.now, 10));
	assert_int_equal(got.calls, 1);
	assert_int_equal(other.calls, 0);
}

static void the_engine_may_end_first(void **state)
{
	struct pair *p = *state;
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_DISCO, &got);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_TSMP, &got);
	ping(&p->a, &p->b.pub, node_ip(3), ENGINE_PING_ICMP, &got);
	engine_free(p->a.e);
	p->a.e = NULL;
	assert_int_equal(got.calls, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(not_before_a_map),
		T(not_an_unknown_peer),
		T(not_an_expired_peer),
		T(not_without_a_disco_key),
		T(not_without_a_way),
		T(not_of_any_size),
		T(not_in_a_family_we_lack),
		T(not_too_many_echoes),
		T(tsmp_is_answered),
		T(another_peer_cannot_answer),
		T(patience_ends_after_ten_seconds),
		T(echo_is_answered),
		T(a_stopped_ping_is_forgotten),
		T(a_timeout_frees_the_place),
		T(disco_is_answered_by_relay),
		T(disco_is_answered_directly),
		T(disco_waits_as_long_as_it_takes),
		T(disco_asks_again),
		T(the_peer_may_leave),
		T(a_callback_may_stop_other_pings),
		T(the_engine_may_end_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
