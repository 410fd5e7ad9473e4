/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this host and its service addresses say to each other: UDP packets in and out, TCP led to a
 * listener and back, and resets. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/alloc.h"
#include "netstack/checksum.h"
#include "netstack/gso.h"
#include "netstack/hdr.h"
#include "netstack/service_tcp.h"
#include "netstack/service_udp.h"

#define SELF "100.64.0.1"
#define SELF6 "fd7a:115c:a1e0::1"
#define SVC "100.100.100.100"
#define SVC6 "fd7a:115c:a1e0::53"
#define LISTENER4 4444
#define LISTENER6 6666
#define CLIENT 5000 /* as pk_tcp has it */

static const struct {
	const char *self, *svc;
	uint16_t listener;
} family[] = { { SELF, SVC, LISTENER4 }, { SELF6, SVC6, LISTENER6 } };

static struct net_self self_of(void)
{
	return (struct net_self){ .addr4 = pk_ip(SELF),
				  .addr6 = pk_ip(SELF6),
				  .ports = { .dns4 = LISTENER4, .dns6 = LISTENER6 } };
}

/* The sum over pseudo header and transport: 0 when the field in it is right. */
static uint16_t l4_error(struct span bytes)
{
	struct pkt p;
	pkt_decode(bytes, &p);
	struct span l4 = pkt_l4(&p, bytes);
	return csum_finish(
	    csum_add(csum_pseudo(p.src.ip, p.dst.ip, p.proto, (uint32_t)l4.len), l4));
}

static uint16_t ip4_error(struct span bytes)
{
	return bytes.p[0] >> 4 == 4 ? csum_finish(csum_add(0, span_of(bytes.p, IP4_HDR_LEN))) : 0;
}

static struct ep ep_of(const char *ip, uint16_t port)
{
	return (struct ep){ pk_ip(ip), port };
}

/* ---- UDP ---- */

static void udp_comes_back_as_it_was_built(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		for (size_t len = 0; len < 70; len++) {
			uint8_t out[SERVICE_UDP_HDR_MAX + 70];
			struct ep from = ep_of(family[i].svc, 53), to = ep_of(family[i].self, 9);
			size_t at = service_udp_offset(from.ip);
			memset(out, (int)len, sizeof(out));
			size_t n = service_udp_build(mspan_of(out, sizeof(out)), from, to, len);
			assert_int_equal(n, at + len);
			struct span packet = span_of(out, n), data;
			struct pkt p;
			pkt_decode(packet, &p);
			assert_true(ep_eq(p.src, from) && ep_eq(p.dst, to) && p.len == n);
			assert_int_equal(l4_error(packet), 0);
			assert_int_equal(ip4_error(packet), 0);
			assert_int_not_equal(hdr_get16(out + p.l4 + UDP_CSUM), 0);
			assert_true(service_udp_data(&p, packet, &data));
			assert_true(data.p == out + at && data.len == len);
		}
	}
}

/* One's complement has two zeros; the one that says "no checksum" is not for IPv6. */
static void a_sum_of_zero_is_written_as_ones(void **state)
{
	(void)state;
	uint8_t out[SERVICE_UDP_HDR_MAX + 2];
	struct ep from = ep_of(SVC6, 53), to = ep_of(SELF6, 9);
	size_t at = service_udp_offset(from.ip);
	memset(out, 0, sizeof(out));
	size_t n = service_udp_build(mspan_of(out, sizeof(out)), from, to, 2);
	uint16_t sum = hdr_get16(out + IP6_HDR_LEN + UDP_CSUM);
	hdr_put16(out + at, sum); /* now the data makes up for all the rest */
	assert_int_equal(service_udp_build(mspan_of(out, sizeof(out)), from, to, 2), n);
	assert_int_equal(hdr_get16(out + IP6_HDR_LEN + UDP_CSUM), 0xffff);
}

static void udp_needs_room_and_one_family(void **state)
{
	(void)state;
	static uint8_t out[70000];
	struct ep v4 = ep_of(SVC, 53), v6 = ep_of(SELF6, 9), self4 = ep_of(SELF, 9);
	assert_int_equal(service_udp_build(mspan_of(out, sizeof(out)), v4, v6, 1), 0);
	assert_int_equal(service_udp_build(mspan_of(out, 28), v4, self4, 1), 0);
	assert_int_equal(service_udp_build(mspan_of(out, 29), v4, self4, 1), 29);
	assert_int_equal(service_udp_build(mspan_of(out, sizeof(out)), v4, self4, 65507), 65535);
	assert_int_equal(service_udp_build(mspan_of(out, sizeof(out)), v4, self4, 65508), 0);
	assert_int_equal(service_udp_build(mspan_of(out, sizeof(out)), v4, self4, SIZE_MAX), 0);
}

