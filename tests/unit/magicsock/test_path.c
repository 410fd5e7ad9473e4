/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What path_trace.json does not show: limits, forbidden addresses, the early retries, CLI pings. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/path.h"

#define LOG_MAX 1024

struct rec {
	struct rng_seeded rng;
	struct path_node node;
	struct path_peer *p;
	struct path_ping pings[LOG_MAX];
	size_t n_pings;
	int pongs, cmms, wants, moved, extended;
	struct path_cli_pong cli[8];
	size_t n_cli;
	const char *why;
};

static void send_ping(void *arg, struct path_peer *p, const struct path_ping *ping)
{
	struct rec *r = arg;
	assert_ptr_equal(path_owner(p), r);
	assert_true(r->n_pings < LOG_MAX);
	r->pings[r->n_pings++] = *ping;
}
static void send_pong(void *arg, struct path_peer *p, const struct path_dest *to,
		      const struct disco_txid *txid, struct ep src)
{
	(void)p, (void)to, (void)txid, (void)src;
	((struct rec *)arg)->pongs++;
}
static void send_cmm(void *arg, struct path_peer *p, int region)
{
	(void)p;
	assert_int_equal(region, 1);
	((struct rec *)arg)->cmms++;
}
static void want_endpoints(void *arg)
{
	((struct rec *)arg)->wants++;
}
static void changed(void *arg, struct path_peer *p, bool addr, const char *why)
{
	struct rec *r = arg;
	(void)p;
	if (addr)
		r->moved++;
	else
		r->extended++;
	r->why = why;
}
static void cli_pong(void *arg, struct path_peer *p, const struct path_cli_pong *pong)
{
	struct rec *r = arg;
	(void)p;
	assert_true(r->n_cli < ARRAY_LEN(r->cli));
	r->cli[r->n_cli++] = *pong;
}
static const struct path_ops ops = { send_ping,	     send_pong, send_cmm,
				     want_endpoints, changed,	cli_pong };

static mono_t t(int64_t ms)
{
	return mono_add_ms(MONO_ZERO, 1000000 + ms);
}

static struct ep ep(uint8_t last, uint16_t port)
{
	return (struct ep){ ip_v4(203, 0, 113, last), port };
}

static void netmap(struct rec *r, int64_t ms, const struct ep *eps, size_t n, int home,
		   bool expired)
{
	struct path_netmap nm = { eps, n, home, expired };
	path_on_netmap(r->p, t(ms), &nm);
}

static void start(struct rec *r, size_t n_eps, int home)
{
	struct ep eps[64];
	memset(r, 0, sizeof(*r));
	rng_seeded_init(&r->rng, 5);
	path_node_init(&r->node, &ops, r, &r->rng.rng);
	r->node.endpoints_at = t(0);
	r->p = path_new(&r->node, r);
	for (size_t i = 0; i < n_eps; i++)
		eps[i] = ep((uint8_t)(i + 1), 41641);
	netmap(r, 0, eps, n_eps, home, false);
}

/* Tick at each deadline up to the given time. */
static void run_to(struct rec *r, int64_t ms)
{
	while (mono_due(path_deadline(r->p), t(ms)))
		path_tick(r->p, path_deadline(r->p));
}

static enum path_verdict ping_from(struct rec *r, int64_t ms, struct ep from, uint8_t id)
{
	struct path_dest d = { .ep = from };
	struct disco_txid txid = { { id } };
	return path_on_ping(r->p, t(ms), &d, &txid);
}

static enum path_verdict answer(struct rec *r, int64_t ms, size_t i)
{
	return path_on_pong(r->p, t(ms), &r->pings[i].to, &r->pings[i].txid);
}

static void make_direct(struct rec *r)
{
	start(r, 1, 1);
	path_on_send(r->p, t(0));
	assert_int_equal(answer(r, 20, 0), PATH_OK);
	assert_true(ep_eq(path_view(r->p).best, ep(1, 41641)));
}

