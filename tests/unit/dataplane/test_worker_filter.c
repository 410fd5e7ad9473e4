/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker lets in, answers and hands up. */
#include "tests/unit/dataplane/world.h"

static void assert_refused(struct world *w, const char *counter)
{
	struct dp_traffic before, after;
	uint64_t n = counted(counter);
	dp_traffic_get(&before);
	send_number(w, A, 1);
	carry(w, A);
	dp_traffic_get(&after);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(counted(counter), n + 1);
	assert_int_equal(after.in_drop[DP_DROP_ACL], before.in_drop[DP_DROP_ACL] + 1);
}

/* An answer to something that B sent first: ports and addresses the other way round. */
static void answer(struct world *w, uint32_t number)
{
	struct packet p = udp_packet(side_ip(A), side_ip(B), 80, number, 16);
	uint8_t *ports = p.room + DP_HEADROOM + IP4_HDR_LEN;
	const uint8_t swapped[4] = { 0, 80, 4000 >> 8, 4000 & 255 };
	memcpy(ports, swapped, sizeof(swapped));
	from_tun(w, A, &p);
	carry(w, A);
}

/* ---- the filter ----------------------------------------------------------------------------- */

static void nothing_comes_in_before_the_first_filter(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ 0 });
	assert_refused(w, "netstack_in_drop_no_filter");
}

static void an_empty_filter_refuses_all(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = "[]" });
	assert_refused(w, "netstack_in_drop_acl");
}

static void rules_decide_by_port(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = RULES_PORT_80 });
	struct packet p = udp_packet(side_ip(A), side_ip(B), 81, 1, 16);
	from_tun(w, A, &p);
	send_number(w, A, 2);
	carry(w, A);
	assert_numbers(&w->side[B], 2, 1);
}

static void only_our_own_addresses(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[A];
	uint64_t before = counted("netstack_in_drop_not_local");
	/* A thinks that B routes for that address. */
	assert_int_equal(wg_allowedips_insert(a->s->tables->allowed,
					      prefix_host(ip_v4(10, 1, 2, 3)), slot_of_other[A]),
			 0);
	struct packet p = udp_packet(side_ip(A), ip_v4(10, 1, 2, 3), 80, 1, 16);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(counted("netstack_in_drop_not_local"), before + 1);
}

static void shields_let_only_answers_in(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .shields = true });
	assert_refused(w, "netstack_in_drop_acl");
	send_number(w, B, 1);
	answer(w, 5);
	assert_numbers(&w->side[B], 5, 1);
}

static void a_jailed_peer_may_only_answer(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = RULES_ALL, .jailed = true });
	assert_refused(w, "netstack_in_drop_acl");
	send_number(w, B, 1);
	answer(w, 5);
	assert_numbers(&w->side[B], 5, 1);
}

/* Flows that a free peer may use do not open the jail, nor the other way round. */
static void flows_of_the_jail_are_its_own(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = "[]" });
	send_number(w, B, 1);
	look(w, B, (struct view){ .rules = "[]", .jailed = true });
	answer(w, 5);
	assert_int_equal(w->side[B].tun.n, 0);
	/* Nor are they forgotten over traffic with the jail. */
	struct packet p = udp_packet(side_ip(B), side_ip(A), 81, 2, 16);
	from_tun(w, B, &p);
	look(w, B, (struct view){ .rules = "[]" });
	answer(w, 6);
	assert_numbers(&w->side[B], 6, 1);
}

/* ---- a policy that is withdrawn ---- */

static void answers_do_not_keep_a_withdrawn_flow(void **state)
{
	struct world *w = *state;
	send_number(w, A, 1);
	carry(w, A);
	assert_numbers(&w->side[B], 1, 1);
	struct packet p = udp_packet(side_ip(B), side_ip(A), 4000, 2, 16);
	uint8_t *ports = p.room + DP_HEADROOM + IP4_HDR_LEN;
	ports[0] = 0; /* from port 80 */
	ports[1] = 80;
	from_tun(w, B, &p);
	look(w, B, (struct view){ .rules = "[]" });
	empty_all(&w->side[B]);
	for (int i = 0; i < 3; i++) {
		struct packet again = p;
		from_tun(w, B, &again);
		box_empty(&w->side[B].udp);
		send_number(w, A, 3);
		carry(w, A);
	}
	assert_int_equal(w->side[B].tun.n, 0);
}

