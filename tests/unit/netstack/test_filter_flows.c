/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who opened a flow, and what that is worth once the policy is withdrawn. */
#include "tests/lib/cm.h"
#include "tests/unit/netstack/pk.h"

#include "netstack/filter_flows.h"
#include "netstack/filter_parse.h"
#include "netstack/flow_journal.h"

#include <malloc.h>

#define SELF "100.64.0.1"
#define PEER "100.64.0.2"
#define SELF6 "fd7a:115c:a1e0::1"
#define PEER6 "fd7a:115c:a1e0::2"
#define SCAN 1000000

#define TO_ALL(ports)                                                                              \
	"[{\"SrcIPs\":[\"*\"],\"IPProto\":[6,17,132],\"DstPorts\":[{\"IP\":\"*\",\"Ports\":" ports \
	"}]}]"
#define ALL_OPEN TO_ALL("{\"First\":0,\"Last\":65535}")
#define PORT_22 TO_ALL("{\"First\":22,\"Last\":22}")
#define CLOSED "[]"

struct fixture {
	struct ranges local;
	struct flt_flows *flows; /* of one thread for both directions */
	struct flt *flt;
};

static struct flt *filter_of(const struct fixture *f, const char *text)
{
	struct flt_rules rules = { 0 };
	struct flt_parse_error err;
	json_t *v = j_parse(span_str(text), 1 << 16, NULL);
	assert_non_null(v);
	assert_int_equal(flt_rules_parse(v, &rules, &err), 0);
	struct flt *flt = flt_new(&rules, &f->local, NULL, 0);
	assert_non_null(flt);
	flt_rules_fini(&rules);
	j_free(v);
	return flt;
}

static void take_over(struct fixture *f, struct flt *next)
{
	if (f->flt)
		flt_succeed(next, f->flt);
	flt_free(f->flt);
	f->flt = next;
}

static void policy(struct fixture *f, const char *text)
{
	take_over(f, filter_of(f, text));
}

static int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .flows = flt_flows_new(1) };
	ranges_add_prefix(&f.local, prefix_host(pk_ip(SELF)));
	ranges_add_prefix(&f.local, prefix_host(pk_ip(SELF6)));
	ranges_sort(&f.local);
	policy(&f, ALL_OPEN);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	ranges_fini(&f->local);
	flt_flows_free(f->flows);
	flt_free(f->flt);
	return 0;
}

static enum flt_verdict in(struct fixture *f, struct pk p)
{
	struct pkt d = pk_decode(&p);
	return flt_in(f->flt, f->flows, &d, p.len);
}

static void out(struct fixture *f, struct pk p)
{
	struct pkt d = pk_decode(&p);
	assert_int_equal(flt_out(f->flt, f->flows, &d, p.len), FLT_PASS);
}

static struct pk tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
		     uint8_t flags)
{
	struct pk p = pk_tcp(src, dst, dport, flags);
	size_t l4 = ip_hdr_len(pk_ip(src));
	p.b[l4] = (uint8_t)(sport >> 8);
	p.b[l4 + 1] = (uint8_t)sport;
	return p;
}

/* A connection of ours from port `sport`, up to and with their first acknowledgement. */
static void connect_out(struct fixture *f, uint16_t sport)
{
	out(f, tcp(SELF, sport, PEER, 443, TCP_SYN));
	assert_int_equal(in(f, tcp(PEER, 443, SELF, sport, TCP_SYN | TCP_ACK)), FLT_PASS);
	assert_int_equal(in(f, tcp(PEER, 443, SELF, sport, TCP_ACK)), FLT_PASS);
}

static enum flt_verdict answer_to(struct fixture *f, uint16_t sport)
{
	return in(f, tcp(PEER, 443, SELF, sport, TCP_ACK));
}

/* Theirs to our port 22. */
static void connect_in(struct fixture *f)
{
	assert_int_equal(in(f, tcp(PEER, 5000, SELF, 22, TCP_SYN)), FLT_PASS);
	out(f, tcp(SELF, 22, PEER, 5000, TCP_SYN | TCP_ACK));
	assert_int_equal(in(f, tcp(PEER, 5000, SELF, 22, TCP_ACK)), FLT_PASS);
}

static enum flt_verdict from_them(struct fixture *f, uint8_t flags)
{
	return in(f, tcp(PEER, 5000, SELF, 22, flags));
}

/* ---- TCP ---- */