static void forbidden_addresses(void **state)
{
	static const char *const bad[] = { "0.0.0.0:1",	   "224.0.0.1:1", "255.255.255.255:1",
					   "100.64.0.1:1", "[::]:1",	  "[ff02::1]:1",
					   "[fe80::1]:1",  "1.2.3.4:0",	  "[fd7a:115c:a1e0::5]:1" };
	static const char *const good[] = { "192.168.1.1:1", "[2001:db8::1]:1", "127.0.0.1:1",
					    "169.254.1.1:1" };
	struct rec r;
	struct ep e;
	(void)state;
	start(&r, 0, 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(ep_decode(span_str(bad[i]), &e), 0);
		assert_false(path_addr_allowed(e));
		assert_int_equal(ping_from(&r, 0, e, (uint8_t)i), PATH_FORBIDDEN);
		path_on_cmm(r.p, t((int64_t)i * 6000), &e, 1);
		netmap(&r, 0, &e, 1, 1, false);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(ep_decode(span_str(good[i]), &e), 0);
		assert_true(path_addr_allowed(e));
	}
	path_on_send(r.p, t(60000));
	assert_int_equal(r.n_pings, 0);
	assert_int_equal(r.pongs, 0);
	path_free(r.p);
}

static void trust_ends_after_6500_ms(void **state)
{
	struct rec r;
	(void)state;
	make_direct(&r);
	struct path_view v = path_view(r.p);
	assert_int_equal(v.trusted_until.ns, t(6520).ns);
	assert_true(path_view_trusted(&v, t(6520)));
	assert_false(path_view_trusted(&v, mono_add_ns(t(6520), 1)));
	assert_int_equal(path_view_route(&v, t(6520)).region, 0);
	assert_int_equal(path_view_route(&v, t(6521)).region, 1);
	struct path_status st;
	path_status(r.p, t(100), &st);
	assert_true(st.active && ep_eq(st.cur, ep(1, 41641)));
	assert_int_equal(st.latency_ns, 20 * NS_PER_MS);
	path_status(r.p, t(7000), &st);
	assert_false(ep_is_set(st.cur));
	path_status(r.p, t(45001), &st);
	assert_false(st.active);
	path_free(r.p);
}

static void unreachable_clears_without_spraying(void **state)
{
	struct rec r;
	(void)state;
	make_direct(&r);
	path_on_unreachable(r.p, t(100), ep(9, 1)); /* not ours */
	assert_true(ep_is_set(path_view(r.p).best));
	path_on_unreachable(r.p, t(100), ep(1, 41641));
	assert_false(ep_is_set(path_view(r.p).best));
	assert_string_equal(r.why, "unreachable");
	for (int i = 0; i < 50; i++)
		path_on_send(r.p, t(101 + i));
	assert_int_equal(r.n_pings, 1); /* only the first one, of t = 0 */
	path_on_send(r.p, t(5000));
	assert_int_equal(r.n_pings, 2);
	path_free(r.p);
}

static void rebind_forgets_outstanding_pings(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	path_on_send(r.p, t(0));
	path_on_rebind(r.p, t(10));
	assert_int_equal(answer(&r, 20, 0), PATH_UNKNOWN_TXID);
	path_on_send(r.p, t(30));
	assert_int_equal(answer(&r, 40, 1), PATH_OK);
	assert_true(ep_is_set(path_view(r.p).best));
	path_free(r.p);
}

static void a_rebind_looks_for_peers_in_use(void **state)
{
	struct rec r;
	(void)state;
	make_direct(&r);
	path_on_rebind(r.p, t(1000));
	run_to(&r, 1000);
	assert_int_equal(r.n_pings, 2);
	assert_int_equal(r.cmms, 2);
	assert_int_equal(answer(&r, 1020, 1), PATH_OK);
	assert_true(ep_is_set(path_view(r.p).best));
	path_free(r.p);
	make_direct(&r);
	run_to(&r, 60000); /* idle: no more heartbeats */
	size_t before = r.n_pings;
	path_on_rebind(r.p, t(60000));
	run_to(&r, 70000);
	assert_int_equal(r.n_pings, before);
	path_free(r.p);
}

static void pongs_over_derp_make_no_path(void **state)
{
	struct rec r;
	struct path_dest derp = { .region = 1 };
	(void)state;
	start(&r, 1, 1);
	path_on_send(r.p, t(0));
	assert_int_equal(path_on_pong(r.p, t(5), &derp, &r.pings[0].txid), PATH_OK);
	assert_false(ep_is_set(path_view(r.p).best));
	path_free(r.p);
}

static void pong_for_a_removed_candidate(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	path_on_send(r.p, t(0));
	netmap(&r, 1, NULL, 0, 1, false);
	assert_int_equal(answer(&r, 5, 0), PATH_STALE);
	assert_false(ep_is_set(path_view(r.p).best));
	path_free(r.p);
}