static void send_tcp(struct world *w, size_t n, uint8_t flags)
{
	for (size_t i = 0; i < n; i++) {
		struct packet p = tcp_syn(side_ip(A), side_ip(B), 22);
		p.room[DP_HEADROOM + IP4_HDR_LEN + 13] = flags;
		from_tun(w, A, &p);
	}
	carry(w, A);
}

/* In the middle of a run of packets of one connection, which go by the word on the first. */
static void a_withdrawn_connection_is_cut_between_two_batches(void **state)
{
	struct world *w = *state;
	struct dp_traffic before, after;
	send_tcp(w, 1, TCP_SYN);
	send_tcp(w, 10, TCP_ACK);
	assert_int_equal(w->side[B].tun.n, 11);
	look(w, B, (struct view){ .rules = "[]" });
	flt_set_narrowed(w->side[B].s->tables->filter);
	empty_all(&w->side[B]);
	dp_traffic_get(&before);
	send_tcp(w, 10, TCP_ACK);
	dp_traffic_get(&after);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(w->side[B].udp.n, 0); /* nothing goes back */
	assert_int_equal(after.in_drop[DP_DROP_WITHDRAWN], before.in_drop[DP_DROP_WITHDRAWN] + 10);
}

/* ---- who sent it ----------------------------------------------------------------------------- */

static void a_peer_cannot_speak_for_others(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_source");
	struct packet p = udp_packet(ip_v4(100, 64, 0, 9), side_ip(B), 80, 1, 16);
	from_tun(w, A, &p);
	p = udp_packet(side_ip(B), side_ip(B), 80, 1, 16);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_source"), before + 2);
}

/* What is sealed and no IP packet at all; only a broken or hostile peer sends that. */
static void seal_raw(struct world *w, const void *text, size_t len)
{
	uint8_t room[WG_HEADER_LEN + 512] = { 0 };
	struct wg_seal_item it = { room + WG_HEADER_LEN, (uint32_t)len };
	memcpy(it.p, text, len);
	assert_int_equal(wg_session_seal(w->session[A], w->now, MTU, &it, 1), 1);
	box_add(&w->side[A].udp, span_of(room, it.len));
}

static void what_is_no_packet_is_dropped(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_not_ip");
	seal_raw(w, "\x00\x01\x02", 3);
	seal_raw(w, "\x45\x00\xff\xff", 4);
	seal_raw(w, "\x60", 1);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_int_equal(counted("dataplane_rx_drop_not_ip"), before + 3);
	assert_true(atomic_load(&w->side[B].live->act.last_rx) != 0); /* authentic all the same */
}

/* ---- TSMP and echo --------------------------------------------------------------------------- */

static void tsmp_ping(struct world *w, int from, uint8_t tag)
{
	uint8_t b[TSMP_PACKET_MAX], data[8] = { tag };
	size_t n = tsmp_ping_build(mspan_of(b, sizeof(b)), side_ip(from),
				   side_ip(from == A ? B : A), data);
	command(w, from, DP_CMD_SEND_INNER, false, mspan_of(b, n));
}

static void a_tsmp_ping_is_answered_whatever_the_filter(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ 0 });
	tsmp_ping(w, A, 77);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	assert_null(event_of(&w->side[B], DP_EV_INNER));
	assert_int_equal(w->side[B].udp.n, 1);
	carry(w, B);
	const struct item *up = event_of(&w->side[A], DP_EV_INNER);
	assert_non_null(up);
	assert_int_equal(up->m.peer, slot_of_other[A]);
	struct pkt p;
	struct tsmp t;
	pkt_decode(item_span(up), &p);
	assert_int_equal(tsmp_parse(&p, item_span(up), &t), 0);
	assert_int_equal(t.type, TSMP_PONG);
	assert_int_equal(t.pong.data[0], 77);
	assert_int_equal(w->side[A].tun.n, 0);
}

