/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TSMP, and the ways in and out beyond what tsmp.json records. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "base/alloc.h"
#include "netstack/filter_parse.h"
#include "netstack/outbound.h"

#define SELF "100.64.0.1"
#define SELF6 "fd7a:115c:a1e0::1"
#define PEER "100.64.0.2"
#define PEER6 "fd7a:115c:a1e0::2"
#define PEERAPI 4242

static struct net_self self;
static struct net_peer peer;
static struct flt *filter, *shields;
static struct flt_flows *flows;
static struct echo_waits waits;

static struct pkt pkt;
static struct net_result res;
static uint8_t answer[TSMP_PACKET_MAX];

static int setup(void **state)
{
	struct flt_rules none = { 0 };
	struct ranges local = { 0 };
	(void)state;
	self = (struct net_self){ .addr4 = pk_ip(SELF),
				  .addr6 = pk_ip(SELF6),
				  .ports = { .peerapi4 = PEERAPI, .peerapi6 = PEERAPI },
				  .disco = { { 7 } } };
	peer = (struct net_peer){ { 0 }, { 0 } };
	ranges_add_prefix(&local, prefix_host(self.addr4));
	ranges_add_prefix(&local, prefix_host(self.addr6));
	ranges_sort(&local);
	filter = flt_new(&none, &local, NULL, 0);
	shields = flt_new_shields(&local);
	ranges_fini(&local);
	flows = flt_flows_new(3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flt_free(filter);
	flt_free(shields);
	flt_flows_free(flows);
	return 0;
}

static enum in_action go_in(const struct flt *f, struct pk *p)
{
	struct inbound in = { &self, f, flows, &waits };
	return inbound_packet(&in, &peer, mspan_of(p->b, p->len), &pkt,
			      mspan_of(answer, sizeof(answer)), &res);
}

static enum out_action go_out(struct pk *p)
{
	static uint8_t out[256];
	return outbound_classify(&self, pk_span(p), &pkt, mspan_of(out, sizeof(out)), &res);
}

static struct pk tsmp(const char *src, const char *dst, const char *payload, size_t len)
{
	return pk_raw(src, dst, IP_PROTO_TSMP, span_of(payload, len));
}

/* ---- TSMP ---- */

static void short_and_strange_messages(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
		int rc;
	} t[] = { { "p1234567", 8, -ERR_SHORT }, { "o1234567", 8, -ERR_SHORT },
		  { "!\6A1234", 7, 0 },		 { "zzzzzzzz", 8, -ERR_TYPE },
		  { "a1234567", 8, -ERR_SHORT }, { "p12345678", 9, 0 } };
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pk p = tsmp(PEER, SELF, t[i].payload, t[i].len);
		struct pkt d = pk_decode(&p);
		struct tsmp m;
		assert_int_equal(tsmp_parse(&d, pk_span(&p), &m), t[i].rc);
		assert_int_equal(go_in(filter, &p) == IN_DROP, t[i].rc != 0);
		if (t[i].rc)
			assert_int_equal(res.verdict, FLT_DROP_OWN);
	}
	char zero[33] = "a";
	struct pk p = tsmp(PEER, SELF, zero, sizeof(zero));
	struct pkt d = pk_decode(&p);
	struct tsmp m;
	assert_int_equal(tsmp_parse(&d, pk_span(&p), &m), -ERR_RANGE);
	struct pk udp = pk_udp(PEER, 1, SELF, 2);
	d = pk_decode(&udp);
	assert_int_equal(tsmp_parse(&d, pk_span(&udp), &m), -ERR_TYPE);
}

