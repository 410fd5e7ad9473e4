/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS of this host at the service addresses: answered from the table, told to the control thread,
 * led to the listener for TCP; and what gets no answer. */
#include "tests/unit/dataplane/world.h"

#include "daemon/dataplane/dns_gate.h"
#include "dns/local.h"
#include "netstack/checksum.h"
#include "netstack/hdr.h"
#include "netstack/service.h"

#define CLIENT 4000 /* port */
#define ID 0x1234
#define LISTENER 4444
#define LISTENER6 6666
#define SELF6 ((struct ip){ IP_V6, { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, [15] = 1 } })
#define CONTAINER ip_v4(172, 17, 0, 2)

static struct dns_local *table(void)
{
	struct ip addr = ip_v4(100, 64, 0, 9);
	static const char *const zones[] = { "tail.example.com" };
	struct dns_local_node node = { .name = "nas.tail.example.com.",
				       .addrs = &addr,
				       .n_addrs = 1 };
	struct dns_local_in in = { .nodes = &node,
				   .n_nodes = 1,
				   .zones = zones,
				   .n_zones = 1,
				   .suffix = "tail.example.com",
				   .short_names = true };
	return dns_local_new(&in);
}

static int setup(void **state)
{
	world_setup(state);
	struct world *w = *state;
	struct dp_snapshot *s = w->side[A].s;
	struct dns_local *t = table();
	assert_non_null(t);
	dp_snapshot_set_dns(s, t);
	dns_local_unref(t);
	s->own.addr6 = SELF6;
	s->own.ports = (struct net_ports){ .dns4 = LISTENER, .dns6 = LISTENER6 };
	s->askers.v[s->askers.n++] = prefix_host(ip_v4(192, 0, 2, 9));
	s->askers.v[s->askers.n++] = (struct prefix){ ip_v4(172, 17, 0, 0), 16 };
	return 0;
}

static struct ip service_of(struct ip ip)
{
	return ip.fam == IP_V6 ? IP_SERVICE6 : IP_SERVICE4;
}

/* A query for an address, in wire form. */
static struct span query_of(const char *name)
{
	static uint8_t out[512];
	struct wr w = wr_init(mspan_of(out, sizeof(out)));
	wr_be16(&w, ID);
	wr_be16(&w, DNS_RD);
	wr_be16(&w, 1);
	wr_zero(&w, 6);
	for (size_t len; *name; name += len + (name[len] == '.')) {
		len = strcspn(name, ".");
		wr_u8(&w, (uint8_t)len);
		wr_bytes(&w, name, len);
	}
	wr_u8(&w, 0);
	wr_be16(&w, DNS_A);
	wr_be16(&w, DNS_IN);
	assert_true(wr_ok(&w));
	return span_of(out, wr_len(&w));
}

static struct packet udp_with(struct ep src, struct ep dst, struct span data)
{
	struct packet p;
	struct wr w = wr_init(mspan_of(p.room + DP_HEADROOM, DP_PACKET_MAX));
	ip_hdr_build(&w, &(struct ip_hdr){ src.ip, dst.ip, IP_PROTO_UDP, 1 },
		     UDP_HDR_LEN + data.len);
	wr_be16(&w, src.port);
	wr_be16(&w, dst.port);
	wr_be16(&w, (uint16_t)(UDP_HDR_LEN + data.len));
	wr_be16(&w, 0);
	wr_span(&w, data);
	assert_true(wr_ok(&w));
	p.len = wr_len(&w);
	return p;
}

static struct packet query_packet(struct ip src, uint16_t port, const char *name)
{
	return udp_with((struct ep){ src, port }, (struct ep){ service_of(src), DNS_PORT },
			query_of(name));
}

static void ask(struct world *w, struct ip src, const char *name)
{
	struct packet p = query_packet(src, CLIENT, name);
	from_tun(w, A, &p);
}

static uint16_t l4_error(struct span b, const struct pkt *p)
{
	struct span l4 = pkt_l4(p, b);
	return csum_finish(
	    csum_add(csum_pseudo(p->src.ip, p->dst.ip, p->proto, (uint32_t)l4.len), l4));
}