static void udp_that_is_not_whole_has_no_data(void **state)
{
	(void)state;
	struct span data;
	struct pk good = pk_udp(SELF, 1, SVC, 53);
	struct pkt p = pk_decode(&good);
	assert_true(service_udp_data(&p, pk_span(&good), &data));
	assert_int_equal(data.len, 4);

	static const uint16_t bad[] = { 0, 7, 13, 0xffff };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pk x = good;
		hdr_put16(x.b + p.l4 + UDP_LEN, bad[i]);
		assert_false(service_udp_data(&p, pk_span(&x), &data));
	}
	/* shorter than the packet: what is behind it does not count */
	struct pk shorter = good;
	hdr_put16(shorter.b + p.l4 + UDP_LEN, 10);
	assert_true(service_udp_data(&p, pk_span(&shorter), &data));
	assert_int_equal(data.len, 2);

	struct pk first = good; /* of a datagram of two fragments */
	hdr_put16(first.b + IP4_FRAG, 0x2000);
	hdr_put16(first.b + p.l4 + UDP_LEN, 2000);
	struct pkt f = pk_decode(&first);
	assert_int_equal(f.proto, IP_PROTO_UDP);
	assert_false(service_udp_data(&f, pk_span(&first), &data));

	struct pk tcp = pk_tcp(SELF, SVC, 53, TCP_SYN);
	struct pkt t = pk_decode(&tcp);
	assert_false(service_udp_data(&t, pk_span(&tcp), &data));
}

/* ---- TCP ---- */

/* With data of that length behind the header, and a right checksum. */
static struct pk tcp_packet(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			    uint8_t flags, size_t data)
{
	uint8_t l4[TCP_HDR_LEN + 64] = { [TCP_OFF_FLAGS] = 0x50, [TCP_OFF_FLAGS + 1] = flags };
	hdr_put16(l4, sport);
	hdr_put16(l4 + 2, dport);
	hdr_put32(l4 + TCP_SEQ, 0xfffffff0);
	hdr_put32(l4 + TCP_ACK_NO, 0x01020304);
	memset(l4 + TCP_HDR_LEN, 0x5a, data);
	struct pk p = pk_raw(src, dst, IP_PROTO_TCP, span_of(l4, TCP_HDR_LEN + data));
	size_t at = p.len - data - TCP_HDR_LEN + TCP_CSUM;
	hdr_put16(p.b + at, l4_error(pk_span(&p)));
	return p;
}

static void a_connection_goes_to_the_listener_and_back(void **state)
{
	(void)state;
	struct net_self self = self_of();
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		struct ep client = ep_of(family[i].self, CLIENT), svc = ep_of(family[i].svc, 53);
		struct ep listener = ep_of(family[i].self, family[i].listener);
		for (size_t data = 0; data < 8; data++) {
			struct pk x =
			    tcp_packet(family[i].self, CLIENT, family[i].svc, 53, TCP_ACK, data);
			struct pk was = x;
			struct pkt p = pk_decode(&x);
			assert_int_equal(service_tcp_classify(&self, &p), SERVICE_TCP_TO_LISTENER);
			service_tcp_turn(SERVICE_TCP_TO_LISTENER, &self, &p, mspan_of(x.b, x.len));
			p = pk_decode(&x);
			assert_true(ip_eq(p.src.ip, svc.ip) && p.src.port == CLIENT);
			assert_true(ep_eq(p.dst, listener));
			assert_int_equal(l4_error(pk_span(&x)), 0);
			assert_int_equal(ip4_error(pk_span(&x)), 0);
			assert_memory_equal(x.b + p.l4 + 4, was.b + p.l4 + 4, 12);
			assert_memory_equal(x.b + p.l4 + TCP_CSUM + 2, was.b + p.l4 + TCP_CSUM + 2,
					    2 + data);

			/* what the listener answers */
			x = tcp_packet(family[i].self, family[i].listener, family[i].svc, CLIENT,
				       TCP_ACK, data);
			p = pk_decode(&x);
			assert_int_equal(service_tcp_classify(&self, &p), SERVICE_TCP_TO_CLIENT);
			service_tcp_turn(SERVICE_TCP_TO_CLIENT, &self, &p, mspan_of(x.b, x.len));
			p = pk_decode(&x);
			assert_true(ep_eq(p.src, svc) && ep_eq(p.dst, client));
			assert_int_equal(l4_error(pk_span(&x)), 0);
			assert_int_equal(ip4_error(pk_span(&x)), 0);
		}
	}
}