static void a_withdrawn_connection_is_cut(void **state)
{
	struct fixture *f = *state;
	connect_in(f);
	connect_out(f, 40000);
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	policy(f, CLOSED);
	assert_true(flt_is_narrowed(f->flt));
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(from_them(f, TCP_FIN | TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(from_them(f, TCP_RST), FLT_DROP_WITHDRAWN);
	assert_int_equal(from_them(f, TCP_SYN | TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(from_them(f, TCP_SYN), FLT_DROP_ACL);
	/* What we send on it makes it no connection of ours. */
	out(f, tcp(SELF, 22, PEER, 5000, TCP_ACK));
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	policy(f, PORT_22);
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
}

static void a_connection_that_a_rule_still_lets_in_goes_on(void **state)
{
	struct fixture *f = *state;
	connect_in(f);
	policy(f, PORT_22);
	assert_true(flt_is_narrowed(f->flt));
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	assert_int_equal(in(f, tcp(PEER, 5000, SELF, 23, TCP_ACK)), FLT_DROP_WITHDRAWN);
}

static void new_connections_of_ours_need_no_rule(void **state)
{
	struct fixture *f = *state;
	policy(f, CLOSED);
	assert_int_equal(in(f, tcp(PEER, 443, SELF, 40000, TCP_SYN | TCP_ACK)), FLT_DROP_WITHDRAWN);
	connect_out(f, 40000);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	assert_int_equal(answer_to(f, 40001), FLT_DROP_WITHDRAWN);
	/* Its end, and what comes after it. */
	assert_int_equal(in(f, tcp(PEER, 443, SELF, 40000, TCP_FIN | TCP_ACK)), FLT_PASS);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	assert_int_equal(in(f, tcp(PEER, 443, SELF, 40000, TCP_RST)), FLT_PASS);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
}

static void nothing_is_cut_while_nothing_was_taken_away(void **state)
{
	struct fixture *f = *state;
	flt_free(f->flt);
	f->flt = NULL;
	policy(f, CLOSED); /* the first one */
	assert_false(flt_is_narrowed(f->flt));
	/* Older than the daemon, and no rule for it: it must be ours. */
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	policy(f, PORT_22);
	assert_false(flt_is_narrowed(f->flt));
	/* Older than the daemon, but a rule lets it in: it counts as theirs. */
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	policy(f, CLOSED);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
}

/* Packets sent ahead of time, while they passed as somebody's old connection, buy nothing. */
static void a_syn_of_theirs_makes_a_flow_theirs(void **state)
{
	struct fixture *f = *state;
	flt_free(f->flt);
	f->flt = NULL;
	policy(f, CLOSED);
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	policy(f, ALL_OPEN);
	connect_in(f);
	policy(f, CLOSED);
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	/* The same for a flow that was ours once. */
	out(f, tcp(SELF, 22, PEER, 5000, TCP_SYN));
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	policy(f, ALL_OPEN);
	connect_in(f);
	policy(f, CLOSED);
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	/* A SYN that is refused changes nothing. */
	connect_out(f, 40000);
	assert_int_equal(in(f, tcp(PEER, 443, SELF, 40000, TCP_SYN)), FLT_DROP_ACL);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
}

static void shields_cut_theirs_and_keep_ours(void **state)
{
	struct fixture *f = *state;
	connect_in(f);
	connect_out(f, 40000);
	take_over(f, flt_new_shields(&f->local));
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	policy(f, ALL_OPEN);
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
}

/* ---- UDP ---- */

static enum flt_verdict request(struct fixture *f)
{
	return in(f, pk_udp(PEER, 5000, SELF, 53));
}

static void reply(struct fixture *f)
{
	out(f, pk_udp(SELF, 53, PEER, 5000));
}

static void answers_do_not_make_a_flow_ours(void **state)
{
	struct fixture *f = *state;
	out(f, pk_udp(SELF, 6000, PEER, 53));
	assert_int_equal(request(f), FLT_PASS);
	reply(f);
	assert_int_equal(request(f), FLT_PASS);
	assert_int_equal(flt_flows_len(f->flows), 1);
	policy(f, CLOSED);
	reply(f);
	assert_int_equal(request(f), FLT_DROP_ACL);
	reply(f);
	assert_int_equal(request(f), FLT_DROP_ACL);
	assert_int_equal(in(f, pk_udp(PEER, 53, SELF, 6000)), FLT_PASS);
	policy(f, ALL_OPEN);
	assert_int_equal(request(f), FLT_PASS);
}

static void at(struct fixture *f, int64_t second)
{
	flt_flows_tick(f->flows, (mono_t){ second * NS_PER_S });
}

static void what_they_gave_up_may_become_ours(void **state)
{
	struct fixture *f = *state;
	at(f, 1000);
	assert_int_equal(request(f), FLT_PASS);
	policy(f, CLOSED);
	at(f, 1000 + FLT_THEIRS_S);
	reply(f);
	assert_int_equal(request(f), FLT_DROP_ACL); /* they still try */
	at(f, 1000 + 2 * FLT_THEIRS_S);
	reply(f);
	assert_int_equal(request(f), FLT_DROP_ACL);
	at(f, 1001 + 3 * FLT_THEIRS_S);
	reply(f);
	assert_int_equal(request(f), FLT_PASS);
}

/* A flow in use leaves its stamp although it is always the last one. */
static void a_busy_flow_is_not_given_up(void **state)
{
	struct fixture *f = *state;
	for (int64_t s = 1000; s < 1000 + 3 * FLT_THEIRS_S; s += 10) {
		at(f, s);
		assert_int_equal(request(f), FLT_PASS);
		assert_int_equal(request(f), FLT_PASS);
	}
	policy(f, CLOSED);
	reply(f);
	assert_int_equal(request(f), FLT_DROP_ACL);
}

/* ---- two threads ---- */

static void the_receiver_knows_who_was_first(void **state)
{
	struct fixture *f = *state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *sender = flt_flows_new(2), *receiver = f->flows;
	flt_flows_write(sender, j);
	flt_flows_read(receiver, j);
	assert_int_equal(request(f), FLT_PASS);
	assert_int_equal(from_them(f, TCP_SYN), FLT_PASS);
	f->flows = sender;
	reply(f);
	out(f, pk_udp(SELF, 6000, PEER, 53));
	out(f, tcp(SELF, 22, PEER, 5000, TCP_SYN | TCP_ACK));
	out(f, tcp(SELF, 40000, PEER, 443, TCP_SYN));
	f->flows = receiver;
	policy(f, CLOSED);
	assert_int_equal(in(f, pk_udp(PEER, 53, SELF, 6000)), FLT_PASS);
	assert_int_equal(request(f), FLT_DROP_ACL);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	flt_flows_free(sender);
	flow_journal_free(j);
}

/* The receiver reads what was noted minutes ago: an answer then, and no news now. */
static void what_is_read_late_was_noted_then(void **state)
{
	struct fixture *f = *state;
	struct flow_journal *j = flow_journal_new();
	struct flt_flows *sender = flt_flows_new(2), *receiver = f->flows;
	flt_flows_write(sender, j);
	flt_flows_read(receiver, j);
	at(f, 1000);
	assert_int_equal(request(f), FLT_PASS);
	f->flows = sender;
	at(f, 1000);
	reply(f);
	f->flows = receiver;
	policy(f, CLOSED);
	at(f, 1001 + FLT_THEIRS_S);
	assert_int_equal(request(f), FLT_DROP_ACL);
	/* Sent after the silence, it is news. */
	at(f, 1002 + 2 * FLT_THEIRS_S);
	f->flows = sender;
	at(f, 1002 + 2 * FLT_THEIRS_S);
	reply(f);
	f->flows = receiver;
	assert_int_equal(request(f), FLT_PASS);
	flt_flows_free(sender);
	flow_journal_free(j);
}

/* ---- the last flow ---- */

static void the_last_flow_is_one_filters_word(void **state)
{
	struct fixture *f = *state;
	struct flt *open = f->flt, *closed = filter_of(f, CLOSED);
	flt_set_narrowed(closed);
	for (int i = 0; i < 3; i++) {
		f->flt = open;
		assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
		f->flt = closed;
		assert_int_equal(from_them(f, TCP_ACK), FLT_DROP_WITHDRAWN);
	}
	f->flt = open;
	assert_int_equal(from_them(f, TCP_ACK), FLT_PASS);
	assert_int_equal(in(f, tcp(PEER, 5000, "10.0.0.1", 22, TCP_ACK)), FLT_DROP_NOT_LOCAL);
	flt_free(closed);
}

/* ---- scans ---- */

static struct pk random_packet(uint64_t *seed, bool inward, uint8_t proto)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1;
	uint16_t a = (uint16_t)(*seed >> 33), b = (uint16_t)(*seed >> 49);
	const char *src = inward ? PEER6 : SELF6, *dst = inward ? SELF6 : PEER6;
	struct pk p = proto == IP_PROTO_UDP ? pk_udp(src, a, dst, b)
		      : inward && a & 1	    ? tcp(src, a, dst, b, TCP_ACK)
					    : tcp(src, a, dst, b, TCP_SYN);
	p.b[inward ? 23 : 39] = (uint8_t)(*seed >> 25); /* many addresses */
	return p;
}

static void scan(struct fixture *f, bool inward, uint8_t proto)
{
	uint64_t seed = proto + inward;
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < SCAN; i++) {
		struct pk p = random_packet(&seed, inward, proto);
		if (inward)
			in(f, p);
		else
			out(f, p);
	}
	assert_int_equal(mallinfo2().uordblks, before);
}

static void a_scan_of_theirs_pushes_out_nothing_of_ours(void **state)
{
	struct fixture *f = *state;
	connect_out(f, 40000);
	out(f, tcp(SELF, 40001, PEER, 443, TCP_SYN)); /* not answered yet */
	out(f, pk_udp(SELF, 6000, PEER, 53));
	scan(f, true, IP_PROTO_UDP);
	scan(f, true, IP_PROTO_TCP);
	policy(f, CLOSED);
	scan(f, true, IP_PROTO_UDP);
	scan(f, true, IP_PROTO_TCP);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
	assert_int_equal(answer_to(f, 40001), FLT_PASS);
	assert_int_equal(in(f, pk_udp(PEER, 53, SELF, 6000)), FLT_PASS);
}

/* Old connections that are nobody's end where they would cost those that are ours. */
static void a_scan_before_the_policy_is_narrowed_pushes_out_nothing_of_ours(void **state)
{
	struct fixture *f = *state;
	flt_free(f->flt);
	f->flt = NULL;
	policy(f, CLOSED);
	connect_out(f, 40000);
	scan(f, true, IP_PROTO_TCP);
	flt_set_narrowed(f->flt);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
}

static void a_scan_of_ours_keeps_connections(void **state)
{
	struct fixture *f = *state;
	policy(f, CLOSED);
	connect_out(f, 40000);
	scan(f, false, IP_PROTO_TCP);
	scan(f, false, IP_PROTO_UDP);
	assert_int_equal(flt_flows_len(f->flows), FLT_FLOWS);
	assert_int_equal(answer_to(f, 40000), FLT_PASS);
}

/* ---- the table ---- */

static struct flow_key key_of(uint32_t i)
{
	struct flow_key k = { .proto = IP_PROTO_UDP, .version = 4, .sport = (uint16_t)i };
	k.src[3] = (uint8_t)(i >> 16);
	return k;
}

static size_t longest_chain(const struct flow_lru *l)
{
	size_t longest = 0;
	for (size_t c = 0; c < 2 * (size_t)l->cap; c++) {
		size_t n = 0;
		for (uint16_t i = l->chains[c]; i; i = l->v[i - 1].chain_next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

static void keys_in_a_row_spread_out(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct flow_hasher h = flow_hasher_of(seed);
		struct flow_lru l;
		flow_lru_init(&l, 2048);
		for (uint32_t i = 0; i < 100000; i++) {
			struct flow_key k = key_of(i);
			flow_lru_add(&l, flow_hash(&h, &k), &k);
		}
		assert_true(flow_lru_is_full(&l));
		assert_true(longest_chain(&l) <= 10); /* by chance: 6 or 7 */
		flow_lru_fini(&l);
	}
}

static void the_oldest_makes_room_and_places_are_used_again(void **state)
{
	(void)state;
	struct flow_lru l;
	struct flow_key k[6];
	for (uint32_t i = 0; i < 6; i++)
		k[i] = key_of(i);
	flow_lru_init(&l, 4);
	for (uint32_t i = 0; i < 4; i++)
		flow_lru_add(&l, i % 2, &k[i]); /* in two chains */
	flow_lru_touch(&l, flow_lru_find(&l, 0, &k[0]));
	flow_lru_add(&l, 7, &k[4]);
	assert_null(flow_lru_find(&l, 1, &k[1]));
	assert_non_null(flow_lru_find(&l, 0, &k[0]));
	flow_lru_del(&l, flow_lru_find(&l, 0, &k[2]));
	assert_int_equal(l.n, 3);
	flow_lru_add(&l, 0, &k[5]);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.used, 4);
	assert_non_null(flow_lru_find(&l, 1, &k[3]));
	flow_lru_clear(&l);
	assert_null(flow_lru_find(&l, 0, &k[0]));
	flow_lru_add(&l, 0, &k[0]);
	assert_int_equal(l.n, 1);
	flow_lru_fini(&l);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_withdrawn_connection_is_cut),
		T(a_connection_that_a_rule_still_lets_in_goes_on),
		T(new_connections_of_ours_need_no_rule),
		T(nothing_is_cut_while_nothing_was_taken_away),
		T(a_syn_of_theirs_makes_a_flow_theirs),
		T(shields_cut_theirs_and_keep_ours),
		T(answers_do_not_make_a_flow_ours),
		T(what_they_gave_up_may_become_ours),
		T(a_busy_flow_is_not_given_up),
		T(the_receiver_knows_who_was_first),
		T(what_is_read_late_was_noted_then),
		T(the_last_flow_is_one_filters_word),
		T(a_scan_of_theirs_pushes_out_nothing_of_ours),
		T(a_scan_before_the_policy_is_narrowed_pushes_out_nothing_of_ours),
		T(a_scan_of_ours_keeps_connections),
		T(keys_in_a_row_spread_out),
		T(the_oldest_makes_room_and_places_are_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
