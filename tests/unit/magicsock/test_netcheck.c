/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run of probes on a simulated clock, and the text of a report. */
#include "tests/lib/cm.h"

#include "base/alloc.h"
#include "magicsock/netcheck_text.h"

#include <stdio.h>

#define PROBES_MAX 64

struct probe {
	int region;
	size_t node;
	enum ip_family fam;
	struct stun_txid txid;
	int64_t at_ms;
};

struct sim {
	struct rng_seeded rng;
	struct derp_map *map;
	struct nc_run *run;
	int64_t ms;
	struct probe probes[PROBES_MAX];
	size_t n;
	bool cannot_send;
};

static mono_t t(int64_t ms)
{
	return mono_add_ms(MONO_ZERO, 1000000 + ms);
}

static struct ep server(int region)
{
	return (struct ep){ ip_v4(192, 0, 2, (uint8_t)region), 3478 };
}

static void probe(void *arg, const struct derp_region *region, size_t node, enum ip_family fam,
		  const struct stun_txid *txid)
{
	struct sim *s = arg;
	assert_true(s->n < PROBES_MAX);
	s->probes[s->n++] = (struct probe){ region->id, node, fam, *txid, s->ms };
	if (s->cannot_send)
		nc_run_not_sent(s->run, txid);
	else
		nc_run_sent(s->run, t(s->ms), txid, server(region->id));
}
static const struct nc_run_ops ops = { probe };

static void start(struct sim *s, int regions, bool v6)
{
	memset(s, 0, sizeof(*s));
	rng_seeded_init(&s->rng, 4);
	s->map = derp_map_new();
	for (int i = 1; i <= regions; i++) {
		struct derp_region *r = derp_map_add(s->map, i);
		r->code = xasprintf("r%d", i);
		r->name = xasprintf("Region %d", i);
		derp_region_add_node(r);
	}
	struct nc_plan_in in = { .map = s->map, .have_v4 = true, .have_v6 = v6 };
	s->run = nc_run_new(t(0), &in, false, &s->rng.rng, &ops, s);
}

static void stop(struct sim *s)
{
	nc_run_free(s->run);
	derp_map_free(s->map);
}

static void run_to(struct sim *s, int64_t ms)
{
	for (; s->ms <= ms; s->ms++)
		if (mono_due(nc_run_deadline(s->run), t(s->ms)))
			nc_run_tick(s->run, t(s->ms));
	s->ms = ms;
}

static bool answer(struct sim *s, size_t i, struct ep from, const char *seen)
{
	uint8_t out[STUN_RESPONSE_MAX];
	struct ep ep;
	assert_int_equal(ep_decode(span_str(seen), &ep), 0);
	size_t n = stun_response_build(&s->probes[i].txid, ep, out);
	return nc_run_on_stun(s->run, t(s->ms), from, span_of(out, n));
}

static void answers_end_the_run(void **state)
{
	struct sim s;
	(void)state;
	start(&s, 2, false);
	run_to(&s, 0);
	assert_int_equal(s.n, 2);
	run_to(&s, 20);
	assert_true(answer(&s, 0, server(1), "198.51.100.1:1000"));
	assert_false(nc_run_stun_done(s.run));
	run_to(&s, 30);
	assert_true(answer(&s, 1, server(2), "198.51.100.1:1000"));
	assert_true(nc_run_stun_done(s.run));
	const struct nc_report *r = nc_run_report(s.run);
	assert_int_equal(nc_report_region(r, 1)->latency_ns, 20 * NS_PER_MS);
	assert_int_equal(nc_report_region(r, 2)->v4_ns, 30 * NS_PER_MS);
	assert_int_equal(nc_report_region(r, 2)->v6_ns, -1);
	assert_int_equal(r->mapping_varies, NC_FALSE);
	assert_true(r->udp && r->ipv4 && r->ipv4_can_send && !r->ipv6_can_send);
	stop(&s);
}

static void wrong_answers_count_for_nothing(void **state)
{
	struct sim s;
	uint8_t out[STUN_RESPONSE_MAX];
	struct stun_txid other = { { 1 } };
	(void)state;
	start(&s, 1, false);
	run_to(&s, 5);
	assert_false(answer(&s, 0, server(9), "198.51.100.1:1000")); /* from elsewhere */
	size_t n = stun_response_build(&other, server(1), out);
	assert_false(nc_run_on_stun(s.run, t(5), server(1), span_of(out, n)));
	assert_false(nc_run_on_stun(s.run, t(5), server(1), span_str("junk")));
	assert_false(nc_run_report(s.run)->udp);
	assert_true(answer(&s, 0, server(1), "198.51.100.1:1000"));
	assert_false(answer(&s, 0, server(1), "198.51.100.9:1")); /* twice */
	assert_int_equal(nc_run_report(s.run)->n_global4, 1);
	stop(&s);
}