static void ping_back_at_once(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	path_on_send(r.p, t(0));
	assert_int_equal(r.n_pings, 1);
	assert_int_equal(ping_from(&r, 50, ep(1, 41641), 1), PATH_OK);
	assert_int_equal(r.n_pings, 2); /* the 5 s limit does not hold it back */
	assert_int_equal(ping_from(&r, 60, ep(1, 41641), 2), PATH_OK);
	assert_int_equal(r.n_pings, 2); /* but once per 5 s */
	assert_int_equal(ping_from(&r, 5050, ep(1, 41641), 3), PATH_OK);
	assert_int_equal(r.n_pings, 3);
	assert_int_equal(answer(&r, 5060, 2), PATH_OK);
	assert_int_equal(ping_from(&r, 10100, ep(1, 41641), 4), PATH_OK);
	assert_int_equal(r.n_pings, 3); /* trusted: nothing to find out */
	assert_int_equal(r.pongs, 4);
	path_free(r.p);
}

static void eager_after_joining(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	r.node.joined_at = t(0);
	path_on_send(r.p, t(0));
	run_to(&r, 4900);
	assert_int_equal(r.n_pings, 5); /* 0, 1, 2, 3, 4 s */
	assert_int_equal(r.cmms, 5);
	path_on_heard(r.p, t(4900), ep(1, 41641));
	run_to(&r, 10900); /* the rhythm of others from now on */
	assert_int_equal(r.n_pings, 5);
	run_to(&r, 11000);
	assert_int_equal(r.n_pings, 6);
	path_free(r.p);
	start(&r, 1, 1);
	r.node.joined_at = t(-11000); /* too long ago */
	path_on_send(r.p, t(0));
	run_to(&r, 4900);
	assert_int_equal(r.n_pings, 1);
	path_free(r.p);
}

static void call_me_maybe_floods_are_limited(void **state)
{
	struct rec r;
	int ok = 0;
	(void)state;
	start(&r, 0, 1);
	for (int i = 0; i < 500; i++) {
		struct ep e = ep(1, (uint16_t)(1000 + i));
		ok += path_on_cmm(r.p, t(i), &e, 1) == PATH_OK;
	}
	assert_int_equal(ok, PATH_CMM_BURST);
	assert_int_equal(r.n_pings, PATH_CMM_BURST);
	struct ep e = ep(1, 2);
	assert_int_equal(path_on_cmm(r.p, t(6000), &e, 1), PATH_OK);
	assert_int_equal(path_on_cmm(r.p, t(6001), &e, 1), PATH_LIMITED);
	path_free(r.p);
}

/* Direct by ep(1); then a call with that address and a new one, both of which are pinged. */
static size_t called_while_direct(struct rec *r)
{
	struct ep both[] = { ep(1, 41641), ep(2, 41641) };
	make_direct(r);
	assert_int_equal(path_on_cmm(r->p, t(1000), both, 2), PATH_OK);
	for (size_t i = 1; i < r->n_pings; i++)
		if (ep_eq(r->pings[i].to.ep, both[1]))
			return i;
	fail();
	return 0;
}

static struct ep best_of(const struct rec *r)
{
	return path_view(r->p).best;
}

static void a_call_moves_off_a_dead_path(void **state)
{
	struct rec r;
	(void)state;
	size_t new = called_while_direct(&r);
	assert_int_equal(answer(&r, 1030, new), PATH_OK);
	run_to(&r, 1199);
	assert_true(ep_eq(best_of(&r), ep(1, 41641)));
	run_to(&r, 1200);
	assert_true(ep_eq(best_of(&r), ep(2, 41641)));
	assert_true(path_on_send(r.p, t(1201)).region == 0); /* trusted */
	path_free(r.p);
}

static void a_call_leaves_a_living_path(void **state)
{
	struct rec r;
	(void)state;
	size_t new = called_while_direct(&r);
	assert_int_equal(answer(&r, 1020, new), PATH_OK);
	assert_int_equal(answer(&r, 1040, 3 - new), PATH_OK);
	int moved = r.moved;
	run_to(&r, 1500);
	assert_true(ep_eq(best_of(&r), ep(1, 41641)));
	assert_int_equal(path_on_send(r.p, t(7539)).region, 0); /* trusted as of that answer */
	assert_int_equal(r.moved, moved);
	path_free(r.p);
}