/* The DNS message of what went to the host as answer number i. */
static struct span answer_of(const struct world *w, size_t i, struct ip client)
{
	struct pkt p;
	assert_true(i < w->side[A].tun.n);
	struct span b = item_span(&w->side[A].tun.v[i]);
	pkt_decode(b, &p);
	assert_int_equal(p.proto, IP_PROTO_UDP);
	assert_int_equal(p.len, b.len);
	assert_true(ep_eq(p.src, (struct ep){ service_of(client), DNS_PORT }));
	assert_true(ep_eq(p.dst, (struct ep){ client, CLIENT }));
	assert_int_equal(l4_error(b, &p), 0);
	struct span m = pkt_udp_data(&p, b);
	assert_true(m.len >= DNS_HEADER_LEN);
	assert_int_equal(hdr_get16(m.p), ID);
	assert_true(m.p[2] & 0x80);
	return m;
}

static void assert_silence(const struct world *w)
{
	assert_int_equal(w->side[A].tun.n, 0);
	assert_int_equal(w->side[A].events.n, 0);
	assert_int_equal(w->side[A].udp.n, 0);
}

/* ---- UDP ---- */

static void a_known_name_is_answered_at_once(void **state)
{
	struct world *w = *state;
	struct ip clients[] = { side_ip(A), SELF6, CONTAINER };
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		uint64_t before = counted("dataplane_dns_answered");
		ask(w, clients[i], "nas.tail.example.com");
		struct span m = answer_of(w, 0, clients[i]);
		assert_int_equal(dns_rcode_of(m), DNS_NOERROR);
		static const uint8_t addr[] = { 100, 64, 0, 9 };
		assert_memory_equal(m.p + m.len - 4, addr, 4);
		assert_int_equal(w->side[A].tun.n, 1);
		assert_int_equal(w->side[A].events.n + w->side[A].udp.n, 0);
		assert_int_equal(counted("dataplane_dns_answered"), before + 1);
		empty_all(&w->side[A]);
	}
}

static void an_answer_bears_the_time_of_its_batch(void **state)
{
	struct world *w = *state;
	ask(w, side_ip(A), "nobody.tail.example.com");
	struct span m = answer_of(w, 0, side_ip(A));
	assert_int_equal(dns_rcode_of(m), DNS_NXDOMAIN);
	assert_int_equal(hdr_get32(m.p + m.len - 20), WALL.s); /* the serial of the SOA */
}

static void another_name_goes_to_the_control_thread(void **state)
{
	struct world *w = *state;
	struct ip clients[] = { side_ip(A), SELF6, CONTAINER };
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		uint64_t before = counted("dataplane_dns_forwarded");
		ask(w, clients[i], "www.example.org");
		const struct item *it = event_of(&w->side[A], DP_EV_DNS);
		assert_non_null(it);
		assert_true(ep_eq(it->m.ep, (struct ep){ clients[i], CLIENT }));
		assert_true(span_eq(item_span(it), query_of("www.example.org")));
		assert_int_equal(w->side[A].tun.n + w->side[A].udp.n, 0);
		assert_int_equal(counted("dataplane_dns_forwarded"), before + 1);
		empty_all(&w->side[A]);
	}
}

/* A host of the LAN that has a route by way of us. */
static void others_get_silence(void **state)
{
	struct world *w = *state;
	struct ip others[] = { ip_v4(192, 0, 2, 8), ip_v4(172, 18, 0, 1), ip_v4(100, 64, 0, 2),
			       { IP_V6, { 0x20, 1, 0xd, 0xb8, [15] = 1 } } };
	uint64_t before = counted("dataplane_dns_drop_stranger");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		ask(w, others[i], "nas.tail.example.com");
		ask(w, others[i], "www.example.org");
	}
	assert_int_equal(w->side[A].tun.n + w->side[A].events.n, 0);
	assert_int_equal(counted("dataplane_dns_drop_stranger"), before + 2 * ARRAY_LEN(others));
	ask(w, ip_v4(192, 0, 2, 9), "nas.tail.example.com");
	assert_int_equal(w->side[A].tun.n, 1);
}

