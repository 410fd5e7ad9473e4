/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Super-packets and runs through the workers: what leaves as one, and that it arrives as it was. */
#include "tests/unit/dataplane/world.h"

#include "netstack/checksum.h"
#include "netstack/gso.h"

#define TCP_HDR 20
#define HDRS (IP4_HDR_LEN + TCP_HDR)
#define SRC_PORT 4000
#define SUPER_MAX 65535

static uint8_t payload_byte(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* TCP data from side `from` as the kernel gives it: the checksum is left to us. */
static struct dp_frame super_packet(uint8_t *room, int from, size_t data, uint16_t gso_size)
{
	struct ip src = side_ip(from), dst = side_ip(from == A ? B : A);
	struct wr w = wr_init(mspan_of(room + DP_HEADROOM, SUPER_MAX));
	ip_hdr_build(&w, &(struct ip_hdr){ src, dst, IP_PROTO_TCP, 1 }, TCP_HDR + data);
	wr_be16(&w, SRC_PORT);
	wr_be16(&w, 80);
	wr_be32(&w, 1000); /* sequence number */
	wr_be32(&w, 77);
	wr_be16(&w, 0x5000 | TCP_ACK);
	wr_be16(&w, 1024);
	wr_be16(&w, csum_fold(csum_pseudo(src, dst, IP_PROTO_TCP, (uint32_t)(TCP_HDR + data))));
	wr_be16(&w, 0);
	for (size_t i = 0; i < data; i++)
		wr_u8(&w, payload_byte(i));
	assert_true(wr_ok(&w));
	return (struct dp_frame){
		.vnet = { .flags = VNET_F_NEEDS_CSUM,
			  .gso_type = gso_size ? VNET_GSO_TCP4 : VNET_GSO_NONE,
			  .gso_size = gso_size,
			  .csum_start = IP4_HDR_LEN,
			  .csum_offset = 16 },
		.bytes = mspan_of(room + DP_HEADROOM, wr_len(&w)),
	};
}

static uint8_t room[DP_HEADROOM + SUPER_MAX + DP_TAILROOM];

static void send_super(struct world *w, int i, size_t data, uint16_t gso_size)
{
	struct dp_frame f = super_packet(room, i, data, gso_size);
	dp_worker_tun(w->side[i].w, w->side[i].s, w->now, WALL, &f, 1);
}

/* What A sent reaches B as one receive that the kernel joined. */
static void carry_joined(struct world *w)
{
	static uint8_t all[2 * SUPER_MAX];
	struct box *x = &w->side[A].udp;
	size_t len = 0;
	for (size_t i = 0; i < x->n; i++) {
		assert_true(len + x->v[i].len <= sizeof(all));
		memcpy(all + len, x->v[i].b, x->v[i].len);
		len += x->v[i].len;
	}
	struct dp_datagram d = { .ep = side_ep(A),
				 .bytes = mspan_of(all, len),
				 .segment = (uint16_t)x->v[0].len };
	dp_worker_udp(w->side[B].w, w->side[B].s, w->now, &d, 1);
	box_empty(x);
}

static void assert_checksum(struct span packet)
{
	struct pkt p;
	pkt_decode(packet, &p);
	struct span l4 = pkt_l4(&p, packet);
	uint64_t sum = csum_pseudo(p.src.ip, p.dst.ip, p.proto, (uint32_t)l4.len);
	assert_int_equal(csum_fold(csum_add(sum, l4)), 0xffff);
}

/* The payloads of what B was given, one behind the other, are the data that was sent. */
static void assert_data(const struct side *d, size_t data)
{
	size_t at = 0;
	for (size_t i = 0; i < d->tun.n; i++) {
		struct span packet = item_span(&d->tun.v[i]);
		if (d->tun.v[i].vnet.gso_type == VNET_GSO_NONE)
			assert_checksum(packet);
		for (size_t k = HDRS; k < packet.len; k++, at++)
			assert_int_equal(packet.p[k], payload_byte(at));
	}
	assert_int_equal(at, data);
}

static void a_super_packet_leaves_as_one_run_and_arrives_as_one(void **state)
{
	struct world *w = *state;
	dp_worker_set_gro(w->side[B].w, GRO_TCP | GRO_UDP);
	send_super(w, A, 30 * 1240 + 100, 1240);
	assert_int_equal(w->side[A].udp.n, 31);
	assert_int_equal(w->side[A].udp_messages, 1);
	carry_joined(w);
	assert_int_equal(w->side[B].tun.n, 1);
	assert_int_equal(w->side[B].tun.v[0].vnet.gso_size, 1240);
	assert_data(&w->side[B], 30 * 1240 + 100);
}

static void without_joining_every_segment_is_a_whole_packet(void **state)
{
	struct world *w = *state;
	send_super(w, A, 10 * 1240, 1240);
	carry_joined(w);
	assert_int_equal(w->side[B].tun.n, 10);
	assert_data(&w->side[B], 10 * 1240);
}

/* More than one round of the worker's space, and more than one run. */
static void small_segments_go_in_rounds(void **state)
{
	struct world *w = *state;
	send_super(w, A, 60000, 90);
	assert_int_equal(w->side[A].udp.n, (60000 + 89) / 90);
	assert_true(w->side[A].udp_messages <= w->side[A].udp.n / 60 + 3);
	carry(w, A);
	assert_data(&w->side[B], 60000);
}

static void one_segment_as_large_as_it_gets(void **state)
{
	struct world *w = *state;
	send_super(w, A, SUPER_MAX - HDRS, 40000);
	assert_int_equal(w->side[A].udp.n, 2);
	send_super(w, A, SUPER_MAX - HDRS, SUPER_MAX - HDRS);
	assert_int_equal(w->side[A].udp.n, 3);
}

/* The frames of one read lie as thread_linux.c lays them. */
static void packets_side_by_side_leave_as_one_run(void **state)
{
	struct world *w = *state;
	struct dp_frame v[40];
	size_t at = 0;
	for (uint32_t i = 0; i < 40; i++) {
		struct packet p = udp_packet(side_ip(A), side_ip(B), 80, i, 500);
		memcpy(room + at + DP_HEADROOM, packet_bytes(&p).p, p.len);
		v[i] = (struct dp_frame){ .bytes = mspan_of(room + at + DP_HEADROOM, p.len) };
		at += DP_HEADROOM + p.len + wg_padding((uint32_t)p.len, MTU) + DP_TAG;
	}
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, v, 40);
	assert_int_equal(w->side[A].udp_messages, 1);
	carry(w, A);
	assert_numbers(&w->side[B], 0, 40);
}