static void builders_need_room_and_one_family(void **state)
{
	uint8_t out[TSMP_PACKET_MAX];
	struct disco_key key = { { 1 } };
	(void)state;
	assert_int_equal(
	    tsmp_disco_build(mspan_of(out, sizeof(out)), pk_ip(SELF6), pk_ip(PEER6), &key),
	    TSMP_PACKET_MAX);
	assert_int_equal(
	    tsmp_disco_build(mspan_of(out, TSMP_PACKET_MAX - 1), pk_ip(SELF6), pk_ip(PEER6), &key),
	    0);
	assert_int_equal(
	    tsmp_ping_build(mspan_of(out, sizeof(out)), pk_ip(SELF), pk_ip(PEER6), key.b), 0);
}

static void tsmp_for_the_control_thread(void **state)
{
	(void)state;
	struct pk pong = tsmp(PEER, SELF, "o12345678", 9), reject = tsmp(PEER, SELF, "!\6A1234", 7);
	assert_int_equal(go_in(filter, &pong), IN_CONTROL);
	assert_int_equal(go_in(filter, &reject), IN_CONTROL);
	assert_int_equal(go_in(NULL, &pong), IN_CONTROL);
	/* A pong to an address that is not ours says no port of ours. */
	struct pk ping = tsmp(PEER, "10.9.9.9", "p12345678", 9);
	assert_int_equal(go_in(filter, &ping), IN_ANSWER);
	assert_int_equal(res.answer_len, 31);
	assert_int_equal(answer[29] | answer[30], 0);
}

/* ---- in ---- */

static void awaited_echo_replies_only(void **state)
{
	struct pk reply = pk_echo(PEER, SELF, true);
	(void)state;
	assert_int_equal(go_in(filter, &reply), IN_DELIVER);
	assert_true(echo_waits_add(&waits, 0xabcd0001));
	assert_int_equal(go_in(filter, &reply), IN_CONTROL);
	assert_int_equal(go_in(NULL, &reply), IN_CONTROL);
	echo_waits_del(&waits, 0xabcd0001);
	assert_int_equal(go_in(filter, &reply), IN_DELIVER);
	for (uint32_t i = 1; i <= ECHO_WAITS; i++)
		assert_true(echo_waits_add(&waits, i));
	assert_false(echo_waits_add(&waits, 99));
	assert_false(echo_waits_has(&waits, 0));
	for (uint32_t i = 1; i <= ECHO_WAITS; i++)
		echo_waits_del(&waits, i);
	assert_false(echo_waits_has(&waits, 1));
}

static void refusals_are_told_to_tcp4_only(void **state)
{
	struct pk tcp4 = pk_tcp(PEER, SELF, 22, TCP_SYN), tcp6 = pk_tcp(PEER6, SELF6, 22, TCP_SYN);
	struct pk udp = pk_udp(PEER, 1, SELF, 2),
		  syn_ack = pk_tcp(PEER, "10.0.0.1", 1, TCP_SYN | TCP_ACK);
	struct pk rst = pk_tcp(PEER, "10.0.0.1", 1, TCP_RST),
		  multi = pk_tcp(PEER, "224.0.0.1", 1, TCP_SYN);
	(void)state;
	assert_int_equal(go_in(filter, &tcp4), IN_ANSWER);
	assert_int_equal(answer[22], TSMP_ACL);
	assert_int_equal(go_in(shields, &tcp4), IN_ANSWER);
	assert_int_equal(answer[22], TSMP_SHIELDS);
	assert_int_equal(go_in(filter, &syn_ack), IN_ANSWER);
	assert_int_equal(go_in(filter, &rst), IN_DROP);
	assert_int_equal(go_in(filter, &tcp6), IN_DROP);
	assert_int_equal(go_in(filter, &udp), IN_DROP);
	assert_int_equal(go_in(filter, &multi), IN_DROP);
	assert_int_equal(go_in(NULL, &tcp4), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_NO_FILTER);
}