static void without_a_table_all_go_there(void **state)
{
	struct world *w = *state;
	dns_local_unref(w->side[A].s->dns);
	w->side[A].s->dns = NULL;
	ask(w, side_ip(A), "nas.tail.example.com");
	assert_non_null(event_of(&w->side[A], DP_EV_DNS));
	assert_int_equal(w->side[A].tun.n, 0);
}

static void what_is_no_query_gets_silence(void **state)
{
	struct world *w = *state;
	struct ep self = { side_ip(A), CLIENT }, svc = { IP_SERVICE4, DNS_PORT };
	struct span q = query_of("nas.tail.example.com");
	uint8_t reply[512];
	static uint8_t longer[DNS_UDP_MAX + 1];
	memcpy(reply, q.p, q.len);
	reply[2] |= 0x80;
	memcpy(longer, q.p, q.len);
	struct packet bad[] = {
		udp_with(self, svc, span_of(q.p, 0)),
		udp_with(self, svc, span_of(q.p, DNS_HEADER_LEN - 1)),
		udp_with(self, svc, span_of(reply, q.len)),
		udp_with(self, svc, span_of(longer, sizeof(longer))),
	};
	uint64_t junk = counted("dataplane_dns_drop_junk");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		from_tun(w, A, &bad[i]);
	/* a first fragment names the length of the whole */
	struct packet part = query_packet(side_ip(A), CLIENT, "nas.tail.example.com");
	hdr_put16(packet_bytes(&part).p + IP4_HDR_LEN + UDP_LEN, 2000);
	from_tun(w, A, &part);
	assert_silence(w);
	assert_int_equal(counted("dataplane_dns_drop_junk"), junk + ARRAY_LEN(bad) + 1);
}

static void nobody_answers_elsewhere(void **state)
{
	struct world *w = *state;
	struct span q = query_of("nas.tail.example.com");
	struct ep self = { side_ip(A), CLIENT }, svc = { IP_SERVICE4, DNS_PORT };
	struct packet bad[] = {
		udp_with(self, (struct ep){ IP_SERVICE4, 54 }, q),
		udp_with((struct ep){ SELF6, CLIENT }, (struct ep){ IP_SERVICE6, 5353 }, q),
		udp_with((struct ep){ side_ip(A), 0 }, svc, q),
		udp_with(svc, svc, q),
		udp_with((struct ep){ IP_SERVICE4, 1 }, svc, q),
	};
	uint64_t before = counted("dataplane_tx_drop_service");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		from_tun(w, A, &bad[i]);
	assert_silence(w);
	assert_int_equal(counted("dataplane_tx_drop_service"), before + ARRAY_LEN(bad));
}

/* What the kernel gives as one: queries of one length that a program sent with UDP_SEGMENT. */
static void queries_of_a_super_packet_are_answered_each(void **state)
{
	struct world *w = *state;
	uint8_t all[1024];
	struct span q = query_of("nas.tail.example.com");
	for (size_t i = 0; i < 3; i++)
		memcpy(all + i * q.len, q.p, q.len);
	struct packet p = udp_with((struct ep){ side_ip(A), CLIENT },
				   (struct ep){ IP_SERVICE4, DNS_PORT }, span_of(all, 3 * q.len));
	struct dp_frame f = { .vnet = { .flags = VNET_F_NEEDS_CSUM,
					.gso_type = VNET_GSO_UDP_L4,
					.gso_size = (uint16_t)q.len,
					.csum_start = IP4_HDR_LEN,
					.csum_offset = UDP_CSUM },
			      .bytes = packet_bytes(&p) };
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, &f, 1);
	assert_int_equal(w->side[A].tun.n, 3);
	for (size_t i = 0; i < 3; i++)
		answer_of(w, i, side_ip(A));
}