static void a_wrong_checksum_stays_wrong(void **state)
{
	(void)state;
	struct net_self self = self_of();
	struct pk x = tcp_packet(SELF, CLIENT, SVC, 53, TCP_ACK, 4);
	struct pkt p = pk_decode(&x);
	x.b[p.l4 + TCP_CSUM] ^= 0x10;
	uint16_t before = l4_error(pk_span(&x));
	service_tcp_turn(SERVICE_TCP_TO_LISTENER, &self, &p, mspan_of(x.b, x.len));
	assert_int_not_equal(before, 0);
	assert_int_equal(l4_error(pk_span(&x)), before);
}

/* A super-packet is cut first; its segments then go as any packet does. */
static void segments_of_a_super_packet_are_turned(void **state)
{
	(void)state;
	struct net_self self = self_of();
	struct pk x = tcp_packet(SELF, CLIENT, SVC, 53, TCP_ACK, 60);
	struct vnet h = { .flags = VNET_F_NEEDS_CSUM,
			  .gso_type = VNET_GSO_TCP4,
			  .gso_size = 25,
			  .csum_start = IP4_HDR_LEN,
			  .csum_offset = TCP_CSUM };
	struct gso g;
	/* what is left to us is the sum of the pseudo header */
	hdr_put16(x.b + IP4_HDR_LEN + TCP_CSUM,
		  csum_fold(csum_pseudo(pk_ip(SELF), pk_ip(SVC), IP_PROTO_TCP, TCP_HDR_LEN + 60)));
	assert_int_equal(gso_parse(&h, pk_span(&x), &g), 0);
	assert_int_equal(g.n, 3);
	for (uint32_t i = 0; i < g.n; i++) {
		uint8_t b[128];
		struct mspan seg = mspan_of(b, gso_segment_len(&g, i));
		struct pkt p;
		gso_segment(&g, i, b);
		pkt_decode(span_const(seg), &p);
		assert_int_equal(service_tcp_classify(&self, &p), SERVICE_TCP_TO_LISTENER);
		service_tcp_turn(SERVICE_TCP_TO_LISTENER, &self, &p, seg);
		assert_int_equal(l4_error(span_const(seg)), 0);
		assert_int_equal(ip4_error(span_const(seg)), 0);
	}
}

static enum service_tcp way_of(const struct net_self *self, const char *src, uint16_t sport,
			       const char *dst, uint16_t dport)
{
	struct pk x = tcp_packet(src, sport, dst, dport, TCP_SYN, 0);
	struct pkt p = pk_decode(&x);
	return service_tcp_classify(self, &p);
}

static void others_are_refused(void **state)
{
	(void)state;
	struct net_self self = self_of();
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		const char *svc = family[i].svc, *other = i ? "fd00::1" : "172.17.0.2";
		assert_int_equal(way_of(&self, other, CLIENT, svc, 53), SERVICE_TCP_REFUSE);
		assert_int_equal(way_of(&self, other, family[i].listener, svc, 53),
				 SERVICE_TCP_REFUSE);
		assert_int_equal(way_of(&self, svc, CLIENT, svc, 53), SERVICE_TCP_REFUSE);
		assert_int_equal(way_of(&self, family[i].self, CLIENT, svc, 80),
				 SERVICE_TCP_REFUSE);
		/* a client may use any port, even 53 */
		assert_int_equal(way_of(&self, family[i].self, 53, svc, 53),
				 SERVICE_TCP_TO_LISTENER);
		assert_int_equal(way_of(&self, family[i].self, family[i].listener, svc, 53),
				 SERVICE_TCP_TO_CLIENT);
	}
	self.ports = (struct net_ports){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(family); i++) {
		assert_int_equal(way_of(&self, family[i].self, CLIENT, family[i].svc, 53),
				 SERVICE_TCP_REFUSE);
		assert_int_equal(way_of(&self, family[i].self, 0, family[i].svc, 53),
				 SERVICE_TCP_REFUSE);
	}
	struct net_self nobody = { .ports = { .dns4 = LISTENER4, .dns6 = LISTENER6 } };
	assert_int_equal(way_of(&nobody, SELF, CLIENT, SVC, 53), SERVICE_TCP_REFUSE);
	assert_int_equal(way_of(&nobody, SELF6, CLIENT, SVC6, 53), SERVICE_TCP_REFUSE);
}