static void the_peer_api_is_always_open(void **state)
{
	struct pk here = pk_tcp(PEER, SELF, PEERAPI, TCP_SYN),
		  there = pk_tcp(PEER, "10.0.0.1", PEERAPI, TCP_SYN);
	struct pk udp = pk_udp(PEER, 1, SELF, PEERAPI);
	(void)state;
	assert_int_equal(go_in(filter, &here), IN_DELIVER);
	assert_int_equal(res.verdict, FLT_PASS);
	assert_int_equal(go_in(filter, &there), IN_ANSWER);
	assert_int_equal(go_in(filter, &udp), IN_DROP);
	self.ports.peerapi4 = 0;
	assert_int_equal(go_in(filter, &here), IN_ANSWER);
	struct pk port0 = pk_tcp(PEER, SELF, 0, TCP_SYN);
	assert_int_equal(go_in(filter, &port0), IN_ANSWER);
}

/* A filter that lets everything in, as the way to tell its drops from ours. */
static struct flt *open_filter(void)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	struct ranges local = { 0 };
	static const char text[] = "[{\"SrcIPs\":[\"*\"],\"DstPorts\":[{\"IP\":\"*\","
				   "\"Ports\":{\"First\":0,\"Last\":65535}}]}]";
	json_t *j = j_parse(span_str(text), strlen(text), NULL);
	assert_int_equal(flt_rules_parse(j, &rules, &err), 0);
	ranges_add_prefix(&local, pk_prefix("0.0.0.0/0"));
	ranges_add_prefix(&local, pk_prefix("::/0"));
	ranges_sort(&local);
	struct flt *f = flt_new(&rules, &local, NULL, 0);
	ranges_fini(&local);
	flt_rules_fini(&rules);
	j_free(j);
	return f;
}

/* An exit node may send from any address: also what would pass for an answer of ours. */
static void no_peer_speaks_to_services_or_as_one(void **state)
{
	(void)state;
	static const struct {
		const char *peer, *self, *svc;
	} t[] = { { PEER, SELF, "100.100.100.100" }, { PEER6, SELF6, "fd7a:115c:a1e0::53" } };
	struct flt *open = open_filter();
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct pk good = pk_udp(t[i].peer, 53, t[i].self, 4000);
		struct pk bad[] = {
			pk_udp(t[i].peer, 4000, t[i].svc, 53),
			pk_udp(t[i].svc, 53, t[i].self, 4000),
			pk_tcp(t[i].peer, t[i].svc, 53, TCP_SYN),
			pk_tcp(t[i].peer, t[i].svc, 53, TCP_ACK),
			pk_tcp(t[i].svc, t[i].self, 4000, TCP_SYN | TCP_ACK),
			pk_echo(t[i].peer, t[i].svc, false),
			pk_raw(t[i].peer, t[i].svc, IP_PROTO_TSMP, span_str("p12345678")),
		};
		assert_int_equal(go_in(open, &good), IN_DELIVER);
		for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
			assert_int_equal(go_in(open, &bad[k]), IN_DROP);
			assert_int_equal(res.verdict, FLT_DROP_OWN);
		}
	}
	flt_free(open);
}

static void no_peer_reaches_the_listener_for_dns(void **state)
{
	(void)state;
	struct flt *open = open_filter();
	self.ports.dns4 = 4444;
	self.ports.dns6 = 6666;
	struct pk tcp4 = pk_tcp(PEER, SELF, 4444, TCP_SYN),
		  tcp6 = pk_tcp(PEER6, SELF6, 6666, TCP_SYN);
	struct pk ack = pk_tcp(PEER, SELF, 4444, TCP_ACK);
	struct pk other = pk_tcp(PEER, SELF, 6666, TCP_SYN), udp = pk_udp(PEER, 1, SELF, 4444);
	struct pk beyond = pk_tcp(PEER, "10.0.0.1", 4444, TCP_SYN);
	assert_int_equal(go_in(open, &tcp4), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_OWN);
	assert_int_equal(go_in(open, &tcp6), IN_DROP);
	assert_int_equal(go_in(open, &ack), IN_DROP);
	assert_int_equal(go_in(open, &other), IN_DELIVER);
	assert_int_equal(go_in(open, &udp), IN_DELIVER);
	assert_int_equal(go_in(open, &beyond), IN_DELIVER);
	self.ports = (struct net_ports){ 0 };
	struct pk port0 = pk_tcp(PEER, SELF, 0, TCP_SYN);
	assert_int_equal(go_in(open, &port0), IN_DELIVER);
	assert_int_equal(go_in(open, &tcp4), IN_DELIVER);
	flt_free(open);
}