static void packets_for_peers_beside_them_go_on(void **state)
{
	struct world *w = *state;
	struct packet p[] = {
		udp_packet(side_ip(A), side_ip(B), 80, 1, 16),
		query_packet(side_ip(A), CLIENT, "nas.tail.example.com"),
		udp_packet(side_ip(A), side_ip(B), 80, 2, 16),
		query_packet(side_ip(A), CLIENT, "www.example.org"),
	};
	struct dp_frame v[ARRAY_LEN(p)];
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		v[i] = (struct dp_frame){ .bytes = packet_bytes(&p[i]) };
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, v, ARRAY_LEN(v));
	assert_int_equal(w->side[A].tun.n, 1);
	assert_int_equal(w->side[A].udp.n, 2);
	assert_int_equal(count_events(&w->side[A], DP_EV_DNS), 1);
}

/* ---- floods ---- */

static size_t admitted(struct world *w, struct ip src, uint16_t port, size_t n)
{
	size_t before = w->side[A].events.n;
	for (size_t i = 0; i < n; i++) {
		struct packet p = query_packet(src, port, "www.example.org");
		from_tun(w, A, &p);
	}
	return w->side[A].events.n - before;
}

static void all_pass_while_there_is_room(void **state)
{
	struct world *w = *state;
	w->side[A].waiting = DNS_GATE_BUSY;
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), 1000);
}

static void a_flood_from_one_port_leaves_others_their_share(void **state)
{
	struct world *w = *state;
	uint64_t before = counted("dataplane_dns_drop_overload");
	w->side[A].waiting = DNS_GATE_BUSY + 1;
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), DNS_GATE_PORT_BURST);
	assert_int_equal(counted("dataplane_dns_drop_overload"),
			 before + 1000 - DNS_GATE_PORT_BURST);
	assert_int_equal(admitted(w, side_ip(A), 2, 4), 4);
	assert_int_equal(admitted(w, CONTAINER, 1, 4), 4);
	w->now = mono_add_ms(w->now, 100);
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), DNS_GATE_PORT_PER_S / 10);
	/* known names need nobody's way */
	ask(w, side_ip(A), "nas.tail.example.com");
	assert_int_equal(w->side[A].tun.n, 1);
}

static void a_flood_from_all_ports_leaves_other_addresses_theirs(void **state)
{
	struct world *w = *state;
	size_t sum = 0;
	w->side[A].waiting = DNS_GATE_BUSY + 1;
	for (uint16_t port = 1; port <= 4000; port++)
		sum += admitted(w, CONTAINER, port, 1);
	assert_int_equal(sum, DNS_GATE_ADDRESS_BURST);
	for (uint16_t port = 100; port < 110; port++)
		assert_int_equal(admitted(w, side_ip(A), port, 2), 2);
}

static void without_room_for_more_each_gets_its_share(void **state)
{
	struct world *w = *state;
	struct dp_msg full = { .type = DP_CMD_DNS_FULL, .peer = DP_NO_PEER };
	assert_true(dp_command_is_for_sender(&full));
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), 1000);
	dp_worker_command(w->side[A].w, w->side[A].s, w->now, &full, mspan_of(NULL, 0));
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), DNS_GATE_PORT_BURST);
	assert_int_equal(admitted(w, side_ip(A), 2, 4), 4);
	w->now = mono_add_ms(w->now, DNS_GATE_HOLD_MS);
	empty_all(&w->side[A]);
	assert_int_equal(admitted(w, side_ip(A), 1, 1000), 1000);
}

static void the_way_is_never_filled(void **state)
{
	struct world *w = *state;
	w->side[A].waiting = DNS_GATE_FULL + 1;
	assert_int_equal(admitted(w, side_ip(A), 1, 10), 0);
	w->side[A].waiting = DNS_GATE_FULL;
	assert_int_equal(admitted(w, side_ip(A), 1, 10), 10);
	uint64_t lost = counted("dataplane_ring_full"), sent = counted("dataplane_dns_forwarded");
	w->side[A].ring_full = true;
	assert_int_equal(admitted(w, side_ip(A), 2, 1), 0);
	assert_int_equal(counted("dataplane_ring_full"), lost + 1);
	assert_int_equal(counted("dataplane_dns_forwarded"), sent);
}

/* ---- TCP ---- */