/* More pings in one batch than there is room for answers. */
static void many_pings_are_all_answered(void **state)
{
	struct world *w = *state;
	for (uint8_t i = 0; i < 100; i++)
		tsmp_ping(w, A, i);
	carry(w, A);
	assert_int_equal(w->side[B].udp.n, 100);
	carry(w, B);
	assert_int_equal(count_events(&w->side[A], DP_EV_INNER), 100);
	for (size_t i = 0, k = 0; i < w->side[A].events.n; i++) {
		const struct item *it = &w->side[A].events.v[i];
		struct pkt p;
		struct tsmp t;
		if (it->m.type != DP_EV_INNER)
			continue;
		pkt_decode(item_span(it), &p);
		assert_int_equal(tsmp_parse(&p, item_span(it), &t), 0);
		assert_int_equal(t.pong.data[0], k++);
	}
}

static void tsmp_from_the_host_stays_here(void **state)
{
	struct world *w = *state;
	struct packet p;
	uint8_t data[8] = { 0 };
	p.len = tsmp_ping_build(mspan_of(p.room + DP_HEADROOM, 100), side_ip(A), side_ip(B), data);
	from_tun(w, A, &p);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void a_refused_connection_is_told(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .rules = RULES_PORT_80 });
	struct packet p = tcp_syn(side_ip(A), side_ip(B), 22);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 0);
	carry(w, B);
	const struct item *up = event_of(&w->side[A], DP_EV_INNER);
	struct pkt d;
	struct tsmp t;
	assert_non_null(up);
	pkt_decode(item_span(up), &d);
	assert_int_equal(tsmp_parse(&d, item_span(up), &t), 0);
	assert_int_equal(t.type, TSMP_REJECT);
	assert_int_equal(t.reject.reason, TSMP_ACL);
	assert_int_equal(t.reject.dst.port, 22);
}

/* A's first packet is the ping: it confirms the session, and the answer takes it at once. Nobody
 * asked B for a session, so the answer does not make it shake hands. */
static void an_answer_waits_for_nothing(void **state)
{
	struct world *w = *state;
	look(w, B, (struct view){ .is_next = true });
	tsmp_ping(w, A, 1);
	carry(w, A);
	assert_non_null(event_of(&w->side[B], DP_EV_CONFIRMED));
	assert_null(event_of(&w->side[B], DP_EV_WANT_SESSION));
	assert_int_equal(w->side[B].udp.n, 1);
	carry(w, B);
	assert_non_null(event_of(&w->side[A], DP_EV_INNER));
}

static struct packet echo_reply(const uint8_t token[static 4])
{
	struct packet request, p;
	struct pkt d;
	request.len = icmp_echo_request_build(mspan_of(request.room + DP_HEADROOM, 100), side_ip(B),
					      side_ip(A), token, span_str("12345678"));
	pkt_decode(span_const(packet_bytes(&request)), &d);
	p.len = icmp_echo_reply_build(mspan_of(p.room + DP_HEADROOM, 100), &d,
				      span_const(packet_bytes(&request)));
	assert_true(p.len > 0);
	return p;
}

static void an_echo_reply_goes_up_only_when_awaited(void **state)
{
	struct world *w = *state;
	static const uint8_t token[4] = { 1, 2, 3, 4 };
	struct packet p = echo_reply(token);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 1); /* some program of this host asked */
	assert_null(event_of(&w->side[B], DP_EV_INNER));

	assert_true(echo_waits_add(&w->side[B].waits, 0x01020304));
	p = echo_reply(token);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 1);
	const struct item *up = event_of(&w->side[B], DP_EV_INNER);
	assert_non_null(up);
	assert_int_equal(up->m.peer, slot_of_other[B]);

	echo_waits_del(&w->side[B].waits, 0x01020304);
	p = echo_reply(token);
	from_tun(w, A, &p);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 2);
}

/* ---- the way out ------------------------------------------------------------------------------
 */

static void packets_to_nobody_end_here(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_no_peer");
	struct packet p = udp_packet(side_ip(A), ip_v4(100, 64, 9, 9), 80, 1, 16);
	from_tun(w, A, &p);
	assert_int_equal(counted("dataplane_tx_drop_no_peer"), before + 1);
	/* A slot that is empty now. */
	assert_int_equal(wg_allowedips_insert(w->side[A].s->tables->allowed,
					      prefix_host(ip_v4(100, 64, 9, 9)), 4),
			 0);
	from_tun(w, A, &p);
	assert_int_equal(wg_allowedips_insert(w->side[A].s->tables->allowed,
					      prefix_host(ip_v4(100, 64, 9, 9)), 4000),
			 0);
	from_tun(w, A, &p);
	assert_int_equal(counted("dataplane_tx_drop_no_peer"), before + 3);
	assert_int_equal(w->side[A].udp.n + w->side[A].events.n, 0);
}