static struct pk quoting(const char *src, const char *dst, struct pk inner, size_t keep)
{
	bool v6 = pk_ip(src).fam == IP_V6;
	uint8_t l4[8 + sizeof(inner.b)] = { v6 ? 1 : 3, 1 };
	memcpy(l4 + 8, inner.b, keep);
	return pk_raw(src, dst, v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, span_of(l4, 8 + keep));
}

/* Whatever the policy, trouble of our own packets is told; that of others' is not for us. */
static void errors_about_our_packets_only(void **state)
{
	struct pk ours = pk_udp(SELF, 5, PEER, 6), other = pk_udp("10.1.1.1", 5, PEER, 6);
	struct pk ours6 = pk_udp(SELF6, 5, PEER6, 6), other6 = pk_udp(PEER6, 5, SELF6, 6);
	struct pk known = pk_udp("100.99.0.1", 5, PEER, 6);
	(void)state;
	flt_set_narrowed(filter);
	flt_set_narrowed(shields);
	const struct flt *both[] = { filter, shields };
	for (int i = 0; i < 2; i++) {
		struct pk good = quoting(PEER, SELF, ours, 28),
			  bad = quoting(PEER, SELF, other, 28);
		struct pk good6 = quoting(PEER6, SELF6, ours6, 48),
			  bad6 = quoting(PEER6, SELF6, other6, 48);
		assert_int_equal(go_in(both[i], &good), IN_DELIVER);
		assert_int_equal(go_in(both[i], &good6), IN_DELIVER);
		assert_int_equal(go_in(both[i], &bad), IN_DROP);
		assert_int_equal(res.verdict, FLT_DROP_FOREIGN_ERROR);
		assert_int_equal(go_in(both[i], &bad6), IN_DROP);
		assert_int_equal(res.verdict, FLT_DROP_FOREIGN_ERROR);
	}
	struct pk mixed = quoting(PEER, SELF, ours6, 48), no_quote = quoting(PEER, SELF, ours, 0),
		  cut = quoting(PEER, SELF, other, 19);
	assert_int_equal(go_in(filter, &mixed), IN_DROP);
	assert_int_equal(go_in(filter, &no_quote), IN_DELIVER);
	assert_int_equal(go_in(filter, &cut), IN_DELIVER); /* quotes nothing */
	/* The peer knows us by another address, and quotes that. */
	struct pk masked = quoting(PEER, SELF, known, 28);
	assert_int_equal(go_in(filter, &masked), IN_DROP);
	peer.masq4 = pk_ip("100.99.0.1");
	assert_int_equal(go_in(filter, &masked), IN_DELIVER);
}

/* A connection that is cut: nothing goes back, and the peer API stays open. */
static void withdrawn_connections(void **state)
{
	struct pk ack = pk_tcp(PEER, SELF, 22, TCP_ACK), api = pk_tcp(PEER, SELF, PEERAPI, TCP_ACK);
	struct pk syn = pk_tcp(PEER, SELF, 22, TCP_SYN),
		  both = pk_tcp(PEER, SELF, 22, TCP_SYN | TCP_ACK);
	(void)state;
	assert_int_equal(go_in(filter, &api), IN_DELIVER);
	flt_set_narrowed(filter);
	flt_flows_free(flows);
	flows = flt_flows_new(3);
	assert_int_equal(go_in(filter, &ack), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_WITHDRAWN);
	assert_int_equal(go_in(filter, &syn), IN_ANSWER);
	assert_int_equal(go_in(filter, &both), IN_ANSWER);
	assert_int_equal(go_in(filter, &api), IN_DELIVER);
	assert_int_equal(res.verdict, FLT_PASS);
}