/* As the kernel gives it: the sum of the pseudo header stands in the field. */
static struct packet tcp_with(struct ep src, struct ep dst, uint8_t flags, size_t data)
{
	struct packet p;
	struct wr w = wr_init(mspan_of(p.room + DP_HEADROOM, DP_PACKET_MAX));
	ip_hdr_build(&w, &(struct ip_hdr){ src.ip, dst.ip, IP_PROTO_TCP, 1 }, TCP_HDR_LEN + data);
	wr_be16(&w, src.port);
	wr_be16(&w, dst.port);
	wr_be32(&w, 7);
	wr_be32(&w, 9);
	wr_be16(&w, (uint16_t)(0x5000 | flags));
	wr_be16(&w, 1000);
	wr_be16(&w, csum_fold(
			csum_pseudo(src.ip, dst.ip, IP_PROTO_TCP, (uint32_t)(TCP_HDR_LEN + data))));
	wr_be16(&w, 0);
	for (size_t i = 0; i < data; i++)
		wr_u8(&w, (uint8_t)i);
	assert_true(wr_ok(&w));
	p.len = wr_len(&w);
	return p;
}

static void tcp_from_tun(struct world *w, struct packet *p, uint8_t gso_type, uint16_t gso_size)
{
	struct mspan b = packet_bytes(p);
	struct dp_frame f = { .vnet = { .flags = VNET_F_NEEDS_CSUM,
					.gso_type = gso_type,
					.gso_size = gso_size,
					.csum_start = b.p[0] >> 4 == 4 ? IP4_HDR_LEN : IP6_HDR_LEN,
					.csum_offset = TCP_CSUM },
			      .bytes = b };
	dp_worker_tun(w->side[A].w, w->side[A].s, w->now, WALL, &f, 1);
}

static struct pkt only_tcp_to_host(struct world *w)
{
	struct pkt p;
	assert_int_equal(w->side[A].tun.n, 1);
	struct span b = item_span(&w->side[A].tun.v[0]);
	pkt_decode(b, &p);
	assert_int_equal(p.proto, IP_PROTO_TCP);
	assert_int_equal(l4_error(b, &p), 0);
	return p;
}

static void a_connection_is_led_to_the_listener_and_back(void **state)
{
	struct world *w = *state;
	struct {
		struct ip self;
		uint16_t listener;
	} t[] = { { side_ip(A), LISTENER }, { SELF6, LISTENER6 } };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct ep client = { t[i].self, CLIENT }, svc = { service_of(t[i].self), DNS_PORT };
		struct ep listener = { t[i].self, t[i].listener };
		struct packet there = tcp_with(client, svc, TCP_SYN, 0);
		tcp_from_tun(w, &there, VNET_GSO_NONE, 0);
		struct pkt p = only_tcp_to_host(w);
		assert_true(ep_eq(p.src, (struct ep){ svc.ip, CLIENT }));
		assert_true(ep_eq(p.dst, listener));
		empty_all(&w->side[A]);

		struct packet back =
		    tcp_with(listener, (struct ep){ svc.ip, CLIENT }, TCP_SYN | TCP_ACK, 0);
		tcp_from_tun(w, &back, VNET_GSO_NONE, 0);
		p = only_tcp_to_host(w);
		assert_true(ep_eq(p.src, svc));
		assert_true(ep_eq(p.dst, client));
		empty_all(&w->side[A]);
	}
}

static void a_long_answer_comes_in_segments(void **state)
{
	struct world *w = *state;
	struct ep client = { IP_SERVICE4, CLIENT }, listener = { side_ip(A), LISTENER };
	struct packet p = tcp_with(listener, client, TCP_ACK, 3000);
	size_t seen = 0;
	tcp_from_tun(w, &p, VNET_GSO_TCP4, 1200);
	assert_int_equal(w->side[A].tun.n, 3);
	for (size_t i = 0; i < 3; i++) {
		struct span b = item_span(&w->side[A].tun.v[i]);
		struct pkt d;
		pkt_decode(b, &d);
		assert_int_equal(l4_error(b, &d), 0);
		assert_true(ep_eq(d.src, (struct ep){ IP_SERVICE4, DNS_PORT }));
		assert_true(ep_eq(d.dst, (struct ep){ side_ip(A), CLIENT }));
		assert_int_equal(hdr_get32(b.p + d.l4 + TCP_SEQ), 7 + seen);
		for (size_t at = d.l4 + TCP_HDR_LEN; at < b.len; at++, seen++)
			assert_int_equal(b.p[at], (uint8_t)seen);
	}
	assert_int_equal(seen, 3000);
}