static void a_checksum_left_to_us_is_completed(void **state)
{
	struct world *w = *state;
	send_super(w, A, 300, 0);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 1);
	assert_data(&w->side[B], 300);
}

static void what_the_kernel_says_of_a_frame_must_hold(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_tx_drop_bad_frame");
	struct dp_frame bad[4];
	for (int i = 0; i < 4; i++)
		bad[i] = super_packet(room, A, 3000, 1000);
	bad[0].vnet.gso_type = VNET_GSO_TCP6;
	bad[1].vnet.gso_size = 0;
	bad[2].vnet.csum_start = 60000;
	bad[3].vnet.gso_type = VNET_GSO_NONE;
	bad[3].vnet.csum_offset = 60000;
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, bad, 4);
	assert_int_equal(w->side[A].udp.n, 0);
	assert_int_equal(counted("dataplane_tx_drop_bad_frame"), before + 4);
}

static void segments_wait_for_a_session_in_order(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_session = true });
	send_super(w, A, 50 * 1240, 1240);
	assert_int_equal(w->side[A].udp.n, 0);
	assert_int_equal(count_events(&w->side[A], DP_EV_WANT_SESSION), 1);
	look(w, A, plain);
	command(w, A, DP_CMD_SESSION, true, NO_BYTES);
	assert_int_equal(w->side[A].udp.n, 50);
	carry(w, A);
	assert_data(&w->side[B], 50 * 1240);
}

static void by_relay_a_run_is_one_record(void **state)
{
	struct world *w = *state;
	look(w, A, (struct view){ .rules = RULES_ALL, .no_path = true });
	send_super(w, A, 40 * 1240, 1240);
	assert_int_equal(count_events(&w->side[A], DP_EV_DERP_OUT), 1);
	dp_worker_set_gro(w->side[B].w, GRO_TCP);
	carry_relayed(w, A, slot_of_other[B]);
	assert_int_equal(w->side[B].tun.n, 1);
	assert_data(&w->side[B], 40 * 1240);
}

/* One datagram of a run is damaged: it alone is missing. */
static void the_rest_of_a_damaged_run_arrives(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_rx_drop_auth");
	send_super(w, A, 10 * 1240, 1240);
	w->side[A].udp.v[4].b[200] ^= 1;
	carry_joined(w);
	assert_int_equal(w->side[B].tun.n, 9);
	assert_int_equal(counted("dataplane_rx_drop_auth"), before + 1);
}

/* Datagrams of different sessions and junk in one joined receive: nothing is taken for another's.
 */