/* Packets that two steps of spec/routing.md 7.5 could claim: the earlier one has them. */
static void the_order_inwards(void **state)
{
	char disco[38] = "TS\xf0\x9f\x92\xac\x07";
	uint8_t udp[8 + sizeof(disco)] = { 0, 1, 0, 2, 0, sizeof(udp) };
	(void)state;
	memcpy(udp + 8, disco, sizeof(disco));
	peer.masq4 = pk_ip("100.99.0.1");
	/* DNAT before TSMP: the pong tells the port of our own address. */
	struct pk ping = tsmp(PEER, "100.99.0.1", "p12345678", 9);
	assert_int_equal(go_in(filter, &ping), IN_ANSWER);
	assert_int_equal(answer[29] << 8 | answer[30], PEERAPI);
	/* TSMP and awaited replies before the filter: it would drop them (not local). */
	struct pk far = tsmp(PEER, "10.9.9.9", "p12345678", 9),
		  reply = pk_echo(PEER, "10.9.9.9", true);
	assert_int_equal(go_in(filter, &far), IN_ANSWER);
	assert_true(echo_waits_add(&waits, 0xabcd0001));
	assert_int_equal(go_in(filter, &reply), IN_CONTROL);
	echo_waits_del(&waits, 0xabcd0001);
	assert_int_equal(go_in(filter, &reply), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_NOT_LOCAL);
	/* Our own disco packet before the filter, whose pre-checks would drop it. */
	struct pk own = pk_raw(PEER, "224.0.0.1", IP_PROTO_UDP, span_of(udp, sizeof(udp)));
	assert_int_equal(go_in(filter, &own), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_OWN);
	/* Pre-checks before the local set. */
	struct pk link = pk_tcp(PEER, "169.254.1.1", PEERAPI, TCP_SYN);
	assert_int_equal(go_in(filter, &link), IN_DROP);
	assert_int_equal(res.verdict, FLT_DROP_LINK_LOCAL);
	/* The peer API before the reject. */
	struct pk api = pk_tcp(PEER, "100.99.0.1", PEERAPI, TCP_SYN);
	assert_int_equal(go_in(filter, &api), IN_DELIVER);
	assert_true(ip_eq(pkt.dst.ip, self.addr4));
}

static void the_order_outwards(void **state)
{
	char disco[38] = "TS\xf0\x9f\x92\xac\x07";
	uint8_t udp[8 + sizeof(disco)] = { 0, 1, 0, 2, 0, sizeof(udp) };
	(void)state;
	memcpy(udp + 8, disco, sizeof(disco));
	struct span l4 = span_of(udp, sizeof(udp));
	struct pk t = tsmp(SELF, "100.100.100.100", "p12345678", 9);
	struct pk own = pk_raw(SELF, "100.100.100.100", IP_PROTO_UDP, l4),
		  own_multi = pk_raw(SELF, "224.0.0.1", IP_PROTO_UDP, l4);
	struct pk multi = pk_udp(SELF, 1, "224.0.0.1", 5353),
		  link = pk_udp(SELF, 1, "169.254.7.7", 2);
	struct pk meta = pk_udp(SELF, 1, "169.254.169.254", 80);
	assert_int_equal(go_out(&t), OUT_DROP); /* TSMP before services */
	assert_int_equal(res.verdict, FLT_DROP_OWN);
	assert_int_equal(go_out(&own), OUT_DROP); /* disco before services */
	assert_int_equal(go_out(&own_multi), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_OWN);
	assert_int_equal(go_out(&multi), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_MULTICAST);
	assert_int_equal(go_out(&link), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_LINK_LOCAL);
	assert_int_equal(go_out(&meta), OUT_PEER);
}