static void nobody_else_gets_a_connection(void **state)
{
	struct world *w = *state;
	struct ep self = { side_ip(A), CLIENT };
	struct {
		struct ep src, dst;
	} t[] = {
		{ { CONTAINER, CLIENT }, { IP_SERVICE4, DNS_PORT } },
		{ self, { IP_SERVICE4, 80 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct packet p = tcp_with(t[i].src, t[i].dst, TCP_SYN, 0);
		tcp_from_tun(w, &p, VNET_GSO_NONE, 0);
		struct pkt d = only_tcp_to_host(w);
		assert_int_equal(d.tcp_flags, TCP_RST | TCP_ACK);
		assert_true(ep_eq(d.src, t[i].dst) && ep_eq(d.dst, t[i].src));
		empty_all(&w->side[A]);
	}
	w->side[A].s->own.ports = (struct net_ports){ 0 };
	struct packet p = tcp_with(self, t[0].dst, TCP_SYN, 0);
	tcp_from_tun(w, &p, VNET_GSO_NONE, 0);
	assert_int_equal(only_tcp_to_host(w).tcp_flags, TCP_RST | TCP_ACK);
	empty_all(&w->side[A]);
	/* no talk with ourselves */
	p = tcp_with((struct ep){ IP_SERVICE4, CLIENT }, t[0].dst, TCP_SYN, 0);
	tcp_from_tun(w, &p, VNET_GSO_NONE, 0);
	p = tcp_with(self, t[1].dst, TCP_RST, 0);
	tcp_from_tun(w, &p, VNET_GSO_NONE, 0);
	assert_silence(w);
}

/* ---- peers ---- */

static void peers_get_nothing(void **state)
{
	struct world *w = *state;
	struct packet p[] = {
		query_packet(side_ip(B), CLIENT, "nas.tail.example.com"),
		tcp_with((struct ep){ side_ip(B), CLIENT }, (struct ep){ side_ip(A), LISTENER },
			 TCP_SYN, 0),
	};
	/* B's own worker would keep the first; it is to lie about whom the packet is for. */
	assert_int_equal(wg_allowedips_insert(w->side[B].s->tables->allowed,
					      prefix_host(IP_SERVICE4), slot_of_other[B]),
			 0);
	w->side[B].s->own.addr4 = (struct ip){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		struct mspan b = packet_bytes(&p[i]);
		struct dp_msg m = { .type = DP_CMD_SEND_INNER, .peer = slot_of_other[B] };
		dp_worker_command(w->side[B].w, w->side[B].s, w->now, &m, b);
	}
	assert_int_equal(w->side[B].udp.n, ARRAY_LEN(p));
	carry(w, B);
	assert_int_equal(w->side[A].tun.n + w->side[A].udp.n, 0);
	assert_int_equal(count_events(&w->side[A], DP_EV_DNS), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_known_name_is_answered_at_once),
		T(an_answer_bears_the_time_of_its_batch),
		T(another_name_goes_to_the_control_thread),
		T(others_get_silence),
		T(without_a_table_all_go_there),
		T(what_is_no_query_gets_silence),
		T(nobody_answers_elsewhere),
		T(queries_of_a_super_packet_are_answered_each),
		T(packets_for_peers_beside_them_go_on),
		T(all_pass_while_there_is_room),
		T(a_flood_from_one_port_leaves_others_their_share),
		T(a_flood_from_all_ports_leaves_other_addresses_theirs),
		T(without_room_for_more_each_gets_its_share),
		T(the_way_is_never_filled),
		T(a_connection_is_led_to_the_listener_and_back),
		T(a_long_answer_comes_in_segments),
		T(nobody_else_gets_a_connection),
		T(peers_get_nothing),
	};
	dp_counters_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