static void silence_ends_after_three_seconds(void **state)
{
	struct sim s;
	(void)state;
	start(&s, 1, false);
	run_to(&s, 2999);
	assert_int_equal(s.n, 3); /* 0, 100, 200 ms */
	assert_int_equal(s.probes[2].at_ms, 200);
	assert_false(nc_run_stun_done(s.run));
	run_to(&s, 3000);
	assert_true(nc_run_stun_done(s.run));
	stop(&s);
}

static void nothing_can_be_sent(void **state)
{
	struct sim s;
	(void)state;
	start(&s, 1, false);
	s.cannot_send = true;
	run_to(&s, 250);
	assert_true(nc_run_stun_done(s.run));
	assert_false(nc_run_report(s.run)->ipv4_can_send);
	stop(&s);
}

/* Three regions are enough: the others get twice the slowest latency. */
static void three_are_enough(void **state)
{
	struct sim s;
	(void)state;
	start(&s, 6, false);
	run_to(&s, 10);
	answer(&s, 0, server(1), "198.51.100.1:1");
	answer(&s, 1, server(2), "198.51.100.1:1");
	run_to(&s, 40);
	answer(&s, 2, server(3), "198.51.100.1:1");
	run_to(&s, 119);
	assert_false(nc_run_stun_done(s.run));
	run_to(&s, 120);
	assert_true(nc_run_stun_done(s.run));
	stop(&s);
}

/* Mapping variance is known after two answers: later tries of answered regions are left out. */
static void answered_regions_are_left_alone(void **state)
{
	struct sim s;
	(void)state;
	start(&s, 2, true);
	run_to(&s, 1);
	assert_int_equal(s.n, 4);
	answer(&s, 0, server(1), "198.51.100.1:1");
	answer(&s, 2, server(2), "198.51.100.1:2");
	assert_int_equal(nc_run_report(s.run)->mapping_varies, NC_TRUE);
	run_to(&s, 100);
	assert_int_equal(s.n, 6); /* IPv6 has no answer yet: goes on */
	assert_int_equal(s.probes[4].fam, IP_V6);
	answer(&s, 4, server(1), "[2001:db8::1]:5");
	run_to(&s, 300);
	assert_int_equal(s.n, 6); /* region 2 has an answer, and IPv6 is known to work */
	assert_true(nc_run_stun_done(s.run));
	stop(&s);
}

static void globals_for_endpoints(void **state)
{
	static const char *const seen[] = {
		"198.51.100.1:1", "198.51.100.1:2",  "198.51.100.1:3",
		"198.51.100.1:2", "[2001:db8::1]:1", "[2001:db8::2]:1"
	};
	struct nc_report *r = nc_report_new();
	struct ep out[8], ep;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		assert_int_equal(ep_decode(span_str(seen[i]), &ep), 0);
		nc_report_add_global(r, ep);
	}
	assert_int_equal(nc_report_globals(r, IP_V4, out, 8), 2);
	assert_int_equal(out[0].port, 1);
	assert_int_equal(out[1].port, 2);
	assert_int_equal(nc_report_globals(r, IP_V6, out, 8), 1);
	assert_int_equal(out[0].ip.b[15], 2);
	for (uint16_t i = 0; i < 100; i++) { /* bounded */
		ep.ip = ip_v4(203, 0, 113, 1);
		ep.port = i;
		nc_report_add_global(r, ep);
	}
	assert_int_equal(r->n_global4, NETCHECK_GLOBALS_MAX);
	nc_report_free(r);
}

static void full_or_incremental(void **state)
{
	struct nc_history *h = nc_history_new();
	struct nc_report *r = nc_report_new();
	struct nc_home_in in = { .full = true, .started = t(0) };
	(void)state;
	assert_true(nc_history_want_full(h, t(0)));
	r->udp = true;
	nc_history_add(h, t(0), r, &in);
	assert_false(nc_history_want_full(h, t(300000)));
	assert_true(nc_history_want_full(h, t(300001)));
	in.full = false;
	nc_history_add(h, t(299000), r, &in);
	assert_true(nc_history_want_full(h, t(300001)));
	r->udp = false;
	r->captive_portal = NC_TRUE;
	nc_history_add(h, t(1000), r, &in);
	assert_true(nc_history_want_full(h, t(1000)));
	for (int i = 0; i < 1000; i++)
		nc_history_add(h, t(1000), r, &in);
	nc_history_reset(h);
	assert_null(nc_history_last(h));
	nc_history_free(h);
	nc_report_free(r);
}

static int home_after(int64_t old_ms, int64_t other_ms)
{
	struct nc_history *h = nc_history_new();
	struct nc_home_in in = { .started = t(0) };
	int home = 0;
	for (int i = 0; i < 2; i++) {
		struct nc_report *r = nc_report_new();
		nc_report_add_latency(r, 1, IP_V4, old_ms * NS_PER_MS);
		nc_report_add_latency(r, 2, IP_V4, (i ? other_ms : 1000) * NS_PER_MS);
		nc_history_add(h, t(i * 1000), r, &in);
		home = r->preferred_derp;
		nc_report_free(r);
	}
	nc_history_free(h);
	return home;
}