static void without_a_network_packets_are_dropped(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_no_network");
	struct packet p = udp_packet(side_ip(A), side_ip(B), 80, 1, 16);
	struct dp_frame v = { .bytes = packet_bytes(&p) };
	dp_worker_tun(w->side[A].w, NULL, w->now, WALL, &v, 1);
	assert_int_equal(counted("dataplane_tx_drop_no_network"), before + 1);
	assert_int_equal(w->side[A].udp.n + w->side[A].events.n, 0);
}

static void the_service_address_answers_echoes(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_service");
	static const uint8_t token[4] = { 0, 1, 0, 1 };
	struct packet p;
	struct ip service = ip_v4(100, 100, 100, 100);
	p.len = icmp_echo_request_build(mspan_of(p.room + DP_HEADROOM, 100), side_ip(A), service,
					token, span_str("x"));
	from_tun(w, A, &p);
	assert_int_equal(w->side[A].tun.n, 1);
	struct pkt d;
	pkt_decode(item_span(&w->side[A].tun.v[0]), &d);
	assert_true(pkt_is_echo_reply(&d));
	assert_true(ip_eq(d.dst.ip, side_ip(A)));
	p = udp_packet(side_ip(A), service, 80, 1, 16);
	from_tun(w, A, &p);
	assert_int_equal(counted("dataplane_tx_drop_service"), before + 1);
	assert_int_equal(w->side[A].udp.n, 0);
}

static void garbage_from_the_host_is_dropped(void **state)
{
	struct world *w = *state;
	struct dp_traffic before, after;
	dp_traffic_get(&before);
	struct packet p = udp_packet(side_ip(A), side_ip(B), 80, 1, 16);
	p.room[DP_HEADROOM] = 0x75;
	from_tun(w, A, &p);
	p.len = 0;
	from_tun(w, A, &p);
	p = udp_packet(side_ip(A), ip_v4(224, 0, 0, 5), 80, 1, 16); /* is nobody's */
	from_tun(w, A, &p);
	p = udp_packet(side_ip(A), ip_v4(169, 254, 0, 5), 80, 1, 16);
	from_tun(w, A, &p);
	assert_int_equal(w->side[A].udp.n + w->side[A].events.n + w->side[A].tun.n, 0);
	dp_traffic_get(&after);
	assert_int_equal(after.out_drop[DP_DROP_UNKNOWN_PROTO],
			 before.out_drop[DP_DROP_UNKNOWN_PROTO] + 1);
	assert_int_equal(after.out_drop[DP_DROP_TOO_SHORT], before.out_drop[DP_DROP_TOO_SHORT] + 1);
	assert_int_equal(after.out_drop[DP_DROP_MULTICAST], before.out_drop[DP_DROP_MULTICAST] + 1);
	assert_int_equal(after.out_drop[DP_DROP_LINK_LOCAL],
			 before.out_drop[DP_DROP_LINK_LOCAL] + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_comes_in_before_the_first_filter),
		T(an_empty_filter_refuses_all),
		T(rules_decide_by_port),
		T(only_our_own_addresses),
		T(shields_let_only_answers_in),
		T(a_jailed_peer_may_only_answer),
		T(flows_of_the_jail_are_its_own),
		T(answers_do_not_keep_a_withdrawn_flow),
		T(a_withdrawn_connection_is_cut_between_two_batches),
		T(a_peer_cannot_speak_for_others),
		T(what_is_no_packet_is_dropped),
		T(a_tsmp_ping_is_answered_whatever_the_filter),
		T(many_pings_are_all_answered),
		T(tsmp_from_the_host_stays_here),
		T(a_refused_connection_is_told),
		T(an_answer_waits_for_nothing),
		T(an_echo_reply_goes_up_only_when_awaited),
		T(packets_to_nobody_end_here),
		T(without_a_network_packets_are_dropped),
		T(the_service_address_answers_echoes),
		T(garbage_from_the_host_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