static void a_run_of_strangers_is_told_apart(void **state)
{
	struct world *w = *state;
	uint64_t no_index = counted("dataplane_rx_drop_no_session");
	send_super(w, A, 6 * 1240, 1240);
	memset(w->side[A].udp.v[2].b + 4, 0x77, 4); /* a session that nobody has */
	memset(w->side[A].udp.v[4].b, 0x55, 8);	    /* no WireGuard */
	carry_joined(w);
	assert_int_equal(w->side[B].tun.n, 4);
	assert_int_equal(counted("dataplane_rx_drop_no_session"), no_index + 1);
}

/* What may be assumed of the next packet of a connection may not be of another packet behind it. */
static void a_connection_vouches_for_its_own_packets_only(void **state)
{
	struct world *w = *state;
	uint64_t source = counted("dataplane_rx_drop_source"),
		 acl = counted("netstack_in_drop_acl");
	look(w, B, (struct view){ .rules = RULES_PORT_80 });
	for (int i = 0; i < 6; i++) {
		struct dp_frame f = super_packet(room, A, 100, 0);
		if (i == 2) /* another's address */
			f.bytes.p[15] ^= 0x40;
		if (i == 4) { /* a new connection, to a port that is closed */
			f.bytes.p[IP4_HDR_LEN + 3] = 81;
			f.bytes.p[IP4_HDR_LEN + 13] = TCP_SYN;
		}
		dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, &f, 1);
	}
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 4);
	assert_int_equal(counted("dataplane_rx_drop_source"), source + 1);
	assert_int_equal(counted("netstack_in_drop_acl"), acl + 1);
	for (size_t i = 0; i < 4; i++) {
		struct pkt p;
		pkt_decode(item_span(&w->side[B].tun.v[i]), &p);
		assert_true(ip_eq(p.src.ip, side_ip(A)) && p.dst.port == 80);
	}
}

static void each_segment_is_masqueraded(void **state)
{
	struct world *w = *state;
	struct ip known = ip_v4(100, 99, 0, 1);
	w->side[A].s->peers[slot_of_other[A]].net.masq4 = known;
	assert_int_equal(wg_allowedips_insert(w->side[B].s->tables->allowed, prefix_host(known),
					      slot_of_other[B]),
			 0);
	send_super(w, A, 5 * 1240, 1240);
	carry(w, A);
	assert_int_equal(w->side[B].tun.n, 5);
	assert_data(&w->side[B], 5 * 1240);
	for (size_t i = 0; i < 5; i++) {
		struct pkt p;
		pkt_decode(item_span(&w->side[B].tun.v[i]), &p);
		assert_true(ip_eq(p.src.ip, known));
	}
}

/* Of two workers of one host the one that receives knows what the other sent. */
static void answers_find_the_flow_at_the_other_worker(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[A];
	struct dp_worker *receiver = dp_worker_new(&(struct dp_worker_opts){
	    .ops = &box_ops, .arg = a, .waits = &a->waits, .rng = &a->rng.rng, .seed = 43 });
	struct dp_flow_link *link = dp_flow_link_new(a->w, receiver);
	look(w, A, (struct view){ .rules = "[]" });
	for (int asked = 0; asked < 2; asked++) {
		if (asked)
			send_number(w, A, 1); /* from port 4000 to 80 */
		carry(w, A);
		struct packet answer = udp_packet(side_ip(B), side_ip(A), 4000, 9, 16);
		answer.room[DP_HEADROOM + IP4_HDR_LEN] = 0;
		answer.room[DP_HEADROOM + IP4_HDR_LEN + 1] = 80; /* from port 80 */
		from_tun(w, B, &answer);
		struct item *it = &w->side[B].udp.v[0];
		struct dp_datagram d = { .ep = side_ep(B), .bytes = mspan_of(it->b, it->len) };
		dp_worker_udp(receiver, a->s, w->now, &d, 1);
		box_empty(&w->side[B].udp);
		assert_int_equal(a->tun.n, (size_t)asked);
	}
	dp_worker_free(receiver);
	dp_flow_link_free(link);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_super_packet_leaves_as_one_run_and_arrives_as_one),
		T(without_joining_every_segment_is_a_whole_packet),
		T(small_segments_go_in_rounds),
		T(one_segment_as_large_as_it_gets),
		T(packets_side_by_side_leave_as_one_run),
		T(a_checksum_left_to_us_is_completed),
		T(what_the_kernel_says_of_a_frame_must_hold),
		T(segments_wait_for_a_session_in_order),
		T(by_relay_a_run_is_one_record),
		T(the_rest_of_a_damaged_run_arrives),
		T(a_run_of_strangers_is_told_apart),
		T(a_connection_vouches_for_its_own_packets_only),
		T(each_segment_is_masqueraded),
		T(answers_find_the_flow_at_the_other_worker),
	};
	dp_counters_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