/* Nothing answers: the relay gets a copy long before trust would end by itself. */
static void a_call_brings_the_relay_in(void **state)
{
	struct rec r;
	(void)state;
	called_while_direct(&r);
	assert_int_equal(path_on_send(r.p, t(1199)).region, 0);
	run_to(&r, 1200);
	struct path_route to = path_on_send(r.p, t(1201));
	assert_true(to.region == 1 && ep_eq(to.udp, ep(1, 41641)));
	path_free(r.p);
}

/* A slow path gets time for its answer, but not for ever; calls do not prolong that. */
static void doubt_follows_the_latency(void **state)
{
	static const struct {
		int latency_ms, doubt_ms;
	} v[] = { { 20, 200 }, { 100, 300 }, { 2000, 1000 } };
	struct ep e = ep(1, 41641);
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct rec r;
		start(&r, 1, 1);
		path_on_send(r.p, t(-v[i].latency_ms));
		assert_int_equal(answer(&r, 0, 0), PATH_OK);
		assert_int_equal(path_on_cmm(r.p, t(0), &e, 1), PATH_OK);
		assert_int_equal(path_on_cmm(r.p, t(v[i].doubt_ms / 2), &e, 1), PATH_OK);
		run_to(&r, v[i].doubt_ms - 1);
		struct path_view view = path_view(r.p);
		assert_true(path_view_trusted(&view, t(v[i].doubt_ms - 1)));
		run_to(&r, v[i].doubt_ms);
		assert_true(mono_is_zero(path_view(r.p).trusted_until));
		path_free(r.p);
	}
}

static void candidates_are_capped(void **state)
{
	struct rec r;
	struct path_status st;
	(void)state;
	start(&r, 2, 1);
	r.node.ping_back = false;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ping_from(&r, i, ep(5, (uint16_t)(1 + i)), 1), PATH_OK);
	path_status(r.p, t(1000), &st);
	assert_int_equal(st.n_candidates, PATH_CANDIDATES_MAX);
	/* the netmap's are still there: pinged with all others */
	path_on_send(r.p, t(1000));
	int from_netmap = 0;
	for (size_t i = 0; i < r.n_pings; i++)
		from_netmap += r.pings[i].to.ep.port == 41641;
	assert_int_equal(from_netmap, 2);
	path_free(r.p);
}

static void expired_peer_gets_nothing(void **state)
{
	struct rec r;
	struct ep e = ep(1, 41641);
	(void)state;
	make_direct(&r);
	netmap(&r, 30, &e, 1, 1, true);
	struct path_route route = path_on_send(r.p, t(40));
	assert_true(route.expired);
	assert_false(ep_is_set(route.udp) || route.region);
	assert_true(path_view(r.p).expired);
	assert_int_equal(path_ping_start(r.p, t(50), 0, &r), -ERR_NOENT);
	size_t before = r.n_pings;
	run_to(&r, 60000);
	assert_int_equal(r.n_pings, before);
	path_free(r.p);
}

static void no_udp_means_derp_only(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 2, 1);
	r.node.no_udp = true;
	struct path_route route = path_on_send(r.p, t(0));
	assert_int_equal(route.region, 1);
	run_to(&r, 60000);
	assert_int_equal(r.n_pings, 0);
	path_free(r.p);
}

static void silent_disco(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	r.node.silent_disco = true;
	path_on_send(r.p, t(0));
	answer(&r, 20, 0);
	run_to(&r, 6000);
	assert_int_equal(r.n_pings, 1);
	path_on_heard(r.p, t(6000), ep(2, 41641));
	assert_int_equal(path_view(r.p).trusted_until.ns, t(6520).ns);
	path_on_heard(r.p, t(6000), ep(1, 41641));
	assert_int_equal(path_view(r.p).trusted_until.ns, t(12500).ns);
	path_free(r.p);
}