static void a_node_without_addresses(void **state)
{
	struct pk ping = tsmp(PEER, SELF, "p12345678", 9);
	(void)state;
	self = (struct net_self){ 0 };
	peer.masq4 = pk_ip("100.99.0.1");
	assert_int_equal(go_in(filter, &ping), IN_ANSWER);
	assert_int_equal(answer[12], 100);
	assert_int_equal(answer[13], 64); /* not rewritten: nothing of ours */
}

/* ---- out ---- */

static void service_addresses_never_reach_a_peer(void **state)
{
	struct pk dns = pk_udp(SELF, 1, "100.100.100.100", 53),
		  tcp = pk_tcp(SELF, "100.100.100.100", 1, TCP_SYN);
	struct pk six = pk_udp(SELF6, 1, "fd7a:115c:a1e0::53", 53),
		  ping = pk_echo(SELF, "100.100.100.100", false);
	struct pk reply = pk_echo(SELF, "100.100.100.100", true), other = pk_udp(SELF, 1, PEER, 53);
	(void)state;
	assert_int_equal(go_out(&dns), OUT_SERVICE);
	assert_int_equal(go_out(&tcp), OUT_SERVICE);
	assert_int_equal(go_out(&six), OUT_SERVICE);
	assert_int_equal(go_out(&reply), OUT_SERVICE);
	assert_int_equal(go_out(&ping), OUT_ANSWER);
	assert_int_equal(res.answer_len, ping.len);
	assert_int_equal(go_out(&other), OUT_PEER);
}

static void what_the_host_may_not_send(void **state)
{
	struct pk t = tsmp(SELF, PEER, "p12345678", 9), cut = pk_udp(SELF, 1, PEER, 2);
	struct pk multi = pk_udp(SELF, 1, "224.0.0.251", 5353);
	(void)state;
	assert_int_equal(go_out(&t), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_OWN);
	cut.len = 27;
	assert_int_equal(go_out(&cut), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_UNKNOWN_PROTO);
	cut.len = 19;
	assert_int_equal(go_out(&cut), OUT_DROP);
	assert_int_equal(res.verdict, FLT_DROP_TOO_SHORT);
	assert_int_equal(go_out(&multi), OUT_DROP); /* before anybody looks for a peer */
	assert_int_equal(res.verdict, FLT_DROP_MULTICAST);
}

static void own_packets_leave_masqueraded(void **state)
{
	struct pk there = pk_udp(SELF, 5, PEER, 6), back = pk_udp(PEER, 6, "100.99.0.1", 5);
	(void)state;
	peer.masq4 = pk_ip("100.99.0.1");
	outbound_own(&self, &peer, filter, flows, mspan_of(there.b, there.len));
	struct pkt d = pk_decode(&there);
	assert_true(ip_eq(d.src.ip, peer.masq4));
	/* The flow was noted under our own address, where the answer arrives after rewriting. */
	assert_int_equal(go_in(filter, &back), IN_DELIVER);
	assert_true(ip_eq(pkt.dst.ip, self.addr4));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(short_and_strange_messages),
		T(builders_need_room_and_one_family),
		T(tsmp_for_the_control_thread),
		T(awaited_echo_replies_only),
		T(refusals_are_told_to_tcp4_only),
		T(the_peer_api_is_always_open),
		T(no_peer_speaks_to_services_or_as_one),
		T(no_peer_reaches_the_listener_for_dns),
		T(a_node_without_addresses),
		T(service_addresses_never_reach_a_peer),
		T(what_the_host_may_not_send),
		T(own_packets_leave_masqueraded),
		T(errors_about_our_packets_only),
		T(withdrawn_connections),
		T(the_order_inwards),
		T(the_order_outwards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