static void a_reset_answers_what_was_sent(void **state)
{
	static const struct {
		uint8_t flags;
		size_t data;
		uint32_t seq, ack;
		uint8_t answer;
	} t[] = {
		{ TCP_SYN, 0, 0, 0xfffffff1, TCP_RST | TCP_ACK },
		{ TCP_SYN | TCP_FIN, 20, 0, 6, TCP_RST | TCP_ACK },
		{ 0, 3, 0, 0xfffffff3, TCP_RST | TCP_ACK },
		{ TCP_ACK, 3, 0x01020304, 0, TCP_RST },
		{ TCP_SYN | TCP_ACK, 0, 0x01020304, 0, TCP_RST },
	};
	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(family); f++) {
		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			struct pk x = tcp_packet(family[f].self, CLIENT, family[f].svc, 80,
						 t[i].flags, t[i].data);
			struct pkt p = pk_decode(&x);
			uint8_t out[SERVICE_TCP_RESET_MAX];
			size_t n = service_tcp_reset(mspan_of(out, sizeof(out)), &p, pk_span(&x));
			struct span reset = span_of(out, n);
			assert_int_equal(n, p.l4 + TCP_HDR_LEN);
			struct pkt r;
			pkt_decode(reset, &r);
			assert_true(ep_eq(r.src, p.dst) && ep_eq(r.dst, p.src));
			assert_int_equal(r.tcp_flags, t[i].answer);
			assert_int_equal(hdr_get32(out + r.l4 + TCP_SEQ), t[i].seq);
			assert_int_equal(hdr_get32(out + r.l4 + TCP_ACK_NO), t[i].ack);
			assert_int_equal(l4_error(reset), 0);
			assert_int_equal(ip4_error(reset), 0);
			assert_int_equal(service_tcp_reset(mspan_of(out, n - 1), &p, pk_span(&x)),
					 0);
		}
	}
}

static void nothing_answers_a_reset_or_another_protocol(void **state)
{
	(void)state;
	uint8_t out[SERVICE_TCP_RESET_MAX];
	struct pk rst = pk_tcp(SELF, SVC, 80, TCP_RST | TCP_ACK), udp = pk_udp(SELF, 1, SVC, 80);
	struct pkt p = pk_decode(&rst), u = pk_decode(&udp);
	assert_int_equal(service_tcp_reset(mspan_of(out, sizeof(out)), &p, pk_span(&rst)), 0);
	assert_int_equal(service_tcp_reset(mspan_of(out, sizeof(out)), &u, pk_span(&udp)), 0);
}

/* A data offset that lies: nothing is read beyond the packet. */
static void a_wrong_data_offset_counts_no_data(void **state)
{
	(void)state;
	static const uint8_t bad[] = { 0x00, 0x40, 0xf0 };
	uint8_t out[SERVICE_TCP_RESET_MAX];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pk x = tcp_packet(SELF, CLIENT, SVC, 80, TCP_SYN, 3);
		struct pkt p = pk_decode(&x);
		x.b[p.l4 + TCP_OFF_FLAGS] = bad[i];
		size_t n = service_tcp_reset(mspan_of(out, sizeof(out)), &p, pk_span(&x));
		assert_int_equal(n, sizeof(out) - IP6_HDR_LEN + IP4_HDR_LEN);
		assert_int_equal(hdr_get32(out + p.l4 + TCP_ACK_NO), 0xfffffff1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_comes_back_as_it_was_built),
		cmocka_unit_test(a_sum_of_zero_is_written_as_ones),
		cmocka_unit_test(udp_needs_room_and_one_family),
		cmocka_unit_test(udp_that_is_not_whole_has_no_data),
		cmocka_unit_test(a_connection_goes_to_the_listener_and_back),
		cmocka_unit_test(a_wrong_checksum_stays_wrong),
		cmocka_unit_test(segments_of_a_super_packet_are_turned),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(a_reset_answers_what_was_sent),
		cmocka_unit_test(nothing_answers_a_reset_or_another_protocol),
		cmocka_unit_test(a_wrong_data_offset_counts_no_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