static void cli_ping_before_and_after_trust(void **state)
{
	struct rec r;
	int token;
	(void)state;
	start(&r, 2, 1);
	assert_int_equal(path_ping_start(r.p, t(0), PATH_CLI_SIZE_MAX + 1, &token), -ERR_TOOBIG);
	assert_int_equal(path_ping_start(r.p, t(0), 0, &token), 0);
	assert_int_equal(r.n_pings, 3); /* DERP and both candidates */
	assert_int_equal(r.pings[0].to.region, 1);
	assert_int_equal(answer(&r, 30, 0), PATH_OK);
	assert_int_equal(r.n_cli, 1);
	assert_int_equal(r.cli[0].via.region, 1);
	assert_ptr_equal(r.cli[0].token, &token);
	assert_int_equal(answer(&r, 40, 1), PATH_OK); /* also a path */
	assert_int_equal(r.n_cli, 2);
	assert_true(ep_eq(path_view(r.p).best, r.pings[1].to.ep));
	path_ping_stop(r.p, &token);
	assert_int_equal(answer(&r, 50, 2), PATH_OK);
	assert_int_equal(r.n_cli, 2);
	assert_int_equal(path_ping_start(r.p, t(100), 0, &token), 0);
	assert_int_equal(r.n_pings, 4); /* the trusted one alone */
	assert_int_equal(path_ping_start(r.p, t(200), 1400, &token), 0);
	assert_int_equal(r.n_pings, 6); /* too large for the path: DERP as well */
	assert_int_equal(r.pings[4].size, 1400);
	path_free(r.p);
	start(&r, 0, 0);
	assert_int_equal(path_ping_start(r.p, t(0), 0, &token), -ERR_NOENT);
	path_free(r.p);
}

static void activity_keeps_the_heartbeat(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	assert_true(mono_is_never(path_deadline(r.p)));
	path_on_activity(r.p, t(0));
	assert_int_equal(path_deadline(r.p).ns, t(3000).ns);
	run_to(&r, 30000);
	path_on_activity(r.p, t(30000));
	run_to(&r, 75000);
	assert_false(mono_is_never(path_deadline(r.p)));
	run_to(&r, 90000);
	assert_true(mono_is_never(path_deadline(r.p))); /* idle: nothing armed */
	path_free(r.p);
}

static void call_me_maybe_waits_for_endpoints(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 1, 1);
	r.node.endpoints_at = MONO_ZERO;
	path_on_send(r.p, t(0));
	path_on_send(r.p, t(6000));
	assert_int_equal(r.cmms, 0);
	assert_int_equal(r.wants, 2);
	path_node_endpoints_fresh(&r.node, t(6100));
	assert_int_equal(r.cmms, 1);
	path_node_endpoints_fresh(&r.node, t(6200));
	assert_int_equal(r.cmms, 1);
	path_free(r.p);
	/* freed while it waits */
	start(&r, 1, 1);
	r.node.endpoints_at = MONO_ZERO;
	path_on_send(r.p, t(0));
	path_free(r.p);
	path_node_endpoints_fresh(&r.node, t(1));
	assert_int_equal(r.cmms, 0);
}

static void home_change_is_published(void **state)
{
	struct rec r;
	(void)state;
	start(&r, 0, 1);
	int before = r.extended;
	netmap(&r, 10, NULL, 0, 1, false);
	assert_int_equal(r.extended, before);
	netmap(&r, 10, NULL, 0, 2, false);
	assert_int_equal(r.extended, before + 1);
	assert_int_equal(path_view(r.p).region, 2);
	path_free(r.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_addresses),
		cmocka_unit_test(trust_ends_after_6500_ms),
		cmocka_unit_test(unreachable_clears_without_spraying),
		cmocka_unit_test(rebind_forgets_outstanding_pings),
		cmocka_unit_test(a_rebind_looks_for_peers_in_use),
		cmocka_unit_test(pongs_over_derp_make_no_path),
		cmocka_unit_test(pong_for_a_removed_candidate),
		cmocka_unit_test(ping_back_at_once),
		cmocka_unit_test(eager_after_joining),
		cmocka_unit_test(call_me_maybe_floods_are_limited),
		cmocka_unit_test(a_call_moves_off_a_dead_path),
		cmocka_unit_test(a_call_leaves_a_living_path),
		cmocka_unit_test(a_call_brings_the_relay_in),
		cmocka_unit_test(doubt_follows_the_latency),
		cmocka_unit_test(candidates_are_capped),
		cmocka_unit_test(expired_peer_gets_nothing),
		cmocka_unit_test(no_udp_means_derp_only),
		cmocka_unit_test(silent_disco),
		cmocka_unit_test(cli_ping_before_and_after_trust),
		cmocka_unit_test(activity_keeps_the_heartbeat),
		cmocka_unit_test(call_me_maybe_waits_for_endpoints),
		cmocka_unit_test(home_change_is_published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