static void a_third_better_moves_the_home(void **state)
{
	(void)state;
	assert_int_equal(home_after(90, 61), 1);
	assert_int_equal(home_after(90, 60), 2);
	assert_int_equal(home_after(12, 3), 1); /* a lot better, but less than 10 ms */
	assert_int_equal(home_after(12, 2), 2);
}

static mono_t just_heard(void *arg, int region)
{
	(void)arg;
	return region == 1 ? t(1000) : MONO_ZERO;
}

/* The old home is heard to the last moment, but a relay map without it has come. */
static void a_home_that_left_the_map_is_given_up(void **state)
{
	struct nc_history *h = nc_history_new();
	struct nc_report *r = nc_report_new();
	struct derp_map *map = derp_map_new();
	struct nc_home_in in = { .started = t(0), .heard = just_heard, .map = map };
	(void)state;
	derp_map_add(map, 1);
	nc_report_add_latency(r, 1, IP_V4, NS_PER_MS);
	nc_history_add(h, t(0), r, &in);
	assert_int_equal(r->preferred_derp, 1);
	nc_report_free(r);

	derp_map_free(map);
	in.map = map = derp_map_new();
	derp_map_add(map, 2);
	r = nc_report_new();
	nc_history_add(h, t(1000), r, &in);
	assert_int_equal(r->preferred_derp, 0);
	nc_report_add_latency(r, 2, IP_V4, 3 * NS_PER_MS);
	nc_history_add(h, t(1000), r, &in);
	assert_int_equal(r->preferred_derp, 2);
	nc_report_free(r);
	nc_history_free(h);
	derp_map_free(map);
}

static void text_of_a_report(void **state)
{
	static const char want[] = "\nReport:\n"
				   "\t* Time: 2023-11-14 22:13:20.5Z\n"
				   "\t* UDP: true\n"
				   "\t* IPv4: yes, 198.51.100.1:1000\n"
				   "\t* IPv6: no, but OS has support\n"
				   "\t* MappingVariesByDestIP: \n"
				   "\t* PortMapping: UPnP, PCP\n"
				   "\t* Nearest DERP: Region 2\n"
				   "\t* DERP latency:\n"
				   "\t\t-  r2: 900µs   (Region 2)\n"
				   "\t\t-  r3: 20.1ms  (Region 3)\n"
				   "\t\t-  r4: 1.2346s (Region 4)\n"
				   "\t\t-  r1:         (Region 1)\n";
	struct sim s;
	struct nc_report *r = nc_report_new();
	struct ep ep;
	struct buf out;
	(void)state;
	start(&s, 4, false);
	buf_init(&out, 1 << 16);
	r->now = (wall_t){ 1700000000, 500000000 };
	r->os_has_ipv6 = true;
	r->upnp = r->pcp = NC_TRUE;
	r->preferred_derp = 2;
	assert_int_equal(ep_decode(span_str("198.51.100.1:1000"), &ep), 0);
	nc_report_add_global(r, ep);
	nc_report_add_latency(r, 3, IP_V4, 20149000);
	nc_report_add_latency(r, 2, IP_V4, 870000);
	nc_report_add_latency(r, 4, IP_V4, 1234567890);
	netcheck_report_text(r, s.map, true, &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_reset(&out);
	nc_report_free(r);
	r = nc_report_new();
	r->ipv6_can_send = true;
	r->captive_portal = NC_FALSE;
	netcheck_report_text(r, NULL, false, &out);
	assert_non_null(strstr(buf_cstr(&out), "unknown (no response to latency probes)\n"));
	assert_non_null(strstr(buf_cstr(&out), "PortMapping: not checked\n"));
	assert_non_null(strstr(buf_cstr(&out), "IPv4: (no addr found)\n"));
	assert_non_null(strstr(buf_cstr(&out), "IPv6: (no addr found)\n"));
	assert_non_null(strstr(buf_cstr(&out), "CaptivePortal: false\n"));
	buf_fini(&out);
	nc_report_free(r);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_end_the_run),
		cmocka_unit_test(wrong_answers_count_for_nothing),
		cmocka_unit_test(silence_ends_after_three_seconds),
		cmocka_unit_test(nothing_can_be_sent),
		cmocka_unit_test(three_are_enough),
		cmocka_unit_test(answered_regions_are_left_alone),
		cmocka_unit_test(globals_for_endpoints),
		cmocka_unit_test(full_or_incremental),
		cmocka_unit_test(a_third_better_moves_the_home),
		cmocka_unit_test(a_home_that_left_the_map_is_given_up),
		cmocka_unit_test(text_of_a_report),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
